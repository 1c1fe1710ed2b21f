"""The squared MMD between symmetrized samples, and that of permuted labels."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from divest._resampling import generators, one_thread_each, permuted_rows, run_tasks
from divest.groups import FiniteGroup
from divest.groups._averages import at_zero, averaged, blocks, own_values, sums, sums_within
from divest.kernels import Kernel

_DIGITS = 13  # of a statistic in units of k(x, x); what is left is rounding


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
