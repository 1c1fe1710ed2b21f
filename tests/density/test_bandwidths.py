"""Bandwidth rules: reference values, slow twins, laws, odd data, and input."""

from math import log, pi, sqrt

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import fft, integrate, optimize, special, stats
from scipy.spatial.distance import cdist

from divest import TrustWarning
from divest._validation import check_sample_weight
from divest.density import _cross_validation, _isj
from divest.density._rounding import unrounded
from divest.density._selection import RULES, isj_diagnostic, select
from divest.density.bandwidths import (
    isj_bandwidth,
    loo_kl_bandwidth,
    lscv_bandwidth,
    robust_bandwidth,
    scott_bandwidth,
    silverman_bandwidth,
)

ONE_COLUMN = ("robust", "isj")
SEARCHES = ("lscv", "loo_kl")


def fixed_data():
    """x: 250 numbers, two modes; Z: 300 rows, 3 columns of standard deviation 1."""
    rng = np.random.default_rng(12345)
    x = np.r_[rng.normal(size=150), rng.normal(3, 0.5, 100)]
    X = rng.normal(size=(300, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0], [0, 0, 2.0]])
    return x, X / X.std(axis=0, ddof=1)


@pytest.fixture
def x():
    return fixed_data()[0]


@pytest.fixture
def Z():
    return fixed_data()[1]


@pytest.fixture
def weights():
    """Of 300 rows."""
    return np.arange(1, 301) / np.arange(1, 301).sum()


# ------------------------------------------------------------ slow twins
def merged(Z, weights=None):
    """Different rows, their weights, and squared distances."""
    weights = np.full(len(Z), 1 / len(Z)) if weights is None else weights
    rows, code = np.unique(Z, axis=0, return_inverse=True)
    return rows, np.bincount(code.ravel(), weights), cdist(rows, rows, "sqeuclidean")


def squares_loss(Z, h, weights=None):
    """Integral of the square, minus twice the mean leave-one-out density; row by row."""
    rows, w, r2 = merged(Z, weights)
    d = Z.shape[1]
    square = w @ np.exp(-r2 / (4 * h * h)) @ w / (4 * pi * h * h) ** (d / 2)
    total = 0.0
    for i in range(len(rows)):
        others = np.arange(len(rows)) != i
        density = w[others] @ np.exp(-r2[i, others] / (2 * h * h)) / (2 * pi * h * h) ** (d / 2)
        total += w[i] * density / w[others].sum()
    return square - 2 * total


def likelihood(Z, h, weights=None):
    """Mean leave-one-out log density."""
    _, w, r2 = merged(Z, weights)
    off = np.where(np.eye(len(w)) > 0, -np.inf, 0.0) - r2 / (2 * h * h)
    found = special.logsumexp(off, axis=1, b=w) - np.log(1 - w)
    return w @ found - Z.shape[1] * log(h * sqrt(2 * pi))


def best_on_grid(loss, low, high):
    """Minimiser of `loss(h)`: a dense grid, then a bounded search."""
    grid = np.geomspace(low, high, 300)
    i = np.argmin([loss(h) for h in grid])
    assert 0 < i < 299
    return optimize.minimize_scalar(loss, bounds=(grid[i - 1], grid[i + 1]), method="bounded",
                                    options={"xatol": 1e-9 * grid[i]}).x


def isj_by_full_scan(x, w, bins=4096):
    """The equation with all its terms at all 60 values."""
    n, span = min(len(np.unique(x)), 1 / (w @ w)), np.ptp(x)
    limits = x.min() - span / 2, x.max() + span / 2
    mass = np.histogram(x, bins=bins, range=limits, weights=w)[0]
    a2, k2 = (fft.dct(mass, type=2)[1:] / 2) ** 2, np.arange(1, bins) ** 2.0

    def norm(s, t):
        return 2 * pi ** (2 * s) * np.sum(k2**s * a2 * np.exp(-k2 * pi**2 * t))

    def equation(t):
        value = norm(7, t)
        for s in range(6, 1, -1):
            odd = special.factorial2(2 * s - 1) / sqrt(2 * pi)
            value = norm(s, (2 * odd * (1 + 0.5 ** (s + 0.5)) / 3 / (n * value))
                         ** (2 / (3 + 2 * s)))
        return t - (2 * n * sqrt(pi) * value) ** -0.4

    t = np.geomspace(1e-9, 0.1, 60)
    sign = np.array([equation(s) for s in t])
    root = np.flatnonzero((sign[:-1] < 0) & (sign[1:] > 0))
    if not len(root):
        return np.nan
    return sqrt(optimize.brentq(equation, t[root[0]], t[root[0] + 1])) * 2 * span


