"""KernelDensity: reference values, peers, laws, edges, draws, and each way to evaluate it."""

import numpy as np
import plain
import pytest
from kernel_density_cases import COLUMN, Q3, ROWS, WEIGHTS, every_boundary, every_kernel, integral
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.neighbors import KernelDensity as Theirs

from divest import KernelDensity
from divest.density._adaptive import local_bandwidths
from divest.density._profiles import COMPACT
from divest.density._sums import PointSet, log_sums

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

THEIRS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")


# ------------------------------------------------------------ reference values
def test_three_columns():
    density = KernelDensity(bandwidth=0.6).fit(ROWS)
    assert_allclose(density.score_samples(Q3), [-3.8155560037, -4.3806136479, -74.9259009777],
                    atol=1e-9)
    assert_allclose(density.pdf(Q3[:2]), np.exp([-3.8155560037, -4.3806136479]), rtol=1e-9)
    assert_allclose(density.score(Q3), -3.8155560037 - 4.3806136479 - 74.9259009777, atol=1e-9)
    assert_allclose(density.cdf(Q3), [0.1431832339, 0.4196200503, 0.9972542906], atol=1e-9)
    assert_allclose(density.score_function(Q3[:1]), [[-0.14301946, -0.19361631, -0.08060723]],
                    atol=1e-7)
    assert density.bandwidth_ == density.bandwidth_factor_ == 0.6
    assert density.selector_ is None
    assert density.boundary_mass_ == 1.0
    assert density.n_samples_ == density.effective_size_ == 300


def test_three_columns_weighted():
    density = KernelDensity(bandwidth=0.6).fit(ROWS, sample_weight=WEIGHTS)
    assert_allclose(density.score_samples(Q3), [-3.7351146592, -4.3691391887, -74.4175722380],
                    atol=1e-9)
    assert_allclose(density.effective_size_, WEIGHTS.sum() ** 2 / (WEIGHTS**2).sum(), rtol=1e-12)


@pytest.mark.parametrize(("rule", "factor", "rtol"), [
    ("scott", 0.44271632, 1e-7), ("silverman", 0.42882614, 1e-7), ("loo_kl", 0.52497708, 2e-4),
    ("lscv", 0.402258, 1e-5), ("auto", 0.402258, 1e-5)])
def test_rules_in_three_columns(rule, factor, rtol):
    density = KernelDensity(bandwidth=rule).fit(ROWS)
    assert_allclose(density.bandwidth_factor_, factor, rtol=rtol)
    assert_allclose(density.bandwidth_, density.bandwidth_factor_ * ROWS.std(axis=0, ddof=1),
                    rtol=1e-12)
    assert density.selector_.rule == ("lscv" if rule == "auto" else rule)
    assert density.selector_.bandwidth == density.bandwidth_factor_
    assert (density.selector_.iterations > 0) == (rule not in ("scott", "silverman"))
    assert np.isfinite(density.selector_.criterion) == (rule not in ("scott", "silverman"))


@pytest.mark.parametrize(("rule", "bandwidth", "rtol"), [
    ("robust", 0.51148846, 1e-7), ("isj", 0.30567644, 1e-3), ("auto", 0.30567644, 1e-3),
    ("lscv", 0.280575, 1e-5), ("loo_kl", 0.31169095, 2e-4)])
def test_rules_in_one_column(rule, bandwidth, rtol):
    """isj to the rounding of bins, as its histogram is of scaled values."""
    density = KernelDensity(bandwidth=rule).fit(COLUMN)
    assert_allclose(density.bandwidth_, [bandwidth], rtol=rtol)


def test_weighted_rule():
    """Weights enter the scales of the columns too: the value is that of the scaled rows."""
    Z = ROWS / ROWS.std(axis=0, ddof=1)
    density = KernelDensity(bandwidth="loo_kl", whiten=None).fit(Z, sample_weight=WEIGHTS)
    assert_allclose(density.bandwidth_factor_, 0.53606664, rtol=2e-4)


@pytest.mark.parametrize(("boundary", "expected"), [
    ("reflect", [0.2801125457, 0.2830197665, 0.3001624293]),
    ("renormalize", [0.2801125457, 0.2956947198, 0.3061641838]),
    ("linear", [0.1654182234, 0.2408941866, 0.3089400270]),
    ("positive", [0.1859975446, 0.2456725361, 0.3089526487])])
def test_edge(boundary, expected):
    """The reference is before the division by its integral."""
    density = KernelDensity(bandwidth=0.3, bounds=(0, None), boundary=boundary).fit(np.exp(COLUMN))
    found = density.pdf([[0.0], [0.1], [0.5]])
    assert_allclose(found * density.boundary_mass_, expected, atol=1e-9)
    assert_allclose(np.exp(density.score_samples([[0.1]])), found[1], rtol=1e-12)


