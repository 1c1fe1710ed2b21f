"""Whether some transformations are a group, and whether they keep distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist

MAX_ORDER = 10_000
MAX_FEATURES = 10_000  # columns: random rows are sent through functions of them
MAX_SUBSET = 99  # random elements: with the identity they make 10,000 pairs
_SAME = 1e-8  # elements whose numbers differ by less are the same
_ISOMETRIC = 1e-10


def check_whole(name: str, value: Any) -> int:
    """`value`, a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be a whole number, at least 1, got {value!r}.")
    return int(value)


def stream(name: str, random_state: Any) -> np.random.Generator:
    """The random numbers that a user asks for."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be None, a non-negative integer or a numpy Generator, got "
                         f"{random_state!r}.") from None


def check_order(order: int, called: str = "") -> None:
    """Refuse groups without an element, or with too many; `called` says how many in short."""
    if order < 1:
        raise ValueError("a group has at least one element, the identity; got none.")
    if order > MAX_ORDER:
        raise ValueError(f"a group may have {MAX_ORDER} elements, got {called or order}; "
                         "FiniteGroup.random_subset takes random elements of a larger one.")


def checked_index(index: Any, order: int) -> np.ndarray:
    """Numbers of elements."""
    which = np.asarray(index)
    if which.dtype.kind not in "iu" or ((which < 0) | (which >= order)).any():
        raise ValueError(f"index must hold whole numbers from 0 to {order - 1}, as the group has "
                         f"{order} elements; got {index!r}.")
    return which


def same_shapes(name: str, elements: Any) -> np.ndarray:
    """All elements in one array."""
    try:
        return np.asarray(elements)
    except ValueError:
        shapes = [np.shape(element) for element in elements]
        other = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        raise ValueError(f"{name} must all have the same shape; number 0 has {shapes[0]}, and "
                         f"number {other} has {shapes[other]}.") from None


def checked_matrices(matrices: Any) -> np.ndarray:
    """Finite square matrices, (order, d, d)."""
    array = same_shapes("matrices", matrices)
    if array.dtype.kind not in "biuf" or array.ndim != 3 or array.shape[1] != array.shape[2] \
            or not array.size:
        raise ValueError("matrices must be numbers in an array of shape (order, d, d), "
                         f"got {array.dtype} of shape {array.shape}.")
    array = array.astype(float)
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    if len(wrong):
        raise ValueError(f"matrices must be finite; number {wrong[0]} holds NaN or infinity.")
    return array


def orthogonal(matrices: np.ndarray) -> bool:
    """Whether all are orthogonal to 1e-10."""
    excess = matrices.transpose(0, 2, 1) @ matrices - np.eye(matrices.shape[1])
    return bool(np.abs(excess).max() < _ISOMETRIC)


def keep_distances(probes: np.ndarray, images: np.ndarray) -> bool:
    """Whether the images (order, m, d) of the probes are as far apart as these."""
    apart = pdist(probes)
    return all(np.abs(pdist(image) - apart).max() < _ISOMETRIC for image in images)


def identity_of(images: np.ndarray, probes: np.ndarray,
                act: Callable[[int, np.ndarray], Any]) -> int:
    """The number of the identity, when the elements are a group.

    An element is known by its images (order, m, d) of the probes. Generators are taken until their
    products reach every element; as all products with a generator are found among the elements, all
    products of elements are. Each generator at least doubles what is reached, so they are few.
    """
    lookup = _Lookup(images.reshape(len(images), -1))
    order, identity = len(images), int(lookup.find(probes.reshape(1, -1))[0])
    if identity == order:
        raise ValueError("the identity is missing from the elements.")
    steps: list[np.ndarray] = []
    reached = {identity}
    while len(reached) < order:
        new = next(i for i in range(order) if i not in reached)
        step = lookup.find(np.stack([np.ravel(act(g, images[new])) for g in range(order)]))
        _check_step(step, new)
        steps.append(step)
        reached = _reached(identity, steps)
    return identity


def _check_step(step: np.ndarray, new: int) -> None:
    """Every element after `new` is an element, and no two give the same."""
    order = len(step)
    if (step == order).any():
        missing = int(np.flatnonzero(step == order)[0])
        raise ValueError(f"not closed: element {missing} after element {new} is none of the "
                         "elements; add the missing ones.")
    if len(np.unique(step)) < order:
        raise ValueError(f"element {new} cannot be undone, so this is no group.")


class _Lookup:
    """Which element some numbers are; random projections tell elements apart quickly."""

    def __init__(self, flat: np.ndarray) -> None:
        self.flat = flat
        self.directions = np.random.default_rng(0).normal(size=(flat.shape[1], 3))
        self.tree = KDTree(flat @ self.directions)
        if len(flat) > 1:
            nearest = self.tree.query(self.tree.data, [1, 2])[1]
            twice = np.abs(flat[nearest[:, 0]] - flat[nearest[:, 1]]).max(axis=1) < _SAME
            if twice.any():
                first, second = sorted(nearest[np.flatnonzero(twice)[0]].tolist())
                raise ValueError(f"elements {first} and {second} are the same; give each one once.")

    def find(self, points: np.ndarray) -> np.ndarray:
        """The number of each; the number of elements where it is none of them."""
        nearest = np.asarray(self.tree.query(points @ self.directions)[1])
        same = np.abs(points - self.flat[nearest]).max(axis=1) < _SAME
        return np.where(same, nearest, len(self.flat))


def _reached(identity: int, steps: list[np.ndarray]) -> set[int]:
    """The elements that any number of steps lead to; a step from g is to g s."""
    found, queue = {identity}, [identity]
    for element in queue:
        new = {int(step[element]) for step in steps} - found
        found |= new
        queue.extend(new)
    return found
