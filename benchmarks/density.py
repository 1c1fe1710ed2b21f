"""Kernel density estimates against scipy, scikit-learn, KDEpy and statsmodels, with their errors.

Errors are the largest relative errors of the densities at some queries, against sums in double
precision over exact distances; on grids relative to the largest density; of bandwidths against the
best by direct search. Estimators are fitted before the clock runs, unless a name says "fit", and
scikit-learn gets rows and queries already whitened. All rows are standard normal; ``k`` counts
queries. KDEpy takes part where it is installed.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity as TreeDensity
from statsmodels.nonparametric.api import KDEMultivariate, KDEUnivariate

from benchmarks import _density_peers as plain
from benchmarks._memory import peak_mb
from benchmarks._timing import loop_rows, memory_row, race, table
from divest import KernelDensity, TrustWarning
from divest.density import _sums, isj_bandwidth, loo_kl_bandwidth, scott_bandwidth


@dataclass(frozen=True)
class Sizes:
    """How much to measure: rows and queries, or rows, by dimension."""

    line: tuple = (100_000, 1_024)
    plane: tuple = (100_000, 1_000)
    five: tuple = (10_000, 10_000)
    wide: tuple = (10_000, 1_000)  # in 20 and in 50 dimensions
    compact: tuple = (100_000, 1_000)
    line_grid: tuple = (100_000, 1_024)
    plane_grid: tuple = (100_000, 256)  # points per axis
    search: int = 1_000
    candidates: int = 20  # bandwidths that a grid search tries
    maximize: int = 400  # rows for statsmodels
    isj: tuple = (1_000, 100_000)
    loops: tuple = (4_000, 1_000)
    memory: tuple = ((10_000, 10_000), (10_000, 40_000), (40_000, 10_000))
    checked: int = 64  # queries at which errors are taken
    rounds: int = 3
    budget: float = 10.0  # seconds for one race
    exact_budget: float = 40.0


QUICK = Sizes(line=(20_000, 512), plane=(20_000, 500), five=(4_000, 2_000), wide=(4_000, 500),
              compact=(20_000, 500), isj=(1_000,), loops=(2_000, 500),
              memory=((4_000, 4_000), (4_000, 16_000)), budget=2.0, exact_budget=5.0)  # fmt: skip


def normal_rows(n, d, seed=0):
    return np.random.default_rng([n, d, seed]).standard_normal((n, d))


def largest_error(found, exact):
    """Relative; where there is no density at all, none is looked at."""
    some = exact > 0
    return float(np.abs(found[some] / exact[some] - 1).max())


# ---------------------------------------------------------------- exact sums
class Task:
    """One sample and its queries, and densities at a slice of them, `part`, by contestant."""

    def __init__(self, n, m, d, checked, kernel="gaussian"):
        self.labels, self.kernel = {"n": n, "d": d, "k": m}, kernel
        self.X, self.Q = normal_rows(n, d), normal_rows(m, d, 1)
        mine = self.fitted()
        self.factor = mine.bandwidth_factor_
        root = mine.bandwidth_ / self.factor
        self.Z, self.white = (np.linalg.solve(root, rows.T).T for rows in (self.X, self.Q))
        self.log_volume = float(np.linalg.slogdet(root)[1])
        self.part, self.mine = slice(0, checked), mine
        exact = plain.exact_density if kernel == "gaussian" else plain.exact_epanechnikov
        self.exact = exact(self.Z, self.white[self.part], self.factor, self.log_volume)

    def fitted(self):
        return KernelDensity(bandwidth="scott", whiten="full", kernel=self.kernel).fit(self.X)

    def divest(self, part):
        return self.mine.pdf(self.Q[part])

    def divest_fit(self, part):
        return self.fitted().pdf(self.Q[part])

    def scipy(self):
        """Contestants of scipy."""
        found, Q = stats.gaussian_kde(self.X.T), self.Q
        return {"scipy pdf": lambda part: found.pdf(Q[part].T),
                "scipy logpdf": lambda part: np.exp(found.logpdf(Q[part].T)),
                "scipy fit and pdf": lambda part: stats.gaussian_kde(self.X.T).pdf(Q[part].T)}

    def tree(self, rtol):
        """A contestant of scikit-learn."""
        def density(part):
            return np.exp(found.score_samples(self.white[part]) - self.log_volume)

        found = TreeDensity(bandwidth=self.factor, kernel=self.kernel, rtol=rtol).fit(self.Z)
        return {f"scikit-learn rtol {rtol:g}": density}

    def rows(self, sizes, rivals, targets):
        """Rows of the table: each rival against the contestant that does the same."""
        runs = {"fit and pdf": self.divest_fit} if "scipy fit and pdf" in rivals else {}
        runs = {"pdf": self.divest} | runs | rivals
        raced = race({name: partial(run, slice(None)) for name, run in runs.items()},
                     sizes.rounds, sizes.exact_budget)
        errors = {name: largest_error(run(self.part), self.exact) for name, run in runs.items()}
        pairs = [("fit and pdf" if "fit" in rival else "pdf", rival) for rival in rivals]
        return [self.labels | raced.row(one, other, errors, target=targets.get(other))
                for one, other in pairs]


def exact(sizes: Sizes) -> list[dict]:
    """Gaussian sums with Scott's bandwidth."""
    tight, found = "scikit-learn rtol 1e-08", []
    for d, size, tolerances, targets in (
            (1, sizes.line, (1e-8, 1e-4, 0.0), {"scipy pdf": 1 / 8, tight: 1 / 5}),
            (2, sizes.plane, (1e-8,), {"scipy pdf": 1 / 4.5, tight: 1 / 6}),
            (5, sizes.five, (1e-8,), {"scipy pdf": 1 / 3, "scipy logpdf": 1 / 9, tight: 1 / 12}),
            (20, sizes.wide, (1e-8,), {}), (50, sizes.wide, (1e-8,), {})):
        task = Task(*size, d, sizes.checked)
        rivals = task.scipy()
        for rtol in tolerances:
            rivals |= task.tree(rtol)
        found += [{"task": "exact", **row} for row in task.rows(sizes, rivals, targets)]
    return found


