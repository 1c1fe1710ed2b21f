"""Trials of a test: draw samples, test them, count rejections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from divest._resampling import generators, no_warnings, root_sequence, run_tasks
from divest._results import told_elsewhere
from divest._validation import check_integer, check_number

BATCH = 10  # trials per task: enough to hide the cost of starting one


@dataclass
class Trials:
    """Rejections of a test at the sizes run so far.

    Every run of a size takes the next child of `root`, and every trial a child of that one, so that
    the counts do not depend on `n_jobs`.
    """

    test: Callable[..., Any]
    sampler: Callable[..., Any]
    level: float
    n_trials: int
    root: np.random.SeedSequence
    n_jobs: int | None
    progress: bool
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)

    def run(self, n: int) -> None:
        """Try `n_trials` more samples of size `n`."""
        (child,) = self.root.spawn(1)
        seeds = child.spawn(self.n_trials)
        batches = [seeds[start:start + BATCH] for start in range(0, len(seeds), BATCH)]
        tasks = ((self.test, self.sampler, n, self.level, batch) for batch in batches)
        with told_elsewhere():  # of single trials, by the hundred
            found = sum(run_tasks(count_rejections, tasks, len(batches), n_jobs=self.n_jobs,
                                  progress=self.progress, unit="batch"))
        rejections, trials = self.counts.get(n, (0, 0))
        self.counts[n] = rejections + found, trials + self.n_trials

    def takes(self, n: int) -> bool:
        """Run size `n`; False where it is below all sizes so far and too small for the test."""
        if n >= min(self.counts):
            self.run(n)
            return True
        try:
            with no_warnings:  # a test may warn before it gives up
                self.run(n)
        except Exception:  # whatever a test may raise
            return False
        return True

    def keep_last(self, count: int) -> None:
        """Forget all but the last sizes run."""
        self.counts = dict(list(self.counts.items())[-count:])

    def curve(self) -> pd.DataFrame:
        """One row per size, in the order they were run, with 95 % Wilson limits."""
        from statsmodels.stats.proportion import proportion_confint

        sizes = np.array(list(self.counts), dtype=np.int64)
        rejections, trials = np.array(list(self.counts.values()), dtype=np.int64).T
        low, high = proportion_confint(rejections, trials, alpha=0.05, method="wilson")
        return pd.DataFrame({"n": sizes, "rejections": rejections, "trials": trials,
                             "power": rejections / trials, "low": low, "high": high})


def checked_trials(test: Any, sampler: Any, level: Any, n_trials: Any, random_state: Any,
                   n_jobs: int | None, progress: bool, *, name: str = "sampler") -> Trials:
    """`Trials` with nothing run yet, its settings checked."""
    if not callable(test):
        raise TypeError(f"test must be a function of the samples, got {test!r}.")
    if not callable(sampler):
        raise TypeError(f"{name} must be a function of (rng, n), got {sampler!r}.")
    return Trials(test, sampler, check_number("level", level, 0, 1),
                  check_integer("n_trials", n_trials, 1), root_sequence(random_state), n_jobs,
                  progress)


def check_sizes(sizes: Any, least: int = 1, high: int | None = None) -> list[int]:
    """Distinct whole numbers, at least `least` of them."""
    try:
        sizes = [check_integer("each of sizes", n, 1, high) for n in sizes]
    except TypeError:
        raise TypeError(f"sizes must be a sequence of integers, got {sizes!r}.") from None
    if len(sizes) < least or len(set(sizes)) < len(sizes):
        raise ValueError(f"sizes must hold at least {least} distinct integer"
                         f"{'s' if least > 1 else ''}, none of them twice, got {sizes!r}.")
    return sizes


def count_rejections(test: Callable, sampler: Callable, n: int, level: float,
                     seeds: list[np.random.SeedSequence]) -> int:
    """How many of the trials, one per seed, reject at `level`."""
    return sum(_pvalue(test, sampler, n, rng) <= level for rng in generators(seeds))


def _pvalue(test: Callable, sampler: Callable, n: int, rng: np.random.Generator) -> float:
    try:
        if (samples := sampler(rng, n)) is None:
            raise TypeError("sampler (null_sampler of size_check) must return a sample, or a "
                            "tuple of samples, got None.")
        outcome = test(*samples) if isinstance(samples, tuple) else test(samples)
    except Exception as error:
        error.add_note(f"This was raised by the test or the sampler, in a trial at n = {n}.")
        raise
    pvalue = getattr(outcome, "pvalue", outcome)
    if isinstance(pvalue, np.ndarray) and pvalue.ndim == 0:
        pvalue = pvalue.item()
    if isinstance(pvalue, (bool, np.bool_)) or not isinstance(pvalue, Real):
        raise TypeError("test must return a p-value, or an object with one number as `pvalue`; "
                        f"at n = {n} it gave {pvalue!r}.")
    number = float(pvalue)
    if not 0 <= number <= 1 + 1e-9:  # rounding may carry a p-value of one past it
        raise ValueError("test must return a p-value between 0 and 1; "
                         f"at n = {n} it gave {number!r}.")
    return number
