"""From a TOML file to a study: names are looked up, nothing is evaluated."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divest.cli._imports import imported
from divest.cli._options import Failure

if TYPE_CHECKING:
    from divest.study import Study

_NEEDED = ("simulator", "grid", "methods")
_OPTIONAL = ("name", "truth", "n_replications", "seed", "level", "confidence_level")


def read_study(file: str) -> Study:
    """The study that a file describes; everything that can be checked at once is."""
    from divest.study import Study

    content = _content(file)
    _known("keys of the file", content, (*_NEEDED, *_OPTIONAL))
    if missing := [key for key in _NEEDED if key not in content]:
        raise Failure(f"{file} needs the keys {', '.join(_NEEDED)}; {', '.join(missing)} missing")
    name, grid, methods = content.get("name"), content["grid"], content["methods"]
    if not isinstance(name, (str, type(None))):
        raise Failure(f"name must be text, got {name!r}")
    for key, value in (("grid", grid), ("methods", methods)):
        if not isinstance(value, dict) or not value:
            raise Failure(f"[{key}] must be a table with something in it, got {value!r}")
    simulate = _simulator(content["simulator"])
    _takes("grid", grid, simulate, skip=1)
    settings = {key: content[key] for key in _OPTIONAL if key in content and key != "truth"}
    return Study(simulate, {name: _method(f"methods.{name}", table)
                            for name, table in methods.items()},
                 grid, truth=_truth(content.get("truth")), **settings)


def _content(file: str) -> dict[str, Any]:
    """What the file says."""
    if not Path(file).is_file():
        raise Failure(f"no such file: {file}")
    try:
        return tomllib.loads(Path(file).read_text("utf-8-sig"))
    except ValueError as error:  # of TOML, or of UTF-8
        raise Failure(f"cannot read {file} as TOML: {error}") from None


def _simulator(text: Any) -> Any:
    """A simulator of divest, or a function of a module."""
    from divest.datasets import SIMULATORS

    if isinstance(text, str) and ":" in text:
        return _callable(text, "simulator")
    if isinstance(text, str) and text in SIMULATORS:
        return SIMULATORS[text]
    raise Failure(f"simulator must be one of {', '.join(SIMULATORS)}, or package.module:function; "
                  f"got {text!r}")


def _truth(truth: Any) -> Any:
    """A number or name; functions of a module in place of their names."""
    if isinstance(truth, dict):
        return {method: _truth(value) for method, value in truth.items()}
    return _callable(truth, "truth") if isinstance(truth, str) and ":" in truth else truth


def _method(where: str, table: Any) -> Any:
    """An estimator with its parameters, or a function with some of its arguments."""
    if not isinstance(table, dict) or len(table.keys() & {"class", "function"}) != 1:
        raise Failure(f"[{where}] must be a table with either class or function in it, "
                      f"got {table!r}")
    parameters = {key: value for key, value in table.items() if key not in ("class", "function")}
    if "function" in table:
        function = _callable(table["function"], f"function of {where}")
        _takes(where, parameters, function)
        return partial(function, **parameters) if parameters else function
    made = _class(table["class"], f"class of {where}")
    _takes(where, parameters, made)
    try:
        return made(**parameters)
    except Exception as error:  # one that is missing, or one that the class checks
        raise Failure(f"cannot make {table['class']} of {where}: {error}") from None


def _class(text: Any, where: str) -> type:
    """An estimator of divest, or any other by its module."""
    import divest

    if isinstance(text, str) and ":" in text:
        found = imported(text, where)
    else:
        found = getattr(divest, text) if text in divest.__all__ else None
    if _is_estimator(found):
        return found
    if isinstance(text, str) and ":" in text:
        raise Failure(f"{where} must be a class with fit and get_params; {text} is {found!r}")
    names = [name for name in divest.__all__ if _is_estimator(getattr(divest, name))]
    raise Failure(f"{where} must be one of {', '.join(names)}, or package.module:Class; got "
                  f"{text!r}")


def _is_estimator(found: Any) -> bool:
    return inspect.isclass(found) and hasattr(found, "fit") and hasattr(found, "get_params")


def _callable(text: Any, where: str) -> Any:
    """A function of a module."""
    if not isinstance(text, str):
        raise Failure(f"{where} must be package.module:function, got {text!r}")
    if not callable(found := imported(text, where)):
        raise Failure(f"{where} must be a function; {text} is {found!r}")
    return found


def _takes(where: str, names: Mapping[str, Any], function: Any, skip: int = 0) -> None:
    """Refuse arguments that a function does not have; the first ones are given by the study."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except (TypeError, ValueError):  # a function without a signature
        return
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        _known(where, names, [parameter.name for parameter in parameters])


def _known(where: str, given: Mapping[str, Any], names: Collection[str]) -> None:
    if unknown := [key for key in given if key not in names]:
        raise Failure(f"{where}: {', '.join(unknown)} is not known; there is "
                      f"{', '.join(names) or 'nothing to set'}")
