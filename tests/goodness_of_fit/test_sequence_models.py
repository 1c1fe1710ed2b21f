"""Ready models of sequences: probabilities, edits, samples, counts, and what they refuse."""

import itertools
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose

from divest.goodness_of_fit.sequence_models import (
    Edit,
    HiddenMarkovModel,
    IndependentTokens,
    MarkovChainModel,
)

T = [[0.2, 0.5, 0.3], [0.3, 0.2, 0.5], [0.5, 0.3, 0.2]]
TWO = np.random.default_rng(0).dirichlet(np.ones(3), (3, 3))
FIRST = [1 / 3] * 3
MODELS = {
    "chain": MarkovChainModel([FIRST, T], stop=0.2),
    "second": MarkovChainModel([FIRST, T, TWO], stop=0.2),
    "independent": IndependentTokens([0.5, 0.25, 0.25], stop=0.2),
    "hidden": HiddenMarkovModel([0.4, 0.6], [[0.9, 0.1], [0.2, 0.8]],
                                [[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], stop=0.2),
}
every = pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))


def all_edits(x):
    for t, a in itertools.product(range(len(x)), range(3)):
        yield Edit("substitute", a, t)
    yield from (Edit("append", a) for a in range(3))
    yield Edit("remove")


@every
def test_probabilities_sum_to_one(model):
    """Lengths 1 to 4 have probability 1 - .8**4."""
    space = [x for n in range(1, 5) for x in itertools.product(range(3), repeat=n)]
    assert_allclose(np.exp(model.log_prob_many(space)).sum(), 1 - 0.8**4, rtol=1e-12)


@every
def test_log_ratio_is_a_difference(model):
    for x in [(0,), (1, 2), (0, 1, 2, 0, 2, 1)]:
        for edit in all_edits(x):
            y = edit.of(x)
            want = model.log_prob(y) - model.log_prob(x) if y else -np.inf
            assert_allclose(model.log_ratio(x, edit), want, atol=1e-12)
            assert_allclose(model.log_ratio(x, tuple(edit)), want, atol=1e-12)


def test_zero_probability():
    model = MarkovChainModel([[0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]]], stop=0.5, alphabet="ab")
    assert model.log_prob("aa") == -np.inf
    assert model.log_ratio("aba", ("substitute", "b", 0)) == -np.inf
    assert all("aa" not in "".join(x) for x in model.sample(200, 0))


@every
def test_length_of_samples_and_seed(model):
    """Geometric lengths of mean 5 and variance 20: 4 standard errors."""
    x = model.sample(2000, 1)
    assert abs(np.mean([len(s) for s in x]) - 5) <= 4 * np.sqrt(20 / 2000)
    assert x == model.sample(2000, 1)
    assert pickle.loads(pickle.dumps(model)).log_prob(x[0]) == model.log_prob(x[0])


def test_one_length():
    model = IndependentTokens([0.5, 0.5], length=3, alphabet="ab")
    assert_allclose(model.log_prob("aba"), 3 * np.log(0.5))
    assert model.log_prob("ab") == -np.inf
    assert {len(x) for x in model.sample(10, 0)} == {3}
    for edit in (("append", "a"), ("remove",)):
        assert model.log_ratio("aba", edit) == -np.inf


def test_fit_counts():
    sample = ["aab", "ab", "b"]
    model = MarkovChainModel.fit(sample, smoothing=0.5)
    assert model.alphabet == ("a", "b")
    assert_allclose(model.tables[0], [2.5 / 4, 1.5 / 4])
    assert_allclose(model.tables[1], [[1.5 / 4, 2.5 / 4], [0.5, 0.5]])
    assert_allclose(model.stop, 3 / 6)
    assert isinstance(IndependentTokens.fit(sample), IndependentTokens)
    assert MarkovChainModel.fit(["ab", "ba"]).length == 2


def test_fit_finds_the_chain():
    """Each probability within 5 standard errors of its true value."""
    model = MODELS["second"]
    fitted = MarkovChainModel.fit(model.sample(3000, 2), order=2, smoothing=1e-3)
    assert abs(fitted.stop - 0.2) <= 0.02
    assert_allclose(fitted.tables[2], TWO, atol=5 * 0.5 / np.sqrt(500))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: MarkovChainModel([], stop=0.1), "law of the first symbol"),
    (lambda: MarkovChainModel([[0.5, 0.6]], stop=0.1), "sum 1"),
    (lambda: MarkovChainModel([[1.5, -0.5]], stop=0.1), "0 or more"),
    (lambda: MarkovChainModel([[0.5, 0.5], [0.5, 0.5]], stop=0.1), "2 axes"),
    (lambda: MarkovChainModel([[0.5, 0.5], T], stop=0.1), "one number of symbols"),
    (lambda: MarkovChainModel([[0.5, 0.5]]), "either stop"),
    (lambda: MarkovChainModel([[0.5, 0.5]], stop=0.1, length=3), "either stop"),
    (lambda: MarkovChainModel([[0.5, 0.5]], stop=1.0), "between 0 and 1"),
    (lambda: MarkovChainModel([[0.5, 0.5]], stop=0.1, alphabet="abc"), "3 symbols"),
    (lambda: MarkovChainModel([[0.5, 0.5]], stop=0.1, alphabet="aa"), "more than once"),
    (lambda: HiddenMarkovModel([1.0], [[1.0]], [[0.5, 0.5], [1, 0]], stop=0.1), "one number of st"),
    (lambda: MODELS["chain"].log_ratio((0, 1), ("substitute", 0, 2)), "there is no"),
    (lambda: MODELS["chain"].log_ratio((0, 1), ("insert", 0, 2)), "there is no"),
    (lambda: MODELS["chain"].log_prob((0, 7)), "holds 7 at position 1"),
    (lambda: MarkovChainModel.fit(["ab", ""]), "empty sequences: 1"),
    (lambda: MarkovChainModel.fit([["a", 1], ["b", 2]]), "no common order: pass alphabet"),
    (lambda: IndependentTokens.fit(["ab"], order=1), "between 0 and 0"),
])
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()
