"""PerturbedSteinTest: the moves, the statistic by hand, laws, reports, fallback and refusals."""

import pickle

import numpy as np
import pandas as pd
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from divest import KernelSteinTest, TrustWarning
from divest.goodness_of_fit import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_score_model,
)
from divest.goodness_of_fit._engine import SteinPairs, SummedPairs, quadratic_forms
from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity
from divest.goodness_of_fit._moves import ModeMoves
from divest.goodness_of_fit._perturbed import Copies, row_shares
from divest.goodness_of_fit._points import Coordinates
from divest.goodness_of_fit._shape import standard_error
from divest.goodness_of_fit.modes import find_modes
from divest.goodness_of_fit.perturbed import PerturbedSteinTest, _halves
from divest.kernels import imq, median_bandwidth, rbf

MEANS = np.array([[0.0, 0.0], [6.0, 2.0], [-4.0, 7.0]])
COVARIANCES = np.array([[[1.0, 0.3], [0.3, 0.5]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -1], [-1, 1.0]]])
SHIFT = np.array([100.0, -50.0])


def mixture(weights, means, covariances, **options):
    means = np.array(means, dtype=float)
    whiteners = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    density = GaussianMixtureDensity(np.log(weights), means, whiteners)
    options = {"support": None, "sample": density.sample, "name": "mixture"} | options
    return ScoreModel(density.score, density.log_density, **options)


def three(shift=0.0):
    return mixture([0.5, 0.3, 0.2], MEANS + shift, COVARIANCES)


def two(gap=6.0):
    return mixture([0.5, 0.5], [[0.0], [gap]], np.ones((2, 1, 1)))


