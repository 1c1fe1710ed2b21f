"""The basis of a smooth function: constant and slopes that are free, and columns that are not."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import clone

OUTERMOST = 0.03  # and 1 - this: quantiles of a column where its first and last knot stand


class Standardizer:
    """Columns less their mean, in standard deviations; a constant column stays in its units."""

    def fit(self, X: np.ndarray) -> Self:
        """Take means and standard deviations from `X`."""
        self.center = X.mean(axis=0)
        spread = (X - self.center).std(axis=0)
        constant = (X == X[0]).all(axis=0)
        self.scale = np.where(constant | (spread == 0), 1.0, spread)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The columns in their units."""
        return (X - self.center) / self.scale


class HingeBasis:
    """``(t - knot)_+`` for each column and each of its knots.

    Knots stand at quantiles, inside the range: a column with few distinct values has fewer.
    """

    def __init__(self, n_knots: int) -> None:
        self.n_knots = n_knots

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Place the knots."""
        shares = np.linspace(OUTERMOST, 1 - OUTERMOST, self.n_knots)
        self.knots = []
        for column in X.T:
            knots = np.unique(np.quantile(column, shares))
            self.knots.append(knots[(knots > column.min()) & (knots < column.max())])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """All hinges of the first column, then of the second, and so on."""
        hinges = [np.maximum(column[:, None] - knots, 0.0)
                  for column, knots in zip(X.T, self.knots, strict=True)]
        return np.concatenate(hinges, axis=1)


class FreeLineBasis:
    """``[1, t, bends(t)]`` of standardised columns t; the first ``n_free`` are not penalised.

    Parameters
    ----------
    bends : transformer
        Has `fit` and `transform`, as scikit-learn's; a copy is fitted.
    """

    def __init__(self, bends: Any) -> None:
        self.bends = bends

    def fit(self, X: np.ndarray) -> Self:
        """Fit units and bends to `X`."""
        self.units = Standardizer().fit(X)
        self.n_free = 1 + X.shape[1]
        self.bends = clone(self.bends, safe=False).fit(self.units.transform(X))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """The columns of the basis (n, p)."""
        T = self.units.transform(X)
        return np.concatenate([np.ones((len(T), 1)), T, self._bent(T)], axis=1)

    def _bent(self, T: np.ndarray) -> np.ndarray:
        columns = self.bends.transform(T)
        return np.asarray(columns.toarray() if hasattr(columns, "toarray") else columns, float)
