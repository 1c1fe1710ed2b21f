"""Kernel Stein tests of sequences: time and memory, against numpy.

The error is the relative difference of the statistics. "numpy" holds the features of all neighbours
of one sequence at a time as a dense matrix. Sequences have a mean length of 10.
"""

import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from benchmarks import _sequence_forms as plain
from benchmarks._memory import peak_mb
from benchmarks._timing import memory_row, race, table
from divest import TrustWarning
from divest.goodness_of_fit import HiddenMarkovModel, MarkovChainModel, SequenceSteinTest

STOP = 0.1


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    sequences: tuple = (2_000, 20_000)
    symbols: tuple = (8, 26)
    resamples: int = 499
    rounds: int = 3
    budget: float = 10.0  # seconds for one race


QUICK = Sizes(sequences=(500, 2_000), symbols=(8,), resamples=99, budget=2.0)


# ---------------------------------------------------------------- contestants
def chain(n_symbols):
    """A Markov chain of order 1."""
    laws = np.random.default_rng(n_symbols).dirichlet(np.ones(n_symbols), n_symbols + 1)
    return MarkovChainModel([laws[0], laws[1:]], STOP)


def hidden(n_symbols, n_states=3):
    """A hidden Markov model."""
    rng = np.random.default_rng(n_symbols)
    return HiddenMarkovModel(*(rng.dirichlet(np.ones(size), count) for size, count in
                               ((n_states, None), (n_states, n_states), (n_symbols, n_states))),
                             STOP)


def wild(model, n_resamples=9):
    """A test with few random signs."""
    return SequenceSteinTest(model, null="wild", length_test=False, n_resamples=n_resamples,
                             random_state=0, n_jobs=1)


# ---------------------------------------------------------------- benchmarks
def statistics(sizes: Sizes) -> list[dict]:
    """A whole fit with nine random signs against the statistic alone in numpy."""
    found = []
    for n_symbols in sizes.symbols:
        model, n = chain(n_symbols), sizes.sequences[0]
        sample, test = model.sample(n, 1), wild(model)
        other = partial(plain.statistic, sample, *model.tables, STOP)
        mine, reference = test.fit(sample).statistic_, other()
        raced = race({"fit": partial(test.fit, sample), "numpy": other}, sizes.rounds,
                     sizes.budget)
        found.append({"task": f"statistic, {n_symbols} symbols", "n": n,
                      **raced.row("fit", "numpy", {"fit": abs(mine / reference - 1)})})
    return found


def whole_tests(sizes: Sizes) -> list[dict]:
    """Whole tests with all draws, against ten seconds."""
    found, n_symbols = [], sizes.symbols[0]
    for model in (chain(n_symbols), hidden(n_symbols)):
        for n in sizes.sequences:
            sample = model.sample(n, 1)
            for null in ("wild", "parametric"):
                test = SequenceSteinTest(model, null=null, length_test=null == "parametric",
                                         n_resamples=sizes.resamples, random_state=0, n_jobs=1)
                raced = race({null: partial(test.fit, sample)}, 1, 0.0)
                raced.times["10 s"] = 10.0
                found.append({"task": f"{type(model).__name__}, {sizes.resamples} draws", "n": n,
                              **raced.row(null, "10 s", target=1.0)})
    return found


def memory(sizes: Sizes) -> list[dict]:
    """Peak memory for each token, of the larger sample against the smaller."""
    found = []
    for n_symbols in sizes.symbols:
        model, peaks = chain(n_symbols), []
        for n in sizes.sequences:
            sample = model.sample(n, 1)
            _, peak = peak_mb(partial(wild(model).fit, sample))
            peaks.append((peak, sum(map(len, sample))))
        (small, fewer), (large, more) = peaks[0], peaks[-1]
        found.append({"task": f"memory, {n_symbols} symbols", "n": sizes.sequences[-1],
                      **memory_row(f"{sizes.sequences[-1]} sequences",
                                   f"{sizes.sequences[0]} sequences, by tokens", large,
                                   small * more / fewer, target=1.1)})
    return found


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # small samples that compile
        for n_symbols in sizes.symbols:  # compile before the clock runs
            for model in (chain(n_symbols), hidden(n_symbols)):
                sample = model.sample(60, 1)
                wild(model).fit(sample)
                SequenceSteinTest(model, length_test=False, n_resamples=9).fit(sample)
        return table((statistics, whole_tests, memory), sizes)
