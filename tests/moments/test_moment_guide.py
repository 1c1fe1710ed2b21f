"""The guide explains every diagnostic of the question, and its code runs."""

import ast
import re
from pathlib import Path
from textwrap import dedent

import pytest

import divest

PACKAGE = Path(divest.__file__).parent
GUIDE = PACKAGE.parent / "docs" / "user_guide" / "moments.rst"


def names(file):
    """First arguments of all calls of Diagnostic."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Diagnostic":
            yield ast.literal_eval(node.args[0])


NAMES = sorted({name for file in PACKAGE.glob("moments/*.py") for name in names(file)})


def test_diagnostics_are_found():
    assert len(NAMES) > 12
    assert {"first_stage_F", "weak_identification", "edge_of_path"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_guide_explains(name):
    assert f"``{name}``" in GUIDE.read_text("utf-8")


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_code_of_the_guide_runs(capsys):
    pytest.importorskip("linearmodels")
    pytest.importorskip("formulaic")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", GUIDE.read_text("utf-8"),
                        flags=re.M)
    assert len(blocks) > 4
    namespace = {}
    for block in blocks:
        exec(dedent(block), namespace)
    pyplot.close("all")
    assert "center" in capsys.readouterr().out
    assert {"slope", "constant"} == set(namespace["start"])
    assert namespace["found"].unbounded or not namespace["found"].empty
