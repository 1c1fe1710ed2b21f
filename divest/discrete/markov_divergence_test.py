"""The test of equal transition probabilities of two Markov chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._resampling import resampling_pvalue, root_sequence
from divest._results import warn_if_doubtful
from divest._validation import check_integer, check_option
from divest.discrete._chain_pairs import paired_counts, row_scale, unmatched_states
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import (
    METHODS,
    CountTestResult,
    dealt_divergences,
    permutes,
    small_cells,
    smallest_expected,
)
from divest.discrete._moments import divergence_value, shares
from divest.generators import Generator

NULL = "both chains have the same transition probabilities"


def markov_divergence_test(P: Any, Q: Any, divergence: str | Generator = "jeffreys", *,
                           method: str = "auto", n_resamples: int = 999, smoothing: float = 0.5,
                           random_state: Any = None) -> CountTestResult:
    r"""Test that two Markov chains have the same transition probabilities.

    Each state i gives the scaled divergence of its two rows,
    :math:`T_i = 2 n_i m_i / ((n_i + m_i) f''(1)) \, D_f`, nearly chi-square with one degree of
    freedom less than its cells [1]_; the statistic is their sum over the states that both chains
    leave. No stationary law is needed, so absorbing states do no harm.

    Parameters
    ----------
    P : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
        The chain in question. States are matched by label.
    Q : array-like of shape (m,) or (m, 1), list of sequences, or TransitionCounts
        The reference chain.
    divergence : str or Generator, default "jeffreys"
        A name such as ``"kl"``, or a generator with a second derivative at 1.
    method : {"auto", "chi2", "permutation"}, default "auto"
        The chi-square law, or permutations, within each state, of which transitions are from P;
        ``"auto"`` permutes when an expected count is below 5.
    n_resamples : int, default 999
        Number of permutations.
    smoothing : float, default 0.5
        Added to each cell of a row that is not empty in both chains; above 0.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    CountTestResult
        Statistic, p-value and the mean divergence of the rows, with weights
        ``n_i m_i / (n_i + m_i)``. Under the chi-square law `n_resamples` is 0.

    Raises
    ------
    ValueError
        When data or parameters are not valid, or the chains leave no state in common.

    Warns
    -----
    TrustWarning
        When many transitions leave states that the other chain never leaves, or the chi-square law
        is used although an expected count is below 5.

    See Also
    --------
    markov_divergence : How far apart they are.

    References
    ----------
    .. [1] P. Billingsley, "Statistical methods in Markov chains", Annals of Mathematical Statistics
       32 (1961).

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, markov_divergence_test
    >>> statistic, pvalue = markov_divergence_test(TransitionCounts([[90, 10], [20, 30]]),
    ...                                            TransitionCounts([[80, 20], [20, 40]]))
    >>> round(statistic, 3), round(pvalue, 3)
    (4.401, 0.111)
    """
    check_option("method", method, METHODS)
    check_integer("n_resamples", n_resamples, 1)
    generator, pairs = paired_counts(P, Q, divergence, smoothing)
    rows = [pairs.row(i) for i in pairs.matched]
    scales = np.array([row_scale(generator, *row.sum(axis=1)) for row in rows])
    values = [float(divergence_value(generator, *shares(row, smoothing))) for row in rows]
    statistic, df = float(scales @ values), sum(row.shape[1] - 1 for row in rows)
    expected = min((smallest_expected(row) for row in rows if row.shape[1] > 1), default=np.inf)
    draws, seed, diagnostics = np.empty(0), None, [unmatched_states(pairs)]
    if df and permutes(method, expected, statistic, sum(row.sum() for row in rows)):
        root = root_sequence(random_state)
        parts = [dealt_divergences(generator, row, smoothing, n_resamples, stream)
                 for row, stream in zip(rows, root.spawn(len(rows)), strict=True)]
        draws, seed = scales @ parts, root.entropy
        pvalue = resampling_pvalue(statistic, draws)
    else:
        pvalue = chi_square_pvalue(statistic, df)
        diagnostics += [small_cells(expected, statistic)] if df else []
    law = "permutation" if len(draws) else "chi-square"
    result = CountTestResult(
        statistic, pvalue, f"{generator.name} test of Markov chains ({law})", NULL, draws,
        len(draws), seed, tuple(diagnostics),  # type: ignore[arg-type]
        statistic / float(scales.sum()), df)
    warn_if_doubtful(diagnostics, result.method)
    return result
