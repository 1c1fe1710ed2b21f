"""What every fit with parameters, linear or not, can be asked in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult, warn_doubtful
from divest.moments._inference import wald
from divest.moments._results import MomentEstimate, analytic_test


class Hull(NamedTuple):
    """The smallest interval around a set, and how many pieces were seen."""

    low: float
    high: float
    n_pieces: int


class ParameterQueries:
    """Tests of restrictions and the summary."""

    params_: pd.Series
    cov_params_: pd.DataFrame
    result_: MomentEstimate

    def j_test(self) -> HypothesisResult:
        """Test of overidentification; estimators say what of."""
        raise NotImplementedError

    def wald_test(self, R: Any, r: Any = 0.0) -> HypothesisResult:
        """Test of linear restrictions ``R params = r``.

        Parameters
        ----------
        R : array-like of shape (k, p) or (p,)
            Restrictions, one per row, in the order of `params_`.
        r : float or array-like of shape (k,), default 0
            Their right-hand side.

        Returns
        -------
        HypothesisResult
            Statistic and p-value, chi-square with k degrees of freedom.

        Raises
        ------
        ValueError
            When `R` has not one column per parameter, or its rows are not independent.
        """
        check_is_fitted(self)
        statistic, pvalue, k = wald(self.params_.to_numpy(), self.cov_params_.to_numpy(), R, r)
        null = f"{k} linear restriction{'s' if k > 1 else ''} on the parameters"
        return analytic_test(statistic, pvalue, "Wald test, chi-square with "
                             f"{k} degree{'s' if k > 1 else ''} of freedom", null)

    def summary(self) -> str:
        """Estimates, intervals and doubts as a text table, and the J test.

        Returns
        -------
        str
            Text to print; `result_.to_frame()` has the same numbers.
        """
        check_is_fitted(self)
        J = self.j_test()
        outcome = "" if np.isnan(J.pvalue) else f": {J.statistic:.4g}, p = {J.pvalue:.4g}"
        return f"{self.result_.summary()}\n{J.method}{outcome}"


def interval_with(result: MomentEstimate, covariance: np.ndarray, level: float) -> pd.DataFrame:
    """Normal intervals around the same estimate with another covariance."""
    return MomentEstimate(result.names, result.estimate, covariance, result.method,
                          result.n_samples).confidence_interval(level)


def hull_frame(names: Sequence[str], hulls: Sequence[Hull]) -> pd.DataFrame:
    """One row per parameter; warns of sets that are empty or fall into pieces."""
    told = [f"{name}: the set is empty, every value looked at is rejected"
            for name, hull in zip(names, hulls, strict=True) if not hull.n_pieces]
    told += [f"{name}: the set falls into {hull.n_pieces} pieces or more, all within the "
             "interval; confidence_set shows them"
             for name, hull in zip(names, hulls, strict=True) if hull.n_pieces > 1]
    if told:
        warn_doubtful("; ".join(told))
    return pd.DataFrame({"parameter": list(names), "low": [hull.low for hull in hulls],
                         "high": [hull.high for hull in hulls]})


def check_groups_suffice(n_groups: int | None, n_moments: int, what: str) -> None:
    """Sets and tests by all moments need more groups than moments."""
    if n_groups is not None and n_groups <= n_moments:
        raise ValueError(f"S sets need more groups than {what}, got {n_groups} groups and "
                         f"{n_moments} {what}.")
