"""Models of sequences: Markov chains, independent tokens, hidden Markov models."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from divest import _kernels
from divest._validation import check_floats, check_integer, check_list, check_number
from divest.goodness_of_fit._encoded import Alphabet, Encoded, as_sequences
from divest.goodness_of_fit._sequence_model import Edit, EditRatios, SequenceModel

__all__ = ["Edit", "HiddenMarkovModel", "IndependentTokens", "MarkovChainModel"]

WINDOWS = 1 << 20  # ratios, at most, of the table of windows
ROUNDING = 1e-8  # by which probabilities may miss the sum 1


class MarkovChainModel(SequenceModel):
    r"""Markov chain of any order, which stops after each symbol with one probability.

    .. math:: p(x) = q\,(1 - q)^{L - 1} \prod_{t=1}^{L} p(x_t \mid x_{t-k}, \ldots, x_{t-1})

    with L the length, q the probability to stop, k the order; near the start there are fewer
    symbols to depend on.

    Parameters
    ----------
    tables : list of array-like
        Table j, of shape ``(K,) * (j + 1)``, gives the law of a symbol (last axis) after the j
        symbols before it, in their order: first the law of the first symbol, then the transitions
        from the first, and so on. The last one holds from there on; the order is
        ``len(tables) - 1``.
    stop : float, optional
        Probability of stopping after each symbol, in (0, 1).
    length : int, optional
        The one length of all sequences, in place of `stop`.
    alphabet : iterable, optional
        The K symbols, in the order of the tables; by default 0, ..., K - 1.

    Raises
    ------
    ValueError
        When the tables do not fit together or do not hold probabilities, or not exactly one of
        `stop` and `length` is given.

    See Also
    --------
    SequenceSteinTest : Tests whether a model fits.

    Examples
    --------
    >>> from divest.goodness_of_fit import MarkovChainModel
    >>> model = MarkovChainModel([[0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]]], stop=0.25, alphabet="ab")
    >>> round(float(model.log_prob("aab")), 4)
    -5.0628
    >>> MarkovChainModel.fit(["aab", "abba", "b"], order=1, smoothing=0.5).tables[0]
    array([0.625, 0.375])
    """

    def __init__(self, tables: Sequence[Any], stop: float | None = None, *,
                 length: int | None = None, alphabet: Any = None) -> None:
        self.tables = [_check_table(f"tables[{j}]", table, j)
                       for j, table in enumerate(check_list("tables", tables))]
        if not self.tables:
            raise ValueError("tables must hold at least the law of the first symbol.")
        self.order = len(self.tables) - 1
        n_symbols = self.tables[0].shape[-1]
        if any(table.shape[-1] != n_symbols for table in self.tables):
            raise ValueError("tables must be for one number of symbols, got shapes "
                             f"{[table.shape for table in self.tables]}.")
        super().__init__(stop, length, alphabet, n_symbols)
        flat = np.concatenate([table.reshape(-1, n_symbols) for table in self.tables])
        self._table = flat.ravel()
        with np.errstate(divide="ignore"):
            self._log_table = np.log(self._table)
        self._cumulative = _cumulative(flat).ravel()

    @classmethod
    def fit(cls, sequences: Any, order: int = 1, *, smoothing: float = 1.0, alphabet: Any = None
            ) -> MarkovChainModel:
        """The chain with the counts of a sample, smoothed.

        Parameters
        ----------
        sequences : list of sequences
            The sample. Test the model on another one: `SequenceSteinTest` takes it as known.
        order : int, default 1
            How many symbols the law of the next one depends on.
        smoothing : float, default 1.0
            Added to every count; above 0, so that everything is possible.
        alphabet : iterable or int, optional
            The symbols; by default those seen, sorted.

        Returns
        -------
        MarkovChainModel
            The chain; `stop` is one over the mean length; where all sequences have one length, this
            is the `length`.

        Raises
        ------
        ValueError
            When a sequence is empty or holds a symbol that is not in the alphabet.
        """
        check_integer("order", order, 0)
        smoothing = check_number("smoothing", smoothing, 0.0)
        if not (sequences := as_sequences(sequences, "sequences")):
            raise ValueError("sequences must hold at least one sequence, got none.")
        symbols = Alphabet(_seen(sequences) if alphabet is None else alphabet)
        sample = symbols.encode(sequences, "sequences")
        n_symbols = len(symbols)
        codes = _codes(sample, n_symbols, order)
        sizes = [n_symbols**(j + 1) for j in range(order + 1)]
        counts = np.bincount(codes, minlength=sum(sizes)) + smoothing
        tables = [part.reshape((n_symbols,) * (j + 1)) for j, part in
                  enumerate(np.split(counts, np.cumsum(sizes)[:-1]))]
        tables = [table / table.sum(axis=-1, keepdims=True) for table in tables]
        return MarkovChainModel(tables, alphabet=symbols.symbols, **_length_law(sample))

    def _coded_log_prob(self, sequences: Encoded) -> np.ndarray:
        """Log probabilities of encoded sequences, (n,)."""
        terms = self._log_table[_codes(sequences, len(self.alphabet), self.order)]
        return (np.add.reduceat(terms, sequences.starts[:-1])
                + self._log_length(sequences.lengths))

    def _coded_edits(self, sequences: Encoded) -> EditRatios:
        """Ratios of probabilities for all edits of encoded sequences."""
        n_symbols = len(self.alphabet)
        last, stems = np.empty(sequences.n, np.int64), np.empty(sequences.n, np.int64)
        _kernels.sequences.markov_ends(sequences.tokens, sequences.starts, n_symbols, self.order,
                                       last, stems)
        append = self._table.take(stems[:, None] + np.arange(n_symbols))
        if n_symbols**(2 * self.order + 2) <= WINDOWS:
            substitute, row = self._windows, self._rows(sequences)
        else:
            substitute, row = self._substitutions(sequences), np.arange(len(sequences.tokens))
        return self._with_length(EditRatios(substitute, append, 1.0 / self._table[last], row),
                                 sequences)

    def _substitutions(self, sequences: Encoded) -> np.ndarray:
        """Ratios for another symbol in each place, (T, K)."""
        substitute = np.empty((len(sequences.tokens), len(self.alphabet)))
        codes = _codes(sequences, len(self.alphabet), self.order)
        _kernels.sequences.markov_substitutions(sequences.tokens, sequences.starts, codes,
                                                self._table, self.order, substitute)
        return substitute

    def _rows(self, sequences: Encoded) -> np.ndarray:
        """Which row of `_windows` holds for each token."""
        sides, n_symbols = np.arange(self.order + 1), len(self.alphabet)
        sizes = n_symbols**(np.add.outer(sides, sides) + 1)
        rows = np.empty(len(sequences.tokens), np.int64)
        _kernels.sequences.window_rows(
            sequences.tokens, sequences.starts, n_symbols, self.order,
            (np.cumsum(sizes) - sizes.ravel()).reshape(sizes.shape), rows)
        return rows

    @cached_property
    def _windows(self) -> np.ndarray:
        """The ratios for another symbol, which depend only on `order` symbols on either side.

        One row for each window, by the numbers of symbols before and after the place.
        """
        sides, n_symbols, parts = range(self.order + 1), len(self.alphabet), []
        for before, after in product(sides, sides):
            length = before + after + 1
            tokens = np.indices((n_symbols,) * length).reshape(length, -1).T.ravel()
            windows = Encoded(tokens, np.arange(0, len(tokens) + 1, length))
            with np.errstate(divide="ignore", invalid="ignore"):  # windows that cannot be
                parts.append(self._substitutions(windows)[before::length])
        return np.concatenate(parts)

    def _coded_sample(self, n: int, rng: np.random.Generator) -> Encoded:
        """Draw encoded sequences."""
        starts = self._draw_starts(n, rng)
        tokens = np.empty(starts[-1], np.int64)
        _kernels.sequences.markov_tokens(starts, rng.random(starts[-1]), self._cumulative,
                                         len(self.alphabet), self.order, tokens)
        return Encoded(tokens, starts)

    def _place_ratio(self, sequence: Encoded, other: Encoded, position: int) -> float:
        """Only the symbols from `position` on that depend on it."""
        return self._terms(other, position) - self._terms(sequence, position)

    def _end_ratio(self, sequence: Encoded, other: Encoded) -> float:
        """Only the last symbol of the longer one."""
        longer = max(sequence, other, key=lambda part: len(part.tokens))
        change = self._terms(longer, len(longer.tokens) - 1) + self._log_longer
        return change if longer is other else -change if self.stop is not None else -np.inf

    def _terms(self, sequence: Encoded, position: int) -> float:
        """Log laws of the symbols from `position` to `position` + order."""
        start, total = max(position - self.order, 0), 0.0
        near = sequence.tokens[start:position + self.order + 1].tolist()
        for t in range(position - start, len(near)):
            reach = min(start + t, self.order)
            context = near[t - reach:t + 1]
            number = _kernels.sequences.first_number(reach + 1, len(self.alphabet)) + int(
                np.ravel_multi_index(context, self.tables[reach].shape))
            total += float(self._log_table[number])
        return total


class IndependentTokens(MarkovChainModel):
    """Independent symbols, and a stop after each with one probability.

    Parameters
    ----------
    probabilities : array-like of shape (K,)
        Law of each symbol.
    stop : float, optional
        Probability of stopping after each symbol, in (0, 1).
    length : int, optional
        The one length of all sequences, in place of `stop`.
    alphabet : iterable, optional
        The K symbols; by default 0, ..., K - 1.

    See Also
    --------
    MarkovChainModel : Symbols that depend on those before them.

    Examples
    --------
    >>> from divest.goodness_of_fit import IndependentTokens
    >>> model = IndependentTokens([0.5, 0.25, 0.25], stop=0.1, alphabet="abc")
    >>> round(model.log_ratio("aab", ("substitute", "b", 0)), 4)
    -0.6931
    """

    def __init__(self, probabilities: Any, stop: float | None = None, *, length: int | None = None,
                 alphabet: Any = None) -> None:
        _check_table("probabilities", probabilities, 0)
        super().__init__([probabilities], stop, length=length, alphabet=alphabet)

    @classmethod
    def fit(cls, sequences: Any, order: int = 0, *, smoothing: float = 1.0, alphabet: Any = None
            ) -> MarkovChainModel:
        """The smoothed counts of a sample.

        Parameters
        ----------
        sequences : list of sequences
            The sample.
        order : int, default 0
            Symbols are independent: 0.
        smoothing : float, default 1.0
            Added to every count.
        alphabet : iterable or int, optional
            The symbols; by default those seen, sorted.

        Returns
        -------
        IndependentTokens
            The model.

        Raises
        ------
        ValueError
            When `order` is not 0, a sequence is empty or holds a symbol that is not in the
            alphabet.
        """
        check_integer("order", order, 0, 0)
        chain = MarkovChainModel.fit(sequences, 0, smoothing=smoothing, alphabet=alphabet)
        return cls(chain.tables[0], chain.stop, length=chain.length, alphabet=chain.alphabet)


class HiddenMarkovModel(SequenceModel):
    """Hidden Markov model, which stops after each symbol with one probability.

    Parameters
    ----------
    initial : array-like of shape (S,)
        Law of the first state.
    transition : array-like of shape (S, S)
        Law of the next state, one row per state.
    emission : array-like of shape (S, K)
        Law of the symbol, one row per state.
    stop : float, optional
        Probability of stopping after each symbol, in (0, 1).
    length : int, optional
        The one length of all sequences, in place of `stop`.
    alphabet : iterable, optional
        The K symbols; by default 0, ..., K - 1.

    Raises
    ------
    ValueError
        When the shapes do not fit together, rows do not hold probabilities, or not exactly one of
        `stop` and `length` is given.

    See Also
    --------
    SequenceSteinTest : Tests whether a model fits.

    Notes
    -----
    Probabilities of all edits of a sequence of length L cost L S (S + K), by one pass forward and
    one backward.

    Examples
    --------
    >>> from divest.goodness_of_fit import HiddenMarkovModel
    >>> model = HiddenMarkovModel([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]],
    ...                           stop=0.2, alphabet="ab")
    >>> round(model.log_prob("ab"), 4)
    -3.4546
    """

    def __init__(self, initial: Any, transition: Any, emission: Any, stop: float | None = None, *,
                 length: int | None = None, alphabet: Any = None) -> None:
        self.initial = _check_table("initial", initial, 0)
        self.transition = _check_table("transition", transition, 1)
        self.emission = _check_table("emission", emission, 1, square=False)
        n_states = len(self.initial)
        if not n_states == len(self.transition) == len(self.emission):
            raise ValueError("initial, transition and emission must be for one number of states, "
                             f"got shapes {self.initial.shape}, {self.transition.shape} and "
                             f"{self.emission.shape}.")
        super().__init__(stop, length, alphabet, self.emission.shape[1])

    def _coded_log_prob(self, sequences: Encoded) -> np.ndarray:
        """Log probabilities of encoded sequences, (n,)."""
        return self._forward(sequences)[1] + self._log_length(sequences.lengths)

    def _coded_edits(self, sequences: Encoded) -> EditRatios:
        """Ratios of probabilities for all edits of encoded sequences."""
        ratios = EditRatios.filled(sequences, len(self.alphabet), 0.0)
        ahead, _ = self._forward(sequences)
        _kernels.sequences.hidden_edits(sequences.tokens, sequences.starts, ahead, self.transition,
                                        self.emission, *ratios[:3])
        return self._with_length(ratios, sequences)

    def _coded_sample(self, n: int, rng: np.random.Generator) -> Encoded:
        """Draw encoded sequences."""
        starts = self._draw_starts(n, rng)
        tokens = np.empty(starts[-1], np.int64)
        laws = [_cumulative(law) for law in (self.initial, self.transition, self.emission)]
        _kernels.sequences.hidden_tokens(starts, rng.random((starts[-1], 2)), *laws, tokens)
        return Encoded(tokens, starts)

    def _forward(self, sequences: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Law of the state ahead of each token, and log probabilities but for the length."""
        ahead = np.empty((len(sequences.tokens) + sequences.n, len(self.initial)))
        log_prob = np.empty(sequences.n)
        _kernels.sequences.hidden_forward(sequences.tokens, sequences.starts, self.initial,
                                          self.transition, self.emission, ahead, log_prob)
        return ahead, log_prob


