"""From statistics and their draws, for one bandwidth or several, to one p-value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from divest._resampling import resampling_pvalue, smallest_pvalue
from divest._validation import check_number
from divest.kernels import Kernel

FACTORS = (0.125, 0.25, 0.5, 1.0, 2.0)  # of the median bandwidth
WEIGHTS = (0.125, 0.125, 0.125, 0.5, 0.125)


@dataclass(frozen=True, eq=False)
class Grid:
    """Kernels with their bandwidths, and the share of the level that each one gets."""

    kernels: tuple[Kernel, ...]
    factors: np.ndarray
    bandwidths: np.ndarray
    weights: np.ndarray
    template: Kernel | None = None  # without a bandwidth, where that goes with the median

    def at_median(self, median: float) -> tuple[Kernel, ...]:
        """The kernels for a sample with another median bandwidth."""
        if self.template is None:
            return self.kernels
        return tuple(self.template.with_bandwidth(f * median) for f in self.factors.tolist())

    def frame(self) -> pd.DataFrame:
        """One row per kernel."""
        return pd.DataFrame({"factor": self.factors, "bandwidth": self.bandwidths,
                             "weight": self.weights})


def grid_of(kernel: Kernel, factors: Any, median: float, weights: Any) -> Grid:
    """One kernel at several bandwidths, multiples of `median`."""
    factors = np.asarray(factors, dtype=float)
    kernels = tuple(kernel.with_bandwidth(f * median) for f in factors.tolist())
    return Grid(kernels, factors, factors * median, np.asarray(weights, dtype=float), kernel)


def bandwidth_grid(kernel: Kernel, bandwidth: str | float, median: float, several: bool) -> Grid:
    """What `bandwidth` stands for; "auto" is the median alone where not `several`."""
    if kernel.has_bandwidth:
        terms = kernel.terms
        ell = terms[0].bandwidth if len(terms) == 1 else np.nan
        return Grid((kernel,), np.array([ell / median]), np.array([ell]), np.ones(1))
    if isinstance(bandwidth, str):
        auto = bandwidth == "auto" and several
        return grid_of(kernel, *((FACTORS, median, WEIGHTS) if auto else ([1.0], median, [1.0])))
    return Grid((kernel.with_bandwidth(bandwidth),), np.array([bandwidth / median]),
                np.array([bandwidth]), np.ones(1))


def check_bandwidth(bandwidth: str | float, kernel: Kernel) -> str | float:
    """"auto", "median" or a number above 0, and that no bandwidth is given twice."""
    if isinstance(bandwidth, str):
        if bandwidth not in ("auto", "median"):
            raise ValueError("bandwidth must be 'auto', 'median' or a number above 0, "
                             f"got {bandwidth!r}.")
        return bandwidth
    if kernel.has_bandwidth:
        raise ValueError(f"the kernel {kernel!r} has a bandwidth already; leave bandwidth out, "
                         f"got {bandwidth!r}.")
    return check_number("bandwidth", bandwidth, 0.0)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a test over a grid of kernels says.

    With one kernel `statistic` is its own; with several it is ``-log min_k p_k / w_k``, p_k the
    p-value and w_k the weight of each kernel. `best` is the kernel where that is reached.
    """

    statistic: float
    pvalue: float
    null_distribution: np.ndarray
    single_pvalues: np.ndarray
    best: int


def check_range(values: np.ndarray) -> None:
    """Refuse statistics that are not finite, of which no p-value can be made."""
    if not np.isfinite(values).all():
        raise ValueError("the statistic is not finite: scores, distances or the bandwidth are out "
                         "of the range of numbers; rescale the columns, or use dtype='float64'.")


def combine(values: np.ndarray, draws: np.ndarray, weights: np.ndarray) -> Outcome:
    """`values` (K,) and `draws` (B, K), made with the same random numbers for all kernels."""
    check_range(values)
    check_range(draws)
    smallest, single = smallest_pvalue(np.vstack([values, draws]), weights)
    best = int((single / weights).argmin())
    if len(values) == 1:
        statistic, null = float(values[0]), draws[:, 0]
    else:
        statistic, null = -float(np.log(smallest[0])), -np.log(smallest[1:])
    return Outcome(statistic, resampling_pvalue(statistic, null), null, single, best)


def critical_values(values: np.ndarray, draws: np.ndarray, weights: np.ndarray,
                    level: float) -> np.ndarray:
    """What each statistic has to reach for the combined test to reject at `level`, (K,)."""
    table = np.vstack([values, draws])
    smallest, _ = smallest_pvalue(table, weights)
    total = len(table)
    ordered = np.sort(smallest)
    counts = np.searchsorted(ordered, ordered * (1 + 1e-12), side="right")  # ties count
    allowed = ordered[counts <= level * total + 1e-9]
    if not len(allowed):
        return np.full(len(values), np.inf)
    share = allowed[-1]
    rank = (total * share * weights + 1e-9).astype(int)  # of the smallest value that suffices
    falling = -np.sort(-table, axis=0)
    reached = falling[np.maximum(rank, 1) - 1, np.arange(len(values))]
    return np.where(rank > 0, reached, np.inf)
