"""The search for the modes of a density: climb from many places, and join what ends in one."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from divest.goodness_of_fit._differences import central_differences
from divest.goodness_of_fit._score_model import Bounds, ScoreModel

JOINED = 3.0  # standard deviations between end points of one mode
NEGLIGIBLE = 18.4  # nats below the highest mode, where a mode counts no more
WALL = 1e3  # nats above the start, in place of infinity
REACH = 10.0  # widths of the box that the search may go beyond it
PARTS = 10.0  # of the width of the box: lengths near 1 for the search
STEP = 1e-3  # of these, for differences
_LENGTHS = np.geomspace(2.0**-20, 2.0**5, 101)  # that a mode may have, in units of the search
_HALVINGS = 30  # of the steps between them


def with_log_density(model: Any, what: str) -> ScoreModel:
    """`model`, which must have a log density."""
    if model.log_density is None:
        raise ValueError(f"{what} needs the log density of the model, up to a constant; "
                         f"{model.name} has a score only. Pass as_score_model(score, "
                         "log_density=function).")
    return model


def log_density_anywhere(model: ScoreModel, X: np.ndarray) -> np.ndarray:
    """The log density, -inf where it does not exist."""
    lower, upper = model.bounds(X.shape[1])
    inside = ((X >= lower) & (X <= upper)).all(axis=1)
    values = np.full(len(X), -np.inf)
    if inside.any():
        function: Any = getattr(model.log_density, "function", model.log_density)
        with np.errstate(all="ignore"):
            found = np.asarray(function(X[inside]), dtype=float)
        if found.shape != (inside.sum(),):
            raise ValueError(f"the log density of {model.name} must give one number per row, shape "
                             f"({inside.sum()},); got shape {found.shape}.")
        values[inside] = found
    return np.where(np.isfinite(values), values, -np.inf)


def climb(model: ScoreModel, starts: np.ndarray, box: Bounds) -> np.ndarray:
    """Local maxima of the log density reached from `starts`, one row for each that gets to one."""
    unit = (box[1] - box[0]) / PARTS
    lower, upper = model.bounds(len(unit))
    limits = (np.maximum(lower, box[0] - REACH * PARTS * unit),
              np.minimum(upper, box[1] + REACH * PARTS * unit))
    ends = [_climb_once(model, start, unit, limits) for start in starts]
    found = np.array([end for end in ends if np.isfinite(end).all()]).reshape(-1, len(unit))
    return found[_highest_around(model, found, unit)]


def _climb_once(model: ScoreModel, start: np.ndarray, unit: np.ndarray, limits: Bounds
                ) -> np.ndarray:
    """Where the quasi-Newton search ends; NaN where there is no density."""
    def negative(z: np.ndarray) -> tuple[float, np.ndarray]:
        X = np.clip(start + unit * z, *limits)[None]
        value = log_density_anywhere(model, X)[0]
        if value == -np.inf:
            return wall, np.zeros_like(z)
        return -value, -unit * _score_anywhere(model, X)[0]

    height = log_density_anywhere(model, start[None])[0]
    if height == -np.inf:
        return np.full_like(start, np.nan)
    wall = WALL - height  # no infinity, which the line search does not take
    bounds = np.transpose([(limit - start) / unit for limit in limits])
    with np.errstate(all="ignore"):
        found = minimize(negative, np.zeros_like(start), jac=True, method="L-BFGS-B", bounds=bounds,
                         options={"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500})
    return np.clip(start + unit * found.x, *limits)


def _score_anywhere(model: ScoreModel, X: np.ndarray) -> np.ndarray:
    """The score, 0 where it is not finite."""
    function: Any = getattr(model.score, "function", model.score)
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.asarray(function(X), dtype=float), nan=0.0, posinf=0.0, neginf=0.0)


def _highest_around(model: ScoreModel, ends: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Whether the density is nowhere higher a short step along each axis."""
    heights = log_density_anywhere(model, ends)
    around = np.full(len(ends), -np.inf)
    for step in np.diag(STEP * unit):
        for moved in (ends + step, ends - step):
            around = np.maximum(around, log_density_anywhere(model, moved))
    return np.asarray(around <= heights + 1e-9 * np.maximum(1.0, np.abs(heights)))


def covariances_at(model: ScoreModel, places: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """How wide the density is about each place: the inverse curvature, for a normal shape.

    The axes are those of the curvature, and the widths the distances at which the density has
    fallen by half a nat on both sides, which kinks, flat tops and edges have as well.
    """
    lower, upper = model.bounds(places.shape[1])
    steps = np.tile(STEP * unit, (len(places), 1))
    slopes = central_differences(lambda X: _score_anywhere(model, X), places, lower, upper, steps)
    curvatures = (slopes + slopes.transpose(0, 2, 1)) / 2 * np.outer(unit, unit)
    axes = np.linalg.eigh(curvatures)[1]
    widths = _widths(model, places, unit[:, None] * axes)
    return np.einsum("mij,mj,mkj->mik", axes, widths**2, axes) * np.outer(unit, unit)


def _widths(model: ScoreModel, places: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """First distance along each axis, a column of `axes`, where the fall is 1/2; 1 for none."""
    M, d = places.shape
    heights = log_density_anywhere(model, places)

    def fallen(lengths: np.ndarray) -> np.ndarray:
        """Whether the density has fallen at these lengths (count, M, d), on both sides."""
        ways = lengths[..., None] * axes.transpose(0, 2, 1)
        at = [log_density_anywhere(model, (places[:, None] + way).reshape(-1, d))
              for way in (ways, -ways)]
        return np.reshape(np.maximum(*at), lengths.shape) <= heights[:, None] - 0.5

    known = fallen(np.broadcast_to(_LENGTHS[:, None, None], (len(_LENGTHS), M, d)))
    first = known.argmax(axis=0)
    high = np.where(known.any(axis=0), _LENGTHS[first], 1.0)
    low = np.where(known.any(axis=0), _LENGTHS[np.maximum(first - 1, 0)], 1.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        beyond = fallen(middle[None])[0]
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(low + high) / 2


def join(ends: np.ndarray, heights: np.ndarray, covariances: np.ndarray
         ) -> tuple[np.ndarray, np.ndarray]:
    """The rows of `ends` that stand for a mode, highest first, and how many rows each stands for.

    An end point belongs to the first mode within 3 standard deviations, under the mean of their
    covariances. Modes far below the highest are left out.
    """
    kept: list[int] = []
    counts: list[int] = []
    for end in highest_first(ends, heights).tolist():
        distances = [_distance(ends[end] - ends[mode], covariances[end] + covariances[mode])
                     for mode in kept]
        near = np.flatnonzero(np.array(distances) < JOINED)
        if len(near):
            counts[near[0]] += 1
        elif not kept or heights[end] >= heights[kept[0]] - NEGLIGIBLE:
            kept.append(end)
            counts.append(1)
    return np.array(kept, dtype=int), np.array(counts, dtype=int)


def highest_first(places: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The order of modes; those of one height from left to right, so that rounding has no say."""
    return np.lexsort((*places.T[::-1], -np.round(heights, 6)))


def _distance(gap: np.ndarray, covariance_sum: np.ndarray) -> float:
    """Mahalanobis distance under half of `covariance_sum`."""
    return float(np.sqrt(gap @ np.linalg.solve(covariance_sum / 2, gap)))
