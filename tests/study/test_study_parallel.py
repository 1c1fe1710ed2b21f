"""The same table however it is computed: threads, processes, a Dask cluster that loses a worker."""

import importlib.util
import os
import signal
import sys

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from plain_study import METHODS, assert_same, normal, study
from sklearn.dummy import DummyRegressor

from divest import DivergenceTwoSampleTest, NearestNeighborDistanceDivergence
from divest.study import Study, _engines, _run
from divest.study._replicate import Job, run_chunk
from divest.study._store import FileStore

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")
distributed = pytest.mark.skipif(importlib.util.find_spec("distributed") is None,
                                 reason="needs distributed")


@pytest.fixture(scope="module")
def undisturbed():
    return study(n_replications=150).run()


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_same_table_in_threads(undisturbed, n_jobs):
    assert_same(study(n_replications=150).run(n_jobs=n_jobs), undisturbed)


@pytest.mark.parametrize("chunk", [1e-9, 1e-3, 10.0])
def test_same_table_in_chunks_of_any_size(undisturbed, chunk, monkeypatch):
    monkeypatch.setattr(_run, "TARGET", chunk)
    assert_same(study(n_replications=150).run(n_jobs=2), undisturbed)


def test_thousands_of_small_cells_share_chunks(monkeypatch):
    """A chunk costs something, in a store and on a cluster more than a replication may cost."""
    chunks = []

    def counted(job, parts, most):
        chunks.append(len(parts))
        return run_chunk(job, parts, most)

    monkeypatch.setattr(_run, "run_chunk", counted)
    frame = Study(normal, {"m": np.mean}, {"n": range(1, 401)}, n_replications=2).run().frame
    assert len(frame) == 800
    assert len(chunks) < 100  # ten where nothing else is at work
    assert sum(chunks) >= 400


def test_chunk_that_takes_too_long_hands_back_what_it_has_not_done():
    one = study(n_replications=3)
    job = Job(one.simulate, one.methods, one.seed, one.confidence_level)
    names = tuple(one.methods)
    parts = [(cell, [(r, names) for r in range(3)]) for cell in one._cells]
    done, left = [], parts
    for turn in range(6):
        rows, count, seconds, left = run_chunk(job, left, 0.0)
        assert (count, sum(len(todo) for _, todo in left)) == (1, 5 - turn)
        assert seconds > 0
        done += rows
    rows, count, _, left = run_chunk(job, parts, 60.0)
    assert (count, left) == (6, [])
    assert [row[:4] for row in rows] == [row[:4] for row in done]


def test_same_table_for_a_backend_that_hands_all_results_back_at_once(undisturbed, monkeypatch):
    def parallel(return_as=None, **settings):
        if return_as:
            raise ValueError("no generators")
        return lambda calls: [function(*args) for function, args, _ in calls]

    monkeypatch.setattr(_engines, "Parallel", parallel)
    assert_same(study(n_replications=150).run(n_jobs=2), undisturbed)


def test_same_table_for_the_grid_in_another_order(undisturbed):
    grid = pd.DataFrame({"n": np.array([8, 5], dtype=np.int32)})
    methods = dict(reversed(METHODS.items()))
    assert_same(study(grid, n_replications=150, methods=methods).run(), undisturbed)


def test_same_table_when_half_was_run_first(undisturbed, tmp_path):
    store = tmp_path / "half.sqlite"
    study(n_replications=75).run(store=store, n_jobs=2)
    assert_same(study(n_replications=150).run(store=store), undisturbed)


@pytest.mark.slow
def test_same_table_in_processes(undisturbed):
    with parallel_config(backend="loky"):
        assert_same(study(n_replications=150).run(n_jobs=2), undisturbed)


@pytest.mark.slow
def test_same_estimates_of_compiled_loops_in_processes():
    methods = {"d": NearestNeighborDistanceDivergence("kl"),
               "t": DivergenceTwoSampleTest(n_resamples=19)}
    one = Study("shifted_gaussians", methods, {"n": [40], "d": [3]}, truth="kl", n_replications=8)
    serial = one.run()
    assert_same(one.run(n_jobs=2), serial)
    with parallel_config(backend="loky"):
        assert_same(one.run(n_jobs=2), serial)


def test_workers_that_cannot_load_the_functions():
    """A lock cannot be sent to another process."""
    from _thread import allocate_lock

    model = DummyRegressor(constant=allocate_lock())
    with parallel_config(backend="loky"), pytest.raises(RuntimeError, match="must be importable"):
        study(n_replications=2, methods={"m": model}).run(n_jobs=2)


# ------------------------------------------------------------ a Dask cluster
@pytest.fixture
def client():
    from distributed import Client, LocalCluster

    with (LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
          Client(cluster) as client):
        client.wait_for_workers(2, timeout=60)
        yield client


@distributed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask's own, as a worker goes
def test_same_table_on_a_cluster_that_loses_a_worker(undisturbed, client, tmp_path, monkeypatch):
    monkeypatch.setattr(_run, "TARGET", 0.05)  # many chunks
    monkeypatch.setenv("STUDY_PAUSE", "0.01")
    client.run(os.environ.__setitem__, "STUDY_PAUSE", "0.01")
    before = client.run(os.getpid)
    victim = next(iter(before.values()))
    kept, write = [], FileStore.write

    def write_and_kill(self, rows):
        write(self, rows)
        if not kept:  # the first rows are in
            os.kill(victim, signal.SIGKILL)
        kept.append(len(rows))

    monkeypatch.setattr(FileStore, "write", write_and_kill)
    found = study(n_replications=150).run(client=client, store=tmp_path / "a.sqlite")
    assert_same(found, undisturbed)
    assert kept[0] < sum(kept) / 2
    client.wait_for_workers(2, timeout=60)
    assert victim not in client.run(os.getpid).values()


@distributed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_same_table_through_joblib_on_dask_and_a_clear_error(undisturbed, client, monkeypatch):
    with parallel_config(backend="dask"):
        assert_same(study(n_replications=150).run(), undisturbed)
    monkeypatch.setattr(normal, "__module__", "not_there")
    monkeypatch.setitem(sys.modules, "not_there", sys.modules["plain_study"])
    with pytest.raises(RuntimeError, match=r"not_there.*must be importable on the workers"):
        study(n_replications=1).run(client=client)
