"""Measure the risks, and what symmetries save, that the user guide quotes, as CSV.

Run ``python docs/measure_sample_size.py`` (about a minute on one core). Seeds are fixed.
"""

import warnings
from pathlib import Path

import numpy as np
from _measuring import write_rows
from scipy import stats
from threadpoolctl import threadpool_limits

from divest import TrustWarning, pn_criterion
from divest.divergence import (
    symmetric_mmd_test,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
    symmetry_gain,
)
from divest.groups import FiniteGroup, cyclic
from divest.kernels import rbf

FOLDER = Path(__file__).parent / "user_guide"
LAWS = {"normal": stats.norm(), "uniform": stats.uniform(-3**0.5, 12**0.5),
        "Laplace": stats.laplace(0, 0.5**0.5)}
EXACT = {"normal": (2, 61 / 12), "uniform": (1.4, 3.217619), "Laplace": (3.5, 8.208333)}
TRIVIAL, TURNS = FiniteGroup([np.eye(2)]), cyclic(4)


# ------------------------------------------------------------ a normal law, fitted to others
def risk(law, n=50, samples=200_000):
    """Mean divergence of the fitted normal law, from means and variances, and its error."""
    X = law.rvs(size=(samples, n), random_state=np.random.default_rng(1))
    means, variances = X.mean(axis=1), X.var(axis=1)
    found = (np.log(variances) + (1 + means**2) / variances - 1) / 2
    return found.mean(), found.std() / samples**0.5


def estimated(law, n, samples):
    """Mean of the estimated p*."""
    return np.mean([pn_criterion(law.rvs(size=(n, 1), random_state=np.random.default_rng(seed)),
                                 "gaussian").p_star for seed in range(samples)])


def risks():
    yield ["truth", "p", "p*", "p / 2n", "second order", "measured", "standard error"]
    for name, law in LAWS.items():
        p_star, c2 = EXACT[name]
        mean, error = risk(law)
        yield [name, 2, p_star, 2 / 100, f"{p_star / 100 + c2 / 2500:.4f}", f"{mean:.4f}",
               f"{error:.5f}"]


def effective_parameters(samples=400):
    yield ["rows", "truth", "mean p*"]
    for n in (50, 200, 1000):
        yield [n, 3.5, f"{estimated(LAWS['Laplace'], n, samples):.2f}"]


# ------------------------------------------------------------ what symmetry saves
def pair(seed, n, d=2, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(n, d)) * scale


def transport(n, repetitions=40):
    """W1 between samples of one law, with the turns as a share of that without."""
    both = np.array([[symmetric_wasserstein(*pair(seed, n), group).estimate
                      for group in (TRIVIAL, TURNS)] for seed in range(repetitions)])
    shares = both[:, 1] / both[:, 0].mean()
    return 1.0, both[:, 1].mean() / both[:, 0].mean(), shares.std() / repetitions**0.5, repetitions


def neighbors(group, repetitions=300):
    """Bias and root mean square error of KL between variances 1 and 1.5."""
    truth = 1 / 1.5 - 1 + np.log(1.5)
    errors = np.array([symmetric_neighbor_divergence(
        *pair(seed, 800, scale=1.5**0.5), group).estimate - truth
        for seed in range(repetitions)])
    return errors.mean(), errors.std() / repetitions**0.5, (errors**2).mean()**0.5


def power(group, n, d, scale, trials, kernel=None):
    """Share of samples that the MMD test rejects at the level of 5 %."""
    return np.mean([symmetric_mmd_test(*pair(seed, n, d, scale), group, kernel,
                                       n_resamples=99, random_state=seed).pvalue <= 0.05
                    for seed in range(trials)])


def powers(what, groups, *setting, trials, kernel=None):
    without, found = (power(group, *setting, trials, kernel) for group in groups)
    return [what, without, found, (found * (1 - found) / trials)**0.5, trials]


def savings():
    yield ["what", "without", "with", "standard error", "repetitions"]
    for n in (100, 400):
        yield [f"W1 of normal rows, n = {n}, as a share", *transport(n)]
    X = np.random.default_rng(0).normal(size=(1000, 2))
    for width in (0.1, 0.3, 1.0, 3.0):
        share = 1 / symmetry_gain(X, TURNS, kernel=rbf(width)).rows_factor
        yield [f"squared MMD, bandwidth {width}, as a share", 1.0, share, "", 1]
    (bias, _, rmse), (less, error, smaller) = neighbors(TRIVIAL), neighbors(TURNS)
    yield ["bias of kl, 800 rows", bias, less, error, 300]
    yield ["root mean square error of kl, 800 rows", rmse, smaller, "", 300]
    yield powers("power of the MMD test, deviations 1 and 1.2, n = 100", (TRIVIAL, TURNS), 100, 2,
                 1.2, trials=200)
    flips = FiniteGroup.random_subset(
        lambda rng: np.diag(rng.choice([-1.0, 1.0], 6)), 9, 0)
    yield powers("the same, nine of 64 sign flips, d = 6, deviation 1.15, n = 50",
                 (FiniteGroup([np.eye(6)]), flips), 50, 6, 1.15, trials=300,
                 kernel=rbf(2.0))


def write(name, rows):
    """The rows with three decimals, printed and kept."""
    rows = [[f"{entry:.3f}" if isinstance(entry, float) else entry for entry in row]
            for row in rows]
    print(*rows, sep="\n", flush=True)
    write_rows(FOLDER / name, rows)


if __name__ == "__main__":
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", TrustWarning)
        write("measured_sample_size_risks.csv", risks())
        write("measured_sample_size_parameters.csv", effective_parameters())
        write("measured_sample_size_symmetry.csv", savings())
