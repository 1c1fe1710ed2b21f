"""Divergences of two laws that are known: sums over atoms, and quadrature turned into sums."""

from collections import defaultdict
from dataclasses import dataclass
from math import fsum
from typing import Any

import numpy as np
from scipy.special import logsumexp

from divest.generators import Constant, Generator, Log, Power, Sign


@dataclass(frozen=True)
class Laws:
    """Log-masses of P and Q on common points; a density is its masses at quadrature points.

    ``T(alpha) = int p^alpha q^(1 - alpha)`` is finite for ``powers[0] <= alpha < powers[1]``.
    """

    log_p: np.ndarray
    log_q: np.ndarray
    powers: tuple[float, float] = (-np.inf, np.inf)

    def divergence(self, generator: Generator) -> float:
        """``D(P || Q)``; r = p/q stays in logarithms, so that nothing overflows on the way."""
        if (link := generator.link) is not None:
            log_power = self.log_power(link.alpha)
            value = link.scale * (log_power if link.logarithmic else _expm1(log_power))
        else:
            value = self._by_terms(generator)
        return float(np.clip(value, 0.0, generator.upper_bound)) + 0.0  # against rounding, and -0.0

    def _by_terms(self, generator):
        """E_P f'(r) + E_Q (f(r) - r f'(r)), term by term."""
        parts = []
        powers: dict[float, float] = defaultdict(float)  # factor of each T(a); E_P r^a = T(a + 1)
        for of_p, terms in ((True, generator.at_p), (False, generator.at_q)):
            for term in terms:
                if isinstance(term, Constant):
                    parts.append(term.scale)
                elif isinstance(term, Power):
                    powers[term.exponent + of_p] += term.scale
                elif isinstance(term, Log):
                    parts.append(term.scale * self.mean_log_ratio(of_p))
                elif isinstance(term, Sign):
                    parts.append(term.scale * self._mean(of_p, np.sign))
                elif generator.upper_bound < np.inf:  # a function that is flat far out
                    parts.append(self._mean(of_p, lambda log_r, g=term.function:
                                            g(np.exp(np.clip(log_r, -300, 300)))))
                else:
                    raise ValueError(f"the truth of divergence {generator.name!r} is not known.")
        for alpha, scale in powers.items():
            if scale != 0:  # coefficients cancel before an infinite T can
                parts += [scale, scale * _expm1(self.log_power(alpha))]
        return fsum(parts)

    def log_power(self, alpha: float) -> float:
        """Logarithm of T(alpha)."""
        if not self.powers[0] <= alpha < self.powers[1]:
            return np.inf
        common = self.log_p > -np.inf
        return logsumexp(alpha * self.log_p[common] + (1 - alpha) * self.log_q[common])

    def mean_log_ratio(self, of_p: bool) -> float:
        """Expectation of log r under P, or under Q."""
        return self._mean(of_p, np.positive)

    def _mean(self, of_p, function):
        """Expectation of a function of log r; points without mass do not count."""
        mass = np.exp(self.log_p if of_p else self.log_q)
        values = function(self.log_p - self.log_q)
        return np.sum(np.multiply(mass, values, where=mass > 0, out=np.zeros_like(mass)))


@dataclass(frozen=True, kw_only=True)
class NormalShift(Laws):
    """Normal laws of variance 1, a shift apart: closed forms, for shifts of any size."""

    shift: float

    def log_power(self, alpha: float) -> float:
        """Logarithm of T(alpha)."""
        return 0.5 * alpha * (alpha - 1) * self.shift**2

    def mean_log_ratio(self, of_p: bool) -> float:
        """Expectation of log r under P, or under Q."""
        return (0.5 if of_p else -0.5) * self.shift**2


def _expm1(value):
    """``exp(value) - 1``, infinite where that is beyond the largest float."""
    with np.errstate(over="ignore"):
        return float(np.expm1(value))


def log_normal(x, mean=0.0, sd=1.0):
    """Log-density of the normal law."""
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


def grid(*laws):
    """Edges a quarter standard deviation apart, 40 deviations around each (mean, deviation)."""
    steps = np.arange(-160, 161) / 4
    return np.unique(np.concatenate([mean + sd * steps for mean, sd in laws]))


def quadrature(log_p: Any, log_q: Any, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-masses of two log-densities at 20 Gauss-Legendre points between neighbouring edges.

    Where p = q some integrands have a kink or a jump: an edge is put there.
    """
    from scipy.optimize import brentq

    def log_ratio(x):
        return log_p(x) - log_q(x)

    sign = np.sign(log_ratio(edges))
    turns = [brentq(log_ratio, edges[i], edges[i + 1], xtol=1e-14)
             for i in np.flatnonzero(sign[:-1] * sign[1:] < 0)]
    edges = np.union1d(edges, turns)
    node, weight = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    x, log_weight = edges[:-1, None] + half * (1 + node), np.log(half * weight)
    return (log_p(x) + log_weight).ravel(), (log_q(x) + log_weight).ravel()
