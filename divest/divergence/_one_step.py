"""One-step estimates from a labelled graph, and their exact delete-one jackknife."""

import numpy as np

from divest.divergence._debias import debiased
from divest.divergence._graph import LabelledGraph, Side
from divest.generators import Term

Terms = tuple[Term, ...]


def class_constants(graph: LabelledGraph) -> tuple[float, float]:
    """What turns class odds into the ratio at rows of P and of Q, themselves left out."""
    return graph.n_q / (graph.n_p - 1.0), (graph.n_q - 1.0) / graph.n_p


def path(graph: LabelledGraph, at_p: Terms, at_q: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Means over P-rows and over Q-rows, for each number of neighbours."""
    c_p, c_q = class_constants(graph)
    return (graph.p.mean(debiased(at_p, graph.p.C, graph.p.K, c_p)),
            graph.q.mean(debiased(at_q, graph.q.C, graph.q.K, c_q)))


def plug_in_ratio(graph: LabelledGraph) -> np.ndarray:
    """The ratio of Noshad et al. at the rows of Q: ``(M/N) C / (K - C + 1)``."""
    C, K = graph.q.C, graph.q.K
    return graph.n_q / graph.n_p * C / (K - C + 1.0)


def floored_ratio(graph: LabelledGraph) -> np.ndarray:
    """`plug_in_ratio`, but at least what half a count gives."""
    floor = graph.n_q / graph.n_p * 0.5 / (graph.q.K + 1.0)
    return np.maximum(plug_in_ratio(graph), floor)


def jackknife(graph: LabelledGraph, at_p: Terms, at_q: Terms, weights: np.ndarray) -> np.ndarray:
    """Delete-one standard error of ``sum_k w_k (mean_P a_k + mean_Q b_k)``.

    Deleting a row removes its own term and changes the ball of every row that holds it: a ball
    with ties loses one row, any other gives way to the ball of k + 1. The class constants stay.

    Parameters
    ----------
    graph : LabelledGraph
        Balls and counts.
    at_p, at_q : tuple of Term
        Terms at the rows of P and of Q.
    weights : ndarray of shape (number of k, columns)
        One estimate per column.

    Returns
    -------
    ndarray of shape (columns,)
        Standard errors.
    """
    (n, m), columns = (graph.n_p, graph.n_q), weights.shape[1]
    own, changes, back = [], np.zeros((len(graph.p_at_point), len(graph.ks), 2 * columns)), []
    shares = ((n - 1, n), (m, m - 1))  # rows left on this side when a row of P or of Q goes
    for side, terms, c, left in zip((graph.p, graph.q), (at_p, at_q), class_constants(graph),
                                    shares, strict=True):
        value, losses = _values_and_losses(side, terms, c)
        own.append(value @ weights)
        later = [_suffix_sums(loss, weights) / rows
                 for loss, rows in zip(losses, left, strict=True)]
        change = np.concatenate(later, axis=2)
        changes[side.points] += side.weights[:, None, None] * change
        back.append(change[:, 0])
    passed = graph.scatter(changes) + changes[:, 0]  # others at the same point lie in every ball
    variance = np.zeros(columns)
    for side, mine, rows, lost, column in ((graph.p, own[0], n, back[0], slice(columns)),
                                           (graph.q, own[1], m, back[1], slice(columns, None))):
        # its own ball goes with the row, so that share of `passed` is taken back
        left = passed[side.points][:, column] - lost[:, column] - mine / (rows - 1)
        spread = left - side.mean(left)
        variance += (rows - 1) / rows * (side.weights @ spread**2)
    return np.sqrt(variance)


def _values_and_losses(side: Side, terms: Terms, c: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Terms in every ball, and how they change when a P-row or a Q-row of the ball is deleted."""
    value = debiased(terms, side.C, side.K, c)
    K = side.K_next - 1
    without_p = debiased(terms, np.maximum(side.C_next - 1, 0), K, c) - value
    without_q = debiased(terms, np.minimum(side.C_next, K), K, c) - value
    return value, [np.where(side.C > 0, without_p, 0.0), np.where(side.K > side.C, without_q, 0.0)]


def _suffix_sums(loss: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted losses summed over the balls from each one up; (m, number of k, columns)."""
    weighted = loss[:, :, None] * weights
    return np.cumsum(weighted[:, ::-1], axis=1)[:, ::-1]
