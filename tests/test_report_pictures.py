"""The figures of the HTML report agree with the tables, and the tables with the data."""

import dataclasses
import html
import re

import numpy as np
import pandas as pd
import pytest
from pages import EVIL

from divest.comparison import _pictures
from divest.comparison._pictures import column_pictures
from divest.report._figures import ticks

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def test_densities_are_near_the_truth(rng):
    """Gaussian data: the kernel estimate has bias h^2/2 |f''| and sd sqrt(R f / nh), R = .28."""
    n = 5000
    frames = [pd.DataFrame({"x": rng.normal(size=n)}) for _ in range(2)]
    picture = column_pictures(*frames, {"x": "numeric"}, np.random.SeedSequence(0))
    at, h = picture["at"].to_numpy(float), 1.06 * n**-0.2
    truth = np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
    inner = np.abs(at) < at.max() - 3 * h  # at the ends the tails are left out
    for name in ("reference", "current"):
        error = np.abs(picture[name] - truth)[inner]
        assert error.max() < h**2 / 2 * 0.4 + 4 * np.sqrt(0.28 * 0.4 / (n * h))
        assert np.trapezoid(picture[name], at) == pytest.approx(0.99, abs=0.02)


def test_shares_are_exact_where_no_row_is_left_out(wild):
    shares = wild.pictures[wild.pictures["kind"] != "numeric"]
    assert set(shares["column"]) == {"label", "count", "month", "rare"}
    np.testing.assert_allclose(shares.groupby("column")[["reference", "current"]].sum(), 1)
    months = shares[shares["column"] == "month"]
    assert months["label"].tolist() == ["2026-01-01", "2026-01-31", "2026-03-02"]
    assert shares.loc[shares["column"] == "count", "label"].tolist() == list("01234")


def test_rare_labels_share_a_bar(rng):
    labels = [f"l{i:02}" for i in range(12)]
    frame = pd.DataFrame({"v": np.repeat(labels, range(20, 8, -1))})
    frame.loc[0, "v"] = None
    picture = column_pictures(frame, frame, {"v": "categorical"}, np.random.SeedSequence(0))
    assert sorted(picture["label"][:7]) == labels[:7]
    assert picture["label"].tolist()[7:] == ["(others)", "(missing)"]
    rows = len(frame)
    np.testing.assert_allclose(picture["current"][7:].astype(float), [
        sum(range(13, 8, -1)) / rows, 1 / rows])


def test_pictures_take_a_sample_of_the_rows(rng, monkeypatch):
    frame = pd.DataFrame({"v": rng.integers(0, 2, 1000)})
    monkeypatch.setattr(_pictures, "MOST_ROWS", 64)
    one, two, same = (column_pictures(frame, frame, {"v": "discrete"}, np.random.SeedSequence(s))
                      for s in (1, 2, 1))
    pd.testing.assert_frame_equal(one, same)
    assert not one.equals(two)
    counts = one[["reference", "current"]].to_numpy(float) * 64
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert abs(counts[0, 0] - 32) < 4 * 4  # standard deviation 4


def test_figures_agree_with_the_tables(wild, page):
    """Heights and widths in the page, taken back to densities and shares."""
    drawn = wild.pictures
    densities = drawn[drawn["column"] == EVIL]
    part = page[page.index(f"Distributions of {html.escape(EVIL)}"):]
    line = re.search(r'd="M([^"]+)" class="cur line"', part)[1]
    y = np.array([float(point.split()[1]) for point in line.split("L")])
    top = densities[["reference", "current"]].to_numpy(float).max()
    np.testing.assert_allclose((51 - y) / 48 * top, densities["current"], atol=0.06 / 48 * top)
    shares = drawn[drawn["column"] == "label"]
    part = page[page.index("Shares of the labels of label"):].split("</svg></div>")[0]
    widths = np.array(re.findall(r'height="5" class="(?:ref|cur)" width="([\d.]+)"', part), float)
    both = shares[["reference", "current"]].to_numpy(float)
    assert widths.size == both.size  # one pair for each label
    np.testing.assert_allclose(widths.reshape(-1, 2) / 124 * both.max(), both,
                               atol=0.06 / 124 * both.max())


def test_standing_bars_agree_with_the_tables(wild, page):
    shares = wild.pictures[wild.pictures["column"] == "count"]
    part = page[page.index("Distributions of count"):].split("</svg>")[0]
    bars = re.findall(r'x="([\d.]+)" y="[\d.]+" width="[\d.]+" height="([\d.]+)" '
                      r'class="(\w+)"', part)
    assert [kind for _, _, kind in bars] == ["ref", "cur"] * len(shares)
    assert [float(x) for x, _, _ in bars] == sorted(float(x) for x, _, _ in bars)
    both = shares[["reference", "current"]].to_numpy(float)
    heights = np.array([height for _, height, _ in bars], float).reshape(-1, 2)
    np.testing.assert_allclose(heights / 48 * both.max(), both, atol=0.06 / 48 * both.max())


def test_intervals_are_drawn_in_their_places(wild, page):
    bars = re.findall(r'<line x1="([\d.]+)%" x2="([\d.]+)%"[^>]*class="bar"/>'
                      r'<svg x="([\d.]+)%"', page)
    low, high = min(0.0, wild.joint["low"].min()), wild.joint["high"].max()
    back = (np.array(bars, float) - 3) / 92 * (high - low) + low
    np.testing.assert_allclose(back, wild.joint[["low", "high", "estimate"]],
                               atol=1e-4 * (high - low))


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.2), (0, 1e-7), (0, 823.0), (0, 0.0999)])
def test_ticks_are_few_round_and_inside(low, high):
    found = ticks(low, high)
    assert 3 <= len(found) <= 7
    assert 0 in found
    assert low - 1e-9 * (high - low) <= min(found) < max(found) <= high + 1e-9 * (high - low)
    assert all(len(f"{tick:.12e}".rstrip("0").split("e")[0].rstrip("0")) <= 4 for tick in found)


@pytest.mark.slow
def test_large_tables_make_a_small_page_soon(wild):
    """Pictures of 50 columns of a million rows, and the page: 2 MB and 20 seconds."""
    from time import perf_counter

    rng = np.random.default_rng(0)
    labels = np.array([f"category {k}" for k in range(30)])
    columns = {f"x{i}": rng.normal(size=1_000_000) for i in range(35)}
    columns |= {f"k{i}": rng.integers(0, 12, 1_000_000) for i in range(8)}
    columns |= {f"l{i}": pd.Categorical.from_codes(rng.integers(0, 30, 1_000_000), labels)
                for i in range(7)}
    kinds = {"x": "numeric", "k": "discrete", "l": "categorical"}
    frame = pd.DataFrame(columns)
    start = perf_counter()
    pictures = column_pictures(frame, frame, {name: kinds[name[0]] for name in frame},
                               np.random.SeedSequence(0))
    row = wild.columns.head(1)
    table = pd.concat([row.assign(column=name, kind=kinds[name[0]]) for name in frame])
    page = dataclasses.replace(wild, columns=table, pictures=pictures).to_html()
    assert perf_counter() - start < 20
    assert len(page.encode()) < 2_000_000
    assert page.count('class="picture"') == 50
