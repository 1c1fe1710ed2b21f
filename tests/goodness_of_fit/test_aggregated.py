"""AggregatedSteinTest: reference values, the two layers by hand, laws, input, size and power."""

from itertools import pairwise
from math import ceil

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.spatial.distance import pdist

from divest import KernelSteinTest, TrustWarning
from divest.goodness_of_fit import OutOfSupportError, SupportBoundaryError
from divest.goodness_of_fit._aggregation import (
    check_weights,
    enough_draws,
    kernel_grid,
    two_layers,
)
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._outcome import WEIGHTS, combine
from divest.goodness_of_fit._points import Coordinates
from divest.goodness_of_fit._stein_test import bootstrap_draws, values_of
from divest.goodness_of_fit.aggregated import AggregatedSteinTest
from divest.kernels import imq, median_bandwidth, rbf

compiled = pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")


def score(X):
    return -X


@pytest.fixture
def normal():
    return np.random.default_rng(4).normal(size=(60, 2))


def fitted(X, model=score, **options):
    options = {"random_state": 0, "n_resamples": 199} | options
    return AggregatedSteinTest(model, **options).fit(X)


# ------------------------------------------------------------ reference values
def laplace_lattice():
    """Quantiles of the Laplace law of variance 1, without random numbers."""
    uniform = (np.arange(1, 121)[:, None] + 0.5) * np.sqrt([2.0, 3.0]) % 1.0
    return stats.laplace.ppf(uniform, scale=0.5**0.5)


def fixed_signs(n, b):
    i, j = np.arange(1, n + 1)[:, None], np.arange(1, b + 1)
    mixed = (i + 0.25) * (j + 0.25) * 2**0.5 + i * i * 3**0.5
    return np.where(mixed % 1.0 < 0.5, -1, 1).astype(np.int8).T


def drawn(method, weights, signs):
    """Statistics, draws and weights on the lattice."""
    X = laplace_lattice()
    points = Coordinates().points(X, -X)
    grid, _ = kernel_grid([imq()], None, points, weights, method)
    pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
    draws = bootstrap_draws(pairs, [], signs, "u")
    return values_of([pair.sums() for pair in pairs], "u"), draws, grid.weights


@compiled
def test_smallest_pvalue_on_the_lattice():
    outcome = combine(*drawn("minp", np.array(WEIGHTS), fixed_signs(120, 499)))
    assert_allclose(outcome.pvalue, 0.026, rtol=1e-10)
    assert_allclose(outcome.single_pvalues, [0.004, 0.278, 0.096, 0.334, 0.896], rtol=1e-10)


@compiled
def test_two_layers_on_the_lattice():
    values, draws, weights = drawn("ksdagg", np.full(10, 0.1), fixed_signs(120, 499))
    rejected, u = two_layers(values, draws[:249], draws[249:], weights, 0.05)
    assert not rejected
    assert_allclose(u, 0.32, rtol=1e-10)


# ------------------------------------------------------------ the two layers
def two_layers_by_hand(values, first, second, weights, level):
    """Every place where a quantile changes is tried, in place of a bisection."""
    ordered = np.sort(np.vstack([first, values]), axis=0)
    total = len(ordered)

    def quantiles(u):
        ranks = [max(ceil(round(total * (1 - u * w), 9)), 1) for w in weights]
        return np.array([ordered[rank - 1, k] for k, rank in enumerate(ranks)])

    places = sorted({r / total / w for w in weights for r in range(total + 1)
                     if r / total / w <= 1 / max(weights) + 1e-12})
    largest = 0.0  # the quantiles change just at a place, so they are taken between two
    for left, right in pairwise(places):
        if np.mean([(row > quantiles((left + right) / 2)).any() for row in second]) > level:
            return (values > quantiles(largest)).any(), left
        largest = (left + right) / 2
    return (values > quantiles(largest)).any(), 1 / max(weights)


@pytest.mark.parametrize("level", [0.05, 0.2])
@pytest.mark.parametrize("shares", [[1.0], [1.0, 1.0, 1.0], [0.5, 0.3, 0.2]])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_two_layers_by_hand(level, shares, shift, rng):
    weights = np.array(shares) / sum(shares)
    first, second = rng.normal(size=(2, 40, len(shares)))
    values = rng.normal(size=len(shares)) + shift
    rejected, u = two_layers(values, first, second, weights, level)
    expected, place = two_layers_by_hand(values, first, second, weights, level)
    assert rejected == expected
    assert_allclose(u, place, atol=1e-9)


