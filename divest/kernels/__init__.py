"""Positive-definite kernels of the distance, as value objects, and the median bandwidth.

``k(x, y) = phi(u)`` with ``u = |x - y|^2``; Stein kernels ask for phi, phi' and phi'' u.
"""

from divest.kernels.kernel import Kernel, KernelSum
from divest.kernels.registry import (
    imq,
    log_inverse,
    matern32,
    matern52,
    median_bandwidth,
    rbf,
    resolve_kernel,
)

__all__ = [
    "Kernel",
    "KernelSum",
    "imq",
    "log_inverse",
    "matern32",
    "matern52",
    "median_bandwidth",
    "rbf",
    "resolve_kernel",
]
