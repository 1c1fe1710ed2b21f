"""Edges of the support of a density estimate: what is lost there, and how it is put back.

Everything is in units in which the Gaussian kernel has bandwidth 1 on each axis. Rows `Z` (n, d)
lie inside the box from `low` to `high` (d,), which are infinite where a side is open.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.polynomial import chebyshev
from numpy.polynomial.legendre import leggauss
from scipy.special import erf, logsumexp, ndtr

REACH = 12.0  # from an edge beyond which it changes nothing
RATIO_FLOOR = 1e-6  # of "linear" over "renormalize", in "positive"
_FAR = 40.0  # the normal density is 0 beyond
_NARROW = 0.1  # width of a box below which closed forms lose digits
_DEGREE = 60  # of the table of row masses
_BLOCK = 2_000_000  # entries of a block of queries and rows
_ROOT2 = sqrt(2.0)


# ------------------------------------------------------------ what the kernel sees of the box
def interval_mass(center: np.ndarray, start: np.ndarray | float, stop: np.ndarray | float,
                  bandwidth: np.ndarray | float = 1.0) -> np.ndarray:
    """Mass of a normal law in an interval, to full precision when its center is inside."""
    scale = _ROOT2 * bandwidth
    return 0.5 * (erf((center - start) / scale) + erf((stop - center) / scale))


def edge_moments(q: np.ndarray, low: float, high: float
                 ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass, mean and variance of ``u = q - z`` under the kernel, z in the box; along one axis.

    In the usual notation ``a0 = mass``, ``a1 = mass mean``, ``a2 = mass (variance + mean^2)``; this
    form keeps its digits when the box is narrow.
    """
    mass = interval_mass(q, low, high)
    if high - low < _NARROW:
        return mass, *_narrow_moments(q, low, high)
    a, b = np.clip(q - low, -_FAR, _FAR), np.clip(q - high, -_FAR, _FAR)
    at_a, at_b = _normal(a), _normal(b)
    mean = (at_b - at_a) / mass
    return mass, mean, 1.0 - (a * at_a - b * at_b) / mass - mean**2


