"""Families of densities whose scores are linear in the parameters: exponential families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from divest._validation import check_finite, check_floats, check_integer, check_sample

STEP = 6e-6  # of central differences, in units of the value or the spread of a column
_WIDEST = 1e-3  # of a step, in units of the spread: values may be far from 0 and close together
_NEAREST = 1e-9  # to 0, in the same units; what is nearer may be 0 but for rounding
_SHARE = 0.01  # of the way to 0 that a step may go, as there may be an edge


@dataclass(frozen=True)
class LinearScore:
    r"""A family of densities with the scores ``Gamma(x) theta + b(x)``, linear in the parameters.

    These are exponential families: with natural statistics T and base measure exp(B), the density
    is :math:`\exp(\theta \cdot T(x) + B(x))` up to its constant, Gamma holds the derivatives of T
    in x, and b is the gradient of B.

    Attributes
    ----------
    gamma : callable
        Takes `X` of shape (n, d) and returns Gamma at each row, (n, d, p).
    offset : callable, optional
        Takes `X` and returns b at each row, (n, d); left out, b is 0.
    names : sequence of str, optional
        Names of the p parameters; by default theta_0, theta_1 and so on.
    sample : callable, optional
        ``sample(theta, n, rng)`` returns n rows of the density on the whole space.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.unnormalized import LinearScore
    >>> family = LinearScore(np.ones_like, lambda X: -X)  # not of shape (n, d, p)
    >>> family.fields(np.zeros((4, 1)))
    Traceback (most recent call last):
    ...
    ValueError: gamma must give an array of shape (4, 1, p) for X of shape (4, 1); got (4, 1).
    >>> family = LinearScore(lambda X: np.ones((len(X), 1, 1)), lambda X: -X, names=["mean"])
    >>> family.score([[0.0], [1.0]], [0.5])
    array([[ 0.5],
           [-0.5]])
    """

    gamma: Callable[..., Any] = field(repr=False)
    offset: Callable[..., Any] | None = field(default=None, repr=False)
    names: Sequence[str] | None = None
    sample: Callable[..., Any] | None = field(default=None, repr=False)

    def fields(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Gamma and b at each row.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.

        Returns
        -------
        gamma : ndarray of shape (n, d, p)
            What the parameters are multiplied with.
        offset : ndarray of shape (n, d)
            The score where all parameters are 0.

        Raises
        ------
        ValueError
            When a function gives another shape, NaN or infinity.
        """
        X = check_sample(X, "X")[0]
        gamma = np.asarray(self.gamma(X), dtype=float)
        if gamma.ndim != 3 or gamma.shape[:2] != X.shape or not gamma.shape[2]:
            n, d = X.shape
            raise ValueError(f"gamma must give an array of shape ({n}, {d}, p) for X of shape "
                             f"{X.shape}; got {gamma.shape}.")
        offset = np.zeros(X.shape) if self.offset is None else np.asarray(self.offset(X), float)
        if offset.shape != X.shape:
            raise ValueError(f"offset must give the shape of X, {X.shape}; got {offset.shape}.")
        check_finite(gamma.reshape(len(X), -1), "gamma(X)")
        check_finite(offset, "offset(X)")
        return gamma, offset

    def score(self, X: Any, theta: Any) -> np.ndarray:
        """The score of one member of the family.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Rows.
        theta : array-like of shape (p,)
            Parameters.

        Returns
        -------
        ndarray of shape (n, d)
            The gradient in x of the log density at each row.
        """
        gamma, offset = self.fields(X)
        values = check_floats("theta", theta)
        if values.shape != gamma.shape[2:]:
            raise ValueError(f"theta must have one entry per parameter, {gamma.shape[2]}; got "
                             f"shape {values.shape}.")
        return gamma @ values + offset

    def parameter_names(self, d: int, p: int) -> list[str]:
        """Names of `p` parameters of a density of `d` columns.

        Parameters
        ----------
        d : int
            Number of columns.
        p : int
            Number of parameters.

        Returns
        -------
        list of str
            One name each.

        Raises
        ------
        ValueError
            When `names` were given, but not p of them.
        """
        p = check_integer("p", p, 1)
        if self.names is None:
            return [f"theta_{k}" for k in range(p)]
        if not np.iterable(self.names):
            raise TypeError(f"names must be a list of names, got {self.names!r}.")
        names = list(self.names)
        if len(names) != p:
            raise ValueError(f"names must hold one name for each of the {p} parameters, got "
                             f"{len(names)}.")
        return [str(name) for name in names]


