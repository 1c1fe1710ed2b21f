"""KernelDensity over many samples: standard errors, condensation, edges, adaptive bandwidths."""

from math import sqrt

import numpy as np
import plain
import pytest
from scipy import stats

from divest import KernelDensity
from divest.density import condensation_bandwidths
from divest.density._adaptive import local_bandwidths
from divest.density._selection import select
from divest.density._sums import PointSet, log_sums, moments

pytestmark = [
    pytest.mark.slow, pytest.mark.filterwarnings("ignore::divest.TrustWarning"),
    pytest.mark.skipif(not plain.COMPILED, reason="many pairs")]


# ------------------------------------------------------------ standard errors
@pytest.mark.parametrize(("d", "h"), [(1, 0.25), (1, 0.1), (2, 0.35), (2, 0.2), (5, 0.8), (5, 0.5)])
def test_standard_errors(d, h):
    """At five queries, over the standard deviation of 200 samples, itself known to 5 %.

    Where all samples say that fluctuations are normal; where none does, there is no number.
    """
    Q = np.zeros((6, d))
    Q[:, 0] = [0.0, 0.5, 1.0, 1.5, 2.5, 20.0]
    logs, errors = np.empty((2, 200, 6))
    for seed in range(200):
        X = np.random.default_rng([9, seed]).normal(size=(1000, d))
        logs[seed], errors[seed] = KernelDensity(bandwidth=h).fit(X).score_samples(Q, True)
    clt = np.isfinite(errors).all(axis=0)
    ratio = errors.mean(axis=0)[clt] / logs.std(axis=0, ddof=1)[clt]
    assert clt[:3].sum() >= 3
    assert np.isnan(errors[:, -1]).all()
    assert 0.85 <= ratio.min() <= ratio.max() <= 1.2, ratio


# ------------------------------------------------------------ condensation
def test_effective_rows_around_the_condensation():
    """d = 50, n = 10,000: the mean of sum p^2 at a typical query is about 1 - mu, mu = h^2 / h_g^2.

    The table is of 400 other samples; that a law of large dimension holds only nearly is in it.
    """
    table = {0.3: 0.916, 0.7: 0.553, 1.0: 0.192, sqrt(2): 0.010}
    h_g = condensation_bandwidths(10_000, 50).h_g
    rng, query, shares = np.random.default_rng(0), np.ones((1, 50)), np.empty((400, 4))
    for row in shares:
        points = PointSet(rng.normal(size=(10_000, 50)))
        row[:] = [1 / moments(points, query, ratio * h_g).n_eff[0] for ratio in table]
    mean, error = shares.mean(axis=0), shares.std(axis=0) / 20
    assert (np.abs(mean - list(table.values())) < 4 * sqrt(2) * error + 1e-3).all(), mean
    assert abs(mean[0] - 0.91) < 0.04
    assert abs(mean[1] - 0.51) < 0.06
    assert 1 / 0.30 < 1 / mean[2] < 1 / 0.18 + 1  # about five rows where it condenses


# ------------------------------------------------------------ integrated squared error
REPEATS = 30


def integrated_error(density, truth, x):
    return 1e3 * np.trapezoid((density - truth) ** 2, x)


def near_table(mean, error, table, repeats):
    """Within 3 standard errors of a difference, that of the table, of 20 samples, included."""
    return np.abs(mean - table) <= 3 * error * sqrt(1 + repeats / 20)


def test_edges():
    """1000 times the integrated squared error on the half-line; rows are exponential."""
    table = {None: 25.4, "renormalize": 2.11, "reflect": 1.85, "linear": 1.77, "positive": 1.92}
    x = np.linspace(0, 12, 2401)
    truth, found = np.exp(-x), np.empty((REPEATS, len(table)))
    for seed, row in enumerate(found):
        X = np.random.default_rng(seed).exponential(size=(1000, 1))
        for k, boundary in enumerate(table):
            edges = {"bounds": (0, None), "boundary": boundary} if boundary else {}
            density = KernelDensity(bandwidth="robust", **edges).fit(X)
            row[k] = integrated_error(density.pdf(x[:, None]), truth, x)
    mean, error = found.mean(axis=0), found.std(axis=0) / sqrt(REPEATS)
    assert near_table(mean, error, list(table.values()), REPEATS).all(), (mean, error)
    assert mean[0] > 8 * mean[1:].max()


