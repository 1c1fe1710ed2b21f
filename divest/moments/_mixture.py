"""Tail of a weighted sum of independent chi-square variables."""

from typing import Any

import numpy as np
from scipy.special import gammainccinv

NODES_PER_STRIP = 14  # of the trapezoid rule; about eleven digits, measured
FORGOTTEN = 42.0  # the sum stops where the integrand has fallen by exp(-42)


def mixture_sf(x: float, weights: Any) -> float:
    """``P(sum_i weights_i c_i > x)``, the c_i independent chi-square with one degree of freedom.

    With K(t) the log moment generating function this is the integral of ``exp(K(t) - t x) / t``
    over a line from below to above, divided by 2 pi i. The line is bent into a parabola around the
    singularities to its right, on which the integrand falls like a normal density.
    """
    kept = _positive(weights)
    if np.isnan(x) or np.isnan(kept).any():
        return float("nan")
    if x <= 0 or not len(kept):
        return float(x < 0 or (x == 0 and len(kept) > 0))
    if x > kept.max() * (1e4 + 10 * len(kept)):  # smaller than the smallest number
        return 0.0
    w, x = kept / kept.max(), float(x) / kept.max()
    vertex = _vertex(x, w)
    size = 4 * (0.5 - vertex)  # puts the focus of the parabola on the branch point at 1/2
    to_pole = abs(np.sqrt(0.25 + vertex / size) - 0.5)  # in units of v; 1/2 to the branch point
    curvature = 2 * np.sum((w / (1 - 2 * w * vertex)) ** 2)
    step = min(2 * to_pole, 1.0, 10 / (size * np.sqrt(curvature))) / NODES_PER_STRIP
    v = step * np.arange(int(np.sqrt(FORGOTTEN / (x * size)) / step) + 2)
    t = vertex + size * (1j * v + v * v)
    height = -0.5 * np.log(1 - 2 * t[:, None] * w).sum(axis=1) - t * x
    values = (np.exp(height) / t * (1j + 2 * v)).imag
    inside = step * size * (values.sum() - 0.5 * values[0]) / np.pi
    return float(np.clip(inside + (vertex < 0), 0.0, 1.0))


def mixture_isf(p: float, weights: Any) -> float:
    """The x at which ``mixture_sf(x, weights)`` is `p`."""
    from scipy.optimize import brentq

    kept = _positive(weights)
    if not 0 < p < 1 or np.isnan(kept).any():
        return float("nan")
    if not len(kept):
        return 0.0
    # the largest weight alone is less than the sum; all weights as large as it are more
    low, high = kept.max() * 2 * gammainccinv(np.array([0.5, len(kept) / 2]), p)
    if len(kept) == 1:
        return float(low)
    return float(brentq(lambda x: mixture_sf(x, kept) - p, low * (1 - 1e-9), high * (1 + 1e-9),
                        xtol=1e-300, rtol=1e-11))


def _positive(weights: Any) -> np.ndarray:
    """Weights that matter; rounding may leave zeros slightly below zero."""
    w = np.atleast_1d(np.asarray(weights, dtype=float))
    top = w.max(initial=0.0)
    if w.min(initial=0.0) < -1e-6 * top:
        raise ValueError(f"weights must be 0 or more, got {w.min():g}.")
    return w if np.isnan(w).any() else w[w > 1e-10 * top]


def _vertex(x: float, w: np.ndarray) -> float:
    """Where the integrand is smallest on the real line, K'(t) = x, kept away from the pole at 0."""
    from scipy.optimize import brentq

    low, high = -len(w) / (2 * x), 0.5 - 0.5 / x
    def excess(t: float) -> float:
        return float((w / (1 - 2 * w * t)).sum() - x)

    saddle = high
    if len(w) > 1 and low < high and excess(high) > 0:
        saddle = brentq(excess, low, high) if excess(low) < 0 else low
    nearest = min(1 / np.sqrt(2 * w @ w), 0.25)
    return nearest if abs(saddle) < nearest else saddle
