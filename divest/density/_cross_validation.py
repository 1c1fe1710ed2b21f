"""Searches for the bandwidth of least leave-one-out loss."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, exp, inf, isnan, log, nan, pi
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from divest.density._sums import PointSet, moments, pair_sums

MOST_OUTER = 2000  # rows that an outer sum runs over
GRID = np.geomspace(0.02, 3.0, 40)  # times the bandwidth that the least-squares search starts from
LIKELIHOOD_TOLERANCE = 1e-4  # relative
_SQUARES_TOLERANCE = 1e-6  # relative
_MOST_STEPS = 100
_LARGEST = 700.0  # exponents are cut here


class Found(NamedTuple):
    """The end of a search.

    `criterion` is the loss (least squares) or mean log-likelihood; `at_edge` says that the least
    loss is at the lower end of the grid.
    """

    bandwidth: float
    iterations: int
    criterion: float
    at_edge: bool = False


class OuterRows:
    """The different rows of a sample, and those of them that an outer sum runs over.

    Equal rows are one row with their total weight: with the others left in place, the best
    bandwidth would be 0. The outer rows are one of every ``ceil(n / MOST_OUTER)`` in sorted order,
    so that the order of the sample does not matter.
    """

    def __init__(self, Z: np.ndarray, weights: np.ndarray, n_jobs: int | None = None):
        rows, weights = distinct_rows(Z, weights)
        self.d, self.n_jobs = rows.shape[1], n_jobs
        self._points = PointSet(rows, weights)
        self._own = _one_of_every(len(rows), ceil(len(rows) / MOST_OUTER))
        self._queries = rows[self._own]
        outer = weights[self._own]
        self._others = 1.0 - outer
        self._weights = outer / outer.sum()

    def squared_error(self, bandwidths: np.ndarray, unit: float) -> np.ndarray:
        """Least-squares loss, times ``(4 pi unit^2)^(d/2)``, which keeps it in range."""
        square, left_out = pair_sums(self._points, self._queries, bandwidths, skip=self._own,
                                     n_jobs=self.n_jobs)
        square, left_out = square @ self._weights, left_out @ (self._weights / self._others)
        level = self.d * np.log(unit / bandwidths)
        with np.errstate(divide="ignore"):
            terms = (np.log(square) + level,
                     np.log(left_out) + level + 0.5 * self.d * log(2.0) + log(2.0))
        first, second = (np.exp(np.minimum(term, _LARGEST)) for term in terms)
        return first - second

    def likelihood_step(self, bandwidth: float) -> tuple[float, float]:
        """Squared bandwidth of the next step, and the mean leave-one-out log-likelihood."""
        found = moments(self._points, self._queries, bandwidth, skip=self._own, n_jobs=self.n_jobs)
        level = self.d * (log(bandwidth) + 0.5 * log(2 * pi))
        return (float(self._weights @ found.mean_square) / self.d,
                float(self._weights @ (found.log_sum - np.log(self._others))) - level)


def distinct_rows(Z: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows in sorted order, and the total weight of each."""
    order = np.lexsort(Z.T)
    Z, weights = Z[order], weights[order]
    first = np.flatnonzero(np.append(True, (Z[1:] != Z[:-1]).any(axis=1)))
    return Z[first], np.add.reduceat(weights, first)


def _one_of_every(n: int, step: int) -> np.ndarray:
    """A place in each run of `step` places out of n, at random but always the same."""
    starts = np.arange(0, n, step)
    uniform = np.random.Generator(np.random.PCG64(0)).random(len(starts))
    return starts + (uniform * np.minimum(step, n - starts)).astype(np.int64)


def least_squares(rows: OuterRows, start: float) -> Found:
    """The best bandwidth of a grid around `start`, refined between its neighbours."""
    grid = start * GRID
    best = int(np.argmin(rows.squared_error(grid, start)))
    middle = min(max(best, 1), len(grid) - 2)
    result = minimize_scalar(
        lambda t: rows.squared_error(np.array([exp(t)]), start)[0], method="bounded",
        bounds=np.log(grid[[middle - 1, middle + 1]]), options={"xatol": _SQUARES_TOLERANCE})
    unit = -0.5 * rows.d * log(4 * pi * start**2)
    return Found(exp(result.x), int(result.nfev), float(result.fun) * exp(min(unit, _LARGEST)),
                 best == 0)


def likeliest(rows: OuterRows, start: float) -> Found:
    """The bandwidth at a maximum of the leave-one-out likelihood, uphill from `start`."""
    likelihood = -inf

    def change(t: float) -> float:
        nonlocal likelihood
        square, likelihood = rows.likelihood_step(exp(0.5 * t))
        return log(square) - t

    t, steps = fixed_point(change, 2 * log(start))
    return Found(exp(0.5 * t), steps, likelihood)


def fixed_point(change: Callable[[float], float], t: float) -> tuple[float, int]:
    """Where `change` falls through 0, and the number of calls of it.

    ``t + change(t)`` must not fall, so that a plain step goes towards the next such zero, and never
    past it. Secant steps are taken where they stay between the last points of positive and of
    negative change; the first of them is Aitken's.
    """
    low, high = -inf, inf
    before = change_before = nan
    step, calls = inf, 0
    while abs(step) > LIKELIHOOD_TOLERANCE and calls < _MOST_STEPS:
        here, calls = change(t), calls + 1
        low, high = (t, high) if here > 0 else (low, t)
        step = _secant(t - before, here, here - change_before)
        if not low <= t + step <= high:
            step = here
        before, change_before, t = t, here, t + step
    return t, calls


def _secant(run: float, here: float, rise: float) -> float:
    """The step to where the secant is 0, of limited length; `here`, a plain step, without one."""
    if isnan(rise) or rise == 0:
        return here
    limit = max(2.0, abs(here))
    return min(max(-here * run / rise, -limit), limit)
