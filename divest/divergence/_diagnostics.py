"""When an estimate from the neighbour graph can be trusted, and what to do when it cannot."""

import numpy as np

from divest._results import Diagnostic
from divest.divergence._graph import LabelledGraph
from divest.divergence._one_step import path
from divest.generators import Generator, Power


def saturated_share(graph: LabelledGraph) -> np.ndarray:
    """Share of rows whose neighbours are all from their own sample, for each k."""
    p, q = graph.p, graph.q
    found = p.weights @ (p.C == p.K) + q.weights @ (q.C == 0)
    return found / (graph.n_p + graph.n_q)


def graph_diagnostics(graph: LabelledGraph, generator: Generator, dimension: float,
                      weights: np.ndarray) -> list[Diagnostic]:
    """The diagnostics that need no standard error."""
    found = []
    mass = _reference_mass(graph, generator)
    if mass is not None:
        found.append(Diagnostic(
            "reference_mass", mass, 0.7, mass >= 0.7,
            "part of one sample lies where the other has no rows, so the estimate is a lower bound "
            "only; use larger n_neighbors, more data, or a bounded divergence"))
    saturated = float(saturated_share(graph)[-1])
    found.append(Diagnostic(
        "saturated_share", saturated, 0.02, saturated <= 0.02,
        "rows with neighbours from their own sample only: lower bound only; use larger n_neighbors "
        "or more data"))
    found.append(resolution_diagnostic(graph.n_p, graph.n_q, dimension))
    found.append(_repeated_rows(graph))
    norm = float(np.linalg.norm(weights))
    found.append(Diagnostic("weight_norm", norm, 10.0, norm <= 10.0,
                            "unstable ensemble; use ensemble='average'"))
    p, q = graph.p, graph.q
    tied = (p.weights @ (p.K > graph.ks).any(axis=1) + q.weights @ (q.K > graph.ks).any(axis=1))
    found.append(Diagnostic("tied_share", float(tied / (graph.n_p + graph.n_q)), float("nan"), True,
                            "share of rows with ties at the edge of a ball (reported only)"))
    return found


def resolution_diagnostic(n_p: int, n_q: int, dimension: float) -> Diagnostic:
    """How finely the smaller sample resolves the space."""
    resolution = min(n_p, n_q) ** (4.0 / (4.0 + dimension))
    return Diagnostic(
        "resolution", resolution, 10.0, resolution >= 10.0,
        "too many dimensions for so few rows; drop or combine columns, or get more data")


def distance_diagnostics(log_ratios: list[np.ndarray], radii: np.ndarray, k: int,
                         n_samples: tuple[int, int], dimension: float) -> list[Diagnostic]:
    """What distances say; the first is whether all log ratios of densities exist.

    `radii` (3, rows) holds the distances from the rows of P to neighbours k and k + 1 in P. In d
    dimensions the logarithm of their ratio has mean 1/(kd).
    """
    tied = float(np.mean(~np.isfinite(np.concatenate(log_ratios))))
    found = [
        Diagnostic("tied_share", tied, 0.0, tied == 0.0,
                   "rows at distance zero from their neighbours, where the logarithm does not "
                   "exist; use NearestNeighborRatioDivergence, which takes ties"),
        resolution_diagnostic(*n_samples, dimension)]
    apart = radii[:, (radii[0] > 0) & np.isfinite(radii[1])]
    growth = float(np.sum(np.log(apart[1] / apart[0])))
    if growth > 0:
        n = apart.shape[1]
        local, least = n / (k * growth), 0.8 * dimension / (1.0 + 2.5 / np.sqrt(n))  # two sd less
        found.append(Diagnostic(
            "local_dimension", local, least, local >= least,
            "neighbours lie as on a surface of about this dimension, not as in "
            f"{dimension:g} dimensions, so the estimate may be far off; give dimension"))
    return found


