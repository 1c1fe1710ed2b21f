"""Figures of comparisons, tests and estimates; each function draws on one Axes and returns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult
from divest.comparison import Comparison
from divest.divergence import NearestNeighborRatioDivergence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_comparison", "plot_null_distribution", "plot_path"]

_CALM, _ALARM, _GREY = "#0072b2", "#d55e00", "0.45"  # told apart without colour vision too


def plot_comparison(comparison: Comparison, ax: Axes | None = None) -> Axes:
    """Divergences of two tables, joint ones first, then one per column, with their intervals.

    Columns stand in the order of ``comparison.columns``, the most significant first. A diamond and
    the words "differ" or "drift" mark what a test rejects, a circle what it does not. P-values of
    columns are the adjusted ones. Estimates that fail a diagnostic are called doubtful.

    Parameters
    ----------
    comparison : Comparison
        What `divest.compare` returns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure, as high as there are rows.

    Returns
    -------
    matplotlib Axes
        The axes drawn on, one row for each of ``comparison.to_frame()``.

    Raises
    ------
    TypeError
        When `comparison` is not a `Comparison`, or `ax` is not an Axes.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from divest import compare
    >>> from divest.datasets import load_penguins
    >>> from divest.plotting import plot_comparison
    >>> penguins = load_penguins()[["bill_depth_mm", "body_mass_g", "species", "sex"]]
    >>> female, male = (penguins[penguins["sex"] == s] for s in ("female", "male"))
    >>> result = compare(female, male, columns=["bill_depth_mm", "species"], random_state=0)
    >>> ax = plot_comparison(result)
    >>> [label.get_text() for label in ax.get_yticklabels()][-2:]
    ['bill_depth_mm (kl)', 'species (jensen_shannon)']
    >>> plt.close(ax.figure)
    """
    if not isinstance(comparison, Comparison):
        raise TypeError(f"comparison must be a Comparison, got {type(comparison).__name__}.")
    table = comparison.to_frame()
    ax = _axes(ax, 1.1 + 0.3 * len(table))
    row, drift = np.arange(len(table)), table["drift"].to_numpy(bool)
    for marked, color, marker in ((False, _CALM, "o"), (True, _ALARM, "D")):
        here = drift == marked
        ax.hlines(row[here], table["low"][here], table["high"][here], color=color, linewidth=2)
        ax.plot(table["estimate"][here], row[here], marker, color=color, markersize=5)
    for at, entry in enumerate(table.itertuples()):
        ax.text(1.02, at, _outcome(entry), transform=ax.get_yaxis_transform(), va="center",
                fontweight="bold" if entry.drift else "normal")
    ax.axvline(0, color=_GREY, linewidth=0.8, zorder=0)
    ax.axhline(len(comparison.joint) - 0.5, color=_GREY, linewidth=0.8, linestyle=":")
    ax.set_yticks(row, [_label(entry) for entry in table.itertuples()])
    ax.set_ylim(len(table) - 0.5, -0.5)
    ax.set_xlabel("divergence of the current from the reference table, with "
                  f"{_percent(1 - comparison.level)} interval")
    return ax


def plot_null_distribution(result: HypothesisResult, ax: Axes | None = None) -> Axes:
    """Histogram of a test's draws under the null hypothesis, with the observed statistic.

    Parameters
    ----------
    result : HypothesisResult
        What a test by resampling returns, or ``test.result_`` of a fitted test.
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
    if not isinstance(result, HypothesisResult):
        raise TypeError("result must be a HypothesisResult, such as result_ of a fitted test, "
                        f"got {type(result).__name__}.")
    draws = result.null_distribution[np.isfinite(result.null_distribution)]
    if not len(draws):
        raise ValueError(f"result must have draws under the null hypothesis; {result.method} "
                         "made none.")
    ax = _axes(ax)
    ax.hist(draws, bins="auto", color=_CALM, alpha=0.6, label="under the null hypothesis")
    ax.axvline(result.statistic, 0, 0.87, color=_ALARM, linewidth=2,
               label=f"observed, {result.statistic:.3g}")
    ax.set(xlabel="statistic", ylabel="draws",
           title=f"p = {result.pvalue:.3g} from {result.n_resamples} draws")
    ax.set_ylim(top=1.2 * ax.dataLim.y1)  # room for the legend above bars and line
    ax.legend(loc="upper center", ncols=2, frameon=False)
    return ax


