"""Pages of HTML taken apart, and a comparison whose tables hold hostile names."""

from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from divest import compare

DATA = Path(__file__).parents[1] / "examples" / "data"
SEASONS = [str(DATA / f"penguins_{year}.csv") for year in (2007, 2009)]
EVIL, EVIL_LABEL = "<script>alert(1)</script>", '"><img src=x>'
VOID = {"meta", "link"}
NAMES = {"reference": "<b>old</b>.csv", "current": "new.csv", "date": "<i>today</i>"}


class Page(HTMLParser):
    """A page taken apart: elements closed in order, their attributes and text, and the tables."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.tables = [], [], [], []
        self.texts, self.problems = [], []
        self.feed(page)
        self.close()
        self.text = "".join(self.texts)
        assert self.open == []
        assert self.problems == []

    def handle_decl(self, decl):
        assert decl == "doctype html"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.problems.append(f"{tag} has an attribute twice")
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append({"text": "", "values": []})
        elif tag == "data" and self._in_cell():
            self.tables[-1][-1][-1]["values"].append(float(dict(attrs)["value"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if "svg" not in self.open:
            self.problems.append(f"{tag} closes itself outside of svg")
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"{tag} closes what is not open")

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
        if self._in_cell():
            self.tables[-1][-1][-1]["text"] += data

    def _in_cell(self):
        return "td" in self.open or "th" in self.open

    def values(self, table, header):
        """The numbers in a column of a table, row by row."""
        top, *rows = self.tables[table]
        at = [cell["text"] for cell in top].index(header)
        return [row[at]["values"] for row in rows]


def mixed(rng, n, shift=0.0):
    """A column of each kind, some with hostile names and labels."""
    days = pd.to_timedelta(rng.uniform(0, 30, n), unit="D")
    return pd.DataFrame({
        EVIL: rng.normal(shift, 1, n), 'it\'s "quoted" & \x00': rng.normal(0, 1, n),
        "label": pd.Series(rng.choice(["a", EVIL_LABEL, "日本"], n), dtype=object),
        "count": rng.integers(0, 5, n), "when": pd.Timestamp("2026-01-01", tz="UTC") + days,
        "month": pd.Timestamp("2026-01-01") + pd.to_timedelta(30 * rng.integers(0, 3, n), "D"),
        "far": rng.normal(20 * shift, 1, n), "rare": rng.permutation(n) % 60 + 5 * shift,
        "gone": np.nan, "id": [f"id {i}" for i in range(n)],
        "some": np.where(rng.random(n) < 0.3 + 0.3 * shift, np.nan, rng.normal(0, 1, n))})


@cache
def wild_comparison():
    """A comparison with drift, doubts and a column of each kind."""
    rng = np.random.default_rng(1)
    reference, current = mixed(rng, 150), mixed(rng, 120, 1.0)
    reference["rare"], current["rare"] = (f["rare"].astype(str) for f in (reference, current))
    current.loc[:10, "label"] = "new"
    return compare(reference, current.assign(extra=1), random_state=3, n_resamples=99)
