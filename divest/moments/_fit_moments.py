"""The course of every fit: start, two-step estimate, selection, profile step, guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from divest.moments._dual import DualSolution
from divest.moments._inference import omega, sandwich
from divest.moments._instruments import features_of
from divest.moments._moment_checks import check_counts, usable_moments
from divest.moments._moment_function import MomentData, MomentFunction
from divest.moments._problem import MomentProblem
from divest.moments._profile import (
    minimise_profile,
    minimise_weighted,
    profile_value,
    within_guard,
)
from divest.moments._start import Start, find_start

ROUNDS = 3  # of the two-step estimate, each with weights from the one before
JITTER = 1e-12  # of each variance, so that a singular covariance has an inverse


class Method(NamedTuple):
    """What an estimator is made of."""

    profile: bool  # whether the value of the inner problem is minimised
    divergence: str | None  # None: the user's choice
    ridge: bool  # whether kernel instruments get one by default
    data_kernel: bool = False


METHODS = {
    "kmm": Method(True, None, True, True),
    "fgel": Method(True, None, True),
    "vmm": Method(False, "chi2", True),
    "mmr": Method(False, "chi2", True),  # W = I; the ridge is for its tests only
    "gmm": Method(False, "chi2", False),
    "cue": Method(True, "chi2", False),
    "el": Method(True, "log", False),
    "et": Method(True, "kl", False),
}


@dataclass(frozen=True, eq=False)
class Candidate:
    """Instruments and a ridge to choose from."""

    multiplier: float
    reg: float
    instruments: Any  # fitted, or None
    F: np.ndarray | None  # their features of the sample's rows


@dataclass(frozen=True, eq=False)
class Plan:
    """Settings of one fit, checked."""

    estimator: str
    divergence: str
    epsilon: float
    candidates: tuple[Candidate, ...]
    criterion: Callable[[np.ndarray], float] | None  # of residuals (n, m)
    select_profiles: bool
    kernel: bool  # whether the instruments are kernel features
    scale_moments: bool
    n_steps: int
    guard: float
    max_iter: int
    tol: float

    @property
    def method(self) -> Method:
        """What the estimator is made of."""
        return METHODS[self.estimator]

    @property
    def plain(self) -> bool:
        """Whether W = I."""
        return self.estimator == "mmr" or (self.estimator == "gmm" and self.n_steps == 1)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows, their weights and the features of the data; with reference draws, these with them."""

    psi: MomentFunction
    weights: np.ndarray
    Phi: np.ndarray | None = None
    extended: tuple[MomentData, np.ndarray] | None = None  # with the draws below: rows, weights


@dataclass(frozen=True, eq=False)
class TwoStep:
    """One candidate after the rounds of weighted least squares."""

    candidate: Candidate
    problem: MomentProblem  # without data kernel, quadratic divergence
    theta: np.ndarray
    dropped: tuple[str, ...]
    converged: bool
    n_iter: int


@dataclass(frozen=True, eq=False)
class MomentFit:
    """The outcome. `problem` holds the objective, `data` the moments of the sample's own rows."""

    theta: np.ndarray
    problem: MomentProblem
    data: MomentProblem
    dual: DualSolution
    candidate: Candidate
    two_step: np.ndarray
    start: Start
    profiled: bool  # whether theta minimises the value of the inner problem
    converged: bool
    fallback: bool
    n_iter: int
    message: str
    dropped: tuple[str, ...] = ()  # names of moments left out
    selection: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def n(self) -> int:
        """Rows of the sample."""
        return self.data.n_rows


def fit_moments(plan: Plan, sample: Sample, starts: np.ndarray) -> MomentFit:
    """Start, two-step estimates of all candidates, the best of them, and the profile step there."""
    sample.psi.check(starts[0])
    start, scale = first_estimate(plan, sample, starts)
    sample.psi.recheck(start.theta)
    tried = [two_step(plan, sample, c, start, scale) for c in plan.candidates]
    finish = _profiled if plan.method.profile else _weighted
    ends = {}
    if plan.select_profiles:
        ends = {k: finish(plan, sample, start, t) for k, t in enumerate(tried)}
    thetas = [ends[k].theta if ends else t.theta for k, t in enumerate(tried)]
    values = _criteria(plan, sample, thetas, scale)
    best = int(np.nanargmin(values)) if np.isfinite(values).any() else 0
    fit = ends[best] if ends else finish(plan, sample, start, tried[best])
    return replace(fit, selection=_selection_table(tried, values, best))


def first_estimate(plan: Plan, sample: Sample, starts: np.ndarray) -> tuple[Start, np.ndarray]:
    """The start, from the narrowest instruments, and the scale of psi there."""
    scale = moment_scale(plan, sample, starts[0])
    problem, _ = plain_problem(sample, plan.candidates[0], len(starts[0]), scale, starts[0])
    start = find_start(problem, starts, plan.tol)
    return start, moment_scale(plan, sample, start.theta)


def moment_scale(plan: Plan, sample: Sample, theta: np.ndarray) -> np.ndarray:
    """Standard deviations of psi where ridges ask for a scale, else 1."""
    psi = sample.psi(theta)
    if not (plan.kernel and plan.scale_moments):
        return np.ones(psi.shape[1])
    spread = np.sqrt(sample.weights @ (psi - sample.weights @ psi) ** 2)
    return np.where(spread > JITTER * np.abs(psi).max(axis=0), spread, 1.0)


