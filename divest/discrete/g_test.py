"""The G test of equal cell probabilities in two samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import xlogy

from divest._resampling import generators, resampling_pvalue, root_sequence
from divest._results import HypothesisResult
from divest._validation import check_counts, check_integer, check_option

MIN_EXPECTED = 5.0


def g_test(P: Any, Q: Any, *, method: str = "auto", n_resamples: int = 999,
           random_state: Any = None) -> HypothesisResult:
    """G test (likelihood ratio) of equal cell probabilities in two samples.

    Parameters
    ----------
    P : array-like of shape (n_cells,) or Series
        Counts of the sample in question. Two Series are matched by their index.
    Q : array-like of shape (n_cells,) or Series
        Counts of the reference sample over the same cells.
    method : {"auto", "chi2", "permutation"}, default "auto"
        The chi-square law, or permutations of the rows given the pooled counts; ``"auto"`` takes
        permutations when an expected count is below 5, where the chi-square law fails.
    n_resamples : int, default 999
        Number of permutations.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    HypothesisResult
        Statistic and p-value. Under the chi-square law `n_resamples` is 0.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero.

    See Also
    --------
    f_divergence : How far apart the two are.

    References
    ----------
    .. [1] A. Agresti, "Categorical Data Analysis", 3rd ed., Wiley (2013), sec. 3.2.

    Examples
    --------
    >>> from divest.discrete import g_test
    >>> statistic, pvalue = g_test([30, 50, 20], [60, 90, 50])
    >>> round(statistic, 4), round(pvalue, 4)
    (1.0864, 0.5809)
    """
    from scipy.stats import chi2

    check_option("method", method, ("auto", "chi2", "permutation"))
    check_integer("n_resamples", n_resamples, 1)
    a, b = check_counts(P, Q)
    pooled, n = a + b, a.sum()
    smallest = min(n, b.sum()) / pooled.sum() * pooled.min()
    observed, null = _statistic(a, pooled), "both samples have the same cell probabilities"
    if method == "chi2" or (method == "auto" and smallest >= MIN_EXPECTED):
        pvalue = float(chi2.sf(observed, len(a) - 1)) if len(a) > 1 else 1.0
        return HypothesisResult(observed, pvalue, "G test (chi-square)", null, np.empty(0), 0)
    root = root_sequence(random_state)
    counts, drawn = pooled.astype(np.int64), np.empty((n_resamples, len(a)))
    for i, rng in enumerate(generators(root.spawn(n_resamples))):
        drawn[i] = rng.multivariate_hypergeometric(counts, int(n), method="marginals")
    draws = _statistic(drawn, pooled)
    return HypothesisResult(
        observed, resampling_pvalue(observed, draws), "G test (permutation)", null, draws,
        n_resamples, root.entropy)  # type: ignore[arg-type]


def _statistic(a: np.ndarray, pooled: np.ndarray) -> Any:
    """Twice the log-likelihood ratio; `a` may be (n_cells,) or (draws, n_cells)."""
    n, total = a.sum(axis=-1, keepdims=True), pooled.sum()
    b = pooled - a
    terms = xlogy(a, a / pooled * total / n) + xlogy(b, b / pooled * total / (total - n))
    out = 2.0 * terms.sum(axis=-1)
    return float(out) if a.ndim == 1 else out
