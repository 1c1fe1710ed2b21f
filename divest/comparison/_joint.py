"""The joint distribution of the numeric columns of two tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic, HypothesisResult, diagnostics_frame, told_elsewhere
from divest._samples import as_numbers
from divest.divergence import DivergenceTwoSampleTest, NearestNeighborRatioDivergence
from divest.generators import Generator

MIN_ROWS = 11  # complete rows that a divergence needs in each sample
COLUMNS = ["divergence", "estimate", "standard_error", "low", "high", "confidence_level", "unit",
           "pvalue", "n_reference", "n_current", "n_columns", "trusted", "failed_diagnostics"]


def compare_jointly(p: pd.DataFrame, q: pd.DataFrame, kinds: dict[Any, str],
                    wanted: list[Generator], *, level: float, standardize: str | None,
                    n_resamples: int, random_state: Any, n_jobs: int | None,
                    progress: bool) -> tuple[pd.DataFrame, pd.DataFrame, HypothesisResult | None]:
    """Divergences, their diagnostics and the two-sample test on the complete rows.

    The tables are empty and there is no test without numeric columns.
    """
    names = [name for name, kind in kinds.items() if kind in ("numeric", "discrete")
             and p[name].dtype.kind not in "mM" and p[name].notna().any()
             and q[name].notna().any()]
    empty = pd.DataFrame(columns=COLUMNS), _with_divergence([], ""), None
    if not names:
        return empty
    samples, shares = zip(*(_complete(frame, names) for frame in (p, q)), strict=True)
    counts = [len(sample) for sample in samples]
    if min(counts) < MIN_ROWS:
        few = Diagnostic("few_rows", float(min(counts)), float(MIN_ROWS), False,
                         "too few rows without missing numbers for a joint comparison; leave out "
                         "columns with many missing values, or get more rows")
        return empty[0], _with_divergence([few], "joint"), None
    test = DivergenceTwoSampleTest(n_resamples=n_resamples, standardize=standardize,
                                   random_state=random_state, n_jobs=n_jobs, progress=progress)
    model = NearestNeighborRatioDivergence(wanted[0], standardize=standardize, n_jobs=n_jobs,
                                           confidence_level=1 - level, clip=True)
    complete = Diagnostic("complete_rows", min(shares), 0.9, min(shares) >= 0.9,
                          "many rows have missing numbers and were left out of the joint analysis; "
                          "if they differ from the others, so does the answer")
    apart = _ranges_apart(samples[0], samples[1], names)
    with told_elsewhere():  # by the tables of diagnostics
        test.fit_samples(*samples)
        model.fit_samples(*samples)
        rows, diagnostics = [], []
        for generator in wanted:
            result = model.estimate(generator)
            found = [*result.diagnostics, complete, apart, *test.result_.diagnostics]
            failed = [d.name for d in found if not d.passed]
            low, high = result.confidence_interval()
            rows.append([generator.name, result.estimate, result.standard_error, low, high,
                         1 - level, result.unit, test.pvalue_, counts[1], counts[0], len(names),
                         not failed, ", ".join(failed)])
            diagnostics.append(_with_divergence(found, generator.name))
    return (pd.DataFrame(rows, columns=COLUMNS), pd.concat(diagnostics, ignore_index=True),
            test.result_)


def _ranges_apart(P: np.ndarray, Q: np.ndarray, names: list[Any]) -> Diagnostic:
    """Columns that tell the tables apart by themselves, such as dates and numbers of batches."""
    apart = (P.min(axis=0) > Q.max(axis=0)) | (Q.min(axis=0) > P.max(axis=0))
    found = [str(name) for name, is_apart in zip(names, apart, strict=True) if is_apart]
    return Diagnostic("ranges_apart", float(len(found)), 0.0, not found,
                      f"columns {', '.join(found) or 'like a date'}: where all values in one table "
                      "lie above those in the other, no joint distance can be seen; leave out "
                      "those that say when or where a row was taken")


def _complete(frame: pd.DataFrame, names: list[Any]) -> tuple[np.ndarray, float]:
    """Rows without missing numbers, and their share."""
    values = np.column_stack([as_numbers(frame[name]) for name in names])
    kept = ~np.isnan(values).any(axis=1)
    return values[kept], float(kept.mean())


def _with_divergence(diagnostics: list[Diagnostic], name: str) -> pd.DataFrame:
    frame = diagnostics_frame(diagnostics)
    frame.insert(0, "divergence", name)
    return frame
