"""What a fitted kernel density estimate tells: densities, draws, grids, and what they rest on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils.validation import check_is_fitted

from divest._resampling import root_sequence
from divest._validation import check_integer, check_number, check_rows
from divest.density._effective_rows import regime_of
from divest.density._fitted import FittedDensity
from divest.density._grid_frame import grid_frame
from divest.density.regimes import RegimeResult

EUCLIDEAN = ("euclidean", "l2")


class DensityQueries(DensityMixin, BaseEstimator):
    """Methods of an estimator whose `fit` leaves a `FittedDensity` in ``_fitted``."""

    _fitted: FittedDensity
    bandwidth: Any
    kernel: Any
    boundary: Any
    metric: Any
    n_jobs: Any
    effective_size_: float
    bandwidth_factor_: float

    # ------------------------------------------------------------ density
    def score_samples(self, X: Any, return_std: bool = False
                      ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Logarithm of the density, in nats.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to evaluate it.
        return_std : bool, default False
            Whether to return standard errors, too: those of the logarithm, by the delta method.
            With `bounds` they are those of the sum without images.

        Returns
        -------
        log_density : ndarray of shape (m,)
            Minus infinity outside the support, beyond kernels of bounded support, and where
            ``boundary="linear"`` makes the density negative.
        std : ndarray of shape (m,)
            Only with `return_std`. NaN where so few rows speak that fluctuations are not normal.
        """
        X = self._queries(X)
        found, sign = self._fitted.log_density(X)
        found = np.where(np.asarray(sign) < 0, -np.inf, found)
        if not return_std:
            return found
        self._need_euclidean("return_std")
        return found, self._fitted.log_error(X, self.effective_size_)

    def score(self, X: Any, y: Any = None) -> float:
        """Sum of the log densities of the rows.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to evaluate the density.
        y : None
            Ignored.

        Returns
        -------
        float
            In nats.
        """
        return float(np.sum(self.score_samples(X)))

    def pdf(self, X: Any) -> np.ndarray:
        """The density.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to evaluate it.

        Returns
        -------
        ndarray of shape (m,)
            Per unit of volume of the columns. Negative where ``boundary="linear"`` makes it so.
        """
        found, sign = self._fitted_density().log_density(self._queries(X))
        with np.errstate(over="ignore"):  # infinite above 1e308
            return sign * np.exp(found)

    def cdf(self, X: Any) -> np.ndarray:
        """Probability that every column is at most its value in the query.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Queries.

        Returns
        -------
        ndarray of shape (m,)
            Between 0 and 1.

        Raises
        ------
        ValueError
            When the kernel is not Gaussian, the bandwidth not diagonal, or the boundary not
            "reflect".
        """
        fitted = self._fitted_density()
        self._need_gaussian("cdf")
        if not fitted.units.diagonal:
            raise ValueError("cdf needs a diagonal bandwidth; use whiten='diag' or None.")
        if fitted.box is not None and fitted.box.boundary != "reflect":
            raise ValueError("cdf with bounds needs boundary='reflect', got "
                             f"{self.boundary!r}.")
        return fitted.cdf(self._queries(X))

    def score_function(self, X: Any) -> np.ndarray:
        """Gradient of the log density, the score that Stein tests need.

        Parameters
        ----------
        X : array-like of shape (m, d)
            Where to evaluate it.

        Returns
        -------
        ndarray of shape (m, d)
            Per unit of each column.

        Raises
        ------
        ValueError
            When the kernel is not Gaussian, or with `bounds`.
        """
        fitted = self._fitted_density()
        self._need_gaussian("score_function")
        if fitted.box is not None:
            raise ValueError("score_function is for estimates without bounds.")
        return fitted.gradient(self._queries(X))

    # ------------------------------------------------------------ draws and grids
    def sample(self, n_samples: int = 1, random_state: Any = None, shrink: bool = False
               ) -> np.ndarray:
        """Draw from the density.

        Parameters
        ----------
        n_samples : int, default 1
            Number of draws.
        random_state : int, Generator, RandomState or None, default None
            Source of random numbers.
        shrink : bool, default False
            Draws have the covariance of the rows plus that of the kernel. With this they are
            shrunk towards the mean so that the variances of the rows are kept (with
            ``whiten="full"``, their covariance).

        Returns
        -------
        ndarray of shape (n_samples, d)
            The draws.

        Raises
        ------
        ValueError
            When draws are not possible: ``boundary`` "linear" and "positive", a metric that is not
            Euclidean; `shrink` with `bounds` or with a matrix as bandwidth.
        """
        fitted = self._fitted_density()
        self._need_euclidean("sample")
        n = check_integer("n_samples", n_samples, 1)
        if fitted.box is not None and self.boundary not in ("reflect", "renormalize"):
            raise ValueError("sample with bounds needs boundary='reflect' or 'renormalize', got "
                             f"{self.boundary!r}.")
        if shrink and (fitted.box is not None or np.ndim(self.bandwidth) == 2):
            raise ValueError("shrink=True is for estimates without bounds, and not for a matrix as "
                             "bandwidth.")
        rng = np.random.Generator(np.random.PCG64(root_sequence(random_state)))
        return fitted.draw(n, rng, shrink)

    def evaluate_grid(self, grid_points: Any = None, padding: float = 3.0) -> pd.DataFrame:
        """The density on a regular grid, for up to three columns.

        By linear binning and Fourier transforms where the kernel is Gaussian, the bandwidth
        diagonal, not adaptive, and the boundary "reflect"; its error is about ``(s/h)^2/30`` of
        the maximum at most, for steps s of at most h/32, h/8 and h/4 in one, two and three columns.
        Else, and where the bandwidth is too small for that, by exact sums at every point.

        Parameters
        ----------
        grid_points : int or sequence of int, optional
            Points per axis; by default 1024, 128 or 32 for one, two or three columns.
        padding : float, default 3.0
            How far beyond the rows the grid reaches, in bandwidths; edges of the support end it.

        Returns
        -------
        DataFrame
            One row per point: its coordinates, and ``density``.

        Raises
        ------
        ValueError
            When there are more than three columns, or the grid is too large.
        """
        fitted = self._fitted_density()
        self._need_euclidean("evaluate_grid")
        if not check_number("padding", padding) >= 0:
            raise ValueError(f"padding must be 0 or more, got {padding!r}.")
        return grid_frame(fitted, grid_points, padding, getattr(self, "feature_names_in_", None))

    # ------------------------------------------------------------ how many rows speak
    def regime(self, X: Any = None) -> RegimeResult:
        """How many rows the estimate rests on at each query, and in which regime it is.

        Parameters
        ----------
        X : array-like of shape (m, d), optional
            Queries; by default the rows of `fit` themselves, each without its own kernel.

        Returns
        -------
        RegimeResult
            A table with one row per query, and a summary. Bandwidths are in the units of
            `bandwidth_factor_`.
        """
        fitted = self._fitted_density()
        self._need_euclidean("regime")
        points = fitted.points
        Q = points.rows if X is None else fitted.units.to_units(self._queries(X))
        own = np.arange(points.n) if X is None else None
        return regime_of(points, Q, unit=self.bandwidth_factor_, skip=own, n_jobs=self.n_jobs)

    def loo_log_likelihood(self) -> float:
        """Mean log density of the rows, each under the estimate from all others.

        Copies in columns that were rounded are spread over the step, as for the rules; other equal
        rows count as one row of summed weight, and are left out together.

        Returns
        -------
        float
            In nats; weighted as the rows are.

        Raises
        ------
        ValueError
            When no two rows differ, or with `bounds`.
        """
        fitted = self._fitted_density()
        self._need_euclidean("loo_log_likelihood")
        if fitted.box is not None:
            raise ValueError("loo_log_likelihood is for estimates without bounds.")
        return fitted.leave_one_out()

    # ------------------------------------------------------------ checks of queries
    def _fitted_density(self) -> FittedDensity:
        check_is_fitted(self)
        return self._fitted

    def _queries(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return check_rows(self, X, reset=False)

    def _need_gaussian(self, what: str) -> None:
        self._need_euclidean(what)
        if self.kernel != "gaussian":
            raise ValueError(f"{what} needs kernel='gaussian', got {self.kernel!r}.")

    def _need_euclidean(self, what: str) -> None:
        if self.metric not in EUCLIDEAN:
            raise ValueError(f"{what} needs metric='euclidean', got {self.metric!r}.")
