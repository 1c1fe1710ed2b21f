"""The families of kernels: how phi is computed, and how the compiled loops know them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from divest.kernels._radial import RadialKernel
from divest.kernels.kernel import Profile


@dataclass(frozen=True, repr=False)
class Rbf(RadialKernel):
    name = "rbf"

    @property
    def code(self) -> tuple[int, tuple[float, ...]]:
        return 0, (0.5 / self.ell**2,)

    def _profile(self, u: np.ndarray) -> Profile:
        rate = 0.5 / self.ell**2
        phi = np.exp(-rate * u)
        return phi, -rate * phi, rate**2 * u * phi


@dataclass(frozen=True, repr=False)
class Imq(RadialKernel):
    name = "imq"
    arguments = ("beta", "bandwidth", "offset")
    beta: float = -0.5
    offset: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("beta", -1.0, 0.0)
        self._check("offset", 0.0)

    @property
    def code(self) -> tuple[int, tuple[float, ...]]:
        family = 1 if self.beta == -0.5 else 2  # a square root is cheaper than a power
        return family, (1.0 / self.ell**2, self.offset**2, self.beta)

    def _profile(self, u: np.ndarray) -> Profile:
        beta, scale = self.beta, 1.0 / self.ell**2
        t = self.offset**2 + scale * u
        phi = t**beta
        slope = beta * scale * phi / t
        return phi, slope, (beta - 1.0) * scale * u * slope / t


@dataclass(frozen=True, repr=False)
class Matern32(RadialKernel):
    name = "matern32"

    @property
    def code(self) -> tuple[int, tuple[float, ...]]:
        return 3, (np.sqrt(3.0) / self.ell,)

    def _profile(self, u: np.ndarray) -> Profile:
        rate = np.sqrt(3.0) / self.ell
        z = rate * np.sqrt(u)
        decay = np.exp(-z)
        return (1.0 + z) * decay, -0.5 * rate**2 * decay, 0.25 * rate**2 * z * decay


@dataclass(frozen=True, repr=False)
class Matern52(RadialKernel):
    name = "matern52"

    @property
    def code(self) -> tuple[int, tuple[float, ...]]:
        return 4, (np.sqrt(5.0) / self.ell,)

    def _profile(self, u: np.ndarray) -> Profile:
        rate = np.sqrt(5.0) / self.ell
        z = rate * np.sqrt(u)
        decay = np.exp(-z) / 3.0
        return ((3.0 + 3.0 * z + z**2) * decay, -0.5 * rate**2 * (1.0 + z) * decay,
                0.25 * rate**2 * z**2 * decay)


@dataclass(frozen=True, repr=False)
class LogInverse(RadialKernel):
    name = "log_inverse"
    arguments = ("alpha", "bandwidth")
    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("alpha", 0.0)

    @property
    def code(self) -> tuple[int, tuple[float, ...]]:
        return 5, (1.0 / self.ell**2, self.alpha)

    def _profile(self, u: np.ndarray) -> Profile:
        phi = 1.0 / (self.alpha + np.log1p(u / self.ell**2))
        rate = 1.0 / (self.ell**2 + u)
        return phi, -rate * phi**2, u * rate**2 * phi**2 * (1.0 + 2.0 * phi)
