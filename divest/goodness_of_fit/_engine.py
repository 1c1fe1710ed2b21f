"""Sums over all pairs of a sample under a Stein kernel, tile by tile; no n-by-n matrix is held.

Tiles are worked on in any order by any number of threads, and what they give is added in one order:
the sums have the same bits however many threads there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from divest import _kernels
from divest._resampling import run_tasks
from divest.goodness_of_fit._points import Points
from divest.kernels import Kernel

LANES = 1024  # resamples worked on together
TILES_PER_TASK = 8


class SteinPairs:
    """All pairs of one sample under one kernel.

    Parameters
    ----------
    points : Points
        The sample.
    kernel : Kernel
        A kernel with its bandwidth.
    """

    def __init__(self, points: Points, kernel: Kernel) -> None:
        self.points, self.kernel, self.n = points, kernel, points.n
        self.families, self.parameters = kernel.loop_arguments(points.array.dtype)
        self.features = points.boundary_features(kernel)

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Stein kernel of some rows with others."""
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start),
                       self.points.array.dtype)
        _kernels.stein.stein_tile(self.points.array, self.points.array, rows.start, columns.start,
                                  self.families, self.parameters, out)
        if self.features is not None:
            out -= self.features[rows] @ self.features[columns].T
        return out

    def matrix(self) -> np.ndarray:
        """The whole matrix (n, n), which takes memory for it."""
        everything = slice(0, self.n)
        return self.tile(everything, everything)

    def sums(self, n_jobs: int | None = None, side: int | None = None
             ) -> tuple[np.ndarray, np.ndarray]:
        """Sums of h over the other rows, and h of each row with itself; both (n,)."""
        loops, n = _kernels.stein, self.n
        side = side or loops.SIDE
        corners = loops.tile_corners(n, side)
        partial, diagonal = np.zeros((len(corners), 2, side)), np.empty(n)
        parts = [slice(t, t + TILES_PER_TASK) for t in range(0, len(corners), TILES_PER_TASK)]
        tasks = ((self.points.array, self.families, self.parameters, corners[part], partial[part],
                  diagonal) for part in parts)
        if len(parts) == 1:  # small samples, of which simulations have many
            loops.tile_sums(*next(tasks))
        else:
            for _ in run_tasks(loops.tile_sums, tasks, len(parts), n_jobs=n_jobs):
                pass
        rows = loops.add_tiles(corners, partial, n)
        if self.features is None:
            return rows, diagonal
        own = (self.features**2).sum(axis=1)
        return rows - self.features @ self.features.sum(axis=0) + own, diagonal - own


def quadratic_forms(pairs: Sequence[SteinPairs], multipliers: np.ndarray, *,
                    n_jobs: int | None = None, progress: bool = False,
                    side: int | None = None) -> np.ndarray:
    """``sum_{i != j} w_i w_j h_ij`` for each row w of `multipliers` and each of several kernels.

    `multipliers` (B, n) of int8. The kernels share the sample. Returns (B, len(pairs)).
    """
    corners = _kernels.stein.tile_corners(pairs[0].n, side or _kernels.stein.SIDE)
    step = side or _kernels.stein.SIDE
    tasks = ((pairs, multipliers, int(i), int(j), step) for i, j in corners)
    total = np.zeros((len(multipliers), len(pairs)))
    for part in run_tasks(_tile_forms, tasks, len(corners), n_jobs=n_jobs, progress=progress,
                          unit="tile"):
        total += part
    return total


def _tile_forms(pairs: Sequence[SteinPairs], multipliers: np.ndarray, first: int, start: int,
                side: int) -> np.ndarray:
    """What one tile of the upper triangle gives, (B, len(pairs)), with its mirror image."""
    n, dtype = pairs[0].n, pairs[0].points.array.dtype
    rows, columns = slice(first, min(first + side, n)), slice(start, min(start + side, n))
    forms = np.empty((len(multipliers), len(pairs)))
    for k, pair in enumerate(pairs):
        h = pair.tile(rows, columns)
        if first == start:
            np.fill_diagonal(h, 0)
        for lane in range(0, len(multipliers), LANES):
            lanes = slice(lane, lane + LANES)
            products = multipliers[lanes, columns].astype(dtype) @ h.T
            products *= multipliers[lanes, rows]
            forms[lanes, k] = products.sum(axis=1, dtype=np.float64)
    return forms if first == start else 2 * forms


def paired_values(points: Points, kernel: Kernel) -> np.ndarray:
    """Stein kernel of rows 0 and 1, 2 and 3, ..., (n // 2,)."""
    stop = points.n - points.n % 2
    (x, a, w), (y, b, v) = ([part[start:stop:2] for part in (points.rows, points.scores,
                                                             points.weights)] for start in (0, 1))
    gap, both = x - y, w * v
    u = (gap**2).sum(axis=1)
    phi, slope, curvature = kernel.profile(u)
    share = (both * gap**2).sum(axis=1) / np.where(u > 0, u, 1)
    toward = (gap * (w * b - a * v) - both).sum(axis=1)
    h = phi * (a * b).sum(axis=1) + 2 * slope * toward - 4 * curvature * share
    if (features := points.boundary_features(kernel)) is not None:
        h -= (features[:stop:2] * features[1:stop:2]).sum(axis=1)
    return h