# ------------------------------------------------------------ reference values
def test_reference_values(x, Z, weights):
    assert_allclose(robust_bandwidth(x), 0.51148846, atol=1e-8)
    assert_allclose(isj_bandwidth(x), 0.30567644, atol=1e-6)
    assert_allclose(loo_kl_bandwidth(x), 0.31169095, rtol=1e-6)
    assert_allclose(lscv_bandwidth(x), 0.280575, atol=2e-6)
    assert_allclose(scott_bandwidth(300, 3), 0.44271632, atol=1e-8)
    assert_allclose(silverman_bandwidth(300, 3), 0.42882614, atol=1e-8)
    assert_allclose(loo_kl_bandwidth(Z), 0.52497708, rtol=1e-6)
    assert_allclose(loo_kl_bandwidth(Z, weights), 0.53606664, rtol=1e-6)
    assert_allclose(lscv_bandwidth(Z), 0.402258, atol=2e-6)


def test_loo_kl_of_2000_rows_in_20_columns():
    Z = np.random.default_rng(7).normal(size=(2000, 20))
    chosen = select("loo_kl", Z)
    assert_allclose(chosen.bandwidth, 0.832449, atol=1e-5)
    assert chosen.iterations <= 6


@pytest.mark.parametrize("d", [1, 2, 5])
def test_factors_of_scipy(d, rng):
    X, w = rng.normal(size=(50, d)), rng.random(50)
    for weights in (None, w):
        kde = stats.gaussian_kde(X.T, weights=weights)
        assert_allclose(scott_bandwidth(kde.neff, d), kde.scotts_factor(), rtol=1e-12)
        assert_allclose(silverman_bandwidth(kde.neff, d), kde.silverman_factor(), rtol=1e-12)
        given = check_sample_weight(weights, 50)
        assert_allclose(select("scott", X, given).bandwidth, kde.scotts_factor(), rtol=1e-12)
        assert_allclose(select("silverman", X, given).bandwidth, kde.silverman_factor(),
                        rtol=1e-12)


# ------------------------------------------------------------ robust
def test_robust_by_its_formula(rng):
    for x in (rng.normal(size=37), rng.standard_cauchy(100), rng.integers(0, 9, 50)):
        spread = min(x.std(ddof=1), stats.iqr(x) / 1.349)
        assert_allclose(robust_bandwidth(x), 0.9 * spread * len(x) ** -0.2, rtol=1e-12)


def test_robust_with_weights_by_the_window_mean_of_the_quantile_function(rng):
    x, w = rng.normal(size=25), rng.random(25)
    w /= w.sum()
    n = 1 / (w @ w)
    order = np.argsort(x)
    ends = np.cumsum(w[order])

    def quantile(p):
        inside = np.linspace(p * (1 - 1 / n), p * (1 - 1 / n) + 1 / n, 200_001)
        middle = (inside[1:] + inside[:-1]) / 2
        return x[order][np.searchsorted(ends, middle)].mean()

    iqr = (quantile(0.75) - quantile(0.25)) / 1.349
    sd = sqrt(w @ (x - w @ x) ** 2 / (1 - 1 / n))
    assert iqr < sd  # so that the quantiles are what is tested
    assert_allclose(robust_bandwidth(x, w), 0.9 * iqr * n**-0.2, rtol=1e-4)


def test_robust_without_interquartile_range():
    x = np.r_[np.full(80, 0.1), np.linspace(1, 2, 20)]
    assert_allclose(robust_bandwidth(x), 0.9 * x.std(ddof=1) * 100**-0.2, rtol=1e-12)


# ------------------------------------------------------------ isj
LAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "bimodal": lambda rng, n: 0.3 * rng.normal(size=n) + 3 * rng.integers(0, 2, n),
    "t3": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: rng.lognormal(size=n),
    "uniform": lambda rng, n: rng.random(n),
    "rounded": lambda rng, n: np.round(rng.normal(size=n), 1),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [300, 3000])
