"""Run one case, and say what was wrong with how it ended."""

import copy
import dataclasses
import os
import re
import signal
import threading
import traceback
import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse
import statsmodels.tools.sm_exceptions  # noqa: F401  (its import adds filters of warnings)
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning

from divest import ConvergenceWarning, TrustWarning

LIMIT = 30  # seconds for one case, on a slow machine
DATA_WORDS = re.compile(r"\b(rows?|columns?|features?|samples?|arrays?|data|X|y|P|Q|table|cells?|"
                        r"counts?|sequences?|symbols?|states?|labels?|dtype|class(es)?)\b")


KNOWN = (TrustWarning, ConvergenceWarning,
         DataConversionWarning)  # the last: y is one column, in the words of scikit-learn's checks


WORDS = {  # what errors call an argument as well
    "P": ("current",), "Q": ("reference",), "draws": ("sample",), "sample_weight": ("samples",),
    "rng": ("random_state",),
    "matrices": ("element", "elements", "group"), "divergences": ("divergence",),
    "perms": ("element", "elements", "group"), "functions": ("element", "elements", "group"),
    "n_features": ("element", "group"), "draw": ("matrices",), "method": ("estimator",),
    "edit": ("Edit",), "ell": ("bandwidth",), "order": ("group",), "test": ("estimator",),
    "columns": ("column",),
    "estimate_parameters": ("family",), "a": ("model",), "b": ("model",), "kernels": ("kernel",),
    "n_symbols": ("symbols",), "blocks": ("group",), "model": ("alphabet",), "X": ("array",),
    "stop": ("length",), "length": ("stop",), "x": ("[x]",),
}


class TooLong(BaseException):
    """No ordinary `except` catches it."""


@contextmanager
def time_limit(seconds):
    """End with `TooLong`; where signals are missing, do nothing."""
    if not hasattr(signal, "setitimer") or (
            threading.current_thread() is not threading.main_thread()):
        yield
        return

    def stop(*_):
        raise TooLong(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kept(value):
    """A copy of what a call must not change."""
    if isinstance(value, (np.ndarray, pd.DataFrame, pd.Series, pl.DataFrame, pl.Series, list, dict,
                          set, tuple)) or scipy.sparse.issparse(value):
        return copy.deepcopy(value)
    return None


def unchanged(value, before):
    """Whether `value` is as it was."""
    if before is None:
        return True
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.all(value.mask == before.mask)) and unchanged(value.data, before.data)
    if isinstance(value, np.ndarray):
        if value.dtype == object or value.dtype.kind in "US":
            return repr(value) == repr(before)
        same = value.dtype == before.dtype and value.shape == before.shape
        return same and np.array_equal(value, before, equal_nan=value.dtype.kind in "fcmM")
    if isinstance(value, (pd.DataFrame, pd.Series, pl.DataFrame, pl.Series)):
        return value.equals(before)
    if scipy.sparse.issparse(value):
        return unchanged(value.data, before.data)
    return repr(value) == repr(before)


