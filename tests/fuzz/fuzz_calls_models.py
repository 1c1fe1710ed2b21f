"""Calls that ask whether a model fits, or fit one known up to its constant."""

import re
from functools import cache

import numpy as np
from fuzz_calls import fit_of, method_of, of
from fuzz_calls_samples import X, rows
from scipy import stats

import divest
from divest import goodness_of_fit, unnormalized


class StandardNormal:
    """A model for any number of columns."""

    def score(self, X):
        return -X

    def log_density(self, X):
        with np.errstate(over="ignore"):
            return -0.5 * (X**2).sum(axis=1)


class Corners:
    """Two corners of a box around the rows."""

    def __call__(self, X):
        return np.array([X.min(axis=0) - 0.1, X.max(axis=0) + 0.1])


def data():
    return {"X": rows(0)}


def witnesses():
    return {"Z": rows(4)}


Z = {"Z": "rows"}
CHAIN = goodness_of_fit.MarkovChainModel([[0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]]], stop=0.25,
                                         alphabet="ab")
TOKENS = goodness_of_fit.IndependentTokens([0.5, 0.5], stop=0.25, alphabet="ab")
HIDDEN = goodness_of_fit.HiddenMarkovModel([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]],
                                           [[0.8, 0.2], [0.3, 0.7]], stop=0.25, alphabet="ab")


def sequences():
    return {"X": ["".join(x) for x in CHAIN.sample(12, rng=0)]}


@cache
def stein() -> divest.KernelSteinTest:
    return divest.KernelSteinTest(StandardNormal(), n_resamples=299, random_state=0).fit(rows(0))


@cache
def aggregated() -> divest.AggregatedSteinTest:
    return divest.AggregatedSteinTest(StandardNormal(), n_resamples=9, random_state=0).fit(rows(0))


@cache
def composite() -> divest.CompositeSteinTest:
    return divest.CompositeSteinTest(stats.norm, n_resamples=9, random_state=0).fit(rows(0, d=1))


@cache
def robust() -> divest.RobustSteinTest:
    return divest.RobustSteinTest(StandardNormal(), n_resamples=9, random_state=0).fit(rows(0))


@cache
def fitted_stein() -> divest.SteinEstimator:
    return divest.SteinEstimator(unnormalized.gaussian_score(1.0)).fit(rows(0))


@cache
def fitted_truncated() -> divest.TruncatedSteinEstimator:
    return divest.TruncatedSteinEstimator(unnormalized.gaussian_score(1.0), Corners()).fit(rows(0))


@cache
def two_models() -> goodness_of_fit.ModelComparison:
    return divest.compare_models(rows(0, d=1), stats.norm(), stats.norm(1), n_resamples=9,
                                 random_state=0)


@cache
def score_model() -> goodness_of_fit.ScoreModel:
    return goodness_of_fit.as_score_model(stats.norm())


@cache
def modes() -> goodness_of_fit.Modes:
    return goodness_of_fit.find_modes(stats.norm(), box=(-3, 3), random_state=0)


@cache
def linear() -> unnormalized.LinearScore:
    return unnormalized.gaussian_score(1.0)


def law():
    return {"P": np.random.default_rng(0).dirichlet(np.ones(3), 12), "y": np.arange(12) % 3}


def substrings() -> goodness_of_fit.SubstringFeatures:
    return goodness_of_fit.SubstringFeatures(2)


ENDLESS = re.compile("")
AS_GIVEN = {"share": 0.3, "may_be_nan": ENDLESS}  # names are checked when they are used
ONE_LAW = {"initial": [0.5, 0.5], "transition": [[0.9, 0.1], [0.1, 0.9]],
           "emission": [[0.8, 0.2], [0.3, 0.7]]}