def test_isj_is_the_first_root_of_a_full_scan(law, n, rng):
    x, w = LAWS[law](rng, n), rng.random(n)
    for weights in (np.full(n, 1 / n), w / w.sum()):
        chosen = select("isj", x[:, None], weights)
        assert (chosen.rule, chosen.found) == ("isj", True)
        even = unrounded(x[:, None], weights)[:, 0]
        assert_allclose(chosen.bandwidth, isj_by_full_scan(even, weights), rtol=1e-6)


def test_isj_bins(x):
    assert_allclose(isj_bandwidth(x, bins=1000),
                    isj_by_full_scan(x, np.full(250, 1 / 250), 1000), rtol=1e-6)


@pytest.mark.parametrize("case", ["no root", "few values", "far row", "many zeros"])
def test_isj_gives_way_to_robust(case, rng):
    x = {"no root": rng.standard_cauchy(20_000),
         "few values": np.round(rng.normal(size=500)),
         "far row": np.r_[rng.normal(size=500), 1e6],
         "many zeros": np.maximum(rng.normal(size=1000), 0)}[case]
    root = isj_by_full_scan(x, np.full(len(x), 1 / len(x)))
    if case == "no root":
        assert np.isnan(root)
    elif case != "few values":  # what a bin hides is no root
        assert root < 2 * np.ptp(x) / 4096
    chosen = select("isj", x[:, None])
    assert (chosen.rule, chosen.found) == ("robust", False)
    assert not isj_diagnostic(chosen).passed
    with pytest.warns(TrustWarning, match="isj_root"):
        assert isj_bandwidth(x) == robust_bandwidth(x) == chosen.bandwidth


def test_isj_needs_30_distinct_values(rng):
    x = rng.normal(size=30)
    assert select("isj", x[:, None]).rule == "isj"
    assert select("isj", np.r_[x[1:], x[1:]][:, None]).rule == "robust"


def test_isj_evaluates_the_equation_a_few_times(monkeypatch, rng):
    calls = []
    plain = _isj._Equation.__call__

    def counted(self, t):
        calls.append(t)
        return plain(self, t)

    monkeypatch.setattr(_isj._Equation, "__call__", counted)
    select("isj", rng.normal(size=(1000, 1)))
    assert len(calls) < 30


# ------------------------------------------------------------ lscv
def outer_rows(Z, weights=None):
    return _cross_validation.OuterRows(
        Z, np.full(len(Z), 1 / len(Z)) if weights is None else weights)


def loss_at(rows, h, d):
    return rows.squared_error(np.array([h]), 1.0)[0] / (4 * pi) ** (d / 2)


def test_squares_loss_of_reference(x):
    assert_allclose(loss_at(outer_rows(x[:, None]), 0.3, 1), -0.1900523476, atol=1e-10)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_squares_loss_with_weights_and_ties(d, rng):
    Z = rng.normal(size=(40, d))[rng.integers(0, 40, 60)]
    w = rng.random(60)
    w /= w.sum()
    for h in (0.2, 0.7, 2.0):
        assert_allclose(loss_at(outer_rows(Z, w), h, d), squares_loss(Z, h, w), rtol=1e-9)


def test_squares_loss_is_the_usual_formula_for_equal_weights(x):
    n, h = len(x), 0.4
    r2 = (x - x[:, None]) ** 2
    first = np.exp(-r2 / (4 * h * h)).sum() / n**2 / sqrt(4 * pi * h * h)
    second = (np.exp(-r2 / (2 * h * h)).sum() - n) / (n * (n - 1)) / sqrt(2 * pi * h * h)
    assert_allclose(loss_at(outer_rows(x[:, None]), h, 1), first - 2 * second, rtol=1e-12)


def test_weighted_square_integral_by_quadrature(rng):
    x, w, h = rng.normal(size=8), rng.random(8), 0.4
    w /= w.sum()
    square = integrate.quad(lambda q: (w @ stats.norm.pdf(q, x, h)) ** 2, -8, 8, points=x)[0]
    r2 = (x - x[:, None]) ** 2
    left_out = sum(w[i] * np.delete(w, i) @ np.exp(-np.delete(r2[i], i) / (2 * h * h))
                   / (1 - w[i]) for i in range(8)) / (h * sqrt(2 * pi))
    assert_allclose(loss_at(outer_rows(x[:, None], w), h, 1), square - 2 * left_out, rtol=1e-9)


