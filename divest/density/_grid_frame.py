"""A density on a regular grid as a tidy table."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_integer
from divest.density._algorithms import no_grid
from divest.density._fitted import FittedDensity
from divest.density._grid import CUT, fits, grid_density

POINTS = {1: 1024, 2: 128, 3: 32}  # per axis, by dimension
# grid points, and pairs of them with rows, up to which sums take over from transforms where the
# bandwidth is too small for these
MOST_POINTS, MOST_PAIRS = 2**18, 2e9


def grid_frame(fitted: FittedDensity, grid_points: Any, padding: float, names: Any
               ) -> pd.DataFrame:
    """One row per grid point: its coordinates, the last running fastest, and the density."""
    d = fitted.points.d
    counts = _check_counts(grid_points, d)
    axes = _axes(fitted, counts, padding)
    density = _convolved(fitted, axes)
    mesh = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    grid = fitted.units.to_data(mesh) if fitted.units.diagonal else mesh
    if density is None:
        log_density, sign = fitted.log_density(grid)
        density = sign * np.exp(log_density)
    columns = [f"x{k}" for k in range(d)] if names is None or "density" in names else list(names)
    return pd.DataFrame(np.column_stack([grid, density]), columns=[*columns, "density"])


def _convolved(fitted: FittedDensity, axes: list[np.ndarray]) -> np.ndarray | None:
    """The density on a grid by binning and Fourier transforms; None where sums are called for."""
    box, points = fitted.box, fitted.points
    if no_grid(fitted):
        return None
    count = prod(map(len, axes))
    few = count <= MOST_POINTS and count * points.n <= MOST_PAIRS
    if few and not fits(points.rows, axes):
        return None
    found = grid_density(points.rows, points.unequal_weights, axes,
                         None if box is None else box.low, None if box is None else box.high)
    return found.ravel() * np.exp(-fitted.log_mass - fitted.units.log_volume)


def _check_counts(grid_points: Any, d: int) -> list[int]:
    """Points per axis."""
    if d > 3:
        raise ValueError(f"a grid is for up to 3 columns, got {d}; evaluate the density at points "
                         "of your own with pdf or score_samples.")
    if grid_points is None:
        return [POINTS[d]] * d
    counts = [grid_points] * d if np.ndim(grid_points) == 0 else list(grid_points)
    if len(counts) != d:
        raise ValueError(f"grid_points must be an integer or {d} integers, got {grid_points!r}.")
    return [check_integer("grid_points", count, 2) for count in counts]


def _axes(fitted: FittedDensity, counts: list[int], padding: float) -> list[np.ndarray]:
    """Regular axes over the rows with a margin, cut at the edges; in units of the bandwidth where
    these are diagonal, else in data units.
    """
    rows, margin = fitted.points.rows, np.full(fitted.points.d, padding)
    if not fitted.units.diagonal:
        rows, margin = fitted.units.to_data(rows), padding * fitted.units.spread
    start, stop = rows.min(axis=0) - margin, rows.max(axis=0) + margin
    if fitted.box is not None:
        start = np.where(start < fitted.box.low + CUT, fitted.box.low, start)
        stop = np.where(stop > fitted.box.high - CUT, fitted.box.high, stop)
    return [np.linspace(*ends) for ends in zip(start, stop, counts, strict=True)]
