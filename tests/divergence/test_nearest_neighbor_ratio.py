"""NearestNeighborRatioDivergence: fixed values, laws, edge cases, errors, the contract."""

import pickle
import warnings

import numpy as np
import pandas as pd
import plain
import polars as pl
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import polygamma, psi
from scipy.stats import norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from divest import NearestNeighborRatioDivergence, TrustWarning, stack_samples
from divest.datasets import plane
from divest.divergence import _graph
from divest.divergence._ensemble import (
    average_weights,
    extrapolation_weights,
    paper_grid,
    paper_weights,
)
from divest.generators import Generator, hellinger, kl, resolve_generator

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

Ratio = NearestNeighborRatioDivergence
NAMES = ["kl", "reverse_kl", "jeffreys", "hellinger", "chi_square", "neyman_chi_square",
         "jensen_shannon", "le_cam", "total_variation", "bhattacharyya", "renyi(0.5)", "renyi(2)",
         "tsallis(0.7)", "power(-1)", "power(2)"]
EULER = 0.5772156649015329


def fitted(P, Q, divergence="kl", **options):
    return Ratio(divergence, **options).fit_samples(P, Q)


def found(model, divergence=None):
    """Estimate and standard error."""
    result = model.estimate(divergence)
    return result.estimate, result.standard_error


@pytest.fixture
def samples(rng):
    """60 and 80 rows of shifted normal laws in the plane."""
    return rng.normal(size=(60, 2)) + [0.7, 0.0], rng.normal(size=(80, 2))


# ------------------------------------------------------------ the numbers of the method page
@pytest.fixture(scope="module")
def fixed():
    rng = np.random.default_rng(12345)
    P = rng.normal(size=(500, 2))
    return P, rng.normal(size=(700, 2)) + [1.0, 0.0]


