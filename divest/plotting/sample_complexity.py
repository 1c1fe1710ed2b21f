"""Figures of planning: the risk of a fit, the noise of a distance and the power of a test by n."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from divest._results import told_elsewhere
from divest.plotting._axes import ALARM, CALM, GREY, axes_or_new, percent
from divest.sample_complexity import PNResult, PowerResult, SampleSizeReport
from divest.sample_complexity._learning_curve import FARTHEST
from divest.sample_complexity._probit import ProbitFit, fit_probit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 200  # of each curve
_REACH = 4.0  # the axis goes this factor beyond what is marked on it
_MARGIN = 1.3  # the same, where there is nothing to see beyond
_POWER_COLUMNS = ("n", "power", "low", "high")


def plot_risk(result: Any, ax: Axes | None = None) -> Axes:
    """The risk of maximum likelihood against the number of rows, with the threshold.

    The first order is dashed. The second is drawn for the numbers of rows where it is valid. Marked
    are the rows at hand, and the rows at which the risk comes down to the threshold, with one
    standard error to either side.

    Parameters
    ----------
    result : PNResult or PNCriterion
        What `pn_criterion` returns, or a fitted estimator with such a ``result_``.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `result` is not a `PNResult`, or `ax` is not an Axes.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    divest.sample_complexity.pn_criterion : Whether n is enough for a model.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from divest.plotting import plot_risk
    >>> from divest.sample_complexity import pn_criterion
    >>> ax = plot_risk(pn_criterion(load_iris().data, delta=0.1))
    >>> ax.get_title()
    '150 rows are enough; 97 (± 2.5) are required'
    >>> plt.close(ax.figure)
    """
    result = getattr(result, "result_", result)
    if not isinstance(result, PNResult):
        raise TypeError("result must be a PNResult, such as result_ of a fitted PNCriterion, got "
                        f"{type(result).__name__}.")
    ax = axes_or_new(ax)
    ends = (min(result.n, result.n_required) / _REACH, max(result.n, result.n_required) * _REACH)
    _draw_risks(result, np.geomspace(*ends, _POINTS), ax)
    ax.axhline(result.threshold, color=ALARM, linewidth=1.5,
               label=f"threshold, {result.threshold:.3g}")
    _mark_rows_at_hand(ax, result.n)
    _mark_required(result, ax)
    ax.set(xscale="log", yscale="log", xlim=ends, xlabel="rows",
           ylabel=f"risk ({result.direction}, in nats)", title=_risk_title(result))
    _plain_numbers(ax)
    ax.legend(frameon=False)
    return ax


def plot_learning_curve(report: SampleSizeReport, ax: Axes | None = None) -> Axes:
    """How far apart two samples of one law are, against their size, on logarithmic axes.

    Points are means over pairs of subsamples, with one standard deviation of single pairs to either
    side. The line is drawn with its interval; it is dotted where it lies too far from the data to
    be trusted. With a target, the rows required are marked, with their interval.

    Parameters
    ----------
    report : SampleSizeReport
        What `sample_size_report` returns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `report` is not a `SampleSizeReport`, or `ax` is not an Axes.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    divest.sample_complexity.sample_size_report : How fast a distance settles.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib import pyplot as plt
    >>> from divest.plotting import plot_learning_curve
    >>> from divest.sample_complexity import sample_size_report
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = plot_learning_curve(sample_size_report(X, "mmd", target=0.05))
    >>> ax.get_xlabel()
    'rows per sample'
    >>> plt.close(ax.figure)
    """
    if not isinstance(report, SampleSizeReport):
        raise TypeError(f"report must be a SampleSizeReport, got {type(report).__name__}.")
    ax = axes_or_new(ax)
    ends = _learning_ends(report)
    _draw_line(report, np.geomspace(*ends, _POINTS), ax)
    curve = report.curve
    spread = np.minimum(curve["sd"].to_numpy(float), 0.9 * curve["error"].to_numpy(float))
    ax.errorbar(curve["n"], curve["error"], yerr=None if np.isnan(spread).all() else spread,
                fmt="o", color="black", markersize=5, elinewidth=1, zorder=3,
                label="closed form" if np.isnan(spread).all() else "subsamples, ± one deviation")
    _mark_rows_at_hand(ax, report.n_samples[0])
    if np.isfinite(report.target):
        _mark_target(report, ends, ax)
    ax.set(xscale="log", yscale="log", xlim=ends, xlabel="rows per sample",
           ylabel=f"{report.measure} between samples of one law", title=_learning_title(report))
    _plain_numbers(ax)
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))  # no room within
    return ax


def plot_power_curve(power: PowerResult | pd.DataFrame, ax: Axes | None = None) -> Axes:
    """The power of a test against the sample size, with 95 % Wilson limits.

    With a `PowerResult`, also the fitted line (of the probit of the power against the root of n),
    the wanted power, and the sample size at which it is reached, with its 95 % interval; or the
    smallest size that the test takes, where that is enough.

    Parameters
    ----------
    power : PowerResult or DataFrame
        What `sample_size_for_power` or `power_curve` returns.
    ax : matplotlib Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    matplotlib Axes
        The axes drawn on.

    Raises
    ------
    TypeError
        When `power` is neither a `PowerResult` nor a DataFrame, or `ax` is not an Axes.
    ValueError
        When the table has no rows, or not the columns of a power curve.
    ImportError
        When matplotlib is not installed.

    See Also
    --------
    divest.sample_complexity.power_curve : The power at given sizes.
    divest.sample_complexity.sample_size_for_power : The size at a wanted power.

    Examples
    --------
    >>> from matplotlib import pyplot as plt
    >>> from scipy.stats import ttest_ind
    >>> from divest.plotting import plot_power_curve
    >>> from divest.sample_complexity import power_curve
    >>> def sampler(rng, n):
    ...     return rng.normal(0.5, 1, size=n), rng.normal(size=n)
    >>> curve = power_curve(ttest_ind, sampler, [20, 40, 80], n_trials=50, random_state=0)
    >>> ax = plot_power_curve(curve)
    >>> ax.get_ylabel()
    'power'
    >>> plt.close(ax.figure)
    """
    curve = _power_table(power)
    ax = axes_or_new(ax)
    right = float(curve["n"].max())
    if isinstance(power, PowerResult):
        right = float(np.nanmax([right, power.confidence_interval()[1]]))
        _draw_power_fit(power, _MARGIN * right, ax)
    shares = curve["power"].to_numpy(float)
    limits = [shares - curve["low"].to_numpy(float), curve["high"].to_numpy(float) - shares]
    ax.errorbar(curve["n"], shares, yerr=np.maximum(limits, 0.0), color="black", markersize=5,
                fmt="o" if isinstance(power, PowerResult) else "o-", linewidth=1, capsize=3,
                zorder=3, label="simulated, with 95 % limits")
    ax.set(xlabel="n", ylabel="power", xlim=(0.0, _MARGIN * right), ylim=(-0.02, 1.02),
           title=_power_title(power))
    ax.legend(frameon=False)
    return ax


# ------------------------------------------------------------ what the figures share
def _mark_rows_at_hand(ax: Axes, n: float) -> None:
    ax.axvline(n, color=GREY, linewidth=1, linestyle=":", label=f"at hand, {n:.6g}")


def _plain_numbers(ax: Axes) -> None:
    """Numbers such as 300 at the ticks of logarithmic axes, not powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() != "log":
            continue
        low, high = sorted(axis.get_view_interval())
        few = high / low > 300
        axis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _short(value: float, digits: int) -> str:
    """Rounded to so many digits, without an exponent where that can be."""
    return f"{float(f'{value:.{digits}g}'):.7g}"


