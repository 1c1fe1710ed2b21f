"""The inner problem: against a general optimiser, closed forms, and the laws of its solution."""

import numpy as np
import pytest
from scipy.optimize import minimize

from divest.moments._dual import dual_chi2, dual_kl, dual_log
from divest.moments._newton import MAX_STEPS, minimise_newton, solve_positive

N, Q, D = 80, 3, 4
EVEN = np.full(N, 1 / N)
CASES = [("kl", False), ("kl", True), ("chi2", False), ("chi2", True), ("log", False)]
DUALS = {"kl": dual_kl, "chi2": dual_chi2, "log": dual_log}


@pytest.fixture
def g(rng):
    return rng.standard_normal((N, Q)) @ rng.standard_normal((Q, Q)) + [0.3, -0.2, 0.1]


@pytest.fixture
def Phi(rng):
    features = rng.standard_normal((N, D))
    return features - features.mean(axis=0)


@pytest.fixture
def uneven(rng):
    weights = rng.random(N)
    return weights / weights.sum()


def solved(name, with_features, g, Phi, epsilon=1.0, lam=0.0, weights=EVEN, start=None):
    return DUALS[name](g, Phi if with_features else None, epsilon, lam, weights, start)


def primal(name, p, g, Phi, epsilon, lam, w):
    """Objective of the primal problem in the row weights p; Phi is centred on the sample."""
    moved = np.zeros(1) if Phi is None else p @ Phi
    distance = {"kl": lambda: p @ np.log(p / w), "chi2": lambda: 0.5 * (p - w) @ ((p - w) / w),
                "log": lambda: w @ np.log(w / p)}[name]()
    violated = 0.0 if lam == 0 else 0.5 * (p @ g) @ (p @ g) / lam
    return 0.5 * moved @ moved + epsilon * distance + violated


@pytest.mark.parametrize(("name", "with_features"), [case for case in CASES if case[0] != "log"])
@pytest.mark.parametrize(("epsilon", "lam"), [(1, 0.0), (0.05, 0.2), (20, 0.1)])
def test_value_is_that_of_the_primal_problem(g, Phi, uneven, name, with_features, epsilon, lam):
    """No duality gap: the weights are feasible and cost what the dual says."""
    s = solved(name, with_features, g, Phi, epsilon, lam, uneven)
    cost = primal(name, s.weights, g, Phi if with_features else None, epsilon, lam, uneven)
    assert s.converged
    assert s.value == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.2])
@pytest.mark.parametrize("epsilon", [1.0, 0.05, 20.0])
def test_empirical_likelihood_has_no_duality_gap(g, uneven, epsilon, lam):
    """With a ridge its raw weights, which do not sum to 1, are the dual's."""
    s = dual_log(g, None, epsilon, lam, uneven)
    x = 1 + g @ s.alpha / epsilon
    value = epsilon * uneven @ np.log(x) - 0.5 * lam * s.alpha @ s.alpha
    assert (x > uneven).all()
    assert s.value == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(s.raw_weights, uneven / x, rtol=1e-12)
    np.testing.assert_allclose(s.raw_weights @ g, lam * s.alpha, atol=1e-12)
    total = 1 - lam * s.alpha @ s.alpha / epsilon
    assert s.raw_weights.sum() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(("name", "with_features"), CASES)
@pytest.mark.parametrize(("epsilon", "lam"), [(1.0, 0.0), (0.3, 0.05)])
def test_solution_against_a_general_optimiser(g, Phi, uneven, name, with_features, epsilon, lam):
    s = solved(name, with_features, g, Phi, epsilon, lam, uneven)
    features = Phi if with_features else np.zeros((N, 0))
    M, ridge = np.c_[features, -g], np.repeat([1, lam], [features.shape[1], Q])

    def negative(c):
        u = M @ c / epsilon
        loss = {"kl": lambda: np.log(uneven @ np.exp(u)),
                "chi2": lambda: uneven @ u + 0.5 * uneven @ (u - uneven @ u) ** 2,
                "log": lambda: -uneven @ np.log(np.maximum(1 - u, 1e-300))}[name]()
        return epsilon * loss + 0.5 * ridge @ c**2

    found = minimize(negative, np.zeros(len(ridge)), method="BFGS", options={"gtol": 1e-9})
    assert s.value == pytest.approx(-negative(s.dual), rel=1e-10)
    assert s.value == pytest.approx(-found.fun, rel=1e-8)
    np.testing.assert_allclose(s.dual, found.x, atol=1e-4)  # BFGS by differences: ~ sqrt(1e-9)


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_hard_moments_hold_exactly(g, Phi, name, with_features):
    s = solved(name, with_features, g, Phi)
    assert abs(s.weights.sum() - 1) < 1e-12
    assert np.abs(s.weights @ g).max() < 1e-12
    np.testing.assert_array_equal(s.dual[-Q:], s.alpha)


