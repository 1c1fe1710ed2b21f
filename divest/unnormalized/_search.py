"""Scores that are not linear in the parameters: the minimum is searched for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from divest._results import ConvergenceWarning
from divest._validation import check_finite
from divest.unnormalized._equations import Solution, covariance_at
from divest.unnormalized._pairs import RowPairs

ITERATIONS = 500
CLOSE = 0.01  # standard errors that a step of Newton may still go
_STEP, _WIDE = 6e-6, 1e-4  # of first and of second differences
_POLISH = 5  # steps of Newton after the search, at most


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """``score(X, theta)`` at the rows, in the units of the test functions."""

    score: Callable[..., Any]
    X: np.ndarray
    scale: np.ndarray

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Scores (n, d)."""
        with np.errstate(all="ignore"):
            values = np.asarray(self.score(self.X, theta), dtype=float)
        if values.shape != self.X.shape:
            raise ValueError(f"the family must give scores of the shape of X, {self.X.shape}; got "
                             f"{values.shape}.")
        return values * self.scale

    def slopes(self, theta: np.ndarray, step: float = _STEP) -> np.ndarray:
        """Derivatives in the parameters, (n, d, p), by central differences."""
        steps = np.diag(step * np.maximum(1.0, np.abs(theta)))
        return np.stack([(self(theta + move) - self(theta - move)) / (2 * move.sum())
                         for move in steps], axis=2)

    def bend(self, theta: np.ndarray, field: np.ndarray) -> np.ndarray:
        """Derivatives (p, p) of ``slopes . field`` in the parameters, the field (n, d) held."""
        def pull(at: np.ndarray) -> np.ndarray:
            return np.einsum("ilp,il->p", self.slopes(at, _WIDE), field)

        steps = np.diag(_WIDE * np.maximum(1.0, np.abs(theta)))
        return np.stack([(pull(theta + move) - pull(theta - move)) / (2 * move.sum())
                         for move in steps], axis=1)


def search(pairs: RowPairs, function: ScoreFunction, theta0: np.ndarray,
           names: list[str]) -> Solution:
    """The minimum near `theta0` by L-BFGS, then by steps of Newton."""
    check_finite(function(theta0), "the score at theta0")
    drift = pairs.act(np.zeros((*pairs.Z.shape, 1)))[2]
    unit = _units(pairs, function.slopes(theta0))

    def objective(at: np.ndarray) -> tuple[float, np.ndarray]:
        theta = theta0 + unit * at
        psi, slopes = function(theta), function.slopes(theta)
        if not (np.isfinite(psi).all() and np.isfinite(slopes).all()):
            return np.inf, np.zeros(len(theta))
        pull = pairs.smooth(psi) + drift
        value = np.einsum("il,il->", psi, pull + drift) / pairs.count
        return value, 2 * unit * np.einsum("ilp,il->p", slopes, pull) / pairs.count

    found = minimize(objective, np.zeros(len(theta0)), jac=True, method="L-BFGS-B",
                     options={"maxiter": ITERATIONS, "ftol": 1e-14, "gtol": 1e-9})
    return _polished(pairs, function, theta0 + unit * found.x, drift, names)


def _units(pairs: RowPairs, slopes: np.ndarray) -> np.ndarray:
    """A length for each parameter: that in which the objective has the second derivative 1."""
    squares = np.einsum("ilp,ilp->p", slopes, pairs.smooth(slopes)) / pairs.count
    return 1 / np.sqrt(np.where(squares > 0, squares, 1.0))


def _polished(pairs: RowPairs, function: ScoreFunction, theta: np.ndarray, drift: np.ndarray,
              names: list[str]) -> Solution:
    """Steps of Newton until they are small; a warning where they stay large."""
    for _ in range(_POLISH):
        psi = function(theta)
        bend = function.bend(theta, pairs.smooth(psi) + drift) / pairs.count
        covariance, step = covariance_at(pairs, function.slopes(theta), psi, bend, names)
        size = float(np.max(np.abs(step) / np.sqrt(np.diag(covariance))))
        if size > 1.0:
            break
        theta = theta + step
        if size < 1e-4:
            break
    if not size < CLOSE:
        warnings.warn(f"the search ended {size:.2g} standard errors away from a minimum; start it "
                      "elsewhere (theta0), or scale the parameters.", ConvergenceWarning,
                      stacklevel=2)
    return Solution(theta, covariance)
