"""Where kernel density estimates of normal data condense, from theory."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from divest._validation import check_finite, check_floats, check_integer


class CondensationBandwidths(NamedTuple):
    """Three bandwidths at which a kernel density estimate changes its nature.

    Parameters
    ----------
    h_g : float
        Below it a few rows carry the whole estimate (condensed).
    h_clt : float
        Above it the estimate has normal fluctuations; between `h_g` and it they have heavy tails.
    h_kl : float
        The bandwidth with the largest expected log likelihood.

    Examples
    --------
    >>> from divest.density import condensation_bandwidths
    >>> h_g, h_clt, h_kl = condensation_bandwidths(10_000, 50)
    >>> round(h_clt / h_g, 6)  # the square root of 2
    1.414214
    """

    h_g: float
    h_clt: float
    h_kl: float


def condensation_bandwidths(n: int, d: int, covariance: Any = None) -> CondensationBandwidths:
    r"""Bandwidths at which density estimates of normal data become condensed, and normal.

    For the Gaussian kernel and a query that is as typical as the rows. The condensation of kernel
    density estimates in large dimensions is shown in [1]_; the formulas here are derived anew.

    Without `covariance` (standard normal rows) from the law of squared distances, which is
    noncentral chi-squared with d degrees of freedom and noncentrality d, density f and distribution
    function F: with F(r) = 1/n,

    .. math:: h_g^{-2} = 2 f(r) / F(r), \quad h_{kl}^2 = r / d .

    With `covariance`, eigenvalues l_j, in the limit of large d at fixed log(n) / d: s solves

    .. math:: \frac{1}{2d} \sum_j \left[\log(1 + s l_j) - \frac{s l_j}{(1 + s l_j)^2}\right]
        = \frac{\log n}{d}, \quad h_g^{-2} = s, \quad
        h_{kl}^2 = \frac{1}{d} \sum_j \left[\frac{l_j}{1 + s l_j} + \frac{l_j}{(1 + s l_j)^2}
        \right] .

    In both, :math:`h_{clt} = \sqrt{2} h_g`. These are laws of many columns: in less than about ten,
    sums over few rows are no longer what decides, and h_kl is far below the best bandwidth.

    Parameters
    ----------
    n : int
        Number of rows, from 2 to 10^18.
    d : int
        Number of columns, at most 10^6.
    covariance : array-like of shape (d, d) or (d,), optional
        Covariance matrix of the rows, or its eigenvalues. None: the identity.

    Returns
    -------
    CondensationBandwidths
        ``(h_g, h_clt, h_kl)``, in units of the data.

    Raises
    ------
    TypeError
        When `n` or `d` is not an integer.
    ValueError
        When `n` or `d` is too small or too large, or `covariance` is not positive definite or of
        another size.

    References
    ----------
    .. [1] G. Biroli and M. Mezard, "Kernel density estimators in large dimensions",
       arXiv:2408.05807 (2024).

    Examples
    --------
    >>> from divest.density import condensation_bandwidths
    >>> bandwidths = condensation_bandwidths(10_000, 50)
    >>> round(bandwidths.h_g, 3), round(bandwidths.h_kl, 3)
    (1.174, 0.969)

    The best bandwidth is below ``h_g``: there a few of the 10 000 rows decide the density.
    """
    n, d = check_integer("n", n, 2, 10**18), check_integer("d", d, 1, 10**6)
    if covariance is None:
        rate, square = _exact(n, d)
    else:
        rate, square = _asymptotic(n, _eigenvalues(covariance, d))
    h_g = 1.0 / sqrt(rate)
    return CondensationBandwidths(h_g, sqrt(2.0) * h_g, sqrt(square))


def _exact(n: int, d: int) -> tuple[float, float]:
    """``1 / h_g^2`` and ``h_kl^2`` for standard normal rows and a query of squared length d."""
    from scipy.stats import ncx2

    nearest = float(ncx2.ppf(1.0 / n, d, d))
    return 2.0 * float(ncx2.pdf(nearest, d, d)) * n, nearest / d


def _asymptotic(n: int, values: np.ndarray) -> tuple[float, float]:
    """``1 / h_g^2`` and ``h_kl^2`` for normal rows with these eigenvalues, d to infinity."""
    alpha = log(n) / len(values)

    def excess(log_rate: float) -> float:
        a = exp(log_rate) * values
        return float(np.mean(np.log1p(a) - a / (1.0 + a) ** 2)) / 2.0 - alpha

    # the first part of `excess` lies between log(1 + min a) / 2 - 1/8 and 3/4 max a^2
    low = 0.5 * log(alpha) - log(values.max())
    high = 2.0 * alpha + 0.5 - log(values.min())
    rate = exp(brentq(excess, low, high, xtol=1e-13))
    shrunk = 1.0 / (1.0 + rate * values)
    return rate, float(np.mean(values * shrunk * (1.0 + shrunk)))


def _eigenvalues(covariance: Any, d: int) -> np.ndarray:
    """Positive eigenvalues (d,) of a matrix, or those given."""
    values = check_floats("covariance", covariance)
    if values.shape not in ((d,), (d, d)):
        raise ValueError(f"covariance must have shape ({d}, {d}), or ({d},) for its eigenvalues, "
                         f"got shape {values.shape}.")
    check_finite(np.atleast_2d(values), "covariance")
    if values.ndim == 2:
        if not np.allclose(values, values.T, rtol=1e-8, atol=1e-8 * np.abs(values).max()):
            raise ValueError("covariance must be a symmetric matrix.")
        values = np.linalg.eigvalsh(values)
    if values.min() <= 1e-14 * max(values.max(), 0.0):
        raise ValueError("covariance must be positive definite, got the smallest eigenvalue "
                         f"{values.min():g} and the largest {values.max():g}; drop columns that "
                         "depend on the others.")
    return values
