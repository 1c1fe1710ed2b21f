"""The kernel method of moments: known numbers, its options, tests, intervals and sets."""

import numpy as np
import pandas as pd
import pytest
from centers import center, center_jacobian
from scipy import stats
from sklearn.kernel_approximation import Nystroem
from sklearn.preprocessing import FunctionTransformer

from divest import ConvergenceWarning, HypothesisResult, TrustWarning
from divest.moments import ConfidenceSet, KernelMethodOfMoments, MomentData, moment_test
from divest.moments._selection import InstrumentPairs

X = np.random.default_rng(0).laplace(size=(200, 1))


def fit(**settings):
    settings = {"theta0": [np.median(X)], "random_state": 0} | settings
    return KernelMethodOfMoments(center, **settings).fit(X)


def line(data, theta):
    return data.y - theta[0] * data.X[:, 0]


def instrumented(n=300, L=3, strength=50.0, seed=0):
    """Heteroskedastic linear IV with slope 1."""
    rng = np.random.default_rng(seed)
    Z, v = rng.standard_normal((n, L)), rng.standard_normal(n)
    u = (0.8 * v + 0.6 * rng.standard_normal(n)) * np.sqrt(0.5 + 0.5 * Z[:, 0] ** 2)
    x = Z @ np.full(L, np.sqrt(strength / n)) + v
    return x[:, None], x + u, Z


# ------------------------------------------------------------ known numbers
@pytest.mark.parametrize(("settings", "theta", "robust", "nw"), [
    ({"estimator": "cue"}, 0.14383113, 0.082184, 0.083332),
    ({"estimator": "el"}, 0.14378516, 0.082184, 0.083277),
    ({"estimator": "et"}, 0.14381791, 0.082183, 0.083306),
    ({"estimator": "kmm"}, 0.14403331, 0.082190, 0.083125),
    ({"estimator": "kmm", "epsilon": 0.01}, 0.14619929, 0.082510, 0.082667),
    ({"estimator": "kmm", "divergence": "chi2"}, 0.14404460, 0.082191, None),
    ({"estimator": "el", "reg": 0.01}, 0.14459180, None, None),
    ({"estimator": "kmm", "reg": 0.01}, 0.14485941, None, None),
])
def test_fixed_numbers(settings, theta, robust, nw):
    """Of a slow plain implementation on the same 200 rows."""
    model = fit(**settings)
    assert model.params_.iloc[0] == pytest.approx(theta, abs=1e-6)
    for name, error in (("robust", robust), ("nw", nw)):
        if error is not None:
            assert fit(cov_type=name, **settings).result_.standard_error[0] == pytest.approx(
                error, rel=1e-3)


def test_fixed_tests():
    model = fit()
    J = fit(estimator="cue").j_test()
    assert J.statistic == pytest.approx(0.127654, abs=1e-6)
    assert J.pvalue == pytest.approx(0.72088, abs=1e-5)
    for theta, statistic, pvalue in ((0.1, 0.47243170, 0.80710591), (0.0, 3.85484818, 0.17247519)):
        for result in (model.moment_test([theta]),
                       moment_test(center, X, theta=[theta], random_state=1)):
            assert result.statistic == pytest.approx(statistic, abs=1e-6)
            assert result.pvalue == pytest.approx(pvalue, abs=1e-6)
    assert model._inference.fit.n * 2 * 0.0011810792 == pytest.approx(0.47243170, abs=1e-6)


def test_other_landmarks_change_little():
    thetas = [fit(random_state=seed, n_components_mmd=20).params_.iloc[0] for seed in range(3)]
    thetas.append(fit(approximation="rff").params_.iloc[0])
    np.testing.assert_allclose(thetas, 0.14403331, atol=4e-3)
    assert np.ptp(thetas) > 0


