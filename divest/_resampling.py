"""Resampling: seeds, permutations, signs, the one p-value, and running tasks in parallel."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from threading import Lock, local
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController

from divest._results import is_told_elsewhere, told_elsewhere
from divest._validation import check_integer


def resampling_pvalue(observed: float, null: np.ndarray) -> float:
    """``(1 + exceedances) / (1 + n_resamples)``; draws that tie with `observed` exceed it.

    Values tie when they differ by less than 1e-12 of their size: rounding must not decide. Infinite
    values tie with each other. NaN where a value is NaN.
    """
    null = np.asarray(null, dtype=float)
    if np.isnan(observed) or np.isnan(null).any():
        return float("nan")
    tie = 1e-12 * np.maximum(abs(observed), np.abs(null))
    tie = np.where(np.isinf(tie), 0.0, tie)
    return float((1 + np.count_nonzero(null >= observed - tie)) / (1 + len(null)))


def root_sequence(random_state: Any) -> np.random.SeedSequence:
    """The seed sequence behind a ``random_state``: None, an int, a Generator or a RandomState."""
    if isinstance(random_state, np.random.SeedSequence):  # a copy: spawning changes a sequence
        return np.random.SeedSequence(random_state.entropy, spawn_key=random_state.spawn_key)
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**63))
    elif isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31 - 1))
    try:
        return np.random.SeedSequence(random_state)
    except (TypeError, ValueError):
        raise ValueError("random_state must be None, a non-negative integer, a numpy Generator or "
                         f"a RandomState, got {random_state!r}.") from None


def generators(seeds: Iterable[np.random.SeedSequence]) -> Iterator[np.random.Generator]:
    """One random stream per resample."""
    return (np.random.Generator(np.random.PCG64(seed)) for seed in seeds)


def permuted_rows(labelled: np.ndarray, rng: np.random.Generator,
                  blocks: list[np.ndarray] | None = None) -> np.ndarray:
    """Positions of the labelled rows after a random permutation of the labels.

    `labelled` is a mask. Where blocks of positions are given, labels stay within their block.
    """
    if blocks is None:
        return rng.choice(len(labelled), int(labelled.sum()), replace=False, shuffle=False)
    return np.concatenate([
        block[rng.choice(len(block), int(labelled[block].sum()), replace=False, shuffle=False)]
        for block in blocks])


def resampling_signs(n: int, seeds: Iterable[np.random.SeedSequence],
                     change: float = 0.5) -> np.ndarray:
    """Random signs of `n` rows, one row of int8 per seed.

    The sign changes from one row to the next with probability `change`: at 1/2 signs are
    independent, below it they go with dependent rows.
    """
    return next(sign_blocks([n], seeds, change))


def sign_blocks(sizes: Iterable[int], seeds: Iterable[np.random.SeedSequence],
                change: float = 0.5) -> Iterator[np.ndarray]:
    """The same for consecutive blocks of rows, so that not all signs are held at once."""
    streams = [_SignStream(rng, change) for rng in generators(seeds)]
    for size in sizes:
        yield np.stack([stream.draw(size) for stream in streams])


class _SignStream:
    """Signs of one resample, drawn block by block."""

    def __init__(self, rng: np.random.Generator, change: float) -> None:
        self.rng, self.change = rng, change
        self.last = 2 * int(rng.integers(2)) - 1

    def draw(self, size: int) -> np.ndarray:
        if self.change == 0.5:
            bits = np.frombuffer(self.rng.bytes((size + 7) // 8), dtype=np.uint8)
            return 2 * np.unpackbits(bits, count=size).view(np.int8) - 1
        changed = self.rng.random(size) < self.change
        signs = (self.last * (1 - 2 * (np.cumsum(changed) % 2))).astype(np.int8)
        self.last = int(signs[-1])
        return signs


def bootstrap_multipliers(n: int, seeds: Iterable[np.random.SeedSequence]) -> np.ndarray:
    """How often each of `n` rows is drawn with replacement, less one; int8, one row per seed."""
    draws = (np.bincount(rng.integers(0, n, n), minlength=n) - 1 for rng in generators(seeds))
    return np.stack([draw.astype(np.int8) for draw in draws])


def smallest_pvalue(statistics: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest weighted p-value over several statistics, of the data and of each resample.

    `statistics` (1 + n_resamples, n_statistics), the observed ones first, drawn together; `weights`
    (n_statistics,) sum to 1. Returns these smallest values (1 + n_resamples,), whose rank among
    themselves gives a p-value for all statistics at once, and the single p-values (n_statistics,)
    of the data.
    """
    total = len(statistics)
    pvalues = np.empty(statistics.shape)
    for k, column in enumerate(statistics.T):
        tie = 1e-12 * np.abs(column)
        pvalues[:, k] = total - np.searchsorted(np.sort(column), column - tie, side="left")
    pvalues /= total
    return (pvalues / weights).min(axis=1), pvalues[0]


