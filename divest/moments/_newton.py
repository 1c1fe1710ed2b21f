"""Damped Newton steps for a smooth convex function, and the linear solves that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

MAX_STEPS = 80
TOLERANCE = 1e-10  # of the Newton decrement, in units of the size of the function
ARMIJO = 1e-4
SMALLEST_STEP = 1e-10


class Objective(Protocol):
    """A convex function of a vector; `state` is what its value and its derivatives share."""

    size: float

    def value(self, c: np.ndarray) -> tuple[float, Any]:
        """The function at `c`, and the state there."""

    def derivatives(self, c: np.ndarray, state: Any) -> tuple[np.ndarray, np.ndarray]:
        """Gradient and Hessian at `c`."""

    def falls_for_ever(self, c: np.ndarray) -> bool:
        """Whether the function has no lower bound along the ray from 0 through `c`."""


@dataclass(frozen=True)
class Minimum:
    """Where the search ended; value -inf when the function has no lower bound."""

    c: np.ndarray
    value: float
    state: Any
    n_steps: int
    converged: bool


def minimise_newton(objective: Objective, c: np.ndarray, start: np.ndarray | None) -> Minimum:
    """Newton's method with step halving, from the better one of `c` and `start`."""
    f, state = objective.value(c)
    if start is not None and len(start) == len(c):
        started = objective.value(start)
        if started[0] < f:
            c, (f, state) = start, started
    for n_steps in range(1, MAX_STEPS + 1):
        gradient, hessian = objective.derivatives(c, state)
        step = solve_positive(hessian, -gradient)
        if step is None:
            return Minimum(c, -np.inf, state, n_steps, False)
        decrement, size = float(-gradient @ step), max(objective.size, abs(f))
        if decrement < TOLERANCE * size:  # one full step more doubles the digits
            f, state = objective.value(c + step)
            return Minimum(c + step, f, state, n_steps, True)
        moved = _halve(objective, c, f, step, decrement)
        if moved is None:  # no decrease within rounding
            return Minimum(c, f, state, n_steps, decrement < 1e-6 * size)
        c, f, state = moved
        if objective.falls_for_ever(c):
            return Minimum(c, -np.inf, state, n_steps, False)
    return Minimum(c, f, state, MAX_STEPS, False)


def _halve(objective: Objective, c: np.ndarray, f: float, step: np.ndarray,
           decrement: float) -> tuple[np.ndarray, float, Any] | None:
    """The first of the steps 1, 1/2, 1/4, ... that lowers the function enough."""
    t = 1.0
    while t > SMALLEST_STEP:
        value, state = objective.value(c + t * step)
        if value <= f - ARMIJO * t * decrement:  # False for NaN
            return c + t * step, value, state
        t *= 0.5
    return None


def square_root(matrix: np.ndarray) -> np.ndarray:
    """L with ``L L' = matrix``, positive semi-definite, free of the units of its columns."""
    scale = np.sqrt(np.maximum(matrix.diagonal(), 0.0))
    scale[scale == 0] = 1.0
    values, vectors = np.linalg.eigh(matrix / np.outer(scale, scale))
    return scale[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))


def solve_positive(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """``matrix^-1 right`` for a positive semi-definite matrix, free of the units of its columns.

    A ridge at the level of rounding is raised where the matrix is singular. None where no solution
    exists in floating point.
    """
    scale = np.sqrt(np.maximum(matrix.diagonal(), 0.0))
    if not (np.isfinite(scale).all() and np.isfinite(right).all() and scale.any()):
        return None
    scale[scale == 0] = scale.max()
    scaled = matrix / np.outer(scale, scale)
    for ridge in (1e-15, 1e-12, 1e-8):
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(scale)))
        except (LinAlgError, ValueError):
            continue
        solution = cho_solve(factor, (right.T / scale).T)
        solution = (solution.T / scale).T
        return solution if np.isfinite(solution).all() else None
    return None
