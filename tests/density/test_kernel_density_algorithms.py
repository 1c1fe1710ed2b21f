"""KernelDensity: its algorithms and grids agree; standard errors, clones and copies."""

import pickle

import numpy as np
import plain
import pytest
from kernel_density_cases import COLUMN, Q3, ROWS, WEIGHTS, every_kernel
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.neighbors import KernelDensity as Theirs

from divest import KernelDensity
from divest.density._selection import select

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

# ------------------------------------------------------------ algorithms
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
@pytest.mark.parametrize("form", [
    {"bandwidth": 0.6}, {"bandwidth": "scott"}, {"bandwidth": "lscv", "whiten": "full"},
    {"bandwidth": [0.4, 0.6, 0.9]}, {"bandwidth": 1.5, "kernel": "linear"},
    {"bandwidth": 1.5, "kernel": "cosine"}, {"bandwidth": "silverman", "kernel": "exponential"}],
    ids=str)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_trees(algorithm, form, weights):
    Q = np.concatenate([Q3[:2], ROWS[:20] + 0.2])
    exact = KernelDensity(**form).fit(ROWS, sample_weight=weights)
    tree = KernelDensity(algorithm=algorithm, **form).fit(ROWS, sample_weight=weights)
    assert_allclose(tree.pdf(Q), exact.pdf(Q), rtol=1e-7, atol=1e-14)
    assert_allclose(tree.loo_log_likelihood(), exact.loo_log_likelihood())


