"""Does this model fit these sequences of symbols? A kernel Stein test without gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd

from divest._resampling import resampling_signs
from divest._results import Diagnostic
from divest._validation import check_integer, check_option
from divest.goodness_of_fit import _diagnostics as known
from divest.goodness_of_fit._discrete_operator import (
    BALANCING,
    DifferenceOperator,
    EditOperator,
    Fields,
    HammingPairs,
    NeighborOperator,
)
from divest.goodness_of_fit._encoded import Encoded
from divest.goodness_of_fit._outcome import Outcome, combine
from divest.goodness_of_fit._sequence_adapter import CodedModel, Edits, as_coded_model, check_ratios
from divest.goodness_of_fit._stein_test import SteinTest, check_size, simulated_draws
from divest.goodness_of_fit._substrings import SubstringFeatures, substring_of
from divest.goodness_of_fit._verdict import attainable_pvalue

__all__ = ["SequenceSteinTest", "SubstringFeatures"]

FEW = 50  # sequences for random signs
_OUTLIER = ("one sequence has a large part of the sum, as where the model gives it or its "
            "neighbours tiny probabilities, and the p-value is doubtful; look at the sequence")

Operator = EditOperator | NeighborOperator | DifferenceOperator


class SequenceSteinTest(SteinTest):
    r"""Kernel Stein test of fit for sequences of symbols, of any lengths.

    Null hypothesis: the sequences are drawn from the model. The model may be known up to a constant
    factor: only ratios of probabilities of neighbours enter [1]_. With N(x) the sequences one edit
    away from x, the counts :math:`\phi` of substrings and :math:`g(t) = t\,g(1/t)`,

    .. math:: \xi(x) = \sum_{y \in N(x)} g\!\left(\frac{p(y)}{p(x)}\right) (\phi(y) - \phi(x))

    has mean 0 under the model. The statistic is n times the U statistic of
    :math:`h(x, y) = \xi(x) \cdot \xi(y)`.

    Parameters
    ----------
    model : object
        `MarkovChainModel`, `IndependentTokens`, `HiddenMarkovModel`, or an object with any of

        * ``log_prob(x)`` of one sequence, a tuple of symbols, or ``log_prob_many(sequences)`` of a
          list of them, up to a constant;
        * ``log_ratio(x, edit)``: log probability of the neighbour ``edit.of(x)`` (see `Edit`) less
          that of x, where that is cheaper; -infinity where the neighbour has probability 0;
        * ``sample(n, rng)``: a list of n sequences, `rng` a numpy Generator;
        * ``alphabet``.

        A function is taken for ``log_prob``.
    alphabet : iterable or int, optional
        The symbols, where the model does not have them; a number K stands for 0, ..., K - 1.
    features : int or SubstringFeatures, default 2
        Length of the longest substrings that are counted.
    neighborhood : "all", int, "shift" or callable, default "all"
        The edits. ``"all"``: put another symbol in any place, append one, remove the last one. A
        number J: the same, but only the last J places may change; less power, and less work for
        models that go from left to right. ``"shift"``: for sequences of one length, a symbol
        becomes the next or the one before it in the alphabet, in a circle. A function: takes a
        tuple of symbols and returns a list of sequences, and must lead back from each of them.
    balancing : {"barker", "metropolis", "root"}, default "barker"
        The function g: ``t / (1 + t)``, ``min(1, t)`` or ``sqrt(t)``.
    operator : {"zanella", "difference"}, default "zanella"
        ``"difference"``: for sequences of one length; differences along the shifts of "shift"
        [2]_, with the kernel ``exp(-share of places that differ)`` in place of features and
        `balancing`. It needs a model that gives every row a positive probability.
    fixed_length : bool, default False
        Whether all sequences have one length by nature, as rows of a table of categories: no edit
        changes it then.
    null : {"auto", "parametric", "wild"}, default "auto"
        Where the p-value comes from. ``"parametric"``: samples drawn from the model; exact.
        ``"wild"``: random signs; for models without ``sample``. ``"auto"``: the first where it is
        possible.
    length_test : bool, default True
        Whether the mean length is tested too. Edits change a sequence a little only, so the
        statistic hardly sees the law of the length. Both are ranked in the same samples, and the
        smaller p-value counts, with one correction for two. Needs samples from the model.
    n_resamples : int, default 499
        Draws under the null hypothesis.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws. The same number gives the same result for any `n_jobs`.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        n times the U statistic; with lengths tested too ``-log min_k 2 p_k`` over the two single
        p-values.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        All of these together.
    parts_ : DataFrame
        One row for the edits, and one for the lengths where these are tested: part, weight,
        statistic (n times U; distance of the mean length from that of all draws) and pvalue (of
        this part alone).
    witness_ : DataFrame
        For each substring that edits change: substring, mean (of :math:`\xi`) and standard_error. A
        positive mean: by the model the substring should be more frequent. Empty with
        ``operator="difference"``.
    influence_ : ndarray of shape (n,)
        Mean of h of each sequence with the others; their mean is the U statistic. Sequences with
        large values speak against the model.
    discrepancy_ : float
        Root of the V statistic.
    alphabet_ : tuple
        The symbols.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.

    Warns
    -----
    TrustWarning
        When one sequence dominates, there are few sequences for random signs, or lengths cannot be
        tested.

    See Also
    --------
    MarkovChainModel, HiddenMarkovModel, IndependentTokens : Ready models.
    SubstringFeatures : The features.

    Notes
    -----
    Memory is linear in the number of tokens times the size of the alphabet, and so is the time for
    a ready model; with ``operator="difference"`` time is quadratic in the number of rows. Sequences
    to which the model gives probability 0 are refused: they need no test.

    References
    ----------
    .. [1] J. Baum, H. Kanagawa and A. Gretton, "A kernel Stein test of goodness of fit for
       sequential models", ICML (2023), sections 3 and 4.
    .. [2] J. Yang, Q. Liu, V. Rao and J. Neville, "Goodness-of-fit testing for discrete
       distributions via Stein discrepancy", ICML (2018), section 3.

    Examples
    --------
    >>> from divest.goodness_of_fit import MarkovChainModel, SequenceSteinTest
    >>> model = MarkovChainModel([[0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]]], stop=0.1, alphabet="ab")
    >>> other = MarkovChainModel([[0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]]], stop=0.1, alphabet="ab")
    >>> test = SequenceSteinTest(model, n_resamples=199, random_state=0)
    >>> test.fit(other.sample(100, rng=1)).pvalue_
    0.01
    >>> test.witness_.sort_values("mean").substring.iloc[[0, -1]].tolist()
    [('a', 'b'), ('b', 'b')]
    """

    _method = "sequence Stein test"
    _null = "the sequences are drawn from the model"

    def __init__(self, model=None, *, alphabet=None, features=2, neighborhood="all",
                 balancing="barker", operator="zanella", fixed_length=False, null="auto",
                 length_test=True, n_resamples=499, random_state=None, n_jobs=None,
                 progress=False):
        self.model = model
        self.alphabet = alphabet
        self.features = features
        self.neighborhood = neighborhood
        self.balancing = balancing
        self.operator = operator
        self.fixed_length = fixed_length
        self.null = null
        self.length_test = length_test
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Test whether the sequences are drawn from the model.

        Parameters
        ----------
        X : list of sequences, or array-like of shape (n, d)
            The sample, at least 4 sequences of at least one symbol. A string is a sequence of
            characters; the rows of a table are sequences of one length.
        y : None
            Ignored, so that the test can stand in a pipeline.

        Returns
        -------
        SequenceSteinTest
            The fitted test.

        Raises
        ------
        OutOfSupportError
            When the model gives sequences probability 0; names them.
        TypeError
            When the model has no probabilities, or X is no list of sequences.
        ValueError
            When a parameter is not valid, a sequence is empty, holds a symbol that is not in the
            alphabet or has another length than is wanted, the neighbourhood is not symmetric, or
            probabilities, or their ratios, are not numbers.
        """
        self._check_parameters()
        model = as_coded_model(self.model, self.alphabet)
        self.alphabet_ = model.alphabet.symbols
        sequences = self._check_sequences(X, model)
        operator = self._operator(model, sequences)
        sample, root = operator.sample(sequences), self._root
        rows, own = sample.sums()
        if not own.any():
            raise ValueError("no edit of the sequences has a positive probability under the model, "
                             "so there is nothing to test; use another neighborhood.")
        self._keep_rows(rows, own)
        parametric = self._parametric(model)
        lengths = self._lengths_count(model) and self.length_test and parametric
        values = np.array([rows.sum() / (sequences.n - 1), sequences.lengths.mean()])
        outcome = (self._simulate(operator, values, lengths, root, sequences.n) if parametric else
                   self._sign(sample, values, root))
        self.witness_ = self._witness(sample)
        self._store_result(outcome, self.n_resamples, root,
                           self._diagnose(sequences.n, own, parametric, lengths, model))
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> None:
        """Every parameter by itself, and those that go together."""
        check_option("balancing", self.balancing, BALANCING)
        check_option("operator", self.operator, ("zanella", "difference"))
        check_option("null", self.null, ("auto", "parametric", "wild"))
        check_option("fixed_length", self.fixed_length, (True, False))
        check_option("length_test", self.length_test, (True, False))
        check_integer("n_resamples", self.n_resamples, 1)
        if not isinstance(self.features, SubstringFeatures):
            check_integer("features", self.features, 1)
        if isinstance(self.neighborhood, str):
            check_option("neighborhood", self.neighborhood, ("all", "shift"))
        elif not callable(self.neighborhood):
            check_integer("neighborhood", self.neighborhood, 1)
        if self.operator == "difference" and self.neighborhood not in ("all", "shift"):
            raise ValueError("operator='difference' has the neighbourhood 'shift', got "
                             f"{self.neighborhood!r}; leave it out.")

    @property
    def _one_length(self) -> bool:
        """Whether edits keep the length."""
        return (self.fixed_length or self.operator == "difference"
                or (isinstance(self.neighborhood, str) and self.neighborhood == "shift"))

    def _lengths_count(self, model: CodedModel) -> bool:
        """Whether lengths may vary."""
        return not (self._one_length or model.fixed_length)

    def _check_sequences(self, X: Any, model: CodedModel) -> Encoded:
        """The sample as numbers; the model gives each sequence a positive probability."""
        sequences = model.alphabet.encode(X)
        if sequences.n < 4:
            raise ValueError(f"X must hold at least 4 sequences, got {sequences.n}.")
        self._check_one_length(sequences, "X")
        model.refuse_impossible(sequences)
        return sequences

    def _check_one_length(self, sequences: Encoded, name: str) -> None:
        lengths = sequences.lengths
        if self._one_length and (lengths != lengths[0]).any():
            odd = int(np.argmax(lengths != lengths[0]))
            raise ValueError(f"the sequences of {name} must have one length, but sequence 0 has "
                             f"{lengths[0]} symbols and sequence {odd} has {lengths[odd]}.")

    def _operator(self, model: CodedModel, sequences: Encoded) -> Operator:
        """The operator that the parameters describe."""
        if self.operator == "difference":
            check_size(sequences.n, 1, self.n_resamples, "operator='difference'",
                       "operator='zanella', which takes time linear in that number")
            return DifferenceOperator(model)
        features = (self.features if isinstance(self.features, SubstringFeatures) else
                    SubstringFeatures(self.features))
        if callable(self.neighborhood):
            custom = NeighborOperator(model, self.neighborhood, features, self.balancing)
            custom.refuse_one_way(sequences)
            return custom
        named = isinstance(self.neighborhood, str)
        edits = Edits(None if named else int(self.neighborhood), self.neighborhood == "shift",
                      not self._one_length)
        check_ratios(self.model, model, sequences, edits)
        return EditOperator(model, edits, features, self.balancing)

    def _parametric(self, model: CodedModel) -> bool:
        """Whether samples are drawn from the model."""
        if self.null == "parametric" and model.sample is None:
            raise ValueError("null='parametric' needs a model with sample(n, rng).")
        return self.null != "wild" and model.sample is not None

    def _simulate(self, operator: Operator, values: np.ndarray, lengths: bool,
                  root: np.random.SeedSequence, n: int) -> Outcome:
        """The outcome from samples of the model."""
        draw = operator.model.sample
        assert draw is not None

        def statistic(rng: np.random.Generator) -> np.ndarray:
            sequences = draw(n, rng)
            self._check_one_length(sequences, "model.sample(n, rng)")
            return np.array([operator.value(sequences), sequences.lengths.mean()])

        draws = simulated_draws(statistic, _seeds(root, self.n_resamples), n_jobs=self.n_jobs,
                                progress=self.progress)
        table = np.vstack([values, draws])
        table[:, 1] = np.abs(table[:, 1] - table[:, 1].mean())  # of all, so that ranks are fair
        return self._combine(table[:, :2 if lengths else 1])

    def _sign(self, sample: Fields | HammingPairs, values: np.ndarray,
              root: np.random.SeedSequence) -> Outcome:
        """The outcome from random signs."""
        signs = resampling_signs(sample.n, _seeds(root, self.n_resamples))
        forms = sample.forms(signs, self.n_jobs, self.progress) / (sample.n - 1)
        return self._combine(np.append(values[0], forms)[:, None])

    def _combine(self, table: np.ndarray) -> Outcome:
        """Statistics of the sample (first row) and of the draws, for the edits and the lengths."""
        count = table.shape[1]
        weights = np.full(count, 1 / count)
        outcome = combine(table[0], table[1:], weights)
        self.parts_ = pd.DataFrame({
            "part": ["edits", "lengths"][:count], "weight": weights, "statistic": table[0],
            "pvalue": outcome.single_pvalues})
        return outcome

    def _witness(self, sample: Fields | HammingPairs) -> pd.DataFrame:
        """What the model asks for, substring by substring."""
        if isinstance(sample, HammingPairs):
            return pd.DataFrame({"substring": [], "mean": [], "standard_error": []})
        symbols = self.alphabet_
        found = [tuple(symbols[a] for a in substring_of(number, len(symbols)))
                 for number in sample.numbers.tolist()]
        return pd.DataFrame({"substring": found, "mean": sample.total() / sample.n,
                             "standard_error": sample.spread() / np.sqrt(sample.n)})

    def _diagnose(self, n: int, own: np.ndarray, parametric: bool, lengths: bool,
                  model: CodedModel) -> list[Diagnostic]:
        """What speaks for and against the p-value."""
        found = [] if parametric else [
            replace(known.dominating_row(own), advice=_OUTLIER), attainable_pvalue(n, 0.5),
            Diagnostic("few_sequences", float(n), float(FEW), n >= FEW,
                       "for few sequences random signs give a conservative test of little power; "
                       "give the model sample(n, rng)")]
        if self.length_test and self._lengths_count(model):
            found.append(Diagnostic(
                "lengths_tested", float(lengths), 1.0, lengths,
                "the law of the length is hardly tested, as that needs samples from the model; "
                "give it sample(n, rng) and use null='auto', or set length_test=False"))
        return found


def _seeds(root: np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """One stream for each draw."""
    return np.random.SeedSequence(root.entropy, spawn_key=root.spawn_key).spawn(count)
