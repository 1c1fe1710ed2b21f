"""Kernel sums as one would write them with numpy and scipy alone."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax

BLOCK = 2**21  # pairs worked on together


def blocks(rows, queries):
    """Slices of the queries."""
    step = max(1, BLOCK // len(rows))
    return [slice(start, start + step) for start in range(0, len(queries), step)]


# ---------------------------------------------------------------- what is exact
def exact_density(rows, queries, bandwidth, log_volume=0.0):
    """Gaussian estimate (m,): distances from differences, sums through the largest term."""
    n, d = rows.shape
    constant = np.log(n) + d * np.log(bandwidth * np.sqrt(2 * np.pi)) + log_volume
    return np.concatenate([
        np.exp(logsumexp(cdist(queries[part], rows, "sqeuclidean") / (-2 * bandwidth**2), axis=1)
               - constant) for part in blocks(rows, queries)])


def exact_epanechnikov(rows, queries, bandwidth, log_volume=0.0):
    """The same for the kernel (1 - u^2) / c inside the unit ball of three dimensions."""
    c = 8 * np.pi / 15 * bandwidth**3 * len(rows) * np.exp(log_volume)
    return np.concatenate([
        np.maximum(1 - cdist(queries[part], rows, "sqeuclidean") / bandwidth**2, 0).sum(axis=1) / c
        for part in blocks(rows, queries)])


def likeliest_bandwidth(rows):
    """The bandwidth of the largest leave-one-out likelihood, by direct search."""
    d, squares = rows.shape[1], cdist(rows, rows, "sqeuclidean")
    np.fill_diagonal(squares, np.inf)

    def loss(t):
        return d * t - logsumexp(squares / (-2 * np.exp(2 * t)), axis=1).mean()

    return float(np.exp(minimize_scalar(loss, bounds=np.log([0.02, 3.0]), method="bounded",
                                        options={"xatol": 1e-7}).x))


# ---------------------------------------------------------------- numpy, with matrix products
def squared_distances(rows, queries):
    """(m, n), centred, by one matrix product."""
    center = rows.mean(axis=0)
    rows, queries = rows - center, queries - center
    squares = queries @ rows.T
    squares *= -2
    squares += (queries**2).sum(axis=1)[:, None]
    squares += (rows**2).sum(axis=1)
    return np.maximum(squares, 0, out=squares)


def log_sums(rows, queries, bandwidth=1.0):
    """Logarithm of the mean of exp(-r^2 / 2h^2) (m,)."""
    return np.concatenate([
        logsumexp(squared_distances(rows, queries[part]) / (-2 * bandwidth**2), axis=1)
        for part in blocks(rows, queries)]) - np.log(len(rows))


def moments(rows, queries):
    """1 / sum p^2 of the normalised terms p (m,)."""
    return np.concatenate([
        1 / (softmax(squared_distances(rows, queries[part]) / -2, axis=1)**2).sum(axis=1)
        for part in blocks(rows, queries)])


def gradients(rows, queries):
    """Gradient of the logarithm of the sum (m, d)."""
    return np.concatenate([
        softmax(squared_distances(rows, queries[part]) / -2, axis=1) @ rows - queries[part]
        for part in blocks(rows, queries)])


def pair_sums(rows, bandwidths):
    """Means of exp(-r^2 / 4h^2) over rows and themselves (b, n)."""
    return np.concatenate([
        [np.exp(squares / (-4 * h**2)).mean(axis=1) for h in bandwidths]
        for squares in (squared_distances(rows, rows[part]) for part in blocks(rows, rows))],
        axis=1)


def epanechnikov_sums(rows, queries, bandwidth):
    """Mean of (1 - u^2)_+ (m,)."""
    return np.concatenate([
        np.maximum(1 - squared_distances(rows, queries[part]) / bandwidth**2, 0).mean(axis=1)
        for part in blocks(rows, queries)])
