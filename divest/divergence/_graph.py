"""The neighbour graph of the pooled sample, with labels: what every estimate is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from divest import _kernels
from divest._neighbors import NeighborIndex
from divest._resampling import run_tasks

KEPT_MEMBERS = 5e7  # neighbour lists are kept up to this many entries, beyond it searched again
_MEMBERS_PER_BLOCK = 2e6

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
        self._count()

    # ------------------------------------------------------------ balls
    def blocks(self) -> Iterator[Block]:
        """Centres, near points and ends of the balls of each k, in a fixed order."""
        return (block for block, _ in self._searched()) if self._kept is None else iter(self._kept)

    def _searched(self) -> Iterator[tuple[Block, np.ndarray]]:
        """The blocks, searched afresh, each with the ends of the balls of k and of k + 1."""
        index, order = self.index, self.index.order
        both = np.unique(np.concatenate([self.ks, self.ks + 1]))
        size = max(64, min(4096, int(_MEMBERS_PER_BLOCK / (both[-1] + 2))))
        tasks = [(index, order[s:s + size], both) for s in range(0, len(order), size)]
        at_k = np.searchsorted(both, self.ks)
        for found in run_tasks(_search_block, tasks, len(tasks), n_jobs=self.n_jobs):
            for centers, indices, ends in found:
                yield (centers, indices, np.ascontiguousarray(ends[:, at_k])), ends

    def _count(self) -> None:
        """Counts in every ball; keep the lists where they are not too long."""
        index, loops = self.index, _kernels.neighbors
        both = np.unique(np.concatenate([self.ks, self.ks + 1]))
        at_k, at_next = np.searchsorted(both, self.ks), np.searchsorted(both, self.ks + 1)
        shape = (len(index.points), len(both))
        in_p, in_all = np.empty(shape, np.int64), np.empty(shape, np.int64)
        keep = shape[0] * float(both[-1]) <= KEPT_MEMBERS
        kept, members = [], 0
        for block, ends in self._searched():
            centers, indices, _ = block
            in_p[centers] = loops.ball_sums(indices, ends, self.p_at_point)
            in_all[centers] = (ends if index.multiplicity.max() == 1 else
                               loops.ball_sums(indices, ends, index.multiplicity))
            members += indices.size
            if keep and members <= KEPT_MEMBERS:
                kept.append(block)
        if keep and members <= KEPT_MEMBERS:
            self._kept = kept
        in_all -= 1  # the row itself
        K, C = in_all[:, at_k], in_p[:, at_k]
        tied = K > self.ks
        K_next = np.where(tied, K, in_all[:, at_next])
        C_next = np.where(tied, C, in_p[:, at_next])
        sides = []
        for at_point, own in ((self.p_at_point, 1), (index.multiplicity - self.p_at_point, 0)):
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
        size = max(64, min(4096, int(_MEMBERS_PER_BLOCK / (k + 2))))
        starts = range(0, len(rows), size)
        tasks = [(index, queries[s:s + size], np.array([k])) for s in starts]
        results = run_tasks(_search_around, tasks, len(tasks), n_jobs=self.n_jobs)
        for start, found in zip(starts, results, strict=True):
            for near, indices, ends in found:
                C[start + near] = loops.ball_sums(indices, ends, self.p_at_point)[:, 0]
                K[start + near] = loops.ball_sums(indices, ends, index.multiplicity)[:, 0]
        return C, K


def _search_block(index: NeighborIndex, centers: np.ndarray, ks: np.ndarray) -> list[Block]:
    """Balls around points of the index itself."""
    return [(centers[rows], indices, ends)
            for rows, indices, ends in index.balls(index.points[centers], ks, own=1)]


def _search_around(index: NeighborIndex, queries: np.ndarray, ks: np.ndarray) -> list[Block]:
    """Balls around new points."""
    return list(index.balls(queries, ks, own=0))
