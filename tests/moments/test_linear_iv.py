"""Linear regression with instruments: identities with linearmodels, laws, bad input."""

import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import set_config
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import ConvergenceWarning, TrustWarning
from divest.moments.linear_iv import LinearIVRegressor

METHODS = ["2sls", "liml", "gmm", "cue", "el", "et", "kmm"]
PROFILED = ["cue", "el", "et", "kmm"]


@pytest.fixture(scope="module")
def data():
    """Two exogenous and two endogenous regressors, four more instruments, unequal variances."""
    rng = np.random.default_rng(0)
    n = 300
    W, Z, v = rng.normal(size=(n, 2)) * [1, 30] + [0, 5], rng.normal(size=(n, 4)), rng.normal(
        size=(n, 2))
    E = Z @ rng.normal(size=(4, 2)) + W @ [[0.2, 0.1], [0.01, 0.02]] + v
    u = (v @ [0.7, 0.3] + rng.normal(size=n)) * np.sqrt(0.5 + 0.5 * Z[:, 0] ** 2)
    y = 1 + W @ [0.5, 0.1] + E @ [1, -2] + u
    return {"y": y, "W": W, "E": E, "Z": Z, "X": np.c_[W, E], "I": np.c_[W, Z],
            "groups": rng.integers(0, 30, n), "weights": rng.uniform(0.5, 2, n)}


def fitted(method, data, **settings):
    fit = {name: settings.pop(name) for name in ("groups", "sample_weight") if name in settings}
    return LinearIVRegressor(method, random_state=0, **settings).fit(data["X"], data["y"],
                                                                     data["I"], **fit)


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
    return model.diagnostics_.set_index("name").loc["first_stage_F", "value"]


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
    with pytest.warns(TrustWarning, match=r"first_stage_F.*'w1' is exogenous, put it in Z too"):
        LinearIVRegressor("2sls").fit(X, data["y"], np.c_[data["W"][:, 0], data["Z"]])


def test_first_stage_without_endogenous_regressors(data):
    pytest.importorskip("linearmodels")
    model = LinearIVRegressor("2sls").fit(data["X"], data["y"])
    assert "first_stage_F" not in model.diagnostics_["name"].tolist()
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


# ------------------------------------------------------------------------------- sets and tests
def one_regressor(strength, n=300, seed=3, bad=0.0):
    rng = np.random.default_rng(seed)
    Z, v = rng.normal(size=(n, 3)), rng.normal(size=n)
    x = Z @ np.full(3, strength) + v
    y = x + 0.8 * v + 0.6 * rng.normal(size=n) + bad * Z[:, 0]
    return {"X": x[:, None], "y": y, "I": Z}


def test_s_set_of_an_exactly_identified_model_inverts_a_textbook_test():
    """One instrument: the ends are roots of n cov(y - b x, z)^2 = chi2 var((y - b x) z)."""
    sample = one_regressor(0.5)
    z, x, y = sample["I"][:, 0], sample["X"][:, 0], sample["y"]
    model = LinearIVRegressor("2sls", fit_intercept=False).fit(x[:, None], y, z[:, None])
    ((low, high),) = model.confidence_set("x0").intervals
    for b in (low, high):
        g = (y - b * x) * z
        assert len(x) * g.mean() ** 2 / g.var() == pytest.approx(3.841458821, rel=1e-3)


def test_s_set_takes_the_intercept_out_exactly():
    """With an intercept the set is that of centred data, but for the weights of the moments."""
    sample = one_regressor(0.5)
    model = LinearIVRegressor("cue").fit(sample["X"], sample["y"], sample["I"])
    ((low, high),) = model.confidence_set("x0").intervals
    centred = {k: v - v.mean(axis=0) for k, v in sample.items()}
    plain = LinearIVRegressor("cue", fit_intercept=False).fit(centred["X"], centred["y"],
                                                              centred["I"])
    ((low2, high2),) = plain.confidence_set("x0").intervals
    width = high - low
    assert abs(low - low2) < 0.05 * width
    assert abs(high - high2) < 0.05 * width


