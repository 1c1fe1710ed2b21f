"""Minimum Stein discrepancy on the whole space: closed form, search, errors, families."""

import pickle
import tracemalloc

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import CompositeSteinTest, ConvergenceWarning, KernelSteinTest, TrustWarning
from divest.goodness_of_fit import as_score_model, check_score
from divest.kernels import imq, log_inverse, matern32, matern52, median_bandwidth, rbf
from divest.unnormalized import (
    LinearScore,
    SteinEstimator,
    TruncatedSteinEstimator,
    exponential_family,
    gaussian_score,
)
from divest.unnormalized._equations import inverse_of
from divest.unnormalized._pairs import SIDE, RowPairs

KERNELS = [imq(bandwidth=0.9), rbf(0.8), matern32(1.1), matern52(0.7), log_inverse(bandwidth=1.3),
           rbf(0.5) + imq(bandwidth=2.0)]


def by_hand(kernel, X, B=None, ridge=1e-3, step=1e-5):
    """K~ (n, n) and d K~(x_i, x_j) / d x_jl (n, n, d), the second by central differences."""
    def value(x, y):
        return float(kernel.profile(np.array([((x - y)**2).sum()]))[0][0])

    def held(x, y):
        if B is None:
            return value(x, y)
        left, right = ([value(z, b) for b in B] for z in (x, y))
        return value(x, y) - left @ inverse @ right

    n, d = X.shape
    if B is not None:
        m = range(len(B))
        inverse = np.linalg.inv([[value(B[a], B[b]) + ridge * (a == b) for b in m] for a in m])
    K, G = np.empty((n, n)), np.empty((n, n, d))
    for i in range(n):
        for j in range(n):
            K[i, j] = held(X[i], X[j])
            for c, move in enumerate(step * np.eye(d)):
                G[i, j, c] = (held(X[i], X[j] + move) - held(X[i], X[j] - move)) / (2 * step)
    return K, G


def by_formula(K, G, gamma, b, statistic="v"):
    """theta = -Q^-1 c and the sandwich, with sums over all pairs."""
    K, G, n = K.copy(), G.copy(), len(K)
    if statistic == "u":
        np.fill_diagonal(K, 0)
        G[np.arange(n), np.arange(n)] = 0
    Q = np.einsum("ilp,ij,jlq->pq", gamma, K, gamma)
    c = np.einsum("ilp,ij,jl->p", gamma, K, b) + np.einsum("ilp,ijl->p", gamma, G)
    theta = -np.linalg.solve(Q, c)
    psi = gamma @ theta + b
    q = (np.einsum("ilp,ij,jl->ijp", gamma, K, psi) + np.einsum("ilp,ijl->ijp", gamma, G))
    both = q + q.transpose(1, 0, 2)
    pairs = n if statistic == "v" else n - 1
    inverse = np.linalg.inv(Q / (n * pairs))
    middle = np.atleast_2d(np.cov(both.sum(axis=1).T / pairs))
    return theta, inverse @ middle @ inverse / n


def two_columns(X):
    """A family in two columns: derivatives for 3 parameters, and an offset."""
    gamma = np.stack([np.column_stack([-np.ones(len(X)), X[:, 1]]), -X,
                      np.column_stack([np.ones(len(X)), np.cos(X[:, 0])])], axis=2)
    return gamma, -X**3


CUBIC = LinearScore(lambda X: two_columns(X)[0], lambda X: two_columns(X)[1])


# ------------------------------------------------------------------------------ closed form
@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_closed_form_is_that_of_all_pairs(kernel, statistic, rng):
    X = rng.normal(size=(18, 2))
    found = SteinEstimator(CUBIC, kernel=kernel, statistic=statistic, preconditioner=None)
    with pytest.warns(TrustWarning, match="rows_per_parameter"):
        found.fit(X)
    theta, covariance = by_formula(*by_hand(kernel, X), *two_columns(X), statistic)
    assert_allclose(found.coef_, theta, rtol=1e-6, atol=1e-7)
    assert_allclose(found.cov_params_, covariance, rtol=1e-5, atol=1e-7)
    assert_allclose(found.standard_error_**2, np.diag(covariance), rtol=1e-5)


def test_mean_of_two_rows_by_hand():
    """Any kernel of the distance puts the mean of a normal law between two rows."""
    with pytest.warns(TrustWarning):
        found = SteinEstimator(gaussian_score(1.0)).fit([[1.0], [4.0]])
    assert_allclose(found.coef_, [2.5])


