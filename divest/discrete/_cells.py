"""From the raw values of two samples to counts over the same cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic
from divest._samples import as_numbers, as_series, column_kind
from divest._validation import check_edges, check_integer, check_list, check_option, in_parts

RARE, OTHER, MISSING = "(rare)", "(other)", "(missing)"
KINDS = ("auto", "numeric", "discrete", "categorical")
MIN_ROWS = 5  # pooled rows that a category needs for a cell of its own
MAX_RARE = 0.5  # share of the rows in one cell above which little is left to compare


@dataclass(frozen=True)
class Cells:
    """Counts of two samples over the same cells.

    `labels` has a row per cell: its text `cell` and, for numbers, its limits `lower` and `upper`
    (above the lower one, up to the upper one). `p` and `q` are the counts of the sample in question
    and of the reference; `merged` of the rows are in the cell of rare or of other categories.
    """

    labels: pd.DataFrame
    p: np.ndarray
    q: np.ndarray
    new_categories: list[str] = field(default_factory=list)
    missing_dropped: tuple[int, int] = (0, 0)
    merged: int = 0

    @property
    def merged_share(self) -> float:
        """Share of all rows that are in the cell of rare or of other categories."""
        total = self.p.sum() + self.q.sum()
        return float(self.merged / total) if total else 0.0

    def with_missing(self, p: int, q: int) -> Cells:
        """The same and, last, a cell of the missing values where there are any."""
        if not p + q:
            return self
        return replace(self, labels=pd.concat([self.labels, _named([MISSING])], ignore_index=True),
                       p=np.append(self.p, p), q=np.append(self.q, q))

    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """New categories, the share of merged rows, and how many missing values were dropped."""
        found, share = self.new_categories, self.merged_share
        names = f" ({', '.join(found[:5])}{', ...' if len(found) > 5 else ''})" if found else ""
        return (
            Diagnostic("new_categories", len(found), 0.0, not found,
                       f"categories that the reference does not have{names}: see whether they are "
                       "new, misspelt or only rare"),
            Diagnostic("merged_share", share, MAX_RARE, share <= MAX_RARE,
                       "above the threshold most rows are in one cell of merged categories, and "
                       "what differs within it is not seen: group the categories by meaning"),
            Diagnostic("missing_dropped", sum(self.missing_dropped), float("nan"), True,
                       "missing values left out, of both samples together (reported only)"))


def two_sample_cells(P: Any, Q: Any, *, kind: str = "auto", bins: int = 10, edges: Any = None,
                     categories: Any = None, max_categories: int = 50,
                     missing: str = "cell", cut_by: pd.Series | None = None) -> Cells:
    """Counts of two one-dimensional samples over the same cells.

    Numbers and dates are cut at quantiles of the reference `Q`, or of `cut_by`; numbers with few
    values have a cell per value; categories have one where they have five rows or more in both
    samples together.
    That last rule must not look at which sample a row is from: a cell chosen because the reference
    has nothing in it makes a test of equality reject samples that are equal.
    """
    check_option("missing", missing, ("cell", "drop"))
    check_integer("max_categories", max_categories, 1)
    if in_parts(P, Q):
        from divest.discrete._cells_parts import cells_in_parts  # it stands on this file

        cells, absent = cells_in_parts(P, Q, kind=kind, bins=bins, edges=edges,
                                       categories=categories, max_categories=max_categories)
        return _with_missing(cells, absent, missing)
    p, q = as_series(P, "P"), as_series(Q, "Q")
    _refuse_empty(len(p), len(q))
    kind = resolve_kind(p, q, kind, edges, categories)
    absent = int(p.isna().sum()), int(q.isna().sum())
    p, q = p.dropna(), q.dropna()
    if kind == "numeric":
        some = p if len(p) else q
        cuts = (quantile_edges(q if cut_by is None else cut_by, bins) if edges is None else
                given_edges(edges, some))
        counts = tuple(interval_counts(as_numbers(values), cuts) for values in (p, q))
        cells = interval_cells(counts, cuts, some)
    else:
        cells = label_cells(label_counts(p), label_counts(q), kind, categories, max_categories)
    return _with_missing(cells, absent, missing)


def _with_missing(cells: Cells, absent: tuple[int, int], missing: str) -> Cells:
    """The cells and their missing values, both samples with at least one value."""
    cells = (cells.with_missing(*absent) if missing == "cell" else
             replace(cells, missing_dropped=absent))
    _refuse_empty(cells.p.sum(), cells.q.sum())
    return cells


def _refuse_empty(n: float, m: float) -> None:
    if not (n and m):
        raise ValueError(f"{'Q' if n else 'P'} has no values: it is empty, or all are missing and "
                         "dropped.")


def resolve_kind(p: pd.Series, q: pd.Series, kind: str, edges: Any, categories: Any) -> str:
    """How to make the cells: "numeric", "discrete" or "categorical"."""
    check_option("kind", kind, KINDS)
    if edges is not None and categories is not None:
        raise ValueError("edges are for numbers and categories for labels; give one of them.")
    wanted = "numeric" if edges is not None else "categorical" if categories is not None else kind
    if kind not in ("auto", wanted) and not (kind == "discrete" and wanted == "categorical"):
        given = "edges" if edges is not None else "categories"
        raise ValueError(f"{given} make the cells {wanted}, and kind is {kind!r}; leave it out.")
    if wanted == "auto":
        found = column_kind(p, q)
        return found if found in ("numeric", "discrete") else "categorical"
    if wanted == "numeric" and column_kind(p, q) in ("categorical", "identifier"):
        raise ValueError("numeric cells need numbers, dates or durations, got labels; use "
                         "kind='categorical'.")
    return wanted


def quantile_edges(values: pd.Series, bins: int) -> np.ndarray:
    """Quantiles 1/bins, ..., (bins - 1)/bins: finite values, each once, the largest left out.

    They occur among the values, so that each cell ``(lower, upper]`` holds at least one.
    """
    check_integer("bins", bins, 2)
    numbers = as_numbers(values.dropna())
    return usable_edges(finite_quantiles(numbers, bins) if len(numbers) else None)


def usable_edges(edges: np.ndarray | None) -> np.ndarray:
    """At least one edge; None where there were no values to take them from."""
    if edges is None:
        raise ValueError("the reference has no values to take edges from; give edges.")
    if not len(edges):
        raise ValueError("the reference leaves fewer than two cells: nearly all its values are "
                         "equal; give edges, or use kind='categorical'.")
    return edges


def finite_quantiles(numbers: np.ndarray, bins: int) -> np.ndarray:
    """The quantiles that are finite and below the largest value, each once; there may be none."""
    ranks = quantile_ranks(len(numbers), bins)
    return inner_edges(np.partition(numbers, np.unique(ranks))[ranks], numbers.max())


def quantile_ranks(n: int, bins: int) -> np.ndarray:
    """Of the first value at or above each quantile, from 0."""
    return -(-np.arange(1, bins) * n // bins) - 1


def inner_edges(values: np.ndarray, largest: float) -> np.ndarray:
    """Those that are finite and below the largest value, each once."""
    edges = np.unique(values)
    return edges[np.isfinite(edges) & (edges < largest)]


def given_edges(edges: Any, values: pd.Series) -> np.ndarray:
    """Edges as numbers; they must be of the type of the values."""
    given = as_series(edges, "edges")
    if len(given) and len(values) and (wanted := _measure(values)) != _measure(given):
        raise ValueError(f"edges must be {wanted}, as the values are; got {given.iloc[0]!r}.")
    return check_edges(as_numbers(given))


def _measure(values: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(values):
        return "dates" if values.dt.tz is None else "dates with a time zone"
    if pd.api.types.is_timedelta64_dtype(values):
        return "durations"
    return "numbers" if pd.api.types.is_numeric_dtype(values) else "labels"


def interval_counts(numbers: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Numbers in each cell between the cuts, the first open below and the last above."""
    return np.bincount(np.searchsorted(cuts, numbers), minlength=len(cuts) + 1)


