"""Each compiled loop of kernel density estimation against its slow twin."""

import math

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from divest import _kernels

loops = _kernels.density

SHAPES = {"gaussian": 0, "exponential": 1, "tophat": 2, "epanechnikov": 2, "biweight": 2,
          "triweight": 2, "linear": 3, "cosine": 4}
POWERS = {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}
WIDE = ("gaussian", "exponential")
COMPACT = tuple(kernel for kernel in SHAPES if kernel not in WIDE)
NOTHING = np.empty(0)
BLOCKS = 512 * 2 + 76  # rows: two whole blocks and a part


def packed(rows, weights=None, local=None, boxed=True):
    """Rows as the loops take them, made in the obvious way."""
    n, d = rows.shape
    w = np.full(n, 1 / n) if weights is None else weights
    b = np.ones(n) if local is None else local
    logs = np.log(w) - d * np.log(b)
    plain_sum = weights is None and local is None
    scales, offsets = NOTHING, NOTHING
    if local is not None:
        scales = b**-2.0
    if not plain_sum:
        offsets = logs.max() - logs
    parts = [slice(i, i + loops.BLOCK) for i in range(0, n, loops.BLOCK)]
    low = np.array([rows[part].min(axis=0) for part in parts]).T
    high = np.array([rows[part].max(axis=0) for part in parts]).T
    if not boxed:
        low = high = np.empty((d, 0))
    least = np.array([scales[part].min() if len(scales) else 1.0 for part in parts])
    lightest = np.array([offsets[part].min() if len(offsets) else 0.0 for part in parts])
    found = loops.Rows(np.ascontiguousarray(rows.T), (rows**2).sum(axis=1), scales, offsets,
                       w * b**-float(d), np.ascontiguousarray(low), np.ascontiguousarray(high),
                       least, lightest)
    return found, logs.max()


def run(kind, kernel, queries, rows, h, columns, weights=None, local=None, skip=None, extra=None,
        boxed=True):
    """State and vectors of `kernel_sums`, and the logarithm of the term with offset 0."""
    m, d = queries.shape
    points, unit = packed(rows, weights, local, boxed)
    factor = (0.5 if kernel == "gaussian" else 1.0) * h**-2.0
    state = np.zeros((m, columns))
    if kind not in (loops.COMPACT, loops.PAIRS):
        state[:, 0] = np.inf
    vectors = np.zeros((m, d if kind == loops.GRADIENT else 0))
    extra = np.array([[float(POWERS.get(kernel, 0)), h**2]]) if extra is None else extra
    skip = np.full(m, -1) if skip is None else skip
    loops.kernel_sums(kind, SHAPES[kernel], queries, points, skip, factor, extra, state, vectors)
    return state, vectors, unit


def sample(rng, n, d, m=6):
    """Rows, and queries: some are rows, some near, one far."""
    rows = rng.normal(size=(n, d))
    if d <= 3:
        rows = rows[np.argsort(rows[:, 0])]
    queries = np.concatenate([rows[:3], 1.5 * rng.normal(size=(m - 4, d)), np.full((1, d), 60.0)])
    return rows, queries


def options(rng, n, weighted, local):
    w = rng.random(n) + 0.1
    return {"weights": w / w.sum() if weighted else None,
            "local": np.exp(0.4 * rng.normal(size=n)) if local else None}


weighted = pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
local = pytest.mark.parametrize("local", [False, True], ids=["one", "local"])
own = pytest.mark.parametrize("own", [False, True], ids=["with", "without"])


def own_rows(queries, own):
    """The first three queries are rows 0, 1, 2."""
    return np.array([0, 1, 2] + [-1] * (len(queries) - 3)) if own else np.full(len(queries), -1)


# ------------------------------------------------------------ the exponential
def relative_errors(u):
    out, work = np.empty_like(u), np.empty_like(u)
    loops.exponentials(u, len(u), 1.0, 0.0, out, work)
    exact = [math.exp(-x) for x in u]
    return np.abs(out / exact - 1)


def test_exponential_over_its_range(rng):
    """Where math.exp is right to an ulp, so is this to its bound."""
    n = plain.smaller(200_000, 4_000)
    assert relative_errors(np.linspace(0, 690, n)).max() < 1e-14
    assert relative_errors(rng.uniform(0, 690, n)).max() < 1e-14
    assert relative_errors(np.geomspace(1e-300, 690, n)).max() < 1e-14
    assert relative_errors(rng.uniform(-30, 0, n)).max() < 1e-14
    assert relative_errors(rng.uniform(-60, 0, 1000)).max() < 1e-14


