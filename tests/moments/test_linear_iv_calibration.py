"""Bias, spread and coverage of linear instrumental-variable estimates, by simulation."""

import numpy as np
import pytest

from divest.moments._linear_sets import CoefficientTest
from divest.moments.linear_iv import LinearIVRegressor

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::divest.TrustWarning")]


def sample(n, n_instruments, strength, seed):
    """The true slope is 1; the error has unequal variances and goes with the regressor."""
    rng = np.random.default_rng(seed)
    Z, v = rng.standard_normal((n, n_instruments)), rng.standard_normal(n)
    u = (0.8 * v + 0.6 * rng.standard_normal(n)) * np.sqrt(0.5 + 0.5 * Z[:, 0] ** 2)
    x = Z @ np.full(n_instruments, np.sqrt(strength / n)) + v
    return x.reshape(-1, 1), x + u, Z


def s_pvalue(model, j, value):
    """Of the S test at one value of a coefficient."""
    rows = model._rows
    test = CoefficientTest(rows.y, rows.X[:, j], np.delete(rows.X, j, axis=1), model._F, rows.w,
                           model._errors)
    return test(value)[1]


def simulate(method, n_instruments, strength, seeds, n=300):
    """Columns: error, covered by sandwich, by the fit's own interval, by the S set, J rejects."""
    found = []
    for seed in seeds:
        X, y, Z = sample(n, n_instruments, strength, seed)
        model = LinearIVRegressor(method, fit_intercept=False, guard=np.inf,
                                  random_state=0).fit(X, y, Z)
        assert model.converged_
        error = model.coef_[0] - 1
        robust = np.sqrt(model._outcome.robust[0, 0])
        found.append((error, abs(error) < 1.96 * robust,
                      abs(error) < 1.96 * model.result_.standard_error[0],
                      s_pvalue(model, 0, 1.0) > 0.05, model.j_test().pvalue < 0.05))
    return np.array(found, dtype=float)


def rmse(error):
    return np.sqrt(np.mean(error**2))


SEEDS = range(1000, 1100)


@pytest.mark.parametrize("method", ["cue", "kmm"])
def test_strong_instruments(method):
    """Coverage .95 with a standard error of .022 each; the J test keeps its level."""
    plain, found = simulate("2sls", 3, 50, SEEDS), simulate(method, 3, 50, SEEDS)
    assert abs(np.median(found[:, 0])) < 0.03
    assert rmse(found[:, 0]) < 1.1 * rmse(plain[:, 0])
    assert (found[:, 1:4].mean(axis=0) > 0.95 - 4 * 0.022).all()
    assert found[:, 4].mean() < 0.05 + 4 * 0.022


@pytest.mark.parametrize("method", ["cue", "et", "kmm"])
def test_weak_instruments(method):
    """2SLS is biased; profile estimates are not, and only robust errors and sets cover."""
    plain, found = simulate("2sls", 10, 2, SEEDS), simulate(method, 10, 2, SEEDS)
    assert np.median(plain[:, 0]) > 0.2
    assert abs(np.median(found[:, 0])) < 0.10
    assert found[:, 2].mean() >= 0.84
    assert found[:, 2].mean() > found[:, 1].mean()
    assert found[:, 3].mean() >= 0.90
    assert plain[:, 1].mean() < 0.7
    assert found[:, 4].mean() < 0.05 + 4 * 0.022


def test_newey_windmeijer_errors_match_the_spread():
    """Many moderately weak instruments: these errors fit the spread, those of the sandwich do not.

    The spread is a quartile range of 400 draws, relative standard error about .08.
    """
    errors, robust, own = [], [], []
    for seed in range(5000, 5400):
        X, y, Z = sample(600, 15, 8, seed)
        model = LinearIVRegressor("cue", fit_intercept=False, guard=np.inf).fit(X, y, Z)
        errors.append(model.coef_[0])
        robust.append(np.sqrt(model._outcome.robust[0, 0]))
        own.append(model.result_.standard_error[0])
    spread = np.subtract(*np.percentile(errors, [75, 25])) / 1.349
    assert np.median(own) == pytest.approx(spread, rel=0.12)
    assert np.median(own) > 1.08 * np.median(robust)
    covered = np.abs(np.array(errors) - 1) < 1.96 * np.array(own)
    assert abs(covered.mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 400)


def test_s_set_keeps_its_level_with_exogenous_regressors():
    """Weak instruments, an intercept and two exogenous regressors: the set stays exact.

    Were their coefficients projected out too, the test would hardly ever reject.
    """
    rejected = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        W, v = rng.standard_normal((400, 2)), rng.standard_normal(400)
        Z = rng.standard_normal((400, 3)) + 0.5 * W[:, :1]
        u = (0.8 * v + 0.6 * rng.standard_normal(400)) * np.sqrt(0.5 + 0.5 * W[:, 0] ** 2)
        x = Z @ np.full(3, np.sqrt(2 / 400)) + W @ [0.5, 1] + v
        model = LinearIVRegressor("2sls").fit(np.c_[W, x], 1 + W @ [1, -1] + x + u, np.c_[W, Z])
        rejected.append(s_pvalue(model, 3, 1.0) < 0.1)
    assert abs(np.mean(rejected) - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 400)
    assert np.mean(rejected) > 0.03


def test_clustered_errors_cover_where_robust_ones_do_not():
    """Ten rows a group; instruments and errors share the group, so robust errors are too short."""
    covered = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), 10)
        common = rng.standard_normal((60, 3))[groups]
        z = (common[:, 0] + 0.5 * rng.standard_normal(600)).reshape(-1, 1)
        v = common[:, 1] + rng.standard_normal(600)
        x = z[:, 0] + v
        y = x + 0.5 * v + common[:, 2] + rng.standard_normal(600)
        for options in ({"groups": groups}, {}):
            model = LinearIVRegressor("2sls").fit(x.reshape(-1, 1), y, z, **options)
            low, high = model.confidence_interval().set_index("parameter").loc["x0"]
            covered.append(low < 1 < high)
    grouped, plain = np.mean(np.reshape(covered, (-1, 2)), axis=0)
    assert abs(grouped - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 300)
    assert plain < 0.75


def test_hac_errors_cover_where_robust_ones_do_not():
    """Instrument and error are moving averages of five draws; twelve lags take in nearly all."""
    covered = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        smooth = [np.convolve(rng.standard_normal(804), np.ones(5), "valid") for _ in range(3)]
        z, v, e = smooth[0][:, None], smooth[1], smooth[2]
        x = z[:, 0] + v
        y = x + 0.5 * v + e
        for cov_type in ("hac", "robust"):
            model = LinearIVRegressor("2sls", cov_type=cov_type, max_lags=12).fit(
                x.reshape(-1, 1), y, z)
            low, high = model.confidence_interval().set_index("parameter").loc["x0"]
            covered.append(low < 1 < high)
    hac, plain = np.mean(np.reshape(covered, (-1, 2)), axis=0)
    assert hac > 0.95 - 0.03 - 4 * np.sqrt(0.95 * 0.05 / 300)  # Bartlett weights leave a little out
    assert plain < 0.85
