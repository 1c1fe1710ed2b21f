"""Rows under a model whose parameters come from them, and samples that are fitted anew."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._resampling import no_warnings, one_thread_each
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._families import Family
from divest.goodness_of_fit._outcome import Grid
from divest.goodness_of_fit._points import Coordinates, Points
from divest.goodness_of_fit._score_model import ScoreModel
from divest.goodness_of_fit._stein_test import simulated_draws, values_of
from divest.goodness_of_fit.models import as_score_model

ATTEMPTS = 20  # samples in a row that may fail to be fitted
REMEMBERED = 64  # tables of draws

_remembered: dict[Hashable, np.ndarray] = {}


@dataclass(frozen=True)
class Refit:
    """Rows as they are, under the model that is fitted to them."""

    family: Family
    support: Any
    tilt: bool
    preconditioner: Any = None
    free = False  # whether the law of the points depends on no parameters

    def source(self, model: ScoreModel) -> ScoreModel:
        """Where samples come from."""
        return model

    def points(self, X: np.ndarray, rng: np.random.Generator) -> Points:
        """A sample, after it has been fitted."""
        return self.under(X, as_score_model(self.family.fit(X, rng), support=self.support))

    def under(self, X: np.ndarray, model: ScoreModel) -> Points:
        """A sample under the model fitted to it."""
        box = model.bounds(X.shape[1]) if self.tilt else None
        coordinates = Coordinates(box, preconditioner=self.preconditioner)
        return coordinates.points(X, model.score(X))


@dataclass(frozen=True)
class Standardize:
    """Rows less their location, divided by their scale, under the standard law."""

    family: Family
    standard: ScoreModel
    free = True

    def source(self, model: ScoreModel) -> ScoreModel:
        """Where samples come from."""
        return self.standard

    def points(self, X: np.ndarray, rng: np.random.Generator) -> Points:
        """A sample, after it has been fitted."""
        return self.under(X, self.standard)

    def under(self, X: np.ndarray, model: ScoreModel) -> Points:
        """A sample in units of its own."""
        location, factor = self.family.whitening(X)
        Z = (X - location) @ factor
        center = Z.mean(axis=0)
        array = np.ascontiguousarray(np.stack([(Z - center).T, self.standard.score(Z).T]))
        return Points(array, factor, location @ factor + center)


@dataclass(frozen=True)
class Draws:
    """How to draw samples from `source`, and what to compute of each of them."""

    source: ScoreModel
    estimate: Refit | Standardize
    grid: Grid
    n: int
    statistic: str

    def table(self, seeds: Sequence[np.random.SeedSequence], *, n_jobs: int | None,
              progress: bool) -> np.ndarray:
        """One row per seed: what `one` gives."""
        with no_warnings, one_thread_each:  # of fits, which the fit of the data has shown
            return simulated_draws(self.one, seeds, n_jobs=n_jobs, progress=progress)

    def one(self, rng: np.random.Generator) -> np.ndarray:
        """The statistics of a sample, and how many before it could not be fitted."""
        failure: Exception | None = None
        for failures in range(ATTEMPTS):
            X = self.source.sample(self.n, rng)  # type: ignore[misc]
            try:
                values = self._statistics(X, rng)
            except Exception as error:  # whatever a fit may raise
                failure = error
                continue
            if np.isfinite(values).all():
                return np.append(values, failures)
        raise ValueError(f"{ATTEMPTS} samples of {self.source.name} in a row could not be fitted; "
                         f"the last: {failure or 'its statistic is not finite'}") from failure

    def _statistics(self, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        with one_thread_each:  # in its worker, too
            points = self.estimate.points(X, rng)
        pairs = (SteinPairs(points, kernel) for kernel in self.grid.at_median(points.median()))
        return values_of([pair.sums() for pair in pairs], self.statistic)

    def key(self, n_resamples: int, seed: int) -> Hashable:
        """All that decides the table when the law of the rows is free of parameters."""
        grid = self.grid
        kernels = grid.kernels if grid.template is None else (grid.template, *grid.factors.tolist())
        return (self.estimate.family.name, self.n, self.source.n_features, kernels, self.statistic,
                n_resamples, seed)


def remember(key: Hashable, compute: Callable[[], np.ndarray]) -> np.ndarray:
    """What was computed for the same key, or else compute it."""
    table = _remembered.get(key)
    if table is None:
        table = _remembered[key] = compute()
        while len(_remembered) > REMEMBERED:
            _remembered.pop(next(iter(_remembered)), None)
    return table.copy()
