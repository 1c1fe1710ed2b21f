"""More replications where the Monte Carlo error is not yet small enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_number, check_option

Z = 1.959963984540054  # Wilson limits are so many standard errors apart from the middle
FIGURES = ("bias", "rmse", "coverage", "rejections")
LIMIT = 100  # times the first replications, where no maximum is given


def check_until(until: Any) -> dict[str, float]:
    """Wanted Monte Carlo errors by figure."""
    if until is None:
        return {}
    if not isinstance(until, Mapping) or not until:
        raise TypeError("until must be a dict such as {'coverage': 0.01}, got "
                        f"{until!r}.")
    return {check_option("each key of until", name, FIGURES):
            check_number(f"until[{name!r}]", value, 0) for name, value in until.items()}


def short_of(summary: pd.DataFrame, until: Mapping[str, float]) -> pd.DataFrame:
    """Rows of the summary with an error above the wanted one; figures that are NaN do not count,
    but the error of a single value does, which nobody knows.

    The error of a rate is half its Wilson interval over 1.96, which is not 0 at shares of 0 or 1.
    """
    large = np.zeros(len(summary), dtype=bool)
    for name, wanted in until.items():
        large |= (monte_carlo_error(summary, name) > wanted).to_numpy()
    return summary[large]


def monte_carlo_error(summary: pd.DataFrame, name: str) -> pd.Series:
    """Standard error of a figure."""
    if name in ("bias", "rmse"):
        single = (summary["replications"] - summary["failures"] == 1) & summary[
            "mean" if name == "bias" else name].notna()
        return summary[f"{name}_mcse"].mask(single, np.inf)
    return (summary[f"{name}_high"] - summary[f"{name}_low"]) / (2 * Z)


def next_count(count: int, most: int) -> int:
    """A quarter more, up to the maximum."""
    return min(count + -(-count // 4), most)
