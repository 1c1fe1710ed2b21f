"""What the kernel Stein tests share: their data, their draws, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr
from sklearn.base import BaseEstimator

from divest._resampling import (
    bootstrap_multipliers,
    generators,
    resampling_signs,
    root_sequence,
    run_tasks,
)
from divest._results import (
    Diagnostic,
    HypothesisResult,
    diagnostics_frame,
    warn_if_doubtful,
)
from divest.goodness_of_fit._diagnostics import autocorrelation_time
from divest.goodness_of_fit._engine import SteinPairs, paired_values, quadratic_forms
from divest.goodness_of_fit._outcome import Outcome, check_range
from divest.goodness_of_fit._points import Points
from divest.kernels import Kernel

LARGEST = 20_000  # rows for all pairs
_PAIRS_PER_SECOND, _FLOPS = 1.5e8, 2.5e10  # of one core, roughly: to tell how long it would take
_BATCH = 16  # simulated samples per task


class SteinTest(BaseEstimator):
    """A test of one sample: `fit` ends in `_store`."""

    _method = "kernel Stein test"
    _null = "the rows are drawn from the model"

    def _store(self, outcome: Outcome, table: pd.DataFrame, n_resamples: int, root: Any,
               diagnostics: Sequence[Diagnostic]) -> None:
        """Keep what came out of a test with a table of bandwidths."""
        self.bandwidths_ = table
        self.bandwidth_ = float(table["bandwidth"].iloc[outcome.best])
        self._store_result(outcome, n_resamples, root, diagnostics)

    def _store_result(self, outcome: Outcome, n_resamples: int, root: Any,
                      diagnostics: Sequence[Diagnostic]) -> None:
        """Keep statistic, p-value, draws and diagnostics."""
        seed = None if root.spawn_key else root.entropy  # a spawned stream has no number
        self.statistic_, self.pvalue_ = outcome.statistic, outcome.pvalue
        self.null_distribution_ = outcome.null_distribution
        diagnostics = tuple(diagnostics)
        self.result_ = HypothesisResult(
            outcome.statistic, outcome.pvalue, self._method, self._null,
            outcome.null_distribution, n_resamples, seed, diagnostics)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        warn_if_doubtful(diagnostics, self._method)

    def _keep_rows(self, rows: np.ndarray, diagonal: np.ndarray) -> None:
        """Keep what the best kernel says of each row: its sum with the others, and with itself."""
        n = len(rows)
        self.influence_ = rows / (n - 1)
        self.discrepancy_ = float(np.sqrt(max(rows.sum() + diagonal.sum(), 0.0)) / n)
        self._diagonal = diagonal

    @property
    def _root(self) -> np.random.SeedSequence:
        return root_sequence(self.random_state)


def check_size(n: int, n_kernels: int, n_resamples: int, what: str = "method='exact'",
               instead: str = "method='nystrom', which takes time linear in the number of rows, or "
                              "null='linear'") -> None:
    """Refuse what would take too long, and say how long."""
    if n > LARGEST:
        seconds = n_kernels * n**2 * (1 / _PAIRS_PER_SECOND + n_resamples / _FLOPS)
        raise ValueError(
            f"{what} takes at most {LARGEST} rows, got {n}, whose {n * (n - 1) / 2:.2g} pairs "
            f"would take about {seconds / 60:.0f} minutes on one core. Use {instead}.")


def change_of_sign(dependence: Any, S: np.ndarray) -> float:
    """The probability with which random signs change from one row to the next."""
    if dependence is None:
        return 0.5
    if isinstance(dependence, str):
        return min(0.5, 1 / (8 * autocorrelation_time(S)))
    return float(dependence)


def values_of(sums: Sequence[tuple[np.ndarray, np.ndarray]], statistic: str) -> np.ndarray:
    """The U or V statistic of each kernel, times n, from sums of rows and diagonals."""
    totals = np.array([rows.sum() for rows, _ in sums])
    own = np.array([diagonal.sum() for _, diagonal in sums])
    check_range(totals + own)
    n = len(sums[0][0])
    return totals / (n - 1) if statistic == "u" else (totals + own) / n


def bootstrap_draws(pairs: Sequence[SteinPairs], diagonals: Sequence[np.ndarray],
                    multipliers: np.ndarray, statistic: str, *, n_jobs: int | None = None,
                    progress: bool = False) -> np.ndarray:
    """The statistic with the rows multiplied, (B, number of kernels)."""
    n = pairs[0].n
    forms = quadratic_forms(pairs, multipliers, n_jobs=n_jobs, progress=progress)
    if statistic == "u":
        return forms / (n - 1)
    squares = multipliers.astype(float)**2
    return (forms + squares @ np.column_stack(diagonals)) / n


def multipliers_of(null: str, n: int, seeds: Sequence[np.random.SeedSequence],
                   change: float) -> np.ndarray:
    """What the rows are multiplied with: signs, or bootstrap counts less one."""
    if null == "efron":
        return bootstrap_multipliers(n, seeds)
    return resampling_signs(n, seeds, change)


def simulated_draws(statistic: Callable[[np.random.Generator], np.ndarray],
                    seeds: Sequence[np.random.SeedSequence], *, n_jobs: int | None,
                    progress: bool) -> np.ndarray:
    """``statistic(rng)`` of one simulated sample for each seed, (B, number of kernels)."""
    batches = [seeds[start:start + _BATCH] for start in range(0, len(seeds), _BATCH)]
    results = run_tasks(_simulate, ((statistic, batch) for batch in batches), len(batches),
                        n_jobs=n_jobs, progress=progress, unit="batch")
    return np.concatenate(list(results))


def _simulate(statistic: Callable[[np.random.Generator], np.ndarray],
              seeds: Sequence[np.random.SeedSequence]) -> np.ndarray:
    return np.array([statistic(rng) for rng in generators(seeds)])


def linear_statistic(points: Points, kernel: Kernel) -> tuple[float, float]:
    """``sqrt(m) mean / sd`` of h over m separate pairs of rows, and its p-value."""
    m = points.n // 2
    with np.errstate(all="ignore"):
        h = paired_values(points, kernel)
        spread = h.std(ddof=1)
    if not np.isfinite(spread) or spread == 0:
        raise ValueError("the Stein kernel of separate pairs of rows is not finite, or the same "
                         "for all of them; rescale the columns.")
    z = float(np.sqrt(m) * h.mean() / spread)
    return z, max(float(ndtr(-z)), float(np.finfo(float).tiny))
