"""SequenceSteinTest: identities, agreement of its ways in, and what it refuses."""

import itertools
import math

import numpy as np
import pandas as pd
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from divest import TrustWarning
from divest.goodness_of_fit import OutOfSupportError, _discrete_operator
from divest.goodness_of_fit._discrete_operator import (
    BALANCING,
    DifferenceOperator,
    EditOperator,
    NeighborOperator,
)
from divest.goodness_of_fit._encoded import encoded
from divest.goodness_of_fit._sequence_adapter import Edits, as_coded_model
from divest.goodness_of_fit.sequence_models import IndependentTokens, MarkovChainModel
from divest.goodness_of_fit.sequences import SequenceSteinTest, SubstringFeatures

T = np.array([[0.2, 0.5, 0.3], [0.3, 0.2, 0.5], [0.5, 0.3, 0.2]])
CHAIN = MarkovChainModel([np.full(3, 1 / 3), T], stop=0.2)
SPACE = [x for n in (1, 2, 3) for x in itertools.product(range(3), repeat=n)]
WEIGHTS = np.sqrt(2) * (np.arange(len(SPACE)) + 1.5) % 1.0
PROB = dict(zip(SPACE, WEIGHTS / WEIGHTS.sum(), strict=True))
SAMPLE = CHAIN.sample(40, 1)
FEATURES = SubstringFeatures(2)


def finite(x):
    """Log probability on a space of 39 sequences, -infinity outside."""
    return math.log(PROB[x]) if x in PROB else -np.inf


class OnlyRatios:
    """The chain through the ratios of its edits alone."""

    alphabet = (0, 1, 2)

    def log_ratio(self, x, edit):
        return CHAIN.log_ratio(x, edit)


class OnlyMany:
    """The chain through lists of sequences, with samples."""

    alphabet = (0, 1, 2)

    def log_prob_many(self, sequences):
        return CHAIN.log_prob_many(sequences)

    def sample(self, n, rng):
        return CHAIN.sample(n, rng)


def fields(operator, sequences):
    """The features of all sequences, dense."""
    sample = operator.sample(encoded(sequences))
    out = np.zeros((len(sequences), 39))
    out[:, sample.numbers] = sample.matrix.toarray()
    return out


# ------------------------------------------------------------------------------ identities
@pytest.mark.parametrize("balancing", BALANCING)
@pytest.mark.parametrize("last", [None, 2])
def test_identity_on_a_finite_space(balancing, last):
    operator = EditOperator(as_coded_model(finite, 3), Edits(last), FEATURES, balancing)
    found = fields(operator, SPACE)
    assert np.abs(found).max() > 0.1
    assert_allclose(np.array([PROB[x] for x in SPACE]) @ found, 0, atol=1e-14)


def test_identity_breaks_where_a_neighbour_counts_twice():
    """With K = 2 both shifts lead to the same symbol: it must be one neighbour."""
    space = list(itertools.product(range(2), repeat=3))
    p = np.random.default_rng(0).dirichlet(np.ones(8))
    model = as_coded_model(lambda x: math.log(p[space.index(x)]), 2)
    operator = EditOperator(model, Edits(shift=True, lengths=False), FEATURES, "barker")
    weights = operator._weights(encoded(space))
    assert_allclose(p @ fields(operator, space), 0, atol=1e-15)
    weights.substitute[0] *= 2  # a repeated step at one place of one sequence
    operator._weights = lambda part: weights
    assert np.abs(p @ fields(operator, space)).max() > 1e-3


def test_identity_of_neighbours_named_by_a_function():
    def turned(x):
        return [x[1:] + x[:1], x[-1:] + x[:-1], x]  # twice the same for two symbols

    operator = NeighborOperator(as_coded_model(finite, 3), turned, FEATURES, "root")
    operator.refuse_one_way(encoded(SPACE))
    found = fields(operator, SPACE)
    assert np.abs(found).max() > 0.1
    assert_allclose(np.array([PROB[x] for x in SPACE]) @ found, 0, atol=1e-14)


