"""What weighted rows are like."""

from __future__ import annotations

from math import sqrt

import numpy as np

_WEIGHTLESS = float(np.finfo(float).eps)  # part of the largest weight that is as good as none


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