@pytest.mark.parametrize("name", ["kmm", "fgel", "et", "el", "cue", "gmm", "vmm"])
def test_derivatives_by_any_route(name):
    """The user's, the complex step, and differences where that does not work."""
    def real_only(data, theta):
        return center(data, np.real(theta))  # the imaginary part is lost

    given, step = fit(estimator=name, jacobian=center_jacobian), fit(estimator=name)
    differences = KernelMethodOfMoments(real_only, theta0=[np.median(X)], estimator=name,
                                        random_state=0).fit(X)
    routes = [model._psi.derivative for model in (given, step, differences)]
    assert routes == ["given", "complex", "central"]
    for other in (step, differences):
        np.testing.assert_allclose(other.params_, given.params_, atol=1e-7)
        np.testing.assert_allclose(other.cov_params_, given.cov_params_, rtol=1e-5)


def test_complex_step_is_given_up_where_it_turns_wrong():
    """Right at the start, where all values are on one side of the kink, wrong at the estimate."""
    def kinked(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.where(away.real < -12, away, np.sign(away.real) * np.abs(away))

    model = KernelMethodOfMoments(kinked, theta0=[30.0], n_starts=1, random_state=0).fit(X)
    assert model._psi.derivative == "central"
    assert model.params_.iloc[0] == pytest.approx(X.mean(), abs=1e-8)


# ------------------------------------------------------------ what a fit leaves
@pytest.mark.parametrize("settings", [
    {"estimator": "kmm"}, {"estimator": "kmm", "epsilon": 0.01}, {"estimator": "et"},
    {"estimator": "el"}, {"estimator": "cue"}, {"estimator": "kmm", "divergence": "chi2"},
    {"estimator": "fgel", "divergence": "log"},
], ids=str)
def test_weights_satisfy_the_moments(settings):
    model = fit(**settings)
    assert model.weights_.sum() == pytest.approx(1.0, abs=1e-12)
    moments = center(MomentData(X, None, None), model.params_.to_numpy())
    np.testing.assert_allclose(model.weights_ @ moments, 0.0, atol=1e-8)
    assert (model.weights_ >= 0).all()


def test_weights_of_least_squares_are_those_of_the_rows():
    weights = np.random.default_rng(3).uniform(1, 2, 200)
    model = KernelMethodOfMoments(center, theta0=[0.0], estimator="gmm").fit(
        X, sample_weight=weights)
    np.testing.assert_allclose(model.weights_, weights / weights.sum())


def test_result_and_summary():
    model = fit(theta0={"mid": 0.0})
    frame = model.result_.to_frame()
    assert list(frame) == ["parameter", "estimate", "standard_error", "statistic", "pvalue",
                           "low", "high"]
    assert list(frame["parameter"]) == ["mid"] == list(model.params_.index)
    assert frame["estimate"].iloc[0] == model.params_["mid"]
    assert frame["standard_error"].iloc[0] == np.sqrt(model.cov_params_.loc["mid", "mid"])
    text = model.summary()
    assert "kmm (nw standard errors), 200 rows" in text
    assert "J test (chi-square with 1 degrees of freedom): 0.1277, p = 0.7209" in text
    pd.testing.assert_frame_equal(model.confidence_interval().set_index("parameter"),
                                  frame.set_index("parameter")[["low", "high"]])
    assert "<table" in model.result_._repr_html_()


def test_several_parameters_and_starts():
    def spread(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, np.tanh(2 * away), away**2 - theta[1]])

    starts = pd.DataFrame({"mid": [0.0, 1.0], "variance": [1.0, 3.0]})
    model = KernelMethodOfMoments(spread, theta0=starts, random_state=0).fit(X)
    assert list(model.params_.index) == ["mid", "variance"]
    assert model.params_["variance"] == pytest.approx(X.var(), rel=0.05)
    other = KernelMethodOfMoments(spread, random_state=0).fit(X, theta0=[0.3, 2.0])
    np.testing.assert_allclose(other.params_, model.params_, atol=1e-5)


def test_score_of_the_same_rows_is_the_objective():
    model = fit(estimator="gmm")
    assert model.score(X) == pytest.approx(-model.objective_, rel=1e-6)
    assert model.score(X + 0.5) < model.score(X + 0.2) < model.score(X)


def test_residuals_are_the_moments_at_the_estimate():
    model = fit()
    data = MomentData(X[:9], None, None)
    np.testing.assert_allclose(model.residuals(X[:9]), center(data, model.params_.to_numpy()))


