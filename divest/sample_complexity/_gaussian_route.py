"""The Gaussian family without draws, from moments of the whitened rows."""

from __future__ import annotations

from math import sqrt

import numpy as np

from divest.sample_complexity._contractions import (
    Evaluated,
    combine,
    equal_weights,
    first_order,
    whitening,
)

BLOCK = 1_000_000  # products of pairs of columns at a time


def gaussian_coefficients(rows: np.ndarray, weights: np.ndarray | None, second: bool,
                          cubes: float = 1.0) -> Evaluated:
    """Full covariance, fitted to the rows; `cubes` is the `cube_factor` of the sample.

    Contracting the cumulants of ``-log|I - 2B| / 2 - tr B + b'(I - 2B)^-1 b / 2`` with the moments
    of x and (xx' - I) / 2 leaves the squared sizes of the third and fourth moments of the whitened
    rows x, of their contractions E x |x|^2 and E xx' |x|^2, and E |x|^4 and E |x|^6.
    """
    x, w = _whitened(rows, weights)
    d = x.shape[1]
    values = summed_coefficients(row_sums(x, w, second), d, cubes)
    return Evaluated(values, n_statistics(d), (np.einsum("ia,ia->i", x, x)**2 + d) / 2.0)


def row_sums(x: np.ndarray, w: np.ndarray, second: bool) -> tuple[np.ndarray, ...]:
    """Weighted sums over whitened rows, all that the coefficients need of them.

    Of |x|^4, and for the second order of |x|^6, x |x|^2, xx' |x|^2 and of the products of three and
    of four columns.
    """
    square = np.einsum("ia,ia->i", x, x)
    if not second:
        return (w @ square**2,)
    weighted = x * (w * square)[:, None]
    return (w @ square**2, w @ square**3, weighted.sum(axis=0), weighted.T @ x,
            *_product_sums(x, w))


def summed_coefficients(sums: tuple[np.ndarray, ...], d: int, cubes: float = 1.0) -> np.ndarray:
    """The coefficient vector from such sums, of weights with sum 1."""
    b = float(sums[0])  # Mardia's kurtosis
    p_star = (b + d) / 2.0  # the trace of A
    if len(sums) == 1:
        return first_order(p_star)
    sixth, h, F = sums[1:4]
    third, fourth = _squared_sizes(*sums[4:])
    hh, FF = float(h @ h), float(np.vdot(F, F))
    k4 = 2 * FF + fourth + 4 * hh + 4 * third - 2 * b - d
    T = 4 * hh + 2 * FF
    S2 = fourth + FF + 4 * third + 2 * hh - 2 * b + d * d + d
    S1 = float(sixth) - d
    return np.array([p_star, *combine(k4, T, S2, cubes * S1)])


def n_statistics(d: int) -> int:
    """Means, variances and covariances of d columns."""
    return d + d * (d + 1) // 2


def specified_coefficients(d: int, cubes: float = 1.0) -> np.ndarray:
    """The same where the model holds: moments of the normal law."""
    b = d * (d + 2)
    FF, fourth, sixth = b * (d + 2), 3 * b, b * (d + 4)
    k4, T, S = 2 * FF + fourth - 2 * b - d, 2 * FF, fourth + FF - 2 * b + d * d + d
    return np.array([n_statistics(d), *combine(k4, T, S, cubes * (sixth - d))])


def _whitened(rows: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows with mean 0 and covariance I (divisor n), and their weights."""
    w = equal_weights(len(rows), weights)
    centered = rows - w @ rows
    return centered @ whitening((centered * w[:, None]).T @ centered), w


def _product_sums(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted sums of products of three and of four columns; two of them as one of the pairs."""
    i, j = np.triu_indices(x.shape[1])
    step = max(BLOCK // max(len(i), 1), 1)
    third, fourth = np.zeros((len(i), x.shape[1])), np.zeros((len(i), len(i)))
    for start in range(0, len(x), step):
        part = x[start:start + step]
        pairs = part[:, i] * part[:, j]
        weighted = pairs * w[start:start + step, None]
        third += weighted.T @ part
        fourth += weighted.T @ pairs
    return third, fourth


def _squared_sizes(third: np.ndarray, fourth: np.ndarray) -> tuple[float, float]:
    """Squared size of the tensors of third and fourth moments."""
    i, j = np.triu_indices(third.shape[1])
    often = np.where(i == j, 1.0, 2.0)  # how often a pair stands in the tensor
    return float(often @ third**2 @ np.ones(len(third.T))), float(often @ fourth**2 @ often)


def block_coefficients(x: np.ndarray, weights: np.ndarray | None, specified: bool, second: bool,
                       cubes: float) -> Evaluated:
    """Independent blocks of columns (rows, blocks, columns) that share one variance each.

    The statistics of a block of s columns are orthonormal: the columns z, standardised, and
    h, the sum of ``z^2 - 1`` over sqrt(2 s). The third cumulants of the model are sqrt(2 / s) for
    (z_i, z_i, h) and twice that for (h, h, h); its fourth ones are contracted in `k4`.
    """
    w, size = equal_weights(len(x), weights), x.shape[2]
    z = x - np.tensordot(w, x, axes=1)
    z /= np.sqrt(np.tensordot(w, z**2, axes=1).mean(axis=1))[:, None]
    square = np.sum(z**2, axis=2)
    h = (square - size) / sqrt(2.0 * size)
    parts, rank = np.sum(square + h**2, axis=1), x.shape[1] * (size + 1)
    t = np.concatenate([z, h[:, :, None]], axis=2).transpose(1, 0, 2)
    A = (t * w[:, None]).transpose(0, 2, 1) @ t
    if specified:
        A = np.broadcast_to(np.eye(size + 1), A.shape)
    trace, own = np.einsum("jii->j", A[:, :-1, :-1]), A[:, -1, -1]
    p_star, mixed = float(np.sum(trace + own)), A[:, :-1, -1]
    if not second:
        return Evaluated(first_order(p_star), rank, parts)
    cross, twice = np.sum(mixed**2, axis=1), np.append(np.ones(size), 2.0)
    k4 = np.sum(8.0 * trace * own + 16.0 * cross + 12.0 * own**2) / size
    T = np.sum(4.0 * cross + (trace + 2.0 * own)**2) * 2.0 / size
    S2 = (np.sum(2.0 * (cross + trace * own)) + np.sum(twice @ A**2 @ twice)) * 2.0 / size
    S1 = S2 if specified else np.sum(w @ (h * (3.0 * square + 2.0 * h**2))) * sqrt(2.0 / size)
    return Evaluated(np.array([p_star, *combine(k4, T, S2, cubes * S1)]), rank, parts)
