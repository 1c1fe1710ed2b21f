"""LinearIVRegressor: confidence sets and tests, scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from linear_iv_cases import fitted
from sklearn import set_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import TrustWarning
from divest.moments.linear_iv import LinearIVRegressor


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
    wald = model.confidence_interval().set_index("parameter").loc["x0"]
    assert found.low < 1 < found.high
    assert 0.8 < (found.high - found.low) / (wald["high"] - wald["low"]) < 2


@pytest.mark.filterwarnings("ignore::divest.TrustWarning", "ignore::divest.ConvergenceWarning")
def test_useless_instruments_give_the_whole_line():
    model = fitted("cue", one_regressor(0.0))
    found = model.confidence_set("x0")
    assert found.unbounded
    assert (-np.inf, np.inf) in found.intervals or len(found.intervals) == 2
    frame = model.confidence_interval(method="s")
    assert np.isinf(frame.loc[frame["parameter"] == "x0", "high"]).any()


def test_invalid_instruments_give_an_empty_set_and_a_warning():
    with pytest.warns(TrustWarning, match="overidentification"):
        model = fitted("gmm", one_regressor(1.0, bad=3.0))
    assert model.confidence_set("x0").empty
    assert model.j_test().pvalue < 1e-4
    with pytest.warns(TrustWarning, match="x0: the set is empty"):
        frame = model.confidence_interval(method="s").set_index("parameter")
    assert frame.loc["x0", ["low", "high"]].isna().all()


def test_weak_instruments_are_named():
    with pytest.warns(TrustWarning, match="first_stage_f"):
        fitted("2sls", one_regressor(0.05))
    with pytest.warns(TrustWarning, match="weak_identification"):
        fitted("cue", one_regressor(0.1, seed=7))


def test_intervals(data):
    model = fitted("et", data)
    pd.testing.assert_frame_equal(model.confidence_interval(),
                                  model.confidence_interval(method="nw"))
    robust = fitted("et", data, cov_type="robust")
    assert (model.cov_type_, robust.cov_type_) == ("nw", "robust")
    pd.testing.assert_frame_equal(robust.confidence_interval(method="nw"),
                                  model.confidence_interval())
    ratio = model.result_.standard_error / robust.result_.standard_error
    assert (np.abs(ratio - 1) < 0.15).all()
    assert np.abs(ratio - 1).max() > 1e-3
    wide, narrow = (model.confidence_interval(level) for level in (0.99, 0.9))
    assert (wide["low"] < narrow["low"]).all()
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
    assert again.confidence_interval(method="nw").equals(model.confidence_interval(method="nw"))
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
