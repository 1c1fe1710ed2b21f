"""Figures of a test of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divest._results import HypothesisResult
from divest.plotting._axes import ALARM, CALM, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_null_distribution(result: HypothesisResult, ax: Axes | None = None) -> Axes:
    """Histogram of a test's draws under the null hypothesis, with the observed statistic.

    Parameters
    ----------
    result : HypothesisResult or fitted test
        What a test by resampling returns, or a test with such a ``result_``.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `result` is not a `HypothesisResult`, or `ax` is not an Axes.
    ValueError
        When the test made no draws, as those under a chi-square law.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from divest import divergence_two_sample_test
    >>> from divest.datasets import shifted_gaussians
    >>> from divest.plotting import plot_null_distribution
    >>> P, Q = shifted_gaussians(0, n=60, d=2, shift=2.0)
    >>> ax = plot_null_distribution(divergence_two_sample_test(P, Q, random_state=0))
    >>> ax.get_title()
    'p = 0.001 from 999 draws'
    >>> plt.close(ax.figure)
    """
    result = getattr(result, "result_", result)
    if not isinstance(result, HypothesisResult):
        raise TypeError("result must be a HypothesisResult, such as result_ of a fitted test, "
                        f"got {type(result).__name__}.")
    draws = result.null_distribution[np.isfinite(result.null_distribution)]
    if not len(draws):
        raise ValueError(f"result must have draws under the null hypothesis; {result.method} "
                         "made none.")
    ax = axes_or_new(ax)
    ax.hist(draws, bins="auto", color=CALM, alpha=0.6, label="under the null hypothesis")
    ax.axvline(result.statistic, 0, 0.87, color=ALARM, linewidth=2,
               label=f"observed, {result.statistic:.3g}")
    ax.set(xlabel="statistic", ylabel="draws",
           title=f"p = {result.pvalue:.3g} from {result.n_resamples} draws")
    ax.set_ylim(top=1.2 * ax.dataLim.y1)  # room for the legend above bars and line
    ax.legend(loc="upper center", ncols=2, frameon=False)
    return ax
