"""Calls that ask for the density of a sample, or for parameters that satisfy moment conditions."""

import re
from functools import cache

import numpy as np
import pandas as pd
from fuzz_calls import fit_of, method_of, of
from fuzz_calls_samples import X, regression, rows

import divest
from divest import density, moments


def data():
    return {"X": rows(0, 20)}


@cache
def kde() -> divest.KernelDensity:
    return divest.KernelDensity().fit(rows(0, 20))


@cache
def conditional() -> divest.ConditionalKernelDensity:
    return divest.ConditionalKernelDensity().fit(*regression().values())


def away(data, theta):
    """Moments of the first column about theta."""
    away = data.X[:, 0] - theta[0]
    return np.column_stack([away, np.tanh(away)])


def instrumented(n=40):
    rng = np.random.default_rng(5)
    Z, e = rng.normal(size=(n, 2)), rng.normal(size=n)
    X = Z[:, :1] + 0.5 * e[:, None]
    return {"X": X, "y": 2 * X[:, 0] + e, "Z": Z}


@cache
def linear() -> divest.LinearIVRegressor:
    return divest.LinearIVRegressor(random_state=0).fit(**instrumented())


@cache
def kernel() -> divest.KernelIVRegressor:
    return divest.KernelIVRegressor(n_knots=3, n_components=10, cv=2, random_state=0).fit(
        **instrumented())


@cache
def kmm() -> divest.KernelMethodOfMoments:
    return divest.KernelMethodOfMoments(away, theta0=[0.0], random_state=0).fit(
        rows(0, 30), Z=rows(1, 30))


@cache
def regions() -> moments.ConfidenceSet:
    return linear().confidence_set("x0")


@cache
def estimated() -> moments.MomentEstimate:
    return kmm().result_


IV = {"X": "rows", "y": "column", "Z": "rows"}
XY = {"X": "rows", "y": "column"}
COLUMN = {"x": "column"}
SCORE = {"also": (ValueError,)}  # that of scikit-learn, which names no argument
FAR = {"may_be_nan": re.compile("")}  # -infinity, where no float is as low
FORMULA = pd.DataFrame(np.column_stack([*np.split(instrumented()["X"], 1), instrumented()["Z"],
                                        instrumented()["y"]]), columns=["x", "z", "w", "y"])
