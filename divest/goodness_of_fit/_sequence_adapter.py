"""Any model of sequences as one on numbers, with the ratios of probabilities for all edits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from divest.goodness_of_fit._encoded import Alphabet, Encoded, listed
from divest.goodness_of_fit._score_model import OutOfSupportError
from divest.goodness_of_fit._sequence_model import Edit, EditRatios, SequenceModel

CHUNK = 4096  # neighbours whose probabilities are asked for at once
CHECKED = 3  # sequences at which ratios are compared with probabilities
AGREE = 1e-6

_WANTED = ("a model of sequences needs log_prob(x), log_prob_many(sequences) or "
           "log_ratio(x, edit), or must be a function for the log probability of a sequence")


@dataclass(frozen=True)
class Edits:
    """Which steps lead to the neighbours of a sequence.

    `last`: only so many places at the end may change. `shift`: a symbol may only become the next
    or the one before it. `lengths`: symbols may be added and taken away at the end.
    """

    last: int | None = None
    shift: bool = False
    lengths: bool = True

    def allowed(self, sequences: Encoded, n_symbols: int) -> np.ndarray:
        """Which symbols may be put in each place, (T, K)."""
        change = (np.arange(n_symbols) - sequences.tokens[:, None]) % n_symbols
        allowed = (change == 1) | (change == n_symbols - 1) if self.shift else change != 0
        if n_symbols == 1:
            allowed[:] = False
        if self.last is not None:
            ends = np.repeat(sequences.starts[1:], sequences.lengths)
            allowed[np.arange(len(sequences.tokens)) < ends - self.last] = False
        return allowed

    def restrict(self, ratios: EditRatios, sequences: Encoded) -> EditRatios:
        """Rule out the steps that do not count."""
        if self.shift or self.last is not None:
            ratios = ratios.spread()
            ratios.substitute[~self.allowed(sequences, ratios.substitute.shape[1])] = 0.0
        if not self.lengths:
            ratios.append[:], ratios.remove[:] = 0.0, 0.0
        return ratios


@dataclass(frozen=True, eq=False)
class CodedModel:
    """A model on numbers; `log_prob`, `sample` and `log_prob_many` are None where it has none."""

    alphabet: Alphabet
    ratios: Callable[[Encoded, Edits], EditRatios]
    log_prob: Callable[[Encoded], np.ndarray] | None
    sample: Callable[[int, np.random.Generator], Encoded] | None
    fixed_length: bool = False

    def refuse_impossible(self, sequences: Encoded) -> None:
        """Raise where the model gives a sequence probability 0, or no probability."""
        if self.log_prob is None:
            return
        found = self.log_prob(sequences)
        if (wrong := np.flatnonzero(np.isnan(found) | (found == np.inf))).size:
            raise ValueError("the log probability is not a number or +infinity for sequences: "
                             f"{listed(wrong)}; mend the model.")
        if (wrong := np.flatnonzero(found == -np.inf)).size:
            raise OutOfSupportError(
                f"the model gives probability 0 to sequences of X: {listed(wrong)}. They speak "
                "against the model without any test; leave them out or change the model.")


def as_coded_model(model: Any, alphabet: Any) -> CodedModel:
    """A ready model, or any object with the methods that are wanted."""
    if isinstance(model, SequenceModel):
        return _ready_model(model, alphabet)
    if model is None or isinstance(model, (str, bytes, int, float, np.ndarray)):
        raise TypeError(f"{_WANTED}; got {model!r}.")
    symbols = _alphabet_of(model, alphabet)
    plain = PlainModel(model, symbols)
    sample = plain.sample if callable(getattr(model, "sample", None)) else None
    return CodedModel(symbols, plain.ratios, plain.log_prob if plain.has_log_prob else None, sample)


def _ready_model(model: SequenceModel, alphabet: Any) -> CodedModel:
    symbols = Alphabet(model.alphabet)
    if alphabet is not None and Alphabet(alphabet) != symbols:
        raise ValueError("alphabet differs from that of the model; leave it out.")
    return CodedModel(symbols, lambda sequences, edits: edits.restrict(
        model._coded_edits(sequences), sequences), model._coded_log_prob, model._coded_sample,
        model.length is not None)


def _alphabet_of(model: Any, alphabet: Any) -> Alphabet:
    given = getattr(model, "alphabet", None) if alphabet is None else alphabet
    if given is None:
        raise ValueError("the alphabet is not known, and those symbols that happen to be seen may "
                         "not be all of it: pass alphabet, a list of symbols, or the number K of "
                         "symbols 0, ..., K - 1.")
    return Alphabet(given)


class PlainModel:
    """A model known through functions of one sequence, or of a list of them."""

    def __init__(self, model: Any, alphabet: Alphabet) -> None:
        self.model, self.alphabet = model, alphabet
        self.one: Any = getattr(model, "log_prob", model if callable(model) else None)
        self.many = getattr(model, "log_prob_many", None)
        self.step = getattr(model, "log_ratio", None)
        self.has_log_prob = self.one is not None or self.many is not None
        if not self.has_log_prob and self.step is None:
            raise TypeError(f"{_WANTED}; got {model!r}.")

    def log_prob(self, sequences: Encoded) -> np.ndarray:
        """Log probabilities of encoded sequences, (n,)."""
        return self._log_probs(map(self.alphabet.decode, sequences), sequences.n)

    def sample(self, n: int, rng: np.random.Generator) -> Encoded:
        """Draw encoded sequences."""
        found = self.alphabet.encode(self.model.sample(n, rng), "model.sample(n, rng)")
        if found.n != n:
            raise ValueError(f"model.sample({n}, rng) must give {n} sequences, got {found.n}.")
        return found

    def ratios(self, sequences: Encoded, edits: Edits) -> EditRatios:
        """Ratios for the edits that count, 0 elsewhere."""
        with np.errstate(over="ignore"):
            return self.log_ratios(sequences, edits).change(np.exp)

    def log_ratios(self, sequences: Encoded, edits: Edits) -> EditRatios:
        """Their logarithms."""
        n_symbols, n = len(self.alphabet), sequences.n
        out = EditRatios.filled(sequences, n_symbols, -np.inf)
        places = np.nonzero(edits.allowed(sequences, n_symbols))
        rows = np.repeat(np.arange(n), sequences.lengths)[places[0]]
        symbols = self.alphabet.symbols
        positions = places[0] - sequences.starts[rows]
        steps = [Edit("substitute", symbols[a], t) for t, a in
                 zip(positions.tolist(), places[1].tolist(), strict=True)]
        decoded = [self.alphabet.decode(x) for x in sequences]
        base = self.log_prob(sequences) if self.step is None else np.zeros(n)
        out.substitute[places] = self._values(decoded, base, rows, steps)
        if edits.lengths:
            rows = np.repeat(np.arange(n), n_symbols)
            steps = [Edit("append", symbol) for symbol in symbols] * n
            out.append[:] = self._values(decoded, base, rows, steps).reshape(n, n_symbols)
            rows = np.flatnonzero(sequences.lengths > 1)
            out.remove[rows] = self._values(decoded, base, rows, [Edit("remove")] * len(rows))
        return out

    def _values(self, sequences: list[tuple], base: np.ndarray, rows: np.ndarray,
                steps: list[Edit]) -> np.ndarray:
        """Log ratio of each step from the sequence in its row."""
        pairs = [(sequences[i], step) for i, step in zip(rows.tolist(), steps, strict=True)]
        if self.step is not None:
            found = np.array([self.step(x, step) for x, step in pairs], dtype=float)
        else:
            found = self._log_probs((step.of(x) for x, step in pairs), len(pairs)) - base[rows]
        if (wrong := np.flatnonzero(np.isnan(found) | (found == np.inf))).size:
            x, step = pairs[wrong[0]]
            raise ValueError(f"the log ratio of {step!r} is {found[wrong[0]]} at the sequence {x}; "
                             "it must be finite, or -infinity where the neighbour has probability "
                             "0. Mend the model.")
        return found

    def _log_probs(self, sequences: Iterable[tuple], n: int) -> np.ndarray:
        """Log probabilities of `n` sequences of symbols."""
        if self.many is None:
            return np.fromiter((float(self.one(x)) for x in sequences), float, n)
        parts = [np.asarray(self.many(chunk), dtype=float) for chunk in _chunks(sequences)]
        found = np.concatenate([np.empty(0), *parts])
        if found.shape != (n,):
            raise ValueError(f"log_prob_many must give one number for each of {n} sequences, got "
                             f"{found.shape}.")
        return found


def check_ratios(model: Any, coded: CodedModel, sequences: Encoded, edits: Edits) -> None:
    """Compare the ratios that a model gives with its probabilities, where it gives both."""
    if isinstance(model, SequenceModel) or coded.log_prob is None or not callable(
            getattr(model, "log_ratio", None)):
        return
    plain = PlainModel(model, coded.alphabet)
    few = sequences.part(0, min(CHECKED, sequences.n))
    given = plain.log_ratios(few, edits)
    plain.step = None
    wanted = plain.log_ratios(few, edits)
    for name, got, want in zip(EditRatios._fields, given, wanted, strict=True):
        with np.errstate(invalid="ignore"):
            far = ~((got == want) | (np.abs(got - want) <= AGREE * (1 + np.abs(want))))
        if far.any():
            raise ValueError(f"log_ratio does not agree with the log probabilities: an edit of "
                             f"kind {name!r} has {got[far][0]:.6g} where the difference of log "
                             f"probabilities is {want[far][0]:.6g}.")


def _chunks(items: Iterable[tuple]) -> Iterator[list[tuple]]:
    source = iter(items)
    while chunk := list(islice(source, CHUNK)):
        yield chunk
