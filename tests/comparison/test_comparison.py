"""compare: joint table, columns, missing values, kinds of column, errors, no false alarms."""

import dataclasses

import numpy as np
import pandas as pd
import plain
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency, fisher_exact
from statsmodels.stats.multitest import multipletests

from divest import (
    Comparison,
    DivergenceTwoSampleTest,
    NearestNeighborRatioDivergence,
    TrustWarning,
    compare,
)
from divest.datasets import load_anes96, load_penguins
from divest.discrete import drift_table, f_divergence

SETTINGS = plain.smaller({}, {"n_resamples": 99})  # the defaults, where there is time


@pytest.fixture(scope="module")
def seasons():
    penguins = load_penguins()
    return [penguins[penguins["year"] == year].drop(columns="year") for year in (2007, 2009)]


@pytest.fixture(scope="module")
def found(seasons):
    return compare(*seasons, random_state=0, **SETTINGS)


def frame(rng, n, shift=0.0):
    return pd.DataFrame({"a": rng.normal(shift, 1, n), "b": rng.exponential(1.0, n),
                         "label": rng.choice(["x", "y", "z"], n)})


def test_joint_table_is_that_of_the_estimators(seasons, found):
    names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    q, p = (season[names].dropna().to_numpy(float) for season in seasons)
    model = NearestNeighborRatioDivergence(standardize="std", clip=True).fit_samples(p, q)
    expected = model.estimates(["kl", "jensen_shannon", "hellinger"])
    columns = ["estimate", "standard_error", "low", "high"]
    assert_allclose(found.joint[columns], expected[columns], rtol=1e-12)
    test = DivergenceTwoSampleTest(standardize="std", random_state=0, **SETTINGS)
    test.fit_samples(p, q)
    assert (found.joint["pvalue"] == test.pvalue_).all()
    assert found.joint[["n_reference", "n_current", "n_columns"]].iloc[0].tolist() == [109, 119, 4]


def test_columns_are_those_of_the_drift_table(seasons, found):
    table = drift_table(seasons[0], seasons[1])
    numbers = table.columns.drop(["trusted", "failed_diagnostics"])
    pd.testing.assert_frame_equal(found.columns[numbers], table[numbers])


def test_numeric_column_is_that_of_the_estimator(seasons, found):
    row = found.columns.set_index("column").loc["flipper_length_mm"]
    q, p = (season["flipper_length_mm"].dropna().to_numpy(float) for season in seasons)
    model = NearestNeighborRatioDivergence().fit_samples(p, q)
    assert_allclose(row[["estimate", "standard_error"]].tolist(),
                    [model.estimate_, model.standard_error_])


def test_categorical_column_is_that_of_the_count_functions(seasons, found):
    row = found.columns.set_index("column").loc["island"]
    q, p = (season["island"].value_counts() for season in seasons)
    result = f_divergence(p, q, "jensen_shannon")
    assert_allclose(row["estimate"], max(result.corrected, 0.0))
    assert_allclose(row[["low", "high"]].tolist(), result.confidence_interval())
    peer = chi2_contingency(pd.DataFrame({"p": p, "q": q}))
    assert_allclose(row[["statistic", "pvalue"]].tolist(), [peer.statistic, peer.pvalue])


def test_missing_values_are_counted_compared_and_adjusted(seasons, found):
    table = found.columns.set_index("column")
    row = table.loc["sex"]
    missing = [int(season["sex"].isna().sum()) for season in seasons]
    assert row[["missing_reference", "missing_current"]].tolist() == missing
    counts = [[missing[0], 110 - missing[0]], [missing[1], 120 - missing[1]]]
    assert_allclose(row["missing_pvalue"], fisher_exact(counts).pvalue)
    # one bird without numbers in each year: no split of two missing values could reject
    assert table.loc["body_mass_g", ["missing_reference", "missing_current"]].tolist() == [1, 1]
    combined = table["pvalue"].copy()
    combined["sex"] = 2 * min(row["pvalue"], row["missing_pvalue"])
    assert_allclose(table["pvalue_adjusted"], multipletests(combined, method="fdr_bh")[1])
    assert (table["drift"] == (table["pvalue_adjusted"] <= 0.05)).all()


def test_missingness_alone_is_drift(rng):
    reference, current = frame(rng, 200), frame(rng, 200)
    current.loc[:60, "b"] = np.nan
    with pytest.warns(TrustWarning, match="complete_rows"):
        table = compare(reference, current, random_state=0, n_resamples=99).columns
    assert table.loc[table["drift"], "column"].tolist() == ["b"]


