"""Odd forms of a table of numbers: shapes, types, values, scales, layouts and containers."""

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

FOLDER = tempfile.TemporaryDirectory()


def with_entry(X, value):
    """A copy with `value` in its middle row."""
    X = np.array(X)
    if X.size:
        X[len(X) // 2, X.shape[1] // 2] = value
    return X


def with_column(X, change):
    """A copy whose last column is changed."""
    X = np.array(X, dtype=float)
    if X.shape[1]:
        X[:, -1] = change(X[:, -1])
    return X


def read_only(X):
    X = np.array(X)
    X.flags.writeable = False
    return X


def mapped(X):
    """The same in a file, read as it is needed."""
    if not X.size:
        return X
    path = Path(FOLDER.name) / "rows.npy"
    path.unlink(missing_ok=True)  # an array that is still open keeps its own file
    np.save(path, X)
    return np.load(path, mmap_mode="r")


def frame(X, **settings):
    return pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])], **settings)


def with_missing(X):
    """A frame of nullable floats, one of which is missing."""
    table = frame(X).astype("Float64")
    if X.size:
        table.iloc[len(X) // 2, -1] = pd.NA
    return table


def other_last(X, values):
    """A frame whose last column holds something else."""
    table = frame(X)
    if X.shape[1]:
        table[table.columns[-1]] = pd.Series(values(len(X)), index=table.index)
    return table


def strided(X):
    wide = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    return wide[::2, ::2]


VALUES = {  # numbers stay numbers: floats (n, d) to floats (n, d)
    "no rows": lambda X: X[:0],
    "one row": lambda X: X[:1],
    "two rows": lambda X: X[:2],
    "three rows": lambda X: X[:3],
    "six rows": lambda X: X[:6],
    "no columns": lambda X: X[:, :0],
    "one column": lambda X: X[:, :1],
    "many columns": lambda X: np.hstack([X + 0.1 * i for i in range(12)]),
    "whole": lambda X: np.round(X),
    "two values": lambda X: np.sign(X) + (X == 0),
    "constant": np.ones_like,
    "zero": np.zeros_like,
    "constant column": lambda X: with_column(X, np.ones_like),
    "twice the column": lambda X: np.hstack([X, X[:, :1]]),
    "nearly twice the column": lambda X: np.hstack([X, X[:, :1] * (1 + 1e-13)]),
    "twice the rows": lambda X: np.vstack([X, X]),
    "one row repeated": lambda X: np.vstack([X, *[X[:1]] * len(X)]),
    "sorted": lambda X: np.sort(X, axis=0),
    "offset 1e8": lambda X: X + 1e8,
    "offset -1e15": lambda X: X - 1e15,
    "offset 1e300": lambda X: X + 1e300,
    "scale 5e-324": lambda X: np.sign(X) * 5e-324,
    "scale 1e-300": lambda X: X * 1e-300,
    "scale 1e-200": lambda X: X * 1e-200,
    "scale 1e-150": lambda X: X * 1e-150,
    "scale 1e-12": lambda X: X * 1e-12,
    "scale 1e12": lambda X: X * 1e12,
    "scale 1e100": lambda X: X * 1e100,
    "scale 1e150": lambda X: X * 1e150,
    "scale 1e200": lambda X: X * 1e200,
    "scale 1e300": lambda X: X * 1e300,
    "largest": lambda X: np.sign(X) * np.finfo(float).max,
    "mixed scales": lambda X: with_column(X, lambda x: x * 1e150),
    "mixed small scales": lambda X: with_column(X, lambda x: x * 1e-200),
    "outlier 1e10": lambda X: with_entry(X, 1e10),
    "outlier 1e200": lambda X: with_entry(X, 1e200),
    "outlier 1e308": lambda X: with_entry(X, -1e308),
    "NaN": lambda X: with_entry(X, np.nan),
    "all NaN": lambda X: np.full_like(X, np.nan),
    "infinity": lambda X: with_entry(X, np.inf),
    "minus infinity": lambda X: with_entry(X, -np.inf),
    "minus zero": lambda X: with_entry(X, -0.0),
    "positive": np.abs,
}
FORMS = {  # the same numbers, or what stands in their place, in another type or container
    "one-dimensional": np.ravel,
    "three-dimensional": lambda X: X[None],
    "no dimension": lambda X: np.array(1.0),
    "integers": lambda X: np.round(np.clip(np.nan_to_num(X), -9, 9)).astype(int),
    "bytes": lambda X: np.round(np.clip(np.nan_to_num(X), 0, 9)).astype(np.uint8),
    "booleans": lambda X: X > 0,
    "float32": lambda X: np.clip(X, -3e38, 3e38).astype(np.float32),
    "float16": lambda X: np.clip(X, -6e4, 6e4).astype(np.float16),
    "long double": lambda X: X.astype(np.longdouble),
    "big endian": lambda X: X.astype(">f8"),
    "complex": lambda X: X.astype(complex),
    "objects": lambda X: X.astype(object),
    "objects with text": lambda X: with_entry(X.astype(object), "a"),
    "objects with None": lambda X: with_entry(X.astype(object), None),
    "objects with a list": lambda X: with_entry(X.astype(object), {"a": 1}),
    "text": lambda X: X.astype(str),
    "words": lambda X: np.full(X.shape, "word"),
    "dates": lambda X: np.full(X.shape, np.datetime64("2026-01-01")),
    "durations": lambda X: np.full(X.shape, np.timedelta64(3, "s")),
    "Fortran order": np.asfortranarray,
    "read-only": read_only,
    "memory-mapped": mapped,
    "strided": strided,
    "backwards": lambda X: X[::-1],
    "list": lambda X: X.tolist(),
    "tuple": lambda X: tuple(map(tuple, X.tolist())),
    "ragged": lambda X: [*X.tolist(), [1.0, 2.0, 3.0, 4.0, 5.0]],
    "frame": frame,
    "frame of objects": lambda X: frame(X).astype(object),
    "frame of float32": lambda X: frame(np.clip(X, -3e38, 3e38)).astype(np.float32),
    "frame of booleans": lambda X: frame(X > 0),
    "frame, nullable": lambda X: frame(X).astype("Float64"),
    "frame with NA": with_missing,
    "frame with categories": lambda X: other_last(X, lambda n: pd.Categorical(["a", "b"] * n)[:n]),
    "frame with words": lambda X: other_last(X, lambda n: ["a"] * n),
    "frame with dates": lambda X: other_last(X, lambda n: pd.date_range("2026", periods=n)),
    "frame with complex": lambda X: other_last(X, lambda n: np.ones(n, dtype=complex)),
    "frame, names twice": lambda X: pd.DataFrame(X, columns=["a"] * X.shape[1]),
    "frame, numbers as names": pd.DataFrame,
    "frame, names of both kinds": lambda X: pd.DataFrame(
        X, columns=[0, *map(str, range(1, X.shape[1]))][:X.shape[1]]),
    "frame, odd index": lambda X: frame(X, index=["row"] * len(X)),
    "frame, two levels": lambda X: pd.DataFrame(
        X, columns=pd.MultiIndex.from_tuples([("a", i) for i in range(X.shape[1])])
        if X.shape[1] else None),
    "series": lambda X: pd.Series(X.ravel(), name="c0"),
    "polars": lambda X: pl.DataFrame({f"c{i}": X[:, i] for i in range(X.shape[1])}),
    "polars with null": lambda X: pl.DataFrame(
        {f"c{i}": [None, *X[1:, i].tolist()] for i in range(X.shape[1])}),
    "polars with words": lambda X: pl.DataFrame({"c0": ["a"] * len(X)}),
    "sparse": lambda X: scipy.sparse.csr_matrix(np.nan_to_num(X)),
    "masked": lambda X: np.ma.masked_greater(X, 1.0),
    "dict": lambda X: {f"c{i}": X[:, i].tolist() for i in range(X.shape[1])},
    "iterator": lambda X: iter(X.tolist()),
    "set": lambda X: {1.0, 2.0},
    "None": lambda X: None,
    "word": lambda X: "word",
    "number": lambda X: 3.5,
    "function": lambda X: len,
    "empty list": lambda X: [],
    "list of empty lists": lambda X: [[], []],
}


def odd_rows(rng, good):
    """An odd form of the rows `good`, and its name."""
    X, names = np.array(good, dtype=float, ndmin=2), []
    for _ in range(rng.choice([0, 1, 1, 2])):
        names.append(str(rng.choice(list(VALUES))))
        with np.errstate(all="ignore"):
            X = VALUES[names[-1]](X)
    if not names or rng.random() < 0.5:
        names.append(str(rng.choice(list(FORMS))))
        with np.errstate(all="ignore"), suppress(NotImplementedError):  # of pandas, without columns
            X = FORMS[names[-1]](X)
    return X, " + ".join(names)


def odd_column(rng, good):
    """An odd form of one column of numbers (n,)."""
    X, name = odd_rows(rng, np.reshape(np.asarray(good, dtype=float), (-1, 1)))
    one = isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and rng.random() < 0.8
    return (X[:, 0], f"column of {name}") if one else (X, name)
