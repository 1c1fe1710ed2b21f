"""Whatever is thrown at a public name ends in a finite answer, a flagged one, or a clear error."""

import importlib
import inspect
import io
import pkgutil
import warnings
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import plain
import pytest
from fuzz_calls import Case, case
from fuzz_judge import judge

import divest

FILES = ("samples", "models", "density", "counts", "values", "outer")
FIRST, LAST = (2, 100) if plain.COMPILED else (1, 2)  # cases of each call: always, and when slow
LENT = ("get_params", "set_params", "get_metadata_routing", "with_traceback", "add_note")
RESULTS = {  # only divest makes these; their methods are called
    "AbsorptionTimes", "Comparison", "CondensationBandwidths", "ConfidenceSet",
    "CountDivergenceResult", "CountTestResult", "DensityReport", "Diagnostic", "DistanceResult",
    "EstimateResult", "ExpertMixture", "FitReport", "GroupComparison", "HypothesisResult",
    "LinkResult", "MarkovDivergenceResult", "ModelComparison", "Modes", "MomentEstimate",
    "PNResult", "PilotSampler", "PowerResult", "RegimeResult", "SampleSizeReport", "StudyResults",
    "SymmetricEstimateResult", "SymmetryGainResult",
}
ABSTRACT = {"ExponentialFamily", "Kernel", "Simulator"}  # or a protocol; others have its methods
INHERITED = {"Edit": {"count", "index"}, "CondensationBandwidths": {"count", "index"},
             "MomentData": {"count", "index"}}  # of tuples


@pytest.fixture(scope="module")
def calls():
    """Every call; a module of the tests is loaded when it is first asked for."""
    return [call for name in FILES for call in importlib.import_module(f"fuzz_calls_{name}").CALLS]


def public():
    """Every public class and function, by name."""
    modules = ["divest", *(m.name for m in pkgutil.walk_packages(divest.__path__, "divest.")
                           if "._" not in m.name and not m.name.endswith("__main__"))]
    for module in map(importlib.import_module, modules):
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if callable(value) and not (inspect.isclass(value)
                                        and issubclass(value, BaseException)):
                yield name, value


def wanted():
    """What has to be called: functions, constructors, and methods with an argument."""
    for name, value in public():
        if not inspect.isclass(value):
            yield name
            continue
        if name not in RESULTS | ABSTRACT and not hasattr(value, "fit"):
            yield name
        yield from (f"{name}.{method}" for method in methods(name, value))


def methods(name, kind):
    """Public methods of a class that take an argument."""
    for method, value in inspect.getmembers(kind, callable):
        if method.startswith("_") or method in LENT or method.endswith("_request") or (
                method in INHERITED.get(name, ())):
            continue
        if set(inspect.signature(value).parameters) - {"self"}:
            yield method


def run(calls, first, last):
    """How many cases were judged, and the faults among them."""
    faults, count = [], 0
    for call in calls:
        for number in range(first, max(first + 1, round(first + (last - first) * call.share))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", divest.TrustWarning)  # of objects made for a call
                one = case(call, number)
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                fault = judge(one)
            count += 1
            if fault:
                faults.append(f"{one}: {fault}")
    return count, faults


def test_every_public_name_is_called(calls):
    called = {call.name.split(" ")[0].rstrip(",") for call in calls}
    assert sorted(set(wanted()) - called - SKIPPED) == []
    assert SKIPPED <= set(wanted()) - called


SKIPPED = {  # files and pages have tests of their own; the others only pass their arguments on
    "ExponentialFamily.cumulants", "ExponentialFamily.fit",
    "ExponentialFamily.sample", "ExponentialFamily.sufficient_statistics",
    "Kernel.loop_arguments", "KernelSum.loop_arguments", "StudyResults.to_csv",
    "StudyResults.to_parquet",
}


def test_names_of_calls_differ(calls):
    names = [call.name for call in calls]
    assert len(names) == len(set(names))


def test_some_cases_of_every_call_end_well(calls):
    count, faults = run(calls, 0, FIRST)
    assert "\n".join(faults) == ""
    assert count >= len(calls)


@pytest.mark.slow
def test_many_cases_end_well(calls):
    count, faults = run(calls, FIRST, LAST)
    assert "\n".join(faults) == ""
    assert count >= 10_000 or not plain.COMPILED


@pytest.mark.parametrize(("fault", "answer"), [
    ("silent", lambda X: np.nan), ("warns", lambda X: np.log(0.0 * X).sum() * 0 + 1),
    ("changes its argument", lambda X: X.sort(axis=0)),
    ("global state", lambda X: np.random.seed(0)),  # noqa: NPY002
    ("raises", lambda X: {}["X"]), ("raises", lambda X: np.linalg.inv(np.zeros((2, 2)))),
    ("does not name", lambda X: int("three")),
], ids=["silent", "warning", "change", "state", "other error", "linear algebra", "no name"])
def test_judge_sees_faults(calls, fault, answer):
    call = next(call for call in calls if call.name == "stack_samples")
    wrong = Case(type(call)("wrong", answer, kinds={"X": "rows"}), 1,
                 {"X": np.array([[2.0], [1.0]])}, {"X": "odd"}, render=False)
    assert fault in judge(wrong)
