"""The density of some columns given others, with kernels."""

from __future__ import annotations

from math import log, pi
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from divest._resampling import root_sequence
from divest._results import diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_floats,
    check_number,
    check_option,
    check_rows,
    check_sample,
    check_scale,
)
from divest.density._diagnostics import condensed_share, repeated_rows
from divest.density._effective_rows import regime_of
from divest.density._mixture import FAR, WeightedKernels, select_bandwidths
from divest.density._sums import PointSet, log_sums
from divest.density.regimes import RegimeResult


class ConditionalKernelDensity(BaseEstimator):
    r"""Density of `y` given `X`, for `y` of one or more columns, with Gaussian kernels.

    A mixture of kernels at the rows of `y`, with weights that say how near their rows of `X` are
    [1]_:

    .. math:: f(y \mid x) = \sum_i p_i(x) \, N(y; y_i, h_y^2 S_y), \quad
        p_i(x) \propto \exp\left(-\tfrac{1}{2 h_x^2} |S_x^{-1/2} (x - x_i)|^2\right),

    S_x and S_y the diagonal matrices of the variances of the columns. It integrates to 1 exactly.

    Parameters
    ----------
    bandwidth : "auto" or (hy, hx), default "auto"
        The bandwidths in standard deviations of the columns (divisor n - 1; for a single row, in
        units of the data). ``"auto"``: those with the largest mean of the log of f(y_i | x_i)
        estimated without row i [2]_; equal rows count as one row with their total weight, and above
        2000 distinct rows the mean takes one of every ``ceil(n/2000)``.
    n_jobs : int, optional
        Threads, through joblib.

    Attributes
    ----------
    bandwidth_ : tuple of float
        ``(hy, hx)`` in standard deviations of the columns.
    x_scale_ : ndarray of shape (`n_features_in_`,)
        Standard deviations of the columns of X; times ``hx``, the bandwidths in units of the data.
    y_scale_ : ndarray of shape (n_outputs,)
        Standard deviations of the columns of y.
    n_samples_ : int
        Number of rows.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns of X, where they have names.

    Warns
    -----
    TrustWarning
        When a few rows near each x carry the whole estimate, or most rows of y are copies of
        others, so that y has no density.

    Notes
    -----
    Results that are made of values of y have as many dimensions as the `y` of `fit`. Time is
    proportional to the number of rows times the number of queries; memory is not.

    References
    ----------
    .. [1] R. J. Hyndman, D. M. Bashtannyk and G. K. Grunwald, "Estimating and visualizing
       conditional densities", Journal of Computational and Graphical Statistics 5 (1996).
    .. [2] M. P. Holmes, A. G. Gray and C. L. Isbell, "Fast nonparametric conditional density
       estimation", UAI (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.density import ConditionalKernelDensity
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-3, 3, size=(500, 1))
    >>> y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=500)
    >>> density = ConditionalKernelDensity().fit(X, y)
    >>> density.mean([[0.5], [1.5]]).round(1)
    array([0.5, 1. ])
    >>> density.quantile([[0.0]], [0.1, 0.9]).shape
    (1, 2)
    """

    def __init__(self, *, bandwidth="auto", n_jobs=None):
        self.bandwidth = bandwidth
        self.n_jobs = n_jobs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> Self:
        """Store the rows, and choose the bandwidths.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The columns to condition on.
        y : array-like of shape (n,) or (n, n_outputs)
            The columns whose density is wanted.

        Returns
        -------
        ConditionalKernelDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            When `bandwidth` or the data are not valid, a column is constant, or there is one row
            only and no bandwidth.
        """
        given = _check_bandwidth(self.bandwidth)
        X, y, names = self._check_data(X, y)
        self._x_mean, self.x_scale_ = _location_and_scale(
            X, "X", getattr(self, "feature_names_in_", None))
        self._y_mean, self.y_scale_ = _location_and_scale(y, "y", names)
        Z, V = (X - self._x_mean) / self.x_scale_, (y - self._y_mean) / self.y_scale_
        if given is None and len(X) == 1:
            raise ValueError("bandwidth='auto' needs at least 2 rows, got 1 sample; give "
                             "bandwidth=(hy, hx).")
        hy, hx = self.bandwidth_ = given or select_bandwidths(V, Z, self.n_jobs)
        self.n_samples_ = len(X)
        self._points, self._joint = PointSet(Z), PointSet(np.hstack([Z / hx, V / hy]))
        self._mixture = WeightedKernels(Z, V, self.bandwidth_, self.n_jobs)
        found = [condensed_share(self._points, hx, n_jobs=self.n_jobs, of="the density of y"),
                 repeated_rows(V, np.full(V.shape[1], self.bandwidth_[0]), of="the values of y")]
        self.diagnostics_ = diagnostics_frame(found)
        warn_if_doubtful(found, type(self).__name__)
        return self

    def score_samples(self, X: Any, y: Any = None) -> np.ndarray:
        """Logarithm of the density of `y` given `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.
        y : array-like of shape (m,) or (m, n_outputs), optional
            Where to evaluate. None: the logarithm of the density of `X` itself, a kernel estimate
            with bandwidth ``hx``.

        Returns
        -------
        ndarray of shape (m,)
            Finite, however far a query is from the rows.
        """
        Q = self._queries(X)
        hy, hx = self.bandwidth_
        near = log_sums(self._points, Q, hx, n_jobs=self.n_jobs)
        if y is None:
            return near - _log_unit(hx, self.x_scale_)
        V = self._targets(y, len(Q))
        with np.errstate(invalid="ignore", over="ignore"):  # minus infinity: looked into below
            found = log_sums(self._joint, np.hstack([Q / hx, V / hy]), n_jobs=self.n_jobs) - near
        far = near < -FAR
        if far.any():
            found[far] = self._mixture.log_density(Q[far], V[far])
        return found - _log_unit(hy, self.y_scale_)

    def pdf(self, X: Any, y: Any) -> np.ndarray:
        """Density of `y` given `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.
        y : array-like of shape (m,) or (m, n_outputs)
            Where to evaluate, in the order of the rows of `X`.

        Returns
        -------
        ndarray of shape (m,)
            The density, per unit of `y`.
        """
        _require(y, "pdf")
        return np.exp(self.score_samples(X, y))

    def score(self, X: Any, y: Any) -> float:
        """Sum of the logarithms of the density of `y` given `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.
        y : array-like of shape (m,) or (m, n_outputs)
            Where to evaluate.

        Returns
        -------
        float
            The sum, so that a search over `bandwidth` finds the best on held-out rows.
        """
        _require(y, "score")
        return float(self.score_samples(X, y).sum())

    def cdf(self, X: Any, y: Any) -> np.ndarray:
        """Probability that every column is at most its value in `y`, given `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.
        y : array-like of shape (m,) or (m, n_outputs)
            Where to evaluate.

        Returns
        -------
        ndarray of shape (m,)
            Probabilities.
        """
        Q = self._queries(X)
        _require(y, "cdf")
        return self._mixture.cdf(Q, self._targets(y, len(Q)))

    def mean(self, X: Any) -> np.ndarray:
        """Mean of y given `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.

        Returns
        -------
        ndarray of shape (m,) or (m, n_outputs)
            The mean of the rows of y, weighted by how near their rows of X are.
        """
        return self._in_units(self._mixture.means(self._queries(X)))

    def quantile(self, X: Any, q: Any) -> np.ndarray:
        """Quantiles of y given `X`, for one column of y.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition.
        q : float or array-like of shape (k,)
            Probabilities strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (m,) or (m, k)
            Where `cdf` is `q`; one column for each probability, where `q` is an array.

        Raises
        ------
        ValueError
            When `q` is not between 0 and 1, or y has several columns.
        """
        Q = self._queries(X)
        if len(self.y_scale_) > 1:
            raise ValueError("a quantile needs one column of y, but this estimate was fitted to "
                             f"{len(self.y_scale_)}; fit one of them.")
        found = self._mixture.quantiles(Q, _check_levels(q))
        found = self._y_mean + self.y_scale_ * found
        return found[:, 0] if np.ndim(q) == 0 else found

    def sample(self, X: Any, random_state: Any = None) -> np.ndarray:
        """One random y for each row of `X`.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to condition; repeat a row for several draws.
        random_state : int, Generator, RandomState or None, default None
            Source of the draws. The same number gives the same draws for any `n_jobs`.

        Returns
        -------
        ndarray of shape (m,) or (m, n_outputs)
            Draws from the estimate.
        """
        Q = self._queries(X)
        rng = np.random.Generator(np.random.PCG64(root_sequence(random_state)))
        return self._in_units(self._mixture.draw(Q, rng))

    def regime(self, X: Any = None) -> RegimeResult:
        """How many rows speak at each query, and in which regime the weights of the rows are.

        Parameters
        ----------
        X : array-like of shape (m, d), optional
            Where to condition; by default the rows of `fit` themselves, each without its own
            kernel.

        Returns
        -------
        RegimeResult
            A table with one row per query, and a summary. Bandwidths are in standard deviations, as
            ``hx``.
        """
        check_is_fitted(self)
        points = self._points
        Q = points.rows if X is None else self._queries(X)
        own = np.arange(points.n) if X is None else None
        return regime_of(points, Q, self.bandwidth_[1], skip=own, n_jobs=self.n_jobs)

    # ------------------------------------------------------------ data
    def _check_data(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray, list[Any] | None]:
        """X, y as a matrix, and the names of the columns of y."""
        _require(y, "fit")
        X = check_rows(self, X)
        self._flat = np.ndim(y) == 1
        y, names = check_sample(y, "y")
        check_consistent_length(X, y)
        return X, y, names

    def _queries(self, X: Any) -> np.ndarray:
        """Queries in standard deviations."""
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        check_scale(X, "X", getattr(self, "feature_names_in_", None))
        return (X - self._x_mean) / self.x_scale_

    def _targets(self, y: Any, m: int) -> np.ndarray:
        """Values of y in standard deviations, one row per query."""
        y = check_sample(y, "y")[0]
        if y.shape != (m, len(self.y_scale_)):
            raise ValueError(f"y must have one row per row of X ({m}) and as many columns as in "
                             f"fit ({len(self.y_scale_)}), got shape {y.shape}.")
        with np.errstate(over="ignore"):  # infinitely far is as good as far
            return (y - self._y_mean) / self.y_scale_

    def _in_units(self, values: np.ndarray) -> np.ndarray:
        """Values of y in the units and with the dimensions of the y of `fit`."""
        values = self._y_mean + self.y_scale_ * values
        return values[:, 0] if self._flat else values


