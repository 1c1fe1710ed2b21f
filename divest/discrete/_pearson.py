"""Pearson's chi-square test of equal cell probabilities in two samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._resampling import generators, resampling_pvalue
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import permutes, smallest_expected


def pearson_test(a: np.ndarray, b: np.ndarray, n_resamples: int, most_resamples: int,
                 seed: np.random.SeedSequence) -> tuple[str, float, float]:
    """Name, statistic and p-value; by permutation where an expected count is below 5.

    When none of `n_resamples` draws reaches the statistic, `most_resamples` are taken. That cannot
    make the test reject too often: it makes the smallest p-value smaller, and no other.
    """
    table = np.stack([a, b])[:, a + b > 0]
    a, pooled = table[0], table.sum(axis=0)
    observed = float(_statistic(a, pooled))
    if len(a) == 1 or not permutes("auto", smallest_expected(table), observed, table.sum()):
        return "chi2", observed, chi_square_pvalue(observed, len(a) - 1)
    (rng,) = generators([seed])
    draws = _draws(a, pooled, n_resamples, rng)
    pvalue = resampling_pvalue(observed, draws)
    if pvalue == 1.0 / (1 + n_resamples) and most_resamples > n_resamples:
        more = _draws(a, pooled, most_resamples - n_resamples, rng)
        pvalue = resampling_pvalue(observed, np.append(draws, more))
    return "chi2 permutation", observed, pvalue


def _draws(a: np.ndarray, pooled: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Statistics of counts dealt out anew, given those of both samples together."""
    drawn = rng.multivariate_hypergeometric(pooled.astype(np.int64), int(a.sum()), size=size,
                                            method="marginals")
    return _statistic(drawn, pooled)


def _statistic(a: np.ndarray, pooled: np.ndarray) -> Any:
    """Sum of (observed - expected)^2 / expected over both samples; `a` (..., n_cells)."""
    n, total = a.sum(axis=-1, keepdims=True), pooled.sum()
    scale = total**2 / (n * (total - n))[..., 0]
    return scale * ((a - n * pooled / total) ** 2 / pooled).sum(axis=-1)
