"""Symmetrized measures: known values, agreement with augmented samples, laws, bad input."""

import pickle
import sys
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from plain import distances
from scipy.optimize import linear_sum_assignment, linprog

from divest import NearestNeighborDistanceDivergence, TrustWarning
from divest.divergence import _symmetric_gain
from divest.divergence._symmetric_gain import _transport_factors
from divest.divergence._symmetric_invariance import moved_sums
from divest.divergence._symmetric_transport import transport
from divest.divergence.symmetric import (
    symmetric_mmd,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
    symmetry_gain,
)
from divest.divergence.symmetric_tests import group_invariance_test, symmetric_mmd_test
from divest.groups import (
    FiniteGroup,
    _averages,
    cyclic,
    dihedral,
    permutations,
    product,
    sign_flips,
)
from divest.groups._arguments import pooled_kernel
from divest.kernels import imq, matern32, rbf

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

TRIVIAL = FiniteGroup([np.eye(2)])
TURNS = cyclic(4)
SHEAR = FiniteGroup([np.eye(2), [[1, 1], [0, -1]]])
SUBSET = FiniteGroup.random_subset(lambda rng: np.diag(rng.choice([-1.0, 1.0], 2)), 3, 0)
DISTANCES = [symmetric_wasserstein, symmetric_mmd, symmetric_neighbor_divergence]
TESTS = [symmetric_mmd_test, group_invariance_test]


@pytest.fixture(scope="module")
def page():
    """The two samples of the acceptance test."""
    rng = np.random.default_rng(12345)
    return rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) * 1.3


def pair(n, m, d=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=(m, d)) + 0.5


def kernel_matrix(kernel, X, Y):
    return kernel.profile(distances(X, Y) ** 2)[0]


# ------------------------------------------------------------ known values
@pytest.mark.parametrize(("group", "expected"), [(TURNS, 0.4657195857), (TRIVIAL, 0.5853415189)])
def test_wasserstein_has_its_known_value(page, group, expected):
    assert_allclose(symmetric_wasserstein(*page, group).estimate, expected, atol=1e-10)


@pytest.mark.parametrize(("group", "expected"), [(TURNS, 0.0269367419), (TRIVIAL, 0.0365008246)])
def test_mmd_has_its_known_value(page, group, expected):
    assert_allclose(symmetric_mmd(*page, group, rbf(1.0)).estimate, expected, atol=1e-10)


@pytest.mark.parametrize(("group", "expected"), [(TURNS, 0.1720734046), (TRIVIAL, 0.1884719290)])
def test_neighbor_divergence_has_its_known_value(page, group, expected):
    assert_allclose(symmetric_neighbor_divergence(*page, group).estimate, expected, atol=1e-10)


def test_gain_has_its_known_value(page):
    assert_allclose(symmetry_gain(page[0], TURNS, kernel=rbf(1.0)).estimate, 0.19110268, atol=1e-8)


def test_points_in_one_orbit_are_at_distance_zero():
    P = np.array([[1.0, 2.0], [0.0, 3.0], [-1.0, 1.0]])
    Q = TURNS.apply(P, [1, 3, 2])[[2, 0, 1]]
    assert symmetric_wasserstein(P, Q, TURNS).estimate == 0.0
    assert_allclose(symmetric_mmd(P, Q, TURNS, rbf(1.0)).estimate, 0.0, atol=1e-15)
    assert symmetric_wasserstein(P, Q, TRIVIAL).estimate > 1


# ------------------------------------------------------------ agreement with the augmented sample
@pytest.mark.parametrize("group", [TURNS, dihedral(3), sign_flips(2)])
def test_wasserstein_is_that_of_all_images(group):
    P, Q = pair(12, 12)
    cost = distances(group.symmetrize(P), group.symmetrize(Q))
    assert_allclose(symmetric_wasserstein(P, Q, group).estimate,
                    cost[linear_sum_assignment(cost)].mean(), rtol=1e-12)


def test_wasserstein_of_samples_of_unequal_size():
    """Against the linear program over all images."""
    pytest.importorskip("ot")
    P, Q = pair(8, 5)
    X, Y = TURNS.symmetrize(P), TURNS.symmetrize(Q)
    n, m = len(X), len(Y)
    flows = np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    masses = np.repeat([1 / n, 1 / m], [n, m])
    plan = linprog(distances(X, Y).ravel(), A_eq=flows, b_eq=masses)
    result = symmetric_wasserstein(P, Q, TURNS)
    assert_allclose(result.estimate, plan.fun, rtol=1e-9)
    assert result.standard_error > 0


