"""Compiled loops over pairs of points: tiles and sums of Stein kernels.

All take `points`, a C-contiguous array (2, d, n) of the coordinates x and the scores s, or
(3, d, n) of x, ``a = w (s + grad log w)`` and w, where each coordinate of the test function has a
weight w. With k(x, y) = phi(u), u = |x - y|^2, the Stein kernel of two points is

    h = phi p + 2 phi' b - 4 phi'' u r
    p = s_x . s_y    b = (x - y) . (s_y - s_x) - d    r = 1
    p = a_x . a_y    b = sum (x - y) (w_x a_y - a_x w_y) - w_x w_y    r = sum w_x w_y (x - y)^2 / u

Coordinates should be centred. `families` and `parameters` are those of `Kernel.loop_arguments`;
`parameters` has the type of `points`, which is that of the arithmetic. Sums are float64.
"""

import math

import numpy as np

from divest._jit import kernel

BLOCK = 256  # columns worked on together: these, and what is computed of them, stay in the cache
SIDE = 1024  # of square tiles
RBF, IMQ_HALF, IMQ, MATERN32, MATERN52, LOG_INVERSE = range(6)  # as kernels.py numbers them


@kernel
def stein_tile(points, others, first, start, families, parameters, out):
    """Stein kernel of points ``first, first + 1, ...`` with others ``start, start + 1, ...``."""
    block, here, work = scratch(points)
    row = work[4]
    for left in range(0, out.shape[1], BLOCK):
        size = min(BLOCK, out.shape[1] - left)
        load(others, start + left, size, block)
        for i in range(out.shape[0]):
            stein_row(points, first + i, block, size, families, parameters, here, work)
            for j in range(size):
                out[i, left + j] = row[j]


@kernel
def stein_cross(points, others, families, parameters):
    """Stein kernel of all points with all others, (n, m)."""
    out = np.empty((points.shape[2], others.shape[2]), points.dtype)
    zero = np.int64(0)  # for a plain 0, numba compiles the tile once more
    stein_tile(points, others, zero, zero, families, parameters, out)
    return out


