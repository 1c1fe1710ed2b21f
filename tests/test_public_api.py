"""Everything public is importable, documented and shown in an example."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import tomllib
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


def members():
    """(path, function) of every public function, and of every method and property of divest's own.

    Names are those under which users reach them; what comes from other packages is left out.
    """
    for module, name in sorted(set(public_names())):
        value = getattr(importlib.import_module(module), name)
        if inspect.isfunction(value):
            yield f"{module}.{name}", value
        elif inspect.isclass(value) and value.__module__.startswith("divest"):
            yield f"{module}.{name}", value
            for part in dir(value):
                found = inspect.getattr_static(value, part)
                found = getattr(found, "fget", None) or getattr(found, "__func__", found)
                if part[0] != "_" and inspect.isfunction(found) and (
                        found.__module__.startswith("divest")):
                    yield f"{module}.{name}.{part}", found


def once():
    """The same, each object under its shortest path."""
    paths = {}
    for path, value in members():
        if id(value) not in paths or len(path) < len(paths[id(value)][0]):
            paths[id(value)] = path, value
    return sorted(paths.values(), key=lambda found: found[0])


@pytest.mark.parametrize(("path", "value"), [
    pytest.param(path, value, id=path) for path, value in once()])
def test_docstring_passes_numpydoc(path, value):
    """By the rules of pyproject.toml; that of methods that are defined in private files, too."""
    validate = pytest.importorskip("numpydoc.validate").validate
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
    left_out = project["tool"]["numpydoc_validation"]["checks"]
    if getattr(value, "_is_protocol", False):
        left_out = [*left_out, "PR01"]  # nobody calls it
    assert left_out[0] == "all"  # but for those that follow
    if dataclasses.is_dataclass(value):  # says under Attributes what its parameters are
        left_out = [*left_out, "PR01"]
        told = inspect.getdoc(value)
        own = [name for name in inspect.get_annotations(value) if name[0] != "_"]
        assert [name for name in own if not re.search(rf"^(\w+, )*{name}\b", told, re.M)] == []
    errors = [error for error in validate(path)["errors"] if error[0] not in left_out]
    assert errors == []


@pytest.mark.parametrize(("path", "function"), [
    pytest.param(path, value, id=path) for path, value in once() if inspect.isfunction(value)])
def test_signature_has_types(path, function):
    """Constructors of estimators are not asked: scikit-learn's parameters may be many things."""
    signature = inspect.signature(function)
    bare = [name for name, one in signature.parameters.items()
            if one.annotation is one.empty and name not in ("self", "cls")]
    assert bare == []
    assert signature.return_annotation is not signature.empty
