"""The groups of a table that are compared one by one with a reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from divest._samples import as_frame, as_series
from divest._validation import check_option
from divest.discrete._cells import MISSING

FREQUENCIES = ("D", "W", "M", "Q", "Y")
MAX_GROUPS = 1000


def without_groups(current: Any, reference: Any, by: str | None, freq: str | None
                   ) -> tuple[Any, Any, dict[Any, np.ndarray] | None]:
    """Both tables without the column `by`, and the rows of the current one in each of its groups.

    Without `by` the tables as they are, and None.
    """
    check_option("freq", freq, (None, *FREQUENCIES))
    if by is None:
        if freq is not None:
            raise ValueError(f"freq={freq!r} needs by, the column that holds the dates.")
        return current, reference, None
    p, q = as_frame(current, "current"), as_frame(reference, "reference")
    if by not in list(p.columns):  # `in` an index would hash what the user gave
        raise ValueError(f"the current table has no column {by} to group by; it has "
                         f"{', '.join(map(str, p.columns))}.")
    labels = as_series(p[by], by)
    groups = _rows_by_label(labels if freq is None else _periods(labels, freq), by)
    p, q = (frame.drop(columns=by, errors="ignore") for frame in (p, q))
    return p, q, groups


def _periods(dates: pd.Series, freq: str) -> pd.Series:
    """The day, week, month, quarter or year of each date, as text."""
    wrong = f"freq={freq!r} needs dates in column {dates.name}, such as 2024-01-31; it holds "
    if not dates.notna().any():
        raise ValueError(f"{wrong}missing values only.")
    if pd.api.types.is_numeric_dtype(dates):
        raise ValueError(f"{wrong}numbers.")
    try:
        stamps = pd.to_datetime(dates, format="ISO8601")
    except (ValueError, TypeError):
        raise ValueError(f"{wrong}{_no_date(dates)!r}, which is none, or not in the form of the "
                         "others.") from None
    if stamps.dt.tz is not None:
        stamps = stamps.dt.tz_localize(None)
    return stamps.dt.to_period(freq).astype(str).where(stamps.notna())


def _no_date(dates: pd.Series) -> Any:
    """The first value that is no date; the first of all where they do not go together."""
    present = dates.dropna()
    wrong = pd.to_datetime(present, format="ISO8601", errors="coerce", utc=True).isna()
    return present.iloc[int(np.argmax(wrong))]


def _rows_by_label(labels: pd.Series, by: str) -> dict[Any, np.ndarray]:
    """Positions of the rows of each group, groups in order; missing labels come last."""
    code, names = pd.factorize(labels)
    if len(names) > MAX_GROUPS:
        raise ValueError(f"column {by} has {len(names)} groups, more than {MAX_GROUPS}; take a "
                         "coarser column, or for dates give freq, such as 'M' for months.")
    groups = {name: np.flatnonzero(code == k) for k, name in enumerate(names)}
    ordered = {name: groups[name] for name in in_order(names)}
    if len(missing := np.flatnonzero(code < 0)):  # a label of this name is the same group
        ordered[MISSING] = np.union1d(ordered.get(MISSING, missing), missing)
    return ordered


def in_order(labels: Any) -> list[Any]:
    """Labels by value; those of several types by type, then as text; the missing one last."""
    known = [label for label in labels if not (isinstance(label, str) and label == MISSING)]
    last = [MISSING] if len(known) < len(labels) else []
    try:
        return [*sorted(known), *last]
    except TypeError:
        return [*sorted(known, key=lambda label: (type(label).__name__, str(label))), *last]
