"""stack_samples: rows, labels, columns matched by name, errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.testing import assert_array_equal

from divest import stack_samples

numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(arrays(float, array_shapes(min_dims=2, max_dims=2), elements=numbers),
       st.integers(1, 5), st.data())
def test_rows_of_p_then_rows_of_q(P, n_q, data):
    Q = data.draw(arrays(float, (n_q, P.shape[1]), elements=numbers))
    X, y = stack_samples(P, Q)
    assert_array_equal(X[y == 1], P)
    assert_array_equal(X[y == 0], Q)
    assert_array_equal(y, [1] * len(P) + [0] * n_q)


@pytest.mark.parametrize("make", [list, np.asarray, pd.Series, pl.Series])
def test_one_dimension_is_one_column(make):
    X, y = stack_samples(make([1.0, 2.0]), [[3.0]])
    assert_array_equal(X, [[1], [2], [3]])
    assert_array_equal(y, [1, 1, 0])


@pytest.mark.parametrize("make_p", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("make_q", [pd.DataFrame, pl.DataFrame])
def test_columns_are_matched_by_name(make_p, make_q):
    P, Q = make_p({"a": [1.0], "b": [2.0]}), make_q({"b": [4, 6], "a": [3, 5]})
    X, y = stack_samples(P, Q)
    expected = pd.DataFrame({"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]})
    pd.testing.assert_frame_equal(X, expected)
    assert_array_equal(y, [1, 0, 0])


def test_one_frame_and_one_array_are_matched_by_position():
    X, _ = stack_samples(pd.DataFrame({"a": [1.0], "b": [2.0]}), [[3.0, 4.0]])
    assert isinstance(X, np.ndarray)
    assert_array_equal(X, [[1, 2], [3, 4]])


def test_index_of_a_frame_does_not_matter():
    P = pd.DataFrame({"a": [1.0, 2.0]}, index=[9, 9])
    X, _ = stack_samples(P, P)
    assert_array_equal(X.index, range(4))


def test_inputs_are_not_changed():
    P = np.ones((2, 2))
    X, _ = stack_samples(P, P)
    X[:] = 5.0
    assert (P == 1).all()


@pytest.mark.parametrize(("P", "Q", "message"), [
    ([[1.0, 2.0]], [[1.0]], "same number of columns, got 2 and 1"),
    (pd.DataFrame({"a": [1.0], "b": [1.0]}), pd.DataFrame({"b": [1.0], "c": [1.0]}),
     r"only in P: \['a'\], only in Q: \['c'\]"),
    (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0], "c": [1.0]}),
     r"only in P: none, only in Q: \['c'\]"),
    ([[np.nan]], [[1.0]], "P contains NaN"), ([[1.0]], [[1.0], [np.inf]], "Q contains infinity"),
    ([[1.0]], pd.DataFrame({"t": ["x"]}), "Q must hold numbers only"),
    ([], [1.0], "0 sample"), ([1.0], np.empty((0, 1)), "0 sample"),
])
def test_samples_that_do_not_fit(P, Q, message):
    with pytest.raises(ValueError, match=message):
        stack_samples(P, Q)
