"""drift_table: its rows against the functions behind them, kinds of column, groups, errors."""

import warnings
from datetime import date
from decimal import Decimal
from importlib import import_module

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import anderson_ksamp, chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests

from divest import TrustWarning
from divest.datasets import load_penguins
from divest.discrete import drift_table, f_divergence_test, population_stability_index

COLUMNS = ["column", "kind", "n_current", "n_reference", "missing_current", "missing_reference",
           "missing_pvalue", "new_categories", "psi", "psi_standard_error", "psi_corrected", "test",
           "statistic", "pvalue", "pvalue_minimum_effect", "pvalue_adjusted", "drift", "trusted",
           "failed_diagnostics"]


@pytest.fixture(scope="module")
def seasons():
    penguins = load_penguins()
    return [penguins[penguins["year"] == year].drop(columns="year") for year in (2009, 2007)]


@pytest.fixture(scope="module")
def found(seasons):
    return drift_table(*seasons[::-1]).set_index("column")


def frame(rng, n, shift=0.0):
    return pd.DataFrame({"a": rng.normal(shift, 1, n), "b": rng.exponential(1.0, n),
                         "code": rng.integers(0, 4, n), "label": rng.choice(["x", "y", "z"], n)})


def quiet(current, reference, **options):
    """The table, whose doubts are in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return drift_table(reference, current, **options)


def by_name(*tables, **options):
    return quiet(*tables, **options).set_index("column")


def test_columns_and_order(seasons):
    table = drift_table(*seasons[::-1])
    assert list(table.columns) == COLUMNS
    assert table["pvalue_adjusted"].is_monotonic_increasing
    assert table.attrs["unmatched"] == []
    assert table["drift"].dtype == bool


def test_numeric_row_is_that_of_scipy_and_of_the_index(seasons, found):
    p, q = (season["body_mass_g"] for season in seasons)
    row = found.loc["body_mass_g"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = anderson_ksamp([p.dropna(), q.dropna()])
    assert row["test"] == "AD"
    assert_allclose(row["statistic"], peer.statistic, rtol=1e-10)
    index = population_stability_index(p, q)
    assert_allclose(row[["psi", "psi_standard_error", "psi_corrected"]].astype(float),
                    [index.estimate, index.standard_error, index.corrected], rtol=1e-12)


def test_row_of_labels_is_that_of_scipy_and_of_the_index(seasons, found):
    p, q = (season["sex"] for season in seasons)
    counts = np.stack([values.value_counts().sort_index() for values in (p, q)])
    row, peer = found.loc["sex"], chi2_contingency(counts, correction=False)
    assert row["test"] == "chi2"
    assert_allclose([row["statistic"], row["pvalue"]], [peer.statistic, peer.pvalue], rtol=1e-10)
    assert_allclose(row["psi"], population_stability_index(p, q).estimate, rtol=1e-12)


def test_missing_values_are_tested_and_combined(seasons, found):
    counts = [int(season["sex"].isna().sum()) for season in seasons]
    sizes = [len(season) for season in seasons]
    expected = fisher_exact([counts, np.subtract(sizes, counts)]).pvalue
    row = found.loc["sex"]
    assert_allclose(row["missing_pvalue"], expected, rtol=1e-12)
    combined = found["pvalue"].copy()  # two missing numbers of one season could not reject
    combined["sex"] = 2 * min(row["pvalue"], row["missing_pvalue"])
    assert_allclose(found["pvalue_adjusted"], multipletests(combined, method="fdr_bh")[1])


@pytest.mark.parametrize("correction", ["holm", "fdr_by"])
def test_other_corrections(seasons, correction):
    columns = ["island", "species"]
    table = drift_table(*seasons[::-1], columns=columns, correction=correction)
    assert_allclose(table["pvalue_adjusted"], multipletests(table["pvalue"], method=correction)[1])


def test_permutation_where_cells_are_small(rng):
    p, q = pd.Series(rng.choice(list("abc"), 40, p=[.8, .1, .1])), pd.Series(list("abc") * 10)
    row = quiet(p.to_frame("x"), q.to_frame("x"), random_state=1).iloc[0]
    small = quiet(p.to_frame("x").iloc[:25], q.to_frame("x").iloc[:20], random_state=1).iloc[0]
    assert row["test"] == "chi2"
    assert small["test"] == "chi2 permutation"
    again = [quiet(p.to_frame("x").iloc[:25], q.to_frame("x").iloc[:20], random_state=seed,
                   n_resamples=9999)["pvalue"].item() for seed in (1, 2)]
    error = np.sqrt(again[0] * (1 - again[0]) / 10000)
    assert abs(again[0] - again[1]) < 5 * error
    assert abs(small["pvalue"] - again[0]) < 20 * error


def test_more_permutations_where_there_are_many_rows(rng):
    """With 999 alone, no p-value of 100 groups could reach .05 after Holm's adjustment."""
    labels = np.tile(list("abcdefgh"), 10)
    current = pd.DataFrame({"g": np.repeat(np.arange(100), 20),
                            "x": rng.choice(list("abcdefgh"), 2000)})
    current.loc[:19, "x"] = "a"
    table = quiet(current, pd.DataFrame({"x": labels}), by="g", correction="holm", random_state=0)
    assert table.loc[table["drift"], "group"].tolist() == [0]
    assert table["pvalue"].min() < 1 / 1000
    assert (table["pvalue"] < 1 / 1000).sum() == 1


