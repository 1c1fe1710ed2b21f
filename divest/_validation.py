"""Every check of user input."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, column_or_1d, validate_data

_LARGE = 1e150  # the square of a number beyond it, or of one below its inverse, is no float
_NO_NUMBERS = (  # how numpy begins when values cannot become numbers
    "could not convert", "float() argument", "setting an array element", "must be real number",
    "Cannot cast", "only length-1 arrays", "int() argument", "unsupported operand",
)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors about values that cannot become numbers say what holds them."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if not str(error).startswith(_NO_NUMBERS):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must hold numbers only: {error}.") from None


def check_floats(name: str, value: Any) -> np.ndarray:
    """`value` as an array of floats, of any shape."""
    if value is None:
        raise TypeError(f"{name} must hold numbers, got None.")
    with naming(name):
        if np.asarray(value).dtype.kind in "cMm":
            raise TypeError(f"{name} must hold real numbers, got {np.asarray(value).dtype}.")
        return np.asarray(value, dtype=float)


def check_list(name: str, value: Any) -> list[Any]:
    """`value` as a list; text is no list."""
    if isinstance(value, (str, bytes)) or not np.iterable(value):
        raise TypeError(f"{name} must be a list, got {value!r}.")
    return list(value)


def in_parts(*tables: Any) -> bool:
    """Whether one of the tables is Dask's; Dask is not imported to tell."""
    return any(type(table).__module__.partition(".")[0] in ("dask", "dask_expr")
               for table in tables)


def refuse_parts(table: Any, name: str) -> None:
    """Refuse tables of Dask, which numpy would read into memory as a whole and without names."""
    if in_parts(table):
        raise TypeError(
            f"{name} is a table of Dask, and this needs rows in memory: give {name}.compute() "
            "where it fits, or else a random sample of its rows. Tables of Dask can be given to "
            "population_stability_index, pn_criterion, block_divergence and "
            "KernelSteinTest(method='nystrom', null='spectral').")


