"""What all pages share: the frame, the opening, the verdict."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from divest.report._html import Html, element, number, share
from divest.report._style import STYLE

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"  # no script, no network
WORD = {"drift": "▲", "calm": "●", "open": "○"}  # told apart by shape, not by colour alone

MISSING = ("Missing: share of values in the reference, in the current table, and p-value of the "
           "difference.")


def page(title: str, sections: Iterable[Any]) -> str:
    """The whole page."""
    head = element(
        "head", element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"divest {version()}"),
        element("link", rel="icon", href="data:,"), element("title", title),
        element("style", Html(STYLE)))
    return "<!doctype html>\n" + element("html", head, element("body", element(
        "main", list(sections))), lang="en") + "\n"


def version() -> str:
    """The version of divest."""
    from divest import __version__

    return __version__


def opening(title: str, facts: Iterable[Any]) -> Html:
    """What was compared."""
    return element("header", element("h1", title), element(
        "ul", [element("li", fact) for fact in facts if fact], class_="facts soft"))


def verdict(outcome: str, headline: str, sentences: Iterable[Any]) -> Html:
    """The answer, before all else."""
    told = [element("p", sentence) for sentence in sentences if sentence]
    line = element("p", f"{WORD[outcome]} {headline}", class_="headline")
    return element("section", line, told, class_=f"verdict {outcome}", aria_label="Verdict")


def section(title: str, *content: Any) -> Html:
    """A part with a heading."""
    return element("section", element("h2", title), *content)


def outcome_word(drift: bool, tested: bool, trusted: bool) -> list[Html]:
    """Drift or not, by word and shape; and whether that is doubtful."""
    kind = ("drift" if drift else "calm") if tested else "open"
    word = {"drift": "drift", "calm": "no drift", "open": "not tested"}[kind]
    shown = element("b" if drift else "span", f"{WORD[kind]} {word}",
                    class_="drift" if drift else "word")
    return [shown] if trusted else [shown, element("small", "◇ doubtful", class_="word")]


def missing_values(row: Any) -> list[Any]:
    """Shares of missing values, and the p-value of their difference."""
    told: list[Any] = [share(row.missing_reference, row.n_reference), ", ",
                       share(row.missing_current, row.n_current)]
    if not np.isnan(row.missing_pvalue):
        told.append(element("small", "p\u00a0=\u00a0", number(row.missing_pvalue)))
    return told


def repeat(command: str) -> Html:
    """The command that gives the same again."""
    return element("pre", element("code", command)) if command else Html()


def capital(text: str) -> str:
    """The text as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""
