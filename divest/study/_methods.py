"""Methods of a study: functions and estimators, called alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from divest.study._outcomes import is_text

_SEEDED = ("rng", "random_state")  # parameters; functions of scipy have had one, the other, or both


@dataclass(frozen=True)
class Method:
    """A function of the data, or an estimator to be cloned and fitted.

    `seeded` names its parameters `random_state` and `rng` that are None; in each replication the
    first get a number, the second a Generator.
    """

    target: Any
    is_estimator: bool
    seeded: tuple[str, ...]

    def __call__(self, data: tuple[Any, ...], seeds: list[int]) -> Any:
        """What it gives for the data."""
        chosen = {name: _source(name, seed)
                  for name, seed in zip(self.seeded, seeds, strict=True)}
        if not self.is_estimator:
            return self.target(*data, **chosen)
        model = clone(self.target)
        if chosen:
            model.set_params(**chosen)
        two = len(data) == 2 and hasattr(model, "fit_samples")
        return (model.fit_samples if two else model.fit)(*data)


def _source(name: str, seed: int) -> Any:
    """What a parameter draws from: a number, or the Generator of it."""
    return np.random.Generator(np.random.PCG64(seed)) if name.split("__")[-1] == "rng" else seed


def check_methods(methods: Any) -> dict[str, Method]:
    """Methods by name."""
    if not isinstance(methods, Mapping) or not methods:
        raise TypeError("methods must be a dict from names to functions or estimators, got "
                        f"{methods!r}.")
    for name in methods:
        if not isinstance(name, str) or not name or "\0" in name or not is_text(name):
            raise TypeError(f"the keys of methods must be names, got {name!r}.")
    return {name: _method(name, target) for name, target in methods.items()}


def _method(name: str, target: Any) -> Method:
    if isinstance(target, type):
        raise TypeError(f"methods[{name!r}] is the class {target.__name__}; give an object, such "
                        f"as {target.__name__}().")
    if hasattr(target, "fit") and hasattr(target, "get_params"):
        parameters = target.get_params(deep=True)
        return Method(target, True, tuple(sorted(
            key for key, value in parameters.items()
            if key.split("__")[-1] in _SEEDED and value is None)))
    if callable(target):
        return Method(target, False, _unset(target))
    raise TypeError(f"methods[{name!r}] must be a function of the data, or an estimator with fit "
                    f"and get_params, got {target!r}.")


def _unset(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameter `rng` or `random_state` of a function, where it is None by default."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a function without a signature
        return ()
    found = [name for name in _SEEDED if name in parameters]
    unset = all(parameters[name].default is None for name in found)
    return tuple(found[:1]) if unset else ()  # one is enough: both are refused by scipy
