"""Bandwidths that are wider where rows are sparse."""

from __future__ import annotations

import numpy as np


def local_bandwidths(log_pilot: np.ndarray, weights: np.ndarray | None, alpha: float,
                     clip: float) -> np.ndarray:
    """Relative bandwidths (n,) of Abramson's rule from a pilot log density at the rows.

    ``(f / G)^-alpha`` with G the geometric mean of f over the rows, kept in [1/clip, clip].
    """
    log_ratio = log_pilot - np.average(log_pilot, weights=weights)
    return np.exp(np.clip(-alpha * log_ratio, -np.log(clip), np.log(clip)))