@pytest.mark.parametrize("method", ["2sls", "el", "kmm"])
def test_strong_instruments_give_one_piece_around_the_truth(method):
    model = fitted(method, one_regressor(1.0))
    (found,) = model.confidence_set("x0").intervals
    wald = model.conf_int().set_index("parameter").loc["x0"]
    assert found.lower < 1 < found.upper
    assert 0.8 < (found.upper - found.lower) / (wald["upper"] - wald["lower"]) < 2


@pytest.mark.filterwarnings("ignore::divest.TrustWarning", "ignore::divest.ConvergenceWarning")
def test_useless_instruments_give_the_whole_line():
    model = fitted("cue", one_regressor(0.0))
    found = model.confidence_set("x0")
    assert found.unbounded
    assert (-np.inf, np.inf) in found.intervals or len(found.intervals) == 2
    frame = model.conf_int(method="s")
    assert np.isinf(frame.loc[frame["parameter"] == "x0", "upper"]).any()


def test_invalid_instruments_give_an_empty_set_and_a_warning():
    with pytest.warns(TrustWarning, match="overidentification"):
        model = fitted("gmm", one_regressor(1.0, bad=3.0))
    assert model.confidence_set("x0").empty
    assert model.j_test().pvalue < 1e-4
    with pytest.warns(TrustWarning, match="x0: the set is empty"):
        frame = model.conf_int(method="s").set_index("parameter")
    assert frame.loc["x0", ["lower", "upper"]].isna().all()


def test_weak_instruments_are_named():
    with pytest.warns(TrustWarning, match="first_stage_F"):
        fitted("2sls", one_regressor(0.05))
    with pytest.warns(TrustWarning, match="weak_identification"):
        fitted("cue", one_regressor(0.1, seed=7))


def test_intervals(data):
    model = fitted("et", data)
    pd.testing.assert_frame_equal(model.conf_int(), model.conf_int(method="nw"))
    robust = fitted("et", data, cov_type="robust")
    assert (model.cov_type_, robust.cov_type_) == ("nw", "robust")
    pd.testing.assert_frame_equal(robust.conf_int(method="nw"), model.conf_int())
    ratio = model.result_.standard_error / robust.result_.standard_error
    assert (np.abs(ratio - 1) < 0.15).all()
    assert np.abs(ratio - 1).max() > 1e-3
    wide, narrow = (model.conf_int(level) for level in (0.99, 0.9))
    assert (wide["lower"] < narrow["lower"]).all()
    text = model.summary()
    assert "nw errors" in text
    assert text.endswith(f"p = {model.j_test().pvalue:.4g}")
    assert "x3" in text


def test_groups_choose_the_covariance(data):
    grouped = fitted("cue", data, groups=data["groups"])
    assert grouped.cov_type_ == "cluster"
    alone = fitted("cue", data, groups=np.arange(300))
    robust = fitted("cue", data, cov_type="robust")
    np.testing.assert_allclose(alone.cov_params_, robust.cov_params_)


# ----------------------------------------------------------------------------------- scikit-learn
def test_clone_and_pickle(data):
    model = fitted("kmm", data)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(data["X"]), model.predict(data["X"]))
    assert again.conf_int(method="nw").equals(model.conf_int(method="nw"))
    np.testing.assert_array_equal(clone(model).fit(data["X"], data["y"], data["I"]).coef_,
                                  model.coef_)


def test_instruments_are_routed(data):
    set_config(enable_metadata_routing=True)
    try:
        inner = LinearIVRegressor("gmm").set_fit_request(Z=True, groups=False, sample_weight=False)
        pipeline = make_pipeline(StandardScaler(), inner).fit(data["X"], data["y"], Z=data["I"])
        np.testing.assert_allclose(pipeline.predict(data["X"]),
                                   fitted("gmm", data).predict(data["X"]), rtol=1e-9)
        search = GridSearchCV(pipeline, {"linearivregressor__method": ["2sls", "liml"]}, cv=2)
        assert search.fit(data["X"], data["y"], Z=data["I"]).best_score_ > 0.5
    finally:
        set_config(enable_metadata_routing=False)


