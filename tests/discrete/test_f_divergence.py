"""f_divergence on counts: the method page's numbers, laws, coverage near and away from zero."""

import pickle
from math import inf

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from divest import TrustWarning
from divest.discrete import f_divergence
from divest.discrete._moments import divergence_value
from divest.generators import Generator, resolve_generator
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


def test_laws():
    assert_allclose(f_divergence(P, Q, "kl").estimate, f_divergence(Q, P, "reverse_kl").estimate,
                    rtol=1e-12)
    parts = [f_divergence(P, Q, name).estimate for name in ("kl", "reverse_kl", "jeffreys")]
    assert_allclose(parts[0] + parts[1], parts[2], rtol=1e-13)
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
    with pytest.warns(TrustWarning, match="no_derivative"):
        result = f_divergence(P, Q, "total_variation")
    assert_allclose(result.estimate, 0.5 * np.abs(result.table["share_p"]
                                                  - result.table["share_q"]).sum())
    assert np.isnan([result.standard_error, result.null_pvalue, result.corrected]).all()
    assert np.isnan(result.confidence_interval()).all()


@pytest.mark.parametrize(("name", "forward", "backward", "apart"), [
    ("kl", 0.0291236506976, inf, inf), ("reverse_kl", inf, 0.0291236506976, inf),
    ("jeffreys", inf, inf, inf), ("jensen_shannon", None, None, np.log(2)),
    ("hellinger", None, None, 1.0), ("le_cam", None, None, 1.0), ("chi_square", 1 / 30, inf, inf),
    ("neyman_chi_square", inf, 1 / 30, inf), ("power(0.5)", None, None, 4.0),
    ("power(-0.5)", inf, None, inf), ("renyi(0.5)", None, None, inf),
    ("renyi(2)", np.log(31 / 30), inf, inf), ("bhattacharyya", None, None, inf),
    ("tsallis(50)", None, inf, inf),
])
def test_without_smoothing_empty_cells_give_limits(name, forward, backward, apart):
    with pytest.warns(TrustWarning, match="empty_cells = 1"):
        one, other = (f_divergence(*pair, name, smoothing=0.0) for pair in ((P, Q), (Q, P)))
    with pytest.warns(TrustWarning, match="empty_cells = 2"):
        far = f_divergence([1, 0], [0, 5], name, smoothing=0)
    assert np.isnan([one.standard_error, one.bias, far.standard_error]).all()
    for result, value in ((one, forward), (other, backward), (far, apart)):
        if value is not None:
            assert_allclose(result.estimate, value, rtol=1e-11)
    # raising an empty cell a little changes little: the value is the limit of nearby ones
    p, q = np.array([0.3, 0.5, 0.2, 1e-13]), np.array([0.3, 0.45, 0.225, 0.025])
    for result, (x, y) in ((one, (p, q)), (other, (q, p))):
        if np.isfinite(result.estimate):
            near = divergence_value(resolve_generator(name), x, y)
            assert_allclose(result.estimate, near, rtol=1e-4)


def test_without_smoothing_and_without_empty_cells_all_is_as_usual():
    result = f_divergence([30, 50, 20], [60, 90, 50], smoothing=0)
    p, q = np.array([0.3, 0.5, 0.2]), np.array([0.3, 0.45, 0.25])
    assert_allclose(result.estimate, np.sum(p * np.log(p / q)))
    assert np.isfinite(result.standard_error)


def test_own_generator_is_as_the_one_of_the_package():
    own = Generator("own", lambda r: r * np.log(r) - r + 1, np.log)
    mine, theirs = f_divergence(P, Q, own), f_divergence(P, Q, "kl")
    assert_allclose([mine.estimate, mine.bias, mine.standard_error, mine.null_pvalue],
                    [theirs.estimate, theirs.bias, theirs.standard_error, theirs.null_pvalue],
                    rtol=1e-7)
    with pytest.warns(TrustWarning, match="empty_cells"):
        assert_allclose(f_divergence(P, Q, own, smoothing=0).estimate, 0.0291236506976)


def quartic(r):
    return (r - 1.0) ** 4 + (r - 1.0) ** 2


def quartic_slope(r):
    return 4 * (r - 1.0) ** 3 + 2 * (r - 1.0)


@pytest.mark.parametrize("name", [*PAGE, "le_cam", "neyman_chi_square", "renyi(2)", "renyi(0.5)",
                                  "power(3)", "tsallis(0.7)", "bhattacharyya", "quartic"])
