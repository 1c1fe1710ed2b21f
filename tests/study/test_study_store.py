"""The store of a study keeps what is there, and refuses what belongs to another study."""

import json
import sqlite3
from functools import partial

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from plain_study import assert_same, fragile, jittered, mean, study, z_test

import divest
from divest import NearestNeighborDistanceDivergence, TrustWarning
from divest.study import Study, StudyMismatchError, _rows

pytestmark = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")  # of lost cells


@pytest.fixture
def store(tmp_path):
    return tmp_path / "study.sqlite"


# ------------------------------------------------------------ what a second run may change
def test_more_replications_methods_and_cells_change_nothing_already_there(store):
    first = study({"n": [5]}, n_replications=4, methods={"mean": mean}).run(store=store)
    study({"n": [8, 5]}, n_replications=6).run(store=store)
    everything = Study.load(store)
    assert_same(everything, study(n_replications=6).run())
    mine = everything.frame.merge(first.frame[["cell", "replication", "method"]])
    assert_frame_equal(mine, first.frame, check_exact=True)
    again = study({"n": [5]}, n_replications=4, methods={"mean": mean}).run(store=store)
    assert_frame_equal(again.frame, first.frame, check_exact=True)  # only what it asks for


def test_new_truth_is_used_without_new_replications(store):
    study(n_replications=3).run(store=store)
    moved = study(n_replications=3, truth=1.0).run(store=store)
    assert set(moved.frame["truth"]) == {1.0}
    assert_frame_equal(Study.load(store).frame, moved.frame, check_exact=True)


def test_load_knows_level_name_and_settings(store):
    grid = pd.DataFrame({"shift": [0.5, 0.0], "n": [5, 5]})
    one = study(grid, n_replications=3, level=0.2, confidence_level=0.8, name="one")
    run = one.run(store=store)
    loaded = Study.load(store)
    assert (loaded.level, loaded.confidence_level, loaded.name) == (0.2, 0.8, "one")
    assert loaded.settings == ("shift", "n")
    assert_frame_equal(loaded.summary(), run.summary(), check_exact=True)


def other(rng, n, shift=0.0):
    return rng.normal(shift, 2, n)


@pytest.mark.parametrize(("change", "message"), [
    ({"seed": 4}, "seed: 3 in the store, 4 now"),
    ({"confidence_level": 0.9}, "confidence_level: 0.95 in the store, 0.9 now"),
    ({"methods": {"mean": z_test}}, r"methods\['mean'\] function: .*mean in the store, .*z_test"),
    ({"methods": {"mean": NearestNeighborDistanceDivergence()}}, r"methods\['mean'\] class: noth"),
])
def test_another_study_is_refused_with_each_difference(store, change, message):
    study(n_replications=2).run(store=store)
    before = store.read_bytes()
    with pytest.raises(StudyMismatchError, match=message):
        study(n_replications=2, **change).run(store=store)
    assert store.read_bytes() == before
    study(n_replications=2).run(store=store)  # the lock was given back


def test_every_difference_is_listed(store):
    model = NearestNeighborDistanceDivergence("kl", n_neighbors=3)
    grid = {"n": [20]}
    Study("shifted_gaussians", {"d": model}, grid, n_replications=1).run(store=store)
    changed = NearestNeighborDistanceDivergence("renyi(0.5)", n_neighbors=4)
    with pytest.raises(StudyMismatchError) as caught:
        Study("ring", {"d": changed}, grid, n_replications=1, seed=1).run(store=store)
    for part in ("seed: 0", "simulate: ", "divergence: kl", "n_neighbors: 3 in the store, 4 now"):
        assert part in str(caught.value)


@pytest.mark.parametrize("wanted", ["lambda", "variables of the function around it", "cannot tell"])
def test_functions_that_look_alike_are_refused_with_a_store(store, wanted):
    power = 2

    def nested(x):
        return x.mean() ** power

    bad = {"lambda": lambda x: x.mean(), "variables of the function around it": nested,
           "cannot tell": partial(jittered, random_state=np.random.default_rng(0))}
    one = study(n_replications=1, methods={"f": bad[wanted]})
    with pytest.raises(TypeError, match=wanted):
        one.run(store=store)
    assert not store.exists()
    assert len(one.run().frame) == 2  # without a store they are fine


