"""Coefficients of the risk from draws of the fitted model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from divest.sample_complexity._contractions import (
    Contraction,
    GroupedRows,
    Moments,
    central_third,
    coefficients,
    contract,
    deletion_groups,
    first_order,
    third_sum,
    whitening,
)

MOST_TENSOR = 200  # statistics; beyond, pairs of draws cost less than third moments
STEPS = 2  # of Newton's method; one leaves errors a tenth too large, three change nothing
PAIRS = 2_000_000  # pairs at a time

Third = np.ndarray | None


class DrawsRoute:
    """Coefficients from draws, without the bias of whitening with them.

    The bias is of order 1/N: the value from all draws is doubled and the mean of the values from
    two halves taken off. Squares of means leave out the product of a draw with itself.
    """

    def __init__(self, rows: GroupedRows, draws: np.ndarray, labels: np.ndarray, *,
                 specified: bool, second: bool) -> None:
        self.rows, self.draws, self.labels = rows, draws, labels
        self.specified, self.second = specified, second
        self.tensor = second and draws.shape[1] <= MOST_TENSOR
        self.data, self.half = rows.moments(), labels % 2
        self.sums = [self._sum(self.half == h) for h in (0, 1)]
        self.halves = [self._value(self.half == h, self.sums[h]) for h in (0, 1)]

    def estimate(self) -> np.ndarray:
        """The coefficient vector."""
        whole = self._value(self.labels >= 0, _plus(*self.sums))
        return 2.0 * whole - (self.halves[0] + self.halves[1]) / 2.0

    def without_draws(self) -> list[np.ndarray]:
        """The vector without each group of draws."""
        values, total = [], _plus(*self.sums)
        for g in range(self.labels.max() + 1):
            h, keep = g % 2, self.labels != g
            gone = self._sum(~keep)
            whole = self._value(keep, _minus(total, gone))
            half = self._value(keep & (self.half == h), _minus(self.sums[h], gone))
            values.append(2.0 * whole - (half + self.halves[1 - h]) / 2.0)
        return values

    def without_rows(self, shares: Sequence[float]) -> list[np.ndarray]:
        """The vector without a share of each group of rows, its bias left in.

        The fitted model moves with the mean of the statistics; the draws follow by weights.
        """
        values, n = [], len(self.draws)
        total, draws32 = _plus(*self.sums), self.draws.astype(np.float32)
        whole = self._value(self.labels >= 0, total)
        for left_out in enumerate(shares):
            data = self.rows.moments(*left_out)
            weights = tilted(self.draws, data.mean - self.data.mean)
            change = (weights - 1.0 / n).astype(np.float32)
            third = None if total is None else total / n + third_sum(draws32, change)
            found = self._coefficients(self.draws, weights, third, data, left_out)
            values.append(whole + (found - whole) / left_out[1])
        return values

    # ------------------------------------------------------------ steps
    def _sum(self, chosen: np.ndarray) -> Third:
        return third_sum(self.draws[chosen]) if self.tensor else None

    def _value(self, chosen: np.ndarray, third: Third) -> np.ndarray:
        """From some of the draws, all with the same weight, given the sum of their cubes."""
        z = self.draws[chosen]
        third = None if third is None else third / len(z)
        return self._coefficients(z, np.full(len(z), 1.0 / len(z)), third, self.data)

    def _coefficients(self, z: np.ndarray, w: np.ndarray, third: Third, data: Moments,
                      left_out: tuple[int | None, float] = (None, 1.0)) -> np.ndarray:
        """From weighted draws, their third moments about zero, and rows less a group."""
        own, mean = float(w @ w), w @ z
        second = (z * w[:, None]).T @ z
        G = (second - np.multiply.outer(mean, mean)) / (1.0 - own)
        psi3 = None if third is None else central_third(mean, second, third)
        V, K = (None, None) if self.specified else data[1:]
        parts = contract(G, V, psi3, K)
        if not self.second:
            return first_order(np.trace(parts.a))
        x = (z - mean) @ parts.whitener
        q, r2 = np.einsum("ia,ia->i", x @ parts.a, x), np.einsum("ia,ia->i", x, x)
        k4 = float(w @ q**2 - np.trace(parts.a)**2 - 2.0 * np.vdot(parts.a, parts.a))
        v, diagonal = (w * q) @ x, w**2 @ (r2 * q**2)
        S2, S1 = (parts.S2, parts.S1) if self.tensor else self._pairs(x, w, parts, left_out)
        T, S2 = (v @ v - diagonal) / (1.0 - own), (S2 - diagonal) / (1.0 - own)
        S1 = self.rows.cubes * (S2 if self.specified else S1)
        return coefficients(parts.a, k4, float(T), float(S2), float(S1))

    def _pairs(self, x: np.ndarray, w: np.ndarray, parts: Contraction,
               left_out: tuple[int | None, float]) -> tuple[float, float]:
        """S2 and S1 from pairs of draws, and of a draw and a row."""
        y, u = self.rows.centered(*left_out)
        turned = x @ parts.a
        S2 = pair_mean(x, w, x, w, lambda dots, part: dots * (turned[part] @ x.T)**2)
        if self.specified:
            return S2, S2
        return S2, pair_mean(x, w, y @ parts.whitener, u, lambda dots, _: dots**3)


def tilted(draws: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Weights ``exp(theta . t)`` of draws t that change their mean by `change`: Newton's method."""
    n, target = len(draws), draws.mean(axis=0) + change
    weights, theta = np.full(n, 1.0 / n), np.zeros(len(change))
    for _ in range(STEPS):
        mean = weights @ draws
        G = (draws * weights[:, None]).T @ draws - np.multiply.outer(mean, mean)
        theta += np.linalg.solve(G, target - mean)
        log = draws @ theta
        weights = np.exp(log - log.max())
        weights /= weights.sum()
    return weights


def pair_mean(x: np.ndarray, w: np.ndarray, y: np.ndarray, u: np.ndarray,
              function: Callable[[np.ndarray, slice], np.ndarray]) -> float:
    """Mean of a function of x_i . y_j and i over pairs, a block of x at a time."""
    step, total = max(PAIRS // len(y), 1), 0.0
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        total += float(w[part] @ function(x[part] @ y.T, part) @ u)
    return total


def standard_units(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the draws, and W that gives them unit covariance; singular directions drop."""
    center = draws.mean(axis=0)
    centered = draws - center
    return center, whitening(centered.T @ centered / len(draws))


def draw_labels(n: int, draw_groups: np.ndarray | None, n_groups: int) -> np.ndarray:
    """A group for each draw: whole blocks where they are given."""
    if draw_groups is None:
        return deletion_groups(n, n_groups)
    code = np.unique(draw_groups, return_inverse=True)[1]
    return deletion_groups(code.max() + 1, n_groups)[code]


def _plus(first: Third, other: Third) -> Third:
    return None if first is None or other is None else first + other


def _minus(total: Third, part: Third) -> Third:
    return None if total is None or part is None else total - part
