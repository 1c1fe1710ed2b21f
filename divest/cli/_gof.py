"""``divest gof``: the face of `divest.goodness_of_fit.fit_report`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from divest.cli._files import read_table, records, writer
from divest.cli._imports import current_folder
from divest.cli._models import model_of
from divest.cli._options import FINDING, Failure, Formatter, add_shared, names_of

if TYPE_CHECKING:
    import pandas as pd

    from divest.goodness_of_fit.report import FitReport

_MODEL = (
    "what is tested. A continuous distribution of scipy.stats with its parameters in the order of "
    "scipy, such as norm, 'norm(3.2,1.5)' or 'gamma(2,scale=3)'; without loc and scale these are 0 "
    "and 1, and with several columns each column is taken to follow it independently. "
    "multivariate_normal: all columns independent with mean 0 and variance 1. MODULE:OBJECT: a "
    "Python object from the current folder or an installed module, such as mine:density: a score "
    "function, a frozen distribution, a fitted mixture, or anything else that as_score_model "
    "takes. With --estimate-parameters, a family: norm, 'gamma(floc=0)' (floc, fscale and the like "
    "hold a parameter fixed), multivariate_normal, gaussian_mixture:K of K components, or "
    "MODULE:OBJECT with a method fit")
_STANDARDIZE = {"auto": "auto", "std": "std", "whiten": "covariance", "none": None}


def add_gof(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "gof", help="does a model fit a table?", formatter_class=Formatter,
        description="Kernel Stein test of whether the rows of DATA come from a model: p-value with "
        "its interval, a verdict, the rows with the largest influence, and the part of each "
        "column. Rows must be independent, unless --dependence is given. Rows with missing values "
        "are left out and counted; row numbers start at 0 below the header.")
    add = parser.add_argument
    add("data", metavar="DATA", help="CSV or Parquet file")
    add("--model", metavar="MODEL", required=True, help=_MODEL)
    add("--columns", metavar="NAMES", help="columns to test jointly, separated by commas; all that "
        "hold numbers by default")
    add("--test", choices=["stein", "perturbed", "robust"], default="stein",
        help="perturbed: sees how mass is divided between separated modes of the model; robust: "
        "allows for a share of outliers")
    add("--box", metavar="LOW,HIGH", type=_range, help="perturbed test: where the modes of the "
        "model are searched for, the same for every column")
    add("--contamination", metavar="SHARE", type=float, help="robust test: the largest share of "
        "outliers that is allowed (default: 0.05)")
    add("--estimate-parameters", action="store_true", help="estimate the parameters of the model "
        "from the same rows, of which the p-value takes account")
    add("--support", metavar="LOW,HIGH", type=_range, help="edges of the support of a model "
        "that does not know them, such as 0,inf; the same for every column")
    add("--kernel", default="imq", help="imq, rbf, matern32, matern52 or log_inverse")
    add("--bandwidth", metavar="auto|median|NUMBER", type=_number_or("auto", "median"),
        default="auto", help="auto: five around the median distance between rows")
    add("--standardize", choices=list(_STANDARDIZE), default="auto",
        help="scale of the columns in distances between rows; auto is std for several columns")
    add("--shuffle", action="store_true", help="the order of the rows means nothing, as in a table "
        "that is only sorted: without this, neighbours that are alike are taken for dependent rows")
    add("--dependence", metavar="auto|NUMBER", type=_number_or("auto"), help="for rows in the "
        "order of a series or a Markov chain: the probability with which random signs change from "
        "one row to the next, or auto")
    add("--method", choices=["exact", "nystrom"], default="exact",
        help="all pairs of rows, or features in linear time for more than 20,000 rows")
    add_shared(add, resamples=None, draws="draws under the null hypothesis (default: 999; 499 with "
               "--estimate-parameters)")
    add("--rows", type=int, default=5, help="how many of the rows with the largest influence are "
        "shown")
    add("--fail-on-misfit", action="store_true", help="end with status 1 when the model does not "
        "fit")
    parser.set_defaults(run=_gof)


def _gof(options: argparse.Namespace) -> int:
    from divest import TrustWarning

    write = writer(options.output, [options.data], _contents)
    _check(options)
    model = model_of(options.model, options.estimate_parameters)
    table = read_table(options.data)
    with current_folder(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        report = _report(table, model, options)
    write(report)
    for warning in caught:
        print(f"divest: warning: {' '.join(str(warning.message).split())}", file=sys.stderr)
    return FINDING if options.fail_on_misfit and report.misfit else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options that only a model with known parameters, or another test, has."""
    known = {"--dependence": options.dependence is not None,
             "--method nystrom": options.method != "exact",
             f"--test {options.test}": options.test != "stein"}
    if options.estimate_parameters and any(known.values()):
        which = next(name for name, given in known.items() if given)
        raise Failure(f"{which} goes with a model whose parameters are known, not with "
                      "--estimate-parameters")
    for test, name in (("perturbed", "box"), ("robust", "contamination")):
        if getattr(options, name) is not None and options.test != test:
            raise Failure(f"--{name} goes with --test {test}, got --test {options.test}")


def _report(table: pd.DataFrame, model: Any, options: argparse.Namespace) -> FitReport:
    from divest.goodness_of_fit.tables import fit_report

    given = {"support": options.support, "dependence": options.dependence,
             "method": None if options.method == "exact" else options.method,
             "box": options.box, "contamination": options.contamination}
    try:
        return fit_report(
            table, model, test=options.test, columns=names_of(options.columns), level=options.level,
            estimate_parameters=options.estimate_parameters, shuffle=options.shuffle,
            n_worst=options.rows,
            preconditioner=_STANDARDIZE[options.standardize], kernel=options.kernel,
            bandwidth=options.bandwidth, n_resamples=options.resamples, random_state=options.seed,
            n_jobs=options.jobs, progress=options.progress,
            **{name: value for name, value in given.items() if value is not None})
    except Exception as error:
        if ":" not in options.model:
            raise
        raise Failure(f"{error} (--model {options.model})") from None


def _contents(report: FitReport) -> dict[str, Any]:
    return {
        "verdict": report.verdict, "misfit": report.misfit, "level": report.level,
        "model": report.model, "estimated": report.estimated, "n_rows": report.n_rows,
        "n_dropped": report.n_dropped, "tested": list(report.names),
        "left_out": list(report.left_out),
        "test": records(report.result.to_frame().assign(seed=report.result.seed))[0],
        **{name: records(getattr(report, name))
           for name in ("bandwidths", "modes", "rows", "columns", "diagnostics")}}


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"two numbers are wanted, such as 0,inf; got {text}") from None
    return low, high


def _number_or(*words: str) -> Callable[[str], str | float]:
    """One of `words` or a number."""
    def parse(text: str) -> str | float:
        if text in words:
            return text
        try:
            return float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{', '.join(words)} or a number is wanted, got {text}") from None

    return parse
