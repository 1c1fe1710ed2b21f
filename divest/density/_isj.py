"""The improved Sheather-Jones equation for the bandwidth in one dimension."""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.optimize import brentq

FEWEST_VALUES = 30  # distinct values below which the equation says nothing
_STAGES = range(6, 1, -1)  # derivatives whose norms are estimated one from the next
_SCAN = np.geomspace(1e-9, 0.1, 60)
_CUT = 120.0  # exponents above do not count


class Root(NamedTuple):
    """A solution of the equation: the bandwidth, and steps of the search."""

    bandwidth: float
    iterations: int


def isj_root(x: np.ndarray, weights: np.ndarray, bins: int,
             edges: tuple[float, float] = (-np.inf, np.inf)) -> Root | None:
    """Bandwidth that solves the equation, or None where it has no root.

    `x` (n,) is not constant; `weights` (n,) have sum 1. The cosines of the equation reflect at the
    ends of its grid, so that the grid ends at `edges` of the support that are near.
    """
    distinct = np.unique(x).size
    equation = _Equation(x, weights, bins, min(distinct, 1.0 / (weights @ weights)), edges)
    bracket = _first_rise(equation)
    if bracket is None:
        return None
    t, info = brentq(equation, *bracket, rtol=1e-10, xtol=1e-20, full_output=True)
    if sqrt(t) * bins < 1.0:  # narrower than a bin, so nothing but the histogram speaks
        return None
    return Root(sqrt(t) * equation.length, info.iterations)


def _first_rise(equation: _Equation) -> tuple[float, float] | None:
    """The first neighbours of the scan where the equation goes from below 0 to above.

    What is taken off t never falls as t grows, so where it is above t, there is no root before it.
    """
    i, below = 0, False
    while i < len(_SCAN):
        value = equation(_SCAN[i])
        if below and value > 0:
            return _SCAN[i - 1], _SCAN[i]
        below = value < 0
        i = max(i + 1, int(np.searchsorted(_SCAN, _SCAN[i] - value)) if below else 0)
    return None


class _Equation:
    """``t - xi gamma^[7](t)``, t the squared bandwidth where the grid has length 1."""

    def __init__(self, x: np.ndarray, weights: np.ndarray, bins: int, n: float,
                 edges: tuple[float, float]):
        margin = 0.5 * float(np.ptp(x))
        grid = max(edges[0], float(x.min()) - margin), min(edges[1], float(x.max()) + margin)
        self.n, self.length = n, grid[1] - grid[0]
        mass = np.histogram(x, bins, grid, weights=weights)[0]
        self._rates = (pi * np.arange(1, bins)) ** 2
        terms = 0.5 * dct(mass, type=2)[1:] ** 2 * self._rates
        self._terms = {s: (terms := terms * self._rates) for s in range(2, 8)}

    def __call__(self, t: float) -> float:
        norm = self._norm(7, t)
        for s in _STAGES:
            odd = np.prod(np.arange(1, 2 * s, 2)) / sqrt(2 * pi)
            constant = 2 * odd * (1 + 0.5 ** (s + 0.5)) / 3
            norm = self._norm(s, (constant / (self.n * norm)) ** (2 / (3 + 2 * s)))
        return t - (2 * self.n * sqrt(pi) * norm) ** -0.4

    def _norm(self, s: int, t: float) -> float:
        """Squared norm of derivative s of the density smoothed with variance t."""
        used = np.searchsorted(self._rates, _CUT / t)
        return float(np.exp(self._rates[:used] * -t) @ self._terms[s][:used])
