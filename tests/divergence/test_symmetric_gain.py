"""What a symmetry saves, tests that know of it, and random subsets of a group."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from plain import distances
from symmetric_cases import TRIVIAL, TURNS, kernel_matrix, pair

from divest import TrustWarning
from divest.divergence import _symmetric_gain
from divest.divergence._symmetric_gain import _transport_factors
from divest.divergence._symmetric_invariance import moved_sums
from divest.divergence.symmetric import symmetric_mmd, symmetry_gain
from divest.divergence.symmetric_tests import group_invariance_test, symmetric_mmd_test
from divest.groups import FiniteGroup, _averages, sign_flips
from divest.groups._arguments import pooled_kernel
from divest.kernels import imq, rbf

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

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
    gain = symmetry_gain(X, TURNS, measure, rbf(1.0) if measure == "mmd" else None,
                         random_state=0)
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