def check_number(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """`value` as a float strictly between `low` and `high`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}.")
    number = float(value)
    if not low < number < high:
        raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value!r}.")
    return number


def check_not_negative(name: str, value: Any) -> float:
    """`value` as a finite float, 0 or above."""
    number = check_number(name, value, -np.inf)
    return 0.0 if number == 0 else check_number(name, value, 0.0)


def check_bounds(name: str, value: Any) -> tuple[float, float]:
    """Two numbers, 0 < lower < upper."""
    wrong = f"{name} must be (lower, upper) with 0 < lower < upper, got {value!r}."
    try:
        lower, upper = (float(bound) for bound in value)
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    if not 0 < lower < upper:
        raise ValueError(wrong)
    return lower, upper


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int in [low, high]."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    number = int(value)
    if number < low or (high is not None and number > high):
        wanted = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")
    return number


def check_option(name: str, value: Any, options: Iterable[Any]) -> Any:
    """`value`, which must be one of `options`."""
    options = list(options)
    if not any(value is option or (isinstance(value, str) and value == option)
               for option in options):
        known = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {known}; got {value!r}.")
    return value


def check_neighbor_counts(n_neighbors: Any, n_rows: int) -> np.ndarray:
    """Increasing, distinct numbers of neighbours in [1, n_rows - 2]."""
    counts = np.asarray(n_neighbors)
    if counts.size == 0 or counts.dtype.kind not in "iu":
        raise TypeError("n_neighbors must be 'auto', an integer or an array of integers, "
                        f"got {n_neighbors!r}.")
    counts = np.unique(counts)
    if counts[0] < 1 or counts[-1] > n_rows - 2:
        wrong = counts[0] if counts[0] < 1 else counts[-1]
        raise ValueError(f"n_neighbors must lie between 1 and {n_rows - 2} (two less than the "
                         f"{n_rows} pooled rows), got {wrong}.")
    return counts.astype(np.int64)


def check_finite(array: np.ndarray, name: str, columns: Sequence[Any] | None = None) -> None:
    """Refuse NaN and infinity, naming the first such row and column."""
    with np.errstate(invalid="ignore"):
        if array.dtype.kind != "f" or np.isfinite(array.sum(dtype=np.longdouble)):
            return
    bad = ~np.isfinite(array)
    if not bad.any():
        return
    row, column = np.argwhere(bad)[0]
    what = "NaN" if np.isnan(array[row, column]) else "infinity"
    where = f"column {columns[column]!r}" if columns is not None else f"column {column}"
    raise ValueError(
        f"{name} contains {what} (row {row}, {where}; {int(bad.any(axis=1).sum())} rows in all). "
        "NaN and infinity are not allowed: drop or impute these rows first."
    )


def check_scale(array: np.ndarray, name: str, columns: Sequence[Any] | None = None) -> None:
    """Refuse columns whose squares are no floats, as variances and products ask for them."""
    with np.errstate(over="ignore"):
        largest, spread = np.abs(array).max(axis=0), np.ptp(array, axis=0)
    for wrong, size in ((largest > _LARGE, largest),
                        ((spread > 0) & (spread < 1 / _LARGE), spread)):
        if wrong.any():
            column = int(np.argmax(wrong))
            where = f"column {columns[column]!r}" if columns is not None else f"column {column}"
            raise ValueError(f"{name} holds numbers of size {size[column]:.3g} ({where}), whose "
                             "squares are no floats: multiply the column by a constant.")


def check_constant_columns(array: np.ndarray, columns: Sequence[Any] | None, advice: str) -> None:
    """Raise if a column of X holds one value only; `advice` says what to do about it."""
    constant = np.flatnonzero((array == array[0]).all(axis=0))
    if len(constant):
        names = range(array.shape[1]) if columns is None else columns
        which = ", ".join(str(names[c]) for c in constant[:5])
        raise ValueError(f"X has columns that hold one value only: {which}. {advice}")


def check_rows(estimator: Any, X: Any, y: Any = None, *, reset: bool = True,
               min_samples: int = 1) -> Any:
    """`X` (and `y`) as scikit-learn checks them, with errors that name rows and columns."""
    settings: dict[str, Any] = {"dtype": np.float64, "order": "C", "force_writeable": True,
                                "ensure_all_finite": False, "ensure_min_samples": min_samples}
    refuse_parts(X, "X")
    _refuse_other_columns(X, "X")
    if getattr(X, "ndim", 2) == 1 or (isinstance(X, (list, tuple)) and X and np.isscalar(X[0])):
        raise ValueError(f"Expected 2D array, got 1D array instead, with {len(X)} entries. Reshape "
                         "your data: X.reshape(-1, 1) is one column.")
    with naming("X"):
        out = (validate_data(estimator, X, reset=reset, **settings) if y is None else
               validate_data(estimator, X, y, reset=reset, **settings))
    check_finite(out if y is None else out[0], "Input X",
                 getattr(estimator, "feature_names_in_", None))
    return out


def check_sample_weight(sample_weight: Any, n: int) -> np.ndarray | None:
    """Weights (n,) with sum 1; None where none are given."""
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"sample_weight must hold numbers, got {sample_weight!r}.") from None
    if weights.ndim == 2 and weights.shape[1] == 1:
        weights = weights[:, 0]
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have one entry per row, shape ({n},), got shape "
                         f"{weights.shape}.")
    wrong = np.flatnonzero(~((weights >= 0) & (weights < np.inf)))
    if len(wrong):
        raise ValueError("sample_weight must hold finite numbers, 0 or more; entry "
                         f"{wrong[0]} is {weights[wrong[0]]:g}.")
    if not weights.any():
        raise ValueError("sample_weight is zero for every row; at least one must be positive.")
    weights = weights / weights.max()  # the sum stays finite
    return weights / weights.sum()


def weighted_rows(X: np.ndarray, sample_weight: Any
                  ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Rows of positive weight, their weights with sum 1 (None: all equal), and their numbers."""
    weights = check_sample_weight(sample_weight, len(X))
    if weights is None:
        return X, None, np.arange(len(X))
    used = np.flatnonzero(weights > 0)
    X, weights = X[used], weights[used]
    return X, None if np.ptp(weights) == 0 else weights, used


def as_rows(X: Any) -> Any:
    """One-dimensional input as one column; everything else as it is."""
    refuse_parts(X, "X")
    if isinstance(X, pd.Series):
        return X.to_frame()
    return np.reshape(np.asarray(X), (-1, 1)) if np.ndim(X) == 1 else X


def check_two_samples(estimator: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows and a mask of those from P; sets ``classes_`` (reference first) and ``n_samples_``."""
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: "
            "y says which of two samples each row is from (fit_samples(P, Q) takes two samples)."
        )
    X, y = check_rows(estimator, X, y, min_samples=2)
    if np.asarray(y).dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        raise ValueError("Unknown label type: continuous. y must name two samples, got fractions.")
    classes, code = label_codes(y)
    if (found := len(classes)) != 2:
        raise ValueError("Only binary classification is supported. y must name two samples, "
                         f"got {found} class{'es' if found != 1 else ''}.")
    estimator.classes_ = classes
    is_p = code == 1
    estimator.n_samples_ = (int(is_p.sum()), int((~is_p).sum()))
    return X, is_p


def label_codes(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The labels in order, and the number of each entry's."""
    if pd.isna(y).any():
        raise ValueError("y holds missing values; give every row a label.")
    try:
        classes, code = np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise TypeError(f"y must hold labels of one type, got {' and '.join(kinds)}.") from None
    return classes, code


def check_row_groups(groups: Any, is_p: np.ndarray) -> list[np.ndarray]:
    """Positions of the rows of each group; at least one group must hold both samples."""
    if np.ndim(groups) == 0:
        raise ValueError(f"groups must have one entry per row ({len(is_p)}), got {groups!r}.")
    groups = column_or_1d(groups)
    if len(groups) != len(is_p):
        raise ValueError(f"groups must have one entry per row ({len(is_p)}), got {len(groups)}.")
    if pd.isna(groups).any():
        raise ValueError("groups holds missing values; give every row a group.")
    code = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(code[order])) + 1)
    if not any(is_p[block].any() and not is_p[block].all() for block in blocks):
        raise ValueError("every group holds rows of one sample only, so no label can be permuted; "
                         "use groups that hold rows of both samples.")
    return blocks


