"""condensation_bandwidths: tables, the equations by other means, simulation, laws, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import gammainc, gammaln, softmax

from divest.density._theory import _asymptotic, condensation_bandwidths

TABLE = [  # alpha, s, h_g, h_clt, h_kl, KL / d
    (0.1, 0.532184, 1.370785, 1.938582, 1.038572, 0.137847),
    (0.5, 2.351317, 0.652145, 0.922273, 0.622436, 0.025886),
    (1.0, 7.222142, 0.372106, 0.526238, 0.369344, 0.003973),
    (2.0, 54.57153, 0.135368, 0.191440, 0.135346, 0.000082),
]


@pytest.mark.parametrize(("alpha", "s", "h_g", "h_clt", "h_kl", "divergence"), TABLE)
def test_table_of_the_limit(alpha, s, h_g, h_clt, h_kl, divergence):
    rate, square = _asymptotic(np.exp(alpha * 100), np.ones(100))
    assert_allclose([rate, rate**-0.5, (2 / rate) ** 0.5, square**0.5],
                    [s, h_g, h_clt, h_kl], atol=1e-6)
    assert_allclose(alpha + np.log(square) / 2, divergence, atol=1e-6)


@pytest.mark.parametrize(("d", "n", "exact", "limit"), [
    (20, 10**3, 0.830, 0.742), (20, 10**4, 0.725, 0.650), (20, 10**5, 0.638, 0.573),
    (50, 10**3, 1.040, 0.976), (50, 10**4, 0.969, 0.912), (50, 10**5, 0.908, 0.856)])
def test_table_of_best_bandwidths(d, n, exact, limit):
    assert_allclose(condensation_bandwidths(n, d).h_kl, exact, atol=6e-4)
    assert_allclose(condensation_bandwidths(n, d, np.ones(d)).h_kl, limit, atol=6e-4)


@pytest.mark.parametrize(("n", "h_kl"), [(10**3, 0.480), (10**4, 0.442), (10**5, 0.410)])
def test_table_of_uneven_eigenvalues(n, h_kl):
    found = condensation_bandwidths(n, 50, 4 / np.arange(1, 51)).h_kl
    assert_allclose(found, h_kl, atol=6e-4)


def test_h_g_at_fifty_columns():
    assert_allclose(condensation_bandwidths(10**4, 50).h_g, 1.174, atol=6e-4)


# ------------------------------------------------------------ the equations by other means
@pytest.mark.parametrize("n", [100, 10**6])
@pytest.mark.parametrize("d", [1, 5, 100, 500, 20_000])
def test_distances_by_a_sum_over_central_laws(n, d):
    """Noncentral chi-squared as a Poisson mixture of gammas; its slope at the 1/n quantile."""
    h_g, h_clt, h_kl = condensation_bandwidths(n, d)
    x, j = d * h_kl**2, np.arange(int(d / 2 + 12 * d**0.5 + 60))
    weights = np.exp(j * np.log(d / 2) - d / 2 - gammaln(j + 1))
    a = d / 2 + j
    assert_allclose(weights @ gammainc(a, x / 2), 1 / n, rtol=1e-10)
    density = weights @ np.exp((a - 1) * np.log(x / 2) - x / 2 - gammaln(a)) / 2
    assert_allclose(h_g, (2 * density * n) ** -0.5, rtol=1e-10)
    assert_allclose(h_clt, 2**0.5 * h_g, rtol=1e-14)


def test_limit_by_quadrature_of_the_kernel_sum():
    """I(s) = s zeta'(s) - zeta(s), zeta the log mean kernel, one column at a time."""
    values, n = np.array([3.0, 1.0, 0.2, 0.5]), 50
    node = np.linspace(-10, 10, 4001)
    weight = np.exp(-(node**2) / 2)
    weight /= weight.sum()

    def zeta(s):
        gaps = values[:, None] ** 0.5 * (1 - node)
        return np.mean(np.log(np.exp(-s * gaps**2 / 2) @ weight))

    def slope(s, step=1e-5):
        return (zeta(s + step) - zeta(s - step)) / (2 * step)

    def information(s):
        return s * slope(s) - zeta(s)

    alpha = np.log(n) / 4
    s = brentq(lambda t: information(t) - alpha, 0.1, 50)
    h_g, h_clt, h_kl = condensation_bandwidths(n, 4, values)
    assert_allclose(h_g, s**-0.5, rtol=1e-6)
    assert_allclose(information(2 / h_clt**2), alpha, rtol=1e-6)
    assert_allclose(h_kl, (-2 * slope(s)) ** 0.5, rtol=1e-6)