def test_names_come_from_the_columns(data):
    X = pd.DataFrame(data["X"], columns=list("abcd"))
    model = LinearIVRegressor("2sls", fit_intercept=False).fit(X, data["y"], data["I"])
    assert model.params_.index.tolist() == list("abcd")
    assert model.intercept_ == 0


# --------------------------------------------------------------------------------------- formulas
@pytest.fixture
def frame(data):
    columns = ["y", "w1", "w2", "e1", "e2", "z1", "z2", "z3", "z4"]
    return pd.DataFrame(np.c_[data["y"], data["W"], data["E"], data["Z"]], columns=columns)


def test_formula_is_the_same_as_columns(frame, data):
    pytest.importorskip("formulaic")
    formula = "y ~ 1 + w1 + w2 + [e1 + e2 ~ z1 + z2 + z3 + z4]"
    model = LinearIVRegressor.from_formula(formula, frame, method="gmm")
    np.testing.assert_allclose(model.params_, fitted("gmm", data).params_, rtol=1e-10)
    assert model.params_.index.tolist() == ["intercept", "w1", "w2", "e1", "e2"]


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # of instruments that are not valid
@pytest.mark.parametrize("formula", [
    "np.log(y + shift) ~ 1 + w1 + [e1 ~ z1*z2] + w2", "y ~ w1 + [e1 ~ z1 + z2]",
    "y ~ 1 + [e1 + e2 ~ z1 + z2]", "y ~ 0 + w1 + w2"])
def test_formula_is_read_as_by_linearmodels(frame, formula):
    models = pytest.importorskip("linearmodels.iv")
    pytest.importorskip("formulaic")
    shift = 100.0
    assert frame["y"].min() + shift > 0
    model = LinearIVRegressor.from_formula(formula, frame, method="2sls")
    wanted = models.IV2SLS.from_formula(formula, frame).fit().params
    wanted = wanted.rename({"Intercept": "intercept"})
    assert set(wanted.index) == set(model.params_.index)
    np.testing.assert_allclose(model.params_, wanted[model.params_.index], rtol=1e-8)


@pytest.mark.parametrize(("formula", "message"), [
    ("y ~ w1 ~ z1", "must look like"),
    ("y", "must look like"),
    (3, "must look like"),
    ("y + w1 ~ w2", "one column"),
    ("y ~ 1", "no regressor"),
    ("y ~ nothing", "cannot be computed"),
    ("y ~ 1 + .", "cannot be computed"),
    ("y ~ w1 | w1 + z1", "must look like"),
    ("y ~ 1 + w1*e1 + [e1 ~ z1]", "'e1' is in the formula as exogenous and among the endogenous"),
    ("y ~ 1 + w1 + [e1 ~ z1 + w1]", "among the instruments too"),
])
def test_formula_refuses(frame, formula, message):
    pytest.importorskip("formulaic")
    with pytest.raises(ValueError, match=message):
        LinearIVRegressor.from_formula(formula, frame)


def test_formula_refuses_gaps(frame):
    """Also those of categories, which would count as the first one."""
    pytest.importorskip("formulaic")
    frame["kind"] = np.resize(["a", "b"], len(frame)).astype(object)
    frame.loc[7, "z2"], frame.loc[8, "kind"] = np.nan, None
    with pytest.raises(ValueError, match="'z2' in row 7"):
        LinearIVRegressor.from_formula("y ~ 1 + [e1 ~ z2]", frame)
    with pytest.raises(ValueError, match="'kind' in row 8"):
        LinearIVRegressor.from_formula("y ~ 1 + kind + [e1 ~ z1]", frame)
    with pytest.raises(ValueError, match=r"np.log\(z1\)"):  # and no RuntimeWarning
        LinearIVRegressor.from_formula("y ~ 1 + [e1 ~ np.log(z1)]", frame)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # of instruments that are not valid
