"""Symmetric divergences: results, diagnostics, input and time."""

import pickle
from time import perf_counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from symmetric_cases import DISTANCES, TRIVIAL, TURNS, pair

from divest import TrustWarning
from divest.divergence.symmetric import (
    symmetric_mmd,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
    symmetry_gain,
)
from divest.divergence.symmetric_tests import group_invariance_test, symmetric_mmd_test
from divest.groups import FiniteGroup, cyclic, sign_flips
from divest.kernels import rbf

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

SHEAR = FiniteGroup([np.eye(2), [[1, 1], [0, -1]]])

SUBSET = FiniteGroup.random_subset(lambda rng: np.diag(rng.choice([-1.0, 1.0], 2)), 3, 0)


# ------------------------------------------------------------ results and diagnostics
@pytest.mark.parametrize("measure", DISTANCES)
def test_result_says_what_was_compared(page, measure):
    result = measure(*page, TURNS)
    assert result.n_samples == (80, 80)
    assert "averaging each over the group" in result.summary()
    assert "group_invariance_test" in result.summary()
    assert result.to_frame()["group_order"].tolist() == [4]
    assert result.confidence_interval()[0] >= 0
    assert pickle.loads(pickle.dumps(result)) == result


def test_units(page):
    assert symmetric_neighbor_divergence(*page, TURNS).in_bits().unit == "bits"
    with pytest.raises(ValueError, match="only a result in nats"):
        symmetric_wasserstein(*page, TURNS).in_bits()


@pytest.mark.filterwarnings("default::divest.TrustWarning")
@pytest.mark.parametrize("measure", [symmetric_wasserstein, symmetric_mmd])
def test_equal_laws_are_doubted_and_distant_ones_are_not(measure):
    P, Q = pair(60, 60)
    with pytest.warns(TrustWarning, match="null_scale"):
        result = measure(P, Q - 0.5, TURNS)
    (diagnostic,) = result.diagnostics
    assert diagnostic.name == "null_scale"
    assert diagnostic.value < 2
    far = measure(P, 3 * Q, TURNS)
    assert far.trusted
    assert far.diagnostics[0].value > 2


@pytest.mark.filterwarnings("default::divest.TrustWarning")
def test_tests_doubt_themselves_where_there_are_few_samples():
    X = pair(3, 1)[0]
    with pytest.warns(TrustWarning, match="distinct_samples = 16 "):
        result = group_invariance_test(X, TURNS, random_state=0)
    assert result.diagnostics[0].threshold == 999
    with pytest.warns(TrustWarning, match="distinct_samples = 1 "):
        assert group_invariance_test(pair(30, 1)[0], TRIVIAL, random_state=0).pvalue == 1.0
    with pytest.warns(TrustWarning, match="distinct_permutations = 20 "):
        symmetric_mmd_test(*pair(3, 3), TURNS, random_state=0)


def test_ties_at_distance_zero_have_no_divergence():
    P = np.repeat(pair(10, 1)[0], 6, axis=0)
    result = symmetric_neighbor_divergence(P, pair(1, 30)[1], TURNS, n_neighbors=3)
    assert np.isnan(result.estimate)
    assert next(d.name for d in result.diagnostics if not d.passed) == "tied_share"


def test_error_needs_a_row_to_spare():
    """Without one of six rows, five are left, and one of these has no fifth neighbour."""
    P, Q = pair(6, 9)
    assert np.isnan(symmetric_neighbor_divergence(P, Q, TRIVIAL).standard_error)
    assert symmetric_neighbor_divergence(P, Q, TURNS).standard_error > 0


def test_integral_of_powers_that_overflows():
    P, Q = pair(20, 20)
    result = symmetric_neighbor_divergence(P, 1e200 * (2 + abs(Q)), TURNS, divergence="renyi(3)")
    assert np.isnan([result.estimate, result.standard_error]).all()
    assert result.diagnostics[-1].name == "power_integral"


@pytest.mark.parametrize("order", [4, 6, 7])
def test_images_on_other_rows_are_ties_too(order):
    """A sample that already holds its images; by most angles these are only nearly on them."""
    P, Q = pair(10, 30)
    result = symmetric_neighbor_divergence(cyclic(order).symmetrize(P), Q, cyclic(order),
                                           n_neighbors=2)
    assert np.isnan(result.estimate)
    assert result.diagnostics[0].name == "tied_share"
    assert not result.diagnostics[0].passed


def test_rows_far_from_the_origin_are_not_ties():
    P, Q = (1e-6 * rows for rows in pair(30, 30))
    near = symmetric_neighbor_divergence(P, Q, TRIVIAL)
    far = symmetric_neighbor_divergence(P + 1e6, Q + 1e6, TRIVIAL)
    assert_allclose(far.estimate, near.estimate, atol=0.05)  # the rows are rounded to 1e-10
    turned = symmetric_neighbor_divergence(P + 1e6, Q + 1e6, TURNS)
    assert turned.estimate == far.estimate  # all images are far away


