"""The compiled binning against shares by hand."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from divest import _kernels


def binned(rows, weights, start, rate, shape):
    """Mass per node, one row and one corner at a time."""
    mass = np.zeros(shape)
    for row, weight in zip(rows, weights, strict=True):
        position = (row - start) * rate
        node = np.floor(position).astype(int)
        for corner in product((0, 1), repeat=len(row)):
            share = np.where(corner, position - node, 1 - (position - node)).prod()
            mass[tuple(node + corner)] += weight * share
    return mass


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_linear_binning(rng, d, weighted):
    shape, start, rate = (9, 5, 7)[:d], np.array([-1.0, 0.5, 2.0])[:d], np.array([4.0, 2, 3])[:d]
    rows = start + (np.array(shape) - 1) / rate * rng.random((60, d))
    weights = rng.random(60) if weighted else np.empty(0)
    strides = np.array([int(np.prod(shape[k + 1:])) for k in range(d)])
    mass = np.zeros(np.prod(shape) + strides.sum())
    _kernels.binning.linear_binning(rows, weights, start, rate, strides, mass)
    expected = binned(rows, weights if weighted else np.ones(60), start, rate, shape)
    assert_allclose(mass[:expected.size].reshape(shape), expected, atol=1e-12)
    assert_allclose(mass.sum(), weights.sum() if weighted else 60, rtol=1e-12)


def test_a_row_on_the_last_node_stays_there():
    mass = np.zeros(3 + 1)
    _kernels.binning.linear_binning(np.array([[2.0], [0.0]]), np.empty(0), np.zeros(1), np.ones(1),
                                    np.ones(1, np.int64), mass)
    assert_allclose(mass, [1, 0, 1, 0])