# ------------------------------------------------------------ risk
def _draw_risks(result: PNResult, n: np.ndarray, ax: Axes) -> None:
    """The first order, and the second from where its term is at most half the first one."""
    ax.plot(n, result.p_star / (2.0 * n), color=GREY, linestyle="--", label="first order")
    if result.c2_se <= abs(result.c2):
        n = n[n >= 4.0 * abs(result.c2) / result.p_star]
        ax.plot(n, result.p_star / (2.0 * n) + result.c2 / n**2, color=CALM, linewidth=2,
                label="second order")
    risk = result.risk_second if result.valid else result.risk_first
    ax.plot(result.n, risk, "o", color="black", markersize=7, zorder=4)


def _mark_required(result: PNResult, ax: Axes) -> None:
    error = result.n_required_se
    reach = None if np.isnan(error) else [[min(error, 0.9 * result.n_required)], [error]]
    ax.errorbar([result.n_required], [result.threshold], xerr=reach, fmt="D", color=ALARM,
                markersize=7, elinewidth=2, capsize=4, zorder=4,
                label=f"required, {_plus_minus(result.n_rows, error)}")


def _plus_minus(n: float, error: float) -> str:
    return f"{n:.6g}" if np.isnan(error) else f"{n:.6g} (± {_short(error, 2)})"


def _risk_title(result: PNResult) -> str:
    enough = "enough" if result.accept else "not enough"
    return (f"{result.n:.6g} rows are {enough}; "
            f"{_plus_minus(result.n_rows, result.n_required_se)} are required")


# ------------------------------------------------------------ learning curve
def _learning_ends(report: SampleSizeReport) -> tuple[float, float]:
    """All sizes, the rows at hand, and the rows required with what can be shown of the interval."""
    shown = [float(report.curve["n"].min()), 1.5 * report.n_samples[0]]
    wanted = min(report.n_required, 1e4 * report.n_samples[0])  # NaN stays
    if np.isfinite(wanted):
        shown += [float(n) for n in np.clip(report.n_required_interval, wanted / 10, wanted * 10)]
    return max(min(shown) / _MARGIN, 1.0), _MARGIN * max(shown)


