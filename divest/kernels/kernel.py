"""A positive-definite kernel of the distance, and sums of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest.kernels._number import LARGE, bounded_number, real_numbers

Profile = tuple[np.ndarray, np.ndarray, np.ndarray]


class Kernel(ABC):
    """A positive-definite kernel ``k(x, y) = phi(|x - y|^2)``, made by `rbf`, `imq` and others.

    Kernels are immutable, compare by value, can be pickled, and are added with ``+``.

    Examples
    --------
    >>> from divest.kernels import Kernel, rbf
    >>> isinstance(rbf(), Kernel)
    True
    >>> rbf(1.0) == rbf(1.0)
    True
    """

    @property
    def terms(self) -> tuple[Any, ...]:
        """Kernels that add up to this one.

        Returns
        -------
        tuple of Kernel
            Its terms; the kernel itself where it is no sum.
        """
        return (self,)

    @property
    def has_bandwidth(self) -> bool:
        """Whether every term has its bandwidth, so that the kernel can be computed.

        Returns
        -------
        bool
            False where `with_bandwidth` has something to fill in.
        """
        return all(term.bandwidth is not None for term in self.terms)

    def with_bandwidth(self, ell: float) -> Kernel:
        """The same kernel with another bandwidth.

        Parameters
        ----------
        ell : float
            The bandwidth, finite and above 0.

        Returns
        -------
        Kernel
            A new kernel. The terms of a sum that have a bandwidth of their own keep it.

        Raises
        ------
        ValueError
            When `ell` is not finite or not above 0.

        Examples
        --------
        >>> from divest.kernels import matern32
        >>> matern32().with_bandwidth(2.0)
        matern32(bandwidth=2.0)
        """
        return self._with(bounded_number("bandwidth", ell, 0.0))

    @abstractmethod
    def _with(self, ell: float) -> Kernel: ...

    def profile(self, u: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The function phi of squared distances, and its derivatives.

        Parameters
        ----------
        u : array-like
            Squared distances, 0 or more.

        Returns
        -------
        phi, slope, curvature : ndarray
            Values of phi(u), phi'(u) and phi''(u) u, in the shape of `u`. The product phi''(u) u
            is finite at 0 where phi''(u) is not.

        Raises
        ------
        ValueError
            When `u` holds NaN or a number below 0 or above 1e300, or a bandwidth is missing.

        Examples
        --------
        >>> from divest.kernels import imq
        >>> phi, slope, curvature = imq(bandwidth=1.0).profile([0.0, 3.0])
        >>> phi
        array([1. , 0.5])
        """
        u = real_numbers("u", u)
        if (wrong := u[(u < 0) | (u > LARGE**2)]).size:
            raise ValueError("u must hold squared distances, 0 or more and at most "
                             f"{LARGE**2:g}, got {wrong[0]:g}; scale the rows.")
        profiles = [term._profile(u) for term in self.terms]
        phi, slope, curvature = (np.sum(part, axis=0) for part in zip(*profiles, strict=True))
        return phi, slope, curvature

    def loop_arguments(self, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
        """The kernel as the compiled loops take it.

        Parameters
        ----------
        dtype : dtype, default float64
            Type of the parameters: that of the points the loops run over.

        Returns
        -------
        families : ndarray of shape (n_terms,)
            A whole number for each term, which says what formula it takes.
        parameters : ndarray of shape (n_terms, n_parameters)
            The numbers of each term, filled up with zeros.

        Raises
        ------
        ValueError
            When a bandwidth is missing.

        Examples
        --------
        >>> from divest.kernels import rbf
        >>> families, parameters = rbf(1.0).loop_arguments()
        >>> parameters
        array([[0.5, 0. , 0. ]])
        """
        codes = [term.code for term in self.terms]
        families, parameters = np.zeros(len(codes), np.int64), np.zeros((len(codes), 3), dtype)
        for t, (family, numbers) in enumerate(codes):
            families[t], parameters[t, :len(numbers)] = family, numbers
        return families, parameters

    def __add__(self, other: object) -> KernelSum:
        if not isinstance(other, Kernel):
            return NotImplemented
        return KernelSum((self, other))


@dataclass(frozen=True)
class KernelSum(Kernel):
    """The sum of kernels ``k_1(x, y) + k_2(x, y) + ...``; also made by ``k_1 + k_2``.

    Attributes
    ----------
    kernels : tuple of Kernel
        The kernels to add; a sum among them is taken apart.

    Raises
    ------
    TypeError
        When `kernels` is empty or holds something else.

    Examples
    --------
    >>> from divest.kernels import imq, rbf
    >>> imq() + rbf(0.5)
    imq(beta=-0.5, bandwidth=None, offset=1.0) + rbf(bandwidth=0.5)
    """

    kernels: tuple[Kernel, ...]

    def __post_init__(self) -> None:
        """Take sums apart."""
        kernels = tuple(self.kernels) if np.iterable(self.kernels) else ()
        if not kernels or not all(isinstance(k, Kernel) for k in kernels):
            raise TypeError(f"kernels must be one kernel or more, got {self.kernels!r}.")
        object.__setattr__(self, "kernels", tuple(term for k in kernels for term in k.terms))

    @property
    def terms(self) -> tuple[Any, ...]:
        """Kernels that add up to this one.

        Returns
        -------
        tuple of Kernel
            Its terms, none of them a sum.
        """
        return self.kernels

    def _with(self, ell: float) -> KernelSum:
        return KernelSum(tuple(k if k.has_bandwidth else k._with(ell) for k in self.kernels))

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.kernels))
