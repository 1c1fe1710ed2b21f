"""Parameters from moment conditions: the kernel method of moments and its family."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from divest._resampling import generators, root_sequence
from divest._results import _levels_to_caller, diagnostics_frame, warn_if_doubtful
from divest._validation import check_rows
from divest.moments._fit_moments import MomentFit, fit_moments
from divest.moments._instruments import features_of
from divest.moments._moment_diagnostics import moment_diagnostics
from divest.moments._moment_inference import Dependence, FitInference
from divest.moments._moment_inputs import (
    check_data,
    check_groups,
    check_order,
    check_starts,
    check_weights,
    rows_of,
)
from divest.moments._moment_plan import check_parameters, make_plan, make_sample
from divest.moments._moment_queries import MomentQueries
from divest.moments._results import MomentEstimate
from divest.moments._start import perturbed_starts


class KernelMethodOfMoments(MomentQueries, BaseEstimator):
    r"""Parameters that satisfy moment conditions, with errors, tests and robust sets.

    ``E[psi(X; theta)] = 0``, or with instruments ``E[psi(X; theta) | Z] = 0``, which becomes
    ``E[g] = 0`` for the products g of psi with features of Z. The estimate minimises

    .. math:: R(\theta) = \max_{a, b} -\Big[ \tfrac12 |b|^2 + \tfrac\lambda2 |a|^2 + \epsilon \log
              \sum_j w_j e^{(\Phi_j b - g_j(\theta) a) / \epsilon} \Big],

    the smallest squared MMD (kernel features Phi) plus epsilon times the Kullback-Leibler
    divergence from the sample to a distribution that satisfies the moments, with a ridge
    lambda = reg / epsilon where they are many. Without Phi this is exponential tilting, with other
    divergences empirical likelihood and continuously updated GMM. To first order all of them are
    the efficient GMM estimator; measured, the data kernel itself adds little to that, and the gains
    come from kernel instruments with efficient weights.

    Parameters
    ----------
    moment_function : callable
        ``moment_function(data, theta)`` gives (n, m) moments, or (n,) for one. `data` is a
        `MomentData` with X, y and Z as float arrays: a column of a table is ``data.X[:, 0]``, not
        its name. They must be differentiable in theta; counts below theta, as of quantiles, are
        not, and get wrong errors.
    jacobian : callable, optional
        ``jacobian(data, theta)`` gives their derivatives (n, m, p). By default the complex step
        where it agrees with differences, else central differences.
    theta0 : array-like of shape (p,), Series, dict, or (k, p) for several starts
        Where the search begins. A Series, dict or DataFrame names the parameters.
    estimator : {"kmm", "vmm", "mmr", "fgel", "cue", "gmm", "el", "et"}, default "kmm"
        ``"kmm"``: as above. ``"fgel"``: the same without Phi. ``"vmm"``: GMM with weights
        (E gg' + reg)^-1, three rounds. ``"mmr"``: equal weights. ``"gmm"``: two-step GMM.
        ``"cue"``: continuously updated GMM. ``"el"``: empirical likelihood. ``"et"``: exponential
        tilting.
    instruments : {"auto", "linear", "kernel", None} or transformer, default "auto"
        ``"linear"``: the columns of Z (add a constant yourself). ``"kernel"``: features of a
        Gaussian kernel on Z, on whose scale the columns of Z should be alike. A scikit-learn
        transformer is fitted to Z. ``"auto"``: "kernel" where Z is given, else None.
    epsilon : float, default 1.0
        Weight of the divergence against the MMD, of "kmm" and "fgel".
    divergence : {"kl", "chi2", "log"}, default "kl"
        Of "kmm" (not "log") and "fgel".
    reg : "auto" or float, default "auto"
        The ridge. ``"auto"``: with kernel instruments and "kmm", "fgel" or "vmm" chosen among 1e-5,
        1e-3 and 1e-2 (1e-3 without selection), else 0.
    n_components : int, default 50
        Features of the instruments.
    n_components_mmd : int, default 60
        Features of the data kernel.
    approximation : {"nystrom", "rff"}, default "nystrom"
        Landmarks, or random Fourier features.
    bandwidth_multiplier : float, default 0.5
        Bandwidth of the instruments' kernel in median distances; selection tries 0.7, 1 and 1.5
        times this.
    selection : {"hsic", "hsic-profile", "mmr", None} or callable, default "hsic"
        How bandwidth and ridge of kernel instruments are chosen: the two-step estimate whose
        residuals are least dependent on Z. ``"hsic-profile"``: the same of final estimates.
        ``"mmr"``: smallest kernel moment; flat. Or ``callable(residual, Z)``, to be small; it sees
        no weights.
        HSIC asks for independence, more than a zero mean given Z, and may mislead where the spread
        of residuals depends on Z; compare `score` on other rows then.
    n_reference : int, default 0
        Draws from a density estimate of the rows added to them, for "kmm". Measured: they hurt.
    reference_bandwidth : float, default 0.1
        Of that density estimate, in standard deviations.
    scale_moments : bool, default True
        Divide psi by its standard deviations at the start, with kernel instruments.
    n_starts : int, default 3
        Starts: `theta0` and random ones around it; moments affine in theta need none.
    n_steps : int, default 2
        Of "gmm", the first with equal weights.
    guard : "auto", float or None, default "auto"
        Two-step estimate kept where the final one is further away than this many of its standard
        errors (root mean square over parameters); "auto" is 4 with kernel instruments, else 10.
    cov_type : {"auto", "robust", "cluster", "hac", "nw"}, default "auto"
        ``"robust"``: sandwich. ``"cluster"``: of sums over `groups`. ``"hac"``: Bartlett weights,
        rows in time order. ``"nw"``: with the Hessian of the objective, after Newey and Windmeijer.
        ``"auto"``: "nw" for "kmm", "fgel", "cue", "el" and "et", else "robust"; with `groups` the
        moments' covariance is that of "cluster".
    max_lags : int, optional
        Of "hac"; by default ``4 (n / 100)^(2/9)``.
    max_iter : int, default 60
        Of the last search.
    tol : float, default 1e-6
        It ends when the predicted step is below this many standard errors.
    random_state : int, Generator, RandomState or None, default None
        Source of starts, landmarks and draws.

    Attributes
    ----------
    params_ : Series
        Estimates by name.
    cov_params_ : DataFrame
        Their covariance.
    result_ : MomentEstimate
        Estimates with errors, intervals and diagnostics.
    weights_ : ndarray of shape (n,)
        Weights that satisfy the moments (n + n_reference of them with reference draws); those of
        the rows themselves for "gmm", "vmm" and "mmr".
    dual_ : ndarray of shape (q,)
        Multipliers of the moments.
    objective_ : float
        The objective at the estimate.
    converged_ : bool
        Whether the last search did.
    fallback_ : bool
        Whether `params_` is the two-step estimate because the last search failed.
    n_iter_ : int
        Its iterations.
    two_step_params_ : Series
        The two-step estimate.
    selection_results_ : DataFrame
        One row per candidate: bandwidth_multiplier, reg, n_moments, criterion, converged, selected.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When a diagnostic fails.
    ConvergenceWarning
        When the last search did not converge or ran away, and the two-step estimate is reported.

    See Also
    --------
    moment_test : Test of given parameters, without estimation.

    References
    ----------
    .. [1] H. Kremer, Y. Nemmour, B. Schölkopf and J.-J. Zhu, "Estimation beyond data reweighting:
       kernel method of moments", ICML (2023).
    .. [2] W. K. Newey and R. J. Smith, "Higher order properties of GMM and generalized empirical
       likelihood estimators", Econometrica 72 (2004).
    .. [3] W. K. Newey and F. Windmeijer, "Generalized method of moments with many weak moment
       conditions", Econometrica 77 (2009).
    .. [4] J. H. Stock and J. H. Wright, "GMM with weak identification", Econometrica 68 (2000).

    Examples
    --------
    The centre of a symmetric law, from two moments:

    >>> import numpy as np
    >>> from divest.moments import KernelMethodOfMoments
    >>> def center(data, theta):
    ...     away = data.X[:, 0] - theta[0]
    ...     return np.column_stack([away, np.tanh(2 * away)])
    >>> X = np.random.default_rng(0).laplace(size=(200, 1))
    >>> model = KernelMethodOfMoments(center, theta0={"center": 0.0}, random_state=0).fit(X)
    >>> model.params_.round(2)
    center    0.14
    dtype: float64
    >>> model.confidence_interval().round(2)
      parameter   low  high
    0    center -0.02  0.31
    >>> round(model.j_test().pvalue, 2)
    0.72
    """

    def __init__(self, moment_function, *, jacobian=None, theta0=None, estimator="kmm",
                 instruments="auto", epsilon=1.0, divergence="kl", reg="auto", n_components=50,
                 n_components_mmd=60, approximation="nystrom", bandwidth_multiplier=0.5,
                 selection="hsic", n_reference=0, reference_bandwidth=0.1, scale_moments=True,
                 n_starts=3, n_steps=2, guard="auto", cov_type="auto", max_lags=None, max_iter=60,
                 tol=1e-6, random_state=None):
        self.moment_function = moment_function
        self.jacobian = jacobian
        self.theta0 = theta0
        self.estimator = estimator
        self.instruments = instruments
        self.epsilon = epsilon
        self.divergence = divergence
        self.reg = reg
        self.n_components = n_components
        self.n_components_mmd = n_components_mmd
        self.approximation = approximation
        self.bandwidth_multiplier = bandwidth_multiplier
        self.selection = selection
        self.n_reference = n_reference
        self.reference_bandwidth = reference_bandwidth
        self.scale_moments = scale_moments
        self.n_starts = n_starts
        self.n_steps = n_steps
        self.guard = guard
        self.cov_type = cov_type
        self.max_lags = max_lags
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, Z: Any = None, *, theta0: Any = None, groups: Any = None,
            sample_weight: Any = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The rows that the moment function sees as ``data.X``.
        y : array-like of shape (n,) or (n, k), optional
            Outcomes, ``data.y``.
        Z : array-like of shape (n, k), optional
            Instruments, ``data.Z``.
        theta0 : array-like, optional
            Takes the place of the estimator's own.
        groups : array-like of shape (n,), optional
            Rows of one group may depend on one another: standard errors and tests allow for it.
        sample_weight : array-like of shape (n,), optional
            Sampling weights, 0 or more; not counts of rows. Rows of weight 0 are dropped.

        Returns
        -------
        KernelMethodOfMoments
            The fitted estimator.

        Raises
        ------
        ValueError
            When parameters, data or starts are not valid, the moments or their Jacobian are not
            finite at the start or of the wrong shape, the Jacobian is wrong, there are fewer
            moments than parameters, or without a ridge no more rows than moments.
        TypeError
            When a parameter has the wrong type.
        """
        check_parameters(self)
        check_order(X, y=y, Z=Z, groups=groups, sample_weight=sample_weight)
        data = check_data(check_rows(self, X, min_samples=2), y, Z)
        starts = check_starts(self.theta0 if theta0 is None else theta0)
        weights = check_weights(sample_weight, len(data.X))
        dependence = self._dependence(groups, weights)
        fit, plain = self._fit(data, weights, starts.thetas)
        inference = FitInference(fit, self.cov_type, dependence, plain)
        diagnostics = tuple(moment_diagnostics(fit, inference, self.n_reference))
        self._store(fit, inference, starts.names, weights)
        self.result_ = MomentEstimate(starts.names, fit.theta, inference.cov, self._method(),
                                      (fit.n,), diagnostics)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        if fit.fallback or not fit.converged:
            reported = "the two-step estimate is reported" if fit.fallback else "see diagnostics_"
            warnings.warn(f"{type(self).__name__}: {fit.message}; {reported}.", ConvergenceWarning,
                          stacklevel=_levels_to_caller())
        warn_if_doubtful(diagnostics, type(self).__name__)
        return self

    # ------------------------------------------------------------ steps of fit
    def _dependence(self, groups: Any, weights: np.ndarray) -> Dependence:
        """How the rows with a weight depend on one another."""
        if groups is None:
            if self.cov_type == "cluster":
                raise ValueError("cov_type='cluster' needs groups, a label for each row; pass "
                                 "groups to fit.")
            return Dependence("hac" if self.cov_type == "hac" else "robust", None, self.max_lags)
        if self.cov_type in ("robust", "hac"):
            raise ValueError(f"groups have no place in cov_type={self.cov_type!r}; use 'cluster', "
                             "'nw' or 'auto'.")
        return Dependence("cluster", check_groups(groups, len(weights))[weights > 0])

    def _fit(self, data: Any, weights: np.ndarray, thetas: np.ndarray) -> tuple[MomentFit, bool]:
        """The fit to the rows with a weight, and whether its weighting is equal."""
        seeds = root_sequence(self.random_state).spawn(4)
        noise, draws = generators([seeds[0], seeds[3]])
        if len(thetas) == 1:
            thetas = perturbed_starts(thetas[0], self.n_starts, noise)
        data, weights = rows_of(data, weights > 0), weights[weights > 0]
        plan = make_plan(self, data.Z, weights, seeds[1])
        sample = make_sample(self, data, weights, seeds[2], draws)
        self._psi = sample.psi
        return fit_moments(plan, sample, thetas), plan.plain

    def _store(self, fit: MomentFit, inference: FitInference, names: list[str],
               weights: np.ndarray) -> None:
        """Fitted attributes."""
        self._fitted, self._inference = fit, inference
        self.params_ = pd.Series(fit.theta, index=names)
        self.two_step_params_ = pd.Series(fit.two_step, index=names)
        self.cov_params_ = pd.DataFrame(inference.cov, index=names, columns=names)
        self.weights_ = np.zeros(len(weights) + len(fit.dual.weights) - fit.n)
        positive = np.append(weights > 0, np.ones(len(self.weights_) - len(weights), dtype=bool))
        self.weights_[positive] = fit.dual.weights
        self.dual_, self.objective_ = fit.dual.alpha, float(fit.dual.value)
        self.converged_, self.fallback_, self.n_iter_ = fit.converged, fit.fallback, fit.n_iter
        self.selection_results_ = fit.selection

    def _method(self) -> str:
        """Words for the estimator and the covariance."""
        kind = self._inference.dependence.cov_type
        used = self._inference.used
        both = used if used == kind or kind == "robust" else f"{used}, {kind}"
        step = ", two-step" if self.fallback_ else ""
        return f"{self.estimator}{step} ({both} standard errors)"

    def instrument_function(self, Z: Any) -> np.ndarray:
        """The function of the instruments that tells the moments furthest from zero.

        Parameters
        ----------
        Z : array-like of shape (n, k)
            Instruments.

        Returns
        -------
        ndarray of shape (n,) or (n, m)
            Multipliers of the m columns of psi; the estimate makes the mean of their products
            small.

        Raises
        ------
        ValueError
            When the estimator was fitted without instruments.
        """
        fit = self._queried()
        if fit.data.F is None:
            raise ValueError("the estimator has no instruments: it was fitted without Z, or with "
                             "instruments=None.")
        F = features_of(fit.candidate.instruments, self._instruments_of(Z))
        m, f = fit.data.n_psi, fit.data.F.shape[1]
        alpha = np.zeros(m * f)
        alpha[slice(None) if fit.data.kept is None else fit.data.kept] = fit.dual.alpha
        values = F @ alpha.reshape(m, f).T / fit.data.scale
        return values[:, 0] if m == 1 else values
