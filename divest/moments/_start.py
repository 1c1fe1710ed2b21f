"""Where the search begins: the parameters with the smallest mean moments, W = I."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divest.moments._problem import MomentProblem
from divest.moments._profile import minimise_weighted

AFFINE = 1e-7  # of the largest moment: smaller departures from a straight line are rounding
RIVAL = 1.1  # another start is as good when its objective is at most this times the smallest


@dataclass(frozen=True)
class Start:
    """The best start, and where the others went."""

    theta: np.ndarray
    thetas: np.ndarray  # (k, p)
    objectives: np.ndarray  # (k,)
    affine: bool

    @property
    def rivals(self) -> np.ndarray:
        """Ends of the starts that fit as well as the best, (k, p)."""
        return self.thetas[self.objectives <= RIVAL * self.objectives.min() + 1e-20]


def perturbed_starts(theta0: np.ndarray, n_starts: int, rng: np.random.Generator) -> np.ndarray:
    """theta0 and copies of it, with normal noise of standard deviation max(1, |theta0_j|)."""
    noise = rng.standard_normal((n_starts - 1, len(theta0)))
    return np.vstack([theta0, theta0 + np.maximum(1.0, np.abs(theta0)) * noise])


def find_start(problem: MomentProblem, starts: np.ndarray, tol: float) -> Start:
    """The least squares solution: in closed form for affine moments, else from every start."""
    straight = _affine_solution(problem, starts[0])
    if straight is not None:
        return Start(straight, straight[None], np.zeros(1), True)
    ends, objectives = [], []
    for theta in starts:
        if not np.isfinite(problem.moments(theta)).all():
            continue
        fit = minimise_weighted(problem, theta, None, 1, tol)
        if np.isfinite(fit.objective) and np.isfinite(fit.theta).all():
            ends.append(fit.theta)
            objectives.append(fit.objective)
    if not ends:
        raise ValueError("no start led to finite moments; give another theta0, or a list of them.")
    best = int(np.argmin(objectives))
    return Start(ends[best], np.array(ends), np.array(objectives), False)


def _affine_solution(problem: MomentProblem, theta: np.ndarray) -> np.ndarray | None:
    """The minimiser of |gbar| where psi is affine in theta; None where it is not."""
    with np.errstate(all="ignore"):
        psi, J = problem.psi(theta), problem.psi_jacobian(theta)
        if not np.isfinite(J).all():
            return None
        size = np.maximum(1.0, np.abs(theta))
        away = np.resize([1.0, -0.7, 0.4], len(theta))
        if not all(_on_line(problem, theta, psi, J, step) for step in (size, 2 * size * away)):
            return None
        gbar = problem.weights @ problem.moments(theta)
        Gamma = problem.jacobian_sum(theta, problem.weights)
        norms = np.linalg.norm(Gamma, axis=0)
        norms[norms == 0] = 1.0
        step = -np.linalg.lstsq(Gamma / norms, gbar, rcond=1e-12)[0] / norms
        return theta + step if _on_line(problem, theta, psi, J, step) else None


def _on_line(problem: MomentProblem, theta: np.ndarray, psi: np.ndarray, J: np.ndarray,
             step: np.ndarray) -> bool:
    """Whether the moments at ``theta + step`` are where the Jacobian at theta says."""
    moved = problem.psi(theta + step)
    off = np.abs(moved - psi - J @ step).max(axis=0)
    return bool((off <= AFFINE * (np.abs(moved) + np.abs(psi)).max(axis=0)).all())
