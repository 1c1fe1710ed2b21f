"""Law of the largest nearest-neighbour link of uniform rows: its Poisson form."""

from __future__ import annotations

from itertools import pairwise
from math import gamma, pi

import numpy as np
from scipy.special import bdtr

_NODES = 80  # of the quadrature, for each part of an edge


def expected_in_torus(n: int, k: int, r: float, sides: np.ndarray) -> float:
    """Expected number of n uniform rows with fewer than k others within r.

    Right where r is below half the shortest side, so that a ball does not meet itself.
    """
    d = len(sides)
    ball = pi ** (d / 2) / gamma(d / 2 + 1) * r**d
    return float(n * _fewer(n, k, ball / sides.prod()))


def expected_in_box(n: int, k: int, r: float, sides: np.ndarray) -> float:
    """The same in a box of one or two dimensions, with its edges, by Gauss-Legendre quadrature.

    By symmetry a corner of the box, half of every side, stands for all of it.
    """
    nodes = [_half_side(side, r) for side in sides]
    weights = nodes[0][1] if len(sides) == 1 else np.outer(nodes[0][1], nodes[1][1])
    if len(sides) == 1:
        x, side = nodes[0][0], sides[0]
        inside = np.minimum(x, r) + np.minimum(side - x, r)
    else:
        x, y = nodes[0][0][:, None], nodes[1][0][None]
        inside = sum(_corner_of_disc(a, b, r) for a in (x, sides[0] - x) for b in (y, sides[1] - y))
    shares = _fewer(n, k, inside / sides.prod())
    return float(n * 2 ** len(sides) / sides.prod() * (weights * shares).sum())


def _fewer(n: int, k: int, share: np.ndarray) -> np.ndarray:
    """Probability that fewer than k of n - 1 rows lie in a part that is this share of all."""
    return bdtr(k - 1.0, n - 1, np.minimum(share, 1.0))


def _half_side(side: float, r: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on half of a side, in two parts where a ball ceases to meet the edge."""
    ends = [0.0, r, side / 2] if r < side / 2 else [0.0, side / 2]
    u, w = np.polynomial.legendre.leggauss(_NODES)
    parts = [(low + (high - low) * (u + 1) / 2, (high - low) / 2 * w)
             for low, high in pairwise(ends)]
    x, weights = (np.concatenate(values) for values in zip(*parts, strict=True))
    return x, weights


def _corner_of_disc(a: np.ndarray, b: np.ndarray, r: float) -> np.ndarray:
    """Area of the points (u, v) of a disc around 0 with 0 < u < a and 0 < v < b."""
    a, b = np.minimum(a, r), np.minimum(b, r)
    flat = np.minimum(a, np.sqrt(r * r - b * b))  # up to here the disc reaches beyond b
    return b * flat + _under_circle(a, r) - _under_circle(flat, r)


def _under_circle(u: np.ndarray, r: float) -> np.ndarray:
    """Area below the circle from 0 to u."""
    return (u * np.sqrt(r * r - u * u) + r * r * np.arcsin(u / r)) / 2
