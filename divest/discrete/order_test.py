"""The test of whether the next state depends on the current one at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy

from divest._resampling import generators, resampling_pvalue, root_sequence
from divest._results import Diagnostic, warn_if_doubtful
from divest._validation import check_integer, check_option
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import (
    METHODS,
    CountTestResult,
    permutes,
    small_cells,
    smallest_expected,
)
from divest.discrete._sequences import Encoded, encode
from divest.discrete.transitions import TransitionCounts, transition_counts

NULL = "states are independent draws from one law"


def order_test(X: Any, lengths: Any = None, *, method: str = "auto", n_resamples: int = 999,
               random_state: Any = None) -> CountTestResult:
    r"""Test whether states are independent draws (order 0) against a Markov chain (order 1).

    The statistic is the likelihood ratio :math:`G^2 = 2 \sum N_{ij} \log(N_{ij} N / (N_i N_j))` of
    the table of transitions. Its chi-square law has ``(rows - 1)(columns - 1)`` degrees of freedom,
    of rows and columns with data [1]_. Where an expected count is small the states are permuted,
    over all sequences, which is exact.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
        One sequence of labels, several, or counts of transitions; counts cannot be permuted.
    lengths : array-like of int, optional
        Lengths of the sequences that stand end to end in a one-dimensional `X`.
    method : {"auto", "chi2", "permutation"}, default "auto"
        The chi-square law, or permutations; ``"auto"`` permutes when an expected count is below 5.
    n_resamples : int, default 999
        Number of permutations.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    CountTestResult
        Statistic, p-value and, as estimate, the mutual information of a state and the next in
        nats: the statistic over 2 n. Under the chi-square law `n_resamples` is 0.

    Raises
    ------
    ValueError
        When `X` holds missing states or no transition, or counts are to be permuted.

    Warns
    -----
    TrustWarning
        When the chi-square law is used although an expected count is below 5.

    References
    ----------
    .. [1] P. Billingsley, "Statistical methods in Markov chains", Annals of Mathematical Statistics
       32 (1961).

    Examples
    --------
    >>> from divest.discrete import order_test
    >>> statistic, pvalue = order_test(["sun", "sun", "rain", "rain"] * 30)
    >>> round(statistic, 3), round(pvalue, 3)
    (0.009, 0.926)
    """
    check_option("method", method, METHODS)
    check_integer("n_resamples", n_resamples, 1)
    if isinstance(X, TransitionCounts) and method != "chi2":
        if method == "permutation":
            raise ValueError("counts of transitions cannot be permuted; give the sequences, or use "
                             "method='chi2'.")
        method = "chi2"
    counts = transition_counts(X, lengths).counts
    table = counts[np.ix_(counts.any(axis=1), counts.any(axis=0))]
    df, expected = (table.shape[0] - 1) * (table.shape[1] - 1), smallest_expected(table)
    statistic, draws, seed = _statistic(counts), np.empty(0), None
    diagnostics: tuple[Diagnostic, ...] = ()
    if df and permutes(method, expected, statistic, counts.sum()):
        root = root_sequence(random_state)
        draws, seed = _permuted(encode(X, lengths), n_resamples, root), root.entropy
        pvalue = resampling_pvalue(statistic, draws)
    else:
        pvalue = chi_square_pvalue(statistic, df)
        diagnostics = (small_cells(expected, statistic),) if df else ()
    law = "permutation" if len(draws) else "chi-square"
    result = CountTestResult(
        statistic, pvalue, f"order test ({law})", NULL, draws, len(draws), seed,  # type: ignore[arg-type]
        diagnostics, statistic / (2.0 * counts.sum()), df)
    warn_if_doubtful(diagnostics, result.method)
    return result


def _permuted(encoded: Encoded, n_resamples: int, root: np.random.SeedSequence) -> np.ndarray:
    """The statistic when states are permuted over all places; the lengths of sequences stay."""
    return np.array([
        _statistic(encoded._replace(codes=rng.permutation(encoded.codes)).transitions())
        for rng in generators(root.spawn(n_resamples))])


def _statistic(counts: np.ndarray) -> float:
    """Likelihood ratio of the table against independent rows and columns."""
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    parts = (xlogy(table, table).sum() for table in (counts, rows, columns))
    joint, by_row, by_column = parts
    return float(max(2.0 * (joint - by_row - by_column + xlogy(total, total)), 0.0))
