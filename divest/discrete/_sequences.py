"""Sequences of labels, in any of the forms that users have them, as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from divest._validation import refuse_parts

WHAT = "X must be a sequence of labels, a list of such sequences, or TransitionCounts"
MAX_STATES = 10_000  # the table takes 8 k^2 bytes, and copies of it are made


class Encoded(NamedTuple):
    """All sequences end to end, each label as the number of its state."""

    codes: np.ndarray
    lengths: np.ndarray
    states: np.ndarray

    def transitions(self) -> np.ndarray:
        """How often each state is followed by each, (k, k)."""
        k = len(self.states)
        if k > MAX_STATES:
            raise ValueError(f"X has {k} states, more than {MAX_STATES}, whose transitions do not "
                             "fit into one table; merge states.")
        pairs = self.codes[:-1] * k + self.codes[1:]
        inside = np.ones(len(self.codes), dtype=bool)
        inside[np.cumsum(self.lengths) - 1] = False  # the last of a sequence is followed by nothing
        return np.bincount(pairs[inside[:-1]], minlength=k * k).reshape(k, k).astype(float)


def encode(X: Any, lengths: Any = None, states: Any = None) -> Encoded:
    """Numbers of the states, sorted or in the order of `states`."""
    if isinstance(X, pd.Series) and X.dtype == object:  # as groupby(...).agg(list) makes it
        X = X.to_numpy()
    if _holds_sequences(X):
        lists = all(isinstance(part, list) for part in X)
        parts = _split_labels(X) if lists else [_labels(part) for part in X]
    else:
        parts = [_labels(X)]
    if len(parts) > 1 and lengths is not None:
        raise ValueError("lengths splits one sequence, and X is a list of sequences already; "
                         "leave lengths out.")
    for i, part in enumerate(parts):
        if not len(part):
            raise ValueError("X is empty." if len(parts) == 1 else f"sequence {i} of X is empty.")
    same = len({part.dtype for part in parts}) == 1
    values = np.concatenate(parts if same else [part.astype(object) for part in parts])
    sizes = (_check_lengths(lengths, len(values)) if len(parts) == 1
             else np.array([len(part) for part in parts]))
    _refuse_missing(values, sizes)
    codes, found = _codes(values, states)
    return Encoded(codes, sizes.astype(np.intp), found)


def _refuse_missing(values: np.ndarray, sizes: np.ndarray) -> None:
    """An error that says where the first missing value is."""
    if (missing := np.flatnonzero(pd.isna(values))).size:
        ends = np.cumsum(sizes)
        part = int(np.searchsorted(ends, missing[0], side="right"))
        where = f"sequence {part}, " if len(sizes) > 1 else ""
        position = missing[0] - (ends[part] - sizes[part])
        raise ValueError(f"X has a missing value ({where}position {position}); make missing a "
                         "state of its own, or split the sequence there.")


def _holds_sequences(X: Any) -> bool:
    """Whether the entries of X are sequences; labels and sequences must not be mixed."""
    if not isinstance(X, (list, tuple)) and not (isinstance(X, np.ndarray) and X.dtype == object
                                                 and X.ndim == 1):
        return False
    inner = [not isinstance(entry, str) and (isinstance(entry, Sequence) or np.ndim(entry) > 0)
             for entry in X]
    if any(inner) and not all(inner):
        raise ValueError(f"{WHAT}; entry {inner.index(False)} of X is a label, others are "
                         "sequences.")
    return any(inner)


def _labels(sequence: Any) -> np.ndarray:
    """One sequence as a one-dimensional array that keeps the types of its labels."""
    refuse_parts(sequence, "X")
    if isinstance(sequence, str) or np.ma.isMaskedArray(sequence):
        what = "text" if isinstance(sequence, str) else "a masked array"
        raise ValueError(f"{WHAT}; got {what}. list(text) is the sequence of its letters."
                         if what == "text" else f"{WHAT}; got {what}: its mask would be lost.")
    if isinstance(sequence, (list, tuple)):
        return pd.Series(list(sequence), dtype=object).infer_objects().to_numpy()
    values = sequence.to_numpy() if hasattr(sequence, "to_numpy") else np.asarray(sequence)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype == np.float16:  # pandas has no index of these
        values = values.astype(float)
    if values.ndim != 1:
        raise ValueError(
            f"{WHAT}; got shape {values.shape}. list(X) makes each row a sequence, "
            "TransitionCounts(X) takes a matrix of counts, and sequences_from_frame takes a table "
            "with a row per time.")
    return values


def _split_labels(lists: Any) -> list[np.ndarray]:
    """Lists of labels as arrays; all at once, as an array for each takes long to make."""
    ends = np.cumsum([len(part) for part in lists])
    return np.split(_labels(list(chain.from_iterable(lists))), ends[:-1])


def _check_lengths(lengths: Any, total: int) -> np.ndarray:
    """Lengths of the sequences that stand end to end; by default one."""
    if lengths is None:
        return np.array([total])
    sizes = np.asarray(lengths)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or (sizes < 1).any():
        raise ValueError(f"lengths must be a list of whole numbers, 1 or more; got {lengths!r}.")
    if sizes.sum() != total:
        raise ValueError(f"lengths must sum to the length of X, {total}; they sum to "
                         f"{sizes.sum()}.")
    return sizes


def check_states(states: Any, name: str = "states") -> np.ndarray:
    """Distinct labels, none missing, in the order given."""
    if isinstance(states, (str, bytes)) or np.ndim(states) != 1:
        raise ValueError(f"{name} must be a list of labels, got {states!r}.")
    values = _labels(states)
    if not len(values) or pd.isna(values).any() or not pd.Index(values).is_unique:
        raise ValueError(f"{name} must be different labels, at least one, none missing; got "
                         f"{list(values)!r}.")
    return values


def _codes(values: np.ndarray, states: Any) -> tuple[np.ndarray, np.ndarray]:
    """The number of each label, and the states."""
    if states is None:
        try:
            codes, found = pd.factorize(values)
        except TypeError:
            raise TypeError("X must hold labels, such as text or numbers; it holds "
                            f"{values[0]!r}.") from None
        rank, order = _order(found)
        return rank[codes], found[order]
    known = check_states(states)
    codes = pd.Index(known).get_indexer(values)
    if (unknown := codes < 0).any():
        names = pd.unique(values[unknown])
        raise ValueError(
            f"X holds {len(names)} state{'s' if len(names) > 1 else ''} that "
            f"{'are' if len(names) > 1 else 'is'} not among the states: "
            f"{', '.join(map(repr, names[:5].tolist()))}. The states are "
            f"{', '.join(map(repr, known[:10].tolist()))}{', ...' if len(known) > 10 else ''}.")
    return codes, known


def _order(found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank and order of distinct labels; labels of several types go by type, then as text."""
    try:
        order = np.argsort(found, kind="stable")
    except TypeError:
        keys = [(type(label).__name__, str(label)) for label in found]
        order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank, order
