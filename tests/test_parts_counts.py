"""Counts of columns of Dask are those of the same columns in memory."""

import numpy as np
import pandas as pd
import pytest

from divest import TrustWarning
from divest._parts import Parts, in_parts
from divest.discrete import population_stability_index
from divest.discrete._cells import finite_quantiles, two_sample_cells
from divest.discrete._cells_parts import Column, _keys, _numbers

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = pytest.mark.usefixtures("one_process")


def in_pieces(values, sizes):
    """A Dask Series whose partitions have these sizes; the last one takes the rest."""
    cuts = np.cumsum(sizes)
    series = pd.Series(values)
    pieces = [series.iloc[a:b] for a, b in zip([0, *cuts], [*cuts, len(series)], strict=True)]
    return dd.from_delayed([dask.delayed(piece) for piece in pieces], meta=series.iloc[:0])


def assert_same(cells, other):
    pd.testing.assert_frame_equal(cells.labels, other.labels)
    np.testing.assert_array_equal(cells.p, other.p)
    np.testing.assert_array_equal(cells.q, other.q)
    assert (cells.new_categories, cells.merged) == (other.new_categories, other.merged)
    assert cells.missing_dropped == other.missing_dropped


def columns(rng, kind, n):
    values = {
        "numbers": lambda: rng.lognormal(size=n) * rng.choice([-1, 1], n),
        "ties": lambda: np.round(rng.normal(size=n), 1),
        "missing": lambda: np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        "few": lambda: rng.integers(0, 9, n),
        "huge": lambda: rng.integers(0, 9, n) + 2**60,
        "labels": lambda: rng.choice(["a", "b", "c", None, "é"], n, p=[0.5, 0.4, 0.05, 0.04, 0.01]),
        "booleans": lambda: rng.random(n) < 0.3,
        "dates": lambda: pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n),
                                                                      "s"),
        "infinite": lambda: np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
    }
    return pd.Series(values[kind]())


KINDS = ["numbers", "ties", "missing", "few", "huge", "labels", "booleans", "dates", "infinite"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[], [0, 1, 200], [50] * 5])
def test_cells_are_those_of_memory(rng, kind, sizes):
    p, q = columns(rng, kind, 290), columns(rng, kind, 403)
    for missing in ("cell", "drop"):
        want = two_sample_cells(p, q, missing=missing)
        assert_same(two_sample_cells(in_pieces(p, sizes), in_pieces(q, sizes), missing=missing),
                    want)
        assert_same(two_sample_cells(in_pieces(p, sizes), q, missing=missing), want)


def test_quantiles_of_any_numbers(rng):
    special = [-np.inf, np.inf, 0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 1.0, 1.0 + 2**-52]
    for n in (30, 200):
        values = np.r_[special, rng.standard_cauchy(n) * 10.0 ** rng.integers(-300, 300, n)]
        rng.shuffle(values)
        column = Column(in_pieces(values, [7, 0, 11]), "Q")
        for bins in (2, 7, 40):
            np.testing.assert_array_equal(column.quantile_edges(bins),
                                          finite_quantiles(values, bins))
    numbers = np.sort(values)
    keys = _keys(numbers)
    assert (keys[1:] >= keys[:-1]).all()
    np.testing.assert_array_equal(_numbers(keys), numbers)


def test_index_is_that_of_memory(rng):
    p, q = rng.normal(0.2, 1, 1000), rng.normal(size=2000)
    here = population_stability_index(p, q)
    there = population_stability_index(da.from_array(p, chunks=137), da.from_array(q, chunks=600))
    assert here.estimate == pytest.approx(there.estimate, rel=1e-12)
    assert here.standard_error == pytest.approx(there.standard_error, rel=1e-12)
    pd.testing.assert_frame_equal(here.table, there.table)
    edges = population_stability_index(da.from_array(p, chunks=137), q, edges=[-1, 0, 1])
    assert edges.estimate == population_stability_index(p, q, edges=[-1, 0, 1]).estimate