def test_tolerances_of_trees():
    """`atol` is of the density in data units; a wide tolerance is used, and kept."""
    X = ROWS[:, :2] / 50
    Q = X[:100]
    exact = KernelDensity(bandwidth=0.01).fit(X).pdf(Q)
    for atol in (0.5, 5.0):
        density = KernelDensity(bandwidth=0.01, algorithm="kd_tree", rtol=0.0, atol=atol,
                                leaf_size=5).fit(X)
        error = np.abs(density.pdf(Q) - exact).max()
        assert error <= atol
        assert error > 1e-6 * atol
        theirs = Theirs(bandwidth=0.01, rtol=0.0, atol=atol, leaf_size=5).fit(X)
        their_error = np.abs(np.exp(theirs.score_samples(Q)) - exact).max()
        assert 0.2 < error / their_error < 5


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree"])
def test_metrics_of_trees(metric, algorithm):
    ours = KernelDensity(bandwidth=0.6, metric=metric, algorithm=algorithm).fit(ROWS)
    theirs = Theirs(bandwidth=0.6, metric=metric, algorithm=algorithm).fit(ROWS)
    assert_allclose(ours.pdf(ROWS), np.exp(theirs.score_samples(ROWS)), rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("bounded", [False, True])
def test_grid(d, bounded):
    """Error below (1/8)^2 / 30 of the maximum; exact far from all rows."""
    X = np.abs(ROWS[:, :d]) if bounded else ROWS[:, :d]
    settings = {"bandwidth": 0.8, "bounds": (0, None) if bounded else None}
    exact = KernelDensity(**settings).fit(X)
    grid = KernelDensity(algorithm="grid", **settings).fit(X)
    Q = np.concatenate([X[:50] * 1.1, np.zeros((1, d))])
    top = exact.pdf(X).max()
    assert_allclose(grid.pdf(Q), exact.pdf(Q), atol=top * (1e-2 if d == 3 else 2e-3))
    far = np.full((2, d), 60.0) * [[1], [100]]
    assert_allclose(grid.score_samples(far), exact.score_samples(far), rtol=1e-10)
    assert_array_equal(grid.score_samples(-far), exact.score_samples(-far)) if bounded else None


def test_brute_is_auto():
    one, other = (KernelDensity(bandwidth=0.5, algorithm=algorithm).fit(ROWS).score_samples(Q3)
                  for algorithm in ("auto", "brute"))
    assert_array_equal(one, other)


@every_kernel
def test_threads_change_nothing(kernel):
    Q = np.tile(ROWS, (3, 1))
    one, other = (KernelDensity(bandwidth="scott", kernel=kernel, n_jobs=n_jobs).fit(ROWS)
                  .score_samples(Q) for n_jobs in (None, 2))
    assert_array_equal(one, other)


# ------------------------------------------------------------ table of a grid
@pytest.mark.parametrize("form", [
    {}, {"bounds": (-30, 30)}, {"kernel": "epanechnikov"}, {"whiten": "full"},
    {"adaptive": "abramson"}], ids=str)
@pytest.mark.parametrize("d", [1, 2])
def test_evaluate_grid(form, d):
    density = KernelDensity(bandwidth="scott", **form).fit(ROWS[:, :d])
    points = plain.smaller({1: 200, 2: 40}[d], {1: 100, 2: 15}[d])
    frame = density.evaluate_grid(points)
    names = [f"x{k}" for k in range(d)]
    assert list(frame) == [*names, "density"]
    assert len(frame) == points**d
    exact = density.pdf(frame[names].to_numpy())
    assert_allclose(frame["density"], exact, atol=2e-3 * exact.max())
    low, high = frame[names].min().to_numpy(), frame[names].max().to_numpy()
    spread = np.sqrt((np.atleast_2d(density.bandwidth_) ** 2).sum(axis=1)) if form.get(
        "whiten") else density.bandwidth_
    assert_allclose(low, ROWS[:, :d].min(axis=0) - 3 * spread, rtol=1e-9)
    assert_allclose(high, ROWS[:, :d].max(axis=0) + 3 * spread, rtol=1e-9)


def test_evaluate_grid_ends_at_edges():
    density = KernelDensity(bandwidth=0.3, bounds=(0, None)).fit(np.exp(COLUMN))
    frame = density.evaluate_grid(2000, padding=12.0)
    assert frame["x0"].min() == 0.0
    step = np.diff(frame["x0"][:2])[0]
    mass = (frame["density"].sum() - frame["density"].iloc[0] / 2) * step
    assert_allclose(mass, 1.0, atol=1e-4)
    assert_allclose(density.pdf(frame[["x0"]].iloc[:100].to_numpy()), frame["density"][:100],
                    rtol=1e-2)


# ------------------------------------------------------------ standard errors
def test_standard_errors():
    density = KernelDensity(bandwidth=0.6).fit(ROWS, sample_weight=WEIGHTS)
    found, error = density.score_samples(np.concatenate([Q3, ROWS[:20]]), return_std=True)
    Q = np.concatenate([Q3, ROWS[:20]])
    assert_array_equal(found, density.score_samples(Q))
    p = plain.shares(plain.log_terms(Q, ROWS, 0.6, weights=WEIGHTS))
    square = (p**2).sum(axis=1)
    clt = square**2 / (p**4).sum(axis=1) >= 5
    expected = np.sqrt(square - (WEIGHTS**2).sum() / WEIGHTS.sum() ** 2)
    assert_allclose(error, np.where(clt, expected, np.nan), rtol=1e-9)
    assert 0 < clt.sum() < len(clt)


def test_standard_errors_of_bounded_kernels():
    """p are the shares of the terms in the sum; at least five rows must be in reach."""
    density = KernelDensity(bandwidth=0.8, kernel="biweight").fit(ROWS)
    _, error = density.score_samples(ROWS, return_std=True)
    terms = np.exp(plain.log_terms(ROWS, ROWS, 0.8, "biweight"))
    enough = (terms > 0).sum(axis=1) >= 5
    p = terms / terms.sum(axis=1, keepdims=True)
    expected = np.sqrt((p**2).sum(axis=1) - 1 / 300)
    assert_allclose(error, np.where(enough, expected, np.nan), rtol=1e-9)
    assert 0 < enough.sum() < len(enough)


# ------------------------------------------------------------ clones and copies
@pytest.mark.parametrize("form", [
    {}, {"bandwidth": 0.7, "kernel": "linear"}, {"bounds": (-30, None)}, {"algorithm": "grid"},
    {"algorithm": "kd_tree"}, {"adaptive": "abramson"}, {"whiten": "full"}], ids=str)
def test_clone_and_pickle(form):
    density = KernelDensity(**form).fit(ROWS)
    again = clone(density).fit(ROWS)
    copy = pickle.loads(pickle.dumps(density))
    assert_array_equal(again.score_samples(Q3), density.score_samples(Q3))
    assert_array_equal(copy.score_samples(Q3), density.score_samples(Q3))
    assert_array_equal(copy.sample(3, random_state=0), density.sample(3, random_state=0))


def test_the_rule_of_the_estimator_is_that_of_the_function():
    Z = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0, ddof=1)
    for rule in ("lscv", "loo_kl", "scott"):
        assert_allclose(KernelDensity(bandwidth=rule).fit(ROWS).bandwidth_factor_,
                        select(rule, Z).bandwidth, rtol=1e-9)