# ------------------------------------------------------------------------------ checks and counts
def _codes(sequences: Encoded, n_symbols: int, order: int) -> np.ndarray:
    """Where in the tables the law of each token stands."""
    codes = np.empty(len(sequences.tokens), np.int64)
    _kernels.sequences.context_codes(sequences.tokens, sequences.starts, n_symbols, order, codes)
    return codes


def _cumulative(law: np.ndarray) -> np.ndarray:
    """Cumulative probabilities along the last axis; the last one is 1."""
    total = np.cumsum(law, axis=-1)
    return total / total[..., -1:]


def _check_table(name: str, table: Any, contexts: int, square: bool = True) -> np.ndarray:
    """Probabilities along the last axis, after `contexts` others."""
    array = np.array(check_floats(name, table), order="C")
    if array.ndim != contexts + 1 or not array.size or (square and len(set(array.shape)) != 1):
        raise ValueError(f"{name} must be an array with {contexts + 1} axes"
                         f"{' of one length' if square and contexts else ''}, got shape "
                         f"{array.shape}.")
    if not (array >= 0).all() or (abs(array.sum(axis=-1) - 1) > ROUNDING).any():
        raise ValueError(f"{name} must hold probabilities, 0 or more, with sum 1 along the last "
                         f"axis; got sums from {array.sum(axis=-1).min():.6g} to "
                         f"{array.sum(axis=-1).max():.6g} and a smallest entry of "
                         f"{array.min():.6g}.")
    return array


def _seen(sequences: Any) -> list:
    """The symbols in a sample, sorted."""
    try:
        symbols = {symbol for sequence in as_sequences(sequences, "sequences")
                   for symbol in sequence}
    except TypeError:
        raise TypeError("sequences must hold symbols, such as letters or numbers, and one of them "
                        "holds a list or a table.") from None
    try:
        return sorted(symbols)
    except TypeError:
        raise ValueError("the symbols are of types that have no common order: pass alphabet, a "
                         "list of them.") from None


def _length_law(sample: Encoded) -> dict[str, Any]:
    """One over the mean length, or the one length that there is."""
    lengths = sample.lengths
    if (lengths == lengths[0]).all():
        return {"length": int(lengths[0])}
    return {"stop": float(1 / lengths.mean())}
