"""The p-n criterion, W1 and mixtures of experts against plain numpy, POT and the augmented problem.

Errors are relative: of the second coefficient c2 against the exact one for the same rows, of
distances against those of scipy; for experts, nats of log density lost on new rows. "draws" and
"numpy tensor" find c2 from the same draws, numpy by one pass without the standard errors and the
correction of bias that divest adds. ``symmetric_wasserstein`` adds a standard error and a null
scale to the bare distance. POT takes part where it is installed; ``k`` counts draws.
"""

import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks._timing import race, table
from divest import TrustWarning
from divest.divergence import symmetric_wasserstein
from divest.groups import FiniteGroup, cyclic
from divest.sample_complexity import MixtureOfExperts, gaussian, pn_criterion, sample_size_report


@dataclass(frozen=True)
class Sizes:
    """How much to measure."""

    columns: int = 8  # of the Gaussian: 44 parameters
    rows: int = 1_000
    draws: int = 20_000
    transport: int = 1_000
    symmetric: int = 250
    report: int = 400
    experts: int = 1_000
    rounds: int = 3
    budget: float = 20.0  # seconds for one race


QUICK = Sizes(columns=5, rows=500, draws=5_000, transport=300, symmetric=100, report=200,
              experts=300, budget=3.0)  # fmt: skip


def normal_rows(n, d, seed=0):
    return np.random.default_rng([n, d, seed]).standard_normal((n, d))


def measured(labels, runs, pairs, sizes, errors=None):
    """Rows of the table: each first one of `pairs` against the second."""
    raced = race(runs, sizes.rounds, sizes.budget)
    return [labels | raced.row(one, other, errors) for one, other in pairs]


# ---------------------------------------------------------------- p-n criterion
def plain_tensor(statistics, draws):
    """c2 of the forward risk from draws by third moments at once, and no standard error."""
    L = np.linalg.cholesky(np.cov(draws.T))
    z, y = (np.linalg.solve(L, (t - t.mean(axis=0)).T).T for t in (draws, statistics))
    n, p = z.shape
    A = y.T @ y / len(y)
    third = ((z[:, :, None] * z[:, None, :]).reshape(n, -1).T @ z / n).reshape(p, p, p)
    data = ((y[:, :, None] * y[:, None, :]).reshape(len(y), -1).T @ y / len(y)).reshape(p, p, p)
    q = np.einsum("ia,ia->i", z @ A, z)
    k4 = np.mean(q**2) - np.trace(A)**2 - 2 * np.sum(A * A)
    T = np.sum((q @ z / n)**2)
    S2 = np.sum(np.tensordot(np.tensordot(A, third, (1, 0)), A, (1, 0)).transpose(0, 2, 1) * third)
    return -np.sum(third * data) / 3 + 3 / 8 * (-k4 + T + 2 * S2)


def criterion(sizes: Sizes) -> list[dict]:
    """Exact Gaussian route against draws, and draws against a plain contraction."""
    X = normal_rows(sizes.rows, sizes.columns)
    family = gaussian()
    theta = family.fit(X)
    draws = family.sample(theta, sizes.draws, np.random.default_rng(0))
    rows, drawn = family.sufficient_statistics(X), family.sufficient_statistics(draws)
    runs = {"exact": lambda: pn_criterion(X).c2,
            "draws": lambda: pn_criterion(rows, None, draws=drawn).c2,
            "numpy tensor": partial(plain_tensor, rows, drawn)}
    truth = runs["exact"]()
    errors = {name: abs(run() / truth - 1) for name, run in runs.items()}
    labels = {"task": f"p-n criterion, p = {rows.shape[1]}", "n": len(X), "d": sizes.columns,
              "k": sizes.draws}
    return measured(labels, runs, [("exact", "draws"), ("draws", "numpy tensor")], sizes, errors)


# ---------------------------------------------------------------- transport
def transport(sizes: Sizes) -> list[dict]:
    """W1 with its standard error and null scale, against the bare distance of POT and scipy."""
    P, Q = normal_rows(sizes.transport, 2), normal_rows(sizes.transport, 2, 1) + 1
    trivial = FiniteGroup([np.eye(2)])
    runs = {"symmetric_wasserstein": lambda: symmetric_wasserstein(P, Q, trivial).estimate,
            "scipy assignment": partial(assignment, P, Q), **pot(P, Q)}
    truth = runs["scipy assignment"]()
    errors = {name: abs(run() / truth - 1) for name, run in runs.items()}
    pairs = [("symmetric_wasserstein", other) for other in ("scipy assignment", "POT emd2")]
    return measured({"task": "W1", "n": len(P), "d": 2}, runs, pairs, sizes, errors)


