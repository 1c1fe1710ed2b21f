"""What speaks for and against a fit of moment conditions."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic
from divest.moments._fit_moments import MomentFit
from divest.moments._moment_inference import FitInference

CONDITION = 1e10
INFLATION = 1.15  # measured: 1.01 well identified, 1.43 weakly
MOMENTS_PER_ROW = 0.1
EFFECTIVE_SHARE = 0.5
REJECTED = 0.01
GROUPS = 20
CARRIERS = 10.0  # rows that a standard error must rest on
LOST = 1e6  # a standard error of so many times the parameter: the search ran away


def moment_diagnostics(fit: MomentFit, inference: FitInference,
                       n_reference: int) -> list[Diagnostic]:
    """Every diagnostic of the fit, in the order of the table."""
    found = [_converged(fit), _fallback(fit), _identification(inference), _weakness(inference),
             _moments_per_row(fit), _effective_size(fit), _negative_weights(fit),
             _overidentification(inference), _start_sensitivity(fit, inference),
             _influential_rows(inference)]
    if inference.n_groups is not None:
        found.append(_few_groups(fit, inference.n_groups))
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


def _weakness(inference: FitInference) -> Diagnostic:
    value = inference.inflation
    if inference.fit.profiled and inference.nw is None:
        return Diagnostic("weak_identification", np.inf, INFLATION, False,
                          "the objective is not convex at the estimate, so standard errors are "
                          "those of the sandwich; use conf_int(method='s')")
    return Diagnostic("weak_identification", value, INFLATION, not value > INFLATION,
                      "normal intervals are too short with weak or many instruments; use "
                      "conf_int(method='s') or confidence_set")


def _moments_per_row(fit: MomentFit) -> Diagnostic:
    value = fit.data.n_moments / fit.n
    return Diagnostic("moments_per_row", value, MOMENTS_PER_ROW, value <= MOMENTS_PER_ROW,
                      "many moments for so few rows: tests and errors are approximate; use fewer "
                      "(n_components) or more rows")


def _effective_size(fit: MomentFit) -> Diagnostic:
    base = fit.problem.weights if fit.profiled else fit.data.weights
    value, limit = 1 / np.sum(fit.dual.weights**2), EFFECTIVE_SHARE / np.sum(base**2)
    return Diagnostic("effective_sample_size", float(value), float(limit), bool(value >= limit),
                      "few rows carry the solution: the moments and the data disagree; look at the "
                      "rows with large weights_")


def _negative_weights(fit: MomentFit) -> Diagnostic:
    value = float(np.mean(fit.dual.weights < 0))
    return Diagnostic("negative_weight_share", value, 0.0, value == 0,
                      "the quadratic divergence gave some rows negative weights; use "
                      "divergence='kl' (or estimator 'et') where weights are to be used")


def _overidentification(inference: FitInference) -> Diagnostic:
    value = inference.j[1]
    return Diagnostic("overidentification", value, REJECTED, not value < REJECTED,
                      "no parameters satisfy all moments: see j_test(); the model or some "
                      "instruments are wrong")


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


def _few_groups(fit: MomentFit, count: int) -> Diagnostic:
    limit = max(GROUPS, fit.data.n_moments + 1)
    return Diagnostic("few_groups", float(count), float(limit), count >= limit,
                      "standard errors from so few groups are too short; use smaller groups "
                      "where rows of different ones are independent")


def _dropped(fit: MomentFit) -> Diagnostic:
    names = ", ".join(fit.dropped[:5]) + (" ..." if len(fit.dropped) > 5 else "")
    return Diagnostic("collinear_moments", float(len(fit.dropped)), 0.0, False,
                      f"combinations of other moments were left out: {names}; take them out, or "
                      "give reg > 0")
