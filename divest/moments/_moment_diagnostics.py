"""What speaks for and against a fit of moment conditions."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic
from divest.moments import _shared_diagnostics as shared
from divest.moments._fit_moments import MomentFit
from divest.moments._moment_inference import FitInference

CONDITION = 1e10
CARRIERS = 10.0  # rows that a standard error must rest on
LOST = 1e6  # a standard error of so many times the parameter: the search ran away


def moment_diagnostics(fit: MomentFit, inference: FitInference,
                       n_reference: int) -> list[Diagnostic]:
    """Every diagnostic of the fit, in the order of the table."""
    base = fit.problem.weights if fit.profiled else fit.data.weights
    found = [_converged(fit), _fallback(fit), _identification(inference),
             shared.weak_identification(inference.inflation,
                                        not fit.profiled or inference.nw is not None),
             shared.moments_per_row(fit.data.n_moments, fit.n),
             shared.effective_sample_size(fit.dual.weights, base),
             shared.negative_weight_share(fit.dual.weights),
             shared.overidentification(inference.j[1]), _start_sensitivity(fit, inference),
             _influential_rows(inference)]
    if inference.n_groups is not None:
        found.append(shared.few_groups(inference.n_groups, fit.data.n_moments))
    if fit.dropped:
        found.append(_dropped(fit))
    if n_reference:
        found.append(Diagnostic(
            "reference_draws", float(n_reference), 0.0, False,
            "standard errors ignore the noise of the draws, and robust sets are not available; "
            "set n_reference=0"))
    return found


def _converged(fit: MomentFit) -> Diagnostic:
    advice = "try other starts (theta0, n_starts), more max_iter, or moments on a common scale"
    return Diagnostic("converged", float(fit.converged), 1.0, fit.converged, advice)


def _fallback(fit: MomentFit) -> Diagnostic:
    return Diagnostic("fallback", float(fit.fallback), 0.0, not fit.fallback,
                      "the two-step estimate is reported, as the profile step failed; "
                      "try other starts, fewer instruments or more reg")


def _identification(inference: FitInference) -> Diagnostic:
    value = inference.condition
    errors = np.sqrt(np.maximum(np.diag(inference.robust), 0))  # NaN stays
    near = bool((errors <= LOST * np.maximum(1.0, np.abs(inference.fit.theta))).all())
    value = value if near else np.inf
    return Diagnostic("local_identification", value, CONDITION, value < CONDITION,
                      "the moments do not tell some parameters apart; add moments or instruments, "
                      "or fix a parameter")


def _start_sensitivity(fit: MomentFit, inference: FitInference) -> Diagnostic:
    """Distance of starts that fit as well as the best, in standard errors."""
    errors = np.sqrt(np.diag(inference.robust))
    away = np.abs(fit.start.rivals - fit.start.theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.nan_to_num(away / errors, nan=0.0, posinf=0.0).max())
    return Diagnostic("start_sensitivity", value, 1.0, value <= 1,
                      "different starts fit as well at different parameters; give theta0 near the "
                      "right ones, or more moments")


def _influential_rows(inference: FitInference) -> Diagnostic:
    """On how many rows the variance of a parameter rests; 1 where one row makes up all of it."""
    value, limit = inference.carriers, min(CARRIERS, inference.fit.n / 10)
    return Diagnostic("influential_rows", value, limit, not value < limit,
                      "the standard error of a parameter rests on so few rows: look at the largest "
                      "moments; rescale or trim them, or try other starts")


def _dropped(fit: MomentFit) -> Diagnostic:
    names = ", ".join(fit.dropped[:5]) + (" ..." if len(fit.dropped) > 5 else "")
    return Diagnostic("collinear_moments", float(len(fit.dropped)), 0.0, False,
                      f"combinations of other moments were left out: {names}; take them out, or "
                      "give reg > 0")