def test_no_draw_of_the_second_layer_is_lost_to_rounding():
    """Draws that equal the statistic but for rounding do not exceed one another."""
    values = np.array([1.0, 2.0])
    draws = values * (1 + 1e-15 * np.arange(-5, 5)[:, None])
    assert not two_layers(values * (1 + 1e-14), draws, draws, np.array([0.5, 0.5]), 0.05)[0]


@compiled
def test_decision_of_ksdagg_and_its_pvalue_are_two_things():
    """Near the border they differ for some samples, and agree for most."""
    agree = []
    for seed in range(40):
        X = np.random.default_rng(seed).laplace(scale=0.5**0.5, size=(80, 1))
        test = fitted(X, method="ksdagg", random_state=seed)
        agree.append(test.reject_ == test.result_.reject(0.05))
    assert 0.5 < np.mean(agree) < 1.0


# ------------------------------------------------------------ one test, several ways
def test_weights_of_the_plain_test_give_its_pvalue(normal):
    several = fitted(normal, weights=WEIGHTS)
    auto = KernelSteinTest(score, n_resamples=199, random_state=0).fit(normal)
    assert several.pvalue_ == auto.pvalue_
    assert several.statistic_ == auto.statistic_
    assert_array_equal(several.null_distribution_, auto.null_distribution_)
    assert_array_equal(several.influence_, auto.influence_)
    assert several.bandwidth_ == auto.bandwidth_
    columns = list(auto.bandwidths_)
    assert_array_equal(several.bandwidths_[columns], auto.bandwidths_[columns])


def test_one_kernel_is_the_plain_test(normal):
    one = fitted(normal, kernels=rbf(0.8))
    other = KernelSteinTest(score, kernel=rbf(0.8), n_resamples=199, random_state=0).fit(normal)
    assert (one.statistic_, one.pvalue_) == (other.statistic_, other.pvalue_)
    assert one.reject_ == (one.pvalue_ <= 0.05)


def test_methods_share_draws_and_pvalue(normal):
    options = {"bandwidths": [0.3, 1.0, 2.0], "kernels": ["imq", "rbf"]}
    minp, ksdagg = (fitted(normal, method=method, **options) for method in ("minp", "ksdagg"))
    assert minp.pvalue_ == ksdagg.pvalue_
    assert_array_equal(minp.null_distribution_, ksdagg.null_distribution_)
    assert len(ksdagg.null_distribution_) == ksdagg.result_.n_resamples == 199


def test_decision_follows_the_level(rng):
    X = rng.laplace(scale=0.5**0.5, size=(60, 1))
    pvalue = fitted(X).pvalue_
    assert fitted(X, level=pvalue).reject_
    assert not fitted(X, level=pvalue - 1e-6).reject_


def test_scaled_weights_are_the_same_weights(normal):
    one, other = fitted(normal), fitted(normal, weights=[3.0] * 5)
    assert one.pvalue_ == other.pvalue_
    assert_allclose(other.bandwidths_["weight"], 0.2)


def test_default_bandwidths(normal):
    table = fitted(normal).bandwidths_
    assert list(table) == ["kernel", "factor", "bandwidth", "weight", "statistic", "pvalue"]
    assert_array_equal(table["factor"], [0.125, 0.25, 0.5, 1.0, 2.0])
    assert_allclose(table["bandwidth"], table["factor"] * median_bandwidth(normal))
    ells = fitted(normal, method="ksdagg").bandwidths_["bandwidth"]
    largest = pdist(normal).max()
    assert_allclose(ells, [largest ** (i / 9) / 2 for i in range(10)], rtol=1e-12)


def test_near_rows_have_a_scale_of_two():
    X = np.random.default_rng(0).uniform(-0.5, 0.5, size=(30, 3))
    ells = fitted(X, lambda X: -10 * X, method="ksdagg").bandwidths_["bandwidth"]
    assert_allclose(ells.iloc[[0, -1]], [1 / 3, 2 / 3])


