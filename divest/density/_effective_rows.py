"""How many rows a kernel sum rests on, and the bandwidths at which that would change."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import softmax

from divest._neighbors import NeighborIndex
from divest.density._profiles import COMPACT
from divest.density._sums import PointSet, compact_sums, moments
from divest.density.regimes import RegimeResult

FEWEST = 5.0  # effective rows: with fewer a sum is in the hands of a few rows
_NEAREST = 400  # rows from which h_g is computed
_STEPS = 60  # of bisection
_BLOCK = 1000  # queries


class EffectiveRows(NamedTuple):
    """Rows that the sum, and the sum of its squared terms, rest on; and 1 / sum p^2.

    All are the same but for kernels of bounded support, where the first two are the number of rows
    within the support.
    """

    n_eff: np.ndarray
    n_eff2: np.ndarray
    kish: np.ndarray

    def regime(self) -> np.ndarray:
        """The name of the regime of each query."""
        found = np.where(self.n_eff2 < FEWEST, "heavy_tailed", "clt").astype(object)
        found[~(self.n_eff >= FEWEST)] = "condensed"
        found[self.n_eff == 0] = "empty"
        return found


def effective_rows(points: PointSet, Q: np.ndarray, bandwidth: float = 1.0, *,
                   skip: np.ndarray | None = None, n_jobs: int | None = None) -> EffectiveRows:
    """`EffectiveRows` at each query; `skip` (m,) is the row that a query is itself."""
    if points.kernel in COMPACT:
        found = compact_sums(points, Q, bandwidth, skip=skip, n_jobs=n_jobs)
        with np.errstate(invalid="ignore"):
            return EffectiveRows(found[:, 2], found[:, 2], found[:, 0] ** 2 / found[:, 1])
    sums = moments(points, Q, bandwidth, skip=skip, n_jobs=n_jobs)
    alone = np.isneginf(sums.log_sum)  # no row but the query itself
    n_eff, n_eff2 = (np.where(alone, 0.0, n) for n in (sums.n_eff, sums.n_eff2))
    return EffectiveRows(n_eff, n_eff2, n_eff)


def regime_of(points: PointSet, Q: np.ndarray, bandwidth: float = 1.0, *, unit: float = 1.0,
              skip: np.ndarray | None = None, n_jobs: int | None = None) -> RegimeResult:
    """Regimes at the queries (m, d); bandwidths are reported in multiples of ``1 / unit``."""
    rows = effective_rows(points, Q, bandwidth, skip=skip, n_jobs=n_jobs)
    limit = 1e150  # beyond it squares overflow
    Q = np.clip(Q, -limit, limit)
    if points.kernel in COMPACT:
        h_g = _fifth_distance(points, Q, skip)
        h_clt = tail_index = np.full(len(Q), np.nan)
    else:
        h_g = _crossings(points, Q, skip)
        power = 2.0 if points.kernel == "gaussian" else 1.0
        h_clt = 2.0 ** (1.0 / power) * h_g
        with np.errstate(divide="ignore"):
            tail_index = (bandwidth / h_g) ** power
    return RegimeResult(pd.DataFrame({
        "n_eff": rows.n_eff, "n_eff2": rows.n_eff2, "h_g": h_g * unit, "h_clt": h_clt * unit,
        "tail_index": tail_index, "regime": rows.regime()}), bandwidth * unit)


# ------------------------------------------------------------ where n_eff crosses 5
def _crossings(points: PointSet, Q: np.ndarray, skip: np.ndarray | None) -> np.ndarray:
    """Bandwidths (m,) at which n_eff is 5, by bisection on the nearest rows.

    Infinite where it never is that much, 0 where it always is.
    """
    near = _NearestRows(points)
    skip = np.full(len(Q), -1) if skip is None else skip
    parts = [_bisected(*near.exponents(Q[i:i + _BLOCK], skip[i:i + _BLOCK]))
             for i in range(0, len(Q), _BLOCK)]
    roots = np.concatenate(parts) if parts else np.empty(0)
    return np.sqrt(roots) if points.kernel == "gaussian" else roots


def _bisected(u: np.ndarray, log_terms: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Scales t (m,) at which the terms ``exp(log_terms - u / t)`` have five effective rows.

    Each term is shared equally by a number of `copies`.
    """
    u = u - u.min(axis=1, keepdims=True)  # shares do not change, and nothing overflows
    ordered = np.sort(np.where(np.isfinite(log_terms), u, np.inf), axis=1)
    last = min(int(FEWEST) - 1, u.shape[1] - 1)
    with np.errstate(invalid="ignore"):  # no row but the query itself
        spread = ordered[:, last] - ordered[:, 0]
    spread = np.where(np.isfinite(spread), np.maximum(spread, 1e-300), 1.0)
    low, high = np.log(spread) - 12.0, np.log(spread) + 16.0
    start, stop = low.copy(), high.copy()
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        enough = _kish(log_terms - u * np.exp(-middle)[:, None], copies) >= FEWEST
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
    found = np.exp(0.5 * (low + high))
    return np.where(high == stop, np.inf, np.where(low == start, 0.0, found))


def _kish(logs: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """1 / sum p^2 of the terms with these logarithms, per row."""
    with np.errstate(invalid="ignore"):  # NaN where there is no row
        return 1.0 / (softmax(logs, axis=1) ** 2 / copies).sum(axis=1)


class _NearestRows:
    """The nearest distinct rows of a query, with what each adds to the sum."""

    def __init__(self, points: PointSet):
        self.points, self.index = points, NeighborIndex(points.rows)
        self.at = self.index.point_of_row
        self.weight = np.bincount(self.at, points.weights)
        self.square = np.bincount(self.at, points.weights**2)
        self.local = np.ones(len(self.weight))
        if points.local is not None:
            self.local[self.at] = points.local

    def query(self, Q: np.ndarray, skip: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
        """Nearest distances in local bandwidths, which points, and where the own one is; (m, k)."""
        distance, which = self.index.query(self.index.transform(Q), k)
        own = (which == self.at[skip][:, None]) & (skip >= 0)[:, None]
        unit = self.index.unit / self.points.unit
        return distance * unit / self.local[which], which, own

    def exponents(self, Q: np.ndarray, skip: np.ndarray
                  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exponents at bandwidth 1, logarithms of weights, and equal copies; (m, at most 400)."""
        distance, which, own = self.query(Q, skip, _NEAREST)
        mine = np.where(own, self.points.weights[skip][:, None], 0.0)
        weight, square = self.weight[which] - mine, self.square[which] - mine**2
        gone = weight <= 1e-12 * self.weight[which]
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(gone, 0.0, weight)) - self.points.d * np.log(self.local[which])
        copies = np.where(gone, 1.0, weight**2 / np.where(gone, 1.0, square))
        return 0.5 * distance**2 if self.points.kernel == "gaussian" else distance, logs, copies


def _fifth_distance(points: PointSet, Q: np.ndarray, skip: np.ndarray | None) -> np.ndarray:
    """Bandwidths (m,) at which five rows are within a kernel of bounded support."""
    near = _NearestRows(points)
    count = np.bincount(near.at)
    found = np.empty(len(Q))
    skip = np.full(len(Q), -1) if skip is None else skip
    for i in range(0, len(Q), _BLOCK):
        part = slice(i, i + _BLOCK)
        distance, which, own = near.query(Q[part], skip[part], int(FEWEST) + 1)
        enough = (count[which] - own).cumsum(axis=1) >= FEWEST
        nearest = distance[np.arange(len(distance)), enough.argmax(axis=1)]
        found[part] = np.where(enough.any(axis=1), nearest, np.inf)
    return found