@pytest.mark.parametrize(("d", "ratio"), [(5, 1.08), (100, 0.92)])
def test_five_rows_speak_near_h_g(d, ratio):
    """Where n_eff = 5 in samples, over the theory; its log has the standard deviation 0.2."""
    n, repeats = 2000, 150
    squares = np.random.default_rng(d).noncentral_chisquare(d, d, size=(repeats, n))

    def crossing(row):
        def excess(t):
            return 1 / np.sum(softmax(-row / (2 * np.exp(2 * t))) ** 2) - 5
        return np.exp(brentq(excess, -5, 5, xtol=1e-6))

    found = np.median([crossing(np.sort(row)) for row in squares])
    error = 4 * 1.25 * 0.2 / repeats**0.5
    assert_allclose(np.log(found / condensation_bandwidths(n, d).h_g), np.log(ratio), atol=error)


# ------------------------------------------------------------ laws
def test_units():
    values = np.array([0.1, 1.0, 7.0])
    plain, scaled = (condensation_bandwidths(100, 3, v) for v in (values, 1e-12 * values))
    assert_allclose(scaled, 1e-6 * np.array(plain), rtol=1e-12)


def test_matrix_is_its_eigenvalues(rng):
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    values = np.array([4.0, 2.0, 1.0, 0.5])
    assert_allclose(condensation_bandwidths(1000, 4, (turn * values) @ turn.T),
                    condensation_bandwidths(1000, 4, values[::-1]), rtol=1e-12)


@pytest.mark.parametrize("covariance", [None, np.ones(6), 1 / np.arange(1.0, 7.0)])
def test_more_rows_smaller_bandwidths(covariance):
    found = np.array([condensation_bandwidths(n, 6, covariance)
                      for n in (2, 10, 1000, 10**9, 10**18)])
    assert (np.diff(found, axis=0) < 0).all()
    assert (found > 0).all()


@pytest.mark.parametrize("d", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("n", [2, 100, 10**9])
def test_best_bandwidth_is_condensed(n, d):
    for covariance in (None, np.ones(d), np.geomspace(1e-6, 1e3, d)):
        h_g, h_clt, h_kl = condensation_bandwidths(n, d, covariance)
        assert h_kl <= h_g * (1 + 1e-9) < h_clt


def test_small_sample_in_many_columns():
    """The limit of small s: I(s) is 3/4 s^2."""
    rate, square = _asymptotic(1.0 + 1e-8, np.ones(100))
    assert_allclose(rate, (np.log1p(1e-8) / 100 / 0.75) ** 0.5, rtol=1e-3)
    assert_allclose(square, 2.0, rtol=1e-4)


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("arguments", "error", "message"), [
    ((1, 5), ValueError, "n must be"),
    ((10**19, 5), ValueError, "n must be"),
    ((100, 0), ValueError, "d must be"),
    ((100.0, 5), TypeError, "n must be an integer"),
    ((100, 2, np.eye(3)), ValueError, "shape"),
    ((100, 2, 1.0), ValueError, "shape"),
    ((100, 2, [1.0, 0.0]), ValueError, "positive definite"),
    ((100, 2, [[1.0, 1.0], [1.0, 1.0]]), ValueError, "positive definite"),
    ((100, 2, [-1.0, -1.0]), ValueError, "positive definite"),
    ((100, 2, [[1.0, 0.5], [0.0, 1.0]]), ValueError, "symmetric"),
    ((100, 2, [1.0, np.nan]), ValueError, "NaN"),
])
def test_bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        condensation_bandwidths(*arguments)
