"""``divest study``: the face of `divest.study.Study`, read from a TOML file."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divest.cli._files import target_path, write_atomically
from divest.cli._imports import current_folder
from divest.cli._options import Failure, Formatter
from divest.cli._study_file import read_study

if TYPE_CHECKING:
    import pandas as pd

    from divest.study import Study, StudyResults

_TABLES = (".csv", ".parquet", ".pq")
_UNPRINTED = ("cell", "mean", "sd", "rmse_mcse", "se_ratio")  # for want of room; --summary has all
_PATIENCE = "10s"  # for a scheduler to answer


def add_study(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "study", help="how does a method behave over these settings?", formatter_class=Formatter,
        description="Simulate, apply methods, and say how they did: bias, error, coverage, size "
        "and power over a grid of settings, each with its Monte Carlo error. FILE names the "
        "simulator, the methods and the grid. Modules that it names are imported, also from the "
        "current folder; nothing else in it is run.")
    add = parser.add_argument
    add("file", metavar="FILE.toml", help="what to study")
    add("--store", metavar="FILE", help="keep finished replications in this SQLite file, so that "
        "nothing is lost when the study is stopped")
    add("--resume", action="store_true", help="go on with the store, where there is one")
    workers = parser.add_mutually_exclusive_group()
    workers.add_argument("--jobs", metavar="N", type=int, help="threads, 1 where it is not given; "
                         "-1 for all cores. They do not change the results")
    workers.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="compute on the Dask "
                         "cluster of this scheduler")
    add("--output", metavar="FILE", help="write the table of replications (.csv or .parquet)")
    add("--summary", metavar="FILE", help="write the summary in full (.csv)")
    add("--progress", action="store_true", help="show a progress bar")
    parser.set_defaults(run=_study)


def _study(options: argparse.Namespace) -> int:
    _check(options)
    targets = _targets(options)
    with current_folder():  # until the end: functions may import while they run
        study = read_study(options.file)
        _check_parquet(options.output, study.cells)
        results, caught = _results(study, options)
    made = {path: make(results) for path, make in targets.items()}
    for path, content in made.items():
        write_atomically(path, content)
    print(_printed(results.summary()))
    for message in dict.fromkeys(caught):
        print(f"divest: warning: {message}", file=sys.stderr)
    return 0


def _results(study: Study, options: argparse.Namespace) -> tuple[StudyResults, list[str]]:
    """Run the study; its results, and its warnings, each on one line."""
    from divest import TrustWarning

    with warnings.catch_warnings(record=True) as caught, _cluster(options.scheduler) as client:
        warnings.simplefilter("default", TrustWarning)
        try:
            results = study.run(n_jobs=options.jobs, progress=options.progress,
                                store=options.store, client=client)
        except KeyboardInterrupt as stop:
            message = str(stop) or "interrupted"
            raise KeyboardInterrupt(message + _advice(options)) from None
    return results, [" ".join(str(warning.message).split()) for warning in caught]


def _check(options: argparse.Namespace) -> None:
    """Refuse to go on with a store unless that is asked for."""
    if options.jobs == 0:
        raise Failure("--jobs must be a number of threads, or -1 for all cores; got 0")
    if options.store is None and options.resume:
        raise Failure("--resume goes with --store FILE")
    if options.store is not None and Path(options.store).exists() and not options.resume:
        raise Failure(f"{options.store} exists; add --resume to go on with that study, or choose "
                      "another file")


def _advice(options: argparse.Namespace) -> str:
    """What to type after Ctrl-C."""
    return ": the same command with --resume" if options.store is not None else " (--store FILE)"


# ------------------------------------------------------------ results
def _targets(options: argparse.Namespace) -> dict[Path, Callable[[StudyResults], bytes]]:
    """Files to write, and what makes their contents; refused before anything is computed."""
    targets: dict[Path, Callable[[StudyResults], bytes]] = {}
    used = [name for name in (options.file, options.store) if name is not None]
    if options.output is not None:
        path = target_path("--output", options.output, _TABLES, used)
        csv = path.suffix.lower() == ".csv"
        if not csv and find_spec("pyarrow") is None:
            raise Failure("writing Parquet needs pyarrow: pip install 'divest[parquet]'")
        targets[path] = lambda results: (_csv if csv else _parquet)(results.frame)
        used.append(options.output)
    if options.summary is not None:
        path = target_path("--summary", options.summary, (".csv",), used)
        targets[path] = lambda results: _csv(results.summary())
    return targets


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _parquet(table: pd.DataFrame) -> bytes:
    content = BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def _check_parquet(output: str | None, cells: list[dict[str, Any]]) -> None:
    """Refuse settings of several kinds, which no column of Parquet holds, before anything runs."""
    if output is None or output.lower().endswith(".csv"):
        return
    import pandas as pd

    try:
        _parquet(pd.DataFrame(cells))
    except Exception as error:  # pyarrow has its own family of errors
        raise Failure(f"the grid cannot be written as Parquet; use --output FILE.csv ({error})"
                      ) from None


def _printed(summary: pd.DataFrame) -> str:
    """The columns of the summary that say something, to four digits."""
    table = summary.drop(columns=list(_UNPRINTED)).dropna(axis=1, how="all")
    return table.to_string(index=False, float_format="{:.4g}".format)


# ------------------------------------------------------------ cluster
@contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    """A client of the cluster, where one is named."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise Failure("--scheduler needs Dask: pip install 'divest[distributed]'") from None
    try:
        client = Client(address, timeout=_PATIENCE)
    except Exception as error:  # of the network, or of the address
        raise Failure(f"--scheduler: no scheduler answers at {address} ({error})") from None
    with client:
        yield client