def test_unequal_samples_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ImportError, match=r"divest\[ot\].*got 8 and 5"):
        symmetric_wasserstein(*pair(8, 5), TURNS)
    assert symmetric_wasserstein(*pair(8, 8), TURNS).estimate > 0


@pytest.mark.parametrize("kernel", [rbf(1.0), imq(bandwidth=0.7), rbf(0.5) + matern32(2.0)])
@pytest.mark.parametrize("unbiased", [False, True])
def test_mmd_is_that_of_the_averaged_kernel(kernel, unbiased):
    P, Q = pair(9, 14)
    X, Y = TURNS.symmetrize(P), TURNS.symmetrize(Q)

    def averaged(A, images):  # images stand element by element
        return kernel_matrix(kernel, A, images).reshape(len(A), 4, -1).mean(axis=1)

    within_p, within_q = averaged(P, X), averaged(Q, Y)
    if unbiased:
        np.fill_diagonal(within_p, 0.0)
        np.fill_diagonal(within_q, 0.0)
        expected = within_p.sum() / (9 * 8) + within_q.sum() / (14 * 13)
    else:  # then it is that of all images as well
        expected = within_p.mean() + within_q.mean()
        assert_allclose(expected, kernel_matrix(kernel, X, X).mean()
                        + kernel_matrix(kernel, Y, Y).mean(), rtol=1e-12)
    expected -= 2 * averaged(P, Y).mean()
    result = symmetric_mmd(P, Q, TURNS, kernel, unbiased=unbiased)
    assert_allclose(result.estimate, expected, rtol=1e-10)


def test_null_mean_is_the_mean_over_all_labellings():
    """Over all splits of the pooled rows, the squared MMD has this mean exactly."""
    from itertools import combinations

    from divest.divergence._symmetric_mmd import discrepancy

    P, Q = pair(3, 4)
    rows = np.concatenate([P, Q])
    splits = [np.isin(np.arange(7), some) for some in combinations(range(7), 3)]
    found = [discrepancy(rbf(1.0), TURNS, rows[is_p], rows[~is_p]) for is_p in splits]
    assert_allclose(np.mean([f.biased for f in found]), found[0].null_mean, rtol=1e-12)
    assert_allclose(np.mean([f.unbiased for f in found]), 0.0, atol=1e-15)


def image_radii(P, Q, group, k):
    """Distances to the k-th image in P, own orbit left out, and in Q, by sorting all."""
    own = np.stack([distances(P, image) for image in group.orbit(P)], axis=2)
    own[np.arange(len(P)), np.arange(len(P))] = np.inf
    cross = np.stack([distances(P, image) for image in group.orbit(Q)], axis=2)
    return [np.sort(d.reshape(len(P), -1), axis=1)[:, k - 1] for d in (own, cross)]


@pytest.mark.parametrize(("group", "d"), [(TURNS, 2), (sign_flips(3), 3), (permutations(4), 4),
                                          (product(cyclic(6), permutations(3)), 5),
                                          (FiniteGroup([np.eye(9), -np.eye(9)]), 9)])
@pytest.mark.parametrize("k", [1, 4])
def test_neighbor_divergence_is_that_of_all_images(group, d, k):
    P, Q = pair(30, 40, d)
    rho, nu = image_radii(P, Q, group, k)
    expected = np.log(40 / 29) + d * np.mean(np.log(nu / rho))
    result = symmetric_neighbor_divergence(P, Q, group, n_neighbors=k)
    assert_allclose(result.estimate, expected, rtol=1e-10)


def deleted_estimates(P, Q, group, k):
    """The estimate, its constant kept, without each row of P, and without each row of Q."""
    def estimate(A, B):
        rho, nu = image_radii(A, B, group, k)
        return np.mean(np.log(nu / rho)) * P.shape[1]

    return ([estimate(np.delete(P, i, 0), Q) for i in range(len(P))],
            [estimate(P, np.delete(Q, i, 0)) for i in range(len(Q))])


@pytest.mark.parametrize("group", [TRIVIAL, TURNS, dihedral(5)])
@pytest.mark.parametrize("near", [False, True])
def test_error_is_the_jackknife_over_orbits(group, near):
    """Also near the fixed point, where all images of a row are among the neighbours."""
    P, Q = pair(15, 12)
    if near:
        P[:3] *= 1e-3
        Q[:2] *= 1e-3
    left = deleted_estimates(P, Q, group, 3)
    expected = np.sqrt(sum((len(some) - 1) * np.var(some) for some in left))
    result = symmetric_neighbor_divergence(P, Q, group, n_neighbors=3)
    assert_allclose(result.standard_error, expected, rtol=1e-9)


