"""Edges of a density estimate: reference values, moments, integrals, draws and the cdf."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp

from divest.density import _boundary
from divest.density._boundary import (
    edge_moments,
    folded,
    interval_mass,
    log_edge_factor,
    log_reflected_mass,
    log_renormalized_mass,
    one_dimensional_mass,
    reflected_cdf,
    renormalized_accept,
)
from divest.density._boxed_draws import reflected_draws, renormalized_draws
from divest.density._sums import PointSet

INF = np.inf
BOXES = [(0.0, INF), (-INF, 7.0), (0.0, 7.0), (0.0, 1.0), (0.0, 40.0), (0.0, 0.02), (-INF, INF)]
CORRECTED = ["renormalize", "linear", "positive"]
PHI = stats.norm.pdf


def edges(low, high):
    return np.array([low]), np.array([high])


def rows_in(low, high, n=12, seed=3):
    """Rows in a box, some near its edges."""
    uniform = np.random.default_rng(seed).random(n)**1.5
    if np.isfinite(low):
        return low + min(high - low, 15.0) * uniform
    return min(high, 5.0) - 15.0 * uniform


def integral(function, start, stop, panels=400):
    """By Gauss-Legendre on panels, in another order and number than in the code."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    cuts = np.linspace(start, stop, panels + 1)
    x = (cuts[:-1, None] + (stop - start) / panels / 2 * (1 + nodes)).ravel()
    return function(x) @ np.tile(weights, panels) * (stop - start) / panels / 2


def images_of(z, low, high):
    return [z] + [2 * b - z for b in (low, high) if np.isfinite(b)]


def reflect(q, z, low, high, w=None, b=1.0):
    """Plain sum over rows and images at points (m,), before it is normalised."""
    w = np.full(len(z), 1 / len(z)) if w is None else w
    return sum(PHI(q[:, None], c, b) @ w for c in images_of(z, low, high))


def corrected(boundary, q, z, low, high, w=None):
    """Density at points (m,), by the functions that are tested, before it is normalised."""
    q = np.atleast_1d(np.asarray(q, dtype=float))
    logs = -0.5 * (q[:, None] - z) ** 2 - 0.5 * np.log(2 * np.pi)
    logs += np.log(np.full(len(z), 1 / len(z)) if w is None else w)
    total = logsumexp(logs, axis=1)
    mean = np.exp(logs - total[:, None]) @ z
    factor, sign = log_edge_factor(boundary, q[:, None], *edges(low, high), mean[:, None])
    return sign * np.exp(total + factor)


@pytest.fixture
def sample():
    """exp(x) of two modes, in bandwidths of .3."""
    rng = np.random.default_rng(12345)
    return np.exp(np.r_[rng.normal(size=150), rng.normal(3, 0.5, 100)]) / 0.3


# ------------------------------------------------------------ reference values
@pytest.mark.parametrize(("boundary", "expected"), [
    ("reflect", [0.2801125457, 0.2830197665, 0.3001624293]),
    ("renormalize", [0.2801125457, 0.2956947198, 0.3061641838]),
    ("linear", [0.1654182234, 0.2408941866, 0.3089400270]),
    ("positive", [0.1859975446, 0.2456725361, 0.3089526487]),
])
def test_reference_values(boundary, expected, sample):
    q = np.array([0.0, 0.1, 0.5]) / 0.3
    found = (reflect(q, sample, 0.0, INF) if boundary == "reflect"
             else corrected(boundary, q, sample, 0.0, INF))
    assert_allclose(found / 0.3, expected, rtol=1e-9)


