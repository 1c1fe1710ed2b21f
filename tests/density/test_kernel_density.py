"""KernelDensity: reference values, peers, laws, edges, draws, and each way to evaluate it."""

import pickle

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.neighbors import KernelDensity as Theirs

from divest import KernelDensity
from divest.density._adaptive import local_bandwidths
from divest.density._profiles import COMPACT, KERNELS, canonical_factor, coordinate_variance
from divest.density._selection import select
from divest.density._sums import PointSet, log_sums

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

THEIRS = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")
BOUNDARIES = ("reflect", "renormalize", "linear", "positive")
Q3 = np.array([[0.0, 0, 0], [1, 1, 1], [6, 6, 6]])
WEIGHTS = np.arange(1.0, 301.0)
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)


def fixed_data():
    """250 numbers with two modes, and 300 rows of three columns."""
    rng = np.random.default_rng(12345)
    x = np.concatenate([rng.normal(size=150), rng.normal(3, 0.5, 100)])
    return x[:, None], rng.normal(size=(300, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 2.0]])


COLUMN, ROWS = fixed_data()


def integral(density, start, stop, panels):
    """By Gauss-Legendre rules of 8 points on panels."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = (stop - start) / panels / 2
    x = np.linspace(start + half, stop - half, panels)[:, None] + half * nodes
    return half * np.sum(density.pdf(x.reshape(-1, 1)).reshape(panels, 8) * weights)


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


# ------------------------------------------------------------ bandwidths of all shapes
@every_kernel
def test_array_and_matrix_bandwidths(kernel):
    """A number, an equal array and a multiple of the identity are one thing."""
    one = KernelDensity(kernel=kernel, bandwidth=1.2).fit(ROWS)
    for bandwidth in ([1.2, 1.2, 1.2], 1.2 * np.eye(3)):
        other = KernelDensity(kernel=kernel, bandwidth=bandwidth).fit(ROWS)
        assert_allclose(other.score_samples(Q3), one.score_samples(Q3), rtol=1e-11)
        assert_array_equal(other.bandwidth_, bandwidth)
        assert other.bandwidth_factor_ == 1.0


def test_array_bandwidth_is_one_of_scaled_columns():
    h = np.array([0.5, 0.8, 1.1])
    found = KernelDensity(bandwidth=h).fit(ROWS).score_samples(Q3)
    assert_allclose(found, KernelDensity(bandwidth=1.0).fit(ROWS / h).score_samples(Q3 / h)
                    - np.log(h).sum(), rtol=1e-11)


def test_matrix_bandwidth_is_the_root_of_a_covariance():
    root = np.array([[0.7, 0.2, 0.0], [0.2, 0.9, -0.1], [0.0, -0.1, 1.3]])
    found = KernelDensity(bandwidth=root).fit(ROWS).pdf(Q3[:2])
    expected = [np.mean([stats.multivariate_normal(x, root @ root).pdf(q) for x in ROWS])
                for q in Q3[:2]]
    assert_allclose(found, expected, rtol=1e-10)


def test_numeric_bandwidth_in_whitened_units():
    sd = ROWS.std(axis=0, ddof=1)
    diag = KernelDensity(bandwidth=0.5, whiten="diag").fit(ROWS)
    assert_allclose(diag.bandwidth_, 0.5 * sd, rtol=1e-12)
    assert_allclose(diag.score_samples(Q3),
                    KernelDensity(bandwidth=0.5 * sd).fit(ROWS).score_samples(Q3), rtol=1e-11)
    full = KernelDensity(bandwidth=0.5, whiten="full").fit(ROWS)
    assert_allclose(full.bandwidth_ @ full.bandwidth_.T, 0.25 * np.cov(ROWS.T), rtol=1e-10)
    assert full.bandwidth_factor_ == diag.bandwidth_factor_ == 0.5


@every_kernel
@pytest.mark.parametrize("d", [1, 3])
def test_rules_are_times_the_canonical_factor(kernel, d):
    X = ROWS[:, :d]
    gaussian = KernelDensity(bandwidth="silverman").fit(X)
    density = KernelDensity(bandwidth="silverman", kernel=kernel).fit(X)
    assert_allclose(density.bandwidth_factor_,
                    canonical_factor(kernel, d) * gaussian.bandwidth_factor_, rtol=1e-12)
    assert_allclose(density.selector_.bandwidth, gaussian.bandwidth_factor_, rtol=1e-12)


# ------------------------------------------------------------ leave one out
@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "linear"])
@pytest.mark.parametrize("weighted", [False, True])
def test_leave_one_out_likelihood(kernel, weighted):
    """Fit without each row in turn, score that row; over equal rows, all are left out."""
    X = np.concatenate([ROWS[:15], ROWS[:3]])
    w = np.arange(1.0, 19.0) if weighted else np.ones(18)
    h = 4.0
    found = KernelDensity(bandwidth=h, kernel=kernel).fit(X, sample_weight=w).loo_log_likelihood()
    total = 0.0
    for i in range(18):
        rest = (X != X[i]).any(axis=1)
        left = KernelDensity(bandwidth=h, kernel=kernel).fit(X[rest], sample_weight=w[rest])
        total += w[i] * left.score_samples(X[[i]])[0]
    assert_allclose(found, total / w.sum(), rtol=1e-10)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_leave_one_out_likelihood_is_largest_at_its_rule(weights):
    best = KernelDensity(bandwidth="loo_kl", whiten=None).fit(ROWS, sample_weight=weights)
    scores = [KernelDensity(bandwidth=factor * best.bandwidth_factor_).fit(
        ROWS, sample_weight=weights).loo_log_likelihood() for factor in (0.97, 1.0, 1.03)]
    assert scores[1] > max(scores[0], scores[2])
    assert_allclose(best.loo_log_likelihood(), scores[1], rtol=1e-12)
    assert_allclose(best.selector_.criterion, scores[1], rtol=1e-7)


# ------------------------------------------------------------ gradient and distribution function
FORMS = [{"bandwidth": 0.6}, {"bandwidth": "scott"}, {"bandwidth": "scott", "whiten": "full"},
         {"bandwidth": [0.5, 0.7, 0.9]}, {"bandwidth": np.diag([0.5, 0.7, 0.9]) + 0.1},
         {"bandwidth": 0.6, "adaptive": "abramson"}]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_gradient(form, weights):
    density = KernelDensity(**form).fit(ROWS, sample_weight=weights)
    Q, step = np.concatenate([Q3[:2], ROWS[:5] + 0.3]), 1e-5
    expected = np.stack([(density.score_samples(Q + step * e) - density.score_samples(Q - step * e))
                         / (2 * step) for e in np.eye(3)], axis=1)
    assert_allclose(density.score_function(Q), expected, atol=1e-7)


@pytest.mark.parametrize("adaptive", [None, "abramson"])
@pytest.mark.parametrize("bounds", [None, (0, None), (0, 30)])
def test_distribution_function(adaptive, bounds):
    """Its differences are integrals of the density."""
    X = np.minimum(np.exp(COLUMN), 30)
    density = KernelDensity(bandwidth=0.5, adaptive=adaptive, bounds=bounds).fit(X)
    at = np.array([[0.0], [0.4], [2.0], [11.0], [30.0]])
    found = density.cdf(at)
    for (a,), (b,), mass in zip(at[:-1], at[1:], np.diff(found), strict=True):
        assert_allclose(mass, integral(density, a, b, 200), atol=1e-8)
    ends = density.cdf([[-100.0], [1e3]])
    assert_allclose(ends, [0, 1], atol=1e-12)


@pytest.mark.parametrize("boundary", ["renormalize", "linear", "positive"])
def test_distribution_function_of_other_edges_is_refused(boundary):
    density = KernelDensity(bandwidth=0.5, bounds=(0, None), boundary=boundary)
    with pytest.raises(ValueError, match="boundary='reflect', got"):
        density.fit(np.exp(COLUMN)).cdf([[1.0]])


# ------------------------------------------------------------ edges
@every_boundary
def test_outside_the_edges_there_is_nothing(boundary):
    density = KernelDensity(bandwidth=0.5, bounds=(0, 40), boundary=boundary)
    density.fit(np.minimum(np.exp(COLUMN), 40))
    outside = [[-1e-9], [40.0001], [-7.0]]
    assert_array_equal(density.score_samples(outside), -np.inf)
    assert_array_equal(density.pdf(outside), 0.0)
    assert (density.pdf([[0.0], [40.0]]) > 0).all()


def test_a_linear_edge_can_be_negative():
    density = KernelDensity(bandwidth=0.2, bounds=(0, None), boundary="linear")
    density.fit(1 + np.abs(COLUMN) / 10)
    assert density.pdf([[0.0]]) < 0
    assert np.isneginf(density.score_samples([[0.0]]))


@every_boundary
def test_edges_far_away_change_nothing(boundary):
    one = KernelDensity(bandwidth=0.3).fit(COLUMN)
    other = KernelDensity(bandwidth=0.3, bounds=(-50, 50), boundary=boundary).fit(COLUMN)
    assert_allclose(other.score_samples(COLUMN[:20]), one.score_samples(COLUMN[:20]), rtol=1e-11)
    assert_allclose(other.boundary_mass_, 1.0, rtol=1e-12)


@pytest.mark.parametrize("boundary", ["reflect", "renormalize"])
def test_edges_of_some_columns(boundary):
    """By hand, where one column is open, one closed below and one on both sides."""
    X = np.abs(ROWS[:60])
    X[:, 2] = np.minimum(X[:, 2], 5)
    h, edges = np.array([0.5, 0.7, 0.9]), [None, (0, None), (0, 5)]
    Q, total = np.abs(ROWS[60:70]).clip(max=5), np.ones((10, 60))
    for k, pair in enumerate([(-np.inf, np.inf), (0, np.inf), (0, 5)]):
        law = stats.norm(0, h[k])
        total *= law.pdf(Q[:, [k]] - X[:, k])
        if boundary == "renormalize":
            total /= (law.cdf(pair[1] - Q[:, [k]]) - law.cdf(pair[0] - Q[:, [k]]))
        else:
            images = sum(law.pdf(2 * b - Q[:, [k]] - X[:, k]) for b in pair if np.isfinite(b))
            total *= 1 + images / law.pdf(Q[:, [k]] - X[:, k])
    density = KernelDensity(bandwidth=h, bounds=edges, boundary=boundary).fit(X)
    assert_allclose(density.pdf(Q) * density.boundary_mass_, total.mean(axis=1), rtol=1e-10)


def test_rules_with_edges():
    """In units of column scales, so are the edges."""
    X = np.random.default_rng(3).exponential(size=(200, 2)) * [1.0, 100.0]
    density = KernelDensity(bounds=(0, None)).fit(X)
    assert_allclose(density.bandwidth_, density.bandwidth_factor_ * X.std(axis=0, ddof=1))
    assert_array_equal(density.score_samples([[-0.001, 1.0], [1.0, -0.1]]), -np.inf)
    same = KernelDensity(bandwidth=density.bandwidth_, bounds=(0, None)).fit(X)
    assert_allclose(density.score_samples(X), same.score_samples(X), rtol=1e-11)


# ------------------------------------------------------------ draws
N_DRAWS = 20_000


def assert_covariance(draws, expected):
    """Within four Monte Carlo errors, the draws' own fourth moments giving them."""
    centered = draws - draws.mean(axis=0)
    products = centered[:, :, None] * centered[:, None, :]
    error = products.std(axis=0) / len(draws) ** 0.5
    assert (np.abs(products.mean(axis=0) - expected) < 4 * error).all()