def test_exponential_near_the_changes_of_its_exponent():
    """Half multiples of log 2, where the rest is largest, and their neighbours."""
    middle = (np.arange(-80, 1980) / 2.0) * math.log(2.0)
    middle = middle[middle <= 690]
    for u in (middle, np.nextafter(middle, -np.inf), np.nextafter(middle, np.inf)):
        assert relative_errors(u).max() < 1e-14


def test_exponential_of_zero_and_beyond_its_range():
    u, out, work = np.array([0.0, -0.0, 690.0, 691.0, 1e6, np.inf]), np.empty(6), np.empty(6)
    loops.exponentials(u, 6, 1.0, 0.0, out, work)
    assert_array_equal(out[:2], 1.0)
    assert_allclose(out[2:], math.exp(-690), rtol=1e-14)


def test_exponential_of_a_line(rng):
    u, out, work = rng.uniform(0, 9, 11), np.full(11, 7.0), np.empty(11)
    loops.exponentials(u, 9, 3.0, 2.5, out, work)
    assert_allclose(out[:9], np.exp(2.5 - 3 * u[:9]), rtol=1e-14)
    assert_array_equal(out[9:], 7.0)


# ------------------------------------------------------------ small loops
@pytest.mark.parametrize("size", [0, 1, 3, 4, 7, 8, 9, 64, 501, 512])
def test_sums_and_minima_of_a_row(rng, size):
    left, right = rng.normal(size=(2, 512))
    left[size:] = -1e9  # must not be read
    assert_allclose(loops.total(left, size), math.fsum(left[:size]), atol=1e-12)
    assert_allclose(loops.inner(left, right, size), math.fsum(left[:size] * right[:size]),
                    atol=1e-12)
    assert loops.smallest(left, size) == min(left[:size], default=np.inf)


def test_minimum_of_infinities():
    assert loops.smallest(np.full(20, np.inf), 20) == np.inf
    assert loops.smallest(np.append(np.full(19, np.inf), 3.0), 20) == 3.0


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 7, 8, 13])
def test_load_and_distances(rng, d):
    rows = rng.normal(size=(loops.BLOCK + 40, d))
    points, _ = packed(rows)
    query, block, out = rng.normal(size=d), np.full((d, loops.BLOCK), 9.0), np.empty(loops.BLOCK)
    for b, expected in enumerate((rows[:loops.BLOCK], rows[loops.BLOCK:])):
        size = loops.load(points, b, block)
        assert size == len(expected)
        assert_array_equal(block[:, :size], expected.T)
        assert_array_equal(block[:, size:], 0.0)
        loops.distances(query, block, size, out)
        assert_allclose(out[:size], cdist(query[None], expected, "sqeuclidean")[0], rtol=1e-13)
        assert_allclose(loops.distance(query, block, 3), ((query - expected[3]) ** 2).sum(),
                        rtol=1e-13)


@pytest.mark.parametrize("d", [2, 12, 30])
def test_products(rng, d):
    """Distances by a matrix product; those that cancel come from the differences."""
    rows = 5 + rng.normal(size=(loops.BLOCK + 60, d))
    queries = np.concatenate([rows[:2] + 1e-9, 5 + rng.normal(size=(5, d))])
    points, _ = packed(rows)
    block, tile = np.empty((d, loops.BLOCK)), np.empty((loops.CHUNK, loops.BLOCK))
    for b, expected in enumerate((rows[:loops.BLOCK], rows[loops.BLOCK:])):
        size = loops.load(points, b, block)
        loops.products(queries, points.squares, b, block, tile)
        assert_allclose(tile[:7, :size], cdist(queries, expected, "sqeuclidean"), rtol=1e-11)


@pytest.mark.parametrize(("shape", "power"), [(0, 1.0), (1, 0.5), (2, 1.0)])
@local
def test_bounds_of_boxes(rng, shape, power, local):
    """The squared distance to a box, in bandwidths; and no row is nearer than its bound."""
    rows = rng.normal(size=(3 * loops.BLOCK, 2))
    rows = rows[np.argsort(rows[:, 0])]
    choice = options(rng, len(rows), local, local)
    points, _ = packed(rows, **choice)
    query, bound = np.array([0.3, 4.0]), np.zeros(3)
    best = loops.box_bounds(query, points, 0.7, shape, bound)
    gaps = np.array([plain.box_gap(query, points.low[:, b], points.high[:, b]) for b in range(3)])
    expected = (0.7 * gaps * points.least) ** power + (points.lightest if shape != 2 else 0.0)
    assert_allclose(bound, expected, rtol=1e-14)
    assert best == np.argmin(expected)
    if shape != 2:
        u = 0.7 * cdist(query[None], rows, "sqeuclidean")[0] * (
            points.scales if local else 1.0)
        u = u**power + (points.offsets if local else 0.0)
        assert (u.reshape(3, -1).min(axis=1) >= bound - 1e-12).all()


