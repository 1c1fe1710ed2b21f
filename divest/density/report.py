"""What density do the rows of a table come from? An estimate, reported."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from divest._reports import Report
from divest._results import told_elsewhere, warn_doubtful
from divest._samples import as_frame, as_numbers, column_names, numeric_columns
from divest._validation import check_finite
from divest.density._effective_rows import regime_of
from divest.density._support import check_bounds, refuse_outside
from divest.density.kernel_density import KernelDensity
from divest.density.regimes import RegimeResult

_MOST_QUERIED = 2_000  # rows at which the regime is looked up
_MOST_LEFT_OUT = 20_000  # rows up to which each is left out once


@dataclass(frozen=True, eq=False)
class DensityReport(Report):
    """What `density_report` found.

    Attributes
    ----------
    estimator : KernelDensity
        The fitted estimate.
    columns : DataFrame
        One row per column: column, and bandwidth in its units (the standard deviation of the
        Gaussian kernel).
    regimes : RegimeResult
        Regimes at the rows, each without itself; at 2,000 of them, spread evenly, where there are
        more.
    loo_log_likelihood : float
        Mean log density of the rows, each under the estimate from all others; NaN with bounds,
        where no two rows differ, and for more than 20,000 rows.
    n_rows, n_dropped : int
        Rows that were used, and rows with missing values, which were left out.
    names, left_out : tuple of str
        Columns of the density, and those left out because they do not hold numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from divest.density import density_report
    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> report = density_report(pd.DataFrame(rows, columns=["a", "b"]), bandwidth="loo_kl")
    >>> report.trusted, report.rule
    (True, 'loo_kl')
    >>> report.columns["column"].tolist()
    ['a', 'b']
    """

    estimator: KernelDensity
    columns: pd.DataFrame
    regimes: RegimeResult
    loo_log_likelihood: float
    n_rows: int
    n_dropped: int
    names: tuple[str, ...]
    left_out: tuple[str, ...]
    _digits = 5

    @property
    def rule(self) -> str:
        """Who chose the bandwidth.

        Returns
        -------
        str
            The name of a rule, never "auto"; "given" for a number.
        """
        chosen = self.estimator.selector_
        return "given" if chosen is None else chosen.rule

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Reasons to trust the estimate, or not to.

        Returns
        -------
        DataFrame
            Columns name, value, threshold, passed and advice.
        """
        return self.estimator.diagnostics_

    @property
    def verdict(self) -> str:
        """The answer in a sentence.

        Returns
        -------
        str
            Whether the estimate can be trusted.
        """
        failed = self.diagnostics.loc[~self.diagnostics["passed"], "name"].tolist()
        if failed:
            return f"The density is doubtful because of {' and '.join(failed)}: see the advice."
        return "The density can be trusted, as far as its diagnostics can tell."

    def to_frame(self) -> pd.DataFrame:
        """One row per column of the density; what holds for all of them is repeated.

        Returns
        -------
        DataFrame
            Columns column, bandwidth, rule, kernel, n_rows, n_dropped, effective_size,
            loo_log_likelihood, boundary_mass, the share of rows in each regime, and trusted.
        """
        shared = {"rule": self.rule, "kernel": self.estimator.kernel, **self._estimate(),
                  **self.regimes.shares, "trusted": self.trusted}
        return self.columns.assign(**shared)

    def _opening(self) -> list[str]:
        lines = [f"Density of {self.n_rows} rows of {self._columns_in_words()}."]
        if self.n_dropped:
            lines.append(f"Rows left out because of missing values: {self.n_dropped}.")
        return lines + self._left_out_in_words()

    def _tables(self) -> list[tuple[str, pd.DataFrame]]:
        estimate = {"rule": self.rule, "kernel": self.estimator.kernel, **self._estimate()}
        shares = {name: share for name, share in self.regimes.shares.items()
                  if name != "empty" or share}
        return [("Estimate (loo_log_likelihood: mean in nats, each row left out once)",
                 pd.DataFrame([estimate]).drop(columns="n_dropped")),
                ("Bandwidths, in the units of the columns", self.columns),
                ("Share of the rows where the estimate rests on fewer than five others "
                 "(condensed), has heavy tails, or is normal (clt)", pd.DataFrame([shares]))]

    def _estimate(self) -> dict[str, Any]:
        """What holds for the whole estimate."""
        return {"n_rows": self.n_rows, "n_dropped": self.n_dropped,
                "effective_size": self.estimator.effective_size_,
                "loo_log_likelihood": self.loo_log_likelihood,
                "boundary_mass": self.estimator.boundary_mass_}


