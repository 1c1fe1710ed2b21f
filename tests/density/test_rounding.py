"""Rounded columns: the step is found, copies are spread over it, bandwidths hardly notice."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divest import KernelDensity, TrustWarning
from divest.datasets import load_penguins
from divest.density._diagnostics import repeated_rows
from divest.density._rounding import rounding_step, unrounded
from divest.density._selection import select


@pytest.mark.parametrize("step", [1e-8, 0.02, 0.1, 1 / 3, 5.0, 1e12])
@pytest.mark.parametrize("offset", [0.0, 7.1])
def test_step_of_rounded_values(rng, step, offset):
    x = step * (np.round(10 * rng.normal(size=300)) + offset)
    assert_allclose(rounding_step(x), step, rtol=1e-6)


def test_values_without_a_step(rng):
    x = rng.normal(size=100)
    assert rounding_step(x) == 0.0  # no copies
    assert rounding_step(np.r_[x, x]) == np.inf
    assert rounding_step(np.maximum(x, 0)) == np.inf
    assert rounding_step(np.ones(5)) == np.inf


def test_copies_are_spread_evenly_over_the_step():
    rows = np.array([[0.0], [2.0], [0.0], [1.0], [0.0], [0.0]])
    assert_allclose(np.sort(unrounded(rows)[:, 0]), [-0.375, -0.125, 0.125, 0.375, 1.0, 2.0])


def test_columns_that_were_not_rounded_stay(rng):
    rows = np.column_stack([rng.normal(size=200), np.round(rng.normal(size=200), 1),
                            np.repeat(rng.normal(size=100), 2)])
    found = unrounded(rows)
    assert_array_equal(found[:, [0, 2]], rows[:, [0, 2]])
    assert len(np.unique(found[:, 1])) == 200
    assert_allclose(found[:, 1], rows[:, 1], atol=0.05)
    assert unrounded(rows[:, [0, 2]]) is not None
    assert_array_equal(unrounded(rows[:, :1]), rows[:, :1])


def test_order_of_the_rows_does_not_matter(rng):
    rows, order = np.round(rng.normal(size=(200, 2)), 1), rng.permutation(200)
    weights = rng.random(200)
    for given in (None, weights):
        one = unrounded(rows, given)
        two = unrounded(rows[order], None if given is None else given[order])
        assert_array_equal(one[np.lexsort(one.T)], two[np.lexsort(two.T)])


@pytest.mark.parametrize("step", [0.02, 0.1])
@pytest.mark.parametrize(("rule", "d"), [("isj", 1), ("lscv", 1), ("loo_kl", 1), ("lscv", 2)])
def test_rounding_hardly_changes_a_bandwidth(rule, d, step):
    """In the mean of ten samples, whose bandwidths by lscv vary by .3 each: 4 errors of that."""
    tolerance = {"isj": 0.06, "loo_kl": 0.08, "lscv": 0.38 if d == 1 else 0.15}[rule]
    ratios = []
    for seed in range(10):
        Z = np.random.default_rng(seed).normal(size=(400, d))
        smooth = select(rule, Z).bandwidth
        ratios.append(select(rule, step * np.round(Z / step)).bandwidth / smooth)
    assert_allclose(np.mean(ratios), 1.0, atol=tolerance)


def test_rounding_finer_than_the_bandwidth_is_no_tie(rng):
    X = np.round(rng.normal(size=(500, 1)), 1)
    assert repeated_rows(X, np.array([0.25])).value == 0.0
    assert repeated_rows(X, np.array([0.15])).value > 0.8
    assert repeated_rows(np.repeat(X[:100], 5, axis=0) + rng.normal(), np.array([0.01])).value > 0.8


@pytest.mark.parametrize("column", ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"])
def test_penguins_in_whole_tenths_and_millimetres(column):
    X = load_penguins()[[column]].dropna()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # of the shortest tails
        density, silverman = (KernelDensity(bandwidth=b).fit(X) for b in ("auto", "silverman"))
    assert density.diagnostics_.set_index("name").passed["repeated_rows"]
    assert density.bandwidth_[0] < silverman.bandwidth_[0]


# ------------------------------------------------------------ edges
def test_isj_knows_the_edge():
    """Mean squared error of the estimate against that with the bandwidth of the whole line."""
    q = np.linspace(0, 6, 400)[:, None]
    errors = {True: [], False: []}
    for seed in range(40):
        X = np.random.default_rng(seed).exponential(size=(500, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrustWarning)
            h = {True: "isj", False: float(KernelDensity(bandwidth="isj").fit(X).bandwidth_[0])}
            for knows, bandwidth in h.items():
                density = KernelDensity(bandwidth=bandwidth, bounds=(0, None)).fit(X)
                errors[knows].append(np.mean((density.pdf(q) - np.exp(-q[:, 0])) ** 2))
    assert np.mean(errors[True]) < 0.85 * np.mean(errors[False])


def test_edges_far_from_the_rows_change_nothing(rng):
    X = rng.normal(size=(300, 1))
    open_, far = (KernelDensity(bounds=b).fit(X) for b in (None, (-1e6, 1e6)))
    assert_allclose(far.bandwidth_, open_.bandwidth_, rtol=1e-9)


def test_auto_with_edges_in_the_plane_is_loo_kl(rng):
    X = rng.random((200, 2))
    assert KernelDensity(bounds=(0, 1)).fit(X).selector_.rule == "loo_kl"
