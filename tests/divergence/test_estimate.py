"""estimate_divergence: the estimators' numbers, options, frames and errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from divest import (
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    TrustWarning,
    estimate_divergence,
)
from divest.generators import hellinger

CLASSES = {"nearest_neighbor_ratio": NearestNeighborRatioDivergence,
           "nearest_neighbor_distance": NearestNeighborDistanceDivergence}


def shown(result):
    """All that a result holds, as text: NaN thresholds are not equal to themselves."""
    return str(result), list(map(str, result.diagnostics))


@pytest.fixture
def samples(rng):
    return rng.normal(size=(60, 2)) + [0.8, 0.0], rng.normal(size=(80, 2))


@pytest.mark.parametrize("method", CLASSES)
def test_is_the_result_of_the_estimator(samples, method):
    result = estimate_divergence(*samples, "renyi(0.5)", method=method, n_neighbors=30,
                                 standardize="std", confidence_level=0.9)
    model = CLASSES[method]("renyi(0.5)", n_neighbors=30, standardize="std", confidence_level=0.9)
    assert shown(result) == shown(model.fit_samples(*samples).result_)
    assert result.confidence_level == 0.9
    assert result.n_samples == (60, 80)


def test_kl_by_ratios_is_the_default(samples):
    model = NearestNeighborRatioDivergence().fit_samples(*samples)
    assert shown(estimate_divergence(*samples)) == shown(model.result_)


def test_lists_columns_and_generators_are_taken(samples):
    P, Q = samples
    expected = estimate_divergence(P, Q, "hellinger").estimate
    assert estimate_divergence(P.tolist(), Q.tolist(), hellinger()).estimate == expected
    one = estimate_divergence(P[:, 0], Q[:, 0]).estimate
    assert estimate_divergence(P[:, [0]], Q[:, [0]]).estimate == one


def test_frames_are_matched_by_name(samples):
    P, Q = (pd.DataFrame(sample, columns=["a", "b"]) for sample in samples)
    expected = estimate_divergence(*samples).estimate
    assert estimate_divergence(P, Q[["b", "a"]]).estimate == expected
    assert estimate_divergence(pl.from_pandas(P), pl.from_pandas(Q)).estimate == expected
    with pytest.raises(ValueError, match=r"only in P: \['b'\], only in Q: \['c'\]"):
        estimate_divergence(P, Q.rename(columns={"b": "c"}))


def test_unknown_options_and_methods_name_the_known(samples):
    with pytest.raises(TypeError, match="has no option bandwidth; its options are clip, density"):
        estimate_divergence(*samples, bandwidth=1.0)
    with pytest.raises(TypeError, match="nearest_neighbor_distance has no option ensemble"):
        estimate_divergence(*samples, method="nearest_neighbor_distance", ensemble=None)
    with pytest.raises(ValueError, match="method must be one of 'nearest_neighbor_ratio'"):
        estimate_divergence(*samples, method="histogram")


def test_a_doubtful_number_warns_at_the_callers_line(samples):
    P, Q = samples
    with pytest.warns(TrustWarning, match="reference_mass") as caught:
        result = estimate_divergence(P + 9.0, Q)
    assert caught[0].filename == __file__
    assert not result.trusted
    assert np.isfinite(result.estimate)
