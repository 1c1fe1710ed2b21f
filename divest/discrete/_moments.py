"""Value, standard error and bias of a divergence between two vectors of shares."""

from __future__ import annotations

import numpy as np

from divest.generators import Generator, PowerIntegral, Sign


def shares(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Counts of each cell, the last axis, plus `smoothing`, as shares."""
    raised = counts + smoothing
    return raised / raised.sum(axis=-1, keepdims=True)


def cell_terms(generator: Generator, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """``q f(p/q)`` of each cell, by its limit where a share is 0."""
    if p.min() > 0 and q.min() > 0:
        return q * generator.f(p / q)
    filled = np.where((p > 0) & (q > 0), p / np.where(q > 0, q, 1.0), 1.0)
    at_zero, at_infinity = _limits(generator)
    only_q = np.where(p == 0, q, 0.0)
    only_p = np.where(q == 0, p, 0.0)
    return (np.where((p > 0) & (q > 0), q * generator.f(filled), 0.0)
            + np.where(only_q > 0, only_q * at_zero, 0.0)
            + np.where(only_p > 0, only_p * at_infinity, 0.0))


def divergence_value(generator: Generator, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The divergence of each row of shares (..., n_cells)."""
    with np.errstate(all="ignore"):  # infinite values are limits, not accidents
        total = cell_terms(generator, p, q).sum(axis=-1)
        if generator.link is None or not generator.link.logarithmic:
            return total
        value = generator.link.scale * np.log1p(total / generator.link.scale)
        apart = ~((p > 0) & (q > 0)).any(axis=-1)  # no cell in common: the logarithm of 0
        return np.where(apart, np.inf, value)


def moments(generator: Generator, p: np.ndarray, q: np.ndarray, n: float,
            m: float) -> tuple[float, float, float]:
    """Value, standard error and first-order bias; the last two NaN where they do not exist."""
    value = float(divergence_value(generator, p, q))
    if not (has_derivative(generator) and min(p.min(), q.min()) > 0 and np.isfinite(value)):
        return value, float("nan"), float("nan")
    with np.errstate(all="ignore"):
        r = p / q
        f, slope = generator.f(r), generator.derivative(r)
        variance = variance_of(p, slope) / n + variance_of(q, f - r * slope) / m
        spread = p * (1 - p) / n + r**2 * q * (1 - q) / m
        bias = 0.5 * float((_second_derivative(generator, r) / q * spread).sum())
        if generator.link is None:
            return value, float(np.sqrt(variance)), bias
        first, second = link_derivatives(generator.link, float(q @ f))
    return value, abs(first) * float(np.sqrt(variance)), first * bias + second * variance / 2


def has_derivative(generator: Generator) -> bool:
    """Whether f has a derivative at 1; that of total variation has none."""
    return not any(isinstance(term, Sign) for term in generator.at_p)


def _limits(generator: Generator) -> tuple[float, float]:
    """``f(r)`` as r goes to 0, and ``f(r)/r`` as r goes to infinity."""
    with np.errstate(all="ignore"):
        low = np.asarray(generator.f(np.array([0.0, 1e-300])), dtype=float)
        high = np.asarray(generator.derivative(np.array([np.inf, 1e100])), dtype=float)
    if generator.link is not None:  # powers: the limits are their values
        return float(low[0]), float(high[0])
    at_zero, at_infinity = (float(x[0] if np.isfinite(x[0]) else x[1]) for x in (low, high))
    return (float("inf") if generator.needs_sample else at_zero,
            float("inf") if generator.needs_reference else at_infinity)


def link_derivatives(link: PowerIntegral, total: float) -> tuple[float, float]:
    """First two derivatives of the divergence in ``scale (T - 1)``."""
    if not link.logarithmic:
        return 1.0, 0.0
    integral = 1.0 + total / link.scale
    return 1.0 / integral, -1.0 / (link.scale * integral**2)


def variance_of(share: np.ndarray, values: np.ndarray) -> float:
    mean = float(share @ values)
    return float(share @ (values - mean) ** 2)


def _second_derivative(generator: Generator, r: np.ndarray) -> np.ndarray:
    """Second derivative by five-point differences of f', relative error about 1e-11."""
    h = 1e-3 * r
    near = generator.derivative(r + h) - generator.derivative(r - h)
    far = generator.derivative(r + 2 * h) - generator.derivative(r - 2 * h)
    return (8 * near - far) / (12 * h)
