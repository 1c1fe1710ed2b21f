"""Slow, obvious twins of the compiled loops: written to be believed, not to be fast."""

import numpy as np
from numba import config
from scipy.spatial.distance import cdist

from divest._kernels import density as loops
from divest.kernels import KernelSum, imq, log_inverse, matern32, matern52, rbf

COMPILED = not config.DISABLE_JIT  # without compilation a test takes fewer rows or repetitions
TIE = 1e-12
CDIST = {"euclidean": "euclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}
POWER = {"euclidean": 2, "manhattan": 1, "chebyshev": 0}


def smaller(n, without_compilation):
    """`n` where loops are compiled, else the other."""
    return n if COMPILED else without_compilation


# ------------------------------------------------------------ neighbours: distances and balls
def distance(a, b, metric="euclidean"):
    gaps = [abs(x - y) for x, y in zip(a, b, strict=True)]
    if metric == "chebyshev":
        return max(gaps)
    return sum(gaps) if metric == "manhattan" else sum(gap**2 for gap in gaps) ** 0.5


def distances(queries, points, metric="euclidean"):
    return cdist(queries, points, CDIST[metric])


def distances_within(rows, metric="euclidean"):
    """Distances between rows; infinite from a row to itself, so that it is never its neighbour."""
    matrix = distances(rows, rows, metric)
    np.fill_diagonal(matrix, np.inf)
    return matrix


def nearest(queries, points, k, metric="euclidean"):
    """Distances and indices of the k nearest by sorting all."""
    matrix = distances(queries, points, metric)
    order = np.argsort(matrix, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(matrix, order, axis=1), order


def closed_ball(matrix, k):
    """Which columns lie in each row's closed ball at its k-th distance, ties included."""
    edge = np.sort(matrix, axis=1)[:, k - 1]
    return matrix <= edge[:, None] * (1 + TIE)


def labelled_counts(matrix, is_p, k):
    """Rows of P, and all rows, in each closed ball."""
    ball = closed_ball(matrix, k)
    return (ball & is_p).sum(axis=1), ball.sum(axis=1)


# ------------------------------------------------------------ neighbours: one twin for each loop
def lowest_of_groups(row, lanes):
    return [min(row[start::lanes], default=np.inf) for start in range(lanes)]


def compact(scores, labels, k, limit, point_slack, query_slack):
    """Labels of all that may be among the k nearest, or None when others may be, and the limit."""
    order = sorted(range(len(scores)), key=lambda m: scores[m])
    first = order[:k]
    reach = scores[first[-1]] + max(point_slack[labels[m]] for m in first) + query_slack
    if reach > limit:
        return None, limit
    return {labels[m] for m in order if scores[m] <= reach}, reach


def ball_end(distances, rows, wanted, all_points):
    """How many entries of a sorted list the closed ball of `wanted` rows holds; -1: not known."""
    reached = next((j for j in range(len(rows)) if sum(rows[:j + 1]) >= wanted), None)
    if reached is None:
        return -1
    end = sum(gap <= distances[reached] * (1 + TIE) for gap in distances)
    return -1 if end == len(rows) < all_points else end


def ball_sums(indices, ends, values):
    return [[sum(values[j] for j in near[:end]) for end in row]
            for near, row in zip(indices, ends, strict=True)]


def scatter(centers, indices, ends, change, n_points):
    """What each point pays when `change` (points, balls, columns) is due in each single ball."""
    out = np.zeros((n_points, change.shape[2]))
    for center, near, row in zip(centers, indices, ends, strict=True):
        for ball, end in enumerate(row):
            for j in near[:end]:
                if j != center:
                    out[j] += change[center, ball]
    return out


def permuted_sums(centers, indices, ends, members, labels, at_p, at_q):
    """Sum over rows of a term of (C, ball) for each labelling.

    `labels` (points, lanes) is the number of P-rows at each point, and `at_p` and `at_q` are
    functions of C and of the centre and the number of the ball.
    """
    out = np.zeros((ends.shape[1], labels.shape[1]))
    for center, near, row in zip(centers, indices, ends, strict=True):
        for ball, end in enumerate(row):
            for lane in range(labels.shape[1]):
                found = sum(int(labels[j, lane]) for j in near[:end])
                for is_p in [True] * labels[center, lane] + [False] * (
                        members[center] - labels[center, lane]):
                    term = at_p(found - 1, center, ball) if is_p else at_q(found, center, ball)
                    out[ball, lane] += term
    return out


def closed_intervals(values, k):
    """First and last + 1 of the sorted distinct values in each closed ball, its centre's beside."""
    distinct, counts = np.unique(values, return_counts=True)
    matrix = np.repeat(np.abs(distinct[:, None] - distinct), counts, axis=1)
    edge = np.sort(matrix, axis=1)[:, k]  # the first row at the centre does not count
    inside = np.abs(distinct[:, None] - distinct) <= edge[:, None] * (1 + TIE)
    return inside.argmax(axis=1), len(distinct) - inside[:, ::-1].argmax(axis=1)


def within(queries, points, members, metric, reach):
    """Farthest distance within reach of each query, and the rows there."""
    matrix = distances(queries, points, metric)
    inside = matrix <= np.asarray(reach)[:, None]
    return np.where(inside, matrix, 0.0).max(axis=1), inside @ members


# ------------------------------------------------------------ one-step estimates
def one_step(matrix, is_p, k, at_p, at_q, constants=None):
    """Mean of at_p(C, K, c) over P-rows plus mean of at_q(C, K, c) over Q-rows."""
    n, m = is_p.sum(), (~is_p).sum()
    c_p, c_q = constants or (m / (n - 1), (m - 1) / n)
    C, K = labelled_counts(matrix, is_p, k)
    return at_p(C[is_p], K[is_p], c_p).mean() + at_q(C[~is_p], K[~is_p], c_q).mean()


def deletion_error(matrix, is_p, ks, weights, at_p, at_q):
    """Delete-one jackknife error of a weighted sum over k, by deleting each row in turn."""
    n, m = is_p.sum(), (~is_p).sum()
    constants = m / (n - 1), (m - 1) / n  # those of the whole sample stay
    left = np.empty(n + m)
    for row in range(n + m):
        keep = np.arange(n + m) != row
        left[row] = sum(
            w * one_step(matrix[np.ix_(keep, keep)], is_p[keep], k, at_p, at_q, constants)
            for k, w in zip(ks, weights, strict=True))
    return np.sqrt((n - 1) * np.var(left[is_p]) + (m - 1) * np.var(left[~is_p]))


# ------------------------------------------------------------ Stein kernels
def stein_matrix(kernel, X, S, Y=None, T=None):
    """Stein kernel of rows X with scores S and rows Y with scores T."""
    Y, T = (X, S) if Y is None else (Y, T)
    gaps = X[:, None] - Y[None]
    phi, slope, curvature = kernel.profile((gaps**2).sum(axis=2))
    toward = (gaps * (T[None] - S[:, None])).sum(axis=2)
    return phi * (S @ T.T) + 2 * slope * (toward - X.shape[1]) - 4 * curvature


def weighted_stein_matrix(kernel, X, A, W, Y, B, V):
    """The same with coordinate weights W and V, and A and B the weights times the tilted scores."""
    total = np.zeros((len(X), len(Y)))
    u = ((X[:, None] - Y[None])**2).sum(axis=2)
    phi, slope, curvature = kernel.profile(u)
    for x, a, w, y, b, v in zip(X.T, A.T, W.T, Y.T, B.T, V.T, strict=True):
        gap, both = x[:, None] - y, np.outer(w, v)
        share = np.where(u > 0, gap**2 / np.where(u > 0, u, 1), 0)  # of the squared distance
        toward = gap * (np.outer(w, b) - np.outer(a, v)) - both
        total += phi * np.outer(a, b) + 2 * slope * toward - 4 * curvature * both * share
    return total


def stein_sums(matrix):
    """Sum off the diagonal, the diagonal, and sums of the rows off the diagonal."""
    diagonal = np.diag(matrix)
    rows = matrix.sum(axis=1) - diagonal
    return rows.sum(), diagonal, rows


def stein_tiles(matrix, side):
    """Sums of rows and of columns of each square tile, below the diagonal where it is on it."""
    n = len(matrix)
    tiles = []
    for i in range(0, n, side):
        for j in range(i, n, side):
            tile = np.zeros((side, side))
            part = matrix[i:i + side, j:j + side]
            part = np.tril(part, -1) if i == j else part
            tile[:part.shape[0], :part.shape[1]] = part
            tiles.append(((i, j), (tile.sum(axis=1), tile.sum(axis=0))))
    return tiles


def kernel_of(families, parameters):
    """The kernel that the loops know by these numbers."""
    terms = []
    for family, (scale, shape, beta) in zip(families, np.asarray(parameters, float), strict=True):
        ell = scale**-0.5
        terms.append({0: lambda s=scale: rbf((0.5 / s)**0.5),
                      1: lambda e=ell, c=shape: imq(-0.5, e, c**0.5),
                      2: lambda e=ell, c=shape, b=beta: imq(b, e, c**0.5),
                      3: lambda s=scale: matern32(3**0.5 / s),
                      4: lambda s=scale: matern52(5**0.5 / s),
                      5: lambda e=ell, a=shape: log_inverse(a, e)}[int(family)]())
    return KernelSum(tuple(terms))


@np.errstate(all="ignore")  # as the loops
def stein_block(points, others, families, parameters):
    """Stein kernel of all points with all others, as the loops take them."""
    rows, columns = ([part.T.astype(float) for part in array] for array in (points, others))
    kernel = kernel_of(families, parameters)
    if len(rows) == 2:
        return stein_matrix(kernel, *rows, *columns)
    return weighted_stein_matrix(kernel, *rows, *columns)


def fill_tile(points, others, first, start, families, parameters, out):
    n, m = out.shape
    out[:] = stein_block(points[:, :, first:first + n], others[:, :, start:start + m], families,
                         parameters)


def fill_cross(points, others, families, parameters):
    return stein_block(points, others, families, parameters).astype(points.dtype)


@np.errstate(all="ignore")
def fill_sums(points, families, parameters, corners, partial, diagonal):
    side = partial.shape[2]
    for t, (i, j) in enumerate(corners):
        rows, columns = points[:, :, i:i + side], points[:, :, j:j + side]
        block = stein_block(rows, columns, families, parameters)
        if i == j:
            diagonal[i:i + side] = np.diag(block)
            block = np.tril(block, -1)
        partial[t, 0, :block.shape[0]] += block.sum(axis=1)
        partial[t, 1, :block.shape[1]] += block.sum(axis=0)


STEIN_TWINS = {"stein_tile": fill_tile, "stein_cross": fill_cross, "tile_sums": fill_sums}


# ------------------------------------------------------------ kernel density: sums over all pairs
PROFILES = {
    "gaussian": lambda u: np.exp(-u * u / 2),
    "exponential": lambda u: np.exp(-u),
    "tophat": lambda u: 1.0 * (u < 1),
    "epanechnikov": lambda u: np.where(u < 1, 1 - u**2, 0),
    "biweight": lambda u: np.where(u < 1, 1 - u**2, 0) ** 2,
    "triweight": lambda u: np.where(u < 1, 1 - u**2, 0) ** 3,
    "linear": lambda u: np.where(u < 1, 1 - u, 0),
    "cosine": lambda u: np.where(u < 1, np.cos(np.pi * u / 2), 0),
}


def log_terms(queries, rows, bandwidth, kernel="gaussian", weights=None, local=None, skip=None):
    """Logarithms (m, n) of ``w_i b_i^-d k(|q - z_i| / (b_i h))``, direct from the differences."""
    n, d = rows.shape
    weights = np.full(n, 1 / n) if weights is None else weights
    local = np.ones(n) if local is None else local
    u = cdist(queries, rows) / (bandwidth * local)
    if kernel == "gaussian":
        logs = -u**2 / 2
    elif kernel == "exponential":
        logs = -u
    else:
        with np.errstate(divide="ignore"):
            logs = np.log(PROFILES[kernel](u))
    logs = logs + np.log(weights) - d * np.log(local)
    if skip is not None:
        some = np.flatnonzero(skip >= 0)
        logs[some, skip[some]] = -np.inf
    return logs


def log_sum(logs):
    """Logarithm of the sum of each row of `logs`; minus infinity where there is nothing."""
    top = logs.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))


