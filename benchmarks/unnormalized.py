"""Fits of densities known up to their constant: the closed form against searches for the minimum.

All fit a normal law cut to a ball, mean and precision unknown. The error is the largest difference
of the parameters, in standard errors. "own search" is ``TruncatedSteinEstimator`` with the family
given as a function: L-BFGS, then steps of Newton. "scipy BFGS" holds all pairs of rows in numpy,
and is given neither gradient nor units, only the objective; it is timed without standard errors.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from benchmarks._timing import race, table
from divest import TruncatedSteinEstimator, TrustWarning
from divest.unnormalized import gaussian_score


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    fits: tuple = ((300, 2), (1_000, 2), (2_000, 2), (1_000, 4))  # rows and columns
    rounds: int = 3
    budget: float = 6.0  # seconds for one race


QUICK = Sizes(fits=((300, 2), (1_000, 2)), budget=2.0)
RIDGE = 1e-3


# ---------------------------------------------------------------- contestants
def rows_in_ball(n, d):
    """A normal sample inside the unit ball times the root of d."""
    rng = np.random.default_rng(n + d)
    rows = np.empty((0, d))
    while len(rows) < n:
        draws = rng.normal(0.3, 1.0, (4 * n, d))
        rows = np.vstack([rows, draws[(draws**2).sum(axis=1) < d]])
    return rows[:n]


def sphere(d):
    points = np.random.default_rng(d).standard_normal((8 * d**2, d))
    return np.sqrt(d) * points / np.linalg.norm(points, axis=1, keepdims=True)


def standard_precision(d):
    """Parameters of the standard normal law, where the searches start."""
    return np.append(np.zeros(d), np.eye(d)[np.triu_indices(d)])


def imq(X, Y, ell):
    """The kernel between rows and its derivatives in the second, (d, n, m)."""
    gaps = X.T[:, :, None] - Y.T[:, None, :]
    k = 1 / np.sqrt(1 + (gaps**2).sum(axis=0) / ell**2)
    return k, k**3 * gaps / ell**2


def by_scipy(X, B, ell, spread):
    """Parameters by BFGS on the sum over all pairs, the matrices held."""
    family, Z = gaussian_score(), X / spread
    (k, slope), (to_edge, edge_slope) = imq(Z, Z, ell), imq(B / spread, Z, ell)
    gram = imq(B / spread, B / spread, ell)[0]
    weights = np.linalg.solve(gram + RIDGE * np.eye(len(B)), to_edge)
    k = k - to_edge.T @ weights
    drift = np.stack([column.sum(axis=1) - weights.T @ along.sum(axis=1)
                      for column, along in zip(slope, edge_slope, strict=True)], axis=1)

    def objective(theta):
        psi = family.score(X, theta) * spread
        return (np.sum(psi * (k @ psi)) + 2 * np.sum(psi * drift)) / len(X)**2

    return minimize(objective, standard_precision(X.shape[1]), method="BFGS").x


# ---------------------------------------------------------------- benchmarks
def fits(sizes: Sizes) -> list[dict]:
    """The closed form, standard errors included, against both searches."""
    return [row for n, d in sizes.fits for row in _fits(sizes, n, d)]


def _fits(sizes, n, d):
    X, B, family = rows_in_ball(n, d), sphere(d), gaussian_score()
    closed = TruncatedSteinEstimator(family, B)
    search = TruncatedSteinEstimator(family.score, B, theta0=standard_precision(d))
    fitted = closed.fit(X)
    theta, errors = fitted.coef_, fitted.standard_error_
    calls = {"closed form": partial(closed.fit, X), "own search": partial(search.fit, X),
             "scipy BFGS": partial(by_scipy, X, B, fitted.bandwidth_, X.std(axis=0))}
    found = {"own search": search.fit(X).coef_, "scipy BFGS": calls["scipy BFGS"]()}
    raced = race(calls, sizes.rounds, sizes.budget)
    return [{"task": "truncated normal", "n": n, "d": d,
             **raced.row("closed form", name, target=1 / 5,
                         ours_error=float(np.abs((other - theta) / errors).max()))}
            for name, other in found.items()]


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return table([fits], sizes)
