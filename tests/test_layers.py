"""Each part of the package imports only from the layers above it, and never in a circle."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import divest

COMPILED = {"numba", "numpy"}
VALUES = {"numpy", "scipy"}
FOUNDATION = {"numpy", "pandas", "scipy", "sklearn", "statsmodels"}
LAYERS = [  # from the top: the parts, and what they may import from outside (None: anything)
    (["_jit"], COMPILED),
    (["_kernels"], COMPILED),
    (["generators", "kernels", "groups"], VALUES),
    (["_validation", "_samples", "_neighbors", "_results", "_reports", "_base", "_boundary"],
     FOUNDATION),
    (["_resampling", "_parts"], FOUNDATION | {"dask", "joblib", "threadpoolctl", "tqdm"}),
    (["divergence", "dependence", "discrete", "goodness_of_fit", "density", "unnormalized",
      "moments", "sample_complexity", "bounds", "series"], None),
    (["comparison", "study", "plotting", "report", "datasets", "cli", "__main__"], None),
]  # fmt: skip
LEVEL = {part: level for level, (parts, _) in enumerate(LAYERS) for part in parts}
OUTSIDE = {part: outside for parts, outside in LAYERS for part in parts}
QUESTIONS, RING = 5, 6


def imports(file, source):
    """What `file` (below divest/) imports, as dotted names split at the dots."""
    folder = ["divest", *file.split("/")[:-1]]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ([*base, alias.name] for alias in node.names)


def complaint(mine, name):
    """What is wrong with the part `mine` importing `name`, or None."""
    if mine not in LEVEL:
        return f"{mine} has no place in the layers"
    package, *inside = name
    if package != "divest":
        outside = OUTSIDE[mine]
        if outside is None or package in outside | sys.stdlib_module_names:
            return None
        return f"{mine} imports {package}"
    theirs = inside[0] if inside else "divest"
    if theirs == mine:
        return None
    if theirs not in LEVEL:  # a name off the package itself
        return None if LEVEL[mine] == RING else f"{mine} imports {theirs} off the top of divest"
    if LEVEL[theirs] > LEVEL[mine]:
        return f"{mine} imports {theirs}, which stands below it"
    if LEVEL[theirs] == LEVEL[mine] == QUESTIONS and any(n.startswith("_") for n in inside):
        return f"{mine} imports {'.'.join(inside)}, which is private"
    return None


def complaints(sources):
    """Everything wrong with `sources`, a dict from file (below divest/) to its text."""
    found, graph = [], {}
    for file, source in sources.items():
        mine = file.split("/")[0].removesuffix(".py")
        if mine == "__init__":  # the top only gathers public names
            continue
        for name in imports(file, source):
            if problem := complaint(mine, name):
                found.append(f"{file}: {problem}")
            if name[0] == "divest" and len(name) > 1 and name[1] in LEVEL and name[1] != mine:
                graph.setdefault(mine, set()).add(name[1])
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"in a circle: {' -> '.join(error.args[1])}")
    return found


def test_package_keeps_its_layers():
    package = Path(divest.__file__).parent
    files = {p.relative_to(package).as_posix(): p for p in package.rglob("*.py")}
    assert "_jit.py" in files
    assert complaints({name: p.read_text("utf-8") for name, p in files.items()}) == []


def test_picture_of_the_house_shows_every_part():
    package = Path(divest.__file__).parent
    picture = (package.parent / "docs" / "_static" / "architecture.svg").read_text("utf-8")
    parts = {path.stem for path in package.iterdir() if path.stem in LEVEL} - {"__main__"}
    assert "divergence" in parts
    assert {part for part in parts if f">{part}<" not in picture} == set()


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("_jit.py", "import scipy", "imports scipy"),
        ("_kernels/distance.py", "from divest.generators import kl", "stands below"),
        ("_kernels/distance.py", "from .. import _validation", "stands below"),
        ("_base.py", "def f():\n    import joblib", "imports joblib"),
        ("_base.py", "import divest", "off the top"),
        ("_base.py", "from divest import TrustWarning", "off the top"),
        ("_results.py", "from .divergence import ratio", "stands below"),
        ("divergence/ratio.py", "from divest.comparison import compare", "stands below"),
        ("divergence/ratio.py", "from divest.density._core import f", "private"),
        ("divergence/ratio.py", "from ..density.kde import _f", "private"),
        ("discrete/drift.py", "from divest.report import _html", "stands below"),
        ("oddments.py", "import math", "no place"),
    ],
)
def test_violation_is_found(file, source, message):
    (problem,) = complaints({file: source})
    assert message in problem


@pytest.mark.parametrize("parts", [("divergence", "density"), ("_base", "_samples"),
                                   ("comparison", "report")])
def test_circle_is_found(parts):
    one, two = parts
    sources = {f"{one}.py": f"from . import {two}", f"{two}.py": f"import divest.{one}"}
    (problem,) = complaints(sources)
    assert "in a circle" in problem


def test_orderly_imports_pass():
    sources = {
        "_kernels/__init__.py": "import importlib",
        "_kernels/distance.py": "import math\nimport numpy\nfrom divest._jit import kernel",
        "_base.py": "from sklearn.base import BaseEstimator\nfrom divest import _kernels",
        "divergence/__init__.py": "from .ratio import Ratio\nfrom ._core import f",
        "divergence/ratio.py": "import polars\nfrom ..density import Density\nfrom .. import _base",
        "cli.py": "from divest import __version__\nfrom divest.comparison import compare",
    }
    assert complaints(sources) == []
