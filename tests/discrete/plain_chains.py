"""Markov chains, drawn step by step."""

import numpy as np

from divest.discrete._chain import stationary


def walks(M, n, runs, rng):
    """Counts (runs, k, k) of stationary chains of n transitions, and their last states."""
    k, edges = len(M), np.cumsum(M, axis=1)
    edges[:, -1] = 1.0
    state = rng.choice(k, size=runs, p=stationary(M))
    counts, every = np.zeros((runs, k, k)), np.arange(runs)
    for _ in range(n):
        new = (rng.random(runs)[:, None] > edges[state]).sum(axis=1)
        counts[every, state, new] += 1
        state = new
    return counts, state
