"""Finite features of Gaussian kernels, and moments made of them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from divest._resampling import generators, root_sequence
from divest.kernels import median_bandwidth

MEDIAN_ROWS = 800  # a median distance is taken over this many rows at most
SMALLEST_EIGENVALUE = 1e-8  # of the largest: directions below it are dropped
NO_DISTANCE = 1e-12  # squared, in bandwidths: rows that near to a landmark need none of their own


def median_distance(X: np.ndarray) -> float:
    """Median distance between rows; 1 where all are equal."""
    return median_bandwidth(X, MEDIAN_ROWS)


def column_median_distances(X: np.ndarray) -> np.ndarray:
    """The median distance of each column by itself (d,)."""
    return np.array([median_distance(column) for column in X.T])


def moment_rows(psi: np.ndarray, F: np.ndarray | None) -> np.ndarray:
    """Products of the columns of psi (n, m) and of F (n, f): column ``a * f + b`` is a's with b's.

    Without F they are psi.
    """
    if F is None:
        return psi
    return (psi[:, :, None] * F[:, None, :]).reshape(len(psi), -1)


class NystromFeatures:
    """Features with ``phi(x) . phi(y)`` near ``exp(-|(x - y) / bandwidth|^2 / 2)``.

    Exact between landmarks. A constant column counts for nothing, as long as it stays constant.

    Parameters
    ----------
    bandwidth : float or ndarray of shape (d,)
        One for all columns, or one for each.
    n_components : int
        Landmarks; fewer where there are fewer distinct rows.
    random_state : int, SeedSequence, Generator, RandomState or None
        Draws the landmarks.
    """

    def __init__(self, bandwidth: float | np.ndarray, n_components: int,
                 random_state: Any = None) -> None:
        self.bandwidth, self.n_components = bandwidth, n_components
        self.random_state = random_state

    def fit(self, X: np.ndarray) -> Self:
        """Draw landmarks from the rows of `X`, and make their features orthogonal."""
        self.center = X.mean(axis=0)
        (rng,) = generators([root_sequence(self.random_state)])
        self.landmarks = spread_rows(self._scaled(X), self.n_components, rng)
        values, vectors = eigh(gaussian(self.landmarks, self.landmarks))
        kept = values > SMALLEST_EIGENVALUE * values[-1]
        self.projection = vectors[:, kept] / np.sqrt(values[kept])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Features (n, at most `n_components`)."""
        return gaussian(self._scaled(X), self.landmarks) @ self.projection

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return (X - self.center) / self.bandwidth


class FourierFeatures:
    """Random cosines and sines with ``phi(x) . phi(y)`` near the same kernel; no landmarks.

    Parameters
    ----------
    bandwidth : float or ndarray of shape (d,)
        One for all columns, or one for each.
    n_components : int
        Features; one more where it is odd, as they come in pairs.
    random_state : int, SeedSequence, Generator, RandomState or None
        Draws the frequencies.
    """

    def __init__(self, bandwidth: float | np.ndarray, n_components: int,
                 random_state: Any = None) -> None:
        self.bandwidth, self.n_components = bandwidth, n_components
        self.random_state = random_state

    def fit(self, X: np.ndarray) -> Self:
        """Draw frequencies for the columns of `X`."""
        (rng,) = generators([root_sequence(self.random_state)])
        self.center = X.mean(axis=0)
        draws = rng.standard_normal(((self.n_components + 1) // 2, X.shape[1]))
        self.frequencies = (draws / self.bandwidth).T
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Features (n, `n_components`)."""
        phase = (X - self.center) @ self.frequencies
        return np.concatenate([np.cos(phase), np.sin(phase)], axis=1) / np.sqrt(phase.shape[1])


def gaussian(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The kernel ``exp(-|x - y|^2 / 2)`` between rows."""
    squares = cdist(X, Y, "sqeuclidean")
    squares *= -0.5
    return np.exp(squares, out=squares)


def spread_rows(X: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn one after another with chances that go with the squared distance to those drawn.

    At most `count` of them, all distinct.
    """
    drawn = [int(rng.integers(len(X)))]
    squares = cdist(X, X[drawn], "sqeuclidean")[:, 0]
    while len(drawn) < count and squares.max() > NO_DISTANCE:
        cumulative = np.cumsum(squares)
        place = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
        drawn.append(min(int(place), len(X) - 1))
        latest = cdist(X, X[drawn[-1:]], "sqeuclidean")[:, 0]
        np.minimum(squares, latest, out=squares)
    return X[drawn]
