"""Divergence estimates and tests against the bare search, against peers, and in time and memory.

All samples are normal, one column shifted by 1, so that KL is 1/2. Errors of estimates are roots of
mean squares over samples; ``n`` counts the rows of both samples, ``k`` neighbours. infomeasure
takes part where it is installed.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd

from benchmarks import _numpy_forms as plain
from benchmarks._searches import RIVALS, SEARCHES, race_against
from benchmarks._timing import loop_rows, race, table
from divest import (
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    TrustWarning,
    _kernels,
    divergence_two_sample_test,
)
from divest._neighbors import TIE
from divest.datasets import shifted_gaussians
from divest.divergence import _debias
from divest.divergence._graph import LabelledGraph

KL = 0.5


@dataclass(frozen=True)
class Sizes:
    """How much to measure; `n` counts the rows of both samples together."""

    fit: int = 100_000
    permutations: int = 999
    rows: tuple = (1_000, 10_000, 100_000)
    columns: tuple = (1, 3, 10, 20)
    queries: int = 2_000  # at most, in the bare searches
    peers: tuple = ((500, 500), (1_000, 3_000), (5_000, 5_000))  # rows of P and of Q
    peer_columns: tuple = (1, 3, 10)
    samples: int = 20  # over which errors are taken
    loops: int = 20_000
    rounds: int = 5
    budget: float = 10.0  # seconds for one race
    fit_budget: float = 60.0
    limit: float = 60.0  # seconds beyond which a bare search is left out


QUICK = Sizes(fit=20_000, rows=(1_000, 10_000), queries=1_000, peers=((500, 500), (500, 1_500)),
              samples=10, loops=5_000, rounds=3, budget=3.0, fit_budget=20.0)  # fmt: skip


# ---------------------------------------------------------------- contestants
def ratio_fit(P, Q):
    return NearestNeighborRatioDivergence(n_jobs=1).fit_samples(P, Q)


def distance_fit(P, Q, k=5):
    return NearestNeighborDistanceDivergence(n_neighbors=k, n_jobs=1).fit_samples(P, Q)


def second_divergence(fitted, name):
    """Another divergence from the same graph, no table of its terms at hand yet."""
    _debias._table.cache_clear()
    _debias._binomial.cache_clear()
    return fitted.estimate(name)


def _searched(fitted):
    """The length of the lists behind a fit: k_max + 1 neighbours and the row itself."""
    return int(np.max(fitted.n_neighbors_)) + 2


def peer_estimators(k=5):
    """KL(P || Q) by name."""
    found = {"distance": lambda P, Q: distance_fit(P, Q, k).estimate_,
             "ratio": lambda P, Q: ratio_fit(P, Q).estimate_,
             "numpy WKV": lambda P, Q: plain.wang_kulkarni_verdu(P, Q, k)}
    if find_spec("infomeasure"):
        import infomeasure

        found["infomeasure"] = lambda P, Q: infomeasure.kld(
            P, Q, approach="metric", k=k, minkowski_p=2)
    return found


# ---------------------------------------------------------------- benchmarks
def fit(sizes: Sizes) -> list[dict]:
    """One fit against its own search; a second divergence and the test against one fit."""
    P, Q = shifted_gaussians(0, n=sizes.fit // 2, d=3)
    rows, fitted = np.concatenate([P, Q]), ratio_fit(P, Q)
    k = _searched(fitted)
    test = f"test, {sizes.permutations} permutations"
    raced = race({
        "fit": partial(ratio_fit, P, Q),
        "scipy KDTree": lambda: SEARCHES["scipy KDTree"](rows)(rows, k),
        "second: hellinger": partial(second_divergence, fitted, "hellinger"),
        "second: jensen_shannon": partial(second_divergence, fitted, "jensen_shannon"),
        test: partial(divergence_two_sample_test, P, Q, n_resamples=sizes.permutations,
                      random_state=0, n_jobs=1),
    }, sizes.rounds, sizes.fit_budget)
    pairs = (("fit", "scipy KDTree", 1.3), ("second: hellinger", "fit", 0.1),
             ("second: jensen_shannon", "fit", 0.1), (test, "fit", 3.0))
    return [{"task": "fit", "n": sizes.fit, "d": 3, "k": k, **raced.row(one, other, target=target)}
            for one, other, target in pairs]


def peers(sizes: Sizes) -> list[dict]:
    """Estimates of KL by several packages."""
    found, estimators = [], peer_estimators()
    for n, m in sizes.peers:
        for d in sizes.peer_columns:
            rng = np.random.default_rng(n + m + d)
            samples = [shifted_gaussians(rng, n=n, m=m, d=d) for _ in range(sizes.samples)]
            errors = {name: float(np.sqrt(np.mean([(estimate(P, Q) - KL)**2 for P, Q in samples])))
                      for name, estimate in estimators.items()}
            raced = race({name: partial(estimate, *samples[0])
                          for name, estimate in estimators.items()}, sizes.rounds, sizes.budget)
            found += [{"task": f"peers, {n} and {m} rows", "n": n + m, "d": d, "k": 5,
                       **raced.row(one, other, errors)}
                      for one, other in (("distance", "numpy WKV"), ("distance", "infomeasure"),
                                         ("ratio", "infomeasure"))]
    return found


def sizes_and_memory(sizes: Sizes) -> list[dict]:
    """Time against bare searches for as many neighbours, and peak memory.

    Of more than `queries` rows the bare searches look up only so many, and are scaled up.
    """
    found = []
    for n in sizes.rows:
        for d in sizes.columns:
            P, Q = shifted_gaussians(n + d, n=n // 2, d=d)
            rows = np.random.default_rng(0).permutation(np.concatenate([P, Q]))
            queries = rows[:sizes.queries]
            for name, estimate in (("ratio", ratio_fit), ("distance", distance_fit)):
                mine, k = {name: partial(estimate, P, Q)}, _searched(estimate(P, Q))
                raced = race_against(mine, RIVALS[:2], rows, queries, k, sizes)
                raced.times[list(set(raced.times) - {name})] *= len(rows) / len(queries)
                found += [{"task": "sizes", "n": n, "d": d, "k": k,
                           **raced.row(name, other, absent=f"is above {sizes.limit:g} s"),
                           "peer_mb": None} for other in RIVALS[:2]]
    return found


def loops(sizes: Sizes) -> list[dict]:
    """Compiled loops against numpy and scipy."""
    compiled, rng = _kernels.neighbors, np.random.default_rng(1)
    P, Q = shifted_gaussians(rng, n=sizes.loops // 2, d=3)
    is_p, ks = np.arange(sizes.loops) < len(P), np.array([10, 14, 20, 28, 40, 57, 80])
    graph = LabelledGraph(np.concatenate([P, Q]), is_p, ks)
    index, (rows, indices, ends) = graph.index, next(graph.blocks())
    distances = index.query(index.points[rows], indices.shape[1])[0]
    n_points, lanes = len(index.points), 64
    changes = rng.standard_normal((n_points, len(ks), 4))
    labels = rng.integers(0, 2, (n_points, lanes)).astype(np.uint8)
    members = index.multiplicity
    starts = np.broadcast_to(np.cumsum(2 * (ks + 1)) - 2 * (ks + 1), (n_points, len(ks))).copy()
    sizes_of_balls = np.broadcast_to(ks, starts.shape).copy()
    terms = rng.standard_normal(2 * (ks + 1).sum())

    def scattered(function):
        return _filled((n_points, 4), function, rows, indices, ends, changes)

    def permuted(function, *more):
        return _filled((len(ks), lanes), function, rows, indices, ends, *more, labels, starts,
                       sizes_of_balls, terms)

    balls = (indices, distances, members, ks, 1, TIE)
    sums = (indices, ends, graph.p_at_point)
    rivals = {
        "closed_balls": {"divest": lambda: compiled.closed_balls(*balls),
                         "numpy": lambda: plain.closed_balls(*balls)},
        "ball_sums": {"divest": lambda: compiled.ball_sums(*sums),
                      "numpy": lambda: plain.ball_sums(*sums)},
        "scatter": {"divest": lambda: scattered(compiled.scatter),
                    "numpy add.at": lambda: scattered(plain.scatter_add_at),
                    "numpy bincount": lambda: scattered(plain.scatter_bincount)},
        "permuted_sums": {"divest": lambda: permuted(compiled.permuted_sums, members),
                          "numpy": lambda: permuted(plain.permuted_sums),
                          "scipy.sparse": lambda: permuted(plain.permuted_sums_sparse)},
    }
    return loop_rows(rivals, sizes.rounds, sizes.budget, n=len(rows), d=3, k=int(ks[-1]))


def _filled(shape, function, *arguments):
    out = np.zeros(shape)
    function(*arguments, out)
    return out


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    parts = (fit, peers, sizes_and_memory, loops)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        for d in (2, 10):  # compile before the clock runs
            P, Q = shifted_gaussians(0, n=100, d=d)
            ratio_fit(P, Q), distance_fit(P, Q)
            divergence_two_sample_test(P, Q, n_resamples=9, random_state=0)
        return table(parts, sizes)
