"""Families of counts: independent Poisson or Bernoulli columns, and categories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest._validation import check_sample
from divest.sample_complexity._contractions import finite_cumulants, independent_cumulants


def weighted_mean(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Mean of each column."""
    return X.mean(axis=0) if weights is None else weights @ X / weights.sum()


def check_counts(X: Any, most: float = np.inf) -> np.ndarray:
    """Rows of whole numbers between 0 and `most`."""
    X, names = check_sample(X, "X")
    wrong = np.argwhere(~((X >= 0) & (X <= most) & (X == np.round(X))))
    if len(wrong):
        row, column = wrong[0].tolist()
        named = names[column] if names is not None else column
        wanted = "whole numbers, 0 or more" if most == np.inf else "0 or 1"
        raise ValueError(f"X must hold counts ({wanted}); row {row} of column {named!r} is "
                         f"{X[row, column]:g}.")
    return X


@dataclass(frozen=True)
class Poisson:
    """Independent columns; theta holds the rates."""

    name: str = field(default="poisson", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """The columns."""
        return check_counts(X)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Means."""
        return weighted_mean(check_counts(X), sample_weight)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.poisson(theta, size=(n, len(theta))).astype(float)

    def cumulants(self, theta: np.ndarray) -> tuple[Any, Any, Any]:
        """All equal to the rate."""
        return independent_cumulants(theta, theta, theta)

    def empty_probabilities(self, theta: np.ndarray, n: float) -> np.ndarray:
        """That a column of a new sample is all zero."""
        return np.exp(-n * theta)


@dataclass(frozen=True)
class Bernoulli:
    """Independent columns of zeros and ones; theta holds the chances of ones."""

    name: str = field(default="bernoulli", init=False)

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """The columns."""
        return check_counts(X, 1.0)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Shares of ones."""
        return weighted_mean(check_counts(X, 1.0), sample_weight)

    def sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return (rng.random((n, len(theta))) < theta).astype(float)

    def cumulants(self, theta: np.ndarray) -> tuple[Any, Any, Any]:
        """Of a coin."""
        variance = theta * (1.0 - theta)
        return independent_cumulants(variance, variance * (1.0 - 2.0 * theta),
                                     variance * (1.0 - 6.0 * variance))

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
        return Cells(np.unique(X)) if X.shape[1] == 1 else np.asarray

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
        mean = weighted_mean(self._counts(X), sample_weight)
        trials = round(mean.sum())
        return trials, mean / trials

    def sample(self, theta: tuple[int, np.ndarray], n: int,
               rng: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return rng.multinomial(*theta, size=n).astype(float)

    def cumulants(self, theta: tuple[int, np.ndarray]) -> tuple[Any, Any, Any]:
        """Those of one trial times the number of trials."""
        trials, shares = theta
        G, psi3, psi4 = finite_cumulants(np.eye(len(shares))[:, :-1], shares)
        return trials * G, trials * psi3, lambda B: trials * psi4(B)

    def empty_probabilities(self, theta: tuple[int, np.ndarray], n: float) -> np.ndarray:
        """That a category of a new sample is empty."""
        return (1.0 - theta[1])**(n * theta[0])
