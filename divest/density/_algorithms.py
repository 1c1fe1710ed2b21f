"""Ways to evaluate an estimate: exact sums, scikit-learn's trees, or a grid."""

from __future__ import annotations

from math import exp
from typing import Any

import numpy as np

from divest.density._fitted import FittedDensity
from divest.density._grid import density_grid

TREES = ("kd_tree", "ball_tree")
ALGORITHMS = ("auto", "brute", "grid", *TREES)
_THEIRS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")


def add_tree(fitted: FittedDensity, X: np.ndarray, bandwidth: float, settings: dict[str, Any]
             ) -> None:
    """Hand the estimate over to a tree of scikit-learn."""
    from sklearn.neighbors import KernelDensity as TreeDensity

    kernel = fitted.points.kernel
    if kernel not in _THEIRS:
        raise ValueError(f"algorithm={settings['algorithm']!r} has the kernels "
                         f"{', '.join(_THEIRS)}, got {kernel!r}; use algorithm='auto'.")
    if kernel == "cosine" and X.shape[1] % 2 == 0:
        raise ValueError("scikit-learn's trees do not normalise the cosine kernel in an even "
                         f"number of columns ({X.shape[1]}); use algorithm='auto'.")
    if fitted.box is not None or fitted.points.local is not None:
        raise ValueError(f"algorithm={settings['algorithm']!r} cannot do bounds or adaptive "
                         "bandwidths; use algorithm='auto'.")
    volume = exp(min(fitted.units.log_volume, 700.0))  # the tolerance is of densities of the data
    settings = settings | {"atol": settings["atol"] * volume}
    tree = TreeDensity(bandwidth=bandwidth, kernel=kernel, **settings)
    fitted.tree = tree.fit(X, sample_weight=fitted.points.weights)


def add_grid(fitted: FittedDensity) -> None:
    """Evaluate the estimate on a grid, to be interpolated."""
    refusal = no_grid(fitted)
    if refusal:
        raise ValueError(f"algorithm='grid' {refusal}; use algorithm='auto'.")
    box = fitted.box
    fitted.grid = density_grid(fitted.points.rows, fitted.points.unequal_weights,
                               None if box is None else box.low, None if box is None else box.high)


def no_grid(fitted: FittedDensity) -> str:
    """Why binning and Fourier transforms cannot give this estimate; empty where they can."""
    points, box = fitted.points, fitted.box
    if points.d > 3:
        return f"is for up to 3 columns, got {points.d}"
    if points.kernel != "gaussian":
        return f"needs kernel='gaussian', got {points.kernel!r}"
    if not fitted.units.diagonal:
        return "needs a diagonal bandwidth"
    if points.local is not None:
        return "needs adaptive=None"
    if box is not None and box.boundary != "reflect":
        return f"needs boundary='reflect', got {box.boundary!r}"
    return ""
