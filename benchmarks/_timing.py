"""Times and memory of contestants that take turns in one run, in rows of one shape."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks._memory import peak_mb

COLUMNS = ["task", "n", "d", "k", "ours", "peer", "ours_seconds", "peer_seconds", "ratio",
           "ratio_low", "ratio_high", "rounds", "ours_mb", "peer_mb", "ours_error", "ours_error_se",
           "peer_error", "peer_error_se", "target", "met", "note"]  # fmt: skip
ABSENT = "is not installed"


def seconds(function: Callable) -> float:
    """Processor time of one call in one thread: it hardly depends on what else is running."""
    with threadpool_limits(1):
        start = time.process_time()
        function()
        return time.process_time() - start


@dataclass(frozen=True)
class Race:
    """Seconds of each contestant (columns) in each round (rows), and its peak memory in MB."""

    times: pd.DataFrame
    memory: dict[str, float]

    def row(self, ours: str, peer: str, errors: dict[str, float] | None = None, **more) -> dict:
        """Our contestant against another; where that took no part, `absent` says why.

        The ratio is a median over the rounds with its quartiles; below 1 we are faster.
        """
        absent, errors = more.pop("absent", ABSENT), errors or {}
        found = {"ours": ours, "peer": peer, "ours_seconds": self.times[ours].median(),
                 "ours_mb": self.memory.get(ours), "ours_error": errors.get(ours)}
        if peer not in self.times:
            return found | more | {"note": f"{peer} {absent}".strip()}
        low, median, high = (self.times[ours] / self.times[peer]).quantile([0.25, 0.5, 0.75])
        return found | {"peer_seconds": self.times[peer].median(), "ratio": median,
                        "ratio_low": low, "ratio_high": high, "rounds": len(self.times),
                        "peer_mb": self.memory.get(peer), "peer_error": errors.get(peer)} | more


def race(contestants: dict[str, Callable], rounds: int = 5, budget: float = 30.0) -> Race:
    """Let the contestants take turns, in one thread.

    Each second round goes in reverse, so that a machine that slows down slows all of them. After
    the first round the race ends once the budget, in seconds, is spent; quick contestants run more
    rounds than asked for. Memory is the smaller of the first two rounds: the first may load files.
    """
    names, times, memory = list(contestants), [], dict.fromkeys(contestants, np.inf)
    start = time.process_time()
    while True:
        found = {}
        for name in names:
            call = contestants[name]
            if len(times) < 2:
                found[name], mb = peak_mb(lambda call=call: seconds(call))
                memory[name] = float(np.minimum(memory[name], mb))
            else:
                found[name] = seconds(call)
        times.append([found[name] for name in contestants])
        names.reverse()
        spent = time.process_time() - start
        if spent >= budget or (len(times) >= rounds and spent >= budget / 20):
            return Race(pd.DataFrame(times, columns=list(contestants)), memory)


def standard_error(share: float, count: int) -> float:
    """Of a share, with one more success and one more failure, so that it is above 0."""
    share = (share * count + 1) / (count + 2)
    return float(np.sqrt(share * (1 - share) / count))


def error_of_test(silent: float, null: bool) -> float:
    """The share of samples at which a test is silent; under the null, its distance from .95."""
    return abs(silent - 0.95) if null else silent


def memory_row(ours: str, peer: str, ours_mb: float, peer_mb: float, **more) -> dict:
    """A row whose ratio is one of memory; none where the peer's is lost in the noise."""
    return {"ours": ours, "peer": peer, "ours_mb": ours_mb, "peer_mb": peer_mb,
            "ratio": ours_mb / peer_mb if peer_mb > 0 else np.nan} | more


def loop_rows(rivals: dict[str, dict[str, Callable]], rounds: int, budget: float,
              **labels) -> list[dict]:
    """The first way of computing each thing against the others; error: largest difference."""
    found = []
    for name, runs in rivals.items():
        mine, *others = runs
        results = {way: run() for way, run in runs.items()}
        raced = race(runs, rounds, budget)
        found += [{"task": f"loop: {name}", **labels, **raced.row(mine, other),
                   "ours_error": float(np.abs(results[mine] - results[other]).max())}
                  for other in others]
    return found


def table(parts: Iterable[Callable], sizes: Any) -> pd.DataFrame:
    """Run all parts of a family; `met` says whether a ratio is at most its target."""
    records = []
    for part in parts:
        print(f"{part.__module__}.{part.__name__} ...", file=sys.stderr, flush=True)
        records += part(sizes)
    if unknown := {name for record in records for name in record} - set(COLUMNS):
        raise ValueError(f"columns must be among {COLUMNS}, got {sorted(unknown)}")
    frame = pd.DataFrame(records).reindex(columns=COLUMNS)
    numbers = [name for name in COLUMNS if name not in ("task", "ours", "peer", "met", "note")]
    frame[numbers] = frame[numbers].astype(float)
    met = (frame["ratio"] <= frame["target"]).map({True: "yes", False: "no"})
    frame["met"] = met.where(frame["target"].notna(), "")
    frame["note"] = frame["note"].astype(object).where(frame["note"].notna(), "")
    return frame
