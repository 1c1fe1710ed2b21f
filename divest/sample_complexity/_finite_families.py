"""Families whose law is a sum over finitely many points: Ising, and polynomials on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from divest._validation import check_sample
from divest.sample_complexity._contractions import finite_cumulants, weighted_mean
from divest.sample_complexity._independent import column_name

MOST_COLUMNS = 12  # of two values: 4096 states
GRID = 2001  # points of the line
CLOSE = 1e-8  # of the means of a fit to their targets, in units of the largest statistic
FLAT = 1e-12  # gain of a step of Newton's method
SURE = 1e-7  # least variance of a direction of the statistics, of the largest
FALL = 30.0  # the log-density at the ends of the line must lie this far below its maximum
REACH = 8.0  # standard deviations that the line goes on beyond the data


def masses(statistics: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Probabilities of the points, whose statistics are the rows."""
    log = statistics @ theta
    return np.exp(log - logsumexp(log))


def fit_finite(statistics: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Newton's method, steps halved, for the theta with mean `target`; None where it fails."""
    theta, scale = np.zeros(statistics.shape[1]), np.abs(statistics).max(axis=0)
    rows, target = statistics / scale, target / scale

    def objective(point: np.ndarray) -> float:
        return float(logsumexp(rows @ point) - target @ point)

    for _ in range(200):
        law = masses(rows, theta)
        mean = law @ rows
        G = ((rows - mean) * law[:, None]).T @ (rows - mean)
        step = np.linalg.lstsq(G, target - mean, rcond=None)[0]
        gain, before, size = float(step @ (target - mean)), objective(theta), 1.0
        if gain < FLAT:  # too near for the objective to tell; the last step
            theta = theta + step
            break
        while size > 1e-10 and objective(theta + size * step) > before - 1e-4 * size * gain:
            size /= 2.0
        if size <= 1e-10:
            break
        theta = theta + size * step
    reached = np.abs(masses(rows, theta) @ rows - target).max() < CLOSE
    return theta / scale if reached else None


@dataclass(frozen=True)
class TwoValues:
    """Columns with two values as -1 and 1."""

    low: np.ndarray
    high: np.ndarray
    names: Sequence[Any] | None = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        wrong = np.argwhere((X != self.low) & (X != self.high))
        if len(wrong):
            row, column = wrong[0].tolist()
            raise ValueError(f"X must have two values in each column; row {row} of column "
                             f"{column_name(column, self.names)} is {X[row, column]:g}, beside "
                             f"{self.low[column]:g} and {self.high[column]:g}.")
        return np.where(X == self.low, -1.0, 1.0)


@dataclass(frozen=True)
class Ising:
    """Columns of -1 and 1, any two of them interacting; theta are the natural parameters."""

    name: str = field(default="ising", init=False)

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> TwoValues:
        """Two values in each column as -1 and 1."""
        return TwoValues(X.min(axis=0), X.max(axis=0), names)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Columns, and products of two of them."""
        X = check_sample(X, "X")[0]
        if not (np.abs(X) == 1.0).all():
            X = TwoValues(X.min(axis=0), X.max(axis=0))(X)
        return _products(X)

    def _states(self, d: int) -> np.ndarray:
        return 2.0 * ((np.arange(2**d)[:, None] >> np.arange(d)) & 1) - 1.0

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Maximum likelihood, by sums over all states."""
        X = check_sample(X, "X")[0]
        d = X.shape[1]
        if d > MOST_COLUMNS:
            raise ValueError(f"ising sums over all states, so X may have {MOST_COLUMNS} columns "
                             f"at most, got {d}; for more, pass draws of the model you fitted.")
        target = weighted_mean(self.sufficient_statistics(X), sample_weight)
        rows = _products(self._states(d))
        theta = fit_finite(rows, target)
        values = np.zeros(1) if theta is None else np.linalg.eigvalsh(
            np.cov(rows.T, aweights=masses(rows, theta), bias=True).reshape(len(theta), -1))
        if theta is None or values[0] <= SURE * max(values[-1], 1.0):
            raise ValueError("ising has no maximum likelihood estimate here: some combination of "
                             "values of two or more columns never occurs. Drop a column or get "
                             "more rows.")
        return theta

    def _law(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        d = round((np.sqrt(8 * len(theta) + 1) - 1) / 2)
        states = self._states(d)
        return states, masses(_products(states), theta)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        states, law = self._law(theta)
        return states[rng.choice(len(states), size=n, p=law)]

    def cumulants(self, theta: np.ndarray) -> tuple[Any, Any, Any]:
        """Sums over all states."""
        states, law = self._law(theta)
        return finite_cumulants(_products(states), law)


def _products(X: np.ndarray) -> np.ndarray:
    i, j = np.triu_indices(X.shape[1], 1)
    return np.hstack([X, X[:, i] * X[:, j]])


class Line(NamedTuple):
    """Coefficients of the powers of x, constant left out, and the points of the line."""

    coefficients: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class Polynomial:
    """One column with density exp(polynomial) on a line of points."""

    degree: int

    @property
    def name(self) -> str:
        """What the family is called."""
        return f"polynomial of degree {self.degree}"

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Any:
        """About the mean, in standard deviations."""
        mean = weighted_mean(X, weights)
        sd = np.sqrt(weighted_mean((X - mean)**2, weights))
        if not sd.all():
            raise ValueError("X does not vary, so no polynomial fits it.")
        return lambda rows: (rows - mean) / sd

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Powers of the column."""
        X = check_sample(X, "X")[0]
        if X.shape[1] != 1:
            raise ValueError(f"polynomial takes one column, got {X.shape[1]}.")
        return X ** np.arange(1, self.degree + 1)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> Line:
        """Maximum likelihood on points that go on beyond the data."""
        X = check_sample(X, "X")[0]
        target = weighted_mean(self.sufficient_statistics(X), sample_weight)
        reach = REACH * X.std()
        points = np.linspace(X.min() - reach, X.max() + reach, GRID)
        theta = fit_finite(self.sufficient_statistics(points), target)
        log = None if theta is None else self.sufficient_statistics(points) @ theta
        if theta is None or log is None or max(log[0], log[-1]) > log.max() - FALL:
            raise ValueError(f"{self.name} has no maximum likelihood estimate here: the tails of X "
                             "are too heavy for a density that falls off on both sides. Use "
                             "another degree, or cut off outliers.")
        return Line(theta, points)

    def _masses(self, theta: Line) -> tuple[np.ndarray, np.ndarray]:
        rows = self.sufficient_statistics(theta.points)
        return rows, masses(rows, theta.coefficients)

    def sample(self, theta: Line, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws: a point of the line, spread evenly between its neighbours."""
        step = theta.points[1] - theta.points[0]
        near = rng.choice(theta.points, size=n, p=self._masses(theta)[1])
        return (near + step * (rng.random(n) - 0.5)).reshape(-1, 1)

    def cumulants(self, theta: Line) -> tuple[Any, Any, Any]:
        """Sums over the points."""
        return finite_cumulants(*self._masses(theta))
