"""Radial kernels: profiles, normalisers, canonical factors and noise, in any dimension.

A kernel is ``k(|x|)``, not normalised: its integral over R^d is c_K.
"""

from __future__ import annotations

from math import exp, lgamma, log, pi

import numpy as np

KERNELS = ("gaussian", "tophat", "epanechnikov", "biweight", "triweight", "linear", "cosine",
           "exponential")
COMPACT = frozenset(KERNELS) - {"gaussian", "exponential"}
POWERS = {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}  # q of (1 - u^2)^q


def profile(kernel: str, u: np.ndarray) -> np.ndarray:
    """``k(u)`` for distances u >= 0 in units of the bandwidth."""
    u = np.asarray(u, dtype=float)
    if kernel == "gaussian":
        return np.exp(-0.5 * u * u)
    if kernel == "exponential":
        return np.exp(-u)
    if kernel == "linear":
        inside = 1.0 - u
    elif kernel == "cosine":
        inside = np.cos(0.5 * pi * u)
    else:
        inside = (1.0 - u * u) ** POWERS[kernel]
    return np.where(u < 1.0, inside, 0.0)


def log_normalizer(kernel: str, d: int) -> float:
    """``log c_K``, the log of the integral of ``k(|x|)`` over R^d."""
    return _log_sphere(d) + _log_radial(kernel, d - 1, 1)


def coordinate_variance(kernel: str, d: int) -> float:
    """Variance of one coordinate of a draw from the kernel at bandwidth 1."""
    return exp(_log_radial(kernel, d + 1, 1) - _log_radial(kernel, d - 1, 1)) / d


def canonical_factor(kernel: str, d: int) -> float:
    """What to multiply a bandwidth for the Gaussian kernel by, for the same asymptotic error."""
    return exp((_log_roughness(kernel, d) - _log_roughness("gaussian", d)) / (d + 4))


def draw_noise(kernel: str, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Draws (n, d) from the kernel at bandwidth 1."""
    noise = rng.standard_normal((n, d))
    if kernel == "gaussian":
        return noise
    noise *= (_draw_radii(kernel, n, d, rng) / np.linalg.norm(noise, axis=1))[:, None]
    return noise


def _draw_radii(kernel: str, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths of `n` draws from the kernel at bandwidth 1."""
    if kernel == "exponential":
        return rng.gamma(d, size=n)
    if kernel == "linear":
        return rng.beta(d, 2.0, size=n)
    if kernel == "cosine":
        return _draw_cosine_radii(n, d, rng)
    return np.sqrt(rng.beta(0.5 * d, POWERS[kernel] + 1.0, size=n))


def _draw_cosine_radii(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """By rejection from the linear kernel; at least 2 of 3 draws are kept, in any dimension."""
    kept = np.empty(0)
    while len(kept) < n:
        u = rng.beta(d, 2.0, size=2 * (n - len(kept)) + 8)
        # cos(pi u / 2) / (1 - u), over its largest value pi / 2
        kept = np.append(kept, u[rng.random(len(u)) < np.sinc(0.5 * (1.0 - u))])
    return kept[:n]


def _log_sphere(d: int) -> float:
    """Log of the area of the unit sphere in R^d."""
    return log(2.0) + 0.5 * d * log(pi) - lgamma(0.5 * d)


def _log_roughness(kernel: str, d: int) -> float:
    """Log of ``R(K) / mu_2(K)^2``, K the kernel scaled to integrate to 1."""
    square = _log_sphere(d) + _log_radial(kernel, d - 1, 2) - 2.0 * log_normalizer(kernel, d)
    return square - 2.0 * log(coordinate_variance(kernel, d))


def _log_radial(kernel: str, order: int, power: int) -> float:
    """Log of the integral of ``u^order k(u)^power`` over u > 0; `power` is 1 or 2."""
    if kernel == "gaussian":
        half = 0.5 * (order + 1)
        return lgamma(half) + half * log(2.0 / power) - log(2.0)
    if kernel == "exponential":
        return lgamma(order + 1) - (order + 1) * log(power)
    if kernel == "linear":
        return _log_beta(order + 1, power + 1)
    if kernel == "cosine":
        return log(_cosine_radial(order, power))
    return _log_beta(0.5 * (order + 1), power * POWERS[kernel] + 1) - log(2.0)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _cosine_radial(order: int, power: int) -> float:
    """The integral of ``u^order cos(pi u / 2)^power`` over (0, 1), by its series at u = 1.

    With v = 1 - u the cosine is a series in v, and ``(1 - v)^order v^k`` integrates to a ratio of
    factorials. Terms shrink by a half or more.
    """
    rate = 0.5 * pi * power
    term = rate**power / power  # power 1: sin(pi v / 2); power 2: (1 - cos(pi v)) / 2
    for i in range(1, power + 2):
        term /= order + i
    total, k = 0.0, power
    while abs(term) > 1e-17 * abs(total):
        total += term
        term *= -(rate**2) / ((order + k + 2) * (order + k + 3))
        k += 2
    return total