# ------------------------------------------------------------ moments of the kernel in the box
@pytest.mark.parametrize(("low", "high"), [*BOXES, (0.0, 0.0999), (0.0, 0.1001), (-3e4, 3e4)])
@pytest.mark.parametrize("share", [0.0, 0.13, 0.5, 1.0])
def test_moments_by_quadrature(low, high, share):
    start, stop = max(low, -9.0), min(high, 9.0)
    q = start + share * (stop - start)
    b, a = max(q - high, -12.0), min(q - low, 12.0)

    mass = integral(PHI, b, a)
    mean = integral(lambda u: u * PHI(u), b, a) / mass
    variance = integral(lambda u: (u - mean) ** 2 * PHI(u), b, a) / mass
    found = [v[0] for v in edge_moments(np.array([q]), low, high)]
    assert_allclose(found, [mass, mean, variance], rtol=2e-12, atol=1e-14)


@pytest.mark.parametrize(("low", "high"), [(0.0, INF), (-INF, 0.0), (-INF, INF), (-1e6, 1e6)])
def test_far_from_the_edges_nothing_changes(low, high):
    q = np.array([[-300.0], [300.0]])
    q = q[(q[:, 0] > low) & (q[:, 0] < high)]
    assert_array_equal(np.ravel(edge_moments(q[:, 0], low, high)), np.repeat([1.0, 0, 1], len(q)))
    for boundary in CORRECTED:
        factor, sign = log_edge_factor(boundary, q, *edges(low, high), q - 20.0)
        assert_array_equal(factor, 0.0)
        assert_array_equal(sign, 1.0)


def test_interval_mass_is_exact_in_a_narrow_interval():
    assert_allclose(interval_mass(np.zeros(1), -1e-9, 2e-9), 3e-9 * PHI(0), rtol=1e-14)


# ------------------------------------------------------------ the corrections
@pytest.mark.parametrize(("low", "high"), BOXES)
def test_corrections_by_their_definitions(low, high):
    """The raw moments a0, a1, a2 over rows, where they keep enough digits."""
    z = rows_in(low, high)
    q = rows_in(low, high, 9, seed=8)
    u = q[:, None] - z
    a, b = q - low, q - high
    a0 = stats.norm.cdf(a) - stats.norm.cdf(b)
    a1 = PHI(b) - PHI(a)
    a2 = a0 - np.where(np.isfinite(a), a, 0) * PHI(a) + np.where(np.isfinite(b), b, 0) * PHI(b)
    tolerance = 1e-11 / min(1.0, high - low) ** 2
    linear = ((a2[:, None] - a1[:, None] * u) / (a0 * a2 - a1**2)[:, None] * PHI(u)).mean(axis=1)
    plain = PHI(u).mean(axis=1) / a0
    positive = plain * np.exp(np.maximum(linear / plain, 1e-6) - 1)
    for boundary, expected in zip(CORRECTED, [plain, linear, positive], strict=True):
        assert_allclose(corrected(boundary, q, z, low, high), expected, rtol=tolerance,
                        err_msg=boundary)


def test_renormalize_is_a_product_over_axes():
    low, high = np.array([0.0, -INF, -1.0]), np.array([INF, INF, 1.0])
    Q = np.array([[0.0, 3.0, 0.5], [2.0, -4.0, -1.0]])
    factor, sign = log_edge_factor("renormalize", Q, low, high)
    mass = [np.prod(stats.norm.cdf(q - low) - stats.norm.cdf(q - high)) for q in Q]
    assert_allclose(factor, -np.log(mass), rtol=1e-13)
    assert_array_equal(sign, 1.0)


@pytest.mark.parametrize("boundary", CORRECTED)
def test_outside_there_is_no_density(boundary):
    q = np.array([[-1e-9], [2.0 + 1e-9], [0.0], [2.0]])
    factor, _ = log_edge_factor(boundary, q, *edges(0.0, 2.0), np.ones((4, 1)))
    assert_array_equal(np.isneginf(factor), [True, True, False, False])


def test_linear_can_be_negative_and_positive_cannot():
    z = np.array([4.0, 5.0, 6.0])
    q = np.array([0.0, 0.5, 5.0])
    assert_array_equal(np.sign(corrected("linear", q, z, 0.0, INF)), [-1, -1, 1])
    ratio = corrected("positive", q, z, 0.0, INF) / corrected("renormalize", q, z, 0.0, INF)
    assert_allclose(ratio[:2], np.exp(1e-6 - 1), rtol=1e-12)


