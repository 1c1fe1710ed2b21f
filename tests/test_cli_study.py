"""``divest study``: the numbers of `Study`, its files, going on after a stop, and clear errors."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

import divest
from divest import NearestNeighborDistanceDivergence
from divest.cli import main
from divest.cli._study_file import read_study
from divest.study import Study

ROOT = Path(divest.__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("study_*.toml"))
MEAN = """
name = "a mean"
simulator = "study_parts:draw"
n_replications = 30
seed = 4
truth = 0.5
[grid]
n = [5, 8]
shift = [0.5]
[methods.mean]
function = "study_parts:mean"
[methods.half]
function = "study_parts:mean"
factor = 0.5
"""
PARTS = """
import os, time
def draw(rng, n, shift=0.0):
    time.sleep(float(os.environ.get("STUDY_PARTS_PAUSE", 0)))
    return rng.normal(shift, 1, n)
def late(x):
    import study_sibling
    return study_sibling.first(x)
def mean(x, factor=1.0):
    return {"estimate": factor * x.mean(), "standard_error": x.std(ddof=1) / len(x) ** 0.5}
def lost(x):
    raise ArithmeticError("no luck")
def half(n, **others):
    return n / 2
number = 3
class Plain:
    pass
class Picky:
    def __init__(self, size=1):
        raise ValueError("size 1 is taken")
    def fit(self, X): ...
    def get_params(self, deep=True): ...
"""
DIVERGENCE = """
simulator = "shifted_gaussians"
n_replications = 4
seed = 2
truth = "kl"
[grid]
n = [30, 60]
d = [1]
[methods.distance]
class = "NearestNeighborDistanceDivergence"
n_neighbors = 3
[methods."by its module"]
class = "divest.divergence:NearestNeighborDistanceDivergence"
divergence = "hellinger"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module of the user in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "study_parts", raising=False)
    Path("study_parts.py").write_text(PARTS)
    Path("mean.toml").write_text(MEAN)
    yield tmp_path
    for name in ("study_parts", "study_sibling"):
        sys.modules.pop(name, None)


