"""Figures of moment conditions: which parameters a test leaves, and estimates side by side."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from divest.moments import ConfidenceSet, MomentEstimate
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CORE = (0.2, 0.8)  # share of the grid's points that is always in view
_MARGIN = 0.15  # of the view, to each side
_BAR = -0.06  # height of the normal interval, below the p-values


def plot_confidence_set(found: ConfidenceSet, ax: Axes | None = None, *,
                        estimate: Any = None, parameter: Hashable | None = None) -> Axes:
    """The p-value at each value of a parameter, with the accepted values shaded.

    Of several parameters, the p-value is the largest over the others. Where the shade reaches the
    edge of the figure the set has no end there.

    Parameters
    ----------
    found : ConfidenceSet
        What `confidence_set` of a fitted estimator returns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    estimate : MomentEstimate or fitted estimator, optional
        Its normal interval of the same level is drawn below the curve.
    parameter : str, optional
        A column of the set's grid; by default the first.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `found` is not a `ConfidenceSet`, `estimate` no estimate, or `ax` is not an Axes.
    ValueError
        When `parameter` is not in the grid or not among the estimates.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    divest.moments.LinearIVRegressor : Its `confidence_set` is valid with weak instruments.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest.moments import LinearIVRegressor
    >>> from divest.plotting import plot_confidence_set
    >>> rng = np.random.default_rng(0)
    >>> Z, e = rng.normal(size=(500, 2)), rng.normal(size=500)
    >>> x = Z.sum(axis=1) + e
    >>> iv = LinearIVRegressor("cue").fit(x.reshape(-1, 1), 2 * x + e, Z)
    >>> ax = plot_confidence_set(iv.confidence_set("x0"), estimate=iv)
    >>> ax.get_xlabel()
    'x0'
    >>> plt.close(ax.figure)
    """
    if not isinstance(found, ConfidenceSet):
        raise TypeError("found must be a ConfidenceSet, as confidence_set() returns, got "
                        f"{type(found).__name__}.")
    parameter = found.grid.columns[0] if parameter is None else parameter
    if parameter not in found.grid:
        raise ValueError(f"parameter must be one of {', '.join(map(str, found.grid))}, got "
                         f"{parameter!r}.")
    interval = None if estimate is None else _interval(estimate, parameter, found.confidence_level)
    ax = axes_or_new(ax)
    best = pd.Series(found.pvalue).groupby(found.grid[parameter].to_numpy()).max()
    pieces = found.pieces(parameter)
    view = _view(best.index.to_numpy(float), pieces, interval)
    for k, (low, high) in enumerate(pieces):
        ax.axvspan(max(low, view[0]), min(high, view[1]), color=CALM, alpha=0.15, linewidth=0,
                   label="_" * (k > 0) + f"{found.method}, {percent(found.confidence_level)}")
    ax.plot(best.index, best, color=CALM, linewidth=2)
    ax.axhline(1 - found.confidence_level, color=GREY, linewidth=1, linestyle="--")
    if interval is not None:
        ax.plot(interval[1:], [_BAR, _BAR], color=ALARM, linewidth=3, solid_capstyle="butt",
                label="normal interval")
        ax.plot(interval[:1], [_BAR], "o", color=ALARM)
    ax.set(xlim=view, ylim=(2 * _BAR, 1.03), xlabel=str(parameter), ylabel="p-value",
           title=_title(found))
    if ax.get_legend_handles_labels()[1]:
        ax.legend(frameon=False)
    return ax


def plot_coefficients(estimates: Mapping[str, Any], parameter: str, ax: Axes | None = None, *,
                      confidence_level: float = 0.95) -> Axes:
    """One parameter by several estimators, with normal intervals.

    Parameters
    ----------
    estimates : mapping from str to MomentEstimate or fitted estimator
        Estimates by the names that are written beside them, from top to bottom.
    parameter : str
        The parameter, one that all have.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    confidence_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When something is no estimate, or `ax` is not an Axes.
    ValueError
        When there is nothing to draw, or an estimate lacks the parameter.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest.moments import LinearIVRegressor
    >>> from divest.plotting import plot_coefficients
    >>> rng = np.random.default_rng(0)
    >>> Z, e = rng.normal(size=(500, 2)), rng.normal(size=500)
    >>> x = Z.sum(axis=1) + e
    >>> fits = {method: LinearIVRegressor(method).fit(x.reshape(-1, 1), 2 * x + e, Z)
    ...         for method in ("2sls", "liml")}
    >>> ax = plot_coefficients(fits, "x0")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['2sls', 'liml']
    >>> plt.close(ax.figure)
    """
    if not isinstance(estimates, Mapping):
        raise TypeError(f"estimates must be a dict of names and estimates, got {estimates!r}.")
    if not estimates:
        raise ValueError("estimates must hold one estimate or more, got none.")
    rows = np.array([_interval(estimate, parameter, confidence_level)
                     for estimate in estimates.values()])
    ax = axes_or_new(ax)
    places = np.arange(len(rows))
    center, low, high = rows.T
    reach = np.array([center - low, high - center]).tolist()
    ax.errorbar(center, places, xerr=reach, fmt="o", color=CALM, elinewidth=2, capsize=3)
    ax.set(yticks=places, yticklabels=list(estimates), ylim=(len(rows) - 0.5, -0.5),
           xlabel=f"{parameter}, with {percent(confidence_level)} intervals")
    return ax


def _interval(estimate: Any, parameter: Hashable, level: float) -> tuple[float, float, float]:
    """Estimate of one parameter, and the ends of its normal interval."""
    result = getattr(estimate, "result_", estimate)
    if not isinstance(result, MomentEstimate):
        raise TypeError("estimates must be MomentEstimate, such as result_ of a fitted "
                        f"LinearIVRegressor, got {type(estimate).__name__}.")
    if not isinstance(parameter, str) or parameter not in result.names:
        raise ValueError(f"parameter must be one of {', '.join(result.names)}, got {parameter!r}.")
    j = list(result.names).index(str(parameter))
    low, high = result.confidence_interval(level)[["low", "high"]].to_numpy()[j]
    return float(result.estimate[j]), float(low), float(high)


def _view(points: np.ndarray, pieces: list, interval: Any) -> tuple[float, float]:
    """What part of the grid is shown: its core, the ends of the set and the normal interval."""
    seen = [*np.quantile(points, _CORE), *np.ravel(pieces), *(interval or ())]
    finite = np.array(seen)[np.isfinite(seen)]
    margin = _MARGIN * (finite.max() - finite.min())
    return float(finite.min() - margin), float(finite.max() + margin)


def _title(found: ConfidenceSet) -> str:
    """What is unusual about the set."""
    if found.empty:
        return "empty: every value is rejected"
    return "no end found" if found.unbounded else ""
