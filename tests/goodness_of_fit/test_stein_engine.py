"""Pair sums of the Stein tests: reference values, dense twins, laws, features, where it misfits."""

import dataclasses
import itertools
import tracemalloc

import numpy as np
import plain
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from divest._resampling import (
    resampling_pvalue,
    root_sequence,
    sign_blocks,
    smallest_pvalue,
)
from divest.goodness_of_fit import _shape
from divest.goodness_of_fit._engine import SteinPairs, paired_values, quadratic_forms
from divest.goodness_of_fit._nystrom import NystromFeatures, signed_forms
from divest.goodness_of_fit._outcome import bandwidth_grid, combine, critical_values
from divest.goodness_of_fit._points import Coordinates, preconditioning
from divest.goodness_of_fit._stein_test import bootstrap_draws, multipliers_of, values_of
from divest.kernels import imq, log_inverse, matern32, matern52, rbf, resolve_kernel

KERNELS = [imq(bandwidth=1.1), rbf(0.9), matern32(1.3), matern52(0.8), log_inverse(1.0, 1.2),
           rbf(0.5) + imq(-0.3, 1.0)]
every = pytest.mark.parametrize("kernel", KERNELS, ids=str)
TILT = (lambda X: (1 + (X**2).sum(axis=1))**-0.5,
        lambda X: -X / (1 + (X**2).sum(axis=1))[:, None])


@pytest.fixture
def six():
    X = np.arange(12.0).reshape(6, 2) / 7 - 0.5
    X[3] *= -1.3
    return X


def lattice(n, d):
    """Fixed numbers in (0, 1)."""
    return (np.arange(1, n + 1)[:, None] + 0.5) * np.sqrt([2.0, 3.0, 5.0][:d]) % 1.0


def laplace_lattice():
    return stats.laplace.ppf(lattice(120, 2), scale=0.5**0.5)


def fixed_signs(n, b):
    i, j = np.arange(1, n + 1)[:, None], np.arange(1, b + 1)
    mixed = (i + 0.25) * (j + 0.25) * 2**0.5 + i * i * 3**0.5
    return np.where(mixed % 1.0 < 0.5, -1, 1).astype(np.int8).T


def points_of(X, S=None, **options):
    return Coordinates(**options).points(X, -X if S is None else S)


def dense(points, kernel):
    """The matrix by the slow twin."""
    X, A, W = points.rows, points.scores, points.weights
    if len(points.array) == 2:
        return plain.stein_matrix(kernel, X, A)
    return plain.weighted_stein_matrix(kernel, X, A, W, X, A, W)


def u_statistic(matrix):
    n = len(matrix)
    return (matrix.sum() - np.trace(matrix)) / (n * (n - 1))


# ------------------------------------------------------------ reference values
@pytest.mark.parametrize(("kernel", "u", "v"), [
    ("rbf", 0.314784773986615, 0.711167016870932),
    ("imq", 0.198241283348509, 0.614047441339177),
    ("matern32", 0.331745704587083, 1.39196779237132)])
def test_statistics_of_six_points(kernel, u, v, six):
    sums = [SteinPairs(points_of(six), resolve_kernel(kernel).with_bandwidth(1.0)).sums()]
    assert_allclose(values_of(sums, "u"), 6 * u, rtol=1e-12)
    assert_allclose(values_of(sums, "v"), 6 * v, rtol=1e-12)


def test_exact_signs_of_six_points(six):
    pairs = [SteinPairs(points_of(six), imq(bandwidth=1.0))]
    signs = np.array(list(itertools.product((-1, 1), repeat=6)), dtype=np.int8)
    draws = bootstrap_draws(pairs, [], signs, "u")[:, 0]
    observed = values_of([pairs[0].sums()], "u")[0]
    assert np.mean(draws >= observed - 1e-12) == 12 / 64


