"""What both estimators do: check, compute, store, and answer questions afterwards."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._results import Diagnostic, diagnostics_frame, warn_if_doubtful
from divest._validation import (
    check_constant_columns,
    check_number,
    check_option,
    check_rows,
    check_scale,
)
from divest.goodness_of_fit import ScoreModel
from divest.kernels import Kernel, median_bandwidth, resolve_kernel
from divest.moments import MomentEstimate
from divest.unnormalized._diagnostics import rows_per_parameter
from divest.unnormalized._equations import Solution, solve_linear
from divest.unnormalized._pairs import RowPairs
from divest.unnormalized._search import ScoreFunction, search
from divest.unnormalized.families import LinearScore

_WANTED = ("a LinearScore, as of gaussian_score() or exponential_family(statistics), or a function "
           "score(X, theta) with theta0=")


class MinimumStein(BaseEstimator):
    """Minimum kernel Stein discrepancy; those that inherit say where the boundary is."""

    _method = "minimum kernel Stein discrepancy"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample, at least 2 rows.
        y : None
            Ignored, so that the estimator can stand in a pipeline.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        TypeError
            When the family is none.
        ValueError
            When a parameter, the data or what the family gives are not valid, or when the rows do
            not determine the parameters: names the direction that stays free.
        """
        kernel, ridge = self._check_parameters()
        X = self._check_rows(X)
        scale = X.std(axis=0) if self.preconditioner == "std" else np.ones(X.shape[1])
        center = X.mean(axis=0)
        Z, boundary = (X - center) / scale, self._boundary(X)
        if boundary is not None:
            boundary = (boundary - center) / scale
        self.bandwidth_, kernel = _with_bandwidth(kernel, self.bandwidth, Z)
        pairs = RowPairs(Z, kernel, boundary, ridge, self.statistic == "v")
        names, solution = self._solve(pairs, X, scale)
        self._store(X, names, solution, self._diagnose(pairs, len(names)))
        return self

    def model(self) -> ScoreModel:
        """The fitted member of the family, for tests of fit.

        Returns
        -------
        ScoreModel
            Its score; and a sampler, where the family has one and nothing is cut off. Pass it to
            `divest.KernelSteinTest`, on rows other than those of the fit, with the same
            ``boundary_points`` where there are some.
        """
        check_is_fitted(self)
        sample = getattr(self.family, "sample", None) if self._whole_space else None
        sampler = None if sample is None else partial(_draw, sample, self.coef_.copy())
        score = self.family.score if isinstance(self.family, LinearScore) else self.family
        return ScoreModel(partial(_score, score, self.coef_.copy()), sample=sampler,
                          n_features=self.n_features_in_, name=f"fitted {self.family!r}")

    def summary(self) -> str:
        """Estimates, standard errors and intervals as a text table, and what speaks against them.

        Returns
        -------
        str
            Text to print.
        """
        check_is_fitted(self)
        return self.result_.summary()

    def confidence_interval(self, level: float = 0.95) -> pd.DataFrame:
        """Normal intervals for the parameters.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).

        Returns
        -------
        DataFrame
            One row per parameter: parameter, low and high.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        check_is_fitted(self)
        return self.result_.confidence_interval(level)

    # ------------------------------------------------------------ steps of fit
    _whole_space = True

    def _boundary(self, X: np.ndarray) -> np.ndarray | None:
        """Points on the boundary, in the units of the rows."""
        return None

    def _check_parameters(self) -> tuple[Kernel, float]:
        """Every parameter but the family; the kernel and the ridge."""
        check_option("statistic", self.statistic, ("u", "v"))
        check_option("preconditioner", self.preconditioner, (None, "std"))
        if not isinstance(self.bandwidth, str):
            check_number("bandwidth", self.bandwidth, 0.0)
        elif self.bandwidth != "median":
            raise ValueError(f"bandwidth must be 'median' or a number, got {self.bandwidth!r}.")
        return resolve_kernel(self.kernel), 0.0

    def _check_rows(self, X: Any) -> np.ndarray:
        """The rows, none of their columns constant."""
        X = check_rows(self, X, min_samples=2)
        names = getattr(self, "feature_names_in_", None)
        check_scale(X, "X", names)
        check_constant_columns(X, names, "No density gives such rows; drop the columns.")
        return X

    def _solve(self, pairs: RowPairs, X: np.ndarray, scale: np.ndarray
               ) -> tuple[list[str], Solution]:
        """Names of the parameters and their estimates."""
        family = self.family
        if isinstance(family, LinearScore):
            if self.theta0 is not None:
                raise ValueError("theta0 is for families given as a function; a LinearScore is "
                                 "solved in closed form, so leave theta0 out.")
            gamma, offset = family.fields(X)
            names = family.parameter_names(X.shape[1], gamma.shape[2])
            return names, solve_linear(pairs, gamma * scale[:, None], offset * scale, names)
        if isinstance(family, type) or not callable(family):
            raise (ValueError if family is None else TypeError)(
                f"family must be {_WANTED}; got {family!r}.")
        theta0 = _check_start(self.theta0)
        names = [f"theta_{k}" for k in range(len(theta0))]
        return names, search(pairs, ScoreFunction(family, X, scale), theta0, names)

    def _diagnose(self, pairs: RowPairs, p: int) -> list[Diagnostic]:
        """What speaks for and against the estimates."""
        return [rows_per_parameter(len(pairs.Z), p)]

    def _store(self, X: np.ndarray, names: list[str], solution: Solution,
               diagnostics: list[Diagnostic]) -> None:
        """Keep the estimates, and warn where they are doubtful."""
        self.coef_, self.cov_params_ = solution.theta, solution.covariance
        self.standard_error_ = np.sqrt(np.diag(solution.covariance))
        self.result_ = MomentEstimate(names, self.coef_, self.cov_params_, self._method,
                                      (len(X),), tuple(diagnostics))
        self.diagnostics_ = diagnostics_frame(diagnostics)
        warn_if_doubtful(diagnostics, self._method)


def _with_bandwidth(kernel: Kernel, bandwidth: str | float, Z: np.ndarray) -> tuple[float, Kernel]:
    """The bandwidth, and the kernel with it; terms that have one of their own keep it."""
    ell = median_bandwidth(Z) if isinstance(bandwidth, str) else float(bandwidth)
    if kernel.has_bandwidth:
        if not isinstance(bandwidth, str):
            raise ValueError("kernel has a bandwidth of its own; leave bandwidth out.")
        return float(max(term.bandwidth for term in kernel.terms)), kernel
    return ell, kernel.with_bandwidth(ell)


def _check_start(theta0: Any) -> np.ndarray:
    """Where the search starts, (p,)."""
    wrong = ("a family given as a function score(X, theta) needs theta0, finite numbers to start "
             f"the search at; got {theta0!r}.")
    try:
        start = np.atleast_1d(np.asarray(theta0, dtype=float))
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    if theta0 is None or start.ndim != 1 or not start.size or not np.isfinite(start).all():
        raise ValueError(wrong)
    return start


def _score(score: Any, theta: np.ndarray, X: np.ndarray) -> np.ndarray:
    return np.asarray(score(X, theta), dtype=float)


def _draw(sample: Any, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(sample(theta, n, rng), dtype=float)
