"""What estimators and tests hand back: a number, its uncertainty, and whether to trust it."""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from html import escape
from inspect import currentframe
from math import inf, isnan, log
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from divest._validation import check_number

__all__ = ["ConvergenceWarning", "Diagnostic", "EstimateResult", "HypothesisResult", "TrustWarning"]

DIAGNOSTIC_COLUMNS = ["name", "value", "threshold", "passed", "advice"]


class TrustWarning(UserWarning):
    """The number is doubtful; the message says why and what to do.

    Examples
    --------
    >>> import warnings
    >>> from divest import TrustWarning
    >>> warnings.simplefilter("error", TrustWarning)  # refuse doubtful numbers
    >>> warnings.simplefilter("default", TrustWarning)
    """


@dataclass(frozen=True)
class Diagnostic:
    """One reason to trust a number, or not to.

    Parameters
    ----------
    name : str
        What was measured.
    value : float
        What was found.
    threshold : float
        The limit; NaN where the value is reported without a rule.
    passed : bool
        Whether the rule holds.
    advice : str
        What it means and what to do when it fails.

    Examples
    --------
    >>> from divest import Diagnostic
    >>> Diagnostic("saturated_share", 0.3, 0.02, False, "get more data").passed
    False
    """

    name: str
    value: float
    threshold: float
    passed: bool
    advice: str


def diagnostics_frame(diagnostics: Iterable[Diagnostic]) -> pd.DataFrame:
    """One row per diagnostic."""
    rows = [[getattr(d, column) for column in DIAGNOSTIC_COLUMNS] for d in diagnostics]
    frame = pd.DataFrame(rows, columns=DIAGNOSTIC_COLUMNS)
    return frame.astype({"value": float, "threshold": float, "passed": bool})


_told_elsewhere = ContextVar("_told_elsewhere", default=False)


@contextmanager
def told_elsewhere() -> Iterator[None]:
    """No `TrustWarning` of parts: the caller tells what is doubtful about the whole.

    It holds for this thread, and for the tasks of `run_tasks`; the filters of `warnings` hold for
    all threads, and those of several threads get mixed up.
    """
    token = _told_elsewhere.set(True)
    try:
        yield
    finally:
        _told_elsewhere.reset(token)


def is_told_elsewhere() -> bool:
    """Whether this thread is within `told_elsewhere`."""
    return _told_elsewhere.get()


def warn_doubtful(message: str) -> None:
    """A `TrustWarning` at the caller's line."""
    if not is_told_elsewhere():
        warnings.warn(message, TrustWarning, stacklevel=_levels_to_caller())


def warn_if_doubtful(diagnostics: Iterable[Diagnostic], method: str) -> None:
    """One `TrustWarning` that names every failed diagnostic, at the caller's line."""
    failed = [f"{d.name} = {d.value:.3g} ({d.advice})" for d in diagnostics if not d.passed]
    if failed:
        warn_doubtful(f"{method}: the number is doubtful: {'; '.join(failed)}")


def _levels_to_caller() -> int:
    """Stack level, seen from the function that calls this one, of the first frame not of divest."""
    frame, level = currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith("divest."):
        frame, level = frame.f_back, level + 1
    return max(level, 1)


class _Table:
    """One tidy row, and the same row as text and as HTML."""

    method: str
    diagnostics: tuple[Diagnostic, ...]

    @property
    def trusted(self) -> bool:
        """Whether every diagnostic passed."""
        return all(d.passed for d in self.diagnostics)

    def _row(self) -> dict[str, Any]:
        raise NotImplementedError

    def _doubts(self) -> list[str]:
        """A line for each failed diagnostic."""
        return [f"{d.name} = {d.value:.4g}: {d.advice}" for d in self.diagnostics if not d.passed]

    def to_frame(self) -> pd.DataFrame:
        """One row: plain column names, numbers unrounded, so that `pd.concat` makes a report.

        Returns
        -------
        DataFrame
            One row.
        """
        return pd.DataFrame([{"method": self.method, **self._row(), "trusted": self.trusted}])

    def summary(self) -> str:
        """The row as a text table, then the advice of every failed diagnostic.

        Returns
        -------
        str
            Text to print.
        """
        from statsmodels.iolib.table import SimpleTable

        rows = [[name, plain(value)] for name, value in self.to_frame().iloc[0].items()]
        table = SimpleTable(rows[1:], title=self.method)
        return "\n".join([table.as_text(), *(f"Doubtful: {line}" for line in self._doubts())])

    def _repr_html_(self) -> str:
        doubts = "".join(f"<li>{escape(line)}</li>" for line in self._doubts())
        table = self.to_frame().to_html(index=False)
        return table + (f"<p>Doubtful:</p><ul>{doubts}</ul>" if doubts else "")


