"""Diagnostics of the neighbour graph: their values by hand, their limits, and when they appear."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose

from divest.divergence._diagnostics import (
    graph_diagnostics,
    resolution_diagnostic,
    saturated_share,
    shift_diagnostic,
)
from divest.divergence._graph import LabelledGraph
from divest.generators import resolve_generator

KS = np.array([3, 10, 20])
FROM_Q = ["kl", "chi_square", "renyi(0.5)", "renyi(2)", "tsallis(3)", "power(0.5)", "power(2)",
          "bhattacharyya"]
FROM_P = ["reverse_kl", "neyman_chi_square", "power(-1)"]
BOUNDED = ["hellinger", "jensen_shannon", "le_cam", "total_variation"]


@pytest.fixture(params=["continuous", "tenths", "atoms", "apart"])
def case(request, rng):
    Z, is_p = rng.normal(size=(140, 2)), np.arange(140) < 60
    Z[is_p] += 6 if request.param == "apart" else 0.8
    rows = {"tenths": np.round(Z, 1), "atoms": np.clip(np.round(Z), -1, 1)}.get(request.param, Z)
    return LabelledGraph(rows, is_p, KS), plain.distances_within(rows), is_p


def found(graph, name="hellinger", dimension=2, weights=(0.5, 0.5, 0.0)):
    diagnostics = graph_diagnostics(graph, resolve_generator(name), dimension, np.array(weights))
    return {diagnostic.name: diagnostic for diagnostic in diagnostics}


def mean_ratio(matrix, is_p, k):
    """Mean over Q-rows of the debiased ratio, at one k."""
    n, m = is_p.sum(), (~is_p).sum()
    C, K = (count[~is_p] for count in plain.labelled_counts(matrix, is_p, k))
    return np.mean((m - 1) / n * C / (K - C + 1))


def test_saturated_share_counts_one_sided_balls(case):
    graph, matrix, is_p = case
    for b, k in enumerate(KS):
        C, K = plain.labelled_counts(matrix, is_p, k)
        expected = np.mean(np.where(is_p, C == K, C == 0))
        assert_allclose(saturated_share(graph)[b], expected)
    last = found(graph)["saturated_share"]
    assert last.value == saturated_share(graph)[-1]
    assert last.passed == (last.value <= 0.02)


@pytest.mark.parametrize("name", FROM_Q)
def test_reference_mass_is_what_the_rows_of_q_see(case, name):
    graph, matrix, is_p = case
    mass = found(graph, name)["reference_mass"]
    assert_allclose(mass.value, mean_ratio(matrix, is_p, KS[0]), rtol=1e-12)
    assert mass.passed == (mass.value >= 0.7)


@pytest.mark.parametrize("name", FROM_P)
def test_reference_mass_is_what_the_rows_of_p_see(case, name):
    graph, matrix, is_p = case
    expected = mean_ratio(matrix, ~is_p, KS[0])
    assert_allclose(found(graph, name)["reference_mass"].value, expected, rtol=1e-12)


def test_jeffreys_takes_the_smaller_mass(case):
    graph, matrix, is_p = case
    expected = min(mean_ratio(matrix, is_p, KS[0]), mean_ratio(matrix, ~is_p, KS[0]))
    assert_allclose(found(graph, "jeffreys")["reference_mass"].value, expected, rtol=1e-12)


@pytest.mark.parametrize("name", BOUNDED)
def test_bounded_divergences_need_no_mass(case, name):
    assert "reference_mass" not in found(case[0], name)


def test_tied_share_is_reported_only(case):
    graph, matrix, is_p = case
    tied = np.zeros(140, bool)
    for k in KS:
        tied |= plain.labelled_counts(matrix, is_p, k)[1] > k
    share = found(graph)["tied_share"]
    assert_allclose(share.value, tied.mean())
    assert share.passed
    assert np.isnan(share.threshold)


@pytest.mark.parametrize(("n_p", "n_q", "d", "value"), [
    (500, 900, 2, 500 ** (2 / 3)), (900, 500, 4, 500**0.5), (100, 100, 4, 10.0),
    (99, 500, 4, 99**0.5),
])
def test_resolution(n_p, n_q, d, value):
    resolution = resolution_diagnostic(n_p, n_q, d)
    assert_allclose(resolution.value, value)
    assert resolution.passed == (value >= 10)


def test_resolution_takes_the_given_dimension(case):
    assert_allclose(found(case[0], dimension=6)["resolution"].value, 60**0.4)


@pytest.mark.parametrize(("weights", "passed"), [((6, 8, 0), True), ((6, 8, 1), False)])
def test_weight_norm(case, weights, passed):
    norm = found(case[0], weights=weights)["weight_norm"]
    assert_allclose(norm.value, np.linalg.norm(weights))
    assert norm.passed is passed


@pytest.mark.parametrize(("shift", "error", "value"), [
    (0.2, 0.1, 2.0), (-0.2, 0.1, 2.0), (0.21, 0.1, 2.1), (0.0, 0.0, 0.0), (0.1, 0.0, np.inf),
    (1e-13, 0.0, 0.0), (1e-13, 1e-15, 0.0), (-1e-9, 1e-10, 10.0),  # rounding is no shift
])
def test_extrapolation_shift(shift, error, value):
    diagnostic = shift_diagnostic(shift, error, scale=0.5)
    assert_allclose(diagnostic.value, value)
    assert diagnostic.passed is (value <= 2)


def test_a_shift_that_cannot_be_judged_does_not_pass():
    assert not shift_diagnostic(np.nan, 0.1, 1.0).passed
    assert not shift_diagnostic(0.1, np.nan, 1.0).passed


def test_samples_far_apart_are_reported():
    rows, is_p = np.arange(80.0)[:, None], np.arange(80) < 40
    rows[is_p] += 1e4
    diagnostics = found(LabelledGraph(rows, is_p, np.array([5])), "kl", weights=(1.0,))
    assert diagnostics["saturated_share"].value == 1.0
    assert diagnostics["reference_mass"].value == 0.0
    for name in ("saturated_share", "reference_mass"):
        assert not diagnostics[name].passed
        assert "lower bound only" in diagnostics[name].advice


def test_every_diagnostic_advises(case):
    assert all(len(diagnostic.advice) > 20 for diagnostic in found(case[0], "kl").values())
