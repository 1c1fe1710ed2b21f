"""Small real tables that ship with the package, and simulators whose divergences are known."""

from divest.datasets.simulators import (
    SIMULATORS,
    Simulator,
    atoms,
    gaussian_mixture,
    plane,
    ring,
    shifted_gaussians,
    truncated_gaussians,
)
from divest.datasets.tables import load_anes96, load_penguins

__all__ = [
    "SIMULATORS", "Simulator", "atoms", "gaussian_mixture", "load_anes96", "load_penguins", "plane",
    "ring", "shifted_gaussians", "truncated_gaussians",
]
