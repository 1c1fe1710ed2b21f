"""The labelled graph: counts in closed balls, those after a deletion, blocks, parallel runs."""

import pickle

import numpy as np
import plain
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal

from divest.divergence import _graph
from divest.divergence._graph import LabelledGraph, LabelledLine, labelled_graph

KS = np.array([1, 4, 5, 20])
DATA = {
    "continuous": lambda rng: rng.normal(size=(90, 2)),
    "high dimension": lambda rng: rng.normal(size=(90, 9)),
    "integers": lambda rng: np.round(1.5 * rng.normal(size=(90, 2))),
    "tenths": lambda rng: np.round(rng.normal(size=(90, 2)), 1),
    "few atoms": lambda rng: rng.integers(3, size=(90, 1)).astype(float),
    "one column": lambda rng: rng.normal(size=(90, 1)),
    "tenths in one column": lambda rng: np.round(rng.normal(size=(90, 1)), 1),
    "all equal": lambda rng: np.ones((90, 2)),
    "some duplicates": lambda rng: rng.normal(size=(60, 2))[np.minimum(np.arange(90), 59)],
    "offset": lambda rng: np.round(2 * rng.normal(size=(90, 3))) + 1e8,
}
every = pytest.mark.parametrize("data", DATA)


def draw(rng, data):
    """Rows, and which of them are from P."""
    return DATA[data](rng), rng.permutation(np.arange(90) < 35)


def by_row(graph, is_p, name):
    """A count of each row, in the order of the rows."""
    out = np.empty((len(is_p), len(graph.ks)), np.int64)
    for side, label in ((graph.p, True), (graph.q, False)):
        rows = np.flatnonzero(is_p == label)
        at = np.searchsorted(side.points, graph.index.point_of_row[rows])
        assert_array_equal(side.points[at], graph.index.point_of_row[rows])
        out[rows] = getattr(side, name)[at]
    return out


def same_counts(one, other):
    for side in ("p", "q"):
        for name in ("points", "weights", "C", "K", "C_next", "K_next"):
            assert_array_equal(getattr(getattr(one, side), name),
                               getattr(getattr(other, side), name))


# ------------------------------------------------------------ counts
@every
@pytest.mark.parametrize("metric", list(plain.POWER))
def test_counts_match_sorting_all_distances(rng, data, metric):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS, metric=metric)
    matrix = plain.distances_within(rows, metric)
    C, K, C_next, K_next = (by_row(graph, is_p, name) for name in ("C", "K", "C_next", "K_next"))
    for b, k in enumerate(KS):
        expected = plain.labelled_counts(matrix, is_p, k)
        larger = plain.labelled_counts(matrix, is_p, k + 1)
        assert_array_equal((C[:, b], K[:, b]), expected)
        tied = expected[1] > k  # then one of the ball may go and the radius stays
        assert_array_equal(C_next[:, b], np.where(tied, expected[0], larger[0]))
        assert_array_equal(K_next[:, b], np.where(tied, expected[1], larger[1]))


@every
def test_sizes_and_weights(rng, data):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS)
    assert (graph.n_p, graph.n_q) == (35, 55)
    assert graph.p.weights.sum() == 35
    assert graph.q.weights.sum() == 55
    assert len(np.unique(rows, axis=0)) == len(graph.index.points) == len(graph.p_at_point)


@every
def test_mean_is_over_rows(rng, data):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS)
    for side, label in ((graph.p, True), (graph.q, False)):
        assert_allclose(side.mean(side.C), by_row(graph, is_p, "C")[is_p == label].mean(axis=0))


@every
def test_balls_reach_all_other_rows(rng, data):
    """k = n - 2 is the largest allowed; after a deletion that is everyone else."""
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, np.array([88]))
    assert_array_equal(by_row(graph, is_p, "K_next")[:, 0], np.full(90, 89))
    assert_array_equal(by_row(graph, is_p, "C_next")[:, 0], 35 - is_p)


# ------------------------------------------------------------ passing changes on
@every
def test_scatter_reaches_the_points_in_each_ball(rng, data):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS)
    n_points = len(graph.index.points)
    change = rng.normal(size=(n_points, len(KS), 3))
    later = np.cumsum(change[:, ::-1], axis=1)[:, ::-1]
    matrix = plain.distances_within(rows)
    expected = np.zeros((n_points, 3))
    first_row = np.unique(graph.index.point_of_row, return_index=True)[1]
    for b, k in enumerate(KS):
        ball = plain.closed_ball(matrix, k)
        for point, row in enumerate(first_row):
            for other in set(graph.index.point_of_row[ball[row]]) - {point}:
                expected[other] += change[point, b]
    assert_allclose(graph.scatter(later), expected, atol=1e-12)


# ------------------------------------------------------------ one column
@pytest.mark.parametrize("change", [lambda x: x, lambda x: np.round(x, 1), np.round, np.sign,
                                    lambda x: np.round(4 * x) + 1e8, lambda x: np.exp(20 * x),
                                    np.zeros_like])
