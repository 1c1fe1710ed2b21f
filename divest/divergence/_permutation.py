"""The statistic of the two-sample test, for many labellings of one graph at once."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from divest import _kernels
from divest._resampling import generators, permuted_rows
from divest._results import Diagnostic
from divest.divergence._debias import debiased
from divest.divergence._graph import LabelledGraph
from divest.divergence._one_step import Terms, class_constants
from divest.generators import Constant, Generator, Power

LANES = 64  # labellings counted side by side


def linear_terms(generator: Generator) -> tuple[Terms, Terms]:
    """Terms whose means add up to the divergence, or to ``scale (T - 1)`` where it has a link."""
    link = generator.link
    if link is None:
        return generator.at_p, generator.at_q
    a = link.alpha
    return ((Power(link.scale * a, a - 1.0), Constant(-link.scale)),
            (Power(link.scale * (1.0 - a), a),))


def tables(graph: LabelledGraph, terms: tuple[Terms, Terms]) -> tuple[np.ndarray, ...]:
    """Per ball: where its table starts and K; and the tables, Q-rows first, for every K.

    The tables are divided by the rows of each sample, so that sums over them are means.
    """
    shape = (len(graph.p_at_point), len(graph.ks))
    sizes = np.empty(shape, np.int64)
    for side in (graph.p, graph.q):
        sizes[side.points] = side.K
    distinct, position = np.unique(sizes, return_inverse=True)
    first = np.cumsum(2 * (distinct + 1)) - 2 * (distinct + 1)
    K = np.repeat(distinct, distinct + 1)
    C = np.concatenate([np.arange(k + 1) for k in distinct])
    c_p, c_q = class_constants(graph)
    at_p = debiased(terms[0], C, K, c_p) / graph.n_p
    at_q = debiased(terms[1], C, K, c_q) / graph.n_q
    edges = np.cumsum(distinct + 1)[:-1]
    parts = zip(np.split(at_q, edges), np.split(at_p, edges), strict=True)
    table = np.concatenate([part for pair in parts for part in pair])
    return first[position].reshape(shape), sizes, table


def labelled_statistics(graph: LabelledGraph, tables: tuple[np.ndarray, ...], is_p: np.ndarray,
                         blocks: list[np.ndarray] | None, seeds: list) -> np.ndarray:
    """The statistic at each scale for one permutation per seed; no seed means as observed."""
    index, n_points = graph.index, len(graph.p_at_point)
    drawn = np.zeros((LANES, n_points), np.uint8 if index.multiplicity.max() < 256 else np.int32)
    streams = generators(seed for seed in seeds if seed is not None)
    for lane, seed in enumerate(seeds):
        rows = np.flatnonzero(is_p) if seed is None else permuted_rows(is_p, next(streams), blocks)
        points = index.point_of_row[rows]
        if index.multiplicity.max() == 1:
            drawn[lane, points] = 1
        else:
            drawn[lane] = np.bincount(points, minlength=n_points)
    labels = np.ascontiguousarray(drawn.T)
    out = np.zeros((len(graph.ks), LANES))
    for centers, indices, ends in graph.blocks():
        _kernels.neighbors.permuted_sums(
            centers, indices, ends, index.multiplicity, labels, *tables, out)
    return np.ascontiguousarray(out.T[:len(seeds)])


def same_label_share(graph: LabelledGraph) -> np.ndarray:
    """Mean share of neighbours with the row's own label, for each scale."""
    p, q = graph.p, graph.q
    same = p.weights @ (p.C / p.K) + q.weights @ (1.0 - q.C / q.K)
    return same / (graph.n_p + graph.n_q)


def distinct_permutations(is_p: np.ndarray, blocks: list[np.ndarray] | None,
                           n_resamples: int) -> Diagnostic:
    """Whether there are as many distinct labellings as draws."""
    parts = [is_p] if blocks is None else [is_p[block] for block in blocks]
    n, k = np.array([len(p) for p in parts]), np.array([p.sum() for p in parts])
    log_count = float((gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)).sum())
    count = float(np.round(np.exp(min(log_count, 700.0))))
    return Diagnostic(
        "distinct_permutations", count, float(n_resamples), count >= n_resamples,
        "fewer distinct labellings exist than were drawn, so the p-value cannot be small; use more "
        "rows or coarser groups")