def shares(logs):
    """What part each term has of the sum of its row."""
    return np.exp(logs - log_sum(logs)[:, None])


def sum_moments(logs, squares):
    """1 / sum p^2, (sum p^2)^2 / sum p^4, and sum p r^2."""
    p = shares(logs)
    second = (p**2).sum(axis=1)
    return 1 / second, second**2 / (p**4).sum(axis=1), (p * squares).sum(axis=1)


def sum_gradient(logs, queries, rows, scales):
    """Gradient in the query of the logarithm of a Gaussian sum; `scales` (n,) are 1 / (b_i h)^2."""
    return np.einsum("mn,n,mnd->md", shares(logs), scales, rows[None] - queries[:, None])


def reflected_log_sum(queries, rows, edges, weights=None, local=None):
    """Gaussian sum of rows and, on each axis, of their images at the edges; bandwidth 1."""
    n, d = rows.shape
    weights = np.full(n, 1 / n) if weights is None else weights
    local = np.ones(n) if local is None else local
    total = np.tile(weights / local**d, (len(queries), 1))
    for axis in range(d):
        places = [rows[:, axis]]
        places += [2 * place - rows[:, axis] for k, place in edges if int(k) == axis]
        total *= sum(np.exp(-((queries[:, [axis]] - z) / local) ** 2 / 2) for z in places)
    return np.log(total.sum(axis=1))


