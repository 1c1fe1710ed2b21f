"""Families of counts: independent Poisson or Bernoulli columns, and categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest.sample_complexity._contractions import (
    Evaluated,
    combine,
    equal_weights,
    first_order,
    weighted_mean,
)
from divest.sample_complexity._independent import (
    IndependentColumns,
    Standard,
    check_entries,
)


def check_counts(X: Any, names: Sequence[Any] | None = None) -> np.ndarray:
    """Rows of whole numbers, 0 or more."""
    return check_entries(X, names, lambda x: (x >= 0) & (x == np.round(x)),
                         "counts (whole numbers, 0 or more)")


@dataclass(frozen=True)
class Poisson(IndependentColumns):
    """Independent columns; theta holds the rates."""

    name: str = field(default="poisson", init=False)

    def check(self, X: Any, names: Sequence[Any] | None = None) -> np.ndarray:
        """Rows of counts."""
        return check_counts(X, names)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.poisson(theta, size=(n, len(theta))).astype(float)

    def column_cumulants(self, theta: np.ndarray) -> Standard:
        """All equal to the rate."""
        return theta, theta, theta

    def empty_probabilities(self, theta: np.ndarray, n: float) -> np.ndarray:
        """That a column of a new sample is all zero."""
        return np.exp(-n * theta)


@dataclass(frozen=True)
class Bernoulli(IndependentColumns):
    """Independent columns of zeros and ones; theta holds the chances of ones."""

    name: str = field(default="bernoulli", init=False)

    def check(self, X: Any, names: Sequence[Any] | None = None) -> np.ndarray:
        """Rows of zeros and ones."""
        return check_entries(X, names, lambda x: (x == 0) | (x == 1), "counts (0 or 1)")

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return (rng.random((n, len(theta))) < theta).astype(float)

    def column_cumulants(self, theta: np.ndarray) -> Standard:
        """Of a coin."""
        variance = theta * (1.0 - theta)
        return variance, variance * (1.0 - 2.0 * theta), variance * (1.0 - 6.0 * variance)

    def empty_probabilities(self, theta: np.ndarray, n: float) -> np.ndarray:
        """That a column of a new sample lacks one of its two values."""
        return np.append((1.0 - theta)**n, theta**n)


@dataclass(frozen=True)
class Cells:
    """Labels of categories as columns of zeros and ones."""

    labels: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        if unknown := sorted(set(np.unique(X)) - set(self.labels)):
            raise ValueError(f"draws hold the category {unknown[0]:g}, which X does not.")
        return (X == self.labels).astype(float)


@dataclass(frozen=True)
class Multinomial:
    """Counts of categories; theta holds the number of trials per row and the chances."""

    name: str = field(default="multinomial", init=False)

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Any:
        """One column of labels as one column per category."""
        if X.shape[1] > 1:
            check_counts(X, names)
            return np.asarray
        labels = np.unique(X)
        if 2 * len(labels) > len(X):
            raise ValueError(f"X has {len(labels)} different labels in {len(X)} rows, too many for "
                             "categories: at most half as many as rows. For numbers that are no "
                             "categories, take another family, or cut them into bins.")
        return Cells(labels)

    def _counts(self, X: Any) -> np.ndarray:
        X = check_counts(X)
        totals = X.sum(axis=1)
        if X.shape[1] < 2 or np.ptp(totals) > 0 or not totals[0]:
            raise ValueError("X must have a column of counts for each category, at least two, and "
                             "rows with the same sum, 1 or more (or one column of labels for "
                             f"pn_criterion); got {X.shape[1]} columns and sums from "
                             f"{totals.min():g} to {totals.max():g}.")
        return X

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """Counts, but for the last category, which they determine."""
        return self._counts(X)[:, :-1]

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> tuple[int, np.ndarray]:
        """Trials per row, and shares."""
        return _shares(self._counts(X), sample_weight)

    def sample(self, theta: tuple[int, np.ndarray], n: int,
               rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.multinomial(*theta, size=n).astype(float)

    def risk_coefficients(self, X: np.ndarray, weights: np.ndarray | None, specified: bool,
                          second: bool, cubes: float) -> Evaluated:
        """The coefficient vector of the law fitted to rows.

        The inverse of G is that of a diagonal matrix on counts that sum to zero, so every
        contraction is a sum over cells or over pairs of them.
        """
        trials, shares = _shares(X, weights)
        specified = specified or trials == 1  # then any law is in the family
        used, w = shares > 0, equal_weights(len(X), weights)
        m, rank = shares[used], int(used.sum()) - 1
        y = X[:, used] / (trials * m) - 1.0
        parts = trials * y**2 @ m
        p_star = float(rank if specified else w @ parts)
        if not second:
            return Evaluated(first_order(p_star), rank, parts)
        B, third = (y * w[:, None]).T @ y, w @ y**3
        if specified:
            B, third = (np.diag(1.0 / m) - 1.0) / trials, (1 / m - 1) * (1 / m - 2) / trials**2
        squares, pairs = m @ np.diag(B)**2, m @ B**2 @ m
        T = squares - (m @ np.diag(B))**2
        c2 = combine(trials * (T - 2.0 * pairs), trials * T, trials * (squares - pairs),
                     trials * cubes * (m @ third))
        return Evaluated(np.array([p_star, *c2]), rank, parts)

    def empty_probabilities(self, theta: tuple[int, np.ndarray], n: float) -> np.ndarray:
        """That a category of a new sample is empty."""
        return (1.0 - theta[1])**(n * theta[0])


def _shares(X: np.ndarray, weights: np.ndarray | None) -> tuple[int, np.ndarray]:
    """Trials per row, and the share of each category."""
    mean = weighted_mean(X, weights)
    trials = round(mean.sum())
    return trials, mean / trials
