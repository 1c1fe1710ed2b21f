"""Information value and weights of evidence of a variable for an event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from divest._results import warn_if_doubtful
from divest._samples import as_series
from divest._validation import check_counts
from divest.discrete._cells import Cells, resolve_kind, two_sample_cells
from divest.discrete._count_result import (
    CountDivergenceResult,
    jeffreys_of_cells,
    plain_labels,
)

_NAMES = ("event", "nonevent")


def information_value(
        x: Any, y: Any, *, event: Any = 1, bins: int = 10, edges: Any = None,
        categories: Any = None, kind: str = "auto", max_categories: int = 50,
        missing: str = "cell", smoothing: float = 0.5,
        confidence_level: float = 0.95) -> CountDivergenceResult:
    """How much a variable tells about an event: ``IV = sum (p - q) log(p/q)`` over its cells.

    Here p is the share of the events that is in a cell and q that of all others, and the logarithm
    is the weight of evidence of the cell. The standard error takes into account that weights and
    shares come from the same rows; adding up their variances covers in .70 to .85 of samples at
    nominal .95.

    Parameters
    ----------
    x : array-like of shape (n,)
        The variable: numbers, dates, booleans or labels.
    y : array-like of shape (n,)
        What happened in each row.
    event : object, default 1
        The value of `y` that is the event; all other rows are no event.
    bins : int, default 10
        Cells of numbers, cut at quantiles of `x` without looking at `y`.
    edges : array-like, optional
        Limits between the cells of numbers, in place of `bins`; a value on a limit is in the cell
        below.
    categories : list, optional
        The categories with a cell of their own; all others share one.
    kind : {"auto", "numeric", "discrete", "categorical"}, default "auto"
        Cells between limits, one for each value, or one for each category with at least five rows.
        ``"auto"`` takes limits for numbers and dates with more than 20 different values, and
        categories for what is no number.
    max_categories : int, default 50
        The most cells of categories; all others share one.
    missing : {"cell", "drop"}, default "cell"
        Missing values of `x` share a cell, or are left out.
    smoothing : float, default 0.5
        Added to every cell, 0 or above.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    CountDivergenceResult
        Value, bias, standard error, interval, diagnostics and, in `table`, the cells with their
        weights of evidence and contributions, which sum to the value.

    Raises
    ------
    ValueError
        When `x` and `y` have different lengths, `y` has missing values or not both events and
        others, or `x` too few values for cells.

    Warns
    -----
    TrustWarning
        When most rows are in one cell of merged categories.

    See Also
    --------
    weights_of_evidence : The same from counts.

    References
    ----------
    .. [1] S. Kullback, "Information Theory and Statistics", Wiley (1959), ch. 1.

    Examples
    --------
    >>> from divest.discrete import information_value
    >>> grade = ["a"] * 80 + ["b"] * 55 + ["c"] * 65
    >>> default = [1] * 20 + [0] * 60 + [1] * 30 + [0] * 25 + [1] * 50 + [0] * 15
    >>> result = information_value(grade, default)
    >>> round(result.estimate, 4), round(result.standard_error, 4)
    (0.8426, 0.2634)
    >>> result.table.set_index("cell")["weight_of_evidence"].round(2).to_dict()
    {'a': -1.08, 'c': 1.18, 'b': 0.18}
    """
    values, happened = as_series(x, "x"), _events(y, event)
    if len(values) != len(happened):
        raise ValueError("x and y must have one entry for each row, got "
                         f"{len(values)} and {len(happened)}.")
    kind = resolve_kind(values, values, kind, edges, categories)
    values = values.reset_index(drop=True)
    cells = two_sample_cells(
        values[happened], values[~happened], kind=kind, bins=bins, edges=edges,
        categories=categories, max_categories=max_categories, missing=missing, cut_by=values)
    return _result(replace(cells, new_categories=[]), smoothing, confidence_level)


def weights_of_evidence(events: Any, others: Any, *, smoothing: float = 0.5,
                        confidence_level: float = 0.95) -> CountDivergenceResult:
    """Information value and weights of evidence from counts over the same cells.

    Parameters
    ----------
    events : array-like of shape (n_cells,) or Series
        Events in each cell. Two Series are matched by their index.
    others : array-like of shape (n_cells,) or Series
        Rows without the event in each cell.
    smoothing : float, default 0.5
        Added to every cell, 0 or above.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    CountDivergenceResult
        As `information_value` gives it.

    Raises
    ------
    ValueError
        When counts are negative, fractional, of unequal length, or all zero.

    See Also
    --------
    information_value : The same from raw values.

    References
    ----------
    .. [1] S. Kullback, "Information Theory and Statistics", Wiley (1959), ch. 1.

    Examples
    --------
    >>> from divest.discrete import weights_of_evidence
    >>> result = weights_of_evidence([20, 30, 50], [60, 25, 15])
    >>> result.table[["weight_of_evidence", "standard_error"]].round(3).to_numpy().tolist()
    [[-1.082, 0.214], [0.179, 0.229], [1.181, 0.254]]
    """
    a, b, names = check_counts(events, others, ("events", "others"))
    return _result(Cells(plain_labels(names), a, b), smoothing, confidence_level)


def _result(cells: Cells, smoothing: float, confidence_level: float) -> CountDivergenceResult:
    result = jeffreys_of_cells(cells, "information value", _NAMES, smoothing=smoothing,
                               confidence_level=confidence_level)
    warn_if_doubtful(result.diagnostics, result.method)
    return result


def _events(y: Any, event: Any) -> np.ndarray:
    """A mask of the rows with the event."""
    outcome = as_series(y, "y")
    if outcome.isna().any():
        raise ValueError(f"y has {int(outcome.isna().sum())} missing values; drop these rows.")
    if np.ndim(event) or isinstance(event, (set, dict)):
        raise TypeError(f"event must be one value of y, got {event!r}.")
    happened = np.asarray(outcome == event, dtype=bool)
    if happened.all() or not happened.any():
        found = ", ".join(repr(value) for value in pd.unique(outcome)[:5])
        raise ValueError(f"y must hold both the event {event!r} and something else, got {found}.")
    return happened
