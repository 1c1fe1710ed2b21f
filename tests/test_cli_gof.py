"""``divest gof``: the numbers of `fit_report`, every way to name a model, and clear errors."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

import divest
from divest.cli import main
from divest.goodness_of_fit.tables import fit_report

DATA = Path(__file__).parents[1] / "examples" / "data"
SEASON = DATA / "penguins_2007.csv"
BILLS = ["gof", SEASON, "--columns", "bill_length_mm", "--resamples", "99"]
pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # of what is compared with

MODULE = """
import numpy as np
from scipy import stats
def score(X):
    return -(X - 44) / 5.5**2
class holder:
    frozen = stats.norm(44, 5.5)
def broken(X):
    raise RuntimeError("no score\\ntoday")
class Family:
    def fit(self, X):
        return stats.norm(X.mean(), X.std())
family = Family()
number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with modules in it."""
    (tmp_path / "my_models.py").write_text(MODULE)
    (tmp_path / "my_broken.py").write_text("1 / 0")
    (tmp_path / "my_exit.py").write_text("import sys; sys.exit(7)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("my_models", "my_broken", "my_exit"):
        sys.modules.pop(name, None)


def run(capsys, *words):
    """Exit status, standard output and standard error."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def bills(model, **settings):
    settings = {"n_resamples": 99, "random_state": 0, **settings}
    return fit_report(pd.read_csv(SEASON), model, columns=["bill_length_mm"], **settings)


def test_table_is_the_summary_of_the_function(capsys):
    status, out, err = run(capsys, "gof", SEASON, "--model", "norm(44,5.5)", "--columns",
                           "bill_length_mm")
    assert (status, err) == (0, "")
    assert out == bills(stats.norm(44.0, 5.5), n_resamples=999).summary() + "\n"
    assert "Rows left out because of missing values: 1 of 110." in out
    assert "does not fit" in out
    assert "cannot be trusted because of autocorrelation" in out


