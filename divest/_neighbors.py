"""The one neighbour search: trees in low dimension, brute force above; ties handled here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from divest import _kernels

METRICS = {"euclidean": 2, "manhattan": 1, "chebyshev": 0}
TIE = 1e-12  # distances equal to this relative tolerance are equal
TREE_MAX_DIMENSION = 7  # above it brute force is faster; see benchmarks/neighbors.py
_ENTRIES_PER_BLOCK = 2e6
_QUERIES, _POINTS = 128, 1024  # a tile of scores stays in the cache


def rows_per_block(length: int) -> int:
    """How many rows to search at once when each has a list of `length` near points."""
    return max(64, min(4096, int(_ENTRIES_PER_BLOCK / length)))


class NeighborIndex:
    """The distinct points of a sample, searchable.

    Rows are scaled by a power of two, which is exact, so that no square overflows. Equal rows
    become one point with a multiplicity.

    Attributes
    ----------
    points : (n_points, d), distinct points in the search's own coordinates
    point_of_row : (n_rows,), the point at which each row lies
    multiplicity : (n_points,), number of rows at each point
    unit : length of one unit of the search's coordinates
    """

    def __init__(self, rows: np.ndarray, metric: str = "euclidean"):
        self.metric = metric
        self.unit = _unit(rows)
        scaled = self.transform(rows)
        self.points, self.point_of_row, self.multiplicity = _collapse(scaled)
        # farther out all points are equally far, and squares would overflow
        self._box = self.points.min(axis=0) - 1e150, self.points.max(axis=0) + 1e150
        low_dimension = rows.shape[1] <= TREE_MAX_DIMENSION
        if low_dimension:
            self._search: _Tree | _BruteForce = _Tree(self.points, METRICS[metric])
        else:
            self._search = _BruteForce(self.points, METRICS[metric])

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Rows in the coordinates of the search."""
        return np.ascontiguousarray(rows / self.unit)

    @property
    def order(self) -> np.ndarray:
        """An order of the points in which neighbours stand near one another."""
        return self._search.order

    def query(self, queries: np.ndarray, n_points: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances (in `unit`) and indices of the nearest points, in order; (m, n_points) each."""
        queries = np.clip(queries, *self._box)
        return self._search.query(queries, min(n_points, len(self.points)))

    def balls(self, queries: np.ndarray, ks: np.ndarray, own: int) -> Iterator[
            tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Closed balls that hold at least k rows, for each k; ties at the edge all belong.

        Parameters
        ----------
        queries : (m, d), in the coordinates of the search
        ks : increasing numbers of rows
        own : 1 where each query is itself a row of the sample and must not count, else 0

        Yields
        ------
        rows : positions in `queries`; each occurs once over all blocks
        indices : (len(rows), length) points in order of distance
        ends : (len(rows), len(ks)), the ball of k holds the indices before its end
        """
        rows, length = np.arange(len(queries)), int(ks[-1]) + own + 1
        while len(rows):
            distances, indices = self.query(queries[rows], length)
            ends = _kernels.neighbors.closed_balls(
                indices, distances, self.multiplicity, ks, own, TIE)
            short = ends[:, -1] < 0  # a tie runs past the list: ask for a longer one
            if not short.any():
                yield rows, indices, ends
                return
            if not short.all():
                yield rows[~short], indices[~short], ends[~short]
            rows, length = rows[short], 2 * length


def _unit(rows: np.ndarray) -> float:
    """A power of two near the spread of the rows, in which no value overflows."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    spread = float((high / 2 - low / 2).max())
    spread = max(spread, float(np.maximum(-low, high).max()) * 2.0**-900) if spread > 0 else 0.0
    return float(2.0 ** np.clip(np.floor(np.log2(spread)), -1000, 1000)) if spread > 0 else 1.0


def _collapse(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct rows, where each row went, and how many went there."""
    n = len(rows)
    if any(len(np.unique(column)) == n for column in rows.T):  # no two rows can be equal
        return rows, np.arange(n), np.ones(n, np.int64)
    points, inverse, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return np.ascontiguousarray(points), inverse.ravel(), counts.astype(np.int64)


class _Tree:
    """scipy's k-d tree."""

    def __init__(self, points: np.ndarray, power: int):
        self._tree = KDTree(points)
        self._power = power or np.inf

    @property
    def order(self) -> np.ndarray:
        return self._tree.indices

    def query(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        distances, indices = self._tree.query(queries, range(1, k + 1), p=self._power)
        return distances, indices.astype(np.int32)


class _BruteForce:
    """Tiles of matrix products in single precision choose candidates; exact distances decide.

    With u the unit roundoff and g = (d + 16) u, the computed score of x and y differs from
    ``|y|^2 - 2 x.y`` by at most ``g (2 |y|^2 + |x|^2)``; every point that may be near by that
    bound is a candidate. Queries with too many candidates (clouds far apart) try again in double
    precision, and after that compare all points.
    """

    def __init__(self, points: np.ndarray, power: int, kind: Any = np.float32):
        n, d = points.shape
        # in random order the first tile tells how near the nearest points of any query are
        self._shuffle = np.random.default_rng(0).permutation(n).astype(np.int32)
        self._points, self._power = points[self._shuffle], power
        self._kind = np.float64 if power != 2 else kind
        self._bound = (d + 16) * float(np.finfo(self._kind).eps) / 2
        self._precise: _BruteForce | None = None
        if power == 2:
            self._center = np.median(points, axis=0)
            centered = self._points - self._center
            squares = np.einsum("ij,ij->i", centered, centered)
            lowered = np.column_stack([centered, (1 - 2 * self._bound) * squares])
            self._columns = np.ascontiguousarray(lowered.T, dtype=self._kind)
            self._slack = 4 * self._bound * squares
        else:
            self._columns, self._slack = np.ascontiguousarray(self._points.T), np.zeros(n)

    @property
    def order(self) -> np.ndarray:
        return np.arange(len(self._points))

    def query(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        distances = np.empty((len(queries), k))
        indices = np.empty((len(queries), k), np.int32)
        for start in range(0, len(queries), _QUERIES):
            block = slice(start, start + _QUERIES)
            self._block(queries[block], k, distances[block], indices[block])
        return distances, self._shuffle[indices]

    def _block(self, queries: np.ndarray, k: int, distances: np.ndarray,
               indices: np.ndarray) -> None:
        """Fill in the `k` nearest points of one block of queries."""
        loops = _kernels.neighbors
        m, n, kind = len(queries), len(self._points), self._kind
        left, slack = self._left(queries)
        room = (m, 4 * k + _POINTS)
        kept_scores, kept = np.empty(room, kind), np.empty(room, np.int32)
        counts = np.where(np.abs(left).max(axis=1) < 1e15, 0, -1)  # beyond: exact distances only
        limits: np.ndarray = np.full(m, np.inf, kind)
        inside = k * _POINTS / n  # expected number of the k nearest in the first tile
        rank = int(inside + 5 * np.sqrt(inside) + 6)
        rank = rank if rank <= loops.LANES // 2 else 0
        for first in range(0, n, _POINTS):
            scores = self._scores(left, self._columns[:, first:first + _POINTS])
            loops.scan_tile(scores, first, k, rank, self._slack, slack, kept_scores, kept, counts,
                            limits)
        guided = counts >= 0
        if guided.all() or self._kind == np.float64:
            loops.settle(queries, self._points, self._power, k, self._slack, slack, kept_scores,
                         kept, counts, limits, distances, indices)
            return
        near, which = np.empty((guided.sum(), k)), np.empty((guided.sum(), k), np.int32)
        loops.settle(queries[guided], self._points, self._power, k, self._slack, slack[guided],
                     kept_scores[guided], kept[guided], counts[guided], limits[guided], near, which)
        distances[guided], indices[guided] = near, which
        distances[~guided], indices[~guided] = self._again(queries[~guided], k)

    def _again(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest points by products in double precision; indices in the shuffled order."""
        if self._precise is None:
            self._precise = _BruteForce(self._points[np.argsort(self._shuffle)], self._power,
                                        np.float64)
        distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int32)
        self._precise._block(queries, k, distances, indices)
        return distances, indices

    def _left(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The left factor of the products, and what rounding may cost each query."""
        if self._power != 2:
            return queries, np.zeros(len(queries))
        queries = queries - self._center
        left = np.empty((len(queries), queries.shape[1] + 1), self._kind)
        with np.errstate(over="ignore"):
            left[:, :-1] = -2 * queries
        left[:, -1] = 1.0
        return left, 2 * self._bound * np.einsum("ij,ij->i", queries, queries)

    def _scores(self, left: np.ndarray, columns: np.ndarray) -> np.ndarray:
        if self._power == 2:
            with np.errstate(all="ignore"):
                return left @ columns
        scores = np.empty((len(left), columns.shape[1]))
        _kernels.neighbors.distance_tile(left, np.ascontiguousarray(columns), self._power, scores)
        return scores
