"""Elements of HTML in which everything that is not marked as HTML is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

EMPTY = ("meta", "link", "line", "rect", "circle", "path")  # elements without content
NONE = "\u2013"  # a dash where there is no number
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # HTML has no place for them


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def as_html(content: Any) -> Html:
    """Any content as HTML; lists are joined."""
    if isinstance(content, Html):
        return content
    if isinstance(content, (list, tuple)):
        return Html("".join(map(as_html, content)))
    return Html("" if content is None else escape(_CONTROLS.sub("\ufffd", str(content))))


def element(tag: str, *content: Any, **attributes: Any) -> Html:
    """One element; ``class_`` gives class, ``data_label`` data-label; None leaves a name out."""
    named = "".join(f' {name.rstrip("_").replace("_", "-")}="{as_html(str(value))}"'
                    for name, value in attributes.items() if value is not None)
    if tag in EMPTY:
        return Html(f"<{tag}{named}>" if tag in ("meta", "link") else f"<{tag}{named}/>")
    return Html(f"<{tag}{named}>{as_html(content)}</{tag}>")


def number(value: Any) -> Html:
    """A number in a few digits, in full for machines; a dash where there is none."""
    if value is None or np.isnan(value):
        return element("span", NONE, title="none")
    if isinstance(value, (int, np.integer)):
        return element("data", f"{int(value):,}", value=int(value))
    return element("data", digits(value), value=repr(float(value)))


def counted(value: int, noun: str) -> list[Any]:
    """A count of things: 1 row, 2 rows."""
    return [number(value), f" {noun}{'' if value == 1 else 's'}"]


def digits(value: float, count: int = 3) -> str:
    """A number in a few digits, with a proper minus sign."""
    return f"{float(value):.{count}g}".replace("-", "\u2212")


def share(count: int, total: int) -> Html:
    """A count as percent of a total."""
    percent = 100 * count / total
    shown = "<0.1" if 0 < percent < 0.1 else f"{percent:.3g}"
    return element("data", f"{shown}\u00a0%", value=int(count))


def interval(low: float, high: float) -> Any:
    """An interval in brackets."""
    if np.isnan(low) or np.isnan(high):
        return ""
    return [" ", element("span", "[", number(low), ", ", number(high), "]", class_="word")]


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: Any,
          class_: str | None = None) -> Html:
    """A table whose first column heads the rows.

    On narrow screens rows become cards, which take the table apart for screen readers: the roles
    keep it together.
    """
    top = element("tr", [element("th", name, scope="col", role="columnheader")
                         for name in headers], role="row")
    body = [element("tr", element("th", first, scope="row", role="rowheader"),
                    [element("td", element("div", cell), data_label=name, role="cell")
                     for name, cell in zip(headers[1:], cells, strict=True)], role="row")
            for first, *cells in rows]
    return element("table", element("caption", caption),
                   element("thead", top, role="rowgroup"),
                   element("tbody", body, role="rowgroup"), role="table", class_=class_)


def listing(lines: Iterable[Any]) -> Html:
    """A list with bullets; nothing where there are no lines."""
    items = [element("li", line) for line in lines]
    return element("ul", items) if items else Html()
