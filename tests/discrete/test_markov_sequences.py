"""Sequences in every form, counts of transitions, and what is refused."""

from time import process_time

import numpy as np
import pandas as pd
import polars as pl
import pytest

from divest.discrete import TransitionCounts, sequences_from_frame, transition_counts

LETTERS = ["a", "b", "a", "a", "b"]
COUNTS = [[1, 2], [1, 0]]


@pytest.mark.parametrize("X", [
    LETTERS, tuple(LETTERS), np.array(LETTERS), np.array(LETTERS)[:, None], pd.Series(LETTERS),
    pd.Series(LETTERS, dtype="category"), pd.DataFrame({"s": LETTERS}), pl.Series(LETTERS),
    pl.DataFrame({"s": LETTERS}), [LETTERS], np.array(LETTERS, dtype=object), pd.Series([LETTERS]),
])
def test_every_form_gives_the_same_counts(X):
    found = transition_counts(X)
    np.testing.assert_array_equal(found.counts, COUNTS)
    assert found.states.tolist() == ["a", "b"]


def test_separate_sequences_have_no_transition_between_them():
    split = transition_counts(LETTERS + ["c"], lengths=[2, 3, 1])
    listed = transition_counts([["a", "b"], np.array(["a", "a", "b"]), ("c",)])
    np.testing.assert_array_equal(split.counts, [[1, 2, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(listed.counts, split.counts)


def test_many_short_lists_take_no_time():
    """An array for each list took 200 microseconds, or 40 seconds for these."""
    start = process_time()
    found = transition_counts([["a", "b", "a"]] * 200_000)
    assert process_time() - start < 10
    np.testing.assert_array_equal(found.counts, [[0, 200_000], [200_000, 0]])


def test_more_states_than_fit_into_a_table_are_refused():
    with pytest.raises(ValueError, match="X has 10001 states, more than 10000"):
        transition_counts(np.arange(10_001))


def test_labels_of_several_types_stay_apart():
    found = transition_counts([1, "1", True, 2.5, "1"])
    assert len(found.states) == 3  # True is 1
    assert found.to_frame().loc["1"].sum() == 1
    whole = transition_counts([[1, 2], ["x", 1]])
    assert whole.states.tolist() == [1, 2, "x"]


def test_states_given_fix_the_order_and_refuse_others():
    ratings = ["AAA", "AA", "A"]
    found = transition_counts(["AA", "AAA", "AA"], states=ratings)
    assert found.states.tolist() == ratings
    np.testing.assert_array_equal(found.counts, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="2 states that are not among the states: 'B', 'C'"):
        transition_counts(["AA", "B", "C"], states=ratings)
    with pytest.raises(ValueError, match="different labels"):
        transition_counts(["AA", "AA"], states=["AA", "AA"])


def test_counts_add_up_over_their_labels():
    one, other = transition_counts(["a", "b", "a"]), transition_counts(["c", "a", "b"])
    total = one + other
    np.testing.assert_array_equal(total.counts, transition_counts(
        [["a", "b", "a"], ["c", "a", "b"]], states=total.states).counts)
    again = TransitionCounts(total.to_frame())
    np.testing.assert_array_equal(again.counts, total.counts)
    np.testing.assert_array_equal(transition_counts(total, states=["c", "b", "a"]).counts,
                                  total.counts[::-1, ::-1])
    with pytest.raises(ValueError, match="not among the states: 'c'"):
        total.over(["a", "b"])


def test_frame_in_any_order_gives_the_same_sequences(rng):
    frame = pd.DataFrame({"who": np.repeat([7, 3], 4), "when": pd.date_range("2024", periods=4)
                          .append(pd.date_range("2023", periods=4)), "state": list("abcdwxyz")})
    for table in (frame, frame.sample(frac=1, random_state=1), pl.from_pandas(frame)):
        found = sequences_from_frame(table, by="who", time="when", state="state")
        assert [list(s) for s in found] == [list("wxyz"), list("abcd")]


@pytest.mark.parametrize(("change", "message"), [
    ({"t": [1, 1, 2]}, "more than one row at t"),
    ({"t": [1, None, 2]}, "column 't' has 1 missing"),
    ({"id": [1, None, 1]}, "column 'id' has 1 missing"),
    ({"s": ["a", None, "b"]}, "column 's' has 1 missing values .first in row 1"),
    ({"t": [1, "x", 2]}, "mixes types"),
])
def test_bad_frames_are_refused(change, message):
    frame = pd.DataFrame({"id": [1, 1, 1], "t": [1, 2, 3], "s": ["a", "b", "a"], **change})
    with pytest.raises(ValueError, match=message):
        sequences_from_frame(frame, by="id", time="t", state="s")


def test_the_first_of_two_levels_of_names_is_no_column():
    frame = pd.DataFrame({("a", 0): [1, 2], ("a", 1): [1, 2]})
    with pytest.raises(ValueError, match="by must name a column of the frame, got 'a'"):
        sequences_from_frame(frame, by="a", time=("a", 0), state=("a", 1))


def test_column_that_is_not_there_is_refused():
    frame = pd.DataFrame({"id": [1, 1], "t": [1, 2], "s": ["a", "b"]})
    with pytest.raises(ValueError, match="time must name a column"):
        sequences_from_frame(frame, by="id", time="month", state="s")


@pytest.mark.parametrize(("X", "lengths", "message"), [
    ("abab", None, "letters"), ([], None, "empty"), ([["a", "b"], []], None, "sequence 1 of X"),
    (["a", None], None, "missing value .position 1"),
    ([["a", "b"], [np.nan, 1.0]], None, "sequence 1, position 0"),
    ([["a"], ["b"]], None, "no transition"), (["a"], None, "no transition"),
    ([["a", "b"], "a"], None, "entry 1 of X is a label"),
    (np.zeros((3, 2)), None, "sequences_from_frame"), (5, None, "shape"),
    (np.ma.masked_array([1, 2]), None, "masked"),
    (["a", "b"], [1], "sum to the length of X, 2"), (["a", "b"], [0, 2], "1 or more"),
    (["a", "b"], [1.0, 1.0], "whole numbers"), ([["a", "b"], ["a"]], [2, 1], "already"),
    (TransitionCounts([[1]]), [2], "counts have none"),
])
def test_bad_sequences_are_refused(X, lengths, message):
    with pytest.raises(ValueError, match=message):
        transition_counts(X, lengths)


@pytest.mark.parametrize(("counts", "states", "message"), [
    ([[1, 2]], None, "square"), ([[1, -2], [0, 1]], None, "row 0, column 1 is -2"),
    ([[0.5]], None, "is 0.5"), ([[np.nan]], None, "is nan"), ([[0, 0], [0, 0]], None, "all zero"),
    ([["x"]], None, "whole numbers"), ([[1]], ["a", "b"], "one label per row"),
    (pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"]), None, "index and the columns"),
])
def test_bad_counts_are_refused(counts, states, message):
    with pytest.raises(ValueError, match=message):
        TransitionCounts(counts, states)