def test_formula_predicts_from_the_columns_it_names(frame):
    """Means and categories are those of the fit; the model may be pickled."""
    pytest.importorskip("formulaic")
    frame["kind"] = np.resize(["a", "b", "c"], len(frame))
    model = LinearIVRegressor.from_formula(
        "y ~ 1 + kind + center(w1) + [np.exp(e1 / 100) ~ z1 + z2 + z3]", frame, method="2sls")
    new = frame.iloc[:5].drop(columns=["y", "z1", "z2", "z3"])
    wanted = model.intercept_ + np.column_stack([
        new["kind"] == "b", new["kind"] == "c", new["w1"] - frame["w1"].mean(),
        np.exp(new["e1"] / 100)]) @ model.coef_
    np.testing.assert_allclose(model.predict(new), wanted, rtol=1e-10)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(new),
                                  model.predict(new))
    with pytest.raises(ValueError, match=r"cannot be computed.*'z'"):
        model.predict(new.assign(kind="z"))
    plain = LinearIVRegressor.from_formula("y ~ 1 + w1 + [e1 ~ z1]", frame, method="2sls")
    np.testing.assert_array_equal(plain.predict(frame), plain.predict(frame[["w1", "e1"]]))


def test_formula_knows_groups_and_weights_by_name(frame, data):
    pytest.importorskip("formulaic")
    frame["club"], frame["many"] = data["groups"], data["weights"]
    formula = "y ~ 1 + w1 + w2 + [e1 + e2 ~ z1 + z2 + z3 + z4]"
    model = LinearIVRegressor.from_formula(formula, frame, method="2sls", groups="club",
                                           sample_weight="many")
    wanted = fitted("2sls", data, groups=data["groups"], sample_weight=data["weights"])
    np.testing.assert_allclose(model.cov_params_, wanted.cov_params_, rtol=1e-8)
    with pytest.raises(ValueError, match="groups='clubs' is no column of data"):
        LinearIVRegressor.from_formula(formula, frame, groups="clubs")
    with pytest.raises(TypeError, match=r"data must be a pandas DataFrame.*got ndarray"):
        LinearIVRegressor.from_formula(formula, frame.to_numpy())


def test_a_column_called_like_the_constant_is_refused(frame):
    pytest.importorskip("formulaic")
    for name in ("Intercept", "intercept"):
        with pytest.raises(ValueError, match=f"column named '{name}'"):
            LinearIVRegressor.from_formula(f"y ~ 1 + {name} + w2", frame.rename(
                columns={"w1": name}))


def test_rows_in_another_order_are_refused(frame):
    X, Z = frame[["e1"]], frame[["z1", "z2"]]
    for fit in ({"y": frame["y"][::-1]}, {"Z": Z[::-1]}, {"sample_weight": frame["w2"][::-1]}):
        name = next(iter(fit))
        with pytest.raises(ValueError, match=f"{name} has the row labels of X in another order"):
            LinearIVRegressor("2sls").fit(**{"X": X, "y": frame["y"], "Z": Z} | fit)


def test_few_groups(data):
    """No J test and no S set with so few, and errors that are doubted."""
    groups = np.arange(300) % 5
    with pytest.warns(TrustWarning, match="few_groups = 5"):
        model = fitted("2sls", data, groups=groups)
    assert np.isnan(model.j_test().pvalue)
    assert "no more groups than instruments" in model.j_test().method
    with pytest.raises(ValueError, match=r"more groups than instruments.*5 groups and 7"):
        model.confidence_set("x2")