def plot_path(estimator: NearestNeighborRatioDivergence, ax: Axes | None = None) -> Axes:
    """A divergence against the number of neighbours, with the final estimate at the left edge.

    A dashed line shows the extrapolation to k = 0 where the estimate is read off one. Estimates
    that still move with k tell of smoothing bias.

    Parameters
    ----------
    estimator : NearestNeighborRatioDivergence
        A fitted estimator.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `estimator` is another estimator, or `ax` is not an Axes.
    sklearn.exceptions.NotFittedError
        When `estimator` is not fitted.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from divest import NearestNeighborRatioDivergence
    >>> from divest.datasets import ring
    >>> from divest.plotting import plot_path
    >>> model = NearestNeighborRatioDivergence().fit_samples(*ring(0, n=500))
    >>> ax = plot_path(model)
    >>> ax.get_xlabel()
    'number of neighbours k'
    >>> plt.close(ax.figure)
    """
    if not isinstance(estimator, NearestNeighborRatioDivergence):
        raise TypeError("estimator must be a NearestNeighborRatioDivergence, "
                        f"got {type(estimator).__name__}.")
    check_is_fitted(estimator)
    result, path = estimator.result_, estimator.path_
    low, high = result.confidence_interval()
    ax = _axes(ax)
    ax.plot(path["n_neighbors"], path["estimate"], "o", color=_CALM, label="at k alone")
    _draw_extrapolation(estimator, ax)
    ax.vlines(0, low, high, color=_ALARM, linewidth=2)
    level = f" with {_percent(result.confidence_level)} interval" if np.isfinite(low) else ""
    ax.plot(0, result.estimate, "D", color=_ALARM,
            label=f"final estimate{level}" + ("" if result.trusted else ": doubtful"))
    ax.set(xlabel="number of neighbours k",
           ylabel=" in ".join(filter(None, [result.method.split(" by ")[0], result.unit])))
    ax.legend()
    return ax


def _draw_extrapolation(estimator: NearestNeighborRatioDivergence, ax: Axes) -> None:
    """The k-weighted line in ``k^(2/d)``, where its value at 0 is the estimate."""
    k, power = estimator.path_["n_neighbors"].to_numpy(float), 2.0 / estimator.dimension_
    if len(k) < 2:
        return
    slope, start = np.polyfit((k / k.max()) ** power, estimator.path_["estimate"], 1, w=np.sqrt(k))
    if np.isclose(start, estimator.result_.estimate):
        fine = np.linspace(0, 1, 101)
        ax.plot(k.max() * fine, start + slope * fine**power, "--", color=_GREY, zorder=0,
                label="extrapolation to k = 0")


def _label(entry: Any) -> str:
    """Row of a comparison: column and divergence."""
    column = "joint" if entry.kind == "joint" else entry.column
    return f"{column} ({entry.divergence})" if entry.divergence else str(column)


def _outcome(entry: Any) -> str:
    """What the test of a row says, in words."""
    joint = entry.kind == "joint"
    pvalue = entry.pvalue if joint else entry.pvalue_adjusted
    if np.isnan(pvalue):
        return "not tested"
    words = ("differ", "no difference") if joint else ("drift", "no drift")
    doubt = "" if entry.trusted else "; doubtful"
    return f"{words[0] if entry.drift else words[1]}, p = {pvalue:.2g}{doubt}"


def _percent(level: float) -> str:
    return f"{100 * level:.4g} %"


def _axes(ax: Any, height: float = 4.0) -> Axes:
    """`ax`, or that of a new figure."""
    try:
        from matplotlib import pyplot as plt
        from matplotlib.axes import Axes
    except ImportError:
        raise ImportError("plotting needs matplotlib: pip install 'divest[plot]'") from None
    if ax is None:
        return plt.subplots(figsize=(7.5, height), layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {type(ax).__name__}.")
    return ax
