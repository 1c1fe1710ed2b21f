"""Large jobs need memory in proportion to their rows: nothing of every pair of rows is held.

What numpy and Python allocate is counted; scipy's trees, which it does not see, are linear too.
"""

import tracemalloc

import numpy as np
import plain
import pytest

from divest import (
    DivergenceTwoSampleTest,
    KernelDensity,
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
)


def samples(n):
    rng = np.random.default_rng(0)
    return rng.normal(0.5, size=(n, 3)), rng.normal(size=(n, 3))


def ratio(n):
    NearestNeighborRatioDivergence().fit_samples(*samples(n))


def distance(n):
    NearestNeighborDistanceDivergence().fit_samples(*samples(n))


def two_sample_test(n):
    DivergenceTwoSampleTest(n_resamples=99, random_state=0).fit_samples(*samples(n))


def density(n):
    X, queries = samples(n)
    KernelDensity().fit(X).score(queries[:n // 10])


def peak_of(job, n):
    """Most bytes held at once; a small job before it loads modules and compiles loops."""
    job(500)
    tracemalloc.start()
    try:
        job(n)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# Bytes for each row of one sample: 1.5 to 2 times those measured, which are 3200 (neighbour lists
# of 2 n rows, up to the largest of the numbers of neighbours, and counts for each of them), 480,
# 2100 and 250. One number for each pair of rows would be 800,000 (400,000 for the test), and one
# for each row and query 80,000.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # what is asked about is memory
@pytest.mark.skipif(not plain.COMPILED, reason="a measurement of compiled code")
@pytest.mark.parametrize(("job", "n", "bytes_per_row"), [
    (ratio, 100_000, 5000), (distance, 100_000, 1000), (two_sample_test, 50_000, 3500),
    (density, 100_000, 500),
], ids=["ratio", "distance", "two-sample test", "density"])
def test_memory_grows_with_the_rows_only(job, n, bytes_per_row):
    assert peak_of(job, n) < bytes_per_row * n
