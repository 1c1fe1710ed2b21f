"""The guide explains every diagnostic of the question."""

import ast
from pathlib import Path

import pytest

import divest

PACKAGE = Path(divest.__file__).parent
GUIDE = PACKAGE.parent / "docs" / "user_guide" / "sample_size.rst"
FILES = [*PACKAGE.glob("sample_complexity/*.py"), *PACKAGE.glob("divergence/*symmetric*.py")]


def names(file):
    """First arguments of all calls of Diagnostic."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Diagnostic":
            yield ast.literal_eval(node.args[0])


NAMES = sorted({name for file in FILES for name in names(file)})


def test_diagnostics_are_found():
    assert len(NAMES) > 25
    assert {"null_scale", "extrapolation", "fit_risk", "forward_finite"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_guide_explains(name):
    assert f"``{name}``" in GUIDE.read_text("utf-8")
