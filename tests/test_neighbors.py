"""The neighbour search against sorting all distances: ties, scales, clusters, far points."""

import numpy as np
import plain
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from divest import _neighbors
from divest._neighbors import METRICS, TREE_MAX_DIMENSION, NeighborIndex

SWITCH = [TREE_MAX_DIMENSION, TREE_MAX_DIMENSION + 1]
metrics = pytest.mark.parametrize("metric", list(METRICS))


@pytest.fixture(params=["as chosen", "tree", "brute force"])
def search(request, monkeypatch):
    """Each test runs with both searches, whatever the dimension."""
    largest = {"as chosen": TREE_MAX_DIMENSION, "tree": 1000, "brute force": 0}[request.param]
    monkeypatch.setattr(_neighbors, "TREE_MAX_DIMENSION", largest)
    return request.param


def check_query(rows, queries, k, metric="euclidean", rtol=1e-13):
    """Distances exact; indices those of a full sort, but for ties."""
    index = NeighborIndex(rows, metric)
    found, near = index.query(index.transform(queries), k)
    expected, _ = plain.nearest(queries, rows, k, metric)
    assert_allclose(found * index.unit, expected, rtol=rtol, atol=0)
    assert (np.diff(found, axis=1) >= 0).all()
    points = index.points[near] * index.unit
    recomputed = [plain.distances(q[None], p, metric)[0]
                  for q, p in zip(queries, points, strict=True)]
    assert_allclose(recomputed, expected, rtol=rtol, atol=0)
    assert all(len(set(row)) == k for row in near)
    return near


# ------------------------------------------------------------ the nearest points
@metrics
@pytest.mark.parametrize("d", [1, 2, *SWITCH, 20])
@pytest.mark.parametrize("k", [1, 10, 200])
def test_nearest_of_200(rng, metric, d, k):
    rows, queries = rng.normal(size=(200, d)), rng.normal(size=(30, d))
    near = check_query(rows, queries, k, metric)
    assert_array_equal(near, plain.nearest(queries, rows, k, metric)[1])


@metrics
def test_nearest_over_many_tiles(rng, metric, search):
    rows = rng.normal(size=(3000, 8))
    near = check_query(rows, rows[:40], 12, metric)
    assert_array_equal(near[:, 0], np.arange(40))


@pytest.mark.parametrize("n", [2, 3, 63, 64, 65, 1023, 1024, 1025])
def test_any_number_of_points(rng, n, search):
    rows = rng.normal(size=(n, 9))
    check_query(rows, rows[:20], min(n, 5))
    check_query(rows, rows[:3], n)


def test_more_neighbours_than_points_gives_all_points(rng, search):
    index = NeighborIndex(rng.normal(size=(6, 3)))
    found, near = index.query(index.points, 50)
    assert found.shape == (6, 6)
    assert_array_equal(np.sort(near, axis=1), np.tile(np.arange(6), (6, 1)))


@pytest.mark.parametrize("k", [5, 120, 900])
def test_large_k_over_many_tiles(rng, k):
    rows = rng.normal(size=(2100, 10))
    check_query(rows, rows[:15], k)


# ------------------------------------------------------------ rounding
@metrics
@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e8])
def test_near_duplicates_far_from_the_origin(rng, metric, d, offset, search):
    """Pairs as close as numbers of this size allow, which expanding the square cannot see."""
    rows = rng.normal(size=(150, d)) + offset
    gap = 40 * np.spacing(max(offset, 1.0))
    rows = np.vstack([rows, rows + gap * rng.integers(1, 9, rows.shape)])
    near = check_query(rows, rows, 3, metric)
    found, _ = plain.nearest(rows, rows, 3, metric)
    assert (found[:, 1] > 0).all()  # all distinct, and
    assert_array_equal(near[:, 1], np.roll(np.arange(300), 150))  # each finds its twin


