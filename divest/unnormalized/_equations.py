"""The estimating equations of a minimum Stein discrepancy, their solution and its covariance.

The objective is the mean over pairs of rows of ``psi_i . psi_j k + psi_i . dk/dx_j
+ psi_j . dk/dx_i + tr d^2 k``, psi the scores at theta. Half its gradient is ``G' (K psi + g)``
over the number of pairs, G the derivatives of the scores in theta, K psi and g what `RowPairs`
calls smoothed and drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from divest.unnormalized._pairs import RowPairs

SINGULAR = 1e-11  # least eigenvalue, relative to the largest, of Q scaled to ones on its diagonal


@dataclass(frozen=True, eq=False)
class Solution:
    """Parameters (p,) and their covariance (p, p)."""

    theta: np.ndarray
    covariance: np.ndarray


def solve_linear(pairs: RowPairs, gamma: np.ndarray, offset: np.ndarray,
                 names: Sequence[str]) -> Solution:
    """Closed form for scores ``gamma theta + offset``: ``theta = -Q^-1 c``."""
    smoothed, returned, drift = pairs.act(np.concatenate([gamma, offset[:, :, None]], axis=2))
    Q = np.einsum("ilp,ilq->pq", gamma, smoothed[:, :, :-1]) / pairs.count
    c = np.einsum("ilp,il->p", gamma, smoothed[:, :, -1] + drift) / pairs.count
    inverse = inverse_of(Q, names)
    theta = -inverse @ c
    psi, smooth_psi = gamma @ theta + offset, smoothed @ np.append(theta, 1.0)
    rows = _row_scores(pairs, gamma, psi, smoothed[:, :, :-1], smooth_psi, returned[:, :-1], drift)
    return Solution(theta, _sandwich(inverse, rows))


def covariance_at(pairs: RowPairs, gamma: np.ndarray, psi: np.ndarray, bend: np.ndarray,
                  names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Covariance of parameters at which scores psi have the derivatives gamma, and Newton's step.

    `bend` (p, p): what the second derivatives of the scores add to Q.
    """
    smoothed, returned, drift = pairs.act(np.concatenate([gamma, psi[:, :, None]], axis=2))
    Q = np.einsum("ilp,ilq->pq", gamma, smoothed[:, :, :-1]) / pairs.count + bend
    inverse = inverse_of((Q + Q.T) / 2, names)
    step = -inverse @ np.einsum("ilp,il->p", gamma, smoothed[:, :, -1] + drift) / pairs.count
    rows = _row_scores(pairs, gamma, psi, smoothed[:, :, :-1], smoothed[:, :, -1],
                       returned[:, :-1], drift)
    return _sandwich(inverse, rows), step


def _row_scores(pairs: RowPairs, gamma: np.ndarray, psi: np.ndarray, smooth_gamma: np.ndarray,
                smooth_psi: np.ndarray, returned: np.ndarray, drift: np.ndarray) -> np.ndarray:
    """What each row gives to the estimating equations, as either row of a pair, (n, p)."""
    sums = (np.einsum("ilp,il->ip", gamma, smooth_psi + drift)
            + np.einsum("ilp,il->ip", smooth_gamma, psi) + returned)
    return sums * len(psi) / pairs.count


def _sandwich(inverse: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``inverse cov(rows) inverse / n``."""
    middle = np.atleast_2d(np.cov(rows.T))
    return inverse @ middle @ inverse / len(rows)


def inverse_of(Q: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The inverse of a positive-definite matrix, or an error that names the free direction."""
    if not np.isfinite(Q).all():
        raise ValueError("the scores of X are too large for their products to be floats; centre "
                         "and scale the columns of X.")
    scale = np.sqrt(np.abs(np.diag(Q)))
    if not scale.all():
        raise ValueError(_not_identified(names[int(np.argmin(scale)):][:1], np.ones(1)))
    values, vectors = np.linalg.eigh(Q / np.outer(scale, scale))
    if values[0] <= SINGULAR * values[-1]:
        if values[0] < -1e-8:
            raise ValueError("the discrepancy has no minimum here, as can happen with statistic='u'"
                             " in few rows, or to a search that starts far away; use "
                             "statistic='v', or another theta0.")
        direction = vectors[:, 0] / scale
        direction /= direction[np.argmax(np.abs(direction))]
        kept = np.flatnonzero(np.abs(direction) > 1e-3)
        raise ValueError(_not_identified([names[k] for k in kept.tolist()], direction[kept]))
    return (vectors / values) @ vectors.T / np.outer(scale, scale)


def _not_identified(names: Sequence[str], weights: np.ndarray) -> str:
    """What the rows do not tell, in words."""
    terms = " ".join(f"{weight:+.3g} {name}" for weight, name in zip(weights, names, strict=True))
    return ("the rows do not determine the parameters: the scores hardly change when the "
            f"parameters move along {terms}. Drop or fix a parameter, give more rows, or centre "
            "and scale the columns.")
