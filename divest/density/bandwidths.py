"""Rules that choose the bandwidth of a kernel density estimate with a Gaussian kernel.

The public functions give a bandwidth in the units of their input. None of them scales columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan
from typing import Any

import numpy as np

from divest._results import Diagnostic, warn_if_doubtful
from divest._validation import check_integer, check_number, check_option, check_sample
from divest.density._cross_validation import OuterRows, least_squares, likeliest
from divest.density._isj import FEWEST_VALUES, isj_root
from divest.density._rounding import unrounded
from divest.density._weights import (
    effective_size,
    mean_spread,
    quantiles,
    row_weights,
    weighty_rows,
)

RULES = ("auto", "scott", "silverman", "robust", "isj", "lscv", "loo_kl")
ISJ_BINS = 4096
AUTO = {1: "isj", 2: "lscv", 3: "lscv"}  # more columns: loo_kl


@dataclass(frozen=True)
class Selection:
    """The bandwidth that a rule chose, and how.

    Parameters
    ----------
    rule : str
        The rule that gave the bandwidth: never "auto", and "robust" where "isj" found nothing.
    bandwidth : float
        In the units of the rows.
    iterations : int
        Steps of the search; 0 for a formula.
    criterion : float
        What was minimised (lscv) or maximised (loo_kl) at the bandwidth; NaN for the other rules.
    found : bool
        False where "isj" was wanted and its equation has no root that the histogram resolves.
    at_edge : bool
        Whether lscv has its minimum at the lower end of its grid: many rows all but coincide, or
        a few are so far out that they alone set the scale of the grid.
    """

    rule: str
    bandwidth: float
    iterations: int = 0
    criterion: float = nan
    found: bool = True
    at_edge: bool = False


# ------------------------------------------------------------------ public functions
def scott_bandwidth(n: float, d: int) -> float:
    """Scott's bandwidth ``n^(-1/(d+4))`` for columns of standard deviation 1.

    Parameters
    ----------
    n : float
        Number of rows; for weighted rows their effective number.
    d : int
        Number of columns.

    Returns
    -------
    float
        The bandwidth in standard deviations.

    Raises
    ------
    ValueError
        When `n` is not positive or `d` is less than 1.

    References
    ----------
    .. [1] D. W. Scott, "Multivariate Density Estimation", Wiley (1992), section 6.3.

    Examples
    --------
    >>> from divest.density import scott_bandwidth
    >>> round(scott_bandwidth(300, 3), 6)
    0.442716
    """
    n, d = check_number("n", n, 0.0), check_integer("d", d, 1)
    return n ** (-1 / (d + 4))


def silverman_bandwidth(n: float, d: int) -> float:
    """Bandwidth ``(n (d+2)/4)^(-1/(d+4))`` for columns of standard deviation 1.

    It has the least mean integrated squared error, to first order, for normal rows.

    Parameters
    ----------
    n : float
        Number of rows; for weighted rows their effective number.
    d : int
        Number of columns.

    Returns
    -------
    float
        The bandwidth in standard deviations.

    Raises
    ------
    ValueError
        When `n` is not positive or `d` is less than 1.

    References
    ----------
    .. [1] B. W. Silverman, "Density Estimation for Statistics and Data Analysis", Chapman & Hall
       (1986), section 4.3.

    Examples
    --------
    >>> from divest.density import silverman_bandwidth
    >>> round(silverman_bandwidth(300, 3), 6)
    0.428826
    """
    n, d = check_number("n", n, 0.0), check_integer("d", d, 1)
    return (n * (d + 2) / 4) ** (-1 / (d + 4))


def robust_bandwidth(x: Any, sample_weight: Any = None) -> float:
    """Bandwidth ``0.9 min(sd, IQR/1.349) n^(-1/5)`` of one column.

    With weights n is the effective number of rows ``1 / sum w^2`` (weights w with sum 1), the
    standard deviation has the divisor ``1 - 1/n``, and the quantile at p is the mean of the
    weighted quantile function over the window ``[p (1 - 1/n), p (1 - 1/n) + 1/n]`` [2]_: with equal
    weights, what `numpy.quantile` gives. Where the interquartile range is 0, the standard deviation
    stands alone.

    Parameters
    ----------
    x : array-like of shape (n,) or (n, 1)
        The sample.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, 0 or more.

    Returns
    -------
    float
        The bandwidth in the units of `x`.

    Raises
    ------
    ValueError
        When `x` has more than one column, or all its values are equal, or weights are not valid.

    References
    ----------
    .. [1] B. W. Silverman, "Density Estimation for Statistics and Data Analysis", Chapman & Hall
       (1986), eq. 3.31.
    .. [2] A. Akinshin, "Weighted quantile estimators", arXiv:2304.07265 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.density import robust_bandwidth
    >>> round(robust_bandwidth(np.arange(100.0)), 4)
    10.3947
    """
    return _choose("robust", x, sample_weight, "x").bandwidth


def isj_bandwidth(x: Any, sample_weight: Any = None, bins: int = ISJ_BINS) -> float:
    """Bandwidth of one column by the improved Sheather-Jones equation.

    It estimates the norms of seven derivatives of the density, one from the next, by the cosine
    transform of a histogram, and does not take the density for normal [1]_. n in the equation is
    the number of distinct values, or the effective number of rows ``1 / sum w^2`` if that is less.

    Parameters
    ----------
    x : array-like of shape (n,) or (n, 1)
        The sample.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, 0 or more.
    bins : int, default 4096
        Bins of the histogram, over twice the range of `x`; at least 64.

    Returns
    -------
    float
        The bandwidth in the units of `x`; that of `robust_bandwidth` where there are fewer than 30
        distinct values, or the equation has no root, or one that is narrower than a bin.

    Raises
    ------
    ValueError
        When `x` has more than one column, or all its values are equal, or weights are not valid.

    Warns
    -----
    TrustWarning
        When the bandwidth is that of `robust_bandwidth`.

    References
    ----------
    .. [1] Z. I. Botev, J. F. Grotowski and D. P. Kroese, "Kernel density estimation via diffusion",
       Annals of Statistics 38 (2010), algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.density import isj_bandwidth
    >>> x = np.random.default_rng(0).normal(size=1000)
    >>> bool(0.2 < isj_bandwidth(x) < 0.3)
    True
    """
    check_integer("bins", bins, 64)
    chosen = _choose("isj", x, sample_weight, "x", bins=bins)
    warn_if_doubtful([isj_diagnostic(chosen)], "isj_bandwidth")
    return chosen.bandwidth


def lscv_bandwidth(X: Any, sample_weight: Any = None) -> float:
    r"""Bandwidth by least-squares cross-validation.

    Minimises an unbiased estimate of the integrated squared error, up to a constant [1]_,

    .. math:: \int \hat f^2 - 2 \sum_i w_i \hat f_{-i}(x_i),

    the second estimate without row i. Equal rows count as one row with their total weight. Above
    2000 distinct rows, the outer sums take one of every ``ceil(n/2000)``, always the same ones.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The sample; its columns should have similar scales.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, 0 or more.

    Returns
    -------
    float
        The bandwidth in the units of `X`: the best of 40 from 0.02 to 3 times Scott's bandwidth
        for columns of the mean variance of `X`, refined.

    Raises
    ------
    ValueError
        When all rows are equal, or weights are not valid.

    References
    ----------
    .. [1] A. W. Bowman, "An alternative method of cross-validation for the smoothing of density
       estimates", Biometrika 71 (1984).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.density import lscv_bandwidth
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> bool(0.25 < lscv_bandwidth(X) < 0.45)
    True
    """
    return _choose("lscv", X, sample_weight, "X").bandwidth


def loo_kl_bandwidth(X: Any, sample_weight: Any = None) -> float:
    r"""Bandwidth that maximises the leave-one-out likelihood.

    It estimates the bandwidth of least Kullback-Leibler divergence [1]_. A maximum is a fixed point
    of

    .. math:: h^2 \leftarrow \frac1d \sum_i w_i \sum_{j \ne i} p_{ij} |x_i - x_j|^2, \quad
        p_{ij} \propto w_j e^{-|x_i - x_j|^2 / 2h^2},

    a step of which never lowers the likelihood. The search starts at Scott's bandwidth. Equal rows
    count as one row with their total weight. Above 2000 distinct rows, the outer sum takes one of
    every ``ceil(n/2000)``, always the same ones. A few far rows widen the bandwidth.

    Parameters
    ----------
    X : array-like of shape (n, d)
        The sample; its columns should have similar scales.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows, 0 or more.

    Returns
    -------
    float
        The bandwidth in the units of `X`, to about one part in 10,000.

    Raises
    ------
    ValueError
        When all rows are equal, or weights are not valid.

    References
    ----------
    .. [1] R. P. W. Duin, "On the choice of smoothing parameters for Parzen estimators of
       probability density functions", IEEE Transactions on Computers C-25 (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.density import loo_kl_bandwidth
    >>> X = np.random.default_rng(0).normal(size=(300, 5))
    >>> bool(0.5 < loo_kl_bandwidth(X) < 0.75)
    True
    """
    return _choose("loo_kl", X, sample_weight, "X").bandwidth


# ------------------------------------------------------------------ what the estimators use
def select(rule: str, Z: np.ndarray, weights: np.ndarray | None = None, *, bins: int = ISJ_BINS,
           edges: tuple[float, float] | None = None, n_jobs: int | None = None) -> Selection:
    """The bandwidth that `rule` gives the rows Z (n, d); `weights` (n,) have sum 1.

    `edges` are those of the support of a single column; the rule "isj" alone knows what to do with
    them.
    """
    check_option("bandwidth", rule, RULES)
    d = Z.shape[1]
    if rule == "auto":
        rule = AUTO.get(d, "loo_kl")
    if d > 1 and rule in ("robust", "isj"):
        raise ValueError(f"the bandwidth rule {rule!r} is for one column, got {d}; use 'auto', "
                         "'lscv' or 'loo_kl'.")
    Z, weights = weighty_rows(Z, weights)
    if not (Z != Z[0]).any():
        raise ValueError(f"the bandwidth rule {rule!r} needs rows that differ, got {len(Z)} "
                         f"row{'s that are all equal' if len(Z) > 1 else ''}; give the bandwidth "
                         "as a number.")
    if rule in ("scott", "silverman"):
        formula = scott_bandwidth if rule == "scott" else silverman_bandwidth
        return Selection(rule, formula(effective_size(weights), d))
    if rule in ("robust", "isj"):
        return _one_column(rule, Z[:, 0], weights, bins, edges or (-inf, inf))
    return _search(rule, Z, weights, n_jobs)


def isj_diagnostic(chosen: Selection) -> Diagnostic:
    """Whether the equation of "isj" has a root."""
    return Diagnostic("isj_root", float(chosen.found), 1.0, chosen.found,
                      "the equation of the rule 'isj' has no root that the histogram resolves, or "
                      f"fewer than {FEWEST_VALUES} values differ, so the rule 'robust' was used; "
                      "look whether values are tied or far out, or choose another rule")


# ------------------------------------------------------------------ steps
def _choose(rule: str, X: Any, sample_weight: Any, name: str, **options: Any) -> Selection:
    """What `select` says about unchecked input."""
    rows = check_sample(X, name)[0]
    return select(rule, rows, row_weights(sample_weight, len(rows)), **options)


def _one_column(rule: str, x: np.ndarray, weights: np.ndarray, bins: int,
                edges: tuple[float, float]) -> Selection:
    """The rules "isj" and "robust"."""
    root = None
    if rule == "isj" and np.unique(x).size >= FEWEST_VALUES:
        root = isj_root(unrounded(x[:, None], weights)[:, 0], weights, bins, edges)
    if root is not None:
        return Selection("isj", root.bandwidth, root.iterations)
    sd = mean_spread(x[:, None], weights)
    low, high = quantiles(x, weights, (0.25, 0.75))
    spread = min(sd, (high - low) / 1.349) if high > low else sd
    return Selection("robust", 0.9 * spread * effective_size(weights) ** -0.2,
                     found=rule == "robust")


def _search(rule: str, Z: np.ndarray, weights: np.ndarray, n_jobs: int | None) -> Selection:
    """The rules "lscv" and "loo_kl"."""
    start = mean_spread(Z, weights) * scott_bandwidth(effective_size(weights), Z.shape[1])
    search = least_squares if rule == "lscv" else likeliest
    found = search(OuterRows(unrounded(Z, weights), weights, n_jobs), start)
    return Selection(rule, found.bandwidth, found.iterations, found.criterion,
                     at_edge=found.at_edge)