def test_kernels_with_their_bandwidths_keep_them(normal):
    kernels = ["imq", rbf(0.7), rbf(0.5) + imq(bandwidth=1.0), "rbf"]
    test = fitted(normal, kernels=kernels, bandwidths=[0.3, 1.5])
    table = test.bandwidths_
    assert list(table["kernel"]) == ["imq", "imq", "rbf", "rbf + imq", "rbf", "rbf"]
    assert_array_equal(table["bandwidth"], [0.3, 1.5, 0.7, np.nan, 0.3, 1.5])
    assert_allclose(table["weight"], 1 / 6)
    alone = [fitted(normal, kernels=k).statistic_ for k in (rbf(0.7), rbf(0.3), imq(bandwidth=1.5))]
    assert_allclose(table["statistic"].iloc[[2, 4, 1]], alone, rtol=1e-12)


# ------------------------------------------------------------ draws
@pytest.mark.parametrize("method", ["minp", "ksdagg"])
def test_same_numbers_for_any_number_of_threads(method, normal):
    one, two = (fitted(normal, method=method, n_jobs=n_jobs, dependence="auto")
                for n_jobs in (1, 2))
    assert one.pvalue_ == two.pvalue_
    assert one.reject_ == two.reject_
    assert_array_equal(one.null_distribution_, two.null_distribution_)
    assert_array_equal(one.influence_, two.influence_)


def test_dependence_changes_the_signs(normal):
    independent, slow = fitted(normal), fitted(normal, dependence=0.2)
    assert not np.array_equal(independent.null_distribution_, slow.null_distribution_)
    assert "autocorrelation" not in set(slow.diagnostics_["name"])


# ------------------------------------------------------------ where it misfits
def test_misfit_at_the_best_kernel(rng):
    X = rng.normal([1.0, 0.0], 1.0, size=(80, 2))
    test = fitted(X, kernels=["imq", "rbf"])
    best = (test.bandwidths_["pvalue"] / test.bandwidths_["weight"]).to_numpy().argmin()
    row = test.bandwidths_.iloc[best]
    assert test.bandwidth_ == row["bandwidth"]
    assert_allclose(80 * test.influence_.mean(), row["statistic"], rtol=1e-12)
    alone = KernelSteinTest(score, kernel=row["kernel"], bandwidth=row["bandwidth"],
                            random_state=0, n_resamples=199).fit(X)
    assert_allclose(test.witness(X[:3]), alone.witness(X[:3]), rtol=1e-12)
    assert_allclose(test.dimension_shares()["statistic"], alone.dimension_shares()["statistic"])
    assert test.discrepancy_interval() == alone.discrepancy_interval()
    assert test.discrepancy_ == alone.discrepancy_
    power = test.power_curve([20, 80])["power"]
    assert power[0] < power[1]
    assert (power <= alone.power_curve([20, 80])["power"]).all()  # a share of the level only


# ------------------------------------------------------------ diagnostics
def test_few_draws_for_many_kernels():
    weights = np.full(20, 0.05)
    assert enough_draws(399, weights, 0.05).passed
    assert not enough_draws(398, weights, 0.05).passed


def test_a_warning_names_what_is_doubtful(normal):
    with pytest.warns(TrustWarning, match=r"aggregated kernel Stein test: .*n_resamples = 19 "):
        fitted(normal, n_resamples=19, kernels=["imq", "rbf"])


def test_the_edges_ignored_are_reported(rng):
    X = rng.exponential(size=(60, 1))
    with pytest.warns(TrustWarning, match="boundary = "):
        test = fitted(X, stats.expon(), boundary="ignore")
    assert test.reject_


# ------------------------------------------------------------ refusals
@pytest.mark.parametrize(("options", "message"), [
    ({"method": "both"}, "method must be one of"),
    ({"boundary": "project"}, "boundary must be one of"),
    ({"level": 1.0}, "level must lie"),
    ({"n_resamples": 0}, "n_resamples must be at least 1"),
    ({"dependence": 0.7}, "dependence must be"),
    ({"dependence": "none"}, "dependence must be"),
    ({"kernels": []}, "kernels must be"),
    ({"kernels": 3}, "kernels must be"),
    ({"kernels": ["imq", "matern12"]}, "matern12"),
    ({"bandwidths": []}, "bandwidths must be"),
    ({"bandwidths": 1.0}, "bandwidths must be"),
    ({"bandwidths": [1.0, 0.0]}, "bandwidths must lie"),
    ({"bandwidths": [1.0], "kernels": rbf(1.0)}, "leave bandwidths out"),
    ({"weights": [0.5, 0.5]}, "each of the 5 kernels"),
    ({"weights": [1.0] * 4 + [-1.0]}, "weights must lie"),
    ({"weights": [1.0] * 5, "method": "ksdagg"}, "each of the 10 kernels"),
])
def test_bad_parameters(options, message, normal):
    with pytest.raises(ValueError, match=message):
        fitted(normal, **options)


