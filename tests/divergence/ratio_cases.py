"""What several files of tests of NearestNeighborRatioDivergence share."""

import numpy as np
import plain
from scipy.special import psi

from divest import NearestNeighborRatioDivergence

Ratio = NearestNeighborRatioDivergence

NAMES = ["kl", "reverse_kl", "jeffreys", "hellinger", "chi_square", "neyman_chi_square",
         "jensen_shannon", "le_cam", "total_variation", "bhattacharyya", "renyi(0.5)", "renyi(2)",
         "tsallis(0.7)", "power(-1)", "power(2)"]


def fitted(P, Q, divergence="kl", **options):
    return Ratio(divergence, **options).fit_samples(P, Q)


def found(model, divergence=None):
    """Estimate and standard error."""
    result = model.estimate(divergence)
    return result.estimate, result.standard_error


KINDS = {
    "continuous": lambda Z: Z,
    "tenths": lambda Z: np.round(Z, 1),
    "integers": np.round,
    "one column": lambda Z: Z[:, :1],
    "tenths in one column": lambda Z: np.round(Z[:, :1], 1),
    "nine columns": lambda Z: np.hstack([Z, Z**2, np.sin(3 * Z), np.cos(5 * Z), Z[:, :1] ** 3]),
}

PLAIN_KL = (lambda C, K, c: np.log(c) + psi(C + 1) - psi(K - C + 1),
            lambda C, K, c: 1 - c * C / (K - C + 1))


def plain_ratio(P, Q, k):
    """The plug-in at the rows of Q."""
    n, m = len(P), len(Q)
    is_p = np.arange(n + m) < n
    C, K = plain.labelled_counts(plain.distances_within(np.vstack([P, Q])), is_p, k)
    return m / n * C[~is_p] / (K - C + 1)[~is_p], m / n * 0.5 / (K + 1)[~is_p]
