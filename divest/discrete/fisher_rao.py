"""Length of the shortest path between two distributions over the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, pi
from typing import Any

import numpy as np

from divest._validation import check_counts, check_number
from divest.discrete._count_result import (
    CountDivergenceResult,
    chi_square_pvalue,
    noncentral_limits,
    reported,
)
from divest.discrete._moments import shares


@dataclass(frozen=True)
class DistanceResult(CountDivergenceResult):
    """A distance between counts; its square, times `scale`, is nearly noncentral chi-square.

    Examples
    --------
    >>> from divest.discrete import fisher_rao_distance
    >>> result = fisher_rao_distance([20, 30, 50], [60, 25, 15])
    >>> low, high = result.confidence_interval()
    >>> round(low, 3), round(high, 3)
    (0.634, 1.188)
    """

    def _local_interval(self, level: float) -> tuple[float, float]:
        """Distances at which the observed value would not be in either tail."""
        limits = noncentral_limits(self.scale * self.estimate**2, max(self.n_cells - 1, 1), level)
        low, high = np.sqrt(np.array(limits) / self.scale)
        return float(low), float(high)


def fisher_rao_distance(P: Any, Q: Any, *, confidence_level: float = 0.95) -> DistanceResult:
    """Length of the shortest path between two distributions, ``2 arccos sum sqrt(p q)``.

    Lengths are measured by the Fisher information [1]_, which is why the standard error
    ``sqrt(1/n + 1/m)`` is the same for all distributions. The distance lies between 0 and pi, where
    the samples share no cell. The shares are not smoothed.

    Parameters
    ----------
    P : array-like of shape (n_cells,) or Series
        Counts of the sample in question. Two Series are matched by their index.
    Q : array-like of shape (n_cells,) or Series
        Counts of the reference sample over the same cells.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    DistanceResult
        Value, bias (NaN at 0), standard error, interval and diagnostics; `null_pvalue` is that of
        ``n m / (n + m) d^2``, chi-square when nothing differs.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero.

    See Also
    --------
    f_divergence : Divergences, of which squared Hellinger is nearest to this.

    References
    ----------
    .. [1] C. R. Rao, "Information and the accuracy attainable in the estimation of statistical
       parameters", Bulletin of the Calcutta Mathematical Society 37 (1945).

    Examples
    --------
    >>> from divest.discrete import fisher_rao_distance
    >>> result = fisher_rao_distance([20, 30, 50], [60, 25, 15])
    >>> round(result.estimate, 4), round(result.standard_error, 4)
    (0.9286, 0.1414)
    """
    check_number("confidence_level", confidence_level, 0, 1)
    a, b, cells = check_counts(P, Q)
    n, m, n_cells = a.sum(), b.sum(), len(a)
    p, q = shares(a, 0.0), shares(b, 0.0)
    distance = float(2 * np.arccos(min(1.0, np.sqrt(p * q).sum())))
    rate, scale = float(1 / n + 1 / m), float(n * m / (n + m))
    bias = _bias(shares(a, 0.5), shares(b, 0.5), n, m) if distance else nan
    null_pvalue = chi_square_pvalue(scale * distance**2, n_cells - 1)
    return DistanceResult(
        distance, float(np.sqrt(rate)), "Fisher-Rao distance of counts", (int(n), int(m)),
        reported(a, b, null_pvalue), confidence_level, (0.0, pi), "", bias, null_pvalue, scale,
        n_cells, cells=(cells, a, b, 0.0, np.full(n_cells, nan)))


def _bias(p: np.ndarray, q: np.ndarray, n: float, m: float) -> float:
    """First-order bias; with shares near one another ``(B - 2)(1/n + 1/m)/(2 d)``.

    Half the trace of the second derivatives of the distance times the covariance of the shares,
    which are those of smoothed counts: a share of 0 has no derivative.
    """
    common = np.sqrt(p * q).sum()
    at_p, at_q = np.sqrt(q / p).sum() - 2 * common, np.sqrt(p / q).sum() - 2 * common
    sine = np.sqrt(1 - common**2)
    return float((at_p / n + at_q / m) / (4 * sine)) if sine > 0 else nan