def exponential_family(statistics: Callable[..., Any], log_base: Callable[..., Any] | None = None,
                       *, names: Sequence[str] | None = None) -> LinearScore:
    r"""The exponential family of natural statistics, whose derivatives are taken by differences.

    The density is :math:`\exp(\theta \cdot T(x) + B(x))` up to its constant.

    Parameters
    ----------
    statistics : callable
        T: takes `X` of shape (n, d) and returns the p statistics of each row, (n, p). Each row of
        the result must depend on the same row of `X` alone.
    log_base : callable, optional
        B: takes `X` and returns the logarithm of the base measure at each row, (n,).
    names : sequence of str, optional
        Names of the p parameters.

    Returns
    -------
    LinearScore
        The family. Central differences cost 2 d evaluations, with an error near 1e-10 of the scale.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.unnormalized import SteinEstimator, exponential_family
    >>> X = np.random.default_rng(0).normal(size=(1000, 1))
    >>> family = exponential_family(lambda X: np.hstack([X**2, X**4]), names=["square", "quartic"])
    >>> SteinEstimator(family).fit(X).confidence_interval().round(2)
      parameter   low  high
    0    square -0.66 -0.41
    1   quartic -0.02  0.02
    """
    base = None if log_base is None else partial(_base_gradient, log_base)
    return LinearScore(partial(_differences, statistics), base, names)


def gaussian_score(covariance: Any = None) -> LinearScore:
    r"""Normal densities on the whole space or on a part of it.

    Parameters
    ----------
    covariance : float or array-like of shape (d, d), optional
        The covariance of the columns, where it is known; a number stands for that many times the
        identity. The parameters are then the mean. Left out, they are the natural ones: precision
        times mean, and the entries of the precision (the inverse of the covariance) on and above
        the diagonal; `mean_and_covariance` of the result translates them.

    Returns
    -------
    LinearScore
        The family, for any number of columns.

    Raises
    ------
    ValueError
        When `covariance` is not positive definite.

    Notes
    -----
    The score is :math:`\Sigma^{-1}(\mu - x)`. On a part of the space, mean and covariance are those
    of the normal law that is cut, not of the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.unnormalized import SteinEstimator, gaussian_score
    >>> X = np.random.default_rng(0).normal(3.0, 2.0, size=(500, 1))
    >>> estimator = SteinEstimator(gaussian_score()).fit(X)
    >>> mean, covariance = estimator.family.mean_and_covariance(estimator.coef_)
    >>> mean.round(1), covariance.round(1)
    (array([3.]), array([[4.]]))
    """
    return _FreeGaussian() if covariance is None else _GaussianMean(_covariance(covariance))


