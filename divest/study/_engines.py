"""Where chunks are computed: by joblib, or by a Dask cluster. Results come as they are ready."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs

Chunk = tuple[Any, ...]  # the arguments of the function
AHEAD = 2  # chunks for each worker: one to work on, one to come


def run_joblib(function: Callable[..., Any], chunks: Iterator[Chunk],
               n_jobs: int | None) -> Iterator[Any]:
    """Threads by default; the user's ``joblib.parallel_config`` may choose another backend."""
    settings: dict[str, Any] = {"n_jobs": n_jobs, "prefer": "threads", "batch_size": 1}
    try:
        parallel = Parallel(return_as="generator_unordered", **settings)
    except ValueError:  # a backend that hands all results back at once
        while part := list(islice(chunks, AHEAD * effective_n_jobs(n_jobs))):
            yield from Parallel(**settings)(delayed(function)(*chunk) for chunk in part)
        return
    yield from parallel(delayed(function)(*chunk) for chunk in chunks)


def run_dask(function: Callable[..., Any], chunks: Iterator[Chunk], client: Any) -> Iterator[Any]:
    """A few chunks ahead of the workers; those of a lost worker are computed again."""
    from cloudpickle import dumps
    from distributed import as_completed

    def submit(count: int) -> list[Any]:
        return [client.submit(_unpacked, dumps((function, chunk)), pure=False, retries=3)
                for chunk in islice(chunks, count)]

    waiting = as_completed(submit(1))
    for future in waiting:
        result = future.result()
        workers = sum(client.nthreads().values()) or 1
        for new in submit(max(AHEAD * workers - waiting.count(), 0)):
            waiting.add(new)
        yield result


def _unpacked(call: bytes) -> Any:
    """Run a pickled call: functions that a worker cannot load are an error of its task."""
    function, chunk = pickle.loads(call)
    return function(*chunk)
