"""Computing the replications that a store does not have yet."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from divest._results import TrustWarning
from divest.study._grid import Cell
from divest.study._interrupt import gentle_interrupts
from divest.study._replicate import Job, Parts, Todo, run_chunk
from divest.study._store import Store

TARGET = 0.5  # seconds of a chunk
GROWTH = 8  # a chunk is at most so many times as large as the last one
OVERTIME = 2  # a chunk stops after so many times its target, and leaves the rest


@dataclass
class Runner:
    """Runs what is missing, and hands every chunk to the store as soon as it is ready.

    `engine` takes a function and its arguments by chunk, and gives the results in any order.
    """

    job: Job
    cells: list[Cell]
    store: Store
    engine: Callable[..., Iterator[Any]]
    progress: bool
    _pace: tuple[int, float] = (0, 0.0)  # replications and seconds of the last chunk

    def complete(self, counts: dict[str, int]) -> bool:
        """All methods for the first replications of each cell, as many as `counts` says.

        Whether Ctrl-C came when there was nothing left to stop, so that no more should follow.
        """
        done = self.store.keys()
        missing = [(cell, self._missing(cell.name, counts[cell.name], done))
                   for cell in self.cells]
        del done
        total = sum(len(todo) for _, todo in missing)
        if not total:
            return False
        with _bar(total, self.progress) as advance, gentle_interrupts() as stop, _quiet():
            kept = 0
            try:
                with closing(self._written(missing, stop)) as written:
                    for count in written:
                        kept += count
                        advance(count)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(self.how_to_go_on(kept, total)) from None
            if stop() and kept < total:
                raise KeyboardInterrupt(self.how_to_go_on(kept, total))
            return stop()

    def _written(self, missing: Parts, stop: Callable[[], bool]) -> Generator[int]:
        """Run and write chunk after chunk until nothing is left; the replications of each."""
        while missing and not stop():
            left: Parts = []
            with closing(self._results(self._chunks(missing, stop))) as results:
                for rows, count, seconds, rest in results:
                    self.store.write(rows)
                    self._pace = count, seconds
                    left += rest
                    yield count
            missing = left

    def _missing(self, cell: str, count: int, done: set[Any]) -> Todo:
        """Replications of a cell that lack a method, with the methods they lack."""
        names = tuple(self.job.methods)
        lacking = ((r, tuple(n for n in names if (cell, r, n) not in done)) for r in range(count))
        return [(r, names if wanted == names else wanted) for r, wanted in lacking if wanted]

    def _chunks(self, missing: Parts, stop: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
        """Arguments of `run_chunk`, of a size that takes about half a second.

        A chunk may hold replications of several cells, of which there may be thousands. What the
        next cell costs is not known: a chunk that takes too long hands back what it has not done.
        """
        parts: Parts = []
        room = self._room()
        for cell, todo in missing:
            start = 0
            while start < len(todo):
                part = todo[start:start + room]
                parts.append((cell, part))
                start, room = start + len(part), room - len(part)
                if not room:
                    if stop():
                        return
                    yield self.job, parts, OVERTIME * TARGET
                    parts, room = [], self._room()
        if parts and not stop():
            yield self.job, parts, OVERTIME * TARGET

    def _room(self) -> int:
        """Replications of the next chunk, as fast as those of the last one."""
        count, seconds = self._pace
        return max(min(GROWTH * count, int(TARGET * count / max(seconds, 1e-9))), 1)

    def _results(self, chunks: Iterator[tuple[Any, ...]]) -> Generator[Any]:
        """Chunks catch what methods raise: an error here is one of the workers."""
        try:
            yield from self.engine(run_chunk, chunks)
        except Exception as error:
            raise RuntimeError(
                f"the workers could not run a chunk ({type(error).__name__}: {error}). Simulator "
                "and methods must be importable on the workers: put them in a module that is "
                "installed there. Rows already in a store are kept.") from error

    def how_to_go_on(self, kept: int, total: int) -> str:
        """What to say after Ctrl-C."""
        path = getattr(self.store, "path", None)
        after = ("nothing is kept without a store" if path is None else
                 f"they are kept in {path}: run it again with this store to go on")
        return f"the study was stopped after {kept} of {total} replications; {after}"


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings of single replications, whose rows say it, nor of joblib after an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # also those of functions not of divest
        warnings.filterwarnings("ignore", r"\d+ tasks (which were|have been) ", UserWarning)
        yield


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[int], Any]]:
    """A function that moves the progress bar, where there is one."""
    if not progress:
        yield lambda count: None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit="replication") as bar:
        yield bar.update
