"""The true value in each cell, for each method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from divest.datasets import Simulator
from divest.study._grid import Cell


def check_truth(truth: Any, simulate: Any, names: list[str], methods: Iterable[str]) -> None:
    """Refuse what can never be a truth."""
    kinds = truth.values() if isinstance(truth, Mapping) else [truth]
    if isinstance(truth, Mapping) and (unknown := truth.keys() - set(methods)):
        raise ValueError(f"truth names the methods {', '.join(map(repr, sorted(unknown)))}; there "
                         f"are {', '.join(map(repr, methods))}.")
    for kind in kinds:
        number = isinstance(kind, Real) and not isinstance(kind, (bool, np.bool_))
        if kind is None or number or callable(kind):
            continue
        if not isinstance(kind, str):
            raise TypeError("truth must be a number, a function of the settings, the name of a "
                            f"setting, or a dict of these by method, got {kind!r}.")
        if kind not in names and not isinstance(simulate, Simulator):
            raise ValueError(f"truth = {kind!r} is not a setting of grid; it has "
                             f"{', '.join(names) or 'none'}.")


def truths_of(truth: Any, simulate: Any, cells: Iterable[Cell],
              methods: Iterable[str]) -> dict[str, dict[str, float]]:
    """The truth by cell and method; NaN where none is given."""
    found: dict[str, dict[str, float]] = {}
    for cell in cells:
        if isinstance(truth, Mapping):
            found[cell.name] = {m: _value(truth.get(m), simulate, cell) for m in methods}
        else:
            found[cell.name] = dict.fromkeys(methods, _value(truth, simulate, cell))
    return found


def _value(truth: Any, simulate: Any, cell: Cell) -> float:
    """One true value."""
    if isinstance(truth, str):
        if truth in cell.settings:
            truth = cell.settings[truth]
        else:  # a divergence that the simulator knows
            truth = simulate.truth(truth, **cell.settings)
    elif callable(truth):
        truth = truth(**cell.settings)
    if truth is None:
        return float("nan")
    if isinstance(truth, (bool, np.bool_)) or not isinstance(truth, Real):
        raise TypeError(f"truth must be a number; at {cell} it is {truth!r}.")
    return float(truth) + 0.0
