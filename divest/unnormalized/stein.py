"""Parameters of a density known up to its constant: the minimum kernel Stein discrepancy."""

from __future__ import annotations

from divest.unnormalized._estimator import MinimumStein


class SteinEstimator(MinimumStein):
    r"""Fit a density on the whole space that is known up to its normalising constant.

    The estimate is the member of a family that has the smallest kernel Stein discrepancy from the
    rows [1]_. With scores :math:`\psi_\theta(x) = \Gamma(x) \theta + b(x)` and the kernel matrix K,

    .. math:: \hat\theta = -Q^{-1} c, \quad Q = \sum_l \Gamma_l^\top K \Gamma_l, \quad
        c = \sum_l \Gamma_l^\top (K b_l + g_l), \quad
        g_{l,i} = \sum_j \partial_{y_l} k(x_i, x_j)

    in one pass over the pairs of rows. Other scores are searched through by L-BFGS. Standard
    errors are those of estimating equations (a sandwich), valid for wrong families too, where the
    parameters are those of the nearest member.

    Parameters
    ----------
    family : LinearScore or callable
        The densities: `gaussian_score`, `exponential_family`, a `LinearScore`, or a function
        ``score(X, theta)`` that returns the gradient in x of the log density at each row, (n, d).
    theta0 : array-like of shape (p,), optional
        Where the search starts, for a family that is a function.
    kernel : str or Kernel, default "imq"
        ``"imq"``, ``"rbf"``, ``"matern32"``, ``"matern52"``, ``"log_inverse"``, or a kernel of
        `divest.kernels`. One that has its bandwidth keeps it.
    bandwidth : "median" or float, default "median"
        The length of the kernel, in the units of the preconditioned rows; "median" is the median
        distance between rows.
    statistic : {"v", "u"}, default "v"
        Whether pairs of a row with itself count. ``"v"`` always has a minimum.
    preconditioner : {"std", None}, default "std"
        ``"std"``: columns are divided by their standard deviations, so that their units do not
        matter. None: rows as they are.

    Attributes
    ----------
    coef_ : ndarray of shape (p,)
        The parameters.
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
        When the rows are few for the number of parameters.
    ConvergenceWarning
        When the search does not end at a minimum.

    See Also
    --------
    TruncatedSteinEstimator : For rows from a part of the space with an edge.
    divest.KernelSteinTest : Whether a model fits.
    divest.CompositeSteinTest : Whether some member of a family fits; takes this estimator.

    Notes
    -----
    Time is quadratic in the number of rows, memory linear. The density must vanish at the end of
    its support.

    References
    ----------
    .. [1] A. Barp, F.-X. Briol, A. Duncan, M. Girolami and L. Mackey, "Minimum Stein discrepancy
       estimators", NeurIPS (2019), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.unnormalized import SteinEstimator, exponential_family
    >>> X = np.random.default_rng(0).gamma(4.0, 0.5, size=(800, 1))
    >>> family = exponential_family(lambda X: np.hstack([np.log(X), -X]), names=["shape", "rate"])
    >>> SteinEstimator(family).fit(X).confidence_interval().round(1)  # density x^3 exp(-2 x)
      parameter  low  high
    0     shape  2.7   3.6
    1      rate  1.8   2.3
    """

    def __init__(self, family=None, *, theta0=None, kernel="imq", bandwidth="median",
                 statistic="v", preconditioner="std"):
        self.family = family
        self.theta0 = theta0
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.statistic = statistic
        self.preconditioner = preconditioner