def test_partial_functions_are_told_apart(store):
    study(n_replications=1, methods={"f": partial(jittered, random_state=1)}).run(store=store)
    with pytest.raises(StudyMismatchError, match="random_state"):
        study(n_replications=1, methods={"f": partial(jittered, random_state=2)}).run(store=store)


# ------------------------------------------------------------ versions of divest
def definition(store, without=None, **changes):
    """What the file says of its study, after changes and without a key."""
    connection = sqlite3.connect(store)
    found = json.loads(connection.execute("SELECT json FROM definition").fetchone()[0]) | changes
    found.pop(without, None)
    connection.execute("UPDATE definition SET json = ?", [json.dumps(found)])
    connection.commit()
    connection.close()
    return found


def test_store_of_another_version_goes_on_with_a_warning_at_each_run(store):
    study(n_replications=2).run(store=store)
    assert definition(store)["versions"] == [divest.__version__]
    study(n_replications=2).run(store=store)  # the same one: silent
    definition(store, versions=["0.0.1"])
    for _ in range(2):
        with pytest.warns(TrustWarning, match=r"study.sqlite holds replications of divest 0\.0\.1, "
                          f"and this is divest {divest.__version__}, ") as caught:
            after = study(n_replications=3).run(store=store)
        assert [warning.filename for warning in caught] == [__file__]
        assert definition(store)["versions"] == ["0.0.1", divest.__version__]
    assert_same(after, study(n_replications=3).run())
    assert_same(Study.load(store), after)


def test_store_from_before_versions_were_kept_can_be_used(store):
    study(n_replications=2).run(store=store)
    assert "versions" not in definition(store, without="versions")
    assert_same(study(n_replications=3).run(store=store), study(n_replications=3).run())
    assert definition(store)["versions"] == [divest.__version__]


# ------------------------------------------------------------ what a file holds
def test_store_without_a_study_is_named_and_filled(store):
    """As it is between two transactions at the start of a run."""
    study(n_replications=1).run(store=store)
    with sqlite3.connect(store) as connection:
        connection.execute("DELETE FROM definition")
        connection.execute("DELETE FROM results")
        connection.execute("DELETE FROM cells")
    connection.close()
    with pytest.raises(ValueError, match="holds no study yet"):
        Study.load(store)
    assert_same(study(n_replications=2).run(store=store), study(n_replications=2).run())


@pytest.mark.parametrize("block", [1, 7, 24])
def test_table_is_the_same_in_blocks_of_any_size(store, block, monkeypatch):
    whole = study(n_replications=3).run(store=store)
    monkeypatch.setattr(_rows, "BLOCK", block)
    assert_frame_equal(Study.load(store).frame, whole.frame, check_exact=True)


def test_cells_that_compare_equal_have_one_order(store, tmp_path):
    other_store = tmp_path / "other.sqlite"
    for n in (5, 5.0):
        Study(other_n, {"mean": mean}, {"n": [n]}, n_replications=2).run(store=store)
    for n in (5.0, 5):
        Study(other_n, {"mean": mean}, {"n": [n]}, n_replications=2).run(store=other_store)
    assert_same(Study.load(store), Study.load(other_store))


def other_n(rng, n):
    return rng.normal(size=int(n))


def test_errors_and_odd_numbers_survive_the_file(store):
    methods = {"fragile": fragile, "odd": odd}
    kept = study(n_replications=30, methods=methods).run(store=store)
    assert (kept.frame["error"] != "").any()
    assert_same(kept, study(n_replications=30, methods=methods).run())
    assert not np.signbit(kept.frame.loc[kept.frame["method"] == "odd", "estimate"]).any()


def odd(x):
    return {"estimate": -0.0, "standard_error": np.inf, "statistic": 5e-324,
            "failed_diagnostics": "a\0b\ud800", "trusted": False}
