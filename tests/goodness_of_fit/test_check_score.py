"""check_score, and what as_score_model refuses."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from model_cases import differences, gaussian, gaussian_score, kde_of_columns
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity
from statsmodels.api import OLS
from statsmodels.nonparametric.kde import KDEUnivariate

from divest.goodness_of_fit import (
    OutOfSupportError,
    ScoreModel,
    as_score_model,
    check_score,
    from_jax,
    from_torch,
)


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
