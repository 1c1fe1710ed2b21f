"""The kernels that have a name, and the median rule for their bandwidth."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from divest.kernels._families import Imq, LogInverse, Matern32, Matern52, Rbf
from divest.kernels._median import median_rows
from divest.kernels._number import LARGE, real_numbers
from divest.kernels.kernel import Kernel


def rbf(bandwidth: float | None = None) -> Kernel:
    """Gaussian kernel ``exp(-u / (2 ell^2))``; Stein tests with it lose power as columns grow.

    Parameters
    ----------
    bandwidth : float, optional
        The length ell, finite and above 0; left out, it is to be set from the data.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        When `bandwidth` is not finite or not above 0.

    Examples
    --------
    >>> from divest.kernels import rbf
    >>> rbf(2.0)
    rbf(bandwidth=2.0)
    """
    return Rbf(bandwidth)


def imq(beta: float = -0.5, bandwidth: float | None = None, offset: float = 1.0) -> Kernel:
    """Inverse multiquadric kernel ``(c^2 + u / ell^2)^beta``, whose slow decay sees the tails.

    Parameters
    ----------
    beta : float, default -0.5
        The exponent, strictly between -1 and 0.
    bandwidth : float, optional
        The length ell, finite and above 0; left out, it is to be set from the data.
    offset : float, default 1.0
        The number c, finite and above 0.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    References
    ----------
    .. [1] J. Gorham and L. Mackey, "Measuring sample quality with kernels", ICML (2017).

    Examples
    --------
    >>> from divest.kernels import imq
    >>> imq(bandwidth=1.0)
    imq(beta=-0.5, bandwidth=1.0, offset=1.0)
    """
    return Imq(bandwidth, beta, offset)


def matern32(bandwidth: float | None = None) -> Kernel:
    """Matern kernel of smoothness 3/2, ``(1 + a r) exp(-a r)``, a = sqrt(3) / ell, r = sqrt(u).

    Parameters
    ----------
    bandwidth : float, optional
        The length ell, finite and above 0; left out, it is to be set from the data.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        When `bandwidth` is not finite or not above 0.

    Examples
    --------
    >>> from divest.kernels import matern32
    >>> matern32(1.0)
    matern32(bandwidth=1.0)
    """
    return Matern32(bandwidth)


def matern52(bandwidth: float | None = None) -> Kernel:
    """Matern kernel of smoothness 5/2, ``(1 + a r + a^2 u / 3) exp(-a r)``, a = sqrt(5) / ell.

    Parameters
    ----------
    bandwidth : float, optional
        The length ell, finite and above 0; left out, it is to be set from the data.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        When `bandwidth` is not finite or not above 0.

    Examples
    --------
    >>> from divest.kernels import matern52
    >>> matern52(1.0)
    matern52(bandwidth=1.0)
    """
    return Matern52(bandwidth)


def log_inverse(alpha: float = 1.0, bandwidth: float | None = None) -> Kernel:
    """Inverse logarithmic kernel ``1 / (alpha + log(1 + u / ell^2))``, of the slowest decay.

    Parameters
    ----------
    alpha : float, default 1.0
        The number alpha, finite and above 0.
    bandwidth : float, optional
        The length ell, finite and above 0; left out, it is to be set from the data.

    Returns
    -------
    Kernel
        The kernel.

    Raises
    ------
    ValueError
        When a parameter is out of its range.

    Examples
    --------
    >>> from divest.kernels import log_inverse
    >>> log_inverse(bandwidth=1.0)
    log_inverse(alpha=1.0, bandwidth=1.0)
    """
    return LogInverse(bandwidth, alpha)


_NAMED = {k.__name__: k for k in (imq, rbf, matern32, matern52, log_inverse)}


def resolve_kernel(kernel: str | Kernel) -> Kernel:
    """The kernel that a name stands for.

    Parameters
    ----------
    kernel : str or Kernel
        A name such as ``"imq"``, or a kernel, which is returned as it is.

    Returns
    -------
    Kernel
        The kernel; one that is named has no bandwidth yet.

    Raises
    ------
    ValueError
        When the name is not known; the message lists those that are.
    TypeError
        When it is neither a name nor a kernel.

    Examples
    --------
    >>> from divest.kernels import resolve_kernel
    >>> resolve_kernel("imq")
    imq(beta=-0.5, bandwidth=None, offset=1.0)
    """
    if isinstance(kernel, Kernel):
        return kernel
    if not isinstance(kernel, str):
        raise TypeError(f"kernel must be a name or a Kernel, got {kernel!r}.")
    name = kernel.strip()
    if name in _NAMED:
        return _NAMED[name]()
    known = ", ".join(_NAMED)
    if name == "matern12":
        raise ValueError("kernel 'matern12' has no mixed second derivative, which Stein kernels "
                         f"need; use one of {known}.")
    raise ValueError(f"kernel must be one of {known}; got {kernel!r}.")


def median_bandwidth(X: Any, max_rows: int = 1000) -> float:
    """The median distance ``median |x_i - x_j|``, i < j, of a sample.

    Others call ``exp(-u / med^2)`` or ``exp(-sqrt(u / (2 med)))`` the median rule as well; here
    the bandwidth ell is the median itself, and `rbf` is ``exp(-u / (2 ell^2))``.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n,)
        The sample.
    max_rows : int, default 1000
        Of a larger sample, this many rows are taken, evenly spaced from the first to the last.

    Returns
    -------
    float
        The median; where it is 0, the median of the distances above 0; where there are none, 1.

    Raises
    ------
    ValueError
        When `X` is empty, has more than two dimensions or holds NaN or infinity, or when
        `max_rows` is no whole number or below 2.

    Examples
    --------
    >>> from divest.kernels import median_bandwidth
    >>> median_bandwidth([[0.0], [1.0], [3.0]])
    2.0
    """
    if not isinstance(max_rows, (int, np.integer)) or max_rows < 2:
        raise ValueError(f"max_rows must be a whole number, at least 2, got {max_rows!r}.")
    rows = real_numbers("X", X)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"X must have rows and columns, got the shape {np.shape(X)}.")
    rows = rows[median_rows(len(rows), max_rows)]
    distances = pdist(rows)
    for candidates in (distances, distances[distances > 0]):
        if candidates.size and (median := float(np.median(candidates))) > 0:
            if not 1 / LARGE < median < LARGE:
                raise ValueError(f"X has a median distance of {median:.3g} between rows, whose "
                                 "square is no float: multiply X by a constant.")
            return median
    return 1.0