def check_counts(P: Any, Q: Any, names: tuple[str, str] = ("P", "Q")
                 ) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Whole counts over the same cells, without the cells that are empty in both, and the cells.

    Two Series are matched by their index; the cells of anything else are 0, 1, ...
    """
    if isinstance(P, pd.Series) and isinstance(Q, pd.Series):
        for name, series in zip(names, (P, Q), strict=True):
            if not series.index.is_unique:
                twice = series.index[series.index.duplicated()][0]
                raise ValueError(f"{name} has more than one count for {twice!r}; add them up.")
        P, Q = P.align(Q, join="outer", fill_value=0)
    a, cells = _whole_counts(P, names[0])
    b, other = _whole_counts(Q, names[1])
    if len(a) != len(b):
        raise ValueError(f"{names[0]} and {names[1]} must have the same cells, got {len(a)} and "
                         f"{len(b)} counts.")
    used = a + b > 0
    return a[used], b[used], (cells if isinstance(P, pd.Series) else other)[used]


def _whole_counts(values: Any, name: str) -> tuple[np.ndarray, pd.Index]:
    """Counts as floats, at least one above 0, and the names of their cells."""
    refuse_parts(values, name)  # the names of cells would be lost
    try:
        cells = values.index if isinstance(values, pd.Series) else pd.RangeIndex(len(values))
        counts = check_floats(name, values).reshape(len(cells))
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold one count per cell, got {values!r}.") from None
    wrong = np.flatnonzero(~((counts >= 0) & (counts == np.round(counts)) & (counts < 2**53)))
    if len(wrong):
        raise ValueError(f"{name} must hold counts (whole numbers, 0 or more); "
                         f"entry {cells[wrong[0]]} is {counts[wrong[0]]:g}.")
    if not counts.sum():
        raise ValueError(f"{name} holds no counts: it is empty or all zero.")
    return counts, cells


def check_count_table(table: Any) -> tuple[np.ndarray, pd.Index]:
    """Whole counts (groups, cells) without empty rows and columns, and the names of the groups."""
    refuse_parts(table, "counts")
    if hasattr(table, "columns") and not isinstance(table, pd.DataFrame):  # polars and its kin
        table = pd.DataFrame({column: np.asarray(table[column]) for column in table.columns})
    try:
        frame = pd.DataFrame(table)
        if "c" in {getattr(dtype, "kind", "") for dtype in frame.dtypes}:
            raise TypeError("complex numbers")
        values = frame.to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise ValueError("counts must hold numbers only, a row for each group.") from None
    wrong = np.argwhere(~((values >= 0) & (values == np.round(values)) & (values < 2**53)))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError("counts must hold counts (whole numbers, 0 or more); row "
                         f"{frame.index[row]}, column {frame.columns[column]} is "
                         f"{values[row, column]:g}.")
    rows = values.any(axis=1)
    if (found := np.count_nonzero(rows)) < 2:
        raise ValueError("counts must have a row for each of two or more groups, got "
                         f"{found} that {'is' if found == 1 else 'are'} not all zero.")
    return values[rows][:, values.any(axis=0)], frame.index[np.flatnonzero(rows)]


def check_edges(edges: np.ndarray) -> np.ndarray:
    """Strictly increasing limits between cells; infinite ones at the ends are left out."""
    if edges.ndim != 1 or np.isnan(edges).any() or not (edges[1:] > edges[:-1]).all() or (
            not np.isfinite(edges).any()):
        raise ValueError("edges must be numbers that increase strictly, got "
                         f"{', '.join(f'{edge:g}' for edge in np.ravel(edges)[:20]) or 'none'}.")
    return edges[np.isfinite(edges)]


def check_sample(sample: Any, name: str) -> tuple[np.ndarray, list[Any] | None]:
    """One sample as a float matrix, and its column names where it has some.

    One-dimensional input is one column.
    """
    columns = None
    refuse_parts(sample, name)
    _refuse_other_columns(sample, name)
    if hasattr(sample, "columns") and hasattr(sample, "shape"):
        columns = list(sample.columns)
        if len(set(columns)) < len(columns):
            twice = next(c for c in columns if columns.count(c) > 1)
            raise ValueError(f"{name} has more than one column named {twice!r}.")
        sample = pd.DataFrame({column: np.asarray(sample[column]) for column in columns})
        _refuse_other_columns(sample, name)
    elif not isinstance(sample, (list, tuple)) and np.ndim(sample) == 0:
        raise ValueError(f"{name} must be a table with rows and columns, got {sample!r}.")
    elif np.ndim(sample) == 1:
        sample = np.reshape(np.asarray(sample), (-1, 1))
    with naming(name):
        array = check_array(sample, dtype=np.float64, order="C", ensure_all_finite=False,
                            input_name=name)
    check_finite(array, name, columns)
    return array, columns


def _refuse_other_columns(X: Any, name: str) -> None:
    """Refuse masked arrays, and data frames with columns that are not numbers, naming them."""
    if np.ma.isMaskedArray(X):
        raise ValueError(f"{name} is a masked array, and the mask would be lost; drop or fill the "
                         "masked values first.")
    if not (hasattr(X, "columns") and hasattr(X, "dtypes")):
        return
    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(
        {column: np.asarray(X[column]) for column in X.columns})
    other = [str(c) for i, c in enumerate(frame.columns)
             if not pd.api.types.is_numeric_dtype(frame.iloc[:, i].infer_objects())]
    if other:
        raise ValueError(
            f"{name} must hold numbers only; these columns do not: {', '.join(other[:5])}"
            f"{' ...' if len(other) > 5 else ''}. Drop them, or encode them as numbers.")
