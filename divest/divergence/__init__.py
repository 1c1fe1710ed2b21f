"""How far apart are two samples?"""

from divest.divergence.nearest_neighbor_ratio import NearestNeighborRatioDivergence

__all__ = ["NearestNeighborRatioDivergence"]
