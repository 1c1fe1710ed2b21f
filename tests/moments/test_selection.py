"""Residuals against instruments: two statistics, the rule of parsimony, and scorers."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest.moments import KernelIVRegressor, hsic_scorer, mmr_scorer
from divest.moments._features import median_distance
from divest.moments._selection import (
    MOST_ROWS,
    InstrumentPairs,
    compared_rows,
    hsic,
    largest_within,
    mmr_statistic,
)

quiet = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def plain_kernel(X, multiplier=1.0):
    X = X.reshape(len(X), -1)
    h = multiplier * median_distance(X)
    return np.array([[np.exp(-np.sum((x - y) ** 2) / (2 * h * h)) for y in X] for x in X])


def plain_hsic(u, Z, multiplier=1.0):
    """As the definition has it: four sums over pairs, triples and quadruples."""
    n, K, L = len(u), plain_kernel(u), plain_kernel(Z, multiplier)
    pairs = sum(K[i, j] * L[i, j] for i in range(n) for j in range(n)) / n**2
    triples = sum(K[i].sum() * L[i].sum() for i in range(n)) / n**3
    return (pairs - 2 * triples + K.sum() * L.sum() / n**4) * n**2 / (n - 1) ** 2


def dependent(rng, n, d=2):
    Z = rng.normal(size=(n, d))
    return np.abs(Z[:, 0]) + rng.normal(size=n), Z


# ------------------------------------------------------------ statistics
@pytest.mark.parametrize("multiplier", [1.0, 0.5])
@pytest.mark.parametrize("columns", [1, 2])
def test_hsic_against_its_definition(rng, multiplier, columns):
    u, Z = rng.normal(size=(23, columns)), rng.normal(size=(23, 2))
    assert hsic(u, Z, multiplier) == pytest.approx(plain_hsic(u, Z, multiplier), rel=1e-11)


def test_one_column_of_residuals_may_be_flat(rng):
    u, Z = rng.normal(size=30), rng.normal(size=(30, 1))
    assert hsic(u, Z) == hsic(u[:, None], Z)
    assert mmr_statistic(u, Z) == mmr_statistic(u[:, None], Z)


def test_hsic_laws(rng):
    u, Z = dependent(rng, 60)
    value, order = hsic(u, Z), rng.permutation(60)
    assert hsic(u[order], Z[order]) == pytest.approx(value, rel=1e-12)
    assert hsic(8 * u + 1, Z / 4 - 2) == pytest.approx(value, rel=1e-10)
    assert hsic(Z[:, 0], u[:, None]) == pytest.approx(hsic(u, Z[:, :1]), rel=1e-12)  # symmetric
    assert hsic(np.ones(60), Z) == pytest.approx(0, abs=1e-15)
    assert hsic(u, np.ones((60, 1))) == pytest.approx(0, abs=1e-15)


def test_hsic_under_permutations(rng):
    """Its mean over all permutations is tr(HKH) tr(HLH) / (n - 1)^3, by 400 of them."""
    u, Z = dependent(rng, 80)
    n, H = 80, np.eye(80) - 1 / 80
    expected = np.trace(H @ plain_kernel(u)) * np.trace(H @ plain_kernel(Z)) / (n - 1) ** 3
    pairs = InstrumentPairs(Z)
    draws = np.array([pairs.hsic(rng.permutation(u)) for _ in range(400)])
    assert draws.mean() == pytest.approx(expected, abs=4 * stats.sem(draws))
    assert hsic(np.abs(Z[:, 0]) + 0.3 * u, Z) > draws.max()


def test_mmr_against_a_double_sum(rng):
    u, Z = rng.normal(size=(19, 2)), rng.normal(size=(19, 3))
    L, n = plain_kernel(Z), 19
    plain = sum(u[i] @ u[j] * L[i, j] for i in range(n) for j in range(n) if i != j)
    assert mmr_statistic(u, Z) == pytest.approx(plain / (n * (n - 1)), rel=1e-12)


def test_mmr_is_unbiased_where_residuals_are_noise_and_sees_a_mean(rng):
    Z = rng.normal(size=(50, 1))
    pairs = InstrumentPairs(Z)
    draws = np.array([pairs.mmr(rng.normal(size=50) * (1 + Z[:, 0] ** 2)) for _ in range(500)])
    assert abs(draws.mean()) < 4 * stats.sem(draws)
    mean = np.sin(Z[:, 0])
    shifted = np.array([pairs.mmr(mean + rng.normal(size=50)) for _ in range(500)])
    assert shifted.mean() == pytest.approx(pairs.mmr(mean), abs=4 * stats.sem(shifted))
    assert pairs.mmr(mean) > 0.05


def test_only_hsic_sees_the_size_of_errors(rng):
    Z = rng.normal(size=(400, 1))
    u = rng.normal(size=400) * np.exp(Z[:, 0])
    pairs = InstrumentPairs(Z)
    shuffled = [pairs.hsic(rng.permutation(u)) for _ in range(100)]
    assert pairs.hsic(u) > max(shuffled)
    signed = [pairs.mmr(u * rng.choice([-1, 1], 400)) for _ in range(100)]
    assert abs(pairs.mmr(u)) < max(np.abs(signed))


def plain_weighted_hsic(u, Z, w):
    """``E k l - 2 E (E k)(E l) + (E k)(E l)`` under the weights, less the factor for n - 1."""
    n, w = len(u), w / w.sum()
    K, L = plain_kernel(u), plain_kernel(Z)
    value = w @ (K * L) @ w - 2 * w @ ((K @ w) * (L @ w)) + (w @ K @ w) * (w @ L @ w)
    return value * n**2 / (n - 1) ** 2


def test_weighted_statistics_are_those_of_the_weighted_law(rng):
    u, Z, w = rng.normal(size=21), rng.normal(size=(21, 2)), rng.uniform(0.2, 3, 21)
    pairs, L = InstrumentPairs(Z, weights=w), plain_kernel(Z)
    assert pairs.hsic(u) == pytest.approx(plain_weighted_hsic(u, Z, w), rel=1e-11)
    r = u * w / w.mean()
    assert pairs.mmr(u) == pytest.approx((r @ L @ r - r @ r) / (21 * 20), rel=1e-11)
    plain, scaled = InstrumentPairs(Z), InstrumentPairs(Z, weights=np.full(21, 7.0))
    assert scaled.hsic(u) == pytest.approx(plain.hsic(u), rel=1e-12)
    assert scaled.mmr(u) == pytest.approx(plain.mmr(u), rel=1e-12)


def test_weights_undo_a_sample_that_looks_dependent(rng):
    """Seven in ten rows with z u > 0 are left out: weighted, the mean falls as 1/n all the same."""
    def draw(n):
        u, Z = rng.normal(size=4 * n), rng.normal(size=(4 * n, 1))
        kept = np.flatnonzero((u * Z[:, 0] < 0) | (rng.uniform(size=4 * n) < 0.3))[:n]
        u, Z = u[kept], Z[kept]
        pairs = InstrumentPairs(Z, weights=np.where(u * Z[:, 0] < 0, 0.3, 1.0))
        return n * pairs.hsic(u), n * hsic(u, Z)

    (few, few_plain), (many, many_plain) = (np.array([draw(n) for _ in range(200)]).T
                                            for n in (150, 600))
    assert abs(many.mean() - few.mean()) < 4 * np.hypot(stats.sem(many), stats.sem(few))
    gap = many_plain.mean() - few_plain.mean()  # without weights it grows as n does
    assert gap > 4 * np.hypot(stats.sem(many_plain), stats.sem(few_plain))


def test_many_rows_are_compared_by_a_fixed_part(rng):
    u, Z = dependent(rng, MOST_ROWS + 500)
    rows = compared_rows(len(u))
    assert len(np.unique(rows)) == MOST_ROWS
    assert hsic(u, Z) == hsic(u, Z) == hsic(u[rows], Z[rows])
    assert np.array_equal(compared_rows(7), range(7))


def test_one_row_has_no_pairs():
    with pytest.raises(ValueError, match="got 1 row, wanted at least 2"):
        hsic(np.ones(1), np.ones((1, 1)))
    assert hsic(np.arange(2.0), np.arange(2.0)[:, None]) > 0


@pytest.mark.parametrize(("factor", "position"), [(1.0, 2), (1.5, 3), (2.0, 4), (9.0, 5)])
def test_largest_within(factor, position):
    assert largest_within(np.array([3.0, 1.5, 1.0, 1.4, 2.0, 8.0]), factor) == position


def test_largest_within_leaves_missing_values_out():
    assert largest_within(np.array([1.0, 1.1, np.nan]), 1.25) == 1


# ------------------------------------------------------------ scorers
def sample(n=200, seed=0):
    rng = np.random.default_rng(seed)
    Z, e = rng.normal(size=(n, 2)), rng.normal(size=n)
    X = Z[:, :1] + e[:, None]
    return X, np.abs(X[:, 0]) + e, Z


class Constant:
    """Does not predict."""

    def residuals(self, X, y, Z):
        return np.asarray(y) - 1


@pytest.mark.parametrize(("scorer", "statistic"),
                         [(hsic_scorer, hsic), (mmr_scorer, mmr_statistic)])
def test_score_is_minus_the_statistic_of_the_residuals(scorer, statistic):
    X, y, Z = sample()
    model = LinearRegression().fit(X, y)
    assert scorer(model, X, y, Z=Z) == -statistic(y - model.predict(X), Z)
    assert scorer(Constant(), X, y, Z=Z) == -statistic(y - 1, Z)
    assert scorer(model, X, y.tolist(), Z=Z[:, 0]) == -statistic(y - model.predict(X), Z[:, :1])


def test_scorers_say_what_is_missing():
    X, y, Z = sample(20)
    model = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match=r"hsic_scorer needs Z: .*enable_metadata_routing=True"):
        hsic_scorer(model, X, y)
    with pytest.raises(ValueError, match=r"one row per residual \(20\), got 19"):
        mmr_scorer(model, X, y, Z=Z[:-1])
    with pytest.raises(TypeError, match="StandardScaler has neither"):
        hsic_scorer(StandardScaler(), X, y, Z=Z)


@pytest.mark.parametrize("scorer", [hsic_scorer, mmr_scorer])
def test_pickled_scorers(scorer):
    X, y, Z = sample(20)
    model, again = LinearRegression().fit(X, y), pickle.loads(pickle.dumps(scorer))
    assert repr(again) == repr(scorer)
    assert again(model, X, y, Z=Z) == scorer(model, X, y, Z=Z)


@quiet
def test_search_routes_instruments_to_fit_and_scorer():
    X, y, Z = sample()
    with sklearn.config_context(enable_metadata_routing=True):
        model = KernelIVRegressor(random_state=0).set_fit_request(Z=True)
        search = GridSearchCV(model, {"alpha": [0.01, 1.0]}, scoring=hsic_scorer, cv=2)
        search.fit(X, y, Z=Z)
    first, second = slice(0, 100), slice(100, 200)
    by_hand = []
    for train, test in ((second, first), (first, second)):
        fitted = KernelIVRegressor(alpha=0.01, random_state=0).fit(X[train], y[train], Z=Z[train])
        by_hand.append(-hsic(y[test] - fitted.predict(X[test]), Z[test]))
    found = [search.cv_results_[f"split{k}_test_score"][0] for k in range(2)]
    assert np.allclose(found, by_hand, rtol=1e-12)


@quiet
def test_search_over_a_pipeline_does_not_depend_on_jobs():
    X, y, Z = sample()
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(StandardScaler(),
                                 KernelIVRegressor(random_state=0).set_fit_request(Z=True))
        grid = {"kernelivregressor__alpha": [0.01, 1.0]}
        with joblib.parallel_config("threading"):
            scores = [GridSearchCV(pipeline, grid, scoring=mmr_scorer, cv=2, n_jobs=jobs)
                      .fit(X, y, Z=Z).cv_results_["mean_test_score"] for jobs in (1, 2)]
    assert np.array_equal(*scores)
    assert scores[0][0] != scores[0][1]


@quiet
def test_instruments_under_another_name():
    X, y, Z = sample(60)
    with sklearn.config_context(enable_metadata_routing=True):
        model = KernelIVRegressor(alpha=0.1).set_fit_request(Z="instruments")
        scorer = hsic_scorer.set_score_request(Z="instruments")
        found = cross_validate(model, X, y, scoring=scorer, params={"instruments": Z}, cv=2)
    assert (found["test_score"] < 0).all()
    assert hsic_scorer.request is True
