"""Families of positive numbers: independent exponential or gamma columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import digamma, polygamma

from divest._validation import check_sample
from divest.sample_complexity._contractions import independent_cumulants
from divest.sample_complexity._count_families import weighted_mean


def check_positive(X: Any) -> np.ndarray:
    """Rows of numbers above 0."""
    X, names = check_sample(X, "X")
    wrong = np.argwhere(X <= 0)
    if len(wrong):
        row, column = wrong[0].tolist()
        named = names[column] if names is not None else column
        raise ValueError(f"X must hold numbers above 0; row {row} of column {named!r} is "
                         f"{X[row, column]:g}.")
    return X


@dataclass(frozen=True)
class Exponential:
    """Independent columns; theta holds the means."""

    name: str = field(default="exponential", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """The columns."""
        return check_positive(X)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Means."""
        return weighted_mean(check_positive(X), sample_weight)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.exponential(theta, size=(n, len(theta)))

    def cumulants(self, theta: np.ndarray) -> tuple[Any, Any, Any]:
        """Powers of the mean times 1, 2 and 6."""
        return independent_cumulants(theta**2, 2.0 * theta**3, 6.0 * theta**4)


@dataclass(frozen=True)
class Gamma:
    """Independent columns; theta is (shapes, scales)."""

    name: str = field(default="gamma", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Logarithms of the columns, then the columns."""
        X = check_positive(X)
        return np.hstack([np.log(X), X])

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Newton's method on log shape - digamma(shape) = log mean - mean log."""
        X = check_positive(X)
        mean = weighted_mean(X, sample_weight)
        gap = -weighted_mean(np.log(X / mean), sample_weight)
        if not (gap > 0).all():
            raise ValueError(f"column {int(np.argmin(gap))} of X does not vary, so no gamma law "
                             "fits it: drop it.")
        shape = (3.0 - gap + np.sqrt((gap - 3.0)**2 + 24.0 * gap)) / (12.0 * gap)
        for _ in range(20):
            error = np.log(shape) - digamma(shape) - gap
            shape = 1.0 / (1.0 / shape + error / (shape**2 * (1.0 / shape - polygamma(1, shape))))
        return np.stack([shape, mean / shape])

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        shape, scale = theta
        return rng.gamma(shape, scale, size=(n, len(shape)))

    def cumulants(self, theta: np.ndarray) -> tuple[Any, Any, Any]:
        """Derivatives of log gamma(k) - k log r by k and by minus the rate r."""
        k, scale = theta
        d = len(k)
        log, own = np.arange(d), np.arange(d, 2 * d)
        G, psi3 = np.zeros((2 * d,) * 2), np.zeros((2 * d,) * 3)
        G[log, log], G[own, own] = polygamma(1, k), k * scale**2
        G[log, own] = G[own, log] = scale
        psi3[log, log, log], psi3[own, own, own] = polygamma(2, k), 2.0 * k * scale**3
        psi3[log, own, own] = psi3[own, log, own] = psi3[own, own, log] = scale**2

        def psi4(B: np.ndarray) -> float:
            return float(polygamma(3, k) @ B[log, log]**2
                         + 8.0 * scale**3 @ (B[log, own] * B[own, own])
                         + 6.0 * (k * scale**4) @ B[own, own]**2)

        return G, psi3, psi4
