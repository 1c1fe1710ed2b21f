"""Coefficients of the risk: closed forms, plain tensors, quadrature, draws against exact."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plain_risk import plain_coefficients, plain_cumulants
from scipy import special, stats

from divest.sample_complexity import _draws_route
from divest.sample_complexity._contractions import (
    GroupedRows,
    central_third,
    cube_factor,
    deletion_groups,
    exact_coefficients,
    finite_cumulants,
    jackknife_covariance,
    third_sum,
)
from divest.sample_complexity._draws_route import DrawsRoute, draw_labels, pair_mean, tilted
from divest.sample_complexity._gaussian_route import (
    block_coefficients,
    gaussian_coefficients,
    specified_coefficients,
)
from divest.sample_complexity.families import gaussian


def hermite_grid(d, points=10):
    """Nodes and weights of the standard normal law in d dimensions."""
    x, w = np.polynomial.hermite_e.hermegauss(points)
    nodes = np.stack(np.meshgrid(*[x] * d, indexing="ij"), axis=-1).reshape(-1, d)
    weights = np.prod(np.stack(np.meshgrid(*[w / w.sum()] * d, indexing="ij"), axis=-1), axis=-1)
    return nodes, weights.ravel()


# ------------------------------------------------------------ sums
def test_third_sum_is_the_plain_sum(rng):
    z, w = rng.normal(size=(5000, 4)), rng.random(5000)
    assert_allclose(third_sum(z, w), np.einsum("n,na,nb,nc->abc", w, z, z, z), rtol=1e-9,
                    atol=1e-9)
    assert_allclose(third_sum(z), np.einsum("na,nb,nc->abc", z, z, z), rtol=1e-9, atol=1e-9)


def test_central_third(rng):
    z = rng.gamma(2, size=(200, 3)) + 1
    c = z - z.mean(axis=0)
    found = central_third(z.mean(axis=0), z.T @ z / 200, third_sum(z) / 200)
    assert_allclose(found, third_sum(c) / 200, rtol=1e-9, atol=1e-10)


def test_moments_without_a_group_are_those_of_the_other_rows(rng):
    t, w = rng.gamma(2, size=(101, 3)) + 5, rng.random(101)
    w /= w.sum()
    labels = deletion_groups(101, 7)
    rows = GroupedRows(t, w, labels, True)
    for without in (None, 0, 6):
        keep = np.full(101, True) if without is None else labels != without
        M2, M3, _ = plain_cumulants(t[keep], w[keep] / w[keep].sum())
        found = rows.moments(without)
        assert_allclose(found.mean, np.average(t[keep], axis=0, weights=w[keep]))
        assert_allclose(found.covariance, M2, rtol=1e-10)
        assert_allclose(found.third, M3, rtol=1e-8, atol=1e-10)


def test_groups_are_equal_in_size_and_each_row_has_one():
    assert np.bincount(deletion_groups(105, 20)).tolist() == [6] * 5 + [5] * 15
    assert sorted(deletion_groups(3, 20)) == [0, 1, 2]


def test_jackknife_of_a_mean_is_its_variance(rng):
    x = rng.normal(size=50)
    replicates = [[np.delete(x, i).mean()] for i in range(50)]
    assert_allclose(jackknife_covariance(replicates), [[x.var(ddof=1) / 50]])


def test_cube_factor():
    """The third cumulant of a weighted mean, against that of n_w equal weights."""
    w = np.array([1.0, 2.0, 3.0])
    assert cube_factor(None) == 1
    assert_allclose(cube_factor(np.full(7, 2.0)), 1)
    assert_allclose(cube_factor(w), 36 * 6 / 14**2)


# ------------------------------------------------------------ exact cumulants
def test_finite_law_against_tensors(rng):
    t, w = rng.normal(size=(30, 4)), rng.random(30)
    w /= w.sum()
    G, psi3, psi4 = finite_cumulants(t, w)
    M2, M3, M4 = plain_cumulants(t, w)
    B = rng.normal(size=(4, 4))
    B = B + B.T
    assert_allclose(G, M2)
    assert_allclose(psi3, M3, atol=1e-12)
    assert_allclose(psi4(B), np.einsum("abcd,ab,cd->", M4, B, B), rtol=1e-10)


@pytest.mark.parametrize("as_function", [True, False])
def test_coefficients_against_derivatives_of_the_dual(rng, as_function):
    t, w = rng.normal(size=(40, 3)), rng.random(40)
    w /= w.sum()
    V, K, _ = plain_cumulants(rng.gamma(1, size=(60, 3)), np.full(60, 1 / 60))
    model = plain_cumulants(t, w)
    given = finite_cumulants(t, w) if as_function else model
    assert_allclose(exact_coefficients(given, V, K, True), plain_coefficients(model, V, K),
                    rtol=1e-10)
    assert_allclose(exact_coefficients(given, None, None, True),
                    plain_coefficients(model, *model[:2]), rtol=1e-10)


def test_redundant_statistics_are_left_out(rng):
    t, w = rng.normal(size=(40, 2)), np.full(40, 1 / 40)
    y = rng.gamma(1, size=(60, 2))
    turn = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1e6, 1e6, 0.0]])
    found = []
    for M in (np.eye(2), turn):
        V, K, _ = plain_cumulants(y @ M, np.full(60, 1 / 60))
        found.append(exact_coefficients(finite_cumulants(t @ M, w), V, K, True))
    assert_allclose(found[1], found[0], rtol=1e-8)


def test_first_order_alone():
    found = exact_coefficients(finite_cumulants(np.eye(3)[:, :2], np.full(3, 1 / 3)), None, None,
                               False)
    assert_allclose(found, [2, np.nan, np.nan])


# ------------------------------------------------------------ Gaussian
@pytest.mark.parametrize("d", [1, 2, 3, 5, 8])
def test_gaussian_against_the_exact_risk(d):
    """Sums of digammas: 2 c(2 n) - c(n) removes the next order."""
    p = d + d * (d + 1) // 2

    def c(n):
        D = special.digamma((n - np.arange(1, d + 1)) / 2).sum() + d * math.log(2 / n)
        risk = np.array([0.5 * (D + n * d / (n - d - 2) * (1 + 1 / n) - d), -D / 2])
        return (risk - p / (2 * n)) * n**2

    found = specified_coefficients(d)
    assert found[0] == p
    if d == 2:
        assert_allclose(c(50) / 2500 + p / 100, [.05742082, .05127483], atol=1e-8)
    assert_allclose(found[1:], 2 * c(16000) - c(8000), rtol=1e-5)


@pytest.mark.parametrize(("d", "c2f", "c2r"), [(1, 61 / 12, 11 / 12), (2, 203 / 12, 37 / 12),
                                               (3, 38, 7), (5, 1415 / 12, 265 / 12)])
def test_gaussian_closed_forms(d, c2f, c2r):
    assert_allclose(specified_coefficients(d)[1:], [c2f, c2r], rtol=1e-10)


def orthonormal(x):
    i, j = np.triu_indices(x.shape[1])
    return np.hstack([x, np.where(i == j, (x[:, i] * x[:, j] - 1) / 2**0.5, x[:, i] * x[:, j])])


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_gaussian_route_against_quadrature(rng, d, weighted):
    """All cumulants of the model by Gauss-Hermite sums, those of the data by plain tensors."""
    X = rng.gamma(1.5, size=(60, d)) @ rng.normal(size=(d, d)) + 3
    w = rng.random(60) if weighted else np.ones(60)
    w /= w.sum()
    nodes, masses = hermite_grid(d)
    model = plain_cumulants(orthonormal(nodes), masses)
    c = X - w @ X
    L = np.linalg.cholesky((c * w[:, None]).T @ c)
    V, K, _ = plain_cumulants(orthonormal(np.linalg.solve(L, c.T).T), w)
    found = gaussian_coefficients(X, w if weighted else None, True, cube_factor(w)).values
    assert_allclose(found, plain_coefficients(model, V, K, w), rtol=1e-10)
    assert_allclose(gaussian_coefficients(X, w, False).values, [found[0], np.nan, np.nan])


def test_p_star_is_mardias_kurtosis(rng):
    X = rng.standard_t(5, size=(300, 4))
    c = X - X.mean(axis=0)
    b = np.mean(np.einsum("ia,ia->i", c @ np.linalg.inv(c.T @ c / 300), c)**2)
    assert_allclose(gaussian_coefficients(X, None, True).values[0], (4 + b) / 2, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("specified", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_against_quadrature(rng, size, specified, weighted):
    """Three columns with a variance each, or with one for all."""
    X = rng.gamma(1.5, size=(60, 3)) @ rng.normal(size=(3, 3)) + 3
    w = rng.random(60) if weighted else np.ones(60)
    w /= w.sum()
    variance = (w @ (X - w @ X)**2).reshape(-1, size).mean(axis=1)

    def statistics(x):
        return np.hstack([x, (x**2).reshape(len(x), -1, size).sum(axis=2)])

    nodes, masses = hermite_grid(3, 6)
    model = plain_cumulants(statistics(w @ X + nodes * np.repeat(variance, size)**0.5), masses)
    V, K = model[:2] if specified else plain_cumulants(statistics(X), w)[:2]
    found = block_coefficients(X.reshape(60, -1, size), w, specified, True, cube_factor(w))
    assert_allclose(found.values, plain_coefficients(model, V, K, w), rtol=1e-8)
    assert found.rank == 3 + 3 // size
    if not specified:
        assert_allclose(w @ found.parts, found.values[0])


def test_spherical_against_the_exact_risk():
    """Mean and one variance: |mean|^2 is chi-squared over n, the variance over n d."""
    d = 3

    def c(n):
        k = d * (n - 1)
        log = special.digamma(k / 2) + math.log(2 / (d * n))
        forward = d / 2 * (d * n / (k - 2) * (1 + 1 / n) - 1 + log)
        reverse = d / 2 * (k / (d * n) + 1 / n - 1 - log)
        return (np.array([forward, reverse]) - (d + 1) / (2 * n)) * n**2

    found = block_coefficients(np.eye(4, d)[:, None], None, True, True, 1.0).values
    assert_allclose(found[1:], 2 * c(4000) - c(2000), rtol=1e-5)


@pytest.mark.parametrize(("law", "wanted"), [
    (stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)), (1.4, 3.217619, 0.913810)),
    (stats.laplace(0, 1 / math.sqrt(2)), (3.5, 8.208333, -2.208333)),
])
def test_normal_law_fitted_to_others(law, wanted):
    u, v = np.polynomial.legendre.leggauss(300)
    end = min(law.support()[1], 40)
    x = np.append((u + 1) / 2 * end, -(u + 1) / 2 * end)
    w = np.append(v, v) * law.pdf(x)
    assert_allclose(gaussian_coefficients(x[:, None], w / w.sum(), True).values, wanted, atol=2e-6)


# ------------------------------------------------------------ draws
def route(t, z, groups=None, **settings):
    settings = {"specified": False, "second": True, **settings}
    labels = deletion_groups(len(t), 20)
    rows = GroupedRows(t, None, labels, not settings["specified"])
    return DrawsRoute(rows, z, draw_labels(len(z), groups, 20), **settings)


def plain_draws(z, y, specified):
    """One number at a time: means over pairs of different draws."""
    c = z - z.mean(axis=0)
    W = np.linalg.inv(np.linalg.cholesky(np.cov(z.T)))
    x, y = c @ W.T, (y - y.mean(axis=0)) @ W.T
    A = np.eye(z.shape[1]) if specified else y.T @ y / len(y)
    dots, turned = x @ x.T, x @ A @ x.T
    q, other = np.diag(turned), ~np.eye(len(x), dtype=bool)
    k4 = np.mean(q**2) - np.trace(A)**2 - 2 * np.trace(A @ A)
    T, S2 = np.mean((dots * np.outer(q, q))[other]), np.mean((dots * turned**2)[other])
    S1 = S2 if specified else np.mean((x @ y.T)**3)
    return np.array([np.trace(A), -S1 / 3 + 3 / 8 * (-k4 + T + 2 * S2),
                     -S1 / 6 + (-k4 + T + 2 * S2) / 8])


@pytest.mark.parametrize("specified", [False, True])
def test_draws_against_plain_pairs(rng, specified):
    z, y = rng.gamma(2, size=(400, 3)), rng.gamma(1, size=(100, 3))
    found = route(y, z, specified=specified)
    half = found.half == 0
    halves = [plain_draws(z[k], y, specified) for k in (half, ~half)]
    assert_allclose(found.halves, halves, rtol=1e-9)
    assert_allclose(found.estimate(), 2 * plain_draws(z, y, specified) - np.mean(halves, axis=0),
                    rtol=1e-9)


@pytest.mark.parametrize("specified", [False, True])
def test_many_statistics_by_pairs(rng, monkeypatch, specified):
    z, y = rng.gamma(2, size=(400, 3)), rng.gamma(1, size=(100, 3))
    tensors = route(y, z, specified=specified)
    monkeypatch.setattr(_draws_route, "MOST_TENSOR", 2)
    monkeypatch.setattr(_draws_route, "PAIRS", 1000)
    pairs = route(y, z, specified=specified)
    assert tensors.tensor
    assert not pairs.tensor
    assert_allclose(pairs.estimate(), tensors.estimate(), rtol=1e-9)
    assert_allclose(pairs.without_draws(), tensors.without_draws(), rtol=1e-9)
    for shares in (np.ones(20), np.full(20, 0.5)):
        assert_allclose(pairs.without_rows(shares), tensors.without_rows(shares),
                        rtol=1e-5)  # float32 there


def test_replicates_are_estimates_from_the_others(rng):
    z, y = rng.gamma(2, size=(400, 2)), rng.gamma(1, size=(100, 2))
    found = route(y, z)
    keep = found.labels != 3
    half = keep & (found.half == 1)
    rest = plain_draws(z[found.half == 0], y, False)
    wanted = 2 * plain_draws(z[keep], y, False) - (plain_draws(z[half], y, False) + rest) / 2
    assert_allclose(found.without_draws()[3], wanted, rtol=1e-9)


def test_tilted_draws_have_the_new_mean(rng):
    z, change = rng.normal(size=(5000, 3)), np.array([0.1, -0.05, 0.02])
    weights = tilted(z, change)
    assert_allclose(weights.sum(), 1)
    assert_allclose(weights @ z, z.mean(axis=0) + change, atol=1e-3)
    log = np.log(weights)  # linear in the draws
    design = np.column_stack([np.ones(5000), z])
    assert_allclose(design @ np.linalg.lstsq(design, log, rcond=None)[0], log, atol=1e-9)


def test_blocks_of_draws_stay_together(rng):
    blocks = np.repeat(np.arange(50), 8)[rng.permutation(400)]
    labels = draw_labels(400, blocks, 20)
    assert labels.max() == 19
    assert all(len(set(labels[blocks == b])) == 1 for b in range(50))


def test_pair_mean(rng):
    x, w = rng.normal(size=(30, 2)), rng.random(30)
    found = pair_mean(x, w, x, w, lambda dots, _: dots**3)
    assert_allclose(found, w @ (x @ x.T)**3 @ w)


@pytest.mark.parametrize(("d", "c2f"), [(2, 203 / 12), (5, 1415 / 12)])
def test_halves_remove_the_bias(d, c2f):
    """Plain values are low by 1.2 and 25; of order 1/N^2 something is left."""
    rng, g, plain, debiased = np.random.default_rng(d), gaussian(), [], []
    for _ in range(40):
        z = g.sufficient_statistics(rng.normal(size=(2000, d)))
        found = route(z[:100], z, specified=True)
        debiased.append(found.estimate()[1])
        plain.append(found._value(found.labels >= 0, found.sums[0] + found.sums[1])[1])
    error = 3 * np.std(debiased, ddof=1) / 40**0.5
    bias = c2f - np.mean(plain)
    assert bias > error
    assert abs(np.mean(debiased) - c2f) < error + (0.2 * bias if d == 5 else 0)
