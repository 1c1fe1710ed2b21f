"""Several kernels in one test: which ones, and the decision over all of them in two layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist

from divest._results import Diagnostic
from divest._validation import check_number
from divest.goodness_of_fit._outcome import FACTORS, Grid, bandwidth_grid, grid_of
from divest.goodness_of_fit._points import Points
from divest.kernels import Kernel, resolve_kernel

BANDWIDTHS = 10  # of method="ksdagg", by default
FIRST = 500  # rows whose largest distance is the scale of those
STEPS = 50  # of the bisection


def check_kernels(kernels: Any) -> list[Kernel]:
    """One kernel or several."""
    if isinstance(kernels, (str, Kernel)):
        return [resolve_kernel(kernels)]
    if not isinstance(kernels, Sequence) or not kernels:
        raise ValueError("kernels must be a kernel, its name, or a list of kernels and names, got "
                         f"{kernels!r}.")
    return [resolve_kernel(kernel) for kernel in kernels]


def check_bandwidths(bandwidths: Any, kernels: Sequence[Kernel]) -> list[float] | None:
    """Numbers above 0 for the kernels without a bandwidth of their own; None by default."""
    if bandwidths is None:
        return None
    if all(kernel.has_bandwidth for kernel in kernels):
        raise ValueError("every kernel has a bandwidth already; leave bandwidths out, got "
                         f"{bandwidths!r}.")
    return _check_numbers("bandwidths", bandwidths)


def check_weights(weights: Any, n_kernels: int) -> np.ndarray:
    """Shares of the level, which sum to 1; by default equal."""
    if weights is None:
        return np.full(n_kernels, 1.0 / n_kernels)
    shares = np.array(_check_numbers("weights", weights))
    if len(shares) != n_kernels:
        raise ValueError(f"weights must have one entry for each of the {n_kernels} kernels with "
                         f"their bandwidths, got {len(shares)}.")
    return shares / shares.sum()


def _check_numbers(name: str, values: Any) -> list[float]:
    if np.ndim(values) != 1 or not len(values):
        raise ValueError(f"{name} must be a list of numbers above 0, got {values!r}.")
    return [check_number(name, value, 0.0) for value in values]


def count_kernels(kernels: Sequence[Kernel], bandwidths: Sequence[float] | None,
                  method: str) -> int:
    """How many kernels there are with their bandwidths."""
    default = len(FACTORS) if method == "minp" else BANDWIDTHS
    each = default if bandwidths is None else len(bandwidths)
    return sum(1 if kernel.has_bandwidth else each for kernel in kernels)


def kernel_grid(kernels: Sequence[Kernel], bandwidths: Sequence[float] | None, points: Points,
                weights: np.ndarray, method: str) -> tuple[Grid, list[str]]:
    """Every kernel with every bandwidth, and the names of the kernels."""
    median = points.median()
    if bandwidths is None and method == "ksdagg":
        bandwidths = spread_bandwidths(points)
    grids = []
    for kernel in kernels:
        if kernel.has_bandwidth:
            grids.append(bandwidth_grid(kernel, "median", median, several=False))
        elif bandwidths is None:
            grids.append(grid_of(kernel, FACTORS, median, np.ones(len(FACTORS))))
        else:
            grids += [bandwidth_grid(kernel, ell, median, several=False) for ell in bandwidths]
    together = tuple(kernel for grid in grids for kernel in grid.kernels)
    factors, ells = (np.concatenate([getattr(grid, part) for grid in grids])
                     for part in ("factors", "bandwidths"))
    names = [" + ".join(term.name for term in kernel.terms) for kernel in together]
    return Grid(together, factors, ells, weights), names


def spread_bandwidths(points: Points) -> list[float]:
    """``lambda^((i - 1) / (N - 1)) / d``, lambda the largest distance of the first rows, or 2."""
    largest = max(float(pdist(points.rows[:FIRST]).max()), 2.0)
    return (largest ** np.linspace(0.0, 1.0, BANDWIDTHS) / points.d).tolist()


def table_of(grid: Grid, names: Sequence[str], values: np.ndarray,
             pvalues: np.ndarray) -> pd.DataFrame:
    """One row per kernel with its bandwidth."""
    table = grid.frame().assign(statistic=values, pvalue=pvalues)
    table.insert(0, "kernel", list(names))
    return table


def two_layers(values: np.ndarray, first: np.ndarray, second: np.ndarray, weights: np.ndarray,
               level: float) -> tuple[bool, float]:
    """Whether any statistic exceeds its quantile, and the level u these quantiles stand for.

    Kernel k is compared with the quantile of order ``1 - u w_k`` of its `first` draws (B, K) and
    its value; u is the largest number for which at most a share `level` of the `second` draws
    exceed any of the quantiles.
    """
    ordered = np.sort(np.vstack([first, values]), axis=0)
    low, high = 0.0, float((1.0 / weights).min())
    for _ in range(STEPS):
        middle = (low + high) / 2
        exceeding = _exceed(second, _quantiles(ordered, middle * weights)).mean()
        low, high = (middle, high) if exceeding <= level else (low, middle)
    return bool(_exceed(values[None], _quantiles(ordered, low * weights))[0]), low


def _quantiles(ordered: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """Of each sorted column, the value that leaves at most the share `tails` above it."""
    rank = np.ceil(len(ordered) * (1.0 - tails)).astype(int)
    return ordered[np.maximum(rank - 1, 0), np.arange(len(tails))]


def _exceed(rows: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Which rows exceed any quantile by more than rounding."""
    return (rows > quantiles + 1e-12 * np.abs(quantiles)).any(axis=1)


def enough_draws(n_resamples: int, weights: np.ndarray, level: float) -> Diagnostic:
    """Whether every kernel can speak with its share of the level."""
    needed = float(np.ceil(1.0 / (level * weights.min()) - 1e-9) - 1.0)
    return Diagnostic("n_resamples", float(n_resamples), needed, n_resamples >= needed,
                      "too few draws for the share of the level that each kernel gets, so the "
                      "test can hardly reject; raise n_resamples or take fewer kernels")
