"""The page of the comparison of two tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from divest.report._diagnostics import all_diagnostics, failed_diagnostics
from divest.report._figures import interval_figure, picture
from divest.report._html import NONE, Html, counted, element, interval, listing, number, table
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
    Comparison = Any  # the layers go the other way: a comparison calls its page


def comparison_page(comparison: Comparison, *, notes: list[str], reference: str, current: str,
                    date: str | None, command: str | None) -> str:
    """The page; `notes` say what was left out."""
    title = f"{current} against {reference}"
    return page(f"{title}: divest comparison", [
        opening(title, _facts(comparison, reference, current, date)), _verdict(comparison),
        _joint(comparison), _columns(comparison), failed_diagnostics(
            [("joint", comparison.diagnostics), ("column", comparison.column_diagnostics)]),
        section("What was left out", listing(notes)) if notes else None,
        section("How it was computed", listing(_methods(comparison)),
                element("p", "To repeat it:", class_="soft"), repeat(command or comparison.call),
                all_diagnostics(comparison.diagnostics))])


# ------------------------------------------------------------ the top
def _facts(comparison: Comparison, reference: str, current: str, date: str | None) -> list[Any]:
    kinds, test = comparison.columns["kind"].value_counts(), comparison.test
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return [["Current: ", current, ", ", counted(comparison.n_current, "row")],
            ["Reference: ", reference, ", ", counted(comparison.n_reference, "row")],
            ["Columns: ", number(len(comparison.columns)), f" ({told})"],
            None if date is None else f"Date: {date}",
            None if test is None or test.seed is None else f"Seed: {test.seed}",
            f"divest {version()}"]


def _verdict(comparison: Comparison) -> Html:
    columns, test = comparison.columns, comparison.test
    tested = test is not None or bool(columns["pvalue_adjusted"].notna().any())
    outcome = "drift" if comparison.drift else ("calm" if tested else "open")
    effect = comparison.minimum_effect
    headline = {
        "drift": "Columns have changed by more than matters" if effect else "The tables differ",
        "calm": "No column has changed by more than matters" if effect else "No difference found",
        "open": "Nothing could be tested"}[outcome]
    return verdict(outcome, headline, [comparison.verdict, _how_sure(comparison)])


def _how_sure(comparison: Comparison) -> list[Any]:
    """How far resampling leaves the p-value open, and how many columns are doubtful."""
    told: list[Any] = []
    if (test := comparison.test) is not None:
        low, high = test.pvalue_interval()
        told += ["How sure: the joint p-value ", number(test.pvalue), " comes from ",
                 number(test.n_resamples), " permutations; endlessly many would give one between ",
                 number(low), " and ", number(high), " (95\u00a0% interval). At most ",
                 number(comparison.level), " counts as a difference."]
    if doubtful := int((~comparison.columns["trusted"]).sum()):
        told += [" ", number(doubtful), " of ", number(len(comparison.columns)),
                 " columns are marked as doubtful: see the diagnostics."]
    return told


# ------------------------------------------------------------ the joint distribution
def _joint(comparison: Comparison) -> Html | None:
    joint = comparison.joint
    if joint.empty:
        return None
    first = joint.iloc[0]
    rows = [[row.divergence, [number(row.estimate), interval(row.low, row.high)],
             number(row.standard_error), row.unit or NONE, number(row.pvalue),
             "trusted" if row.trusted else f"◇ doubtful: {row.failed_diagnostics}"]
            for row in joint.itertuples()]
    headers = ["Divergence", f"Estimate [{_percent(first.confidence_level)}]", "Standard error",
               "Unit", "p-value", "Trust"]
    caption = ["Joint distribution of ", counted(first.n_columns, "numeric column"), " on the rows "
               "without missing numbers: ", number(first.n_current), " current, ",
               number(first.n_reference), " reference. One test for all: its p-value stands in "
               "each row."]
    return section("Joint divergences", interval_figure(joint, first.confidence_level),
                   table(headers, rows, caption=caption, class_="joint"))


def _percent(level: float) -> str:
    return f"{100 * level:.4g}\u00a0%"


# ------------------------------------------------------------ the columns
def _columns(comparison: Comparison) -> Html:
    columns, drawn = comparison.columns, dict(list(_pictures(comparison.pictures)))
    missing = bool(columns[["missing_reference", "missing_current"]].any(axis=None))
    new = bool(columns["new_categories"].any())
    headers = ["Column", "Distributions", "Verdict", "Adjusted p-value", "p-value",
               f"Distance [{_percent(1 - comparison.level)}]", "PSI, corrected",
               *(["Missing"] if missing else []),
               *(["New categories"] if new else [])]
    rows = []
    for row in columns.itertuples():
        rows.append([*_column(row, drawn.get(row.column)),
                     *([missing_values(row)] if missing else []),
                     *([number(row.new_categories)] if new else [])])
    return section("Columns", table(headers, rows, caption=_legend(comparison, missing),
                                    class_="columns"))


def _pictures(pictures: pd.DataFrame) -> Any:
    if len(pictures):
        yield from ((name, rows) for name, rows in pictures.groupby("column", sort=False))


def _column(row: Any, drawn: pd.DataFrame | None) -> list[Any]:
    tested = not np.isnan(row.pvalue_adjusted)
    distance = [number(row.estimate), interval(row.low, row.high),
                element("small", row.divergence) if row.divergence else None]
    return [[row.column, element("small", row.kind)],
            NONE if drawn is None else picture(drawn, str(row.column)),
            outcome_word(bool(row.drift), tested, bool(row.trusted)), number(row.pvalue_adjusted),
            [number(row.pvalue), element("small", row.test) if row.test != "none" else None],
            distance, number(row.psi_corrected)]


def _legend(comparison: Comparison, missing: bool) -> list[Any]:
    """What the pictures and words mean."""
    def key(kind: str) -> Html:
        box = element("rect", width=20, height=10, class_=kind)
        return element("svg", box, class_="key", viewBox="0 0 20 10", aria_hidden="true")

    effect = comparison.minimum_effect
    drift = (f"Drift: a population stability index (PSI) above {effect:g}" if effect else
             "Drift: an adjusted p-value of at most " f"{comparison.level:g}")
    pictures = [] if comparison.pictures.empty else [
        key("ref"), "reference, filled; ", key("cur"), "current, line or strong bar. Pictures "
        "show at most 20,000 rows of each table, drawn at random, and of numbers the middle "
        "99\u00a0%. "]
    return ["The most significant first. ", *pictures, drift, f". {MISSING}" if missing else "."]


# ------------------------------------------------------------ how
def _methods(comparison: Comparison) -> list[Any]:
    lines: list[Any] = []
    if (test := comparison.test) is not None:
        lines += [["Joint test: ", test.method, "; null hypothesis: ", test.null, "; statistic ",
                   number(test.statistic), ", ", number(test.n_resamples), " permutations."],
                  "Joint divergences: counts of nearest neighbours from each table, on the numeric "
                  "columns; intervals are normal, cut to the range of the divergence."]
    lines += [
        "Columns of numbers: Anderson-Darling test (AD). Other columns: Pearson's chi-square test "
        "(chi2), by permutation where counts are small.",
        "Distances of columns of numbers: the first joint divergence. Of other columns: "
        "Jensen-Shannon divergence of the counts, less its bias.",
        "Adjusted p-values allow for the number of columns and for missing values (false discovery "
        "rate, Benjamini and Hochberg).",
        "P-values ask whether there is any difference, intervals how large it is. PSI is the "
        "population stability index, less its bias: about 0 without change."]
    if comparison.minimum_effect:
        lines.append(f"Changes up to a PSI of {comparison.minimum_effect:g} do not count; missing "
                     "values count as a cell.")
    return [*lines, f"Computed with divest {version()}. Rows are taken to be independent."]
