"""Rules that choose the bandwidth of a kernel density estimate with a Gaussian kernel.

The public functions give a bandwidth in the units of their input. None of them scales columns.
"""

from __future__ import annotations

from typing import Any

from divest._results import warn_if_doubtful
from divest._validation import (
    check_integer,
    check_number,
    check_sample,
    check_sample_weight,
    check_scale,
)
from divest.density._selection import ISJ_BINS, Selection, isj_diagnostic, normal_reference, select


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
    return normal_reference(n, d)


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
    return normal_reference(n, d, (d + 2) / 4)


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


def _choose(rule: str, X: Any, sample_weight: Any, name: str, **options: Any) -> Selection:
    """What `select` says about unchecked input."""
    rows, columns = check_sample(X, name)
    check_scale(rows, name, columns)
    return select(rule, rows, check_sample_weight(sample_weight, len(rows)), **options)