def test_difference_identity():
    space = list(itertools.product(range(3), repeat=3))
    model = as_coded_model(lambda x: math.log(PROB[x]), 3)
    h = DifferenceOperator(model).sample(encoded(space)).tile(slice(0, 27), slice(0, 27))
    p = np.array([PROB[x] for x in space])
    assert np.abs(h).max() > 1
    assert_allclose(p @ h, 0, atol=1e-14)
    assert_allclose(h, h.T, atol=1e-13)


@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
@pytest.mark.parametrize("balancing", BALANCING)
def test_identity_over_many_sequences(balancing):
    """Means of all features over 20,000 sequences, within 4.5 standard errors."""
    operator = EditOperator(as_coded_model(CHAIN, None), Edits(), FEATURES, balancing)
    sample = operator.sample(CHAIN._coded_sample(20_000, np.random.default_rng(0)))
    assert (np.abs(sample.total() / 20_000) <= 4.5 * sample.spread() / np.sqrt(20_000)).all()


def test_known_values():
    """Of the plain reference implementation."""
    operator = EditOperator(as_coded_model(CHAIN, None), Edits(), FEATURES, "barker")
    found = fields(operator, [(0, 1, 2, 0), (2, 2, 1)])
    assert_allclose(found[0] @ found[0], 2.91054327, rtol=1e-8)
    assert_allclose(found[0] @ found[1], -3.99935486, rtol=1e-8)


# ------------------------------------------------------------------------------ ways in
@pytest.mark.parametrize("edits", [Edits(), Edits(3), Edits(lengths=False)])
@pytest.mark.parametrize("model", [OnlyRatios(), OnlyMany(), CHAIN.log_prob])
def test_models_agree(model, edits):
    x = encoded(SAMPLE)
    want = as_coded_model(CHAIN, None).ratios(x, edits).spread()
    for got, wanted in zip(as_coded_model(model, 3).ratios(x, edits), want, strict=True):
        assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.parametrize("longest", [1, 3, 7])  # the last one with few of its substrings seen
def test_value_of_blocks_and_of_fields(longest, monkeypatch):
    monkeypatch.setattr(_discrete_operator, "BLOCK", 100)
    x = CHAIN._coded_sample(plain.smaller(2000, 60), np.random.default_rng(0))
    operator = EditOperator(as_coded_model(CHAIN, None), Edits(), SubstringFeatures(longest),
                            "barker")
    assert len(_discrete_operator.blocks(x)) > 1
    rows, own = operator.sample(x).sums()
    assert_allclose(operator.value(x), rows.sum() / (x.n - 1), rtol=1e-9)
    assert (own > 0).all()


def test_neighbours_by_function_are_those_of_the_edits():
    def everything(x):
        yield from (x[:t] + (a,) + x[t + 1:] for t in range(len(x)) for a in range(3))
        yield from (x + (a,) for a in range(3))
        if len(x) > 1:
            yield x[:-1]

    model = as_coded_model(CHAIN, None)
    custom = NeighborOperator(model, everything, FEATURES, "barker")
    ready = EditOperator(model, Edits(), FEATURES, "barker")
    assert_allclose(fields(custom, SAMPLE), fields(ready, SAMPLE), atol=1e-12)
    assert_allclose(custom.value(encoded(SAMPLE)), ready.value(encoded(SAMPLE)), rtol=1e-10)
    options = {"random_state": 0, "n_resamples": 19, "null": "wild", "length_test": False}
    with pytest.warns(TrustWarning, match="few_sequences"):
        one = SequenceSteinTest(CHAIN, neighborhood=everything, **options).fit(SAMPLE)
    with pytest.warns(TrustWarning, match="few_sequences"):
        other = SequenceSteinTest(CHAIN, **options).fit(SAMPLE)
    assert one.pvalue_ == other.pvalue_


def test_wild_draws_are_quadratic_forms():
    operator = EditOperator(as_coded_model(CHAIN, None), Edits(), FEATURES, "barker")
    sample = operator.sample(encoded(SAMPLE))
    h = (sample.matrix @ sample.matrix.T).toarray()
    np.fill_diagonal(h, 0)
    signs = np.random.default_rng(0).choice([-1, 1], (130, 40)).astype(np.int8)
    want = np.einsum("bi,ij,bj->b", signs, h, signs)
    assert_allclose(sample.forms(signs, None, False), want, atol=1e-10)
    assert_allclose(sample.sums()[0], h.sum(axis=1), atol=1e-11)