def test_constant_kernel_is_score_matching_of_means(rng):
    """With a very long kernel Q = n^2 and c = -sum of rows: the sample mean and its error."""
    X = rng.normal(size=(200, 2)) * [1.0, 3.0]
    found = SteinEstimator(gaussian_score(1.0), bandwidth=1e6, preconditioner=None).fit(X)
    assert_allclose(found.coef_, X.mean(axis=0), atol=1e-9)
    assert_allclose(found.cov_params_, np.cov(X.T) / 200, rtol=1e-6)


@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("with_boundary", [True, False])
def test_tiles_give_the_sums_of_whole_matrices(diagonal, with_boundary, rng, monkeypatch):
    monkeypatch.setattr("divest.unnormalized._pairs.SIDE", 7)
    Z, A, kernel = rng.normal(size=(23, 2)), rng.normal(size=(23, 2, 3)), imq(bandwidth=0.8)
    B = rng.normal(size=(4, 2)) if with_boundary else None
    pairs = RowPairs(Z, kernel, B, 1e-3, diagonal)
    K, G = by_hand(kernel, Z, B)
    if not diagonal:
        np.fill_diagonal(K, 0)
        G[np.arange(23), np.arange(23)] = 0
    smoothed, returned, drift = pairs.act(A)
    assert_allclose(smoothed, np.einsum("ij,jlq->ilq", K, A), atol=1e-12)
    assert_allclose(pairs.smooth(A), smoothed, atol=1e-12)
    assert_allclose(returned, np.einsum("jlq,jil->iq", A, G), atol=1e-8)
    assert_allclose(drift, G.sum(axis=1), atol=1e-8)
    assert pairs.count == (529 if diagonal else 506)


