"""Linear models with instruments: closed forms, the profile step, covariances.

Everything works in units in which rounding does no harm: instruments F and regressors U have
identity second moments, and the outcome is the residual e of two-stage least squares, in its
standard deviations. With d the parameters in these units, the moments are ``(e - U d) F``. All
estimators here keep their value under such changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import eigh, qr

from divest.moments._dual import DualSolution
from divest.moments._inference import (
    between,
    hessian,
    j_statistic,
    local_rank,
    newey_windmeijer,
    omega,
    sandwich,
    scatter,
)
from divest.moments._problem import MomentProblem
from divest.moments._profile import (
    minimise_profile,
    profile_gradient,
    profile_value,
    within_guard,
)

COLLINEAR = 1e-10  # directions below this share of the largest are none
PROFILED = {"cue": "chi2", "el": "log", "et": "kl", "kmm": "kl"}
METHODS = ("2sls", "liml", "gmm", *PROFILED)
UNADJUSTED = "unadjusted"  # errors of one variance, independent of the instruments


class Rows(NamedTuple):
    """Checked rows with a weight; a constant is the first column of X and of Z."""

    X: np.ndarray
    y: np.ndarray
    Z: np.ndarray
    w: np.ndarray
    groups: np.ndarray | None
    names: list[str]  # of the columns of X
    instruments: list[str]  # of the columns of Z
    given: bool  # whether Z was given


@dataclass(frozen=True, eq=False)
class LinearSystem:
    """Residuals e (n,), regressors U (n, r) and instruments F (n, q) in units of their own.

    Parameters in the user's units are ``origin + T d``.
    """

    e: np.ndarray
    U: np.ndarray
    F: np.ndarray
    w: np.ndarray
    origin: np.ndarray
    T: np.ndarray

    @property
    def Gamma(self) -> np.ndarray:
        """Mean Jacobian (q, r); its singular values are correlations."""
        return -self.F.T @ (self.w[:, None] * self.U)

    @property
    def exact(self) -> bool:
        """Whether there are no more moments than parameters, or the model fits without error."""
        return self.F.shape[1] <= self.U.shape[1] or not self.e.any()

    def moments(self, d: np.ndarray) -> np.ndarray:
        """Moments of the rows, (n, q)."""
        return (self.e - self.U @ d)[:, None] * self.F

    def problem(self, divergence: str, epsilon: float = 1.0,
                Phi: np.ndarray | None = None) -> MomentProblem:
        """The same for the searchers."""
        residual = Residual(self.e, self.U)
        return MomentProblem(residual, residual.jacobian, self.w, self.U.shape[1], F=self.F,
                             Phi=Phi, divergence=divergence, epsilon=epsilon)


@dataclass(frozen=True, eq=False)
class Residual:
    """The moment function of a linear model, before instruments."""

    e: np.ndarray
    U: np.ndarray

    def __call__(self, d: np.ndarray) -> np.ndarray:
        return (self.e - self.U @ d)[:, None]

    def jacobian(self, d: np.ndarray) -> np.ndarray:
        """Derivative (n, 1, r)."""
        return -self.U[:, None, :]


@dataclass(frozen=True, eq=False)
class Search:
    """Settings of the profile step; epsilon is 1 and Phi None but for "kmm"."""

    epsilon: float
    guard: float
    max_iter: int
    tol: float
    Phi: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Parameters d, the weight W of the moments, and how they were found."""

    d: np.ndarray
    two_step: np.ndarray
    W: np.ndarray
    objective: float
    problem: MomentProblem | None = None  # of the profile step
    dual: DualSolution | None = None
    converged: bool = True
    fallback: bool = False
    n_iter: int = 0
    message: str = ""
    kappa: float = 1.0