def interval_cells(counts: Sequence[np.ndarray], cuts: np.ndarray, some: pd.Series) -> Cells:
    """These cells with the counts of both samples; the limits are shown like `some` values."""
    lower, upper = np.r_[-np.inf, cuts], np.r_[cuts, np.inf]
    shown = _edge_text(cuts, some)
    text = [f"({low}, {high}]" for low, high in zip(["-inf", *shown], [*shown, "inf"], strict=True)]
    return Cells(pd.DataFrame({"cell": text, "lower": lower, "upper": upper}),
                 *np.array(counts, dtype=float))


def _edge_text(cuts: np.ndarray, values: pd.Series) -> list[str]:
    """Edges as text; those of dates and durations, which are seconds, as such."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return [str(pd.Timestamp(cut, unit="s", tz=values.dt.tz)) for cut in cuts]
    if pd.api.types.is_timedelta64_dtype(values):
        return [str(pd.Timedelta(cut, unit="s")) for cut in cuts]
    return [f"{cut:.12g}" for cut in cuts]


def _named(names: Any) -> pd.DataFrame:
    """Labels of cells without limits."""
    return pd.DataFrame({"cell": list(names), "lower": np.nan, "upper": np.nan})


def label_cells(p: Counter[str], q: Counter[str], kind: str, categories: Any = None,
                max_categories: int = 50) -> Cells:
    """A cell for each large or given category, then one for all others, from rows of each label."""
    pooled = p + q
    if categories is not None:
        kept, rest = _distinct(categories), OTHER
    else:
        smallest = MIN_ROWS if kind == "categorical" else 1
        large = [label for label in sorted(pooled) if pooled[label] >= smallest]
        kept, rest = sorted(large, key=lambda label: -pooled[label])[:max_categories], RARE
        if smallest == 1:
            kept = sorted(kept, key=_place)
    counts = np.array([[rows[label] for label in kept] for rows in (p, q)], dtype=float)
    others = np.array([p.total(), q.total()]) - counts.sum(axis=1)
    merged = int(others.sum())
    if merged:
        kept, counts = [*kept, rest], np.column_stack([counts, others])
    return Cells(_named(kept), counts[0], counts[1], sorted(p.keys() - q.keys()), merged=merged)


def _distinct(categories: Any) -> list[str]:
    """The categories as labels, each once."""
    names = [_label(name) for name in check_list("categories", categories)]
    if not names or len(set(names)) < len(names):
        raise ValueError("categories must name different values, at least one, got "
                         f"{categories!r}.")
    return names


def _place(label: str) -> float:
    """Where a number stands among others; what is none comes last."""
    try:
        return float(label)
    except ValueError:
        return np.inf


def label_counts(values: pd.Series) -> Counter[str]:
    """Rows of each label; values are counted before they are made text, which takes longer."""
    if pd.api.types.infer_dtype(values).startswith("mixed"):  # True == 1, but is another label
        return Counter(map(_label, values.astype(object)))
    counts, out = values.value_counts(), Counter[str]()
    for value, rows in zip(counts.index.astype(object), counts.to_numpy(), strict=True):
        if rows:
            out[_label(value)] += int(rows)
    return out


def _label(value: Any) -> str:
    """A value as text; equal numbers have the same text, whatever their type."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return str(value)
    number = float(value) + 0.0  # no negative zero
    return repr(number) if number == value else str(value)