def test_too_far():
    extra = np.array([[0.1, 0.5]])
    for kind in (loops.VALUES, loops.MOMENTS, loops.GRADIENT, loops.REFLECTED):
        assert not loops.too_far(kind, loops.CUT + 2.0, np.array([2.0, 1.0]), extra)
        assert loops.too_far(kind, loops.CUT + 2.1, np.array([2.0, 1.0]), extra)
        assert not loops.too_far(kind, 1e9, np.array([np.inf, 0.0]), extra)
    assert loops.too_far(loops.COMPACT, 1.0, np.zeros(3), extra)
    assert not loops.too_far(loops.COMPACT, 0.999, np.zeros(3), extra)
    edge = 4 * loops.CUT * 0.5**2  # of the widest bandwidth
    assert loops.too_far(loops.PAIRS, edge + 0.01, np.zeros(4), extra)
    assert not loops.too_far(loops.PAIRS, edge - 0.01, np.zeros(4), extra)


@pytest.mark.parametrize("shape", [0, 1])
@weighted
@local
def test_exponents(rng, shape, weighted, local):
    rows = rng.normal(size=(loops.BLOCK + 20, 2))
    points, _ = packed(rows, **options(rng, len(rows), weighted, local))
    squares, u = rng.random(20), np.empty(20)
    loops.exponents(shape, points, loops.BLOCK, 20, 5, 0.6, squares, u)
    expected = 0.6 * squares * (points.scales[loops.BLOCK:] if local else 1.0)
    expected = np.sqrt(expected) if shape == 1 else expected
    expected = expected + (points.offsets[loops.BLOCK:] if weighted or local else 0.0)
    expected[5] = np.inf
    assert_allclose(u, expected, rtol=1e-14)


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
def test_rescale(kind):
    state, vector = np.array([9.0, 1.0, 2.0, 3.0, 4.0]), np.array([5.0])
    loops.rescale(kind, -0.5, state, vector)
    one, two, four = (math.exp(-0.5 * k) for k in (1, 2, 4))
    moments, gradient = kind == loops.MOMENTS, kind == loops.GRADIENT
    assert_allclose(state, [9.0, one, 2 * (two if moments else 1), 3 * (four if moments else 1),
                            4 * (one if moments else 1)])
    assert_allclose(vector, 5 * (one if gradient else 1))


def test_a_block_lowers_the_shift(rng):
    """Sums so far follow when a block may have much smaller exponents, and not for a little."""
    points, _ = packed(np.zeros((4, 1)))
    block, work = np.zeros((1, loops.BLOCK)), np.zeros((4, loops.BLOCK))
    for shift, bound, after in ((200.0, 50.0, 50.0), (60.0, 40.0, 60.0)):
        work[0, :4] = [50.0, 51.0, 70.0, 90.0]
        state = np.array([shift, 2.0])
        loops.add_block(loops.VALUES, 0, np.zeros(1), points, 0, bound, 4, block, -1, 1.0,
                        np.zeros((1, 1)), work, state, NOTHING)
        assert state[0] == after
        expected = 2 * math.exp(after - shift) + np.exp(after - np.array([50.0, 51, 70, 90])).sum()
        assert_allclose(state[1], expected, rtol=1e-13)


# ------------------------------------------------------------ all kinds of sums
N = plain.smaller(BLOCKS, 560)


@pytest.mark.parametrize("kernel", WIDE)
@pytest.mark.parametrize("d", [1, 2, 7, 12])
@weighted
@local
@own
def test_values_and_moments(rng, kernel, d, weighted, local, own):
    rows, queries = sample(rng, N, d)
    choice = options(rng, N, weighted, local)
    skip = own_rows(queries, own)
    logs = plain.log_terms(queries, rows, 0.6, kernel, skip=skip, **choice)
    boxed = d <= 2
    state, _, unit = run(loops.VALUES, kernel, queries, rows, 0.6, 2, skip=skip, boxed=boxed,
                         **choice)
    assert_allclose(np.log(state[:, 1]) - state[:, 0] + unit, plain.log_sum(logs), rtol=1e-12)
    state, _, unit = run(loops.MOMENTS, kernel, queries, rows, 0.6, 5, skip=skip, boxed=boxed,
                         **choice)
    expected = plain.sum_moments(logs, cdist(queries, rows, "sqeuclidean"))
    assert_allclose(np.log(state[:, 1]) - state[:, 0] + unit, plain.log_sum(logs), rtol=1e-12)
    found = (state[:, 1] ** 2 / state[:, 2], state[:, 2] ** 2 / state[:, 3],
             state[:, 4] / state[:, 1])
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-9)  # the far query has exponents of some 10,000


