"""CompositeSteinTest: families, nulls, what is fitted anew, refusals."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import KernelDensity

from divest import KernelSteinTest, TrustWarning
from divest.goodness_of_fit import (
    ScoreModel,
    SupportBoundaryError,
    _refits,
    as_score_model,
    check_score,
    composite,
)
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.kernels import imq, rbf
from divest.sample_complexity import kl_threshold

LOCATION_SCALE = ("norm", "laplace", "logistic", "cauchy", "gumbel_l", "gumbel_r", "hypsecant")
GAMMA = (stats.gamma, {"floc": 0})


class NormalScores:
    """A family of one's own: normal laws with unit variance, of which the mean is estimated."""

    fits = 0

    def fit(self, X):
        self.fits += 1  # of a copy
        mean = X.mean(axis=0)
        return ScoreModel(lambda Z: mean - Z, lambda Z: -0.5 * ((Z - mean)**2).sum(axis=1),
                          sample=lambda n, rng: mean + rng.normal(size=(n, len(mean))))


class FailingFamily(NormalScores):
    """One that cannot be fitted where the first row is the largest of `several`."""

    def __init__(self, several, error=KeyError):
        self.several, self.error = several, error

    def fit(self, X):
        if X[:self.several, 0].argmax() == 0:
            raise self.error("no fit")
        return super().fit(X)


def standardized(X, family=stats.norm, **options):
    options = {"n_resamples": 19, "random_state": 0, **options}
    return CompositeSteinTest(family, null="standardize", **options).fit(X)


def parametric(X, family=stats.norm, **options):
    options = {"n_resamples": 19, "random_state": 0, "bandwidth": "median", **options}
    return CompositeSteinTest(family, **options).fit(X)


@pytest.fixture
def x():
    return np.random.default_rng(5).gumbel(size=(40, 1))


@pytest.fixture
def rows():
    return np.random.default_rng(6).normal(size=(60, 3)) @ [[1, 0.5, 0], [0, 2, 0], [0, 1, 0.1]]


# ------------------------------------------------------------------------------ the statistic
def test_value_of_the_reference():
    """100 U of standardised quantiles of t3 at fractional parts of multiples of sqrt(2)."""
    uniform = (np.arange(1, 101) + 0.5) * np.sqrt(2) % 1.0
    X = stats.t.ppf(uniform, 3)[:, None]
    assert_allclose(standardized(X, bandwidth="median").statistic_, 1.29568921462, rtol=1e-10)


def test_parametric_statistic_is_that_of_the_fitted_model(x):
    test = parametric(x)
    with pytest.warns(TrustWarning, match="fitted_model"):  # the naive use
        naive = KernelSteinTest(stats.norm(*stats.norm.fit(x)), bandwidth="median").fit(x)
    assert_allclose(test.statistic_, naive.statistic_, rtol=1e-9)
    assert_allclose(test.influence_, naive.influence_, rtol=1e-9)
    assert_allclose(test.discrepancy_, naive.discrepancy_, rtol=1e-9)
    assert_allclose(test.witness([[0.0], [1.0]]), naive.witness([[0.0], [1.0]]), rtol=1e-8)
    assert test.diagnostics_["passed"].all()
    assert "fitted_model" not in set(test.diagnostics_["name"])
    assert not hasattr(test, "discrepancy_interval")
    assert not hasattr(test, "power_curve")


def test_standardized_rows_are_those_of_a_preconditioned_test(rows):
    test = standardized(rows, stats.multivariate_normal, bandwidth="median")
    covariance = np.cov(rows.T, bias=True)
    assert_allclose(test.fitted_.cov, covariance)
    with pytest.warns(TrustWarning, match="fitted_model"):
        naive = KernelSteinTest(test.fitted_, preconditioner=np.linalg.inv(covariance),
                                bandwidth="median").fit(rows)
    assert_allclose(test.statistic_, naive.statistic_, rtol=1e-9)
    assert_allclose(test.witness(rows[:4]), naive.witness(rows[:4]), rtol=1e-7)
    with pytest.raises(ValueError, match="mix the columns"):
        test.dimension_shares()


