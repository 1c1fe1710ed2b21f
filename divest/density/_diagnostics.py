"""Reasons to trust a density estimate, or not to."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from scipy.special import ndtr

from divest._results import Diagnostic
from divest.density._effective_rows import FEWEST, effective_rows
from divest.density._rounding import rounding_step
from divest.density._selection import Selection, select
from divest.density._sums import PointSet, near_mass

MOST_CHECKED, FEWEST_CHECKED = 1000, 200  # rows at which sums are looked into
MOST_PAIRS = 1e8  # beyond which fewer rows are
MOST_COMPARED = 5000  # rows up to which the other rule is tried, too


def condensed_share(points: PointSet, bandwidth: float = 1.0, *, n_jobs: int | None = None,
                    of: str = "the density") -> Diagnostic:
    """Share of the rows, each without itself, that fewer than five others speak for."""
    if points.n == 1:
        return _condensed(1.0, of)
    wanted = np.clip(MOST_PAIRS / points.n, FEWEST_CHECKED, MOST_CHECKED)
    own = np.arange(0, points.n, ceil(points.n / wanted))
    unclear = own[near_mass(points, own, bandwidth) < FEWEST]  # n_eff is at least that
    rows = effective_rows(points, points.rows[unclear], bandwidth, skip=unclear, n_jobs=n_jobs)
    share = float(np.sum(rows.n_eff < FEWEST)) / len(own)
    return _condensed(share, of)


def _condensed(share: float, of: str) -> Diagnostic:
    return Diagnostic("condensed_share", share, 0.2, share <= 0.2,
                      f"at so many rows fewer than five others decide {of}, which is a handful of "
                      "rows in disguise; use fewer columns, more rows or a larger bandwidth")


def repeated_rows(rows: np.ndarray, spread: np.ndarray, of: str = "the data") -> Diagnostic:
    """Share of the rows that are copies of others.

    0 where they were rounded in steps of at most half the bandwidth `spread` of each column, which
    does no harm.
    """
    copies = 1.0 - _n_distinct(rows) / len(rows)
    if copies > 0 and all(rounding_step(x) <= h / 2 for x, h in zip(rows.T, spread, strict=True)):
        copies = 0.0
    return Diagnostic("repeated_rows", copies, 0.5, copies <= 0.5,
                      f"so many rows are copies of others that {of} are discrete, and have no "
                      "density; count them instead (divest.discrete)")


def lscv_minimum(chosen: Selection) -> Diagnostic:
    """Whether least squares has its minimum inside the range that is searched."""
    return Diagnostic("lscv_minimum", float(not chosen.at_edge), 1.0, not chosen.at_edge,
                      "the rule 'lscv' wants a bandwidth below 1/50 of Scott's: values are "
                      "rounded, or a few rows so far out that they set the scale; use 'loo_kl', or "
                      "drop or transform these rows")


def _n_distinct(rows: np.ndarray) -> int:
    """Number of distinct rows."""
    if rows.shape[1] == 1 or len(np.unique(rows[:, 0])) == len(rows):
        return len(np.unique(rows[:, 0]))
    ordered = rows[np.lexsort(rows.T)]
    return 1 + int((ordered[1:] != ordered[:-1]).any(axis=1).sum())


def selector_ratio(likeliest: Selection, least_squares: Selection) -> Diagnostic:
    """The bandwidth of the likelihood over that of least squares."""
    ratio = likeliest.bandwidth / least_squares.bandwidth
    return Diagnostic("selector_ratio", ratio, 1.75, ratio <= 1.75,
                      "the bandwidth that suits rows far out is much wider than the one that suits "
                      "the bulk: heavy tails or outliers; use adaptive='abramson', or transform "
                      "the columns")


def edge_mass(X: np.ndarray, weights: np.ndarray | None, spread: Any, low: np.ndarray,
              high: np.ndarray, names: Any) -> Diagnostic:
    """Most mass, in rows, that a column's estimate has beyond its least and largest value.

    `spread` is the bandwidth of the column where there is only one; of several columns each gets
    its own by the rule "isj". Sides with an edge (finite `low`, `high`) do not count.
    """
    masses = [_mass_beyond(x, weights, spread, np.isfinite(a), np.isfinite(b))
              for x, a, b in zip(X.T, low, high, strict=True)]
    worst = int(np.argmax(masses))
    name = worst if names is None else names[worst]
    return Diagnostic("edge_mass", masses[worst], 7.0, masses[worst] <= 7.0,
                      f"the estimate of column {name!r} has the mass of so many rows where there "
                      "are none, as with a hard edge; give bounds=(lower, upper)")


def _mass_beyond(x: np.ndarray, weights: np.ndarray | None, spread: Any, below: bool, above: bool
                 ) -> float:
    """Mass beyond the range of one column, in rows; without a side that has an edge."""
    if (below and above) or np.ptp(x) == 0:
        return 0.0
    if spread is None:
        spread = select("isj", x[:, None], weights).bandwidth
    mass = np.zeros(len(x))
    if not below:
        mass += ndtr((x.min() - x) / spread)
    if not above:
        mass += ndtr((x - x.max()) / spread)
    return len(x) * float(np.average(mass, weights=weights))
