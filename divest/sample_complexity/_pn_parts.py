"""The p-n criterion of a table of Dask: moments of statistics, summed over its parts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from divest._parts import Parts, part_rows
from divest.kernels._median import median_rows
from divest.sample_complexity._contractions import (
    GroupedRows,
    deletion_groups,
    first_order,
    jackknife_covariance,
    third_sum,
    whitening,
)
from divest.sample_complexity._draws_route import DrawsRoute, draw_labels, standard_units
from divest.sample_complexity._gaussian_family import FullGaussian, refuse_without_variance
from divest.sample_complexity._gaussian_route import (
    n_statistics,
    row_sums,
    specified_coefficients,
    summed_coefficients,
)
from divest.sample_complexity._pn_routes import (
    Fitted,
    Settings,
    check_enough_draws,
    checked_statistics,
)

MOST = 60  # statistics whose third moments are summed for each group of rows
PART = "a partition of X"
Labels = list[np.ndarray]  # of the rows of each part, the group they are left out with


def fit_parts(parts: Parts, family: Any, draws: np.ndarray | None, draw_groups: Any,
              settings: Settings) -> Fitted:
    """Choose the route."""
    labels = np.split(deletion_groups(parts.n, settings.n_groups), parts.starts[1:])
    if draws is not None:
        return _with_draws(parts, labels, family, draws, draw_groups, settings)
    if not isinstance(family, FullGaussian):
        raise ValueError("a Dask table goes with family='gaussian' or with draws of the fitted "
                         "model; for other families take a random sample of its rows into memory.")
    return _gaussian(parts, labels, settings)


# ------------------------------------------------------------ any statistics, by draws
def _with_draws(parts: Parts, labels: Labels, family: Any, draws: np.ndarray, draw_groups: Any,
                settings: Settings) -> Fitted:
    """Moments of the statistics in units of the draws."""
    if hasattr(family, "fitted_units") or hasattr(family, "empty_probabilities"):
        raise ValueError("a Dask table with draws goes with a family of your own, or with "
                         "family=None and statistics in the place of rows.")
    drawn = checked_statistics(family, draws, "draws")
    units = standard_units(drawn)
    z = (drawn - units[0]) @ units[1]
    check_enough_draws(z, draw_groups)
    third = settings.second and not settings.specified
    if settings.second and z.shape[1] > MOST:
        raise ValueError(f"a Dask table takes at most {MOST} statistics to second order, got "
                         f"{z.shape[1]}; use order=1.")
    ask = {"family": family, "units": units}
    rows = SummedRows(parts.total(
        partial(_group_sums, **ask, n_groups=min(parts.n, settings.n_groups), third=third),
        labels))
    moments = rows.moments()
    route = DrawsRoute(rows, z, draw_labels(len(z), draw_groups, settings.n_groups),
                       specified=settings.specified, second=settings.second)
    covariance = (jackknife_covariance(route.without_draws())
                  + jackknife_covariance(route.without_rows([1.0] * rows.n_groups)))
    largest = max(parts.map(partial(_largest_distance, **ask, middle=moments.mean)))
    blocks = len(z) if draw_groups is None else len(np.unique(draw_groups))
    gap = float(moments.mean @ moments.mean) * blocks / z.shape[1]
    spread = float(np.trace(moments.covariance)) * parts.n
    return Fitted(route.estimate(), covariance, z.shape[1], drawn.shape[1],
                  largest / spread if spread > 0 else 0.0, 0, mismatch=gap**0.5)


class SummedRows(GroupedRows):
    """The same from sums of each group of rows, of equal weights and about zero.

    `groups`: rows, sums of rows, of products of two and, where wanted, of three of their columns,
    with one entry for each group.
    """

    def __init__(self, groups: tuple[np.ndarray, ...]) -> None:
        self._groups, self._total = groups, [part.sum(axis=0) for part in groups]
        self.center, self.third = np.zeros(groups[1].shape[1]), len(groups) == 4
        self.n_groups, self.cubes = len(groups[0]), 1.0

    def _group(self, group: int) -> list[np.ndarray]:
        return [part[group] for part in self._groups]


def _in_units(part: Any, family: Any, units: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Statistics of the rows of a part, in units of the draws."""
    X = part_rows(part, PART)
    statistics = checked_statistics(family, X, "X") if len(X) else np.empty((0, len(units[0])))
    return (statistics - units[0]) @ units[1]


