"""What speaks for and against a sample size."""

from __future__ import annotations

import pandas as pd

from divest._results import Diagnostic
from divest.sample_complexity._probit import ProbitFit


def power_diagnostics(fit: ProbitFit, curve: pd.DataFrame, power: float,
                      max_size: int) -> tuple[Diagnostic, ...]:
    """Whether there is a size, first; where there is one, whether to trust it."""
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


def _out_of_reach(curve: pd.DataFrame, power: float, max_size: int) -> str:
    """Why there would be no n."""
    first, last = curve.iloc[0], curve.iloc[-1]
    if (curve["power"] >= power).all():
        return (f"n = {first['n']:.0f} is more than enough: the power there is "
                f"{first['power']:.3g}. Pass smaller sizes.")
    if (curve["power"] < power).all():
        return (f"the line does not reach the power {power:g} up to max_size = {max_size}; at "
                f"n = {last['n']:.0f}, the largest size tried, the power is {last['power']:.3g}.")
    return "the power does not rise with n; see curve, and take more trials."
