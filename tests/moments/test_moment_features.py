"""Finite features of Gaussian kernels: what they come near to, and rows that are hard for them."""

import pickle

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

from divest.moments._features import (
    FourierFeatures,
    NystromFeatures,
    column_median_distances,
    gaussian,
    median_distance,
    moment_rows,
    spread_rows,
)

KINDS = [NystromFeatures, FourierFeatures]


def plain_kernel(X, Y, bandwidth):
    return np.array([[np.exp(-np.sum(((x - y) / bandwidth) ** 2) / 2) for y in Y] for x in X])


def inner(model, X, Y):
    return model.transform(X) @ model.transform(Y).T


# ------------------------------------------------------------ distances and products
def test_median_distances(rng):
    X = rng.normal(size=(51, 3)) * [1, 2, 30]
    assert median_distance(X) == np.median(pdist(X))
    assert np.array_equal(column_median_distances(X), [np.median(pdist(x[:, None])) for x in X.T])


def test_median_distance_where_most_rows_are_equal():
    X = np.zeros((40, 1))
    assert median_distance(X) == 1
    X[:3] = 5
    assert median_distance(X) == 5


def test_median_distance_of_many_rows_is_fixed_and_near(rng):
    X = rng.normal(size=(5000, 2))
    found = median_distance(X)
    assert found == median_distance(X)
    # of two standard normal columns a squared distance is 2 chi2_2: the median is 2 sqrt(log 2);
    # its error is that of a U-statistic over 800 rows, about 1.5 %
    assert found == pytest.approx(2 * np.sqrt(np.log(2)), rel=0.06)


def test_moment_rows_go_by_psi_first(rng):
    psi, F = rng.normal(size=(7, 2)), rng.normal(size=(7, 3))
    found = moment_rows(psi, F)
    assert found.shape == (7, 6)
    for a in range(2):
        for b in range(3):
            assert np.array_equal(found[:, 3 * a + b], psi[:, a] * F[:, b])
    assert moment_rows(psi, None) is psi


def test_gaussian_against_a_double_loop(rng):
    X, Y = rng.normal(size=(6, 2)), rng.normal(size=(5, 2))
    assert np.allclose(gaussian(X, Y), plain_kernel(X, Y, 1.0), rtol=1e-14)


# ------------------------------------------------------------ features
@pytest.mark.parametrize("bandwidth", [0.7, np.array([0.5, 2.0])])
def test_nystrom_is_exact_between_landmarks(rng, bandwidth):
    X = rng.normal(size=(30, 2))
    model = NystromFeatures(bandwidth, 30, 0).fit(X)
    # 1e-8 of the largest eigenvalue is dropped, which may be 30 of 30
    assert np.allclose(inner(model, X, X), plain_kernel(X, X, bandwidth), atol=1e-6)


def test_nystrom_comes_near_with_landmarks(rng):
    X = rng.normal(size=(400, 2))
    errors = [np.abs(inner(NystromFeatures(1.5, k, 0).fit(X), X, X)
                     - gaussian(X / 1.5, X / 1.5)) for k in (5, 20, 80)]
    few, some, many = (error.mean() for error in errors)
    assert few > 10 * some > 100 * many
    assert errors[2].max() < 1e-3


def test_fourier_is_unbiased_with_the_error_of_its_draws(rng):
    X = rng.normal(size=(8, 2))
    bandwidth = np.array([0.8, 3.0])
    exact, pairs = plain_kernel(X, X, bandwidth), 20_000
    found = inner(FourierFeatures(bandwidth, 2 * pairs, 1).fit(X), X, X)
    assert np.allclose(np.diag(found), 1)
    spread = np.sqrt((1 + exact**4 - 2 * exact**2) / 2 / pairs)  # of the mean of cos(w (x - y))
    assert (np.abs(found - exact) <= 5 * spread + 1e-12).all()


@pytest.mark.parametrize(("wanted", "given"), [(1, 2), (4, 4), (5, 6)])
def test_fourier_features_come_in_pairs(rng, wanted, given):
    X = rng.normal(size=(9, 2))
    assert FourierFeatures(1.0, wanted, 0).fit(X).transform(X).shape == (9, given)


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_features(rng, kind):
    X = rng.normal(size=(50, 2))
    one, again, other = (kind(1.0, 10, seed).fit(X).transform(X) for seed in (3, 3, 4))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_pickled_features(rng, kind):
    X = rng.normal(size=(50, 2))
    model = kind(1.0, 10, 0).fit(X)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))


@pytest.mark.parametrize("kind", KINDS)
def test_place_and_units_do_not_matter(rng, kind):
    X = rng.integers(0, 1000, size=(60, 2)) / 64.0
    plain = kind(np.array([3.0, 5.0]), 15, 0).fit(X).transform(X)
    scale, shift = np.array([4.0, 0.25]), 2.0**20  # exact in double precision
    moved = kind(np.array([3.0, 5.0]) * scale, 15, 0).fit(X * scale + shift)
    assert np.allclose(np.abs(moved.transform(X * scale + shift)), np.abs(plain), atol=1e-6)


def test_fewer_distinct_rows_than_landmarks(rng):
    X = rng.integers(0, 3, size=(100, 1)).astype(float)
    model = NystromFeatures(1.0, 50, 0).fit(X)
    assert model.landmarks.shape == (3, 1)
    assert model.transform(X).shape == (100, 3)
    assert np.allclose(inner(model, X, X), plain_kernel(X, X, 1.0), atol=1e-7)


def test_one_distinct_row_and_a_constant_column(rng):
    ones = np.ones((9, 2))
    assert NystromFeatures(1.0, 5, 0).fit(ones).transform(ones[:2]).shape == (2, 1)
    X = rng.normal(size=(40, 1))
    wide = np.column_stack([X, np.full(40, 1e6)])
    bandwidths = column_median_distances(wide)
    assert bandwidths[1] == 1
    found = inner(NystromFeatures(bandwidths, 10, 0).fit(wide), wide, wide)
    alone = inner(NystromFeatures(bandwidths[0], 10, 0).fit(X), X, X)
    assert np.allclose(found, alone)


# ------------------------------------------------------------ landmarks
def test_landmarks_are_distinct_rows(rng):
    X = np.repeat(rng.normal(size=(20, 2)), 5, axis=0)
    drawn = spread_rows(X, 20, np.random.default_rng(0))
    assert len(np.unique(drawn, axis=0)) == 20
    assert cdist(drawn, X).min(axis=1).max() == 0


def test_chances_go_with_the_squared_distance():
    """The second of two landmarks, from 0, 1 and 3: known chances."""
    X, second = np.array([[0.0], [1.0], [3.0]]), np.zeros((3, 3))
    for seed in range(3000):
        first, next_one = spread_rows(X, 2, np.random.default_rng(seed))[:, 0]
        second[np.searchsorted(X[:, 0], first), np.searchsorted(X[:, 0], next_one)] += 1
    wanted = np.array([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]]) / 3
    error = np.sqrt(wanted * (1 - wanted) / 3000)
    assert (np.abs(second / 3000 - wanted) <= 4 * error).all()
