"""A Markov chain from sequences: transitions, stationary law, entropy rate, and what they risk."""

from __future__ import annotations

from math import ceil
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from divest._results import Diagnostic, diagnostics_frame, warn_if_doubtful
from divest._validation import check_integer, check_not_negative, check_number
from divest.discrete._chain import (
    closed_classes,
    fundamental,
    mixing_gap,
    row_variances,
    smooth_curvature,
    smoothed,
    stationary,
)
from divest.discrete._sequences import encode
from divest.discrete.transitions import TransitionCounts, transition_counts
from divest.generators import Generator, resolve_generator

__all__ = ["MarkovChainEstimator", "required_chain_length"]

MIN_RELAXATIONS = 100.0


class MarkovChainEstimator(BaseEstimator):
    r"""Transition probabilities of a Markov chain, its stationary law and its entropy rate.

    With :math:`N_{ij}` transitions from state i to state j, :math:`N_i` in all from i, k states and
    smoothing s,

    .. math:: M_{ij} = (N_{ij} + s) / (N_i + k s), \qquad
        se(M_{ij}) = \sqrt{M_{ij} (1 - M_{ij}) / N_i}.

    The stationary law solves :math:`\pi M = \pi`; the entropy rate is
    :math:`-\sum \pi_i M_{ij} \log M_{ij}` in nats. Their standard errors are by the delta method:
    a change E of M changes :math:`\pi` by :math:`\pi E Z`, with the fundamental matrix
    :math:`Z = (I - M + 1 \pi)^{-1}` [1]_.

    The prediction risk is the expected Kullback-Leibler divergence of the estimated law of the next
    state from the true one, ``k (k - 1) / (2 n)`` to first order, for n transitions. It holds for
    any s where every transition is possible, and with s = 1/2 nearly where some are not.

    Parameters
    ----------
    smoothing : float, default 0.5
        Added to each count. With 0, a state that was never left is an error.
    states : array-like of shape (k,), optional
        All possible states, in the order wanted; by default those found, sorted.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The states.
    counts_ : ndarray of shape (k, k)
        Transitions from the state of the row to that of the column.
    transition_ : ndarray of shape (k, k)
        Probability of the next state, one row per current state.
    standard_error_ : ndarray of shape (k, k)
        Of `transition_`; NaN in the rows of states that were never left.
    stationary_, stationary_standard_error_ : ndarray of shape (k,)
        Share of time that the chain spends in each state in the long run, and its standard error.
    entropy_rate_, entropy_rate_standard_error_ : float
        In nats per step.
    prediction_risk_ : float
        First-order estimate, in nats per step.
    n_transitions_ : int
        Number of transitions.
    diagnostics_ : DataFrame
        What speaks for and against the numbers.

    See Also
    --------
    absorption_times : Where chains end.
    order_test : Whether the next state depends on the current one at all.

    References
    ----------
    .. [1] P. J. Schweitzer, "Perturbation theory and finite Markov chains", Journal of Applied
       Probability 5 (1968).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.discrete import MarkovChainEstimator
    >>> weather = np.array(["sun", "rain"])[np.random.default_rng(0).integers(2, size=200)]
    >>> chain = MarkovChainEstimator().fit(weather)
    >>> chain.classes_.tolist(), chain.stationary_.round(2).tolist()
    (['rain', 'sun'], [0.55, 0.45])
    """

    def __init__(self, *, smoothing: float = 0.5, states: Any = None) -> None:
        self.smoothing = smoothing
        self.states = states

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def fit(self, X: Any, y: Any = None, lengths: Any = None) -> Self:
        """Count the transitions and estimate the chain.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
            One sequence of labels, several, or counts of transitions.
        y : None
            Not used.
        lengths : array-like of int, optional
            Lengths of the sequences that stand end to end in a one-dimensional `X`.

        Returns
        -------
        MarkovChainEstimator
            The fitted estimator.

        Raises
        ------
        ValueError
            When `X` holds missing or unknown states or no transition; with ``smoothing=0``, when a
            state was never left, or there is more than one closed class of states.

        Warns
        -----
        TrustWarning
            When the chain is too short, some states were never left, there is more than one closed
            class, or the chain mixes slowly.
        """
        smoothing = check_not_negative("smoothing", self.smoothing)
        data = transition_counts(X, lengths, self.states)
        classes = _check_estimable(data, smoothing)
        self.classes_, self.counts_ = data.states, data.counts
        self.n_transitions_ = int(data.counts.sum())
        self.transition_ = smoothed(data.counts, smoothing)
        self._set_errors()
        k = len(data.states)
        self.prediction_risk_ = k * (k - 1) / (2.0 * self.n_transitions_)
        found = _diagnose(self, classes)
        self.diagnostics_ = diagnostics_frame(found)
        warn_if_doubtful(found, type(self).__name__)
        return self

    def _set_errors(self) -> None:
        """Stationary law and entropy rate; standard errors, NaN without transitions out of i."""
        M, law = self.transition_, stationary(self.transition_)
        rows = self.counts_.sum(axis=1)
        with np.errstate(divide="ignore"):
            per_row = np.where(rows > 0, 1.0 / rows, np.nan)
        log_m = np.log(M, out=np.zeros_like(M), where=M > 0)
        row_entropy = -(M * log_m).sum(axis=1)
        Z = fundamental(M, law)
        weight = law**2 * per_row
        surprise = (Z @ row_entropy)[None, :] - log_m  # gradient of the entropy rate in M, by row
        spread = (M * surprise**2).sum(axis=1) - (M * surprise).sum(axis=1) ** 2
        self.standard_error_ = np.sqrt(M * (1 - M) * per_row[:, None])
        self.stationary_ = law
        self.stationary_standard_error_ = np.sqrt(weight @ row_variances(M, Z))
        self.entropy_rate_ = float(law @ row_entropy)
        self.entropy_rate_standard_error_ = float(np.sqrt(weight @ np.clip(spread, 0.0, None)))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the state that follows each state of `X`.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, 1)
            States.

        Returns
        -------
        ndarray of shape (n, k)
            One row per entry, columns in the order of `classes_`.
        """
        check_is_fitted(self)
        return self.transition_[encode(X, states=self.classes_).codes]

    def score(self, X: Any, y: Any = None, lengths: Any = None) -> float:
        """Mean log-likelihood of a transition.

        Parameters
        ----------
        X : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
            Sequences not used in `fit`.
        y : None
            Not used.
        lengths : array-like of int, optional
            Lengths of the sequences that stand end to end in a one-dimensional `X`.

        Returns
        -------
        float
            In nats per transition; higher is better.
        """
        from scipy.special import xlogy

        check_is_fitted(self)
        counts = transition_counts(X, lengths, self.classes_).counts
        return float(xlogy(counts, self.transition_).sum() / counts.sum())

    def to_frame(self) -> pd.DataFrame:
        """The transition matrix as a tidy table.

        Returns
        -------
        DataFrame
            One row per pair of states: `from_state`, `to_state`, `count`, `probability`,
            `standard_error`.
        """
        check_is_fitted(self)
        k = len(self.classes_)
        return pd.DataFrame({
            "from_state": np.repeat(self.classes_, k), "to_state": np.tile(self.classes_, k),
            "count": self.counts_.ravel().astype(np.int64),
            "probability": self.transition_.ravel(),
            "standard_error": self.standard_error_.ravel()})


def required_chain_length(tolerance: float, n_states: int, smallest_stationary: float,
                          divergence: str | Generator = "kl") -> int:
    r"""Steps after which every row of the transition matrix is estimated well.

    The expected divergence of the estimated row i from the true one is
    :math:`f''(1) (k - 1) / (2 n \pi_i)` to first order; this is the n at which it is at most
    `tolerance` in the row of the rarest state.

    This holds for a fixed chain as it grows long, and not for all chains at once: a chain that
    stays long where it is needs more steps than this before the rule begins to hold, and
    the worst chain of a given length has a larger risk at any length [1]_. Where a pilot is at
    hand, see the diagnostic `relaxations` of `MarkovChainEstimator`.

    Parameters
    ----------
    tolerance : float
        The divergence wanted, above 0.
    n_states : int
        Number of states k, 2 or more.
    smallest_stationary : float
        Stationary probability of the rarest state, at most 1/k.
    divergence : str or Generator, default "kl"
        A name such as ``"chi_square"``, or a generator with a second derivative at 1.

    Returns
    -------
    int
        Number of transitions.

    Raises
    ------
    ValueError
        When a parameter is out of range.

    References
    ----------
    .. [1] Y. Han, S. Jana and Y. Wu, "Optimal prediction of Markov chains with and without spectral
       gap", IEEE Transactions on Information Theory 69 (2023).

    Examples
    --------
    >>> from divest.discrete import required_chain_length
    >>> required_chain_length(0.01, n_states=3, smallest_stationary=0.25)
    400
    """
    tolerance = check_number("tolerance", tolerance, 0.0)
    k = check_integer("n_states", n_states, 2)
    rarest = check_number("smallest_stationary", smallest_stationary, 0.0)
    if rarest > (1.0 + 1e-12) / k:
        raise ValueError(f"smallest_stationary is at most 1/{k} with {k} states, got {rarest:g}.")
    curvature = smooth_curvature(resolve_generator(divergence))
    steps = (k - 1) * curvature / (2.0 * rarest * tolerance)
    return ceil(steps * (1.0 - 1e-12))  # 400.00000000000006 is 400


def _check_estimable(data: TransitionCounts, smoothing: float) -> list[np.ndarray]:
    """The closed classes; without smoothing there must be one, and each state must be left."""
    classes = closed_classes(data.counts)
    if smoothing > 0:
        return classes
    if (stuck := data.states[~data.counts.any(axis=1)]).size:
        raise ValueError(f"with smoothing=0, the states {_named(stuck)} have no transition out of "
                         "them, so their probabilities are unknown; use smoothing above 0, or end "
                         "them with transitions to themselves.")
    if len(classes) > 1:
        named = "; ".join(_named(data.states[c]) for c in classes)
        raise ValueError(f"the chain has {len(classes)} closed classes of states ({named}), so its "
                         "stationary law is not unique; fit each class on its own, or use "
                         "absorption_times.")
    return classes


def _named(states: np.ndarray) -> str:
    """Up to five labels."""
    return ", ".join(map(repr, states[:5].tolist())) + (", ..." if len(states) > 5 else "")


def _diagnose(chain: MarkovChainEstimator, classes: list[np.ndarray]) -> list[Diagnostic]:
    """Whether the chain is long enough, each state was left, and the stationary law is its own."""
    from divest.sample_complexity import kl_threshold  # at the first use: importing stays cheap

    limit, n = kl_threshold(0.05), chain.n_transitions_
    stuck = ~chain.counts_.any(axis=1)
    relaxations = n * mixing_gap(chain.transition_)
    enough = ceil(chain.prediction_risk_ * n / limit)
    named = f" ({_named(chain.classes_[stuck])})" if stuck.any() else ""
    return [
        Diagnostic("prediction_risk", chain.prediction_risk_, limit,
                   chain.prediction_risk_ <= limit,
                   "expected divergence of the estimated law of the next state from the true one, "
                   f"to first order; too few transitions: about {enough} are needed, or fewer "
                   "states"),
        Diagnostic("states_never_left", float(stuck.sum()), 0.0, not stuck.any(),
                   f"the rows of these states{named} are smoothing alone, and standard errors that "
                   "depend on them are NaN; merge or drop them, or get sequences that leave them"),
        Diagnostic("closed_classes", float(len(classes)), 1.0, len(classes) == 1,
                   "sets of states that were never left once entered; with more than one, the "
                   "stationary law and the entropy rate come from the smoothing: fit each on its "
                   "own, or use absorption_times"),
        Diagnostic("relaxations", relaxations, MIN_RELAXATIONS, relaxations >= MIN_RELAXATIONS,
                   "transitions times the gap of the eigenvalues: how often the chain has "
                   "forgotten where it was; with few, the standard errors of the stationary law "
                   "are too small: get longer sequences"),
    ]
