"""Figures of kernel density estimates: the density itself, and how many rows speak for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri
from sklearn.utils.validation import check_is_fitted

from divest._validation import check_number
from divest.density import KernelDensity, RegimeResult
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MASSES = (0.95, 0.75, 0.5, 0.25)  # of the regions of two columns
_MOST_POINTS = 2_000  # rows that are drawn
_STYLES = {"condensed": (ALARM, "D"), "heavy_tailed": ("#f0b400", "^"), "clt": (CALM, "o"),
           "empty": ("black", "x")}
_FEWEST = 5.0  # effective rows


def plot_density(estimator: Any, ax: Axes | None = None, *, confidence_level: float = 0.95,
                 grid_points: Any = None) -> Axes:
    """The density of one or two columns, over the rows it was estimated from.

    With one column, a curve with a pointwise interval: what other samples of as many rows would
    give, without the bias of smoothing. There is a gap in it where so few rows speak that no normal
    interval holds. With two columns, the smallest regions that hold 25, 50, 75 and 95 % of the
    mass.

    Parameters
    ----------
    estimator : KernelDensity
        A fitted estimate of one or two columns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    confidence_level : float, default 0.95
        Of the interval.
    grid_points : int or sequence of int, optional
        Points along each column; by default 1024 and 128.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `estimator` is not a KernelDensity, or `ax` is not an Axes.
    ValueError
        When there are more than two columns.
    sklearn.exceptions.NotFittedError
        When the estimate is not fitted.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    plot_regimes : For any number of columns.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest import KernelDensity
    >>> from divest.plotting import plot_density
    >>> X = np.random.default_rng(0).normal(size=(300, 1))
    >>> ax = plot_density(KernelDensity().fit(X))
    >>> ax.get_ylabel()
    'density'
    >>> plt.close(ax.figure)
    """
    if not isinstance(estimator, KernelDensity):
        raise TypeError(f"estimator must be a KernelDensity, got {type(estimator).__name__}.")
    check_is_fitted(estimator)
    check_number("confidence_level", confidence_level, 0, 1)
    if (d := estimator.n_features_in_) > 2:
        raise ValueError(f"no picture shows a density of {d} columns; use plot_regimes, or fit one "
                         "or two columns.")
    table = estimator.evaluate_grid(grid_points)
    ax = axes_or_new(ax, 4.0 if d == 1 else 6.0)
    if d == 1:
        _draw_curve(estimator, table, ax, confidence_level)
    else:
        _draw_regions(table, ax)
        rows = _rows(estimator)
        ax.plot(rows[:, 0], rows[:, 1], ".", color="black", markersize=3,
                alpha=0.5 * _alpha(len(rows)))
    names = getattr(estimator, "feature_names_in_", [f"column {c}" for c in range(d)])
    ax.set_xlabel(str(names[0]))
    ax.set_ylabel(str(names[1]) if d == 2 else "density")
    return ax


def plot_regimes(result: Any, ax: Axes | None = None) -> Axes:
    """How many rows the estimate rests on, against the bandwidth it would take to be five.

    Each point is a query. Right of the line at the bandwidth in use, and below the one at five
    rows, the sum is in the hands of a few rows (condensed): no longer a smooth density there. The
    narrow band left of the line is heavy-tailed: there the estimate has rare large errors. Further
    left it fluctuates like a normal variable (clt).

    Parameters
    ----------
    result : RegimeResult or KernelDensity
        What ``regime()`` returned, or a fitted estimate, of which the regimes at its rows are
        drawn.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `result` is another object, or `ax` is not an Axes.
    ValueError
        When there are no queries.
    sklearn.exceptions.NotFittedError
        When the estimate is not fitted.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest import KernelDensity
    >>> from divest.plotting import plot_regimes
    >>> X = np.random.default_rng(0).normal(size=(300, 3))
    >>> ax = plot_regimes(KernelDensity(bandwidth=0.7).fit(X))
    >>> len(ax.get_legend().get_texts())
    3
    >>> plt.close(ax.figure)
    """
    if isinstance(result, KernelDensity):
        result = result.regime()
    if not isinstance(result, RegimeResult):
        raise TypeError("result must be a RegimeResult or a fitted KernelDensity, got "
                        f"{type(result).__name__}.")
    frame = result.frame
    if frame.empty:
        raise ValueError("result holds no queries; ask for the regime of at least one.")
    ax = axes_or_new(ax, 4.5)
    low, high = _span(frame["h_g"].to_numpy(), result.bandwidth)
    _draw_bands(frame, result.bandwidth, (low, high), ax)
    for name, (color, marker) in _STYLES.items():
        part = frame[frame["regime"] == name]
        if len(part):
            ax.plot(part["h_g"].clip(low, high), part["n_eff"], marker, color=color, markersize=4,
                    alpha=_alpha(len(frame)), linestyle="", zorder=3,
                    label=f"{name.replace('_', ' ')}: {percent(round(len(part) / len(frame), 3))}")
    ax.set(xscale="log", xlim=(low, high), xlabel="bandwidth at which five rows speak (h_g)",
           ylabel="rows that speak (n_eff)")
    if (frame["n_eff"] > 0).all():
        ax.set_yscale("log")
    else:
        ax.set_yscale("symlog", linthresh=1.0)
        ax.set_ylim(bottom=-0.3)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("{x:g}")
    legend = ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    for handle in filter(None, legend.legend_handles):
        handle.set(alpha=1.0, markersize=7)
    return ax


# ------------------------------------------------------------ one and two columns
def _draw_curve(estimator: KernelDensity, table: pd.DataFrame, ax: Axes, level: float) -> None:
    x, density = table.iloc[:, 0].to_numpy(), table["density"].to_numpy()
    names = getattr(estimator, "feature_names_in_", None)
    queries = x[:, None] if names is None else pd.DataFrame(x[:, None], columns=names)
    error = estimator.score_samples(queries, return_std=True)[1]
    factor = np.exp(ndtri(0.5 + level / 2) * error)
    ax.fill_between(x, density / factor, density * factor, color=CALM, alpha=0.25, linewidth=0,
                    label=f"{percent(level)} interval at each point")
    ax.plot(x, density, color=CALM, linewidth=2, label="density")
    rows = _rows(estimator)[:, 0]
    ax.plot(rows, np.full_like(rows, -0.03), "|", color="black", alpha=_alpha(len(rows)),
            markersize=8, transform=ax.get_xaxis_transform(), clip_on=False)
    ax.tick_params(axis="x", pad=14)
    ax.set_ylim(bottom=min(0.0, density.min()))
    ax.legend()


def _draw_regions(table: pd.DataFrame, ax: Axes) -> None:
    """The smallest regions that hold given masses, filled."""
    names = list(table.columns)
    x, y = (np.unique(table[name]) for name in names[:2])
    density = table["density"].to_numpy()
    ordered = np.sort(density)[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    levels = ordered[np.minimum(np.searchsorted(mass, _MASSES), len(mass) - 1)]
    shades = ["#dbe9f6", "#a6cde4", "#5ba3cf", "#1f6fb0"]
    keep = [k for k, level in enumerate(levels) if k == 0 or level > levels[k - 1]]
    edges = [*levels[keep], ordered[0] * (1 + 1e-9)]
    filled = [shades[k] for k in keep]
    grid = density.reshape(len(x), len(y)).T
    ax.contourf(x, y, grid, edges, colors=filled)
    ax.contour(x, y, grid, edges[:-1], colors="white", linewidths=0.7)
    for k in keep:
        ax.fill([], [], color=shades[k], label=percent(_MASSES[k]))
    ax.legend(title="mass within", loc="best")


def _rows(estimator: KernelDensity) -> np.ndarray:
    """Rows of `fit`; of more than 2,000 some, spread evenly."""
    fitted = estimator._fitted
    step = -(-fitted.points.n // _MOST_POINTS)
    return fitted.units.to_data(fitted.points.rows[::step])


def _alpha(n: int) -> float:
    """Transparency that lets n points be seen."""
    return float(np.clip(20 / np.sqrt(n), 0.25, 0.8))


# ------------------------------------------------------------ the map of regimes
def _span(h_g: np.ndarray, bandwidth: float) -> tuple[float, float]:
    """Ends of the axis of bandwidths."""
    usable = h_g[np.isfinite(h_g) & (h_g > 0)]
    low, high = np.append(usable, bandwidth).min(), np.append(usable, bandwidth).max()
    return 0.9 * min(low, bandwidth / 1.6), 1.1 * max(high, 1.15 * bandwidth)


def _draw_bands(frame: pd.DataFrame, bandwidth: float, span: tuple[float, float], ax: Axes
                ) -> None:
    """Which bandwidths mean which regime."""
    ratio = (frame["h_clt"] / frame["h_g"]).dropna().median()
    bands = [("condensed", bandwidth, span[1])]
    if np.isfinite(ratio):
        bands += [("heavy_tailed", bandwidth / ratio, bandwidth), ("clt", span[0],
                                                                   bandwidth / ratio)]
    for name, start, stop in bands:
        ax.axvspan(start, stop, color=_STYLES[name][0], alpha=0.12, linewidth=0)
    ax.axvline(bandwidth, color=GREY, linewidth=1)
    ax.axhline(_FEWEST, color=GREY, linewidth=0.8, linestyle="--")
    ax.annotate(f"bandwidth {bandwidth:.3g}", (bandwidth, 0.98), rotation=90, va="top",
                ha="right", xycoords=("data", "axes fraction"), color=GREY, xytext=(-2, 0),
                textcoords="offset points")
    ax.annotate("5 rows", (0.99, _FEWEST), xycoords=("axes fraction", "data"), ha="right",
                va="bottom", color=GREY)