@pytest.mark.parametrize("name", ["kl", "chi2"])
def test_ridge_leaves_what_it_costs(g, Phi, name):
    """The first-order condition of a: the violated mean is lam times a."""
    s = solved(name, True, g, Phi, 0.7, 0.3)
    np.testing.assert_allclose(s.weights @ g, 0.3 * s.alpha, atol=1e-12)
    np.testing.assert_allclose(s.weights @ Phi, -s.dual[:D], atol=1e-12)


def test_chi2_closed_forms(g, Phi):
    """A = lam I + g_c' (n eps I + Phi Phi')^-1 g_c, and the value is gbar' A^-1 gbar / 2."""
    epsilon, lam = 0.4, 0.2
    s = dual_chi2(g, Phi, epsilon, lam, EVEN)
    centred, mean = g - g.mean(axis=0), g.mean(axis=0)
    kernel = N * epsilon * np.eye(N) + Phi @ Phi.T
    A = lam * np.eye(Q) + centred.T @ np.linalg.solve(kernel, centred)
    np.testing.assert_allclose(s.A, A, rtol=1e-12, atol=1e-12 * np.abs(A).max())
    assert s.value == pytest.approx(0.5 * mean @ np.linalg.solve(A, mean), rel=1e-12)


def test_chi2_without_features_is_continuously_updated_gmm(g):
    s, mean = dual_chi2(g, None, 1.0, 0.0, EVEN), g.mean(axis=0)
    omega = np.cov(g.T, bias=True)
    assert s.value == pytest.approx(0.5 * mean @ np.linalg.solve(omega, mean), rel=1e-12)
    np.testing.assert_allclose(s.A, omega, rtol=1e-12)


def test_A_at_moments_with_mean_zero_is_the_closed_form(g, Phi):
    """There a = 0 solves every dual, and the Hessians agree."""
    g = g - g.mean(axis=0)
    wanted = dual_chi2(g, Phi, 0.5, 0.1, EVEN).A
    np.testing.assert_allclose(dual_kl(g, Phi, 0.5, 0.1, EVEN).A, wanted, rtol=1e-10)
    plain = dual_chi2(g, None, 0.5, 0.1, EVEN).A
    np.testing.assert_allclose(dual_kl(g, None, 0.5, 0.1, EVEN).A, plain, rtol=1e-10)
    np.testing.assert_allclose(dual_log(g, None, 0.5, 0.1, EVEN).A, plain, rtol=1e-10)


@pytest.mark.parametrize(("name", "with_features"), [case for case in CASES if case[0] != "log"])
@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_A_is_the_curvature_of_the_dual(g, Phi, name, with_features, lam):
    """The inverse of A is the second derivative of the value in a shift of the moments."""
    h, curvature = 1e-3, np.zeros((Q, Q))

    def value(move):
        return solved(name, with_features, g - move, Phi, 1.0, lam).value

    for i, j in np.ndindex(Q, Q):
        a, b = h * np.eye(Q)[i], h * np.eye(Q)[j]
        differences = value(a + b) - value(a - b) - value(b - a) + value(-a - b)
        curvature[i, j] = differences / (4 * h * h)
    s = solved(name, with_features, g, Phi, 1.0, lam)
    np.testing.assert_allclose(np.linalg.inv(curvature), s.A, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 0.1])
def test_A_of_empirical_likelihood(g, uneven, lam):
    s = dual_log(g, None, 1.0, lam, uneven)
    x = 1 + g @ s.alpha
    wanted = (g.T * (uneven / x**2)) @ g + lam * np.eye(Q)
    np.testing.assert_allclose(s.A, wanted, rtol=1e-10)


