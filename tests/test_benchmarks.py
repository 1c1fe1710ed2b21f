"""The benchmarks run, on samples too small to time anything; most in the slow run."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = {
    "neighbors": {
        "rows": (60,), "queries": 40, "columns": (1, 9), "neighbors": (5,), "high": 80,
        "duplicates": 60, "switch_columns": (2, 9), "switch_queries": 128, "loops": 200,
        "rounds": 1, "budget": 0.0,
    },
    "divergence": {
        "fit": 60, "permutations": 9, "rows": (60,), "columns": (1, 9), "queries": 40,
        "peers": ((30, 40),), "peer_columns": (2,), "samples": 2, "loops": 400, "rounds": 1,
        "budget": 0.0, "fit_budget": 0.0,
    },
    "goodness_of_fit": {
        "rows": (60,), "columns": (1, 3), "middle": (80, 3), "forms": (60,), "resamples": 8,
        "product": 32, "threads": 60, "thread_resamples": 8, "thread_rounds": 1, "exact": 60,
        "many": 80, "landmarks": 20, "samples": 2, "scale": 10, "test_resamples": 9,
        "locations": (60,), "rounds": 1, "budget": 0.0,
    },
    "density": {
        "line": (200, 40), "plane": (200, 40), "five": (200, 40), "wide": (200, 40),
        "compact": (200, 40), "line_grid": (200, 64), "plane_grid": (200, 16), "search": 60,
        "candidates": 3, "maximize": 20, "isj": (100,), "loops": (700, 40),
        "memory": ((60, 40), (120, 40)), "checked": 20, "rounds": 1, "budget": 0.0,
        "exact_budget": 0.0,
    },
    "sample_complexity": {
        "columns": 2, "rows": 200, "draws": 2000, "transport": 40, "symmetric": 20, "report": 60,
        "experts": 60, "rounds": 1, "budget": 0.0,
    },
    "moments": {
        "linear": (300,), "laplace": (50,), "laplace_samples": 2, "heteroskedastic": (150,),
        "network": 150, "samples": 2, "rounds": 1, "budget": 0.0,
    },
    "sequences": {
        "sequences": (20, 40), "symbols": (3,), "resamples": 9, "rounds": 1, "budget": 0.0,
    },
    "unnormalized": {"fits": ((80, 2),), "rounds": 1, "budget": 0.0},
    "discrete": {
        "rows": 2_000, "columns": 5, "cells": (10,), "calls": 2, "rounds": 1, "budget": 0.0,
    },
    "study": {"replications": 20, "summarised": 200, "rounds": 1, "budget": 0.0},
    "two_sample": {
        "rows": (40,), "permutations": 19, "samples": 2, "rounds": 1, "budget": 0.0,
    },
    "growth": {"rows": (60, 90), "columns": (2,), "rounds": 1, "budget": 0.0},
}  # fmt: skip


@pytest.fixture
def families(monkeypatch):
    """The families, with tiny samples."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks.__main__ import FAMILIES

    for name, family in FAMILIES.items():
        monkeypatch.setattr(family, "QUICK", replace(family.QUICK, **TINY[name]))
    return FAMILIES


def both_ran(found):
    """The rows of two times; where samples are tiny, memory is nothing."""
    return found[found["peer_seconds"].notna()]


@pytest.mark.slow
def test_neighbors(families):
    found = families["neighbors"].run(families["neighbors"].QUICK)
    assert (found["ratio"] > 0).all()
    assert found["ours_error"].dropna().lt(1e-12).all()
    assert found["peer_error"].notna().any()


@pytest.mark.slow
def test_divergence(families):
    found = families["divergence"].run(families["divergence"].QUICK)
    assert (found.loc[found["note"].eq(""), "ratio"] > 0).all()
    wkv = found[found["peer"] == "numpy WKV"]
    assert np.allclose(wkv["ours_error"], wkv["peer_error"], rtol=1e-9)
    loops = found[found["task"].str.startswith("loop")]
    assert len(loops) >= 6
    assert loops["ours_error"].lt(1e-10).all()


