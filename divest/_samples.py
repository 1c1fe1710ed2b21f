"""From two samples to one labelled table."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_list, check_sample, refuse_parts

_EXACT = 2**53  # whole numbers beyond it are not told apart as floats
_NUMBERS = ("decimal", "floating", "integer", "mixed-integer-float")


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
        rows_q = rows_q[:, match_columns(columns_p, columns_q)]
    if rows_p.shape[1] != rows_q.shape[1]:
        raise ValueError("P and Q must have the same number of columns, "
                         f"got {rows_p.shape[1]} and {rows_q.shape[1]}.")
    X = np.concatenate([rows_p, rows_q])
    y = np.repeat([1, 0], [len(rows_p), len(rows_q)])
    if columns_p is not None and columns_q is not None:
        return pd.DataFrame(X, columns=columns_p), y
    return X, y


def match_columns(columns_p: list[Any], columns_q: list[Any]) -> list[int]:
    """Where each column of P stands in Q."""
    only_p = [str(c) for c in columns_p if c not in columns_q]
    only_q = [str(c) for c in columns_q if c not in columns_p]
    if only_p or only_q:
        raise ValueError("P and Q must have the same columns; "
                         f"only in P: {only_p or 'none'}, only in Q: {only_q or 'none'}.")
    return [columns_q.index(column) for column in columns_p]


def as_frame(table: Any, name: str) -> pd.DataFrame:
    """`table` as a pandas DataFrame with at least one row and distinct column names."""
    refuse_parts(table, name)
    if isinstance(table, pd.DataFrame):
        frame = table
    elif hasattr(table, "columns") and hasattr(table, "shape"):  # polars and its kin
        frame = pd.DataFrame({column: as_series(table[column], str(column))
                              for column in table.columns})
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


def matched_frames(current: Any, reference: Any, columns: Iterable[str] | None = None
                   ) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Two tables with the same columns, and the names of those that only one table has."""
    p, q = as_frame(current, "current"), as_frame(reference, "reference")
    if not (hasattr(current, "columns") or hasattr(reference, "columns")) and (
            p.shape[1] != q.shape[1]):
        raise ValueError("arrays must have the same number of columns, got reference with "
                         f"{q.shape[1]} and current with {p.shape[1]}.")
    names, unmatched = _shared_columns(p, q, columns)
    p, q = (pd.DataFrame({name: as_series(frame[name], str(name)) for name in names}, copy=False)
            for frame in (p, q))
    return p, q, unmatched


def column_names(columns: Any) -> list[Any]:
    """The columns that a user names: one, or a list of different ones."""
    names = [columns] if isinstance(columns, str) else check_list("columns", columns)
    if not names or not all(isinstance(name, Hashable) for name in names) or (
            len(set(names)) < len(names)):
        raise ValueError(f"columns must name different columns, got {names!r}.")
    return names


def _shared_columns(p: pd.DataFrame, q: pd.DataFrame,
                    columns: Iterable[str] | None) -> tuple[list[Any], tuple[str, ...]]:
    """Columns to compare, and those that only one table has."""
    if columns is not None:
        names = column_names(columns)
        for table, frame in (("current", p), ("reference", q)):
            if missing := [str(c) for c in names if c not in frame.columns]:
                known = ", ".join(map(str, frame.columns))
                raise ValueError(f"the {table} table has no column {', '.join(missing)}; "
                                 f"it has {known}.")
        return names, ()
    names = [c for c in q.columns if c in p.columns]
    only = [str(c) for frame in (q, p) for c in frame.columns if c not in names]
    if not names:
        raise ValueError("the tables share no column; reference has "
                         f"{', '.join(map(str, q.columns))}, current has "
                         f"{', '.join(map(str, p.columns))}.")
    return names, tuple(only)


def as_series(values: Any, name: str) -> pd.Series:
    """One column of values of any kind as a pandas Series.

    Python dates become pandas dates, and objects that are numbers, such as decimals, floats.
    """
    refuse_parts(values, name)
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if not isinstance(values, pd.Series):
        if hasattr(values, "to_list"):  # polars and its kin
            numeric = getattr(values.dtype, "is_numeric", bool)()
            values = values.to_numpy() if numeric else values.to_list()
        elif np.ndim(np.asarray(values, dtype=object)) != 1:
            raise ValueError(f"{name} must be one column of values, got "
                             f"{np.ndim(np.asarray(values, dtype=object))} dimensions.")
        values = pd.Series(values, name=name)
    held = pd.api.types.infer_dtype(values) if values.dtype == object else ""
    if held == "date":
        return pd.to_datetime(values)
    return pd.to_numeric(values) if held in _NUMBERS else values


def column_kind(p: pd.Series, q: pd.Series) -> str:
    """What a column holds: "numeric", "discrete", "categorical", "identifier" or "empty".

    Discrete columns are numbers with at most 20 distinct values; identifiers are labels of which
    more than half are distinct among over 100 in the reference `q`. Whole numbers beyond 2^53 are
    labels.
    """
    p, q = p.dropna(), q.dropna()
    if not len(p) and not len(q):
        return "empty"
    huge = any(_beyond_floats(values) for values in (p, q))
    types = {_type(values, huge): (values, table)
             for values, table in ((q, "reference"), (p, "current")) if len(values)}
    if len(types) > 1:
        told = " and ".join(f"{name} in the {table} table (for example {_example(values, name)!r})"
                            for name, (values, table) in types.items())
        raise ValueError(f"column {p.name!r} holds {told}; make both the same.")
    if "labels" not in types:
        both = [values for values in (p, q) if len(values)]
        many = q.head(1000).nunique() > 20 or pd.concat(both).nunique() > 20  # the cheap one first
        return "numeric" if many else "discrete"
    if len(q) > 100 and q.nunique() > 0.5 * len(q):
        return "identifier"
    return "categorical"


def _beyond_floats(values: pd.Series) -> bool:
    whole = pd.api.types.is_integer_dtype(values) and len(values) > 0
    return whole and max(int(values.max()), -int(values.min())) > _EXACT


def _type(values: pd.Series, huge: bool) -> str:
    """What the values are: "numbers", "dates", "dates with a time zone", "durations", "labels".

    `huge`: numbers of the column are too large for floats, so that they are labels.
    """
    kind = pd.api.types
    if kind.is_complex_dtype(values):
        raise ValueError(f"column {values.name!r} holds complex numbers; compare their real and "
                         "imaginary parts as two columns.")
    if kind.is_datetime64_any_dtype(values):
        return "dates" if getattr(values.dt, "tz", None) is None else "dates with a time zone"
    if kind.is_timedelta64_dtype(values):
        return "durations"
    number = kind.is_numeric_dtype(values) and not kind.is_bool_dtype(values)
    return "numbers" if number and not huge else "labels"


def _example(values: pd.Series, name: str) -> Any:
    """A value that shows the type; of labels, one that is no number."""
    if name == "labels":
        text = values[pd.to_numeric(values.astype(object), errors="coerce").isna()]
        values = text if len(text) else values
    value = values.iloc[0]
    return value.item() if isinstance(value, np.generic) else value


def as_numbers(values: pd.Series) -> np.ndarray:
    """A numeric or date column as floats (dates as seconds), missing values as NaN."""
    if pd.api.types.is_datetime64_any_dtype(values):
        values = (values - pd.Timestamp(0, tz=values.dt.tz)).dt.total_seconds()
    elif pd.api.types.is_timedelta64_dtype(values):
        values = values.dt.total_seconds()
    return values.to_numpy(dtype=float, na_value=np.nan)


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
    names = column_names(columns)
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