def test_repeated_rows_are_rows_of_their_own():
    rng = np.random.default_rng(3)
    P, Q = np.repeat(rng.normal(size=(12, 2)), 2, axis=0), rng.normal(size=(20, 2))
    rho, nu = image_radii(P, Q, TURNS, 3)
    left = deleted_estimates(P, Q, TURNS, 3)
    result = symmetric_neighbor_divergence(P, Q, TURNS, n_neighbors=3)
    assert_allclose(result.estimate, np.log(20 / 23) + 2 * np.mean(np.log(nu / rho)), rtol=1e-10)
    assert_allclose(result.standard_error,
                    np.sqrt(sum((len(some) - 1) * np.var(some) for some in left)), rtol=1e-9)


def test_order_of_rows_does_not_matter_with_ties():
    """Rows on a grid are full of ties."""
    rng = np.random.default_rng(1)
    P, Q = (rng.permutation(np.argwhere(np.ones((6, 6))))[:25] - 2.5 for _ in range(2))
    first = symmetric_neighbor_divergence(P, Q, TURNS)
    second = symmetric_neighbor_divergence(P[::-1], Q[rng.permutation(25)], TURNS)
    assert np.isfinite(first.estimate)
    assert_allclose([second.estimate, second.standard_error],
                    [first.estimate, first.standard_error], rtol=1e-12)


# ------------------------------------------------------------ laws
def test_trivial_group_is_no_group(page):
    plain = NearestNeighborDistanceDivergence("kl").fit_samples(*page).result_
    result = symmetric_neighbor_divergence(*page, TRIVIAL)
    assert result.estimate == plain.estimate
    assert_allclose(result.standard_error, plain.standard_error, rtol=1e-12)
    assert result.diagnostics == plain.diagnostics
    cost = distances(*page)
    least = cost[linear_sum_assignment(cost)].mean()
    assert symmetric_wasserstein(*page, TRIVIAL).estimate == least
    assert symmetry_gain(page[0], TRIVIAL).estimate == 1.0
    assert symmetry_gain(page[0], TRIVIAL, "wasserstein", random_state=0).estimate == 1.0


@pytest.mark.parametrize("divergence", ["hellinger", "chi_square", "bhattacharyya", "renyi(0.5)"])
def test_trivial_group_is_no_group_for_other_divergences(page, divergence):
    plain = NearestNeighborDistanceDivergence(divergence).fit_samples(*page).result_
    result = symmetric_neighbor_divergence(*page, TRIVIAL, divergence=divergence)
    assert (result.estimate, result.unit) == (plain.estimate, plain.unit)
    assert_allclose(result.standard_error, plain.standard_error, rtol=1e-12)


@settings(max_examples=20)
@given(seed=st.integers(0, 100), order=st.integers(1, 6))
def test_moving_rows_within_their_orbits_changes_nothing(seed, order):
    rng = np.random.default_rng(seed)
    group = dihedral(order)
    P, Q = pair(11, 11, seed=seed)
    P2, Q2 = (group.apply(X, rng.integers(group.order, size=11)) for X in (P, Q))
    for measure in DISTANCES:
        one, two = measure(P, Q, group), measure(P2, Q2, group)
        if measure is symmetric_mmd:  # its bandwidth is that of the rows
            one, two = (measure(A, B, group, rbf(1.0)) for A, B in ((P, Q), (P2, Q2)))
        assert_allclose([two.estimate, two.standard_error], [one.estimate, one.standard_error],
                        rtol=1e-7)


@pytest.mark.parametrize("measure", [symmetric_wasserstein, symmetric_mmd])
def test_symmetry_never_makes_samples_farther_apart_and_neither_comes_first(measure):
    for seed in range(5):
        P, Q = pair(20, 20, seed=seed)
        turned, plain = measure(P, Q, TURNS).estimate, measure(P, Q, TRIVIAL).estimate
        assert 0 <= turned <= plain
        assert_allclose(measure(Q, P, TURNS).estimate, turned, rtol=1e-12)


