"""Families of independent columns, whose coefficients of the risk add up over the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from divest._validation import check_sample, check_scale
from divest.sample_complexity._contractions import (
    Evaluated,
    combine,
    equal_weights,
    first_order,
    weighted_mean,
)

Standard = tuple[np.ndarray, np.ndarray, np.ndarray]


def column_name(column: int, names: Sequence[Any] | None) -> str:
    """A column as errors name it."""
    return repr(column if names is None else names[column])


def check_entries(X: Any, names: Sequence[Any] | None, valid: Any, wanted: str) -> np.ndarray:
    """Rows whose entries are all `valid`; the error says what was wanted instead."""
    X, own = check_sample(X, "X")
    names = own if names is None else names
    wrong = np.argwhere(~valid(X))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ValueError(f"X must hold {wanted}; row {row} of column {column_name(column, names)} "
                         f"is {X[row, column]:g}.")
    return X


def column_coefficients(standard: Standard, weights: np.ndarray | None, specified: bool,
                        second: bool, cubes: float) -> Evaluated:
    """Sum over columns of their coefficients.

    `standard` holds the statistics of each column (rows, statistics, columns), about their means
    and with unit covariance under the model, and their third and fourth cumulants under it,
    columns last. Other columns do not enter: the cumulants of the model across columns are 0.
    """
    z, psi3, psi4 = standard
    n, size, d = z.shape
    weighted = z * equal_weights(n, weights)[:, None, None]
    parts = np.einsum("nad,nad->n", z, z)
    if specified:
        a = np.repeat(np.eye(size)[:, :, None], d, axis=2)
    else:
        a = np.einsum("nad,nbd->abd", weighted, z)
    p_star = float(np.einsum("aad->", a))
    if not second:
        return Evaluated(first_order(p_star), size * d, parts)
    K = psi3 if specified else np.einsum("nad,nbd,ncd->abcd", weighted, z, z)
    k4 = np.einsum("abced,abd,ced->", psi4, a, a)
    T = np.sum(np.einsum("abed,abd->ed", psi3, a)**2)
    turned = np.einsum("abed,acd->cbed", psi3, a)
    S2 = np.einsum("cbed,cbed->", turned, turned.swapaxes(0, 1))
    c2 = combine(float(k4), float(T), float(S2), cubes * float(np.vdot(psi3, K)))
    return Evaluated(np.array([p_star, *c2]), size * d, parts)


class IndependentColumns:
    """What these families share: theta holds the means of the columns, unless they say otherwise.

    A family has `check`, `fit`, and `column_cumulants` or a `standard` of its own.
    """

    def check(self, X: Any, names: Sequence[Any] | None = None) -> np.ndarray:
        """Rows that the family can hold."""
        raise NotImplementedError

    def column_cumulants(self, theta: np.ndarray) -> Standard:
        """Second, third and fourth cumulant of each column."""
        raise NotImplementedError

    def sufficient_statistics(self, X: Any) -> np.ndarray:
        """The columns."""
        return self.check(X)

    def fit(self, X: Any, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Means."""
        return weighted_mean(self.check(X), sample_weight)

    def fitted_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any) -> Any:
        """The columns as they are."""
        self.check(X, names)
        return np.asarray

    def standard(self, X: np.ndarray, theta: np.ndarray) -> Standard:
        """For `column_coefficients`; columns without variance are left out."""
        check_scale(X, "X")
        variance, third, fourth = self.column_cumulants(theta)
        used = variance > 0
        sd = np.sqrt(variance[used])
        z = (X - theta)[:, used] / sd
        return z[:, None], (third[used] / sd**3)[None, None, None], (
            fourth[used] / sd**4)[None, None, None, None]

    def risk_coefficients(self, X: np.ndarray, weights: np.ndarray | None, specified: bool,
                          second: bool, cubes: float) -> Evaluated:
        """The coefficient vector of the law fitted to rows."""
        standard = self.standard(X, self.fit(X, weights))
        return column_coefficients(standard, weights, specified, second, cubes)
