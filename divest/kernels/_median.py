"""Which rows of a large sample its median distance is taken from."""

from __future__ import annotations

import numpy as np


def median_rows(n: int, max_rows: int = 1000) -> np.ndarray:
    """Positions of all rows, or of `max_rows` evenly spaced from the first to the last."""
    return np.arange(n) if n <= max_rows else np.linspace(0, n - 1, max_rows).astype(int)