def wrong_shares(n=200, weight=0.2, gap=6.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + gap * (rng.random((n, 1)) < weight)


def fitted(X, model=None, **options):
    options = {"random_state": 0, "n_resamples": 99, "scales": [0.8, 0.9, 1.1]} | options
    return PerturbedSteinTest(model or two(), **options).fit(X)


def diagnostic(test, name):
    return test.diagnostics_.set_index("name").loc[name]


# ------------------------------------------------------------ moves
def moved_slowly(model, X, theta, steps, rng):
    """One row after another, as the formula says."""
    center, X = MEANS.mean(axis=0), X.copy()
    root = [(v * np.sqrt(w)) @ v.T for w, v in map(np.linalg.eigh, COVARIANCES)]
    for _ in range(steps):
        i = rng.integers(0, 3, len(X))
        j = (i + rng.integers(1, 3, len(X))) % 3
        u = rng.random(len(X))
        for r, x in enumerate(X):
            a, b = i[r], j[r]
            white = np.linalg.solve(root[a], x - center - theta * (MEANS[a] - center))
            y = center + theta * (MEANS[b] - center) + root[b] @ white
            ratio = np.exp(model.log_density(y[None])[0] - model.log_density(x[None])[0])
            volume = np.sqrt(np.linalg.det(COVARIANCES[b]) / np.linalg.det(COVARIANCES[a]))
            if 1 - u[r] < ratio * volume:
                X[r] = y
    return X


def test_moves_by_hand(rng):
    model = three()
    X = model.sample(40, rng)
    moved, rate = ModeMoves(model, MEANS, COVARIANCES).move(X, 0.9, 5, np.random.default_rng(1))
    assert_allclose(moved, moved_slowly(model, X, 0.9, 5, np.random.default_rng(1)), atol=1e-12)
    assert 0.05 < rate < 1


def test_the_way_back_is_a_move_too(rng):
    moves = ModeMoves(three(), MEANS, COVARIANCES)
    X, i, j = rng.normal(size=(50, 2)), np.arange(50) % 3, (np.arange(50) + 1) % 3
    there = moves.proposals(X, 0.7, i, j)
    assert_allclose(moves.proposals(there, 0.7, j, i), X, atol=1e-12)
    columns = [(moves.proposals(X + e, 0.7, i, j) - moves.proposals(X - e, 0.7, i, j)) / 2e-3
               for e in 1e-3 * np.eye(2)]
    assert_allclose(np.abs(np.linalg.det(np.stack(columns, axis=2))),
                    np.exp(moves.log_volumes[j] - moves.log_volumes[i]), rtol=1e-8)


@pytest.mark.parametrize("theta", [0.7, 1.0, 1.3])
def test_moves_leave_the_model_as_it_is(theta):
    """Of 20,000 rows moved, each column and each share keeps its law; p-values above 1e-3."""
    model = three()
    X, other = (model.sample(20_000, np.random.default_rng(seed)) for seed in (1, 2))
    moved, rate = ModeMoves(model, MEANS, COVARIANCES).move(X, theta, 10, np.random.default_rng(3))
    assert rate > 0.02
    assert (np.abs(moved - X).max(axis=1) > 1).mean() > 0.1
    for direction in ([1, 0], [0, 1], [1, 1], [1, -1]):
        assert stats.ks_2samp(moved @ direction, other @ direction).pvalue > 1e-3


def test_what_moves_do_to_wrong_shares():
    """Scale 1 mends them; another carries rows to where the model has few."""
    model, X = two(), wrong_shares(5000)
    moves = ModeMoves(model, np.array([[0.0], [6.0]]), np.ones((2, 1, 1)))
    mended, _ = moves.move(X, 1.0, 10, np.random.default_rng(0))
    assert abs((mended > 3).mean() - 0.5) < 4 * 0.5 / np.sqrt(5000)
    spread, _ = moves.move(X, 0.8, 10, np.random.default_rng(0))
    expected = model.sample(5000, np.random.default_rng(1))
    assert stats.ks_2samp(spread[:, 0], expected[:, 0]).pvalue < 1e-6


def test_moves_do_not_depend_on_the_origin(rng):
    X = three().sample(200, rng)
    one, other = (ModeMoves(three(shift), MEANS + shift, COVARIANCES).move(
        X + shift, 0.8, 10, np.random.default_rng(0))[0] - shift for shift in (0.0, SHIFT))
    assert_allclose(other, one, atol=1e-9)


def test_no_move_goes_where_there_is_no_density():
    """Beyond the support, or to NaN."""
    def careless(X):
        return np.where(X[:, 0] > 0, two().log_density(X), np.nan)

    X = np.abs(wrong_shares())
    for model in (as_score_model(two(), support=(0, np.inf)), as_score_model(log_density=careless)):
        moves = ModeMoves(model, np.array([[0.0], [6.0]]), np.ones((2, 1, 1)))
        moved, rate = moves.move(X, 0.9, 10, np.random.default_rng(0))
        assert rate > 0.1
        assert moved.min() > 0


# ------------------------------------------------------------ the statistic
def test_summed_pairs(rng):
    samples = [rng.normal(size=(70, 2)) for _ in range(3)]
    parts = [SteinPairs(Coordinates().points(X, -X), kernel) for X, kernel in
             zip(samples, [imq(bandwidth=1.0), rbf(0.7), imq(bandwidth=2.0)], strict=True)]
    H = sum(part.matrix() for part in parts)
    together = SummedPairs(parts)
    assert_allclose(together.matrix(), H, atol=1e-12)
    rows, diagonal = together.sums()
    assert_allclose(rows, H.sum(axis=1) - np.diag(H), atol=1e-10)
    assert_allclose(diagonal, np.diag(H), atol=1e-12)
    signs = rng.choice([-1, 1], size=(5, 70)).astype(np.int8)
    expected = [w @ (H - np.diag(np.diag(H))) @ w for w in signs.astype(float)]
    for side in (None, 32):
        assert_allclose(quadratic_forms([together], signs, side=side)[:, 0], expected, atol=1e-9)


def test_statistic_by_hand():
    """Rows sorted, one stream per scale, the median of each copy."""
    X, model, scales = wrong_shares(60), two(), [0.8, 1.2]
    test = fitted(X, model, scales=scales, bandwidth="median", n_resamples=9)
    streams = np.random.SeedSequence(0).spawn(10)[-1].spawn(5)
    modes = find_modes(model, random_state=streams[0])
    moves, Z = ModeMoves(model, modes.means, modes.covariances), np.sort(X, axis=0)
    samples = [Z] + [moves.move(Z, scale, 10, np.random.default_rng(stream))[0]
                     for scale, stream in zip(scales, streams[3:], strict=True)]
    H = sum(plain.stein_matrix(imq(bandwidth=median_bandwidth(Y)), Y, model.score(Y))
            for Y in samples)
    assert_allclose(test.statistic_, (H.sum() - np.trace(H)) / 59, rtol=1e-10)
    assert len(test.null_distribution_) == 9
    assert len(set(test.acceptance_rates_)) == 2


def test_scale_of_the_optimised_test_by_hand(rng):
    X = rng.normal(size=(30, 1))

    def pairs(Y):
        return [SteinPairs(Coordinates().points(Y, -Y), imq(bandwidth=ell)) for ell in (0.5, 1.0)]

    moved = [pairs(X + shift) for shift in (0.3, 1.0, -0.5)]
    signals = []
    for copy in moved:
        means = [(alone.matrix() + other.matrix()) for alone, other in zip(pairs(X), copy,
                                                                           strict=True)]
        means = [(H.sum(axis=1) - np.diag(H)) / 29 for H in means]
        signals.append(max(m.mean() / standard_error(m) for m in means))
    assert Copies(None, pairs(X), moved, np.ones(3)).best() == np.argmax(signals)


def test_halves():
    one, other = _halves(21, np.random.default_rng(0))
    assert (len(one), len(other)) == (10, 11)
    assert sorted([*one, *other]) == list(range(21))


def test_the_optimised_test_uses_half_of_the_rows():
    test = fitted(wrong_shares(101), method="ospksd")
    assert_allclose(diagnostic(test, "few_rows")["value"], 51)
    assert test.scales_[0] in [0.8, 0.9, 1.1]
    assert test.scales_.shape == test.acceptance_rates_.shape == (1,)


# ------------------------------------------------------------ laws
@pytest.mark.parametrize("method", ["spksd", "ospksd"])
def test_same_numbers_for_any_number_of_threads_and_order_of_rows(method):
    X = wrong_shares(120)
    one = fitted(X, method=method)
    two_threads = fitted(X, method=method, n_jobs=2)
    other = fitted(X[np.random.default_rng(0).permutation(120)], method=method)
    for test in (two_threads, other):
        assert (test.statistic_, test.pvalue_) == (one.statistic_, one.pvalue_)
        assert_array_equal(test.null_distribution_, one.null_distribution_)
        assert_array_equal(test.acceptance_rates_, one.acceptance_rates_)


def test_every_move_has_a_seed():
    X = wrong_shares(60)
    one = fitted(X, random_state=1)
    again, other = fitted(X, random_state=1), fitted(X, random_state=2)
    assert_array_equal(again.acceptance_rates_, one.acceptance_rates_)
    assert_array_equal(again.null_distribution_, one.null_distribution_)
    assert not np.array_equal(other.acceptance_rates_, one.acceptance_rates_)
    assert one.result_.seed == 1


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 300.0), (1e4, 0.0), (1e-3, -5.0)])
def test_moving_and_scaling_the_rows(scale, shift):
    """The same rows in another unit."""
    covariances = np.array([[[1.0]], [[0.4]]])
    models = [mixture([0.5, 0.5], np.array([[0.0], [6.0]]) * a + b, covariances * a**2)
              for a, b in ((1.0, 0.0), (scale, shift))]
    X = wrong_shares(100)
    one = fitted(X, models[0], box=(-10, 10))
    other = fitted(scale * X + shift, models[1], box=(scale * -10 + shift, scale * 10 + shift))
    assert_allclose(other.acceptance_rates_, one.acceptance_rates_, atol=0.002)
    assert abs(other.pvalue_ - one.pvalue_) <= 0.011


