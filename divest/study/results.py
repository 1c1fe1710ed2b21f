"""What a study hands back: the table of replications, and what it says in short."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd

from divest.report._files import write_to
from divest.study._summary import summarise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StudyResults"]


@dataclass(frozen=True, eq=False)
class StudyResults:
    """The replications of a study.

    Attributes
    ----------
    frame : DataFrame
        One row per replication and method: cell (a name for the settings), replication, method, the
        settings, truth, estimate, standard_error, low, high, statistic, pvalue, trusted (whether
        all diagnostics passed; False after an error), failed_diagnostics (their names), seconds
        and error (empty, or the exception). Sorted by settings, replication and method.
    settings : tuple of str
        The columns that hold settings.
    level : float, default 0.05
        A replication rejects when its p-value is at most this.
    confidence_level : float, default 0.95
        Level of the intervals.
    name : str, optional
        What the study is called.

    See Also
    --------
    Study : Which gives it.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.study import Study
    >>> def simulate(rng, n):
    ...     return rng.normal(size=n)
    >>> study = Study(simulate, {"mean": np.mean}, {"n": [10, 40]}, truth=0, n_replications=50)
    >>> results = study.run()
    >>> results.summary()["rmse"].is_monotonic_decreasing
    True
    """

    frame: pd.DataFrame
    settings: tuple[str, ...]
    level: float = 0.05
    confidence_level: float = 0.95
    name: str | None = None

    def summary(self) -> pd.DataFrame:
        """Bias, error, coverage and rejections, with their Monte Carlo errors.

        Returns
        -------
        DataFrame
            One row per settings and method: cell, the settings, method, truth, and

            * ``replications``, and ``failures``, those with an error.
            * ``trusted_share``: share of the others in which all diagnostics passed.
            * ``mean`` and ``sd`` of the R estimates that are not NaN.
            * ``bias``, with ``bias_mcse = sd / sqrt(R)``.
            * ``rmse``, with ``rmse_mcse = sd(e^2) / (2 rmse sqrt(R))`` for errors e, by the delta
              method.
            * ``coverage``: share of the intervals that hold the truth, and ``coverage_low`` and
              ``coverage_high``, its 95 % Wilson limits; ``coverage_trusted`` is that among the rows
              that can be trusted.
            * ``se_ratio``: mean standard error over ``sd``.
            * ``rejections``: share of p-values that are at most the level, with the same limits.
            * ``seconds``: mean time.

            NaN where there is nothing to compute a figure from.
        """
        return summarise(self.frame, list(self.settings), self.level)

    def to_csv(self, path: Any) -> None:
        """Write the table of replications as CSV, numbers in full.

        Parameters
        ----------
        path : str or path
            The file.
        """
        write_to(path, self.frame.to_csv(index=False).encode())

    def to_parquet(self, path: Any) -> None:
        """Write the table of replications as Parquet.

        Parameters
        ----------
        path : str or path
            The file.

        Raises
        ------
        ImportError
            When pyarrow is not installed (``pip install 'divest[parquet]'``).
        """
        content = BytesIO()
        self.frame.to_parquet(content, index=False)
        write_to(path, content.getvalue())

    def plot(self, x: str, y: str = "rmse", by: Any = None, ax: Axes | None = None) -> Axes:
        """A figure of the summary against a setting, with the Monte Carlo errors as bars.

        Parameters
        ----------
        x : str
            A setting.
        y : str, default "rmse"
            A column of the summary, such as ``"bias"``, ``"coverage"`` or ``"rejections"``.
        by : str or list of str, optional
            A line for each of their values; by default the method and every other setting that
            varies.
        ax : matplotlib Axes, optional
            Where to draw; by default on a new figure.

        Returns
        -------
        matplotlib Axes
            The axes drawn on.
        """
        from divest.plotting import plot_study

        return plot_study(self, x, y, by, ax)

    def _repr_html_(self) -> str:
        return self.summary().to_html(index=False)
