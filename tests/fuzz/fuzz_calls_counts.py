"""Calls that ask about counts, categories and Markov chains."""

import re

import numpy as np
import pandas as pd
from fuzz_calls import NOT_SAID, fit_of, method_of, of

import divest
from divest import discrete


def counts():
    return {"P": np.array([30, 50, 20]), "Q": np.array([60, 90, 50])}


def table():
    return {"counts": np.array([[20, 30, 50], [25, 25, 50], [10, 40, 50]])}


def chains():
    rng = np.random.default_rng(0)
    return {"X": [list(rng.choice(list("ab"), 15)) + ["c"] for _ in range(4)]}


def walked():
    return {"X": np.random.default_rng(0).integers(0, 2, 60)}


def two_chains():
    return {"P": discrete.transition_counts([0, 1, 0, 0, 1, 1, 0] * 5),
            "Q": discrete.transition_counts([0, 1, 1, 0, 1, 0, 0] * 5)}


def values():
    rng = np.random.default_rng(0)
    return {"P": rng.normal(size=40), "Q": rng.normal(size=50)}


def chain() -> divest.MarkovChainEstimator:
    return divest.MarkovChainEstimator().fit(walked()["X"])


def transitions() -> discrete.TransitionCounts:
    return discrete.transition_counts([0, 1, 0, 0, 1])


def absorbed() -> discrete.AbsorptionTimes:
    return discrete.absorption_times(
        discrete.TransitionCounts([[210, 60, 30], [30, 240, 30], [0, 0, 100]]), [0, 1])


def long_frame():
    return {"frame": pd.DataFrame({"a": [2, 1, 1, 2] * 3, "b": list("xyxz") * 3, "g": range(12)})}


PQ = {"P": "counts", "Q": "counts"}
COLUMNS = {"P": "column", "Q": "column"}
SEEN = {"X": "sequences"}
SEEN_ONCE = {"may_be_nan": re.compile(NOT_SAID.pattern + r"|\.rows", re.VERBOSE)}
CALLS = [
    of(discrete.f_divergence, counts, PQ), of(discrete.f_divergence_test, counts, PQ),
    of(discrete.bregman_divergence, counts, PQ), of(discrete.fisher_rao_distance, counts, PQ),
    of(discrete.f_divergence_power, effect=0.05, n=100, m=100, n_cells=5),
    of(discrete.information_gain, table, {"counts": "counts"}),
    of(discrete.jensen_shannon_test, table, {"counts": "counts"}),
    of(discrete.weights_of_evidence,
       lambda: {"events": counts()["P"], "others": counts()["Q"]},
       {"events": "counts", "others": "counts"}),
    of(discrete.population_stability_index, values, COLUMNS),
    of(discrete.information_value,
       lambda: {"x": values()["P"], "y": np.arange(40) % 2}, {"x": "column", "y": "labels"}),
    of(discrete.psi_sample_size, psi=0.1, n_cells=10),
    of(discrete.required_chain_length, tolerance=0.01, n_states=3, smallest_stationary=0.25),
    of(discrete.transition_counts, chains, SEEN),
    of(discrete.transition_counts, walked, {"X": "column"}, "transition_counts of numbers"),
    of(discrete.TransitionCounts, lambda: {"counts": np.array([[90, 10], [20, 30]])},
       {"counts": "counts"}, states=["a", "b"]),
    method_of(transitions, "over", called="TransitionCounts.over", states=[0, 1, 2]),
    of(discrete.order_test, chains, SEEN), of(discrete.order_test, walked, {"X": "column"},
                                              "order_test of numbers"),
    of(discrete.absorption_times,
       lambda: {"X": discrete.TransitionCounts([[210, 60, 30], [30, 240, 30], [0, 0, 100]])},
       transient=[0, 1]),
    of(discrete.absorption_times, chains, SEEN, "absorption_times of sequences",
       transient=["a"]),
    of(discrete.markov_divergence, two_chains), of(discrete.markov_divergence_test, two_chains),
    of(discrete.markov_divergence, lambda: {"P": chains()["X"], "Q": chains()["X"]},
       {"P": "sequences", "Q": "sequences"}, "markov_divergence of sequences", extra=SEEN_ONCE),
    of(discrete.markov_divergence_test, lambda: {"P": chains()["X"], "Q": chains()["X"]},
       {"P": "sequences", "Q": "sequences"}, "markov_divergence_test of sequences"),
    of(discrete.sequences_from_frame, long_frame, {"frame": "table"}, by="a", time="g",
       state="b"),
    fit_of(divest.MarkovChainEstimator, chains, SEEN),
    fit_of(divest.MarkovChainEstimator, walked, {"X": "column"},
           "MarkovChainEstimator.fit of numbers"),
    method_of(chain, "predict_proba", walked, {"X": "column"},
              "MarkovChainEstimator.predict_proba"),
    method_of(chain, "score", walked, {"X": "column"}, "MarkovChainEstimator.score"),
    method_of(absorbed, "confidence_interval", called="AbsorptionTimes.confidence_interval"),
    method_of(lambda: discrete.f_divergence(**counts()), "confidence_interval",
              called="CountDivergenceResult.confidence_interval", level=0.9),
    method_of(lambda: discrete.fisher_rao_distance(**counts()), "confidence_interval",
              called="DistanceResult.confidence_interval", level=0.9),
    method_of(lambda: discrete.markov_divergence(**two_chains()), "confidence_interval",
              called="MarkovDivergenceResult.confidence_interval", level=0.9),
    method_of(lambda: discrete.f_divergence_test(**counts()), "pvalue_interval",
              called="CountTestResult.pvalue_interval", level=0.9),
    method_of(lambda: discrete.f_divergence_test(**counts()), "reject",
              called="CountTestResult.reject", level=0.1),
]
