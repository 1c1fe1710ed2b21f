"""Kernels held down at points on the edge of a region, and what such points tell of themselves."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from divest.kernels.kernel import Kernel

INSIDE = 0.1  # share of boundary points that may have rows all around them
RIDGE = 1e-3  # added to the kernel of a boundary point with itself


def boundary_root(kernel: Kernel, points: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Lower root L of ``K_BB + ridge I``; held down at B, k is ``k - k_B (L L')^-1 k_B'``."""
    gram = kernel.profile(cdist(points, points, "sqeuclidean"))[0]
    try:
        return cholesky(gram + ridge * np.eye(len(gram)), lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(f"the kernel between the {len(points)} boundary_points is singular with "
                         f"ridge={ridge:g}, as where points repeat or nearly do; pass a larger "
                         "ridge, or fewer points.") from None


def points_wanted(d: int) -> float:
    """How many points hold the kernel down on an edge in `d` columns; in one, the end itself."""
    return 1.0 if d == 1 else 8.0 * d**2


def boundary_geometry(points: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Share of the points with rows all around them, and the least distance of one from a row.

    Directions from a point on a flat edge to the rows near it have a mean of length c_d, that of
    half a sphere, in a corner a greater one, inside the rows one near 0; half of c_d divides them.
    """
    n, d = rows.shape
    distances, nearest = KDTree(rows).query(points, min(n, 20 * (d + 1)))
    ways = rows[np.reshape(nearest, (len(points), -1))] - points[:, None]
    lengths = np.reshape(distances, (len(points), -1, 1))
    directions = np.divide(ways, lengths, out=np.zeros_like(ways), where=lengths > 0)
    half_sphere = np.exp(gammaln(d / 2) - gammaln((d + 1) / 2)) / np.sqrt(np.pi)
    resultant = np.sqrt((directions.mean(axis=1)**2).sum(axis=1))
    return float(np.mean(resultant < half_sphere / 2)), float(lengths.min())
