"""EM for a mixture of experts, many fits at once: softmax gate, polynomial means, own variances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import combinations_with_replacement
from math import log, pi
from typing import Any

import numpy as np

GATE_STEPS = 3
GATE_DAMPING = 1e-6  # of the bound of the Hessian, so that it can be inverted; it moves no optimum
SLOW = 1e-4  # a step that gains less per row is slow: the gate then leaps,
FARTHEST_LEAP = 1024.0  # at most so many times as far
MOST_NUMBERS = 2_000_000  # of a temporary array


@dataclass(frozen=True)
class Rows:
    """What the fits see: gate columns (n, s + 1), monomials (n, q) and the target (n,)."""

    gate: np.ndarray
    monomials: np.ndarray
    y: np.ndarray

    def products(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Products of all pairs of monomials and y, (rows, (q + 1)^2), block by block."""
        columns = np.column_stack([self.monomials, self.y])
        n, width = columns.shape
        size = max(1, MOST_NUMBERS // width**2)
        for start in range(0, n, size):
            block = columns[start : start + size]
            pairs = block[:, :, None] * block[:, None, :]
            yield slice(start, start + size), pairs.reshape(len(block), width**2)


@dataclass(frozen=True)
class Rule:
    """How EM runs: ridge, variance floor (of the variance of y), tolerance and steps."""

    ridge: float
    floor: float
    tol: float
    max_iter: int


@dataclass(frozen=True)
class Fits:
    """Parameters of K fits with m experts, and how they ended.

    `gate` (K, m, s + 1), `coefficients` (K, m, q), `variance`, `sizes` (K, m): rows per expert;
    `log_likelihood`, `n_iter`, `converged` (K,).
    """

    gate: np.ndarray
    coefficients: np.ndarray
    variance: np.ndarray
    sizes: np.ndarray
    log_likelihood: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray

    def take(self, index: Any) -> Fits:
        """The fits at `index`."""
        return replace(self, **{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def join(self, others: list[Fits]) -> Fits:
        """These fits and `others`, one after another."""
        names = [f.name for f in fields(self)]
        parts = [self, *others]
        return replace(self, **{k: np.concatenate([getattr(p, k) for p in parts]) for k in names})

    def put(self, index: np.ndarray, other: Fits) -> None:
        """Overwrite the fits at `index`."""
        for f in fields(self):
            getattr(self, f.name)[index] = getattr(other, f.name)


def design(X: np.ndarray, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of the gate (1, x) and all monomials up to `degree`."""
    n, s = X.shape
    powers = [np.prod(X[:, list(factors)], axis=1) for k in range(degree + 1)
              for factors in combinations_with_replacement(range(s), k)]
    return np.column_stack([np.ones(n), X]), np.column_stack(powers)


def log_softmax(values: np.ndarray) -> np.ndarray:
    """Logarithm of the softmax over axis 1."""
    shifted = values - values.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def posterior(log_joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-density of each row (K, n), and the share of each expert in it (K, m, n)."""
    top = log_joint.max(axis=1, keepdims=True)
    shares = np.exp(log_joint - top)
    total = shares.sum(axis=1, keepdims=True)
    shares /= total
    return (top + np.log(total))[:, 0], shares


def log_joint(fits: Fits, rows: Rows) -> np.ndarray:
    """Logarithm of gate times normal density, (K, m, n)."""
    errors = rows.y - fits.coefficients @ rows.monomials.T
    return log_softmax(fits.gate @ rows.gate.T) + _log_normal(errors, fits.variance)


def _log_normal(errors: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Logarithm of the normal density at `errors`."""
    return -0.5 * (errors**2 / variance[..., None] + np.log(2.0 * pi * variance)[..., None])


def run_em(rows: Rows, shares: np.ndarray, weights: np.ndarray, rule: Rule,
           gates: np.ndarray | None = None) -> Fits:
    """EM from each of K starts, K runs at once.

    `shares` (K, m, n): the share of each expert in each row at the start. `weights` (K, n): 0 takes
    a row out of that run. `gates` (K, m, s + 1): where gates start, by default flat. Each run
    maximises the weighted log-likelihood less ``lambda / 2 sum_j |coefficients_j|^2 / variance_j``,
    with lambda = ridge times rows per expert; no step lowers it. A run stops when a step gains less
    than `tol` per row. Where the border between two experts is sharp, the gate of plain EM creeps:
    it leaps where steps gain little.
    """
    if gates is None:
        gates = np.zeros((*shares.shape[:2], rows.gate.shape[1]))
    state = _Runs(rows, weights, rule, gates)
    out = _empty(shares, rows)
    active = np.arange(len(shares))
    reached = np.full(len(shares), -np.inf)
    for step in range(1, rule.max_iter + 1):
        fits, penalized, shares = state.step(shares, step)
        fits.converged[:] = penalized - reached < rule.tol * state.totals
        out.put(active, fits)
        going = ~fits.converged
        if not going.any():
            break
        if not going.all():
            active, shares, penalized = active[going], shares[going], penalized[going]
            state.keep(going)
        reached = penalized
    return out


def _empty(shares: np.ndarray, rows: Rows) -> Fits:
    """Room for as many fits as there are starts."""
    K, m = shares.shape[:2]
    return Fits(np.zeros((K, m, rows.gate.shape[1])), np.zeros((K, m, rows.monomials.shape[1])),
                np.ones((K, m)), np.zeros((K, m)), np.zeros(K), np.zeros(K, int),
                np.zeros(K, bool))


class _Runs:
    """The runs that are still going: their row weights, gates and what is fixed in each."""

    def __init__(self, rows: Rows, weights: np.ndarray, rule: Rule, gates: np.ndarray) -> None:
        self.rows, self.weights, self.rule = rows, weights, rule
        self.totals = weights.sum(axis=1)
        mean = weights @ rows.y / self.totals
        spread = (weights * (rows.y - mean[:, None]) ** 2).sum(axis=1) / self.totals
        self.floors = rule.floor * np.where(spread > 0, spread, 1.0)
        Z = rows.gate
        bound = 0.5 * (weights[:, None, :] * Z.T) @ Z
        bound += (GATE_DAMPING * self.totals)[:, None, None] * np.eye(Z.shape[1])
        self.inverse = np.linalg.inv(bound)
        self.gate, self.log_gate = gates, log_softmax(gates @ Z.T)
        self.leap = np.ones(len(gates))
        self.likelihood = np.full(len(gates), -np.inf)
        blocks = rows.products()
        first = next(blocks)
        self.products = [first] if len(first[1]) == len(rows.y) else None

    def keep(self, which: np.ndarray) -> None:
        """Drop the other runs."""
        for name in ("weights", "totals", "floors", "inverse", "gate", "log_gate", "leap",
                     "likelihood"):
            setattr(self, name, getattr(self, name)[which])

    def step(self, shares: np.ndarray, count: int) -> tuple[Fits, np.ndarray, np.ndarray]:
        """One M step and one E step: fits, penalised log-likelihoods, new shares."""
        shares = shares * self.weights[:, None, :]
        sizes = shares.sum(axis=2)
        penalty = self.rule.ridge * self.totals / shares.shape[1]
        coefficients = self._coefficients(shares, penalty)
        errors = self.rows.y - coefficients @ self.rows.monomials.T
        costs = penalty[:, None] * (coefficients**2).sum(axis=2)
        squares = (shares * errors**2).sum(axis=2)
        variance = (squares + costs) / np.maximum(sizes, np.finfo(float).tiny)
        variance = np.maximum(variance, self.floors[:, None])
        shares = self._move_and_leap(shares, _log_normal(errors, variance))
        ended = np.full(len(sizes), count), np.zeros(len(sizes), bool)
        fits = Fits(self.gate, coefficients, variance, sizes, self.likelihood, *ended)
        return fits, self.likelihood - 0.5 * (costs / variance).sum(axis=1), shares

    def _coefficients(self, shares: np.ndarray, penalty: np.ndarray) -> np.ndarray:
        """Weighted least squares with a ridge, for every expert of every run."""
        K, m, n = shares.shape
        q = self.rows.monomials.shape[1]
        flat = shares.reshape(K * m, n)
        sums = sum(flat[:, part] @ pairs for part, pairs in self.products or self.rows.products())
        sums = np.reshape(sums, (K, m, q + 1, q + 1))
        gram = sums[..., :q, :q] + penalty[:, None, None, None] * np.eye(q)
        return np.linalg.solve(gram, sums[..., :q, q:])[..., 0]

    def _move_and_leap(self, shares: np.ndarray, log_normal: np.ndarray) -> np.ndarray:
        """Move the gates, the slow ones 2, 4, 8 ... times as far while that pays; new shares."""
        before, earlier = self.gate, self.likelihood
        self._move_gate(shares)
        density, shares = posterior(self.log_gate + log_normal)
        self.likelihood = (self.weights * density).sum(axis=1)
        slow = self.likelihood - earlier < SLOW * self.totals
        self.leap = np.where(slow, np.minimum(2.0 * self.leap, FARTHEST_LEAP), 1.0)
        which = np.flatnonzero(slow)
        if shares.shape[1] == 1 or not which.size:
            return shares
        gate = (before + self.leap[:, None, None] * (self.gate - before))[which]
        log_gate = log_softmax(gate @ self.rows.gate.T)
        density, leapt = posterior(log_gate + log_normal[which])
        likelihood = (self.weights[which] * density).sum(axis=1)
        pays = likelihood > self.likelihood[which]
        self.leap[which[~pays]] = np.maximum(self.leap[which[~pays]] / 4.0, 1.0)
        which = which[pays]
        self.gate[which], self.log_gate[which] = gate[pays], log_gate[pays]
        self.likelihood[which], shares[which] = likelihood[pays], leapt[pays]
        return shares

    def _move_gate(self, shares: np.ndarray) -> None:
        """One Newton step for each gate; where that would lower the likelihood, safe ones."""
        if shares.shape[1] == 1:
            return
        Z, now = self.rows.gate, _inner(shares, self.log_gate)
        chances = np.exp(self.log_gate)
        slope = (shares - self.weights[:, None, :] * chances) @ Z
        gate = self.gate + self._newton(chances, slope)
        log_gate = log_softmax(gate @ Z.T)
        worse = ~(_inner(shares, log_gate) >= now)
        if worse.any():
            gate[worse], log_gate[worse] = self._safe_steps(shares, slope, worse)
        self.gate, self.log_gate = gate, log_gate

    def _newton(self, chances: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Inverse Hessian times slope, (K, m, s + 1)."""
        Z, (K, m, n) = self.rows.gate, chances.shape
        width = Z.shape[1]
        weighted = chances * self.weights[:, None, :]
        columns = (chances[:, :, None, :] * Z.T).reshape(K, m * width, n)
        other = (weighted[:, :, None, :] * Z.T).reshape(K, m * width, n)
        hessian = -(columns @ other.transpose(0, 2, 1))
        own = np.reshape((other @ Z), (K, m, width, width))
        for j in range(m):
            part = slice(j * width, (j + 1) * width)
            hessian[:, part, part] += own[:, j]
        hessian += (GATE_DAMPING * self.totals)[:, None, None] * np.eye(m * width)
        return np.linalg.solve(hessian, slope.reshape(K, -1, 1)).reshape(slope.shape)

    def _safe_steps(self, shares: np.ndarray, slope: np.ndarray,
                    which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Steps with a bound of the Hessian (Boehning), which never overshoot."""
        Z, inverse, gate = self.rows.gate, self.inverse[which], self.gate[which]
        shares, slope, weights = shares[which], slope[which], self.weights[which, None, :]
        for step in range(GATE_STEPS):
            gate = gate + slope @ inverse
            log_gate = log_softmax(gate @ Z.T)
            if step < GATE_STEPS - 1:
                slope = (shares - weights * np.exp(log_gate)) @ Z
        return gate, log_gate


def _inner(shares: np.ndarray, log_gate: np.ndarray) -> np.ndarray:
    """Expected log-likelihood of each gate, (K,)."""
    return np.einsum("kmn,kmn->k", shares, log_gate)


def count_parameters(n_experts: int, n_monomials: int, n_features: int) -> int:
    """Coefficients, variances and a gate with one expert as its base."""
    return n_experts * (n_monomials + 1) + (n_experts - 1) * (n_features + 1)


def information_criteria(log_likelihood: float, n_parameters: int, n: int) -> tuple[float, float]:
    """BIC and AIC; small is good."""
    return log(n) * n_parameters - 2 * log_likelihood, 2 * n_parameters - 2 * log_likelihood
