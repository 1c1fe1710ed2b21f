"""Measure the coverage, size, power and accuracy that the user guide quotes; write its CSV files.

Run ``python docs/measure_divergence.py`` (about three minutes on one core). The seeds are fixed.
"""

import csv
import warnings
from pathlib import Path

import numpy as np

from divest import DivergenceTwoSampleTest, NearestNeighborRatioDivergence, TrustWarning
from divest.datasets import SIMULATORS, shifted_gaussians

FOLDER = Path(__file__).parent / "user_guide"
SHARES = ["quantity", "setting", "repetitions", "nominal", "measured", "standard error"]
VALUES = ["samples", "divergence", "truth", "mean estimate", "standard error", "sd", "covered",
          "trusted"]
REFERENCES = {  # n = m = 1000
    ("shifted_gaussians", "d=2"): ["kl", "reverse_kl", "hellinger", "jensen_shannon", "renyi(0.5)",
                                   "chi_square", "total_variation"],
    ("shifted_gaussians", "d=5"): ["kl", "hellinger"],
    ("shifted_gaussians", "d=20"): ["kl", "hellinger"],
    ("plane", "d=10"): ["kl", "hellinger"],
    ("gaussian_mixture", "d=2"): ["kl", "hellinger"],
    ("ring", "d=2"): ["kl", "hellinger"],
    ("ring", "d=5"): ["kl", "hellinger"],
    ("truncated_gaussians", "d=2"): ["kl", "hellinger"],
    ("atoms", "k=10"): ["kl", "hellinger"],
}


def coverage(d, repetitions=200, n=500):
    """How often the interval holds the truth, for each divergence."""
    inside = {"kl": 0, "hellinger": 0}
    for seed in range(repetitions):
        model = NearestNeighborRatioDivergence().fit_samples(*shifted_gaussians(seed, n=n, d=d))
        for name in inside:
            low, high = model.estimate(name).confidence_interval()
            inside[name] += low <= shifted_gaussians.truth(name) <= high
    for name, count in inside.items():
        setting = f"{name}, shifted Gaussians, d = {d}, n = m = {n}"
        yield share("coverage", setting, count, repetitions, 0.95)


def rejections(quantity, setting, draw, repetitions, nominal=None):
    """How often the test rejects at the 5 % level."""
    count = 0
    for seed in range(repetitions):
        P, Q = draw(np.random.default_rng(seed))
        count += DivergenceTwoSampleTest(random_state=seed).fit_samples(P, Q).result_.reject(0.05)
    return share(quantity, setting, count, repetitions, nominal)


def share(quantity, setting, count, repetitions, nominal):
    """One row; the standard error is that at the nominal share, where there is one."""
    measured = count / repetitions
    expected = measured if nominal is None else nominal
    error = np.sqrt(expected * (1 - expected) / repetitions)
    return [quantity, setting, repetitions, "" if nominal is None else nominal, f"{measured:.3f}",
            f"{error:.3f}"]


def correlated(rng, n=100, correlation=0.7):
    """Two columns, correlated in P only."""
    P, Q = rng.standard_normal((n, 2)), rng.standard_normal((n, 2))
    P[:, 1] = correlation * P[:, 0] + np.sqrt(1 - correlation**2) * P[:, 1]
    return P, Q


def shares():
    """The rows of the table of coverage, size and power."""
    for d in (1, 2, 5):
        yield from coverage(d)
    normal = np.random.Generator.standard_normal
    yield rejections("size", "normal, d = 2, n = m = 50",
                     lambda rng: normal(rng, (2, 50, 2)), 500, 0.05)
    yield rejections("size", "normal rounded to integers (ties), d = 2, n = m = 50",
                     lambda rng: np.round(normal(rng, (2, 50, 2))), 500, 0.05)
    yield rejections("size", "normal, d = 5, n = 60, m = 240",
                     lambda rng: np.split(normal(rng, (300, 5)), [60]), 500, 0.05)
    yield rejections("power", "correlation 0.7 against 0, d = 2, n = m = 100", correlated, 200)


def accuracy(repetitions=40, n=1000):
    """The default estimator against the truth: mean, deviation, coverage, share of trusted runs."""
    for (name, setting), divergences in REFERENCES.items():
        simulator, (key, value) = SIMULATORS[name], setting.split("=")
        settings = {key: int(value)}
        options = {"dimension": 2} if name == "plane" else {}
        models = [NearestNeighborRatioDivergence(**options).fit_samples(
            *simulator(seed, n=n, **settings)) for seed in range(repetitions)]
        for divergence in divergences:
            truth = simulator.truth(divergence, **settings)
            results = [model.estimate(divergence) for model in models]
            found = np.array([result.estimate for result in results])
            intervals = np.array([result.confidence_interval() for result in results])
            covered = np.mean((intervals[:, 0] <= truth) & (truth <= intervals[:, 1]))
            trusted = np.mean([result.trusted for result in results])
            deviation = found.std(ddof=1)
            numbers = truth, found.mean(), deviation / np.sqrt(repetitions), deviation
            yield [f"{name}, {setting}", divergence,
                   *(f"{number:.3f}" for number in numbers), f"{covered:.3f}", f"{trusted:.3f}"]


def write(name, header, rows):
    """A CSV file, once all of its rows are there."""
    rows = list(rows)
    with (FOLDER / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        write("measured_divergence.csv", SHARES, shares())
        write("reference_values.csv", VALUES, accuracy())
