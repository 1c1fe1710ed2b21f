"""Which columns of a table have changed, against a reference table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from divest._resampling import root_sequence, run_tasks
from divest._results import Diagnostic, warn_if_doubtful
from divest._samples import column_kind, matched_frames
from divest._validation import check_integer, check_not_negative, check_number, check_option
from divest.discrete._drift_groups import without_groups
from divest.discrete._drift_rows import DriftColumn, DriftOptions
from divest.discrete._multiplicity import CORRECTIONS, adjusted

MOST_RESAMPLES = 100_000

def drift_table(reference: Any, current: Any, *, by: str | None = None, freq: str | None = None,
                level: float = 0.05, minimum_effect: float = 0.0, bins: int = 10,
                correction: str = "fdr_bh", columns: Iterable[str] | None = None,
                n_resamples: int = 999, random_state: Any = None,
                n_jobs: int | None = None, progress: bool = False) -> pd.DataFrame:
    """Compare every column of a table with the same column of a reference table.

    Parameters
    ----------
    reference : DataFrame or array-like of shape (n_reference, d)
        The table compared against; the Q of ``D(P || Q)``.
    current : DataFrame or array-like of shape (n_current, d)
        The table in question; the P of ``D(P || Q)``.
    by : str, optional
        A column of `current`: each of its groups is compared with the whole reference. It is left
        out of the comparison itself.
    freq : {"D", "W", "M", "Q", "Y"}, optional
        Turns the dates in column `by` into days, weeks, months, quarters or years.
    level : float, default 0.05
        Level of the tests.
    minimum_effect : float, default 0
        Population stability index up to which a change does not matter.
    bins : int, default 10
        Cells of a numeric column, cut at quantiles of the reference.
    correction : {"fdr_bh", "fdr_by", "holm"}, default "fdr_bh"
        How p-values are adjusted for the number of rows of the table: false discovery rate
        (``fdr_by`` under any dependence of the rows), or chance of any false alarm.
    columns : list of str, optional
        Columns to compare; by default all that both tables have.
    n_resamples : int, default 999
        Permutations of the tests that need them. Where they all fall short of what was seen, up to
        100,000 are taken, so that an adjustment for many rows leaves something to find.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    DataFrame
        One row per column (and group), the most significant first: group (with `by`), column, kind,
        n_current, n_reference, missing_current, missing_reference, missing_pvalue, new_categories,
        psi, psi_standard_error, psi_corrected (less its bias; NaN
        below 20 values), test, statistic, pvalue,
        pvalue_minimum_effect, pvalue_adjusted, drift, trusted and failed_diagnostics. Its
        ``attrs["unmatched"]`` names the columns that only one table has.

    Raises
    ------
    ValueError
        When the tables share no column, are empty, or a column holds numbers in one and text in the
        other.

    Warns
    -----
    TrustWarning
        When a diagnostic of a row fails: too few rows, new categories, or too many rare ones.

    See Also
    --------
    f_divergence : The distance between two sets of counts.
    divest.compare : The joint distribution as well.

    Notes
    -----
    Numeric columns (more than 20 distinct values; dates) are tested by Anderson and Darling with
    midranks for ties [1]_, all others by Pearson's chi-square, by permutation where an expected
    count is below 5. Columns of labels that are nearly all different (identifiers) are not tested.
    Tests take the values that are there. Where some are missing, Fisher's exact test compares how
    often; if it could reject at all [2]_, the row enters the adjustment with twice the smaller of
    its two p-values. The population stability index counts missing values as a cell.

    With a minimum effect, drift means that the adjusted larger one of two p-values is at most the
    level: that of no change, and that of an index of at most `minimum_effect`.

    Rows must be independent, within and between the tables.

    References
    ----------
    .. [1] F. W. Scholz and M. A. Stephens, "K-sample Anderson-Darling tests", J. Am. Stat. Assoc.
       82 (1987), eq. 7.
    .. [2] R. E. Tarone, "A modified Bonferroni method for discrete data", Biometrics 46 (1990).

    Examples
    --------
    >>> from divest.datasets import load_penguins
    >>> from divest.discrete import drift_table
    >>> penguins = load_penguins()
    >>> female, male = (penguins[penguins["sex"] == sex] for sex in ("female", "male"))
    >>> table = drift_table(female, male, columns=["bill_length_mm", "island"])
    >>> table[["column", "test", "drift"]]
               column  test  drift
    0  bill_length_mm    AD   True
    1          island  chi2  False

    Every year against all years before:

    >>> first = penguins[penguins["year"] == 2007]
    >>> table = drift_table(first, penguins[penguins["year"] > 2007], by="year",
    ...                     columns=["bill_length_mm", "species"])
    >>> table[["group", "column"]].sort_values(["group", "column"]).to_numpy().tolist()
    [[2008, 'bill_length_mm'], [2008, 'species'], [2009, 'bill_length_mm'], [2009, 'species']]
    """
    table, failed = _rows_and_doubts(
        current, reference, by=by, freq=freq, level=level, minimum_effect=minimum_effect, bins=bins,
        correction=correction, columns=columns, n_resamples=n_resamples, random_state=random_state,
        n_jobs=n_jobs, progress=progress)
    warn_if_doubtful(_once(failed), "drift_table")
    return table


def _rows_and_doubts(current: Any, reference: Any, *, level: float, minimum_effect: float,
                     bins: int, n_resamples: int, random_state: Any, n_jobs: int | None,
                     by: str | None = None, freq: str | None = None, correction: str = "fdr_bh",
                     columns: Iterable[str] | None = None, progress: bool = False
                     ) -> tuple[pd.DataFrame, list[tuple[Any, Diagnostic]]]:
    """The drift table, and each failed diagnostic with its column."""
    check_option("correction", correction, CORRECTIONS)
    check_number("level", level, 0, 1)
    check_not_negative("minimum_effect", minimum_effect)
    for name, value, low in (("bins", bins, 2), ("n_resamples", n_resamples, 1)):
        check_integer(name, value, low)
    current, reference, groups = without_groups(current, reference, by, freq)
    p, q, unmatched = matched_frames(current, reference, columns)
    rows = p.shape[1] * (1 if groups is None else len(groups))
    options = DriftOptions(float(minimum_effect), bins, n_resamples,
                           min(ceil(2 * rows / level), MOST_RESAMPLES))
    root = root_sequence(random_state)
    tasks = ((p[name], q[name], groups, options, _seed(root, i)) for i, name in enumerate(p))
    found = list(chain(*run_tasks(_column_rows, tasks, p.shape[1], n_jobs=n_jobs,
                                  progress=progress, unit="column")))
    table = adjusted(pd.DataFrame([row for row, _ in found]), level, correction)
    table.attrs["unmatched"] = list(unmatched)
    return table, [(row["column"], one) for row, failed in found for one in failed]


def _column_rows(p: pd.Series, q: pd.Series, groups: dict[Any, np.ndarray] | None,
                 options: DriftOptions, seed: np.random.SeedSequence
                 ) -> list[tuple[dict[str, Any], list[Diagnostic]]]:
    """The rows of one column, one per group, and the diagnostics that fail in each."""
    column = DriftColumn(q, column_kind(p, q), options)
    if groups is None:
        return [column.row(p, seed)]
    found = [column.row(p.iloc[at], _seed(seed, i)) for i, at in enumerate(groups.values())]
    return [({"group": name, **row}, failed)
            for name, (row, failed) in zip(groups, found, strict=True)]


def _seed(parent: np.random.SeedSequence, position: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, position))


def _once(failed: list[tuple[Any, Diagnostic]]) -> list[Diagnostic]:
    """Every failed diagnostic once, with the columns where it fails."""
    first: dict[str, Diagnostic] = {}
    where: dict[str, dict[str, None]] = {}
    for column, one in failed:
        first.setdefault(one.name, one)
        where.setdefault(one.name, {})[str(column)] = None
    return [replace(one, advice=f"{one.advice}; columns: {', '.join(where[name])}")
            for name, one in first.items()]
