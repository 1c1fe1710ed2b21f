"""Results and diagnostics: intervals, units, tables, text, warnings."""

import pickle
import warnings
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import beta, norm, t

import divest
from divest import ConvergenceWarning, Diagnostic, EstimateResult, HypothesisResult, TrustWarning
from divest._results import DIAGNOSTIC_COLUMNS, diagnostics_frame, warn_if_doubtful

FINE = Diagnostic("resolution", 50.0, 10.0, True, "nothing to do")
BAD = Diagnostic("saturated_share", 0.3, 0.02, False, "use <more> data")
ESTIMATE = EstimateResult(0.5, 0.1, "kl by something", (60, 80), (FINE, BAD), unit="nats")
TEST = HypothesisResult(2.5, 0.04, "a test", "nothing differs", np.arange(99.0), 99, 7, (FINE,))


# ------------------------------------------------------------ estimates
@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0.01, 0.999))
def test_interval_is_normal(estimate, error, level):
    result = EstimateResult(estimate, error, "x", (9,))
    low, high = result.confidence_interval(level)
    assert_allclose([low, high], norm.interval(level, estimate, error) if error else [estimate] * 2,
                    rtol=1e-12, atol=1e-14)


def test_interval_of_an_error_with_few_degrees_of_freedom():
    result = EstimateResult(0.5, 0.1, "kl", (50, 50), degrees_of_freedom=9)
    for level in (0.95, 0.9):
        assert_allclose(result.confidence_interval(level), t.interval(level, 9, 0.5, 0.1),
                        rtol=1e-12)


def test_interval_has_the_level_of_the_result():
    result = replace(ESTIMATE, confidence_level=0.9)
    assert result.confidence_interval() == ESTIMATE.confidence_interval(0.9)
    assert result.confidence_interval() != ESTIMATE.confidence_interval()
    assert_allclose(ESTIMATE.confidence_interval(), norm.interval(0.95, 0.5, 0.1), rtol=1e-14)


def test_interval_is_cut_to_the_bounds():
    result = EstimateResult(0.1, 0.5, "x", (9,), bounds=(0.0, 0.3))
    assert result.confidence_interval() == (0.0, 0.3)


def test_no_interval_without_an_error():
    assert np.isnan(EstimateResult(0.1, np.nan, "x", (9,)).confidence_interval()).all()


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, np.nan])
def test_level_out_of_range_is_named(level):
    for call in (ESTIMATE.confidence_interval, TEST.pvalue_interval, TEST.reject):
        with pytest.raises(ValueError, match=f"level must lie between 0 and 1, got {level}"):
            call(level)


def test_bits():
    result = replace(ESTIMATE, bounds=(0.0, np.log(2))).in_bits()
    assert_allclose([result.estimate, result.standard_error, *result.bounds],
                    [0.5 / np.log(2), 0.1 / np.log(2), 0, 1])
    assert result.unit == "bits"
    assert result.diagnostics == ESTIMATE.diagnostics
    low, high = ESTIMATE.confidence_interval()
    assert_allclose(ESTIMATE.in_bits().confidence_interval(),
                    [low / np.log(2), high / np.log(2)])


@pytest.mark.parametrize("result", [ESTIMATE.in_bits(), replace(ESTIMATE, unit="")])
def test_only_nats_become_bits(result):
    with pytest.raises(ValueError, match="only a result in nats"):
        result.in_bits()


def test_estimate_as_one_row():
    table = ESTIMATE.to_frame()
    low, high = ESTIMATE.confidence_interval()
    expected = {"method": "kl by something", "estimate": 0.5, "standard_error": 0.1, "low": low,
                "high": high, "confidence_level": 0.95, "unit": "nats", "trusted": False}
    pd.testing.assert_frame_equal(table, pd.DataFrame([expected]))
    assert all(name.isidentifier() and name == name.lower() for name in table.columns)
    assert pd.concat([table, table]).shape == (2, 8)


