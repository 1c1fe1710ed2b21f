"""Densities on grids: exact sums, error bounds, reach, edges, interpolation and size."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from divest.density import _grid
from divest.density._grid import CUT, FINEST, MOST_CELLS, TAIL, density_grid, grid_density

INF = np.inf
SHAPES = {1: (300,), 2: (40, 31), 3: (17, 12, 9)}


def exact(Q, Z, weights=None):
    """Log sum, and the mean of squares and of fourth powers of distances, per query."""
    log_weights = -np.log(len(Z)) if weights is None else np.log(weights)
    u = Q[:, None] - Z
    logs = log_weights - 0.5 * (u**2).sum(axis=-1) - 0.5 * Z.shape[1] * np.log(2 * np.pi)
    total = logsumexp(logs, axis=1)
    share = np.exp(logs - total[:, None])
    return total, (share * (u**2).sum(axis=-1)).sum(axis=1), (share * (u**4).sum(axis=-1)).sum(1)


def nodes_of(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def exact_grid(Z, axes, weights=None):
    shape = [len(axis) for axis in axes]
    return np.exp(exact(nodes_of(axes), Z, weights)[0]).reshape(shape)


def rows(d, n=200, seed=0):
    return np.random.default_rng(seed).normal(scale=2.0, size=(n, d))


def axes_over(d, low=-9.0, high=9.0):
    return [np.linspace(low - k / 7, high + k / 9, m) for k, m in enumerate(SHAPES[d])]


def step_of(axis, d):
    step = axis[1] - axis[0]
    return step / np.ceil(step / FINEST[d])


# ------------------------------------------------------------ against exact sums
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_error_bound(d, weighted):
    """A relative error of s^2/12 (1 + u^2) per term and axis; rounding is relative to the top."""
    Z, axes = rows(d), axes_over(d)
    weights = np.arange(1.0, 201) / 20_100 if weighted else None
    found = grid_density(Z, weights, axes)
    log_sum, square, _ = exact(nodes_of(axes), Z, weights)
    expected = np.exp(log_sum).reshape(found.shape)
    s = max(step_of(axis, d) for axis in axes)
    bound = (s**2 / 12 * (d + square)).reshape(found.shape) * expected
    assert found.shape == SHAPES[d]
    assert (np.abs(found - expected) < 1.1 * bound + 1e-15 * expected.max()).all()
    assert np.abs(found - expected).max() < s**2 / 30 * expected.max()


@pytest.mark.parametrize("d", [1, 2, 3])
def test_bound_is_reached_by_a_single_row_on_a_node(d):
    """There its whole mass stays, and the kernel is narrower by s^2/6: at 0 by d s^2/12."""
    axes = [np.arange(-4, 5) * FINEST[d]] * d
    found = grid_density(np.zeros((1, d)), None, axes)
    middle = found[(4,) * d] * (2 * np.pi) ** (d / 2)
    assert_allclose(middle, (1 - FINEST[d] ** 2 / 6) ** (-d / 2), rtol=1e-12)


def test_errors_of_many_rows_cancel():
    Z = np.random.default_rng(1).normal(scale=10.0, size=(20_000, 1))
    axis = np.linspace(-50, 50, 201)
    error = np.abs(grid_density(Z, None, [axis]) - exact_grid(Z, [axis])).max()
    assert error < 5e-6 * exact_grid(Z, [axis]).max()
    assert FINEST[1] ** 2 / 12 > 8e-5  # of one row


@pytest.mark.parametrize("step", [0.005, 0.7, 10.0])
def test_fine_and_coarse_axes(step):
    """Steps far below and far above the bandwidth."""
    Z = rows(1, 50)
    axis = step * np.arange(-20, 30.0)
    bound = min(step, FINEST[1]) ** 2 / 12 * 30
    expected = exact_grid(Z, [axis])
    assert_allclose(grid_density(Z, None, [axis]), expected, rtol=bound, atol=1e-15)


def test_one_point_and_two():
    Z = rows(2, 50)
    axes = [np.array([0.3]), np.array([-1.0, 0.5])]
    assert_allclose(grid_density(Z, None, axes), exact_grid(Z, axes), rtol=1e-3)


def test_integrates_to_one():
    Z, axis = rows(1), np.linspace(-20, 20, 400)
    assert_allclose(grid_density(Z, None, [axis]).sum() * (axis[1] - axis[0]), 1.0, rtol=1e-12)


def test_weights_stand_for_repeated_rows(rng):
    Z, counts = rows(2, 30), rng.integers(1, 5, 30)
    axes = axes_over(2)
    found = grid_density(Z, counts / counts.sum(), axes)
    assert_allclose(found, grid_density(np.repeat(Z, counts, axis=0), None, axes), atol=1e-15)


def test_order_of_rows_and_of_axes(rng):
    Z, axes = rows(3), axes_over(3)
    found = grid_density(Z, None, axes)
    assert_allclose(grid_density(rng.permutation(Z), None, axes), found, atol=1e-16)
    turned = grid_density(Z[:, [2, 0, 1]], None, [axes[2], axes[0], axes[1]])
    assert_allclose(turned, found.transpose(2, 0, 1), atol=1e-15)


def test_blocks_make_no_difference(monkeypatch):
    Z, axes = rows(2), axes_over(2)
    found = grid_density(Z, None, axes)
    monkeypatch.setattr(_grid, "_LINES", 1000)
    assert_allclose(grid_density(Z, None, axes), found, atol=1e-16)


# ------------------------------------------------------------ what counts
def test_rows_beyond_the_axis_count_within_reach_only():
    axis = np.linspace(0.0, 3.0, 50)
    near = np.array([[-4.0], [-1.0], [3.5], [7.5]])
    assert_allclose(grid_density(near, None, [axis]), exact_grid(near, [axis]), rtol=4e-3)
    far = np.array([[-CUT - 0.1], [-300.0], [3.1 + CUT], [1e6]])
    assert_array_equal(grid_density(far, None, [axis]), 0.0)
    both = grid_density(np.concatenate([near, far]), None, [axis])
    assert_allclose(both, grid_density(near, None, [axis]) / 2, rtol=1e-12)


def test_rows_out_of_reach_in_one_axis_only():
    Z = np.array([[0.0, 0.0], [0.0, 20.0], [-15.0, 0.0]])
    axes = [np.linspace(-1, 1, 9)] * 2
    assert_allclose(grid_density(Z, None, axes), grid_density(Z[:1], None, axes) / 3, rtol=1e-12)


def test_nothing_wraps_around():
    """A row at one end leaves no trace at the other, nor one outside at the far end."""
    axis = np.linspace(0.0, 40.0, 400)
    for place in (0.0, -3.0, 40.0, 44.0):
        found = grid_density(np.array([[place]]), None, [axis])
        assert found[np.abs(axis - place) > 9].max() < 1e-16
        assert_allclose(found, exact_grid(np.array([[place]]), [axis]), atol=4e-5)


def test_never_negative():
    assert grid_density(rows(2), None, [np.linspace(-30, 30, 99)] * 2).min() == 0.0


# ------------------------------------------------------------ edges
@pytest.mark.parametrize(("low", "high"), [(0.0, INF), (-INF, 3.0), (0.0, 3.0), (0.0, 0.2)])
def test_reflection(low, high):
    axis = np.linspace(max(low, -2.0), min(high, 6.0), 61)
    start, stop = max(low, -11.0), min(high, 15.0)
    Z = start + (stop - start) * np.random.default_rng(2).random((40, 1))
    Z = np.concatenate([Z, [[b] for b in (low, high) if np.isfinite(b)]])
    expected = sum(exact_grid(c, [axis])
                   for c in [Z] + [2 * b - Z for b in (low, high) if np.isfinite(b)])
    found = grid_density(Z, None, [axis], [low], [high])
    assert_allclose(found, expected, rtol=1e-3)


def test_reflection_on_one_of_two_axes():
    Z = np.abs(rows(2, 60))
    axes = [np.linspace(0, 7, 30), np.linspace(-3, 8, 35)]
    mirrored = np.concatenate([Z, Z * [-1, 1]])
    found = grid_density(Z, None, axes, [0.0, -INF], [INF, INF])
    assert_allclose(found, 2 * exact_grid(mirrored, axes), rtol=2e-2)
    assert_allclose(found, 2 * grid_density(mirrored, None, axes), rtol=1e-10)


@pytest.mark.parametrize("width", [1e-3, 1e-9])
def test_a_box_far_narrower_than_the_bandwidth(width):
    """Neither the kernel nor its transform is longer than what is read."""
    Z = width * np.array([[0.2], [0.3], [1.0]])
    top = 3 / np.sqrt(2 * np.pi)
    axis = np.linspace(0, width, 20)
    assert_allclose(grid_density(Z, None, [axis], [0.0], [width]), top, rtol=1e-5)
    values, good = density_grid(Z, None, [0.0], [width]).at(Z)
    assert good.all()
    assert_allclose(values, np.log(top), atol=1e-5)


def test_infinite_edges_change_nothing():
    Z, axes = rows(2), axes_over(2)
    found = grid_density(Z, None, axes, [-INF, -INF], [INF, INF])
    assert_array_equal(found, grid_density(Z, None, axes))


# ------------------------------------------------------------ size
def test_too_many_cells():
    axes = [np.linspace(0, 1000, 30), np.linspace(0, 1000, 20)]
    with pytest.raises(ValueError, match=r"grid_points \(30 x 20\) .* inner grid of 8005 x 8019 "
                                         r"cells.*at most 0.125 bandwidths; at most 4194304"):
        grid_density(np.zeros((1, 2)), None, axes)


def test_the_largest_grid_works():
    axis = np.arange(2**17) * (FINEST[1] * 31)
    assert len(axis) * 31 < MOST_CELLS < len(axis) * 33
    found = grid_density(np.array([[axis[1000]], [axis[-1]]]), None, [axis])
    top = 0.5 / np.sqrt(2 * np.pi)
    assert_allclose(found[[1000, -1]], top, rtol=1e-4)
    assert_allclose(found.sum(), 2 * top * (1 + 1.5 * np.exp(-0.5 * (31 / 32) ** 2)), rtol=0.2)


# ------------------------------------------------------------ interpolation
def interpolation_bound(grid, square, fourth, d):
    s = grid.step.max()
    return s**2 / 12 * (d + square) + s**4 / 100 * (3 * d + fourth)


@pytest.mark.parametrize(("d", "n"), [(1, 1), (1, 300), (2, 1), (2, 300), (3, 1), (3, 300)])
def test_interpolation_error_bound(d, n):
    Z = rows(d, n, seed=d)
    grid = density_grid(Z)
    Q = np.random.default_rng(5).uniform(-12, 12, size=(1500, d))
    values, good = grid.at(Q)
    log_sum, square, fourth = exact(Q, Z)
    error = np.abs(values - log_sum)[good]
    assert (error < interpolation_bound(grid, square, fourth, d)[good]).all()
    assert np.isnan(values[~good]).all()
    top = np.log(grid.least / TAIL)
    clear = np.abs(log_sum - top - np.log(TAIL)) > 0.1
    assert_array_equal(good[clear], (log_sum > top + np.log(TAIL))[clear])
    assert 0.02 < good.mean() < 1


def test_interpolation_of_dense_rows_is_much_better():
    Z = np.random.default_rng(1).normal(scale=8.0, size=(5000, 2))
    Q = Z[:300] + 0.2
    values, good = density_grid(Z).at(Q)
    inner = np.abs(Q).max(axis=1) < 8
    assert good.all()
    assert_allclose(values[inner], exact(Q, Z)[0][inner], atol=2e-4)


@pytest.mark.parametrize(("low", "high"), [(0.0, INF), (-INF, 3.0), (0.0, 3.0), (0.0, 0.5),
                                       (-30.0, 30.0)])
@pytest.mark.parametrize("d", [1, 2])
def test_interpolation_up_to_the_edges(low, high, d):
    """One image per edge, also where the box is so narrow that the density is not flat there."""
    rng = np.random.default_rng(6)
    start, stop = max(low, -9.0), min(high, 9.0)
    Z = rng.normal(size=(50, d))
    Z[:, 0] = start + (stop - start) * rng.random(50)
    Q = rng.normal(size=(200, d))
    Q[:, 0] = rng.choice([start, stop, (start + stop) / 2, start + 0.03 * (stop - start)], 200)
    lows, highs = np.full(d, -INF), np.full(d, INF)
    lows[0], highs[0] = low, high
    images = [Z]
    for b in (low, high):
        if np.isfinite(b):
            images.append(Z.copy())
            images[-1][:, 0] = 2 * b - Z[:, 0]
    images = np.concatenate(images)
    log_sum, square, fourth = exact(Q, images)
    grid = density_grid(Z, None, lows, highs)
    values, good = grid.at(Q)
    expected = log_sum + np.log(len(images) / len(Z))
    bound = interpolation_bound(grid, square, fourth, d)
    assert good.mean() > 0.5
    assert (np.abs(values - expected)[good] < bound[good]).all()


def test_outside_is_not_good():
    Z = np.abs(rows(1))
    grid = density_grid(Z, None, [0.0], [INF])
    values, good = grid.at(np.array([[-1e-9], [0.0], [Z.max() + 20], [1e300]]))
    assert_array_equal(good, [False, True, False, False])
    assert_array_equal(np.isnan(values), ~good)


def test_weights_of_an_interpolated_grid():
    Z, weights = rows(1, 50), np.arange(1.0, 51) / 1275
    Q = np.linspace(-3, 3, 20)[:, None]
    values, good = density_grid(Z, weights).at(Q)
    assert good.all()
    assert_allclose(values, exact(Q, Z, weights)[0], atol=1e-4)


@pytest.mark.parametrize("d", [1, 2])
def test_outliers_are_left_to_exact_sums(d):
    """Rows too far for any grid: it covers the others, and those beyond its ends still count."""
    Z = rows(d, 5000, seed=4)
    Z[:3] = [[1e7], [-1e8], [4e6]]
    grid = density_grid(Z)
    Q = np.concatenate([Z[:50], Z[3:40] + 0.5])
    values, good = grid.at(Q)
    log_sum, square, fourth = exact(Q, Z)
    assert not good[:3].any()
    assert good[3:].mean() > 0.95
    assert (np.abs(values - log_sum) < interpolation_bound(grid, square, fourth, d))[good].all()


def test_rows_cut_off_near_an_edge_still_count():
    """The grid is cut to most of the rows, in three axes; at a near edge it ends there."""
    Z = np.random.default_rng(8).normal(scale=5.0, size=(4000, 3))
    Z[:, 0] = np.abs(Z[:, 0])
    low, high = np.array([0.0, -INF, -INF]), np.full(3, INF)
    grid = density_grid(Z, None, low, high)
    assert grid.low[0] == 0.0
    assert grid.low[1] > Z[:, 1].min() - 3
    Q = np.concatenate([Z[:300], Z[300:400] * [0, 1, 1]])
    values, good = grid.at(Q)
    images = np.concatenate([Z, Z * [-1, 1, 1]])
    log_sum, square, fourth = exact(Q, images)
    error = np.abs(values - log_sum - np.log(2))
    assert good.mean() > 0.9
    assert (error < interpolation_bound(grid, square, fourth, 3))[good].all()


def test_rows_spread_too_far_for_a_grid():
    Z = np.random.default_rng(0).uniform(0, 1e5, size=(100, 2))
    with pytest.raises(ValueError, match=r"algorithm='grid' cannot hold .* Use algorithm='auto'"):
        density_grid(Z)
