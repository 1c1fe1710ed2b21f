"""Calls that draw figures, run studies or read the command line."""

import re
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
from fuzz_calls import method_of, of
from fuzz_calls_density import kde, linear, regions
from fuzz_calls_models import stein
from fuzz_calls_samples import (
    compared,
    hypothesis,
    learning,
    ratio,
    rows,
    small_power,
)

from divest import cli, plotting, sample_complexity, study

FOLDER = tempfile.TemporaryDirectory()


def simulate(rng, n):
    return rng.normal(size=n)


def small_study() -> study.Study:
    return study.Study(simulate, {"mean": np.mean, "median": np.median}, {"n": [5, 10]}, truth=0,
                       n_replications=3)


@cache
def risk() -> sample_complexity.PNResult:
    return sample_complexity.pn_criterion(rows(0, 20), n_draws=100)


@cache
def results() -> study.StudyResults:
    return small_study().run()


def drawn(function):
    """A plotting function that closes its figure."""
    def draw(**arguments):
        from matplotlib import pyplot as plt
        try:
            return function(**arguments)
        finally:
            plt.close("all")
    return draw


def figure(name, first, make, **arguments):
    """A plotting function, seldom called; `make` gives what it shows."""
    return of(drawn(getattr(plotting, name)), lambda: {first: make()}, {first: "object"}, name,
              extra={"share": 0.12}, **{"ax": None, **arguments})


def command(text, *words):
    """The command line on a file with this text; it ends with 0, 1 or 2, and no traceback."""
    path = Path(FOLDER.name) / "rows.csv"
    path.write_text(text, "utf-8", "surrogateescape")
    try:
        code = cli.main([word.replace("FILE", str(path)) for word in words])
    except SystemExit as end:  # of argparse
        code = end.code
    assert code in (0, 1, 2), code


FIGURES = [
    figure("plot_bandwidth_curve", "test", stein, level=0.05),
    figure("plot_coefficients", "estimates", lambda: {"a": linear()}, parameter="x0"),
    figure("plot_comparison", "comparison", compared),
    figure("plot_confidence_set", "found", regions, parameter="x0"),
    figure("plot_density", "estimator", kde, grid_points=9),
    figure("plot_influence", "test", stein, n_rows=2),
    figure("plot_learning_curve", "report", learning),
    figure("plot_null_distribution", "result", hypothesis),
    figure("plot_path", "estimator", ratio),
    figure("plot_power_curve", "power", small_power),
    figure("plot_regimes", "result", kde),
    figure("plot_risk", "result", risk),
    figure("plot_study", "results", results, x="n", y="rmse"),
    figure("plot_witness", "test", stein, X=rows(0)),
]
TEXTS = ("a,b\n1,2\n3,4\n5,7\n", "", "a\n", "\udcff\udcfe", "a,a\n1,2\n", "a,b\n1\n2,3,4\n",
         "a\nnan\ninf\n", "\x00", "a\n" + "1e300\n2e300\n" * 5, "a\nx\ny\n", '"a\n1')
COMMANDS = [
    of(partial(command, text, *words), called=f"main {words[0]} {i}", extra={"share": 0.01})
    for words in (("compare", "FILE", "FILE"), ("gof", "FILE", "--model", "norm"),
                  ("density", "FILE"), ("plan", "FILE"), ("study", "FILE"), ("nonsense", "FILE"))
    for i, text in enumerate(TEXTS)]
STUDIES = [
    of(study.Study, simulate=simulate, methods={"mean": np.mean}, grid={"n": [5]}, truth=0,
       n_replications=3),
    method_of(small_study, "run", called="Study.run",
              extra={"share": 0.3, "may_be_nan": re.compile("frame"), "also": (OSError,)}),
    of(study.Study.load, called="Study.load", store="nowhere",
       extra={"also": (FileNotFoundError,)}),
    method_of(results, "plot", called="StudyResults.plot", x="n", extra={"share": 0.05}),
    *COMMANDS,
]
CALLS = [*FIGURES, *STUDIES]
