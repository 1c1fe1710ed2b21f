"""Numbers of neighbours and weights: the conditions that define them, and their norms."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from divest.divergence._ensemble import (
    average_weights,
    extrapolation_weights,
    neighbor_grid,
    paper_grid,
    paper_weights,
)

dimensions = pytest.mark.parametrize("d", [1, 2, 3, 5, 10, 20, 0.7])


# ------------------------------------------------------------ grids
def test_grid_of_the_method_page():
    assert_array_equal(neighbor_grid(500, 700), [12, 17, 24, 34, 48, 68, 96])
    assert_array_equal(neighbor_grid(700, 500), [12, 17, 24, 34, 48, 68, 96])
    assert_array_equal(neighbor_grid(500, 500)[[0, -1]], [10, 80])
    assert_array_equal(neighbor_grid(100, 900)[[0, -1]], [50, 250])  # a quarter of the rows


@given(st.integers(11, 10**6), st.integers(11, 10**6))
def test_grid_lies_within_the_rows(n_p, n_q):
    ks, n = neighbor_grid(n_p, n_q), n_p + n_q
    low = ceil(5 * n / min(n_p, n_q))
    assert ks.dtype == np.int64
    assert (np.diff(ks) > 0).all()
    assert ks[0] == low
    assert ks[-1] == min(n - 2, max(2 * low, min(8 * low, n // 4)))
    assert 2 <= len(ks) <= 7
    steps = np.diff(np.log(ks[ks > 20]))
    assert len(steps) < 2 or np.ptp(steps) < 0.12  # geometric, but for rounding


def test_paper_grid():
    assert_array_equal(paper_grid(500, 700), np.floor(np.linspace(0.3, 2.5, 12) * 500**0.5))
    assert_array_equal(paper_grid(11, 50), [1, 2, 3, 4, 5, 6, 7, 8])
    assert paper_grid(2, 2)[0] == 1


# ------------------------------------------------------------ extrapolation
@dimensions
def test_extrapolation_is_exact_on_lines(d):
    ks = neighbor_grid(500, 700)
    weights = extrapolation_weights(ks, d)
    x = (ks / ks.max()) ** (2 / d)
    assert_allclose(weights @ (3.0 - 2.0 * x), 3.0, rtol=1e-10)


@dimensions
def test_extrapolation_is_weighted_least_squares(d, rng):
    ks, values = neighbor_grid(500, 700), rng.normal(size=7)
    fit = np.polyfit((ks / ks.max()) ** (2 / d), values, 1, w=np.sqrt(ks))
    assert_allclose(extrapolation_weights(ks, d) @ values, fit[1], rtol=1e-9)


@pytest.mark.parametrize(("d", "norm"), [
    (1, 0.581), (2, 0.813), (3, 1.091), (5, 1.692), (10, 3.262), (20, 6.45),
])
def test_norms_of_the_extrapolation(d, norm):
    weights = extrapolation_weights(neighbor_grid(500, 500), d)
    assert_allclose(np.linalg.norm(weights), norm, atol=0.0005)


@pytest.mark.parametrize("rule", [lambda ks: extrapolation_weights(ks, 2), average_weights])
def test_one_number_stands_alone(rule):
    assert_array_equal(rule(np.array([40])), [1.0])


# ------------------------------------------------------------ average
@pytest.mark.parametrize(("n", "expected"), [
    (2, [0.5, 0.5]), (5, [0.2] * 5), (7, [0.2] * 5 + [0, 0]),
])
def test_average_of_the_five_smallest(n, expected):
    assert_allclose(average_weights(np.arange(1, n + 1)), expected)


# ------------------------------------------------------------ the weights of the paper
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_paper_weights_meet_their_conditions(d):
    ks, root = paper_grid(1000, 1000), np.sqrt(1000)
    weights = paper_weights(ks, root, d)
    powers = [weights @ (ks / root) ** (i / d) for i in range(d + 1)]
    assert_allclose(powers, [1] + [0] * d, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_paper_weights_have_the_smallest_norm(d, rng):
    """They are orthogonal to every change that keeps the conditions."""
    ks, root = paper_grid(1000, 1000), np.sqrt(1000)
    weights = paper_weights(ks, root, d)
    conditions = np.array([(ks / root) ** (i / d) for i in range(d + 1)])
    for change in rng.normal(size=(5, len(ks))):
        change -= conditions.T @ np.linalg.lstsq(conditions.T, change, rcond=None)[0]
        assert abs(change @ weights) < 1e-9 * np.linalg.norm(weights)


@pytest.mark.parametrize(("d", "norm", "digits"), [(1, 0.7, 1), (2, 3.5, 1), (3, 38, 0),
                                                   (5, 18000, -3)])
def test_norms_of_the_paper_weights(d, norm, digits):
    weights = paper_weights(np.linspace(0.3, 2.5, 12), 1.0, d)
    assert round(np.linalg.norm(weights), digits) == norm
