"""Laws of moment estimators: what must not change the answer, or changes it in a known way."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest.moments import KernelMethodOfMoments

X = np.random.default_rng(0).laplace(size=(50, 1))  # fewer rows than landmarks: all are landmarks
PROFILES = ["cue", "et", "el", "kmm"]


def center(data, theta):
    away = data.X[:, 0] - theta[0]
    return np.column_stack([away, np.tanh(2 * away), np.sin(away)])


def fit(function=center, theta0=(0.2,), rows=X, weights=None, **chosen):
    chosen = {"random_state": 0, "n_starts": 1} | chosen
    model = KernelMethodOfMoments(function, theta0=list(theta0), **chosen)
    return model.fit(rows, sample_weight=weights)


@pytest.mark.parametrize("name", ["kmm", "vmm", "mmr", "fgel", "cue", "gmm", "el", "et"])
def test_order_of_the_rows_does_not_matter(name):
    order = np.random.default_rng(1).permutation(len(X))
    one, other = fit(estimator=name), fit(estimator=name, rows=X[order])
    np.testing.assert_allclose(one.params_, other.params_, atol=1e-7)
    np.testing.assert_allclose(one.cov_params_, other.cov_params_, rtol=1e-5)
    np.testing.assert_allclose(one.weights_[order], other.weights_, atol=1e-7)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("epsilon", [0.01, 1.0, 100.0])
def test_combinations_of_the_moments_leave_the_estimate(name, epsilon):
    mix = np.array([[2.0, 1.0, 0.0], [0.0, -3.0, 1.0], [0.5, 0.0, 0.1]])
    one = fit(estimator=name, epsilon=epsilon)
    other = fit(lambda data, theta: center(data, theta) @ mix, estimator=name, epsilon=epsilon)
    np.testing.assert_allclose(one.params_, other.params_, atol=1e-7)
    assert one.objective_ == pytest.approx(other.objective_, rel=1e-6)
    np.testing.assert_allclose(one.cov_params_, other.cov_params_, rtol=1e-4)
    assert one.j_test().pvalue == pytest.approx(other.j_test().pvalue, rel=1e-5)
    assert one.moment_test([0.1]).pvalue == pytest.approx(other.moment_test([0.1]).pvalue, rel=1e-6)


def spread(data, theta):
    """Centre and spread, from four moments."""
    away = (data.X[:, 0] - theta[0]) / np.exp(theta[1])
    return np.column_stack([away, np.tanh(2 * away), np.abs(away) - 1,
                            np.minimum(away**2, 9) - 1.7])


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # few rows for these moments
@pytest.mark.parametrize("name", PROFILES)
def test_other_parameters_of_the_same_model(name):
    M = np.array([[0.5, 0.2], [-0.1, 2.0]])
    one = fit(spread, [0.0, 0.0], estimator=name)
    there = np.linalg.inv(M)
    other = fit(lambda data, theta: spread(data, there @ theta), [0.0, 0.0], estimator=name)
    np.testing.assert_allclose(M @ one.params_, other.params_, atol=1e-6)
    np.testing.assert_allclose(M @ one._inference.robust @ M.T, other._inference.robust, rtol=1e-4)
    assert one.objective_ == pytest.approx(other.objective_, rel=1e-6)


@pytest.mark.parametrize("name", ["gmm", "cue", "el", "et"])
def test_repeated_row_is_a_row_of_weight_two(name):
    counts = np.ones(len(X))
    counts[[3, 17]] = 2
    repeated = fit(estimator=name, rows=np.repeat(X, counts.astype(int), axis=0))
    weighted = fit(estimator=name, weights=counts)
    np.testing.assert_allclose(weighted.params_, repeated.params_, atol=1e-7)
    assert weighted.objective_ == pytest.approx(repeated.objective_, rel=1e-6)
    assert abs(weighted.params_.iloc[0] - fit(estimator=name).params_.iloc[0]) > 1e-4


@pytest.mark.parametrize("name", ["kmm", "gmm", "el"])
def test_rows_without_weight_are_no_rows(name):
    weights = np.ones(len(X) + 2)
    weights[[5, 40]] = 0
    more = np.insert(X, [5, 39], 1e3, axis=0)
    np.testing.assert_array_equal(np.flatnonzero(more[:, 0] == 1e3), [5, 40])
    with_them, without = fit(estimator=name, rows=more, weights=weights), fit(estimator=name)
    np.testing.assert_allclose(with_them.params_, without.params_, atol=1e-10)
    np.testing.assert_allclose(with_them.cov_params_, without.cov_params_, rtol=1e-8)
    assert len(with_them.weights_) == len(more)
    assert (with_them.weights_[[5, 40]] == 0).all()


@pytest.mark.parametrize("scale", [1e-3, 10.0, 1e6])
def test_size_of_the_weights_does_not_matter(scale):
    weights = np.random.default_rng(2).uniform(0.5, 2, len(X))
    one, other = fit(weights=weights), fit(weights=scale * weights)
    np.testing.assert_allclose(one.params_, other.params_, rtol=1e-10)


@settings(max_examples=25)
@given(st.floats(-50, 50), st.floats(0.05, 20))
def test_moving_and_stretching_the_rows(shift, stretch):
    """Moments of one column that stretch with it."""
    def moments(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, away * np.abs(away)])

    one = fit(moments, [0.0], estimator="et")
    other = fit(moments, [shift], rows=shift + stretch * X, estimator="et")
    expected = shift + stretch * one.params_.iloc[0]
    assert other.params_.iloc[0] == pytest.approx(expected, abs=1e-6 * stretch)


def test_large_epsilon_is_exponential_tilting():
    np.testing.assert_allclose(fit(epsilon=1e4).params_, fit(estimator="et").params_, atol=1e-6)


def test_without_the_data_kernel_chi2_is_continuous_updating():
    one, other = fit(estimator="fgel", divergence="chi2"), fit(estimator="cue")
    np.testing.assert_allclose(one.params_, other.params_, atol=1e-12)
    assert one.objective_ == pytest.approx(other.objective_, rel=1e-12)


@pytest.mark.parametrize("name", ["kmm", "vmm", "mmr", "fgel", "cue", "gmm", "el", "et"])
def test_as_many_moments_as_parameters(name):
    model = fit(lambda data, theta: data.X[:, 0] - theta[0], estimator=name)
    assert model.params_.iloc[0] == pytest.approx(X.mean(), abs=1e-8)
    assert model.objective_ == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(model.j_test().pvalue)
    assert "nothing is left" in model.j_test().method
    assert model.result_.standard_error[0] == pytest.approx(X.std() / np.sqrt(len(X)), rel=1e-4)


# ------------------------------------------------------------ scikit-learn
def regression(data, theta):
    return data.y - theta[0] - theta[1] * data.X[:, 0]


def simulated(n=120):
    rng = np.random.default_rng(7)
    Z = rng.normal(size=(n, 1))
    v = rng.normal(size=n)
    x = Z[:, 0] + 0.5 * v
    return x[:, None], 1 + 2 * x + v, Z


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_clone_and_pickle():
    data = simulated()
    model = KernelMethodOfMoments(regression, theta0=pd.Series({"a": 0.0, "b": 0.0}),
                                  n_components=8, random_state=0)
    fitted = clone(model).fit(*data)
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_series_equal(again.params_, fitted.params_)
    assert list(fitted.params_.index) == ["a", "b"]
    assert again.score(*data) == fitted.score(*data)
    assert again.moment_test([1, 2]).pvalue == fitted.moment_test([1, 2]).pvalue
    pd.testing.assert_series_equal(clone(fitted).fit(*data).params_, fitted.params_)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.skipif(Version(sklearn.__version__) < Version("1.7"),
                    reason="a Pipeline in a search does not route what score asks for")
def test_instruments_travel_through_a_pipeline_and_a_grid():
    x, y, Z = simulated()
    with config_context(enable_metadata_routing=True):
        model = KernelMethodOfMoments(regression, theta0=[0.0, 0.0], n_components=8,
                                      selection=None, random_state=0)
        model.set_fit_request(Z=True).set_score_request(Z=True)
        pipeline = make_pipeline(StandardScaler(), model)
        search = GridSearchCV(pipeline, {"kernelmethodofmoments__reg": [1e-3, 1e-1]}, cv=3,
                              error_score="raise").fit(x, y, Z=Z)
        scores = cross_val_score(model, x, y, cv=3, params={"Z": Z}, error_score="raise")
    assert len(search.cv_results_["mean_test_score"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    alone = clone(model).set_params(reg=search.best_params_["kernelmethodofmoments__reg"])
    alone.fit(StandardScaler().fit_transform(x), y, Z)
    np.testing.assert_allclose(search.best_estimator_[-1].params_, alone.params_)
    train, test = np.arange(40, 120), np.arange(40)
    by_hand = clone(model).fit(x[train], y[train], Z[train]).score(x[test], y[test], Z[test])
    assert scores[0] == pytest.approx(by_hand)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_frames_and_lists_are_as_good_as_arrays():
    x, y, Z = simulated()
    model = KernelMethodOfMoments(regression, theta0=[0.0, 0.0], instruments="linear",
                                  estimator="gmm", random_state=0)
    Z = np.column_stack([np.ones(len(Z)), Z])
    plain = clone(model).fit(x, y, Z)
    framed = clone(model).fit(pd.DataFrame({"x": x[:, 0]}), pd.Series(y), pd.DataFrame(Z).rename(
        columns=str))
    listed = clone(model).fit(x.tolist(), y.tolist(), Z.tolist())
    np.testing.assert_array_equal(plain.params_, framed.params_)
    np.testing.assert_array_equal(plain.params_, listed.params_)
    column = clone(model).fit(x, y[:, None], Z)
    np.testing.assert_array_equal(plain.params_, column.params_)
    assert list(framed.feature_names_in_) == ["x"]
