"""NearestNeighborDistanceDivergence: numbers, a slow twin, deletion, laws, bias, bad input."""

import re
import warnings

import numpy as np
import pandas as pd
import plain
import pytest
from numpy.testing import assert_allclose
from scipy.special import gamma, psi
from sklearn.base import clone

from divest import TrustWarning
from divest.datasets import plane, shifted_gaussians
from divest.divergence import NearestNeighborDistanceDivergence
from divest.divergence._diagnostics import distance_diagnostics
from divest.generators import Generator

NAMES = ["kl", "hellinger", "chi_square", "bhattacharyya", "renyi(0.5)", "renyi(2)", "tsallis(1.5)",
         "power(3)", "power(-1)"]
DATA = {  # of 34 and 27 rows; k = 4 of them are never at one point
    "line": lambda Z: Z[:, :1],
    "plane": lambda Z: Z[:, :2],
    "brute force": lambda Z: Z,
    "tenths": lambda Z: np.round(Z[:, :2], 1),
    "repeated": lambda Z: np.repeat(Z[:, :3], 3, axis=0)[: len(Z)],
}
every = pytest.mark.parametrize("data", DATA)
both = pytest.mark.parametrize("one_step", [False, True])


def draw(rng, data):
    P, Q = rng.normal(0.3, 1, (34, 9)), rng.normal(size=(27, 9))
    return DATA[data](P), DATA[data](Q)


def fit(P, Q, divergence="kl", **parameters):
    """The fitted estimator, whatever it thinks of so few rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return NearestNeighborDistanceDivergence(divergence, **parameters).fit_samples(P, Q)


def results(model, names=NAMES):
    """Estimates and standard errors of one fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        found = [model.estimate(name) for name in names]
    return np.array([[result.estimate, result.standard_error] for result in found])


# ------------------------------------------------------------ the slow twin
def constants(P, Q):
    return len(Q) / (len(P) - 1), (len(Q) - 1) / len(P)


def factor(k, a):
    return gamma(k) ** 2 / gamma(k + a) / gamma(k - a)


def plain_ratios(P, Q, k, metric, c):
    def kth(matrix):
        return np.sort(matrix, axis=1)[:, k - 1]

    across, d = plain.distances(P, Q, metric), P.shape[1]
    return (c[0] * (kth(across) / kth(plain.distances_within(P, metric))) ** d,
            c[1] * (kth(plain.distances_within(Q, metric)) / kth(across.T)) ** d)


def plain_integral(P, Q, a, k, one_step, metric, c):
    """Mean of log r for a = 1, else the integral T, corrected in one step or not."""
    at_p, at_q = plain_ratios(P, Q, k, metric, c)
    if a == 1:
        return np.log(at_p).mean() + (1 - factor(k, 1) * at_q.mean() if one_step else 0)
    if not one_step:
        return factor(k, 1 - a) * (at_p ** (a - 1)).mean()
    return (a * factor(k, a - 1) * (at_p ** (a - 1)).mean()
            + (1 - a) * factor(k, a) * (at_q**a).mean())


def order_and_map(name):
    """The order a, and the divergence with its derivative as a function of T."""
    fixed = {"kl": (1, lambda T: T, lambda T: 1), "hellinger": (0.5, lambda T: 1 - T, lambda T: 1),
             "chi_square": (2, lambda T: T - 1, lambda T: 1),
             "bhattacharyya": (0.5, lambda T: -np.log(T), lambda T: 1 / T)}
    if name in fixed:
        return fixed[name]
    family, a = re.fullmatch(r"(\w+)\((.+)\)", name).groups()
    a = float(a)
    if family == "renyi":
        return a, lambda T: np.log(T) / (a - 1), lambda T: 1 / T / abs(a - 1)
    scale = (a - 1) * (a if family == "power" else 1)
    return a, lambda T: (T - 1) / scale, lambda T: 1 / abs(scale)


