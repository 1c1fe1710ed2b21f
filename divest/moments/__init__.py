"""What parameters satisfy these moment conditions?"""

from divest.moments._moment_function import MomentData
from divest.moments._results import ConfidenceSet, MomentEstimate
from divest.moments._scorers import hsic_scorer, mmr_scorer
from divest.moments.kernel_iv import KernelIVRegressor
from divest.moments.kernel_moments import KernelMethodOfMoments
from divest.moments.linear_iv import LinearIVRegressor
from divest.moments.specification import moment_test

__all__ = [
    "ConfidenceSet",
    "KernelIVRegressor",
    "KernelMethodOfMoments",
    "LinearIVRegressor",
    "MomentData",
    "MomentEstimate",
    "hsic_scorer",
    "mmr_scorer",
    "moment_test",
]