# ------------------------------------------------------------ covariances
def test_covariances_of_dependent_rows():
    single = KernelMethodOfMoments(center, theta0=[0.0], estimator="et", cov_type="robust",
                                   random_state=0).fit(X)
    one_each = KernelMethodOfMoments(center, theta0=[0.0], estimator="et", cov_type="cluster",
                                     random_state=0).fit(X, groups=np.arange(200))
    np.testing.assert_allclose(one_each.cov_params_, single.cov_params_, rtol=1e-10)
    copies = np.repeat(X, 2, axis=0)
    twice = KernelMethodOfMoments(center, theta0=[0.0], estimator="et", cov_type="cluster",
                                  random_state=0).fit(copies, groups=np.repeat(np.arange(200), 2))
    np.testing.assert_allclose(twice.cov_params_, single.cov_params_, rtol=1e-6)
    assert twice.j_test().statistic == pytest.approx(single.j_test().statistic, rel=1e-4)
    assert "cluster standard errors" in twice.summary()
    no_lags = fit(estimator="et", cov_type="hac", max_lags=0)
    np.testing.assert_allclose(no_lags.cov_params_, single.cov_params_, rtol=1e-6)
    assert not np.allclose(fit(estimator="et", cov_type="hac").cov_params_, single.cov_params_,
                           rtol=1e-3)


def test_groups_are_heeded_by_the_automatic_covariance():
    copies, groups = np.repeat(X, 2, axis=0), np.repeat(np.arange(200), 2)
    model = KernelMethodOfMoments(center, theta0=[0.0], estimator="et", random_state=0)
    twice = model.fit(copies, groups=groups)
    assert "nw, cluster standard errors" in twice.result_.method
    np.testing.assert_allclose(twice.cov_params_, fit(estimator="et").cov_params_, rtol=1e-5)


# ------------------------------------------------------------ tests, intervals and sets
def test_wald_test_is_the_square_of_the_statistic():
    model = fit()
    row = model.result_.to_frame().iloc[0]
    result = model.wald_test([1.0])
    assert isinstance(result, HypothesisResult)
    assert result.statistic == pytest.approx(row["statistic"] ** 2)
    assert result.pvalue == pytest.approx(row["pvalue"])
    assert model.wald_test([[1.0]], model.params_.iloc[0]).pvalue == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["s", "lr"])
def test_ends_of_robust_intervals(method):
    """At an end the test is at its level."""
    model = fit()
    (low, high), = model.confidence_interval(0.9, method)[["low", "high"]].to_numpy()
    assert low < model.params_.iloc[0] < high
    for end in (low, high):
        if method == "s":
            assert model.moment_test([end]).pvalue == pytest.approx(0.1, rel=1e-4)
        else:
            gap = model.moment_test([end]).statistic - 2 * 200 * model.objective_
            assert stats.chi2.sf(gap, 1) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize("name", ["kmm", "et", "el", "cue"])
def test_parameters_far_away_are_rejected(name):
    """There the weights pile up on few rows, under which moments hardly vary."""
    def two(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, np.tanh(2 * away), away**2 - np.exp(theta[1])])

    model = KernelMethodOfMoments(two, theta0=[0.1, 0.6], estimator=name, random_state=0).fit(X)
    for log_variance in (-1.0, -3.0, -7.0, 5.0):
        assert model.moment_test([0.13, log_variance]).pvalue < 1e-6
    assert model.moment_test([0.13, np.log(X.var())]).pvalue > 0.05


def test_interval_and_set_agree():
    model = fit()
    found = model.confidence_set(0.95)
    assert isinstance(found, ConfidenceSet)
    (low, high), = model.confidence_interval(method="s")[["low", "high"]].to_numpy()
    (piece,) = found.intervals
    assert piece.low == pytest.approx(low, abs=5e-4)
    assert piece.high == pytest.approx(high, abs=5e-4)
    assert not found.empty
    assert not found.unbounded
    coarse = model.confidence_set(grid=[-5.0, 0.1, 5.0])
    np.testing.assert_array_equal(coarse.accepted, [False, True, False])


