"""The questions of the package for counts and categories."""

from divest.discrete.f_divergence import CountDivergenceResult, f_divergence
from divest.discrete.g_test import g_test

__all__ = ["CountDivergenceResult", "f_divergence", "g_test"]
