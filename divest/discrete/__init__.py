"""The questions of the package for counts and categories."""

from divest.discrete._count_result import CountDivergenceResult
from divest.discrete._count_test import CountTestResult
from divest.discrete.absorption import AbsorptionTimes, absorption_times
from divest.discrete.bregman import bregman_divergence
from divest.discrete.drift import drift_table
from divest.discrete.f_divergence import f_divergence
from divest.discrete.f_divergence_test import f_divergence_power, f_divergence_test
from divest.discrete.fisher_rao import DistanceResult, fisher_rao_distance
from divest.discrete.information_gain import information_gain
from divest.discrete.information_value import information_value, weights_of_evidence
from divest.discrete.jensen_shannon_test import jensen_shannon_test
from divest.discrete.markov import MarkovChainEstimator, required_chain_length
from divest.discrete.markov_divergence import MarkovDivergenceResult, markov_divergence
from divest.discrete.markov_divergence_test import markov_divergence_test
from divest.discrete.order_test import order_test
from divest.discrete.stability import population_stability_index, psi_sample_size
from divest.discrete.transitions import TransitionCounts, sequences_from_frame, transition_counts

__all__ = [
    "AbsorptionTimes",
    "CountDivergenceResult",
    "CountTestResult",
    "DistanceResult",
    "MarkovChainEstimator",
    "MarkovDivergenceResult",
    "TransitionCounts",
    "absorption_times",
    "bregman_divergence",
    "drift_table",
    "f_divergence",
    "f_divergence_power",
    "f_divergence_test",
    "fisher_rao_distance",
    "information_gain",
    "information_value",
    "jensen_shannon_test",
    "markov_divergence",
    "markov_divergence_test",
    "order_test",
    "population_stability_index",
    "psi_sample_size",
    "required_chain_length",
    "sequences_from_frame",
    "transition_counts",
    "weights_of_evidence",
]
