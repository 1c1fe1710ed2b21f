"""NearestNeighborRatioDivergence: errors, warnings, scikit-learn, pandas and polars."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from ratio_cases import Ratio, fitted, found
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import TrustWarning, stack_samples
from divest.generators import Generator, hellinger, kl

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

# ------------------------------------------------------------ errors
def test_eleven_rows_are_needed_by_default(samples):
    P, Q = samples
    assert fitted(P[:11], Q[:11]).n_samples_ == (11, 11)
    with pytest.raises(ValueError, match=r"at least 11 rows.*n_samples = 10 of P and 80 of Q"):
        fitted(P[:10], Q)
    with pytest.raises(ValueError, match=r"at least 11 rows.*n_samples = 60 of P and 10 of Q"):
        fitted(P, Q[:10], ensemble="paper")
    assert fitted(P[:10], Q, n_neighbors=5).n_samples_ == (10, 80)


def test_two_rows_are_needed(samples):
    P, Q = samples
    with pytest.raises(ValueError, match="at least 2 rows, got n_samples = 1 of P and 80 of Q"):
        fitted(P[:1], Q, n_neighbors=5)


@pytest.mark.parametrize(("n_neighbors", "got"), [(0, 0), (139, 139), ([5, 200], 200), (-1, -1)])
def test_number_of_neighbours_out_of_range(samples, n_neighbors, got):
    assert fitted(*samples, n_neighbors=138).n_neighbors_ == [138]
    with pytest.raises(ValueError, match=f"between 1 and 138 .*140 pooled rows.*got {got}"):
        fitted(*samples, n_neighbors=n_neighbors)


def test_one_number_of_neighbours_without_an_ensemble(samples):
    with pytest.raises(ValueError, match=r"ensemble=None takes one n_neighbors, got \[5, 10\]"):
        fitted(*samples, ensemble=None, n_neighbors=[5, 10])


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"divergence": "helinger"}, ValueError, "divergence must be one of kl, .*got 'helinger'"),
    ({"divergence": 2}, TypeError, "divergence must be a name or a Generator, got 2"),
    ({"method": "two_step"}, ValueError, "method must be one of 'one_step', 'paper'; got"),
    ({"ensemble": "mean"}, ValueError, "ensemble must be one of 'extrapolate', .*None; got 'mean'"),
    ({"form": "dv"}, ValueError, "form must be one of 'default', 'donsker_varadhan'; got 'dv'"),
    ({"metric": "cosine"}, ValueError, "metric must be one of 'euclidean', .*got 'cosine'"),
    ({"standardize": True}, ValueError, "standardize must be one of .* got True"),
    ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1, got 95"),
    ({"confidence_level": "high"}, TypeError, "confidence_level must be a number, got 'high'"),
    ({"dimension": 0}, ValueError, "dimension must lie between 0 and 1000, got 0"),
    ({"dimension": "two"}, TypeError, "dimension must be a number, got 'two'"),
    ({"n_neighbors": 2.5}, TypeError, "n_neighbors must be 'auto', an integer or an array of"),
    ({"n_neighbors": "all"}, TypeError, "n_neighbors must be 'auto', .*got 'all'"),
])
def test_wrong_parameters_are_named(samples, options, error, message):
    with pytest.raises(error, match=message):
        Ratio(**options).fit_samples(*samples)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(samples, wrong):
    P, Q = samples
    X, y = stack_samples(P, Q)
    X[70, 1] = wrong
    what = "NaN" if np.isnan(wrong) else "infinity"
    with pytest.raises(ValueError, match=fr"X contains {what} \(row 70, column 1;"):
        Ratio().fit(X, y)
    with pytest.raises(ValueError, match=fr"Q contains {what} \(row 10, column 1;"):
        fitted(P, X[60:])
    with pytest.raises(ValueError, match=f"X contains {what}"):
        fitted(P, Q).log_density_ratio(X)


def test_samples_are_not_labels(samples):
    """fit(P, Q) would scale only P in a Pipeline."""
    P, Q = samples
    for second in (Q, Q[:60], Q[:60, 0]):
        with pytest.raises(ValueError, match=r"y should be a 1d array|Unknown label type"):
            Ratio().fit(P, second)
    with pytest.raises(ValueError, match=r"requires y .*fit_samples\(P, Q\)"):
        Ratio().fit(P)


def test_other_columns_are_refused(samples):
    P, Q = samples
    with pytest.raises(ValueError, match="same number of columns, got 2 and 1"):
        fitted(P, Q[:, :1])
    model = fitted(P, Q)
    for call in (model.log_density_ratio, model.density_ratio, lambda X: model.score(X, [0, 1])):
        with pytest.raises(ValueError, match=r"X has 1 features, but .* expecting 2"):
            call([[1.0], [2.0]])


@pytest.mark.parametrize("call", [
    lambda m: m.estimate(), lambda m: m.estimates(["kl"]), lambda m: m.log_density_ratio([[1.0]]),
    lambda m: m.density_ratio([[1.0]]), lambda m: m.score([[1.0], [2.0]], [0, 1]),
])
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        call(Ratio())


# ------------------------------------------------------------ warnings
CALLS = [  # each on a line of its own, to which its warning must point
    lambda model, P, Q: model.fit(*stack_samples(P, Q)),
    lambda model, P, Q: model.fit_samples(P, Q),
    lambda model, P, Q: model.estimate("reverse_kl"),
    lambda model, P, Q: model.estimates(["reverse_kl"]),
]


@pytest.mark.parametrize("call", CALLS, ids=["fit", "fit_samples", "estimate", "estimates"])
def test_one_warning_names_what_failed_and_points_at_the_call(samples, call):
    P, Q = samples
    model = fitted(P + 100, Q, n_neighbors=5)
    with pytest.warns(TrustWarning, match="reference_mass.*saturated_share") as caught:
        call(model, P + 100, Q)
    assert len(caught) == 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, call.__code__.co_firstlineno)


def test_no_warning_where_all_passes(fixed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(*fixed, "hellinger", n_neighbors=40)
    assert model.result_.trusted
    assert model.diagnostics_["passed"].all()


# ------------------------------------------------------------ scikit-learn, pandas, polars
@pytest.mark.parametrize("labels", [("a", "b"), (-1, 1), (False, True), (0.0, 1.0)])
def test_reference_is_the_smaller_label(samples, labels):
    X, y = stack_samples(*samples)
    model = Ratio().fit(X, np.array(labels)[y])
    assert found(model) == found(fitted(*samples))
    assert_array_equal(model.classes_, labels)
    swapped = Ratio().fit(X, np.array(labels)[1 - y])
    assert_allclose(found(swapped), found(fitted(*samples), "reverse_kl"), rtol=1e-12)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_in_and_names_kept(samples, make):
    P, Q = (make({"height": Z[:, 0], "weight": Z[:, 1]}) for Z in samples)
    model = fitted(P, Q)
    assert list(model.feature_names_in_) == ["height", "weight"]
    assert found(model) == found(fitted(*samples))
    assert found(fitted(P, Q[["weight", "height"]])) == found(model)
    assert_array_equal(model.log_density_ratio(Q), fitted(*samples).log_density_ratio(samples[1]))
    stacked = make({"height": np.r_[samples[0][:, 0], samples[1][:, 0]],
                    "weight": np.r_[samples[0][:, 1], samples[1][:, 1]]})
    again = Ratio().fit(stacked, [1] * 60 + [0] * 80)
    assert found(again) == found(model)
    assert list(again.feature_names_in_) == ["height", "weight"]
    with pytest.raises(ValueError, match="same order"):
        again.score(stacked[["weight", "height"]], [1] * 60 + [0] * 80)


def test_lists_and_one_column(samples):
    P, Q = samples
    assert found(fitted(P.tolist(), Q.tolist())) == found(fitted(P, Q))
    expected = found(fitted(P[:, :1], Q[:, :1]))
    for make in (list, pd.Series, pl.Series, np.asarray):
        assert found(fitted(make(P[:, 0]), make(Q[:, 0]))) == expected


def test_pickled_model_is_the_same(samples):
    model = fitted(*samples, standardize="whiten")
    again = pickle.loads(pickle.dumps(model))
    X, y = stack_samples(*samples)
    assert str(again.result_) == str(model.result_)  # the same, but for NaN, which equals nothing
    assert found(again, "hellinger") == found(model, "hellinger")
    assert_array_equal(again.log_density_ratio(X), model.log_density_ratio(X))
    assert again.score(X, y) == model.score(X, y)


def test_clone_and_set_params(samples):
    model = clone(Ratio("hellinger", n_neighbors=[5, 9], standardize="std"))
    assert model.get_params()["n_neighbors"] == [5, 9]
    model.set_params(divergence="kl", n_neighbors=7, standardize=None)
    assert found(model.fit_samples(*samples)) == found(fitted(*samples, n_neighbors=7))


def test_pipeline_scales_both_samples(samples):
    X, y = stack_samples(*samples)
    model = make_pipeline(StandardScaler(), Ratio(n_neighbors=20)).fit(X * [1, 1000], y)
    alone = fitted(*samples, n_neighbors=20, standardize="std")
    assert_allclose(model[-1].estimate_, alone.estimate_, rtol=1e-10)
    assert_allclose(model.score(X * [1, 1000], y), alone.score(X, y), rtol=1e-10)


def test_grid_search_over_divergences_and_neighbours(samples):
    X, y = stack_samples(*samples)
    grid = {"divergence": ["hellinger", "jensen_shannon"], "n_neighbors": [3, 20, [5, 10]]}
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(Ratio(), grid, cv=folds, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.n_samples_ == (60, 80)
    alone = Ratio(**search.best_params_)
    assert_allclose(cross_val_score(alone, X, y, cv=folds).mean(), search.best_score_, rtol=1e-12)


def test_folds_of_one_sample_are_refused(samples):
    X, y = stack_samples(*samples)
    with pytest.raises(ValueError, match=r"StratifiedKFold\(shuffle=True\)"):
        cross_val_score(Ratio(n_neighbors=5), X, y, cv=5, error_score="raise")


# ------------------------------------------------------------ rows that are not independent
def test_repeated_rows_fail_a_diagnostic(rng):
    P, Q = np.repeat(rng.normal(size=(60, 2)), 2, axis=0), rng.normal(size=(120, 2))
    model = fitted(P, Q)
    rows = model.diagnostics_.set_index("name")
    assert rows.loc["repeated_rows", "value"] == 0.5
    assert not rows.loc["repeated_rows", "passed"]
    rounded = fitted(P[:60].round(), Q.round()).diagnostics_.set_index("name")
    assert rounded.loc["repeated_rows", "passed"]


def test_a_copied_sample_fails_a_diagnostic(rng):
    P = rng.normal(size=(100, 2))
    rows = fitted(P, P, n_neighbors=5).diagnostics_.set_index("name")
    assert not rows.loc["estimate_in_errors", "passed"]


def test_no_standard_error_without_differences():
    model = fitted(np.ones((40, 2)), np.ones((40, 2)))
    rows = model.diagnostics_.set_index("name")
    assert not rows.loc["standard_error", "passed"]


def test_orders_beyond_the_number_of_neighbours_are_refused(samples):
    with pytest.raises(ValueError, match=r"power\(400\) needs n_neighbors above 400"):
        fitted(*samples, "power(400)")


def test_a_dominated_integral_fails_a_diagnostic(rng):
    P, Q = rng.normal(size=(300, 1)), rng.normal(size=(300, 1)) + 2.0
    rows = fitted(P, Q, "power(8)").diagnostics_.set_index("name")
    assert not rows.loc["integral_error", "passed"]


def test_generators_are_known_by_value_not_by_name(samples):
    impostor = Generator("kl", hellinger().f, hellinger().derivative)
    assert not impostor.needs_reference
    with pytest.raises(ValueError, match="donsker_varadhan"):
        fitted(*samples, impostor, form="donsker_varadhan")
    unbounded = Generator("mine", kl().f, kl().derivative)
    assert "reference_mass" in set(fitted(*samples, unbounded).diagnostics_["name"])
