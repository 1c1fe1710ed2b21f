"""Kernel Stein tests against numpy, the machine's BLAS, scipy's tests and hyppo.

For two threads times are by the clock on the wall, the best of some rounds, which needs a machine
that does nothing else. The error is the largest difference, relative to the largest value; of tests
it is the share of samples at which the test is silent, at level .05: 1 - power. Where the model is
true, it is how far the size is from .05. "numpy" holds all pairs; the time that it spends on
getting that memory differs between machines, and "numpy in blocks" does not need it. ``k`` counts
resamples or landmarks. hyppo takes part where it is installed.
"""

import os
import time
import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from benchmarks import _stein_forms as plain
from benchmarks._timing import error_of_test, memory_row, race, standard_error, table
from divest import KernelSteinTest, TrustWarning
from divest._resampling import resampling_signs, run_tasks
from divest.goodness_of_fit._engine import SteinPairs, quadratic_forms
from divest.goodness_of_fit._nystrom import NystromFeatures
from divest.goodness_of_fit._points import Coordinates
from divest.goodness_of_fit.finite_set import FiniteSetSteinTest
from divest.kernels import rbf, resolve_kernel


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: tuple = (1_000,)
    columns: tuple = (1, 10, 50)
    middle: tuple = (5_000, 10)  # rows and columns where kernels are compared
    forms: tuple = (2_000, 10_000)
    resamples: int = 1_000
    product: int = 2_048  # side of the matrices whose product gives the rate of BLAS
    threads: int = 10_000
    thread_resamples: int = 200
    thread_rounds: int = 7
    exact: int = 20_000
    many: int = 1_000_000  # rows under landmarks; 0: left out
    landmarks: int = 100
    samples: int = 200  # over which powers are taken
    scale: int = 1  # by which samples of the powers are smaller
    test_resamples: int = 199
    locations: tuple = (1_000, 10_000)
    rounds: int = 3
    budget: float = 6.0  # seconds for one race


QUICK = Sizes(rows=(1_000,), columns=(10,), middle=(2_000, 10), forms=(2_000,), threads=4_000,
              thread_rounds=3, exact=5_000, many=0, samples=20, locations=(1_000,),
              budget=2.0)  # fmt: skip


# ---------------------------------------------------------------- contestants
def normal_rows(n, d):
    """A standard normal sample; its score is -X."""
    return np.random.default_rng(n + d).standard_normal((n, d))


def bandwidth(d):
    """About the median distance between the rows."""
    return float(np.sqrt(2 * d))


def pairs_of(X, name="imq", dtype="float64"):
    points = Coordinates(dtype=dtype).points(X, -X)
    return SteinPairs(points, resolve_kernel(name).with_bandwidth(bandwidth(X.shape[1])))


def difference(mine, other):
    return float(np.abs(mine - other).max() / np.abs(other).max())


def wall_seconds(contestants, rounds):
    """Best wall-clock time of each contestant, which take turns, BLAS in one thread."""
    best, names = dict.fromkeys(contestants, np.inf), list(contestants)
    with threadpool_limits(1):
        for _ in range(rounds):
            for name in names:
                start = time.perf_counter()
                contestants[name]()
                best[name] = min(best[name], time.perf_counter() - start)
            names.reverse()
    return best


# ---------------------------------------------------------------- benchmarks
def u_statistic(sizes: Sizes) -> list[dict]:
    """Sums of the Stein kernel over all pairs against numpy, with the same precision."""
    (n, d), double = sizes.middle, "float64"
    cases = [(n, d, "imq", double, 1 / 15), (n, d, "rbf", double, 1 / 5),
             (n, d, "matern52", double, None), (n, d, "imq", "float32", None)]
    cases += [(n, d, "imq", double, None) for n in sizes.rows for d in sizes.columns
              if (n, d) != sizes.middle]
    return [row for case in cases for row in _u_statistic(sizes, *case)]


def _u_statistic(sizes, n, d, name, dtype, target):
    X, mine = normal_rows(n, d), f"{name} {dtype}"
    pairs, numbers = pairs_of(X, name, dtype), X.astype(dtype)
    form = (numbers, -numbers, plain.PROFILES[name], bandwidth(d))
    rivals = {"numpy": partial(plain.row_sums, *form),
              "numpy in blocks": partial(plain.row_sums_in_blocks, *form)}
    sums = pairs.sums(1)[0]
    exact = plain.row_sums_in_blocks(X, -X, *form[2:])
    raced = race({mine: partial(pairs.sums, 1)} | rivals, sizes.rounds, sizes.budget)
    return [{"task": "U statistic", "n": n, "d": d,
             **raced.row(mine, rival, {mine: difference(sums, exact)},
                         target=target if rival == "numpy" else None)} for rival in rivals]


