"""Importing divest is cheap, and works where nothing can be written."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import divest

PACKAGE = Path(divest.__file__).parent
LATE = ["matplotlib", "numba", "sklearn.neighbors", "statsmodels", "tqdm"]


def run(code, home=PACKAGE.parent, **changes):
    """What `code` prints in a fresh interpreter at `home`; a variable set to None is taken away."""
    env = {**os.environ, "NUMBA_DISABLE_JIT": None, **changes}
    env = {key: value for key, value in env.items() if value is not None}
    command = [sys.executable, "-c", code]  # the current folder comes first on the path
    done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_heavy_packages_wait_for_their_first_use():
    loaded = run("import sys, divest; print(*sys.modules)").split()
    assert "divest" in loaded
    assert not set(LATE) & set(loaded)


def test_folders_are_loaded_by_their_names():
    loaded = run("import sys, divest; print(*sys.modules)").split()
    assert not {f"divest.{folder}" for folder in divest._FOLDERS} & set(loaded)
    code = "import divest; print(set(divest.__all__) <= set(dir(divest)), divest.pn_criterion)"
    assert run(code).startswith("True <function pn_criterion")
    folder = "import divest; print(divest.density.KernelDensity.__name__)"
    assert run(folder).split() == ["KernelDensity"]
    everything = "from divest import *; print(KernelMethodOfMoments.__name__, compare.__name__)"
    assert run(everything).split() == ["KernelMethodOfMoments", "compare"]
    with pytest.raises(AttributeError, match="module 'divest' has no attribute 'nothing'"):
        _ = divest.nothing


@pytest.mark.parametrize("folder", divest._FOLDERS)
def test_every_folder_is_found_by_its_name(folder):
    assert getattr(divest, folder).__name__ == f"divest.{folder}"


def test_no_public_folder_is_left_out():
    public = {path.parent.name for path in PACKAGE.glob("[a-z]*/__init__.py")}
    assert public - {"cli", "report"} == set(divest._FOLDERS)  # these two are not for users to call


def test_names_that_wait_stand_where_they_are_looked_for():
    assert set(divest._LATER) < set(divest.__all__)
    assert {name.split(".")[1] for name in divest._LATER.values()} < set(divest._FOLDERS)
    for name, folder in divest._LATER.items():
        assert name in importlib.import_module(folder).__all__


@pytest.mark.slow
def test_import_costs_a_tenth_more_than_what_it_stands_on():
    """Processor time of what divest adds in the same process; the best of 7 turns each."""
    clock = ("from time import process_time as now; start = now(); "
             "import pandas, scipy.spatial, sklearn.base; middle = now(); "
             "import divest; print(middle - start, now() - middle)")
    turns = [tuple(map(float, run(clock).split())) for _ in range(7)]
    floor, added = (min(times) for times in zip(*turns, strict=True))
    assert added <= 0.1 * floor


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # only the number matters here
def test_estimates_where_no_cache_can_be_written(tmp_path, rng):
    """A file in the place of each cache folder: unlike permissions, that stops even root."""
    package = tmp_path / "divest"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *package.rglob("*/")]:
        (folder / "__pycache__").touch()
    P, Q = rng.normal(1, 1, (50, 2)).tolist(), rng.normal(size=(50, 2)).tolist()
    nowhere = str(package / "__init__.py" / "home")
    code = f"""if True:
        import divest, numba
        print(divest.__file__)
        P, Q = {P}, {Q}
        print(divest.estimate_divergence(P, Q, "kl").estimate)
        try:
            numba.njit(cache=True)(divest.estimate_divergence)
        except RuntimeError as error:
            print(error)
        """
    changes = {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "NUMBA_CACHE_DIR": None}
    file, estimate, refusal = run(code, home=tmp_path, **changes).splitlines()
    assert file == str(package / "__init__.py")
    assert float(estimate) == pytest.approx(divest.estimate_divergence(P, Q, "kl").estimate)
    assert "no locator available" in refusal
