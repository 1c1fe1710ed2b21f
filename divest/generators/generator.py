"""A convex function f, checked and normalised, and how to estimate its divergence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from divest.generators.terms import Function, PowerIntegral, Term


@dataclass(frozen=True)
class Generator:
    """A convex function f with f(1) = 0, and how to estimate ``E_Q f(r)`` from neighbours.

    Attributes
    ----------
    name : str
        Name shown in results.
    f : callable
        The convex function, vectorised in r > 0. It is shifted by a multiple of r - 1 so that
        f'(1) = 0, which changes no divergence.
    derivative : callable
        The derivative of f, vectorised in r > 0.
    symmetric : bool, default False
        Whether ``D(P || Q) = D(Q || P)``.
    upper_bound : float, default inf
        The largest value the divergence can take.
    at_p, at_q : tuple of terms, optional
        The terms of f'(r) and of f(r) - r f'(r). Left out, both are taken from the functions.
    link : PowerIntegral, optional
        For divergences that are a function of ``int p^a q^(1-a)``: that function.
    curvature : float, optional
        Second derivative of f at 1, by differences of `derivative` when left out.
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

    @property
    def needs_reference(self) -> bool:
        """Whether mass of P where Q has none makes the divergence infinite.

        Returns
        -------
        bool
            True where f' has no bound, and for integrals of p^a q^(1-a) with a > 0.
        """
        if self.link is not None:
            return self.link.alpha > 0
        with np.errstate(over="ignore"):
            near, far = self.derivative(np.array([1e6, 1e12]))
        return bool(far - near > 0.1)

    @property
    def needs_sample(self) -> bool:
        """Whether mass of Q where P has none makes the divergence infinite.

        Returns
        -------
        bool
            True where f has no bound near 0, and for integrals of p^a q^(1-a) with a < 0.
        """
        if self.link is not None:
            return self.link.alpha < 0
        with np.errstate(over="ignore"):
            near, far = self.f(np.array([1e-6, 1e-12]))
        return bool(far - near > 0.1)


def _check_convex(generator: Generator) -> None:
    """f(1) = 0, f' does not fall, and each tangent lies below f."""
    name = generator.name
    if np.asarray(generator.curvature).dtype.kind not in "iuf" or np.ndim(generator.curvature):
        raise TypeError(f"generator {name!r}: curvature must be a number, got "
                        f"{generator.curvature!r}.")
    if not isinstance(generator.symmetric, (bool, np.bool_)):
        raise TypeError(f"generator {name!r}: symmetric must be True or False, got "
                        f"{generator.symmetric!r}.")
    for part in ("at_p", "at_q"):
        if not isinstance(getattr(generator, part), tuple):
            raise TypeError(f"generator {name!r}: {part} must be a tuple of terms, got "
                            f"{getattr(generator, part)!r}.")
    for part in ("f", "derivative"):
        if not callable(getattr(generator, part)):
            raise TypeError(f"generator {name!r}: {part} must be a function, got "
                            f"{getattr(generator, part)!r}.")
    at_one = float(generator.f(np.array([1.0]))[0])
    if not abs(at_one) <= 1e-12:
        raise ValueError(f"generator {name!r}: f(1) must be 0, got {at_one:.3g}.")
    r = np.logspace(-6, 6, 241)
    with np.errstate(over="ignore"):  # powers of a high order overflow at the ends of the grid
        f, slope = np.asarray(generator.f(r), float), np.asarray(generator.derivative(r), float)
    if f.shape != r.shape or slope.shape != r.shape:
        raise ValueError(f"generator {name!r}: f and derivative must be vectorised in r.")
    finite = np.isfinite(f) & np.isfinite(slope)
    if generator.link is not None:
        r, f, slope, finite = r[finite], f[finite], slope[finite], finite[finite]
    if not finite.all():
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
