"""KernelDensity: what it accepts and refuses, and with which words; its place in scikit-learn."""

import re

import numpy as np
import pandas as pd
import polars
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KernelDensity as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import KernelDensity
from divest.density._profiles import KERNELS
from divest.density._selection import RULES

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

X = np.random.default_rng(0).normal(size=(60, 2))
Q = np.array([[0.0, 0.0], [1.0, -0.5]])


def refused(match, error=ValueError, data=X, sample_weight=None, **parameters):
    with pytest.raises(error, match=match):
        KernelDensity(**parameters).fit(data, sample_weight=sample_weight)


# ------------------------------------------------------------ kinds of data
def test_lists_and_frames():
    expected = KernelDensity().fit(X).score_samples(Q)
    for rows, queries in ((X.tolist(), Q.tolist()), (pd.DataFrame(X), pd.DataFrame(Q)),
                          (np.asfortranarray(X), np.asfortranarray(Q)), (X[::-1][::-1], Q)):
        assert_array_equal(KernelDensity().fit(rows).score_samples(queries), expected)


@pytest.mark.parametrize("make", [lambda a: pd.DataFrame(a, columns=["a", "b"]),
                                  lambda a: polars.DataFrame(a, schema=["a", "b"])])
def test_names_of_columns(make):
    density = KernelDensity(bandwidth=0.5).fit(make(X))
    assert list(density.feature_names_in_) == ["a", "b"]
    assert density.n_features_in_ == 2
    assert_array_equal(density.score_samples(make(Q)),
                       KernelDensity(bandwidth=0.5).fit(X).score_samples(Q))
    assert list(density.evaluate_grid(5)) == ["a", "b", "density"]
    with pytest.raises(ValueError, match="feature names should match"):
        density.score_samples(make(Q)[["b", "a"]])


def test_a_column_that_is_called_density():
    frame = pd.DataFrame(X, columns=["density", "b"])
    assert list(KernelDensity(bandwidth=0.5).fit(frame).evaluate_grid(4)) == ["x0", "x1", "density"]


def test_single_precision_is_summed_in_double():
    small = X.astype(np.float32)
    for bandwidth in ("lscv", 0.5, np.float32(0.5)):
        one = KernelDensity(bandwidth=bandwidth).fit(small).score_samples(Q.astype(np.float32))
        other = KernelDensity(bandwidth=bandwidth).fit(small.astype(float)).score_samples(
            Q.astype(np.float32).astype(float))
        assert one.dtype == np.float64
        assert_array_equal(one, other)


def test_whole_numbers():
    rows = np.arange(24).reshape(12, 2) % 7
    assert_array_equal(KernelDensity(bandwidth=1).fit(rows).score_samples([[1, 2]]),
                       KernelDensity(bandwidth=1.0).fit(rows.astype(float)).score_samples([[1, 2]]))


def test_rows_are_copied():
    rows = X.copy()
    density = KernelDensity(bandwidth=0.5, whiten=None).fit(rows)
    expected = density.score_samples(Q)
    rows[:] = 0
    assert_array_equal(density.score_samples(Q), expected)


# ------------------------------------------------------------ few rows, odd columns
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_row(kernel):
    density = KernelDensity(bandwidth=2.0, kernel=kernel).fit([[3.0, 1.0]])
    expected = Theirs(bandwidth=2.0, kernel="gaussian").fit([[3.0, 1.0]]).score_samples([[3.5, 1]])
    found = density.score_samples([[3.5, 1.0]])
    assert np.isfinite(found).all()
    if kernel == "gaussian":
        assert_allclose(found, expected, rtol=1e-12)
        assert_allclose(density.cdf([[3.0, 1.0]]), [0.25])
    assert density.sample(3, random_state=0).shape == (3, 2)
    assert_array_equal(density.sample(3, random_state=0, shrink=True), [[3.0, 1.0]] * 3)


@pytest.mark.parametrize("rule", RULES)
def test_one_row_with_a_rule(rule):
    refused("from one row", data=[[1.0]], bandwidth=rule)
    refused("from one row", data=[[1.0]], bandwidth=rule, whiten=None)


@pytest.mark.parametrize("whiten", ["diag", "full"])
def test_one_row_with_whitening(whiten):
    refused("from one row.*give a numeric bandwidth", data=[[1.0]], bandwidth=1.0, whiten=whiten)


