"""Where a sample misfits: witness, columns, and what the row means say about the statistic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import cho_solve
from scipy.spatial.distance import cdist
from scipy.special import ndtr, ndtri

from divest.goodness_of_fit._points import Points
from divest.kernels import Kernel

BLOCK = 2**21  # pairs worked on together


def witness(points: Points, kernel: Kernel, Z: np.ndarray) -> np.ndarray:
    """``mean_i [s(x_i) k(x_i, z) + grad k(x_i, z)]`` at each row of `Z`, in its coordinates."""
    at = points.transform(Z)
    step = max(1, BLOCK // points.n)
    parts = [_operated_mean(points, kernel, at[start:start + step])
             for start in range(0, len(at), step)]
    g = np.concatenate(parts) if parts else np.empty(Z.shape)
    if points.boundary is not None:
        across = kernel.profile(cdist(at, points.boundary, "sqeuclidean"))[0]
        held = _operated_mean(points, kernel, points.boundary)
        g -= across @ cho_solve((points.boundary_root(kernel), True), held)
    return g @ points.factor.T


def _operated_mean(points: Points, kernel: Kernel, at: np.ndarray) -> np.ndarray:
    """Mean over the rows of the Stein operator applied to the kernel, (len(at), d)."""
    x, a, w = points.rows, points.scores, points.weights
    phi, slope, _ = kernel.profile(cdist(at, x, "sqeuclidean"))
    along = slope @ (w * x) - (slope @ w) * at
    return (phi @ a + 2 * along) / points.n


def dimension_statistics(points: Points, kernel: Kernel) -> np.ndarray:
    """The part of each column in the U statistic, (d,)."""
    x, a, w = points.rows, points.scores, points.weights
    total, n = np.zeros(points.d), points.n
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        rows = slice(start, start + step)
        u = cdist(x[rows], x, "sqeuclidean")
        phi, slope, curvature = kernel.profile(u)
        bend = np.divide(curvature, u, out=np.zeros_like(u), where=u > 0)
        u[:, :] = 1.0
        u[np.arange(len(u)), np.arange(start, start + len(u))] = 0.0  # a row with itself
        for c in range(points.d):
            gap = x[rows, c][:, None] - x[:, c]
            both = np.outer(w[rows, c], w[:, c])
            toward = gap * (np.outer(w[rows, c], a[:, c]) - np.outer(a[rows, c], w[:, c])) - both
            h = phi * np.outer(a[rows, c], a[:, c]) + 2 * slope * toward - 4 * bend * both * gap**2
            total[c] += np.einsum("ij,ij->", h, u)
    if (features := points.boundary_features(kernel)) is not None:
        by_column = features.reshape(n, points.d, -1)
        total -= (by_column.sum(axis=0)**2).sum(axis=1) - (by_column**2).sum(axis=(0, 2))
    return total / (n * (n - 1))


def standard_error(row_means: np.ndarray) -> float:
    """Of the U statistic, by the jackknife; right away from the null hypothesis."""
    n = len(row_means)
    return float(np.sqrt(4 * (n - 1) / (n * (n - 2)**2)
                         * ((row_means - row_means.mean())**2).sum()))


def discrepancy_interval(row_means: np.ndarray, level: float) -> tuple[float, float]:
    """Normal interval for the square root of what the U statistic estimates."""
    reach = ndtri(0.5 + level / 2) * standard_error(row_means)
    low, high = (np.sqrt(max(row_means.mean() + side * reach, 0.0)) for side in (-1, 1))
    return float(low), float(high)


def power(row_means: np.ndarray, critical: float, sizes: Sequence[int]) -> np.ndarray:
    """Power of a test with critical value `critical` of n U, at other numbers of rows."""
    deviation = np.sqrt(len(row_means)) * standard_error(row_means)
    root = np.sqrt(np.asarray(sizes, dtype=float))
    return ndtr((root * row_means.mean() - critical / root) / deviation)
