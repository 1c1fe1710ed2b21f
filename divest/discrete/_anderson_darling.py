"""The two-sample statistic of Anderson and Darling for sorted data, and its limit law."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LIMIT_DEVIATION = float(np.sqrt(2.0 * (np.pi**2 / 3.0 - 3.0)))  # of the limit law, whose mean is 1
_INTERVALS, _NODES = 24, 256
_BLOCK = 16384
_SMALLEST = 0.03  # the limit law has probability below 1e-15 under it


def anderson_darling(p: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    """Standardised midrank statistic of two sorted samples, and its p-value by the limit law.

    Scholz and Stephens (1987), eq. 7, for two samples. NaN below four rows in all, where the
    statistic has no variance formula. No p-value is below that of the two most extreme ways to
    deal out the rows, which the limit law does not know of.
    """
    from scipy.special import comb

    n, m = len(p), len(q)
    total = n + m
    if total < 4 or not min(n, m):
        return float("nan"), float("nan")
    ends, ends_p = _ends(p, q)
    if len(ends) == 1:
        return 0.0, 1.0
    value = (total - 1.0) / total**2 * (1.0 / n + 1.0 / m) * _sum(ends, ends_p, n)
    statistic = (value - 1.0) / _deviation(n, m)
    return statistic, max(limit_sf(1.0 + LIMIT_DEVIATION * statistic), 2.0 / comb(total, n))


def _ends(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows up to each distinct value: of both samples, and of `p` alone."""
    both = np.concatenate([p, q])
    order = np.argsort(both, kind="stable")  # a merge of two sorted runs
    both = both[order]
    ends = np.flatnonzero(np.append(both[1:] != both[:-1], True))
    ends_p = np.cumsum(order < len(p), dtype=np.int32)[ends]
    ends += 1
    return ends, ends_p


def _sum(ends: np.ndarray, ends_p: np.ndarray, n: int) -> float:
    """Sum over the distinct values, by blocks that stay in the processor's cache."""
    total, parts, last, last_p = int(ends[-1]), [], 0.0, 0.0
    for start in range(0, len(ends), _BLOCK):
        high = ends[start:start + _BLOCK].astype(float)
        high_p = ends_p[start:start + _BLOCK].astype(float)
        tied = np.diff(high, prepend=last)
        middle = high - tied / 2.0
        gap = total * (high_p - np.diff(high_p, prepend=last_p) / 2.0) - n * middle
        below = middle * (total - middle) - total / 4.0 * tied
        parts.append(float((tied * gap**2 / below).sum()))
        last, last_p = high[-1], high_p[-1]
    return sum(parts)


@lru_cache(maxsize=128)
def _deviation(n: int, m: int) -> float:
    """Standard deviation of the statistic without ties: Scholz and Stephens (1987), eq. 4."""
    total, reciprocal = n + m, 1.0 / n + 1.0 / m
    tails = np.cumsum(1.0 / np.arange(total - 1, 1, -1))
    h, g = tails[-1] + 1.0, float((tails / np.arange(2, total)).sum())
    a = 4 * g - 6 + (10 - 6 * g) * reciprocal
    b = 4 * (2 * g - 4) + 8 * h + (2 * g - 14 * h - 4) * reciprocal + 4 * g - 6
    c = 4 * (6 * h + 2 * g - 2) + 2 * (4 * h - 4 * g + 6) + (2 * h - 6) * reciprocal + 4 * h
    d = 4 * (2 * h + 6) - 8 * h
    variance = ((a * total + b) * total + c) * total + d
    return float(np.sqrt(variance / ((total - 1.0) * (total - 2.0) * (total - 3.0))))


def limit_sf(z: float) -> float:
    """``P(W > z)`` of ``W = sum_j chi2_1 / (j (j + 1))``, the limit law of the raw statistic.

    Anderson and Darling (1952), sec. 5, give its characteristic function; inverted as Smirnov does
    for sums of weighted chi-squares: integrals of one sign between the poles ``j (j + 1)``, which
    alternate, so that the far tail keeps its relative accuracy.
    """
    if z < _SMALLEST:
        return 1.0
    u, weights = _inversion()
    value = float((weights * np.exp(-0.5 * z * u)).sum())
    return min(max(value, 0.0), 1.0)


@lru_cache(maxsize=1)
def _inversion() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and signed weights between the poles, where Gauss and Chebyshev need no correction."""
    first = np.arange(1.0, 2 * _INTERVALS, 2)[:, None]
    low, high = first * (first + 1), (first + 1) * (first + 2)
    angle = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    half = (high - low) / 2
    u = (low + high) / 2 + half * np.cos(angle)
    root = np.abs(np.cos(np.pi / 2 * np.sqrt(1 + 4 * u))) / (np.pi * u)
    sign = np.where(np.arange(_INTERVALS) % 2, -1.0, 1.0)[:, None]
    return u, sign * half * np.sin(angle) / (u * np.sqrt(root)) / _NODES
