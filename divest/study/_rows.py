"""The shape of one row of results, and the table made of many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from divest.study._grid import Cell

nan = float("nan")


class Row(NamedTuple):
    """What one method gave in one replication of one cell."""

    cell: str
    replication: int
    method: str
    estimate: float = nan
    standard_error: float = nan
    low: float = nan
    high: float = nan
    statistic: float = nan
    pvalue: float = nan
    trusted: bool = False
    failed_diagnostics: str = ""
    seconds: float = nan
    error: str = ""


NUMBERS = ("estimate", "standard_error", "low", "high", "statistic", "pvalue")
FRAME_COLUMNS = ("cell", "replication", "method", "truth", *Row._fields[3:])
_TYPES = {**dict.fromkeys((*NUMBERS, "seconds"), float), "trusted": bool, "replication": np.int64}

BLOCK = 10_000  # rows that are tuples at a time

Truths = Mapping[str, Mapping[str, float]]  # by cell, then by method


def rows_frame(rows: Iterable[Sequence[Any]], cells: Sequence[Cell], names: Sequence[str],
               truths: Truths) -> pd.DataFrame:
    """One tidy table, sorted by cell (as `cells` is), replication and method."""
    raw = pd.DataFrame(_columns(rows))
    place = {cell.name: i for i, cell in enumerate(cells)}
    code = raw["cell"].map(place).to_numpy(dtype=np.int64)
    methods, method_code = np.unique(raw["method"].to_numpy(dtype=str), return_inverse=True)
    order = np.lexsort((method_code, raw["replication"], code))
    truth = np.array([[truths.get(cell.name, {}).get(method, nan) for method in methods]
                      for cell in cells]).reshape(len(cells), len(methods))
    settings = {name: _setting([cell.settings.get(name) for cell in cells], code)
                for name in names}
    table = pd.DataFrame({**{name: raw[name] for name in Row._fields[:3]}, **settings,
                          "truth": truth[code, method_code],
                          **{name: raw[name] for name in Row._fields[3:]}})
    table = table.iloc[order].reset_index(drop=True)
    text = ("cell", "method", "failed_diagnostics", "error")
    return table.astype(dict.fromkeys(text, pd.Series(["a"]).dtype))


def _columns(rows: Iterable[Sequence[Any]]) -> dict[str, np.ndarray]:
    """The fields as arrays, made in blocks, as rows take several times the room of arrays."""
    rows, texts = iter(rows), dict[Any, Any]()
    blocks: list[list[np.ndarray]] = [[np.empty(0, _TYPES.get(name, object))]
                                      for name in Row._fields]
    while block := list(islice(rows, BLOCK)):
        for parts, column in zip(blocks, zip(*block, strict=True), strict=True):
            dtype = parts[0].dtype
            if dtype.hasobject:  # equal texts are one object
                column = tuple(texts.setdefault(text, text) for text in column)
            parts.append(np.array(column, dtype=dtype))
    return {name: np.concatenate(blocks.pop(0)) for name in Row._fields}


def _setting(values: list[Any], code: np.ndarray) -> pd.Series:
    """The values of one setting in each row; numbers stay numbers, None stays None."""
    kinds = {type(value) for value in values}
    mixed = len(kinds) > 1 and not kinds <= {int, float}
    dtype = object if mixed or kinds == {type(None)} else pd.Series(values).dtype
    return pd.Series(values, dtype=dtype).take(code).reset_index(drop=True)