# ------------------------------------------------------------------------------ the test
def test_result_and_seed():
    test = SequenceSteinTest(CHAIN, n_resamples=49, random_state=3).fit(SAMPLE)
    again = clone(test).set_params(n_jobs=2, progress=False).fit(SAMPLE)
    assert test.pvalue_ == again.pvalue_ == test.result_.pvalue
    assert_array_equal(test.null_distribution_, again.null_distribution_)
    assert test.parts_["part"].tolist() == ["edits", "lengths"]
    assert_allclose(test.statistic_, -np.log(2 * test.parts_["pvalue"].min()))
    assert_allclose(test.influence_.mean() * 40, test.parts_["statistic"][0])
    assert test.alphabet_ == (0, 1, 2)
    assert test.result_.trusted
    assert list(test.diagnostics_["name"]) == ["lengths_tested"]
    assert test.result_.seed == 3


def test_strings_and_decoded_symbols():
    letters = MarkovChainModel([np.full(3, 1 / 3), T], stop=0.2, alphabet="xyz")
    words = ["".join("xyz"[a] for a in x) for x in SAMPLE]
    options = {"n_resamples": 19, "random_state": 0}
    test = SequenceSteinTest(letters, **options).fit(words)
    assert test.pvalue_ == SequenceSteinTest(CHAIN, **options).fit(SAMPLE).pvalue_
    assert test.pvalue_ == SequenceSteinTest(letters, **options).fit(pd.Series(words)).pvalue_
    assert ("x", "y") in set(test.witness_["substring"])


@pytest.mark.parametrize("options", [{"neighborhood": "shift"}, {"operator": "difference"},
                                     {"fixed_length": True}, {"fixed_length": True, "features": 1}])
def test_rows_of_categories(options):
    """A table whose columns go together, under a model of independent columns."""
    rng = np.random.default_rng(0)
    table = np.repeat(rng.integers(0, 3, (80, 1)), 3, axis=1)
    table[rng.random((80, 3)) < 0.3] = 0
    p = np.bincount(table.ravel(), minlength=3) / table.size
    model = IndependentTokens(p, length=3)
    options = {"n_resamples": plain.smaller(59, 19), "random_state": 0, **options}
    found = SequenceSteinTest(model, **options).fit(table)
    assert len(found.parts_) == 1
    if options.get("features") != 1:  # single symbols do not say what goes together
        assert found.pvalue_ == 1 / (1 + options["n_resamples"])
    frame = SequenceSteinTest(model, **options).fit(pd.DataFrame(table, columns=list("abc")))
    assert frame.pvalue_ == found.pvalue_
    wild = SequenceSteinTest(model, null="wild", **options).fit(table)
    assert (wild.pvalue_ <= 0.05) == (found.pvalue_ <= 0.05)


def test_without_samples_signs_and_a_warning():
    with pytest.warns(TrustWarning, match="lengths_tested"):
        test = SequenceSteinTest(OnlyRatios(), n_resamples=19, random_state=0).fit(SAMPLE * 2)
    assert len(test.parts_) == 1
    names = ["dominating_row", "attainable_pvalue", "few_sequences", "lengths_tested"]
    assert test.diagnostics_["name"].tolist() == names


# ------------------------------------------------------------------------------ refusals
def wrong_ratio(value):
    class Wrong:
        alphabet = 3

        def log_ratio(self, x, edit):
            return value

    return Wrong()


def turned(x):
    """A symmetric neighbourhood: 0 and 2 at the first place take turns."""
    return [(2 - x[0], *x[1:])]


def one_way_from_2(x):
    return [(0, 1)] if x[0] == 2 else [x[::-1]]


def wrong_at_2(value):
    return lambda x: value if x[0] == 2 else finite(x)


class Disagrees(OnlyRatios):
    def log_prob(self, x):
        return 2 * CHAIN.log_prob(x)


class EmptySamples(OnlyMany):
    def sample(self, n, rng):
        return [()] * n


