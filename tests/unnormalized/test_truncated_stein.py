"""Minimum Stein discrepancy where the space is cut off: closed forms, errors, edges, accuracy."""

from time import perf_counter

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from test_stein_estimator import CUBIC, KERNELS, by_formula, by_hand, two_columns

from divest import KernelSteinTest, TrustWarning
from divest.kernels import rbf
from divest.unnormalized import SteinEstimator, TruncatedSteinEstimator, gaussian_score

TOO_FEW = pytest.mark.filterwarnings("ignore:.*(boundary_|rows_per):divest.TrustWarning")


def normal_in_ball(rng, n, d, mean=0.5):
    """Rows of N(mean, I) inside the ball about 0 of the radius d^.53."""
    rows = np.empty((0, d))
    while len(rows) < n:
        draws = rng.normal(mean, 1.0, (20 * n, d))
        rows = np.vstack([rows, draws[(draws**2).sum(axis=1) < d**1.06]])
    return rows[:n]


def sphere(rng, m, d):
    points = rng.normal(size=(m, d))
    return d**0.53 * points / np.linalg.norm(points, axis=1, keepdims=True)


def circle(m, radius=2**0.53):
    angles = np.linspace(0, 2 * np.pi, m, endpoint=False)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def score_matching(X):
    """The mean by score matching weighted with the distance g to the sphere, which it must know.

    Least g |psi|^2 / 2 + g div psi + grad g . psi for psi = theta - x.
    """
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    g, slope = X.shape[1]**0.53 - lengths, -X / lengths
    return (g * X - slope).sum(axis=0) / g.sum()


def doubts(estimator):
    return set(estimator.diagnostics_.query("not passed")["name"])


# ------------------------------------------------------------------------------ closed form
@TOO_FEW
@pytest.mark.parametrize("statistic", ["v", "u"])
@pytest.mark.parametrize("kernel", KERNELS[1:3], ids=str)
def test_closed_form_is_that_of_all_pairs(kernel, statistic, rng):
    X, B = rng.normal(size=(18, 2)), rng.normal(size=(4, 2))
    found = TruncatedSteinEstimator(CUBIC, B, kernel=kernel, statistic=statistic, ridge=0.01,
                                    preconditioner=None).fit(X)
    theta, covariance = by_formula(*by_hand(kernel, X, B, 0.01), *two_columns(X), statistic)
    assert_allclose(found.coef_, theta, rtol=1e-6, atol=1e-7)
    assert_allclose(found.cov_params_, covariance, rtol=1e-5, atol=1e-7)


def test_reference_values():
    """N(.5, 1) cut to [0, 2], at 200 fixed quantiles, as dense sums elsewhere gave them."""
    u = (np.arange(1, 201) + 0.5) * 2**0.5 % 1.0
    x = stats.truncnorm.ppf(u, -0.5, 1.5, 0.5, 1.0)[:, None]
    found = TruncatedSteinEstimator(gaussian_score(1.0), [0.0, 2.0], kernel=rbf(0.5), ridge=1e-6,
                                    preconditioner=None).fit(x)
    assert found.coef_[0] == pytest.approx(0.49621908, abs=1e-8)
    assert found.standard_error_[0] == pytest.approx(0.14474858, abs=1e-8)
    assert found.result_.trusted


@TOO_FEW
@pytest.mark.parametrize("statistic", ["v", "u"])
def test_search_finds_the_closed_form(statistic, rng):
    X = normal_in_ball(rng, 150, 2)
    family, B = gaussian_score(), circle(32)
    closed = TruncatedSteinEstimator(family, B, statistic=statistic).fit(X)
    found = TruncatedSteinEstimator(family.score, B, theta0=[0, 0, 1, 0, 1], statistic=statistic)
    found.fit(X)
    assert_allclose(found.coef_, closed.coef_, atol=1e-6)
    assert_allclose(found.cov_params_, closed.cov_params_, atol=1e-6)


@TOO_FEW
def test_boundary_far_away_changes_nothing(rng):
    X = rng.normal(size=(100, 2))
    whole = SteinEstimator(gaussian_score(), kernel="rbf").fit(X)
    found = TruncatedSteinEstimator(gaussian_score(), circle(32, 1e3), kernel="rbf").fit(X)
    assert_allclose(found.coef_, whole.coef_, rtol=1e-10)
    assert_allclose(found.cov_params_, whole.cov_params_, rtol=1e-10)
    assert doubts(found) == {"boundary_distance"}


