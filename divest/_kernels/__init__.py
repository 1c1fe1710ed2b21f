"""Compiled loops, loaded when first used, so that importing divest does not import numba."""

from importlib import import_module

_FILES = frozenset({"binning", "density", "neighbors", "sequences", "stein"})


def __getattr__(name):
    """Load the file of loops called `name`."""
    if name in _FILES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