@pytest.mark.parametrize(("model", "options", "X", "error", "message"), [
    (CHAIN, {}, [*SAMPLE, ()], ValueError, "empty sequences: 40"),
    (CHAIN, {}, [*SAMPLE, (0, 5)], ValueError, "sequence 40 of X holds 5 at position 1"),
    (CHAIN, {}, [*SAMPLE, (0, [1])], ValueError, "holds .1. at position 1"),
    (CHAIN, {}, SAMPLE[:3], ValueError, "at least 4"),
    (CHAIN, {}, "abc", TypeError, "list of sequences"),
    (CHAIN, {}, [1, 2, 3, 4], TypeError, "entry 0"),
    (CHAIN, {}, [(0, 1), {0, 1}, (0,), (1,)], TypeError, "entry 1"),  # without an order
    (CHAIN, {}, [{0: 1}, (0, 1), (0,), (1,)], TypeError, "entry 0"),
    (CHAIN, {"alphabet": "abc"}, SAMPLE, ValueError, "differs"),
    (CHAIN, {"fixed_length": True}, SAMPLE, ValueError, "one length"),
    (CHAIN, {"neighborhood": 0}, SAMPLE, ValueError, "neighborhood"),
    (CHAIN, {"neighborhood": "near"}, SAMPLE, ValueError, "neighborhood"),
    (CHAIN, {"operator": "difference", "neighborhood": 3}, SAMPLE, ValueError, "leave it out"),
    (CHAIN, {"balancing": "tanh"}, SAMPLE, ValueError, "balancing"),
    (CHAIN, {"features": 20}, SAMPLE, ValueError, "substrings"),
    (CHAIN, {"neighborhood": lambda x: [x + (0,)]}, SAMPLE, ValueError, "not symmetric"),
    (CHAIN, {"neighborhood": lambda x: []}, SAMPLE, ValueError, "no neighbours"),
    (finite, {"alphabet": 3, "neighborhood": one_way_from_2}, [*[(0, 1)] * 50, (2, 1)], ValueError,
     "not symmetric"),
    (wrong_at_2(np.inf), {"alphabet": 3, "neighborhood": turned}, [(0, 1)] * 5, ValueError,
     "neighbour .2, 1. is inf"),
    (wrong_at_2(np.nan), {"alphabet": 3, "neighborhood": turned}, [(0, 1)] * 5, ValueError,
     "neighbour .2, 1. is nan"),
    (None, {}, SAMPLE, TypeError, "log_prob"),
    (object(), {"alphabet": 3}, SAMPLE, TypeError, "log_prob"),
    (CHAIN.log_prob, {}, SAMPLE, ValueError, "alphabet is not known"),
    (CHAIN.log_prob, {"alphabet": 3, "null": "parametric"}, SAMPLE, ValueError, "needs a model"),
    (finite, {"alphabet": 3}, [(0,)] * 3 + [(0,) * 4], OutOfSupportError, "sequences of X: 3"),
    (lambda x: np.nan, {"alphabet": 3}, SAMPLE, ValueError, "not a number"),
    (wrong_ratio(np.inf), {}, SAMPLE, ValueError, "log ratio of Edit.* is inf"),
    (wrong_ratio(np.nan), {}, SAMPLE, ValueError, "is nan"),
    (wrong_ratio(-np.inf), {}, SAMPLE, ValueError, "no edit"),
    (wrong_ratio(2000.0), {"balancing": "root"}, SAMPLE, ValueError, "barker"),
    (Disagrees(), {}, SAMPLE, ValueError, "does not agree"),
    (EmptySamples(), {}, SAMPLE, ValueError, "model.sample.* holds empty"),
    (OnlyRatios(), {"neighborhood": lambda x: [x]}, SAMPLE, TypeError, "as a function"),
])
def test_refusals(model, options, X, error, message):
    with pytest.raises(error, match=message):
        SequenceSteinTest(model, n_resamples=9, **options).fit(X)


def test_difference_needs_a_positive_model():
    """Where a neighbour has probability 0 the identity fails."""
    model = IndependentTokens([0.5, 0.5, 0.0], length=2)
    with pytest.raises(ValueError, match="positive probability"):
        SequenceSteinTest(model, operator="difference").fit([[0, 1]] * 5)


@pytest.mark.parametrize("q", [0, 1.5])
def test_features_refused(q):
    with pytest.raises((ValueError, TypeError), match="longest"):
        SubstringFeatures(q)
