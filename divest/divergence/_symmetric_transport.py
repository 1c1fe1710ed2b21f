"""Optimal transport between two samples, with its standard error from the dual potentials."""

from __future__ import annotations

from math import sqrt

import numpy as np

from divest.groups import FiniteGroup, _transport


def transport(cost: np.ndarray) -> tuple[float, float]:
    """Least mean cost of moving one sample to the other, and its standard error.

    With potentials u and v, the greatest ``mean u + mean v`` where ``u_i + v_j <= cost_ij``, the
    error is ``sqrt(var u / n + var v / m)``.
    """
    n, m = cost.shape
    if n == m:
        columns = _transport.assignment(cost)
        value = float(cost[np.arange(n), columns].mean())
        u, v = _assignment_potentials(cost, columns)
    else:
        value, u, v = _unequal(cost)
    return value, sqrt(u.var(ddof=1) / n + v.var(ddof=1) / m)


def split_distance(rows: np.ndarray, n: int, group: FiniteGroup,
                   rng: np.random.Generator) -> float:
    """Distance between `n` random rows and the others."""
    order = rng.permutation(len(rows))
    return least_cost(group.min_distances(rows[order[:n]], rows[order[n:]]))


def least_cost(cost: np.ndarray) -> float:
    """Least mean cost of moving one sample to the other, of whatever sizes."""
    n, m = cost.shape
    return _transport.least_cost(cost) if n == m else _unequal(cost)[0]


def _assignment_potentials(cost: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Potentials of an optimal assignment: shortest paths, as in Bellman's and Ford's algorithm.

    As ``u_i + v_j`` is the cost where i goes to j, ``u_i <= u_k + cost_ij - cost_kj`` with j the
    column of row k. From u = 0, only rows whose potential has just fallen can lower others.
    """
    n = len(cost)
    matched = cost[np.arange(n), columns]
    lengths = cost.T[columns] - matched[:, None]  # from row k, to row i
    u, fallen = np.zeros(n), np.arange(n)
    rounding = 1e-14 * float(cost.max())
    for _ in range(n):
        lower = (lengths[fallen] + u[fallen, None]).min(axis=0)
        fallen = np.flatnonzero(lower < u - rounding)
        if not len(fallen):
            break
        u[fallen] = lower[fallen]
    v = np.empty(n)
    v[columns] = matched - u
    return u, v


def _unequal(cost: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Value and potentials where the samples differ in size."""
    try:
        import ot
    except ImportError as error:
        raise ImportError("samples of different size need the package POT: install divest[ot], or "
                          f"pass as many rows of P as of Q, got {len(cost)} and {len(cost.T)}."
                          ) from error
    n, m = cost.shape
    value, log = ot.emd2(np.full(n, 1 / n), np.full(m, 1 / m), cost, log=True,
                         check_marginals=False, numItermax=100_000_000)
    if log["warning"] is not None:
        raise RuntimeError(f"the transport problem was not solved: {log['warning']}")
    return float(value), np.asarray(log["u"]), np.asarray(log["v"])
