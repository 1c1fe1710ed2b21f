"""The first order for models that are no exponential families."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._results import Diagnostic
from divest._validation import check_finite, check_floats, check_scale
from divest.sample_complexity._pn_result import HEAVY, Decision, PNResult, first_order_result
from divest.sample_complexity._pn_routes import Sample

SLACK = 0.1  # distance of the mean score from 0, in standard errors per parameter


def general_result(sample: Sample, hessian: Any, fisher: Any, risk: str,
                   decision: Decision) -> PNResult:
    """Trace of the covariance of the scores in the metric of the risk."""
    scores, p = sample.X, sample.X.shape[1]
    weights = np.full(len(scores), 1.0 / len(scores)) if sample.weights is None else sample.weights
    J = -_matrix("hessian", hessian, p, sign=-1.0)
    metric = np.linalg.inv(J)
    if risk == "projection":
        if fisher is None:
            raise ValueError("risk='projection' needs fisher, the Fisher information of the model.")
        metric = metric @ _matrix("fisher", fisher, p, sign=1.0) @ metric
    check_scale(scores, "scores")
    if not scores.any():
        raise ValueError("scores are zero for every row; give the gradient of the log density in "
                         "the parameters, one row each.")
    parts = weights * np.einsum("ia,ia->i", scores @ metric, scores)
    mean = weights @ scores
    spread = (scores * weights[:, None]).T @ scores
    gap = float(np.sqrt(sample.size * mean @ np.linalg.lstsq(spread, mean, rcond=None)[0] / p))
    share = float(parts.max() / parts.sum())
    checks = (
        Diagnostic("sample_exceeds_p", sample.size, float(p), sample.size > p,
                   "no more rows than parameters: formulas for many rows say nothing here."),
        Diagnostic("at_maximum", gap, SLACK, gap <= SLACK,
                   "distance of the mean score from zero, in standard errors: the scores are not "
                   "at the maximum likelihood estimate."),
        Diagnostic("heavy_tails", share, HEAVY, share <= HEAVY,
                   "one row makes up this share of p_star, which is then too small on average and "
                   "unsure; look at that row."),
    )
    return first_order_result(float(parts.sum()), p, sample.size, decision, checks)


def _matrix(name: str, value: Any, p: int, sign: float) -> np.ndarray:
    """A symmetric definite matrix of that sign."""
    matrix = check_floats(name, value)
    if matrix.shape != (p, p):
        raise ValueError(f"{name} must have shape ({p}, {p}), as the scores have {p} columns; got "
                         f"shape {matrix.shape}.")
    check_finite(matrix, name)
    matrix = (matrix + matrix.T) / 2.0
    if not np.linalg.eigvalsh(sign * matrix)[0] > 0:
        raise ValueError(f"{name} must be {'positive' if sign > 0 else 'negative'} definite.")
    return matrix
