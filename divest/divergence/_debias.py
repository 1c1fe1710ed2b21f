"""Functions of the density ratio from counts in a ball, with the bias of order 1/K removed.

A ball holds K other rows, C of them from P; given K, C is binomial with odds r / c. Falling
factorials and digamma functions invert the binomial mean up to a tail pi^K + (1 - pi)^K.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.special import gammaln, gammasgn, psi

from divest.generators import Constant, Function, Log, Power, Sign, Term

LARGEST_TABLE = 400  # above it (only ties make such balls) the plug-in is used: error near 1/(4K)


def debiased(terms: tuple[Term, ...], C: np.ndarray, K: np.ndarray, c: float) -> np.ndarray:
    """Sum of the terms at the ratio ``c C / (K - C)``, debiased.

    Parameters
    ----------
    terms : tuple of Term
        Pieces of a function of the ratio.
    C, K : ndarray of int, same shape (m,) or (m, number of k)
        Rows of P in the ball, and all rows in it; 0 <= C <= K.
    c : float
        Ratio of the two classes' sizes.

    Returns
    -------
    ndarray of float, same shape
        Estimates of the function.
    """
    if K.ndim == 2:  # one column per k: nearly always one K in each
        columns = [debiased(terms, C[:, b], K[:, b], c) for b in range(K.shape[1])]
        return np.stack(columns, axis=1)
    if K.min() == K.max():
        return _table(terms, int(K.flat[0]), c)[C]
    pairs, inverse = np.unique(K.ravel() * (int(K.max()) + 1) + C.ravel(), return_inverse=True)
    all_k, all_c = np.divmod(pairs, int(K.max()) + 1)
    values = np.empty(len(pairs))
    edges = np.flatnonzero(np.r_[True, np.diff(all_k) > 0, True])
    for start, stop in pairwise(edges):
        k = int(all_k[start])
        found = all_c[start:stop]
        values[start:stop] = (_table(terms, k, c)[found] if k <= LARGEST_TABLE
                              else _sum(terms, found, k, c))
    return values[inverse].reshape(K.shape)


@lru_cache(maxsize=512)
def _table(terms: tuple[Term, ...], k: int, c: float) -> np.ndarray:
    """Values for C = 0..k."""
    table = _sum(terms, np.arange(k + 1), k, c)
    table.flags.writeable = False
    return table


def _sum(terms: tuple[Term, ...], C: np.ndarray, k: int, c: float) -> np.ndarray:
    return sum((_term(term, C, k, c) for term in terms), np.zeros(C.shape))


def _term(term: Term, C: np.ndarray, k: int, c: float) -> np.ndarray:
    """One debiased term at counts `C` of `k`."""
    if isinstance(term, Constant):
        return np.full(C.shape, term.scale)
    if isinstance(term, Power):
        return term.scale * debiased_power(C, k, c, term.exponent)
    if isinstance(term, Log):
        return term.scale * debiased_log(C, k, c)
    if isinstance(term, Sign):
        return term.scale * np.sign(smoothed_ratio(C, k, c) - 1.0)
    return debiased_function(C, k, c, term)


def debiased_power(C: np.ndarray, K: np.ndarray | int, c: float, a: float) -> np.ndarray:
    """r^a by falling factorials: ``c^a C^(a) (K - C)^(-a)``."""
    return c**a * _falling(C, a) * _falling(K - C, -a)


def debiased_log(C: np.ndarray, K: np.ndarray | int, c: float) -> np.ndarray:
    """Log r by digamma functions."""
    return np.log(c) + psi(C + 1.0) - psi(K - C + 1.0)


def smoothed_ratio(C: np.ndarray, K: np.ndarray | int, c: float) -> np.ndarray:
    """The plug-in ratio with half a count added to both sides."""
    return c * (C + 0.5) / (K - C + 0.5)


def debiased_function(C: np.ndarray, k: int, c: float, term: Function) -> np.ndarray:
    """Any g(r) by three rounds of the iterated bootstrap; the plug-in for very large k."""
    if k > LARGEST_TABLE:
        p = (C + 0.5) / (k + 1.0)
        return np.asarray(term.function(c * p / (1.0 - p)), dtype=float)
    p = (np.arange(k + 1.0) + 0.5) / (k + 1.0)
    target = np.asarray(term.function(c * p / (1.0 - p)), dtype=float)
    weights, table = _binomial(k), target.copy()
    for _ in range(3):
        table += target - weights @ table
    return table[C]


@lru_cache(maxsize=64)
def _binomial(k: int) -> np.ndarray:
    """Binomial probabilities of 0..k at the success probabilities (j + 1/2)/(k + 1)."""
    j = np.arange(k + 1.0)
    p = (j + 0.5) / (k + 1.0)
    return np.exp(gammaln(k + 1.0) - gammaln(j + 1.0) - gammaln(k - j + 1.0)
                  + j * np.log(p)[:, None] + (k - j) * np.log1p(-p)[:, None])


def _falling(x: np.ndarray, a: float) -> np.ndarray:
    """``Gamma(x + 1)/Gamma(x + 1 - a)``, with its sign; 0 where the denominator has a pole."""
    if a == 0.0:
        return np.ones(np.shape(x))
    top = np.asarray(x, dtype=float) + 1.0
    low = top - a
    pole = (low <= 0) & (low == np.round(low))
    low = np.where(pole, 1.0, low)
    return np.where(pole, 0.0, gammasgn(low) * np.exp(gammaln(top) - gammaln(low)))
