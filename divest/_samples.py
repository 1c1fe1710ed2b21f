"""From two samples to one labelled table."""

from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_sample


def stack_samples(P: Any, Q: Any) -> tuple[Any, np.ndarray]:
    """Put two samples on top of one another, as `fit` wants them.

    Parameters
    ----------
    P : array-like of shape (n_p, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (n_q, d)
        The reference sample. When both samples are data frames, columns are matched by name.

    Returns
    -------
    X : ndarray or DataFrame of shape (n_p + n_q, d)
        The rows of `P`, then those of `Q`; a DataFrame when both have column names.
    y : ndarray of shape (n_p + n_q,)
        1 for rows of `P`, 0 for rows of `Q`.

    Raises
    ------
    ValueError
        When the samples differ in their columns, or hold text, NaN or infinity.

    Examples
    --------
    >>> from divest import stack_samples
    >>> X, y = stack_samples([1.0, 2.0], [3.0])
    >>> X.ravel(), y
    (array([1., 2., 3.]), array([1, 1, 0]))
    """
    rows_p, columns_p = check_sample(P, "P")
    rows_q, columns_q = check_sample(Q, "Q")
    if columns_p is not None and columns_q is not None:
        rows_q = rows_q[:, _match(columns_p, columns_q)]
    if rows_p.shape[1] != rows_q.shape[1]:
        raise ValueError("P and Q must have the same number of columns, "
                         f"got {rows_p.shape[1]} and {rows_q.shape[1]}.")
    X = np.concatenate([rows_p, rows_q])
    y = np.repeat([1, 0], [len(rows_p), len(rows_q)])
    if columns_p is not None and columns_q is not None:
        return pd.DataFrame(X, columns=columns_p), y
    return X, y


def _match(columns_p: list[Any], columns_q: list[Any]) -> list[int]:
    """Where each column of P stands in Q."""
    only_p = [str(c) for c in columns_p if c not in columns_q]
    only_q = [str(c) for c in columns_q if c not in columns_p]
    if only_p or only_q:
        raise ValueError("P and Q must have the same columns; "
                         f"only in P: {only_p or 'none'}, only in Q: {only_q or 'none'}.")
    return [columns_q.index(column) for column in columns_p]
