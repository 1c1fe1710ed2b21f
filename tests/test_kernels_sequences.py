"""Each compiled loop over sequences against its slow twin."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose

from divest import _kernels
from divest.goodness_of_fit._encoded import encoded
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
    substitute, append = rng.random((len(x.tokens), K)), rng.random((x.n, K))
    remove = rng.random(x.n) * (x.lengths > 1)
    substitute[np.arange(len(x.tokens)), x.tokens] = 0.0
    substitute[rng.random(substitute.shape) < 0.2] = 0.0
    size = sum(K**r for r in range(1, longest + 1))
    touched = np.arange(size) if dense else np.empty(1000, np.int64)
    arguments = (x.tokens, x.starts, substitute, append, remove, longest, np.zeros(size), touched,
                 size if dense else 0)
    want = np.array([plain.edit_field(s, substitute[a:b], append[i], remove[i], longest)
                     for i, (s, a, b) in enumerate(zip(sequences, x.starts, x.starts[1:],
                                                       strict=False))])
    total, own = np.zeros(size), np.empty(x.n)
    loops.field_sums(*arguments, total, own)
    assert_allclose(total, want.sum(axis=0), atol=1e-12)
    assert_allclose(own, (want**2).sum(axis=1), rtol=1e-12)
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


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_markov_chain(order):
    rng = np.random.default_rng(order)
    model, sequences = chain(rng, order), random_sequences(rng)
    want = [plain.markov_probability(x, model.tables) * 0.7**(len(x) - 1) * 0.3 for x in sequences]
    assert_allclose(model.log_prob_many(sequences), np.log(want), rtol=1e-12)
    ratios = ratios_of(lambda x: plain.markov_probability(x, model.tables), sequences)
    for got, wanted in zip(model._coded_edits(encoded(sequences)), ratios, strict=True):
        assert_allclose(got, wanted, rtol=1e-11)


@pytest.mark.parametrize("n_states", [1, 2, 3])
def test_hidden_markov_model(n_states):
    rng = np.random.default_rng(n_states)
    model, sequences = hidden(rng, n_states), random_sequences(rng)

    def probability(x):
        return plain.hidden_probability(x, model.initial, model.transition, model.emission)

    want = [probability(x) * 0.7**(len(x) - 1) * 0.3 for x in sequences]
    assert_allclose(model.log_prob_many(sequences), np.log(want), rtol=1e-12)
    wanted_ratios = ratios_of(probability, sequences)
    for got, wanted in zip(model._coded_edits(encoded(sequences)), wanted_ratios, strict=True):
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