TESTS = [
    fit_of(divest.KernelSteinTest, data, X, model=StandardNormal()),
    fit_of(divest.KernelSteinTest, data, X, "KernelSteinTest.fit by landmarks",
           model=StandardNormal(), method="nystrom", null="spectral"),
    fit_of(divest.KernelSteinTest, lambda: {"X": np.exp(rows(0, d=1))}, X,
           "KernelSteinTest.fit of a law",
           model=stats.gamma(3.0)),
    fit_of(divest.AggregatedSteinTest, data, X, model=StandardNormal()),
    fit_of(divest.FiniteSetSteinTest, data, X, model=StandardNormal()),
    fit_of(divest.CompositeSteinTest, lambda: {"X": rows(0, d=1)}, X, family=stats.norm,
           extra={"share": 0.5}),
    fit_of(divest.PerturbedSteinTest, data, X, model=StandardNormal(), box=(-6, 6),
           scales=[0.9, 1.1], n_starts=3, extra={"share": 0.3}),
    fit_of(divest.RobustSteinTest, data, X, model=StandardNormal()),
    fit_of(divest.SequenceSteinTest, sequences, {"X": "sequences"}, model=CHAIN),
    fit_of(divest.LogPerplexityTest, law, {"P": "rows", "y": "labels"}),
    of(divest.kernel_stein_test, data, X, model=StandardNormal()),
    of(divest.fit_report, lambda: {"X": rows(0, d=1)}, X, model=stats.norm(), n_resamples=9,
       extra={"share": 0.4}),
    of(divest.compare_models, lambda: {"X": rows(0, d=1)}, X, a=stats.norm(), b=stats.norm(1.0)),
    of(goodness_of_fit.as_score_model, model=stats.norm()),
    of(goodness_of_fit.check_score, data, X, model=StandardNormal()),
    of(goodness_of_fit.find_modes, model=stats.norm(), box=(-3, 3), n_starts=3,
       extra={"share": 0.5}),
    of(goodness_of_fit.from_jax, log_density=len, extra={"also": (ImportError,)}),
    of(goodness_of_fit.from_torch, log_density=len, extra={"also": (ImportError,)}),
    of(goodness_of_fit.ScoreModel, score=np.negative, extra=AS_GIVEN),
    method_of(score_model, "bounds", called="ScoreModel.bounds", d=1,
              extra={"may_be_nan": ENDLESS}),
    method_of(stein, "witness", witnesses, Z, "KernelSteinTest.witness"),
    method_of(aggregated, "witness", witnesses, Z, "AggregatedSteinTest.witness"),
    method_of(composite, "witness", lambda: {"Z": rows(4, d=1)}, Z, "CompositeSteinTest.witness"),
    method_of(robust, "witness", witnesses, Z, "RobustSteinTest.witness"),
    method_of(robust, "smallest_contamination", called="RobustSteinTest.smallest_contamination"),
    method_of(stein, "bandwidth_curve", called="KernelSteinTest.bandwidth_curve",
              extra={"may_be_nan": re.compile("critical")}),
    method_of(stein, "discrepancy_interval", called="KernelSteinTest.discrepancy_interval",
              force=True),
    method_of(aggregated, "discrepancy_interval", called="AggregatedSteinTest.discrepancy_interval",
              force=True),
    method_of(stein, "power_curve", called="KernelSteinTest.power_curve", n=[20, 50]),
    method_of(aggregated, "power_curve", called="AggregatedSteinTest.power_curve", n=[20, 50]),
    method_of(two_models, "confidence_interval", called="ModelComparison.confidence_interval"),
    method_of(modes, "to_frame", called="Modes.to_frame"),
]
SEQUENCES = [
    of(goodness_of_fit.MarkovChainModel, tables=[[0.5, 0.5]], stop=0.2),
    of(goodness_of_fit.IndependentTokens, probabilities=[0.5, 0.5], stop=0.2),
    of(goodness_of_fit.HiddenMarkovModel, stop=0.2, **ONE_LAW),
    of(goodness_of_fit.MarkovChainModel.fit, lambda: {"sequences": sequences()["X"]},
       {"sequences": "sequences"}, "MarkovChainModel.fit"),
    of(goodness_of_fit.IndependentTokens.fit, lambda: {"sequences": sequences()["X"]},
       {"sequences": "sequences"}, "IndependentTokens.fit"),
    *(method_of(lambda model=model: model, method, data, kinds, f"{type(model).__name__}.{method}",
                **settings)
      for model in (CHAIN, TOKENS, HIDDEN)
      for method, data, kinds, settings in (
          ("log_prob", dict, {}, {"x": "aab"}),
          ("log_prob_many", lambda: {"sequences": sequences()["X"]}, {"sequences": "sequences"},
           {}),
          ("log_ratio", dict, {}, {"x": "aab", "edit": ("substitute", "b", 0)}),
          ("sample", dict, {}, {"n": 3, "rng": 0}))),
    of(goodness_of_fit.Edit, kind="substitute", extra=AS_GIVEN),
    method_of(lambda: goodness_of_fit.Edit("substitute", "b", 0), "of", called="Edit.of", x="aab"),
    of(goodness_of_fit.SubstringFeatures),
    method_of(substrings, "count", called="SubstringFeatures.count", n_symbols=3),
    method_of(substrings, "names", called="SubstringFeatures.names", alphabet="ab",
              extra=AS_GIVEN),
    method_of(substrings, "transform", lambda: {"sequences": sequences()["X"]},
              {"sequences": "sequences"}, "SubstringFeatures.transform", alphabet="ab"),
]
UNNORMALIZED = [
    fit_of(divest.SteinEstimator, data, X, family=unnormalized.gaussian_score(1.0)),
    fit_of(divest.SteinEstimator, data, X, "SteinEstimator.fit of all of a normal law",
           family=unnormalized.gaussian_score()),
    fit_of(divest.TruncatedSteinEstimator, data, X, family=unnormalized.gaussian_score(1.0),
           boundary_points=Corners()),
    method_of(fitted_stein, "confidence_interval", called="SteinEstimator.confidence_interval"),
    method_of(fitted_truncated, "confidence_interval",
              called="TruncatedSteinEstimator.confidence_interval"),
    of(unnormalized.LinearScore, gamma=np.ones_like, extra=AS_GIVEN),
    method_of(linear, "fields", data, X, "LinearScore.fields"),
    method_of(linear, "score", data, X, "LinearScore.score", theta=[0.0, 0.0]),
    method_of(linear, "parameter_names", called="LinearScore.parameter_names", d=2, p=2),
    of(unnormalized.exponential_family, statistics=np.square, extra=AS_GIVEN),
    of(unnormalized.gaussian_score),
    of(unnormalized.polygon_points, lambda: {"vertices": np.array([[0.0, 0], [3, 0], [0, 4]])},
       {"vertices": "rows"}, n=6),
]
CALLS = [*TESTS, *SEQUENCES, *UNNORMALIZED]