def test_wasserstein_follows_the_unit():
    P, Q = pair(20, 20)
    small, large = (symmetric_wasserstein(c * P, c * Q, TURNS) for c in (1e-9, 1e9))
    assert_allclose([large.estimate, large.standard_error],
                    np.array([small.estimate, small.standard_error]) * 1e18, rtol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_potentials_of_an_assignment_are_optimal(d):
    from divest.divergence._symmetric_transport import _assignment_potentials

    cost = distances(*pair(60, 60, d))
    columns = linear_sum_assignment(cost)[1]
    u, v = _assignment_potentials(cost, columns)
    assert (u[:, None] + v <= cost + 1e-12).all()
    assert_allclose(u.mean() + v.mean(), cost[np.arange(60), columns].mean(), rtol=1e-12)


def test_potentials_agree_with_pot():
    """Potentials are not unique; the error they give differs by a hundredth (measured)."""
    ot = pytest.importorskip("ot")
    cost = distances(*pair(300, 300))
    _, log = ot.emd2([], [], cost, log=True)
    expected = np.sqrt((log["u"].var(ddof=1) + log["v"].var(ddof=1)) / 300)
    assert_allclose(transport(cost)[1], expected, rtol=0.03)


# ------------------------------------------------------------ gain
def test_gain_and_its_error_are_those_of_deleting_rows():
    X, n = pair(14, 1)[0], 14

    def factor(rows):
        m = len(rows)
        own = kernel_matrix(rbf(1.0), rows, rows)
        turned = np.mean([kernel_matrix(rbf(1.0), rows, image) for image in TURNS.orbit(rows)], 0)
        mu, mu_g = ((K.sum() - np.trace(K)) / (m * (m - 1)) for K in (own, turned))
        return (np.trace(turned) / m - mu_g) / (1 - mu)

    left = [factor(np.delete(X, i, 0)) for i in range(n)]
    result = symmetry_gain(X, TURNS, kernel=rbf(1.0))
    assert_allclose(result.estimate, factor(X), rtol=1e-12)
    assert_allclose(result.standard_error, np.sqrt((n - 1) * np.var(left)), rtol=1e-10)


def test_gain_of_the_wasserstein_distance_follows_its_seed():
    X = pair(40, 1)[0]
    one, two, other = (symmetry_gain(X, TURNS, "wasserstein", random_state=s) for s in (1, 1, 2))
    assert one == two != other
    assert 0 < one.estimate < 1


def test_rows_saved_are_reported():
    X = pair(60, 1)[0]
    gain = symmetry_gain(X, TURNS, kernel=rbf(1.0))
    assert gain.rows_factor == 1 / gain.estimate
    assert_allclose(gain.rows_factor_log_se, gain.standard_error / gain.estimate)
    reach = 1.959963984540054 * gain.rows_factor_log_se
    assert_allclose(gain.rows_factor_interval(), gain.rows_factor * np.exp([-reach, reach]))
    low, high = gain.rows_factor_interval(0.5)
    assert gain.rows_factor_interval()[0] < low < gain.rows_factor < high
    row = gain.to_frame().iloc[0]
    assert (row["group_order"], row["n_rows"]) == (4, 60)
    assert_allclose(row["rows_with_group"], 60 * gain.estimate)
    assert_allclose(row["rows_saved"], 60 - 60 * gain.estimate)
    assert f"{60 * gain.estimate:.3g} rows per sample do what 60 do" in gain.summary()
    assert pickle.loads(pickle.dumps(gain)) == gain


def test_rows_saved_for_the_wasserstein_distance_follow_the_curve():
    """Distances n^-1/2, and with the group half of them, are worth four times the rows."""
    sizes = np.array([5, 10, 20, 40])
    spread = 1 + 0.01 * np.random.default_rng(0).normal(size=10)
    found = _transport_factors(0.5 * np.outer(spread, sizes**-0.5), spread * 40**-0.5, sizes)
    assert_allclose([found.estimate, found.rows_factor], [0.5, 4.0])
    assert_allclose([found.standard_error, found.rows_factor_log_se], 0.0, atol=1e-12)
    rising = _transport_factors(np.outer(spread, sizes**0.5), spread, sizes)
    assert np.isnan([rising.rows_factor, *rising[3:]]).all()
    gain = symmetry_gain(pair(40, 1)[0], TURNS, "wasserstein", random_state=0)
    assert gain.n_rows == 20
    assert 1 < gain.rows_factor_interval()[0] < gain.rows_factor < 20


@pytest.mark.parametrize("d", [1, 2])
def test_no_symmetry_saves_no_rows_of_the_wasserstein_distance(d):
    """Whatever the curve looks like, one row does what one row does."""
    gain = symmetry_gain(np.random.default_rng(0).normal(size=(41, d)), FiniteGroup([np.eye(d)]),
                         "wasserstein", random_state=0)
    assert (gain.estimate, gain.rows_factor, gain.rows_factor_log_se) == (1.0, 1.0, 0.0)


def test_halves_of_very_many_rows_are_cut(monkeypatch):
    monkeypatch.setattr(_symmetric_gain, "_MOST", 10)
    found = [symmetry_gain(pair(n, 1)[0], TURNS, "wasserstein", random_state=0).n_rows
             for n in (16, 20, 60)]
    assert found == [8, 10, 10]


@pytest.mark.parametrize("measure", ["mmd", "wasserstein"])
def test_rows_of_one_orbit_need_no_second(measure):
    X = np.tile([[1.0, 2.0], [-2.0, 1.0]], (10, 1))
    gain = symmetry_gain(X, TURNS, measure, rbf(1.0) if measure == "mmd" else None, 0)
    assert gain.estimate == pytest.approx(0, abs=1e-15)
    assert gain.rows_factor > 1e12
    assert gain.to_frame()["rows_with_group"].item() < 1e-9


# ------------------------------------------------------------ tests
@pytest.mark.parametrize("kernel", [None, rbf(1.0)])
def test_tests_follow_their_seed_and_not_the_threads(kernel):
    P, Q = pair(30, 40)
    for test, samples in ((symmetric_mmd_test, (P, Q)), (group_invariance_test, (P,))):
        one, two, other = (
            test(*samples, TURNS, kernel, n_resamples=99, random_state=seed, n_jobs=n_jobs)
            for seed, n_jobs in ((5, 1), (5, 2), (6, 1)))
        assert_array_equal(one.null_distribution, two.null_distribution)
        assert one == two
        assert one.seed == 5
        assert (one.null_distribution != other.null_distribution).any()
        assert_allclose(one.pvalue, (1 + (one.null_distribution >= one.statistic).sum()) / 100)


def test_statistic_of_the_mmd_test_is_the_mmd():
    P, Q = pair(30, 40)
    assert_allclose(symmetric_mmd_test(P, Q, TURNS, n_resamples=9, random_state=0).statistic,
                    symmetric_mmd(P, Q, TURNS).estimate, rtol=1e-9)


def test_mmd_test_sees_every_labelling():
    """Three rows against three have 20 labellings; those with the labels exchanged tie."""
    P, Q = pair(3, 3)
    rows, values = np.concatenate([P, Q]), set()
    test = symmetric_mmd_test(P, Q, TURNS, rbf(1.0), n_resamples=500, random_state=0)
    for some in ((0, a, b) for a in range(1, 6) for b in range(a + 1, 6)):
        is_p = np.isin(np.arange(6), some)
        values.add(symmetric_mmd(rows[is_p], rows[~is_p], TURNS, rbf(1.0)).estimate)
    assert len(np.unique(test.null_distribution)) == 10
    assert_allclose(np.unique(test.null_distribution), sorted(values), atol=1e-12)
    assert not test.trusted  # 20 labellings are fewer than 500


@pytest.mark.parametrize("n_resamples", [9, 99])
def test_invariance_statistics_are_sums_over_moved_rows(n_resamples):
    """Few draws are computed from the moved rows, many from tables; both are the plain sums."""
    X = pair(25, 1)[0]
    seeds = np.random.SeedSequence(0).spawn(n_resamples)
    found = moved_sums(rbf(1.0), TURNS, X, seeds, None, False)
    for seed, value in zip([None, *seeds], found, strict=True):
        rows = X
        if seed is not None:
            rng = np.random.Generator(np.random.PCG64(seed))
            rows = TURNS.apply(X, rng.integers(4, size=25))
        K = kernel_matrix(rbf(1.0), rows, rows)
        assert_allclose(value, K.sum() - np.trace(K), rtol=1e-12)


def test_sums_in_blocks_are_sums(monkeypatch):
    P, Q = pair(30, 40)
    whole = symmetric_mmd(P, Q, TURNS), symmetric_mmd_test(P, Q, TURNS, n_resamples=9,
                                                           random_state=0)
    monkeypatch.setattr(_averages, "_IN_CACHE", 70)
    monkeypatch.setattr(_averages, "_ENTRIES", 100)
    monkeypatch.setattr(_averages.blocks, "__defaults__", (300,))
    parts = symmetric_mmd(P, Q, TURNS), symmetric_mmd_test(P, Q, TURNS, n_resamples=9,
                                                           random_state=0)
    assert_allclose(parts[0].estimate, whole[0].estimate, rtol=1e-10)
    assert_allclose(parts[1].null_distribution, whole[1].null_distribution, atol=1e-12)


def test_bandwidth_of_the_invariance_test_does_not_follow_the_rows():
    """Rows moved within their orbits have the same bandwidth, or the test would not be exact."""
    from divest.divergence._symmetric_common import invariant_kernel

    X = pair(30, 1)[0] + 3
    moved = TURNS.apply(X, np.random.default_rng(0).integers(4, size=30))
    one, two = (invariant_kernel("rbf", rows, TURNS).bandwidth for rows in (X, moved))
    assert_allclose(one, two, rtol=1e-12)
    images = np.concatenate([distances(X, image)[np.tril_indices(30, -1)]
                             for image in TURNS.orbit(X)])
    assert_allclose(one, np.median(images), rtol=1e-12)
    assert invariant_kernel(None, np.zeros((5, 2)), TURNS).bandwidth == 1.0
    many = np.random.default_rng(1).normal(size=(2000, 2))  # not all pairs are taken of these
    assert_allclose(invariant_kernel("imq", many, TURNS).bandwidth, np.sqrt(4 * np.log(2)),
                    rtol=0.1)  # the median distance of two normal rows


def test_bandwidth_of_the_mmd_test_does_not_follow_the_labels():
    rows = np.concatenate(pair(800, 700))
    mixed = rows[np.random.default_rng(0).permutation(1500)]
    assert pooled_kernel(None, rows) == pooled_kernel(None, mixed)


def test_invariance_test_finds_what_is_not_invariant(rng):
    X = rng.normal(size=(60, 2))
    assert group_invariance_test(X, TURNS, random_state=0).pvalue > 0.05
    assert group_invariance_test(X + [1, 0], TURNS, random_state=0).pvalue == 0.001
    assert group_invariance_test(X + [1, 0], sign_flips(2), random_state=0).pvalue == 0.001


def test_test_with_the_symmetry_finds_what_the_plain_one_does_not():
    """One data set of the power study: both ways of testing, at 5 %."""
    rng = np.random.default_rng(5)
    P, Q = rng.normal(size=(100, 2)), 1.3 * rng.normal(size=(100, 2))
    turned, plain = (symmetric_mmd_test(P, Q, g, rbf(1.0), random_state=0)
                     for g in (TURNS, TRIVIAL))
    assert turned.pvalue < plain.pvalue


# ------------------------------------------------------------ random subsets
def signs(d):
    return lambda rng: np.diag(rng.choice([-1.0, 1.0], d))


@pytest.mark.parametrize("kernel", [rbf(1.0), imq(bandwidth=0.3)])
def test_subset_compares_samples_averaged_over_it(kernel):
    """The plain MMD of all images, and so never below 0; and the witness of the same."""
    subset = FiniteGroup.random_subset(signs(3), 4, 1)
    P, Q = pair(9, 14, 3)
    X, Y = subset.symmetrize(P), subset.symmetrize(Q)
    expected = (kernel_matrix(kernel, X, X).mean() + kernel_matrix(kernel, Y, Y).mean()
                - 2 * kernel_matrix(kernel, X, Y).mean())
    result = symmetric_mmd(P, Q, subset, kernel)
    assert_allclose(result.estimate, expected, rtol=1e-10)
    test = symmetric_mmd_test(P, Q, subset, kernel, n_resamples=9, random_state=0)
    assert_allclose(test.statistic, expected, rtol=1e-10)
    K = kernel_matrix(kernel, X, X).reshape(5, 9, 5, 9).mean(axis=(0, 2))
    own = (np.trace(K) / 9 - (K.sum() - np.trace(K)) / 72)
    plain = 1 - (kernel_matrix(kernel, P, P).sum() - 9) / 72
    assert_allclose(symmetry_gain(P, subset, kernel=kernel).estimate, own / plain, rtol=1e-10)
    assert "after averaging" not in test.null  # the test is exact for equal laws only


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), size=st.integers(1, 6))
def test_value_of_a_subset_lies_between_those_of_the_group_and_of_none(seed, size):
    P, Q = pair(8, 11, 3, seed)
    subset, none = FiniteGroup.random_subset(signs(3), size, seed), FiniteGroup([np.eye(3)])
    whole, part, plain = (symmetric_mmd(P, Q, g, rbf(0.5)).estimate
                          for g in (sign_flips(3), subset, none))
    assert -1e-15 <= whole <= part + 1e-15
    assert part <= plain + 1e-15


