"""One run at a time writes to a store; a lock that its process left behind is taken over."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from plain_study import mean, rows_in, start, study

from divest.study import Study, StudyLockedError, _lock

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")  # of lost cells


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


def lock_row(store, **changes):
    row = {"token": "t", "host": socket.gethostname(), "pid": os.getppid(),
           "heartbeat": time.time()} | changes
    connection = sqlite3.connect(store)
    connection.execute("INSERT OR REPLACE INTO lock VALUES (0, :token, :host, :pid, :heartbeat)",
                       row)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("changes", [{}, {"host": "elsewhere", "pid": 4}])
def test_store_in_use_is_refused(store, changes):
    study(n_replications=1).run(store=store)
    lock_row(store, **changes)
    with pytest.raises(StudyLockedError, match=r"in use by process \d+ on .*, last seen \d s ago"):
        study(n_replications=2).run(store=store)
    assert len(Study.load(store).frame) == 8  # it can be read


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("changes", [
    {"pid": ended_process}, {"pid": os.getpid}, {"host": lambda: "elsewhere", "heartbeat":
                                                 lambda: time.time() - 121}])
def test_lock_of_a_process_that_is_gone_is_taken_over(store, changes):
    study(n_replications=1).run(store=store)
    lock_row(store, **{key: value() for key, value in changes.items()})
    assert len(study(n_replications=2).run(store=store).frame) == 16


@pytest.mark.slow
def test_two_runs_at_once_in_real_processes(store):
    process = start(store, 0.01)
    deadline = time.monotonic() + 60
    while rows_in(store) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(StudyLockedError, match=f"process {process.pid} on"):
        study().run(store=store)
    process.kill()
    process.communicate()


def test_run_that_lost_its_lock_stops_and_writes_nothing_more(store):
    one = Study(partial(_steal, str(store)), {"mean": mean}, {"n": [5]}, n_replications=100)
    with pytest.raises(StudyLockedError, match="taken over"):
        one.run(store=store)
    assert len(Study.load(store).frame) == 1


def _steal(store, rng, n):
    """Data; once there is a row, another run takes the lock."""
    if len(Study.load(store).frame):
        lock_row(store, token="another")
    return rng.normal(size=n)


def test_lock_shows_that_it_is_alive_during_long_replications(store, monkeypatch):
    monkeypatch.setattr(_lock, "BEAT", 0.02)
    one = Study(partial(_watch, str(store)), {"beats": np.diff}, {"n": [5]}, n_replications=1)
    assert one.run(store=store).frame["estimate"].item() > 0


def _watch(store, rng, n):
    """Two heartbeats of the lock, half a second apart."""
    beats = []
    for _ in range(2):
        connection = sqlite3.connect(store)
        beats += connection.execute("SELECT heartbeat FROM lock").fetchone()
        connection.close()
        time.sleep(0.5)
    return np.array(beats)
