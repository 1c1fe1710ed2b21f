"""Kernel Stein tests with many kernels and bandwidths at once."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from divest._resampling import resampling_signs
from divest._validation import check_integer, check_number, check_option
from divest.goodness_of_fit._aggregation import (
    check_bandwidths,
    check_kernels,
    check_weights,
    count_kernels,
    enough_draws,
    kernel_grid,
    table_of,
    two_layers,
)
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._misfit import MisfitMixin
from divest.goodness_of_fit._outcome import Grid, Outcome, combine
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._setup import (
    check_dependence,
    check_sample_rows,
    coordinates_of,
    scores_of,
)
from divest.goodness_of_fit._stein_test import (
    SteinTest,
    bootstrap_draws,
    change_of_sign,
    check_size,
    values_of,
)
from divest.goodness_of_fit._verdict import attainable_pvalue, few_rows, judge
from divest.kernels import Kernel

METHODS = ("minp", "ksdagg")
BOUNDARIES = ("auto", "refuse", "tilt", "ignore")


class AggregatedSteinTest(MisfitMixin, SteinTest):
    r"""Kernel Stein test with several kernels and bandwidths that share one level.

    Null hypothesis: the rows of `X` are drawn from the model. Every kernel k with its bandwidth
    gives the U statistic of `KernelSteinTest` and, with the same random signs for all of them,
    its draws. With p_k the p-value of one kernel and w_k its weight, ``method="minp"`` compares

    .. math:: T = \min_k p_k / w_k

    with the same number computed from each draw in place of the sample: a p-value for all kernels
    at once, one correction for all of them. ``method="ksdagg"`` decides at `level` in two layers
    [1]_: statistic k is compared with the quantile of order :math:`1 - u w_k` of its draws, and u
    is the largest number for which at most a share `level` of another `n_resamples` draws exceed
    any of the quantiles.

    Parameters
    ----------
    model : object
        What `as_score_model` takes. None where `fit` gets `score_values`.
    method : {"minp", "ksdagg"}, default "minp"
        How `reject_` is decided, and which bandwidths are taken by default.
    kernels : str, Kernel or list of these, default "imq"
        ``"imq"``, ``"rbf"``, ``"matern32"``, ``"matern52"``, ``"log_inverse"``, or kernels of
        `divest.kernels`. One that has its bandwidth keeps it.
    bandwidths : array-like of float, optional
        Bandwidths of every kernel without one. By default, with "minp", 1/8, 1/4, 1/2, 1 and 2
        times the median distance between rows; with "ksdagg" ten,
        :math:`\lambda^{(i-1)/9} / d`, lambda the largest distance between the first 500 rows, but
        at least 2, and d the number of columns.
    weights : array-like of float, optional
        Share of the level for each row of `bandwidths_`, in its order; divided by their sum. By
        default equal.
    level : float, default 0.05
        Level of `reject_`.
    dependence : None, "auto" or float, default None
        As in `KernelSteinTest`: for rows in the order of a Markov chain or a series.
    support : tuple of (lower, upper), optional
        Edges of the support of the model: numbers, or one number per column, infinite where there
        is none.
    boundary : {"auto", "refuse", "tilt", "ignore"}, default "auto"
        As in `KernelSteinTest`: what to do when the density does not vanish at an edge of its
        support.
    n_resamples : int, default 999
        Draws under the null hypothesis. With "ksdagg" there are twice as many: the first half gives
        p-values and quantiles, the second half u.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws. The same number gives the same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    reject_ : bool
        The decision at `level`: with "minp" whether `pvalue_` is at most `level`; with "ksdagg"
        that of the two layers, which `pvalue_` need not agree with.
    statistic_ : float
        ``-log min_k p_k / w_k``; with one kernel n times its U statistic.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)`` of that statistic, with either method.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        Statistic, p-value and draws; its ``reject`` goes by `pvalue_`.
    bandwidth_ : float
        The bandwidth with the smallest p-value for its weight; NaN for a sum of kernels with
        bandwidths of their own.
    bandwidths_ : DataFrame
        One row per kernel and bandwidth: kernel (its name), factor (of the median), bandwidth,
        weight, statistic (n times U) and pvalue (of this one alone).
    discrepancy_ : float
        The kernel Stein discrepancy at the kernel of `bandwidth_`.
    influence_ : ndarray of shape (n,)
        Mean of the Stein kernel of each row with the other rows, at the kernel of `bandwidth_`.
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
        As `KernelSteinTest`, and when there are too few draws for so many kernels.

    See Also
    --------
    KernelSteinTest : One kernel, with half of the level on the median bandwidth.

    Notes
    -----
    Memory is linear in n; time is quadratic, for at most 20,000 rows. The methods `witness`,
    `dimension_shares`, `discrepancy_interval` and `power_curve` are those of the best kernel.

    References
    ----------
    .. [1] A. Schrab, B. Guedj and A. Gretton, "KSD aggregated goodness-of-fit test", NeurIPS
       (2022), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import AggregatedSteinTest
    >>> X = np.random.default_rng(0).laplace(scale=0.5**0.5, size=(300, 1))
    >>> test = AggregatedSteinTest(stats.norm(), kernels=["imq", "rbf"], random_state=0).fit(X)
    >>> test.reject_
    True
    >>> test.bandwidths_.shape
    (10, 6)
    """

    _method = "aggregated kernel Stein test"

    def __init__(self, model=None, *, method="minp", kernels="imq", bandwidths=None, weights=None,
                 level=0.05, dependence=None, support=None, boundary="auto", n_resamples=999,
                 random_state=None, n_jobs=None, progress=False):
        self.model = model
        self.method = method
        self.kernels = kernels
        self.bandwidths = bandwidths
        self.weights = weights
        self.level = level
        self.dependence = dependence
        self.support = support
        self.boundary = boundary
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, score_values: Any = None) -> Self:
        """Test whether the rows are drawn from the model.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample, at least 4 rows.
        y : None
            Ignored, so that the test can stand in a pipeline.
        score_values : array-like of shape (n, d), optional
            The score at each row, when `model` is None.

        Returns
        -------
        AggregatedSteinTest
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
            the log density, or there are too many rows.
        """
        kernels, bandwidths, weights = self._check_parameters()
        X = check_sample_rows(self, X)
        self.model_, S = scores_of(self.model, X, score_values, self.support)
        coordinates, ignored = coordinates_of(self.model_, X, support=self.support,
                                              boundary=self.boundary)
        self._points, root = coordinates.points(X, S), self._root
        grid, names = kernel_grid(kernels, bandwidths, self._points, weights, self.method)
        change = change_of_sign(self.dependence, S)
        outcome = self._resample(self._points, grid, change, root)
        self._kernel = grid.kernels[outcome.best]
        table = table_of(grid, names, self._drawn[0], outcome.single_pvalues)
        diagnostics = judge(X, S, self.model_, outcome.pvalue,
                            independent=self.dependence is None, diagonal=self._diagonal,
                            ignored=ignored if self.boundary == "ignore" else None,
                            edges_known=self.support is not None)
        diagnostics += [attainable_pvalue(len(X), change), few_rows(len(X)),
                        enough_draws(self.n_resamples, weights, self.level)]
        self._store(outcome, table, self.n_resamples, root, diagnostics)
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> tuple[list[Kernel], list[float] | None, np.ndarray]:
        """Kernels, their bandwidths where these are given, and weights."""
        check_option("method", self.method, METHODS)
        check_option("boundary", self.boundary, BOUNDARIES)
        check_number("level", self.level, 0.0, 1.0)
        check_integer("n_resamples", self.n_resamples, 1)
        check_dependence(self.dependence)
        kernels = check_kernels(self.kernels)
        bandwidths = check_bandwidths(self.bandwidths, kernels)
        return kernels, bandwidths, check_weights(
            self.weights, count_kernels(kernels, bandwidths, self.method))

    def _resample(self, points: Points, grid: Grid, change: float,
                  root: np.random.SeedSequence) -> Outcome:
        """Statistics and draws of all kernels, and what they say together."""
        layers = 2 if self.method == "ksdagg" else 1
        check_size(points.n, len(grid.kernels), layers * self.n_resamples, "AggregatedSteinTest",
                   "KernelSteinTest(method='nystrom'), which takes time linear in that number")
        pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
        sums = [pair.sums(self.n_jobs) for pair in pairs]
        values = values_of(sums, "u")
        seeds = np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(
            layers * self.n_resamples)
        draws = bootstrap_draws(pairs, [diagonal for _, diagonal in sums],
                                resampling_signs(points.n, seeds, change), "u",
                                n_jobs=self.n_jobs, progress=self.progress)
        first, second = draws[:self.n_resamples], draws[self.n_resamples:]
        outcome = combine(values, first, grid.weights)
        self._drawn = values, first, grid.weights, outcome.best
        self._keep_rows(*sums[outcome.best])
        self.reject_ = (outcome.pvalue <= self.level if layers == 1 else
                        two_layers(values, first, second, grid.weights, self.level)[0])
        return outcome
