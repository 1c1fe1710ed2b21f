"""Sums of a kernel averaged over a group, ``k_G(x, y) = mean_g k(x, g y)``, in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from divest._resampling import generators, one_thread_each, permuted_rows, run_tasks
from divest.groups import FiniteGroup
from divest.kernels import Kernel

_ENTRIES = 1_000_000  # in a block of the kernel matrix
_IN_CACHE = 65_536  # entries whose kernel is computed at once
_DIGITS = 13  # of a statistic in units of k(x, x); what is left is rounding


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


def averaged(kernel: Kernel, group: FiniteGroup, X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """``k_G(x, y)`` for all pairs of rows, one element of the group at a time."""
    total = values(kernel, X, group.apply(Y, 0))
    for g in range(1, group.order):
        total += values(kernel, X, group.apply(Y, g))
    return total / group.order


def own_values(kernel: Kernel, group: FiniteGroup, X: np.ndarray) -> np.ndarray:
    """``k_G(x, x)`` for each row."""
    total = np.zeros(len(X))
    for g in range(group.order):
        total += kernel.profile(((X - group.apply(X, g)) ** 2).sum(axis=1))[0]
    return total / group.order


def lower_blocks(n: int) -> Iterator[slice]:
    """Blocks of rows, at least eight where there are as many, for work on pairs i > j."""
    return blocks(n, n, min(_ENTRIES, n * n // 8))


def sums(kernel: Kernel, group: FiniteGroup, X: np.ndarray,
         Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of ``k_G(x, y)`` over y for each x, and over x for each y."""
    over_y, over_x = np.empty(len(X)), np.zeros(len(Y))
    for block in blocks(len(X), len(Y)):
        part = averaged(kernel, group, X[block], Y)
        over_y[block] = part.sum(axis=1)
        over_x += part.sum(axis=0)
    return over_y, over_x


def sums_within(kernel: Kernel, group: FiniteGroup, X: np.ndarray) -> np.ndarray:
    """Sums of ``k_G(x, y)`` over the other rows y for each x; each pair is computed once."""
    total = np.zeros(len(X))
    for block in lower_blocks(len(X)):
        own = averaged(kernel, group, X[block], X[block])
        np.fill_diagonal(own, 0.0)
        before = averaged(kernel, group, X[block], X[:block.start])
        total[block] += own.sum(axis=1) + before.sum(axis=1)
        total[:block.start] += before.sum(axis=0)
    return total


class Discrepancy(NamedTuple):
    """The squared MMD between two symmetrized samples."""

    biased: float  # own pairs included
    unbiased: float
    standard_error: float
    null_mean: float  # of the biased one, were the laws equal


def discrepancy(kernel: Kernel, group: FiniteGroup, P: np.ndarray, Q: np.ndarray) -> Discrepancy:
    """All about the squared MMD; the standard error is that of the witness function's means."""
    n, m = len(P), len(Q)
    own_p, own_q = own_values(kernel, group, P), own_values(kernel, group, Q)
    within_p, within_q = sums_within(kernel, group, P), sums_within(kernel, group, Q)
    cross_p, cross_q = sums(kernel, group, P, Q)
    mean_p, mean_q, cross = within_p.mean(), within_q.mean(), 2 * cross_p.mean() / m
    unbiased = mean_p / (n - 1) + mean_q / (m - 1) - cross
    biased = (mean_p + own_p.mean()) / n + (mean_q + own_q.mean()) / m - cross
    witness_p = within_p / (n - 1) - cross_p / m
    witness_q = cross_q / n - within_q / (m - 1)
    error = 2 * sqrt(witness_p.var(ddof=1) / n + witness_q.var(ddof=1) / m)
    pairs = within_p.sum() + within_q.sum() + 2 * cross_p.sum()
    own = (own_p.sum() + own_q.sum()) / (n + m)
    null_mean = (1 / n + 1 / m) * (own - pairs / ((n + m) * (n + m - 1)))
    return Discrepancy(float(biased), float(unbiased), error, float(null_mean))


def permuted_discrepancies(kernel: Kernel, group: FiniteGroup, rows: np.ndarray, is_p: np.ndarray,
                           seeds: list[np.random.SeedSequence], n_jobs: int | None,
                           progress: bool) -> np.ndarray:
    """The squared MMD as labelled, then with permuted labels, one permutation per seed.

    It is s' K s with s = 1/n at rows of P and -1/m at the others, for all s at once.
    """
    n = int(is_p.sum())
    signs = np.full((1 + len(seeds), len(rows)), -1.0 / (len(rows) - n))
    signs[0, is_p] = 1.0 / n
    for sign, rng in zip(signs[1:], generators(seeds), strict=True):
        sign[permuted_rows(is_p, rng)] = 1.0 / n
    tasks = [(kernel, group, rows, signs, block) for block in blocks(len(rows), len(rows))]
    total = np.zeros(len(signs))
    for part in run_tasks(_quadratic_forms, tasks, len(tasks), n_jobs=n_jobs, progress=progress,
                          unit="block"):
        total += part
    scale = at_zero(kernel)
    return scale * np.round(total / scale, _DIGITS)  # equal labellings tie


def _quadratic_forms(kernel: Kernel, group: FiniteGroup, rows: np.ndarray, signs: np.ndarray,
                     block: slice) -> np.ndarray:
    """What some rows of K add to s' K s, for each s."""
    with one_thread_each:
        part = signs[:, block] @ averaged(kernel, group, rows[block], rows)
    return np.einsum("ij,ij->i", part, signs)


def gain(kernel: Kernel, group: FiniteGroup, X: np.ndarray) -> tuple[float, float]:
    """Null mean of the squared MMD with the group over that without, and its jackknife error."""
    n, trivial = len(X), FiniteGroup([np.eye(X.shape[1])])
    left, full = [], []
    for g in (group, trivial):
        own, others = own_values(kernel, g, X), sums_within(kernel, g, X)
        full.append(own.mean() - others.sum() / (n * (n - 1)))
        left.append((own.sum() - own) / (n - 1)
                    - (others.sum() - 2 * others) / ((n - 1) * (n - 2)))
    if not full[1] > 0:
        raise ValueError("X has no two distinct rows, so there is nothing to gain.")
    ratios = left[0] / left[1]
    return float(full[0] / full[1]), float(np.sqrt((n - 1) * ratios.var()))
