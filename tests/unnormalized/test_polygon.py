"""Points along a polygon: on its edge, evenly spaced, usable as a boundary; and wrong input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from divest import KernelSteinTest
from divest.unnormalized import TruncatedSteinEstimator, gaussian_score, polygon_points

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
BENT = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2.0]])  # an L
TRIANGLE = np.array([[-2, -2], [4, -2], [-2, 4.0]])


def distance_to_edge(points, corners):
    """Of each point, to the nearest of the edges."""
    found = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        found.append(np.linalg.norm(points - a - along[:, None] * (b - a), axis=1))
    return np.min(found, axis=0)


def test_known_points():
    half = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]]
    assert_allclose(polygon_points(SQUARE, 8), half, atol=1e-15)
    assert_allclose(polygon_points(SQUARE[::-1], 4), SQUARE[::-1], atol=1e-15)


@pytest.mark.parametrize("corners", [SQUARE, BENT, TRIANGLE, BENT[::-1] / 1000 + 3])
@pytest.mark.parametrize("n", [3, 7, 40, 1000])
def test_points_are_on_the_edge_and_evenly_spaced(corners, n):
    points, size = polygon_points(corners, n), np.ptp(corners)
    assert points.shape == (n, 2)
    assert_allclose(distance_to_edge(points, corners), 0.0, atol=1e-12 * size)
    whole = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1).sum()
    steps = np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1)
    assert steps.max() <= whole / n * (1 + 1e-9)  # a step around a corner is cut short
    assert np.sum(steps < whole / n * (1 - 1e-9)) <= len(corners)


def test_closed_rings_and_repeated_corners_change_nothing():
    points = polygon_points(BENT, 50)
    assert_allclose(polygon_points(np.vstack([BENT, BENT[:1]]), 50), points, atol=1e-14)
    assert_allclose(polygon_points(np.repeat(BENT, 2, axis=0), 50), points, atol=1e-14)
    assert_allclose(polygon_points(BENT.tolist(), 50), points, atol=1e-14)


def test_a_cut_law_is_recovered(rng):
    """The mean of a normal law cut to a triangle, and a test of the true law, 30 times."""
    points, away, kept = polygon_points(TRIANGLE, 64), [], 0
    for run in range(30):
        X = rng.normal(0.5, 1.5, size=(4000, 2))
        X = X[(X > -2).all(axis=1) & (X.sum(axis=1) < 2)][:300]
        found = TruncatedSteinEstimator(gaussian_score(2.25), points).fit(X)
        assert found.diagnostics_["passed"].all()
        away.append((found.coef_ - 0.5) / found.standard_error_)
        test = KernelSteinTest(lambda X: (0.5 - X) / 2.25, boundary_points=points,
                               bandwidth="median", n_resamples=99, random_state=run)
        kept += test.fit(X).pvalue_ > 0.05
    assert np.abs(np.mean(away, axis=0)).max() < 3 / 30**0.5
    assert kept >= 30 - 6  # 1.5 rejections expected, Poisson: 6 or less in 99.9 % of the time


@pytest.mark.parametrize(("vertices", "n", "message"), [
    (SQUARE, 2, "n must be"), (SQUARE, 8.5, "n must be"), (SQUARE[:, :1], 8, "2 columns"),
    (np.ones((4, 3)), 8, "2 columns"), (SQUARE[:2], 8, "at least 3 different corners, got 2"),
    (SQUARE[[0, 1, 0, 1]], 8, "3 different corners, got 2"),
    (SQUARE[[0, 0, 0]], 8, "3 different corners, got 0"),
    ([[0, 0], [0, 1], [0, 5]], 8, "one line"), ([[1, 1], [2, 2], [7, 7]], 8, "one line"),
    ([[0, 0], [1, 0], [np.nan, 1]], 8, "vertices contains NaN"), ("ring", 8, "got 'ring'"),
])
def test_wrong_input(vertices, n, message):
    with pytest.raises((ValueError, TypeError), match=message):
        polygon_points(vertices, n)
