"""What a study is, as JSON, so that its store can tell it from another one."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from divest.study._errors import StudyMismatchError
from divest.study._methods import Method

_PLAIN = (str, int, float, bool, type(None))
_UNTOLD = re.compile(r" at 0x[0-9a-fA-F]+|\.\.\.|…")  # an address, or something left out
_IN_FULL = ("display.max_rows", None, "display.max_columns", None, "display.max_colwidth", None,
            "display.width", None, "display.precision", 17)


def define(seed: int, confidence_level: float, simulate: Any,
           methods: Mapping[str, Method]) -> dict[str, Any]:
    """The parts that every row depends on."""
    return {"seed": seed, "confidence_level": confidence_level,
            "simulate": _described(simulate, "simulate"),
            "methods": {name: _described_method(method, f"methods[{name!r}]")
                        for name, method in methods.items()}}


def check_same(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Refuse a store of another study; methods that only one of them has are fine."""
    if not old:  # a new file
        return
    pairs = {key: (old[key], new[key]) for key in ("seed", "simulate", "confidence_level")}
    for name in sorted(old["methods"].keys() & new["methods"].keys()):
        was, now = old["methods"][name], new["methods"][name]
        pairs |= {f"methods[{name!r}] {key}": (was.get(key, "nothing"), now.get(key, "nothing"))
                  for key in sorted(was.keys() | now.keys())}
    different = [f"{what}: {_short(was)} in the store, {_short(now)} now"
                 for what, (was, now) in pairs.items() if _text(was) != _text(now)]
    if different:
        raise StudyMismatchError("the store was made by another study: "
                                 f"{'; '.join(different)}. Use another file, or another name for a "
                                 "method that has changed.")


def _text(value: Any) -> str:
    """As JSON, which tells 1 from true, and "0.5" from 0.5, and finds NaN equal to itself."""
    return json.dumps(value, sort_keys=True)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _described_method(method: Method, where: str) -> dict[str, Any]:
    """Class and parameters of an estimator, or the name of a function."""
    target = method.target
    if not method.is_estimator:
        return {"function": _described(target, where)}
    parameters = {key: _described(value, f"parameter {key} of {where}")
                  for key, value in target.get_params(deep=True).items()}
    return {"class": _qualified(type(target))} | parameters


def _described(value: Any, where: str) -> Any:
    """JSON that is the same for equal values and another one for others; refuses what has none."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [_described(entry, where) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): _described(entry, where) for key, entry in value.items()}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(_text(_described(entry, where)) for entry in value)}
    if isinstance(value, np.ndarray):
        return _described_array(value, where)
    if isinstance(value, (pd.DataFrame, pd.Series, pd.Index)):
        return _described_table(value, where)
    if isinstance(value, functools.partial):
        return {"partial": _described(value.func, where), "args": _described(value.args, where),
                "keywords": _described(value.keywords, where)}
    if hasattr(value, "__qualname__"):
        return _named(value, where)
    if hasattr(value, "get_params"):  # its text may leave out the middle
        return {"class": _qualified(type(value)),
                "parameters": _described(value.get_params(deep=False), where)}
    return _by_repr(value, where)


def _described_array(array: np.ndarray, where: str) -> str:
    """Shape, type and hash of the values; not of their addresses, where they are objects."""
    content = (_text(_described(array.ravel().tolist(), where)).encode() if array.dtype.hasobject
               else np.ascontiguousarray(array).tobytes())
    return f"array{array.shape} {array.dtype} {sha256(content).hexdigest()}"


def _described_table(table: Any, where: str) -> dict[str, Any]:
    """Names, types and hashes of index and columns; the text of a long table shows its ends."""
    frame = table if isinstance(table, pd.DataFrame) else table.to_frame()
    parts = [frame.index, *(frame.iloc[:, i] for i in range(frame.shape[1]))]
    return {"table": _qualified(type(table)), "names": _described(list(frame.columns), where),
            "columns": [f"{part.dtype} {_described_array(np.asarray(part), where)}"
                        for part in parts]}


def _named(function: Any, where: str) -> Any:
    """Module and qualified name of a function or class, and what it is bound to."""
    owner = getattr(function, "__self__", None)
    if inspect.isclass(owner):
        return f"{_qualified(owner)}.{function.__name__}"
    if owner is not None and not inspect.ismodule(owner):
        return {"method": function.__name__, "of": _described(owner, where)}
    if "<lambda>" in function.__qualname__:
        raise TypeError(f"{where} is a lambda, which a store cannot tell from another one; define "
                        "a function with def, and use functools.partial for its settings.")
    if getattr(function, "__closure__", None):
        raise TypeError(f"{where} is {function.__qualname__}, which uses variables of the function "
                        "around it; a store cannot tell it from another one. Pass them with "
                        "functools.partial.")
    defaults = [getattr(function, "__defaults__", None), getattr(function, "__kwdefaults__", None)]
    if "<locals>" in function.__qualname__ and any(defaults):  # made several times, it may be
        return {"function": _qualified(function), "defaults": _described(defaults, where)}
    return _qualified(function)


def _by_repr(value: Any, where: str) -> str:
    with np.printoptions(threshold=2**62, floatmode="unique"), pd.option_context(*_IN_FULL):
        text = repr(value)
    if _UNTOLD.search(text) or (text.startswith("<") and not isinstance(value, Enum)):
        raise TypeError(f"{where} is {text}, which a store cannot tell from others: the text "
                        "for it does not say what is in it. Use a number, a name or a function "
                        "instead, or give its class a __repr__.")
    return f"{_qualified(type(value))} {text}"


def _qualified(thing: Any) -> str:
    """Module and name; methods of builtin types have no module of their own."""
    module = getattr(thing, "__module__", None) or getattr(
        getattr(thing, "__objclass__", None), "__module__", None)
    return f"{module}.{thing.__qualname__}"
