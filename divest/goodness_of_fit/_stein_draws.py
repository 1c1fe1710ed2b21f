"""The statistics of a kernel Stein test at every bandwidth, and their draws."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._nystrom import feature_draws
from divest.goodness_of_fit._outcome import Grid
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._stein_test import (
    bootstrap_draws,
    check_size,
    multipliers_of,
    simulated_draws,
    values_of,
)


def statistics_and_draws(test: Any, points: Points, grid: Grid, root: np.random.SeedSequence
                         ) -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Statistics (K,), draws (B, K), and sums of rows and diagonals of each kernel."""
    *seeds, extra = np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(
        test.n_resamples + 1)
    if test.method == "nystrom":
        return feature_draws(points, grid.kernels, seeds, extra, null=test.null,
                             change=test._sign_change, statistic=test.statistic,
                             n_landmarks=test.n_landmarks)
    check_size(points.n, len(grid.kernels), test.n_resamples)
    pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
    sums = [pair.sums(test.n_jobs) for pair in pairs]
    values = values_of(sums, test.statistic)
    if test.null == "parametric":
        simulated = partial(_simulated, test=test, model=test.model_, n=points.n, grid=grid)
        draws = simulated_draws(simulated, seeds, n_jobs=test.n_jobs, progress=test.progress)
    else:
        multipliers = multipliers_of(test.null, points.n, seeds, test._sign_change)
        draws = bootstrap_draws(pairs, [diagonal for _, diagonal in sums], multipliers,
                                test.statistic, n_jobs=test.n_jobs, progress=test.progress)
    return values, draws, sums


def _simulated(rng: np.random.Generator, test: Any, model: Any, n: int, grid: Grid) -> np.ndarray:
    """The statistics of a sample of the model, its bandwidths computed anew."""
    X = model.sample(n, rng)
    points = test._coordinates.points(X, model.score(X))
    sums = [SteinPairs(points, kernel).sums() for kernel in grid.at_median(points.median())]
    return values_of(sums, test.statistic)