def test_subset_leaves_its_share_of_what_the_group_takes_away():
    """On average over subsets 1/|H| of it, which is what ``subset_excess`` estimates."""
    P, Q = pair(12, 12, 4)
    Q = Q + 1.0
    whole, plain = (symmetric_mmd(P, Q, g, rbf(2.0), unbiased=True).estimate
                    for g in (sign_flips(4), FiniteGroup([np.eye(4)])))
    found = [symmetric_mmd(P, Q, FiniteGroup.random_subset(signs(4), 3, seed), rbf(2.0),
                           unbiased=True) for seed in range(60)]
    excess = np.array([f.estimate for f in found]) - whole
    expected = (plain - whole) / 4
    error = excess.std() / np.sqrt(60)
    assert abs(excess.mean() - expected) < 3 * error < 0.7 * expected
    said = [f.diagnostics[1].value * f.standard_error for f in found]
    assert abs(np.mean(said) - expected) < 3 * np.std(said) / np.sqrt(60)


@pytest.mark.filterwarnings("default::divest.TrustWarning")
def test_few_elements_are_doubted_where_the_law_is_not_invariant():
    P, Q = pair(60, 60, 4)
    few, many = (FiniteGroup.random_subset(signs(4), size, 0) for size in (2, 30))
    with pytest.warns(TrustWarning, match="subset_excess"):
        symmetric_mmd(P + 1, Q - 1.5, few, rbf(2.0))
    result = symmetric_mmd(P, 3 * Q, many, rbf(2.0))
    assert [d.name for d in result.diagnostics] == ["null_scale", "subset_excess"]
    assert result.trusted


