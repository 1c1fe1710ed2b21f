"""The columns of two tables: the drift table, and a distance with its interval beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic, EstimateResult, diagnostics_frame, told_elsewhere
from divest._samples import as_numbers
from divest._validation import check_finite
from divest.comparison._joint import MIN_ROWS
from divest.discrete import f_divergence
from divest.discrete._cells import two_sample_cells
from divest.discrete.drift import _rows_and_doubts
from divest.divergence import NearestNeighborRatioDivergence
from divest.generators import Generator

COUNT_DIVERGENCE = "jensen_shannon"
_NO_DISTANCE = {"divergence": "", "estimate": np.nan, "standard_error": np.nan, "low": np.nan,
                "high": np.nan}


def check_numbers(p: pd.DataFrame, q: pd.DataFrame, kinds: dict[Any, str]) -> None:
    """Refuse infinite numbers, naming table, row and column."""
    for name, frame in (("current", p), ("reference", q)):
        for column, kind in kinds.items():
            if kind in ("numeric", "discrete"):
                values = as_numbers(frame[column])
                check_finite(np.where(np.isnan(values), 0.0, values)[:, None], name, [column])


def compare_columns(p: pd.DataFrame, q: pd.DataFrame, generator: Generator, *, level: float,
                    **options: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The drift table, the distance of each column before its test; and what fails."""
    table, doubts = _rows_and_doubts(p, q, level=level, **options)
    with told_elsewhere():  # by the column `trusted`
        found = [_distance(p[row.column], q[row.column], row, generator, 1 - level)
                 for row in table.itertuples()]
    distances = pd.DataFrame([distance for distance, _ in found])
    for name in distances:
        table.insert(list(table.columns).index("test"), name, distances[name])
    failed = [", ".join([*filter(None, [before]), *(d.name for d in diagnostics if not d.passed)])
              for before, (_, diagnostics) in zip(table["failed_diagnostics"], found, strict=True)]
    doubts += [(column, d) for column, (_, diagnostics) in zip(table["column"], found, strict=True)
               for d in diagnostics if not d.passed]
    return (table.assign(trusted=[not names for names in failed], failed_diagnostics=failed),
            _with_column(doubts))


def _with_column(doubts: list[tuple[Any, Diagnostic]]) -> pd.DataFrame:
    """One row per failed diagnostic of a column."""
    frame = diagnostics_frame(one for _, one in doubts)
    frame.insert(0, "column", pd.Series([name for name, _ in doubts], dtype=object))
    return frame


def _distance(p: pd.Series, q: pd.Series, row: Any, generator: Generator, confidence: float
              ) -> tuple[dict[str, Any], tuple[Diagnostic, ...]]:
    """Divergence of a column that could be tested, and its diagnostics."""
    if row.test == "none" or (row.kind == "numeric"
                              and min(p.notna().sum(), q.notna().sum()) < MIN_ROWS):
        return _NO_DISTANCE, ()
    if row.kind == "numeric":
        model = NearestNeighborRatioDivergence(generator, confidence_level=confidence, clip=True)
        result: Any = model.fit_samples(as_numbers(p.dropna()), as_numbers(q.dropna())).result_
        return _estimate(generator.name, result, result.estimate), result.diagnostics
    cells = two_sample_cells(p, q, kind=row.kind, missing="drop")
    counted = f_divergence(cells.p, cells.q, COUNT_DIVERGENCE, confidence_level=confidence)
    return _estimate(COUNT_DIVERGENCE, counted, max(counted.corrected, 0.0)), counted.diagnostics


def _estimate(name: str, result: EstimateResult, estimate: float) -> dict[str, Any]:
    low, high = result.confidence_interval()
    return {"divergence": name, "estimate": estimate, "standard_error": result.standard_error,
            "low": low, "high": high}