def orthonormal_instruments(Z: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F (n, q) with ``F'wF = I`` that spans Z, and the columns of Z that this took."""
    root = np.sqrt(w)[:, None]
    rows = root * Z
    norms = np.linalg.norm(rows, axis=0)
    Q, R, order = qr(rows / np.where(norms > 0, norms, 1.0), mode="economic", pivoting=True)
    pivots = np.abs(np.diag(R))
    rank = int((pivots > COLLINEAR * max(pivots[0], 1e-300)).sum()) if norms.any() else 0
    return Q[:, :rank] / root, np.sort(order[:rank])


def directions(X: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U (n, r) with ``U'wU = I`` that spans X, and T (p, r) with ``X T = U``."""
    root = np.sqrt(w)[:, None]
    rows = root * X
    norms = np.linalg.norm(rows, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    P, values, turn = np.linalg.svd(rows / norms, full_matrices=False)
    kept = values > COLLINEAR * values.max(initial=0.0)
    T = turn[kept].T / values[kept] / norms[:, None]
    return P[:, kept] / root, T


def distinct_columns(columns: np.ndarray) -> np.ndarray:
    """Columns that vary and are not copies of earlier ones."""
    kept: list[int] = []
    for j in range(columns.shape[1]):
        column = columns[:, j]
        if np.ptp(column) > 0 and not any(np.array_equal(column, columns[:, k]) for k in kept):
            kept.append(j)
    return columns[:, kept]


def linear_system(y: np.ndarray, U: np.ndarray, T: np.ndarray, F: np.ndarray,
                  w: np.ndarray) -> LinearSystem:
    """Two-stage least squares is the origin, the size of its residuals the unit."""
    projected = F.T @ (w[:, None] * U)
    d = np.linalg.lstsq(projected, F.T @ (w * y), rcond=COLLINEAR)[0]
    e = y - U @ d
    spread = float(np.sqrt(w @ e**2))
    if spread <= 1e-14 * np.sqrt(w @ y**2):  # rounding only
        e, spread = np.zeros_like(e), 1.0
    return LinearSystem(e / spread, U, F, w, T @ d, T * spread)


def estimate(system: LinearSystem, method: str, search: Search) -> LinearFit:
    """Parameters by one of `METHODS`; where there is nothing to weigh, all are the same."""
    q, r = system.Gamma.shape
    first = LinearFit(np.zeros(r), np.zeros(r), np.eye(q), _value(system, np.zeros(r), np.eye(q)))
    if method == "2sls" or system.exact:
        return first
    if method == "liml":
        return _liml(system)
    second = two_step_gmm(system)
    return second if method == "gmm" else _profile(system, second, method, search)


def _value(system: LinearSystem, d: np.ndarray, W: np.ndarray) -> float:
    """Half of ``gbar' W gbar``."""
    gbar = system.w @ system.moments(d)
    return float(gbar @ W @ gbar / 2)


def _liml(system: LinearSystem) -> LinearFit:
    """The d with the smallest ratio of residual variances, before and after the instruments."""
    both = np.sqrt(system.w)[:, None] * np.column_stack([system.e, system.U])
    F = np.sqrt(system.w)[:, None] * system.F
    left = both - F @ (F.T @ both)
    inside = left.T @ left
    kappa = 1 / eigh(inside, both.T @ both, eigvals_only=True)[-1]
    bread = np.eye(len(inside) - 1) - kappa * inside[1:, 1:]
    d = np.linalg.solve(bread, both[:, 1:].T @ both[:, 0] - kappa * inside[1:, 0])
    W = np.eye(F.shape[1])
    return LinearFit(d, 0 * d, W, _value(system, d, W), kappa=float(kappa))


def two_step_gmm(system: LinearSystem) -> LinearFit:
    """Weights from the residuals of two-stage least squares, then least squares once."""
    g = system.moments(np.zeros(system.U.shape[1]))
    values, vectors = np.linalg.eigh((system.w[:, None] * g).T @ g)
    kept = values > 1e-12 * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    d = -np.linalg.lstsq(root.T @ system.Gamma, root.T @ (system.w @ g), rcond=COLLINEAR)[0]
    W = root @ root.T
    return LinearFit(d, d, W, _value(system, d, W))


def _profile(system: LinearSystem, two: LinearFit, method: str, search: Search) -> LinearFit:
    """From the two-step estimate to the smallest value of the inner problem; or back to it."""
    problem = system.problem(PROFILED[method], search.epsilon, search.Phi)
    end = minimise_profile(problem, two.d, tol=search.tol, max_iter=search.max_iter)
    V = sandwich(system.Gamma, two.W, omega(system.moments(two.d), system.w), len(system.e))
    if end.converged and within_guard(end.theta, two.d, V, search.guard):
        return LinearFit(end.theta, two.d, _inverse(end.dual.A), end.objective, problem, end.dual,
                         n_iter=end.n_iter)
    message = end.message
    if end.converged:
        message = f"the minimum lies more than {search.guard:g} standard errors away"
    return replace(two, fallback=True, converged=end.converged, message=message,
                   n_iter=end.n_iter)


def _inverse(A: np.ndarray) -> np.ndarray:
    W = np.linalg.pinv(A, rcond=1e-13, hermitian=True)
    return (W + W.T) / 2


@dataclass(frozen=True, eq=False)
class Errors:
    """How rows depend on one another."""

    cov_type: str = "robust"  # or "cluster", "hac", "unadjusted"
    groups: np.ndarray | None = None
    max_lags: int | None = None

    @property
    def n_groups(self) -> int | None:
        """Number of groups; None where rows are not grouped."""
        return None if self.groups is None else len(np.unique(self.groups))

    def scatter(self, rows: np.ndarray) -> np.ndarray:
        """Variance of the sum of rows with mean zero, over n."""
        kind = "robust" if self.cov_type == UNADJUSTED else self.cov_type
        return scatter(rows, cov_type=kind, groups=self.groups, max_lags=self.max_lags)

    def omega(self, system: LinearSystem, d: np.ndarray) -> np.ndarray:
        """Omega of the moments at d."""
        if self.cov_type == UNADJUSTED:
            return float(system.w @ (system.e - system.U @ d) ** 2) * np.eye(system.F.shape[1])
        return omega(system.moments(d), system.w, cov_type=self.cov_type, groups=self.groups,
                     max_lags=self.max_lags)


def covariance(system: LinearSystem, fit: LinearFit, errors: Errors) -> np.ndarray:
    """Sandwich covariance of d."""
    n, Gamma = len(system.e), system.Gamma
    if fit.kappa == 1.0:
        return sandwich(Gamma, fit.W, errors.omega(system, fit.d), n)
    explained = Gamma.T @ Gamma
    bread = explained + (1 - fit.kappa) * (np.eye(len(explained)) - explained)
    if errors.cov_type == UNADJUSTED:
        return between(bread, bread * (system.w @ (system.e - system.U @ fit.d) ** 2)) / n
    rows = n * system.w[:, None] * (system.moments(fit.d) @ Gamma)
    return between(bread, errors.scatter(rows)) / n


def many_weak_covariance(system: LinearSystem, fit: LinearFit,
                         errors: Errors) -> np.ndarray | None:
    """The covariance of Newey and Windmeijer of d; None where it has none."""
    if fit.problem is None or fit.dual is None:
        return None
    problem, dual = fit.problem, fit.dual

    def gradient(d: np.ndarray) -> np.ndarray:
        return profile_gradient(problem, d, profile_value(problem, d, dual.dual))

    D = problem.jacobian_sum(fit.d, dual.raw_weights)
    return newey_windmeijer(hessian(gradient, fit.d), D, fit.W, errors.omega(system, fit.d),
                            len(system.e))


@dataclass(frozen=True, eq=False)
class LinearOutcome:
    """A fit in the user's units: parameters, covariances, and the J test."""

    theta: np.ndarray
    two_step: np.ndarray
    rank: int  # coefficients that the instruments identify
    robust: np.ndarray
    many_weak: np.ndarray | None
    j: tuple[float, float, Any, str]


def describe(system: LinearSystem, fit: LinearFit, errors: Errors) -> LinearOutcome:
    """Back to the user's units; covariances are NaN where not all coefficients are identified."""
    p, rank, T = len(system.T), local_rank(system.Gamma), system.T
    robust, many_weak = np.full((p, p), np.nan), None
    if rank == p and len(system.e) > p:
        robust = T @ covariance(system, fit, errors) @ T.T
        newer = many_weak_covariance(system, fit, errors)
        many_weak = None if newer is None else T @ newer @ T.T
    q = len(system.Gamma)
    if errors.n_groups is not None and errors.n_groups <= q:
        j = (np.nan, np.nan, 0, "no more groups than instruments: there is no such test")
    else:
        j = j_statistic(system.w @ system.moments(fit.d), system.Gamma, fit.W,
                        errors.omega(system, fit.d), len(system.e), 0.0)
    return LinearOutcome(system.origin + T @ fit.d, system.origin + T @ fit.two_step, rank, robust,
                         many_weak, j)


def weakest_first_stage(X: np.ndarray, F: np.ndarray, w: np.ndarray,
                        errors: Errors) -> tuple[float, int] | None:
    """The smallest first-stage F and its column of X; None where no column is endogenous."""
    endogenous = np.flatnonzero(~inside_span(X, F, w))
    if not len(endogenous):
        return None
    return min((first_stage(X[:, j], np.delete(X, j, axis=1), F, w, errors), int(j))
               for j in endogenous)


def first_stage(x: np.ndarray, others: np.ndarray, F: np.ndarray, w: np.ndarray,
                errors: Errors) -> float:
    """F statistic of the excluded instruments in the regression of x on all instruments.

    Other endogenous regressors are taken out of x first, by two-stage least squares (Sanderson and
    Windmeijer), as instruments that move two regressors in one way do not tell them apart.
    """
    inside = F.T @ (w[:, None] * others)
    norms = np.linalg.norm(inside, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    full, values, _ = np.linalg.svd(inside / norms)
    excluded = F @ full[:, int((values > COLLINEAR * values.max(initial=0.0)).sum()):]
    slope = excluded.T @ (w * x)
    rest = x - others / norms @ np.linalg.lstsq(inside / norms, F.T @ (w * x), rcond=COLLINEAR)[0]
    left = rest - F @ (F.T @ (w * rest))
    rows = len(x) * (w * left)[:, None] * excluded
    if errors.cov_type == UNADJUSTED:
        V = float(w @ left**2) * np.eye(len(slope)) / len(x)
    else:
        V = errors.scatter(rows) / len(x)
    if not len(slope) or w @ left**2 <= 1e-16 * (w @ x**2):  # the others say as much
        return 0.0
    return float(slope @ np.linalg.pinv(V, hermitian=True) @ slope / len(slope))


def inside_span(X: np.ndarray, F: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Which columns of X the instruments give exactly: the exogenous ones."""
    left = X - F @ (F.T @ (w[:, None] * X))
    return np.sqrt(w @ left**2) <= 1e-8 * np.sqrt(w @ X**2)


def excluded_instruments(E: np.ndarray, Z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Columns of Z that, with the exogenous regressors E, span the same and do not repeat one."""
    inside = orthonormal_instruments(E, w)[0]
    rows = Z / np.maximum(np.sqrt(w @ Z**2), 1e-300)
    left = rows - inside @ (inside.T @ (w[:, None] * rows))
    left[:, w @ left**2 < COLLINEAR**2] = 0.0
    return orthonormal_instruments(left, w)[1]