def floats(value, path="", depth=0):
    """(path, array of floats) for every number that a result holds."""
    if depth > 6 or isinstance(value, (str, bytes, type)) or (callable(value) and not (
            dataclasses.is_dataclass(value) or isinstance(value, BaseEstimator))):
        return
    if isinstance(value, (float, np.floating, complex, np.complexfloating)):
        yield path, np.array([value])
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "fc":
            yield path, value.ravel()
    elif isinstance(value, (pd.Series, pd.Index)):
        if value.dtype.kind in "fc":
            yield path, value.to_numpy()
    elif isinstance(value, pd.DataFrame):
        for i, name in enumerate(value.columns):
            yield from floats(value.iloc[:, i], f"{path}.{name}", depth + 1)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from floats(part, f"{path}.{name}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from floats(part, f"{path}[]", depth + 1)
    elif isinstance(value, BaseEstimator):
        for name, part in sorted(vars(value).items()):
            if name.endswith("_") and not name.startswith("_"):
                yield from floats(part, f"{path}.{name}", depth + 1)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from floats(getattr(value, field.name), f"{path}.{field.name}", depth + 1)


def doubted(value):
    """Whether the result says that it is doubtful."""
    if isinstance(value, pd.DataFrame):
        return "trusted" in value and not value["trusted"].astype(bool).all()
    if isinstance(value, tuple):
        return any(map(doubted, value))
    if getattr(value, "trusted", None) is False:  # of a comparison, from its columns
        return True
    for name in ("diagnostics", "diagnostics_"):
        found = getattr(value, name, None)
        if isinstance(found, pd.DataFrame) and len(found) and "passed" in found:
            return not found["passed"].all()
        if isinstance(found, tuple):
            return not all(getattr(d, "passed", True) for d in found)
    return False


def state():
    """What a call must leave as it found it."""
    kind, keys, position, has_gauss, _ = np.random.get_state()  # noqa: NPY002
    return (kind, keys.tobytes(), position, has_gauss, tuple(np.geterr().items()),
            tuple(map(repr, warnings.filters)), pd.get_option("display.max_rows"))


def judge(case):
    """None where the case ended well; otherwise what is wrong, in one line."""
    before = {name: kept(value) for name, value in case.arguments.items()}
    error = result = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = state()
        try:
            with time_limit(LIMIT):
                result = case.call.run(**case.arguments)
                if case.render:
                    rendered(result)
        except TooLong as long:
            return f"hangs: {long}"
        except Exception as raised:
            error = raised
        if state() != found:
            return "changes the global state"
    others = [w for w in caught if not issubclass(w.category, KNOWN) and not (
        "valid feature names" in str(w.message) or "X has feature names" in str(w.message)
        or " deprecated - use " in str(w.message))]  # matplotlib 3.9 of newer pyparsing
    if others:
        where = f"{others[0].filename.rpartition(os.sep)[2]}:{others[0].lineno}"
        return f"warns: {others[0].category.__name__}: {str(others[0].message)[:150]} at {where}"
    changed = [name for name, value in case.arguments.items()
               if not unchanged(value, before[name])]
    if changed:
        return f"changes its argument {changed[0]}"
    if error is not None:
        return wrong_error(case, error)
    return not_finite(case, result, caught)


def rendered(result):
    """Show the result in every way it knows."""
    repr(result)
    for name in ("to_frame", "summary", "_repr_html_"):
        if callable(getattr(type(result), name, None)):
            try:
                getattr(result, name)()
            except TypeError as error:
                if "required positional" not in str(error):
                    raise


def wrong_error(case, error):
    """What is wrong with an error, if anything."""
    shown = f"{type(error).__name__}: {str(error)[:200]!r} at {place(error)}"
    if isinstance(error, case.call.also):
        return None
    if not isinstance(error, (ValueError, TypeError)) or isinstance(
            error, (np.linalg.LinAlgError, UnicodeError)):
        return f"raises {shown}"
    if not case.odd:
        return f"refuses good input: {shown}"
    text = str(error)
    named = any(re.search(rf"(?<![A-Za-z0-9]){re.escape(word)}(?![A-Za-z0-9])", text)
                for name in case.odd for word in (name, *WORDS.get(name, ())))
    data = any(name in case.call.kinds for name in case.odd) and DATA_WORDS.search(text)
    return None if named or data else f"does not name the argument: {shown}"


def place(error):
    """The last line of divest that the error went through."""
    lines = [line for line in traceback.extract_tb(error.__traceback__)
             if f"{os.sep}divest{os.sep}" in line.filename]
    return f"{lines[-1].filename.rpartition(os.sep)[2]}:{lines[-1].lineno}" if lines else "the call"


def not_finite(case, result, caught):
    """What is wrong with the numbers of a result, if anything."""
    bad = [path for path, values in floats(result)
           if not np.isfinite(values).all() and not case.call.may_be_nan.search(path)]
    if not bad or caught or doubted(result):
        return None
    return f"silent: not finite: {', '.join(sorted(set(bad))[:6])}"
