"""Do two samples come from the same distribution? Permutation of labels on one fixed graph."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._base import TwoSampleMixin
from divest._neighbors import METRICS
from divest._resampling import resampling_pvalue, root_sequence, run_tasks
from divest._results import HypothesisResult, diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_integer,
    check_neighbor_counts,
    check_option,
    check_row_groups,
    check_two_samples,
)
from divest.divergence._debias import debiased, debiased_log
from divest.divergence._ensemble import check_order
from divest.divergence._graph import labelled_graph
from divest.divergence._one_step import class_constants
from divest.divergence._permutation import (
    LANES,
    distinct_permutations,
    labelled_statistics,
    linear_terms,
    same_label_share,
    tables,
)
from divest.divergence._standardize import METHODS as STANDARDIZE
from divest.divergence._standardize import Standardizer
from divest.generators import Generator, resolve_generator

METHOD = "nearest-neighbor divergence two-sample test"
NULL = "both samples come from the same distribution"


class DivergenceTwoSampleTest(TwoSampleMixin, BaseEstimator):
    r"""Exact two-sample test: permutation of the labels on one fixed neighbour graph.

    Null hypothesis: both samples come from the same distribution. At each of several numbers of
    neighbours the statistic is the one-step divergence estimate of
    `NearestNeighborRatioDivergence`. The balls depend on the pooled sample only, so under the null
    hypothesis every labelling is equally likely and the test is exact, with ties too. Each scale is
    standardised by its mean and deviation over all labellings, the observed one among them, and
    the largest (or the mean) over scales is compared with its permutations [1]_.

    Parameters
    ----------
    divergence : str or Generator, default "hellinger"
        The divergence the statistic estimates. Of Renyi and power divergences it is the integral
        of p^a q^(1-a) behind them.
    n_neighbors : "auto", int or array of int, default "auto"
        Scales; by default five geometric values from 5 to 80, or a third of the rows if fewer.
    combine : {"max", "mean"}, default "max"
        How the standardised scales are put together.
    n_resamples : int, default 999
        Number of permutations.
    metric : {"euclidean", "manhattan", "chebyshev"}, default "euclidean"
        The distance.
    standardize : {"std", "whiten"} or None, default None
        Scale the columns by the pooled standard deviations, or by the pooled covariance.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations. The same number gives the same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        The combined standardised statistic.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``.
    null_distribution_ : ndarray of shape (n_resamples,)
        The statistic under permutation.
    result_ : HypothesisResult
        All of these together.
    path_ : DataFrame
        One row per scale: n_neighbors, statistic, standardized, pvalue (of this scale alone, not
        adjusted) and same_label_share.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_neighbors_ : ndarray of shape (n_scales,)
        Scales used.
    n_samples_ : tuple of int
        Rows of P and Q.
    classes_ : ndarray of shape (2,)
        Labels of the reference Q and of P.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When there are fewer distinct permutations than `n_resamples`.

    See Also
    --------
    divergence_two_sample_test : The same as a function.
    NearestNeighborRatioDivergence : How far apart the samples are.

    Notes
    -----
    Energy distance and maximum mean discrepancy have more power for pure shifts and changes of
    scale; this test has more for changes of correlation and for fine structure.

    References
    ----------
    .. [1] L. Friedman and L. Rafsky, "Multivariate generalizations of the Wald-Wolfowitz and
       Smirnov two-sample tests", Ann. Statist. 7 (1979), for tests on a graph of the pooled sample.

    Examples
    --------
    >>> import numpy as np
    >>> from divest import DivergenceTwoSampleTest
    >>> rng = np.random.default_rng(0)
    >>> P = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=100)
    >>> Q = rng.normal(size=(100, 2))
    >>> test = DivergenceTwoSampleTest(random_state=0).fit_samples(P, Q)
    >>> test.pvalue_
    0.001
    """

    def __init__(self, divergence="hellinger", *, n_neighbors="auto", combine="max",
                 n_resamples=999, metric="euclidean", standardize=None, random_state=None,
                 n_jobs=None, progress=False):
        self.divergence = divergence
        self.n_neighbors = n_neighbors
        self.combine = combine
        self.n_resamples = n_resamples
        self.metric = metric
        self.standardize = standardize
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Self:
        """Test whether the rows labelled ``classes_[1]`` are distributed as the others.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of both samples.
        y : array-like of shape (n,)
            Two labels.
        groups : array-like of shape (n,), optional
            Labels are permuted within these groups only (sites, blocks, matched sets).

        Returns
        -------
        DivergenceTwoSampleTest
            The fitted test.

        Raises
        ------
        ValueError
            When the data or a parameter is not valid, a sample has fewer than two rows, or every
            group holds one sample only.
        """
        generator = self._checked_generator()
        X, is_p = check_two_samples(self, X, y)
        if min(self.n_samples_) < 2:
            raise ValueError("each sample must have at least 2 rows, got n_samples = "
                             f"{self.n_samples_[0]} of P and {self.n_samples_[1]} of Q.")
        blocks = None if groups is None else check_row_groups(groups, is_p)
        self.n_neighbors_ = self._scales(len(X))
        check_order(generator, self.n_neighbors_)
        rows = Standardizer.from_rows(X, self.standardize).transform(X)
        self._graph = labelled_graph(rows, is_p, self.n_neighbors_, metric=self.metric,
                                    n_jobs=self.n_jobs)
        self._terms = linear_terms(generator)
        root = root_sequence(self.random_state)
        seed = None if root.spawn_key else root.entropy  # a spawned stream has no number
        self._store(self._permute(is_p, blocks, root), blocks, seed)
        warn_if_doubtful(self.result_.diagnostics, METHOD)
        return self

    def row_contributions(self) -> pd.DataFrame:
        """What each row adds to the statistic: which rows drive the difference.

        Returns
        -------
        DataFrame
            One row per row of `X`, in its order (after `fit_samples`, the rows of P first): sample
            (its label), contribution (they sum to the statistic at the scale that differs most, or
            to its mean over scales when ``combine="mean"``) and log_density_ratio (log p/q around
            the row, itself left out).
        """
        check_is_fitted(self)
        graph = self._graph
        best = self.path_["standardized"].fillna(-np.inf).to_numpy().argmax()
        scales = [best] if self.combine == "max" else range(len(self.n_neighbors_))
        sides = zip((graph.p, graph.q), self._terms, class_constants(graph), (True, False),
                    (graph.n_p, graph.n_q), strict=True)
        point_of_row, is_p = graph.index.point_of_row, graph.is_p
        out = pd.DataFrame({"sample": self.classes_[is_p.astype(int)],
                            "contribution": 0.0, "log_density_ratio": 0.0})
        for side, terms, c, label, n in sides:
            rows = np.flatnonzero(is_p == label)
            cell = np.searchsorted(side.points, point_of_row[rows])
            C, K = side.C[:, scales], side.K[:, scales]
            out.loc[rows, "contribution"] = (debiased(terms, C, K, c).mean(axis=1) / n)[cell]
            out.loc[rows, "log_density_ratio"] = debiased_log(C, K, c).mean(axis=1)[cell]
        return out

    # ------------------------------------------------------------ steps of fit
    def _checked_generator(self) -> Generator:
        check_option("combine", self.combine, ("max", "mean"))
        check_option("metric", self.metric, METRICS)
        check_option("standardize", self.standardize, STANDARDIZE)
        check_integer("n_resamples", self.n_resamples, 1)
        return resolve_generator(self.divergence)

    def _scales(self, n: int) -> np.ndarray:
        if not (isinstance(self.n_neighbors, str) and self.n_neighbors == "auto"):
            return check_neighbor_counts(self.n_neighbors, n)
        high = max(1, min(80, n // 3))
        grid = np.round(np.geomspace(min(5, high), high, 5)).astype(np.int64)
        return check_neighbor_counts(np.minimum(grid, n - 2), n)

    def _permute(self, is_p: np.ndarray, blocks: list[np.ndarray] | None,
                 root: np.random.SeedSequence) -> np.ndarray:
        """The statistic of each scale, (1 + n_resamples, n_scales), the observed one first."""
        graph = self._graph
        shared = tables(graph, self._terms)
        seeds = [None, *root.spawn(self.n_resamples)]
        batches = [seeds[start:start + LANES] for start in range(0, len(seeds), LANES)]
        tasks = ((graph, shared, is_p, blocks, batch) for batch in batches)
        sums = run_tasks(labelled_statistics, tasks, len(batches), n_jobs=self.n_jobs,
                         progress=self.progress, unit="batch")
        return np.concatenate(list(sums))

    def _store(self, statistics: np.ndarray, blocks: list[np.ndarray] | None, seed: Any) -> None:
        """Combine the scales and keep what came out."""
        deviation = statistics.std(axis=0)
        live = deviation > 1e-12 * np.abs(statistics).max(axis=0, initial=0.0)
        standardized = np.full(statistics.shape, np.nan)
        # the observed labelling takes part in mean and deviation: this keeps the test exact
        standardized[:, live] = ((statistics - statistics.mean(axis=0)) / np.where(
            live, deviation, 1.0))[:, live]
        combined = np.zeros(len(statistics))
        if live.any():
            combined = getattr(np, self.combine)(standardized[:, live], axis=1)
        self.statistic_, self.null_distribution_ = float(combined[0]), combined[1:]
        self.pvalue_ = resampling_pvalue(combined[0], combined[1:])
        diagnostics = (distinct_permutations(self._graph.is_p, blocks, self.n_resamples),)
        self.result_ = HypothesisResult(
            self.statistic_, self.pvalue_, METHOD, NULL, self.null_distribution_,
            self.n_resamples, seed, diagnostics)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        self.path_ = pd.DataFrame({
            "n_neighbors": self.n_neighbors_, "statistic": statistics[0],
            "standardized": standardized[0],
            "pvalue": [resampling_pvalue(s[0], s[1:]) for s in statistics.T],
            "same_label_share": same_label_share(self._graph)})


def divergence_two_sample_test(
    P: Any, Q: Any, divergence: str | Generator = "hellinger", *, n_neighbors: Any = "auto",
    combine: str = "max", n_resamples: int = 999, groups: Any = None, metric: str = "euclidean",
    standardize: str | None = None, random_state: Any = None, n_jobs: int | None = None,
    progress: bool = False,
) -> HypothesisResult:
    """Exact permutation test of whether two samples come from the same distribution.

    Parameters
    ----------
    P : array-like of shape (n_p, d)
        The sample in question.
    Q : array-like of shape (n_q, d)
        The reference sample.
    divergence : str or Generator, default "hellinger"
        The divergence the statistic estimates.
    n_neighbors : "auto", int or array of int, default "auto"
        Scales.
    combine : {"max", "mean"}, default "max"
        How the standardised scales are put together.
    n_resamples : int, default 999
        Number of permutations.
    groups : array-like of shape (n_p + n_q,), optional
        Groups of the rows of P, then of those of Q; labels are permuted within groups only.
    metric : {"euclidean", "manhattan", "chebyshev"}, default "euclidean"
        The distance.
    standardize : {"std", "whiten"} or None, default None
        Scale the columns by the pooled standard deviations, or by the pooled covariance.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    HypothesisResult
        Statistic, p-value and null distribution; unpacks as ``statistic, pvalue``.

    Raises
    ------
    ValueError
        As `DivergenceTwoSampleTest.fit`.

    See Also
    --------
    DivergenceTwoSampleTest : The same as an estimator, with the table of scales.

    References
    ----------
    .. [1] L. Friedman and L. Rafsky, "Multivariate generalizations of the Wald-Wolfowitz and
       Smirnov two-sample tests", Ann. Statist. 7 (1979).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import divergence_two_sample_test
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(60, 2)), rng.normal(size=(80, 2)) + 2
    >>> statistic, pvalue = divergence_two_sample_test(P, Q, random_state=0)
    >>> pvalue
    0.001
    """
    test = DivergenceTwoSampleTest(
        divergence, n_neighbors=n_neighbors, combine=combine, n_resamples=n_resamples,
        metric=metric, standardize=standardize, random_state=random_state, n_jobs=n_jobs,
        progress=progress)
    return test.fit_samples(P, Q, groups=groups).result_
