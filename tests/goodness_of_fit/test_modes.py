"""find_modes: known modes and widths, units, what is dropped, and searches that fail."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp

from divest.goodness_of_fit import ScoreModel, as_score_model
from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity
from divest.goodness_of_fit._modes import covariances_at, join, log_density_anywhere
from divest.goodness_of_fit._perturbed import modes_at
from divest.goodness_of_fit.modes import find_modes

MEANS = np.array([[0.0, 0.0], [8.0, 3.0], [-6.0, 9.0]])
COVARIANCES = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -1], [-1, 1.0]]])
WEIGHTS = np.array([0.5, 0.3, 0.2])


def mixture(weights=WEIGHTS, means=MEANS, covariances=COVARIANCES, **options):
    means = np.array(means)
    whiteners = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    density = GaussianMixtureDensity(np.log(weights), means, whiteners)
    options = {"support": None, "sample": density.sample, "name": "mixture",
               "n_features": means.shape[1]} | options
    return ScoreModel(density.score, density.log_density, **options)


def by_log_density(function, **options):
    return as_score_model(log_density=function, **options)


# ------------------------------------------------------------ what is found
@pytest.mark.parametrize("box", [None, (-15, 15), ([-10, -5], [12, 14])], ids=str)
def test_modes_of_a_mixture(box):
    """Components are far enough apart to leave one another's mode and curvature alone."""
    modes = find_modes(mixture(), box, random_state=0)
    heights = np.log(WEIGHTS) - 0.5 * np.linalg.slogdet(2 * np.pi * COVARIANCES)[1]
    order = np.argsort(-heights)
    assert_allclose(modes.means, MEANS[order], atol=2e-5)
    assert_allclose(modes.covariances, COVARIANCES[order], atol=2e-4)
    assert_allclose(modes.log_density, heights[order], atol=1e-6)
    assert modes.n_reached.sum() == modes.n_starts == 20
    assert not modes.outside.any()
    assert_allclose(modes.to_frame()["model_share"], WEIGHTS[order], atol=1e-4)