def _draw_line(report: SampleSizeReport, n: np.ndarray, ax: Axes) -> None:
    with told_elsewhere():  # by the figure
        table = report.predict(n)
    near = n <= FARTHEST * report.n_rows_used
    ax.fill_between(n, table["low"], table["high"], color=CALM, alpha=0.2, linewidth=0,
                    label=f"{percent(report.confidence_level)} interval")
    ax.plot(n[near], table["error"][near], color=CALM, linewidth=2,
            label=f"error ~ 1 / n^{report.exponent:.2g}")
    if not near.all():
        ax.plot(n[~near], table["error"][~near], color=CALM, linewidth=2, linestyle=":",
                label=f"beyond {FARTHEST:g} times the data")


def _mark_target(report: SampleSizeReport, ends: tuple[float, float], ax: Axes) -> None:
    ax.axhline(report.target, color=ALARM, linewidth=1.5, label=f"target, {report.target:.3g}")
    if not np.isfinite(report.n_required):
        return
    low, high = np.clip(report.n_required_interval, *ends)
    ax.plot([low, high], [report.target] * 2, color=ALARM, linewidth=5, alpha=0.5, zorder=3)
    if report.n_required <= ends[1]:
        ax.plot(report.n_required, report.target, "D", color=ALARM, markersize=7, zorder=4,
                label=f"required, {_rows(report.n_required)}")


def _rows(n: float) -> str:
    return _short(np.ceil(n), 4) if n < 1e6 else f"{n:.3g}"


def _learning_title(report: SampleSizeReport) -> str:
    if np.isnan(report.target):
        return f"{report.measure}, {report.n_samples[0]} rows at hand"
    if np.isnan(report.n_required):
        return f"the error does not fall: no n for a target of {report.target:.3g}"
    low, high = report.n_required_interval
    return (f"{_rows(report.n_required)} rows for a target of {report.target:.3g} "
            f"({_rows(low)} to {'no limit' if np.isinf(high) else _rows(high)})")


# ------------------------------------------------------------ power
def _power_table(power: Any) -> pd.DataFrame:
    """The simulated powers by size."""
    curve = power.curve if isinstance(power, PowerResult) else power
    if not isinstance(curve, pd.DataFrame):
        raise TypeError("power must be a PowerResult or the DataFrame of power_curve, got "
                        f"{type(power).__name__}.")
    if missing := [name for name in _POWER_COLUMNS if name not in curve.columns]:
        raise ValueError(f"power must have the columns {', '.join(_POWER_COLUMNS)}; it lacks "
                         f"{', '.join(missing)}.")
    if not len(curve):
        raise ValueError("power has no rows, so there is nothing to draw.")
    return curve.sort_values("n")


def _draw_power_fit(result: PowerResult, right: float, ax: Axes) -> None:
    """The line, the wanted power, and where they meet."""
    ax.axhline(result.power, color=ALARM, linewidth=1.5, label=f"wanted, {result.power:.3g}")
    ax.axhline(result.level, color=GREY, linewidth=1, linestyle=":",
               label=f"level, {result.level:.3g}")
    if result.at_smallest:
        ax.axvline(result.n, color=ALARM, linewidth=1.5, linestyle="--",
                   label=f"smallest size the test takes, {result.n:.6g}")
    if np.isnan(result.standard_error):
        return
    slope = _probit_line(result).slope
    roots = np.sqrt(np.linspace(0.0, right, _POINTS))
    ax.plot(roots**2, ndtr(ndtri(result.power) + slope * (roots - np.sqrt(result.n))), color=CALM,
            linewidth=2, label="fitted")
    low, high = result.confidence_interval()
    ax.errorbar([result.n], [result.power], xerr=[[result.n - low], [high - result.n]], fmt="D",
                color=ALARM, markersize=7, elinewidth=2, capsize=4, zorder=4,
                label=f"n = {np.ceil(result.n):.6g}, with its 95 % interval")


def _probit_line(result: PowerResult) -> ProbitFit:
    """The line behind ``n``: through all sizes, or the two between which the power jumps."""
    curve, power = result.curve, result.power
    fit = _fit(curve, power)
    below, above = curve[curve["power"] < power], curve[curve["power"] >= power]
    if np.isclose(fit.n, result.n) or below.empty or above.empty:
        return fit
    sides = curve["n"].isin([below["n"].max(), above["n"].min()])
    return _fit(curve[sides], power)


def _fit(curve: pd.DataFrame, power: float) -> ProbitFit:
    return fit_probit(curve["n"], curve["rejections"], curve["trials"], power)


def _power_title(power: Any) -> str:
    if not isinstance(power, PowerResult):
        return "power of the test"
    if not power.reachable:
        return f"power {power.power:.3g} is not reached"
    if power.at_smallest:
        return f"n = {power.n:.6g}, the smallest size, is enough for power {power.power:.3g}"
    low, high = power.confidence_interval()
    return (f"power {power.power:.3g} at n = {np.ceil(power.n):.6g} "
            f"({_short(low, 3)} to {_short(high, 3)})")
