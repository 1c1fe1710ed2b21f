"""Measure the errors of density estimates that the user guide quotes, as CSV.

Run ``python docs/measure_density.py`` (about a minute and a half on one core). Seeds are fixed.
"""

import warnings
from math import floor, log, log10, pi
from pathlib import Path

import numpy as np
from _measuring import write_rows
from scipy import stats
from threadpoolctl import threadpool_limits

from divest import KernelDensity, TrustWarning

FOLDER = Path(__file__).parent / "user_guide"
RULES = ["scott", "silverman", "robust", "isj", "lscv", "loo_kl"]
LAWS = {  # how 1000 rows are drawn, their density, and where the error is integrated
    "normal": (lambda rng: rng.normal(size=1000), stats.norm.pdf, (-8, 8, 1601)),
    "two normals, 10 deviations apart": (
        lambda rng: 0.3 * rng.normal(size=1000) + 3 * rng.integers(0, 2, 1000),
        lambda q: (stats.norm.pdf(q, 0, 0.3) + stats.norm.pdf(q, 3, 0.3)) / 2, (-6, 9, 3001)),
    "t with 3 degrees": (lambda rng: rng.standard_t(3, 1000), stats.t(3).pdf, (-25, 25, 5001)),
    "log-normal": (lambda rng: rng.lognormal(size=1000), stats.lognorm(1).pdf, (-6, 34, 8001)),
}


def line(name, errors):
    """The name, then mean and Monte Carlo standard error of each column."""
    means, deviations = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1)
    print(name, *(f"{mean:.3g}" for mean in means), flush=True)
    return [name, *map(rounded, means, deviations / len(errors)**0.5)]


def rounded(mean, error):
    """Both, to the first digit of the error."""
    digits = max(0, -floor(log10(error)))
    return f"{mean:.{digits}f}\u00a0±\u00a0{error:.{digits}f}"


def squared_errors(law, settings, seed):
    """1000 times the integrated squared error of each estimate."""
    draw, density, span = LAWS[law] if isinstance(law, str) else law
    rows, x = draw(np.random.default_rng(seed))[:, None], np.linspace(*span)
    return [1e3 * np.trapezoid((KernelDensity(**options).fit(rows).pdf(x[:, None])
                                - density(x))**2, x) for options in settings]


def rules(repetitions=20):
    """Bandwidth rules in one column."""
    settings = [{"bandwidth": rule} for rule in RULES] + [
        {"bandwidth": "isj", "adaptive": "abramson"}]
    yield ["law", *RULES, "isj, adaptive"]
    for law in LAWS:
        yield line(law, [squared_errors(law, settings, seed) for seed in range(repetitions)])


def held_out(d, seed):
    """What new normal rows lose in log density, for each rule."""
    rng = np.random.default_rng(seed)
    rows, queries = rng.normal(size=(2000, d)), rng.normal(size=(1000, d))
    truth = -(queries**2).sum(axis=1) / 2 - d * log(2 * pi) / 2
    return [np.mean(truth - KernelDensity(bandwidth=rule).fit(rows).score_samples(queries))
            for rule in ("scott", "silverman", "lscv", "loo_kl")]


def columns(repetitions=3):
    """Bandwidth rules in several columns."""
    yield ["columns", "scott", "silverman", "lscv", "loo_kl"]
    for d in (2, 5, 10, 50):
        yield line(d, [held_out(d, seed) for seed in range(repetitions)])


def edges(repetitions=20):
    """Exponential rows with and without their edge; then what rules make of it."""
    law = (lambda rng: rng.exponential(size=1000), lambda q: np.exp(-q), (0, 12, 2401))
    bounded = {"bounds": (0, None)}
    settings = {"no bounds": {"bandwidth": "robust"}} | {
        f'boundary="{boundary}"': {"bandwidth": "robust", "boundary": boundary} | bounded
        for boundary in ("reflect", "renormalize", "linear", "positive")} | {
        f'bandwidth="{rule}"': {"bandwidth": rule} | bounded for rule in ("isj", "lscv", "loo_kl")}
    errors = np.array([squared_errors(law, settings.values(), seed) for seed in range(repetitions)])
    yield ["estimate", "error"]
    for name, column in zip(settings, errors.T, strict=True):
        yield line(name, column[:, None])


if __name__ == "__main__":
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", TrustWarning)
        write_rows(FOLDER / "measured_density_rules.csv", rules())
        write_rows(FOLDER / "measured_density_columns.csv", columns())
        write_rows(FOLDER / "measured_density_edges.csv", edges())
