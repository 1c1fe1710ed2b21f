"""From the parameters of an estimator to the plan of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divest._validation import check_integer, check_number, check_option
from divest.moments._fit_moments import METHODS, Candidate, Plan, Sample
from divest.moments._instruments import (
    APPROXIMATIONS,
    INSTRUMENTS,
    DataFeatures,
    LinearInstruments,
    data_columns,
    features_of,
    kernel_instruments,
    transformed_instruments,
)
from divest.moments._moment_function import MomentData, MomentFunction
from divest.moments._moment_inference import COV_TYPES
from divest.moments._moment_inputs import with_draws
from divest.moments._selection import InstrumentPairs

DIVERGENCES = ("kl", "chi2", "log")
SELECTIONS = ("hsic", "hsic-profile", "mmr", None)
MULTIPLIERS = (0.7, 1.0, 1.5)  # of `bandwidth_multiplier`, to choose from
RIDGES = (1e-5, 1e-3, 1e-2)  # to choose from
RIDGE = 1e-3  # with kernel instruments and nothing to choose
GUARD_KERNEL, GUARD = 4.0, 10.0


def check_parameters(e: Any) -> None:
    """Every parameter of the estimator by itself, and those that exclude one another."""
    for name in ("moment_function", "jacobian"):
        value = getattr(e, name)
        if not callable(value) and not (name == "jacobian" and value is None):
            raise TypeError(f"{name} must be a function of (data, theta), got {value!r}.")
    check_option("estimator", e.estimator, METHODS)
    check_option("divergence", e.divergence, DIVERGENCES)
    check_option("approximation", e.approximation, APPROXIMATIONS)
    check_option("cov_type", e.cov_type, COV_TYPES)
    for name in ("epsilon", "bandwidth_multiplier", "reference_bandwidth", "tol"):
        check_number(name, getattr(e, name), 0.0)
    for name in ("n_components", "n_components_mmd", "n_starts", "n_steps", "max_iter"):
        check_integer(name, getattr(e, name), 1)
    check_integer("n_reference", e.n_reference, 0)
    if e.max_lags is not None:
        check_integer("max_lags", e.max_lags, 0)
    if not callable(e.selection):
        check_option("selection", e.selection, SELECTIONS)
    if e.instruments is not None and not hasattr(e.instruments, "transform"):
        check_option("instruments", e.instruments, INSTRUMENTS)
    if not isinstance(e.reg, str) and check_number("reg", e.reg) < 0:
        raise ValueError(f"reg must be 'auto' or a number, 0 or more; got {e.reg!r}.")
    if isinstance(e.reg, str):
        check_option("reg", e.reg, ("auto",))
    if e.guard is not None and not isinstance(e.guard, str):
        check_number("guard", e.guard, 0.0)
    elif e.guard is not None:
        check_option("guard", e.guard, ("auto",))
    if e.estimator == "kmm" and e.divergence == "log":
        raise ValueError("divergence='log' does not go with estimator='kmm'; use 'kl' or 'chi2', "
                         "or estimator='fgel'.")
    if e.n_reference and e.estimator != "kmm":
        raise ValueError(f"n_reference needs estimator='kmm', got {e.estimator!r}.")


def instrument_kind(instruments: Any, Z: np.ndarray | None) -> Any:
    """One of "kernel", "linear" and None, or a transformer."""
    if isinstance(instruments, str) and instruments == "auto":
        return None if Z is None else "kernel"
    if instruments is not None and Z is None:
        raise ValueError(f"instruments={instruments!r} need Z, the instruments of each row; pass Z "
                         "to fit, or set instruments=None.")
    return instruments


def make_plan(e: Any, Z: np.ndarray | None, weights: np.ndarray, seed: Any) -> Plan:
    """Settings of the fit of estimator `e` to rows with instruments Z and weights."""
    kind = instrument_kind(e.instruments, Z)
    kernel = isinstance(kind, str) and kind == "kernel"
    candidates = make_candidates(e, kind, Z, seed)
    guard = np.inf if e.guard is None else e.guard
    if isinstance(guard, str):
        guard = GUARD_KERNEL if kernel else GUARD
    choosing = kernel and len(candidates) > 1
    return Plan(e.estimator, METHODS[e.estimator].divergence or e.divergence,
                e.epsilon if METHODS[e.estimator].divergence is None else 1.0, candidates,
                make_criterion(e.selection, Z, weights) if choosing and Z is not None else None,
                isinstance(e.selection, str) and e.selection == "hsic-profile" and choosing,
                kernel, e.scale_moments, e.n_steps, guard, e.max_iter, e.tol)


def make_candidates(e: Any, kind: Any, Z: np.ndarray | None, seed: Any) -> tuple[Candidate, ...]:
    """The instruments and ridges to choose from, narrowest instruments first."""
    given = None if isinstance(e.reg, str) else (float(e.reg),)
    if Z is None or kind is None or kind == "linear" or not isinstance(kind, str):
        made: Any = None
        if Z is not None and kind is not None:
            made = LinearInstruments() if kind == "linear" else transformed_instruments(kind, Z)
        return (Candidate(np.nan, given[0] if given else 0.0, made, features_of(made, Z)),)
    choose = e.selection is not None
    ridges = (RIDGES if choose and e.estimator != "mmr" else (RIDGE,))
    ridges = given or (ridges if METHODS[e.estimator].ridge else (0.0,))
    found = []
    for factor in MULTIPLIERS if choose else (1.0,):
        multiplier = factor * e.bandwidth_multiplier
        made = kernel_instruments(Z, multiplier, e.n_components, e.approximation, seed)
        F = features_of(made, Z)
        found += [Candidate(multiplier, reg, made, F) for reg in ridges]
    return tuple(found)


def make_criterion(selection: Any, Z: np.ndarray, weights: np.ndarray
                   ) -> Callable[[np.ndarray], float]:
    """The number to be made small, as a function of residuals (n, m)."""
    if callable(selection):
        return lambda residual: _finite(selection(residual[:, 0] if residual.shape[1] == 1
                                                  else residual, Z))
    pairs = InstrumentPairs(Z, weights=weights)
    return pairs.mmr if selection == "mmr" else pairs.hsic


def _finite(value: Any) -> float:
    """What the user's criterion gave."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"selection(residual, Z) must return a finite number, got {value!r}.")
    return number


def make_sample(e: Any, data: MomentData, weights: np.ndarray, seed: Any,
                rng: np.random.Generator) -> Sample:
    """Rows with the features of the data kernel and the reference draws, as `e` asks for them."""
    psi = MomentFunction(e.moment_function, e.jacobian, data)
    if not METHODS[e.estimator].data_kernel:
        return Sample(psi, weights)
    columns = data_columns(data)
    features = DataFeatures(e.n_components_mmd, e.approximation, seed)
    if not e.n_reference:
        return Sample(psi, weights, features.fit_transform(columns, weights))
    extended = with_draws(data, weights, e.n_reference, e.reference_bandwidth, rng)
    every = data_columns(extended)
    n = len(weights)
    total = np.append(n * weights, np.ones(e.n_reference)) / (n + e.n_reference)
    Phi = features.fit_transform(every[:n], weights, every[n:])
    return Sample(psi, weights, Phi, (extended, total))