@pytest.mark.parametrize("name", LOCATION_SCALE)
def test_standardized_test_does_not_see_location_and_scale(name, x):
    one = standardized(x, getattr(stats, name))
    for location, scale in ((-7.0, 3.0), (5.0, 0.01)):
        other = standardized(location + scale * x, getattr(stats, name))
        assert other.pvalue_ == one.pvalue_
        assert_allclose(other.statistic_, one.statistic_, rtol=1e-12)
        assert_allclose(other.bandwidths_["statistic"], one.bandwidths_["statistic"], rtol=1e-8)
        assert_allclose(other.bandwidth_, one.bandwidth_, rtol=1e-8)


def test_whitened_test_does_not_see_affine_maps(rows):
    one = standardized(rows, stats.multivariate_normal)
    moved = rows @ np.array([[2.0, -1, 0], [0.3, 1, 5], [0, 0.2, 1]]) + [1.0, -50, 3]
    other = standardized(moved, stats.multivariate_normal)
    assert other.pvalue_ == one.pvalue_
    assert_allclose(other.bandwidths_["statistic"], one.bandwidths_["statistic"], rtol=1e-9)


@pytest.mark.parametrize("name", LOCATION_SCALE)
def test_scores_of_location_scale_families(name, x):
    assert check_score(getattr(stats, name)(0.3, 2.0), x) < 1e-6


@pytest.mark.parametrize("options", [
    {"kernel": rbf(bandwidth=0.7), "statistic": "v"}, {"bandwidth": 0.7}], ids=str)
@pytest.mark.parametrize("fit", [standardized, parametric])
def test_one_bandwidth_for_all_samples(fit, options, x):
    test = fit(x, **({"bandwidth": "auto"} | options))
    assert len(test.null_distribution_) == 19
    assert test.bandwidth_ == pytest.approx(0.7)
    assert list(test.bandwidths_["statistic"]) == [test.statistic_]
    wanted = test.discrepancy_**2 if test.statistic == "v" else test.influence_.mean()
    assert test.statistic_ == pytest.approx(40 * wanted)


@pytest.mark.parametrize("fit", [standardized, parametric])
def test_five_bandwidths(fit, x):
    test = fit(x, bandwidth="auto", n_resamples=49)
    table = test.bandwidths_
    assert_allclose(table["factor"], [0.125, 0.25, 0.5, 1, 2])
    best = (table["pvalue"] / table["weight"]).argmin()
    assert test.bandwidth_ == table["bandwidth"][best]
    assert test.statistic_ == pytest.approx(-np.log(table["pvalue"] / table["weight"])[best])
    assert 40 * test.influence_.mean() == pytest.approx(table["statistic"][best])