def test_projection_onto_each_of_two_parameters():
    """Ends against the largest p-value over a fine grid of the other parameter.

    It is near the level, not at it: the other is where the objective is smallest, which is not
    quite where the p-value is largest.
    """
    def two(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, np.tanh(2 * away), away**2 - np.exp(theta[1])])

    model = KernelMethodOfMoments(two, theta0=[0.1, 0.6], estimator="et", random_state=0).fit(X)
    hull = model.confidence_interval(method="s")
    errors = model.result_.standard_error
    for j in (0, 1):
        end = hull["high"].iloc[j]
        other = model.params_.iloc[1 - j] + np.linspace(-4, 4, 81) * errors[1 - j]
        grid = np.column_stack([np.full(81, end), other] if j == 0
                               else [other, np.full(81, end)])
        assert 0.0499 < model.confidence_set(grid=grid).pvalue.max() < 0.065
    axes = {name: model.params_[name] + np.linspace(-7, 7, 29) * error
            for name, error in zip(model.params_.index, errors, strict=True)}
    whole = model.confidence_set(grid=axes)
    for name, (low, high) in zip(model.params_.index, hull[["low", "high"]].to_numpy(),
                                 strict=True):
        (piece,) = whole.pieces(name)
        step = np.diff(np.unique(whole.grid[name]))[0]
        assert piece.low == pytest.approx(low, abs=step)
        assert piece.high == pytest.approx(high, abs=step)
    wald = model.confidence_interval()
    assert (hull["high"] - hull["low"] > wald["high"] - wald["low"]).all()


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_set_without_an_end():
    x, y, Z = instrumented(L=2, strength=0.0)
    model = KernelMethodOfMoments(line, theta0=[1.0], instruments="linear", random_state=0)
    hull = model.fit(x, y, Z).confidence_interval(method="s")
    assert hull["low"].iloc[0] == -np.inf
    assert hull["high"].iloc[0] == np.inf
    assert np.isfinite(model.confidence_interval()[["low", "high"]]).all(axis=None)
    assert model.confidence_set(grid=np.linspace(-50, 50, 101)).unbounded


def test_empty_set():
    def impossible(data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, away**2 - 1, np.abs(away) - 2])

    with pytest.warns(TrustWarning, match="overidentification"):
        model = KernelMethodOfMoments(impossible, theta0=[0.0], estimator="vmm",
                                      random_state=0).fit(X)
    with pytest.warns(TrustWarning, match="theta_0: the set is empty"):
        hull = model.confidence_interval(method="s")
    assert np.isnan(hull[["low", "high"]]).all(axis=None)
    assert model.confidence_set().empty


def test_set_in_two_pieces():
    """x^2 tells the size of theta, not its sign."""
    rows = np.random.default_rng(4).normal(0.6, 1.0, size=(400, 1))

    def size(data, theta):
        return data.X[:, 0] ** 2 - 1 - theta[0] ** 2

    model = KernelMethodOfMoments(size, theta0=[0.5], n_starts=1, estimator="et").fit(rows)
    reach = model.params_.iloc[0] + np.linspace(-2, 1, 301)
    found = model.confidence_set(grid=reach)
    assert len(found.intervals) == 2
    with pytest.warns(TrustWarning, match="falls into 2 pieces"):
        hull = model.confidence_interval(method="s")
    assert hull["low"].iloc[0] == pytest.approx(found.intervals[0].low, abs=0.01)
    assert hull["high"].iloc[0] == pytest.approx(found.intervals[1].high, abs=0.01)


# ------------------------------------------------------------ instruments
@pytest.mark.parametrize("name", ["kmm", "cue", "el", "et", "fgel", "gmm", "vmm", "mmr"])
def test_instruments_identify_a_slope(name):
    x, y, Z = instrumented()
    model = KernelMethodOfMoments(line, theta0=[0.0], estimator=name, instruments="linear",
                                  random_state=0).fit(x, y, Z)
    assert len(model.dual_) == 3
    assert model.params_.iloc[0] == pytest.approx(1.0, abs=4 * model.result_.standard_error[0])
    same = KernelMethodOfMoments(line, theta0=[0.0], estimator=name, random_state=0,
                                 instruments=FunctionTransformer()).fit(x, y, Z)
    assert same.params_.iloc[0] == model.params_.iloc[0]


