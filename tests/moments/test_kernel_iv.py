"""Nonparametric instrumental variables: closed forms, laws, awkward data, scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from divest import TrustWarning
from divest.moments import KernelIVRegressor, hsic_scorer
from divest.moments._penalised import LinearMoments
from divest.moments._ridge_path import RIDGES, folds
from divest.moments._selection import hsic
from divest.moments._spline_basis import FreeLineBasis, HingeBasis, Standardizer

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def sample(n=300, d=1, seed=0, curve=np.abs):
    """Endogenous columns, an additive curve of them, and two instruments for each."""
    rng = np.random.default_rng(seed)
    Z, e = rng.uniform(-3, 3, size=(n, 2 * d)), rng.normal(size=n)
    X = Z[:, :d] + e[:, None] + 0.1 * rng.normal(size=(n, d))
    return X, curve(X).sum(axis=1) + e, Z


def fit(data, **settings):
    X, y, Z = data
    return KernelIVRegressor(random_state=0, **settings).fit(X, y, Z=Z)


def failed(model):
    return set(model.diagnostics_.query("not passed").name)


def moments(n=80, p=5, q=7, seed=0, reg=1e-3):
    rng = np.random.default_rng(seed)
    F = np.column_stack([np.ones(n), rng.normal(size=(n, q - 1))])
    T = np.column_stack([np.ones(n), F[:, 1:p] + rng.normal(size=(n, p - 1))])
    return LinearMoments(T, F, T @ np.arange(p) + rng.normal(size=n), 2, reg)


# ------------------------------------------------------------ the linear system
def plain_solution(system, ridge, W):
    """The formula of the class docstring, written out."""
    P = np.diag([0.0] * system.n_free + [1.0] * (system.T.shape[1] - system.n_free))
    G, g = system.F.T @ system.T / len(system.y), system.F.T @ system.y / len(system.y)
    return np.linalg.solve(G.T @ W @ G + ridge * P, G.T @ W @ g)


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 10.0])
def test_both_rounds_against_the_normal_equations(ridge):
    system = moments()
    F, n, eye = system.F, len(system.y), 1e-3 * np.eye(7)
    first = plain_solution(system, ridge, np.linalg.inv(F.T @ F / n + eye))
    assert np.allclose(system.solve(ridge, reweight=False).coef, first, rtol=1e-9)
    u = system.y - system.T @ first
    W = np.linalg.inv((F.T * u**2) @ F / n / np.mean(u**2) + eye)
    second = plain_solution(system, ridge, W)
    assert np.allclose(system.solve(ridge, reweight=True).coef, second, rtol=1e-9)
    assert not np.allclose(first, second, rtol=1e-3)


def test_without_penalty_it_is_two_stage_least_squares():
    system = moments(reg=1e-12)
    fitted = system.F @ np.linalg.lstsq(system.F, system.T, rcond=None)[0]
    plain = np.linalg.lstsq(fitted, system.y, rcond=None)[0]
    found = system.solve(0.0, reweight=False)
    assert np.allclose(found.coef, plain, rtol=1e-8)
    assert found.degrees == pytest.approx(5)


def test_degrees_fall_from_all_parameters_to_the_free_ones():
    degrees = [moments().solve(ridge, reweight=True).degrees for ridge in (0, 1e-3, 1e-1, 1, 1e9)]
    assert degrees == sorted(degrees, reverse=True)
    assert degrees[0] == pytest.approx(5)
    assert degrees[-1] == pytest.approx(2, abs=1e-6)


def test_debiased_solution_is_one_more_step_from_what_is_left():
    system, ridge = moments(), 0.05
    plain = system.solve(ridge, reweight=False)
    debiased = system.solve(ridge, reweight=False, debias=True)
    again = plain.coef + plain.map @ (system.g - system.G @ plain.coef)
    assert np.allclose(debiased.coef, again, rtol=1e-10)
    exact = system.solve(0.0, reweight=False).coef
    assert np.linalg.norm(debiased.coef - exact) < np.linalg.norm(plain.coef - exact)


def test_covariance_against_the_sandwich_written_out():
    system = moments()
    found = system.solve(0.01, reweight=True)
    n, u = len(system.y), system.y - system.T @ found.coef
    rows = system.F * u[:, None]
    plain = found.map @ np.cov(rows.T, bias=True) @ found.map.T / (n - found.degrees)
    assert np.allclose(system.covariance(found), plain, rtol=1e-10)


def test_a_ridge_without_end_leaves_the_linear_fit():
    """Constant and slope carry no penalty."""
    data = sample()
    straight, line = fit(data, alpha=1e12), fit(data, n_knots=0, alpha=1.0)
    grid = np.linspace(-6, 6, 9)[:, None]
    assert np.allclose(straight.predict(grid), line.predict(grid), atol=1e-6)
    assert straight.effective_degrees_of_freedom_ == pytest.approx(2, abs=1e-6)


# ------------------------------------------------------------ basis
def test_hinges_stand_at_quantiles_and_go_on_as_lines(rng):
    X = rng.normal(size=(500, 1))
    basis = HingeBasis(4).fit(X)
    (knots,) = basis.knots
    below = [np.mean(knot > X) for knot in knots]
    assert np.allclose(below, [0.03, 0.03 + 0.94 / 3, 0.97 - 0.94 / 3, 0.97], atol=1 / 500)
    far = np.array([[10.0], [11.0], [12.0]])
    assert np.allclose(np.diff(basis.transform(far), n=2, axis=0), 0)
    assert (basis.transform(-far) == 0).all()


@pytest.mark.parametrize(("values", "count"), [([0.0, 1.0], 0), ([0.0, 1.0, 5.0], 1),
                                               (np.arange(6.0), 4), ([3.0], 0)])
def test_few_distinct_values_have_few_knots(values, count):
    X = np.resize(values, 120)[:, None]
    basis = HingeBasis(30).fit(X)
    inside = basis.knots[0]
    columns = FreeLineBasis(HingeBasis(30)).fit(X).transform(X)
    assert columns.shape[1] == 2 + len(inside)
    assert np.isin(np.unique(X)[1:-1], inside).all()
    assert (inside > min(values)).all()
    assert (inside < max(values)).all()
    if count <= 1:
        assert len(inside) == count


def test_columns_are_additive(rng):
    model = fit(sample(d=2), alpha=0.01)
    a, b = rng.normal(size=(2, 5))
    zero = np.zeros(5)
    together = model.predict(np.column_stack([a, b])) + model.predict(np.zeros((5, 2)))
    apart = model.predict(np.column_stack([a, zero])) + model.predict(np.column_stack([zero, b]))
    assert np.allclose(together, apart)
    assert len(model.knots_) == 2


def test_knots_are_in_units_of_the_columns():
    X, y, Z = sample()
    found = fit((10 * X + 3, y, Z), n_knots=5)
    assert np.allclose(found.knots_[0], 10 * np.quantile(X, np.linspace(0.03, 0.97, 5)) + 3)
    bend = found.predict(found.knots_[0][:1, None] + [[-2.0], [-1.0], [0.0], [1.0]])
    assert bend[0] - 2 * bend[1] + bend[2] == pytest.approx(0, abs=1e-9)
    assert abs(bend[1] - 2 * bend[2] + bend[3]) > 1e-6


@pytest.mark.parametrize("bends", [SplineTransformer(5), PolynomialFeatures(3),
                                   SplineTransformer(5, sparse_output=True)])
def test_a_transformer_makes_the_bends(bends):
    data = sample(curve=np.square)
    model = fit(data, basis=bends, alpha=1e-3)
    assert model.knots_ is None
    assert not hasattr(bends, "n_features_in_")  # a copy is fitted
    error = model.predict([[-2.0], [0.0], [2.0]]) - [4, 0, 4]
    assert np.abs(error).max() < 1


def test_units_of_columns(rng):
    X = rng.normal(size=(50, 3)) * [1, 1e-8, 1e8] + [1e3, 0, 1]
    X[:, 1] = 0.1
    units = Standardizer().fit(X)
    found = units.transform(X)
    assert np.allclose(found.mean(axis=0), 0, atol=1e-9)
    assert np.allclose(found.std(axis=0), [1, 0, 1])
    assert units.scale[1] == 1


# ------------------------------------------------------------ laws
def test_units_do_not_matter():
    X, y, Z = sample(d=2)
    scale, shift = np.array([8.0, 0.125]), np.array([-4.0, 64.0])
    plain = fit((X, y, Z))
    moved = fit((X * scale + shift, 4 * y - 16, Z * 32 + 8))
    assert moved.alpha_ == plain.alpha_
    assert np.allclose(moved.predict(X * scale + shift), 4 * plain.predict(X) - 16, rtol=1e-6)
    wide, narrow = (model.predict_interval(rows)["standard_error"] for model, rows in (
        (moved, X * scale + shift), (plain, X)))
    assert np.allclose(wide, 4 * narrow, rtol=1e-6)


def test_without_instruments_regressors_are_their_own():
    X, y, _ = sample()
    assert np.array_equal(fit((X, y, None)).coef_, fit((X, y, X)).coef_)


def test_noiseless_line_comes_back():
    X, _, Z = sample(d=2)
    model = fit((X, 1 + X @ [2.0, -3.0], Z))
    assert model.alpha_ in RIDGES
    far = np.array([[100.0, -50.0], [0.0, 0.0]])
    assert np.allclose(model.predict(far), 1 + far @ [2.0, -3.0], rtol=1e-6)


def test_constant_outcome():
    X, _, Z = sample()
    model = fit((X, np.full(len(X), 5.0), Z))
    assert np.allclose(model.predict(X), 5)
    assert np.allclose(model.predict_interval(X)[["low", "high"]], 5)


def test_same_seed_same_curve_and_other_seeds_other_landmarks():
    data = sample()
    one, again = fit(data), fit(data)
    assert np.array_equal(one.coef_, again.coef_)
    assert one.selection_results_.equals(again.selection_results_)
    other = KernelIVRegressor(random_state=1).fit(*data[:2], Z=data[2])
    assert not np.array_equal(one.coef_, other.coef_)


def test_two_kinds_of_weights_differ():
    data = sample()
    assert not np.allclose(fit(data, alpha=0.01, weighting="2sls").coef_,
                           fit(data, alpha=0.01).coef_, rtol=1e-3)


# ------------------------------------------------------------ choice of the ridge
def test_path_is_hsic_of_out_of_fold_residuals():
    X, y, Z = data = sample()
    model = fit(data, cv=KFold(3), alpha="hsic-cv")
    path = model.selection_results_
    assert list(path) == ["alpha", "hsic", "effective_degrees_of_freedom", "selected"]
    assert np.array_equal(path["alpha"], RIDGES)
    basis = model._basis
    T, white = basis.transform(X), Standardizer().fit(Z).transform(Z)
    landmarks = np.random.SeedSequence(0).spawn(2)[0]
    F, k, left = model._moments(X, y, white, landmarks).F, 4, np.empty(len(y))
    for train, test in KFold(3).split(X):
        part = LinearMoments(T[train], F[train], y[train], 2, 1e-4)
        left[test] = y[test] - T[test] @ part.solve(RIDGES[k], reweight=True).coef
    assert path["hsic"][k] == pytest.approx(hsic(left, white, 0.5), rel=1e-12)
    assert path["effective_degrees_of_freedom"].is_monotonic_decreasing


@pytest.mark.parametrize("parsimony", [1.0, 1.25, 1e9])
def test_largest_ridge_within_the_factor(parsimony):
    path = fit(sample(curve=np.sin), parsimony=parsimony).selection_results_
    near = path["hsic"] <= parsimony * path["hsic"].min()
    assert path["selected"].sum() == 1
    assert path.loc[path["selected"], "alpha"].item() == path.loc[near, "alpha"].max()


def test_given_ridge_has_no_path():
    model = fit(sample(), alpha=0.3)
    assert model.alpha_ == 0.3
    assert model.selection_results_ is None


def test_folds():
    seed = np.random.SeedSequence(0)
    tests = [test for _, test in folds(5, 23, seed)]
    assert sorted(map(len, tests)) == [4, 4, 5, 5, 5]
    assert not np.array_equal(np.concatenate(tests), range(23))  # shuffled
    assert len(folds(5, 3, seed)) == 3
    with pytest.raises(ValueError, match="cv must look at every row exactly once"):
        folds(ShuffleSplit(5), 23, seed)
    with pytest.raises(ValueError, match="cv must be at least 2, got 1"):
        folds(1, 23, seed)


# ------------------------------------------------------------ the band
def test_interval_is_the_sandwich_of_the_curve_or_of_a_rougher_one():
    X, y, Z = data = sample(1000)
    model, grid = fit(data), np.array([[-1.0], [0.5]])
    T = model._basis.transform(grid)
    own = model.predict_interval(grid, 0.9, undersmooth=False)
    error = np.sqrt(np.diag(T @ model.cov_params_ @ T.T))
    assert np.allclose(own["standard_error"], error)
    reach = stats.norm.ppf(0.95) * error
    assert np.allclose(own["low"], model.predict(grid) - reach)
    assert np.allclose(own["high"], model.predict(grid) + reach)
    white = Standardizer().fit(Z).transform(Z)
    system = model._moments(X, y, white, np.random.SeedSequence(0).spawn(2)[0])
    rough = system.solve(1e-4, reweight=True, debias=True)
    band = model.predict_interval(grid)
    assert np.allclose((band["low"] + band["high"]) / 2, T @ rough.coef)
    assert np.array_equal(band["prediction"], model.predict(grid))
    assert (band["standard_error"] > 1.2 * own["standard_error"]).all()


def test_bands_are_nested_and_widen_beyond_the_data():
    model, grid = fit(sample()), np.linspace(-9, 9, 19)[:, None]
    narrow, wide = (model.predict_interval(grid, level) for level in (0.5, 0.99))
    assert (narrow["low"] > wide["low"]).all()
    assert (narrow["high"] < wide["high"]).all()
    assert wide["standard_error"].iloc[0] > 2 * wide["standard_error"].iloc[9]
    with pytest.raises(ValueError, match=r"level must lie between 0 and 1, got 1\.5"):
        model.predict_interval(grid, 1.5)


# ------------------------------------------------------------ awkward data
@pytest.mark.parametrize("kind", ["duplicated", "constant", "copy of a line"])
def test_columns_that_say_nothing_new_change_nothing(kind):
    X, y, Z = sample()
    new = {"duplicated": X, "constant": np.full_like(X, 7.0), "copy of a line": 3 * X - 1}[kind]
    plain = fit((X, y, Z), n_knots=0, alpha=1.0)
    both = fit((np.column_stack([X, new]), y, Z), n_knots=0, alpha=1.0)
    assert np.allclose(both.predict(np.column_stack([X, new])), plain.predict(X), atol=1e-6)
    smooth = fit((np.column_stack([X, new]), y, Z))
    assert np.isfinite(smooth.predict(np.column_stack([X, new]))).all()


def test_repeated_instruments_and_constant_ones():
    X, y, Z = sample()
    wide = np.column_stack([Z, np.full(len(Z), 3.0)])
    assert np.allclose(fit((X, y, wide), alpha=0.01).predict(X),
                       fit((X, y, Z), alpha=0.01).predict(X), atol=1e-6)


def test_discrete_data():
    rng = np.random.default_rng(0)
    Z, e = rng.integers(0, 3, 600).astype(float), rng.normal(size=600)
    X = (Z + e > 1).astype(float)
    model = fit((X[:, None], 2 * X + e, Z))
    effect = np.diff(model.predict([[0.0], [1.0]]))[0]
    assert effect == pytest.approx(2, abs=0.5)
    ordinary = np.mean((2 * X + e)[X == 1]) - np.mean((2 * X + e)[X == 0])
    assert ordinary > 2.8
    assert model.knots_[0].size == 0


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_few_rows(n):
    """With as many parameters as rows there is no interval, not one of length 0."""
    X, y, Z = sample(n)
    model = fit((X, y, Z))
    assert np.isfinite(model.predict(X)).all()
    band = model.predict_interval(X)[["standard_error", "low", "high"]]
    assert np.isfinite(band).all(axis=None) if n > 3 else band.isna().all(axis=None)
    assert "moments_per_row" in failed(model)
    assert (model.diagnostics_["value"].dropna() >= 0).all()


@pytest.mark.parametrize(("n", "wanted"), [(20, 5), (100, 7), (300, 27), (1000, 40)])
def test_features_leave_ten_rows_per_moment(n, wanted):
    data = sample(n)
    auto, given = fit(data, alpha=1.0), fit(data, alpha=1.0, n_components=wanted)
    np.testing.assert_array_equal(auto.coef_, given.coef_)
    assert ("moments_per_row" in failed(auto)) == (n == 20)


def test_under_identified():
    X, y, _ = sample(d=2)
    with pytest.raises(ValueError, match="under-identified: the instruments identify 2 of 3"):
        fit((X, y, np.resize([0.0, 1.0], len(y))), n_knots=3)
    with pytest.raises(ValueError, match="identify 1 of 2"):
        fit((X[:, :1], y, np.ones(len(y))))


# ------------------------------------------------------------ what speaks for and against
def test_good_instruments_raise_no_doubt():
    model = fit(sample(1000))
    assert failed(model) == set()
    values = model.diagnostics_.set_index("name")["value"]
    assert values["first_stage_f"] > 20
    assert 0.02 < values["moments_per_row"] <= 43 / 1000
    assert 2 <= values["effective_degrees_of_freedom"] <= 14


def test_first_stage_is_that_of_a_regression():
    X, y, Z = data = sample(500)
    model = fit(data, reg=1e-12)
    white = Standardizer().fit(Z).transform(Z)
    F = model._moments(X, y, white, np.random.SeedSequence(0).spawn(2)[0]).F
    left = X[:, 0] - F @ np.linalg.lstsq(F, X[:, 0], rcond=None)[0]
    share, k = 1 - left.var() / X.var(), F.shape[1] - 1
    wanted = share / k / ((1 - share) / (500 - k - 1))
    value = model.diagnostics_.set_index("name")["value"]["first_stage_f"]
    assert value == pytest.approx(wanted, rel=1e-6)


def test_instruments_that_move_two_columns_in_one_way_are_doubted(rng):
    """Each column by itself is well explained; the two are not told apart."""
    Z, e = rng.normal(size=(1000, 1)), rng.normal(size=(1000, 2))
    X = Z + 0.5 * e
    model = fit((X, X.sum(axis=1) + e[:, 0], Z), alpha=1.0)
    assert "first_stage_f" in failed(model)
    assert "first_stage_f" not in failed(fit((X[:, :1], X[:, 0] + e[:, 0], Z), alpha=1.0))


def test_rows_in_another_order_are_refused():
    X, y, Z = sample(50)
    with pytest.raises(ValueError, match="Z has the row labels of X in another order"):
        fit((pd.DataFrame(X), y, pd.DataFrame(Z)[::-1]))
    with pytest.raises(ValueError, match="y has the row labels of X in another order"):
        fit((pd.DataFrame(X), pd.Series(y)[::-1], Z))


@pytest.mark.filterwarnings("default::divest.TrustWarning")
def test_instruments_that_say_nothing_are_doubted():
    X, y, Z = sample(1000)
    with pytest.warns(TrustWarning, match="KernelIVRegressor: .*first_stage_f"):
        fit((X, y, np.random.default_rng(9).normal(size=Z.shape)))


def test_smallest_ridge_of_the_path_is_doubted():
    X, _, Z = sample(600)
    model = fit((X, np.sin(6 * X[:, 0]), Z), parsimony=1.0, n_knots=30)
    assert model.alpha_ == RIDGES[0]
    assert "edge_of_path" in failed(model)


# ------------------------------------------------------------ input and scikit-learn
@pytest.mark.parametrize(("settings", "message"), [
    ({"basis": "fourier"}, "basis must be one of 'spline'; got 'fourier'"),
    ({"basis": 3}, "basis must be one of 'spline'; got 3"),
    ({"weighting": "kmm"}, "weighting must be one of 'vmm', '2sls'; got 'kmm'"),
    ({"alpha": "cv"}, "alpha must be one of 'hsic-cv'; got 'cv'"),
    ({"alpha": -1.0}, "alpha must be 0 or more, got -1.0"),
    ({"parsimony": 0.9}, "parsimony must be 1 or more, got 0.9"),
    ({"n_knots": -1}, "n_knots must be at least 0, got -1"),
    ({"n_components": 0}, "n_components must be at least 1, got 0"),
    ({"n_components": "all"}, "n_components must be one of 'auto'; got 'all'"),
    ({"reg": 0}, "reg must lie between 0 and inf, got 0"),
    ({"hsic_multiplier": 0.0}, "hsic_multiplier must lie between 0 and inf, got 0.0"),
])
def test_wrong_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        fit(sample(20), **settings)


def test_wrong_data():
    X, y, Z = sample(20)
    with pytest.raises(ValueError, match=r"one row per row of X \(20\), got 19"):
        fit((X, y, Z[:-1]))
    bad = Z.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"Z contains NaN \(row 3, column 1"):
        fit((X, y, bad))
    with pytest.raises(ValueError, match="requires y to be passed"):
        fit((X, None, Z))
    with pytest.raises(NotFittedError):
        KernelIVRegressor().predict(X)


def test_frames_and_lists():
    X, y, Z = sample(60)
    frame = pd.DataFrame(X, columns=["price"])
    model = fit((frame, pd.Series(y), pd.DataFrame(Z, columns=["a", "b"])), alpha=0.1)
    assert list(model.feature_names_in_) == ["price"]
    plain = fit((X.tolist(), y.tolist(), Z.tolist()), alpha=0.1)
    assert np.array_equal(model.predict(frame), plain.predict(X))


def test_clone_and_pickle():
    X, y, Z = sample(60)
    model = fit((X, y, Z), alpha=0.1)
    assert np.array_equal(clone(model).fit(X, y, Z=Z).coef_, model.coef_)
    again = pickle.loads(pickle.dumps(model))
    assert again.predict_interval(X).equals(model.predict_interval(X))


def test_pipeline_and_search_hand_instruments_on():
    X, y, Z = sample(1000)
    alone = fit((X, y, Z))
    with sklearn.config_context(enable_metadata_routing=True):
        step = KernelIVRegressor(random_state=0).set_fit_request(Z=True)
        pipeline = make_pipeline(StandardScaler(), step)
        routed = clone(pipeline).fit(X, y, Z=Z)
        name = "kernelivregressor__alpha"
        search = GridSearchCV(pipeline, {name: [0.01, 1e6]}, scoring=hsic_scorer, cv=3)
        search.fit(X, y, Z=Z)
    assert np.allclose(routed.predict(X), alone.predict(X))
    assert search.best_params_ == {name: 0.01}
    plain = make_pipeline(StandardScaler(), KernelIVRegressor(random_state=0))
    unrouted = plain.fit(X, y, kernelivregressor__Z=Z)
    assert np.array_equal(unrouted.predict(X), routed.predict(X))


def test_groups_make_folds_by_an_iterable():
    data = sample(60)
    parts = list(GroupKFold(3).split(data[0], groups=np.repeat(np.arange(12), 5)))
    assert fit(data, cv=parts).selection_results_["hsic"].gt(0).all()


def test_r2_prefers_the_regression_that_instruments_correct():
    """Why `score` does not judge an IV fit."""
    X, y, Z = data = sample(1000)
    by_instruments, ordinary = fit(data), fit((X, y, None))
    assert ordinary.score(X, y) > by_instruments.score(X, y)
    curve = [np.mean((model.predict(X) - np.abs(X[:, 0])) ** 2)
             for model in (by_instruments, ordinary)]
    assert curve[0] < 0.3 * curve[1]
    assert hsic_scorer(by_instruments, X, y, Z=Z) > hsic_scorer(ordinary, X, y, Z=Z)


@parametrize_with_checks([KernelIVRegressor(random_state=0),
                          KernelIVRegressor(alpha=0.1, weighting="2sls", n_knots=3)])
def test_sklearn_contract(estimator, check):
    check(estimator)