# ------------------------------------------------------------------------------ families
@pytest.mark.parametrize("family", [
    GaussianMixture(2),
    BayesianGaussianMixture(n_components=2, max_iter=500),
    KernelDensity(bandwidth="scott"), stats.multivariate_normal, NormalScores(),
], ids=lambda f: type(f).__name__)
@pytest.mark.parametrize("null", ["parametric", "wild"])
def test_families_of_several_columns(family, null, rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # wild_null
        test = CompositeSteinTest(family, null=null, n_resamples=19, random_state=1).fit(rows)
    assert 0 < test.pvalue_ <= 1
    assert test.null_distribution_.shape == (19,)
    assert_allclose(test.model_.score(rows), as_score_model(test.fitted_).score(rows))
    assert type(family).__name__.split("_gen")[0] in test.result_.null
    assert test.dimension_shares()["statistic"].sum() == pytest.approx(test.influence_.mean())


def test_family_is_left_as_it_is(rows):
    family, mixture = NormalScores(), GaussianMixture(2)
    parametric(rows, family)
    parametric(rows, mixture)
    assert family.fits == 0
    assert not hasattr(mixture, "means_")
    assert mixture.random_state is None


def test_a_class_whose_fit_needs_no_instance(rows):
    class Static:
        fit = staticmethod(NormalScores().fit)

    assert parametric(rows, Static).pvalue_ == parametric(rows, NormalScores()).pvalue_


def test_estimators_keep_a_random_state_of_their_own(rows):
    given = GaussianMixture(3, init_params="random_from_data", random_state=7)
    assert_array_equal(parametric(rows, given).fitted_.means_, given.fit(rows).means_)


def test_fixed_parameters():
    X = stats.gamma(3.0, scale=2.0).rvs(size=(80, 1), random_state=1)
    test = parametric(X, GAMMA)
    assert_allclose(test.fitted_.args, stats.gamma.fit(X, floc=0))
    assert_array_equal(test.model_.support[0], [0.0])
    assert test.pvalue_ > 0.05


# ------------------------------------------------------------------------------ draws
@pytest.mark.parametrize(("family", "options"), [
    (stats.norm, {}), (stats.norm, {"null": "standardize"}),
    (GaussianMixture(2, init_params="random"), {}), (FailingFamily(40), {})])
def test_same_result_for_any_number_of_threads(family, options, x):
    def fit(n_jobs):
        composite_test = CompositeSteinTest(family, n_resamples=19, random_state=3, n_jobs=n_jobs,
                                            **options)
        _refits._remembered.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrustWarning)  # refit_failures
            return composite_test.fit(x)

    one, two = fit(1), fit(2)
    assert_array_equal(one.null_distribution_, two.null_distribution_)
    assert one.pvalue_ == two.pvalue_
    assert one.n_refit_failures_ == two.n_refit_failures_


def test_draws_are_fitted_anew(x):
    """Draws at the fitted parameters alone would be further from their model."""
    refitted = parametric(x, n_resamples=99).null_distribution_
    known = KernelSteinTest(stats.norm(x.mean(), x.std()), bandwidth="median", null="parametric",
                            n_resamples=99, random_state=0)
    with pytest.warns(TrustWarning, match="fitted_model"):
        known.fit(x)
    assert np.std(refitted) < 0.7 * np.std(known.null_distribution_)


def test_standardized_null_is_computed_once(x, monkeypatch):
    _refits._remembered.clear()
    calls, table = [], _refits.Draws.table
    monkeypatch.setattr(_refits.Draws, "table",
                        lambda self, *args, **kw: calls.append(1) or table(self, *args, **kw))
    first = standardized(x)
    first.null_distribution_[:] = 0  # of this result alone
    assert standardized(2 * x).null_distribution_.any()
    assert len(calls) == 1
    for options in ({"random_state": 1}, {"bandwidth": "median"}, {"kernel": "rbf"},
                    {"statistic": "v"}, {"n_resamples": 9}, {"family": stats.laplace}):
        standardized(x, **options)
    standardized(x[1:])
    assert len(calls) == 8
    for _ in range(2):
        standardized(x, random_state=None)
    parametric(x)
    parametric(x)
    assert len(calls) == 12
    assert len(_refits._remembered) == 8


def test_memory_of_nulls_is_bounded(monkeypatch):
    monkeypatch.setattr(_refits, "REMEMBERED", 3)
    monkeypatch.setattr(_refits, "_remembered", {})
    for key in range(9):
        assert _refits.remember(key, lambda key=key: np.array([key])) == key
    assert sorted(_refits._remembered) == [6, 7, 8]


def test_fits_that_fail_are_counted(x):
    """Of samples of 40 rows, one in 40 has the largest at the top."""
    with pytest.warns(TrustWarning, match="refit_failures"):
        test = parametric(x, FailingFamily(40), n_resamples=199)
    assert 1 < test.n_refit_failures_ < 11
    assert len(test.null_distribution_) == 199
    assert np.isfinite(test.null_distribution_).all()
    row = test.diagnostics_.set_index("name").loc["refit_failures"]
    assert row["value"] == test.n_refit_failures_ / (199 + test.n_refit_failures_)
    assert parametric(x).n_refit_failures_ == 0


@pytest.mark.parametrize("error", [ValueError, RuntimeError, np.linalg.LinAlgError, KeyError])
def test_too_many_failures(error, x):
    with pytest.raises(ValueError, match="could not be fitted, more than 5%"):
        parametric(x, FailingFamily(3, error), n_resamples=49)