def test_log_density_alone_is_enough():
    X, known = wrong_shares(100), two()
    alone = as_score_model(log_density=known.log_density)
    one, other = (fitted(X, model, box=(-10, 10), bandwidth="median") for model in (known, alone))
    assert_allclose(other.statistic_, one.statistic_, rtol=1e-4)
    assert other.pvalue_ == one.pvalue_


def test_modes_that_are_given():
    X, model = wrong_shares(100), two()
    seed = np.random.SeedSequence(0).spawn(100)[-1].spawn(1)[0]
    found = fitted(X, model)
    for modes in (find_modes(model, random_state=seed), found.modes_[["x0"]].to_numpy()):
        test = fitted(X, model, modes=modes)
        assert_allclose(test.acceptance_rates_, found.acceptance_rates_, atol=0.002)
        assert test.pvalue_ == found.pvalue_
    assert {"mode_search", "modes_outside_box"}.isdisjoint(test.diagnostics_["name"])
    assert_array_equal(test.modes_["n_reached"], [0, 0])


# ------------------------------------------------------------ what comes out
def test_wrong_shares_are_seen():
    X = wrong_shares(300)
    with pytest.warns(TrustWarning, match="modes"):
        assert not KernelSteinTest(two(), random_state=0).fit(X).result_.reject()
    test = fitted(X, scales=None, n_resamples=199)
    assert test.pvalue_ == test.result_.pvalue <= 0.01
    assert test.result_.method == "perturbed kernel Stein test"
    assert len(test.null_distribution_) == 199
    assert test.scales_.shape == test.acceptance_rates_.shape == (21,)
    assert_allclose(test.scales_[[0, 10, 20]], [0.5, 1.0, 1.5])
    assert ((test.acceptance_rates_ > 0) & (test.acceptance_rates_ < 1)).all()
    assert list(test.modes_) == ["x0", "log_density", "n_reached", "model_share", "row_share"]
    assert_allclose(test.modes_["model_share"], 0.5, atol=1e-3)
    assert abs(test.modes_["row_share"][0] - 0.8) < 4 * 0.4 / np.sqrt(300)
    assert_array_equal(test.bandwidths_["factor"], [0.125, 0.25, 0.5, 1.0, 2.0])
    assert test.result_.trusted
    assert pickle.loads(pickle.dumps(test)).pvalue_ == test.pvalue_


