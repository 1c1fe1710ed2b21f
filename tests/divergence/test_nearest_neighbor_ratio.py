"""NearestNeighborRatioDivergence: fixed values, laws, edge cases, errors, the contract."""

import warnings

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from ratio_cases import KINDS, NAMES, PLAIN_KL, fitted, found

from divest import TrustWarning
from divest.divergence._ensemble import extrapolation_weights
from divest.generators import Generator, resolve_generator

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

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