def assignment(P, Q):
    cost = cdist(P, Q)
    return cost[linear_sum_assignment(cost)].mean()


def pot(P, Q):
    """The distance by POT, where that is installed."""
    if not find_spec("ot"):
        return {}
    import ot

    weights = np.full(len(P), 1 / len(P))
    return {"POT emd2": lambda: ot.emd2(weights, weights, cdist(P, Q), numItermax=10_000_000)}


def symmetry(sizes: Sizes) -> list[dict]:
    """The smallest cost over a group, against transport between all images."""
    P, Q = normal_rows(sizes.symmetric, 2), normal_rows(sizes.symmetric, 2, 1) * 2
    group = cyclic(4)
    runs = {"symmetric_wasserstein": lambda: symmetric_wasserstein(P, Q, group).estimate,
            "all images": lambda: assignment(group.symmetrize(P), group.symmetrize(Q))}
    truth = runs["all images"]()
    errors = {name: abs(run() / truth - 1) for name, run in runs.items()}
    return measured({"task": "W1, 4 rotations", "n": len(P), "d": 2}, runs,
                    [("symmetric_wasserstein", "all images")], sizes, errors)


def report(sizes: Sizes) -> list[dict]:
    """A learning curve against the one distance between the halves of its sample."""
    X = normal_rows(sizes.report, 2)
    runs = {"sample_size_report": lambda: sample_size_report(X, random_state=0),
            "one W1": partial(assignment, X[::2], X[1::2])}
    return measured({"task": "learning curve", "n": len(X), "d": 2}, runs,
                    [("sample_size_report", "one W1")], sizes)


# ---------------------------------------------------------------- experts
def experts(sizes: Sizes) -> list[dict]:
    """Two experts of degree 1, against a joint Gaussian mixture of two components.

    Both take three starts. Errors: log density of new y given x that is lost against the truth.
    """
    (x, y), (new, seen) = broken_line(sizes.experts, 0), broken_line(4 * sizes.experts, 1)
    joint = np.column_stack([x, y])
    best = true_log_density(new, seen).mean()

    def fit_experts():
        return MixtureOfExperts(2, 1, n_init=3, random_state=0).fit(x, y)

    def fit_mixture():
        return GaussianMixture(2, n_init=3, tol=1e-7, max_iter=2000, random_state=0).fit(joint)

    errors = {"MixtureOfExperts": best - fit_experts().score_samples(new, seen).mean(),
              "GaussianMixture": best - conditional(fit_mixture(), new, seen).mean()}
    runs = {"MixtureOfExperts": fit_experts, "GaussianMixture": fit_mixture}
    return measured({"task": "two experts, degree 1", "n": len(x), "d": 1}, runs,
                    [("MixtureOfExperts", "GaussianMixture")], sizes, errors)


def broken_line(n, seed):
    """|x| with noise: two experts are right."""
    rng = np.random.default_rng([n, seed])
    x = rng.uniform(-1, 1, size=(n, 1))
    return x, np.abs(x[:, 0]) + 0.1 * rng.standard_normal(n)


def true_log_density(x, y):
    return -((y - np.abs(x[:, 0])) / 0.1)**2 / 2 - np.log(0.1 * np.sqrt(2 * np.pi))


def conditional(mixture, x, y):
    """Log density of y given x under a joint mixture of x and y."""
    marginal = GaussianMixture(mixture.n_components)
    marginal.weights_, marginal.means_ = mixture.weights_, mixture.means_[:, :1]
    marginal.covariances_ = mixture.covariances_[:, :1, :1]
    marginal.precisions_cholesky_ = 1 / np.sqrt(marginal.covariances_)
    return mixture.score_samples(np.column_stack([x, y])) - marginal.score_samples(x)


def run(sizes: Sizes) -> pd.DataFrame:
    """All of them as one table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        return table((criterion, transport, symmetry, report, experts), sizes)