def smoothing_diagnostic(fall: float, spread: float, error: float) -> Diagnostic:
    """Smoothing bias in standard errors of the estimate, from what more neighbours take away.

    The bias grows about as the radius. `spread`, the standard error of `fall` for rows that do not
    share neighbours, is 1.2 to 1.6 times too small (simulated in 1 to 8 dimensions).
    """
    least = max(1.5, 1.645 * 1.5 * spread / error) if error > 0 else 1.5
    ratio = fall / error if error > 0 else 0.0
    return Diagnostic("smoothing_bias", ratio, least, bool(ratio <= least),
                      "the estimate falls with more neighbours: it is too low by about this many "
                      "standard errors, and the interval does not allow for that; use "
                      "NearestNeighborRatioDivergence, more data or fewer columns")


def integral_diagnostic(integral: float) -> Diagnostic:
    """For an integral of powers from which no divergence follows."""
    return Diagnostic("power_integral", integral, 0.0, False,
                      "the integral of p^a q^(1-a) came out negative or infinite: the tails are "
                      "too heavy for this order; use an alpha nearer to 1")


def shift_diagnostic(shift: float, error: float, scale: float) -> Diagnostic:
    """Extrapolated minus averaged estimate, in standard errors of that difference.

    A difference below 1e-10 of `scale`, the size of the estimates, is rounding (atoms: the balls of
    all k are the same).
    """
    if abs(shift) <= 1e-10 * scale:
        ratio = 0.0
    else:
        ratio = abs(shift) / error if error > 0 else float("inf")
    return Diagnostic("extrapolation_shift", ratio, 2.0, bool(ratio <= 2.0),
                      "the estimate still moves with the number of neighbours: smoothing bias; "
                      "use more data or fewer columns")


def error_diagnostic(estimate: float, error: float) -> Diagnostic:
    """Whether estimate and standard error can belong to a divergence, which is not negative."""
    if error == 0:
        return Diagnostic("standard_error", 0.0, 0.0, False,
                          "no row makes a difference to the estimate, so its standard error says "
                          "nothing; use more n_neighbors or data with more distinct values")
    ratio = estimate / error
    return Diagnostic("estimate_in_errors", ratio, -3.0, bool(ratio >= -3.0),
                      "far below 0, where no divergence is: the rows are not independent, as when "
                      "one sample was copied from the other")


def relative_error_diagnostic(integral: float, error: float) -> Diagnostic:
    """Standard error of the integral of p^a q^(1-a), relative to it."""
    ratio = error / integral if integral > 0 else np.nan
    return Diagnostic("integral_error", ratio, 0.5, bool(ratio <= 0.5),
                      "a few rows dominate the integral of p^a q^(1-a); use an alpha nearer to 1")


def _repeated_rows(graph: LabelledGraph) -> Diagnostic:
    """Share of rows with an exact twin, in data whose rows should be distinct.

    They should where there are several columns and in one of them hardly a value occurs twice.
    """
    points, multiplicity = graph.index.points, graph.index.multiplicity
    share = 0.0
    if multiplicity.max() > 1 and points.shape[1] > 1:
        distinct = max(len(np.unique(column)) for column in points.T)
        if distinct > 0.95 * len(points):
            share = float(multiplicity[multiplicity > 1].sum() / multiplicity.sum())
    return Diagnostic("repeated_rows", share, 0.02, share <= 0.02,
                      "rows are repeated exactly in data that is otherwise distinct, so they are "
                      "not independent; drop the duplicates")


def _reference_mass(graph: LabelledGraph, generator: Generator) -> float | None:
    """Share of one sample's mass that the other can see at the smallest k."""
    masses = []
    if generator.needs_reference:
        masses.append(path(graph, (), (Power(1.0, 1.0),))[1][0])
    if generator.needs_sample:
        masses.append(path(graph, (Power(1.0, -1.0),), ())[0][0])
    return float(min(masses)) if masses else None