@metrics
@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("unit", [1e200, 1e-200, 1e-307, 3e306])
def test_huge_and_tiny_units(rng, metric, d, unit, search):
    """Squares of such distances overflow or vanish."""
    rows, queries = rng.uniform(-1, 1, (80, d)), rng.uniform(-1, 1, (10, d))
    index, scaled = NeighborIndex(rows, metric), NeighborIndex(rows * unit, metric)
    found, near = index.query(index.transform(queries), 7)
    also, the_same = scaled.query(scaled.transform(queries * unit), 7)
    assert_array_equal(near, the_same)
    assert_allclose(also * (scaled.unit / unit), found * index.unit, rtol=1e-13)


@metrics
def test_columns_of_very_different_units(rng, metric, search):
    rows = rng.normal(size=(300, 9)) * 10.0 ** np.arange(-12, 15, 3)
    check_query(rows, rows[:30], 5, metric)


@pytest.mark.parametrize("d", [2, 9])
def test_rows_in_tight_clusters(rng, d, search):
    """Single precision cannot tell the members of a cluster apart."""
    centers = 1e3 * rng.normal(size=(12, d))
    rows = np.repeat(centers, 110, axis=0) + 1e-5 * rng.normal(size=(1320, d))
    check_query(rows, rows[::50], 8)
    check_query(rows, rows[::200], 115)  # beyond the cluster


def test_one_row_far_from_all_others(rng, search):
    rows = 1e-4 * rng.normal(size=(1500, 9))
    rows[700] += 1e6
    check_query(rows, rows[690:710], 6)


@metrics
@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("far", [1e3, 1e10, 1e100])
def test_new_points_far_away(rng, metric, d, far, search):
    rows = rng.normal(size=(100, d))
    queries = np.vstack([np.full((1, d), far), np.full((1, d), -far), far * np.eye(d)])
    check_query(rows, queries, 5, metric)


@metrics
@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("far", [1e160, 1e200, 1e307])
def test_new_points_too_far_to_square_still_find_points(rng, metric, d, far, search):
    index = NeighborIndex(rng.normal(size=(100, d)), metric)
    _, near = index.query(index.transform(np.full((2, d), far)), 5)
    assert ((near >= 0) & (near < 100)).all()
    assert all(len(set(row)) == 5 for row in near)


# ------------------------------------------------------------ equal rows
def test_equal_rows_become_one_point(rng):
    rows = rng.integers(3, size=(200, 2)).astype(float)
    index = NeighborIndex(rows)
    assert len(index.points) == 9
    assert_array_equal(index.points[index.point_of_row] * index.unit, rows)
    assert_array_equal(index.multiplicity, np.bincount(index.point_of_row))


def test_minus_zero_is_zero():
    index = NeighborIndex(np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]]))
    assert_array_equal(index.multiplicity, [2, 1])


@pytest.mark.parametrize("value", [0.0, 5.0, 1e300])
def test_all_rows_equal(value, search):
    index = NeighborIndex(np.full((10, 3), value))
    ((rows, indices, ends),) = index.balls(index.points, np.array([1, 4]), own=1)
    assert_array_equal(rows, [0])
    assert_array_equal(indices, [[0]])
    assert_array_equal(ends, [[1, 1]])


# ------------------------------------------------------------ closed balls
LATTICES = {
    "continuous": lambda rng: rng.normal(size=(120, 2)),
    "integers": lambda rng: np.round(2 * rng.normal(size=(150, 2))),
    "tenths": lambda rng: np.round(rng.normal(size=(150, 2)), 1),
    "few values": lambda rng: rng.integers(2, size=(150, 3)).astype(float),
    "one column": lambda rng: rng.integers(12, size=(150, 1)).astype(float),
    "duplicates and others": lambda rng: np.repeat(rng.normal(size=(40, 9)), 3, axis=0),
    "grid in nine columns": lambda rng: rng.integers(3, size=(150, 9)).astype(float),
    "equally far": lambda rng: np.eye(60),
    "offset": lambda rng: np.round(2 * rng.normal(size=(150, 9))) + 1e8,
}


def members(index, queries, ks, own):
    """Rows of the sample in each ball, (queries, ks, rows)."""
    inside = np.zeros((len(queries), len(ks), len(index.point_of_row)), bool)
    seen = []
    for rows, indices, ends in index.balls(queries, ks, own):
        seen.extend(rows)
        for row, near, stops in zip(rows, indices, ends, strict=True):
            for b, stop in enumerate(stops):
                inside[row, b] = np.isin(index.point_of_row, near[:stop])
    assert_array_equal(np.sort(seen), np.arange(len(queries)))
    return inside


