"""Edges of the support: whether the density vanishes there, and weights that do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.integrate import cumulative_trapezoid

from divest.goodness_of_fit._score_model import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    name_rows,
)

EDGE_LIMIT = 1e-6  # of the maximum; what t^a comes to for a = 1, below which E|score|^2 is infinite
NEAR = 1e-6  # where the density at an edge is read, as a share of the typical distance from it
WAYS_ON = ("Pass support=(lower, upper) to the test or boundary='tilt', for a kernel that vanishes "
           "at the edges of a box; boundary='project' with boundary_points, in KernelSteinTest, "
           "for a region of another shape; or boundary='ignore', to test all the same.")
_STEPS = 200  # of an integral of the score on the way to an edge


def edge_density(model: ScoreModel, X: np.ndarray) -> tuple[float, str]:
    """Largest ratio of the density near an edge to its maximum, and which edge that is.

    The rows must lie in the support. Without a log density the maximum is that on the way from a
    row to the edge.
    """
    largest, where = 0.0, ""
    for column, side, edge in _finite_edges(*model.bounds(X.shape[1])):
        ratio = edge_ratio(model, X, column, edge, side)
        if ratio > largest or not where:
            name = "lower" if side > 0 else "upper"
            largest, where = ratio, f"the {name} edge {edge:g} of column {column}"
    return largest, where


def edge_ratio(model: ScoreModel, X: np.ndarray, column: int, edge: float, side: float) -> float:
    """The density near one edge, relative to its maximum; `side` is 1 or -1, inwards."""
    scale = typical_distance(np.abs(X[:, column] - edge)) or 1.0
    if model.log_density is None:
        return _ratio_by_score(model, X, column, edge, side, scale)
    return _ratio_by_log_density(model.log_density, X, column,
                                 _places(edge, side, np.array([scale, NEAR * scale])))


def refuse_edges(model: ScoreModel, X: np.ndarray, ways_on: str = WAYS_ON) -> None:
    """Raise when the density does not vanish at an edge of the support."""
    ratio, where = edge_density(model, X)
    if ratio > EDGE_LIMIT:
        raise SupportBoundaryError(
            f"the density of {model.name} does not vanish fast enough at {where}: a millionth of "
            f"the typical distance from it, it is still {ratio:.2g} of its maximum, more than "
            f"{EDGE_LIMIT:g}. There the Stein identity fails, or scores have no variance, and the "
            f"test would reject true models (for Exp(1), always). {ways_on}")


def box_weights(X: np.ndarray, lower: np.ndarray, upper: np.ndarray
                ) -> tuple[np.ndarray, np.ndarray]:
    """Weights that vanish at the edges of a box, one per coordinate, and their derivatives."""
    bad = np.asarray(((X < lower) | (X > upper)).any(axis=1))
    if bad.any():
        raise OutOfSupportError(f"{name_rows(bad)} of X lie outside the box from {lower} to "
                                f"{upper}; remove them or change support.")
    W, dW = np.ones_like(X), np.zeros_like(X)
    for column, (a, b) in enumerate(zip(lower, upper, strict=True)):
        x = X[:, column]
        _refuse_all_on_edges(x, a, b, column)
        rise, slope = _one_end(x - a) if np.isfinite(a) else (1.0, 0.0)
        fall, back = _one_end(b - x) if np.isfinite(b) else (1.0, 0.0)
        both = 2.0 if np.isfinite([a, b]).all() else 1.0  # so that a far end makes no difference
        W[:, column], dW[:, column] = both * rise * fall, both * (slope * fall - rise * back)
    return W, dW


def typical_distance(distances: np.ndarray) -> float:
    """Median distance; of those that are not 0, where it is 0; and 0 where all are."""
    middle = np.median(distances)
    if middle == 0 and distances.any():
        middle = np.median(distances[distances > 0])
    return float(middle)


def evenly_spaced(n: int, most: int) -> np.ndarray:
    """At most `most` of n row numbers, evenly spaced."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)


def _finite_edges(lower: np.ndarray, upper: np.ndarray) -> Iterator[tuple[int, float, float]]:
    """Column, direction inwards and place of each edge."""
    for column, (a, b) in enumerate(zip(lower, upper, strict=True)):
        for side, edge in ((1.0, a), (-1.0, b)):
            if np.isfinite(edge):
                yield column, side, float(edge)


def _ratio_by_log_density(log_density: Callable[..., np.ndarray], X: np.ndarray, column: int,
                          places: np.ndarray) -> float:
    """The maximum is that over rows, also with the column moved to the typical distance."""
    n, d = X.shape
    rows = X[evenly_spaced(n, max(5, min(100, 10_000 // d)))]
    peaks = [float(log_density(rows).max())]
    for place in places:
        moved = rows.copy()
        moved[:, column] = place
        peaks.append(float(log_density(moved).max()))
    return float(np.exp(peaks[-1] - max(peaks))) if max(peaks) > -np.inf else 0.0


def _ratio_by_score(model: ScoreModel, X: np.ndarray, column: int, edge: float, side: float,
                    scale: float) -> float:
    """By integrals of the score over the logarithm of the distance, from a few rows.

    Rows nearer than the typical distance are first moved to it.
    """
    largest = 0.0
    for row in X[evenly_spaced(len(X), 5)]:
        distances = np.geomspace(max(abs(row[column] - edge), scale), NEAR * scale, _STEPS)
        path = np.tile(row, (_STEPS, 1))
        path[:, column] = _places(edge, side, distances)
        slope = side * model.score(path)[:, column] * distances
        log_density = cumulative_trapezoid(slope, np.log(distances), initial=0.0)
        largest = max(largest, float(np.exp(log_density[-1] - log_density.max())))
    return largest


def _places(edge: float, side: float, distances: np.ndarray) -> np.ndarray:
    """Points at these distances from an edge, strictly inside where rounding says otherwise."""
    places, next_to = edge + side * distances, np.nextafter(edge, side * np.inf)
    return np.maximum(places, next_to) if side > 0 else np.minimum(places, next_to)


def _one_end(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``t / (t + m)`` and its derivative in t, with m the typical distance t."""
    middle = typical_distance(distances)
    return distances / (distances + middle), middle / (distances + middle) ** 2


def _refuse_all_on_edges(x: np.ndarray, a: float, b: float, column: int) -> None:
    if ((x == a) | (x == b)).all():
        raise ValueError(f"every row of column {column} lies on an edge of the support, from {a:g} "
                         f"to {b:g}, where the weights vanish; leave that column out.")
