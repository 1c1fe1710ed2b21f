"""Where rows are kept: in memory, or in one SQLite file that outlives the process."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from divest.study._definition import check_same
from divest.study._grid import Cell
from divest.study._lock import Lock
from divest.study._rows import NUMBERS, Row, Truths

FORMAT = 1
PATIENCE = 2.0  # seconds to wait for readers, at the end of a run
_MAGIC = 0x64697673  # "divs", the application id in the header of the file
_NAMES = ", ".join(Row._fields)
_MARKS = ", ".join("?" * len(Row._fields))
_REAL = ("seconds", *NUMBERS)
_FIELDS = ", ".join(f"{name} {'REAL' if name in _REAL else 'NOT NULL'}" for name in Row._fields)
_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_MAGIC};
PRAGMA user_version = {FORMAT};
CREATE TABLE IF NOT EXISTS definition (id INTEGER PRIMARY KEY CHECK (id = 0), json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells
    (cell TEXT PRIMARY KEY, settings TEXT NOT NULL, truths TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results
    ({_FIELDS}, PRIMARY KEY (cell, replication, method)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lock
    (id INTEGER PRIMARY KEY CHECK (id = 0), token TEXT, host TEXT, pid INTEGER, heartbeat REAL);
COMMIT;
"""
Key = tuple[str, int, str]  # cell, replication, method


class Store(Protocol):
    """What a study asks of the place where its rows are kept."""

    def keys(self) -> set[Key]:
        """The rows there are."""

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; all of them, or none."""

    def rows(self) -> Iterable[Any]:
        """All rows."""

    def versions(self) -> list[str]:
        """The versions of divest that ran it."""


class MemoryStore:
    """Rows of one run."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def keys(self) -> set[Key]:
        """The rows there are."""
        return {row[:3] for row in self._rows}

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows."""
        self._rows += rows

    def rows(self) -> list[Row]:
        """All rows."""
        return self._rows

    def versions(self) -> list[str]:
        """None but this one."""
        return []


class FileStore:
    """Rows in a file; one transaction for each call of `write`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: Lock | None) -> None:
        self.path, self._lock = path, lock
        self._ask = connection

    def keys(self) -> set[Key]:
        """The rows there are."""
        with explained(self.path):
            return set(self._ask.execute("SELECT cell, replication, method FROM results"))

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, as they are asked for; SQLite has no NaN, and gives None for it."""
        with explained(self.path):
            yield from self._ask.execute(f"SELECT {_NAMES} FROM results")

    def write(self, rows: Iterable[Row]) -> None:
        """Add rows; those of a killed run that are there already stay."""
        with self._transaction():
            self._ask.executemany(f"INSERT OR IGNORE INTO results ({_NAMES}) VALUES ({_MARKS})",
                                  rows)

    def definition(self) -> dict[str, Any]:
        """The study that made the file; empty at first."""
        with explained(self.path):
            found = self._ask.execute("SELECT json FROM definition").fetchone()
        return json.loads(found[0]) if found else {}

    def define(self, definition: Mapping[str, Any], cells: Iterable[Cell], truths: Truths) -> None:
        """Check that the study made the file, and add to it what is new in the study."""
        old = self.definition()
        check_same(old, definition)
        methods = {**old.get("methods", {}), **definition["methods"]}
        versions = list(dict.fromkeys([*old.get("versions", []), *definition["versions"]]))
        text = json.dumps({**definition, "methods": methods, "versions": versions}, indent=1)
        known = self.truths()
        rows = [(cell.name, cell.json, json.dumps({**known.get(cell.name, {}),
                                                   **truths[cell.name]})) for cell in cells]
        with self._transaction():
            self._ask.execute("INSERT OR REPLACE INTO definition VALUES (0, ?)", [text])
            self._ask.executemany("INSERT OR REPLACE INTO cells VALUES (?, ?, ?)", rows)

    def versions(self) -> list[str]:
        """The versions of divest that ran it; the first ones did not name themselves."""
        return self.definition().get("versions", [])

    def cells(self) -> list[Cell]:
        """All cells that were ever asked for."""
        with explained(self.path):
            found = self._ask.execute("SELECT settings FROM cells")
            return [Cell(json.loads(settings)) for (settings,) in found]

    def truths(self) -> dict[str, dict[str, float]]:
        """The truths by cell and method."""
        with explained(self.path):
            found = self._ask.execute("SELECT cell, truths FROM cells")
            return {cell: json.loads(truths) for cell, truths in found}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; only while the lock is ours."""
        with explained(self.path):
            self._ask.execute("BEGIN IMMEDIATE")
            try:
                if self._lock is not None:
                    self._lock.renew(self._ask)
                yield
                self._ask.execute("COMMIT")
            except BaseException:
                if self._ask.in_transaction:
                    self._ask.execute("ROLLBACK")
                raise