@metrics
@pytest.mark.parametrize("data", LATTICES)
def test_balls_of_the_rows_themselves(rng, metric, data, search):
    rows, ks = LATTICES[data](rng), np.array([1, 4, 5, 30])
    matrix = plain.distances_within(rows, metric)
    index = NeighborIndex(rows, metric)
    inside = members(index, index.points[index.point_of_row], ks, own=1)
    for b, k in enumerate(ks):
        expected = plain.closed_ball(matrix, k) | np.eye(len(rows), dtype=bool)
        assert_array_equal(inside[:, b], expected)


@metrics
@pytest.mark.parametrize("data", LATTICES)
def test_balls_around_new_points(rng, metric, data, search):
    rows, ks = LATTICES[data](rng), np.array([1, 7, 40])
    queries = np.vstack([rows[:10], rows[:10] + 0.25])
    index = NeighborIndex(rows, metric)
    inside = members(index, index.transform(queries), ks, own=0)
    matrix = plain.distances(queries, rows, metric)
    for b, k in enumerate(ks):
        assert_array_equal(inside[:, b], plain.closed_ball(matrix, k))


@given(arrays(np.int8, st.tuples(st.integers(3, 25), st.integers(1, 3)),
              elements=st.integers(-2, 2)), st.sampled_from(list(METRICS)), st.data())
def test_balls_of_any_small_lattice(values, metric, data):
    rows = values.astype(float) / 10
    k = data.draw(st.integers(1, len(rows) - 1))
    index = NeighborIndex(rows, metric)
    inside = members(index, index.points[index.point_of_row], np.array([k]), own=1)[:, 0]
    expected = plain.closed_ball(plain.distances_within(rows, metric), k)
    assert_array_equal(inside, expected | np.eye(len(rows), dtype=bool))


# ------------------------------------------------------------ the same every time
@pytest.mark.parametrize("d", [2, 9])
def test_order_visits_every_point_once(rng, d):
    index = NeighborIndex(rng.normal(size=(500, d)))
    assert_array_equal(np.sort(index.order), np.arange(500))


@pytest.mark.parametrize("data", ["tenths", "grid in nine columns", "equally far"])
def test_order_of_rows_does_not_matter(rng, data, search):
    rows = LATTICES[data](rng)
    order = rng.permutation(len(rows))
    one, other = NeighborIndex(rows), NeighborIndex(rows[order])
    first = members(one, one.points[one.point_of_row], np.array([3, 9]), own=1)
    second = members(other, other.points[other.point_of_row], np.array([3, 9]), own=1)
    assert_array_equal(first[order][:, :, order], second)


def test_same_answer_again(rng, search):
    rows = rng.normal(size=(1500, 9))
    answers = []
    for _ in range(2):
        index = NeighborIndex(rows)
        answers.append(index.query(index.points[:40], 9))
    assert_array_equal(answers[0], answers[1])


@pytest.mark.parametrize("kind", ["clouds 1e3 apart", "clouds 1e6 apart", "clouds 1e9 apart",
                                  "one bimodal column", "twins"])
def test_where_single_precision_is_no_guide(rng, kind):
    """Queries then go by double precision, or by exact distances; the answers are the same."""
    X = rng.normal(size=(700, 9))
    if kind.startswith("clouds"):
        X[:300] += float(kind.split()[1])
    elif kind.startswith("one"):
        X[:, 0] = 1000.0 * rng.integers(0, 2, 700)
    else:
        X[::2] = X[1::2] + 1e-9 * rng.normal(size=(350, 9))
    search = _neighbors._BruteForce(X, 2)
    distances, indices = search.query(X, 12)
    matrix = cdist(X, X)
    expected = np.sort(matrix, axis=1)[:, :12]
    assert_allclose(distances, expected, rtol=1e-12)
    assert_allclose(np.take_along_axis(matrix, indices.astype(int), 1), expected, rtol=1e-12)
    assert (search._precise is not None) == (kind != "twins")
