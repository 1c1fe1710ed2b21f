"""KernelSteinTest as users meet it: nulls, models, edges, refusals, verdicts."""

import warnings

import numpy as np
import pandas as pd
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.mixture import GaussianMixture

from divest import KernelSteinTest, TrustWarning, kernel_stein_test
from divest.goodness_of_fit import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_score_model,
)
from divest.kernels import imq, matern32, median_bandwidth, rbf
from divest.unnormalized import polygon_points

NULLS = [{"null": "wild"}, {"null": "efron"}, {"null": "parametric", "n_resamples": 19},
         {"null": "linear"}, {"method": "nystrom"}, {"method": "nystrom", "null": "spectral"}]
every_null = pytest.mark.parametrize("options", NULLS, ids=str)


def score(X):
    return -X


@pytest.fixture
def normal():
    return np.random.default_rng(4).normal(size=(150, 2))


@pytest.fixture
def laplace():
    return np.random.default_rng(2).laplace(scale=0.5**0.5, size=(500, 1))


def fitted(X, model=score, **options):
    options = {"random_state": 0, "n_resamples": 199} | options
    return KernelSteinTest(model, **options).fit(X)


def doubts(test):
    frame = test.diagnostics_
    return set(frame["name"][~frame["passed"]])


# ------------------------------------------------------------ what comes out
@every_null
def test_null_laws_agree_on_a_misfit_and_on_a_fit(options, rng):
    good, bad = rng.normal(size=(400, 1)), rng.normal(2.0, 1.0, size=(400, 1))
    model = stats.norm()
    assert fitted(good, model, **options).pvalue_ > 0.02
    wrong = fitted(bad, model, **options)
    assert wrong.pvalue_ <= 0.05
    assert wrong.result_.n_resamples == len(wrong.null_distribution_)


def test_statistic_is_n_times_the_mean_of_pairs(normal):
    for statistic in ("u", "v"):
        test = fitted(normal, bandwidth="median", statistic=statistic)
        assert test.bandwidth_ == median_bandwidth(normal)
        n, u = 150, test.influence_.mean()
        v = test.discrepancy_**2
        assert_allclose(test.statistic_, n * (u if statistic == "u" else v), rtol=1e-12)
        assert_allclose(test.bandwidths_["statistic"], [test.statistic_])


def test_pairs_of_a_row_with_itself_do_not_change_the_pvalue(normal):
    u, v = (fitted(normal, statistic=statistic) for statistic in "uv")
    assert u.pvalue_ == v.pvalue_
    assert_array_equal(u.bandwidths_["pvalue"], v.bandwidths_["pvalue"])


def test_pvalue_is_that_of_the_statistic_among_its_draws(laplace):
    for bandwidth in ("auto", "median"):
        test = fitted(laplace[:100], bandwidth=bandwidth)
        share = (1 + np.sum(test.null_distribution_ >= test.statistic_)) / 200
        assert test.pvalue_ == share == test.result_.pvalue


def test_auto_is_half_the_median_and_half_the_rest(laplace):
    test = fitted(laplace)
    frame = test.bandwidths_
    assert_array_equal(frame["factor"], [0.125, 0.25, 0.5, 1, 2])
    assert_allclose(frame["bandwidth"], frame["factor"] * median_bandwidth(laplace))
    assert_array_equal(frame["weight"], [0.125, 0.125, 0.125, 0.5, 0.125])
    assert_allclose(test.statistic_, -np.log((frame["pvalue"] / frame["weight"]).min()))
    median = fitted(laplace, bandwidth="median")
    assert_allclose(frame["statistic"][3], median.statistic_)
    assert frame["pvalue"][3] == median.pvalue_


def test_a_number_and_a_kernel_of_its_own_bandwidth(normal):
    one, other = fitted(normal, bandwidth=1.7), fitted(normal, kernel=imq(bandwidth=1.7))
    assert one.pvalue_ == other.pvalue_
    assert one.bandwidth_ == other.bandwidth_ == 1.7
    both = fitted(normal, kernel=rbf(0.5) + matern32(2.0))
    assert np.isnan(both.bandwidth_)
    assert len(both.bandwidths_) == 1


