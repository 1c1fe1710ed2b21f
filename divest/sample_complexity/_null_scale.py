"""The distances that a learning curve can be asked for by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from divest.groups import FiniteGroup
from divest.kernels import Kernel, median_bandwidth, rbf, resolve_kernel

_ENTRIES_PER_BLOCK = 2e6


def wasserstein(P: np.ndarray, Q: np.ndarray, group: FiniteGroup | None = None) -> float:
    """W1 between samples of one size: sorted rows of one column, else the best assignment."""
    if group is None and P.shape[1] == 1:
        return float(np.abs(np.sort(P[:, 0]) - np.sort(Q[:, 0])).mean())
    cost = cdist(P, Q) if group is None else group.min_distances(P, Q)
    return float(cost[linear_sum_assignment(cost)].mean())


def mmd_variance(rows: np.ndarray, kernel: Kernel,
                 group: FiniteGroup | None) -> tuple[float, float]:
    """``E k(x, x) - E k(x, x')``, half of n E MMD^2 for two samples of n rows; and its error.

    With a group, k is averaged over it. The second mean is a U statistic, whose projection gives
    the standard error.
    """
    own, others = np.zeros(len(rows)), np.zeros(len(rows))
    order = 1 if group is None else group.order
    for g in range(order):
        image = rows if group is None else group.apply(rows, g)
        same, total = _row_sums(rows, image, kernel)
        own += same / order
        others += (total - same) / order / (len(rows) - 1)
    influence = own - 2.0 * others
    value = float(own.mean() - others.mean())
    return value, float(influence.std(ddof=1) / np.sqrt(len(rows)))


def _row_sums(rows: np.ndarray, image: np.ndarray, kernel: Kernel) -> tuple[np.ndarray, np.ndarray]:
    """The kernel of each row with its own image, and summed over all images."""
    own = kernel.profile(((rows - image) ** 2).sum(axis=1))[0]
    step = max(1, int(_ENTRIES_PER_BLOCK / len(rows)))
    sums = [kernel.profile(cdist(rows[start:start + step], image, "sqeuclidean"))[0].sum(axis=1)
            for start in range(0, len(rows), step)]
    return own, np.concatenate(sums)


def mmd_kernel(kernel: Any, rows: np.ndarray) -> Kernel:
    """The kernel; by default Gaussian, with the median distance as its bandwidth."""
    chosen = rbf() if kernel is None else resolve_kernel(kernel)
    return chosen if chosen.has_bandwidth else chosen.with_bandwidth(median_bandwidth(rows))


def check_group(group: Any, measure: Any, n_columns: int) -> FiniteGroup | None:
    """A group that acts on the rows, without changing their distances."""
    if group is None:
        return None
    if not isinstance(group, FiniteGroup):
        raise TypeError(f"group must be a FiniteGroup, got {group!r}.")
    if callable(measure):
        raise ValueError("group is for measure='wasserstein' and 'mmd'; a function must see to "
                         "the symmetry itself.")
    if group.n_features != n_columns:
        raise ValueError(f"group acts on {group.n_features} columns, and X has {n_columns}.")
    if not group.is_isometric:
        raise ValueError("group must not change distances (is_isometric), and this one does.")
    if measure == "wasserstein" and not group.is_complete:
        raise ValueError("measure='wasserstein' needs all elements of the group, and this one is a "
                         "random subset; use measure='mmd'.")
    return group
