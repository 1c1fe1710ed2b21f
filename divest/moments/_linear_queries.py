"""What a fitted linear model with instruments can be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult
from divest._validation import check_number, check_option, check_rows, check_scale
from divest.moments import _classical
from divest.moments._formula import FormulaColumns
from divest.moments._inference import default_lags
from divest.moments._linear_iv import (
    Errors,
    LinearOutcome,
    Rows,
    excluded_instruments,
    inside_span,
)
from divest.moments._linear_sets import CoefficientTest, coefficient_set
from divest.moments._queries import (
    Hull,
    ParameterQueries,
    check_groups_suffice,
    hull_frame,
    interval_with,
)
from divest.moments._results import ConfidenceSet, analytic_test


class LinearQueries(ParameterQueries):
    """Predictions, intervals, sets and tests; `fit` is in the estimator."""

    method: str
    max_lags: int | None
    max_iter: int
    coef_: np.ndarray
    intercept_: float
    feature_names_in_: np.ndarray
    _rows: Rows
    _formula: FormulaColumns | None
    _F: np.ndarray  # orthonormal instruments
    _errors: Errors
    _outcome: LinearOutcome

    def predict(self, X: Any) -> np.ndarray:
        """What y would be on average were X set to these values.

        Parameters
        ----------
        X : array-like of shape (m, p)
            Rows. After `from_formula` also a DataFrame with the columns that the formula names,
            among others.

        Returns
        -------
        ndarray of shape (m,)
            The linear function at the rows.

        Raises
        ------
        ValueError
            When `X` has other columns than in `fit`.
        """
        check_is_fitted(self)
        if self._formula is not None and isinstance(X, pd.DataFrame):
            names = self.feature_names_in_.tolist()
            X = X[names] if set(names) <= set(X.columns) else self._formula.transform(X)[names]
        X = check_rows(self, X, reset=False)
        check_scale(X, "X", getattr(self, "feature_names_in_", None))
        return X @ self.coef_ + self.intercept_

    def confidence_interval(self, level: float = 0.95, method: str = "wald") -> pd.DataFrame:
        """Confidence intervals for all parameters.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).
        method : {"wald", "nw", "s"}, default "wald"
            ``"wald"``: normal, with the covariance of the fit. ``"nw"``: normal, with that of Newey
            and Windmeijer. ``"s"``: see `confidence_set`; valid with weak instruments.

        Returns
        -------
        DataFrame
            One row per parameter: parameter, low, high. With "s" an end is infinite where the
            set has none, and both are NaN for an empty set.

        Raises
        ------
        ValueError
            For "nw" where there is no such covariance.

        Warns
        -----
        TrustWarning
            When an S set is empty, or falls into pieces, of which the interval holds all.
        """
        check_is_fitted(self)
        check_option("method", method, ("wald", "nw", "s"))
        if method == "s":
            names = self.params_.index.tolist()
            return hull_frame(names, [_hull(self.confidence_set(n, level)) for n in names])
        if method == "wald":
            return self.result_.confidence_interval(level)
        if self._outcome.many_weak is None:
            raise ValueError("method='nw' needs an estimate by 'cue', 'el', 'et' or 'kmm' with "
                             "more instruments than regressors, at a point where the objective is "
                             "convex; use method='s'.")
        return interval_with(self.result_, self._outcome.many_weak, level)

    def confidence_set(self, parameter: str, level: float = 0.95) -> ConfidenceSet:
        """Values of one parameter that the S test of Stock and Wright does not reject.

        It stays valid however weak the instruments are. The statistic is the objective of
        continuously updated GMM, whatever the method. Other coefficients are chosen to make it
        smallest; other endogenous ones make the set wider than it need be.

        Parameters
        ----------
        parameter : str
            A name in the index of `params_`.
        level : float, default 0.95
            Confidence level in (0, 1).

        Returns
        -------
        ConfidenceSet
            The set; its grid covers the whole line, densest at the estimate.

        Raises
        ------
        ValueError
            When `parameter` is none, or there are no more groups than instruments.
        """
        check_is_fitted(self)
        check_groups_suffice(self._errors.n_groups, self._F.shape[1],
                             "instruments (constants counted)")
        rows, level = self._rows, check_number("level", level, 0, 1)
        j = rows.names.index(check_option("parameter", parameter, rows.names))
        test = CoefficientTest(rows.y, rows.X[:, j], np.delete(rows.X, j, axis=1), self._F, rows.w,
                               self._errors, self.max_iter)
        return coefficient_set(test, parameter, float(self.params_.iloc[j]),
                               float(self.result_.standard_error[j]), level)

    def j_test(self) -> HypothesisResult:
        """Test of whether all instruments are valid, by whether they agree.

        Returns
        -------
        HypothesisResult
            J statistic and chi-square p-value; NaN with no more instruments than regressors.
        """
        check_is_fitted(self)
        statistic, pvalue, _, note = self._outcome.j
        return analytic_test(statistic, pvalue, f"J test, {note}",
                             "all instruments are uncorrelated with the error")

    def to_linearmodels(self) -> Any:
        """The same model fitted by linearmodels, for its classical tests and tables.

        Returns
        -------
        linearmodels.iv.results.IVResults or IVGMMResults
            Results of IV2SLS, IVLIML, IVGMM or IVGMMCUE; of IV2SLS for "el", "et" and "kmm".

        Raises
        ------
        ImportError
            When linearmodels is not installed: it comes with ``divest[iv]``.
        """
        check_is_fitted(self)
        rows, errors = self._rows, self._errors
        _classical.load()
        exogenous = inside_span(rows.X, self._F, rows.w)
        E, X = rows.X[:, exogenous], pd.DataFrame(rows.X, columns=rows.names)
        kept = excluded_instruments(E, rows.Z, rows.w)
        Z = pd.DataFrame(rows.Z, columns=rows.instruments)
        data = {"dependent": pd.Series(rows.y, name="y"),
                "exog": X.loc[:, exogenous] if exogenous.any() else None,
                "endog": X.loc[:, ~exogenous] if (~exogenous).any() else None,
                "instruments": Z.iloc[:, kept] if (~exogenous).any() else None,
                "weights": pd.Series(rows.w * len(rows.w), name="weights")}
        lags = default_lags(len(rows.y)) if self.max_lags is None else self.max_lags
        config = _classical.cov_config(errors.cov_type, rows.groups, lags)
        return _classical.fitted_model(self.method, data, config)

    def first_stage(self) -> pd.DataFrame:
        """Classical diagnostics of the instruments, from linearmodels.

        Returns
        -------
        DataFrame
            One row per endogenous regressor: parameter, r2, partial_r2, shea_r2, and statistic,
            pvalue and distribution of the test of the excluded instruments.

        Raises
        ------
        ImportError
            When linearmodels is not installed: it comes with ``divest[iv]``.
        ValueError
            When no regressor is endogenous.
        """
        results = self.to_linearmodels()
        if inside_span(self._rows.X, self._F, self._rows.w).all():
            raise ValueError("no regressor is endogenous: the instruments give every column of X "
                             "exactly, so there is no first stage.")
        return _classical.first_stage_frame(results)


def _hull(found: ConfidenceSet) -> Hull:
    """From the first to the last piece; NaN where there is none."""
    pieces = found.intervals
    if not pieces:
        return Hull(np.nan, np.nan, 0)
    return Hull(pieces[0].low, pieces[-1].high, len(pieces))
