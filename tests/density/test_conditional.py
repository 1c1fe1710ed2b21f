"""ConditionalKernelDensity: reference values, laws of a density, quantiles, draws, bad input."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.integrate import cumulative_simpson, simpson
from scipy.special import logsumexp
from sklearn.model_selection import GridSearchCV

from divest import TrustWarning
from divest.density import _mixture
from divest.density._mixture import select_bandwidths
from divest.density._sums import log_sums
from divest.density.conditional import ConditionalKernelDensity

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

H = (0.3, 0.4)


def reference_data():
    rng = np.random.default_rng(12345)
    rng.normal(size=150), rng.normal(3, 0.5, 100)
    return rng.normal(size=(300, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 2.0]])


def linear(n, seed=0, noise=0.5):
    """Three columns: two of X, and y = 1 + x1 - x2 + noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, 1 + X @ [1.0, -1.0] + noise * rng.normal(size=n)


def plain_log_density(X, y, Q, v, hy, hx):
    """By definition, in units of the data."""
    sx, sy = X.std(axis=0, ddof=1), y.std(axis=0, ddof=1)
    out = []
    for q, u in zip(Q, v, strict=True):
        w = stats.norm.logpdf(q, X, hx * sx).sum(axis=1)
        w -= logsumexp(w)
        out.append(logsumexp(w + stats.norm.logpdf(u, y, hy * sy).sum(axis=1)))
    return np.array(out)


@pytest.fixture
def bimodal():
    """y has two modes, far from one another where x is large."""
    rng = np.random.default_rng(3)
    X = rng.uniform(0, 2, size=(400, 1))
    return X, X[:, 0] * rng.choice([-1.0, 1.0], 400) + 0.1 * rng.normal(size=400)


def fitted(X, y, bandwidth=H, **options):
    return ConditionalKernelDensity(bandwidth=bandwidth, **options).fit(X, y)


# ------------------------------------------------------------ reference values
def test_best_bandwidths_of_the_reference_data():
    X = reference_data()
    found = select_bandwidths(X[:, 1:2], X[:, :1])
    assert_allclose(found, (0.40764, 0.58778), atol=1e-4)


def test_log_density_of_the_reference_data():
    X = reference_data()
    C, Y = X[:, :1], X[:, 1]
    model = fitted(C, Y, (0.4 / Y.std(ddof=1), 0.5 / C.std(ddof=1)))
    assert_allclose(model.score_samples([[0.0]], [1.0]), -1.4841908194, rtol=1e-9)


@pytest.mark.parametrize("dy", [1, 2])
def test_log_density_by_definition(dy):
    X = reference_data() * [1e3, 1.0, 0.01] + [5.0, 0.0, 1e4]
    C, Y = X[:, dy:], X[:, :dy]
    model = fitted(C[:-5], Y[:-5])
    expected = plain_log_density(C[:-5], Y[:-5], C[-5:], Y[-5:], *H)
    assert_allclose(model.score_samples(C[-5:], Y[-5:]), expected, rtol=1e-9)
    assert_allclose(model.pdf(C[-5:], Y[-5:]), np.exp(expected), rtol=1e-8)
    assert_allclose(model.score(C[-5:], Y[-5:]), expected.sum(), rtol=1e-9)


def test_density_of_x_alone():
    X, y = linear(50)
    sd = X.std(axis=0, ddof=1)
    expected = np.log(np.mean(stats.norm.pdf(0.3, X, H[1] * sd).prod(axis=1)))
    assert_allclose(fitted(X, y).score_samples([[0.3, 0.3]]), expected, rtol=1e-9)


