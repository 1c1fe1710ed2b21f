"""The outer search: numbers of a plain reference implementation, identities, laws, bad problems."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from divest.moments._problem import MomentProblem
from divest.moments._profile import (
    _Search,
    minimise_profile,
    minimise_weighted,
    profile_gradient,
    profile_value,
    within_guard,
)

CASES = {  # divergence, with data features, epsilon, reg
    "cue": ("chi2", False, 1, 0), "el": ("log", False, 1, 0), "et": ("kl", False, 1, 0),
    "kmm": ("kl", True, 1, 0), "kmm_small": ("kl", True, 0.01, 0),
    "kmm_chi2": ("chi2", True, 1, 0), "el_reg": ("log", False, 1, 0.01),
    "kmm_reg": ("kl", True, 1, 0.01), "cue_reg": ("chi2", False, 1, 0.01),
}  # fmt: skip
PLAIN = [case for case in CASES if not CASES[case][1]]
REFERENCE = {  # location of a Laplace sample, found by a plain implementation
    "cue": 0.14383113, "el": 0.14378516, "et": 0.14381791, "el_reg": 0.14459180,
}  # fmt: skip


START = [1.7, 0.4]  # of the curve, whose truth is 2 and 0.5


def even(n):
    return np.full(n, 1 / n)


def problem(psi, jacobian, n, n_params, case="et", **changes):
    divergence, _, epsilon, reg = CASES[case]
    return MomentProblem(psi, jacobian, changes.pop("weights", even(n)), n_params,
                         divergence=divergence, epsilon=epsilon, lam=reg / epsilon, **changes)


def location(x, case="et", **changes):
    """The mean and a bounded score: two moments for one parameter."""

    def psi(theta):
        return np.c_[x - theta[0], np.tanh(2 * (x - theta[0]))]

    def jacobian(theta):
        return np.c_[-np.ones(len(x)), -2 / np.cosh(2 * (x - theta[0])) ** 2][:, :, None]

    Phi = np.c_[np.sin(x), np.cos(x), np.sin(2 * x)] / 2 if CASES[case][1] else None
    changes = {"Phi": None if Phi is None else Phi - Phi.mean(axis=0), "n_psi": 2} | changes
    return problem(psi, jacobian, len(x), 1, case, **changes)


def curve(rng, case="et", n=300, **changes):
    """y = b exp(c t) + u with instruments: four moments for two parameters."""
    z = rng.standard_normal((n, 3))
    u = rng.standard_normal(n)
    t = 0.5 * z.sum(axis=1) / np.sqrt(3) + 0.3 * u + 0.3 * rng.standard_normal(n)
    y = 2 * np.exp(0.5 * t) + u * (1 + 0.5 * z[:, 0] ** 2)

    def psi(theta):
        return (y - theta[0] * np.exp(theta[1] * t))[:, None]

    def jacobian(theta):
        e = np.exp(theta[1] * t)
        return -np.c_[e, theta[0] * t * e][:, None, :]

    Phi = np.tanh(np.c_[t, y / 2, z]) if CASES[case][1] else None
    changes = {"Phi": None if Phi is None else Phi - Phi.mean(axis=0),
               "F": np.c_[np.ones(n), z]} | changes
    return problem(psi, jacobian, n, 2, case, **changes)


@pytest.fixture
def laplace():
    return np.random.default_rng(0).laplace(size=200)


@pytest.mark.parametrize("case", REFERENCE)
def test_reference_numbers(laplace, case):
    fit = minimise_profile(location(laplace, case), [np.median(laplace)])
    assert fit.converged
    assert fit.theta[0] == pytest.approx(REFERENCE[case], abs=1e-8)
    assert fit.n_iter <= 5


def test_reference_numbers_with_data_features(laplace):
    """60 Nystrom features; with other landmarks theta moves by at most 1e-3."""
    features = pytest.importorskip("divest.moments._features")
    scale = features.column_median_distances(laplace[:, None])
    Phi = features.NystromFeatures(scale, 60, 0).fit(laplace[:, None]).transform(laplace[:, None])
    for case, wanted in (("kmm", 0.14403331), ("kmm_small", 0.14619929), ("kmm_chi2", 0.14404460),
                         ("kmm_reg", 0.14485941)):
        fit = minimise_profile(location(laplace, case, Phi=Phi - Phi.mean(axis=0)), [0.13])
        assert fit.converged
        assert fit.theta[0] == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_gradient_against_differences(rng, case):
    """At a point that is not the solution."""
    pb, theta = curve(rng, case), np.array([1.8, 0.6])
    gradient = profile_gradient(pb, theta, profile_value(pb, theta))
    h = 1e-5
    differences = [(profile_value(pb, theta + h * e).value - profile_value(pb, theta - h * e).value)
                   / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_minimum_of_the_profile(rng, case):
    """The gradient vanishes, and no direction goes down."""
    pb = curve(rng, case)
    fit = minimise_profile(pb, START, tol=1e-9)
    assert fit.converged
    assert fit.objective == fit.dual.value
    start = profile_gradient(pb, np.array(START), profile_value(pb, np.array(START)))
    end = profile_gradient(pb, fit.theta, fit.dual)
    assert np.abs(end).max() < 1e-9 * np.abs(start).max()
    for angle in np.linspace(0, 2 * np.pi, 8, endpoint=False):
        near = fit.theta + 1e-2 * np.array([np.cos(angle), np.sin(angle)])
        assert profile_value(pb, near).value > fit.objective


@pytest.mark.parametrize("case", CASES)
def test_order_of_rows_does_not_matter(rng, case):
    pb, order = curve(rng, case), rng.permutation(300)
    turned = replace(pb, psi=lambda t: pb.psi(t)[order],
                     psi_jacobian=lambda t: pb.psi_jacobian(t)[order], F=pb.F[order],
                     Phi=None if pb.Phi is None else pb.Phi[order])
    one, other = (minimise_profile(x, START) for x in (pb, turned))
    np.testing.assert_allclose(other.theta, one.theta, rtol=1e-7)
    assert other.objective == pytest.approx(one.objective, rel=1e-9)


@pytest.mark.parametrize("case", ["cue", "el", "et", "kmm", "kmm_small", "kmm_chi2"])
def test_linear_maps_of_the_moments_do_not_matter(rng, case):
    pb = curve(rng, case)
    mixed = replace(pb, F=pb.F @ (rng.standard_normal((4, 4)) + 3 * np.eye(4)) * [1e5, 1, 1, 1e-5])
    one, other = (minimise_profile(x, START, tol=1e-8) for x in (pb, mixed))
    np.testing.assert_allclose(other.theta, one.theta, rtol=1e-6)
    assert other.objective == pytest.approx(one.objective, rel=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_units_of_the_parameters_do_not_matter(rng, case):
    """theta = M t, with units ten powers of ten apart."""
    pb, M = curve(rng, case), np.array([[1e5, 0], [2e5, 1e-5]])
    other = replace(pb, psi=lambda t: pb.psi(M @ t),
                    psi_jacobian=lambda t: pb.psi_jacobian(M @ t) @ M)
    one = minimise_profile(pb, START, tol=1e-8)
    two = minimise_profile(other, np.linalg.solve(M, START), tol=1e-8)
    assert two.converged
    np.testing.assert_allclose(M @ two.theta, one.theta, rtol=1e-6)


@pytest.mark.parametrize("case", PLAIN)
def test_a_row_twice_is_a_row_of_weight_two(laplace, case):
    twice = np.r_[np.arange(200), 3, 3, 50]
    weights = np.bincount(twice) / 203
    one = minimise_profile(location(laplace, case, weights=weights), [0.1], tol=1e-9)
    other = minimise_profile(location(laplace[twice], case), [0.1], tol=1e-9)
    assert one.theta[0] == pytest.approx(other.theta[0], abs=1e-9)


@pytest.mark.parametrize("case", ["cue", "el", "et", "kmm", "kmm_small"])
def test_exactly_identified(rng, case):
    """As many moments as parameters: every method finds the same root, at no cost."""
    x = rng.standard_normal(150) ** 2

    def psi(theta):
        return np.c_[x - theta[0], (x - theta[0]) ** 2 - theta[1]]

    def jacobian(theta):
        return np.stack([np.c_[-np.ones(150), np.zeros(150)],
                         np.c_[-2 * (x - theta[0]), -np.ones(150)]], axis=1)

    Phi = np.sin(x)[:, None] - np.sin(x).mean() if CASES[case][1] else None
    fit = minimise_profile(problem(psi, jacobian, 150, 2, case, n_psi=2, Phi=Phi), [1.0, 1.0])
    assert fit.converged
    np.testing.assert_allclose(fit.theta, [x.mean(), x.var()], rtol=1e-6)
    assert abs(fit.objective) < 1e-12
    weighted = minimise_weighted(problem(psi, jacobian, 150, 2, case, n_psi=2), [1.0, 1.0], None)
    assert weighted.converged
    np.testing.assert_allclose(weighted.theta, [x.mean(), x.var()], rtol=1e-10)


def optimal(g, w):
    return np.linalg.inv((g.T * w) @ g)


def test_linear_two_step_gmm_in_closed_form(rng):
    n = 200
    Z = rng.standard_normal((n, 4))
    T = Z[:, :2] + 0.5 * Z[:, 2:] + rng.standard_normal((n, 2))
    y = T @ [1.0, -1.0] + rng.standard_normal(n) * (1 + Z[:, 0] ** 2)
    w = rng.random(n)
    w /= w.sum()
    pb = problem(lambda t: (y - T @ t)[:, None], lambda t: -T[:, None, :], n, 2, F=Z, weights=w)
    G, c, theta = (Z.T * w) @ T, (Z.T * w) @ y, np.zeros(2)
    for W in (np.linalg.inv((Z.T * w) @ Z), None):
        if W is None:
            W = optimal(Z * (y - T @ theta)[:, None], w)
        theta = np.linalg.solve(G.T @ W @ G, G.T @ W @ c)
    first = minimise_weighted(pb, [5.0, 5.0], lambda g, w: np.linalg.inv((Z.T * w) @ Z))
    second = minimise_weighted(pb, first.theta, optimal)
    assert first.converged
    assert second.converged
    np.testing.assert_allclose(second.theta, theta, rtol=1e-10)
    np.testing.assert_allclose(second.weight, W, rtol=1e-8)
    residual = c - G @ theta
    assert second.objective == pytest.approx(residual @ W @ residual, rel=1e-10)


def test_rounds_of_weighting_go_one_by_one(rng):
    pb = curve(rng)
    three = minimise_weighted(pb, START, optimal, n_steps=3)
    theta = START
    for _ in range(3):
        theta = minimise_weighted(pb, theta, optimal).theta
    np.testing.assert_allclose(three.theta, theta, rtol=1e-10)
    once = minimise_weighted(pb, START, optimal).theta
    assert np.abs(three.theta - once).max() > 1e-4


def test_weighted_minimum_has_no_slope(rng):
    pb = curve(rng)
    fit = minimise_weighted(pb, START, optimal)

    def objective(theta):
        mean = pb.weights @ pb.moments(theta)
        return mean @ fit.weight @ mean

    slope = approx_fprime(fit.theta, objective, 1e-7)
    assert np.abs(slope).max() < 1e-5 * np.abs(approx_fprime(START, objective, 1e-7)).max()
    assert fit.objective == pytest.approx(objective(fit.theta))


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_units_do_not_stop_the_weighted_search(rng, size):
    """Moments and parameters in other units; W = I."""
    pb = curve(rng)
    other = replace(pb, psi=lambda t: size * pb.psi(t / size**2),
                    psi_jacobian=lambda t: pb.psi_jacobian(t / size**2) / size)
    one = minimise_weighted(pb, START, None)
    two = minimise_weighted(other, size**2 * np.array(START), None)
    np.testing.assert_allclose(two.theta / size**2, one.theta, rtol=1e-8)


def test_weights_that_are_not_finite_end_the_search(rng):
    fit = minimise_weighted(curve(rng), START, lambda g, w: np.full((4, 4), np.nan))
    assert not fit.converged
    assert fit.objective == np.inf
    np.testing.assert_array_equal(fit.theta, START)


def scale_of_exponential(x, limit, counter=None):
    """E[x] = 1 / r and E[x^2] = 2 / r^2, undefined for r below `limit`."""

    def psi(theta):
        outside = theta[0] < limit
        if counter is not None:
            counter.append(outside)
        r = np.nan if outside else theta[0]
        return np.c_[x - 1 / r, x**2 / 2 - 1 / r**2]

    def jacobian(theta):
        ones = np.ones(len(x))
        return np.c_[ones / theta[0] ** 2, 2 * ones / theta[0] ** 3][:, :, None]

    return problem(psi, jacobian, len(x), 1, "cue", n_psi=2)


def test_steps_to_where_moments_are_not_finite_are_refused(rng):
    x, steps = rng.exponential(size=300), []
    pb = scale_of_exponential(x, 0.9, steps)
    for search in (minimise_profile, lambda *problem: minimise_weighted(*problem, None)):
        steps.clear()
        fit = search(pb, [5.0])
        assert any(steps)  # it was tempted
        assert fit.converged
        assert fit.theta[0] == pytest.approx(1.0, abs=0.2)


def test_start_where_moments_are_not_finite(rng):
    pb = scale_of_exponential(rng.exponential(size=50), 0.5)
    fit = minimise_profile(pb, [0.1])
    assert not fit.converged
    assert fit.objective == np.inf
    assert "at the start" in fit.message
    np.testing.assert_array_equal(fit.theta, [0.1])
    assert not minimise_weighted(pb, [0.1], None).converged


def test_start_outside_the_hull(laplace):
    fit = minimise_profile(location(laplace, "et"), [1e3])
    assert not fit.converged
    assert "at the start" in fit.message


def test_jacobian_that_is_not_finite_is_refused(laplace):
    """Moments are finite everywhere, their derivative is not beyond 0.2."""
    pb = location(laplace)
    broken = replace(pb, psi_jacobian=lambda t: pb.psi_jacobian(t) * (np.nan if t[0] > 0.2 else 1))
    far = minimise_profile(broken, [-1.5])
    assert far.converged
    assert far.theta[0] == pytest.approx(0.14381791, abs=1e-7)
    assert not minimise_profile(broken, [0.3]).converged


def test_jacobian_of_the_wrong_sign_does_not_pass(laplace):
    pb = location(laplace)
    turned = replace(pb, psi_jacobian=lambda t: -pb.psi_jacobian(t))
    fit = minimise_profile(turned, [0.3])
    assert not fit.converged
    assert fit.message == "no step lowers the objective"
    assert fit.objective <= profile_value(pb, np.array([0.3])).value


def test_parameter_without_effect_is_found_out(laplace):
    pb = location(laplace)
    idle = replace(pb, n_params=2, psi_jacobian=lambda t: np.concatenate(
        [pb.psi_jacobian(t), np.zeros((200, 2, 1))], axis=2))
    fit = minimise_profile(idle, [0.1, 0.0])
    assert not fit.converged
    assert "do not determine" in fit.message


def test_same_effect_of_two_parameters_is_found_out(laplace):
    pb = location(laplace)
    both = replace(pb, n_params=2, psi=lambda t: pb.psi(t[:1] + t[1:]),
                   psi_jacobian=lambda t: np.repeat(pb.psi_jacobian(t[:1] + t[1:]), 2, axis=2))
    fit = minimise_profile(both, [0.1, 0.0])
    assert not fit.converged
    assert "do not determine" in fit.message


def test_theta_that_runs_off_is_found_out(rng):
    """The objective falls for ever as theta grows, and theta matters less and less."""
    x = 1 + rng.random(100)
    pb = problem(lambda t: np.exp(-t[0]) * np.c_[x, x**2],
                 lambda t: -np.exp(-t[0]) * np.c_[x, x**2][:, :, None], 100, 1, "kmm_reg", n_psi=2)
    fit = minimise_profile(pb, [0.0], tol=1e-12)
    assert not fit.converged
    assert fit.theta[0] > 5


def test_poor_start_that_runs_off_is_found_out(rng):
    """The profile of continuously updated GMM is lower at infinity than at the estimate."""
    pb = curve(rng, "cue")
    good, poor = minimise_profile(pb, START), minimise_profile(pb, [1.0, 0.2])
    assert good.converged
    assert poor.objective < good.objective
    assert not poor.converged
    assert "do not determine" in poor.message
    assert not within_guard(poor.theta, good.theta, 0.1 * np.eye(2), 10)


def test_precision_limits_the_search_not_its_success(laplace):
    """With a tolerance that rounding cannot meet the search ends at the minimum all the same."""
    fit = minimise_profile(location(laplace, "el"), [0.1], tol=1e-12)
    assert fit.theta[0] == pytest.approx(REFERENCE["el"], abs=1e-7)
    assert fit.converged


def test_too_few_steps_go_on_with_another_solver(rng, monkeypatch):
    """The restart ends where enough steps end."""
    pb, restarts = curve(rng, "kmm"), []
    restart = _Search.restart
    monkeypatch.setattr(_Search, "restart", lambda s: (restarts.append(1), restart(s)))
    full = minimise_profile(pb, START, tol=1e-8)
    assert not restarts
    short = minimise_profile(pb, START, tol=1e-8, max_iter=3)
    assert restarts
    np.testing.assert_allclose(short.theta, full.theta, rtol=1e-4)
    one = minimise_profile(pb, START, max_iter=1)
    assert one.objective <= profile_value(pb, np.array(START)).value


def test_unconverged_search_says_so(rng):
    fit = minimise_profile(curve(rng), [0.3, -1.0], max_iter=1)
    assert not fit.converged
    assert "max_iter = 1" in fit.message


def test_profile_value_starts_from_a_dual(rng):
    pb, theta = curve(rng, "kmm"), np.array([1.5, 0.3])
    cold = profile_value(pb, theta)
    warm = profile_value(pb, theta, cold.dual)
    assert warm.n_steps < cold.n_steps
    assert warm.value == pytest.approx(cold.value, rel=1e-12)


def test_guard_is_an_ellipsoid():
    V = np.array([[4.0, 1.0], [1.0, 1.0]])
    direction = np.linalg.cholesky(V) @ [0.6, 0.8]  # one standard error away
    two = np.array([10.0, -3.0])
    reach = np.sqrt(4**2 * 2)
    assert within_guard(two + 0.999 * reach * direction, two, V, 4)
    assert not within_guard(two + 1.001 * reach * direction, two, V, 4)
    units = np.array([1e9, 1e-9])
    for factor, inside in ((0.999, True), (1.001, False)):
        away = (two + factor * reach * direction) * units
        assert within_guard(away, two * units, V * np.outer(units, units), 4) is inside


def test_guard_lets_nothing_pass_that_it_cannot_judge():
    assert not within_guard(np.array([np.nan]), np.zeros(1), np.eye(1), 4)
    assert not within_guard(np.array([np.inf]), np.zeros(1), np.eye(1), np.inf)
    assert not within_guard(np.zeros(1), np.zeros(1), np.full((1, 1), np.nan), 4)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["cue", "el", "et", "kmm"])
def test_every_laplace_sample_converges(case):
    """200 samples of 100 rows, also from starts that are one standard deviation away."""
    for seed in range(200):
        x = np.random.default_rng(seed).laplace(size=100)
        pb = location(x, case)
        near, far = minimise_profile(pb, [np.median(x)]), minimise_profile(pb, [np.median(x) + 1])
        assert near.converged
        assert far.converged
        assert near.theta[0] == pytest.approx(far.theta[0], abs=1e-5)


@pytest.mark.slow
def test_speed_of_a_profile_fit(rng):
    """10,000 rows, 50 moments, 60 data features: 0.3 s alone on one core, and room beside."""
    from time import process_time

    n = 10_000
    z = rng.uniform(-3, 3, (n, 2))
    u = rng.standard_normal(n)
    t = z[:, 0] + 0.5 * u + 0.5 * rng.standard_normal(n)
    y = np.sin(t) + t + u
    centres, others = rng.uniform(-3, 3, (50, 2)), rng.standard_normal((60, 4))
    F = np.exp(-((z[:, None] - centres) ** 2).sum(axis=2) / 2)
    Phi = np.cos(np.c_[t, y, z] @ others.T) / np.sqrt(60)
    pb = problem(lambda a: (y - a[0] * np.sin(t) - a[1] * t)[:, None],
                 lambda a: -np.c_[np.sin(t), t][:, None, :], n, 2, "kmm_reg", F=F,
                 Phi=Phi - Phi.mean(axis=0))
    start = process_time()
    fit = minimise_profile(pb, [0.8, 0.9])
    assert fit.converged
    assert process_time() - start < 3
