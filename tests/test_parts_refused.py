"""What needs rows in memory says so of a table of Dask, before it is read."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_estimators import ESTIMATORS

from divest import (
    KernelSteinTest,
    compare,
    compare_groups,
    compare_models,
    density_report,
    drift_table,
    estimate_divergence,
    fit_report,
    information_value,
    sample_size_report,
    stack_samples,
)
from divest.density import isj_bandwidth
from divest.discrete import f_divergence, jensen_shannon_test, transition_counts
from divest.divergence import divergence_two_sample_test
from divest.sample_complexity import general_pn_criterion, intrinsic_dimension, pilot_sampler

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

KINDS = {type(one): one for one in ESTIMATORS}
MODEL = stats.multivariate_normal(np.zeros(2), np.eye(2))
NEEDS_MEMORY = r"is a table of Dask, and this needs rows in memory: give \w+\.compute\(\)"
FUNCTIONS = {
    "compare": lambda D: compare(D, D),
    "compare with pandas": lambda D: compare(pd.DataFrame({"a": [1.0, 2.0]}), D),
    "compare_groups": lambda D: compare_groups(D, D, "a"),
    "compare_models": lambda D: compare_models(D, MODEL, MODEL),
    "density_report": density_report,
    "drift_table": lambda D: drift_table(D, D),
    "estimate_divergence": lambda D: estimate_divergence(D, D),
    "divergence_two_sample_test": lambda D: divergence_two_sample_test(np.ones((5, 2)), D),
    "f_divergence": lambda D: f_divergence(D["a"], D["a"]),
    "fit_report": lambda D: fit_report(D, MODEL),
    "general_pn_criterion": lambda D: general_pn_criterion(D, -np.eye(2)),
    "information_value": lambda D: information_value(D["a"], np.arange(40) % 2),
    "intrinsic_dimension": intrinsic_dimension,
    "isj_bandwidth": lambda D: isj_bandwidth(D["a"]),
    "jensen_shannon_test": jensen_shannon_test,
    "pilot_sampler": pilot_sampler,
    "sample_size_report": sample_size_report,
    "stack_samples": lambda D: stack_samples(D, D),
    "transition_counts": lambda D: transition_counts(D["a"]),
    "witness": lambda D: KernelSteinTest(MODEL, n_resamples=9, random_state=0).fit(
        np.random.default_rng(0).normal(size=(50, 2))).witness(D),
}


def unread(part):
    raise AssertionError("a partition was read")


@pytest.fixture(scope="module")
def frame():
    table = pd.DataFrame(np.ones((40, 2)), columns=["a", "b"])
    return dd.from_pandas(table, npartitions=4).map_partitions(unread, meta=table)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_estimators(frame, kind):
    y = np.repeat([0, 1], 20)
    if kind is KernelSteinTest:  # which reads it with other settings
        with pytest.raises(ValueError, match="needs method='nystrom' and null='spectral'"):
            kind(MODEL).fit(frame)
        return
    array = da.ones((40, 2), chunks=(10, 2)).map_blocks(unread, dtype=float, meta=np.ones((0, 2)))
    for X in (frame, array):
        with pytest.raises(TypeError, match=NEEDS_MEMORY):
            KINDS[kind].fit(X, y)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(frame, name):
    with pytest.raises(TypeError, match=NEEDS_MEMORY):
        FUNCTIONS[name](frame)
