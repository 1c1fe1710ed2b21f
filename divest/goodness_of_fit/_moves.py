"""Random moves of rows between the modes of a model, which leave its law as it is."""

from __future__ import annotations

import numpy as np

from divest.goodness_of_fit._modes import log_density_anywhere
from divest.goodness_of_fit._score_model import ScoreModel


class ModeMoves:
    """Metropolis moves of single rows from about one mode to about another.

    A row x and two different modes i and j, drawn at random, propose

        y = c + theta (mu_j - c) + C_j^(1/2) C_i^(-1/2) (x - c - theta (mu_i - c)),

    accepted with probability ``min(1, p(y) / p(x) |C_j|^(1/2) / |C_i|^(1/2))``. The pair (j, i),
    drawn as often, leads back, so the law of the model does not change. c is the mean of the modes,
    so that the moves do not depend on the origin.

    Parameters
    ----------
    model : ScoreModel
        With a log density.
    means, covariances : ndarray of shape (M, d) and (M, d, d)
        Where the modes are, and how wide.
    """

    def __init__(self, model: ScoreModel, means: np.ndarray, covariances: np.ndarray) -> None:
        self.model, self.center = model, means.mean(axis=0)
        self.places = means - self.center
        values, vectors = np.linalg.eigh(covariances)
        self.log_volumes = 0.5 * np.log(values).sum(axis=1)
        self.roots, self.inverse_roots = (
            np.einsum("mij,mj,mkj->mik", vectors, values**power, vectors) for power in (0.5, -0.5))

    def move(self, X: np.ndarray, theta: float, n_steps: int, rng: np.random.Generator
             ) -> tuple[np.ndarray, float]:
        """The rows after `n_steps` moves each, and the share of moves that were accepted."""
        heights, accepted = log_density_anywhere(self.model, X), 0
        for _ in range(n_steps):
            i, j = self._pairs(len(X), rng)
            proposed = self.proposals(X, theta, i, j)
            reached = log_density_anywhere(self.model, proposed)
            gain = reached - heights + self.log_volumes[j] - self.log_volumes[i]
            moved = np.log1p(-rng.random(len(X))) < gain
            X = np.where(moved[:, None], proposed, X)
            heights = np.where(moved, reached, heights)
            accepted += int(moved.sum())
        return X, accepted / (n_steps * len(X))

    def proposals(self, X: np.ndarray, theta: float, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Each row, carried from its mode i to its mode j."""
        away = X - self.center - theta * self.places[i]
        white = np.einsum("njk,nk->nj", self.inverse_roots[i], away)
        return (self.center + theta * self.places[j]
                + np.einsum("njk,nk->nj", self.roots[j], white))

    def _pairs(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Two different modes for each row."""
        M = len(self.places)
        i = rng.integers(0, M, n)
        return i, (i + rng.integers(1, M, n)) % M
