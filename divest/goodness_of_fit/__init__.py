"""Does this model fit this sample?"""

from divest.goodness_of_fit.kernel_stein import KernelSteinTest, kernel_stein_test
from divest.goodness_of_fit.models import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_score_model,
    check_score,
    from_jax,
    from_torch,
)

__all__ = [
    "KernelSteinTest",
    "OutOfSupportError",
    "ScoreModel",
    "SupportBoundaryError",
    "as_score_model",
    "check_score",
    "from_jax",
    "from_torch",
    "kernel_stein_test",
]
