"""The bias that more neighbours show: found where it matters, silent where there is none."""

import warnings

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose

from divest import NearestNeighborDistanceDivergence, TrustWarning
from divest.datasets import shifted_gaussians


def smoothing(P, Q, divergence="kl", **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        model = NearestNeighborDistanceDivergence(divergence, **settings).fit_samples(P, Q)
    return model, model.diagnostics_.set_index("name").loc["smoothing_bias"]


def test_by_hand(rng):
    P, Q = rng.normal(size=(60, 2)), rng.normal(size=(70, 2)) + 0.5
    model, found = smoothing(P, Q, n_neighbors=3)
    within, between = plain.distances_within(P), plain.distances(P, Q)
    near, far = (np.log(70 / 59) + 2 * np.log(np.sort(between, axis=1)[:, k - 1]
                                              / np.sort(within, axis=1)[:, k - 1])
                 for k in (3, 12))
    assert_allclose(model.estimate_, near.mean(), rtol=1e-12)
    growth = model.standard_error_ * (4 ** (1 / 2) - 1)
    assert_allclose(found["value"], (near - far).mean() / growth, rtol=1e-10)
    spread = 1.5 * 1.645 * (far - near).std() / np.sqrt(60)
    assert_allclose(found["threshold"], max(1.5, spread / growth), rtol=1e-10)
    assert found["passed"] == (found["value"] <= found["threshold"])


@pytest.mark.parametrize("settings", [
    {}, {"divergence": "hellinger"}, {"divergence": "renyi(2)"}, {"one_step": True}], ids=str)
def test_equal_samples_are_not_accused(settings):
    """40 runs in each dimension, accused with probability .05 at most."""
    accused = [not smoothing(*shifted_gaussians(seed, n=200, d=d, shift=0.0), **settings)[1].passed
               for d in (2, 5) for seed in range(40)]
    assert sum(accused) <= 8  # more than 8 of 80 have probability .02


def test_found_where_the_interval_misses():
    """In three columns with kl 1 and 1500 rows a side the interval covers in a fifth."""
    covered, accused = [], []
    for seed in range(12):
        model, found = smoothing(*shifted_gaussians(seed, n=1500, d=3, shift=2 ** 0.5))
        low, high = model.confidence_interval_
        covered.append(low < 1.0 < high)
        accused.append(not found.passed)
    assert np.mean(covered) < 0.6
    assert np.mean(accused) > 0.6


def test_grows_with_the_estimate_not_with_the_units(rng):
    P, Q = rng.normal(size=(80, 3)), rng.normal(size=(80, 3)) + 1
    values = [smoothing(scale * P, scale * Q)[1].value for scale in (1e-3, 1.0, 1e5)]
    assert_allclose(values, values[0], rtol=1e-8)


@pytest.mark.parametrize("settings", [{"n_neighbors": 10}, {"bias_reduced": True}], ids=str)
def test_left_out_where_it_cannot_be_seen(rng, settings):
    """With 20 rows there is no second radius twice as far; in one ball there is no error."""
    model = NearestNeighborDistanceDivergence(**settings)
    model.fit_samples(rng.normal(size=(20, 1)), rng.normal(size=(20, 1)))
    assert "smoothing_bias" not in set(model.diagnostics_["name"])
