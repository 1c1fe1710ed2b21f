"""NearestNeighborRatioDivergence: its parameters, Donsker-Varadhan and the form of the paper."""

import numpy as np
import plain
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from ratio_cases import KINDS, NAMES, PLAIN_KL, Ratio, fitted, found, plain_ratio
from scipy.stats import norm

from divest import TrustWarning
from divest.datasets import plane
from divest.divergence import _graph
from divest.divergence._ensemble import (
    average_weights,
    extrapolation_weights,
    paper_grid,
    paper_weights,
)
from divest.generators import kl, resolve_generator

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

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
