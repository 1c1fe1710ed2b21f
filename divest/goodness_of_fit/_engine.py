"""Sums over all pairs of a sample under a Stein kernel, tile by tile; no n-by-n matrix is held.

Tiles are worked on in any order by any number of threads, and what they give is added in one order:
the sums have the same bits however many threads there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from divest import _kernels
from divest._resampling import run_tasks
from divest.goodness_of_fit._points import Points
from divest.kernels import Kernel

LANES = 256  # resamples worked on together
STRIP = 128  # rows worked on together in tiles on the diagonal


class Pairs(Protocol):
    """All pairs of n things, of which blocks can be had."""

    n: int

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Kernel of some of them with others."""
        ...


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
        corners = loops.tile_corners(n, side or loops.SIDE)
        tasks = ((self, corners[t:t + 1], side or loops.SIDE) for t in range(len(corners)))
        partial, diagonal = [], np.zeros(n)
        for part, entries in run_tasks(_tile_sums, tasks, len(corners), n_jobs=n_jobs):
            partial.append(part)
            diagonal += entries
        rows = loops.add_tiles(corners, np.concatenate(partial), n)
        if self.features is None:
            return rows, diagonal
        own = (self.features**2).sum(axis=1)
        return rows - self.features @ self.features.sum(axis=0) + own, diagonal - own


class SummedPairs(SteinPairs):
    """All pairs of rows under the sum of the Stein kernels of several samples of as many rows."""

    def __init__(self, parts: Sequence[SteinPairs]) -> None:
        self.parts, self.points, self.n = tuple(parts), parts[0].points, parts[0].n

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Sum of the Stein kernels of some rows with others."""
        out = self.parts[0].tile(rows, columns)
        for part in self.parts[1:]:
            out += part.tile(rows, columns)
        return out

    def sums(self, n_jobs: int | None = None, side: int | None = None
             ) -> tuple[np.ndarray, np.ndarray]:
        """Sums over the other rows, and of each row with itself; both (n,)."""
        each = [part.sums(n_jobs, side) for part in self.parts]
        return (np.sum([rows for rows, _ in each], axis=0),
                np.sum([diagonal for _, diagonal in each], axis=0))


def quadratic_forms(pairs: Sequence[Pairs], multipliers: np.ndarray, *,
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


def _tile_sums(pairs: SteinPairs, corners: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the rows and columns of tiles (tiles, 2, side), and entries of the diagonal (n,)."""
    partial, diagonal = np.zeros((len(corners), 2, side)), np.zeros(pairs.n)
    _kernels.stein.tile_sums(pairs.points.array, pairs.families, pairs.parameters, corners, partial,
                             diagonal)
    return partial, diagonal


def _tile_forms(pairs: Sequence[Pairs], multipliers: np.ndarray, first: int, start: int,
                side: int) -> np.ndarray:
    """What one tile of the upper triangle gives, (B, len(pairs)), with its mirror image."""
    n = pairs[0].n
    rows, columns = slice(first, min(first + side, n)), slice(start, min(start + side, n))
    if first != start:
        return 2 * _block_forms(pairs, multipliers, rows, columns)
    forms = np.zeros((len(multipliers), len(pairs)))
    for low in range(rows.start, rows.stop, STRIP):  # of tiles on the diagonal, the lower triangle
        strip = slice(low, min(low + STRIP, rows.stop))
        forms += _block_forms(pairs, multipliers, strip, strip)
        if low > rows.start:
            forms += 2 * _block_forms(pairs, multipliers, strip, slice(rows.start, low))
    return forms


def _block_forms(pairs: Sequence[Pairs], multipliers: np.ndarray, rows: slice,
                 columns: slice) -> np.ndarray:
    """``sum_ij w_i w_j h_ij`` over a block, i = j left out, (B, len(pairs))."""
    forms = np.empty((len(multipliers), len(pairs)))
    blocks = [pair.tile(rows, columns) for pair in pairs]
    dtype = blocks[0].dtype
    for h in blocks:
        if rows == columns:
            np.fill_diagonal(h, 0)
    for lane in range(0, len(multipliers), LANES):
        lanes = slice(lane, lane + LANES)
        left, right = (multipliers[lanes, part].astype(dtype) for part in (rows, columns))
        for k, h in enumerate(blocks):
            forms[lanes, k] = np.einsum("bi,bi->b", right @ h.T, left, dtype=np.float64)
    return forms


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