# ------------------------------------------------------------ choice of the bandwidths
def test_left_out_likelihood_by_definition():
    """The choice is the best of its neighbours by a plain double loop."""
    X, y = linear(60)
    y = y[:, None]

    def likelihood(hy, hx):
        rows = np.arange(60)
        total = 0.0
        for i in rows:
            rest = rows != i
            w = -((X[rest] - X[i]) ** 2).sum(axis=1) / (2 * hx**2)
            k = stats.norm.logpdf(y[i], y[rest], hy)[:, 0]
            total += logsumexp(w + k) - logsumexp(w)
        return total / 60

    hy, hx = select_bandwidths(y, X)
    best = likelihood(hy, hx)
    for factor in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)):
        assert likelihood(hy * factor[0], hx * factor[1]) < best


def test_copies_of_rows_do_not_shrink_the_bandwidths():
    X, y = linear(80)
    once = select_bandwidths(y[:, None], X)
    twice = select_bandwidths(np.repeat(y, 2)[:, None], np.repeat(X, 2, axis=0))
    assert_allclose(once, twice, rtol=2e-3)


def test_units_and_order_do_not_matter():
    X, y = linear(100)
    model = fitted(X, y, "auto")
    other = fitted(X[::-1] * [1e4, 1e-3] + 7, -50 * y[::-1], "auto")
    assert_allclose(other.bandwidth_, model.bandwidth_, rtol=1e-3)
    assert_allclose(other.score_samples(X[:5] * [1e4, 1e-3] + 7, -50 * y[:5]) + np.log(50),
                    model.score_samples(X[:5], y[:5]), atol=1e-2)


def test_columns_that_do_not_matter_are_smoothed_away(rng):
    X, y = rng.normal(size=(200, 1)), rng.normal(size=200)
    model = fitted(X, y, "auto")
    assert model.bandwidth_[1] > 1.5
    assert_allclose(model.mean([[-1.0], [1.0]]), y.mean(), atol=0.2)


def test_part_of_the_rows_gives_nearly_the_same_choice(monkeypatch):
    X, y = linear(1000)
    every = fitted(X, y, "auto").bandwidth_
    monkeypatch.setattr(_mixture, "MOST_OUTER", 250)
    some = fitted(X, y, "auto").bandwidth_
    assert some != every
    assert_allclose(some, every, rtol=0.2)


def test_labels_as_y_are_refused_by_the_diagnostics():
    X, y = linear(60)
    with pytest.warns(TrustWarning, match="repeated_rows"):
        model = fitted(X, np.where(y > 1, 1.0, 0.0), "auto")
    assert np.isfinite(model.score_samples(X, np.ones(60))).all()


def test_choice_beats_others_on_new_rows():
    X, y = linear(500)
    new, v = linear(300, seed=1)
    best = fitted(X, y, "auto")
    hy, hx = best.bandwidth_
    for other in ((hy, 3 * hx), (3 * hy, hx), (hy / 3, hx), (hy, hx / 3)):
        assert fitted(X, y, other).score(new, v) < best.score(new, v)


# ------------------------------------------------------------ laws of a density
@pytest.mark.parametrize("x", [0.1, 1.0, 2.5, 100.0])
def test_density_integrates_to_one_and_cdf_is_its_integral(bimodal, x):
    model = fitted(*bimodal, (0.08, 0.1))
    y = np.linspace(-6, 6, 4001)
    Q = np.full((len(y), 1), x)
    density = model.pdf(Q, y)
    assert_allclose(simpson(density, x=y), 1.0, rtol=1e-8)
    assert_allclose(cumulative_simpson(density, x=y), model.cdf(Q, y)[1:], atol=1e-7)
    assert_allclose(simpson(density * y, x=y), model.mean([[x]])[0], atol=1e-8)


