"""LinearIVRegressor: formulas, and bad input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from linear_iv_cases import fitted

from divest import ConvergenceWarning, TrustWarning
from divest.moments.linear_iv import LinearIVRegressor


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
    frame = model.confidence_interval(method="s")
    assert len(frame) == 3
    assert np.isinf(frame[["low", "high"]]).all(axis=None)


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
        fitted("gmm", data).confidence_interval(method="nw")


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