@pytest.mark.parametrize("d", [1, 3, 12])
@weighted
@local
def test_gradients(rng, d, weighted, local):
    rows, queries = sample(rng, N, d)
    choice = options(rng, N, weighted, local)
    state, vectors, unit = run(loops.GRADIENT, "gaussian", queries, rows, 0.6, 2, boxed=d < 12,
                               **choice)
    logs = plain.log_terms(queries, rows, 0.6, **choice)
    b = choice["local"] if local else np.ones(N)
    assert_allclose(np.log(state[:, 1]) - state[:, 0] + unit, plain.log_sum(logs), rtol=1e-12)
    assert_allclose(vectors / state[:, 1:] / 0.36,
                    plain.sum_gradient(logs, queries, rows, (0.6 * b) ** -2), rtol=1e-9, atol=1e-9)


EDGES = [np.array([[0, 0.0]]), np.array([[0, 4.0]]), np.array([[0, 0.0], [0, 4.0]]),
         np.array([[0, 0.0], [1, 0.0], [1, 4.0]]), np.array([[1, 4.0]])]


@pytest.mark.parametrize("edges", EDGES, ids=len)
@weighted
@local
def test_reflected(rng, edges, weighted, local):
    rows = 4 * rng.random((N, 2))
    rows = rows[np.argsort(rows[:, 0])]
    queries = np.concatenate([4 * rng.random((5, 2)), [[0.0, 0.0], [4.0, 4.0], [0.0, 4.0]]])
    choice = options(rng, N, weighted, local)
    state, _, unit = run(loops.REFLECTED, "gaussian", queries, rows, 1.0, 2, extra=edges, **choice)
    assert_allclose(np.log(state[:, 1]) - state[:, 0] + unit,
                    plain.reflected_log_sum(queries, rows, edges, **choice), rtol=1e-12)


@pytest.mark.parametrize("kernel", COMPACT)
@weighted
@local
@own
def test_compact(rng, kernel, weighted, local, own):
    rows, queries = sample(rng, N, 2)
    choice = options(rng, N, weighted, local)
    skip = own_rows(queries, own)
    state, _, _ = run(loops.COMPACT, kernel, queries, rows, 0.9, 3, skip=skip, **choice)
    terms = np.exp(plain.log_terms(queries, rows, 0.9, kernel, skip=skip, **choice))
    assert_allclose(state[:, 0], terms.sum(axis=1), rtol=1e-12)
    assert_allclose(state[:, 1], (terms**2).sum(axis=1), rtol=1e-12)
    assert_array_equal(state[:, 2], (terms > 0).sum(axis=1))
    assert_array_equal(state[-1], 0.0)


@pytest.mark.parametrize("d", [1, 2, 12])
@weighted
def test_pairs(rng, d, weighted):
    rows, queries = sample(rng, N, d)
    weights = options(rng, N, True, False)["weights"] if weighted else np.full(N, 1 / N)
    skip, widths = own_rows(queries, True), np.array([0.05, 0.4, 1.5])
    state, _, _ = run(loops.PAIRS, "tophat", queries, rows, 1.0, 6, weights=weights, skip=skip,
                      extra=widths[None], boxed=d < 12)
    wide, narrow = plain.pair_sums(queries, rows, widths, weights, skip)
    assert_allclose(state[:, 0::2].T, wide, rtol=1e-12, atol=math.exp(-loops.CUT))
    assert_allclose(state[:, 1::2].T, narrow, rtol=1e-12, atol=math.exp(-loops.CUT))


POWERS_OF_SHIFT = {"VALUES": [0, 1], "MOMENTS": [0, 1, 2, 4, 1], "GRADIENT": [0, 1],
                   "REFLECTED": [0, 1], "COMPACT": [0, 0, 0], "PAIRS": [0] * 6}
CASES = [(kind, kernel) for kind in ("VALUES", "MOMENTS") for kernel in WIDE]
CASES += [("GRADIENT", "gaussian"), ("REFLECTED", "gaussian"), ("PAIRS", "tophat")]
CASES += [("COMPACT", kernel) for kernel in COMPACT]