LAWS = {  # draw, density, where it is integrated, and the table
    "normal": (lambda rng: rng.normal(size=1000), stats.norm.pdf, (-8, 8, 1601), 1.26),
    "bimodal": (lambda rng: 0.3 * rng.normal(size=1000) + 3 * rng.integers(0, 2, 1000),
                lambda q: (stats.norm.pdf(q, 0, 0.3) + stats.norm.pdf(q, 3, 0.3)) / 2,
                (-6, 9, 3001), 3.13),
    "t3": (lambda rng: rng.standard_t(3, 1000), stats.t(3).pdf, (-25, 25, 5001), 1.52),
    "lognormal": (lambda rng: rng.lognormal(size=1000), stats.lognorm(1).pdf, (-6, 34, 8001),
                  4.22)}


@pytest.mark.parametrize("law", LAWS)
def test_adaptive_bandwidths(law):
    """1000 times the integrated squared error: bandwidth isj, and the pilot's robust.

    The estimator's pilot has the bandwidth isj, which costs at most a third more.
    """
    draw, density, span, table = LAWS[law]
    x = np.linspace(*span)
    truth, found = density(x), np.empty((REPEATS, 2))
    for seed, row in enumerate(found):
        X = draw(np.random.default_rng(seed))[:, None]
        h = select("isj", X).bandwidth
        pilot = KernelDensity(bandwidth=select("robust", X).bandwidth).fit(X).score_samples(X)
        points = PointSet(X / h, local=local_bandwidths(pilot, None, 0.5, 10.0))
        log_density = log_sums(points, x[:, None] / h) - np.log(h * sqrt(2 * np.pi))
        own = KernelDensity(bandwidth="isj", adaptive="abramson").fit(X)
        row[:] = [integrated_error(f, truth, x)
                  for f in (np.exp(log_density), own.pdf(x[:, None]))]
    mean, error = found.mean(axis=0), found.std(axis=0) / sqrt(REPEATS)
    assert near_table(mean[0], error[0], table, REPEATS), (mean, error)
    assert mean[1] < 1.34 * mean[0] + 2 * error[1]


# ------------------------------------------------------------ diagnostics
@pytest.mark.parametrize(("n", "d", "most"), [
    (200, 1, 1), (200, 2, 3), (200, 5, 5), (1000, 1, 1), (1000, 2, 1), (1000, 5, 1)])
def test_false_alarms_on_normal_data(n, d, most):
    """How many of 20 samples have any diagnostic that fails; of 40 these were 0 1 3 0 0 0."""
    alarms = 0
    for seed in range(20):
        X = np.random.default_rng([seed, n, d]).normal(size=(n, d))
        alarms += not KernelDensity().fit(X).diagnostics_["passed"].all()
    assert alarms <= most


@pytest.mark.parametrize(("law", "names"), [
    (lambda rng, size: rng.random(size), ["edge_mass"]),
    (lambda rng, size: rng.exponential(size=size), ["edge_mass"]),
    (lambda rng, size: rng.lognormal(size=size), ["edge_mass", "selector_ratio"]),
    (lambda rng, size: rng.standard_t(3, size), ["selector_ratio"])],
    ids=["uniform", "exponential", "lognormal", "t3"])
def test_alarms_on_other_data(law, names):
    """n = 1000, d = 2: edges and heavy tails are seen in nearly every one of 10 samples."""
    alarms = np.zeros(len(names))
    for seed in range(10):
        X = law(np.random.default_rng([seed, 3]), (1000, 2))
        table = KernelDensity().fit(X).diagnostics_.set_index("name")
        alarms += ~table["passed"][names].to_numpy(bool)
    assert (alarms >= 8).all(), alarms
