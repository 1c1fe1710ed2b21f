"""Kernel sums at any number of queries over the rows of one sample; memory is O(n d)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree

from divest import _kernels
from divest._resampling import one_thread_each, run_tasks
from divest.density._profiles import COMPACT, POWERS

BOXED_DIMENSION = 6  # above it nearly every block of rows is near every query
_QUERIES_PER_TASK = 256
_NO_EXTRA = np.zeros((1, 1))


class SumMoments(NamedTuple):
    """What the normalised terms p_i of a kernel sum say, one number per query.

    Attributes
    ----------
    log_sum : logarithm of the sum
    n_eff : 1 / sum p^2
    n_eff2 : (sum p^2)^2 / sum p^4
    mean_square : sum p_i r_i^2, r the distance
    """

    log_sum: np.ndarray
    n_eff: np.ndarray
    n_eff2: np.ndarray
    mean_square: np.ndarray


class PointSet:
    """Rows in whitened units with weights and relative bandwidths, ready for sums.

    Attributes
    ----------
    rows : (n, d) as given
    weights : (n,) with sum 1
    local : (n,) relative bandwidths, or None where all are 1
    kernel : name of the profile
    unit : the bandwidth in the coordinates of the rows
    order : (n,) the rows in an order in which neighbours stand near one another
    place : (n,) where each row stands in that order
    """

    def __init__(self, rows: np.ndarray, weights: np.ndarray | None = None,
                 local: np.ndarray | None = None, kernel: str = "gaussian", unit: float = 1.0):
        self.n, self.d = rows.shape
        self.rows, self.local, self.kernel, self.unit = rows, local, kernel, unit
        self.weights = np.full(self.n, 1.0 / self.n) if weights is None else weights
        self._equal = weights is None or bool(np.ptp(weights) == 0)
        self.order = _near_order(rows)
        self.place = np.empty(self.n, np.int64)
        self.place[self.order] = np.arange(self.n)
        self._packed: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_packed": None}

    @property
    def packed(self) -> Any:
        """The rows as the loops take them."""
        if self._packed is None:
            self._packed = self._pack()
        return self._packed

    @property
    def unequal_weights(self) -> np.ndarray | None:
        """The weights, or None where all are equal."""
        return None if self._equal else self.weights

    @property
    def center(self) -> np.ndarray:
        """What is taken off rows and queries; it matters where distances come from products."""
        products = self.d >= _kernels.density.MATRIX_DIMENSION
        return np.median(self.rows, axis=0) if products else np.zeros(self.d)

    def _pack(self) -> Any:
        block = _kernels.density.BLOCK
        rows, weights = self.rows[self.order] - self.center, self.weights[self.order]
        scales = offsets = np.empty(0)
        log_terms = np.log(weights)
        if self.local is not None:
            local = self.local[self.order]
            scales = local**-2.0
            weights = weights * local ** -float(self.d)
            log_terms = log_terms - self.d * np.log(local)
        if self.local is not None or not self._equal:
            offsets = log_terms.max() - log_terms
        starts = np.arange(0, self.n, block)
        low = high = np.empty((self.d, 0))
        if self.d <= BOXED_DIMENSION:
            low, high = (np.ascontiguousarray(f.reduceat(rows, starts, axis=0).T)
                         for f in (np.minimum, np.maximum))
        least = np.minimum.reduceat(scales, starts) if len(scales) else np.ones(len(starts))
        lightest = np.minimum.reduceat(offsets, starts) if len(offsets) else np.zeros(len(starts))
        self.log_unit = float(log_terms.max())  # logarithm of the term that has offset 0
        return _kernels.density.Rows(
            np.ascontiguousarray(rows.T), np.einsum("ij,ij->i", rows, rows), scales, offsets,
            weights, low, high, least, lightest)

    def sums(self, kind: int, queries: np.ndarray, columns: int, bandwidth: float = 1.0, *,
             skip: np.ndarray | None = None, extra: np.ndarray = _NO_EXTRA,
             n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """State (m, columns) and vectors (m, d) of `kernel_sums`."""
        m = len(queries)
        packed, own = self.packed, np.full(m, -1)
        if skip is not None:
            own = np.where(skip >= 0, self.place[skip], -1)
        queries = np.ascontiguousarray(queries - self.center, dtype=float)
        shape, factor = self._shape(kind, bandwidth)
        step = max(m, 1) if n_jobs is None else max(_QUERIES_PER_TASK, -(-m // 64))
        tasks = [(kind, shape, queries[i:i + step], packed, own[i:i + step], factor, extra, columns)
                 for i in range(0, max(m, 1), step)]
        with one_thread_each:
            parts = list(run_tasks(_part, tasks, len(tasks), n_jobs=n_jobs))
        state, vectors = (np.concatenate(part) for part in zip(*parts, strict=True))
        return state, vectors

    def _shape(self, kind: int, bandwidth: float) -> tuple[int, float]:
        """The profile, and what squared distances are multiplied by."""
        loops = _kernels.density
        if kind == loops.PAIRS:
            return loops.POWER, 1.0
        shapes = {"gaussian": loops.GAUSSIAN, "exponential": loops.EXPONENTIAL,
                  "linear": loops.LINEAR, "cosine": loops.COSINE}
        return (shapes.get(self.kernel, loops.POWER),
                (0.5 if self.kernel == "gaussian" else 1.0) * (bandwidth * self.unit) ** -2.0)


def _part(kind: int, shape: int, queries: np.ndarray, rows: Any, own: np.ndarray, factor: float,
          extra: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """State and vectors of some queries; what another process gets may be read only."""
    loops, m = _kernels.density, len(queries)
    queries, own, extra, *rows = (np.require(a, requirements="W")
                                  for a in (queries, own, extra, *rows))
    state = np.zeros((m, columns))
    state[:, 0] = 0.0 if kind in (loops.COMPACT, loops.PAIRS) else np.inf
    vectors = np.zeros((m, queries.shape[1] if kind == loops.GRADIENT else 0))
    loops.kernel_sums(kind, shape, queries, loops.Rows(*rows), own, factor, extra, state, vectors)
    return state, vectors


def _near_order(rows: np.ndarray) -> np.ndarray:
    """An order in which neighbours stand near one another, where that helps."""
    n, d = rows.shape
    if d == 1:
        return np.argsort(rows[:, 0], kind="stable")
    if d > BOXED_DIMENSION or n <= _kernels.density.BLOCK:
        return np.arange(n)
    return KDTree(rows, leafsize=_kernels.density.BLOCK // 4).indices.astype(np.int64)


def near_mass(points: PointSet, own: np.ndarray, bandwidth: float = 1.0) -> np.ndarray:
    """A part of the kernel sum at each of the rows `own` (m,), without itself, in rows.

    Over the next 256 rows in an order in which neighbours stand near one another; 0 where there is
    no such order, or where it would not be faster than the whole sum.
    """
    n, width = points.n, 256
    plain = points.kernel == "gaussian" and points.local is None and points.unequal_weights is None
    if not plain or points.d > BOXED_DIMENSION or n < 20 * width:
        return np.zeros(len(own))
    starts = np.clip(points.place[own] - width // 2, 0, n - width)
    near = points.rows[points.order[starts[:, None] + np.arange(width)]]
    squares = ((near - points.rows[own][:, None]) ** 2).sum(axis=2)
    return np.exp(-0.5 * squares / bandwidth**2).sum(axis=1) - 1.0


def log_sums(points: PointSet, queries: np.ndarray, bandwidth: float = 1.0, *,
             skip: np.ndarray | None = None, n_jobs: int | None = None) -> np.ndarray:
    """Logarithm of ``sum_i w_i b_i^-d k(|q - z_i| / (b_i h))`` (m,), for every kernel.

    `skip` (m,) says which row is the query itself and does not count; -1 where none is.
    """
    if points.kernel in COMPACT:
        found = compact_sums(points, queries, bandwidth, skip=skip, n_jobs=n_jobs)[:, 0]
        with np.errstate(divide="ignore"):
            return np.log(found)
    state, _ = points.sums(_kernels.density.VALUES, queries, 2, bandwidth, skip=skip,
                           n_jobs=n_jobs)
    return _logarithm(points, state)


def moments(points: PointSet, queries: np.ndarray, bandwidth: float = 1.0, *,
            skip: np.ndarray | None = None, n_jobs: int | None = None) -> SumMoments:
    """`SumMoments` at each query, for the kernels "gaussian" and "exponential"."""
    state, _ = points.sums(_kernels.density.MOMENTS, queries, 5, bandwidth, skip=skip,
                           n_jobs=n_jobs)
    with np.errstate(invalid="ignore"):  # no row but the query itself
        return SumMoments(_logarithm(points, state), state[:, 1] ** 2 / state[:, 2],
                          state[:, 2] ** 2 / state[:, 3], state[:, 4] / state[:, 1])


def gradients(points: PointSet, queries: np.ndarray, bandwidth: float = 1.0, *,
              n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the Gaussian sum (m,), and its gradient in the query (m, d)."""
    state, vectors = points.sums(_kernels.density.GRADIENT, queries, 2, bandwidth, n_jobs=n_jobs)
    far = np.isinf(state[:, 0])  # squares overflow, and all rows are one
    with np.errstate(invalid="ignore"):
        ways = np.where(far[:, None], -queries, vectors / state[:, 1:])
    return _logarithm(points, state), ways * bandwidth**-2.0


