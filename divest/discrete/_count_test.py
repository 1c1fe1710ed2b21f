"""What the tests on counts share: their result, the choice of the law, and the small cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._resampling import generators
from divest._results import Diagnostic, HypothesisResult
from divest.discrete._moments import divergence_value, shares
from divest.generators import Generator

MIN_EXPECTED = 5.0
METHODS = ("auto", "chi2", "permutation")
BLOCK = 10**6  # counts that are dealt out at a time
LARGEST_DRAW = 10**9  # rows that numpy can deal out


@dataclass(frozen=True)
class CountTestResult(HypothesisResult):
    """A test on counts, and the divergence it is about.

    Attributes
    ----------
    estimate : float
        The divergence of which `statistic` is a multiple.
    degrees_of_freedom : int
        Those of the chi-square law of the statistic when nothing differs.

    Examples
    --------
    >>> from divest.discrete import f_divergence_test
    >>> result = f_divergence_test([30, 50, 20], [60, 90, 50])
    >>> result.degrees_of_freedom, round(result.statistic, 4), round(result.estimate, 4)
    (2, 1.0303, 0.0155)
    """

    estimate: float = float("nan")
    degrees_of_freedom: int = 0

    def _row(self) -> dict[str, Any]:
        return {**super()._row(), "estimate": self.estimate,
                "degrees_of_freedom": self.degrees_of_freedom}


def smallest_expected(table: np.ndarray) -> float:
    """The smallest count expected when all rows of a table of counts have the same law."""
    return float(table.sum(axis=1).min() * table.sum(axis=0).min() / table.sum())


def permutes(method: str, expected: float, statistic: float, total: float) -> bool:
    """Whether to take the permutation law; "auto" does where the chi-square law may fail."""
    if method == "permutation" and total >= LARGEST_DRAW:
        raise ValueError(f"method='permutation' deals out fewer than {LARGEST_DRAW:g} rows, and "
                         f"the counts sum to {total:g}; use method='chi2'.")
    small = expected < MIN_EXPECTED or bool(np.isinf(statistic))
    return method == "permutation" or (method == "auto" and small and total < LARGEST_DRAW)


def small_cells(expected: float, statistic: float) -> Diagnostic:
    """Whether the chi-square law can be trusted."""
    return Diagnostic(
        "small_cells", expected, MIN_EXPECTED,
        expected >= MIN_EXPECTED and not np.isinf(statistic),
        "smallest expected count; below the threshold the chi-square law may fail: merge cells, "
        "or test for equality with method='permutation'")


def divergence_of(generator: Generator, a: np.ndarray, b: np.ndarray,
                  smoothing: float) -> np.ndarray:
    """The divergence between counts; `a` and `b` may hold several vectors, one per row."""
    return divergence_value(generator, shares(a, smoothing), shares(b, smoothing))


def dealt_divergences(generator: Generator, table: np.ndarray, smoothing: float, n_resamples: int,
                      root: np.random.SeedSequence) -> np.ndarray:
    """The divergence when the pooled rows are dealt out at random."""
    (rng,) = generators([root])
    pooled, n = table.sum(axis=0).astype(np.int64), int(table[0].sum())
    rows, out = max(BLOCK // len(pooled), 1), []
    for start in range(0, n_resamples, rows):
        drawn = rng.multivariate_hypergeometric(pooled, n, size=min(rows, n_resamples - start),
                                                method="marginals")
        out.append(divergence_of(generator, drawn, pooled - drawn, smoothing))
    return np.concatenate(out)
