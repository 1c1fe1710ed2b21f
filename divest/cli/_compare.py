"""``divest compare``: the face of `divest.compare`."""

from __future__ import annotations

import argparse
import shlex
import warnings
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divest.cli._files import read_table, records, target_path, writer
from divest.cli._options import FINDING, Failure, Formatter, add_shared, names_of

if TYPE_CHECKING:
    import pandas as pd

    from divest.comparison import Comparison, GroupComparison

DIVERGENCES = "kl,jensen_shannon,hellinger"


def add_compare(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "compare", help="how far is one table from another?", formatter_class=Formatter,
        description="Compare the CURRENT table with the REFERENCE table: joint divergence of the "
        "numeric columns, two-sample test, and one row per column. With --by, compare each group "
        "of the CURRENT table with the REFERENCE: one row per group and column.")
    add = parser.add_argument
    add("reference", metavar="REFERENCE", help="CSV or Parquet file of the reference table")
    add("current", metavar="CURRENT", help="CSV or Parquet file of the table in question")
    add("--divergence", metavar="NAMES", help="joint divergences, separated by commas, such as "
        f"kl,renyi(0.5) (default: {DIVERGENCES})")
    add("--columns", metavar="NAMES", help="columns to compare, separated by commas; all shared "
        "ones by default")
    add("--standardize", choices=["std", "whiten", "none"],
        help="scale of the numeric columns (default: std)")
    add("--by", metavar="COLUMN", help="compare each group of this column of CURRENT by itself, "
        "without the joint analysis")
    add("--freq", choices=["D", "W", "M", "Q", "Y"], help="with --by: days, weeks, months, "
        "quarters or years of a column of dates")
    add("--min-effect", type=float, default=0.0, metavar="PSI", help="population stability index "
        "up to which the change of a column is no drift")
    add("--bins", type=int, default=10, help="cells of a numeric column in that index")
    add_shared(add, resamples=999, draws="permutations of each test")
    add("--report", metavar="FILE", help="write a page of HTML to send on")
    add("--fail-on-drift", action="store_true", help="end with status 1 when the tables differ")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from divest import TrustWarning

    write = writer(options.output, [options.reference, options.current],
                   _contents if options.by is None else _group_contents)
    page = None if options.report is None else target_path(
        "--report", options.report, (".html", ".htm"),
        [options.reference, options.current, options.output])
    if options.freq is not None and options.by is None:
        raise Failure("--freq needs --by, the column of dates")
    for name in ("divergence", "standardize"):
        if options.by is not None and getattr(options, name) is not None:
            raise Failure(f"--{name} is for the joint analysis, which --by leaves out")
    reference, current = (read_table(name) for name in (options.reference, options.current))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        comparison = _tables(options, reference, current)
    if page is not None:
        comparison.to_html(
            page, reference=Path(options.reference).name, current=Path(options.current).name,
            date=date.today().isoformat(), command=shlex.join(["divest", *options.words]))
    write(comparison)
    return FINDING if options.fail_on_drift and comparison.drift else 0


def _tables(options: argparse.Namespace, reference: pd.DataFrame,
            current: pd.DataFrame) -> Comparison | GroupComparison:
    """The comparison asked for, of the whole tables or by group."""
    from divest import compare
    from divest.comparison import compare_groups

    shared = {"columns": names_of(options.columns), "level": options.level,
              "minimum_effect": options.min_effect, "bins": options.bins,
              "n_resamples": options.resamples, "random_state": options.seed,
              "n_jobs": options.jobs}
    if options.by is not None:
        return compare_groups(reference, current, options.by, freq=options.freq, **shared)
    standardize = options.standardize or "std"
    return compare(reference, current, divergence=names_of(options.divergence or DIVERGENCES),
                   standardize=None if standardize == "none" else standardize,
                   progress=options.progress, **shared)


def _contents(comparison: Comparison) -> dict[str, Any]:
    test = comparison.test
    return {
        "verdict": comparison.verdict, "drift": comparison.drift, "level": comparison.level,
        "minimum_effect": comparison.minimum_effect, "unmatched": list(comparison.unmatched),
        "test": None if test is None else records(test.to_frame().assign(seed=test.seed))[0],
        **{name: records(getattr(comparison, name))
           for name in ("joint", "columns", "diagnostics")}}


def _group_contents(comparison: GroupComparison) -> dict[str, Any]:
    return {"verdict": comparison.verdict, "drift": comparison.drift, "level": comparison.level,
            "minimum_effect": comparison.minimum_effect, "unmatched": list(comparison.unmatched),
            **{name: records(getattr(comparison, name)) for name in ("groups", "columns")}}
