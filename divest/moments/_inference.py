"""Covariances of moments and of parameters, and tests on both; plain arrays in and out.

Throughout n is the number of rows, g (n, q) the moments of each row, w (n,) their weights (sum 1),
Gamma (q, p) the mean Jacobian and Omega (q, q) such that the mean moment has variance Omega / n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import chdtrc

from divest._validation import check_floats
from divest.moments._mixture import mixture_sf
from divest.moments._newton import square_root

COV_TYPES = ("robust", "cluster", "hac")
RANK_TOLERANCE = 1e-10  # singular values below this share of the largest count as zero
STEP = 1e-4  # of the differences that give the Hessian, in units of max(1, |theta|)
SHORTEST, LONGEST = 1e-6, 0.1  # and the same in standard errors, where they are known


def omega(g: np.ndarray, w: np.ndarray, *, cov_type: str = "robust",
          groups: np.ndarray | None = None, max_lags: int | None = None) -> np.ndarray:
    """Omega about the weighted mean: of independent rows, of groups, or of rows in time order."""
    return scatter(influence(g, w), cov_type=cov_type, groups=groups, max_lags=max_lags)


def influence(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What each row adds to the mean moment, times n, about that mean."""
    return len(g) * w[:, None] * (g - w @ g)


def scatter(rows: np.ndarray, *, cov_type: str = "robust", groups: np.ndarray | None = None,
            max_lags: int | None = None) -> np.ndarray:
    """Variance of ``rows.sum(axis=0) / sqrt(n)``, the rows having mean zero."""
    n = len(rows)
    if cov_type == "hac":
        return _bartlett(rows, default_lags(n) if max_lags is None else max_lags)
    if cov_type == "cluster":
        code = np.unique(np.asarray(groups), return_inverse=True)[1]
        sums = np.zeros((code.max() + 1, rows.shape[1]))
        np.add.at(sums, code, rows)
        rows = sums
    return rows.T @ rows / n


def default_lags(n: int) -> int:
    """Lags of the Bartlett weights where none are given: ``4 (n / 100)^(2/9)``, as is usual."""
    return min(int(4 * (n / 100) ** (2 / 9)), n - 1)


def _bartlett(rows: np.ndarray, max_lags: int) -> np.ndarray:
    """Sum of autocovariances with weights that fall to zero at lag ``max_lags + 1``."""
    n = len(rows)
    total = rows.T @ rows
    for lag in range(1, min(max_lags, n - 1) + 1):
        cross = rows[lag:].T @ rows[:-lag]
        total += (1 - lag / (max_lags + 1)) * (cross + cross.T)
    return total / n


def sandwich(Gamma: np.ndarray, W: np.ndarray, Omega: np.ndarray, n: int) -> np.ndarray:
    """Variance of the minimiser of ``gbar' W gbar``; NaN where Gamma has not full rank."""
    if local_rank(Gamma) < Gamma.shape[1]:
        return np.full((Gamma.shape[1],) * 2, np.nan)
    WG = W @ Gamma
    return between(Gamma.T @ WG, WG.T @ Omega @ WG) / n


def newey_windmeijer(H: np.ndarray, D: np.ndarray, W: np.ndarray, Omega: np.ndarray,
                     n: int) -> np.ndarray | None:
    """The same with the Hessian H of the objective and D = sum_j v_j G_j (q, p).

    It knows that the Jacobian is estimated too, which counts where instruments are weak or many.
    None where H is not positive definite.
    """
    if not (np.isfinite(H).all() and np.isfinite(D).all()) or np.linalg.eigvalsh(H)[0] <= 0:
        return None
    WD = W @ D
    V = between(H, WD.T @ Omega @ WD) / n
    return V if np.isfinite(V).all() else None


def between(bread: np.ndarray, meat: np.ndarray) -> np.ndarray:
    """``bread^-1 meat bread^-1``, with the parameters brought to one scale first.

    Made of a root of meat, so that rounding leaves no negative variance.
    """
    scale = 1 / np.sqrt(np.maximum(np.abs(np.diag(bread)), 1e-300))
    units = np.outer(scale, scale)
    half = scale[:, None] * np.linalg.solve(bread * units, square_root(meat * units))
    return half @ half.T


def hessian(gradient: Callable[[np.ndarray], np.ndarray], theta: np.ndarray,
            errors: np.ndarray | None = None) -> np.ndarray:
    """Central differences of the gradient, made symmetric.

    Standard errors `errors` (p,) keep the steps in proportion whatever the units of theta.
    """
    p = len(theta)
    H = np.empty((p, p))
    sizes = STEP * np.maximum(1.0, np.abs(theta))
    if errors is not None:
        sizes = np.clip(sizes, SHORTEST * errors, LONGEST * errors)
    for j in range(p):
        step = np.zeros(p)
        step[j] = sizes[j]
        H[:, j] = (gradient(theta + step) - gradient(theta - step)) / (2 * step[j])
    return (H + H.T) / 2


def local_rank(Gamma: np.ndarray) -> int:
    """Rank of the Jacobian: how many directions of the parameters the moments see.

    Columns are brought to one scale first, so that it does not depend on the parameters' units.
    """
    if not np.isfinite(Gamma).all():
        return 0
    norms = np.linalg.norm(Gamma, axis=0)
    values = np.linalg.svd(Gamma / np.where(norms > 0, norms, 1.0), compute_uv=False)
    return int((values > RANK_TOLERANCE * values.max(initial=0.0)).sum())