def test_no_matrix_of_all_pairs_is_held(rng):
    n = 3 * SIDE
    X, circle = rng.normal(size=(n, 2)), np.array([[np.cos(a), np.sin(a)] for a in range(40)])
    tracemalloc.start()
    TruncatedSteinEstimator(gaussian_score(), 4 * circle).fit(X)
    SteinEstimator(lambda X, theta: theta[0] - X, theta0=[0.0]).fit(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.75 * 8 * n * n + 6 * 8 * SIDE**2


# ------------------------------------------------------------------------------ search
@pytest.mark.parametrize("statistic", ["v", "u"])
def test_search_finds_the_closed_form(statistic, rng):
    X = rng.normal(1.0, 2.0, size=(60, 2))
    closed = SteinEstimator(gaussian_score(), statistic=statistic).fit(X)
    family = gaussian_score()
    found = SteinEstimator(family.score, theta0=[0, 0, 1, 0, 1], statistic=statistic).fit(X)
    assert_allclose(found.coef_, closed.coef_, atol=1e-6)
    assert_allclose(found.cov_params_, closed.cov_params_, atol=1e-6)


def location_scale(X, theta):
    """Normal law of mean theta_0 and log standard deviation theta_1."""
    return (theta[0] - X) * np.exp(-2 * theta[1])


def test_parameters_of_another_form_describe_the_same_law(rng):
    """Estimates translate into one another, standard errors by the delta method."""
    X = rng.normal(3.0, 2.0, size=(300, 1))
    natural = SteinEstimator(gaussian_score()).fit(X)
    other = SteinEstimator(location_scale, theta0=[0.0, 0.0]).fit(X)
    mean, covariance = natural.family.mean_and_covariance(natural.coef_)
    assert_allclose(other.coef_, [mean[0], np.log(covariance[0, 0]) / 2], atol=1e-6)
    a, precision = natural.coef_
    slopes = np.array([[1 / precision, -a / precision**2], [0, -0.5 / precision]])
    assert_allclose(other.cov_params_, slopes @ natural.cov_params_ @ slopes.T, rtol=1e-4)


def test_second_derivatives_of_scores_count_where_the_family_is_wrong(rng):
    """For rows that are far from normal the two forms agree only with them."""
    X = rng.exponential(size=(150, 1))**2
    natural = SteinEstimator(gaussian_score()).fit(X)
    other = SteinEstimator(location_scale, theta0=[1.0, 0.0]).fit(X)
    a, precision = natural.coef_
    slopes = np.array([[1 / precision, -a / precision**2], [0, -0.5 / precision]])
    assert_allclose(other.cov_params_, slopes @ natural.cov_params_ @ slopes.T, rtol=1e-4)


def test_search_that_ends_nowhere_warns(rng):
    X = rng.normal(size=(50, 1))
    with pytest.warns(ConvergenceWarning, match="standard errors away"):
        SteinEstimator(lambda X, theta: -X + abs(theta[0])**0.1,
                       theta0=[3.0]).fit(X)


# ------------------------------------------------------------------------------ laws
def test_units_and_place_of_the_columns_do_not_matter(rng):
    X, scale, shift = rng.normal(size=(100, 2)), np.array([1e-3, 50.0]), np.array([5.0, -2.0])
    one = SteinEstimator(gaussian_score(np.eye(2))).fit(X)
    other = SteinEstimator(gaussian_score(np.diag(scale**2))).fit(X * scale + shift)
    assert_allclose(other.coef_, one.coef_ * scale + shift, rtol=1e-9)
    assert_allclose(other.standard_error_, one.standard_error_ * scale, rtol=1e-9)


def test_order_of_the_rows_does_not_matter(rng):
    X = rng.normal(size=(100, 2))
    one, other = (SteinEstimator(gaussian_score()).fit(rows) for rows in (X, X[::-1]))
    assert_allclose(other.coef_, one.coef_, rtol=1e-10)


def test_bandwidth_is_the_median_of_scaled_rows(rng):
    X = rng.normal(size=(80, 2)) * [1, 7]
    found = SteinEstimator(gaussian_score()).fit(X)
    assert found.bandwidth_ == pytest.approx(median_bandwidth(X / X.std(axis=0)))
    fixed = SteinEstimator(gaussian_score(), kernel=imq(bandwidth=found.bandwidth_)).fit(X)
    assert_allclose(fixed.coef_, found.coef_, rtol=1e-12)
    assert fixed.bandwidth_ == found.bandwidth_


# ------------------------------------------------------------------------------ families
def test_differences_of_statistics_are_the_derivatives(rng):
    X = rng.normal(3.0, 2.0, size=(50, 2))
    family = exponential_family(
        lambda X: np.column_stack([X, -0.5 * X[:, 0]**2, -X[:, 0] * X[:, 1], -0.5 * X[:, 1]**2]),
        lambda X: -0.25 * (X**4).sum(axis=1), names="abcde")
    gamma, offset = family.fields(X)
    wanted, _ = gaussian_score().fields(X)
    assert_allclose(gamma, wanted, atol=1e-7)
    assert_allclose(offset, -X**3, rtol=1e-7, atol=1e-7)
    assert family.parameter_names(2, 5) == list("abcde")


@pytest.mark.parametrize("place", [0.0, 1e4, 1e8])
def test_differences_hold_where_values_are_far_from_0(place, rng):
    """Steps that grow with the values alone would lead out of the rows."""
    X = place + rng.normal(size=(50, 1))
    gamma, _ = exponential_family(lambda X: (X - place)**4).fields(X)
    assert_allclose(gamma[:, :, 0], 4 * (X - place)**3, rtol=1e-5, atol=1e-5)


def test_differences_do_not_step_over_an_edge_at_0():
    X = np.array([1e-12, 1e-6, 1e-5, 1e-3, 0.1, 1.0, 3.0])[:, None]
    gamma, _ = exponential_family(lambda X: np.hstack([np.log(X), X**2])).fields(X)
    assert_allclose(gamma[:, 0, 0], 1 / X[:, 0], rtol=1e-4)
    assert_allclose(gamma[:, 0, 1], 2 * X[:, 0], rtol=1e-6)


def test_gaussian_scores_are_those_of_the_law(rng):
    mean, covariance = np.array([1.0, -2.0, 0.5]), np.cov(rng.normal(size=(3, 9)))
    X, precision = rng.normal(size=(5, 3)), np.linalg.inv(covariance)
    wanted = (mean - X) @ precision
    assert_allclose(gaussian_score(covariance).score(X, mean), wanted)
    theta = np.r_[precision @ mean, precision[np.triu_indices(3)]]
    assert_allclose(gaussian_score().score(X, theta), wanted)
    found = gaussian_score().mean_and_covariance(theta)
    assert_allclose(found[0], mean)
    assert_allclose(found[1], covariance)
    assert gaussian_score().parameter_names(2, 5) == [
        "precision_mean_0", "precision_mean_1", "precision_0_0", "precision_0_1", "precision_1_1"]


@pytest.mark.parametrize("family", [gaussian_score(), gaussian_score([[2.0, 0.5], [0.5, 1.0]])])
def test_fitted_normal_law_is_sampled(family, rng):
    X = rng.multivariate_normal([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]], 2000)
    estimator = SteinEstimator(family).fit(X[:500])
    draws = estimator.model().sample(2000, 0)
    assert_allclose(draws.mean(axis=0), X.mean(axis=0), atol=5 * (2 / 500)**0.5)
    assert_allclose(np.cov(draws.T), np.cov(X.T), atol=0.6)


