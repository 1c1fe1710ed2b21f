"""The HTML report: true to the tables, safe with hostile names, opened by any browser."""

import dataclasses
import html
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from pages import EVIL, EVIL_LABEL, Page

from divest import compare

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


# ------------------------------------------------------------ a page of HTML
def test_page_is_whole(page):
    parsed = Page(page)
    assert page.startswith("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
    assert parsed.tags.count("h1") == parsed.tags.count("title") - page.count("<g><title>") == 1
    assert parsed.tags.count("table") == 4  # joint, columns, failed and all diagnostics
    for table in parsed.tables:
        top, *rows = table
        assert rows
        assert {len(row) for row in rows} == {len(top)}


def test_page_is_strict_html5(page):
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(page)


def test_page_reaches_for_nothing(page):
    parsed = Page(page)
    assert not {"script", "img", "iframe", "object", "embed"} & set(parsed.tags)
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "src"]
    assert [value for name, value in parsed.attributes if name == "href"] == ["data:,"]
    assert "url(" not in page
    assert any(value.startswith("default-src 'none'") for _, value in parsed.attributes)


def test_hostile_names_are_text(page):
    parsed = Page(page)
    names = [row[0]["text"] for row in parsed.tables[1][1:]]
    assert f"{EVIL}numeric" in names
    assert 'it\'s "quoted" & \ufffdnumeric' in names
    assert EVIL_LABEL in parsed.text
    assert "new.csv against <b>old</b>.csv" in parsed.text
    assert "Seed: 3" in parsed.text
    assert "Date: <i>today</i>" in parsed.text
    assert f"Distributions of {EVIL}" in " ".join(str(value) for _, value in parsed.attributes)
    for raw in (EVIL, EVIL_LABEL, "<b>old", "<i>"):
        assert raw not in page


def test_all_that_comes_from_outside_is_escaped(wild):
    """Every text of the tables replaced by markup: the page keeps the same elements."""
    def evil(frame):
        texts = [name for name in frame if frame[name].map(lambda v: isinstance(v, str)).any()]
        keep = ("kind", "test", "divergence") if "kind" in frame else ()
        return frame.assign(**{name: frame[name] + "<u>" for name in texts if name not in keep})

    parts = ("joint", "columns", "diagnostics", "column_diagnostics")
    changed = dataclasses.replace(wild, **{name: evil(getattr(wild, name)) for name in parts},
                                  unmatched=("<u>",), call="<u>")
    page = changed.to_html()
    assert "&lt;u&gt;" in page
    assert "u" not in Page(page).tags


# ------------------------------------------------------------ true to the tables
def test_numbers_are_those_of_the_tables(wild, page):
    parsed = Page(page)
    np.testing.assert_array_equal(parsed.values(0, "Estimate [95\u00a0%]"),
                                  wild.joint[["estimate", "low", "high"]])
    for header, name in (("Standard error", "standard_error"), ("p-value", "pvalue")):
        np.testing.assert_array_equal(np.ravel(parsed.values(0, header)), wild.joint[name])
    columns = wild.columns
    for header, names in (
            ("Adjusted p-value", ["pvalue_adjusted"]), ("p-value", ["pvalue"]),
            ("Distance [95\u00a0%]", ["estimate", "low", "high"]),
            ("PSI, corrected", ["psi_corrected"]), ("New categories", ["new_categories"]),
            ("Missing", ["missing_reference", "missing_current", "missing_pvalue"])):
        expected = [[v for v in row if not np.isnan(v)] for row in columns[names].to_numpy(float)]
        assert parsed.values(1, header) == expected
    shown = [row[0]["text"] for row in parsed.tables[1][1:]]
    assert len(shown) == len(columns)
    assert shown == [f"{name}{kind}".replace("\x00", "\ufffd")
                     for name, kind in zip(columns["column"], columns["kind"], strict=True)]


def test_what_is_read_is_what_stands_in_full(page):
    found = re.findall(r'<data value="([^"]+)">([^<]+)</data>', page)
    plain = [(float(full), float(shown.replace("\u2212", "-").replace(",", "")))
             for full, shown in found if not shown.endswith("%")]
    assert len(plain) > 100
    for full, shown in plain:
        assert shown == pytest.approx(full, rel=5.1e-3)


def test_verdicts_stand_in_words(wild, page):
    parsed = Page(page)
    at = [cell["text"] for cell in parsed.tables[1][0]].index("Verdict")
    for row, found in zip(parsed.tables[1][1:], wild.columns.itertuples(), strict=True):
        word = ("▲ drift" if found.drift else "● no drift") if (
            found.pvalue_adjusted == found.pvalue_adjusted) else "○ not tested"
        assert row[at]["text"] == word + ("" if found.trusted else "◇ doubtful")
    assert "▲ The tables differ" in parsed.text
    assert wild.verdict.replace("\x00", "\ufffd") in parsed.text


