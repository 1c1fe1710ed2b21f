"""The G test of several groups: scipy's numbers, the permutation law, sizes, errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2_contingency, entropy

from divest import TrustWarning
from divest.discrete import f_divergence, information_gain, jensen_shannon_test

TABLE = [[20, 30, 50], [25, 25, 50], [10, 40, 50]]


def test_numbers_of_the_method_page():
    result = jensen_shannon_test(TABLE)
    assert_allclose([result.estimate, *result], [0.0174853356, 10.4912013385, 0.0329184053],
                    rtol=5e-9)


@pytest.mark.parametrize("groups", [2, 3, 7])
def test_agrees_with_scipy(rng, groups):
    counts = rng.integers(20, 90, (groups, 6))
    peer = chi2_contingency(counts, lambda_="log-likelihood", correction=False)
    result = jensen_shannon_test(counts)
    assert_allclose([*result], [peer.statistic, peer.pvalue])
    assert result.degrees_of_freedom == peer.dof
    assert (result.n_resamples, result.pvalue_interval()) == (0, (result.pvalue, result.pvalue))


def test_estimate_is_entropy_of_the_mixture_less_that_of_the_groups():
    counts = np.array([[20, 30, 50], [100, 30, 70]])
    shares, weights = counts / counts.sum(1, keepdims=True), np.array([1 / 3, 2 / 3])
    expected = entropy(weights @ shares) - weights @ entropy(shares, axis=1)
    assert_allclose(jensen_shannon_test(counts).estimate, expected)
    equal = [[200, 300, 500], [400, 100, 500]]  # with equal sizes the divergence of that name
    assert_allclose(jensen_shannon_test(equal).estimate,
                    f_divergence(*equal, "jensen_shannon", smoothing=0).estimate)


def test_empty_rows_and_columns_change_nothing():
    wide = [[20, 0, 30, 50], [0, 0, 0, 0], [25, 0, 25, 50], [10, 0, 40, 50]]
    assert jensen_shannon_test(wide) == jensen_shannon_test(TABLE)
    for make in (np.array, pd.DataFrame, lambda t: pl.DataFrame(np.array(t))):
        assert jensen_shannon_test(make(TABLE)) == jensen_shannon_test(TABLE)


def test_small_cells_are_permuted():
    small = [[3, 5, 2], [6, 9, 50]]
    result = jensen_shannon_test(small, random_state=0)
    assert (result.method, result.n_resamples) == ("G test (permutation)", 999)
    again = jensen_shannon_test(small, random_state=result.seed)
    assert_array_equal(result.null_distribution, again.null_distribution)
    with pytest.warns(TrustWarning, match="small_cells"):
        jensen_shannon_test(small, method="chi2")


def test_permutations_agree_with_the_chi_square_law_in_large_samples():
    drawn = jensen_shannon_test(TABLE, method="permutation", n_resamples=9999, random_state=0)
    assert_allclose(drawn.statistic, jensen_shannon_test(TABLE).statistic)
    assert abs(drawn.pvalue - 0.0329184) < 3 * np.sqrt(0.033 / 9999) + 0.003


def test_one_cell_says_nothing():
    result = jensen_shannon_test([[10], [20]])
    assert [*result] == [0.0, 1.0]


@pytest.mark.parametrize("n", [[60, 60], [30, 60, 300]])
def test_size_on_rare_cells(n):
    shares = 1.0 / np.arange(1, 31) ** 1.5
    rng, runs = np.random.default_rng(5), 250
    rejected = sum(jensen_shannon_test(rng.multinomial(n, shares / shares.sum()), n_resamples=99,
                                       random_state=i).reject() for i in range(runs))
    assert abs(rejected / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("counts", "message"), [
    ([[1, 2]], "two or more groups"), ([[1, 2], [0, 0]], "two or more groups"),
    ([[1, -2], [3, 4]], "row 0, column 1 is -2"), ([[1, 2], [3.5, 4]], "row 1, column 0 is 3.5"),
    ([["a", "b"], ["c", "d"]], "numbers only"),
])
@pytest.mark.parametrize("function", [jensen_shannon_test, information_gain])
def test_bad_counts_are_refused(function, counts, message):
    with pytest.raises(ValueError, match=message):
        function(counts)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="method must be one of"):
        jensen_shannon_test(TABLE, method="exact")
    with pytest.raises(ValueError, match="n_resamples"):
        jensen_shannon_test(TABLE, n_resamples=0)


def test_gain_of_each_group():
    gain = information_gain(pd.DataFrame(TABLE, index=["x", "y", "z"]))
    assert gain["group"].tolist() == ["x", "y", "z"]
    assert_allclose(gain["information_gain"], [0.001182109, 0.0184415376, 0.0328323601], rtol=2e-7)
    assert_allclose(gain["information_gain"].mean(), jensen_shannon_test(TABLE).estimate)
    assert_allclose(gain["statistic"], 2 * 100 * gain["information_gain"] / (1 - 1 / 3))


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_size_of_a_gain_whatever_the_part_of_the_group(part):
    """Without the factor 1/(1 - w) the statistic of half of the rows is half as large."""
    rng, law = np.random.default_rng(3), np.array([0.1, 0.2, 0.3, 0.4])
    n = int(1000 * part)
    pairs = rng.multinomial(n, law, 250), rng.multinomial(1000 - n, law, 250)
    gains = pd.concat([information_gain([a, b]).head(1) for a, b in zip(*pairs, strict=True)])
    assert abs(np.mean(gains["pvalue"] <= 0.05) - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / 250)
    assert abs(gains["statistic"].mean() - 3) <= 4 * np.sqrt(6 / 250)


def test_gain_of_a_small_group_is_permuted():
    table = [[2, 1, 5], [200, 300, 500]]
    gain = information_gain(table, random_state=0)
    assert gain["n_resamples"].tolist() == [999, 999]
    # one group is the complement of the other: their statistics order the dealings alike
    assert abs(gain["pvalue"].diff().iloc[1]) < 0.06
    assert information_gain(table, random_state=0).equals(gain)
