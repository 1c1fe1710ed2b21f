"""The mean number of steps until a chain ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from divest._results import Diagnostic, _Table, rows_as_text, warn_if_doubtful
from divest._validation import check_number
from divest.discrete._sequences import check_states
from divest.discrete.transitions import TransitionCounts, transition_counts

METHOD = "steps until absorption"
MIN_ABSORPTIONS = 10.0


@dataclass(frozen=True, eq=False)
class AbsorptionTimes(_Table):
    """Expected numbers of steps until absorption, one per transient state.

    Attributes
    ----------
    states : ndarray of shape (m,)
        The transient states.
    times : ndarray of shape (m,)
        Expected number of steps from each until a state that is not among them is entered.
    standard_error : ndarray of shape (m,)
        Of `times`, by the delta method.
    n_transitions : ndarray of shape (m,)
        Transitions out of each state, on which this rests.
    diagnostics : tuple of Diagnostic
        What speaks for and against the numbers.
    confidence_level : float
        The level of the intervals in `to_frame`.
    method : str, default "steps until absorption"
        What was computed.

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, absorption_times
    >>> counts = TransitionCounts([[210, 60, 30], [30, 240, 30], [0, 0, 100]])
    >>> absorption_times(counts, transient=[0, 1]).times.round(6).tolist()
    [10.0, 10.0]
    """

    states: np.ndarray
    times: np.ndarray
    standard_error: np.ndarray
    n_transitions: np.ndarray
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    confidence_level: float = 0.95
    method: str = METHOD

    def confidence_interval(self, level: float | None = None) -> np.ndarray:
        """Intervals that are normal on the scale of the logarithm: times are skewed to the right.

        Parameters
        ----------
        level : float, optional
            Confidence level in (0, 1); by default that of the result.

        Returns
        -------
        ndarray of shape (m, 2)
            Lower limit, not below 1, and upper limit for each state.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        from scipy.special import ndtri

        level = check_number("level", self.confidence_level if level is None else level, 0, 1)
        reach = np.exp(ndtri(0.5 + level / 2.0) * self.standard_error / self.times)
        return np.column_stack([np.maximum(self.times / reach, 1.0), self.times * reach])

    def to_frame(self) -> pd.DataFrame:
        """One row per transient state.

        Returns
        -------
        DataFrame
            Columns `state`, `time`, `standard_error`, `low`, `high`, `confidence_level`,
            `n_transitions`.
        """
        low, high = self.confidence_interval().T
        return pd.DataFrame({
            "state": self.states, "time": self.times, "standard_error": self.standard_error,
            "low": low, "high": high, "confidence_level": self.confidence_level,
            "n_transitions": self.n_transitions})

    def summary(self) -> str:
        """The rows as a text table, then the advice of every failed diagnostic.

        Returns
        -------
        str
            Text to print.
        """
        return rows_as_text(self.to_frame(), self.method, self._doubts())


def absorption_times(X: Any, transient: Any, lengths: Any = None, *,
                     confidence_level: float = 0.95) -> AbsorptionTimes:
    r"""Expected number of steps until a chain leaves a set of transient states for good.

    With the shares Q of transitions among the transient states and :math:`S = (I - Q)^{-1}` the
    times are :math:`t = S 1` [1]_; by the delta method
    :math:`Var(t_j) = \sum_i S_{ji}^2 (t' V_i t)` with the multinomial covariance :math:`V_i` of
    row i. Counts are not smoothed.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
        Sequences of labels, or counts of transitions.
    transient : array-like
        The transient states; all others absorb. What happens after absorption is not used.
    lengths : array-like of int, optional
        Lengths of the sequences that stand end to end in a one-dimensional `X`.
    confidence_level : float, default 0.95
        Level of the intervals.

    Returns
    -------
    AbsorptionTimes
        Times, standard errors and intervals.

    Raises
    ------
    ValueError
        When a transient state is unknown or was never left, when all states are transient, or no
        absorbing state can be reached from some of them.

    Warns
    -----
    TrustWarning
        When few absorptions were seen.

    References
    ----------
    .. [1] J. G. Kemeny and J. L. Snell, "Finite Markov Chains", Van Nostrand (1960), ch. 3.

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, absorption_times
    >>> counts = TransitionCounts([[210, 60, 30], [30, 240, 30], [0, 0, 100]],
    ...                           states=["good", "late", "default"])
    >>> result = absorption_times(counts, transient=["good", "late"])
    >>> result.standard_error.round(3).tolist()
    [1.225, 1.369]
    """
    check_number("confidence_level", confidence_level, 0, 1)
    data = transition_counts(X, lengths)
    inside, rows = _transient_rows(data, transient)
    n = rows.sum(axis=1)
    Q = rows[:, inside] / n[:, None]
    _check_path(rows, inside, data.states[inside])
    S = np.linalg.inv(np.eye(len(Q)) - Q)
    t = S.sum(axis=1)
    row_variance = np.clip(Q @ t**2 - (Q @ t) ** 2, 0.0, None) / n
    ended = float(n.sum() - rows[:, inside].sum())
    few = Diagnostic("absorptions", ended, MIN_ABSORPTIONS, ended >= MIN_ABSORPTIONS,
                     "transitions out of the transient states for good; with few of them the "
                     "intervals are too short: get sequences that end")
    warn_if_doubtful([few], "absorption_times")
    return AbsorptionTimes(data.states[inside], t, np.sqrt(S**2 @ row_variance), n.astype(np.int64),
                           (few,), confidence_level)


def _transient_rows(data: TransitionCounts, transient: Any) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the transient states, and the transitions out of them."""
    wanted = check_states(transient, "transient")
    inside = pd.Index(data.states).get_indexer(pd.Index(wanted))
    if (unknown := wanted[inside < 0]).size:
        raise ValueError(f"transient names states that do not occur: "
                         f"{', '.join(map(repr, unknown[:5].tolist()))}; the states are "
                         f"{', '.join(map(repr, data.states[:10].tolist()))}.")
    if len(inside) == len(data.states):
        raise ValueError("transient names every state, so that none absorbs; leave out those where "
                         "the chain ends.")
    rows = data.counts[inside]
    if (stuck := wanted[~rows.any(axis=1)]).size:
        raise ValueError(f"the transient states {', '.join(map(repr, stuck[:5].tolist()))} were "
                         "never left, so their times are unknown; leave them out of transient, or "
                         "get sequences that leave them.")
    return inside, rows


def _check_path(rows: np.ndarray, inside: np.ndarray, states: np.ndarray) -> None:
    """Every transient state must lead to an absorbing one."""
    among = rows[:, inside]
    leads = among.sum(axis=1) < rows.sum(axis=1)
    for _ in range(len(among)):
        grown = leads | among[:, leads].any(axis=1)
        if (grown == leads).all():
            break
        leads = grown
    if not leads.all():
        raise ValueError(f"no absorbing state was reached from "
                         f"{', '.join(map(repr, states[~leads][:5].tolist()))}: the expected time "
                         "is infinite or unknown. Leave these states out of transient.")
