"""Estimators in several threads at once, and in processes that are forked or spawned."""

import multiprocessing
import pickle
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from joblib import parallel_config
from test_estimators import ESTIMATORS, data, outcome, settled

from divest import TrustWarning, estimate_divergence
from divest._resampling import no_warnings
from divest._results import told_elsewhere
from divest.divergence import block_divergence

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")
# Of different parts: neighbours, permutations, kernels, moments. None that searches for a minimum,
# whose last digits hang on where arrays lie in memory.
FEW = [0, 6, 7, 18, 22, 31, 32]
METHODS = [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()]


@pytest.fixture
def often():
    """Threads take turns a thousand times as often as usual."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(interval / 1000)
    yield
    sys.setswitchinterval(interval)


def fitted(estimator, X, y):
    """Not by the filters of warnings, which pandas too mixes up between threads."""
    with told_elsewhere():
        return outcome(settled(estimator).fit(X, y))


@pytest.mark.usefixtures("often")
def test_threads_give_the_serial_numbers():
    X, y = data()
    estimators = [settled(e) for e in ESTIMATORS]
    serial = [outcome(settled(e).fit(X, y)) for e in estimators]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda e: fitted(e, X, y), estimators * 2))
    assert together == serial * 2


@pytest.mark.usefixtures("often")
def test_one_fitted_estimator_may_be_asked_by_several_threads():
    X, y = data()
    for number in FEW:
        fitted = settled(ESTIMATORS[number]).fit(X, y)
        ask = next((getattr(fitted, name) for name in (
            "log_density_ratio", "witness", "score_samples", "predict") if hasattr(fitted, name)),
            None)
        if ask is not None:
            serial = ask(X)
            with ThreadPoolExecutor(4) as pool:
                for found in pool.map(ask, [X] * 8):
                    np.testing.assert_array_equal(found, serial)


def numbers(estimator):
    """What a fit in another process leaves behind."""
    warnings.simplefilter("ignore")
    return outcome(settled(estimator).fit(*data()))


@pytest.mark.parametrize("method", METHODS)
def test_processes_give_the_serial_numbers(method):
    """Threads and compiled loops have run in this process before others start from it."""
    few = [ESTIMATORS[number] for number in FEW]
    serial = [numbers_here(estimator) for estimator in few]
    context = multiprocessing.get_context(method)
    with warnings.catch_warnings():  # of Python 3.12: a fork while threads are there
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            found = list(pool.map(numbers, few))
    assert found == serial


def numbers_here(estimator):
    return outcome(settled(estimator).fit(*data()))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_a_copy_of_a_fitted_estimator_answers_alike(estimator):
    X, y = data()
    fitted = settled(estimator).fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    answers = [answers_of(one, X) for one in (fitted, copy)]
    assert answers[0] == answers[1]
    assert answers[0] or hasattr(fitted, "result_")


def answers_of(fitted, X):
    """What the methods of a fitted estimator say, also that they have no answer."""
    answers = {}
    for name, arguments in {"log_density_ratio": [X], "witness": [X], "score_samples": [X],
                            "predict": [X], "score_function": [X], "conf_int": [], "summary": [],
                            "dimension_shares": [], "j_test": []}.items():
        if hasattr(fitted, name):
            try:
                answers[name] = str(getattr(fitted, name)(*arguments))
            except (TypeError, ValueError) as error:
                answers[name] = repr(error)
    return answers


def test_a_report_in_one_thread_keeps_the_warnings_of_another():
    """`compare` tells the doubts of its parts itself, and nothing else that is doubtful."""
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 9
    inside, done = threading.Event(), threading.Event()

    def waiting(P, Q):
        inside.set()
        assert done.wait(60)
        return 0.0

    def report():
        return block_divergence(np.tile(P, (20, 1)), np.tile(Q, (20, 1)), waiting, n_blocks=10)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(report)
        assert inside.wait(60)
        try:
            with pytest.warns(TrustWarning, match="reference_mass"):
                estimate_divergence(P, Q, "kl")
        finally:
            done.set()
        other.result()


def doubtful(P, Q):
    return estimate_divergence(P, Q, "kl").estimate


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_leave_the_telling_to_their_caller(backend):
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(500, 1)), rng.normal(size=(500, 1)) + 9
    with warnings.catch_warnings(record=True) as caught, parallel_config(backend, n_jobs=2):
        warnings.simplefilter("always")
        block_divergence(P, Q, doubtful, n_blocks=10)
    assert all("blocks" in str(warning.message) for warning in caught)


def test_filters_return_when_the_last_thread_leaves():
    filters = list(warnings.filters)
    first, second = no_warnings, no_warnings
    first.__enter__()
    second.__enter__()
    first.__exit__()
    warnings.warn("not heard, as one is still within", UserWarning, stacklevel=1)
    second.__exit__()
    assert warnings.filters == filters
