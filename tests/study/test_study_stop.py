"""A study that is killed or stopped at any moment goes on, and ends like an undisturbed one."""

import os
import signal
import sqlite3
import time

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from plain_study import assert_same, mean, rows_in, start, study

from divest.study import Study, _interrupt

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")  # of lost cells


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


# ------------------------------------------------------------ killed and resumed
def kill_and_resume(store, kills, seed, n_replications):
    rng, kept = np.random.default_rng(seed), 0
    for last in [False] * (kills - 1) + [True]:
        process = start(store, 0.003, n_replications)
        time.sleep(rng.uniform(0, 0.4))
        deadline = time.monotonic() + 60
        while last and rows_in(store) is None and time.monotonic() < deadline:  # a busy machine
            time.sleep(0.01)
        process.kill()  # SIGKILL
        process.communicate()
        assert process.returncode == -9  # still at work
        found = rows_in(store)
        assert (0 if found is None else len(found)) >= kept
        kept = 0 if found is None else len(found)
    assert 0 < kept < 8 * n_replications
    before = Study.load(store)
    after = study(n_replications=n_replications).run(store=store)
    assert_same(after, study(n_replications=n_replications).run())
    keys = ["cell", "replication", "method"]
    again = before.frame[keys].merge(after.frame, on=keys)
    assert_frame_equal(again[before.frame.columns], before.frame, check_exact=True)  # and the times
    assert sorted(p.name for p in store.parent.iterdir()) == [store.name]  # one file again


def test_killed_study_ends_like_an_undisturbed_one(store):
    kill_and_resume(store, 2, 0, 200)


@pytest.mark.slow
def test_study_killed_at_twenty_moments_ends_like_an_undisturbed_one(store):
    kill_and_resume(store, 20, 1, 1000)


@pytest.mark.parametrize("begun", [False, True])
def test_store_killed_while_it_was_made_can_be_used(store, begun):
    """An empty file, with or without the header of SQLite, is as good as none."""
    store.touch()
    if begun:
        connection = sqlite3.connect(store)
        connection.execute("VACUUM")
        connection.close()
        assert store.stat().st_size
    assert_same(study(n_replications=3).run(store=store), study(n_replications=3).run())


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupted_study_keeps_its_rows_and_says_how_to_go_on(store, n_jobs):
    one = Study(_stop, {"mean": mean}, {"n": [5]}, n_replications=600)
    with pytest.raises(KeyboardInterrupt, match=r"after \d+ of 600.*run it again with this"):
        one.run(store=store, n_jobs=n_jobs)
    assert 9 < len(Study.load(store).frame) < 600  # the chunk that was at work is there
    assert_same(one.run(store=store), one.run())
    CALLS.clear()
    with pytest.raises(KeyboardInterrupt, match=r"after 40 of 50 .* nothing is kept"):  # the last
        Study(_stop, {"mean": mean}, {"n": [5]}, truth=0, n_replications=40).run(
            n_jobs=n_jobs, until={"bias": 1e-3})
    CALLS.clear()
    with pytest.raises(KeyboardInterrupt, match="nothing is kept without a store"):
        Study(_stop, {"mean": mean}, {"n": [5]}, n_replications=700, seed=1).run()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupted_study_does_not_wait_for_long_replications(n_jobs, monkeypatch):
    monkeypatch.setattr(_interrupt, "PATIENCE", 0.1)
    one = Study(_stop_and_wait, {"mean": mean}, {"n": [5]}, n_replications=5)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="after 0 of 5"):
        one.run(n_jobs=n_jobs)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_second_interrupt_stops_at_once(n_jobs, monkeypatch):
    monkeypatch.setattr(_interrupt, "PATIENCE", 1000)
    one = Study(_stop_twice_and_wait, {"mean": mean}, {"n": [5]}, n_replications=5)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="after 0 of 5"):
        one.run(n_jobs=n_jobs)
    assert time.monotonic() - start < 20
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def _stop_twice_and_wait(rng, n):
    if not CALLS:
        CALLS.append(n)
        os.kill(os.getpid(), 2)
        end = time.monotonic() + 10
        while (signal.getsignal(signal.SIGINT) is not signal.default_int_handler
               and time.monotonic() < end):
            time.sleep(0.01)  # until the first one was seen
        os.kill(os.getpid(), 2)
    time.sleep(30)


def _stop_and_wait(rng, n):
    if not CALLS:
        CALLS.append(n)
        os.kill(os.getpid(), 2)
    time.sleep(30)


def _stop(rng, n):
    """Data; Ctrl-C at the fortieth."""
    time.sleep(0.002)
    CALLS.append(n)
    if len(CALLS) == 40:
        os.kill(os.getpid(), 2)
    return rng.normal(size=n)


CALLS = []


@pytest.fixture(autouse=True)
def _no_calls_yet():
    CALLS.clear()


@pytest.fixture(autouse=True)
def _interrupts():
    """As at a terminal: a job in the background may have been started without them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