@pytest.mark.parametrize("case", ["bimodal", "t3 2", "weights", "ties"])
def test_lscv_is_the_best_bandwidth(case, rng):
    Z = {"bimodal": LAWS["bimodal"](rng, 80)[:, None], "t3 2": rng.standard_t(3, (60, 2)),
         "weights": rng.normal(size=(60, 3)),
         "ties": rng.normal(size=(40, 2))[rng.integers(0, 40, 70)]}[case]
    w = rng.random(len(Z)) if case == "weights" else np.ones(len(Z))
    w /= w.sum()
    chosen = select("lscv", Z, w)
    best = best_on_grid(lambda h: squares_loss(Z, h, w), 0.02, 4)
    assert_allclose(chosen.bandwidth, best, rtol=1e-5)
    assert_allclose(chosen.criterion, squares_loss(Z, best, w), rtol=1e-9)
    assert not chosen.at_edge


@pytest.mark.parametrize(("seed", "wide"), [(6, False), (8, True)])
def test_lscv_finds_the_best_of_two_minima(seed, wide):
    Z = np.random.default_rng(seed).normal(size=(30, 1))
    grid = np.geomspace(0.05, 1.5, 200)
    loss = np.array([squares_loss(Z, h) for h in grid])
    dips = 1 + np.flatnonzero((loss[1:-1] < loss[:-2]) & (loss[1:-1] < loss[2:]))
    assert len(dips) == 2
    assert_allclose(lscv_bandwidth(Z), grid[dips[int(wide)]], rtol=0.02)


def test_lscv_says_when_rows_all_but_coincide(rng):
    Z = rng.integers(0, 9, (500, 1)) + 1e-6 * rng.normal(size=(500, 1))
    assert select("lscv", Z).at_edge
    assert not select("lscv", np.round(Z)).at_edge  # equal rows are one row


@pytest.mark.parametrize("d", [50, 1000])
def test_lscv_stays_in_range_in_many_columns(d, rng):
    chosen = select("lscv", rng.normal(size=(60, d)))
    assert 0.5 < chosen.bandwidth < 3
    assert np.isfinite(chosen.criterion)


# ------------------------------------------------------------ loo_kl
def odd_samples():
    rng = np.random.default_rng(8)
    normal = rng.normal(size=(60, 2))
    yield "normal", normal, None
    yield "weights", normal, rng.random(60) ** 4
    yield "one heavy row", normal, np.r_[50.0, np.full(59, 1.0)]
    yield "ties", normal[rng.integers(0, 40, 90)], None
    yield "bimodal", LAWS["bimodal"](rng, 80)[:, None], None
    yield "heavy tails", rng.standard_cauchy((80, 1)), None
    yield "far row", np.r_[rng.normal(size=(50, 1)), [[1e6]]], None
    yield "two rows", np.array([[0.0], [0.3]]), None
    yield "two rows of 50", rng.normal(size=(2, 50)), None
    yield "three rows", rng.normal(size=(3, 3)), None
    yield "50 columns", rng.normal(size=(60, 50)), None
    yield "more columns than rows", rng.normal(size=(10, 30)), None
    yield "nearly equal pairs", np.repeat(rng.normal(size=(40, 2)), [1, 2] * 20, axis=0) \
        + 1e-4 * rng.normal(size=(60, 2)), None
    yield "shifted far", 1e7 + rng.normal(size=(50, 15)), None


@pytest.mark.parametrize(("Z", "w"), [pytest.param(Z, w, id=name)
                                      for name, Z, w in odd_samples()])
def test_loo_kl_is_the_likeliest(Z, w):
    w = np.full(len(Z), 1 / len(Z)) if w is None else w / w.sum()
    chosen = select("loo_kl", Z, w)
    far = sqrt(merged(Z, w)[2].max())
    best = best_on_grid(lambda h: -likelihood(Z, h, w), 1e-3 * chosen.bandwidth,
                        max(far, 2 * chosen.bandwidth))
    assert_allclose(chosen.bandwidth, best, rtol=1e-4)
    assert_allclose(chosen.criterion, likelihood(Z, best, w), rtol=1e-7, atol=1e-7)
    assert chosen.iterations <= 15


