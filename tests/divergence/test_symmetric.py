"""Symmetrized measures: known values, agreement with augmented samples, laws, bad input."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from plain import distances
from scipy.optimize import linear_sum_assignment, linprog
from symmetric_cases import DISTANCES, TRIVIAL, TURNS, kernel_matrix, pair

from divest import NearestNeighborDistanceDivergence
from divest.divergence._symmetric_transport import transport
from divest.divergence.symmetric import (
    symmetric_mmd,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
    symmetry_gain,
)
from divest.divergence.symmetric_tests import group_invariance_test, symmetric_mmd_test
from divest.groups import FiniteGroup, cyclic, dihedral, permutations, product, sign_flips
from divest.kernels import imq, matern32, rbf

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

TESTS = [symmetric_mmd_test, group_invariance_test]


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
    assert result.diagnostics == tuple(found for found in plain.diagnostics
                                       if found.name != "smoothing_bias")
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
