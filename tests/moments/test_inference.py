"""Covariances and tests, against closed forms and plain sums."""

import numpy as np
import pytest
from scipy.stats import chi2

from divest.moments._inference import (
    between,
    default_lags,
    hessian,
    j_statistic,
    local_rank,
    newey_windmeijer,
    omega,
    s_statistic,
    sandwich,
    wald,
)
from divest.moments._mixture import mixture_sf


@pytest.fixture
def moments(rng):
    return rng.standard_normal((60, 3)) @ rng.standard_normal((3, 3)) + 0.1


@pytest.fixture
def design(rng):
    """Jacobian, weight and variance of four moments and two parameters."""
    Gamma, root = rng.standard_normal((4, 2)), rng.standard_normal((2, 4, 4))
    W, Omega = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(4)
    return Gamma, W, Omega


EVEN = np.full(60, 1 / 60)


def test_robust_omega_is_the_covariance_of_the_moments(moments):
    np.testing.assert_allclose(omega(moments, EVEN), np.cov(moments.T, bias=True), rtol=1e-12)


def test_weights_enter_squared_about_the_weighted_mean(moments, rng):
    w = rng.dirichlet(np.ones(60))
    expected = sum(60 * w[i] ** 2 * np.outer(g, g)
                   for i, g in enumerate(moments - w @ moments))
    np.testing.assert_allclose(omega(moments, w), expected, rtol=1e-12)


def test_cluster_omega_sums_within_groups(moments, rng):
    groups = rng.choice(list("abcdefg"), 60)
    centred, expected = moments - moments.mean(axis=0), np.zeros((3, 3))
    for group in "abcdefg":
        total = sum(centred[i] for i in range(60) if groups[i] == group)
        expected += np.outer(total, total) / 60
    found = omega(moments, EVEN, cov_type="cluster", groups=groups)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    alone = omega(moments, EVEN, cov_type="cluster", groups=np.arange(60))
    np.testing.assert_allclose(alone, omega(moments, EVEN), rtol=1e-12)


def test_hac_omega_is_a_double_sum_with_bartlett_weights(moments):
    centred, expected = moments - moments.mean(axis=0), np.zeros((3, 3))
    for i in range(60):
        for j in range(60):
            expected += max(0, 1 - abs(i - j) / 6) * np.outer(centred[i], centred[j]) / 60
    found = omega(moments, EVEN, cov_type="hac", max_lags=5)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    none = omega(moments, EVEN, cov_type="hac", max_lags=0)
    np.testing.assert_allclose(none, omega(moments, EVEN), rtol=1e-12)
    assert np.linalg.eigvalsh(found).min() > 0


def test_default_lags():
    assert [default_lags(n) for n in (2, 100, 1000)] == [1, 4, 6]
    shape = omega(np.arange(8.0).reshape(4, 2), np.full(4, 0.25), cov_type="hac").shape
    assert shape == (2, 2)


def test_sandwich_with_the_efficient_weight_collapses(design):
    Gamma, _, Omega = design
    found = sandwich(Gamma, np.linalg.inv(Omega), Omega, 50)
    expected = np.linalg.inv(Gamma.T @ np.linalg.inv(Omega) @ Gamma) / 50
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_sandwich_is_the_variance_of_the_linear_estimate(design):
    """The minimiser for linear moments is a matrix times the mean moment."""
    Gamma, W, Omega = design
    M = np.linalg.solve(Gamma.T @ W @ Gamma, Gamma.T @ W)
    np.testing.assert_allclose(sandwich(Gamma, W, Omega, 50), M @ Omega @ M.T / 50, rtol=1e-9)
    without = sandwich(Gamma[:, [0, 0]], W, Omega, 50)
    assert np.isnan(without).all()


