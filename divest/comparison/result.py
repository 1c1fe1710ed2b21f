"""What a comparison of two tables hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from os import PathLike
from typing import Any

import pandas as pd

from divest._results import HypothesisResult
from divest.comparison._text import (
    EFFECT,
    beyond_effect,
    count,
    doubts,
    plain_text,
    with_missing,
)
from divest.report._comparison import comparison_page
from divest.report._files import check_texts, hand_over

_JOINT = ["divergence", "estimate", "standard_error", "low", "high", "unit", "pvalue", "trusted"]
_COLUMNS = ["column", "missing", "divergence", "estimate", "low", "high", "psi_corrected", "test",
            "pvalue", "adjusted", "drift", "trusted"]
_READ = ("P-values ask whether there is any difference, intervals how large it is.\n"
         "Adjusted p-values (pvalue_adjusted in files) allow for the number of columns and for "
         "missing values{}.\n"
         "psi_corrected is the population stability index less its bias: about 0 without change.")


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
        One row per shared column, the most significant first: the columns of
        `divest.discrete.drift_table`, and before the test the distance of the column with its
        interval: divergence, estimate, standard_error, low and high.
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
    minimum_effect : float
        Population stability index up to which the change of a column does not matter.

    column_diagnostics : DataFrame
        The diagnostics that fail in a column: column, and those of `diagnostics`.
    pictures : DataFrame
        What `to_html` draws: column, kind, at, label, and the densities (of numbers, per unit) or
        shares of the reference and the current table. From at most 20,000 rows of each.
    call : str
        The call that gives the same comparison again.

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
    minimum_effect: float = 0.0
    column_diagnostics: pd.DataFrame = field(default_factory=pd.DataFrame)
    pictures: pd.DataFrame = field(default_factory=pd.DataFrame)
    call: str = ""

    @property
    def drift(self) -> bool:
        """Whether the joint test or any column says that the tables differ.

        Returns
        -------
        bool
            True when the joint p-value or an adjusted one is at most the level. With a minimum
            effect only columns count, as the joint test sees the smallest difference.
        """
        joint = not self.minimum_effect and self.test is not None and self.test.reject(self.level)
        return joint or bool(self.columns["drift"].any())

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic passed, of the joint comparison and of each column.

        Returns
        -------
        bool
            False where some number is doubtful.
        """
        return bool(self.diagnostics["passed"].all() and self.columns["trusted"].all())

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
        joint = joint.drop(columns=["confidence_level", "unit", "n_columns"])
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
            first = self.joint.iloc[0]
            parts += ["", f"Joint distribution of {count(first['n_columns'], 'numeric column')} "
                      f"(complete rows: {first['n_current']} current, {first['n_reference']} "
                      "reference)", plain_text(self.joint[_JOINT])]
        parts += ["", "Columns", plain_text(_short(self.columns)), "", *_notes(self)]
        return "\n".join(parts)

    def to_html(self, path: str | PathLike[str] | None = None, *, reference: str = "reference",
                current: str = "current", date: str | None = None, command: str | None = None
                ) -> str | None:
        """A page to send on: one HTML file with everything in it.

        Parameters
        ----------
        path : str or path-like, optional
            The file to write; by default the page is returned as text.
        reference, current : str
            What the page calls the tables, such as the names of their files.
        date : str, optional
            A date to print on the page, as text.
        command : str, optional
            What repeats the comparison; by default the call of `divest.compare`.

        Returns
        -------
        str or None
            The page; None when it was written to `path`.

        Raises
        ------
        FileNotFoundError
            When there is no folder for `path`.

        Notes
        -----
        The page needs no network and runs no script. Numbers are shown with three digits; every one
        stands in full in the attribute ``value`` of its ``<data>`` element.
        Pictures show at most 20,000 rows of each table, drawn at random.

        Examples
        --------
        >>> from divest import compare
        >>> from divest.datasets import load_penguins
        >>> penguins = load_penguins()
        >>> before, after = (penguins[penguins["year"] == year] for year in (2007, 2009))
        >>> result = compare(before, after, columns=["species", "sex"], random_state=0)
        >>> result.to_html(reference="2007", current="2009").startswith("<!doctype html>")
        True
        """
        check_texts(reference=reference, current=current, date=date, command=command)
        page = comparison_page(self, notes=_left_out(self), reference=reference, current=current,
                               date=date, command=command)
        return hand_over(page, path)

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
    beyond = beyond_effect(comparison.minimum_effect)
    if drifting:
        more = f" and {len(drifting) - 5} more" if len(drifting) > 5 else ""
        named = ", ".join(map(str, drifting[:5])) + more
        drift = "drifts by itself" if len(drifting) == 1 else "drift by themselves"
        parts.append(f"{len(drifting)} of {count(total, 'column')} {drift}{beyond}: {named}.")
    elif total:
        parts.append(f"None of {count(total, 'column')} drifts by itself{beyond}.")
    if untested := len(comparison.columns) - total:
        were = "was" if untested == 1 else "were"
        parts.append(f"{count(untested, 'column')} {were} not tested.")
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
    missing = " (missing: reference/current)" if "missing" in _short(comparison.columns) else ""
    lines = [_READ.format(missing)]
    if comparison.minimum_effect:
        lines.append(EFFECT.format(comparison.minimum_effect))
    for name, rows in failed.groupby("name", sort=False):
        who = ", ".join(rows["divergence"])
        value, advice = rows["value"].iloc[0], rows["advice"].iloc[0]
        lines.append(f"Doubtful: {name} = {value:.3g} ({who}): {advice}.")
    lines += [line for line in doubts(comparison.columns)
              if not line.startswith("Doubtful: new_categories ")]  # told below, with their number
    new = comparison.columns[comparison.columns["new_categories"] > 0]
    lines += [f"Column {row.column}: categories that the reference lacks: {row.new_categories}."
              for row in new.itertuples()]
    return lines + _left_out(comparison)


def _left_out(comparison: Comparison) -> list[str]:
    """What was not tested or not compared."""
    untested = comparison.columns[comparison.columns["pvalue"].isna()]
    lines = [f"Column {row.column}: values not tested ({_why_untested(row)})."
             for row in untested.itertuples()]
    if comparison.unmatched:
        lines.append(f"Not compared, in one table only: {', '.join(comparison.unmatched)}.")
    return lines


def _why_untested(row: Any) -> str:
    if row.kind == "identifier":
        return "nearly every label is different"
    if row.kind == "empty":
        return "no values in either table"
    if row.kind == "categorical" and row.new_categories:
        return "all labels have fewer than five rows; the current table has new ones"
    return "no values in one table" if row.missing_reference + row.missing_current else (
        "all labels have fewer than five rows")


def _short(columns: pd.DataFrame) -> pd.DataFrame:
    """The table of columns as it is printed; missing values where there are any."""
    test = columns["test"].replace("chi2 permutation", "chi2 perm")
    rows = with_missing(columns).assign(adjusted=columns["pvalue_adjusted"], test=test)
    return rows[[name for name in _COLUMNS if name in rows]]