def plain_results(P, Q, k, one_step, metric="euclidean", names=NAMES):
    """Estimates, and their standard errors by deleting each row in turn."""
    c, n, m = constants(P, Q), len(P), len(Q)
    rows = []
    for name in names:
        a, value, slope = order_and_map(name)

        def integral(P, Q, a=a):
            return plain_integral(P, Q, a, k, one_step, metric, c)

        T = integral(P, Q)
        without_p = np.array([integral(np.delete(P, i, axis=0), Q) for i in range(n)])
        without_q = np.array([integral(P, np.delete(Q, i, axis=0)) for i in range(m)])
        error = np.sqrt((n - 1) * without_p.var() + (m - 1) * without_q.var())
        defined = T > 0 or not name.startswith(("renyi", "bhattacharyya"))
        rows.append([value(T), slope(T) * error] if defined else [np.nan, np.nan])
    return np.array(rows)


def plain_bias_reduced(P, Q, metric="euclidean"):
    within, across = plain.distances_within(P, metric), plain.distances(P, Q, metric)
    total = 0.0
    for to_p, to_q in zip(within, across, strict=True):
        reach = max(to_p.min(), to_q.min()) * (1 + plain.TIE)
        near_p, near_q = to_p[to_p <= reach], to_q[to_q <= reach]
        total += (P.shape[1] * np.log(near_q.max() / near_p.max())
                  + psi(len(near_p)) - psi(len(near_q)))
    return total / len(P) + np.log(constants(P, Q)[0])


# ------------------------------------------------------------ known numbers
def test_frozen_numbers():
    rng = np.random.default_rng(12345)
    P, Q = rng.normal(size=(500, 2)), rng.normal(size=(700, 2)) + [1, 0]
    model = NearestNeighborDistanceDivergence().fit_samples(P, Q)
    assert_allclose(model.estimate_, 0.4104267056, atol=1e-9)
    assert_allclose(model.standard_error_, 0.0794699954, atol=1e-9)
    assert_allclose(model.estimate("renyi(0.5)").estimate, 0.2590414524, atol=1e-9)
    model.set_params(one_step=True).fit_samples(P, Q)
    assert_allclose(model.estimate_, 0.4951925154, atol=1e-9)
    model.set_params(one_step=False, bias_reduced=True).fit_samples(P, Q)
    assert_allclose(model.estimate_, 0.4803275568, atol=1e-9)
    assert np.isnan(model.standard_error_)
    assert np.isnan(model.confidence_interval_).all()
    assert model.diagnostics_["passed"].all()


def test_three_rows_by_hand():
    P, Q = [0.0, 1.0, 3.0], [0.5, 2.0, 7.0]
    kl = np.mean(np.log([0.5 / 1, 0.5 / 1, 1 / 2])) + np.log(3 / 2)
    assert_allclose(fit(P, Q, n_neighbors=1).estimate_, kl)
    # within the larger of both first distances: 1 (0.5), 1 (0.5, 1), 2 (1, 2.5)
    one_ball = np.mean(np.log([0.5 / 1, 1 / 1, 1 / 2]) + psi(1) - psi([1, 2, 1])) + np.log(3 / 2)
    assert_allclose(fit(P, Q, bias_reduced=True).estimate_, one_ball)


# ------------------------------------------------------------ the slow twin, deletion
@both
@every
def test_estimate_and_error_match_deletion(rng, data, one_step):
    P, Q = draw(rng, data)
    found = results(fit(P, Q, n_neighbors=4, one_step=one_step))
    expected = plain_results(P, Q, 4, one_step)
    assert np.isfinite(expected).sum() >= 14
    assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("metric", ["manhattan", "chebyshev"])
def test_other_metrics(rng, metric):
    P, Q = draw(rng, "plane")
    found = results(fit(P, Q, n_neighbors=4, one_step=True, metric=metric), ["kl", "hellinger"])
    expected = plain_results(P, Q, 4, True, metric, ["kl", "hellinger"])
    assert_allclose(found, expected, rtol=1e-12)
    assert_allclose(fit(P, Q, bias_reduced=True, metric=metric).estimate_,
                    plain_bias_reduced(P, Q, metric), rtol=1e-12)