def plain_problem(sample: Sample, candidate: Candidate, n_params: int, scale: np.ndarray,
                  theta: np.ndarray) -> tuple[MomentProblem, tuple[str, ...]]:
    """Moments of a candidate, quadratic divergence, no data kernel; and names of those left out."""
    problem = MomentProblem(sample.psi, sample.psi.jacobian, sample.weights, n_params, len(scale),
                            candidate.F, scale=scale, divergence="chi2", lam=candidate.reg)
    kept, dropped = usable_moments(problem, theta)
    problem = replace(problem, kept=kept)
    check_counts(problem, len(dropped))
    return problem, dropped


def two_step(plan: Plan, sample: Sample, candidate: Candidate, start: Start,
             scale: np.ndarray) -> TwoStep:
    """Weighted least squares from the start."""
    problem, dropped = plain_problem(sample, candidate, len(start.theta), scale, start.theta)
    if plan.plain:
        fit = minimise_weighted(problem, start.theta, None, 1)
    else:
        rounds = plan.n_steps - 1 if plan.estimator == "gmm" else ROUNDS
        fit = minimise_weighted(problem, start.theta, InverseMoment(candidate.reg), rounds)
    return TwoStep(candidate, problem, fit.theta, dropped, fit.converged, fit.n_iter)


@dataclass(frozen=True)
class InverseMoment:
    """The weight ``(E gg' + reg I)^-1``."""

    reg: float

    def __call__(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        S = (g * w[:, None]).T @ g
        return inverse(S + self.reg * np.eye(len(S)))


def inverse(A: np.ndarray) -> np.ndarray:
    """Inverse of a positive definite matrix with a trace of ridge; else its pseudo-inverse."""
    scale = np.sqrt(np.maximum(np.diag(A), 0.0))
    if not (np.isfinite(A).all() and scale.any()):
        return np.full_like(A, np.nan)
    scale[scale == 0] = scale.max()
    units = np.outer(scale, scale)
    try:
        W = cho_solve(cho_factor(A / units + JITTER * np.eye(len(A))), np.eye(len(A)))
    except LinAlgError:
        W = np.linalg.pinv(A / units, hermitian=True)
    return (W + W.T) / 2 / units


def _criteria(plan: Plan, sample: Sample, thetas: list[np.ndarray],
              scale: np.ndarray) -> np.ndarray:
    """The selection criterion of each candidate; NaN where there is nothing to choose."""
    values = np.full(len(thetas), np.nan)
    if plan.criterion is not None and len(thetas) > 1:
        for k, theta in enumerate(thetas):
            residual = sample.psi(theta) / scale
            if np.isfinite(residual).all():
                values[k] = plan.criterion(residual)
    return values


def _selection_table(tried: list[TwoStep], values: np.ndarray, best: int) -> pd.DataFrame:
    """One row per candidate."""
    return pd.DataFrame({
        "bandwidth_multiplier": [t.candidate.multiplier for t in tried],
        "reg": [t.candidate.reg for t in tried],
        "n_moments": [t.problem.n_moments for t in tried],
        "criterion": values,
        "converged": [t.converged for t in tried],
        "selected": np.arange(len(tried)) == best,
    })


def _weighted(plan: Plan, sample: Sample, start: Start, two: TwoStep) -> MomentFit:
    """The outcome for estimators that stop at weighted least squares."""
    dual = own_weights(plan.plain, two.problem, two.theta)
    message = "" if two.converged else "weighted least squares did not converge"
    return MomentFit(two.theta, two.problem, two.problem, dual, two.candidate, two.theta, start,
                     False, two.converged, False, two.n_iter, message, two.dropped)


def own_weights(plain: bool, problem: MomentProblem, theta: np.ndarray) -> DualSolution:
    """Value, multipliers and A of weighted least squares; the rows keep their weights."""
    dual = profile_value(problem, theta)
    if plain:
        gbar = problem.weights @ problem.moments(theta)
        dual = replace(dual, value=float(gbar @ gbar / 2), alpha=gbar, dual=gbar,
                       A=np.eye(len(gbar)))
    return replace(dual, weights=problem.weights, raw_weights=problem.weights)


def profile_problem(plan: Plan, sample: Sample, two: TwoStep) -> MomentProblem:
    """The same moments with the divergence and the data kernel of the estimator."""
    epsilon = 1.0 if plan.divergence == "log" else plan.epsilon
    problem = replace(two.problem, divergence=plan.divergence, epsilon=epsilon,
                      lam=two.candidate.reg / epsilon, Phi=sample.Phi)
    if sample.extended is None:
        return problem
    data, weights = sample.extended
    psi = sample.psi.on(data)
    return replace(problem, psi=psi, psi_jacobian=psi.jacobian, weights=weights,
                   F=features_of(two.candidate.instruments, data.Z))


def _profiled(plan: Plan, sample: Sample, start: Start, two: TwoStep) -> MomentFit:
    """The profile step from the two-step estimate, and the guard."""
    problem = profile_problem(plan, sample, two)
    end = minimise_profile(problem, two.theta, tol=plan.tol, max_iter=plan.max_iter)
    theta, dual, message = end.theta, end.dual, end.message
    inside = end.converged and within_guard(theta, two.theta, _two_step_cov(two), plan.guard)
    if not inside:
        theta, problem, dual = two.theta, two.problem, own_weights(False, two.problem, two.theta)
        if end.converged:
            message = f"the minimum is more than {plan.guard:g} standard errors from the start"
    return MomentFit(theta, problem, two.problem, dual, two.candidate, two.theta, start, inside,
                     end.converged, not inside, end.n_iter, message, two.dropped)


def _two_step_cov(two: TwoStep) -> np.ndarray:
    """Covariance of the two-step estimate."""
    g = two.problem.moments(two.theta)
    w = two.problem.weights
    W = inverse(profile_value(two.problem, two.theta).A)
    return sandwich(two.problem.jacobian_sum(two.theta, w), W, omega(g, w), len(g))
