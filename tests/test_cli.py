"""The command line: formats, files, exit statuses, one clear line for every error."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import plain
import pytest

from divest import __version__, compare
from divest.cli import main
from divest.comparison import compare_groups

DATA = Path(__file__).parents[1] / "examples" / "data"
SEASONS = [str(DATA / f"penguins_{year}.csv") for year in (2007, 2009)]
QUICK = ["--resamples", "99"]


def run(capsys, *words):
    """Exit status, standard output and standard error."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture
def same(tmp_path, rng):
    """Two files from the same distribution."""
    names = []
    for name in ("reference", "current"):
        path = tmp_path / f"{name}.csv"
        pd.DataFrame({"x": rng.normal(size=60), "y": rng.choice(["u", "v"], 60)}).to_csv(
            path, index=False)
        names.append(path)
    return names


def test_table_is_the_summary_of_the_function(capsys):
    options, settings = plain.smaller(([], {}), (QUICK, {"n_resamples": 99}))
    status, out, err = run(capsys, "compare", *SEASONS, *options)
    expected = compare(*(pd.read_csv(name) for name in SEASONS), random_state=0, **settings)
    assert (status, err) == (0, "")
    assert out == expected.summary() + "\n"


def test_json_and_csv_hold_the_numbers(capsys):
    expected = compare(*(pd.read_csv(name) for name in SEASONS), random_state=0, n_resamples=99)
    _, out, _ = run(capsys, "compare", *SEASONS, *QUICK, "--output", "json")
    parsed = json.loads(out)
    np.testing.assert_allclose([row["estimate"] for row in parsed["joint"]],
                               expected.joint["estimate"], rtol=1e-12)
    assert parsed["verdict"] == expected.verdict
    assert parsed["drift"] is expected.drift
    _, out, _ = run(capsys, "compare", *SEASONS, *QUICK, "--output", "csv")
    table = pd.read_csv(StringIO(out), dtype={"failed_diagnostics": str})
    table["failed_diagnostics"] = table["failed_diagnostics"].fillna("")
    pd.testing.assert_frame_equal(table, expected.to_frame(), check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("suffix", ["txt", "json", "csv"])
def test_output_to_a_file(capsys, tmp_path, suffix):
    path = tmp_path / f"result.{suffix}"
    status, out, _ = run(capsys, "compare", *SEASONS, *QUICK, "--output", path)
    assert (status, out) == (0, "")
    text = path.read_text()
    _, out, _ = run(capsys, "compare", *SEASONS, *QUICK, "--output",
                    {"txt": "table"}.get(suffix, suffix))
    assert text == out
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_parquet_is_read(capsys, tmp_path):
    names = []
    for name in SEASONS:
        path = tmp_path / Path(name).with_suffix(".parquet").name
        pd.read_csv(name).to_parquet(path)
        names.append(path)
    assert run(capsys, "compare", *names, *QUICK) == run(capsys, "compare", *SEASONS, *QUICK)


def test_options_reach_the_function(capsys, same):
    words = ["compare", *same, "--columns", "x", "--divergence", "renyi(0.5), total_variation",
             "--standardize", "none", "--level", "0.1", "--seed", "3", "--jobs", "2",
             "--resamples", "99"]
    _, out, _ = run(capsys, *words, "--output", "json")
    parsed = json.loads(out)
    assert [row["divergence"] for row in parsed["joint"]] == ["renyi(0.5)", "total_variation"]
    assert [row["column"] for row in parsed["columns"]] == ["x"]
    assert parsed["level"] == 0.1


def test_status_one_only_when_asked_and_found(capsys, same):
    assert run(capsys, "compare", *same, *QUICK, "--fail-on-drift")[0] == 0
    assert run(capsys, "compare", *SEASONS, *QUICK)[0] == 0
    assert run(capsys, "compare", *SEASONS, *QUICK, "--fail-on-drift")[0] == 1


def test_smallest_effect_and_cells_reach_the_function(capsys):
    words = ["compare", *SEASONS, *QUICK, "--min-effect", "0.2", "--bins", "5"]
    _, out, _ = run(capsys, *words, "--output", "json")
    expected = compare(*(pd.read_csv(name) for name in SEASONS), random_state=0, n_resamples=99,
                       minimum_effect=0.2, bins=5)
    found = [row["pvalue_minimum_effect"] for row in json.loads(out)["columns"]]
    np.testing.assert_allclose(found, expected.columns["pvalue_minimum_effect"], rtol=1e-12)


@pytest.fixture
def months(tmp_path, rng):
    """A reference, and a table of two months of which the second has changed."""
    names = tmp_path / "reference.csv", tmp_path / "months.csv"
    pd.DataFrame({"x": rng.normal(size=200)}).to_csv(names[0], index=False)
    days = pd.date_range("2024-01-01", periods=60).astype(str)
    x = rng.normal(size=60) + 2 * (np.arange(60) > 30)
    pd.DataFrame({"day": days, "x": x}).to_csv(names[1], index=False)
    return names


def test_groups_are_those_of_the_function(capsys, months):
    words = ["compare", *months, "--by", "day", "--freq", "M"]
    expected = compare_groups(*(pd.read_csv(name) for name in months), "day", freq="M",
                              random_state=0)
    assert run(capsys, *words) == (0, expected.summary() + "\n", "")
    _, out, _ = run(capsys, *words, "--output", "csv")
    assert pd.read_csv(StringIO(out))["group"].tolist() == ["2024-02", "2024-01"]
    status, out, _ = run(capsys, *words, "--output", "json", "--fail-on-drift")
    assert status == 1
    assert [row["columns"] for row in json.loads(out)["groups"]] == ["", "x"]


@pytest.mark.parametrize(("words", "message"), [
    (["--by", "week"], "no column week to group by; it has day, x"),
    (["--freq", "M"], "--freq needs --by"),
    (["--by", "x", "--freq", "h"], "invalid choice"),
    (["--by", "day", "--columns", "day,x"], "column day names the groups"),
    (["--by", "day", "--level", "0.9"], "level must lie between 0 and 0.5"),
    (["--by", "day", "--divergence", "kl"], "--divergence is for the joint analysis"),
    (["--by", "day", "--standardize", "none"], "--standardize is for the joint analysis"),
    (["--min-effect", "-1"], "minimum_effect must"),
    (["--bins", "1"], "bins must be at least 2"),
])
def test_errors_about_groups_and_cells_take_one_line(capsys, months, words, message):
    status, _, err = run(capsys, "compare", *months, *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_progress_goes_to_standard_error(capsys, same):
    status, out, err = run(capsys, "compare", *same, *QUICK, "--progress")
    assert status == 0
    assert "batch" in err
    assert "batch" not in out


@pytest.mark.parametrize(("words", "message"), [
    ([], "COMMAND"),
    (["nonsense"], "invalid choice"),
    (["compare", "a.csv"], "CURRENT"),
    (["compare", "a.csv", "b.csv", "--bogus"], "unrecognized arguments"),
    (["compare", "a.csv", "b.csv"], "no such file: a.csv"),
    (["compare", *SEASONS, "--level", "2"], "level must lie between 0 and 0.5"),
    (["compare", *SEASONS, "--level", "x"], "invalid float value"),
    (["compare", *SEASONS, "--divergence", "nope"], "divergence must be one of"),
    (["compare", *SEASONS, "--divergence", ","], "at least one divergence"),
    (["compare", *SEASONS, "--columns", "wings"], "no column wings"),
    (["compare", *SEASONS, "--output", "page.html"], "--output must be"),
    (["compare", *SEASONS, "--output", "nowhere/x.csv"], "no such folder"),
    (["compare", *SEASONS, "--columns", ","], "different columns"),
    (["compare", *SEASONS, "--columns", "sex,sex"], "different columns"),
    (["compare", *SEASONS, "--divergence", "tsallis(1e300)"], "at most 1000"),
    (["compare", *SEASONS, "--resamples", "0"], "n_resamples"),
    (["compare", *SEASONS, "--seed", "-1"], "random_state"),
])
def test_usage_and_data_errors_take_one_line(capsys, words, message):
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("divest: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("content", "message"), [
    ("", "cannot read"), ("x\n", "empty"), ("x,y\n1\n1,2,3\n", "cannot read"),
    ("x\n1\ninf\n" + "2\n" * 40, "contains infinity (row 1, column 'x'"),
    ("z\n1\n", "share no column"), ("x,y\nt,u\n" + "s,v\n" * 40, "make both the same"),
    ("x;y\n1;u\n", "separated by commas"), ("x,y\n1,u,3\n", "as CSV"),
])
def test_bad_files_take_one_line(capsys, tmp_path, same, content, message):
    bad = tmp_path / "bad.csv"
    bad.write_text(content)
    status, out, err = run(capsys, "compare", same[0], bad)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_inputs_are_not_overwritten(capsys, tmp_path, same):
    before = same[0].read_text()
    for output in (same[0], tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        status, _, err = run(capsys, "compare", *same, *QUICK, "--output", output)
        assert status == 2
        assert "would overwrite" in err
    assert same[0].read_text() == before


def test_pipes_are_read():
    command = (f"{sys.executable} -m divest compare <(cat {SEASONS[0]}) <(cat {SEASONS[1]}) "
               "--resamples 9")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("120 current rows against 110 reference rows.")


def test_not_parquet(capsys, tmp_path, same):
    bad = tmp_path / "bad.parquet"
    bad.write_text("no")
    status, _, err = run(capsys, "compare", same[0], bad)
    assert status == 2
    assert "as Parquet" in err
    assert err.count("\n") == 1


def test_missing_parquet_reader_is_named(capsys, tmp_path, same, monkeypatch):
    def absent(*_):
        raise ImportError("no engine")

    monkeypatch.setattr(pd, "read_parquet", absent)
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    _, _, err = run(capsys, "compare", tmp_path / "t.parquet", same[0])
    assert "pip install 'divest[parquet]'" in err


def test_interrupt_is_not_a_traceback(capsys, same, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("divest.compare", interrupted)
    assert run(capsys, "compare", *same) == (2, "", "divest: error: interrupted\n")


def test_help_and_version(capsys):
    for words, expected in ((["--version"], __version__), (["compare", "--help"], "REFERENCE")):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        assert expected in capsys.readouterr().out


def test_module_and_closed_pipe():
    command = f"{sys.executable} -m divest compare {SEASONS[0]} {SEASONS[1]} --resamples 9"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"{command} | head -1"],
                          capture_output=True, text=True, check=False)
    assert done.stdout == "120 current rows against 110 reference rows.\n"
    assert done.stderr == ""


def test_main_module_runs(monkeypatch, capsys):
    import runpy

    monkeypatch.setattr(sys, "argv", ["divest", "compare", "none.csv", "none.csv"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("divest", run_name="__main__")
    assert stop.value.code == 2
    assert "no such file" in capsys.readouterr().err