def test_a_step_never_lowers_the_likelihood(Z):
    rows = outer_rows(Z)
    for h in (0.1, 0.3, 0.52, 0.8, 3.0):
        square, before = rows.likelihood_step(h)
        assert_allclose(before, likelihood(Z, h), rtol=1e-10)
        assert rows.likelihood_step(sqrt(square))[1] >= before


# Plain steps to where t is its own image; "pushed off" has an image steeper than t between two.
MAPS = {
    "constant": lambda t: 2.0,
    "slow": lambda t: 2.0 + 0.999 * (t - 2.0),
    "flat at the zero": lambda t: t - 0.5 * np.tanh((t - 2.0) ** 3 / 2),
    "s-shaped": lambda t: 2.0 + np.tanh(5 * (t - 1.0)) - np.tanh(5.0),
    "pushed off": lambda t: 3 * np.tanh(2 * t),
    "two steps": lambda t: 5.0 + 3 * np.tanh(40 * (t - 4.0)) + 0.1 * np.arctan(t - 2.0),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("start", [-5.0, 0.05, 1.5, 2.0, 3.0, 9.0])
def test_fixed_point_ends_at_a_downward_zero(name, start):
    follow = MAPS[name]
    t, calls = _cross_validation.fixed_point(lambda t: follow(t) - t, start)
    assert calls <= 60
    assert follow(t - 0.05) - (t - 0.05) > 0 > follow(t + 0.05) - (t + 0.05)


# ------------------------------------------------------------ many rows
def test_outer_rows_are_one_of_every_run():
    picked = _cross_validation._one_of_every(4001, 3)
    assert_array_equal(picked // 3, np.arange(1334))
    assert picked[-1] < 4001
    assert {0, 1, 2} == set(picked % 3)
    assert_array_equal(_cross_validation._one_of_every(2000, 1), np.arange(2000))


@pytest.mark.parametrize("rule", SEARCHES)
def test_part_of_the_outer_sum_gives_nearly_the_same(rule, rng, monkeypatch):
    """With a fifth of 1000 rows; the bandwidths by all rows have this spread over samples."""
    Z = rng.normal(size=(1000, 2))
    whole = select(rule, Z).bandwidth
    monkeypatch.setattr(_cross_validation, "MOST_OUTER", 200)
    part = select(rule, Z).bandwidth
    assert part != whole
    assert_allclose(part, whole, rtol=0.3 if rule == "lscv" else 0.1)
    assert_allclose(select(rule, Z[rng.permutation(1000)]).bandwidth, part, rtol=1e-6)


# ------------------------------------------------------------ laws
def sample_for(rule):
    x, Z = fixed_data()
    return x[:, None] if rule in ONE_COLUMN else Z


@pytest.mark.parametrize("rule", RULES[3:])
def test_scale_shift_and_order(rule, rng):
    Z = sample_for(rule)
    h = select(rule, Z).bandwidth
    tolerance = {"isj": 1e-3, "lscv": 1e-6}.get(rule, 1e-9)  # bins; where the search stops
    assert_allclose(select(rule, 37.0 * Z).bandwidth, 37.0 * h, rtol=tolerance)
    assert_allclose(select(rule, Z + 1000.0).bandwidth, h, rtol=tolerance)
    assert_allclose(select(rule, Z[rng.permutation(len(Z))]).bandwidth, h,
                    rtol=min(tolerance, 1e-6))


@pytest.mark.parametrize("rule", RULES[1:])
def test_weights_by_hand(rule, rng):
    """Equal weights are none; rows without weight are not there."""
    Z = sample_for(rule)
    n = len(Z)
    h = select(rule, Z).bandwidth
    assert_allclose(select(rule, Z, np.full(n, 1 / n)).bandwidth, h, rtol=1e-9)
    more = np.r_[Z, 50 + rng.normal(size=(20, Z.shape[1]))]
    weights = np.r_[np.full(n, 1 / n), np.zeros(19), 1e-30]
    assert_allclose(select(rule, more, weights).bandwidth, h, rtol=1e-6)


@pytest.mark.parametrize("rule", SEARCHES)
def test_repeated_rows_are_weights(rule, Z, rng):
    counts = rng.integers(1, 4, len(Z))
    weights = counts / counts.sum()
    again = select(rule, np.repeat(Z, counts, axis=0))
    assert_allclose(again.bandwidth, select(rule, Z, weights).bandwidth,
                    rtol=1e-3 if rule == "lscv" else 1e-5)  # they start from another bandwidth
    assert again.bandwidth > 0.2  # without merging them it is 0


def test_auto_goes_by_columns(rng):
    wanted = {1: "isj", 2: "lscv", 3: "lscv", 4: "loo_kl", 9: "loo_kl"}
    for d, rule in wanted.items():
        Z = rng.normal(size=(100, d))
        assert select("auto", Z) == select(rule, Z)
        assert select("auto", Z).rule == rule


def test_public_functions_take_frames_and_lists(x, Z, weights):
    frame = pd.DataFrame(Z, columns=["a", "b", "c"])
    assert lscv_bandwidth(frame, list(weights)) == pytest.approx(
        select("lscv", Z, weights).bandwidth, rel=1e-6)
    assert loo_kl_bandwidth(Z.tolist(), 7 * weights) == pytest.approx(
        select("loo_kl", Z, weights).bandwidth, rel=1e-9)
    for function in (isj_bandwidth, robust_bandwidth):
        assert function(pd.Series(x)) == function(list(x)) == function(x[:, None])
        assert isinstance(function(x), float)
    assert isinstance(lscv_bandwidth(Z), float)
    assert isinstance(loo_kl_bandwidth(Z), float)


def test_n_jobs_changes_nothing(Z):
    for rule in SEARCHES:
        assert select(rule, Z, n_jobs=2) == select(rule, Z)


# ------------------------------------------------------------ input
@pytest.mark.parametrize("rule", ONE_COLUMN)
def test_rules_for_one_column(rule, Z):
    function = {"robust": robust_bandwidth, "isj": isj_bandwidth}[rule]
    with pytest.raises(ValueError, match=rf"'{rule}' is for one column, got 3; use 'auto'"):
        function(Z)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [1, 5])
def test_rows_must_differ(rule, n):
    with pytest.raises(ValueError, match=r"needs rows that differ.*as a number"):
        select(rule, np.ones((n, 1)))
    with pytest.raises(ValueError, match="needs rows that differ"):
        select(rule, np.arange(2.0)[:, None], np.array([1.0, 0.0]))


def test_unknown_rule(Z):
    with pytest.raises(ValueError, match=r"bandwidth must be one of 'auto', 'scott'.*'skott'"):
        select("skott", Z)


@pytest.mark.parametrize(("weights", "message"), [
    ([1.0, 2.0], r"one entry per row, shape \(3,\), got shape \(2,\)"),
    ([1.0, -2.0, 1.0], "entry 1 is -2"),
    ([1.0, np.nan, 1.0], "entry 1 is nan"),
    ([1.0, 1.0, np.inf], "entry 2 is inf"),
    ([0.0, 0.0, 0.0], "zero for every row"),
])
def test_bad_weights(weights, message):
    for function in (robust_bandwidth, isj_bandwidth, lscv_bandwidth, loo_kl_bandwidth):
        with pytest.raises(ValueError, match=message):
            function([1.0, 2.0, 3.0], weights)


def test_weights_are_scaled():
    assert check_sample_weight(None, 3) is None
    assert_allclose(check_sample_weight([1, 2, 1], 3), [0.25, 0.5, 0.25], rtol=1e-15)
    assert_allclose(check_sample_weight([1e308, 1e308], 2), [0.5, 0.5], rtol=1e-15)


@pytest.mark.parametrize("function", [scott_bandwidth, silverman_bandwidth])
def test_bad_sizes(function):
    with pytest.raises(ValueError, match="n must lie between 0"):
        function(0, 2)
    with pytest.raises(ValueError, match="d must be at least 1"):
        function(10, 0)


def test_bad_samples(x):
    with pytest.raises(ValueError, match="X contains NaN"):
        lscv_bandwidth([[1.0, np.nan], [2.0, 1.0]])
    with pytest.raises(ValueError, match="bins must be at least 64"):
        isj_bandwidth(x, bins=8)
