"""Normal laws with a full, a diagonal or a spherical covariance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest._validation import check_sample, check_scale
from divest.sample_complexity._contractions import (
    Evaluated,
    equal_weights,
    first_order,
    whitening,
)
from divest.sample_complexity._gaussian_route import (
    block_coefficients,
    gaussian_coefficients,
    n_statistics,
    specified_coefficients,
)
from divest.sample_complexity._independent import column_name

Theta = tuple[np.ndarray, np.ndarray]


def mean_covariance(X: np.ndarray, weights: np.ndarray | None) -> Theta:
    """Weighted mean and covariance, divisor n."""
    w = equal_weights(len(X), weights)
    mean = w @ X
    return mean, ((X - mean) * w[:, None]).T @ (X - mean)


def _refuse_constant(X: np.ndarray, weights: np.ndarray | None, names: Any = None) -> None:
    """Each column must vary."""
    check_scale(X, "X", names)
    refuse_without_variance(np.ptp(X if weights is None else X[weights > 0], axis=0), names)


def refuse_without_variance(spread: np.ndarray, names: Any) -> None:
    """Each column must vary, that is have a spread above 0."""
    varies = spread > 0
    if not varies.all():
        column = column_name(int(np.argmin(varies)), names)
        raise ValueError(f"column {column} of X does not vary, so no normal law fits it: drop it.")


@dataclass(frozen=True)
class Standardized:
    """Rows in units of the fitted law: the risk is the same, the numbers are well behaved."""

    mean: np.ndarray
    units: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return (X - self.mean) @ self.units


@dataclass(frozen=True)
class FullGaussian:
    """Any mean and covariance; theta is the pair of them."""

    name: str = field(default="gaussian", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Columns, and products of two columns."""
        X = check_sample(X, "X")[0]
        i, j = np.triu_indices(X.shape[1])
        return np.hstack([X, X[:, i] * X[:, j]])

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> Theta:
        """Mean and covariance."""
        return mean_covariance(check_sample(X, "X")[0], sample_weight)

    def sample(self, theta: Theta, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        values, vectors = np.linalg.eigh(theta[1])
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return theta[0] + rng.normal(size=(n, len(root))) @ root.T

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Standardized:
        """Uncorrelated columns; directions without variance are left out."""
        _refuse_constant(X, weights, names)
        mean, covariance = mean_covariance(X, weights)
        return Standardized(mean, whitening(covariance))

    def count_parameters(self, d: int) -> int:
        """Means, variances and covariances."""
        return n_statistics(d)

    def risk_coefficients(self, X: np.ndarray, weights: np.ndarray | None, specified: bool,
                          second: bool, cubes: float) -> Evaluated:
        """The coefficient vector of the law fitted to rows."""
        _refuse_constant(X, weights)
        found = gaussian_coefficients(X, weights, second and not specified, cubes)
        if not specified:
            return found
        values = specified_coefficients(X.shape[1], cubes)
        return found._replace(values=values if second else first_order(values[0]))


@dataclass(frozen=True)
class BlockGaussian:
    """Independent columns with a variance each, or with one variance for all."""

    covariance: str

    @property
    def name(self) -> str:
        """What the family is called."""
        return f"gaussian ({self.covariance})"

    def _size(self, d: int) -> int:
        return 1 if self.covariance == "diag" else d

    def _per_block(self, values: np.ndarray) -> np.ndarray:
        """Sums over the columns that share a variance; columns stand last."""
        d = values.shape[-1]
        return values.reshape(*values.shape[:-1], -1, self._size(d)).sum(axis=-1)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Columns, and the squares or their sum."""
        X = check_sample(X, "X")[0]
        return np.hstack([X, self._per_block(X**2)])

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> Theta:
        """Means and variances."""
        mean, covariance = mean_covariance(check_sample(X, "X")[0], sample_weight)
        return mean, self._per_block(np.diag(covariance)) / self._size(len(mean))

    def sample(self, theta: Theta, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        mean, variance = theta
        sd = np.repeat(np.sqrt(variance), self._size(len(mean)))
        return mean + sd * rng.normal(size=(n, len(mean)))

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Standardized:
        """Columns about their means, in units of the fitted standard deviations."""
        _refuse_constant(X, weights, names)
        mean, variance = self.fit(X, weights)
        return Standardized(mean, np.diag(np.repeat(variance**-0.5, self._size(X.shape[1]))))

    def risk_coefficients(self, X: np.ndarray, weights: np.ndarray | None, specified: bool,
                          second: bool, cubes: float) -> Evaluated:
        """The coefficient vector of the law fitted to rows."""
        _refuse_constant(X, weights)
        blocks = X.reshape(len(X), -1, self._size(X.shape[1]))
        return block_coefficients(blocks, weights, specified, second, cubes)
