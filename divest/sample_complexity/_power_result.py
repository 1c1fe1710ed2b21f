"""The number of rows that a test needs, and the power curve it rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic, EstimateResult, _Table

METHOD = "sample size for power"


@dataclass(frozen=True)
class PowerResult(_Table):
    """The sample size at which a test reaches a wanted power.

    Attributes
    ----------
    n : float
        Rows per sample, not rounded; NaN when the power is not reached. With `at_smallest` a size
        that was tried.
    standard_error : float
        Its standard error from the finite number of trials, by the delta method; NaN when the power
        is not reached, and with `at_smallest`, where no line is fitted.
    power : float
        The wanted power.
    level : float
        Level of the test.
    curve : DataFrame
        The sizes that `n` rests on, one row each: n, rejections, trials, power, low and high (95 %
        Wilson limits).
    reachable : bool
        Whether the power is reached.
    at_smallest : bool, default False
        Whether every size has the power, down to `n`, the smallest that the test takes.
    diagnostics : tuple of Diagnostic
        What speaks for and against `n`.
    method : str, default "sample size for power"
        What was computed.

    See Also
    --------
    sample_size_for_power : The function that gives it.

    Examples
    --------
    >>> import pandas as pd
    >>> from divest.sample_complexity import PowerResult
    >>> result = PowerResult(87.2, 5.4, 0.8, 0.05, pd.DataFrame(), True)
    >>> low, high = result.confidence_interval(0.9)
    >>> round(low, 1), round(high, 1)
    (78.3, 96.1)
    """

    n: float
    standard_error: float
    power: float
    level: float
    curve: pd.DataFrame = field(repr=False, compare=False)
    reachable: bool
    at_smallest: bool = False
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    method: str = METHOD

    def confidence_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Normal interval for the size that endless trials would give.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).

        Returns
        -------
        tuple of float
            Lower and upper limit, not below 0; NaN without a standard error.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        centered = EstimateResult(self.n, self.standard_error, self.method, (),
                                  bounds=(0.0, np.inf))
        return centered.confidence_interval(level)

    def summary(self) -> str:
        """The table as text, and what the number means where it is the smallest size.

        Returns
        -------
        str
            Text to print.
        """
        note = (f"\nn = {self.n:.6g} is the smallest size that the test takes, and has the power."
                if self.at_smallest else "")
        return super().summary() + note

    def _row(self) -> dict[str, Any]:
        low, high = self.confidence_interval()
        return {"n": self.n, "standard_error": self.standard_error, "low": low, "high": high,
                "power": self.power, "level": self.level, "reachable": self.reachable,
                "at_smallest": self.at_smallest}
