"""Tests of whether two samples differ: divergences on a neighbour graph against energy statistics.

The error is the share of pairs of samples at which the test is silent, at level .05: 1 - power.
Where nothing differs, it is how far the size is from .05. ``n`` counts the rows of both samples,
``k`` permutations. scipy's tests look at the first column alone, which is where a shift or a scale
is; they need no permutations. dcor's energy test takes part where it is installed.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks._timing import error_of_test, race, standard_error, table
from divest import TrustWarning, divergence_two_sample_test


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: tuple = (100, 300)  # of each sample
    columns: tuple = (2, 10)
    permutations: int = 199
    samples: int = 200  # over which powers are taken
    rounds: int = 5
    budget: float = 5.0  # seconds for one race


QUICK = Sizes(rows=(100,), samples=60, rounds=3, budget=2.0)


# ---------------------------------------------------------------- samples: what becomes of P
def shifted(P):
    P[:, 0] += 0.5
    return P


def scaled(P):
    P[:, 0] *= 1.7
    return P


def correlated(P):
    """The margins stay as they are."""
    P[:, 1] = 0.8 * P[:, 0] + 0.6 * P[:, 1]
    return P


NULL = "nothing differs"
CHANGES = {NULL: lambda P: P, "shift of one column": shifted,
           "scale of one column": scaled, "correlation of two columns": correlated}


def contestants(permutations):
    """Functions of two samples that give a p-value."""
    found = {"divest": lambda P, Q: divergence_two_sample_test(
        P, Q, n_resamples=permutations, random_state=0, n_jobs=1).pvalue,
        "scipy ks_2samp": lambda P, Q: stats.ks_2samp(P[:, 0], Q[:, 0]).pvalue,
        "scipy cramervonmises_2samp": lambda P, Q: stats.cramervonmises_2samp(
            P[:, 0], Q[:, 0]).pvalue}
    if find_spec("dcor"):
        from dcor.homogeneity import energy_test

        found["dcor energy_test"] = lambda P, Q: energy_test(
            P, Q, num_resamples=permutations, random_state=0).pvalue
    return found


# ---------------------------------------------------------------- benchmarks
def power(sizes: Sizes) -> list[dict]:
    """Power on the same samples, and times."""
    calls = contestants(sizes.permutations)
    return [row for n in sizes.rows for d in sizes.columns for name in CHANGES
            for row in _power(sizes, calls, n, d, name)]


def _power(sizes, calls, n, d, name):
    rng = np.random.default_rng([n, d])
    samples = [(CHANGES[name](rng.standard_normal((n, d))), rng.standard_normal((n, d)))
               for _ in range(sizes.samples)]
    silent = {test: float(np.mean([call(P, Q) > 0.05 for P, Q in samples]))
              for test, call in calls.items()}
    errors = {test: error_of_test(share, name == NULL) for test, share in silent.items()}
    raced = race({test: partial(call, *samples[0]) for test, call in calls.items()}, sizes.rounds,
                 sizes.budget)
    spread = {test: standard_error(share, sizes.samples) for test, share in silent.items()}
    return [{"task": name, "n": 2 * n, "d": d, "k": sizes.permutations,
             **raced.row("divest", peer, errors), "ours_error_se": spread["divest"],
             "peer_error_se": spread.get(peer)}
            for peer in ("dcor energy_test", "scipy ks_2samp", "scipy cramervonmises_2samp")]


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        P, Q = np.random.default_rng(0).standard_normal((2, 50, 2))
        for call in contestants(9).values():  # compile before the clock runs
            call(P, Q), call(np.hstack([P] * 5), np.hstack([Q] * 5))
        return table([power], sizes)
