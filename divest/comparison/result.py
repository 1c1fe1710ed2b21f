"""What a comparison of two tables hands back."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from divest._results import HypothesisResult

_JOINT = ["divergence", "estimate", "standard_error", "low", "high", "unit", "pvalue", "trusted"]
_COLUMNS = ["column", "kind", "missing", "divergence", "estimate", "low", "high", "test", "pvalue",
            "adjusted", "drift", "trusted"]
_READ = ("P-values ask whether there is any difference, intervals how large it is; adjusted ones "
         "allow for the number of columns and for missing values (missing: reference/current).")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    joint : DataFrame
        One row per divergence between the joint distributions of the shared numeric columns:
        divergence, estimate, standard_error, low, high, confidence_level, unit, pvalue (of the
        two-sample test, the same in each row), n_reference, n_current, n_columns, trusted and
        failed_diagnostics.
    columns : DataFrame
        One row per shared column, the most significant first: column, kind, n_reference, n_current,
        missing_reference, missing_current, missing_pvalue, new_categories, divergence, estimate,
        standard_error, low, high, test, statistic, pvalue, pvalue_adjusted, drift and trusted.
    diagnostics : DataFrame
        The diagnostics of each joint divergence.
    test : HypothesisResult or None
        The joint two-sample test; None without numeric columns.
    level : float
        Level of the tests.
    unmatched : tuple of str
        Columns that only one table has.
    n_reference, n_current : int
        Rows of the tables.

    Examples
    --------
    >>> from divest import compare
    >>> from divest.datasets import load_penguins
    >>> penguins = load_penguins().drop(columns=["species", "island", "sex"])
    >>> before, after = (penguins[penguins["year"] == year] for year in (2007, 2009))
    >>> result = compare(before.drop(columns="year"), after.drop(columns="year"), random_state=0)
    >>> result.drift
    True
    """

    joint: pd.DataFrame
    columns: pd.DataFrame
    diagnostics: pd.DataFrame
    test: HypothesisResult | None
    level: float
    unmatched: tuple[str, ...]
    n_reference: int
    n_current: int

    @property
    def drift(self) -> bool:
        """Whether the joint test or any column says that the tables differ.

        Returns
        -------
        bool
            True when the joint p-value or an adjusted one is at most the level.
        """
        joint = self.test is not None and self.test.reject(self.level)
        return joint or bool(self.columns["drift"].any())

    @property
    def verdict(self) -> str:
        """The answer in a few sentences.

        Returns
        -------
        str
            Whether the tables differ, where, and whether the distances can be trusted.
        """
        return " ".join([_difference(self), _trust(self)]).strip()

    def to_frame(self) -> pd.DataFrame:
        """Joint and per-column rows in one tidy table; the joint ones have column "(joint)".

        Returns
        -------
        DataFrame
            One row per joint divergence, then one per column.
        """
        if self.joint.empty:
            return self.columns.copy()
        joint = self.joint.assign(column="(joint)", kind="joint")
        joint = joint.drop(columns=["confidence_level", "unit", "n_columns", "failed_diagnostics"])
        if self.test is not None:
            joint = joint.assign(test=self.test.method, statistic=self.test.statistic,
                                 drift=self.test.reject(self.level))
        both = pd.concat([joint, self.columns], ignore_index=True)
        return both[list(self.columns.columns)]

    def summary(self) -> str:
        """Verdict, joint divergences, columns and advice as text.

        Returns
        -------
        str
            Text to print.
        """
        parts = [f"{self.n_current} current rows against {self.n_reference} reference rows.",
                 self.verdict]
        if not self.joint.empty:
            parts += ["", f"Joint distribution of {self.joint['n_columns'].iloc[0]} numeric columns"
                      f" (complete rows: {self.joint['n_current'].iloc[0]} current, "
                      f"{self.joint['n_reference'].iloc[0]} reference)", _plain(self.joint[_JOINT])]
        parts += ["", "Columns", _plain(_short(self.columns)), "", *_notes(self)]
        return "\n".join(parts)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(line)}</li>" for line in _notes(self))
        return (f"<p><b>{escape(self.verdict)}</b></p>{self.joint.to_html(index=False)}"
                f"{self.columns.to_html(index=False)}<ul>{notes}</ul>")


def _difference(comparison: Comparison) -> str:
    """Whether the tables differ, and in which columns."""
    parts = []
    if (test := comparison.test) is not None:
        differ = "differ" if test.reject(comparison.level) else "show no difference"
        parts.append(f"The joint distributions {differ} (p = {test.pvalue:.3g}).")
    elif not comparison.diagnostics.empty:
        parts.append("There are too few complete rows for a joint comparison.")
    drifting = comparison.columns.loc[comparison.columns["drift"], "column"].tolist()
    total = int(comparison.columns["pvalue_adjusted"].notna().sum())
    if drifting:
        named = ", ".join(map(str, drifting[:5])) + (" ..." if len(drifting) > 5 else "")
        parts.append(f"{len(drifting)} of {total} columns drift by themselves: {named}.")
    elif total:
        parts.append(f"None of {total} columns drifts by itself.")
    if untested := len(comparison.columns) - total:
        parts.append(f"{untested} {'column was' if untested == 1 else 'columns were'} not tested.")
    return " ".join(parts)


def _trust(comparison: Comparison) -> str:
    """Whether the joint distances can be trusted at this n and d."""
    joint = comparison.joint
    if joint.empty:
        return ""
    doubtful = joint.loc[~joint["trusted"], "divergence"].tolist()
    if not doubtful:
        return "The joint distances can be trusted at this size."
    if len(doubtful) == len(joint):
        return "The joint distances cannot be trusted at this size: see the advice."
    return f"These joint distances cannot be trusted at this size: {', '.join(doubtful)}."


def _notes(comparison: Comparison) -> list[str]:
    """Advice of the failed diagnostics, and what was left out."""
    failed = comparison.diagnostics[~comparison.diagnostics["passed"]]
    lines = [_READ]
    for name, rows in failed.groupby("name", sort=False):
        who = ", ".join(rows["divergence"])
        value, advice = rows["value"].iloc[0], rows["advice"].iloc[0]
        lines.append(f"Doubtful: {name} = {value:.3g} ({who}): {advice}.")
    new = comparison.columns[comparison.columns["new_categories"] > 0]
    lines += [f"Column {row.column}: {row.new_categories} categories are not in the reference."
              for row in new.itertuples()]
    for row in comparison.columns[comparison.columns["pvalue"].isna()].itertuples():
        lines.append(f"Column {row.column}: values not tested ({_why_untested(row)}).")
    if comparison.unmatched:
        lines.append(f"Not compared, in one table only: {', '.join(comparison.unmatched)}.")
    return lines


def _why_untested(row: Any) -> str:
    if row.kind == "identifier":
        return "nearly every label is different"
    if row.kind == "categorical" and row.new_categories:
        return "most labels have fewer than five rows; the current table has new ones"
    return "no values in one table" if row.missing_reference + row.missing_current else (
        "most labels have fewer than five rows")


def _short(columns: pd.DataFrame) -> pd.DataFrame:
    """The table of columns as it is printed."""
    missing = (columns["missing_reference"].astype(str) + "/"
               + columns["missing_current"].astype(str))
    return columns.assign(missing=missing, adjusted=columns["pvalue_adjusted"])[_COLUMNS]


def _plain(frame: pd.DataFrame) -> str:
    """A table for the terminal: four digits, no index."""
    return frame.to_string(index=False, float_format=lambda x: f"{x:.4g}", na_rep="-")
