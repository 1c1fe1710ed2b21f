"""Finite symmetry groups that act on the rows of a sample: rotations, sign flips, permutations."""

from divest.groups.constructors import cyclic, dihedral, permutations, product, sign_flips
from divest.groups.finite_group import FiniteGroup

__all__ = ["FiniteGroup", "cyclic", "dihedral", "permutations", "product", "sign_flips"]
