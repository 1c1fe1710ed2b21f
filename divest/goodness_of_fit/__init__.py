"""Does this model fit this sample?"""

from divest.goodness_of_fit.aggregated import AggregatedSteinTest
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.goodness_of_fit.finite_set import FiniteSetSteinTest
from divest.goodness_of_fit.kernel_stein import KernelSteinTest, kernel_stein_test
from divest.goodness_of_fit.log_perplexity import LogPerplexityTest
from divest.goodness_of_fit.models import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_score_model,
    check_score,
    from_jax,
    from_torch,
)
from divest.goodness_of_fit.modes import Modes, find_modes
from divest.goodness_of_fit.perturbed import PerturbedSteinTest
from divest.goodness_of_fit.planning import ModelComparison, compare_models
from divest.goodness_of_fit.report import FitReport
from divest.goodness_of_fit.robust import RobustSteinTest
from divest.goodness_of_fit.sequence_models import (
    Edit,
    HiddenMarkovModel,
    IndependentTokens,
    MarkovChainModel,
)
from divest.goodness_of_fit.sequences import SequenceSteinTest, SubstringFeatures
from divest.goodness_of_fit.tables import fit_report

__all__ = [
    "AggregatedSteinTest",
    "CompositeSteinTest",
    "Edit",
    "FiniteSetSteinTest",
    "FitReport",
    "HiddenMarkovModel",
    "IndependentTokens",
    "KernelSteinTest",
    "LogPerplexityTest",
    "MarkovChainModel",
    "ModelComparison",
    "Modes",
    "OutOfSupportError",
    "PerturbedSteinTest",
    "RobustSteinTest",
    "ScoreModel",
    "SequenceSteinTest",
    "SubstringFeatures",
    "SupportBoundaryError",
    "as_score_model",
    "check_score",
    "compare_models",
    "find_modes",
    "fit_report",
    "from_jax",
    "from_torch",
    "kernel_stein_test",
]
