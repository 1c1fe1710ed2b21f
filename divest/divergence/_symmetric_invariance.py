"""The statistic of the test of invariance, for many random elements of the group."""

from __future__ import annotations

import numpy as np

from divest._resampling import generators, run_tasks
from divest.groups import FiniteGroup
from divest.groups._averages import at_zero, lower_blocks, values
from divest.kernels import Kernel

_ROWS = 32  # per task
_DRAWS = 64  # summed at once: their entries stay in the cache


def moved_sums(kernel: Kernel, group: FiniteGroup, rows: np.ndarray,
               seeds: list[np.random.SeedSequence], n_jobs: int | None,
               progress: bool) -> np.ndarray:
    """Sum of k over pairs of different rows: as they are, then moved at random for each seed."""
    n = len(rows)
    elements = np.full((1 + len(seeds), n), group.identity, np.intp)
    for row, rng in zip(elements[1:], generators(seeds), strict=True):
        row[:] = rng.integers(group.order, size=n)
    if 2 * group.order**2 <= len(seeds):  # cheaper than the kernel of all moved rows
        images = group.orbit(rows)
        tasks = [(kernel, images, elements, range(i, min(i + _ROWS, n)))
                 for i in range(1, n, _ROWS)]
        parts = run_tasks(_tabulated, tasks, len(tasks), n_jobs=n_jobs, progress=progress)
        return 2 * np.sum(list(parts), axis=0)
    moved = [(kernel, group, rows, element) for element in elements]
    return np.array(list(run_tasks(_sum, moved, len(moved), n_jobs=n_jobs, progress=progress)))


def _tabulated(kernel: Kernel, images: np.ndarray, elements: np.ndarray,
               which: range) -> np.ndarray:
    """Sum over rows i in `which` and j < i of ``k(a x_i, b x_j)``.

    For one row this is a table of (a, j, b), from which every draw takes its entries.
    """
    order, n, d = images.shape
    total = np.zeros(len(elements))
    columns = np.arange(n) * order + elements
    for i in which:
        near = values(kernel, images[:, i], images[:, :i].reshape(-1, d)).reshape(order, order, i)
        table = np.ascontiguousarray(near.transpose(0, 2, 1)).ravel()
        starts = elements[:, i, None] * (order * i)
        for first in range(0, len(elements), _DRAWS):
            some = slice(first, first + _DRAWS)
            total[some] += table.take(columns[some, :i] + starts[some]).sum(axis=1)
    return total


def _sum(kernel: Kernel, group: FiniteGroup, rows: np.ndarray, element: np.ndarray) -> float:
    """The sum for one draw, from the moved rows themselves."""
    moved, total = group.apply(rows, element), -len(rows) * at_zero(kernel)
    for block in lower_blocks(len(rows)):
        total += values(kernel, moved[block], moved[block]).sum()
        total += 2 * values(kernel, moved[block], moved[:block.start]).sum()
    return float(total)