def test_right_shares_are_not_rejected():
    test = fitted(wrong_shares(200, weight=0.5, seed=3), scales=None)
    assert not test.result_.reject()
    assert test.result_.trusted


def test_names_of_columns():
    import pandas as pd

    X = pd.DataFrame(three().sample(60, np.random.default_rng(0)), columns=["size", "weight"])
    test = fitted(X, three(), n_starts=40)
    assert list(test.modes_)[:2] == ["size", "weight"]
    assert_allclose(test.modes_["row_share"].sum(), 1.0)


def test_row_shares_by_hand():
    modes = find_modes(two(), random_state=0)
    X = np.array([[-1.0], [0.5], [2.9], [3.1], [7.0]])
    assert_allclose(row_shares(X, modes), [0.6, 0.4])


@pytest.mark.parametrize("bandwidth", ["median", 0.7])
def test_one_bandwidth(bandwidth):
    X = wrong_shares(80)
    test = fitted(X, bandwidth=bandwidth)
    assert len(test.bandwidths_) == 1
    expected = median_bandwidth(np.sort(X, axis=0)) if bandwidth == "median" else bandwidth
    assert_allclose(test.bandwidth_, expected)
    assert fitted(X, kernel=rbf(0.7)).bandwidth_ == 0.7


# ------------------------------------------------------------ fewer than two modes
@pytest.mark.parametrize("method", ["spksd", "ospksd"])
def test_one_mode_is_the_plain_test(method):
    """On sorted rows, as the order of the rows must not matter."""
    X = np.random.default_rng(0).normal(size=(80, 1))
    with pytest.warns(TrustWarning, match="plain kernel Stein test"):
        test = fitted(X, stats.norm(), method=method)
    alone = KernelSteinTest(stats.norm(), n_resamples=99, random_state=0)
    with pytest.warns(TrustWarning, match="autocorrelation"):  # of sorted rows
        alone.fit(np.sort(X, axis=0))
    assert_allclose(test.null_distribution_, alone.null_distribution_, rtol=1e-9)
    assert test.pvalue_ == alone.pvalue_
    assert len(test.scales_) == len(test.acceptance_rates_) == 0
    assert len(test.modes_) == 1
    assert not diagnostic(test, "modes_found")["passed"]
    assert "acceptance_rate" not in set(test.diagnostics_["name"])
    assert fitted(X + 1.0, stats.norm(), method=method).result_.trusted  # rejected: seen


