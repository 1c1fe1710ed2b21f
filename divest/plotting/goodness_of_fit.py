"""Figures of kernel Stein tests: where a model misfits, which rows say so, at what bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._validation import check_integer, check_sample
from divest.goodness_of_fit import KernelSteinTest
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEVEL = 0.05  # from where on a misfit is coloured as one


def plot_witness(test: Any, X: Any, ax: Axes | None = None, *,
                 n_points: int | None = None) -> Axes:
    """Where mass must move for the sample to fit the model, over the rows.

    With one column, the witness function: where it is above 0, mass must move to the right; below,
    to the left. With two, arrows over a scatter of the rows, drawn in units of the deviations of
    the columns. Its colour says whether the test rejects at 5 %: if not, what is seen may be
    chance.

    Parameters
    ----------
    test : KernelSteinTest or CompositeSteinTest
        A fitted test of one or two columns.
    X : array-like of shape (n, d)
        The rows it was fitted to.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    n_points : int, optional
        Points where the witness is evaluated, along each column; by default 200, and 18 with two
        columns.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `test` has no witness, or `ax` is not an Axes.
    ValueError
        When `X` has more than two columns or not those of the test.
    sklearn.exceptions.NotFittedError
        When `test` is not fitted.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from scipy import stats
    >>> from divest import KernelSteinTest
    >>> from divest.plotting import plot_witness
    >>> X = np.random.default_rng(0).normal(0.5, 1.0, size=(200, 1))
    >>> ax = plot_witness(KernelSteinTest(stats.norm(), random_state=0).fit(X), X)
    >>> ax.get_title()
    'the model does not fit, p = 0.001'
    >>> plt.close(ax.figure)
    """
    if not callable(getattr(test, "witness", None)):
        raise TypeError("test must be a test with a witness function, such as KernelSteinTest, got "
                        f"{type(test).__name__}.")
    check_is_fitted(test)
    rows, names = check_sample(X, "X")
    if (d := rows.shape[1]) > 2:
        raise ValueError(f"a witness of {d} columns depends on all of them at once, and no picture "
                         "of one or two shows it; fit the test to one or two columns.")
    if d != test.n_features_in_:
        raise ValueError(f"X must hold the rows that test was fitted to, of {test.n_features_in_} "
                         f"columns; got {d}.")
    if n_points is not None:
        check_integer("n_points", n_points, 2)
    ax = axes_or_new(ax, 4.0 if d == 1 else 6.0)
    draw = _draw_curve if d == 1 else _draw_arrows
    draw(test, rows, ax, n_points)
    labels = [str(name) for name in names or [f"column {c}" for c in range(d)]]
    ax.set_xlabel(labels[0])
    ax.set_ylabel(labels[1] if d == 2 else "witness: above 0, mass must move right")
    ax.set_title(_verdict(test))
    return ax


def plot_influence(test: Any, ax: Axes | None = None, *, n_rows: int = 5,
                   labels: Any = None) -> Axes:
    """How much each row, together with the others, speaks against the model, in their order.

    A row in the midst of rows that are too many has a large influence, a lone outlier has little.

    Parameters
    ----------
    test : KernelSteinTest or CompositeSteinTest
        A fitted test.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    n_rows : int, default 5
        How many of the rows with the largest influence get their labels.
    labels : array-like of shape (n,), optional
        Labels of the rows, such as the index of a DataFrame; by default their numbers from 0.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `test` has no influence of rows, or `ax` is not an Axes.
    ValueError
        When `labels` are not one per row.
    sklearn.exceptions.NotFittedError
        When `test` is not fitted.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from scipy import stats
    >>> from divest import KernelSteinTest
    >>> from divest.plotting import plot_influence
    >>> X = np.random.default_rng(0).normal(size=(100, 1))
    >>> X[::10] += 4.0
    >>> ax = plot_influence(KernelSteinTest(stats.norm(), random_state=0).fit(X), n_rows=2)
    >>> [int(label.get_text()) % 10 for label in ax.texts]
    [0, 0]
    >>> plt.close(ax.figure)
    """
    check_is_fitted(test)
    influence = getattr(test, "influence_", None)
    if influence is None:
        raise TypeError(f"test must tell the influence of each row; {type(test).__name__} with "
                        "these settings does not.")
    n_rows = check_integer("n_rows", n_rows, 0)
    labels = np.arange(len(influence)) if labels is None else np.asarray(labels)
    if labels.shape != influence.shape:
        raise ValueError(f"labels must have one entry per row, {len(influence)}; got shape "
                         f"{labels.shape}.")
    ax = axes_or_new(ax)
    worst = np.argsort(-influence, kind="stable")[:n_rows]
    ax.vlines(np.arange(len(influence)), 0, influence, color=CALM, linewidth=1, alpha=0.6)
    ax.plot(worst, influence[worst], "D", color=ALARM, markersize=5)
    steps = _steps(worst, 0.08 * len(influence))
    for row, step in zip(worst, steps, strict=True):
        ax.annotate(str(labels[row]), (row, influence[row]), xytext=(0, 5 + 11 * step), ha="center",
                    textcoords="offset points")
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.axhline(influence.mean(), color=GREY, linestyle="--",
               label=f"mean (U statistic), {influence.mean():.3g}")
    ax.margins(y=0.12 + 0.06 * max(steps, default=0))
    ax.set(xlabel="row", ylabel="influence: above 0, against the model", title=_verdict(test))
    ax.legend()
    return ax


def plot_bandwidth_curve(test: Any, ax: Axes | None = None, *, level: float = 0.05) -> Axes:
    """The Stein statistic against the bandwidth, as a multiple of what it takes to reject.

    The band up to 1 holds for all bandwidths at once: a true model leaves it anywhere with
    probability `level` at most.

    Parameters
    ----------
    test : KernelSteinTest or DataFrame
        A fitted test, or what its ``bandwidth_curve`` returned.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.
    level : float, default 0.05
        Level of the band, and of that of a DataFrame.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `test` is another object, or `ax` is not an Axes.
    ValueError
        When the test has no such curve, or too few resamples for one.
    sklearn.exceptions.NotFittedError
        When `test` is not fitted.
    ImportError
        When matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from scipy import stats
    >>> from divest import KernelSteinTest
    >>> from divest.plotting import plot_bandwidth_curve
    >>> X = np.random.default_rng(0).laplace(size=(200, 1))
    >>> test = KernelSteinTest(stats.norm(scale=2**0.5), random_state=0).fit(X)
    >>> ax = plot_bandwidth_curve(test)
    >>> ax.get_xlabel()
    'bandwidth'
    >>> plt.close(ax.figure)
    """
    if isinstance(test, KernelSteinTest):
        curve = test.bandwidth_curve(level=level)
    elif isinstance(test, pd.DataFrame) and {"bandwidth", "statistic", "critical"} <= set(test):
        curve = test
    else:
        raise TypeError("test must be a fitted KernelSteinTest or its bandwidth_curve(), got "
                        f"{type(test).__name__}.")
    usable = np.isfinite(curve["critical"]) & (curve["critical"] > 0)
    if not usable.any():
        raise ValueError("no bandwidth has a critical value at this level; use more resamples.")
    curve = curve[usable]
    ratio = (curve["statistic"] / curve["critical"]).to_numpy()
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    if np.abs(ratio).max() > 5:
        ax.set_yscale("symlog", linthresh=1.0)
    ax.axhspan(min(0.0, 1.1 * ratio.min()), 1.0, color=GREY, alpha=0.15,
               label=f"no misfit at {percent(level)}, all bandwidths together")
    ax.plot(curve["bandwidth"], ratio, color=GREY, zorder=1)
    for above, color, marker, label in ((False, CALM, "o", None), (True, ALARM, "D", "misfit")):
        here = (ratio >= 1) == above
        if here.any():
            ax.plot(curve["bandwidth"][here], ratio[here], marker, color=color, label=label)
    ax.axhline(1, color=GREY, linewidth=0.8)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="bandwidth", ylabel="statistic / critical value")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return ax


def _draw_curve(test: Any, rows: np.ndarray, ax: Axes, n_points: int | None) -> None:
    x = rows[:, 0]
    grid = np.linspace(x.min(), x.max(), n_points or 200)
    g = test.witness(grid[:, None])[:, 0]
    color = _color(test)
    ax.axhline(0, color=GREY, linewidth=0.8)
    ax.plot(grid, g, color=color, linewidth=2)
    ax.fill_between(grid, 0, g, color=color, alpha=0.25)
    ax.plot(x, np.zeros_like(x), "|", color="black", alpha=0.4, markersize=12,
            transform=ax.get_xaxis_transform())


def _draw_arrows(test: Any, rows: np.ndarray, ax: Axes, n_points: int | None) -> None:
    axes = [np.linspace(x.min(), x.max(), n_points or 18) for x in rows.T]
    grid = np.column_stack([part.ravel() for part in np.meshgrid(*axes)])
    arrows = test.witness(grid) * rows.std(axis=0)
    ax.plot(rows[:, 0], rows[:, 1], ".", color=GREY, alpha=0.5)
    ax.quiver(grid[:, 0], grid[:, 1], arrows[:, 0], arrows[:, 1], color=_color(test),
              angles="uv", width=0.004)


def _steps(rows: np.ndarray, near: float) -> list[int]:
    """How often to raise each label above those of rows that are near, to the left of it."""
    steps, previous, step = {}, -np.inf, 0
    for row in sorted(rows.tolist()):
        step = step + 1 if row - previous < near else 0
        steps[row], previous = step, row
    return [steps[row] for row in rows.tolist()]


def _color(test: Any) -> str:
    return ALARM if test.pvalue_ <= _LEVEL else CALM


def _verdict(test: Any) -> str:
    if test.pvalue_ <= _LEVEL:
        return f"the model does not fit, p = {test.pvalue_:.3g}"
    return f"no misfit found, p = {test.pvalue_:.3g}: what is seen may be chance"
