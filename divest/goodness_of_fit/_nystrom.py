"""Features of a few landmark rows in place of all pairs: a Stein kernel for millions of rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from math import ceil, sqrt
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from divest import _kernels
from divest._resampling import sign_blocks
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._stein_test import values_of
from divest.kernels import Kernel

CHUNK = 20_000  # rows worked on together
MOST_LANDMARKS = 400
RIDGE = 1e-8  # on the Stein kernel of the landmarks, as a share of its mean diagonal


def landmark_count(n: int) -> int:
    """How many landmarks `n` rows get."""
    return min(MOST_LANDMARKS, ceil(4 * sqrt(n)))


class NystromFeatures:
    """``F = L^-1 h(Z, X)`` with ``L L' = h(Z, Z) + ridge I``, in chunks of rows.

    Stands in for `SteinPairs`: the product of two columns of F takes the place of h.

    Parameters
    ----------
    points : Points
        The sample.
    kernel : Kernel
        A kernel with its bandwidth.
    landmarks : ndarray of shape (m,)
        Rows that are landmarks.
    """

    def __init__(self, points: Points, kernel: Kernel, landmarks: np.ndarray) -> None:
        self.points, self.kernel, self.n = points, kernel, points.n
        self._loop_arguments = kernel.loop_arguments()
        self._landmarks = self._part(landmarks)
        self.m = len(landmarks)
        gram = self._cross(self._landmarks)
        ridge = RIDGE * np.trace(gram) / self.m  # goes with the units of the columns
        self._root = cholesky(gram + ridge * np.eye(self.m), lower=True)

    def _part(self, rows: Any) -> np.ndarray:
        """Some of the points, in double precision whatever theirs."""
        return self.points.part(rows).astype(np.float64, copy=False)

    def _cross(self, array: np.ndarray) -> np.ndarray:
        return _kernels.stein.stein_cross(self._landmarks, array, *self._loop_arguments)

    def chunks(self) -> Iterator[np.ndarray]:
        """Features (m, rows) of one chunk of rows after another."""
        for rows in chunks(self.n):
            cross = self._cross(self._part(rows))
            yield solve_triangular(self._root, cross, lower=True, overwrite_b=True,
                                   check_finite=False)

    def of(self, points: Points) -> NystromFeatures:
        """The features of other rows, with the same landmarks."""
        other = copy.copy(self)
        other.points, other.n = points, points.n
        return other

    def own(self) -> np.ndarray:
        """The product of each row with itself, (n,)."""
        return np.concatenate([np.einsum("ij,ij->j", F, F) for F in self.chunks()])

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum of the features, (m,), and of their products, ``F F'``."""
        total, products = np.zeros(self.m), np.zeros((self.m, self.m))
        for F in self.chunks():
            total += F.sum(axis=1)
            products += F @ F.T
        return total, products

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums over the other rows, and the product of each row with itself; both (n,)."""
        own, total = np.empty(self.n), np.zeros(self.m)
        for rows, F in zip(chunks(self.n), self.chunks(), strict=True):
            own[rows] = np.einsum("ij,ij->j", F, F)
            total += F.sum(axis=1)
        along = solve_triangular(self._root, total, lower=True, trans=1)
        sums = [along @ self._cross(self._part(rows)) for rows in chunks(self.n)]
        return np.concatenate(sums) - own, own

    def eigenvalues(self) -> np.ndarray:
        """Of the second moments of the features, ``F F' / n``."""
        return np.linalg.eigvalsh(self.moments()[1] / self.n)


def choose_landmarks(n: int, n_landmarks: int | None, seed: np.random.SeedSequence) -> np.ndarray:
    """Positions of the landmarks among `n` rows."""
    rng = np.random.Generator(np.random.PCG64(seed))
    return np.sort(rng.choice(n, min(n_landmarks or landmark_count(n), n), replace=False))


def chunks(n: int) -> list[slice]:
    """Slices of at most `CHUNK` rows."""
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]


def feature_draws(points: Points, kernels: Sequence[Kernel], seeds: Sequence[Any], extra: Any, *,
                  null: str, change: float, statistic: str, n_landmarks: int | None
                  ) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Statistics (K,), draws (B, K), and sums of rows and diagonals of each kernel.

    `seeds` are those of the draws, `extra` that of the landmarks.
    """
    landmarks = choose_landmarks(points.n, n_landmarks, extra)
    features = [NystromFeatures(points, kernel, landmarks) for kernel in kernels]
    sums = [f.sums() for f in features]
    own = np.array([diagonal.sum() for _, diagonal in sums])
    if null == "spectral":
        draws = spectral_draws(features[0].eigenvalues(), len(seeds), seeds[0])[:, None]
    else:
        draws = signed_forms(features, seeds, change) - own
        draws /= points.n - 1 if statistic == "u" else points.n
    if statistic == "v":
        draws += own / points.n
    return values_of(sums, statistic), draws, sums


def signed_forms(features: Sequence[NystromFeatures], seeds: Sequence[Any],
                 change: float) -> np.ndarray:
    """``sum_ij w_i w_j F_i . F_j`` under random signs w, (B, len(features))."""
    rows = chunks(features[0].n)
    totals = [np.zeros((len(seeds), f.m)) for f in features]
    blocks = sign_blocks([r.stop - r.start for r in rows], seeds, change)
    for signs, *parts in zip(blocks, *(f.chunks() for f in features), strict=True):
        for total, F in zip(totals, parts, strict=True):
            total += signs.astype(F.dtype) @ F.T
    return np.column_stack([(total**2).sum(axis=1) for total in totals])


def spectral_draws(eigenvalues: np.ndarray, n_resamples: int, seed: Any) -> np.ndarray:
    """Draws of ``sum lambda_j (z_j^2 - 1)`` for standard normal z, (n_resamples,)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    z = rng.standard_normal((n_resamples, len(eigenvalues)))
    return (z**2 - 1) @ eigenvalues
