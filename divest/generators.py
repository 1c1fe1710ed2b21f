"""The registry of f-divergence generators: what each divergence asks of the ratio r = p/q.

``D_f(P || Q) = E_Q f(r)`` with f convex and f(1) = 0; P is the sample in question, Q the reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

__all__ = [
    "Constant", "Function", "Generator", "Log", "Power", "PowerIntegral", "Sign",
    "bhattacharyya", "chi_square", "hellinger", "jeffreys", "jensen_shannon", "kl", "le_cam",
    "neyman_chi_square", "power", "renyi", "resolve_generator", "reverse_kl", "total_variation",
    "tsallis",
]

_NEAR_ONE = 1e-6  # |alpha - 1| below this is Kullback-Leibler: log T/(alpha - 1) loses digits there


# ---------------------------------------------------------------- terms: the pieces of f' and f - r f'
@dataclass(frozen=True)
class Constant:
    """The term b.

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

    Examples
    --------
    >>> import numpy as np
    >>> from divest.generators import Function
    >>> Function(np.sqrt).function(4.0)
    np.float64(2.0)
    """

    function: Callable[[Any], Any]


Term = Constant | Power | Log | Sign | Function


# ---------------------------------------------------------------- links: from T = int p^a q^(1-a)
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
        """The divergence at T; NaN where the logarithm of T does not exist."""
        if not self.logarithmic:
            return float(self.scale * (integral - 1.0))
        return float(self.scale * np.log(integral)) if integral > 0 else float("nan")

    def slope(self, integral: float) -> float:
        """Derivative of `value` in T."""
        if not self.logarithmic:
            return self.scale
        return self.scale / integral if integral > 0 else float("nan")

    def terms(self) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """One-step terms of T at the rows of P and of Q."""
        a = self.alpha
        return (Power(a, a - 1.0),), (Power(1.0 - a, a),)


# ---------------------------------------------------------------- the generator
@dataclass(frozen=True)
class Generator:
    """A convex function f with f(1) = 0, and how to estimate ``E_Q f(r)`` from neighbours.

    Parameters
    ----------
    name : str
        Name shown in results.
    f : callable
        The convex function, vectorised in r > 0. It is shifted by a multiple of r - 1 so that
        f'(1) = 0, which changes no divergence.
    derivative : callable
        f', vectorised in r > 0.
    symmetric : bool, default False
        Whether ``D(P || Q) = D(Q || P)``.
    upper_bound : float, default inf
        The largest value the divergence can take.
    at_p, at_q : tuple of terms, optional
        The terms of f'(r) and of f(r) - r f'(r). Left out, both are taken from the functions.
    link : PowerIntegral, optional
        For divergences that are a function of ``int p^a q^(1-a)``: that function.
    curvature : float, optional
        f''(1), by differences of `derivative` when left out.
    unit : str, default ""
        ``"nats"`` for divergences measured with logarithms, else empty.

    Raises
    ------
    ValueError
        When f(1) is not 0, or f is not convex, or `derivative` is not its derivative, on a
        logarithmic grid from 1e-6 to 1e6.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.generators import Generator
    >>> def f(r):
    ...     return (r - 1) ** 4
    >>> def derivative(r):
    ...     return 4 * (r - 1) ** 3
    >>> Generator("quartic", f, derivative).name
    'quartic'
    """

    name: str
    f: Callable[[Any], Any]
    derivative: Callable[[Any], Any]
    symmetric: bool = False
    upper_bound: float = float("inf")
    at_p: tuple[Term, ...] = ()
    at_q: tuple[Term, ...] = ()
    link: PowerIntegral | None = None
    curvature: float = field(default=float("nan"), compare=False)
    unit: str = ""

    def __post_init__(self) -> None:
        """Check f on a grid, normalise it, and fill in what was left out."""
        _check_convex(self)
        slope = float(self.derivative(np.array([1.0]))[0])
        if abs(slope) > 1e-12:
            object.__setattr__(self, "f", _Tilted(self.f, slope))
            object.__setattr__(self, "derivative", _Lowered(self.derivative, slope))
        if not self.at_p:
            object.__setattr__(self, "at_p", (Function(self.derivative),))
            object.__setattr__(self, "at_q", (Function(_Intercept(self.f, self.derivative)),))
        if np.isnan(self.curvature):
            step = 1e-4
            rise = np.diff(self.derivative(np.array([1.0 - step, 1.0 + step])))[0]
            object.__setattr__(self, "curvature", float(rise / (2 * step)))

    def __str__(self) -> str:
        return self.name


def _check_convex(generator: Generator) -> None:
    """f(1) = 0, f' does not fall, and each tangent lies below f."""
    name = generator.name
    at_one = float(generator.f(np.array([1.0]))[0])
    if not abs(at_one) <= 1e-12:
        raise ValueError(f"generator {name!r}: f(1) must be 0, got {at_one:.3g}.")
    r = np.logspace(-6, 6, 241)
    f, slope = np.asarray(generator.f(r), float), np.asarray(generator.derivative(r), float)
    if f.shape != r.shape or slope.shape != r.shape:
        raise ValueError(f"generator {name!r}: f and derivative must be vectorised in r.")
    if not (np.isfinite(f).all() and np.isfinite(slope).all()):
        raise ValueError(f"generator {name!r}: f and derivative must be finite on [1e-6, 1e6].")
    step = np.diff(r)
    for near, far, run in ((slice(-1), slice(1, None), step), (slice(1, None), slice(-1), -step)):
        gap = f[far] - f[near] - slope[near] * run
        noise = 1e-9 * (np.abs(f[far]) + np.abs(f[near]) + np.abs(slope[near] * run)) + 1e-12
        if (bad := gap < -noise).any():
            where = r[near][bad][0]
            raise ValueError(
                f"generator {name!r}: f must be convex with the given derivative; its tangent at "
                f"r = {where:.3g} lies above f. Check the sign and the formula of both."
            )


