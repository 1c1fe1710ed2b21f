"""Stein operators for sequences: what a sample is under each of them, and its statistic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from divest import _kernels
from divest._resampling import run_tasks
from divest.goodness_of_fit._encoded import Encoded, encoded
from divest.goodness_of_fit._engine import quadratic_forms
from divest.goodness_of_fit._sequence_adapter import CodedModel, Edits
from divest.goodness_of_fit._sequence_model import EditRatios
from divest.goodness_of_fit._substrings import SubstringFeatures, substring_matrix

LANES = 64  # resamples worked on together
ENTRIES = 1 << 24  # of a product with signs
BLOCK = 1 << 15  # tokens worked on together
SIDE = 512  # rows of a block of pairs
LARGEST = np.finfo(float).max
CHECKED = 100  # distinct sequences, of all kinds, at which a neighbourhood is checked
DENSE = 6.0  # times as many entries as changes of a sequence: up to there all are looked at
BALANCING = ("barker", "metropolis", "root")


def balanced(name: str, ratio: np.ndarray) -> np.ndarray:
    """``g(t)`` with ``g(t) = t g(1 / t)`` at a ratio of probabilities."""
    if name == "metropolis":
        return np.minimum(ratio, 1.0)
    if name == "root":
        return np.sqrt(ratio)
    weight = np.minimum(ratio, LARGEST)  # not NaN at infinity
    weight /= 1.0 + weight
    return weight


# ------------------------------------------------------------------------------ samples
class Fields:
    """A sample under an operator with explicit features: one sparse row per sequence."""

    def __init__(self, matrix: csr_matrix) -> None:
        self.numbers, columns = np.unique(matrix.indices, return_inverse=True)
        self.matrix = csr_matrix((matrix.data, columns, matrix.indptr),
                                 shape=(matrix.shape[0], len(self.numbers)))
        self.n = matrix.shape[0]

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of h over the other sequences, and h of each with itself; both (n,)."""
        own = np.bincount(np.repeat(np.arange(self.n), np.diff(self.matrix.indptr)),
                          self.matrix.data**2, self.n)
        return self.matrix @ self.total() - own, own

    def total(self) -> np.ndarray:
        """Sum of all rows."""
        return np.bincount(self.matrix.indices, self.matrix.data, self.matrix.shape[1])

    def spread(self) -> np.ndarray:
        """Standard deviation of each column."""
        squares = np.bincount(self.matrix.indices, self.matrix.data**2, self.matrix.shape[1])
        return np.sqrt(np.maximum(squares / self.n - (self.total() / self.n)**2, 0.0))

    def forms(self, signs: np.ndarray, n_jobs: int | None, progress: bool) -> np.ndarray:
        """``sum_{i != j} w_i w_j h_ij`` for each row of signs, (B,)."""
        transposed, own = self.matrix.T.tocsr(), float((self.matrix.data**2).sum())
        step = max(1, min(LANES, ENTRIES // max(1, len(self.numbers))))
        tasks = [(transposed, signs[b:b + step]) for b in range(0, len(signs), step)]
        parts = run_tasks(_squares, tasks, len(tasks), n_jobs=n_jobs, progress=progress,
                          unit="batch")
        return np.concatenate(list(parts)) - own


def _squares(transposed: csr_matrix, signs: np.ndarray) -> np.ndarray:
    product = transposed @ signs.T.astype(float)
    return np.einsum("fb,fb->b", product, product)


class HammingPairs:
    """All pairs of rows under the difference operator and the Hamming kernel."""

    def __init__(self, rows: np.ndarray, ratios: np.ndarray, n_symbols: int) -> None:
        self.rows, self.ratios, self.n_symbols, self.n = rows, ratios, n_symbols, len(rows)

    def tile(self, rows: slice, columns: slice) -> np.ndarray:
        """Stein kernel of some rows with others."""
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start))
        _kernels.sequences.difference_tile(self.rows, self.ratios, rows.start, columns.start,
                                           self.n_symbols, out)
        return out

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of h over the other rows, and h of each with itself; both (n,)."""
        sums, own = np.zeros(self.n), np.empty(self.n)
        for i in range(0, self.n, SIDE):
            rows = slice(i, min(i + SIDE, self.n))
            for j in range(0, self.n, SIDE):
                h = self.tile(rows, slice(j, min(j + SIDE, self.n)))
                sums[rows] += h.sum(axis=1)
                if i == j:
                    own[rows] = h.diagonal()
        return sums - own, own

    def forms(self, signs: np.ndarray, n_jobs: int | None, progress: bool) -> np.ndarray:
        """``sum_{i != j} w_i w_j h_ij`` for each row of signs, (B,)."""
        return quadratic_forms([self], signs, n_jobs=n_jobs, progress=progress)[:, 0]


# ------------------------------------------------------------------------------ operators
class EditOperator:
    """Zanella's operator over edits, with features of substrings.

    ``xi(x) = sum_y g(p(y) / p(x)) (features(y) - features(x))`` over the neighbours y of x.
    """

    def __init__(self, model: CodedModel, edits: Edits, features: SubstringFeatures,
                 balancing: str) -> None:
        self.model, self.edits, self.longest = model, edits, features.longest
        self.balancing, self.size = balancing, features.count(len(model.alphabet))

    def sample(self, sequences: Encoded) -> Fields:
        """What a sample is under the operator."""
        parts = [self._rows(part) for part in blocks(sequences)]
        ends = np.cumsum([0, *(len(values) for _, values, _ in parts)])
        joined = [np.concatenate([part[k] for part in parts]) for k in (0, 1)]
        counts = np.concatenate([[0], *(end[1:] + first for (*_, end), first in
                                        zip(parts, ends[:-1], strict=True))])
        return Fields(csr_matrix((joined[1], joined[0], counts), shape=(sequences.n, self.size)))

    def value(self, sequences: Encoded) -> float:
        """The U statistic, times n."""
        total, squares = np.zeros(self.size), np.zeros(self.size)
        for part in blocks(sequences):
            _kernels.sequences.field_sums(*self._arguments(part), total, squares)
        return float((total @ total - squares.sum()) / (sequences.n - 1))

    def _rows(self, part: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers of the substrings, values, and where each sequence ends."""
        most = int(np.minimum(self._calls(part.lengths), self.size).sum())
        indices, values = np.empty(most, np.int64), np.empty(most)
        ends = np.zeros(part.n + 1, np.int64)
        filled = _kernels.sequences.field_rows(*self._arguments(part), indices, values, ends)
        return indices[:filled].copy(), values[:filled].copy(), ends

    def _arguments(self, part: Encoded) -> tuple[Any, ...]:
        """What the loops take: the sequences, weights and their sums over symbols, scratch."""
        weights, ones = self._weights(part), np.ones(len(self.model.alphabet))
        return (part.tokens, part.starts, weights.row, weights.substitute,
                weights.substitute @ ones, weights.append, weights.append @ ones, weights.remove,
                self.longest, *self._scratch(part))

    def _weights(self, part: Encoded) -> EditRatios:
        ratios = self.model.ratios(part, self.edits)
        weights = ratios.change(partial(balanced, self.balancing))
        if self.balancing == "root" and not all(np.isfinite(w).all() for w in weights.spread()):
            raise ValueError("the root of a ratio of probabilities is out of the range of numbers; "
                             "use balancing='barker'.")
        return weights

    def _scratch(self, part: Encoded) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """A field of zeros, marks, numbers of entries, and how many of these are named already."""
        field, seen = np.zeros(self.size), np.zeros(self.size, np.bool_)
        calls = self._calls(part.lengths)
        if self.size <= DENSE * calls.mean():  # it is cheaper to look at all of them
            return field, seen, np.arange(self.size), self.size
        return field, seen, np.empty(int(calls.max()), np.int64), 0

    def _calls(self, lengths: np.ndarray) -> np.ndarray:
        """At most so many entries are changed for a sequence of each length."""
        q, n_symbols = self.longest, len(self.model.alphabet)
        return lengths * (n_symbols * q * (q + 1) // 2 + q) + n_symbols * q


class NeighborOperator:
    """Zanella's operator over the neighbours that a function names."""

    def __init__(self, model: CodedModel, neighbors: Callable[[tuple], Any],
                 features: SubstringFeatures, balancing: str) -> None:
        if model.log_prob is None:
            raise TypeError("neighborhood as a function needs a model with log_prob(x) or "
                            "log_prob_many(sequences).")
        self.model, self.features = model, features
        self.neighbors, self.balancing = neighbors, balancing

    def around(self, x: tuple) -> list[tuple]:
        """The neighbours, each once, as numbers."""
        alphabet = self.model.alphabet
        given = list(self.neighbors(alphabet.decode(x)))
        if not given:
            return []
        found = alphabet.encode(given, f"neighborhood({alphabet.decode(x)!r})")
        return [y for y in dict.fromkeys(found) if y != x]

    def refuse_one_way(self, sequences: Encoded) -> None:
        """Raise where a neighbour does not name the sequence back."""
        distinct = sorted(set(sequences))
        for x in distinct[::max(1, len(distinct) // CHECKED)]:
            for y in self.around(x):
                if x not in self.around(y):
                    one, other = map(self.model.alphabet.decode, (x, y))
                    raise ValueError(f"the neighbourhood is not symmetric: it leads from {one} to "
                                     f"{other} but not back. Name each step in both directions.")

    def sample(self, sequences: Encoded) -> Fields:
        """What a sample is under the operator."""
        around = [self.around(x) for x in sequences]
        counts = np.array([len(part) for part in around])
        if not counts.sum():
            raise ValueError("neighborhood names no neighbours of the sequences of X.")
        others = encoded([y for part in around for y in part])
        gap = self._log_prob(others) - np.repeat(self._log_prob(sequences), counts)
        with np.errstate(over="ignore"):
            weights = balanced(self.balancing, np.exp(gap))
        ends = np.concatenate([[0], np.cumsum(counts)])
        to = csr_matrix((weights, np.arange(len(weights)), ends), shape=(len(counts), len(weights)))
        leave = csr_matrix((to.sum(axis=1).A1, np.arange(len(counts)), np.arange(len(counts) + 1)))
        n_symbols = len(self.model.alphabet)
        here, there = (substring_matrix(part, n_symbols, self.features)
                       for part in (sequences, others))
        return Fields(csr_matrix(to @ there - leave @ here))

    def value(self, sequences: Encoded) -> float:
        """The U statistic, times n."""
        rows, _ = self.sample(sequences).sums()
        return float(rows.sum() / (sequences.n - 1))

    def _log_prob(self, sequences: Encoded) -> np.ndarray:
        assert self.model.log_prob is not None
        found = self.model.log_prob(sequences)
        if (wrong := np.flatnonzero(np.isnan(found) | (found == np.inf))).size:
            x = self.model.alphabet.decode(list(sequences)[wrong[0]])
            raise ValueError(f"the log probability of the neighbour {x} is {found[wrong[0]]}; it "
                             "must be finite, or -infinity where it has probability 0. Mend the "
                             "model.")
        return found


class DifferenceOperator:
    """The difference operator of rows of one length, where symbols move in a circle."""

    def __init__(self, model: CodedModel) -> None:
        self.model, self.edits = model, Edits(shift=True, lengths=False)
        if len(model.alphabet) < 2:
            raise ValueError("operator='difference' needs an alphabet of at least 2 symbols.")

    def sample(self, sequences: Encoded) -> HammingPairs:
        """What a sample is under the operator."""
        forward, backward = self._moves(sequences)
        if not backward.all():
            raise ValueError("operator='difference' needs a model that gives every row a positive "
                             "probability, but rows next to those of X have none; use "
                             "operator='zanella'.")
        if not np.isfinite(forward).all():
            raise ValueError("a ratio of probabilities is out of the range of numbers; use "
                             "operator='zanella'.")
        return HammingPairs(sequences.rows(), forward.reshape(sequences.n, -1),
                            len(self.model.alphabet))

    def value(self, sequences: Encoded) -> float:
        """The U statistic, times n."""
        rows, _ = self.sample(sequences).sums()
        return float(rows.sum() / (sequences.n - 1))

    def _moves(self, sequences: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Ratios for moving each symbol forward, and backward, (T,)."""
        ratios, n_symbols = self.model.ratios(sequences, self.edits), len(self.model.alphabet)
        return tuple(ratios.substitute[ratios.row, (sequences.tokens + step) % n_symbols]
                     for step in (1, -1))


def blocks(sequences: Encoded) -> Sequence[Encoded]:
    """Consecutive sequences of about `BLOCK` tokens, so that their weights stay in the cache."""
    wanted = np.arange(BLOCK, sequences.starts[-1], BLOCK)
    cuts = np.unique([0, *np.searchsorted(sequences.starts, wanted), sequences.n])
    return [sequences.part(int(a), int(b)) for a, b in pairwise(cuts)]
