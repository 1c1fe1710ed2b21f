"""From two samples to one labelled table."""

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_sample

RARE = "(rare)"  # the cell of categories with too few rows


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


def as_frame(table: Any, name: str) -> pd.DataFrame:
    """`table` as a pandas DataFrame with at least one row and distinct column names."""
    if isinstance(table, pd.DataFrame):
        frame = table
    elif hasattr(table, "columns") and hasattr(table, "shape"):  # polars and its kin
        frame = pd.DataFrame({column: table[column].to_list() for column in table.columns})
    else:
        values = np.asarray(table)
        values = values.reshape(-1, 1) if values.ndim == 1 else values
        if values.ndim != 2:
            raise ValueError(f"{name} must be a table with rows and columns, "
                             f"got an array of {values.ndim} dimensions.")
        frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"{name} has more than one column named {twice!r}.")
    if not len(frame) or not frame.shape[1]:
        raise ValueError(f"{name} is empty: it has {len(frame)} rows and "
                         f"{frame.shape[1]} columns.")
    return frame


def column_kind(p: pd.Series, q: pd.Series) -> str:
    """What a column holds: "numeric", "discrete", "categorical", "identifier" or "empty".

    Discrete columns are numbers with at most 20 distinct values; identifiers are labels of which
    more than half are distinct among over 100 in the reference `q`.
    """
    p, q = p.dropna(), q.dropna()
    if not len(p) and not len(q):
        return "empty"
    types = {_type(values): (values, table) for values, table in ((q, "reference"), (p, "current"))
             if len(values)}
    if len(types) > 1:
        told = " and ".join(f"{name} in the {table} table (for example {_example(values, name)!r})"
                            for name, (values, table) in types.items())
        raise ValueError(f"column {p.name!r} holds {told}; make both the same.")
    if "labels" not in types:
        return "numeric" if pd.concat([p, q]).nunique() > 20 else "discrete"
    if len(q) > 100 and q.nunique() > 0.5 * len(q):
        return "identifier"
    return "categorical"


def _type(values: pd.Series) -> str:
    """What the values are: "numbers", "dates", "dates with a time zone", "durations", "labels"."""
    kind = pd.api.types
    if kind.is_complex_dtype(values):
        raise ValueError(f"column {values.name!r} holds complex numbers; compare their real and "
                         "imaginary parts as two columns.")
    if kind.is_datetime64_any_dtype(values):
        return "dates" if getattr(values.dt, "tz", None) is None else "dates with a time zone"
    if kind.is_timedelta64_dtype(values):
        return "durations"
    number = kind.is_numeric_dtype(values) and not kind.is_bool_dtype(values)
    return "numbers" if number else "labels"


def _example(values: pd.Series, name: str) -> Any:
    """A value that shows the type; of labels, one that is no number."""
    if name == "labels":
        values = values[pd.to_numeric(values.astype(object), errors="coerce").isna()]
    return values.iloc[0] if len(values) else ""


def _labels(values: pd.Series) -> pd.Series:
    """Values as text; equal numbers are the same label, whatever their type."""
    def label(value: Any) -> str:
        number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
        return repr(float(value) + 0.0) if number else str(value)

    return values.dropna().astype(object).map(label)


def as_numbers(values: pd.Series) -> np.ndarray:
    """A numeric or date column as floats (dates as seconds), missing values as NaN."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (values - pd.Timestamp(0, tz=values.dt.tz)).dt.total_seconds()
    elif pd.api.types.is_timedelta64_dtype(values):
        values = values.dt.total_seconds()
    return values.to_numpy(dtype=float, na_value=np.nan)


def category_counts(p: pd.Series, q: pd.Series, max_categories: int = 50) -> pd.DataFrame:
    """Counts of each category in both samples, rare ones in one cell.

    The cells are chosen from the pooled counts, blind to the samples: the largest, with at least
    five rows. A rule that looked at one sample would break the test.
    """
    counts = pd.DataFrame({"p": _labels(p).value_counts(), "q": _labels(q).value_counts()})
    counts = counts.fillna(0).astype(int)
    pooled = counts.sum(axis=1)
    large = pooled[pooled >= 5].sort_index().sort_values(ascending=False, kind="stable")
    kept = counts.loc[large.index[:max_categories]]
    rare = counts.drop(index=kept.index).sum()
    if rare.sum():
        kept = pd.concat([kept, rare.to_frame(RARE).T])
    kept.attrs["new_categories"] = int(((counts["q"] == 0) & (counts["p"] > 0)).sum())
    return kept


def numeric_columns(frame: pd.DataFrame, columns: Iterable[str] | None, what: str
                    ) -> tuple[list[Any], tuple[str, ...]]:
    """The columns named, by default all that hold numbers, and the names of those left out.

    `what` begins the error about columns that hold none.
    """
    if columns is None:
        numeric = [name for name in frame.columns if _holds_numbers(frame[name])]
        if not numeric:
            raise ValueError("X has no column of numbers; it has "
                             f"{', '.join(map(str, frame.columns))}.")
        return numeric, tuple(str(c) for c in frame.columns if c not in numeric)
    names = [columns] if isinstance(columns, str) else list(columns)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"columns must name different columns, got {names!r}.")
    if missing := [str(c) for c in names if c not in frame.columns]:
        raise ValueError(f"X has no column {', '.join(missing)}; it has "
                         f"{', '.join(map(str, frame.columns))}.")
    if text := [str(c) for c in names if not _holds_numbers(frame[c])]:
        raise ValueError(f"{what}, and these columns hold none: {', '.join(text)}.")
    return names, ()


def _holds_numbers(values: pd.Series) -> bool:
    kind = pd.api.types
    return (kind.is_numeric_dtype(values) and not kind.is_bool_dtype(values)
            and not kind.is_complex_dtype(values) and bool(values.notna().any()))
