"""One replication after another: what workers do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from divest._resampling import one_thread_each
from divest._results import told_elsewhere
from divest.study._grid import Cell
from divest.study._methods import Method
from divest.study._outcomes import error_text, fields_of
from divest.study._rows import Row
from divest.study._seeds import data_rng, method_seeds

Todo = Sequence[tuple[int, tuple[str, ...]]]  # replications, with the methods wanted in each
Parts = list[tuple[Cell, Todo]]


@dataclass(frozen=True)
class Job:
    """What is the same in all replications."""

    simulate: Callable[..., Any]
    methods: dict[str, Method]
    seed: int
    confidence_level: float


def run_chunk(job: Job, parts: Parts, most: float) -> tuple[list[Row], int, float, Parts]:
    """Some replications of some cells: their rows and number, the seconds it took, and what is
    left of the parts after `most` seconds; one is always done.

    Libraries work in one thread each: sums would else depend on the number of threads.
    """
    start = perf_counter()
    with one_thread_each, told_elsewhere():  # by the rows
        rows, count, left = _rows(job, parts, start + most)
    return rows, count, perf_counter() - start, left


def _rows(job: Job, parts: Parts, end: float) -> tuple[list[Row], int, Parts]:
    """Rows and number of the replications until the end, and what is left."""
    rows: list[Row] = []
    count = 0
    for i, (cell, todo) in enumerate(parts):
        for j, (replication, wanted) in enumerate(todo):
            if count and perf_counter() > end:
                return rows, count, [(cell, todo[j:]), *parts[i + 1:]]
            rows += _replication(job, cell, replication, wanted)
            count += 1
    return rows, count, []


def _replication(job: Job, cell: Cell, replication: int, wanted: tuple[str, ...]) -> list[Row]:
    """All methods on the same data."""
    try:
        data = job.simulate(data_rng(job.seed, cell.json, replication), **cell.settings)
        samples = data if isinstance(data, tuple) else (data,)
    except (Exception, SystemExit) as error:
        return [Row(cell.name, replication, name, error=error_text(error)) for name in wanted]
    rows = []
    for name in wanted:
        method = job.methods[name]
        seeds = (method_seeds(job.seed, cell.json, replication, name, len(method.seeded))
                 if method.seeded else [])
        rows.append(_row(method, samples, seeds, job.confidence_level,
                         (cell.name, replication, name)))
    return rows


def _row(method: Method, samples: tuple[Any, ...], seeds: list[int], confidence_level: float,
         key: tuple[str, int, str]) -> Row:
    """What one method makes of a copy of the data, as it might change them."""
    start = perf_counter()
    try:
        own = deepcopy(samples)
        start = perf_counter()
        fields = fields_of(method(own, seeds), confidence_level)
        return Row(*key, **fields, seconds=perf_counter() - start)
    except (Exception, SystemExit) as error:
        return Row(*key, seconds=perf_counter() - start, error=error_text(error))
