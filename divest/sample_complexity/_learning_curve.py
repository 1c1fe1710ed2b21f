"""The error at several sample sizes, and the line through its logarithm."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite, log
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from divest._resampling import generators, root_sequence, run_tasks
from divest._results import Diagnostic, told_elsewhere
from divest._validation import check_integer

LEAST = 15  # rows of the smallest subsample
FEWEST_ROWS = 60  # a sample below it has too short a curve
FARTHEST = 4.0  # the line is trusted up to this many times the rows that it rests on

Measure = Callable[[np.ndarray, np.ndarray], float]


class Line(NamedTuple):
    """``log error = level - exponent (log n - center)``, and how sure it is."""

    level: float
    center: float
    exponent: float
    exponent_se: float
    df: float  # degrees of freedom of `exponent_se`
    spread: float  # relative standard deviation of an error near the line

    def log_error(self, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logarithm of the error at n, and its standard error."""
        step = np.log(n) - self.center
        return self.level - self.exponent * step, np.hypot(self.spread, self.exponent_se * step)

    def reaches(self, confidence: float) -> tuple[float, float]:
        """Half widths of the intervals of the level and of the exponent."""
        share = 0.5 + confidence / 2
        reach = stdtrit(self.df, share) * self.exponent_se if self.exponent_se else 0.0
        return float(ndtri(share) * self.spread), float(reach)

    def limits(self, n: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
        """Interval of the error at n."""
        level, exponent = self.reaches(confidence)
        center, reach = self.log_error(n)[0], np.hypot(level, exponent * (np.log(n) - self.center))
        return np.exp(center - reach), np.exp(center + reach)

    def size(self, target: float) -> float:
        """The n at which the line meets `target`; NaN where it does not fall."""
        if not self.exponent > 0:
            return np.nan
        return _exp(self.center + (self.level - log(target)) / self.exponent)

    def size_interval(self, target: float, confidence: float) -> tuple[float, float]:
        """All n whose interval holds `target` (after Fieller); (0, inf) where it has no end."""
        level, exponent = self.reaches(confidence)
        if not self.exponent > exponent:
            return 0.0, np.inf
        gap, square = self.level - log(target), self.exponent**2 - exponent**2
        root = np.sqrt((exponent * gap) ** 2 + square * level**2)
        low, high = (self.exponent * gap + sign * root for sign in (-1, 1))
        return _exp(self.center + low / square), _exp(self.center + high / square)


def _exp(value: float) -> float:
    with np.errstate(over="ignore"):
        return float(np.exp(value))


# ------------------------------------------------------------ the curve
def subsample_sizes(n_rows: int, count: int, most: int | None) -> np.ndarray:
    """`count` sizes, each about the same multiple of the one before, up to half of the rows."""
    wanted = 2 * (LEAST - 1 + count)
    if n_rows < wanted:
        raise ValueError(f"X must have at least {wanted} rows for {count} sizes, got {n_rows}.")
    last = n_rows // 2 if most is None else min(n_rows // 2, most)
    sizes = np.geomspace(max(LEAST, last / 8), last, count).round().astype(np.int64)
    return np.unique(sizes)


def measured_curve(rows: np.ndarray, measure: Measure, sizes: np.ndarray, n_repeats: int,
                   random_state: object, n_jobs: int | None, progress: bool) -> pd.DataFrame:
    """Mean and standard deviation of `measure` between disjoint subsamples, for each size."""
    seeds = root_sequence(random_state).spawn(len(sizes) * n_repeats)
    tasks = [(rows, measure, int(m), seed)
             for m, seed in zip(np.repeat(sizes, n_repeats), seeds, strict=True)]
    with told_elsewhere():  # of single values, by the dozen
        values = np.array(list(run_tasks(one_value, tasks, len(tasks), n_jobs=n_jobs,
                                         progress=progress, unit="pair")))
    values = values.reshape(len(sizes), n_repeats)
    errors = values.mean(axis=1)
    for m, error in zip(sizes, errors, strict=True):
        if not error > 0:
            raise ValueError(f"the mean of measure between subsamples of {m} rows is {error:.4g}, "
                             "and must be above 0. Where rows are equal they have no distance; "
                             "for an estimate that may be negative, give its absolute value.")
    return pd.DataFrame({"n": sizes, "error": errors, "sd": values.std(axis=1, ddof=1)})


def one_value(rows: np.ndarray, measure: Measure, m: int, seed: np.random.SeedSequence) -> float:
    """The measure between two random subsamples of m rows that share none."""
    (rng,) = generators([seed])
    chosen = rng.choice(len(rows), 2 * m, replace=False)
    try:
        value: Any = measure(rows[chosen[:m]], rows[chosen[m:]])
    except Exception as error:
        error.add_note(f"This was raised by measure, for two subsamples of {m} rows.")
        raise
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"measure must return a number, got {value!r} for subsamples of {m} rows.")
    if not isfinite(value):
        raise ValueError(f"measure must return a finite number, got {value} for subsamples of {m} "
                         "rows.")
    return float(value)


