"""The kernel Stein test of a table of Dask: sums of features of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from divest._parts import Parts, part_rows
from divest._results import Diagnostic
from divest.goodness_of_fit import _diagnostics as known
from divest.goodness_of_fit._nystrom import NystromFeatures, choose_landmarks, spectral_draws
from divest.goodness_of_fit._outcome import bandwidth_grid, combine
from divest.goodness_of_fit._points import Coordinates, Points
from divest.goodness_of_fit._score_model import ScoreModel
from divest.goodness_of_fit._setup import check_sample_rows, coordinates_of, scores_of
from divest.goodness_of_fit._verdict import DEPENDENCE, diagnose
from divest.kernels import Kernel
from divest.kernels._median import median_rows

LOOKED_AT = 20_000  # rows on which model, data and diagnostics are checked


def fit_in_parts(test: Any, kernel: Kernel, X: Any, score_values: Any) -> None:
    """What `KernelSteinTest.fit` does, one part of the rows at a time."""
    _check_settings(test, score_values)
    parts, root = Parts(X, "X"), test._root
    if parts.n < 4:
        raise ValueError(f"X must have at least 4 rows, got {parts.n}.")
    *seeds, extra = np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(
        test.n_resamples + 1)
    landmarks = choose_landmarks(parts.n, test.n_landmarks, extra)
    chosen = _Chosen(parts, landmarks, extra)
    rows = check_sample_rows(test, chosen.some if parts.columns is None else
                             pd.DataFrame(chosen.some, columns=parts.columns))
    with _counting_rows_in(f"a sample of {len(rows)} rows of X"):
        test.model_, S = scores_of(test.model, rows, None, test.support)
    coordinates, ignored = _coordinates(test, rows)
    place = _Place(test.model_, coordinates, rows.mean(axis=0))
    grid = bandwidth_grid(kernel, test.bandwidth, place.points(chosen.spaced).median(),
                          several=False)
    features = NystromFeatures(place.points(chosen.landmarks), grid.kernels[0],
                               np.arange(len(landmarks)))
    total, moments = parts.total(partial(_sums, place=place, features=features))
    values, draws = _statistic(test, parts.n, total, moments, len(seeds), seeds[0])
    outcome = combine(values, draws, grid.weights)
    test._points, test._kernel = place.points(rows, S), grid.kernels[0]
    test._diagonal = features.of(test._points).own()
    test.__dict__.pop("influence_", None)  # of an earlier fit; single rows are not kept
    test.discrepancy_ = float(np.linalg.norm(total) / parts.n)
    table = grid.frame().assign(statistic=values, pvalue=outcome.single_pvalues)
    test._store(outcome, table, len(seeds), root, _diagnostics(
        test, rows, S, ignored, outcome.pvalue, place.scores(chosen.first)))


def _check_settings(test: Any, score_values: Any) -> None:
    """What can be had from sums over rows."""
    if test.method != "nystrom" or test.null != "spectral":
        raise ValueError("a Dask table needs method='nystrom' and null='spectral', whose draws "
                         f"come from sums over its parts; got method={test.method!r} and "
                         f"null={test.null!r}.")
    if score_values is not None:
        raise ValueError("a Dask table needs a model; score_values go with rows in memory.")
    if isinstance(test.preconditioner, str):
        raise ValueError("a Dask table needs preconditioner=None or a matrix, got "
                         f"{test.preconditioner!r}.")


def _coordinates(test: Any, rows: np.ndarray) -> tuple[Coordinates, float]:
    """How rows become points, which must not depend on the other rows."""
    found = coordinates_of(test.model_, rows, support=test.support, boundary=test.boundary,
                           weight=test.weight, preconditioner=test.preconditioner,
                           dtype=test.dtype)
    if found[0].box is not None:
        raise ValueError("a tilted kernel takes its scale from all rows, which a Dask table does "
                         "not give at once; pass weight=, or boundary='ignore'.")
    return found


class _Chosen:
    """The rows that are looked at one by one, fetched together."""

    def __init__(self, parts: Parts, landmarks: np.ndarray, seed: np.random.SeedSequence) -> None:
        n = parts.n
        rng = np.random.Generator(np.random.PCG64(seed.spawn(1)[0]))
        wanted = {"landmarks": landmarks, "spaced": median_rows(n),
                  "first": np.arange(min(n, LOOKED_AT)),
                  "some": np.sort(rng.choice(n, min(n, LOOKED_AT), replace=False))}
        positions = np.unique(np.concatenate(list(wanted.values())))
        self._rows = parts.take(positions)
        self._at = {name: np.searchsorted(positions, rows) for name, rows in wanted.items()}

    def __getattr__(self, name: str) -> np.ndarray:
        return self._rows[self._at[name]]


class _Place:
    """From rows to points about a centre that all parts share."""

    def __init__(self, model: ScoreModel, coordinates: Coordinates, middle: np.ndarray) -> None:
        self.model, self.coordinates, self.middle = model, coordinates, middle

    def scores(self, X: np.ndarray) -> np.ndarray:
        """The score at each row."""
        with _counting_rows_in("a partition of X, or in a sample of its rows"):
            return self.model.score(X)

    def points(self, X: np.ndarray, S: np.ndarray | None = None) -> Points:
        """Rows as points."""
        return self.coordinates.points(X, self.scores(X) if S is None else S, self.middle)


@contextmanager
def _counting_rows_in(place: str) -> Iterator[None]:
    """Errors that give the numbers of rows say where these were counted."""
    try:
        yield
    except ValueError as error:
        if " row" in str(error):
            error.args = (f"{error} Rows are counted in {place}.",)
        raise


def _sums(part: Any, place: _Place, features: NystromFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the features of some rows, and of their products."""
    X = part_rows(part, "a partition of X")
    if not len(X):
        return np.zeros(features.m), np.zeros((features.m, features.m))
    return features.of(place.points(X)).moments()


def _statistic(test: Any, n: int, total: np.ndarray, moments: np.ndarray, n_resamples: int,
               seed: Any) -> tuple[np.ndarray, np.ndarray]:
    """The statistic (1,) and its draws (B, 1)."""
    own, whole = float(np.trace(moments)), float(total @ total)
    draws = spectral_draws(np.linalg.eigvalsh(moments / n), n_resamples, seed)[:, None]
    if test.statistic == "u":
        return np.array([(whole - own) / (n - 1)]), draws
    return np.array([whole / n]), draws + own / n


def _diagnostics(test: Any, rows: np.ndarray, S: np.ndarray, ignored: float, pvalue: float,
                 first_scores: np.ndarray) -> list[Diagnostic]:
    """Those of a random sample of the rows; whether rows depend is seen in the first ones."""
    found = diagnose(test, rows, S, test._points, ignored, pvalue)
    dependence = known.autocorrelation(first_scores, DEPENDENCE)
    return [dependence if one.name == dependence.name else one for one in found]
