"""Standardising by the pooled sample: unit deviations, whitening, constant columns, units."""

import pickle

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divest.divergence._standardize import METHODS, Standardizer

scaling = pytest.mark.parametrize("method", ["std", "whiten"])


@pytest.fixture
def rows(rng):
    """Five columns, correlated, of different units; the fourth is constant."""
    Z = rng.normal(size=(200, 5)) @ rng.normal(size=(5, 5)) * [1, 10, 0.01, 1, 100] + 3
    Z[:, 3] = 0.1
    return Z


def scaled(rows, method):
    return Standardizer.from_rows(rows, method).transform(rows)


def test_none_leaves_rows_alone(rows):
    assert scaled(rows, None) is rows
    assert Standardizer.from_rows(rows, None).dimension == 4


def test_std_gives_unit_deviations(rows):
    out = scaled(rows, "std")
    varies = [0, 1, 2, 4]
    assert_allclose(out[:, varies], rows[:, varies] / rows.std(axis=0)[varies]
                    - ((rows.max(axis=0) + rows.min(axis=0)) / 2 / rows.std(axis=0))[varies],
                    atol=1e-10)
    assert_array_equal(out[:, 3], 0)


def test_whitening_gives_unit_covariance(rows):
    out = scaled(rows, "whiten")
    assert out.shape == (200, 4)
    assert_allclose(np.cov(out.T, ddof=0), np.eye(4), atol=1e-10)


@scaling
@pytest.mark.parametrize("unit", [1e200, 1e-200, 3e306, 1e-300])
def test_units_do_not_matter(rows, method, unit):
    small = rows / np.abs(rows).max()
    assert_allclose(plain.distances(*[scaled(small * unit, method)] * 2),
                    plain.distances(*[scaled(small, method)] * 2), rtol=1e-9, atol=1e-12)


@scaling
def test_each_column_may_have_its_own_unit(rows, method):
    units = np.array([1e-150, 1e150, 7.0, 1e30, 1e-30])
    assert_allclose(plain.distances(*[scaled(rows * units, method)] * 2),
                    plain.distances(*[scaled(rows, method)] * 2), rtol=1e-8, atol=1e-11)


@scaling
def test_offsets_do_not_matter(rows, method):
    """A column of deviation near 1 at 1e8 is known to 1e-8 of its deviation."""
    unit = rows / np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1)
    assert_allclose(plain.distances(*[scaled(unit + 1e8, method)] * 2),
                    plain.distances(*[scaled(unit, method)] * 2), rtol=1e-6, atol=1e-6)


def test_whitened_distances_are_invariant_under_linear_maps(rng, rows):
    mixed = rows @ rng.normal(size=(5, 5)) + 7
    assert_allclose(plain.distances(*[scaled(mixed, "whiten")] * 2),
                    plain.distances(*[scaled(rows, "whiten")] * 2), rtol=1e-6, atol=1e-9)


def test_directions_without_variance_are_left_out(rng):
    flat = rng.normal(size=(100, 2)) @ rng.normal(size=(2, 6))
    standardizer = Standardizer.from_rows(flat, "whiten")
    assert standardizer.dimension == 2
    assert standardizer.transform(flat).shape == (100, 2)
    assert Standardizer.from_rows(flat, "std").dimension == 6  # columns that vary


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_rows_that_are_all_equal(method, value):
    standardizer = Standardizer.from_rows(np.full((9, 3), value), method)
    out = standardizer.transform(np.full((9, 3), value))
    assert standardizer.dimension == 1
    assert np.isfinite(out).all()
    assert (out == out[0]).all()


@scaling
@pytest.mark.parametrize("n", [50, 137, 1001])
@pytest.mark.parametrize("d", [1, 2, 3, 9, 17])
def test_equal_rows_stay_equal(rng, method, n, d):
    rows = np.round(rng.normal(size=(n // 4, d)), 1)[rng.integers(n // 4, size=n)] + 1e3
    kept = np.unique(scaled(rows, method), axis=0)
    assert len(kept) == len(np.unique(rows, axis=0))


@scaling
def test_new_rows_are_scaled_as_the_old(rng, rows, method):
    standardizer = Standardizer.from_rows(rows, method)
    old = standardizer.transform(rows)
    assert_allclose(standardizer.transform(rows[:7]), old[:7], rtol=1e-12, atol=1e-12)
    moved = rows[:7] + [0, 0, 0, 5, 0]  # the constant column does not count
    assert_allclose(standardizer.transform(moved), old[:7], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_pickled_map_is_the_same(rows, method):
    standardizer = Standardizer.from_rows(rows, method)
    again = pickle.loads(pickle.dumps(standardizer))
    assert_array_equal(again.transform(rows), standardizer.transform(rows))
