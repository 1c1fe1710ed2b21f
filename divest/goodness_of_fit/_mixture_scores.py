"""Scores of Gaussian mixtures, of kernel density estimates and of the multivariate t."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln, logsumexp, softmax

_BLOCK = 1 << 21  # entries of a block of distances


@dataclass(frozen=True, eq=False)
class GaussianMixtureDensity:
    """``log sum_k w_k N(x; m_k, P_k^-1)`` with ``P_k = W_k W_k'``.

    Shapes: log_weights (K,), means (K, d), whiteners (K, d, d).
    """

    log_weights: np.ndarray
    means: np.ndarray
    whiteners: np.ndarray

    def log_density(self, X: np.ndarray) -> np.ndarray:
        return logsumexp(self._log_terms(X), axis=1)

    def score(self, X: np.ndarray) -> np.ndarray:
        shares = softmax(self._log_terms(X), axis=1)
        score = np.zeros_like(X)
        for share, mean, whitener in zip(shares.T, self.means, self.whiteners, strict=True):
            score -= share[:, None] * ((X - mean) @ whitener @ whitener.T)
        return score

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        which = rng.choice(len(self.means), size=n, p=softmax(self.log_weights))
        noise = rng.standard_normal((n, self.means.shape[1]))
        unwhiteners = np.linalg.inv(self.whiteners)
        for k in np.unique(which):
            noise[which == k] = self.means[k] + noise[which == k] @ unwhiteners[k]
        return noise

    def _log_terms(self, X: np.ndarray) -> np.ndarray:
        """Log of each weighted component at each row."""
        terms = np.empty((len(X), len(self.means)))
        for k, (mean, whitener) in enumerate(zip(self.means, self.whiteners, strict=True)):
            terms[:, k] = -0.5 * (((X - mean) @ whitener) ** 2).sum(axis=1)
        log_det = np.linalg.slogdet(self.whiteners)[1]
        return terms + self.log_weights + log_det - 0.5 * X.shape[1] * np.log(2 * np.pi)


@dataclass(frozen=True, eq=False)
class KernelMixture:
    """``log sum_j w_j K((x - x_j) W)`` with K a Gaussian or ``exp(-|z|)`` with its constant.

    Shapes: points (m, d), log_weights (m,), whitener (d, d). At a point x_j, where the exponential
    kernel has a kink, its gradient is taken as 0.
    """

    points: np.ndarray
    log_weights: np.ndarray
    whitener: np.ndarray
    kernel: str = "gaussian"

    def log_density(self, X: np.ndarray) -> np.ndarray:
        values = [logsumexp(terms, axis=1) for terms, *_ in self._blocks(X)]
        return np.concatenate(values) + self._log_constant()

    def score(self, X: np.ndarray) -> np.ndarray:
        scores = []
        for terms, distances, Z, centres in self._blocks(X):
            shares = softmax(terms, axis=1)
            if self.kernel == "exponential":
                shares = np.divide(shares, distances, out=np.zeros_like(shares),
                                   where=distances > 0)
            scores.append((shares @ centres - shares.sum(axis=1)[:, None] * Z) @ self.whitener.T)
        return np.concatenate(scores)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        which = rng.choice(len(self.points), size=n, p=softmax(self.log_weights))
        noise = rng.standard_normal((n, self.points.shape[1]))
        if self.kernel == "exponential":  # any direction, and a Gamma(d) radius
            noise /= np.linalg.norm(noise, axis=1)[:, None]
            noise *= rng.gamma(self.points.shape[1], size=n)[:, None]
        return self.points[which] + noise @ np.linalg.inv(self.whitener)

    def _blocks(self, X: np.ndarray) -> Any:
        """For blocks of rows: log terms, distances, and rows and points made white, centred."""
        origin = self.points.mean(axis=0)
        centres = (self.points - origin) @ self.whitener
        size = max(1, _BLOCK // len(centres))
        for start in range(0, len(X), size):
            Z = (X[start:start + size] - origin) @ self.whitener
            distances = cdist(Z, centres)
            terms = -distances if self.kernel == "exponential" else -0.5 * distances**2
            yield terms + self.log_weights, distances, Z, centres

    def _log_constant(self) -> float:
        d = self.points.shape[1]
        log_det = np.linalg.slogdet(self.whitener)[1]
        if self.kernel == "exponential":
            ball = np.log(2.0) + 0.5 * d * np.log(np.pi) - gammaln(0.5 * d) + gammaln(d)
            return float(log_det - ball)
        return float(log_det - 0.5 * d * np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class StudentScore:
    """Score of the multivariate t with `df` degrees of freedom and scale matrix ``(W W')^-1``.

    With infinite `df`, scipy.stats makes a normal law instead.
    """

    df: float
    location: np.ndarray
    whitener: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        Z = (X - self.location) @ self.whitener
        pull = (self.df + X.shape[1]) / (self.df + (Z**2).sum(axis=1))
        return -pull[:, None] * (Z @ self.whitener.T)


def whitener_of(covariance: np.ndarray, name: str) -> np.ndarray:
    """W with ``W W'`` the inverse of a covariance."""
    try:
        factor = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        raise ValueError(f"{name} has no density and no score: its covariance is singular. Leave "
                         "out the columns that are combinations of others.") from None
    return np.linalg.inv(factor).T
