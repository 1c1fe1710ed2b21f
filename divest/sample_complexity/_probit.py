"""The line probit(power) = a + b sqrt(n): its fit, and the n at a wanted power."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtri, xlogy

LOG_TWO_PI = float(np.log(2.0 * np.pi))


class ProbitFit(NamedTuple):
    """The line, where it reaches the wanted power, and how well it fits."""

    n: float  # NaN where the line does not rise, or lies above the wanted power from the start
    standard_error: float
    slope: float
    pvalue: float  # of the deviance from the line; NaN where it means nothing
    n_mixed: int  # sizes with both rejections and non-rejections


def fit_probit(sizes: Any, rejections: Any, trials: Any, power: float) -> ProbitFit:
    """Maximum likelihood, and the standard error of n by the delta method.

    The likelihood has one maximum when two sizes have both outcomes. With fewer, half a rejection
    and half a non-rejection are added to each size.
    """
    from scipy.stats import chi2

    rejections, trials = np.asarray(rejections, float), np.asarray(trials, float)
    n_mixed = int(np.count_nonzero((rejections > 0) & (rejections < trials)))
    extra = 0.5 if n_mixed < 2 else 0.0
    yes, no = rejections + extra, trials - rejections + extra
    terms = np.column_stack([np.ones(len(trials)), np.sqrt(np.asarray(sizes, float))])
    (intercept, slope), covariance = _maximize(terms, yes, no)
    saturated = xlogy(yes, yes / (yes + no)) + xlogy(no, no / (yes + no))
    deviance = 2.0 * (saturated.sum() - _log_likelihood(terms @ [intercept, slope], yes, no))
    tested = len(trials) > 2 and not extra
    pvalue = float(chi2.sf(deviance, len(trials) - 2)) if tested else np.nan
    root = (ndtri(power) - intercept) / slope if slope > 0 else np.nan
    if not root > 0:
        return ProbitFit(np.nan, np.nan, slope, pvalue, n_mixed)
    gradient = -2.0 * root / slope * np.array([1.0, root])  # of root^2, by intercept and slope
    error = float(np.sqrt(gradient @ covariance @ gradient))
    return ProbitFit(float(root**2), error, slope, pvalue, n_mixed)


def _log_likelihood(line: np.ndarray, yes: np.ndarray, no: np.ndarray) -> float:
    return float(yes @ log_ndtr(line) + no @ log_ndtr(-line))


def _maximize(terms: np.ndarray, yes: np.ndarray,
              no: np.ndarray) -> tuple[tuple[float, float], np.ndarray]:
    """Coefficients and their covariance: Newton's method on a concave function, steps halved."""
    shares = (yes + 0.5) / (yes + no + 1.0)
    coefficients = np.linalg.lstsq(terms, ndtri(shares), rcond=None)[0]
    for _ in range(100):
        line = terms @ coefficients
        above, below = _hazards(line)
        curvature = yes * above * (line + above) + no * below * (below - line)
        slope = terms.T @ (yes * above - no * below)
        step = np.linalg.solve((terms.T * curvature) @ terms, slope)
        before = _log_likelihood(line, yes, no)
        while _log_likelihood(terms @ (coefficients + step), yes, no) < before * (1 + 1e-12):
            step /= 2.0
        coefficients = coefficients + step
        if np.abs(terms @ step).max() < 1e-9:
            break
    above, below = _hazards(terms @ coefficients)
    information = (terms.T * ((yes + no) * above * below)) @ terms
    return (float(coefficients[0]), float(coefficients[1])), np.linalg.inv(information)


def _hazards(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Normal density over the probability of a rejection, and over that of none."""
    log_density = -0.5 * (line**2 + LOG_TWO_PI)
    return np.exp(log_density - log_ndtr(line)), np.exp(log_density - log_ndtr(-line))
