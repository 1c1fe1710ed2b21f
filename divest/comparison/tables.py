"""Compare two tables: joint divergence, per-column drift, and a verdict on both."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from divest._resampling import root_sequence
from divest._results import TrustWarning
from divest._samples import as_frame, column_kind
from divest._validation import check_integer, check_number, check_option
from divest.comparison._columns import adjust, check_numbers, compare_column
from divest.comparison._joint import compare_jointly
from divest.comparison.result import Comparison
from divest.generators import resolve_generator

DIVERGENCES = ("kl", "jensen_shannon", "hellinger")


def compare(reference: Any, current: Any, *, columns: Iterable[str] | None = None,
            divergence: Any = DIVERGENCES, standardize: str | None = "std", level: float = 0.05,
            n_resamples: int = 999, random_state: Any = None, n_jobs: int | None = None,
            progress: bool = False) -> Comparison:
    """Compare two tables: how far apart, in which columns, and can the answer be trusted.

    Parameters
    ----------
    reference : DataFrame or array-like of shape (n_reference, d)
        The table compared against; the Q of ``D(P || Q)``.
    current : DataFrame or array-like of shape (n_current, d)
        The table in question; the P of ``D(P || Q)``.
    columns : list of str, optional
        Columns to compare; by default all that both tables have.
    divergence : str, Generator or list of them, default ("kl", "jensen_shannon", "hellinger")
        Joint divergences. The first one that is estimated is also used for numeric columns.
    standardize : {"std", "whiten"} or None, default "std"
        Scale the numeric columns, by their pooled deviations or covariance, before distances are
        measured between rows.
    level : float, default 0.05
        Level of the tests; intervals have confidence level ``1 - level``.
    n_resamples : int, default 999
        Permutations of each test by resampling.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    Comparison
        Tables, verdict and test.

    Raises
    ------
    ValueError
        When the tables share no column, are empty, hold infinite numbers, or a column holds numbers
        in one and text in the other.

    Warns
    -----
    TrustWarning
        When a diagnostic of the first joint divergence fails.

    See Also
    --------
    estimate_divergence : The divergence alone.
    divergence_two_sample_test : The test alone.

    Notes
    -----
    Rows with a missing value in a numeric column do not enter the joint analysis. Numeric columns
    are tested by Kolmogorov and Smirnov, numbers with at most 20 distinct values and categories by
    the G test (by permutation where a cell is small; categories with fewer than five rows in both
    tables together share one cell). Where values are missing, Fisher's exact test compares how
    often; if it could reject at all, the column enters the adjustment with twice the smaller of its
    two p-values. P-values are adjusted over columns by Benjamini and Hochberg [1]_. Estimates and
    intervals are cut to the range of the divergence. Rows must be independent.

    References
    ----------
    .. [1] Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B
       57 (1995).

    Examples
    --------
    >>> from divest import compare
    >>> from divest.datasets import load_penguins
    >>> penguins = load_penguins()
    >>> before, after = penguins[penguins["year"] == 2007], penguins[penguins["year"] == 2009]
    >>> result = compare(before, after, columns=["flipper_length_mm", "species"], random_state=0)
    >>> result.columns[["column", "kind"]].sort_values("column").to_numpy().tolist()
    [['flipper_length_mm', 'numeric'], ['species', 'categorical']]
    """
    check_number("level", level, 0, 0.5)
    check_integer("n_resamples", n_resamples, 1)
    check_option("standardize", standardize, (None, "std", "whiten"))
    wanted = [resolve_generator(one) for one in
              (divergence if isinstance(divergence, (list, tuple)) else [divergence])]
    if not wanted:
        raise ValueError("divergence must name at least one divergence, got an empty list.")
    p, q = as_frame(current, "current"), as_frame(reference, "reference")
    if not (hasattr(current, "columns") or hasattr(reference, "columns")) and (
            p.shape[1] != q.shape[1]):
        raise ValueError("arrays must have the same number of columns, got reference with "
                         f"{q.shape[1]} and current with {p.shape[1]}.")
    names, unmatched = _shared_columns(p, q, columns)
    p, q = p[names], q[names]
    kinds = {name: column_kind(p[name], q[name]) for name in names}
    check_numbers(p, q, kinds)
    root = root_sequence(random_state)
    joint, diagnostics, test = compare_jointly(
        p, q, kinds, wanted, level=level, standardize=standardize, n_resamples=n_resamples,
        random_state=root, n_jobs=n_jobs, progress=progress)
    rows = [compare_column(p[name], q[name], kinds[name], wanted[0], level=level,
                           n_resamples=n_resamples, random_state=_column_seed(root, i))
            for i, name in enumerate(names)]
    comparison = Comparison(joint, adjust(pd.DataFrame(rows), level), diagnostics, test, level,
                            unmatched, len(q), len(p))
    failed = diagnostics.loc[~diagnostics["passed"] & (
        diagnostics["divergence"] == diagnostics["divergence"].head(1).squeeze()), "name"]
    if len(failed):
        warnings.warn(f"compare: {comparison.verdict} Doubtful: {', '.join(failed)}.", TrustWarning,
                      stacklevel=2)
    return comparison


def _shared_columns(p: pd.DataFrame, q: pd.DataFrame,
                    columns: Iterable[str] | None) -> tuple[list[Any], tuple[str, ...]]:
    """Columns to compare, and those that only one table has."""
    if columns is not None:
        names = [columns] if isinstance(columns, str) else list(columns)
        if not names or len(set(names)) < len(names):
            raise ValueError(f"columns must name different columns, got {names!r}.")
        for table, frame in (("current", p), ("reference", q)):
            if missing := [str(c) for c in names if c not in frame.columns]:
                known = ", ".join(map(str, frame.columns))
                raise ValueError(f"the {table} table has no column {', '.join(missing)}; "
                                 f"it has {known}.")
        return names, ()
    names = [c for c in q.columns if c in p.columns]
    only = [str(c) for frame in (q, p) for c in frame.columns if c not in names]
    if not names:
        raise ValueError("the tables share no column; reference has "
                         f"{', '.join(map(str, q.columns))}, current has "
                         f"{', '.join(map(str, p.columns))}.")
    return names, tuple(only)


def _column_seed(root: np.random.SeedSequence, position: int) -> np.random.SeedSequence:
    """A stream for each column, apart from the permutations of the joint test."""
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, 2**32 - 1, position))
