"""Is a sample from some member of a family of models? The composite kernel Stein test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd

from divest._resampling import resampling_signs
from divest._results import Diagnostic
from divest._validation import check_integer, check_option
from divest.goodness_of_fit import _diagnostics as known
from divest.goodness_of_fit._boundary import EDGE_LIMIT, edge_density, refuse_edges
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._families import LOCATION_SCALE, Family, as_family
from divest.goodness_of_fit._misfit import WitnessMixin
from divest.goodness_of_fit._outcome import Grid, Outcome, bandwidth_grid, check_bandwidth, combine
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._refits import Draws, Refit, Standardize, remember
from divest.goodness_of_fit._setup import STATISTICS, check_preconditioner, check_sample_rows
from divest.goodness_of_fit._stein_test import (
    LARGEST,
    SteinTest,
    bootstrap_draws,
    values_of,
)
from divest.goodness_of_fit._verdict import SINGULAR, distinct_values, repeated_rows
from divest.goodness_of_fit.models import as_score_model, check_score
from divest.kernels import Kernel, resolve_kernel

INDEPENDENCE = "thin the chain, or shuffle rows that are only sorted"
FAILURES = 0.05  # share of the samples drawn that may fail to be fitted

WILD = Diagnostic("wild_null", 1.0, 0.0, False, "random signs take the fitted model for a known "
                  "one, so the test is conservative; use null='parametric' or 'standardize'")

Seeds = Sequence[np.random.SeedSequence]


class CompositeSteinTest(WitnessMixin, SteinTest):
    r"""Kernel Stein test of fit for a family of models, with parameters from the same rows.

    Null hypothesis: the rows of `X` are drawn from some member of the family. The statistic is that
    of `KernelSteinTest` at the member that was fitted to the rows; its law under the null
    hypothesis is that of samples which are fitted anew [1]_, [2]_, for a fitted model is nearer to
    its rows than the true one.

    Parameters
    ----------
    family : object
        * a univariate continuous distribution of scipy.stats without parameters, as
          ``scipy.stats.norm``, or with some of them fixed, as
          ``(scipy.stats.gamma, {"floc": 0})``: greatest likelihood, for one column;
        * ``scipy.stats.multivariate_normal``: greatest likelihood, mean and full covariance;
        * a GaussianMixture, BayesianGaussianMixture or KernelDensity of scikit-learn that is not
          fitted; where its ``random_state`` is None, each fit takes one from that of the test;
        * an object with ``fit(X)`` that returns what `as_score_model` takes, and that has
          ``sample(n, rng)`` where `null` is ``"parametric"``. Each sample is fitted by a copy.
    null : {"parametric", "standardize", "wild"}, default "parametric"
        Where the p-value comes from. ``"parametric"``: samples drawn from the fitted model, each of
        which is fitted anew and gets bandwidths of its own. ``"standardize"``: rows less their
        location, divided by their scale, have a law free of parameters, which is simulated, and
        remembered for the same integer `random_state`; for the distributions norm, laplace,
        logistic, cauchy, gumbel_l, gumbel_r, hypsecant and multivariate_normal (whitened) of
        scipy.stats. ``"wild"``: random signs at the fitted model, as if it had been known; fast,
        for any model with a score, and conservative: it rejects true normal laws in 0.5 % of
        samples at the level of 5 %, and others less often than it could.
    kernel : str or Kernel, default "imq"
        As in `KernelSteinTest`.
    bandwidth : "auto", "median" or float, default "auto"
        As in `KernelSteinTest`; in units of standardized rows with ``null="standardize"``.
    statistic : {"u", "v"}, default "u"
        Whether pairs of a row with itself count.
    support : tuple of (lower, upper), optional
        Edges of the support, for models that do not know theirs.
    boundary : {"auto", "refuse", "tilt", "ignore"}, default "auto"
        What to do where the support of the models has an edge. ``"tilt"``: multiply each coordinate
        of the test function by a weight that vanishes at the edges of its column. ``"auto"``: tilt
        where the density of the fitted model does not vanish at an edge. ``"refuse"``: raise there.
        ``"ignore"``: the plain kernel, with which ``null="wild"`` is not valid and
        ``"parametric"`` has little power.
    preconditioner : {"std", "covariance"} or array-like of shape (d, d), optional
        As in `KernelSteinTest`, of each sample anew; it makes the units of the columns irrelevant.
        Not with ``null="standardize"``, where they are so already.
    n_resamples : int, default 499
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
        single p-values and weights.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``, for all bandwidths together.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        All of these together.
    bandwidth_ : float
        The bandwidth; of several, the one with the smallest p-value for its weight.
    bandwidths_ : DataFrame
        One row per bandwidth: factor (of the median), bandwidth, weight, statistic (n times U or V)
        and pvalue (of this bandwidth alone).
    discrepancy_ : float
        The kernel Stein discrepancy from the fitted model at `bandwidth_`.
    influence_ : ndarray of shape (n,)
        Mean of h of each row with the other rows at `bandwidth_`; their mean is the U statistic.
        Rows with large values speak against the family.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    fitted_ : object
        What fitting the family gave.
    model_ : ScoreModel
        The same as the test sees it.
    n_refit_failures_ : int
        Samples drawn that could not be fitted; others took their place.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When samples drawn could not be fitted, rows depend on one another or are repeated, the
        median bandwidth does not suit the number of columns, or with ``null="wild"``.

    See Also
    --------
    KernelSteinTest : For a model whose parameters do not come from the same rows.

    Notes
    -----
    The parametric null takes for granted that the rows determine the parameters. Where they do not,
    as for a mixture with more components than the law has, the test may reject too often.

    Intervals for the discrepancy, and power at other numbers of rows, are left out: the formulas
    that `KernelSteinTest` has for them take the model as known.

    References
    ----------
    .. [1] O. Key, A. Gretton, F.-X. Briol and T. Fernandez, "Composite goodness-of-fit tests with
       kernels", Journal of Machine Learning Research (2025), arXiv:2111.10275, algorithms 1 and 2.
    .. [2] W. Stute, W. Gonzales Manteiga and M. Presedo Quindimil, "Bootstrap based goodness-of-fit
       tests", Metrika 40 (1993), 243-256.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import CompositeSteinTest
    >>> X = np.random.default_rng(0).standard_t(3, size=(200, 1))
    >>> CompositeSteinTest(stats.norm, n_resamples=199, random_state=0).fit(X).pvalue_
    0.005
    >>> test = CompositeSteinTest(stats.norm, null="standardize", random_state=0)
    >>> test.fit(np.random.default_rng(1).normal(5.0, 2.0, size=(200, 1))).result_.reject()
    False
    """

    def __init__(self, family=None, *, null="parametric", kernel="imq", bandwidth="auto",
                 statistic="u", support=None, boundary="auto", preconditioner=None, n_resamples=499,
                 random_state=None, n_jobs=None, progress=False):
        self.family = family
        self.null = null
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.statistic = statistic
        self.support = support
        self.boundary = boundary
        self.preconditioner = preconditioner
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the family to the rows, and test whether they are drawn from one of its members.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample, 4 to 20,000 rows.
        y : None
            Ignored, so that the test can stand in a pipeline.

        Returns
        -------
        CompositeSteinTest
            The fitted test.

        Raises
        ------
        OutOfSupportError
            When the fitted model has no density at some rows.
        SupportBoundaryError
            With ``boundary="refuse"``, when the density does not vanish at an edge of its support.
        TypeError
            When `family` is no family, or a model that has its parameters already.
        ValueError
            When a parameter or the data are not valid, `null` does not suit the family, or more
            than 5 % of the samples drawn cannot be fitted.
        """
        kernel = self._check_parameters()
        family = as_family(self.family)
        X = check_sample_rows(self, X)
        root = self._root
        *seeds, own = root.spawn(self.n_resamples + 1)
        self._check_family(family, X)
        self.fitted_ = family.fit(X, np.random.default_rng(own))
        self.model_ = as_score_model(self.fitted_, support=self.support)
        estimate = self._estimate(family, X)
        points = estimate.under(X, self.model_)
        grid = bandwidth_grid(kernel, self.bandwidth, points.median(), several=True)
        outcome, table = self._resample(points, grid, estimate, seeds)
        self._points, self._kernel = points, grid.kernels[outcome.best]
        self._null = f"the rows are drawn from a member of the family {family.name}"
        self._store(outcome, table, self.n_resamples, root, self._diagnose(family, X))
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> Kernel:
        """Every parameter but the family; the kernel."""
        kernel = resolve_kernel(self.kernel)
        check_option("null", self.null, ("parametric", "standardize", "wild"))
        check_bandwidth(self.bandwidth, kernel)
        check_option("statistic", self.statistic, STATISTICS)
        check_option("boundary", self.boundary, ("auto", "refuse", "tilt", "ignore"))
        check_integer("n_resamples", self.n_resamples, 1)
        if self.null == "standardize" and (self.support is not None or self.boundary == "tilt"):
            raise ValueError("null='standardize' is for laws on the whole space; leave support and "
                             "boundary out, or use null='parametric'.")
        if self.null == "standardize" and self.preconditioner is not None:
            raise ValueError("null='standardize' has no use for a preconditioner; leave it out.")
        return kernel

    def _check_family(self, family: Family, X: np.ndarray) -> None:
        """The family and the rows go with the null."""
        n, d = X.shape
        if n > LARGEST:
            raise ValueError(f"CompositeSteinTest takes at most {LARGEST} rows, got {n}.")
        if self.null == "standardize" and family.standard(d) is None:
            raise ValueError(
                "null='standardize' needs a law with location and scale alone, both of them "
                f"estimated: {', '.join(LOCATION_SCALE)} or multivariate_normal of scipy.stats; "
                f"got {family.name}. Use null='parametric'.")

    def _estimate(self, family: Family, X: np.ndarray) -> Refit | Standardize:
        """What is done with the rows, and with each sample drawn in their place."""
        model = self.model_
        check_score(model, X)
        if (standard := family.standard(X.shape[1])) is not None and self.null == "standardize":
            return Standardize(family, standard)
        if self.null == "parametric" and model.sample is None:
            raise ValueError("null='parametric' needs models with sample(n, rng); "
                             f"{model.name} has none.")
        if self.boundary == "tilt" and not model.bounded:
            raise ValueError("boundary='tilt' needs a support with an edge: pass support=.")
        if self.boundary == "refuse":
            refuse_edges(model, X)
        tilt = self.boundary == "tilt" or (
            self.boundary == "auto" and edge_density(model, X)[0] > EDGE_LIMIT)
        preconditioner = check_preconditioner(self.preconditioner, X.shape[1], tilt)
        return Refit(family, self.support, tilt, preconditioner)

    def _resample(self, points: Points, grid: Grid, estimate: Refit | Standardize,
                  seeds: Seeds) -> tuple[Outcome, pd.DataFrame]:
        """Statistic and draws of every bandwidth, and what they say together."""
        pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
        sums = [pair.sums(self.n_jobs) for pair in pairs]
        if self.null == "wild":
            self.n_refit_failures_ = 0
            draws = bootstrap_draws(pairs, [diagonal for _, diagonal in sums],
                                    resampling_signs(points.n, seeds), self.statistic,
                                    n_jobs=self.n_jobs, progress=self.progress)
        else:
            draws = self._simulate(points, grid, estimate, seeds)
        values = values_of(sums, self.statistic)
        outcome = combine(values, draws, grid.weights)
        self._keep_rows(*sums[outcome.best])
        return outcome, grid.frame().assign(statistic=values, pvalue=outcome.single_pvalues)

    def _simulate(self, points: Points, grid: Grid, estimate: Refit | Standardize,
                  seeds: Seeds) -> np.ndarray:
        """Statistics of samples that are fitted anew, (B, number of kernels)."""
        drawn = Draws(estimate.source(self.model_), estimate, grid, points.n, self.statistic)
        table = partial(drawn.table, seeds, n_jobs=self.n_jobs, progress=self.progress)
        if estimate.free and isinstance(self.random_state, Integral):
            values = remember(drawn.key(len(seeds), int(self.random_state)), table)
        else:
            values = table()
        self.n_refit_failures_ = failed = int(values[:, -1].sum())
        if failed > FAILURES * (failed + len(seeds)):
            raise ValueError(
                f"{failed} of {failed + len(seeds)} samples of {self.model_.name} could not be "
                f"fitted, more than {FAILURES:.0%}: the p-value would be that of another family. "
                "Fix some of the parameters, or use a family with fewer.")
        return values[:, :-1]

    def _diagnose(self, family: Family, X: np.ndarray) -> list[Diagnostic]:
        """What speaks for and against the p-value."""
        model, S = self.model_, self.model_.score(X)
        found = [known.autocorrelation(S, INDEPENDENCE), repeated_rows(X), distinct_values(X)]
        if (p := family.n_parameters(self.fitted_, X)) is not None:
            found.append(_fit_risk(p, len(X)))
        if self._points.singular:
            found.append(SINGULAR)
        if self.null == "wild":
            found += [WILD, known.dominating_row(self._diagonal)]
            if self.support is None:
                found.append(known.support_unknown(model, X, S))
            if self.boundary == "ignore" and model.bounded:
                found.append(known.boundary_ignored(edge_density(model, X)[0]))
        else:
            found.append(_refit_failures(self.n_refit_failures_, self.n_resamples))
        if isinstance(self.bandwidth, str) and self.bandwidth == "median":
            found.append(known.median_in_high_dimension(X.shape[1]))
        return found


def _fit_risk(n_parameters: int, n: int) -> Diagnostic:
    """How far the fitted model is from the best of its family, which the p-value allows for."""
    from divest.sample_complexity import kl_threshold  # at the first use: importing stays cheap

    return Diagnostic("fit_risk", n_parameters / (2.0 * n), kl_threshold(0.05), True,
                      "divergence of the fitted model from the best of the family, to first order; "
                      "above the threshold one new row can tell them apart: the p-value allows for "
                      "that, other uses of fitted_ do not (reported only)")


def _refit_failures(failed: int, n_resamples: int) -> Diagnostic:
    """Share of the samples drawn that could not be fitted."""
    share = failed / (failed + n_resamples)
    return Diagnostic("refit_failures", share, 0.01, share <= 0.01,
                      "samples of the fitted model could not be fitted themselves and others took "
                      "their place; fix some of the parameters, or use a family with fewer")
