"""Each compiled loop of the Stein kernels against its slow twin, and what the kernels must obey."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from divest import _kernels
from divest.kernels import imq, log_inverse, matern32, matern52, rbf

loops = _kernels.stein

PLAIN = [rbf(0.8), imq(bandwidth=1.3), imq(-0.3, 0.7, 1.4), matern32(0.9), matern52(1.2),
         log_inverse(1.5, 0.8)]
EVERY = [*PLAIN, rbf(0.5) + matern32(2.0) + imq(-0.25, 1.0)]
every = pytest.mark.parametrize("kernel", EVERY, ids=str)
weights = pytest.mark.parametrize("parts", [2, 3], ids=["plain", "weighted"])


def pack(*parts):
    """Rows X, scores S, and where there are some weights, as the loops take them."""
    return np.ascontiguousarray(np.stack([part.T for part in parts]))


def random_points(rng, n, d, parts):
    """The first row stands twice: distance 0 off the diagonal."""
    points = rng.normal(size=(parts, d, n))
    points[:, :, -1] = points[:, :, 0]
    if parts == 3:
        points[2] = np.abs(points[2])
    return points


def twin(kernel, points, others=None):
    """The dense matrix of the slow twin."""
    rows = [part.T for part in points]
    columns = rows if others is None else [part.T for part in others]
    if len(rows) == 2:
        return plain.stein_matrix(kernel, *rows, *columns)
    return plain.weighted_stein_matrix(kernel, *rows, *columns)


def assert_near(found, expected, scale, tolerance=1e-12):
    assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(scale).max())


# ------------------------------------------------------------ against the twins
@every
@weights
@pytest.mark.parametrize("d", [1, 2, 4, 7])
def test_cross(kernel, parts, d, rng):
    points, others = random_points(rng, 9, d, parts), random_points(rng, 12, d, parts)
    others[:, :, 3] = points[:, :, 2]
    expected = twin(kernel, points, others)
    assert_near(loops.stein_cross(points, others, *kernel.loop_arguments()), expected, expected)


@every
@weights
def test_tile(kernel, parts, rng):
    points, others = random_points(rng, 11, 3, parts), random_points(rng, 20, 3, parts)
    expected, found = twin(kernel, points, others), np.full((6, 9), np.nan)
    loops.stein_tile(points, others, 4, 10, *kernel.loop_arguments(), found)
    assert_near(found, expected[4:10, 10:19], expected)


def all_sums(points, families, parameters, side):
    """The loops put together: the sum off the diagonal, the diagonal, and sums of the rows."""
    n = points.shape[2]
    corners, diagonal = loops.tile_corners(n, side), np.empty(n)
    partial = np.zeros((len(corners), 2, side))
    loops.tile_sums(points, families, parameters, corners, partial, diagonal)
    rows = loops.add_tiles(corners, partial, n)
    return rows.sum(), diagonal, rows


@every
@weights
def test_diagonal(kernel, parts, rng):
    """phi(0) |s|^2 - 2 d phi'(0), and with weights |a|^2 and |w|^2 in the place of |s|^2 and d."""
    points = random_points(rng, 8, 5, parts)
    phi, slope, _ = kernel.profile(0.0)
    squares = (points**2).sum(axis=1)
    expected = phi * squares[1] - 2 * slope * (5 if parts == 2 else squares[2])
    arguments = kernel.loop_arguments()
    assert_near(all_sums(points, *arguments, 3)[1], expected, expected)
    assert_near(np.diag(loops.stein_cross(points, points, *arguments)), expected, expected)


@every
@weights
@pytest.mark.parametrize("side", [4, 10, 64])
def test_sums(kernel, parts, side, rng):
    points = random_points(rng, 23, 3, parts)
    matrix = twin(kernel, points)
    found = all_sums(points, *kernel.loop_arguments(), side)
    total, diagonal, rows = plain.stein_sums(matrix)
    assert_near(found[0], total, len(matrix) * matrix)
    assert_near(found[1], diagonal, matrix)
    assert_near(found[2], rows, matrix)


@weights
@pytest.mark.parametrize("extra", [0, 1, 7])
def test_more_than_one_block_of_columns(parts, extra, rng):
    n = loops.BLOCK + extra
    points, kernel = random_points(rng, n, 2, parts), imq(bandwidth=1.0)
    matrix = twin(kernel, points)
    assert_near(loops.stein_cross(points, points, *kernel.loop_arguments()), matrix, matrix)
    total, _, rows = all_sums(points, *kernel.loop_arguments(), loops.SIDE)
    assert_near(total, plain.stein_sums(matrix)[0], n * matrix)
    assert_near(rows, plain.stein_sums(matrix)[2], n * matrix)


