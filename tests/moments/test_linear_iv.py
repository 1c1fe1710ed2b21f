"""Linear regression with instruments: identities with linearmodels, laws, bad input."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from linear_iv_cases import fitted
from sklearn.linear_model import LinearRegression

from divest import TrustWarning
from divest.moments.linear_iv import LinearIVRegressor

METHODS = ["2sls", "liml", "gmm", "cue", "el", "et", "kmm"]

PROFILED = ["cue", "el", "et", "kmm"]


def peer(method, data, weights=None, **settings):
    models = pytest.importorskip("linearmodels.iv")
    exogenous = np.c_[np.ones(len(data["y"])), data["W"]]
    name = {"2sls": "IV2SLS", "liml": "IVLIML", "gmm": "IVGMM", "cue": "IVGMMCUE"}[method]
    return getattr(models, name)(data["y"], exogenous, data["E"], data["Z"], weights=weights,
                                 **settings)


def errors_apart(found, wanted):
    """Largest difference of two covariance matrices, in standard errors."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    errors = np.sqrt(np.diag(wanted))
    return np.abs((found - wanted) / np.outer(errors, errors)).max()


COVARIANCES = {
    "robust": {"cov_type": "robust"},
    "unadjusted": {"cov_type": "unadjusted"},
    "cluster": {"cov_type": "clustered"},
    "hac": {"cov_type": "kernel", "kernel": "bartlett", "bandwidth": 5},
}


@pytest.mark.parametrize("cov_type", COVARIANCES)
@pytest.mark.parametrize("method", ["2sls", "liml", "gmm"])
def test_closed_forms_are_those_of_linearmodels(data, method, cov_type):
    settings, groups = dict(COVARIANCES[cov_type]), {}
    if cov_type == "cluster":
        settings["clusters"], groups = data["groups"], {"groups": data["groups"]}
    wanted = peer(method, data).fit(**settings)
    found = fitted(method, data, cov_type=cov_type, max_lags=5, **groups)
    np.testing.assert_allclose(found.params_, wanted.params, rtol=1e-8)
    if (method, cov_type) != ("gmm", "unadjusted"):  # linearmodels takes the residuals' mean away
        assert errors_apart(found.cov_params_, wanted.cov) < 1e-8


@pytest.mark.parametrize("cov_type", COVARIANCES)
@pytest.mark.parametrize("method", ["2sls", "liml"])
def test_weighted_closed_forms_are_those_of_linearmodels(data, method, cov_type):
    settings, groups = dict(COVARIANCES[cov_type]), {}
    if cov_type == "cluster":
        settings["clusters"], groups = data["groups"], {"groups": data["groups"]}
    wanted = peer(method, data, data["weights"]).fit(**settings)
    found = fitted(method, data, cov_type=cov_type, max_lags=5, sample_weight=data["weights"],
                   **groups)
    np.testing.assert_allclose(found.params_, wanted.params, rtol=1e-8)
    assert errors_apart(found.cov_params_, wanted.cov) < 1e-8


def test_continuously_updated_gmm_is_that_of_linearmodels(data):
    """Centred weights; the search of linearmodels is the less precise one."""
    wanted = peer("cue", data, center=True).fit(opt_options={"options": {"gtol": 1e-9}})
    found = fitted("cue", data, cov_type="robust", tol=1e-9)
    np.testing.assert_allclose(found.params_, wanted.params, rtol=1e-6, atol=1e-6)
    assert errors_apart(found.cov_params_, wanted.cov) < 0.02  # its scores are not centred


