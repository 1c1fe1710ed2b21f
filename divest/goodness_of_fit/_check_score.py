"""Whether a score is the gradient of a log density, by differences at a few rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._validation import check_integer, check_sample, check_scale
from divest.goodness_of_fit._differences import STEP, DifferenceScore, central_differences
from divest.goodness_of_fit._score_model import ScoreModel

TOLERANCE = 1e-4
_SMALL = 0.05  # entries below this share of the largest are judged by that share
_EPSILON = np.finfo(float).eps


def check_score_at(model: ScoreModel, X: Any, n_points: int) -> float:
    """Largest relative error at `n_points` rows of `X`; an error above the tolerance raises."""
    X, columns = check_sample(X, "X")
    check_scale(X, "X", columns)
    n_points = check_integer("n_points", n_points, 1)
    labels = np.unique(np.linspace(0, len(X) - 1, min(n_points, len(X))).astype(int))
    points, steps = X[labels], _steps(X)[labels]
    names = [f"column {c!r}" for c in columns] if columns else [
        f"column {c}" for c in range(X.shape[1])]
    got = model.score(points, labels=labels)  # also checks the number of columns
    if model.log_density is not None:
        return _compare_with_log_density(model, model.log_density, points, steps, got, labels,
                                         names)
    if X.shape[1] == 1:
        return float("nan")
    return _compare_with_transpose(model, points, steps, got, labels, names)


def _steps(X: np.ndarray) -> np.ndarray:
    """Steps on the scale of each column, wide enough not to vanish in rounding."""
    spread = np.subtract(*np.quantile(X, [0.75, 0.25], axis=0)) / 1.35
    spread = np.where(spread > 0, spread, X.std(axis=0))
    scale = np.where(spread > 0, spread, np.maximum(1.0, np.abs(X)))
    return STEP * np.maximum(scale, _EPSILON ** (1 / 3) * np.abs(X))


def _extrapolate(function: Any, model: ScoreModel, points: np.ndarray,
                 steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences with two steps: the value for a step of 0, and how far the two are apart."""
    edges = model.bounds(points.shape[1])
    with np.errstate(all="ignore"):
        wide = central_differences(function, points, *edges, steps)
        narrow = central_differences(function, points, *edges, steps / 2)
        return (4 * narrow - wide) / 3, np.abs(narrow - wide)


def _compare_with_log_density(model: ScoreModel, log_density: Any, points: np.ndarray,
                              steps: np.ndarray, got: np.ndarray, labels: np.ndarray,
                              names: list[str]) -> float:
    values = np.abs(log_density(points))[:, None]
    want, noise = _extrapolate(log_density, model, points, steps)
    largest = np.maximum(np.abs(got), np.abs(want))
    size = np.maximum(largest, _SMALL * largest.max(axis=0))
    rounding = 50 * _EPSILON * np.maximum(1.0, values) / steps
    allowed = TOLERANCE * size + noise + rounding
    known = np.isfinite(want)  # an edge of an unknown support may lie within a step
    error = np.where(known, np.abs(got - want) / allowed, 0.0)
    if (error <= 1).all():
        return float(TOLERANCE * error.max()) if known.any() else float("nan")
    row, column = np.unravel_index(error.argmax(), error.shape)
    raise ValueError(
        f"the score of {model.name} is not the gradient of its log density at row {labels[row]}, "
        f"{names[column]}: got {got[row, column] + 0.0:.6g}, wanted {want[row, column]:.6g} (by "
        f"differences).{_hint(got, want, allowed, error > 1, names)}{_coarse(model)}")


def _hint(got: np.ndarray, want: np.ndarray, allowed: np.ndarray, wrong: np.ndarray,
          names: list[str]) -> str:
    """What one factor would put right, in all columns or in one."""
    columns = np.flatnonzero(wrong.any(axis=0))
    places = [(columns, "")] if len(columns) == len(names) else []
    places += [(columns[i:i + 1], f" in {names[j]}") for i, j in enumerate(columns)]
    for where, place in places:
        usable = np.isfinite(want[:, where])
        a, b, tolerance = (values[:, where][usable] for values in (got, want, allowed))
        factor = float(a @ b / (b @ b)) if (b @ b) > 0 else 0.0
        limit = 2 * max(1.0, abs(factor)) * tolerance
        if abs(factor) < TOLERANCE or (np.abs(a - factor * b) > limit).any():
            continue
        if abs(factor + 1) < 10 * TOLERANCE:
            return f" Is it the sign? The score{place} is -1 times what it should be."
        if len(a) > 1:
            return f" Is it the scale? The score{place} is {factor:.4g} times what it should be."
    return ""


def _coarse(model: ScoreModel) -> str:
    """Advice where the score itself is by differences."""
    function = getattr(model.score, "function", None)
    if not isinstance(function, DifferenceScore):
        return ""
    return (f" The score was taken by differences of step {STEP:g} * max(1, |x|), too wide or too "
            "narrow for columns on this scale: standardise the columns, or pass the score.")


def _compare_with_transpose(model: ScoreModel, points: np.ndarray, steps: np.ndarray,
                            got: np.ndarray, labels: np.ndarray, names: list[str]) -> float:
    """The derivative of a gradient is a symmetric matrix."""
    J, noise = _extrapolate(lambda Z: model.score(Z, labels=labels), model, points, steps)
    swapped = np.swapaxes(J, 1, 2)
    diagonal = np.sqrt(np.abs(np.einsum("ijj->ij", J)))
    size = np.maximum(np.maximum(np.abs(J), np.abs(swapped)),
                      _SMALL * diagonal[:, :, None] * diagonal[:, None, :])
    rounding = 50 * _EPSILON * np.abs(got)[:, :, None] / steps[:, None, :]
    allowed = noise + rounding
    allowed = TOLERANCE * size + allowed + np.swapaxes(allowed, 1, 2)
    gap = np.abs(J - swapped)
    error = np.divide(gap, allowed, out=np.zeros_like(gap), where=gap > 0)
    if (error <= 1).all():
        return float(TOLERANCE * error.max())
    row, one, other = np.unravel_index(error.argmax(), error.shape)
    raise ValueError(
        f"the score of {model.name} is not the gradient of any log density, as its derivatives are "
        f"not symmetric at row {labels[row]}: the score in {names[one]} changes with "
        f"{names[other]} at rate {J[row, one, other]:.6g}, that in {names[other]} with "
        f"{names[one]} at rate {J[row, other, one]:.6g}. Is the sign or the scale of one column "
        "wrong?")
