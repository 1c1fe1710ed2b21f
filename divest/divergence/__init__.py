"""How far apart are two samples?"""

from divest.divergence.estimate import estimate_divergence
from divest.divergence.nearest_neighbor_distance import NearestNeighborDistanceDivergence
from divest.divergence.nearest_neighbor_ratio import NearestNeighborRatioDivergence
from divest.divergence.two_sample_test import DivergenceTwoSampleTest, divergence_two_sample_test

__all__ = [
    "DivergenceTwoSampleTest",
    "NearestNeighborDistanceDivergence",
    "NearestNeighborRatioDivergence",
    "divergence_two_sample_test",
    "estimate_divergence",
]