def pair_sums(queries, rows, bandwidths, weights, skip):
    """Sums of ``w exp(-r^2 / 4h^2)``, and of ``w exp(-r^2 / 2h^2)`` without the own row; (b, m)."""
    wide, narrow, squares = [], [], cdist(queries, rows, "sqeuclidean")
    for h in bandwidths:
        wide.append(np.exp(-squares / (4 * h * h)) @ weights)
        terms = np.exp(-squares / (2 * h * h))
        for i, own in enumerate(skip):
            if own >= 0:
                terms[i, own] = 0.0
        narrow.append(terms @ weights)
    return np.array(wide), np.array(narrow)


def box_gap(query, low, high):
    """Squared distance of a point to a box."""
    return sum(max(a - q, q - b, 0.0) ** 2 for q, a, b in zip(query, low, high, strict=True))


# ------------------------------------------------------------ kernel density: what fills the state
@np.errstate(all="ignore")  # as the loops
def fill_kernel_sums(kind, shape, queries, rows, skip, factor, extra, state, vectors):
    """Twin of the loop over all pairs, with the queries taken by the hundred."""
    for first in range(0, len(queries), 100):
        part = slice(first, first + 100)
        own = skip[part, None] == np.arange(rows.coordinates.shape[1])
        squares = cdist(queries[part], rows.coordinates.T, "sqeuclidean")
        if kind == loops.PAIRS:
            _fill_pairs(squares, own, rows.weights, extra[0], state[part])
            continue
        u = squares * factor * (rows.scales if len(rows.scales) else 1.0)
        if kind == loops.COMPACT:
            u = squares / extra[0, 1] * (rows.scales if len(rows.scales) else 1.0)
            _fill_compact(shape, np.where(own, np.inf, u), rows.weights, extra, state[part])
            continue
        u = np.sqrt(u) if shape == loops.EXPONENTIAL else u
        u = np.where(own, np.inf, u + (rows.offsets if len(rows.offsets) else 0.0))
        lowest = u.min(axis=1)
        e = np.exp(np.where(np.isinf(lowest), 0.0, lowest)[:, None] - u)
        state[part, 0] = lowest
        if kind == loops.REFLECTED:
            e = e * _with_images(queries[part], rows, factor, extra)
        state[part, 1] = e.sum(axis=1)
        if kind == loops.MOMENTS:
            state[part, 2:] = np.stack([(e**2).sum(axis=1), (e**4).sum(axis=1),
                                        (e * squares).sum(axis=1)], axis=1)
        if kind == loops.GRADIENT:
            e = e * (rows.scales if len(rows.scales) else 1.0)
            vectors[part] = e @ rows.coordinates.T - e.sum(axis=1)[:, None] * queries[part]


