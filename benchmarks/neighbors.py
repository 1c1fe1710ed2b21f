"""The neighbour search against scipy and scikit-learn, and tree against brute force.

Errors near duplicates are shares of nearest distances that differ from the true ones in the first
12 digits; ``k`` counts neighbours.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from benchmarks import _numpy_forms as plain
from benchmarks._searches import RIVALS, SEARCHES, race_against
from benchmarks._timing import loop_rows, race, table
from divest import _kernels
from divest._neighbors import _BruteForce, _Tree
from divest.datasets import plane


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: tuple = (1_000, 10_000, 100_000)
    queries: int = 2_000  # at most; of more rows only so many look for their neighbours
    columns: tuple = (1, 3, 10, 20)
    neighbors: tuple = (11, 82)
    high: int = 20_000  # rows of 20 columns, against brute force
    duplicates: int = 2_000
    switch_columns: tuple = (4, 6, 7, 8, 10)
    switch_queries: int = 1_024
    loops: int = 10_000
    rounds: int = 5
    budget: float = 6.0  # seconds for one race
    limit: float = 60.0  # seconds beyond which a contestant is left out


QUICK = Sizes(rows=(1_000, 10_000), queries=1_000, switch_columns=(6, 8), switch_queries=512,
              loops=4_000, rounds=3, budget=3.0)  # fmt: skip


def search(sizes: Sizes) -> list[dict]:
    """The neighbours of every row, or of `queries` of the rows; the index is made beforehand."""
    found, rng = [], np.random.default_rng(0)
    for n in sizes.rows:
        for d in sizes.columns:
            points = rng.standard_normal((n, d))
            for k in sizes.neighbors:
                raced = _race(points, points[:sizes.queries], k, sizes)
                found += [{"task": "search", "n": n, "d": d, "k": k,
                           **raced.row("divest", name, absent=f"is above {sizes.limit:g} s")}
                          for name in RIVALS]
    return found


def _race(points, queries, k, sizes, rivals=RIVALS):
    mine = {"divest": partial(SEARCHES["divest"](points), queries, k)}
    return race_against(mine, rivals, points, queries, k, sizes)


def high_dimension(sizes: Sizes) -> list[dict]:
    """All rows in 20 dimensions; 1.5 times the speed of brute force is the target, 3 the aim."""
    found = []
    points = np.random.default_rng(1).standard_normal((sizes.high, 20))
    for k in sizes.neighbors:
        raced = _race(points, points, k, replace(sizes, budget=4 * sizes.budget), RIVALS[1:2])
        found.append({"task": "search, high dimension", "n": sizes.high, "d": 20, "k": k,
                      **raced.row("divest", "sklearn brute", target=1 / 1.5)})
    return found


def near_duplicates(sizes: Sizes) -> list[dict]:
    """Pairs of rows 1e-6 apart, 1e6 from the origin, or in two clouds 1e6 apart."""
    found, rng, n, d, k = [], np.random.default_rng(2), sizes.duplicates, 10, 11
    rows = rng.standard_normal((n // 2, d))
    far, clouds = rows + 1e6, rows + 1e6 * (np.arange(n // 2) % 2)[:, None]
    for where, rows in (("far from the origin", far), ("in two clouds", clouds)):
        points = np.concatenate([rows, rows + 1e-6 * rng.standard_normal(rows.shape)])
        apart = cdist(points, points)
        np.fill_diagonal(apart, np.inf)
        truth = apart.min(axis=1)
        errors = {name: np.mean(~np.isclose(make(points)(points, k)[0][:, 1], truth, 1e-12, 0))
                  for name, make in SEARCHES.items()}
        raced = _race(points, points, k, sizes)
        found += [{"task": f"near-duplicates {where}", "n": n, "d": d, "k": k,
                   **raced.row("divest", name, errors)} for name in RIVALS]
    return found


def tree_or_brute_force(sizes: Sizes) -> list[dict]:
    """Where brute force takes over: the ratio tree / brute force rises above 1.

    Runs of 128 rows that are neighbours in the tree are looked up, as when a graph is made. Also
    two cases that dimension alone does not tell: rows on a plane, and in two clouds far apart.
    """
    found, rng = [], np.random.default_rng(3)
    for n in sizes.rows:
        samples = [("", rng.standard_normal((n, d))) for d in sizes.switch_columns]
        samples += [(", on a plane", plane(rng, n=n, m=1, d=10)[0]),
                    (", two clouds", samples[-1][1] + 1e3 * (np.arange(n) % 2)[:, None])]
        for name, points in samples:
            tree, brute_force = _Tree(points, 2), _BruteForce(points, 2)
            run = np.arange(min(128, n))
            starts = np.linspace(0, n - len(run), sizes.switch_queries // len(run)).astype(int)
            queries = points[tree.order[(starts[:, None] + run).ravel()]]
            for k in sizes.neighbors:
                raced = race({"tree": partial(tree.query, queries, k),
                              "brute force": partial(brute_force.query, queries, k)},
                             sizes.rounds, sizes.budget / 2)
                found.append({"task": "tree or brute force" + name, "n": n,
                              "d": points.shape[1], "k": k, **raced.row("tree", "brute force")})
    return found


def loops(sizes: Sizes) -> list[dict]:
    """Compiled loops against numpy and scipy."""
    compiled, rng, n, d, k = _kernels.neighbors, np.random.default_rng(4), sizes.loops, 10, 82
    points = rng.standard_normal((n, d))
    queries, columns = points[:128], np.ascontiguousarray(points[:1024].T)
    tile = np.empty((128, columns.shape[1]))
    brute_force = _BruteForce(points, 2)
    rivals = {  # name: (ours, theirs ...)
        "top k of matrix products": {
            "divest": lambda: brute_force.query(points, k)[0],
            "numpy argpartition": lambda: plain.nearest(points, points, k)[0]},
        "distance_tile": {
            "divest": lambda: compiled.distance_tile(queries, columns, 1, tile) or tile,
            "numpy": lambda: plain.manhattan(queries, points[:1024]),
            "scipy cdist": lambda: cdist(queries, points[:1024], "cityblock")},
    }
    return loop_rows(rivals, sizes.rounds, sizes.budget, n=n, d=d, k=k)


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    warm = np.random.default_rng(5).standard_normal((300, 10))  # compile before the clock runs
    for columns in (1, 10):
        SEARCHES["divest"](warm[:, :columns])(warm[:, :columns], 11)
    parts = (search, high_dimension, near_duplicates, tree_or_brute_force, loops)
    return table(parts, sizes)