def _log_unit(h: float, scale: np.ndarray) -> float:
    """Logarithm of what turns a sum of kernels in standard deviations into a density."""
    return len(scale) * (log(h) + 0.5 * log(2.0 * pi)) + float(np.log(scale).sum())


def _location_and_scale(values: np.ndarray, name: str, columns: Any
                        ) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column; refuses constant ones, naming them."""
    if len(values) == 1:
        return values[0], np.ones(values.shape[1])
    check_scale(values, name, columns)
    scale = values.std(axis=0, ddof=1)
    constant = np.flatnonzero(~((np.ptp(values, axis=0) > 0) & (scale > 0) & np.isfinite(scale)))
    if len(constant):
        column = int(constant[0]) if columns is None else columns[constant[0]]
        raise ValueError(f"column {column!r} of {name} has no variance among the "
                         f"{len(values)} rows; drop it.")
    return values.mean(axis=0), scale


def _check_bandwidth(bandwidth: Any) -> tuple[float, float] | None:
    """Two positive numbers, or None for "auto"."""
    if isinstance(bandwidth, str):
        check_option("bandwidth", bandwidth, ("auto",))
        return None
    if np.shape(bandwidth) != (2,):
        raise ValueError(f"bandwidth must be 'auto' or a pair (hy, hx), got {bandwidth!r}.")
    hy, hx = (check_number(f"bandwidth: {name}", value, 0.0)
              for name, value in zip(("hy", "hx"), bandwidth, strict=True))
    return hy, hx


def _check_levels(q: Any) -> np.ndarray:
    """Probabilities (k,)."""
    levels = np.atleast_1d(check_floats("q", q))
    if levels.ndim > 1 or not levels.size or not ((levels > 0.0) & (levels < 1.0)).all():
        raise ValueError("q must be a number, or a row of numbers, strictly between 0 and 1, got "
                         f"{q!r}.")
    return levels


def _require(y: Any, method: str) -> None:
    """Refuse a missing y."""
    if y is None:
        raise ValueError(f"ConditionalKernelDensity.{method} requires y to be passed, but the "
                         "target y is None.")
