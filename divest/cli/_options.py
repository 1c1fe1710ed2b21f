"""Words of the command line that several commands share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

FINDING = 1  # exit status
PAIRS = ("--support", "--bounds", "--box")  # options whose value is two numbers


class Failure(Exception):
    """Something the user can mend, in one line."""


class Parser(argparse.ArgumentParser):
    """Usage errors take one line."""

    def error(self, message: str) -> NoReturn:
        raise Failure(f"{message} (see {self.prog} --help)")

    def parse_known_args(self, args: Sequence[str] | None = None,  # type: ignore[override]
                         namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        words = sys.argv[1:] if args is None else args
        return super().parse_known_args(_joined(words), namespace)


def _joined(words: Sequence[str]) -> list[str]:
    """``--support -1,1`` as one word; argparse takes what starts with a minus for an option."""
    found: list[str] = []
    for word in words:
        if found and found[-1] in PAIRS and word.startswith("-") and "," in word:
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults in the help, where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return super()._get_help_string(action) if action.default else action.help


def names_of(text: str | None) -> list[str] | None:
    """Names separated by commas."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def number_or_word(text: str) -> str | float:
    """A number; else the word, which the method checks."""
    try:
        return float(text)
    except ValueError:
        return text


def add_shared(add: Callable[..., Any], *, resamples: int | None, draws: str) -> None:
    """Options of every command that tests something."""
    add("--level", type=float, default=0.05, help="level of the tests and intervals")
    add("--resamples", type=int, default=resamples, help=draws)
    add("--seed", type=int, default=0, help="seed of the random numbers")
    add("--jobs", type=int, default=1, help="threads; -1 for all cores")
    add("--progress", action="store_true", help="show a progress bar")
    add("--output", default="table", metavar="FORMAT|FILE",
        help="table, json or csv; or a file that ends in .txt, .json or .csv")
