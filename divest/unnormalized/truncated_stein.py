"""Parameters of a density of which only a part of the space is seen, its edge known by points."""

from __future__ import annotations

import numpy as np

from divest._boundary import boundary_diagnostics
from divest._results import Diagnostic
from divest._validation import check_number, check_sample
from divest.kernels import Kernel
from divest.unnormalized._estimator import MinimumStein
from divest.unnormalized._pairs import RowPairs


class TruncatedSteinEstimator(MinimumStein):
    r"""Fit a density that is cut off at the edge of a region, known through points on that edge.

    As `SteinEstimator`, with the kernel conditioned to vanish at points B of the boundary [1]_,

    .. math:: \tilde k(x, y) = k(x, y) - k(x, B) (K_{BB} + \epsilon I)^{-1} k(B, y)

    so that what is cut off does not bias the estimate. Neither the normalising constant nor a
    formula for the region is needed.

    Parameters
    ----------
    family : LinearScore or callable
        The densities before they are cut: `gaussian_score`, `exponential_family`, a `LinearScore`,
        or a function ``score(X, theta)`` that returns the gradient in x of the log density at each
        row, (n, d).
    boundary_points : array-like of shape (m, d) or callable
        Points on the boundary, evenly spread, in the units of the rows; or a function that takes
        the rows and returns such points. About 8 d^2 of them are needed; in one column, each end.
    theta0 : array-like of shape (p,), optional
        Where the search starts, for a family that is a function.
    kernel : str or Kernel, default "imq"
        As in `SteinEstimator`.
    bandwidth : "median" or float, default "median"
        As in `SteinEstimator`.
    statistic : {"v", "u"}, default "v"
        As in `SteinEstimator`.
    ridge : float, default 1e-3
        The number epsilon: how nearly the kernel vanishes at the points.
    preconditioner : {"std", None}, default "std"
        As in `SteinEstimator`; points of the boundary are divided with the columns.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        The parameters of the density before it is cut.
    cov_params_ : ndarray of shape (p, p)
        Their covariance.
    standard_error_ : ndarray of shape (p,)
        Square roots of its diagonal.
    result_ : MomentEstimate
        All of these together, with names.
    bandwidth_ : float
        The bandwidth.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When boundary points are too few, lie among the rows or far from them all, or when the rows
        are few for the number of parameters.
    ConvergenceWarning
        When the search does not end at a minimum.

    See Also
    --------
    SteinEstimator : Where nothing is cut off.
    divest.KernelSteinTest : With ``boundary_points``, whether the cut density fits.

    Notes
    -----
    Points among the rows keep the kernel down where there is no edge: this costs precision and
    does not bias. An edge without points near it does.

    References
    ----------
    .. [1] D. Williams and S. Liu, "Approximate Stein classes for truncated density estimation",
       ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.unnormalized import TruncatedSteinEstimator, gaussian_score
    >>> X = np.random.default_rng(0).normal(0.5, 1.0, size=(2000, 2))
    >>> X = X[(X**2).sum(axis=1) < 1]  # the unit disc
    >>> angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    >>> circle = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> estimator = TruncatedSteinEstimator(gaussian_score(1.0), circle).fit(X)
    >>> estimator.confidence_interval().round(2)
      parameter   low  high
    0    mean_0  0.19  0.54
    1    mean_1  0.30  0.65
    """

    _method = "minimum kernel Stein discrepancy, truncated"
    _whole_space = False

    def __init__(self, family=None, boundary_points=None, *, theta0=None, kernel="imq",
                 bandwidth="median", statistic="v", ridge=1e-3, preconditioner="std"):
        self.family = family
        self.boundary_points = boundary_points
        self.theta0 = theta0
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.statistic = statistic
        self.ridge = ridge
        self.preconditioner = preconditioner

    def _check_parameters(self) -> tuple[Kernel, float]:
        return super()._check_parameters()[0], check_number("ridge", self.ridge, 0.0)

    def _boundary(self, X: np.ndarray) -> np.ndarray:
        given = self.boundary_points
        if given is None:
            raise ValueError("boundary_points is None; pass points on the edge of the region, "
                             "(m, d), or use SteinEstimator where there is no edge.")
        points = check_sample(given(X) if callable(given) else given, "boundary_points")[0]
        if points.shape[1] != X.shape[1]:
            raise ValueError(f"boundary_points must have the {X.shape[1]} columns of X, got shape "
                             f"{points.shape}.")
        return points

    def _diagnose(self, pairs: RowPairs, p: int) -> list[Diagnostic]:
        assert pairs.boundary is not None
        return [*super()._diagnose(pairs, p),
                *boundary_diagnostics(pairs.boundary, pairs.Z, self.bandwidth_,
                                      "the estimate is biased")]