def test_tests_are_those_of_linearmodels(data):
    model = fitted("2sls", data, cov_type="unadjusted")
    pytest.importorskip("linearmodels")
    classical = model.to_linearmodels()
    assert model.j_test().statistic == pytest.approx(classical.sargan.stat, rel=1e-8)
    assert model.j_test().pvalue == pytest.approx(classical.sargan.pval, rel=1e-8)
    restriction = np.eye(5)[3:]
    found = model.wald_test(restriction, [1, -2])
    wanted = classical.wald_test(restriction, [1, -2])
    assert tuple(found) == pytest.approx((wanted.stat, wanted.pval), rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_the_way_to_linearmodels(data, method):
    pytest.importorskip("linearmodels")
    model = fitted(method, data)
    same = model.to_linearmodels()
    expected = fitted("2sls", data) if method in ("el", "et", "kmm") else model
    np.testing.assert_allclose(same.params[list(model.params_.index)], expected.params_, rtol=1e-5)


def test_the_way_to_linearmodels_keeps_errors_and_drops_copies(data):
    pytest.importorskip("linearmodels")
    twice = data | {"I": np.c_[data["I"], data["Z"][:, 0] + data["W"][:, 0]]}
    with pytest.warns(TrustWarning, match="collinear"):
        model = fitted("2sls", twice, cov_type="cluster", groups=data["groups"])
    assert errors_apart(model.cov_params_, model.to_linearmodels().cov) < 1e-8
    hac = fitted("2sls", data, cov_type="hac")
    assert errors_apart(hac.cov_params_, hac.to_linearmodels().cov) < 1e-8


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # one regressor is left out
def test_first_stage(data):
    """Of one endogenous regressor ours is linearmodels', over the number of instruments."""
    pytest.importorskip("linearmodels")
    assert fitted("2sls", data).first_stage()["parameter"].tolist() == ["x2", "x3"]
    for cov_type in ("robust", "unadjusted"):
        model = LinearIVRegressor("2sls", cov_type=cov_type).fit(data["X"][:, :3], data["y"],
                                                                 data["I"])
        frame = model.first_stage()
        assert frame["parameter"].tolist() == ["x2"]
        assert list(frame)[1:] == ["r2", "partial_r2", "shea_r2", "statistic", "pvalue",
                                   "distribution"]
        scale = 4 if cov_type == "robust" else 1
        assert first_stage(model) == pytest.approx(frame["statistic"].min() / scale, rel=1e-8)


def first_stage(model):
    return model.diagnostics_.set_index("name").loc["first_stage_f", "value"]


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # of helping regressions
def test_first_stage_of_two_regressors_is_that_of_sanderson_and_windmeijer(data):
    """One less the other, by two-stage least squares, is regressed on the instruments."""
    E, found = data["E"], []
    exogenous = np.c_[np.ones(300), data["W"]]
    for j in (0, 1):
        two_stage = LinearIVRegressor("2sls").fit(np.c_[data["W"], E[:, 1 - j]], E[:, j],
                                                  data["I"])
        rest = E[:, j] - two_stage.predict(np.c_[data["W"], E[:, 1 - j]])
        short, long = (np.sum((rest - A @ np.linalg.lstsq(A, rest, rcond=None)[0])**2)
                       for A in (exogenous, np.c_[exogenous, data["Z"]]))
        found.append((short - long) / 3 / (long / 300))
    model = fitted("2sls", data, cov_type="unadjusted")
    assert first_stage(model) == pytest.approx(min(found), rel=1e-8)


def test_instruments_that_move_two_regressors_in_one_way_are_weak(rng):
    """Each by itself is well explained; nothing tells the two apart."""
    Z, v = rng.normal(size=(1000, 3)), rng.normal(size=(1000, 2))
    X = Z[:, :1] + v
    for columns, doubt in (([0], False), ([0, 1], True)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrustWarning)
            model = LinearIVRegressor("2sls").fit(X[:, columns], X.sum(axis=1) + v[:, 0], Z)
        assert (first_stage(model) < 10) == doubt


def test_a_weak_regressor_is_named(data):
    """One that was left out of Z by mistake shows as weak."""
    X = pd.DataFrame(data["X"], columns=["w0", "w1", "x0", "x1"])
    with pytest.warns(TrustWarning, match=r"first_stage_f.*'w1' is exogenous, put it in Z too"):
        LinearIVRegressor("2sls").fit(X, data["y"], np.c_[data["W"][:, 0], data["Z"]])


def test_first_stage_without_endogenous_regressors(data):
    pytest.importorskip("linearmodels")
    model = LinearIVRegressor("2sls").fit(data["X"], data["y"])
    assert "first_stage_f" not in model.diagnostics_["name"].tolist()
    with pytest.raises(ValueError, match="no regressor is endogenous"):
        model.first_stage()


def test_missing_packages_are_named(data, monkeypatch):
    model = fitted("2sls", data)
    monkeypatch.setitem(sys.modules, "linearmodels.iv", None)
    with pytest.raises(ImportError, match=r"divest\[iv\]"):
        model.to_linearmodels()
    monkeypatch.setitem(sys.modules, "formulaic", None)
    with pytest.raises(ImportError, match=r"divest\[iv\]"):
        LinearIVRegressor.from_formula("y ~ x", pd.DataFrame({"y": [1.0], "x": [1.0]}))


# ------------------------------------------------------------------------------------------ laws
@pytest.mark.parametrize("method", METHODS)
def test_without_instruments_every_method_is_least_squares(data, method):
    model = LinearIVRegressor(method).fit(data["X"], data["y"])
    plain = LinearRegression().fit(data["X"], data["y"])
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-9)
    assert model.intercept_ == pytest.approx(plain.intercept_, rel=1e-9)
    assert model.score(data["X"], data["y"]) == pytest.approx(plain.score(data["X"], data["y"]))
    assert np.isnan(model.j_test().pvalue)


