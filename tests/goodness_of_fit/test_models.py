"""Models: every score against differences of its log density, samplers, refusals, checks."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from model_cases import COVARIANCE, differences, gaussian, gaussian_score, kde_of_columns
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity
from statsmodels.nonparametric.kde import KDEUnivariate

import divest
from divest.goodness_of_fit import OutOfSupportError, ScoreModel, as_score_model, check_score

UNIVARIATE = {
    "norm": stats.norm(1, 2), "t": stats.t(3.5, 1, 2), "gamma": stats.gamma(2.5, scale=2),
    "expon": stats.expon(-1, 2), "laplace": stats.laplace(1, 0.5), "logistic": stats.logistic(1, 2),
    "cauchy": stats.cauchy(loc=1), "beta": stats.beta(2, 3, loc=-1, scale=4),
    "lognorm": stats.lognorm(s=0.7, scale=2), "columns": stats.norm([0, 5, -2], [1, 2, 0.5]),
    "skewnorm": stats.skewnorm(3.0), "uniform": stats.uniform(), "weibull": stats.weibull_min(1.5),
}  # fmt: skip

TYPES = ["full", "tied", "diag", "spherical"]


def blobs(rng, d=3):
    """Rows of two groups far from the origin, with scales that differ."""
    rows = rng.standard_normal((60, d)) * np.linspace(0.5, 2, d)
    rows[:30] += 3.0
    return rows + 10.0


def estimates():
    """Fitted density estimates, each with the log density its package computes."""
    X = blobs(np.random.default_rng(0))
    for kind in TYPES:
        fitted = GaussianMixture(2, covariance_type=kind, random_state=0).fit(X)
        yield f"mixture_{kind}", fitted, fitted.score_samples
        fitted = BayesianGaussianMixture(n_components=2, covariance_type=kind, random_state=0)
        yield f"bayesian_{kind}", fitted.fit(X), plug_in(fitted)
    for kernel in ("gaussian", "exponential"):
        fitted = KernelDensity(bandwidth=0.8, kernel=kernel)
        fitted.fit(X, sample_weight=np.arange(1.0, 61.0))
        yield f"kernel_{kernel}", fitted, fitted.score_samples
    kde = stats.gaussian_kde(X.T, weights=np.arange(1, 61))
    yield "gaussian_kde", kde, lambda Z: kde.logpdf(Z.T)
    several = kde_of_columns(X, "ccc", [0.5, 1.0, 1.5])
    yield "several", several, lambda Z: np.log(several.pdf(Z))
    one = KDEUnivariate(X[:, 0])
    one.fit()
    yield "univariate", one, lambda Z: np.log(one.evaluate(Z[:, 0]))
    normal = stats.multivariate_normal([1, 2, 3], COVARIANCE)
    yield "normal", normal, normal.logpdf
    student = stats.multivariate_t([1, 2, 3], COVARIANCE, df=4)
    yield "student", student, student.logpdf
    limit = stats.multivariate_t([1, 2, 3], COVARIANCE, df=np.inf)
    yield "student_limit", limit, normal.logpdf


def plug_in(mixture):
    """Log density of the mixture of fitted weights, means and covariances."""

    def log_density(X):
        d = mixture.means_.shape[1]
        full = {"full": lambda k: mixture.covariances_[k], "tied": lambda k: mixture.covariances_,
                "diag": lambda k: np.diag(mixture.covariances_[k]),
                "spherical": lambda k: mixture.covariances_[k] * np.eye(d)}
        return np.log(sum(
            weight * stats.multivariate_normal(mean, full[mixture.covariance_type](k)).pdf(X)
            for k, (weight, mean) in enumerate(zip(mixture.weights_, mixture.means_, strict=True))))

    return log_density


ESTIMATES = {name: (fitted, log_density) for name, fitted, log_density in estimates()}


# ------------------------------------------------------------ scores, log densities and samplers
@pytest.mark.parametrize("name", UNIVARIATE)
def test_univariate_scores_are_derivatives(name, rng):
    frozen = UNIVARIATE[name]
    X = frozen.rvs((200, 3 if name == "columns" else 1), random_state=rng)
    model = as_score_model(frozen)
    want = differences(lambda Z: frozen.logpdf(Z).sum(axis=1), X)
    usable = np.isfinite(want).all(axis=1)
    if name == "laplace":
        usable &= np.abs(X[:, 0] - 1) > 1e-4
    assert usable.mean() > 0.98
    near_edge = np.maximum(1, np.abs(want[usable]))
    assert_allclose(model.score(X)[usable] / near_edge, want[usable] / near_edge, atol=1e-6)
    assert_allclose(model.log_density(X), frozen.logpdf(X).sum(axis=1), rtol=1e-13)
    assert check_score(model, X) <= 1e-4


@pytest.mark.parametrize("name", UNIVARIATE)
def test_univariate_supports_are_read(name):
    frozen = UNIVARIATE[name]
    lower, upper = frozen.support()
    model = as_score_model(frozen)
    d = 3 if name == "columns" else 1
    assert_allclose(model.support, np.broadcast_to([np.ravel(lower), np.ravel(upper)], (2, d)))
    assert model.bounded == (name in {"gamma", "expon", "beta", "lognorm", "uniform", "weibull"})
    assert model.n_features == d


def test_differences_stay_good_up_to_the_edge():
    """The step shrinks on the way to the edge; on the edge it goes inwards."""
    X = np.array([[1e-12], [1e-9], [1e-6], [1e-3]])
    shape = 1.5
    score = as_score_model(stats.weibull_min(shape)).score(X)
    assert_allclose(score, (shape - 1) / X - shape * X ** (shape - 1), rtol=1e-5)
    on_edge = as_score_model(stats.truncexpon(3.0)).score([[0.0], [3.0]])
    assert_allclose(on_edge, -1, rtol=1e-6)


@pytest.mark.parametrize("name", ESTIMATES)
def test_estimated_scores_are_derivatives(name, rng):
    fitted, log_density = ESTIMATES[name]
    model = as_score_model(fitted)
    centre = 2.0 if name in {"normal", "student", "student_limit"} else 11.5
    X = centre + 2 * rng.standard_normal((100, model.n_features))
    want = log_density(X)
    assert_allclose(model.log_density(X), want, rtol=1e-9, atol=1e-9)
    assert_allclose(model.score(X), differences(model.log_density, X), rtol=1e-6, atol=1e-6)
    assert check_score(model, X) <= 1e-4
    assert not model.bounded
    assert_allclose(pickle.loads(pickle.dumps(model)).score(X), model.score(X), rtol=0)


@pytest.mark.parametrize("name", ["gamma", "t", "columns", "skewnorm"])
def test_univariate_samplers_draw_from_the_law(name):
    frozen, model = UNIVARIATE[name], as_score_model(UNIVARIATE[name])
    rows = model.sample(2000, 1)
    uniform = frozen.cdf(rows)
    assert min(stats.kstest(column, "uniform").pvalue for column in uniform.T) > 1e-3
    assert_allclose(rows, model.sample(2000, np.random.default_rng(1)), rtol=0)


def test_samplers_of_several_columns_draw_from_the_law(rng):
    """For all directions at once: the score has mean 0, and E s(x) (x - c)' is minus identity."""
    n = 40_000
    for name, (fitted, _) in ESTIMATES.items():
        model = as_score_model(fitted)
        rows = model.sample(n, rng)
        score, d = model.score(rows), model.n_features
        parts = np.concatenate(
            [score, (score[:, :, None] * (rows - rows.mean(axis=0))[:, None]).reshape(n, -1)
             + np.eye(d).ravel()], axis=1)
        z = np.sqrt(n) * parts.mean(axis=0) / parts.std(axis=0)
        assert np.abs(z).max() < 4.5, name
        assert model.sample(1, rng).shape == (1, d)


