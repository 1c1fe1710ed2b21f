"""What makes a comparison doubtful before any distance is looked at."""

import pytest

from divest import TrustWarning, compare
from divest.datasets import load_penguins


def test_a_column_that_tells_the_tables_apart_is_named():
    penguins = load_penguins()
    first, last = (penguins[penguins["year"] == year] for year in (2007, 2009))
    with pytest.warns(TrustWarning, match="ranges_apart"):
        found = compare(first, last, n_resamples=99)
    assert not found.trusted
    assert "): columns year: where all values in one table" in found.summary()
    names = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]
    alike = compare(first, last, columns=names, n_resamples=99)
    assert alike.trusted
    assert "columns like a date:" in alike.diagnostics.set_index("name").loc["ranges_apart",
                                                                             "advice"].iloc[0]
