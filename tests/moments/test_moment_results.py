"""Estimates of several parameters, and sets of parameters."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from divest import Diagnostic
from divest.moments._results import ConfidenceSet, MomentEstimate

DOUBT = Diagnostic("weak", 2.0, 1.15, False, "use the robust set")


@pytest.fixture
def result():
    return MomentEstimate(["a", "b"], np.array([1.0, -2.0]), np.diag([0.25, 4.0]), "GMM", (100,),
                          (DOUBT,), 0.9)


def test_frame_has_a_row_per_parameter(result):
    frame = result.to_frame()
    assert list(frame) == ["parameter", "estimate", "standard_error", "statistic", "pvalue",
                           "low", "high"]
    assert frame["parameter"].tolist() == ["a", "b"]
    np.testing.assert_allclose(frame["standard_error"], [0.5, 2])
    np.testing.assert_allclose(frame["statistic"], [2, -1])
    np.testing.assert_allclose(frame["pvalue"], 2 * norm.sf([2, 1]))
    np.testing.assert_allclose(frame["high"], [1, -2] + norm.isf(0.05) * np.array([0.5, 2]))


def test_level_of_the_interval(result):
    wide = result.confidence_interval(0.99)
    reach = norm.isf(0.005) * np.array([0.5, 2])
    np.testing.assert_allclose(wide["high"] - wide["low"], 2 * reach)
    with pytest.raises(ValueError, match="between 0 and 1"):
        result.confidence_interval(95)


def test_text_and_html_name_the_doubt(result):
    text = result.summary()
    assert "GMM, 100 rows" in text
    assert "Doubtful: weak" in text
    assert "use the robust set" in result._repr_html_()
    assert not result.trusted


def test_zero_and_missing_errors_do_not_warn():
    frame = MomentEstimate(["a", "b"], np.array([1.0, 0.0]), np.diag([0.0, np.nan]), "m",
                           (5,)).to_frame()
    assert frame["pvalue"][0] == 0
    assert np.isnan(frame["pvalue"][1])


def the_set(pvalues, level=0.95):
    grid = pd.DataFrame({"b": np.arange(len(pvalues), dtype=float)})
    return ConfidenceSet(grid, np.zeros(len(pvalues)), np.array(pvalues), level)


def test_bounded_set_ends_between_points():
    found = the_set([0.0, 0.1, 0.1, 0.0])
    assert found.intervals == [(pytest.approx(0.5), pytest.approx(2.5))]
    assert not found.empty
    assert not found.unbounded


def test_disjoint_set_has_two_pieces_and_no_ends():
    found = the_set([0.1, 0.0, 0.0, 0.1])
    assert found.intervals == [(-np.inf, pytest.approx(0.5)), (pytest.approx(2.5), np.inf)]
    assert found.unbounded
    assert "No end found" in found.summary()


def test_empty_set():
    found = the_set([0.01, 0.02])
    assert found.empty
    assert found.intervals == []
    assert not found.unbounded
    assert "Empty" in found.summary()


def test_set_of_everything():
    assert the_set([0.5, 0.5]).intervals == [(-np.inf, np.inf)]
    assert the_set([0.5]).intervals == [(-np.inf, np.inf)]


def test_level_moves_the_ends():
    pvalues = [0.0, 0.02, 0.5, 0.02, 0.0]
    (inner,), (outer,) = the_set(pvalues, 0.9).intervals, the_set(pvalues, 0.99).intervals
    assert outer.low < inner.low < inner.high < outer.high


def test_two_parameters_are_projected():
    grid = pd.DataFrame([(a, b) for a in range(4) for b in range(3)], columns=["a", "b"])
    pvalue = np.where((grid["a"] == grid["b"]) & (grid["a"] < 2), 1.0, 0.0)
    found = ConfidenceSet(grid, np.zeros(12), pvalue, 0.5)
    assert found.pieces("a") == [(-np.inf, 1.5)]
    assert found.pieces("b") == [(-np.inf, 1.5)]
    frame = found.to_frame()
    assert frame["accepted"].sum() == 2
    assert list(frame) == ["a", "b", "statistic", "pvalue", "accepted"]
