"""When parameters estimated by a Stein discrepancy can be trusted."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic
from divest.kernels._boundary import INSIDE, boundary_geometry, points_wanted

ROWS_PER_PARAMETER = 10.0


def rows_per_parameter(n: int, p: int) -> Diagnostic:
    """Whether there are enough rows for standard errors that hold for many."""
    return Diagnostic("rows_per_parameter", n / p, ROWS_PER_PARAMETER, n / p >= ROWS_PER_PARAMETER,
                      "standard errors hold for many rows, and these are few for so many "
                      "parameters; get more rows, or fix parameters")


def boundary_diagnostics(points: np.ndarray, rows: np.ndarray, bandwidth: float
                         ) -> list[Diagnostic]:
    """Whether the points can be the edge of the region that the rows come from."""
    distinct, wanted = len(np.unique(points, axis=0)), points_wanted(points.shape[1])
    inside, least = boundary_geometry(points, rows)
    return [
        Diagnostic("boundary_points", float(distinct), wanted, distinct >= wanted,
                   "between so few points of the boundary the kernel does not vanish, and the "
                   "estimate is biased; give more of them, evenly spread"),
        Diagnostic("boundary_inside", inside, INSIDE, inside <= INSIDE,
                   "this share of the boundary points has rows all around: they are no edge, and "
                   "where the region truly ends the estimate is biased; check the points and their "
                   "units (points on a line that splits the region do no harm)"),
        Diagnostic("boundary_distance", least / bandwidth, 1.0, least <= bandwidth,
                   "no boundary point is within a bandwidth of any row, so they have no effect; "
                   "check their units, and whether there is an edge at all")]