@pytest.fixture(scope="module")
def models(fixed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return {
            "k=40": fitted(*fixed, n_neighbors=40),
            "extrapolate": fitted(*fixed),
            "average": fitted(*fixed, ensemble="average"),
            "paper k=40": fitted(*fixed, method="paper", n_neighbors=40),
        }


TABLE = {  # k=40, its error, extrapolate, its error, average, its error, paper k=40
    "kl": (.4765586635, .0740401221, .5307462116, .0846351978, .5223134525, .0761433488,
           .4124563315),
    "hellinger": (.1126899367, .0162360121, .1216744469, .0187941728, .1196843045, .0167706545,
                  .1034824067),
    "chi_square": (1.4938871070, .4952965657, 2.0019188503, .6988044948, 1.9019476951, .5694901961,
                   1.0441007644),
    "jensen_shannon": (.1074151678, .0147665594, .1144547266, .0167183091, .1129897045,
                       .0151102717, .0991950055),
    "total_variation": (.4005714286, .0463176440, .3911491396, .0562555379, .3844571429,
                        .0378416638, .3705572531),
    "renyi(0.5)": (.2391215873, .0365960282, .2594759293, .0427954594, .2549493820, .0381014551,
                   .2781828592),
    "renyi(2)": (.9138425804, .1986042449, 1.0992517010, .2327859378, 1.0653821306, .1962441284,
                 .6619785778),
}


@pytest.mark.parametrize("divergence", TABLE)
def test_table_of_fixed_values(models, divergence):
    values = []
    for name in ("k=40", "extrapolate", "average"):
        values += found(models[name], divergence)
    paper, error = found(models["paper k=40"], divergence)
    assert_allclose([*values, paper], TABLE[divergence], rtol=0, atol=1e-9)
    assert np.isnan(error)


def test_other_fixed_values(fixed, models):
    assert_array_equal(models["extrapolate"].n_neighbors_, [12, 17, 24, 34, 48, 68, 96])
    assert_array_equal(models["average"].n_neighbors_, [12, 17, 24, 34, 48, 68, 96])
    variational = fitted(*fixed, n_neighbors=40, form="donsker_varadhan")
    assert_allclose(variational.estimate_, .4780766002, atol=1e-9)
    paper = fitted(*fixed, method="paper", ensemble="paper")
    assert_allclose(paper.estimate_, .6810934212, atol=1e-9)


def test_fixed_log_density_ratios(models):
    ratio, error = models["k=40"].log_density_ratio([[0, 0], [.5, 0], [1, 0]], return_std=True)
    assert_allclose(ratio, [.83420142, -.26638515, -1.00416582], atol=5e-9)  # eight printed digits
    assert_allclose(error, [.32203175, .32660312, .38506989], atol=5e-9)


def test_fixed_values_of_rounded_samples(fixed):
    model = fitted(*map(np.round, fixed), n_neighbors=40)
    values = [*found(model), found(model, "hellinger")[0], found(model, "jensen_shannon")[0]]
    assert_allclose(values, [.4360318488, .0607135386, .1021074500, .0980055317], atol=1e-9)


# ------------------------------------------------------------ against the slow twin
KINDS = {
    "continuous": lambda Z: Z,
    "tenths": lambda Z: np.round(Z, 1),
    "integers": np.round,
    "one column": lambda Z: Z[:, :1],
    "tenths in one column": lambda Z: np.round(Z[:, :1], 1),
    "nine columns": lambda Z: np.hstack([Z, Z**2, np.sin(3 * Z), np.cos(5 * Z), Z[:, :1] ** 3]),
}
PLAIN_KL = (lambda C, K, c: np.log(c) + psi(C + 1) - psi(K - C + 1),
            lambda C, K, c: 1 - c * C / (K - C + 1))


@pytest.mark.parametrize("metric", list(plain.POWER))
@pytest.mark.parametrize("kind", KINDS)
def test_estimate_and_error_by_brute_force(samples, metric, kind):
    P, Q = map(KINDS[kind], samples)
    model = fitted(P, Q, n_neighbors=[5, 12, 20], metric=metric)
    matrix, is_p = plain.distances_within(np.vstack([P, Q]), metric), np.arange(140) < 60
    along = [plain.one_step(matrix, is_p, k, *PLAIN_KL) for k in (5, 12, 20)]
    assert_allclose(model.path_["estimate"], along, rtol=1e-11)
    weights = extrapolation_weights(np.array([5, 12, 20]), P.shape[1])
    assert_allclose(model.estimate_, weights @ along, rtol=1e-11)
    error = plain.deletion_error(matrix, is_p, [5, 12, 20], weights, *PLAIN_KL)
    assert_allclose(model.standard_error_, error, rtol=1e-10)


@pytest.mark.parametrize("alpha", [0.5, 2, 1.5])
def test_error_of_a_mapped_divergence_is_by_the_delta_method(samples, alpha):
    """That of tsallis is linear in T; log T/(alpha - 1) has the slope 1/((alpha - 1) T)."""
    model = fitted(*samples, n_neighbors=[5, 12, 20])
    estimate, error = found(model, f"tsallis({alpha})")
    integral = 1 + (alpha - 1) * estimate
    expected = np.log(integral) / (alpha - 1), error / integral
    assert_allclose(found(model, f"renyi({alpha})"), expected, rtol=1e-12)


# ------------------------------------------------------------ laws
def shuffled(P, Q, rng):
    return rng.permutation(P), rng.permutation(Q)


def rotated(P, Q, rng):
    """Entry by entry, so that equal rows stay equal."""
    c, s = np.cos(0.7), np.sin(0.7)
    return tuple(np.column_stack([c * Z[:, 0] - s * Z[:, 1], s * Z[:, 0] + c * Z[:, 1]])
                 for Z in (P, Q))


def scaled(P, Q, rng):
    return 3.7e-5 * P, 3.7e-5 * Q


def moved(P, Q, rng):
    return P + [5.3, -700], Q + [5.3, -700]


def mirrored(P, Q, rng):
    return -P[:, ::-1], -Q[:, ::-1]


@pytest.mark.parametrize("change", [shuffled, rotated, scaled, moved, mirrored])
@pytest.mark.parametrize("kind", ["continuous", "tenths", "integers"])
@pytest.mark.parametrize("n_neighbors", ["auto", 12])
def test_invariance(rng, samples, change, kind, n_neighbors):
    P, Q = map(KINDS[kind], samples)
    one = fitted(P, Q, n_neighbors=n_neighbors)
    other = fitted(*change(P, Q, rng), n_neighbors=n_neighbors)
    for name in NAMES:
        assert_allclose(found(other, name), found(one, name), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["continuous", "tenths", "nine columns"])
@pytest.mark.parametrize("standardize", ["std", "whiten"])
def test_standardised_estimates_do_not_depend_on_units_of_columns(samples, kind, standardize):
    P, Q = map(KINDS[kind], samples)
    units = 10.0 ** np.arange(P.shape[1]) - 3
    one = fitted(P, Q, standardize=standardize)
    assert_allclose(found(fitted(P * units, Q * units, standardize=standardize)), found(one),
                    rtol=1e-9)
    assert one.estimate_ != fitted(P, Q).estimate_


def test_standardising_is_by_the_pooled_sample(samples):
    P, Q = samples
    pooled = np.vstack([P, Q]).std(axis=0)
    assert_allclose(found(fitted(P, Q, standardize="std")), found(fitted(P / pooled, Q / pooled)),
                    rtol=1e-10)


PAIRS = [("kl", "reverse_kl"), ("chi_square", "neyman_chi_square"), ("renyi(0.3)", None),
         ("power(2)", "power(-1)"), ("tsallis(0.5)", "tsallis(0.5)")]
SYMMETRIC = ["jeffreys", "hellinger", "jensen_shannon", "le_cam", "total_variation",
             "bhattacharyya", "renyi(0.5)", "power(0.5)"]


@pytest.mark.parametrize("kind", ["continuous", "tenths"])
def test_swapping_the_samples(samples, kind):
    P, Q = map(KINDS[kind], samples)
    one, other = fitted(P, Q), fitted(Q, P)
    pairs = [("kl", "reverse_kl"), ("chi_square", "neyman_chi_square"), ("power(2)", "power(-1)")]
    for name, swapped in pairs + [(name, name) for name in SYMMETRIC]:
        assert_allclose(found(one, name), found(other, swapped), rtol=1e-12, atol=1e-12)
    estimate, error = found(one, "renyi(0.3)")  # alpha/(1 - alpha) D_(1-alpha)(Q || P)
    assert_allclose(np.multiply(found(other, "renyi(0.7)"), 3 / 7), [estimate, error], rtol=1e-12)


@pytest.mark.parametrize("kind", ["continuous", "tenths"])
@pytest.mark.parametrize("ensemble", ["extrapolate", "average", "paper"])
def test_identities_between_divergences(samples, kind, ensemble):
    model = fitted(*map(KINDS[kind], samples), ensemble=ensemble)
    value = {name: found(model, name)[0] for name in [*NAMES, "power(0.5)", "tsallis(0.5)"]}
    close = {"rtol": 1e-12, "atol": 1e-12}
    assert_allclose(value["hellinger"], -np.expm1(-value["renyi(0.5)"] / 2), **close)
    assert_allclose(value["chi_square"], np.expm1(value["renyi(2)"]), **close)
    assert_allclose(value["bhattacharyya"], value["renyi(0.5)"] / 2, **close)
    assert_allclose(value["jeffreys"], value["kl"] + value["reverse_kl"], **close)
    assert_allclose(value["power(2)"], value["chi_square"] / 2, **close)
    assert_allclose(value["power(-1)"], value["neyman_chi_square"] / 2, **close)
    assert_allclose(value["power(0.5)"], 4 * value["hellinger"], **close)
    assert_allclose(value["tsallis(0.5)"], 2 * value["hellinger"], **close)


@pytest.mark.parametrize("options", [
    {}, {"ensemble": "average"}, {"n_neighbors": 15}, {"method": "paper"}, {"clip": True},
    {"standardize": "whiten", "metric": "manhattan"},
])
def test_estimate_of_another_divergence_equals_a_fresh_fit(samples, options):
    model = fitted(*samples, **options)
    names = [name for name in NAMES if options.get("method") != "paper" or name != "power(-1)"]
    for name in names:
        result, fresh = model.estimate(name), fitted(*samples, name, **options).result_
        assert_array_equal([result.estimate, result.standard_error],
                           [fresh.estimate, fresh.standard_error])
        assert result.method == fresh.method
        assert [str(d) for d in result.diagnostics] == [str(d) for d in fresh.diagnostics]
    assert model.estimate() is model.result_  # as it was


def test_table_of_several_divergences(samples):
    model = fitted(*samples)
    table = model.estimates(["kl", resolve_generator("hellinger"), "renyi(0.5)"])
    assert list(table["divergence"]) == ["kl", "hellinger", "renyi(0.5)"]
    for name, row in zip(table["divergence"], table.itertuples(), strict=True):
        assert (row.estimate, row.standard_error) == found(model, name)
        assert (row.low, row.high) == model.estimate(name).confidence_interval()
    assert table["trusted"].dtype == bool


def quartic(r):
    return np.where(r < 1, 1, 0) * (1 - r) ** 2


def quartic_slope(r):
    return np.where(r < 1, 1, 0) * 2 * (r - 1)


def tilted_kl(r):
    return r * np.log(r)


def tilted_kl_slope(r):
    return np.log(r) + 1


def test_generator_of_a_user(samples):
    model = fitted(*samples, Generator("one_sided", quartic, quartic_slope), n_neighbors=20)
    assert model.result_.method == "one_sided by nearest-neighbor ratios"
    assert 0 < model.estimate_ < 1
    assert model.standard_error_ > 0


def test_kl_of_a_user_is_near_that_of_the_registry(fixed):
    """The iterated table against the exact falling factorials, away from one-sided balls."""
    model = fitted(fixed[0], fixed[1] - [1.0, 0.0], n_neighbors=60)
    mine = Generator("mine", tilted_kl, tilted_kl_slope)
    assert_allclose(found(model, mine), found(model, "kl"), atol=1e-4)


# ------------------------------------------------------------ parameters
def test_attributes(samples):
    model = fitted(*samples, "hellinger", confidence_level=0.9)
    result = model.result_
    assert (model.estimate_, model.standard_error_) == (result.estimate, result.standard_error)
    interval = norm.interval(0.9, model.estimate_, model.standard_error_)
    assert_allclose(model.confidence_interval_, interval, rtol=1e-12)
    assert result.confidence_level == 0.9
    assert model.n_samples_ == result.n_samples == (60, 80)
    assert_array_equal(model.classes_, [0, 1])
    assert model.n_features_in_ == model.dimension_ == 2
    assert list(model.diagnostics_.columns) == ["name", "value", "threshold", "passed", "advice"]
    assert list(model.diagnostics_["name"]) == [d.name for d in result.diagnostics]
    assert fitted(*samples, "kl").result_.unit == "nats"


def test_path(samples):
    model = fitted(*samples, n_neighbors=[5, 9, 20])
    path = model.path_
    assert list(path.columns) == ["n_neighbors", "weight", "estimate", "saturated_share"]
    assert_array_equal(path["n_neighbors"], model.n_neighbors_)
    assert_array_equal(path["weight"], model.weights_)
    assert_allclose(path["weight"] @ path["estimate"], model.estimate_, rtol=1e-12)
    for row in path.itertuples():
        alone = fitted(*samples, n_neighbors=row.n_neighbors)
        assert_allclose(alone.estimate_, row.estimate, rtol=1e-12)
        assert alone.path_["saturated_share"].item() == row.saturated_share


def test_path_of_a_mapped_divergence(samples):
    model = fitted(*samples, "renyi(2)", n_neighbors=[5, 9, 20])
    assert_allclose(np.log(model.weights_ @ np.exp(model.path_["estimate"])), model.estimate_,
                    rtol=1e-12)


@pytest.mark.parametrize(("options", "ks", "rule"), [
    ({"ensemble": "average"}, [12, 18, 28, 35, 40, 60], average_weights),
    ({"ensemble": "extrapolate"}, [12, 18, 28], lambda ks: extrapolation_weights(ks, 2)),
    ({"dimension": 5}, [12, 18, 28], lambda ks: extrapolation_weights(ks, 5)),
    ({"ensemble": "paper"}, [3, 5, 9], lambda ks: paper_weights(ks, 60**0.5, 2)),
    ({"ensemble": "extrapolate"}, [12], lambda ks: np.ones(1)),
    ({"ensemble": None}, [12], lambda ks: np.ones(1)),
])
def test_weights(samples, options, ks, rule):
    model = fitted(*samples, n_neighbors=ks, **options)
    assert_array_equal(model.n_neighbors_, ks)
    assert_allclose(model.weights_, rule(np.array(ks)), rtol=1e-12)


@pytest.mark.parametrize(("options", "ks"), [
    ({"ensemble": None}, [12]), ({"ensemble": None, "method": "paper"}, [4]),  # 60^(1/3) = 3.9
    ({"ensemble": "paper"}, paper_grid(60, 80)), ({"ensemble": "paper", "method": "paper"},
                                                  paper_grid(60, 80)),
])
def test_automatic_numbers_of_neighbours(samples, options, ks):
    assert_array_equal(fitted(*samples, **options).n_neighbors_, ks)


def test_dimension_enters_the_exponent_only():
    P, Q = plane(0, n=300, m=300, d=10, shift=1.0)
    ambient, intrinsic = fitted(P, Q), fitted(P, Q, dimension=2)
    assert_array_equal(ambient.path_["estimate"], intrinsic.path_["estimate"])
    assert (ambient.dimension_, intrinsic.dimension_) == (10, 2)
    flat = fitted(*(Z @ np.linalg.svd(P, full_matrices=False)[2][:2].T for Z in (P, Q)))
    assert_allclose(found(intrinsic), found(flat), rtol=1e-9)


def test_constant_columns_change_nothing(samples):
    P, Q = samples
    wide = [np.column_stack([np.full(len(Z), 1e8), Z, np.zeros(len(Z))]) for Z in samples]
    for standardize in (None, "std", "whiten"):
        one, other = (fitted(*pair, standardize=standardize) for pair in ((P, Q), wide))
        assert other.dimension_ == 2
        assert_allclose(found(other), found(one), rtol=1e-9)


def test_clip_cuts_estimate_and_interval():
    P, Q = np.random.default_rng(3).normal(size=(2, 80, 2))
    raw = {name: fitted(P, Q, name, n_neighbors=30).result_ for name in NAMES}
    assert min(result.estimate for result in raw.values()) < 0  # returned raw by default
    for name, result in raw.items():
        cut = fitted(P, Q, name, n_neighbors=30, clip=True)
        limits = 0, resolve_generator(name).upper_bound
        assert cut.estimate_ == np.clip(result.estimate, *limits)
        assert cut.confidence_interval_[0] >= 0
        assert cut.confidence_interval_[1] <= limits[1]
        assert cut.standard_error_ == result.standard_error


def test_clip_at_the_upper_bound(samples):
    P, Q = samples
    far = fitted(P + 100, Q, "hellinger", clip=True, confidence_level=0.999)
    assert far.estimate_ <= 1
    assert far.confidence_interval_[1] <= 1


@pytest.mark.parametrize("n_jobs", [2, -1])
@pytest.mark.parametrize("kind", ["continuous", "tenths", "nine columns"])
def test_number_of_jobs_does_not_change_the_result(samples, kind, n_jobs, monkeypatch):
    monkeypatch.setattr("divest._neighbors._ENTRIES_PER_BLOCK", 1)  # several blocks
    P, Q = map(KINDS[kind], samples)
    one, other = fitted(P, Q), fitted(P, Q, n_jobs=n_jobs)
    assert found(one) == found(other)
    assert_array_equal(one.log_density_ratio(P), other.log_density_ratio(P))


def test_processes_do_not_change_the_result(samples):
    with parallel_config(backend="loky", n_jobs=2):
        there = fitted(*samples)
    assert found(there) == found(fitted(*samples))


@pytest.mark.parametrize("kind", ["continuous", "tenths", "nine columns"])
def test_searching_again_does_not_change_the_result(samples, kind, monkeypatch):
    P, Q = map(KINDS[kind], samples)
    kept = fitted(P, Q)
    monkeypatch.setattr(_graph, "KEPT_MEMBERS", 0)
    again = fitted(P, Q)
    assert again.estimate_ == kept.estimate_
    assert_allclose(again.standard_error_, kept.standard_error_, rtol=1e-12)


# ------------------------------------------------------------ Donsker-Varadhan
def test_donsker_varadhan_is_mean_log_minus_log_mean(samples):
    model = fitted(*samples, n_neighbors=[10, 20], form="donsker_varadhan")
    matrix, is_p = plain.distances_within(np.vstack(samples)), np.arange(140) < 60
    logs = [plain.one_step(matrix, is_p, k, PLAIN_KL[0], lambda C, K, c: 0 * C) for k in (10, 20)]
    mean = model.weights_ @ [1 - plain.one_step(matrix, is_p, k, lambda C, K, c: 0 * C,
                                                PLAIN_KL[1]) for k in (10, 20)]
    assert_allclose(model.estimate_, model.weights_ @ logs - np.log(mean), rtol=1e-11)
    error = plain.deletion_error(matrix, is_p, (10, 20), model.weights_, PLAIN_KL[0],
                                 lambda C, K, c: -c * C / (K - C + 1) / mean)
    assert_allclose(model.standard_error_, error, rtol=1e-10)


@pytest.mark.parametrize("shift", [0.0, 1.0, 4.0])
def test_donsker_varadhan_is_never_below_one_step(samples, shift):
    P, Q = samples
    for options in ({}, {"n_neighbors": 15}, {"ensemble": "average"}):
        one = fitted(P + shift, Q, **options)
        assert fitted(P + shift, Q, form="donsker_varadhan", **options).estimate_ >= one.estimate_


def test_donsker_varadhan_without_any_overlap(samples):
    """No row of Q sees P: the mean ratio is 0 and its logarithm does not exist."""
    P, Q = samples
    with pytest.warns(TrustWarning, match="normalizer = 0 .*is not positive"):
        model = fitted(P + 100, Q, form="donsker_varadhan", n_neighbors=10)
    assert np.isnan([model.estimate_, model.standard_error_]).all()
    assert np.isnan(model.confidence_interval_).all()


@pytest.mark.parametrize("options", [
    {"divergence": "hellinger"}, {"divergence": "renyi(2)"}, {"method": "paper"},
])
def test_donsker_varadhan_is_for_kl_only(samples, options):
    with pytest.raises(ValueError, match="needs divergence='kl' and method='one_step', got"):
        Ratio(form="donsker_varadhan", **options).fit_samples(*samples)
    with pytest.raises(ValueError, match="needs divergence='kl'"):
        fitted(*samples, form="donsker_varadhan").estimate("hellinger")


# ------------------------------------------------------------ the form of the paper
def plain_ratio(P, Q, k):
    """The plug-in at the rows of Q."""
    n, m = len(P), len(Q)
    is_p = np.arange(n + m) < n
    C, K = plain.labelled_counts(plain.distances_within(np.vstack([P, Q])), is_p, k)
    return m / n * C[~is_p] / (K - C + 1)[~is_p], m / n * 0.5 / (K + 1)[~is_p]


@pytest.mark.parametrize("kind", ["continuous", "tenths"])
@pytest.mark.parametrize("name", ["kl", "hellinger", "renyi(2)", "renyi(0.5)", "jensen_shannon"])
def test_paper_form(samples, kind, name):
    P, Q = map(KINDS[kind], samples)
    ratio, floor = plain_ratio(P, Q, 9)
    generator = resolve_generator(name)
    if generator.link is None:
        expected = generator.f(np.maximum(ratio, floor)).mean()
    else:
        alpha = generator.link.alpha
        expected = np.log(np.mean(ratio**alpha)) / (alpha - 1)
    model = fitted(P, Q, name, method="paper", n_neighbors=9)
    assert_allclose(model.estimate_, expected, rtol=1e-12)
    assert np.isnan(model.standard_error_)
    assert np.isnan(model.confidence_interval_).all()


@pytest.mark.parametrize("name", ["kl", "renyi(2)"])
def test_paper_form_with_bounds_clips_the_ratio(samples, name):
    ratio, _ = plain_ratio(*samples, 9)
    clipped = np.clip(ratio, 0.4 / 1.2, 1.2 / 0.4)
    expected = kl().f(clipped).mean() if name == "kl" else np.log(np.mean(clipped**2))
    model = fitted(*samples, name, method="paper", n_neighbors=9, density_bounds=(0.4, 1.2))
    assert_allclose(model.estimate_, expected, rtol=1e-12)


def test_paper_form_is_not_negative():
    P, Q = np.random.default_rng(3).normal(size=(2, 80, 2))
    model = fitted(P, Q, "renyi(2)", method="paper", n_neighbors=5, density_bounds=(0.99, 1))
    assert model.path_["estimate"].item() < 0  # most ratios are below 1
    assert model.estimate_ == 0


def test_paper_form_of_negative_orders_warns_of_nothing_but_doubt(samples):
    """Where a ratio is 0, its negative powers are infinite."""
    P, Q = samples
    model = fitted(P + 3, Q, "power(-1)", method="paper", n_neighbors=5)
    assert not model.estimate_ < 0


def test_paper_ensemble_is_doubtful_in_five_dimensions(rng):
    P, Q = rng.normal(size=(2, 100, 5))
    for method in ("one_step", "paper"):
        with pytest.warns(TrustWarning, match="weight_norm = .*unstable ensemble"):
            fitted(P, Q, method=method, ensemble="paper")


@pytest.mark.parametrize("bounds", [(2, 1), (0, 1), (-1, 1), (1, 1), (np.nan, 1)])
def test_wrong_density_bounds_are_named(samples, bounds):
    with pytest.raises(ValueError, match=r"density_bounds must be .*0 < lower < upper"):
        fitted(*samples, method="paper", density_bounds=bounds)
    with pytest.raises(ValueError, match="density_bounds belongs to method='paper'"):
        fitted(*samples, density_bounds=(1, 2))


@pytest.mark.parametrize("bounds", [(1,), 3, "ab", (1, 2, 3)])
def test_density_bounds_that_are_no_pair_are_named(samples, bounds):
    with pytest.raises((TypeError, ValueError), match="density_bounds"):
        fitted(*samples, method="paper", density_bounds=bounds)


# ------------------------------------------------------------ new points and scores
@pytest.mark.parametrize("kind", ["continuous", "tenths", "nine columns"])
def test_density_ratio_at_new_points(samples, kind):
    P, Q = map(KINDS[kind], samples)
    model = fitted(P, Q, n_neighbors=[5, 15, 30])
    points = np.vstack([P[:5], Q[:5] + 0.05, P[:1] + 50])
    matrix = plain.distances(points, np.vstack([P, Q]))
    C, K = plain.labelled_counts(matrix, np.arange(140) < 60, 15)  # the middle k
    ratio, error = model.log_density_ratio(points, return_std=True)
    assert_allclose(ratio, np.log(80 / 60) + psi(C + 1) - psi(K - C + 1), rtol=1e-12)
    assert_allclose(error, np.sqrt(polygamma(1, C + 1) + polygamma(1, K - C + 1)), rtol=1e-12)
    assert_array_equal(model.log_density_ratio(points), ratio)
    assert_allclose(model.density_ratio(points), 80 / 60 * C / (K - C + 1), rtol=1e-11)


def test_density_ratio_is_zero_where_no_row_of_p_is_near(samples):
    P, Q = samples
    model = fitted(P + 100, Q, n_neighbors=5)
    assert model.density_ratio(Q[:1]) == [0.0]
    assert np.isfinite(model.log_density_ratio(Q[:1])).all()


@pytest.mark.parametrize("far", [1e10, 1e100, 1e200])
@pytest.mark.parametrize("kind", ["continuous", "nine columns"])
def test_density_ratio_far_away_is_that_of_all_rows(samples, kind, far):
    """From there all rows are equally far, and the ratio is 1."""
    P, Q = map(KINDS[kind], samples)
    model = fitted(P, Q, n_neighbors=5)
    ratio = model.log_density_ratio(np.full((1, P.shape[1]), far))
    if far > 1e20:
        assert_allclose(ratio, np.log(80 / 60) + psi(61) - psi(81), rtol=1e-12)
    assert np.isfinite(ratio).all()


@pytest.mark.parametrize("name", [*NAMES, "renyi(0.999)"])
def test_score_is_the_variational_bound(rng, samples, name):
    model = fitted(*samples, name, n_neighbors=15)
    P, Q = rng.normal(size=(30, 2)) + [0.7, 0], rng.normal(size=(40, 2))
    X, y = stack_samples(P, Q)
    matrix = plain.distances(X, np.vstack(samples))
    C, K = plain.labelled_counts(matrix, np.arange(140) < 60, 15)
    g = 80 / 60 * (C + 0.5) / (K - C + 0.5)
    generator = resolve_generator(name)
    if generator.link is None:
        slope = generator.derivative(g)
        bound = slope[y == 1].mean() - (g * slope - generator.f(g))[y == 0].mean()
    else:  # of T or -T, which is convex
        a = generator.link.alpha
        bound = generator.link.value(np.mean(a * g[y == 1] ** (a - 1))
                                     + np.mean((1 - a) * g[y == 0] ** a))
    assert_allclose(model.score(X, y), bound, rtol=1e-9)


def test_score_is_minus_infinity_without_a_logarithm(samples):
    P, Q = samples
    model = fitted(P + 2, Q, "renyi(2)", n_neighbors=10)
    assert model.score(*stack_samples(Q, P + 2)) == -np.inf  # labels the wrong way round


def test_score_prefers_the_truth(samples):
    P, Q = samples
    X, y = stack_samples(P, Q)
    model = fitted(P, Q, n_neighbors=20)
    assert model.score(X, y) > 0 > model.score(X, 1 - y)


@pytest.mark.parametrize("label", [0, 1])
def test_score_needs_both_samples(samples, label):
    P, _ = samples
    with pytest.raises(ValueError, match=r"one only.*StratifiedKFold\(shuffle=True\)"):
        fitted(*samples).score(P, np.full(60, label))


def test_score_of_unknown_labels(samples):
    P, _ = samples
    with pytest.raises(ValueError, match=r"labels not seen in fit: .*2"):
        fitted(*samples).score(P, np.arange(60) % 3)


# ------------------------------------------------------------ edge cases
@pytest.mark.parametrize("k", [5, 20])
def test_disjoint_supports_reach_a_known_ceiling(samples, k):
    P, Q = samples
    with pytest.warns(TrustWarning, match="saturated_share = 1 .*lower bound only"):
        model = fitted(P + 1000, Q, n_neighbors=k)
    assert_allclose(model.estimate_, 1 + np.log(80 / 59) + psi(k + 1) + EULER, rtol=1e-12)
    assert model.path_["saturated_share"].item() == 1
    assert "lower bound only" in model.result_.summary()
    assert not model.result_.trusted


@pytest.mark.parametrize("d", [1, 3, 9])
@pytest.mark.parametrize("divergence", NAMES)
def test_all_rows_identical_is_about_zero(d, divergence):
    model = fitted(np.ones((60, d)), np.ones((80, d)), divergence)
    assert abs(model.estimate_) < 0.05
    assert model.diagnostics_.set_index("name").loc["tied_share", "value"] == 1
    assert model.dimension_ == 1


def test_integral_that_comes_out_negative(samples):
    """Far apart, the tails of r^4 are beyond any sample."""
    P, Q = samples
    with pytest.warns(TrustWarning, match="power_integral = -"):
        model = fitted(P + 1.6, Q, "renyi(4)")
    assert np.isnan([model.estimate_, model.standard_error_]).all()
    assert not model.result_.trusted


def test_estimates_near_zero_may_be_negative():
    estimates = [fitted(*np.random.default_rng(seed).normal(size=(2, 60, 2))).estimate_
                 for seed in range(20)]
    assert min(estimates) < 0 < max(estimates)


def test_total_variation_reports_the_plug_in(samples):
    model = fitted(*samples, "total_variation", n_neighbors=[9, 20])
    ratio, floor = plain_ratio(*samples, 9)
    value = model.diagnostics_.set_index("name").loc["plug_in_upper", "value"]
    assert_allclose(value, 0.5 * np.abs(np.maximum(ratio, floor) - 1).mean(), rtol=1e-12)
    assert "plug_in_upper" not in set(fitted(*samples, "hellinger").diagnostics_["name"])


def test_huge_offsets_do_not_matter(rng):
    """Multiples of 2^-20 can be moved by 1e8 without rounding."""
    P, Q = (np.round(rng.normal(size=(n, 3)) * 2**20) / 2**20 for n in (60, 80))
    assert_allclose(found(fitted(P + 1e8, Q + 1e8)), found(fitted(P, Q)), rtol=1e-10)


@pytest.mark.parametrize("unit", [1e200, 1e-200, 1e305])
@pytest.mark.parametrize("standardize", [None, "std", "whiten"])
@pytest.mark.parametrize("kind", ["continuous", "one column", "nine columns"])
def test_huge_and_tiny_units_do_not_matter(samples, kind, unit, standardize):
    P, Q = map(KINDS[kind], samples)
    one, other = fitted(P, Q, standardize=standardize), fitted(P * unit, Q * unit,
                                                               standardize=standardize)
    assert_allclose(found(other), found(one), rtol=1e-9)
    assert_allclose(other.log_density_ratio(Q * unit), one.log_density_ratio(Q), rtol=1e-9)


@pytest.mark.parametrize("kind", [int, np.int8, np.float32, bool, object])
def test_other_kinds_of_numbers(samples, kind):
    P, Q = (np.round(2 * Z).astype(kind) for Z in samples)
    expected = fitted(np.asarray(P, float), np.asarray(Q, float))
    assert found(fitted(P, Q)) == found(expected)


def test_every_row_twice(samples):
    """Duplicates are rows of their own: counts come in pairs."""
    P, Q = (np.repeat(Z, 2, axis=0) for Z in samples)
    matrix, is_p = plain.distances_within(np.vstack([P, Q])), np.arange(280) < 120
    model = fitted(P, Q, n_neighbors=[10, 21])
    along = [plain.one_step(matrix, is_p, k, *PLAIN_KL) for k in (10, 21)]
    assert_allclose(model.path_["estimate"], along, rtol=1e-11)
    error = plain.deletion_error(matrix, is_p, (10, 21), model.weights_, *PLAIN_KL)
    assert_allclose(model.standard_error_, error, rtol=1e-10)


@pytest.mark.parametrize("n", [2, 3])
def test_smallest_samples(rng, n):
    P, Q = rng.normal(size=(n, 2)), rng.normal(size=(n, 2))
    for name in NAMES:
        model = fitted(P, Q, name, n_neighbors=1)
        assert model.n_samples_ == (n, n)


# ------------------------------------------------------------ errors
def test_eleven_rows_are_needed_by_default(samples):
    P, Q = samples
    assert fitted(P[:11], Q[:11]).n_samples_ == (11, 11)
    with pytest.raises(ValueError, match=r"at least 11 rows.*n_samples = 10 of P and 80 of Q"):
        fitted(P[:10], Q)
    with pytest.raises(ValueError, match=r"at least 11 rows.*n_samples = 60 of P and 10 of Q"):
        fitted(P, Q[:10], ensemble="paper")
    assert fitted(P[:10], Q, n_neighbors=5).n_samples_ == (10, 80)


def test_two_rows_are_needed(samples):
    P, Q = samples
    with pytest.raises(ValueError, match="at least 2 rows, got n_samples = 1 of P and 80 of Q"):
        fitted(P[:1], Q, n_neighbors=5)


@pytest.mark.parametrize(("n_neighbors", "got"), [(0, 0), (139, 139), ([5, 200], 200), (-1, -1)])
def test_number_of_neighbours_out_of_range(samples, n_neighbors, got):
    assert fitted(*samples, n_neighbors=138).n_neighbors_ == [138]
    with pytest.raises(ValueError, match=f"between 1 and 138 .*140 pooled rows.*got {got}"):
        fitted(*samples, n_neighbors=n_neighbors)


def test_one_number_of_neighbours_without_an_ensemble(samples):
    with pytest.raises(ValueError, match=r"ensemble=None takes one n_neighbors, got \[5, 10\]"):
        fitted(*samples, ensemble=None, n_neighbors=[5, 10])


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"divergence": "helinger"}, ValueError, "divergence must be one of kl, .*got 'helinger'"),
    ({"divergence": 2}, TypeError, "divergence must be a name or a Generator, got 2"),
    ({"method": "two_step"}, ValueError, "method must be one of 'one_step', 'paper'; got"),
    ({"ensemble": "mean"}, ValueError, "ensemble must be one of 'extrapolate', .*None; got 'mean'"),
    ({"form": "dv"}, ValueError, "form must be one of 'default', 'donsker_varadhan'; got 'dv'"),
    ({"metric": "cosine"}, ValueError, "metric must be one of 'euclidean', .*got 'cosine'"),
    ({"standardize": True}, ValueError, "standardize must be one of .* got True"),
    ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1, got 95"),
    ({"confidence_level": "high"}, TypeError, "confidence_level must be a number, got 'high'"),
    ({"dimension": 0}, ValueError, "dimension must lie between 0 and 1000, got 0"),
    ({"dimension": "two"}, TypeError, "dimension must be a number, got 'two'"),
    ({"n_neighbors": 2.5}, TypeError, "n_neighbors must be 'auto', an integer or an array of"),
    ({"n_neighbors": "all"}, TypeError, "n_neighbors must be 'auto', .*got 'all'"),
])
def test_wrong_parameters_are_named(samples, options, error, message):
    with pytest.raises(error, match=message):
        Ratio(**options).fit_samples(*samples)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(samples, wrong):
    P, Q = samples
    X, y = stack_samples(P, Q)
    X[70, 1] = wrong
    what = "NaN" if np.isnan(wrong) else "infinity"
    with pytest.raises(ValueError, match=fr"X contains {what} \(row 70, column 1;"):
        Ratio().fit(X, y)
    with pytest.raises(ValueError, match=fr"Q contains {what} \(row 10, column 1;"):
        fitted(P, X[60:])
    with pytest.raises(ValueError, match=f"X contains {what}"):
        fitted(P, Q).log_density_ratio(X)


