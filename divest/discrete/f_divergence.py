"""Divergence between two distributions over the same cells, from counts."""

from __future__ import annotations

from typing import Any

from divest._results import warn_if_doubtful
from divest._validation import check_counts, check_not_negative, check_number
from divest.discrete._count_result import CountDivergenceResult, count_divergence
from divest.generators import Generator, resolve_generator


def f_divergence(P: Any, Q: Any, divergence: str | Generator = "kl", *, smoothing: float = 0.5,
                 confidence_level: float = 0.95) -> CountDivergenceResult:
    """Divergence ``D(P || Q)`` between two distributions over the same cells.

    With shares ``p = (a + s)/(n + s B)`` and ``q = (b + s)/(m + s B)`` of the B cells that are not
    empty in both, ``D = sum q f(p/q)``; the standard error is by the delta method, the bias to
    first order [1]_.

    Parameters
    ----------
    P : array-like of shape (n_cells,) or Series
        Counts of the sample in question. Two Series are matched by their index.
    Q : array-like of shape (n_cells,) or Series
        Counts of the reference sample over the same cells.
    divergence : str or Generator, default "kl"
        A name such as ``"jensen_shannon"``, or a generator.
    smoothing : float, default 0.5
        Added to every cell, 0 or above. At 0 a cell that is empty in one sample enters with the
        limit of its term, which may be infinite, and there is no standard error.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    CountDivergenceResult
        Value, bias, standard error, interval, diagnostics and, in `table`, the cells.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero.

    Warns
    -----
    TrustWarning
        When there is no standard error.

    See Also
    --------
    f_divergence_test : Could the divergence be chance.
    population_stability_index : The same from raw values.

    References
    ----------
    .. [1] L. Pardo, "Statistical Inference Based on Divergence Measures", Chapman & Hall (2006),
       ch. 3.

    Examples
    --------
    >>> from divest.discrete import f_divergence
    >>> result = f_divergence([300, 500, 200], [600, 900, 500], "jensen_shannon")
    >>> round(result.estimate, 5), round(result.standard_error, 5)
    (0.00204, 0.00123)
    >>> result.table[["cell", "n_p", "n_q"]].to_numpy().tolist()
    [['0', 300, 600], ['1', 500, 900], ['2', 200, 500]]
    """
    generator = resolve_generator(divergence)
    check_not_negative("smoothing", smoothing)
    check_number("confidence_level", confidence_level, 0, 1)
    a, b, cells = check_counts(P, Q)
    result = count_divergence(a, b, cells, generator, smoothing=smoothing,
                              confidence_level=confidence_level)
    warn_if_doubtful(result.diagnostics, result.method)
    return result
