"""A test of fit in linear time, by Stein features at a finite set of locations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from divest._resampling import resampling_pvalue, run_tasks
from divest._results import Diagnostic
from divest._validation import check_integer, check_number, check_option, check_sample
from divest.goodness_of_fit._locations import (
    LocationSearch,
    covariance_eigenvalues,
    finite_set_statistic,
    location_features,
    normal_locations,
)
from divest.goodness_of_fit._nystrom import chunks, spectral_draws
from divest.goodness_of_fit._outcome import Outcome, check_bandwidth
from divest.goodness_of_fit._setup import check_sample_rows, refuse_every_edge, scores_of
from divest.goodness_of_fit._stein_test import SteinTest
from divest.goodness_of_fit._verdict import judge
from divest.kernels import Kernel, median_bandwidth, resolve_kernel

FEWEST = 4  # rows to learn from, and to test with
WAYS_ON = ("Use KernelSteinTest, with boundary='tilt' for the edges of a box, or with "
           "boundary='project' for a region of another shape.")
_ADVICE = {
    "autocorrelation": "rows depend on their neighbours, so the test rejects too often; thin the "
                       "chain, shuffle rows that are only sorted, or use KernelSteinTest with "
                       "dependence='auto'",
    "dominating_row": "one row has a large part of the sum, so the scores are heavy-tailed and the "
                      "p-value is doubtful; look at that row",
}


class FiniteSetSteinTest(SteinTest):
    r"""Kernel Stein test of fit at a finite set of locations, in linear time.

    Null hypothesis: the rows of `X` are drawn from the model. With s the gradient of the log
    density of the model, k(x, v) = phi(:math:`|x - v|^2`) and J locations v_j, the d J features

    .. math:: \tau(x) = \operatorname{vec}_j \frac{s(x) k(x, v_j) + \nabla_x k(x, v_j)}{\sqrt{d J}}

    have mean 0 under the model. The statistic [1]_ is n times the mean of
    :math:`\tau(x) \cdot \tau(y)` over pairs of different rows, compared with draws of
    :math:`\sum_i \lambda_i (Z_i^2 - 1)` for standard normal Z and lambda the eigenvalues of the
    covariance of tau, which is its law under the null hypothesis when there are many rows.

    Parameters
    ----------
    model : object
        What `as_score_model` takes. None where `fit` gets `score_values`.
    n_locations : int, default 5
        Number of locations J; not used where `locations` are given.
    locations : {"random", "optimized"} or array-like of shape (J, d), default "random"
        ``"random"``: drawn from the normal law with the mean and the covariance of the rows.
        ``"optimized"``: where a part of the rows says that the test has most power; the other rows
        are tested. Or the locations themselves, which must not come from the same rows.
    kernel : str or Kernel, default "rbf"
        A name or a kernel of `divest.kernels`, which may be a sum. One that has its bandwidth keeps
        it.
    bandwidth : "auto", "median" or float, default "auto"
        ``"auto"``: optimized together with the locations, within a factor of 8 of the median
        distance between rows; else that median. ``"median"``: the median in any case.
    train_fraction : float, default 0.2
        Share of the rows, chosen at random, that optimized locations are learned from.
    n_resamples : int, default 3000
        Draws under the null hypothesis.
    support : tuple of (lower, upper), optional
        Edges of the support of the model: numbers, or one number per column, infinite where there
        is none.
    random_state : int, Generator, RandomState or None, default None
        Source of locations, of the rows to learn from, and of the draws. The same number gives the
        same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        n times the squared finite-set Stein discrepancy, its unbiased estimate.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        All of these together.
    locations_ : ndarray of shape (J, d)
        The locations.
    witness_ : ndarray of shape (J, d)
        Mean of ``s(x) k(x, v) + grad k(x, v)`` over the rows tested, at each location v: an arrow
        to where the model has more mass.
    bandwidth_ : float
        The bandwidth; NaN for a sum of kernels with bandwidths of their own.
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
        When rows depend on one another, one row dominates, parameters seem to be estimated from the
        same rows, modes are separated, rows are repeated, the support seems to end where the model
        does not say so, or there are many columns for random locations.

    See Also
    --------
    KernelSteinTest : All pairs of rows: more power, in quadratic time.

    Notes
    -----
    Time and memory are linear in n J d. The criterion of optimized locations is

    .. math:: |\mu|^2 / \sqrt{\sigma^2 + 0.01}, \quad
        \sigma^2 = 4 \operatorname{mean}\,(\tau \cdot \mu)^2 - 4 |\mu|^4

    with mu the mean of tau, the numerator estimated without bias. There tau is multiplied by the
    median distance between rows, so that the result does not depend on the unit of length.

    Optimized locations are for differences of shape in many columns, which random ones hardly see.
    Elsewhere they give less power: fewer rows are tested, and few are learned from.

    References
    ----------
    .. [1] W. Jitkrittum, W. Xu, Z. Szabo, K. Fukumizu and A. Gretton, "A linear-time kernel
       goodness-of-fit test", NeurIPS (2017), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import FiniteSetSteinTest
    >>> X = np.random.default_rng(0).normal(0.2, size=(2000, 1))
    >>> test = FiniteSetSteinTest(stats.norm(), locations="optimized", random_state=0).fit(X)
    >>> test.result_.reject()
    True
    >>> test.locations_.shape
    (5, 1)
    """

    _method = "finite-set Stein test"

    def __init__(self, model=None, *, n_locations=5, locations="random", kernel="rbf",
                 bandwidth="auto", train_fraction=0.2, n_resamples=3000, support=None,
                 random_state=None, n_jobs=None, progress=False):
        self.model = model
        self.n_locations = n_locations
        self.locations = locations
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.train_fraction = train_fraction
        self.n_resamples = n_resamples
        self.support = support
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None, *, score_values: Any = None) -> Self:
        """Test whether the rows are drawn from the model.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample, at least 4 rows; with optimized locations also as many to learn from.
        y : None
            Ignored, so that the test can stand in a pipeline.
        score_values : array-like of shape (n, d), optional
            The score at each row, when `model` is None.

        Returns
        -------
        FiniteSetSteinTest
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
            the log density, there are too few rows, or all locations are far from them.
        """
        kernel = self._check_parameters()
        X = check_sample_rows(self, X)
        self.model_, S = scores_of(self.model, X, score_values, self.support)
        refuse_every_edge(self.model_, X, self.support, WAYS_ON)
        root = self._root
        seed, last = np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(2)
        self.locations_, kernel, tested = self._place(kernel, X, S, seed)
        self.bandwidth_ = _bandwidth_of(kernel)
        tau = self._features(X[tested], S[tested], kernel)
        null = spectral_draws(covariance_eigenvalues(tau), self.n_resamples, last)
        statistic = finite_set_statistic(tau)
        self.witness_ = (np.sqrt(self.locations_.size)
                         * tau.mean(axis=0).reshape(self.locations_.shape))
        outcome = Outcome(statistic, resampling_pvalue(statistic, null), null, np.empty(0), 0)
        self._store_result(outcome, self.n_resamples, root,
                           self._diagnose(X, S, tau, outcome.pvalue))
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> Kernel:
        """Every parameter by itself; the kernel."""
        kernel = resolve_kernel(self.kernel)
        check_bandwidth(self.bandwidth, kernel)
        check_integer("n_locations", self.n_locations, 1)
        if isinstance(self.locations, str):
            check_option("locations", self.locations, ("random", "optimized"))
        check_number("train_fraction", self.train_fraction, 0.0, 1.0)
        check_integer("n_resamples", self.n_resamples, 1)
        return kernel

    def _place(self, kernel: Kernel, X: np.ndarray, S: np.ndarray, seed: np.random.SeedSequence
               ) -> tuple[np.ndarray, Kernel, Any]:
        """Locations, the kernel with its bandwidth, and the rows to test with."""
        rng = np.random.Generator(np.random.PCG64(seed))
        everything = slice(None)
        if not isinstance(self.locations, str):
            return self._given_locations(X.shape[1]), self._with_bandwidth(kernel, X), everything
        if self.locations == "random":
            locations = normal_locations(X, self.n_locations, rng)
            return locations, self._with_bandwidth(kernel, X), everything
        learned, tested = self._parts(len(X), rng)
        if self.bandwidth != "auto":
            kernel = self._with_bandwidth(kernel, X[learned])
        search = LocationSearch(X[learned], S[learned], kernel, median_bandwidth(X[learned]))
        start = normal_locations(X[learned], self.n_locations, rng)
        return *search.best(start), tested

    def _given_locations(self, d: int) -> np.ndarray:
        locations = check_sample(self.locations, "locations")[0]
        if locations.shape[1] != d:
            raise ValueError(f"locations must have the {d} columns of X, got shape "
                             f"{locations.shape}.")
        return locations

    def _with_bandwidth(self, kernel: Kernel, X: np.ndarray) -> Kernel:
        if kernel.has_bandwidth:
            return kernel
        by_rule = isinstance(self.bandwidth, str)
        return kernel.with_bandwidth(median_bandwidth(X) if by_rule else self.bandwidth)

    def _parts(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows to learn from and rows to test with, at random."""
        count = round(self.train_fraction * n)
        if min(count, n - count) < FEWEST:
            raise ValueError(f"locations='optimized' needs at least {FEWEST} rows to learn from "
                             f"and {FEWEST} to test with; train_fraction={self.train_fraction!r} "
                             f"of {n} rows gives {count} and {n - count}.")
        order = rng.permutation(n)
        return np.sort(order[:count]), np.sort(order[count:])

    def _features(self, X: np.ndarray, S: np.ndarray, kernel: Kernel) -> np.ndarray:
        """The features of all rows, in chunks."""
        parts = chunks(len(X))
        tasks = ((X[rows], S[rows], self.locations_, kernel) for rows in parts)
        tau = np.concatenate(list(run_tasks(
            location_features, tasks, len(parts), n_jobs=self.n_jobs, progress=self.progress,
            unit="chunk")))
        if not tau.any():
            raise ValueError("the kernel vanishes at every row for all locations: they are too far "
                             "from the rows for this bandwidth. Use other locations.")
        return tau

    def _diagnose(self, X: np.ndarray, S: np.ndarray, tau: np.ndarray,
                  pvalue: float) -> list[Diagnostic]:
        """What speaks for and against the p-value."""
        found = judge(X, S, self.model_, pvalue, independent=True,
                      diagonal=(tau**2).sum(axis=1), ignored=None,
                      edges_known=self.support is not None)
        found = [replace(d, advice=_ADVICE.get(d.name, d.advice)) for d in found]
        if isinstance(self.locations, str) and self.locations == "random":
            found.append(_few_locations(X.shape[1], pvalue))
        return found


def _bandwidth_of(kernel: Kernel) -> float:
    """That of a single kernel; NaN for a sum of several with different ones."""
    bandwidths = {term.bandwidth for term in kernel.terms}
    return float(bandwidths.pop()) if len(bandwidths) == 1 else float("nan")


def _few_locations(d: int, pvalue: float) -> Diagnostic:
    """Whether random locations can be expected to see local differences."""
    return Diagnostic("random_locations", float(d), 4.0, d < 5 or pvalue <= 0.05,
                      "random locations in many columns have little power against differences of "
                      "shape; use locations='optimized' or KernelSteinTest")
