"""Is the sample large enough?"""

from divest.sample_complexity._expert_mixture import ExpertMixture
from divest.sample_complexity._power_result import PowerResult
from divest.sample_complexity.families import (
    ExponentialFamily,
    bernoulli,
    exponential,
    gamma,
    gaussian,
    ising,
    multinomial,
    poisson,
    polynomial,
)
from divest.sample_complexity.intrinsic_dimension import intrinsic_dimension
from divest.sample_complexity.mixture_of_experts import MixtureOfExperts
from divest.sample_complexity.neighbor_link import LinkResult, largest_neighbor_link
from divest.sample_complexity.pn_criterion import (
    PNCriterion,
    PNResult,
    general_pn_criterion,
    kl_threshold,
    pn_criterion,
    required_sample_size,
)
from divest.sample_complexity.power import (
    pilot_sampler,
    power_curve,
    sample_size_for_power,
    size_check,
)
from divest.sample_complexity.sample_size import SampleSizeReport, sample_size_report

__all__ = [
    "ExpertMixture",
    "ExponentialFamily",
    "LinkResult",
    "MixtureOfExperts",
    "PNCriterion",
    "PNResult",
    "PowerResult",
    "SampleSizeReport",
    "bernoulli",
    "exponential",
    "gamma",
    "gaussian",
    "general_pn_criterion",
    "intrinsic_dimension",
    "ising",
    "kl_threshold",
    "largest_neighbor_link",
    "multinomial",
    "pilot_sampler",
    "pn_criterion",
    "poisson",
    "polynomial",
    "power_curve",
    "required_sample_size",
    "sample_size_for_power",
    "sample_size_report",
    "size_check",
]
