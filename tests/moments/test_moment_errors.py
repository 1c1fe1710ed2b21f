"""What moment estimators refuse, and what they say when something is wrong with the problem."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures

from divest import TrustWarning
from divest.moments import KernelMethodOfMoments, moment_test

rng = np.random.default_rng(5)
X = rng.normal(size=(60, 1))
Z = rng.normal(size=(60, 2))
Y = X[:, 0] + rng.normal(size=60)


def mean(data, theta):
    return data.X[:, 0] - theta[0]


def two(data, theta):
    away = data.X[:, 0] - theta[0]
    return np.column_stack([away, np.tanh(2 * away)])


def residual(data, theta):
    return data.y - theta[0] * data.X[:, 0]


def fit(function=two, theta0=(0.1,), data=(X,), **settings):
    model = KernelMethodOfMoments(function, theta0=list(theta0), random_state=0, **settings)
    return model.fit(*data)


def failed(model):
    return set(model.diagnostics_.query("not passed").name)


# ------------------------------------------------------------ the moment function
@pytest.mark.parametrize(("value", "shape"), [
    (lambda d, t: two(d, t).T, "(2, 60)"),
    (lambda d, t: np.ones(3), "(3, 1)"),
    (lambda d, t: 1.0, "()"),
    (lambda d, t: np.ones((60, 2, 1)), "(60, 2, 1)"),
    (lambda d, t: np.ones((60, 0)), "(60, 0)"),
])
def test_shape_of_the_moments(value, shape):
    with pytest.raises(ValueError, match=rf"\(n, m\).* n = 60 rows; got shape {re.escape(shape)}"):
        fit(value)


def test_moments_must_be_real_numbers():
    with pytest.raises(ValueError, match="real numbers, got complex128"):
        fit(lambda d, t: two(d, t) + 1j)
    with pytest.raises(ValueError, match="real numbers, got <U1"):
        fit(lambda d, t: np.full(60, "a"))


@pytest.mark.parametrize(("gap", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_gaps_at_the_start(gap, word):
    def broken(data, theta):
        psi = two(data, theta)
        psi[7, 1] = gap
        return psi

    with pytest.raises(ValueError, match=rf"{word} in row 7 \(1 rows in all\) at theta = \[0.1\]"):
        fit(broken)


def test_gaps_of_the_jacobian_at_the_start():
    def jacobian(data, theta):
        J = -np.ones((60, 1, 1))
        J[3] = np.nan
        return J

    with pytest.raises(ValueError, match=r"jacobian gives NaN in row 3 .*at theta = \[0.1\]"):
        fit(mean, jacobian=jacobian)


def test_gaps_on_the_way_are_steps_refused():
    """log(theta) leaves no moments below zero; the first step from far away goes there."""
    rows = np.random.default_rng(0).exponential(2.0, size=(200, 1))
    visited = []

    def rate(data, theta):
        visited.append(float(theta[0]))
        x = data.X[:, 0]
        away = np.log(theta[0]) + np.log(x) + 0.5772157
        return np.column_stack([away, np.exp(-x * theta[0]) - 0.5])

    model = fit(rate, [40.0], (rows,), n_starts=1)
    assert min(np.real(visited)) <= 0
    assert model.converged_
    assert not model.fallback_
    assert model.params_.iloc[0] == pytest.approx(0.5, abs=4 * model.result_.standard_error[0])


def test_wrong_jacobian_is_named():
    def jacobian(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.stack([-np.ones(60), 2 / np.cosh(2 * away) ** 2], axis=1)[:, :, None]

    with pytest.raises(ValueError, match=r"entry \[row 0, moment 1, parameter 0\] is"):
        fit(two, jacobian=jacobian)


@pytest.mark.parametrize("J", [np.ones((60, 2, 2)), np.ones((60, 1, 1)), np.ones(60)])
def test_shape_of_the_jacobian(J):
    with pytest.raises(ValueError, match=r"jacobian must return .*\(n, m, p\)"):
        fit(two, jacobian=lambda data, theta: J)


def test_jacobian_at_a_kink_is_not_wrong():
    """Differences cannot be right for the one row at the kink."""
    x = np.sort(X, axis=0)

    def absolute(data, theta):
        return np.column_stack([data.X[:, 0] - theta[0], np.sign(data.X[:, 0] - theta[0])
                                * np.minimum(np.abs(data.X[:, 0] - theta[0]), 1)])

    def jacobian(data, theta):
        away = np.abs(data.X[:, 0] - theta[0])
        return np.column_stack([-np.ones(60), np.where(away < 1.0, -1.0, 0.0)])[:, :, None]

    fit(absolute, [x[10, 0] + 1.0], (x,), jacobian=jacobian)


# ------------------------------------------------------------ number and kind of moments
def test_fewer_moments_than_parameters():
    with pytest.raises(ValueError, match="under-identified: 1 moments for 2 parameters"):
        fit(lambda d, t: d.X[:, 0] - t[0] - t[1], [0.0, 0.0])


def test_moments_that_repeat_others_count_once():
    def repeated(data, theta):
        psi = mean(data, theta)
        return np.column_stack([psi, 2 * psi])

    with pytest.raises(ValueError, match="under-identified: 1 moments for 2 parameters"):
        fit(lambda d, t: repeated(d, t[:1]) + 0 * t[1], [0.0, 0.0])


@pytest.mark.parametrize("name", ["kmm", "cue", "el", "et"])
def test_collinear_moments_are_left_out(name):
    def collinear(data, theta):
        psi = two(data, theta)
        return np.column_stack([psi, psi @ [3.0, -1.0]])

    with pytest.warns(TrustWarning, match=r"collinear_moments = 1 .*moment \d were|: moment \d"):
        model = fit(collinear, estimator=name)
    alone = fit(two, estimator=name)
    assert len(model.dual_) == 2
    assert "collinear_moments" in failed(model)
    np.testing.assert_allclose(model.params_, alone.params_, atol=1e-6)
    assert model.j_test().pvalue == pytest.approx(alone.j_test().pvalue, rel=1e-5)


def test_collinear_instruments_are_named():
    data = (X, Y, np.column_stack([Z, Z @ [1.0, 1.0]]))
    with pytest.warns(TrustWarning, match=r"moment 0 with instrument \d"):
        model = fit(residual, data=data, instruments="linear")
    assert len(model.dual_) == 2


def test_moments_that_go_together_only_at_the_start_are_kept():
    def apart(data, theta):
        x = data.X[:, 0]
        return np.column_stack([x - theta[0], (x - theta[0]) * (1 + 5 * theta[0])
                                + theta[0] * (x**2 - 1)])

    model = fit(apart, [0.0])
    assert len(model.dual_) == 2


def test_constant_moment():
    def constant(data, theta):
        return np.column_stack([data.X[:, 0] - theta[0], np.full(60, theta[0] - 1)])

    with pytest.raises(ValueError, match=r"moment 1 has the same value in every row.*not zero"):
        fit(constant)


def test_rank_of_the_jacobian():
    def unidentified(data, theta):
        psi = two(data, theta[:1] + theta[1:])
        return np.column_stack([psi, psi[:, 0] ** 3])

    with pytest.warns(TrustWarning, match="local_identification"):
        model = fit(unidentified, [0.0, 0.0], estimator="gmm")
    assert "local_identification" in failed(model)
    assert np.isnan(model.result_.standard_error).all()
    assert np.isnan(model.confidence_interval()[["low", "high"]]).all(axis=None)


def test_fewer_rows_than_moments():
    many = rng.normal(size=(12, 12))

    def all_columns(data, theta):
        return data.X - theta[0]

    with pytest.raises(ValueError, match=r"12 moments need more than 12 rows.*reg > 0"):
        fit(all_columns, data=(many,))
    with pytest.warns(TrustWarning, match="moments_per_row"):
        fit(all_columns, data=(many,), reg=0.1, estimator="vmm")


def test_zero_outside_the_hull_gives_the_two_step_estimate():
    """Three moments that no weighting of the rows satisfies together."""
    def outside(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, away**2 + 0.01, away**3])

    for name in ("et", "kmm"):
        with pytest.warns(TrustWarning), pytest.warns(ConvergenceWarning,
                                                      match="two-step estimate is reported"):
            model = fit(outside, estimator=name)
        assert model.fallback_
        assert {"fallback", "overidentification"} <= failed(model)
        np.testing.assert_array_equal(model.params_, model.two_step_params_)


def test_guard_keeps_the_two_step_estimate():
    with pytest.warns(TrustWarning), pytest.warns(ConvergenceWarning, match="standard errors from"):
        model = fit(two, guard=1e-9)
    assert model.fallback_
    assert model.converged_
    np.testing.assert_array_equal(model.params_, model.two_step_params_)
    free = fit(two, guard=None)
    assert not free.fallback_


def test_no_convergence_is_told():
    def bent(data, theta):
        return np.column_stack([two(data, theta), np.exp(data.X[:, 0] - theta[0]) - 1.6])

    with pytest.warns(TrustWarning, match="converged = 0"), pytest.warns(ConvergenceWarning):
        model = fit(bent, max_iter=1, estimator="el", tol=1e-15)
    assert model.fallback_
    assert not model.converged_


# ------------------------------------------------------------ instruments
@pytest.mark.parametrize("instruments", ["kernel", "linear", PolynomialFeatures(2)])
def test_instruments_without_z(instruments):
    with pytest.raises(ValueError, match=r"need Z, the instruments of each row"):
        fit(residual, data=(X, Y), instruments=instruments)


def test_z_with_other_rows():
    with pytest.raises(ValueError, match="Z must have one row for each of the 60 rows of X, got 5"):
        fit(residual, data=(X, Y, Z[:5]))
    with pytest.raises(ValueError, match="y must have one row for each of the 60 rows of X, got 7"):
        fit(residual, data=(X, Y[:7], Z))


@pytest.mark.parametrize("place", ["X", "y", "Z"])
def test_gaps_in_the_data(place):
    data = {"X": X.copy(), "y": Y.copy(), "Z": Z.copy()}
    data[place][4] = np.nan
    with pytest.raises(ValueError, match=f"{place} contains NaN .row 4"):
        fit(residual, data=(data["X"], data["y"], data["Z"]))


def test_transformer_that_makes_gaps():
    broken = FunctionTransformer(lambda Z: np.full_like(Z, np.nan))
    with pytest.raises(ValueError, match="instruments must turn Z into finite features"):
        fit(residual, data=(X, Y, Z), instruments=broken)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_few_distinct_instruments_give_few_features():
    model = fit(residual, data=(X, Y, np.repeat([[0.0], [1.0], [2.0]], 20, axis=0)),
                selection=None)
    assert len(model.dual_) == 3


# ------------------------------------------------------------ starts
def test_start_is_missing():
    with pytest.raises(ValueError, match="theta0 is missing"):
        KernelMethodOfMoments(two).fit(X)


@pytest.mark.parametrize(("theta0", "message"), [
    (1.0, "list of p numbers"), ([], "list of p numbers"), ([np.nan], "finite"),
    (["a"], "hold numbers"), (np.zeros((1, 1, 1)), "list of p numbers"),
])
def test_wrong_starts(theta0, message):
    with pytest.raises(ValueError, match=message):
        KernelMethodOfMoments(two, theta0=theta0).fit(X)


def test_fewer_starting_parameters_than_the_function_reads():
    with pytest.raises(ValueError, match=r"cannot be used with theta of 1 number \(index 1"):
        fit(lambda d, t: two(d, t[:1]) * t[1], [0.0])


def test_columns_by_name():
    with pytest.raises(ValueError, match=r"columns by number \(data.X\[:, 0\]\)"):
        fit(lambda data, theta: data.X["x"] - theta[0])


@pytest.mark.parametrize("answer", [np.nan, None, "low"])
def test_selection_without_an_answer(answer):
    model = KernelMethodOfMoments(residual, theta0=[0.0], selection=lambda u, Z: answer, reg=1e-2)
    with pytest.raises(ValueError, match=r"selection.* must return a finite number"):
        model.fit(X, Y, Z)


def test_tables_in_another_order():
    table = pd.DataFrame(X, columns=["x"])
    model = KernelMethodOfMoments(residual, theta0=[0.0])
    with pytest.raises(ValueError, match="y has the row labels of X in another order"):
        model.fit(table, pd.Series(Y).iloc[::-1])
    model.fit(table, pd.Series(Y, index=np.arange(60) + 7))  # labels of their own: by position


def test_few_groups():
    groups = np.arange(60) % 2
    model = KernelMethodOfMoments(two, theta0=[0.0], random_state=0)
    with pytest.warns(TrustWarning, match="few_groups = 2"):
        model.fit(X, groups=groups)
    assert np.isnan(model.j_test().pvalue)
    assert "no more groups than moments" in model.j_test().method


def test_search_that_ran_away():
    """exp(-theta) falls to zero, and takes the Jacobian with it."""
    def flat(data, theta):
        return np.column_stack([data.X[:, 0], data.X[:, 0] ** 3]) + np.exp(-theta[0])

    shifted = X + 0.5 - X.mean()
    with pytest.warns(TrustWarning, match="local_identification"):
        model = fit(flat, [30.0], (shifted,), estimator="gmm", n_starts=1)
    assert model.result_.standard_error[0] > 1e6 * abs(model.params_.iloc[0])
    row = model.diagnostics_.set_index("name").loc["local_identification"]
    assert row.value > row.threshold  # the number says so too


# ------------------------------------------------------------ parameters
@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"estimator": "ols"}, ValueError, "estimator must be one of"),
    ({"divergence": "hellinger"}, ValueError, "divergence must be one of"),
    ({"divergence": "log"}, ValueError, "does not go with estimator='kmm'"),
    ({"epsilon": 0.0}, ValueError, "epsilon must lie between 0"),
    ({"epsilon": "1"}, TypeError, "epsilon must be a number"),
    ({"reg": -1.0}, ValueError, "reg must be 'auto' or a number"),
    ({"reg": "some"}, ValueError, "reg must be one of 'auto'"),
    ({"instruments": "spline"}, ValueError, "instruments must be one of"),
    ({"n_components": 0}, ValueError, "n_components must be at least 1"),
    ({"approximation": "exact"}, ValueError, "approximation must be one of"),
    ({"selection": "aic"}, ValueError, "selection must be one of"),
    ({"n_reference": -1}, ValueError, "n_reference must be at least 0"),
    ({"n_reference": 5, "estimator": "et"}, ValueError, "n_reference needs estimator='kmm'"),
    ({"guard": "none"}, ValueError, "guard must be one of 'auto'"),
    ({"guard": -1.0}, ValueError, "guard must lie between 0"),
    ({"cov_type": "bootstrap"}, ValueError, "cov_type must be one of"),
    ({"cov_type": "cluster"}, ValueError, "cov_type='cluster' needs groups"),
    ({"max_lags": -1}, ValueError, "max_lags must be at least 0"),
    ({"tol": 0.0}, ValueError, "tol must lie between 0"),
    ({"jacobian": 1}, TypeError, r"jacobian must be a function of \(data, theta\)"),
])
def test_wrong_parameters(settings, error, message):
    with pytest.raises(error, match=message):
        fit(**settings)


def test_moment_function_must_be_a_function():
    with pytest.raises(TypeError, match=r"moment_function must be a function of \(data, theta\)"):
        fit("psi")


@pytest.mark.parametrize(("weights", "message"), [
    (np.ones(3), r"shape \(60,\), got shape \(3,\)"), (-np.ones(60), "entry 0 is -1"),
    (np.zeros(60), "zero for every row"), (["a"] * 60, "hold numbers"),
])
def test_wrong_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        KernelMethodOfMoments(two, theta0=[0.0]).fit(X, sample_weight=weights)


@pytest.mark.parametrize(("groups", "message"), [
    (np.arange(3), r"shape \(60,\)"), (np.zeros(60), "at least 2 different groups"),
    (np.where(np.arange(60) < 3, np.nan, 1.0), "missing values"),
])
def test_wrong_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        KernelMethodOfMoments(two, theta0=[0.0]).fit(X, groups=groups)


def test_groups_without_a_use():
    with pytest.raises(ValueError, match="groups have no place in cov_type='hac'"):
        KernelMethodOfMoments(two, theta0=[0.0], cov_type="hac").fit(X, groups=np.arange(60))


# ------------------------------------------------------------ questions
def test_questions_before_the_fit():
    model = KernelMethodOfMoments(two, theta0=[0.0])
    for ask in (model.j_test, model.confidence_interval, model.confidence_set, model.summary):
        with pytest.raises(NotFittedError):
            ask()


def test_wrong_questions():
    model = fit(two)
    with pytest.raises(ValueError, match="method must be one of 'wald', 'nw', 's', 'lr'"):
        model.confidence_interval(method="bootstrap")
    for method in ("wald", "nw", "s", "lr"):
        with pytest.raises(ValueError, match="level must lie between 0 and 1"):
            model.confidence_interval(1.5, method)
    with pytest.raises(ValueError, match="theta must hold 1 number"):
        model.moment_test([0.0, 1.0])
    with pytest.raises(ValueError, match="R must have one column per parameter"):
        model.wald_test([[1.0, 2.0]])
    with pytest.raises(ValueError, match="no instruments"):
        model.instrument_function(Z)
    with pytest.raises(ValueError, match="grid must have the parameters theta_0, got b"):
        model.confidence_set(grid={"b": [0.0]})
    with pytest.raises(ValueError, match="grid must hold points"):
        model.confidence_set(grid=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"2 features, but .* expecting 1 features"):
        model.score(np.zeros((3, 2)))


def test_sets_that_need_a_profile():
    for name in ("gmm", "vmm", "mmr"):
        model = fit(two, estimator=name)
        with pytest.raises(ValueError, match="method='nw' needs a profile estimate"):
            model.confidence_interval(method="nw")
        with pytest.raises(ValueError, match="method='lr' needs an estimate that minimises"):
            model.confidence_interval(method="lr")
    for settings in ({"epsilon": 0.5}, {"reg": 0.01}):
        with pytest.raises(ValueError, match="needs epsilon of 1 or more and reg of at most"):
            fit(two, **settings).confidence_interval(method="lr")


def test_reference_draws_forbid_robust_sets():
    with pytest.warns(TrustWarning, match="reference_draws = 30"):
        model = fit(two, n_reference=30)
    for ask in (lambda: model.moment_test([0.0]), lambda: model.confidence_interval(method="s"),
                lambda: model.confidence_interval(method="lr"), model.confidence_set):
        with pytest.raises(ValueError, match="not available with n_reference=30"):
            ask()


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_score_needs_the_instruments_of_the_fit():
    model = fit(residual, data=(X, Y, Z), instruments="linear")
    with pytest.raises(ValueError, match="fitted with instruments: score needs Z"):
        model.score(X, Y)
    with pytest.raises(ValueError, match="Z must have the 2 columns of the fit, got 1"):
        model.score(X, Y, Z[:, :1])
    with pytest.raises(ValueError, match=r"y must have one row for each of the .* got 0"):
        model.score(X, [], Z)


def test_moment_test_refuses_the_same():
    with pytest.raises(ValueError, match="theta must hold 2 number"):
        moment_test(two, X, theta=[[0.0, 1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="need Z"):
        moment_test(residual, X, Y, theta=[0.0], instruments="kernel")
    with pytest.raises(ValueError, match="NaN in row 0"):
        moment_test(lambda d, t: d.X[:, 0] * np.nan, X, theta=[0.0])
    with pytest.raises(ValueError, match="theta must"):
        moment_test(two, X, theta=None)
    with pytest.raises(ValueError, match="y has the row labels of X in another order"):
        moment_test(residual, pd.DataFrame(X), pd.Series(Y).iloc[::-1], theta=[0.0])


def test_moment_test_where_moments_are_not_finite():
    def logs(data, theta):
        return np.column_stack([np.log(theta[0]) - data.X[:, 0],
                                theta[0] - 1 - np.tanh(data.X[:, 0])])

    model = fit(logs, [1.0], estimator="gmm")
    with pytest.raises(ValueError, match=r"NaN in row 0 .* at theta = \[-1\]"):
        model.moment_test([-1.0])


def test_moment_test_needs_no_identification():
    """Two parameters and one moment: the test that its mean is zero."""
    u = Y - 0.1 - 0.9 * X[:, 0]
    found = moment_test(lambda d, t: d.y - t[0] - t[1] * d.X[:, 0], X, Y, theta=[0.1, 0.9],
                        epsilon=1e6)
    assert found.pvalue == pytest.approx(chi2.sf(60 * u.mean()**2 / u.var(), 1), abs=0.02)


def test_no_other_warning_escapes():
    """Not even from a moment function that divides by zero on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(lambda d, t: np.column_stack([d.X[:, 0] - t[0], 1 / np.exp(d.X[:, 0] - t[0]) - 1.6]))


