"""The benchmarks run, on samples too small to time anything."""

from dataclasses import replace
from pathlib import Path

import numpy as np
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
}  # fmt: skip


@pytest.fixture
def families(monkeypatch):
    """The families, with tiny samples."""
    monkeypatch.syspath_prepend(ROOT)
    from benchmarks import (
        density,
        discrete,
        divergence,
        goodness_of_fit,
        moments,
        neighbors,
        sample_complexity,
        sequences,
        study,
        unnormalized,
    )

    found = {"neighbors": neighbors, "divergence": divergence,
             "goodness_of_fit": goodness_of_fit, "density": density,
             "sample_complexity": sample_complexity, "moments": moments,
             "sequences": sequences, "unnormalized": unnormalized, "discrete": discrete,
             "study": study}
    for name, family in found.items():
        monkeypatch.setattr(family, "QUICK", replace(family.QUICK, **TINY[name]))
    return found


def test_neighbors(families):
    found = families["neighbors"].run(families["neighbors"].QUICK)
    assert (found["ratio"] > 0).all()
    assert found["exact"].dropna().eq(1).all()
    assert found["error"].dropna().lt(1e-12).all()


def test_divergence(families):
    found = families["divergence"].run(families["divergence"].QUICK)
    ran = found["note"].isna() if "note" in found else np.full(len(found), True)
    assert (found.loc[ran, "ratio"] > 0).all()
    assert (found.loc[found["benchmark"] == "sizes", "bytes_per_nk"] > 0).all()
    wkv = found[found["against"] == "numpy WKV"]
    assert np.allclose(wkv["error"], wkv["error_against"], rtol=1e-9)
    loops = found[found["benchmark"].str.startswith("loop")]
    assert len(loops) >= 6
    assert loops["error"].lt(1e-10).all()


def test_sequences(families):
    found = families["sequences"].run(families["sequences"].QUICK)
    assert (found["ratio"] > 0).all()
    assert found["error"].dropna().lt(1e-10).all()


