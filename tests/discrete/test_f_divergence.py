"""f_divergence on counts: the method page's numbers, laws, coverage near and away from zero."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from divest.discrete import f_divergence
from divest.generators import resolve_generator
from divest.sample_complexity import kl_threshold

P, Q = (30, 50, 20, 0), (60, 90, 45, 5)
PAGE = {
    "kl": (0.0176692673, 0.0204394012, 0.0185979610),
    "reverse_kl": (0.0280815332, 0.0454086681, 0.0390407454),
    "jeffreys": (0.0457508005, 0.0658480693, 0.0569437263),
    "jensen_shannon": (0.0052068477, 0.0060822251, 0.0057980105),
    "chi_square": (0.0258685591, 0.0316021462, 0.0264125646),
    "hellinger": (0.0054456176, 0.0069816871, 0.0063820786),
    "power(-0.5)": (0.0380848626, 0.0864066104, 0.0654052087),
}


@pytest.mark.parametrize("name", PAGE)
def test_numbers_of_the_method_page(name):
    result = f_divergence(P, Q, name)
    assert_allclose([result.estimate, result.bias, result.standard_error], PAGE[name], atol=6e-11)


def test_renyi_through_its_link_agrees_with_finite_differences():
    a, b, s = np.array(P, float), np.array(Q, float), 0.5

    def value(p, q):
        return -2.0 * np.log(np.sum(np.sqrt(p * q)))

    p, q = (a + s) / (a + s).sum(), (b + s) / (b + s).sum()
    result = f_divergence(P, Q, "renyi(0.5)")
    assert_allclose(result.estimate, value(p, q))
    h, variance, bias = 1e-5, 0.0, 0.0
    for base, n, at in ((p, a.sum(), 0), (q, b.sum(), 1)):
        covariance = (np.diag(base) - np.outer(base, base)) / n
        steps = np.eye(4) * h

        def f(move, at=at):
            return value(p + move, q) if at == 0 else value(p, q + move)
        slope = np.array([(f(e) - f(-e)) / (2 * h) for e in steps])
        bend = np.array([[(f(e + g) - f(e - g) - f(g - e) + f(-e - g)) / (4 * h * h)
                          for g in steps] for e in steps])
        variance += slope @ covariance @ slope
        bias += 0.5 * np.sum(bend * covariance)
    # the plug-in is not normalised along `e`: both forms agree on directions that sum to 0
    assert_allclose(result.standard_error, np.sqrt(variance), rtol=5e-6)
    assert_allclose(result.bias, bias, rtol=1e-3)


def test_laws():
    assert_allclose(f_divergence(P, Q, "kl").estimate, f_divergence(Q, P, "reverse_kl").estimate,
                    rtol=1e-12)
    order = [2, 0, 3, 1]
    assert_allclose(f_divergence(np.take(P, order), np.take(Q, order)).estimate,
                    f_divergence(P, Q).estimate)
    assert f_divergence([*P, 0], [*Q, 0]).estimate == f_divergence(P, Q).estimate
    assert f_divergence([5, 5], [5, 5]).estimate == 0.0


def test_series_are_matched_by_index():
    left = pd.Series({"a": 30, "b": 50, "c": 20})
    right = pd.Series({"d": 5, "c": 45, "b": 90, "a": 60})
    assert_allclose(f_divergence(left, right).estimate, f_divergence(P, Q).estimate)


def test_total_variation_has_no_standard_error():
    result = f_divergence(P, Q, "total_variation")
    assert np.isnan(result.standard_error)
    assert np.isnan(result.confidence_interval()).all()


@pytest.mark.parametrize(("p", "q", "message"), [
    ([1, -1], [1, 1], "entry 1 is -1"), ([1.5, 1], [1, 1], "entry 0 is 1.5"),
    ([1, 2], [1, 2, 3], "same cells"), ([0, 0], [1, 2], "all zero"), ([], [1], "no counts"),
    ([np.nan, 1], [1, 1], "entry 0"),
])
def test_bad_counts_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        f_divergence(p, q)


def test_smoothing_must_be_positive():
    with pytest.raises(ValueError, match="smoothing"):
        f_divergence(P, Q, smoothing=0.0)


@pytest.mark.parametrize(("shares", "shift"), [
    ([0.5, 0.5], 0.0), ([0.5, 0.5], 0.05), ([0.4, 0.3, 0.2, 0.1], 0.05),
    ([0.4, 0.3, 0.2, 0.1], 0.09), ([0.1] * 10, 0.03),
])
def test_interval_covers_near_and_away_from_zero(rng, shares, shift):
    q = np.array(shares)
    p = q + np.r_[shift, np.zeros(len(q) - 2), -shift]
    truth = float(q @ resolve_generator("jensen_shannon").f(p / q))
    runs, covered = 150, 0
    for _ in range(runs):
        result = f_divergence(rng.multinomial(300, p), rng.multinomial(300, q), "jensen_shannon")
        low, high = result.confidence_interval()
        covered += low <= truth <= high
    assert covered / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)


def test_bits_and_bounds():
    result = f_divergence([30, 50, 20], [31, 51, 20], "kl")
    bits = result.in_bits()
    assert_allclose(bits.corrected, result.corrected / np.log(2))
    assert_allclose(bits.confidence_interval(), np.array(result.confidence_interval()) / np.log(2))
    apart = f_divergence([30, 0], [0, 30], "jensen_shannon")
    assert apart.confidence_interval()[1] <= np.log(2)
    with pytest.raises(ValueError, match="level"):
        result.confidence_interval(2.0)


def test_risk_of_the_shares_is_reported():
    """(cells - 1) / 2n of the smaller sample; cells empty in both do not count."""
    row = f_divergence([30, 50, 20, 0], [60, 90, 50, 0]).diagnostics[-1]
    assert (row.name, row.value, row.passed) == ("fit_risk", 2 / 200, True)
    assert row.threshold == kl_threshold(0.05)


def test_risk_of_the_shares_is_what_samples_show(rng):
    """KL(true || shares) of 2000 samples, within four Monte Carlo errors and the second order."""
    p, n = np.array([0.1, 0.2, 0.3, 0.4]), 400
    counts = rng.multinomial(n, p, size=2000)
    loss = (p * np.log(p / (counts / n))).sum(axis=1)
    row = f_divergence(counts[0], 10 * counts[1]).diagnostics[-1]
    second = 6.77 / n**2  # of this law, for the forward risk
    assert abs(loss.mean() - row.value - second) < 4 * loss.std() / np.sqrt(2000)
