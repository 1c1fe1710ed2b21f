"""The divergences that have a name."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from divest.generators import _functions as fn
from divest.generators.generator import Generator
from divest.generators.terms import Constant, Function, Log, Power, PowerIntegral, Sign

_NEAR_ONE = 1e-6  # |alpha - 1| below this is Kullback-Leibler: log T/(alpha - 1) loses digits there


def kl() -> Generator:
    """Kullback-Leibler divergence ``E_P log r`` in nats, in [0, inf).

    Returns
    -------
    Generator
        The generator r log r - r + 1.

    Examples
    --------
    >>> from divest.generators import kl
    >>> kl().name
    'kl'
    """
    return Generator("kl", fn.kl_f, fn.kl_df, curvature=1.0, unit="nats", at_p=(Log(1.0),),
                     at_q=(Constant(1.0), Power(-1.0, 1.0)))


def reverse_kl() -> Generator:
    """Kullback-Leibler divergence with the samples swapped, ``E_Q -log r``, in nats.

    Returns
    -------
    Generator
        The generator r - 1 - log r.

    Examples
    --------
    >>> from divest.generators import reverse_kl
    >>> reverse_kl().name
    'reverse_kl'
    """
    return Generator("reverse_kl", fn.reverse_kl_f, fn.reverse_kl_df, curvature=1.0, unit="nats",
                     at_p=(Constant(1.0), Power(-1.0, -1.0)), at_q=(Log(-1.0),))


def jeffreys() -> Generator:
    """Jeffreys divergence, the sum of `kl` and `reverse_kl`, in nats.

    Returns
    -------
    Generator
        The generator (r - 1) log r.

    Examples
    --------
    >>> from divest.generators import jeffreys
    >>> jeffreys().symmetric
    True
    """
    return Generator("jeffreys", fn.jeffreys_f, fn.jeffreys_df, True, curvature=2.0, unit="nats",
                     at_p=(Log(1.0), Constant(1.0), Power(-1.0, -1.0)),
                     at_q=(Constant(1.0), Power(-1.0, 1.0), Log(-1.0)))


def hellinger() -> Generator:
    """Squared Hellinger distance ``1 - int sqrt(pq)``, in [0, 1].

    Returns
    -------
    Generator
        The generator (sqrt(r) - 1)^2 / 2.

    Examples
    --------
    >>> from divest.generators import hellinger
    >>> hellinger().upper_bound
    1.0
    """
    return Generator("hellinger", fn.hellinger_f, fn.hellinger_df, True, 1.0, curvature=0.25,
                     at_p=(Constant(0.5), Power(-0.5, -0.5)),
                     at_q=(Constant(0.5), Power(-0.5, 0.5)))


def chi_square() -> Generator:
    """Pearson chi-square divergence ``E_Q (r - 1)^2``, in [0, inf).

    Returns
    -------
    Generator
        The generator (r - 1)^2.

    Examples
    --------
    >>> from divest.generators import chi_square
    >>> chi_square().curvature
    2.0
    """
    return Generator("chi_square", fn.chi_square_f, fn.chi_square_df, curvature=2.0,
                     at_p=(Power(2.0, 1.0), Constant(-2.0)),
                     at_q=(Constant(1.0), Power(-1.0, 2.0)))


def neyman_chi_square() -> Generator:
    """Neyman's chi-square divergence, `chi_square` with the samples swapped.

    Returns
    -------
    Generator
        The generator (r - 1)^2 / r.

    Examples
    --------
    >>> from divest.generators import neyman_chi_square
    >>> neyman_chi_square().curvature
    2.0
    """
    return Generator("neyman_chi_square", fn.neyman_f, fn.neyman_df, curvature=2.0,
                     at_p=(Constant(1.0), Power(-1.0, -2.0)),
                     at_q=(Power(2.0, -1.0), Constant(-2.0)))


def jensen_shannon() -> Generator:
    """Jensen-Shannon divergence with weights 1/2, in nats, in [0, log 2].

    Returns
    -------
    Generator
        The generator (r log(2r/(1+r)) + log(2/(1+r))) / 2.

    Examples
    --------
    >>> from divest.generators import jensen_shannon
    >>> round(jensen_shannon().upper_bound, 6)
    0.693147
    """
    return Generator("jensen_shannon", fn.jensen_shannon_f, fn.jensen_shannon_at_p, True,
                     float(np.log(2.0)), (Function(fn.jensen_shannon_at_p),),
                     (Function(fn.jensen_shannon_at_q),), curvature=0.25, unit="nats")


def le_cam() -> Generator:
    """Le Cam (triangular) divergence ``int (p - q)^2 / (p + q) / 2``, in [0, 1].

    Returns
    -------
    Generator
        The generator (r - 1)^2 / (r + 1) / 2.

    Examples
    --------
    >>> from divest.generators import le_cam
    >>> le_cam().symmetric
    True
    """
    return Generator("le_cam", fn.le_cam_f, fn.le_cam_at_p, True, 1.0, (Function(fn.le_cam_at_p),),
                     (Function(fn.le_cam_at_q),), curvature=0.5)


def total_variation() -> Generator:
    """Total variation distance ``int |p - q| / 2``, in [0, 1].

    Returns
    -------
    Generator
        The generator ``abs(r - 1) / 2``. Its curvature at 1 does not exist and is infinite.

    Examples
    --------
    >>> from divest.generators import total_variation
    >>> total_variation().upper_bound
    1.0
    """
    return Generator("total_variation", fn.total_variation_f, fn.total_variation_df, True, 1.0,
                     (Sign(0.5),), (Sign(-0.5),), curvature=float("inf"))


def renyi(alpha: float) -> Generator:
    """Renyi divergence ``log(int p^alpha q^(1-alpha)) / (alpha - 1)`` in nats.

    Parameters
    ----------
    alpha : float
        The order, finite and above 0; within 1e-6 of 1 the generator of `kl` is returned.

    Returns
    -------
    Generator
        The generator of the power divergence of the same order, with the logarithm as its link.

    Raises
    ------
    ValueError
        When `alpha` is not finite or not above 0.

    References
    ----------
    .. [1] A. Renyi, "On measures of entropy and information", Proc. 4th Berkeley Symp. (1961).

    Examples
    --------
    >>> from divest.generators import renyi
    >>> renyi(0.5).name
    'renyi(0.5)'
    """
    alpha = _order("renyi", alpha)
    if alpha <= 0:
        raise ValueError(f"renyi: alpha must be above 0, got {alpha!r}.")
    if abs(alpha - 1.0) < _NEAR_ONE:
        return kl()
    return _from_integral("renyi", alpha, 1.0 / (alpha - 1.0), logarithmic=True, unit="nats",
                          symmetric=alpha == 0.5)


def bhattacharyya() -> Generator:
    """Bhattacharyya distance ``-log int sqrt(pq)`` in nats: half of ``renyi(0.5)``.

    Returns
    -------
    Generator
        The generator, with the logarithm as its link.

    Examples
    --------
    >>> from divest.generators import bhattacharyya
    >>> bhattacharyya().symmetric
    True
    """
    generator = _from_integral("bhattacharyya", 0.5, -1.0, logarithmic=True, unit="nats",
                               symmetric=True)
    return replace(generator, name="bhattacharyya")


def power(alpha: float) -> Generator:
    """Cressie-Read (alpha) divergence ``(int p^alpha q^(1-alpha) - 1) / (alpha (alpha - 1))``.

    Parameters
    ----------
    alpha : float
        The order, finite; the limits at 0 and 1 are `reverse_kl` and `kl`.

    Returns
    -------
    Generator
        The generator (r^alpha - 1 - alpha (r - 1)) / (alpha (alpha - 1)).

    Raises
    ------
    ValueError
        When `alpha` is not finite.

    References
    ----------
    .. [1] N. Cressie and T. Read, "Multinomial goodness-of-fit tests", J. R. Stat. Soc. B 46
       (1984), with lambda = alpha - 1 and without the factor 2.

    Examples
    --------
    >>> from divest.generators import power
    >>> power(2.0).curvature
    1.0
    """
    alpha = _order("power", alpha)
    if abs(alpha - 1.0) < _NEAR_ONE:
        return kl()
    if abs(alpha) < _NEAR_ONE:
        return reverse_kl()
    return _from_integral("power", alpha, 1.0 / (alpha * (alpha - 1.0)), symmetric=alpha == 0.5)


def tsallis(alpha: float) -> Generator:
    """Tsallis divergence ``(int p^alpha q^(1-alpha) - 1) / (alpha - 1)``.

    Parameters
    ----------
    alpha : float
        The order, finite and above 0; within 1e-6 of 1 the generator of `kl` is returned.

    Returns
    -------
    Generator
        The generator (r^alpha - 1 - alpha (r - 1)) / (alpha - 1).

    Raises
    ------
    ValueError
        When `alpha` is not finite or not above 0.

    Examples
    --------
    >>> from divest.generators import tsallis
    >>> tsallis(2.0).link.value(1.5)
    0.5
    """
    alpha = _order("tsallis", alpha)
    if alpha <= 0:
        raise ValueError(f"tsallis: alpha must be above 0, got {alpha!r}.")
    if abs(alpha - 1.0) < _NEAR_ONE:
        return kl()
    return _from_integral("tsallis", alpha, 1.0 / (alpha - 1.0), symmetric=alpha == 0.5)


_LARGEST = 1000.0  # powers of a higher order overflow on nearly every ratio


def _order(name: str, alpha: float) -> float:
    """`alpha` as a finite float."""
    try:
        value = float(alpha)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: alpha must be a number, got {alpha!r}.") from None
    if not abs(value) <= _LARGEST:
        raise ValueError(f"{name}: alpha must be finite and at most {_LARGEST:g} in size, "
                         f"got {alpha!r}.")
    return value


def _from_integral(
    name: str, alpha: float, scale: float, *, logarithmic: bool = False, unit: str = "",
    symmetric: bool = False,
) -> Generator:
    """The generator whose divergence is ``scale log T`` or ``scale (T - 1)``."""
    # f is that of scale (T - 1); a logarithmic link agrees with it to first order at T = 1
    bound = -scale if not logarithmic and 0.0 < alpha < 1.0 else float("inf")
    at_p, at_q = PowerIntegral(alpha, scale, logarithmic).terms()
    return Generator(
        f"{name}({alpha:.15g})", fn.PowerF(alpha, scale), fn.PowerDerivative(alpha, scale),
        symmetric, bound, at_p, at_q, PowerIntegral(alpha, scale, logarithmic),
        curvature=scale * alpha * (alpha - 1.0), unit=unit,
    )


_PLAIN = {
    g.__name__: g
    for g in (kl, reverse_kl, jeffreys, hellinger, chi_square, neyman_chi_square, jensen_shannon,
              le_cam, total_variation, bhattacharyya)
}
_ORDERED = {"renyi": renyi, "power": power, "tsallis": tsallis}
_CALL = re.compile(r"(\w+)\(\s*(?:alpha\s*=\s*)?([^()]+?)\s*\)")


def resolve_generator(divergence: str | Generator) -> Generator:
    """The generator that a name stands for.

    Parameters
    ----------
    divergence : str or Generator
        A name such as ``"kl"`` or ``"renyi(0.5)"``, or a generator, which is returned as it is.

    Returns
    -------
    Generator
        The generator.

    Raises
    ------
    ValueError
        When the name is not known; the message lists those that are.
    TypeError
        When it is neither a name nor a generator.

    Examples
    --------
    >>> from divest.generators import resolve_generator
    >>> resolve_generator("renyi(0.5)").name
    'renyi(0.5)'
    """
    if isinstance(divergence, Generator):
        return divergence
    if not isinstance(divergence, str):
        raise TypeError(f"divergence must be a name or a Generator, got {divergence!r}.")
    name = divergence.strip()
    if name in _PLAIN:
        return _PLAIN[name]()
    if (match := _CALL.fullmatch(name)) and match[1] in _ORDERED:
        return _ORDERED[match[1]](match[2])  # type: ignore[arg-type]
    known = ", ".join([*_PLAIN, *(f"{n}(alpha)" for n in _ORDERED)])
    raise ValueError(f"divergence must be one of {known}; got {divergence!r}.")
