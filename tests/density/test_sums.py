"""Kernel sums over any number of rows against dense formulas, and what they must not depend on."""

import pickle

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from divest.density._profiles import COMPACT, KERNELS
from divest.density._sums import (
    PointSet,
    compact_sums,
    gradients,
    log_sums,
    moments,
    pair_sums,
    reflected_log_sums,
    tilted_means,
)

WIDE = [kernel for kernel in KERNELS if kernel not in COMPACT]
N = plain.smaller(1300, 530)  # more than a block of 512
DIMENSIONS = [1, 2, 3, 7, 12, 20]
dimensions = pytest.mark.parametrize("d", DIMENSIONS)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
local = pytest.mark.parametrize("local", [False, True], ids=["one", "local"])


def sample(rng, d, n=N):
    """Rows, queries of which the first ones are rows, and which rows these are."""
    X, some = rng.normal(size=(n, d)), plain.smaller(6, 2)
    own = rng.choice(n, size=some, replace=False)
    Q = np.concatenate([X[own], 1.5 * rng.normal(size=(some, d)), np.full((1, d), -50.0)])
    return X, Q, np.append(own, np.full(some + 1, -1))


def options(rng, n, weighted, local):
    w = rng.random(n) + 0.05
    return {"weights": w / w.sum() if weighted else None,
            "local": np.exp(0.4 * rng.normal(size=n)) if local else None}


def assert_logs(found, expected):
    """Relative error of the sum, where the exponents themselves have rounding of 1e-16."""
    finite = np.isfinite(expected)
    assert_array_equal(np.isneginf(found), ~finite)
    assert_allclose(found[finite], expected[finite], rtol=2e-14, atol=5e-12)


# ------------------------------------------------------------ against dense formulas
@pytest.mark.parametrize("kernel", KERNELS)
@dimensions
@weighted
@local
def test_log_sums(rng, kernel, d, weighted, local):
    X, Q, own = sample(rng, d)
    choice, h = options(rng, N, weighted, local), 0.6 if kernel in WIDE else 2.5
    points = PointSet(X, kernel=kernel, **choice)
    for skip in (None, own):
        expected = plain.log_sum(plain.log_terms(Q, X, h, kernel, skip=skip, **choice))
        assert_logs(log_sums(points, Q, h, skip=skip), expected)


@pytest.mark.parametrize("kernel", WIDE)
@dimensions
@weighted
@local
def test_moments(rng, kernel, d, weighted, local):
    X, Q, own = sample(rng, d)
    choice = options(rng, N, weighted, local)
    for skip in (None, own):
        logs = plain.log_terms(Q, X, 0.6, kernel, skip=skip, **choice)
        found = moments(PointSet(X, kernel=kernel, **choice), Q, 0.6, skip=skip)
        assert_logs(found.log_sum, plain.log_sum(logs))
        for one, other in zip(found[1:], plain.sum_moments(logs, cdist(Q, X, "sqeuclidean")),
                              strict=True):
            assert_allclose(one, other, rtol=1e-10)


@dimensions
@weighted
@local
def test_gradients(rng, d, weighted, local):
    X, Q, _ = sample(rng, d)
    choice = options(rng, N, weighted, local)
    found, gradient = gradients(PointSet(X, **choice), Q, 0.6)
    logs = plain.log_terms(Q, X, 0.6, **choice)
    assert_logs(found, plain.log_sum(logs))
    scales = 0.6**-2 * (np.ones(N) if not local else choice["local"] ** -2)
    assert_allclose(gradient, plain.sum_gradient(logs, Q, X, scales), rtol=1e-9, atol=1e-10)


@dimensions
@weighted
def test_tilted_means(rng, d, weighted):
    X, Q, _ = sample(rng, d)
    choice = options(rng, N, weighted, False)
    found, mean = tilted_means(PointSet(X, **choice), Q, 0.6)
    logs = plain.log_terms(Q, X, 0.6, **choice)
    assert_logs(found, plain.log_sum(logs))
    assert_allclose(mean, plain.shares(logs) @ X, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 7, 13])