@every_kernel
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_draws_have_the_covariance_of_the_rows_and_the_kernel(kernel, weights):
    h = np.array([0.8, 1.5, 2.0])
    density = KernelDensity(bandwidth=h, kernel=kernel).fit(ROWS, sample_weight=weights)
    draws = density.sample(N_DRAWS, random_state=1)
    S = np.cov(ROWS.T, aweights=weights, bias=True)
    assert_covariance(draws, S + np.diag(h**2) * coordinate_variance(kernel, 3))
    assert_allclose(draws.mean(axis=0), np.average(ROWS, axis=0, weights=weights), atol=0.1)


@pytest.mark.parametrize("form", [
    {"bandwidth": 1.1}, {"bandwidth": [0.5, 1.0, 2.0]}, {"bandwidth": "scott"},
    {"bandwidth": 1.5, "kernel": "biweight"}, {"bandwidth": 0.9, "adaptive": "abramson"}], ids=str)
def test_shrunk_draws_keep_the_variances(form):
    draws = KernelDensity(**form).fit(ROWS).sample(N_DRAWS, random_state=2, shrink=True)
    variance = ROWS.var(axis=0, ddof=1)
    error = ((draws - draws.mean(axis=0)) ** 2).std(axis=0) / N_DRAWS**0.5
    bias = variance / 300  # the rows that are drawn from have the divisor n
    assert (np.abs(draws.var(axis=0) - variance) < 4 * error + bias).all()


