"""Diagnostics in words: those that failed, with advice; and all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from divest.report._html import Html, element, number, table
from divest.report._page import capital, section


def failed_diagnostics(parts: Iterable[tuple[str, pd.DataFrame]]) -> Html:
    """What is doubtful, why, and what to do; each advice once, with all places where it holds."""
    rows = []
    for part, diagnostics in parts:
        if len(diagnostics):
            failed = diagnostics[~diagnostics["passed"]]
            rows += [_row(part, str(name), str(advice), same) for (name, advice), same in
                     failed.groupby(["name", "advice"], sort=False)]
    if not rows:
        return section("Diagnostics", element("p", "None failed."))
    headers = ["Diagnostic", "Where, and its value", "Threshold", "What it means, and what to do"]
    return section("Diagnostics", table(headers, rows, caption="What failed. The numbers concerned "
                                        "are doubtful.", class_="failed"))


def _row(part: str, name: str, advice: str, same: pd.DataFrame) -> list[Any]:
    """One piece of advice; the places are joint divergences or columns."""
    key = "divergence" if part == "joint" else "column"
    places: list[Any] = [[", " if i else "", row[key], " (", number(row["value"]), ")"]
                         for i, (_, row) in enumerate(same.iterrows())]
    title = "Joint: " if part == "joint" else ("Column: " if len(places) == 1 else "Columns: ")
    return [["◇\u00a0", name], [title, places], number(same["threshold"].iloc[0]), capital(advice)]


def all_diagnostics(diagnostics: pd.DataFrame) -> Html | None:
    """Every diagnostic of the joint divergences, folded away."""
    if diagnostics.empty:
        return None
    rows = [[row.name, row.divergence, number(row.value), number(row.threshold), _result(row)]
            for row in diagnostics.itertuples(index=False)]
    headers = ["Diagnostic", "Divergence", "Value", "Threshold", "Result"]
    return element("details", element("summary", "All joint diagnostics"), table(
        headers, rows, caption="Without a threshold a value is only reported.",
        class_="diagnostics"))


def _result(row: Any) -> str:
    if not row.passed:
        return "◇ failed"
    return "reported" if np.isnan(row.threshold) else "passed"
