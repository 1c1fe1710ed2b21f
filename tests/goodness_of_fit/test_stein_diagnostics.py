"""Diagnostics of kernel Stein tests: known values, what must fire, and what must not."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.signal import lfilter
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from statsmodels.tsa.stattools import acf

from divest._results import Diagnostic
from divest.goodness_of_fit import ScoreModel, as_score_model
from divest.goodness_of_fit._diagnostics import (
    autocorrelation,
    autocorrelation_time,
    boundary_ignored,
    dominating_row,
    fitted_model,
    median_in_high_dimension,
    separated_modes,
    support_unknown,
)
from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity


def chain(rng, phi, n):
    """A stationary autoregression of one column."""
    return lfilter([1], [1, -phi], rng.standard_normal((n + 200, 1)), axis=0)[200:]


def above(rate, repeats):
    """A share that a true rate exceeds by chance in about one of 1000 runs."""
    return rate + 3.1 * np.sqrt(rate * (1 - rate) / repeats)


# ------------------------------------------------------------------------------ autocorrelation
def plain_time(column):
    correlations = acf(column, nlags=len(column) - 1, fft=False)
    for k in range(len(column)):
        time = 1 + 2 * correlations[1:k + 1].sum()
        if k >= 5 * time:
            return max(1.0, time)
    raise AssertionError("all lags together give a time of 0")


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5, 0.9])
def test_time_by_hand(phi, rng):
    column = chain(rng, phi, 301)
    assert autocorrelation_time(column) == pytest.approx(plain_time(column[:, 0]), rel=1e-9)


def test_time_of_an_autoregression(rng):
    """(1 + phi) / (1 - phi) = 3, with a standard error of 3 sqrt(2 (2 W + 1) / n), W = 15."""
    time = autocorrelation_time(chain(rng, 0.5, 40_000))
    assert abs(time - 3) < 4 * 3 * np.sqrt(2 * 31 / 40_000)


def test_time_takes_the_worst_column(rng):
    S = np.hstack([rng.standard_normal((500, 2)), chain(rng, 0.9, 500)])
    assert autocorrelation_time(S) == autocorrelation_time(S[:, 2:]) > 5
    assert autocorrelation_time(1e200 * S - 3) == pytest.approx(autocorrelation_time(S))


def test_constant_columns_have_no_correlation():
    S = np.full((50, 2), -0.1)
    assert autocorrelation_time(S) == 1.0
    assert autocorrelation(S, "").passed


@pytest.mark.parametrize(("n", "d", "repeats"), [(50, 1, 400), (50, 10, 200), (200, 10, 200),
                                                 (1000, 30, 20)])
def test_independent_rows_pass(n, d, repeats, rng):
    """False alarms: .003, .001, .011, .000 in 3000, 1000, 2500, 200 samples."""
    samples = (rng.standard_normal((n, d)) for _ in range(repeats))
    failed = sum(not autocorrelation(S, "").passed for S in samples)
    assert failed <= above(0.011, repeats) * repeats


@pytest.mark.parametrize(("n", "least"), [(50, 0.6), (100, 0.9), (300, 1.0)])
def test_dependent_rows_fail(n, least, rng):
    """Measured .75, .96 and 1.0 for an autoregression of .5."""
    found = [autocorrelation(chain(rng, 0.5, n), "") for _ in range(100)]
    assert np.mean([not one.passed for one in found]) >= least
    assert all(one.threshold >= 2.0 for one in found)


def test_sorted_rows_fail(rng):
    found = autocorrelation(np.sort(rng.standard_normal((60, 1)), axis=0), "thin it")
    assert found.name == "autocorrelation"
    assert not found.passed
    assert found.advice.endswith("thin it")


# ------------------------------------------------------------------------------ heavy tails
def test_dominating_row():
    found = dominating_row(np.r_[np.ones(75), 25.0])
    assert (found.value, found.threshold, found.passed) == (0.25, 0.2, False)
    assert found.advice.startswith("row 75 ")
    assert dominating_row(np.r_[np.ones(85), 15.0]).passed
    few = dominating_row(np.r_[np.ones(9), 4.0])
    assert (few.threshold, few.passed) == (0.5, True)  # 5 / n
    assert dominating_row(np.zeros(30)).value == 0.0


# ------------------------------------------------------------------------------ fitted models
def fitted(frozen, X):
    model = as_score_model(frozen)
    return fitted_model(X, model.score(X), model)


FITS = {
    "norm": lambda X: stats.norm(X.mean(axis=0), X.std(axis=0)),
    "norm_ddof": lambda X: stats.norm(X.mean(axis=0), X.std(axis=0, ddof=1)),
    "mixture_1": lambda X: GaussianMixture(1, random_state=0).fit(X),
    "mixture_2": lambda X: GaussianMixture(2, random_state=0).fit(X),
    "mixture_3": lambda X: GaussianMixture(3, random_state=0).fit(X),
    "diag_1": lambda X: GaussianMixture(1, covariance_type="diag", random_state=0).fit(X),
    "diag_2": lambda X: GaussianMixture(2, covariance_type="diag", random_state=0).fit(X),
    "diag_3": lambda X: GaussianMixture(3, covariance_type="diag", random_state=0).fit(X),
    "normal": lambda X: stats.multivariate_normal(X.mean(axis=0), np.cov(X.T)),
    "gaussian_kde": lambda X: stats.gaussian_kde(X.T),
    "kernel": lambda X: KernelDensity(bandwidth=0.5).fit(X),
}


@pytest.mark.parametrize("name", FITS)
@pytest.mark.parametrize("n", [50, 200])
def test_fits_are_found_and_other_rows_pass(name, n, rng):
    rows = rng.standard_normal((2, 10, n, 2)) + 3.0 * (np.arange(n) < n / 2)[:, None]
    for X, other in zip(*rows, strict=True):
        assert not fitted(FITS[name](X), X).passed
        assert fitted(FITS[name](other), X).passed


@pytest.mark.parametrize("law", [stats.norm(3, 2), stats.laplace(3, 2), stats.logistic(3, 2),
                                 stats.t(5, 1, 2), stats.expon(0, 2), stats.cauchy(3, 2)],
                         ids=lambda law: law.dist.name)
@pytest.mark.parametrize("n", [50, 201])
def test_fits_of_scipy_are_found(law, n, rng):
    for x in law.rvs((4, n), random_state=rng):
        assert not fitted(law.dist(*law.dist.fit(x)), x[:, None]).passed


def test_scales_measured_from_an_edge_are_found(rng):
    x = stats.expon.rvs(scale=3, size=80, random_state=rng)
    assert not fitted(stats.expon(scale=x.mean()), x[:, None]).passed
    assert not fitted(stats.expon(2, x.mean()), x[:, None] + 2).passed
    assert not fitted_model(x[:, None], np.full((80, 1), -1 / x.mean())).passed  # score alone
    shape = stats.gamma.fit(x, floc=0)
    assert not fitted(stats.gamma(*shape), x[:, None]).passed


@pytest.mark.parametrize("law", [stats.norm(), stats.laplace(), stats.t(5), stats.expon(),
                                 stats.cauchy(), stats.norm(1000, 1)],
                         ids=["norm", "laplace", "t", "expon", "cauchy", "far"])
@pytest.mark.parametrize("n", [50, 200])
def test_fixed_models_pass(law, n, rng):
    """False alarms of at most .005; measured .0000 to .0040 in 4000 samples."""
    model, repeats = as_score_model(law), 600
    failed = [not fitted_model(X, model.score(X), model).passed
              for X in law.rvs((repeats, n, 1), random_state=rng)]
    assert np.mean(failed) <= above(0.005, repeats)


def test_zero_sum_of_signs_is_no_fit():
    """Half the rows on each side of the centre: chance, for a law whose score is a sign."""
    X = np.r_[-np.arange(1.0, 26), np.arange(1.0, 26)][:, None]
    model = as_score_model(stats.laplace(scale=4))
    assert model.score(X).sum() == 0
    assert fitted_model(X, model.score(X), model).passed


def test_score_of_zero_is_no_fit(rng):
    X = rng.uniform(size=(50, 1))
    assert fitted_model(X, np.zeros((50, 1))).passed


def test_shared_rows(rng):
    """A part of the rows in the estimate is enough; values that repeat by nature are not."""
    X = rng.standard_normal((100, 2))
    half = np.vstack([X[:50], rng.standard_normal((50, 2))])
    assert fitted(stats.gaussian_kde(half.T), X).value == 0.0
    counts, others = rng.poisson(4, (2, 200, 1)).astype(float)
    assert fitted(stats.gaussian_kde(others.T), counts).passed
    assert not fitted(stats.gaussian_kde(counts.T), counts[::-1]).passed


# ------------------------------------------------------------------------------ separated modes
def mixture(means, weights=None):
    """Standard normal components."""
    means = np.atleast_2d(np.asarray(means, dtype=float))
    K, d = means.shape
    weights = np.full(K, 1 / K) if weights is None else np.asarray(weights)
    density = GaussianMixtureDensity(np.log(weights), means, np.broadcast_to(np.eye(d), (K, d, d)))
    return ScoreModel(density.score, density.log_density, None, density.sample)


CENTRES = {1: [[0]], 2: [[0], [8]], 3: [[0, 0], [9, 0], [0, 9]], 4: [[0], [9], [18], [27]]}


@pytest.mark.parametrize("score_alone", [False, True])
@pytest.mark.parametrize("number", CENTRES)
def test_modes_are_counted(number, score_alone, rng):
    model = mixture(CENTRES[number])
    X = model.sample(300, rng)
    known = replace(model, log_density=None) if score_alone else model
    found = separated_modes(known, X, 0.3)
    assert (found.name, found.value, found.threshold) == ("modes", number, 1.0)
    assert "PerturbedSteinTest" in found.advice
    assert found.passed == (number == 1)
    assert separated_modes(known, X, 0.05).passed  # the test has seen a misfit


def test_valleys_of_less_than_three_nats_do_not_count(rng):
    """4 standard deviations make a valley of 1.3 nats, 6 one of 3.8."""
    found = [[separated_modes(mixture([[0], [delta]]), mixture([[0], [delta]]).sample(500, rng), 1)
              .value for _ in range(10)] for delta in (4, 6.5)]
    assert found[0] == [1] * 10
    assert np.mean(found[1]) > 1.5


def test_outliers_of_a_single_mode_do_not_count(rng):
    for law in (stats.multivariate_t(np.zeros(5), df=1), stats.laplace(np.zeros(10)),
                stats.norm(np.zeros(20)), stats.gamma(np.full(4, 3.0)), stats.expon([0, 0])):
        model = as_score_model(law)
        X = model.sample(200, rng)
        assert separated_modes(model, X, 0.5).value == 1
        assert separated_modes(replace(model, log_density=None), X, 0.5).value == 1


def test_a_ring_is_one_mode(rng):
    """Straight lines cross its empty middle; lines between neighbours do not."""
    def log_density(X):
        return -50 * (np.hypot(X[:, 0], X[:, 1]) - 1) ** 2

    angle = rng.uniform(0, 2 * np.pi, 200)
    radius = 1 + 0.1 * rng.standard_normal(200)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    assert separated_modes(ScoreModel(lambda X: X, log_density), X, 0.5).value == 1
    assert separated_modes(ScoreModel(lambda X: X, log_density), X[np.abs(X[:, 0]) > 0.9], 0.5
                           ).value == 2


@pytest.mark.parametrize("middle", [np.nan, -np.inf])
def test_no_density_between_the_rows_is_a_valley(middle, rng):
    def log_density(X):
        return np.where(np.abs(X[:, 0]) > 1, -np.abs(X[:, 0]), middle)

    def score(X):
        return np.where(np.abs(X) > 1, -np.sign(X), np.nan)

    X = (1 + rng.exponential(size=(60, 1))) * np.sign(rng.standard_normal((60, 1)))
    assert separated_modes(ScoreModel(score, log_density), X, 0.5).value == 2


def test_models_that_refuse_points_between_rows_do_not_raise(rng):
    def log_density(X):
        if (np.abs(X) < 1).any():
            raise ValueError("no density here")
        return -np.abs(X[:, 0])

    X = (1 + rng.exponential(size=(60, 1))) * np.sign(rng.standard_normal((60, 1)))
    found = separated_modes(ScoreModel(lambda X: -np.sign(X), log_density), X, 0.5)
    assert np.isnan(found.value)
    assert found.passed


def test_repeated_rows_and_edges_do_no_harm():
    model = as_score_model(stats.beta(2, 2))
    X = np.array([[0.0], [0.0], [0.5], [0.5], [1.0]])
    assert separated_modes(model, X, 0.5).value == 1
    assert separated_modes(model, X[2:4], 0.5).value == 1


# ------------------------------------------------------------------------------ edges
def unknown(frozen, X, score_alone=False):
    """The diagnostic for a model that does not tell its support."""
    model = as_score_model(frozen)
    density = None if score_alone else model.log_density.function
    blind = ScoreModel(model.score.function, density)
    return support_unknown(blind, X, model.score(X))


@pytest.mark.parametrize("score_alone", [False, True])
@pytest.mark.parametrize("n", [50, 200])
def test_data_that_end_are_found(n, score_alone, rng):
    """Measured 1.0 for Exp(1) and .995 for the uniform law in 600 samples."""
    for law in (stats.expon(), stats.expon(scale=1e4), stats.uniform()):
        found = [unknown(law, law.rvs((n, 1), random_state=rng), score_alone) for _ in range(40)]
        assert np.mean([not one.passed for one in found]) >= 0.94
        assert all(one.name == "support_unknown" and one.value <= n for one in found)


@pytest.mark.parametrize("score_alone", [False, True])
@pytest.mark.parametrize("law", [stats.norm(5, 1), stats.norm(4000, 800), stats.lognorm(1),
                                 stats.gamma(3), stats.beta(5, 5)],
                         ids=lambda law: law.dist.name)
def test_data_away_from_an_edge_pass(law, score_alone, rng):
    """No false alarm in 1800 samples of 20 to 200 rows."""
    for n in (50, 200):
        for X in law.rvs((40, n, 1), random_state=rng):
            assert unknown(law, X, score_alone).passed


def test_wrong_models_do_not_bring_an_edge_near(rng):
    """The density of N(2, 1) grows from the rows of N(5, 1) towards 0; no row is near 0."""
    for X in rng.normal(5, 1, (20, 50, 1)):
        assert support_unknown(ScoreModel(lambda X: 2 - X), X, 2 - X).value == 0.0


def test_edges_on_the_other_side(rng):
    x = -rng.exponential(size=(100, 2))
    x[:, 0] = rng.standard_normal(100)
    found = support_unknown(ScoreModel(lambda X: X), x, np.column_stack([-x[:, 0], np.ones(100)]))
    assert not found.passed
    assert "column 1 seems to end at 0" in found.advice
    increasing = stats.beta(3, 1)
    X = increasing.rvs((200, 1), random_state=rng)
    assert "seems to end at 1" in unknown(increasing, X).advice


def test_scores_alone(rng):
    """Without a model the scores at the rows must tell."""
    X = rng.exponential(size=(100, 1))
    assert not support_unknown(None, X, -np.ones((100, 1))).passed
    for law in (stats.lognorm(1), stats.gamma(3)):
        X = law.rvs((100, 1), random_state=rng)
        assert support_unknown(None, X, as_score_model(law).score(X)).passed


def test_known_supports_are_not_doubted(rng):
    model = as_score_model(stats.expon())
    X = model.sample(100, rng)
    assert support_unknown(model, X, model.score(X)) == Diagnostic(
        "support_unknown", 0.0, 5.0, True, support_unknown(model, X, model.score(X)).advice)


def test_boundary_ignored():
    assert not boundary_ignored(1.0).passed
    assert boundary_ignored(1e-9).passed
    assert (boundary_ignored(0.5).name, boundary_ignored(0.5).value) == ("boundary", 0.5)


# ------------------------------------------------------------------------------ bandwidth
def test_median_in_high_dimension():
    assert [median_in_high_dimension(d).passed for d in (1, 4, 5, 50)] == [True, True, False, False]
    assert_allclose(median_in_high_dimension(5).value, 5.0)
    assert median_in_high_dimension(5).name == "bandwidth_high_dimension"
