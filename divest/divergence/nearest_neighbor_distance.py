"""Kullback-Leibler and power divergences from distances to neighbours in either sample."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from scipy.special import gammaln
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._base import TwoSampleMixin
from divest._neighbors import METRICS, NeighborIndex
from divest._results import Diagnostic, EstimateResult, diagnostics_frame, warn_if_doubtful
from divest._validation import check_integer, check_number, check_option, check_two_samples
from divest.divergence._diagnostics import (
    distance_diagnostics,
    integral_diagnostic,
    smoothing_diagnostic,
)
from divest.divergence._distances import Side, log_ratio_in_one_ball, neighbors, quiet
from divest.divergence._standardize import METHODS as STANDARDIZE
from divest.divergence._standardize import Standardizer
from divest.generators import Generator, Log, Power, PowerIntegral, resolve_generator

_INTEGRALS = {"hellinger": PowerIntegral(0.5, -1.0, False),
              "chi_square": PowerIntegral(2.0, 1.0, False)}  # 1 - T and T - 1


class NearestNeighborDistanceDivergence(TwoSampleMixin, BaseEstimator):
    r"""Kullback-Leibler and power divergences from within- and between-sample neighbour distances.

    With :math:`\rho` and :math:`\nu` the distances from a row to its k-th neighbours in P and Q and
    d the dimension, the ratio r = p/q is :math:`\frac{m}{n-1} (\nu/\rho)^d` at the n rows of P and
    :math:`\frac{m-1}{n} (\nu/\rho)^d` at the m rows of Q; no row is its own neighbour. Then kl is
    :math:`\mathrm{mean}_P \log r` [1]_, and the others follow from :math:`T = \int p^a q^{1-a} =
    G(k, a-1)\, \mathrm{mean}_P\, r^{a-1}` [2]_, where :math:`G(k, a) = \Gamma(k)^2 / (\Gamma(k+a)
    \Gamma(k-a))` takes the bias of a power away. P, the sample in question, is ``classes_[1]``; Q,
    the reference, is ``classes_[0]``. Logarithmic divergences are in nats.

    Parameters
    ----------
    divergence : str or Generator, default "kl"
        ``"kl"``, ``"hellinger"``, ``"chi_square"``, ``"bhattacharyya"``, or ``"renyi(a)"``,
        ``"tsallis(a)"`` or ``"power(a)"`` with a number a; or such a generator.
    n_neighbors : int, default 5
        The number of neighbours, k. Not used with `bias_reduced`.
    bias_reduced : bool, default False
        For kl only: both distances from a row of P are taken within one ball, which reaches to
        the nearest row of P and to that of Q [1]_. Without a standard error.
    one_step : bool, default False
        Add the first-order correction from the rows of Q: ``1 - G(k, 1) mean_Q r`` for kl, and
        ``T = a G(k, a-1) mean_P r^(a-1) + (1-a) G(k, a) mean_Q r^a``.
    dimension : float, optional
        Intrinsic dimension d of the data; by default the number of columns.
    metric : {"euclidean", "manhattan", "chebyshev"}, default "euclidean"
        The distance.
    standardize : {"std", "whiten"} or None, default None
        Scale the columns by the pooled standard deviations, or by the pooled covariance.
    confidence_level : float, default 0.95
        Level of `confidence_interval_`.
    n_jobs : int, optional
        Threads of the neighbour search, through joblib. It does not change the result.

    Attributes
    ----------
    estimate_ : float
        The divergence of P from Q.
    standard_error_ : float
        Its delete-one jackknife standard error; NaN with `bias_reduced`, and where `n_neighbors`
        is one less than the rows.
    confidence_interval_ : tuple of float
        Normal interval at `confidence_level`.
    result_ : EstimateResult
        All of these together.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_neighbors_ : int
        Number of neighbours used; 1 with `bias_reduced`.
    dimension_ : float
        The dimension used.
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
        When a diagnostic fails. Distances of zero, which tied rows have, make the estimate NaN.

    See Also
    --------
    NearestNeighborRatioDivergence : From counts: any divergence, and data with ties.
    DivergenceTwoSampleTest : Whether the samples differ at all.
    estimate_divergence : The same as a function.

    Notes
    -----
    Best in low dimension, where the ratio oscillates. The interval does not allow for bias. Where
    rows lie on a surface, its `dimension` must be given: the diagnostic ``local_dimension`` fails
    for the number of columns. The rows must be independent.

    References
    ----------
    .. [1] Q. Wang, S. Kulkarni and S. Verdu, "Divergence estimation for multidimensional densities
       via k-nearest-neighbor distances", IEEE Trans. Inf. Theory 55 (2009).
    .. [2] B. Poczos and J. Schneider, "On the estimation of alpha-divergences", AISTATS (2011).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import NearestNeighborDistanceDivergence
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) + [1, 0]
    >>> model = NearestNeighborDistanceDivergence("kl").fit_samples(P, Q)  # the truth is 0.5
    >>> low, high = model.confidence_interval_
    >>> bool(low < 0.5 < high)
    True
    """

    def __init__(self, divergence="kl", *, n_neighbors=5, bias_reduced=False, one_step=False,
                 dimension=None, metric="euclidean", standardize=None, confidence_level=0.95,
                 n_jobs=None):
        self.divergence = divergence
        self.n_neighbors = n_neighbors
        self.bias_reduced = bias_reduced
        self.one_step = one_step
        self.dimension = dimension
        self.metric = metric
        self.standardize = standardize
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
        NearestNeighborDistanceDivergence
            The fitted estimator.

        Raises
        ------
        ValueError
            When `X` holds NaN, infinity, text or, without `dimension`, a constant column, `y` does
            not name two samples, or a parameter is out of its range; `n_neighbors` must be below
            the rows of either sample, and above the powers of r that the divergence needs.
        """
        generator = self._checked_generator(self.divergence)
        X, is_p = check_two_samples(self, X, y)
        standardizer = Standardizer.from_rows(X, self.standardize)
        self.n_neighbors_ = self._neighbor_count()
        self.dimension_ = self._intrinsic_dimension(X, standardizer)
        rows = standardizer.transform(X)
        self._search(rows[is_p], rows[~is_p])
        self.result_ = result = self._estimate(generator)
        self.estimate_, self.standard_error_ = result.estimate, result.standard_error
        self.confidence_interval_ = result.confidence_interval()
        self.diagnostics_ = diagnostics_frame(result.diagnostics)
        warn_if_doubtful(result.diagnostics, result.method)
        return self

    def estimate(self, divergence: str | Generator | None = None) -> EstimateResult:
        """Another divergence from the same distances, without a new neighbour search.

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
        if divergence is None:
            return self.result_
        result = self._estimate(self._checked_generator(divergence))
        warn_if_doubtful(result.diagnostics, result.method)
        return result

    def _checked_generator(self, divergence: Any) -> Generator:
        """The generator, after a look at all parameters."""
        generator = resolve_generator(divergence)
        check_option("metric", self.metric, METRICS)
        check_option("standardize", self.standardize, STANDARDIZE)
        check_option("bias_reduced", self.bias_reduced, (True, False))
        check_option("one_step", self.one_step, (True, False))
        check_number("confidence_level", self.confidence_level, 0, 1)
        if self.dimension is not None:
            check_number("dimension", self.dimension, 0, 1000)
        if self.bias_reduced and (generator.name != "kl" or self.one_step):
            raise ValueError("bias_reduced=True needs divergence='kl' and one_step=False, "
                             f"got {generator.name!r} and {self.one_step}.")
        _terms(generator, self.one_step, check_integer("n_neighbors", self.n_neighbors, 1))
        return generator

    def _neighbor_count(self) -> int:
        k = 1 if self.bias_reduced else int(self.n_neighbors)
        if k >= min(self.n_samples_):
            raise ValueError(f"n_neighbors must be below the rows of either sample, got {k} with "
                             "n_samples = {} of P and {} of Q.".format(*self.n_samples_))
        return k

    def _intrinsic_dimension(self, X: np.ndarray, standardizer: Standardizer) -> float:
        """The dimension given, or the number of columns when all of them vary."""
        constant = np.flatnonzero(X.max(axis=0) == X.min(axis=0))
        if self.dimension is None and len(constant):
            names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))[constant].tolist()
            raise ValueError(f"X has constant columns: {names}; drop them, or give dimension.")
        return float(self.dimension or standardizer.dimension)

    def _search(self, P: np.ndarray, Q: np.ndarray) -> None:
        """Distances from the rows, and the log ratios they give: all that an estimate needs."""
        (n, m), d = self.n_samples_, self.dimension_
        in_p, in_q = NeighborIndex(P, self.metric), NeighborIndex(Q, self.metric)
        k = self.n_neighbors_
        self._far = k if self.bias_reduced else min(4 * k, min(n, m) - 1)
        near = partial(neighbors, k=k, far=self._far, n_jobs=self.n_jobs)
        self._sides = [Side(m / (n - 1.0), d, near(in_p, P, own=1), near(in_q, P, own=0))]
        if self.one_step:
            self._sides.append(Side((m - 1.0) / n, d, near(in_p, Q, own=0), near(in_q, Q, own=1)))
        self._log_ratios = [side.log_ratios()[0] for side in self._sides]
        if self.bias_reduced:
            self._log_ratios = [log_ratio_in_one_ball(self._sides[0], in_p, in_q, P, self.n_jobs)]

    def _estimate(self, generator: Generator) -> EstimateResult:
        """Estimate, standard error and diagnostics from the distances."""
        k, link = self.n_neighbors_, _integral(generator)
        diagnostics = distance_diagnostics(self._log_ratios, self._sides[0].p.radii, k,
                                           self.n_samples_, self.dimension_)
        mean = error = np.nan  # of the divergence, or of the integral T
        if defined := diagnostics[0].passed:
            terms = _terms(generator, self.one_step, k)
            mean = float(sum(_values(mine, log_ratio, k).mean() for mine, log_ratio
                             in zip(terms, self._log_ratios, strict=True)))
            error = np.nan if self.bias_reduced else _jackknife(self._sides, terms, k)
        estimate = mean if link is None else link.value(mean)
        error *= 1.0 if link is None else abs(link.slope(mean))
        if defined and not np.isfinite(estimate):
            diagnostics.append(integral_diagnostic(mean))
            estimate = error = np.nan
        elif defined and self._far >= 2 * k and np.isfinite(error):
            diagnostics.append(self._smoothing(terms, link, mean, error))
        return EstimateResult(
            estimate, error, f"{generator.name} by nearest-neighbor distances",
            self.n_samples_, tuple(diagnostics), self.confidence_level, unit=generator.unit)


    def _smoothing(self, terms: list[tuple], link: PowerIntegral | None, mean: float,
                   error: float) -> Diagnostic:
        """How far the estimate falls from k neighbours to the far ones, and what that says of k."""
        k, far = self.n_neighbors_, self._far
        changes = [_values(mine, side.far_log_ratio(), far) - _values(mine, log_ratio, k)
                   for mine, side, log_ratio
                   in zip(terms, self._sides, self._log_ratios, strict=True)]
        change = float(sum(values.mean() for values in changes))
        spread = float(np.sqrt(sum(values.var() / len(values) for values in changes)))
        slope = 1.0 if link is None else link.slope(mean)
        growth = (far / k) ** (1.0 / self.dimension_) - 1.0
        return smoothing_diagnostic(-slope * change / growth, abs(slope) * spread / growth, error)


def _integral(generator: Generator) -> PowerIntegral | None:
    """How the divergence follows from ``T = int p^a q^(1 - a)``, where it does."""
    known = generator.name in _INTEGRALS and generator == resolve_generator(generator.name)
    return _INTEGRALS[generator.name] if known else generator.link


def _terms(generator: Generator, one_step: bool, k: int) -> list[tuple]:
    """What is averaged over the rows of P and, in one step, what over those of Q."""
    link = _integral(generator)
    if link is None and generator != resolve_generator("kl"):
        raise ValueError(f"{generator.name} does not follow from distances; kl, hellinger, "
                         "chi_square, bhattacharyya, renyi(a), tsallis(a) and power(a) do. "
                         "NearestNeighborRatioDivergence estimates any divergence.")
    if one_step:
        terms = [generator.at_p, generator.at_q] if link is None else [*link.terms()]
    else:
        terms = [(Log(1.0) if link is None else Power(1.0, link.alpha - 1.0),)]
    largest = max(abs(getattr(term, "exponent", 0.0)) for side in terms for term in side)
    if k <= largest:
        raise ValueError(f"n_neighbors must be above {largest:g}, the power of the ratio whose "
                         f"mean {generator.name} needs, got {k}.")
    return terms


@quiet
def _values(terms: tuple, log_ratio: np.ndarray, k: int) -> np.ndarray:
    """Sum of the terms at each row; the factor G(k, a) frees the power a of its bias."""
    total = np.zeros(len(log_ratio))
    for term in terms:
        if isinstance(term, Power):
            a = term.exponent
            log_g = 2 * gammaln(k) - gammaln(k + a) - gammaln(k - a)
            total += term.scale * np.exp(log_g + a * log_ratio)
        else:
            total += term.scale * (log_ratio if isinstance(term, Log) else 1.0)
    return total


@quiet
def _jackknife(sides: list[Side], terms: list[tuple], k: int) -> float:
    """Delete-one standard error of the sum of the sides' means; their constants stay.

    Deleting a row removes its own term, and moves the radius from k to k + 1 at the rows that had
    it within k; where these tie nothing moves, so that the order of ties does not matter.
    """
    left = [np.zeros(len(near.point_of_row)) for near in (sides[0].p, sides[0].q)]
    for side, mine in zip(sides, terms, strict=True):
        value, *deleted = (_values(mine, log_ratio, k) for log_ratio in side.log_ratios())
        for near, changed, out in zip((side.p, side.q), deleted, left, strict=True):
            lost = value if near.own else 0.0  # the row itself is one of those averaged over
            out += (near.pass_on(changed - value) - lost) / (len(value) - near.own)
    return float(np.sqrt(sum((len(means) - 1) * means.var() for means in left)))
