"""Each compiled loop over sequences against its slow twin."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose

from divest import _kernels
from divest.goodness_of_fit import sequence_models
from divest.goodness_of_fit._discrete_operator import EditOperator, balanced
from divest.goodness_of_fit._encoded import encoded
from divest.goodness_of_fit._sequence_adapter import Edits, as_coded_model
from divest.goodness_of_fit._substrings import SubstringFeatures
from divest.goodness_of_fit.sequence_models import HiddenMarkovModel, MarkovChainModel

loops = _kernels.sequences

K = 3


def random_sequences(rng, n=12, longest=7, n_symbols=K):
    return [tuple(rng.integers(0, n_symbols, rng.integers(1, longest + 1)).tolist())
            for _ in range(n)] + [(0,), (1, 1)]


def chain(rng, order, n_symbols=K, **length):
    return MarkovChainModel([rng.dirichlet(np.ones(n_symbols), (n_symbols,) * j)
                             for j in range(order + 1)], **(length or {"stop": 0.3}))


def hidden(rng, n_states=2, n_symbols=K, **length):
    laws = [rng.dirichlet(np.ones(size), n) for size, n in
            ((n_states, 1), (n_states, n_states), (n_symbols, n_states))]
    return HiddenMarkovModel(laws[0][0], *laws[1:], **(length or {"stop": 0.3}))


@pytest.mark.parametrize("longest", [1, 2, 3])
def test_substring_rows(longest):
    sequences = random_sequences(np.random.default_rng(0))
    x = encoded(sequences)
    size = sum(K**r for r in range(1, longest + 1))
    indices, values = np.empty(200, np.int64), np.empty(200)
    ends = np.zeros(x.n + 1, np.int64)
    assert loops.substring_rows(x.tokens, x.starts, K, longest, indices, values, ends) == ends[-1]
    for i, sequence in enumerate(sequences):
        part = slice(ends[i], ends[i + 1])
        got = np.bincount(indices[part], values[part], size)
        assert_allclose(got, plain.substring_features(sequence, K, longest), atol=1e-14)


@pytest.mark.parametrize("longest", [1, 2, 3, 4])
@pytest.mark.parametrize("dense", [True, False])
def test_fields(longest, dense):
    rng = np.random.default_rng(longest)
    sequences = random_sequences(rng)
    x = encoded(sequences)
    substitute, append = rng.random((4 * K, K)), rng.random((x.n, K))
    remove = rng.random(x.n) * (x.lengths > 1)
    substitute[np.arange(4 * K), np.arange(4 * K) % K] = 0.0
    substitute[rng.random(substitute.shape) < 0.2] = 0.0
    row = K * rng.integers(0, 4, len(x.tokens)) + x.tokens  # its own symbol has weight 0
    size = sum(K**r for r in range(1, longest + 1))
    touched = np.arange(size) if dense else np.empty(1000, np.int64)
    arguments = (x.tokens, x.starts, row, substitute, substitute.sum(axis=1), append,
                 append.sum(axis=1), remove, longest, np.zeros(size), np.zeros(size, np.bool_),
                 touched, size if dense else 0)
    want = np.array([plain.edit_field(s, substitute[row[a:b]], append[i], remove[i], longest)
                     for i, (s, a, b) in enumerate(zip(sequences, x.starts, x.starts[1:],
                                                       strict=False))])
    total, squares = np.zeros(size), np.zeros(size)
    loops.field_sums(*arguments, total, squares)
    assert_allclose(total, want.sum(axis=0), atol=1e-12)
    assert_allclose(squares, (want**2).sum(axis=0), atol=1e-12)
    indices, values = np.empty(x.n * size, np.int64), np.empty(x.n * size)
    ends = np.zeros(x.n + 1, np.int64)
    assert loops.field_rows(*arguments, indices, values, ends) == ends[-1]
    rows = np.repeat(np.arange(x.n), np.diff(ends))
    got = np.zeros((x.n, size))
    np.add.at(got, (rows, indices[:ends[-1]]), values[:ends[-1]])
    assert_allclose(got, want, atol=1e-12)


def ratios_of(probability, sequences, stop=0.3):
    """Ratios for all edits by the probabilities of whole sequences."""
    substitute, append, remove = [], [], []
    for x in sequences:
        places, ends, shorter = plain.sequence_edits(x, K)
        rows = np.zeros((len(x), K))
        for key, y in places.items():
            rows[key] = probability(y) / probability(x)
        substitute.append(rows)
        append.append([(1 - stop) * probability(y) / probability(x) for y in ends.values()])
        remove.append(probability(shorter) / probability(x) / (1 - stop) if shorter else 0.0)
    return np.concatenate(substitute), np.array(append), np.array(remove)


@pytest.mark.parametrize("tabled", [True, False])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_markov_chain(order, tabled, monkeypatch):
    """With ratios from a table of windows, and place by place."""
    monkeypatch.setattr(sequence_models, "WINDOWS", 1 << 20 if tabled else 0)
    rng = np.random.default_rng(order)
    model, sequences = chain(rng, order), random_sequences(rng)
    want = [plain.markov_probability(x, model.tables) * 0.7**(len(x) - 1) * 0.3 for x in sequences]
    assert_allclose(model.log_prob_many(sequences), np.log(want), rtol=1e-12)
    ratios = ratios_of(lambda x: plain.markov_probability(x, model.tables), sequences)
    edits = model._coded_edits(encoded(sequences))
    assert tabled == (len(edits.substitute) == sum(K**(b + a + 1) for b in range(order + 1)
                                                   for a in range(order + 1)))
    for got, wanted in zip(edits.spread()[:3], ratios, strict=True):
        assert_allclose(got, wanted, rtol=1e-11)


def test_windows_that_cannot_be():
    """Sequences without impossible windows have the ratios that they have place by place."""
    model = MarkovChainModel([[0.5, 0.5, 0.0], [[0.5, 0.5, 0.0], [0.2, 0.7, 0.1],
                                                [0.0, 0.6, 0.4]]], stop=0.2)
    sequences = encoded([(0, 1, 2, 1), (1, 1, 0), (1, 2, 2)])
    edits = model._coded_edits(sequences)
    assert np.isfinite(edits.spread().substitute).all()
    assert_allclose(edits.spread().substitute, model._substitutions(sequences), rtol=1e-12)
    assert not np.isfinite(edits.substitute).all()  # the table holds them
    operator = EditOperator(as_coded_model(model, None), Edits(), SubstringFeatures(2), "root")
    assert np.isfinite(operator.value(sequences))


@pytest.mark.parametrize("n_states", [1, 2, 3])
def test_hidden_markov_model(n_states):
    rng = np.random.default_rng(n_states)
    model, sequences = hidden(rng, n_states), random_sequences(rng)

    def probability(x):
        return plain.hidden_probability(x, model.initial, model.transition, model.emission)

    want = [probability(x) * 0.7**(len(x) - 1) * 0.3 for x in sequences]
    assert_allclose(model.log_prob_many(sequences), np.log(want), rtol=1e-12)
    wanted_ratios = ratios_of(probability, sequences)
    for got, wanted in zip(model._coded_edits(encoded(sequences))[:3], wanted_ratios, strict=True):
        assert_allclose(got, wanted, rtol=1e-11)


@pytest.mark.parametrize("n_symbols", [2, 3, 4])
def test_difference_tile(n_symbols):
    rng = np.random.default_rng(n_symbols)
    rows, ratios = rng.integers(0, n_symbols, (7, 4)), rng.random((7, 4))
    out = np.empty((3, 5))
    loops.difference_tile(rows, ratios, 1, 2, n_symbols, out)
    want = [[plain.difference_kernel(rows[i], rows[j], ratios[i], ratios[j], n_symbols)
             for j in range(2, 7)] for i in range(1, 4)]
    assert_allclose(out, want, atol=1e-13)


@pytest.mark.parametrize("model", [chain(np.random.default_rng(5), 2, length=3),
                                   hidden(np.random.default_rng(6), length=3)])
def test_samples_have_the_law(model):
    """Frequencies of all 27 sequences of 3 symbols, each within 5 standard errors."""
    n = plain.smaller(40_000, 4_000)
    x = model._coded_sample(n, np.random.default_rng(0)).rows()
    counts = np.bincount(x @ [9, 3, 1], minlength=27)
    p = np.exp([model.log_prob((a, b, c)) for a in range(3) for b in range(3) for c in range(3)])
    assert_allclose(p.sum(), 1.0, rtol=1e-12)
    assert (np.abs(counts - n * p) <= 5 * np.sqrt(n * p) + 5).all()


def test_balancing_at_the_ends():
    ratio = np.array([0.0, 1e-300, 0.25, 1.0, 4.0, 1e300, np.inf])
    want = [0.0, 1e-300, 0.2, 0.5, 0.8, 1.0, 1.0]
    assert_allclose(balanced("barker", ratio), want, rtol=1e-15)
    assert ratio[-1] == np.inf  # left as it was