def test_rows_that_show_more_modes_than_were_found():
    model = mixture([1 / 3] * 3, [[0.0], [8.0], [30.0]], np.ones((3, 1, 1)))
    X = model.sample(200, np.random.default_rng(0))
    with pytest.warns(TrustWarning, match="more separated modes than were found"):
        test = fitted(X, model, box=(-2, 10))
    found = diagnostic(test, "modes")
    assert (found["value"], found["threshold"], found["passed"]) == (3, 2, False)
    assert fitted(X, model, box=(-5, 35)).result_.trusted


def test_modes_outside_the_box():
    with pytest.warns(TrustWarning, match="use a larger box"):
        test = fitted(wrong_shares(weight=0.5), box=(2, 4))
    assert diagnostic(test, "modes_outside_box")["value"] == 2


def test_a_search_that_is_too_short():
    means = 20.0 * np.arange(12)[:, None]
    model = mixture(np.full(12, 1 / 12), means, np.ones((12, 1, 1)))
    X = model.sample(150, np.random.default_rng(0))
    with pytest.warns(TrustWarning, match="raise n_starts"):
        test = fitted(X, model, n_starts=8)
    assert diagnostic(test, "mode_search")["value"] > 0.25
    assert fitted(X, model, n_starts=100).result_.trusted


def test_moves_that_are_not_accepted():
    with pytest.warns(TrustWarning, match="hardly any row was moved"):
        test = fitted(wrong_shares(weight=0.5, gap=40.0), two(40.0), scales=[0.5, 1.5])
    assert_array_equal(test.acceptance_rates_, [0.0, 0.0])


def test_median_bandwidth_in_many_columns():
    means = np.array([np.zeros(5), np.full(5, 4.0)])
    model = mixture([0.5, 0.5], means, np.array([np.eye(5)] * 2))
    X = model.sample(60, np.random.default_rng(0))
    assert not diagnostic(fitted(X, model), "modes_found")["value"] < 2
    with pytest.warns(TrustWarning, match="bandwidth_high_dimension"):
        fitted(X, model, bandwidth="median")


def test_rows_that_depend_on_their_neighbours():
    with pytest.warns(TrustWarning, match="thin the chain") as record:
        fitted(np.sort(wrong_shares(weight=0.5), axis=0))
    assert "dependence=" not in str(record[0].message)


