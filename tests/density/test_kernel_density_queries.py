"""KernelDensity: bandwidths of all shapes, leaving out, gradients, edges and draws."""

import numpy as np
import pytest
from kernel_density_cases import COLUMN, Q3, ROWS, WEIGHTS, every_boundary, every_kernel, integral
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from divest import KernelDensity
from divest.density._profiles import canonical_factor, coordinate_variance

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

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