@pytest.mark.parametrize("covariance", [0.0, -1.0, "wide", [[1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]],
                                        np.nan, []])
def test_covariance_is_checked(covariance):
    with pytest.raises(ValueError, match="covariance must be"):
        gaussian_score(covariance)


def test_precision_of_no_law():
    with pytest.raises(ValueError, match="not positive definite"):
        gaussian_score().mean_and_covariance([1.0, -1.0])


# ------------------------------------------------------------------------------ results
def test_results_have_names_and_intervals(rng):
    X = rng.normal(size=(100, 2))
    found = SteinEstimator(gaussian_score(1.0)).fit(X)
    table = found.confidence_interval(0.9)
    assert list(table["parameter"]) == ["mean_0", "mean_1"]
    assert_allclose(table["high"] - found.coef_, 1.6448536 * found.standard_error_, rtol=1e-6)
    assert "mean_1" in found.summary()
    assert "100 rows" in found.summary()
    assert set(found.diagnostics_["name"]) == {"rows_per_parameter"}
    assert found.result_.trusted


def test_model_is_taken_by_tests_of_fit(rng):
    X = rng.normal(2.0, 3.0, size=(200, 2))
    estimator = SteinEstimator(gaussian_score()).fit(X[:100])
    for model in (estimator, estimator.model()):
        assert check_score(model, X) < 1e-4
        assert KernelSteinTest(model, random_state=0, n_resamples=99).fit(X[100:]).pvalue_ > 0.05
    assert as_score_model(estimator).n_features == 2
    assert isinstance(pickle.loads(pickle.dumps(estimator.model())), type(estimator.model()))


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("null", ["parametric", "wild"])
def test_family_of_a_composite_test(null, rng):
    def pvalue(X):
        test = CompositeSteinTest(SteinEstimator(gaussian_score()), null=null, n_resamples=99,
                                  random_state=0)
        return test.fit(X).pvalue_

    assert pvalue(rng.normal(3.0, 2.0, size=(100, 1))) > 0.1
    assert pvalue(rng.standard_t(1.5, size=(100, 1))) < 0.05


def test_fitted_estimator_is_no_family(rng):
    estimator = SteinEstimator(gaussian_score()).fit(rng.normal(size=(50, 1)))
    with pytest.raises(TypeError, match="already has parameters"):
        CompositeSteinTest(estimator).fit(rng.normal(size=(50, 1)))
    with pytest.raises(ValueError, match="not fitted"):
        KernelSteinTest(SteinEstimator(gaussian_score())).fit(rng.normal(size=(50, 1)))


# ------------------------------------------------------------------------------ wrong input
def test_direction_that_stays_free_is_named(rng):
    twice = LinearScore(lambda X: np.concatenate([np.ones((len(X), 1, 1)), 2 * np.ones(
        (len(X), 1, 1)), -X[:, :, None]], axis=2), names=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"along (\+1 a -0.5 b|-0.5 a \+1 b|-0.5 b \+1 a)\. "):
        SteinEstimator(twice).fit(rng.normal(size=(50, 1)))
    none = LinearScore(lambda X: np.concatenate([X[:, :, None], 0 * X[:, :, None]], axis=2))
    with pytest.raises(ValueError, match=r"along \+1 theta_1\. "):
        SteinEstimator(none).fit(rng.normal(size=(50, 1)))


def test_inverse():
    assert_allclose(inverse_of(np.array([[4.0, 1e3], [1e3, 1e6]]), "ab"),
                    np.linalg.inv([[4.0, 1e3], [1e3, 1e6]]))
    with pytest.raises(ValueError, match="statistic='v'"):
        inverse_of(np.array([[1.0, 2.0], [2.0, 1.0]]), "ab")