def test_an_error_that_rests_on_a_few_rows_is_doubtful(rng):
    """An exponential curve through a line: the last moments are those of the largest x alone."""
    x = rng.normal(size=(300, 1))
    y = 1 + x[:, 0] + rng.normal(size=300)

    def residual(data, theta):
        away = data.y - np.exp(theta[0] + theta[1] * data.X[:, 0])
        return away[:, None] * data.X[:, :1]**np.arange(3)

    def line(data, theta):
        return (data.y - theta[0] - theta[1] * data.X[:, 0])[:, None] * data.X**np.arange(2)

    with pytest.warns(TrustWarning, match="influential_rows"):
        model = KernelMethodOfMoments(residual, theta0=[0.0, 0.0], estimator="gmm").fit(x, y)
    curve = model.diagnostics_.set_index("name").loc["influential_rows"]
    model = KernelMethodOfMoments(line, theta0=[0.0, 0.0], estimator="gmm").fit(x, y)
    straight = model.diagnostics_.set_index("name").loc["influential_rows"]
    assert curve["value"] < curve["threshold"] == 10
    assert straight["value"] > 50  # products of normals: 300 E(u^2)^2 / E(u^4) = 33 to 100


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_sets_need_more_groups_than_moments(rng):
    rows = rng.normal(size=(60, 1))
    model = KernelMethodOfMoments(lambda data, theta: (data.X - theta)**np.arange(1, 6, 2),
                                  theta0=[0.0], cov_type="cluster")
    model.fit(rows, groups=np.repeat([0, 1, 2], 20))
    for ask in (lambda: model.moment_test([0.0]), lambda: model.confidence_interval(method="s"),
                model.confidence_set):
        with pytest.raises(ValueError, match="S sets need more groups than moments, got 3 groups"):
            ask()
