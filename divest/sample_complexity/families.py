"""Exponential families: what a family must offer, and those that come with divest."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from divest._validation import check_integer, check_option
from divest.sample_complexity._count_families import Bernoulli, Multinomial, Poisson
from divest.sample_complexity._finite_families import Ising, Polynomial
from divest.sample_complexity._gaussian_family import BlockGaussian, FullGaussian
from divest.sample_complexity._positive_families import Exponential, Gamma


class ExponentialFamily(Protocol):
    """What `pn_criterion` asks of a family with density exp(theta . t(x) - psi(theta)).

    ``fit`` may be missing where draws of the fitted model are passed to `pn_criterion`; otherwise
    ``fit`` and at least one of ``sample`` and ``cumulants`` are needed. The parameter theta may be
    any object.

    Attributes
    ----------
    name : str
        What the family is called.

    See Also
    --------
    pn_criterion : Which takes a family.

    Examples
    --------
    A family by its sampler alone, the von Mises laws on the circle:

    >>> import numpy as np
    >>> from scipy.stats import vonmises
    >>> from divest.sample_complexity import pn_criterion
    >>> class VonMises:
    ...     name = "von Mises"
    ...     def sufficient_statistics(self, X):
    ...         return np.column_stack([np.cos(X[:, 0]), np.sin(X[:, 0])])
    ...     def fit(self, X, sample_weight=None):
    ...         return vonmises.fit(X[:, 0], fscale=1)[:2]
    ...     def sample(self, theta, n, rng):
    ...         return rng.vonmises(theta[1], theta[0], size=(n, 1))
    >>> X = np.random.default_rng(0).vonmises(0, 2, size=(200, 1))
    >>> result = pn_criterion(X, VonMises(), n_draws=5000, random_state=0)
    >>> result.p, result.accept
    (2, True)
    """

    name: str

    def sufficient_statistics(self, X: np.ndarray) -> np.ndarray:
        """Statistics t of each row.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.

        Returns
        -------
        ndarray of shape (n, p)
            Their statistics.
        """

    def fit(self, X: np.ndarray, sample_weight: np.ndarray | None = None) -> Any:
        """Maximum likelihood: the model's mean of t is that of the rows.

        Parameters
        ----------
        X : ndarray of shape (n, d)
            Rows.
        sample_weight : ndarray of shape (n,), optional
            Their weights; passed only where the user gave some.

        Returns
        -------
        object
            The parameter theta.
        """

    def sample(self, theta: Any, n: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws of the model.

        Parameters
        ----------
        theta : object
            The parameter, as `fit` gives it.
        n : int
            Number of draws.
        rng : Generator
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n, d)
            The draws.
        """

    def cumulants(self, theta: Any) -> tuple[Any, Any, Any]:
        """Second, third and fourth cumulants of t under the model.

        Parameters
        ----------
        theta : object
            The parameter, as `fit` gives it.

        Returns
        -------
        tuple
            Arrays of shapes (p, p) and (p, p, p), and either one of shape (p, p, p, p) or, to save
            memory, a function that sums it over ``B[a, b] B[c, d]`` for a symmetric B.
        """


def gaussian(covariance: str = "full") -> FullGaussian | BlockGaussian:
    """Normal laws.

    Parameters
    ----------
    covariance : {"full", "diag", "spherical"}, default "full"
        Any covariance; a variance for each column; one variance for all.

    Returns
    -------
    ExponentialFamily
        The family.

    Raises
    ------
    ValueError
        When `covariance` is unknown.

    Examples
    --------
    >>> from divest.sample_complexity import gaussian
    >>> gaussian("diag").name
    'gaussian (diag)'
    """
    check_option("covariance", covariance, ("full", "diag", "spherical"))
    return FullGaussian() if covariance == "full" else BlockGaussian(covariance)


def multinomial() -> Multinomial:
    """Categories, given by their labels in one column, or by counts, one column per category.

    Returns
    -------
    ExponentialFamily
        The family. Rows of counts must all have the same sum, such as 1; there may be half as many
        labels as rows.

    Examples
    --------
    >>> from divest.sample_complexity import multinomial, pn_criterion
    >>> pn_criterion([1] * 30 + [2] * 50 + [7] * 20, multinomial()).p
    2
    """
    return Multinomial()


def poisson() -> Poisson:
    """Independent columns of counts, each with its own rate.

    Returns
    -------
    ExponentialFamily
        The family.

    Examples
    --------
    >>> from divest.sample_complexity import poisson
    >>> poisson().fit([[1.0], [3.0]])
    array([2.])
    """
    return Poisson()


def exponential() -> Exponential:
    """Independent columns of exponential waiting times, each with its own mean.

    Returns
    -------
    ExponentialFamily
        The family.

    Examples
    --------
    >>> from divest.sample_complexity import exponential
    >>> exponential().fit([[1.0], [3.0]])
    array([2.])
    """
    return Exponential()


def bernoulli() -> Bernoulli:
    """Independent columns of zeros and ones, each with its own chance.

    Returns
    -------
    ExponentialFamily
        The family.

    Examples
    --------
    >>> from divest.sample_complexity import bernoulli
    >>> bernoulli().fit([[1.0], [0.0]])
    array([0.5])
    """
    return Bernoulli()


def gamma() -> Gamma:
    """Independent columns of positive numbers, each with its own shape and scale.

    Returns
    -------
    ExponentialFamily
        The family; theta holds a column (shape, scale) for each column of the data.

    Examples
    --------
    >>> from divest.sample_complexity import gamma
    >>> gamma().fit([[1.0], [2.0], [3.0]]).round(3).tolist()
    [[5.375], [0.372]]
    """
    return Gamma()


def ising() -> Ising:
    """Columns with two values, any two of them interacting.

    The statistics are the columns, as -1 and 1, and the products of pairs of them. The family is
    fitted by summing over all states, so up to 12 columns; for more, draw from the model you
    fitted and pass the draws to `pn_criterion`.

    Returns
    -------
    ExponentialFamily
        The family.

    Examples
    --------
    >>> from divest.sample_complexity import ising
    >>> ising().sufficient_statistics([[0, 1], [1, 0]])
    array([[-1.,  1., -1.],
           [ 1., -1., -1.]])
    """
    return Ising()


def polynomial(degree: int) -> Polynomial:
    """One column with density exp(polynomial), on a fine grid over the line.

    Parameters
    ----------
    degree : int
        Degree of the polynomial: even, since the density must fall off on both sides.

    Returns
    -------
    ExponentialFamily
        The family; degree 2 is the normal laws.

    Raises
    ------
    ValueError
        When `degree` is odd or below 2.

    Examples
    --------
    >>> from divest.sample_complexity import polynomial
    >>> polynomial(4).name
    'polynomial of degree 4'
    """
    if check_integer("degree", degree, 2) % 2:
        raise ValueError(f"degree must be even, got {degree}.")
    return Polynomial(degree)