def test_abramson_with_another_pilot():
    pilot = KernelDensity(bandwidth=0.5).fit(COLUMN).score_samples(COLUMN)
    points = PointSet(COLUMN / 0.4, local=local_bandwidths(pilot, None, 0.5, 10.0))
    found = np.exp(log_sums(points, np.array([[0.0], [2], [6]]) / 0.4)) / (0.4 * 6.283185307**0.5)
    assert_allclose(found, [0.2420446232, 0.0846802739, 0.0001193079], atol=1e-9)


@pytest.mark.parametrize(("alpha", "clip"), [(0.5, 10.0), (1.0, 1.5), (0.1, 10.0)])
@pytest.mark.parametrize("weighted", [False, True])
def test_abramson(alpha, clip, weighted):
    """By the formula, the pilot having the same bandwidth."""
    w = (WEIGHTS if weighted else np.ones(300)) / (WEIGHTS.sum() if weighted else 300)
    h = 0.7
    pilot = plain.log_sum(plain.log_terms(ROWS, ROWS, h, weights=w))
    b = np.clip(np.exp(-alpha * (pilot - w @ pilot)), 1 / clip, clip)
    expected = plain.log_sum(plain.log_terms(Q3, ROWS, h, weights=w, local=b))
    expected -= 3 * np.log(h * (2 * np.pi) ** 0.5)
    density = KernelDensity(bandwidth=h, adaptive="abramson", alpha=alpha, clip=clip)
    density.fit(ROWS, sample_weight=w if weighted else None)
    assert_allclose(density.score_samples(Q3), expected, rtol=1e-10)