def test_units_and_place_of_the_columns_do_not_matter(rng):
    X, scale, shift = normal_in_ball(rng, 100, 2), np.array([1e-3, 50.0]), np.array([5.0, -2.0])
    one = TruncatedSteinEstimator(gaussian_score(np.eye(2)), circle(32)).fit(X)
    other = TruncatedSteinEstimator(gaussian_score(np.diag(scale**2)), circle(32) * scale + shift)
    other.fit(X * scale + shift)
    assert_allclose(other.coef_, one.coef_ * scale + shift, rtol=1e-7)
    assert_allclose(other.standard_error_, one.standard_error_ * scale, rtol=1e-7)
    assert_allclose(other.diagnostics_["value"], one.diagnostics_["value"], rtol=1e-7)


def test_points_may_be_a_function_of_the_rows(rng):
    X = normal_in_ball(rng, 100, 2)
    given, made = (TruncatedSteinEstimator(gaussian_score(1.0), points).fit(X)
                   for points in (circle(32), lambda X: circle(16 * X.shape[1])))
    assert_allclose(given.coef_, made.coef_)


@pytest.mark.slow
def test_closed_form_is_faster_than_the_search(rng):
    X, family = normal_in_ball(rng, 500, 2), gaussian_score()
    seconds = []
    for estimator in (TruncatedSteinEstimator(family, circle(64)),
                      TruncatedSteinEstimator(family.score, circle(64), theta0=[0, 0, 1, 0, 1])):
        runs = []
        for _ in range(3):
            start = perf_counter()
            estimator.fit(X)
            runs.append(perf_counter() - start)
        seconds.append(min(runs))
    assert seconds[1] > 5 * seconds[0]


# ------------------------------------------------------------------------------ edges
@pytest.mark.parametrize("m", [4, 31])
def test_too_few_points_are_doubted(m, rng):
    X, found = normal_in_ball(rng, 200, 2), TruncatedSteinEstimator(gaussian_score(1.0), circle(m))
    with pytest.warns(TrustWarning, match=f"boundary_points = {m} .*biased"):
        found.fit(X)
    assert doubts(found) == {"boundary_points"}


def test_points_given_twice_count_once(rng):
    with pytest.warns(TrustWarning, match="boundary_points = 16 "):
        TruncatedSteinEstimator(gaussian_score(1.0), np.tile(circle(16), (2, 1))).fit(
            normal_in_ball(rng, 200, 2))


@pytest.mark.parametrize("points", [[[-0.5]], [[2.0]], [[-0.5], [2.0]]])
def test_one_column_needs_its_ends_only(points, rng):
    x = stats.truncnorm(-0.5, 2.0).rvs((300, 1), random_state=rng)
    found = TruncatedSteinEstimator(gaussian_score(1.0), points).fit(x)
    assert doubts(found) == set()


@pytest.mark.parametrize("radius", [0.3, 0.5])
def test_points_inside_the_rows_are_doubted(radius, rng):
    """As with points in other units: rows lie around them, and beyond them there is the edge."""
    X = normal_in_ball(rng, 500, 2)
    found = TruncatedSteinEstimator(gaussian_score(1.0), circle(64, radius))
    with pytest.warns(TrustWarning, match="boundary_inside = .*rows all around"):
        found.fit(X)
    assert doubts(found) == {"boundary_inside"}


def test_points_inside_beside_the_edge_do_not_bias(rng):
    """A line through the region, whose points belong to the boundary as well as the circle's."""
    line = np.column_stack([np.zeros(32), np.linspace(-1.4, 1.4, 32)])
    errors = []
    for _ in range(40):
        X = normal_in_ball(rng, 300, 2)
        found = TruncatedSteinEstimator(gaussian_score(1.0), np.vstack([circle(64), line]))
        with pytest.warns(TrustWarning, match="boundary_inside"):
            found.fit(X)
        errors.append((found.coef_ - 0.5) / found.standard_error_)
    assert np.abs(np.mean(errors, axis=0)).max() < 3 / 40**0.5
    assert_allclose(np.mean(np.square(errors)), 1.0, atol=3 * (2 / 80)**0.5)


@pytest.mark.parametrize("n", [40, 300, 2000])
def test_corners_are_not_inside(n, rng):
    """A region in the shape of an L, with a corner that points inwards."""
    X = rng.uniform(0, 2, (3 * n, 2))
    X = X[(X > 1).sum(axis=1) < 2][:n]
    corners = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2.0]])
    steps = np.linspace(0, 1, 10, endpoint=False)[:, None]
    edge = np.vstack([a + steps * (b - a)
                      for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)])
    assert doubts(TruncatedSteinEstimator(gaussian_score(1.0), edge).fit(X)) == set()


