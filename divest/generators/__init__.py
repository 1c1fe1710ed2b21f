"""f-divergence generators: what each divergence asks of the ratio r = p/q.

``D_f(P || Q) = E_Q f(r)`` with f convex and f(1) = 0; P is the sample in question, Q the reference.
"""

from divest.generators.generator import Generator
from divest.generators.registry import (
    bhattacharyya,
    chi_square,
    hellinger,
    jeffreys,
    jensen_shannon,
    kl,
    le_cam,
    neyman_chi_square,
    power,
    renyi,
    resolve_generator,
    reverse_kl,
    total_variation,
    tsallis,
)
from divest.generators.terms import Constant, Function, Log, Power, PowerIntegral, Sign, Term

__all__ = [
    "Constant",
    "Function",
    "Generator",
    "Log",
    "Power",
    "PowerIntegral",
    "Sign",
    "Term",
    "bhattacharyya",
    "chi_square",
    "hellinger",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "le_cam",
    "neyman_chi_square",
    "power",
    "renyi",
    "resolve_generator",
    "reverse_kl",
    "total_variation",
    "tsallis",
]