# ------------------------------------------------------------ scikit-learn and scipy
@pytest.mark.parametrize(("kernel", "d"), [(kernel, d) for kernel in THEIRS for d in (1, 2, 3, 5)
                                           if kernel != "cosine" or d % 2])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_scikit_learn(rng, kernel, d, weighted):
    """Where no row is near, theirs is rounding noise: so densities are compared, not logarithms.

    Their cosine kernel does not integrate to 1 in even dimensions.
    """
    X = rng.normal(size=(200, d))
    Q = np.concatenate([rng.normal(size=(30, d)), X[:10]])
    weights = rng.random(200) if weighted else None
    theirs = Theirs(bandwidth=1.3, kernel=kernel).fit(X, sample_weight=weights)
    ours = KernelDensity(bandwidth=1.3, kernel=kernel).fit(X, sample_weight=weights)
    expected = theirs.score_samples(Q)
    assert_allclose(ours.pdf(Q), np.exp(expected), rtol=1e-10, atol=1e-15)
    near = expected > -25
    assert near.sum() > 10
    assert_allclose(ours.score_samples(Q)[near], expected[near], rtol=0, atol=1e-10)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_scipy(rng, rule, d, weighted):
    X = rng.normal(size=(150, d)) @ rng.normal(size=(d, d)) + 3
    Q, weights = X[:20] + 0.5, rng.random(150) if weighted else None
    theirs = stats.gaussian_kde(X.T, rule, weights)
    ours = KernelDensity(bandwidth=rule, whiten="full").fit(X, sample_weight=weights)
    assert_allclose(ours.score_samples(Q), theirs.logpdf(Q.T), rtol=1e-10, atol=1e-10)
    assert_allclose(ours.bandwidth_factor_, theirs.factor, rtol=1e-12)
    assert_allclose(ours.bandwidth_ @ ours.bandwidth_.T, theirs.covariance, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_rules_without_whitening_as_scikit_learn(rule):
    theirs = Theirs(bandwidth=rule).fit(ROWS)
    ours = KernelDensity(bandwidth=rule, whiten=None).fit(ROWS)
    assert_allclose(ours.score_samples(Q3), theirs.score_samples(Q3), rtol=1e-10)


# ------------------------------------------------------------ weights
@every_kernel
def test_repeated_rows_are_integer_weights(rng, kernel):
    times = rng.integers(0, 4, 300)
    once = KernelDensity(bandwidth=1.5, kernel=kernel).fit(ROWS, sample_weight=times)
    many = KernelDensity(bandwidth=1.5, kernel=kernel).fit(np.repeat(ROWS, times, axis=0))
    assert_allclose(once.score_samples(Q3), many.score_samples(Q3), rtol=1e-12)
    assert once.n_samples_ == (times > 0).sum()


@pytest.mark.parametrize("adaptive", [None, "abramson"])
@pytest.mark.parametrize("bounds", [None, (-15, None)])
def test_repeated_rows_with_everything_else(rng, adaptive, bounds):
    times = rng.integers(0, 4, 300)
    settings = {"bandwidth": 1.5, "adaptive": adaptive, "bounds": bounds}
    once = KernelDensity(**settings).fit(ROWS, sample_weight=times)
    many = KernelDensity(**settings).fit(np.repeat(ROWS, times, axis=0))
    assert_allclose(once.score_samples(Q3), many.score_samples(Q3), rtol=1e-12)
    assert_allclose(once.cdf(Q3), many.cdf(Q3), rtol=1e-12)
    if bounds is None:
        assert_allclose(once.score_function(Q3), many.score_function(Q3), rtol=1e-10)
        assert_allclose(once.loo_log_likelihood(), many.loo_log_likelihood(), rtol=1e-12)


def test_weights_count_by_their_ratios():
    one, other = (KernelDensity(bandwidth="loo_kl").fit(ROWS, sample_weight=scale * WEIGHTS)
                  for scale in (1e-3, 1e200))
    assert_allclose(one.score_samples(Q3), other.score_samples(Q3), rtol=1e-12)


def test_zero_weights_are_dropped():
    w = np.append(np.ones(290), np.zeros(10))
    for rule in ("lscv", "silverman", 0.6):
        one = KernelDensity(bandwidth=rule).fit(ROWS, sample_weight=w)
        other = KernelDensity(bandwidth=rule).fit(ROWS[:290])
        assert_array_equal(one.score_samples(Q3), other.score_samples(Q3))
        assert one.n_samples_ == one.effective_size_ == 290


# ------------------------------------------------------------ integrals
@every_kernel
@pytest.mark.parametrize("bandwidth", [0.5, "auto"])
@pytest.mark.parametrize("adaptive", [None, "abramson"])
def test_integral_is_one(kernel, bandwidth, adaptive):
    """Kernels with kinks and jumps to the error of the rule, 120 rows on 4,000 panels."""
    density = KernelDensity(kernel=kernel, bandwidth=bandwidth, adaptive=adaptive)
    density.fit(COLUMN[::2])
    reach = 60.0 if kernel == "exponential" else 12.0
    panels = plain.smaller(4000, 400)
    tolerance = {"tophat": 10 / panels, "gaussian": 1e-9}.get(kernel, 0.1 / panels)
    assert_allclose(integral(density, -reach, reach + 3, panels), 1.0, atol=tolerance)


@every_boundary
@pytest.mark.parametrize("bounds", [(0, None), (None, 40), (0, 40), (0, 41)])
@pytest.mark.parametrize("weighted", [False, True])
def test_integral_with_edges_is_one(boundary, bounds, weighted):
    """Up to 40 all rows, of exp(x), are within a few bandwidths of an edge or none."""
    rows = np.minimum(np.exp(COLUMN[::2]), 40)
    low, high = (-5.0 if bounds[0] is None else 0.0), (60.0 if bounds[1] is None else bounds[1])
    density = KernelDensity(bandwidth=0.5, bounds=bounds, boundary=boundary)
    density.fit(rows, sample_weight=np.arange(1, 126) if weighted else None)
    assert_allclose(integral(density, low, high, plain.smaller(2000, 300)), 1.0, atol=1e-6)


@every_boundary
def test_integral_in_a_narrow_box_is_one(boundary):
    rows = np.random.default_rng(1).random((50, 1))
    density = KernelDensity(bandwidth=0.8, bounds=(0, 1), boundary=boundary).fit(rows)
    assert_allclose(integral(density, 0, 1, 200), 1.0, atol=1e-7)


@every_kernel
def test_integral_over_the_plane_is_one(kernel):
    """The mean over a regular grid of 0.08; a jump at the edge of the kernel costs most."""
    rows = ROWS[:40, :2]
    density = KernelDensity(kernel=kernel, bandwidth=0.9).fit(rows)
    reach = 25.0 if kernel == "exponential" else 9.0
    step = plain.smaller(0.08, 0.3)
    axis = np.arange(-reach, reach, step)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    tolerance = {"tophat": 3e-3, "gaussian": 1e-10, "exponential": 2e-4}.get(kernel, 2e-4)
    assert_allclose(density.pdf(grid).sum() * step**2, 1.0,
                    atol=tolerance * plain.smaller(1, 30))


@pytest.mark.parametrize("boundary", ["reflect", "renormalize"])
def test_integral_over_a_quadrant_is_one(boundary):
    rows = np.abs(ROWS[:40, :2])
    density = KernelDensity(bandwidth=0.6, bounds=(0, None), boundary=boundary).fit(rows)
    step = 0.1
    axis = np.arange(step / 2, 9, step)  # the midpoint rule: error step^2 / 24 of the slopes at 0
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    assert_allclose(density.pdf(grid).sum() * step**2, 1.0, atol=5e-4)


# ------------------------------------------------------------ laws
RULES_OF_MANY = [(1, "isj"), (1, "robust"), (1, "lscv"), (1, "loo_kl"), (2, "lscv"), (3, "loo_kl"),
                 (3, "scott"), (3, "silverman")]


@pytest.mark.parametrize(("d", "rule"), RULES_OF_MANY)
@pytest.mark.parametrize("kernel", ["gaussian", "biweight"])
def test_shift_and_scale(d, rule, kernel):
    X, scale, shift = ROWS[:200, :d], np.array([3.0, 0.01, 50.0])[:d], np.array([1.0, -7, 2])[:d]
    Q = X[:10] + 0.1
    one = KernelDensity(bandwidth=rule, kernel=kernel).fit(X)
    other = KernelDensity(bandwidth=rule, kernel=kernel).fit(X * scale + shift)
    rtol = 1e-3 if rule == "isj" else 1e-9
    assert_allclose(other.bandwidth_, one.bandwidth_ * scale, rtol=rtol)
    assert_allclose(other.pdf(Q * scale + shift) * scale.prod(), one.pdf(Q), rtol=10 * rtol)


@pytest.mark.parametrize("rule", ["scott", "lscv", "loo_kl"])
def test_any_linear_map_with_full_whitening(rng, rule):
    X, move = ROWS[:150], rng.normal(size=(3, 3))
    one = KernelDensity(bandwidth=rule, whiten="full").fit(X)
    other = KernelDensity(bandwidth=rule, whiten="full").fit(X @ move + 5)
    expected = one.score_samples(Q3[:2]) - np.linalg.slogdet(move)[1]
    assert_allclose(other.score_samples(Q3[:2] @ move + 5), expected, rtol=1e-8)


@pytest.mark.parametrize("bandwidth", ["auto", "loo_kl", "scott", 0.6])
@pytest.mark.parametrize("adaptive", [None, "abramson"])
def test_order_of_rows(rng, bandwidth, adaptive):
    order = rng.permutation(300)
    one, other = (KernelDensity(bandwidth=bandwidth, adaptive=adaptive).fit(X)
                  for X in (ROWS, ROWS[order]))
    assert_allclose(other.score_samples(Q3), one.score_samples(Q3), rtol=1e-9)


def test_a_large_offset_changes_nothing():
    X = np.round(ROWS * 2**20) / 2**20
    for whiten, bandwidth in ((None, 0.6), ("diag", "lscv"), ("full", "loo_kl")):
        one, other = (KernelDensity(bandwidth=bandwidth, whiten=whiten).fit(X + at)
                      for at in (0, 1e8))
        assert_allclose(other.score_samples(Q3 + 1e8), one.score_samples(Q3), rtol=1e-6)
        assert_allclose(other.bandwidth_, one.bandwidth_, rtol=1e-6, atol=1e-12)


def test_far_queries():
    """At 1000 bandwidths it is the nearest row alone: the others are exp(-1000) of it."""
    X = np.arange(20.0)[:, None]
    density = KernelDensity(bandwidth=0.5).fit(X)
    constant = np.log(20 * 0.5 * (2 * np.pi) ** 0.5)
    assert_allclose(density.score_samples([[519.0], [-500.0], [5e7]]),
                    [-(1000.0**2) / 2 - constant, -(1000.0**2) / 2 - constant,
                     -((5e7 - 19) ** 2) / 0.5 - constant], rtol=1e-9)
    assert_allclose(density.score_function([[519.0]]), [[-500 / 0.25]], rtol=1e-9)
    X = np.random.default_rng(0).normal(size=(50, 15))
    density, Q = KernelDensity(bandwidth=1e-3).fit(X), X[:1] + 1.0
    nearest = ((X - Q) ** 2).sum(axis=1).min()
    expected = -nearest / 2e-6 - np.log(50) - 15 * np.log(1e-3 * (2 * np.pi) ** 0.5)
    assert_allclose(density.score_samples(Q), [expected], rtol=1e-9)


@every_kernel
def test_queries_beyond_bounded_kernels(kernel):
    found = KernelDensity(kernel=kernel, bandwidth=1.0).fit(ROWS).score_samples(Q3 + 1e3)
    assert np.isneginf(found).all() if kernel in COMPACT else np.isfinite(found).all()