@pytest.mark.parametrize("kernel", ["imq", "rbf", "matern32", "matern52", "log_inverse"])
def test_every_kernel_by_name_sees_a_shift(kernel, normal):
    assert fitted(normal, kernel=kernel).pvalue_ > 0.02
    assert fitted(normal + 1.0, kernel=kernel).pvalue_ == 0.005


def test_function_takes_one_dimension_and_data_frames(laplace, normal):
    test = fitted(laplace)
    for x in (laplace[:, 0], laplace[:, 0].tolist(), pd.Series(laplace[:, 0])):
        statistic, pvalue = kernel_stein_test(x, score, random_state=0, n_resamples=199)
        assert (statistic, pvalue) == (test.statistic_, test.pvalue_)
    frame = pd.DataFrame(normal, columns=["a", "b"])
    test = fitted(frame)
    assert test.pvalue_ == fitted(normal).pvalue_
    assert list(test.dimension_shares()["column"]) == ["a", "b"]


def test_scores_in_place_of_a_model(normal):
    test = KernelSteinTest(random_state=0, n_resamples=199).fit(normal, score_values=-normal)
    assert test.pvalue_ == fitted(normal).pvalue_
    assert test.model_ is None
    with pytest.raises(ValueError, match="shape of X"):
        KernelSteinTest().fit(normal, score_values=-normal[:, :1])
    with pytest.raises(ValueError, match="one of the two"):
        KernelSteinTest(score).fit(normal, score_values=-normal)
    with pytest.raises(ValueError, match="score_values"):
        KernelSteinTest().fit(normal)


def test_same_numbers_for_any_number_of_threads(rng):
    X = rng.normal(size=(plain.smaller(1300, 200), 3))  # more than one tile
    for options in ({"null": "wild"}, {"null": "parametric", "n_resamples": 20},
                    {"method": "nystrom"}, {"dependence": "auto"}):
        one, two = (fitted(X, stats.multivariate_normal(np.zeros(3)), n_jobs=n_jobs,
                           **{"n_resamples": 40} | options) for n_jobs in (1, 2))
        assert_array_equal(one.null_distribution_, two.null_distribution_)
        assert_array_equal(one.influence_, two.influence_)


def test_seed_of_the_result_gives_it_again(normal):
    test = KernelSteinTest(score, n_resamples=99).fit(normal)
    again = KernelSteinTest(score, n_resamples=99, random_state=test.result_.seed).fit(normal)
    assert_array_equal(test.null_distribution_, again.null_distribution_)


def test_single_precision_gives_the_same_pvalue():
    for seed in range(8):
        X = np.random.default_rng(seed).normal(size=(200, 3)) * 1.1
        double, single = (fitted(X, dtype=dtype, random_state=seed) for dtype in
                          ("float64", "float32"))
        assert abs(double.pvalue_ - single.pvalue_) <= 1 / 200  # one draw may change sides
        assert_allclose(single.bandwidths_["statistic"], double.bandwidths_["statistic"],
                        rtol=1e-4, atol=1e-4)


def test_parametric_null_computes_the_bandwidth_anew(rng):
    """Draws differ from those of a fixed bandwidth, and are scale-free."""
    X = rng.normal(size=(60, 1))
    median, fixed = (fitted(X, stats.norm(), null="parametric", bandwidth=b, n_resamples=30)
                     for b in ("median", median_bandwidth(X)))
    assert median.statistic_ == fixed.statistic_
    assert not np.allclose(median.null_distribution_, fixed.null_distribution_)
    wide = fitted(100 * X, stats.norm(scale=100), null="parametric", bandwidth="median",
                  n_resamples=30)
    assert_allclose(wide.null_distribution_, median.null_distribution_ / 1e4, rtol=1e-8)


