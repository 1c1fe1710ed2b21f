"""Tables and counts against a plain loop over the columns and the G test, values only.

"pandas loop" cuts each column at the quantiles of the reference and gives a stability index without
smoothing, no test and no error; ``drift_table`` gives the index with its standard error, a test and
adjusted p-values. One column in five holds labels. On counts, ``f_divergence`` gives an interval,
diagnostics and a table of cells beside the index that "numpy" gives alone. Times are of one call.
The error is the largest difference of the numbers that both give; on tables it comes from
smoothing. ``k`` counts bins or cells.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency

from benchmarks._timing import race, table
from divest import TrustWarning
from divest.discrete import drift_table, f_divergence, f_divergence_test, jensen_shannon_test

BINS = 10


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    rows: int = 1_000_000  # of each table
    columns: int = 50
    cells: tuple = (10, 1_000)
    calls: int = 100  # of a test, in one race
    rounds: int = 3
    budget: float = 60.0  # seconds for one race


QUICK = Sizes(rows=100_000, columns=10, calls=20, budget=5.0)


# ---------------------------------------------------------------- contestants
def tables(n, d):
    """Current and reference table: normal columns, and labels in every fifth."""
    rng, labels = np.random.default_rng(0), np.array(list("abcdefghij"), dtype=object)
    found = []
    for _ in range(2):
        found.append(pd.DataFrame({
            f"x{j}": labels[rng.integers(0, 10, n)] if j % 5 == 4 else rng.standard_normal(n)
            for j in range(d)}))
    return found


def by_pandas(current, reference):
    """Stability index of each column, the way it is written every day."""
    found = {}
    for name in reference:
        p, q = current[name], reference[name]
        if not pd.api.types.is_numeric_dtype(p):
            shares = pd.DataFrame({"p": p.value_counts(normalize=True),
                                   "q": q.value_counts(normalize=True)})
        else:
            edges = np.r_[-np.inf, q.quantile(np.arange(1, BINS) / BINS), np.inf]
            shares = pd.DataFrame({"p": pd.cut(p, edges).value_counts(normalize=True, sort=False),
                                   "q": pd.cut(q, edges).value_counts(normalize=True, sort=False)})
        found[name] = ((shares["p"] - shares["q"]) * np.log(shares["p"] / shares["q"])).sum()
    return found


def by_numpy(p, q):
    """Stability index of counts, smoothed as divest does."""
    p, q = (counts + 0.5 for counts in (p, q))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def repeated(function, calls):
    for _ in range(calls):
        function()


# ---------------------------------------------------------------- benchmarks
def drift(sizes: Sizes) -> list[dict]:
    """A whole table, column by column."""
    current, reference = tables(sizes.rows, sizes.columns)
    mine = partial(drift_table, reference, current, n_jobs=1)
    found, theirs = mine(), by_pandas(current, reference)
    raced = race({"drift_table": mine, "pandas loop": partial(by_pandas, current, reference)},
                 sizes.rounds, sizes.budget)
    error = np.abs(found["psi"] - found["column"].map(theirs)).max()
    return [{"task": "drift_table", "n": sizes.rows, "d": sizes.columns, "k": BINS,
             **raced.row("drift_table", "pandas loop", {"drift_table": float(error)})}]


def counts(sizes: Sizes) -> list[dict]:
    """Tests and distances of two sets of counts."""
    return [row for cells in sizes.cells for row in _counts(sizes, cells)]


def _counts(sizes, cells):
    P, Q = np.random.default_rng(cells).multinomial([100 * cells, 50 * cells],
                                                    np.full(cells, 1 / cells))
    both = np.stack([P, Q])
    calls = {
        "f_divergence_test": lambda: f_divergence_test(P, Q, method="chi2").statistic,
        "jensen_shannon_test": lambda: jensen_shannon_test(both, method="chi2").statistic,
        "scipy G test": lambda: chi2_contingency(both, correction=False,
                                                 lambda_="log-likelihood").statistic,
        "f_divergence": lambda: f_divergence(P, Q, "jeffreys").estimate,
        "numpy": lambda: by_numpy(P, Q)}
    raced = race({name: partial(repeated, call, sizes.calls) for name, call in calls.items()},
                 sizes.rounds, sizes.budget)
    raced.times[list(calls)] /= sizes.calls
    pairs = (("f_divergence_test", "scipy G test"), ("jensen_shannon_test", "scipy G test"),
             ("f_divergence", "numpy"))
    errors = {one: abs(calls[one]() - calls[other]()) for one, other in pairs[1:]}
    return [{"task": f"{cells} cells", "n": int(both.sum()), "k": cells,
             **raced.row(one, other, errors)} for one, other in pairs]


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        drift_table(*tables(100, 5))  # load everything before the clock runs
        return table([drift, counts], sizes)
