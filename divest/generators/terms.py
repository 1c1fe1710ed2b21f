"""The pieces of f' and f - r f', and divergences that follow from one integral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Constant:
    """The term b.

    Attributes
    ----------
    scale : float
        The number b.

    Examples
    --------
    >>> from divest.generators import Constant
    >>> Constant(1.0)
    Constant(scale=1.0)
    """

    scale: float


@dataclass(frozen=True)
class Power:
    """The term b r^a.

    Attributes
    ----------
    scale : float
        The number b.
    exponent : float
        The number a.

    Examples
    --------
    >>> from divest.generators import Power
    >>> Power(-1.0, 0.5)
    Power(scale=-1.0, exponent=0.5)
    """

    scale: float
    exponent: float


@dataclass(frozen=True)
class Log:
    """The term b log r.

    Attributes
    ----------
    scale : float
        The number b.

    Examples
    --------
    >>> from divest.generators import Log
    >>> Log(1.0)
    Log(scale=1.0)
    """

    scale: float


@dataclass(frozen=True)
class Sign:
    """The term b sign(r - 1); a jump, which nothing debiases.

    Attributes
    ----------
    scale : float
        The number b.

    Examples
    --------
    >>> from divest.generators import Sign
    >>> Sign(0.5)
    Sign(scale=0.5)
    """

    scale: float


@dataclass(frozen=True)
class Function:
    """Any other term g(r), vectorised in r > 0.

    Attributes
    ----------
    function : callable
        The function g.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.generators import Function
    >>> Function(np.sqrt).function(4.0)
    np.float64(2.0)
    """

    function: Callable[[Any], Any]


Term = Constant | Power | Log | Sign | Function


def _real(integral: Any) -> float:
    """The integral as a float."""
    if isinstance(integral, (bool, np.bool_)) or not isinstance(integral, Real):
        raise TypeError(f"integral must be a number, got {integral!r}.")
    return float(integral)


@dataclass(frozen=True)
class PowerIntegral:
    """How a divergence follows from ``T = int p^alpha q^(1 - alpha)``.

    Attributes
    ----------
    alpha : float
        The exponent in T.
    scale : float
        Factor in front of ``log T`` or of ``T - 1``.
    logarithmic : bool
        Whether the divergence is ``scale log T`` (Renyi) or ``scale (T - 1)``.

    Examples
    --------
    >>> from divest.generators import renyi
    >>> renyi(2.0).link.value(1.0)
    0.0
    """

    alpha: float
    scale: float
    logarithmic: bool

    def value(self, integral: float) -> float:
        """The divergence at T.

        Parameters
        ----------
        integral : float
            The integral T.

        Returns
        -------
        float
            The divergence; NaN where the logarithm of T does not exist.
        """
        integral = _real(integral)
        if not self.logarithmic:
            return float(self.scale * (integral - 1.0))
        return float(self.scale * np.log(integral)) if integral > 0 else float("nan")

    def slope(self, integral: float) -> float:
        """Derivative of `value` in T.

        Parameters
        ----------
        integral : float
            The integral T.

        Returns
        -------
        float
            The derivative; NaN where the logarithm of T does not exist.
        """
        integral = _real(integral)
        if not self.logarithmic:
            return self.scale
        return self.scale / integral if integral > 0 else float("nan")

    def terms(self) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """One-step terms of T at the rows of P and of Q.

        Returns
        -------
        tuple of tuple of Term
            Those at the rows of P, then those at the rows of Q.
        """
        a = self.alpha
        return (Power(a, a - 1.0),), (Power(1.0 - a, a),)