def j_statistic(gbar: np.ndarray, Gamma: np.ndarray, W: np.ndarray, Omega: np.ndarray, n: int,
                reg: float) -> tuple[float, float, Any, str]:
    """Test of the moments that estimation left over: statistic, p-value, null and a note.

    Without a ridge ``n gbar' [Omega^-1 - Omega^-1 Gamma (Gamma' Omega^-1 Gamma)^-1 Gamma'
    Omega^-1] gbar`` against chi-square, whose degrees of freedom are the third item. With a ridge
    W takes the place of Omega^-1, and the null is a weighted sum of chi-squares; the third item
    holds the weights. Valid at any root-n consistent estimate, not only at the minimum.
    """
    q, p = Gamma.shape
    if q <= p:
        return np.nan, np.nan, 0, "as many moments as parameters: nothing is left over to test"
    L = square_root(W) if reg > 0 else _root_of_inverse(Omega)
    left = _residual_maker(L.T @ Gamma)
    rows = left @ L.T
    statistic = float(n * np.sum((rows @ gbar) ** 2))
    if reg > 0:
        weights = _spectrum(rows @ Omega @ rows.T)
        return statistic, mixture_sf(statistic, weights), weights, "weighted sum of chi-squares"
    df = L.shape[1] - local_rank(Gamma)
    return statistic, float(chdtrc(df, statistic)), df, f"chi-square with {df} degrees of freedom"


def s_statistic(value: float, A: np.ndarray, Omega: np.ndarray, n: int,
                nuisance: np.ndarray | None = None) -> tuple[float, float, np.ndarray]:
    """Test of a parameter by the value of the profile there: statistic, p-value, weights.

    It needs no identification: ``2 n value`` is ``n gbar' A^-1 gbar`` to first order, a sum of
    chi-squares weighted with the eigenvalues of ``A^-1 Omega``. Value and A are best those of the
    quadratic divergence: far from the truth, where others tilt the rows much, their A tends to
    zero, and nothing would be rejected. Where the value is the smallest over other, well
    identified parameters, `nuisance` (q, k) is the Jacobian of these, and takes k weights away.
    """
    if not np.isfinite(value):  # no weights on the rows meet the moments
        return np.inf, 0.0, np.full(len(Omega), np.nan)
    root = square_root(Omega)
    half = _root_of_inverse(A).T
    if nuisance is not None:
        half = _residual_maker(half @ nuisance) @ half
    weights = _spectrum(root.T @ half.T @ half @ root)
    statistic = 2 * n * value
    return float(statistic), mixture_sf(statistic, weights), weights


def wald(theta: np.ndarray, V: np.ndarray, R: Any, r: Any = 0.0) -> tuple[float, float, int]:
    """Test of ``R theta = r``: statistic, p-value, degrees of freedom."""
    R = np.atleast_2d(check_floats("R", R))
    k, p = R.shape
    if p != len(theta):
        raise ValueError(f"R must have one column per parameter ({len(theta)}), got {p}.")
    r = check_floats("r", r)
    if r.ndim > 1 or (r.ndim == 1 and len(r) != k):
        raise ValueError(f"r must be a number or have one entry per row of R ({k}), "
                         f"got shape {r.shape}.")
    if not (np.isfinite(R).all() and np.isfinite(r).all()):
        raise ValueError("R and r must be finite.")
    if np.linalg.matrix_rank(R) < k:
        raise ValueError(f"the {k} rows of R are not independent; drop those that repeat others.")
    if not np.isfinite(V).all():
        return np.nan, np.nan, k
    L = _root_of_inverse(R @ V @ R.T)
    with np.errstate(over="ignore"):
        statistic = float(np.sum((L.T @ (R @ theta - r)) ** 2))
    if not np.isfinite(statistic):
        raise ValueError("R and r are too large for the statistic to be a float.")
    return statistic, float(chdtrc(k, statistic)), k


def _root_of_inverse(Omega: np.ndarray) -> np.ndarray:
    """L with ``L L' = Omega^-1``, moments brought to one scale; fewer columns where it is singular.

    Then it is the root of the inverse on the space where the moments vary.
    """
    spread = np.sqrt(np.diag(Omega))
    scale = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)
    values, vectors = np.linalg.eigh(Omega * np.outer(scale, scale))
    kept = values > 1e-12 * values.max(initial=0.0)
    return scale[:, None] * vectors[:, kept] / np.sqrt(values[kept])


def _residual_maker(X: np.ndarray) -> np.ndarray:
    """Projection on what is at right angles to the columns of X."""
    norms = np.linalg.norm(X, axis=0)
    U, values, _ = np.linalg.svd(X / np.where(norms > 0, norms, 1.0), full_matrices=False)
    U = U[:, values > RANK_TOLERANCE * values.max(initial=0.0)]
    return np.eye(len(X)) - U @ U.T


def _spectrum(S: np.ndarray) -> np.ndarray:
    """Eigenvalues of a matrix that is symmetric and not negative but for rounding."""
    return np.maximum(np.linalg.eigvalsh((S + S.T) / 2), 0.0)