def test_linear_null_is_normal_and_needs_no_draws(rng):
    X = rng.normal(0.5, 1, size=(2000, 1))
    test = fitted(X, null="linear")
    assert test.pvalue_ == stats.norm.sf(test.statistic_) < 0.01
    assert test.null_distribution_.shape == (0,)
    assert test.result_.pvalue_interval() == (test.pvalue_, test.pvalue_)


def test_preconditioner_makes_the_scale_of_columns_irrelevant(rng):
    X, scale = rng.normal(size=(200, 2)), np.array([1.0, 1000.0])
    model = stats.multivariate_normal([0, 0], np.diag(scale**2))
    unit = fitted(X, preconditioner="std")
    for preconditioner in ("std", "covariance"):
        assert_allclose(fitted(X * scale, model, preconditioner="std").statistic_, unit.statistic_)
        test = fitted(X * scale, model, preconditioner=preconditioner)
        assert_allclose(test.statistic_, fitted(X, preconditioner=preconditioner).statistic_)
    with pytest.raises(ValueError, match="mix the columns"):
        test.dimension_shares()


# ------------------------------------------------------------ models
def test_log_density_alone_gives_the_same_pvalue():
    rng = np.random.default_rng(5)
    mixture = GaussianMixture(3, random_state=0).fit(rng.normal(size=(400, 3)) + np.repeat(
        np.eye(3) * 2, [100, 150, 150], axis=0))
    X = rng.permutation(mixture.sample(400)[0])  # which come one component after the other
    model = as_score_model(mixture)
    one = fitted(X, mixture)
    other = fitted(X, as_score_model(log_density=model.log_density))
    assert one.pvalue_ == other.pvalue_


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda X: X, "sign"), (lambda X: -2 * X, "scale"),
    (lambda X: np.column_stack([-X[:, 0], -3 * X[:, 1]]), "column 1")])
def test_wrong_score_is_found_before_it_is_used(wrong, words, normal):
    model = as_score_model(wrong, log_density=lambda X: -0.5 * (X**2).sum(axis=1))
    with pytest.raises(ValueError, match=words):
        fitted(normal, model)


# ------------------------------------------------------------ edges of the support
@pytest.fixture
def exponential():
    return np.random.default_rng(3).exponential(size=(200, 1))


def test_edge_is_refused_unless_the_caller_says_what_to_do(exponential):
    for options in ({}, {"boundary": "refuse"}, {"support": (0, np.inf), "boundary": "refuse"}):
        with pytest.raises(SupportBoundaryError, match="boundary='tilt'"):
            fitted(exponential, stats.expon(), **options)
    said = fitted(exponential, stats.expon(), support=(0, np.inf))
    assert said.pvalue_ == fitted(exponential, stats.expon(), boundary="tilt").pvalue_ > 0.05
    assert said.result_.trusted
    with pytest.warns(TrustWarning, match="boundary"):
        ignored = fitted(exponential, stats.expon(), boundary="ignore")
    assert ignored.pvalue_ == 0.005
    assert doubts(ignored) == {"boundary"}


def test_projection_on_points_of_the_boundary(exponential):
    test = fitted(exponential, stats.expon(), boundary_points=[[0.0]])
    assert test.pvalue_ > 0.05
    assert fitted(exponential, stats.expon(scale=2), boundary_points=[[0.0]]).pvalue_ < 0.05


def test_density_that_vanishes_at_its_edge_needs_nothing(rng):
    assert fitted(rng.gamma(5.0, size=(200, 1)), stats.gamma(5.0)).pvalue_ > 0.01
    assert fitted(rng.lognormal(0, 0.5, size=(200, 1)), stats.lognorm(0.5)).pvalue_ > 0.01


def test_edge_that_the_model_does_not_tell_of_is_doubted(exponential):
    with pytest.warns(TrustWarning, match="support_unknown"):
        test = fitted(exponential, lambda X: -np.ones_like(X))
    assert doubts(test) == {"support_unknown"}
    said = fitted(exponential, lambda X: -np.ones_like(X), support=(0, np.inf))
    assert said.pvalue_ > 0.05
    with_scores = KernelSteinTest(support=(0, np.inf), random_state=0, n_resamples=199).fit(
        exponential, score_values=-np.ones_like(exponential))
    assert with_scores.pvalue_ == said.pvalue_


