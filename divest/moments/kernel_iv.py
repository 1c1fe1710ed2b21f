"""Nonparametric instrumental variables: a smooth curve whose residuals do not depend on Z."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin

from divest._resampling import root_sequence
from divest._results import Diagnostic, diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_integer,
    check_number,
    check_option,
    check_rows,
    check_sample,
    check_scale,
)
from divest.moments._features import NystromFeatures, median_distance
from divest.moments._moment_inputs import check_order
from divest.moments._penalised import LinearMoments, Penalised, rank
from divest.moments._ridge_path import RIDGES, folds, ridge_path
from divest.moments._selection import InstrumentPairs, largest_within
from divest.moments._shared_diagnostics import WEAKEST_FIRST_STAGE, moments_per_row
from divest.moments._spline_basis import FreeLineBasis, HingeBasis, Standardizer

__all__ = ["KernelIVRegressor"]

ROUGH = 0.1  # over n: the ridge of the curve from which intervals come
MOST_FEATURES, LEAST_FEATURES = 40, 5


class KernelIVRegressor(RegressorMixin, BaseEstimator):
    """Regression of `y` on endogenous `X` by instruments `Z`: ``E[y - f(X) | Z] = 0``.

    f is additive: a constant, a slope and bends for each column, ``f = b(x) . coef``, where::

        coef = argmin  |gbar|_W^2 + alpha |coef of bends|^2,   gbar = mean of F (y - b(x) . coef)

    and F are a constant, `Z` and features of a Gaussian kernel on `Z` at its median distance. W is
    the inverse of the second moments of F, then of F times the residuals. Constant and slopes carry
    no penalty, so that f goes on as a line beyond the outermost knots. Columns of `X` and of `Z`
    are standardised; nothing depends on their units.

    The ridge `alpha` is the largest of a path for which out-of-fold residuals depend on `Z` at most
    `parsimony` times as much as for the best, by the Hilbert-Schmidt independence criterion (HSIC).
    That asks for residuals independent of `Z`, more than a conditional mean of 0: where the size of
    errors goes with `Z` it may mislead, and a search with `mmr_scorer` does not ask for it.

    `score` is R^2, as of every regressor. It does not judge a fit by instruments: the best R^2 has
    ordinary regression, which follows the endogenous part of `X`. Use `hsic_scorer`.

    Parameters
    ----------
    basis : "spline" or transformer, default "spline"
        Bends: hinges ``(x - knot)_+``, or whatever columns a transformer makes of the standardised
        `X`.
    n_knots : int, default 12
        Knots per column at quantiles .03 to .97; fewer where there are fewer distinct values.
    weighting : {"vmm", "2sls"}, default "vmm"
        Weights by the residuals of a first fit, or those of the first fit: right where the size of
        errors does not go with `Z`.
    alpha : "hsic-cv" or float, default "hsic-cv"
        The ridge on bends; "hsic-cv" chooses from ``10**-4`` to ``10**0.5``.
    parsimony : float, default 1.25
        How much more dependent residuals may be for a smoother curve, 1 or more.
    hsic_multiplier : float, default 0.5
        Bandwidth on `Z` in HSIC, in median distances.
    cv : int, splitter or iterable, default 5
        Folds for "hsic-cv"; a number makes shuffled folds.
    n_components : int or "auto", default "auto"
        Features of the kernel on `Z`; "auto" is 40, and fewer where these would leave less than ten
        rows per moment, but not below 5.
    reg : float, default 1e-4
        Added to the second moments of the features before they are inverted.
    random_state : int, RandomState, Generator or None, default None
        Draws landmarks of the features, and folds.

    Attributes
    ----------
    alpha_ : float
        The ridge.
    coef_ : ndarray of shape (p,)
        Coefficients of the constant, of the slopes and of the bends, in standardised columns.
    cov_params_ : ndarray of shape (p, p)
        Their covariance (sandwich), the ridge taken as given.
    effective_degrees_of_freedom_ : float
        Parameters that the penalty leaves.
    knots_ : list of ndarray
        Knots of each column, in units of `X`; None where `basis` is a transformer.
    selection_results_ : DataFrame or None
        alpha, hsic, effective_degrees_of_freedom, selected along the path; None for a number.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When the instruments say little about a column of `X`, there are fewer than ten rows per
        feature, or the path ends before residuals stop to improve.

    See Also
    --------
    hsic_scorer : Judges a fit with instruments in a search.

    Notes
    -----
    Time is O(n q^2) per ridge and fold, q <= `n_components` + k + 1. HSIC compares 2,000 rows at
    most.

    References
    ----------
    .. [1] W. K. Newey and J. L. Powell, "Instrumental variable estimation of nonparametric models",
       Econometrica 71 (2003).
    .. [2] R. Zhang, M. Imaizumi, B. Scholkopf and K. Muandet, "Instrumental variable regression via
       kernel maximum moment loss", Journal of Causal Inference 11 (2023).
    .. [3] A. Gretton, K. Fukumizu, C. H. Teo, L. Song, B. Scholkopf and A. J. Smola, "A kernel
       statistical test of independence", NeurIPS (2007).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.moments import KernelIVRegressor
    >>> rng = np.random.default_rng(0)
    >>> Z, e = rng.uniform(-3, 3, size=(1000, 1)), rng.normal(size=1000)
    >>> X = Z + e[:, None]
    >>> y = np.abs(X[:, 0]) + e
    >>> model = KernelIVRegressor(random_state=0).fit(X, y, Z=Z)
    >>> model.predict([[-2.0], [2.0]]).round(1)
    array([1.8, 1.8])
    >>> ordinary = KernelIVRegressor(random_state=0).fit(X, y)
    >>> ordinary.predict([[-2.0], [2.0]]).round(1)
    array([1.5, 2.3])
    """

    def __init__(self, basis="spline", *, n_knots=12, weighting="vmm", alpha="hsic-cv",
                 parsimony=1.25, hsic_multiplier=0.5, cv=5, n_components="auto", reg=1e-4,
                 random_state=None):
        self.basis = basis
        self.n_knots = n_knots
        self.weighting = weighting
        self.alpha = alpha
        self.parsimony = parsimony
        self.hsic_multiplier = hsic_multiplier
        self.cv = cv
        self.n_components = n_components
        self.reg = reg
        self.random_state = random_state

    def fit(self, X: Any, y: Any, Z: Any = None) -> Self:
        """Choose the ridge and fit the curve.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Regressors, endogenous or not.
        y : array-like of shape (n,)
            Outcomes.
        Z : array-like of shape (n, k) or (n,), optional
            Instruments, with the exogenous columns of `X` among them. None: `X` itself, which is
            right where nothing is endogenous.

        Returns
        -------
        KernelIVRegressor
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data are not valid, or `Z` cannot tell the slopes of `X` apart.
        """
        self._check_parameters()
        X, y, Z = self._check_data(X, y, Z)
        landmarks, shuffle = root_sequence(self.random_state).spawn(2)
        self._basis = FreeLineBasis(self._bends()).fit(X)
        moments = self._moments(X, y, Z, landmarks)
        self.alpha_, self.selection_results_ = self._choose(moments, Z, shuffle)
        found = moments.solve(self.alpha_, self.weighting == "vmm")
        self._store(moments, found)
        diagnostics = self._diagnose(moments, found)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        warn_if_doubtful(diagnostics, type(self).__name__)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The curve f at new rows.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Rows.

        Returns
        -------
        ndarray of shape (m,)
            What y would be on average were X set to these values.
        """
        return self._columns(X) @ self.coef_

    def predict_interval(self, X: Any, level: float = 0.95, *,
                         undersmooth: bool = True) -> pd.DataFrame:
        """The curve, and a pointwise normal interval for f (not for a new y).

        The ridge that gives the best curve bends it by about as much as chance does, which no
        standard error tells. So the interval is that of a rougher curve, whose ridge is 0.1 / n
        (`alpha_` where that is smaller) and whose remaining penalty is corrected once; it need not
        lie evenly about the prediction. For five curves, on average over the range, intervals of
        level .95 held the truth with probability .90 to .95 (n = 300 and 1,000) and .87 to .94
        (n = 4,000): less beside a kink or a jump, which 12 knots cannot follow.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Rows.
        level : float, default 0.95
            Confidence level in (0, 1).
        undersmooth : bool, default True
            False takes the sandwich of the curve itself: narrow, and right only where the penalty
            bends nothing, as of a line; it held a curve with a kink .4 to .7 of the time.

        Returns
        -------
        DataFrame
            One row per row of `X`: prediction, standard_error, low, high.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1, or `X` has other columns than in `fit`.
        """
        from scipy.special import ndtri

        columns, level = self._columns(X), check_number("level", level, 0.0, 1.0)
        coef, covariance = self._rough if undersmooth else (self.coef_, self.cov_params_)
        error = np.sqrt(np.einsum("ij,jk,ik->i", columns, covariance, columns).clip(0.0))
        center, reach = columns @ coef, ndtri(0.5 + level / 2) * error
        return pd.DataFrame({"prediction": columns @ self.coef_, "standard_error": error,
                             "low": center - reach, "high": center + reach})

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> None:
        """Every parameter by itself."""
        if isinstance(self.basis, str) or not hasattr(self.basis, "transform"):
            check_option("basis", self.basis, ["spline"])
        check_option("weighting", self.weighting, ("vmm", "2sls"))
        check_integer("n_knots", self.n_knots, 0)
        if isinstance(self.n_components, str):
            check_option("n_components", self.n_components, ["auto"])
        else:
            check_integer("n_components", self.n_components, 1)
        for name in ("reg", "hsic_multiplier"):
            check_number(name, getattr(self, name), 0.0)
        for name, low in (("parsimony", 1), ("alpha", 0)):
            value = getattr(self, name)
            if name == "alpha" and isinstance(value, str):
                check_option("alpha", value, ["hsic-cv"])
            elif check_number(name, value) < low:
                raise ValueError(f"{name} must be {low} or more, got {value!r}.")

    def _check_data(self, X: Any, y: Any, Z: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, outcomes as numbers, instruments in their standard deviations."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is "
                             "None.")
        check_order(X, y=y, Z=Z)
        X, y = check_rows(self, X, y, min_samples=2)
        Z = X if Z is None else check_sample(Z, "Z")[0]
        for name, part in (("X", X), ("Z", Z), ("y", np.asarray(y, float)[:, None])):
            check_scale(part, name)
        if len(Z) != len(X):
            raise ValueError(f"Z must have one row per row of X ({len(X)}), got {len(Z)}.")
        return X, np.asarray(y, float), Standardizer().fit(Z).transform(Z)

    def _bends(self) -> Any:
        return HingeBasis(self.n_knots) if isinstance(self.basis, str) else self.basis

    def _moments(self, X: np.ndarray, y: np.ndarray, Z: np.ndarray,
                 seed: np.random.SeedSequence) -> LinearMoments:
        """The moment conditions on all rows."""
        count = self.n_components
        if isinstance(count, str):
            count = min(MOST_FEATURES, max(LEAST_FEATURES, len(Z) // 10 - 1 - rank(Z)))
        features = NystromFeatures(median_distance(Z), count, seed).fit(Z)
        F = np.concatenate([np.ones((len(Z), 1)), Z, features.transform(Z)], axis=1)
        basis = self._basis
        moments = LinearMoments(basis.transform(X), F, y, basis.n_free, self.reg)
        told, wanted = moments.identified()
        if told < wanted:
            raise ValueError(f"under-identified: the instruments identify {told} of {wanted} "
                             "coefficients of the constant and the slopes; give instruments with "
                             "more distinct values, raise n_components, or drop columns of X.")
        return moments

    def _choose(self, moments: LinearMoments, Z: np.ndarray,
                seed: np.random.SeedSequence) -> tuple[float, pd.DataFrame | None]:
        """The ridge, and what was found along the path."""
        if not isinstance(self.alpha, str):
            return float(self.alpha), None
        path = ridge_path(moments, InstrumentPairs(Z, self.hsic_multiplier),
                          folds(self.cv, len(Z), seed), self.weighting == "vmm")
        chosen = largest_within(path["hsic"].to_numpy(), self.parsimony)
        path["selected"] = path.index == chosen
        return float(RIDGES[chosen]), path

    def _store(self, moments: LinearMoments, found: Penalised) -> None:
        """Fitted attributes."""
        self.coef_, self.cov_params_ = found.coef, moments.covariance(found)
        self.effective_degrees_of_freedom_ = found.degrees
        ridge = min(self.alpha_, ROUGH / len(moments.y))
        rough = moments.solve(ridge, self.weighting == "vmm", debias=True)
        self._rough = rough.coef, moments.covariance(rough)
        self.knots_ = None
        if isinstance(self.basis, str):
            units = self._basis.units
            self.knots_ = [knots * scale + center for knots, scale, center in zip(
                self._basis.bends.knots, units.scale, units.center, strict=True)]

    def _diagnose(self, moments: LinearMoments, found: Penalised) -> list[Diagnostic]:
        """What the instruments and the path say about the curve."""
        n, q = moments.F.shape
        share, path = moments.explained(), self.selection_results_
        room = max(n - q, 0) / max(q + 1 - moments.n_free, 1)
        strength = float(np.min(share / np.maximum(1 - share, 1e-300), initial=np.inf)) * room
        lowest = path is not None and bool(path["selected"].iloc[0])
        return [
            Diagnostic("first_stage_f", strength, WEAKEST_FIRST_STAGE,
                       bool(strength >= WEAKEST_FIRST_STAGE),
                       "the instruments say little about a column of X for their number: find "
                       "stronger ones, more rows, or lower n_components"),
            moments_per_row(q, n),
            Diagnostic("edge_of_path", self.alpha_, float(RIDGES[0]), not lowest,
                       "the smallest ridge of the path was chosen; a rougher curve may fit better: "
                       "raise n_knots or give a smaller alpha"),
            Diagnostic("effective_degrees_of_freedom", found.degrees, np.nan, True,
                       "parameters that the penalty leaves"),
        ]

    def _columns(self, X: Any) -> np.ndarray:
        """Columns of the basis at new rows."""
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        check_scale(X, "X", getattr(self, "feature_names_in_", None))
        return self._basis.transform(X)
