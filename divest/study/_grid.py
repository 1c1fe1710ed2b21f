"""The cells of a study: every combination of its settings, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import isnan
from typing import Any

import numpy as np
import pandas as pd

from divest.study._outcomes import is_text
from divest.study._rows import FRAME_COLUMNS
from divest.study._seeds import canonical, cell_name
from divest.study._summary import SUMMARY_COLUMNS

_RESERVED = {*FRAME_COLUMNS, *SUMMARY_COLUMNS}


@dataclass(frozen=True)
class Cell:
    """One combination of settings, and its name."""

    settings: dict[str, Any]

    @cached_property
    def name(self) -> str:
        """The first digits of the hash of the settings."""
        return cell_name(self.settings)

    @cached_property
    def json(self) -> str:
        """The settings as canonical JSON."""
        return canonical(self.settings)

    def __str__(self) -> str:
        return ", ".join(f"{key}={value!r}" for key, value in self.settings.items())


def check_grid(grid: Any, simulate: Callable[..., Any]) -> list[Cell]:
    """The cells of a dict of lists (all combinations), or of a DataFrame (its rows)."""
    if isinstance(grid, pd.DataFrame):
        _refuse_repeated_columns(list(grid.columns))
        columns = {name: _column(grid[name]) for name in grid.columns}
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    elif isinstance(grid, Mapping):
        columns = {name: _values(name, values) for name, values in grid.items()}
        rows = [dict(zip(columns, row, strict=True)) for row in product(*columns.values())]
    else:
        raise TypeError("grid must be a dict of lists or a DataFrame, got "
                        f"{type(grid).__name__}.")
    _check_names(list(columns), _first_argument(simulate))
    if not rows:
        raise ValueError("grid holds no combination of settings: it is empty, or a list of it.")
    rows = [{name: _setting(name, value) for name, value in row.items()} for row in rows]
    _refuse_repeats(rows)
    return [Cell(row) for row in rows]


def _column(values: pd.Series) -> list[Any]:
    """The values of a column; what is missing among text is None."""
    if pd.api.types.is_numeric_dtype(values):
        return values.tolist()
    return [None if pd.api.types.is_scalar(value) and pd.isna(value) else value
            for value in values.tolist()]


def _refuse_repeated_columns(names: list[Any]) -> None:
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"grid has several columns named {repeated[0]!r}.")


def _values(name: Any, values: Any) -> list[Any]:
    """The list of values of one setting."""
    if isinstance(values, str) or not np.iterable(values):
        raise TypeError(f"grid[{name!r}] must be a list of values, got {values!r}; write "
                        f"[{values!r}] for a single one.")
    return list(values)


def _first_argument(simulate: Callable[..., Any]) -> str | None:
    """The name under which a simulator gets its Generator, where it has one."""
    try:
        first = next(iter(inspect.signature(simulate).parameters.values()), None)
    except (TypeError, ValueError):  # a function without a signature
        return None
    return first.name if first is not None and first.kind is first.POSITIONAL_OR_KEYWORD else None


def _check_names(names: list[Any], taken: str | None) -> None:
    """Names must be identifiers, and no columns of the results."""
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            raise TypeError("the keys of grid are passed to simulate by name and must be valid "
                            f"identifiers, got {name!r}.")
        if name in _RESERVED:
            raise ValueError(f"grid may not have a setting named {name!r}: the results have a "
                             "column of that name. Choose another name.")
        if name == taken:
            raise ValueError(f"grid may not have a setting named {name!r}: that is the first "
                             "argument of simulate, the Generator. Choose another name.")


def _setting(name: str, value: Any) -> Any:
    """One value: str, int, float, bool or None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is not None and type(value) not in (str, int, float, bool):
        raise TypeError(f"the values of grid[{name!r}] must be str, int, float, bool or None, got "
                        f"{value!r} ({type(value).__name__}). Pass a name or a number, and build "
                        "the object in simulate.")
    if isinstance(value, float) and isnan(value):
        raise ValueError(f"grid[{name!r}] holds NaN; for a missing value use None (in a "
                         "DataFrame, in a column of dtype object).")
    if isinstance(value, str) and not is_text(value):
        raise ValueError(f"grid[{name!r}] holds {value!r}, which no file can hold: it is not "
                         "valid Unicode.")
    return value


def _refuse_repeats(rows: list[dict[str, Any]]) -> None:
    """Equal values make equal cells, whatever their type."""
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        values = tuple(row.values())
        if values in seen:
            raise ValueError(f"grid holds the same settings twice: {Cell(row)}.")
        seen.add(values)


def sort_cells(cells: list[Cell], names: list[str]) -> list[Cell]:
    """Cells by their settings: numbers before text, None first; 5 and 5.0 by their JSON."""
    return sorted(cells, key=lambda cell: (
        [_rank(cell.settings.get(name)) for name in names], cell.json))


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    return (2, value) if isinstance(value, str) else (1, value)
