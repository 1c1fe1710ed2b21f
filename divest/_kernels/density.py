"""Compiled sums over the rows of a sample: kernel sums, their moments and gradients, pair sums.

Rows come as a `Rows`, in blocks of ``BLOCK`` that should hold neighbours: a block too far from a
query to change its sum by more than a part in e**45 is left out. Exponential kernels are summed as
``exp(-(u - shift))`` with u = ``factor * scale * |q - z|^2`` (its root for EXPONENTIAL) plus the
offset of the row, and `shift` near the smallest u so far, so that no sum is ever zero.

The file is long as loops that call each other share one: the cache of compiled code does not see
edits elsewhere.
"""

import math
from collections import namedtuple

import numpy as np

from divest._jit import fused_kernel, kernel

BLOCK = 512  # rows worked on together: what is computed of them stays in the nearest cache
CHUNK = 32  # queries that share a pass through the rows
MATRIX_DIMENSION = 12  # from here on distances come from matrix products
CANCELLED = 1e-3  # of the squares: a smaller squared distance is computed again, directly
CUT = 45.0  # exponents this much above the smallest one do not count
SLACK = 30.0  # of the shift: this much above the smallest exponent it need not be lowered
GAUSSIAN, EXPONENTIAL, POWER, LINEAR, COSINE = range(5)
VALUES, MOMENTS, GRADIENT, REFLECTED, COMPACT, PAIRS = range(6)

# coordinates (d, n); squares (n,) of the lengths; scales, offsets (n,) or empty; weights (n,);
# low, high (d, blocks) the boxes of the blocks, no columns for none; least (blocks,) scale of each;
# lightest (blocks,) its smallest offset
Rows = namedtuple("Rows", "coordinates squares scales offsets weights low high least lightest")

_LOG2E, _ROUND = 1.0 / math.log(2.0), 1.5 * 2.0**52
_SMALLEST, _LARGEST = -60.0, 690.0
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
C2, C3, C4, C5, C6, C7, C8, C9, C10, C11 = (1.0 / math.factorial(k) for k in range(2, 12))


@fused_kernel
def exponentials(values, size, factor, shift, out, work):
    """Put exp(-u) into `out`, u = ``values * factor - shift``; relative error below 1e-14.

    It counts as 690 above that, and as -60 below: where u should be 0, fused rounding may leave
    anything if `shift` is large.

    With n the nearest integer to u / log 2, it is 2**-n, added to the bits of the exponent, times a
    polynomial in the rest, which is at most log(2) / 2.
    """
    bits, shifts = out.view(np.int64), work.view(np.int64)
    for j in range(size):
        x = min(max(values[j] * factor - shift, _SMALLEST), _LARGEST)
        t = _ROUND - x * _LOG2E
        n = t - _ROUND
        r = -x - n * _LN2_HIGH - n * _LN2_LOW
        r2 = r * r
        r4 = r2 * r2
        work[j] = t
        out[j] = (((1.0 + r) + r2 * (C2 + r * C3))
                  + r4 * ((C4 + r * C5) + r2 * (C6 + r * C7)
                          + r4 * ((C8 + r * C9) + r2 * (C10 + r * C11))))
    for j in range(size):
        bits[j] += shifts[j] << 52


