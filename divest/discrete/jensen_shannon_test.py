"""Test that two or more groups have the same cell probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import rel_entr

from divest._resampling import generators, resampling_pvalue, root_sequence
from divest._results import Diagnostic, warn_if_doubtful
from divest._validation import check_count_table, check_integer, check_option
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import (
    METHODS,
    CountTestResult,
    permutes,
    small_cells,
    smallest_expected,
)


def jensen_shannon_test(counts: Any, *, method: str = "auto", n_resamples: int = 999,
                        random_state: Any = None) -> CountTestResult:
    """Test that several groups have the same cell probabilities (the G test).

    The estimate is the Jensen-Shannon divergence [1]_ of the shares of the groups, each weighted by
    its part of all rows: what knowing the group tells about the cell. Times twice the number of
    rows it is the likelihood-ratio statistic G [2]_, chi-square with (groups - 1)(cells - 1)
    degrees of freedom when nothing differs.

    Parameters
    ----------
    counts : array-like of shape (n_groups, n_cells) or DataFrame
        Counts, a row for each group.
    method : {"auto", "chi2", "permutation"}, default "auto"
        The chi-square law, or permutations of the rows given the margins; ``"auto"`` takes
        permutations when an expected count is below 5, where the chi-square law fails.
    n_resamples : int, default 999
        Number of permutations.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    CountTestResult
        Statistic, p-value and estimate. Under the chi-square law `n_resamples` is 0.

    Raises
    ------
    ValueError
        When counts are negative or fractional, or fewer than two groups have any.

    Warns
    -----
    TrustWarning
        When the chi-square law is used although an expected count is below 5.

    See Also
    --------
    information_gain : What each group adds.
    f_divergence_test : Two samples, any divergence.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
       Information Theory 37 (1991), eq. 5.1.
    .. [2] A. Agresti, "Categorical Data Analysis", 3rd ed., Wiley (2013), sec. 3.2.

    Examples
    --------
    >>> from divest.discrete import jensen_shannon_test
    >>> result = jensen_shannon_test([[20, 30, 50], [25, 25, 50], [10, 40, 50]])
    >>> round(result.estimate, 4), round(result.statistic, 4), round(result.pvalue, 4)
    (0.0175, 10.4912, 0.0329)
    """
    check_option("method", method, METHODS)
    check_integer("n_resamples", n_resamples, 1)
    table, _ = check_count_table(counts)
    total, expected = table.sum(), smallest_expected(table)
    statistic = float(_likelihood_ratio(table))
    df = (len(table) - 1) * (table.shape[1] - 1)
    draws, seed = np.empty(0), None
    diagnostics: tuple[Diagnostic, ...] = ()
    if df and permutes(method, expected, statistic, total):
        root = root_sequence(random_state)
        draws, seed = _permuted(table, n_resamples, root), root.entropy
        pvalue = resampling_pvalue(statistic, draws)
    else:
        pvalue = chi_square_pvalue(statistic, df)
        diagnostics = (small_cells(expected, statistic),) if df else ()
    result = CountTestResult(
        statistic, pvalue, f"G test ({'permutation' if len(draws) else 'chi-square'})",
        "all groups have the same cell probabilities", draws, len(draws),
        seed, diagnostics, statistic / float(2 * total), df)  # type: ignore[arg-type]
    warn_if_doubtful(diagnostics, result.method)
    return result


def _likelihood_ratio(table: np.ndarray) -> np.ndarray:
    """G of each table (..., groups, cells)."""
    rows, columns = table.sum(axis=-1, keepdims=True), table.sum(axis=-2, keepdims=True)
    expected = rows * columns / rows.sum(axis=-2, keepdims=True)
    return 2.0 * np.maximum(rel_entr(table, expected).sum(axis=(-2, -1)), 0.0)


def _permuted(table: np.ndarray, n_resamples: int, root: np.random.SeedSequence) -> np.ndarray:
    """G of tables with the same margins, all dealings of the rows equally likely."""
    from scipy.stats import random_table

    (rng,) = generators([root])
    rows, columns = (table.sum(axis=axis).astype(np.int64) for axis in (1, 0))
    return _likelihood_ratio(random_table.rvs(rows, columns, size=n_resamples, random_state=rng))
