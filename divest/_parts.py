"""Rows in parts: tables of Dask, which need not fit into memory, and how they are summed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from divest._validation import check_sample, in_parts

_TOGETHER = 8  # sums that are added in one step


class Parts:
    """The parts of a Dask DataFrame, Series or array, in order; any other table is one part.

    `name` is what errors call the table, `part_name` a part of it, from whose start rows count.
    """

    def __init__(self, table: Any, name: str) -> None:
        self.name, self.lazy = name, in_parts(table)
        if self.lazy:
            _check_kind(table, name)
        elif not hasattr(table, "__len__") or getattr(table, "shape", None) == ():
            raise TypeError(f"{name} must be a table with rows and columns, got {table!r}.")
        self.part_name = f"a partition of {name}" if self.lazy else name
        named = hasattr(table, "columns") and getattr(table, "ndim", 2) == 2
        self.columns = list(table.columns) if named else None
        self.tables = _delayed_parts(table) if self.lazy else [table]
        self._table = table

    @cached_property
    def sizes(self) -> np.ndarray:
        """Rows of each part; of a data frame, one column is read."""
        chunks = getattr(self._table, "chunks", None)
        if self.lazy and chunks and not np.isnan(chunks[0]).any():
            return np.array(chunks[0], dtype=np.int64)
        if not (self.lazy and self.columns):
            return np.array(self.map(len), dtype=np.int64)
        from dask import delayed

        column = _delayed_parts(self._table[self.columns[:1]])
        return np.array(computed([delayed(len)(part) for part in column]), dtype=np.int64)

    @property
    def n(self) -> int:
        """Rows of all parts."""
        return int(self.sizes.sum())

    @property
    def starts(self) -> np.ndarray:
        """The position of the first row of each part."""
        return np.cumsum(self.sizes) - self.sizes

    def tasks(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """Delayed ``function(part, ...)``, with one of each of `arguments` for each part."""
        from dask import delayed

        return [delayed(function)(*task) for task in zip(self.tables, *arguments, strict=True)]

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """``function(part, ...)`` of each part, in order."""
        if not self.lazy:
            return list(map(function, self.tables, *arguments))
        return computed(self.tasks(function, *arguments))

    def total(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> Any:
        """The sum of these: of arrays, numbers or counters, or of tuples of them.

        A few are added at a time, where they are, so that not all have to be in one place.
        """
        if not self.lazy:
            return _added(self.map(function, *arguments))
        from dask import delayed

        found = self.tasks(function, *arguments)
        while len(found) > 1:
            found = [delayed(_added)(found[i:i + _TOGETHER])
                     for i in range(0, len(found), _TOGETHER)]
        return computed(found)[0]

    def take(self, positions: np.ndarray) -> np.ndarray:
        """Rows at increasing positions, as floats."""
        cuts = np.searchsorted(positions, np.append(self.starts, self.n))
        tasks = [(table, positions[a:b] - start, self.part_name) for table, a, b, start
                 in zip(self.tables, cuts, cuts[1:], self.starts, strict=False) if a < b]
        if not self.lazy:
            return np.concatenate([_taken(*task) for task in tasks])
        from dask import delayed

        return np.concatenate(computed([delayed(_taken)(*task) for task in tasks]))


def part_rows(part: Any, name: str) -> np.ndarray:
    """A part as a float matrix, checked; it may be empty."""
    if len(part):
        return check_sample(part, name)[0]
    return np.empty((0, part.shape[1] if np.ndim(part) == 2 else 1))


def computed(tasks: Sequence[Any]) -> list[Any]:
    """The results of delayed tasks, by the scheduler that the user has chosen for Dask."""
    from dask import compute

    with warnings.catch_warnings():  # tables in memory may go with those of Dask
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        return list(compute(*tasks))


def _delayed_parts(table: Any) -> list[Any]:
    """The parts as delayed tables; the columns of an array stay together."""
    if getattr(table, "ndim", 1) == 2 and hasattr(table, "rechunk"):
        table = table.rechunk({1: -1})
    return list(np.ravel(table.to_delayed()))


def _check_kind(table: Any, name: str) -> None:
    """Of what Dask has, tables only."""
    kinds = {kind.__name__ for kind in type(table).__mro__}
    if not kinds & {"DataFrame", "Series", "Array"}:
        raise TypeError(f"{name} must be a Dask DataFrame, Series or array, got a Dask "
                        f"{type(table).__name__}; give its compute(), or make it one of them "
                        "(dask.dataframe.from_delayed).")


def _taken(part: Any, positions: np.ndarray, name: str) -> np.ndarray:
    """Some of the rows of a part."""
    return part_rows(part, name)[positions]


def _added(parts: Sequence[Any]) -> Any:
    """The sum of a few parts."""
    if isinstance(parts[0], tuple):
        return tuple(_added(same) for same in zip(*parts, strict=True))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
