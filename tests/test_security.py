"""Data is data: no file that divest reads is run, and every file that it writes is whole."""

import ast
import io
import pickle
import sqlite3
import sys
from functools import cache
from pathlib import Path

import pytest

import divest
from divest import Study, cli
from divest.cli._imports import imported

PACKAGE = Path(divest.__file__).parent
RUNS_CODE = {"eval", "exec", "compile", "__import__", "execfile"}
UNPACKS_CODE = {  # what reads objects, and with them code
    ("pickle", "load"), ("pickle", "loads"), ("cloudpickle", "load"), ("cloudpickle", "loads"),
    ("joblib", "load"), ("np", "load"), ("numpy", "load"), ("pd", "read_pickle"),
    ("marshal", "loads"), ("marshal", "load"), ("shelve", "open"), ("yaml", "load"),
    ("dill", "load"), ("dill", "loads"), ("os", "system"), ("os", "popen"),
}
ALLOWED = {("study/_engines.py", "pickle.loads")}  # what the same process sent to its workers
WRITES = {"write_text", "write_bytes"}
HANDS_OVER = {"to_csv", "to_parquet", "savefig", "to_json"}


@cache
def sources():
    """File and code of every module of the package."""
    return [(path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text("utf-8")))
            for path in sorted(PACKAGE.rglob("*.py"))]


@cache
def calls():
    """File, node, and the dotted name of each call in the package."""
    return [(file, node, ast.unparse(node.func)) for file, tree in sources()
            for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_no_code_is_run_or_unpacked():
    found = {(file, name) for file, _, name in calls()
             if name in RUNS_CODE or tuple(name.split(".")[-2:]) in UNPACKS_CODE}
    assert found == ALLOWED


def test_no_other_programs_are_started():
    names = {alias.name.partition(".")[0] for _, tree in sources() for node in ast.walk(tree)
             if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module.partition(".")[0] for _, tree in sources() for node in ast.walk(tree)
              if isinstance(node, ast.ImportFrom) and node.module}
    assert not names & {"subprocess", "shelve", "marshal", "dill", "yaml", "ctypes"}


def test_modules_are_imported_by_name_in_few_places():
    found = {file for file, _, name in calls() if name.endswith("import_module")}
    assert found == {"__init__.py", "_kernels/__init__.py", "cli/_imports.py",
                     "goodness_of_fit/_autodiff.py"}  # the last: torch or jax


def opened_to_write(node):
    """Whether a call of open may write."""
    modes = [a for a in [*node.args[:2], *(k.value for k in node.keywords if k.arg == "mode")]
             if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return any(set(mode.value) & set("wax+") and len(mode.value) <= 3 for mode in modes)


def test_files_are_written_in_one_place():
    found = {file for file, node, name in calls()
             if name.rpartition(".")[2] in WRITES
             or (name.rpartition(".")[2] == "open" and opened_to_write(node))}
    assert found == {"report/_files.py"}


def test_tables_and_figures_are_written_to_memory_first():
    """`to_csv`, `savefig` and their like are given a buffer, or nothing and return text."""
    for file, node, name in calls():
        _, dot, method = name.rpartition(".")
        if dot and method in HANDS_OVER and node.args:
            assert ast.unparse(node.args[0]) == "content", (file, node.lineno)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", ["definition", "cells"])
def test_stores_hold_no_code(tmp_path, place):
    store, mark = tmp_path / "study.sqlite", tmp_path / "mark"
    trap = pickle.dumps(Trap(mark))
    pickle.loads(trap)
    assert mark.exists()  # the trap works
    mark.unlink()
    Study(len_of, {"one": len}, {"n": [3]}, n_replications=2).run(store=store)
    with sqlite3.connect(store) as connection:
        column = {"definition": "json", "cells": "settings"}[place]
        connection.execute(f"UPDATE {place} SET {column} = ?", (trap,))
    connection.close()
    with pytest.raises((ValueError, TypeError)):
        Study.load(store)
    assert not mark.exists()


def len_of(rng, n):
    return rng.normal(size=n)


def test_tables_hold_no_code(tmp_path, capsys):
    """Text that looks like code or like a formula of a spreadsheet is text."""
    mark = tmp_path / "mark"
    bomb = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    table = tmp_path / "rows.csv"
    rows = [f'"{bomb}",{i % 7}\n=1+{i % 2},{i % 5}\n' for i in range(20)]
    table.write_text("a,b\n" + "".join(rows))
    assert cli.main(["compare", str(table), str(table), "--resamples", "9"]) == 0
    assert not mark.exists()
    assert "drift" in capsys.readouterr().out


def test_pickles_are_no_tables(tmp_path, capsys):
    mark = tmp_path / "mark"
    for ending in ("csv", "parquet", "toml", "pkl", "npy"):
        (tmp_path / f"rows.{ending}").write_bytes(pickle.dumps(Trap(mark)))
        for words in (["compare", "FILE", "FILE"], ["density", "FILE"], ["study", "FILE"]):
            file = str(tmp_path / f"rows.{ending}")
            assert cli.main([word.replace("FILE", file) for word in words]) == 2
            assert "Traceback" not in capsys.readouterr().err
    assert not mark.exists()


def test_only_the_module_that_is_named_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("named_here", "beside_it"):
        (tmp_path / f"{name}.py").write_text("model = 3\n")
    before = set(sys.modules)
    assert imported("named_here:model", "--model") == 3
    new = {name for name in set(sys.modules) - before if not name.startswith("_")}
    assert new == {"named_here"}
    assert str(tmp_path) not in sys.path


def test_results_are_written_at_once_or_not_at_all(tmp_path, monkeypatch):
    results = Study(len_of, {"one": len}, {"n": [3]}, n_replications=2).run()
    for write, name in ((results.to_csv, "a.csv"), (results.to_parquet, "a.parquet")):
        path = tmp_path / name
        write(path)
        before = path.read_bytes()

        def full(*_):
            raise OSError("disk full")

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", full)
            with pytest.raises(OSError, match="disk full"):
                write(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [name]
        path.unlink()
    with pytest.raises(TypeError, match="path must be the name of a file"):
        results.to_csv(io.StringIO())
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        results.to_csv(tmp_path / "missing" / "a.csv")
