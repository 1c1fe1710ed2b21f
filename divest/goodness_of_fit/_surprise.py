"""Predictions, what came true, and how surprising that is."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from divest._validation import check_rows

TILTS = np.concatenate([-np.geomspace(0.02, 0.8, 8), np.geomspace(0.02, 0.8, 8)])
_BLOCK = 1 << 20  # probabilities worked on together
_ROUNDING = 1e-13  # relative, of surprises
_SUM = 1e-8  # how far the sum of a row may be from 1


# ------------------------------------------------------------------------------ input
def check_predictions(test: Any, P: Any) -> np.ndarray:
    """Probabilities of two symbols or more, (n, K)."""
    P = check_rows(test, P)
    if P.shape[1] < 2:
        raise ValueError("P must have one column for each of two symbols or more, got 1 column. "
                         "For events, np.column_stack([1 - p, p]) gives both.")
    if (P < 0).any():
        row, column = np.argwhere(P < 0)[0]
        raise ValueError(f"P must hold probabilities; row {row}, column {column} is "
                         f"{P[row, column]:g}.")
    sums = P.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > _SUM)
    if len(wrong):
        raise ValueError(
            f"each row of P must sum to 1 within {_SUM:g}; row {wrong[0]} sums to "
            f"{sums[wrong[0]]:.10g} ({len(wrong)} such rows in all). Where this is rounding, as "
            "with single precision, divide by the sums: P / P.sum(axis=1, keepdims=True).")
    return P


def check_symbols(y: Any, P: np.ndarray) -> np.ndarray:
    """Numbers of columns of P, one for each row."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None: y holds the number of "
                         "the column that came true in each row of P.")
    y, wanted = column_or_1d(y), f"numbers of columns of P, 0 to {P.shape[1] - 1}"
    if len(y) != len(P):
        raise ValueError(f"y must have one entry per row of P, {len(P)}; got {len(y)}.")
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y must hold {wanted}; got {y.tolist()[0]!r}. For labels, "
                         "np.searchsorted(classes, y) gives their numbers among sorted classes.")
    wrong = np.flatnonzero(~((y >= 0) & (y < P.shape[1]) & (y == np.floor(y))))
    if len(wrong):
        raise ValueError(f"y must hold {wanted}; entry {wrong[0]} is {y[wrong[0]].item()!r}.")
    return y.astype(np.intp)


# ------------------------------------------------------------------------------ mathematics
def surprise_moments(P: np.ndarray) -> np.ndarray:
    """Mean, and second and fourth central moments, of -log P_t(y) under P_t, (3, n)."""
    moments = np.empty((3, len(P)))
    for rows in _blocks(P):
        p = P[rows]
        surprise = -np.log(np.where(p > 0, p, 1.0))
        moments[0, rows] = (p * surprise).sum(axis=1)
        away = surprise - moments[0, rows, None]
        square = np.where(np.abs(away) > _ROUNDING * (1 + surprise), away, 0.0)**2
        moments[1, rows] = (p * square).sum(axis=1)
        moments[2, rows] = (p * square**2).sum(axis=1)
    return moments


def log_evalues(P: np.ndarray, surprise: np.ndarray) -> np.ndarray:
    """Logarithm of E after each symbol, the mean over all of `TILTS`, (n,)."""
    steps = TILTS[:, None] * surprise
    for rows in _blocks(P):
        p = P[rows]
        with np.errstate(divide="ignore"):
            log_p = np.log(p)
        for step, s in zip(steps, TILTS, strict=True):  # a sum from K^-0.8 to K^0.8
            step[rows] -= np.log(np.exp((1 - s) * log_p).sum(axis=1))
    return np.logaddexp.reduce(np.cumsum(steps, axis=1)) - np.log(len(TILTS))


def _blocks(P: np.ndarray) -> list[slice]:
    """Slices of rows with at most `_BLOCK` probabilities."""
    size = max(1, _BLOCK // P.shape[1])
    return [slice(start, start + size) for start in range(0, len(P), size)]
