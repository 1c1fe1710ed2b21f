"""The page of the groups of a table, each compared with a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from divest.report._html import NONE, Html, counted, element, listing, number, table
from divest.report._page import (
    MISSING,
    missing_values,
    opening,
    outcome_word,
    page,
    repeat,
    section,
    verdict,
    version,
)

if TYPE_CHECKING:
    GroupComparison = Any  # the layers go the other way: a comparison calls its page

MOST_ROWS = 500  # of the table of columns


def group_page(comparison: GroupComparison, *, notes: list[str], reference: str, current: str,
               date: str | None, command: str | None) -> str:
    """The page; `notes` say how to read it and what is doubtful."""
    title = f"Groups of {current} against {reference}"
    groups = comparison.groups
    facts = [["Current: ", current, ", ", counted(comparison.n_current, "row"), " in ",
              counted(len(groups), "group")],
             ["Reference: ", reference, ", ", counted(comparison.n_reference, "row")],
             None if date is None else f"Date: {date}", f"divest {version()}"]
    return page(f"{title}: divest comparison", [
        opening(title, facts), _verdict(comparison), _groups(groups), _columns(comparison),
        section("How it was computed", listing([*notes, *_methods()]),
                element("p", "To repeat it:", class_="soft"), repeat(command or comparison.call))])


def _verdict(comparison: GroupComparison) -> Html:
    tested = bool(comparison.columns["pvalue_adjusted"].notna().any())
    outcome = "drift" if comparison.drift else ("calm" if tested else "open")
    effect = comparison.minimum_effect
    headline = {
        "drift": ("Some groups have changed by more than matters" if effect else
                  "Some groups differ from the reference"),
        "calm": "No group has changed by more than matters" if effect else "No difference found",
        "open": "Nothing could be tested"}[outcome]
    return verdict(outcome, headline, [comparison.verdict])


def _groups(groups: Any) -> Html:
    rows = [[row.group, number(row.n_current), outcome_word(row.drifting > 0, row.tested > 0, True),
             number(row.drifting), number(row.tested), row.columns or NONE]
            for row in groups.itertuples()]
    headers = ["Group", "Rows", "Verdict", "Columns that drift", "Columns tested", "Which"]
    return section("Groups", table(headers, rows, caption="Every group against the whole "
                                   "reference.", class_="groups"))


def _columns(comparison: GroupComparison) -> Html:
    """Groups and columns, those that drift or the most significant ones first."""
    columns = comparison.columns
    shown = columns.head(max(min(int(columns["drift"].sum()), MOST_ROWS), 20))
    missing = bool(shown[["missing_reference", "missing_current"]].any(axis=None))
    rows = [[[row.group, ": ", row.column, element("small", row.kind)],
             outcome_word(bool(row.drift), not np.isnan(row.pvalue_adjusted), bool(row.trusted)),
             number(row.pvalue_adjusted), [number(row.pvalue), element("small", row.test)],
             number(row.psi), number(row.psi_corrected),
             *([missing_values(row)] if missing else [])] for row in shown.itertuples()]
    headers = ["Group and column", "Verdict", "Adjusted p-value", "p-value", "PSI",
               "PSI, corrected", *(["Missing"] if missing else [])]
    caption = ["The ", number(len(shown)), " most significant of ", number(len(columns)), " rows.",
               f" {MISSING}" if missing else None]
    return section("Groups and columns", table(headers, rows, caption=caption, class_="columns"))


def _methods() -> list[str]:
    return ["Columns of numbers: Anderson-Darling test (AD). Other columns: Pearson's chi-square "
            "test (chi2), by permutation where counts are small.",
            "PSI is the population stability index; corrected, it is less its bias: about 0 "
            "without change.",
            f"Computed with divest {version()}. Rows are taken to be independent."]