def plain(value: Any) -> str:
    """A value as it is shown: numbers with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def rows_as_text(frame: pd.DataFrame, title: str, doubts: Iterable[str]) -> str:
    """A text table of several rows, and a line for each doubt."""
    from statsmodels.iolib.table import SimpleTable

    rows = [[plain(value) for value in row] for row in frame.itertuples(index=False)]
    table = SimpleTable(rows, headers=list(frame.columns), title=title)
    return "\n".join([table.as_text(), *(f"Doubtful: {line}" for line in doubts)])


@dataclass(frozen=True)
class EstimateResult(_Table):
    """An estimate, how sure it is, and whether to believe it.

    Parameters
    ----------
    estimate : float
        The number.
    standard_error : float
        Its standard error; NaN where the method has none.
    method : str
        What was estimated, and how.
    n_samples : tuple of int
        Rows used; of P and of Q where there are two samples.
    diagnostics : tuple of Diagnostic
        What speaks for and against the number.
    confidence_level : float, default 0.95
        The level of the interval in `to_frame`.
    bounds : tuple of float, default (-inf, inf)
        Intervals are cut to this range.
    unit : str, default ""
        ``"nats"`` or empty.
    degrees_of_freedom : float, default inf
        Of the standard error; intervals are those of Student's t, which is normal at infinity.

    Examples
    --------
    >>> from divest import EstimateResult
    >>> result = EstimateResult(0.5, 0.1, "kl", (500, 500), unit="nats")
    >>> low, high = result.confidence_interval()
    >>> round(low, 3), round(high, 3)
    (0.304, 0.696)
    """

    estimate: float
    standard_error: float
    method: str
    n_samples: tuple[int, ...]
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    confidence_level: float = 0.95
    bounds: tuple[float, float] = (-inf, inf)
    unit: str = ""
    degrees_of_freedom: float = field(default=inf, kw_only=True)

    def confidence_interval(self, level: float | None = None) -> tuple[float, float]:
        """Symmetric interval for the truth.

        Parameters
        ----------
        level : float, optional
            Confidence level in (0, 1); by default that of the result.

        Returns
        -------
        tuple of float
            Lower and upper limit; NaN without a standard error.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        from scipy.special import ndtri, stdtrit

        level = self.confidence_level if level is None else check_number("level", level, 0, 1)
        top, df = 0.5 + level / 2, self.degrees_of_freedom
        reach = (ndtri(top) if df == inf else stdtrit(df, top)) * self.standard_error
        low, high = np.clip([self.estimate - reach, self.estimate + reach], *self.bounds)
        return float(low), float(high)

    def in_bits(self) -> Self:
        """The same result in bits.

        Returns
        -------
        EstimateResult
            Estimate, error and bounds divided by log 2.

        Raises
        ------
        ValueError
            When the result is not in nats.
        """
        if self.unit != "nats":
            raise ValueError("only a result in nats has a value in bits; "
                             f"this one is {self.method}.")
        low, high = (bound / log(2) for bound in self.bounds)
        return replace(self, estimate=self.estimate / log(2), bounds=(low, high), unit="bits",
                       standard_error=self.standard_error / log(2))

    def _row(self) -> dict[str, Any]:
        low, high = self.confidence_interval()
        return {"estimate": self.estimate, "standard_error": self.standard_error,
                "low": low, "high": high, "confidence_level": self.confidence_level,
                "unit": self.unit}


@dataclass(frozen=True)
class HypothesisResult(_Table):
    """Outcome of a test by resampling; unpacks as ``statistic, pvalue``.

    Parameters
    ----------
    statistic : float
        The observed statistic; large values speak against the null hypothesis.
    pvalue : float
        ``(1 + exceedances) / (1 + n_resamples)``.
    method : str
        The name of the test.
    null : str
        The null hypothesis in words.
    null_distribution : ndarray of shape (n_resamples,)
        The statistic under the null hypothesis.
    n_resamples : int
        Number of draws.
    seed : int, optional
        Pass it as ``random_state`` to get the same result again; None for a spawned seed sequence.
    diagnostics : tuple of Diagnostic
        What speaks for and against the result.

    Examples
    --------
    >>> import numpy as np
    >>> from divest import HypothesisResult
    >>> result = HypothesisResult(2.5, 0.05, "a test", "nothing differs", np.zeros(99), 99)
    >>> statistic, pvalue = result
    >>> result.reject(level=0.01)
    False
    """

    statistic: float
    pvalue: float
    method: str
    null: str
    null_distribution: np.ndarray = field(repr=False, compare=False)
    n_resamples: int
    seed: int | None = None
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)

    def __iter__(self) -> Iterator[float]:
        return iter((self.statistic, self.pvalue))

    def reject(self, level: float = 0.05) -> bool:
        """Whether the null hypothesis is rejected.

        Parameters
        ----------
        level : float, default 0.05
            Level of the test in (0, 1).

        Returns
        -------
        bool
            True when the p-value is at most `level`.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        return bool(self.pvalue <= check_number("level", level, 0, 1))

    def pvalue_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Exact (Clopper-Pearson) interval for the p-value that endless resampling would give.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).

        Returns
        -------
        tuple of float
            Lower and upper limit.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        from scipy.stats import binomtest

        level = check_number("level", level, 0, 1)
        if isnan(self.pvalue) or not self.n_resamples:  # no draws: there is no such error
            return self.pvalue, self.pvalue
        exceedances = round(self.pvalue * (1 + self.n_resamples)) - 1
        interval = binomtest(exceedances, self.n_resamples).proportion_ci(level)
        return float(interval.low), float(interval.high)

    def _row(self) -> dict[str, Any]:
        low, high = self.pvalue_interval()
        return {"statistic": self.statistic, "pvalue": self.pvalue, "pvalue_low": low,
                "pvalue_high": high, "n_resamples": self.n_resamples, "null": self.null}
