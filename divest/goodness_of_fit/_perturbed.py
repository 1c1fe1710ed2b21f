"""A perturbed Stein test: its scales, moved copies of the rows, and what its result says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._resampling import run_tasks
from divest._results import Diagnostic
from divest._validation import check_sample
from divest.goodness_of_fit._engine import SteinPairs, SummedPairs
from divest.goodness_of_fit._modes import (
    PARTS,
    covariances_at,
    highest_first,
    log_density_anywhere,
)
from divest.goodness_of_fit._moves import ModeMoves
from divest.goodness_of_fit._outcome import Grid, bandwidth_grid
from divest.goodness_of_fit._points import Coordinates, Points
from divest.goodness_of_fit._score_model import ScoreModel
from divest.goodness_of_fit._shape import standard_error
from divest.goodness_of_fit.modes import Modes
from divest.kernels import Kernel

BOUNDARIES = ("auto", "refuse", "tilt", "ignore")
UNSEEN = 0.25  # share of starts
ACCEPTED = 0.01  # share of moves

Seeds = Sequence[np.random.SeedSequence]


def check_scales(scales: Any) -> np.ndarray:
    """Numbers above 0, not all of them 1."""
    if scales is None:
        return np.linspace(0.5, 1.5, 21)
    wanted = "scales must be one number above 0 or a list of such numbers"
    try:
        values = np.atleast_1d(np.asarray(scales, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(f"{wanted}; got {scales!r}.") from None
    if values.ndim != 1 or not len(values) or not ((values > 0) & (values < np.inf)).all():
        raise ValueError(f"{wanted}; got {scales!r}.")
    if np.allclose(values, 1.0, rtol=0, atol=1e-9):
        raise ValueError("scales must hold another number than 1: moves of scale 1 carry each mode "
                         "onto another, which mends wrong shares instead of showing them, and the "
                         f"test has no power; got {scales!r}. Use scales such as 0.7 and 1.3, or "
                         "leave them out for 21 from 0.5 to 1.5.")
    return values


@dataclass(frozen=True, eq=False)
class Copies:
    """A sample under each kernel of `grid`, and its moved copies: one entry of `moved` per scale.

    `rates` are the shares of the moves that were accepted.
    """

    grid: Grid
    alone: list[SteinPairs]
    moved: list[list[SteinPairs]]
    rates: np.ndarray

    def together(self) -> list[SummedPairs]:
        """For each kernel, the sum over the sample and all its copies."""
        return [SummedPairs(parts) for parts in zip(self.alone, *self.moved, strict=True)]

    def best(self) -> int:
        """The scale at which, with the sample itself, U over its standard error is largest.

        Of several kernels the best counts.
        """
        base = [pairs.sums(1)[0] for pairs in self.alone]
        return int(np.argmax([max(_signal(rows + pairs.sums(1)[0])
                                  for rows, pairs in zip(base, copy, strict=True))
                              for copy in self.moved]))


def _signal(rows: np.ndarray) -> float:
    """U over its standard error, from the sums of h over the other rows."""
    means = rows / (len(rows) - 1)
    return float(means.mean() / standard_error(means)) if np.ptp(means) > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Perturbation:
    """How rows are moved, and how they become points under kernels with their bandwidths."""

    moves: ModeMoves
    n_steps: int
    coordinates: Coordinates
    kernel: Kernel
    bandwidth: str | float
    n_jobs: int | None

    def copies(self, X: np.ndarray, S: np.ndarray, scales: np.ndarray, seeds: Seeds) -> Copies:
        """The rows and, for each scale, a moved copy with a stream of random numbers of its own.

        Bandwidths that go with the median go with that of each copy.
        """
        points = self.coordinates.points(X, S)
        grid = bandwidth_grid(self.kernel, self.bandwidth, points.median(), several=True)
        tasks = ((X, float(scale), seed) for scale, seed in zip(scales, seeds, strict=True))
        moved, rates = [], []
        for copy, rate in run_tasks(self._moved, tasks, len(scales), n_jobs=self.n_jobs):
            moved.append([SteinPairs(copy, kernel) for kernel in grid.at_median(copy.median())])
            rates.append(rate)
        return Copies(grid, [SteinPairs(points, kernel) for kernel in grid.kernels], moved,
                      np.array(rates))

    def _moved(self, X: np.ndarray, scale: float, seed: np.random.SeedSequence
               ) -> tuple[Points, float]:
        moved, rate = self.moves.move(X, scale, self.n_steps, np.random.default_rng(seed))
        return self.coordinates.points(moved, self.moves.model.score(moved)), rate


def row_shares(X: np.ndarray, modes: Modes) -> np.ndarray:
    """Share of the rows at each mode: where a normal law of its height is highest."""
    logs = np.empty((len(X), len(modes)))
    for m, (mean, covariance) in enumerate(zip(modes.means, modes.covariances, strict=True)):
        away = X - mean
        logs[:, m] = modes.log_density[m] - 0.5 * (
            away * np.linalg.solve(covariance, away.T).T).sum(axis=1)
    return np.bincount(logs.argmax(axis=1), minlength=len(modes)) / len(X)


def modes_at(model: ScoreModel, places: Any, d: int) -> Modes:
    """Modes at places that are given; their widths from the curvature there."""
    means = check_sample(places, "modes")[0]
    if means.shape[1] != d:
        raise ValueError(f"modes must have the {d} columns of the model, got shape {means.shape}.")
    heights = log_density_anywhere(model, means)
    if (zero := np.flatnonzero(heights == -np.inf)).size:
        raise ValueError(f"the density of {model.name} is 0 at modes[{zero[0]}]; every mode must "
                         "lie where the model has a density.")
    order = highest_first(means, heights)
    width = np.ptp(means, axis=0)
    unit = np.where(width > 0, width, PARTS) / PARTS
    none = np.zeros(len(means), dtype=int)
    return Modes(means[order], covariances_at(model, means[order], unit), heights[order], none, 0,
                 none.astype(bool))


def about_modes(modes: Modes, rejected: bool) -> list[Diagnostic]:
    """Whether modes were found, and whether there may be more of them."""
    found = [Diagnostic(
        "modes_found", float(len(modes)), 2.0, len(modes) >= 2 or rejected,
        "fewer than two modes, so this is the plain kernel Stein test; if the model has more, use "
        "another box, more starts, or pass modes=")]
    if not modes.n_starts:
        return found
    settled = modes.n_reached[modes.n_reached > 1].sum()
    unseen, beyond = 1 - float(settled) / modes.n_starts, float(modes.outside.sum())
    return found + [
        Diagnostic("mode_search", unseen, UNSEEN, unseen <= UNSEEN or rejected,
                   "this share of starts ended in no mode, or in one that no other start reached, "
                   "so there may be modes that were not found; raise n_starts"),
        Diagnostic("modes_outside_box", beyond, 0.0, beyond == 0 or rejected,
                   "modes lie outside the box of the starts, so there may be more of them; use a "
                   "larger box")]


def about_moves(rates: np.ndarray, rejected: bool) -> list[Diagnostic]:
    """Whether rows were moved at all, where there is something to move them between."""
    largest = [float(rates.max())] if len(rates) else []
    return [Diagnostic("acceptance_rate", rate, ACCEPTED, rate >= ACCEPTED or rejected,
                       "hardly any row was moved, so this is all but the plain kernel Stein test; "
                       "use scales nearer to 1 (moves must still miss a mode by its standard "
                       "deviation), or more steps") for rate in largest]