def test_failure_of_all(x):
    class Once(FailingFamily):
        def fit(self, X):
            if not np.array_equal(X, x):
                raise ValueError("never again")
            return NormalScores().fit(X)

    with pytest.raises(ValueError, match="in a row could not be fitted; the last: never again"):
        parametric(x, Once(1))


def test_failure_of_the_data_is_shown(x):
    with pytest.raises(KeyError, match="no fit"):
        parametric(np.sort(x, axis=0)[::-1], FailingFamily(2))


def test_wild_signs_are_called_conservative(x):
    with pytest.warns(TrustWarning, match="wild_null.*conservative"):
        test = parametric(x, null="wild", n_resamples=199)
    assert test.n_refit_failures_ == 0
    assert test.pvalue_ > standardized(x, bandwidth="median", n_resamples=199).pvalue_


# ------------------------------------------------------------------------------ edges
def test_edges():
    X = np.random.default_rng(3).exponential(2.0, size=(60, 1))
    family = (stats.expon, {"floc": 0})
    assert len(parametric(X, family)._points.array) == 3  # with weights
    smooth = stats.gamma(4.0).rvs(size=(60, 1), random_state=0)
    assert len(parametric(smooth, GAMMA)._points.array) == 2
    assert len(parametric(smooth, GAMMA, boundary="tilt")._points.array) == 3
    assert len(parametric(X, family, boundary="ignore")._points.array) == 2
    with pytest.raises(SupportBoundaryError):
        parametric(X, family, boundary="refuse")
    with pytest.raises(ValueError, match="needs a support with an edge"):
        parametric(X, stats.norm, boundary="tilt")
    with pytest.warns(TrustWarning, match="boundary"):
        CompositeSteinTest(family, null="wild", boundary="ignore", random_state=0).fit(X)


def test_support_of_a_family_that_does_not_know_it():
    class Exponential:
        def fit(self, X):
            rate = 1 / X.mean()
            return SimpleNamespace(score=lambda Z: np.full_like(Z, -rate),
                                   sample=lambda n, rng: rng.exponential(1 / rate, (n, 1)))

    X = np.random.default_rng(3).exponential(2.0, size=(60, 1))
    own = parametric(X, Exponential(), support=(0, np.inf), n_resamples=5)
    known = parametric(X, (stats.expon, {"floc": 0}), n_resamples=5)
    assert own.statistic_ == pytest.approx(known.statistic_, rel=1e-9)
    with pytest.warns(TrustWarning, match="support_unknown"):
        CompositeSteinTest(Exponential(), null="wild", random_state=0).fit(X)


# ------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(("family", "error", "message"), [
    (None, ValueError, "family is None"), ("norm", TypeError, "family must be .*got 'norm'"),
    (stats.norm(), TypeError, "already has parameters: test it with KernelSteinTest"),
    (stats.multivariate_normal([0.0, 1.0]), TypeError, "already has parameters"),
    (stats.gaussian_kde([1.0, 2.0, 4.0]), TypeError, "already has parameters"),
    (GaussianMixture(1).fit(np.eye(4)), TypeError, "already has parameters"),
    (lambda X: -X, TypeError, "already has parameters"),
    (GaussianMixture, TypeError, "class GaussianMixture; pass an instance"),
    (stats.poisson, TypeError, "family must be"), ((stats.gamma, 3), TypeError, "family must be"),
    (KMeans(2), TypeError, "KMeans.score is not the gradient"),
    ((stats.norm, {"fmean": 0}), TypeError, "fmean")])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_bad_families(family, error, message, x):
    with pytest.raises(error, match=message):
        parametric(x, family)


@pytest.mark.parametrize(("options", "message"), [
    ({"null": "efron"}, "null must be one"), ({"boundary": "project"}, "boundary must be one"),
    ({"statistic": "w"}, "statistic"), ({"bandwidth": "scott"}, "bandwidth"),
    ({"n_resamples": 0}, "n_resamples"), ({"null": "standardize", "support": (0, 1)}, "support"),
    ({"null": "standardize", "family": stats.gamma}, "norm, laplace, .*got gamma"),
    ({"null": "standardize", "family": (stats.norm, {"floc": 0})}, "got norm"),
    ({"null": "standardize", "family": GaussianMixture(2)}, "got GaussianMixture"),
    ({"kernel": imq(bandwidth=1.0), "bandwidth": 2.0}, "bandwidth already")])