@pytest.mark.parametrize("data", ["line", "plane", "brute force"])
def test_bias_reduced(rng, data):
    for P, Q in (draw(rng, data), draw(rng, data)[::-1]):
        assert_allclose(fit(P, Q, bias_reduced=True).estimate_, plain_bias_reduced(P, Q),
                        rtol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_bias_reduced_counts_all_rows_in_large_balls(rng, shift):
    """Lists from the tree of 8 and of 32 rows end too early for some; the shift puts all in."""
    n = plain.smaller(4300, 1100)
    P, Q = rng.normal(size=(n, 2)), rng.normal(shift, 1, size=(n // 8, 2))
    for rows, others in ((P, Q), (Q, P)):
        assert_allclose(fit(rows, others, bias_reduced=True).estimate_,
                        plain_bias_reduced(rows, others), rtol=1e-12)


# ------------------------------------------------------------ laws
def test_estimate_of_another_divergence_is_that_of_a_new_fit(rng):
    P, Q = draw(rng, "plane")
    model = fit(P, Q, one_step=True)
    assert model.estimate() is model.result_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        for name in NAMES:
            fresh = fit(P, Q, name, one_step=True).result_
            assert repr(model.estimate(name)) == repr(fresh)


@both
def test_identities_of_the_power_family(rng, one_step):
    model = fit(*draw(rng, "plane"), one_step=one_step)
    value = {name: results(model, [name])[0, 0] for name in NAMES}
    half = value["renyi(0.5)"] / 2
    assert_allclose(value["hellinger"], -np.expm1(-half), rtol=1e-12)
    assert_allclose(value["bhattacharyya"], half, rtol=1e-12)
    assert_allclose(value["chi_square"], np.expm1(value["renyi(2)"]), rtol=1e-12)


def test_one_step_hellinger_is_symmetric(rng):
    P, Q = draw(rng, "plane")
    there, back = (results(fit(*pair, one_step=True), ["hellinger"]) for pair in ((P, Q), (Q, P)))
    assert_allclose(there, back, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"one_step": True}, {"bias_reduced": True}])
@every
def test_invariances(rng, data, settings):
    P, Q = draw(rng, data)
    names = ["kl"] if "bias_reduced" in settings else NAMES
    d, n_neighbors = P.shape[1], 4

    def found(P, Q):
        return results(fit(P, Q, n_neighbors=n_neighbors, **settings), names)

    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    expected = found(P, Q)
    assert_allclose(found(P[::-1], rng.permutation(Q)), expected, rtol=1e-10)
    assert_allclose(found(3e-5 * P + 1e-4, 3e-5 * Q + 1e-4), expected, rtol=1e-8)
    assert_allclose(found(1024 * P, 1024 * Q), expected, rtol=1e-10)
    if data not in ("tenths", "repeated"):  # a turn splits rows that are equal by rounding
        assert_allclose(found(P @ turn, Q @ turn), expected, rtol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"one_step": True}, {"bias_reduced": True}])
@pytest.mark.parametrize("d", [2, 9])
def test_far_from_the_origin(rng, d, settings):
    grid = 2.0**20  # on it, adding 1e8 is exact
    P, Q = (np.round(rng.normal(size=(n, d)) * grid) / grid for n in (150, 200))
    near, far = fit(P, Q, **settings), fit(P + 1e8, Q + 1e8, **settings)
    assert_allclose(far.estimate_, near.estimate_, rtol=1e-10)
    assert_allclose(far.standard_error_, near.standard_error_, rtol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"one_step": True}, {"bias_reduced": True}])
def test_number_of_threads_does_not_matter(rng, settings):
    P, Q = rng.normal(size=(4500, 1)), rng.normal(size=(4400, 1))
    alone = NearestNeighborDistanceDivergence(**settings).fit_samples(P, Q)
    for n_jobs in (2, 3):
        assert repr(clone(alone).set_params(n_jobs=n_jobs).fit_samples(P, Q).result_) == repr(
            alone.result_)


def test_which_label_is_which(rng):
    P, Q = draw(rng, "plane")
    frame = pd.DataFrame(np.vstack([Q, P]), columns=["u", "v"])
    with pytest.warns(TrustWarning, match="resolution"):
        model = NearestNeighborDistanceDivergence().fit(
            frame, np.repeat(["after", "before"], [len(Q), len(P)]))
    assert model.classes_.tolist() == ["after", "before"]
    assert model.n_samples_ == (34, 27)
    assert model.feature_names_in_.tolist() == ["u", "v"]
    assert model.n_neighbors_ == 5
    assert model.dimension_ == 2
    assert_allclose(model.estimate_, fit(P, Q).estimate_, rtol=1e-14)
    assert model.result_.unit == "nats"
    assert model.confidence_interval_ == model.result_.confidence_interval(0.95)