def test_instrument_function_is_the_witness():
    """Its products with psi have the mean that the multipliers give."""
    x, y, Z = instrumented()
    model = KernelMethodOfMoments(lambda d, t: np.column_stack([line(d, t), line(d, t) ** 3]),
                                  theta0=[0.0], estimator="gmm", instruments="linear").fit(x, y, Z)
    data = MomentData(x, y, Z)
    residual = line(data, model.params_.to_numpy())
    psi = np.column_stack([residual, residual**3])
    values = model.instrument_function(Z)
    assert values.shape == (300, 2)
    gbar = model._inference.gbar
    assert (psi * values).sum(axis=1).mean() == pytest.approx(gbar @ model.dual_)
    alone = KernelMethodOfMoments(line, theta0=[0.0], estimator="gmm",
                                  instruments="linear").fit(x, y, Z)
    np.testing.assert_allclose(alone.instrument_function(Z), Z @ alone.dual_)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_selection_among_kernel_instruments():
    x, y, Z = instrumented()
    results = {}
    for choice in ("hsic", "hsic-profile", "mmr", None,
                   lambda residual, Z: abs(residual @ Z[:, 0])):
        model = KernelMethodOfMoments(line, theta0=[0.0], selection=choice, n_components=20,
                                      random_state=0).fit(x, y, Z)
        table = model.selection_results_
        assert list(table) == ["bandwidth_multiplier", "reg", "n_moments", "criterion",
                               "converged", "selected"]
        assert table["selected"].sum() == 1
        results[choice] = table
        if choice is None:
            assert table[["bandwidth_multiplier", "reg"]].to_numpy().tolist() == [[0.5, 1e-3]]
            assert np.isnan(table["criterion"]).all()
        else:
            assert len(table) == 9
            assert table["criterion"].idxmin() == table["selected"].idxmax()
            assert sorted(set(table["bandwidth_multiplier"])) == pytest.approx([0.35, 0.5, 0.75])
            assert sorted(set(table["reg"])) == [1e-5, 1e-3, 1e-2]
    assert not np.allclose(results["hsic"]["criterion"], results["hsic-profile"]["criterion"])
    by_hand = KernelMethodOfMoments(line, theta0=[0.0], selection=None, n_components=20, reg=1e-2,
                                    bandwidth_multiplier=0.75, random_state=0).fit(x, y, Z)
    assert by_hand.selection_results_["reg"].tolist() == [1e-2]


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_selection_sees_the_weights(rng):
    x, y, Z = instrumented()
    w = rng.uniform(0.2, 3, len(x))
    w[:5] = 0
    model = KernelMethodOfMoments(line, theta0=[0.0], n_components=20, random_state=0)
    model.fit(x, y, Z, sample_weight=w)
    residual = line(MomentData(x, y, Z), model.two_step_params_.to_numpy())[5:]
    weighted = InstrumentPairs(Z[5:], weights=w[5:]).hsic(residual)
    assert model.selection_results_["criterion"].min() == pytest.approx(weighted, rel=1e-9)
    assert weighted != pytest.approx(InstrumentPairs(Z[5:]).hsic(residual), rel=0.01)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize(("name", "rows"), [("cue", 3), ("gmm", 3), ("mmr", 3), ("vmm", 9)])
def test_grid_of_estimators_without_a_ridge(name, rows):
    x, y, Z = instrumented()
    model = KernelMethodOfMoments(line, theta0=[0.0], estimator=name, n_components=8,
                                  random_state=0).fit(x, y, Z)
    assert len(model.selection_results_) == rows
    if name in ("cue", "gmm"):
        assert (model.selection_results_["reg"] == 0).all()


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_any_transformer_makes_instruments():
    x, y, Z = instrumented()
    landmarks = Nystroem(n_components=6, random_state=0)
    model = KernelMethodOfMoments(line, theta0=[0.0], instruments=landmarks, reg=1e-3,
                                  random_state=0).fit(x, y, Z)
    assert len(model.dual_) == 6
    assert not hasattr(landmarks, "components_")
    assert np.isfinite(model.score(x[:50], y[:50], Z[:50]))


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_scale_of_the_moments_does_not_matter_with_kernel_instruments():
    x, y, Z = instrumented()
    thetas = [KernelMethodOfMoments(line, theta0=[0.0], n_components=10, random_state=0).fit(
        x, c * y, Z).params_.iloc[0] / c for c in (1.0, 100.0)]
    assert thetas[0] == pytest.approx(thetas[1], rel=1e-5)


