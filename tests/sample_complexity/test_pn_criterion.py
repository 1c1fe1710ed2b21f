"""pn_criterion: real tables, laws, draws, weights, decisions, diagnostics."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.datasets import load_diabetes, load_iris, load_wine

from divest.sample_complexity._thresholds import error_gap, size_gradient
from divest.sample_complexity.families import (
    gaussian,
    multinomial,
    polynomial,
)
from divest.sample_complexity.pn_criterion import (
    general_pn_criterion,
    kl_threshold,
    pn_criterion,
    required_sample_size,
)

quiet = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def failed(result):
    return {d.name for d in result.diagnostics if not d.passed}


# ------------------------------------------------------------ real tables
TABLES = [
    (load_iris().data, 14, 13.8698, 80.829, 16.725, (.04667, .04623, .04983, .04698),
     (.05095, .04776), (357.26, 96.30)),
    (load_wine().data[:, :5], 20, 23.5996, 197.557, 33.587, (.05618, .06629, .07253, .06735),
     (.07328, .06809), (604.97, 161.34)),
    (load_diabetes().data[:, [0, 2, 3, 4]], 14, 14.0849, 76.569, 14.561,
     (.01584, .01593, .01633, .01601), (.01635, .01604), (361.89, 97.02)),
]  # fmt: skip


@quiet
@pytest.mark.parametrize(("X", "p", "p_star", "c2f", "c2r", "risks", "resampled", "required"),
                         TABLES, ids=["iris", "wine", "diabetes"])
def test_real_tables(X, p, p_star, c2f, c2r, risks, resampled, required):
    """The printed numbers; the risks of 4000 resamples of the table within 3 %."""
    forward, reverse = (pn_criterion(X, direction=k) for k in ("forward", "reverse"))
    assert (forward.n, forward.p) == (len(X), p)
    assert_allclose([forward.p_star, forward.c2, reverse.c2], [p_star, c2f, c2r], rtol=1e-5,
                    atol=6e-4)
    found = [p / (2 * len(X)), forward.risk_first, forward.risk_second, reverse.risk_second]
    assert_allclose(found, risks, atol=6e-6)
    assert_allclose(found[2:], resampled, rtol=0.03)
    assert_allclose([forward.n_required, pn_criterion(X, delta=0.1).n_required], required,
                    atol=6e-3)


@quiet
def test_affine_maps_change_nothing(rng):
    X = load_iris().data
    moved = X @ rng.normal(size=(4, 4)) * [1e-3, 1, 1e3, 1] + 50
    fields = ("p_star", "p_star_se", "c2", "c2_se", "n_required_se")
    one, two = (pn_criterion(Z) for Z in (X, moved))
    assert_allclose([getattr(two, f) for f in fields], [getattr(one, f) for f in fields],
                    rtol=1e-9)


@quiet
@pytest.mark.parametrize("covariance", ["diag", "spherical"])
def test_shift_and_scale_change_nothing(covariance):
    X = load_iris().data
    one, two = (pn_criterion(Z, gaussian(covariance)) for Z in (X, 1e-3 * X - 7))
    assert_allclose([two.p_star, two.c2, two.c2_se], [one.p_star, one.c2, one.c2_se], rtol=1e-9)


@quiet
def test_one_column_has_one_covariance(rng):
    X = rng.gamma(3, size=(200, 1))
    families = ("gaussian", gaussian("diag"), gaussian("spherical"), polynomial(2))
    found = [pn_criterion(X, family) for family in families]
    for other in found[1:]:
        assert_allclose([other.p_star, other.c2, other.p_star_se, other.c2_se],
                        [found[0].p_star, found[0].c2, found[0].p_star_se, found[0].c2_se],
                        rtol=1e-8)


@quiet
def test_labels_are_counts(rng):
    labels = rng.integers(3, size=100)
    one = pn_criterion(labels * 2 + 5, multinomial())
    two = pn_criterion(np.eye(3)[labels], "multinomial")
    assert_allclose([one.p, one.c2, one.c2_se], [two.p, two.c2, two.c2_se])


# ------------------------------------------------------------ draws
@quiet
def test_draws_agree_with_the_exact_route():
    X, family = load_iris().data, gaussian()
    exact, theta = pn_criterion(X), family.fit(X)
    results = [pn_criterion(X, draws=family.sample(theta, 20_000, np.random.default_rng(seed)))
               for seed in range(3)]
    for result in results:
        assert abs(result.p_star - exact.p_star) < 3 * result.p_star_se
        assert abs(result.c2 - exact.c2) < 3 * result.c2_se
        assert "draws_match" not in failed(result)
    assert_allclose(np.mean([r.p_star_se for r in results]), exact.p_star_se, rtol=0.25)
    assert_allclose(np.mean([r.c2_se for r in results]), exact.c2_se, rtol=0.25)


class Normal:
    """One column, by its sampler alone."""

    name = "normal"

    def sufficient_statistics(self, X):
        return np.hstack([X, X**2])

    def fit(self, X):
        return X.mean(), X.std()

    def sample(self, theta, n, rng):
        return rng.normal(*theta, size=n)


@quiet
def test_statistics_rows_and_a_sampler_are_the_same(rng):
    X, family = rng.normal(2, 3, size=(100, 1)), Normal()
    draws = rng.normal(X.mean(), X.std(), size=(4000, 1))
    given = pn_criterion(X, family, draws=draws)
    statistics = pn_criterion(family.sufficient_statistics(X), None,
                              draws=family.sufficient_statistics(draws))
    builtin = pn_criterion(X, draws=draws)
    for other in (statistics, builtin):
        assert_allclose([other.p_star, other.c2, other.c2_se],
                        [given.p_star, given.c2, given.c2_se], rtol=1e-6)
    sampled = [pn_criterion(X, family, n_draws=4000, random_state=5) for _ in range(2)]
    assert sampled[0] == sampled[1]
    assert abs(sampled[0].c2 - given.c2) < 3 * np.hypot(sampled[0].c2_se, given.c2_se)


@quiet
def test_blocks_of_draws_widen_the_errors(rng):
    X = rng.normal(size=(200, 1))
    draws = np.repeat(rng.normal(X.mean(), X.std(), size=(500, 1)), 8, axis=0)
    alone = pn_criterion(X, draws=draws)
    blocks = pn_criterion(X, draws=draws, draw_groups=np.repeat(np.arange(500), 8))
    assert blocks.c2_se > 1.5 * alone.c2_se


# ------------------------------------------------------------ weights and settings
@quiet
@pytest.mark.parametrize("family", ["gaussian", gaussian("diag"), "exponential"])
def test_weights(family, rng):
    X = rng.gamma(2, size=(60, 2))
    times = rng.integers(0, 4, 60)
    weighted = pn_criterion(X, family, sample_weight=times)
    repeated = pn_criterion(np.repeat(X, times, axis=0), family)
    assert_allclose(weighted.p_star, repeated.p_star, rtol=1e-9)
    assert_allclose(weighted.n, times.sum()**2 / np.sum(times**2))
    equal = pn_criterion(X, family, sample_weight=np.full(60, 3.0))
    assert equal == pn_criterion(X, family)


@quiet
@pytest.mark.parametrize("specified", [False, True])
def test_weights_are_the_same_for_every_route(rng, specified):
    X, w = rng.normal(size=(200, 1)), rng.exponential(size=200)
    settings = {"sample_weight": w, "specified": specified}
    found = [pn_criterion(X, family, **settings) for family in
             ("gaussian", gaussian("diag"), polynomial(2))]
    for other in found[1:]:
        assert_allclose([other.p_star, other.c2], [found[0].p_star, found[0].c2], rtol=1e-7)
    mean, variance = gaussian().fit(X, w)
    draws = rng.normal(mean, variance[0]**0.5, size=(20_000, 1))
    drawn = pn_criterion(X, draws=draws, **settings)
    assert abs(drawn.c2 - found[0].c2) < 3 * drawn.c2_se
    if specified:
        cubes = np.sum(w**3) * np.sum(w) / np.sum(w**2)**2
        assert_allclose(found[0].c2, 3 * 26 / 8 - cubes * 14 / 3)


@quiet
def test_a_trusted_model(rng):
    X = rng.laplace(size=(200, 2))
    result = pn_criterion(X, specified=True)
    assert_allclose([result.p_star, result.p_star_se, result.c2], [5, 0, 203 / 12], atol=1e-12)
    assert not {"misspecified", "heavy_tails"} & {d.name for d in result.diagnostics}


@quiet
@pytest.mark.parametrize("family", ["gaussian", gaussian("diag"), Normal()])
def test_first_order_alone(family, rng):
    X = rng.normal(size=(50, 1))
    one, two = (pn_criterion(X, family, order=k, random_state=0) for k in (1, 2))
    assert_allclose(one.p_star, two.p_star, rtol=1e-9)
    assert_allclose(one.p_star_se, two.p_star_se, rtol=1e-9)
    assert np.isnan([one.c2, one.c2_se, one.risk_second]).all()
    assert not one.valid
    assert one.n_required == one.p_star / (2 * one.threshold)


@quiet
def test_risk_of_exponential_families_is_one(rng):
    X = rng.normal(size=(50, 1))
    assert pn_criterion(X, risk="projection") == pn_criterion(X)


# ------------------------------------------------------------ thresholds
@pytest.mark.parametrize(("delta", "pinsker", "tight", "shift"), [
    (.01, .0008, .00080007, .00125690), (.05, .02, .02004468, .03158155),
    (.10, .08, .08072672, .12836951), (.20, .32, .33247392, .54999180),
    (.30, .72, .79263529, 1.41665260)])  # fmt: skip
def test_table_of_thresholds(delta, pinsker, tight, shift):
    found = [kl_threshold(delta, kind) for kind in ("pinsker", "tight", "gaussian")]
    assert_allclose(found, [pinsker, tight, shift], atol=1e-8)


@pytest.mark.parametrize("kind", ["pinsker", "tight", "gaussian"])
@pytest.mark.parametrize("delta", [1e-4, 0.01, 0.2, 0.45])
def test_error_gap_inverts_the_threshold(kind, delta):
    assert_allclose(error_gap(kl_threshold(delta, kind), kind), delta, rtol=1e-6)


@pytest.mark.parametrize("kind", ["pinsker", "tight", "gaussian"])
def test_error_gap_stays_within_bounds(kind):
    gaps = [error_gap(value, kind) for value in (0.0, 1e-12, 1.0, 10.0, 100.0, 1e4)]
    assert gaps[0] == 0
    assert (np.diff(gaps) >= 0).all()
    assert gaps[-1] <= 0.5


def test_required_sample_size():
    assert_allclose([required_sample_size(10, 20, 0.02), required_sample_size(10, -5, 0.08)],
                    [253.937970, 61.483467], atol=1e-6)
    assert required_sample_size(2, -100, 0.02) == 50
    for c2 in (20, -5):
        step = 1e-5
        slopes = [(required_sample_size(10 + step, c2, .03) - required_sample_size(10 - step, c2,
                                                                                   .03)),
                  (required_sample_size(10, c2 + step, .03) - required_sample_size(10, c2 - step,
                                                                                   .03))]
        assert_allclose(size_gradient(10, c2, .03), np.array(slopes) / (2 * step), rtol=1e-6)


@quiet
def test_decision(rng):
    X = rng.normal(size=(100, 2))
    result = pn_criterion(X, threshold=0.05)
    assert result.valid
    assert_allclose(result.risk_second, result.p_star / 200 + result.c2 / 100**2)
    assert result.accept == (result.risk_second <= 0.05) == (result.n_required <= 100)
    assert_allclose(result.p_star / (2 * result.n_required) + result.c2 / result.n_required**2,
                    0.05)
    assert result.n_rows == np.ceil(result.n_required)
    assert_allclose(result.p_max, 2 * 100 * 0.05)
    assert (result.aic_penalty, result.tic_penalty) == (5, result.p_star)
    assert_allclose(kl_threshold(0.5 - result.bayes_error_lower), result.risk_second, rtol=1e-6)
    strict = pn_criterion(X, threshold=0.001)
    assert not strict.accept
    assert strict.n_required > 100


def test_errors_of_the_best_rule():
    """N(0,1) fitted to 30 rows: err = (1 - TV)/2 >= 1/2 - delta(KL), in each of 2000 samples."""
    rng, grid = np.random.default_rng(0), np.linspace(-12, 12, 4001)
    X = rng.normal(size=(2000, 30))
    density = np.exp(-grid**2 / 2) / np.sqrt(2 * np.pi)
    for mean, sd in zip(X.mean(axis=1), X.std(axis=1), strict=True):
        other = np.exp(-((grid - mean) / sd)**2 / 2) / (sd * np.sqrt(2 * np.pi))
        tv = np.sum(np.abs(density - other)) * (grid[1] - grid[0]) / 2
        kl = np.log(sd) + (1 + mean**2) / (2 * sd**2) - 0.5
        assert (1 - tv) / 2 >= 0.5 - np.sqrt(kl / 8) - 1e-6
        assert (1 - tv) / 2 >= 0.5 - error_gap(kl, "tight") - 1e-6


# ------------------------------------------------------------ memory
@quiet
@pytest.mark.parametrize("route", ["gaussian", "draws", "multinomial", "poisson"])
def test_no_array_of_fourth_cumulants_is_built(route, rng):
    """90 statistics: that array alone would be 525 MB."""
    if route in ("gaussian", "draws"):
        X = rng.normal(size=(300, 12))
    else:
        X = rng.integers(91, size=500) if route == "multinomial" else rng.poisson(2, (300, 90))
    draws = rng.normal(size=(400, 12)) if route == "draws" else None
    tracemalloc.start()
    result = pn_criterion(X, "gaussian" if draws is not None else route, draws=draws, n_groups=4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.p == 90
    assert peak < 90**4 * 8 / 5


# ------------------------------------------------------------ other models
def t3_location(x):
    """Scores, mean Hessian and Fisher information at zero."""
    return (4 * x / (3 + x**2))[:, None], [[-np.mean(4 * (3 - x**2) / (3 + x**2)**2)]], [[2 / 3]]


def test_risks_of_a_model_that_is_no_exponential_family():
    """t3 location fitted to N(0, 4), n = 400: .002721 and .004656."""
    x = 2 * norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = [general_pn_criterion(*t3_location(x), risk=k) for k in ("excess", "projection")]
    assert_allclose([r.p_star / 800 for r in found], [.002721, .004656], atol=1e-6)
    result = found[0]
    assert np.isnan([result.c2, result.p_star_se, result.n_required_se]).all()
    assert result.n_required == result.p_star / (2 * result.threshold)
    assert result.accept


@quiet
def test_general_form_agrees_for_an_exponential_family(rng):
    """Scores are the centred statistics; the Hessian is minus their covariance in the model."""
    X = rng.gamma(2, size=(200, 2))
    mean, w = X.mean(axis=0), rng.random(200)
    for weights in (None, w):
        mean = np.average(X, axis=0, weights=weights)
        general = general_pn_criterion(X - mean, -np.diag(mean**2), np.diag(mean**2),
                                       sample_weight=weights, risk="projection")
        exact = pn_criterion(X, "exponential", order=1, sample_weight=weights)
        assert_allclose([general.p_star, general.n, general.risk_first],
                        [exact.p_star, exact.n, exact.risk_first])
