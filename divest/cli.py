"""The command line: parse, call a public function, print a table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pandas as pd

    from divest.comparison import Comparison

DRIFT, ERROR = 1, 2  # exit statuses
FORMATS = {".json": "json", ".csv": "csv", ".txt": "table"}


class _Parser(argparse.ArgumentParser):
    """Usage errors take one line."""

    def error(self, message: str) -> NoReturn:
        raise _Failure(f"{message} (see {self.prog} --help)")


class _Failure(Exception):
    """Something the user can mend, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``divest ...``.

    Parameters
    ----------
    arguments : list of str, optional
        The words after ``divest``; by default those of the process.

    Returns
    -------
    int
        0; 1 where the user asked to fail on a finding; 2 after an error, with one line on standard
        error.

    Examples
    --------
    >>> from divest.cli import main
    >>> main(["compare"])
    2
    """
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except _Failure as failure:
        message = str(failure)
    except KeyboardInterrupt:
        message = "interrupted"
    except BrokenPipeError:  # the reader of a pipe has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # whatever it is, one line is kinder than a traceback
        message = f"{error}" or type(error).__name__
    print(f"divest: error: {' '.join(message.split())}", file=sys.stderr)
    return ERROR


def _parser() -> _Parser:
    from divest import __version__

    parser = _Parser(prog="divest", description="How far apart are two distributions, does a model "
                     "fit, and is there enough data to say so?")
    parser.add_argument("--version", action="version", version=f"divest {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_compare(commands)
    return parser


def _add_compare(commands: Any) -> None:
    add = commands.add_parser(
        "compare", help="how far is one table from another?", formatter_class=_Formatter,
        description="Compare the CURRENT table with the REFERENCE table: joint divergence of the "
        "numeric columns, two-sample test, and one row per column.").add_argument
    add("reference", metavar="REFERENCE", help="CSV or Parquet file of the reference table")
    add("current", metavar="CURRENT", help="CSV or Parquet file of the table in question")
    add("--divergence", metavar="NAMES", default="kl,jensen_shannon,hellinger",
        help="joint divergences, separated by commas, such as kl,renyi(0.5)")
    add("--columns", metavar="NAMES", help="columns to compare, separated by commas; all shared "
        "ones by default")
    add("--standardize", choices=["std", "whiten", "none"], default="std",
        help="scale of the numeric columns")
    add("--level", type=float, default=0.05, help="level of the tests and intervals")
    add("--resamples", type=int, default=999, help="permutations of each test")
    add("--seed", type=int, default=0, help="seed of the permutations")
    add("--jobs", type=int, default=1, help="threads; -1 for all cores")
    add("--progress", action="store_true", help="show a progress bar")
    add("--output", default="table", metavar="FORMAT|FILE",
        help="table, json or csv; or a file that ends in .txt, .json or .csv")
    add("--fail-on-drift", action="store_true", help="end with status 1 when the tables differ")
    commands.choices["compare"].set_defaults(run=_compare)


class _Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Defaults in the help, where there is one to show."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return super()._get_help_string(action) if action.default else action.help


def _compare(options: argparse.Namespace) -> int:
    """``divest compare``: the face of `divest.compare`."""
    from divest import TrustWarning, compare

    write = _writer(options.output, [options.reference, options.current])
    reference, current = (_read(name) for name in (options.reference, options.current))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        comparison = compare(
            reference, current, divergence=_names(options.divergence),
            columns=_names(options.columns), level=options.level, n_resamples=options.resamples,
            standardize=None if options.standardize == "none" else options.standardize,
            random_state=options.seed, n_jobs=options.jobs, progress=options.progress)
    write(comparison)
    return DRIFT if options.fail_on_drift and comparison.drift else 0


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def _read(name: str) -> pd.DataFrame:
    """A CSV or Parquet file as a DataFrame."""
    import pandas as pd

    if not Path(name).exists() or Path(name).is_dir():
        raise _Failure(f"no such file: {name}")
    if Path(name).suffix.lower() in (".parquet", ".pq"):
        try:
            return pd.read_parquet(name)
        except ImportError:
            raise _Failure("reading Parquet needs pyarrow: pip install 'divest[parquet]'") from None
        except Exception as error:  # pyarrow has its own family of errors
            raise _Failure(f"cannot read {name} as Parquet: {error}") from None
    try:
        with warnings.catch_warnings():  # rows longer than the header
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(name, low_memory=False, index_col=False)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _Failure(f"cannot read {name} as CSV: {error}") from None
    if table.shape[1] == 1 and any(mark in str(table.columns[0]) for mark in ";\t|"):
        raise _Failure(f"{name} has the one column {table.columns[0]!r}: columns must be separated "
                       "by commas")
    return table


def _writer(output: str, inputs: list[str]) -> Any:
    """What writes a comparison to standard output or to a file that is none of the inputs."""
    if output in FORMATS.values():
        return lambda comparison: print(_rendered(comparison, output))
    suffix = Path(output).suffix.lower()
    if suffix not in FORMATS:
        raise _Failure(f"--output must be table, json, csv or a file that ends in .txt, .json or "
                       f".csv; got {output}")
    path = Path(output).resolve()
    if not path.parent.is_dir():
        raise _Failure(f"no such folder: {path.parent}")
    if path.is_dir() or path in [Path(name).resolve() for name in inputs]:
        raise _Failure(f"--output would overwrite {output}; choose another file")
    return lambda comparison: _write_atomically(path, _rendered(comparison, FORMATS[suffix]))


def _write_atomically(path: Path, text: str) -> None:
    """All of the text or none of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _rendered(comparison: Comparison, kind: str) -> str:
    if kind == "table":
        return comparison.summary()
    if kind == "csv":
        return comparison.to_frame().to_csv(index=False).rstrip("\n")
    test = comparison.test
    return json.dumps({
        "verdict": comparison.verdict, "drift": comparison.drift, "level": comparison.level,
        "unmatched": list(comparison.unmatched),
        "test": None if test is None else _records(test.to_frame().assign(seed=test.seed))[0],
        **{name: _records(getattr(comparison, name))
           for name in ("joint", "columns", "diagnostics")}}, indent=2, default=str)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows with plain values at full precision; what does not exist is None."""
    rows = table.astype(object).where(table.notna(), None).to_dict(orient="records")
    return [{str(name): getattr(value, "item", lambda v=value: v)() for name, value in row.items()}
            for row in rows]
