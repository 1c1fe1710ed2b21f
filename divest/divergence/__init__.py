"""How far apart are two samples?"""

from divest.divergence._symmetric_common import SymmetricEstimateResult
from divest.divergence._symmetric_gain import SymmetryGainResult
from divest.divergence.blocks import block_divergence
from divest.divergence.estimate import estimate_divergence
from divest.divergence.nearest_neighbor_distance import NearestNeighborDistanceDivergence
from divest.divergence.nearest_neighbor_ratio import NearestNeighborRatioDivergence
from divest.divergence.symmetric import (
    symmetric_mmd,
    symmetric_neighbor_divergence,
    symmetric_wasserstein,
    symmetry_gain,
)
from divest.divergence.symmetric_tests import group_invariance_test, symmetric_mmd_test
from divest.divergence.two_sample_test import DivergenceTwoSampleTest, divergence_two_sample_test

__all__ = [
    "DivergenceTwoSampleTest",
    "NearestNeighborDistanceDivergence",
    "NearestNeighborRatioDivergence",
    "SymmetricEstimateResult",
    "SymmetryGainResult",
    "block_divergence",
    "divergence_two_sample_test",
    "estimate_divergence",
    "group_invariance_test",
    "symmetric_mmd",
    "symmetric_mmd_test",
    "symmetric_neighbor_divergence",
    "symmetric_wasserstein",
    "symmetry_gain",
]
