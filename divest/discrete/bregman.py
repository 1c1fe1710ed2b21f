"""Bregman divergences between two distributions over the same cells, from counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divest._results import EstimateResult
from divest._validation import check_counts, check_not_negative, check_number, check_option
from divest.discrete._moments import shares

_KNOWN: dict[str, tuple[Callable, Callable, Callable]] = {  # phi, its slope and its curvature
    "itakura_saito": (lambda x: -np.log(x), lambda x: -1 / x, lambda x: 1 / x**2),
    "squared_euclidean": (lambda x: x**2, lambda x: 2 * x, lambda x: 2 + 0 * x),
}


def bregman_divergence(P: Any, Q: Any, divergence: Any = "itakura_saito", *,
                       smoothing: float = 0.5, confidence_level: float = 0.95) -> EstimateResult:
    """Bregman divergence ``sum phi(p) - phi(q) - phi'(q)(p - q)`` of the shares of cells [1]_.

    It has no chi-square law, so there is no test, and near equality its interval is too short.

    Parameters
    ----------
    P : array-like of shape (n_cells,) or Series
        Counts of the sample in question. Two Series are matched by their index.
    Q : array-like of shape (n_cells,) or Series
        Counts of the reference sample over the same cells.
    divergence : {"itakura_saito", "squared_euclidean"} or tuple, default "itakura_saito"
        ``phi = -log``, which gives ``sum p/q - log(p/q) - 1``; ``phi(x) = x^2``; or phi and its
        first two derivatives, three functions vectorised in the shares.
    smoothing : float, default 0.5
        Added to every cell; above 0 where a cell is empty in one sample.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    EstimateResult
        Value and standard error by the delta method.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero, or the value is not
        finite.

    See Also
    --------
    f_divergence : Divergences with a test, and an interval that holds near equality.

    References
    ----------
    .. [1] L. M. Bregman, "The relaxation method of finding the common point of convex sets", USSR
       Computational Mathematics and Mathematical Physics 7 (1967), eq. 1.4.

    Examples
    --------
    >>> from divest.discrete import bregman_divergence
    >>> result = bregman_divergence([30, 50, 20], [60, 90, 50], "squared_euclidean", smoothing=0)
    >>> round(result.estimate, 6)
    0.005
    """
    if isinstance(divergence, str):
        check_option("divergence", divergence, _KNOWN)
        name, functions = divergence, _KNOWN[divergence]
    else:
        name, functions = "Bregman divergence", _three_functions(divergence)
    check_not_negative("smoothing", smoothing)
    check_number("confidence_level", confidence_level, 0, 1)
    a, b, _ = check_counts(P, Q)
    with np.errstate(all="ignore"):
        value, error = _moments(*functions, shares(a, smoothing), shares(b, smoothing), a.sum(),
                                b.sum())
    if not np.isfinite(value):
        raise ValueError(f"{name} is not finite for these counts; take smoothing=0.5.")
    return EstimateResult(value, error, f"{name} of counts", (int(a.sum()), int(b.sum())), (),
                          confidence_level, (0.0, np.inf))


def _three_functions(divergence: Any) -> tuple[Callable, Callable, Callable]:
    """The functions that a user gives in place of a name."""
    functions = tuple(divergence) if np.iterable(divergence) else ()
    if len(functions) != 3 or not all(map(callable, functions)):
        raise TypeError(f"divergence must be one of {', '.join(map(repr, _KNOWN))}, or three "
                        f"functions: phi, its slope and its curvature; got {divergence!r}.")
    return functions


def _moments(phi: Callable, slope: Callable, curvature: Callable, p: np.ndarray, q: np.ndarray,
             n: float, m: float) -> tuple[float, float]:
    """Value and standard error."""
    value = np.sum(phi(p) - phi(q) - slope(q) * (p - q))
    at_p, at_q = slope(p) - slope(q), -curvature(q) * (p - q)
    variance = [share @ (at - share @ at) ** 2 for share, at in ((p, at_p), (q, at_q))]
    return float(value), float(np.sqrt(variance[0] / n + variance[1] / m))