def test_standardize_removes_the_scales(rng):
    P, Q = draw(rng, "plane")
    one, other = ([fit(P * s, Q * s, standardize=method).estimate_ for method in ("std", "whiten")]
                  for s in (1, np.array([1, 1000])))
    assert_allclose(one, other, rtol=1e-10)


# ------------------------------------------------------------ bias and error
@pytest.mark.parametrize(("d", "settings"), [
    (1, {"n_neighbors": 1}), (3, {"n_neighbors": 4}), (1, {"bias_reduced": True}),
    (3, {"bias_reduced": True})])
def test_no_bias_where_both_distances_have_one_law(d, settings):
    """For equal laws and m = n - 1 each row sees n - 1 others in both samples: exactly 0."""
    rng, runs = np.random.default_rng(5), 150
    found = [fit(rng.normal(size=(25, d)), rng.normal(size=(24, d)), **settings).estimate_
             for _ in range(runs)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(runs)


@pytest.mark.parametrize(("name", "settings", "bias"), [
    ("kl", {}, -0.049), ("kl", {"one_step": True}, -0.016), ("kl", {"bias_reduced": True}, -0.009),
    ("hellinger", {"one_step": True}, -0.002), ("renyi(0.5)", {}, -0.004),
])
def test_bias_on_gaussians(name, settings, bias):
    """What is left of it: `bias`, measured on 2,000 other seeds, from tails where Q has no rows."""
    runs = plain.smaller(60, 12)
    models = [fit(*shifted_gaussians(seed, n=300, d=1), name, **settings) for seed in range(runs)]
    found = np.array([model.estimate_ for model in models])
    error = found.std(ddof=1)
    expected = shifted_gaussians.truth(name) + bias
    assert abs(found.mean() - expected) < 3 * error * np.sqrt(1 / runs + 1 / 2000)
    if "bias_reduced" not in settings:  # the jackknife is conservative, but not wild
        assert 0.9 < np.mean([model.standard_error_ for model in models]) / error < 2


# ------------------------------------------------------------ trust
@pytest.mark.parametrize("settings", [{}, {"one_step": True}, {"bias_reduced": True}])
def test_ties_leave_nothing_to_estimate(rng, settings):
    P, Q = rng.integers(3, size=(60, 1)), rng.integers(3, size=(60, 1))
    model = NearestNeighborDistanceDivergence(**settings)
    with pytest.warns(TrustWarning, match="tied_share = 1 .*NearestNeighborRatioDivergence"):
        model.fit_samples(P, Q)
    assert np.isnan([model.estimate_, model.standard_error_, *model.confidence_interval_]).all()
    assert not model.result_.trusted
    if not settings:
        with pytest.warns(TrustWarning, match="tied_share"):
            assert np.isnan(model.estimate("renyi(2)").estimate)


@both
def test_ties_in_q_matter_where_its_rows_do(rng, one_step):
    P, Q = rng.normal(size=(40, 1)), rng.normal(size=(40, 1))
    Q[:6] = Q[0]  # five others at distance zero, from these rows alone
    model = fit(P, Q, one_step=one_step)
    assert np.isnan(model.estimate_) == one_step
    tied = model.diagnostics_.set_index("name").loc["tied_share"]
    assert tied["value"] == (6 / 80 if one_step else 0)
    assert tied["passed"] != one_step


def test_rows_on_a_plane_need_its_dimension():
    P, Q = plane(0, n=500, d=10, shift=1.0)
    model = NearestNeighborDistanceDivergence()
    with pytest.warns(TrustWarning, match="local_dimension = 1.94 .* give dimension"):
        model.fit_samples(P, Q)
    assert model.estimate_ > 1.5  # the truth is 0.5
    model.set_params(dimension=2).fit_samples(P, Q)  # without a warning
    axes = np.linalg.svd(np.vstack([P, Q]), full_matrices=False)[2][:2]
    flat = NearestNeighborDistanceDivergence().fit_samples(P @ axes.T, Q @ axes.T)
    assert_allclose(model.estimate_, flat.estimate_, rtol=1e-10)
    assert_allclose(model.standard_error_, flat.standard_error_, rtol=1e-10)
    whitened = NearestNeighborDistanceDivergence(standardize="whiten").fit_samples(P, Q)
    assert whitened.dimension_ == 2


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_no_advice_where_all_dimensions_count(d):
    for seed in range(10):
        model = fit(*shifted_gaussians(seed, n=300, d=d))
        local = model.diagnostics_.set_index("name").loc["local_dimension"]
        assert local["passed"]
        assert 0.75 * d < local["value"] < 1.3 * d


@pytest.mark.parametrize("k", [1, 4])
def test_local_dimension_by_hand(rng, k):
    radius = np.sort(plain.distances_within(rng.uniform(size=(50, 2))), axis=1)[:, k - 1:k + 1].T
    *_, local = distance_diagnostics([np.zeros(50)], radius, k, (50, 50), 2.0)
    assert_allclose(local.value, 1 / np.mean(k * np.log(radius[1] / radius[0])))
    assert_allclose(local.threshold, 1.6 / (1 + 2.5 / np.sqrt(50)))
    radius[0, :3] = 0.0  # says nothing about the dimension
    *_, local = distance_diagnostics([np.zeros(50)], radius, k, (50, 50), 2.0)
    assert_allclose(local.value, 1 / np.mean(k * np.log(radius[1, 3:] / radius[0, 3:])))


def test_no_integral_no_divergence(rng):
    model = fit(*draw(rng, "brute force"), one_step=True)
    assert results(model, ["chi_square"])[0, 0] < -1  # T - 1
    with pytest.warns(TrustWarning, match=r"power_integral.*nearer to 1"):
        result = model.estimate("renyi(2)")
    assert np.isnan([result.estimate, result.standard_error]).all()


def test_integral_beyond_the_largest_number(rng):
    P, Q = rng.normal(size=(12, 400)), rng.normal(size=(12, 400)) + 100
    with pytest.warns(TrustWarning, match="power_integral = inf"):
        model = NearestNeighborDistanceDivergence("chi_square").fit_samples(P, Q)
    assert np.isnan([model.estimate_, model.standard_error_]).all()


@pytest.mark.parametrize(("n", "m", "settings", "has_error"), [
    (6, 9, {}, False), (7, 9, {}, True), (9, 6, {}, True), (9, 6, {"one_step": True}, False)])
def test_error_needs_a_row_to_spare(rng, n, m, settings, has_error):
    model = fit(rng.normal(size=(n, 1)), rng.normal(size=(m, 1)), **settings)
    assert np.isfinite(model.estimate_)
    assert np.isfinite(model.standard_error_) == has_error


def test_constant_columns_with_the_dimension_given(rng):
    P, Q = rng.normal(size=(100, 2)), rng.normal(size=(100, 2))
    flat = NearestNeighborDistanceDivergence().fit_samples(P, Q)
    P, Q = (np.column_stack([A, np.full(100, 7.0)]) for A in (P, Q))
    model = NearestNeighborDistanceDivergence(dimension=2).fit_samples(P, Q)
    assert_allclose(model.estimate_, flat.estimate_, rtol=1e-12)


# ------------------------------------------------------------ bad input
def quartic(r):
    return (r - 1) ** 4


def quartic_slope(r):
    return 4 * (r - 1) ** 3


@pytest.mark.parametrize("divergence", [
    "reverse_kl", "jeffreys", "neyman_chi_square", "jensen_shannon", "le_cam", "total_variation",
    Generator("quartic", quartic, quartic_slope), Generator("hellinger", quartic, quartic_slope),
    Generator("kl", quartic, quartic_slope)])
def test_other_divergences_are_refused(rng, divergence):
    model = NearestNeighborDistanceDivergence(divergence)
    with pytest.raises(ValueError, match="NearestNeighborRatioDivergence estimates any"):
        model.fit_samples(*draw(rng, "plane"))


@pytest.mark.parametrize(("parameters", "error", "message"), [
    ({"divergence": "hellingr"}, ValueError, "must be one of kl"),
    ({"n_neighbors": 0}, ValueError, "n_neighbors must be at least 1, got 0"),
    ({"n_neighbors": 2.0}, TypeError, "n_neighbors must be an integer, got 2.0"),
    ({"n_neighbors": "auto"}, TypeError, "n_neighbors must be an integer, got 'auto'"),
    ({"n_neighbors": 27}, ValueError, "got 27 with n_samples = 34 of P and 27 of Q"),
    ({"divergence": "renyi(2)", "n_neighbors": 1}, ValueError, "must be above 1, .* got 1"),
    ({"divergence": "tsallis(3.5)", "n_neighbors": 2}, ValueError, "must be above 2.5, .* got 2"),
    ({"n_neighbors": 1, "one_step": True}, ValueError, "must be above 1, .* kl needs, got 1"),
    ({"divergence": "chi_square", "n_neighbors": 2, "one_step": True}, ValueError, "above 2"),
    ({"divergence": "hellinger", "bias_reduced": True}, ValueError, "got 'hellinger' and False"),
    ({"bias_reduced": True, "one_step": True}, ValueError, "got 'kl' and True"),
    ({"bias_reduced": "yes"}, ValueError, "bias_reduced must be one of True, False; got 'yes'"),
    ({"one_step": 1}, ValueError, "one_step must be one of True, False; got 1"),
    ({"dimension": 0}, ValueError, "dimension must lie between 0"),
    ({"dimension": 10**30}, ValueError, "dimension must lie between 0 and 1000"),
    ({"dimension": "two"}, TypeError, "dimension must be a number, got 'two'"),
    ({"metric": "cosine"}, ValueError, "metric must be one of 'euclidean'"),
    ({"standardize": "robust"}, ValueError, "standardize must be one of None, 'std', 'whiten'"),
    ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1, got 95"),
])
def test_bad_parameters(rng, parameters, error, message):
    with pytest.raises(error, match=message):
        NearestNeighborDistanceDivergence(**parameters).fit_samples(*draw(rng, "plane"))


def test_bad_parameters_of_another_estimate(rng):
    model = fit(*draw(rng, "plane"), n_neighbors=2)
    with pytest.raises(ValueError, match="NearestNeighborRatioDivergence"):
        model.estimate("jensen_shannon")
    with pytest.raises(ValueError, match=r"must be above 2, .* got 2"):
        model.estimate("power(3)")
    model = fit(*draw(rng, "plane"), bias_reduced=True)
    with pytest.raises(ValueError, match="bias_reduced=True needs divergence='kl'"):
        model.estimate("hellinger")


def test_bad_samples(rng):
    P, Q = draw(rng, "plane")
    model = NearestNeighborDistanceDivergence()
    for value, what in ((np.nan, "NaN"), (np.inf, "infinity")):
        X = np.vstack([P, Q])
        X[3, 1] = value
        with pytest.raises(ValueError, match=f"{what} .row 3, column 1"):
            model.fit(X, np.arange(len(X)) < 34)
    with pytest.raises(ValueError, match="must name two samples, got 3 classes"):
        model.fit(P, np.arange(34) % 3)
    with pytest.raises(ValueError, match="requires y"):
        model.fit(P)
    with pytest.raises(ValueError, match=r"must be below the rows .* 34 of P and 5 of Q"):
        model.fit_samples(P, Q[:5])
    with pytest.raises(ValueError, match="got 1 with n_samples = 34 of P and 1 of Q"):
        NearestNeighborDistanceDivergence(bias_reduced=True).fit_samples(P, Q[:1])
    frames = [pd.DataFrame(A, columns=["u", "v"]).assign(w=1.5) for A in (P, Q)]
    with pytest.raises(ValueError, match=r"constant columns: \['w'\]; drop them, or give dim"):
        model.fit_samples(*frames)
    with pytest.raises(ValueError, match=r"constant columns: \[0, 1\]"):
        model.fit_samples(np.ones((9, 2)), np.ones((9, 2)))
