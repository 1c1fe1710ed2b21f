"""Distances to the nearest images of rows under a group, and what deleting a row does to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from divest._neighbors import NeighborIndex, rows_per_block
from divest.groups import FiniteGroup

_NOWHERE = -1  # in place of a point
_ROUNDING = 1e-13  # of the largest coordinate: an image nearer to a point than this lies on it


class Near(NamedTuple):
    """Images of the rows of one sample near some rows."""

    radii: np.ndarray  # (2, n) distances to image k and to the next, NaN where there is none
    points: np.ndarray  # (k, n) the points with an image among the k nearest, each once
    moved: np.ndarray  # (k, n) distance to image k after a row at that point is deleted
    point_of_row: np.ndarray  # (rows of the sample,)
    own: np.ndarray  # (n,) the point of the row itself, where it is of this sample

    def pass_on(self, changes: np.ndarray) -> np.ndarray:
        """Sum of the changes (k, n) that deleting each row of the sample makes at other rows."""
        known = self.points != _NOWHERE
        at_point = np.bincount(self.points[known], changes[known], self.point_of_row.max() + 1)
        total = at_point[self.point_of_row]
        if self.own[0] != _NOWHERE:
            total -= np.where(self.points == self.own, changes, 0.0).sum(axis=0)
        return total


def near_images(index: NeighborIndex, group: FiniteGroup, rows: np.ndarray, k: int, *,
                own: bool) -> Near:
    """The `k` nearest images of the rows in `index`; where `own`, without those of the row itself.

    The images of y are as far from x as y is from those of x, so the search is for these.
    """
    at = index.point_of_row if own else np.full(len(rows), _NOWHERE)
    radii, moved = np.empty((2, len(rows))), np.empty((k, len(rows)))
    points = np.empty((k, len(rows)), np.int64)
    size = rows_per_block(4 * (2 * k + 4))
    for start in range(0, len(rows), size):
        left, length = np.arange(start, min(start + size, len(rows))), 2 * k + 4
        while len(left):
            images = _merged(index, group, rows[left], at[left], length)
            radii[:, left], points[:, left], moved[:, left] = _distances(*images, k)
            short = np.isnan(radii[:, left]).any(axis=0) | np.isnan(moved[:, left]).any(axis=0)
            if length >= group.order * len(index.points):  # there are no more
                break
            left, length = left[short], 2 * length
    return Near(radii * index.unit, points, moved * index.unit, index.point_of_row, at)


def _merged(index: NeighborIndex, group: FiniteGroup, rows: np.ndarray, own: np.ndarray,
            length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances, points and numbers of rows of the nearest images, in order; (m, length) each."""
    distances, points = np.empty((len(rows), 0)), np.empty((len(rows), 0), np.int64)
    rounding = _ROUNDING * float(np.abs(index.points).max())
    for g in range(group.order):
        near, where = index.query(index.transform(group.apply(rows, g)), length + 1)
        if g != group.identity:
            near = np.where(near <= rounding, 0.0, near)
        alone = (where == own[:, None]) & (index.multiplicity[where] == 1)
        distances = np.hstack([distances, np.where(alone, np.inf, near)])
        points = np.hstack([points, np.where(alone, _NOWHERE, where)])
        first = np.argsort(distances, axis=1, kind="stable")[:, :length]
        distances = np.take_along_axis(distances, first, axis=1)
        points = np.take_along_axis(points, first, axis=1)
    weights = index.multiplicity[points] - (points == own[:, None])
    return distances, points, np.where(points == _NOWHERE, 0, weights)


def _distances(distances: np.ndarray, points: np.ndarray, weights: np.ndarray,
               k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `radii`, `points` and `moved` of `Near`; NaN where the list is too short to tell."""
    radii = np.stack([_kth(distances, weights, k), _kth(distances, weights, k + 1)])
    last = (np.cumsum(weights, axis=1) < k).sum(axis=1)
    which = np.full((k, len(points)), _NOWHERE)
    moved = np.repeat(radii[:1], k, axis=0)
    for t in range(min(k, points.shape[1])):
        here = points[:, t, None]
        new = (t <= last) & (here[:, 0] != _NOWHERE) & ~(points[:, :t] == here).any(axis=1)
        which[t, new] = here[new, 0]
        moved[t, new] = _kth(distances[new], (weights - (points == here))[new], k)
    return radii, which, moved


def _kth(distances: np.ndarray, weights: np.ndarray, k: int) -> np.ndarray:
    """The distance at which each list reaches `k` rows; NaN where it does not."""
    position = (np.cumsum(weights, axis=1) < k).sum(axis=1)
    padded = np.column_stack([distances, np.full(len(distances), np.nan)])
    return padded[np.arange(len(distances)), position]
