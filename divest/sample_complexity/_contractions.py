"""Second-order risk of maximum likelihood from the cumulants of the statistics.

With n rows, the risk is ``p_star / (2 n) + c2 / n^2``. A coefficient vector is (p_star, c2 of the
forward risk, c2 of the reverse risk).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

RANK_TOLERANCE = 1e-10  # of the largest eigenvalue of the correlations; below it a direction drops
BLOCK = 4096  # rows at a time in the third moments


class Moments(NamedTuple):
    """Mean, covariance (divisor n) and third central moment of weighted rows."""

    mean: np.ndarray
    covariance: np.ndarray
    third: np.ndarray | None


class Evaluated(NamedTuple):
    """What a family says about its law fitted to rows."""

    values: np.ndarray  # the coefficient vector
    rank: int  # directions in which the statistics vary
    parts: np.ndarray  # what each row adds to p_star, times n


class Contraction(NamedTuple):
    """What the coefficients need, but for the fourth cumulant."""

    whitener: np.ndarray  # (p, rank): statistics times this have unit covariance under the model
    a: np.ndarray  # covariance of the data in these directions
    T: float
    S2: float
    S1: float


def weighted_mean(X: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Mean of each column."""
    return X.mean(axis=0) if weights is None else weights @ X / weights.sum()


def equal_weights(n: int, weights: np.ndarray | None) -> np.ndarray:
    """The weights with sum 1; equal ones where there are none."""
    return np.full(n, 1.0 / n) if weights is None else weights / weights.sum()


def less_group(weights: np.ndarray, labels: np.ndarray, without: int | None,
               share: float) -> np.ndarray:
    """Weights with sum 1, after a group has lost a share of its weight."""
    weights = weights * (1.0 - share * (labels == without))
    return weights / weights.sum()


def combine(k4: float, T: float, S2: float, S1: float) -> tuple[float, float]:
    """The second coefficient of the forward and of the reverse risk."""
    common = (-k4 + T + 2.0 * S2) / 8.0
    return 3.0 * common - S1 / 3.0, common - S1 / 6.0


def cube_factor(weights: np.ndarray | None) -> float:
    """How much larger weights make the third cumulant of a mean than n_w equal ones."""
    if weights is None:
        return 1.0
    w = weights / weights.sum()
    return float(np.sum(w**3) / np.sum(w**2)**2)


def coefficients(a: np.ndarray, k4: float, T: float, S2: float, S1: float) -> np.ndarray:
    """The coefficient vector."""
    return np.array([np.trace(a), *combine(k4, T, S2, S1)])


def first_order(p_star: float) -> np.ndarray:
    """The coefficient vector where the second order is not wanted."""
    return np.array([p_star, np.nan, np.nan])


def whitening(covariance: np.ndarray) -> np.ndarray:
    """W (p, rank) with ``W' covariance W = I``; singular directions are left out."""
    scale = np.sqrt(np.diag(covariance))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(covariance / scale / scale[:, None])
    keep = values > RANK_TOLERANCE * max(values[-1], 0.0)
    return vectors[:, keep] / np.sqrt(values[keep]) / scale[:, None]


def rotated(tensor: np.ndarray, W: np.ndarray) -> np.ndarray:
    """A tensor with W applied to each of its slots."""
    for _ in range(tensor.ndim):
        tensor = np.tensordot(tensor, W, axes=(0, 0))  # the new slot goes to the end
    return tensor


def contract(G: np.ndarray, V: np.ndarray | None, psi3: np.ndarray | None,
             K: np.ndarray | None) -> Contraction:
    """Contract third cumulants; V or K of None: those of the model itself (G, psi3)."""
    W = whitening(G)
    a = np.eye(W.shape[1]) if V is None else W.T @ V @ W
    if psi3 is None:
        return Contraction(W, a, np.nan, np.nan, np.nan)
    m3 = rotated(psi3, W)
    v = np.tensordot(a, m3, axes=2)
    turned = np.tensordot(a, np.tensordot(a, m3, axes=(1, 0)), axes=(1, 1))
    S2 = float(np.vdot(turned, m3.transpose(1, 0, 2)))
    S1 = float(np.vdot(m3, m3 if K is None else rotated(K, W)))
    return Contraction(W, a, float(v @ v), S2, S1)