def test_shape_of_six_points(six):
    points, kernel = points_of(six), imq(bandwidth=1.0)
    rows, _ = SteinPairs(points, kernel).sums()
    assert_allclose(_shape.standard_error(rows / 5), 0.138217754762, rtol=1e-10)
    assert_allclose(_shape.dimension_statistics(points, kernel), [0.142362908373, 0.0558783749755],
                    rtol=1e-10)
    assert_allclose(_shape.witness(points, kernel, np.zeros((1, 2))),
                    [[0.0341852941021, -0.0957407122376]], rtol=1e-10)
    assert_allclose(points.median(), 1.01684787055, rtol=1e-10)


def test_weights_of_six_points(six):
    tilted = SteinPairs(points_of(six, weight=TILT), imq(bandwidth=1.0)).sums()[0].sum() / 30
    assert_allclose(tilted, 0.0695039032022, rtol=1e-10)
    shifted = six - six.min() + 0.1
    points = points_of(shifted, -np.ones_like(shifted), weight=(lambda X: X, lambda X: 1 / X))
    found = SteinPairs(points, imq(bandwidth=1.0)).sums()[0].sum() / 30
    assert_allclose(found, 0.101231051871, rtol=1e-10)


def test_bandwidths_of_the_lattice():
    points = points_of(laplace_lattice())
    grid = bandwidth_grid(imq(), "auto", points.median(), several=True)
    pairs = [SteinPairs(points, kernel) for kernel in grid.kernels]
    values = values_of([pair.sums() for pair in pairs], "u")
    draws = bootstrap_draws(pairs, [], fixed_signs(120, 499), "u")
    assert_allclose(points.median(), 1.51280281685, rtol=1e-10)
    assert_allclose(values[3], 0.174610159236, rtol=1e-10)
    assert resampling_pvalue(values[3], draws[:, 3]) == 0.334
    found = combine(values, draws, grid.weights)
    assert found.pvalue == 0.026
    assert_array_equal(found.single_pvalues, [0.004, 0.278, 0.096, 0.334, 0.896])
    assert found.best == 0
    critical = critical_values(values, draws, grid.weights, 0.05)
    assert_array_equal(values >= critical, [True, False, False, False, False])


def test_landmarks_of_the_lattice():
    X = laplace_lattice()
    features = NystromFeatures(points_of(X), imq(bandwidth=1.2), np.arange(0, 120, 12))
    # the method page has the ridge 1e-8 d, here it goes with the units of h: alike to that order
    assert_allclose(features.sums()[0].sum() / 120, -0.573665716019, rtol=1e-7)
    assert_allclose(features.eigenvalues().max(), 0.533759140413, rtol=1e-7)


def test_landmarks_do_not_see_units(rng):
    X = rng.normal(size=(100, 2))
    sums = [NystromFeatures(points_of(s * X, -X / s, dtype=dtype), imq(bandwidth=s),
                            np.arange(0, 100, 3)).sums()[0] * s**2
            for s in (1.0, 1e8) for dtype in ("float64", "float32")]
    for other, tolerance in zip(sums[1:], (1e-3, 1e-6, 1e-3), strict=True):
        assert_allclose(other, sums[0], rtol=0, atol=tolerance * np.abs(sums[0]).max())


def test_truncated_normal_on_a_lattice():
    x = stats.truncnorm.ppf(lattice(200, 1), -0.5, 1.5, 0.5, 1.0)
    ends = np.array([[0.0], [2.0]])
    points = dataclasses.replace(points_of(x, 0.5 - x, boundary_points=ends), ridge=1e-6)
    assert_allclose(SteinPairs(points, rbf(0.5)).sums()[0].sum() / (200 * 199), -0.0184573042145,
                    rtol=1e-9)
    assert_allclose(SteinPairs(points_of(x, 0.5 - x), rbf(0.5)).sums()[0].sum() / (200 * 199),
                    0.341357580903, rtol=1e-10)


# ------------------------------------------------------------ streamed against dense
@every
@pytest.mark.parametrize("options", [{}, {"weight": TILT}, {"preconditioner": "covariance"}],
                         ids=["plain", "weighted", "preconditioned"])
