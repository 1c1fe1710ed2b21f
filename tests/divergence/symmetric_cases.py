"""What several files of tests of the symmetric distances share."""

import numpy as np
from plain import distances

from divest.divergence.symmetric import (
    symmetric_mmd,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
)
from divest.groups import FiniteGroup, cyclic

TRIVIAL = FiniteGroup([np.eye(2)])

TURNS = cyclic(4)

DISTANCES = [symmetric_wasserstein, symmetric_mmd, symmetric_neighbor_divergence]


def pair(n, m, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def kernel_matrix(kernel, X, Y):
    return kernel.profile(distances(X, Y) ** 2)[0]
