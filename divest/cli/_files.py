"""Tables in, results out."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from divest.cli._options import Failure
from divest.report._files import write_atomically

PICTURES = (".png", ".pdf", ".svg")
FORMATS = {".json": "json", ".csv": "csv", ".txt": "table"}


def read_table(name: str) -> pd.DataFrame:
    """A CSV or Parquet file as a DataFrame."""
    if not Path(name).exists() or Path(name).is_dir():
        raise Failure(f"no such file: {name}")
    if Path(name).suffix.lower() in (".parquet", ".pq"):
        try:
            return pd.read_parquet(name)
        except ImportError:
            raise Failure("reading Parquet needs pyarrow: pip install 'divest[parquet]'") from None
        except Exception as error:  # pyarrow has its own family of errors
            raise Failure(f"cannot read {name} as Parquet: {error}") from None
    try:
        with warnings.catch_warnings():  # rows longer than the header
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(name, low_memory=False, index_col=False)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise Failure(f"cannot read {name} as CSV: {error}") from None
    if table.shape[1] == 1 and any(mark in str(table.columns[0]) for mark in ";\t|"):
        raise Failure(f"{name} has the one column {table.columns[0]!r}: columns must be separated "
                      "by commas")
    return table


def writer(output: str, inputs: list[str], contents: Callable[[Any], dict[str, Any]]
           ) -> Callable[[Any], None]:
    """What writes a result to standard output or to a file that is none of the inputs.

    Results have ``summary()`` and ``to_frame()``; `contents` says what goes into JSON.
    """
    if output in FORMATS.values():
        return lambda result: print(_rendered(result, output, contents))
    suffix = Path(output).suffix.lower()
    if suffix not in FORMATS:
        raise Failure(f"--output must be table, json, csv or a file that ends in .txt, .json or "
                      f".csv; got {output}")
    path = target_path("--output", output, tuple(FORMATS), inputs)
    return lambda result: write_atomically(
        path, (_rendered(result, FORMATS[suffix], contents) + "\n").encode())


def target_path(option: str, value: str, endings: tuple[str, ...], used: list[str]) -> Path:
    """Where an option's file goes: over none of the files that the command uses."""
    path = Path(value).resolve()
    if path.suffix.lower() not in endings:
        raise Failure(f"{option} must be a file that ends in {' or '.join(endings)}; got {value}")
    if not path.parent.is_dir():
        raise Failure(f"no such folder: {path.parent}")
    if path.is_dir() or path in [Path(name).resolve() for name in used]:
        raise Failure(f"{option} would overwrite {value}; choose another file")
    return path


def picture(ax: Any, path: Path) -> bytes:
    """The figure of the axes in the format of the file name; the figure is closed."""
    content = BytesIO()
    ax.figure.savefig(content, format=path.suffix[1:].lower(), dpi=150)
    sys.modules["matplotlib.pyplot"].close(ax.figure)
    return content.getvalue()


def _rendered(result: Any, kind: str, contents: Callable[[Any], dict[str, Any]]) -> str:
    if kind == "table":
        return result.summary()
    if kind == "csv":
        return result.to_frame().to_csv(index=False).rstrip("\n")
    return json.dumps(contents(result), indent=2, default=str)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with plain values at full precision; what does not exist is None."""
    rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
    return [{str(name): getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
            for row in rows]