def test_failed_diagnostics_stand_with_their_advice(wild, page):
    parsed = Page(page)
    failed = pd.concat([wild.diagnostics, wild.column_diagnostics])
    failed = failed[~failed["passed"]]
    assert {"new_categories", "merged_share", "few_rows", "saturated_share"} < set(
        failed["name"])
    assert wild.column_diagnostics["column"].tolist().count("rare") > 1
    told = parsed.tables[2][1:]
    names = [row[0]["text"].removeprefix("◇\u00a0") for row in told]
    assert set(names) == set(failed["name"])
    assert {row[3]["text"].lower() for row in told} == {
        f"{advice.lower()}." for advice in failed["advice"]}
    shown = [(name, v) for name, row in zip(names, told, strict=True) for v in row[1]["values"]]
    assert sorted(shown) == sorted(zip(failed["name"], failed["value"], strict=True))
    names = wild.columns["failed_diagnostics"].str.split(", ").explode()
    assert sorted(filter(None, names)) == sorted(wild.column_diagnostics["name"])
    assert len(parsed.tables[3]) == 1 + len(wild.diagnostics)


def test_what_was_left_out_is_told(page):
    text = Page(page).text
    assert "in one table only: extra." in text
    assert "Column id: values not tested (nearly every label is different)." in text


def test_lone_surrogates_and_controls_are_replaced(wild):
    text = Page(wild.to_html(reference="\ud800|\x07|\x1b")).text
    assert "against \ufffd|\ufffd|\ufffd" in text


def test_calm_page():
    rng = np.random.default_rng(4)
    a, b = (pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"]) for _ in range(2))
    result = compare(a, b, random_state=0, n_resamples=99)
    assert not result.drift
    text = Page(result.to_html()).text
    assert "● No difference found" in text
    assert "▲" not in text
    low, high = result.test.pvalue_interval()
    assert f"between {low:.3g} and {high:.3g} (95\u00a0% interval)" in text


def test_minimum_effect_is_told(rng):
    a, b = (pd.DataFrame({"a": rng.normal(shift, 1, 300)}) for shift in (0, 2))
    options = {"random_state": 0, "n_resamples": 99}
    large = Page(compare(a, b, minimum_effect=0.1, **options).to_html()).text
    small = Page(compare(a, b, minimum_effect=50.0, **options).to_html()).text
    assert "▲ Columns have changed by more than matters" in large
    assert "(PSI) above 0.1" in large
    assert "● No column has changed by more than matters" in small


def test_nothing_to_test(rng):
    frame = pd.DataFrame({"id": [f"n{i}" for i in range(150)]})
    parsed = Page(compare(frame, frame, random_state=0).to_html())
    assert "○ Nothing could be tested" in parsed.text
    assert "Joint divergences" not in [cell["text"] for cell in parsed.tables[0][0]]
    assert "nearly every label is different" in parsed.text


@pytest.mark.parametrize("values", [
    [1.0], [np.nan], ["a"], [None, "b"], [True, False], [1e300, -1e300, 1e-300] * 10,
    [1e16, 1e16 + 2] * 15, list(np.exp(np.linspace(-700, 700, 40))),
    [1e-300 * i for i in range(30)], [1e-6 * i + 1e9 for i in range(30)],
    list(pd.date_range("2026-01-01", periods=30, freq="s")), list(range(3)) * 5,
    list(pd.to_timedelta(range(30), unit="h")), [""] * 20, ["x" * 500] * 9])
def test_every_kind_of_column_makes_a_page(values):
    frame = pd.DataFrame({"v": pd.Series(values), "w": np.arange(len(values))})
    Page(compare(frame, frame, random_state=0, n_resamples=9).to_html())


# ------------------------------------------------------------ a real browser
def browse(page, folder, *options):
    """The document as the browser sees it, and the lines of its console."""
    path = folder / "page.html"
    path.write_text(page, "utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={folder / 'profile'}", *options, "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_browser_opens_the_page_without_complaint(page, tmp_path):
    document, console = browse(page, tmp_path)
    assert console == []
    assert "▲ The tables differ" in document
    assert "<script" not in document
    broken = page.replace("</main>", "<script>1</script></main>")
    _, console = browse(broken, tmp_path)
    assert console  # the policy of the page lets no script run, and complaints are seen


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_nothing_sticks_out_on_a_phone(page, tmp_path):
    """The page in a frame of 360 pixels, measured from outside."""
    frame = (f'<!doctype html><body><iframe width="360" height="640" frameborder="0" '
             f'srcdoc="{html.escape(page)}" onload="document.title = '
             'this.contentDocument.documentElement.scrollWidth"></iframe>')
    document, _ = browse(frame, tmp_path)
    assert int(re.search(r"<title>(\d+)</title>", document)[1]) <= 360
