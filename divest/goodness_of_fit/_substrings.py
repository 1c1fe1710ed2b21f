"""Counts of substrings, the features that tell sequences apart."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from divest import _kernels
from divest._validation import check_integer
from divest.goodness_of_fit._encoded import Alphabet, Encoded

MOST = 10_000_000  # substrings


@dataclass(frozen=True)
class SubstringFeatures:
    r"""How often each contiguous substring stands in a sequence.

    Substring u of length r has the feature :math:`c_u(x) / \sqrt{L - r + 1}`, where :math:`c_u(x)`
    counts the places at which it stands in x, of the :math:`L - r + 1` that there are.

    Parameters
    ----------
    longest : int, default 2
        Substrings of length 1 to `longest` count.

    Raises
    ------
    TypeError
        When `longest` is not an integer.
    ValueError
        When `longest` is below 1.

    See Also
    --------
    SequenceSteinTest : Tests a model with these features.

    Examples
    --------
    >>> from divest.goodness_of_fit import SubstringFeatures
    >>> features = SubstringFeatures(2)
    >>> features.names("ab")
    [('a',), ('b',), ('a', 'a'), ('a', 'b'), ('b', 'a'), ('b', 'b')]
    >>> features.transform(["aab"], "ab").toarray().round(3)
    array([[1.155, 0.577, 0.707, 0.707, 0.   , 0.   ]])
    """

    longest: int = 2

    def __post_init__(self) -> None:
        check_integer("longest", self.longest, 1)

    def names(self, alphabet: Any) -> list[tuple]:
        """The substrings, in the order of the features.

        Parameters
        ----------
        alphabet : iterable or int
            The symbols; a number K stands for 0, ..., K - 1.

        Returns
        -------
        list of tuple
            By length, and within one length in the order of the alphabet.
        """
        symbols = Alphabet(alphabet).symbols
        self.count(len(symbols))
        return [u for r in range(1, self.longest + 1) for u in product(symbols, repeat=r)]

    def transform(self, sequences: Any, alphabet: Any) -> csr_matrix:
        """The features of several sequences.

        Parameters
        ----------
        sequences : list of sequences
            Each of at least one symbol of the alphabet.
        alphabet : iterable or int
            The symbols; a number K stands for 0, ..., K - 1.

        Returns
        -------
        csr_matrix of shape (n, n_features)
            One row per sequence.

        Raises
        ------
        ValueError
            When a sequence is empty or holds a symbol that is not in the alphabet, or there are
            more than ten million substrings.
        """
        symbols = Alphabet(alphabet)
        return substring_matrix(symbols.encode(sequences, "sequences"), len(symbols), self)

    def count(self, n_symbols: int) -> int:
        """How many substrings there are.

        Parameters
        ----------
        n_symbols : int
            Size of the alphabet.

        Returns
        -------
        int
            ``n_symbols + ... + n_symbols**longest``.

        Raises
        ------
        ValueError
            When these are more than ten million.
        """
        check_integer("n_symbols", n_symbols, 1)
        total = sum(n_symbols**r for r in range(1, self.longest + 1))
        if total > MOST:
            raise ValueError(f"there are {total:.3g} substrings of up to {self.longest} of "
                             f"{n_symbols} symbols, and at most {MOST:,} are possible; use shorter "
                             "ones, or a smaller alphabet.")
        return total


def substring_matrix(sequences: Encoded, n_symbols: int, features: SubstringFeatures
                     ) -> csr_matrix:
    """Features of encoded sequences."""
    size, longest = features.count(n_symbols), features.longest
    most = len(sequences.tokens) * longest
    indices, values = np.empty(most, np.int64), np.empty(most)
    ends = np.zeros(sequences.n + 1, np.int64)
    filled = _kernels.sequences.substring_rows(sequences.tokens, sequences.starts, n_symbols,
                                               longest, indices, values, ends)
    matrix = csr_matrix((values[:filled], indices[:filled], ends), shape=(sequences.n, size))
    matrix.sum_duplicates()
    return matrix


def substring_of(number: int, n_symbols: int) -> tuple[int, ...]:
    """The symbols of the substring with this number."""
    length, found = 1, []
    while number >= n_symbols**length:
        number -= n_symbols**length
        length += 1
    for _ in range(length):
        number, symbol = divmod(number, n_symbols)
        found.append(symbol)
    return tuple(reversed(found))