@pytest.mark.parametrize("name", ["kernel_gaussian", "kernel_exponential", "mixture_full"])
def test_samplers_of_mixtures_have_the_right_marginals(name, rng):
    """Against numbers drawn by hand: the first column, by a two-sample test."""
    fitted, _ = ESTIMATES[name]
    rows = as_score_model(fitted).sample(3000, rng)
    if name == "mixture_full":
        peer = fitted.sample(3000)[0]
    else:
        centres = np.array(fitted.tree_.data)
        which = rng.choice(60, 3000, p=np.arange(1, 61) / 1830)
        noise = rng.standard_normal((3000, 3))
        if name == "kernel_exponential":
            noise *= (rng.gamma(3, size=3000) / np.sqrt((noise**2).sum(axis=1)))[:, None]
        peer = centres[which] + 0.8 * noise
    for column, other in zip(rows.T, peer.T, strict=True):
        assert stats.ks_2samp(column, other).pvalue > 1e-3


def test_exponential_kernel_at_its_own_points(rng):
    """The density has a kink there; the gradient of that kernel counts as 0."""
    X = blobs(rng)
    model = as_score_model(KernelDensity(kernel="exponential").fit(X))
    assert_allclose(model.score(X), differences(model.log_density, X), rtol=1e-5, atol=1e-5)


def test_blocks_of_a_kernel_density_change_nothing(rng, monkeypatch):
    X = blobs(rng)
    model = as_score_model(KernelDensity().fit(X))
    score, log_density = model.score(X), model.log_density(X)
    monkeypatch.setattr("divest.goodness_of_fit._mixture_scores._BLOCK", 7 * 60)
    assert_allclose(model.score(X), score, rtol=1e-12)
    assert_allclose(model.log_density(X), log_density, rtol=1e-12)


def test_far_from_a_mixture_scores_stay_finite():
    for fitted, _ in ESTIMATES.values():
        model = as_score_model(fitted)
        score = model.score(np.full((1, model.n_features), 1e4))
        assert score.sum() < 0  # and finite, or it would not have come back


