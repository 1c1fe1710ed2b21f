"""Mixtures of normal kernels in y with weights that depend on x: sums, quantiles, bandwidths."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log, pi

import numpy as np
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, ndtr, ndtri

from divest._resampling import run_tasks
from divest.density._cross_validation import MOST_OUTER, _one_of_every, distinct_rows
from divest.density._rounding import unrounded
from divest.density._sums import PointSet, log_sums
from divest.density.bandwidths import scott_bandwidth

FAR = 1e5  # a log of a sum below minus this is too large for differences of such logs
_BLOCK = 2**20  # entries of a block of queries by rows
_SPAN = log(1000.0)  # how far from Scott's bandwidth, in logs, to look for the best one
_NEWTON = 40  # steps, after which only bisection counts
_GRID = 128  # values of y at which to look for quantiles first


class WeightedKernels:
    """``sum_i p_i(x) N(y; y_i, hy^2)``, ``p_i(x)`` proportional to ``exp(-|x - x_i|^2 / 2hx^2)``.

    Methods take queries ``Q`` in the space of x and work on a block of them at a time.
    """

    def __init__(self, Z: np.ndarray, V: np.ndarray, bandwidth: tuple[float, float],
                 n_jobs: int | None):
        self.Z, self.V = Z, V
        self.hy, self.hx = bandwidth
        self.n_jobs = n_jobs

    def log_density(self, Q: np.ndarray, V: np.ndarray) -> np.ndarray:
        """Logarithm of ``sum_i p_i(x) exp(-|y - y_i|^2 / 2hy^2)``, (m,)."""
        def part(Q: np.ndarray, V: np.ndarray) -> np.ndarray:
            square = cdist(V, self.V, "sqeuclidean") / self.hy**2
            return logsumexp(self._log_weights(Q) - 0.5 * square, axis=1)
        return self._in_blocks(part, Q, V)

    def means(self, Q: np.ndarray) -> np.ndarray:
        """Means of y, (m, dy)."""
        return self._in_blocks(lambda Q: self._weights(Q) @ self.V, Q)

    def cdf(self, Q: np.ndarray, V: np.ndarray) -> np.ndarray:
        """Probability that each column is at most its value in V, (m,)."""
        def part(Q: np.ndarray, V: np.ndarray) -> np.ndarray:
            mass = self._weights(Q)
            for value, column in zip(V.T, self.V.T, strict=True):
                with np.errstate(over="ignore"):  # infinitely far is as good as far
                    mass *= ndtr((value[:, None] - column) / self.hy)
            return np.minimum(mass.sum(axis=1), 1.0)
        return self._in_blocks(part, Q, V)

    def quantiles(self, Q: np.ndarray, levels: np.ndarray) -> np.ndarray:
        """Quantiles of the one column of y, (m, len(levels))."""
        centers = self.V[:, 0]
        grid = np.linspace(centers.min() - 4.0 * self.hy, centers.max() + 4.0 * self.hy, _GRID)
        steps = ndtr((grid - centers[:, None]) / self.hy)

        def part(Q: np.ndarray) -> np.ndarray:
            mass = self._weights(Q)
            start = mass @ steps
            return np.column_stack([
                mixture_quantile(mass, centers, level, self.hy, _crossing(grid, start, level))
                for level in levels])
        return self._in_blocks(part, Q)

    def draw(self, Q: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One random y for each query, (m, dy)."""
        uniform, noise = rng.random(len(Q)), rng.standard_normal((len(Q), self.V.shape[1]))
        return self.V[self._in_blocks(self._draw_rows, Q, uniform)] + self.hy * noise

    def _draw_rows(self, Q: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        """A row for each query, at random by its weight."""
        steps = np.cumsum(self._weights(Q), axis=1)
        rows = (steps <= uniform[:, None] * steps[:, -1:]).sum(axis=1)
        return np.minimum(rows, len(self.V) - 1)

    def _weights(self, Q: np.ndarray) -> np.ndarray:
        """``p_i(x)`` for each query, (m, n)."""
        return np.exp(self._log_weights(Q))

    def _log_weights(self, Q: np.ndarray) -> np.ndarray:
        """Logarithms of ``p_i(x)`` for each query, (m, n)."""
        scale = self.hx**-2
        found = -0.5 * scale * cdist(Q, self.Z, "sqeuclidean")
        far = found.max(axis=1) < -FAR
        if far.any():  # what all rows have in common would take the digits of what they have not
            own = np.einsum("ij,ij->i", self.Z, self.Z)
            found[far] = scale * (Q[far] @ self.Z.T - 0.5 * own)
        return found - logsumexp(found, axis=1, keepdims=True)

    def _in_blocks(self, function: Callable, *queries: np.ndarray) -> np.ndarray:
        """`function` of rows of `queries`, a block at a time."""
        step = max(1, _BLOCK // len(self.Z))
        starts = range(0, len(queries[0]), step)
        tasks = (tuple(part[i:i + step] for part in queries) for i in starts)
        return np.concatenate(list(run_tasks(function, tasks, len(starts), n_jobs=self.n_jobs)))


def select_bandwidths(V: np.ndarray, Z: np.ndarray, n_jobs: int | None = None
                      ) -> tuple[float, float]:
    """``(hy, hx)`` with the largest leave-one-out likelihood of V (n, dy) given Z (n, dx)."""
    dx, dy = Z.shape[1], V.shape[1]
    rows, weights = distinct_rows(unrounded(np.hstack([Z, V])), np.full(len(Z), 1.0 / len(Z)))
    own = _one_of_every(len(rows), ceil(len(rows) / MOST_OUTER))
    outer = weights[own] / weights[own].sum()
    given = PointSet(np.ascontiguousarray(rows[:, :dx]), weights)

    def loss(logs: np.ndarray) -> float:
        hy, hx = np.exp(logs)
        joint = PointSet(rows / np.repeat([hx, hy], [dx, dy]), weights)
        near = log_sums(given, given.rows[own], hx, skip=own, n_jobs=n_jobs)
        both = log_sums(joint, joint.rows[own], skip=own, n_jobs=n_jobs)
        return float(outer @ (near - both)) + dy * logs[0]

    start = np.full(2, log(scott_bandwidth(len(Z), dx + dy)))
    simplex = start + np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5]])
    bounds = np.column_stack([start - _SPAN, start + _SPAN])
    best = minimize(loss, start, method="Nelder-Mead", bounds=bounds,
                    options={"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-8})
    hy, hx = np.exp(best.x)
    return float(hy), float(hx)


def mixture_quantile(mass: np.ndarray, centers: np.ndarray, level: float, h: float,
                     start: np.ndarray) -> np.ndarray:
    """Where the mixtures ``sum_i mass_i N(centers_i, h^2)`` have the cdf `level`, one per row.

    Newton's method for the log of the cdf, with bisection.
    """
    if level > 0.5:  # small probabilities have more digits
        return -mixture_quantile(mass, -centers, 1.0 - level, h, -start)
    low, high = (np.full(len(mass), end + h * ndtri(level))
                 for end in (centers.min(), centers.max()))
    found, active, turn = np.clip(start, low, high), np.arange(len(mass)), 0
    while len(active):
        value, part = found[active], mass if len(active) == len(mass) else mass[active]
        below, slope = _cdf_and_density(part, centers, h, value)
        low[active] = np.where(below < level, value, low[active])
        high[active] = np.where(below < level, high[active], value)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            new = value + (log(level) - np.log(below)) * below / slope
        inside = (new >= low[active]) & (new <= high[active]) & (turn < _NEWTON)
        new = np.where(inside, new, 0.5 * (low[active] + high[active]))
        # after so short a step of Newton's method the error is about its square, over h
        done = inside & (np.abs(new - value) <= 1e-6 * h)
        done |= high[active] - low[active] <= 1e-11 * h + 4e-16 * np.abs(value)
        found[active], active, turn = new, active[~done], turn + 1
    return found


def _cdf_and_density(mass: np.ndarray, centers: np.ndarray, h: float, value: np.ndarray
                     ) -> tuple[np.ndarray, np.ndarray]:
    """Of one mixture per row, each at its own value."""
    u = (value[:, None] - centers) / h
    below = np.einsum("ij,ij->i", mass, ndtr(u))
    np.multiply(u, u, out=u)
    u *= -0.5
    slope = np.einsum("ij,ij->i", mass, np.exp(u, out=u))
    return below, slope / (h * (2.0 * pi) ** 0.5)


def _crossing(grid: np.ndarray, values: np.ndarray, level: float) -> np.ndarray:
    """About where rising values on an even grid, one row for each crossing, pass `level`."""
    right = np.clip((values < level).sum(axis=1), 1, len(grid) - 1)
    rows = np.arange(len(values))
    before, after = values[rows, right - 1], values[rows, right]
    share = np.clip((level - before) / np.maximum(after - before, 1e-300), 0.0, 1.0)
    return grid[right - 1] + share * (grid[1] - grid[0])
