"""Figures of divergence estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from divest.divergence import NearestNeighborRatioDivergence
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    ax = axes_or_new(ax)
    ax.plot(path["n_neighbors"], path["estimate"], "o", color=CALM, label="at k alone")
    _draw_extrapolation(estimator, ax)
    ax.vlines(0, low, high, color=ALARM, linewidth=2)
    level = f" with {percent(result.confidence_level)} interval" if np.isfinite(low) else ""
    ax.plot(0, result.estimate, "D", color=ALARM,
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
        ax.plot(k.max() * fine, start + slope * fine**power, "--", color=GREY, zorder=0,
                label="extrapolation to k = 0")