def _fill_pairs(squares, own, weights, bandwidths, state):
    for k, h in enumerate(bandwidths):
        e = np.exp(-squares / (4 * h**2))
        state[:, 2 * k], state[:, 2 * k + 1] = e @ weights, np.where(own, 0.0, e**2) @ weights


def _fill_compact(shape, u, weights, extra, state):
    inside = u < 1
    v = np.where(inside, u, 0.0)
    profile = {loops.POWER: (1 - v) ** extra[0, 0], loops.LINEAR: 1 - np.sqrt(v),
               loops.COSINE: np.cos(np.pi / 2 * np.sqrt(v))}[shape]
    terms = np.where(inside, profile, 0.0) * weights
    state[:] = np.stack([terms.sum(axis=1), (terms**2).sum(axis=1), inside.sum(axis=1)], axis=1)


def _with_images(queries, rows, factor, edges):
    """Kernel of a row and its images over that of the row alone, multiplied over the axes."""
    product = 1.0
    for axis in np.unique(edges[:, 0]):
        q, x = queries[:, int(axis), None], rows.coordinates[int(axis)]
        scales = rows.scales if len(rows.scales) else 1.0
        product = product * (1 + sum(np.exp(-4 * factor * scales * (q - b) * (x - b))
                                     for b in edges[edges[:, 0] == axis, 1]))
    return product