def test_bad_parameters(options, message, x):
    with pytest.raises(ValueError, match=message):
        parametric(x, **options)


def test_bad_data(rows, monkeypatch):
    with pytest.raises(ValueError, match="norm is a family for one column, got X of shape"):
        parametric(rows)
    with pytest.raises(ValueError, match="minimum of 4"):
        parametric(rows[:3], stats.multivariate_normal)
    with pytest.raises(ValueError, match="5 columns needs at least 6 rows, got 5"):
        parametric(np.random.default_rng(0).normal(size=(5, 5)), stats.multivariate_normal)
    with pytest.raises(ValueError, match="singular"):
        parametric(rows[:, [0, 1, 1]], stats.multivariate_normal)
    family = SimpleNamespace(fit=lambda X: ScoreModel(lambda Z: -Z, name="no sampler"))
    with pytest.raises(ValueError, match="no sampler has none"):
        parametric(rows, family)
    monkeypatch.setattr(composite, "LARGEST", 50)
    with pytest.raises(ValueError, match="at most 50 rows, got 60"):
        parametric(rows, stats.multivariate_normal)


def test_preconditioner_makes_units_irrelevant(rng):
    X = rng.standard_t(4, size=(80, 2))
    for preconditioner in ("std", "covariance"):
        one, other = (CompositeSteinTest(
            stats.multivariate_normal, preconditioner=preconditioner, n_resamples=19,
            random_state=0).fit(rows) for rows in (X, X * [1.0, 1000.0]))
        np.testing.assert_allclose(one.null_distribution_, other.null_distribution_, rtol=1e-6)
        np.testing.assert_allclose(one.bandwidths_["statistic"], other.bandwidths_["statistic"])
    with pytest.raises(ValueError, match="no use for a preconditioner"):
        CompositeSteinTest(stats.norm, null="standardize", preconditioner="std").fit(X[:, :1])
    with pytest.raises(ValueError, match="preconditioner"):
        CompositeSteinTest(stats.multivariate_normal, preconditioner="pca").fit(X)


def test_column_of_few_values_is_doubted(rng):
    X = np.column_stack([rng.normal(size=100), rng.integers(0, 3, 100)])
    with pytest.warns(TrustWarning, match="distinct_values = 3 .column 1"):
        CompositeSteinTest(stats.multivariate_normal, n_resamples=19, random_state=0).fit(X)


@pytest.mark.parametrize(("family", "columns", "p"), [
    (stats.norm, 1, 2), (stats.gamma, 1, 3), ((stats.gamma, {"floc": -9}), 1, 2),
    (stats.multivariate_normal, 3, 9),
    (GaussianMixture(2, covariance_type="diag", random_state=0), 2, 9),
    (GaussianMixture(1, random_state=0), 3, 9),
])  # fmt: skip
def test_risk_of_the_fit_is_reported(rows, family, columns, p):
    test = CompositeSteinTest(family, null="wild", n_resamples=9, random_state=0, bandwidth=1.0)
    with pytest.warns(TrustWarning, match="wild_null"):
        found = test.fit(rows[:, :columns]).diagnostics_.set_index("name").loc["fit_risk"]
    assert found["value"] == p / (2 * len(rows))
    assert found["threshold"] == kl_threshold(0.05)
    assert found["passed"]  # the p-value allows for it


def test_parameters_that_cannot_be_counted_have_no_risk(rows):
    family = BayesianGaussianMixture(n_components=2, random_state=0)
    with pytest.warns(TrustWarning, match="wild_null"):
        test = CompositeSteinTest(family, null="wild", n_resamples=9, random_state=0,
                                  bandwidth=1.0).fit(rows)
    assert "fit_risk" not in set(test.diagnostics_["name"])