def test_a_column_that_does_not_vary():
    rows = np.column_stack([X, np.full(60, 0.1)])
    refused("column 2 does not vary.*give a numeric bandwidth or drop it", data=rows)
    refused("column 'c' does not vary", data=pd.DataFrame(rows, columns=list("abc")))
    refused("column 2 does not vary", data=rows, whiten="full")
    density = KernelDensity(bandwidth=0.5).fit(rows)
    assert_allclose(density.score_samples(np.column_stack([Q, [0.1, 0.1]])),
                    KernelDensity(bandwidth=0.5).fit(X).score_samples(Q)
                    - np.log(0.5 * (2 * np.pi) ** 0.5), rtol=1e-12)


def test_all_rows_equal():
    rows = np.ones((20, 2))
    refused("column 0 does not vary", data=rows)
    refused("rows that differ", data=rows, whiten=None)
    density = KernelDensity(bandwidth=0.1).fit(rows)
    assert_allclose(density.pdf([[1.0, 1.0]]), 1 / (2 * np.pi * 0.01), rtol=1e-12)
    with pytest.raises(ValueError, match="two that differ"):
        density.loo_log_likelihood()


def test_more_columns_than_rows():
    rows = np.random.default_rng(1).normal(size=(8, 30))
    for whiten in (None, "diag"):
        density = KernelDensity(bandwidth="loo_kl", whiten=whiten).fit(rows)
        assert np.isfinite(density.score_samples(rows)).all()
    refused("covariance of full rank.*too few rows.*whiten='diag'", data=rows, whiten="full")


def test_columns_that_depend_on_one_another():
    rows = np.column_stack([X, X @ [1.0, 2.0]])
    refused("linearly\\s+dependent.*whiten='diag'", data=rows, whiten="full")
    KernelDensity(whiten="diag").fit(rows)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e150])
def test_scales_far_from_one(scale):
    one, other = KernelDensity().fit(X), KernelDensity().fit(scale * X)
    assert_allclose(other.score_samples(scale * Q), one.score_samples(Q) - 2 * np.log(scale),
                    rtol=1e-9)


def test_densities_beyond_the_largest_number():
    """In 400 dimensions the logarithm is finite, the density itself is not."""
    rows = np.random.default_rng(0).normal(size=(5, 400))
    density = KernelDensity(bandwidth=1e-3).fit(rows)
    expected = -np.log(5) - 400 * np.log(1e-3 * (2 * np.pi) ** 0.5)
    assert_allclose(density.score_samples(rows), expected, rtol=1e-12)
    assert_array_equal(density.pdf(rows), np.inf)
    assert_array_equal(density.pdf(rows + 1), 0.0)


def test_one_row_with_nearly_all_the_weight():
    """Scales come from what weight the others have; rules see the one row only."""
    weights = np.append(1e20, np.ones(59))
    density = KernelDensity(bandwidth=1.0, whiten="diag").fit(X, sample_weight=weights)
    assert_allclose(density.bandwidth_, np.sqrt(((X[1:] - X[0]) ** 2).mean(axis=0)), rtol=1e-9)
    refused("rows that differ", bandwidth="lscv", sample_weight=weights)


# ------------------------------------------------------------ bandwidth
@pytest.mark.parametrize(("bandwidth", "match"), [
    (0, "bandwidth must .*got 0"), (-1.0, "bandwidth must .*got -1"),
    (np.inf, "bandwidth must .*got inf"), (np.nan, "bandwidth must .*got nan"),
    ([1.0, 0.0], "finite numbers above 0"), ([1.0, np.nan], "finite numbers above 0"),
    ([1.0, 2.0, 3.0], re.escape("2 numbers (one per column) or a matrix of shape (2, 2); got shape "
                                "(3,)")),
    (np.ones((2, 3)), "got shape \\(2, 3\\)"), ([], "got shape \\(0,\\)"),
    (np.ones((2, 2)) - np.eye(2), "positive definite"),
    ([[1.0, 0.5], [0.2, 1.0]], "symmetric positive definite"),
    ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
    ("skott", "'auto', 'scott', 'silverman', 'robust', 'isj', 'lscv', 'loo_kl'; got 'skott'"),
    ("isj", "'isj' is for one column, got 2"), ("robust", "'robust' is for one column, got 2")])
def test_bandwidths_that_are_refused(bandwidth, match):
    refused(match, bandwidth=bandwidth)