def test_samples_are_not_labels(samples):
    """fit(P, Q) would scale only P in a Pipeline."""
    P, Q = samples
    for second in (Q, Q[:60], Q[:60, 0]):
        with pytest.raises(ValueError, match=r"y should be a 1d array|Unknown label type"):
            Ratio().fit(P, second)
    with pytest.raises(ValueError, match=r"requires y .*fit_samples\(P, Q\)"):
        Ratio().fit(P)


def test_other_columns_are_refused(samples):
    P, Q = samples
    with pytest.raises(ValueError, match="same number of columns, got 2 and 1"):
        fitted(P, Q[:, :1])
    model = fitted(P, Q)
    for call in (model.log_density_ratio, model.density_ratio, lambda X: model.score(X, [0, 1])):
        with pytest.raises(ValueError, match=r"X has 1 features, but .* expecting 2"):
            call([[1.0], [2.0]])


@pytest.mark.parametrize("call", [
    lambda m: m.estimate(), lambda m: m.estimates(["kl"]), lambda m: m.log_density_ratio([[1.0]]),
    lambda m: m.density_ratio([[1.0]]), lambda m: m.score([[1.0], [2.0]], [0, 1]),
])
def test_not_fitted(call):
    with pytest.raises(NotFittedError):
        call(Ratio())


