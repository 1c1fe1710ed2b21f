"""LogPerplexityTest: reference values, formulas by hand, martingales, input, size and power."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divest import TrustWarning
from divest.goodness_of_fit import _surprise
from divest.goodness_of_fit._surprise import TILTS, log_evalues, surprise_moments
from divest.goodness_of_fit.log_perplexity import LogPerplexityTest


def predictions(n, K, rng):
    logits = np.exp(rng.normal(size=(n, K)))
    return logits / logits.sum(axis=1, keepdims=True)


def outcomes(P, rng):
    return (P.cumsum(axis=1) < rng.random((len(P), 1))).sum(axis=1).clip(max=P.shape[1] - 1)


def cooler(P, temperature=0.8):
    Q = P**(1 / temperature)
    return Q / Q.sum(axis=1, keepdims=True)


@pytest.fixture
def sample():
    rng = np.random.default_rng(1)
    P = predictions(300, 6, rng)
    return P, outcomes(P, rng)


# ------------------------------------------------------------ formulas
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # 40 symbols are few
def test_reference_values():
    """Those of the slow implementation, on probabilities without random numbers."""
    P = ((np.arange(1, 161) + 0.5) * 2**0.5 % 1.0).reshape(40, 4) + 0.1
    P /= P.sum(axis=1, keepdims=True)
    test = LogPerplexityTest().fit(P, np.arange(40) * 7 % 4)
    assert_allclose(test.z_, 5.5249749014896095, rtol=1e-12)
    log_path = np.log(test.evalue_path_)
    assert_allclose([log_path[-1], log_path.max()], [6.69557379960807, 6.871769711224282],
                    rtol=1e-12)
    assert_allclose(test.evalue_pvalue_, np.exp(-6.871769711224282), rtol=1e-12)


def test_by_hand():
    P, y = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6]]), [1, 1, 2]
    with pytest.warns(TrustWarning, match="normal_limit"):
        test = LogPerplexityTest().fit(P, y)
    entropies = [1.5 * np.log(2), -0.1 * np.log(0.1) - 0.9 * np.log(0.9),
                 -0.4 * np.log(0.2) - 0.6 * np.log(0.6)]
    seconds = [0.5 * np.log(2)**2 + 0.5 * np.log(4)**2,
               0.1 * np.log(0.1)**2 + 0.9 * np.log(0.9)**2,
               0.4 * np.log(0.2)**2 + 0.6 * np.log(0.6)**2]
    variance = sum(seconds) - sum(h**2 for h in entropies)
    surprise = -np.log(0.25) - np.log(0.9) - np.log(0.6)
    assert_allclose(test.z_, (surprise - sum(entropies)) / variance**0.5, rtol=1e-12)
    assert_allclose(test.log_perplexity_, surprise / 3)
    assert_allclose(test.entropy_, np.mean(entropies))
    path = [np.mean([np.prod([P[t, y[t]]**-s / sum(p**(1 - s) for p in P[t] if p > 0)
                              for t in range(stop)]) for s in TILTS]) for stop in (1, 2, 3)]
    assert_allclose(test.evalue_path_, path, rtol=1e-12)
    assert test.pvalue_ == min(1.0, 2 * min(test.normal_pvalue_, test.evalue_pvalue_))


def test_every_evalue_has_mean_one():
    """Over all sequences of three symbols, where predictions depend on what came before."""
    first = np.array([0.7, 0.2, 0.1])
    rows = {0: np.array([0.5, 0.5, 0.0]), 1: np.array([0.1, 0.3, 0.6]), 2: np.ones(3) / 3}
    mean = np.zeros(3)
    for y in itertools.product(range(3), repeat=3):
        P = np.array([first, rows[y[0]], rows[y[1]]])
        seen = P[np.arange(3), y]
        if seen.all():
            mean += seen.prod() * np.exp(log_evalues(P, -np.log(seen)))
    assert_allclose(mean, 1.0, rtol=1e-12)


def test_moments_against_all_outcomes(sample):
    P = sample[0][:4]
    entropy, variance, fourth = surprise_moments(P)
    for t, p in enumerate(P):
        away = -np.log(p) - entropy[t]
        assert_allclose([p @ away, p @ away**2, p @ away**4], [0, variance[t], fourth[t]],
                        rtol=1e-10, atol=1e-14)


def test_blocks_of_rows_make_no_difference(sample, monkeypatch):
    whole = LogPerplexityTest().fit(*sample)
    monkeypatch.setattr(_surprise, "_BLOCK", 50)
    parts = LogPerplexityTest().fit(*sample)
    assert_array_equal(parts.evalue_path_, whole.evalue_path_)
    assert parts.z_ == whole.z_


# ------------------------------------------------------------ laws
def test_path_does_not_know_what_comes_later(sample):
    P, y = sample
    whole, part = (LogPerplexityTest("evalue").fit(P[:n], y[:n]) for n in (300, 120))
    assert_allclose(part.evalue_path_, whole.evalue_path_[:120], rtol=1e-12)
    assert part.pvalue_ >= whole.pvalue_


def test_names_of_symbols_do_not_matter(sample):
    P, y = sample
    order = np.array([3, 0, 5, 1, 4, 2])
    renamed = LogPerplexityTest().fit(P[:, order], np.argsort(order)[y])
    assert_allclose(renamed.evalue_path_, LogPerplexityTest().fit(P, y).evalue_path_, rtol=1e-10)


def test_sign_says_whether_predictions_are_too_sure(sample):
    P, y = sample
    sure, unsure = (LogPerplexityTest().fit(cooler(P, t), y) for t in (0.5, 2.0))
    assert sure.z_ > 3
    assert unsure.z_ < -3
    assert max(sure.pvalue_, unsure.pvalue_) < 0.01
    assert sure.log_perplexity_ > sure.entropy_


@pytest.mark.parametrize("method", ["normal", "evalue", "both"])
def test_what_each_method_gives(method, sample):
    test = LogPerplexityTest(method).fit(*sample)
    assert hasattr(test, "z_") == (method != "evalue")
    assert hasattr(test, "evalue_path_") == (method != "normal")
    assert tuple(test.result_) == (test.statistic_, test.pvalue_)
    expected = {"normal": lambda: abs(test.z_), "both": lambda: -np.log(test.pvalue_),
                "evalue": lambda: np.log(test.evalue_path_.max())}
    assert_allclose(test.statistic_, expected[method]())
    assert test.result_.pvalue_interval() == (test.pvalue_, test.pvalue_)
    assert test.null_distribution_.shape == (0,)


def test_refit_forgets_the_other_method(sample):
    test = LogPerplexityTest().fit(*sample).set_params(method="normal").fit(*sample)
    assert not hasattr(test, "evalue_path_")


# ------------------------------------------------------------ edges
def test_impossible_event():
    P, y = np.tile([0.5, 0.5, 0.0], (60, 1)), np.zeros(60, dtype=int)
    P[::2] = [0.25, 0.25, 0.5]
    y[31] = 2
    for method in ("normal", "evalue", "both"):
        with pytest.warns(TrustWarning, match="first at row 31"):
            test = LogPerplexityTest(method).fit(P, y)
        assert test.pvalue_ == 0.0
        assert test.statistic_ == np.inf
        assert test.log_perplexity_ == np.inf
    assert np.isfinite(test.evalue_path_[:31]).all()
    assert np.isinf(test.evalue_path_[31:]).all()


@pytest.mark.parametrize("P", [np.full((100, 7), 1 / 7), np.tile([1.0, 0.0], (100, 1))])
def test_nothing_to_be_surprised_at(P):
    """Even odds, or no chance at all: neither test can say anything."""
    with pytest.warns(TrustWarning, match="too even"):
        test = LogPerplexityTest().fit(P, np.zeros(100, dtype=int))
    assert test.z_ == 0.0
    assert test.pvalue_ == 1.0
    assert_allclose(test.evalue_path_, 1.0, rtol=1e-10)


def test_rare_events_are_not_normal():
    rng = np.random.default_rng(0)
    P = np.tile([0.999, 0.001], (2000, 1))
    with pytest.warns(TrustWarning, match="a few rare ones"):
        LogPerplexityTest("normal").fit(P, outcomes(P, rng))
    LogPerplexityTest("evalue").fit(P, outcomes(P, rng))


def test_evidence_beyond_the_range_of_numbers():
    P = np.tile([1e-6, 1 - 1e-6], (400, 1))
    test = LogPerplexityTest("evalue").fit(P, np.zeros(400, dtype=int))
    assert test.statistic_ > 3000
    assert 0 < test.pvalue_ < 1e-300
    assert np.isfinite(test.evalue_path_).all()
    with pytest.warns(TrustWarning):
        assert LogPerplexityTest("normal").fit(P, np.zeros(400, dtype=int)).pvalue_ > 0


# ------------------------------------------------------------ input
def test_frames_and_lists(sample):
    P, y = sample
    frame = pd.DataFrame(P, columns=list("abcdef"))
    test = LogPerplexityTest().fit(frame, pd.Series(y))
    assert test.pvalue_ == LogPerplexityTest().fit(P.tolist(), y.tolist()).pvalue_
    assert list(test.feature_names_in_) == list("abcdef")
    event = LogPerplexityTest().fit(np.tile([0.4, 0.6], (300, 1)), y > 2)
    assert event.pvalue_ == LogPerplexityTest().fit(np.tile([0.4, 0.6], (300, 1)),
                                                    (y > 2).astype(float)).pvalue_


@pytest.mark.parametrize(("change", "match"), [
    (lambda P, y: (2 * P, y), "row 0 sums to 2"),
    (lambda P, y: (P.astype(np.float32), y), "P / P.sum"),
    (lambda P, y: (P - 0.2, y), "row 0, column"),
    (lambda P, y: (P * np.nan, y), "NaN"),
    (lambda P, y: (P[:, :1], y), "np.column_stack"),
    (lambda P, y: (P[:, 0], y), "2D array"),
    (lambda P, y: (P, None), "y to be passed"),
    (lambda P, y: (P, y[1:]), "one entry per row of P, 300; got 299"),
    (lambda P, y: (P, y + 1), "0 to 5; entry"),
    (lambda P, y: (P, y - 1), "0 to 5; entry"),
    (lambda P, y: (P, y + 0.5), "0 to 5; entry 0"),
    (lambda P, y: (P, np.array(list("abcdef"))[y]), "np.searchsorted"),
])
def test_bad_input(change, match, sample):
    with pytest.raises(ValueError, match=match):
        LogPerplexityTest().fit(*change(*sample))


def test_unknown_method(sample):
    with pytest.raises(ValueError, match="'normal', 'evalue', 'both'"):
        LogPerplexityTest("exact").fit(*sample)


# ------------------------------------------------------------ size and power
def fits(runs, n, temperature=1.0, K=50):
    for seed in range(runs):
        rng = np.random.default_rng([seed, n])
        P = predictions(n, K, rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrustWarning)
            yield LogPerplexityTest().fit(P, outcomes(cooler(P, temperature), rng))


@pytest.mark.slow
def test_size_and_stopping_when_one_likes():
    """Errors: .007 for the normal test; the largest e-value reaches 20 in one of 20 at most."""
    tests = list(fits(1000, 300))
    assert 0.03 <= np.mean([test.normal_pvalue_ <= 0.05 for test in tests]) <= 0.07
    assert np.mean([test.evalue_pvalue_ <= 0.05 for test in tests]) <= 0.05
    assert np.mean([test.pvalue_ <= 0.05 for test in tests]) <= 0.07


@pytest.mark.slow
def test_normal_test_does_not_allow_for_looking():
    rng, looked = np.random.default_rng(0), 0
    for _ in range(200):
        P = predictions(300, 50, rng)
        entropy, variance, _ = surprise_moments(P)
        excess = -np.log(P[np.arange(300), outcomes(P, rng)]) - entropy
        z = np.cumsum(excess) / np.sqrt(np.cumsum(variance))
        looked += np.abs(z[9:]).max() >= 1.96
    assert looked / 200 >= 0.2  # .30 with an error of .03


@pytest.mark.slow
def test_mean_of_an_evalue(monkeypatch):
    """E of s = 0.05 after 100 symbols, within 4 standard errors of 1."""
    monkeypatch.setattr(_surprise, "TILTS", np.array([0.05]))
    last = np.array([test.evalue_path_[-1] for test in fits(2000, 100)])
    assert last.std() > 0.1
    assert abs(last.mean() - 1) <= 4 * last.std() / 2000**0.5


@pytest.mark.slow
@pytest.mark.parametrize(("n", "normal", "evalue"), [(50, 0.3, 0.04), (300, 0.95, 0.7)])
def test_power_against_a_temperature(n, normal, evalue):
    """At 0.8; errors of .025, .014 at 50 symbols and .007, .02 at 300."""
    tests = list(fits(400, n, 0.8))
    assert np.mean([test.normal_pvalue_ <= 0.05 for test in tests]) >= normal
    assert np.mean([test.evalue_pvalue_ <= 0.05 for test in tests]) >= evalue