# ------------------------------------------------------------ results and diagnostics
@pytest.mark.parametrize("measure", DISTANCES)
def test_result_says_what_was_compared(page, measure):
    result = measure(*page, TURNS)
    assert result.n_samples == (80, 80)
    assert "averaging each over the group" in result.summary()
    assert "group_invariance_test" in result.summary()
    assert result.to_frame()["group_order"].tolist() == [4]
    assert result.confidence_interval()[0] >= 0
    assert pickle.loads(pickle.dumps(result)) == result


def test_units(page):
    assert symmetric_neighbor_divergence(*page, TURNS).in_bits().unit == "bits"
    with pytest.raises(ValueError, match="only a result in nats"):
        symmetric_wasserstein(*page, TURNS).in_bits()


@pytest.mark.filterwarnings("default::divest.TrustWarning")
@pytest.mark.parametrize("measure", [symmetric_wasserstein, symmetric_mmd])
def test_equal_laws_are_doubted_and_distant_ones_are_not(measure):
    P, Q = pair(60, 60)
    with pytest.warns(TrustWarning, match="null_scale"):
        result = measure(P, Q - 0.5, TURNS)
    (diagnostic,) = result.diagnostics
    assert diagnostic.name == "null_scale"
    assert diagnostic.value < 2
    far = measure(P, 3 * Q, TURNS)
    assert far.trusted
    assert far.diagnostics[0].value > 2