# ------------------------------------------------------------ edges
def test_edges():
    """Two bumps on the half-line, with mass at 0: refused unless the support is given."""
    def log_density(X):
        return np.logaddexp(-X[:, 0], -0.5 * (X[:, 0] - 9)**2)

    rng = np.random.default_rng(0)
    X = np.where(rng.random((200, 1)) < 0.3, rng.exponential(size=(200, 1)),
                 rng.normal(9, 1, size=(200, 1)))
    box = (0, 15)
    bounded = as_score_model(log_density=log_density, support=(0, np.inf))
    with pytest.raises(SupportBoundaryError, match="lower edge 0"):
        fitted(X, bounded, box=box)
    test = fitted(X, bounded, box=box, support=(0, np.inf), scales=None)
    assert_allclose(test.modes_["x0"], [9.0, 0.0], atol=1e-2)
    assert test.acceptance_rates_.max() > 0.1
    with pytest.raises(OutOfSupportError, match="row 5"):
        fitted(np.where(np.arange(200)[:, None] == 5, -1, X), bounded, box=box)


# ------------------------------------------------------------ refusals
def test_names_of_the_columns_of_the_table_of_modes_are_kept_apart():
    X = pd.DataFrame(wrong_shares(40), columns=["row_share"])
    table = fitted(X).modes_
    assert list(table) == ["row_share_", "log_density", "n_reached", "model_share", "row_share"]
    assert_allclose(table["row_share_"].sort_values(), [0, 6], atol=1e-3)
    assert_allclose(table["row_share"].sum(), 1.0)


def test_scales_that_the_error_names_have_power():
    with pytest.raises(ValueError, match=r"such as 0\.7 and 1\.3"):
        fitted(wrong_shares(40), scales=1)
    test = fitted(wrong_shares(200, weight=0.8), scales=[0.7, 1.3])
    assert test.pvalue_ <= 0.05  # at 0.9 and 1.1 two of three such samples are not rejected


@pytest.mark.parametrize("scales", [[1], 1.0, [1.0, 1.0], [1 + 1e-12]])
def test_scale_one_alone_is_refused(scales):
    with pytest.raises(ValueError, match="another number than 1"):
        fitted(wrong_shares(40), scales=scales)


@pytest.mark.parametrize(("options", "message"), [
    ({"scales": []}, "scales must be"), ({"scales": [0.5, -1]}, "scales must be"),
    ({"scales": "all"}, "scales must be"), ({"scales": [np.inf]}, "scales must be"),
    ({"method": "other"}, "method must be one of"), ({"n_steps": 0}, "n_steps must be at least 1"),
    ({"n_starts": 0}, "n_starts must be at least 1"), ({"n_resamples": 0}, "at least 1"),
    ({"boundary": "project"}, "boundary must be one of"), ({"bandwidth": -1.0}, "bandwidth must"),
    ({"kernel": "matern12"}, "matern12"), ({"box": (1, 0)}, "box must be"),
    ({"modes": [[0.0, 1.0]]}, "modes must have the 1 columns"),
    ({"modes": [[0.0]], "box": (0, 1)}, "leave it out where modes are given"),
])
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        fitted(wrong_shares(40), **options)


def test_models_that_do_not_do():
    X = wrong_shares(40)
    with pytest.raises(ValueError, match="model is None"):
        PerturbedSteinTest().fit(X)
    with pytest.raises(ValueError, match="has a score only"):
        fitted(X, lambda X: -X)
    with pytest.raises(ValueError, match=r"box=\(lower, upper\) is needed"):
        fitted(X, as_score_model(log_density=two().log_density))
    with pytest.raises(ValueError, match="no mode found"):
        fitted(X, as_score_model(log_density=lambda X: (X**2).sum(axis=1)), box=(-1, 1))


def test_bad_data():
    with pytest.raises(ValueError, match="minimum of 4"):
        fitted(wrong_shares(3))
    with pytest.raises(ValueError, match="at least 8 rows"):
        fitted(wrong_shares(7), method="ospksd")
    with pytest.raises(ValueError, match="at most 20000 rows"):
        fitted(wrong_shares(20_001))