def test_shifted_column_is_found_and_named(rng):
    result = compare(frame(rng, 200), frame(rng, 150, shift=1.0), random_state=0, n_resamples=99)
    assert result.drift
    assert result.columns["column"].iloc[0] == "a"
    assert result.columns["drift"].tolist() == [True, False, False]
    assert "differ (p = 0.01)" in result.verdict
    assert "1 of 3 columns drifts by itself: a." in result.verdict


@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
def test_no_false_alarms_when_nothing_changed():
    runs, drift, joint = 60, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        result = compare(frame(rng, 80), frame(rng, 60), divergence="hellinger", n_resamples=39,
                         random_state=seed)
        drift += result.columns["drift"].any()
        joint += result.test.reject()
    limit = runs * 0.05 + 3 * np.sqrt(runs * 0.05 * 0.95)
    assert drift <= limit
    assert joint <= limit


def test_rare_labels_in_equal_populations_are_no_drift():
    shares = 1.0 / np.arange(1, 61)
    labels, runs, alarms = np.arange(60).astype(str), 80, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        draw = [pd.DataFrame({"x": rng.choice(labels, 200, p=shares / shares.sum())})
                for _ in range(2)]
        alarms += compare(*draw, n_resamples=99, random_state=seed).drift
    assert alarms <= runs * 0.05 + 3 * np.sqrt(runs * 0.05 * 0.95)


