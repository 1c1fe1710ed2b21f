"""The rows that ``divest plan`` uses, and what it hands back."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Any

from divest.cli._files import records
from divest.cli._options import Failure, names_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """The complete rows of a file."""

    file: str
    values: np.ndarray
    names: tuple[str, ...]
    n_dropped: int
    left_out: tuple[str, ...]

    def opening(self) -> list[str]:
        """Rows and columns in words."""
        n, d = self.values.shape
        shown = ", ".join(self.names[:5]) + (" ..." if d > 5 else "")
        lines = [f"{self.file}: {n} rows of {d} column{'s' if d > 1 else ''} ({shown})."]
        if self.n_dropped:
            lines.append(f"Rows left out because of missing values: {self.n_dropped} of "
                         f"{n + self.n_dropped}.")
        if self.left_out:
            lines.append("Columns left out because they do not hold numbers: "
                         f"{', '.join(self.left_out)}.")
        return lines


@dataclass(frozen=True)
class Plan:
    """An answer for each file, and the one that decides."""

    question: dict[str, Any]
    rows: list[Rows]
    results: list[Any]
    decisive: int
    enough: bool | None  # None where nothing says what is enough
    verdict: str

    def to_frame(self) -> pd.DataFrame:
        """One row per file."""
        import pandas as pd

        frames = [result.to_frame().assign(
            file=rows.file, n_dropped=rows.n_dropped, decisive=place == self.decisive,
            enough=self.enough, **self.question) for place, (rows, result)
            in enumerate(zip(self.rows, self.results, strict=True))]
        return pd.concat(frames, ignore_index=True)

    def summary(self) -> str:
        """What was used, the verdict, and the numbers with their advice."""
        parts = [line for rows in self.rows for line in rows.opening()]
        if self.question.get("standardize") == "std":
            parts.append("Columns were divided by their standard deviations.")
        parts.append(self.verdict)
        for rows, result in zip(self.rows, self.results, strict=True):
            title = [f"{rows.file}:"] if len(self.rows) > 1 else []
            parts += ["", *title, result.summary()]
            if result.trusted:
                parts.append(f"All {len(result.diagnostics)} diagnostics passed: nothing speaks "
                             "against trusting this.")
        return "\n".join(parts)


def contents(plan: Plan) -> dict[str, Any]:
    """What goes into JSON."""
    from divest._results import diagnostics_frame

    files = []
    for rows, result in zip(plan.rows, plan.results, strict=True):
        found = {"file": rows.file, "n_rows": len(rows.values), "n_dropped": rows.n_dropped,
                 "columns": list(rows.names), "left_out": list(rows.left_out),
                 "result": _plain(result.to_frame())[0],
                 "diagnostics": _plain(diagnostics_frame(result.diagnostics))}
        if hasattr(result, "curve"):
            found["curve"] = _plain(result.curve)
        files.append(found)
    return {"verdict": plan.verdict, "enough": plan.enough, **plan.question,
            "decisive": plan.rows[plan.decisive].file, "files": files}


def _plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Records for JSON, which knows no infinity."""
    return records(table.replace([inf, -inf], nan))


# ------------------------------------------------------------ the rows
def rows_of(file: str, table: pd.DataFrame, options: argparse.Namespace) -> Rows:
    """The complete rows of the columns, as numbers."""
    import numpy as np

    from divest._samples import as_frame, as_numbers, numeric_columns
    from divest._validation import check_finite

    frame, wanted = as_frame(table, file), names_of(options.columns)
    if options.family is not None:
        frame = _coded(frame, wanted, options.family.partition(":")[0])
    names, left_out = numeric_columns(frame, wanted, "numbers are wanted")
    values = np.column_stack([as_numbers(frame[name]) for name in names])
    check_finite(np.nan_to_num(values, posinf=inf, neginf=-inf), file, names)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.any():
        raise Failure(f"every row of {file} has a missing value in a column that is used; name "
                      "other columns with --columns")
    return Rows(file, values[kept], tuple(map(str, names)), int((~kept).sum()), left_out)


def _coded(frame: pd.DataFrame, wanted: list[str] | None, family: str) -> pd.DataFrame:
    """Labels in one column (multinomial), or true and false (bernoulli, ising), as numbers."""
    used = list(frame.columns) if wanted is None else wanted
    if family == "multinomial" and len(used) == 1 and used[0] in frame:
        codes = frame[used[0]].astype("category").cat.codes.astype(float)
        return frame.assign(**{used[0]: codes.where(codes >= 0)})
    if family in ("bernoulli", "ising"):
        known = frame.convert_dtypes().select_dtypes("boolean")
        return frame.assign(**{str(name): known[name].astype("Float64") for name in known})
    return frame