@weighted
@local
def test_reflected_log_sums(rng, d, weighted, local):
    X = rng.uniform(0, 4, size=(N, d))
    Q = np.concatenate([rng.uniform(0, 4, size=(5, d)), np.zeros((1, d)), np.full((1, d), 4.0)])
    choice = options(rng, N, weighted, local)
    edges = [(axis, side) for axis in range(d) for side in (0.0, 4.0) if (axis, side) != (0, 4.0)]
    found = reflected_log_sums(PointSet(X, **choice), Q, np.array(edges))
    assert_logs(found, plain.reflected_log_sum(Q, X, edges, **choice))


@pytest.mark.parametrize("kernel", sorted(COMPACT))
@pytest.mark.parametrize("d", [1, 2, 12])
@weighted
@local
def test_compact_sums(rng, kernel, d, weighted, local):
    X, Q, own = sample(rng, d)
    choice, h = options(rng, N, weighted, local), 0.4 * d**0.5 + 0.4
    points = PointSet(X, kernel=kernel, **choice)
    for skip in (None, own):
        terms = np.exp(plain.log_terms(Q, X, h, kernel, skip=skip, **choice))
        found = compact_sums(points, Q, h, skip=skip)
        assert_allclose(found[:, 0], terms.sum(axis=1), rtol=1e-10)
        assert_allclose(found[:, 1], (terms**2).sum(axis=1), rtol=1e-10)
        assert_array_equal(found[:, 2], (terms > 0).sum(axis=1))


@dimensions
@weighted
def test_pair_sums(rng, d, weighted):
    """Bandwidths in any order; sums below e**-45 of a row are 0."""
    X, Q, own = sample(rng, d)
    w, widths = options(rng, N, weighted, False)["weights"], np.array([0.5, 0.1, 1.5, 0.02])
    found = pair_sums(PointSet(X, w), Q, widths, skip=own)
    expected = plain.pair_sums(Q, X, widths, np.full(N, 1 / N) if w is None else w, own)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=np.exp(-45.0))


# ------------------------------------------------------------ laws
@pytest.mark.parametrize("d", [1, 2, 7, 13])
def test_a_large_offset_changes_nothing(rng, d):
    """At 1e8 the sum knows the rows to a part in 1e8, which is what the rows themselves do."""
    X, Q, _ = sample(rng, d)
    X, Q = (np.round(rows * 2**20) / 2**20 for rows in (X, Q))  # 1e8 more is still exact
    near, far = PointSet(X), PointSet(X + 1e8)
    assert_allclose(log_sums(far, Q + 1e8, 0.5), log_sums(near, Q, 0.5), rtol=1e-12, atol=1e-9)
    for one, other in zip(moments(far, Q + 1e8, 0.5), moments(near, Q, 0.5), strict=True):
        assert_allclose(one, other, rtol=1e-7)
    assert_allclose(gradients(far, Q + 1e8, 0.5)[1], gradients(near, Q, 0.5)[1], rtol=1e-7,
                    atol=1e-7)


@pytest.mark.parametrize("kernel", WIDE)
@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_far_queries(rng, kernel, d):
    """At 1000 bandwidths the nearest row is all that counts, or nearly."""
    X = rng.normal(size=(N, d))
    direction = np.ones(d) / d**0.5
    Q = np.array([1e3 * direction, -1e3 * direction, 1e6 * direction])
    found = log_sums(PointSet(X, kernel=kernel), Q, 1.0)
    logs = plain.log_terms(Q, X, 1.0, kernel)
    assert np.isfinite(found).all()
    assert_allclose(found, plain.log_sum(logs), rtol=1e-9)
    power = 2 if kernel == "gaussian" else 1
    assert_allclose(found, -cdist(Q, X).min(axis=1) ** power / power, rtol=1e-2)


