"""Does this model fit this sample?"""

from divest.goodness_of_fit.aggregated import AggregatedSteinTest
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.goodness_of_fit.finite_set import FiniteSetSteinTest
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
from divest.goodness_of_fit.report import FitReport
from divest.goodness_of_fit.tables import fit_report

__all__ = [
    "AggregatedSteinTest",
    "CompositeSteinTest",
    "FiniteSetSteinTest",
    "FitReport",
    "KernelSteinTest",
    "OutOfSupportError",
    "ScoreModel",
    "SupportBoundaryError",
    "as_score_model",
    "check_score",
    "fit_report",
    "from_jax",
    "from_torch",
    "kernel_stein_test",
]