def run(capsys, *words):
    """Exit status, standard output and standard error."""
    status = main(["study", *(str(word) for word in words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def fails(capsys, *words):
    """The one line of an error."""
    status, out, err = run(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("divest: error: ")
    return err


def rows(file):
    return pd.read_csv(file).drop(columns="seconds")


def of_mean(**settings):
    """The study of mean.toml in Python."""
    from study_parts import draw, mean

    def half(x):
        return mean(x, factor=0.5)

    return Study(draw, {"mean": mean, "half": half}, {"n": [5, 8], "shift": [0.5]}, truth=0.5,
                 **({"n_replications": 30, "seed": 4} | settings)).run()


# ------------------------------------------------------------ numbers and files
def test_tables_are_those_of_the_study(capsys, folder):
    status, out, err = run(capsys, "mean.toml", "--output", "all.csv", "--summary", "short.csv")
    assert (status, err) == (0, "")
    results = of_mean()
    want = results.frame.drop(columns="seconds").assign(failed_diagnostics=np.nan, error=np.nan)
    assert_frame_equal(rows("all.csv"), want, check_dtype=False, rtol=1e-14)
    short = results.summary()
    assert_frame_equal(rows("short.csv"), short.drop(columns="seconds"), check_dtype=False,
                       rtol=1e-14)
    printed = [line.split() for line in out.splitlines()]
    column = printed[0].index("coverage")
    assert [float(line[column]) for line in printed[1:]] == [
        float(f"{value:.4g}") for value in short["coverage"]]
    assert "pvalue" not in out  # nothing to say
    assert "rejections" not in out


def test_parquet(capsys, folder):
    pytest.importorskip("pyarrow")
    assert run(capsys, "mean.toml", "--output", "all.parquet")[0] == 0
    found = pd.read_parquet("all.parquet").drop(columns="seconds")
    assert_frame_equal(found, of_mean().frame.drop(columns="seconds"), check_exact=True)


def test_parquet_is_refused_before_anything_runs_where_it_cannot_be_written(
        capsys, folder, monkeypatch):
    monkeypatch.setattr("divest.cli._study.find_spec", lambda name: None)
    assert "needs pyarrow" in fails(capsys, "mean.toml", "--output", "all.parquet")


def test_settings_of_several_kinds_are_refused_for_parquet_before_anything_runs(
        capsys, folder, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(Study, "run", None)
    Path("mean.toml").write_text(MEAN.replace("shift = [0.5]", 'shift = [0.5, "much"]'))
    error = fails(capsys, "mean.toml", "--output", "all.parquet")
    assert "the grid cannot be written as Parquet; use --output FILE.csv" in error


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_classes_of_divest_by_name_and_by_module(folder):
    Path("d.toml").write_text(DIVERGENCE)
    model = NearestNeighborDistanceDivergence
    want = Study("shifted_gaussians", {"distance": model("kl", n_neighbors=3),
                                       "by its module": model("hellinger")},
                 {"n": [30, 60], "d": [1]}, truth="kl", n_replications=4, seed=2).run()
    found = read_study("d.toml").run()
    assert_frame_equal(found.frame.drop(columns="seconds"), want.frame.drop(columns="seconds"))
    assert (found.frame["error"] == "").all()


def test_truth_by_method_and_by_function(folder):
    text = MEAN.replace("truth = 0.5\n", "").replace(
        "[grid]", '[truth]\nmean = "shift"\nhalf = "study_parts:half"\n[grid]')
    Path("mean.toml").write_text(text)
    frame = read_study("mean.toml").run().frame
    found = frame.groupby(["n", "method"])["truth"].unique().explode()
    assert found.to_dict() == {(5, "mean"): 0.5, (5, "half"): 2.5, (8, "mean"): 0.5,
                               (8, "half"): 4.0}


def test_jobs_do_not_change_the_numbers(capsys, folder):
    for jobs in (1, 2):
        assert run(capsys, "mean.toml", "--jobs", jobs, "--output", f"{jobs}.csv")[0] == 0
    assert_frame_equal(rows("1.csv"), rows("2.csv"), check_exact=True)


def test_progress_goes_to_standard_error(capsys, folder):
    status, out, err = run(capsys, "mean.toml", "--progress")
    assert status == 0
    assert "60/60" in err
    assert out.count("\n") == 5  # the table, of four rows


LATE = MEAN + '[methods.late]\nfunction = "study_parts:late"\n'
SIBLING = "def first(x):\n    return x[0]\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_functions_may_import_from_the_current_folder_while_they_run(capsys, folder, jobs):
    Path("study_sibling.py").write_text(SIBLING)
    Path("mean.toml").write_text(LATE)
    before = list(sys.path)
    assert run(capsys, "mean.toml", "--jobs", jobs, "--output", "all.csv")[0] == 0
    assert rows("all.csv")["error"].isna().all()
    assert sys.path == before


@pytest.mark.slow
def test_functions_may_import_from_the_current_folder_in_processes(folder):
    Path("study_sibling.py").write_text(SIBLING)
    Path("mean.toml").write_text(LATE)
    code = ("import sys; from joblib import parallel_config; from divest.cli import main\n"
            "with parallel_config(backend='loky'):\n"
            "    sys.exit(main(['study', 'mean.toml', '--jobs', '2', '--output', 'all.csv']))")
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert rows("all.csv")["error"].isna().all()


def test_failures_are_said_in_one_line(capsys, folder):
    with Path("mean.toml").open("a") as file:
        file.write('[methods.lost]\nfunction = "study_parts:lost"\n')
    status, out, err = run(capsys, "mean.toml")
    assert status == 0
    assert err.startswith("divest: warning: ")
    assert err.count("\n") == 1
    assert "failed_cells = 2" in err
    assert "ArithmeticError: no luck" in err
    assert [line.split()[-1] for line in out.splitlines() if " lost" in line] != []


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_examples_run_and_gave_what_is_stored(file):
    """The first replications, as all of them take long; they are the same in longer runs."""
    study = read_study(str(file))
    study.n_replications = 2
    frame = study.run().frame
    assert (frame["error"] == "").all()
    stored = pd.read_csv(file.parent / "data" / f"{file.stem}.csv")
    assert set(stored["cell"]) == set(frame["cell"])
    assert set(stored["method"]) == set(study.methods)
    assert set(stored["replications"]) == {tomllib.loads(file.read_text())["n_replications"]}


def test_examples_ship():
    assert [file.stem for file in EXAMPLES] == ["study_coverage", "study_power"]


@pytest.mark.slow
def test_stored_power_is_that_of_the_file(capsys, tmp_path):
    (file,) = (file for file in EXAMPLES if file.stem == "study_power")
    assert run(capsys, file, "--summary", tmp_path / "s.csv")[0] == 0
    stored = file.parent / "data" / "study_power.csv"
    assert_frame_equal(rows(tmp_path / "s.csv"), rows(stored), rtol=1e-9)


# ------------------------------------------------------------ stopped and resumed
def test_store_needs_resume_to_go_on(capsys, folder):
    assert run(capsys, "mean.toml", "--store", "a.sqlite")[0] == 0
    before = Path("a.sqlite").read_bytes()
    error = fails(capsys, "mean.toml", "--store", "a.sqlite")
    assert "a.sqlite exists; add --resume" in error
    assert Path("a.sqlite").read_bytes() == before
    Path("mean.toml").write_text(MEAN.replace("n_replications = 30", "n_replications = 40"))
    status, _, err = run(capsys, "mean.toml", "--store", "a.sqlite", "--resume", "--output",
                         "all.csv", "--progress")
    assert status == 0
    assert "20/20" in err  # what was missing
    want = of_mean(n_replications=40).frame
    np.testing.assert_allclose(rows("all.csv")["estimate"], want["estimate"], rtol=1e-14)


def test_resume_begins_where_there_is_no_store(capsys, folder):
    assert run(capsys, "mean.toml", "--store", "a.sqlite", "--resume")[0] == 0
    assert len(Study.load("a.sqlite").frame) == 120


def test_store_of_another_study_is_refused(capsys, folder):
    run(capsys, "mean.toml", "--store", "a.sqlite")
    Path("mean.toml").write_text(MEAN.replace("seed = 4", "seed = 5").replace("0.5\n[m", "0.25\n[m")
                                 .replace("factor = 0.5", "factor = 0.25"))
    error = fails(capsys, "mean.toml", "--store", "a.sqlite", "--resume")
    assert "seed: 4 in the store, 5 now" in error
    assert "methods['half']" in error


def start(store, *words):
    """The command in its own process, slow enough to be stopped."""
    env = os.environ | {"STUDY_PARTS_PAUSE": "0.02", "OPENBLAS_NUM_THREADS": "1",
                        "PYTHONPATH": str(ROOT)}
    code = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from divest.cli import main; sys.exit(main(sys.argv[1:]))")
    words = ["study", "mean.toml", *(["--store", store] if store else []), *words]
    return subprocess.Popen([sys.executable, "-c", code, *words], env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kept(store):
    try:
        return len(Study.load(store).frame)
    except (OSError, ValueError):  # not there yet
        return 0


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_a_store_to_go_on_with(capsys, folder):
    Path("mean.toml").write_text(MEAN.replace("n_replications = 30", "n_replications = 600"))
    process, deadline = start("a.sqlite"), time.monotonic() + 60
    while not kept("a.sqlite") and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err.count("\n")) == (2, "", 1)
    assert "of 1200 replications" in err
    assert err.endswith("a.sqlite: run it again with this store to go on: the same command with "
                        "--resume\n")
    assert 0 < kept("a.sqlite") < 2400
    assert sorted(path.name for path in folder.glob("a.sqlite*")) == ["a.sqlite"]
    assert run(capsys, "mean.toml", "--store", "a.sqlite", "--resume", "--output", "a.csv")[0] == 0
    assert run(capsys, "mean.toml", "--output", "b.csv")[0] == 0
    assert_frame_equal(rows("a.csv"), rows("b.csv"), check_exact=True)


def test_stop_without_a_store_names_the_option(capsys, folder, monkeypatch):
    def stopped(self, **_):
        raise KeyboardInterrupt("the study was stopped; nothing is kept without a store")

    monkeypatch.setattr(Study, "run", stopped)
    assert "without a store (--store FILE)" in fails(capsys, "mean.toml")
    monkeypatch.setattr(Study, "run", lambda self, **_: (_ for _ in ()).throw(KeyboardInterrupt))
    error = fails(capsys, "mean.toml", "--store", "a.sqlite")
    assert error == "divest: error: interrupted: the same command with --resume\n"


# ------------------------------------------------------------ errors
@pytest.mark.parametrize(("old", "new", "message"), [
    ("seed = 4", "sede = 4", "sede is not known; there is simulator, grid, methods, name, truth, "
     "n_replications, seed, level, confidence_level"),
    ('simulator = "study_parts:draw"', "", "simulator missing"),
    ('"study_parts:draw"', '"gaussians"', "simulator must be one of shifted_gaussians, plane, "),
    ('"study_parts:draw"', "3", "simulator must be one of"),
    ('"study_parts:draw"', '"study_parts:number"', "simulator must be a function; "),
    ('"study_parts:draw"', '"study_parts:drew"', "module study_parts has no drew, asked for by s"),
    ('"study_parts:draw"', '"nowhere.x:draw"', "cannot import nowhere.x for simulator nowhere.x:d"),
    ('"study_parts:draw"', '":draw"', "simulator must be MODULE:OBJECT"),
    ('"study_parts:draw"', '"atoms"', "grid: shift is not known; there is n, m, k"),
    ("shift = [0.5]", "shft = [0.5]", "grid: shft is not known; there is n, shift"),
    ("n = [5, 8]", "n = 5", "grid['n'] must be a list of values, got 5"),
    ("n = [5, 8]", "n = []", "no combination"),
    ("n = [5, 8]", "n = [1979-05-27]", "must be str, int, float, bool or None"),
    ("n = [5, 8]", "n = [nan]", "holds NaN"),
    ("factor = 0.5", "fact = 0.5", "methods.half: fact is not known; there is x, factor"),
    ('function = "study_parts:mean"', "", "[methods.mean] must be a table with either class or f"),
    ('function = "study_parts:mean"', 'function = "a:b"\nclass = "c"', "either class or function"),
    ('function = "study_parts:mean"', 'class = "Ratio"', "class of methods.mean must be one of "
     "AggregatedSteinTest, "),
    ('function = "study_parts:mean"', 'class = "EstimateResult"', "must be one of Aggregated"),
    ('function = "study_parts:mean"', "class = 1", "or package.module:Class; got 1"),
    ('function = "study_parts:mean"', 'class = "study_parts:Plain"', "with fit and get_params; "),
    ('function = "study_parts:mean"', 'class = "study_parts:Picky"', "size 1 is taken"),
    ('function = "study_parts:mean"', "function = 2", "must be package.module:function, got 2"),
    ('function = "study_parts:mean"', 'class = "KernelMethodOfMoments"', "moment_function"),
    ('function = "study_parts:mean"', 'class = "NearestNeighborRatioDivergence"\nneighbours = 2',
     "methods.mean: neighbours is not known; there is divergence, method, "),
    ("n_replications = 30", "n_replications = 0", "n_replications must be"),
    ("n_replications = 30", 'n_replications = "many"', "n_replications must be"),
    ("truth = 0.5", "truth = true", "truth must be a number"),
    ("truth = 0.5", 'truth = "kl"', "truth = 'kl' is not a setting of grid; it has n, shift"),
    ("seed = 4", "level = 2", "level must lie between 0 and 1"),
    ('name = "a mean"', "name = 3", "name must be text"),
    ("seed = 4", "seed = ", "cannot read mean.toml as TOML"),
])
def test_errors_take_one_line(capsys, folder, old, new, message):
    assert old in MEAN
    Path("mean.toml").write_text(MEAN.replace(old, new, 1))
    assert message in fails(capsys, "mean.toml")


@pytest.mark.parametrize(("words", "message"), [
    ([], "FILE.toml"),
    (["none.toml"], "no such file: none.toml"),
    (["."], "no such file: ."),
    (["bytes.toml"], "cannot read bytes.toml as TOML"),
    (["empty.toml"], "simulator, grid, methods missing"),
    (["flat.toml"], "[methods] must be a table with something in it, got 3"),
    (["mean.toml", "--jobs", "0"], "--jobs must be a number of threads"),
    (["mean.toml", "--resume"], "--resume goes with --store FILE"),
    (["mean.toml", "--output", "a.txt"], "--output must be a file that ends in .csv or .parquet"),
    (["mean.toml", "--summary", "a.json"], "--summary must be a file that ends in .csv"),
    (["mean.toml", "--output", "a.csv", "--summary", "a.csv"], "--summary would overwrite a.csv"),
    (["mean.toml", "--store", "a.csv", "--output", "a.csv"], "--output would overwrite a.csv"),
    (["mean.toml", "--output", "nowhere/a.csv"], "no such folder"),
    (["mean.toml", "--store", "nowhere/a.sqlite"], "no folder"),
    (["mean.toml", "--store", "mean.toml", "--resume"], "is not a store of divest"),
    (["mean.toml", "--jobs", "2", "--scheduler", "tcp://a:1"], "not allowed with argument"),
])
def test_usage_errors_take_one_line(capsys, folder, words, message):
    Path("bytes.toml").write_bytes(b"name = \"\xff\"")
    Path("empty.toml").write_text("")
    Path("flat.toml").write_text('simulator = "plane"\nmethods = 3\ngrid.n = [5]\n')
    assert message in fails(capsys, *words)
    assert Path("mean.toml").read_text() == MEAN


# ------------------------------------------------------------ a cluster
def test_scheduler_needs_dask(capsys, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    error = fails(capsys, "mean.toml", "--scheduler", "tcp://127.0.0.1:1")
    assert "pip install 'divest[distributed]'" in error


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs distributed")
@pytest.mark.filterwarnings("ignore")  # dask's own, as a cluster closes
def test_scheduler(capsys, folder, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr("divest.cli._study._PATIENCE", "1s")
    Path("d.toml").write_text(DIVERGENCE)
    assert "no scheduler answers at tcp://127.0.0.1:1" in fails(
        capsys, "d.toml", "--scheduler", "tcp://127.0.0.1:1")
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        assert run(capsys, "d.toml", "--scheduler", cluster.scheduler_address,
                   "--output", "there.csv")[0] == 0
    assert run(capsys, "d.toml", "--output", "here.csv")[0] == 0
    assert_frame_equal(rows("there.csv"), rows("here.csv"), check_exact=True)


def test_functions_of_scipy_are_tests(folder):
    text = (ROOT / "examples" / "study_power.toml").read_text("utf-8")
    Path("p.toml").write_text(text.replace("n_replications = 200", "n_replications = 3")
                              .replace("[50, 100, 200, 400]", "[50]"))
    study = read_study("p.toml")
    assert study.methods["kolmogorov_smirnov"].target is stats.ks_2samp
    assert study.run().frame["pvalue"].between(0, 1).all()