@kernel
def tile_corners(n, side):
    """First row and column of each square tile of the upper triangle, row by row."""
    blocks = (n + side - 1) // side
    corners = np.empty((blocks * (blocks + 1) // 2, 2), np.int64)
    t = 0
    for i in range(blocks):
        for j in range(i, blocks):
            corners[t, 0], corners[t, 1] = i * side, j * side
            t += 1
    return corners


@kernel
def tile_sums(points, families, parameters, corners, partial, diagonal):
    """Add to `partial` (tiles, 2, side) what each tile gives to the sums of its rows and columns.

    Of tiles on the diagonal, the pairs i > j count, and their h of each point with itself is put
    into `diagonal` (n,). Any split of the tiles gives the same numbers.
    """
    n, side = points.shape[2], partial.shape[2]
    block, here, work = scratch(points)
    for t in range(corners.shape[0]):
        first, start = corners[t, 0], corners[t, 1]
        stop = min(start + side, n)
        for left in range(start, stop, BLOCK):
            width = min(BLOCK, stop - left)
            load(points, left, width, block)
            for i in range(max(first, left) if first == start else first, min(first + side, n)):
                before = i - left if first == start else width  # columns that count
                size = min(width, before + 1)
                stein_row(points, i, block, size, families, parameters, here, work)
                if before < width:
                    diagonal[i] = work[4, before]
                    size = before
                partial[t, 0, i - first] += add_up(work[4], size, partial[t, 1], left - start)


@kernel
def add_tiles(corners, partial, n):
    """Sums of the rows (n,) from those of the tiles, added in the order of the tiles."""
    rows, side = np.zeros(n), partial.shape[2]
    for t in range(corners.shape[0]):
        for part in range(2):
            corner = corners[t, part]
            for i in range(corner, min(corner + side, n)):
                rows[i] += partial[t, part, i - corner]
    return rows


@kernel
def add_up(row, size, sums, start):
    """Add a row to `sums`, and return its own sum; four chains, as one would wait for itself."""
    a = b = c = d = np.float64(0.0)  # of this type without compilation, too
    whole = size - size % 4
    part = sums[start:start + size]
    for j in range(size):
        part[j] += row[j]
    for j in range(0, whole, 4):
        a += row[j]
        b += row[j + 1]
        c += row[j + 2]
        d += row[j + 3]
    for j in range(whole, size):
        a += row[j]
    return (a + b) + (c + d)


@kernel
def scratch(points):
    """Room for a block of columns, for one point, and for the rows u, p, b, r, h and a spare one.

    Coordinates are filled up with zeros to a multiple of four.
    """
    parts, d = points.shape[0], points.shape[1]
    d += -d % 4
    block, here = np.empty((parts, d, BLOCK), points.dtype), np.empty((parts, d), points.dtype)
    work = np.empty((6, BLOCK), points.dtype)
    block[:], here[:], work[:] = 0.0, 0.0, 1.0
    return block, here, work


@kernel
def load(points, start, size, block):
    """Copy a block of columns."""
    for part in range(points.shape[0]):
        for c in range(points.shape[1]):
            for j in range(size):
                block[part, c, j] = points[part, c, start + j]


@kernel
def stein_row(points, i, block, size, families, parameters, here, work):
    """Stein kernel of point `i` and the first columns of a block, into the row h of `work`."""
    for part in range(points.shape[0]):
        for c in range(points.shape[1]):
            here[part, c] = points[part, c, i]
    u, p, b, r = work[0], work[1], work[2], work[3]
    u[:size], p[:size] = 0.0, 0.0
    if points.shape[0] == 2:
        b[:size] = -points.shape[1]
        for c in range(0, block.shape[1], 4):
            add_products(here, block, c, size, u, p, b)
    else:
        b[:size], r[:size] = 0.0, 0.0
        for c in range(points.shape[1]):
            add_weighted(here, block, c, size, u, p, b, r)
        for j in range(size):
            r[j] = r[j] / u[j] if u[j] > 0 else u[j]
    add_terms(families, parameters, size, work)


@kernel
def add_products(here, block, c, size, u, p, b):
    """Four coordinates of u, p and b."""
    x0, x1, x2, x3 = here[0, c], here[0, c + 1], here[0, c + 2], here[0, c + 3]
    s0, s1, s2, s3 = here[1, c], here[1, c + 1], here[1, c + 2], here[1, c + 3]
    y0, y1, y2, y3 = block[0, c], block[0, c + 1], block[0, c + 2], block[0, c + 3]
    t0, t1, t2, t3 = block[1, c], block[1, c + 1], block[1, c + 2], block[1, c + 3]
    for j in range(size):
        g0, g1, g2, g3 = x0 - y0[j], x1 - y1[j], x2 - y2[j], x3 - y3[j]
        u[j] += (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
        p[j] += (s0 * t0[j] + s1 * t1[j]) + (s2 * t2[j] + s3 * t3[j])
        b[j] += ((g0 * (t0[j] - s0) + g1 * (t1[j] - s1))
                 + (g2 * (t2[j] - s2) + g3 * (t3[j] - s3)))


@kernel
def add_weighted(here, block, c, size, u, p, b, r):
    """One coordinate of u, p, b and r u."""
    x, a, w = here[0, c], here[1, c], here[2, c]
    y, e, v = block[0, c], block[1, c], block[2, c]
    for j in range(size):
        gap = x - y[j]
        both = w * v[j]
        u[j] += gap * gap
        p[j] += a * e[j]
        b[j] += gap * (w * e[j] - a * v[j]) - both
        r[j] += both * (gap * gap)


@kernel
def add_terms(families, parameters, size, work):
    """Sum of h over the terms of the kernel; exp, log and powers stay out of the loops of sums."""
    one, two, three = work.dtype.type(1), work.dtype.type(2), work.dtype.type(3)
    u, p, b, r, h, phi = work[0], work[1], work[2], work[3], work[4], work[5]
    h[:size] = 0.0
    for t in range(families.shape[0]):
        family, scale, shape = families[t], parameters[t, 0], parameters[t, 1]
        if family == RBF:  # exp(-scale u)
            for j in range(size):
                phi[j] = math.exp(-scale * u[j])
            scale *= two
            for j in range(size):
                h[j] += phi[j] * (p[j] - scale * (b[j] + scale * u[j] * r[j]))
        elif family == IMQ_HALF:  # (shape + scale u)^(-1/2)
            for j in range(size):
                root = one / math.sqrt(shape + scale * u[j])
                slope = scale * (root * root)
                h[j] += root * (p[j] - slope * (b[j] + three * slope * u[j] * r[j]))
        elif family == IMQ:  # (shape + scale u)^beta
            beta = parameters[t, 2]
            for j in range(size):
                phi[j] = (shape + scale * u[j]) ** beta
            for j in range(size):
                rate = two * scale / (shape + scale * u[j])
                h[j] += phi[j] * (p[j] + beta * rate * (b[j] + (one - beta) * rate * u[j] * r[j]))
        elif family == LOG_INVERSE:  # 1 / (shape + log(1 + scale u))
            for j in range(size):
                phi[j] = one / (shape + math.log1p(scale * u[j]))
            for j in range(size):
                rate = two * scale / (one + scale * u[j])
                bend = (one + two * phi[j]) * rate * u[j] * r[j]
                h[j] += phi[j] * (p[j] - rate * phi[j] * (b[j] + bend))
        else:  # (1 + z) exp(-z) or (1 + z + z^2/3) exp(-z), z = scale sqrt(u)
            for j in range(size):
                phi[j] = math.exp(-scale * math.sqrt(u[j]))
            square = scale * scale
            if family == MATERN32:
                for j in range(size):
                    z = scale * math.sqrt(u[j])
                    h[j] += phi[j] * ((one + z) * p[j] - square * (b[j] + z * r[j]))
            else:
                square /= three
                for j in range(size):
                    z = scale * math.sqrt(u[j])
                    h[j] += phi[j] * ((one + z + z * z / three) * p[j]
                                      - square * ((one + z) * b[j] + z * z * r[j]))
