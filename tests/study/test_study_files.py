"""Files that are no stores, places that cannot be written, full disks, and what a run leaves."""

import os
import sqlite3
import threading
import time
import warnings
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from plain_study import assert_same, mean, study

from divest.study import Study, _store
from divest.study._rows import Row
from divest.study._store import FileStore, read_store

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")  # of lost cells


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


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


# ------------------------------------------------------------ what a run leaves
@contextmanager
def reader(store):
    """A reader in the midst of a transaction."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, isolation_level=None,
                                 check_same_thread=False)
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM cells").fetchall()
    try:
        yield connection
    finally:
        connection.close()


def test_run_waits_for_readers_and_leaves_one_file(store, monkeypatch):
    """Until they have gone SQLite keeps two more files."""
    monkeypatch.setattr(_store, "PATIENCE", 60.0)
    with reader_from_the_first_write(monkeypatch) as readers:
        study(n_replications=2).run(store=store)
    assert len(readers) == 1
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@contextmanager
def reader_from_the_first_write(monkeypatch):
    """Somebody who begins to read during the run, and ends a moment after it."""
    readers, write, make = [], FileStore.write, _store._make_one_file

    def read_and_write(self, rows):
        if not readers:
            readers.append(reader(self.path))
            readers[0].__enter__()
        write(self, rows)

    def make_one_file(connection):
        threading.Timer(0.2, readers[0].__exit__, [None, None, None]).start()
        make(connection)

    monkeypatch.setattr(FileStore, "write", read_and_write)
    monkeypatch.setattr(_store, "_make_one_file", make_one_file)
    yield readers


def test_run_ends_where_a_reader_stays(store, monkeypatch):
    monkeypatch.setattr(_store, "PATIENCE", 0.1)
    study(n_replications=1).run(store=store)
    first = Study.load(store)
    define = FileStore.define

    def read_and_define(self, *args):
        define(self, *args)
        self.reader = reader(self.path)
        stay.append(self.reader.__enter__())

    stay = []
    monkeypatch.setattr(FileStore, "define", read_and_define)
    after = study(n_replications=2).run(store=store)
    assert_same(Study.load(store), after)
    assert len(first.frame) < len(after.frame)
    for connection in stay:
        connection.close()
    monkeypatch.undo()
    assert_same(study(n_replications=2).run(store=store), after)
    assert [path.name for path in store.parent.iterdir()] == [store.name]  # the next run does it


def test_load_only_reads(store):
    study(n_replications=2).run(store=store)
    before, changed = store.read_bytes(), store.stat().st_mtime_ns
    store.chmod(0o400)
    store.parent.chmod(0o500)
    try:
        assert len(Study.load(store).frame) == 16
        with read_store(store) as file, pytest.raises(OSError, match="readonly"):
            file.write([Row("cell", 0, "method")])
        assert (store.read_bytes(), store.stat().st_mtime_ns) == (before, changed)
        assert list(store.parent.iterdir()) == [store]
    finally:
        store.parent.chmod(0o700)
