"""The check of a kernel's parameters; kernels stand below the checks of user input."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np


def bounded_number(name: str, value: Any, low: float, high: float = np.inf,
                    owner: str = "") -> float:
    """`value` as a float strictly between `low` and `high`."""
    name = f"{owner}: {name}" if owner else name
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    number = float(value)
    if not low < number < high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value!r}.")
    return number
