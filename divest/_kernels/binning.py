"""Compiled binning of rows to the nodes of a regular grid."""

import math

import numpy as np

from divest._jit import kernel


@kernel
def linear_binning(rows, weights, start, rate, first, strides, mass):
    """Add the weight of each row to the nodes around it, in shares that are linear on each axis.

    `rows` (n, d); `weights` (n,), or empty where each is 1; ``(x - start) * rate`` is the position
    on an axis, `first` the node of it that comes first, `strides` the way to the next node in
    `mass`; (d,) each.
    """
    d = rows.shape[1]
    upper = np.empty(d)
    for i in range(rows.shape[0]):
        cell = 0
        for k in range(d):
            position = (rows[i, k] - start[k]) * rate[k]
            node = math.floor(position)
            upper[k] = position - node
            cell += (int(node) - first[k]) * strides[k]
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
