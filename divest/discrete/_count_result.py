"""The result of a divergence between counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from divest._results import Diagnostic, EstimateResult
from divest._validation import check_not_negative, check_number
from divest.discrete._cells import Cells
from divest.discrete._moments import cell_terms, has_derivative, moments, shares
from divest.generators import Generator, jeffreys

NEAR_NULL = 0.01


@dataclass(frozen=True)
class CountDivergenceResult(EstimateResult):
    """A divergence between counts: the plug-in value, its bias and its standard error.

    Attributes
    ----------
    bias : float
        First-order bias of the plug-in value.
    null_pvalue : float
        Scaled chi-square p-value of no difference.
    scale : float
        ``2 n m / ((n + m) f''(1))``: the scaled estimate is nearly noncentral chi-square.
    n_cells : int
        Cells that are not empty in both samples.
    cells : tuple
        What `table` is made of.
    sample_names : tuple of str
        What the columns of `table` call the samples.

    Examples
    --------
    >>> from divest.discrete import f_divergence
    >>> result = f_divergence([300, 500, 200], [600, 900, 500], "kl")
    >>> bool(result.corrected < result.estimate)
    True
    """

    bias: float = float("nan")
    null_pvalue: float = float("nan")
    scale: float = float("nan")
    n_cells: int = 0
    cells: tuple[Any, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    sample_names: tuple[str, str] = field(default=("p", "q"), repr=False, compare=False,
                                          kw_only=True)

    @property
    def corrected(self) -> float:
        """The estimate less its bias; the centre of the interval.

        Returns
        -------
        float
            Corrected estimate.
        """
        return self.estimate - self.bias

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per cell that is not empty in both samples.

        Columns `cell`, `lower`, `upper` (limits of numbers, else NaN), `n_p`, `n_q` (counts),
        `share_p`, `share_q` (smoothed), `weight_of_evidence` (log of the ratio of the shares, in
        nats) and its `standard_error`, and `contribution` (to the divergence; of one that is the
        logarithm of an integral, to the power divergence within). Names other than p and q stand
        in their place where the samples have some.

        Returns
        -------
        DataFrame
            The cells.
        """
        labels, a, b, smoothing, contribution = self.cells
        if not isinstance(labels, pd.DataFrame):
            labels = plain_labels(labels)
        p, q = shares(a, smoothing), shares(b, smoothing)
        with np.errstate(divide="ignore", invalid="ignore"):  # empty cells without smoothing
            weight = np.log(p) - np.log(q)
            variance = _log_variance(a + smoothing) + _log_variance(b + smoothing)
        one, other = self.sample_names
        return labels.assign(**{
            f"n_{one}": a.astype(np.int64), f"n_{other}": b.astype(np.int64), f"share_{one}": p,
            f"share_{other}": q, "weight_of_evidence": weight,
            "standard_error": np.sqrt(variance), "contribution": contribution})

    def confidence_interval(self, level: float | None = None) -> tuple[float, float]:
        """Interval for the truth: normal about `corrected`; near 0 from the noncentral chi-square.

        At equality the gradient vanishes and the normal interval is too short (measured coverage
        .77 at nominal .95), so it is used only where `null_pvalue` is at most 0.01.

        Parameters
        ----------
        level : float, optional
            Confidence level in (0, 1); by default that of the result.

        Returns
        -------
        tuple of float
            Lower and upper limit, not below 0; NaN without a standard error.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        if self.null_pvalue > NEAR_NULL and np.isfinite(self.standard_error):
            limits = self._local_interval(check_number(
                "level", self.confidence_level if level is None else level, 0, 1))
            low, high = np.clip(limits, *self.bounds)
            return float(low), float(high)
        centered = EstimateResult(self.corrected, self.standard_error, self.method, self.n_samples,
                                  (), self.confidence_level, self.bounds)
        return centered.confidence_interval(level)

    def in_bits(self) -> CountDivergenceResult:
        """The same result in bits.

        Returns
        -------
        CountDivergenceResult
            Estimate, bias, error, bounds and contributions of the cells divided by log 2.

        Raises
        ------
        ValueError
            When the result is not in nats.
        """
        cells = (*self.cells[:-1], *(part / log(2) for part in self.cells[-1:]))
        return replace(super().in_bits(), bias=self.bias / log(2), scale=self.scale * log(2),
                       cells=cells)

    def _local_interval(self, level: float) -> tuple[float, float]:
        """Divergences at which the observed value would not be in either tail."""
        low, high = noncentral_limits(self.scale * self.estimate, max(self.n_cells - 1, 1), level)
        return low / self.scale, high / self.scale

    def _row(self) -> dict[str, Any]:
        return {**super()._row(), "bias": self.bias, "corrected": self.corrected,
                "null_pvalue": self.null_pvalue}


def count_divergence(a: np.ndarray, b: np.ndarray, labels: pd.DataFrame | pd.Index,
                     generator: Generator, *, smoothing: float, confidence_level: float,
                     method: str = "", diagnostics: tuple[Diagnostic, ...] = (),
                     sample_names: tuple[str, str] = ("p", "q")) -> CountDivergenceResult:
    """The divergence between checked counts, with a name or a row of `labels` for each cell."""
    n, m, n_cells = a.sum(), b.sum(), len(a)
    p, q = shares(a, smoothing), shares(b, smoothing)
    estimate, error, bias = moments(generator, p, q, n, m)
    scale, null_pvalue = float("nan"), float("nan")
    if has_derivative(generator):
        scale = float(2 * n * m / (n + m) / generator.curvature)
        null_pvalue = chi_square_pvalue(scale * estimate, n_cells - 1)
    with np.errstate(all="ignore"):
        contribution = cell_terms(generator, p, q)
    found = (*reported(a, b, null_pvalue), *_no_error(generator, a, b, smoothing), *diagnostics)
    return CountDivergenceResult(
        estimate, error, method or f"{generator.name} of counts", (int(n), int(m)), found,
        confidence_level, (0.0, generator.upper_bound), generator.unit, bias, null_pvalue, scale,
        n_cells, cells=(labels, a, b, smoothing, contribution), sample_names=sample_names)


def jeffreys_of_cells(cells: Cells, method: str, names: tuple[str, str], *, smoothing: float,
                      confidence_level: float) -> CountDivergenceResult:
    """Jeffreys divergence of the counts of cells, under the name of its use."""
    check_not_negative("smoothing", smoothing)
    check_number("confidence_level", confidence_level, 0, 1)
    used = cells.p + cells.q > 0
    return count_divergence(
        cells.p[used], cells.q[used], cells.labels[used].reset_index(drop=True), jeffreys(),
        smoothing=smoothing, confidence_level=confidence_level, method=method,
        diagnostics=cells.diagnostics(), sample_names=names)


def plain_labels(cells: pd.Index) -> pd.DataFrame:
    """Labels of cells that are known by their name alone."""
    return pd.DataFrame({"cell": [str(cell) for cell in cells], "lower": np.nan, "upper": np.nan})


def chi_square_pvalue(statistic: float, df: int, shift: float = 0.0) -> float:
    """Upper tail of the chi-square law, noncentral where `shift` is above 0; 1 without freedom."""
    if df < 1:
        return 1.0
    if np.isinf(statistic):
        return 0.0
    if not shift:
        return float(chdtrc(df, statistic))
    from scipy.stats import ncx2

    return float(ncx2.sf(statistic, df, shift))


def noncentral_limits(observed: float, df: int, level: float) -> tuple[float, float]:
    """Shifts of a chi-square law at which the observed value would not be in either tail."""
    from scipy.optimize import brentq
    from scipy.stats import chi2, ncx2

    def limit(value: float, probability: float) -> float:
        def gap(shift: float) -> float:
            return float(ncx2.cdf(value, df, shift)) - probability

        tiny, high = 1e-9, value + 10.0 + 10.0 * np.sqrt(value + df)
        if gap(tiny) <= 0:
            return 0.0
        while gap(high) > 0:
            high *= 2.0
        return float(brentq(gap, tiny, high))

    tail = (1.0 - level) / 2.0
    # samples more alike than chance makes them say no more than typical equal ones
    return limit(observed, 1.0 - tail), limit(max(observed, float(chi2.median(df))), tail)


def _log_variance(raised: np.ndarray) -> np.ndarray:
    """Variance of the logarithm of each share."""
    return 1 / raised - 1 / raised.sum()


def reported(a: np.ndarray, b: np.ndarray, null_pvalue: float) -> tuple[Diagnostic, ...]:
    """What is told about any two vectors of counts, without a verdict."""
    from divest.sample_complexity import kl_threshold  # at the first use: importing stays cheap

    return (
        Diagnostic(
            "near_null", null_pvalue, NEAR_NULL, True,
            "above the threshold the samples may not differ at all, and the interval is that of "
            "the noncentral chi-square law (reported only)"),
        Diagnostic(
            "fit_risk", (len(a) - 1) / (2 * min(a.sum(), b.sum())), kl_threshold(0.05), True,
            "divergence of the shares of the smaller sample from the true ones, to first order; "
            "above the threshold one new row can tell them apart: merge cells, or get more rows "
            "(reported only)"))


def _no_error(generator: Generator, a: np.ndarray, b: np.ndarray,
              smoothing: float) -> tuple[Diagnostic, ...]:
    """Why there is no standard error, where there is none."""
    empty = int(((a == 0) | (b == 0)).sum())
    if not has_derivative(generator):
        return (Diagnostic(
            "no_derivative", 1.0, 0.0, False, f"{generator.name} has no derivative where shares "
            "are equal, so there is no standard error: take 'hellinger', which bounds it"),)
    if empty and not smoothing:
        return (Diagnostic(
            "empty_cells", empty, 0.0, False, "cells empty in one sample: the value is a limit and "
            "has no standard error; take smoothing=0.5"),)
    return ()