def test_one_divergence_for_large_epsilon(g, Phi):
    """With reg = lam * eps fixed, the features count for nothing as eps grows."""
    epsilon, reg = 1e6, 0.1
    far = dual_kl(g, Phi, epsilon, reg / epsilon, EVEN)
    tilted = dual_kl(g, None, 1.0, reg, EVEN)
    assert far.value / epsilon == pytest.approx(tilted.value, rel=1e-5)
    np.testing.assert_allclose(far.weights, tilted.weights, rtol=1e-4)


def test_epsilon_only_scales_empirical_likelihood(g):
    """With reg = lam * eps fixed."""
    one, other = dual_log(g, None, 1.0, 0.1, EVEN), dual_log(g, None, 4.0, 0.025, EVEN)
    assert other.value == pytest.approx(4 * one.value, rel=1e-12)
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-10)
    np.testing.assert_allclose(other.A, one.A / 4, rtol=1e-10)


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_linear_maps_of_the_moments_change_nothing(g, Phi, name, with_features):
    """Even with columns in units that are twelve powers of ten apart."""
    mixed = g @ np.array([[1, 2, 0], [0, 1, -1], [1, 0, 3.0]]) * [1e-6, 1, 1e6]
    s, t = (solved(name, with_features, x, Phi) for x in (g, mixed))
    assert t.value == pytest.approx(s.value, rel=1e-9)
    np.testing.assert_allclose(t.weights, s.weights, rtol=1e-8)


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_rows_of_weight_zero_count_for_nothing(g, Phi, uneven, name, with_features):
    used = np.arange(N) % 4 > 0
    uneven[~used] = 0
    uneven /= uneven.sum()
    s = solved(name, with_features, g, Phi, 0.5, 0.01, uneven)
    t = solved(name, with_features, g[used], Phi[used], 0.5, 0.01, uneven[used])
    assert s.value == pytest.approx(t.value, rel=1e-12)
    np.testing.assert_allclose(s.weights[used], t.weights, rtol=1e-9)
    assert (s.weights[~used] == 0).all()


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_a_row_twice_is_a_row_of_weight_two(g, Phi, name, with_features):
    twice = np.r_[np.arange(N), 5, 7]
    counts = np.bincount(twice) / (N + 2)
    s = solved(name, with_features, g, Phi, weights=counts)
    t = solved(name, with_features, g[twice], Phi[twice], weights=np.full(N + 2, 1 / (N + 2)))
    assert s.value == pytest.approx(t.value, rel=1e-10)
    np.testing.assert_allclose(s.alpha, t.alpha, rtol=1e-8)


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_warm_start_saves_steps_and_changes_nothing(g, Phi, name, with_features):
    cold = solved(name, with_features, g + 1.0, Phi, 0.2, 0.01)
    warm = solved(name, with_features, g + 1.0, Phi, 0.2, 0.01, start=cold.dual)
    assert warm.n_steps == 1
    assert name == "chi2" or cold.n_steps > 2
    np.testing.assert_allclose(warm.dual, cold.dual, rtol=1e-9, atol=1e-12)
    useless = solved(name, with_features, g + 1.0, Phi, 0.2, 0.01, start=1e3 * (cold.dual + 1))
    np.testing.assert_allclose(useless.dual, cold.dual, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", ["kl", "log"])
def test_zero_outside_the_hull_has_no_solution(g, name):
    """Few steps show it; a ridge gives a solution."""
    outside = np.abs(g) + [0.1, 0, 0]
    s = solved(name, False, outside, None)
    assert s.value == np.inf
    assert not s.converged
    assert s.n_steps < 20
    assert np.isfinite(solved(name, False, outside, None, lam=0.01).value)
    assert solved(name, False, outside, None, lam=0.01).converged


def test_zero_outside_the_hull_with_features(g, Phi):
    assert solved("kl", True, np.abs(g) + 0.1, Phi).value == np.inf
    barely = g - g.max(axis=0) - 1e-9
    assert solved("kl", True, barely, Phi).value == np.inf


def test_zero_on_the_edge_of_the_hull():
    """Tilting can put all weight on the edge, at a finite cost; empirical likelihood cannot."""
    g = np.r_[np.zeros(3), np.arange(1.0, 8)][:, None]
    w = np.full(10, 0.1)
    s = dual_kl(g, None, 1.0, 0.0, w)
    assert s.value == pytest.approx(np.log(10 / 3), rel=1e-6)
    assert dual_log(g, None, 1.0, 0.0, w).value == np.inf


@pytest.mark.parametrize(("name", "with_features"), CASES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_moments_that_are_not_finite_have_no_solution(g, Phi, name, with_features, bad):
    g[3, 1] = bad
    s = solved(name, with_features, g, Phi)
    assert s.value == np.inf
    assert not s.converged
    assert s.A.shape == (Q, Q)
    assert len(s.dual) == Q + D * with_features


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_huge_and_tiny_moments_do_not_overflow(g, Phi, name, with_features):
    huge = solved(name, with_features, 1e150 * g, Phi)
    tiny = solved(name, with_features, 1e-150 * g, Phi)
    usual = solved(name, with_features, g, Phi)
    assert huge.value == pytest.approx(usual.value, rel=1e-8)
    assert tiny.value == pytest.approx(usual.value, rel=1e-8)


@pytest.mark.parametrize(("name", "with_features"), CASES)
def test_collinear_moments_are_solved(g, Phi, name, with_features):
    """The value is that of the moments without the copy."""
    doubled = np.c_[g, g[:, 0] - 2 * g[:, 2]]
    s = solved(name, with_features, doubled, Phi)
    assert s.value == pytest.approx(solved(name, with_features, g, Phi).value, rel=1e-6)


def test_reference_rows_join_the_sample(g, Phi, rng):
    """Rows beyond the sample, Phi centred on the sample: the witness b is still mu_n - mu_P."""
    extra, weights = rng.standard_normal((40, Q)), np.full(N + 40, 1 / (N + 40))
    features = np.r_[Phi, rng.standard_normal((40, D))]
    s = dual_kl(np.r_[g, extra], features, 0.5, 0.0, weights)
    np.testing.assert_allclose(s.dual[:D], -(s.weights @ features), atol=1e-12)
    cost = primal("kl", s.weights, None, features, 0.5, 0.0, weights)
    assert s.value == pytest.approx(cost, rel=1e-9)


def test_empirical_likelihood_takes_no_features(g, Phi):
    with pytest.raises(ValueError, match="takes no data features"):
        dual_log(g, Phi, 1.0, 0.0, EVEN)


def test_solve_positive_in_any_units(rng):
    root = rng.standard_normal((4, 4))
    matrix, units = root @ root.T, np.array([1e-9, 1, 1e9, 1e3])
    right = rng.standard_normal((4, 2))
    found = solve_positive(matrix * np.outer(units, units), (right.T * units).T)
    np.testing.assert_allclose((found.T * units).T, np.linalg.solve(matrix, right), rtol=1e-9)


def test_solve_positive_where_nothing_can_be_solved():
    assert solve_positive(np.zeros((2, 2)), np.ones(2)) is None
    assert solve_positive(np.full((2, 2), np.nan), np.ones(2)) is None
    assert solve_positive(np.eye(2), np.array([1.0, np.nan])) is None
    assert solve_positive(-np.eye(2) + 0.5, np.ones(2)) is None
    assert solve_positive(np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones(2)) is None


class Fake:
    """|c|^2 / 2 with a gradient and a Hessian that may be wrong."""

    size = 1.0

    def __init__(self, slope=1.0, curvature=1.0):
        self.slope, self.curvature = slope, curvature

    def value(self, c):
        return 0.5 * float(c @ c), None

    def derivatives(self, c, _):
        return self.slope * c, self.curvature * np.eye(len(c))

    def falls_for_ever(self, c):
        return False


def test_newton_ends_where_it_cannot_go_on():
    start = np.ones(2)
    right = minimise_newton(Fake(), start, None)
    assert right.converged
    assert right.value < 1e-30
    uphill = minimise_newton(Fake(slope=-1), start, None)
    assert not uphill.converged
    assert uphill.value == 1
    slow = minimise_newton(Fake(curvature=100), start, None)
    assert not slow.converged
    assert slow.n_steps == MAX_STEPS
    flat = minimise_newton(Fake(curvature=0), start, None)
    assert not flat.converged
    assert flat.value == -np.inf