@pytest.mark.parametrize("width", [0.01, 1.0, 50.0])
def test_linear_makes_no_error_for_a_linear_density(width):
    """Rows that fill the box: a density of 1 gives 1, and one of z gives q."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    z, w = width / 2 * (1 + nodes), width / 2 * weights
    q = width * np.array([0.0, 0.01, 0.3, 1.0])
    assert_allclose(corrected("linear", q, z, 0.0, width, w), 1.0, rtol=1e-9)
    assert_allclose(corrected("linear", q, z, 0.0, width, w * z), q, rtol=1e-9, atol=1e-10 * width)


# ------------------------------------------------------------ integrals
@pytest.mark.parametrize(("low", "high"), BOXES)
@pytest.mark.parametrize("form", ["plain", "weights", "local"])
def test_reflected_mass_by_quadrature(low, high, form):
    z = rows_in(low, high)
    w = np.arange(1.0, 13) / 78 if form == "weights" else None
    b = np.linspace(0.3, 2.5, 12) if form == "local" else None
    start, stop = max(low, z.min() - 25), min(high, z.max() + 25)
    expected = integral(lambda q: reflect(q, z, low, high, w, 1.0 if b is None else b), start, stop)
    found = log_reflected_mass(z[:, None], *edges(low, high), w, b)
    assert_allclose(found, np.log(expected), rtol=1e-10, atol=1e-12)
    if not np.isfinite(high - low):
        assert found == pytest.approx(0, abs=1e-15)


def test_reflected_mass_in_a_narrow_box_of_many_axes():
    """Three images in each, so 3 width phi(0) per axis; far below the smallest number."""
    Z, width = np.full((5, 80), 1e-6), 3e-6
    found = log_reflected_mass(Z, np.zeros(80), np.full(80, width))
    assert_allclose(found, 80 * np.log(3 * width * PHI(0)), rtol=1e-10)


@pytest.mark.parametrize("width", [0.001, 0.5, 3.0, 20.0, 24.0, 30.0, 1e5, INF])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.5, 0.9])
def test_renormalized_mass_of_a_row(width, share):
    z = share * min(width, 30.0)
    expected = integral(lambda x: PHI(x - z) / (stats.norm.cdf(x) - stats.norm.cdf(x - width)),
                        max(0.0, z - 12), min(width, z + 12))
    for row, low, high in [(z, 0.0, width), (-z, -width, 0.0)]:
        found = log_renormalized_mass(np.array([[row]]), *edges(low, high))
        assert_allclose(found, np.log(expected), rtol=1e-10, atol=1e-13)


def test_renormalized_mass_on_an_edge():
    """The integral of phi / Phi from 0 is log 2."""
    found = log_renormalized_mass(np.zeros((3, 2)), np.zeros(2), np.full(2, INF))
    assert_allclose(found, 2 * np.log(np.log(2)), rtol=1e-12)


def test_renormalized_mass_of_weighted_rows_in_two_axes():
    Z, w = np.array([[0.2, 0.1], [1.0, 2.5], [3.0, 0.0]]), np.array([0.5, 0.3, 0.2])
    low, high = np.array([0.0, -INF]), np.array([INF, 3.0])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, y = 7 * (1 + nodes), 3 - 6.5 * (1 + nodes)
    Q = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    plain = sum(v * PHI(Q - z).prod(axis=1) for z, v in zip(Z, w, strict=True))
    factor, _ = log_edge_factor("renormalize", Q, low, high)
    expected = 7 * 6.5 * np.outer(weights, weights).ravel() @ (plain * np.exp(factor))
    assert_allclose(np.exp(log_renormalized_mass(Z, low, high, w)), expected, rtol=1e-11)


@pytest.mark.parametrize("boundary", CORRECTED)
@pytest.mark.parametrize(("low", "high"), BOXES[:-1])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_dimensional_mass(boundary, low, high, weighted):
    z = rows_in(low, high)
    w = np.arange(1.0, 13) / 78 if weighted else None
    calls = []

    def density(q):
        calls.append(len(q))
        return corrected(boundary, q, z, low, high, w)

    found = one_dimensional_mass(density, z, low, high, w)
    assert sum(calls) < 6000
    start, stop = max(low, z.min() - 12), min(high, z.max() + 12)
    panels = 20_000 if boundary == "positive" else 400  # which has kinks
    expected = integral(lambda q: corrected(boundary, q, z, low, high, w), start, stop, panels)
    assert_allclose(found, expected, rtol=3e-11)
    if boundary == "renormalize":
        assert_allclose(found, np.exp(log_renormalized_mass(z[:, None], *edges(low, high), w)),
                        rtol=1e-11)


@pytest.mark.parametrize("boundary", ["linear", "positive"])
def test_mass_where_positive_has_a_kink(boundary):
    """Rows away from the edge: "linear" is negative there, "positive" is floored."""
    z = np.array([2.0, 2.2, 2.5, 3.0, 6.0])
    found = one_dimensional_mass(lambda q: corrected(boundary, q, z, 0.0, INF), z, 0.0, INF)
    signs = np.sign(corrected("linear", np.array([0.0, 2.0]), z, 0.0, INF))
    assert_array_equal(signs, [-1, 1])
    expected = integral(lambda q: corrected(boundary, q, z, 0.0, INF), 0.0, 18.0, 20_000)
    assert_allclose(found, expected, rtol=3e-11)


@pytest.mark.parametrize("boundary", ["linear", "positive"])
def test_mass_of_rows_spread_far(boundary):
    z = np.array([0.1, 0.5, 1.0, 4e5, 1e6 - 0.3])
    found = one_dimensional_mass(lambda q: corrected(boundary, q, z, 0.0, 1e6), z, 0.0, 1e6)
    parts = [z[:3], np.array([0.3])]
    expected = 0.2 + sum(
        len(part) / 5 * integral(lambda q, p=part: corrected(boundary, q, p, 0.0, INF), 0.0, 12.0,
                                 4000) for part in parts)
    assert_allclose(found, expected, rtol=1e-10)


def test_mass_with_no_row_near_the_edge(sample):
    z = sample + 100.0
    mass = one_dimensional_mass(lambda q: corrected("linear", q, z, 0.0, INF), z, 0.0, INF)
    assert_allclose(mass, 1.0, rtol=1e-14)


# ------------------------------------------------------------ draws
def test_folding_by_repeated_reflection(rng):
    low, high = np.array([-1.0, 2.0, -INF, -INF]), np.array([0.5, INF, 1.0, INF])
    draws = rng.normal(scale=6.0, size=(200, 4))
    expected = draws.copy()
    for row in expected:
        for j in range(4):
            while not low[j] <= row[j] <= high[j]:
                row[j] = 2 * low[j] - row[j] if row[j] < low[j] else 2 * high[j] - row[j]
    before = draws.copy()
    found = folded(draws, low, high)
    assert_allclose(found, expected, atol=1e-13)
    assert_array_equal(draws, before)
    assert ((found >= low) & (found <= high)).all()


def test_draws_inside_stay(rng):
    draws = rng.random((50, 2))
    assert_allclose(folded(draws, np.zeros(2), np.ones(2)), draws, atol=1e-15)
    assert_array_equal(folded(np.array([[0.0], [1.0]]), *edges(0.0, 1.0)), [[0.0], [1.0]])


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.2), (0.0, 3.0), (0.0, INF), (-INF, 0.4)])
def test_draws_of_the_reflect_estimate(low, high):
    z = folded(np.array([[0.1], [0.2], [0.35]]), *edges(low, high))[:, 0]
    draws = reflected_draws(PointSet(z[:, None]), *edges(low, high), 20_000,
                            np.random.default_rng(1))
    mass = np.exp(log_reflected_mass(z[:, None], *edges(low, high)))
    test = stats.kstest(draws[:, 0], lambda q: reflected_cdf(
        q[:, None], z[:, None], *edges(low, high)) / mass)
    assert test.pvalue > 1e-3


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.2), (0.0, 3.0), (0.0, INF), (-INF, 0.4)])
def test_draws_of_the_renormalize_estimate(low, high):
    z = folded(np.array([[0.1], [0.2], [0.35]]), *edges(low, high))[:, 0]
    kept = renormalized_draws(PointSet(z[:, None]), *edges(low, high), 20_000,
                              np.random.default_rng(2))[:, 0]
    grid = np.linspace(max(low, -9), min(high, 9), 4001)
    values = corrected("renormalize", grid, z, low, high)
    below = np.r_[0, np.cumsum((values[1:] + values[:-1]) / 2) * (grid[1] - grid[0])]
    assert stats.kstest(kept, lambda q: np.interp(q, grid, below / below[-1])).pvalue > 1e-3


def test_acceptance():
    low, high = np.array([0.0, -INF]), np.array([INF, INF])
    draws = np.array([[0.0, 3.0], [50.0, 0.0], [-1e-9, 0.0]])
    assert_allclose(renormalized_accept(draws, low, high), [1.0, 0.5, 0.0])
    two = renormalized_accept(np.array([[0.0], [1.0], [0.5]]), *edges(0.0, 1.0))
    assert_allclose(two, [1, 1, (stats.norm.cdf(1) - 0.5) / (2 * stats.norm.cdf(0.5) - 1)])


# ------------------------------------------------------------ distribution function
@pytest.mark.parametrize(("low", "high"), BOXES)
@pytest.mark.parametrize("form", ["plain", "weights", "local"])
def test_cdf_by_quadrature(low, high, form):
    z = rows_in(low, high)
    w = np.arange(1.0, 13) / 78 if form == "weights" else None
    b = np.linspace(0.3, 2.5, 12) if form == "local" else None
    start, stop = max(low, z.min() - 25), min(high, z.max() + 25)
    q = start + (stop - start) * np.array([0.01, 0.2, 0.5, 0.8])
    found = reflected_cdf(q[:, None], z[:, None], *edges(low, high), w, b)
    expected = [integral(lambda x: reflect(x, z, low, high, w, 1.0 if b is None else b), start, end)
                for end in q]
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    ends = reflected_cdf(np.array([[-INF], [low], [high], [INF]]), z[:, None], *edges(low, high), w,
                         b)
    mass = np.exp(log_reflected_mass(z[:, None], *edges(low, high), w, b))
    assert_allclose(ends, [0, 0, mass, mass], rtol=1e-12, atol=1e-15)


def test_cdf_without_edges_and_in_blocks(rng, monkeypatch):
    Z, Q = rng.normal(size=(40, 3)), rng.normal(size=(17, 3))
    w = rng.random(40)
    w /= w.sum()
    open_box = np.full(3, -INF), np.full(3, INF)
    expected = stats.norm.cdf(Q[:, None] - Z).prod(axis=-1) @ w
    assert_allclose(reflected_cdf(Q, Z, *open_box, w), expected, rtol=1e-13)
    monkeypatch.setattr(_boundary, "_BLOCK", 100)
    assert_allclose(reflected_cdf(Q, Z, *open_box, w), expected, rtol=1e-13)
    assert reflected_cdf(Q[:0], Z, *open_box, w).shape == (0,)


def test_cdf_of_one_row_in_two_axes():
    """A product: with an edge on the first axis only, (mass in [-q, q]) x (normal cdf)."""
    low, high = np.array([0.0, -INF]), np.array([INF, INF])
    found = reflected_cdf(np.array([[1.5, 0.3]]), np.array([[0.4, -0.2]]), low, high)
    expected = (stats.norm.cdf(1.1) - stats.norm.cdf(-1.9)) * stats.norm.cdf(0.5)
    assert_allclose(found, [expected], rtol=1e-14)
