"""Words and tables that all comparisons print."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

EFFECT = ("Drift means a population stability index (psi) above {:g}, missing values counted as a "
          "cell: adjusted p-values are of that.")


def plain_text(frame: pd.DataFrame) -> str:
    """A table for the terminal: three digits, no index."""
    return frame.to_string(index=False, float_format=lambda x: f"{x:.3g}", na_rep="-")


def beyond_effect(effect: float) -> str:
    """What drift means in a verdict, where a smallest effect was asked for."""
    return f" beyond an index of {effect:g}" if effect else ""


def count(number: int, noun: str) -> str:
    """A number and what it counts: "1 group", "2 groups"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def with_missing(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a column of missing values, reference/current, where there are any."""
    counts = rows[["missing_reference", "missing_current"]]
    if not counts.any(axis=None):
        return rows
    return rows.assign(missing=counts.astype(str).agg("/".join, axis=1))


def doubts(rows: pd.DataFrame) -> list[str]:
    """A line for each diagnostic that fails in some rows of a table, with their columns."""
    failed = rows["failed_diagnostics"].str.split(", ")
    lines = []
    for name in filter(None, dict.fromkeys(failed.explode())):
        where = rows[[name in names for names in failed]]
        times = f"{len(where)} of {len(rows)} rows; " if "group" in rows else ""
        columns = ", ".join(dict.fromkeys(map(str, where["column"])))
        lines.append(f"Doubtful: {name} ({times}columns: {columns}).")
    return lines


def call_text(function: Callable[..., Any], given: dict[str, Any]) -> str:
    """The call of a comparison: what differs from the defaults."""
    usual = signature(function).parameters
    words = [f"{name}={value!r}" for name, value in given.items()
             if repr(value) != repr(usual[name].default)]
    call = f"{function.__name__}({', '.join(['reference', 'current', *words])})"
    return " ".join(call.split())  # seed sequences take several lines


def seed_of(root: np.random.SeedSequence) -> Any:
    """The ``random_state`` that starts the same streams again."""
    return root if root.spawn_key else root.entropy
