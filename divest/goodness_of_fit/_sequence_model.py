"""What the models of sequences share: edits, the alphabet, the law of the length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from divest._resampling import root_sequence
from divest._validation import check_integer, check_number
from divest.goodness_of_fit._encoded import Alphabet, Encoded, starts_of


class Edit(NamedTuple):
    """One change of a sequence: a step to a neighbour.

    Parameters
    ----------
    kind : {"substitute", "append", "remove"}
        Put another symbol in a place, add one at the end, or take the last one away.
    symbol : object, optional
        The symbol to put or to add.
    position : int, optional
        The place of a substitution, from 0.

    Examples
    --------
    >>> from divest.goodness_of_fit import Edit
    >>> Edit("substitute", "b", 1).of("aaa")
    ('a', 'b', 'a')
    """

    kind: str
    symbol: Any = None
    position: int | None = None

    def of(self, x: Sequence[Any]) -> tuple:
        """The sequence after the edit.

        Parameters
        ----------
        x : sequence
            A sequence of symbols.

        Returns
        -------
        tuple
            The neighbour of `x`.

        Raises
        ------
        ValueError
            When there is no such edit of `x`.
        """
        x = tuple(_check_sequence(x))
        if self.kind == "append":
            return x + (self.symbol,)
        if self.kind == "remove" and x:
            return x[:-1]
        if self.kind == "substitute" and self.position is not None and (
                0 <= self.position < len(x)):
            return x[:self.position] + (self.symbol,) + x[self.position + 1:]
        raise ValueError(f"there is no {self!r} of a sequence x of {len(x)} symbols; edits are "
                         "'substitute' at a position from 0, 'append' and 'remove'.")


def _check_sequence(x: Any) -> Any:
    """A sequence of symbols."""
    if not np.iterable(x) or isinstance(x, (set, frozenset, dict)):
        raise TypeError(f"x must be a sequence of symbols, got {x!r}.")
    return x


class EditRatios(NamedTuple):
    """Probability of each neighbour divided by that of the sequence; 0 where there is none.

    Tokens may share a row of `substitute`: that of token t is ``substitute[row[t]]``.
    """

    substitute: np.ndarray  # (number of rows, number of symbols)
    append: np.ndarray  # (number of sequences, number of symbols)
    remove: np.ndarray  # (number of sequences,)
    row: np.ndarray  # (number of tokens,)

    @staticmethod
    def filled(sequences: Encoded, n_symbols: int, value: float) -> EditRatios:
        """All of one value, one row for each token."""
        tokens, n = len(sequences.tokens), sequences.n
        return EditRatios(np.full((tokens, n_symbols), value), np.full((n, n_symbols), value),
                          np.full(n, value), np.arange(tokens))

    def change(self, function: Callable[[np.ndarray], np.ndarray]) -> EditRatios:
        """A function of all ratios."""
        return EditRatios(function(self.substitute), function(self.append), function(self.remove),
                          self.row)

    def spread(self) -> EditRatios:
        """One row for each token."""
        return self._replace(substitute=self.substitute[self.row], row=np.arange(len(self.row)))


class SequenceModel:
    """What the models share: the alphabet, the law of the length, and the way in and out."""

    def __init__(self, stop: float | None, length: int | None, alphabet: Any,
                 n_symbols: int) -> None:
        self.stop, self.length = _check_stop(stop), _check_length(length, stop)
        self._symbols = Alphabet(n_symbols if alphabet is None else alphabet)
        if len(self._symbols) != n_symbols:
            raise ValueError(f"alphabet has {len(self._symbols)} symbols, but the probabilities "
                             f"are for {n_symbols}.")

    @property
    def alphabet(self) -> tuple:
        """The symbols, in the order of the probabilities."""
        return self._symbols.symbols

    def log_prob(self, x: Sequence[Any]) -> float:
        """Log probability of one sequence.

        Parameters
        ----------
        x : sequence
            Symbols of the alphabet, at least one.

        Returns
        -------
        float
            In nats; -infinity where the model gives it probability 0.
        """
        return float(self._coded_log_prob(self._symbols.encode([x], "[x]"))[0])

    def log_prob_many(self, sequences: Any) -> np.ndarray:
        """Log probabilities of several sequences.

        Parameters
        ----------
        sequences : list of sequences
            Each of at least one symbol of the alphabet.

        Returns
        -------
        ndarray of shape (n,)
            In nats.
        """
        return self._coded_log_prob(self._symbols.encode(sequences, "sequences"))

    def log_ratio(self, x: Sequence[Any], edit: Any) -> float:
        """Log probability of a neighbour of `x` less that of `x`.

        Parameters
        ----------
        x : sequence
            Symbols of the alphabet, at least one.
        edit : Edit
            The step to the neighbour, or a tuple of its fields.

        Returns
        -------
        float
            In nats; -infinity where the neighbour has probability 0 or is empty.
        """
        if not isinstance(edit, (tuple, list)) or not 1 <= len(edit) <= 3:
            raise TypeError(f"edit must be an Edit, or a tuple of its fields, got {edit!r}.")
        edit = Edit(*edit)
        if len(y := edit.of(x)) == 0:
            return -np.inf
        sequence, other = (self._symbols.encode([z], "x") for z in (x, y))
        if edit.kind != "substitute":
            return self._end_ratio(sequence, other)
        return self._place_ratio(sequence, other, int(edit.position or 0))

    def sample(self, n: int, rng: Any = None) -> list[tuple]:
        """Draw sequences.

        Parameters
        ----------
        n : int
            How many.
        rng : int, Generator, RandomState or None, default None
            Source of the draws.

        Returns
        -------
        list of tuple
            Sequences of symbols.
        """
        check_integer("n", n, 1)
        if not isinstance(rng, np.random.Generator):
            rng = np.random.default_rng(root_sequence(rng))
        return [self._symbols.decode(x) for x in self._coded_sample(n, rng)]

    # ------------------------------------------------------------ the same on numbers
    def _coded_log_prob(self, sequences: Encoded) -> np.ndarray:
        raise NotImplementedError

    def _coded_edits(self, sequences: Encoded) -> EditRatios:
        raise NotImplementedError

    def _coded_sample(self, n: int, rng: np.random.Generator) -> Encoded:
        raise NotImplementedError

    def _place_ratio(self, sequence: Encoded, other: Encoded, position: int) -> float:
        return self._end_ratio(sequence, other)

    def _end_ratio(self, sequence: Encoded, other: Encoded) -> float:
        both = [float(self._coded_log_prob(part)[0]) for part in (other, sequence)]
        return both[0] - both[1]

    # ------------------------------------------------------------ the law of the length
    @property
    def _log_longer(self) -> float:
        """Log probability of going on after a symbol."""
        return -np.inf if self.stop is None else float(np.log1p(-self.stop))

    def _log_length(self, lengths: np.ndarray) -> np.ndarray:
        if self.stop is None:
            return np.where(lengths == self.length, 0.0, -np.inf)
        return (lengths - 1) * self._log_longer + np.log(self.stop)

    def _draw_starts(self, n: int, rng: np.random.Generator) -> np.ndarray:
        if self.stop is None:
            return starts_of(np.full(n, self.length))
        return starts_of(rng.geometric(self.stop, n))

    def _with_length(self, ratios: EditRatios, sequences: Encoded) -> EditRatios:
        """Multiply the ratios by those of the law of the length."""
        if self.stop is None:
            ratios.append[:], ratios.remove[:] = 0.0, 0.0
            return ratios
        ratios.append[:] *= 1 - self.stop
        ratios.remove[:] /= 1 - self.stop
        ratios.remove[sequences.lengths == 1] = 0.0
        return ratios


def _check_stop(stop: float | None) -> float | None:
    return None if stop is None else check_number("stop", stop, 0.0, 1.0)


def _check_length(length: int | None, stop: float | None) -> int | None:
    if (length is None) == (stop is None):
        raise ValueError("give either stop, the probability of stopping after each symbol, or "
                         f"length, the one length of all sequences; got stop={stop!r} and "
                         f"length={length!r}.")
    return None if length is None else check_integer("length", length, 1)
