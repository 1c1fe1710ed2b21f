"""The inner problem: the distribution nearest to the sample that satisfies the moments.

Each function maximises a concave dual over (b, a): b weighs the features `Phi` of the data kernel,
a the moments `g`. All rows carry `weights` w that sum to 1; a row of weight 0 counts for nothing.
Rows may be more than the sample (reference draws), with `Phi` centred on the rows of the sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divest.moments._newton import minimise_newton, solve_positive


@dataclass(frozen=True)
class DualSolution:
    """Value of the inner problem at one theta, and what the outer problem needs of it.

    `weights` (n,) sum to 1; `raw_weights` (n,) go with `alpha` (q,) into the gradient. `dual` is
    (b, a), the start of the next solve. `A` (q, q) is the inverse of the weight matrix of the GMM
    that the estimator is to first order. Unbounded dual: value inf, converged False.
    """

    value: float
    weights: np.ndarray
    raw_weights: np.ndarray
    alpha: np.ndarray
    dual: np.ndarray
    A: np.ndarray
    n_steps: int
    converged: bool


@np.errstate(all="ignore")
def dual_kl(g: np.ndarray, Phi: np.ndarray | None, epsilon: float, lam: float,
            weights: np.ndarray, start: np.ndarray | None = None) -> DualSolution:
    """Kullback-Leibler: max of -[|b|^2/2 + lam |a|^2/2 + eps log sum w exp((Phi b - g a)/eps)]."""
    if not _finite(g):
        return _unbounded(g, Phi, weights)
    objective = _Exponential(g, Phi, epsilon, lam, weights)
    minimum = minimise_newton(objective, np.zeros(len(objective.ridge)), start)
    if not np.isfinite(minimum.value):
        return _unbounded(g, Phi, weights, minimum.n_steps)
    c, p, n_features = minimum.c, minimum.state, objective.n_features
    A = _schur(objective.derivatives(c, p)[1], n_features)
    return DualSolution(-minimum.value, p, p, c[n_features:], c, A, minimum.n_steps,
                        minimum.converged)


@np.errstate(all="ignore")
def dual_chi2(g: np.ndarray, Phi: np.ndarray | None, epsilon: float, lam: float,
              weights: np.ndarray, start: np.ndarray | None = None) -> DualSolution:
    """Quadratic divergence: one linear solve; weights may be negative."""
    if not _finite(g):
        return _unbounded(g, Phi, weights)
    M, n_features, ridge = _stack(g, Phi, lam)
    mean = weights @ M
    hessian = _covariance(M, mean, weights) / epsilon + np.diag(ridge)
    c = solve_positive(hessian, -mean)
    if c is None:
        return _unbounded(g, Phi, weights)
    p = weights * (1 + (M @ c - mean @ c) / epsilon)
    return DualSolution(float(-0.5 * mean @ c), p, p, c[n_features:], c,
                        _schur(hessian, n_features), 1, True)


@np.errstate(all="ignore")
def dual_log(g: np.ndarray, Phi: np.ndarray | None, epsilon: float, lam: float,
             weights: np.ndarray, start: np.ndarray | None = None) -> DualSolution:
    """Empirical likelihood: max of eps sum w log(1 + g a / eps) - lam |a|^2/2; no `Phi`.

    Solved in a / eps, where epsilon appears in the product lam * epsilon only.
    """
    if Phi is not None:
        raise ValueError("the log divergence takes no data features; use kl or chi2.")
    if not _finite(g):
        return _unbounded(g, None, weights)
    objective = _Logarithmic(g, lam * epsilon, weights)
    start = None if start is None else start / epsilon
    minimum = minimise_newton(objective, np.zeros(g.shape[1]), start)
    if not np.isfinite(minimum.value):
        return _unbounded(g, None, weights, minimum.n_steps)
    v, a = weights * objective.slope(minimum.state), epsilon * minimum.c
    A = objective.derivatives(minimum.c, minimum.state)[1] / epsilon
    return DualSolution(-epsilon * minimum.value, v / v.sum(), v, a, a, A, minimum.n_steps,
                        minimum.converged)


class _Exponential:
    """The negative dual for Kullback-Leibler; its state is the row weights p."""

    def __init__(self, g: np.ndarray, Phi: np.ndarray | None, epsilon: float, lam: float,
                 weights: np.ndarray) -> None:
        self.M, self.n_features, self.ridge = _stack(g, Phi, lam)
        self.size, self.bounded, self.used = epsilon, lam > 0, weights > 0
        self.log_weights = np.log(weights)

    def value(self, c: np.ndarray) -> tuple[float, np.ndarray]:
        u = self.M @ c / self.size + self.log_weights
        top = u.max()
        p = np.exp(u - top)
        total = p.sum()
        return float(0.5 * self.ridge @ (c * c) + self.size * (top + np.log(total))), p / total

    def derivatives(self, c: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = p @ self.M
        hessian = _covariance(self.M, mean, p) / self.size
        hessian.flat[:: len(c) + 1] += self.ridge
        return self.ridge * c + mean, hessian

    def falls_for_ever(self, c: np.ndarray) -> bool:
        """Whether a separates 0 from every row of g."""
        if self.bounded:
            return False
        u = self.M[self.used, self.n_features:] @ c[self.n_features:]
        return bool(u.max() < -1e-12 * np.abs(u).max())


class _Logarithmic:
    """The negative dual of empirical likelihood, epsilon = 1; its state is x = 1 + g a.

    Below the weight of its row, where no solution lies, log x is continued by its second-order
    expansion (Owen), so that the function is finite everywhere.
    """

    size = 1.0

    def __init__(self, g: np.ndarray, reg: float, weights: np.ndarray) -> None:
        self.g, self.reg, self.w = g, reg, weights
        self.floor = np.where(weights > 0, weights, 1.0)

    def value(self, a: np.ndarray) -> tuple[float, np.ndarray]:
        x = 1 + self.g @ a
        ratio = x / self.floor
        log = np.log(self.floor) + np.where(
            ratio > 1, np.log(np.maximum(ratio, 1)), -1.5 + ratio * (2 - 0.5 * ratio))
        return float(0.5 * self.reg * a @ a - self.w @ log), x

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Derivative of the continued logarithm."""
        return np.where(x > self.floor, 1 / np.maximum(x, self.floor),
                        (2 - x / self.floor) / self.floor)

    def derivatives(self, a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = self.g * (np.sqrt(self.w) / np.maximum(x, self.floor))[:, None]
        hessian = rows.T @ rows
        hessian.flat[:: len(a) + 1] += self.reg
        return self.reg * a - (self.w * self.slope(x)) @ self.g, hessian

    def falls_for_ever(self, a: np.ndarray) -> bool:
        """Whether a separates 0 from the rows of g, touching it at most."""
        if self.reg > 0:
            return False
        u = self.g[self.w > 0] @ a
        return bool(u.min() >= 0 and u.max() > 0)


def _stack(g: np.ndarray, Phi: np.ndarray | None,
           lam: float) -> tuple[np.ndarray, int, np.ndarray]:
    """The rows [Phi, -g], the number of columns of Phi, and the ridge of each column."""
    n_features = 0 if Phi is None else Phi.shape[1]
    M = -g if Phi is None else np.concatenate([Phi, -g], axis=1)
    return M, n_features, np.repeat([1.0, lam], [n_features, g.shape[1]])


def _covariance(M: np.ndarray, mean: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Covariance of the rows of M under non-negative weights p that sum to 1."""
    centred = M - mean
    centred *= np.sqrt(p)[:, None]
    return centred.T @ centred


def _schur(hessian: np.ndarray, n_features: int) -> np.ndarray:
    """The block of a, less what b takes up."""
    block = hessian[n_features:, n_features:]
    if not n_features:
        return block
    cross = hessian[:n_features, n_features:]
    taken = solve_positive(hessian[:n_features, :n_features], cross)
    if taken is None:  # overflow: theta is out of range
        return np.full_like(block, np.nan)
    return block - cross.T @ taken


def _finite(g: np.ndarray) -> bool:
    return bool(np.isfinite(g).all())


def _unbounded(g: np.ndarray, Phi: np.ndarray | None, weights: np.ndarray,
               n_steps: int = 0) -> DualSolution:
    """No distribution on the rows satisfies the moments, or the moments are not finite."""
    q = g.shape[1]
    dual = np.zeros(q + (0 if Phi is None else Phi.shape[1]))
    return DualSolution(np.inf, weights, weights, np.zeros(q), dual, np.full((q, q), np.nan),
                        n_steps, False)
