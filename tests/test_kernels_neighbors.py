"""Each compiled loop of the neighbour search against its slow twin, on random input."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divest import _kernels

METRICS = list(plain.POWER)
loops = _kernels.neighbors


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 2, 9])
def test_distance(rng, metric, d):
    for a, b in rng.normal(size=(5, 2, d)):
        assert_allclose(loops.distance(a, b, plain.POWER[metric]), plain.distance(a, b, metric),
                        rtol=1e-14)


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_distance_tile(rng, metric):
    queries, points = rng.normal(size=(7, 4)), rng.normal(size=(30, 4))
    scores = np.full((7, 30), np.nan)
    loops.distance_tile(queries, np.ascontiguousarray(points.T), plain.POWER[metric], scores)
    assert_allclose(scores, plain.distances(queries, points, metric), rtol=1e-14)


@pytest.mark.parametrize("values", ["continuous", "ties", "sorted", "equal"])
@pytest.mark.parametrize("k", [1, 7, 40])
def test_partition(rng, values, k):
    scores = {"continuous": rng.normal(size=50), "ties": rng.integers(5, size=50).astype(float),
              "sorted": np.arange(50.0), "equal": np.zeros(50)}[values]
    found, labels = scores.copy(), np.arange(50, dtype=np.int32)
    loops.partition(found, labels, 40, k)  # the last ten do not take part
    assert_array_equal(scores[labels], found)
    assert_array_equal(np.sort(labels[:40]), np.arange(40))
    assert_array_equal(labels[40:], np.arange(40, 50))
    assert_array_equal(np.sort(found[:k]), np.sort(scores[:40])[:k])


@pytest.mark.parametrize("limit", [np.inf, 0.3, -1.0])
def test_compact(rng, limit):
    points = 60
    for _ in range(20):
        scores, slack = rng.normal(size=points), 0.2 * rng.random(points)
        labels = rng.permutation(points).astype(np.int32)
        expected, reach = plain.compact(scores, labels, 10, limit, slack, 0.1)
        kept, found = loops.compact(scores, labels, points, 10, limit, slack, 0.1)
        assert_allclose(found, reach, rtol=1e-15)
        if expected is None:
            assert kept == -1
        else:
            assert set(labels[:kept]) == expected


@pytest.mark.parametrize("columns", [1, 63, 64, 65, 200])
def test_lowest_of_groups(rng, columns):
    row, lowest = rng.normal(size=columns), np.empty(loops.LANES)
    loops.lowest_of_groups(row, lowest)
    assert_array_equal(lowest, plain.lowest_of_groups(row, loops.LANES))


def scanned(scores, k, rank, slack, query_slack, tile=100):
    """What `scan_tile` keeps of a whole matrix of scores, tile by tile."""
    m, n = scores.shape
    room = 4 * k + tile
    kept_scores, kept = np.empty((m, room)), np.empty((m, room), np.int32)
    counts, limits = np.zeros(m, np.int64), np.full(m, np.inf)
    for first in range(0, n, tile):
        loops.scan_tile(np.ascontiguousarray(scores[:, first:first + tile]), first, k, rank, slack,
                        query_slack, kept_scores, kept, counts, limits)
    return kept_scores, kept, counts, limits


@pytest.mark.parametrize("rank", [0, 3, 20])
@pytest.mark.parametrize("order", ["random", "rising", "falling"])
def test_scan_keeps_all_scores_up_to_its_limit(rng, rank, order):
    k, scores, slack = 5, rng.normal(size=(8, 450)), np.full(450, 1e-3)
    if order != "random":
        scores = np.sort(scores, axis=1)[:, ::1 if order == "rising" else -1]
    kept_scores, kept, counts, limits = scanned(scores, k, rank, slack, np.full(8, 1e-3))
    assert order == "falling" or (counts >= 0).all()  # there, candidates run over
    for row, values, labels, count, limit in zip(scores, kept_scores, kept, counts, limits,
                                                 strict=True):
        if count >= 0:
            found = labels[:count]
            assert len(set(found)) == count
            assert_array_equal(values[:count], row[found])
            assert set(np.flatnonzero(row <= limit)) <= set(found)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("rank", [0, 3, 20])
def test_scan_and_settle_find_the_nearest(rng, metric, rank):
    k, queries, points = 6, rng.normal(size=(10, 3)), rng.normal(size=(350, 3))
    exact = plain.distances(queries, points, metric)
    slack, query_slack = 0.02 * rng.random(350), 0.02 * rng.random(10)
    noise = (slack + query_slack[:, None]) / 2 * rng.uniform(-1, 1, exact.shape)
    found = scanned(exact + noise, k, rank, slack, query_slack)
    near, indices = np.empty((10, k)), np.empty((10, k), np.int32)
    loops.settle(queries, points, plain.POWER[metric], k, slack, query_slack, *found, near, indices)
    expected, order = plain.nearest(queries, points, k, metric)
    assert_allclose(near, expected, rtol=1e-14)
    assert_array_equal(indices, order)


def test_settle_compares_all_points_where_candidates_are_no_guide(rng):
    queries, points = rng.normal(size=(3, 2)), rng.normal(size=(40, 2))
    counts = np.array([-1, 2, 0])  # given up, fewer than k, none
    near, indices = np.empty((3, 4)), np.empty((3, 4), np.int32)
    loops.settle(queries, points, 2, 4, np.zeros(40), np.zeros(3), np.zeros((3, 10)),
                 np.zeros((3, 10), np.int32), counts, np.full(3, np.inf), near, indices)
    assert_array_equal(indices, plain.nearest(queries, points, 4)[1])


def sorted_lists(rng, length, points=40, lattice=True):
    """Sorted distances to some of `points` points with multiplicities, many of them tied."""
    gaps = rng.integers(1, 8, (25, points)) * 0.1 if lattice else rng.random((25, points))
    gaps[:, 0] = 0.0
    order = np.argsort(gaps, axis=1, kind="stable")[:, :length].astype(np.int32)
    return np.take_along_axis(gaps, order, axis=1), order, rng.integers(1, 4, points)


@pytest.mark.parametrize("lattice", [True, False])
@pytest.mark.parametrize("length", [3, 12, 40])
@pytest.mark.parametrize("own", [0, 1])
def test_closed_balls(rng, lattice, length, own):
    gaps, indices, weights = sorted_lists(rng, length, lattice=lattice)
    ks = np.array([1, 2, 5, 9, 30])
    ends = loops.closed_balls(indices, gaps, weights, ks, own, plain.TIE)
    for row in range(25):
        expected = [plain.ball_end(gaps[row], weights[indices[row]], k + own, 40) for k in ks]
        short = expected.index(-1) if -1 in expected else len(ks)
        assert list(ends[row, :short]) == expected[:short]
        assert (ends[row, short:] == -1).all()  # larger balls are not known either


def test_equal_to_rounding_is_tied():
    gaps = np.array([[0.0, 1.0, 1.0 + 9e-13, 1.0 + 3e-12, 2.0]])
    ends = loops.closed_balls(np.arange(5, dtype=np.int32)[None], gaps, np.ones(5, np.int64),
                              np.array([1]), 1, plain.TIE)
    assert ends.item() == 3


@pytest.fixture
def balls(rng):
    """Centres, near points and ends of closed balls of three sizes around 40 points."""
    gaps, indices, weights = sorted_lists(rng, 40)
    ends = loops.closed_balls(indices, gaps, weights, np.array([2, 5, 9]), 1, plain.TIE)
    centers = rng.permutation(40)[:25]
    return centers, indices, ends, weights


def test_ball_sums(rng, balls):
    _, indices, ends, _ = balls
    values = rng.integers(0, 9, 40)
    found = loops.ball_sums(indices, ends, values)
    assert_array_equal(found, plain.ball_sums(indices, ends, values))


def test_scatter(rng, balls):
    centers, indices, ends, _ = balls
    change = rng.normal(size=(40, 3, 2))
    out = np.ones((40, 2))
    later = np.ascontiguousarray(np.cumsum(change[:, ::-1], axis=1)[:, ::-1])
    loops.scatter(centers, indices, ends, later, out)
    assert_allclose(out - 1, plain.scatter(centers, indices, ends, change, 40), atol=1e-13)


@pytest.mark.parametrize("duplicates", [True, False])
def test_permuted_sums(rng, balls, duplicates):
    centers, indices, ends, weights = balls
    members = weights if duplicates else np.ones(40, np.int64)
    for row, center in enumerate(centers):  # a ball holds its centre, as the first point
        indices[row] = [center, *(j for j in indices[row] if j != center)]
    labels = rng.binomial(members[:, None], 0.4, (40, 5)).astype(np.uint8)
    sizes = np.zeros((40, 3), np.int64)
    sizes[centers] = loops.ball_sums(indices, ends, members) - 1
    terms = rng.normal(size=(2, 40, 3, members.sum() + 1))  # of a Q-row, of a P-row; by C
    starts, table = np.zeros((40, 3), np.int64), []
    for center, ball in np.ndindex(40, 3):
        starts[center, ball] = len(table)
        for side in terms[:, center, ball]:
            table.extend(side[:sizes[center, ball] + 1])
    out = np.zeros((3, 5))
    loops.permuted_sums(centers, indices, ends, members, labels, starts, sizes, np.array(table),
                        out)
    expected = plain.permuted_sums(centers, indices, ends, members, labels,
                                   lambda C, center, ball: terms[1, center, ball, C],
                                   lambda C, center, ball: terms[0, center, ball, C])
    assert_allclose(out, expected, atol=1e-12)


@pytest.mark.parametrize("digits", [None, 1, 0, -1])
def test_closed_intervals(rng, digits):
    rows = np.sort(5 * rng.normal(size=60))
    rows = rows if digits is None else np.round(rows, digits)
    values, point_of_row = np.unique(rows, return_inverse=True)
    ks = np.array([1, 2, 7, 30, 59])
    found = loops.closed_intervals(values, point_of_row, ks, plain.TIE)
    expected = [plain.closed_intervals(rows, k) for k in ks]
    assert_array_equal(np.transpose(found, (2, 0, 1)), expected)


@pytest.mark.parametrize("metric", METRICS)
def test_within(rng, metric):
    queries, points = rng.normal(size=(12, 3)), rng.normal(size=(30, 3))
    members, reach = rng.integers(1, 4, 30), rng.uniform(0, 3, 12)
    reach[0] = 0.0
    farthest, count = loops.within(queries, points, members, plain.POWER[metric], reach)
    expected, rows = plain.within(queries, points, members, metric, reach)
    assert_allclose(farthest, expected, rtol=1e-14)
    assert_array_equal(count, rows)


def test_unknown_file_of_loops_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'neighbours'"):
        _kernels.neighbours  # noqa: B018
