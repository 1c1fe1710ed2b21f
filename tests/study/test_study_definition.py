"""A store tells parameters apart by what is in them, and knows equal ones again."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plain_study import study
from scipy import sparse

import divest
from divest.study import StudyMismatchError, _definition


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


class Named:
    """Can be told apart by its text."""

    def __init__(self, content):
        self.content = content

    def __repr__(self):
        return f"Named({self.content!r})"


def weighted(x, by=None):
    return x.mean()


def made(power):
    def f(x, power=power):
        return x.mean() ** power
    return f


class Base:
    @classmethod
    def mean(cls, x):
        return x.mean()


class Derived(Base):
    pass


LONG = pd.DataFrame({"a": np.arange(200.0), "b": "t"})
ARRAY = np.arange(2000.0)


def changed(table):
    """One value in the middle, which the text of it leaves out."""
    table = table.copy()
    table[100:101] = -1
    return table


@pytest.mark.parametrize(("was", "now"), [
    (LONG, LONG.assign(a=changed(LONG["a"]))), (LONG, LONG.rename(columns={"b": "c"})),
    (LONG, LONG.set_index(LONG.index + 1)), (LONG["a"], changed(LONG["a"])),
    (ARRAY, changed(ARRAY)), (Named(ARRAY), Named(changed(ARRAY))),
    (Named(0.1 * ARRAY), Named(0.1 * ARRAY * (1 + 2e-16))),
    (Named(LONG), Named(LONG.assign(a=changed(LONG["a"])))),
    (True, 1), (1, 1.0), (0.5, "0.5"), ({"a"}, {"b"}), (made(1), made(2)),
    (Base.mean, Derived.mean), (LONG["a"].sum, changed(LONG["a"]).sum),
    (np.array(["a", None]), np.array(["b", None])),
])
def test_parameters_are_told_apart(store, was, now):
    study(n_replications=1, methods={"f": partial(weighted, by=was)}).run(store=store)
    study(n_replications=1, methods={"f": partial(weighted, by=was)}).run(store=store)
    with pytest.raises(StudyMismatchError, match="keywords"):
        study(n_replications=1, methods={"f": partial(weighted, by=now)}).run(store=store)


BY = [{"a", "b", "c", "d"}, np.array(["x" * 9, float("nan")], dtype=object), float("nan")]


def test_equal_parameters_are_known_again_in_another_process():
    """Sets have no order that lasts, and objects no address."""
    one = study(n_replications=1, methods={"f": partial(weighted, by=BY)})
    text = json.dumps(_definition.define(0, 0.95, one.simulate, one.methods))
    code = ("import json; from test_study_definition import BY, _definition, partial, study, "
            "weighted; one = study(n_replications=1, methods={'f': partial(weighted, by=BY)}); "
            "print(json.dumps(_definition.define(0, 0.95, one.simulate, one.methods)))")
    folders = [str(Path(divest.__file__).parents[1]), str(Path(__file__).parent)]
    env = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(folders)}
    found = subprocess.run([sys.executable, "-c", code], env=env, check=True, text=True,
                           stdout=subprocess.PIPE).stdout
    assert found.strip().replace(__name__, "test_study_definition") == text.replace(
        __name__, "test_study_definition")


@pytest.mark.parametrize("by", [sparse.csr_array(np.eye(3)), Named("a ... z"), object()])
def test_parameters_that_cannot_be_told_apart_are_refused(store, by):
    with pytest.raises(TypeError, match="cannot tell from others"):
        study(n_replications=1, methods={"f": partial(weighted, by=by)}).run(store=store)


def test_methods_of_builtin_types_have_a_name(store):
    study(n_replications=1, methods={"f": np.ndarray.mean}).run(store=store)
    with pytest.raises(StudyMismatchError, match=r"numpy.ndarray.mean in the store, .*max now"):
        study(n_replications=1, methods={"f": np.ndarray.max}).run(store=store)
