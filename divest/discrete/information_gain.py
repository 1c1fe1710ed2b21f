"""What each group of a table of counts tells about the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from divest._resampling import generators, resampling_pvalue, root_sequence
from divest._validation import check_count_table, check_integer
from divest.discrete._count_result import chi_square_pvalue
from divest.discrete._count_test import LARGEST_DRAW, MIN_EXPECTED


def information_gain(counts: Any, *, n_resamples: int = 999,
                     random_state: Any = None) -> pd.DataFrame:
    """Information that each group gives about the cell: ``KL(group || all groups)`` in nats.

    Weighted by the part `w` of all rows that are in the group, the gains add up to the estimate of
    `jensen_shannon_test` [1]_. A group is part of the whole it is compared with, so that
    ``2 n KL / (1 - w)`` is the statistic that is nearly chi-square with cells - 1 degrees of
    freedom when the group is like the others.

    Parameters
    ----------
    counts : array-like of shape (n_groups, n_cells) or DataFrame
        Counts, a row for each group.
    n_resamples : int, default 999
        Permutations for each group with an expected count below 5, where the chi-square law fails.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.

    Returns
    -------
    DataFrame
        One row per group with columns `group`, `n`, `information_gain`, `statistic`, `pvalue` (not
        adjusted for the number of groups) and `n_resamples` (0 under the chi-square law).

    Raises
    ------
    ValueError
        When counts are negative or fractional, or fewer than two groups have any.

    See Also
    --------
    jensen_shannon_test : One test for all groups.

    References
    ----------
    .. [1] J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
       Information Theory 37 (1991).

    Examples
    --------
    >>> from divest.discrete import information_gain
    >>> gain = information_gain([[20, 30, 50], [25, 25, 50], [10, 40, 50]])
    >>> gain["information_gain"].round(4).tolist()
    [0.0012, 0.0184, 0.0328]
    """
    check_integer("n_resamples", n_resamples, 1)
    table, names = check_count_table(counts)
    pooled, streams = table.sum(axis=0), generators(root_sequence(random_state).spawn(len(table)))
    rows = [_row(row, pooled, n_resamples, rng) for row, rng in zip(table, streams, strict=True)]
    return pd.DataFrame(rows).assign(group=names)[
        ["group", "n", "information_gain", "statistic", "pvalue", "n_resamples"]]


def _row(row: np.ndarray, pooled: np.ndarray, n_resamples: int,
         rng: np.random.Generator) -> dict[str, Any]:
    """Gain, statistic and p-value of one group."""
    n, total = row.sum(), pooled.sum()
    scale = 2 * n / (1 - n / total)
    gain = float(_gain(row, pooled))
    statistic, draws = scale * gain, np.empty(0)
    if len(pooled) > 1 and min(n, total - n) * pooled.min() / total < MIN_EXPECTED and (
            total < LARGEST_DRAW):
        drawn = rng.multivariate_hypergeometric(pooled.astype(np.int64), int(n), size=n_resamples,
                                                method="marginals")
        draws = scale * _gain(drawn, pooled)
    pvalue = (resampling_pvalue(statistic, draws) if len(draws) else
              chi_square_pvalue(statistic, len(pooled) - 1))
    return {"n": int(n), "information_gain": gain, "statistic": statistic, "pvalue": pvalue,
            "n_resamples": len(draws)}


def _gain(row: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Divergence of the shares of `row` (..., n_cells) from those of all groups."""
    share = row / row.sum(axis=-1, keepdims=True)
    return np.maximum(rel_entr(share, pooled / pooled.sum()).sum(axis=-1), 0.0)
