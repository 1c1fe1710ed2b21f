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

if _typing.TYPE_CHECKING:  # loaded when first asked for, so that importing divest stays cheap
    from divest.comparison import Comparison, GroupComparison, compare, compare_groups
    from divest.density import (
        ConditionalKernelDensity,
        DensityReport,
        KernelDensity,
        RegimeResult,
        condensation_bandwidths,
        density_report,
    )
    from divest.discrete import (
        MarkovChainEstimator,
        drift_table,
        population_stability_index,
    )
    from divest.discrete.information_value import information_value
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
    from divest.moments import (
        KernelIVRegressor,
        KernelMethodOfMoments,
        LinearIVRegressor,
        moment_test,
    )
    from divest.sample_complexity import (
        MixtureOfExperts,
        PNCriterion,
        sample_size_for_power,
        sample_size_report,
    )
    from divest.sample_complexity.pn_criterion import pn_criterion
    from divest.study import Study
    from divest.unnormalized import SteinEstimator, TruncatedSteinEstimator

_FOLDERS = (
    "comparison", "datasets", "density", "discrete", "divergence", "generators", "goodness_of_fit",
    "groups", "kernels", "moments", "plotting", "sample_complexity", "study", "unnormalized",
)
_LATER = {  # the folder of each name that is loaded at its first use
    "AggregatedSteinTest": "divest.goodness_of_fit",
    "Comparison": "divest.comparison",
    "CompositeSteinTest": "divest.goodness_of_fit",
    "ConditionalKernelDensity": "divest.density",
    "DensityReport": "divest.density",
    "DivergenceTwoSampleTest": "divest.divergence",
    "FiniteSetSteinTest": "divest.goodness_of_fit",
    "FitReport": "divest.goodness_of_fit",
    "GroupComparison": "divest.comparison",
    "KernelDensity": "divest.density",
    "KernelIVRegressor": "divest.moments",
    "KernelMethodOfMoments": "divest.moments",
    "KernelSteinTest": "divest.goodness_of_fit",
    "LinearIVRegressor": "divest.moments",
    "LogPerplexityTest": "divest.goodness_of_fit",
    "MarkovChainEstimator": "divest.discrete",
    "MixtureOfExperts": "divest.sample_complexity",
    "NearestNeighborDistanceDivergence": "divest.divergence",
    "NearestNeighborRatioDivergence": "divest.divergence",
    "PNCriterion": "divest.sample_complexity",
    "PerturbedSteinTest": "divest.goodness_of_fit",
    "RegimeResult": "divest.density",
    "RobustSteinTest": "divest.goodness_of_fit",
    "SequenceSteinTest": "divest.goodness_of_fit",
    "SteinEstimator": "divest.unnormalized",
    "Study": "divest.study",
    "TruncatedSteinEstimator": "divest.unnormalized",
    "compare": "divest.comparison",
    "compare_groups": "divest.comparison",
    "compare_models": "divest.goodness_of_fit",
    "condensation_bandwidths": "divest.density",
    "density_report": "divest.density",
    "divergence_two_sample_test": "divest.divergence",
    "drift_table": "divest.discrete",
    "estimate_divergence": "divest.divergence",
    "fit_report": "divest.goodness_of_fit",
    "information_value": "divest.discrete",
    "kernel_stein_test": "divest.goodness_of_fit",
    "moment_test": "divest.moments",
    "pn_criterion": "divest.sample_complexity",
    "population_stability_index": "divest.discrete",
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
    "GroupComparison",
    "HypothesisResult",
    "KernelDensity",
    "KernelIVRegressor",
    "KernelMethodOfMoments",
    "KernelSteinTest",
    "LinearIVRegressor",
    "LogPerplexityTest",
    "MarkovChainEstimator",
    "MixtureOfExperts",
    "NearestNeighborDistanceDivergence",
    "NearestNeighborRatioDivergence",
    "PNCriterion",
    "PerturbedSteinTest",
    "RegimeResult",
    "RobustSteinTest",
    "SequenceSteinTest",
    "SteinEstimator",
    "Study",
    "TruncatedSteinEstimator",
    "TrustWarning",
    "compare",
    "compare_groups",
    "compare_models",
    "condensation_bandwidths",
    "density_report",
    "divergence_two_sample_test",
    "drift_table",
    "estimate_divergence",
    "fit_report",
    "information_value",
    "kernel_stein_test",
    "moment_test",
    "pn_criterion",
    "population_stability_index",
    "sample_size_for_power",
    "sample_size_report",
    "stack_samples",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> _typing.Any:
    """A name of `_LATER`, or one of the folders."""
    if name in _LATER:
        return getattr(_import_module(_LATER[name]), name)
    if name in _FOLDERS:
        return _import_module(f"divest.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names, also those not loaded yet."""
    return sorted({*globals(), *__all__})
