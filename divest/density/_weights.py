"""Weights of rows, and what weighted rows are like."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

import numpy as np

_WEIGHTLESS = float(np.finfo(float).eps)  # part of the largest weight that is as good as none


def row_weights(sample_weight: Any, n: int) -> np.ndarray | None:
    """Weights (n,) with sum 1; None where none are given."""
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"sample_weight must hold numbers, got {sample_weight!r}.") from None
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights[:, 0]
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have one entry per row, shape ({n},), got shape "
                         f"{weights.shape}.")
    wrong = np.flatnonzero(~((weights >= 0) & (weights < inf)))
    if len(wrong):
        raise ValueError("sample_weight must hold finite numbers, 0 or more; entry "
                         f"{wrong[0]} is {weights[wrong[0]]:g}.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every row; at least one must be positive.")
    weights = weights / weights.max()  # the sum stays finite
    return weights / weights.sum()


def weighty_rows(Z: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The rows that have any weight, and their weights."""
    if weights is None:
        return Z, np.full(len(Z), 1.0 / len(Z))
    keep = weights > _WEIGHTLESS * weights.max()
    return Z[keep], weights[keep] / weights[keep].sum()


def effective_size(weights: np.ndarray) -> float:
    """Number of equally weighted rows that say as much."""
    return float(1.0 / (weights @ weights))


def mean_spread(Z: np.ndarray, weights: np.ndarray) -> float:
    """Root of the mean variance of the columns, divisor 1 - 1/n_w."""
    squares = weights @ (Z - weights @ Z) ** 2
    return sqrt(squares.mean() / (1.0 - 1.0 / effective_size(weights)))


def quantiles(x: np.ndarray, weights: np.ndarray, levels: tuple[float, ...]) -> list[float]:
    """Weighted quantiles: means of the quantile function over windows of the length of one row."""
    order = np.argsort(x)
    x, ends = x[order], np.cumsum(weights[order])
    starts, window = np.append(0.0, ends[:-1]), weights @ weights
    found = []
    for level in levels:
        left = level * (1.0 - window)
        share = np.clip(np.minimum(ends, left + window) - np.maximum(starts, left), 0.0, None)
        first = x[np.argmax(share > 0)]  # taken off, so that equal values give their own value
        found.append(float(first + share @ (x - first) / share.sum()))
    return found