def tilted_means(points: PointSet, queries: np.ndarray, bandwidth: float = 1.0, *,
                 n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the Gaussian sum (m,), and ``sum_i p_i z_i`` (m, d); equal bandwidths only."""
    log_sum, gradient = gradients(points, queries, bandwidth, n_jobs=n_jobs)
    return log_sum, queries + gradient * bandwidth**2


def reflected_log_sums(points: PointSet, queries: np.ndarray, edges: np.ndarray, *,
                       n_jobs: int | None = None) -> np.ndarray:
    """As `log_sums`, Gaussian, with the images at each of `edges` (k, 2): axis in order, place."""
    shifted = edges.astype(float)
    shifted[:, 1] -= points.center[edges[:, 0].astype(int)]
    state, _ = points.sums(_kernels.density.REFLECTED, queries, 2, extra=shifted, n_jobs=n_jobs)
    return _logarithm(points, state)


def compact_sums(points: PointSet, queries: np.ndarray, bandwidth: float = 1.0, *,
                 skip: np.ndarray | None = None, n_jobs: int | None = None) -> np.ndarray:
    """Sum of a kernel of bounded support, of its squared terms, and how many rows count; (m, 3)."""
    extra = np.array([[float(POWERS.get(points.kernel, 0)), (bandwidth * points.unit) ** 2]])
    return points.sums(_kernels.density.COMPACT, queries, 3, bandwidth, skip=skip, extra=extra,
                       n_jobs=n_jobs)[0]


def pair_sums(points: PointSet, queries: np.ndarray, bandwidths: np.ndarray, *, skip: np.ndarray,
              n_jobs: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """For each bandwidth h, sums (b, m) of ``w_j exp(-r^2 / 4h^2)`` over all rows, and of
    ``w_j exp(-r^2 / 2h^2)`` without the own row.
    """
    order = np.argsort(bandwidths)
    extra = np.ascontiguousarray(bandwidths[order][None], dtype=float)
    state, _ = points.sums(_kernels.density.PAIRS, queries, 2 * len(order), skip=skip, extra=extra,
                           n_jobs=n_jobs)
    found = np.empty((2, len(order), len(queries)))
    found[:, order] = state.reshape(len(queries), -1, 2).transpose(2, 1, 0)
    return found[0], found[1]


def _logarithm(points: PointSet, state: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(state[:, 1]) - state[:, 0] + points.log_unit
