"""The pages of the user guide: they explain every diagnostic, and their code runs."""

import ast
import re
from pathlib import Path
from textwrap import dedent

import pandas as pd
import plain
import pytest

import divest
from divest.datasets import load_penguins

PACKAGE = Path(divest.__file__).parent
PAGES = PACKAGE.parent / "docs" / "user_guide"
EXPLAINED = {  # the files whose diagnostics a page has to name
    "divergence": ["divergence/*.py"],
    "goodness_of_fit": ["goodness_of_fit/*.py", "_boundary.py"],
    "blind_spots": ["goodness_of_fit/robust.py", "goodness_of_fit/log_perplexity.py",
                    "goodness_of_fit/planning.py", "goodness_of_fit/*perturbed.py",
                    "goodness_of_fit/*modes.py", "goodness_of_fit/*sequence*.py"],
    "unnormalized": ["unnormalized/*.py", "_boundary.py"],
    "density": ["density/*.py"],
    "compare": ["comparison/*.py"],
    "sample_size": ["sample_complexity/*.py", "divergence/*symmetric*.py"],
    "moments": ["moments/*.py"],
    "categories": ["discrete/*.py"],
    "study": ["study/*.py"],
}
CODE = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", flags=re.M)


def text(page):
    return (PAGES / f"{page}.rst").read_text("utf-8")


def names(file):
    """First arguments of all calls of Diagnostic."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Diagnostic"
                and isinstance(node.args[0], ast.Constant)):
            yield node.args[0].value


def files(page):
    return {file for pattern in EXPLAINED[page] for file in PACKAGE.glob(pattern)}


def diagnostics(page):
    """Those of its files, but for files that stand on a page of their own."""
    elsewhere = {"divergence": "sample_size", "goodness_of_fit": "blind_spots"}
    own = files(page) - files(elsewhere[page]) if page in elsewhere else files(page)
    return sorted({name for file in own for name in names(file)})


@pytest.mark.parametrize(("page", "some"), [
    ("divergence", {"saturated_share", "plug_in_upper"}),
    ("goodness_of_fit", {"dominating_row", "wild_null"}),
    ("blind_spots", {"modes_found", "few_sequences", "allowance", "one_model_wrong"}),
    ("unnormalized", {"rows_per_parameter", "boundary_inside"}),
    ("density", {"condensed_share"}),
    ("sample_size", {"null_scale", "extrapolation", "fit_risk", "forward_finite"}),
    ("moments", {"first_stage_f", "weak_identification", "edge_of_path", "few_groups"}),
    ("categories", {"new_categories", "small_cells", "few_rows", "relaxations"}),
    ("study", {"failed_cells"}),
])
def test_diagnostics_are_found(page, some):
    assert some <= set(diagnostics(page))


@pytest.mark.parametrize(("page", "name"), [(page, n) for page in EXPLAINED
                                            for n in diagnostics(page)])
def test_page_explains(page, name):
    assert f"``{name}``" in text(page)


def run(page, **given):
    """The code of a page, one block after another."""
    blocks = CODE.findall(text(page))
    assert blocks
    for block in blocks:
        exec(dedent(block), given)
    return given


@pytest.fixture
def figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield
    pyplot.close("all")


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("page", ["divergence", "unnormalized", "density", "categories"])
def test_code_runs(page, figures):
    run(page)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_goodness_of_fit_runs(figures):
    run("goodness_of_fit")


@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
def test_code_of_blind_spots_gives_the_numbers_it_shows(capsys):
    """Without a single doubt; what is shown beside a print is what it prints."""
    run("blind_spots")
    printed = capsys.readouterr().out.splitlines()
    lines = [line for block in CODE.findall(text("blind_spots"))
             for line in block.splitlines() if "print(" in line]
    shown = [match[1] for line in lines if (match := re.search(r"\)\s+# (\d\.\d+)$", line))]
    assert len(shown) == 3
    assert all(number in printed for number in shown)


def test_table_of_blind_spots_has_the_numbers_that_were_measured():
    table = text("blind_spots").partition("Shares of separated modes\n---")[0]
    shown = re.findall(r"^     - ([01]\.\d\d)$", table, flags=re.M)
    measured = pd.read_csv(PAGES / "measured_blind_spots.csv")["measured"]
    rows = measured.to_numpy()[:36].reshape(-1, 2, 2).transpose(0, 2, 1)  # true model first
    assert shown == [f"{share:.2f}" for share in rows.ravel()]


def test_rules_of_thumb_fail_by_the_numbers_that_were_measured():
    section = text("categories").partition("rules of thumb fail\n---")[2].partition("\n---")[0]
    shown = set(re.findall(r"(?<!\d)\.\d+", section)) - {".05", ".95"}  # these are levels
    measured = pd.read_csv(PAGES / "measured_categories.csv")["measured"]
    assert len(shown) > 15
    for number in shown:
        assert number in {f"{share:.{len(number) - 1}f}"[1:] for share in measured}, number


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_compare_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a page
    penguins = load_penguins().select_dtypes("number").dropna()
    found = run("compare", reference=penguins.iloc[::4], current=penguins.iloc[1::4])
    assert found["result"].summary() in capsys.readouterr().out
    assert "2009 against 2007" in (tmp_path / "drift.html").read_text("utf-8")
    assert found["page"] == found["groups"].to_html()


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_sample_size_gives_the_numbers_it_shows(figures, capsys):
    run("sample_size")
    printed = re.findall(r"-?\d+\.\d+", capsys.readouterr().out)
    shown = [number for block in CODE.findall(text("sample_size"))
             for comment in re.findall(r"#(.*)", block)
             for number in re.findall(r"\d+\.\d+", comment)]
    assert {"2.5", "0.159"} <= set(shown)
    for number in shown:
        digits = len(number.split(".")[1])
        assert any(f"{float(p):.{digits}f}" == number for p in printed), number


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_moments_runs(figures, capsys):
    pytest.importorskip("linearmodels")
    pytest.importorskip("formulaic")
    found = run("moments")
    assert "center" in capsys.readouterr().out
    assert {"slope", "constant"} == set(found["start"])
    assert found["found"].unbounded or not found["found"].empty


def test_code_of_study_prints_what_it_shows(figures, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it makes a store
    found = run("study")
    (shown,) = re.findall(r"^\.\. code-block:: text\n\n((?:   .*\n|\n)+)", text("study"), re.M)
    assert shown.split() == capsys.readouterr().out.split()
    assert (tmp_path / "study.sqlite").exists()
    counts = found["results"].summary()["replications"]
    assert counts.tolist() == [1000] * 3  # those of the last block, with the store
