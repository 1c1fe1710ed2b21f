"""The distances that a learning curve can be asked for by name."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from divest._resampling import run_tasks
from divest.groups import FiniteGroup
from divest.groups._averages import lower_blocks, n_terms, own_values, sums_of_block
from divest.groups._transport import least_cost
from divest.kernels import Kernel

MOST_VALUES = 1e11  # of the kernel: about half an hour on one core


def wasserstein(P: np.ndarray, Q: np.ndarray, group: FiniteGroup | None = None) -> float:
    """W1 between samples of one size: sorted rows of one column, else the best assignment."""
    if group is None and P.shape[1] == 1:
        return float(np.abs(np.sort(P[:, 0]) - np.sort(Q[:, 0])).mean())
    return least_cost(cdist(P, Q) if group is None else group.min_distances(P, Q))


def mmd_variance(rows: np.ndarray, kernel: Kernel, group: FiniteGroup | None,
                 n_jobs: int | None = None, progress: bool = False) -> tuple[float, float]:
    """``E k(x, x) - E k(x, x')``, half of n E MMD^2 for two samples of n rows; and its error.

    With a group, k is averaged over it. The second mean is a U statistic, whose projection gives
    the standard error.
    """
    n, group = len(rows), FiniteGroup([np.eye(rows.shape[1])]) if group is None else group
    _check_work(n, group)
    tasks = [(kernel, group, rows, block) for block in lower_blocks(n)]
    others = np.zeros(n)
    for part in run_tasks(sums_of_block, tasks, len(tasks), n_jobs=n_jobs, progress=progress,
                          unit="block"):
        others[:len(part)] += part
    own, others = own_values(kernel, group, rows), others / (n - 1)
    influence = own - 2.0 * others
    return float(own.mean() - others.mean()), float(influence.std(ddof=1) / np.sqrt(n))


def _check_work(n: int, group: FiniteGroup) -> None:
    """Refuse what would take hours."""
    work = n_terms(group) * n**2 / 2
    if work > MOST_VALUES:
        fewer = int(np.sqrt(2 * MOST_VALUES / n_terms(group)))
        raise ValueError(f"measure='mmd' needs {work:.2g} values of the kernel for the {n} rows of "
                         f"X, and {MOST_VALUES:.2g} are the limit; pass at most {fewer} random "
                         "rows of them, whose closed form holds for any n.")
