"""Check the settings of the p-n criterion, choose the route, decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import column_or_1d

from divest._parts import Parts
from divest._resampling import root_sequence
from divest._results import warn_if_doubtful
from divest._validation import check_integer, check_option, check_sample, weighted_rows
from divest.sample_complexity._pn_parts import fit_parts
from divest.sample_complexity._pn_result import Decision, PNResult, decide
from divest.sample_complexity._pn_routes import (
    Fitted,
    Sample,
    Settings,
    draws_route,
    exact_route,
    fit_family,
)
from divest.sample_complexity._thresholds import check_threshold
from divest.sample_complexity.families import (
    bernoulli,
    exponential,
    gamma,
    gaussian,
    ising,
    multinomial,
    poisson,
)

DIRECTIONS, RISKS = ("forward", "reverse"), ("excess", "projection")
FAMILIES: dict[str, Callable[[], Any]] = {
    "gaussian": gaussian, "multinomial": multinomial, "poisson": poisson,
    "exponential": exponential, "bernoulli": bernoulli, "gamma": gamma, "ising": ising,
}


def criterion(X: np.ndarray | Parts, names: Any, sample_weight: Any, *, family: Any, draws: Any,
              delta: Any, threshold: Any, direction: Any, specified: Any, risk: Any, order: Any,
              n_draws: Any, n_groups: Any, draw_groups: Any, random_state: Any,
              caller: str) -> PNResult:
    """Check the settings, fit, decide."""
    check_option("risk", risk, RISKS)
    check_option("order", order, (1, 2))
    decision = check_decision(delta, threshold, direction)
    rng = np.random.default_rng(root_sequence(random_state))
    settings = Settings(bool(specified), order == 2, check_integer("n_groups", n_groups, 4),
                        check_integer("n_draws", n_draws, 100), rng)
    if isinstance(X, Parts):
        fitted, size = _fit_parts(X, sample_weight, check_family(family), draws, draw_groups,
                                  settings), float(X.n)
    else:
        sample = weighted_sample(X, sample_weight)
        size = sample.size
        fitted = _fit(sample, names, check_family(family), draws, draw_groups, settings)
    if not fitted.p:
        raise ValueError("the statistics of X do not vary under the fitted model, so there is "
                         "nothing to estimate: check the columns of X.")
    result = decide(fitted, size, decision, specified=settings.specified,
                    second=settings.second)
    warn_if_doubtful(result.diagnostics, caller)
    return result


def check_decision(delta: Any, threshold: Any, direction: Any) -> Decision:
    """What the risk is held against."""
    check_option("direction", direction, DIRECTIONS)
    return Decision(*check_threshold(threshold, delta), direction)


def weighted_sample(X: np.ndarray, sample_weight: Any) -> Sample:
    """Rows of positive weight, at least two."""
    sample = Sample(*weighted_rows(X, sample_weight)[:2])
    if len(sample.X) < 2:
        raise ValueError("sample_weight is zero for all rows but one; at least two weights must be "
                         "positive.")
    return sample


def _fit(sample: Sample, names: Any, family: Any, draws: Any, draw_groups: Any,
         settings: Settings) -> Fitted:
    """Choose the route."""
    drawn = None if draws is None else _check_draws(draws, sample.X.shape[1], names)
    _check_routes(family, drawn)
    width = 0
    if hasattr(family, "count_parameters"):
        width = family.count_parameters(sample.X.shape[1])
    if hasattr(family, "fitted_units"):
        units = family.fitted_units(sample.X, sample.weights, names)
        sample = Sample(units(sample.X), sample.weights)
        drawn = None if drawn is None else units(drawn)
    if drawn is None and (hasattr(family, "risk_coefficients") or hasattr(family, "cumulants")):
        return exact_route(family, sample, settings, width)
    if drawn is None:
        theta = fit_family(family, sample)
        drawn = np.asarray(family.sample(theta, settings.n_draws, settings.rng), dtype=float)
        drawn = drawn.reshape(len(drawn), -1)
    groups = None if draw_groups is None else column_or_1d(np.asarray(draw_groups))
    return draws_route(family, sample, settings, drawn, groups, width)


def _fit_parts(parts: Parts, sample_weight: Any, family: Any, draws: Any, draw_groups: Any,
               settings: Settings) -> Fitted:
    """The same for a table of Dask."""
    if sample_weight is not None:
        raise ValueError("sample_weight goes with rows in memory, not with a Dask table.")
    drawn = None
    if draws is not None:
        drawn = _check_draws(draws, parts.take(np.array([0])).shape[1], parts.columns)
    groups = None if draw_groups is None else column_or_1d(np.asarray(draw_groups))
    return fit_parts(parts, family, drawn, groups, settings)


def _check_draws(draws: Any, n_columns: int, names: Any) -> np.ndarray:
    """Draws with their columns in the order of those of X."""
    array, own = check_sample(draws, "draws")
    if array.shape[1] != n_columns:
        raise ValueError(f"draws must have the columns of X ({n_columns}), got {array.shape[1]}.")
    if own is None or names is None:
        return array
    names = list(names)
    if unknown := [name for name in own if name not in names]:
        raise ValueError(f"draws must have the columns of X, named {', '.join(map(repr, names))}; "
                         f"got {unknown[0]!r}. Rename the columns of draws.")
    return array[:, [own.index(name) for name in names]]


def _check_routes(family: Any, draws: np.ndarray | None) -> None:
    """Whether there is a way to the coefficients."""
    if draws is not None or hasattr(family, "risk_coefficients"):
        return
    if family is None:
        raise ValueError("family=None needs draws: statistics of draws from the fitted model.")
    if not (hasattr(family, "cumulants") or hasattr(family, "sample")):
        raise TypeError(f"{family!r} has neither cumulants(theta) nor sample(theta, n, rng); give "
                        "it one of them, or pass draws of the fitted model.")
    if not hasattr(family, "fit"):
        raise TypeError(f"{family!r} has no fit(X); give it one, or pass draws of the fitted "
                        "model.")


def check_family(family: Any) -> Any:
    """A family, which may be given by its name."""
    if isinstance(family, str):
        return FAMILIES[check_option("family", family, FAMILIES)]()
    if family is not None and not callable(getattr(family, "sufficient_statistics", None)):
        raise TypeError("family must be a name, None, or an object with a method "
                        f"sufficient_statistics(X), got {family!r}.")
    return family
