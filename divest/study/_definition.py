"""What a study is, as JSON, so that its store can tell it from another one."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from divest.study._errors import StudyMismatchError
from divest.study._methods import Method

_PLAIN = (str, int, float, bool, type(None))


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
                 for what, (was, now) in pairs.items() if was != now]
    if different:
        raise StudyMismatchError("the store was made by another study: "
                                 f"{'; '.join(different)}. Use another file, or another name for a "
                                 "method that has changed.")


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
        return repr(value) if isinstance(value, float) else value
    if isinstance(value, (list, tuple)):
        return [_described(entry, where) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): _described(entry, where) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        digest = sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return f"array{value.shape} {value.dtype} {digest}"
    if isinstance(value, functools.partial):
        return {"partial": _described(value.func, where), "args": _described(value.args, where),
                "keywords": _described(value.keywords, where)}
    if hasattr(value, "__qualname__"):
        return _named(value, where)
    return _by_repr(value, where)


def _named(function: Any, where: str) -> str:
    """Module and qualified name of a function or class."""
    owner = getattr(function, "__self__", None)
    if owner is not None and not inspect.ismodule(owner) and not inspect.isclass(owner):
        return f"{_by_repr(owner, where)}.{function.__name__}"
    if "<lambda>" in function.__qualname__:
        raise TypeError(f"{where} is a lambda, which a store cannot tell from another one; define "
                        "a function with def, and use functools.partial for its settings.")
    if getattr(function, "__closure__", None):
        raise TypeError(f"{where} is {function.__qualname__}, which uses variables of the function "
                        "around it; a store cannot tell it from another one. Pass them with "
                        "functools.partial.")
    return _qualified(function)


def _by_repr(value: Any, where: str) -> str:
    text = repr(value)
    if isinstance(value, np.random.Generator) or re.search(r" at 0x[0-9a-fA-F]+", text):
        raise TypeError(f"{where} is {text}, which a store cannot tell from others: the text "
                        "for it does not say what is in it. Use a number, a name or a function "
                        "instead, or give its class a __repr__.")
    return f"{_qualified(type(value))} {text}"


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"
