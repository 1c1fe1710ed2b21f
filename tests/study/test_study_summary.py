"""The summary of a study: values by hand, Monte Carlo errors, replications until enough."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from plain_study import mean, normal, study, z_test
from scipy.stats import binomtest
from sklearn.exceptions import ConvergenceWarning

from divest.study import Study, StudyResults
from divest.study._adaptive import monte_carlo_error, next_count

RATES = ("coverage", "rejections")


def table(**columns):
    """A frame of one cell and method, with what the columns leave out."""
    n = len(next(iter(columns.values())))
    rest = {"cell": "c", "replication": range(n), "n": 5, "method": "m", "truth": np.nan,
            **dict.fromkeys(["estimate", "standard_error", "low", "high", "statistic", "pvalue"],
                            np.nan), "trusted": True, "failed_diagnostics": "", "seconds": 1.0,
            "error": ""}
    return pd.DataFrame(rest | columns)


def summary_of(frame, level=0.05):
    return StudyResults(frame, ("n",), level).summary()


def test_summary_against_values_by_hand():
    """Errors -1, 0, 2 and one replication that failed."""
    row = summary_of(table(
        truth=[1.0] * 4, estimate=[0.0, 1.0, 3.0, np.nan], standard_error=[1, 2, 3, np.nan],
        low=[-1, 0, 2, np.nan], high=[1, 2, 4, np.nan], pvalue=[0.05, 0.051, 0.01, np.nan],
        trusted=[True, False, False, False], seconds=[1, 2, 3, 4.0],
        error=["", "", "", "ValueError: no"])).iloc[0]
    sd = np.sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2)  # of 0, 1, 3
    rmse = np.sqrt(5 / 3)
    spread = np.sqrt(((1 - 5 / 3) ** 2 + (5 / 3) ** 2 + (4 - 5 / 3) ** 2) / 2)  # of 1, 0, 4
    wilson = binomtest(2, 3).proportion_ci(method="wilson")
    expected = {"replications": 4, "failures": 1, "trusted_share": 1 / 3, "mean": 4 / 3,
                "bias": 1 / 3, "bias_mcse": sd / 3**0.5, "sd": sd, "rmse": rmse,
                "rmse_mcse": spread / (2 * rmse * 3**0.5), "coverage": 2 / 3,
                "coverage_low": wilson.low, "coverage_high": wilson.high, "coverage_trusted": 1.0,
                "se_ratio": 2 / sd, "rejections": 2 / 3, "rejections_low": wilson.low,
                "rejections_high": wilson.high, "seconds": 2.5}
    assert list(row.index) == ["cell", "n", "method", "truth", *expected]
    assert_allclose([row[name] for name in expected], list(expected.values()), rtol=1e-12)


def test_groups_are_kept_apart_and_in_order():
    results = study({"n": [8, 5], "shift": [1.0, 0.0]}, n_replications=7).run()
    summary = results.summary()
    assert summary["n"].tolist() == [5] * 8 + [8] * 8
    assert summary["method"].tolist() == ["fragile", "jittered", "mean", "z"] * 4
    for row in summary.itertuples():
        own = results.frame[(results.frame["cell"] == row.cell)
                            & (results.frame["method"] == row.method)]
        alone = summary_of(own.reset_index(drop=True))
        assert_allclose(alone.select_dtypes("number").drop(columns="n").to_numpy(),
                        [list(row[5:])], rtol=1e-12)


def test_order_and_index_of_the_rows_do_not_matter():
    results = study({"n": [8, 5]}, n_replications=7, methods={"mean": mean, "z": z_test}).run()
    turned = replace(results, frame=results.frame.sort_values(["n", "estimate"]))
    some = replace(results, frame=results.frame.query("n == 8"))
    want = results.summary()
    pd.testing.assert_frame_equal(turned.summary(), want)
    pd.testing.assert_frame_equal(some.summary(), want.query("n == 8").reset_index(drop=True))


def test_what_cannot_be_computed_is_nan():
    row = summary_of(table(estimate=[1.0])).iloc[0]
    known = ["replications", "failures", "trusted_share", "mean", "seconds"]
    assert row[known].tolist() == [1, 0, 1.0, 1.0, 1.0]
    assert row.drop(["cell", "method", "n", *known]).isna().all()


def test_infinite_estimates_are_not_hidden():
    row = summary_of(table(truth=[0.0] * 3, estimate=[1.0, np.inf, 2.0])).iloc[0]
    assert row["mean"] == row["rmse"] == np.inf


def test_level_decides_what_is_a_rejection():
    frame = table(pvalue=[0.01, 0.1, 0.2, 0.9])
    assert [summary_of(frame, level)["rejections"].item() for level in (0.05, 0.1, 0.5)] == [
        0.25, 0.5, 0.75]


def test_interval_of_the_mean_covers_as_often_as_its_law_says():
    """With t quantiles the interval is exact; with normal ones it covers P(|t_n-1| < 1.96)."""
    from scipy.stats import t

    row = study({"n": [8]}, n_replications=2000, methods={"mean": mean}).run().summary().iloc[0]
    assert row["coverage_low"] < 1 - 2 * t(7).sf(1.959964) < row["coverage_high"]
    many = study({"n": [200]}, n_replications=2000, methods={"mean": mean}).run().summary().iloc[0]
    assert many["coverage_low"] < 0.95 < many["coverage_high"]


def test_test_keeps_its_level():
    row = study({"n": [5]}, n_replications=2000, methods={"z": z_test}).run().summary().iloc[0]
    assert row["rejections_low"] < 0.05 < row["rejections_high"]


def test_monte_carlo_error_of_the_rmse_is_its_deviation_over_studies():
    """200 studies of 100 replications; the deviation of 200 values is known to 5 %."""
    def simulate(rng, study):
        return rng.normal(0.5, 1, 10)

    grid = {"study": list(range(200))}
    results = Study(simulate, {"mean": np.mean}, grid, truth=0.0, n_replications=100).run()
    summary = results.summary()
    for name in ("rmse", "bias"):
        ratio = summary[f"{name}_mcse"].mean() / summary[name].std()
        assert ratio == pytest.approx(1, abs=0.15)  # three of its standard errors


# ------------------------------------------------------------ until it is accurate enough
@pytest.mark.parametrize(("figure", "wanted"), [
    ("bias", 0.03), ("rmse", 0.02), ("coverage", 0.02), ("rejections", 0.02)])
def test_replications_are_added_until_the_error_is_small(figure, wanted):
    one = study({"n": [5, 50]}, n_replications=40, methods={"mean": mean, "z": z_test})
    results = one.run(until={figure: wanted}, max_replications=4000)
    summary = results.summary()
    assert (monte_carlo_error(summary, figure).dropna() <= wanted).all()
    for cell, count in summary.groupby("cell")["replications"].unique().items():
        (count,) = count
        assert count in growth(40)
        if count > 40:
            frame = results.frame[(results.frame["cell"] == cell)
                                  & (results.frame["replication"] < shrunk(count, 40))]
            before = StudyResults(frame.reset_index(drop=True), ("n",)).summary()
            assert (monte_carlo_error(before, figure).dropna() > wanted).any()


def growth(count):
    """40, 50, 63, ...: a quarter more each time."""
    counts = [count]
    while counts[-1] < 4000:
        counts.append(next_count(counts[-1], 4000))
    return counts


def shrunk(count, first):
    counts = growth(first)
    return counts[counts.index(count) - 1]


def test_a_quarter_is_added():
    assert growth(40)[:4] == [40, 50, 63, 79]
    assert growth(1)[:5] == [1, 2, 3, 4, 5]
    assert growth(40)[-1] == 4000


@pytest.mark.parametrize("figure", ["bias", "rmse"])
def test_a_single_replication_is_never_enough(figure):
    """Its standard deviation is NaN, which must not pass for small."""
    one = study({"n": [5]}, n_replications=1, methods={"mean": mean})
    summary = one.run(until={figure: 0.2}).summary()
    assert summary["replications"].item() > 1
    assert monte_carlo_error(summary, figure).item() <= 0.2


def test_share_of_one_has_an_error_too():
    """All intervals hold the truth: a normal interval for that share would have no width."""
    def always(x):
        return {"estimate": 0.0, "low": -1.0, "high": 1.0}

    one = Study(normal, {"m": always}, {"n": [2]}, truth=0.0, n_replications=4)
    row = one.run(until={"coverage": 0.01}).summary().iloc[0]
    assert row["coverage"] == 1
    assert row["replications"] > 100


def test_same_rows_after_any_history(tmp_path):
    one = study(n_replications=20, methods={"mean": mean})
    whole = one.run(until={"bias": 0.05}).frame.drop(columns="seconds")
    one.run(store=tmp_path / "a.db")
    study(n_replications=300, methods={"mean": mean}).run(store=tmp_path / "a.db")
    again = one.run(store=tmp_path / "a.db", until={"bias": 0.05}).frame.drop(columns="seconds")
    pd.testing.assert_frame_equal(whole, again, check_exact=True)


def test_maximum_is_kept_and_said():
    one = study({"n": [5]}, n_replications=8, methods={"mean": mean})
    with pytest.warns(ConvergenceWarning, match="1 of 1 settings and methods .* after 30 replic"):
        results = one.run(until={"bias": 1e-6}, max_replications=30)
    assert len(results.frame) == 30


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"until": 0.01}, TypeError, "until must be a dict"),
    ({"until": {}}, TypeError, "until must be a dict"),
    ({"until": {"sd": 0.1}}, ValueError, "each key of until must be one of 'bias', 'rmse'"),
    ({"until": {"bias": 0}}, ValueError, r"until\['bias'\] must lie between 0"),
    ({"max_replications": 10}, ValueError, "max_replications has no meaning without until"),
    ({"until": {"bias": 1}, "max_replications": 3}, ValueError, "must be at least 1000"),
])
def test_bad_targets(settings, error, message):
    with pytest.raises(error, match=message):
        study().run(**settings)


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_summarised_within_a_second():
    from time import perf_counter

    frame = pd.concat([table(estimate=np.arange(1000.0), truth=[0.0] * 1000, pvalue=[0.1] * 1000)
                       .assign(cell=str(i), n=i) for i in range(100)], ignore_index=True)
    summary_of(frame)  # imports
    start = perf_counter()
    assert len(summary_of(frame)) == 100
    assert perf_counter() - start < 1


@pytest.mark.slow
def test_a_replication_costs_less_than_a_millisecond_more():
    from time import perf_counter

    start = perf_counter()
    for i in range(10_000):
        np.mean(normal(np.random.default_rng(i), 100))
    middle = perf_counter()
    study({"n": [100]}, n_replications=10_000, methods={"mean": np.mean}).run()
    assert (perf_counter() - middle) - (middle - start) < 10
