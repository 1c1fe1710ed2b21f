"""Population stability index, information value and weights of evidence, and sample sizes."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

from divest import TrustWarning
from divest.discrete import (
    f_divergence,
    f_divergence_power,
    information_value,
    population_stability_index,
    psi_sample_size,
    weights_of_evidence,
)

EVENTS, OTHERS = [20, 30, 50], [60, 25, 15]


def test_index_of_the_method_page():
    result = population_stability_index(np.arange(0, 50, 0.5) ** 1.1, np.arange(100.0))
    assert_allclose([result.estimate, result.bias, result.standard_error],
                    [0.6673130348, 0.3746066722, 0.2950035098], rtol=1e-9)
    assert result.method == "population stability index"
    assert result.n_samples == (100, 100)
    table = result.table
    assert table["n_current"].tolist() == [15, 15, 13, 13, 13, 13, 12, 6, 0, 0]
    assert_allclose(table["contribution"].sum(), result.estimate)
    counted = f_divergence(table["n_current"], table["n_reference"], "jeffreys")
    assert counted.estimate == result.estimate
    assert counted.confidence_interval() == result.confidence_interval()


def test_index_of_a_sample_with_itself_is_zero(rng):
    for values in (rng.normal(size=100), ["a", "b"] * 20, [True] * 9, np.ones(30), [None] * 3):
        assert population_stability_index(values, values).estimate == 0.0


def test_new_categories_and_dropped_values_are_told():
    with pytest.warns(TrustWarning, match=r"new_categories = 1 \(.*\(c\)"):
        result = population_stability_index(["a", "b", "c", None] * 9, ["a", "b"] * 9,
                                            missing="drop")
    assert not result.trusted
    table = pd.DataFrame([vars(d) for d in result.diagnostics]).set_index("name")
    assert table.loc["missing_dropped", "value"] == 9
    assert result.n_samples == (27, 18)


def test_cells_that_both_samples_leave_empty_do_not_count(rng):
    p, q = rng.normal(size=300), rng.normal(size=400)
    result = population_stability_index(p, q, edges=[-50, -40, 0, 1])
    assert len(result.table) == result.n_cells == 3
    assert_allclose(result.table["upper"], [0, 1, np.inf])


def test_index_takes_frames_dates_and_polars():
    days = pd.Series(pd.date_range("2024-01-01", periods=80))
    values = [population_stability_index(make(days[:60].tolist()), make(days.tolist())).estimate
              for make in (pd.Series, pl.Series, list, lambda x: pd.DataFrame({"x": x}))]
    assert_allclose(values, values[0])


def test_weights_of_the_method_page():
    result = weights_of_evidence(EVENTS, OTHERS)
    assert_allclose([result.estimate, result.bias, result.standard_error],
                    [0.8425975000, 0.0544360085, 0.2634341404], rtol=1e-9)
    assert_allclose(result.table["weight_of_evidence"],
                    [-1.0822184789, 0.1790482314, 1.1811333124], rtol=1e-9)
    assert_allclose(result.table["standard_error"], [0.2135532250, 0.2286878616, 0.2541922023],
                    rtol=1e-9)
    assert {"n_event", "n_nonevent", "share_event", "share_nonevent"} <= set(result.table)


def test_information_value_is_the_stability_index_of_events_and_others():
    x = np.repeat(["a", "b", "c"] * 2, [*EVENTS, *OTHERS])
    y = np.repeat([1, 0], 100)
    value, counted = information_value(x, y), weights_of_evidence(EVENTS, OTHERS)
    psi = population_stability_index(x[y == 1], x[y == 0])
    assert value.estimate == psi.estimate  # exactly
    assert_allclose(value.estimate, counted.estimate, rtol=1e-14)
    assert_allclose(value.standard_error, counted.standard_error, rtol=1e-14)
    series = [pd.Series(c, index=list("abc")) for c in (EVENTS, OTHERS)]
    by_index = weights_of_evidence(series[0].sample(frac=1, random_state=0), series[1])
    assert_allclose(by_index.estimate, counted.estimate)
    assert set(by_index.table["cell"]) == set("abc")


def test_edges_come_from_all_rows(rng):
    x, y = rng.normal(size=500), rng.random(500) < 0.2
    result = information_value(x, y, bins=5)
    assert_allclose(result.table["upper"].iloc[:-1],
                    np.quantile(x, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf"))
    assert (result.table["n_event"] + result.table["n_nonevent"]).tolist() == [100] * 5
    flipped = information_value(x, y, bins=5, event=False)
    assert_allclose(flipped.estimate, result.estimate)
    assert_allclose(flipped.table["weight_of_evidence"], -result.table["weight_of_evidence"])


def test_events_may_be_text_and_values_missing():
    x = pd.Series([1.5, None] * 20, index=np.arange(40)[::-1])
    y = pd.Series(["bad", "good", "good", "good"] * 10)
    result = information_value(x, y, event="bad")
    assert result.n_samples == (10, 30)
    assert result.table["cell"].tolist() == ["1.5", "(missing)"]
    assert information_value(x, y, event="bad", missing="drop").n_samples == (10, 10)
    assert information_value(pl.Series(x.tolist()), pl.Series(y.tolist()),
                             event="bad").estimate == result.estimate


def test_a_category_without_events_is_not_new():
    assert information_value(["a"] * 9 + ["b"] * 9 + ["a"] * 9, [0] * 18 + [1] * 9).trusted


@pytest.mark.parametrize(("x", "y", "message"), [
    ([1, 2, 3], [0, 1], "got 3 and 2"), ([1, 2], [1, 1], "both the event 1 and something else"),
    ([1, 2], [0, 2], "got 0, 2|got np.int64"), ([1, 2], [1, None], "1 missing value"),
    (np.r_[np.zeros(99), np.arange(22)] * 0, [0, 1] * 60 + [1], None),
])
def test_bad_rows_are_refused(x, y, message):
    if message is None:  # one value is one cell, which tells nothing
        assert information_value(x, y).estimate == 0.0
        return
    with pytest.raises(ValueError, match=message):
        information_value(x, y)


def test_bad_counts_are_named():
    with pytest.raises(ValueError, match="others must hold counts"):
        weights_of_evidence([1, 2], [1, -2])
    with pytest.raises(ValueError, match="events and others must have the same cells"):
        weights_of_evidence([1, 2], [1, 2, 3])


def test_sample_size():
    assert psi_sample_size(0.05, 10) == 626
    assert psi_sample_size(0.1, 10, ratio=5.0) == 188
    for psi, cells, power, level, ratio in ((0.02, 5, 0.9, 0.01, 1), (0.3, 20, 0.5, 0.1, 3)):
        n = psi_sample_size(psi, cells, power=power, level=level, ratio=ratio)
        reached = [f_divergence_power(psi, k, ratio * k, cells, level=level) for k in (n - 1, n)]
        assert reached[0] < power <= reached[1]
    for wrong in ({"psi": 0}, {"n_cells": 1}, {"power": 0.04}, {"level": 0}, {"ratio": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            psi_sample_size(**{"psi": 0.1, "n_cells": 10} | wrong)


def weights_error_without_covariance(table):
    """The naive error: variances of weights and of shares, as if they were independent."""
    p, q = (table[f"share_{one}"].to_numpy() for one in ("event", "nonevent"))
    n, m = table["n_event"].sum(), table["n_nonevent"].sum()
    spread = p * (1 - p) / n + q * (1 - q) / m
    weight = table["weight_of_evidence"].to_numpy()
    return np.sqrt(np.sum((p - q)**2 * table["standard_error"]**2 + weight**2 * spread))


def test_information_value_covers_and_the_naive_error_does_not():
    """800 tables: corrected interval in [.930, .965], naive error (300 tables) .70 to .85."""
    rng, p, q = np.random.default_rng(4), np.array([0.2, 0.3, 0.5]), np.array([0.35, 0.35, 0.3])
    truth, covered, naive, runs = np.sum((p - q) * np.log(p / q)), 0, 0, 800
    for run in range(runs):
        result = weights_of_evidence(rng.multinomial(500, p), rng.multinomial(800, q))
        low, high = result.confidence_interval()
        covered += low <= truth <= high
        if run < 300:
            reach = 1.96 * weights_error_without_covariance(result.table)
            naive += abs(result.estimate - truth) <= reach
    assert 0.930 <= covered / runs <= 0.965
    assert naive / 300 <= 0.87
