"""The store of a study loses nothing, has one writer, and refuses what is not its own."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from plain_study import fragile, jittered, mean, study, z_test

import divest
from divest import NearestNeighborDistanceDivergence
from divest.study import Study, StudyLockedError, StudyMismatchError, _lock
from divest.study import _interrupt as _interrupt_file
from divest.study._store import FileStore

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")  # of lost cells
MAIN = "import sys, plain_study; plain_study.main(*sys.argv[1:])"


def without_time(results):
    return results.frame.drop(columns="seconds")


def assert_same(one, two):
    assert_frame_equal(without_time(one), without_time(two), check_exact=True)


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


def start(store, pause, n_replications=1000):
    """The study in its own process, ready to begin."""
    folders = [str(Path(divest.__file__).parents[1]), str(Path(__file__).parent)]
    env = os.environ | {"STUDY_PAUSE": str(pause), "OPENBLAS_NUM_THREADS": "1",
                        "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", MAIN, store, str(n_replications)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def rows_in(store):
    """What the store holds; nothing where it was killed while it was made."""
    try:
        return Study.load(store).frame
    except (FileNotFoundError, ValueError, OSError):
        return None


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
    one = Study(_interrupt, {"mean": mean}, {"n": [5]}, n_replications=600)
    with pytest.raises(KeyboardInterrupt, match=r"after \d+ of 600.*run it again with this"):
        one.run(store=store, n_jobs=n_jobs)
    assert 9 < len(Study.load(store).frame) < 600  # the chunk that was at work is there
    assert_same(one.run(store=store), one.run())
    CALLS.clear()
    with pytest.raises(KeyboardInterrupt, match=r"after 40 of 50 .* nothing is kept"):  # the last
        Study(_interrupt, {"mean": mean}, {"n": [5]}, truth=0, n_replications=40).run(
            n_jobs=n_jobs, until={"bias": 1e-3})
    CALLS.clear()
    with pytest.raises(KeyboardInterrupt, match="nothing is kept without a store"):
        Study(_interrupt, {"mean": mean}, {"n": [5]}, n_replications=700, seed=1).run()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_interrupted_study_does_not_wait_for_long_replications(n_jobs, monkeypatch):
    monkeypatch.setattr(_interrupt_file, "PATIENCE", 0.1)
    one = Study(_interrupt_and_wait, {"mean": mean}, {"n": [5]}, n_replications=5)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="after 0 of 5"):
        one.run(n_jobs=n_jobs)
    assert time.monotonic() - start < 20


def _interrupt_and_wait(rng, n):
    if not CALLS:
        CALLS.append(n)
        os.kill(os.getpid(), 2)
    time.sleep(30)


def _interrupt(rng, n):
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


# ------------------------------------------------------------ what a second run may change
def test_more_replications_methods_and_cells_change_nothing_already_there(store):
    first = study({"n": [5]}, n_replications=4, methods={"mean": mean}).run(store=store)
    study({"n": [8, 5]}, n_replications=6).run(store=store)
    everything = Study.load(store)
    assert_same(everything, study(n_replications=6).run())
    mine = everything.frame.merge(first.frame[["cell", "replication", "method"]])
    assert_frame_equal(mine, first.frame, check_exact=True)
    again = study({"n": [5]}, n_replications=4, methods={"mean": mean}).run(store=store)
    assert_frame_equal(again.frame, first.frame, check_exact=True)  # only what it asks for


def test_new_truth_is_used_without_new_replications(store):
    study(n_replications=3).run(store=store)
    moved = study(n_replications=3, truth=1.0).run(store=store)
    assert set(moved.frame["truth"]) == {1.0}
    assert_frame_equal(Study.load(store).frame, moved.frame, check_exact=True)


def test_load_knows_level_name_and_settings(store):
    grid = pd.DataFrame({"shift": [0.5, 0.0], "n": [5, 5]})
    one = study(grid, n_replications=3, level=0.2, confidence_level=0.8, name="one")
    run = one.run(store=store)
    loaded = Study.load(store)
    assert (loaded.level, loaded.confidence_level, loaded.name) == (0.2, 0.8, "one")
    assert loaded.settings == ("shift", "n")
    assert_frame_equal(loaded.summary(), run.summary(), check_exact=True)


def other(rng, n, shift=0.0):
    return rng.normal(shift, 2, n)


@pytest.mark.parametrize(("change", "message"), [
    ({"seed": 4}, "seed: 3 in the store, 4 now"),
    ({"confidence_level": 0.9}, "confidence_level: 0.95 in the store, 0.9 now"),
    ({"methods": {"mean": z_test}}, r"methods\['mean'\] function: .*mean in the store, .*z_test"),
    ({"methods": {"mean": NearestNeighborDistanceDivergence()}}, r"methods\['mean'\] class: noth"),
])
def test_another_study_is_refused_with_each_difference(store, change, message):
    study(n_replications=2).run(store=store)
    before = store.read_bytes()
    with pytest.raises(StudyMismatchError, match=message):
        study(n_replications=2, **change).run(store=store)
    assert store.read_bytes() == before
    study(n_replications=2).run(store=store)  # the lock was given back


def test_every_difference_is_listed(store):
    model = NearestNeighborDistanceDivergence("kl", n_neighbors=3)
    grid = {"n": [20]}
    Study("shifted_gaussians", {"d": model}, grid, n_replications=1).run(store=store)
    changed = NearestNeighborDistanceDivergence("renyi(0.5)", n_neighbors=4)
    with pytest.raises(StudyMismatchError) as caught:
        Study("ring", {"d": changed}, grid, n_replications=1, seed=1).run(store=store)
    for part in ("seed: 0", "simulate: ", "divergence: kl", "n_neighbors: 3 in the store, 4 now"):
        assert part in str(caught.value)


@pytest.mark.parametrize("wanted", ["lambda", "variables of the function around it", "cannot tell"])
def test_functions_that_look_alike_are_refused_with_a_store(store, wanted):
    power = 2

    def nested(x):
        return x.mean() ** power

    bad = {"lambda": lambda x: x.mean(), "variables of the function around it": nested,
           "cannot tell": partial(jittered, random_state=np.random.default_rng(0))}
    one = study(n_replications=1, methods={"f": bad[wanted]})
    with pytest.raises(TypeError, match=wanted):
        one.run(store=store)
    assert not store.exists()
    assert len(one.run().frame) == 2  # without a store they are fine


def test_partial_functions_are_told_apart(store):
    study(n_replications=1, methods={"f": partial(jittered, random_state=1)}).run(store=store)
    with pytest.raises(StudyMismatchError, match="random_state"):
        study(n_replications=1, methods={"f": partial(jittered, random_state=2)}).run(store=store)


# ------------------------------------------------------------ two at once
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


# ------------------------------------------------------------ files that are no stores
def foreign(store, kind):
    """A file that divest did not make."""
    if kind == "text":
        store.write_text("n,estimate\n1,2\n")
        return
    connection = sqlite3.connect(store)
    connection.execute("CREATE TABLE mine (a)")
    if kind == "newer":
        connection.execute("PRAGMA application_id = 0x64697673")
        connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(("kind", "message"), [
    ("text", "not a store of divest"), ("sqlite", "not a store of divest"),
    ("newer", "newer version of divest .format 2; this one knows 1"),
])
def test_other_files_are_refused_and_left_alone(store, kind, message):
    foreign(store, kind)
    before = store.read_bytes()
    for use in (lambda: study(n_replications=1).run(store=store), lambda: Study.load(store)):
        with pytest.raises(ValueError, match=message):
            use()
    assert store.read_bytes() == before
    assert list(store.parent.iterdir()) == [store]


@pytest.mark.parametrize("damage", [lambda b: b[:len(b) // 2], lambda b: b[:4096] + bytes(
    np.random.default_rng(0).integers(256, size=len(b) - 4096, dtype=np.uint8))])
def test_damaged_store_is_refused_and_left_alone(store, damage):
    study(n_replications=50).run(store=store)
    store.write_bytes(before := damage(store.read_bytes()))
    for use in (lambda: study(n_replications=1).run(store=store), lambda: Study.load(store)):
        with pytest.raises(ValueError, match=r"is damaged|not a store"):
            use()
    assert store.read_bytes() == before


def test_places_that_cannot_be_written_are_refused_before_the_first_replication(tmp_path):
    lost = tmp_path / "no" / "a.db"
    for path, error in [(tmp_path, IsADirectoryError), (lost, FileNotFoundError)]:
        with pytest.raises(error):
            Study(refuse, {"mean": mean}, {"n": [5]}).run(store=path)
    with pytest.raises(FileNotFoundError, match="there is no store"):
        Study.load(tmp_path / "no.db")


def test_store_without_a_study_is_named_and_filled(store):
    """As it is between two transactions at the start of a run."""
    study(n_replications=1).run(store=store)
    with sqlite3.connect(store) as connection:
        connection.execute("DELETE FROM definition")
        connection.execute("DELETE FROM results")
        connection.execute("DELETE FROM cells")
    connection.close()
    with pytest.raises(ValueError, match="holds no study yet"):
        Study.load(store)
    assert_same(study(n_replications=2).run(store=store), study(n_replications=2).run())


def refuse(rng, n):
    raise AssertionError


@pytest.mark.skipif(not hasattr(os, "geteuid") or not os.geteuid(), reason="needs a user")
def test_folder_that_may_only_be_read(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"cannot be used"):
        study(n_replications=1).run(store=tmp_path / "a.db")
    tmp_path.chmod(0o700)


def test_full_disk_stops_the_run_and_keeps_what_is_written(store, monkeypatch):
    """SQLite's own limit on the number of pages gives the error of a full disk."""
    study({"n": [5]}, n_replications=100).run(store=store)
    define = FileStore.define

    def fill(self, *args):
        define(self, *args)
        pages = self._ask.execute("PRAGMA page_count").fetchone()[0]
        self._ask.execute(f"PRAGMA max_page_count = {pages + 2}")

    monkeypatch.setattr(FileStore, "define", fill)
    with pytest.raises(OSError, match="database or disk is full"):
        study({"n": [5]}, n_replications=2000).run(store=store)
    kept = len(Study.load(store).frame)
    assert 400 <= kept < 8000
    monkeypatch.undo()
    assert_same(study({"n": [5]}, n_replications=500).run(store=store),
                study({"n": [5]}, n_replications=500).run())


