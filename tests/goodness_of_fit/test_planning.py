"""compare_models: the difference by hand, laws, input and diagnostics, size and power."""

import warnings

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from divest import KernelSteinTest, TrustWarning
from divest.goodness_of_fit.planning import compare_models
from divest.kernels import imq

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


@pytest.fixture
def x():
    return np.random.default_rng(0).laplace(size=300)


def test_by_hand(x):
    """From the two matrices of all pairs: the difference, and the jackknife of what is left out."""
    a, b = stats.norm(), stats.logistic()
    result = compare_models(x, a, b, kernel=imq(bandwidth=1.0), bandwidth="median", random_state=0)
    n, H = len(x), np.zeros((len(x), len(x)))
    for sign, model in ((1, a), (-1, b)):
        test = KernelSteinTest(model, kernel=imq(bandwidth=1.0), n_resamples=1).fit(x[:, None])
        H += sign * test.stein_matrix()
    np.fill_diagonal(H, 0.0)
    total = H.sum()
    assert_allclose(result.difference, total / (n * (n - 1)), rtol=1e-9)
    without = (total - 2 * H.sum(axis=1)) / ((n - 1) * (n - 2))
    jackknife = (n - 1) / n * ((without - without.mean())**2).sum()
    assert_allclose(result.standard_error**2, jackknife, rtol=1e-9)
    assert_allclose(result.pvalue, 2 * stats.norm.sf(abs(result.difference)
                                                     / result.standard_error), rtol=1e-9)
    assert_allclose(np.subtract(*result.discrepancies), result.difference, rtol=1e-9)


def test_the_other_way_round(x):
    one = compare_models(x, stats.norm(), stats.laplace(), random_state=0)
    other = compare_models(x, stats.laplace(), stats.norm(), random_state=0)
    assert_allclose([other.difference, *other.confidence_interval()],
                    [-one.difference, -one.confidence_interval()[1], -one.confidence_interval()[0]])
    assert other.pvalue == pytest.approx(one.pvalue, rel=1e-9)
    assert other.pvalues == one.pvalues[::-1]
    assert one.difference > 0  # the second model is the right one
    assert one.pvalue < 0.05


def test_the_same_model_twice(x):
    result = compare_models(x, stats.norm(), stats.norm(), random_state=0)
    assert (result.difference, result.standard_error, result.pvalue) == (0.0, 0.0, 1.0)


def test_table(x):
    result = compare_models(x, stats.norm(), stats.logistic(), random_state=0)
    row = result.to_frame().iloc[0]
    assert (row["low"], row["high"]) == result.confidence_interval()
    assert (row["discrepancy_a"], row["discrepancy_b"]) == result.discrepancies
    assert "pvalue_b" in result.summary()
    low, high = result.confidence_interval(0.5)
    assert row["low"] < low < high < row["high"]


def test_doubt_where_both_may_be_right(x):
    close = (stats.laplace(), stats.laplace(0.01))
    with pytest.warns(TrustWarning, match="neither model is rejected"):
        result = compare_models(x, *close, random_state=0)
    assert not result.trusted
    assert min(result.pvalues) > 0.05


def test_one_warning_with_the_doubts_about_both(x):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = compare_models(np.sort(x), stats.norm(), stats.logistic(), random_state=0)
    assert len(caught) == 1
    assert "autocorrelation" in str(caught[0].message)
    names = [d.name for d in result.diagnostics]
    assert len(names) == len(set(names))
    assert [d.passed for d in result.diagnostics if d.name == "autocorrelation"] == [False]


def test_kernels_must_be_the_same(x):
    positive = np.abs(x)
    with pytest.raises(ValueError, match="pass the same"):
        compare_models(positive, stats.gamma(3.0), stats.norm())
    result = compare_models(positive, stats.expon(), stats.gamma(3.0), support=(0, np.inf),
                            random_state=0)
    assert result.difference < 0


@pytest.mark.parametrize(("options", "match"), [
    ({"bandwidth": "auto"}, "'median' or a number, got 'auto'"),
    ({"null": "linear"}, "null='linear' looks at separate pairs"),
    ({"dependence": 0.1}, "independent"),
    ({"n_resamples": 0}, "n_resamples"),
])
def test_bad_input(options, match, x):
    with pytest.raises(ValueError, match=match):
        compare_models(x, stats.norm(), stats.laplace(), **options)


@pytest.mark.slow
@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
def test_size_and_power():
    """Two models that are equally far, and one that is nearer than the other."""
    runs, found = 300, {-0.5: 0, -1.0: 0}
    for seed in range(runs):
        x = np.random.default_rng(seed).normal(size=200)
        for shift in found:
            result = compare_models(x, stats.norm(0.5), stats.norm(shift), bandwidth=1.0,
                                    n_resamples=1)
            found[shift] += result.pvalue <= 0.05
    assert abs(found[-0.5] / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)
    assert found[-1.0] / runs >= 0.8, found