def test_shrunk_draws_keep_the_covariance_with_full_whitening():
    density = KernelDensity(bandwidth=0.7, whiten="full").fit(ROWS)
    draws = density.sample(N_DRAWS, random_state=3, shrink=True)
    S = np.cov(ROWS.T)
    assert_covariance(draws, S * (1 - 1 / 300 / (1 + 0.7**2)))
    wider = density.sample(N_DRAWS, random_state=3)
    assert_covariance(wider, S * (299 / 300 + 0.7**2))


@pytest.mark.parametrize("form", [
    {"bandwidth": 0.4}, {"bandwidth": 0.4, "adaptive": "abramson"},
    {"bandwidth": 0.4, "bounds": (0, None)}, {"bandwidth": 0.4, "bounds": (0, 30)},
    {"bandwidth": 0.4, "bounds": (0, 30), "adaptive": "abramson"},
    {"bandwidth": 20.0, "bounds": (0, 30)}], ids=str)
def test_draws_follow_the_distribution_function(form):
    density = KernelDensity(**form).fit(np.minimum(np.exp(COLUMN), 30))
    draws = density.sample(4000, random_state=4)
    assert stats.kstest(draws[:, 0], lambda q: density.cdf(q[:, None])).pvalue > 1e-3


def test_draws_with_renormalized_edges_follow_the_density():
    density = KernelDensity(bandwidth=0.4, bounds=(0, 30), boundary="renormalize")
    density.fit(np.minimum(np.exp(COLUMN), 30))
    draws = density.sample(4000, random_state=4)
    assert draws.min() >= 0
    below = [integral(density, 0, q, 200) for q in (0.2, 0.8, 3.0, 15.0)]
    share = [(draws < q).mean() for q in (0.2, 0.8, 3.0, 15.0)]
    assert_allclose(share, below, atol=4 * 0.5 / 4000**0.5)


@every_kernel
def test_draws_are_where_the_density_is(kernel):
    density = KernelDensity(kernel=kernel, bandwidth=0.3).fit(ROWS)
    assert np.isfinite(density.score_samples(density.sample(200, random_state=0))).all()


def test_draws_are_reproducible():
    density = KernelDensity(bandwidth=0.5).fit(ROWS)
    one, same, other = (density.sample(5, random_state=seed) for seed in (1, 1, 2))
    assert_array_equal(one, same)
    assert (one != other).all()
    assert density.sample().shape == (1, 3)


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