def test_streamed_sums_are_those_of_the_dense_matrix(kernel, options, rng):
    points = points_of(rng.normal(size=(41, 3)), **options)
    H, pairs = dense(points, kernel), SteinPairs(points, kernel)
    rows, diagonal = pairs.sums(side=7)
    scale = np.abs(H).max()
    assert_allclose(pairs.matrix(), H, rtol=0, atol=1e-12 * scale)
    assert_allclose(diagonal, np.diag(H), rtol=0, atol=1e-12 * scale)
    assert_allclose(rows, H.sum(axis=1) - np.diag(H), rtol=0, atol=41e-12 * scale)


@pytest.mark.parametrize("null", ["wild", "efron"])
@pytest.mark.parametrize("statistic", ["u", "v"])
def test_streamed_draws_are_those_of_the_dense_matrix(null, statistic, rng):
    points = points_of(rng.normal(size=(50, 2)))
    pairs = [SteinPairs(points, kernel) for kernel in KERNELS]
    W = multipliers_of(null, 50, root_sequence(0).spawn(30), 0.5)
    found = bootstrap_draws(pairs, [pair.sums()[1] for pair in pairs], W, statistic)
    for draws, kernel in zip(found.T, KERNELS, strict=True):
        H = dense(points, kernel)
        if statistic == "u":
            H = H - np.diag(np.diag(H))
        expected = np.einsum("bi,ij,bj->b", W, H, W) / (49 if statistic == "u" else 50)
        assert_allclose(draws, expected, rtol=0, atol=1e-11 * np.abs(H).max())


def test_tiles_of_any_side_and_any_number_of_threads(rng):
    points = points_of(rng.normal(size=(90, 3)))
    pairs = [SteinPairs(points, kernel) for kernel in KERNELS[:2]]
    W = multipliers_of("wild", 90, root_sequence(1).spawn(20), 0.5)
    small, large = (quadratic_forms(pairs, W, side=side) for side in (11, 1024))
    assert_allclose(small, large, rtol=0, atol=1e-12 * np.abs(large).max())
    assert_array_equal(small, quadratic_forms(pairs, W, side=11, n_jobs=2))
    for one, other in zip(pairs[0].sums(side=11), pairs[0].sums(n_jobs=2, side=11), strict=True):
        assert_array_equal(one, other)


@pytest.mark.skipif(not plain.COMPILED, reason="processes do not see the twins of the loops")
def test_processes_in_place_of_threads(rng):
    points = points_of(rng.normal(size=(40, 2)))
    pairs = SteinPairs(points, imq(bandwidth=1.0))
    W = multipliers_of("wild", 40, root_sequence(1).spawn(5), 0.5)
    with parallel_config("loky", n_jobs=2):
        rows, diagonal = pairs.sums(side=16)
        forms = quadratic_forms([pairs], W, side=16)
    assert_array_equal(rows, pairs.sums(side=16)[0])
    assert_array_equal(diagonal, pairs.sums(side=16)[1])
    assert_array_equal(forms, quadratic_forms([pairs], W, side=16))


@every
def test_single_precision(kernel, rng):
    X = rng.normal(size=(300, 4)) + 5.0
    double, single = (SteinPairs(points_of(X, 5.0 - X, dtype=dtype), kernel)
                      for dtype in ("float64", "float32"))
    scale = np.abs(double.matrix()).max()
    assert_allclose(single.matrix(), double.matrix(), rtol=0, atol=1e-5 * scale)
    u, v = (values_of([pairs.sums()], "v") for pairs in (double, single))
    assert_allclose(u, v, rtol=2e-6)