@kernel
def kernel_sums(kind, shape, queries, rows, skip, factor, extra, state, vectors):
    """Add up the kernel at each query (m, d) over all rows; a query's own row `skip` is left out.

    VALUES      state (m, 2): shift, sum of e
    MOMENTS     state (m, 5): shift, sums of e, e**2, e**4 and of e times the squared distance
    GRADIENT    state (m, 2) as VALUES; vectors (m, d): sums of e times scale times (z - q)
    REFLECTED   state (m, 2) as VALUES, of the kernel folded at edges; `extra` (k, 2): axis, place
    COMPACT     state (m, 3): sum of weight times kernel, of its squares, and how many rows count;
                `extra` (1, 2) is the power of POWER and the squared bandwidth, 1 / `factor`
    PAIRS       state (m, 2 b): for each bandwidth in `extra` (1, b), sums of weight times
                exp(-r^2 / 4h^2), own row included, and of weight times exp(-r^2 / 2h^2) without it

    Sums are without the factor exp(-shift). `state` starts as zeros, shifts as infinity.
    """
    m, (d, n) = queries.shape[0], rows.coordinates.shape
    blocks, boxed = (n + BLOCK - 1) // BLOCK, rows.low.shape[1] > 0
    work, tile = np.zeros((4, BLOCK)), np.empty((CHUNK, BLOCK))
    block, bound = np.empty((d, BLOCK)), np.zeros((CHUNK, blocks))
    done = np.full(CHUNK, -1)
    equal = (kind in (VALUES, MOMENTS) and shape == GAUSSIAN
             and not (len(rows.scales) or len(rows.offsets)))
    squares, e, spare = work[0], work[2], work[3]
    for first in range(0, m, CHUNK):
        last = min(first + CHUNK, m)
        if boxed:
            for i in range(first, last):
                nearest = box_bounds(queries[i], rows, factor, shape, bound[i - first])
                done[i - first] = nearest
                size = load(rows, nearest, block)
                distances(queries[i], block, size, work[0])
                add_block(kind, shape, queries[i], rows, nearest, 0.0, size, block, skip[i],
                          factor, extra, work, state[i], vectors[i])
        for b in range(blocks):
            loaded, size = False, 0
            for i in range(first, last):
                if b == done[i - first] or too_far(kind, bound[i - first, b], state[i], extra):
                    continue
                if not loaded:
                    size, loaded = load(rows, b, block), True
                    if d >= MATRIX_DIMENSION:
                        products(queries[first:last], rows.squares, b, block, tile)
                if d >= MATRIX_DIMENSION:
                    work[0] = tile[i - first]
                else:
                    distances(queries[i], block, size, squares)
                if equal and not 0 <= skip[i] - b * BLOCK < size:
                    add_equal(kind, bound[i - first, b], size, factor, squares, e, spare, state[i],
                              vectors[i])
                else:
                    add_block(kind, shape, queries[i], rows, b, bound[i - first, b], size, block,
                              skip[i], factor, extra, work, state[i], vectors[i])


@kernel
def box_bounds(query, rows, factor, shape, bound):
    """Put the least exponent (squared distance) that a row of each block may have into `bound`.

    Returns the block of the lowest.
    """
    best = 0
    for b in range(len(bound)):
        gap = 0.0
        for k in range(len(query)):
            out = max(max(rows.low[k, b] - query[k], query[k] - rows.high[k, b]), 0.0)
            gap += out * out
        if shape == GAUSSIAN:
            gap = gap * factor * rows.least[b] + rows.lightest[b]
        elif shape == EXPONENTIAL:
            gap = math.sqrt(gap * factor * rows.least[b]) + rows.lightest[b]
        else:
            gap = gap * factor * rows.least[b]
        bound[b] = gap
        if gap < bound[best]:
            best = b
    return best


@kernel
def too_far(kind, bound, state, extra):
    """Whether no row of a block counts."""
    if kind == COMPACT:
        return bound >= 1.0
    if kind == PAIRS:
        return bound > CUT * 4.0 * extra[0, -1] ** 2  # the widest bandwidth is the last
    return bound > state[0] + CUT


@kernel
def load(rows, b, block):
    """Copy the coordinates of a block of rows; returns how many there are."""
    left = b * BLOCK
    size = min(BLOCK, rows.coordinates.shape[1] - left)
    for k in range(block.shape[0]):
        for j in range(size):
            block[k, j] = rows.coordinates[k, left + j]
        for j in range(size, BLOCK):
            block[k, j] = 0.0
    return size


@fused_kernel
def distances(query, block, size, out):
    """Squared distances of one query to the rows of a block; four coordinates at a time."""
    d = len(query)
    first = d % 4
    if first == 1:
        a, p = query[0], block[0]
        for j in range(size):
            out[j] = (p[j] - a) ** 2
    elif first == 2:
        a, b, p, q = query[0], query[1], block[0], block[1]
        for j in range(size):
            out[j] = (p[j] - a) ** 2 + (q[j] - b) ** 2
    elif first == 3:
        a, b, c, p, q, r = query[0], query[1], query[2], block[0], block[1], block[2]
        for j in range(size):
            out[j] = (p[j] - a) ** 2 + (q[j] - b) ** 2 + (r[j] - c) ** 2
    else:
        for j in range(size):
            out[j] = 0.0
    for k in range(first, d, 4):
        a, b, c, e = query[k], query[k + 1], query[k + 2], query[k + 3]
        p, q, r, s = block[k], block[k + 1], block[k + 2], block[k + 3]
        for j in range(size):
            out[j] += (((p[j] - a) ** 2 + (q[j] - b) ** 2)
                       + ((r[j] - c) ** 2 + (s[j] - e) ** 2))


