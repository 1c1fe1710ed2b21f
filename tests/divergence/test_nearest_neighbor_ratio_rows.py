"""NearestNeighborRatioDivergence: new points, edge cases and rows that are not independent."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from ratio_cases import KINDS, NAMES, PLAIN_KL, fitted, found, plain_ratio
from scipy.special import polygamma, psi

from divest import TrustWarning, stack_samples
from divest.generators import resolve_generator

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

EULER = 0.5772156649015329


# ------------------------------------------------------------ new points and scores
@pytest.mark.parametrize("kind", ["continuous", "tenths", "nine columns"])
def test_density_ratio_at_new_points(samples, kind):
    P, Q = map(KINDS[kind], samples)
    model = fitted(P, Q, n_neighbors=[5, 15, 30])
    points = np.vstack([P[:5], Q[:5] + 0.05, P[:1] + 50])
    matrix = plain.distances(points, np.vstack([P, Q]))
    C, K = plain.labelled_counts(matrix, np.arange(140) < 60, 15)  # the middle k
    ratio, error = model.log_density_ratio(points, return_std=True)
    assert_allclose(ratio, np.log(80 / 60) + psi(C + 1) - psi(K - C + 1), rtol=1e-12)
    assert_allclose(error, np.sqrt(polygamma(1, C + 1) + polygamma(1, K - C + 1)), rtol=1e-12)
    assert_array_equal(model.log_density_ratio(points), ratio)
    assert_allclose(model.density_ratio(points), 80 / 60 * C / (K - C + 1), rtol=1e-11)


def test_density_ratio_is_zero_where_no_row_of_p_is_near(samples):
    P, Q = samples
    model = fitted(P + 100, Q, n_neighbors=5)
    assert model.density_ratio(Q[:1]) == [0.0]
    assert np.isfinite(model.log_density_ratio(Q[:1])).all()


@pytest.mark.parametrize("far", [1e10, 1e100, 1e200])
@pytest.mark.parametrize("kind", ["continuous", "nine columns"])
def test_density_ratio_far_away_is_that_of_all_rows(samples, kind, far):
    """From there all rows are equally far, and the ratio is 1."""
    P, Q = map(KINDS[kind], samples)
    model = fitted(P, Q, n_neighbors=5)
    ratio = model.log_density_ratio(np.full((1, P.shape[1]), far))
    if far > 1e20:
        assert_allclose(ratio, np.log(80 / 60) + psi(61) - psi(81), rtol=1e-12)
    assert np.isfinite(ratio).all()


@pytest.mark.parametrize("name", [*NAMES, "renyi(0.999)"])
def test_score_is_the_variational_bound(rng, samples, name):
    model = fitted(*samples, name, n_neighbors=15)
    P, Q = rng.normal(size=(30, 2)) + [0.7, 0], rng.normal(size=(40, 2))
    X, y = stack_samples(P, Q)
    matrix = plain.distances(X, np.vstack(samples))
    C, K = plain.labelled_counts(matrix, np.arange(140) < 60, 15)
    g = 80 / 60 * (C + 0.5) / (K - C + 0.5)
    generator = resolve_generator(name)
    if generator.link is None:
        slope = generator.derivative(g)
        bound = slope[y == 1].mean() - (g * slope - generator.f(g))[y == 0].mean()
    else:  # of T or -T, which is convex
        a = generator.link.alpha
        bound = generator.link.value(np.mean(a * g[y == 1] ** (a - 1))
                                     + np.mean((1 - a) * g[y == 0] ** a))
    assert_allclose(model.score(X, y), bound, rtol=1e-9)


def test_score_is_minus_infinity_without_a_logarithm(samples):
    P, Q = samples
    model = fitted(P + 2, Q, "renyi(2)", n_neighbors=10)
    assert model.score(*stack_samples(Q, P + 2)) == -np.inf  # labels the wrong way round


def test_score_prefers_the_truth(samples):
    P, Q = samples
    X, y = stack_samples(P, Q)
    model = fitted(P, Q, n_neighbors=20)
    assert model.score(X, y) > 0 > model.score(X, 1 - y)


@pytest.mark.parametrize("label", [0, 1])
def test_score_needs_both_samples(samples, label):
    P, _ = samples
    with pytest.raises(ValueError, match=r"one only.*StratifiedKFold\(shuffle=True\)"):
        fitted(*samples).score(P, np.full(60, label))


def test_score_of_unknown_labels(samples):
    P, _ = samples
    with pytest.raises(ValueError, match=r"labels not seen in fit: .*2"):
        fitted(*samples).score(P, np.arange(60) % 3)


# ------------------------------------------------------------ edge cases
@pytest.mark.parametrize("k", [5, 20])
def test_disjoint_supports_reach_a_known_ceiling(samples, k):
    P, Q = samples
    with pytest.warns(TrustWarning, match="saturated_share = 1 .*lower bound only"):
        model = fitted(P + 1000, Q, n_neighbors=k)
    assert_allclose(model.estimate_, 1 + np.log(80 / 59) + psi(k + 1) + EULER, rtol=1e-12)
    assert model.path_["saturated_share"].item() == 1
    assert "lower bound only" in model.result_.summary()
    assert not model.result_.trusted


@pytest.mark.parametrize("d", [1, 3, 9])
@pytest.mark.parametrize("divergence", NAMES)
def test_all_rows_identical_is_about_zero(d, divergence):
    model = fitted(np.ones((60, d)), np.ones((80, d)), divergence)
    assert abs(model.estimate_) < 0.05
    assert model.diagnostics_.set_index("name").loc["tied_share", "value"] == 1
    assert model.dimension_ == 1


def test_integral_that_comes_out_negative(samples):
    """Far apart, the tails of r^4 are beyond any sample."""
    P, Q = samples
    with pytest.warns(TrustWarning, match="power_integral = -"):
        model = fitted(P + 1.6, Q, "renyi(4)")
    assert np.isnan([model.estimate_, model.standard_error_]).all()
    assert not model.result_.trusted


def test_estimates_near_zero_may_be_negative():
    estimates = [fitted(*np.random.default_rng(seed).normal(size=(2, 60, 2))).estimate_
                 for seed in range(20)]
    assert min(estimates) < 0 < max(estimates)


def test_total_variation_reports_the_plug_in(samples):
    model = fitted(*samples, "total_variation", n_neighbors=[9, 20])
    ratio, floor = plain_ratio(*samples, 9)
    value = model.diagnostics_.set_index("name").loc["plug_in_upper", "value"]
    assert_allclose(value, 0.5 * np.abs(np.maximum(ratio, floor) - 1).mean(), rtol=1e-12)
    assert "plug_in_upper" not in set(fitted(*samples, "hellinger").diagnostics_["name"])


def test_huge_offsets_do_not_matter(rng):
    """Multiples of 2^-20 can be moved by 1e8 without rounding."""
    P, Q = (np.round(rng.normal(size=(n, 3)) * 2**20) / 2**20 for n in (60, 80))
    assert_allclose(found(fitted(P + 1e8, Q + 1e8)), found(fitted(P, Q)), rtol=1e-10)


@pytest.mark.parametrize("unit", [1e200, 1e-200, 1e305])
@pytest.mark.parametrize("standardize", [None, "std", "whiten"])
@pytest.mark.parametrize("kind", ["continuous", "one column", "nine columns"])
def test_huge_and_tiny_units_do_not_matter(samples, kind, unit, standardize):
    P, Q = map(KINDS[kind], samples)
    one, other = fitted(P, Q, standardize=standardize), fitted(P * unit, Q * unit,
                                                               standardize=standardize)
    assert_allclose(found(other), found(one), rtol=1e-9)
    assert_allclose(other.log_density_ratio(Q * unit), one.log_density_ratio(Q), rtol=1e-9)


@pytest.mark.parametrize("kind", [int, np.int8, np.float32, bool, object])
def test_other_kinds_of_numbers(samples, kind):
    P, Q = (np.round(2 * Z).astype(kind) for Z in samples)
    expected = fitted(np.asarray(P, float), np.asarray(Q, float))
    assert found(fitted(P, Q)) == found(expected)


def test_every_row_twice(samples):
    """Duplicates are rows of their own: counts come in pairs."""
    P, Q = (np.repeat(Z, 2, axis=0) for Z in samples)
    matrix, is_p = plain.distances_within(np.vstack([P, Q])), np.arange(280) < 120
    model = fitted(P, Q, n_neighbors=[10, 21])
    along = [plain.one_step(matrix, is_p, k, *PLAIN_KL) for k in (10, 21)]
    assert_allclose(model.path_["estimate"], along, rtol=1e-11)
    error = plain.deletion_error(matrix, is_p, (10, 21), model.weights_, *PLAIN_KL)
    assert_allclose(model.standard_error_, error, rtol=1e-10)


@pytest.mark.parametrize("n", [2, 3])
def test_smallest_samples(rng, n):
    P, Q = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    for name in NAMES:
        model = fitted(P, Q, name, n_neighbors=1)
        assert model.n_samples_ == (n, n)
