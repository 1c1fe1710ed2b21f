"""What the scripts that measure size and power share: simulations, and the rows of a table."""

import csv
import warnings

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

COLUMNS = ["quantity", "sample", "test", "repetitions", "measured", "standard error"]


def one(make, draw, seed):
    """Whether a test rejects a sample at 5 %.

    ``make()`` is an estimator with `fit`, or a function of sample and seed for the p-value.
    """
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        X, test = draw(np.random.default_rng([seed, 7])), make()
        if hasattr(test, "fit"):
            return test.set_params(random_state=seed).fit(X).pvalue_ <= 0.05
        return test(X, seed) <= 0.05


def share(quantity, sample, name, make, draw, repetitions):
    """One row: how often the test rejects at the level of 5 %."""
    found = np.mean(Parallel(n_jobs=2)(
        delayed(one)(make, draw, seed) for seed in range(repetitions)))
    expected = 0.05 if quantity == "size" else found
    error = np.sqrt(expected * (1 - expected) / repetitions)
    print(quantity, sample, name, f"{found:.3f}", flush=True)
    return [quantity, sample, name, repetitions, f"{found:.3f}", f"{error:.3f}"]


def write(file, rows):
    """The rows under their names."""
    write_rows(file, [COLUMNS, *rows])


def write_rows(file, rows):
    """A CSV file, once all of its rows are there."""
    rows = list(rows)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
