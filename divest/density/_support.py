"""Edges of the support, as the user gives them."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest.density._fitted import Box
from divest.density._units import Units

BOUNDARIES = ("reflect", "renormalize", "linear", "positive")
_WRONG = ("bounds must be a pair (lower, upper) for every column, or a list of one such pair per "
          "column, None or infinite where there is no edge; got ")


def check_bounds(bounds: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edges (d,), infinite where there is none."""
    if bounds is None:
        return np.full(d, -np.inf), np.full(d, np.inf)
    try:
        pairs = list(bounds)
        if len(pairs) == 2 and all(side is None or np.isscalar(side) for side in pairs):
            pairs = [tuple(pairs)] * d
        sides = [(None, None) if pair is None else tuple(pair) for pair in pairs]
        low = np.array([-np.inf if a is None else float(a) for a, _ in sides])
        high = np.array([np.inf if b is None else float(b) for _, b in sides])
    except (TypeError, ValueError):
        raise ValueError(f"{_WRONG}{bounds!r}.") from None
    if len(sides) != d:
        raise ValueError(f"{_WRONG}{len(sides)} pairs for {d} columns.")
    if not (low < high).all():
        raise ValueError(f"bounds must have lower < upper in every column, got {bounds!r}.")
    return low, high


def refuse_outside(X: np.ndarray, low: np.ndarray, high: np.ndarray, names: Any,
                   numbers: np.ndarray | None = None) -> None:
    """Refuse rows beyond the edges, naming the first; `numbers` (n,) are those of the rows."""
    outside = np.argwhere((X < low) | (X > high))
    if len(outside):
        row, column = outside[0]
        name = column if names is None else repr(names[column])
        number = row if numbers is None else numbers[row]
        raise ValueError(
            f"row {number} lies outside the bounds: column {name} is {X[row, column]:g}, its "
            f"bounds are {low[column]:g} and {high[column]:g} ({len(np.unique(outside[:, 0]))} "
            "such rows in all). Widen the bounds or drop these rows.")


def box_of(units: Units, low: np.ndarray, high: np.ndarray, boundary: str) -> Box | None:
    """The support in units of the bandwidth; None without edges."""
    if not (np.isfinite(low).any() or np.isfinite(high).any()):
        return None
    return Box((low - units.center) / units.root, (high - units.center) / units.root, boundary)