class _OneThreadEach:
    """While any block that uses this is open, libraries called by it work in one thread each.

    Small matrix products and mixture fits by the hundred are several times slower when each is
    spread over all cores. The limit is lifted when the last of the open blocks is left. Libraries
    that were loaded since are limited as well when another block is opened.

    OpenMP counts threads for each thread that calls it: the block limits only its own thread, and
    workers must open one for themselves.
    """

    def __init__(self) -> None:
        self._lock, self._open, self._modules = Lock(), 0, 0
        self._limits: list[Any] = []
        self._own = local()  # what each thread has limited for itself

    def __enter__(self) -> None:
        with self._lock:
            new = self._modules != len(sys.modules)
            if new:  # to look for libraries takes milliseconds
                self._modules = len(sys.modules)
                found = ThreadpoolController()
                self._blas = found.select(user_api="blas")
                self._openmp = found.select(user_api="openmp")
            if new or not self._open:
                self._limits.append(self._blas.limit(limits=1))
            self._open += 1
            limit = self._openmp.limit(limits=1)
        self._own.__dict__.setdefault("limits", []).append(limit)

    def __exit__(self, *_: Any) -> None:
        self._own.limits.pop().restore_original_limits()
        with self._lock:
            self._open -= 1
            while not self._open and self._limits:
                self._limits.pop().restore_original_limits()


one_thread_each = _OneThreadEach()


class _NoWarnings:
    """No warnings in this process while one thread or more is within.

    The filters of `warnings` belong to the process: the last thread to leave puts them back.
    """

    def __init__(self) -> None:
        self._lock, self._threads = Lock(), 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._threads:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._threads += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._threads -= 1
            if not self._threads:
                self._filters.__exit__(None, None, None)


no_warnings = _NoWarnings()


def check_jobs(n_jobs: Any) -> None:
    """None, or a whole number but 0."""
    if n_jobs is not None and check_integer("n_jobs", n_jobs, -2**31, 2**31) == 0:
        raise ValueError("n_jobs must be None, 1 or more, or below 0 to count from the number of "
                         "cores; got 0.")


def run_tasks(function: Callable, tasks: Iterable[tuple], n_tasks: int, *, n_jobs: int | None,
              progress: bool = False, unit: str = "task") -> Iterator[Any]:
    """``function(*task)`` for every task, in order, through joblib.

    Threads by default, as the compiled loops release the interpreter's lock; the user's
    ``joblib.parallel_config`` may choose another backend. The results do not depend on it.
    """
    check_jobs(n_jobs)
    if n_tasks == 1 and not progress:
        return iter([function(*task) for task in tasks])
    if is_told_elsewhere():
        function = partial(_told_elsewhere, function)
    calls = [delayed(function)(*task) for task in tasks]
    try:
        results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(calls)
    except ValueError:  # a backend that hands all results back at once
        results = Parallel(n_jobs=n_jobs, prefer="threads")(calls)
    return with_progress(results, n_tasks, progress=progress, unit=unit)


def _told_elsewhere(function: Callable, *task: Any) -> Any:
    """For a worker, which does not know what its caller's thread has set."""
    with told_elsewhere():
        return function(*task)


def with_progress(results: Iterable[Any], total: int, *, progress: bool,
                  unit: str = "task") -> Iterator[Any]:
    """The same results, and where it is wanted a bar that counts them."""
    if not progress:
        return iter(results)
    from tqdm.auto import tqdm

    return iter(tqdm(results, total=total, unit=unit))