def test_errors_are_those_of_memory(rng):
    numbers, text = in_pieces(rng.normal(size=40), [9]), in_pieces(np.array(["a", "b"] * 20), [3])
    none = in_pieces(np.full(5, np.nan), [2])
    with pytest.raises(ValueError, match="make both the same"):
        population_stability_index(numbers, text)
    with pytest.raises(ValueError, match="no values to take edges from"):
        population_stability_index(numbers, none)
    with pytest.raises(ValueError, match="P has no values"):
        population_stability_index(none, numbers, missing="drop")
    with pytest.raises(ValueError, match="fewer than two cells"):
        population_stability_index(numbers, in_pieces(np.ones(30), [4]), kind="numeric")
    with pytest.raises(ValueError, match="edges must be numbers, as the values"):
        population_stability_index(numbers, numbers, edges=pd.to_datetime(["2020-01-01"]))
    with pytest.raises(ValueError, match="bins"):
        population_stability_index(numbers, numbers, bins=1, kind="numeric")
    with pytest.warns(TrustWarning, match="new_categories"):
        population_stability_index(text, in_pieces(np.array(["a"] * 20), [3]))


def test_numbers_that_are_categories_stay_labels(rng):
    """Partitions with other categories each, as Dask makes them, join to plain numbers."""
    p, q = (pd.Series(rng.integers(0, 12, 200)) for _ in "pq")
    lazy = [dd.from_delayed([dask.delayed(series.iloc[a:a + 20].astype("category"))
                             for a in range(0, 200, 20)], meta=series.iloc[:0].astype("category"),
                            verify_meta=False) for series in (p, q)]
    assert len({tuple(part.compute().cat.categories) for part in lazy[0].partitions}) > 1
    for options in ({}, {"categories": [1, 2, 3]}):
        want = two_sample_cells(p.astype("category"), q.astype("category"), **options)
        assert_same(two_sample_cells(*lazy, **options), want)


SEEN = []  # rows of the partitions that were read


def noted(part):
    SEEN.append(len(part))
    return part


def test_no_part_is_read_without_need(rng):
    """Sizes of an array are known, and rows are taken from the parts that hold them."""
    table = rng.normal(size=(100, 2))
    lazy = da.from_array(table, chunks=(20, 2)).map_blocks(noted, dtype=float,
                                                           meta=np.empty((0, 2)))
    SEEN.clear()
    parts = Parts(lazy, "X")
    assert (parts.n, SEEN) == (100, [])
    np.testing.assert_array_equal(parts.take(np.array([0, 19, 45])), table[[0, 19, 45]])
    assert SEEN == [20, 20]


def test_one_column_is_enough_for_sizes(tmp_path, rng):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(rng.normal(size=(90, 3)), columns=["a", "b", "c"])
    for i in range(3):
        frame[30 * i:30 * i + 10 * (i + 1)].to_parquet(tmp_path / f"part.{i}.parquet")
    parts = Parts(dd.read_parquet(tmp_path), "X")
    assert parts.sizes.tolist() == [10, 20, 30]
    np.testing.assert_array_equal(parts.take(np.array([0, 59])), frame.to_numpy()[[0, 89]])


def test_what_is_no_table_is_refused():
    for thing in (dask.delayed(np.ones(5)), dask.delayed(3)):
        with pytest.raises(TypeError, match="P must be a Dask DataFrame, Series or array, got"):
            population_stability_index(thing, np.ones(5))


def test_tables_in_memory_are_one_part(rng):
    table = rng.normal(size=(5, 2))
    parts = Parts(table, "X")
    assert not in_parts(table, [1.0], None)
    assert (parts.n, parts.starts.tolist(), parts.total(np.sum)) == (5, [0], table.sum())
    wide = Parts(da.from_array(table, chunks=(2, 1)), "X")
    assert wide.sizes.tolist() == [2, 2, 1]
    np.testing.assert_array_equal(wide.take(np.array([0, 3, 4])), table[[0, 3, 4]])
    assert wide.total(np.sum) == pytest.approx(table.sum(), rel=1e-12)