# ------------------------------------------------------------ the line
def fit_line(curve: pd.DataFrame) -> Line:
    """Least squares through the logarithms."""
    x, y = np.log(curve["n"].to_numpy(float)), np.log(curve["error"].to_numpy(float))
    steps = x - x.mean()
    square = steps @ steps
    slope = float(steps @ y / square)
    residuals = y - y.mean() - slope * steps
    df = len(x) - 2
    last = curve.iloc[-1]
    return Line(float(y.mean()), float(x.mean()), -slope,
                float(np.sqrt(residuals @ residuals / df / square)), df,
                float(last["sd"] / last["error"]))


def curvature(curve: pd.DataFrame, n_repeats: int) -> float:
    """The quadratic term in standard errors, those that the spread of the repeats gives."""
    x, y = np.log(curve["n"].to_numpy(float)), np.log(curve["error"].to_numpy(float))
    steps = x - x.mean()
    bend = steps**2 - (steps**2).mean()
    bend -= steps * (bend @ steps) / (steps @ steps)
    relative = curve["sd"].to_numpy(float) / curve["error"].to_numpy(float)
    error = float(np.sqrt(bend**2 @ relative**2 / n_repeats))
    size = abs(float(bend @ y))
    if size <= 1e-12 * float(np.abs(bend) @ np.abs(y)):  # nothing but rounding
        return 0.0
    return size / error if error else np.inf


# ------------------------------------------------------------ whether to trust it
def enough_rows(n_rows: int) -> Diagnostic:
    """Whether the sample is large enough for a curve."""
    return Diagnostic("sizes_enough", float(n_rows), float(FEWEST_ROWS), n_rows >= FEWEST_ROWS,
                      "the sizes of the subsamples lie close together; get more rows.")


def extrapolation(n: float, base: int) -> Diagnostic:
    """Whether n lies near enough to the data."""
    return Diagnostic("extrapolation", n / base, FARTHEST, n <= FARTHEST * base,
                      f"n is this many times the {base} rows behind the line, which is trusted up "
                      f"to n = {FARTHEST * base:.0f}; get more data, then ask again.")


def line_diagnostics(curve: pd.DataFrame, line: Line, n_repeats: int,
                     confidence: float) -> list[Diagnostic]:
    """Whether the curve falls, along a line."""
    bend, reach = curvature(curve, n_repeats), line.reaches(confidence)[1]
    return [
        Diagnostic("falling", line.exponent, reach, line.exponent > reach,
                   "the error does not clearly fall with n, so the interval for n has no end; "
                   "take more repeats or more rows."),
        Diagnostic("curvature", bend, 2.0, bend <= 2.0,
                   "the curve bends, in standard errors; predictions far from the data will be "
                   "off."),
    ]


def check_count(sizes: object) -> int:
    """The number of sizes."""
    if not isinstance(sizes, Integral):
        raise TypeError(f"sizes must be the number of sizes, an integer, got {sizes!r}.")
    return check_integer("sizes", sizes, 3, 100)