def test_weights_are_checked_against_all_kernels():
    assert_allclose(check_weights([1, 2, 1], 3), [0.25, 0.5, 0.25])


def test_bad_data(normal):
    with pytest.raises(ValueError, match="minimum of 4"):
        fitted(normal[:3])
    with pytest.raises(ValueError, match="one value only: 1"):
        fitted(normal * [1.0, 0.0])
    with pytest.raises(ValueError, match="model is None"):
        fitted(normal, None)
    with pytest.raises(ValueError, match="pass one of the two"):
        AggregatedSteinTest(score).fit(normal, score_values=-normal)
    with pytest.raises(ValueError, match="shape of X"):
        AggregatedSteinTest().fit(normal, score_values=-normal[:, :1])


def test_edges_are_refused_or_tilted(rng):
    X = rng.exponential(size=(50, 1))
    with pytest.raises(SupportBoundaryError, match="lower edge 0 of column 0"):
        fitted(X, stats.expon())
    with pytest.raises(OutOfSupportError, match="row 7"):
        fitted(np.where(np.arange(50)[:, None] == 7, -1.0, X), stats.expon())
    tilted = fitted(X, stats.expon(), boundary="tilt")
    assert tilted.pvalue_ == fitted(X, stats.expon(), support=(0, np.inf)).pvalue_ > 0.02


def test_too_many_rows_are_refused_with_the_time_they_take():
    X = np.random.default_rng(0).normal(size=(20_001, 1))
    with pytest.raises(ValueError, match=r"at most 20000 rows, got 20001.* minutes .*nystrom"):
        fitted(X)


def test_scores_in_place_of_a_model(normal):
    by_scores = AggregatedSteinTest(n_resamples=199, random_state=0).fit(
        normal, score_values=-normal)
    assert by_scores.model_ is None
    assert by_scores.pvalue_ == fitted(normal).pvalue_


# ------------------------------------------------------------ size and power
def rejections(draw, runs, **options):
    """Share of samples rejected, by the two methods."""
    found = []
    for seed in range(runs):
        X = draw(np.random.default_rng([seed, 3]))
        test = fitted(X, n_resamples=299, random_state=seed, **options)
        found.append(test.reject_)
    return np.mean(found)


def error(rate, runs):
    return 3 * np.sqrt(rate * (1 - rate) / runs)


@compiled
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("method", ["minp", "ksdagg"])
@pytest.mark.parametrize("d", [1, 5])
def test_size(method, d):
    """The wild bootstrap is asymptotic, so n = 200 may add .01 to the Monte Carlo error."""
    runs = 300
    found = rejections(lambda rng: rng.normal(size=(200, d)), runs, method=method)
    assert abs(found - 0.05) <= error(0.05, runs) + 0.01


@compiled
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize(("method", "weights", "n", "d", "expected"), [
    ("ksdagg", None, 200, 1, 0.80), ("minp", WEIGHTS, 200, 1, 0.93), ("minp", None, 200, 1, 0.90),
    ("ksdagg", None, 300, 5, 0.95), ("minp", WEIGHTS, 300, 5, 0.96)])
def test_power_against_the_laplace_law(method, weights, n, d, expected):
    """Expected values are themselves from 150 samples."""
    runs = 150
    found = rejections(lambda rng: rng.laplace(scale=0.5**0.5, size=(n, d)), runs, method=method,
                       weights=weights)
    assert abs(found - expected) <= 2**0.5 * error(expected, runs)


def test_few_rows_and_short_chains_are_doubted(rng):
    with pytest.warns(TrustWarning, match="few_rows"):
        AggregatedSteinTest(stats.norm(), n_resamples=299, random_state=0).fit(
            rng.normal(size=(12, 1)))
    walk = np.cumsum(rng.normal(size=(300, 1)), axis=0) / 10
    with pytest.warns(TrustWarning, match="attainable_pvalue"):
        AggregatedSteinTest(stats.norm(), dependence="auto", n_resamples=299, random_state=0).fit(
            walk)