@contextmanager
def open_store(path: Any, definition: Mapping[str, Any], cells: Iterable[Cell],
               truths: Truths) -> Iterator[FileStore]:
    """The file of a study, made where there is none, locked for this process while it is open."""
    path = _named(path)
    _check_file(path, new=True)
    with explained(path), _connection(path, "rwc") as connection:
        if _is_empty(connection):
            connection.executescript(_SCHEMA)
        _check_format(path, connection)
        check_same(FileStore(path, connection, None).definition(), definition)
        lock = Lock(path, lambda: _connection(path, "rw"))
        lock.take(connection)
        try:
            _try(connection, "PRAGMA journal_mode = WAL")  # readers need not wait
            connection.execute("PRAGMA synchronous = NORMAL")
            store = FileStore(path, connection, lock)
            store.define(definition, cells, truths)
            yield store
        finally:
            try:
                _make_one_file(connection)
            finally:
                lock.release(connection)


def _named(store: Any) -> Path:
    """The file that a user names."""
    if not isinstance(store, (str, os.PathLike)):
        raise TypeError(f"store must be the name of a file, got {store!r}.")
    return Path(store).absolute()


@contextmanager
def read_store(path: Any) -> Iterator[FileStore]:
    """The file, to read only."""
    path = _named(path)
    _check_file(path, new=False)
    with explained(path), _connection(path, "ro") as connection:
        _check_format(path, connection)
        store = FileStore(path, connection, None)
        if not store.definition():
            raise ValueError(f"the store {path} holds no study yet: its run has just begun, or was "
                             "killed before it had.")
        yield store


@contextmanager
def _connection(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """A connection without transactions of its own."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True, timeout=30,
                                 isolation_level=None, check_same_thread=False)
    try:
        yield connection
    finally:
        connection.close()


def _try(connection: sqlite3.Connection, statement: str) -> bool:
    """Run a statement that may be refused while others read."""
    with suppress(sqlite3.OperationalError):
        connection.execute(statement)
        return True
    return False


def _make_one_file(connection: sqlite3.Connection) -> None:
    """Without the two files of the log, which SQLite keeps for as long as somebody reads."""
    end = time.monotonic() + PATIENCE
    while not _try(connection, "PRAGMA journal_mode = DELETE") and time.monotonic() < end:
        time.sleep(0.02)


def _check_file(path: Path, new: bool) -> None:
    """Refuse, without touching them, folders and files that are not of SQLite."""
    if path.is_dir():
        raise IsADirectoryError(f"store must be a file, and {path} is a folder.")
    if not path.exists():
        if not new:
            raise FileNotFoundError(f"there is no store {path}.")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"store cannot be made: there is no folder {path.parent}.")
        return
    with path.open("rb") as file:
        head = file.read(16)
    if head not in (b"", b"SQLite format 3\0") or not (head or new):
        raise ValueError(f"{path} is not a store of divest; it was left as it is. Use another "
                         "file.")
    if new and not os.access(path, os.W_OK):
        raise PermissionError(f"the store {path} may only be read.")


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing is in the file yet: a new one, or that of a run killed at its start."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables and not connection.execute("PRAGMA application_id").fetchone()[0]


def _check_format(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse files that divest, or this version of it, did not make, and damaged ones."""
    def ask(what: str) -> Any:
        return connection.execute(f"PRAGMA {what}").fetchone()[0]

    if ask("application_id") != _MAGIC:
        raise ValueError(f"{path} is not a store of divest; it was left as it is. Use another "
                         "file.")
    if ask("user_version") > FORMAT:
        raise ValueError(f"{path} was made by a newer version of divest (format "
                         f"{ask('user_version')}; this one knows {FORMAT}). Upgrade divest.")
    if (found := ask("quick_check(1)")) != "ok":
        raise sqlite3.DatabaseError(found)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of SQLite in words."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(f"the store {path} cannot be used ({error}). What was written so far is "
                      "kept: make room, or see that file and folder may be written, and run again."
                      ) from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"the store {path} is damaged ({error}). Read what is left of it with "
                         "`sqlite3 FILE .recover`, or use another file.") from error