def test_newey_windmeijer_is_the_sandwich_at_its_own_hessian(design):
    Gamma, W, Omega = design
    H = Gamma.T @ W @ Gamma
    np.testing.assert_allclose(newey_windmeijer(H, Gamma, W, Omega, 50),
                               sandwich(Gamma, W, Omega, 50), rtol=1e-9)
    half = newey_windmeijer(H / 2, Gamma, W, Omega, 50)
    np.testing.assert_allclose(half, 4 * sandwich(Gamma, W, Omega, 50), rtol=1e-9)
    assert newey_windmeijer(H - 1e3 * np.eye(2), Gamma, W, Omega, 50) is None
    assert newey_windmeijer(H * np.nan, Gamma, W, Omega, 50) is None


def test_covariances_do_not_care_for_the_units_of_the_parameters(design):
    Gamma, W, Omega = design
    units = np.array([1e7, 1e-7])
    V = sandwich(Gamma, W, Omega, 50)
    np.testing.assert_allclose(sandwich(Gamma * units, W, Omega, 50) * np.outer(units, units), V,
                               rtol=1e-9)


def test_hessian_of_a_cubic():
    """Central differences of a gradient that is quadratic are exact but for rounding."""
    C = np.array([[2.0, 0.5], [0.5, 3.0]])
    theta = np.array([0.3, -40.0])
    found = hessian(lambda t: C @ t + t**2, theta)
    np.testing.assert_allclose(found, C + np.diag(2 * theta), rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e7])
def test_hessian_in_proportion_to_standard_errors(unit):
    def gradient(theta):
        return np.sinh(theta / unit) / unit

    H = hessian(gradient, np.array([0.3 * unit]), np.array([0.05 * unit]))
    assert H[0, 0] * unit**2 == pytest.approx(np.cosh(0.3), rel=1e-4)


def test_no_variance_is_negative_by_rounding(rng):
    """One variance is zero, but for rounding."""
    sure = np.array([0.0, 1.0, 1.0])
    for _ in range(50):
        root = rng.standard_normal((3, 3))
        bread = root @ root.T + np.eye(3)
        V = between(bread, np.outer(bread @ sure, bread @ sure))
        assert (np.diag(V) >= 0).all()
        np.testing.assert_allclose(V, np.outer(sure, sure), atol=1e-12)


def test_local_rank(rng):
    Gamma = rng.standard_normal((5, 3))
    assert local_rank(Gamma) == 3
    assert local_rank(Gamma * [1e-12, 1, 1e12]) == 3
    assert local_rank(np.c_[Gamma, Gamma @ [1, 2, 3]]) == 3
    assert local_rank(np.c_[Gamma[:, :2], np.zeros(5)]) == 2
    assert local_rank(np.full((2, 2), np.nan)) == local_rank(np.zeros((2, 2))) == 0


def test_j_is_the_textbook_quadratic_form(design, rng):
    Gamma, W, Omega = design
    gbar = rng.standard_normal(4)
    inverse = np.linalg.inv(Omega)
    IG = inverse @ Gamma
    form = inverse - IG @ np.linalg.solve(Gamma.T @ IG, IG.T)
    statistic, pvalue, df, note = j_statistic(gbar, Gamma, W, Omega, 50, 0.0)
    assert statistic == pytest.approx(50 * gbar @ form @ gbar, rel=1e-9)
    assert (df, "2 degrees" in note) == (2, True)
    assert pvalue == pytest.approx(chi2.sf(statistic, 2))


def test_j_does_not_see_root_n_changes_along_the_jacobian(design, rng):
    Gamma, W, Omega = design
    gbar = rng.standard_normal(4)
    moved = gbar + Gamma @ [0.3, -2.0]
    for reg in (0.0, 0.1):
        one = j_statistic(gbar, Gamma, W, Omega, 50, reg)
        two = j_statistic(moved, Gamma, W, Omega, 50, reg)
        assert one[0] == pytest.approx(two[0], rel=1e-9)


