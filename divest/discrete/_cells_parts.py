"""Counts over the same cells of two columns of Dask: sums over their parts, exactly."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from divest._parts import Parts
from divest._samples import as_numbers, as_series
from divest._validation import check_integer
from divest.discrete._cells import (
    Cells,
    given_edges,
    inner_edges,
    interval_cells,
    interval_counts,
    label_cells,
    label_counts,
    quantile_ranks,
    resolve_kind,
    usable_edges,
)

DISTINCT = 21  # values of each part that are looked at: one more than make a column discrete
DIGIT = 16  # bits of a number that are counted in one pass


class Column:
    """A column in parts: what a pandas Series would tell about itself.

    `sample` holds enough of its values to tell what kind they are of.
    """

    def __init__(self, table: Any, name: str) -> None:
        self.parts, self.name = Parts(table, name), name
        found = self.parts.map(partial(_profile, name=name))
        self.n = sum(size for size, _, _ in found)
        self.missing = sum(missing for _, missing, _ in found)
        samples = [sample for _, _, sample in found if len(sample)]
        self.sample = pd.concat(samples) if samples else pd.Series([], dtype=float)

    def labels(self) -> Counter[str]:
        """Rows of each label."""
        return self.parts.total(partial(_labels, name=self.name))

    def between(self, cuts: np.ndarray) -> np.ndarray:
        """Rows of each cell between the cuts."""
        return self.parts.total(partial(_between, name=self.name, cuts=cuts))

    def quantile_edges(self, bins: int) -> np.ndarray:
        """What `divest.discrete._cells.quantile_edges` gives."""
        check_integer("bins", bins, 2)
        n = self.n - self.missing
        if not n:
            return usable_edges(None)
        *values, largest = self._ordered(np.append(quantile_ranks(n, bins), n - 1))
        return usable_edges(inner_edges(np.array(values), largest))

    def _ordered(self, ranks: np.ndarray) -> np.ndarray:
        """The values at some ranks (from 0), exactly: digit by digit, one pass over the data each.

        Numbers are ordered as whole numbers with the same bits. Of those that begin with the digits
        found so far, each pass counts how many go on with each digit.
        """
        prefixes, left = np.zeros(len(ranks), dtype=np.uint64), ranks.copy()
        for shift in range(64 - DIGIT, -1, -DIGIT):
            known = np.unique(prefixes)
            counts = self.parts.total(partial(_digits, name=self.name, known=known, shift=shift))
            below = np.cumsum(counts[np.searchsorted(known, prefixes)], axis=1)
            digits = np.array([np.searchsorted(row, rank, side="right")
                               for row, rank in zip(below, left, strict=True)])
            before = np.where(digits > 0, below[np.arange(len(ranks)), digits - 1], 0)
            prefixes = (prefixes << np.uint64(DIGIT)) + digits.astype(np.uint64)
            left = left - before
        return _numbers(prefixes)


def cells_in_parts(P: Any, Q: Any, *, kind: str, bins: int, edges: Any, categories: Any,
                   max_categories: int) -> tuple[Cells, tuple[int, int]]:
    """The cells of the values that are there, and how many are missing in each sample."""
    p, q = Column(P, "P"), Column(Q, "Q")
    kind = resolve_kind(p.sample, q.sample, kind, edges, categories)
    if kind == "numeric":
        some = p.sample if len(p.sample) else q.sample
        cuts = q.quantile_edges(bins) if edges is None else given_edges(edges, some)
        cells = interval_cells((p.between(cuts), q.between(cuts)), cuts, some)
    else:
        cells = label_cells(p.labels(), q.labels(), kind, categories, max_categories)
    return cells, (p.missing, q.missing)


# ------------------------------------------------------------ what is asked of one part
def _profile(part: Any, name: str) -> tuple[int, int, pd.Series]:
    """Rows, missing values, and a few of the others: the first distinct ones, and the extremes."""
    values = as_series(part, name)
    present = values.dropna()
    distinct = present.drop_duplicates()
    few = distinct.head(DISTINCT)
    if isinstance(values.dtype, pd.CategoricalDtype):  # of each part others, which are lost when
        few = few.astype(object)  # the parts are joined, and numbers are no labels any more
    if pd.api.types.is_integer_dtype(values) and len(few):  # numbers too large for floats are known
        few = pd.concat([few, distinct[distinct.isin([distinct.min(), distinct.max()])]])
    return len(values), len(values) - len(present), few


def _labels(part: Any, name: str) -> Counter[str]:
    return label_counts(as_series(part, name).dropna())


def _present(part: Any, name: str) -> np.ndarray:
    return as_numbers(as_series(part, name).dropna())


def _between(part: Any, name: str, cuts: np.ndarray) -> np.ndarray:
    return interval_counts(_present(part, name), cuts)


def _digits(part: Any, name: str, known: np.ndarray, shift: int) -> np.ndarray:
    """Of the numbers that begin with each known prefix, how many go on with each digit."""
    keys = _keys(_present(part, name)) >> np.uint64(shift)
    prefixes = keys >> np.uint64(DIGIT)
    at = np.minimum(np.searchsorted(known, prefixes), len(known) - 1)
    held = known[at] == prefixes
    places = (at[held] << DIGIT) + (keys[held] & np.uint64(2**DIGIT - 1)).astype(np.int64)
    return np.bincount(places, minlength=len(known) << DIGIT).reshape(len(known), -1)


def _keys(numbers: np.ndarray) -> np.ndarray:
    """Whole numbers in the same order: negative ones have all bits turned, others the first."""
    bits = (numbers + 0.0).view(np.uint64)  # no negative zero
    return np.where(bits >> np.uint64(63), ~bits, bits | np.uint64(2**63))


def _numbers(keys: np.ndarray) -> np.ndarray:
    """The numbers of such keys."""
    return np.where(keys >> np.uint64(63), keys & np.uint64(2**63 - 1), ~keys).view(float)
