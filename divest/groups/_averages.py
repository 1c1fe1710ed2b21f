"""Sums of a kernel averaged over a group, in blocks of rows: no matrix of all pairs is held.

A complete group makes ``k_G(x, y) = mean_g k(x, g y)``. A random subset H makes
``mean_{g, h} k(g x, h y)``, the kernel between samples averaged over H: the first form would not
be positive semi-definite there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from scipy.spatial.distance import cdist

from divest.groups.finite_group import FiniteGroup
from divest.kernels import Kernel

_ENTRIES = 1_000_000  # in a block of the kernel matrix
_IN_CACHE = 65_536  # entries whose kernel is computed at once


def values(kernel: Kernel, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """``k(x, y)`` for all pairs of rows."""
    out = np.empty((len(X), len(Y)))
    for block in blocks(len(X), max(len(Y), 1), _IN_CACHE):
        out[block] = kernel.profile(cdist(X[block], Y, "sqeuclidean"))[0]
    return out


def at_zero(kernel: Kernel) -> float:
    """``k(x, x)``."""
    return float(kernel.profile(0.0)[0])


def blocks(n: int, m: int, entries: int = _ENTRIES) -> Iterator[slice]:
    """Blocks of `n` rows with at most so many entries when each row has `m`."""
    size = max(1, entries // m)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def lower_blocks(n: int) -> Iterator[slice]:
    """Blocks of rows, at least eight where there are as many, for work on pairs i > j."""
    return blocks(n, n, min(_ENTRIES, n * n // 8))


def n_terms(group: FiniteGroup) -> int:
    """How many values of k make one of the averaged kernel."""
    return group.order if group.is_complete else group.order**2


def averaged(kernel: Kernel, group: FiniteGroup, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The averaged kernel for all pairs of rows, some elements of the group at a time."""
    total = np.zeros((len(X), len(Y)))
    if total.size:
        for some in blocks(group.order, total.size):
            images = np.concatenate([group.apply(Y, g) for g in range(some.start, some.stop)])
            for rows in _left(group, X):
                total += values(kernel, rows, images).reshape(len(X), -1, len(Y)).sum(axis=1)
    return total / n_terms(group)


def own_values(kernel: Kernel, group: FiniteGroup, X: np.ndarray) -> np.ndarray:
    """The averaged kernel of each row with itself."""
    total = np.zeros(len(X))
    for g in range(group.order):
        image = group.apply(X, g)
        for rows in _left(group, X):
            total += kernel.profile(((rows - image) ** 2).sum(axis=1))[0]
    return total / n_terms(group)


def _left(group: FiniteGroup, X: np.ndarray) -> Iterable[np.ndarray]:
    """The images of x to average over: for a complete group those of y do."""
    return [X] if group.is_complete else (group.apply(X, g) for g in range(group.order))


def sums(kernel: Kernel, group: FiniteGroup, X: np.ndarray,
         Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the averaged kernel over y for each x, and over x for each y."""
    over_y, over_x = np.empty(len(X)), np.zeros(len(Y))
    for block in blocks(len(X), len(Y)):
        part = averaged(kernel, group, X[block], Y)
        over_y[block] = part.sum(axis=1)
        over_x += part.sum(axis=0)
    return over_y, over_x


def sums_within(kernel: Kernel, group: FiniteGroup, X: np.ndarray) -> np.ndarray:
    """Sums of the averaged kernel over the other rows for each row; each pair is computed once."""
    total = np.zeros(len(X))
    for block in lower_blocks(len(X)):
        total[:block.stop] += sums_of_block(kernel, group, X, block)
    return total


def sums_of_block(kernel: Kernel, group: FiniteGroup, X: np.ndarray, block: slice) -> np.ndarray:
    """What the pairs i > j with i in `block` add to the sums of the rows up to its end."""
    total = np.empty(block.stop)
    own = averaged(kernel, group, X[block], X[block])
    np.fill_diagonal(own, 0.0)
    before = averaged(kernel, group, X[block], X[:block.start])
    total[block] = own.sum(axis=1) + before.sum(axis=1)
    total[:block.start] = before.sum(axis=0)
    return total
