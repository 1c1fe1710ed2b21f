"""Any f-divergence from one neighbour graph of the pooled sample, with a standard error."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._base import TwoSampleMixin
from divest._neighbors import METRICS
from divest._results import Diagnostic, EstimateResult, diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_bounds,
    check_list,
    check_neighbor_counts,
    check_number,
    check_option,
    check_two_samples,
)
from divest.divergence._diagnostics import (
    error_diagnostic,
    graph_diagnostics,
    saturated_share,
)
from divest.divergence._ensemble import auto_neighbors, check_order, ensemble_weights
from divest.divergence._graph import labelled_graph
from divest.divergence._ratio import (
    donsker_varadhan,
    donsker_varadhan_path,
    one_step,
    one_step_path,
    paper_path,
)
from divest.divergence._ratio_queries import RatioQueries
from divest.divergence._standardize import METHODS as STANDARDIZE
from divest.divergence._standardize import Standardizer
from divest.generators import Generator, kl, resolve_generator

MIN_ROWS_AUTO = 11


class NearestNeighborRatioDivergence(RatioQueries, TwoSampleMixin, BaseEstimator):
    r"""Any f-divergence from one neighbour graph of the pooled sample, with a standard error.

    With :math:`r = p/q`, :math:`D_f(P\|Q) = E_Q f(r)` is estimated in one step as
    :math:`\mathrm{mean}_P\, h_P + \mathrm{mean}_Q\, h_Q`, where :math:`h_P` and :math:`h_Q` are
    :math:`f'(r)` and :math:`f(r) - r f'(r)`, computed without the bias of order 1/k from the
    number of P-rows in the closed ball at the k-th neighbour of each row. First-order smoothing
    error cancels [2]_. P, the sample in question, is ``classes_[1]``; Q, the reference, is
    ``classes_[0]``. Logarithmic divergences are in nats.

    Parameters
    ----------
    divergence : str or Generator, default "kl"
        A name such as ``"kl"``, ``"hellinger"`` or ``"renyi(0.5)"``, or a generator of your own.
    method : {"one_step", "paper"}, default "one_step"
        ``"paper"`` is the plug-in at the rows of Q of Noshad et al. [1]_: biased, without a
        standard error; kept so that their numbers can be reproduced.
    ensemble : {"extrapolate", "average", "paper"} or None, default "extrapolate"
        How estimates at several k are put together: the limit k -> 0 of a weighted least-squares
        line; the mean over the five smallest; the weights of [1]_; or one k alone.
    n_neighbors : "auto", int or array of int, default "auto"
        Numbers of neighbours.
    form : {"default", "donsker_varadhan"}, default "default"
        The Donsker-Varadhan form, ``mean_P log r - log mean_Q r``, reaches larger values of kl.
    density_bounds : tuple of float, optional
        Bounds (lower, upper) of both densities, with ``method="paper"`` only: the ratio is clipped
        to [lower/upper, upper/lower].
    dimension : float, optional
        Intrinsic dimension of the data; by default the number of columns that vary.
    metric : {"euclidean", "manhattan", "chebyshev"}, default "euclidean"
        The distance.
    standardize : {"std", "whiten"} or None, default None
        Scale the columns by the pooled standard deviations, or by the pooled covariance.
    clip : bool, default False
        Cut estimate and interval to the range of the divergence.
    confidence_level : float, default 0.95
        Level of `confidence_interval_`.
    n_jobs : int, optional
        Threads of the neighbour search, through joblib. It does not change the result.

    Attributes
    ----------
    estimate_ : float
        The divergence.
    standard_error_ : float
        Its delete-one jackknife standard error; NaN for ``method="paper"``.
    confidence_interval_ : tuple of float
        Normal interval at `confidence_level`.
    result_ : EstimateResult
        All of these together.
    n_neighbors_ : ndarray of shape (n_k,)
        Numbers of neighbours used.
    weights_ : ndarray of shape (n_k,)
        Weight of the estimate at each.
    path_ : DataFrame
        Columns n_neighbors, weight, estimate and saturated_share.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    dimension_ : float
        The dimension used in the extrapolation.
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
        When a diagnostic fails.

    See Also
    --------
    NearestNeighborDistanceDivergence : From distances in place of counts.
    DivergenceTwoSampleTest : Whether the samples differ at all.
    estimate_divergence : The same as a function.

    Notes
    -----
    Near zero the estimate may be negative. Above about ``log(min(n_p, n_q) / 10)`` no neighbour
    method sees the Kullback-Leibler divergence; `diagnostics_` says so. The rows must be
    independent.

    References
    ----------
    .. [1] M. Noshad, K. Moon, S. Yasaei Sekeh and A. Hero, "Direct estimation of information
       divergence using nearest neighbor ratios", IEEE ISIT (2017).
    .. [2] K. Kandasamy, A. Krishnamurthy, B. Poczos, L. Wasserman and J. Robins, "Nonparametric
       von Mises estimators for entropies, divergences and mutual informations", NeurIPS (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import NearestNeighborRatioDivergence
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) + [1, 0]
    >>> model = NearestNeighborRatioDivergence("kl").fit_samples(P, Q)  # the truth is 0.5
    >>> low, high = model.confidence_interval_
    >>> bool(low < 0.5 < high)
    True
    >>> model.estimates(["hellinger", "renyi(0.5)"])["divergence"].tolist()
    ['hellinger', 'renyi(0.5)']
    """

    def __init__(self, divergence="kl", *, method="one_step", ensemble="extrapolate",
                 n_neighbors="auto", form="default", density_bounds=None, dimension=None,
                 metric="euclidean", standardize=None, clip=False, confidence_level=0.95,
                 n_jobs=None):
        self.divergence = divergence
        self.method = method
        self.ensemble = ensemble
        self.n_neighbors = n_neighbors
        self.form = form
        self.density_bounds = density_bounds
        self.dimension = dimension
        self.metric = metric
        self.standardize = standardize
        self.clip = clip
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the divergence of the rows labelled ``classes_[1]`` from the others.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows of both samples.
        y : array-like of shape (n,)
            Two labels; the larger one names P, the sample in question.

        Returns
        -------
        NearestNeighborRatioDivergence
            The fitted estimator.

        Raises
        ------
        ValueError
            When `X` holds NaN, infinity or text, `y` does not name two samples, a parameter is out
            of its range, or there are too few rows.
        """
        generator = self._checked_generator()
        X, is_p = check_two_samples(self, X, y)
        self._standardizer = Standardizer.from_rows(X, self.standardize)
        self.dimension_ = self.dimension or self._standardizer.dimension
        self.n_neighbors_ = self._neighbor_counts()
        self.weights_ = ensemble_weights(self.ensemble, self.n_neighbors_,
                                         min(self.n_samples_), self.dimension_)
        self._graph = labelled_graph(self._standardizer.transform(X), is_p, self.n_neighbors_,
                                    metric=self.metric, n_jobs=self.n_jobs)
        self._store(self._estimate(generator), generator)
        warn_if_doubtful(self.result_.diagnostics, self.result_.method)
        return self

    def estimate(self, divergence: str | Generator | None = None) -> EstimateResult:
        """Another divergence from the same graph, without a new neighbour search.

        Parameters
        ----------
        divergence : str or Generator, optional
            By default that of the estimator.

        Returns
        -------
        EstimateResult
            Estimate, standard error, interval and diagnostics.
        """
        check_is_fitted(self)
        generator = self._checked_generator(divergence)
        if generator == self._checked_generator():
            return self.result_
        result = self._estimate(generator)
        warn_if_doubtful(result.diagnostics, result.method)
        return result

    def estimates(self, divergences: Any) -> pd.DataFrame:
        """Several divergences from the same graph, as one table.

        Parameters
        ----------
        divergences : list of str or Generator
            Their names.

        Returns
        -------
        DataFrame
            One row each: divergence, method, estimate, standard_error, low, high, trusted ...

        Raises
        ------
        ValueError
            When a name is not known, or there is none.
        """
        if isinstance(divergences, (str, Generator)):
            divergences = [divergences]
        generators = [resolve_generator(divergence)
                      for divergence in check_list("divergences", divergences)]
        if not generators:
            raise ValueError("divergences must name at least one divergence, got none.")
        frames = [self.estimate(g).to_frame() for g in generators]
        table = pd.concat(frames, ignore_index=True)
        table.insert(0, "divergence", [g.name for g in generators])
        return table

    # ------------------------------------------------------------ parameters
    def _checked_generator(self, divergence: Any = None) -> Generator:
        """The generator, after a look at all parameters."""
        generator = resolve_generator(self.divergence if divergence is None else divergence)
        check_option("method", self.method, ("one_step", "paper"))
        check_option("ensemble", self.ensemble, ("extrapolate", "average", "paper", None))
        check_option("form", self.form, ("default", "donsker_varadhan"))
        check_option("metric", self.metric, METRICS)
        check_option("standardize", self.standardize, STANDARDIZE)
        check_number("confidence_level", self.confidence_level, 0, 1)
        if self.dimension is not None:
            check_number("dimension", self.dimension, 0, 1000)
        if self.form == "donsker_varadhan" and (generator != kl() or self.method == "paper"):
            raise ValueError("form='donsker_varadhan' needs divergence='kl' and method='one_step', "
                             f"got {generator.name!r} and {self.method!r}.")
        if self.density_bounds is not None:
            if self.method != "paper":
                raise ValueError("density_bounds belongs to method='paper'; leave it None here.")
            check_bounds("density_bounds", self.density_bounds)
        return generator

    def _neighbor_counts(self) -> np.ndarray:
        """The numbers of neighbours, after a look at the sizes of the samples."""
        n_p, n_q = self.n_samples_
        sizes = f"got n_samples = {n_p} of P and {n_q} of Q"
        if min(n_p, n_q) < 2:
            raise ValueError(f"each sample must have at least 2 rows, {sizes}.")
        if isinstance(self.n_neighbors, str) and self.n_neighbors == "auto":
            if min(n_p, n_q) < MIN_ROWS_AUTO:
                raise ValueError(f"n_neighbors='auto' needs at least {MIN_ROWS_AUTO} rows in each "
                                 f"sample, {sizes}; give n_neighbors as a number.")
            return auto_neighbors(n_p, n_q, self.method, self.ensemble,
                                  self._standardizer.dimension)
        counts = check_neighbor_counts(self.n_neighbors, n_p + n_q)
        if self.ensemble is None and len(counts) > 1:
            raise ValueError(f"ensemble=None takes one n_neighbors, got {counts.tolist()}.")
        return counts

    # ------------------------------------------------------------ the estimate
    def _estimate(self, generator: Generator) -> EstimateResult:
        """Estimate, standard error and diagnostics from the graph."""
        graph, weights, dimension = self._graph, self.weights_, self.dimension_
        if self.method == "one_step":
            check_order(generator, graph.ks)
        diagnostics = graph_diagnostics(graph, generator, dimension, weights)
        if self.method == "paper":
            estimate = max(float(weights @ self._path(generator)), 0.0)
            error, more = np.nan, list[Diagnostic]()
        elif self.form == "donsker_varadhan":
            estimate, error, more = donsker_varadhan(graph, weights, dimension)
        else:
            estimate, error, more = one_step(graph, generator, weights, dimension)
        if np.isfinite(error):
            more.append(error_diagnostic(estimate, error))
        bounds = (0.0, generator.upper_bound) if self.clip else (-np.inf, np.inf)
        return EstimateResult(
            float(np.clip(estimate, *bounds)), float(error),
            f"{generator.name} by nearest-neighbor ratios", self.n_samples_,
            (*diagnostics, *more), self.confidence_level, bounds, generator.unit)

    def _path(self, generator: Generator) -> np.ndarray:
        """The estimate at each number of neighbours alone."""
        if self.method == "paper":
            return paper_path(self._graph, generator, self.density_bounds)
        if self.form == "donsker_varadhan":
            return donsker_varadhan_path(self._graph)
        return one_step_path(self._graph, generator)

    def _store(self, result: EstimateResult, generator: Generator) -> None:
        self.result_ = result
        self.estimate_, self.standard_error_ = result.estimate, result.standard_error
        self.confidence_interval_ = result.confidence_interval()
        self.diagnostics_ = diagnostics_frame(result.diagnostics)
        self.path_ = pd.DataFrame({
            "n_neighbors": self.n_neighbors_, "weight": self.weights_,
            "estimate": self._path(generator), "saturated_share": saturated_share(self._graph)})
