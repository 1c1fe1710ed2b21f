"""What a Monte Carlo study costs besides the methods that it studies.

The target is at most a millisecond for each replication beyond a bare loop, and a second for the
summary of 100,000 rows.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from benchmarks._timing import race, table
from divest.study import Study

ALLOWED = 1e-3  # seconds of overhead per replication


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: int = 20  # of a sample
    replications: int = 10_000
    cells: int = 3_000  # with two replications each
    summarised: int = 100_000  # rows of the table, in 20 groups
    rounds: int = 5
    budget: float = 30.0  # seconds for one race


QUICK = Sizes(replications=1_000, cells=300, summarised=20_000, rounds=3, budget=3.0)


def normal(rng, n):
    """A sample."""
    return rng.normal(size=n)


def study(n: int, replications: int) -> Study:
    """The mean, by a study."""
    return Study(normal, {"mean": np.mean}, {"n": [n]}, truth=0, n_replications=replications)


def bare_loop(n: int, replications: int) -> list[float]:
    """The mean, by a loop."""
    rng = np.random.default_rng(0)
    return [normal(rng, n).mean() for _ in range(replications)]


def overhead(sizes: Sizes) -> list[dict]:
    """A study of a mean against a bare loop, and against that loop with 1 ms more each time."""
    n, replications = sizes.rows, sizes.replications
    with TemporaryDirectory() as folder:
        files = (Path(folder) / f"{i}.sqlite" for i in range(10_000))
        raced = race({
            "divest": lambda: study(n, replications).run(),
            "divest with a store": lambda: study(n, replications).run(store=next(files)),
            "bare loop": partial(bare_loop, n, replications)}, sizes.rounds, sizes.budget)
    allowed = "bare loop and 1 ms each"
    raced.times[allowed] = raced.times["bare loop"] + ALLOWED * replications
    labels = {"task": f"{replications} replications of a mean", "n": n}
    return [labels | raced.row(name, peer, target=target)
            for name in ("divest", "divest with a store")
            for peer, target in (("bare loop", None), (allowed, 1.0))]


def small_cells(sizes: Sizes) -> list[dict]:
    """A study of many cells with two replications each against 1 ms for each of these."""
    many = Study(normal, {"mean": np.mean}, {"n": range(1, sizes.cells + 1)}, truth=0,
                 n_replications=2)
    with TemporaryDirectory() as folder:
        files = (Path(folder) / f"{i}.sqlite" for i in range(10_000))
        raced = race({"divest": many.run, "divest with a store": lambda: many.run(
            store=next(files))}, sizes.rounds, sizes.budget)
    raced.times[allowed := "1 ms each"] = ALLOWED * 2 * sizes.cells
    return [{"task": f"{sizes.cells} cells, twice"} | raced.row(name, allowed, target=1.0)
            for name in ("divest", "divest with a store")]


def summary(sizes: Sizes) -> list[dict]:
    """The summary of a table with all its columns filled, against one second."""
    results = Study(_interval, {"mean": dict.copy}, {"n": list(range(2, 22))}, truth=0,
                    n_replications=sizes.summarised // 20).run()
    raced = race({"divest": results.summary}, sizes.rounds, sizes.budget)
    raced.times["one second"] = 1.0
    return [{"task": f"summary of {len(results.frame)} rows",
             **raced.row("divest", "one second", target=1.0)}]


def _interval(rng, n):
    """What a method gives, drawn at once."""
    estimate, low, high, pvalue = rng.normal(size=4)
    return {"estimate": estimate, "standard_error": 1 / n, "low": min(low, high),
            "high": max(low, high), "pvalue": 1 / (1 + pvalue**2)}


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    study(sizes.rows, 10).run()  # imports before the clock runs
    return table((overhead, small_cells, summary), sizes)
