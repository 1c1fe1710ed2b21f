"""What density did the sample come from, and is it dense enough to say?"""

from divest.density._theory import CondensationBandwidths, condensation_bandwidths
from divest.density.bandwidths import (
    isj_bandwidth,
    loo_kl_bandwidth,
    lscv_bandwidth,
    robust_bandwidth,
    scott_bandwidth,
    silverman_bandwidth,
)
from divest.density.conditional import ConditionalKernelDensity
from divest.density.kernel_density import KernelDensity
from divest.density.regimes import RegimeResult
from divest.density.report import DensityReport, density_report

__all__ = [
    "CondensationBandwidths",
    "ConditionalKernelDensity",
    "DensityReport",
    "KernelDensity",
    "RegimeResult",
    "condensation_bandwidths",
    "density_report",
    "isj_bandwidth",
    "loo_kl_bandwidth",
    "lscv_bandwidth",
    "robust_bandwidth",
    "scott_bandwidth",
    "silverman_bandwidth",
]
