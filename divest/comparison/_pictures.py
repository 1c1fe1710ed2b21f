"""Both distributions of every column in a few numbers, small enough to keep and to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from divest._samples import as_numbers
from divest.density import robust_bandwidth
from divest.discrete._cells import MISSING, _edge_text, two_sample_cells

MOST_ROWS = 20_000  # of each table
POINTS, CELLS = 61, 600  # where a density is drawn, and the cells it is computed from
MOST_BARS = 8  # of a column of labels
TAIL = 0.005  # share of either table beyond each end of the axis
OTHERS = "(others)"
COLUMNS = ["column", "kind", "at", "label", "reference", "current"]


def column_pictures(p: pd.DataFrame, q: pd.DataFrame, kinds: dict[Any, str],
                    seed: np.random.SeedSequence) -> pd.DataFrame:
    """Densities of numbers, shares of values and labels: one row per point or bar."""
    rng = np.random.default_rng(seed)
    p, q = _sampled(p, rng), _sampled(q, rng)
    pictures = []
    for name, kind in kinds.items():
        draw = {"numeric": _densities, "discrete": _shares, "categorical": _shares}.get(kind)
        if draw is not None and p[name].notna().any() and q[name].notna().any():
            picture = draw(p[name], q[name], kind)
            picture.insert(0, "column", pd.Series([name] * len(picture), dtype=object))
            picture.insert(1, "kind", kind)
            pictures.append(picture)
    drawn = [picture for picture in pictures if len(picture)]
    return pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=COLUMNS)


def _sampled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= MOST_ROWS:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))]


def _densities(p: pd.Series, q: pd.Series, kind: str) -> pd.DataFrame:
    """Kernel estimates on the same points, which leave out the far tails."""
    samples = [as_numbers(values.dropna()) for values in (q, p)]
    ends = np.array([np.quantile(values, [TAIL, 1 - TAIL]) for values in samples])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not high > low:  # but for the tails all values are the same
        low, high = low - max(abs(low), 1.0) / 2, low + max(abs(low), 1.0) / 2
    if not np.isfinite(high - low):
        return pd.DataFrame(columns=COLUMNS[2:])
    points = np.linspace(low, high, POINTS)
    with np.errstate(over="ignore"):  # of values far out
        reference, current = (_density((values - low) / (high - low)) / (high - low)
                              for values in samples)
    return pd.DataFrame({"at": points, "label": _labels(points, p), "reference": reference,
                         "current": current})


def _density(values: np.ndarray) -> np.ndarray:
    """Gaussian kernel estimate on the unit interval, of binned values; no finer than the points."""
    width = 1 / (POINTS - 1)
    if np.ptp(near := np.clip(values, -1, 2)) > 0:
        width = max(width, robust_bandwidth(near))
    counts, edges = np.histogram(values, CELLS, (0, 1))
    distance = (np.linspace(0, 1, POINTS)[:, None] - (edges[1:] + edges[:-1]) / 2) / width
    return np.exp(-0.5 * distance**2) @ counts / (len(values) * width * np.sqrt(2 * np.pi))


def _labels(points: np.ndarray, values: pd.Series) -> list[str]:
    """The points in words; those of dates are dates."""
    if pd.api.types.is_datetime64_any_dtype(values):
        days = 10 if np.ptp(points) > 3 * 86400 else 19  # characters of 2024-01-31, and of seconds
        return [text[:days] for text in _edge_text(np.round(points), values)]
    if pd.api.types.is_timedelta64_dtype(values):
        return _edge_text(np.round(points), values)
    return [f"{point:.4g}" for point in points]


def _shares(p: pd.Series, q: pd.Series, kind: str) -> pd.DataFrame:
    """Shares of the values; of labels, only the commonest have a bar of their own."""
    cells = two_sample_cells(p, q, kind=kind)
    table = pd.DataFrame({"label": cells.labels["cell"], "reference": cells.q / cells.q.sum(),
                          "current": cells.p / cells.p.sum()})
    table = _commonest(table) if kind == "categorical" else _in_order(table)
    table.insert(0, "at", np.arange(len(table), dtype=float))
    return table


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Dates in their order, as numbers are already; labels without empty ends."""
    if pd.to_numeric(table["label"], errors="coerce").isna().all():
        table = table.sort_values("label", key=lambda s: s.replace(MISSING, "~"), kind="stable")
    return table.assign(label=table["label"].str.replace(r"(\.0| 00:00:00(\+00:00)?)$", "",
                                                         regex=True))


def _commonest(table: pd.DataFrame) -> pd.DataFrame:
    """The first labels, which are the commonest; then the rest in one, then missing values."""
    named = table[table["label"] != MISSING]
    missing = table[table["label"] == MISSING]
    if len(named) <= MOST_BARS:
        return table.reset_index(drop=True)
    rest = named.iloc[MOST_BARS - 1:]
    others = rest[["reference", "current"]].sum().to_frame().T.assign(label=OTHERS)
    return pd.concat([named.iloc[:MOST_BARS - 1], others, missing], ignore_index=True)