def bootstrap(sizes: Sizes) -> list[dict]:
    """Quadratic forms of many resamples against numpy, which is given H, and against BLAS.

    "dgemm at n^2 B" is the time in which a large product of matrices does n^2 B operations: the
    target is 40 % of its rate.
    """
    found, side = [], normal_rows(sizes.product, sizes.product)
    for n in sizes.forms:
        X = normal_rows(n, 10)
        pairs, h = pairs_of(X), np.concatenate(list(plain.blocks(X, -X, plain.imq, bandwidth(10))))
        signs = resampling_signs(n, np.random.SeedSequence(0).spawn(sizes.resamples))
        mine = partial(quadratic_forms, [pairs], signs, n_jobs=1)
        other = partial(plain.quadratic_forms, h, signs)
        error = {"quadratic_forms": difference(mine()[:, 0], other())}
        raced = race({"quadratic_forms": mine, "numpy, H @ W": other,
                      "dgemm": lambda: side @ side}, sizes.rounds, 2 * sizes.budget)
        rate = n**2 * sizes.resamples / (2 * sizes.product**3)
        raced.times["dgemm at n^2 B"] = raced.times["dgemm"] * rate
        label = {"n": n, "d": 10, "k": sizes.resamples}
        found += [label | {"task": "bootstrap"} | row for row in (
            raced.row("quadratic_forms", "numpy, H @ W", error),
            raced.row("quadratic_forms", "dgemm at n^2 B", target=2.5))]
        memory = raced.memory["quadratic_forms"]
        found += [label | {"task": "memory of bootstrap"}
                  | memory_row("quadratic_forms", name, memory, size / 1e6, target=target)
                  for name, size, target in (("H", h.nbytes, None), ("300 MB", 3e8, 1.0))]
    return found


