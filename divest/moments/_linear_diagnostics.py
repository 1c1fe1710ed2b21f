"""What speaks for and against a linear model with instruments."""

from __future__ import annotations

from math import isnan

from divest._results import Diagnostic
from divest.moments import _shared_diagnostics as shared
from divest.moments._linear_iv import LinearFit, LinearOutcome, LinearSystem


def fit_diagnostics(system: LinearSystem, fit: LinearFit) -> list[Diagnostic]:
    """Whether the search ended well, and what its weights look like."""
    found = [
        Diagnostic("converged", float(fit.converged), 1.0, fit.converged,
                   "raise max_iter, or use method 'gmm' or 'liml'"),
        Diagnostic("fallback", float(fit.fallback), 0.0, not fit.fallback,
                   "two-step GMM is reported, as the profile step failed; use method 'liml' or "
                   "confidence_interval(method='s')"),
        shared.moments_per_row(system.F.shape[1], len(system.e)),
    ]
    if fit.dual is not None:
        found += [shared.effective_sample_size(fit.dual.weights, system.w),
                  shared.negative_weight_share(fit.dual.weights)]
    return found


def identification(rank: int, wanted: int) -> Diagnostic:
    """Whether the instruments tell all coefficients apart."""
    return Diagnostic("local_identification", float(rank), float(wanted), rank >= wanted,
                      f"the instruments identify {rank} of {wanted} coefficients, so there are no "
                      "standard errors; drop columns of X that repeat others, or add instruments")


def strength(statistic: float, name: str) -> Diagnostic:
    """Robust first-stage F, the smallest over endogenous regressors."""
    return Diagnostic("first_stage_f", statistic, shared.WEAKEST_FIRST_STAGE,
                      bool(statistic >= shared.WEAKEST_FIRST_STAGE),
                      f"weak instruments for {name!r}: estimates are biased and normal intervals "
                      f"too short; use confidence_interval(method='s'). If {name!r} is exogenous, "
                      "put it in Z too")


def collinear(names: list[str]) -> Diagnostic:
    """Instruments that repeat others."""
    listed = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
    return Diagnostic("collinear_instruments", float(len(names)), 0.0, not names,
                      f"combinations of other instruments were left out: {listed}; take them "
                      "out of Z")


def outcome_diagnostics(outcome: LinearOutcome, n_groups: int | None, q: int,
                        profiled: bool) -> list[Diagnostic]:
    """What the covariances and the J test say."""
    found = [] if n_groups is None else [shared.few_groups(n_groups, q)]
    if profiled:
        ratio = shared.inflation(outcome.robust, outcome.many_weak)
        found.append(shared.weak_identification(ratio, outcome.many_weak is not None))
    if not isnan(outcome.j[1]):
        found.append(shared.overidentification(outcome.j[1]))
    return found