def test_by_differences_of_the_log_density():
    known, other = (find_modes(model, (-15, 15), random_state=3) for model in (
        mixture(), by_log_density(mixture().log_density, support=([-np.inf] * 2, [np.inf] * 2))))
    assert_allclose(other.means, known.means, atol=1e-5)
    assert_allclose(other.covariances, known.covariances, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_in_another_unit(scale):
    """The search has no unit of its own."""
    one = find_modes(mixture(), (-15, 15), random_state=1)
    far = mixture(means=scale * MEANS, covariances=scale**2 * COVARIANCES)
    other = find_modes(far, (-15 * scale, 15 * scale), random_state=1)
    assert_array_equal(other.n_reached, one.n_reached)
    assert_allclose(other.means / scale, one.means, atol=1e-5)
    assert_allclose(other.covariances / scale**2, one.covariances, atol=1e-5)


def test_same_seed_same_modes():
    one, two, other = (find_modes(mixture(), random_state=seed) for seed in (5, 5, 6))
    assert_array_equal(one.means, two.means)
    assert_array_equal(one.n_reached, two.n_reached)
    assert not np.array_equal(one.means, other.means)


def test_modes_of_one_height_stand_from_left_to_right():
    model = mixture([0.5, 0.5], [[5.0], [-5.0]], np.ones((2, 1, 1)))
    for seed in range(5):
        assert_allclose(find_modes(model, random_state=seed).means, [[-5.0], [5.0]], atol=1e-6)


def test_table_of_modes():
    table = find_modes(mixture(), random_state=0).to_frame()
    assert list(table) == ["x0", "x1", "log_density", "n_reached", "model_share"]
    assert list(find_modes(mixture(), random_state=0).to_frame(["a", "b"]))[:2] == ["a", "b"]


@pytest.mark.parametrize("law", [stats.gamma(3.0), stats.t(3), stats.beta(2, 3),
                                 stats.multivariate_normal(np.zeros(12))])
def test_one_mode(law):
    modes = find_modes(law, random_state=0)
    assert len(modes) == 1
    assert modes.n_reached[0] >= 15


def test_a_mode_on_an_edge():
    modes = find_modes(stats.expon(), random_state=0)
    assert_allclose(modes.means, [[0.0]], atol=1e-8)
    assert_allclose(modes.covariances, 0.25, rtol=1e-6)  # exp(-x) falls by 1/2 at 1/2


# ------------------------------------------------------------ joining and dropping
def test_joining_by_hand():
    """The limit is a distance of 3 under the mean of the two covariances, not its square."""
    ends, heights = np.array([[0.0], [2.9], [6.0], [8.5], [40.0]]), np.array([0, -1, -2, -3, -18.5])
    kept, counts = join(ends, heights, np.ones((5, 1, 1)))
    assert_array_equal(kept, [0, 2])
    assert_array_equal(counts, [2, 2])
    kept, _ = join(ends[:2], heights[:2], np.array([[[1.0]], [[0.5]]]))
    assert_array_equal(kept, [0, 1])  # 2.9 / sqrt(.75) is 3.35
    kept, _ = join(ends, heights + [0, 0, 0, 0, 0.2], np.ones((5, 1, 1)))
    assert_array_equal(kept, [0, 2, 4])


def test_overlapping_components_are_one_mode():
    for delta, number in ((2.0, 1), (6.0, 2)):
        model = mixture([0.5, 0.5], [[0.0], [delta]], np.ones((2, 1, 1)))
        assert len(find_modes(model, (-10, 15), random_state=0)) == number


# ------------------------------------------------------------ widths
def test_widths_are_the_inverse_curvature_of_a_normal_law():
    found = covariances_at(mixture(np.ones(1), MEANS[:1], COVARIANCES[:1]), MEANS[:1], np.ones(2))
    assert_allclose(found, COVARIANCES[:1], rtol=1e-7)


@pytest.mark.parametrize(("law", "width"), [
    (lambda X: -X[:, 0]**4, 0.5**0.25), (lambda X: -np.abs(X[:, 0]), 0.5),
    (lambda X: -np.maximum(np.abs(X[:, 0]) - 1, 0), 1.5),
    (lambda X: -np.log1p(X[:, 0]**2), np.sqrt(np.exp(0.5) - 1))],
    ids=["flat top", "kink", "plateau", "heavy tails"])
def test_widths_where_the_curvature_is_none(law, width):
    """Or not positive definite, or infinite: the search ends a little off the middle."""
    modes = find_modes(by_log_density(law), (-5, 5), random_state=0)
    assert len(modes) == 1
    assert_allclose(np.sqrt(modes.covariances[0, 0, 0]), width, atol=0.6 * width)
    exact = covariances_at(by_log_density(law), np.zeros((1, 1)), np.ones(1))
    assert_allclose(np.sqrt(exact[0, 0, 0]), width, rtol=1e-7)


def test_width_that_does_not_end():
    found = covariances_at(by_log_density(lambda X: -X[:, 0]**2), np.zeros((1, 2)), np.ones(2))
    assert_allclose(found[0], np.diag([0.5, 1.0]), atol=1e-7)


# ------------------------------------------------------------ searches that fail
def test_no_box():
    with pytest.raises(ValueError, match=r"box=\(lower, upper\) is needed: mixture"):
        find_modes(mixture(sample=None))
    bounded = mixture(support=([-15, -15], [15, 15]), sample=None)
    assert len(find_modes(bounded, random_state=0)) == 3


@pytest.mark.parametrize(("box", "message"), [
    ((1, 0), "box must be"), ((0, np.inf), "box must be finite"), ((0, 1, 2), "box must be"),
    (([0, 0, 0], [1, 1, 1]), "one entry for each of the 2"), ((-20, -18), "overlap the support")])
def test_bad_boxes(box, message):
    model = mixture(support=([-15, -15], [15, 15]))
    with pytest.raises(ValueError, match=message):
        find_modes(model, box, random_state=0)


def test_bad_parameters():
    with pytest.raises(ValueError, match="n_starts must be at least 1"):
        find_modes(mixture(), n_starts=0)
    with pytest.raises(ValueError, match="has a score only"):
        find_modes(lambda X: -X, (-1, 1))


def test_a_box_that_is_too_small_says_so():
    model = mixture([0.5, 0.5], [[0.0], [6.0]], np.ones((2, 1, 1)))
    assert len(find_modes(model, (-1, 1), random_state=0)) == 1
    modes = find_modes(model, (2, 4), random_state=0)
    assert len(modes) == 2
    assert modes.outside.all()


def test_starts_that_diverge_are_left_out():
    def rising(X):  # a mode at 0, and no end beyond 4
        return np.where(X[:, 0] < 4, -0.5 * X[:, 0]**2, 3 * (X[:, 0] - 4) - 8)

    modes = find_modes(by_log_density(rising), (-8, 8), random_state=0)
    assert_allclose(modes.means, [[0.0]], atol=1e-4)
    assert 10 <= modes.n_reached[0] < modes.n_starts
    with pytest.raises(ValueError, match="no mode found: of 20 starts"):
        find_modes(by_log_density(lambda X: (X**2).sum(axis=1)), (-1, 1), random_state=0)


def test_starts_without_density_are_left_out():
    def half(X):
        x = X[:, 0]
        return np.where(x > 0, 2 * np.log(x) - x, np.nan)  # NaN, as from a careless function

    with np.errstate(all="ignore"):
        modes = find_modes(by_log_density(half), (-8, 8), random_state=0)
    assert_allclose(modes.means, [[2.0]], atol=1e-4)
    assert modes.n_reached[0] < modes.n_starts
    with pytest.raises(ValueError, match="no mode found"):
        find_modes(by_log_density(half), (-8, -7), random_state=0)


def test_density_where_there_is_none():
    model = as_score_model(stats.expon())
    assert_array_equal(log_density_anywhere(model, np.array([[-1.0], [2.0]])), [-np.inf, -2.0])


@pytest.mark.parametrize("density", [lambda X: -X**2, lambda X: -0.5])
def test_density_of_another_shape(density):
    with pytest.raises(ValueError, match=r"one number per row, shape \(1,\)"):
        find_modes(as_score_model(log_density=density), (-1, 1))


def test_given_modes():
    modes = modes_at(mixture(), MEANS[::-1], 2)
    assert_allclose(modes.means, find_modes(mixture(), random_state=0).means, atol=1e-5)
    assert_allclose(modes.covariances, find_modes(mixture(), random_state=0).covariances, atol=1e-3)
    with pytest.raises(ValueError, match="2 columns"):
        modes_at(mixture(), [[0.0]], 2)
    with pytest.raises(ValueError, match=r"0 at modes\[1\]"):
        modes_at(as_score_model(stats.expon()), [[1.0], [-1.0]], 1)


def test_many_modes_in_many_columns(rng):
    """Eight corners of a cube, and random covariances."""
    means = 10.0 * np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T
    roots = rng.normal(size=(8, 3, 3)) / 3 + np.eye(3)
    covariances = roots @ roots.transpose(0, 2, 1)
    model = mixture(np.full(8, 1 / 8), means, covariances)
    modes = find_modes(model, (-5, 15), n_starts=200, random_state=0)
    assert len(modes) == 8
    nearest = np.abs(modes.means[:, None] - means).max(axis=2).min(axis=1)
    assert nearest.max() < 0.1
    values = [logsumexp(model.log_density(m[None])) for m in modes.means]
    assert_allclose(values, modes.log_density)