@kernel
def products(queries, squares, b, block, tile):
    """Squared distances of queries to the rows of a block, by one matrix product."""
    m, left = queries.shape[0], b * BLOCK
    size = min(BLOCK, len(squares) - left)
    np.dot(queries, block, tile[:m])
    for i in range(m):
        own, row = np.float64(0.0), tile[i]
        for k in range(queries.shape[1]):
            own += queries[i, k] * queries[i, k]
        for j in range(size):
            row[j] = own + squares[left + j] - 2.0 * row[j]
        for j in range(size):  # small differences of large numbers
            if not row[j] >= CANCELLED * (own + squares[left + j]):  # or a square overflows
                row[j] = distance(queries[i], block, j)


@kernel
def distance(query, block, j):
    """Squared distance of a query to one row of a block."""
    found = np.float64(0.0)
    for k in range(len(query)):
        found += (query[k] - block[k, j]) ** 2
    return found


@kernel
def add_block(kind, shape, query, rows, b, bound, size, block, skip, factor, extra, work, state,
              vector):
    """Add a block of rows, at the squared distances ``work[0]``, to the sums of one query."""
    left = b * BLOCK
    skip = skip - left if left <= skip < left + size else -1
    if kind == COMPACT:
        add_compact(shape, rows, left, size, skip, extra, work, state)
    elif kind == PAIRS:
        add_pairs(rows, left, size, skip, extra[0], work, state)
    else:
        plain = shape == GAUSSIAN and skip < 0 and not (len(rows.scales) or len(rows.offsets))
        if not plain:
            exponents(shape, rows, left, size, skip, factor, work[0], work[1])
        u, multiple = (work[0], factor) if plain else (work[1], 1.0)
        if not terms(kind, bound, size, multiple, u, work[2], work[3], state, vector):
            return
        if kind == MOMENTS:
            add_moments(work[0], work[2], size, state)
        elif kind == GRADIENT:
            add_gradient(query, rows.scales, left, size, block, work, state, vector)
        elif kind == REFLECTED:
            add_reflected(query, rows.scales, left, size, block, factor, extra, work, state)
        else:
            state[1] += total(work[2], size)


@kernel
def add_equal(kind, bound, size, factor, squares, e, spare, state, vector):
    """What `add_block` does for equal Gaussian kernels, with fewer arrays to hand over."""
    if not terms(kind, bound, size, factor, squares, e, spare, state, vector):
        return
    if kind == MOMENTS:
        add_moments(squares, e, size, state)
    else:
        state[1] += total(e, size)


@kernel
def terms(kind, bound, size, multiple, u, e, spare, state, vector):
    """Put the terms of a block into `e`, the shift being lowered before if it is too high for them.

    Returns whether there are any: not where the only row is the query itself.
    """
    if state[0] == np.inf or bound < state[0] - SLACK:
        lowest = smallest(u, size) * multiple
        if lowest == np.inf:
            return False
        if lowest < state[0]:
            rescale(kind, lowest - state[0], state, vector)
            state[0] = lowest
    exponentials(u, size, multiple, state[0], e, spare)
    return True


@kernel
def exponents(shape, rows, left, size, skip, factor, squares, u):
    """Put the exponents of a block into `u`."""
    if len(rows.scales):
        for j in range(size):
            u[j] = squares[j] * (factor * rows.scales[left + j])
    else:
        for j in range(size):
            u[j] = squares[j] * factor
    if shape == EXPONENTIAL:
        for j in range(size):
            u[j] = math.sqrt(u[j])
    if len(rows.offsets):
        for j in range(size):
            u[j] += rows.offsets[left + j]
    if skip >= 0:
        u[skip] = np.inf


@kernel
def rescale(kind, change, state, vector):
    """Let the sums follow a shift that grows by `change`."""
    state[1] *= math.exp(change)
    if kind == MOMENTS:
        state[2] *= math.exp(2.0 * change)
        state[3] *= math.exp(4.0 * change)
        state[4] *= math.exp(change)
    if kind == GRADIENT:
        vector *= math.exp(change)


@kernel
def smallest(u, size):
    """The smallest entry; eight chains, as one would wait for itself."""
    lanes = np.empty(8)
    lanes[:] = np.inf
    whole = size - size % 8
    for j in range(0, whole, 8):
        for k in range(8):
            lanes[k] = u[j + k] if u[j + k] < lanes[k] else lanes[k]
    least = np.inf
    for j in range(whole, size):
        least = min(least, u[j])
    for k in range(8):
        least = min(least, lanes[k])
    return least


