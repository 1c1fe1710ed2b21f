"""How cost grows with rows and columns, for the main methods and for peers that do the same.

Samples are normal. The next size is left out where the last one took so long that it would take
longer than a limit. ``n`` counts the rows of all samples together; a density is evaluated at 1,000
points, the two-sample tests take 99 permutations. Peers take part where they are installed.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.neighbors import KernelDensity as TreeDensity

from benchmarks import _numpy_forms, _stein_forms, divergence, moments, sample_complexity
from benchmarks._timing import ABSENT, race, table
from divest import KernelDensity, TrustWarning
from divest.datasets import shifted_gaussians
from divest.divergence import symmetric_wasserstein
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._points import Coordinates
from divest.groups import FiniteGroup
from divest.kernels import imq
from divest.moments import LinearIVRegressor

POINTS = 1_000  # at which a density is evaluated


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: tuple = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000)
    columns: tuple = (2, 10)
    limit: float = 20.0  # seconds that a call may be expected to take
    rounds: int = 3
    budget: float = 4.0  # seconds for one race


QUICK = Sizes(rows=(500, 2_000, 8_000, 32_000), limit=2.0, budget=1.0)


# ---------------------------------------------------------------- tasks: calls by name, ours first
def kullback_leibler(n: int, d: int) -> dict[str, Callable]:
    """KL from neighbours."""
    P, Q = shifted_gaussians(n + d, n=n // 2, d=d)
    calls = {"divest ratio": partial(divergence.ratio_fit, P, Q),
             "divest distance": partial(divergence.distance_fit, P, Q),
             "numpy WKV": partial(_numpy_forms.wang_kulkarni_verdu, P, Q, 5)}
    if find_spec("infomeasure"):
        calls["infomeasure"] = partial(divergence.peer_estimators()["infomeasure"], P, Q)
    return calls


def two_sample_test(n: int, d: int) -> dict[str, Callable]:
    """99 permutations."""
    from benchmarks.two_sample import contestants

    P, Q = shifted_gaussians(n + d, n=n // 2, d=d)
    calls = contestants(99)
    return {name: partial(calls[name], P, Q) for name in ("divest", "dcor energy_test")
            if name in calls}


def density(n: int, d: int) -> dict[str, Callable]:
    """Fitted before the clock runs."""
    X, Q = np.random.default_rng(n + d).standard_normal((2, n, d))
    Q = np.resize(Q, (POINTS, d))
    mine = KernelDensity(bandwidth="scott").fit(X)
    tree = TreeDensity(bandwidth=mine.bandwidth_factor_, rtol=1e-8).fit(X)
    return {"divest": partial(mine.score_samples, Q),
            "scipy gaussian_kde": partial(stats.gaussian_kde(X.T).logpdf, Q.T),
            "scikit-learn": partial(tree.score_samples, Q)}


def stein(n: int, d: int) -> dict[str, Callable]:
    """All pairs of rows."""
    X, ell = np.random.default_rng(n + d).standard_normal((n, d)), float(np.sqrt(2 * d))
    pairs = SteinPairs(Coordinates(dtype="float64").points(X, -X), imq(bandwidth=ell))
    return {"divest": partial(pairs.sums, 1),
            "numpy in blocks": partial(_stein_forms.row_sums_in_blocks, X, -X, _stein_forms.imq,
                                       ell)}


def transport(n: int, d: int) -> dict[str, Callable]:
    """Ours with a standard error and a null scale."""
    P, Q = shifted_gaussians(n + d, n=n // 2, d=d)
    trivial = FiniteGroup([np.eye(d)])
    return {"divest": lambda: symmetric_wasserstein(P, Q, trivial).estimate,
            "scipy assignment": partial(sample_complexity.assignment, P, Q),
            **sample_complexity.pot(P, Q)}


def instruments(n: int, d: int) -> dict[str, Callable]:
    """Two-stage least squares with robust standard errors; d regressors, d + 1 instruments."""
    rng = np.random.default_rng(n + d)
    Z, e = rng.standard_normal((n, d + 1)), rng.standard_normal((n, d))
    X = Z[:, :d] + 0.5 * e
    y = X.sum(axis=1) + e[:, 0] + rng.standard_normal(n)
    mine = LinearIVRegressor("2sls", cov_type="robust")
    return {"divest": partial(moments.ours, mine, X, y, Z),
            **moments.theirs(X, y, Z, ("linearmodels IV2SLS", "statsmodels IV2SLS"))}


TASKS = {  # and the peers that are named where they are absent
    "KL divergence": (kullback_leibler, ("numpy WKV", "infomeasure")),
    "two-sample test": (two_sample_test, ("dcor energy_test",)),
    "density": (density, ("scipy gaussian_kde", "scikit-learn")),
    "Stein statistic": (stein, ("numpy in blocks",)),
    "W1": (transport, ("scipy assignment", "POT emd2")),
    "instruments": (instruments, ("linearmodels IV2SLS", "statsmodels IV2SLS")),
}


# ---------------------------------------------------------------- benchmarks
def growth(sizes: Sizes) -> list[dict]:
    """Every task at every size that is not too long."""
    return [row for name, (make, peers) in TASKS.items() for d in sizes.columns
            for row in _growth(sizes, name, make, peers, d)]


def _growth(sizes, name, make, peers, d):
    found, expected, slow = [], {}, f"would take more than {sizes.limit:g} s"
    for before, n in zip((1, *sizes.rows), sizes.rows, strict=False):
        made = make(n, d)
        calls = {way: call for way, call in made.items()
                 if expected.get(way, 0.0) * (n / before)**2 <= sizes.limit}
        ours = [way for way in calls if way.startswith("divest")]
        if not ours:
            break
        raced = race(calls, sizes.rounds, sizes.budget)
        expected = dict.fromkeys(made, np.inf) | raced.times.min().to_dict()
        found += [{"task": name, "n": n, "d": d,
                   **raced.row(mine, peer, absent=slow if peer in made else ABSENT)}
                  for mine in ours for peer in peers]
    return found


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        for make, _ in TASKS.values():  # compile before the clock runs
            for d in sizes.columns:
                for call in make(100, d).values():
                    call()
        return table([growth], sizes)
