"""How far apart are two distributions, and is there enough data to say so?"""

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
    pn_criterion,
    sample_size_for_power,
    sample_size_report,
)

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
    "MixtureOfExperts",
    "NearestNeighborDistanceDivergence",
    "NearestNeighborRatioDivergence",
    "PNCriterion",
    "RegimeResult",
    "TrustWarning",
    "compare",
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
