"""The tables that ship with the package: known values, peers, and their copies in examples/data."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal

from divest.datasets import load_anes96, load_penguins

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


def test_penguins_known_values():
    penguins = load_penguins()
    assert penguins.shape == (344, 8)
    assert penguins["species"].value_counts().to_dict() == {
        "Adelie": 152, "Gentoo": 124, "Chinstrap": 68}
    assert list(penguins["island"].cat.categories) == ["Biscoe", "Dream", "Torgersen"]
    # missing values and means as summary(penguins) prints them in R
    assert penguins.isna().sum().to_dict() == {
        "species": 0, "island": 0, "bill_length_mm": 2, "bill_depth_mm": 2,
        "flipper_length_mm": 2, "body_mass_g": 2, "sex": 11, "year": 0}
    means = penguins[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]].mean()
    assert_allclose(means, [43.92, 17.15, 200.9, 4202], rtol=5e-4)


def test_anes96_is_the_table_of_statsmodels():
    voters = load_anes96()
    peer = sm.datasets.anes96.load_pandas().data
    assert voters.shape == (944, 10)
    assert_array_equal(voters.to_numpy(), peer.drop(columns="logpopul").to_numpy())
    assert voters["vote"].value_counts().to_dict() == {0: 551, 1: 393}
    # right-hand candidates are placed to the right, and voters vote for whom they are near to
    assert voters["dole_left_right"].mean() > voters["clinton_left_right"].mean() + 2
    assert voters.groupby("vote")["self_left_right"].mean().diff().iloc[1] > 1


@pytest.mark.parametrize(("load", "kinds"), [
    (load_penguins, "category category float64 float64 float64 float64 category int64"),
    (load_anes96, " ".join(["int64"] * 10))])
def test_columns(load, kinds):
    table = load()
    assert [str(kind) for kind in table.dtypes] == kinds.split()
    assert all(name.isidentifier() and name == name.lower() for name in table)
    assert all(f"``{name}``" in load.__doc__ for name in table)
    assert_array_equal(table.index, np.arange(len(table)))


def test_each_call_gives_its_own_table():
    voters = load_anes96()
    voters["age"] = 0
    assert load_anes96()["age"].min() > 17


@pytest.mark.parametrize(("table", "column", "parts"), [
    (load_penguins, "year", {year: f"penguins_{year}.csv" for year in (2007, 2008, 2009)}),
    (load_anes96, "vote", {0: "anes96_clinton.csv", 1: "anes96_dole.csv"})])
def test_example_files_are_the_table_split(table, column, parts):
    whole = table()
    assert set(whole[column]) == set(parts)
    for value, name in parts.items():
        expected = whole[whole[column] == value].drop(columns=column).reset_index(drop=True)
        kinds = {c: "category" for c in expected if expected[c].dtype == "category"}
        got = pd.read_csv(EXAMPLES / name, dtype=kinds)
        pd.testing.assert_frame_equal(got, expected, check_categorical=False, check_dtype=False)
