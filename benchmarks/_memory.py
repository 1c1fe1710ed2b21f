"""Peak memory of a call, as the operating system counts it: arrays, trees, compiled code, all."""

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

PROCESS = Path("/proc/self")


def _resident_peak() -> float:
    """Most memory that the process held since the last reset, in MB."""
    line = next(line for line in (PROCESS / "status").read_text().splitlines()
                if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def _reset() -> bool:
    """Give free memory back and forget the peak; whether the system can do that (Linux does)."""
    gc.collect()
    try:
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
        (PROCESS / "clear_refs").write_text("5")
    except (OSError, TypeError):  # another system
        return False
    return True


def peak_mb(function: Callable) -> tuple[Any, float]:
    """A call's result, and the most memory held at a time above what was held before.

    In MB; NaN where the system does not tell.
    """
    if not _reset():
        return function(), np.nan
    before = _resident_peak()
    return function(), _resident_peak() - before
