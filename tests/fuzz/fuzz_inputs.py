"""Odd arguments of every kind: rows, labels, counts, tables, sequences, weights and settings."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
from fuzz_rows import odd_column, odd_rows

HUGE = {"1e300": 1e300, "10**30": 10**30, "infinity": np.inf, "-10**30": -10**30}
WRONG = {
    "None": None, "empty text": "", "word": "nonsense", "auto": "auto", "bytes": b"kl",
    "-1": -1, "0": 0, "1": 1, "2": 2, "3": 3, "7": 7, "-0.5": -0.5, "0.0": 0.0, "0.5": 0.5,
    "1.0": 1.0, "1.5": 1.5, "1e-300": 1e-300, "NaN": float("nan"), "-infinity": -np.inf,
    "True": True, "False": False, "numpy true": np.True_, "numpy 3": np.int64(3),
    "numpy 0.25": np.float64(0.25), "complex": 1 + 2j, "decimal": Decimal("0.5"), "NA": pd.NA,
    "date": datetime.date(2026, 1, 1), "empty list": [], "[1]": [1], "[1, 2]": [1, 2],
    "[0.5, 0.5]": [0.5, 0.5], "[None]": [None], "words": ["a", "b"], "(1, 2)": (1, 2),
    "(2, 1)": (2, 1), "dict": {}, "dict of 1": {"a": 1}, "set": {1}, "object": object(),
    "array": np.array([1.0, np.nan]), "array of 0": np.array([]), "square": np.eye(2),
    "text array": np.array(["a"]), "function": len, "type": int, "frame": pd.DataFrame({"a": [1]}),
    "lambda": lambda *_, **__: None, "of NaN": lambda *a, **__: np.full(3, np.nan),
    **HUGE,
}
WORK = frozenset({  # numbers that ask for work: huge ones are not wrong, but take for ever
    "n_resamples", "n_trials", "n_draws", "n_starts", "n_steps", "n_init", "n_samples", "n_points",
    "n_repeats", "max_iter", "n_jobs", "n_replications", "max_replications", "max_size", "n", "m",
    "n_locations", "grid_points", "sizes", "max_experts", "n_reference", "cv", "d",
})


NO_FLAGS = frozenset({"NA", "array", "array of 0", "square", "text array", "frame"})
NO_FUNCTIONS = frozenset({"function", "type"})  # what fails inside a function is its own error


def odd_setting(rng, name, good=None):
    """A value that the setting `name` may not expect in place of the `good` one."""
    left_out = HUGE if name in WORK else NO_FLAGS if isinstance(good, bool) else (
        NO_FUNCTIONS if callable(good) else ())
    allowed = [key for key in WRONG if key not in left_out]
    key = str(rng.choice(allowed))
    return WRONG[key], key


def odd_labels(rng, good):
    """An odd form of labels (n,)."""
    good = np.asarray(good)
    forms = {
        "one class": lambda: np.zeros(len(good)),
        "three classes": lambda: np.arange(len(good)) % 3,
        "words": lambda: np.where(good == good[0], "a", "b"),
        "objects": lambda: good.astype(object),
        "booleans": lambda: good == good[0],
        "categories": lambda: pd.Categorical(good),
        "series": lambda: pd.Series(good, index=range(5, 5 + len(good))),
        "polars": lambda: pl.Series("y", good.tolist()),
        "short": lambda: good[:-1],
        "none": lambda: good[:0],
        "fractions": lambda: good + 0.5,
        "NaN": lambda: np.append(good[:-1].astype(float), np.nan),
        "missing": lambda: np.append(good[:-1].astype(object), None),
        "mixed": lambda: np.append(good[:-1].astype(object), "a"),
        "square": lambda: np.column_stack([good, good]),
        "a column": lambda: good.reshape(-1, 1),
        "huge": lambda: good * 10**15,
        "dates": lambda: np.where(good == good[0], np.datetime64("2026-01-01"),
                                  np.datetime64("2027-01-01")),
        "None": lambda: None, "word": lambda: "word", "number": lambda: 3, "dict": dict,
        "infinity": lambda: np.append(good[:-1].astype(float), np.inf),
        "complex": lambda: good.astype(complex),
    }
    name = str(rng.choice(list(forms)))
    return forms[name](), name


def odd_counts(rng, good):
    """An odd form of counts: one row of them, or a table."""
    good = np.asarray(good)
    forms = {
        "negative": lambda: -good, "fractions": lambda: good + 0.5, "zero": lambda: good * 0,
        "huge": lambda: good.astype(float) * 1e300, "large": lambda: good * 10**12,
        "beyond": lambda: good * 10**16, "one cell": lambda: good[..., :1],
        "no cell": lambda: good[..., :0], "series": lambda: pd.Series(good.ravel()),
        "other cells": lambda: pd.Series(good.ravel(), index=range(100, 100 + good.size)),
        "cells twice": lambda: pd.Series(good.ravel(), index=[0] * good.size),
        "float32": lambda: good.astype(np.float32), "words": lambda: good.astype(str),
        "booleans": lambda: good > 0, "complex": lambda: good.astype(complex),
        "two cells": lambda: np.concatenate([good.ravel()[:1], [0]]),
        "nullable": lambda: pd.Series(good.ravel(), dtype="Int64"),
        "nullable with NA": lambda: pd.Series([*good.ravel()[:-1], pd.NA], dtype="Int64"),
        "polars": lambda: pl.Series("p", good.ravel().tolist()),
        "frame": lambda: pd.DataFrame(np.atleast_2d(good)), "list": lambda: good.tolist(),
        "uint8": lambda: np.minimum(good, 255).astype(np.uint8),
    }
    if rng.random() < 0.4:
        return odd_column(rng, good.ravel()) if good.ndim == 1 else odd_rows(rng, good)
    name = str(rng.choice(list(forms)))
    with np.errstate(all="ignore"):
        return forms[name](), name


def odd_sequences(rng, good):
    """An odd form of a list of sequences of symbols."""
    forms = {
        "none": list, "empty one": lambda: [*good, ""], "one": lambda: good[:1],
        "other symbols": lambda: [*good, "xyz"], "numbers": lambda: [1, 2, 3],
        "None": lambda: None, "None inside": lambda: [*good, None], "word": lambda: good[0],
        "arrays": lambda: [np.arange(2) for _ in good], "equal": lambda: [good[0]] * len(good),
        "nested": lambda: [[[1, 2]], [[3]]], "long": lambda: [*good, good[0] * 500],
        "floats": lambda: [[0.5, np.nan], [1.0]], "series": lambda: pd.Series(good),
        "polars": lambda: pl.Series("x", [str(x) for x in good]), "dict": lambda: {"a": good},
        "short": lambda: ["a"], "array": lambda: np.zeros((4, 3)), "mixed": lambda: ["ab", (0, 1)],
        "unhashable": lambda: [[{}], [[]]], "frame": lambda: pd.DataFrame({"x": [0, 1, 0]}),
        "tuple": lambda: tuple(good), "iterator": lambda: iter(good), "number": lambda: 3.5,
        "matrix of words": lambda: np.array([["a", "b"], ["b", "a"]]),
    }
    name = str(rng.choice(list(forms)))
    return forms[name](), name


def odd_table(rng, good):
    """An odd form of a data frame with columns of several kinds."""
    def column(values):
        return good.assign(**{first: pd.Series(values, index=good.index)})

    n, (first, second) = len(good), good.columns[:2]
    forms = {
        "no rows": lambda: good.iloc[:0], "one row": lambda: good.iloc[:1],
        "three rows": lambda: good.iloc[:3], "no columns": lambda: good[[]],
        "other names": lambda: good.add_prefix("z"), "polars": lambda: pl.from_pandas(good),
        "nullable": good.convert_dtypes, "all missing": lambda: column([np.nan] * n),
        "some missing": lambda: column([np.nan, *range(n - 1)]),
        "constant": lambda: column([1.0] * n), "words": lambda: column(["a"] * n),
        "mixed": lambda: column(["a", *range(n - 1)]),
        "dates": lambda: column(pd.date_range("2026", periods=n)),
        "zoned dates": lambda: column(pd.date_range("2026", periods=n, tz="UTC")),
        "no dates": lambda: column([pd.NaT] * n),
        "durations": lambda: column(pd.to_timedelta(range(n), unit="s")),
        "periods": lambda: column(pd.period_range("2026", periods=n, freq="D")),
        "intervals": lambda: column(pd.interval_range(0, n)),
        "categories": lambda: good.astype({second: "category"}),
        "unused categories": lambda: good.assign(**{second: pd.Categorical(
            good[second], [*"vw", *good[second].unique()])}),
        "objects": lambda: good.astype(object), "complex": lambda: column(np.ones(n) * 1j),
        "infinity": lambda: column([np.inf, *range(n - 1)]), "1e300": lambda: column(
            good[first] * 1e300), "1e-300": lambda: column(good[first] * 1e-300),
        "1e308": lambda: column(np.where(good[first] > 0, 1e308, -1e308)),
        "offset": lambda: column(good[first] + 1e15), "lists": lambda: column([[1]] * n),
        "dicts": lambda: column([{}] * n), "bytes": lambda: column([b"a"] * n),
        "names twice": lambda: pd.concat([good, good], axis=1), "integers as names": lambda:
            good.set_axis(range(good.shape[1]), axis=1), "booleans": lambda: column([True] * n),
        "big integers": lambda: column([2**63 - 1 - i for i in range(n)]),
        "bigger integers": lambda: column([2**70 + i for i in range(n)]),
        "odd index": lambda: good.set_index(second, drop=False),
        "identifiers": lambda: column([f"id{i}" for i in range(n)]),
        "sparse": lambda: column(pd.arrays.SparseArray(np.arange(n) % 2)),
        "float16": lambda: column(np.arange(n, dtype=np.float16)),
    }
    if rng.random() < 0.2:
        return odd_rows(rng, np.arange(24.0).reshape(12, 2))
    name = str(rng.choice(list(forms)))
    with np.errstate(all="ignore"):
        return forms[name](), name


ODD = {"rows": odd_rows, "column": odd_column, "labels": odd_labels, "counts": odd_counts,
       "sequences": odd_sequences, "table": odd_table,
       "object": lambda rng, good: odd_setting(rng, "object", len)}
