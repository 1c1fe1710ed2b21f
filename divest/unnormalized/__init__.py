"""Which member of a family of densities, known up to their constants, fits this sample?"""

from divest.unnormalized.families import LinearScore, exponential_family, gaussian_score
from divest.unnormalized.polygon import polygon_points
from divest.unnormalized.stein import SteinEstimator
from divest.unnormalized.truncated_stein import TruncatedSteinEstimator

__all__ = [
    "LinearScore",
    "SteinEstimator",
    "TruncatedSteinEstimator",
    "exponential_family",
    "gaussian_score",
    "polygon_points",
]
