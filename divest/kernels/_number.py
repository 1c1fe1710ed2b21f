"""The checks of kernels and groups, which stand below those of all other user input."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

LARGE = 1e150  # the square of a number beyond it, or of one below its inverse, is no float


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


def real_numbers(name: str, value: Any, *, finite: bool = True) -> np.ndarray:
    """`value` as an array of floats, without NaN, and without infinity where `finite`."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "cMmSU":
            raise TypeError(f"they are {array.dtype}")
        array = np.asarray(array, float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers only: {error}.") from None
    if not (np.isfinite(array).all() if finite else not np.isnan(array).any()):
        raise ValueError(f"{name} contains NaN{' or infinity' if finite else ''}; drop or impute "
                         "these rows first.")
    return array
