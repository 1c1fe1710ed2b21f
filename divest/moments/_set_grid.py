"""The points at which a confidence set is looked at."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_floats

ONE, TWO = (401, 10.0), (41, 5.0)  # points per parameter, and reach in standard errors


def set_grid(grid: Any, theta: np.ndarray, V: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Points with one column per parameter, from what the user gave."""
    if grid is None:
        return _around(theta, V, names)
    if isinstance(grid, dict):
        _check_names(grid, names)
        axes = [np.atleast_1d(check_floats("grid", grid[name])) for name in names]
        points = np.array(list(product(*axes)))
    elif isinstance(grid, pd.DataFrame):
        _check_names(grid.columns, names)
        points = grid[names].to_numpy(float)
    else:
        points = check_floats("grid", grid)
        points = points[:, None] if points.ndim == 1 and len(names) == 1 else points
    if points.ndim != 2 or points.shape[1] != len(names) or not len(points):
        raise ValueError(f"grid must hold points with {len(names)} parameters "
                         f"({', '.join(names)}), got shape {points.shape}.")
    if not np.isfinite(points).all():
        raise ValueError("grid must be finite.")
    return pd.DataFrame(points, columns=names)


def _check_names(given: Any, names: list[str]) -> None:
    if set(given) != set(names):
        raise ValueError(f"grid must have the parameters {', '.join(names)}, got "
                         f"{', '.join(map(str, given))}.")


def _around(theta: np.ndarray, V: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Points around the estimate."""
    errors = np.sqrt(np.diag(V))
    if len(theta) > 2 or not np.isfinite(errors).all():
        raise ValueError("grid is missing: give the points to look at, for more than two parameters"
                         " or without standard errors; or use confidence_interval(method='s').")
    count, reach = ONE if len(theta) == 1 else TWO
    axes = [np.linspace(t - reach * s, t + reach * s, count)
            for t, s in zip(theta, errors, strict=True)]
    return pd.DataFrame(list(product(*axes)), columns=names)
