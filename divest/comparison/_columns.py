"""One column of two tables: how far apart, could it be chance, and what is missing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from divest._results import EstimateResult, TrustWarning
from divest._samples import RARE, as_numbers, category_counts
from divest._validation import check_finite
from divest.comparison._joint import MIN_ROWS
from divest.discrete import f_divergence, g_test
from divest.divergence import NearestNeighborRatioDivergence
from divest.generators import Generator

COUNT_DIVERGENCE = "jensen_shannon"


def check_numbers(p: pd.DataFrame, q: pd.DataFrame, kinds: dict[Any, str]) -> None:
    """Refuse infinite numbers, naming table, row and column."""
    for name, frame in (("current", p), ("reference", q)):
        for column, kind in kinds.items():
            if kind in ("numeric", "discrete"):
                values = as_numbers(frame[column])
                check_finite(np.where(np.isnan(values), 0.0, values)[:, None], name, [column])


def compare_column(p: pd.Series, q: pd.Series, kind: str, generator: Generator, *, level: float,
                   n_resamples: int, random_state: Any) -> dict[str, Any]:
    """One row of the table of columns."""
    row = {"column": p.name, "kind": kind, "n_reference": len(q), "n_current": len(p),
           **_missing(p, q), "new_categories": 0, "divergence": "", "estimate": np.nan,
           "standard_error": np.nan, "low": np.nan, "high": np.nan, "test": "none",
           "statistic": np.nan, "pvalue": np.nan, "trusted": True}
    if kind in ("empty", "identifier") or not p.notna().any() or not q.notna().any():
        return row
    if kind != "numeric":
        counts = category_counts(p, q)
        row["new_categories"] = counts.attrs["new_categories"]
        if RARE not in counts.index or 2 * counts.loc[RARE].sum() <= counts.to_numpy().sum():
            return row | _counts(counts, level, n_resamples, random_state)
        if kind == "categorical":  # most rows are in the cell of rare labels: nothing to compare
            return row | {"trusted": False}
    return row | _numeric(as_numbers(p.dropna()), as_numbers(q.dropna()), generator, level)


def adjust(table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The table with adjusted p-values and the verdict, the most significant columns first.

    A column with missing values enters with twice the smaller of its two p-values, unless so few
    are missing that Fisher's test could not reject whatever their split (Tarone 1990).
    """
    from statsmodels.stats.multitest import multipletests

    both = table[["pvalue", "missing_pvalue"]].to_numpy(float, copy=True)
    both[[not _may_reject(row, level) for row in table.itertuples()], 1] = np.nan
    count = np.maximum((~np.isnan(both)).sum(axis=1), 1)
    combined = np.minimum(1.0, np.where(np.isnan(both), np.inf, both).min(axis=1) * count)
    tested = ~np.isnan(both).all(axis=1)
    adjusted = np.full(len(table), np.nan)
    if tested.any():
        adjusted[tested] = multipletests(combined[tested], method="fdr_bh")[1]
    at = list(table.columns).index("pvalue") + 1
    table.insert(at, "pvalue_adjusted", adjusted)
    table.insert(at + 1, "drift", adjusted <= level)
    order = ["pvalue_adjusted", "estimate", "column"]
    return table.sort_values(order, ascending=[True, False, True], ignore_index=True,
                             key=lambda s: s.astype(str) if s.name == "column" else s)


def _missing(p: pd.Series, q: pd.Series) -> dict[str, Any]:
    """Missing values, and Fisher's exact test of their shares where there are any."""
    from scipy.stats import fisher_exact

    counts = [int(q.isna().sum()), int(p.isna().sum())]
    pvalue = np.nan
    if sum(counts):
        table = [[counts[0], len(q) - counts[0]], [counts[1], len(p) - counts[1]]]
        pvalue = float(fisher_exact(table).pvalue)
    return {"missing_reference": counts[0], "missing_current": counts[1], "missing_pvalue": pvalue}


def _may_reject(row: Any, level: float) -> bool:
    """Whether the missing values are enough for Fisher's test to reject at all."""
    from scipy.stats import fisher_exact

    missing = row.missing_reference + row.missing_current
    extremes = [min(missing, row.n_reference), max(0, missing - row.n_current)]
    tables = [[[q, row.n_reference - q], [missing - q, row.n_current - missing + q]]
              for q in extremes]
    return missing > 0 and min(fisher_exact(table).pvalue for table in tables) <= level


def _numeric(p: np.ndarray, q: np.ndarray, generator: Generator, level: float) -> dict[str, Any]:
    """One-dimensional divergence, and the test of Kolmogorov and Smirnov."""
    from scipy.stats import ks_2samp

    test = ks_2samp(p, q)
    out: dict[str, Any] = {"test": "KS", "statistic": float(test.statistic),
                           "pvalue": float(test.pvalue)}
    if min(len(p), len(q)) < MIN_ROWS:
        return out | {"trusted": False}
    model = NearestNeighborRatioDivergence(generator, confidence_level=1 - level, clip=True)
    with warnings.catch_warnings():  # the column `trusted` says it
        warnings.simplefilter("ignore", TrustWarning)
        result = model.fit_samples(p, q).result_
    return out | _estimate(generator.name, result, result.estimate) | {"trusted": result.trusted}


def _counts(counts: pd.DataFrame, level: float, n_resamples: int,
            random_state: Any) -> dict[str, Any]:
    """Jensen-Shannon divergence of the counts, less its bias, and the G test."""
    test = g_test(counts["p"], counts["q"], n_resamples=n_resamples, random_state=random_state)
    result = f_divergence(counts["p"], counts["q"], COUNT_DIVERGENCE, confidence_level=1 - level)
    name = "G" if not test.n_resamples else "G permutation"
    return {"test": name, "statistic": test.statistic, "pvalue": test.pvalue,
            "trusted": result.trusted,
            **_estimate(COUNT_DIVERGENCE, result, max(result.corrected, 0.0))}


def _estimate(name: str, result: EstimateResult, estimate: float) -> dict[str, Any]:
    low, high = result.confidence_interval()
    return {"divergence": name, "estimate": estimate, "standard_error": result.standard_error,
            "low": low, "high": high}