@pytest.mark.parametrize("method", METHODS)
def test_units_and_combinations_of_instruments_do_not_matter(data, method, rng):
    """y, X and Z by invertible maps; the features of "kmm" see Z itself, so it moves a little."""
    tol = 1e-3 if method == "kmm" else 1e-6
    one = fitted(method, data, tol=1e-9)
    units, turn = np.array([1e4, 1e-3, 10, 1e-5]), rng.normal(size=(6, 6)) + 3 * np.eye(6)
    two = fitted(method, data | {"X": data["X"] * units, "y": 1e3 * data["y"],
                                 "I": data["I"] @ turn}, tol=1e-9)
    errors = one.result_.standard_error
    moved = (two.params_ * np.append(1, units) / 1e3 - one.params_) / errors
    assert np.abs(moved).max() < 10 * tol
    scaled = two.result_.standard_error * np.append(1, units) / 1e3
    np.testing.assert_allclose(scaled, errors, rtol=50 * tol)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_rows_does_not_matter(data, method, rng):
    order = rng.permutation(300)
    turned = {name: data[name][order] for name in ("X", "y", "I")}
    one, two = fitted(method, data, tol=1e-9), fitted(method, turned, tol=1e-9)
    tol = 1e-2 if method == "kmm" else 1e-6  # landmarks are drawn by row
    assert np.abs((one.params_ - two.params_) / one.result_.standard_error).max() < tol


@pytest.mark.parametrize("method", METHODS[:-1])
def test_a_row_of_weight_two_stands_twice_and_one_of_weight_zero_not_at_all(data, method):
    counts = np.resize([1, 2, 0, 1, 1], 300)
    one = fitted(method, data, sample_weight=counts, tol=1e-9)
    index = np.repeat(np.arange(300), counts)
    two = fitted(method, {name: data[name][index] for name in ("X", "y", "I")}, tol=1e-9)
    np.testing.assert_allclose(one.params_, two.params_, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", PROFILED)
def test_weights_satisfy_the_moments(data, method):
    model = fitted(method, data, tol=1e-9)
    left = data["y"] - model.predict(data["X"])
    moments = left[:, None] * np.c_[np.ones(300), data["I"]]
    size = np.abs(moments).mean(axis=0)
    assert model.weights_.sum() == pytest.approx(1, abs=1e-12)
    gap = np.abs(model.weights_ @ moments) / size
    assert (gap < 1e-8).all() if method != "cue" else gap.max() < 1e-8


def test_profile_methods_agree_to_first_order(data):
    models = [fitted(method, data) for method in PROFILED]
    errors = models[0].result_.standard_error
    for model in models[1:]:
        assert np.abs((model.params_ - models[0].params_) / errors).max() < 0.3
        assert model.cov_type_ == "nw"
        assert model.converged_
        assert not model.fallback_


def test_large_epsilon_is_exponential_tilting(data):
    kmm, tilting = fitted("kmm", data, epsilon=1e5, tol=1e-9), fitted("et", data, tol=1e-9)
    np.testing.assert_allclose(kmm.params_, tilting.params_, rtol=1e-5)


def test_exactly_identified_methods_agree(data):
    just = data | {"I": data["I"][:, :4]}
    models = [fitted(method, just) for method in METHODS]
    for model in models:
        np.testing.assert_allclose(model.params_, models[0].params_, rtol=1e-9)
        np.testing.assert_allclose(model.cov_params_, models[0].cov_params_, rtol=1e-7, atol=1e-12)
        assert np.isnan(model.j_test().statistic)
