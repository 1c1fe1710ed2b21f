"""Compare groups or months of a table with a reference, one by one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from html import escape
from os import PathLike
from typing import Any

import pandas as pd

from divest._resampling import root_sequence
from divest._results import told_elsewhere
from divest._samples import as_frame, column_names
from divest._validation import check_number
from divest.comparison._text import (
    EFFECT,
    beyond_effect,
    call_text,
    count,
    doubts,
    plain_text,
    seed_of,
    with_missing,
)
from divest.discrete import drift_table
from divest.discrete._drift_groups import in_order
from divest.report._files import check_texts, hand_over
from divest.report._groups import group_page

_DRIFTING = ["group", "column", "kind", "missing", "psi", "psi_corrected", "test", "pvalue",
             "pvalue_adjusted", "trusted"]
_READ = "Adjusted p-values allow for all groups and columns together, and for missing values"


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """What `compare_groups` found.

    Attributes
    ----------
    columns : DataFrame
        One row per group and column, as `divest.discrete.drift_table` describes it.
    level : float
        Level of the tests.
    minimum_effect : float
        Population stability index up to which a change does not matter.
    unmatched : tuple of str
        Columns that only one table has.
    n_reference, n_current : int
        Rows of the tables.
    call : str
        The call that gives the same comparison again.

    Examples
    --------
    >>> from divest.comparison import compare_groups
    >>> from divest.datasets import load_penguins
    >>> penguins = load_penguins()[["species", "body_mass_g", "sex"]]
    >>> adelie, others = (penguins[(penguins["species"] == "Adelie") == here]
    ...                   for here in (True, False))
    >>> result = compare_groups(adelie, others, by="species")
    >>> result.groups[["group", "drifting", "columns"]].to_numpy().tolist()
    [['Chinstrap', 0, ''], ['Gentoo', 1, 'body_mass_g']]
    """

    columns: pd.DataFrame
    level: float
    minimum_effect: float
    unmatched: tuple[str, ...]
    n_reference: int
    n_current: int
    call: str = ""

    @property
    def drift(self) -> bool:
        """Whether any column of any group drifts.

        Returns
        -------
        bool
            True when an adjusted p-value is at most the level.
        """
        return bool(self.columns["drift"].any())

    @property
    def groups(self) -> pd.DataFrame:
        """One row per group, in order.

        Returns
        -------
        DataFrame
            Columns group, n_current, tested and drifting (numbers of columns), and columns (the
            names of those that drift).
        """
        rows = []
        for group, part in self.columns.groupby("group", sort=False):
            names = part.loc[part["drift"], "column"].astype(str)
            rows.append([group, part["n_current"].iloc[0], int(part["pvalue_adjusted"].count()),
                         len(names), ", ".join(names)])
        table = pd.DataFrame(rows, columns=["group", "n_current", "tested", "drifting", "columns"])
        place = {group: i for i, group in enumerate(in_order(table["group"]))}
        return table.sort_values("group", key=lambda s: s.map(place), ignore_index=True)

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic passed, in each group and column.

        Returns
        -------
        bool
            False where some number is doubtful.
        """
        return bool(self.columns["trusted"].all())

    @property
    def verdict(self) -> str:
        """The answer in one sentence.

        Returns
        -------
        str
            How many groups differ from the reference.
        """
        groups = self.groups
        some = int((groups["drifting"] > 0).sum())
        drift = "drifts" if 1 in (some, len(groups)) else "drift"
        return (f"{some} of {count(len(groups), 'group')} {drift}"
                f"{beyond_effect(self.minimum_effect)}, in {int(groups['drifting'].sum())} of "
                f"{count(int(groups['tested'].sum()), 'test')}.")

    def to_frame(self) -> pd.DataFrame:
        """The table of groups and columns.

        Returns
        -------
        DataFrame
            One row per group and column, the most significant first.
        """
        return self.columns.copy()

    def summary(self) -> str:
        """Verdict, groups, and the columns that drift, as text.

        Returns
        -------
        str
            Text to print.
        """
        parts = [f"{self.n_current} current rows in {count(len(self.groups), 'group')} against "
                 f"{self.n_reference} reference rows.", self.verdict, "", "Groups",
                 plain_text(self.groups)]
        if self.drift:
            parts += ["", "Columns that drift", plain_text(self._drifting())]
        return "\n".join([*parts, "", *self._notes()])

    def _drifting(self) -> pd.DataFrame:
        """The rows that drift, as they are printed."""
        rows = with_missing(self.columns[self.columns["drift"]])
        return rows[[name for name in _DRIFTING if name in rows]]

    def _notes(self) -> list[str]:
        missing = " (missing: reference/current)" if "missing" in self._drifting() else ""
        return [f"{_READ}{missing}.", *self._remarks()]

    def _remarks(self) -> list[str]:
        """What drift means, what is doubtful, and what was left out."""
        lines = []
        if self.minimum_effect:
            lines.append(EFFECT.format(self.minimum_effect))
        lines += doubts(self.columns)
        if self.unmatched:
            lines.append(f"Not compared, in one table only: {', '.join(self.unmatched)}.")
        return lines

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
            What repeats the comparison; by default the call of `divest.comparison.compare_groups`.

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

        Examples
        --------
        >>> from divest.comparison import compare_groups
        >>> from divest.datasets import load_penguins
        >>> penguins = load_penguins()
        >>> first = penguins[penguins["year"] == 2007]
        >>> result = compare_groups(first, penguins, by="year", columns=["species"])
        >>> result.to_html(reference="2007").startswith("<!doctype html>")
        True
        """
        check_texts(reference=reference, current=current, date=date, command=command)
        page = group_page(self, notes=[f"{_READ}.", *self._remarks()], reference=reference,
                          current=current, date=date, command=command)
        return hand_over(page, path)

    def __str__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(line)}</li>" for line in self._notes())
        return (f"<p><b>{escape(self.verdict)}</b></p>{self.groups.to_html(index=False)}"
                f"{self._drifting().to_html(index=False)}<ul>{notes}</ul>")


def compare_groups(reference: Any, current: Any, by: str, *, freq: str | None = None,
                   columns: Iterable[str] | None = None, level: float = 0.05,
                   minimum_effect: float = 0.0, bins: int = 10, correction: str = "fdr_bh",
                   n_resamples: int = 999, random_state: Any = None,
                   n_jobs: int | None = None, progress: bool = False) -> GroupComparison:
    """Compare each group of a table with the whole of a reference table, column by column.

    Parameters
    ----------
    reference : DataFrame or array-like of shape (n_reference, d)
        The table compared against.
    current : DataFrame of shape (n_current, d)
        The table whose groups are compared.
    by : str
        The column of `current` that names the groups; left out of the comparison.
    freq : {"D", "W", "M", "Q", "Y"}, optional
        Turns the dates in column `by` into days, weeks, months, quarters or years.
    columns : list of str, optional
        Columns to compare; by default all that both tables have.
    level : float, default 0.05
        Level of the tests.
    minimum_effect : float, default 0
        Population stability index up to which a change does not matter.
    bins : int, default 10
        Cells of a numeric column in that index, cut at quantiles of the reference.
    correction : {"fdr_bh", "fdr_by", "holm"}, default "fdr_bh"
        How p-values are adjusted for the number of groups and columns.
    n_resamples : int, default 999
        Permutations of the tests that need them.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    GroupComparison
        Table, groups and verdict.

    Raises
    ------
    ValueError
        When there is no such column, it has more than 1000 groups or is one of `columns`, or the
        tables cannot be compared.

    See Also
    --------
    compare : Two whole tables, with their joint distribution.
    divest.discrete.drift_table : The table alone.

    Notes
    -----
    The tests are those of `divest.discrete.drift_table`. All groups are compared with the same
    reference, so their p-values go together; Benjamini's and Hochberg's adjustment allows for that
    kind of dependence, ``correction="fdr_by"`` for any.

    Examples
    --------
    >>> from divest.comparison import compare_groups
    >>> from divest.datasets import load_penguins
    >>> penguins = load_penguins()
    >>> first = penguins[penguins["year"] == 2007]
    >>> later = penguins[penguins["year"] > 2007]
    >>> compare_groups(first, later, by="year", random_state=0).verdict
    '2 of 2 groups drift, in 2 of 14 tests.'
    """
    check_number("level", level, 0, 0.5)
    if not isinstance(by, Hashable):
        raise TypeError(f"by must be the name of a column, got {by!r}.")
    names = None if columns is None else column_names(columns)
    if names is not None and by in names:
        raise ValueError(f"column {by} names the groups, so it cannot be compared; leave it out of "
                         "columns.")
    p, q = as_frame(current, "current"), as_frame(reference, "reference")
    if by in p.columns and not set(p.columns) & set(q.columns) - {by}:
        raise ValueError(f"the tables share no column but {by}, which names the groups.")
    root = root_sequence(random_state)
    call = call_text(compare_groups, {
        "by": by, "freq": freq, "columns": names, "level": level, "minimum_effect": minimum_effect,
        "bins": bins, "correction": correction, "n_resamples": n_resamples,
        "random_state": seed_of(root)})
    with told_elsewhere():  # by the column `trusted`
        table = drift_table(q, p, by=by, freq=freq, level=level, minimum_effect=minimum_effect,
                            bins=bins, correction=correction, columns=names,
                            n_resamples=n_resamples, random_state=root, n_jobs=n_jobs,
                            progress=progress)
    return GroupComparison(table, level, minimum_effect, tuple(table.attrs["unmatched"]), len(q),
                           len(p), call)