def test_as_many_rows_as_coefficients_leave_no_errors():
    with pytest.warns(TrustWarning, match="moments_per_row"):
        model = LinearIVRegressor("2sls").fit([[1.0], [2.0]], [3.0, 5.0])
    np.testing.assert_allclose(model.params_, [1.0, 2.0])
    assert model.result_.to_frame()[["standard_error", "pvalue"]].isna().all(axis=None)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_s_sets_of_a_model_that_is_not_identified(rng):
    Z, v = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 2))
    X = Z + v
    model = LinearIVRegressor("2sls").fit(X, X.sum(axis=1) + v[:, 0], np.c_[Z, 2 * Z, Z + 1])
    frame = model.conf_int(method="s")
    assert len(frame) == 3
    assert np.isinf(frame[["lower", "upper"]]).all(axis=None)


# -------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(("settings", "message"), [
    ({"method": "ols"}, "method must be one of"),
    ({"cov_type": "white"}, "cov_type must be one of"),
    ({"method": "2sls", "cov_type": "nw"}, "cov_type='nw' is for"),
    ({"cov_type": "cluster"}, "needs groups"),
    ({"epsilon": 0}, "epsilon"),
    ({"guard": -1}, "guard"),
    ({"max_lags": -1}, "max_lags"),
    ({"max_iter": 0}, "max_iter"),
    ({"tol": 0}, "tol"),
    ({"n_components_mmd": 0}, "n_components_mmd"),
])
def test_settings_are_checked(data, settings, message):
    with pytest.raises(ValueError, match=message):
        LinearIVRegressor(**settings).fit(data["X"], data["y"], data["I"])


@pytest.mark.parametrize(("change", "fit", "message"), [
    ({"I": 2}, {}, "under-identified: 3 instruments for 5 regressors"),
    ({}, {"groups": np.zeros(300)}, "at least 2 different groups"),
    ({}, {"groups": np.arange(299)}, "one entry per row"),
    ({}, {"sample_weight": -np.ones(300)}, "0 or more"),
])
def test_data_are_checked(data, change, fit, message):
    Z = data["I"][:, :change.get("I", 6)]
    with pytest.raises(ValueError, match=message):
        LinearIVRegressor("2sls").fit(data["X"], data["y"], Z, **fit)


def test_rows_are_counted(data):
    with pytest.raises(ValueError, match="one row per row of X"):
        LinearIVRegressor().fit(data["X"], data["y"], data["I"][:-1])
    with pytest.raises(ValueError, match="7 instruments need more than 7 rows"):
        LinearIVRegressor("2sls").fit(data["X"][:7], data["y"][:7], data["I"][:7])
    with pytest.raises(ValueError, match="groups are for"):
        fitted("2sls", data, cov_type="hac", groups=data["groups"])


def test_nw_interval_needs_its_covariance(data):
    with pytest.raises(ValueError, match="method='nw'"):
        fitted("gmm", data).conf_int(method="nw")


def test_unidentified_coefficients_have_no_errors(data):
    Z = np.c_[data["I"][:, :3], data["I"][:, 0] - data["I"][:, 1]]
    with pytest.warns(TrustWarning, match="local_identification"):
        model = LinearIVRegressor("cue").fit(data["X"], data["y"], Z)
    assert model.cov_params_.isna().all(axis=None)
    assert np.isfinite(model.params_).all()


def test_a_perfect_fit_has_no_errors(data):
    model = fitted("el", data | {"y": data["X"] @ [1, 2, 3, 4]})
    np.testing.assert_allclose(model.coef_, [1, 2, 3, 4], rtol=1e-10)
    np.testing.assert_allclose(model.result_.standard_error, 0, atol=1e-8)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_fallback_is_said(data):
    bad = data | {"y": data["y"] + 5 * data["Z"][:, 0]}
    with pytest.warns(ConvergenceWarning, match="two-step GMM is reported"):
        model = fitted("et", bad)
    assert model.fallback_
    np.testing.assert_allclose(model.params_, fitted("gmm", bad).params_, rtol=1e-10)
    pd.testing.assert_series_equal(model.params_, model.two_step_params_)
    assert model.cov_type_ == "robust"
