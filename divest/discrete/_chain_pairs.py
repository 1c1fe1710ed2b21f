"""The transitions of two Markov chains, side by side."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from divest._results import Diagnostic
from divest._validation import check_number
from divest.discrete._chain import smooth_curvature
from divest.discrete.transitions import transition_counts
from divest.generators import Generator, resolve_generator

MAX_UNMATCHED = 0.01


class Pairs(NamedTuple):
    """Counts of both chains over the same states."""

    p: np.ndarray
    q: np.ndarray
    states: np.ndarray

    @property
    def matched(self) -> list[int]:
        """States that both chains leave."""
        return np.flatnonzero(self.p.any(axis=1) & self.q.any(axis=1)).tolist()

    def row(self, i: int) -> np.ndarray:
        """Counts out of state i of both, without the cells that are empty in both."""
        used = self.used(i)
        return np.stack([self.p[i, used], self.q[i, used]])

    def used(self, i: int) -> np.ndarray:
        """States that follow state i in one chain or the other."""
        return self.p[i] + self.q[i] > 0


def paired_counts(P: Any, Q: Any, divergence: str | Generator, smoothing: float
             ) -> tuple[Generator, Pairs]:
    """The generator, and the counts of both over their joint states."""
    generator = resolve_generator(divergence)
    smooth_curvature(generator)
    check_number("smoothing", smoothing, 0.0)
    one, other = transition_counts(P), transition_counts(Q)
    states = (one + other).states
    pairs = Pairs(one.over(states), other.over(states), states)
    if not pairs.matched:
        raise ValueError("P and Q leave no state in common, so no two rows can be compared; the "
                         f"states of P are {one.states[:5].tolist()}, those of Q "
                         f"{other.states[:5].tolist()}.")
    return generator, pairs


def unmatched_states(pairs: Pairs) -> Diagnostic:
    """Transitions that say nothing about the difference."""
    share = max(1.0 - float(counts[pairs.matched].sum() / counts.sum())
                for counts in (pairs.p, pairs.q))
    return Diagnostic(
        "unmatched_states", share, MAX_UNMATCHED, share <= MAX_UNMATCHED,
        "share of the transitions of one chain out of states that the other never leaves; they "
        "cannot be compared and count as equal: get longer sequences, or merge states")


def row_scale(generator: Generator, n: float, m: float) -> float:
    """What the divergence of a row is multiplied by to be chi-square."""
    return float(2 * n * m / (n + m) / generator.curvature)