def compact(sizes: Sizes) -> list[dict]:
    """A kernel of bounded support."""
    task = Task(*sizes.compact, 3, sizes.checked, "epanechnikov")
    return [{"task": "epanechnikov", **row}
            for row in task.rows(sizes, task.tree(1e-8), {})]


# ---------------------------------------------------------------- grids
def grid(sizes: Sizes) -> list[dict]:
    """Linear binning and Fourier transforms, on the grid that divest lays."""
    (n, points), (many, side) = sizes.line_grid, sizes.plane_grid
    return (_grid(sizes, n, points, 1, {"KDEpy FFTKDE": 1.0})
            + _grid(sizes, many, side, 2, {"KDEpy FFTKDE": 1.5}))


def _grid(sizes, n, points, d, targets):
    X, h = normal_rows(n, d), scott_bandwidth(n, d)
    mine = KernelDensity(bandwidth=h).fit(X)
    axes = [f"x{k}" for k in range(d)]
    places = mine.evaluate_grid(points)[axes].to_numpy(copy=True)

    def evaluated(model):
        return model.evaluate_grid(points)["density"].to_numpy()

    runs = {"evaluate_grid": lambda: (places, evaluated(mine)),
            "fit and evaluate_grid": lambda: (places, evaluated(KernelDensity(
                bandwidth=h).fit(X)))} | _grid_rivals(X, h, places, points)
    errors = {name: _grid_error(X, h, *run(), sizes.checked) for name, run in runs.items()}
    rows = []
    for one, rivals in (("evaluate_grid", ["KDEpy FFTKDE"]), ("fit and evaluate_grid", [
            "KDEpy fit and evaluate", "statsmodels fit, fft"][:3 - d])):
        raced = race({name: runs[name] for name in [one, *rivals] if name in runs}, sizes.rounds,
                     0.3 * sizes.budget)
        rows += [{"task": "grid", "n": n, "d": d, "k": points**d,
                  **raced.row(one, rival, errors, target=targets.get(rival))}
                 for rival in rivals]
    return rows


def _grid_rivals(X, h, places, points):
    """Functions that give a grid and the densities there."""
    found = {}
    if X.shape[1] == 1:
        def fitted():
            model = KDEUnivariate(X[:, 0])
            model.fit(bw=h, fft=True, gridsize=points)
            return model.support[:, None], model.density

        found["statsmodels fit, fft"] = fitted
    if find_spec("KDEpy"):
        from KDEpy import FFTKDE

        model, grid = FFTKDE(bw=h).fit(X), places if X.shape[1] > 1 else places[:, 0]
        found["KDEpy FFTKDE"] = lambda: (places, model.evaluate(grid))
        found["KDEpy fit and evaluate"] = lambda: (places, FFTKDE(bw=h).fit(X).evaluate(grid))
    return found


def _grid_error(X, h, places, density, checked):
    """Relative to the largest density."""
    some = np.random.default_rng(0).permutation(len(places))[:4 * checked]
    exact = plain.exact_density(X, places[some], h)
    return float(np.abs(density[some] - exact).max() / exact.max())


# ---------------------------------------------------------------- bandwidths
def search(sizes: Sizes) -> list[dict]:
    """The likeliest bandwidth against a grid search and against statsmodels, two columns."""
    return (_search(sizes, sizes.search, "scikit-learn grid, 5 folds", {"loo_kl_bandwidth": 1 / 9})
            + _search(sizes, sizes.maximize, "statsmodels cv_ml", {"loo_kl_bandwidth": 1 / 20}))