# ------------------------------------------------------------ warnings
CALLS = [  # each on a line of its own, to which its warning must point
    lambda model, P, Q: model.fit(*stack_samples(P, Q)),
    lambda model, P, Q: model.fit_samples(P, Q),
    lambda model, P, Q: model.estimate("reverse_kl"),
    lambda model, P, Q: model.estimates(["reverse_kl"]),
]


@pytest.mark.parametrize("call", CALLS, ids=["fit", "fit_samples", "estimate", "estimates"])
def test_one_warning_names_what_failed_and_points_at_the_call(samples, call):
    P, Q = samples
    model = fitted(P + 100, Q, n_neighbors=5)
    with pytest.warns(TrustWarning, match="reference_mass.*saturated_share") as caught:
        call(model, P + 100, Q)
    assert len(caught) == 1
    assert (caught[0].filename, caught[0].lineno) == (__file__, call.__code__.co_firstlineno)


def test_no_warning_where_all_passes(fixed):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fitted(*fixed, "hellinger", n_neighbors=40)
    assert model.result_.trusted
    assert model.diagnostics_["passed"].all()


# ------------------------------------------------------------ scikit-learn, pandas, polars
@pytest.mark.parametrize("labels", [("a", "b"), (-1, 1), (False, True), (0.0, 1.0)])
def test_reference_is_the_smaller_label(samples, labels):
    X, y = stack_samples(*samples)
    model = Ratio().fit(X, np.array(labels)[y])
    assert found(model) == found(fitted(*samples))
    assert_array_equal(model.classes_, labels)
    swapped = Ratio().fit(X, np.array(labels)[1 - y])
    assert_allclose(found(swapped), found(fitted(*samples), "reverse_kl"), rtol=1e-12)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_frames_in_and_names_kept(samples, make):
    P, Q = (make({"height": Z[:, 0], "weight": Z[:, 1]}) for Z in samples)
    model = fitted(P, Q)
    assert list(model.feature_names_in_) == ["height", "weight"]
    assert found(model) == found(fitted(*samples))
    assert found(fitted(P, Q[["weight", "height"]])) == found(model)
    assert_array_equal(model.log_density_ratio(Q), fitted(*samples).log_density_ratio(samples[1]))
    stacked = make({"height": np.r_[samples[0][:, 0], samples[1][:, 0]],
                    "weight": np.r_[samples[0][:, 1], samples[1][:, 1]]})
    again = Ratio().fit(stacked, [1] * 60 + [0] * 80)
    assert found(again) == found(model)
    assert list(again.feature_names_in_) == ["height", "weight"]
    with pytest.raises(ValueError, match="same order"):
        again.score(stacked[["weight", "height"]], [1] * 60 + [0] * 80)


