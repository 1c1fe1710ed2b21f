"""The one place that configures numba."""

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable) -> Callable:
    """Compile at the first call; keep the machine code on disk where that is possible."""
    try:
        return njit(function, cache=True, **_OPTIONS)
    except RuntimeError:  # neither the package folder nor the user's cache can be written
        return njit(function, **_OPTIONS)