def _search(sizes, n, rival, targets):
    X = normal_rows(n, 2)
    candidates = scott_bandwidth(n, 2) * np.geomspace(0.3, 3, sizes.candidates)
    theirs = {"scikit-learn grid, 5 folds": lambda: GridSearchCV(
        TreeDensity(), {"bandwidth": candidates}, cv=5, n_jobs=1).fit(X).best_params_["bandwidth"],
        "statsmodels cv_ml": lambda: stats.gmean(KDEMultivariate(X, "cc", bw="cv_ml").bw)}[rival]
    runs = {"loo_kl_bandwidth": lambda: loo_kl_bandwidth(X),
            "fit": lambda: KernelDensity(bandwidth="loo_kl", whiten=None).fit(X).bandwidth_[0],
            rival: theirs}
    best = plain.likeliest_bandwidth(X)
    errors = {name: abs(run() / best - 1) for name, run in runs.items()}
    raced = race(runs, sizes.rounds, sizes.budget)
    return [{"task": "loo_kl", "n": n, "d": 2,
             **raced.row(one, rival, errors, target=targets.get(one))}
            for one in ("loo_kl_bandwidth", "fit")]


def isj(sizes: Sizes) -> list[dict]:
    """The improved Sheather-Jones equation; the error, mostly chance, is against the best bandwidth
    for normal rows: of least mean integrated squared error to first order.
    """
    found = []
    for n in sizes.isj:
        x = normal_rows(n, 1)
        best, runs = (4 / (3 * n))**0.2, {"isj_bandwidth": partial(isj_bandwidth, x)}
        if find_spec("KDEpy"):
            from KDEpy.bw_selection import improved_sheather_jones

            runs["KDEpy"] = partial(improved_sheather_jones, x)
        errors = {name: abs(run() / best - 1) for name, run in runs.items()}
        raced = race(runs, sizes.rounds, 0.1 * sizes.budget)
        found.append({"task": "isj", "n": n, "d": 1,
                      **raced.row("isj_bandwidth", "KDEpy", errors)})
    return found


# ---------------------------------------------------------------- loops and memory
def loops(sizes: Sizes) -> list[dict]:
    """Compiled loops against numpy in blocks, distances by matrix products; bandwidths are 1."""
    (n, m), found = sizes.loops, []
    for d in (1, 2, 5, 20):
        h = scott_bandwidth(n, d)
        Z, Q = normal_rows(n, d) / h, normal_rows(m, d, 1) / h
        points = _sums.PointSet(Z)
        points.packed  # noqa: B018  sorted and packed before the clock runs
        rivals = {
            "values": {"divest": partial(_sums.log_sums, points, Q),
                       "numpy": partial(plain.log_sums, Z, Q)},
            "moments": {"divest": lambda points=points, Q=Q: _sums.moments(points, Q).n_eff,
                        "numpy": partial(plain.moments, Z, Q)},
            "gradients": {"divest": lambda points=points, Q=Q: _sums.gradients(points, Q)[1],
                          "numpy": partial(plain.gradients, Z, Q)},
        } | (_other_loops(n, m) if d == 2 else {})
        found += loop_rows(rivals, sizes.rounds, 0.1 * sizes.budget, n=n, d=d, k=m)
    return found


def _other_loops(n, m):
    """Sums for several bandwidths, and a kernel of bounded support, in two dimensions."""
    Z, Q, hs = normal_rows(n, 2), normal_rows(m, 2, 1), np.geomspace(0.02, 2.0, 8)
    few = Z[:m]
    pairs, own = _sums.PointSet(few), np.arange(len(few))
    ball = _sums.PointSet(Z, kernel="epanechnikov")
    return {"pairs": {"divest": lambda: _sums.pair_sums(pairs, few, hs, skip=own)[0],
                      "numpy": partial(plain.pair_sums, few, hs)},
            "epanechnikov": {"divest": lambda: _sums.compact_sums(ball, Q, 0.5)[:, 0],
                             "numpy": partial(plain.epanechnikov_sums, Z, Q, 0.5)}}


def memory(sizes: Sizes) -> list[dict]:
    """Peak memory of a batch of queries against that of a matrix of all pairs; the part of it that
    grows with the queries is some numbers for each, whatever the number of rows.
    """
    found = []
    for n, m in sizes.memory:
        mine, Q = KernelDensity(bandwidth="scott").fit(normal_rows(n, 5)), normal_rows(m, 5, 1)
        peak = peak_mb(partial(mine.score_samples, Q))[1]
        found.append({"task": "memory", "n": n, "d": 5, "k": m,
                      **memory_row("score_samples", "n by m doubles", peak, 8e-6 * n * m)})
    return found


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    parts = (exact, compact, grid, search, isj, loops, memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        warnings.simplefilter("ignore", FutureWarning)  # of statsmodels, about random numbers
        for kernel in ("gaussian", "epanechnikov"):  # compile before the clock runs
            for d in (1, 2, 20):
                X = normal_rows(60, d)
                mine = KernelDensity(bandwidth=1.0, kernel=kernel).fit(X)
                mine.pdf(X), kernel == "gaussian" and mine.score_function(X)
        loo_kl_bandwidth(X), _other_loops(60, 40)["pairs"]["divest"]()
        return table(parts, sizes)
