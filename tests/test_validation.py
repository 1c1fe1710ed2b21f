"""Checks of user input: what passes unchanged, and what the errors name."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from divest._validation import (
    check_finite,
    check_integer,
    check_neighbor_counts,
    check_number,
    check_option,
    check_row_groups,
    check_rows,
    check_sample,
    check_two_samples,
)


class Anything(BaseEstimator):
    """An estimator that only takes rows in."""


# ------------------------------------------------------------ numbers and options
@pytest.mark.parametrize("value", [0.5, np.float32(0.5), Fraction(1, 2), np.float64(0.5)])
def test_number_passes_as_float(value):
    found = check_number("alpha", value, 0, 1)
    assert type(found) is float
    assert found == 0.5


@pytest.mark.parametrize("value", [0, 1, -1, 2, np.inf, -np.inf, np.nan])
def test_number_out_of_range_is_named(value):
    with pytest.raises(ValueError, match="alpha must lie between 0 and 1, got "):
        check_number("alpha", value, 0, 1)


@pytest.mark.parametrize("value", ["0.5", None, True, np.True_, [0.5], 1j])
def test_what_is_no_number_is_named(value):
    with pytest.raises(TypeError, match="alpha must be a number, got "):
        check_number("alpha", value)


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3)])
def test_integer_passes_as_int(value):
    found = check_integer("n", value, 3, 3)
    assert type(found) is int
    assert found == 3


@pytest.mark.parametrize(("value", "high", "wanted"), [
    (1, None, "at least 2"), (-5, None, "at least 2"), (7, 6, "between 2 and 6"),
])
def test_integer_out_of_range_is_named(value, high, wanted):
    with pytest.raises(ValueError, match=f"n must be {wanted}, got {value}"):
        check_integer("n", value, 2, high)


@pytest.mark.parametrize("value", [3.0, "3", None, True, np.True_, [3]])
def test_what_is_no_integer_is_named(value):
    with pytest.raises(TypeError, match="n must be an integer, got "):
        check_integer("n", value, 0)


def test_option_passes_unchanged():
    options = ("std", None)
    assert [check_option("standardize", value, options) for value in options] == ["std", None]
    assert check_option("standardize", np.str_("std"), options) == "std"


@pytest.mark.parametrize("value", ["Std", 0, False, "", np.array(["std", "std"])])
def test_other_options_list_the_known(value):
    with pytest.raises(ValueError, match="standardize must be one of 'std', None; got "):
        check_option("standardize", value, ("std", None))


@pytest.mark.parametrize(("value", "expected"), [
    (5, [5]), (np.int8(5), [5]), ([9, 5, 9], [5, 9]), (np.array([5, 9], np.uint8), [5, 9]),
    (range(1, 4), [1, 2, 3]), (98, [98]),
])
def test_neighbor_counts_are_sorted_and_distinct(value, expected):
    found = check_neighbor_counts(value, 100)
    assert found.dtype == np.int64
    assert_array_equal(found, expected)


@pytest.mark.parametrize(("value", "wrong"), [
    (0, 0), (-3, -3), (99, 99), ([5, 99, 200], 200), ([0, 5], 0),
])
def test_neighbor_counts_out_of_range_are_named(value, wrong):
    message = fr"n_neighbors must lie between 1 and 98 .*100 pooled rows.*, got {wrong}\."
    with pytest.raises(ValueError, match=message):
        check_neighbor_counts(value, 100)


@pytest.mark.parametrize("value", [5.0, "five", None, True, [], [5.5], ["auto"], [5, None], {}])
def test_neighbor_counts_that_are_no_integers_are_named(value):
    with pytest.raises(TypeError, match="n_neighbors must be 'auto', an integer or an array of"):
        check_neighbor_counts(value, 100)


# ------------------------------------------------------------ NaN and infinity
@given(arrays(float, (3, 2), elements=st.floats(width=64)))
def test_exactly_nan_and_infinity_are_refused(values):
    if np.isfinite(values).all():
        check_finite(values, "X")
        return
    row, column = np.argwhere(~np.isfinite(values))[0]
    what = "NaN" if np.isnan(values[row, column]) else "infinity"
    with pytest.raises(ValueError, match=fr"X contains {what} \(row {row}, column {column};"):
        check_finite(values, "X")


def test_nan_names_row_and_column_and_counts_rows():
    values = np.ones((4, 3))
    values[1, 2], values[3, 0], values[3, 1] = np.nan, np.inf, np.nan
    with pytest.raises(ValueError, match=r"P contains NaN \(row 1, column 'c'; 2 rows in all\)"):
        check_finite(values, "P", ["a", "b", "c"])


def test_large_finite_values_pass():
    check_finite(np.full((9, 9), np.finfo(float).max), "X")
    check_finite(np.array([[1, 2]]), "X")


# ------------------------------------------------------------ rows
@pytest.mark.parametrize("make", [
    np.asarray, list, pd.DataFrame, lambda X: pd.DataFrame(X, columns=["a", "b"]),
    lambda X: pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}), np.asfortranarray,
    lambda X: X.astype(int), lambda X: X.astype(np.float32), lambda X: X.astype(object),
])
def test_rows_come_out_as_one_kind_of_array(make):
    rows = np.arange(10.0).reshape(5, 2)
    found = check_rows(Anything(), make(rows))
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert_array_equal(found, rows)


def test_read_only_rows_are_copied():
    rows = np.ones((3, 2))
    rows.flags.writeable = False
    assert check_rows(Anything(), rows).flags.writeable


def test_names_are_kept_and_required_again():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    model = Anything()
    check_rows(model, frame)
    assert list(model.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        check_rows(model, frame[["b", "a"]], reset=False)
    check_rows(model, np.eye(3))
    with pytest.raises(ValueError, match="expecting 3 features"):
        check_rows(model, [[1.0]], reset=False)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_errors_in_frames_name_columns(make):
    with pytest.raises(ValueError, match=r"X must hold numbers only; these.*: city, name\. "):
        check_rows(Anything(), make({"age": [1.0, 2.0], "city": ["a", "b"], "name": ["c", "d"]}))
    with pytest.raises(ValueError, match=r"X contains NaN \(row 1, column 'age'; 1 rows"):
        check_rows(Anything(), make({"age": [1.0, np.nan], "size": [1.0, 2.0]}))


def test_missing_values_of_pandas_are_nan():
    frame = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([True, False])})
    with pytest.raises(ValueError, match=r"X contains NaN \(row 1, column 'a'"):
        check_rows(Anything(), frame)
    assert_array_equal(check_rows(Anything(), frame.fillna(7)), [[1, 1], [7, 0]])


# ------------------------------------------------------------ labels
@pytest.mark.parametrize(("labels", "classes"), [
    ([0, 1, 1], [0, 1]), ([-1.0, 1.0, 1.0], [-1, 1]), (["a", "b", "b"], ["a", "b"]),
    ([False, True, True], [False, True]), (pd.Series(["new", "old", "old"]), ["new", "old"]),
    (pl.Series(["new", "old", "old"]), ["new", "old"]), (pd.Categorical(list("pqq")), ["p", "q"]),
    (np.array(["x", "y", "y"], object), ["x", "y"]),
])
def test_reference_is_the_first_class(labels, classes):
    model, rows = Anything(), np.eye(3)
    found, is_p = check_two_samples(model, rows, labels)
    assert_array_equal(found, rows)
    assert_array_equal(is_p, [False, True, True])
    assert_array_equal(model.classes_, classes)
    assert model.n_samples_ == (2, 1)
    assert all(type(n) is int for n in model.n_samples_)


@pytest.mark.parametrize(("labels", "message"), [
    ([1, 1, 1], r"got 1 class\."), ([0, 1, 2], r"got 3 classes\."),
    ([0.5, 1.0, 1.0], "continuous"), ([0.0, np.nan, 1.0], "y contains NaN"),
    ([[0, 1], [0, 1], [1, 1]], "1d array"), ([0, 1], "inconsistent numbers"),
    (None, "Anything requires y to be passed.*fit_samples"),
])
def test_labels_that_do_not_name_two_samples(labels, message):
    with pytest.raises(ValueError, match=message):
        check_two_samples(Anything(), np.eye(3), labels)


def test_groups_become_blocks_of_positions():
    is_p = np.array([True, False, True, False, True])
    blocks = check_row_groups(["b", "a", "b", "b", "a"], is_p)
    assert [list(block) for block in blocks] == [[1, 4], [0, 2, 3]]


@pytest.mark.parametrize(("groups", "message"), [
    ([0, 0, 1], r"one entry per row \(4\), got 3"), ([0, 1, None, 1], "missing"),
    ([0.0, 1.0, np.nan, 1.0], "missing"), ([0, 0, 1, 1], "every group holds rows of one sample"),
])
def test_wrong_groups_are_named(groups, message):
    with pytest.raises(ValueError, match=message):
        check_row_groups(groups, np.array([True, True, False, False]))


# ------------------------------------------------------------ one sample
@pytest.mark.parametrize("make", [
    list, np.asarray, pd.Series, pl.Series, lambda x: x[:, None], lambda x: x.astype(int), tuple,
    lambda x: x.astype(bool) * x,
])
def test_one_dimension_is_one_column(make):
    values = np.array([0.0, 1.0, 4.0])
    found, columns = check_sample(make(values), "P")
    assert columns is None
    assert found.dtype == np.float64
    assert_array_equal(found, values[:, None])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_their_column_names(make):
    found, columns = check_sample(make({"x": [1, 2], "y": [True, False]}), "P")
    assert columns == ["x", "y"]
    assert_array_equal(found, [[1, 1], [2, 0]])


@pytest.mark.parametrize(("sample", "message"), [
    ([[1.0, np.nan]], r"P contains NaN \(row 0, column 1;"), ([np.inf, 1.0], "P contains infinity"),
    (np.empty((0, 2)), "0 sample"), ([[[1.0]]], "3"), (["a", "b"], "could not convert"),
    (pd.DataFrame({"t": ["a"], "x": [1.0]}), "P must hold numbers.*: t"),
    (pl.DataFrame({"t": ["a"], "x": [1.0]}), "P must hold numbers.*: t"),
    (pd.DataFrame({"t": pd.to_datetime(["2026-01-01"]), "x": [1.0]}), "P must hold numbers.*: t"),
    (pd.DataFrame([[1.0, 2.0]], columns=["x", "x"]), "P has more than one column named 'x'"),
])
def test_wrong_samples_are_named(sample, message):
    with pytest.raises(ValueError, match=message):
        check_sample(sample, "P")
