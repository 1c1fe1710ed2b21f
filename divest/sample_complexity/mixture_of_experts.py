"""A regression that gives the whole law of y: a mixture of experts, sized by the data."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from divest._resampling import one_thread_each, root_sequence
from divest._results import diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_finite,
    check_integer,
    check_number,
    check_option,
    check_rows,
    check_scale,
)
from divest.sample_complexity._expert_diagnostics import expert_diagnostics
from divest.sample_complexity._expert_grid import Cell, Search, criterion_frame
from divest.sample_complexity._expert_mixture import ExpertMixture
from divest.sample_complexity._experts import Rule, design, log_softmax

FAR = 1e50  # standard deviations: powers of such numbers may be no floats


class MixtureOfExperts(RegressorMixin, BaseEstimator):
    r"""Regression with experts that each know a region, sized by BIC.

    With a softmax gate g that is linear in x, and experts whose means are polynomials of x [1]_,

    .. math:: f(y \mid x) = \sum_{j=1}^m g_j(x) \, N(y; \beta_j' b(x), \sigma_j^2)

    where b(x) holds the J = C(degree + s, s) monomials of the s columns of X. It has
    m (J + 1) + (m - 1)(s + 1) parameters. More experts or a higher degree bring the mean nearer to
    any smooth curve, at a cost of (m J + m) log n / n; more degree than the curve has derivatives
    gains nothing.

    Parameters
    ----------
    n_experts : int or "bic", default "bic"
        Number of experts m. ``"bic"``: the number, up to `max_experts`, with the smallest BIC.
    degree : int or "bic", default "bic"
        Degree of the experts; 0 for constants. ``"bic"``: as for `n_experts`, up to `max_degree`.
    max_experts : int, default 8
        Largest number of experts that is tried. The search ends early, after two numbers in a row
        whose best BIC lies more than 10 above the smallest so far; and, but for the smallest model,
        it leaves out those with fewer than 5 rows per parameter.
    max_degree : int, default 3
        Highest degree that is tried.
    n_init : int, default 3
        Number of random starts; the one with the largest likelihood after 100 steps goes on. Starts
        are clusters of the rows of X and, every other time, of X and y together.
    max_iter : int, default 500
        Largest number of EM steps.
    tol : float, default 1e-7
        EM ends when a step gains less than this in log-likelihood per row.
    ridge : float, default 1e-6
        Ridge of the coefficients for standardised X and y, as a share of the rows per expert.
    variance_floor : float, default 1e-4
        Smallest variance of an expert, as a share of the variance of y. Without one the likelihood
        has no maximum.
    random_state : int, Generator, RandomState or None, default None
        Source of the starts and of the folds. A fit with the same seed and fixed sizes is that of
        the grid.

    Attributes
    ----------
    n_experts_ : int
        Number of experts.
    degree_ : int
        Degree of their means.
    n_parameters_ : int
        Number of parameters.
    log_likelihood_ : float
        Log-likelihood of the rows of `fit`.
    criterion_ : DataFrame
        One row per fit: n_experts, degree, n_parameters, log_likelihood, bic, aic, held_out (mean
        log-density of rows left out, by 5-fold cross-validation that starts from the fit on all
        rows; NaN where there was nothing to choose) and converged. The smallest BIC wins; held_out
        is there to compare.
    expert_rows_ : ndarray of shape (`n_experts_`,)
        Rows that each expert speaks for: sum of its shares.
    expert_sds_ : ndarray of shape (`n_experts_`,)
        Standard deviation of each expert.
    n_iter_ : int
        EM steps taken.
    converged_ : bool
        Whether EM ended before `max_iter`.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where they have names.

    Warns
    -----
    TrustWarning
        When EM did not converge, rows are few for the number of parameters, an expert speaks for
        hardly any rows or has no variance, BIC chose `max_experts`, or held-out rows clearly speak
        for another size.

    See Also
    --------
    divest.density.ConditionalKernelDensity : The law of y given X without a model.

    Notes
    -----
    The gate moves by Newton steps, one per EM step; where one would lower the likelihood, by steps
    with a fixed bound of the Hessian [2]_. Where steps gain little, the gate goes several times as
    far while that raises the likelihood [3]_. No EM step lowers the likelihood less its ridge. With
    more experts than the law needs the model is singular, and BIC a heuristic.

    References
    ----------
    .. [1] E. F. Mendes and W. Jiang, "Convergence rates for mixture-of-experts", arXiv 1110.2058
       (2011).
    .. [2] D. Boehning, "Multinomial logistic regression algorithm", Annals of the Institute of
       Statistical Mathematics 44 (1992).
    .. [3] R. Salakhutdinov and S. Roweis, "Adaptive overrelaxed bound optimization methods",
       International Conference on Machine Learning (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import MixtureOfExperts
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, size=(300, 1))
    >>> y = np.abs(X[:, 0]) + 0.1 * rng.normal(size=300)
    >>> model = MixtureOfExperts(max_experts=3, max_degree=1, random_state=0).fit(X, y)
    >>> model.n_experts_, model.degree_
    (2, 1)
    >>> model.predict([[-0.5], [0.5]]).round(1)
    array([0.5, 0.5])
    >>> model.predict_distribution([[0.5]]).quantile([0.05, 0.95]).round(1)
    array([[0.3, 0.7]])
    """

    def __init__(self, n_experts="bic", degree="bic", *, max_experts=8, max_degree=3, n_init=3,
                 max_iter=500, tol=1e-7, ridge=1e-6, variance_floor=1e-4, random_state=None):
        self.n_experts = n_experts
        self.degree = degree
        self.max_experts = max_experts
        self.max_degree = max_degree
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.ridge = ridge
        self.variance_floor = variance_floor
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Choose the size by BIC, where it is not given, and fit by EM.

        Parameters
        ----------
        X : array-like of shape (n, s)
            What the law of y depends on.
        y : array-like of shape (n,)
            The target.

        Returns
        -------
        MixtureOfExperts
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data are not valid, y does not vary, or there are more experts
            than rows.
        TypeError
            When a parameter has the wrong type.
        """
        experts, degrees, rule = self._check_parameters()
        if y is None:
            raise ValueError("MixtureOfExperts requires y to be passed, but the target y is None.")
        X, y = check_rows(self, X, y, min_samples=2)
        check_scale(X, "X", getattr(self, "feature_names_in_", None))
        y = _numbers(y)
        check_scale(y[:, None], "y", ["y"])
        if experts.start > len(X):
            raise ValueError(f"n_experts must be at most the number of rows, {len(X)}, got "
                             f"{experts.start}.")
        search = self._standardize(X, y, rule)
        with one_thread_each:
            cells = search.run(experts, degrees)
        chosen = min(cells, key=lambda cell: cell.bic)
        self._store(cells, chosen)
        at_most = None if self.n_experts != "bic" else self.max_experts
        found = expert_diagnostics(cells, chosen, len(X), rule, at_most=at_most)
        self.diagnostics_ = diagnostics_frame(found)
        warn_if_doubtful(found, type(self).__name__)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Mean of y given each row.

        Parameters
        ----------
        X : array-like of shape (n, s)
            Where to predict.

        Returns
        -------
        ndarray of shape (n,)
            Means. Beyond the range of the rows of `fit` they follow the polynomials.
        """
        return self.predict_distribution(X).mean()

    def predict_distribution(self, X: Any) -> ExpertMixture:
        """The law of y given each row.

        Parameters
        ----------
        X : array-like of shape (n, s)
            Where to predict.

        Returns
        -------
        ExpertMixture
            With ``weights``, ``means`` and ``sds`` of the experts, and with ``pdf``, ``cdf``,
            ``quantile``, ``mean``, ``var``, ``entropy`` and ``sample``.

        Raises
        ------
        ValueError
            When `X` has other columns than in `fit`, or holds NaN or infinity.
        """
        check_is_fitted(self)
        with np.errstate(over="ignore"):
            Z = (check_rows(self, X, reset=False) - self._x_mean) / self._x_scale
        if (far := np.abs(Z).max()) > FAR:
            raise ValueError(f"X is {far:.3g} standard deviations from the rows of the fit, too "
                             "far to predict anything; check its units.")
        gate, monomials = design(Z, self.degree_)
        weights = np.exp(log_softmax((self._gate @ gate.T)[None]))[0].T
        means = self._y_mean + self._y_scale * (monomials @ self._coefficients.T)
        return ExpertMixture(weights, means, self.expert_sds_)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination of `predict`.

        Parameters
        ----------
        X : array-like of shape (m, s)
            Rows.
        y : array-like of shape (m,)
            Their values of y.
        sample_weight : array-like of shape (m,), optional
            Weights of the rows.

        Returns
        -------
        float
            At most 1; 0 for a prediction no better than the mean of y.

        Raises
        ------
        ValueError
            When `X` has other columns than in `fit`, or either holds NaN, infinity, or numbers
            whose squares are no floats.
        """
        y = _numbers(column_or_1d(y))
        check_scale(y[:, None], "y", ["y"])
        return float(super().score(X, y, sample_weight))

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Logarithm of the density of `y` given `X`.

        Parameters
        ----------
        X : array-like of shape (n, s)
            Where to condition.
        y : array-like of shape (n,), optional
            Where to evaluate. None: what the model expects there, which is minus the entropy of its
            law of y.

        Returns
        -------
        ndarray of shape (n,)
            Log-densities.

        Raises
        ------
        ValueError
            When `X` and `y` have not the same number of rows, or `X` other columns than in `fit`.
        """
        law = self.predict_distribution(X)
        if y is None:
            return -law.entropy()
        y = _numbers(column_or_1d(y, warn=True))
        check_consistent_length(law.means, y)
        return law.logpdf(y)

    def sample(self, X: Any, random_state: Any = None) -> np.ndarray:
        """One random y for each row of `X`.

        Parameters
        ----------
        X : array-like of shape (n, s)
            Where to condition; repeat a row for several draws.
        random_state : int, Generator, RandomState or None, default None
            Source of the draws.

        Returns
        -------
        ndarray of shape (n,)
            Draws.
        """
        return self.predict_distribution(X).sample(random_state)

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> tuple[range, range, Rule]:
        """Numbers of experts and degrees to try, and the settings of EM."""
        experts = _choices("n_experts", self.n_experts, 1, "max_experts", self.max_experts)
        degrees = _choices("degree", self.degree, 0, "max_degree", self.max_degree)
        check_integer("n_init", self.n_init, 1)
        check_integer("max_iter", self.max_iter, 1)
        check_number("tol", self.tol, 0.0)
        check_number("ridge", self.ridge, 0.0)
        check_number("variance_floor", self.variance_floor, 0.0, 1.0)
        return experts, degrees, Rule(self.ridge, self.variance_floor, self.tol, self.max_iter)

    def _standardize(self, X: np.ndarray, y: np.ndarray, rule: Rule) -> Search:
        """Keep location and scale of X and y, and set up the fits in standard units."""
        self._x_mean, scale = X.mean(axis=0), X.std(axis=0)
        self._x_scale = np.where((np.ptp(X, axis=0) > 0) & (scale > 0), scale, 1.0)
        self._y_mean, self._y_scale = float(y.mean()), float(y.std())
        if not (np.ptp(y) > 0 and self._y_scale > 0):
            raise ValueError(f"y has no variance: all {len(y)} values are {y[0]:g}.")
        return Search((X - self._x_mean) / self._x_scale, (y - self._y_mean) / self._y_scale,
                      -float(np.log(self._y_scale)), rule, self.n_init,
                      root_sequence(self.random_state))

    def _store(self, cells: list[Cell], chosen: Cell) -> None:
        """Fitted attributes."""
        fit = chosen.fit.take(0)
        self.n_experts_, self.degree_ = chosen.n_experts, chosen.degree
        self.n_parameters_ = chosen.row["n_parameters"]
        self.log_likelihood_ = chosen.row["log_likelihood"]
        self.criterion_ = criterion_frame(cells)
        self.expert_rows_ = fit.sizes
        self.expert_sds_ = self._y_scale * np.sqrt(fit.variance)
        self.n_iter_, self.converged_ = int(fit.n_iter), bool(fit.converged)
        self._gate, self._coefficients = fit.gate, fit.coefficients


def _choices(name: str, value: Any, low: int, limit_name: str, limit: Any) -> range:
    """The values to try: one, or all up to the limit."""
    limit = check_integer(limit_name, limit, low)
    if isinstance(value, str):
        check_option(name, value, ("bic",))
        return range(low, limit + 1)
    value = check_integer(name, value, low)
    return range(value, value + 1)


def _numbers(y: np.ndarray) -> np.ndarray:
    """`y` as finite floats."""
    try:
        y = np.asarray(y, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"y must hold numbers, got {y[0]!r} first.") from None
    check_finite(y[:, None], "Input y", ["y"])
    return y