def test_fitted_model_is_tested_with_the_same_points(rng):
    X = normal_in_ball(rng, 800, 2)
    estimator = TruncatedSteinEstimator(gaussian_score(1.0), circle(64)).fit(X[:400])
    test = KernelSteinTest(estimator, boundary_points=circle(64), random_state=0, n_resamples=199)
    assert test.fit(X[400:]).pvalue_ > 0.05
    assert set(test.diagnostics_["name"]) >= {"boundary_points", "boundary_inside",
                                              "boundary_distance"}
    plain_test = KernelSteinTest(estimator.model(), random_state=0, n_resamples=199)
    assert plain_test.fit(X[400:]).pvalue_ == 0.005
    with pytest.warns(TrustWarning, match="boundary_inside"):
        test.set_params(boundary_points=circle(64, 0.4)).fit(X[400:])
    with pytest.warns(TrustWarning, match="boundary_distance"):
        test.set_params(boundary_points=circle(64, 40)).fit(X[400:])
    assert estimator.model().sample is None  # draws of the whole law are not of the part


# ------------------------------------------------------------------------------ wrong input
def test_points_that_a_tiny_ridge_cannot_tell_apart(rng):
    points = np.tile(circle(32), (3, 1))
    with pytest.raises(ValueError, match="larger ridge"):
        TruncatedSteinEstimator(gaussian_score(1.0), points, ridge=1e-200).fit(
            rng.normal(size=(50, 2)))


@pytest.mark.parametrize(("parameters", "message"), [
    ({"boundary_points": None}, "boundary_points is None"),
    ({"boundary_points": [[1.0]]}, "must have the 2 columns of X"),
    ({"boundary_points": [[1.0, np.nan]]}, "boundary_points contains NaN"),
    ({"ridge": 0.0}, "ridge"), ({"ridge": "some"}, "ridge"), ({"family": None}, "family must be"),
])
def test_wrong_parameters(parameters, message, rng):
    parameters = {"family": gaussian_score(1.0), "boundary_points": circle(32)} | parameters
    with pytest.raises((ValueError, TypeError), match=message):
        TruncatedSteinEstimator(**parameters).fit(rng.normal(size=(50, 2)))


# ------------------------------------------------------------------------------ calibration
calibration = [pytest.mark.slow,
               pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")]


@pytest.mark.parametrize(("d", "m", "runs"), [
    pytest.param(2, 64, 20),
    pytest.param(1, 2, 300, marks=calibration), pytest.param(2, 64, 300, marks=calibration),
    pytest.param(4, 128, 150, marks=calibration), pytest.param(6, 288, 60, marks=calibration)])
def test_accuracy_and_coverage(d, m, runs):
    """Mean errors beside those of a method that knows the boundary, and intervals of 95 %."""
    own, known, ignoring, inside = [], [], [], []
    for run in range(runs):
        rng = np.random.default_rng([run, d])
        X = normal_in_ball(rng, 300, d)
        points = np.array([[-1.0], [1.0]]) if d == 1 else sphere(rng, m, d)
        found = TruncatedSteinEstimator(gaussian_score(1.0), points).fit(X)
        own.append(np.linalg.norm(found.coef_ - 0.5))
        known.append(np.linalg.norm(score_matching(X) - 0.5))
        ignoring.append(np.linalg.norm(X.mean(axis=0) - 0.5))
        inside.append(np.abs(found.coef_ - 0.5) < 1.96 * found.standard_error_)
    error = 3 * np.std(np.subtract(own, known)) / runs**0.5 / np.mean(known)
    assert np.mean(own) < (1.15 + error) * np.mean(known)
    assert np.mean(own) < np.mean(ignoring)
    reach = 3 * (0.05 * 0.95 / (runs * d))**0.5
    assert 0.93 - reach < np.mean(inside) < 0.95 + reach
    if d == 2:
        assert np.mean(own) <= 0.15 + 3 * np.std(own) / runs**0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
def test_level_and_power_of_the_projected_test():
    """True laws cut to a ball: the projected test keeps its level, the plain one rejects them."""
    runs, n = 300, 300
    rejections = {"projected": [], "plain": [], "other": []}
    for run in range(runs):
        rng = np.random.default_rng([run, 9])
        X, points = normal_in_ball(rng, n, 2), sphere(rng, 64, 2)
        for name, mean, boundary, limit in (("projected", 0.5, points, runs),
                                            ("plain", 0.5, None, 40), ("other", 1.5, points, 40)):
            if run < limit:
                test = KernelSteinTest(lambda X, mean=mean: mean - X, boundary_points=boundary,
                                       n_resamples=199, random_state=run).fit(X)
                rejections[name].append(test.pvalue_ <= 0.05)
    assert 0.03 <= np.mean(rejections["projected"]) <= 0.09
    assert np.mean(rejections["plain"]) == 1.0
    assert np.mean(rejections["other"]) >= 0.9