def test_j_with_a_ridge_is_a_mixture(design, rng):
    Gamma, W, Omega = design
    gbar = rng.standard_normal(4) / 7
    WG = W @ Gamma
    P = W - WG @ np.linalg.solve(Gamma.T @ WG, WG.T)
    statistic, pvalue, weights, _ = j_statistic(gbar, Gamma, W, Omega, 50, 0.1)
    assert statistic == pytest.approx(50 * gbar @ P @ gbar, rel=1e-9)
    eigenvalues = np.sort(np.linalg.eigvals(P @ Omega).real)
    np.testing.assert_allclose(np.sort(weights), eigenvalues, atol=1e-10 * eigenvalues.max())
    assert pvalue == pytest.approx(mixture_sf(statistic, eigenvalues[2:]), rel=1e-7)


def test_j_pvalues_agree_where_one_moment_is_left_over(design, rng):
    Gamma, W, Omega = design
    gbar, three = rng.standard_normal(3) / 5, np.ix_(range(3), range(3))
    plain = j_statistic(gbar, Gamma[:3], W[three], Omega[three], 50, 0.0)
    ridge = j_statistic(gbar, Gamma[:3], W[three], Omega[three], 50, 0.1)
    assert plain[1] == pytest.approx(ridge[1], rel=1e-7)
    assert plain[0] != pytest.approx(ridge[0], rel=1e-3)


def test_j_of_exactly_identified_parameters_is_nan(design):
    Gamma, W, Omega = design
    statistic, pvalue, df, note = j_statistic(np.ones(2), Gamma[:2], W, Omega[:2, :2], 50, 0.0)
    assert np.isnan([statistic, pvalue]).all()
    assert df == 0
    assert "nothing is left over" in note


def test_j_counts_a_repeated_moment_once(design, rng):
    Gamma, W, Omega = design
    gbar, twice = rng.standard_normal(4), [0, 1, 2, 3, 3]
    one = j_statistic(gbar, Gamma, W, Omega, 50, 0.0)
    two = j_statistic(gbar[twice], Gamma[twice], W, Omega[np.ix_(twice, twice)], 50, 0.0)
    assert two[:3] == pytest.approx(one[:3], rel=1e-8)


def test_s_statistic(design):
    _, W, Omega = design
    statistic, pvalue, weights = s_statistic(0.04, np.linalg.inv(W), Omega, 50)
    assert statistic == pytest.approx(4.0)
    np.testing.assert_allclose(np.sort(weights), np.sort(np.linalg.eigvals(W @ Omega).real),
                               rtol=1e-9)
    assert pvalue == pytest.approx(mixture_sf(4.0, weights))
    own = s_statistic(0.04, Omega, Omega, 50)
    assert own[1] == pytest.approx(chi2.sf(4.0, 4), rel=1e-9)
    assert s_statistic(np.inf, Omega, Omega, 50)[:2] == (np.inf, 0)


def test_wald(design):
    V = np.array([[2.0, 0.3], [0.3, 1.0]])
    theta = np.array([1.0, -2.0])
    statistic, pvalue, df = wald(theta, V, [1, 0], 0.5)
    assert (statistic, df) == (pytest.approx(0.25 / 2), 1)
    assert pvalue == pytest.approx(chi2.sf(0.125, 1))
    statistic, _, df = wald(theta, V, np.eye(2), [0, 1])
    assert (statistic, df) == (pytest.approx([1, -3] @ np.linalg.solve(V, [1, -3])), 2)
    assert np.isnan(wald(theta, V * np.nan, [1, 0])[0])


@pytest.mark.parametrize(("R", "r", "message"), [
    ([1, 0, 0], 0, "one column per parameter"),
    ([1, 0], [0, 1], "one entry per row"),
    ([[1, 0], [2, 0]], 0, "not independent"),
    ([np.nan, 0], 0, "finite"),
])
def test_wald_refuses(R, r, message):
    with pytest.raises(ValueError, match=message):
        wald(np.ones(2), np.eye(2), R, r)