@pytest.mark.parametrize(("kind", "kernel"), CASES)
@weighted
@local
def test_the_twin_of_the_whole_loop(rng, kind, kernel, weighted, local):
    """What stands in for the loop where nothing is compiled: the same sums, but for the shift."""
    n, powers = plain.smaller(700, 530), np.array(POWERS_OF_SHIFT[kind], float)
    X = np.sort(rng.uniform(0, 4, size=(n, 2)), axis=0)
    queries = np.concatenate([X[:3], 4 * rng.random((plain.smaller(130, 31), 2))])
    points, _ = packed(X, **options(rng, n, weighted, local and kind != "PAIRS"))
    skip = own_rows(queries, kind != "REFLECTED")
    extra = {"REFLECTED": np.array([[0, 0.0], [0, 4.0], [1, 0.0]]),
             "PAIRS": np.array([[0.1, 0.3, 2.0]]),
             }.get(kind, np.array([[POWERS.get(kernel, 0), 1 / 1.3]]))
    sums, ways = [], []
    for loop in (loops.kernel_sums, plain.fill_kernel_sums):
        state = np.zeros((len(queries), len(powers)))
        state[:, 0] = np.inf if powers.any() else 0.0
        vectors = np.zeros((len(queries), 2 if kind == "GRADIENT" else 0))
        loop(getattr(loops, kind), SHAPES[kernel], queries, points, skip, 1.3, extra.astype(float),
             state, vectors)
        shift = state[:, :1] if powers.any() else np.zeros((len(queries), 1))
        sums.append((state * np.exp(-powers * shift))[:, int(powers.any()):])
        ways.append(vectors * np.exp(-shift))
    assert_allclose(sums[0], sums[1], rtol=1e-11, atol=math.exp(-loops.CUT))
    assert_allclose(ways[0], ways[1], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("kind", "columns"), [(0, 2), (1, 5), (2, 2)])
def test_boxes_leave_out_nothing_that_counts(rng, kind, columns):
    """Rows far apart, in an order in which shifts must come down; far queries, too."""
    n = plain.smaller(400, 200)
    rows = np.sort(np.concatenate([rng.normal(c, 0.2, n) for c in (-40.0, 0.0, 3.0, 40.0)]))
    queries = np.array([[-300.0], [-40.0], [-20.0], [0.1], [1.5], [21.0], [40.0], [1e4]])
    numbers = []
    for boxed in (False, True):
        state, vectors, _ = run(kind, "gaussian", queries, rows[:, None], 0.3, columns, boxed=boxed)
        log_sum = np.log(state[:, 1:]) - state[:, :1] * [1, 2, 4, 1][:columns - 1]
        numbers.append((log_sum, vectors / state[:, 1:2]))
    assert_allclose(numbers[1][0], numbers[0][0], rtol=1e-14, atol=1e-12)
    assert_allclose(numbers[1][1], numbers[0][1], rtol=1e-10, atol=1e-12)


def test_blocks_at_a_distance_are_not_visited():
    """A row of NaN would spoil the sum: its block is never loaded."""
    rows = np.concatenate([np.zeros(loops.BLOCK), np.full(loops.BLOCK, 100.0)])[:, None]
    points, _ = packed(rows)
    points.coordinates[0, -1] = np.nan
    state = np.array([[np.inf, 0.0]])
    loops.kernel_sums(loops.VALUES, 0, np.array([[0.5]]), points, np.array([-1]), 0.5,
                      np.zeros((1, 1)), state, np.zeros((1, 0)))
    assert_allclose(np.log(state[0, 1]) - state[0, 0], math.log(loops.BLOCK) - 0.125, rtol=1e-14)


@pytest.mark.parametrize("m", [1, 31, 32, 33, 65])
def test_chunks_of_queries(rng, m):
    """Every query has its own sum, whatever stands beside it; by products or not."""
    for d in (2, 13):
        rows, queries = rng.normal(size=(40, d)), rng.normal(size=(m, d))
        state, _, unit = run(loops.VALUES, "gaussian", queries, rows, 0.8, 2, boxed=d == 2)
        assert_allclose(np.log(state[:, 1]) - state[:, 0] + unit,
                        plain.log_sum(plain.log_terms(queries, rows, 0.8)), rtol=1e-12)


def test_only_its_own_row():
    """Nothing is left of a sum over one row that is the query."""
    for kernel in WIDE:
        state, _, _ = run(loops.MOMENTS, kernel, np.zeros((1, 1)), np.zeros((1, 1)), 1.0, 5,
                          skip=np.array([0]))
        assert_array_equal(state, [[np.inf, 0, 0, 0, 0]])
