"""Covariances and tests of a finished fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from divest.moments._dual import DualSolution
from divest.moments._fit_moments import MomentFit, inverse
from divest.moments._inference import (
    hessian,
    influence,
    j_statistic,
    newey_windmeijer,
    omega,
    s_statistic,
    sandwich,
)
from divest.moments._problem import MomentProblem
from divest.moments._profile import profile_gradient, profile_value
from divest.moments._shared_diagnostics import inflation

PILED, SPREAD_OUT = 0.5, 0.9  # effective rows, as a share of the rows
COV_TYPES = ("auto", "robust", "cluster", "hac", "nw")


@dataclass(frozen=True, eq=False)
class Dependence:
    """How rows depend on one another: what `omega` asks for."""

    cov_type: str = "robust"
    groups: np.ndarray | None = None
    max_lags: int | None = None

    def omega(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        """Omega of moments (n, q)."""
        return omega(g, w, cov_type=self.cov_type, groups=self.groups, max_lags=self.max_lags)


class FitInference:
    """What a fit says about its own precision.

    Parameters
    ----------
    fit : MomentFit
        The fit.
    cov_type : str
        As in the estimator.
    dependence : Dependence
        How rows depend on one another.
    plain : bool
        Whether W = I.
    """

    def __init__(self, fit: MomentFit, cov_type: str, dependence: Dependence, plain: bool) -> None:
        self.fit, self.dependence, self.plain = fit, dependence, plain
        g, w = fit.data.moments(fit.theta), fit.data.weights
        self.gbar, self.Omega = w @ g, dependence.omega(g, w)
        self.Gamma = fit.data.jacobian_sum(fit.theta, w)
        self.W = inverse(fit.dual.A)
        self.robust = sandwich(self.Gamma, self.W, self.Omega, fit.n)
        self.nw = self._newey_windmeijer() if fit.profiled else None
        wanted = cov_type == "nw" or (cov_type == "auto" and fit.profiled)
        self.used = "nw" if wanted and self.nw is not None else dependence.cov_type
        self.cov = self.robust if self.nw is None or self.used != "nw" else self.nw

    def _newey_windmeijer(self) -> np.ndarray | None:
        """The covariance that knows of an estimated Jacobian; None where it does not exist."""
        fit = self.fit
        if not np.isfinite(self.robust).all():
            return None

        def gradient(theta: np.ndarray) -> np.ndarray:
            dual = profile_value(fit.problem, theta, fit.dual.dual)
            return profile_gradient(fit.problem, theta, dual)

        D = fit.problem.jacobian_sum(fit.theta, fit.dual.raw_weights)
        H = hessian(gradient, fit.theta, np.sqrt(np.diag(self.robust)))
        return newey_windmeijer(H, D, self.W, self.Omega, fit.n)

    @cached_property
    def j(self) -> tuple[float, float, Any, str]:
        """Statistic, p-value, null and note of the test of overidentification."""
        if self.n_groups is not None and self.n_groups <= len(self.gbar):
            return np.nan, np.nan, 0, "no more groups than moments: there is no such test"
        ridge = self.fit.candidate.reg or float(self.plain)
        return j_statistic(self.gbar, self.Gamma, self.W, self.Omega, self.fit.n, ridge)

    @property
    def n_groups(self) -> int | None:
        """Number of groups; None where rows are not grouped."""
        groups = self.dependence.groups
        return None if groups is None else len(np.unique(groups))

    @property
    def condition(self) -> float:
        """Condition of the information matrix, parameters brought to one scale."""
        B = self.Gamma.T @ self.W @ self.Gamma
        if not np.isfinite(B).all() or np.diag(B).min() <= 0:
            return np.inf
        scale = 1 / np.sqrt(np.diag(B))
        return float(np.linalg.cond(B * np.outer(scale, scale)))

    @property
    def carriers(self) -> float:
        """Effective number of rows in the variance of a parameter, the smallest over parameters."""
        fit = self.fit
        pull = self.Gamma.T @ self.W @ influence(fit.data.moments(fit.theta), fit.data.weights).T
        peak = np.abs(pull).max(axis=1, keepdims=True)
        if not np.isfinite(peak).all() or peak.min() <= 0:
            return np.nan
        square = (pull / peak)**2
        return float((square.sum(axis=1)**2 / (square**2).sum(axis=1)).min())

    @property
    def inflation(self) -> float:
        """Largest ratio of Newey-Windmeijer to sandwich standard errors; NaN without the former."""
        return inflation(self.robust, self.nw)

    def s_test(self, theta: np.ndarray, start: np.ndarray | None = None
               ) -> tuple[float, float, np.ndarray]:
        """Statistic and p-value of ``E g(theta) = 0``, and the dual there for a warm start."""
        problem, data = self.fit.problem, self.fit.data
        dual = profile_value(problem, theta, start)
        if not np.isfinite(dual.value):  # no weights satisfy the moments; or they are not finite
            return np.inf, 0.0, dual.dual
        Omega = self.dependence.omega(data.moments(theta), data.weights)
        A = s_scale(problem, theta, dual)
        statistic, pvalue, _ = s_statistic(dual.value, A, Omega, data.n_rows)
        return statistic, pvalue, dual.dual


def s_scale(problem: MomentProblem, theta: np.ndarray, dual: DualSolution) -> np.ndarray:
    """The matrix A that the S statistic at theta is compared by.

    That of the inner solution, with which the level is kept best, as long as its weights are near
    those of the rows. Where they pile up on few rows, moments hardly vary under them, and any value
    of the statistic would look small; there it is that of the quadratic divergence.
    """
    A = dual.A
    if problem.divergence != "chi2":
        share = np.sum(problem.weights**2) / np.sum(dual.weights**2)
        trust = float(np.clip((share - PILED) / (SPREAD_OUT - PILED), 0.0, 1.0))
        if trust < 1:
            plain = profile_value(replace(problem, divergence="chi2"), theta).A
            A = trust * A + (1 - trust) * plain
    return A + 1e-12 * np.diag(np.diag(A))
