"""What divest computes in compiled loops, as one would write it with numpy and scipy alone."""

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree


def wang_kulkarni_verdu(P, Q, k):
    """KL(P || Q) from distances to k-th neighbours."""
    (n, d), m = P.shape, len(Q)
    to_p = KDTree(P).query(P, [k + 1])[0]
    to_q = KDTree(Q).query(P, [k])[0]
    return d * np.mean(np.log(to_q / to_p)) + np.log(m / (n - 1))


# ---------------------------------------------------------------- the search
def nearest(points, queries, k, block=1024):
    """Brute force: matrix products, a partial sort, and distances from differences."""
    center = points.mean(axis=0)
    points, queries = points - center, queries - center
    squares = (points**2).sum(axis=1)
    distances, indices = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), block):
        rows = queries[start:start + block]
        near = np.argpartition(squares - 2 * rows @ points.T, k - 1, axis=1)[:, :k]
        exact = np.sqrt(((points[near] - rows[:, None])**2).sum(axis=2))
        order = np.argsort(exact, axis=1)
        indices[start:start + block] = np.take_along_axis(near, order, axis=1)
        distances[start:start + block] = np.take_along_axis(exact, order, axis=1)
    return distances, indices


def manhattan(queries, points):
    """All distances at once."""
    return np.abs(queries[:, None] - points).sum(axis=2)


# ---------------------------------------------------------------- balls
def closed_balls(indices, distances, weights, ks, own, tie):
    """Where the closed ball of each number of rows ends; the lists are long enough."""
    held = np.cumsum(weights[indices], axis=1)
    ends = np.empty((len(indices), len(ks)), np.int32)
    for b, k in enumerate(ks):
        last = (held < k + own).sum(axis=1)
        edge = np.take_along_axis(distances, last[:, None], axis=1) * (1.0 + tie)
        ends[:, b] = (distances <= edge).sum(axis=1)
    return ends


def ball_sums(indices, ends, values):
    """Sum of the values over each ball."""
    return np.take_along_axis(np.cumsum(values[indices], axis=1), ends - 1, axis=1)


def _shells(rows, indices, ends):
    """For each ball: the lists and positions of the points that enter with it."""
    rank, before = np.arange(indices.shape[1]), np.zeros(len(rows), np.int32)
    for end in ends.T:
        yield np.nonzero((rank >= before[:, None]) & (rank < end[:, None]))
        before = end


def scatter_add_at(rows, indices, ends, changes, out):
    """Add each ball's change to its points, by unbuffered adding."""
    for b, (i, j) in enumerate(_shells(rows, indices, ends)):
        i, near = rows[i], indices[i, j]
        np.add.at(out, near[near != i], changes[i[near != i], b])


def scatter_bincount(rows, indices, ends, changes, out):
    """The same by weighted counts, column by column."""
    for b, (i, j) in enumerate(_shells(rows, indices, ends)):
        i, near = rows[i], indices[i, j]
        for column in range(out.shape[1]):
            change = np.where(near == i, 0.0, changes[i, b, column])
            out[:, column] += np.bincount(near, change, len(out))


def permuted_sums(rows, indices, ends, labels, starts, sizes, terms, out):
    """Sums of tabulated terms, for many labellings at once; no two rows are equal."""
    found = np.cumsum(labels[indices], axis=1, dtype=np.int32)
    for b, end in enumerate(ends.T):
        _add_terms(b, found[np.arange(len(rows)), end - 1], rows, labels, starts, sizes, terms, out)


def permuted_sums_sparse(rows, indices, ends, labels, starts, sizes, terms, out):
    """The same with products of sparse matrices for the counts."""
    found = np.zeros((len(rows), labels.shape[1]), np.int32)
    for b, (i, j) in enumerate(_shells(rows, indices, ends)):
        ones = np.ones(len(i), np.int32)
        shell = csr_array((ones, (i, indices[i, j])), shape=(len(rows), len(labels)))
        found += shell @ labels
        _add_terms(b, found, rows, labels, starts, sizes, terms, out)


def _add_terms(b, found, rows, labels, starts, sizes, terms, out):
    cells = starts[rows, b, None] + found + sizes[rows, b, None] * labels[rows]
    out[b] += terms[cells].sum(axis=0)