def exact_coefficients(cumulants: tuple[Any, Any, Any], V: np.ndarray | None,
                       K: np.ndarray | None, second: bool, cubes: float = 1.0) -> np.ndarray:
    """From the cumulants of the model and of the data; None for a model that holds.

    `cubes` is the `cube_factor` of the weights.
    """
    G, psi3, psi4 = cumulants
    parts = contract(np.asarray(G), V, np.asarray(psi3) if second else None, K)
    if not second:
        return first_order(np.trace(parts.a))
    B = parts.whitener @ parts.a @ parts.whitener.T
    k4 = psi4(B) if callable(psi4) else np.tensordot(np.tensordot(psi4, B, axes=2), B, axes=2)
    return coefficients(parts.a, float(k4), parts.T, parts.S2, cubes * parts.S1)


def third_sum(rows: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Weighted sum of ``z_a z_b z_c`` over rows, by one matrix product per column and block."""
    p = rows.shape[1]
    total = np.zeros((p, p, p))
    for start in range(0, len(rows), BLOCK):
        z = np.ascontiguousarray(rows[start:start + BLOCK].T)
        c = z if weights is None else z * weights[start:start + BLOCK]
        for a in range(p):
            total[a, :a + 1, :a + 1] += (z[:a + 1] * c[a]) @ z[:a + 1].T
    for a in range(p):  # the largest index stood first
        total[:a + 1, a, :a + 1] = total[:a + 1, :a + 1, a] = total[a, :a + 1, :a + 1]
    return total


def central_third(mean: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Third central moment from moments about zero; `third` is overwritten."""
    for axes in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        moved = third.transpose(axes)  # a view: axis `axes[0]` first
        moved -= mean[:, None, None] * second
    outer = np.multiply.outer(mean, mean)
    third += 2.0 * np.multiply.outer(mean, outer)
    return third


class GroupedRows:
    """Moments of rows, and of the rows without one group, in one or two passes."""

    def __init__(self, rows: np.ndarray, weights: np.ndarray | None, labels: np.ndarray,
                 third: bool) -> None:
        self.weights = equal_weights(len(rows), weights)
        self.center = self.weights @ rows
        self.rows, self.labels, self.third = rows - self.center, labels, third
        self.n_groups, self.cubes = int(labels.max()) + 1, cube_factor(weights)
        self._total = self._sums(slice(None))

    def moments(self, without: int | None = None, share: float = 1.0) -> Moments:
        """Of all rows, or without one group or a share of it."""
        sums = self._total
        if without is not None:
            group = self._group(without)
            sums = [total - share * part for total, part in zip(sums, group, strict=True)]
        mass, mean, second = sums[0], sums[1] / sums[0], sums[2] / sums[0]
        third = central_third(mean, second, sums[3] / mass) if self.third else None
        return Moments(self.center + mean, second - np.multiply.outer(mean, mean), third)

    def centered(self, without: int | None = None, share: float = 1.0
                 ) -> tuple[np.ndarray, np.ndarray]:
        """The rows about their mean, and their weights, less a share of a group left out."""
        weights = less_group(self.weights, self.labels, without, share)
        return self.rows - weights @ self.rows, weights

    def _group(self, group: int) -> list[Any]:
        return self._sums(np.flatnonzero(self.labels == group))

    def _sums(self, chosen: Any) -> list[Any]:
        rows, weights = self.rows[chosen], self.weights[chosen]
        weighted = rows * weights[:, None]
        sums = [weights.sum(), weighted.sum(axis=0), weighted.T @ rows]
        return [*sums, third_sum(rows, weights)] if self.third else sums


FourthCumulant = Callable[[np.ndarray], float]


def finite_cumulants(statistics: np.ndarray, masses: np.ndarray
                     ) -> tuple[np.ndarray, np.ndarray, FourthCumulant]:
    """G, psi3 and psi4 of a law on finitely many points, rows of `statistics`."""
    rows = statistics - masses @ statistics
    G = (rows * masses[:, None]).T @ rows

    def psi4(B: np.ndarray) -> float:
        square = np.einsum("ia,ia->i", rows @ B, rows)
        product = G @ B
        return float(masses @ square**2 - np.trace(product)**2
                     - 2.0 * np.sum(product * product.T))

    return G, third_sum(rows, masses), psi4


def deletion_groups(n: int, n_groups: int) -> np.ndarray:
    """A group for each row, dealt at random but the same way each time."""
    return np.random.default_rng(0).permutation(n) % min(n, n_groups)


def jackknife_covariance(replicates: Any) -> np.ndarray:
    """Covariance of an estimate from its values without each of the groups."""
    values = np.asarray(replicates)
    deviations = values - values.mean(axis=0)
    return (len(values) - 1) / len(values) * deviations.T @ deviations
