"""Central differences of a log density or of a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

STEP = 6e-6  # the cube root of the precision: truncation and rounding are of one size
EDGE = 1e-3  # largest step as a share of the way to the edge of the support


def central_differences(function: Callable[[np.ndarray], Any], X: np.ndarray, lower: np.ndarray,
                        upper: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Derivatives of `function` by each column, along a new last axis.

    `function` takes (n, d) and gives (n, ...). `steps` (n, d) are cut near the edges of the
    support; on an edge the difference is taken on the inner side.
    """
    room = np.minimum(X - lower, upper - X)
    steps = np.where(room > 0, np.minimum(steps, EDGE * room), steps)
    derivatives = []
    for column in range(X.shape[1]):
        low, high = X.copy(), X.copy()
        low[:, column] = np.maximum(X[:, column] - steps[:, column], lower[column])
        high[:, column] = np.minimum(X[:, column] + steps[:, column], upper[column])
        rise = np.asarray(function(high), dtype=float) - np.asarray(function(low), dtype=float)
        run = high[:, column] - low[:, column]  # exact, unlike twice the step
        derivatives.append(rise / run.reshape(-1, *[1] * (rise.ndim - 1)))
    return np.stack(derivatives, axis=-1)


@dataclass(frozen=True)
class DifferenceScore:
    """The score of a log density that takes (n, d) and gives (n,)."""

    log_density: Callable[[np.ndarray], Any]
    support: Any = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        lower, upper = (np.broadcast_to(edge, X.shape[1:])
                        for edge in self.support or (-np.inf, np.inf))
        steps = STEP * np.maximum(1.0, np.abs(X))
        return central_differences(self.log_density, X, lower, upper, steps)
