"""Stein kernels and their sums as one would write them with numpy alone."""

import numpy as np


# ---------------------------------------------------------------- phi, phi' and phi'' u
def imq(u, ell):
    """Of ``(1 + u / ell^2)^(-1/2)``."""
    inverse = 1 / (1 + u / ell**2)
    phi = np.sqrt(inverse)
    slope = phi * inverse * (-0.5 / ell**2)
    return phi, slope, slope * inverse * u * (-1.5 / ell**2)


def rbf(u, ell):
    """Of ``exp(-u / (2 ell^2))``."""
    phi = np.exp(u * (-0.5 / ell**2))
    slope = phi * (-0.5 / ell**2)
    return phi, slope, slope * u * (-0.5 / ell**2)


def matern52(u, ell):
    """Of ``(1 + z + z^2 / 3) exp(-z)`` with ``z = sqrt(5 u) / ell``."""
    z = np.sqrt(u) * (5**0.5 / ell)
    decay, square = np.exp(-z), z * z
    slope = (1 + z) * decay * (-5 / (6 * ell**2))
    return (1 + z + square / 3) * decay, slope, square * decay * (5 / (12 * ell**2))


PROFILES = {"imq": imq, "rbf": rbf, "matern52": matern52}


# ---------------------------------------------------------------- sums
def stein_block(X, S, Y, T, profile, ell):
    """h of all rows of X with all rows of Y, from products of matrices."""
    u = (X**2).sum(axis=1)[:, None] + (Y**2).sum(axis=1) - 2 * (X @ Y.T)
    cross = X @ T.T
    b = (cross + (cross.T if X is Y else S @ Y.T) - (X * S).sum(axis=1)[:, None]
         - ((Y * T).sum(axis=1) + X.shape[1]))  # fmt: skip
    phi, slope, bend = profile(np.maximum(u, 0), ell)
    return phi * (S @ T.T) + 2 * slope * b - 4 * bend


def stein_matrix(X, S, profile, ell):
    """h of all pairs of rows, from three products; 0 on the diagonal."""
    h = stein_block(X, S, X, S, profile, ell)
    np.fill_diagonal(h, 0)
    return h


def row_sums(X, S, profile, ell):
    """Sums of h over the other rows."""
    return stein_matrix(X, S, profile, ell).sum(axis=1, dtype=float)


def blocks(X, S, profile, ell, block=128):
    """The same matrix, few rows at a time: what is computed of them stays in the cache."""
    for start in range(0, len(X), block):
        rows = slice(start, start + block)
        h = stein_block(X[rows], S[rows], X, S, profile, ell)
        np.fill_diagonal(h[:, rows], 0)
        yield h


def row_sums_in_blocks(X, S, profile, ell):
    """Sums of h over the other rows, without the matrix."""
    return np.concatenate([h.sum(axis=1, dtype=float) for h in blocks(X, S, profile, ell)])


def quadratic_forms(h, signs):
    """``w' h w`` of each row w of `signs`, by one product."""
    W = signs.T.astype(h.dtype)
    return np.einsum("ib,ib->b", W, h @ W)


def landmark_sum(X, S, landmarks, profile, ell, chunk=20_000):
    """Sum of ``h(x, Z) h(Z, Z)^-1 h(Z, y)`` over pairs of different rows; Z: the landmarks."""
    Z, T = X[landmarks], S[landmarks]
    gram = stein_block(Z, T, Z, T, profile, ell) + 1e-8 * X.shape[1] * np.eye(len(Z))
    root, total, own = np.linalg.inv(np.linalg.cholesky(gram)), 0.0, 0.0
    for start in range(0, len(X), chunk):
        rows = slice(start, start + chunk)
        F = stein_block(X[rows], S[rows], Z, T, profile, ell) @ root.T
        total, own = total + F.sum(axis=0), own + (F**2).sum()
    return float(total @ total - own)
