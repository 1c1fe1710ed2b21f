"""``divest plan``: the numbers of the functions, its files, and clear errors."""

import json
import warnings
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import divest
from divest.cli import main
from divest.kernels import median_bandwidth, rbf
from divest.sample_complexity import gaussian, pn_criterion, polynomial, sample_size_report

DATA = Path(__file__).parents[1] / "examples" / "data"
SEASON, NEXT = DATA / "penguins_2007.csv", DATA / "penguins_2008.csv"
BILLS = ["bill_length_mm", "bill_depth_mm"]
FIT = ["plan", SEASON, "--family", "gaussian", "--columns", ",".join(BILLS)]
pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def run(capsys, *words):
    """Exit status, standard output and standard error."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def parsed(capsys, *words):
    """What JSON says."""
    status, out, err = run(capsys, *words, "--output", "json")
    assert (status, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)  # no NaN, no Infinity


def season(file=SEASON, columns=BILLS):
    return pd.read_csv(file)[columns].dropna()


@pytest.fixture
def table(tmp_path):
    """A writer of small tables."""
    def write(name="table.csv", **columns):
        path = tmp_path / name
        pd.DataFrame(columns).to_csv(path, index=False)
        return path

    return write


# ------------------------------------------------------------ --family
def test_table_says_what_was_used_the_verdict_and_the_numbers(capsys):
    status, out, err = run(capsys, *FIT)
    want = pn_criterion(season())
    assert (status, err) == (0, "")
    assert want.summary() in out
    assert f"{SEASON}: 109 rows of 2 columns (bill_length_mm, bill_depth_mm)." in out
    assert "Rows left out because of missing values: 1 of 110." in out
    assert (f"109 rows are not enough: risk {want.risk_second:.3g}, above the threshold 0.02; "
            f"{want.n_rows} are required (standard error {want.n_required_se:.2g}).") in out


def test_json_and_csv_hold_the_numbers(capsys):
    want = pn_criterion(season())
    found = parsed(capsys, *FIT)
    assert (found["enough"], found["family"], found["level"]) == (False, "gaussian", 0.05)
    (one,) = found["files"]
    assert (one["n_rows"], one["n_dropped"], one["columns"]) == (109, 1, BILLS)
    for name in ("p_star", "c2", "risk_second", "n_required", "n_required_se", "threshold"):
        assert_allclose(one["result"][name], getattr(want, name), rtol=1e-12)
    assert [row["name"] for row in one["diagnostics"]] == [d.name for d in want.diagnostics]
    (row,) = pd.read_csv(StringIO(run(capsys, *FIT, "--output", "csv")[1])).itertuples()
    assert_allclose(row.n_required, want.n_required, rtol=1e-12)
    assert (row.file, row.n_dropped, row.family) == (str(SEASON), 1, "gaussian")


@pytest.mark.parametrize(("words", "settings"), [
    (["--level", "0.1"], {"delta": 0.1}),
    (["--threshold", "pinsker"], {"threshold": "pinsker"}),
    (["--threshold", "gaussian"], {"threshold": "gaussian"}),
    (["--threshold", "0.5"], {"threshold": 0.5}),
    (["--direction", "reverse"], {"direction": "reverse"}),
])
def test_options_reach_the_criterion(capsys, words, settings):
    result = parsed(capsys, *FIT, *words)["files"][0]["result"]
    want, plain = pn_criterion(season(), **settings), pn_criterion(season())
    assert_allclose([result["n_required"], result["threshold"]],
                    [want.n_required, want.threshold], rtol=1e-12)
    assert result["n_required"] != pytest.approx(plain.n_required, rel=1e-3)


def test_families(capsys, table):
    rng = np.random.default_rng(0)
    path = table(count=rng.poisson(3, 80), wait=rng.exponential(size=80) + 0.01,
                 yes=rng.random(80) < 0.4, other=rng.random(80) < 0.5)
    frame = pd.read_csv(path)
    for words, X, family in (
            (["poisson", "--columns", "count"], frame["count"], "poisson"),
            (["exponential", "--columns", "wait"], frame["wait"], "exponential"),
            (["gamma", "--columns", "wait"], frame["wait"], "gamma"),
            (["bernoulli", "--columns", "yes,other"], frame[["yes", "other"]] * 1.0, "bernoulli"),
            (["ising", "--columns", "yes,other"], frame[["yes", "other"]] * 1.0, "ising"),
            (["multinomial", "--columns", "count"], frame["count"], "multinomial"),
            (["gaussian:diag", "--columns", "count,wait"], frame[["count", "wait"]],
             gaussian("diag")),
            (["polynomial:4", "--columns", "wait"], frame["wait"], polynomial(4))):
        result = parsed(capsys, "plan", path, "--family", *words)["files"][0]["result"]
        want = pn_criterion(X, family, random_state=0)
        assert result["p"] == want.p
        assert_allclose(result["n_required"], want.n_required, rtol=1e-9)


def test_labels_of_a_multinomial_may_be_text(capsys, table):
    species = pd.read_csv(SEASON)["species"]
    codes = species.map({"Adelie": 1, "Chinstrap": 2, "Gentoo": 3})
    found = parsed(capsys, "plan", SEASON, "--family", "multinomial", "--columns", "species")
    want = pn_criterion(codes, "multinomial")
    assert_allclose(found["files"][0]["result"]["n_required"], want.n_required, rtol=1e-12)
    gaps = species.where(np.arange(len(species)) != 4)
    only = parsed(capsys, "plan", table(species=gaps), "--family", "multinomial")["files"][0]
    assert (only["n_rows"], only["n_dropped"]) == (109, 1)
    assert only["result"]["p"] == 2


def test_counts_of_a_multinomial(capsys, table):
    counts = np.random.default_rng(0).multinomial(5, [0.2, 0.3, 0.5], size=60)
    path = table(**dict(zip("abc", counts.T, strict=True)))
    found = parsed(capsys, "plan", path, "--family", "multinomial")["files"][0]["result"]
    assert_allclose(found["n_required"], pn_criterion(counts, "multinomial").n_required)


def test_numbers_that_do_not_exist_are_null(capsys, table):
    """Twelve rows, of which one column has a single 1: too few for the second order."""
    path = table(x=np.arange(12) % 2 + 1.0, y=[0] * 11 + [1])
    out = parsed(capsys, "plan", path, "--family", "poisson")["files"][0]
    want = pn_criterion(pd.read_csv(path), "poisson")
    assert np.isnan(want.risk_second)
    assert out["result"]["risk_second"] is None
    assert not out["result"]["trusted"]


def test_doubts_are_in_the_verdict(capsys, table):
    path = table(x=[0.0, 1.0, 0.5, 0.2, 30.0] * 2 + [0.1])
    want = pn_criterion(pd.read_csv(path))
    failed = [d.name for d in want.diagnostics if not d.passed]
    assert failed
    verdict = parsed(capsys, "plan", path, "--family", "gaussian")["verdict"]
    assert f"doubtful because of {' and '.join(failed)}" in verdict


# ------------------------------------------------------------ --measure
def test_learning_curve_of_one_file(capsys):
    words = ["plan", SEASON, "--columns", "bill_length_mm", "--measure", "wasserstein",
             "--target", "1.5", "--seed", "4", "--level", "0.1"]
    found = parsed(capsys, *words)
    want = sample_size_report(season(columns=["bill_length_mm"]), target=1.5, random_state=4,
                              confidence_level=0.9)
    (one,) = found["files"]
    assert_allclose(one["result"]["n_required"], want.n_required, rtol=1e-12)
    assert_allclose(one["result"]["error_high"], want.to_frame()["error_high"], rtol=1e-12)
    assert_allclose([row["error"] for row in one["curve"]], want.curve["error"])
    assert found["standardize"] == "none"  # one column stays in its units
    assert found["enough"] is bool(want.to_frame()["error"].item() <= 1.5)
    out = run(capsys, *words)[1]
    assert want.summary() in out
    assert f"{int(np.ceil(want.n_required))} rows per sample are required" in out


@pytest.mark.parametrize(("words", "scaled"), [
    ([], True), (["--standardize", "std"], True), (["--standardize", "none"], False)])
def test_several_columns_are_scaled(capsys, words, scaled):
    """Else grams drown millimetres."""
    names = ["bill_length_mm", "body_mass_g"]
    X = season(columns=names)
    want = sample_size_report(X / X.std() if scaled else X, random_state=0)
    found = parsed(capsys, "plan", SEASON, "--columns", ",".join(names), "--measure",
                   "wasserstein", *words)
    assert_allclose(found["files"][0]["result"]["error"], want.to_frame()["error"], rtol=1e-9)
    assert found["standardize"] == ("std" if scaled else "none")
    assert found["enough"] is None


def test_two_files_share_scale_and_kernel_and_the_needier_decides(capsys):
    first, second = season(), season(NEXT)
    pooled = pd.concat([first, second])
    scale = pooled.std()
    kernel = rbf(median_bandwidth((pooled / scale).to_numpy()))
    wants = [sample_size_report(X / scale, "mmd", target=0.08, kernel=kernel)
             for X in (first, second)]
    words = ["plan", SEASON, NEXT, "--columns", ",".join(BILLS), "--measure", "mmd"]
    found = parsed(capsys, *words, "--target", "0.08")
    got = [one["result"]["n_required"] for one in found["files"]]
    assert_allclose(got, [want.n_required for want in wants], rtol=1e-9)
    assert found["decisive"] == str([SEASON, NEXT][int(np.argmax(got))])
    assert found["enough"] is bool(max(got) <= 109)
    assert f"This is of {found['decisive']}, which needs more rows." in found["verdict"]
    assert f"{int(np.ceil(max(got)))} rows per sample" in found["verdict"]
    frame = pd.read_csv(StringIO(run(capsys, *words, "--output", "csv")[1]))
    assert frame["file"].tolist() == [str(SEASON), str(NEXT)]
    assert frame["decisive"].sum() == 1


def test_the_larger_error_decides_at_one_size(capsys, table):
    """The wider law, though it has more rows, in any order of the files."""
    rng = np.random.default_rng(0)
    wide = table("wide.csv", x=rng.normal(scale=3, size=400))
    narrow = table("narrow.csv", x=rng.normal(size=80))
    for files in ([wide, narrow], [narrow, wide]):
        found = parsed(capsys, "plan", *files, "--measure", "wasserstein")
        assert found["decisive"] == str(wide)
        assert "which has the larger error" in found["verdict"]


def test_columns_of_the_other_file_may_stand_in_another_order(capsys, table):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=80), rng.exponential(size=80) * 50
    straight, turned = table("1.csv", a=a, b=b), table("2.csv", b=b, a=a)
    words = ["--measure", "wasserstein", "--standardize", "none"]
    errors = [one["result"]["error"]
              for one in parsed(capsys, "plan", straight, turned, *words)["files"]]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("name", ["kl", "renyi(0.5)"])
def test_divergences_by_name(capsys, name):
    def absolute(A, B):
        return abs(divest.estimate_divergence(A, B, name).estimate)

    found = parsed(capsys, "plan", SEASON, "--columns", "bill_length_mm", "--measure", name,
                   "--target", "0.3")
    want = sample_size_report(season(columns=["bill_length_mm"]), absolute, random_state=0)
    result = found["files"][0]["result"]
    assert result["measure"] == name
    assert_allclose(result["error"], want.to_frame()["error"], rtol=1e-9)


def test_more_repeats_steady_a_noisy_divergence(capsys):
    words = ["plan", SEASON, "--columns", "bill_length_mm", "--measure", "wasserstein"]
    want = sample_size_report(season(columns=["bill_length_mm"]), n_repeats=40, random_state=0)
    found = parsed(capsys, *words, "--repeats", "40")["files"][0]["result"]
    assert_allclose(found["error"], want.to_frame()["error"], rtol=1e-9)
    status, _, err = run(capsys, *words, "--repeats", "1")
    assert (status, "--repeats must be at least 2, got 1" in err) == (2, True)


def test_any_number_of_threads_gives_the_same(capsys):
    words = ["plan", SEASON, "--columns", ",".join(BILLS), "--measure", "wasserstein"]
    assert run(capsys, *words) == run(capsys, *words, "--jobs", "2")


def test_far_predictions_say_so(capsys, monkeypatch):
    """Where subsamples are kept small, the rows at hand may lie far beyond the line."""
    monkeypatch.setattr("divest.sample_complexity.sample_size.MOST_ASSIGNED", 25)
    words = ["plan", DATA / "anes96_clinton.csv", "--columns", "age,income", "--measure"]
    assert "because of extrapolation" in parsed(capsys, *words, "wasserstein")["verdict"]
    assert "extrapolation" not in parsed(capsys, *words, "mmd")["verdict"]


def test_intervals_without_an_end(capsys, table):
    """An error that does not fall: JSON has null, the text says so."""
    x = np.zeros(60)
    x[::6] = 1e6
    words = ["plan", table(x=x), "--measure", "wasserstein", "--target", "1"]
    result = parsed(capsys, *words)["files"][0]["result"]
    want = sample_size_report(x, target=1.0, random_state=0)
    assert np.isinf(want.n_required_interval[1])
    assert result["n_required_high"] is None
    assert "no limit" in run(capsys, *words)[1]


# ------------------------------------------------------------ exit status
def test_status_one_only_when_asked_and_too_small(capsys, table):
    path = table(x=np.random.default_rng(0).normal(size=400))
    small = [*FIT, "--fail-if-too-small"]
    assert run(capsys, *FIT)[0] == 0
    assert run(capsys, *small)[0] == 1
    assert run(capsys, *small, "--threshold", "1")[0] == 0
    words = ["plan", path, "--measure", "wasserstein", "--fail-if-too-small", "--target"]
    assert run(capsys, *words, "0.01")[0] == 1
    assert run(capsys, *words, "1")[0] == 0


# ------------------------------------------------------------ files
@pytest.mark.parametrize("suffix", ["txt", "json", "csv"])
def test_output_to_a_file(capsys, tmp_path, suffix):
    path = tmp_path / f"plan.{suffix}"
    assert run(capsys, *FIT, "--output", path) == (0, "", "")
    kind = {"txt": "table"}.get(suffix, suffix)
    assert path.read_text() == run(capsys, *FIT, "--output", kind)[1]
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"),
                                               ("svg", b"<?xml")])
def test_pictures(capsys, tmp_path, suffix, start):
    for words in (FIT, ["plan", SEASON, NEXT, "--measure", "mmd", "--target", "0.1"]):
        path = tmp_path / f"plan.{suffix}"
        status, out, err = run(capsys, *words, "--plot", path)
        assert (status, err) == (0, "")
        assert out == run(capsys, *words)[1]
        assert path.read_bytes().startswith(start)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_picture_is_of_the_file_that_decides(capsys, tmp_path, monkeypatch):
    drawn = []
    real = divest.plotting.plot_learning_curve
    monkeypatch.setattr("divest.plotting.plot_learning_curve",
                        lambda report: drawn.append(report) or real(report))
    words = ["plan", SEASON, NEXT, "--measure", "mmd", "--plot", tmp_path / "a.png"]
    found = parsed(capsys, *words)
    place = [one["file"] for one in found["files"]].index(found["decisive"])
    assert len(drawn) == 1
    assert drawn[0].n_samples[0] == found["files"][place]["n_rows"]


def test_nothing_is_written_after_an_error(capsys, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr("divest.plotting.plot_risk", broken)
    words = [*FIT, "--plot", tmp_path / "a.png", "--output", tmp_path / "a.json"]
    assert run(capsys, *words) == (2, "", "divest: error: no ink\n")
    assert list(tmp_path.iterdir()) == []


def test_inputs_and_outputs_are_never_overwritten(capsys, tmp_path):
    data, other = tmp_path / "data.csv", tmp_path / "other.csv"
    for path in (data, other):
        path.write_bytes(SEASON.read_bytes())
    picture = tmp_path / "data.png"
    picture.write_bytes(SEASON.read_bytes())
    both = ["plan", data, other, "--measure", "mmd"]
    for words, name in (([*both, "--output", other], other), ([*both, "--output", data], data),
                        (["plan", picture, "--family", "gaussian", "--plot", picture], picture),
                        (["plan", data, picture, "--measure", "mmd", "--plot",
                          tmp_path / "." / "data.png"], picture)):
        status, out, err = run(capsys, *words)
        assert (status, out) == (2, "")
        assert "would overwrite" in err
        assert name.read_bytes() == SEASON.read_bytes()


@pytest.mark.filterwarnings("default")
def test_warnings_of_others_take_one_line(capsys, monkeypatch):
    def rough(*arguments, **settings):
        warnings.warn("rough\nwork", stacklevel=1)
        return pn_criterion(*arguments, **settings)

    monkeypatch.setattr("divest.sample_complexity.pn_criterion", rough)
    status, _, err = run(capsys, *FIT)
    assert (status, err) == (0, "divest: warning: rough work\n")


# ------------------------------------------------------------ errors
G, W = ["--family", "gaussian"], ["--measure", "wasserstein"]


@pytest.mark.parametrize(("words", "message"), [
    ([], "DATA"), ([SEASON], "--family --measure is required"),
    ([SEASON, *G, *W], "not allowed with"), (["a.csv", *G], "no such file: a.csv"),
    ([SEASON, "a.csv", *W], "no such file: a.csv"),
    ([SEASON, NEXT, *G], "OTHER goes with --measure"),
    ([SEASON, *G, "--target", "1"], "--target goes with --measure"),
    ([SEASON, *G, "--standardize", "std"], "--standardize goes with --measure"),
    ([SEASON, *G, "--repeats", "20"], "--repeats goes with --measure"),
    ([SEASON, "--measure", "mmd", "--repeats", "20"], "--repeats does nothing for mmd"),
    ([SEASON, *W, "--threshold", "tight"], "--threshold goes with --family"),
    ([SEASON, *W, "--direction", "reverse"], "--direction goes with --family"),
    ([SEASON, *W, "--fail-if-too-small"], "needs --target"),
    ([SEASON, "--family", "normal"], "family must be one of"),
    ([SEASON, "--family", "gaussian:round"], "--family must be"),
    ([SEASON, "--family", "polynomial"], "--family must be"),
    ([SEASON, "--family", "polynomial:3"], "--family must be"),
    ([SEASON, "--family", "polynomial:x"], "--family must be"),
    ([SEASON, "--family", "poisson:3"], "family must be one of"),
    ([SEASON, "--family", "poisson"], "X must hold counts"),
    ([SEASON, "--family", "multinomial", "--columns", "nope"], "no column nope"),
    ([SEASON, "--measure", "nope"], "--measure must be wasserstein, mmd or a divergence"),
    ([SEASON, "--measure", "renyi(x)"], "--measure must be"),
    ([SEASON, *G, "--level", "0.5"], "--level must lie between 0 and 0.5"),
    ([SEASON, *W, "--level", "1"], "--level must lie between 0 and 1"),
    ([SEASON, *G, "--level", "nan"], "--level"), ([SEASON, *G, "--level", "x"], "--level"),
    ([SEASON, *G, "--threshold", "loose"], "threshold"),
    ([SEASON, *G, "--threshold", "-1"], "threshold"),
    ([SEASON, *G, "--threshold", "nan"], "threshold"),
    ([SEASON, *G, "--direction", "up"], "--direction"),
    ([SEASON, *W, "--target", "0"], "target"), ([SEASON, *W, "--target", "nan"], "target"),
    ([SEASON, *G, "--columns", "wings"], "no column wings"),
    ([SEASON, *G, "--columns", "species"], "hold none: species"),
    ([SEASON, *G, "--columns", ","], "different columns"),
    ([SEASON, *G, "--output", "page.html"], "--output must be"),
    ([SEASON, *G, "--output", SEASON], "would overwrite"),
    ([SEASON, *G, "--plot", "page.html"], "--plot must be a file that ends in .png"),
    ([SEASON, *G, "--plot", "/no/such/folder.png"], "no such folder"),
    ([SEASON, *G, "--seed", "-1"], "negative"),
])
def test_usage_and_data_errors_take_one_line(capsys, words, message):
    status, out, err = run(capsys, "plan", *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("divest: error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(("content", "question", "message"), [
    ("", G, "cannot read"), ("x\n", G, "empty"), ("x\na\nb\n", G, "no column of numbers"),
    ("x\n1\n", G, "at least 2 rows"), ("x\n1\ninf\n2\n", G, "infinity (row 1"),
    ("x,y\n1,\n,2\n", G, "every row"), ("x,y\n1,1\n2,1\n4,1\n", G, "'y'"),
    ("x\n1\n2\n3\n", W, "at least 38 rows"), ("x;y\n1;2\n", W, "separated by commas"),
    ("x,y\n" + "1,2\n3,2\n" * 30, W, "column y holds one value only"),
    ("x\n" + "1\n" * 60, W, "must be above 0"), ("x\n" + "1\n" * 60, ["--measure", "mmd"], "rows"),
    ("x,y\n1,\n1,2\n2,1\n-1,2\n", ["--family", "poisson"],
     "is -1. Rows are counted without the 1 left out."),
])
def test_bad_files_take_one_line(capsys, tmp_path, content, question, message):
    bad = tmp_path / "bad.csv"
    bad.write_text(content)
    status, out, err = run(capsys, "plan", bad, *question)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_files_with_other_columns_are_refused(capsys, table):
    rows = np.random.default_rng(0).normal(size=80)
    one, two = table("1.csv", a=rows, b=rows), table("2.csv", a=rows, c=rows)
    status, _, err = run(capsys, "plan", one, two, *W)
    assert status == 2
    assert "only in DATA: ['b'], only in OTHER: ['c']; choose with --columns" in err
    assert run(capsys, "plan", one, two, *W, "--columns", "a")[0] == 0


def test_interrupt_is_not_a_traceback(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("divest.sample_complexity.pn_criterion", interrupted)
    assert run(capsys, *FIT) == (2, "", "divest: error: interrupted\n")


def test_help_says_what_can_be_asked(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["plan", "--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--fail-if-too-small", "polynomial:DEGREE", "renyi(0.5)", "(default: 0.05)"):
        assert part in text
