"""``divest density``: the numbers of `density_report`, its files, and clear errors."""

import json
import subprocess
import sys
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import divest
from divest import KernelDensity
from divest.cli import main
from divest.density import DensityReport, density_report

SEASON = Path(__file__).parents[1] / "examples" / "data" / "penguins_2007.csv"
BILL = ["density", SEASON, "--columns", "bill_length_mm"]
BILLS = ["density", SEASON, "--columns", "bill_length_mm,bill_depth_mm"]
pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def run(capsys, *words):
    """Exit status, standard output and standard error."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def season():
    return pd.read_csv(SEASON)


@pytest.fixture
def table(tmp_path):
    """Three columns, weights and text, with missing values in each kind."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.exponential(size=(80, 3)), columns=list("abc"))
    frame["w"] = rng.uniform(0.5, 2.0, 80)
    frame["text"] = "t"
    frame.loc[3, "a"] = frame.loc[7, "w"] = np.nan
    path = tmp_path / "data" / "table.csv"
    path.parent.mkdir()
    frame.to_csv(path, index=False)
    return path


# ------------------------------------------------------------ the report
def test_report_is_the_estimate_of_the_complete_rows(season):
    report = density_report(season, columns=["bill_length_mm", "bill_depth_mm"])
    rows = season[["bill_length_mm", "bill_depth_mm"]].dropna()
    want = KernelDensity().fit(rows)
    assert isinstance(report, DensityReport)
    assert_allclose(report.columns["bandwidth"], want.bandwidth_)
    assert (report.n_rows, report.n_dropped) == (109, 1)
    assert report.loo_log_likelihood == want.loo_log_likelihood()
    assert report.regimes.shares == want.regime().shares
    pd.testing.assert_frame_equal(report.diagnostics, want.diagnostics_)
    assert_allclose(report.estimator.score_samples(rows), want.score_samples(rows))


def test_weights_are_those_of_the_column(table):
    frame = pd.read_csv(table)
    report = density_report(frame, columns=["a", "b"], weights="w", bandwidth="scott")
    rows = frame[["a", "b", "w"]].dropna()
    want = KernelDensity(bandwidth="scott").fit(rows[["a", "b"]], sample_weight=rows["w"])
    assert (report.n_rows, report.n_dropped) == (78, 2)
    assert report.estimator.effective_size_ == want.effective_size_ < 78
    assert_allclose(report.columns["bandwidth"], want.bandwidth_)
    assert density_report(frame, weights="w").names == ("a", "b", "c")


def test_bandwidths_are_in_the_units_of_the_columns(season):
    names = ["bill_depth_mm", "body_mass_g"]
    rows = season[names].dropna()
    whole = density_report(season, columns=names, bandwidth="scott", whiten="full")
    assert_allclose(whole.columns["bandwidth"], len(rows) ** (-1 / 6) * rows.std(ddof=1))
    given = density_report(season, columns=names, bandwidth=2.5)
    assert given.columns["bandwidth"].tolist() == [2.5, 2.5]
    assert given.rule == "given"


def test_likelihood_is_told_where_there_is_one():
    table = pd.DataFrame({"x": [0.0, 0.1, 0.4, 1.0]})
    assert np.isnan(density_report(table, bandwidth=0.5, bounds=(0, 1)).loo_log_likelihood)
    assert np.isnan(density_report(table * 0, bandwidth=0.5).loo_log_likelihood)
    assert density_report(table, bandwidth=0.05, kernel="tophat").loo_log_likelihood == -np.inf
    d = np.abs(np.subtract.outer(table["x"].to_numpy(), table["x"].to_numpy()))
    k = np.exp(-d**2 / 0.5) / np.sqrt(np.pi / 2)
    want = np.log((k.sum(axis=1) - k[0, 0]) / 3).mean()
    assert_allclose(density_report(table, bandwidth=0.5).loo_log_likelihood, want, rtol=1e-9)


