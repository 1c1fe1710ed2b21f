"""The one p-value, seeds, permutations within blocks, and running tasks in parallel."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chisquare
from threadpoolctl import threadpool_info, threadpool_limits

from divest import _resampling
from divest._resampling import (
    generators,
    one_thread_each,
    permuted_rows,
    resampling_pvalue,
    root_sequence,
    run_tasks,
)


# ------------------------------------------------------------ the p-value
@given(st.integers(-3, 6), st.lists(st.integers(-3, 3), max_size=30))
def test_pvalue_counts_draws_that_reach_the_statistic(observed, null):
    expected = (1 + sum(draw >= observed for draw in null)) / (1 + len(null))
    assert resampling_pvalue(observed, null) == expected


@pytest.mark.parametrize("scale", [1e-300, 1e-9, 1.0, 1e9, 1e300])
@pytest.mark.parametrize("sign", [-1, 1])
def test_rounding_does_not_decide_ties(scale, sign):
    observed = sign * 0.3 * scale
    near = sign * (0.1 + 0.2) * scale * np.array([1 - 1e-13, 1, 1 + 1e-13])
    assert resampling_pvalue(observed, near) == 1.0
    below = observed - abs(observed) * np.full(3, 1e-11)
    assert resampling_pvalue(observed, below) == 0.25


def test_pvalue_of_a_statistic_that_is_not_a_number_is_not_small():
    """No test may reject because its statistic could not be computed."""
    assert not resampling_pvalue(np.nan, np.zeros(99)) < 1.0
    assert not resampling_pvalue(1.0, np.full(99, np.nan)) < 1.0


# ------------------------------------------------------------ seeds
def draws(random_state, n=3):
    return [rng.random() for rng in generators(root_sequence(random_state).spawn(n))]


@pytest.mark.parametrize("make", [
    lambda: 7, lambda: np.int64(7), lambda: np.random.default_rng(7),
    lambda: np.random.RandomState(7), lambda: np.random.SeedSequence(7),
])
def test_same_random_state_gives_the_same_streams(make):
    assert draws(make()) == draws(make())
    assert len(set(draws(make()))) == 3  # and one for each resample


def test_number_of_resamples_does_not_change_the_first_streams():
    assert draws(3, n=2) == draws(3, n=9)[:2]


def test_none_is_different_each_time():
    assert draws(None) != draws(None)


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    assert draws(rng) != draws(rng)


def test_a_sequence_is_left_as_it_was():
    sequence = np.random.SeedSequence(5)
    assert draws(sequence) == draws(sequence)
    child = sequence.spawn(1)[0]
    assert child.spawn_key == (0,)
    assert draws(child) != draws(sequence)


def test_entropy_repeats_the_streams():
    """What a result reports as its seed gives the same result again."""
    for random_state in (None, 7, np.random.default_rng(1)):
        root = root_sequence(random_state)
        found = [rng.random() for rng in generators(root.spawn(3))]
        assert found == draws(root.entropy)


@pytest.mark.parametrize("wrong", [-1, 1.5, "seed", np.nan])
def test_wrong_random_state_is_named(wrong):
    with pytest.raises(ValueError, match=r"random_state must be None.* got"):
        root_sequence(wrong)


# ------------------------------------------------------------ permutations
def test_permutation_labels_the_same_number_of_rows(rng):
    labelled = rng.random(40) < 0.3
    for _ in range(20):
        rows = permuted_rows(labelled, rng)
        assert len(set(rows)) == len(rows) == labelled.sum()
        assert set(rows) <= set(range(40))


def test_labels_stay_within_their_block(rng):
    labelled = rng.random(60) < 0.4
    code = rng.integers(4, size=60)  # blocks of scattered positions
    blocks = [np.flatnonzero(code == b) for b in range(4)]
    seen = set()
    for _ in range(20):
        rows = permuted_rows(labelled, rng, blocks)
        assert len(set(rows)) == len(rows)
        assert_array_equal(np.bincount(code[rows], minlength=4),
                           [labelled[block].sum() for block in blocks])
        seen |= set(rows)
    assert len(seen) > labelled.sum()  # they do move


@pytest.mark.parametrize("blocks", [None, [np.array([0, 2, 4]), np.array([1, 3])]])
def test_every_labelling_is_equally_likely(rng, blocks):
    labelled = np.array([True, True, False, False, False])
    runs = 6000
    found = [tuple(sorted(permuted_rows(labelled, rng, blocks))) for _ in range(runs)]
    kinds, counts = np.unique(found, axis=0, return_counts=True)
    assert len(kinds) == (10 if blocks is None else 6)
    assert chisquare(counts).pvalue > 1e-3


# ------------------------------------------------------------ parallel tasks
def stream_mean(seed, n):
    return np.random.default_rng(seed).normal(size=n).mean()


def tasks(n):
    return [(seed, 5) for seed in root_sequence(0).spawn(n)]


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_results_are_the_same_for_any_number_of_jobs(n_jobs):
    expected = [stream_mean(*task) for task in tasks(9)]
    found = run_tasks(stream_mean, iter(tasks(9)), 9, n_jobs=n_jobs)
    assert_array_equal(list(found), expected)


def test_results_are_the_same_in_other_processes():
    expected = [np.square(x) for x in range(5)]
    with parallel_config(backend="loky", n_jobs=2):
        found = list(run_tasks(np.square, [(x,) for x in range(5)], 5, n_jobs=2))
    assert_allclose(found, expected)


def test_progress_bar_counts_tasks(capsys):
    found = run_tasks(max, [(1, 2), (3, 1)], 2, n_jobs=None, progress=True, unit="batch")
    assert list(found) == [2, 3]
    assert "2/2" in capsys.readouterr().err


def test_one_thread_each_is_lifted_by_the_last_to_leave():
    def threads():
        return [library["num_threads"] for library in threadpool_info()]

    before = threads()
    with one_thread_each:
        with one_thread_each:
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


def test_one_thread_each_holds_for_libraries_that_are_loaded_inside(monkeypatch):
    """Chunks in threads overlap, so that the first block may stay open throughout."""
    looked, made = [], []

    class Controller:
        def __init__(self):
            looked.append(self)

        def select(self, user_api):
            return SimpleNamespace(limit=lambda limits: Limits(user_api))

    class Limits:
        def __init__(self, user_api):
            self.lifted = False
            if user_api == "blas":
                made.append(self)

        def restore_original_limits(self):
            self.lifted = True

    monkeypatch.setattr(_resampling, "ThreadpoolController", Controller)
    limited = _resampling._OneThreadEach()
    with limited:
        with limited:
            assert len(made) == 1
        monkeypatch.setitem(sys.modules, "a_library_loaded_inside", sys)
        with limited:
            assert len(made) == 2
        assert not any(limits.lifted for limits in made)
    assert all(limits.lifted for limits in made)
    with limited:
        assert len(made) == 3
    assert len(looked) == 2  # that takes milliseconds


def openmp_threads():
    return {library["num_threads"] for library in threadpool_info()
            if library["user_api"] == "openmp"}


@pytest.mark.skipif(not openmp_threads(), reason="needs a library with OpenMP")
def test_one_thread_each_limits_openmp_in_every_thread_that_opens_it():
    """OpenMP has a limit for each thread, and new threads begin without one."""
    def worker():
        threadpool_limits(3, user_api="openmp")  # of this thread
        before = openmp_threads()
        with one_thread_each:
            inside = openmp_threads()
            with one_thread_each:
                pass
            still = openmp_threads()
        return before, inside, still, openmp_threads()

    with one_thread_each, ThreadPoolExecutor(1) as pool:
        assert pool.submit(worker).result() == ({3}, {1}, {1}, {3})