def test_full_disk_while_others_work_leaves_no_warning_and_no_thread(store, monkeypatch):
    """Chunks at work in threads are left alone, without words from joblib."""
    def full(self, rows):
        raise OSError("full")

    before = threading.active_count()
    monkeypatch.setattr(FileStore, "write", full)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(OSError, match="full"):
            Study(_slow, {"mean": mean}, {"n": [5]}, n_replications=100).run(store=store, n_jobs=2)
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def _slow(rng, n):
    time.sleep(0.02)
    return rng.normal(size=n)


def test_full_disk_is_named_where_the_lock_cannot_be_written(store, monkeypatch):
    """SQLite goes back by itself on a full disk."""
    study(n_replications=1).run(store=store)

    class Full(sqlite3.Connection):
        def execute(self, statement, *args):
            if statement.startswith("INSERT OR REPLACE INTO lock"):
                super().execute("ROLLBACK")
                raise sqlite3.OperationalError("database or disk is full")
            return super().execute(statement, *args)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Full))
    with pytest.raises(OSError, match="database or disk is full"):
        study(n_replications=2).run(store=store)


def test_cells_that_compare_equal_have_one_order(store, tmp_path):
    other_store = tmp_path / "other.sqlite"
    for n in (5, 5.0):
        Study(other_n, {"mean": mean}, {"n": [n]}, n_replications=2).run(store=store)
    for n in (5.0, 5):
        Study(other_n, {"mean": mean}, {"n": [n]}, n_replications=2).run(store=other_store)
    assert_same(Study.load(store), Study.load(other_store))


def other_n(rng, n):
    return rng.normal(size=int(n))


def test_errors_and_odd_numbers_survive_the_file(store):
    methods = {"fragile": fragile, "odd": odd}
    kept = study(n_replications=30, methods=methods).run(store=store)
    assert (kept.frame["error"] != "").any()
    assert_same(kept, study(n_replications=30, methods=methods).run())
    assert not np.signbit(kept.frame.loc[kept.frame["method"] == "odd", "estimate"]).any()


def odd(x):
    return {"estimate": -0.0, "standard_error": np.inf, "statistic": 5e-324,
            "failed_diagnostics": "a\0b\ud800", "trusted": False}
