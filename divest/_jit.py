"""The one place that configures numba."""

from collections.abc import Callable
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def kernel(function: Callable) -> Callable:
    """Compile at the first call; keep the machine code on disk where that is possible."""
    return _compiled(function, _OPTIONS)


def fused_kernel(function: Callable) -> Callable:
    """As `kernel`; a product and the sum that it goes into may be rounded once, together."""
    return _compiled(function, _OPTIONS | {"fastmath": {"contract"}})


def _compiled(function: Callable, options: dict[str, Any]) -> Callable:
    try:
        return njit(function, cache=True, **options)
    except RuntimeError:  # neither the package folder nor the user's cache can be written
        return njit(function, **options)