# ------------------------------------------------------------ input
def test_frames_lists_and_one_column(page):
    P, Q = page
    frame, other = pd.DataFrame(P, columns=["a", "b"]), pd.DataFrame(Q, columns=["a", "b"])
    for measure in DISTANCES:
        expected = measure(P, Q, TURNS)
        assert measure(frame, other[["b", "a"]], TURNS) == expected
        assert measure(pl.DataFrame(frame.to_dict("list")), Q.tolist(), TURNS) == expected
    assert symmetric_wasserstein([1.0, 2.0], [-2.0, -1.0], sign_flips(1)).estimate == 0.0
    assert group_invariance_test(frame, TURNS, random_state=0, n_resamples=19) == \
        group_invariance_test(P, TURNS, random_state=0, n_resamples=19)


@pytest.mark.parametrize("measure", [*DISTANCES, symmetric_mmd_test])
def test_samples_that_are_refused(measure):
    P, Q = pair(20, 20)
    for bad, message in [
        ((P, Q[:, :1]), "same number of columns"),
        ((P[:, :1], Q[:, :1]), "group acts on 2 columns, but the samples have 1"),
        ((P, np.where(Q > 1, np.nan, Q)), "Q contains NaN"),
        ((P[:1], Q[:1]), "at least 2 rows each"),
    ]:
        with pytest.raises(ValueError, match=message):
            measure(*bad, TURNS)
    with pytest.raises(ValueError, match="must not change distances"):
        measure(P, Q, SHEAR)
    with pytest.raises(TypeError, match="group must be a FiniteGroup"):
        measure(P, Q, "rotations")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda P, Q: symmetric_wasserstein(P, Q, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: group_invariance_test(P, SUBSET), ValueError, "must be complete"),
        (lambda P, Q: group_invariance_test(P, SHEAR), ValueError, "must not change distances"),
        (lambda P, Q: group_invariance_test(P[:1], TURNS), ValueError, "at least 2 rows, got 1"),
        (lambda P, Q: group_invariance_test(P, sign_flips(3)), ValueError, "acts on 3 columns"),
        (lambda P, Q: group_invariance_test(P, TURNS, n_resamples=0), ValueError, "n_resamples"),
        (lambda P, Q: symmetric_mmd_test(P, Q, TURNS, n_resamples=0), ValueError, "n_resamples"),
        (lambda P, Q: symmetric_mmd_test(P, Q, TURNS, "gauss"), ValueError, "kernel must be one"),
        (lambda P, Q: symmetric_mmd(P, Q, TURNS, 3), TypeError, "kernel must be a name"),
        (lambda P, Q: symmetric_mmd(P, Q, TURNS, unbiased=2), ValueError, "unbiased must be"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, n_neighbors=0), ValueError,
         "at least 1"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, n_neighbors=20), ValueError,
         "below the rows"),
        (lambda P, Q: symmetric_neighbor_divergence(P, Q, TURNS, divergence="jensen_shannon"),
         ValueError, "does not follow from distances"),
        (lambda P, Q: symmetric_neighbor_divergence(P * [1, 0], Q * [1, 0], TURNS), ValueError,
         r"constant columns: \[1\]"),
        (lambda P, Q: symmetry_gain(P, SHEAR), ValueError, "must not change distances"),
        (lambda P, Q: symmetry_gain(P, SUBSET, "wasserstein"), ValueError, "must be complete"),
        (lambda P, Q: symmetry_gain(P, TURNS, "wasserstein", rbf(1.0)), ValueError,
         "kernel is for measure='mmd'"),
        (lambda P, Q: symmetry_gain(P, TURNS, "kl"), ValueError, "measure must be one of"),
        (lambda P, Q: symmetry_gain(P[:3], TURNS), ValueError, "at least 4 rows, got 3"),
        (lambda P, Q: symmetry_gain(P[:15], TURNS, "wasserstein"), ValueError, "at least 16 rows"),
        (lambda P, Q: symmetry_gain(0 * P, TURNS), ValueError, "no two distinct rows"),
        (lambda P, Q: symmetry_gain(0 * P, TURNS, "wasserstein"), ValueError, "no two distinct"),
    ],
)
def test_arguments_that_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(*pair(20, 20))


# ------------------------------------------------------------ time
@pytest.mark.slow
def test_thousand_rows_take_seconds():
    P, Q = pair(1000, 1000)
    start = perf_counter()
    symmetric_wasserstein(P, Q, TURNS)
    assert perf_counter() - start < 5
