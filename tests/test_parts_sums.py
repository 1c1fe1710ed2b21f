"""Sums over the parts of a Dask table give what the same rows in memory give, to 1e-10."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from divest import KernelSteinTest, TrustWarning, kernel_stein_test
from divest.goodness_of_fit import OutOfSupportError, _stein_parts
from divest.sample_complexity import pn_criterion

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

PARTITIONS = [(1000,), (400, 0, 1, 599), (100,) * 10]

pytestmark = pytest.mark.usefixtures("one_process")


def quiet(function, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return function(*arguments, **options)


def assert_same_results(found, want, tolerance=1e-10):
    """Every number of two results, and of their diagnostics."""
    for name, value in vars(want).items():
        other = getattr(found, name)
        if name == "diagnostics":
            assert [one.name for one in value] == [one.name for one in other]
            for one, two in zip(value, other, strict=True):
                assert two.value == pytest.approx(one.value, rel=tolerance, abs=tolerance), one.name
                assert two.passed == one.passed
        elif isinstance(value, (float, np.ndarray)):
            np.testing.assert_allclose(other, value, rtol=tolerance, atol=1e-12, err_msg=name)
        else:
            assert other == value, name


# ------------------------------------------------------------ the p-n criterion
@pytest.fixture
def rows(rng):
    mixed = rng.standard_t(9, size=(1000, 3)) @ rng.normal(size=(3, 3))
    return mixed + [1000.0, 0.0, -3.0]


@pytest.mark.parametrize("spread", [1.0, 1e-4])
def test_criterion_far_from_zero(rng, spread):
    """Of rows whose mean floats can only round; in sorted rows no few of them lie about it."""
    rows = np.sort(rng.standard_t(9, size=(1000, 2)) * spread, axis=0)[:, [0, 1]] + 1e8
    rows[:, 1] = rng.permutation(rows[:, 1])
    want = quiet(pn_criterion, rows - 1e8)  # exact: these differences are floats
    for found in (quiet(pn_criterion, da.from_array(rows, chunks=(300, 2))),
                  quiet(pn_criterion, rows)):
        assert_same_results(found, want, 1e-9)


@pytest.mark.parametrize("sizes", PARTITIONS)
@pytest.mark.parametrize("options", [{}, {"order": 1}, {"specified": True},
                                     {"direction": "reverse", "n_groups": 7, "delta": 0.1}])
def test_criterion_of_the_normal_law(rows, sizes, options):
    found = quiet(pn_criterion, da.from_array(rows, chunks=(sizes, 2)), **options)
    assert_same_results(found, quiet(pn_criterion, rows, **options))


class Squares:
    """Columns, and their squares."""

    def sufficient_statistics(self, X):
        return np.hstack([X, X**2])


@pytest.mark.parametrize("sizes", PARTITIONS)
@pytest.mark.parametrize("order", [1, 2])
def test_criterion_with_draws(rng, sizes, order):
    X, draws = rng.normal(size=(1000, 2)), rng.normal(size=(3000, 2))
    options = {"draws": draws, "order": order, "draw_groups": np.arange(3000) // 10}
    family = Squares()
    table = da.from_array(X, chunks=(sizes, 2))
    found = quiet(pn_criterion, table, family, **options)
    assert_same_results(found, quiet(pn_criterion, X, family, **options))
    options["draws"] = family.sufficient_statistics(draws)
    found = quiet(pn_criterion, table.map_blocks(family.sufficient_statistics, chunks=(sizes, 4)),
                  None, **options)
    assert_same_results(found, quiet(pn_criterion, family.sufficient_statistics(X), None,
                                     **options))


def test_criterion_of_a_data_frame(rows):
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    found = quiet(pn_criterion, dd.from_pandas(frame, npartitions=3))
    assert_same_results(found, quiet(pn_criterion, frame))
    draws = pd.DataFrame(rows + 0.01, columns=["a", "b", "c"])[["c", "a", "b"]]
    found = quiet(pn_criterion, dd.from_pandas(frame, npartitions=3), None, draws=draws)
    assert_same_results(found, quiet(pn_criterion, frame, None, draws=draws))


def test_criterion_says_what_it_cannot_do(rows):
    table = da.from_array(rows, chunks=(300, 3))
    with pytest.raises(ValueError, match="family='gaussian' or with draws"):
        pn_criterion(table, "poisson")
    with pytest.raises(ValueError, match="family=None and statistics"):
        pn_criterion(table, "gaussian", draws=rows)
    with pytest.raises(ValueError, match="sample_weight goes with rows in memory"):
        pn_criterion(table, sample_weight=np.ones(1000))
    with pytest.raises(ValueError, match="draws must have the columns of X"):
        pn_criterion(table, None, draws=rows[:, :2])
    with pytest.raises(ValueError, match="at least 2 rows, got 0"):
        pn_criterion(table[:0])
    with pytest.raises(ValueError, match="column 1 of X does not vary"):
        pn_criterion(da.from_array(rows * [1, 0, 1] + 0.1, chunks=(300, 3)))
    with pytest.raises(ValueError, match=r"a partition of X contains NaN \(row 0,"):
        pn_criterion(da.from_array(np.where(rows > 2000, rows, np.nan), chunks=(300, 3)))
    with pytest.raises(ValueError, match="at most 60 statistics"):
        pn_criterion(da.from_array(np.ones((400, 61)), chunks=(100, 61)), None,
                     draws=np.random.default_rng(0).normal(size=(400, 61)))


# ------------------------------------------------------------ the kernel Stein test
NYSTROM = {"method": "nystrom", "null": "spectral", "n_resamples": 99, "n_landmarks": 30}
MODEL = stats.multivariate_normal(np.zeros(2), np.eye(2))


@pytest.mark.parametrize("sizes", PARTITIONS)
@pytest.mark.parametrize("options", [
    {}, {"statistic": "v", "dtype": "float32"}, {"kernel": "rbf", "bandwidth": 0.7},
    {"preconditioner": [[2.0, 0.5], [0.5, 1.0]]}])
def test_stein_test(rng, sizes, options):
    X = rng.normal(size=(1000, 2)) + [0.15, 0.0]
    options = {**NYSTROM, **options, "random_state": 5}
    want = quiet(KernelSteinTest(MODEL, **options).fit, X)
    found = quiet(KernelSteinTest(MODEL, **options).fit, da.from_array(X, chunks=(sizes, 1)))
    tolerance = 1e-10 if "dtype" not in options else 1e-5
    assert_same_results(found.result_, want.result_, tolerance)
    pd.testing.assert_frame_equal(found.bandwidths_, want.bandwidths_, rtol=tolerance)
    assert found.discrepancy_ == pytest.approx(want.discrepancy_, rel=tolerance)
    Z = X[:5]
    np.testing.assert_allclose(found.witness(Z), want.witness(Z), rtol=1e-4)


def test_stein_test_of_a_data_frame_and_of_a_column(rng):
    frame = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    found = KernelSteinTest(MODEL, **NYSTROM, random_state=1).fit(dd.from_pandas(frame,
                                                                                 npartitions=4))
    assert list(found.feature_names_in_) == ["a", "b"]
    want = KernelSteinTest(MODEL, **NYSTROM, random_state=1).fit(frame)
    assert_same_results(found.result_, want.result_)
    column = frame["a"].to_numpy()
    assert_same_results(
        kernel_stein_test(da.from_array(column, chunks=77), stats.norm(), random_state=1,
                          **NYSTROM),
        kernel_stein_test(column, stats.norm(), random_state=1, **NYSTROM))


def test_stein_test_looks_at_a_sample_only(rng, monkeypatch):
    """Statistic and p-value do not depend on it; dependence is seen in neighbouring rows."""
    monkeypatch.setattr(_stein_parts, "LOOKED_AT", 300)
    X = rng.normal(size=(1000, 2))
    X = np.repeat(X[:500], 2, axis=0) + rng.normal(scale=0.01, size=(1000, 2))
    want = quiet(KernelSteinTest(MODEL, **NYSTROM, random_state=1).fit, X)
    found = quiet(KernelSteinTest(MODEL, **NYSTROM, random_state=1).fit,
                  da.from_array(X, chunks=(170, 2)))
    assert found.statistic_ == pytest.approx(want.statistic_, rel=1e-10)
    assert found.pvalue_ == want.pvalue_
    failed = found.diagnostics_.query("not passed")["name"].tolist()
    assert "autocorrelation" in failed


def test_rows_without_score_are_counted_in_their_partition(rng, monkeypatch):
    monkeypatch.setattr(_stein_parts, "LOOKED_AT", 20)
    X = np.abs(rng.normal(size=(500, 1)))
    X[450] = -1.0  # seen in the last pass only
    options = {**NYSTROM, "boundary": "ignore", "n_landmarks": 5, "random_state": 1}
    monkeypatch.setattr(_stein_parts, "median_rows", lambda n: np.arange(0, n, 100))
    with pytest.raises(OutOfSupportError, match=r"row 50.* Rows are counted in a partition of X"):
        KernelSteinTest(stats.gamma(3), **options).fit(da.from_array(X, chunks=(100, 1)))


def test_stein_test_says_what_it_cannot_do(rng):
    X = da.from_array(rng.normal(size=(200, 2)), chunks=(50, 2))
    with pytest.raises(ValueError, match="needs method='nystrom' and null='spectral'"):
        KernelSteinTest(MODEL).fit(X)
    with pytest.raises(ValueError, match="needs a model"):
        KernelSteinTest(None, **NYSTROM).fit(X, score_values=X)
    with pytest.raises(ValueError, match="preconditioner=None or a matrix"):
        KernelSteinTest(MODEL, **NYSTROM, preconditioner="std").fit(X)
    with pytest.raises(ValueError, match="tilted kernel"):
        KernelSteinTest(stats.expon(), **NYSTROM, support=(0, np.inf)).fit(abs(X[:, :1]))
    with pytest.raises(ValueError, match="at least 4 rows, got 3"):
        KernelSteinTest(MODEL, **NYSTROM).fit(X[:3])
    with pytest.raises(ValueError, match="X contains infinity"):
        KernelSteinTest(MODEL, **NYSTROM).fit(da.where(X > 2, np.inf, X))
    with pytest.raises(OutOfSupportError, match=r"row 0.* Rows are counted in a sample of 200"):
        KernelSteinTest(stats.gamma(3), **NYSTROM, boundary="ignore").fit(
            da.concatenate([-abs(X[:1, :1]), abs(X[1:, :1])]))
    test = KernelSteinTest(MODEL, **NYSTROM).fit(rng.normal(size=(200, 2)))
    assert len(test.influence_) == 200
    test.fit(X)
    with pytest.raises(ValueError, match="does not keep its rows"):
        test.discrepancy_interval(force=True)