@pytest.mark.parametrize("bandwidth", [None, True, {}])
def test_bandwidths_of_wrong_types(bandwidth):
    refused("bandwidth must be a number", error=TypeError, bandwidth=bandwidth)


@pytest.mark.parametrize("bandwidth", [[1.0, 1.0], np.eye(2)])
@pytest.mark.parametrize("whiten", ["diag", "full"])
def test_arrays_are_in_data_units(bandwidth, whiten):
    refused("array, which is in data units", bandwidth=bandwidth, whiten=whiten)


# ------------------------------------------------------------ other parameters
@pytest.mark.parametrize(("name", "value", "valid"), [
    ("kernel", "normal", KERNELS), ("whiten", "pca", ("'auto'", "None", "'diag'", "'full'")),
    ("adaptive", True, ("None", "'abramson'")),
    ("boundary", "mirror", ("'reflect'", "'renormalize'", "'linear'", "'positive'")),
    ("algorithm", "fft", ("'auto'", "'brute'", "'grid'", "'kd_tree'", "'ball_tree'"))])
def test_options(name, value, valid):
    """The message says which ones there are."""
    with pytest.raises(ValueError, match=f"{name} must be one of .*{value!r}") as error:
        KernelDensity(**{name: value}).fit(X)
    assert all(str(option) in str(error.value) for option in valid)


@pytest.mark.parametrize(("parameters", "match"), [
    ({"alpha": 1.5}, r"alpha must lie in .0, 1., got 1.5"),
    ({"alpha": -0.5}, "alpha"), ({"clip": 0.5}, "clip must be 1 or more, got 0.5"),
    ({"metric": "manhattan"}, "needs algorithm='kd_tree' or 'ball_tree', got 'auto'"),
    ({"metric": "manhattan", "algorithm": "kd_tree"}, "one numeric bandwidth and no whitening"),
    ({"metric": "manhattan", "algorithm": "kd_tree", "bandwidth": [1.0, 1.0]}, "one numeric"),
    ({"metric": "manhattan", "algorithm": "kd_tree", "bandwidth": 1.0, "whiten": "diag"},
     "no whitening"),
    ({"algorithm": "kd_tree", "kernel": "biweight"}, "has the kernels .*got 'biweight'"),
    ({"algorithm": "ball_tree", "kernel": "cosine"}, "do not normalise the cosine kernel"),
    ({"algorithm": "kd_tree", "adaptive": "abramson"}, "cannot do bounds or adaptive"),
    ({"algorithm": "kd_tree", "bounds": (-9, 9)}, "cannot do bounds or adaptive"),
    ({"algorithm": "grid", "kernel": "linear"}, "needs kernel='gaussian', got 'linear'"),
    ({"algorithm": "grid", "whiten": "full"}, "needs a diagonal bandwidth"),
    ({"algorithm": "grid", "adaptive": "abramson"}, "needs adaptive=None"),
    ({"algorithm": "grid", "bounds": (-9, 9), "boundary": "renormalize"},
     "needs boundary='reflect', got 'renormalize'")])
def test_parameters_that_exclude_one_another(parameters, match):
    refused(match, **parameters)


def test_a_grid_is_for_three_columns():
    rows = np.random.default_rng(0).normal(size=(20, 4))
    refused("up to 3 columns, got 4", data=rows, algorithm="grid")
    density = KernelDensity(bandwidth=0.5).fit(rows)
    with pytest.raises(ValueError, match="up to 3 columns, got 4"):
        density.evaluate_grid()


@pytest.mark.parametrize(("arguments", "match"), [
    ((1,), "grid_points must be at least 2"), (([5, 5, 5],), "grid_points must be an integer or 2"),
    ((5000,), "grid_points"), ((5, -1.0), "padding must be 0 or more, got -1.0")])
def test_grids_that_are_refused(arguments, match):
    with pytest.raises(ValueError, match=match):
        KernelDensity(bandwidth=0.5).fit(X).evaluate_grid(*arguments)


# ------------------------------------------------------------ bounds
@pytest.mark.parametrize(("bounds", "match"), [
    (5, "pair \\(lower, upper\\) for every column"), ("ab", "bounds must be a pair"),
    ([(0, 1)], "1 pairs for 2 columns"), ([(0, 1)] * 3, "3 pairs for 2 columns"),
    ((1, -1), "lower < upper"), ((1, 1), "lower < upper"), ((np.nan, 1), "lower < upper"),
    ([(0, 1, 2), (0, 1)], "bounds must be a pair")])
