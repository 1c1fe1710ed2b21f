"""A divergence between symmetrized samples from distances to the nearest images."""

from __future__ import annotations

import numpy as np

from divest._neighbors import NeighborIndex
from divest._results import Diagnostic
from divest.divergence._diagnostics import distance_diagnostics, integral_diagnostic
from divest.divergence._symmetric_neighbors import Near, near_images
from divest.divergence.nearest_neighbor_distance import _integral, _terms, _values
from divest.generators import Generator
from divest.groups import FiniteGroup

_quiet = np.errstate(divide="ignore", over="ignore", invalid="ignore")  # the logarithm of 0, say


def neighbor_divergence(P: np.ndarray, Q: np.ndarray, group: FiniteGroup, k: int,
                        generator: Generator) -> tuple[float, float, list[Diagnostic]]:
    """Estimate, standard error and diagnostics."""
    (n, d), m = P.shape, len(Q)
    terms, link = _terms(generator, False, k)[0], _integral(generator)
    in_p = near_images(NeighborIndex(P), group, P, k, own=True)
    in_q = near_images(NeighborIndex(Q), group, P, k, own=False)
    log_ratio = _log_ratio(in_q.radii[0], in_p.radii[0], m / (n - 1.0), d)
    diagnostics = distance_diagnostics([log_ratio], in_p.radii, k, (n, m), d)
    if not diagnostics[0].passed:
        return np.nan, np.nan, diagnostics
    value = _values(terms, log_ratio, k)
    mean, error = float(value.mean()), _jackknife(in_p, in_q, terms, k, value, d)
    if link is None:
        return mean, error, diagnostics
    estimate = link.value(mean)
    if not np.isfinite(estimate):
        return np.nan, np.nan, [*diagnostics, integral_diagnostic(mean)]
    return estimate, error * abs(link.slope(mean)), diagnostics


@_quiet
def _log_ratio(nu: np.ndarray, rho: np.ndarray, constant: float, d: int) -> np.ndarray:
    """Log of p/q from the distances in Q and in P."""
    return np.log(constant) + d * (np.log(nu) - np.log(rho))


@_quiet
def _jackknife(in_p: Near, in_q: Near, terms: tuple, k: int, value: np.ndarray,
               d: int) -> float:
    """Standard error of the mean from deleting one row, with all its images, at a time."""
    n, m = len(value), len(in_q.point_of_row)
    moved_p = _log_ratio(in_q.radii[0], in_p.moved, m / (n - 1.0), d)
    moved_q = _log_ratio(in_q.moved, in_p.radii[0], m / (n - 1.0), d)
    change_p, change_q = (_values(terms, moved.ravel(), k).reshape(moved.shape) - value
                          for moved in (moved_p, moved_q))
    left_p = (in_p.pass_on(change_p) - value) / (n - 1)
    left_q = in_q.pass_on(change_q) / n
    return float(np.sqrt((n - 1) * left_p.var() + (m - 1) * left_q.var()))
