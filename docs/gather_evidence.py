"""Gather the figures of the page of evidence from the measured tables, as CSV; nothing is computed.

Run ``python docs/gather_evidence.py`` (at once) after one of the scripts ``docs/measure_*.py``.
"""

import csv
from pathlib import Path

DOCS = Path(__file__).parent
FILE = DOCS / "measured_evidence.csv"
COLUMNS = ["what", "should be", "measured", "error", "repetitions", "table"]
GUIDE = {  # table: its file, its page, and the columns that name a row
    "divergence": ("measured_divergence.csv", "quantity", "setting"),
    "fit": ("measured_goodness_of_fit.csv", "quantity", "sample", "test"),
    "blind": ("measured_blind_spots.csv", "quantity", "sample", "test"),
    "categories": ("measured_categories.csv", "quantity", "sample", "test"),
    "values": ("reference_values.csv", "samples", "divergence"),
    "unnormalized": ("measured_unnormalized.csv", "sample", "estimator"),
    "lines": ("measured_moments_lines.csv", "instruments", "method"),
}
LABELS = {"divergence": "measured-divergence", "values": "checked-values",
          "fit": "measured-goodness-of-fit", "blind": "measured-blind-spots",
          "categories": "measured-categories", "unnormalized": "measured-unnormalized",
          "lines": "weak-instruments"}
NORMALS = "shifted Gaussians, d = {}, n = m = 500"
SIZE = [  # what, table, and the names of a row: tests where the null hypothesis is true
    ("permutation test of two samples", "divergence", "size", "normal, d = 2, n = m = 50"),
    ("the same with ties", "divergence", "size",
     "normal rounded to integers (ties), d = 2, n = m = 50"),
    ("kernel Stein test, one column", "fit", "size", "normal, d = 1, n = 200", "default"),
    ("the same, ten columns", "fit", "size", "normal, d = 10, n = 200", "default"),
    ("the same, autocorrelation 0.9, ``dependence=\"auto\"``", "fit", "size",
     "autoregression 0.9, n = 300", "dependence='auto'"),
    ("the same, as if rows were independent", "fit", "size", "autoregression 0.9, n = 300",
     "independent signs"),
    ("Stein test with estimated parameters", "fit", "size", "normal, n = 100, parameters estimated",
     "CompositeSteinTest, null='parametric'"),
    ("perturbed Stein test", "blind", "size", "shares .5 and .5, modes 6 apart, n = 200",
     "PerturbedSteinTest"),
    ("Stein test of sequences", "blind", "size", "walk on a circle of 8 symbols, n = 50",
     "SequenceSteinTest"),
    ("test of predictions", "blind", "size", "300 of 50 symbols as predicted",
     "LogPerplexityTest, method='normal'"),
    ("comparison of two models", "blind", "size",
     "normal laws of means .5 and -.5 for mean 0, n = 200", "compare_models"),
    ("f-divergence test of counts", "categories", "size", "equal shares, ten cells, n = m = 1000",
     "f_divergence_test"),
    ("minimum effect at its edge", "categories", "size",
     "true index .1, ten cells, n = m = 1000", "minimum effect .1"),
    ("rule of thumb, index above .1, there", "categories", "size",
     "true index .1, ten cells, n = m = 1000", "index above .1"),
    ("any alarm in 40 columns, drift table", "categories", "size", "40 normal columns, n = m = 200",
     "drift_table, Holm"),
    ("test of two Markov chains", "categories", "size", "equal chains of 3 states, n = m = 500",
     "markov_divergence_test"),
]
POWER = [
    ("permutation test, correlation 0.7 against 0, n = 100", "divergence", "power",
     "correlation 0.7 against 0, d = 2, n = m = 100"),
    ("kernel Stein test, Laplace rows, n = 200", "fit", "power", "Laplace, variance 1, n = 200",
     "default"),
    ("Kolmogorov-Smirnov of scipy, the same rows", "fit", "power", "Laplace, variance 1, n = 200",
     "Kolmogorov-Smirnov (scipy)"),
    ("kernel Stein test, mean .2, n = 200", "fit", "power", "mean 0.2, n = 200", "default"),
    ("Cramer-von Mises of scipy, the same rows", "fit", "power", "mean 0.2, n = 200",
     "Cramer-von Mises (scipy)"),
    ("kernel Stein test, Laplace rows, d = 10, n = 500", "fit", "power", "Laplace, d = 10, n = 500",
     "default"),
    ("the same with the bandwidths of ksdagg", "fit", "power", "Laplace, d = 10, n = 500",
     "AggregatedSteinTest, ksdagg"),
    ("Stein test of normality, skew rows, n = 100", "fit", "power",
     "skew normal, shape 5, n = 100, normal with parameters estimated",
     "CompositeSteinTest, null='parametric'"),
    ("Shapiro-Wilk of scipy, the same rows", "fit", "power",
     "skew normal, shape 5, n = 100, normal with parameters estimated", "Shapiro-Wilk (scipy)"),
    ("perturbed Stein test, wrong shares of modes", "blind", "power",
     "shares .8 and .2 in place of .5 and .5", "PerturbedSteinTest"),
    ("plain Stein test, the same rows", "blind", "power", "shares .8 and .2 in place of .5 and .5",
     "KernelSteinTest"),
    ("f-divergence test, index .02, n = 2,000", "categories", "power",
     "index .02, ten cells, n = m = 2,000", "f_divergence_test"),
    ("rule of thumb, the same counts", "categories", "power",
     "index .02, ten cells, n = m = 2,000", "index above .1"),
]
COVERAGE = [
    *((f"``kl`` of two samples, d = {d}", "divergence", "coverage", f"kl, {NORMALS.format(d)}")
      for d in (1, 2, 5)),
    ("index of counts, .14", "categories", "coverage", "index 0.14, n = 500, m = 800",
     "f_divergence"),
    ("divergence of two Markov chains", "categories", "coverage",
     "chains of 3 states 0.017 nats apart, n = m = 2,000", "markov_divergence"),
    ("Stein estimator of a mean", "unnormalized", "normal, d = 2, unit covariance known",
     "SteinEstimator"),
    ("the same in a ball, 64 points on its edge", "unnormalized", "normal cut to a ball, d = 2",
     "TruncatedSteinEstimator, 64 points"),
    ("the same, edge ignored", "unnormalized", "normal cut to a ball, d = 2", "edge ignored"),
]
WEAK = [("strong instruments", "3, F about 50", "kmm"),
        ("weak instruments", "10, F about 2", "kmm"),
        ("weak instruments, two-stage least squares", "10, F about 2", "2sls")]
