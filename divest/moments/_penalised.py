"""Linear moment conditions ``mean F (y - T coef) = 0`` with a ridge on some coefficients.

Everything follows from one matrix: ``coef = map @ mean(F y)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

SMALLEST_SINGULAR = 1e-10  # of the largest: what is below counts as nothing


@dataclass(frozen=True)
class Penalised:
    """One solution.

    Parameters
    ----------
    coef : ndarray of shape (p,)
        Coefficients.
    map : ndarray of shape (p, q)
        ``coef = map @ mean(F y)``, with the weights as they are.
    degrees : float
        Effective degrees of freedom: the trace of what takes y to the instrumented fit.
    """

    coef: np.ndarray
    map: np.ndarray
    degrees: float


class LinearMoments:
    """The system on some rows, solved for one ridge after another.

    Parameters
    ----------
    T, F : ndarray of shape (n, p) and (n, q)
        Regressors and instruments.
    y : ndarray of shape (n,)
        Outcomes.
    n_free : int
        So many regressors, the first ones, have no penalty.
    reg : float
        Added to the diagonal of the second moments of the instruments.
    """

    def __init__(self, T: np.ndarray, F: np.ndarray, y: np.ndarray, n_free: int,
                 reg: float) -> None:
        self.T, self.F, self.y, self.n_free, self.reg = T, F, y, n_free, reg
        self.G, self.g = F.T @ T / len(y), F.T @ y / len(y)
        self.first_root = self.weight_root(None)

    def part(self, rows: np.ndarray) -> LinearMoments:
        """The system on some of the rows."""
        return LinearMoments(self.T[rows], self.F[rows], self.y[rows], self.n_free, self.reg)

    def weight_root(self, residual: np.ndarray | None) -> np.ndarray:
        """Lower Cholesky factor of ``mean u^2 F F' + reg I``, u scaled to mean square 1, or 1."""
        squares = np.ones(len(self.y)) if residual is None else residual**2
        if not (size := squares.mean()) > 0:  # nothing is left of y
            return self.first_root
        S = (self.F * (squares / size)[:, None]).T @ self.F / len(squares)
        S.flat[::len(S) + 1] += self.reg
        return np.linalg.cholesky(S)

    def solve(self, ridge: float, reweight: bool, debias: bool = False) -> Penalised:
        """Coefficients for one ridge; `reweight` by the residuals of a first solution.

        `debias` adds what the same solution makes of what it leaves of ``mean(F y)``: of a penalty
        that shrinks a coefficient by the share s it leaves s^2.
        """
        found = self._solve(ridge, self.first_root)
        if reweight:
            found = self._solve(ridge, self.weight_root(self.y - self.T @ found.coef))
        if debias:
            found = self._solution(2 * found.map - found.map @ self.G @ found.map)
        return found

    def _solve(self, ridge: float, root: np.ndarray) -> Penalised:
        """``(G'WG + ridge P)^-1 G'W``, W^-1 = root root', P one on the penalised; by least squares.

        Directions in which regressors do not differ get no coefficient.
        """
        q, p = self.G.shape
        penalty = np.sqrt(ridge) * np.eye(p)[self.n_free:]
        stacked = np.concatenate([solve_triangular(root, self.G, lower=True), penalty])
        inverse = np.linalg.pinv(stacked, rcond=SMALLEST_SINGULAR)[:, :q]
        return self._solution(solve_triangular(root, inverse.T, lower=True, trans=1).T)

    def _solution(self, matrix: np.ndarray) -> Penalised:
        return Penalised(matrix @ self.g, matrix, float(np.sum(matrix * self.G.T)))

    def covariance(self, found: Penalised) -> np.ndarray:
        """Sandwich of the coefficients (p, p): errors may differ in size, the penalty is as given.

        Squared residuals are too small by about n / (n - degrees); NaN where nothing is left.
        """
        if len(self.y) - found.degrees < 0.5:
            return np.full((len(found.coef),) * 2, np.nan)
        n, moments = len(self.y), self.F * (self.y - self.T @ found.coef)[:, None]
        moments -= moments.mean(axis=0)
        spread = moments @ found.map.T
        return spread.T @ spread / (n * max(n - found.degrees, 1.0))

    def explained(self) -> np.ndarray:
        """Share of the second moment of each free regressor that instruments explain.

        The others are taken out of it first, as instruments see them: what moves two regressors in
        one way does not tell them apart. Regressors that repeat others are left out.
        """
        along = solve_triangular(self.first_root, self.G[:, :self.n_free], lower=True)
        shares = []
        for j in range(1, self.n_free):
            others = np.delete(np.arange(self.n_free), j)
            coef = np.linalg.lstsq(along[:, others], along[:, j], rcond=SMALLEST_SINGULAR)[0]
            rest = np.mean((self.T[:, j] - self.T[:, others] @ coef)**2)
            if rest > SMALLEST_SINGULAR**2 * np.mean(self.T[:, j]**2):
                told = np.sum((along[:, j] - along[:, others] @ coef)**2)
                shares.append(min(told / rest, 1.0))
        return np.array(shares)

    def identified(self) -> tuple[int, int]:
        """How many directions of the free regressors instruments tell apart, and how many exist."""
        free = self.T[:, :self.n_free]
        along = solve_triangular(self.first_root, self.G[:, :self.n_free], lower=True)
        return rank(along), rank(free)


def rank(matrix: np.ndarray) -> int:
    """Singular values above 1e-10 of the largest."""
    values = np.linalg.svd(matrix, compute_uv=False)
    return int(np.sum(values > SMALLEST_SINGULAR * values[0]))
