"""The algebra of a finite Markov chain: smoothing, classes, stationary law, fundamental matrix."""

from __future__ import annotations

import numpy as np

from divest.discrete._moments import has_derivative
from divest.generators import Generator


def smoothed(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Transition probabilities ``(N_ij + s) / (N_i + k s)``; each row must have data or s > 0."""
    rows = counts.sum(axis=1, keepdims=True)
    return (counts + smoothing) / (rows + smoothing * len(counts))


def closed_classes(counts: np.ndarray) -> list[np.ndarray]:
    """Sets of states that lead to one another and, once entered, are not left."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    edges = counts > 0
    n_classes, label = connected_components(csr_matrix(edges), connection="strong")
    leaves = (edges & (label[:, None] != label)).any(axis=1)
    is_open = np.zeros(n_classes, dtype=bool)
    is_open[label[leaves]] = True
    return [np.flatnonzero(label == c) for c in np.flatnonzero(~is_open)]


def stationary(transition: np.ndarray) -> np.ndarray:
    """The law pi with ``pi M = pi``; one closed class is needed."""
    k = len(transition)
    system = np.eye(k) - transition + 1.0
    law = np.clip(np.linalg.solve(system.T, np.ones(k)), 0.0, None)
    return law / law.sum()


def fundamental(transition: np.ndarray, law: np.ndarray) -> np.ndarray:
    """``Z = (I - M + 1 pi)^-1``: a small change E of M changes pi by ``pi E Z``."""
    return np.linalg.inv(np.eye(len(law)) - transition + law)


def row_variances(transition: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Variance under each row of M of `values`, (k,) or (k, m) by column: (k,) or (k, m)."""
    first = transition @ values
    return np.clip(transition @ values**2 - first**2, 0.0, None)


def mixing_gap(transition: np.ndarray) -> float:
    """One less the largest real part of the other eigenvalues; small for chains that mix slowly."""
    parts = np.sort(np.linalg.eigvals(transition).real)
    return float(1.0 - parts[-2]) if len(parts) > 1 else 1.0


def smooth_curvature(generator: Generator) -> float:
    """Second derivative at 1; an error for divergences that have none."""
    if not has_derivative(generator):
        raise ValueError(f"divergence {generator.name!r} has a kink where both laws are equal, so "
                         "it has no chi-square law; use 'kl', 'jensen_shannon' or 'hellinger'.")
    return generator.curvature