DENSITY = [
    fit_of(divest.KernelDensity, data, X),
    fit_of(divest.KernelDensity, lambda: {"X": rows(0, 20, 1)}, X,
           "KernelDensity.fit of one column", bandwidth="isj"),
    fit_of(divest.KernelDensity, data, X, "KernelDensity.fit, adaptive", adaptive="abramson",
           bandwidth="loo_kl"),
    fit_of(divest.ConditionalKernelDensity, regression, XY),
    *(method_of(kde, name, data, X, f"KernelDensity.{name}")
      for name in ("cdf", "pdf", "score_function")),
    method_of(kde, "regime", data, X, "KernelDensity.regime",
              extra={"may_be_nan": re.compile("n_eff|tail_index|h_")}),
    *(method_of(kde, name, data, X, f"KernelDensity.{name}", extra=FAR)
      for name in ("score", "score_samples")),
    method_of(kde, "evaluate_grid", called="KernelDensity.evaluate_grid", grid_points=5),
    method_of(kde, "sample", called="KernelDensity.sample", n_samples=5),
    *(method_of(conditional, name, regression, XY, f"ConditionalKernelDensity.{name}")
      for name in ("cdf", "pdf")),
    *(method_of(conditional, name, regression, XY, f"ConditionalKernelDensity.{name}", extra=FAR)
      for name in ("score", "score_samples")),
    *(method_of(conditional, name, data, X, f"ConditionalKernelDensity.{name}")
      for name in ("mean", "sample")),
    method_of(conditional, "regime", data, X, "ConditionalKernelDensity.regime",
              extra={"may_be_nan": re.compile("n_eff|tail_index")}),
    method_of(conditional, "quantile", lambda: {**data(), "q": np.array([0.1, 0.9])},
              {"X": "rows", "q": "column"}, "ConditionalKernelDensity.quantile"),
    of(density.density_report, data, X, extra={"share": 0.5}),
    of(density.condensation_bandwidths, n=100, d=2),
    *(of(getattr(density, name), lambda: {"x": rows(0, 20, 1)[:, 0]}, COLUMN)
      for name in ("isj_bandwidth", "robust_bandwidth")),
    *(of(getattr(density, name), data, X) for name in ("loo_kl_bandwidth", "lscv_bandwidth")),
    *(of(getattr(density, name), n=50, d=2) for name in ("scott_bandwidth",
                                                         "silverman_bandwidth")),
]
MOMENTS = [
    fit_of(divest.LinearIVRegressor, instrumented, IV, extra={"share": 0.6}),
    fit_of(divest.KernelIVRegressor, instrumented, IV, n_knots=3, n_components=10, cv=2,
           extra={"share": 0.4}),
    fit_of(divest.KernelMethodOfMoments, lambda: {"X": rows(0, 30)}, X, moment_function=away,
           theta0=[0.0], n_components=10, n_components_mmd=10, extra={"share": 0.4}),
    of(divest.moment_test, lambda: {"X": rows(0, 30)}, X, moment_function=away, theta=[0.0]),
    of(divest.LinearIVRegressor.from_formula, lambda: {"data": FORMULA}, {"data": "table"},
       "LinearIVRegressor.from_formula", formula="y ~ 1 + [x ~ z + w]", extra={"share": 0.4}),
    method_of(linear, "predict", lambda: {"X": rows(1, d=1)}, X, "LinearIVRegressor.predict"),
    method_of(linear, "score", lambda: {"X": rows(1, d=1), "y": rows(2, d=1)[:, 0]}, X,
              "LinearIVRegressor.score", extra=SCORE),
    method_of(linear, "confidence_interval", called="LinearIVRegressor.confidence_interval"),
    method_of(linear, "confidence_set", called="LinearIVRegressor.confidence_set", parameter="x0",
              extra={"share": 0.2}),
    method_of(linear, "wald_test", called="LinearIVRegressor.wald_test", R=[[0.0, 1.0]]),
    method_of(kernel, "predict", lambda: {"X": rows(1, d=1)}, X, "KernelIVRegressor.predict"),
    method_of(kernel, "predict_interval", lambda: {"X": rows(1, d=1)}, X,
              "KernelIVRegressor.predict_interval"),
    method_of(kernel, "score", lambda: {"X": rows(1, d=1), "y": rows(2, d=1)[:, 0]}, X,
              "KernelIVRegressor.score", extra=SCORE),
    method_of(kmm, "confidence_interval", called="KernelMethodOfMoments.confidence_interval"),
    method_of(kmm, "confidence_set", called="KernelMethodOfMoments.confidence_set",
              grid=[[-0.1], [0.0], [0.1]],
              extra={"share": 0.1, "may_be_nan": re.compile(r"\.(statistic|pvalue)")}),
    method_of(kmm, "instrument_function", lambda: {"Z": rows(1)}, {"Z": "rows"},
              "KernelMethodOfMoments.instrument_function"),
    method_of(kmm, "moment_test", called="KernelMethodOfMoments.moment_test", theta=[0.1]),
    method_of(kmm, "residuals", lambda: {"X": rows(1)}, X, "KernelMethodOfMoments.residuals"),
    method_of(kmm, "score", lambda: {"X": rows(1), "Z": rows(2)}, {"X": "rows", "Z": "rows"},
              "KernelMethodOfMoments.score"),
    method_of(kmm, "wald_test", called="KernelMethodOfMoments.wald_test", R=[[1.0]]),
    *(of(getattr(moments, name), lambda: {"estimator": linear(), **instrumented()},
         {"estimator": "object", **IV}, name) for name in ("hsic_scorer", "mmr_scorer")),
    method_of(regions, "pieces", called="ConfidenceSet.pieces", parameter="x0"),
    method_of(estimated, "confidence_interval", called="MomentEstimate.confidence_interval"),
    of(moments.MomentData, X=np.ones((3, 1)), y=None, Z=None,
       extra={"share": 0.1, "may_be_nan": re.compile("")}),  # made by divest, and taken as given
]
CALLS = [*DENSITY, *MOMENTS]
