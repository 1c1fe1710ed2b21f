"""What a release says of itself is the same everywhere."""

import re
from pathlib import Path

import divest

ROOT = Path(__file__).parents[1]


def test_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest, date = re.findall(r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", changes, re.M)[0]
    assert divest.__version__ == newest
    assert f"version: {newest}\ndate-released: {date}\n" in citation