@pytest.mark.filterwarnings("default::divest.TrustWarning")
def test_tests_doubt_themselves_where_there_are_few_samples():
    X = pair(3, 1)[0]
    with pytest.warns(TrustWarning, match="distinct_samples = 16 "):
        result = group_invariance_test(X, TURNS, random_state=0)
    assert result.diagnostics[0].threshold == 999
    with pytest.warns(TrustWarning, match="distinct_samples = 1 "):
        assert group_invariance_test(pair(30, 1)[0], TRIVIAL, random_state=0).pvalue == 1.0
    with pytest.warns(TrustWarning, match="distinct_permutations = 20 "):
        symmetric_mmd_test(*pair(3, 3), TURNS, random_state=0)


def test_ties_at_distance_zero_have_no_divergence():
    P = np.repeat(pair(10, 1)[0], 6, axis=0)
    result = symmetric_neighbor_divergence(P, pair(1, 30)[1], TURNS, n_neighbors=3)
    assert np.isnan(result.estimate)
    assert next(d.name for d in result.diagnostics if not d.passed) == "tied_share"


def test_error_needs_a_row_to_spare():
    """Without one of six rows, five are left, and one of these has no fifth neighbour."""
    P, Q = pair(6, 9)
    assert np.isnan(symmetric_neighbor_divergence(P, Q, TRIVIAL, 5).standard_error)
    assert symmetric_neighbor_divergence(P, Q, TURNS, 5).standard_error > 0


def test_integral_of_powers_that_overflows():
    P, Q = pair(20, 20)
    result = symmetric_neighbor_divergence(P, 1e200 * (2 + abs(Q)), TURNS, divergence="renyi(3)")
    assert np.isnan([result.estimate, result.standard_error]).all()
    assert result.diagnostics[-1].name == "power_integral"


@pytest.mark.parametrize("order", [4, 6, 7])
def test_images_on_other_rows_are_ties_too(order):
    """A sample that already holds its images; by most angles these are only nearly on them."""
    P, Q = pair(10, 30)
    result = symmetric_neighbor_divergence(cyclic(order).symmetrize(P), Q, cyclic(order),
                                           n_neighbors=2)
    assert np.isnan(result.estimate)
    assert result.diagnostics[0].name == "tied_share"
    assert not result.diagnostics[0].passed


