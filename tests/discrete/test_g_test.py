"""G test: scipy's numbers, the permutation law, size on rare cells."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import chi2_contingency

from divest.discrete import g_test


def test_agrees_with_scipy(rng):
    for _ in range(5):
        a, b = rng.integers(20, 90, 6), rng.integers(20, 90, 6)
        peer = chi2_contingency([a, b], lambda_="log-likelihood", correction=False)
        result = g_test(a, b)
        assert_allclose([*result], [peer.statistic, peer.pvalue])
        assert result.n_resamples == 0
        assert result.pvalue_interval() == (result.pvalue, result.pvalue)


def test_small_cells_are_permuted():
    result = g_test([3, 5, 2], [6, 9, 50], random_state=0)
    assert result.method == "G test (permutation)"
    assert result.n_resamples == 999
    again = g_test([3, 5, 2], [6, 9, 50], random_state=result.seed)
    np.testing.assert_array_equal(result.null_distribution, again.null_distribution)


def test_permutation_law_agrees_with_enumeration():
    # 2 x 2 table: given the margins one count is hypergeometric
    from scipy.stats import hypergeom

    a, b = np.array([7, 2]), np.array([3, 8])
    counts = np.arange(10)
    law = hypergeom(20, 10, 9)
    g = np.array([g_test([c, 9 - c], [10 - c, 1 + c], method="chi2").statistic for c in counts])
    observed = g_test(a, b, method="chi2").statistic
    exact = law.pmf(counts)[g >= observed - 1e-9].sum()
    result = g_test(a, b, method="permutation", n_resamples=9999, random_state=1)
    assert abs(result.pvalue - exact) < 4 * np.sqrt(exact * (1 - exact) / 9999) + 1e-4


def test_one_cell_says_nothing():
    assert g_test([10], [20]).pvalue == 1.0


def test_size_on_rare_cells():
    shares = 1.0 / np.arange(1, 31) ** 1.5
    shares /= shares.sum()
    rng, runs = np.random.default_rng(5), 200
    rejected = sum(g_test(rng.multinomial(60, shares), rng.multinomial(60, shares),
                          n_resamples=99, random_state=i).reject() for i in range(runs))
    assert abs(rejected / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="method must be one of"):
        g_test([1, 2], [3, 4], method="exact")
    with pytest.raises(ValueError, match="n_resamples"):
        g_test([1, 2], [3, 4], n_resamples=0)
