"""What a fitted moment estimator answers: tests, intervals, sets and a score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._results import HypothesisResult
from divest._validation import check_number, check_option, check_rows, check_sample
from divest.moments._fit_moments import MomentFit
from divest.moments._instruments import features_of
from divest.moments._moment_function import MomentFunction, refuse_gaps
from divest.moments._moment_inference import FitInference
from divest.moments._moment_inputs import check_data, check_theta, check_weights
from divest.moments._queries import (
    ParameterQueries,
    check_groups_suffice,
    hull_frame,
    interval_with,
)
from divest.moments._results import ConfidenceSet, analytic_test
from divest.moments._robust_sets import ProjectedTest, projected_hull
from divest.moments._set_grid import set_grid

INTERVALS = ("wald", "nw", "s", "lr")
LR_REG = 1e-3  # likelihood-ratio sets are not for larger ridges


class MomentQueries(ParameterQueries):
    """Questions to a fitted `KernelMethodOfMoments`."""

    _fitted: MomentFit
    _inference: FitInference
    _psi: MomentFunction

    def j_test(self) -> HypothesisResult:
        """Test of the moments that the estimate leaves over (overidentification).

        Without a ridge the J test against chi-square; with one, a statistic with the ridged weights
        against a weighted sum of chi-squares. After selection of bandwidth and ridge the level is
        approximate.

        Returns
        -------
        HypothesisResult
            NaN where there are as many moments as parameters.
        """
        self._queried()
        statistic, pvalue, _, note = self._inference.j
        return analytic_test(statistic, pvalue, f"J test ({note})",
                             "all moments are zero at some parameters")

    def moment_test(self, theta: Any) -> HypothesisResult:
        """Test that the moments are zero at given parameters (S test); needs no identification.

        Parameters
        ----------
        theta : array-like of shape (p,)
            All parameters.

        Returns
        -------
        HypothesisResult
            ``2 n R(theta)`` against a weighted sum of chi-squares.

        Raises
        ------
        ValueError
            When `theta` has not one number per parameter, the moments are not finite there, or with
            reference draws.
        """
        fit = self._queried()
        self._check_robust()
        theta = check_theta(theta, len(fit.theta))
        refuse_gaps(self._psi(theta), "moment_function", theta)
        statistic, pvalue, _ = self._inference.s_test(theta)
        return analytic_test(statistic, pvalue, "S test of moments at given parameters",
                             "all moments are zero at these parameters")

    def confidence_interval(self, level: float = 0.95, method: str = "wald") -> pd.DataFrame:
        """Confidence interval of each parameter.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).
        method : {"wald", "nw", "s", "lr"}, default "wald"
            ``"wald"``: estimate and standard error. ``"nw"``: with the covariance after Newey and
            Windmeijer. ``"s"``: every value of the parameter that the S test does not reject
            together with the others that make the objective smallest; valid with weak instruments,
            conservative for one of several parameters. ``"lr"``: the same from the rise of the
            objective, for epsilon of 1 and more and ridges up to 1e-3; experimental.

        Returns
        -------
        DataFrame
            One row per parameter: parameter, low, high. With "s" and "lr" an end is infinite
            where none was found within 1,000 standard errors, and both are NaN for an empty set.

        Raises
        ------
        ValueError
            When the method is not available for this fit.

        Warns
        -----
        TrustWarning
            When a set is empty, or falls into pieces, of which the interval holds all.

        Notes
        -----
        "s" and "lr" evaluate the objective at about 100 values of one parameter; of several, at
        about 40 values of each, with a search over the others at every one: seconds to minutes.
        Pieces of a set that are narrower than a sixth (of several parameters, half) of their
        distance from the estimate may be overlooked.
        """
        fit = self._queried()
        check_option("method", method, INTERVALS)
        if method == "wald":
            return self.result_.confidence_interval(level)
        if method == "nw":
            return self._nw_interval(level)
        self._check_robust()
        if method == "lr":
            self._check_lr(fit)
        level = check_number("level", level, 0, 1)
        hulls = [projected_hull(ProjectedTest(self._inference, j, method), level)
                 for j in range(len(fit.theta))]
        return hull_frame(list(self.params_.index), hulls)

    def confidence_set(self, level: float = 0.95, grid: Any = None) -> ConfidenceSet:
        """The parameters that the S test does not reject, on a grid.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).
        grid : DataFrame, dict of axes, or array-like of shape (k, p), optional
            Points with all parameters; of a dict, all combinations. By default 401 points within 10
            standard errors for one parameter, 41 by 41 within 5 for two.

        Returns
        -------
        ConfidenceSet
            Valid however weakly the parameters are identified.

        Raises
        ------
        ValueError
            When the grid does not hold the parameters, or is missing for more than two.
        """
        fit = self._queried()
        self._check_robust()
        points = set_grid(grid, fit.theta, self._inference.cov, list(self.params_.index))
        found, dual = [], None
        for theta in points.to_numpy(float):
            statistic, pvalue, dual = self._inference.s_test(theta, dual)
            found.append((statistic, pvalue))
        values = np.array(found)
        return ConfidenceSet(points, values[:, 0], values[:, 1],
                             check_number("level", level, 0, 1), "S set")

    def score(self, X: Any, y: Any = None, Z: Any = None, sample_weight: Any = None) -> float:
        """How nearly other rows satisfy the moments: larger is better, 0 is best.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        y : array-like of shape (n,) or (n, k), optional
            Outcomes.
        Z : array-like of shape (n, k), optional
            Instruments.
        sample_weight : array-like of shape (n,), optional
            Sampling weights.

        Returns
        -------
        float
            ``-gbar' A^-1 gbar / 2`` with the mean moments of these rows and A from the fit.

        Raises
        ------
        ValueError
            When the data are not those of the fit: other columns, or instruments missing.

        Notes
        -----
        A holds the ridge, so that a larger one makes the score larger: compare fits of one `reg`.
        """
        fit = self._queried()
        data = check_data(check_rows(self, X, reset=False), y,
                          None if Z is None else self._instruments_of(Z))
        problem = fit.data
        if problem.F is not None and data.Z is None:
            raise ValueError("the estimator was fitted with instruments: score needs Z.")
        w = check_weights(sample_weight, len(data.X))
        F = features_of(fit.candidate.instruments, data.Z)
        gbar = w @ problem.on_rows(self._psi.on(data), F).moments(fit.theta)
        return float(-gbar @ self._inference.W @ gbar / 2)

    def residuals(self, X: Any, y: Any = None, Z: Any = None) -> np.ndarray:
        """Columns of psi at the estimate, in the units in which the fit saw them.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        y : array-like of shape (n,) or (n, k), optional
            Outcomes.
        Z : array-like of shape (n, k), optional
            Instruments.

        Returns
        -------
        ndarray of shape (n, m)
            With the right parameters their mean is zero, given Z.

        Raises
        ------
        ValueError
            When the rows have other columns than in `fit`, or do not fit together.
        """
        fit = self._queried()
        data = check_data(check_rows(self, X, reset=False), y, Z)
        return self._psi.on(data)(fit.theta) / fit.data.scale

    # ------------------------------------------------------------ what they share
    def _queried(self) -> MomentFit:
        """The fit, which must be there."""
        check_is_fitted(self)
        return self._fitted

    def _check_robust(self) -> None:
        """Refuse what tests at given parameters cannot have."""
        check_groups_suffice(self._inference.n_groups, self._fitted.data.n_moments, "moments")
        if self._fitted.problem.n_rows != self._fitted.n:
            raise ValueError("robust sets and tests at given parameters are not available with "
                             f"n_reference={self._fitted.problem.n_rows - self._fitted.n}: their "
                             "law is that of the sample alone. Set n_reference=0.")

    def _check_lr(self, fit: MomentFit) -> None:
        if not fit.profiled:
            raise ValueError("method='lr' needs an estimate that minimises a profile objective "
                             "(estimator 'kmm', 'fgel', 'cue', 'el' or 'et', no fallback); use "
                             "method='s'.")
        if fit.problem.epsilon < 1 or fit.candidate.reg > LR_REG:
            raise ValueError("method='lr' needs epsilon of 1 or more and reg of at most "
                             f"{LR_REG:g}, got {fit.problem.epsilon:g} and "
                             f"{fit.candidate.reg:g}; use method='s'.")

    def _nw_interval(self, level: float) -> pd.DataFrame:
        V = self._inference.nw
        if V is None:
            raise ValueError("method='nw' needs a profile estimate ('kmm', 'fgel', 'cue', 'el', "
                             "'et', no fallback) at which the objective is convex; use 'wald' or "
                             "'s'.")
        return interval_with(self.result_, V, level)

    def _instruments_of(self, Z: Any) -> np.ndarray:
        """Checked instruments with as many columns as in `fit`."""
        Z = check_sample(Z, "Z")[0]
        fitted = self._psi.data.Z
        if fitted is not None and fitted.shape[1] != Z.shape[1]:
            raise ValueError(f"Z must have the {fitted.shape[1]} columns of the fit, got "
                             f"{Z.shape[1]}.")
        return Z
