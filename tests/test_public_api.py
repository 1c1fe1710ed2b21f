"""Everything public is importable, documented and shown in an example."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import divest

PACKAGE = Path(divest.__file__).parent


def public_modules():
    """Names of all modules without a leading underscore anywhere below divest."""
    walk = pkgutil.walk_packages(divest.__path__, "divest.")
    return ["divest", *(m.name for m in walk if "._" not in m.name)]


def public_names():
    """(module, name) for each name in a public `__all__`."""
    modules = [importlib.import_module(name) for name in public_modules()]
    pairs = [(m, name) for m in modules for name in getattr(m, "__all__", []) if name[:2] != "__"]
    return [(m.__name__, n) for m, n in pairs if not isinstance(getattr(m, n), ModuleType)]


def is_used(value):
    """Whether `value` is called by its users; a warning is only caught."""
    if inspect.isclass(value):
        return not issubclass(value, BaseException)
    return inspect.isroutine(value)


@pytest.mark.parametrize(("module", "name"), public_names())
def test_public_name_is_documented_with_an_example(module, name):
    value = getattr(importlib.import_module(module), name)
    assert (value.__doc__ or "").strip()
    if is_used(value):
        _, *examples = inspect.cleandoc(value.__doc__).split("\nExamples\n--------\n")
        assert len(examples) == 1
        assert ">>> " in examples[0]


@pytest.mark.parametrize("name", public_modules())
def test_public_lists_are_honest(name):
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):  # a folder answers one question, and says with what
        assert hasattr(module, "__all__")
    listed = getattr(module, "__all__", [])
    assert len(listed) == len(set(listed))
    assert all(hasattr(module, entry) for entry in listed)


def test_root_exports_what_it_lists_and_nothing_else():
    """Modules stand beside the names: importing one sets it as an attribute of the package."""
    modules = {name for name in dir(divest) if isinstance(getattr(divest, name), ModuleType)}
    exported = {name for name in dir(divest) if not name.startswith("_")}
    assert exported - modules == set(divest.__all__) - modules - {"__version__"}


def test_every_file_says_what_it_is_for():
    files = sorted(PACKAGE.rglob("*.py"))
    silent = [p.name for p in files if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert files
    assert silent == []
