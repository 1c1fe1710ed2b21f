"""Largest link: known values, slow twins, the Poisson form, ties, resamples, bad input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, kstest

from divest.sample_complexity._uniform_links import (
    _corner_of_disc,
    expected_in_box,
    expected_in_torus,
)
from divest.sample_complexity.neighbor_link import LinkResult, largest_neighbor_link

SQUARE = np.random.default_rng(8).random((200, 2))


def slow_links(X, k, sides=None):
    """Lengths, and the number of components, from the matrix of all distances."""
    gaps = np.abs(X[:, None] - X[None])
    if sides is not None:
        gaps = np.minimum(gaps, sides - gaps)
    distances = np.sqrt((gaps**2).sum(axis=2))
    lengths = np.sort(distances, axis=1)[:, k]
    joined = distances <= lengths[:, None] * (1 + 1e-9)
    joined |= joined.T
    part = np.arange(len(X))
    for _ in range(len(X)):  # the smallest label within reach
        part = np.array([part[row].min() for row in joined])
    return lengths, len(set(part))


# ------------------------------------------------------------ the link and the graph
@pytest.mark.parametrize(("k", "region", "link", "expected", "pvalue"), [
    (1, "box", 0.12538668, 0.172643, 0.158562),
    (1, "torus", 0.09339066, 0.794171, 0.548044),
    (2, "box", 0.15076606, 0.197585, 0.179290),
    (2, "torus", 0.12027684, 0.200125, 0.181371),
])  # fmt: skip
def test_known_values(k, region, link, expected, pvalue):
    result = largest_neighbor_link(SQUARE, k, region=region)
    assert_allclose(result.link, link, atol=1e-8)
    assert_allclose([result.expected, result.pvalue], [expected, pvalue], atol=1e-6)
    assert result.n_neighbors == k
    assert result.n_samples == (200,)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("d", [1, 2, 3, 9])
def test_agrees_with_its_twin(rng, d, k):
    X = rng.normal(size=(50, d))
    lengths, parts = slow_links(X, k)
    result = largest_neighbor_link(X, k)
    assert_allclose(result.link, lengths.max())
    assert result.row == lengths.argmax()
    assert result.n_components == parts
    assert np.isnan([result.expected, result.pvalue]).all()


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_distances_wrap_around_a_torus(rng, d, k):
    sides = np.arange(2, 2 + d)
    X = rng.random((50, d)) * sides
    lengths, parts = slow_links(X, k, sides)
    result = largest_neighbor_link(X - 1, k, region="torus",
                                   bounds=[(-1, side - 1) for side in sides])
    assert_allclose(result.link, lengths.max())
    assert result.row == lengths.argmax()
    assert result.n_components == parts


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("sides", [None, 4.0])
def test_ties_and_copies_all_count(rng, k, sides):
    X = rng.integers(0, 4, size=(30, 2)).astype(float)
    lengths, parts = slow_links(X, k, sides)
    settings = {} if sides is None else {"region": "torus", "bounds": (0, 4)}
    for rows in (X, X[rng.permutation(30)]):
        result = largest_neighbor_link(rows, k, **settings)
        assert_allclose(result.link, lengths.max())
        assert result.n_components == parts


def test_upper_edge_of_a_torus_is_its_lower_one():
    result = largest_neighbor_link([0.0, 1.0, 0.4], region="torus")
    assert result.n_components == 1  # 0 and 1 are one point, and as near to 0.4
    assert_allclose(result.link, 0.4)


def test_components_of_separate_clouds(rng):
    X = np.vstack([rng.normal(size=(30, 2)) + 50 * i for i in range(4)])
    assert largest_neighbor_link(X, 10).n_components == 4


def test_equal_rows_have_no_link():
    result = largest_neighbor_link(np.full((5, 2), 0.5), 4, region="box")
    assert (result.link, result.n_components, result.expected, result.row) == (0, 1, 5, 0)
    assert_allclose(result.pvalue, 1 - np.exp(-5))


# ------------------------------------------------------------ the Poisson form
def share_in_box(x, r, sides, points):
    """Share of a lattice of points of the box that lie within r of x."""
    return np.mean(((points - x) ** 2).sum(axis=1) <= r * r)


@pytest.mark.parametrize("r", [0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("sides", [(1.0,), (1.0, 1.0), (2.0, 0.5)])
def test_expected_number_is_the_mean_over_a_lattice(sides, r):
    n, k, per_side = 15, 2, 400 if len(sides) == 1 else 48
    axes = [(np.arange(per_side) + 0.5) / per_side * side for side in sides]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, len(sides))
    shares = np.array([share_in_box(x, r, sides, points) for x in points])
    expected = n * binom.cdf(k - 1, n - 1, shares).mean()
    found = expected_in_box(n, k, r, np.array(sides))
    assert_allclose(found, expected, rtol=0.03, atol=1e-4)  # of the lattice


def test_area_of_a_corner_of_a_disc_is_that_of_its_strips(rng):
    for a, b in rng.random((20, 2)):
        r = rng.choice([0.1, 0.5, 0.9, 1.6])
        u = (np.arange(20000) + 0.5) / 20000 * min(a, r)
        strips = np.minimum(b, np.sqrt(r * r - u * u)).mean() * min(a, r)
        assert_allclose(_corner_of_disc(a, b, r), strips, rtol=1e-5)


def test_expected_number_on_a_line_with_one_neighbour():
    """Two ends, near which one gap counts in part, and the middle."""
    n, r = 30, 0.1
    ends = 2 * ((1 - r) ** n - (1 - 2 * r) ** n)
    middle = n * (1 - 2 * r) * (1 - 2 * r) ** (n - 1)
    assert_allclose(expected_in_box(n, 1, r, np.ones(1)), ends + middle, rtol=1e-12)


def test_expected_number_on_a_torus_needs_no_integral():
    volume = 4 / 3 * np.pi * 0.2**3
    assert_allclose(expected_in_torus(100, 3, 0.2, np.ones(3)), 100 * binom.cdf(2, 99, volume))
    assert_allclose(expected_in_torus(100, 3, 0.4, np.full(3, 2.0)),
                    expected_in_torus(100, 3, 0.2, np.ones(3)))


@pytest.mark.parametrize("d", [1, 2])
def test_all_links_are_longer_than_nothing_and_none_than_the_box(d):
    sides = np.arange(1.0, d + 1)
    assert_allclose(expected_in_box(50, 3, 1e-9, sides), 50)
    assert expected_in_box(50, 3, 5.0, sides) == 0


def test_pvalues_on_a_torus_are_uniform(rng):
    pvalues = [largest_neighbor_link(rng.random((200, 3)), region="torus").pvalue
               for _ in range(200)]
    assert kstest(pvalues, "uniform").pvalue > 0.01


def test_bounds_move_and_stretch_the_region():
    plain = largest_neighbor_link(SQUARE, region="box")
    moved = largest_neighbor_link(10 * SQUARE - 3, region="box", bounds=(-3, 7))
    assert_allclose([moved.link, moved.pvalue], [10 * plain.link, plain.pvalue])
    wide = largest_neighbor_link(SQUARE, region="box", bounds=[(0, 1), (0, 4)])
    assert wide.pvalue > plain.pvalue  # a gap is less strange in a larger box


# ------------------------------------------------------------ resamples
@pytest.mark.parametrize("region", ["box", "torus"])
def test_resamples_agree_with_the_formula(region):
    exact = largest_neighbor_link(SQUARE, 2, region=region, n_resamples=999, random_state=0)
    form = largest_neighbor_link(SQUARE, 2, region=region)
    error = np.sqrt(form.pvalue * (1 - form.pvalue) / 999)
    assert abs(exact.pvalue - form.pvalue) < 3 * error + 0.02  # 0.02: the form itself
    assert abs(exact.expected - form.expected) < 0.08


def test_resamples_serve_boxes_of_many_columns(rng):
    X = rng.random((60, 4))
    result = largest_neighbor_link(X, region="box", n_resamples=99, random_state=1)
    assert 0.01 <= result.pvalue <= 1
    assert result == largest_neighbor_link(X, region="box", n_resamples=99, random_state=1,
                                           n_jobs=2)
    far = np.vstack([X * 0.1, np.ones((1, 4))])
    result = largest_neighbor_link(far, region="box", n_resamples=99, random_state=1)
    assert (result.row, result.pvalue, result.expected) == (60, 0.01, 0)


def test_resamples_serve_links_that_wrap_around(rng):
    X = rng.random((10, 5))
    with pytest.raises(ValueError, match="half the shortest side of the torus"):
        largest_neighbor_link(X, 5, region="torus")
    result = largest_neighbor_link(X, 5, region="torus", n_resamples=49, random_state=0)
    assert 0.02 <= result.pvalue <= 1


# ------------------------------------------------------------ results and input
def test_result_is_a_table():
    result = largest_neighbor_link(SQUARE, region="box")
    assert isinstance(result, LinkResult)
    frame = result.to_frame()
    assert frame.columns.tolist() == ["method", "link", "row", "n_neighbors", "n", "n_components",
                                      "expected", "pvalue", "trusted"]
    assert len(pd.concat([frame, frame])) == 2
    assert "largest nearest-neighbour link" in result.summary()
    assert "<table" in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)) == result


def test_containers_are_the_same():
    expected = largest_neighbor_link(SQUARE, region="box")
    for X in (pd.DataFrame(SQUARE, columns=["a", "b"]), SQUARE.tolist()):
        assert largest_neighbor_link(X, region="box") == expected
    line = SQUARE[:, 0]
    assert (largest_neighbor_link(line, region="box")
            == largest_neighbor_link(line[:, None], region="box"))


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"X": [[0.5, 0.5]]}, ValueError, "at least 2 rows, got 1"),
    ({"X": [[0.5, np.nan]] * 3}, ValueError, "NaN"),
    ({"n_neighbors": 0}, ValueError, "n_neighbors must be between 1 and 199, got 0"),
    ({"n_neighbors": 200}, ValueError, "between 1 and 199, got 200"),
    ({"n_neighbors": 1.0}, TypeError, "n_neighbors must be an integer"),
    ({"region": "ball"}, ValueError, "region must be one of None, 'box', 'torus'"),
    ({"n_resamples": -1}, ValueError, "n_resamples must be at least 0"),
    ({"region": None, "n_resamples": 9}, ValueError, "n_resamples needs a region"),
    ({"bounds": (0, 0.5)}, ValueError, "every row must lie within bounds; row"),
    ({"bounds": (1, 0)}, ValueError, "bounds must be a pair"),
    ({"bounds": (0, np.inf)}, ValueError, "bounds must be a pair"),
    ({"bounds": "unit"}, ValueError, "bounds must be a pair"),
    ({"bounds": [(0, 1)] * 3}, ValueError, "one pair for each of the 2 columns"),
    ({"X": np.random.default_rng(0).random((9, 3))}, ValueError, "pass n_resamples=999"),
    ({"n_resamples": 5, "random_state": "x"}, ValueError, "random_state must be"),
])  # fmt: skip
def test_bad_input_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        largest_neighbor_link(**{"X": SQUARE, "region": "box", **change})


def test_a_row_outside_is_named():
    frame = pd.DataFrame({"a": [0.1, 0.2, 1.5], "b": [0.1, 0.2, 0.3]})
    with pytest.raises(ValueError, match=r"row 2 has 1\.5 in column 'a', whose edges are 0 and 1"):
        largest_neighbor_link(frame, region="box")
