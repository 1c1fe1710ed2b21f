"""Linear regression with instruments."""

from __future__ import annotations

import sys
import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning

from divest._resampling import root_sequence
from divest._results import Diagnostic, _levels_to_caller, diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_integer,
    check_number,
    check_option,
    check_rows,
    check_sample,
    check_scale,
)
from divest.moments import _linear_diagnostics as verdicts
from divest.moments._formula import FormulaColumns, column_of, formula_matrices
from divest.moments._instruments import DataFeatures
from divest.moments._linear_iv import (
    METHODS,
    PROFILED,
    Errors,
    LinearFit,
    LinearSystem,
    Rows,
    Search,
    describe,
    directions,
    distinct_columns,
    estimate,
    linear_system,
    orthonormal_instruments,
    weakest_first_stage,
)
from divest.moments._linear_queries import LinearQueries
from divest.moments._moment_inputs import check_groups, check_order, check_weights
from divest.moments._results import MomentEstimate

COV_TYPES = ("auto", "robust", "nw", "cluster", "hac", "unadjusted")
AUTO_GUARD = 10.0
INTERCEPT = "intercept"


class LinearIVRegressor(LinearQueries, RegressorMixin, BaseEstimator):
    r"""Linear regression where some regressors go with the error, by way of instruments.

    The coefficients satisfy, in the population,

    .. math:: E[(y - x'\beta) z] = 0

    With more instruments than regressors no coefficients do so in the sample, and the methods
    differ in how they weigh the moments.

    Parameters
    ----------
    method : str, default "kmm"
        ``"2sls"``; ``"liml"``; ``"gmm"``, two-step with robust weights; ``"cue"``, continuously
        updated GMM; ``"el"``, empirical likelihood; ``"et"``, exponential tilting; ``"kmm"``,
        kernel method of moments. The last four and "liml" are less biased than "2sls" and "gmm"
        where instruments are many or weak.
    fit_intercept : bool, default True
        Whether a constant is among regressors and instruments.
    cov_type : str, default "auto"
        ``"robust"``: to unequal variances. ``"nw"``: Newey and Windmeijer's, which also allows for
        many weak instruments, for "cue", "el", "et" and "kmm". ``"cluster"``: rows of a group may
        depend on one another. ``"hac"``: rows in time order may depend on neighbours, Bartlett
        weights. ``"unadjusted"``: errors of one variance. ``"auto"`` is "cluster" with `groups`,
        else "nw" where there is one and "robust" otherwise. No small-sample factors.
    max_lags : int, optional
        Of "hac"; by default ``4 (n / 100)^(2/9)``.
    epsilon : float, default 1.0
        Of "kmm": weight of the divergence against the kernel distance.
    n_components_mmd : int, default 60
        Of "kmm": features of the kernel on the data.
    guard : float or "auto", default "auto"
        A profile estimate further than this many standard errors per parameter from two-step GMM is
        given up for the latter; "auto" is 10, infinity turns this off.
    max_iter : int, default 60
        Steps of the search of "cue", "el", "et" and "kmm".
    tol : float, default 1e-6
        The search ends when the next step is shorter than this many standard errors.
    random_state : int, Generator, RandomState or None, default None
        Of "kmm": draws the landmarks of the features.

    Attributes
    ----------
    params_ : Series
        Intercept and coefficients.
    coef_ : ndarray of shape (`n_features_in_`,)
        Coefficients.
    intercept_ : float
        The constant; 0 without.
    cov_params_ : DataFrame
        Covariance of `params_`; NaN where the instruments do not identify them.
    cov_type_ : str
        The covariance that was used.
    result_ : MomentEstimate
        Estimates with errors.
    weights_ : ndarray of shape (n,)
        Weights of the rows under which the moments hold ("cue", "el", "et", "kmm"), else those
        of the sample.
    objective_ : float
        Value of the objective that was minimised, residuals in standard deviations.
    kappa_ : float
        Of "liml"; 1 for the others.
    converged_ : bool
        Whether the search ended at a minimum.
    fallback_ : bool
        Whether two-step GMM is reported in its place.
    n_iter_ : int
        Steps of the search; 1 where there is a closed form.
    two_step_params_ : Series
        Where the search began: two-step GMM; two-stage least squares for "2sls" and "liml".
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When instruments are weak or repeat others, do not identify all coefficients, or contradict
        one another.
    ConvergenceWarning
        When two-step GMM is reported in place of the wanted estimate.

    See Also
    --------
    KernelMethodOfMoments : Any moment function, and instruments that act in nonlinear ways.
    KernelIVRegressor : A curve in place of a line.

    Notes
    -----
    `score` is R squared, as scikit-learn has it. It does not judge an instrumental-variable fit:
    the best prediction of y uses the very dependence between regressors and error that
    instruments are to take out.

    Weights of rows are sampling weights: estimates are those of the sample in which a row of weight
    2 stands twice. "gmm" therefore weighs the moments by the weighted mean of their squares.

    References
    ----------
    .. [1] W. K. Newey and R. J. Smith, "Higher order properties of GMM and generalized empirical
       likelihood estimators", Econometrica 72 (2004).
    .. [2] W. K. Newey and F. Windmeijer, "Generalized method of moments with many weak moment
       conditions", Econometrica 77 (2009).
    .. [3] J. H. Stock and J. H. Wright, "GMM with weak identification", Econometrica 68 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.moments import LinearIVRegressor
    >>> rng = np.random.default_rng(0)
    >>> Z, hidden = rng.normal(size=(1000, 3)), rng.normal(size=1000)
    >>> x = Z.sum(axis=1) + hidden
    >>> y = 2 * x + 3 * hidden + rng.normal(size=1000)
    >>> iv = LinearIVRegressor("cue").fit(x.reshape(-1, 1), y, Z)
    >>> iv.coef_.round(1)
    array([2.])
    >>> low, high = iv.confidence_interval().set_index("parameter").loc["x0"]
    >>> bool(low < 2 < high)
    True
    """

    def __init__(self, method="kmm", *, fit_intercept=True, cov_type="auto", max_lags=None,
                 epsilon=1.0, n_components_mmd=60, guard="auto", max_iter=60, tol=1e-6,
                 random_state=None):
        self.method = method
        self.fit_intercept = fit_intercept
        self.cov_type = cov_type
        self.max_lags = max_lags
        self.epsilon = epsilon
        self.n_components_mmd = n_components_mmd
        self.guard = guard
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @classmethod
    def from_formula(cls, formula: str, data: Any, *, sample_weight: Any = None,
                     groups: Any = None, **parameters: Any) -> Self:
        """Fit a model given as a formula, in the notation of linearmodels.

        Parameters
        ----------
        formula : str
            ``"y ~ 1 + exogenous + [endogenous ~ instruments]"``. Only a 1 in it gives a constant.
        data : DataFrame
            The columns that the formula names.
        sample_weight : str or array-like of shape (n,), optional
            As in `fit`, or the name of a column.
        groups : str or array-like of shape (n,), optional
            As in `fit`, or the name of a column.
        **parameters : dict
            Parameters of the estimator, but for `fit_intercept`.

        Returns
        -------
        LinearIVRegressor
            The fitted estimator. It predicts from new data with the columns of the formula, or
            from the columns of ``feature_names_in_``.

        Raises
        ------
        ImportError
            When formulaic is not installed: it comes with ``divest[iv]``.
        ValueError
            When the formula cannot be read, or values are missing.

        Examples
        --------
        >>> import pandas as pd
        >>> from divest.moments import LinearIVRegressor
        >>> data = pd.DataFrame({"z": [0, 1] * 20, "e": [1.0, 1.0, -1.0, -1.0] * 10})
        >>> data["x"] = data["z"] + data["e"]
        >>> data["y"] = 1 + 2 * data["x"] - data["e"]
        >>> LinearIVRegressor.from_formula("y ~ 1 + [x ~ z]", data).params_.round(6).to_dict()
        {'intercept': 1.0, 'x': 2.0}
        """
        frame = sys._getframe(1)
        made = formula_matrices(formula, data, {**frame.f_globals, **frame.f_locals})
        estimator = cls(fit_intercept=made.intercept, **parameters)
        estimator.fit(made.X, made.y, made.Z, groups=column_of(data, "groups", groups),
                      sample_weight=column_of(data, "sample_weight", sample_weight))
        estimator._formula = made.regressors
        return estimator

    def fit(self, X: Any, y: Any, Z: Any = None, *, sample_weight: Any = None,
            groups: Any = None) -> Self:
        """Estimate the coefficients.

        Parameters
        ----------
        X : array-like of shape (n, p)
            Regressors.
        y : array-like of shape (n,)
            Outcomes.
        Z : array-like of shape (n, k), optional
            Instruments. Exogenous columns of `X` are instruments for themselves: repeat them here.
            None: `X` itself, which is ordinary least squares.
        sample_weight : array-like of shape (n,), optional
            Sampling weights, 0 or more; rows of weight 0 are dropped.
        groups : array-like of shape (n,), optional
            The group of each row, for ``cov_type="cluster"``.

        Returns
        -------
        LinearIVRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data are not valid, there are fewer instruments than regressors,
            or no more rows than instruments.
        """
        self._check_parameters()
        self._formula: FormulaColumns | None = None
        rows = self._rows = self._check_data(X, y, Z, sample_weight, groups)
        self._F, kept = orthonormal_instruments(rows.Z, rows.w)
        U, T = directions(rows.X, rows.w)
        self._check_counts(rows, U.shape[1], len(kept))
        system = linear_system(rows.y, U, T, self._F, rows.w)
        fit = estimate(system, self.method, self._settings(rows))
        self._store(rows, system, fit)
        dropped = sorted(set(range(rows.Z.shape[1])) - set(kept.tolist()))
        self._judge(rows, system, fit, [rows.instruments[k] for k in dropped])
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> None:
        """Every parameter by itself, and those that exclude one another."""
        check_option("method", self.method, METHODS)
        check_option("cov_type", self.cov_type, COV_TYPES)
        if self.cov_type == "nw" and self.method not in PROFILED:
            raise ValueError(f"cov_type='nw' is for method {', '.join(map(repr, PROFILED))}; got "
                             f"method={self.method!r}. Use cov_type='robust'.")
        if self.max_lags is not None:
            check_integer("max_lags", self.max_lags, 0)
        check_number("epsilon", self.epsilon, 0.0)
        check_integer("n_components_mmd", self.n_components_mmd, 1)
        if self.guard != "auto" and self.guard != np.inf:
            check_number("guard", self.guard, 0.0)
        check_integer("max_iter", self.max_iter, 1)
        check_number("tol", self.tol, 0.0)

    def _check_data(self, X: Any, y: Any, Z: Any, sample_weight: Any, groups: Any) -> Rows:
        """Rows with a weight, as numbers, with the constant."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is "
                             "None.")
        check_order(X, y=y, Z=Z, sample_weight=sample_weight, groups=groups)
        X, y = check_rows(self, X, y, min_samples=2)
        names = [str(name) for name in getattr(self, "feature_names_in_",
                                               [f"x{j}" for j in range(X.shape[1])])]
        Z, columns = (X, names) if Z is None else check_sample(Z, "Z")
        given = Z is not X
        instruments = [str(c) for c in columns or [f"z{j}" for j in range(Z.shape[1])]]
        for name, part, called in (("X", X, names), ("Z", Z, columns), ("y", y[:, None], ["y"])):
            check_scale(np.asarray(part, float), name, called)
        n = len(X)
        if len(Z) != n:
            raise ValueError(f"Z must have one row per row of X ({n}), got {len(Z)}.")
        self._check_grouping(groups)
        weights = check_weights(sample_weight, n)
        used = weights > 0
        groups = None if groups is None else check_groups(groups, n)[used]
        if self.fit_intercept:
            X, Z = (np.column_stack([np.ones(n), part]) for part in (X, Z))
            if INTERCEPT in names:
                raise ValueError("X has a column named 'intercept', as the constant is: rename or "
                                 "drop it, or set fit_intercept=False.")
            names, instruments = [INTERCEPT, *names], [INTERCEPT, *instruments]
        return Rows(X[used], np.asarray(y, float)[used], Z[used], weights[used], groups, names,
                     instruments, given)

    def _check_grouping(self, groups: Any) -> None:
        """Groups must be there when the covariance needs them, and only then."""
        if groups is None and self.cov_type == "cluster":
            raise ValueError("cov_type='cluster' needs groups, one entry per row; got None.")
        if groups is not None and self.cov_type not in ("cluster", "auto"):
            raise ValueError("groups are for cov_type='cluster' or 'auto', got "
                             f"cov_type={self.cov_type!r}.")

    def _check_counts(self, rows: Rows, rank: int, q: int) -> None:
        """Refuse fewer instruments than regressors, and fewer rows than instruments."""
        p, k, n = rows.X.shape[1], rows.Z.shape[1], len(rows.y)
        if k < p:
            raise ValueError(
                f"under-identified: {k} instruments for {p} regressors (constants counted). Z "
                "needs at least one column per regressor; repeat exogenous columns of X in it.")
        if q > rank and n <= q:
            raise ValueError(f"{q} instruments need more than {n} rows (n_samples = {n}); use "
                             "fewer instruments or more rows.")

    def _settings(self, rows: Rows) -> Search:
        """Settings of the profile step, with the features of the data for "kmm"."""
        guard = AUTO_GUARD if self.guard == "auto" else float(self.guard)
        if self.method != "kmm" or not rows.given:
            return Search(1.0, guard, self.max_iter, self.tol)
        columns = distinct_columns(np.column_stack([rows.X, rows.y, rows.Z]))
        features = DataFeatures(self.n_components_mmd, "nystrom",
                                root_sequence(self.random_state).spawn(1)[0])
        Phi = features.fit_transform(columns, rows.w)
        return Search(float(self.epsilon), guard, self.max_iter, self.tol, Phi)

    def _store(self, rows: Rows, system: LinearSystem, fit: LinearFit) -> None:
        """Estimates, and the covariance that was asked for."""
        names, kind = rows.names, self.cov_type
        if kind in ("auto", "nw"):
            kind = "robust" if rows.groups is None else "cluster"
        self._errors = Errors(kind, rows.groups, self.max_lags)
        found = self._outcome = describe(system, fit, self._errors)
        newer = (found.many_weak is not None and rows.groups is None
                 and self.cov_type in ("auto", "nw"))
        V = found.many_weak if newer else found.robust
        self.cov_type_ = "nw" if newer else kind
        self.params_ = pd.Series(found.theta, index=names)
        self.two_step_params_ = pd.Series(found.two_step, index=names)
        self.cov_params_ = pd.DataFrame(V, index=names, columns=names)
        self.coef_ = found.theta[int(self.fit_intercept):].copy()
        self.intercept_ = float(found.theta[0]) if self.fit_intercept else 0.0
        self.weights_ = (rows.w if fit.dual is None else fit.dual.weights).copy()
        self.objective_, self.kappa_ = fit.objective, fit.kappa
        self.converged_, self.fallback_ = fit.converged, fit.fallback
        self.n_iter_ = max(fit.n_iter, 1)

    def _judge(self, rows: Rows, system: LinearSystem, fit: LinearFit,
               dropped: list[str]) -> None:
        """Diagnostics, the result that carries them, and warnings."""
        found, outcome = verdicts.fit_diagnostics(system, fit), self._outcome
        found.append(verdicts.identification(outcome.rank, len(rows.names)))
        weakest = weakest_first_stage(rows.X, self._F, rows.w, self._errors)
        identified = outcome.rank == len(rows.names)
        if weakest is not None and identified:
            found.append(verdicts.strength(weakest[0], rows.names[weakest[1]]))
        if rows.given:
            found.append(verdicts.collinear(dropped))
        found += verdicts.outcome_diagnostics(outcome, self._errors.n_groups, system.F.shape[1],
                                              fit.dual is not None and identified)
        title = f"{type(self).__name__} ({self.method}, {self.cov_type_} errors)"
        self.result_ = MomentEstimate(rows.names, outcome.theta.copy(),
                                      self.cov_params_.to_numpy().copy(), title, (len(rows.y),),
                                      tuple(found))
        self.diagnostics_ = diagnostics_frame(found)
        self._warn(fit, found)

    def _warn(self, fit: LinearFit, found: list[Diagnostic]) -> None:
        """Say what went wrong, at the caller's line."""
        if fit.fallback:
            warnings.warn(
                f"{type(self).__name__}: two-step GMM is reported, as method={self.method!r} "
                f"failed: {fit.message}. With weak instruments use "
                "confidence_interval(method='s').",
                ConvergenceWarning, stacklevel=_levels_to_caller())
        warn_if_doubtful(found, type(self).__name__)
