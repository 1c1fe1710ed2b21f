"""Families of positive numbers: independent exponential or gamma columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from scipy.special import digamma, polygamma

from divest.sample_complexity._contractions import weighted_mean
from divest.sample_complexity._independent import (
    IndependentColumns,
    Standard,
    check_entries,
    column_name,
)

SERIES = 50.0  # shape from which the series of `tails` are exact to rounding
CONVERGED = 1e-10  # of the equation for the shape, relative
MOST_STEPS = 50
TINY = float(np.finfo(float).tiny)  # for what a change of units brought to 0


class Positive(IndependentColumns):
    """Columns of numbers above 0."""

    def check(self, X: Any, names: Sequence[Any] | None = None) -> np.ndarray:
        """Rows of numbers above 0."""
        return check_entries(X, names, lambda x: x > 0, "numbers above 0")


@dataclass(frozen=True)
class Exponential(Positive):
    """Independent columns; theta holds the means."""

    name: str = field(default="exponential", init=False)

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Any:
        """In units of the means."""
        return _units(self.check(X, names), weights)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.exponential(theta, size=(n, len(theta)))

    def column_cumulants(self, theta: np.ndarray) -> Standard:
        """Powers of the mean times 1, 2 and 6."""
        return theta**2, 2.0 * theta**3, 6.0 * theta**4


def tails(k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Digamma and its derivatives less log k, 1/k, -1/k^2 and 2/k^3, exact for large k too."""
    r = 1.0 / np.maximum(k, SERIES)
    series = (-r / 2 - r**2 / 12 + r**4 / 120 - r**6 / 252,
              r**2 / 2 + r**3 / 6 - r**5 / 30 + r**7 / 42,
              -r**3 - r**4 / 2 + r**6 / 6 - r**8 / 6,
              3 * r**4 + 2 * r**5 - r**7 + 4 * r**9 / 3)
    k = np.minimum(k, SERIES)
    plain = (digamma(k) - np.log(k), polygamma(1, k) - 1 / k, polygamma(2, k) + 1 / k**2,
             polygamma(3, k) - 2 / k**3)
    small = k < SERIES
    return tuple(np.where(small, one, other) for one, other in zip(plain, series, strict=True))


def log_excess(x: np.ndarray) -> np.ndarray:
    """Logarithm of x, less x - 1; exact near 1 too."""
    u = x - 1.0
    near = np.abs(u) < 0.5
    return np.where(near, np.log1p(np.where(near, u, 0.0)), np.log(np.maximum(x, TINY))) - u


@dataclass(frozen=True)
class Gamma(Positive):
    """Independent columns; theta is (shapes, scales)."""

    name: str = field(default="gamma", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Logarithms less the columns, then the columns: uncorrelated if all means are 1."""
        X = self.check(X)
        return np.hstack([log_excess(X), X])

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Any:
        """In units of the means."""
        _refuse_constant(self.check(X, names), names)
        return _units(X, weights)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Newton's method on log shape - digamma(shape) = log mean - mean log."""
        X = self.check(X)
        _refuse_constant(X, None)
        mean = weighted_mean(X, sample_weight)
        gap = -weighted_mean(log_excess(X / mean), sample_weight)
        shape = (3.0 - gap + np.sqrt((gap - 3.0)**2 + 24.0 * gap)) / (12.0 * gap)
        for _ in range(MOST_STEPS):
            log, slope = tails(shape)[:2]
            if (np.abs(log + gap) <= CONVERGED * gap).all():
                return np.stack([shape, mean / shape])
            shape = 1.0 / (1.0 / shape + (log + gap) / (shape**2 * slope))
        raise ValueError("no shape of a gamma law fits X to rounding; some column varies too "
                         "little, or over too many orders of magnitude.")

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        shape, scale = theta
        return rng.gamma(shape, scale, size=(n, len(shape)))

    def standard(self, X: np.ndarray, theta: np.ndarray) -> Standard:
        """Of log x - x and x in units of the mean, which are uncorrelated."""
        k, scale = theta
        x = X / (k * scale)
        log, variance, third, fourth = tails(k)
        sd = np.sqrt([variance, 1.0 / k])
        z = np.stack([log_excess(x) - log, x - 1.0], axis=1) / sd
        psi3, psi4 = np.zeros((2, 2, 2, len(k))), np.zeros((2, 2, 2, 2, len(k)))
        psi3[0, 0, 0], psi3[1, 1, 1] = third, 2.0 / k**2
        psi3[0, 1, 1] = psi3[1, 0, 1] = psi3[1, 1, 0] = -1.0 / k**2
        psi4[0, 0, 0, 0], psi4[1, 1, 1, 1] = fourth, 6.0 / k**3
        for a, b, c, e in set(permutations((0, 0, 1, 1))):
            psi4[a, b, c, e] = 2.0 / k**3
        for a, b, c, e in set(permutations((0, 1, 1, 1))):
            psi4[a, b, c, e] = -4.0 / k**3
        for slots in range(3):
            psi3 /= np.moveaxis(sd[:, None, None], 0, slots)
        for slots in range(4):
            psi4 /= np.moveaxis(sd[:, None, None, None], 0, slots)
        return z, psi3, psi4


def _units(X: np.ndarray, weights: np.ndarray | None) -> Any:
    """Rows in units of the means of X."""
    mean = weighted_mean(X, weights)
    return lambda rows: rows / mean


def _refuse_constant(X: np.ndarray, names: Sequence[Any] | None) -> None:
    """Each column must vary."""
    varies = np.ptp(X, axis=0) > 0
    if not varies.all():
        column = column_name(int(np.argmin(varies)), names)
        raise ValueError(f"column {column} of X does not vary, so no gamma law fits it: drop it.")