@weights
def test_parts_of_tiles(parts, rng):
    """What each tile gives, in any split of the tiles; and the same bits in any split."""
    points, kernel = random_points(rng, 22, 3, parts), matern52(1.0)
    matrix, arguments = twin(kernel, points), kernel.loop_arguments()
    expected = plain.stein_tiles(matrix, 6)
    corners = loops.tile_corners(22, 6)
    assert_array_equal(corners, [corner for corner, _ in expected])
    partial, diagonal = np.zeros((len(corners), 2, 6)), np.empty(22)
    loops.tile_sums(points, *arguments, corners, partial, diagonal)
    assert_near(partial, [sums for _, sums in expected], matrix)
    assert_near(diagonal, np.diag(matrix), matrix)
    again, also = np.zeros_like(partial), np.full(22, np.nan)
    for some in (slice(7, None), slice(0, 3), slice(3, 7)):
        loops.tile_sums(points, *arguments, corners[some], again[some], also)
    assert_array_equal(again, partial)
    assert_array_equal(also, diagonal)
    _, same, rows = all_sums(points, *arguments, 6)
    assert_array_equal(rows, loops.add_tiles(corners, partial, 22))
    assert_array_equal(same, diagonal)


@every
@weights
def test_single_precision(kernel, parts, rng):
    """Arithmetic in single precision, sums in double."""
    points = random_points(rng, 21, 6, parts)
    single, arguments = points.astype(np.float32), kernel.loop_arguments(np.float32)
    matrix = twin(kernel, points)
    found = np.empty((21, 21), np.float32)
    loops.stein_tile(single, single, 0, 0, *arguments, found)
    assert_near(found, matrix, matrix, 1e-5)
    corners, diagonal = loops.tile_corners(21, 8), np.empty(21)
    partial = np.zeros((len(corners), 2, 8))
    loops.tile_sums(single, *arguments, corners, partial, diagonal)
    rows = loops.add_tiles(corners, partial, 21)
    expected = plain.stein_sums(matrix)
    assert_near(diagonal, expected[1], matrix, 1e-5)
    assert_near(rows, expected[2], matrix, 1e-5)
    assert_near(rows.sum(), expected[0], 21 * matrix, 1e-5)


def test_sums_of_single_precision_are_double(rng):
    """Adding up in single precision would miss this tolerance by far."""
    single = random_points(rng, plain.smaller(500, 40), 2, 2).astype(np.float32)
    n, arguments = single.shape[2], imq(bandwidth=1.0).loop_arguments(np.float32)
    matrix = np.empty((n, n), np.float32)
    loops.stein_tile(single, single, 0, 0, *arguments, matrix)
    corners, diagonal = loops.tile_corners(n, 1024), np.empty(n)
    partial = np.zeros((len(corners), 2, 1024))
    loops.tile_sums(single, *arguments, corners, partial, diagonal)
    below = np.tril(matrix.astype(np.float64), -1)
    assert_near(partial[0, 0, :n], below.sum(axis=1), n * matrix, 1e-15)
    assert_near(partial[0, 1, :n], below.sum(axis=0), n * matrix, 1e-15)


def test_one_point():
    arguments = imq(bandwidth=1).loop_arguments()
    total, diagonal, rows = all_sums(np.ones((2, 3, 1)), *arguments, 4)
    assert total == 0
    assert_array_equal(rows, [0])
    assert_allclose(diagonal, [6])  # |s|^2 + d


# ------------------------------------------------------------ known values and laws
@pytest.mark.parametrize(
    ("kernel", "u", "v"),
    [
        (rbf(1), 0.314784773986615, 0.711167016870932),
        (imq(bandwidth=1), 0.198241283348509, 0.614047441339177),
        (matern32(1), 0.331745704587083, 1.39196779237132),
    ],
    ids=str,
)  # fmt: skip
def test_six_points(kernel, u, v):
    X = np.arange(12).reshape(6, 2) / 7 - 0.5
    X[3] *= -1.3
    total, diagonal, rows = all_sums(pack(X, -X), *kernel.loop_arguments(), 4)
    assert_allclose(total / 30, u, rtol=1e-10)
    assert_allclose((total + diagonal.sum()) / 36, v, rtol=1e-10)
    assert_allclose(rows.sum(), total, rtol=1e-14)