def test_json_and_csv_hold_the_numbers(capsys):
    want = bills(stats.norm(44.0, 5.5))
    words = [*BILLS, "--model", "norm(44,5.5)"]
    parsed = json.loads(run(capsys, *words, "--output", "json")[1])
    assert parsed["verdict"] == want.verdict
    assert parsed["misfit"] is want.misfit
    assert parsed["test"]["pvalue"] == want.result.pvalue
    assert parsed["test"]["seed"] == 0
    assert (parsed["n_rows"], parsed["n_dropped"], parsed["tested"]) == (109, 1, ["bill_length_mm"])
    for name in ("rows", "bandwidths", "diagnostics"):
        got = pd.DataFrame(parsed[name])
        pd.testing.assert_frame_equal(got, getattr(want, name), check_dtype=False, rtol=1e-12)
    csv = pd.read_csv(StringIO(run(capsys, *words, "--output", "csv")[1]))
    pd.testing.assert_frame_equal(csv, want.to_frame(), check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("suffix", ["txt", "json", "csv"])
def test_output_to_a_file(capsys, tmp_path, suffix):
    path = tmp_path / f"fit.{suffix}"
    words = [*BILLS, "--model", "norm(44,5.5)", "--output"]
    assert run(capsys, *words, path) == (0, "", "")
    assert path.read_text() == run(capsys, *words, {"txt": "table"}.get(suffix, suffix))[1]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_parquet_is_read(capsys, tmp_path):
    path = tmp_path / "season.parquet"
    pd.read_csv(SEASON).to_parquet(path)
    words = ["--columns", "bill_length_mm", "--resamples", 99, "--model", "norm(44,5.5)"]
    assert run(capsys, "gof", path, *words) == run(capsys, *BILLS, "--model", "norm(44,5.5)")


@pytest.mark.parametrize(("words", "model", "settings"), [
    (["norm(44, scale=5.5)"], stats.norm(44, scale=5.5), {}),
    (["norm"], stats.norm(), {}),
    (["gamma(64,scale=0.7)"], stats.gamma(64, scale=0.7), {}),
    (["expon(30)"], stats.expon(30), {}),
    (["my_models:score"], lambda X: -(X - 44) / 5.5**2, {}),
    (["my_models:holder.frozen"], stats.norm(44, 5.5), {}),
    (["norm", "--estimate-parameters"], stats.norm,
     {"estimate_parameters": True, "n_resamples": 19}),
    (["gamma(floc=0)", "--estimate-parameters"], (stats.gamma, {"floc": 0.0}),
     {"estimate_parameters": True, "n_resamples": 19}),
    (["gaussian_mixture:2", "--estimate-parameters"], GaussianMixture(2),
     {"estimate_parameters": True, "n_resamples": 19}),
    (["my_models:family", "--estimate-parameters", "--support", "-inf,inf"], stats.norm,
     {"estimate_parameters": True, "n_resamples": 19}),
])
def test_models(capsys, folder, words, model, settings):
    want = bills(model, **settings)
    resamples = ["--resamples", settings.get("n_resamples", 99)]
    _, out, err = run(capsys, *BILLS, *resamples, "--output", "json", "--model", *words)
    assert err == ""
    parsed = json.loads(out)
    assert parsed["test"]["statistic"] == pytest.approx(want.result.statistic)
    assert parsed["test"]["pvalue"] == want.result.pvalue
    assert parsed["estimated"] is settings.get("estimate_parameters", False)
    assert str(folder) not in sys.path


@pytest.mark.parametrize("words", [["multivariate_normal"], ["norm"]])
def test_standard_normal_of_several_columns(capsys, tmp_path, rng, words):
    path = tmp_path / "normal.csv"
    X = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc")).assign(text="t")
    X.to_csv(path, index=False)
    parsed = json.loads(run(capsys, "gof", path, "--model", *words, "--output", "json")[1])
    want = fit_report(X, stats.multivariate_normal(np.zeros(3)), random_state=0)
    assert parsed["test"]["statistic"] == pytest.approx(want.result.statistic)
    assert (parsed["tested"], parsed["left_out"]) == (["a", "b", "c"], ["text"])
    assert not parsed["misfit"]
    assert [row["share"] for row in parsed["columns"]] == [None] * 3


def test_normal_family_of_several_columns(capsys):
    _, out, _ = run(capsys, "gof", SEASON, "--model", "multivariate_normal",
                    "--estimate-parameters", "--resamples", 19)
    assert "109 rows of 4 columns" in out
    assert "its parameters estimated from these rows" in out


def test_options_reach_the_function(capsys):
    words = ["--model", "multivariate_normal", "--columns", "bill_depth_mm,body_mass_g",
             "--kernel", "rbf", "--bandwidth", "0.7", "--standardize", "none", "--dependence",
             "auto", "--level", "0.1", "--seed", "3", "--jobs", "2", "--rows", "2",
             "--support", "-10,inf", "--resamples", "49", "--output", "json"]
    parsed = json.loads(run(capsys, "gof", SEASON, *words)[1])
    want = fit_report(
        pd.read_csv(SEASON), stats.multivariate_normal([0, 0]), kernel="rbf", bandwidth=0.7,
        columns=["bill_depth_mm", "body_mass_g"], preconditioner=None, dependence="auto",
        level=0.1, random_state=3, n_worst=2, n_resamples=49, support=(-10, np.inf))
    assert parsed["test"]["statistic"] == pytest.approx(want.result.statistic)
    assert parsed["test"]["pvalue"] == want.result.pvalue
    assert parsed["test"]["seed"] == 3
    assert parsed["level"] == 0.1
    assert len(parsed["rows"]) == 2
    assert [row["bandwidth"] for row in parsed["bandwidths"]] == [0.7]


def test_method_and_scale_reach_the_function(capsys):
    found = []
    for words, settings in (([], {}), (["--method", "nystrom"], {"method": "nystrom"}),
                            (["--standardize", "whiten"], {"preconditioner": "covariance"})):
        out = run(capsys, "gof", SEASON, "--columns", "bill_depth_mm,body_mass_g", "--model",
                  "multivariate_normal", "--resamples", 19, "--output", "json", *words)[1]
        want = fit_report(pd.read_csv(SEASON), stats.multivariate_normal([0, 0]), n_resamples=19,
                          columns=["bill_depth_mm", "body_mass_g"], random_state=0, **settings)
        found.append(json.loads(out)["bandwidths"][0]["statistic"])
        assert found[-1] == pytest.approx(want.bandwidths["statistic"].iloc[0])
    assert len(set(found)) == 3


def test_status_one_only_when_asked_and_found(capsys, tmp_path, rng):
    path = tmp_path / "normal.csv"
    pd.DataFrame({"x": rng.normal(size=60)}).to_csv(path, index=False)
    quick = ["gof", path, "--resamples", "99", "--model"]
    assert run(capsys, *quick, "norm", "--fail-on-misfit")[0] == 0
    assert run(capsys, *quick, "norm(3)")[0] == 0
    assert run(capsys, *quick, "norm(3)", "--fail-on-misfit")[0] == 1


def test_progress_goes_to_standard_error(capsys):
    status, out, err = run(capsys, *BILLS, "--model", "norm(44,5.5)", "--progress")
    assert status == 0
    assert "%" in err
    assert out == bills(stats.norm(44.0, 5.5)).summary() + "\n"


@pytest.mark.filterwarnings("default")
def test_warnings_of_others_take_one_line(capsys, folder):
    (folder / "my_models.py").write_text(
        "import numpy as np, warnings\n"
        "def score(X):\n    warnings.warn('rough\\nwork')\n    return -(X - 44) / 30\n")
    status, out, err = run(capsys, *BILLS, "--model", "my_models:score")
    assert status == 0
    assert "109 rows" in out
    assert set(err.splitlines()) == {"divest: warning: rough work"}


@pytest.mark.parametrize(("words", "message"), [
    ([], "DATA"), (["a.csv"], "--model"), (["a.csv", "--model", "norm"], "no such file: a.csv"),
    ([SEASON, "--model", "nonsense"], "--model must be"),
    ([SEASON, "--model", "norm(1,2"], "--model must be"),
    ([SEASON, "--model", "__import__('os')"], "--model must be"),
    ([SEASON, "--model", "norm(__import__('os'))"], "is not a number"),
    ([SEASON, "--model", "norm(1,x)"], "'x' in --model norm(1,x) is not a number"),
    ([SEASON, "--model", "norm(0,-1)"], "out of range"),
    ([SEASON, "--model", "norm(colour=3)"], "norm has the parameters loc=0, scale=1"),
    ([SEASON, "--model", "gamma"], "gamma has the parameters a, loc=0, scale=1"),
    ([SEASON, "--model", "poisson(3)"], "discrete"),
    ([SEASON, "--model", "describe"], "--model must be"),
    ([SEASON, "--model", "gaussian_mixture:2"], "add --estimate-parameters"),
    ([SEASON, "--model", "gaussian_mixture:0", "--estimate-parameters"], "number of components"),
    ([SEASON, "--model", "gaussian_mixture", "--estimate-parameters"], "number of components"),
    ([SEASON, "--model", "norm(1,2)", "--estimate-parameters"], "--estimate-parameters must go"),
    ([SEASON, "--model", "norm", "--estimate-parameters"], "family for one column"),
    ([SEASON, "--model", "no.such:thing"], "cannot import no.such"),
    ([SEASON, "--model", "my_models:nothing"], "module my_models has no nothing"),
    ([SEASON, "--model", "my_models:number"], "got 3. (--model my_models:number)"),
    ([SEASON, "--model", "my_models:broken"], "no score today (--model my_models:broken)"),
    ([SEASON, "--model", "my_models:Family", "--estimate-parameters"], "pass an instance"),
    ([SEASON, "--model", "my_broken:x"], "ZeroDivisionError: division by zero"),
    ([SEASON, "--model", "my_exit:x"], "cannot import my_exit"),
    ([SEASON, "--model", ":x"], "--model must be"), ([SEASON, "--model", "json:"], "--model must"),
    ([SEASON, "--model", ".x:y"], "cannot import .x"),
    ([SEASON, "--model", "norm", "--columns", "wings"], "no column wings"),
    ([SEASON, "--model", "norm", "--columns", "species"], "hold none: species"),
    ([SEASON, "--model", "norm", "--columns", ","], "different columns"),
    ([SEASON, "--model", "norm", "--support", "3"], "two numbers are wanted"),
    ([SEASON, "--model", "norm", "--support", "-1,x"], "two numbers are wanted"),
    ([SEASON, "--model", "norm", "--support", "3,1"], "lower < upper"),
    ([SEASON, "--model", "norm", "--support", "-1,1"], "row"),
    ([SEASON, "--model", "norm", "--bandwidth", "wide"], "auto, median or a number"),
    ([SEASON, "--model", "norm", "--bandwidth", "-1"], "bandwidth"),
    ([SEASON, "--model", "norm", "--dependence", "2"], "dependence"),
    ([SEASON, "--model", "norm", "--kernel", "nope"], "kernel"),
    ([SEASON, "--model", "norm", "--level", "2"], "level"),
    ([SEASON, "--model", "norm", "--rows", "-1"], "n_worst"),
    ([SEASON, "--model", "norm", "--resamples", "0"], "n_resamples"),
    ([SEASON, "--model", "norm", "--output", "page.html"], "--output must be"),
    ([SEASON, "--model", "norm", "--output", SEASON], "would overwrite"),
    ([SEASON, "--model", "multivariate_normal", "--estimate-parameters", "--dependence", "auto"],
     "--dependence goes with a model whose parameters are known"),
    ([SEASON, "--model", "multivariate_normal", "--estimate-parameters", "--method", "nystrom"],
     "--method nystrom goes with"),
    ([SEASON, "--model", "multivariate_normal", "--estimate-parameters", "--test", "robust"],
     "--test robust goes with a model whose parameters are known"),
    ([SEASON, "--model", "norm", "--box", "-5,5"], "--box goes with --test perturbed"),
    ([SEASON, "--model", "norm", "--test", "perturbed", "--contamination", "0.1"],
     "--contamination goes with --test robust"),
    ([SEASON, "--model", "norm", "--columns", "bill_length_mm", "--test", "robust",
      "--contamination", "1"], "contamination, the share of outliers, must be"),
])
def test_usage_and_data_errors_take_one_line(capsys, folder, words, message):
    status, out, err = run(capsys, "gof", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("divest: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("words", "settings"), [
    (["--test", "robust", "--contamination", "0.1"], {"test": "robust", "contamination": 0.1}),
    (["--test", "perturbed", "--box=20,60"], {"test": "perturbed", "box": (20, 60)}),
])
def test_tests_for_blind_spots(capsys, words, settings):
    out = run(capsys, *BILLS, "--model", "norm(44,5.5)", *words)[1]
    assert out == bills(stats.norm(44, 5.5), **settings).summary() + "\n"


@pytest.mark.parametrize(("content", "message"), [
    ("", "cannot read"), ("x\n", "empty"), ("x\na\nb\n", "no column of numbers"),
    ("x\n1\n2\n", "at least 4 rows|minimum of 4"), ("x\n1\ninf\n2\n3\n4\n", "infinity (row 1"),
    ("x\n1\n1\n1\n1\n", "one value only: x"), ("x;y\n1;2\n", "separated by commas"),
])
def test_bad_files_take_one_line(capsys, tmp_path, content, message):
    bad = tmp_path / "bad.csv"
    bad.write_text(content)
    status, out, err = run(capsys, "gof", bad, "--model", "norm")
    assert (status, out) == (2, "")
    assert any(part in err for part in message.split("|"))
    assert err.count("\n") == 1


def test_row_numbers_are_those_of_the_file(capsys, tmp_path, rng):
    """Counted from 0 below the header, also after rows with missing values."""
    path = tmp_path / "waits.csv"
    waits = pd.Series(rng.exponential(size=50), name="x").astype(object)
    waits[[2, 5]] = ""
    waits.to_csv(path, index=False)
    rows = json.loads(run(capsys, "gof", path, "--model", "expon", "--output", "json")[1])["rows"]
    assert [row["x"] for row in rows] == pytest.approx([waits[row["row"]] for row in rows])
    waits[30] = -1.0
    waits.to_csv(path, index=False)
    assert "row 30" in run(capsys, "gof", path, "--model", "expon")[2]


def test_interrupt_is_not_a_traceback(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("divest.goodness_of_fit.tables.fit_report", interrupted)
    assert run(capsys, *BILLS, "--model", "norm") == (2, "", "divest: error: interrupted\n")


def test_program_finds_modules_in_the_current_folder(folder):
    command = [sys.executable, "-P", "-m", "divest", *map(str, BILLS), "--model",
               "my_models:score", "--support", "-inf,inf"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          env={"PYTHONPATH": str(Path(divest.__file__).parents[1])})
    assert done.stderr == ""
    assert done.stdout.startswith("109 rows of 1 column (bill_length_mm) against score.\n")


def test_models_may_import_from_the_current_folder_while_they_run(capsys, tmp_path, monkeypatch):
    (tmp_path / "late_gradients.py").write_text("def of_normal(X): return -(X - 44) / 30\n")
    (tmp_path / "late_models.py").write_text(
        "def score(X):\n    import late_gradients\n    return late_gradients.of_normal(X)\n")
    monkeypatch.chdir(tmp_path)
    assert run(capsys, *BILLS, "--model", "late_models:score", "--support", "-inf,inf")[0] == 0
    for name in ("late_models", "late_gradients"):
        sys.modules.pop(name)


def test_help_says_what_a_model_can_be(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["gof", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--estimate-parameters", "gaussian_mixture:K", "MODULE:OBJECT",
                 "each column is taken to follow it independently"):
        assert part in text


def test_sorted_tables_are_shuffled_where_the_user_says_so(capsys):
    command = ["gof", str(SEASON), "--model", "multivariate_normal", "--estimate-parameters",
               "--columns", "bill_length_mm,bill_depth_mm", "--resamples", "99"]
    assert main(command) == 0
    assert "cannot be trusted because of autocorrelation" in capsys.readouterr().out
    assert main([*command, "--shuffle", "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test"]["trusted"]
    rows = [row["row"] for row in found["rows"]]
    table = pd.read_csv(SEASON)
    for row in found["rows"]:  # labelled as in the file
        assert table["bill_length_mm"][row["row"]] == row["bill_length_mm"]
    assert len(set(rows)) == 5