def test_many_rows_are_looked_up_evenly():
    x = np.random.default_rng(0).normal(size=4001)
    report = density_report(x)
    assert len(report.regimes.frame) == 1334
    assert report.regimes.frame.equals(
        report.estimator.regime().frame.iloc[::3].reset_index(drop=True))


def test_of_many_rows_none_is_left_out():
    """That takes the square of their number."""
    x = np.random.default_rng(0).normal(size=20_001)
    assert np.isnan(density_report(x, bandwidth=0.1).loo_log_likelihood)


def test_verdict_and_advice_go_with_the_diagnostics():
    rng = np.random.default_rng(0)
    good = density_report(rng.normal(size=300))
    assert good.trusted
    assert "can be trusted" in good.summary()
    assert "diagnostics passed" in good.summary()
    with pytest.warns(divest.TrustWarning, match="density_report: The density is doubtful because "
                                                 "of edge_mass"):
        bad = density_report(rng.uniform(size=300))
    assert not bad.trusted
    assert "Doubtful: edge_mass = " in str(bad)
    assert "<li>Doubtful: edge_mass" in bad._repr_html_()


def test_one_row_per_column_and_shared_numbers_repeated(season):
    report = density_report(season, columns=["bill_length_mm", "bill_depth_mm"])
    frame = report.to_frame()
    assert frame["column"].tolist() == ["bill_length_mm", "bill_depth_mm"]
    assert frame["rule"].tolist() == ["lscv", "lscv"]
    assert_allclose(frame[["condensed", "heavy_tailed", "clt", "empty"]].sum(axis=1), 1.0)
    assert all(name.isidentifier() and name == name.lower() for name in frame.columns)


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"columns": ["wings"]}, ValueError, "no column wings"),
    ({"columns": ["species"]}, ValueError, "hold none: species"),
    ({"columns": []}, ValueError, "different columns"),
    ({"columns": ["body_mass_g"], "weights": "body_mass_g"}, ValueError, "that of the weights"),
    ({"weights": "sex"}, ValueError, "hold none: sex"),
    ({"colour": 3}, TypeError, "colour"),
    ({"bandwidth": "wide"}, ValueError, "bandwidth"),
])
def test_wrong_settings_are_refused(season, settings, error, message):
    with pytest.raises(error, match=message):
        density_report(season, **settings)