@pytest.mark.parametrize(("parameters", "message"), [
    ({"family": None}, "family must be a LinearScore"),
    ({"theta0": [0.0]}, "leave theta0 out"),
    ({"family": location_scale}, "needs theta0"),
    ({"family": location_scale, "theta0": "start"}, "needs theta0"),
    ({"family": location_scale, "theta0": [np.nan, 0.0]}, "needs theta0"),
    ({"family": lambda X, theta: X[:, 0] * theta, "theta0": [1.0]}, "of the shape of X"),
    ({"family": lambda X, theta: X * np.inf, "theta0": [1.0]}, "score at theta0"),
    ({"kernel": "matern12"}, "matern12"), ({"bandwidth": 0.0}, "bandwidth"),
    ({"bandwidth": "auto"}, "bandwidth must be 'median'"), ({"statistic": "w"}, "statistic"),
    ({"preconditioner": "covariance"}, "preconditioner"),
    ({"kernel": rbf(1.0), "bandwidth": 2.0}, "bandwidth of its own"),
    ({"family": LinearScore(np.ones_like)}, "gamma must give an array of shape"),
    ({"family": LinearScore(lambda X: X[:, :, None], lambda X: X[:, 0])}, "offset must give"),
    ({"family": LinearScore(lambda X: X[:, :, None] / 0 * np.nan)}, "gamma"),
    ({"family": LinearScore(lambda X: X[:, :, None], names=["a", "b"])}, "names must hold"),
    ({"family": exponential_family(lambda X: X[:, 0])}, "statistics must give"),
    ({"family": exponential_family(lambda X: X, lambda X: X)}, "log_base must give"),
    ({"family": gaussian_score(np.eye(2))}, "X has 1"),
])
@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_wrong_parameters(parameters, message, rng):
    parameters = {"family": gaussian_score()} | parameters
    with pytest.raises((ValueError, TypeError), match=message):
        SteinEstimator(**parameters).fit(rng.normal(size=(30, 1)))


def test_family_of_a_wrong_type(rng):
    for family in ("normal", stats.norm, LinearScore):
        with pytest.raises(TypeError, match="family must be"):
            SteinEstimator(family if family is not stats.norm else 3).fit(rng.normal(size=(30, 1)))


def test_constant_columns_are_refused():
    with pytest.raises(ValueError, match="one value only: 1"):
        SteinEstimator(gaussian_score()).fit([[1.0, 2.0], [3.0, 2.0], [0.0, 2.0]])


def test_scores_beyond_the_floats_are_refused(rng):
    with pytest.raises(ValueError, match="the scores of X are too large"):
        SteinEstimator(gaussian_score()).fit(1e100 * rng.normal(size=(20, 2)))


def test_pipeline_and_clone(rng):
    X = rng.normal(5.0, 2.0, size=(60, 2))
    alone = SteinEstimator(gaussian_score(1.0)).fit(StandardScaler().fit_transform(X))
    piped = make_pipeline(StandardScaler(), clone(alone)).fit(X)[-1]
    assert_allclose(piped.coef_, alone.coef_, rtol=1e-12)
    assert repr(clone(alone)) == repr(alone)


# ------------------------------------------------------------------------------ calibration
@pytest.mark.slow
@pytest.mark.skipif(not plain.COMPILED, reason="one run of the simulation is enough")
def test_coverage_and_efficiency_for_a_normal_law():
    """Errors near those of greatest likelihood, whose ratio of mean squares is near 1."""
    runs, n, precision = 300, 300, np.linalg.inv([[1.0, 0.5], [0.5, 1.0]])
    truth = np.r_[precision @ [0.5, 0.0], precision[np.triu_indices(2)]]
    inside, own, likelihood = np.empty((3, runs, 5))
    for run in range(runs):
        X = np.random.default_rng([run, 3]).multivariate_normal([0.5, 0], [[1, 0.5], [0.5, 1]], n)
        found = SteinEstimator(gaussian_score()).fit(X)
        own[run] = found.coef_ - truth
        inside[run] = np.abs(own[run]) < 1.96 * found.standard_error_
        fit = np.linalg.inv(np.cov(X.T))
        likelihood[run] = np.r_[fit @ X.mean(axis=0), fit[np.triu_indices(2)]] - truth
    assert (inside.mean(axis=0) > 0.95 - 0.02 - 3 * (0.05 * 0.95 / runs)**0.5).all()
    assert (inside.mean(axis=0) < 0.95 + 3 * (0.05 * 0.95 / runs)**0.5).all()
    assert ((own**2).mean(axis=0) < 1.3 * (likelihood**2).mean(axis=0)).all()
