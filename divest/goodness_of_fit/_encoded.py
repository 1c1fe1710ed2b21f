"""Sequences of symbols as numbers: one array of tokens, and where each sequence starts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from divest._validation import check_integer

MOST_SYMBOLS = 10**7
SHOWN = 5  # numbers of sequences in a message


@dataclass(frozen=True, eq=False)
class Encoded:
    """Sequence i is ``tokens[starts[i]:starts[i + 1]]``, symbols counted from 0."""

    tokens: np.ndarray
    starts: np.ndarray

    @property
    def n(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        """The sequences, as tuples of numbers."""
        numbers, starts = self.tokens.tolist(), self.starts.tolist()
        return (tuple(numbers[a:b]) for a, b in pairwise(starts))

    def part(self, first: int, stop: int) -> Encoded:
        """Some of the sequences."""
        starts = self.starts[first:stop + 1]
        return Encoded(self.tokens[starts[0]:starts[-1]], starts - starts[0])

    def rows(self) -> np.ndarray:
        """Sequences of one length as rows."""
        return self.tokens.reshape(self.n, -1)


def starts_of(lengths: np.ndarray) -> np.ndarray:
    """Where sequences of these lengths start, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def encoded(sequences: Sequence[Sequence[int]]) -> Encoded:
    """Sequences of numbers."""
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    tokens = np.fromiter(chain.from_iterable(sequences), np.int64, int(lengths.sum()))
    return Encoded(tokens, starts_of(lengths))


class Alphabet:
    """The symbols that sequences are made of.

    Parameters
    ----------
    symbols : int or iterable
        The symbols in order; a number K stands for 0, ..., K - 1.
    """

    def __init__(self, symbols: Any) -> None:
        self.symbols = _symbols(symbols)
        self.numbers = {symbol: a for a, symbol in enumerate(self.symbols)}
        if len(self.numbers) < len(self.symbols):
            twice = next(s for a, s in enumerate(self.symbols) if self.numbers[s] != a)
            raise ValueError(f"alphabet holds the symbol {twice!r} more than once.")

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.symbols == other.symbols

    __hash__ = None  # type: ignore[assignment]

    def encode(self, sequences: Any, name: str = "X") -> Encoded:
        """Sequences of symbols as numbers; none may be empty."""
        sequences = as_sequences(sequences, name)
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        if (empty := np.flatnonzero(lengths == 0)).size:
            raise ValueError(f"{name} holds empty sequences: {listed(empty)}. A sequence needs at "
                             "least one symbol; leave these out.")
        numbers = self.numbers
        try:
            tokens = np.fromiter((numbers[s] for s in chain.from_iterable(sequences)), np.int64,
                                 int(lengths.sum()))
        except (KeyError, TypeError):
            raise ValueError(self._unknown(sequences, name)) from None
        return Encoded(tokens, starts_of(lengths))

    def _unknown(self, sequences: Sequence[Any], name: str) -> str:
        """Say which symbol is not in the alphabet."""
        for i, sequence in enumerate(sequences):
            for t, symbol in enumerate(sequence):
                if not isinstance(symbol, Hashable) or symbol not in self.numbers:
                    return (f"sequence {i} of {name} holds {symbol!r} at position {t}, which is "
                            f"not in the alphabet of {len(self)} symbols; add it to the alphabet, "
                            "or leave the sequence out.")
        raise AssertionError

    def decode(self, numbers: Iterable[int]) -> tuple:
        """One sequence of numbers as symbols."""
        return tuple(self.symbols[a] for a in numbers)


def _symbols(symbols: Any) -> tuple:
    if isinstance(symbols, (int, np.integer)) and not isinstance(symbols, bool):
        return tuple(range(check_integer("alphabet", symbols, 1, MOST_SYMBOLS)))
    try:
        found = tuple(symbols)
        hash(found)
    except TypeError:
        raise TypeError("alphabet must be a number of symbols or a list of them, got "
                        f"{symbols!r}.") from None
    if not found:
        raise ValueError("alphabet holds no symbols.")
    return found


def as_sequences(sequences: Any, name: str) -> Sequence[Any]:
    """A list of sequences; rows of a table are sequences of one length."""
    if hasattr(sequences, "to_numpy"):  # a data frame, or a series of sequences
        sequences = sequences.to_numpy()
    if isinstance(sequences, np.ndarray) and sequences.ndim == 2:
        sequences = sequences.tolist()
    if isinstance(sequences, str) or not hasattr(sequences, "__iter__"):
        raise TypeError(f"{name} must be a list of sequences, got {sequences!r}.")
    sequences = list(sequences)
    for i, sequence in enumerate(sequences):
        if not (hasattr(sequence, "__len__") and hasattr(sequence, "__iter__")) or isinstance(
                sequence, (Set, Mapping)):  # which have no order
            raise TypeError(f"{name} must be a list of sequences; its entry {i} is {sequence!r}.")
    return sequences


def listed(numbers: np.ndarray) -> str:
    """``0, 3, 8 ...``."""
    more = " ..." if len(numbers) > SHOWN else ""
    return ", ".join(map(str, numbers[:SHOWN])) + more
