"""compare_groups: what it says of the groups of a table."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from divest.comparison import GroupComparison, compare_groups
from divest.discrete import drift_table


@pytest.fixture
def tables(rng):
    """A reference and a table of three groups, of which "b" has changed in `x`."""
    reference = pd.DataFrame({"x": rng.normal(size=150), "label": rng.choice(["u", "v"], 150)})
    current = pd.DataFrame({"x": rng.normal(size=180), "label": rng.choice(["u", "v"], 180),
                            "group": np.repeat(["a", "b", "c"], 60)})
    current.loc[60:119, "x"] += 1.5
    return reference, current


def test_table_is_the_drift_table(tables):
    reference, current = tables
    result = compare_groups(reference, current, "group", correction="holm", random_state=0)
    expected = drift_table(reference, current, by="group", correction="holm", random_state=0)
    pd.testing.assert_frame_equal(result.columns, expected)
    pd.testing.assert_frame_equal(result.to_frame(), expected)
    assert (result.n_reference, result.n_current) == (150, 180)


def test_groups_and_words(tables):
    result = compare_groups(*tables, "group", random_state=0)
    assert result.groups["group"].tolist() == ["a", "b", "c"]
    assert result.groups["columns"].tolist() == ["", "x", ""]
    assert (result.groups["tested"] == 2).all()
    assert result.drift
    assert result.verdict == "1 of 3 groups drifts, in 1 of 6 tests."
    assert str(result) == result.summary()
    assert "180 current rows in 3 groups against 150 reference rows." in result.summary()
    assert "Columns that drift" in result.summary()


def test_groups_are_in_the_order_of_their_values(tables):
    reference, current = tables
    current["group"] = np.repeat([2, 10, 1], 60)
    assert compare_groups(reference, current, "group").groups["group"].tolist() == [1, 2, 10]
    current["group"] = pd.Series(np.repeat([2, 10, None], 60), dtype=object)
    found = compare_groups(reference, current, "group").groups["group"].tolist()
    assert found == [2, 10, "(missing)"]


def test_nothing_changed(tables):
    reference, current = tables
    result = compare_groups(reference, current[current["group"] != "b"], "group", random_state=0)
    assert not result.drift
    assert "Columns that drift" not in result.summary()


def test_doubts_and_what_was_left_out_are_told(tables):
    reference, current = tables
    result = compare_groups(reference.assign(extra=1), current.iloc[:70], "group",
                            minimum_effect=0.1, random_state=0)
    text = result.summary()
    assert "Doubtful: few_rows (2 of 4 rows; columns: " in text
    assert "in one table only: extra." in text
    assert "psi) above 0.1" in text
    assert "0 of 2 groups drift beyond an index of 0.1, in" in text


def test_missing_values_are_shown_beside_the_pvalues_that_they_move(tables):
    reference, current = tables
    shown = compare_groups(reference, current, "group", random_state=0)
    assert "missing:" not in shown.summary()
    gone = current.assign(x=current["x"].where(np.arange(180) % 3 > 0))
    text = compare_groups(reference, gone, "group", random_state=0).summary()
    assert "0/20" in text
    assert "missing: reference/current" in text


def test_one_group_is_one(tables):
    reference, current = tables
    result = compare_groups(reference, current.iloc[60:120], "group", random_state=0)
    assert result.verdict == "1 of 1 group drifts, in 1 of 2 tests."
    assert "60 current rows in 1 group against" in result.summary()


def test_nothing_to_compare_but_the_groups_is_refused(tables):
    reference, current = tables
    with pytest.raises(ValueError, match="share no column but x, which names the groups"):
        compare_groups(reference[["x"]], current, "x")


def test_html_shows_no_markup_of_the_data(tables):
    result = compare_groups(*tables, "group", random_state=0)
    evil = GroupComparison(result.columns.assign(column="<script>"), 0.05, 0.0, ("<b>",), 1, 1)
    assert "<script>" not in evil._repr_html_()
    assert "<b>." not in evil._repr_html_()
    assert "b" in result._repr_html_()


def test_one_doubtful_row_is_enough_for_distrust(tables):
    found = compare_groups(*tables, "group", random_state=0)
    assert found.trusted == found.columns["trusted"].all()
    doubtful = found.columns.assign(trusted=[False] + [True] * (len(found.columns) - 1))
    assert not dataclasses.replace(found, columns=doubtful).trusted
