"""A model as goodness-of-fit tests see it: score, log density, support and sampler, all checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest._validation import check_integer, check_sample

Bounds = tuple[np.ndarray, np.ndarray]


class OutOfSupportError(ValueError):
    """Some rows lie where the model has no density, so no score exists there.

    Examples
    --------
    >>> from scipy import stats
    >>> from divest.goodness_of_fit import OutOfSupportError, as_score_model
    >>> try:
    ...     as_score_model(stats.expon()).score([[1.0], [-2.0]])
    ... except OutOfSupportError as error:
    ...     print("row 1" in str(error))
    True
    """


class SupportBoundaryError(ValueError):
    """The density does not vanish at the edge of its support, so the Stein identity fails there.

    Examples
    --------
    >>> from divest.goodness_of_fit import SupportBoundaryError
    >>> issubclass(SupportBoundaryError, ValueError)
    True
    """


@dataclass(frozen=True, eq=False)
class ScoreModel:
    """A model known through its score, the gradient of its log density in x.

    Made by `as_score_model`, `from_torch` and `from_jax`. The functions given here are wrapped, so
    that calling ``model.score(X)`` checks the rows that go in and the numbers that come out.

    Parameters
    ----------
    score : callable
        Takes ``X`` of shape (n, d) and returns the gradient of the log density at each row, (n, d).
    log_density : callable, optional
        Takes ``X`` and returns the log density at each row, (n,), up to a constant. Outside the
        support the wrapped function gives ``-inf``.
    support : tuple of (lower, upper), optional
        Numbers, or arrays with one entry per column; infinite where there is no edge. None: nothing
        is known, and the whole space is taken.
    sample : callable, optional
        Takes ``n`` and a source of random numbers, and returns rows of the model, (n, d).
    name : str, default "model"
        Name shown in results and errors.
    n_features : int, optional
        Number of columns; None where the functions take any number.

    Attributes
    ----------
    bounded : bool
        Whether the support has an edge that is finite.

    Raises
    ------
    OutOfSupportError
        By ``score(X)``, for rows outside the support or of log density ``-inf``.
    ValueError
        By the functions, for a wrong number of columns, a result of a wrong shape, NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.goodness_of_fit import ScoreModel
    >>> model = ScoreModel(lambda X: -X, name="standard normal")
    >>> model.score([[1.0, 2.0]])
    array([[-1., -2.]])
    """

    score: Callable[..., Any] = field(repr=False)
    log_density: Callable[..., Any] | None = field(default=None, repr=False)
    support: Any = None
    sample: Callable[..., Any] | None = field(default=None, repr=False)
    name: str = "model"
    n_features: int | None = None

    def __post_init__(self) -> None:
        """Check the support and wrap the functions."""
        support = as_support(self.support, self.n_features)
        d = self.n_features
        if d is None and support is not None and len(support[0]) > 1:
            d = len(support[0])
        space = _Space(self.name, support, d)
        put = object.__setattr__
        put(self, "support", support)
        put(self, "n_features", d)
        if self.log_density is not None:
            put(self, "log_density", _LogDensity(_plain(self.log_density), space))
        if self.sample is not None:
            put(self, "sample", _Sampler(_plain(self.sample), space))
        put(self, "score", _Score(_plain(self.score), self.log_density, space))

    @property
    def bounded(self) -> bool:
        """Whether the support has an edge that is finite."""
        return self.support is not None and bool(np.isfinite(self.support).any())

    def bounds(self, d: int) -> Bounds:
        """Lower and upper edge of each of `d` columns.

        Parameters
        ----------
        d : int
            Number of columns of the data.

        Returns
        -------
        tuple of ndarray of shape (d,)
            Lower and upper edges, infinite where there is none.
        """
        return _bounds(self.support, check_integer("d", d, 1))


def as_support(support: Any, d: int | None, name: str = "support") -> Bounds | None:
    """`support` as two arrays, of `d` entries where `d` is known."""
    if support is None:
        return None
    wrong = (f"{name} must be (lower, upper) with lower < upper, each a number or one number per "
             f"column, infinite where there is no edge; got {support!r}.")
    try:
        lower, upper = (np.atleast_1d(np.asarray(edge, dtype=float)) for edge in support)
        lower, upper = (edge.copy() for edge in np.broadcast_arrays(lower, upper))
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    if lower.ndim != 1 or not (lower < upper).all():
        raise ValueError(wrong)
    if d is None or len(lower) == d:
        return lower, upper
    if len(lower) > 1:
        raise ValueError(f"{name} must have one entry for each of the {d} columns of the model, "
                         f"got {len(lower)}.")
    return np.repeat(lower, d), np.repeat(upper, d)


def name_rows(bad: np.ndarray, labels: Sequence[int] | None = None) -> str:
    """The rows where `bad` is true, in words."""
    found = np.flatnonzero(bad)
    if labels is not None:
        found = np.asarray(labels)[found]
    first = ", ".join(str(row) for row in found[:5])
    if len(found) == 1:
        return f"row {first}"
    return f"rows {first}{f', ... ({len(found)} in all)' if len(found) > 5 else ''}"


def _bounds(support: Bounds | None, d: int) -> Bounds:
    if support is None:
        return np.full(d, -np.inf), np.full(d, np.inf)
    lower, upper = (np.broadcast_to(edge, (d,)).copy() for edge in support)
    return lower, upper


def _plain(function: Any) -> Any:
    """What a wrapper holds, so that nothing is wrapped twice."""
    return function.function if isinstance(function, (_LogDensity, _Sampler, _Score)) else function


@dataclass(frozen=True, eq=False)
class _Space:
    """What rows of a model look like."""

    name: str
    support: Bounds | None
    n_features: int | None

    def rows(self, X: Any) -> np.ndarray:
        """`X` as a matrix with the columns of the model."""
        X = check_sample(X, "X")[0]
        if self.n_features is not None and X.shape[1] != self.n_features:
            raise ValueError(f"{self.name} is a model of {self.n_features} column"
                             f"{'s' if self.n_features != 1 else ''}, got X of shape {X.shape}.")
        return X

    def inside(self, X: np.ndarray) -> np.ndarray:
        """Whether each row lies in the support, its edge included."""
        if self.support is None:
            return np.ones(len(X), dtype=bool)
        lower, upper = self.support
        return np.asarray(((X >= lower) & (X <= upper)).all(axis=1))


@dataclass(frozen=True, eq=False)
class _LogDensity:
    """A log density that gives -inf outside the support, and never NaN."""

    function: Callable[..., Any]
    space: _Space

    def __call__(self, X: Any, labels: Sequence[int] | None = None) -> np.ndarray:
        X = self.space.rows(X)
        inside = self.space.inside(X)
        values = np.full(len(X), -np.inf)
        if inside.any():
            values[inside] = self._evaluate(X[inside])
        if (bad := np.isnan(values) | (values == np.inf)).any():
            raise ValueError(f"the log density of {self.space.name} is NaN or +infinity at "
                             f"{name_rows(bad, labels)}.")
        return values

    def _evaluate(self, X: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(X), dtype=float)
        if values.shape != (len(X),):
            raise ValueError(f"log_density of {self.space.name} must give one number per row, "
                             f"shape {(len(X),)} for X of shape {X.shape}; got shape "
                             f"{values.shape}.")
        return values


@dataclass(frozen=True, eq=False)
class _Score:
    """A score that refuses rows outside the support, and gives finite numbers only."""

    function: Callable[..., Any]
    log_density: Callable[..., Any] | None
    space: _Space

    def __call__(self, X: Any, labels: Sequence[int] | None = None) -> np.ndarray:
        X = self.space.rows(X)
        self._refuse_outside(X, labels)
        with np.errstate(all="ignore"):
            values = np.asarray(self.function(X), dtype=float)
        if values.shape != X.shape:
            hint = (" A function that gives one number per row is a log density: pass it as "
                    "as_score_model(log_density=...)." if values.shape == (len(X),) else "")
            raise ValueError(f"the score of the model {self.space.name} must have the shape of X, "
                             f"{X.shape}; got shape {values.shape}.{hint}")
        if (bad := ~np.isfinite(values).all(axis=1)).any():
            raise ValueError(
                f"the score of {self.space.name} is NaN or infinite at {name_rows(bad, labels)}. "
                "Rows on the edge of the support have no score; pass support= where the density "
                "has an edge.")
        return values

    def _refuse_outside(self, X: np.ndarray, labels: Sequence[int] | None) -> None:
        bad, why = ~self.space.inside(X), "outside its support"
        if not bad.any() and self.log_density is not None:
            bad, why = self.log_density(X, labels) == -np.inf, "where its log density is -infinity"
        if bad.any():
            raise OutOfSupportError(
                f"{self.space.name} has no score at {name_rows(bad, labels)}: {why}. Such rows "
                "speak against the model without any test; remove them or change the model.")


@dataclass(frozen=True, eq=False)
class _Sampler:
    """A sampler that gives n rows of finite numbers."""

    function: Callable[..., Any]
    space: _Space

    def __call__(self, n: int, rng: Any = None) -> np.ndarray:
        n = check_integer("n", n, 1)
        rows = np.asarray(self.function(n, np.random.default_rng(rng)), dtype=float)
        d = self.space.n_features
        if rows.ndim != 2 or len(rows) != n or (d is not None and rows.shape[1] != d):
            raise ValueError(f"sample of {self.space.name} must give shape "
                             f"({n}, {'d' if d is None else d}), got {rows.shape}.")
        return self.space.rows(rows)