def test_several_columns_of_y():
    X, y = linear(150)
    Y = np.column_stack([y, X[:, 0] ** 2, X[:, 1]])
    model = fitted(X[:, :1], Y[:, :2])
    Q = np.array([[0.4]])
    assert model.mean(Q).shape == model.sample(Q).shape == (1, 2)
    grid = [np.linspace(a, b, 201) for a, b in ((-8, 10), (-6, 14))]
    places = np.stack(np.meshgrid(*grid, indexing="ij"), axis=-1).reshape(-1, 2)
    density = model.pdf(np.repeat(Q, len(places), axis=0), places).reshape(201, 201)
    assert_allclose(simpson(simpson(density, x=grid[1]), x=grid[0]), 1.0, rtol=1e-6)
    upto = simpson(simpson(density[:101, :61], x=grid[1][:61]), x=grid[0][:101])
    assert_allclose(model.cdf(Q, [[grid[0][100], grid[1][60]]]), upto, atol=1e-6)
    first = fitted(X[:, :1], Y[:, 0])
    assert_allclose(model.cdf(Q, [[1.0, 1e6]]), first.cdf(Q, [1.0]), rtol=1e-12)
    with pytest.raises(ValueError, match="one column of y"):
        model.quantile(Q, 0.5)


def test_dimensions_follow_y():
    X, y = linear(30)
    flat, column = fitted(X, y), fitted(X, y[:, None])
    assert flat.mean(X).shape == flat.sample(X).shape == (30,)
    assert column.mean(X).shape == column.sample(X).shape == (30, 1)
    assert_array_equal(flat.mean(X), column.mean(X)[:, 0])
    for model in (flat, column):
        assert model.quantile(X, 0.5).shape == (30,)
        assert model.quantile(X, [0.5]).shape == (30, 1)
        assert_array_equal(model.score_samples(X, y), model.score_samples(X, y[:, None]))


# ------------------------------------------------------------ quantiles
@pytest.mark.parametrize("bandwidth", [(0.3, 0.4), (0.01, 0.1), (1e-4, 0.02), (2.0, 5.0)])
def test_quantile_inverts_the_cdf(bimodal, bandwidth):
    model = fitted(*bimodal, bandwidth)
    Q = np.linspace(-1, 3, 9)[:, None]
    levels = np.array([1e-9, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-9])
    found = model.quantile(Q, levels)
    assert (np.diff(found, axis=1) > 0).all()
    step = 1e-9 * model.y_scale_[0]
    for level, value in zip(levels, found.T, strict=True):
        assert (model.cdf(Q, value - step) <= level + 1e-13).all()
        assert (model.cdf(Q, value + step) >= level - 1e-13).all()
        assert_array_equal(model.quantile(Q, level), value)


def test_quantiles_far_in_the_tails_keep_their_digits():
    """Both tails: of one kernel in the far field of x these are normal quantiles."""
    X, y = linear(50)
    model = fitted(X, y)
    Q = np.array([[1e5, 1e5]])
    center = y[np.argmax((X / X.std(axis=0, ddof=1)) @ (Q[0] / X.std(axis=0, ddof=1)))]
    levels = np.array([1e-200, 1e-12, 0.5, 1 - 1e-12])
    expected = center + H[0] * y.std(ddof=1) * stats.norm.ppf(levels)
    assert_allclose(model.quantile(Q, levels)[0], expected, rtol=1e-10)


def test_quantiles_do_not_depend_on_blocks(bimodal, monkeypatch):
    model = fitted(*bimodal, n_jobs=2)
    Q = np.linspace(0, 2, 50)[:, None]
    whole = model.quantile(Q, [0.1, 0.6]), model.mean(Q), model.sample(Q, random_state=1)
    monkeypatch.setattr(_mixture, "_BLOCK", 1000)
    parts = model.quantile(Q, [0.1, 0.6]), model.mean(Q), model.sample(Q, random_state=1)
    for one, other in zip(whole, parts, strict=True):
        assert_allclose(one, other, rtol=1e-12)