def _narrow_moments(q: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance by quadrature."""
    nodes, weights = leggauss(8)
    u = q[:, None] - (low + high) / 2 - (high - low) / 2 * nodes
    share = weights * _normal(u)
    share /= share.sum(axis=1, keepdims=True)
    mean = (share * u).sum(axis=1)
    return mean, (share * (u - mean[:, None]) ** 2).sum(axis=1)


def _normal(u: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * u**2) / sqrt(2 * np.pi)


def inside(Q: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Which rows lie in the box, its edges included."""
    return np.asarray(((Q >= low) & (Q <= high)).all(axis=1))


# ------------------------------------------------------------ from the plain estimate to the others
def log_edge_factor(boundary: str, Q: np.ndarray, low: np.ndarray, high: np.ndarray,
                    mean: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the size, and sign, of what the plain estimate at `Q` is multiplied by.

    Parameters
    ----------
    boundary : {"renormalize", "linear", "positive"}
        The last two along one axis only.
    Q : ndarray of shape (m, d)
        Queries.
    low, high : ndarray of shape (d,)
        The box.
    mean : ndarray of shape (m, 1), optional
        Mean of the rows weighted by their terms of the plain sum at each query; for "linear" and
        "positive".

    Returns
    -------
    log_factor, sign : ndarray of shape (m,)
        ``-inf`` outside the box. The sign is -1 where "linear" is negative: there is no logarithm
        of that estimate, and its log density is taken as ``-inf``.
    """
    within, sign = inside(Q, low, high), np.ones(len(Q))
    factor = np.full(len(Q), -np.inf)
    seen = Q[within]
    if boundary == "renormalize":
        factor[within] = -np.log(interval_mass(seen, low, high)).sum(axis=1)
        return factor, sign
    assert mean is not None
    mass, ratio = _linear_ratio(seen[:, 0], low[0], high[0], mean[within, 0])
    if boundary == "positive":
        factor[within] = np.maximum(ratio, RATIO_FLOOR) - 1.0 - np.log(mass)
        return factor, sign
    with np.errstate(divide="ignore"):
        factor[within] = np.log(np.abs(ratio)) - np.log(mass)
    sign[within] = np.where(ratio < 0, -1.0, 1.0)
    return factor, sign


def _linear_ratio(q: np.ndarray, low: float, high: float, mean: np.ndarray
                  ) -> tuple[np.ndarray, np.ndarray]:
    """Mass of the kernel in the box, and the "linear" over the "renormalize" estimate."""
    mass, center, variance = edge_moments(q, low, high)
    return mass, 1.0 + center * (center - (q - mean)) / variance


# ------------------------------------------------------------ integrals over the box
def log_reflected_mass(Z: np.ndarray, low: np.ndarray, high: np.ndarray,
                       weights: np.ndarray | None = None, local: np.ndarray | None = None) -> float:
    """Logarithm of the integral of the "reflect" estimate with one image per edge.

    0 unless both edges of an axis are near: with its images, a row has in the box the mass of its
    kernel from ``2 low - high`` to ``2 high - low``.
    """
    bandwidth = 1.0 if local is None else local[:, None]
    mass = interval_mass(Z, 2 * low - high, 2 * high - low, bandwidth)
    return _log_mean(np.log(mass).sum(axis=1), weights)


def log_renormalized_mass(Z: np.ndarray, low: np.ndarray, high: np.ndarray,
                          weights: np.ndarray | None = None) -> float:
    """Logarithm of the integral of the "renormalize" estimate, for any number of axes."""
    return _log_mean(log_renormalized_rows(Z, low, high), weights)


def log_renormalized_rows(Z: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Logarithm of what each row gives to that integral (n,)."""
    logs = np.zeros(len(Z))
    for z, a, b in zip(Z.T, low, high, strict=True):
        if np.isfinite(a) or np.isfinite(b):
            logs += np.log(_renormalized_row_mass(np.minimum(z - a, b - z), b - a))
    return logs


def _log_mean(logs: np.ndarray, weights: np.ndarray | None) -> float:
    """``log sum_i w_i exp(logs_i)``."""
    return float(logsumexp(logs, b=1.0 / len(logs) if weights is None else weights))


def _renormalized_row_mass(distance: np.ndarray, width: float) -> np.ndarray:
    """Integral of ``K(x - z) / N(x)`` for rows z at a distance from the nearest edge of a box.

    By symmetry it does not matter which edge that is. Read from a Chebyshev polynomial.
    """
    top = min(REACH, width / 2)
    nodes, weights = leggauss(20)
    x, weights = _on_panels(np.linspace(0.0, min(width, top + REACH), 25), nodes, weights)
    weights = weights / interval_mass(x, 0.0, width)

    def integral(t: np.ndarray) -> np.ndarray:
        z = 0.5 * top * (1.0 + t)
        return _normal(z[:, None] - x) @ weights

    places = chebyshev.chebpts1(_DEGREE + 1)
    table = chebyshev.chebfit(places, integral(places), _DEGREE)
    mass = np.ones(len(distance))
    near = distance < REACH
    mass[near] = chebyshev.chebval(2.0 * distance[near] / top - 1.0, table)
    return mass


def one_dimensional_mass(density: Callable[[np.ndarray], np.ndarray], z: np.ndarray, low: float,
                         high: float, weights: np.ndarray | None = None) -> float:
    """Integral over the box of an edge-corrected estimate along one axis.

    By adaptive quadrature near the edges, where the estimate differs from the plain one, and in
    closed form between; so it costs the same however far the rows are spread.

    Parameters
    ----------
    density : callable
        Densities (m,) at points (m,).
    z : ndarray of shape (n,)
        Rows.
    low, high : float
        The box.
    weights : ndarray of shape (n,), optional
        Weights of the rows, with sum 1.
    """
    if high - low <= 2 * REACH:
        return _integral(density, low, high)
    start = low + REACH if np.isfinite(low) else low
    stop = high - REACH if np.isfinite(high) else high
    mass = float(np.average(ndtr(stop - z) - ndtr(start - z), weights=weights))
    if np.isfinite(low):
        mass += _integral(density, low, start)
    if np.isfinite(high):
        mass += _integral(density, stop, high)
    return mass


def _integral(density: Callable[[np.ndarray], np.ndarray], start: float, stop: float) -> float:
    """Gauss-Legendre on panels; those are halved that this still changes ("positive" has kinks)."""
    nodes, weights = leggauss(12)
    edges = np.linspace(start, stop, 2 + int(stop - start))
    left, right = edges[:-1], edges[1:]

    def sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        half = (b - a) / 2
        x = (a + half)[:, None] + half[:, None] * nodes
        return density(x.ravel()).reshape(x.shape) @ weights * half

    total, coarse = 0.0, sums(left, right)
    for _ in range(40):
        middle = (left + right) / 2
        ends = np.concatenate([left, middle]), np.concatenate([middle, right])
        fine = sums(*ends)
        rough = np.abs(fine[:len(left)] + fine[len(left):] - coarse) > 1e-13
        total += fine[~np.tile(rough, 2)].sum()
        if not rough.any():
            break
        again = np.tile(rough, 2)
        left, right, coarse = ends[0][again], ends[1][again], fine[again]
    else:
        total += coarse.sum()
    return float(total)


def _on_panels(edges: np.ndarray, nodes: np.ndarray, weights: np.ndarray
               ) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a rule on [-1, 1], on each of several panels."""
    half = np.diff(edges)[:, None] / 2
    return ((edges[:-1, None] + half * (1.0 + nodes)).ravel(),
            (half * weights).ravel())


# ------------------------------------------------------------ drawing
def folded(draws: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Draws (m, d) reflected at the edges until they are in the box."""
    out = draws.copy()
    for x, a, b in zip(out.T, low, high, strict=True):
        if np.isfinite(a) and np.isfinite(b):
            x[:] = a + (b - a) - np.abs((x - a) % (2 * (b - a)) - (b - a))
        elif np.isfinite(a):
            x[:] = a + np.abs(x - a)
        elif np.isfinite(b):
            x[:] = b - np.abs(b - x)
    return np.clip(out, low, high)


def renormalized_accept(draws: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Probability at which a draw of the plain estimate is kept, to follow "renormalize".

    The kernel has least mass in the box at its edges. 0 outside.
    """
    probability = np.zeros(len(draws))
    within = inside(draws, low, high)
    least = interval_mass(np.zeros_like(low), 0.0, high - low)
    least = np.where(np.isfinite(low) | np.isfinite(high), least, 1.0)
    probability[within] = (least / interval_mass(draws[within], low, high)).prod(axis=1)
    return probability


# ------------------------------------------------------------ distribution function
def reflected_cdf(Q: np.ndarray, Z: np.ndarray, low: np.ndarray, high: np.ndarray,
                  weights: np.ndarray | None = None, local: np.ndarray | None = None) -> np.ndarray:
    """Mass (m,) of the "reflect" estimate below each query on all axes, before it is normalised.

    Without edges, the distribution function of the plain estimate. In blocks of queries.
    """
    n = len(Z)
    weights = np.full(n, 1.0 / n) if weights is None else weights
    bandwidth = np.ones(n) if local is None else local
    Q = np.clip(Q, low, high)
    block = max(1, _BLOCK // n)
    out = [_products_below(Q[i:i + block], Z, low, high, bandwidth) @ weights
           for i in range(0, len(Q), block)]
    return np.concatenate(out) if out else np.empty(0)


def _products_below(Q: np.ndarray, Z: np.ndarray, low: np.ndarray, high: np.ndarray,
                    bandwidth: np.ndarray) -> np.ndarray:
    """Product over axes of the masses of rows and images below each query, (m, n)."""
    product = np.ones((len(Q), len(Z)))
    for q, z, a, b in zip(Q.T[:, :, None], Z.T, low, high, strict=True):
        mass = ndtr((q - z) / bandwidth)
        if np.isfinite(a):
            mass -= ndtr((2 * a - q - z) / bandwidth)
        if np.isfinite(b):
            mass += ndtr((2 * b - a - z) / bandwidth) - ndtr((2 * b - q - z) / bandwidth)
        product *= mass
    return product