def test_bounds_that_are_refused(bounds, match):
    refused(match, bounds=bounds)


@pytest.mark.parametrize(("parameters", "match"), [
    ({"kernel": "tophat"}, "kernel='gaussian', got 'tophat'"),
    ({"whiten": "full"}, "a diagonal bandwidth"), ({"bandwidth": np.eye(2)}, "diagonal bandwidth"),
    ({"boundary": "linear"}, "boundary='reflect' or 'renormalize' for 2 columns"),
    ({"boundary": "positive"}, "boundary='reflect' or 'renormalize' for 2 columns"),
    ({"adaptive": "abramson", "boundary": "renormalize"}, "where adaptive is given")])
def test_bounds_with_what_they_cannot_have(parameters, match):
    refused(match, bounds=(-9, 9), **parameters)
    open_sides = KernelDensity(bounds=[None, (None, np.inf)], **parameters).fit(X)
    assert_array_equal(open_sides.score_samples(Q), KernelDensity(**{
        key: value for key, value in parameters.items() if key != "boundary"}).fit(X)
        .score_samples(Q))


def test_rows_outside_the_bounds_are_named():
    rows = np.abs(X)
    rows[17, 1] = -0.25
    refused("row 17 lies outside the bounds: column 1 is -0.25.*0 and inf .1 such rows", data=rows,
            bounds=(0, None))
    refused("row 17 .*column 'b'", data=pd.DataFrame(rows, columns=["a", "b"]), bounds=(0, None))
    KernelDensity(bounds=[(0, None), (-1, None)]).fit(rows)


def test_rows_outside_the_bounds_have_their_own_number_where_others_are_dropped():
    """Rows of weight 0 may lie outside; the others are counted with them."""
    rows, weights = np.abs(X), np.ones(60)
    rows[[3, 17], 1], weights[3] = -0.25, 0
    refused("row 17 lies", data=rows, bounds=(0, None), sample_weight=weights)
    rows[17] = 1
    KernelDensity(bounds=(0, None)).fit(rows, sample_weight=weights)


def test_edges_are_inside():
    rows = np.concatenate([np.abs(X), [[0.0, 0.0]]])
    density = KernelDensity(bandwidth=0.5, bounds=(0, None)).fit(rows)
    assert np.isfinite(density.score_samples([[0.0, 0.0]])).all()


# ------------------------------------------------------------ weights and rows
@pytest.mark.parametrize(("weights", "match"), [
    (np.append(-1.0, np.ones(59)), "0 or more; entry 0 is -1"),
    (np.zeros(60), "zero for every row"),
    (np.ones(59), "one entry per row, shape .60,., got shape .59,."),
    (np.append(np.ones(59), np.nan), "entry 59 is nan"),
    (np.append(np.ones(59), np.inf), "entry 59 is inf")])
def test_weights_that_are_refused(weights, match):
    refused(match, sample_weight=weights)


def test_values_that_are_not_finite_are_named():
    for value in (np.nan, np.inf):
        rows = X.copy()
        rows[4, 1] = value
        refused("row 4, column 1", data=rows)
        refused("row 4, column 'b'", data=pd.DataFrame(rows, columns=["a", "b"]))
        with pytest.raises(ValueError, match="row 4, column 1"):
            KernelDensity(bandwidth=0.5).fit(X).score_samples(rows)


def test_queries_of_another_width():
    density = KernelDensity(bandwidth=0.5).fit(X)
    for method in ("score_samples", "pdf", "cdf", "score_function", "regime"):
        with pytest.raises(ValueError, match="3 features, but KernelDensity is expecting 2"):
            getattr(density, method)(np.zeros((4, 3)))


def test_before_fit():
    for method in ("score_samples", "pdf", "cdf", "score_function", "score", "regime"):
        with pytest.raises(NotFittedError):
            getattr(KernelDensity(), method)(Q)
    for method in ("sample", "evaluate_grid", "loo_log_likelihood", "regime"):
        with pytest.raises(NotFittedError):
            getattr(KernelDensity(), method)()