def test_sums_over_blocks_that_are_left_out_are_whole(rng):
    """Clusters and a heavy tail, so that nearly all boxes are far from any query."""
    n = plain.smaller(30_000, 1100)
    for d in (1, 2, 5):
        X = 100 * rng.standard_t(2, size=(n, d))
        Q = np.concatenate([X[:6] + 0.1, 100 * rng.standard_t(2, size=(6, d))])
        for h in (0.1, 5.0, 300.0):
            for kernel in WIDE:
                logs = plain.log_terms(Q, X, h, kernel)
                assert_logs(log_sums(PointSet(X, kernel=kernel), Q, h), plain.log_sum(logs))
            terms = plain.log_terms(Q, X, h, "biweight")
            assert_allclose(compact_sums(PointSet(X, kernel="biweight"), Q, h)[:, 0],
                            np.exp(terms).sum(axis=1), rtol=1e-10, atol=1e-14)


def test_one_light_row_among_heavy_ones(rng):
    """Weights over 200 orders of magnitude: a query at the light row sees it alone."""
    X = np.concatenate([rng.normal(size=(N, 1)), [[60.0]]])
    w = np.append(np.ones(N), 1e-200)
    w /= w.sum()
    Q = np.array([[60.0], [0.0], [40.0]])
    assert_logs(log_sums(PointSet(X, w), Q), plain.log_sum(plain.log_terms(Q, X, 1, weights=w)))
    assert_allclose(log_sums(PointSet(X, w), Q[:1]), np.log(w[-1]), rtol=1e-12)


@pytest.mark.parametrize("d", [1, 3, 13])
def test_any_number_of_jobs(rng, d):
    """The same bits with threads; more queries than one task has."""
    n = plain.smaller(600, 40)
    X, Q = rng.normal(size=(n, d)), rng.normal(size=(plain.smaller(1000, 300), d))
    w, skip = options(rng, n, True, False)["weights"], np.arange(len(Q)) % n
    for kernel in ("gaussian", "linear"):
        points = PointSet(X, w, kernel=kernel)
        assert_array_equal(log_sums(points, Q, 2.0, skip=skip, n_jobs=2),
                           log_sums(points, Q, 2.0, skip=skip))
    points, half = PointSet(X, w), np.array([0.5])
    for one, other in zip(moments(points, Q, n_jobs=2), moments(points, Q), strict=True):
        assert_array_equal(one, other)
    assert_array_equal(gradients(points, Q, n_jobs=2)[1], gradients(points, Q)[1])
    assert_array_equal(pair_sums(points, Q, half, skip=skip, n_jobs=2),
                       pair_sums(points, Q, half, skip=skip))


@pytest.mark.parametrize("d", [1, 2, 7])
def test_order_of_rows(rng, d):
    X, Q, own = sample(rng, d)
    choice, order = options(rng, N, True, True), rng.permutation(N)
    place = np.empty(N, int)
    place[order] = np.arange(N)
    other = PointSet(X[order], choice["weights"][order], choice["local"][order])
    skip = np.where(own >= 0, place[own], -1)
    assert_allclose(log_sums(other, Q, skip=skip), log_sums(PointSet(X, **choice), Q, skip=own),
                    rtol=1e-12)


def test_equal_weights_are_no_weights(rng):
    X, Q, _ = sample(rng, 2)
    assert_allclose(log_sums(PointSet(X, np.full(N, 1 / N)), Q), log_sums(PointSet(X), Q),
                    rtol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
def test_only_its_own_row(kernel):
    points, skip = PointSet(np.zeros((1, 2)), kernel=kernel), np.array([0, -1])
    assert_array_equal(log_sums(points, np.zeros((2, 2)), skip=skip), [-np.inf, 0.0])


def test_no_queries(rng):
    points, none = PointSet(rng.normal(size=(20, 2))), np.empty((0, 2))
    assert log_sums(points, none).shape == (0,)
    assert gradients(points, none, n_jobs=2)[1].shape == (0, 2)


def test_pickling(rng):
    X, Q, _ = sample(rng, 2)
    points = PointSet(X)
    before = log_sums(points, Q)
    copy = pickle.loads(pickle.dumps(points))
    assert len(pickle.dumps(points)) < 3 * X.nbytes
    assert_array_equal(log_sums(copy, Q), before)
