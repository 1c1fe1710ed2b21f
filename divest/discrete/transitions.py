"""From sequences of states to counts of transitions."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from divest._samples import as_frame
from divest.discrete._sequences import check_states, encode

__all__ = ["TransitionCounts", "sequences_from_frame", "transition_counts"]


class TransitionCounts:
    """How often each state was followed by each: all that a first-order chain needs of the data.

    Counts made on different machines are added with ``+``; states are matched by label.

    Parameters
    ----------
    counts : array-like of shape (k, k) or DataFrame
        Whole numbers; row i holds the transitions out of state i.
    states : array-like of shape (k,), optional
        Labels of the states, in the order of the rows. By default those of a DataFrame, whose
        index and columns must be the same, or 0, ..., k - 1.

    Attributes
    ----------
    counts : ndarray of shape (k, k)
        The counts.
    states : ndarray of shape (k,)
        The labels.

    Raises
    ------
    ValueError
        When counts are negative or fractional, the matrix is not square or all zero, or labels
        are missing or not distinct.

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, transition_counts
    >>> january = TransitionCounts([[90, 10], [20, 30]], states=["sun", "rain"])
    >>> february = transition_counts(["rain", "rain", "sun"])
    >>> (january + february).to_frame()
          sun  rain
    sun    90    10
    rain   21    31
    """

    def __init__(self, counts: Any, states: Any = None) -> None:
        if isinstance(counts, pd.DataFrame) and states is None:
            if list(counts.index) != list(counts.columns):
                raise ValueError("the index and the columns of a DataFrame of transition counts "
                                 "must be the same states in the same order.")
            states = counts.columns.to_list()
        self.counts = _check_matrix(counts)
        self.states = np.arange(len(self.counts)) if states is None else check_states(states)
        if len(self.states) != len(self.counts):
            raise ValueError(f"states must have one label per row ({len(self.counts)}), got "
                             f"{len(self.states)}.")

    def __repr__(self) -> str:
        n, k = self.counts.sum(), len(self.states)
        return f"<TransitionCounts: {n:.0f} transitions between {k} states>"

    def __add__(self, other: TransitionCounts) -> TransitionCounts:
        if not isinstance(other, TransitionCounts):
            return NotImplemented
        states = pd.Index(self.states).append(pd.Index(other.states)).unique().to_numpy()
        return TransitionCounts(self.over(states) + other.over(states), states)

    def over(self, states: Any) -> np.ndarray:
        """The counts over other states, 0 where a state is new.

        Parameters
        ----------
        states : array-like of shape (m,)
            Labels, among them all states with counts.

        Returns
        -------
        ndarray of shape (m, m)
            Counts in the order of `states`.

        Raises
        ------
        ValueError
            When a state with counts is not among `states`.
        """
        wanted = check_states(states)
        used = self.counts.any(axis=0) | self.counts.any(axis=1)
        place = pd.Index(wanted).get_indexer(self.states)
        if (lost := used & (place < 0)).any():
            raise ValueError(f"the counts hold states that are not among the states: "
                             f"{', '.join(map(repr, self.states[lost][:5].tolist()))}.")
        out = np.zeros((len(wanted), len(wanted)))
        kept = place >= 0
        out[np.ix_(place[kept], place[kept])] = self.counts[np.ix_(kept, kept)]
        return out

    def to_frame(self) -> pd.DataFrame:
        """The counts with the labels of the states.

        Returns
        -------
        DataFrame
            One row per state left, one column per state entered.
        """
        return pd.DataFrame(self.counts.astype(np.int64), index=self.states, columns=self.states)


def transition_counts(X: Any, lengths: Any = None, states: Any = None) -> TransitionCounts:
    """Count the transitions in sequences of states.

    Parameters
    ----------
    X : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
        One sequence of labels, or several; see `sequences_from_frame` for a table.
    lengths : array-like of int, optional
        Lengths of the sequences that stand end to end in a one-dimensional `X`; by default one.
    states : array-like of shape (k,), optional
        All possible states, in the order wanted; by default those found, sorted.

    Returns
    -------
    TransitionCounts
        The counts and the states.

    Raises
    ------
    ValueError
        When `X` holds missing values, a state that is not among `states`, or no transition.

    Examples
    --------
    >>> from divest.discrete import transition_counts
    >>> transition_counts([["a", "b", "a"], ["b", "b"]]).to_frame()
       a  b
    a  0  1
    b  1  1
    """
    if isinstance(X, TransitionCounts):
        if lengths is not None:
            raise ValueError("lengths splits a sequence; counts have none. Leave it out.")
        return X if states is None else TransitionCounts(X.over(states), states)
    encoded = encode(X, lengths, states)
    if len(encoded.codes) == len(encoded.lengths):
        raise ValueError(f"X holds no transition: each of its {len(encoded.lengths)} sequences has "
                         "one state only; at least one needs two or more.")
    return TransitionCounts(encoded.transitions(), encoded.states)


def sequences_from_frame(frame: Any, *, by: str, time: str, state: str) -> list[np.ndarray]:
    """Sequences of states from a table with one row per unit and time.

    Rows may come in any order: those of a unit are sorted by time. A transition is from one row
    of a unit to its next, whatever the time between.

    Parameters
    ----------
    frame : DataFrame
        The table, of pandas or polars.
    by : str
        Column that names the unit, such as a customer.
    time : str
        Column of times: numbers, dates, or text that sorts by time.
    state : str
        Column of states.

    Returns
    -------
    list of ndarray
        One sequence per unit, in the order of the units.

    Raises
    ------
    ValueError
        When a column is not there, holds missing values, or a unit has two rows at one time.

    Examples
    --------
    >>> import pandas as pd
    >>> from divest.discrete import sequences_from_frame
    >>> frame = pd.DataFrame({"who": [1, 2, 1], "month": [2, 1, 1], "grade": ["B", "A", "A"]})
    >>> [list(map(str, s)) for s in sequences_from_frame(frame, by="who", time="month",
    ...                                                  state="grade")]
    [['A', 'B'], ['A']]
    """
    table = as_frame(frame, "frame")
    for role, column in (("by", by), ("time", time), ("state", state)):
        if not isinstance(column, Hashable) or column not in table.columns or (
                table[column].ndim > 1):  # the first of several levels of names
            raise ValueError(f"{role} must name a column of the frame, got {column!r}; it has "
                             f"{', '.join(map(repr, table.columns))}.")
        if (missing := table[column].isna()).any():
            raise ValueError(f"column {column!r} has {missing.sum()} missing values (first in row "
                             f"{np.flatnonzero(missing)[0]}); drop these rows or fill them.")
    if (twice := table.duplicated([by, time])).any():
        unit, when = table.loc[twice, [by, time]].iloc[0]
        raise ValueError(f"{by} {unit!r} has more than one row at {time} {when!r}; keep one.")
    try:
        ordered = table.sort_values(time, kind="stable")
    except TypeError:
        raise ValueError(f"column {time!r} mixes types that have no order; make them all numbers "
                         "or dates.") from None
    unit = ordered.groupby(by, observed=True).ngroup().to_numpy()
    order = np.argsort(unit, kind="stable")
    ends = np.flatnonzero(np.diff(unit[order])) + 1
    return np.split(ordered[state].to_numpy()[order], ends)


def _check_matrix(counts: Any) -> np.ndarray:
    """A square matrix of whole numbers that are not all zero."""
    try:
        matrix = np.array(counts, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("counts must be a square matrix of whole numbers.") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError("counts must be a square matrix with a row and a column for each state, "
                         f"got shape {matrix.shape}.")
    wrong = np.argwhere(~((matrix >= 0) & (matrix == np.round(matrix)) & (matrix < 2**53)))
    if len(wrong):
        i, j = wrong[0]
        raise ValueError("counts must hold whole numbers, 0 or more; "
                         f"row {i}, column {j} is {matrix[i, j]:g}.")
    if not matrix.any():
        raise ValueError("counts are all zero: there is no transition.")
    return matrix
