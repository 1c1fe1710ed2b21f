"""Objects that the user names as MODULE:OBJECT; nothing else is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from typing import Any

from divest.cli._options import Failure


def imported(text: str, where: str) -> Any:
    """The object of a module, which may lie in the current folder; `where` is who asks for it."""
    module, _, path = text.partition(":")
    if not module or not path:
        raise Failure(f"{where} must be MODULE:OBJECT, such as package.module:name; got {text!r}")
    try:
        with current_folder():
            loaded = importlib.import_module(module)
    except BaseException as error:  # whatever the module does, SystemExit included
        if isinstance(error, KeyboardInterrupt):
            raise
        raise Failure(f"cannot import {module} for {where} {text}: {type(error).__name__}: {error}"
                      ) from None
    try:
        return reduce(getattr, path.split("."), loaded)
    except AttributeError:
        raise Failure(f"module {module} has no {path}, asked for by {where} {text}") from None


@contextmanager
def current_folder() -> Iterator[None]:
    """Modules in the current folder can be imported."""
    folder = os.getcwd()
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
