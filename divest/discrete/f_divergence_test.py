"""Test of equality, or of a smallest relevant difference, between two vectors of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._resampling import resampling_pvalue, root_sequence
from divest._results import Diagnostic, warn_if_doubtful
from divest._validation import (
    check_counts,
    check_integer,
    check_not_negative,
    check_number,
    check_option,
)
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import (
    METHODS,
    CountTestResult,
    dealt_divergences,
    divergence_of,
    permutes,
    small_cells,
    smallest_expected,
)
from divest.discrete._moments import has_derivative
from divest.generators import Generator, resolve_generator


def f_divergence_test(P: Any, Q: Any, divergence: str | Generator = "jeffreys", *,
                      minimum_effect: float = 0.0, method: str = "auto", n_resamples: int = 999,
                      smoothing: float = 0.5, random_state: Any = None) -> CountTestResult:
    """Test that two vectors of counts come from the same law, or from laws that are near.

    The statistic ``T = 2 n m / ((n + m) f''(1)) D`` is nearly chi-square with B - 1 degrees of
    freedom when nothing differs [1]_, and noncentral chi-square when the divergence is `delta`,
    with ``2 n m / ((n + m) f''(1)) delta`` as its noncentrality.

    Parameters
    ----------
    P : array-like of shape (n_cells,) or Series
        Counts of the sample in question. Two Series are matched by their index.
    Q : array-like of shape (n_cells,) or Series
        Counts of the reference sample over the same cells.
    divergence : str or Generator, default "jeffreys"
        A name such as ``"jensen_shannon"``, or a generator.
    minimum_effect : float, default 0.0
        The null hypothesis is that the divergence is at most this; an approximation that is good
        for small divergences.
    method : {"auto", "chi2", "permutation"}, default "auto"
        The chi-square law, or permutations of the rows given the pooled counts; ``"auto"`` takes
        permutations when an expected count is below 5, where the chi-square law fails. They test
        equality only.
    n_resamples : int, default 999
        Number of permutations.
    smoothing : float, default 0.5
        Added to every cell, 0 or above.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    CountTestResult
        Statistic, p-value and estimate. Under the chi-square law `n_resamples` is 0.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero; when a minimum effect
        is to be tested by permutation, or total variation otherwise.

    Warns
    -----
    TrustWarning
        When the chi-square law is used although an expected count is below 5.

    See Also
    --------
    f_divergence : How far apart the two are.
    f_divergence_power : How likely the test is to see a given divergence.

    References
    ----------
    .. [1] L. Pardo, "Statistical Inference Based on Divergence Measures", Chapman & Hall (2006),
       ch. 3.

    Examples
    --------
    >>> from divest.discrete import f_divergence_test
    >>> statistic, pvalue = f_divergence_test([30, 50, 20], [60, 90, 50])
    >>> round(statistic, 4), round(pvalue, 4)
    (1.0303, 0.5974)
    >>> round(f_divergence_test([300, 500, 200], [60, 90, 50], minimum_effect=0.1).pvalue, 4)
    0.9954
    """
    generator = resolve_generator(divergence)
    check_integer("n_resamples", n_resamples, 1)
    check_not_negative("smoothing", smoothing)
    effect = check_not_negative("minimum_effect", minimum_effect)
    method = _law(generator, method, effect)
    table = np.stack(check_counts(P, Q)[:2])
    estimate, df = divergence_of(generator, table[0], table[1], smoothing), table.shape[1] - 1
    scale, expected = _scale(generator, *table.sum(axis=1)), smallest_expected(table)
    statistic, draws, seed = scale * float(estimate), np.empty(0), None
    diagnostics: tuple[Diagnostic, ...] = ()
    if df and permutes(method, expected, statistic, table.sum()):
        root = root_sequence(random_state)
        draws = scale * dealt_divergences(generator, table, smoothing, n_resamples, root)
        seed = root.entropy
        pvalue = resampling_pvalue(statistic, draws)
    else:
        pvalue = chi_square_pvalue(statistic, df, scale * effect)
        diagnostics = (small_cells(expected, statistic),) if df else ()
    law = "permutation" if len(draws) else "chi-square"
    null = (f"the divergence {generator.name} is at most {effect:g}" if effect else
            "both samples have the same cell probabilities")
    result = CountTestResult(
        statistic, pvalue, f"{generator.name} test of counts ({law})", null, draws, len(draws),
        seed, diagnostics, float(estimate), df)  # type: ignore[arg-type]
    warn_if_doubtful(diagnostics, result.method)
    return result


def f_divergence_power(effect: float, n: int, m: int, n_cells: int,
                       divergence: str | Generator = "jeffreys", *, minimum_effect: float = 0.0,
                       level: float = 0.05) -> float:
    """Power of `f_divergence_test` by the chi-square law, for a divergence of the size `effect`.

    Parameters
    ----------
    effect : float
        The true divergence.
    n : int
        Rows of the sample in question.
    m : int
        Rows of the reference sample.
    n_cells : int
        Number of cells.
    divergence : str or Generator, default "jeffreys"
        A name such as ``"jensen_shannon"``, or a generator.
    minimum_effect : float, default 0.0
        The largest divergence under the null hypothesis.
    level : float, default 0.05
        Level of the test.

    Returns
    -------
    float
        Chance that the test rejects.

    Raises
    ------
    ValueError
        When a number is out of range, or the divergence has no chi-square law.

    See Also
    --------
    psi_sample_size : The rows that reach a given power.

    References
    ----------
    .. [1] L. Pardo, "Statistical Inference Based on Divergence Measures", Chapman & Hall (2006),
       ch. 3.

    Examples
    --------
    >>> from divest.discrete import f_divergence_power
    >>> round(f_divergence_power(0.05, 500, 500, n_cells=10), 4)
    0.6834
    """
    from scipy.stats import chi2, ncx2

    generator = resolve_generator(divergence)
    _law(generator, "chi2", 0.0)
    check_integer("n", n, 1)
    check_integer("m", m, 1)
    check_integer("n_cells", n_cells, 2)
    check_number("level", level, 0, 1)
    scale, df = _scale(generator, n, m), n_cells - 1
    null = scale * check_not_negative("minimum_effect", minimum_effect)
    shift = scale * check_not_negative("effect", effect)
    critical = ncx2.isf(level, df, null) if null else chi2.isf(level, df)
    return chi_square_pvalue(float(critical), df, shift)


def _law(generator: Generator, method: str, effect: float) -> str:
    """The method to use, refused where it cannot do what is asked."""
    check_option("method", method, METHODS)
    if effect and (method == "permutation" or not has_derivative(generator)):
        raise ValueError("permutations test equality only, and "
                         f"minimum_effect is {effect:g}; use method='chi2' and a divergence that "
                         "is smooth, such as 'jeffreys'.")
    if not has_derivative(generator):
        if method == "chi2":
            raise ValueError(f"{generator.name} has no chi-square law; use method='permutation' or "
                             "a divergence that is smooth, such as 'hellinger'.")
        return "permutation"
    return "chi2" if effect else method


def _scale(generator: Generator, n: float, m: float) -> float:
    """What the divergence is multiplied by to be chi-square; 1 where no such law exists."""
    return float(2 * n * m / (n + m) / generator.curvature) if has_derivative(generator) else 1.0
