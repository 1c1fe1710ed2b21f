"""The Gaussian family without draws, from moments of the whitened rows."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from divest.sample_complexity._contractions import combine, whitening

BLOCK = 1_000_000  # products of pairs of columns at a time


def gaussian_coefficients(rows: np.ndarray, weights: np.ndarray | None, second: bool,
                          cubes: float = 1.0) -> np.ndarray:
    """Full covariance, fitted to the rows; `cubes` is the `cube_factor` of the sample.

    Contracting the cumulants of ``-log|I - 2B| / 2 - tr B + b'(I - 2B)^-1 b / 2`` with the moments
    of x and (xx' - I) / 2 leaves the squared sizes of the third and fourth moments of the whitened
    rows x, of their contractions E x |x|^2 and E xx' |x|^2, and E |x|^4 and E |x|^6.
    """
    x, w = _whitened(rows, weights)
    d = x.shape[1]
    square = np.einsum("ia,ia->i", x, x)
    b = float(w @ square**2)  # Mardia's kurtosis
    p_star = (d + b) / 2.0  # the trace of A
    if not second:
        return np.array([p_star, np.nan, np.nan])
    third, fourth = _squared_moments(x, w)
    h = (w * square) @ x
    F = (x * (w * square)[:, None]).T @ x
    hh, FF = float(h @ h), float(np.vdot(F, F))
    k4 = 2 * FF + fourth + 4 * hh + 4 * third - 2 * b - d
    T = 4 * hh + 2 * FF
    S2 = fourth + FF + 4 * third + 2 * hh - 2 * b + d * d + d
    S1 = float(w @ square**3) - d
    return np.array([p_star, *combine(k4, T, S2, cubes * S1)])


def specified_coefficients(d: int, cubes: float = 1.0) -> np.ndarray:
    """The same where the model holds: moments of the normal law."""
    b = d * (d + 2)
    FF, fourth, sixth = b * (d + 2), 3 * b, b * (d + 4)
    k4, T, S = 2 * FF + fourth - 2 * b - d, 2 * FF, fourth + FF - 2 * b + d * d + d
    return np.array([(d + b) / 2.0, *combine(k4, T, S, cubes * (sixth - d))])


def _whitened(rows: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows with mean 0 and covariance I (divisor n), and their weights."""
    w = np.full(len(rows), 1.0 / len(rows)) if weights is None else weights
    centered = rows - w @ rows
    return centered @ whitening((centered * w[:, None]).T @ centered), w


def _squared_moments(x: np.ndarray, w: np.ndarray) -> tuple[float, float]:
    """Squared size of the tensors of third and fourth moments."""
    i, j = np.triu_indices(x.shape[1])
    often = np.where(i == j, 1.0, 2.0)  # how often a pair stands in the tensor
    step = max(BLOCK // max(len(i), 1), 1)
    third, fourth = np.zeros((len(i), x.shape[1])), np.zeros((len(i), len(i)))
    for start in range(0, len(x), step):
        part = x[start:start + step]
        pairs = part[:, i] * part[:, j]
        weighted = pairs * w[start:start + step, None]
        third += weighted.T @ part
        fourth += weighted.T @ pairs
    return float(often @ third**2 @ np.ones(x.shape[1])), float(often @ fourth**2 @ often)


def block_cumulants(mean: np.ndarray, variance: np.ndarray, size: int
                    ) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], float]]:
    """G, psi3, psi4 of columns in blocks of `size` that share one variance.

    The statistics are the columns, then for each block the sum of squares of its columns. They are
    linear in the orthonormal ones, the columns z = (x - mean) / sd and, for each block, the sum of
    ``z^2 - 1`` over sqrt(2 size).
    """
    d, blocks = len(mean), len(mean) // size
    block = np.repeat(np.arange(blocks), size)
    sd = np.sqrt(variance)[block]
    each, own = np.arange(d), d + block
    J = np.zeros((d + blocks, d + blocks))  # orthonormal to plain statistics
    J[each, each] = sd
    J[own, each] = 2.0 * mean * sd
    J[d + np.arange(blocks), d + np.arange(blocks)] = variance * sqrt(2.0 * size)
    psi3 = np.zeros((len(J),) * 3)
    for slots in ((each, each, own), (each, own, each), (own, each, each)):
        psi3[slots] = sqrt(2.0 / size)
    spread = np.arange(d, d + blocks)
    psi3[spread, spread, spread] = 2.0 * sqrt(2.0 / size)
    for _ in range(3):
        psi3 = np.tensordot(psi3, J, axes=(0, 1))

    def psi4(B: np.ndarray) -> float:
        A = J.T @ B @ J
        mixed = np.sum(8.0 * A[each, each] * A[own, own] + 16.0 * A[each, own]**2)
        return float(mixed + 12.0 * np.sum(A[spread, spread]**2)) / size

    return J @ J.T, psi3, psi4
