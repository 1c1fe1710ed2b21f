"""Times and memory of contestants that take turns in one run; only their ratios mean anything."""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

COLUMNS = ["benchmark", "n", "d", "k", "contestant", "against", "ratio", "low", "high", "rounds",
           "target", "met"]  # fmt: skip


def seconds(function: Callable) -> float:
    """Processor time of one call in one thread: it hardly depends on what else is running."""
    with threadpool_limits(1):
        start = time.process_time()
        function()
        return time.process_time() - start


def race(contestants: dict[str, Callable], rounds: int = 5, budget: float = 30.0) -> pd.DataFrame:
    """Seconds of each contestant (columns) in each round (rows), in one thread.

    They take turns, each second round in reverse, so that a machine that slows down slows all of
    them. After the first round the race ends once the budget, in seconds, is spent; quick
    contestants run more rounds than asked for.
    """
    names, times = list(contestants), []
    gc.collect()
    start = time.process_time()
    while True:
        found = {name: seconds(contestants[name]) for name in names}
        times.append([found[name] for name in contestants])
        names.reverse()
        spent = time.process_time() - start
        if spent >= budget or (len(times) >= rounds and spent >= budget / 20):
            return pd.DataFrame(times, columns=list(contestants))


def ratio(times: pd.DataFrame, contestant: str, against: str, absent: str = "") -> dict:
    """Median and quartiles of the ratio over the rounds; below 1 the contestant is the faster.

    Where `against` took no part, `absent` says why.
    """
    names = {"contestant": contestant, "against": against}
    if against not in times:
        return names | {"note": f"{against} {absent}"}
    low, median, high = (times[contestant] / times[against]).quantile([0.25, 0.5, 0.75])
    return names | {"ratio": median, "low": low, "high": high, "rounds": len(times)}


def peak_bytes(function: Callable) -> tuple[Any, int]:
    """A call's result, and the most memory held at a time, above what was held before.

    Python's objects and numpy's arrays count; what scipy's trees keep for themselves does not.
    """
    with threadpool_limits(1):
        gc.collect()
        tracemalloc.start()
        result = function()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return result, peak


def loop_rows(rivals: dict[str, dict[str, Callable]], rounds: int, budget: float,
              **labels) -> list[dict]:
    """The first way of computing each thing against the others; `error`: largest difference."""
    found = []
    for name, runs in rivals.items():
        mine, *others = runs
        results = {way: run() for way, run in runs.items()}
        times = race(runs, rounds, budget)
        found += [{"benchmark": f"loop: {name}", **labels, **ratio(times, mine, other),
                   "error": float(np.abs(results[mine] - results[other]).max())}
                  for other in others]
    return found


def table(parts: Iterable[Callable], sizes: Any) -> pd.DataFrame:
    """Run all parts of a family; `met` says whether a ratio is at most its target."""
    records = []
    for part in parts:
        print(f"{part.__module__}.{part.__name__} ...", file=sys.stderr, flush=True)
        records += part(sizes)
    frame = pd.DataFrame(records)
    frame = frame.reindex(columns=COLUMNS + [name for name in frame if name not in COLUMNS])
    met = (frame["ratio"] <= frame["target"]).map({True: "yes", False: "no"})
    frame["met"] = met.where(frame["target"].notna(), "")
    return frame
