"""What speaks for and against any fit of moments, linear or not: each rule stands once."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic

WEAKEST_FIRST_STAGE = 10.0  # F statistic
INFLATION = 1.15  # measured: 1.01 well identified, 1.43 weakly
MOMENTS_PER_ROW = 0.1
EFFECTIVE_SHARE = 0.5
REJECTED = 0.01
GROUPS = 20


def moments_per_row(q: int, n: int) -> Diagnostic:
    """Whether there are few moments for the rows."""
    return Diagnostic("moments_per_row", q / n, MOMENTS_PER_ROW, q / n <= MOMENTS_PER_ROW,
                      "many moments for so few rows: tests and errors are approximate; use fewer "
                      "moments or instruments (n_components), or more rows")


def effective_sample_size(weights: np.ndarray, base: np.ndarray) -> Diagnostic:
    """Rows that carry the solution, against those of the sample."""
    value, limit = float(1 / np.sum(weights**2)), float(EFFECTIVE_SHARE / np.sum(base**2))
    return Diagnostic("effective_sample_size", value, limit, value >= limit,
                      "few rows carry the solution: the moments and the data disagree; look at the "
                      "rows with large weights_")


def negative_weight_share(weights: np.ndarray) -> Diagnostic:
    """Whether all weights are 0 or more."""
    value = float(np.mean(weights < 0))
    return Diagnostic("negative_weight_share", value, 0.0, value == 0,
                      "the quadratic divergence gave some rows negative weights; use 'et' where "
                      "weights_ are to be used")


def inflation(robust: np.ndarray, many_weak: np.ndarray | None) -> float:
    """Largest ratio of Newey-Windmeijer to sandwich standard errors; NaN without the former."""
    if many_weak is None:
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.sqrt(np.diag(many_weak) / np.diag(robust)).max())


def weak_identification(ratio: float, convex: bool) -> Diagnostic:
    """From the `inflation`, where the objective is convex at the estimate."""
    if not convex:
        return Diagnostic("weak_identification", np.inf, INFLATION, False,
                          "the objective is not convex at the estimate, so standard errors are "
                          "those of the sandwich; use confidence_interval(method='s')")
    return Diagnostic("weak_identification", ratio, INFLATION, not ratio > INFLATION,
                      "normal intervals are too short with weak or many instruments; use "
                      "confidence_interval(method='s') or confidence_set")


def overidentification(pvalue: float) -> Diagnostic:
    """Whether some parameters satisfy all moments."""
    return Diagnostic("overidentification", pvalue, REJECTED, not pvalue < REJECTED,
                      "no parameters satisfy all moments: see j_test(); the model or some "
                      "instruments are wrong")


def few_groups(count: int, q: int) -> Diagnostic:
    """Whether there are groups enough for errors that are clustered by them."""
    limit = max(GROUPS, q + 1)
    return Diagnostic("few_groups", float(count), float(limit), count >= limit,
                      "standard errors from so few groups are too short; use smaller groups "
                      "where rows of different ones are independent")
