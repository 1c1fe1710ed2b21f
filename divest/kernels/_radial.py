"""What single kernels have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from divest.kernels._number import LARGE, bounded_number
from divest.kernels.kernel import Kernel, Profile


@dataclass(frozen=True, repr=False)
class RadialKernel(Kernel):
    """One kernel; those that inherit say how phi is computed, and how the loops know them."""

    name: ClassVar[str]
    arguments: ClassVar[tuple[str, ...]] = ("bandwidth",)  # in the order of the constructor
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        if self.bandwidth is not None:
            self._check("bandwidth", 0.0)
            if not 1 / LARGE < self.bandwidth < LARGE:
                raise ValueError(f"{self.name}: bandwidth must lie between {1 / LARGE:g} and "
                                 f"{LARGE:g}, for its square to be a float; got "
                                 f"{self.bandwidth:g}.")

    def _check(self, field: str, low: float, high: float = np.inf) -> None:
        """Make a field a float, strictly between `low` and `high`."""
        number = bounded_number(field, getattr(self, field), low, high, self.name)
        object.__setattr__(self, field, number)

    @property
    def ell(self) -> float:
        """The bandwidth, which must be there."""
        if self.bandwidth is None:
            raise ValueError(f"{self.name}: the bandwidth is missing; set it by with_bandwidth.")
        return self.bandwidth

    @property
    @abstractmethod
    def code(self) -> tuple[int, tuple[float, ...]]:
        """Number of the family in ``_kernels/stein.py``, and the parameters asked for there."""

    @abstractmethod
    def _profile(self, u: np.ndarray) -> Profile: ...

    def _with(self, ell: float) -> RadialKernel:
        return replace(self, bandwidth=ell)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.arguments)
        return f"{self.name}({values})"
