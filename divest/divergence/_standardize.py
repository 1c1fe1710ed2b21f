"""Scaling both samples alike, from the pooled rows, before distances are measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

METHODS = (None, "std", "whiten")


@dataclass(frozen=True)
class Standardizer:
    """A linear map of rows, and the dimension of what it keeps.

    Attributes
    ----------
    center : ndarray of shape (d,)
        Subtracted first.
    matrix : ndarray of shape (d,) or (d, d_out) or None
        Scales of the columns, or a matrix to multiply with; None leaves the rows as they are.
    dimension : int
        Columns that vary; directions that vary for "whiten". At least 1.
    """

    center: np.ndarray
    matrix: np.ndarray | None
    dimension: int

    @classmethod
    def from_rows(cls, rows: np.ndarray, method: str | None) -> Standardizer:
        """Learn the map from the pooled rows."""
        low, high = rows.min(axis=0), rows.max(axis=0)
        varies = high > low
        center, dimension = low / 2 + high / 2, max(1, int(varies.sum()))
        if method is None:
            return cls(center, None, dimension)
        reach = np.where(varies, high / 2 - low / 2, 1.0)  # squares of rows/reach do not overflow
        centered = (rows - center) / reach * varies
        spread = np.where(varies, centered.std(axis=0), 1.0)
        if method == "std":
            return cls(center, varies / spread / reach, dimension)
        matrix = _whitening((centered - centered.mean(axis=0)) / spread)
        return cls(center, matrix / spread[:, None] / reach[:, None], max(1, matrix.shape[1]))

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Scaled rows."""
        if self.matrix is None:
            return rows
        centered = rows - self.center
        return centered * self.matrix if self.matrix.ndim == 1 else centered @ self.matrix


def _whitening(rows: np.ndarray) -> np.ndarray:
    """Directions of unit variance; those without variance are left out."""
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    kept = values > max(1e-10 * values[-1], 0.0)
    if not kept.any():
        return np.zeros((rows.shape[1], 1))
    return vectors[:, kept] / np.sqrt(values[kept])
