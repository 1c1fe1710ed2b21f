"""What speaks for and against a sample size."""

from __future__ import annotations

import pandas as pd

from divest._results import Diagnostic
from divest.sample_complexity._probit import ProbitFit


def power_diagnostics(fit: ProbitFit | None, curve: pd.DataFrame, power: float,
                      max_size: int) -> tuple[Diagnostic, ...]:
    """Whether there is a size, first; where there is one, whether to trust it."""
    if fit is None:
        return _smallest_size(curve, power, max_size)
    reachable = Diagnostic("reachable", fit.n, float(max_size), bool(fit.n <= max_size),
                           _out_of_reach(curve, power, max_size))
    if not reachable.passed:
        return (reachable,)
    beyond = fit.n / float(curve["n"].max())
    return (
        reachable,
        Diagnostic("extrapolation", beyond, 2.0, beyond <= 2.0,
                   "n lies beyond the sizes tried, by this factor; try larger ones."),
        Diagnostic("mixed_sizes", float(fit.n_mixed), 2.0, fit.n_mixed >= 2,
                   "too few sizes saw both rejections and non-rejections to fit a line: the power "
                   "rises within one step. See curve, and pass sizes inside that step."),
        Diagnostic("line_fit", fit.pvalue, 0.001, not fit.pvalue <= 0.001,
                   "p-value of the fit of the line: the powers do not lie on it. Pass sizes closer "
                   "to n."),
    )


def _smallest_size(curve: pd.DataFrame, power: float, max_size: int) -> tuple[Diagnostic, ...]:
    """Whether the smallest size, which has the power, clearly has it."""
    n, low = float(curve["n"].iloc[0]), float(curve["low"].iloc[0])
    return (
        Diagnostic("reachable", n, float(max_size), True, "the smallest size has the power."),
        Diagnostic("smallest_size", low, power, low >= power,
                   f"lower limit of the power at n = {n:.0f}, the smallest size that the test "
                   "takes: it has the wanted power, but not clearly; take more trials."),
    )


def _out_of_reach(curve: pd.DataFrame, power: float, max_size: int) -> str:
    """Why there would be no n."""
    last = curve.iloc[-1]
    if (curve["power"] < power).all():
        return (f"the line does not reach the power {power:g} up to max_size = {max_size}; at "
                f"n = {last['n']:.0f}, the largest size tried, the power is {last['power']:.3g}.")
    return "the power does not rise with n; see curve, and take more trials."