@dataclass(frozen=True)
class _Tilted:
    """f(r) - b (r - 1)."""

    f: Callable[[Any], Any]
    slope: float

    def __call__(self, r):
        return self.f(r) - self.slope * (np.asarray(r) - 1.0)


@dataclass(frozen=True)
class _Lowered:
    """f'(r) - b."""

    derivative: Callable[[Any], Any]
    slope: float

    def __call__(self, r):
        return self.derivative(r) - self.slope


@dataclass(frozen=True)
class _Intercept:
    """f(r) - r f'(r)."""

    f: Callable[[Any], Any]
    derivative: Callable[[Any], Any]

    def __call__(self, r):
        return self.f(r) - r * self.derivative(r)


# ---------------------------------------------------------------- f and f' of the registry
def _kl_f(r):
    return r * np.log(r) - r + 1.0


def _kl_df(r):
    return np.log(r)


def _reverse_kl_f(r):
    return r - 1.0 - np.log(r)


def _reverse_kl_df(r):
    return 1.0 - 1.0 / r


def _jeffreys_f(r):
    return (r - 1.0) * np.log(r)


def _jeffreys_df(r):
    return np.log(r) + 1.0 - 1.0 / r


def _hellinger_f(r):
    return 0.5 * (np.sqrt(r) - 1.0) ** 2


def _hellinger_df(r):
    return 0.5 - 0.5 / np.sqrt(r)


def _chi_square_f(r):
    return (r - 1.0) ** 2


def _chi_square_df(r):
    return 2.0 * (r - 1.0)


def _neyman_f(r):
    return (r - 1.0) ** 2 / r


def _neyman_df(r):
    return 1.0 - 1.0 / r**2


def _log_midpoint(r):
    """Log of 2/(1 + r)."""
    return np.log(2.0) - np.log1p(r)


def _jensen_shannon_f(r):
    return 0.5 * (r * _jensen_shannon_at_p(r) * 2.0 + _log_midpoint(r))


def _jensen_shannon_at_p(r):
    return 0.5 * (np.log(r) + _log_midpoint(r))


def _jensen_shannon_at_q(r):
    return 0.5 * _log_midpoint(r)


def _le_cam_f(r):
    return 0.5 * (r - 1.0) ** 2 / (r + 1.0)


def _le_cam_at_p(r):
    return 0.5 * (r - 1.0) * (r + 3.0) / (r + 1.0) ** 2


def _le_cam_at_q(r):
    return -0.5 * (r - 1.0) * (1.0 + 3.0 * r) / (r + 1.0) ** 2


def _total_variation_f(r):
    return 0.5 * np.abs(r - 1.0)


def _total_variation_df(r):
    return 0.5 * np.sign(r - 1.0)


@dataclass(frozen=True)
class _PowerF:
    """``scale (r^a - 1 - a (r - 1))``."""

    alpha: float
    scale: float

    def __call__(self, r):
        a = self.alpha
        return self.scale * (r**a - 1.0 - a * (r - 1.0))


@dataclass(frozen=True)
class _PowerDerivative:
    """``scale a (r^(a-1) - 1)``."""

    alpha: float
    scale: float

    def __call__(self, r):
        return self.scale * self.alpha * (r ** (self.alpha - 1.0) - 1.0)


# ---------------------------------------------------------------- public constructors
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
    return Generator("kl", _kl_f, _kl_df, at_p=(Log(1.0),), at_q=(Constant(1.0), Power(-1.0, 1.0)),
                     curvature=1.0, unit="nats")


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
    return Generator("reverse_kl", _reverse_kl_f, _reverse_kl_df, curvature=1.0, unit="nats",
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
    return Generator("jeffreys", _jeffreys_f, _jeffreys_df, True, curvature=2.0, unit="nats",
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
    return Generator("hellinger", _hellinger_f, _hellinger_df, True, 1.0, curvature=0.25,
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
    return Generator("chi_square", _chi_square_f, _chi_square_df, curvature=2.0,
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
    return Generator("neyman_chi_square", _neyman_f, _neyman_df, curvature=2.0,
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
    return Generator("jensen_shannon", _jensen_shannon_f, _jensen_shannon_at_p, True,
                     float(np.log(2.0)), (Function(_jensen_shannon_at_p),),
                     (Function(_jensen_shannon_at_q),), curvature=0.25, unit="nats")


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
    return Generator("le_cam", _le_cam_f, _le_cam_at_p, True, 1.0, (Function(_le_cam_at_p),),
                     (Function(_le_cam_at_q),), curvature=0.5)


def total_variation() -> Generator:
    """Total variation distance ``int |p - q| / 2``, in [0, 1].

    Returns
    -------
    Generator
        The generator \\|r - 1\\| / 2. Its curvature at 1 does not exist and is infinite.

    Examples
    --------
    >>> from divest.generators import total_variation
    >>> total_variation().upper_bound
    1.0
    """
    return Generator("total_variation", _total_variation_f, _total_variation_df, True, 1.0,
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


def _order(name: str, alpha: float) -> float:
    """`alpha` as a finite float."""
    try:
        value = float(alpha)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: alpha must be a number, got {alpha!r}.") from None
    if not np.isfinite(value):
        raise ValueError(f"{name}: alpha must be finite, got {alpha!r}.")
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
        f"{name}({alpha:.15g})", _PowerF(alpha, scale), _PowerDerivative(alpha, scale), symmetric,
        bound, at_p, at_q, PowerIntegral(alpha, scale, logarithmic),
        curvature=scale * alpha * (alpha - 1.0), unit=unit,
    )


# ---------------------------------------------------------------- names
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
