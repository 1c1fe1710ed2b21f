"""Estimates from the neighbour graph: one step, Donsker-Varadhan, and the plug-in of the paper."""

from __future__ import annotations

import numpy as np

from divest._results import Diagnostic
from divest.divergence._diagnostics import (
    integral_diagnostic,
    relative_error_diagnostic,
    shift_diagnostic,
)
from divest.divergence._ensemble import average_weights, extrapolation_weights
from divest.divergence._graph import LabelledGraph
from divest.divergence._one_step import Terms, floored_ratio, jackknife, path, plug_in_ratio
from divest.generators import Generator, Log, Power, Sign

Found = tuple[float, float, list[Diagnostic]]  # estimate, standard error, diagnostics

_LOG: Terms = (Log(1.0),)
_RATIO: Terms = (Power(1.0, 1.0),)


def one_step(graph: LabelledGraph, generator: Generator, weights: np.ndarray,
             dimension: float) -> Found:
    """``mean_P f'(r) + mean_Q (f(r) - r f'(r))``, or the divergence that its integral gives."""
    link = generator.link
    at_p, at_q = (generator.at_p, generator.at_q) if link is None else link.terms()
    along = np.add(*path(graph, at_p, at_q))
    estimate = float(weights @ along)
    error, found = _error(graph, at_p, at_q, along, weights, dimension)
    if any(isinstance(term, Sign) for term in generator.at_p):
        upper = float(graph.q.mean(generator.f(floored_ratio(graph)))[0])
        found.append(Diagnostic("plug_in_upper", upper, np.nan, True,
                                "plug-in value at the smallest k (reported only)"))
    if link is None:
        return estimate, error, found
    found.append(relative_error_diagnostic(estimate, error))
    if np.isnan(link.value(estimate)):
        found.append(integral_diagnostic(estimate))
    return link.value(estimate), abs(link.slope(estimate)) * error, found


def one_step_path(graph: LabelledGraph, generator: Generator) -> np.ndarray:
    """The one-step estimate at each number of neighbours."""
    link = generator.link
    if link is None:
        return np.add(*path(graph, generator.at_p, generator.at_q))
    return np.array([link.value(value) for value in np.add(*path(graph, *link.terms()))])


def donsker_varadhan(graph: LabelledGraph, weights: np.ndarray, dimension: float) -> Found:
    """``mean_P log r - log mean_Q r``; the standard error is that of its linearisation."""
    logs, ratios = path(graph, _LOG, _RATIO)
    mean = float(weights @ ratios)
    if mean <= 0:
        return np.nan, np.nan, [Diagnostic(
            "normalizer", mean, 0.0, False,
            "the mean ratio at the rows of Q is not positive; use ensemble='average'")]
    error, found = _error(graph, _LOG, (Power(-1.0 / mean, 1.0),), logs - ratios / mean, weights,
                          dimension)
    return float(weights @ logs - np.log(mean)), error, found


def donsker_varadhan_path(graph: LabelledGraph) -> np.ndarray:
    """The Donsker-Varadhan estimate at each number of neighbours."""
    logs, ratios = path(graph, _LOG, _RATIO)
    with np.errstate(invalid="ignore", divide="ignore"):
        return logs - np.log(ratios)


def paper_path(graph: LabelledGraph, generator: Generator,
               density_bounds: tuple[float, float] | None) -> np.ndarray:
    """The plug-in of Noshad et al. at the rows of Q, at each number of neighbours."""
    link = generator.link
    if density_bounds is not None:
        share = density_bounds[0] / density_bounds[1]
        ratio = np.clip(plug_in_ratio(graph), share, 1.0 / share)
    else:
        bare = link is not None and link.alpha > 0
        ratio = plug_in_ratio(graph) if bare else floored_ratio(graph)
    if link is None:
        return graph.q.mean(generator.f(ratio))
    return np.array([link.value(value) for value in graph.q.mean(ratio**link.alpha)])


def _error(graph: LabelledGraph, at_p: Terms, at_q: Terms, along: np.ndarray, weights: np.ndarray,
           dimension: float) -> tuple[float, list[Diagnostic]]:
    """Standard error of the estimate; and how far extrapolation moves it from the average."""
    if len(weights) == 1:
        return float(jackknife(graph, at_p, at_q, weights[:, None])[0]), []
    shift = extrapolation_weights(graph.ks, dimension) - average_weights(graph.ks)
    errors = jackknife(graph, at_p, at_q, np.column_stack([weights, shift]))
    return float(errors[0]), [
        shift_diagnostic(float(shift @ along), float(errors[1]), float(np.abs(along).max()))]