def test_trusted_when_all_diagnostics_pass():
    assert not ESTIMATE.trusted
    assert replace(ESTIMATE, diagnostics=(FINE,)).trusted
    assert replace(ESTIMATE, diagnostics=()).trusted


# ------------------------------------------------------------ tests
def test_unpacks_as_statistic_and_pvalue():
    statistic, pvalue = TEST
    assert (statistic, pvalue) == (2.5, 0.04)


@pytest.mark.parametrize(("level", "rejected"), [(0.05, True), (0.04, True), (0.039, False)])
def test_rejects_at_and_below_the_level(level, rejected):
    assert TEST.reject(level) is rejected


@pytest.mark.parametrize("exceedances", [0, 3, 50, 99])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_pvalue_interval_is_clopper_pearson(exceedances, level):
    result = replace(TEST, pvalue=(1 + exceedances) / 100)
    low = beta.ppf((1 - level) / 2, exceedances, 100 - exceedances) if exceedances else 0.0
    high = beta.ppf((1 + level) / 2, 1 + exceedances, 99 - exceedances) if exceedances < 99 else 1.0
    assert_allclose(result.pvalue_interval(level), (low, high), rtol=1e-9)


def test_no_interval_of_a_pvalue_that_does_not_exist():
    assert np.isnan(replace(TEST, pvalue=np.nan).pvalue_interval()).all()


def test_test_as_one_row():
    low, high = TEST.pvalue_interval()
    expected = {"method": "a test", "statistic": 2.5, "pvalue": 0.04, "pvalue_low": low,
                "pvalue_high": high, "n_resamples": 99, "null": "nothing differs", "trusted": True}
    pd.testing.assert_frame_equal(TEST.to_frame(), pd.DataFrame([expected]))


# ------------------------------------------------------------ both
@pytest.mark.parametrize("result", [ESTIMATE, TEST], ids=["estimate", "test"])
def test_summary_and_html_show_numbers_and_doubts(result):
    text, html = result.summary(), result._repr_html_()
    for name, value in result.to_frame().iloc[0].items():
        assert name == "method" or name in text
        assert not isinstance(value, str) or value in text
        assert name in html
    assert text.startswith(" ") or result.method in text.splitlines()[0]
    doubts = [d for d in result.diagnostics if not d.passed]
    assert text.count("Doubtful: ") == html.count("<li>") == len(doubts)
    if doubts:
        assert "Doubtful: saturated_share = 0.3: use <more> data" in text
        assert "use &lt;more&gt; data" in html


@pytest.mark.parametrize("result", [ESTIMATE, TEST], ids=["estimate", "test"])
def test_frozen_and_picklable(result):
    with pytest.raises(FrozenInstanceError):
        result.method = "other"
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())


# ------------------------------------------------------------ diagnostics
@pytest.mark.parametrize("diagnostics", [[], [FINE], [FINE, BAD]])
def test_diagnostics_as_a_table(diagnostics):
    table = diagnostics_frame(diagnostics)
    assert list(table.columns) == DIAGNOSTIC_COLUMNS
    assert list(table["name"]) == [d.name for d in diagnostics]
    assert list(table.dtypes[["value", "threshold", "passed"]].astype(str)) == [
        "float64", "float64", "bool"]


def test_one_warning_names_all_that_failed():
    worse = Diagnostic("resolution", 2.0, 10.0, False, "drop columns")
    with pytest.warns(TrustWarning) as caught:
        warn_if_doubtful([FINE, BAD, worse], "kl by something")
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith("kl by something: the number is doubtful: ")
    assert "saturated_share = 0.3 (use <more> data)" in message
    assert "resolution = 2 (drop columns)" in message


def test_no_warning_where_all_passed():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_doubtful([FINE], "kl")
        warn_if_doubtful([], "kl")
    assert not caught


def test_warnings_are_public():
    assert issubclass(TrustWarning, UserWarning)
    assert divest.ConvergenceWarning is ConvergenceWarning
