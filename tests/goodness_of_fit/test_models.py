"""Models: every score against differences of its log density, samplers, refusals, checks."""

import pickle
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity
from statsmodels.api import OLS
from statsmodels.nonparametric.kde import KDEUnivariate
from statsmodels.nonparametric.kernel_density import KDEMultivariate

import divest
from divest.goodness_of_fit import (
    OutOfSupportError,
    ScoreModel,
    as_score_model,
    check_score,
    from_jax,
    from_torch,
)

COVARIANCE = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
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


def kde_of_columns(X, kinds, bandwidths):
    """Some versions warn that their default source of random numbers, unused here, will change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return KDEMultivariate(X, var_type=kinds, bw=bandwidths)


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


def differences(log_density, X, step=1e-5):
    """Fourth-order central differences, column by column."""
    out = np.empty_like(X)
    for j, shift in enumerate(step * np.eye(X.shape[1])):
        near = log_density(X + shift) - log_density(X - shift)
        far = log_density(X + 2 * shift) - log_density(X - 2 * shift)
        out[:, j] = (8 * near - far) / (12 * step)
    return out


def gaussian(X):
    """Log density, up to a constant, of a normal law whose columns depend on one another."""
    return -0.5 * ((X @ np.linalg.inv(COVARIANCE)) * X).sum(axis=1)


def gaussian_score(X):
    return -X @ np.linalg.inv(COVARIANCE)


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


# ------------------------------------------------------------ check_score
def columns(*factors):
    """The right score with each column times a factor."""
    return lambda X: gaussian_score(X) * factors


@pytest.mark.parametrize(
    ("score", "message"),
    [(columns(-1, -1, -1), r"sign\? The score is -1 times"),
     (columns(2, 2, 2), r"scale\? The score is 2 times"),
     (columns(1, -1, 1), r"column 'b'.*sign\? The score in column 'b' is -1 times"),
     (columns(1, 1, 0.5), r"column 'c'.*scale\? The score in column 'c' is 0.5 times"),
     (lambda X: gaussian_score(X) + [0, 0.1, 0], r"row \d+, column 'b': got .*, wanted"),
     (lambda X: gaussian_score(X) + 1, r"wanted \S+ \(by differences\)\.$"),
     (lambda X: 0 * X, r"got 0, wanted \S+ \(by differences\)\.$"),
     (columns(1.001, 1, 1), r"1\.001 times")],
)  # fmt: skip
def test_wrong_scores_are_caught(score, message, rng):
    X = pd.DataFrame(rng.standard_normal((40, 3)), columns=list("abc"))
    with pytest.raises(ValueError, match=message):
        check_score(as_score_model(score, log_density=gaussian), X)


def test_error_names_the_row_of_the_whole_sample(rng):
    X = rng.standard_normal((41, 3))

    def score(X):
        return gaussian_score(X) + (X[:, :1] > 100) * np.ones(3)

    X[10, 0] = 200.0
    with pytest.raises(ValueError, match="at row 10, column"):
        check_score(as_score_model(score, log_density=gaussian), X)
    with pytest.raises(OutOfSupportError, match="row 10: outside"):
        check_score(as_score_model(gaussian_score, support=(-100, 100)), X)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_right_scores_pass_on_any_scale(scale, shift, rng):
    law = stats.t(4, loc=scale * shift, scale=scale)
    X = law.rvs((50, 1), random_state=rng)
    assert check_score(law, X, n_points=50) <= 1e-4
    wrong = as_score_model(lambda X: 1.01 * as_score_model(law).score(X),
                           log_density=lambda X: law.logpdf(X[:, 0]))
    with pytest.raises(ValueError, match=r"1\.01 times"):
        check_score(wrong, X)


def test_differences_on_a_scale_too_small_are_caught(rng):
    law = stats.t(4, scale=1e-6)
    model = as_score_model(log_density=lambda X: law.logpdf(X[:, 0]))
    with pytest.raises(ValueError, match="standardise the columns"):
        check_score(model, law.rvs((50, 1), random_state=rng))


def test_heavy_tails_and_large_constants_pass(rng):
    law = stats.cauchy()
    assert check_score(law, law.rvs((500, 1), random_state=rng), n_points=500) <= 1e-4
    model = as_score_model(gaussian_score, log_density=lambda X: gaussian(X) - 1e6)
    assert check_score(model, rng.standard_normal((50, 3))) <= 1e-4


def test_score_without_log_density_must_be_a_gradient(rng):
    X = rng.standard_normal((40, 3))
    assert check_score(gaussian_score, X) <= 1e-4
    assert check_score(lambda X: -X, X) == 0.0
    assert np.isnan(check_score(lambda X: -X, X[:, :1]))  # nothing to compare with
    message = r"not symmetric at row \d+: the score in column 1 changes with column 2 at rate"
    with pytest.raises(ValueError, match=message):
        check_score(columns(1, 2, 1), X)
    with pytest.raises(ValueError, match="not symmetric"):
        check_score(lambda X: np.roll(X, 1, axis=1), X)
    with pytest.raises(ValueError, match="not symmetric"):
        check_score(lambda X: -X + 1e-3 * np.sin(X[:, ::-1]) * [1, 0, 0], X)


def test_check_score_of_few_rows_and_bad_arguments():
    assert check_score(stats.norm(), [[0.3]]) <= 1e-4
    assert check_score(stats.norm(), [1.0, 1.0, 1.0]) <= 1e-4
    wrong = as_score_model(lambda X: -3 * X, log_density=lambda X: -0.5 * X[:, 0] ** 2)
    with pytest.raises(ValueError, match=r"wanted -0.3 \(by differences\)\.$"):
        check_score(wrong, [[0.3]])  # one number shows no factor
    with pytest.raises(ValueError, match="n_points must be at least 1"):
        check_score(stats.norm(), [[0.3]], n_points=0)
    edge = as_score_model(lambda X: 0 * X, log_density=lambda X: np.log(1.0 * (X[:, 0] >= 0)))
    assert np.isnan(check_score(edge, [[0.0]]))  # differences step over an edge nobody stated


# ------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("score", "message"),
    [(lambda X: X[:, :1], r"shape of X, \(6, 2\); got shape \(6, 1\)"),
     (lambda X: X[:, 0], r"got shape \(6,\).*pass it as as_score_model"),
     (lambda X: 1.0, r"got shape \(\)"),
     (lambda X: np.where(X > 3, np.nan, X), r"NaN or infinite at rows 2, 3, 4, 5\."),
     (lambda X: 1 / (X - 1), r"NaN or infinite at rows 0, 1\."),
     (lambda X: X * np.nan, r"rows 0, 1, 2, 3, 4, \.\.\. \(6 in all\)"),
     (lambda X: np.where(X == 11, np.inf, X), r"infinite at row 5\.")],
)  # fmt: skip
def test_bad_scores_are_refused(score, message):
    X = np.arange(12.0).reshape(6, 2)
    X[0, 1] = X[1, 0] = 1.0
    with pytest.raises(ValueError, match=message):
        as_score_model(score).score(X)


def test_bad_log_densities_are_refused():
    X = np.arange(6.0).reshape(3, 2)
    with pytest.raises(ValueError, match=r"shape \(3,\) for X of shape \(3, 2\); got shape \(3, 2"):
        as_score_model(log_density=lambda X: -X).score(X)
    with pytest.raises(ValueError, match=r"NaN or \+infinity at rows 1, 2"):
        as_score_model(log_density=lambda X: np.sqrt(1 - X[:, 0])).score(X)
    with pytest.raises(OutOfSupportError, match=r"at row 0: where its log density is -infinity"):
        as_score_model(lambda X: -X, log_density=lambda X: np.log(X[:, 0])).score(X)
    with pytest.raises(ValueError, match=r"NaN or infinite at row 0.*pass support="):
        as_score_model(log_density=lambda X: np.log(X[:, 0])).score([[1e-6, 0.0], [1.0, 1.0]])


def test_rows_without_density_are_refused():
    with pytest.raises(OutOfSupportError, match="rows 1, 3: outside its support"):
        as_score_model(stats.expon()).score([[0.0], [-1.0], [2.0], [-3.0]])
    with pytest.raises(OutOfSupportError, match="row 1: where its log density is -infinity"):
        as_score_model(stats.gamma(2.0)).score([[1.0], [0.0]])


def test_numbers_of_columns_must_agree():
    with pytest.raises(ValueError, match=r"norm\(\) is a model of 1 column, got X of shape \(1, 2"):
        as_score_model(stats.norm()).score([[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"3 columns, got X of shape \(1, 2"):
        as_score_model(stats.multivariate_normal(np.zeros(3))).log_density([[0.0, 0.0]])
    with pytest.raises(ValueError, match=r"sample of .* must give shape \(4, 2\), got \(5, 2\)"):
        ScoreModel(gaussian_score, sample=lambda n, rng: np.zeros((5, 2)), n_features=2).sample(4)
    with pytest.raises(ValueError, match="NaN"):
        as_score_model(stats.norm()).score([[np.nan]])


@pytest.mark.parametrize("support", [5, (1, 0), (0, 0), (0, np.nan), ("a", "b"), (0, 1, 2),
                                     ([0, 0], [1, 1, 1]), ([[0]], [[1]])])
def test_bad_supports_are_refused(support):
    with pytest.raises(ValueError, match=r"support must be \(lower, upper\)"):
        as_score_model(lambda X: -X, support=support)


def test_support_of_another_width_is_refused():
    with pytest.raises(ValueError, match="each of the 3 columns of the model, got 2"):
        as_score_model(stats.multivariate_normal(np.zeros(3)), support=([0, 0], [1, 1]))


class WithLogProb:
    def log_prob(self, X):
        return X


@pytest.mark.parametrize(
    ("model", "message"),
    [(3, "model must be a function for the score.*got 3"), ("norm", "got 'norm'"),
     (None, "got None"), (np.zeros((500, 2)), r"got array\("),
     (WithLogProb(), "Its log_prob can be used as log_density=.*from_torch"),
     (GaussianMixture, "got the class GaussianMixture itself"),
     (stats.norm, r"no parameters yet: freeze it, as in scipy.stats.norm\("),
     (stats.poisson, "no parameters yet"), (stats.poisson(3), "poisson is discrete"),
     (stats.dirichlet([1, 2, 3]), "Its logpdf can be used"),
     (stats.rv_histogram(np.histogram([1, 2, 3]))(), "density of a histogram jumps"),
     (KMeans(), "KMeans.score is not the gradient"),
     (OLS([1.0, 2.0, 4.0], [[1.0], [1.0], [1.0]]), "Test its standardised residuals"),
     (OLS([1.0, 2.0, 4.0], [[1.0], [1.0], [1.0]]).fit(), "Test its standardised residuals")],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)  # fmt: skip
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(TypeError, match=message):
        as_score_model(model)


def test_log_density_must_be_a_function_and_have_no_rival():
    with pytest.raises(TypeError, match="log_density must be a function, got 3"):
        as_score_model(log_density=3)
    with pytest.raises(ValueError, match="has its own log density"):
        as_score_model(stats.norm(), log_density=gaussian)


@pytest.mark.parametrize("model", [GaussianMixture(), BayesianGaussianMixture(), KernelDensity(),
                                   KDEUnivariate([1.0, 2.0])])
def test_unfitted_estimators_are_refused(model):
    with pytest.raises(NotFittedError, match="is not fitted, so it has no density yet; call fit"):
        as_score_model(model)


@pytest.mark.parametrize("kernel", ["tophat", "epanechnikov", "linear", "cosine"])
def test_kernels_with_an_edge_are_refused(kernel):
    with pytest.raises(ValueError, match="cannot be tested: its density ends or jumps"):
        as_score_model(KernelDensity(kernel=kernel).fit([[1.0], [2.0]]))


def test_other_settings_without_a_score_are_refused(rng):
    with pytest.raises(ValueError, match="metric='euclidean'"):
        as_score_model(KernelDensity(metric="manhattan").fit([[1.0], [2.0]]))
    box = KDEUnivariate(rng.standard_normal(20))
    box.fit(kernel="epa", fft=False)
    with pytest.raises(ValueError, match="Gaussian kernel and without weights"):
        as_score_model(box)
    mixed = kde_of_columns(rng.integers(0, 3, (20, 2)), "cu", [1.0, 0.1])
    with pytest.raises(ValueError, match="continuous columns only"):
        as_score_model(mixed)


def test_distributions_without_density_are_refused():
    with pytest.raises(ValueError, match="covariance is singular"):
        as_score_model(stats.multivariate_normal(np.zeros(2), np.ones((2, 2)), allow_singular=True))
    with pytest.raises(ValueError, match="out of range"):
        as_score_model(stats.norm(0, -1))
    with pytest.raises(ValueError, match=r"one entry per column; got shape \(2, 2\)"):
        as_score_model(stats.norm(np.zeros((2, 2))))


# ------------------------------------------------------------ torch and jax
@pytest.mark.parametrize(("adapter", "package"), [(from_torch, "torch"), (from_jax, "jax")])
def test_missing_packages_are_named(adapter, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"needs {package}, which is not installed: pip install"):
        adapter(gaussian)


class Tensor(np.ndarray):
    """An array that looks like a tensor of torch."""

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


def fake_torch():
    """As much of torch as the adapter touches; the gradient is that of `gaussian`."""

    def tensor(X, dtype, requires_grad=False):
        return X.astype(dtype).view(Tensor)

    autograd = SimpleNamespace(grad=lambda total, rows: (gaussian_score(rows),))
    return SimpleNamespace(tensor=tensor, float64=float, autograd=autograd,
                           no_grad=lambda: np.errstate())


def fake_jax(dtype):
    """As much of jax as the adapter touches; gradients are differences of the sum."""

    def grad(total):
        def gradient(X):
            each = [differences(lambda Z: np.array([total(Z)]), x[None]) for x in X]
            return np.concatenate(each)

        return gradient

    return SimpleNamespace(grad=grad, numpy=SimpleNamespace(asarray=lambda X: X.astype(dtype)))


@pytest.mark.parametrize(("adapter", "package", "module"), [
    (from_torch, "torch", fake_torch()), (from_jax, "jax", fake_jax(float))])
def test_adapters_hand_over_rows_and_gradients(adapter, package, module, monkeypatch, rng):
    """With a stand-in for the package, which is not a dependency of the tests."""
    monkeypatch.setitem(sys.modules, package, module)
    X = rng.standard_normal((20, 3))
    model = adapter(gaussian, support=(-10, 10))
    assert model.name == "gaussian"
    assert model.bounded
    assert_allclose(model.score(X), gaussian_score(X), atol=1e-7)
    assert_allclose(model.log_density(X), gaussian(X))
    assert type(model.score(X)) is type(model.log_density(X)) is np.ndarray
    assert check_score(model, X) <= 1e-4
    assert adapter(gaussian, name="mine").name == "mine"
    with pytest.raises(TypeError, match="log_density must be a function"):
        adapter(3)


def test_jax_in_single_precision_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", fake_jax(np.float32))
    with pytest.raises(ValueError, match="jax_enable_x64"):
        from_jax(gaussian).score(np.zeros((2, 3)))
