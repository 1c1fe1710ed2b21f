"""Only one process writes to a store: a row that says who, and shows that it is alive."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from divest.study._errors import StudyLockedError

STALE = 120.0  # seconds without a sign of life
BEAT = 20.0  # seconds between two of them
_OURS: set[str] = set()  # tokens of this process


class Lock:
    """The lock of one run."""

    def __init__(self, path: Path,
                 connect: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self.path, self._connect = path, connect
        self._token, self._done = uuid4().hex, Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def take(self, connection: sqlite3.Connection) -> None:
        """Take the lock, from a process that is gone where need be; else say who has it."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            row = connection.execute("SELECT token, host, pid, heartbeat FROM lock").fetchone()
            if row is not None and _alive(*row):
                raise StudyLockedError(
                    f"the store {self.path} is in use by process {row[2]} on {row[1]}, last seen "
                    f"{max(time.time() - row[3], 0):.0f} s ago. Wait until it ends, or stop it.")
            connection.execute("INSERT OR REPLACE INTO lock VALUES (0, ?, ?, ?, ?)",
                               [self._token, socket.gethostname(), os.getpid(), time.time()])
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself may have gone back
                connection.execute("ROLLBACK")
            raise
        _OURS.add(self._token)
        self._thread.start()

    def renew(self, connection: sqlite3.Connection) -> None:
        """A sign of life, inside a transaction; refused where another run took the lock."""
        found = connection.execute("UPDATE lock SET heartbeat = ? WHERE token = ?",
                                   [time.time(), self._token])
        if not found.rowcount:
            raise StudyLockedError(f"another run has taken over the store {self.path}, as this one "
                                   f"gave no sign of life for {STALE:g} s. This one stops.")

    def release(self, connection: sqlite3.Connection) -> None:
        """Give the lock back."""
        self._done.set()
        self._thread.join()
        _OURS.discard(self._token)
        with suppress(sqlite3.Error):  # on a full disk it stays, and the process will be gone
            connection.execute("DELETE FROM lock WHERE token = ?", [self._token])

    def _beat(self) -> None:
        """Signs of life while replications take long."""
        while not self._done.wait(BEAT):
            with suppress(sqlite3.Error), self._connect() as connection:  # the next write says so
                connection.execute("UPDATE lock SET heartbeat = ? WHERE token = ?",
                                   [time.time(), self._token])


def _alive(token: str, host: str, pid: int, heartbeat: float) -> bool:
    """Whether the run that holds a lock may still write."""
    if time.time() - heartbeat > STALE:
        return False
    if host != socket.gethostname() or os.name != "posix":
        return True
    if pid == os.getpid():  # this process, or one that had its number before
        return token in _OURS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
