"""Small figures in SVG; style sheets colour them, for light, dark and paper."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from divest.report._html import NONE, Html, digits, element

WIDTH, HEIGHT = 200, 52  # of a picture of a distribution
MOST_LETTERS = 30  # in the line below it
MARK = {True: "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0-5 0Z", False: "M0-6L6 0L0 6L-6 0Z"}


# ------------------------------------------------------------ intervals on one axis
def interval_figure(rows: pd.DataFrame, confidence: float) -> Html:
    """Estimates with their intervals, one below the other; stretches with the page.

    Lengths along the axis are percentages, so that text and marks keep their size.
    """
    rows = rows[np.isfinite(rows[["estimate", "low", "high"]].to_numpy(float)).all(axis=1)]
    if rows.empty:
        return Html()
    ends = float(min(rows["low"].min(), 0.0)), float(rows[["estimate", "high"]].to_numpy().max())
    low, high = ends if ends[1] > ends[0] else (ends[0], ends[0] + 1.0)
    bottom = 38 * len(rows) + 6
    drawn = [_interval(row, 38 * i, low, high) for i, row in enumerate(rows.itertuples())]
    figure = element("svg", _axis(low, high, bottom), drawn, class_="intervals", width="100%",
                     height=bottom + 22, role="img",
                     aria_label="Divergences with their intervals; the numbers are in the table")
    caption = ("Divergence of the current from the reference table with "
               f"{100 * confidence:.4g}\u00a0% interval: ● trusted, ◇ doubtful. 0: no difference.")
    return element("figure", figure, element("figcaption", caption))


def _interval(row: Any, top: float, low: float, high: float) -> Html:
    here, start, end = (_percent(value, low, high) for value in (row.estimate, row.low, row.high))
    mark = element("svg", element("path", d=MARK[bool(row.trusted)],
                                  class_="mark" if row.trusted else "mark doubtful"),
                   x=here, y=top + 28, overflow="visible")
    return element("g", element("text", row.divergence, x="3%", dx=5, y=top + 17),
                   element("line", x1=start, x2=end, y1=top + 28, y2=top + 28, class_="bar"), mark)


def _axis(low: float, high: float, bottom: float) -> list[Html]:
    """The axis with its ticks; a stronger line at 0."""
    parts = [element("line", x1="3%", x2="95%", y1=bottom, y2=bottom, class_="axis")]
    for tick in ticks(low, high):
        at = _percent(tick, low, high)
        parts += [element("line", x1=at, x2=at, y1=0, y2=bottom + 4,
                          class_="grid zero" if tick == 0 else "grid"),
                  element("text", digits(tick, 4), x=at, y=bottom + 18,
                          class_="tick")]
    return parts


def _percent(value: float, low: float, high: float) -> str:
    return f"{3 + 92 * (value - low) / (high - low):.3f}%"


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends, three to seven of them."""
    most = (high - low) / 2.5
    power = 10.0 ** np.floor(np.log10(most))
    step = next(power * m for m in (5, 2, 1) if power * m <= most * (1 + 1e-9))
    return [float(k * step) for k in range(int(np.ceil(low / step - 1e-9)),
                                           int(np.floor(high / step + 1e-9)) + 1)]


# ------------------------------------------------------------ both distributions of a column
def picture(rows: pd.DataFrame, name: str) -> Html:
    """Densities of numbers, bars of values and labels: the reference filled, the current drawn."""
    if rows.empty or not np.isfinite(rows[["reference", "current"]].to_numpy(float)).all():
        return element("span", NONE, title="no picture")
    kind = rows["kind"].iloc[0]
    if kind == "categorical":
        return _labelled_bars(rows, name)
    drawn = _densities(rows) if kind == "numeric" else _bars(rows)
    labels = [str(label) for label in rows["label"]]
    if kind == "numeric" or len("  ".join(labels)) > MOST_LETTERS:
        labels = [labels[0], labels[-1]]
    figure = _canvas(drawn, HEIGHT, f"Distributions of {name} from {labels[0]} to {labels[-1]}")
    ends = element("div", [element("span", label) for label in labels],
                   class_="ends spread" if len(labels) == len(rows) else "ends")
    return element("div", figure, ends, class_="picture")


def _canvas(drawn: Any, height: float, label: str) -> Html:
    return element("svg", drawn, viewBox=f"0 0 {WIDTH} {height:g}", width=WIDTH,
                   height=f"{height:g}", role="img", aria_label=label)


def _densities(rows: pd.DataFrame) -> list[Html]:
    x = np.linspace(0, WIDTH, len(rows))
    top = float(rows[["reference", "current"]].to_numpy().max()) or 1.0
    lines = {}
    for name in ("reference", "current"):
        y = HEIGHT - 1 - (HEIGHT - 4) * rows[name].to_numpy(float) / top
        lines[name] = "L".join(f"{a:.4g} {b:.1f}" for a, b in zip(x, y, strict=True))
    floor = HEIGHT - 1
    return [element("path", d=f"M0 {floor}L{lines['reference']}L{WIDTH} {floor}Z", class_="ref"),
            element("path", d=f"M{lines['current']}", class_="cur line"), _floor()]


def _bars(rows: pd.DataFrame) -> list[Html]:
    """Pairs of bars that stand, in the order of the values."""
    pairs = rows[["reference", "current"]].to_numpy(float)
    edges = np.linspace(0, WIDTH, len(rows) + 1)
    drawn = []
    for (left, right), shares in zip(pairwise(edges), pairs, strict=True):
        width = min(0.4 * (right - left), 16.0)
        heights = (HEIGHT - 4) * shares / (pairs.max() or 1.0)
        for kind, x, high in zip(("ref", "cur"), ((left + right) / 2 - width, (left + right) / 2),
                                 heights, strict=True):
            drawn.append(element("rect", x=f"{x:.1f}", y=f"{HEIGHT - 1 - high:.1f}",
                                 width=f"{width:.1f}", height=f"{high:.1f}", class_=kind))
    return [*drawn, _floor()]


def _floor() -> Html:
    return element("line", x1=0, x2=WIDTH, y1=HEIGHT - 0.5, y2=HEIGHT - 0.5, class_="axis")


def _labelled_bars(rows: pd.DataFrame, name: str) -> Html:
    """Pairs of bars that lie, each beside its label."""
    most = float(rows[["reference", "current"]].to_numpy().max()) or 1.0
    left, step = 76, 16
    drawn = []
    row: Any
    for i, row in enumerate(rows.itertuples()):
        label = str(row.label)
        text = element("text", label[:MOST_LETTERS], y=11, class_="label")
        told = element("title", f"{label}: reference {row.reference:.1%}, "
                       f"current {row.current:.1%}")
        bars = [element("rect", x=left, y=step * i + 2 + 6 * j, height=5, class_=kind,
                        width=f"{(WIDTH - left) * float(value) / most:.1f}")
                for j, (kind, value) in enumerate((("ref", row.reference), ("cur", row.current)))]
        drawn.append(element("g", told, element("svg", text, y=step * i, width=left - 4,
                                                height=step), bars))
    return element("div", _canvas(drawn, step * len(rows), f"Shares of the labels of {name}"),
                   class_="picture")
