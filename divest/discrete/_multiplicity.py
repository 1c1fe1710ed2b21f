"""One p-value per row of a drift table, adjusted for the number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

CORRECTIONS = ("fdr_bh", "fdr_by", "holm")


def adjusted(table: pd.DataFrame, level: float, correction: str) -> pd.DataFrame:
    """The table with adjusted p-values and the verdict, the most significant rows first."""
    from statsmodels.stats.multitest import multipletests

    combined = _combined(table, level)
    tested = ~np.isnan(combined)
    values = np.full(len(table), np.nan)
    if tested.any():
        values[tested] = multipletests(combined[tested], method=correction)[1]
    at = list(table.columns).index("trusted")
    table.insert(at, "pvalue_adjusted", values)
    table.insert(at + 1, "drift", values <= level)
    names = [name for name in ("column", "group") if name in table]
    order = ["pvalue_adjusted", "psi", *names]
    return table.sort_values(order, ascending=[True, False, *(True for _ in names)],
                             ignore_index=True,
                             key=lambda s: s.astype(str) if s.name in names else s)


def _combined(table: pd.DataFrame, level: float) -> np.ndarray:
    """One p-value per row.

    Values and missing ones: twice the smaller p-value of the two, unless so few are missing that
    Fisher's test could not reject whatever their split (Tarone 1990). Where a smallest effect
    matters, both it and a difference must be shown: the larger p-value.
    """
    both = table[["pvalue", "missing_pvalue"]].to_numpy(float, copy=True)
    both[[not _may_reject(row, level) for row in table.itertuples()], 1] = np.nan
    count = (~np.isnan(both)).sum(axis=1)
    smallest = np.where(np.isnan(both), np.inf, both).min(axis=1)
    any_change = np.minimum(1.0, smallest * np.maximum(count, 1))
    large = table["pvalue_minimum_effect"].fillna(0.0).to_numpy(float)
    return np.where(count > 0, np.maximum(any_change, large), np.nan)


def _may_reject(row: Any, level: float) -> bool:
    """Whether the missing values are enough for Fisher's test to reject at all."""
    from divest.discrete._drift_rows import missing_pvalue

    n, m, missing = row.n_current, row.n_reference, row.missing_current + row.missing_reference
    extremes = min(missing, m), max(0, missing - n)
    return missing > 0 and min(missing_pvalue(missing - k, n, k, m) for k in extremes) <= level
