"""``divest plan``: the face of `pn_criterion` and `sample_size_report`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from functools import partial
from math import ceil, inf, isfinite, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divest.cli._files import (
    PICTURES,
    picture,
    read_table,
    target_path,
    write_atomically,
    writer,
)
from divest.cli._options import FINDING, Failure, Formatter, number_or_word
from divest.cli._plan_tables import Plan, Rows, contents, rows_of

if TYPE_CHECKING:
    import numpy as np

    from divest.sample_complexity import PNResult, SampleSizeReport

_FAMILIES = ("gaussian, gaussian:diag or gaussian:spherical (less than a full covariance), "
             "multinomial (one column of labels, or a column of counts for each category), "
             "poisson, exponential, bernoulli, gamma, ising, or polynomial:DEGREE (one column)")
_OF_FAMILY = ("threshold", "direction")
_OF_MEASURE = ("other", "target", "standardize", "repeats")


def add_plan(commands: Any) -> None:
    """Add the command with its options."""
    parser = commands.add_parser(
        "plan", help="is the sample large enough?", formatter_class=Formatter,
        description="Is DATA large enough, and how many rows would be? With --family, to fit a "
        "model by maximum likelihood. With --measure, for a distance: two samples of one law are "
        "never 0 apart, and the mean of what is found between them is the error against which a "
        "difference is seen; it is learnt from subsamples of DATA (and of OTHER, of which the one "
        "that needs more rows decides). Rows with missing values are left out and counted.")
    add = parser.add_argument
    add("data", metavar="DATA", help="CSV or Parquet file")
    add("other", metavar="OTHER", nargs="?", help="the file that DATA is to be compared with; with "
        "--measure")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--family", metavar="NAME", help=f"the model: {_FAMILIES}")
    asked.add_argument("--measure", metavar="NAME", help="the distance: wasserstein, mmd, or a "
                       "divergence such as kl, hellinger or renyi(0.5), of which the absolute "
                       "value of the estimate is taken")
    add("--columns", metavar="NAMES", help="columns to use jointly, separated by commas; all that "
        "hold numbers by default")
    add("--level", type=float, default=0.05, help="with --family, how far the error rate of the "
        "best classifier between the fit and the best law of the family may be from 1/2; with "
        "--measure, one less the confidence of the intervals")
    add("--threshold", metavar="tight|pinsker|gaussian|NUMBER", type=number_or_word,
        help="how --level becomes a divergence (tight where it is not given), or that divergence "
        "in nats; with --family")
    add("--direction", choices=["forward", "reverse"], help="the risk is the divergence of the fit "
        "seen from the best law (forward, where it is not given) or the other way round; with "
        "--family")
    add("--target", type=float, help="the error wanted; with --measure")
    add("--standardize", choices=["auto", "std", "none"], help="scale of the columns; auto, where "
        "it is not given, divides several columns by their standard deviations, those of both "
        "files together, and leaves a single column in its units; with --measure")
    add("--repeats", metavar="N", type=int, help="pairs of subsamples at each size, 10 where it is "
        "not given; more of them for a noisy divergence; with --measure")
    add("--seed", type=int, default=0, help="seed of the random numbers")
    add("--jobs", type=int, default=1, help="threads; -1 for all cores")
    add("--output", default="table", metavar="FORMAT|FILE",
        help="table, json or csv; or a file that ends in .txt, .json or .csv")
    add("--plot", metavar="FILE", help="draw the risk, or the error, against the number of rows "
        "(.png, .pdf or .svg)")
    add("--fail-if-too-small", action="store_true", help="end with status 1 when there are not "
        "enough rows; with --measure, --target says what is enough")
    parser.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> int:
    from divest import TrustWarning

    _check(options)
    inputs = [options.data] if options.other is None else [options.data, options.other]
    write = writer(options.output, inputs, contents)
    drawn_to = None if options.plot is None else target_path(
        "--plot", options.plot, PICTURES, [*inputs, options.output])
    tables = [read_table(name) for name in inputs]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore", TrustWarning)  # the table says it
        make = _fit_plan if options.family is not None else _distance_plan
        plan = make(tables, inputs, options)
        drawn = b"" if drawn_to is None else _picture(plan, drawn_to)
    if drawn_to is not None:  # nothing is written before everything is there
        write_atomically(drawn_to, drawn)
    write(plan)
    for warning in caught:
        print(f"divest: warning: {' '.join(str(warning.message).split())}", file=sys.stderr)
    return FINDING if options.fail_if_too_small and plan.enough is False else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse options that go with the other question."""
    wrong, mine = ((_OF_MEASURE, "--measure") if options.family is not None
                   else (_OF_FAMILY, "--family"))
    for name in wrong:
        if getattr(options, name) is not None:
            word = name.upper() if name == "other" else f"--{name}"
            raise Failure(f"{word} goes with {mine}")
    if options.family is None and options.fail_if_too_small and options.target is None:
        raise Failure("--fail-if-too-small with --measure needs --target")
    if options.repeats is not None and options.measure == "mmd":
        raise Failure("--repeats does nothing for mmd, which needs no subsamples; leave it out")
    if options.repeats is not None and options.repeats < 2:
        raise Failure(f"--repeats must be at least 2, got {options.repeats}")
    if not 0 < options.level < (1 if options.family is None else 0.5):
        raise Failure("--level must lie between 0 and "
                      f"{1 if options.family is None else 0.5}, got {options.level:g}")