def test_separate_pairs(rng):
    for options in ({}, {"weight": TILT}, {"boundary_points": rng.normal(size=(4, 2))}):
        points = points_of(rng.normal(size=(11, 2)), **options)
        H = SteinPairs(points, imq(bandwidth=1.0)).matrix()
        found = paired_values(points, imq(bandwidth=1.0))
        assert_allclose(found, H[range(0, 10, 2), range(1, 10, 2)], rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.skipif(not plain.COMPILED, reason="a measurement of compiled code")
def test_memory_of_the_resampling():
    X = np.random.default_rng(0).normal(size=(10_000, 5))
    pairs = [SteinPairs(points_of(X), imq(bandwidth=3.0))]
    quadratic_forms(pairs, np.ones((1, 10_000), dtype=np.int8))  # compiles
    tracemalloc.start()
    W = multipliers_of("wild", 10_000, root_sequence(0).spawn(1000), 0.5)
    quadratic_forms(pairs, W, n_jobs=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6


# ------------------------------------------------------------ laws
@every
def test_moved_and_turned_rows(kernel, rng):
    X = rng.normal(size=(30, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    H = SteinPairs(points_of(X), kernel).matrix()
    scale = np.abs(H).max()
    for rows, scores in ((X + 1e3, -X), (X @ turn, -X @ turn)):
        assert_allclose(SteinPairs(points_of(rows, scores), kernel).matrix(), H, rtol=0,
                        atol=1e-10 * scale)


def test_order_of_rows_goes_with_that_of_the_signs(rng):
    X, order = rng.normal(size=(40, 2)), rng.permutation(40)
    W = multipliers_of("wild", 40, root_sequence(0).spawn(9), 0.5)
    pairs = [[SteinPairs(points_of(rows), imq(bandwidth=1.0))] for rows in (X, X[order])]
    found, moved = quadratic_forms(pairs[0], W), quadratic_forms(pairs[1], W[:, order])
    assert_allclose(moved, found, rtol=1e-10)


@pytest.mark.parametrize("preconditioner", ["std", "covariance", "matrix"])
def test_preconditioner_is_a_change_of_coordinates(preconditioner, rng):
    X, A = rng.normal(size=(25, 3)) @ rng.normal(size=(3, 3)), np.diag([1.0, 2.0, 3.0]) + 0.5
    given = A if preconditioner == "matrix" else preconditioner
    L = preconditioning(X, given)[0]
    expected = {"std": np.diag(1 / X.var(axis=0)), "covariance": np.linalg.inv(np.cov(X.T)),
                "matrix": A}[preconditioner]
    assert_allclose(L @ L.T, expected, rtol=1e-8, atol=1e-12)
    S = -X**3
    found = SteinPairs(points_of(X, S, preconditioner=given), imq(bandwidth=1.0)).matrix()
    H = plain.stein_matrix(imq(bandwidth=1.0), X @ L, S @ np.linalg.inv(L).T)
    assert_allclose(found, H, rtol=0, atol=1e-11 * np.abs(H).max())


def test_singular_covariance_is_made_regular_and_said_so(rng):
    X = rng.normal(size=(30, 2))
    factor, singular = preconditioning(X[:, [0, 1, 0]], "covariance")
    assert singular
    assert np.isfinite(factor).all()
    assert not preconditioning(X, "covariance")[1]


@every
def test_kernel_conditioned_on_the_boundary(kernel, rng):
    """By differences of the conditioned kernel itself."""
    X, B = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))
    S, step = -X**3, 1e-4

    def k(x, y):
        def plain_k(a, b):
            return kernel.profile(((a[:, None] - b)**2).sum(axis=2))[0]
        across = np.linalg.solve(plain_k(B, B) + 1e-3 * np.eye(3), plain_k(B, y[None]))
        return (plain_k(x[None], y[None]) - plain_k(x[None], B) @ across)[0, 0]

    H = SteinPairs(points_of(X, S, boundary_points=B), kernel).matrix()
    for i, j in ((0, 1), (2, 3), (1, 3)):
        x, y, e = X[i], X[j], np.eye(2) * step
        dx = np.array([(k(x + v, y) - k(x - v, y)) / (2 * step) for v in e])
        dy = np.array([(k(x, y + v) - k(x, y - v)) / (2 * step) for v in e])
        both = sum(k(x + v, y + v) - k(x + v, y - v) - k(x - v, y + v) + k(x - v, y - v)
                   for v in e) / (4 * step**2)
        expected = k(x, y) * S[i] @ S[j] + S[i] @ dy + S[j] @ dx + both
        assert_allclose(H[i, j], expected, rtol=0, atol=1e-5)


def test_sums_with_a_boundary(rng):
    points = points_of(rng.normal(size=(30, 2)), boundary_points=rng.normal(size=(5, 2)))
    pairs = SteinPairs(points, rbf(1.0))
    H = pairs.matrix()
    rows, diagonal = pairs.sums(side=8)
    assert_allclose(diagonal, np.diag(H), rtol=1e-10)
    assert_allclose(rows, H.sum(axis=1) - np.diag(H), rtol=0, atol=1e-10 * np.abs(H).max())


# ------------------------------------------------------------ landmarks
def test_all_rows_as_landmarks_give_the_pairs_back(rng):
    points = points_of(rng.normal(size=(60, 2)))
    pairs, features = SteinPairs(points, imq(bandwidth=1.0)), NystromFeatures(
        points, imq(bandwidth=1.0), np.arange(60))
    for exact, found in zip(pairs.sums(), features.sums(), strict=True):
        assert_allclose(found, exact, rtol=0, atol=1e-5 * np.abs(exact).max())


def test_forms_of_features_in_chunks(rng, monkeypatch):
    points = points_of(rng.normal(size=(50, 2)))
    features = [NystromFeatures(points, kernel, np.arange(0, 50, 5)) for kernel in KERNELS[:2]]
    monkeypatch.setattr("divest.goodness_of_fit._nystrom.CHUNK", 16)
    found = signed_forms(features, root_sequence(3).spawn(7), 0.3)
    seeds = root_sequence(3).spawn(7)
    W = np.concatenate(list(sign_blocks([16, 16, 16, 2], seeds, 0.3)), axis=1)
    for column, f in zip(found.T, features, strict=True):
        F = np.concatenate(list(f.chunks()), axis=1)
        assert_allclose(column, ((W @ F.T)**2).sum(axis=1), rtol=1e-10)


# ------------------------------------------------------------ where it misfits
@pytest.mark.parametrize("options", [{}, {"weight": TILT}, {"preconditioner": "std"},
                                     {"boundary_points": np.array([[2.0, 0.0], [0.0, 2.0]])}],
                         ids=["plain", "weighted", "std", "boundary"])
def test_witness_gives_the_statistic_back(options, rng):
    """The mean of the Stein operator applied to the witness is the V statistic."""
    X, kernel, step = rng.normal(size=(12, 2)), imq(bandwidth=1.0), 1e-5
    points = points_of(X, **options)
    factor = np.diag(points.factor)
    applied = (points.scores * _shape.witness(points, kernel, X) / factor).sum(axis=1)
    for c, e in enumerate(np.eye(2) * step):
        rise = _shape.witness(points, kernel, X + e) - _shape.witness(points, kernel, X - e)
        slope = rise[:, c] / (2 * step * factor[c]**2)  # in the coordinates of the test
        applied += points.weights[:, c] * slope
    assert_allclose(applied.mean(), SteinPairs(points, kernel).matrix().mean(), rtol=1e-6)


@every
@pytest.mark.parametrize("options", [{}, {"weight": TILT},
                                     {"boundary_points": np.array([[2.0, 0.0], [0.0, 2.0]])}],
                         ids=["plain", "weighted", "boundary"])
def test_columns_add_up_to_the_statistic(kernel, options, rng):
    points = points_of(np.repeat(rng.normal(size=(20, 2)), 2, axis=0), **options)
    total = u_statistic(SteinPairs(points, kernel).matrix())
    assert_allclose(_shape.dimension_statistics(points, kernel).sum(), total, rtol=1e-10)


def test_jackknife_error_by_deleting_rows(rng):
    H = SteinPairs(points_of(rng.normal(size=(15, 2))), imq(bandwidth=1.0)).matrix()
    rows = (H.sum(axis=1) - np.diag(H)) / 14
    left = [u_statistic(np.delete(np.delete(H, i, 0), i, 1)) for i in range(15)]
    assert_allclose(_shape.standard_error(rows), np.sqrt(14 * np.var(left)), rtol=1e-10)


# ------------------------------------------------------------ draws and p-values
def test_signs_change_as_often_as_asked():
    W = multipliers_of("wild", 4000, root_sequence(0).spawn(20), 0.1)
    assert set(np.unique(W)) == {-1, 1}
    changes = (W[:, 1:] != W[:, :-1]).mean()
    assert abs(changes - 0.1) < 4 * np.sqrt(0.09 / (20 * 3999))
    balanced = multipliers_of("wild", 4000, root_sequence(0).spawn(20), 0.5)
    assert abs(balanced.mean()) < 4 / np.sqrt(80_000)


def test_bootstrap_multipliers_sum_to_zero():
    W = multipliers_of("efron", 50, root_sequence(0).spawn(40), 0.5)
    assert_array_equal(W.sum(axis=1), 0)
    assert W.min() == -1
    assert abs((W.astype(float)**2).mean() - 49 / 50) < 4 * np.sqrt(2 / 2000)


def test_each_resample_has_its_own_stream():
    seeds = root_sequence(0).spawn(5)
    W = multipliers_of("wild", 30, seeds, 0.5)
    assert_array_equal(multipliers_of("wild", 30, seeds[3:], 0.5), W[3:])


def test_smallest_pvalue_by_counting(rng):
    table, weights = rng.normal(size=(40, 3)).round(1), np.array([0.5, 0.3, 0.2])
    smallest, single = smallest_pvalue(table, weights)
    ranks = (table[None] >= table[:, None] - 1e-12).mean(axis=1)
    assert_allclose(smallest, (ranks / weights).min(axis=1))
    assert_allclose(single, ranks[0])


@pytest.mark.parametrize("n_resamples", [9, 39, 99, 199])
def test_critical_values_are_where_the_test_begins_to_reject(n_resamples, rng):
    """With correlated kernels, whose smallest p-values often tie."""
    weights = np.full(5, 0.2)
    for _ in range(60):
        common = rng.normal(size=(n_resamples + 1, 1))
        table = common + 0.3 * rng.normal(size=(n_resamples + 1, 5))
        table[0] += rng.uniform(0, 3)
        for level in (0.05, 0.2):
            critical = critical_values(table[0], table[1:], weights, level)
            rejected = combine(table[0], table[1:], weights).pvalue <= level
            assert rejected == (table[0] >= critical).any()
            beyond = (table >= critical).any(axis=1).mean()
            assert beyond <= level + 1e-12


def test_signs_of_a_chain_go_on_from_block_to_block():
    """The sign changes between blocks as seldom as within them."""
    blocks = sign_blocks([5] * 400, root_sequence(0).spawn(20), 0.1)
    signs = np.concatenate(list(blocks), axis=1)
    between = (signs[:, 5::5] != signs[:, 4:-1:5]).mean()
    assert abs(between - 0.1) < 4 * np.sqrt(0.09 / (20 * 399))


def test_sums_of_single_precision_draws_are_double():
    points = points_of(np.random.default_rng(0).normal(size=(900, 1)), dtype="float32")
    pairs = SteinPairs(points, imq(bandwidth=100.0))  # nearly constant: sums lose digits
    W = np.ones((2, 900), dtype=np.int8)
    expected = pairs.matrix().astype(float)
    expected = expected.sum() - np.trace(expected)
    scale = np.abs(pairs.matrix()).sum()
    assert abs(quadratic_forms([pairs], W)[0, 0] - expected) < 2e-7 * scale