class _FreeGaussian(LinearScore):
    """Mean and covariance unknown; theta is (Lambda mu, Lambda_jk for j <= k)."""

    def __init__(self) -> None:
        super().__init__(_free_gamma, sample=self._sample)

    def __repr__(self) -> str:
        return "gaussian_score()"

    def parameter_names(self, d: int, p: int) -> list[str]:
        """Those of the natural parameters."""
        check_integer("d", d, 1)
        return [*(f"precision_mean_{j}" for j in range(d)),
                *(f"precision_{j}_{k}" for j, k in zip(*np.triu_indices(d), strict=True))]

    def mean_and_covariance(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        """The mean (d,) and the covariance (d, d) that go with natural parameters."""
        theta = np.asarray(theta, dtype=float)
        d = round(np.sqrt(2 * len(theta) + 2.25) - 1.5)
        precision = np.zeros((d, d))
        precision[np.triu_indices(d)] = theta[d:]
        precision += np.triu(precision, 1).T
        if np.linalg.eigvalsh(precision)[0] <= 0:
            raise ValueError("the precision is not positive definite, so no normal law on the "
                             f"whole space has it: {precision.tolist()}.")
        return np.linalg.solve(precision, theta[:d]), np.linalg.inv(precision)

    def _sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.multivariate_normal(*self.mean_and_covariance(theta), n)


class _GaussianMean(LinearScore):
    """The mean unknown; the covariance is a number or a matrix."""

    covariance: np.ndarray

    def __init__(self, covariance: np.ndarray) -> None:
        object.__setattr__(self, "covariance", covariance)
        super().__init__(self._gamma, self._shift, sample=self._sample)

    def __repr__(self) -> str:
        return f"gaussian_score({self.covariance.tolist()})"

    def parameter_names(self, d: int, p: int) -> list[str]:
        """Those of the means."""
        return [f"mean_{j}" for j in range(check_integer("d", d, 1))]

    def _matrix(self, d: int) -> np.ndarray:
        if self.covariance.ndim == 0:
            return self.covariance * np.eye(d)
        if len(self.covariance) != d:
            raise ValueError(f"covariance is that of {len(self.covariance)} columns, but X has "
                             f"{d}.")
        return self.covariance

    def _gamma(self, X: np.ndarray) -> np.ndarray:
        n, d = X.shape
        return np.broadcast_to(np.linalg.inv(self._matrix(d)), (n, d, d))

    def _shift(self, X: np.ndarray) -> np.ndarray:
        return -np.linalg.solve(self._matrix(X.shape[1]), X.T).T

    def _sample(self, theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.multivariate_normal(theta, self._matrix(len(theta)), n)


def _free_gamma(X: np.ndarray) -> np.ndarray:
    """Of ``Lambda mu - Lambda x``: the identity, and -x_k in row j and -x_j in row k."""
    n, d = X.shape
    j, k = np.triu_indices(d)
    gamma = np.zeros((n, d, d + len(j)))
    gamma[:, :, :d] = np.eye(d)
    gamma[:, k, d + np.arange(len(j))] = -X[:, j]
    gamma[:, j, d + np.arange(len(j))] = -X[:, k]
    return gamma


def _covariance(covariance: Any) -> np.ndarray:
    """A number, without dimensions, or a matrix."""
    wrong = ("covariance must be a number above 0 or a symmetric positive-definite matrix, got "
             f"{covariance!r}.")
    try:
        given = np.asarray(covariance, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    matrix = given if given.ndim else given.reshape(1, 1)
    if matrix.ndim != 2 or not matrix.size or matrix.shape[0] != matrix.shape[1] or (
            not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=1e-10)
            or np.linalg.eigvalsh(matrix)[0] <= 0):
        raise ValueError(wrong)
    return given


def _differences(statistics: Callable[..., Any], X: np.ndarray) -> np.ndarray:
    """Derivatives (n, d, p) of ``statistics(X)``, (n, p), in each column."""
    slopes = []
    for column, spread in enumerate(X.std(axis=0)):
        x, unit = np.abs(X[:, column]), spread if spread else 1.0
        steps = STEP * np.maximum(x, unit)
        if spread:
            steps = np.minimum(steps, _WIDEST * spread)
        steps = np.where(x > _NEAREST * unit, np.minimum(steps, _SHARE * x), steps)
        slope = _difference(statistics, X, column, steps)
        beyond = ~np.isfinite(slope).all(axis=1) & (x > 0)  # a step over the edge
        if beyond.any():
            steps = np.where(beyond, _SHARE * x, steps)
            slope = _difference(statistics, X, column, steps)
        slopes.append(slope)
    return np.stack(slopes, axis=1)


def _difference(statistics: Callable[..., Any], X: np.ndarray, column: int, steps: np.ndarray
                ) -> np.ndarray:
    """Derivatives (n, p) in one column, by steps of these lengths (n,) to both sides."""
    up, down = X.copy(), X.copy()
    up[:, column] += steps
    down[:, column] -= steps
    with np.errstate(all="ignore"):
        values = [np.asarray(statistics(rows), dtype=float) for rows in (up, down)]
        if values[0].ndim != 2 or len(values[0]) != len(X):
            raise ValueError(f"statistics must give an array of shape ({len(X)}, p) for X of shape "
                             f"{X.shape}; got shape {values[0].shape}.")
        return np.asarray((values[0] - values[1]) / (up - down)[:, column, None])


def _base_gradient(log_base: Callable[..., Any], X: np.ndarray) -> np.ndarray:
    """Gradient (n, d) of ``log_base(X)``, (n,)."""
    def column(rows: np.ndarray) -> np.ndarray:
        values = np.asarray(log_base(rows), dtype=float)
        if values.shape != (len(rows),):
            raise ValueError(f"log_base must give one number per row, shape ({len(rows)},); got "
                             f"shape {values.shape}.")
        return values[:, None]

    return _differences(column, X)[:, :, 0]
