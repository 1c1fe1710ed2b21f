"""Whether points can be the edge of the region that the rows come from."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree
from scipy.special import gammaln

from divest._results import Diagnostic

INSIDE = 0.1  # share of boundary points that may have rows all around them


def boundary_diagnostics(points: np.ndarray, rows: np.ndarray, bandwidth: float,
                         harm: str) -> list[Diagnostic]:
    """What the points tell of themselves; `harm` is what wrong ones do."""
    distinct, wanted = len(np.unique(points, axis=0)), _points_wanted(points.shape[1])
    inside, least = _boundary_geometry(points, rows)
    return [
        Diagnostic("boundary_points", float(distinct), wanted, distinct >= wanted,
                   "between so few points of the boundary the kernel does not vanish, and "
                   f"{harm}; give more of them, evenly spread"),
        Diagnostic("boundary_inside", inside, INSIDE, inside <= INSIDE,
                   "this share of the boundary points has rows all around: they are no edge, and "
                   f"where the region truly ends {harm}; check the points and their units (points "
                   "on a line that splits the region do no harm)"),
        Diagnostic("boundary_distance", least / bandwidth, 1.0, least <= bandwidth,
                   "no boundary point is within a bandwidth of any row, so they have no effect; "
                   "check their units, and whether there is an edge at all")]


def _points_wanted(d: int) -> float:
    """How many points hold the kernel down on an edge in `d` columns; in one, the end itself."""
    return 1.0 if d == 1 else 8.0 * d**2


def _boundary_geometry(points: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
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
