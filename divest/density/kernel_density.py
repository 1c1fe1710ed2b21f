"""Kernel density estimation with bandwidths that fit the data, edges, and a verdict."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from divest._results import Diagnostic, diagnostics_frame, warn_if_doubtful
from divest._validation import check_number, check_option, check_rows, weighted_rows
from divest.density import _diagnostics
from divest.density._adaptive import local_bandwidths
from divest.density._algorithms import ALGORITHMS, TREES, add_grid, add_tree
from divest.density._fitted import FittedDensity
from divest.density._profiles import KERNELS
from divest.density._queries import EUCLIDEAN, DensityQueries
from divest.density._selection import isj_diagnostic
from divest.density._sums import PointSet
from divest.density._support import BOUNDARIES, box_of, check_bounds, refuse_outside
from divest.density._units import WHITENINGS, Units, chosen_by, fit_units
from divest.density._weights import effective_size


class KernelDensity(DensityQueries):
    r"""Density of a sample, as a sum of kernels at its rows.

    With weights w_i of the rows (sum 1), whitened rows z and a radial kernel k,

    .. math:: \hat f(x) = \frac{1}{h^d c_k |W|} \sum_i w_i k(|z - z_i| / h)

    where x = mean + W z and c_k is the integral of k. It takes the place of
    ``sklearn.neighbors.KernelDensity``: with the same kernel and a numeric bandwidth it gives the
    same numbers.

    Parameters
    ----------
    bandwidth : float, array-like or str, default "auto"
        A number, (d,) numbers or a symmetric positive definite (d, d) matrix, the square root of
        the covariance of the kernel: in data units. Or a rule, which works in whitened units:
        ``"scott"``, ``"silverman"``, ``"robust"`` and ``"isj"`` (Botev et al., one column),
        ``"lscv"`` (least squares cross-validation), ``"loo_kl"`` (leave-one-out likelihood).
        ``"auto"`` is "isj" for one column, "lscv" for two and three ("loo_kl" with `bounds`), else
        "loo_kl". Rules are for the Gaussian kernel; for another one the bandwidth is multiplied by
        its canonical factor. Of the rules, "isj" alone knows of `bounds`. In columns that were
        rounded, copies are spread evenly over the step before a rule sees them.
    kernel : str, default "gaussian"
        ``"gaussian"``, ``"tophat"``, ``"epanechnikov"``, ``"biweight"``, ``"triweight"``,
        ``"linear"``, ``"cosine"`` or ``"exponential"``.
    whiten : {"auto", None, "diag", "full"}, default "auto"
        ``"diag"`` divides columns by their standard deviations, ``"full"`` takes out their whole
        covariance. ``"auto"`` is None for a numeric bandwidth and "diag" for a rule. A number given
        together with "diag" or "full" is in whitened units.
    adaptive : {None, "abramson"}, default None
        ``"abramson"``: the bandwidth of each row is multiplied by ``(f / G)^-alpha``, where f is
        the estimate without this at the row and G the geometric mean of f over all rows.
    alpha : float, default 0.5
        Of `adaptive`, between 0 and 1.
    clip : float, default 10.0
        Of `adaptive`: the factors are kept between ``1 / clip`` and `clip`.
    bounds : tuple or list of tuples, optional
        Edges of the support: a pair (lower, upper) for every column, or a list of one pair per
        column; None or infinite where there is no edge. Gaussian kernel with a diagonal bandwidth.
    boundary : {"reflect", "renormalize", "linear", "positive"}, default "reflect"
        What is done about the mass beyond the edges: it is reflected; or the estimate is divided by
        the part of the kernel that lies inside; or local linear estimation, which can be negative;
        or its positive form by Jones and Foster. The last two are for one column.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree", "grid"}, default "auto"
        ``"auto"`` and ``"brute"`` sum exactly. ``"kd_tree"`` and ``"ball_tree"``: scikit-learn's
        trees, with the tolerances below. ``"grid"``: interpolation on a grid made by linear binning
        and Fourier transforms, for up to three columns; exact where the density is below a
        millionth of its maximum.
    atol, rtol : float, default 0.0 and 1e-8
        Tolerances of the trees.
    breadth_first : bool, default True
        Of the trees: how they are searched.
    leaf_size : int, default 40
        Of the trees.
    metric : str, default "euclidean"
        Any other metric needs one of the trees and one numeric bandwidth; the estimate is then not
        normalised for the metric.
    metric_params : dict, optional
        Of the trees: further arguments of the metric.
    n_jobs : int, optional
        Threads, through joblib.

    Attributes
    ----------
    bandwidth_ : float or ndarray
        The bandwidth in data units: as given; (d,) for "diag"; for "full" a (d, d) matrix A, the
        covariance of the kernel being ``A A'``.
    bandwidth_factor_ : float
        The bandwidth in whitened units; 1 where arrays were given.
    selector_ : Selection or None
        What the rule did: ``rule``, ``bandwidth``, ``iterations``, ``criterion``; None for numbers.
    boundary_mass_ : float
        Mass of the estimate with `bounds` before it is divided by this; 1 without.
    effective_size_ : float
        ``1 / sum w_i^2``.
    n_samples_ : int
        Rows with a positive weight.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When more than a fifth of the rows have fewer than five others to speak for the density
        there, most rows are copies, the sample seems to have a hard edge, its tails are heavy, or
        the equation of "isj" has no root.

    See Also
    --------
    ConditionalKernelDensity : Density of some columns given others.
    condensation_bandwidths : What a bandwidth means in many dimensions.

    Notes
    -----
    Time of a query is O(n d), memory O(n d) in all. "lscv" takes 50, "loo_kl" about 10 passes of
    min(n, 2000) by n rows. Whether a sum rests on few rows is looked into at up to 1,000 rows
    spread evenly over the sample, 200 of a million.

    References
    ----------
    .. [1] B. W. Silverman, "Density Estimation for Statistics and Data Analysis", Chapman and
       Hall (1986), sections 2.4, 2.10 and 5.3.
    .. [2] Z. I. Botev, J. F. Grotowski and D. P. Kroese, "Kernel density estimation via diffusion",
       Annals of Statistics 38 (2010), section 3.
    .. [3] M. C. Jones and P. J. Foster, "A simple nonnegative boundary correction method for kernel
       density estimation", Statistica Sinica 6 (1996).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import KernelDensity
    >>> rng = np.random.default_rng(0)
    >>> X = np.append(rng.normal(size=300), rng.normal(4, 0.5, 200)).reshape(-1, 1)
    >>> density = KernelDensity().fit(X)
    >>> density.pdf([[0.0], [2.0]]).round(2)
    array([0.21, 0.04])
    >>> density.selector_.rule
    'isj'
    """

    def __init__(self, *, bandwidth="auto", kernel="gaussian", whiten="auto", adaptive=None,
                 alpha=0.5, clip=10.0, bounds=None, boundary="reflect", algorithm="auto", atol=0.0,
                 rtol=1e-8, breadth_first=True, leaf_size=40, metric="euclidean",
                 metric_params=None, n_jobs=None):
        self.bandwidth = bandwidth
        self.kernel = kernel
        self.whiten = whiten
        self.adaptive = adaptive
        self.alpha = alpha
        self.clip = clip
        self.bounds = bounds
        self.boundary = boundary
        self.algorithm = algorithm
        self.atol = atol
        self.rtol = rtol
        self.breadth_first = breadth_first
        self.leaf_size = leaf_size
        self.metric = metric
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Choose the bandwidth and keep the rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample.
        y : None
            Ignored, so that the estimator can stand in a pipeline.
        sample_weight : array-like of shape (n,), optional
            Weights, 0 or more; rows of weight 0 are dropped.

        Returns
        -------
        KernelDensity
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data are not valid, rows lie outside the bounds, or a rule
            cannot choose: one row, a column that does not vary, a singular covariance.
        """
        self._check_parameters()
        X, weights, numbers = weighted_rows(check_rows(self, X), sample_weight)
        names = getattr(self, "feature_names_in_", None)
        low, high = check_bounds(self.bounds, X.shape[1])
        refuse_outside(X, low, high, names, numbers)
        units, self.selector_ = self._fit_units(X, weights, names, (low, high))
        self._check_edges(units, low, high)
        self._fitted = self._build(X, weights, units, low, high)
        self._store(units, len(X), weights)
        diagnostics = self._diagnose(X, weights, units, low, high)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        warn_if_doubtful(diagnostics, type(self).__name__)
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> None:
        """Every parameter by itself, and those that exclude one another."""
        check_option("kernel", self.kernel, KERNELS)
        check_option("whiten", self.whiten, WHITENINGS)
        check_option("adaptive", self.adaptive, (None, "abramson"))
        check_option("boundary", self.boundary, BOUNDARIES)
        check_option("algorithm", self.algorithm, ALGORITHMS)
        if not 0 <= check_number("alpha", self.alpha) <= 1:
            raise ValueError(f"alpha must lie in [0, 1], got {self.alpha!r}.")
        if check_number("clip", self.clip) < 1:
            raise ValueError(f"clip must be 1 or more, got {self.clip!r}.")
        if self.metric in EUCLIDEAN:
            return
        if self.algorithm not in TREES:
            raise ValueError(f"metric={self.metric!r} needs algorithm='kd_tree' or 'ball_tree', "
                             f"got {self.algorithm!r}.")
        if isinstance(self.bandwidth, str) or np.ndim(self.bandwidth) or self.whiten in ("diag",
                                                                                         "full"):
            raise ValueError(f"metric={self.metric!r} needs one numeric bandwidth and no "
                             "whitening: rules and scales are for the Euclidean metric.")

    def _fit_units(self, X: np.ndarray, weights: np.ndarray | None, names: Any,
                   edges: tuple[np.ndarray, np.ndarray]) -> tuple:
        """Centre, whitening and bandwidth, and how a rule chose it."""
        if self.metric in EUCLIDEAN:
            return fit_units(X, weights, self.bandwidth, self.whiten, self.kernel, names,
                             edges, self.n_jobs)
        bandwidth = check_number("bandwidth", self.bandwidth, 0.0)
        d = X.shape[1]
        return Units(np.zeros(d), np.ones(d), bandwidth), None

    def _check_edges(self, units: Units, low: np.ndarray, high: np.ndarray) -> None:
        """Refuse edges where the estimate cannot have them."""
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            return
        wrong = ""
        if self.kernel != "gaussian":
            wrong = f"kernel='gaussian', got {self.kernel!r}"
        elif not units.diagonal:
            wrong = "a diagonal bandwidth; use whiten='diag' or None"
        elif self.boundary in ("linear", "positive") and len(low) > 1:
            wrong = f"boundary='reflect' or 'renormalize' for {len(low)} columns"
        elif self.adaptive and self.boundary != "reflect":
            wrong = f"boundary='reflect' where adaptive is given, got {self.boundary!r}"
        if wrong:
            raise ValueError(f"bounds need {wrong}.")

    def _build(self, X: np.ndarray, weights: np.ndarray | None, units: Units, low: np.ndarray,
               high: np.ndarray) -> FittedDensity:
        """Everything that queries need."""
        Z, box = units.to_units(X), box_of(units, low, high, self.boundary)
        points = PointSet(Z, weights, None, self.kernel, units.held)
        fitted = FittedDensity(units, points, self.n_jobs, box)
        if self.adaptive:
            pilot = fitted.with_mass().log_density(X)[0]
            local = local_bandwidths(pilot, weights, self.alpha, self.clip)
            fitted.points = PointSet(Z, weights, local, self.kernel, units.held)
        fitted.with_mass()
        if self.algorithm == "grid":
            add_grid(fitted)
        elif self.algorithm in TREES:
            words = ("algorithm", "atol", "rtol", "breadth_first", "leaf_size", "metric",
                     "metric_params")
            bandwidth = 1.0 if self.metric in EUCLIDEAN else units.factor
            settings = {word: getattr(self, word) for word in words}
            add_tree(fitted, Z / units.held, bandwidth, settings)
        return fitted

    def _store(self, units: Units, n: int, weights: np.ndarray | None) -> None:
        """Fitted attributes."""
        one = not isinstance(self.bandwidth, str) and np.ndim(self.bandwidth) == 0
        as_given = one and self.whiten in ("auto", None)
        root = units.root
        if self.whiten == "full" and units.diagonal:  # of one column
            root = root.reshape(1, 1)
        self.bandwidth_ = float(self.bandwidth) if as_given else root.copy()
        self.bandwidth_factor_ = units.factor
        self.boundary_mass_ = float(np.exp(self._fitted.log_mass))
        self.n_samples_ = n
        self.effective_size_ = float(n) if weights is None else effective_size(weights)

    def _diagnose(self, X: np.ndarray, weights: np.ndarray | None, units: Units, low: np.ndarray,
                  high: np.ndarray) -> list[Diagnostic]:
        """What the sample and the bandwidth say about the estimate."""
        chosen, points, names = self.selector_, self._fitted.points, getattr(
            self, "feature_names_in_", None)
        found = [_diagnostics.repeated_rows(X, units.spread)]
        if self.metric in EUCLIDEAN:
            found.append(_diagnostics.condensed_share(points, n_jobs=self.n_jobs))
        if chosen is None:
            return found
        if self.bandwidth == "isj" or (self.bandwidth == "auto" and len(low) == 1):
            found.append(isj_diagnostic(chosen))
        if chosen.rule == "lscv":
            found.append(_diagnostics.lscv_minimum(chosen))
        if chosen.rule in ("lscv", "loo_kl") and len(X) <= _diagnostics.MOST_COMPARED:
            found.append(self._selector_ratio(X, weights, units, (low, high)))
        own = units.spread[0] * chosen.bandwidth / units.factor if len(low) == 1 else None
        found.append(_diagnostics.edge_mass(X, weights, own, low, high, names))
        return found

    def _selector_ratio(self, X: np.ndarray, weights: np.ndarray | None, units: Units,
                        edges: tuple[np.ndarray, np.ndarray]) -> Diagnostic:
        """What the other of the two rules says, too."""
        both = {self.selector_.rule: self.selector_}
        for rule in {"loo_kl", "lscv"} - set(both):
            white = Units(units.center, units.root / units.factor, 1.0)
            both[rule] = chosen_by(rule, X, weights, white, edges, self.n_jobs)
        return _diagnostics.selector_ratio(both["loo_kl"], both["lscv"])