DENSITY_TWINS = {"kernel_sums": fill_kernel_sums}


# ------------------------------------------------------------ sequences of symbols
def substring_features(sequence, n_symbols, longest):
    """Counts of substrings / root of how many there are of that length; one vector."""
    parts = []
    for length in range(1, longest + 1):
        places = len(sequence) - length + 1
        counts = np.zeros((n_symbols,) * length)
        for start in range(places):
            counts[tuple(sequence[start : start + length])] += 1 / places**0.5
        parts.append(counts.ravel())
    return np.concatenate(parts)


def sequence_edits(sequence, n_symbols):
    """Neighbours by kind: {(place, symbol): ...}, {symbol: ...} and the shorter one, or None."""
    x = tuple(sequence)
    substitute = {(t, a): x[:t] + (a,) + x[t + 1 :] for t in range(len(x))
                  for a in range(n_symbols) if a != x[t]}
    append = {a: x + (a,) for a in range(n_symbols)}
    return substitute, append, x[:-1] if len(x) > 1 else None


def edit_field(sequence, substitute, append, remove, longest):
    """``sum_y w(y) (features(y) - features(x))`` with weights (L, K), (K,) and one number."""
    n_symbols = len(append)
    places, ends, shorter = sequence_edits(sequence, n_symbols)
    here = substring_features(sequence, n_symbols, longest)
    total = sum(substitute[key] * (substring_features(y, n_symbols, longest) - here)
                for key, y in places.items()) + np.zeros(len(here))
    for a, y in ends.items():
        total = total + append[a] * (substring_features(y, n_symbols, longest) - here)
    if shorter:
        total = total + remove * (substring_features(shorter, n_symbols, longest) - here)
    return total


def markov_probability(sequence, tables):
    """Probability of the symbols, the law of the length left out."""
    order, probability = len(tables) - 1, 1.0
    for t in range(len(sequence)):
        probability *= tables[min(t, order)][tuple(sequence[max(0, t - order) : t + 1])]
    return probability


def hidden_probability(sequence, initial, transition, emission):
    """The same for a hidden Markov model, by matrix products."""
    law = np.asarray(initial) * np.asarray(emission)[:, sequence[0]]
    for symbol in sequence[1:]:
        law = (law @ np.asarray(transition)) * np.asarray(emission)[:, symbol]
    return law.sum()


def difference_kernel(x, y, r, q, n_symbols):
    """Difference Stein kernel of two rows with ratios r and q, term by term."""

    def k(a, b):
        return np.exp(-np.mean([s != t for s, t in zip(a, b, strict=True)]))

    total = 0.0
    for place in range(len(x)):
        back_x, back_y = list(x), list(y)
        back_x[place], back_y[place] = ((z[place] - 1) % n_symbols for z in (x, y))
        total += (k(back_x, back_y) - q[place] * k(back_x, y) - r[place] * k(x, back_y)
                  + r[place] * q[place] * k(x, y))
    return total