# ------------------------------------------------------------ --family
def _fit_plan(tables: list[Any], files: list[str], options: argparse.Namespace) -> Plan:
    """Is n enough to fit the family?"""
    import pandas as pd

    from divest.sample_complexity import pn_criterion

    family = _family(options.family)
    rows = rows_of(files[0], tables[0], options)
    table = pd.DataFrame(rows.values, columns=rows.names)
    try:
        result = pn_criterion(
            table, family, delta=options.level, random_state=options.seed,
            threshold="tight" if options.threshold is None else options.threshold,
            direction=options.direction or "forward")
    except ValueError as error:
        shifted = rows.n_dropped and "row " in str(error)
        note = f" Rows are counted without the {rows.n_dropped} left out." if shifted else ""
        raise Failure(f"{error}{note}") from None
    question = {"family": options.family, "level": options.level, "seed": options.seed}
    return Plan(question, [rows], [result], 0, result.accept, _fit_verdict(result, len(table)))


def _family(text: str) -> Any:
    """A family of the package, by its name and what it takes."""
    from divest.sample_complexity import gaussian, polynomial

    name, _, argument = text.partition(":")
    try:
        if name == "gaussian" and argument:
            return gaussian(argument)
        if name == "polynomial":
            return polynomial(int(argument))
    except ValueError:
        raise Failure(f"--family must be {_FAMILIES}; the degree is even; got {text}") from None
    return text


def _fit_verdict(result: PNResult, n: int) -> str:
    risk = result.risk_second if result.valid else result.risk_first
    error = "" if isnan(result.n_required_se) else f" (standard error {result.n_required_se:.2g})"
    told = (f"risk {risk:.3g}, {'within' if result.accept else 'above'} the threshold "
            f"{result.threshold:.3g}")
    answer = (f"{n} rows are {'' if result.accept else 'not '}enough: {told}; {result.n_rows} are "
              f"required{error}.")
    return answer + _doubt(result)


def _doubt(result: Any) -> str:
    failed = [row.name for row in result.diagnostics if not row.passed]
    return f" This is doubtful because of {' and '.join(failed)}: see the advice." if failed else ""


# ------------------------------------------------------------ --measure
def _distance_plan(tables: list[Any], files: list[str], options: argparse.Namespace) -> Plan:
    """How far apart are samples of one law, of this size and of others?"""
    import numpy as np

    from divest.sample_complexity import sample_size_report

    measure = _measure(options.measure)
    rows = [rows_of(file, table, options) for file, table in zip(files, tables, strict=True)]
    how = options.standardize or "auto"
    how = ("std" if len(rows[0].names) > 1 else "none") if how == "auto" else how
    samples = _scaled(_matched(rows), rows[0].names, how)
    kernel = _kernel(np.concatenate(samples)) if measure == "mmd" else None
    results = [sample_size_report(
        sample, measure, target=options.target, kernel=kernel, random_state=options.seed,
        n_repeats=10 if options.repeats is None else options.repeats,
        confidence_level=1.0 - options.level, n_jobs=options.jobs) for sample in samples]
    decisive = max(range(len(results)), key=partial(_needs, results))
    chosen = results[decisive]
    enough = None if options.target is None else all(
        bool(_error(result, result.n_samples[0]) <= options.target) for result in results)
    question = {"standardize": how, "seed": options.seed}
    verdict = _distance_verdict(chosen, enough)
    if len(files) > 1:
        why = "needs more rows" if options.target is not None else "has the larger error"
        verdict += f" This is of {files[decisive]}, which {why}."
    return Plan(question, rows, results, decisive, enough, verdict + _doubt(chosen))


