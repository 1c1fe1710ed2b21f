"""One column of two tables: how far apart, could it be chance, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic
from divest._samples import as_numbers
from divest.discrete._anderson_darling import anderson_darling
from divest.discrete._cells import Cells, finite_quantiles, label_cells, label_counts
from divest.discrete._count_result import chi_square_pvalue, count_divergence
from divest.discrete._count_test import small_cells, smallest_expected
from divest.discrete._pearson import pearson_test
from divest.generators import jeffreys

MIN_ROWS = 20  # values of a column that either table needs


@dataclass(frozen=True)
class DriftOptions:
    """What every row of a drift table shares."""

    minimum_effect: float
    bins: int
    n_resamples: int
    most_resamples: int


class DriftColumn:
    """A column of the reference, ready to be compared with the same column of other tables."""

    def __init__(self, q: pd.Series, kind: str, options: DriftOptions) -> None:
        self.q, self.kind, self.options = q, kind, options
        self.missing, self.generator = int(q.isna().sum()), jeffreys()
        if kind == "numeric":
            self.sorted = _sorted_numbers(q)
            self.edges = _edges(self.sorted, options.bins)
        elif kind in ("discrete", "categorical"):
            self.counts = label_counts(q.dropna())

    def row(self, p: pd.Series, seed: np.random.SeedSequence
            ) -> tuple[dict[str, Any], list[Diagnostic]]:
        """One row for the column `p` of a current table, and the diagnostics that fail."""
        missing = int(p.isna().sum())
        present = len(p) - missing, len(self.q) - self.missing
        row = {"column": self.q.name, "kind": self.kind, "n_current": len(p),
               "n_reference": len(self.q), "missing_current": missing,
               "missing_reference": self.missing,
               "missing_pvalue": missing_pvalue(missing, len(p), self.missing, len(self.q)),
               "new_categories": 0, "psi": np.nan, "psi_standard_error": np.nan,
               "psi_corrected": np.nan, "test": "none", "statistic": np.nan, "pvalue": np.nan,
               "pvalue_minimum_effect": np.nan}
        diagnostics = [_few_rows(min(present))]
        if self.kind not in ("empty", "identifier"):
            values = _sorted_numbers(p) if self.kind == "numeric" else p
            cells = self._cells(values, missing)
            row |= self._effect(cells, missing, diagnostics)
            if not diagnostics[0].passed:  # the bias is known for many rows only
                row["psi_corrected"] = np.nan
            if min(present):
                row |= self._test(values, cells, missing, seed)
        failed = [d for d in diagnostics if not d.passed]
        names = ", ".join(d.name for d in failed)
        return row | {"trusted": not failed, "failed_diagnostics": names}, failed

    def _cells(self, p: Any, missing: int) -> Cells:
        """Counts over the same cells; missing values, where there are any, have the last one."""
        if self.kind != "numeric":
            return label_cells(label_counts(p.dropna()), self.counts, self.kind
                               ).with_missing(missing, self.missing)
        counts = [np.diff(np.searchsorted(values, self.edges, side="right"), prepend=0,
                          append=len(values)) for values in (p, self.sorted)]
        if missing + self.missing:
            counts = [np.append(c, k) for c, k in zip(counts, (missing, self.missing), strict=True)]
        return Cells(pd.DataFrame(), counts[0].astype(float), counts[1].astype(float))

    def _effect(self, cells: Cells, missing: int,
                diagnostics: list[Diagnostic]) -> dict[str, float]:
        """New categories, stability index, and whether it is above the smallest that matters."""
        used = cells.p + cells.q > 0
        table = np.stack([cells.p, cells.q])[:, used]
        result = count_divergence(table[0], table[1], cells.labels, self.generator, smoothing=0.5,
                                  confidence_level=0.95)
        diagnostics += [*cells.diagnostics(), *result.diagnostics]
        out = {"new_categories": len(cells.new_categories), "psi": result.estimate,
               "psi_standard_error": result.standard_error, "psi_corrected": result.corrected}
        if (effect := self.options.minimum_effect) > 0:
            statistic = result.scale * result.estimate
            # measured: a cell of a few missing values leaves the size at .04 to .05
            present = table[:, :table.shape[1] - bool(missing + self.missing)]
            expected = smallest_expected(present) if present.any() else 0.0
            diagnostics.append(small_cells(expected, statistic))
            out["pvalue_minimum_effect"] = chi_square_pvalue(statistic, result.n_cells - 1,
                                                             result.scale * effect)
        return out

    def _test(self, p: Any, cells: Cells, missing: int,
              seed: np.random.SeedSequence) -> dict[str, Any]:
        """Test of the values that are there: Anderson-Darling, or Pearson's chi-square."""
        if self.kind == "numeric":
            statistic, pvalue = anderson_darling(p, self.sorted)
            return {"test": "AD", "statistic": statistic, "pvalue": pvalue}
        used = len(cells.p) - bool(missing + self.missing)
        if used == 1 and cells.merged_share:  # all labels are rare: nothing to compare
            return {}
        name, statistic, pvalue = pearson_test(cells.p[:used], cells.q[:used],
                                               self.options.n_resamples,
                                               self.options.most_resamples, seed)
        return {"test": name, "statistic": statistic, "pvalue": pvalue}


def missing_pvalue(missing_p: int, n: int, missing_q: int, m: int) -> float:
    """Fisher's exact test of the shares of missing values; NaN where none is missing."""
    from scipy.stats import fisher_exact

    if not missing_p + missing_q:
        return float("nan")
    return float(fisher_exact([[missing_q, m - missing_q], [missing_p, n - missing_p]]).pvalue)


def _few_rows(fewest: int) -> Diagnostic:
    return Diagnostic("few_rows", fewest, MIN_ROWS, fewest >= MIN_ROWS,
                      "values of the column in the smaller table; below the threshold its laws are "
                      "rough and its power is low: get more rows")


def _sorted_numbers(values: pd.Series) -> np.ndarray:
    """The values that are there, in order."""
    numbers = np.sort(as_numbers(values))  # missing ones come last
    return numbers[:int(np.searchsorted(numbers, np.nan))]


def _edges(numbers: np.ndarray, bins: int) -> np.ndarray:
    """Quantiles of the sorted reference; around the value that nearly all have, if one is."""
    edges = finite_quantiles(numbers, bins) if len(numbers) else numbers
    if len(edges) or not len(numbers):
        return edges
    top = numbers[-1]
    if numbers[-(-len(numbers) // bins) - 1] == top:
        return np.array([np.nextafter(top, -np.inf), top])
    return np.array([np.nextafter(-np.inf, 0.0)])  # negative infinity, and all else
