"""Compare two tables: joint divergence, per-column drift, and a verdict on both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from divest._resampling import root_sequence
from divest._results import warn_doubtful
from divest._samples import column_kind, matched_frames
from divest._validation import check_integer, check_number, check_option
from divest.comparison._columns import check_numbers, compare_columns
from divest.comparison._joint import compare_jointly
from divest.comparison._pictures import column_pictures
from divest.comparison._text import call_text, seed_of
from divest.comparison.result import Comparison
from divest.generators import Generator, resolve_generator

DIVERGENCES = ("kl", "jensen_shannon", "hellinger")


def compare(reference: Any, current: Any, *, columns: Iterable[str] | None = None,
            divergence: Any = DIVERGENCES, standardize: str | None = "std", level: float = 0.05,
            minimum_effect: float = 0.0, bins: int = 10, n_resamples: int = 999,
            random_state: Any = None, n_jobs: int | None = None,
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
    minimum_effect : float, default 0
        Population stability index up to which the change of a column does not matter.
    bins : int, default 10
        Cells of a numeric column in that index, cut at quantiles of the reference.
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
    compare_groups : Groups or months of a table, one by one.
    estimate_divergence : The divergence alone.
    divergence_two_sample_test : The test alone.

    Notes
    -----
    Rows with a missing value in a numeric column do not enter the joint analysis. The tests of the
    columns, and what is said of missing values and of many columns, are those of
    `divest.discrete.drift_table`. Beside them stands a distance with an interval: of numeric
    columns the first divergence asked for, of the others the Jensen-Shannon divergence of the
    counts, less its bias. Estimates and intervals are cut to the range of the divergence. Rows must
    be independent.

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
    p, q, unmatched = matched_frames(current, reference, columns)
    kinds = {name: column_kind(p[name], q[name]) for name in p}
    check_numbers(p, q, kinds)
    root = root_sequence(random_state)
    call = call_text(compare, {
        "columns": None if columns is None else list(p), "divergence": _names(wanted),
        "standardize": standardize, "level": level, "minimum_effect": minimum_effect, "bins": bins,
        "n_resamples": n_resamples, "random_state": seed_of(root)})
    table, doubts = compare_columns(
        p, q, wanted[0], level=level, minimum_effect=minimum_effect, bins=bins,
        n_resamples=n_resamples, random_state=_stream(root, 1), n_jobs=n_jobs)
    joint, diagnostics, test = compare_jointly(
        p, q, kinds, wanted, level=level, standardize=standardize, n_resamples=n_resamples,
        random_state=root, n_jobs=n_jobs, progress=progress)
    comparison = Comparison(joint, table, diagnostics, test, level, unmatched, len(q), len(p),
                            minimum_effect, doubts, column_pictures(p, q, kinds, _stream(root, 2)),
                            call)
    failed = diagnostics.loc[~diagnostics["passed"] & (
        diagnostics["divergence"] == diagnostics["divergence"].head(1).squeeze()), "name"]
    if len(failed):
        warn_doubtful(f"compare: {comparison.verdict} Doubtful: {', '.join(failed)}.")
    return comparison


def _stream(root: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    """A stream apart from the permutations of the joint test: 1 for columns, 2 for pictures."""
    return np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, 2**32 - number))


def _names(wanted: list[Generator]) -> tuple[str, ...] | str:
    """The divergences as they are asked for."""
    names = tuple(generator.name for generator in wanted)
    return names[0] if len(names) == 1 else names