def _measure(name: str) -> str | Callable[[np.ndarray, np.ndarray], float]:
    """What `sample_size_report` takes; its name is that of the measure."""
    if name in ("wasserstein", "mmd"):
        return name
    from divest.generators import resolve_generator

    try:
        divergence = resolve_generator(name)
    except ValueError as error:
        raise Failure(f"--measure must be wasserstein, mmd or a divergence: {error}") from None

    def measure(A: np.ndarray, B: np.ndarray) -> float:
        from divest import estimate_divergence

        return abs(estimate_divergence(A, B, divergence).estimate)

    measure.__name__ = name
    return measure


def _matched(rows: list[Rows]) -> list[np.ndarray]:
    """Values with the columns of the first file, in its order."""
    first = rows[0].names
    for other in rows[1:]:
        only = [[name for name in a if name not in b] or "none"
                for a, b in ((first, other.names), (other.names, first))]
        if only != ["none", "none"]:
            raise Failure("DATA and OTHER must have the same columns of numbers; only in DATA: "
                          f"{only[0]}, only in OTHER: {only[1]}; choose with --columns")
    return [part.values[:, [part.names.index(name) for name in first]] for part in rows]


def _scaled(samples: list[np.ndarray], names: tuple[str, ...], how: str) -> list[np.ndarray]:
    """Columns over their standard deviations, the same for all samples."""
    import numpy as np

    if how == "none":
        return samples
    scale = np.concatenate(samples).std(axis=0, ddof=1)
    for name, value in zip(names, scale, strict=True):
        if not value > 0:
            raise Failure(f"column {name} holds one value only; leave it out, or use --standardize "
                          "none")
    return [sample / scale for sample in samples]


def _kernel(rows: np.ndarray) -> Any:
    """One Gaussian kernel for all files: the median distance of their rows together."""
    from divest.kernels import median_bandwidth, rbf

    return rbf(median_bandwidth(rows))


def _needs(results: list[SampleSizeReport], place: int) -> float:
    """What the file that decides has most of: rows required, else error at the smallest size."""
    result = results[place]
    if isfinite(result.target):
        return inf if isnan(result.n_required) else result.n_required
    return _error(result, min(other.n_samples[0] for other in results))


def _error(result: SampleSizeReport, n: int) -> float:
    return float(result.predict(n)["error"].iloc[0])


def _distance_verdict(result: SampleSizeReport, enough: bool | None) -> str:
    n = result.n_samples[0]
    at_hand = result.predict(n).iloc[0]
    found = (f"Two samples of one law with {n} rows each are {at_hand['error']:.3g} apart "
             f"({at_hand['low']:.3g} to {at_hand['high']:.3g}) by {result.measure}")
    if enough is None:
        return f"{found}."
    answer = f"{found}: {'' if enough else 'not '}enough for the target {result.target:g}"
    if isnan(result.n_required):
        return f"{answer}, and the error does not fall with n."
    low, high = result.n_required_interval
    return (f"{answer}; {_count(result.n_required)} rows per sample are required ({_count(low)} to "
            f"{_count(high)}).")


def _count(n: float) -> str:
    """Rows, rounded up."""
    if n < 1e9:
        return str(ceil(n))
    return f"{n:.3g}" if isfinite(n) else "no limit"


# ------------------------------------------------------------ picture
def _picture(plan: Plan, path: Path) -> bytes:
    from divest.plotting import plot_learning_curve, plot_risk

    result = plan.results[plan.decisive]
    ax = plot_learning_curve(result) if hasattr(result, "curve") else plot_risk(result)
    return picture(ax, path)