def test_lists_and_one_column(samples):
    P, Q = samples
    assert found(fitted(P.tolist(), Q.tolist())) == found(fitted(P, Q))
    expected = found(fitted(P[:, :1], Q[:, :1]))
    for make in (list, pd.Series, pl.Series, np.asarray):
        assert found(fitted(make(P[:, 0]), make(Q[:, 0]))) == expected


def test_pickled_model_is_the_same(samples):
    model = fitted(*samples, standardize="whiten")
    again = pickle.loads(pickle.dumps(model))
    X, y = stack_samples(*samples)
    assert str(again.result_) == str(model.result_)  # the same, but for NaN, which equals nothing
    assert found(again, "hellinger") == found(model, "hellinger")
    assert_array_equal(again.log_density_ratio(X), model.log_density_ratio(X))
    assert again.score(X, y) == model.score(X, y)


def test_clone_and_set_params(samples):
    model = clone(Ratio("hellinger", n_neighbors=[5, 9], standardize="std"))
    assert model.get_params()["n_neighbors"] == [5, 9]
    model.set_params(divergence="kl", n_neighbors=7, standardize=None)
    assert found(model.fit_samples(*samples)) == found(fitted(*samples, n_neighbors=7))


def test_pipeline_scales_both_samples(samples):
    X, y = stack_samples(*samples)
    model = make_pipeline(StandardScaler(), Ratio(n_neighbors=20)).fit(X * [1, 1000], y)
    alone = fitted(*samples, n_neighbors=20, standardize="std")
    assert_allclose(model[-1].estimate_, alone.estimate_, rtol=1e-10)
    assert_allclose(model.score(X * [1, 1000], y), alone.score(X, y), rtol=1e-10)