# ------------------------------------------------------------ a known law, and draws
def test_linear_model_is_found():
    """y = 1 + x1 - x2 + noise: at a given hx the mean of y is the truth shrunk to the centre.

    With X and kernel normal, x and the rows near it have a joint normal law, so that the mean is
    ``1 + (x1 - x2)/(1 + hx^2)`` and y has the variance ``.25 + 2 hx^2/(1 + hx^2) + (hy sd)^2``.
    """
    Q, (hy, hx) = np.array([[0.0, 0.0], [0.5, -0.5]]), H
    models = [fitted(*linear(500, seed), H) for seed in range(50)]
    shrunk = 1 / (1 + hx**2)
    spread = (0.25 + 2 * hx**2 * shrunk + hy**2 * 2.25) ** 0.5
    law = stats.norm(1 + Q @ [1, -1] * shrunk, spread)
    for found, expected in (([m.mean(Q) for m in models], law.mean()),
                            ([m.quantile(Q, 0.9) for m in models], law.ppf(0.9)),
                            ([m.quantile(Q, 0.5) for m in models], law.ppf(0.5))):
        error = np.std(found, axis=0, ddof=1) / 50**0.5
        assert (error < 0.03).all()
        assert (np.abs(np.mean(found, axis=0) - expected) < 4 * error + 0.01).all()


def test_draws_have_the_distribution_function(bimodal):
    model = fitted(*bimodal)
    Q = np.random.default_rng(0).uniform(0, 2, size=(4000, 1))
    draws = model.sample(Q, random_state=5)
    assert stats.kstest(model.cdf(Q, draws), "uniform").pvalue > 1e-3
    assert_array_equal(draws, model.sample(Q, random_state=5))
    assert (draws != model.sample(Q, random_state=6)).all()
    wrong = model.cdf(Q[::-1], draws)  # of other rows: the check can fail
    assert stats.kstest(wrong[Q[:, 0] > 1.5], "uniform").pvalue < 1e-6


# ------------------------------------------------------------ far away
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e9, 1e100])
def test_far_queries_are_finite_and_see_one_row(distance):
    X, y = linear(100)
    model = fitted(X, y)
    Q = distance * np.array([[1.0, 0.3], [-1.0, 2.0]])
    along = (X / X.std(axis=0, ddof=1)) @ (Q / X.std(axis=0, ddof=1)).T
    nearest = y[along.argmax(axis=0)]
    assert_allclose(model.mean(Q), nearest, rtol=1e-9)
    expected = stats.norm.logpdf(0.7, nearest, H[0] * y.std(ddof=1))
    assert_allclose(model.score_samples(Q, [0.7, 0.7]), expected, rtol=1e-9)
    assert_allclose(model.cdf(Q, model.quantile(Q, 0.2)), 0.2, rtol=1e-9)


def test_far_values_of_y_follow_the_nearest_row():
    X, y = linear(100)
    model = fitted(X, y)
    found = model.score_samples([[0.0, 0.0]], [1e4])
    assert_allclose(found, plain_log_density(X, y[:, None], [[0.0, 0.0]], [[1e4]], *H), rtol=1e-9)
    assert model.cdf([[0.0, 0.0]], [1e4])[0] == 1.0
    assert model.cdf([[0.0, 0.0]], [-1e4])[0] == 0.0


def test_log_densities_join_where_the_far_field_begins():
    """Two ways to the same number, on the two sides of the switch and at the same places."""
    X, y = linear(100)
    model = fitted(X, y)
    start = H[1] * (2 * _mixture.FAR) ** 0.5
    Q = np.linspace(0.5, 2, 7)[:, None] * start * np.array([[1.0, 0.0]])
    v = np.linspace(-3, 3, 7)
    near = log_sums(model._points, Q, H[1])
    assert (near < -_mixture.FAR).any()
    assert (near > -_mixture.FAR).any()
    joint = log_sums(model._joint, np.hstack([Q / H[1], v[:, None] / H[0]])) - near
    assert_allclose(model._mixture.log_density(Q, v[:, None]), joint, atol=1e-8)


# ------------------------------------------------------------ what to trust
def test_diagnostics_pass_with_enough_rows():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(*linear(1000), "auto")
    table = model.diagnostics_.set_index("name")
    assert list(table.index) == ["condensed_share", "repeated_rows"]
    assert table["passed"].all()
    assert table.loc["repeated_rows", "value"] == 0