def test_goodness_of_fit(families, monkeypatch):
    family = families["goodness_of_fit"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    absent = found["against"].isin(["hyppo FSSD"])
    assert (found.loc[absent, "note"] == "hyppo FSSD is not installed").all()
    assert (found.loc[~absent & found["against"].notna(), "ratio"] > 0).all()
    assert found.loc[found["contestant"].eq("imq float64"), "error"].lt(1e-12).all()
    assert found.loc[found["contestant"].eq("imq float32"), "error"].between(1e-12, 1e-4).all()
    assert found.loc[found["against"].eq("numpy, H @ W"), "error"].dropna().lt(1e-12).all()
    same = found[found["benchmark"].eq("20 landmarks") & found["against"].eq("numpy")]
    assert same["error"].lt(1e-9).all()
    power = found[found["benchmark"].str.startswith("power")]
    assert len(power) == 10
    assert power[["power", "power_against"]].ge(0).all(axis=None)
    assert power["standard_error"].gt(0).all()


def test_density(families, monkeypatch):
    family = families["density"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK)
    absent = found["against"].str.startswith("KDEpy")
    assert (found.loc[~absent, "ratio"] > 0).all()
    exact = found[found["benchmark"].isin(["exact", "epanechnikov"])]
    assert len(exact) == 23
    assert exact["error"].lt(1e-12).all()
    assert exact.loc[exact["against"].str.startswith("scipy"), "their_error"].lt(1e-11).all()
    assert found.loc[found["benchmark"].eq("grid"), "error"].lt(1e-3).all()
    assert found.loc[found["benchmark"].eq("loo_kl"), "error"].lt(1e-3).all()
    assert found.loc[found["benchmark"].str.startswith("loop"), "error"].lt(1e-9).all()
    assert found["target"].notna().sum() == 11


def test_sample_complexity(families, monkeypatch):
    family = families["sample_complexity"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.run(family.QUICK).set_index(["benchmark", "against"])
    absent = found.index.get_level_values("against") == "POT emd2"
    assert absent.sum() == 1
    assert (found.loc[absent, "note"] == "POT emd2 is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()
    draws = found.loc[("p-n criterion, p = 5", "numpy tensor")]
    assert 0 < draws["error"] < 0.3
    assert 0 < draws["their_error"] < 0.3
    transport = found[[name.startswith("W1") for name, _ in found.index] & ~absent]
    assert len(transport) == 2
    assert transport["error"].lt(1e-12).all()


def test_moments(families):
    found = families["moments"].run(families["moments"].QUICK)
    raced = found[found["benchmark"].str.startswith("linear IV") & found["ratio"].notna()]
    assert (raced["ratio"] > 0).all()
    same = raced[~raced["against"].isin(["statsmodels IVGMM"])]  # its optimiser stops early
    assert same["error"].lt(1e-5).all()
    assert raced["error"].lt(0.1).all()
    assert {"statsmodels IV2SLS", "statsmodels IVGMM"} <= set(raced["against"])
    risks = found[found["risk"].notna()]
    assert len(risks) == 5 + 4 + 6
    assert risks[["risk", "risk_error", "seconds"]].gt(0).all(axis=None)
    assert risks["published"].notna().sum() == 3  # none for 150 rows


def test_unnormalized(families):
    found = families["unnormalized"].run(families["unnormalized"].QUICK).set_index("against")
    assert (found[["ratio", "seconds", "mb"]] > 0).all(axis=None)
    assert found.loc["own search", "error"] < 1e-6
    assert found.loc["scipy BFGS", "error"] < 0.1  # its gradient is one of differences


def test_discrete(families):
    found = families["discrete"].run(families["discrete"].QUICK)
    found = found.set_index(["contestant", "against"])
    assert (found["ratio"] > 0).all()
    assert (found.loc["drift_table", ["seconds", "mb"]] > 0).all(axis=None)
    assert found.loc[("drift_table", "pandas loop"), "error"] < 2e-3
    same = found.loc[[("jensen_shannon_test", "scipy G test"), ("f_divergence", "numpy")]]
    assert same["error"].lt(1e-10).all()


def test_absent_linearmodels_is_named(families, monkeypatch):
    family = families["moments"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.table([family.linear], family.QUICK)
    absent = found["against"].str.startswith("linearmodels")
    assert absent.sum() == 4
    assert found.loc[absent, "note"].str.endswith("is not installed").all()
    assert (found.loc[~absent, "ratio"] > 0).all()


def test_absent_grids_are_named(families, monkeypatch):
    family = families["density"]
    monkeypatch.setattr(family, "find_spec", lambda name: None)
    found = family.table([family.grid, family.isj], family.QUICK)
    absent = found["against"].str.startswith("KDEpy")
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
    absent = divergence.table([divergence.peers], divergence.QUICK).set_index("against")
    assert (absent.loc["infomeasure", "note"] == "infomeasure is not installed").all()
    slow = neighbors.table([neighbors.search], replace(neighbors.QUICK, limit=0.0))
    assert slow["note"].str.contains("above 0 s").all()
    assert slow["ratio"].isna().all()


def test_command_line_prints_a_table(families, capsys):
    from benchmarks.__main__ import main

    main(["divergence", "--quick"])
    printed = capsys.readouterr().out
    assert printed.count("bytes_per_nk") == 1
    assert "test, 9 permutations" in printed


def test_study(families):
    found = families["study"].run(families["study"].QUICK)
    assert (found["ratio"] > 0).all()
    loops = found[found["benchmark"] == "20 replications of a mean"]
    assert set(loops["contestant"]) == {"divest", "divest with a store"}
    assert loops["overhead_ms"].notna().all()
    assert found["benchmark"].iloc[-1] == "summary of 200 rows"