def test_weight_of_the_user_is_that_of_the_tilted_kernel(exponential):
    m = np.median(exponential)
    weight = (lambda X: X / (X + m), lambda X: m / (X * (X + m)))
    own, tilted = (fitted(exponential, stats.expon(), **options) for options in (
        {"weight": weight}, {"boundary": "tilt"}))
    assert_allclose(own.null_distribution_, tilted.null_distribution_)
    with pytest.raises(ValueError, match="weight must give shapes"):
        fitted(exponential, stats.expon(), weight=(weight[0], lambda X: X[:, 0]))
    with pytest.raises(ValueError, match="two functions"):
        fitted(exponential, stats.expon(), weight=weight[0])


def test_weights_of_columns_need_columns(normal):
    weight = (lambda X: 1 / (1 + X**2), lambda X: -2 * X / (1 + X**2))
    assert fitted(normal, weight=weight, preconditioner="std").pvalue_ > 0.01
    with pytest.raises(ValueError, match="mixes the columns"):
        fitted(normal, weight=weight, preconditioner="covariance")
    one = (lambda X: weight[0](X)[:, 0], lambda X: weight[1](X) * [1, 0])
    assert fitted(normal, weight=one, preconditioner="covariance").pvalue_ > 0.01


def test_rows_outside_the_support_are_named(exponential):
    X = exponential.copy()
    X[[4, 17]] = -1.0
    with pytest.raises(OutOfSupportError, match="rows 4, 17"):
        fitted(X, stats.expon(), boundary="tilt")
    model = as_score_model(score, log_density=lambda X: np.where(
        X[:, 0] > 3, -np.inf, -0.5 * X[:, 0]**2))
    with pytest.raises(OutOfSupportError, match="row 7"):
        fitted(np.r_[np.linspace(-1, 1, 7), 5.0][:, None], model)


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("X", "message"), [
    ([[1.0, 2.0]], "minimum of 4"), ([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]], "one value"),
    ([[0.0], [np.nan], [1.0], [2.0]], "NaN .row 1"), ([1.0, 2.0, 3.0, 4.0], "2D array")])
def test_bad_rows(X, message):
    with pytest.raises(ValueError, match=message):
        KernelSteinTest(score).fit(X)


def test_constant_column_is_named():
    frame = pd.DataFrame({"a": [1.0, 2, 3, 4], "flag": [7.0] * 4})
    with pytest.raises(ValueError, match="flag"):
        fitted(frame)


def bad_score(X):
    values = -X
    values[[3, 8]] = np.nan
    return values


@pytest.mark.parametrize(("model", "error", "message"), [
    (bad_score, ValueError, "rows 3, 8"), (lambda X: -X[:, :1], ValueError, "shape of X"),
    (lambda X: -X.sum(axis=1), ValueError, "log density"), (3.0, TypeError, "model must be"),
    (stats.norm, TypeError, "freeze"), (stats.multivariate_normal(np.zeros(3)), ValueError,
                                        "3 columns")])
def test_bad_models(model, error, message, normal):
    with pytest.raises(error, match=message):
        fitted(normal, model)


