"""Does a model known up to its normalising constant fit a sample? The kernel Stein test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult
from divest._validation import as_rows, check_list, check_number, in_parts
from divest.goodness_of_fit._misfit import MisfitMixin
from divest.goodness_of_fit._outcome import (
    Grid,
    Outcome,
    bandwidth_grid,
    combine,
    critical_values,
    grid_of,
)
from divest.goodness_of_fit._points import Coordinates, Points
from divest.goodness_of_fit._setup import (
    check_parameters,
    check_sample_rows,
    coordinates_of,
    scores_of,
)
from divest.goodness_of_fit._stein_draws import statistics_and_draws
from divest.goodness_of_fit._stein_parts import fit_in_parts
from divest.goodness_of_fit._stein_test import SteinTest, change_of_sign, linear_statistic
from divest.goodness_of_fit._verdict import diagnose
from divest.kernels import resolve_kernel

CURVE = tuple(2.0**power for power in np.arange(-4, 2.5, 0.5))


class KernelSteinTest(MisfitMixin, SteinTest):
    r"""Kernel Stein test of fit for a model known through its score, up to its constant.

    Null hypothesis: the rows of `X` are drawn from the model. With s the gradient of the log
    density of the model, k(x, y) = phi(u) and u = :math:`|x - y|^2`, the Stein kernel [1]_, [2]_

    .. math:: h(x, y) = \varphi\, s_x \cdot s_y + 2 \varphi' [(x - y) \cdot (s_y - s_x) - d]
        - 4 \varphi'' u

    has mean 0 in x under the model, for every y, and no other law has this property for smooth
    densities on the whole space. The statistic is n times its mean over pairs of different rows
    (``"u"``) or over all pairs (``"v"``), compared with draws in which the rows get random signs
    [3]_ (the wild bootstrap). With ``bandwidth="auto"`` five bandwidths share one p-value.

    Parameters
    ----------
    model : object
        What `as_score_model` takes: a score function, a frozen scipy.stats distribution, a fitted
        mixture or density estimate of scikit-learn, and others. None where `fit` gets
        `score_values`.
    kernel : str or Kernel, default "imq"
        ``"imq"``, ``"rbf"``, ``"matern32"``, ``"matern52"``, ``"log_inverse"``, or a kernel of
        `divest.kernels`, which may be a sum. One that has its bandwidth keeps it.
    bandwidth : "auto", "median" or float, default "auto"
        ``"auto"``: 1/8, 1/4, 1/2, 1 and 2 times the median distance between rows, the median with
        half of the level, put together into one adjusted p-value. ``"median"``: the median alone,
        which has little power against local differences from five columns on. Where `null` is
        ``"linear"`` or ``"spectral"``, which share no draws between bandwidths, "auto" is the
        median.
    statistic : {"u", "v"}, default "u"
        Whether pairs of a row with itself count.
    null : {"wild", "efron", "parametric", "linear", "spectral"}, default "wild"
        Where the p-value comes from. ``"wild"``: random signs. ``"efron"``: multinomial counts less
        one. ``"parametric"``: samples drawn from the model, everything computed anew; needs a model
        that can be sampled from. ``"linear"``: the mean of h over n / 2 separate pairs, in the
        order of the rows, against the normal law; linear time, low power. ``"spectral"``: a
        weighted sum of chi-squares, with ``method="nystrom"``.
    dependence : None, "auto" or float, default None
        For rows in the order of a Markov chain or a series: the probability with which the random
        sign changes from one row to the next [3]_. ``"auto"``: ``min(1/2, 1/(8 tau))``, tau the
        largest integrated autocorrelation time of the columns of the score. None: independent rows.
    support : tuple of (lower, upper), optional
        Edges of the support of the model: numbers, or one number per column, infinite where there
        is none.
    boundary : {"auto", "refuse", "tilt", "project", "ignore"}, default "auto"
        What to do when the density does not vanish at an edge of its support, where h does not have
        mean 0. ``"refuse"``: raise. ``"tilt"``: multiply each coordinate of the test function by a
        weight that vanishes at the edges of its column. ``"project"``: condition the kernel to
        vanish at `boundary_points`. ``"ignore"``: the plain kernel. ``"auto"``: project when there
        are `boundary_points`; else refuse where the density does not vanish and `support` is not
        given here, and tilt where there is an edge: where the density vanishes the score explodes,
        and the plain test rejects too often (a true log-normal law in 17 % of samples of 200 rows).
    boundary_points : array-like of shape (m, d), optional
        Points on the boundary of the support.
    weight : tuple of two callables, optional
        A weight w of the kernel, ``w(x) k(x, y) w(y)``: functions of `X` that give w, (n,) or, for
        each coordinate of the test function, (n, d), and the gradient of log w, (n, d). Where w
        vanishes at the edge of the support, the test is valid there.
    preconditioner : {"std", "covariance"} or array-like of shape (d, d), optional
        A of the distance ``(x - y)' A (x - y)``: the inverse variances, the inverse covariance, or
        a positive-definite matrix. The scores are transformed with the rows: this is another test,
        equally valid, not only another kernel.
    method : {"exact", "nystrom"}, default "exact"
        All pairs, for at most 20,000 rows; or features of randomly chosen landmark rows, in linear
        time.
    n_landmarks : int, optional
        By default the smaller of 4 sqrt(n) and 400.
    dtype : {"float64", "float32"}, default "float64"
        Precision of the pairs; sums are double. Single changes them by about 2e-7 of their size.
    n_resamples : int, default 999
        Draws under the null hypothesis.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws. The same number gives the same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        n times the U (or V) statistic; with several bandwidths ``-log min_k p_k / w_k`` over their
        single p-values and weights; with ``null="linear"`` the standardised mean.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``, for all bandwidths together.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`; empty with ``null="linear"``.
    result_ : HypothesisResult
        All of these together.
    bandwidth_ : float
        The bandwidth; of several, the one with the smallest p-value for its weight.
    bandwidths_ : DataFrame
        One row per bandwidth: factor (of the median), bandwidth, weight, statistic (n times U or V)
        and pvalue (of this bandwidth alone).
    discrepancy_ : float
        The kernel Stein discrepancy at `bandwidth_`, the square root of the V statistic.
    influence_ : ndarray of shape (n,)
        Mean of h of each row with the other rows at `bandwidth_`; their mean is the U statistic.
        Rows with large values speak against the model. Not with ``null="linear"`` or Dask.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    model_ : ScoreModel or None
        The model as the test sees it.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When a diagnostic fails: rows are few, repeated or dependent, one dominates, parameters seem
        to come from the same rows, modes are separated, or an edge is not known.

    See Also
    --------
    kernel_stein_test : The same as a function.
    AggregatedSteinTest : Several kernels at once.
    CompositeSteinTest : When parameters of the model are estimated from the same rows.
    PerturbedSteinTest : When the model has separated modes.
    RobustSteinTest : When some of the rows may be outliers.

    Notes
    -----
    The test hardly sees how mass is divided between separated modes, and in more than about eight
    columns loses power against changes of shape; for smooth shifts of the mean a z test has more
    power. Memory is linear in n; time is quadratic with ``method="exact"``.

    Of a Dask table (``method="nystrom"``, ``null="spectral"``) statistic and p-value are those of
    the same rows in memory, from sums over its partitions. Diagnostics look at 20,000 random rows,
    that of dependence at the first 20,000; `witness` takes the random ones for the sample.

    References
    ----------
    .. [1] Q. Liu, J. Lee and M. Jordan, "A kernelized Stein discrepancy for goodness-of-fit tests",
       ICML (2016), Theorem 3.6.
    .. [2] J. Gorham and L. Mackey, "Measuring sample quality with kernels", ICML (2017), for the
       kernel and its bandwidth.
    .. [3] K. Chwialkowski, H. Strathmann and A. Gretton, "A kernel test of goodness of fit", ICML
       (2016), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import KernelSteinTest
    >>> X = np.random.default_rng(0).standard_t(3, size=(300, 1))
    >>> KernelSteinTest(stats.norm(), random_state=0).fit(X).pvalue_
    0.002
    >>> KernelSteinTest(stats.t(3), random_state=0).fit(X).result_.reject()
    False
    """

    def __init__(self, model=None, *, kernel="imq", bandwidth="auto", statistic="u", null="wild",
                 dependence=None, support=None, boundary="auto", boundary_points=None, weight=None,
                 preconditioner=None, method="exact", n_landmarks=None, dtype="float64",
                 n_resamples=999, random_state=None, n_jobs=None, progress=False):
        self.model = model
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.statistic = statistic
        self.null = null
        self.dependence = dependence
        self.support = support
        self.boundary = boundary
        self.boundary_points = boundary_points
        self.weight = weight
        self.preconditioner = preconditioner
        self.method = method
        self.n_landmarks = n_landmarks
        self.dtype = dtype
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, score_values: Any = None) -> Self:
        """Test whether the rows are drawn from the model.

        Parameters
        ----------
        X : array-like, Dask DataFrame or Dask array of shape (n, d)
            The sample, at least 4 rows. Of Dask, with ``method="nystrom"`` and ``null="spectral"``.
        y : None
            Ignored, so that the test can stand in a pipeline.
        score_values : array-like of shape (n, d), optional
            The score at each row, when `model` is None.

        Returns
        -------
        KernelSteinTest
            The fitted test.

        Raises
        ------
        OutOfSupportError
            When rows lie where the model has no density; names them.
        SupportBoundaryError
            When the density does not vanish at an edge of its support.
        TypeError
            When the model has no score.
        ValueError
            When a parameter, the data or the scores are not valid, the score is not the gradient of
            the log density, or there are too many rows for ``method="exact"``.
        """
        kernel = check_parameters(self)
        if in_parts(X):
            fit_in_parts(self, kernel, X, score_values)
            return self
        X = check_sample_rows(self, X)
        self.model_, S = scores_of(self.model, X, score_values, self.support,
                                   simulated=self.null == "parametric")
        coordinates, ignored = coordinates_of(
            self.model_, X, support=self.support, boundary=self.boundary,
            boundary_points=self.boundary_points, weight=self.weight,
            preconditioner=self.preconditioner, dtype=self.dtype)
        points = coordinates.points(X, S)
        grid = bandwidth_grid(kernel, self.bandwidth, points.median(),
                              several=self.null not in ("linear", "spectral"))
        root = self._root
        outcome, table = (self._linear(points, grid) if self.null == "linear" else
                          self._resample(points, grid, coordinates, S, root))
        self._points, self._kernel = points, grid.kernels[outcome.best]
        self._store(outcome, table, len(outcome.null_distribution), root,
                    diagnose(self, X, S, points, ignored, outcome.pvalue))
        return self

    def bandwidth_curve(self, factors: Sequence[float] = CURVE,
                        level: float = 0.05) -> pd.DataFrame:
        """The statistic against the bandwidth, with a band that holds for all of them at once.

        Parameters
        ----------
        factors : sequence of float
            Multiples of the median bandwidth; by default 1/16 to 4.
        level : float, default 0.05
            Level of the simultaneous test.

        Returns
        -------
        DataFrame
            One row per factor: factor, bandwidth, statistic, pvalue (of this bandwidth alone) and
            critical: under the null hypothesis any statistic reaches its critical value with
            probability `level` at most.

        Raises
        ------
        ValueError
            When the kernel has a bandwidth of its own, or with ``null="linear"`` or "spectral".
        """
        check_is_fitted(self)
        level = check_number("level", level, 0.0, 1.0)
        kernel = resolve_kernel(self.kernel)
        if kernel.has_bandwidth or self.null in ("linear", "spectral"):
            raise ValueError("a curve over bandwidths needs a kernel without a bandwidth of its "
                             "own and null='wild', 'efron' or 'parametric'.")
        factors = [check_number("factors", factor, 0.0)
                   for factor in check_list("factors", factors)]
        if not factors:
            raise ValueError("factors must hold one number or more, got none.")
        grid = grid_of(kernel, np.array(factors), self._points.median(),
                       np.full(len(factors), 1 / len(factors)))
        values, draws, _ = statistics_and_draws(self, self._points, grid, self._seed)
        return grid.frame().drop(columns="weight").assign(
            statistic=values, pvalue=combine(values, draws, grid.weights).single_pvalues,
            critical=critical_values(values, draws, grid.weights, level))

    # ------------------------------------------------------------ steps of fit
    def _linear(self, points: Points, grid: Grid) -> tuple[Outcome, pd.DataFrame]:
        self.__dict__.pop("influence_", None)  # of an earlier fit with another null
        self.__dict__.pop("discrepancy_", None)
        z, pvalue = linear_statistic(points, grid.kernels[0])
        table = grid.frame().assign(statistic=z, pvalue=pvalue)
        return Outcome(z, pvalue, np.empty(0), np.array([pvalue]), 0), table

    def _resample(self, points: Points, grid: Grid, coordinates: Coordinates, S: np.ndarray,
                  root: Any) -> tuple[Outcome, pd.DataFrame]:
        """Statistic and draws of every bandwidth, and what they say together."""
        self._coordinates, self._seed = coordinates, root
        self._sign_change = change_of_sign(self.dependence, S)
        values, draws, sums = statistics_and_draws(self, points, grid, root)
        outcome = combine(values, draws, grid.weights)
        self._drawn = values, draws, grid.weights, outcome.best
        self._keep_rows(*sums[outcome.best])
        return outcome, grid.frame().assign(statistic=values, pvalue=outcome.single_pvalues)


def kernel_stein_test(X: Any, model: Any = None, *, score_values: Any = None,
                      **parameters: Any) -> HypothesisResult:
    """Kernel Stein test of whether a sample is drawn from a model.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n,)
        The sample.
    model : object
        What `as_score_model` takes.
    score_values : array-like of shape (n, d), optional
        The score at each row, in place of a model.
    **parameters : dict
        Parameters of `KernelSteinTest`.

    Returns
    -------
    HypothesisResult
        Statistic, p-value and null distribution; unpacks as ``statistic, pvalue``.

    Raises
    ------
    TypeError, ValueError
        As `KernelSteinTest.fit`.

    See Also
    --------
    KernelSteinTest : The same as an estimator, which also tells where the model misfits.

    References
    ----------
    .. [1] K. Chwialkowski, H. Strathmann and A. Gretton, "A kernel test of goodness of fit", ICML
       (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import kernel_stein_test
    >>> x = np.random.default_rng(0).laplace(size=500)
    >>> statistic, pvalue = kernel_stein_test(x, stats.norm(scale=2**0.5), random_state=0)
    >>> pvalue
    0.001
    """
    test = KernelSteinTest(model, **parameters)
    return test.fit(X if in_parts(X) else as_rows(X), score_values=score_values).result_
