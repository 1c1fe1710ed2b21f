"""Is the sample large enough?"""

from divest.sample_complexity.power import (
    PowerResult,
    pilot_sampler,
    power_curve,
    sample_size_for_power,
    size_check,
)

__all__ = [
    "PowerResult",
    "pilot_sampler",
    "power_curve",
    "sample_size_for_power",
    "size_check",
]
