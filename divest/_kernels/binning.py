"""Compiled binning of rows to the nodes of a regular grid."""

import numpy as np

from divest._jit import kernel


@kernel
def linear_binning(rows, weights, start, rate, strides, mass):
    """Add the weight of each row to the nodes around it, in shares that are linear on each axis.

    `rows` (n, d); `weights` (n,), or empty where each is 1; ``(x - start) * rate >= 0`` is the
    position on an axis in nodes, `strides` the way to the next node in `mass`; (d,) each.
    """
    if rows.shape[1] == 1:
        bin_line(rows[:, 0], weights, start[0], rate[0], mass)
        return
    d = rows.shape[1]
    upper = np.empty(d)
    for i in range(rows.shape[0]):
        cell = 0
        for k in range(d):
            position = (rows[i, k] - start[k]) * rate[k]
            node = int(position)
            upper[k] = position - node
            cell += node * strides[k]
        weight = weights[i] if len(weights) else 1.0
        for corner in range(1 << d):
            at, share = cell, weight
            for k in range(d):
                if (corner >> k) & 1:
                    share *= upper[k]
                    at += strides[k]
                else:
                    share *= 1.0 - upper[k]
            mass[at] += share


@kernel
def bin_line(x, weights, start, rate, mass):
    """The same along one axis."""
    for i in range(len(x)):
        position = (x[i] - start) * rate
        node = int(position)
        upper = position - node
        weight = weights[i] if len(weights) else 1.0
        mass[node] += weight * (1.0 - upper)
        mass[node + 1] += weight * upper
