"""From a divergence to an error rate, and to the rows that reach it."""

from __future__ import annotations

from math import sqrt
from typing import Any

from scipy.special import ndtr, ndtri, rel_entr

from divest._validation import check_number, check_option

KINDS = ("pinsker", "tight", "gaussian")


def kl_threshold(delta: float, kind: str = "tight") -> float:
    r"""Divergence below which two laws are hard to tell apart on one row.

    The best rule that says from which of two laws P and Q one row came, both equally likely, errs
    with probability (1 - TV(P, Q)) / 2. Below the threshold this is at least 1/2 - delta, for
    either direction of the divergence.

    Parameters
    ----------
    delta : float
        How much below one half the error may be, between 0 and 1/2.
    kind : {"tight", "pinsker", "gaussian"}, default "tight"
        ``"pinsker"`` is ``8 delta^2``. ``"tight"`` is the best possible bound, the smallest
        divergence between two coins whose chances differ by ``2 delta``. ``"gaussian"`` is the
        divergence at which two normal laws that differ by a small shift reach the error: no
        guarantee, and about pi/2 larger.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        When `delta` is not between 0 and 1/2, or `kind` is unknown.

    References
    ----------
    .. [1] A. Fedotov, P. Harremoes and F. Topsoe, "Refinements of Pinsker's inequality", IEEE
       Transactions on Information Theory 49 (2003).

    Examples
    --------
    >>> from divest.sample_complexity import kl_threshold
    >>> round(kl_threshold(0.1), 8), round(kl_threshold(0.1, "pinsker"), 8)
    (0.08072672, 0.08)
    """
    delta = check_number("delta", delta, 0.0, 0.5)
    check_option("kind", kind, KINDS)
    if kind == "pinsker":
        return 8.0 * delta**2
    if kind == "gaussian":
        return float(2.0 * ndtri(0.5 - delta) ** 2)
    return _tight(delta)


def _tight(delta: float) -> float:
    """Smallest KL(Ber(q) || Ber(q + 2 delta)) over q."""
    from scipy.optimize import minimize_scalar

    def divergence(q: float) -> float:
        other = q + 2.0 * delta
        return float(rel_entr(q, other) + rel_entr(1.0 - q, 1.0 - other))

    found = minimize_scalar(divergence, bounds=(0.0, 1.0 - 2.0 * delta), method="bounded",
                            options={"xatol": 1e-12})
    return float(found.fun)


def error_gap(divergence: float, kind: str) -> float:
    """The delta whose threshold is this divergence."""
    from scipy.optimize import brentq

    if not divergence > 0:
        return 0.0
    if kind == "gaussian":
        return 0.5 - float(ndtr(-sqrt(divergence / 2.0)))
    most = min(sqrt(divergence / 8.0), 0.5)  # Pinsker: the tight one is smaller
    if kind == "pinsker" or divergence < 1e-8:
        return most
    low, high = most * (1.0 - 2.0 / 3.0 * most), min(most, 0.5 - 1e-12)  # the root lies between
    if _tight(high) <= divergence:
        return high
    return float(brentq(lambda delta: _tight(delta) - divergence, low / 2.0, high, xtol=1e-14))


def required_sample_size(p_star: float, c2: float, threshold: float) -> float:
    r"""Rows at which the risk to second order comes down to a threshold.

    The solution n of ``p_star / (2 n) + c2 / n^2 = threshold``. Where there is none, `c2` is left
    out.

    Parameters
    ----------
    p_star : float
        Effective number of parameters, above 0.
    c2 : float
        Second coefficient of the risk; 0 for the first order.
    threshold : float
        The wanted risk in nats, above 0.

    Returns
    -------
    float
        Number of rows, not rounded.

    Raises
    ------
    ValueError
        When `p_star` or `threshold` is not positive, or `c2` is not finite.

    See Also
    --------
    kl_threshold : A threshold from an error rate.

    Examples
    --------
    >>> from divest.sample_complexity import required_sample_size
    >>> round(required_sample_size(10, 20, 0.02), 6)
    253.93797
    """
    p_star = check_number("p_star", p_star, 0.0)
    c2, threshold = check_number("c2", c2), check_number("threshold", threshold, 0.0)
    inside = p_star**2 / 4.0 + 4.0 * threshold * c2
    return p_star / (2.0 * threshold) if inside < 0 else (
        (p_star / 2.0 + sqrt(inside)) / (2.0 * threshold))


def size_gradient(p_star: float, c2: float, threshold: float) -> tuple[float, float]:
    """Derivatives of the required size by `p_star` and `c2`."""
    inside = p_star**2 / 4.0 + 4.0 * threshold * c2
    if inside <= 0:
        return 0.5 / threshold, 0.0
    root = sqrt(inside)
    return (0.5 + p_star / 4.0 / root) / (2.0 * threshold), 1.0 / root


def check_threshold(threshold: Any, delta: float) -> tuple[float, str]:
    """The threshold as a number, and the kind by which risks become error rates."""
    delta = check_number("delta", delta, 0.0, 0.5)
    if isinstance(threshold, str):
        check_option("threshold", threshold, KINDS)
        return kl_threshold(delta, threshold), threshold
    return check_number("threshold", threshold, 0.0), "tight"
