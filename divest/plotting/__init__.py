"""Figures of comparisons, tests, estimates, plans and studies, on one Axes each."""

from divest.plotting.comparison import plot_comparison
from divest.plotting.density import plot_density, plot_regimes
from divest.plotting.divergence import plot_path
from divest.plotting.goodness_of_fit import (
    plot_bandwidth_curve,
    plot_influence,
    plot_witness,
)
from divest.plotting.hypothesis import plot_null_distribution
from divest.plotting.moments import plot_coefficients, plot_confidence_set
from divest.plotting.sample_complexity import plot_learning_curve, plot_power_curve, plot_risk
from divest.plotting.study import plot_study

__all__ = [
    "plot_bandwidth_curve",
    "plot_coefficients",
    "plot_comparison",
    "plot_confidence_set",
    "plot_density",
    "plot_influence",
    "plot_learning_curve",
    "plot_null_distribution",
    "plot_path",
    "plot_power_curve",
    "plot_regimes",
    "plot_risk",
    "plot_study",
    "plot_witness",
]
