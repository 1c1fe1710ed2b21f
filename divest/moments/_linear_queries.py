"""What a fitted linear model with instruments can be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult, _level
from divest._validation import check_option, check_rows
from divest.moments import _classical
from divest.moments._formula import FormulaColumns
from divest.moments._inference import default_lags, wald
from divest.moments._linear_iv import (
    Errors,
    LinearOutcome,
    Rows,
    excluded_instruments,
    inside_span,
)
from divest.moments._linear_sets import CoefficientTest, coefficient_set
from divest.moments._results import ConfidenceSet, MomentEstimate, analytic_test


class LinearQueries:
    """Predictions, intervals, sets and tests; `fit` is in the estimator."""

    method: str
    max_lags: int | None
    max_iter: int
    params_: pd.Series
    cov_params_: pd.DataFrame
    coef_: np.ndarray
    intercept_: float
    feature_names_in_: np.ndarray
    result_: MomentEstimate
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
        """
        check_is_fitted(self)
        if self._formula is not None and isinstance(X, pd.DataFrame):
            names = self.feature_names_in_.tolist()
            X = X[names] if set(names) <= set(X.columns) else self._formula.transform(X)[names]
        return check_rows(self, X, reset=False) @ self.coef_ + self.intercept_

    def conf_int(self, level: float = 0.95, method: str = "wald") -> pd.DataFrame:
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
            Columns parameter, lower, upper. With "s" a parameter has a row for each piece of its
            set, infinite where a piece has no end, and none where the set is empty.

        Raises
        ------
        ValueError
            For "nw" where there is no such covariance.
        """
        check_is_fitted(self)
        check_option("method", method, ("wald", "nw", "s"))
        if method == "s":
            pieces = [(name, *piece) for name in self.params_.index
                      for piece in self.confidence_set(name, level).intervals]
            return pd.DataFrame(pieces, columns=["parameter", "lower", "upper"])
        if method == "wald":
            return self.result_.confidence_interval(level)
        if self._outcome.many_weak is None:
            raise ValueError("method='nw' needs an estimate by 'cue', 'el', 'et' or 'kmm' with "
                             "more instruments than regressors, at a point where the objective is "
                             "convex; use method='s'.")
        return MomentEstimate(self.params_.index.tolist(), self.params_.to_numpy(),
                              self._outcome.many_weak, self.result_.method,
                              len(self._rows.y)).confidence_interval(level)

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
        groups, q = self._errors.n_groups, self._F.shape[1]
        if groups is not None and groups <= q:
            raise ValueError(f"S sets need more groups than instruments (constants counted), got "
                             f"{groups} groups and {q} instruments.")
        rows, level = self._rows, _level(level)
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

    def wald_test(self, R: Any, r: Any = 0.0) -> HypothesisResult:
        """Test of ``R params = r``.

        Parameters
        ----------
        R : array-like of shape (k, number of parameters)
            One row per restriction, in the order of `params_`.
        r : float or array-like of shape (k,), default 0.0
            Right-hand sides.

        Returns
        -------
        HypothesisResult
            Chi-square test with k degrees of freedom.

        Raises
        ------
        ValueError
            When shapes do not fit or restrictions are not independent.
        """
        check_is_fitted(self)
        statistic, pvalue, df = wald(self.params_.to_numpy(), self.cov_params_.to_numpy(), R, r)
        return analytic_test(statistic, pvalue, f"Wald test, chi-square with {df} degrees of "
                             "freedom", "R params = r")

    def summary(self) -> str:
        """The estimates as a text table, and the J test.

        Returns
        -------
        str
            Text to print.
        """
        check_is_fitted(self)
        J = self.j_test()
        text = self.result_.summary()
        return text if np.isnan(J.pvalue) else (f"{text}\n{J.method}: {J.statistic:.4g}, "
                                                f"p = {J.pvalue:.4g}")

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
