"""How far apart are two distributions, and is there enough data to say so?"""

import typing as _typing
from importlib import import_module as _import_module

from divest._results import (
    ConvergenceWarning,
    Diagnostic,
    EstimateResult,
    HypothesisResult,
    TrustWarning,
)
from divest._samples import stack_samples
from divest.comparison import Comparison, compare
from divest.density import (
    ConditionalKernelDensity,
    DensityReport,
    KernelDensity,
    RegimeResult,
    condensation_bandwidths,
    density_report,
)
from divest.divergence import (
    DivergenceTwoSampleTest,
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    divergence_two_sample_test,
    estimate_divergence,
)
from divest.goodness_of_fit import (
    AggregatedSteinTest,
    CompositeSteinTest,
    FiniteSetSteinTest,
    FitReport,
    KernelSteinTest,
    LogPerplexityTest,
    PerturbedSteinTest,
    RobustSteinTest,
    SequenceSteinTest,
    compare_models,
    fit_report,
    kernel_stein_test,
)

if _typing.TYPE_CHECKING:  # loaded when first asked for, so that importing divest stays cheap
    from divest.moments import (
        KernelIVRegressor,
        KernelMethodOfMoments,
        LinearIVRegressor,
        moment_test,
    )
    from divest.sample_complexity import (
        MixtureOfExperts,
        PNCriterion,
        pn_criterion,
        sample_size_for_power,
        sample_size_report,
    )
    from divest.unnormalized import SteinEstimator, TruncatedSteinEstimator

_LATER = {
    "KernelIVRegressor": "divest.moments",
    "KernelMethodOfMoments": "divest.moments",
    "LinearIVRegressor": "divest.moments",
    "MixtureOfExperts": "divest.sample_complexity",
    "PNCriterion": "divest.sample_complexity",
    "SteinEstimator": "divest.unnormalized",
    "TruncatedSteinEstimator": "divest.unnormalized",
    "moment_test": "divest.moments",
    "pn_criterion": "divest.sample_complexity",
    "sample_size_for_power": "divest.sample_complexity",
    "sample_size_report": "divest.sample_complexity",
}

__all__ = [
    "AggregatedSteinTest",
    "Comparison",
    "CompositeSteinTest",
    "ConditionalKernelDensity",
    "ConvergenceWarning",
    "DensityReport",
    "Diagnostic",
    "DivergenceTwoSampleTest",
    "EstimateResult",
    "FiniteSetSteinTest",
    "FitReport",
    "HypothesisResult",
    "KernelDensity",
    "KernelIVRegressor",
    "KernelMethodOfMoments",
    "KernelSteinTest",
    "LinearIVRegressor",
    "LogPerplexityTest",
    "MixtureOfExperts",
    "NearestNeighborDistanceDivergence",
    "NearestNeighborRatioDivergence",
    "PNCriterion",
    "PerturbedSteinTest",
    "RegimeResult",
    "RobustSteinTest",
    "SequenceSteinTest",
    "SteinEstimator",
    "TruncatedSteinEstimator",
    "TrustWarning",
    "compare",
    "compare_models",
    "condensation_bandwidths",
    "density_report",
    "divergence_two_sample_test",
    "estimate_divergence",
    "fit_report",
    "kernel_stein_test",
    "moment_test",
    "pn_criterion",
    "sample_size_for_power",
    "sample_size_report",
    "stack_samples",
]

__version__ = "0.1.0.dev0"


def __getattr__(name: str) -> _typing.Any:
    """Load the folder that a name of `_LATER` is from."""
    if name in _LATER:
        return getattr(_import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those not loaded yet."""
    return sorted({*globals(), *__all__})
