"""Draws from an estimate with edges: row by row, each axis from a truncated normal law."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from divest.density import _boundary
from divest.density._sums import PointSet


def reflected_draws(points: PointSet, low: np.ndarray, high: np.ndarray, n: int,
                    rng: np.random.Generator) -> np.ndarray:
    """Draws (n, d) from the "reflect" estimate: as far as one image per edge reaches, folded."""
    start, stop = 2 * low - high, 2 * high - low
    local = np.ones(points.n) if points.local is None else points.local
    mass = _boundary.interval_mass(points.rows, start, stop, local[:, None])
    rows = _rows(points, np.log(mass).sum(axis=1), n, rng)
    centers, h = points.rows[rows], local[rows, None]
    return _boundary.folded(_truncated(centers, start, stop, h, rng), low, high)


def renormalized_draws(points: PointSet, low: np.ndarray, high: np.ndarray, n: int,
                       rng: np.random.Generator) -> np.ndarray:
    """Draws (n, d) from the "renormalize" estimate.

    Given its row, each axis is a truncated normal law divided by the kernel's mass in the box,
    which is least at the edges: draws are kept with a probability of at least a half.
    """
    logs = _boundary.log_renormalized_rows(points.rows, low, high)
    centers = points.rows[_rows(points, logs, n, rng)]
    draws = np.empty_like(centers)
    for axis, (a, b) in enumerate(zip(low, high, strict=True)):
        missing = np.arange(n)
        while len(missing):
            x = _truncated(centers[missing, axis], a, b, 1.0, rng)
            draws[missing, axis] = x
            accept = _boundary.renormalized_accept(x[:, None], np.array([a]), np.array([b]))
            missing = missing[rng.random(len(x)) >= accept]
    return draws


def _rows(points: PointSet, logs: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows by weight times mass in the box."""
    share = points.weights * np.exp(logs - logs.max())
    return rng.choice(points.n, size=n, p=share / share.sum())


def _truncated(centers: np.ndarray, start: np.ndarray | float, stop: np.ndarray | float,
               h: np.ndarray | float, rng: np.random.Generator) -> np.ndarray:
    """Normal draws between `start` and `stop`."""
    below, above = ndtr((start - centers) / h), ndtr((stop - centers) / h)
    draws = centers + h * ndtri(below + (above - below) * rng.random(centers.shape))
    return np.clip(draws, start, stop)
