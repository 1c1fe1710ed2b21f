"""Intrinsic dimension: known values, its slow twin, laws, diagnostics, bad input."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from divest import EstimateResult, TrustWarning
from divest.sample_complexity.intrinsic_dimension import intrinsic_dimension

NORMAL = np.random.default_rng(3).normal(size=(300, 2))


def slow_dimension(X, k):
    """Row by row; k - 1 over the mean of the sums."""
    X = np.unique(X, axis=0)
    sums = []
    for x in X:
        T = np.sort(np.sqrt(((X - x) ** 2).sum(axis=1)))[1:k + 1]
        sums.append(sum(np.log(T[-1] / t) for t in T[:-1]))
    return (k - 1) / np.mean(sums)


def failed(result):
    return [d.name for d in result.diagnostics if not d.passed]


def test_known_value():
    """1.733285 is what k - 2 in the place of k - 1 gives, a ninth too low at any n."""
    result = intrinsic_dimension(NORMAL)
    assert isinstance(result, EstimateResult)
    assert_allclose(result.estimate, 1.733285 * 9 / 8, atol=1e-6)
    assert result.n_samples == (300,)
    assert result.bounds == (0, np.inf)
    assert result.diagnostics
    assert not failed(result)


@pytest.mark.parametrize("k", [2, 5, 10])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_agrees_with_its_twin(rng, d, k):
    X = rng.exponential(size=(60, d))
    assert_allclose(intrinsic_dimension(X, k).estimate, slow_dimension(X, k))


@pytest.mark.parametrize("k", [5, 10, 20])
@pytest.mark.parametrize(("d", "columns"), [(1, 1), (2, 2), (2, 6), (3, 3)])
def test_is_the_dimension_for_any_number_of_neighbours(rng, d, columns, k):
    """The spread over the n rows is that of the mean of gamma variables times at most 1.5."""
    n = 4000
    X = rng.random((n, d)) @ np.linalg.qr(rng.normal(size=(columns, columns)))[0][:d]
    error = 1.5 * d / np.sqrt((k - 1) * n)
    edge = 0.02 * d * (k / 10) ** 0.5  # balls near an edge hold too few rows
    assert abs(intrinsic_dimension(X, k).estimate - d) < 3 * error + edge


def test_motions_and_scale_change_nothing(rng):
    estimate = intrinsic_dimension(NORMAL).estimate
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    for image in (NORMAL @ turn + 5, 1e-160 * NORMAL, 1e160 * NORMAL, NORMAL[::-1]):
        assert_allclose(intrinsic_dimension(image).estimate, estimate, rtol=1e-9)


def test_copies_count_once(rng):
    X = rng.normal(size=(200, 2))
    assert_allclose(intrinsic_dimension(np.vstack([X, X[:10]])).estimate,
                    intrinsic_dimension(X).estimate)


def test_containers_are_the_same():
    expected = intrinsic_dimension(NORMAL)
    assert intrinsic_dimension(pd.DataFrame(NORMAL, columns=["a", "b"])) == expected
    assert intrinsic_dimension(NORMAL.tolist()) == expected
    assert intrinsic_dimension(NORMAL[:, 0]) == intrinsic_dimension(NORMAL[:, :1])


def test_error_needs_two_groups_of_rows(rng):
    X = rng.normal(size=(100, 1))
    assert np.isfinite(intrinsic_dimension(X).standard_error)
    assert np.isnan(intrinsic_dimension(X[1:]).standard_error)


def test_interval_covers_the_dimension_of_a_curve(rng):
    angle = rng.uniform(0, 2 * np.pi, 1000)
    result = intrinsic_dimension(np.column_stack([np.cos(angle), np.sin(angle)]))
    assert 0.01 < result.standard_error < 0.03
    assert abs(result.estimate - 1) < 3 * result.standard_error


def test_copies_are_doubtful(rng):
    X = rng.normal(size=(100, 2))
    with pytest.warns(TrustWarning, match="repeated_rows"):
        result = intrinsic_dimension(np.vstack([X, X[:12]]))
    assert failed(result) == ["repeated_rows"]
    assert_allclose(result.diagnostics[0].value, 12 / 112)


def test_dimensions_beyond_the_rows_are_doubtful(rng):
    X = rng.normal(size=(300, 10))
    with pytest.warns(TrustWarning, match="resolvable"):
        result = intrinsic_dimension(X)
    assert failed(result) == ["resolvable"]
    assert 2 * np.log10(300) < result.estimate < 9.5


@pytest.mark.parametrize(("X", "k", "error", "message"), [
    (np.ones((5, 2)), 2, ValueError, "all rows of X are equal"),
    (np.ones((1, 2)), 2, ValueError, "got 1 row"),
    (np.eye(4), 3, ValueError, "equally far"),
    (np.eye(4), 4, ValueError, "below the number of distinct rows, 4, got 4"),
    (NORMAL, 1, ValueError, "n_neighbors must be at least 2, got 1"),
    (NORMAL, 2.5, TypeError, "n_neighbors must be an integer"),
    ([[0.0], [np.nan], [1.0]], 2, ValueError, "NaN"),
])  # fmt: skip
def test_bad_input_is_refused(X, k, error, message):
    with pytest.raises(error, match=message):
        intrinsic_dimension(X, k)
