"""Intrinsic dimension of distinct rows, and how far estimates of it vary."""

from __future__ import annotations

import numpy as np

from divest._neighbors import TIE, NeighborIndex

_GROUPS, _PARTITIONS = 20, 4
_ROWS_PER_NEIGHBOR = 5  # a group has at least this many rows for each neighbour


def distinct_rows(rows: np.ndarray) -> np.ndarray:
    """Each row once, with the spread of the sample near 1."""
    return NeighborIndex(rows).points


def dimension_of(points: np.ndarray, k: int) -> float:
    """The estimate from distinct rows; infinite where all neighbours are equally far."""
    distances = NeighborIndex(points).query(points, k + 1)[0][:, 1:]
    distances = np.maximum(distances, np.finfo(float).tiny)  # squares of tiny distances underflow
    total = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1).mean()
    return float((k - 1) / total) if total > TIE else np.inf


def relative_error(points: np.ndarray, k: int) -> float:
    """Standard error over the estimate: how far estimates from disjoint groups of rows differ.

    Rows of a group have their neighbours in it, so that the groups are independent samples.
    """
    count = min(_GROUPS, len(points) // (_ROWS_PER_NEIGHBOR * k))
    if count < 2:
        return np.nan
    rng = np.random.default_rng(0)  # any division does; this one is the same in every call
    found = []
    for _ in range(_PARTITIONS):
        groups = np.array_split(rng.permutation(len(points)), count)
        values = np.array([dimension_of(points[group], k) for group in groups])
        if np.isinf(values).any():
            return np.nan
        found.append(values.var(ddof=1) / values.mean() ** 2)
    return float(np.sqrt(np.mean(found) / count))