@kernel
def total(row, size):
    """The sum of a row; four chains, as one would wait for itself."""
    a = b = c = d = np.float64(0.0)  # of this type without compilation, too
    whole = size - size % 4
    for j in range(0, whole, 4):
        a += row[j]
        b += row[j + 1]
        c += row[j + 2]
        d += row[j + 3]
    for j in range(whole, size):
        a += row[j]
    return (a + b) + (c + d)


@fused_kernel
def inner(left, right, size):
    """The inner product of two rows, in four chains."""
    a = b = c = d = np.float64(0.0)
    whole = size - size % 4
    for j in range(0, whole, 4):
        a += left[j] * right[j]
        b += left[j + 1] * right[j + 1]
        c += left[j + 2] * right[j + 2]
        d += left[j + 3] * right[j + 3]
    for j in range(whole, size):
        a += left[j] * right[j]
    return (a + b) + (c + d)


@kernel
def add_moments(squares, e, size, state):
    """Sums of e, e**2, e**4 and of e times the squared distance; `e` becomes e**2."""
    state[1] += total(e, size)
    state[4] += inner(e, squares, size)
    for j in range(size):
        e[j] *= e[j]
    state[2] += total(e, size)
    state[3] += inner(e, e, size)


@kernel
def add_gradient(query, scales, left, size, block, work, state, vector):
    """Sums of e, and of e times scale times the way from the query to the row."""
    e, part = work[2], work[3]
    state[1] += total(e, size)
    if len(scales):
        for j in range(size):
            e[j] *= scales[left + j]
    for k in range(len(query)):
        for j in range(size):
            part[j] = block[k, j] - query[k]
        vector[k] += inner(e, part, size)


@kernel
def add_reflected(query, scales, left, size, block, factor, edges, work, state):
    """Sum of e times, for each axis with edges, one plus the mirror images' part of its own.

    A row x and its image at the edge b give the query q kernels whose ratio is
    exp(-4 factor scale (x - b) (q - b)).
    """
    product, axis = np.ones(size), -1
    sums, u = np.ones(size), work[1]
    for s in range(edges.shape[0]):
        k, place = int(edges[s, 0]), edges[s, 1]
        if k != axis:
            product *= sums
            sums[:] = 1.0
            axis = k
        gap = 4.0 * factor * (query[k] - place)
        for j in range(size):
            u[j] = gap * (block[k, j] - place)
        if len(scales):
            for j in range(size):
                u[j] *= scales[left + j]
        e = work[0]  # the distances have been used
        exponentials(u, size, 1.0, 0.0, e, work[3])
        for j in range(size):
            sums[j] += e[j]
    product *= sums
    state[1] += inner(work[2], product, size)


@kernel
def add_compact(shape, rows, left, size, skip, extra, work, state):
    """Sums of weight times kernel, of its squares, and of the rows nearer than the bandwidth."""
    u, e = work[0], work[1]
    whole, square = int(extra[0, 0]), extra[0, 1]
    for j in range(size):
        u[j] /= square  # a quotient of equal numbers is 1, on the edge
    if len(rows.scales):
        for j in range(size):
            u[j] *= rows.scales[left + j]
    if skip >= 0:
        u[skip] = np.inf
    for j in range(size):
        e[j] = 1.0 if u[j] < 1.0 else 0.0
    state[2] += total(e, size)
    if shape == POWER:
        for _ in range(whole):
            for j in range(size):
                e[j] = e[j] * (1.0 - u[j]) if u[j] < 1.0 else 0.0
    elif shape == LINEAR:
        for j in range(size):
            e[j] = 1.0 - math.sqrt(u[j]) if u[j] < 1.0 else 0.0
    else:
        for j in range(size):
            e[j] = math.cos(0.5 * math.pi * math.sqrt(u[j])) if u[j] < 1.0 else 0.0
    for j in range(size):
        e[j] *= rows.weights[left + j]
    state[0] += total(e, size)
    state[1] += inner(e, e, size)


@kernel
def add_pairs(rows, left, size, skip, bandwidths, work, state):
    """For each bandwidth, sums of weight times a wide kernel, and times its square."""
    squares, e = work[0], work[2]
    weights = rows.weights[left:left + size]
    least = smallest(squares, size)
    for k in range(len(bandwidths)):
        factor = 0.25 / bandwidths[k] ** 2
        if least * factor > CUT:
            continue
        exponentials(squares, size, factor, 0.0, e, work[3])
        state[2 * k] += inner(e, weights, size)
        for j in range(size):
            e[j] *= e[j]
        if skip >= 0:
            e[skip] = 0.0
        state[2 * k + 1] += inner(e, weights, size)