@pytest.mark.parametrize(("options", "message"), [
    ({"kernel": "matern12"}, "matern12"), ({"bandwidth": "silverman"}, "bandwidth"),
    ({"bandwidth": 0.0}, "bandwidth"),
    ({"bandwidth": 1.0, "kernel": imq(bandwidth=2.0)}, "already"),
    ({"statistic": "w"}, "statistic"), ({"null": "normal"}, "null"),
    ({"null": "spectral"}, "nystrom"),
    ({"null": "efron", "method": "nystrom"}, "nystrom"), ({"n_resamples": 0}, "n_resamples"),
    ({"dependence": 0.7}, "1/2"), ({"dependence": "ar"}, "'auto'"),
    ({"dependence": 0.2, "null": "efron"}, "wild"), ({"boundary": "open"}, "boundary"),
    ({"boundary": "project"}, "boundary_points"), ({"boundary": "tilt"}, "support"),
    ({"boundary_points": [[1.0]]}, "columns of X"), ({"preconditioner": "pca"}, "preconditioner"),
    ({"preconditioner": [[1.0, 2.0], [2.0, 1.0]]}, "positive-definite"),
    ({"preconditioner": np.eye(3)}, "shape"), ({"dtype": "float16"}, "dtype"),
    ({"n_landmarks": 20}, "nystrom"), ({"random_state": -1}, "random_state"),
    ({"null": "parametric"}, "sample"), ({"method": "random"}, "method")])
def test_bad_parameters(options, message, normal):
    with pytest.raises(ValueError, match=message):
        fitted(normal, **options)


def test_too_many_rows_are_refused_with_the_way_on():
    X = np.random.default_rng(0).normal(size=(20_001, 1))
    with pytest.raises(ValueError, match=r"minutes.*nystrom"):
        fitted(X)
    assert fitted(X, null="linear").pvalue_ > 0.001
    assert fitted(X, method="nystrom", n_landmarks=20, n_resamples=49).pvalue_ > 0.02


# ------------------------------------------------------------ verdicts
def test_a_sound_test_is_trusted(normal):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted(normal, stats.multivariate_normal([0, 0])).result_.trusted


def chain(rng, n, phi):
    noise = rng.normal(size=n) * np.sqrt(1 - phi**2)
    noise[0] = rng.normal()
    out = np.empty(n)
    state = 0.0
    for i, e in enumerate(noise):
        state = e if i == 0 else phi * state + e
        out[i] = state
    return out[:, None]


def test_dependent_rows_are_doubted_until_the_test_knows(rng):
    X = chain(rng, 400, 0.8)
    with pytest.warns(TrustWarning, match="autocorrelation"):
        fitted(X)
    assert fitted(X, dependence="auto").result_.trusted


def test_parameters_of_the_same_rows_are_doubted(rng):
    x = rng.normal(3.0, 2.0, size=200)
    with pytest.warns(TrustWarning, match="CompositeSteinTest"):
        kernel_stein_test(x, stats.norm(*stats.norm.fit(x)), random_state=0)
    with pytest.warns(TrustWarning, match="fitted_model"):
        kernel_stein_test(x, stats.norm(x.mean(), x.std(ddof=1)), random_state=0)
    half = stats.norm(*stats.norm.fit(x[:100]))
    assert kernel_stein_test(x[100:], half, random_state=0).trusted


def test_separated_modes_are_doubted_where_nothing_is_rejected(rng):
    mixture = GaussianMixture(2, random_state=0).fit(np.r_[rng.normal(size=50),
                                                           rng.normal(8, 1, 50)][:, None])
    wrong_shares = np.r_[rng.normal(*as_normal(mixture, 0), 140),
                         rng.normal(*as_normal(mixture, 1), 60)][:, None]
    with pytest.warns(TrustWarning, match="modes"):
        fitted(rng.permutation(wrong_shares), mixture)


def as_normal(mixture, k):
    return mixture.means_[k, 0], mixture.covariances_[k, 0, 0]**0.5


def test_median_alone_is_doubted_from_five_columns_on(rng):
    with pytest.warns(TrustWarning, match="bandwidth_high_dimension"):
        fitted(rng.normal(size=(100, 5)), bandwidth="median")
    assert fitted(rng.normal(size=(100, 4)), bandwidth="median").result_.trusted


def test_repeated_rows_are_doubted(rng):
    X = rng.normal(size=(100, 2))
    with pytest.warns(TrustWarning, match="repeated_rows = 0.5"):
        fitted(rng.permutation(np.repeat(X, 2, axis=0)))


