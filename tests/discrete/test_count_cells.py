"""Cells of raw values: edges from the reference, categories from both, kinds, missing values."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from divest.discrete._cells import two_sample_cells


def counts(cells):
    return dict(zip(cells.labels["cell"], zip(cells.p.tolist(), cells.q.tolist(), strict=True),
                    strict=True))


def test_edges_are_values_of_the_reference():
    cells = two_sample_cells(np.arange(0, 50, 0.5) ** 1.1, np.arange(100.0))
    assert cells.p.tolist() == [15, 15, 13, 13, 13, 13, 12, 6, 0, 0]
    assert cells.q.tolist() == [10] * 10
    assert cells.labels["upper"].tolist() == [*range(9, 99, 10), np.inf]
    assert cells.labels["lower"].tolist() == [-np.inf, *range(9, 99, 10)]
    assert cells.labels["cell"].iloc[[0, 1, -1]].tolist() == ["(-inf, 9]", "(9, 19]", "(89, inf]"]


def test_every_cell_of_tied_values_holds_one_of_the_reference(rng):
    cells = two_sample_cells([5.0], np.r_[np.zeros(30), np.arange(1, 71)], kind="numeric")
    assert cells.labels["upper"].tolist() == [0, 10, 20, 30, 40, 50, 60, np.inf]
    for _ in range(20):
        q = rng.poisson(rng.uniform(0.5, 4), 60)
        if len(set(q)) > 1:
            cells = two_sample_cells([0], q, kind="numeric", bins=int(rng.integers(2, 30)))
            assert cells.q.min() > 0


def test_edges_are_those_of_numpy(rng):
    q = rng.normal(size=997)
    cells = two_sample_cells([0.0], q, bins=7)
    expected = np.quantile(q, np.arange(1, 7) / 7, method="inverted_cdf")
    assert_array_equal(cells.labels["upper"].iloc[:-1], expected)


def test_numbers_with_few_values_have_a_cell_for_each():
    cells = two_sample_cells([1, 2, 10, 2], [10, 1, 10, 3.0])
    assert counts(cells) == {"1.0": (1, 1), "2.0": (2, 0), "3.0": (0, 1), "10.0": (1, 2)}
    assert cells.new_categories == ["2.0"]


def test_rare_categories_are_chosen_from_both_samples():
    p, q = ["a"] * 3 + ["b"] * 6 + ["c"] * 2 + ["d"], ["a"] * 2 + ["c"] * 2 + ["e"] * 4
    cells = two_sample_cells(p, q)
    assert counts(cells) == {"b": (6, 0), "a": (3, 2), "(rare)": (3, 6)}
    assert cells.new_categories == ["b", "d"]
    assert (cells.merged_share, counts(two_sample_cells(q, p))["(rare)"]) == (9 / 20, (6, 3))
    new, share, _ = cells.diagnostics()
    assert (new.value, new.passed, share.passed) == (2, False, True)
    assert "(b, d)" in new.advice


def test_most_rows_in_one_cell_is_doubtful():
    codes = [f"code {i}" for i in range(30)]
    cells = two_sample_cells(codes, codes)
    assert counts(cells) == {"(rare)": (30, 30)}
    assert [d.passed for d in cells.diagnostics()] == [True, False, True]


def test_the_largest_categories_are_kept():
    values = np.repeat(np.array(list("abcdef")), [9, 8, 7, 6, 6, 6])
    cells = two_sample_cells(values, values, max_categories=4)
    assert list(counts(cells)) == ["a", "b", "c", "d", "(rare)"]  # of equal ones the first
    assert len(two_sample_cells(np.arange(20), np.arange(20), max_categories=5).p) == 6


def test_a_category_may_have_the_name_of_a_merged_cell():
    values = ["(rare)"] * 60 + ["(other)"] * 60 + ["a"] * 9
    assert two_sample_cells(values, values).merged_share == 0.0
    assert two_sample_cells(values, values, categories=["(rare)", "a"]).merged_share == 120 / 258


def test_given_categories_are_the_cells():
    cells = two_sample_cells(["a", "b", "b"], ["a"], categories=["a", "z"])
    assert counts(cells) == {"a": (1, 1), "z": (0, 0), "(other)": (2, 0)}
    assert counts(two_sample_cells([1, 2], [2.0], categories=[2])) == {"2.0": (1, 1),
                                                                       "(other)": (1, 0)}


def test_missing_values_share_a_cell_or_are_dropped():
    p, q = ["a", None, float("nan")], ["a", "a", "a", "a", pd.NaT]
    assert counts(two_sample_cells(p, q)) == {"a": (1, 4), "(missing)": (2, 1)}
    cells = two_sample_cells(p, q, missing="drop")
    assert counts(cells) == {"a": (1, 4)}
    assert cells.missing_dropped == (2, 1)
    assert cells.diagnostics()[-1].value == 3
    numbers = two_sample_cells([np.nan, 1.0], np.r_[np.arange(30.0), np.nan], bins=2)
    assert counts(numbers) == {"(-inf, 14]": (1, 15), "(14, inf]": (0, 15), "(missing)": (1, 1)}
    assert counts(two_sample_cells([None], [None, None])) == {"(missing)": (1, 2)}
    assert counts(two_sample_cells([None] * 9, np.arange(30.0), bins=2))["(missing)"] == (9, 0)
    assert counts(two_sample_cells([None] * 9, [1, 2])) == {"1.0": (0, 1), "2.0": (0, 1),
                                                            "(missing)": (9, 0)}


def test_infinite_numbers_are_values():
    q = np.r_[np.arange(100.0), np.inf, -np.inf]
    assert two_sample_cells(q, q, bins=4).p.tolist() == [26, 25, 26, 25]
    half = np.r_[np.full(60, -np.inf), np.arange(40.0)]
    assert two_sample_cells(half, half, bins=4).p.tolist() == [75, 25]
    assert two_sample_cells(q, q, edges=[-np.inf, 9, np.inf]).p.tolist() == [11, 91]


def test_equal_numbers_are_one_label_and_booleans_and_text_are_others():
    p = pd.Series([1] * 5 + [1.0] * 5 + [True] * 5 + ["1"] * 5 + [-0.0] * 5, dtype=object)
    q = pd.Series([True] * 5 + [1] * 5 + [0] * 5 + [""] * 5, dtype=object)
    assert counts(two_sample_cells(p, q)) == {
        "1.0": (10, 5), "True": (5, 5), "0.0": (5, 5), "1": (5, 0), "": (0, 5)}
    assert counts(two_sample_cells([True, False] * 5, [True] * 5)) == {"True": (5, 5),
                                                                       "False": (5, 0)}
    large = [2**53] * 5 + [2**53 + 1] * 5
    assert len(two_sample_cells(large, large, kind="categorical").p) == 2
    lists = pd.Series([[1], [2], [1]] * 5)
    assert counts(two_sample_cells(lists, lists)) == {"[1]": (10, 10), "[2]": (5, 5)}


def test_unused_categories_are_ignored():
    values = pd.Series(pd.Categorical(["a"] * 5, categories=["a", "z"]))
    assert counts(two_sample_cells(values, values)) == {"a": (5, 5)}


@pytest.mark.parametrize("zone", [None, "Europe/Vienna"])
def test_dates_are_cut_like_numbers(zone):
    days = pd.Series(pd.date_range("2024-01-01", periods=40, tz=zone))
    cells = two_sample_cells(days[:30], days, bins=4)
    assert cells.p.tolist() == [10, 10, 10, 0]
    assert cells.labels["cell"][0].startswith("(-inf, 2024-01-10 00:00:00")
    given = two_sample_cells(days[:30], days, edges=[days[9], days[19], days[29]])
    assert given.p.tolist() == [10, 10, 10, 0]
    spans = two_sample_cells(days - days[0], days - days[0], bins=2)
    assert spans.labels["cell"][0] == "(-inf, 19 days 00:00:00]"


def test_polars_pandas_and_lists_have_the_same_cells(rng):
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=int(i)) for i in range(60)]
    for p, q in ((rng.normal(size=50).tolist(), rng.normal(size=90).tolist()),
                 (["a", "b", None] * 9, ["a", "c", "c"] * 9), ([True, None] * 9, [False] * 9),
                 (days[:30], days)):
        expected = two_sample_cells(pd.Series(p), pd.Series(q))
        for make in (list, pl.Series, lambda x: pd.DataFrame({"x": x})):
            cells = two_sample_cells(make(p), make(q))
            assert counts(cells) == counts(expected)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_order_of_rows_does_not_matter(rng, kind):
    p, q = rng.poisson(3, 60), rng.poisson(4, 80)
    one = two_sample_cells(p, q, kind=kind)
    other = two_sample_cells(rng.permutation(p), rng.permutation(q), kind=kind)
    assert counts(one) == counts(other)


MANY = np.arange(30.0)


@pytest.mark.parametrize(("p", "q", "options", "message"), [
    (MANY, np.ones(9), {}, "fewer than two cells.*categorical"),
    (MANY, [], {}, "Q has no values"), (MANY, [np.nan], {}, "no values to take edges from"),
    ([], MANY, {}, "P has no values"),
    (pd.date_range("2024", periods=40), pd.date_range("2024", periods=40), {"edges": [3, 4]},
     "edges must be dates, as the values are; got"),
    (pd.date_range("2024", periods=40, tz="UTC"), pd.date_range("2024", periods=40, tz="UTC"),
     {"edges": pd.to_datetime(["2024-01-09"])}, "dates with a time zone"),
    (MANY, MANY, {"edges": ["x"]}, "edges must be numbers, as the values are; got 'x'"),
    ([None], ["a"], {"missing": "drop"}, "P has no values"),
    (["a"], ["b"], {"kind": "numeric"}, "numeric cells need numbers"),
    (MANY, ["a"], {}, "labels in the reference table"),
    (MANY, MANY, {"edges": [2, 1]}, "increase strictly, got 2, 1"),
    (MANY, MANY, {"edges": [1, 1]}, "increase strictly"),
    (MANY, MANY, {"edges": [1, np.nan]}, "edges must be"),
    (MANY, MANY, {"edges": [np.inf]}, "got inf"), (MANY, MANY, {"edges": []}, "edges"),
    (MANY, MANY, {"edges": [1], "categories": [1]}, "give one of them"),
    (MANY, MANY, {"edges": [1], "kind": "categorical"}, "make the cells numeric"),
    (MANY, MANY, {"categories": [1], "kind": "numeric"}, "make the cells categorical"),
    (MANY, MANY, {"categories": []}, "at least one"),
    (MANY, MANY, {"categories": [1, 1.0]}, "different values"),
    (MANY, MANY, {"bins": 1}, "bins must be at least 2"),
    (MANY, MANY, {"kind": "exact"}, "kind must be one of"),
    (MANY, MANY, {"missing": "ignore"}, "missing must be one of"),
    (MANY, MANY, {"max_categories": 0}, "max_categories"),
    (MANY, np.ones((3, 2)), {}, "Q must be one column"),
    (3.0, MANY, {}, "P must be one column"),
])
def test_bad_input_is_refused(p, q, options, message):
    with pytest.raises(ValueError, match=message):
        two_sample_cells(p, q, **options)
