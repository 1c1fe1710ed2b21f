"""The same numbers from a Dask cluster of two processes as from memory."""

import os
import warnings

import numpy as np
import pytest
from scipy import stats

from divest import KernelSteinTest, TrustWarning
from divest._parts import Parts
from divest.discrete import population_stability_index
from divest.divergence import NearestNeighborRatioDivergence, block_divergence
from divest.sample_complexity import pn_criterion

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

NEIGHBORS = NearestNeighborRatioDivergence("kl", n_neighbors=[5, 10])


@pytest.fixture(scope="module")
def client():
    with warnings.catch_warnings():  # dask's own, as it starts and stops
        warnings.simplefilter("ignore")
        with (distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1",
                                       dashboard_address=None) as cluster,
              distributed.Client(cluster) as client):
            client.wait_for_workers(2, timeout=60)
            yield client


@pytest.fixture
def rows(rng):
    return rng.normal(size=(3000, 2))


@pytest.fixture(autouse=True)
def doubts_do_not_matter():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        yield


def pid(part):
    return os.getpid()


def test_parts_go_to_the_workers(client, rows):
    found = set(Parts(da.from_array(rows, chunks=(100, 2)), "X").map(pid))
    assert found <= set(client.run(os.getpid).values())
    assert os.getpid() not in found


def test_counts(client, rows):
    p, q = rows[:1000, 0], rows[1000:, 0]
    want = population_stability_index(p, q)
    found = population_stability_index(da.from_array(p, chunks=300), da.from_array(q, chunks=700))
    assert found.estimate == want.estimate
    assert found.table.equals(want.table)


def test_sums(client, rows):
    table = da.from_array(rows, chunks=(700, 2))
    want, found = pn_criterion(rows), pn_criterion(table)
    assert found.p_star == pytest.approx(want.p_star, rel=1e-10)
    assert found.c2_se == pytest.approx(want.c2_se, rel=1e-10)
    model = stats.multivariate_normal(np.zeros(2), np.eye(2))
    test = KernelSteinTest(model, method="nystrom", null="spectral", n_landmarks=30,
                           n_resamples=99, random_state=2)
    want = test.fit(rows).result_
    found = test.fit(table).result_
    assert found.statistic == pytest.approx(want.statistic, rel=1e-10)
    assert found.pvalue == want.pvalue


def test_blocks(client, rows):
    """Also with one sample in memory, large enough for Dask to remark on it."""
    P, Q = rows + [1, 0], rows[::-1].copy()
    want = block_divergence(P, Q, NEIGHBORS, random_state=1)
    lazy = da.from_array(Q, chunks=(800, 2))
    for one in (P, da.from_array(P, chunks=(1000, 1))):
        found = block_divergence(one, lazy, NEIGHBORS, random_state=1)
        assert (found.estimate, found.standard_error) == (want.estimate, want.standard_error)
    big = np.zeros((1_000_000, 2))
    assert np.allclose(block_divergence(big, lazy, _gap, random_state=1).estimate, -Q[:, 0].mean(),
                       atol=0.01)


def _gap(P, Q):
    return P[:, 0].mean() - Q[:, 0].mean()