def density_report(X: Any, *, columns: Iterable[str] | None = None, weights: str | None = None,
                   **parameters: Any) -> DensityReport:
    """Estimate the joint density of the columns of a table, and say whether to trust it.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, d)
        The table. Rows with a missing value in a column that is used are left out, and counted.
    columns : list of str, optional
        Columns of the density; by default all that hold numbers.
    weights : str, optional
        The column that holds the weights of the rows.
    **parameters : dict
        Parameters of `KernelDensity`, such as `bandwidth` and `bounds`.

    Returns
    -------
    DensityReport
        Verdict, bandwidths, and the fitted estimate.

    Raises
    ------
    TypeError
        When `parameters` holds an unknown name.
    ValueError
        When a parameter or the data are not valid, no column holds numbers, or rows lie outside
        the bounds; the error counts rows of `X` from 0.

    Warns
    -----
    TrustWarning
        When a diagnostic fails.

    See Also
    --------
    KernelDensity : The estimate itself.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from divest.density import density_report
    >>> table = pd.DataFrame({"wait": np.random.default_rng(0).exponential(size=300)})
    >>> report = density_report(table, bounds=(0, None))
    >>> print(report.verdict)
    The density can be trusted, as far as its diagnostics can tell.
    """
    table = as_frame(X, "X")
    numbers, weight, left_out = _numbers(table, columns, weights)
    kept = numbers.notna().all(axis=1).to_numpy() & ~np.isnan(weight)
    if not kept.any():
        raise ValueError("every row of X has a missing value in a column that is used; name other "
                         "columns.")
    low, high = check_bounds(parameters.get("bounds"), numbers.shape[1])
    complete = np.where(kept[:, None], numbers, np.nan)
    refuse_outside(complete, low, high, list(numbers.columns))
    estimator = KernelDensity(**parameters)
    with told_elsewhere():  # below, of the report
        estimator.fit(numbers[kept], sample_weight=weight[kept] if weights else None)
    report = DensityReport(
        estimator, _bandwidths(estimator, numbers.columns), _regimes(estimator),
        _leave_one_out(estimator), estimator.n_samples_, int((~kept).sum()),
        tuple(numbers.columns), left_out)
    if not report.trusted:
        warn_doubtful(f"density_report: {report.verdict}")
    return report


# ------------------------------------------------------------ the table
def _numbers(table: pd.DataFrame, columns: Iterable[str] | None, weights: str | None
             ) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """The columns as floats, the weights (1 where none are named), and the names left out."""
    if weights is not None:
        if not isinstance(weights, Hashable) or weights not in table:
            raise ValueError(f"weights must name a column of X, got {weights!r}; X has "
                             f"{', '.join(map(str, table.columns))}.")
        numeric_columns(table, [weights], "weights are numbers")
        if columns is not None and weights in column_names(columns):
            raise ValueError(f"columns must not name that of the weights, {weights!r}.")
    names, left_out = numeric_columns(
        table if weights is None else table.drop(columns=weights), columns,
        "a density is one of numbers")
    numbers = pd.DataFrame({str(name): as_numbers(table[name]) for name in names})
    weight = np.ones(len(table)) if weights is None else as_numbers(table[weights])
    for name, values in [*numbers.items(), (weights, weight)]:
        check_finite(np.nan_to_num(np.asarray(values), posinf=np.inf, neginf=-np.inf)[:, None],
                     "X", [name])
    return numbers, weight, left_out


# ------------------------------------------------------------ the estimate
def _bandwidths(estimator: KernelDensity, names: Iterable[str]) -> pd.DataFrame:
    """Bandwidth of each column, in its units."""
    units = estimator._fitted.units
    return pd.DataFrame({"column": list(names), "bandwidth": units.spread})


def _regimes(estimator: KernelDensity) -> RegimeResult:
    """Regimes at the rows, or at some of them spread evenly."""
    points = estimator._fitted.points
    own = np.arange(0, points.n, -(-points.n // _MOST_QUERIED))
    return regime_of(points, points.rows[own], unit=estimator.bandwidth_factor_, skip=own,
                     n_jobs=estimator.n_jobs)


def _leave_one_out(estimator: KernelDensity) -> float:
    """Mean log density of the rows, each left out; NaN where there is none, or it takes long."""
    fitted = estimator._fitted
    if fitted.box is not None or fitted.points.n > _MOST_LEFT_OUT:
        return nan
    if not np.ptp(fitted.points.rows, axis=0).any():
        return nan
    return estimator.loo_log_likelihood()