def test_line_is_the_graph_of_one_column(rng, change):
    rows, is_p = change(rng.normal(size=(150, 1))), rng.permutation(np.arange(150) < 60)
    ks = np.array([1, 4, 5, 40, 148])
    line, graph = (kind(rows, is_p, ks) for kind in (LabelledLine, LabelledGraph))
    same_counts(line, graph)
    changes = rng.normal(size=(len(graph.index.points), 5, 3))
    assert_allclose(line.scatter(changes), graph.scatter(changes), rtol=1e-12, atol=1e-11)
    assert_array_equal(line.count_around(rows + 0.3, 7), graph.count_around(rows + 0.3, 7))


def test_line_is_for_one_column_only(rng):
    is_p = np.arange(9) < 4
    for d, kind in ((1, LabelledLine), (2, LabelledGraph)):
        assert type(labelled_graph(rng.normal(size=(9, d)), is_p, KS[:1])) is kind


# ------------------------------------------------------------ new points
@every
@pytest.mark.parametrize("k", [1, 7, 30])
def test_counts_around_new_points(rng, data, k):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS)
    queries = np.vstack([rows[:20], rows[:20] + 0.3])
    expected = plain.labelled_counts(plain.distances(queries, rows), is_p, k)
    assert_array_equal(graph.count_around(queries, k), expected)


# ------------------------------------------------------------ blocks, threads, processes
@pytest.mark.parametrize("data", ["continuous", "high dimension", "tenths"])
def test_searching_again_is_the_same_as_keeping(rng, data, monkeypatch):
    rows, is_p = draw(rng, data)
    kept = labelled_graph(rows, is_p, KS)
    monkeypatch.setattr(_graph, "KEPT_MEMBERS", 0)
    again = labelled_graph(rows, is_p, KS)
    same_counts(kept, again)
    changes = rng.normal(size=(len(kept.index.points), len(KS), 2))
    assert_allclose(kept.scatter(changes), again.scatter(changes), rtol=1e-13, atol=1e-13)
    assert len(pickle.dumps(again)) < len(pickle.dumps(kept))  # the lists are not there


@pytest.mark.parametrize("data", ["continuous", "high dimension", "tenths"])
def test_small_blocks_are_the_same_as_one(rng, data, monkeypatch):
    rows, is_p = np.tile(DATA[data](rng), (3, 1)), rng.permutation(np.arange(270) < 100)
    rows[90:] += rng.integers(2, size=(180, 1)) * 0.1  # some rows stay equal
    one = labelled_graph(rows, is_p, KS)
    monkeypatch.setattr("divest._neighbors._ENTRIES_PER_BLOCK", 1)
    many = labelled_graph(rows, is_p, KS)
    assert len(list(many.blocks())) > len(list(one.blocks()))
    same_counts(one, many)
    changes = rng.normal(size=(len(one.index.points), len(KS), 2))
    assert_allclose(one.scatter(changes), many.scatter(changes), rtol=1e-12, atol=1e-13)
    assert_array_equal(one.count_around(rows, 5), many.count_around(rows, 5))


@pytest.mark.parametrize("data", ["continuous", "tenths", "high dimension"])
@pytest.mark.parametrize("n_jobs", [2, -1])
def test_threads_do_not_change_the_result(rng, data, n_jobs, monkeypatch):
    monkeypatch.setattr("divest._neighbors._ENTRIES_PER_BLOCK", 1)  # several blocks
    rows, is_p = draw(rng, data)
    alone, shared = (labelled_graph(rows, is_p, KS, n_jobs=jobs) for jobs in (None, n_jobs))
    same_counts(alone, shared)
    changes = rng.normal(size=(len(alone.index.points), len(KS), 2))
    assert_array_equal(alone.scatter(changes), shared.scatter(changes))
    assert_array_equal(alone.count_around(rows, 3), shared.count_around(rows, 3))


@pytest.mark.parametrize("data", ["tenths", "high dimension"])
def test_processes_do_not_change_the_result(rng, data, monkeypatch):
    monkeypatch.setattr("divest._neighbors._ENTRIES_PER_BLOCK", 1)
    rows, is_p = draw(rng, data)
    alone = labelled_graph(rows, is_p, KS)
    changes = rng.normal(size=(len(alone.index.points), len(KS), 2))
    with parallel_config(backend="loky", n_jobs=2):
        shared = labelled_graph(rows, is_p, KS)
        assert_array_equal(alone.count_around(rows, 3), shared.count_around(rows, 3))
        assert_array_equal(alone.scatter(changes), shared.scatter(changes))
    same_counts(alone, shared)


@every
def test_pickled_graph_is_the_same(rng, data):
    rows, is_p = draw(rng, data)
    graph = labelled_graph(rows, is_p, KS)
    again = pickle.loads(pickle.dumps(graph))
    same_counts(graph, again)
    assert_array_equal(graph.count_around(rows, 3), again.count_around(rows, 3))
