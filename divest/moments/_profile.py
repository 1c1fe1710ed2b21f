"""The outer problem: the theta at which the moments are easiest to satisfy.

`minimise_weighted` minimises a quadratic form of the mean moments (two-step estimators);
`minimise_profile` minimises the value of the inner problem by Levenberg-Marquardt steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError
from scipy.optimize import least_squares, minimize

from divest.moments._dual import DualSolution, dual_chi2, dual_kl, dual_log
from divest.moments._newton import solve_positive, square_root
from divest.moments._problem import MomentProblem

DUALS = {"kl": dual_kl, "chi2": dual_chi2, "log": dual_log}
SMALLEST_CURVATURE = 1e-14  # relative to the largest met
AT_PRECISION = 1e-3  # predicted step, in standard errors, that rounding may leave
MAX_REFUSALS = 25

WeightRule = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class WeightedFit:
    """Minimum of a quadratic form; `weight` is the matrix of the last round."""

    theta: np.ndarray
    weight: np.ndarray
    objective: float
    converged: bool
    n_iter: int


class _Round(NamedTuple):
    """Where one round of least squares ended."""

    theta: np.ndarray
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class ProfileFit:
    """Minimum of the profile objective, and why the search ended."""

    theta: np.ndarray
    dual: DualSolution
    objective: float
    converged: bool
    n_iter: int
    message: str


@np.errstate(all="ignore")
def minimise_weighted(problem: MomentProblem, theta0: np.ndarray, weight_rule: WeightRule | None,
                      n_steps: int = 1, tol: float = 1e-12) -> WeightedFit:
    """Minimise gbar' W gbar `n_steps` times; each W from the moments at the theta before.

    `tol` is the relative change of theta at which a round ends.
    """
    theta, n_iter, converged = np.array(theta0, float), 0, True
    for _ in range(n_steps):
        g = problem.moments(theta)
        weight = np.eye(g.shape[1]) if weight_rule is None else weight_rule(g, problem.weights)
        found = _least_squares(problem, theta, weight, tol)
        if found is None:
            return WeightedFit(theta, weight, np.inf, False, n_iter)
        theta, n_iter, converged = found.theta, n_iter + found.n_iter, found.converged
    mean = problem.weights @ problem.moments(theta)
    return WeightedFit(theta, weight, float(mean @ weight @ mean), converged, n_iter)


def _least_squares(problem: MomentProblem, theta: np.ndarray, weight: np.ndarray,
                   tol: float) -> _Round | None:
    """One round; None where moments, Jacobian or weights are not finite.

    Residuals are in units of their first size and theta in units of its first effect on them, so
    that the tolerances mean the same whatever the data are measured in.
    """
    if not np.isfinite(weight).all():
        return None
    root, w = square_root(weight).T, problem.weights
    first, slope = root @ (w @ problem.moments(theta)), root @ problem.jacobian_sum(theta, w)
    size, effect = float(np.linalg.norm(first)) or 1.0, np.linalg.norm(slope, axis=0)
    units = size / np.where(effect > 0, effect, size)
    try:
        found = least_squares(
            lambda x: root @ (w @ problem.moments(units * x)) / size, theta / units,
            lambda x: root @ problem.jacobian_sum(units * x, w) * (units / size),
            x_scale="jac", max_nfev=300, xtol=tol, ftol=1e-14, gtol=1e-14)
    except (ValueError, LinAlgError):  # scipy's words for values that are not finite
        return None
    return _Round(units * found.x, found.nfev, found.status > 0)


def profile_value(problem: MomentProblem, theta: np.ndarray,
                  start: np.ndarray | None = None) -> DualSolution:
    """The inner problem at theta; value inf where the moments are not finite."""
    return DUALS[problem.divergence](problem.moments(theta), problem.Phi, problem.epsilon,
                                     problem.lam, problem.weights, start)


@np.errstate(all="ignore")
def profile_gradient(problem: MomentProblem, theta: np.ndarray, dual: DualSolution) -> np.ndarray:
    """Derivative of the profile objective: by the envelope theorem, that of the moments only."""
    return problem.jacobian_sum(theta, dual.raw_weights).T @ dual.alpha


def within_guard(theta: np.ndarray, theta_two: np.ndarray, V_two: np.ndarray,
                 guard: float) -> bool:
    """Whether theta is within `guard` standard errors, per parameter, of the two-step estimate."""
    away = np.asarray(theta) - theta_two
    if not (np.isfinite(away).all() and np.isfinite(V_two).all()):
        return False
    error = np.sqrt(np.maximum(np.diag(V_two), 0))
    error[error == 0] = 1.0
    away, correlation = away / error, V_two / np.outer(error, error)
    squared = away @ np.linalg.pinv(correlation, hermitian=True) @ away
    return bool(squared < guard**2 * len(away))


@np.errstate(all="ignore")
def minimise_profile(problem: MomentProblem, theta0: np.ndarray, *, tol: float = 1e-6,
                     max_iter: int = 60) -> ProfileFit:
    """Minimise the inner value over theta, from `theta0`.

    Done when the predicted step is below `tol` standard errors. Where Levenberg-Marquardt steps
    stall, L-BFGS-B goes on from there, and they finish; `max_iter` holds for each of the three.
    """
    theta = np.array(theta0, float)
    point = _point(problem, theta, None)
    if point is None:
        message = ("no distribution on the rows satisfies the moments at the start, or they are "
                   "not finite there")
        return ProfileFit(theta, profile_value(problem, theta), np.inf, False, 0, message)
    search = _Search(problem, point, tol, max_iter)
    search.run()
    if search.stalled:
        search.restart()
    point = search.point
    return ProfileFit(point.theta, point.dual, point.dual.value, search.converged, search.n_iter,
                      search.message)


@dataclass(frozen=True)
class _Point:
    """A theta with the inner solution, the gradient and the Gauss-Newton matrix there."""

    theta: np.ndarray
    dual: DualSolution
    gradient: np.ndarray
    curvature: np.ndarray


def _point(problem: MomentProblem, theta: np.ndarray, start: np.ndarray | None,
           highest: float = np.inf) -> _Point | None:
    """The point at theta; None where its value is above `highest` or anything is not finite."""
    dual = profile_value(problem, theta, start)
    if not (dual.converged and np.isfinite(dual.value) and dual.value <= highest):
        return None
    G = problem.jacobian_sum(theta, dual.raw_weights)
    explained = solve_positive(dual.A, G)
    if explained is None or not np.isfinite(G).all():
        return None
    gradient, curvature = G.T @ dual.alpha, G.T @ explained
    curvature = 0.5 * (curvature + curvature.T)
    if not (np.isfinite(gradient).all() and np.isfinite(curvature).all()):
        return None
    return _Point(theta, dual, gradient, curvature)


class _Search:
    """Levenberg-Marquardt steps from one point to the next."""

    def __init__(self, problem: MomentProblem, point: _Point, tol: float, max_iter: int) -> None:
        self.problem, self.point, self.tol, self.max_iter = problem, point, tol, max_iter
        self.scale = np.zeros(len(point.theta))  # largest curvature so far, per parameter
        self.n_iter, self.converged, self.stalled, self.message = 0, False, False, ""

    def run(self) -> None:
        """Step until the predicted step is small, or no step helps, or theta has run off."""
        damping, self.stalled = 1e-3, False
        for _ in range(self.max_iter):
            size = self._predicted_step()
            if size is None:
                self._end(False, "the moments do not determine theta where the search ended")
                return
            if size < self.tol:
                self._end(True, "the predicted step is below tol standard errors")
                return
            self.n_iter += 1
            moved = self._step(damping)
            if moved is None:
                self._end(size < AT_PRECISION, "no step lowers the objective")
                self.stalled = not self.converged
                return
            self.point, damping = moved
        self._end(False, f"not converged in max_iter = {self.max_iter} steps")
        self.stalled = True

    def restart(self) -> None:
        """Go on with L-BFGS-B in units of the curvature, then step again."""
        units = 1 / np.sqrt(np.where(self.scale > 0, self.scale, 1.0))
        origin, ceiling = self.point, 10 * abs(self.point.dual.value) + self.problem.epsilon

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            point = _point(self.problem, origin.theta + units * x, origin.dual.dual, ceiling)
            return (ceiling, 0 * x) if point is None else (point.dual.value, units * point.gradient)

        found = minimize(function, np.zeros(len(units)), jac=True, method="L-BFGS-B",
                         options={"maxiter": self.max_iter, "ftol": 0.0, "gtol": 1e-12})
        point = _point(self.problem, origin.theta + units * found.x, origin.dual.dual,
                       origin.dual.value)
        if point is not None and found.nit > 0:
            self.n_iter, self.point = self.n_iter + found.nit, point
            self.run()

    def _end(self, converged: bool, message: str) -> None:
        self.converged, self.message = converged, message

    def _predicted_step(self) -> float | None:
        """Length of the full step in standard errors; None where the curvature is singular."""
        B, gradient = self.point.curvature, self.point.gradient
        self.scale = np.maximum(self.scale, np.diag(B))
        if not (self.scale > 0).all():
            return None
        relative = B / np.sqrt(np.outer(self.scale, self.scale))
        if np.linalg.eigvalsh(relative)[0] < SMALLEST_CURVATURE:
            return None
        step = solve_positive(B, gradient)
        if step is None:
            return None
        squared = self.problem.n_rows / self.problem.epsilon * float(gradient @ step)
        return float(np.sqrt(max(squared, 0.0)))

    def _step(self, damping: float) -> tuple[_Point, float] | None:
        """The first damped step that does not raise the objective, and the next damping."""
        here = self.point
        diagonal = np.diag(np.diag(here.curvature))
        rounding = 1e-15 * max(self.problem.epsilon, abs(here.dual.value))
        for _ in range(MAX_REFUSALS):
            step = solve_positive(here.curvature + damping * diagonal, -here.gradient)
            if step is not None:
                there = _point(self.problem, here.theta + step, here.dual.dual,
                               here.dual.value + rounding)
                if there is not None:
                    return there, max(damping / 4, 1e-12)
            damping = max(4 * damping, 1e-6)
        return None