def test_error_and_bias_agree_with_finite_differences_of_the_value(name):
    """Second-order Taylor expansion in the shares, taken along differences that sum to 0."""
    generator = Generator(name, quartic, quartic_slope) if name == "quartic" else (
        resolve_generator(name))
    result = f_divergence(P, Q, generator)
    shares = result.table[["share_p", "share_q"]].to_numpy().T
    h, variance, bias = 1e-4, 0.0, 0.0
    for at, (share, n) in enumerate(zip(shares, (100, 200), strict=True)):
        covariance = (np.diag(share) - np.outer(share, share)) / n
        values, directions = np.linalg.eigh(covariance)
        for value, direction in zip(values[1:], directions.T[1:], strict=True):

            unit = h * share.min() / 0.05

            def along(step, at=at, move=unit * direction):
                moved = shares.copy()
                moved[at] += step * move
                return float(divergence_value(generator, *moved))
            slope = (8 * (along(1) - along(-1)) - along(2) + along(-2)) / (12 * unit)
            bend = (16 * (along(1) + along(-1)) - 30 * along(0) - along(2) - along(-2)) / (
                12 * unit**2)
            variance += value * slope**2
            bias += 0.5 * value * bend
    assert_allclose(result.standard_error, np.sqrt(variance), rtol=1e-6)
    assert_allclose(result.bias, bias, rtol=2e-5)  # second differences keep fewer digits


def test_merging_cells_never_raises_the_value(rng):
    for _ in range(20):
        a, b = rng.integers(1, 30, (2, 6))
        fine = f_divergence(a, b, smoothing=0).estimate
        coarse = f_divergence(a.reshape(3, 2).sum(1), b.reshape(3, 2).sum(1), smoothing=0).estimate
        assert coarse <= fine + 1e-12


def test_table_holds_the_cells():
    left, right = pd.Series({"a": 30, "b": 50, "z": 0}), pd.Series({"b": 90, "a": 60, "z": 0})
    result = f_divergence(left, right, "jeffreys")
    table = result.table.set_index("cell")
    assert table.index.tolist() == ["a", "b"]
    assert table[["n_p", "n_q"]].to_numpy().tolist() == [[30, 60], [50, 90]]
    assert_allclose(table["contribution"].sum(), result.estimate)
    assert_allclose(result.in_bits().table["contribution"].sum(), result.estimate / np.log(2))
    assert pickle.loads(pickle.dumps(result)).table.equals(result.table)


def test_counts_of_polars_lists_and_series_are_the_same():
    for make in (list, np.array, pl.Series, pd.Series):
        assert f_divergence(make(P), make(Q)) == f_divergence(P, Q)


@pytest.mark.parametrize(("p", "q", "message"), [
    ([1, -1], [1, 1], "entry 1 is -1"), ([1.5, 1], [1, 1], "entry 0 is 1.5"),
    ([1, 2], [1, 2, 3], "same cells"), ([0, 0], [1, 2], "all zero"), ([], [1], "no counts"),
    ([np.nan, 1], [1, 1], "entry 0"), (["a", "b"], [1, 2], "one count per cell"),
    ([[1, 2], [3, 4]], [1, 2], "one count per cell"), (5, [1], "one count per cell"),
    (pd.Series([1, 2], index=["a", "a"]), pd.Series([1], index=["a"]), "more than one .* 'a'"),
    (pd.Series([1, 2.5], index=["a", "b"]), pd.Series([1], index=["a"]), "entry b is 2.5"),
])
def test_bad_counts_are_refused(p, q, message):
    with pytest.raises(ValueError, match=message):
        f_divergence(p, q)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="smoothing"):
        f_divergence(P, Q, smoothing=-1)
    with pytest.raises(ValueError, match="one of kl, reverse_kl, jeffreys"):
        f_divergence(P, Q, "no such thing")


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


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGE)
def test_corrected_interval_covers_away_from_zero(name):
    """1000 pairs with true PSI .14: coverage within [.930, .965], mean within .005 of the truth."""
    rng, runs, q = np.random.default_rng(3), 1000, np.full(10, 0.1)
    p = np.exp(np.linspace(-0.6, 0.6, 10)) / np.exp(np.linspace(-0.6, 0.6, 10)).sum()
    truth, covered, corrected = float(q @ resolve_generator(name).f(p / q)), 0, []
    for _ in range(runs):
        result = f_divergence(rng.multinomial(500, p), rng.multinomial(500, q), name)
        low, high = result.confidence_interval()
        covered += low <= truth <= high
        corrected.append(result.corrected)
    assert 0.930 <= covered / runs <= 0.965
    assert abs(np.mean(corrected) - truth) <= 0.005


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
