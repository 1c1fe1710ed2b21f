"""Samples that several files of these tests share."""

import numpy as np
import pytest


@pytest.fixture
def samples(rng):
    """60 and 80 rows of shifted normal laws in the plane."""
    return rng.normal(size=(60, 2)) + [0.7, 0.0], rng.normal(size=(80, 2))


@pytest.fixture(scope="module")
def fixed():
    """The two samples behind the fixed values of the neighbour ratios."""
    rng = np.random.default_rng(12345)
    P = rng.normal(size=(500, 2))
    return P, rng.normal(size=(700, 2)) + [1.0, 0.0]


@pytest.fixture(scope="module")
def page():
    """The two samples behind the fixed values of the symmetric distances."""
    rng = np.random.default_rng(12345)
    return rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) * 1.3