def test_rows_far_from_the_origin_are_not_ties():
    P, Q = (1e-6 * rows for rows in pair(30, 30))
    near = symmetric_neighbor_divergence(P, Q, TRIVIAL)
    far = symmetric_neighbor_divergence(P + 1e6, Q + 1e6, TRIVIAL)
    assert_allclose(far.estimate, near.estimate, atol=0.05)  # the rows are rounded to 1e-10
    turned = symmetric_neighbor_divergence(P + 1e6, Q + 1e6, TURNS)
    assert turned.estimate == far.estimate  # all images are far away


# ------------------------------------------------------------ input
def test_frames_lists_and_one_column(page):
    P, Q = page
    frame, other = pd.DataFrame(P, columns=["a", "b"]), pd.DataFrame(Q, columns=["a", "b"])
    for measure in DISTANCES:
        expected = measure(P, Q, TURNS)
        assert measure(frame, other[["b", "a"]], TURNS) == expected
        assert measure(pl.DataFrame(frame.to_dict("list")), Q.tolist(), TURNS) == expected
    assert symmetric_wasserstein([1.0, 2.0], [-2.0, -1.0], sign_flips(1)).estimate == 0.0
    assert group_invariance_test(frame, TURNS, random_state=0, n_resamples=19) == \
        group_invariance_test(P, TURNS, random_state=0, n_resamples=19)


@pytest.mark.parametrize("measure", [*DISTANCES, symmetric_mmd_test])
def test_samples_that_are_refused(measure):
    P, Q = pair(20, 20)
    for bad, message in [
        ((P, Q[:, :1]), "same number of columns"),
        ((P[:, :1], Q[:, :1]), "group acts on 2 columns, but the samples have 1"),
        ((P, np.where(Q > 1, np.nan, Q)), "Q contains NaN"),
        ((P[:1], Q[:1]), "at least 2 rows each"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure(*bad, TURNS)
    with pytest.raises(ValueError, match="must not change distances"):
        measure(P, Q, SHEAR)
    with pytest.raises(TypeError, match="group must be a FiniteGroup"):
        measure(P, Q, "rotations")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda P, Q: symmetric_wasserstein(P, Q, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: group_invariance_test(P, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: group_invariance_test(P, SHEAR), ValueError, "must not change distances"),
        (lambda P, Q: group_invariance_test(P[:1], TURNS), ValueError, "at least 2 rows, got 1"),
        (lambda P, Q: group_invariance_test(P, sign_flips(3)), ValueError, "acts on 3 columns"),
        (lambda P, Q: group_invariance_test(P, TURNS, n_resamples=0), ValueError, "n_resamples"),
        (lambda P, Q: symmetric_mmd_test(P, Q, TURNS, n_resamples=0), ValueError, "n_resamples"),
        (lambda P, Q: symmetric_mmd_test(P, Q, TURNS, "gauss"), ValueError, "kernel must be one"),
        (lambda P, Q: symmetric_mmd(P, Q, TURNS, 3), TypeError, "kernel must be a name"),
        (lambda P, Q: symmetric_mmd(P, Q, TURNS, unbiased=2), ValueError, "unbiased must be"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, 0), ValueError, "at least 1"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, 20), ValueError, "below the rows"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, divergence="jensen_shannon"),
         ValueError, "does not follow from distances"),
        (lambda P, Q: symmetric_neighbor_divergence(P * [1, 0], Q * [1, 0], TURNS), ValueError,
         r"constant columns: \[1\]"),
        (lambda P, Q: symmetry_gain(P, SHEAR), ValueError, "must not change distances"),
        (lambda P, Q: symmetry_gain(P, SUBSET, "wasserstein"), ValueError, "must be complete"),
        (lambda P, Q: symmetry_gain(P, TURNS, "wasserstein", rbf(1.0)), ValueError,
         "kernel is for measure='mmd'"),
        (lambda P, Q: symmetry_gain(P, TURNS, "kl"), ValueError, "measure must be one of"),
        (lambda P, Q: symmetry_gain(P[:3], TURNS), ValueError, "at least 4 rows, got 3"),
        (lambda P, Q: symmetry_gain(P[:15], TURNS, "wasserstein"), ValueError, "at least 16 rows"),
        (lambda P, Q: symmetry_gain(0 * P, TURNS), ValueError, "no two distinct rows"),
        (lambda P, Q: symmetry_gain(0 * P, TURNS, "wasserstein"), ValueError, "no two distinct"),
    ],
)
def test_arguments_that_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(*pair(20, 20))


# ------------------------------------------------------------ time
@pytest.mark.slow
def test_thousand_rows_take_seconds():
    P, Q = pair(1000, 1000)
    start = perf_counter()
    symmetric_wasserstein(P, Q, TURNS)
    assert perf_counter() - start < 5