BIAS = [("``kl`` of shifted normal laws, d = 2", "shifted_gaussians, d=2", "kl"),
        ("the same, d = 5", "shifted_gaussians, d=5", "kl"),
        ("the same, d = 20, which is not trusted", "shifted_gaussians, d=20", "kl"),
        ("``jensen_shannon``, d = 2", "shifted_gaussians, d=2", "jensen_shannon"),
        ("``total_variation``, d = 2, biased though trusted", "shifted_gaussians, d=2",
         "total_variation")]


def found(table, *names):
    """The row of a table with these names; where it stands twice, both are alike."""
    file, *columns = GUIDE[table]
    with (DOCS / "user_guide" / file).open(newline="", encoding="utf-8") as stream:
        row, *others = [row for row in csv.DictReader(stream)
                        if [row[column] for column in columns] == list(names)]
    assert all(other == row for other in others)
    return row


def share(what, target, table, *names, column="measured", repetitions=None):
    """A share with its Monte Carlo error, which is that of the table or follows from both."""
    row = found(table, *names)
    repetitions = repetitions or row["repetitions"]
    error = row["standard error"] if column == "measured" else (
        f"{(target * (1 - target) / int(repetitions)) ** 0.5:.3f}")
    return [what, target, row[column], error, repetitions, f":ref:`table <{LABELS[table]}>`"]


def value(what, *names):
    """A mean estimate with its Monte Carlo error, of 40 runs."""
    row = found("values", *names)
    return [what, row["truth"], row["mean estimate"], row["standard error"], 40,
            f":ref:`table <{LABELS['values']}>`"]


def rows():
    """The rows of the page's table, with a title above those of a kind."""
    yield ["**Size at level .05**"] + [""] * 5
    yield from (share(what, 0.05, *names) for what, *names in SIZE)
    yield ["**Power at level .05**"] + [""] * 5
    yield from (share(what, "", *names) for what, *names in POWER)
    yield ["**Coverage of 95 % intervals**"] + [""] * 5
    for what, table, *names in COVERAGE:
        column = "coverage" if table == "unnormalized" else "measured"
        yield share(what, 0.95, table, *names, column=column)
    for what, *names in WEAK:
        yield share(f"slope, {what}, normal interval", 0.95, "lines", *names,
                    column="normal interval holds", repetitions=200)
    yield share("the same, S set", 0.95, "lines", "10, F about 2", "2sls", column="S set holds",
                repetitions=200)
    yield ["**Mean estimate**"] + [""] * 5
    yield from (value(what, *names) for what, *names in BIAS)


def write(file):
    """The rows under their names."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *rows()])


if __name__ == "__main__":
    write(FILE)