# ------------------------------------------------------------ models of the user
class WithScore:
    """An object with everything a model can have."""

    support = (-50.0, 50.0)

    def score(self, X):
        return -X

    def log_density(self, X):
        return -0.5 * (X**2).sum(axis=1)

    def sample(self, n, rng):
        return rng.standard_normal((n, 2))


def test_object_with_a_score():
    model = as_score_model(WithScore())
    assert model.name == "WithScore"
    assert_allclose(model.score([[1.0, 2.0]]), [[-1, -2]])
    assert_allclose(model.log_density([[1.0, 2.0], [60.0, 0.0]]), [-2.5, -np.inf])
    assert_allclose(model.bounds(2), [[-50, -50], [50, 50]])
    assert model.sample(3).shape == (3, 2)
    assert as_score_model(model) is model


def test_support_may_be_a_method():
    model = SimpleNamespace(score=gaussian_score, support=lambda: (0.0, np.inf))
    assert as_score_model(model).bounded


@pytest.mark.parametrize("settings", [{"bandwidth": 0.6}, {"whiten": "full"},
                                      {"bandwidth": 0.5, "adaptive": "abramson"}])
def test_own_density_estimate(rng, settings):
    X, Q = rng.normal(size=(200, 2)), rng.normal(size=(9, 2))
    density = divest.KernelDensity(**settings).fit(X)
    model = as_score_model(density)
    assert check_score(model, Q) < 1e-6
    assert_allclose(model.log_density(Q), density.score_samples(Q))
    assert model.sample(7, 0).shape == (7, 2)
    assert (model.n_features, model.name) == (2, "KernelDensity")


@pytest.mark.parametrize("settings", [{"kernel": "tophat"}, {"bounds": (-10, 10)}])
def test_own_density_estimate_without_a_score(rng, settings):
    density = divest.KernelDensity(bandwidth=2.0, **settings).fit(rng.normal(size=(99, 1)))
    with pytest.raises(ValueError, match="score_function"):
        as_score_model(density)


def test_own_density_estimate_that_is_not_fitted():
    with pytest.raises(NotFittedError, match="not fitted"):
        as_score_model(divest.KernelDensity())


def test_score_function_and_its_log_density(rng):
    X = rng.standard_normal((30, 3))
    alone = as_score_model(gaussian_score)
    assert (alone.name, alone.log_density, alone.sample, alone.support) == (
        "gaussian_score", None, None, None)
    assert not alone.bounded
    assert np.isinf(alone.bounds(3)).all()
    both = as_score_model(gaussian_score, log_density=gaussian)
    by_differences = as_score_model(log_density=gaussian)
    assert_allclose(alone.score(X), both.score(X), rtol=0)
    assert_allclose(by_differences.score(X), both.score(X), rtol=1e-8, atol=1e-8)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    assert_allclose(both.score(frame), both.score(X), rtol=0)


def test_one_dimensional_input_is_one_column():
    model = as_score_model(stats.norm())
    assert model.score([1.0, 2.0]).shape == (2, 1)
    assert as_score_model(lambda X: -X).score([1.0, 2.0]).shape == (2, 1)


def test_support_of_the_user():
    model = as_score_model(lambda X: -X, support=(0, np.inf))
    assert model.n_features is None
    assert_allclose(model.bounds(2), [[0, 0], [np.inf, np.inf]])
    model = as_score_model(lambda X: -X, support=([0, -np.inf], [np.inf, 1]))
    assert model.n_features == 2
    assert model.bounded
    with pytest.raises(OutOfSupportError, match="rows 0, 2: outside its support"):
        model.score([[-1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])


def test_cut_to_a_smaller_support():
    """The score stays, the sampler, which would draw outside, goes."""
    whole = as_score_model(stats.norm())
    half = as_score_model(stats.norm(), support=(0, np.inf))
    assert whole.sample is not None
    assert half.sample is None
    assert_allclose(half.score([0.5]), whole.score([0.5]))
    assert_allclose(half.log_density([-1.0, 1.0])[0], -np.inf)
    assert_allclose(half.log_density([-1.0]), -np.inf)
    assert as_score_model(whole, support=(-np.inf, np.inf)).sample is not None
    box = as_score_model(stats.multivariate_normal([0, 0]), support=(0, 1))
    assert_allclose(box.bounds(2), [[0, 0], [1, 1]])
    with pytest.raises(ValueError, match="must lie inside that of expon"):
        as_score_model(stats.expon(), support=(-1, 5))
    quartic = as_score_model(log_density=lambda X: np.log(X[:, 0]))
    later = as_score_model(quartic, support=(0, np.inf))
    assert_allclose(later.score([1e-8]), 1e8, rtol=1e-5)


def test_functions_are_wrapped_once():
    model = as_score_model(WithScore())
    again = ScoreModel(model.score, model.log_density, model.support, model.sample)
    assert again.score.function == model.score.function
    assert again.log_density.function == model.log_density.function
