"""Order 0 against order 1: the method page's number, exactness, size and power."""

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency

from divest import TrustWarning
from divest.discrete import TransitionCounts, order_test

PAGE = TransitionCounts([[65, 43, 39], [45, 129, 43], [37, 45, 53]])


def test_numbers_of_the_method_page():
    result = order_test(PAGE)
    assert_allclose([*result], [49.6515295443, 4.2693380e-10], rtol=1e-9, atol=1e-17)
    assert result.degrees_of_freedom == 4
    assert_allclose(result.estimate, result.statistic / 998)
    peer = chi2_contingency(PAGE.counts, lambda_="log-likelihood", correction=False)
    assert_allclose(result.statistic, peer.statistic)


def test_sequences_and_their_counts_agree(rng):
    X = rng.integers(3, size=400)
    by_counts = order_test(TransitionCounts(transition(X)), method="chi2")
    assert [*order_test(X, method="chi2")] == [*by_counts]
    split = order_test(X, lengths=[150, 250], method="chi2")
    assert [*split] == [*order_test([X[:150], X[150:]], method="chi2")]


def transition(X):
    counts = np.zeros((3, 3))
    np.add.at(counts, (X[:-1], X[1:]), 1)
    return counts


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_permutation_law_agrees_with_enumeration():
    """All 20 orders of three a and three b are equally likely."""
    X = list("aaabbb")
    orders = sorted(set(permutations(X)))
    values = np.array([order_test(list(o), method="chi2").statistic for o in orders])
    exact = np.mean(values >= order_test(X, method="chi2").statistic - 1e-9)
    result = order_test(X, n_resamples=4000, random_state=0)
    assert result.method == "order test (permutation)"
    assert abs(result.pvalue - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000) + 1e-3


def test_constant_chain_says_nothing():
    result = order_test(["a"] * 50)
    assert (result.statistic, result.pvalue, result.degrees_of_freedom) == (0.0, 1.0, 0)


def test_counts_with_small_cells_are_doubtful():
    with pytest.warns(TrustWarning, match="small_cells"):
        order_test(TransitionCounts([[3, 1], [1, 3]]))
    with pytest.raises(ValueError, match="cannot be permuted"):
        order_test(PAGE, method="permutation")
    with pytest.raises(ValueError, match="method must be one of"):
        order_test(PAGE, method="exact")
    with pytest.raises(ValueError, match="n_resamples"):
        order_test(PAGE, n_resamples=0)


def test_power_and_the_same_numbers_again():
    sticky = ["a"] * 12 + ["b"] * 12 + ["c"] * 12
    one, two = (order_test(sticky, random_state=4) for _ in range(2))
    assert one.pvalue == 0.001
    np.testing.assert_array_equal(one.null_distribution, two.null_distribution)


def test_size_on_rare_states(rng):
    """The chi-square law has size .00 here."""
    shares = 1.0 / np.arange(1, 13) ** 1.5
    runs = 150
    rejected = sum(order_test(rng.choice(12, 80, p=shares / shares.sum()), n_resamples=99,
                              random_state=i).reject() for i in range(runs))
    assert abs(rejected / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
def test_size_of_the_chi_square_law(rng):
    runs = 5000
    rejected = sum(order_test(rng.choice(3, 400, p=[0.5, 0.3, 0.2]), method="chi2").reject()
                   for _ in range(runs))
    assert 0.04 <= rejected / runs <= 0.065