def test_combined_columns_are_doubted(rng):
    X = rng.normal(size=(100, 2))
    with pytest.warns(TrustWarning, match="singular_covariance"):
        fitted(X[:, [0, 1, 0]], preconditioner="covariance")


# ------------------------------------------------------------ where it misfits
def test_witness_points_to_where_mass_is_missing(rng):
    test = fitted(rng.normal(1.0, 1.0, size=(300, 1)))
    assert (test.witness(np.linspace(-1, 2, 7)[:, None]) < 0).all()  # the model is on the left
    with pytest.raises(ValueError, match="1 columns"):
        test.witness(np.zeros((3, 2)))


def test_influence_and_columns_point_to_the_misfit(rng):
    X = rng.normal(size=(300, 3))
    X[:300:30, 1] += 4.0
    test = fitted(X, bandwidth="median")
    worst = np.argsort(-test.influence_)[:10]
    assert len(set(worst) & set(range(0, 300, 30))) >= 9
    shares = test.dimension_shares()
    assert shares["share"].idxmax() == 1
    assert_allclose(shares["share"].sum(), 1.0)
    assert_allclose(shares["statistic"].sum(), test.influence_.mean())


def test_matrix_on_request(normal):
    test = fitted(normal, bandwidth="median")
    H = test.stein_matrix()
    assert H.shape == (150, 150)
    assert_allclose((H.sum(axis=1) - np.diag(H)) / 149, test.influence_, atol=1e-12)
    assert np.linalg.eigvalsh(H)[0] > -1e-10 * np.trace(H)


def test_interval_is_refused_near_the_null_hypothesis(normal, laplace):
    with pytest.raises(ValueError, match="force=True"):
        fitted(normal).discrepancy_interval()
    low, high = fitted(normal).discrepancy_interval(force=True)
    assert 0 <= low <= high
    low, high = fitted(laplace).discrepancy_interval()
    wide = fitted(laplace).discrepancy_interval(level=0.99)
    assert wide[0] < low < high < wide[1]
    with pytest.raises(ValueError, match="level"):
        fitted(laplace).discrepancy_interval(level=1.0)


def test_curve_over_bandwidths(laplace, normal):
    test = fitted(laplace)
    curve = test.bandwidth_curve(factors=[0.125, 0.25, 0.5, 1.0, 2.0])
    assert_allclose(curve["statistic"], test.bandwidths_["statistic"])
    assert_array_equal(curve["pvalue"], test.bandwidths_["pvalue"])
    assert (curve["statistic"] >= curve["critical"]).any()
    quiet = fitted(normal).bandwidth_curve(level=0.01)
    assert (quiet["statistic"] < quiet["critical"]).all()
    with pytest.raises(ValueError, match="of its own"):
        fitted(normal, kernel=rbf(1.0)).bandwidth_curve()
    with pytest.raises(ValueError, match="factors"):
        test.bandwidth_curve([0.0])


def test_power_curve_rises_with_n(laplace):
    curve = fitted(laplace).power_curve([50, 200, 2000])
    assert list(curve.columns) == ["n", "power"]
    assert curve["power"].is_monotonic_increasing
    assert curve["power"].iloc[-1] > 0.99
    with pytest.raises(ValueError, match="n must be"):
        fitted(laplace).power_curve(2)
    with pytest.raises(ValueError, match="separate pairs"):
        fitted(laplace, null="linear").power_curve(100)


def test_power_does_not_depend_on_the_pairs_of_a_row_with_itself(laplace):
    u, v = (fitted(laplace, bandwidth="median", statistic=s).power_curve([50, 100]) for s in "uv")
    assert_allclose(u["power"], v["power"])


def test_landmarks_give_u_and_v_the_same_pvalue(laplace):
    for null in ("wild", "spectral"):
        u, v = (fitted(laplace[:200], bandwidth="median", statistic=s, method="nystrom", null=null)
                for s in "uv")
        assert u.pvalue_ == v.pvalue_
        assert_allclose(v.statistic_, 200 * v.discrepancy_**2)


