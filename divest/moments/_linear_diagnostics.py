"""What speaks for and against a linear model with instruments."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic
from divest.moments._linear_iv import LinearFit, LinearSystem

WEAKEST_FIRST_STAGE = 10.0
LARGEST_INFLATION = 1.15
MOMENTS_PER_ROW = 0.1
EFFECTIVE_SHARE = 0.5
REJECTED = 0.01
GROUPS = 20


def fit_diagnostics(system: LinearSystem, fit: LinearFit) -> list[Diagnostic]:
    """Whether the search ended well, and what its weights look like."""
    q, n = system.F.shape[1], len(system.e)
    found = [
        Diagnostic("converged", float(fit.converged), 1.0, fit.converged,
                   "raise max_iter, or use method 'gmm' or 'liml'"),
        Diagnostic("fallback", float(fit.fallback), 0.0, not fit.fallback,
                   "two-step GMM is reported, as the profile step failed; use method 'liml' or "
                   "conf_int(method='s')"),
        Diagnostic("moments_per_row", q / n, MOMENTS_PER_ROW, q / n <= MOMENTS_PER_ROW,
                   "many instruments for so few rows: use fewer, or more rows"),
    ]
    if fit.dual is not None:
        p, least = fit.dual.weights, EFFECTIVE_SHARE / np.sum(system.w**2)
        size, share = 1 / np.sum(p**2), float(np.mean(p < 0))
        found += [
            Diagnostic("effective_sample_size", float(size), float(least), bool(size >= least),
                       "few rows carry the solution: look at the rows with large weights_"),
            Diagnostic("negative_weight_share", share, 0.0, share == 0,
                       "some rows have negative weights; use method 'et' where weights_ are "
                       "to be used"),
        ]
    return found


def identification(rank: int, wanted: int) -> Diagnostic:
    """Whether the instruments tell all coefficients apart."""
    return Diagnostic("local_identification", float(rank), float(wanted), rank >= wanted,
                      f"the instruments identify {rank} of {wanted} coefficients, so there are no "
                      "standard errors; drop columns of X that repeat others, or add instruments")


def strength(statistic: float, name: str) -> Diagnostic:
    """Robust first-stage F, the smallest over endogenous regressors."""
    return Diagnostic("first_stage_F", statistic, WEAKEST_FIRST_STAGE,
                      bool(statistic >= WEAKEST_FIRST_STAGE),
                      f"weak instruments for {name!r}: estimates are biased and normal intervals "
                      f"too short; use conf_int(method='s'). If {name!r} is exogenous, put it in Z "
                      "too")


def few_groups(count: int, n_instruments: int) -> Diagnostic:
    """Whether there are groups enough for errors that are clustered by them."""
    limit = max(GROUPS, n_instruments + 1)
    return Diagnostic("few_groups", float(count), float(limit), count >= limit,
                      "standard errors from so few groups are too short; use smaller groups "
                      "where rows of different ones are independent")


def inflation(robust: np.ndarray, many_weak: np.ndarray | None) -> Diagnostic:
    """Newey-Windmeijer over sandwich standard errors."""
    if many_weak is None:
        return Diagnostic("weak_identification", np.inf, LARGEST_INFLATION, False,
                          "the objective is not convex at the estimate, so standard errors are "
                          "those of the sandwich; use conf_int(method='s')")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.max(np.sqrt(np.diag(many_weak) / np.diag(robust))))
    return Diagnostic("weak_identification", ratio, LARGEST_INFLATION,
                      not ratio > LARGEST_INFLATION,
                      "normal intervals are too short with weak or many instruments; use "
                      "conf_int(method='s')")


def collinear(names: list[str]) -> Diagnostic:
    """Instruments that repeat others."""
    listed = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return Diagnostic("collinear_instruments", float(len(names)), 0.0, not names,
                      f"combinations of other instruments were left out: {listed}; take them "
                      "out of Z")


def overidentification(pvalue: float) -> Diagnostic:
    """Whether the instruments agree with one another."""
    return Diagnostic("overidentification", pvalue, REJECTED, not pvalue < REJECTED,
                      "no coefficients satisfy all moments (j_test): some instruments act on y "
                      "by themselves, or the model is wrong")
