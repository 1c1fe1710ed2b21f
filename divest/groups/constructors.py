"""The groups that have a name, and their products."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations as _orders
from itertools import product as _pairs
from math import factorial

import numpy as np

from divest.groups._checks import check_order, check_whole
from divest.groups.finite_group import FiniteGroup


def cyclic(order: int) -> FiniteGroup:
    """Rotations of the plane by multiples of 360 / `order` degrees.

    Parameters
    ----------
    order : int
        Number of rotations, the identity among them.

    Returns
    -------
    FiniteGroup
        The group.

    Examples
    --------
    >>> from divest.groups import cyclic
    >>> cyclic(4).apply([[1.0, 0.0]], 1).tolist()
    [[0.0, 1.0]]
    """
    return FiniteGroup(_rotations(order))


def dihedral(order: int) -> FiniteGroup:
    """Rotations of the plane as in `cyclic`, and as many reflections: the symmetries of a polygon.

    Parameters
    ----------
    order : int
        Number of rotations: corners of the polygon. The group has twice as many elements.

    Returns
    -------
    FiniteGroup
        The group.

    Examples
    --------
    >>> from divest.groups import dihedral
    >>> dihedral(4).order
    8
    """
    rotations = _rotations(order)
    return FiniteGroup(np.concatenate([rotations, rotations @ np.diag([1.0, -1.0])]))


def sign_flips(d: int) -> FiniteGroup:
    """Every change of signs of `d` columns, ``2**d`` in all.

    Parameters
    ----------
    d : int
        Number of columns.

    Returns
    -------
    FiniteGroup
        The group.

    Raises
    ------
    ValueError
        When the group would have too many elements.

    Examples
    --------
    >>> from divest.groups import sign_flips
    >>> sign_flips(3).order
    8
    """
    check_order(2 ** min(check_whole("d", d), 50), f"2**{d}")  # 2**50 is too many as well
    return FiniteGroup([np.diag(signs) for signs in _pairs([1.0, -1.0], repeat=d)])


def permutations(blocks: int | Sequence[Sequence[int]]) -> FiniteGroup:
    """Every order of like parts of a row, such as particles with some columns each.

    Parameters
    ----------
    blocks : int or sequence of sequence of int
        The columns of each part, as many in each; a number means so many parts of one column.
        Every column must occur; those that stay in place are added by `product`.

    Returns
    -------
    FiniteGroup
        The group.

    Raises
    ------
    ValueError
        When the parts differ in size, a column is missing or there twice, or there are more than 7.
    TypeError
        When `blocks` is neither a number nor a sequence of sequences.

    Examples
    --------
    >>> from divest.groups import permutations
    >>> particles = permutations([[0, 1], [2, 3], [4, 5]])
    >>> particles.order
    6
    >>> particles.apply([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], 1).tolist()
    [[1.0, 2.0, 5.0, 6.0, 3.0, 4.0]]
    """
    parts = _parts(blocks)
    named = [column for part in parts for column in part]
    if len({len(part) for part in parts}) != 1 or sorted(named) != list(range(len(named))):
        raise ValueError("blocks must have the same number of columns each, and together hold each "
                         f"of the columns 0, 1, ... once; got {blocks!r}.")
    orders = np.empty((factorial(len(parts)), len(named)), np.intp)
    for row, order in zip(orders, _orders(range(len(parts))), strict=True):
        row[named] = [column for part in order for column in parts[part]]
    return FiniteGroup.from_permutations(orders)


def _parts(blocks: int | Sequence[Sequence[int]]) -> list[list[int]]:
    """The columns of each part, where there are not too many parts."""
    whole = isinstance(blocks, (int, np.integer))
    try:
        count = check_whole("blocks", blocks) if whole else len(blocks)  # type: ignore[arg-type]
        check_order(factorial(min(count, 20)), f"{count}!")  # 20! is too many as well
        return [[i] if whole else list(blocks[i]) for i in range(count)]  # type: ignore[index]
    except (KeyError, TypeError):
        raise TypeError("blocks must be the number of parts, a whole number, or the columns of "
                        f"each part, such as [[0, 1], [2, 3]]; got {blocks!r}.") from None


def product(a: FiniteGroup, b: FiniteGroup) -> FiniteGroup:
    """Two groups side by side: `a` acts on the first columns, `b` on the others.

    Parameters
    ----------
    a : FiniteGroup
        The group of the first ``a.n_features`` columns.
    b : FiniteGroup
        The group of the other columns; ``FiniteGroup([np.eye(k)])`` leaves k columns as they are.

    Returns
    -------
    FiniteGroup
        The group of all pairs.

    Raises
    ------
    ValueError
        When a group is a random subset, or the product has too many elements.

    Examples
    --------
    >>> from divest.groups import cyclic, product, sign_flips
    >>> product(cyclic(4), sign_flips(1))
    FiniteGroup(order=8, n_features=3)
    """
    for name, group in (("a", a), ("b", b)):
        if not isinstance(group, FiniteGroup):
            raise TypeError(f"{name} must be a FiniteGroup, got {group!r}.")
    if not (a.is_complete and b.is_complete):
        raise ValueError("a random subset of a group cannot be part of a product.")
    check_order(a.order * b.order)
    pairs = [_Beside(a, i, b, j) for i in range(a.order) for j in range(b.order)]
    d = a.n_features + b.n_features
    if callable(a._elements[0]) or callable(b._elements[0]):
        return FiniteGroup.from_callables(pairs, d)
    return FiniteGroup([pair(np.eye(d)).T for pair in pairs])


class _Beside:
    """An element of a product."""

    def __init__(self, a: FiniteGroup, i: int, b: FiniteGroup, j: int) -> None:
        self.a, self.i, self.b, self.j = a, i, b, j

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        first, others = rows[:, :self.a.n_features], rows[:, self.a.n_features:]
        return np.hstack([self.a._act(self.i, first), self.b._act(self.j, others)])


def _rotations(order: int) -> np.ndarray:
    """Matrices of rotations; sines and cosines of 0, 1/2 and 1 come out exactly."""
    check_order(check_whole("order", order))
    angles = 2 * np.pi * np.arange(order) / order
    turns = np.stack([np.cos(angles), np.sin(angles)])
    halves = np.round(2 * turns) / 2
    cos, sin = np.where(np.abs(turns - halves) < 1e-14, halves, turns)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
