"""From rows and a family to the coefficients of the risk, by one of three routes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest.sample_complexity._contractions import (
    Evaluated,
    GroupedRows,
    cube_factor,
    deletion_groups,
    equal_weights,
    exact_coefficients,
    jackknife_covariance,
    less_group,
    whitening,
)
from divest.sample_complexity._draws_route import DrawsRoute, draw_labels, standard_units


@dataclass(frozen=True)
class Settings:
    """What is wanted, beside the family."""

    specified: bool
    second: bool
    n_groups: int
    n_draws: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Fitted:
    """The coefficient vector of a fitted family, its covariance, and what to tell about it."""

    values: np.ndarray  # p_star, c2 forward, c2 reverse
    covariance: np.ndarray
    p: int  # directions in which the statistics vary
    n_statistics: int
    largest_share: float  # of a single row in p_star
    needed: int  # groups of rows without which there is no fit
    empty: np.ndarray | None = None  # for each cell, the probability that a sample lacks it
    mismatch: float | None = None  # of the means of draws and rows, in errors of the draws' mean


@dataclass(frozen=True)
class Sample:
    """Rows of positive weight; weights have sum 1, None where all are equal."""

    X: np.ndarray
    weights: np.ndarray | None

    @property
    def size(self) -> float:
        """Rows, or the number of equally weighted rows that say as much."""
        return float(len(self.X) if self.weights is None else 1.0 / (self.weights @ self.weights))

    def without(self, labels: np.ndarray, group: int, share: float = 1.0) -> Sample:
        """The sample after a group of rows has lost a share of its weight."""
        if share == 1.0:
            keep = labels != group
            return Sample(self.X[keep], None if self.weights is None
                          else self.weights[keep] / self.weights[keep].sum())
        weights = equal_weights(len(self.X), self.weights)
        return Sample(self.X, less_group(weights, labels, group, share))


Evaluate = Callable[[Sample, int | None, float], Evaluated]
SHARES = (1.0, 0.5)  # of a group of rows that is left out; the second where it is needed


def fit_family(family: Any, sample: Sample) -> Any:
    """Theta; the weights are passed only where there are some."""
    if sample.weights is None:
        return family.fit(sample.X)
    return family.fit(sample.X, sample_weight=sample.weights)


def exact_route(family: Any, sample: Sample, settings: Settings, width: int) -> Fitted:
    """No draws; fitted again without each group of rows."""
    closed = hasattr(family, "risk_coefficients")
    labels = deletion_groups(len(sample.X), settings.n_groups)
    evaluate = (_closed if closed else _contracted)(family, sample, settings, labels)
    whole = evaluate(sample, None, 1.0)
    found = [_leave_out(evaluate, sample, labels, g, whole) for g in range(labels.max() + 1)]
    return Fitted(whole.values, jackknife_covariance([values for values, _ in found]), whole.rank,
                  width or checked_statistics(family, sample.X, "X").shape[1],
                  _largest_share(whole.parts, sample), sum(share < 1.0 for _, share in found),
                  empty=_empty_cells(family, sample))


def _leave_out(evaluate: Evaluate, sample: Sample, labels: np.ndarray, group: int,
               whole: Evaluated) -> tuple[np.ndarray, float]:
    """The vector without a group, and the share of the group that was left out.

    Where the family has no fit without it, or one in fewer directions, half the group is left out
    and the change doubled.
    """
    for share in SHARES:
        # without the group: no fit; with half of it: a family that takes no weights
        with suppress(ValueError, TypeError, np.linalg.LinAlgError):
            found = evaluate(sample.without(labels, group, share), group, share)
            if found.rank == whole.rank:
                return whole.values + (found.values - whole.values) / share, share
    return np.full(3, np.nan), 0.0


def _closed(family: Any, sample: Sample, settings: Settings, labels: np.ndarray) -> Evaluate:
    """A family that knows its coefficients."""
    cubes = cube_factor(sample.weights)
    return lambda part, without, share: family.risk_coefficients(
        part.X, part.weights, settings.specified, settings.second, cubes)


def _contracted(family: Any, sample: Sample, settings: Settings, labels: np.ndarray) -> Evaluate:
    """A family that knows the cumulants of its statistics."""
    rows = GroupedRows(checked_statistics(family, sample.X, "X"), sample.weights, labels,
                       settings.second and not settings.specified)

    def evaluate(part: Sample, without: int | None, share: float) -> Evaluated:
        moments = rows.moments(without, share)
        V = None if settings.specified else moments.covariance
        cumulants = family.cumulants(fit_family(family, part))
        values = exact_coefficients(cumulants, V, moments.third, settings.second, rows.cubes)
        W = whitening(np.asarray(cumulants[0], dtype=float))
        return Evaluated(values, W.shape[1], np.sum((rows.rows @ W)**2, axis=1))

    return evaluate


def _empty_cells(family: Any, sample: Sample) -> np.ndarray | None:
    """For each cell of a family of counts, the probability that a new sample lacks it."""
    chance = getattr(family, "empty_probabilities", None)
    return None if chance is None else chance(fit_family(family, sample), sample.size)


def _empties_cell(family: Any, part: Sample, empty: np.ndarray | None) -> bool:
    """Whether a part of the sample lacks a cell that the sample has."""
    found = _empty_cells(family, part)
    return found is not None and bool(((found == 1.0) != (empty == 1.0)).any())


def draws_route(family: Any, sample: Sample, settings: Settings, draws: np.ndarray,
                draw_groups: np.ndarray | None, width: int) -> Fitted:
    """Draws of the fitted model, in its place."""
    statistics, drawn = (checked_statistics(family, part, name)
                         for part, name in ((sample.X, "X"), (draws, "draws")))
    center, W = standard_units(drawn)
    y, z = (statistics - center) @ W, (drawn - center) @ W
    check_enough_draws(z, draw_groups)
    groups = deletion_groups(len(y), settings.n_groups)
    rows = GroupedRows(y, sample.weights, groups, settings.second and not settings.specified)
    route = DrawsRoute(rows, z, draw_labels(len(z), draw_groups, settings.n_groups),
                       specified=settings.specified, second=settings.second)
    empty = _empty_cells(family, sample)
    shares = [SHARES[_empties_cell(family, sample.without(groups, g), empty)]
              for g in range(rows.n_groups)]
    covariance = (jackknife_covariance(route.without_draws())
                  + jackknife_covariance(route.without_rows(shares)))
    blocks = len(z) if draw_groups is None else len(np.unique(draw_groups))
    gap = rows.center @ rows.center * blocks / z.shape[1]  # rows and model have the same mean
    return Fitted(route.estimate(), covariance, z.shape[1], width or statistics.shape[1],
                  _largest_share(np.sum(rows.rows**2, axis=1), sample),
                  sum(share < 1.0 for share in shares), empty=empty, mismatch=float(gap**0.5))


def checked_statistics(family: Any, X: np.ndarray, name: str) -> np.ndarray:
    """Statistics of each row, checked."""
    found = X if family is None else np.asarray(family.sufficient_statistics(X), dtype=float)
    if found.ndim != 2 or len(found) != len(X) or not np.isfinite(found).all():
        raise ValueError(f"sufficient_statistics({name}) must give finite numbers, one row for "
                         f"each of the {len(X)} rows, got an array of shape {found.shape}.")
    return found


def check_enough_draws(z: np.ndarray, draw_groups: np.ndarray | None) -> None:
    """Enough draws, and blocks of them, to be halved and to leave some out."""
    if z.shape[1] and len(z) < 4 * (z.shape[1] + 1):
        raise ValueError(f"draws must have at least {4 * (z.shape[1] + 1)} rows for "
                         f"{z.shape[1]} statistics, got {len(z)}.")
    if draw_groups is None:
        return
    if len(draw_groups) != len(z):
        raise ValueError(f"draw_groups must have one entry per draw ({len(z)}), got "
                         f"{len(draw_groups)}.")
    if (blocks := len(np.unique(draw_groups))) < 4:
        raise ValueError(f"draw_groups must name at least 4 blocks of draws, got {blocks}.")


def _largest_share(parts: np.ndarray, sample: Sample) -> float:
    """Share of the row that adds most to p_star."""
    weighted = parts if sample.weights is None else parts * sample.weights
    total = weighted.sum()
    return float(weighted.max() / total) if total > 0 else 0.0
