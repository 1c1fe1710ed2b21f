"""Figures of Monte Carlo studies: bias, error, coverage and power against a setting."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from divest._validation import check_list
from divest.plotting._axes import GREY, axes_or_new, percent
from divest.plotting.sample_complexity import _plain_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Z = 1.959963984540054  # bars reach to the limits of 95 % intervals
_RATES = ("coverage", "rejections")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "black")
_MARKERS = "osD^vPX"  # told apart without colours too
_WORDS = {"rmse": "root mean square error", "coverage": "coverage of the interval",
          "rejections": "share of rejections", "seconds": "seconds", "se_ratio":
          "mean standard error / standard deviation"}


def plot_study(results: Any, x: str, y: str = "rmse", by: Any = None,
               ax: Axes | None = None) -> Axes:
    """A figure of the summary of a study against a setting: learning curves, coverage, power.

    Bars are 95 % intervals for what endless replications would give: Wilson limits of rates, 1.96
    Monte Carlo standard errors of bias, mean and root mean square error. Other figures have none. A
    dotted line shows the value to compare with: no bias, the level of the test, that of the
    intervals. Axes are logarithmic where `x` holds positive numbers that span a factor of ten, and
    for the root mean square error.

    Parameters
    ----------
    results : StudyResults
        What a study gives.
    x : str
        A setting.
    y : str, default "rmse"
        A column of the summary, such as ``"bias"``, ``"coverage"`` or ``"rejections"``.
    by : str or list of str, optional
        A line for each of their values; by default the method and every other setting that varies.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `results` is no result of a study, `by` is no name or list, or `ax` is not an Axes.
    ValueError
        For an unknown column, where `y` is NaN throughout, or where `by` leaves several values for
        one point.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    divest.study.StudyResults : What is drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest.plotting import plot_study
    >>> from divest.study import Study
    >>> def simulate(rng, n):
    ...     return rng.normal(size=n)
    >>> methods = {"mean": np.mean, "median": np.median}
    >>> results = Study(simulate, methods, {"n": [10, 40]}, truth=0, n_replications=50).run()
    >>> ax = plot_study(results, "n", "rmse")
    >>> ax.get_ylabel()
    'root mean square error'
    >>> plt.close(ax.figure)
    """
    settings = getattr(results, "settings", None)
    if settings is None or not hasattr(results, "summary"):
        raise TypeError("results must be the StudyResults of a study, got "
                        f"{type(results).__name__}.")
    summary = results.summary()
    by = _checked(summary, list(settings), x, y, by)
    ax = axes_or_new(ax)
    groups = summary.dropna(subset=[y]).groupby(by, dropna=False) if by else [((), summary)]
    for i, (values, rows) in enumerate(groups):
        _draw(ax, rows, x, y, i, _label(by, values))
    _finish(ax, results, x, y)
    if by:
        ax.legend(frameon=False)
    return ax


def _checked(summary: pd.DataFrame, settings: list[str], x: str, y: str, by: Any) -> list[str]:
    """The columns to tell lines apart by."""
    for name, column in (("x", x), ("y", y)):
        if not isinstance(column, Hashable):
            raise TypeError(f"{name} must be the name of a column, got {column!r}.")
    if x not in settings:
        raise ValueError(f"x must be a setting, one of {', '.join(settings)}; got {x!r}.")
    figures = summary.columns[list(summary.columns).index("truth") + 1:]
    if y not in figures:
        raise ValueError(f"y must be a column of the summary, one of {', '.join(figures)}; got "
                         f"{y!r}.")
    if summary[y].isna().all():
        raise ValueError(f"there is no {y} to draw: it is NaN in all rows of the summary.")
    varying = [name for name in ("method", *settings)
               if name != x and summary[name].nunique(dropna=False) > 1]
    by = varying if by is None else [by] if isinstance(by, str) else check_list("by", by)
    if unknown := [str(name) for name in by if name not in ("method", *settings)]:
        raise ValueError(f"by must name settings or 'method'; got {', '.join(unknown)}.")
    if missing := [name for name in varying if name not in by]:
        raise ValueError(f"{', '.join(missing)} varies too; name it in by, or leave by out.")
    return by


def _label(by: list[str], values: Any) -> str:
    """Methods by their names, settings with theirs."""
    return ", ".join(str(value) if name == "method" else f"{name} = {value}"
                     for name, value in zip(by, values, strict=True))


def _draw(ax: Axes, rows: pd.DataFrame, x: str, y: str, i: int, label: str) -> None:
    """One line with its bars."""
    rows = rows.sort_values(x)
    bars = _bars(rows, y)
    ax.errorbar(rows[x], rows[y], yerr=bars, label=label, color=_COLOURS[i % len(_COLOURS)],
                marker=_MARKERS[i % len(_MARKERS)], markersize=5, linewidth=1.5, elinewidth=1,
                capsize=3, linestyle="-" if i < len(_COLOURS) else "--")


def _bars(rows: pd.DataFrame, y: str) -> np.ndarray | None:
    """Lengths below and above each point."""
    if y in _RATES:
        return np.array([rows[y] - rows[f"{y}_low"], rows[f"{y}_high"] - rows[y]]).clip(0)
    error = {"mean": "bias_mcse", "bias": "bias_mcse", "rmse": "rmse_mcse"}.get(y)
    if error is None:
        return None
    reach = _Z * rows[error].to_numpy()
    below = np.minimum(reach, 0.9 * rows[y].to_numpy()) if y == "rmse" else reach
    return np.array([below, reach])


def _finish(ax: Axes, results: Any, x: str, y: str) -> None:
    """Scales, the value to compare with, and words."""
    values = results.frame[x]
    if pd.api.types.is_numeric_dtype(values) and 0 < 10 * values.min() <= values.max():
        ax.set_xscale("log")
    if y == "rmse":
        ax.set_yscale("log")
    goal = {"bias": 0.0, "se_ratio": 1.0, "rejections": results.level,
            "coverage": results.confidence_level}.get(y)
    if goal is not None:
        ax.axhline(goal, color=GREY, linewidth=1, linestyle=":", zorder=1)
    _plain_numbers(ax)
    counts = results.frame.groupby(["cell", "method"])["replication"].size()
    few, many = counts.min(), counts.max()
    ax.set(xlabel=x, ylabel=_words(results, y), title=(results.name or "")
           + (": " if results.name else "")
           + (f"{few} replications" if few == many else f"{few} to {many} replications"))


def _words(results: Any, y: str) -> str:
    """What the vertical axis shows."""
    if y == "rejections":
        return f"share of rejections at level {percent(results.level)}"
    return _WORDS.get(y, y.replace("_", " "))
