"""Measure what the main functions cost, for the page "Which method?"; write its CSV file.

Run ``python docs/measure_costs.py`` (about three minutes on one core, with
``OPENBLAS_NUM_THREADS=1``). Each is called once on a small sample, so that its loops are compiled.
"""

import csv
import warnings
from pathlib import Path
from time import process_time

import numpy as np
from scipy import stats
from threadpoolctl import threadpool_limits

import divest
from divest.datasets import shifted_gaussians

FILE = Path(__file__).with_name("measured_costs.csv")
SIZES = [(1000, 2), (1000, 5), (4000, 5)]


def model(X):
    """The standard normal law of as many columns as X has."""
    return stats.multivariate_normal(np.zeros(X.shape[1]))


def fit_line(P, Q):
    """The first column of P on the first two of Q, which are their own instruments."""
    return divest.LinearIVRegressor("kmm", random_state=0).fit(Q[:, :1], P[:, 0], Z=Q[:, :2])


CALLS = {  # of two samples
    "estimate_divergence": lambda P, Q: divest.estimate_divergence(P, Q, "kl"),
    "divergence_two_sample_test": lambda P, Q: divest.divergence_two_sample_test(
        P, Q, random_state=0),
    "compare": lambda P, Q: divest.compare(Q, P),
    "KernelSteinTest": lambda P, Q: divest.KernelSteinTest(model(P), random_state=0).fit(P),
    'KernelSteinTest, method="nystrom", null="spectral"': lambda P, Q: divest.KernelSteinTest(
        model(P), method="nystrom", null="spectral", random_state=0).fit(P),
    "CompositeSteinTest, 99 draws": lambda P, Q: divest.CompositeSteinTest(
        stats.multivariate_normal, n_resamples=99, random_state=0).fit(P),
    "RobustSteinTest": lambda P, Q: divest.RobustSteinTest(model(P), random_state=0).fit(P),
    "KernelDensity, density at all rows": lambda P, Q: divest.KernelDensity().fit(Q).pdf(P),
    "SteinEstimator of a mean": lambda P, Q: divest.SteinEstimator(
        divest.unnormalized.gaussian_score(np.eye(P.shape[1]))).fit(P),
    "LinearIVRegressor": fit_line,
    'pn_criterion, "gaussian"': lambda P, Q: divest.pn_criterion(P, "gaussian"),
}


def seconds(call, n, d):
    """Processor time of one run."""
    P, Q = shifted_gaussians(0, n=n, d=d)
    start = process_time()
    call(P, Q)
    return process_time() - start


def rows():
    """One row for each call."""
    for name, call in CALLS.items():
        call(*shifted_gaussians(0, n=60, d=2))
        found = [f"{seconds(call, n, d):.2g}" for n, d in SIZES]
        print(name, *found, flush=True)
        yield [f"``{name}``" if " " not in name else name, *found]


if __name__ == "__main__":
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", divest.TrustWarning)
        table = list(rows())
    with FILE.open("w", newline="", encoding="utf-8") as file:
        head = ["", *(f"{n:,} rows, {d} columns" for n, d in SIZES)]
        csv.writer(file, lineterminator="\n").writerows([head, *table])