def test_kinds_of_column(rng):
    n = 300
    reference = pd.DataFrame({
        "number": rng.normal(size=n), "code": rng.integers(0, 5, n), "flag": rng.random(n) < 0.5,
        "name": [f"id{i}" for i in range(n)], "void": [np.nan] * n,
        "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
        "group": pd.Categorical(rng.choice(["u", "v"], n)), "mixed": [1, "one"] * (n // 2)})
    with pytest.warns(TrustWarning):  # every row has its twin: not two independent samples
        table = compare(reference, reference.iloc[::-1], n_resamples=99, random_state=0).columns
    assert dict(zip(table["column"], table["kind"], strict=True)) == {
        "number": "numeric", "code": "discrete", "flag": "categorical", "name": "identifier",
        "void": "empty", "when": "numeric", "group": "categorical", "mixed": "categorical"}
    assert not table["drift"].any()
    assert table.set_index("column").loc[["name", "void"], "pvalue"].isna().all()
    assert table["pvalue"].dropna().min() > 0.99


def test_new_categories_are_counted(rng):
    reference, current = frame(rng, 100), frame(rng, 100)
    current.loc[:9, "label"] = "new"
    result = compare(reference, current, random_state=0, n_resamples=99)
    assert result.columns.set_index("column").loc["label", "new_categories"] == 1
    assert "label: categories that the reference lacks: 1." in result.summary()


def test_constant_column_and_one_level(rng):
    reference, current = frame(rng, 50).assign(c=1.0, d="k"), frame(rng, 60).assign(c=1.0, d="k")
    table = compare(reference, current, random_state=0, n_resamples=99).columns.set_index("column")
    assert table.loc[["c", "d"], "pvalue"].tolist() == [1.0, 1.0]


def test_pandas_polars_and_arrays_agree(rng):
    reference, current = frame(rng, 60), frame(rng, 70, 0.5)
    current.loc[3, "a"] = np.nan
    options = {"random_state": 0, "n_resamples": 99, "divergence": "hellinger"}
    pandas = compare(reference, current, **options)
    polars = compare(pl.from_pandas(reference), pl.from_pandas(current), **options)
    pd.testing.assert_frame_equal(pandas.columns, polars.columns)
    pd.testing.assert_frame_equal(pandas.joint, polars.joint)
    arrays = compare(reference[["a", "b"]].to_numpy(), current[["a", "b"]].to_numpy(), **options)
    pd.testing.assert_frame_equal(arrays.joint, pandas.joint)


def test_row_order_of_a_table_does_not_matter(seasons, found):
    shuffled = compare(seasons[0].sample(frac=1, random_state=1), seasons[1], random_state=0,
                       **SETTINGS)
    columns = ["estimate", "standard_error", "statistic", "pvalue_adjusted"]
    assert_allclose(shuffled.columns[columns], found.columns[columns], rtol=1e-9)
    assert_allclose(shuffled.joint["estimate"], found.joint["estimate"], rtol=1e-9)


def test_same_for_any_number_of_jobs(seasons, found):
    again = compare(*seasons, random_state=0, n_jobs=2, **SETTINGS)
    pd.testing.assert_frame_equal(again.joint, found.joint)
    pd.testing.assert_frame_equal(again.columns, found.columns)


def test_doubtful_distances_warn_and_say_so():
    table = load_anes96()
    sides = [table[table["vote"] == v].drop(columns="vote") for v in (0, 1)]
    with pytest.warns(TrustWarning, match="reference_mass"):
        result = compare(*sides, random_state=0, n_resamples=plain.smaller(99, 19))
    assert not result.joint["trusted"].any()
    assert "cannot be trusted" in result.verdict
    assert "Doubtful: reference_mass" in result.summary()


def test_without_numeric_columns_there_is_no_joint_part(rng):
    result = compare(frame(rng, 50)[["label"]], frame(rng, 50)[["label"]], random_state=0)
    assert result.joint.empty
    assert result.test is None
    assert result.to_frame().equals(result.columns)
    assert "Joint" not in result.summary()


def test_unmatched_columns_are_reported(rng):
    result = compare(frame(rng, 50).assign(extra=1), frame(rng, 50), random_state=0, n_resamples=9)
    assert result.unmatched == ("extra",)
    assert "in one table only: extra" in result.summary()


def test_tidy_table_and_html(found):
    table = found.to_frame()
    assert table["column"].tolist()[:3] == ["(joint)"] * 3
    assert list(table.columns) == list(found.columns.columns)
    assert all(name.isidentifier() and name.islower() for name in table.columns)
    page = found._repr_html_()
    assert "flipper_length_mm" in page
    evil = Comparison(found.joint, found.columns.assign(column="<script>"), found.diagnostics,
                      found.test, 0.05, ("<b>",), 1, 1)
    assert "<script>" not in evil._repr_html_()
    assert "<b>," not in evil._repr_html_()


def test_seed_of_the_joint_test_repeats_it(seasons):
    first = compare(*seasons, divergence="hellinger", n_resamples=99)
    again = compare(*seasons, divergence="hellinger", n_resamples=99, random_state=first.test.seed)
    np.testing.assert_array_equal(first.test.null_distribution, again.test.null_distribution)


@pytest.mark.parametrize(("change", "options", "message"), [
    ({"a": "text"}, {}, "'a' holds numbers in the reference table .* and labels in the current"),
    ({"a": np.inf}, {}, "current contains infinity"),
    ({}, {"columns": ["a", "nope"]}, "no column nope; it has a, b, label"),
    ({}, {"level": 1.5}, "level must lie between 0 and 0.5"),
    ({}, {"divergence": []}, "at least one divergence"),
    ({}, {"divergence": "nope"}, "divergence must be one of"),
    ({}, {"standardize": "scale"}, "standardize must be one of"),
])
def test_bad_input_is_refused(rng, change, options, message):
    reference, current = frame(rng, 30), frame(rng, 30).assign(**change)
    with pytest.raises(ValueError, match=message):
        compare(reference, current, **options)


def test_a_wholly_missing_column_is_drift_and_leaves_the_rest(rng):
    result = compare(frame(rng, 60), frame(rng, 60).assign(b=np.nan), random_state=0,
                     n_resamples=99)
    table = result.columns.set_index("column")
    assert table.loc["b", "drift"]
    assert result.joint["n_columns"].unique() == [1]
    assert "Column b: values not tested (no values in one table)." in result.summary()


def test_too_few_complete_rows_leave_the_columns(rng):
    reference, current = frame(rng, 60), frame(rng, 60)
    current.loc[:29, "a"], current.loc[25:, "b"] = np.nan, np.nan
    with pytest.warns(TrustWarning, match="too few complete rows"):
        result = compare(reference, current, random_state=0, n_resamples=99)
    assert result.joint.empty
    assert len(result.columns) == 3
    assert "few_rows" in result.summary()


def test_equal_numbers_of_other_types_are_equal(rng):
    codes = rng.integers(0, 3, 200)
    reference = pd.DataFrame({"code": codes, "category": pd.Categorical(codes)})
    current = pd.DataFrame({"code": codes.astype(float), "category": pd.Categorical(codes + 0.0)})
    current.loc[0, "code"] = -0.0 if codes[0] == 0 else current.loc[0, "code"]
    with pytest.warns(TrustWarning):  # every row has its twin
        table = compare(reference, current, random_state=0, n_resamples=99).columns
    assert table["pvalue"].tolist() == [1.0, 1.0]
    assert (table["new_categories"] == 0).all()


def test_columns_of_rare_values_are_not_called_equal():
    number = [pd.DataFrame({"x": np.repeat(np.arange(10) + shift, 2)}) for shift in (0, 10)]
    with pytest.warns(TrustWarning):
        found = compare(*number, random_state=0, n_resamples=99)
    assert found.columns["test"].tolist() == ["chi2 permutation"]
    assert found.drift
    label = [pd.DataFrame({"x": [f"{side}{i}" for i in range(90)]}) for side in "ab"]
    result = compare(*label, random_state=0)
    assert result.columns["failed_diagnostics"].item() == "new_categories, merged_share"
    assert not result.columns["trusted"].item()
    assert "1 column was not tested" in result.verdict
    assert "90" not in result.verdict


def test_minimum_effect_is_that_of_the_columns(seasons, found):
    result = compare(*seasons, minimum_effect=0.2, bins=5, random_state=0, n_resamples=99)
    table = drift_table(seasons[0], seasons[1], minimum_effect=0.2, bins=5, random_state=0)
    assert_allclose(result.columns["pvalue_adjusted"], table["pvalue_adjusted"])
    assert "psi) above 0.2" in result.summary()
    assert "None of 7 columns drifts by itself beyond an index of 0.2." in result.verdict
    assert found.columns["drift"].any()
    assert not result.columns["drift"].any()
    assert result.test.reject()  # the joint test sees the smallest difference
    assert not result.drift


@pytest.mark.parametrize(("reference", "current", "message"), [
    (pd.date_range("2024", periods=30), np.arange(30.0), "dates in the reference table"),
    (pd.date_range("2024", periods=30), pd.date_range("2024", periods=30, tz="UTC"),
     "dates with a time zone in the current"),
    (np.arange(30.0), np.arange(30) + 1j, "complex"),
])
def test_other_types_are_not_mixed(reference, current, message):
    with pytest.raises(ValueError, match=message):
        compare(pd.DataFrame({"x": reference}), pd.DataFrame({"x": current}))


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_printed_table_fits_a_terminal_and_says_why_a_column_is_doubtful(rng, found):
    assert "kind" not in found.summary()
    lines = found.summary().partition("Columns\n")[2].partition("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= 120
    few = pd.DataFrame({"x": rng.normal(size=40), "y": [*rng.normal(size=15), *[np.nan] * 25],
                        "none": np.nan})
    text = compare(few, few, n_resamples=9).summary()
    assert "Doubtful: few_rows (columns: " in text
    assert "missing" in text
    assert "none: values not tested (no values in either table)" in text
    text = compare(few[["x"]], few[["x"]], n_resamples=9).summary()
    assert "missing " not in text.partition("Columns\n")[2].partition("\n")[0]
    assert "None of 1 column drifts by itself." in text


def test_distance_stands_before_the_test_in_the_order_of_its_description(found):
    names = found.columns.columns.tolist()
    at = names.index("psi_corrected") + 1
    assert names[at:at + 6] == ["divergence", "estimate", "standard_error", "low", "high", "test"]


def test_printing_shows_the_summary(found):
    assert str(found) == found.summary()
    assert found != compare


def test_tables_without_rows_or_shared_columns_are_refused(rng):
    with pytest.raises(ValueError, match="current is empty"):
        compare(frame(rng, 30), frame(rng, 30).iloc[:0])
    with pytest.raises(ValueError, match="share no column"):
        compare(frame(rng, 30), frame(rng, 30).add_prefix("new_"))
    with pytest.raises(ValueError, match="more than one column named 'a'"):
        compare(frame(rng, 30), pd.concat([frame(rng, 30)] * 2, axis=1))
    with pytest.raises(ValueError, match="reference with 2 and current with 3"):
        compare(np.zeros((20, 2)), np.zeros((20, 3)))
    for wrong in ([], ["a", "a"]):
        with pytest.raises(ValueError, match="must name different columns"):
            compare(frame(rng, 30), frame(rng, 30), columns=wrong)
    with pytest.raises(ValueError, match="3 dimensions"):
        compare(frame(rng, 30), np.zeros((2, 2, 2)))


def test_trust_asks_the_joint_diagnostics_and_the_columns(found):
    sure = dataclasses.replace(found, diagnostics=found.diagnostics.assign(passed=True),
                               columns=found.columns.assign(trusted=True))
    assert sure.trusted
    for part in ({"diagnostics": found.diagnostics.assign(passed=False)},
                 {"columns": found.columns.assign(trusted=False)}):
        assert not dataclasses.replace(sure, **part).trusted