def _group_sums(part: Any, labels: np.ndarray, *, n_groups: int, third: bool, **ask: Any
                ) -> tuple[np.ndarray, ...]:
    """What `SummedRows` needs of a part."""
    y = _in_units(part, **ask)
    each = [y[labels == group] for group in range(n_groups)]
    sums = (np.array([len(rows) for rows in each], dtype=float),
            np.stack([rows.sum(axis=0) for rows in each]),
            np.stack([rows.T @ rows for rows in each]))
    return (*sums, np.stack([third_sum(rows) for rows in each])) if third else sums


def _largest_distance(part: Any, *, middle: np.ndarray, **ask: Any) -> float:
    """The largest squared distance of a row from the middle."""
    return float(np.sum((_in_units(part, **ask) - middle)**2, axis=1).max(initial=0.0))


# ------------------------------------------------------------ the normal law, without draws
Law = tuple[np.ndarray, np.ndarray, np.ndarray]  # a value near the mean, the mean less that value
# (their sum would be rounded: far from zero by as much as matters), and the whitening matrix


def _gaussian(parts: Parts, labels: Labels, settings: Settings) -> Fitted:
    """Two passes: the laws fitted with and without each group, and the moments in their units."""
    n_groups = min(parts.n, settings.n_groups)
    center = parts.take(median_rows(parts.n)).mean(axis=0)  # about the mean: sums lose no digits
    groups = parts.total(partial(_group_sums, n_groups=n_groups, third=False, family=None,
                                 units=(center, np.eye(len(center)))), labels)
    rows = SummedRows(groups)
    laws = [_law(rows, center, group, parts.columns) for group in (None, *range(n_groups))]
    second, d = settings.second and not settings.specified, len(center)
    if settings.specified:
        found = specified_coefficients(d)
        values = [found if settings.second else first_order(found[0])] * len(laws)
    else:
        sums = parts.total(partial(_law_sums, laws=laws, second=second), labels)
        masses = groups[0].sum() - np.append(0.0, groups[0])
        values = [summed_coefficients(tuple(part[k] / mass for part in sums), d)
                  for k, mass in enumerate(masses)]
    largest = parts.map(partial(_largest_and_sum, law=laws[0]))
    share = max(most for most, _ in largest) / sum(total for _, total in largest)
    size = n_statistics(d)
    return Fitted(values[0], jackknife_covariance(values[1:]), size, size, share, 0)


def _law(rows: SummedRows, center: np.ndarray, without: int | None, names: Any) -> Law:
    """The law fitted to all rows, or to those without a group."""
    moments = rows.moments(without)
    spread = np.diag(moments.covariance)
    refuse_without_variance(np.where(spread > (1e-15 * center)**2, spread, 0.0), names)
    return center, moments.mean, whitening(moments.covariance)


def _whitened(X: np.ndarray, law: Law) -> np.ndarray:
    """Rows in units of a law."""
    center, mean, W = law
    return (X - center - mean) @ W


def _law_sums(part: Any, labels: np.ndarray, laws: list[Law], second: bool
              ) -> tuple[np.ndarray, ...]:
    """Sums over rows in units of each law, less the group that it is fitted without."""
    X, found = part_rows(part, PART), []
    for k, law in enumerate(laws):
        x = _whitened(X[labels != k - 1], law)
        found.append(row_sums(x, np.ones(len(x)), second))
    return tuple(np.stack(same) for same in zip(*found, strict=True))


def _largest_and_sum(part: Any, law: Law) -> tuple[float, float]:
    """What a row adds to p_star, times n: the largest, and the sum over rows."""
    x = _whitened(part_rows(part, PART), law)
    parts = (np.einsum("ia,ia->i", x, x)**2 + x.shape[1]) / 2.0
    return float(parts.max(initial=0.0)), float(parts.sum())
