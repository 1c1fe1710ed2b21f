"""A kernel Stein test of fit that a small share of outliers cannot make reject."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import Diagnostic
from divest._validation import check_integer, check_number
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._misfit import WitnessMixin
from divest.goodness_of_fit._outcome import (
    Grid,
    Outcome,
    bandwidth_grid,
    check_bandwidth,
    combine,
)
from divest.goodness_of_fit._points import Coordinates, Points
from divest.goodness_of_fit._setup import (
    check_sample_rows,
    check_weight,
    refuse_every_edge,
    scores_of,
)
from divest.goodness_of_fit._stein_test import (
    SteinTest,
    bootstrap_draws,
    check_size,
    multipliers_of,
    values_of,
)
from divest.goodness_of_fit._verdict import few_rows, judge
from divest.kernels import Kernel, median_bandwidth, resolve_kernel

WAYS_ON = ("Pass weight=, two functions that give a weight that vanishes at the edges and the "
           "gradient of its logarithm, or use KernelSteinTest, which takes no outliers.")
_ADVICE = {
    "autocorrelation": "rows depend on their neighbours, so the test rejects too often; thin the "
                       "chain, or shuffle rows that are only sorted",
    "dominating_row": "one row has a large part of the sum, so the weight does not hold the score "
                      "down there; pass a weight that falls faster",
    "few_rows": "the level of the bootstrap holds for many rows; get a longer sample",
}


class RobustSteinTest(WitnessMixin, SteinTest):
    r"""Kernel Stein test of fit that allows for a share of outliers.

    Null hypothesis: but for a share `contamination` of them, the rows of `X` are drawn from the
    model; where the other rows come from does not matter. With the Stein kernel h of the tilted
    kernel w(x) k(x, y) w(y), the weight

    .. math:: w(x) = (1 + |x - c|^2 / m^2)^{-1/2}

    holds down the score of rows far away from the middle c, and under the null hypothesis [1]_

    .. math:: D = \sqrt{V} \le |D_n| + \theta, \quad
        \theta = \varepsilon \sqrt{\max_i h(x_i, x_i)}

    with V the mean of h over all pairs of rows, epsilon the contamination, theta the allowance for
    it, and :math:`|D_n|` the distance between the sample and its law, which has the same law as the
    distance between a bootstrap sample and the sample, for many rows. The statistic is
    :math:`\max(0, D - \theta)`.

    Parameters
    ----------
    model : object
        What `as_score_model` takes. None where `fit` gets `score_values`.
    contamination : float, default 0.05
        Largest share of outliers that the null hypothesis allows, in [0, 1).
    kernel : str or Kernel, default "imq"
        A name or a kernel of `divest.kernels`, which may be a sum. One that has its bandwidth keeps
        it.
    bandwidth : "auto", "median" or float, default "auto"
        As in `KernelSteinTest`: ``"auto"`` puts five bandwidths together into one p-value, with
        half of the level on the median.
    weight : tuple of two callables, optional
        Functions of `X` that give w, (n,) or, for each coordinate of the test function, (n, d), and
        the gradient of log w, (n, d). By default the weight above, with c the median of each column
        and m the median distance between rows. It is for scores that grow no faster than linearly;
        for others give one that falls faster, and for densities with an edge one that vanishes
        there.
    support : tuple of (lower, upper), optional
        Edges of the support of the model: numbers, or one number per column, infinite where there
        is none.
    n_resamples : int, default 999
        Bootstrap samples.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws. The same number gives the same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        What D exceeds the allowance by, 0 where it does not; with several bandwidths
        ``-log min_k p_k / w_k`` over their single p-values and shares of the level.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``, for all bandwidths together.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        All of these together.
    bandwidth_ : float
        The bandwidth; of several, the one with the smallest p-value for its share of the level.
    bandwidths_ : DataFrame
        One row per bandwidth: factor (of the median), bandwidth, weight (share of the level),
        discrepancy (D), allowance (theta), statistic and pvalue (of this bandwidth alone).
    discrepancy_ : float
        D at `bandwidth_`.
    allowance_ : float
        The allowance at `bandwidth_`.
    influence_ : ndarray of shape (n,)
        Mean of h of each row with the other rows at `bandwidth_`. Rows with large values speak
        against the model.
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
        When a diagnostic fails: as for `KernelSteinTest`, and when the allowance is so large that
        the test can see next to nothing.

    See Also
    --------
    KernelSteinTest : For samples without outliers: more power.

    Notes
    -----
    The bound holds for any outliers, so that the test rejects true models less often than its level
    says, most of all where there are none. Memory is linear in n; time is quadratic, for at most
    20,000 rows.

    References
    ----------
    .. [1] X. Liu and F.-X. Briol, "On the robustness of kernel goodness-of-fit tests", Journal of
       Machine Learning Research 26 (2025), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import KernelSteinTest, RobustSteinTest
    >>> X = np.random.default_rng(0).normal(size=(300, 1))
    >>> X[::50] = 8.0  # 2 % of outliers
    >>> KernelSteinTest(stats.norm(), random_state=0).fit(X).result_.reject()
    True
    >>> test = RobustSteinTest(stats.norm(), contamination=0.05, random_state=0).fit(X)
    >>> test.result_.reject()
    False
    """

    _method = "robust kernel Stein test"
    _null = "but for the given share of outliers, the rows are drawn from the model"

    def __init__(self, model=None, *, contamination=0.05, kernel="imq", bandwidth="auto",
                 weight=None, support=None, n_resamples=999, random_state=None, n_jobs=None,
                 progress=False):
        self.model = model
        self.contamination = contamination
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.weight = weight
        self.support = support
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, score_values: Any = None) -> Self:
        """Test whether the rows are drawn from the model, but for a share of outliers.

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
        RobustSteinTest
            The fitted test.

        Raises
        ------
        OutOfSupportError
            When rows lie where the model has no density; names them.
        SupportBoundaryError
            When the density does not vanish at an edge of its support, and there is no `weight`.
        TypeError
            When the model has no score.
        ValueError
            When a parameter, the data or the scores are not valid, the score is not the gradient of
            the log density, or there are too many rows.
        """
        kernel = self._check_parameters()
        X = check_sample_rows(self, X)
        self.model_, S = scores_of(self.model, X, score_values, self.support)
        if self.weight is None:
            refuse_every_edge(self.model_, X, self.support, WAYS_ON)
        points = Coordinates(weight=self.weight or _falling_weight(X)).points(X, S)
        grid = bandwidth_grid(kernel, self.bandwidth, points.median(), several=True)
        root = self._root
        outcome, table = self._resample(points, grid, root)
        self._points, self._kernel = points, grid.kernels[outcome.best]
        self._store(outcome, table, self.n_resamples, root, self._diagnose(X, S, outcome))
        return self

    def smallest_contamination(self, level: float = 0.05) -> float:
        """The smallest share of outliers that explains the misfit.

        With any smaller `contamination` the test rejects the model.

        Parameters
        ----------
        level : float, default 0.05
            Level of the test.

        Returns
        -------
        float
            The share in [0, 1], to 1e-9; 0 where the model is not rejected without outliers.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        check_is_fitted(self)
        level = check_number("level", level, 0.0, 1.0)
        low, high = -1.0, 1.0  # with as many outliers as rows there is no misfit
        while high - low > 1e-9:
            middle = (low + high) / 2
            rejected = self._outcome(max(middle, 0.0)).pvalue <= level
            low, high = (middle, high) if rejected else (low, middle)
        return max(high, 0.0)

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> Kernel:
        """Every parameter by itself; the kernel."""
        kernel = resolve_kernel(self.kernel)
        check_bandwidth(self.bandwidth, kernel)
        check_integer("n_resamples", self.n_resamples, 1)
        check_weight(self.weight)
        share = check_number("contamination", self.contamination)
        if not 0 <= share < 1:
            raise ValueError("contamination, the share of outliers, must be 0 or more and below 1, "
                             f"got {self.contamination!r}.")
        return kernel

    def _resample(self, points: Points, grid: Grid, root: np.random.SeedSequence
                  ) -> tuple[Outcome, pd.DataFrame]:
        """Statistics and draws of all bandwidths, and what they say together."""
        check_size(points.n, len(grid.kernels), self.n_resamples, "RobustSteinTest",
                   "fewer rows, taken at random")
        pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
        sums = [pair.sums(self.n_jobs) for pair in pairs]
        diagonals = [diagonal for _, diagonal in sums]
        distances = _root_of_mean(values_of(sums, "v"), points.n)
        bounds = np.sqrt([diagonal.max() for diagonal in diagonals])
        seeds = np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(
            self.n_resamples)
        draws = _root_of_mean(bootstrap_draws(
            pairs, diagonals, multipliers_of("efron", points.n, seeds, 0.5), "v",
            n_jobs=self.n_jobs, progress=self.progress), points.n)
        self._drawn = distances, bounds, draws, grid.weights
        outcome = self._outcome(self.contamination)
        self._keep_rows(*sums[outcome.best])
        allowances = self.contamination * bounds
        self.allowance_ = float(allowances[outcome.best])
        return outcome, grid.frame().assign(
            discrepancy=distances, allowance=allowances,
            statistic=np.maximum(0, distances - allowances), pvalue=outcome.single_pvalues)

    def _outcome(self, contamination: float) -> Outcome:
        """The test with some contamination."""
        distances, bounds, draws, weights = self._drawn
        return combine(np.maximum(0, distances - contamination * bounds), draws, weights)

    def _diagnose(self, X: np.ndarray, S: np.ndarray, outcome: Outcome) -> list[Diagnostic]:
        """What speaks for and against the p-value."""
        found = judge(X, S, self.model_, outcome.pvalue, independent=True,
                      diagonal=self._diagonal, ignored=None,
                      edges_known=not (self.support is None and self.weight is None))
        found += [few_rows(len(X)), self._visible(outcome.best)]
        return [replace(d, advice=_ADVICE.get(d.name, d.advice)) for d in found]

    def _visible(self, best: int) -> Diagnostic:
        """The discrepancy that is rejected, against that of typical rows all at one place."""
        needed = self.allowance_ + float(np.quantile(self._drawn[2][:, best], 0.95))
        limit = float(np.sqrt(np.median(self._diagonal)))
        return Diagnostic("allowance", needed, limit, needed < limit,
                          "the discrepancy that is rejected exceeds the largest that typical rows "
                          "can have, so the test sees next to nothing: allow for fewer outliers, "
                          "or pass a weight that holds down the score of the largest of them")


def _falling_weight(X: np.ndarray) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``(1 + |x - c|^2 / m^2)^(-1/2)`` and the gradient of its logarithm."""
    center, square = np.median(X, axis=0), median_bandwidth(X)**2

    def weight(rows: np.ndarray) -> np.ndarray:
        return (1 + ((rows - center)**2).sum(axis=1) / square)**-0.5

    def slope(rows: np.ndarray) -> np.ndarray:
        away = rows - center
        return -away / (square + (away**2).sum(axis=1, keepdims=True))

    return weight, slope


def _root_of_mean(sums: np.ndarray, n: int) -> np.ndarray:
    """The square root of n V over n; rounding may make it a little less than 0."""
    return np.sqrt(np.maximum(sums, 0) / n)
