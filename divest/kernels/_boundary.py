"""Kernels held down at points on the edge of a region."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky
from scipy.spatial.distance import cdist

from divest.kernels.kernel import Kernel

RIDGE = 1e-3  # added to the kernel of a boundary point with itself


def boundary_root(kernel: Kernel, points: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """Lower root L of ``K_BB + ridge I``; held down at B, k is ``k - k_B (L L')^-1 k_B'``."""
    gram = kernel.profile(cdist(points, points, "sqeuclidean"))[0]
    try:
        return cholesky(gram + ridge * np.eye(len(gram)), lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(f"the kernel between the {len(points)} boundary_points is singular with "
                         f"ridge={ridge:g}, as where points repeat or nearly do; pass a larger "
                         "ridge, or fewer points.") from None