@every
def test_differences_only(kernel, rng):
    """Moving all rows changes nothing; turning rows and scores changes nothing."""
    X, S = rng.normal(size=(2, 12, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    arguments = kernel.loop_arguments()
    expected = loops.stein_cross(pack(X, S), pack(X, S), *arguments)
    for moved in (pack(X + [3.0, -20.0, 7.0], S), pack(X @ turn, S @ turn)):
        assert_near(loops.stein_cross(moved, moved, *arguments), expected, expected, 1e-10)


@every
def test_symmetric_and_positive(kernel, rng):
    """h of a pair is that of the pair swapped; no matrix of it has a negative eigenvalue."""
    points = pack(*rng.normal(size=(2, 15, 4)))
    matrix = loops.stein_cross(points, points, *kernel.loop_arguments())
    assert_near(matrix, matrix.T, matrix)
    assert np.linalg.eigvalsh(matrix).min() > -1e-10 * matrix.max()
    assert np.abs(matrix).max() == np.diag(matrix).max()


@every
def test_unit_weights_change_nothing(kernel, rng):
    X, S = rng.normal(size=(2, 17, 3))
    for n in (1, 17):
        points, weighted = pack(X[:n], S[:n]), pack(X[:n], S[:n], np.ones((n, 3)))
        arguments = kernel.loop_arguments()
        expected = loops.stein_cross(points, points, *arguments)
        assert_near(loops.stein_cross(weighted, weighted, *arguments), expected, expected)
        sums = all_sums(points, *arguments, 6)
        for one, other in zip(all_sums(weighted, *arguments, 6), sums, strict=True):
            assert_near(one, other, n**2 * expected)


@every
def test_one_weight_is_a_tilt(kernel, rng):
    """The same weight in all coordinates: w_x w_y h, with the score of the tilted density."""
    X, S = rng.normal(size=(2, 14, 3))
    w = rng.uniform(0.1, 2, size=(14, 1))
    arguments = kernel.loop_arguments()
    expected = w * w.T * loops.stein_cross(pack(X, S), pack(X, S), *arguments)
    points = pack(X, w * S, np.repeat(w, 3, axis=1))
    assert_near(loops.stein_cross(points, points, *arguments), expected, expected)


def test_weights_by_differences(rng):
    """Sum over coordinates of (a_x + w_x d/dx) (a_y + w_y d/dy) k."""
    kernel, move = matern52(1.1), 1e-4 * np.eye(3)

    def k(x, y):
        return float(kernel.profile((x - y) @ (x - y))[0])

    for x, y, a, b, w, v in rng.normal(size=(6, 6, 3)):
        h = (a @ b) * k(x, y)
        for i in range(3):
            e = move[i]
            h += a[i] * v[i] * (k(x, y + e) - k(x, y - e)) / 2e-4
            h += b[i] * w[i] * (k(x + e, y) - k(x - e, y)) / 2e-4
            h += w[i] * v[i] * (k(x + e, y + e) - k(x + e, y - e) - k(x - e, y + e)
                                + k(x - e, y - e)) / 4e-8
        found = loops.stein_cross(pack(x[None], a[None], w[None]), pack(y[None], b[None], v[None]),
                                  *kernel.loop_arguments())
        assert_allclose(found, [[h]], rtol=1e-6, atol=1e-6)


@every
def test_terms_add_up(kernel, rng):
    points = pack(*rng.normal(size=(2, 10, 2)))
    parts = [loops.stein_cross(points, points, *term.loop_arguments()) for term in kernel.terms]
    found = loops.stein_cross(points, points, *kernel.loop_arguments())
    assert_near(found, np.sum(parts, axis=0), found)


@every
def test_stein_identity(kernel):
    """E h(x, y) = 0 over x from the model, for each y; a Gauss-Hermite sum in place of the mean."""
    nodes, mass = np.polynomial.hermite_e.hermegauss(120)
    X, Y = nodes[:, None], np.linspace(-2, 2, 5)[:, None]
    H = loops.stein_cross(pack(Y, -Y), pack(X, -X), *kernel.loop_arguments())
    rough = 1e-2 if "matern32" in str(kernel) else 2e-3  # the sum is exact for polynomials only
    assert_near(H @ mass / mass.sum(), 0.0, H, rough)


# ------------------------------------------------------------ the twins that stand in for the loops
@every
@weights
def test_twins_take_the_arguments_of_the_loops(kernel, parts, rng):
    points, arguments = random_points(rng, 23, 3, parts), kernel.loop_arguments()
    found, expected = np.empty((5, 7)), np.empty((5, 7))
    loops.stein_tile(points, points, 4, 9, *arguments, expected)
    plain.fill_tile(points, points, 4, 9, *arguments, found)
    assert_near(found, expected, expected)
    assert_near(plain.fill_cross(points, points, *arguments),
                loops.stein_cross(points, points, *arguments), expected)
    corners = loops.tile_corners(23, 8)
    sums = [np.zeros((len(corners), 2, 8)) for _ in range(2)]
    diagonals = [np.zeros(23) for _ in range(2)]
    loops.tile_sums(points, *arguments, corners, sums[0], diagonals[0])
    plain.fill_sums(points, *arguments, corners, sums[1], diagonals[1])
    assert_near(sums[1], sums[0], sums[0])
    assert_near(diagonals[1], diagonals[0], diagonals[0])
