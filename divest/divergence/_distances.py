"""Distances from rows to their neighbours in either sample, and the density ratios they give."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import psi

from divest import _kernels
from divest._neighbors import METRICS, TIE, TREE_MAX_DIMENSION, NeighborIndex, rows_per_block
from divest._resampling import run_tasks

_LONGEST_LIST = 512
quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore")  # the logarithm of 0, say


class Near(NamedTuple):
    """Neighbours in one sample of rows of the same (`own` is 1) or of the other sample (0)."""

    radii: np.ndarray  # (3, n) distances to row k, the next and a far one; NaN where there is none
    members: np.ndarray  # (k + own, n) points up to row k, padded with the number of points
    point_of_row: np.ndarray  # (rows of the sample,)
    own: int

    def pass_on(self, changes: np.ndarray) -> np.ndarray:
        """Sum over the other rows of the change that deleting each row of the sample makes."""
        at_point = np.zeros(self.point_of_row.max() + 2)
        for points in self.members:
            at_point += np.bincount(points, changes, len(at_point))
        return at_point[self.point_of_row] - (changes if self.own else 0.0)


class Side(NamedTuple):
    """The rows of one sample, and their neighbours in P and in Q."""

    constant: float
    dimension: float
    p: Near
    q: Near

    @quiet
    def log_ratios(self) -> list[np.ndarray]:
        """Log of p/q at the rows: as it is, with a near row of P deleted, and with one of Q."""
        (rho, rho_next, _), (nu, nu_next, _) = np.log(self.p.radii), np.log(self.q.radii)
        growths = nu - rho, nu - rho_next, nu_next - rho
        return [np.log(self.constant) + self.dimension * growth for growth in growths]

    @quiet
    def far_log_ratio(self) -> np.ndarray:
        """The same from the far neighbours."""
        return np.log(self.constant) + self.dimension * np.log(self.q.radii[2] / self.p.radii[2])


def neighbors(index: NeighborIndex, rows: np.ndarray, k: int, far: int, own: int,
              n_jobs: int | None) -> Near:
    """Neighbours k, k + 1 and `far` of each row in the sample of `index`."""
    search = partial(_radii, index, k, far, own)
    radii, members = _in_blocks(search, [index.transform(rows)], far, n_jobs)
    return Near(radii, members, index.point_of_row, own)


@quiet
def _radii(index: NeighborIndex, k: int, far: int, own: int, queries: np.ndarray) -> tuple:
    """`radii` and `members` of some rows."""
    distances, points = index.query(queries, max(k + 1, far) + own)
    held = np.cumsum(index.multiplicity[points], axis=1)
    ranks = np.stack([(held < row + own).sum(axis=1) for row in (k, k + 1, far)], axis=1)
    inside = np.arange(points.shape[1]) <= ranks[:, :1]
    members = np.where(inside, points, len(index.points)).T[:k + own]
    distances = np.column_stack([distances * index.unit, np.full(len(queries), np.nan)])
    return np.take_along_axis(distances, ranks, axis=1).T, members


@quiet
def log_ratio_in_one_ball(side: Side, in_p: NeighborIndex, in_q: NeighborIndex, P: np.ndarray,
                         n_jobs: int | None) -> np.ndarray:
    """Log of p/q at the rows of P, each from one ball for both samples."""
    reach = np.maximum(side.p.radii[0], side.q.radii[0]) * (1.0 + TIE)
    (rho, n_p), (nu, n_q) = (
        _in_blocks(partial(_within, index), [index.transform(P), reach / index.unit],
                   _LONGEST_LIST, n_jobs) for index in (in_p, in_q))
    growth = np.log(nu * in_q.unit) - np.log(rho * in_p.unit)
    return np.log(side.constant) + side.dimension * growth + psi(n_p - 1) - psi(n_q)


def _within(index: NeighborIndex, queries: np.ndarray, reach: np.ndarray) -> tuple:
    """Distance of the farthest row within reach of each query, and the number of rows within."""
    farthest, count = np.zeros(len(queries)), np.zeros(len(queries))
    rows, length = np.arange(len(queries)), 8
    # a look at all points costs less than longer lists from a tree, or than any by brute force
    cheap = len(index.points) // 128 if queries.shape[1] <= TREE_MAX_DIMENSION else 0
    while len(rows) and length <= min(cheap, _LONGEST_LIST):
        distances, points = index.query(queries[rows], length)
        inside = distances <= reach[rows, None]
        farthest[rows] = np.max(distances, axis=1, where=inside, initial=0.0)
        count[rows] = (inside * index.multiplicity[points]).sum(axis=1)
        rows, length = rows[inside[:, -1]], 4 * length  # the list may have ended too early
    if len(rows):
        farthest[rows], count[rows] = _kernels.neighbors.within(
            queries[rows], index.points, index.multiplicity, METRICS[index.metric], reach[rows])
    return farthest, count


def _in_blocks(function: Callable, arrays: list, length: int, n_jobs: int | None) -> list:
    """The function's results over blocks of rows, put together; `length` entries for each row."""
    size = rows_per_block(length)
    blocks = [slice(start, start + size) for start in range(0, len(arrays[0]), size)]
    tasks = [tuple(array[block] for array in arrays) for block in blocks]
    parts = run_tasks(function, tasks, len(tasks), n_jobs=n_jobs)
    return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]