def test_a_table_against_itself(rng):
    table = frame(rng, 200)
    found = drift_table(table, table)
    assert not found["drift"].any()
    assert found["pvalue"].min() > 0.9999


def test_odd_columns_each_give_a_row(rng):
    n = 200
    reference = frame(rng, n).assign(
        void=np.nan, text=["", "full"] * (n // 2), mixed=[1, "one", True, None] * (n // 4),
        name=[f"id{i}" for i in range(n)], flag=rng.random(n) < 0.5, constant=1.0,
        when=pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
        day=[date(2024, 1, 1 + i % 28) for i in range(n)],
        group=pd.Categorical(rng.choice(["u", "v"], n), categories=["u", "v", "unused"]))
    current = reference.sample(frac=1, random_state=1).reset_index(drop=True)
    current.loc[:9, "label"] = "new"
    with pytest.warns(TrustWarning, match="new_categories = 1 .*columns: label"):
        found = drift_table(reference, current, random_state=0).set_index("column")
    assert found["kind"].to_dict() == {
        "a": "numeric", "b": "numeric", "code": "discrete", "label": "categorical",
        "void": "empty", "text": "categorical", "mixed": "categorical", "name": "identifier",
        "flag": "categorical", "constant": "discrete", "when": "numeric", "day": "numeric",
        "group": "categorical"}
    untested = found.loc[["void", "name"]]
    assert untested[["pvalue", "pvalue_adjusted", "psi"]].isna().all(axis=None)
    assert (untested["test"] == "none").all()
    assert not untested["drift"].any()
    assert found.loc["label", "new_categories"] == 1
    same = found.drop(index=["label", "void", "name"])
    assert same["pvalue"].min() > 0.99
    assert found.loc["constant", ["psi", "statistic", "pvalue"]].tolist() == [0.0, 0.0, 1.0]


def test_row_order_does_not_matter(seasons, found):
    shuffled = by_name(*(season.sample(frac=1, random_state=3) for season in seasons))
    pd.testing.assert_frame_equal(shuffled, found)


def test_pandas_and_polars_agree(rng):
    reference, current = frame(rng, 60), frame(rng, 70, 0.5)
    current.loc[3, "label"] = None
    current["day"], reference["day"] = pd.date_range("2024", periods=70), pd.Timestamp("2024")
    pd.testing.assert_frame_equal(quiet(pl.from_pandas(current), pl.from_pandas(reference)),
                                  quiet(current, reference))


def test_same_for_any_number_of_jobs(rng):
    tables = frame(rng, 30), frame(rng, 25)
    pd.testing.assert_frame_equal(quiet(*tables, random_state=1, n_jobs=2),
                                  quiet(*tables, random_state=1))


def test_missing_in_one_table_only(rng):
    reference, current = frame(rng, 100)[["a", "label"]], frame(rng, 90)[["a", "label"]]
    gone = current.assign(a=np.nan, label=None)
    for tables in ((gone, reference), (reference, gone)):
        found = by_name(*tables)
        assert found["pvalue"].isna().all()
        assert found["drift"].all()
        assert (found["psi"] > 5).all()
        assert found["failed_diagnostics"].str.startswith("few_rows").all()


def test_reference_that_is_nearly_constant(rng):
    reference = pd.DataFrame({"x": np.r_[np.full(290, 3.0), rng.normal(0, 1, 10)]})
    current = pd.DataFrame({"x": rng.normal(3.0, 1, 300)})
    row = by_name(current, reference).loc["x"]
    assert row["drift"]
    assert row["psi"] > 2
    flat = pd.DataFrame({"x": np.full(300, 3.0)})
    row = by_name(current, flat, minimum_effect=0.5).loc["x"]
    assert row["kind"] == "numeric"
    assert row["drift"]


def test_infinite_numbers_are_values(rng):
    x = rng.normal(size=200)
    infinite = pd.DataFrame({"x": np.r_[x, np.full(9, -np.inf), np.full(15, np.inf)]})
    reference = pd.DataFrame({"x": rng.normal(size=100)})
    for tables in ((infinite, reference), (reference, infinite), (infinite, infinite)):
        same = [table.replace({np.inf: 1e9, -np.inf: -1e9}) for table in tables]
        pd.testing.assert_frame_equal(quiet(*tables), quiet(*same))
    for heavy in (np.full(900, -np.inf), np.repeat([-np.inf, np.inf], 450)):
        table = pd.DataFrame({"x": np.r_[heavy, x[:60]]})
        assert by_name(infinite, table).loc["x", "drift"]
        assert by_name(table, table).loc["x", "psi"] == 0.0
    more = pd.concat([infinite, infinite.tail(15)])
    assert by_name(more, reference).loc["x", "drift"]


def test_whole_numbers_that_floats_cannot_tell_apart_are_labels():
    low, high = (np.repeat(2**60 + np.arange(start, start + 4), 20) for start in (0, 4))
    low, high = pd.DataFrame({"id": low}), pd.DataFrame({"id": high})
    found = quiet(low, high)
    assert found.loc[0, ["kind", "drift", "new_categories"]].tolist() == ["categorical", True, 4]
    mixed = quiet(low, pd.DataFrame({"id": np.arange(80)}))  # all are labels where one is too large
    assert mixed.loc[0, "kind"] == "categorical"


def test_objects_that_are_numbers_are_numbers(rng):
    values = rng.normal(size=300)
    plain = quiet(pd.DataFrame({"a": values[:100]}), pd.DataFrame({"a": values[100:]}))
    decimals = pd.Series([Decimal(repr(float(value))) for value in values])
    objects = pd.Series(values, dtype=object)
    for table in (decimals.to_frame("a"), objects.to_frame("a"), pl.DataFrame({"a": values})):
        pd.testing.assert_frame_equal(quiet(table[:100], table[100:]), plain)
    assert plain.loc[0, "kind"] == "numeric"


def test_index_of_few_rows_is_not_corrected(rng):
    found = quiet(frame(rng, 16)[["a"]], frame(rng, 60)[["a"]])
    assert found["psi_corrected"].isna().all()
    assert found["psi"].notna().all()


@pytest.mark.parametrize(("dates", "message"), [
    (["1997-01-18", "soon"], "it holds 'soon', which is none"),
    (["1997-01-18", None, "18.1.97"], "it holds '18.1.97', which is none"),
    ([None, None], "it holds missing values only"), ([np.nan, np.nan], "missing values only"),
])
def test_wrong_dates_are_named(dates, message):
    current = pd.DataFrame({"when": dates, "a": 1.0})
    with pytest.raises(ValueError, match=message):
        drift_table(pd.DataFrame({"a": [1.0, 2.0]}), current, by="when", freq="M")


def test_minimum_effect_is_the_test_of_the_index(rng):
    reference, current = frame(rng, 1500), frame(rng, 1500, shift=0.2)
    found = by_name(current, reference, minimum_effect=0.1)
    plain = by_name(current, reference)
    assert plain.loc["a", "drift"]
    assert not found["drift"].any()
    assert plain["pvalue_minimum_effect"].isna().all()
    counts = [frame["label"].value_counts() for frame in (current, reference)]
    expected = f_divergence_test(*counts, minimum_effect=0.1).pvalue
    assert_allclose(found.loc["label", "pvalue_minimum_effect"], expected, rtol=1e-10)
    larger = np.maximum(found["pvalue"], found["pvalue_minimum_effect"])
    assert_allclose(found["pvalue_adjusted"], multipletests(larger, method="fdr_bh")[1])
    far = frame(rng, 1500, shift=1.0)
    assert by_name(far, reference, minimum_effect=0.1).loc["a", "drift"]


def test_minimum_effect_in_small_cells_is_doubted(rng):
    tables = [pd.DataFrame({"x": rng.choice(list("abcd"), 40, p=[.5, .3, .1, .1])})
              for _ in range(2)]
    with pytest.warns(TrustWarning, match="small_cells"):
        assert not drift_table(*tables, minimum_effect=0.1)["trusted"].item()


def test_columns_of_rare_labels():
    half = [pd.DataFrame({"x": ["common"] * n + [f"{side}{i}" for i in range(90)]})
            for side, n in (("a", 30), ("b", 10))]
    row = quiet(*half, random_state=0).iloc[0]
    assert row["failed_diagnostics"] == "new_categories, merged_share"
    assert row["test"] == "chi2"  # what is left is compared
    assert row["drift"]
    all_rare = [table.iloc[-90:] for table in half]
    row = quiet(*all_rare).iloc[0]
    assert (row["test"], row["drift"]) == ("none", False)


@pytest.mark.parametrize("n", [4, 19, 20])
def test_few_rows_are_doubted(rng, n):
    found = quiet(frame(rng, n), frame(rng, 50))
    assert found["failed_diagnostics"].str.contains("few_rows").all() == (n < 20)
    assert found["psi"].notna().all()


@pytest.fixture
def groups(rng):
    """A reference without, and a table with a column of groups, and its dates."""
    when = pd.date_range("2024-01-01", periods=90, freq="D").repeat(4)
    current = frame(rng, 360).assign(when=when, month=when.strftime("%B"))
    current.loc[current["month"] == "March", "a"] += 2.0
    return current, frame(rng, 200)


def test_a_group_is_compared_like_a_table(groups):
    current, reference = groups
    found = quiet(current, reference, by="month", columns=["a", "label", "code"])
    assert len(found) == 9
    assert found.loc[found["drift"], ["group", "column"]].to_numpy().tolist() == [["March", "a"]]
    assert_allclose(found["pvalue_adjusted"], multipletests(found["pvalue"], method="fdr_bh")[1])
    one = by_name(current[current["month"] == "March"], reference, columns=["a", "label", "code"])
    part = found[found["group"] == "March"].set_index("column").loc[one.index, one.columns]
    same = one.columns.drop(["pvalue_adjusted"])
    pd.testing.assert_frame_equal(part[same], one[same])


@pytest.mark.parametrize("change", [lambda when: when, lambda when: when.astype(str),
                                    lambda when: when.dt.tz_localize("UTC"),
                                    lambda when: when.dt.date])
def test_months_of_dates(groups, change):
    current, reference = groups
    named = quiet(current, reference, by="month", columns=["a"]).set_index("group")
    dated = current.assign(when=change(current["when"])).sample(frac=1, random_state=2)
    found = quiet(dated, reference, by="when", freq="M", columns=["a"]).set_index("group")
    assert sorted(found.index) == ["2024-01", "2024-02", "2024-03"]
    assert_allclose(found.loc["2024-03", "statistic"], named.loc["March", "statistic"])


def test_rows_without_a_group_are_one(groups):
    current, reference = groups
    current.loc[:99, ["month", "when"]] = None
    for options in ({"by": "month"}, {"by": "when", "freq": "Q"}):
        found = quiet(current, reference, columns=["a"], **options).set_index("group")
        assert found.loc["(missing)", "n_current"] == 100


def test_rows_without_a_group_join_those_of_the_same_name(groups):
    current, reference = groups
    current["month"] = ["(missing)"] * 100 + [None] * 60 + ["June"] * 200
    found = quiet(current, reference, by="month", columns=["a"]).set_index("group")
    assert found["n_current"].to_dict() == {"June": 200, "(missing)": 160}


def test_the_reference_is_counted_once_for_all_groups(rng, monkeypatch):
    reference = pd.DataFrame({"x": rng.choice(list("abc"), 500)})
    current = pd.DataFrame({"x": rng.choice(list("abc"), 200), "g": np.repeat(range(10), 20)})
    seen, rows = [], import_module("divest.discrete._drift_rows")
    count = rows.label_counts
    monkeypatch.setattr(rows, "label_counts", lambda v: (seen.append(len(v)), count(v))[1])
    quiet(current, reference, by="g")
    assert sorted(seen) == [20] * 10 + [500]


def test_group_column_is_left_out(groups):
    current, reference = groups
    found = quiet(current, reference.assign(month="May", when=pd.Timestamp("2023")), by="month")
    assert "month" not in set(found["column"])
    assert found.attrs["unmatched"] == []
    assert quiet(current, reference, by="month").attrs["unmatched"] == ["when"]


@pytest.mark.parametrize(("options", "message"), [
    ({"by": "week"}, "no column week to group by; it has a, b"),
    ({"by": ["label"]}, "no column .'label'. to group by"),
    ({"freq": "M"}, "freq='M' needs by"),
    ({"by": "label", "freq": "M"}, "freq='M' needs dates in column label"),
    ({"by": "code", "freq": "M"}, "such as 2024-01-31; it holds numbers"),
    ({"by": "a", "freq": "hour"}, "freq must be one of"),
    ({"by": "label", "columns": ["label"]}, "no column label"),
    ({"correction": "none"}, "correction must be one of 'fdr_bh', 'fdr_by', 'holm'"),
    ({"level": 0}, "level must lie between"),
    ({"minimum_effect": -0.1}, "minimum_effect must"),
    ({"bins": 1}, "bins must be at least 2"),
    ({"n_resamples": 0}, "n_resamples must be at least 1"),
    ({"columns": ["nope"]}, "no column nope; it has a, b"),
])
def test_bad_options_are_refused(rng, options, message):
    with pytest.raises(ValueError, match=message):
        drift_table(frame(rng, 30), frame(rng, 30), **options)


def test_bad_tables_are_refused(rng):
    with pytest.raises(ValueError, match="share no column"):
        drift_table(frame(rng, 30), frame(rng, 30).add_prefix("new_"))
    with pytest.raises(ValueError, match=r"numbers in the reference table .* and labels"):
        drift_table(frame(rng, 30), frame(rng, 30).assign(a="text"))
    many = frame(rng, 1500).assign(id=np.arange(1500))
    with pytest.raises(ValueError, match="id has 1500 groups, more than 1000"):
        drift_table(frame(rng, 30), many, by="id")


def test_no_column_can_be_tested():
    with pytest.warns(TrustWarning, match="few_rows"):
        found = drift_table(pd.DataFrame({"x": [None]}), pd.DataFrame({"x": [None, None]}))
    assert found["pvalue_adjusted"].isna().all()
    assert not found["drift"].any()


def test_progress_counts_columns(seasons, found, capsys):
    table = drift_table(*seasons[::-1], progress=True).set_index("column")
    pd.testing.assert_series_equal(table["psi"], found["psi"])
    assert f"{len(table)}/{len(table)}" in capsys.readouterr().err
