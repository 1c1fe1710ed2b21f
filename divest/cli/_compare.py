"""``divest compare``: the face of `divest.compare`."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any

from divest.cli._files import read_table, records, writer
from divest.cli._options import FINDING, Formatter, add_shared, names_of

if TYPE_CHECKING:
    from divest.comparison import Comparison


def add_compare(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "compare", help="how far is one table from another?", formatter_class=Formatter,
        description="Compare the CURRENT table with the REFERENCE table: joint divergence of the "
        "numeric columns, two-sample test, and one row per column.")
    add = parser.add_argument
    add("reference", metavar="REFERENCE", help="CSV or Parquet file of the reference table")
    add("current", metavar="CURRENT", help="CSV or Parquet file of the table in question")
    add("--divergence", metavar="NAMES", default="kl,jensen_shannon,hellinger",
        help="joint divergences, separated by commas, such as kl,renyi(0.5)")
    add("--columns", metavar="NAMES", help="columns to compare, separated by commas; all shared "
        "ones by default")
    add("--standardize", choices=["std", "whiten", "none"], default="std",
        help="scale of the numeric columns")
    add_shared(add, resamples=999, draws="permutations of each test")
    add("--fail-on-drift", action="store_true", help="end with status 1 when the tables differ")
    parser.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from divest import TrustWarning, compare

    write = writer(options.output, [options.reference, options.current], _contents)
    reference, current = (read_table(name) for name in (options.reference, options.current))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        comparison = compare(
            reference, current, divergence=names_of(options.divergence),
            columns=names_of(options.columns), level=options.level, n_resamples=options.resamples,
            standardize=None if options.standardize == "none" else options.standardize,
            random_state=options.seed, n_jobs=options.jobs, progress=options.progress)
    write(comparison)
    return FINDING if options.fail_on_drift and comparison.drift else 0


def _contents(comparison: Comparison) -> dict[str, Any]:
    test = comparison.test
    return {
        "verdict": comparison.verdict, "drift": comparison.drift, "level": comparison.level,
        "unmatched": list(comparison.unmatched),
        "test": None if test is None else records(test.to_frame().assign(seed=test.seed))[0],
        **{name: records(getattr(comparison, name))
           for name in ("joint", "columns", "diagnostics")}}