def test_formulas_for_independent_rows_are_refused_for_dependent_ones(laplace):
    test = fitted(laplace, dependence=0.4)
    with pytest.raises(ValueError, match="depend on one another"):
        test.discrepancy_interval()
    with pytest.raises(ValueError, match="depend on one another"):
        test.power_curve(100)


def test_chain_too_short_to_reject_is_doubted():
    X = chain(np.random.default_rng(0), 300, 0.97) + 10
    with pytest.warns(TrustWarning, match="attainable_pvalue"):
        test = fitted(X, dependence="auto")
    assert test.pvalue_ > 0.05  # ten deviations off, and not found


def test_few_rows_are_doubted():
    X = np.random.default_rng(0).normal(size=(12, 1))
    with pytest.warns(TrustWarning, match="few_rows"):
        fitted(X)
    assert fitted(X, stats.norm(), null="parametric", n_resamples=19).result_.trusted


def test_column_of_few_values_is_doubted(rng):
    X = np.column_stack([rng.normal(size=100), rng.integers(0, 3, 100)])
    with pytest.warns(TrustWarning, match="distinct_values = 3 .column 1"):
        fitted(X)


def test_few_points_of_a_boundary_are_doubted(rng):
    X = rng.normal(size=(300, 2))
    X = X[(X**2).sum(axis=1) < 1.44]
    around = [[1.2 * np.cos(a), 1.2 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 40)]
    with pytest.warns(TrustWarning, match="boundary_points = 8"):
        fitted(X, boundary_points=around[::5])
    assert fitted(X, boundary_points=around).result_.trusted


def test_gaps_between_points_of_a_boundary_are_doubted_where_they_make_the_test_reject(rng):
    """Density exp(12 x) on the unit square: nearly all of it is close to one side."""
    X = np.column_stack([1 - rng.exponential(1 / 12, 2000), rng.random(2000)])
    X = X[X[:, 0] > 0][:300]

    def model(X):
        return np.full(X.shape, [12.0, 0.0])

    edge = polygon_points([[0, 0], [1, 0], [1, 1], [0, 1]], 1200)
    with pytest.warns(TrustWarning, match="boundary_spacing = .* times as large"):
        assert fitted(X, model, boundary_points=edge[::30], n_resamples=199).pvalue_ <= 0.05
    assert fitted(X, model, boundary_points=edge, n_resamples=199).pvalue_ > 0.05
    wrong = fitted(X, lambda X: np.full(X.shape, [12.0, 3.0]), boundary_points=edge)
    assert wrong.pvalue_ <= 0.05
    spacing = wrong.diagnostics_.set_index("name").loc["boundary_spacing"]
    assert spacing["passed"]
    assert 1 <= spacing["value"] < 1.05


def test_numbers_beyond_their_range_raise(normal):
    for options in ({}, {"bandwidth": "median"}, {"null": "linear"}):
        with pytest.raises(ValueError, match="rescale"):
            KernelSteinTest(n_resamples=9, **options).fit(normal, score_values=-1e155 * normal)


def test_linear_null_never_gives_zero(rng):
    assert fitted(rng.normal(5, 1, size=(20_000, 1)), null="linear").pvalue_ > 0


def test_named_columns_of_the_witness(normal):
    frame = pd.DataFrame(normal, columns=["a", "b"])
    test = fitted(frame)
    assert_array_equal(test.witness(frame[:3]), test.witness(normal[:3]))
    with pytest.raises(ValueError, match="in their order"):
        test.witness(frame[["b", "a"]])


def test_refit_with_another_null_leaves_nothing_old(laplace):
    test = fitted(laplace)
    test.set_params(null="linear").fit(laplace)
    assert not hasattr(test, "influence_")
    assert not hasattr(test, "discrepancy_")


def test_user_model_with_a_sampler(rng):
    model = ScoreModel(score, sample=lambda n, rng: rng.normal(size=(n, 2)), name="mine")
    assert fitted(rng.normal(size=(80, 2)), model, null="parametric",
                  n_resamples=39).pvalue_ > 0.02
