"""The neighbour graph of the pooled sample, with labels: what every estimate is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from divest import _kernels
from divest._neighbors import TIE, NeighborIndex, rows_per_block
from divest._resampling import run_tasks

KEPT_MEMBERS = 1.2e8  # entries of neighbour lists kept (4 bytes each); beyond, searched again

Block = tuple[np.ndarray, np.ndarray, np.ndarray]  # centres, near points, ends of their balls


@dataclass(frozen=True)
class Side:
    """The rows of one sample, grouped by the point at which they lie.

    `C` rows of P and `K` rows in all lie in the ball of each k, the row itself left out; `C_next`
    and `K_next` are those in the ball that takes over when one of them is deleted.
    """

    points: np.ndarray  # (m,)
    weights: np.ndarray  # (m,) rows at each of these points
    C: np.ndarray  # (m, number of k)
    K: np.ndarray
    C_next: np.ndarray
    K_next: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over rows of values (m, ...)."""
        return np.tensordot(self.weights, values, axes=1) / self.weights.sum()


class LabelledGraph:
    """Closed balls at the k-th neighbour of every row of the pooled sample.

    Attributes
    ----------
    p, q : Side
        Counts at the rows of P and of Q.
    n_p, n_q : int
        Rows of P and Q.
    """

    def __init__(self, rows: np.ndarray, is_p: np.ndarray, ks: np.ndarray, *,
                 metric: str = "euclidean", n_jobs: int | None = None):
        self.ks, self.n_jobs, self.is_p = ks, n_jobs, is_p
        self.index = NeighborIndex(rows, metric)
        self.n_p, self.n_q = int(is_p.sum()), int((~is_p).sum())
        n_points = len(self.index.points)
        self.p_at_point = np.bincount(self.index.point_of_row[is_p], minlength=n_points)
        self._kept: list[Block] | None = None
        both = np.unique(np.concatenate([ks, ks + 1]))
        self._fill_sides(*self._counts(both), both)

    # ------------------------------------------------------------ balls
    def blocks(self) -> Iterator[Block]:
        """Centres, near points and ends of the balls of each k, in a fixed order."""
        if self._kept is not None:
            return iter(self._kept)
        return (block for block, _ in self._searched(self.ks))

    def _searched(self, ks: np.ndarray) -> Iterator[tuple[Block, np.ndarray]]:
        """The blocks, searched afresh, each with the ends of the balls of `ks`."""
        index, order = self.index, self.index.order
        size = rows_per_block(int(ks[-1]) + 2)
        tasks = [(index, order[s:s + size], ks) for s in range(0, len(order), size)]
        at_k = np.searchsorted(ks, self.ks)
        for found in run_tasks(_search_block, tasks, len(tasks), n_jobs=self.n_jobs):
            for centers, indices, ends in found:
                yield (centers, indices, np.ascontiguousarray(ends[:, at_k])), ends

    def _counts(self, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P-rows and all rows in the ball of each of `both`, the row itself among them.

        Keeps the lists of near points where they are not too long.
        """
        index, loops = self.index, _kernels.neighbors
        shape = (len(index.points), len(both))
        in_p, in_all = np.empty(shape, np.int64), np.empty(shape, np.int64)
        kept, members = [], shape[0] * float(both[-1])
        single = index.multiplicity.max() == 1
        for block, ends in self._searched(both):
            centers, indices, _ = block
            in_p[centers] = loops.ball_sums(indices, ends, self.p_at_point)
            in_all[centers] = ends if single else loops.ball_sums(indices, ends, index.multiplicity)
            if members <= KEPT_MEMBERS:
                kept.append(block)
        if members <= KEPT_MEMBERS:
            self._kept = kept
        return in_p, in_all

    def _fill_sides(self, in_p: np.ndarray, in_all: np.ndarray, both: np.ndarray) -> None:
        """Counts at the rows of P and of Q, and after the deletion of a row of the ball."""
        at_k, at_next = np.searchsorted(both, self.ks), np.searchsorted(both, self.ks + 1)
        rows = in_all - 1  # the row itself
        K, C = rows[:, at_k], in_p[:, at_k]
        tied = K > self.ks
        K_next, C_next = np.where(tied, K, rows[:, at_next]), np.where(tied, C, in_p[:, at_next])
        sides = []
        for at_point, own in ((self.p_at_point, 1), (self.index.multiplicity - self.p_at_point, 0)):
            points = np.flatnonzero(at_point)
            sides.append(Side(points, at_point[points], C[points] - own, K[points],
                              C_next[points] - own, K_next[points]))
        self.p, self.q = sides

    # ------------------------------------------------------------ passing changes on
    def scatter(self, changes: np.ndarray) -> np.ndarray:
        """Sum over balls of the change that deleting each point's row makes, its own ball apart.

        Parameters
        ----------
        changes : ndarray of shape (n_points, number of k, columns)
            Change of the total when a row enters at ball b of a centre, balls above b included.

        Returns
        -------
        ndarray of shape (n_points, columns)
            Sum for each point.
        """
        out = np.zeros((changes.shape[0], changes.shape[2]))
        changes = np.ascontiguousarray(changes)
        for centers, indices, ends in self.blocks():
            _kernels.neighbors.scatter(centers, indices, ends, changes, out)
        return out

    def count_around(self, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """(C, K) in the ball of `k` rows around new points, all rows counted."""
        loops, index = _kernels.neighbors, self.index
        C, K = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
        queries = index.transform(rows)
        size = rows_per_block(k + 2)
        starts = range(0, len(rows), size)
        tasks = [(index, queries[s:s + size], np.array([k])) for s in starts]
        results = run_tasks(_search_around, tasks, len(tasks), n_jobs=self.n_jobs)
        for start, found in zip(starts, results, strict=True):
            for near, indices, ends in found:
                C[start + near] = loops.ball_sums(indices, ends, self.p_at_point)[:, 0]
                K[start + near] = loops.ball_sums(indices, ends, index.multiplicity)[:, 0]
        return C, K


class LabelledLine(LabelledGraph):
    """The graph of one column: balls are intervals, so no lists of near points are needed."""

    def _counts(self, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        index = self.index
        self._order = np.argsort(index.points[:, 0])
        values = np.ascontiguousarray(index.points[self._order, 0])
        rows = np.repeat(np.arange(len(values)), index.multiplicity[self._order])
        lefts, rights = _kernels.neighbors.closed_intervals(values, rows, both, TIE)
        at_k = np.searchsorted(both, self.ks)
        self._lefts, self._rights = lefts[:, at_k], rights[:, at_k]
        counts = []
        for at_point in (self.p_at_point, index.multiplicity):
            below = np.r_[0, np.cumsum(at_point[self._order])]
            unsorted = np.empty_like(lefts)
            unsorted[self._order] = below[rights] - below[lefts]
            counts.append(unsorted)
        return counts[0], counts[1]

    def scatter(self, changes: np.ndarray) -> np.ndarray:
        """As for any graph, by sums over intervals."""
        n_points, _, columns = changes.shape
        ordered = changes[self._order]
        own = ordered - np.concatenate([ordered[:, 1:], np.zeros((n_points, 1, columns))], axis=1)
        steps = np.zeros((n_points + 1, columns))
        for b, c in np.ndindex(own.shape[1:]):
            enter = np.bincount(self._lefts[:, b], own[:, b, c], n_points + 1)
            steps[:, c] += enter - np.bincount(self._rights[:, b], own[:, b, c], n_points + 1)
        out = np.empty((n_points, columns))
        out[self._order] = np.cumsum(steps[:-1], axis=0) - ordered[:, 0]
        return out


def labelled_graph(rows: np.ndarray, is_p: np.ndarray, ks: np.ndarray, *,
                   metric: str = "euclidean", n_jobs: int | None = None) -> LabelledGraph:
    """The graph of the pooled sample; all metrics are one on a single column."""
    kind = LabelledLine if rows.shape[1] == 1 else LabelledGraph
    return kind(rows, is_p, ks, metric=metric, n_jobs=n_jobs)


def _search_block(index: NeighborIndex, centers: np.ndarray, ks: np.ndarray) -> list[Block]:
    """Balls around points of the index itself."""
    return [(centers[rows], indices, ends)
            for rows, indices, ends in index.balls(index.points[centers], ks, own=1)]


def _search_around(index: NeighborIndex, queries: np.ndarray, ks: np.ndarray) -> list[Block]:
    """Balls around new points."""
    return list(index.balls(queries, ks, own=0))