def test_wrong_rows_are_named_as_in_the_table():
    table = pd.DataFrame({"a": [np.nan, 1.0, 2.0, -1.0], "b": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(ValueError, match="row 3 lies outside the bounds: column 'a' is -1"):
        density_report(table, bounds=(0, None))
    with pytest.raises(ValueError, match=r"infinity \(row 2, column 'b'"):
        density_report(table.assign(b=[1, 2, np.inf, 4]))
    with pytest.raises(ValueError, match="every row of X has a missing value"):
        density_report(pd.DataFrame({"a": [np.nan, 1], "b": [2, np.nan]}))
    with pytest.raises(ValueError, match="no column of numbers; it has s"):
        density_report(pd.DataFrame({"s": ["x", "y"]}))


# ------------------------------------------------------------ the command
def test_table_is_the_summary_of_the_function(capsys, season):
    status, out, err = run(capsys, *BILLS)
    assert (status, err) == (0, "")
    want = density_report(season, columns=["bill_length_mm", "bill_depth_mm"])
    assert out == want.summary() + "\n"
    assert "Rows left out because of missing values: 1." in out


def test_json_and_csv_hold_the_numbers(capsys, season):
    want = density_report(season, columns=["bill_length_mm", "bill_depth_mm"])
    parsed = json.loads(run(capsys, *BILLS, "--output", "json")[1])
    assert (parsed["verdict"], parsed["trusted"]) == (want.verdict, want.trusted)
    assert (parsed["rule"], parsed["n_rows"], parsed["n_dropped"]) == ("lscv", 109, 1)
    assert parsed["loo_log_likelihood"] == want.loo_log_likelihood
    assert parsed["regimes"] == want.regimes.shares
    for name in ("columns", "diagnostics"):
        pd.testing.assert_frame_equal(pd.DataFrame(parsed[name]), getattr(want, name), rtol=1e-12)
    csv = pd.read_csv(StringIO(run(capsys, *BILLS, "--output", "csv")[1]))
    pd.testing.assert_frame_equal(csv, want.to_frame(), rtol=1e-12)


def test_json_knows_no_infinity(capsys, tmp_path):
    path = tmp_path / "far.csv"
    pd.DataFrame({"x": [0.0, 1.0, 9.0]}).to_csv(path, index=False)
    words = ["density", path, "--kernel", "tophat", "--bandwidth", "2", "--output", "json"]
    parsed = json.loads(run(capsys, *words)[1], parse_constant=pytest.fail)
    assert parsed["loo_log_likelihood"] is None


@pytest.mark.parametrize(("words", "settings"), [
    (["--bandwidth", "0.7"], {"bandwidth": 0.7}),
    (["--bandwidth", "loo_kl"], {"bandwidth": "loo_kl"}),
    (["--bandwidth", "scott", "--whiten", "full"], {"bandwidth": "scott", "whiten": "full"}),
    (["--bandwidth", "scott", "--whiten", "none"], {"bandwidth": "scott", "whiten": None}),
    (["--kernel", "epanechnikov", "--jobs", "2"], {"kernel": "epanechnikov"}),
    (["--adaptive", "--bandwidth", "scott"], {"adaptive": "abramson", "bandwidth": "scott"}),
    (["--bounds", "0,none"], {"bounds": (0, None)}),
    (["--bounds", "-1,60", "--boundary", "renormalize"],
     {"bounds": (-1, 60), "boundary": "renormalize"}),
    (["--bounds", "-inf,inf"], {}),
    (["--weights", "body_mass_g"], {"weights": "body_mass_g"}),
])
def test_options_reach_the_function(capsys, season, words, settings):
    names = ["bill_length_mm", "bill_depth_mm"]
    status, out, _ = run(capsys, *BILLS, *words, "--output", "csv")
    assert status == 0
    want = density_report(season, columns=names, **settings).to_frame()
    pd.testing.assert_frame_equal(pd.read_csv(StringIO(out)), want, rtol=1e-12)
    if settings:
        assert not want.equals(density_report(season, columns=names).to_frame())


def test_edges_of_one_column(capsys, season):
    words = ["--bounds", "30,none", "--boundary", "linear", "--output", "json"]
    parsed = json.loads(run(capsys, *BILL, *words)[1])
    want = KernelDensity(bounds=(30, None), boundary="linear").fit(
        season[["bill_length_mm"]].dropna())
    assert parsed["boundary_mass"] == want.boundary_mass_ != 1.0


def test_grid_is_that_of_the_estimate(capsys, tmp_path, season):
    path = tmp_path / "grid.csv"
    status, out, err = run(capsys, *BILLS, "--grid", path, "--grid-points", 9)
    assert (status, err) == (0, "")
    assert out == run(capsys, *BILLS)[1]
    want = KernelDensity().fit(season[["bill_length_mm", "bill_depth_mm"]].dropna())
    pd.testing.assert_frame_equal(pd.read_csv(path), want.evaluate_grid(9), rtol=1e-12)
    assert [p.name for p in tmp_path.iterdir()] == ["grid.csv"]


@pytest.mark.parametrize(("columns", "suffix", "start"), [
    ("bill_length_mm", "png", b"\x89PNG"), ("bill_length_mm,bill_depth_mm", "pdf", b"%PDF"),
    ("bill_length_mm,bill_depth_mm,body_mass_g", "svg", b"<?xml")])
def test_picture(capsys, tmp_path, columns, suffix, start):
    from matplotlib import pyplot as plt

    path, open_before = tmp_path / f"density.{suffix}", plt.get_fignums()
    assert run(capsys, "density", SEASON, "--columns", columns, "--plot", path)[0] == 0
    assert path.read_bytes().startswith(start)
    assert plt.get_fignums() == open_before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_nothing_is_written_after_an_error(capsys, table):
    folder = table.parent
    before = table.read_bytes()
    out = [folder / "grid.csv", folder / "picture.png", folder / "report.json"]
    words = ["--grid", out[0], "--plot", out[1], "--output", out[2]]
    for wrong in (["--columns", "a,b,c,w"], ["--bandwidth", "-1"], ["--bounds", "0.5,none"],
                  ["--columns", "a", "--grid-points", "1"]):
        status, shown, err = run(capsys, "density", table, *words, *wrong)
        assert (status, shown) == (2, "")
        assert err.count("\n") == 1
        assert list(folder.iterdir()) == [table]
    assert table.read_bytes() == before


def test_doubt_is_in_the_table_and_not_an_error(capsys, tmp_path):
    path = tmp_path / "uniform.csv"
    pd.DataFrame({"x": np.random.default_rng(0).uniform(size=300)}).to_csv(path, index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        status, out, err = run(capsys, "density", path)
    assert (status, err) == (0, "")
    assert "Doubtful: edge_mass" in out


@pytest.mark.parametrize(("words", "message"), [
    ([], "DATA"), (["a.csv"], "no such file: a.csv"),
    ([SEASON, "--columns", "wings"], "no column wings"),
    ([SEASON, "--weights", "wings"], "weights must name a column"),
    ([SEASON, "--bandwidth", "wide"], "'scott'"), ([SEASON, "--bandwidth", "0"], "bandwidth must"),
    ([SEASON, "--bandwidth", "isj"], "isj"), ([SEASON, "--kernel", "nope"], "kernel must be one"),
    ([SEASON, "--whiten", "half"], "--whiten"), ([SEASON, "--boundary", "x"], "boundary must"),
    ([SEASON, "--bounds", "3"], "two numbers are wanted"),
    ([SEASON, "--bounds", "-1,x"], "two numbers are wanted"),
    ([SEASON, "--bounds", "3,1"], "lower < upper"),
    ([SEASON, "--bounds", "0,nan"], "lower < upper"),
    ([SEASON, "--bounds", "0,40"], "row 0 lies outside the bounds"),
    ([SEASON, "--grid-points", "5"], "--grid-points goes with --grid"),
    ([SEASON, "--grid", "g.txt"], "--grid must be a file that ends in .csv; got g.txt"),
    ([SEASON, "--grid", "g.csv"], "up to 3 columns"),
    ([SEASON, "--grid", SEASON], "--grid would overwrite"),
    ([SEASON, "--grid", "g.csv", "--output", "g.csv"], "--grid would overwrite"),
    ([SEASON, "--grid", "no/such/g.csv"], "no such folder"),
    ([SEASON, "--plot", "p.gif"], "--plot must be a file that ends in .png or .pdf or .svg"),
    ([SEASON, "--output", "page.html"], "--output must be"),
    ([SEASON, "--output", SEASON], "would overwrite"),
])
def test_usage_and_data_errors_take_one_line(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(capsys, "density", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("divest: error: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_figure_is_refused():
    code = ("import sys; sys.modules['matplotlib'] = None\n"
            "from divest.cli import main\n"
            "sys.exit(main(sys.argv[1:]))")
    words = [*map(str, BILL), "--plot", "figure.png"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2
    assert done.stderr == ("divest: error: plotting needs matplotlib: pip install "
                           "'divest[plot]'\n")


def test_help_says_what_the_options_are(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["density", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--bandwidth auto|RULE|NUMBER", "--bounds LOW,HIGH", "lscv for two and three"):
        assert part in text
