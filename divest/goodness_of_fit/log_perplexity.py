"""Do symbols come from the predictions that were made for them? Tests by their log-perplexity."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import ndtr
from sklearn.base import BaseEstimator

from divest._results import Diagnostic, HypothesisResult, diagnostics_frame, warn_if_doubtful
from divest._validation import check_option
from divest.goodness_of_fit._surprise import (
    check_predictions,
    check_symbols,
    log_evalues,
    surprise_moments,
)

METHODS = ("normal", "evalue", "both")
TINY = float(np.finfo(float).tiny)
LARGEST_LOG = float(np.log(np.finfo(float).max))
_FOURTH = 0.1  # fourth moment over squared variance of the sum; 3 / n for n normal terms


class LogPerplexityTest(BaseEstimator):
    r"""Tests of a sequential predictor by the surprise of what came true.

    Null hypothesis: each symbol is drawn from the law that was predicted for it, given what came
    before. With :math:`P_t` the prediction for symbol :math:`y_t` and :math:`H_t` its entropy, the
    differences

    .. math:: D_t = -\log P_t(y_t) - H_t

    have mean 0 given the past: the log-perplexity of the sequence converges to the mean entropy of
    its predictions [1]_. With :math:`V_t` the variance of :math:`-\log P_t(y)` under
    :math:`P_t`, ``method="normal"`` compares

    .. math:: z = \sum_t D_t \Big/ \sqrt{\sum_t V_t}

    with the normal law, on both sides, for a length that was fixed before. ``method="evalue"`` is
    valid whenever one stops, with or without looking: for each s below 1

    .. math:: E_s(t) = \prod_{u \le t} \frac{P_u(y_u)^{-s}}{\sum_k P_u(k)^{1 - s}}

    is a martingale with mean 1 under the null hypothesis, and so is the mean E of 16 of them, s
    from -0.8 to 0.8, which exceeds 1/p at any time with probability p at most [2]_.

    Parameters
    ----------
    method : {"normal", "evalue", "both"}, default "both"
        ``"normal"`` has more power and ``"evalue"`` allows for stopping at any time. ``"both"``:
        twice the smaller of the two p-values.

    Attributes
    ----------
    statistic_ : float
        With "normal" the absolute value of z, with "evalue" the largest log E, with "both"
        ``-log pvalue_``.
    pvalue_ : float
        The p-value; 0 where an event with predicted probability 0 came true.
    normal_pvalue_, evalue_pvalue_ : float
        Those of the two tests, where they are done.
    z_ : float
        z. Above 0 the symbols are more surprising than the predictions say, which are too sure;
        below 0 they are less surprising. Not with "evalue".
    evalue_path_ : ndarray of shape (n,)
        E after each symbol, at most 1.8e308 but for impossible events. Evidence against the
        predictions: 20 or more is reached with probability 0.05 at most. Not with "normal".
    log_perplexity_, entropy_ : float
        Mean of ``-log P_t(y_t)`` and of the entropies, in nats; without a misfit they are near one
        another.
    null_distribution_ : ndarray of shape (0,)
        Empty: nothing is resampled.
    result_ : HypothesisResult
        Statistic and p-value.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of symbols K.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        When an event with probability 0 came true, or when surprises are too few, or too unequal,
        for the normal law.

    See Also
    --------
    KernelSteinTest : For rows of numbers and a model with a density.

    Notes
    -----
    The tests see how sure predictions are, and not whether they are sure of the right symbols: they
    are blind to symbols that change places without a change of probability, and to everything where
    all probabilities are equal. Time is linear in n K; nothing is random.

    References
    ----------
    .. [1] R. Mudumbai and T. Bell, "Slaves to the law of large numbers: an asymptotic equipartition
       property for perplexity in generative language models", arXiv:2405.13798 (2024).
    .. [2] A. Ramdas, P. Grunwald, V. Vovk and G. Shafer, "Game-theoretic statistics and safe
       anytime-valid inference", Statistical Science 38 (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import LogPerplexityTest
    >>> rng = np.random.default_rng(0)
    >>> P = rng.dirichlet(np.ones(5), size=400)
    >>> y = np.array([rng.choice(5, p=p) for p in P])
    >>> LogPerplexityTest().fit(P, y).result_.reject()
    False
    >>> sure = P**2 / (P**2).sum(axis=1, keepdims=True)
    >>> test = LogPerplexityTest("evalue").fit(sure, y)
    >>> test.result_.reject()
    True
    >>> int(np.argmax(test.evalue_path_ >= 20)) < 200  # known after half of the symbols
    True
    """

    def __init__(self, method="both"):
        self.method = method

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def fit(self, P: Any, y: Any) -> Self:
        """Test whether the symbols come from the predictions.

        Parameters
        ----------
        P : array-like of shape (n, K)
            Row t holds the predicted probabilities of the K symbols at time t, from what was known
            before; rows sum to 1 within 1e-8.
        y : array-like of shape (n,)
            What came true: numbers of columns, 0 to K - 1.

        Returns
        -------
        LogPerplexityTest
            The fitted test.

        Raises
        ------
        ValueError
            When `P` does not hold probabilities, `y` does not hold numbers of columns, or `method`
            is not known.
        """
        check_option("method", self.method, METHODS)
        P = check_predictions(self, P)
        seen = P[np.arange(len(P)), check_symbols(y, P)]
        with np.errstate(divide="ignore"):
            surprise = -np.log(seen)
        moments = surprise_moments(P)
        self.log_perplexity_, self.entropy_ = float(surprise.mean()), float(moments[0].mean())
        found = [_impossible(seen)]
        pvalues = {}
        for name in ("z_", "evalue_path_", "normal_pvalue_", "evalue_pvalue_"):
            self.__dict__.pop(name, None)  # of an earlier fit with another method
        if self.method != "evalue":
            pvalues["normal"] = self._normal(surprise, moments)
            found.append(_normal_limit(moments))
        if self.method != "normal":
            pvalues["evalue"] = self._evalue(P, surprise)
        self._store(pvalues, tuple(found))
        return self

    # ------------------------------------------------------------ steps of fit
    def _normal(self, surprise: np.ndarray, moments: np.ndarray) -> float:
        """The number z and its p-value on both sides; 0 where all surprises are the same."""
        entropy, variance, _ = moments
        excess, scale = float((surprise - entropy).sum()), float(np.sqrt(variance.sum()))
        self.z_ = excess / scale if scale > 0 else np.inf if excess == np.inf else 0.0
        self.normal_pvalue_ = _positive(2 * float(ndtr(-abs(self.z_))), self.z_)
        return self.normal_pvalue_

    def _evalue(self, P: np.ndarray, surprise: np.ndarray) -> float:
        """E after each symbol, and the p-value of the largest."""
        log_path = log_evalues(P, surprise)
        most = float(log_path.max())
        self.evalue_path_ = np.exp(np.where(log_path == np.inf, np.inf,
                                            np.minimum(log_path, LARGEST_LOG)))
        self._largest = most
        self.evalue_pvalue_ = _positive(float(np.exp(-max(most, 0.0))), most)
        return self.evalue_pvalue_

    def _store(self, pvalues: dict[str, float], diagnostics: tuple[Diagnostic, ...]) -> None:
        """Put the p-values together, and keep what came out."""
        self.pvalue_ = min(1.0, len(pvalues) * min(pvalues.values()))
        with np.errstate(divide="ignore"):
            self.statistic_ = (abs(self.z_) if self.method == "normal" else
                               self._largest if self.method == "evalue" else
                               -float(np.log(self.pvalue_)) + 0.0)
        self.null_distribution_ = np.empty(0)
        self.result_ = HypothesisResult(
            self.statistic_, self.pvalue_, "log-perplexity test",
            "each symbol is drawn from the law predicted for it", self.null_distribution_, 0, None,
            diagnostics)
        self.diagnostics_ = diagnostics_frame(diagnostics)
        warn_if_doubtful(diagnostics, "log-perplexity test")


def _positive(pvalue: float, evidence: float) -> float:
    """A p-value of 0 is for infinite evidence alone."""
    return pvalue if np.isinf(evidence) else max(pvalue, TINY)


def _impossible(seen: np.ndarray) -> Diagnostic:
    """Events that came true and had no probability."""
    events = np.flatnonzero(seen == 0)
    first = f", the first at row {events[0]}" if len(events) else ""
    return Diagnostic("impossible_event", float(len(events)), 0.0, not len(events),
                      f"events that were given probability 0 came true{first}, which alone refutes "
                      "the predictions; if probabilities were rounded to 0, use those before")


def _normal_limit(moments: np.ndarray) -> Diagnostic:
    """Fourth moments of the surprises over the square of the variance of their sum."""
    _, variance, fourth = moments
    total = float(variance.sum())
    share = float((fourth / total**2).sum()) if total**2 > 0 else np.inf
    return Diagnostic("normal_limit", share, _FOURTH, share <= _FOURTH,
                      "surprises are too few, too even, or a few rare ones count for all, so "
                      "their sum is not normal; use method='evalue', or get a longer sequence")
