"""A finite group that acts on rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from divest.groups._checks import (
    MAX_FEATURES,
    MAX_SUBSET,
    check_order,
    check_whole,
    checked_index,
    checked_matrices,
    identity_of,
    keep_distances,
    orthogonal,
    same_shapes,
    stream,
)
from divest.kernels._number import real_numbers


class FiniteGroup:
    """Finitely many transformations of rows: with two of them, one after the other is there too.

    A row x goes to g x; for a matrix that is the row ``g @ x``, and all rows go to ``X @ g.T``.

    Parameters
    ----------
    matrices : array-like of shape (order, d, d)
        One matrix for each element of the group, the identity among them.

    Attributes
    ----------
    order : int
        Number of elements.
    n_features : int
        Number of columns d of the rows it acts on.
    identity : int
        Which element changes nothing.
    is_isometric : bool
        Whether no element changes a distance.
    is_complete : bool
        Whether all elements are there; False after `random_subset`.

    Raises
    ------
    ValueError
        When the identity or a product is missing, an element is there twice or not finite, or
        there are more than 10000.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.groups import FiniteGroup
    >>> group = FiniteGroup([np.eye(2), -np.eye(2)])
    >>> group
    FiniteGroup(order=2, n_features=2)
    >>> group.orbit([[1.0, 2.0]]).tolist()
    [[[1.0, 2.0]], [[-1.0, -2.0]]]
    """

    order: int
    n_features: int
    identity: int
    is_isometric: bool
    is_complete: bool

    def __init__(self, matrices: Any) -> None:
        self._set_up(checked_matrices(matrices))

    @classmethod
    def from_permutations(cls, perms: Any) -> FiniteGroup:
        """A group that puts the columns into other orders; its elements are kept as such.

        Parameters
        ----------
        perms : array-like of shape (order, d)
            One order of the columns 0 to d - 1 for each element, which takes X to ``X[:, perm]``.

        Returns
        -------
        FiniteGroup
            The group.

        Raises
        ------
        ValueError
            When an entry is no permutation, or the elements are no group.

        Examples
        --------
        >>> from divest.groups import FiniteGroup
        >>> FiniteGroup.from_permutations([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
        FiniteGroup(order=3, n_features=3)
        """
        columns = same_shapes("perms", perms)
        if columns.ndim != 2 or columns.dtype.kind not in "iu" or not columns.size:
            raise ValueError("perms must be whole numbers in an array of shape (order, d), got "
                             f"{columns.dtype} of shape {columns.shape}.")
        wrong = np.flatnonzero((np.sort(columns, axis=1) != np.arange(columns.shape[1])).any(1))
        if len(wrong):
            raise ValueError(f"each of perms must hold the columns 0 to {columns.shape[1] - 1} "
                             f"once; number {wrong[0]} is {columns[wrong[0]].tolist()}.")
        return cls._from_elements(columns.astype(np.intp))

    @classmethod
    def from_callables(cls, functions: Iterable[Callable[[np.ndarray], Any]],
                       n_features: int) -> FiniteGroup:
        """A group of functions, which need not be linear.

        Whether they are a group, and isometric, is checked at random points.

        Parameters
        ----------
        functions : iterable of callable
            One for each element; each takes rows (n, d) to rows (n, d).
        n_features : int
            Number of columns d.

        Returns
        -------
        FiniteGroup
            The group. It can be pickled where the functions can.

        Raises
        ------
        ValueError
            When a function returns another shape, NaN or infinity, or they are no group, or
            `n_features` is no whole number above 0.
        TypeError
            When one is no function.

        Examples
        --------
        >>> from divest.groups import FiniteGroup
        >>> FiniteGroup.from_callables([lambda X: X, lambda X: 1 - X], n_features=2)
        FiniteGroup(order=2, n_features=2)
        """
        if not np.iterable(functions):
            raise TypeError(f"functions must be a list of functions of rows, got {functions!r}.")
        functions = tuple(functions)
        if check_whole("n_features", n_features) > MAX_FEATURES:
            raise ValueError(f"n_features must be at most {MAX_FEATURES}, got {n_features}.")
        if other := [f for f in functions if not callable(f)]:
            raise TypeError(f"functions must hold functions of rows, got {other[0]!r}.")
        probes = np.random.default_rng(0).normal(size=(n_features + 4, n_features))
        return cls._from_elements(functions, probes)

    @classmethod
    def random_subset(cls, draw: Callable[[np.random.Generator], Any], size: int,
                      random_state: Any = None) -> FiniteGroup:
        """The identity and random elements of a group too large to list.

        Only averages over the group can be had from a subset, so measures by the MMD take it and
        nothing else does. They compare laws averaged over the subset, from all pairs of its
        elements: the time grows with the square of `size`.

        Parameters
        ----------
        draw : callable
            ``draw(rng)`` returns the orthogonal matrix (d, d) of a uniformly random element.
        size : int
            Number of draws, at most 99; with the identity there is one element more.
        random_state : int, Generator or None, default None
            Source of the draws.

        Returns
        -------
        FiniteGroup
            The subset; its `is_complete` is False.

        Raises
        ------
        ValueError
            When `size` is not 1 to 99, or a matrix is not orthogonal.

        Examples
        --------
        >>> import numpy as np
        >>> from divest.groups import FiniteGroup
        >>> FiniteGroup.random_subset(lambda rng: np.diag(rng.choice([-1, 1], 50)), 20, 0)
        FiniteGroup(order=21, n_features=50, subset)
        """
        if check_whole("size", size) > MAX_SUBSET:
            raise ValueError(f"size must be at most {MAX_SUBSET}, as all pairs of elements are "
                             f"used; got {size}.")
        if not callable(draw):
            raise TypeError(f"draw must be a function of a random generator, got {draw!r}.")
        rng = stream("random_state", random_state)
        drawn = checked_matrices([draw(rng) for _ in range(size)])
        group = cls.__new__(cls)
        group._elements = np.concatenate([np.eye(drawn.shape[1])[None], drawn])
        group.order, group.n_features = group._elements.shape[:2]
        group.is_complete, group.identity = False, 0
        group.is_isometric = orthogonal(drawn)
        if not group.is_isometric:
            raise ValueError("draw must return orthogonal matrices, and it did not.")
        return group

    @classmethod
    def _from_elements(cls, elements: Any, probes: np.ndarray | None = None) -> FiniteGroup:
        group = cls.__new__(cls)
        group._set_up(elements, probes)
        return group

    def _set_up(self, elements: Any, probes: np.ndarray | None = None) -> None:
        """Take matrices (order, d, d), permutations (order, d) or functions, and check them.

        What an element does to the probes tells it from all others.
        """
        self._elements = elements
        check_order(len(elements))
        if probes is None:
            d = elements.shape[-1]
            probes = np.eye(d) if elements.ndim == 3 else np.arange(d, dtype=float)[None]
        self.order, self.n_features, self.is_complete = len(elements), probes.shape[1], True
        images = np.stack([self._checked_image(i, probes) for i in range(self.order)])
        self.identity = identity_of(images, probes, self._act)
        if callable(elements[0]):
            self.is_isometric = keep_distances(probes, images)
        else:
            self.is_isometric = elements.ndim == 2 or orthogonal(elements)

    def _act(self, index: int, rows: np.ndarray) -> Any:
        """One element applied to all rows."""
        element = self._elements[index]
        if callable(element):
            return element(rows)
        return rows[:, element] if element.ndim == 1 else rows @ element.T

    def _checked_image(self, index: int, probes: np.ndarray) -> np.ndarray:
        image = np.asarray(self._act(index, probes.copy()), float)
        if image.shape != probes.shape or not np.isfinite(image).all():
            raise ValueError(f"element {index} must take {probes.shape} finite numbers to as many; "
                             f"it returned shape {image.shape}, or NaN or infinity.")
        return image

    def __repr__(self) -> str:
        subset = "" if self.is_complete else ", subset"
        return f"FiniteGroup(order={self.order}, n_features={self.n_features}{subset})"

    def apply(self, X: Any, index: Any) -> np.ndarray:
        """Rows after one element, or each row after an element of its own.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The rows.
        index : int or array of int of shape (n,)
            Which element; or which for each row.

        Returns
        -------
        ndarray of shape (n, d)
            New rows.

        Raises
        ------
        ValueError
            When `X` has another number of columns, or `index` of entries, or an entry is none of
            the numbers 0 to ``order - 1``.

        Examples
        --------
        >>> from divest.groups import sign_flips
        >>> sign_flips(1).apply([[1.0], [2.0]], [0, 1]).tolist()
        [[1.0], [-2.0]]
        """
        rows, which = self._rows(X, "X"), checked_index(index, self.order)
        if which.ndim == 0:
            return np.array(self._act(int(which), rows), float)
        if which.shape != (len(rows),):
            raise ValueError(f"index must be one number, or one for each of the {len(rows)} rows, "
                             f"got the shape {which.shape}.")
        out = np.empty_like(rows)
        for element in np.unique(which):
            mine = which == element
            out[mine] = self._act(int(element), rows[mine])
        return out

    def orbit(self, X: Any) -> np.ndarray:
        """All images of all rows.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The rows.

        Returns
        -------
        ndarray of shape (order, n, d)
            The rows after each element.
        """
        rows = self._rows(X, "X")
        return np.stack([self._act(i, rows) for i in range(self.order)])

    def symmetrize(self, X: Any) -> np.ndarray:
        """The sample with all its images, which is what the average over the group looks like.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The rows.

        Returns
        -------
        ndarray of shape (order * n, d)
            The images under the first element, then those under the second, and so on.
        """
        return self.orbit(X).reshape(-1, self.n_features)

    def min_distances(self, P: Any, Q: Any) -> np.ndarray:
        """The smallest distance ``min_g |x - g y|`` of each row of P to the images of each of Q.

        Parameters
        ----------
        P : array-like of shape (n, d)
            Rows x.
        Q : array-like of shape (m, d)
            Rows y.

        Returns
        -------
        ndarray of shape (n, m)
            Distances. With an isometric group they are those between orbits.

        Examples
        --------
        >>> from divest.groups import sign_flips
        >>> sign_flips(1).min_distances([[1.0]], [[-1.0], [3.0]]).tolist()
        [[0.0, 2.0]]
        """
        P, Q = self._rows(P, "P"), self._rows(Q, "Q")
        smallest = cdist(P, self._act(0, Q))
        for i in range(1, self.order):
            np.minimum(smallest, cdist(P, self._act(i, Q)), out=smallest)
        if not np.isfinite(smallest).all():
            raise ValueError("rows of P and Q are so far apart that their distances are no floats; "
                             "divide both by a constant.")
        return smallest

    def _rows(self, X: Any, name: str) -> np.ndarray:
        rows = real_numbers(name, X)
        rows = rows[:, None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ValueError(f"{name} must have {self.n_features} columns, as the group acts on "
                             f"these; got the shape {rows.shape}.")
        return rows
