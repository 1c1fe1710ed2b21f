"""Values that were rounded: the step of their lattice, and copies spread over it."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 0.01  # of the step


def rounding_step(x: np.ndarray) -> float:
    """The step of which all gaps between values of a column are multiples.

    0 where no value occurs twice, infinite where values do and have no such step.
    """
    values = np.unique(x)
    if len(values) == len(x):
        return 0.0
    gaps = np.diff(values)
    if not len(gaps):
        return np.inf
    multiples = gaps / gaps.min()
    if np.abs(multiples - np.rint(multiples)).max() > _TOLERANCE:
        return np.inf
    return float(gaps.min())


def unrounded(rows: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Rows with the copies of a value spread evenly over its cell, in columns that were rounded.

    Bandwidths are chosen from these: exact copies are pairs without a distance, which are worth
    nothing to a rule, though the rows are as many as they are. Which copy goes where is random, but
    always the same, and does not depend on the order of the rows.
    """
    steps = [rounding_step(column) for column in rows.T]
    if not any(0 < step < np.inf for step in steps):
        return rows
    found = rows.copy()
    keys = [*rows.T] if weights is None else [weights, *rows.T]
    order = np.lexsort(keys)
    rng = np.random.Generator(np.random.PCG64(0))
    for column, step in zip(found.T, steps, strict=True):
        if 0 < step < np.inf:
            column[order] += step * _places(column[order], rng)
    return found


def _places(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of each entry, its place among its copies: even steps in (-1/2, 1/2), in random order."""
    order = np.lexsort((rng.random(len(x)), x))
    ordered = x[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    counts = np.diff(np.append(first, len(x)))
    rank = np.arange(len(x)) - np.repeat(first, counts)
    places = np.empty(len(x))
    places[order] = (rank + 0.5) / np.repeat(counts, counts) - 0.5
    return places