def test_grid_search_over_divergences_and_neighbours(samples):
    X, y = stack_samples(*samples)
    grid = {"divergence": ["hellinger", "jensen_shannon"], "n_neighbors": [3, 20, [5, 10]]}
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    search = GridSearchCV(Ratio(), grid, cv=folds, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.n_samples_ == (60, 80)
    alone = Ratio(**search.best_params_)
    assert_allclose(cross_val_score(alone, X, y, cv=folds).mean(), search.best_score_, rtol=1e-12)


def test_folds_of_one_sample_are_refused(samples):
    X, y = stack_samples(*samples)
    with pytest.raises(ValueError, match=r"StratifiedKFold\(shuffle=True\)"):
        cross_val_score(Ratio(n_neighbors=5), X, y, cv=5, error_score="raise")


# ------------------------------------------------------------ rows that are not independent
def test_repeated_rows_fail_a_diagnostic(rng):
    P, Q = np.repeat(rng.normal(size=(60, 2)), 2, axis=0), rng.normal(size=(120, 2))
    model = fitted(P, Q)
    rows = model.diagnostics_.set_index("name")
    assert rows.loc["repeated_share", "value"] == 0.5
    assert not rows.loc["repeated_share", "passed"]
    rounded = fitted(P[:60].round(), Q.round()).diagnostics_.set_index("name")
    assert rounded.loc["repeated_share", "passed"]


def test_a_copied_sample_fails_a_diagnostic(rng):
    P = rng.normal(size=(100, 2))
    rows = fitted(P, P, n_neighbors=5).diagnostics_.set_index("name")
    assert not rows.loc["estimate_in_errors", "passed"]


def test_no_standard_error_without_differences():
    model = fitted(np.ones((40, 2)), np.ones((40, 2)))
    rows = model.diagnostics_.set_index("name")
    assert not rows.loc["standard_error", "passed"]


def test_orders_beyond_the_number_of_neighbours_are_refused(samples):
    with pytest.raises(ValueError, match=r"power\(400\) needs n_neighbors above 400"):
        fitted(*samples, "power(400)")


def test_a_dominated_integral_fails_a_diagnostic(rng):
    P, Q = rng.normal(size=(300, 1)), rng.normal(size=(300, 1)) + 2.0
    rows = fitted(P, Q, "power(8)").diagnostics_.set_index("name")
    assert not rows.loc["integral_error", "passed"]


def test_generators_are_known_by_value_not_by_name(samples):
    impostor = Generator("kl", hellinger().f, hellinger().derivative)
    assert not impostor.needs_reference
    with pytest.raises(ValueError, match="donsker_varadhan"):
        fitted(*samples, impostor, form="donsker_varadhan")
    unbounded = Generator("mine", kl().f, kl().derivative)
    assert "reference_mass" in set(fitted(*samples, unbounded).diagnostics_["name"])
