"""Mixtures of experts: the likelihood, the choice of size, predictive laws, odd data."""

import pickle
from math import comb, log, pi

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, stats
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from divest import TrustWarning
from divest.sample_complexity import _experts, kl_threshold
from divest.sample_complexity._expert_grid import Cell, cluster_shares, held_out_gap
from divest.sample_complexity._expert_mixture import ExpertMixture
from divest.sample_complexity._experts import Rows, Rule, design, run_em
from divest.sample_complexity.mixture_of_experts import MixtureOfExperts

trusting = pytest.mark.filterwarnings("ignore::divest.TrustWarning")
RULE = Rule(1e-6, 1e-4, 1e-7, 200)


def sine(n=300, seed=11):
    """The data of the acceptance test."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 1))
    return x, np.sin(6 * x[:, 0]) + 0.2 * rng.normal(size=n)


def two_lines(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    right = rng.random(n) < 1 / (1 + np.exp(-4 * X[:, 0]))
    y = np.where(right, 1 + X[:, 1], -1 - 2 * X[:, 1])
    return X, y + np.where(right, 0.3, 0.1) * rng.normal(size=n)


@pytest.fixture(scope="module")
def chosen():
    X, y = sine()
    return MixtureOfExperts(random_state=0).fit(X, y)


def failed(model):
    return model.diagnostics_.loc[~model.diagnostics_["passed"], "name"].tolist()


# ------------------------------------------------------------ the criterion
def test_size_of_the_sine(chosen):
    assert (chosen.n_experts_, chosen.degree_) == (2, 2)
    assert chosen.n_parameters_ == 10
    assert failed(chosen) == []
    row = chosen.criterion_.loc[chosen.criterion_["bic"].idxmin()]
    assert (row["n_experts"], row["degree"]) == (2, 2)
    # -61.66 is where a gate that moves by the fixed bound alone stands after 200 steps
    assert row["bic"] < -61.66 - 0.5
    assert row["bic"] == pytest.approx(-64.205, abs=0.01)
    assert chosen.log_likelihood_ == row["log_likelihood"]


def test_one_expert_is_least_squares(chosen):
    """Normal regression by lstsq; the ridge moves the BIC by less than 1e-4."""
    X, y = sine()
    n, alone = len(y), chosen.criterion_.query("n_experts == 1")
    for degree, row in zip(range(4), alone.itertuples(), strict=True):
        columns = np.vander(X[:, 0], degree + 1)
        errors = y - columns @ np.linalg.lstsq(columns, y)[0]
        likelihood = -0.5 * n * (log(2 * pi * errors.var()) + 1)
        assert row.log_likelihood == pytest.approx(likelihood, abs=1e-4)
        assert row.bic == pytest.approx((degree + 2) * log(n) - 2 * likelihood, abs=1e-4)
        assert row.aic == pytest.approx(2 * (degree + 2) - 2 * likelihood, abs=1e-4)
    assert_allclose(alone["bic"], [690.43, 400.72, 387.73, -53.886], atol=0.01)


def test_columns_of_the_criterion(chosen):
    frame = chosen.criterion_
    assert list(frame) == ["n_experts", "degree", "n_parameters", "log_likelihood", "bic", "aic",
                           "held_out", "converged"]
    m, k = frame["n_experts"], frame["degree"]
    assert_array_equal(frame["n_parameters"], m * (k + 1) + m + (m - 1) * 2)
    assert frame["held_out"].notna().all()
    assert (frame["held_out"] < frame["log_likelihood"] / 300).mean() > 0.8  # rows not seen


def test_parameters_with_several_columns():
    for s, m, k in ((1, 2, 2), (3, 4, 2), (5, 1, 3)):
        monomials = design(np.ones((1, s)), k)[1]
        assert monomials.shape[1] == comb(k + s, s)
        assert (_experts.count_parameters(m, monomials.shape[1], s)
                == m * comb(k + s, s) + m + (m - 1) * (s + 1))


def test_held_out_of_one_expert_is_that_of_cross_validation():
    X, y = sine(60)
    model = MixtureOfExperts(max_experts=1, max_degree=1, random_state=3).fit(X, y)
    seed = np.random.SeedSequence(3, spawn_key=(0,))
    folds = np.random.default_rng(seed).permutation(60) % 5
    expected = []
    for degree in (0, 1):
        logs = np.empty(60)
        for fold in range(5):
            out = folds == fold
            line = np.polyfit(X[~out, 0], y[~out], degree)
            sd = np.std(y[~out] - np.polyval(line, X[~out, 0]))
            logs[out] = stats.norm(np.polyval(line, X[out, 0]), sd).logpdf(y[out])
        expected.append(logs.mean())
    assert_allclose(model.criterion_["held_out"], expected, atol=1e-5)  # the ridge


def test_search_ends_when_more_experts_do_not_pay(chosen):
    frame = chosen.criterion_
    best = frame.groupby("n_experts")["bic"].min()
    assert best.index.max() == 4
    assert (best.loc[3:] > best.loc[:2].min() + 10).all()


def test_models_with_few_rows_per_parameter_are_left_out():
    X, y = sine(40)
    frame = MixtureOfExperts(random_state=0).fit(X, y).criterion_
    assert (5 * frame["n_parameters"] <= 40).all()
    with pytest.warns(TrustWarning, match="rows_per_parameter"):
        model = MixtureOfExperts(random_state=0).fit(X[:8], y[:8])  # the smallest model stays
    assert model.n_parameters_ == 2


def test_fixed_size_is_that_fit_of_the_grid(chosen):
    X, y = sine()
    alone = MixtureOfExperts(2, 2, random_state=0).fit(X, y)
    assert alone.log_likelihood_ == chosen.log_likelihood_
    assert_array_equal(alone.predict(X), chosen.predict(X))
    assert len(alone.criterion_) == 1
    assert alone.criterion_["held_out"].isna().all()


@trusting
@pytest.mark.parametrize("settings", [{"n_experts": 2, "max_degree": 1},
                                      {"degree": 1, "max_experts": 2}])
def test_one_of_two_sizes_may_be_fixed(settings):
    X, y = sine(100)
    model = MixtureOfExperts(**settings, n_init=1, random_state=0).fit(X, y)
    assert len(model.criterion_) == 2
    assert model.criterion_[next(iter(settings))].nunique() == 1


# ------------------------------------------------------------ EM
def plain_step(X, y, degree, shares, gate):
    """One EM step of one run by plain loops, with the same starts: parameters and likelihood."""
    Z, B = design(X, degree)
    m, n = shares.shape
    mean, sd, weight = np.empty((m, n)), np.empty(m), np.empty((m, n))
    for j in range(m):
        A = (B * shares[j][:, None]).T @ B + RULE.ridge * n / m * np.eye(B.shape[1])
        beta = np.linalg.solve(A, B.T @ (shares[j] * y))
        mean[j] = B @ beta
        errors = shares[j] @ (y - mean[j]) ** 2 + RULE.ridge * n / m * beta @ beta
        sd[j] = np.sqrt(max(errors / shares[j].sum(), RULE.floor * y.var()))
    for i in range(n):
        weight[:, i] = np.exp(gate @ Z[i]) / np.exp(gate @ Z[i]).sum()
    joint = [weight[j] * stats.norm(mean[j], sd[j]).pdf(y) for j in range(m)]
    return mean, sd, np.log(np.sum(joint, axis=0)).sum()


def test_step_agrees_with_a_plain_one(rng):
    X, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    shares = rng.dirichlet(np.ones(3), 50).T
    fits = run_em(Rows(*design(X, 2), y), shares[None], np.ones((1, 50)), Rule(1e-6, 1e-4, 1e-7, 1))
    mean, sd, likelihood = plain_step(X, y, 2, shares, fits.gate[0])
    assert_allclose(fits.coefficients[0] @ design(X, 2)[1].T, mean, rtol=1e-9)
    assert_allclose(np.sqrt(fits.variance[0]), sd, rtol=1e-9)
    assert fits.log_likelihood[0] == pytest.approx(likelihood, rel=1e-10)


def rising(X, y, m, degree, steps, seed=0):
    """Log-likelihoods after each number of steps, and the same less the ridge."""
    rng = np.random.default_rng(seed)
    starts = np.stack([cluster_shares(X, m, rng), cluster_shares(np.c_[X, y], m, rng)])
    rows = Rows(*design(X, degree), y)
    runs = [run_em(rows, starts, np.ones((2, len(y))), Rule(1e-6, 1e-4, 1e-300, step))
            for step in steps]
    squares = np.array([((r.coefficients**2).sum(axis=2) / r.variance).sum(axis=1) for r in runs])
    found = np.array([run.log_likelihood for run in runs])
    return found, found - 0.5 * 1e-6 * len(y) / m * squares


@pytest.mark.parametrize(("data", "m", "degree"), [
    (sine, 2, 0), (sine, 2, 2), (sine, 5, 1), (sine, 8, 3),
    (two_lines, 2, 0), (two_lines, 2, 2), (two_lines, 5, 1), (two_lines, 8, 3),
])  # fmt: skip
def test_no_step_lowers_the_likelihood(data, m, degree):
    """Less its ridge, exactly; as it is, within 1e-6 where there are more rows than parameters."""
    X, y = data(150)
    X, y = (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()
    plain, penalized = rising(X, y, m, degree, range(1, 60))
    assert (np.diff(penalized, axis=0) >= -1e-9 * np.abs(penalized[1:])).all()
    if (data, m) != (two_lines, 8):  # 126 parameters, 150 rows: there the ridge is felt
        assert (np.diff(plain, axis=0) >= -1e-6 * np.abs(plain[1:])).all()
    assert (plain[-1] > plain[0] + 1).all()


def test_safe_steps_of_the_gate_raise_the_likelihood_too(monkeypatch):
    """With Newton steps that go astray, the fixed bound takes over."""
    X, y = sine(150)
    newton = _experts._Runs._newton
    monkeypatch.setattr(_experts._Runs, "_newton", lambda self, *args: -50 * newton(self, *args))
    plain, penalized = rising(X - 0.5, y, 3, 1, range(1, 40))
    assert (np.diff(penalized, axis=0) >= -1e-9 * np.abs(penalized[1:])).all()
    assert (plain[-1] > plain[0] + 1).all()


def test_gate_reaches_the_maximum():
    """At convergence the gradient of the log-likelihood in the gate vanishes."""
    X, y = two_lines()
    rng = np.random.default_rng(1)
    rows = Rows(*design(X, 1), y)
    fits = run_em(rows, cluster_shares(np.c_[X, y], 2, rng)[None], np.ones((1, 400)),
                  Rule(1e-6, 1e-4, 1e-13, 2000))
    assert fits.converged[0]
    shares = _experts.posterior(_experts.log_joint(fits, rows))[1]
    chances = np.exp(_experts.log_softmax(fits.gate @ rows.gate.T))
    assert abs((shares - chances) @ rows.gate).max() < 1e-3
    assert abs(shares @ rows.gate).max() > 100  # what vanishes is a difference of large sums


@pytest.mark.parametrize("seed", [1, 3, 6, 7, 9])
def test_sharp_borders_do_not_keep_em_from_its_end(seed):
    """Where the gate of plain EM is still creeping after 200 steps, in one case after 1200."""
    rng = np.random.default_rng(seed)
    X = rng.random((1000, 1))
    y = np.abs(X[:, 0] - 0.5) + 0.05 * rng.normal(size=1000)
    model = MixtureOfExperts(2, 1, random_state=0).fit(X, y)
    assert model.converged_
    assert failed(model) == []


def test_leaps_end_where_they_do_not_pay(monkeypatch):
    """They change the way, not the maximum."""
    X, y = sine()
    found = []
    for slow in (_experts.SLOW, -np.inf):  # with leaps, and plain EM
        monkeypatch.setattr(_experts, "SLOW", slow)
        found.append(MixtureOfExperts(2, 2, random_state=0, n_init=1, tol=1e-10,
                                      max_iter=2000).fit(X, y))
    assert found[0].converged_
    assert found[0].n_iter_ < found[1].n_iter_
    assert found[0].log_likelihood_ == pytest.approx(found[1].log_likelihood_, abs=1e-4)


def test_risk_of_the_fit_is_reported(chosen):
    row = chosen.diagnostics_.set_index("name").loc["fit_risk"]
    assert row["value"] == chosen.n_parameters_ / 600
    assert row["threshold"] == kl_threshold(0.05)
    assert row["passed"]


def test_runs_do_not_touch_one_another(rng):
    """Weight 0 takes a row out; each of several runs is the run alone, in blocks or not."""
    X, y = two_lines(120)
    starts = np.stack([cluster_shares(X, 3, rng) for _ in range(4)])
    weights = (rng.random((4, 120)) < 0.8).astype(float)
    rows = Rows(*design(X, 2), y)
    together = run_em(rows, starts, weights, RULE)
    for i in range(4):
        kept = weights[i] > 0
        part = Rows(rows.gate[kept], rows.monomials[kept], y[kept])
        alone = run_em(part, starts[i : i + 1][:, :, kept], np.ones((1, kept.sum())), RULE)
        assert alone.n_iter[0] == together.n_iter[i]
        assert_allclose(alone.log_likelihood[0], together.log_likelihood[i], rtol=1e-7)


@pytest.mark.parametrize("most", [1, 3000])
def test_blocks_of_rows_change_nothing(monkeypatch, most):
    X, y = two_lines(120)
    whole = MixtureOfExperts(2, 2, random_state=0).fit(X, y)
    monkeypatch.setattr(_experts, "MOST_NUMBERS", most)
    monkeypatch.setattr("divest.sample_complexity._expert_grid.MOST_NUMBERS", most)
    parts = MixtureOfExperts(2, 2, random_state=0).fit(X, y)
    assert parts.log_likelihood_ == pytest.approx(whole.log_likelihood_, rel=1e-8)


def test_parameters_of_a_mixture_are_found():
    """Means within 4 standard errors of least squares with known labels; sds within 15 %."""
    X, y = two_lines(2000)
    model = MixtureOfExperts(2, 1, random_state=0).fit(X, y)
    order = np.argsort(model.expert_sds_)
    assert_allclose(model.expert_sds_[order], [0.1, 0.3], rtol=0.15)
    law = model.predict_distribution([[-1.5, 0.0], [1.5, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert_allclose(law.means[:, order[0]], [-1, -1, -3, -1], atol=4 * 0.1 * 2 / np.sqrt(1000))
    assert_allclose(law.means[:, order[1]], [1, 1, 2, 1], atol=4 * 0.3 * 2 / np.sqrt(1000))
    truth = 1 / (1 + np.exp(4 * np.array([-1.5, 1.5, 0, 0])))
    assert_allclose(law.weights[:, order[0]], truth, atol=0.08)
    assert model.expert_rows_.sum() == pytest.approx(2000)


def test_experts_that_share_a_region_are_told_apart():
    """y = x or -x by a coin: clusters of X alone cannot tell them apart."""
    rng = np.random.default_rng(2)
    X = rng.uniform(-2, 2, (500, 1))
    y = X[:, 0] * rng.choice([-1, 1], 500) + 0.1 * rng.normal(size=500)
    model = MixtureOfExperts(max_experts=3, max_degree=1, random_state=0).fit(X, y)
    assert (model.n_experts_, model.degree_) == (2, 1)
    assert_allclose(model.expert_sds_, 0.1, rtol=0.2)


# ------------------------------------------------------------ laws
@pytest.mark.parametrize(("scale", "shift"), [(1e6, 1e8), (1e-6, 3.0), (-2.0, 0.0)])
def test_units_of_y_change_nothing(scale, shift):
    X, y = two_lines(150)
    model = MixtureOfExperts(2, 1, random_state=0).fit(X, y)
    other = MixtureOfExperts(2, 1, random_state=0).fit(X, shift + scale * y)
    assert_allclose((other.predict(X) - shift) / scale, model.predict(X), rtol=1e-4, atol=1e-4)
    assert other.log_likelihood_ == pytest.approx(
        model.log_likelihood_ - 150 * log(abs(scale)), abs=1e-3)


def test_units_of_X_change_nothing():
    X, y = two_lines(150)
    model = MixtureOfExperts(2, 2, random_state=0).fit(X, y)
    other = MixtureOfExperts(2, 2, random_state=0).fit(1e5 + 1e3 * X, y)
    assert_allclose(other.predict(1e5 + 1e3 * X), model.predict(X), atol=1e-5)


def test_constant_and_repeated_columns_are_harmless():
    X, y = two_lines(150)
    model = MixtureOfExperts(2, 1, random_state=0).fit(X, y)
    wide = np.column_stack([X, np.full(150, 7.0), X[:, 0]])
    other = MixtureOfExperts(2, 1, random_state=0).fit(wide, y)
    assert other.log_likelihood_ == pytest.approx(model.log_likelihood_, abs=1.0)


# ------------------------------------------------------------ the law of y
@pytest.fixture
def law(chosen):
    return chosen.predict_distribution([[0.1], [0.5], [0.62]])


def test_density_mean_variance_and_entropy_by_quadrature(law, chosen):
    y = np.linspace(-5, 5, 20001)
    values = law.pdf(y[:, None])
    assert values.shape == (20001, 3)

    def total(f):
        return integrate.simpson(f, x=y, axis=0)

    assert_allclose(total(values), 1, rtol=1e-8)
    mean = total(y[:, None] * values)
    assert_allclose(law.mean(), mean, rtol=1e-8)
    assert_allclose(law.var(), total((y[:, None] - mean) ** 2 * values), rtol=1e-8)
    with np.errstate(divide="ignore", invalid="ignore"):
        plogp = np.where(values > 0, values * np.log(values), 0)
    assert_allclose(law.entropy(), -total(plogp), atol=2e-3)
    assert_allclose(law.cdf(0.3), integrate.simpson(law.pdf(np.linspace(-5, 0.3, 9001)[:, None]),
                                                    x=np.linspace(-5, 0.3, 9001), axis=0),
                    rtol=1e-7)
    assert_array_equal(chosen.predict([[0.1], [0.5], [0.62]]), law.mean())


@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 0.0])
def test_an_expert_without_a_say_leaves_the_density_finite(tiny):
    law = ExpertMixture(np.array([[tiny, 1.0]]), np.array([[3.0, 0.0]]), np.array([0.1, 0.1]))
    assert_allclose(law.logpdf(3.0), stats.norm(0, 0.1).logpdf(3.0), rtol=0.6)
    assert_allclose(law.logpdf(0.0), stats.norm(0, 0.1).logpdf(0.0))


def test_one_normal_law():
    law = ExpertMixture(np.ones((2, 1)), np.array([[1.0], [2.0]]), np.array([0.5]))
    twin = stats.norm([1, 2], 0.5)
    assert_allclose(law.logpdf([0.0, 90.0]), twin.logpdf([0.0, 90.0]), rtol=1e-12)
    assert_allclose(law.entropy(), twin.entropy(), rtol=1e-12)
    assert_allclose(law.quantile([0.01, 0.7]), np.transpose([twin.ppf(0.01), twin.ppf(0.7)]))


def test_quantile_inverts_cdf(law):
    levels = [1e-6, 0.05, 0.5, 0.999]
    found = law.quantile(levels)
    assert found.shape == (3, 4)
    assert_allclose(law.cdf(found.T).T, np.tile(levels, (3, 1)), rtol=1e-9)
    assert_array_equal(law.quantile(0.5), found[:, 2])


@pytest.mark.parametrize("q", [0.0, 1.0, [0.5, np.nan], [[0.5]], []])
def test_bad_levels_are_refused(law, q):
    with pytest.raises(ValueError, match="q must be a number"):
        law.quantile(q)


def test_sample_follows_the_law(chosen):
    """Probability integral transform of 4000 draws at one x; the p-value of a fixed seed."""
    X = np.full((4000, 1), 0.55)
    draws = chosen.sample(X, random_state=1)
    levels = chosen.predict_distribution(X).cdf(draws)
    assert stats.kstest(levels, "uniform").pvalue > 0.001
    assert stats.kstest(chosen.predict_distribution(X).cdf(draws + 0.05), "uniform").pvalue < 0.001
    assert_array_equal(draws, chosen.sample(X, random_state=1))
    assert (draws != chosen.sample(X, random_state=2)).any()


def test_scores(chosen):
    X, y = sine(200, seed=4)
    assert chosen.score(X, y) == r2_score(y, chosen.predict(X))
    assert chosen.score(X, y) > 0.85  # 1 - 0.04 / 0.5
    assert_array_equal(chosen.score_samples(X, y), chosen.predict_distribution(X).logpdf(y))
    # the true law: log-density -entropy(N(0, .2)) on average; 3 Monte Carlo errors and p/(2n)
    truth = 0.5 - log(0.2 * np.sqrt(2 * pi)) - 1
    assert abs(chosen.score_samples(X, y).mean() - truth) < 3 * np.sqrt(0.5 / 200) + 10 / 300
    assert_array_equal(chosen.score_samples(X), -chosen.predict_distribution(X).entropy())
    train_X, train_y = sine()
    assert chosen.score_samples(train_X, train_y).sum() == pytest.approx(chosen.log_likelihood_)


# ------------------------------------------------------------ trust
@pytest.mark.parametrize(("name", "settings", "n"), [
    ("converged", {"n_experts": 2, "degree": 1, "max_iter": 3}, 300),
    ("rows_per_parameter", {"n_experts": 4, "degree": 2}, 60),
    ("most_experts", {"degree": 0, "max_experts": 3}, 300),
])  # fmt: skip
def test_each_doubt_is_raised(name, settings, n):
    X, y = sine(n)
    with pytest.warns(TrustWarning, match=name):
        model = MixtureOfExperts(**settings, random_state=0).fit(X, y)
    assert name in failed(model)


def test_an_expert_with_few_rows_is_named():
    X, y = sine(300)
    y[:4] += 40
    with pytest.warns(TrustWarning, match="smallest_expert"):
        model = MixtureOfExperts(2, 2, random_state=0).fit(X, y)
    assert model.expert_rows_.min() < 20


def test_repeated_values_of_y_are_named():
    X, y = sine(300)
    y[X[:, 0] > 0.5] = 2.0
    with pytest.warns(TrustWarning, match="floored_variances"):
        model = MixtureOfExperts(2, 1, random_state=0).fit(X, y)
    assert model.expert_sds_.min() == pytest.approx(0.01 * y.std())


def cell(n_experts, bic, held_out):
    """A fit with no more than what the comparison looks at."""
    held_out = np.asarray(held_out, dtype=float)
    row = {"bic": bic, "held_out": held_out.mean()}
    return Cell(n_experts, 0, None, row, held_out)


def test_gap_is_a_paired_comparison(rng):
    first, gain = rng.normal(size=50), rng.normal(0.5, 1, 50)
    cells = [cell(1, 10.0, first), cell(2, 20.0, first + gain)]
    assert held_out_gap(cells, cells[0]) == pytest.approx(gain.mean() / gain.std() * np.sqrt(50))
    assert held_out_gap(cells, cells[1]) == 0.0


def test_held_out_rows_may_speak_against_bic(rng):
    """One of 55 products matters: BIC charges for all, more than held-out rows say they cost."""
    X = rng.choice([-1.0, 1.0], size=(600, 10))
    y = X[:, 0] + 0.75 * X[:, 1] * X[:, 2] + rng.normal(size=600)
    with pytest.warns(TrustWarning, match="held_out_gap"):
        model = MixtureOfExperts(1, max_degree=2, random_state=0).fit(X, y)
    assert failed(model) == ["held_out_gap"]
    assert model.degree_ == 1
    assert model.criterion_["held_out"].idxmax() == 2


# ------------------------------------------------------------ input
@trusting
@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"n_experts": 0}, ValueError, "n_experts must be at least 1, got 0"),
    ({"n_experts": "aic"}, ValueError, "n_experts must be one of 'bic'; got 'aic'"),
    ({"n_experts": 2.0}, TypeError, "n_experts must be an integer"),
    ({"n_experts": 31}, ValueError, "n_experts must be at most the number of rows, 30, got 31"),
    ({"degree": -1}, ValueError, "degree must be at least 0"),
    ({"degree": None}, TypeError, "degree must be an integer"),
    ({"max_experts": 0}, ValueError, "max_experts must be at least 1"),
    ({"max_degree": -1}, ValueError, "max_degree must be at least 0"),
    ({"n_init": 0}, ValueError, "n_init must be at least 1"),
    ({"max_iter": 0}, ValueError, "max_iter must be at least 1"),
    ({"tol": 0}, ValueError, "tol must lie between 0 and inf"),
    ({"ridge": 0}, ValueError, "ridge must lie between 0 and inf"),
    ({"variance_floor": 1.0}, ValueError, "variance_floor must lie between 0 and 1"),
    ({"random_state": "x"}, ValueError, "random_state must be"),
])  # fmt: skip
def test_bad_settings_are_named(settings, error, message):
    X, y = sine(30)
    with pytest.raises(error, match=message):
        MixtureOfExperts(**settings).fit(X, y)


@pytest.mark.parametrize(("change", "message"), [
    (lambda X, y: (X, np.full(30, 2.0)), "y has no variance: all 30 values are 2"),
    (lambda X, y: (X, None), "requires y to be passed"),
    (lambda X, y: (X, np.where(y > 0, np.nan, y)), "NaN"),
    (lambda X, y: (np.where(X > 0.5, np.inf, X), y), "Input X contains infinity"),
    (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    (lambda X, y: (X, np.array(["a"] * 30)), "y must hold numbers, got .*'a'"),
    (lambda X, y: (X[:1], y[:1]), "1 sample"),
    (lambda X, y: (1e300 * X, y), "X holds numbers of size .* whose squares are no floats"),
    (lambda X, y: (X, 1e300 * y), "y holds numbers of size .* whose squares are no floats"),
])  # fmt: skip
def test_bad_data_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        MixtureOfExperts().fit(*change(*sine(30)))


def test_bad_targets_of_a_score_are_named(chosen):
    X, y = sine(30)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        chosen.score_samples(X, y[:-1])
    with pytest.raises(ValueError, match="Input y contains NaN"):
        chosen.score_samples(X, np.full(30, np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        chosen.score(X, y[:-1])
    with pytest.raises(ValueError, match="y holds numbers of size"):
        chosen.score(X, np.where(y > 0, 1e308, -1e308))


def test_frames_lists_and_arrays_give_the_same():
    X, y = two_lines(100)
    model = MixtureOfExperts(2, 1, random_state=0)
    arrays = clone(model).fit(X, y).predict(X)
    for frame in (pd.DataFrame(X, columns=["a", "b"]), pl.DataFrame(X, schema=["a", "b"])):
        fitted = clone(model).fit(frame, y)
        assert list(fitted.feature_names_in_) == ["a", "b"]
        assert_array_equal(fitted.predict(frame), arrays)
    assert_array_equal(clone(model).fit(X.tolist(), y.tolist()).predict(X), arrays)


def test_pickle_keeps_everything(chosen):
    again = pickle.loads(pickle.dumps(chosen))
    X = np.linspace(0, 1, 7)[:, None]
    assert_array_equal(again.predict(X), chosen.predict(X))
    pd.testing.assert_frame_equal(again.criterion_, chosen.criterion_)


@trusting
@parametrize_with_checks([MixtureOfExperts(max_experts=2, max_degree=1, n_init=1, max_iter=20)])
def test_sklearn_contract(estimator, check):
    check(estimator)
