"""Kullback-Leibler and power divergences from distances to neighbours in either sample."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Self

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gammaln, psi
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._base import TwoSampleMixin
from divest._neighbors import METRICS, TIE, NeighborIndex
from divest._resampling import run_tasks
from divest._results import Diagnostic, EstimateResult, diagnostics_frame, warn_if_doubtful
from divest._validation import check_integer, check_number, check_option, check_two_samples
from divest.divergence._diagnostics import integral_diagnostic, resolution_diagnostic
from divest.divergence._standardize import METHODS as STANDARDIZE
from divest.divergence._standardize import Standardizer
from divest.generators import (
    Constant,
    Generator,
    Log,
    Power,
    PowerIntegral,
    Term,
    chi_square,
    hellinger,
    kl,
    resolve_generator,
)

_ENTRIES_PER_BLOCK = 2e6
_LONGEST_LIST = 512  # balls of more points are counted by a look at all of them
_CDIST = {"euclidean": "euclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}

Terms = tuple[Term, ...]


class NearestNeighborDistanceDivergence(TwoSampleMixin, BaseEstimator):
    r"""Kullback-Leibler and power divergences from within- and between-sample neighbour distances.

    With :math:`\rho` and :math:`\nu` the distances from a row to its k-th neighbours in P and in Q,
    the density ratio :math:`r = p/q` in d dimensions is estimated by
    :math:`\frac{m}{n-1} (\nu/\rho)^d` at the n rows of P, and by
    :math:`\frac{m-1}{n} (\nu/\rho)^d` at the m rows of Q; a row is not its own neighbour. Then kl is
    :math:`\mathrm{mean}_P \log r` [1]_, and the others follow from
    :math:`T = \int p^a q^{1-a} = G(k, a-1)\, \mathrm{mean}_P\, r^{a-1}` [2]_, where
    :math:`G(k, a) = \Gamma(k)^2 / (\Gamma(k+a) \Gamma(k-a))` takes the bias of a power away.
    Best where log r oscillates, in low dimension. P, the sample in question, is ``classes_[1]``;
    Q, the reference, is ``classes_[0]``. Logarithmic divergences are in nats.

    Parameters
    ----------
    divergence : str or Generator, default "kl"
        ``"kl"``, ``"hellinger"``, ``"chi_square"``, ``"bhattacharyya"``, or ``"renyi(a)"``,
        ``"tsallis(a)"`` or ``"power(a)"`` with a number a; or such a generator.
    n_neighbors : int, default 5
        The number of neighbours, k. Not used with `bias_reduced`.
    bias_reduced : bool, default False
        For kl only: both distances are taken within one ball around each row of P, which reaches
        to the nearest row of P and to that of Q, eq. (25) of [1]_. It has no standard error.
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
        Its delete-one jackknife standard error; NaN with `bias_reduced`.
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
    The value is right in the dimension that the data have: near a surface in a larger space the
    number of columns is far too large, which the diagnostic ``local_dimension`` detects. Bias is
    in neither the standard error nor the interval, and grows with the dimension. The rows must be
    independent.

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
    >>> model.estimate("renyi(0.5)").method
    'renyi(0.5) by nearest-neighbor distances'
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
            When `X` holds NaN, infinity, text or, without `dimension`, a constant column; `y` does
            not name two samples; the divergence is not one of the above; another parameter is out
            of its range; or `n_neighbors` is not below the rows of both samples and above the
            powers of r.
        """
        generator = self._checked_generator(self.divergence)
        X, is_p = check_two_samples(self, X, y)
        self.n_neighbors_ = self._neighbor_count()
        standardizer = Standardizer.from_rows(X, self.standardize)
        self.dimension_ = self._checked_dimension(X, standardizer)
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

    # ------------------------------------------------------------ parameters
    def _checked_generator(self, divergence: Any) -> Generator:
        """The generator, after a look at all parameters."""
        generator = resolve_generator(divergence)
        check_option("metric", self.metric, METRICS)
        check_option("standardize", self.standardize, STANDARDIZE)
        check_option("bias_reduced", self.bias_reduced, (True, False))
        check_option("one_step", self.one_step, (True, False))
        check_number("confidence_level", self.confidence_level, 0, 1)
        if self.dimension is not None:
            check_number("dimension", self.dimension, 0)
        if self.bias_reduced and (generator != kl() or self.one_step):
            raise ValueError("bias_reduced=True needs divergence='kl' and one_step=False, "
                             f"got {generator.name!r} and {self.one_step}.")
        check_integer("n_neighbors", self.n_neighbors, 1)
        _terms(generator, self.one_step, self.n_neighbors)
        return generator

    def _neighbor_count(self) -> int:
        k, (n_p, n_q) = 1 if self.bias_reduced else int(self.n_neighbors), self.n_samples_
        if k >= min(n_p, n_q):
            raise ValueError(f"n_neighbors must be below the rows of either sample, got {k} with "
                             f"n_samples = {n_p} of P and {n_q} of Q.")
        return k

    def _intrinsic_dimension(self, X: np.ndarray, standardizer: Standardizer) -> float:
        """The dimension given, or the number of columns when all of them vary."""
        if self.dimension is not None:
            return float(self.dimension)
        constant = np.flatnonzero(X.max(axis=0) == X.min(axis=0))
        if len(constant):
            names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))[constant]
            raise ValueError(f"columns must vary, but {', '.join(map(repr, names.tolist()))} of X "
                             "are constant; drop them, or give the dimension of the data.")
        return float(standardizer.dimension)

    # ------------------------------------------------------------ the estimate
    def _search(self, P: np.ndarray, Q: np.ndarray) -> None:
        """Distances from the rows, and the log ratios they give: all that an estimate needs."""
        k, d, jobs = self.n_neighbors_, self.dimension_, self.n_jobs
        in_p, in_q = NeighborIndex(P, self.metric), NeighborIndex(Q, self.metric)
        self._sides = [_Side(float(np.log(len(Q) / (len(P) - 1.0))), d,
                             _near(in_p, P, k, 1, jobs), _near(in_q, P, k, 0, jobs))]
        if self.one_step:
            self._sides.append(_Side(float(np.log((len(Q) - 1.0) / len(P))), d,
                                     _near(in_p, Q, k, 0, jobs), _near(in_q, Q, k, 1, jobs)))
        if self.bias_reduced:
            self._log_ratios = [_log_ratio_in_one_ball(self._sides[0], in_p, in_q, P, jobs)]
        else:
            self._log_ratios = [side.log_ratios()[0] for side in self._sides]

    def _estimate(self, generator: Generator) -> EstimateResult:
        """Estimate, standard error and diagnostics from the distances."""
        diagnostics = self._diagnostics()
        mean, error = np.nan, np.nan
        if diagnostics[0].passed:  # no distance is zero
            mean, error = self._mean_and_error(generator)
        estimate, link = mean, _integral(generator)
        if link is not None:
            estimate, error = link.value(mean), abs(link.slope(mean)) * error
        if diagnostics[0].passed and not np.isfinite(estimate):
            diagnostics.append(integral_diagnostic(mean))
            estimate = error = np.nan
        return EstimateResult(
            float(estimate), float(error), f"{generator.name} by nearest-neighbor distances",
            self.n_samples_, tuple(diagnostics), self.confidence_level, unit=generator.unit)

    def _mean_and_error(self, generator: Generator) -> tuple[float, float]:
        """The mean of log r or of its terms, for most generators T, and its standard error."""
        if self.bias_reduced:
            return float(self._log_ratios[0].mean()), np.nan
        k = self.n_neighbors_
        terms = _terms(generator, self.one_step, k)
        means = [_values(*pair, k).mean() for pair in zip(terms, self._log_ratios, strict=False)]
        return float(sum(means)), _jackknife(self._sides, terms, k)

    def _diagnostics(self) -> list[Diagnostic]:
        """What the distances say; first of all whether one of them is zero."""
        tied = float(np.mean(~np.isfinite(np.concatenate(self._log_ratios))))
        found = [
            Diagnostic("tied_share", tied, 0.0, tied == 0.0,
                       "rows at distance zero from their neighbours, where the logarithm does not "
                       "exist; use NearestNeighborRatioDivergence, which takes ties"),
            resolution_diagnostic(*self.n_samples_, self.dimension_)]
        own = [side.own for side in self._sides]
        if any(np.isnan(near.wider).any() for near in own) and not self.bias_reduced:
            found.append(Diagnostic(
                "spare_neighbors", 0.0, 1.0, False,
                "no standard error, as no row can be left out: n_neighbors is one less than the "
                "rows of a sample; use a smaller one"))
        elif (local := own[0].dimension(self.n_neighbors_)) is not None:
            # four fifths of the dimension, less twice the noise of the estimate
            least = 0.8 * self.dimension_ / (1.0 + 2.5 / np.sqrt(self.n_samples_[0]))
            found.append(Diagnostic(
                "local_dimension", local, least, local >= least,
                "neighbours lie as on a surface of about this dimension, not as in "
                f"{self.dimension_:g} dimensions, so the estimate may be far off; give dimension"))
        return found


# ---------------------------------------------------------------- terms
def _integral(generator: Generator) -> PowerIntegral | None:
    """How the divergence follows from ``T = int p^a q^(1 - a)``, where it does."""
    if generator == hellinger():
        return PowerIntegral(0.5, -1.0, False)
    if generator == chi_square():
        return PowerIntegral(2.0, 1.0, False)
    return generator.link


def _terms(generator: Generator, one_step: bool, k: int) -> tuple[Terms, Terms]:
    """Terms at the rows of P and of Q, of the divergence or of its integral T."""
    link = _integral(generator)
    if link is None and generator != kl():
        raise ValueError("distances give kl, hellinger, chi_square, bhattacharyya, renyi(a), "
                         f"tsallis(a) and power(a) only, got {generator.name!r}; use "
                         "NearestNeighborRatioDivergence, which estimates any divergence.")
    if link is None:
        at_p, at_q = generator.at_p, generator.at_q
    else:
        at_p, at_q = link.terms()
    if not one_step:
        at_p, at_q = (Log(1.0) if link is None else Power(1.0, link.alpha - 1.0),), ()
    largest = max((abs(t.exponent) for t in at_p + at_q if isinstance(t, Power)), default=0.0)
    if k <= largest:
        raise ValueError(f"n_neighbors must be above {largest:g}, the power of p/q that "
                         f"{generator.name} takes the mean of, got {k}.")
    return at_p, at_q


def _values(terms: Terms, log_ratio: np.ndarray, k: int) -> np.ndarray:
    """The sum of the terms at each row; powers are freed of their bias."""
    total = np.zeros(len(log_ratio))
    for term in terms:
        if isinstance(term, Log):
            total += term.scale * log_ratio
        elif isinstance(term, Power):
            a = term.exponent
            log_g = 2 * gammaln(k) - gammaln(k + a) - gammaln(k - a)
            with np.errstate(over="ignore"):
                total += term.scale * np.exp(log_g + a * log_ratio)
        elif isinstance(term, Constant):
            total += term.scale
    return total


# ---------------------------------------------------------------- distances
@dataclass(frozen=True)
class _Near:
    """Neighbours in one sample of the rows of this or the other sample.

    `own` is 1 in the rows' own sample, where no row is its own neighbour, else 0. `members` holds
    the points within `radius` of each row, its own among them, padded with the number of points.
    """

    radius: np.ndarray  # (n,) distance to the k-th
    wider: np.ndarray  # (n,) distance to the next; NaN where there is none
    members: np.ndarray  # (k + own, n)
    point_of_row: np.ndarray  # (rows of the sample)
    own: int

    def pass_on(self, changes: np.ndarray) -> np.ndarray:
        """Sum over rows of the change that deleting each row of the sample makes to them."""
        n_points = int(self.point_of_row.max()) + 1
        at_point = sum(np.bincount(m, changes, n_points + 1) for m in self.members)
        return at_point[self.point_of_row] - self.own * changes

    def dimension(self, k: int) -> float | None:
        """In d dimensions, log(wider / radius) has mean 1/(kd)."""
        there = self.radius > 0
        if not there.any():
            return None
        growth = k * np.log(self.wider[there] / self.radius[there]).mean()
        return float(1.0 / growth) if growth > 0 else np.inf


@dataclass(frozen=True)
class _Side:
    """The rows of one sample, and their neighbours in P and in Q."""

    log_constant: float
    dimension: float
    p: _Near
    q: _Near

    @property
    def own(self) -> _Near:
        return self.p if self.p.own else self.q

    def log_ratios(self) -> list[np.ndarray]:
        """Log of p/q at the rows: as it is, with a near row of P left out, and with one of Q."""
        pairs = ((self.p.radius, self.q.radius), (self.p.wider, self.q.radius),
                 (self.p.radius, self.q.wider))
        with np.errstate(divide="ignore", invalid="ignore"):
            return [self.log_constant + self.dimension * (np.log(to_q) - np.log(to_p))
                    for to_p, to_q in pairs]


def _jackknife(sides: list[_Side], terms: tuple[Terms, Terms], k: int) -> float:
    """Delete-one standard error of the sum of the sides' means; the constants stay.

    Deleting a row removes its own term, and moves the radius from k to k + 1 at the rows that had
    it within k. Where k and k + 1 tie nothing moves, so that the order of ties does not matter.
    """
    left = [np.zeros(len(near.point_of_row)) for near in (sides[0].p, sides[0].q)]
    for side, mine in zip(sides, terms, strict=False):
        value, *without = (_values(mine, log_ratio, k) for log_ratio in side.log_ratios())
        for near, changed, out in zip((side.p, side.q), without, left, strict=True):
            out += (near.pass_on(changed - value) - near.own * value) / (len(value) - near.own)
    return float(np.sqrt(sum((len(means) - 1) * means.var() for means in left)))


def _near(index: NeighborIndex, rows: np.ndarray, k: int, own: int, n_jobs: int | None) -> _Near:
    found = _in_blocks(partial(_near_block, index, k, own), (index.transform(rows),), k, n_jobs)
    return _Near(*found, index.point_of_row, own)


def _near_block(index: NeighborIndex, k: int, own: int, queries: np.ndarray) -> tuple:
    """Distances to the k-th and the next row, and the points up to the k-th."""
    distances, points = index.query(queries, k + own + 1)
    held = np.cumsum(index.multiplicity[points], axis=1)
    distances = np.column_stack([distances * index.unit, np.full(len(queries), np.nan)])
    at, after = ((held < rows + own).sum(axis=1) for rows in (k, k + 1))
    radius, wider = (np.take_along_axis(distances, i[:, None], axis=1)[:, 0] for i in (at, after))
    points = points.T[:k + own]
    inside = np.arange(len(points))[:, None] <= at
    return radius, wider, np.where(inside, points, len(index.points))


def _log_ratio_in_one_ball(side: _Side, in_p: NeighborIndex, in_q: NeighborIndex, P: np.ndarray,
                           n_jobs: int | None) -> np.ndarray:
    """Log of p/q at the rows of P, with distances and counts from one ball for both samples."""
    reach = np.maximum(side.p.radius, side.q.radius) * (1.0 + TIE)
    (rho, to_p), (nu, to_q) = (
        _in_blocks(partial(_within, index), (index.transform(P), reach / index.unit),
                   _LONGEST_LIST, n_jobs) for index in (in_p, in_q))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(nu * in_q.unit) - np.log(rho * in_p.unit)
        return side.log_constant + side.dimension * ratio + psi(to_p - 1) - psi(to_q)


def _within(index: NeighborIndex, queries: np.ndarray, reach: np.ndarray) -> tuple:
    """Distance of the farthest row within reach of each query, and the number of rows within."""
    farthest, count = np.zeros(len(queries)), np.zeros(len(queries))
    rows, length = np.arange(len(queries)), 8
    while len(rows) and length <= _LONGEST_LIST:
        distances, points = index.query(queries[rows], length)
        inside = distances <= reach[rows, None]
        farthest[rows] = np.where(inside, distances, 0.0).max(axis=1)
        count[rows] = (inside * index.multiplicity[points]).sum(axis=1)
        rows, length = rows[inside[:, -1]], 4 * length  # the list may have ended too early
    n_blocks = ceil(len(rows) * len(index.points) / _ENTRIES_PER_BLOCK)
    for some in np.array_split(rows, max(1, n_blocks)):
        distances = cdist(queries[some], index.points, _CDIST[index.metric])
        inside = distances <= reach[some, None]
        farthest[some] = np.where(inside, distances, 0.0).max(axis=1)
        count[some] = inside @ index.multiplicity
    return farthest, count


def _in_blocks(function: Callable, arrays: tuple, length: int, n_jobs: int | None) -> list:
    """The function's results over blocks of rows, put together; `length` entries for each row."""
    size = max(64, min(4096, int(_ENTRIES_PER_BLOCK / length)))
    starts = range(0, len(arrays[0]), size)
    tasks = [tuple(array[s:s + size] for array in arrays) for s in starts]
    parts = run_tasks(function, tasks, len(tasks), n_jobs=n_jobs)
    return [np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)]