def test_condensed_share_by_definition():
    X, y = linear(120)
    with pytest.warns(TrustWarning, match="condensed_share"):
        model = fitted(X, y, (0.3, 0.1))
    Z = X / X.std(axis=0, ddof=1)
    weights = np.exp(-((Z[:, None] - Z) ** 2).sum(axis=-1) / (2 * 0.1**2))
    np.fill_diagonal(weights, 0.0)
    n_eff = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    assert_allclose(model.diagnostics_["value"][0], np.mean(n_eff < 5), atol=1e-12)


# ------------------------------------------------------------ scikit-learn and input
def test_grid_search_over_bandwidths():
    X, y = linear(200)
    pairs = [(0.3, 0.4), (0.3, 4.0), (3.0, 0.4), "auto"]
    search = GridSearchCV(ConditionalKernelDensity(), {"bandwidth": pairs}, cv=3).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["bandwidth"] in ((0.3, 0.4), "auto")
    assert scores[[1, 2]].max() < scores[[0, 3]].min()


def test_one_row_with_bandwidths():
    with pytest.warns(TrustWarning, match="condensed_share"):
        model = fitted([[2.0]], [5.0])
    assert_allclose(model.pdf([[9.0]], [5.5]), stats.norm.pdf(5.5, 5.0, 0.3))
    assert_allclose(model.quantile([[0.0]], 0.9), stats.norm.ppf(0.9, 5.0, 0.3))
    assert model.mean([[0.0]]) == 5.0
    with pytest.raises(ValueError, match="at least 2 rows"):
        fitted([[2.0]], [5.0], "auto")


def test_pickle():
    X, y = linear(700)
    model = fitted(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.score_samples(X[:9], y[:9]), model.score_samples(X[:9], y[:9]))
    assert_array_equal(again.quantile(X[:9], 0.4), model.quantile(X[:9], 0.4))


def test_frames_and_lists():
    X, y = linear(40)
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = fitted(frame, pd.Series(y, name="c"))
    assert list(model.feature_names_in_) == ["a", "b"]
    assert_array_equal(model.score_samples(frame, pd.DataFrame({"c": y})),
                       fitted(X.tolist(), y.tolist()).score_samples(X, y))


@pytest.mark.parametrize(("bandwidth", "error"), [
    ("scott", ValueError), (0.3, ValueError), ((0.3,), ValueError), ((0.3, -1.0), ValueError),
    ((0.0, 1.0), ValueError), ((np.inf, 1.0), ValueError), ((np.nan, 1.0), ValueError),
    (("a", 1.0), TypeError), (None, ValueError)])
def test_bad_bandwidth(bandwidth, error):
    with pytest.raises(error, match="bandwidth"):
        fitted(*linear(20), bandwidth)


def test_bad_data():
    X, y = linear(20)
    constant = pd.DataFrame({"a": X[:, 0], "b": 0.1})
    with pytest.raises(ValueError, match="'b' of X has no variance"):
        fitted(constant, y)
    with pytest.raises(ValueError, match="column 0 of y has no variance"):
        fitted(X, np.full(20, 0.1))
    with pytest.raises(ValueError, match="'b' of y has no variance"):
        fitted(X, constant)
    with pytest.raises(ValueError, match="y contains NaN"):
        fitted(X, np.where(y > 0, y, np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted(X, y[:-1])
    with pytest.raises(ValueError, match="target y is None"):
        fitted(X, None)


def test_bad_queries():
    X, y = linear(20)
    model = fitted(X, y)
    for wrong in (y[:-1], np.column_stack([y, y])):
        with pytest.raises(ValueError, match="one row per row of X"):
            model.score_samples(X, wrong)
    for method in (model.pdf, model.cdf, model.score):
        with pytest.raises(ValueError, match="target y is None"):
            method(X, None)
    for q in (0.0, 1.0, -1, np.nan, [], [[0.5]]):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            model.quantile(X, q)
