"""Calls that ask about two samples, tables, and whether samples are large enough."""

import re
from functools import cache

import numpy as np
import pandas as pd
from fuzz_calls import NOT_SAID, fit_of, method_of, of
from scipy import stats

import divest
from divest import comparison, divergence, groups, sample_complexity

N = 12


def rows(seed=0, n=N, d=2):
    return np.random.default_rng(seed).normal(size=(n, d))


def pair():
    return {"P": rows(0), "Q": rows(1, n=14)}


def labelled():
    return {"X": rows(0, n=2 * N), "y": np.repeat([1, 0], N)}


def tables():
    rng = np.random.default_rng(2)
    made = [pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(list("xyz"), n),
                          "c": rng.integers(0, 5, n), "g": np.arange(n) % 3}) for n in (30, 36)]
    return {"reference": made[0], "current": made[1]}


def regression(n=30):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n, 2))
    return {"X": X, "y": X.sum(axis=1) + 0.1 * rng.normal(size=n)}


PAIR = {"P": "rows", "Q": "rows"}
LABELLED = {"X": "rows", "y": "labels"}
X = {"X": "rows"}
TABLES = {"reference": "table", "current": "table"}


@cache
def ratio() -> divest.NearestNeighborRatioDivergence:
    return divest.NearestNeighborRatioDivergence(n_neighbors=[1, 2]).fit(*labelled().values())


@cache
def distance() -> divest.NearestNeighborDistanceDivergence:
    return divest.NearestNeighborDistanceDivergence(n_neighbors=2).fit(*labelled().values())


@cache
def experts() -> divest.MixtureOfExperts:
    return divest.MixtureOfExperts(2, 1, n_init=1, max_iter=20, random_state=0).fit(
        *regression().values())


@cache
def law() -> sample_complexity.ExpertMixture:
    return experts().predict_distribution([[0.0, 0.0], [1.0, -1.0]])


@cache
def compared() -> comparison.Comparison:
    return divest.compare(**tables(), n_resamples=9, random_state=0)


@cache
def grouped() -> comparison.GroupComparison:
    return divest.compare_groups(**tables(), by="g", n_resamples=9, random_state=0)


@cache
def learning() -> sample_complexity.SampleSizeReport:
    return sample_complexity.sample_size_report(rows(0, 60), target=0.5, n_repeats=2,
                                                random_state=0)


def normal_pair(rng, n):
    return rng.normal(0.9, 1, size=n), rng.normal(size=n)


def quiet_test(*samples):
    """A test of a user, who has taken care of small samples."""
    with np.errstate(all="ignore"):
        return stats.ttest_ind(*samples).pvalue if min(map(len, samples)) > 1 else 1.0


@cache
def small_power() -> sample_complexity.PowerResult:
    return sample_complexity.sample_size_for_power(quiet_test, normal_pair, n_trials=10,
                                                   max_size=200, random_state=0)


def normal_family() -> sample_complexity.ExponentialFamily:
    return sample_complexity.gaussian()


@cache
def gains() -> divergence.SymmetryGainResult:
    return divergence.symmetry_gain(rows(0), groups.sign_flips(2), random_state=0)


@cache
def estimate() -> divest.EstimateResult:
    return divest.estimate_divergence(**pair(), n_neighbors=2)


@cache
def hypothesis() -> divest.HypothesisResult:
    return divest.divergence_two_sample_test(**pair(), n_resamples=9, random_state=0)


def no_error(**more):
    """The standard error is missing where it is not known, and says so."""
    return {"may_be_nan": re.compile(NOT_SAID.pattern + "|standard_error", re.VERBOSE), **more}


