"""The HTML report as a file, of groups, and from the command line; and the call that repeats it."""

import html
import os
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from pages import EVIL, NAMES, SEASONS, Page

from divest import compare, compare_groups
from divest.cli import main
from divest.report import _files

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def test_file_is_the_page(wild, page, tmp_path):
    path = tmp_path / "report.html"
    assert wild.to_html(path, **NAMES) is None
    assert path.read_text("utf-8") == page
    assert os.listdir(tmp_path) == ["report.html"]


def test_failed_writing_leaves_the_old_file(wild, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(_files.os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        wild.to_html(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_missing_folder_is_named(wild, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        wild.to_html(tmp_path / "nowhere" / "report.html")


@pytest.mark.parametrize("random_state", [7, None, np.random.SeedSequence(5, spawn_key=(1,))])
def test_call_repeats_the_comparison(random_state):
    reference, current = (pd.read_csv(name) for name in SEASONS)
    first = compare(reference, current, columns=iter(["sex", "body_mass_g"]), bins=7, level=0.1,
                    divergence="renyi(0.5)", n_resamples=49, random_state=random_state)
    known = {"compare": compare, "reference": reference, "current": current,
             "SeedSequence": np.random.SeedSequence}
    again = eval(first.call, known)
    assert first.call.startswith("compare(reference, current, columns=['sex', 'body_mass_g']")
    assert html.escape(first.call) in first.to_html()
    for name in ("joint", "columns", "pictures"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))


@pytest.fixture(scope="module")
def grouped():
    rng = np.random.default_rng(5)
    reference = pd.DataFrame({"x": rng.normal(size=200), EVIL: rng.choice(["u", "v"], 200)})
    current = reference.assign(g=rng.choice(["<b>", "calm"], 200))
    current.loc[current["g"] == "<b>", "x"] += 2
    return reference, current


def test_groups_have_a_page(grouped):
    result = compare_groups(*grouped, "g", random_state=np.random.default_rng(0))
    again = eval(result.call, {"compare_groups": compare_groups, "reference": grouped[0],
                               "current": grouped[1]})
    pd.testing.assert_frame_equal(result.columns, again.columns)
    page = result.to_html(reference="r", current="c", date="today")
    parsed = Page(page)
    assert "Groups of c against r" in parsed.text
    assert EVIL not in page
    assert "b" in parsed.tags  # drift is bold, but the group <b> is text:
    assert "<b>: x" in parsed.text
    assert [row[0]["text"] for row in parsed.tables[0][1:]] == result.groups["group"].tolist()
    assert np.ravel(parsed.values(0, "Columns that drift")).tolist() == (
        result.groups["drifting"].tolist())
    shown = np.ravel(parsed.values(1, "Adjusted p-value"))
    np.testing.assert_array_equal(shown, result.columns["pvalue_adjusted"])
    assert np.ravel(parsed.values(1, "PSI")).tolist() == result.columns["psi"].tolist()
    assert parsed.tables[1][1][1]["text"] == "▲ drift"


def test_page_of_one_group_shows_its_missing_values(grouped):
    reference, current = grouped
    one = current[current["g"] == "calm"].head(60).reset_index(drop=True)
    one.loc[:29, "x"] = np.nan
    result = compare_groups(reference, one, "g", minimum_effect=0.1, random_state=0)
    parsed = Page(result.to_html())
    assert "60 rows in 1 group" in parsed.text
    assert "(missing: reference/current)" in result.summary()
    assert "(missing: reference/current)" not in parsed.text  # the page has a column instead
    assert "▲ Some groups have changed by more than matters" in parsed.text
    names = ["missing_reference", "missing_current", "missing_pvalue"]
    assert parsed.values(1, "Missing") == [
        [v for v in row if not np.isnan(v)] for row in result.columns[names].to_numpy(float)]
    calm = Page(compare_groups(*grouped, "g", minimum_effect=50.0).to_html())
    assert "● No group has changed by more than matters" in calm.text
    assert "Missing" not in [cell["text"] for cell in calm.tables[1][0]]


def test_page_of_many_groups_stays_small(rng):
    reference = pd.DataFrame(rng.normal(size=(60, 4)), columns=list("abcd"))
    current = pd.DataFrame(rng.normal(3, 1, (150 * 8, 4)), columns=list("abcd"))
    current["g"] = np.repeat(np.arange(150), 8)
    result = compare_groups(reference, current, "g", random_state=0)
    assert result.columns["drift"].sum() > 500
    parsed = Page(result.to_html())
    assert len(parsed.tables[1]) == 1 + 500
    assert "The 500 most significant of 600 rows." in parsed.text


# ------------------------------------------------------------ command line
def test_command_writes_the_report(capsys, tmp_path):
    path = tmp_path / "a report.html"
    words = ["compare", *SEASONS, "--resamples", "99", "--report", str(path)]
    assert main(words) == 0
    table = capsys.readouterr().out
    parsed = Page(path.read_text("utf-8"))
    command = re.search(r"To repeat it:(divest .*?)All joint", parsed.text, re.S)[1].strip()
    assert "penguins_2009.csv against penguins_2007.csv" in parsed.text
    assert re.search(r"Date: \d{4}-\d\d-\d\d", parsed.text)
    program, *again = shlex.split(command)
    assert (program, again) == ("divest", words)
    expected = compare(*(pd.read_csv(name) for name in SEASONS), random_state=0, n_resamples=99)
    assert table == expected.summary() + "\n"
    assert parsed.values(0, "Standard error") == [[v] for v in expected.joint["standard_error"]]


def test_command_writes_the_report_of_groups(capsys, tmp_path, grouped):
    names = [tmp_path / "r.csv", tmp_path / "c.csv"]
    for name, frame in zip(names, grouped, strict=True):
        frame.to_csv(name, index=False)
    path = tmp_path / "report.htm"
    words = ["compare", *map(str, names), "--by", "g", "--report", str(path), "--fail-on-drift"]
    assert main(words) == 1
    assert "groups" in capsys.readouterr().out
    assert "Groups of c.csv against r.csv" in Page(path.read_text("utf-8")).text


@pytest.mark.parametrize(("report", "message"), [
    ("report.txt", "--report must be a file that ends in .html or .htm"),
    ("nowhere/report.html", "no such folder"), ("folder.html", "would overwrite")])
def test_bad_report_files_take_one_line(capsys, tmp_path, monkeypatch, report, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    assert main(["compare", *SEASONS, "--report", report]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
