"""Which diagnostics a kernel Stein test gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from divest._boundary import boundary_diagnostics
from divest._results import Diagnostic
from divest.goodness_of_fit import _diagnostics as known
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._score_model import ScoreModel
from divest.goodness_of_fit._stein_test import values_of
from divest.kernels import Kernel

ATTAINABLE = 0.01  # p-value that random signs must be able to reach
FEW_ROWS = 30
REJECTED = 0.05  # p-values at which what makes true models be rejected is looked for
DISTINCT = 20  # values that a column must have at least
SPACING = 1.25  # what a rejected statistic may grow by when every second boundary point is left out
SINGULAR = Diagnostic(
    "singular_covariance", 1.0, 0.0, False, "the covariance is singular and was made regular: some "
    "columns are combinations of others, which a model with a density gives probability 0")
REPEATED = 0.05  # share of rows that repeat others
DEPENDENCE = "pass dependence='auto', thin the chain, or shuffle rows that are only sorted"


def diagnose(test: Any, X: np.ndarray, S: np.ndarray, points: Points, ignored: float,
             pvalue: float) -> list[Diagnostic]:
    """What speaks for and against the p-value of a `KernelSteinTest`."""
    found = judge(X, S, test.model_, pvalue, independent=test.dependence is None,
                  diagonal=None if test.null == "linear" else test._diagonal,
                  ignored=ignored if test.boundary == "ignore" else None,
                  edges_known=not (test.support is None and test.weight is None
                                   and test.boundary_points is None))
    if test.null == "wild":
        found.append(attainable_pvalue(points.n, test._sign_change))
    if test.null in ("wild", "efron"):
        found.append(few_rows(points.n))
    if isinstance(test.bandwidth, str) and test.bandwidth == "median":
        found.append(known.median_in_high_dimension(X.shape[1]))
    if points.boundary is not None:
        found.extend(boundary_diagnostics(points.boundary, points.rows, points.median(),
                                          "the test rejects true models"))
        if pvalue <= REJECTED and points.boundary.shape[1] > 1 and test.null != "linear":
            statistic = float(test.influence_.sum())  # n times the U statistic
            found.append(boundary_spacing(points, test._kernel, statistic, test.n_jobs))
    if points.singular:
        found.append(SINGULAR)
    return found


def judge(X: np.ndarray, S: np.ndarray, model: ScoreModel | None, pvalue: float, *,
          independent: bool, diagonal: np.ndarray | None, ignored: float | None,
          edges_known: bool) -> list[Diagnostic]:
    """What speaks for and against the p-value of any Stein test.

    `independent`: the rows are taken to be so. `diagonal`: the Stein kernel of each row with
    itself, where it is known. `ignored`: the density at an edge of the support, where the test is
    done all the same. `edges_known`: the caller has said where the support ends.
    """
    found = [known.autocorrelation(S, DEPENDENCE), repeated_rows(X)] if independent else []
    found.append(distinct_values(X))
    if diagonal is not None:
        found.append(known.dominating_row(diagonal))
    found.append(known.fitted_model(X, S, model))
    if model is not None:
        found.append(known.separated_modes(model, X, pvalue))
        if ignored is not None and model.bounded:
            found.append(known.boundary_ignored(ignored))
    if not edges_known:
        found.append(known.support_unknown(model, X, S))
    return found


def boundary_spacing(points: Points, kernel: Kernel, statistic: float,
                     n_jobs: int | None) -> Diagnostic:
    """How much of the statistic comes from between the points: it grows with fewer of them.

    Between points twice as far apart at least twice as much is left of the kernel, so that a
    statistic which grows by a share r owes about r of itself, or less, to the gaps.
    """
    assert points.boundary is not None
    fewer = replace(points, boundary=points.boundary[::2])
    (coarse,) = values_of([SteinPairs(fewer, kernel).sums(n_jobs)], "u")
    ratio = float(coarse / statistic) if statistic > 0 else 1.0
    return Diagnostic("boundary_spacing", ratio, SPACING, ratio <= SPACING,
                      "with every second boundary point left out the statistic is this many times "
                      "as large: part of it comes from the edge between the points, and the test "
                      "rejects true models; give more points until this is near 1, or pass "
                      "bandwidth='median'")


def attainable_pvalue(n: int, change: float) -> Diagnostic:
    """Share of random signs that are all equal, and leave the statistic as it is."""
    share = (1.0 - change)**(n - 1)
    return Diagnostic("attainable_pvalue", share, ATTAINABLE, share <= ATTAINABLE,
                      "random signs leave the sample as it is in this share of draws, below which "
                      "no p-value can fall: the rows are too few, or too dependent, for the test "
                      "to reject; get a longer sample")


def few_rows(n: int) -> Diagnostic:
    """Whether there are enough rows for draws whose level is asymptotic."""
    return Diagnostic("few_rows", float(n), float(FEW_ROWS), n >= FEW_ROWS,
                      "the level and power of random signs hold for many rows; with a model that "
                      "can be sampled from use KernelSteinTest(null='parametric')")


def distinct_values(X: np.ndarray) -> Diagnostic:
    """The smallest number of distinct values in a column, for samples large enough to tell."""
    counts = [len(np.unique(column)) for column in X.T]
    limit, fewest = float(min(DISTINCT, len(X) // 2)), int(np.argmin(counts))
    return Diagnostic("distinct_values", float(counts[fewest]), limit, counts[fewest] >= limit,
                      f"column {fewest} (counted from 0) has so few values that it is no sample of "
                      "a density; leave it out, or use tests for counts and categories")


def repeated_rows(X: np.ndarray) -> Diagnostic:
    """Share of the rows that repeat another one."""
    share = float(pd.DataFrame(X).duplicated().mean())
    return Diagnostic("repeated_rows", share, REPEATED, share <= REPEATED,
                      "rows repeat one another, as no sample of a density does; rounded values act "
                      "as a misfit, and copies of rows make the test reject too often")
