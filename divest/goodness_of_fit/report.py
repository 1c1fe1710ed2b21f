"""What a test of a model against a table hands back: verdict, worst rows, columns, advice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pandas as pd

from divest._reports import Report
from divest._results import HypothesisResult

_TEST = ["statistic", "pvalue", "pvalue_low", "pvalue_high", "n_resamples", "trusted"]


@dataclass(frozen=True, eq=False)
class FitReport(Report):
    """What `fit_report` found.

    Attributes
    ----------
    test : KernelSteinTest, PerturbedSteinTest, RobustSteinTest or CompositeSteinTest
        The fitted test.
    model : str
        Name of the model; of the fitted one, where parameters were estimated.
    rows : DataFrame
        The rows that speak most against the model together with the others, the first most: row
        (its label in the index of the table), its influence (the mean of its Stein kernel with the
        other rows; a lone outlier has little), and its values.
    columns : DataFrame
        One row per column: column, statistic (they sum to the U statistic) and share of that sum,
        NaN unless the model is rejected. Empty where the test does not tell columns apart.
    bandwidths : DataFrame
        One row per bandwidth: factor (of the median), bandwidth, weight, statistic and pvalue of
        that bandwidth alone.
    diagnostics : DataFrame
        Columns name, value, threshold, passed and advice.
    level : float
        Level of the test.
    estimated : bool
        Whether the parameters were estimated from these rows.
    n_rows, n_dropped : int
        Complete rows, which were tested, and rows with missing values, which were left out.
    names, left_out : tuple of str
        Columns that were tested, and those that were not because they do not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from scipy import stats
    >>> from divest.goodness_of_fit import fit_report
    >>> rows = np.random.default_rng(0).normal(size=(100, 2))
    >>> rows[7, 1] = np.nan
    >>> report = fit_report(pd.DataFrame(rows, columns=["a", "b"]), stats.norm(0.5), random_state=0)
    >>> report.misfit, report.n_rows, report.n_dropped
    (True, 99, 1)
    >>> report.columns["column"].tolist()
    ['a', 'b']
    """

    test: Any
    model: str
    rows: pd.DataFrame
    columns: pd.DataFrame
    bandwidths: pd.DataFrame
    diagnostics: pd.DataFrame
    level: float
    estimated: bool
    n_rows: int
    n_dropped: int
    names: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def result(self) -> HypothesisResult:
        """Statistic, p-value and null distribution.

        Returns
        -------
        HypothesisResult
            The result of the test.
        """
        return self.test.result_

    @property
    def modes(self) -> pd.DataFrame:
        """The modes of the model, where the test looks for them.

        Returns
        -------
        DataFrame
            ``modes_`` of a `PerturbedSteinTest`; empty for the others.
        """
        return getattr(self.test, "modes_", pd.DataFrame())

    @property
    def misfit(self) -> bool:
        """Whether the test rejects the model.

        Returns
        -------
        bool
            True when the p-value is at most the level.
        """
        return self.result.reject(self.level)

    @property
    def verdict(self) -> str:
        """The answer in a sentence.

        Returns
        -------
        str
            Whether the model fits, and whether that can be trusted.
        """
        found = ("The model does not fit" if self.misfit else
                 f"The model fits, as far as {self.n_rows} rows can tell")
        failed = self.diagnostics.loc[~self.diagnostics["passed"], "name"].tolist()
        doubt = (f", but that cannot be trusted because of {' and '.join(failed)}: see the advice"
                 if failed else "")
        return f"{found} (p = {self.result.pvalue:.3g}){doubt}."

    def to_frame(self) -> pd.DataFrame:
        """One tidy row, so that `pd.concat` puts reports of several models together.

        Returns
        -------
        DataFrame
            Columns model, estimated, n_rows, n_dropped, n_columns, level and misfit, and those of
            ``result.to_frame()``.
        """
        mine = pd.DataFrame([{
            "model": self.model, "estimated": self.estimated, "n_rows": self.n_rows,
            "n_dropped": self.n_dropped, "n_columns": len(self.names), "level": self.level,
            "misfit": self.misfit}])
        return pd.concat([mine, self.result.to_frame()], axis=1)

    def _opening(self) -> list[str]:
        how = ", its parameters estimated from these rows" if self.estimated else ""
        model = re.sub(r"\d+\.\d+(e[-+]?\d+)?", lambda number: f"{float(number[0]):.5g}",
                       self.model)
        lines = [f"{self.n_rows} rows of {self._columns_in_words()} against {model}{how}."]
        if self.n_dropped:
            lines.append(f"Rows left out because of missing values: {self.n_dropped} of "
                         f"{self.n_rows + self.n_dropped}.")
        return lines + self._left_out_in_words()

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        shown = [("Test (pvalue_low, pvalue_high: 95 % interval of the p-value that endless "
                  "resampling would give)", self.result.to_frame()[_TEST]),
                 ("Bandwidths, each by itself (the p-value above allows for their number)",
                  self.bandwidths)]
        if len(self.modes):
            shown.append(("Modes of the model, with the shares of its mass and of the rows",
                          self.modes))
        if len(self.rows):
            shown.append(("Rows with the largest influence (their numbers from 0, or labels; above "
                          "0 speaks against the model, a lone outlier has little)", self.rows))
        if len(self.columns) > 1:
            shown.append(("Columns (their parts in the statistic; no test of each column)",
                          self.columns))
        return shown