FLIPS = groups.sign_flips(2)
TWO_SAMPLES = [
    of(divest.stack_samples, pair, PAIR),
    of(divest.estimate_divergence, pair, PAIR, n_neighbors=2),
    of(divest.divergence_two_sample_test, pair, PAIR, n_neighbors=2),
    of(divergence.block_divergence, lambda: {"P": rows(0, 500), "Q": rows(1, 500)}, PAIR,
       n_blocks=10, extra={"share": 0.5}),
    of(divergence.symmetric_mmd, pair, PAIR, group=FLIPS),
    of(divergence.symmetric_mmd_test, pair, PAIR, group=FLIPS),
    of(divergence.symmetric_neighbor_divergence, pair, PAIR, group=FLIPS, n_neighbors=2),
    of(divergence.symmetric_wasserstein, lambda: {"P": rows(0), "Q": rows(1)}, PAIR, group=FLIPS,
       extra={"also": (ImportError,)}),
    of(divergence.symmetry_gain, lambda: {"X": rows(0)}, X, group=FLIPS),
    of(divergence.group_invariance_test, lambda: {"X": rows(0)}, X, group=FLIPS),
    fit_of(divest.NearestNeighborRatioDivergence, labelled, LABELLED, n_neighbors=[1, 2]),
    fit_of(divest.NearestNeighborDistanceDivergence, labelled, LABELLED, n_neighbors=2),
    fit_of(divest.DivergenceTwoSampleTest, labelled, LABELLED, n_neighbors=2,
           extra={"may_be_nan": re.compile(NOT_SAID.pattern + "|standardized", re.VERBOSE)}),
    method_of(ratio, "fit_samples", pair, PAIR, "NearestNeighborRatioDivergence.fit_samples"),
    method_of(distance, "fit_samples", pair, PAIR, "NearestNeighborDistanceDivergence.fit_samples"),
    method_of(lambda: divest.DivergenceTwoSampleTest(n_neighbors=1, n_resamples=9), "fit_samples",
              pair, PAIR, "DivergenceTwoSampleTest.fit_samples"),
    method_of(ratio, "estimate", called="NearestNeighborRatioDivergence.estimate"),
    method_of(distance, "estimate", called="NearestNeighborDistanceDivergence.estimate"),
    method_of(ratio, "estimates", called="NearestNeighborRatioDivergence.estimates",
              divergences=["kl", "hellinger"]),
    method_of(ratio, "density_ratio", lambda: {"X": rows(4)}, X,
              "NearestNeighborRatioDivergence.density_ratio"),
    method_of(ratio, "log_density_ratio", lambda: {"X": rows(4)}, X,
              "NearestNeighborRatioDivergence.log_density_ratio"),
    method_of(ratio, "score", labelled, LABELLED, "NearestNeighborRatioDivergence.score"),
    method_of(estimate, "confidence_interval", called="EstimateResult.confidence_interval"),
    method_of(hypothesis, "pvalue_interval", called="HypothesisResult.pvalue_interval"),
    method_of(hypothesis, "reject", called="HypothesisResult.reject"),
    method_of(gains, "confidence_interval", called="SymmetryGainResult.confidence_interval"),
    method_of(gains, "rows_factor_interval", called="SymmetryGainResult.rows_factor_interval"),
    method_of(lambda: divergence.symmetric_mmd(**pair(), group=FLIPS), "confidence_interval",
              called="SymmetricEstimateResult.confidence_interval", level=0.9),
]
COMPARED = [
    of(divest.compare, tables, TABLES),
    of(divest.compare_groups, tables, TABLES, by="g"),
    of(divest.drift_table, tables, TABLES),
    method_of(compared, "to_html", called="Comparison.to_html", extra={"share": 0.3}),
    method_of(grouped, "to_html", called="GroupComparison.to_html", extra={"share": 0.3}),
]
SIZES = [
    of(divest.pn_criterion, lambda: {"X": rows(0, 20)}, X, n_draws=200, n_groups=4),
    fit_of(divest.PNCriterion, lambda: {"X": rows(0, 20)}, X, n_draws=200, n_groups=4),
    of(sample_complexity.general_pn_criterion, lambda: {"scores": rows(0, 20)},
       {"scores": "rows"}, hessian=-np.eye(2)),
    of(sample_complexity.kl_threshold, delta=0.05),
    of(sample_complexity.required_sample_size, p_star=3.0, c2=1.0, threshold=0.1),
    of(sample_complexity.intrinsic_dimension, lambda: {"X": rows(0, 20)}, X, n_neighbors=5,
       extra=no_error()),
    of(sample_complexity.largest_neighbor_link, lambda: {"X": rows(0, 20)}, X, region="torus",
       bounds=(-4, 4)),
    of(divest.sample_size_report, lambda: {"X": rows(0, 40)}, X, n_repeats=2, sizes=3,
       extra={"may_be_nan": re.compile("target|n_required")}),  # where no target is given
    of(sample_complexity.pilot_sampler, pair, PAIR, extra={"may_be_nan": re.compile("pilots")}),
    of(divest.sample_size_for_power, test=quiet_test, sampler=normal_pair, n_trials=5,
       max_size=200),
    of(sample_complexity.power_curve, test=quiet_test, sampler=normal_pair, sizes=[5, 10],
       n_trials=5),
    of(sample_complexity.size_check, test=quiet_test, null_sampler=normal_pair, n=10,
       n_trials=20),
    fit_of(divest.MixtureOfExperts, regression, {"X": "rows", "y": "column"}, max_experts=2,
           max_degree=1, n_init=1, max_iter=20, extra={"share": 0.4}),
    method_of(experts, "predict", lambda: {"X": rows(4)}, X, "MixtureOfExperts.predict"),
    method_of(experts, "predict_distribution", lambda: {"X": rows(4)}, X,
              "MixtureOfExperts.predict_distribution"),
    method_of(experts, "sample", lambda: {"X": rows(4)}, X, "MixtureOfExperts.sample"),
    method_of(experts, "score", regression, {"X": "rows", "y": "column"},
              "MixtureOfExperts.score"),
    method_of(experts, "score_samples", regression, {"X": "rows", "y": "column"},
              "MixtureOfExperts.score_samples", extra={"may_be_nan": re.compile("")}),
    *(method_of(law, name, lambda: {"y": np.array([0.0, 1.0])}, {"y": "column"},
                f"ExpertMixture.{name}", extra={"may_be_nan": re.compile("")})  # -infinity
      for name in ("cdf", "pdf", "logpdf")),
    method_of(law, "quantile", lambda: {"q": np.array([0.1, 0.5])}, {"q": "column"},
              "ExpertMixture.quantile"),
    method_of(law, "sample", called="ExpertMixture.sample"),
    method_of(small_power, "confidence_interval", called="PowerResult.confidence_interval"),
    method_of(learning, "predict", lambda: {"n": np.array([10, 1000])}, {"n": "column"},
              "SampleSizeReport.predict"),
    of(sample_complexity.gaussian), of(sample_complexity.polynomial, degree=4),
    *(of(getattr(sample_complexity, name)) for name in (
        "bernoulli", "exponential", "gamma", "ising", "multinomial", "poisson")),
    *(of(divest.pn_criterion, lambda: {"X": 1 + np.abs(np.round(3 * rows(0, 20, 1)))}, X,
         f"pn_criterion of {family().name}", family=family(), n_draws=200, n_groups=4)
      for family in (sample_complexity.poisson, sample_complexity.exponential,
                     sample_complexity.gamma, sample_complexity.multinomial)),
]
CALLS = [*TWO_SAMPLES, *COMPARED, *SIZES]
