"""Rows and scores as the pair sums take them: weighted, preconditioned, centred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from divest._validation import check_finite
from divest.goodness_of_fit._boundary import box_weights
from divest.goodness_of_fit._score_model import Bounds
from divest.kernels import Kernel, median_bandwidth
from divest.kernels._boundary import RIDGE as BOUNDARY_RIDGE
from divest.kernels._boundary import boundary_root

RIDGE = 1e-8  # of a singular covariance, as a share of its mean variance


@dataclass(frozen=True, eq=False)
class Points:
    """A sample in the coordinates of the test.

    `array` is what `divest._kernels.stein` calls points: (2, d, n) of coordinates and scores, or
    (3, d, n) with weights. Coordinates are ``x @ factor - center``.
    """

    array: np.ndarray
    factor: np.ndarray
    center: np.ndarray
    boundary: np.ndarray | None = None
    ridge: float = BOUNDARY_RIDGE
    singular: bool = False  # whether the covariance had to be made regular

    @property
    def rows(self) -> np.ndarray:
        """Coordinates, (n, d)."""
        return np.ascontiguousarray(self.array[0].T, dtype=np.float64)

    @property
    def scores(self) -> np.ndarray:
        """Scores, (n, d); with weights, what takes their place."""
        return np.ascontiguousarray(self.array[1].T, dtype=np.float64)

    @property
    def weights(self) -> np.ndarray:
        """Weights of the coordinates of the test function, (n, d); 1 where there are none."""
        weighted = len(self.array) == 3
        return self.array[2].T.astype(np.float64) if weighted else np.ones(self.rows.shape)

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.array.shape[2]

    @property
    def d(self) -> int:
        """Number of columns."""
        return self.array.shape[1]

    def median(self) -> float:
        """The median bandwidth."""
        return median_bandwidth(self.rows)

    def transform(self, Z: np.ndarray) -> np.ndarray:
        """Other rows in the same coordinates."""
        return Z @ self.factor - self.center

    def part(self, rows: Any) -> np.ndarray:
        """`array` of some of the rows."""
        return np.ascontiguousarray(self.array[:, :, rows])

    def boundary_features(self, kernel: Kernel) -> np.ndarray | None:
        """What to take off the Stein kernel of two rows is the product of these, (n, d m).

        They are those of the kernel conditioned to vanish at m points of the boundary,
        ``k(x, y) - k(x, B) (K_BB + ridge I)^-1 k(B, y)``.
        """
        if self.boundary is None:
            return None
        gaps = self.rows[:, None] - self.boundary
        phi, slope, _ = kernel.profile((gaps**2).sum(axis=2))
        operated = self.scores[:, :, None] * phi[:, None] + 2 * (
            slope[:, :, None] * gaps).transpose(0, 2, 1)
        root = self.boundary_root(kernel)
        flat = operated.reshape(-1, len(root)).T
        return solve_triangular(root, flat, lower=True).T.reshape(self.n, -1)

    def boundary_root(self, kernel: Kernel) -> np.ndarray:
        """Cholesky factor of the kernel between the points of the boundary."""
        assert self.boundary is not None
        return boundary_root(kernel, self.boundary, self.ridge)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """How rows and scores become `Points`; what it takes from the rows, each sample gives anew.

    `box` are the edges of a tilted kernel, `weight` the two functions of a weight given by the
    user, `preconditioner` None, "std", "covariance" or a positive-definite matrix.
    """

    box: Bounds | None = None
    weight: tuple[Callable[..., Any], Callable[..., Any]] | None = None
    boundary_points: np.ndarray | None = None
    preconditioner: Any = None
    dtype: Any = np.float64

    def points(self, X: np.ndarray, S: np.ndarray, middle: np.ndarray | None = None) -> Points:
        """Rows (n, d) and scores (n, d) as points, about their mean or another `middle` (d,)."""
        W, A = self._weighted(X, S)
        factor, singular = preconditioning(X, self.preconditioner)
        Z = X
        if self.preconditioner is not None:
            _refuse_mixing(factor, W)
            Z, A = X @ factor, solve_triangular(factor, A.T, lower=True).T
        center = Z.mean(axis=0) if middle is None else middle @ factor
        parts = [Z - center, A] if W is None else [Z - center, A, W]
        array = np.stack([np.ascontiguousarray(part.T, dtype=self.dtype) for part in parts])
        boundary = self.boundary_points
        if boundary is not None:
            boundary = boundary @ factor - center
        return Points(array, factor, center, boundary, singular=singular)

    def _weighted(self, X: np.ndarray, S: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Weights of the coordinates, and scores that go with them."""
        if self.box is not None:
            W, slope = box_weights(X, *self.box)
            return W, W * S + slope
        if self.weight is None:
            return None, S
        W, gradient = (np.asarray(function(X), dtype=float) for function in self.weight)
        W = W[:, None] if W.ndim == 1 else W
        if W.shape not in ((len(X), 1), X.shape) or gradient.shape != X.shape:
            raise ValueError(f"weight must give shapes ({len(X)},) and {X.shape} for X of shape "
                             f"{X.shape}; got {W.shape} and {gradient.shape}.")
        check_finite(W, "weight")
        check_finite(gradient, "the gradient of the logarithm of weight")
        if (W < 0).any():
            raise ValueError("weight must not be negative.")
        W = np.broadcast_to(W, X.shape)
        return W, W * (S + gradient)


def _refuse_mixing(factor: np.ndarray, W: np.ndarray | None) -> None:
    """Each coordinate has a weight of its own only where coordinates are columns."""
    if W is not None and np.count_nonzero(np.tril(factor, -1)) and (W != W[:, :1]).any():
        raise ValueError("a weight for each column goes with preconditioner=None or 'std'; this "
                         "preconditioner mixes the columns.")


def preconditioning(X: np.ndarray, preconditioner: Any) -> tuple[np.ndarray, bool]:
    """L of ``z = L'x``, lower triangular, and whether a singular covariance was made regular."""
    d = X.shape[1]
    if preconditioner is None:
        return np.eye(d), False
    if isinstance(preconditioner, str) and preconditioner == "std":
        return np.diag(1.0 / X.std(axis=0)), False
    if isinstance(preconditioner, str) and preconditioner == "covariance":
        covariance = np.atleast_2d(np.cov(X.T))
        values = np.linalg.eigvalsh(covariance)
        singular = bool(values[0] <= 1e-10 * values[-1])
        if singular:
            covariance = covariance + RIDGE * np.trace(covariance) / d * np.eye(d)
        return _root(np.linalg.inv(covariance)), singular
    return _root(as_matrix(preconditioner, d)), False


def as_matrix(preconditioner: Any, d: int) -> np.ndarray:
    """A preconditioner given as a matrix."""
    wrong = (f"preconditioner must be None, 'std', 'covariance' or a symmetric positive-definite "
             f"matrix of shape ({d}, {d})")
    try:
        matrix = np.asarray(preconditioner, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{wrong}; got {preconditioner!r}.") from None
    if matrix.shape != (d, d):
        raise ValueError(f"{wrong}; got shape {matrix.shape}.")
    scale = np.abs(matrix).max()
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-10 * scale) or (
            np.linalg.eigvalsh(matrix)[0] <= 1e-14 * scale):
        raise ValueError(f"{wrong}; this one is not.")
    return matrix


def _root(matrix: np.ndarray) -> np.ndarray:
    return cholesky((matrix + matrix.T) / 2, lower=True)
