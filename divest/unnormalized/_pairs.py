"""Sums over all pairs of rows that the estimating equations need, tile by tile.

With k the kernel, conditioned to vanish at points of the boundary where there are some, and a field
A, vectors at the rows (n, d, q):

    smoothed_i = sum_j k(x_i, x_j) A_j                                  (n, d, q)
    returned_i = sum_jl A_jl d k(x_j, x_i) / d x_il                     (n, q)
    drift_il = sum_j d k(x_i, x_j) / d x_jl                             (n, d)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist

from divest.kernels import Kernel
from divest.kernels._boundary import RIDGE, boundary_root

SIDE = 512  # of square tiles


@dataclass(eq=False)
class RowPairs:
    """All pairs of rows `Z` (n, d), centred, under one kernel.

    `diagonal`: whether pairs of a row with itself count.
    """

    Z: np.ndarray
    kernel: Kernel
    boundary: np.ndarray | None = None
    ridge: float = RIDGE
    diagonal: bool = True
    _root: np.ndarray = field(init=False, repr=False)
    _features: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """What the boundary takes off the kernel is the product of these features, (n, m)."""
        if self.boundary is None:
            self._features = np.zeros((len(self.Z), 0))
            return
        self._root = boundary_root(self.kernel, self.boundary, self.ridge)
        self._features = self._whiten(self._to_boundary()[0])

    @property
    def count(self) -> int:
        """Number of pairs, each counted in both orders."""
        n = len(self.Z)
        return n * n if self.diagonal else n * (n - 1)

    def smooth(self, A: np.ndarray) -> np.ndarray:
        """`smoothed` of the field A (n, d) or (n, d, q)."""
        flat = A.reshape(len(A), -1)
        out = np.zeros(flat.shape)
        for rows, columns, phi, _ in self._tiles():
            out[rows] += phi @ flat[columns]
            if rows != columns:
                out[columns] += phi.T @ flat[rows]
        return self._held_down(flat, out).reshape(A.shape)

    def act(self, A: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`smoothed`, `returned` and `drift` of the field A (n, d, q) in one pass."""
        n, d, q = A.shape
        Z, flat = self.Z, A.reshape(n, -1)
        sources = np.hstack([np.ones((n, 1)), Z, np.einsum("ilq,il->iq", A, Z), flat])
        out, slopes = np.zeros(flat.shape), np.zeros(sources.shape)
        for rows, columns, phi, slope in self._tiles():
            out[rows] += phi @ flat[columns]
            slopes[rows] += slope @ sources[columns]
            if rows != columns:
                out[columns] += phi.T @ flat[rows]
                slopes[columns] += slope.T @ sources[rows]
        ones, places, along, fields = np.split(slopes, [1, 1 + d, 1 + d + q], axis=1)
        drift = -2 * (Z * ones - places)
        returned = -2 * (along - np.einsum("ilq,il->iq", fields.reshape(A.shape), Z))
        smoothed = self._held_down(flat, out).reshape(A.shape)
        if self.boundary is not None:
            self._hold_slopes(A, returned, drift)
        return smoothed, returned, drift

    # ------------------------------------------------------------ parts
    def _tiles(self) -> Iterator[tuple[slice, slice, np.ndarray, np.ndarray]]:
        """Values of phi and of its slope on the tiles of the upper triangle."""
        n = len(self.Z)
        for i in range(0, n, SIDE):
            for j in range(i, n, SIDE):
                rows, columns = slice(i, i + SIDE), slice(j, j + SIDE)
                u = cdist(self.Z[rows], self.Z[columns], "sqeuclidean")
                phi, slope, _ = self.kernel.profile(u)
                yield rows, columns, phi, slope

    def _to_boundary(self) -> tuple[np.ndarray, np.ndarray]:
        """Values of phi and of its slope between rows and points of the boundary, (n, m)."""
        phi, slope, _ = self.kernel.profile(cdist(self.Z, self.boundary, "sqeuclidean"))
        return phi, slope

    def _whiten(self, values: np.ndarray) -> np.ndarray:
        return solve_triangular(self._root, values.T, lower=True).T

    def _held_down(self, flat: np.ndarray, smoothed: np.ndarray) -> np.ndarray:
        """Take off what the boundary takes, and the diagonal where it does not count."""
        F = self._features
        smoothed -= F @ (F.T @ flat)
        if not self.diagonal:
            own = self.kernel.profile(np.zeros(1))[0] - (F**2).sum(axis=1)
            smoothed -= own[:, None] * flat
        return smoothed

    def _hold_slopes(self, A: np.ndarray, returned: np.ndarray, drift: np.ndarray) -> None:
        """The same for sums of derivatives, in place."""
        assert self.boundary is not None
        F, slope = self._features, self._to_boundary()[1]
        for column, (z, b) in enumerate(zip(self.Z.T, self.boundary.T, strict=True)):
            D = self._whiten(2 * slope * (z[:, None] - b))
            drift[:, column] -= F @ D.sum(axis=0)
            returned -= D @ (F.T @ A[:, column])
            if not self.diagonal:
                own = (F * D).sum(axis=1)
                drift[:, column] += own
                returned += own[:, None] * A[:, column]