# ------------------------------------------------------------ options
def test_reference_draws_join_the_rows():
    with pytest.warns(TrustWarning, match="standard errors ignore the noise of the draws"):
        model = fit(n_reference=100, reference_bandwidth=0.3)
    assert len(model.weights_) == 300
    assert model.weights_.sum() == pytest.approx(1.0)
    away = np.abs(model.params_.iloc[0] - fit().params_.iloc[0])
    assert 0 < away < model.result_.standard_error[0]
    assert np.isfinite(model.j_test().pvalue)
    with pytest.warns(TrustWarning):
        again = fit(n_reference=100, reference_bandwidth=0.3)
    assert again.params_.iloc[0] == model.params_.iloc[0]


def test_steps_of_gmm():
    """One step has equal weights; two is what the textbook says."""
    assert fit(estimator="gmm", n_steps=1).params_.iloc[0] == pytest.approx(
        fit(estimator="mmr").params_.iloc[0])
    first = fit(estimator="mmr").params_.to_numpy()
    g = center(MomentData(X, None, None), first)
    W = np.linalg.inv(g.T @ g / 200)
    second = fit(estimator="gmm").params_.to_numpy()
    data = MomentData(X, None, None)
    gradient = center_jacobian(data, second).mean(axis=0).T @ W @ center(data, second).mean(axis=0)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-7)


def test_strong_and_weak_instruments_are_told_apart():
    x, y, Z = instrumented()
    strong = KernelMethodOfMoments(line, theta0=[1.0], instruments="linear").fit(x, y, Z)
    assert strong.diagnostics_["passed"].all()
    x, y, Z = instrumented(L=10, strength=2.0, seed=1001)
    told = r"weak_identification = .*confidence_interval\(method='s'\)"
    with pytest.warns(TrustWarning, match=told):
        KernelMethodOfMoments(line, theta0=[1.0], instruments="linear").fit(x, y, Z)


def test_diagnostics_of_a_good_fit():
    table = fit().diagnostics_
    assert list(table) == ["name", "value", "threshold", "passed", "advice"]
    assert list(table["name"]) == [
        "converged", "fallback", "local_identification", "weak_identification", "moments_per_row",
        "effective_sample_size", "negative_weight_share", "overidentification",
        "start_sensitivity", "influential_rows"]
    assert table["passed"].all()


def test_negative_weights_are_told():
    def unit_variance(data, theta):  # which is not so
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away, away**2 - 1])

    with pytest.warns(TrustWarning, match="negative_weight_share"):
        model = KernelMethodOfMoments(unit_variance, theta0=[0.0], estimator="cue",
                                      random_state=0).fit(X)
    assert model.weights_.min() < 0


def test_starts_that_end_elsewhere_are_told():
    """The size of theta is identified, its sign is not."""
    rows = np.random.default_rng(4).normal(2.0, 1.0, size=(400, 1))

    def size(data, theta):
        return data.X[:, 0] ** 2 - 1 - theta[0] ** 2

    with pytest.warns(TrustWarning, match="start_sensitivity"):
        KernelMethodOfMoments(size, theta0=[[1.5], [-1.5]], estimator="et").fit(rows)


def test_fallback_is_reported():
    with pytest.warns(ConvergenceWarning, match="two-step estimate is reported"), \
            pytest.warns(TrustWarning, match="fallback = 1"):
        model = fit(guard=1e-9)
    assert model.result_.method == "kmm, two-step (robust standard errors)"
    assert model.params_.iloc[0] == model.two_step_params_.iloc[0]
    assert model.params_.iloc[0] == pytest.approx(fit(estimator="vmm").params_.iloc[0])
