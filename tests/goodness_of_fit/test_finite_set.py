"""FiniteSetSteinTest: reference values, features by hand, gradient, laws, input, size and power."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from divest import KernelSteinTest, TrustWarning
from divest.goodness_of_fit import OutOfSupportError, SupportBoundaryError
from divest.goodness_of_fit._locations import (
    LocationSearch,
    covariance_eigenvalues,
    finite_set_statistic,
    location_features,
    normal_locations,
    power_criterion,
)
from divest.goodness_of_fit._nystrom import CHUNK, spectral_draws
from divest.goodness_of_fit.finite_set import FiniteSetSteinTest
from divest.kernels import imq, log_inverse, matern32, matern52, median_bandwidth, rbf

KERNELS = [rbf(), imq(), matern32(), matern52(), log_inverse(), rbf() + imq(), rbf(0.7),
           rbf(0.7) + imq()]
PLACES = np.array([[0.5, 0.5], [-1.0, 0.3]])


def score(X):
    return -X


@pytest.fixture
def normal():
    return np.random.default_rng(4).normal(size=(80, 2))


@pytest.fixture
def shifted():
    return np.random.default_rng(2).normal([1.0, 0.0], 1.0, size=(200, 2))


def fitted(X, model=score, **options):
    options = {"random_state": 0, "n_resamples": 999} | options
    return FiniteSetSteinTest(model, **options).fit(X)


def laplace_lattice():
    """Quantiles of the Laplace law of variance 1, without random numbers."""
    uniform = (np.arange(1, 121)[:, None] + 0.5) * np.sqrt([2.0, 3.0]) % 1.0
    return stats.laplace.ppf(uniform, scale=0.5**0.5)


# ------------------------------------------------------------ reference values, by hand
def test_statistic_and_eigenvalue_on_the_lattice():
    X = laplace_lattice()
    tau = location_features(X, -X, PLACES, rbf(1.2))
    assert_allclose(finite_set_statistic(tau), 0.100613737514, rtol=1e-11)
    assert_allclose(covariance_eigenvalues(tau).max(), 0.148534266737, rtol=1e-11)
    test = fitted(X, locations=PLACES, bandwidth=1.2)
    assert_allclose(test.statistic_, 0.100613737514, rtol=1e-11)
    assert_array_equal(test.locations_, PLACES)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_features_by_differences_of_the_kernel(kernel, normal):
    """``s(x) k(x, v) + grad_x k(x, v)``, the gradient by central differences."""
    kernel = kernel.with_bandwidth(0.9)
    X, step = normal[:5], 1e-6

    def k(x, v):
        return kernel.profile(((x - v) ** 2).sum())[0]

    for x, row in zip(X, location_features(X, -X, PLACES, kernel), strict=True):
        for v, part in zip(PLACES, row.reshape(2, 2), strict=True):
            slope = [(k(x + e, v) - k(x - e, v)) / (2 * step) for e in np.eye(2) * step]
            assert_allclose(part, (-x * k(x, v) + slope) / 2, atol=1e-8)


def test_statistic_is_the_mean_of_pairs(rng):
    tau = rng.normal(size=(9, 4))
    pairs = tau @ tau.T
    assert_allclose(finite_set_statistic(tau), (pairs.sum() - np.trace(pairs)) / 8, rtol=1e-12)


@pytest.mark.parametrize("shape", [(30, 4), (5, 12)])
def test_eigenvalues_of_the_covariance(shape, rng):
    tau = rng.normal(size=shape)
    expected = np.linalg.eigvalsh(np.cov(tau.T))
    found = covariance_eigenvalues(tau)
    assert len(found) == min(shape)
    assert_allclose(found, expected[-len(found):], atol=1e-12)
    assert_allclose(found.sum(), tau.var(axis=0, ddof=1).sum(), rtol=1e-12)


def test_null_draws_have_mean_zero_and_the_right_variance():
    draws = spectral_draws(np.array([2.0, 1.0]), 20_000, np.random.SeedSequence(0))
    assert abs(draws.mean()) < 4 * np.sqrt(10 / 20_000)
    assert_allclose(draws.var(), 2 * (4 + 1), rtol=0.1)


def test_witness_at_the_locations_is_that_of_all_pairs(shifted):
    test = fitted(shifted, kernel=rbf(1.3))
    pairs = KernelSteinTest(score, kernel=rbf(1.3), n_resamples=9, random_state=0).fit(shifted)
    assert_allclose(test.witness_, pairs.witness(test.locations_), atol=1e-12)


# ------------------------------------------------------------ the criterion
def test_criterion_by_hand(rng):
    tau = rng.normal(0.2, 1.0, size=(12, 3))
    mean = tau.mean(axis=0)
    variance = 4 * ((tau @ mean) ** 2).mean() - 4 * (mean @ mean) ** 2
    pairs = np.mean([tau[i] @ tau[j] for i in range(12) for j in range(12) if i != j])
    assert_allclose(power_criterion(tau)[0], pairs / np.sqrt(variance + 0.01), rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_gradient_by_differences(kernel, shifted):
    search = LocationSearch(shifted[:30], -shifted[:30], kernel, 1.5)
    log, step = 0.2, 1e-5

    def value(locations, log):
        return search.criterion(locations, log)[0]

    _, by_location, by_log = search.criterion(PLACES, log)
    for place in np.ndindex(PLACES.shape):
        moved = np.zeros_like(PLACES)
        moved[place] = step
        expected = (value(PLACES + moved, log) - value(PLACES - moved, log)) / (2 * step)
        assert_allclose(by_location[place], expected, rtol=1e-6, atol=1e-9)
    if search.moves:
        expected = (value(PLACES, log + step) - value(PLACES, log - step)) / (2 * step)
        assert_allclose(by_log, expected, rtol=1e-6, atol=1e-9)


def test_gradient_where_a_location_is_a_row(shifted):
    """phi'' of this kernel is infinite there; the gradient is not."""
    X = shifted[:30]
    search = LocationSearch(X, -X, matern32(), 1.5)
    value, by_location, by_log = search.criterion(X[:2], 0.0)
    assert np.isfinite([value, by_log, *by_location.ravel()]).all()


def test_search_improves_the_criterion_and_stays_near_the_rows(shifted):
    search = LocationSearch(shifted, -shifted, rbf(), median_bandwidth(shifted))
    start = normal_locations(shifted, 3, np.random.default_rng(0))
    locations, kernel = search.best(start)
    log = np.log(search.scale)
    best = search.criterion(locations, np.log(kernel.bandwidth))[0]
    grid = [search.criterion(start, log + power * np.log(2) / 2)[0] for power in range(-3, 4)]
    assert best > max(grid)
    assert 1 / 8 <= kernel.bandwidth / search.scale <= 8
    assert (np.abs(locations - shifted.mean(axis=0)) < 6 * shifted.std(axis=0)).all()


# ------------------------------------------------------------ laws
@pytest.mark.parametrize("options", [{}, {"locations": "optimized"}, {"n_locations": 1},
                                     {"kernel": imq()}], ids=str)
def test_moving_and_scaling_the_rows(options, shifted):
    """The same rows in another unit: the statistic scales, the p-value does not change."""
    one = fitted(shifted, **options)
    other = FiniteSetSteinTest(lambda X: -(X - 7) / 100, random_state=0, n_resamples=999, **options)
    other.fit(10 * shifted + 7)
    assert_allclose(other.locations_, 10 * one.locations_ + 7, rtol=1e-4)
    assert_allclose(other.statistic_, one.statistic_ / 100, rtol=1e-4)
    assert abs(other.pvalue_ - one.pvalue_) <= 0.002


@pytest.mark.parametrize("locations", ["random", "optimized"])
def test_same_numbers_for_any_number_of_threads(locations):
    X = np.random.default_rng(1).normal(size=(3 * CHUNK // 2, 1))
    one, two = (fitted(X, locations=locations, n_locations=2, n_jobs=n_jobs, n_resamples=50,
                       bandwidth="median") for n_jobs in (1, 2))
    assert (one.statistic_, one.pvalue_) == (two.statistic_, two.pvalue_)
    assert_array_equal(one.null_distribution_, two.null_distribution_)
    assert_array_equal(one.locations_, two.locations_)


def test_bandwidths(shifted):
    median = median_bandwidth(shifted)
    assert fitted(shifted).bandwidth_ == fitted(shifted, bandwidth="median").bandwidth_ == median
    assert fitted(shifted, bandwidth=0.4).bandwidth_ == 0.4
    assert fitted(shifted, kernel=imq(bandwidth=0.3)).bandwidth_ == 0.3
    assert np.isnan(fitted(shifted, kernel=imq(bandwidth=0.3) + rbf(1.0)).bandwidth_)
    optimized = {"locations": "optimized", "n_locations": 2}
    assert fitted(shifted, bandwidth=1.4, **optimized).bandwidth_ == 1.4
    assert fitted(shifted, kernel=rbf(1.3), **optimized).bandwidth_ == 1.3
    assert fitted(shifted, bandwidth="median", **optimized).bandwidth_ != median  # of the few rows
    assert fitted(shifted, **optimized).bandwidth_ != fitted(shifted, bandwidth="median",
                                                             **optimized).bandwidth_


def test_random_locations_follow_the_rows():
    X = np.random.default_rng(0).normal([5.0, -5.0], [1.0, 0.1], size=(500, 2))
    locations = normal_locations(X, 4000, np.random.default_rng(0))
    assert_allclose(locations.mean(axis=0), X.mean(axis=0), atol=0.06)
    assert_allclose(np.cov(locations.T), np.cov(X.T), atol=0.06)


def test_optimized_locations_are_tested_on_other_rows(shifted):
    options = {"locations": "optimized", "n_locations": 2}
    test = fitted(shifted, **options)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(0).spawn(2)[0]))
    learned, tested = test._parts(len(shifted), rng)
    assert len(learned) == 40
    assert sorted([*learned, *tested]) == list(range(200))
    X = shifted[tested]
    alone = fitted(X, locations=test.locations_, bandwidth=test.bandwidth_)
    assert_allclose(alone.statistic_, test.statistic_, rtol=1e-12)
    for rows, same in ((tested, True), (learned, False)):
        moved = shifted.copy()
        moved[rows] += 0.1 * moved[rows]
        assert np.array_equal(fitted(moved, **options).locations_, test.locations_) == same


# ------------------------------------------------------------ what comes out
def test_results_agree(shifted):
    test = fitted(shifted)
    assert test.pvalue_ == test.result_.pvalue == 0.001
    assert test.result_.method == "finite-set Stein test"
    assert test.result_.n_resamples == len(test.null_distribution_) == 999
    assert test.locations_.shape == test.witness_.shape == (5, 2)
    assert list(test.diagnostics_) == ["name", "value", "threshold", "passed", "advice"]
    assert (test.witness_[:, 0] < 0).all()  # the model has its mass to the left


def test_many_columns_and_random_locations():
    X = np.random.default_rng(0).normal(size=(100, 5))
    with pytest.warns(TrustWarning, match="random_locations = 5 "):
        assert not fitted(X).result_.reject()
    assert fitted(X + 1.0).result_.trusted  # what is rejected was seen
    assert "random_locations" not in set(fitted(X, locations=X[:2] + 0.3).diagnostics_["name"])


def test_advice_is_about_this_test():
    X = np.cumsum(np.random.default_rng(0).normal(size=(200, 1)), axis=0) / 10
    with pytest.warns(TrustWarning, match="autocorrelation") as record:
        fitted(X)
    assert "KernelSteinTest with dependence='auto'" in str(record[0].message)


# ------------------------------------------------------------ refusals
@pytest.mark.parametrize(("options", "message"), [
    ({"n_locations": 0}, "n_locations must be at least 1"),
    ({"locations": "all"}, "locations must be one of"),
    ({"locations": [[0.0]]}, "2 columns"),
    ({"locations": [[0.0, np.nan]]}, "locations contains NaN"),
    ({"locations": [[1e6, 1e6]]}, "too far"),
    ({"kernel": "matern12"}, "matern12"),
    ({"bandwidth": "other"}, "bandwidth must be"),
    ({"bandwidth": -1.0}, "bandwidth must lie"),
    ({"bandwidth": 1.0, "kernel": rbf(1.0)}, "leave bandwidth out"),
    ({"train_fraction": 1.0}, "train_fraction must lie"),
    ({"locations": "optimized", "train_fraction": 0.01}, "gives 1 and 79"),
    ({"locations": "optimized", "train_fraction": 0.99}, "gives 79 and 1"),
    ({"n_resamples": 0}, "n_resamples must be at least 1"),
])
def test_bad_parameters(options, message, normal):
    with pytest.raises(ValueError, match=message):
        fitted(normal, **options)


def test_bad_data(normal):
    with pytest.raises(ValueError, match="minimum of 4"):
        fitted(normal[:3])
    with pytest.raises(ValueError, match="one value only: 1"):
        fitted(normal * [1.0, 0.0])
    with pytest.raises(ValueError, match="pass one of the two"):
        FiniteSetSteinTest(score).fit(normal, score_values=-normal)
    with pytest.raises(ValueError, match="model is None"):
        fitted(normal, None)


def test_edges_are_refused(rng):
    X = rng.exponential(size=(50, 1))
    with pytest.raises(SupportBoundaryError, match="Use KernelSteinTest, with boundary='tilt'"):
        fitted(X, stats.expon())
    with pytest.raises(SupportBoundaryError, match="lower edge 0"):
        fitted(X, lambda X: -np.ones_like(X), support=(0, np.inf))
    with pytest.raises(OutOfSupportError, match="row 7"):
        fitted(np.where(np.arange(50)[:, None] == 7, -1.0, X), stats.expon())
    with pytest.raises(ValueError, match="edges of the support is not known"):
        FiniteSetSteinTest(support=(0, np.inf)).fit(X, score_values=-np.ones_like(X))


def test_scores_in_place_of_a_model(normal):
    by_scores = FiniteSetSteinTest(n_resamples=999, random_state=0).fit(
        normal, score_values=-normal)
    assert by_scores.model_ is None
    assert by_scores.pvalue_ == fitted(normal).pvalue_


# ------------------------------------------------------------ size and power
def rejections(draw, runs, **options):
    """Share of samples rejected at .05."""
    pvalues = []
    for seed in range(runs):
        X = draw(np.random.default_rng([seed, 3]))
        test = FiniteSetSteinTest(random_state=seed, n_resamples=999, **options)
        pvalues.append(test.fit(X, score_values=-X).pvalue_)
    return np.mean(np.array(pvalues) <= 0.05)


def error(rate, runs):
    return 3 * np.sqrt(rate * (1 - rate) / runs)


def laplace(n, d):
    return lambda rng: rng.laplace(scale=0.5**0.5, size=(n, d))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize(("options", "d", "runs"), [
    ({}, 1, 600), ({}, 5, 600), ({"locations": "optimized"}, 1, 400),
    ({"locations": "optimized"}, 5, 300)])
def test_size(options, d, runs):
    """The null law is that of many rows, so n = 200 may add .01 to the Monte Carlo error."""
    found = rejections(lambda rng: rng.normal(size=(200, d)), runs, **options)
    assert abs(found - 0.05) <= error(0.05, runs) + 0.01


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize(("draw", "expected"), [
    (laplace(200, 1), 0.69),
    (lambda rng: rng.standard_t(5, size=(500, 1)) * 0.6**0.5, 0.71),
    (lambda rng: rng.normal(0.2, 1.0, size=(200, 1)), 0.69),
    (lambda rng: rng.normal(np.r_[0.2, np.zeros(9)], 1.0, size=(500, 10)), 0.82)],
    ids=["laplace", "t5", "mean", "mean of ten columns"])
def test_power_of_random_locations(draw, expected):
    """Expected values are themselves from 150 samples."""
    runs = 300
    found = rejections(draw, runs)
    assert abs(found - expected) <= error(expected, runs) + error(expected, 150)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_random_locations_are_weak_in_many_columns_and_optimized_ones_are_not():
    runs = 100
    assert rejections(laplace(500, 5), runs) <= 0.05 + error(0.05, runs) + 0.05
    assert rejections(laplace(500, 5), runs, locations="optimized") >= 0.62 - error(0.62, runs)
