"""Pages beside the user guide: their code prints what they show, figures were measured."""

import csv
import importlib.util
import re
import shlex
import unicodedata
from itertools import pairwise
from pathlib import Path

import numpy as np
import plain
import pytest
from pages_of_text import agrees, blocks, printed_by

import divest
from divest import pn_criterion
from divest.cli import main
from divest.sample_complexity import kl_threshold

ROOT = Path(__file__).resolve().parents[1]
DOCS, PACKAGE = ROOT / "docs", Path(divest.__file__).parent


def page(name):
    return (DOCS / f"{name}.rst").read_text("utf-8")


# ------------------------------------------------------------ code
compiled = pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")


@compiled
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_tutorial_prints_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a page
    names, checked = {}, 0
    for (kind, code), (after, shown) in pairwise([*blocks(page("tutorial")), ("end", "")]):
        if kind == "python":
            printed = printed_by(code, names, "tutorial.rst")
            assert after == "text" or not printed
            if after == "text":
                assert agrees(shown, printed), printed
                checked += 1
    assert checked == 7
    assert "2009 against 2007" in (tmp_path / "drift.html").read_text("utf-8")


@compiled
def test_command_of_the_tutorial_prints_what_is_shown(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    commands = blocks(page("tutorial"))
    at = next(i for i, (kind, text) in enumerate(commands) if text.startswith("divest compare"))
    assert main(shlex.split(commands[at][1])[1:]) == 0
    assert commands[at + 1][0] == "text"
    assert agrees(commands[at + 1][1], capsys.readouterr().out)


@compiled
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_migration_runs():
    names = {}
    for kind, code in blocks(page("migration")):
        if kind == "python":
            printed_by(code, names, "migration.rst")
    assert names["model"].params_["x1"] == pytest.approx(1, abs=0.3)


# ------------------------------------------------------------ figures
@pytest.fixture
def gather():
    spec = importlib.util.spec_from_file_location("gather_evidence", DOCS / "gather_evidence.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_evidence_is_what_was_measured(gather, tmp_path):
    gather.write(tmp_path / "evidence.csv")
    assert (tmp_path / "evidence.csv").read_bytes() == gather.FILE.read_bytes()


def test_every_script_and_table_of_measurements_has_its_place():
    evidence = page("evidence")
    for script in [*DOCS.glob("measure_*.py"), DOCS / "gather_evidence.py"]:
        assert f"docs/{script.name}" in evidence, script.name
    pages = "".join(file.read_text("utf-8") for file in DOCS.rglob("*.rst"))
    for table in [*DOCS.glob("measured_*.csv"), *DOCS.glob("user_guide/*.csv")]:
        assert f":file: {table.name}" in pages, table.name
        with table.open(newline="", encoding="utf-8") as stream:
            head, *rows = csv.reader(stream)
        assert rows
        assert {len(row) for row in rows} == {len(head)}


@pytest.mark.parametrize("study", ["coverage", "power"])
def test_studies_of_the_evidence_ship(study):
    evidence = page("evidence")
    for file in (f"examples/study_{study}.toml", f"examples/data/study_{study}.csv"):
        assert file in evidence
        assert (ROOT / file).exists()


def list_table(name, header):
    """The rows of numbers of the list-table whose first cell is this."""
    body = page(name).partition(f"   * - {header}\n")[2].partition("\n\n")[0]
    rows = [re.findall(r"^   [* ] - (.*)$", row, flags=re.M) for row in
            re.split(r"(?=^   \* - )", body, flags=re.M)]
    return [[float(cell) for cell in row] for row in rows[1:]]


def test_thresholds_of_the_guide_are_those_of_the_formula():
    rows = list_table("user_guide/sample_size", "delta")
    assert len(rows) == 4
    for delta, *shown in rows:
        found = [kl_threshold(delta, kind) for kind in ("pinsker", "tight", "gaussian")]
        assert shown == [round(value, 5) for value in found]


def test_rows_for_a_gaussian_are_those_of_the_criterion():
    rows = list_table("user_guide/sample_size", "columns")
    assert [row[0] for row in rows] == [1, 2, 5, 10, 20]
    for d, p, c2, *needed in rows:
        X = np.random.default_rng(0).normal(size=(600, int(d)))
        found = [pn_criterion(X, "gaussian", delta=delta, specified=True) for delta in (0.05, 0.1)]
        assert found[0].p == p
        assert found[0].c2 == pytest.approx(c2, rel=0.006)
        assert [plan.n_rows for plan in found] == needed


# ------------------------------------------------------------ names and papers
def test_names_in_the_table_of_methods_exist():
    names = re.findall(r"`~(divest\.[\w.]+)`", page("which_method"))
    assert len(set(names)) > 30
    for name in names:
        owner, parts = divest, name.split(".")[1:]
        for i, part in enumerate(parts):
            if not hasattr(owner, part):
                importlib.import_module(".".join(["divest", *parts[:i + 1]]))
            owner = getattr(owner, part)


def plain_letters(text):
    """Without accents, the marks of TeX, and the e that stands for an umlaut."""
    text = unicodedata.normalize("NFKD", re.sub(r"\\[\"'`^~]|\\|[{}]", "", text))
    text = "".join(letter for letter in text if not unicodedata.combining(letter)).lower()
    return re.sub(r"([aou])e", r"\1", text)


def cited():
    """Numbered references of docstrings: the file, and the text of each."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for _, text in re.findall(r"^( +)\.\. \[\d+\] (.*(?:\n\1   .*)*)",
                                  file.read_text("utf-8"), flags=re.M):
            yield file.name, " ".join(text.split())


def test_bibliography_has_every_paper_of_the_docstrings():
    entries = [plain_letters(entry)
               for entry in (DOCS / "references.bib").read_text("utf-8").split("\n@")]
    papers = list(cited())
    assert len(papers) > 80
    for file, text in papers:
        year = re.search(r"\b(?:18|19|20)\d\d\b", text)[0]
        first = text.partition('"')[0].split(" and ")[0].split(",")[0]
        family = plain_letters(re.split(r"[. ]", first.strip())[-1])
        assert any(family in entry and year in entry for entry in entries), f"{file}: {text}"