# ------------------------------------------------------------ methods that need something
@pytest.mark.parametrize(("method", "parameters", "match"), [
    ("cdf", {"kernel": "tophat"}, "needs kernel='gaussian', got 'tophat'"),
    ("cdf", {"whiten": "full"}, "diagonal bandwidth"),
    ("cdf", {"bandwidth": np.eye(2)}, "diagonal bandwidth"),
    ("cdf", {"bounds": (-9, 9), "boundary": "renormalize"}, "needs boundary='reflect'"),
    ("score_function", {"kernel": "linear"}, "needs kernel='gaussian', got 'linear'"),
    ("score_function", {"bounds": (-9, 9)}, "without bounds")])
def test_queries_that_are_refused(method, parameters, match):
    with pytest.raises(ValueError, match=match):
        getattr(KernelDensity(**parameters).fit(X), method)(Q)


@pytest.mark.parametrize("bounds", [(-9, 9)])
def test_leave_one_out_with_bounds(bounds):
    with pytest.raises(ValueError, match="without bounds"):
        KernelDensity(bounds=bounds).fit(X).loo_log_likelihood()


@pytest.mark.parametrize(("parameters", "shrink", "match"), [
    ({"bounds": (-9, 9)}, True, "without bounds"),
    ({"bandwidth": np.eye(2)}, True, "not for a matrix as bandwidth")])
def test_draws_that_are_refused(parameters, shrink, match):
    with pytest.raises(ValueError, match=match):
        KernelDensity(**parameters).fit(X).sample(3, shrink=shrink)


@pytest.mark.parametrize("boundary", ["linear", "positive"])
def test_draws_with_edges_that_are_refused(boundary):
    density = KernelDensity(bounds=(-9, 9), boundary=boundary).fit(X[:, :1])
    with pytest.raises(ValueError, match=f"'reflect' or 'renormalize', got '{boundary}'"):
        density.sample()


@pytest.mark.parametrize("n", [0, -1])
def test_numbers_of_draws(n):
    with pytest.raises(ValueError, match="n_samples must be at least 1"):
        KernelDensity(bandwidth=1.0).fit(X).sample(n)


def test_other_metrics_have_densities_only():
    density = KernelDensity(bandwidth=0.5, algorithm="kd_tree", metric="manhattan").fit(X)
    for call in (density.sample, density.regime, density.evaluate_grid, density.loo_log_likelihood,
                 lambda: density.score_samples(Q, return_std=True), lambda: density.cdf(Q),
                 lambda: density.score_function(Q)):
        with pytest.raises(ValueError, match="metric='euclidean', got 'manhattan'"):
            call()


# ------------------------------------------------------------ scikit-learn
def test_grid_search_over_bandwidths():
    """The best of numbers and rules is the one with the best held-out likelihood."""
    rows = np.random.default_rng(2).normal(size=(120, 2))
    search = GridSearchCV(KernelDensity(), {"bandwidth": [0.05, 0.4, "scott", "loo_kl", 3.0]}, cv=4,
                          error_score="raise").fit(rows)
    scores = dict(zip(search.cv_results_["param_bandwidth"],
                      search.cv_results_["mean_test_score"], strict=True))
    assert search.best_params_["bandwidth"] in (0.4, "scott", "loo_kl")
    assert min(scores[0.4], scores["scott"], scores["loo_kl"]) > max(scores[0.05], scores[3.0])
    assert_allclose(scores[0.4], cross_val_score(Theirs(bandwidth=0.4), rows, cv=4).mean(),
                    rtol=1e-9)
    assert search.best_estimator_.score(rows) == search.score(rows)


def test_pipeline():
    expected = KernelDensity(bandwidth=0.5).fit((X - X.mean(axis=0)) / X.std(axis=0))
    pipeline = make_pipeline(StandardScaler(), KernelDensity(bandwidth=0.5)).fit(X)
    assert_allclose(pipeline.score_samples(Q),
                    expected.score_samples((Q - X.mean(axis=0)) / X.std(axis=0)), rtol=1e-12)
    assert_allclose(pipeline.score(Q), pipeline.score_samples(Q).sum())


def test_fitting_again_forgets():
    density = KernelDensity(bandwidth="lscv").fit(pd.DataFrame(X, columns=["a", "b"]))
    density.set_params(bandwidth=0.5).fit(X[:, :1])
    assert density.selector_ is None
    assert density.n_features_in_ == 1
    assert not hasattr(density, "feature_names_in_")
    assert_array_equal(density.score_samples([[0.0]]),
                       KernelDensity(bandwidth=0.5).fit(X[:, :1]).score_samples([[0.0]]))
