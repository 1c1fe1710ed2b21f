"""What estimators of parameters hand back: estimates with errors, and sets of parameters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from divest._results import Diagnostic, HypothesisResult, _Table, rows_as_text
from divest._validation import check_number


@dataclass(frozen=True, eq=False)
class MomentEstimate(_Table):
    """Parameters, how sure they are, and whether to believe them.

    Parameters
    ----------
    names : sequence of str
        Names of the p parameters.
    estimate : ndarray of shape (p,)
        Their estimates.
    covariance : ndarray of shape (p, p)
        Covariance of the estimates; NaN where the method has none.
    method : str
        How they were estimated.
    n_samples : tuple of int
        Rows used.
    diagnostics : tuple of Diagnostic
        What speaks for and against the estimates.
    confidence_level : float, default 0.95
        The level of the intervals in `to_frame`.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.moments import MomentEstimate
    >>> result = MomentEstimate(["slope"], np.array([0.5]), np.array([[0.01]]), "a method", (100,))
    >>> result.confidence_interval().round(3)
      parameter    low   high
    0     slope  0.304  0.696
    """

    names: Sequence[str]
    estimate: np.ndarray
    covariance: np.ndarray = field(repr=False)
    method: str
    n_samples: tuple[int, ...]
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    confidence_level: float = 0.95

    @property
    def standard_error(self) -> np.ndarray:
        """Standard errors, shape (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def confidence_interval(self, level: float | None = None) -> pd.DataFrame:
        """Normal interval for each parameter.

        Parameters
        ----------
        level : float, optional
            Confidence level in (0, 1); by default that of the result.

        Returns
        -------
        DataFrame
            One row per parameter: parameter, low, high; NaN without a standard error.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        from scipy.special import ndtri

        level = self.confidence_level if level is None else check_number("level", level, 0, 1)
        reach = ndtri(0.5 + level / 2) * self.standard_error
        return pd.DataFrame({"parameter": list(self.names), "low": self.estimate - reach,
                             "high": self.estimate + reach})

    def to_frame(self) -> pd.DataFrame:
        """One row per parameter, numbers unrounded.

        Returns
        -------
        DataFrame
            Columns parameter, estimate, standard_error, statistic (of the test that the parameter
            is zero), pvalue, low and high.
        """
        from scipy.special import ndtr

        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = self.estimate / self.standard_error
        frame = self.confidence_interval()
        for place, (name, values) in enumerate({
                "estimate": self.estimate, "standard_error": self.standard_error,
                "statistic": statistic, "pvalue": 2 * ndtr(-np.abs(statistic))}.items(), start=1):
            frame.insert(place, name, values)
        return frame

    def summary(self) -> str:
        """The rows as a text table, then the advice of every failed diagnostic.

        Returns
        -------
        str
            Text to print.
        """
        title = f"{self.method}, {self.n_samples[0]} rows, level {self.confidence_level:g}"
        return rows_as_text(self.to_frame(), title, self._doubts())


class Interval(NamedTuple):
    """Values of one parameter from `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ConfidenceSet(_Table):
    """The parameters that a test does not reject, on a grid.

    Such a set is valid however weakly the data identify the parameters. It may be empty, fall into
    pieces or have no end, and then says so.

    Parameters
    ----------
    grid : DataFrame
        Points, one column per parameter.
    statistic : ndarray
        The test statistic at each point.
    pvalue : ndarray
        Its p-value.
    confidence_level : float
        Points with a p-value above ``1 - confidence_level`` belong to the set.
    method : str
        The test.
    diagnostics : tuple of Diagnostic
        What speaks for and against the set.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from divest.moments import ConfidenceSet
    >>> grid = pd.DataFrame({"slope": [0.0, 1.0, 2.0, 3.0]})
    >>> found = ConfidenceSet(grid, np.zeros(4), np.array([0.01, 0.09, 0.09, 0.01]), 0.95)
    >>> [(round(low, 6), round(high, 6)) for low, high in found.intervals]
    [(0.5, 2.5)]
    """

    grid: pd.DataFrame = field(repr=False)
    statistic: np.ndarray = field(repr=False)
    pvalue: np.ndarray = field(repr=False)
    confidence_level: float
    method: str = "confidence set"
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)

    @property
    def accepted(self) -> np.ndarray:
        """Which points of the grid belong to the set."""
        return self.pvalue > 1 - self.confidence_level

    @property
    def empty(self) -> bool:
        """Whether no point belongs to the set: the moments are rejected at every one."""
        return not self.accepted.any()

    @property
    def unbounded(self) -> bool:
        """Whether the set reaches an end of the grid in some parameter."""
        return any(not np.isfinite(piece).all() for name in self.grid
                   for piece in self.pieces(name))

    @property
    def intervals(self) -> list[Interval]:
        """The pieces of the set; with several parameters, those of the first.

        An end where the set reaches the end of the grid is infinite.
        """
        return self.pieces(self.grid.columns[0])

    def pieces(self, parameter: Hashable) -> list[Interval]:
        """Values of one parameter that belong to the set together with some values of the others.

        Parameters
        ----------
        parameter : str
            A column of the grid.

        Returns
        -------
        list of Interval
            Pairs (low, high), ends by interpolation between points; infinite where the set
            reaches the end of the grid.
        """
        if not isinstance(parameter, Hashable) or parameter not in self.grid.columns:
            raise ValueError(f"parameter must be one of {', '.join(map(str, self.grid.columns))}; "
                             f"got {parameter!r}.")
        best = pd.Series(self.pvalue).groupby(self.grid[parameter].to_numpy()).max()
        return pieces_above(best.index.to_numpy(float), best.to_numpy(float),
                            1 - self.confidence_level)

    def to_frame(self) -> pd.DataFrame:
        """The grid with statistic, p-value and whether the point belongs to the set.

        Returns
        -------
        DataFrame
            One row per point.
        """
        return self.grid.assign(statistic=self.statistic, pvalue=self.pvalue,
                                accepted=self.accepted)

    def summary(self) -> str:
        """The pieces of the set as a text table, and what is unusual about it.

        Returns
        -------
        str
            Text to print.
        """
        rows = [(name, *piece) for name in self.grid for piece in self.pieces(name)]
        frame = pd.DataFrame(rows, columns=["parameter", "low", "high"])
        notes = []
        if self.empty:
            notes.append("Empty: every point is rejected, so the moments themselves are doubtful.")
        if self.unbounded:
            notes.append("No end found: the set reaches the end of the grid.")
        return "\n".join([rows_as_text(frame, f"{self.method}, level {self.confidence_level:g}",
                                      self._doubts()), *notes])


def pieces_above(points: np.ndarray, values: np.ndarray, limit: float) -> list[Interval]:
    """Where `values` at increasing `points` exceed `limit`; infinite beyond the first and last."""
    inside = values > limit
    edges = np.flatnonzero(np.diff(inside.astype(int))) if len(points) else np.empty(0, int)
    share = (limit - values[edges]) / (values[edges + 1] - values[edges])
    ends = points[edges] + share * (points[edges + 1] - points[edges])
    if len(points) and inside[0]:
        ends = np.append(-np.inf, ends)
    if len(points) and inside[-1]:
        ends = np.append(ends, np.inf)
    return [Interval(float(low), float(high)) for low, high in ends.reshape(-1, 2)]


def analytic_test(statistic: float, pvalue: float, method: str, null: str,
                  diagnostics: tuple[Diagnostic, ...] = ()) -> HypothesisResult:
    """A test whose p-value comes from a formula and not from resampling."""
    return HypothesisResult(statistic, pvalue, method, null, np.empty(0), 0,
                            diagnostics=diagnostics)
