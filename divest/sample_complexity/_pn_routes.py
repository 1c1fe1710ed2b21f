"""From rows and a family to the coefficients of the risk, by one of three routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest.sample_complexity._contractions import (
    GroupedRows,
    cube_factor,
    deletion_groups,
    exact_coefficients,
    jackknife_covariance,
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
    mismatch: float | None = None  # of the means of draws and rows, in errors of the draws' mean
    empty: np.ndarray | None = None  # for each cell, the probability that a sample lacks it


@dataclass(frozen=True)
class Sample:
    """Rows of positive weight; weights have sum 1, None where all are equal."""

    X: np.ndarray
    weights: np.ndarray | None

    @property
    def size(self) -> float:
        """Rows, or the number of equally weighted rows that say as much."""
        return float(len(self.X) if self.weights is None else 1.0 / (self.weights @ self.weights))

    def without(self, labels: np.ndarray) -> Iterator[Sample]:
        """The sample without each group of rows."""
        for g in range(labels.max() + 1):
            keep = labels != g
            yield Sample(self.X[keep], None if self.weights is None
                         else self.weights[keep] / self.weights[keep].sum())


def fit_family(family: Any, sample: Sample) -> Any:
    """Theta; the weights are passed only where there are some."""
    if sample.weights is None:
        return family.fit(sample.X)
    return family.fit(sample.X, sample_weight=sample.weights)


def closed_route(family: Any, sample: Sample, settings: Settings, n_statistics: int) -> Fitted:
    """A family that knows its coefficients: the normal laws."""
    cubes = cube_factor(sample.weights)

    def value(part: Sample) -> np.ndarray:
        return family.risk_coefficients(part.X, part.weights, settings.specified,
                                        settings.second, cubes)

    labels = deletion_groups(len(sample.X), settings.n_groups)
    covariance = _covariance(value(part) for part in sample.without(labels))
    return Fitted(value(sample), covariance, family.count_parameters(sample.X.shape[1]),
                  n_statistics, _largest_share(family.row_parts(sample.X), sample))


def cumulant_route(family: Any, sample: Sample, settings: Settings) -> Fitted:
    """Exact cumulants of the model; fitted again without each group of rows."""
    statistics = _statistics(family, sample.X, "X")
    labels = deletion_groups(len(sample.X), settings.n_groups)
    rows = GroupedRows(statistics, sample.weights, labels,
                       settings.second and not settings.specified)

    def value(part: Sample, without: int | None = None) -> np.ndarray:
        moments = rows.moments(without)
        V = None if settings.specified else moments.covariance
        cumulants = family.cumulants(fit_family(family, part))
        return exact_coefficients(cumulants, V, moments.third, settings.second, rows.cubes)

    theta = fit_family(family, sample)
    W = whitening(np.asarray(family.cumulants(theta)[0], dtype=float))
    values = value(sample)
    covariance = _covariance(value(part, g) for g, part in enumerate(sample.without(labels)))
    empty = getattr(family, "empty_probabilities", None)
    return Fitted(values, covariance, W.shape[1], statistics.shape[1],
                  _largest_share(np.sum((rows.rows @ W)**2, axis=1), sample),
                  empty=None if empty is None else empty(theta, sample.size))


def draws_route(family: Any, sample: Sample, settings: Settings, draws: np.ndarray,
                draw_groups: np.ndarray | None, n_statistics: int = 0) -> Fitted:
    """Draws of the fitted model, in its place."""
    statistics, drawn = (_statistics(family, part, name)
                         for part, name in ((sample.X, "X"), (draws, "draws")))
    center, W = standard_units(drawn)
    y, z = (statistics - center) @ W, (drawn - center) @ W
    _check_draws(z, draw_groups)
    groups = deletion_groups(len(y), settings.n_groups)
    rows = GroupedRows(y, sample.weights, groups, settings.second and not settings.specified)
    route = DrawsRoute(rows, z, draw_labels(len(z), draw_groups, settings.n_groups),
                       specified=settings.specified, second=settings.second)
    covariance = (jackknife_covariance(route.without_draws())
                  + jackknife_covariance(route.without_rows()))
    blocks = len(z) if draw_groups is None else len(np.unique(draw_groups))
    gap = rows.center @ rows.center * blocks / z.shape[1]  # rows and model have the same mean
    return Fitted(route.estimate(), covariance, z.shape[1],
                  n_statistics or statistics.shape[1],
                  _largest_share(np.sum(rows.rows**2, axis=1), sample), mismatch=float(gap**0.5))


def _statistics(family: Any, X: np.ndarray, name: str) -> np.ndarray:
    """Statistics of each row, checked."""
    found = X if family is None else np.asarray(family.sufficient_statistics(X), dtype=float)
    if found.ndim != 2 or len(found) != len(X) or not np.isfinite(found).all():
        raise ValueError(f"sufficient_statistics({name}) must give finite numbers, one row for "
                         f"each of the {len(X)} rows, got an array of shape {found.shape}.")
    return found


def _check_draws(z: np.ndarray, draw_groups: np.ndarray | None) -> None:
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


def _covariance(values: Iterator[np.ndarray]) -> np.ndarray:
    """By the jackknife; NaN where the family cannot be fitted without some group."""
    try:
        return jackknife_covariance(list(values))
    except (ValueError, np.linalg.LinAlgError):
        return np.full((3, 3), np.nan)