def threads(sizes: Sizes) -> list[dict]:
    """Two threads against one, by the clock on the wall; bare products tell what can be had."""
    n, side = sizes.threads, normal_rows(sizes.product // 2, sizes.product // 2)
    pairs = pairs_of(normal_rows(n, 10))
    signs = resampling_signs(n, np.random.SeedSequence(0).spawn(sizes.thread_resamples))
    found = []
    for name, call, target in (
            ("U statistic", pairs.sums, 1 / 1.7),
            ("bootstrap", lambda jobs: quadratic_forms([pairs], signs, n_jobs=jobs), 1 / 1.7),
            ("dgemm", lambda jobs: list(run_tasks(np.matmul, [(side, side)] * 16, 16,
                                                  n_jobs=jobs)), None)):
        best = wall_seconds({1: partial(call, 1), 2: partial(call, 2)}, sizes.thread_rounds)
        found.append({"task": f"threads: {name}", "n": n, "d": 10, "ours": "2 threads",
                      "peer": "1 thread", "ours_seconds": best[2], "peer_seconds": best[1],
                      "ratio": best[2] / best[1], "rounds": sizes.thread_rounds, "target": target,
                      "note": f"load average {os.getloadavg()[0]:.1f}"})
    return found


def landmarks(sizes: Sizes) -> list[dict]:
    """The statistic from landmarks against all pairs, and of very many rows against numpy."""
    found = []
    for n, rival in ((sizes.exact, "all pairs"), (sizes.many, "numpy")):
        if not n:
            continue
        X = normal_rows(n, 5)
        pairs, ell = pairs_of(X), bandwidth(5)
        chosen = np.sort(np.random.default_rng(0).choice(n, sizes.landmarks, replace=False))

        def mine(pairs=pairs, chosen=chosen):
            return NystromFeatures(pairs.points, pairs.kernel, chosen).sums()[0].sum()

        other = {"all pairs": lambda pairs=pairs: pairs.sums(1)[0].sum(),
                 "numpy": partial(plain.landmark_sum, X, -X, chosen, plain.imq, ell)}[rival]
        error = {"landmarks": difference(mine(), other())}
        raced = race({"landmarks": mine, rival: other}, sizes.rounds, sizes.budget)
        found.append({"task": "landmarks", "n": n, "d": 5, "k": sizes.landmarks,
                      **raced.row("landmarks", rival, error)})
    if sizes.many:
        found.append(_whole_fit(sizes))
    return found


def _whole_fit(sizes):
    """A test of very many rows, with its draws, checks and diagnostics."""
    X = normal_rows(sizes.many, 5)
    test = KernelSteinTest(stats.multivariate_normal(np.zeros(5)), bandwidth="median",
                           method="nystrom", n_landmarks=sizes.landmarks, null="spectral",
                           random_state=0, n_jobs=1)
    raced = race({"fit": partial(test.fit, X)}, 1, 0.0)
    return {"task": "landmarks, whole test", "n": sizes.many, "d": 5, "k": sizes.landmarks,
            **raced.row("fit", "", absent="")}


# ---------------------------------------------------------------- peers
NULL = "normal (level)"
ALTERNATIVES = {  # against N(0, 1): number of rows and a sample
    NULL: (200, lambda rng, n: rng.standard_normal(n)),
    "Laplace of variance 1": (200, lambda rng, n: rng.laplace(scale=0.5**0.5, size=n)),
    "t5 of variance 1": (500, lambda rng, n: rng.standard_t(5, n) * 0.6**0.5),
    "mean .2": (200, lambda rng, n: rng.standard_normal(n) + 0.2),
    "scale 1.12": (500, lambda rng, n: 1.12 * rng.standard_normal(n)),
}


def power(sizes: Sizes) -> list[dict]:
    """Power of tests of N(0, 1) in one column on the same samples, and their times."""
    found, model = [], stats.norm()
    tests = {"kernel Stein": lambda x: KernelSteinTest(
        model, n_resamples=sizes.test_resamples, random_state=0, n_jobs=1).fit(x[:, None]).pvalue_,
        "scipy kstest": lambda x: stats.kstest(x, "norm").pvalue,
        "scipy cramervonmises": lambda x: stats.cramervonmises(x, "norm").pvalue}
    mine, *rivals = tests
    for name, (n, draw) in ALTERNATIVES.items():
        rng, n = np.random.default_rng(0), n // sizes.scale
        samples = [draw(rng, n) for _ in range(sizes.samples)]
        silent = {test: float(np.mean([call(x) > 0.05 for x in samples]))
                  for test, call in tests.items()}
        errors = {test: error_of_test(share, name == NULL) for test, share in silent.items()}
        raced = race({test: partial(call, samples[0]) for test, call in tests.items()},
                     sizes.rounds, 0.1 * sizes.budget)
        found += [{"task": f"test: {name}", "n": n, "d": 1, "k": sizes.test_resamples,
                   **raced.row(mine, rival, errors),
                   "ours_error_se": standard_error(silent[mine], sizes.samples),
                   "peer_error_se": standard_error(silent[rival], sizes.samples)}
                  for rival in rivals]
    return found


def finite_set(sizes: Sizes) -> list[dict]:
    """The finite-set test at given locations against hyppo's."""
    found = []
    for n in sizes.locations:
        for d in (1, 5):
            X, V = normal_rows(n, d) + 0.1, normal_rows(5, d)
            test = FiniteSetSteinTest(stats.multivariate_normal(np.zeros(d)), locations=V,
                                      kernel=rbf(bandwidth(d)), random_state=0, n_jobs=1)
            calls = {"FiniteSetSteinTest": lambda test=test, X=X: test.fit(X).statistic_}
            if find_spec("hyppo"):
                calls["hyppo FSSD"] = partial(_hyppo_statistic, X, V, bandwidth(d))
            values = {name: call() for name, call in calls.items()}
            raced = race(calls, sizes.rounds, 0.3 * sizes.budget)
            mine, other = "FiniteSetSteinTest", "hyppo FSSD"
            row = raced.row(mine, other)
            if other in values:
                row["ours_error"] = difference(values[mine], values[other])
            found.append({"task": "finite set, 5 locations", "n": n, "d": d, **row})
    return found


def _hyppo_statistic(X, V, ell):
    """A whole test, of which the statistic is kept."""
    from hyppo.kgof import FSSD, FSSDH0SimCovObs, KGauss
    from hyppo.kgof.density import IsotropicNormal

    model = IsotropicNormal(np.zeros(X.shape[1]), 1.0)
    simulator = FSSDH0SimCovObs(n_simulate=3000, seed=0)
    return FSSD(model, KGauss(ell**2), V, simulator).test(X)["test_stat"]


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    parts = (u_statistic, bootstrap, threads, landmarks, power, finite_set)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        small = normal_rows(40, 2)
        for name in plain.PROFILES:  # compile before the clock runs
            for dtype in ("float64", "float32"):
                pairs = pairs_of(small, name, dtype)
                pairs.sums(1), pairs.matrix()
        KernelSteinTest(stats.norm(), n_resamples=9).fit(small[:, :1])
        return table(parts, sizes)
