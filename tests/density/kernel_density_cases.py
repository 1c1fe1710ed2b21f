"""What several files of tests of KernelDensity share."""

import numpy as np
import pytest

from divest.density._profiles import KERNELS

BOUNDARIES = ("reflect", "renormalize", "linear", "positive")

Q3 = np.array([[0.0, 0, 0], [1, 1, 1], [6, 6, 6]])

WEIGHTS = np.arange(1.0, 301.0)

every_kernel = pytest.mark.parametrize("kernel", KERNELS)

every_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)


def fixed_data():
    """250 numbers with two modes, and 300 rows of three columns."""
    rng = np.random.default_rng(12345)
    x = np.concatenate([rng.normal(size=150), rng.normal(3, 0.5, 100)])
    return x[:, None], rng.normal(size=(300, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 2.0]])


COLUMN, ROWS = fixed_data()


def integral(density, start, stop, panels):
    """By Gauss-Legendre rules of 8 points on panels."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = (stop - start) / panels / 2
    x = np.linspace(start + half, stop - half, panels)[:, None] + half * nodes
    return half * np.sum(density.pdf(x.reshape(-1, 1)).reshape(panels, 8) * weights)
