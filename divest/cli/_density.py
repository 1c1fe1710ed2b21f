"""``divest density``: the face of `divest.density.density_report`."""

from __future__ import annotations

import argparse
import sys
import warnings
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divest.cli._files import (
    PICTURES,
    picture,
    read_table,
    records,
    target_path,
    write_atomically,
    writer,
)
from divest.cli._options import Failure, Formatter, names_of, number_or_word

if TYPE_CHECKING:
    from divest.density.report import DensityReport

_WHITEN = {"auto": "auto", "none": None, "diag": "diag", "full": "full"}


def add_density(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "density", help="what density did a table come from?", formatter_class=Formatter,
        description="Kernel estimate of the joint density of the columns of DATA: the bandwidth "
        "chosen, how many rows the estimate rests on, and whether it can be trusted. Rows with "
        "missing values are left out and counted; row numbers start at 0 below the header.")
    add = parser.add_argument
    add("data", metavar="DATA", help="CSV or Parquet file")
    add("--columns", metavar="NAMES", help="columns of the density, separated by commas; all that "
        "hold numbers by default")
    add("--weights", metavar="COLUMN", help="the column that holds the weights of the rows")
    add("--bandwidth", metavar="auto|RULE|NUMBER", type=number_or_word, default="auto",
        help="a rule (scott, silverman, robust, isj, lscv or loo_kl), or a number in the units of "
        "the columns (in standard deviations with --whiten diag or full); auto is isj for one "
        "column, lscv for two and three, else loo_kl")
    add("--kernel", default="gaussian", help="gaussian, tophat, epanechnikov, biweight, triweight, "
        "linear, cosine or exponential")
    add("--whiten", choices=list(_WHITEN), default="auto", help="scale of the columns: divided by "
        "their standard deviations (diag) or by their whole covariance; auto is diag for a rule "
        "and none for a number")
    add("--adaptive", action="store_true", help="wider kernels where rows are few (Abramson)")
    add("--bounds", metavar="LOW,HIGH", type=_bounds, help="edges of the data, such as 0,none; the "
        "same for every column")
    add("--boundary", default="reflect", help="what is done at the edges: reflect or renormalize; "
        "for one column also linear or positive")
    add("--grid", metavar="FILE", help="write the density on a regular grid as CSV; up to three "
        "columns")
    add("--grid-points", metavar="N", type=int, help="points of the grid along each column")
    add("--plot", metavar="FILE", help="draw the density of one or two columns, or a map of the "
        "regimes of more (.png, .pdf or .svg)")
    add("--jobs", type=int, default=1, help="threads; -1 for all cores")
    add("--output", default="table", metavar="FORMAT|FILE",
        help="table, json or csv; or a file that ends in .txt, .json or .csv")
    parser.set_defaults(run=_density)


def _density(options: argparse.Namespace) -> int:
    from divest import TrustWarning

    write = writer(options.output, [options.data], _contents)
    targets = _targets(options)
    table = read_table(options.data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        report = _report(table, options)
        made = {path: make(report, options) for path, make in targets.items()}
    for path, content in made.items():  # nothing is written before everything is there
        write_atomically(path, content)
    write(report)
    for warning in caught:
        print(f"divest: warning: {' '.join(str(warning.message).split())}", file=sys.stderr)
    return 0


def _report(table: Any, options: argparse.Namespace) -> DensityReport:
    from divest.density.report import density_report

    return density_report(
        table, columns=names_of(options.columns), weights=options.weights,
        bandwidth=options.bandwidth, kernel=options.kernel, whiten=_WHITEN[options.whiten],
        adaptive="abramson" if options.adaptive else None, bounds=options.bounds,
        boundary=options.boundary, n_jobs=options.jobs)


def _contents(report: DensityReport) -> dict[str, Any]:
    estimate = {name: value if isfinite(value) else None  # JSON knows no infinity
                for name, value in report._estimate().items()}
    return {"verdict": report.verdict, "trusted": report.trusted, "rule": report.rule,
            "kernel": report.estimator.kernel, **estimate, "regimes": report.regimes.shares,
            "left_out": list(report.left_out), "columns": records(report.columns),
            "diagnostics": records(report.diagnostics)}


# ------------------------------------------------------------ grid and picture
def _targets(options: argparse.Namespace) -> dict[Path, Any]:
    """Files to write besides the table, and what makes their contents."""
    if options.grid_points is not None and options.grid is None:
        raise Failure("--grid-points goes with --grid FILE")
    targets: dict[Path, Any] = {}
    for name, value, endings, make in (("--grid", options.grid, (".csv",), _grid),
                                       ("--plot", options.plot, PICTURES, _picture)):
        if value is not None:
            path = target_path(name, value, endings, [options.data, options.output])
            targets[path] = make
    return targets


def _grid(report: DensityReport, options: argparse.Namespace) -> bytes:
    return report.estimator.evaluate_grid(options.grid_points).to_csv(index=False).encode()


def _picture(report: DensityReport, options: argparse.Namespace) -> bytes:
    from divest.plotting import plot_density, plot_regimes

    few = len(report.names) <= 2
    ax = plot_density(report.estimator) if few else plot_regimes(report.regimes)
    return picture(ax, Path(options.plot))


# ------------------------------------------------------------ words
def _bounds(text: str) -> tuple[float, float]:
    try:
        low, high = (open_side if side.strip().lower() == "none" else float(side)
                     for side, open_side in zip(text.split(","), (-inf, inf), strict=True))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"two numbers are wanted, none where there is no edge, such as 0,none; got {text}"
        ) from None
    return low, high
