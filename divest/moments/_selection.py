"""How far residuals are from what instruments allow: two statistics, and a rule that uses them.

At most 2,000 rows are compared: of more, a random subsample, always the same one.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform

from divest.moments._features import median_distance

MOST_ROWS = 2000  # a matrix of all pairs takes 32 MB


def compared_rows(n: int) -> np.ndarray:
    """Positions of the rows that are compared, in order."""
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, MOST_ROWS, replace=False))


def hsic(residual: np.ndarray, Z: np.ndarray, multiplier: float = 1.0) -> float:
    """Hilbert-Schmidt independence criterion of residuals (n,) or (n, m) and instruments (n, d).

    The biased one, ``sum_ij K_ij L_ij / (n - 1)^2`` of centred Gaussian kernels at the median
    distances, that of the instruments times `multiplier`.
    """
    return InstrumentPairs(Z, multiplier).hsic(residual)


def mmr_statistic(residual: np.ndarray, Z: np.ndarray, multiplier: float = 1.0) -> float:
    """Mean of ``u_i . u_j k(z_i, z_j)`` over pairs i < j: 0 on average where E[u | z] = 0."""
    return InstrumentPairs(Z, multiplier).mmr(residual)


def largest_within(criterion: np.ndarray, factor: float) -> int:
    """The last position whose value is at most `factor` times the smallest."""
    near = criterion <= factor * np.nanmin(criterion)
    return int(np.flatnonzero(near)[-1])


class InstrumentPairs:
    """The kernel between the instruments of any two rows, with which many residuals are compared.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        The instruments.
    multiplier : float, default 1.0
        The bandwidth in median distances.
    weights : ndarray of shape (n,), optional
        Of the rows, of any sum: statistics are then those of the weighted law. Bandwidths are
        those of the rows as they are.
    """

    def __init__(self, Z: np.ndarray, multiplier: float = 1.0,
                 weights: np.ndarray | None = None) -> None:
        self.rows = compared_rows(len(Z))
        self.n = len(self.rows)
        if self.n < 2:
            raise ValueError("residuals are compared over pairs of rows; got "
                             f"{len(Z)} row{'s' if len(Z) != 1 else ''}, wanted at least 2.")
        self.kernel = pair_kernel(Z[self.rows], multiplier)
        matrix = squareform(self.kernel)
        np.fill_diagonal(matrix, 1.0)
        w = np.ones(self.n) if weights is None else weights[self.rows]
        self.weights = w / w.mean()
        mean = self.weights @ matrix / self.n
        matrix += self.weights @ mean / self.n - mean - mean[:, None]
        matrix *= self.weights
        matrix *= self.weights[:, None]
        self.trace = float(np.trace(matrix))
        self.centred = squareform(matrix, checks=False)

    def hsic(self, residual: np.ndarray) -> float:
        """See the function of this name."""
        pairs = pair_kernel(self._compared(residual), 1.0)
        return float(2 * (pairs @ self.centred) + self.trace) / (self.n - 1)**2

    def mmr(self, residual: np.ndarray) -> float:
        """See `mmr_statistic`."""
        u = self._compared(residual) * self.weights[:, None]
        matrix = squareform(self.kernel)
        return float(np.sum(u * (matrix @ u))) / (self.n * (self.n - 1))

    def _compared(self, residual: np.ndarray) -> np.ndarray:
        """Residuals of the rows that are compared, as columns."""
        return residual.reshape(len(residual), -1)[self.rows]


def pair_kernel(X: np.ndarray, multiplier: float) -> np.ndarray:
    """``exp(-|x_i - x_j|^2 / (2 h^2))`` for all i < j, h a multiple of the median distance."""
    squares = pdist(X / (multiplier * median_distance(X)), "sqeuclidean")
    squares *= -0.5
    return np.exp(squares, out=squares)
