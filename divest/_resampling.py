"""Resampling: seeds, permutations, the one p-value, and running tasks in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from joblib import Parallel, delayed


def resampling_pvalue(observed: float, null: np.ndarray) -> float:
    """``(1 + exceedances) / (1 + n_resamples)``; draws that tie with `observed` exceed it.

    Values tie when they differ by less than 1e-12 of their size: rounding must not decide.
    """
    null = np.asarray(null, dtype=float)
    tie = 1e-12 * max(abs(observed), float(np.abs(null).max(initial=0.0)))
    return float((1 + np.count_nonzero(null >= observed - tie)) / (1 + len(null)))


def root_sequence(random_state: Any) -> np.random.SeedSequence:
    """The seed sequence behind a ``random_state``: None, an int, a Generator or a RandomState."""
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
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


def permuted(labels: np.ndarray, rng: np.random.Generator,
             blocks: list[np.ndarray] | None = None) -> np.ndarray:
    """Labels in random order; within each block of positions where blocks are given."""
    if blocks is None:
        return rng.permutation(labels)
    out = labels.copy()
    for block in blocks:
        out[block] = rng.permutation(labels[block])
    return out


def run_tasks(function: Callable, tasks: Iterable[tuple], n_tasks: int, *, n_jobs: int | None,
              progress: bool = False, unit: str = "task") -> Iterator[Any]:
    """``function(*task)`` for every task, in order, through joblib.

    Threads by default, as the compiled loops release the interpreter's lock; the user's
    ``joblib.parallel_config`` may choose another backend. The results do not depend on it.
    """
    calls = (delayed(function)(*task) for task in tasks)
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(calls)
    if not progress:
        return iter(results)
    from tqdm.auto import tqdm

    return iter(tqdm(results, total=n_tasks, unit=unit))