@pytest.mark.slow
def test_sequences(families):
    found = families["sequences"].run(families["sequences"].QUICK)
    assert (both_ran(found)["ratio"] > 0).all()
    assert found["task"].str.startswith("memory").sum() == 1
    assert found["ours_error"].dropna().lt(1e-10).all()


@pytest.mark.slow
def test_goodness_of_fit(families, monkeypatch):
    family = families["goodness_of_fit"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    absent = found["peer"].isin(["hyppo FSSD"])
    assert (found.loc[absent, "note"] == "hyppo FSSD is not installed").all()
    assert (both_ran(found)["ratio"] > 0).all()
    assert found.loc[found["ours"].eq("imq float64"), "ours_error"].lt(1e-12).all()
    assert found.loc[found["ours"].eq("imq float32"), "ours_error"].between(1e-12, 1e-4).all()
    assert found.loc[found["peer"].eq("numpy, H @ W"), "ours_error"].dropna().lt(1e-12).all()
    same = found[found["task"].eq("landmarks") & found["peer"].eq("numpy")]
    assert len(same) == 1
    assert same["ours_error"].lt(1e-9).all()
    tests = found[found["task"].str.startswith("test: ")]
    assert len(tests) == 10
    assert tests[["ours_error", "peer_error"]].ge(0).all(axis=None)
    assert tests[["ours_error_se", "peer_error_se"]].gt(0).all(axis=None)


@pytest.mark.slow
def test_density(families, monkeypatch):
    family = families["density"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    assert (both_ran(found)["ratio"] > 0).all()
    exact = found[found["task"].isin(["exact", "epanechnikov"])]
    assert len(exact) == 23
    assert exact["ours_error"].lt(1e-12).all()
    assert exact.loc[exact["peer"].str.startswith("scipy"), "peer_error"].lt(1e-11).all()
    assert found.loc[found["task"].eq("grid"), "ours_error"].lt(1e-3).all()
    assert found.loc[found["task"].eq("loo_kl"), "ours_error"].lt(1e-3).all()
    assert found.loc[found["task"].str.startswith("loop"), "ours_error"].lt(1e-9).all()
    assert found["target"].notna().sum() == 11


@pytest.mark.slow
def test_sample_complexity(families, monkeypatch):
    family = families["sample_complexity"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK).set_index(["task", "peer"])
    absent = found.index.get_level_values("peer") == "POT emd2"
    assert absent.sum() == 1
    assert (found.loc[absent, "note"] == "POT emd2 is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()
    draws = found.loc[("p-n criterion, p = 5", "numpy tensor")]
    assert 0 < draws["ours_error"] < 0.3
    assert 0 < draws["peer_error"] < 0.3
    transport = found[[name.startswith("W1") for name, _ in found.index] & ~absent]
    assert len(transport) == 2
    assert transport["ours_error"].lt(1e-12).all()


@pytest.mark.slow
def test_moments(families):
    found = families["moments"].run(families["moments"].QUICK)
    raced = both_ran(found)
    assert (raced["ratio"] > 0).all()
    same = raced[~raced["peer"].isin(["statsmodels IVGMM"])]  # its optimiser stops early
    assert same["ours_error"].lt(1e-5).all()
    assert raced["ours_error"].lt(0.1).all()
    assert {"statsmodels IV2SLS", "statsmodels IVGMM"} <= set(raced["peer"])
    risks = found[found["ours_error_se"].notna()]
    assert len(risks) == 5 + 4 + 6
    assert risks[["ours_error", "ours_error_se", "ours_seconds"]].gt(0).all(axis=None)
    assert risks["peer"].eq("published").sum() == 3  # none for 150 rows
    assert risks["peer_error"].notna().sum() == 3


def test_unnormalized(families):
    found = families["unnormalized"].run(families["unnormalized"].QUICK).set_index("peer")
    assert (found[["ratio", "ours_seconds", "peer_seconds"]] > 0).all(axis=None)
    assert found.loc["own search", "ours_error"] < 1e-6
    assert found.loc["scipy BFGS", "ours_error"] < 0.1  # its gradient is one of differences


@pytest.mark.slow
def test_discrete(families):
    found = families["discrete"].run(families["discrete"].QUICK)
    found = found.set_index(["ours", "peer"])
    assert (found[["ratio", "ours_seconds"]] > 0).all(axis=None)
    assert found.loc[("drift_table", "pandas loop"), "ours_error"] < 2e-3
    same = found.loc[[("jensen_shannon_test", "scipy G test"), ("f_divergence", "numpy")]]
    assert same["ours_error"].lt(1e-10).all()


@pytest.mark.slow
def test_absent_linearmodels_is_named(families, monkeypatch):
    family = families["moments"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.table([family.linear], family.QUICK)
    absent = found["peer"].str.startswith("linearmodels")
    assert absent.sum() == 4
    assert found.loc[absent, "note"].str.endswith("is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()


@pytest.mark.slow
def test_absent_grids_are_named(families, monkeypatch):
    family = families["density"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.table([family.grid, family.isj], family.QUICK)
    absent = found["peer"].str.startswith("KDEpy")
    assert absent.sum() == 5
    assert found.loc[absent, "note"].str.endswith("is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()


def test_stein_forms_agree_with_one_another(families):
    from benchmarks import _stein_forms as plain

    X = np.random.default_rng(0).standard_normal((150, 3))
    for profile in plain.PROFILES.values():
        whole = plain.row_sums(X, -X, profile, 2.0)
        assert np.allclose(plain.row_sums_in_blocks(X, -X, profile, 2.0), whole)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_absent_and_slow_peers_are_named(families, monkeypatch):
    divergence, neighbors = families["divergence"], families["neighbors"]
    monkeypatch.setattr(divergence, "find_spec", lambda name: None)
    absent = divergence.table([divergence.peers], divergence.QUICK).set_index("peer")
    assert (absent.loc["infomeasure", "note"] == "infomeasure is not installed").all()
    slow = neighbors.table([neighbors.search], replace(neighbors.QUICK, limit=0.0))
    assert slow["note"].str.contains("above 0 s").all()
    assert slow["ratio"].isna().all()


def test_command_line_prints_a_table(families, capsys):
    from benchmarks.__main__ import main

    main(["study", "--quick"])
    printed = capsys.readouterr().out
    assert printed.count("ratio_high") == 1
    assert "20 replications of a mean" in printed


def test_study(families):
    found = families["study"].run(families["study"].QUICK)
    assert (found["ratio"] > 0).all()
    loops = found[found["task"] == "20 replications of a mean"]
    assert set(loops["ours"]) == {"divest", "divest with a store"}
    assert set(loops["peer"]) == {"bare loop", "bare loop and 1 ms each"}
    assert found["task"].iloc[-1] == "summary of 200 rows"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_two_sample(families, monkeypatch):
    family = families["two_sample"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    assert len(found) == 2 * 4 * 3  # columns, changes, peers
    absent = found["peer"].eq("dcor energy_test")
    assert found.loc[absent, "note"].eq("dcor energy_test is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()
    assert found["ours_error"].between(0, 1).all()


@pytest.mark.slow
def test_growth(families, monkeypatch):
    from benchmarks import moments, sample_complexity, two_sample

    family = families["growth"]
    for module in (family, moments, sample_complexity, two_sample):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    assert found.groupby("task")["n"].agg(set).eq({60, 90}).all()
    assert set(found["task"]) == set(family.TASKS)
    assert (both_ran(found)["ratio"] > 0).all()
    assert found.loc[found["ratio"].isna(), "note"].str.endswith("is not installed").all()


def test_growth_leaves_out_what_takes_too_long(families, monkeypatch):
    family = families["growth"]
    monkeypatch.setattr(family, "TASKS", {"work": (
        lambda n, d: {"divest": lambda: sum(range(10)), "slow": lambda: sum(range(100 * n))},
        ("slow",))})
    rows = family.growth(replace(family.QUICK, rows=(1_000, 4_000), limit=0.01))
    assert [row.get("note") for row in rows] == [None, "slow would take more than 0.01 s"]


def test_memory_counts_arrays_and_what_is_freed(families):
    from benchmarks._memory import peak_mb

    result, mb = peak_mb(lambda: np.ones(4_000_000).sum())
    assert result == 4_000_000
    assert np.isnan(mb) or abs(mb - 32) < 4  # NaN where the system does not tell


def test_all_families_have_one_shape(families):
    from benchmarks._timing import COLUMNS, table

    found = table([lambda sizes: [{"task": "a", "ratio": 0.5, "target": 1.0}]], None)
    assert list(found) == COLUMNS
    assert found["met"].tolist() == ["yes"]
    with pytest.raises(ValueError, match=r"columns must be among .* got \['seconds'\]"):
        table([lambda sizes: [{"task": "a", "seconds": 1.0}]], None)


def test_race_turns_times_into_a_row(families):
    from benchmarks._timing import Race

    raced = Race(pd.DataFrame({"ours": [1.0, 1, 1], "scipy": [2.0, 4, 4]}), {"ours": 3.0})
    row = raced.row("ours", "scipy", {"ours": 0.1, "scipy": 0.2}, target=1.0)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (0.25, 0.25, 0.375)
    assert (row["ours_seconds"], row["peer_seconds"], row["rounds"]) == (1, 4, 3)
    assert (row["ours_mb"], row["ours_error"], row["peer_error"]) == (3.0, 0.1, 0.2)
    assert raced.row("ours", "KDEpy")["note"] == "KDEpy is not installed"


def test_page_says_where_a_peer_wins(families, tmp_path):
    from benchmarks import _page
    from benchmarks._timing import COLUMNS

    rows = [{"task": "a", "n": 10_000, "ours": "x", "peer": "scipy pdf", "ours_seconds": 1.0,
             "peer_seconds": 2.0, "ratio": 0.5, "ratio_low": 0.4, "ratio_high": 0.6},
            {"task": "b", "ours": "x", "peer": "scipy pdf", "ours_seconds": 300.0,
             "peer_seconds": 100.0, "ratio": 3.0, "ratio_low": 2.9, "ratio_high": 3.1,
             "ours_error": 0.5, "ours_error_se": 0.01, "peer_error": 0.4, "peer_error_se": 0.01},
            {"task": "c", "ours": "x", "peer": "POT emd2", "note": "POT emd2 is not installed"}]
    found = pd.DataFrame(rows, columns=COLUMNS)
    _page.keep(tmp_path, "study", found, "full")
    _page.keep(tmp_path, "study", found, "smaller")  # in the place of the first
    _page.write(tmp_path, families)
    peers = pd.read_csv(tmp_path / "peers.csv").set_index("peer")
    assert peers.loc["scipy", "comparisons"] == 2
    assert peers.loc["scipy", "we are slower in"] == 1
    assert "POT" not in peers.index
    slower = pd.read_csv(tmp_path / "slower.csv")
    assert slower[["family", "task", "slower at"]].to_numpy().tolist() == [
        ["study", "b", "1 of 1 sizes"]]
    assert pd.read_csv(tmp_path / "wrong.csv")["error of ours"].tolist() == ["0.5 (0.01)"]
    section = (tmp_path / "families.inc").read_text("utf-8")
    assert section.startswith("Study\n~~~~~\n")
    assert "a,\"10,000\",x,scipy pdf,0.5 (0.4 to 0.6),\"1, 2\",\n" in section
    assert "Did not run: POT emd2 is not installed.\n" in section
    machines = (tmp_path / "machines.inc").read_text("utf-8")
    assert machines.startswith("* study: smaller samples; ")
    assert f"numpy {np.__version__}" in machines


def test_command_line_writes_the_page(families, tmp_path, capsys):
    from benchmarks.__main__ import main

    main(["study", "--quick", "--page", str(tmp_path)])
    assert "summary of 200 rows" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "study.csv")
    assert (found["ratio"] > 0).all()
    assert "summary of 200 rows" in (tmp_path / "families.inc").read_text("utf-8")


def test_page_includes_all_that_is_written():
    page, folder = ROOT / "docs" / "benchmarks.rst", ROOT / "docs" / "benchmarks"
    text = page.read_text("utf-8")
    assert {"peers.csv", "slower.csv", "wrong.csv", "machines.inc", "families.inc"} == set(
        re.findall(r"benchmarks/(\w+\.\w+)", text))
    for name in TINY:
        assert (folder / f"{name}.csv").exists()
    assert sorted(pd.read_csv(folder / "machines.csv")["family"]) == sorted(TINY)
