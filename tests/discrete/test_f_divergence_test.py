"""f_divergence_test and its power: the method page's numbers, sizes, smallest effects, errors."""


import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2, hypergeom, ncx2

from divest import TrustWarning
from divest.discrete import f_divergence, f_divergence_power, f_divergence_test
from divest.discrete._cells import two_sample_cells
from divest.discrete._moments import divergence_value, shares
from divest.generators import resolve_generator

P, Q = (30, 50, 20, 0), (60, 90, 45, 5)
NAMES = ["kl", "reverse_kl", "jeffreys", "jensen_shannon", "chi_square", "hellinger",
         "power(-0.5)"]
ZIPF = np.arange(1, 31) ** -1.5 / np.sum(np.arange(1, 31) ** -1.5)


def near(rate, runs, width=3):
    return width * np.sqrt(rate * (1 - rate) / runs)


def test_numbers_of_the_method_page():
    with pytest.warns(TrustWarning, match=r"small_cells = 1\.67"):
        result = f_divergence_test(P, Q, method="chi2")
    assert_allclose([*result], [3.0500533657, 0.3839721296], rtol=1e-9)
    assert result.degrees_of_freedom == 3
    assert result.estimate == f_divergence(P, Q, "jeffreys").estimate
    with pytest.warns(TrustWarning, match="small_cells"):
        effect = f_divergence_test(P, Q, minimum_effect=0.05)
    assert_allclose(effect.pvalue, 0.7492340441, rtol=1e-9)
    assert "at most 0.05" in effect.null


def test_permutation_number_of_the_method_page():
    """The page draws from ``default_rng(0)``."""
    result = f_divergence_test(P, Q, random_state=0)
    assert (result.pvalue, result.n_resamples) == (0.401, 999)
    assert result.method == "jeffreys test of counts (permutation)"
    again = f_divergence_test(P, Q, random_state=result.seed)
    assert_array_equal(result.null_distribution, again.null_distribution)


def test_draws_by_the_block_are_those_of_one_block(monkeypatch):
    one = f_divergence_test(P, Q, random_state=0)
    monkeypatch.setattr("divest.discrete._count_test.BLOCK", 400)
    assert_array_equal(f_divergence_test(P, Q, random_state=0).null_distribution,
                       one.null_distribution)


def test_statistic_of_jeffreys_is_the_scaled_index():
    result = f_divergence_test([300, 500, 200], [600, 900, 500])
    psi = f_divergence([300, 500, 200], [600, 900, 500], "jeffreys")
    assert_allclose(result.statistic, 1000 * 2000 / 3000 * psi.estimate)
    assert_allclose(result.pvalue, psi.null_pvalue)
    assert (result.n_resamples, result.seed) == (0, None)


def test_permutation_law_agrees_with_enumeration():
    """Of a 2 x 2 table with given margins one count is hypergeometric."""
    counts, law = np.arange(10), hypergeom(20, 10, 9)
    tables = shares(np.column_stack([counts, 9 - counts]), 0.5), shares(
        np.column_stack([10 - counts, 1 + counts]), 0.5)
    values = divergence_value(resolve_generator("jensen_shannon"), *tables)
    exact = law.pmf(counts)[values >= values[7] - 1e-12].sum()
    result = f_divergence_test([7, 2], [3, 8], "jensen_shannon", method="permutation",
                               n_resamples=9999, random_state=1)
    assert abs(result.pvalue - exact) < near(exact, 9999, 4) + 1e-4


def test_total_variation_is_permuted():
    result = f_divergence_test([300, 500, 200], [600, 900, 500], "total_variation", random_state=0)
    assert_allclose(result.statistic, 0.0499, atol=1e-3)
    pearson = f_divergence_test([300, 500, 200], [600, 900, 500], "chi_square").pvalue
    assert abs(result.pvalue - pearson) < 0.02
    for wrong in ({"method": "chi2"}, {"minimum_effect": 0.1}):
        with pytest.raises(ValueError, match="smooth"):
            f_divergence_test(P, Q, "total_variation", **wrong)


def test_infinite_divergences_are_compared_with_infinite_ones():
    """Without smoothing half of all dealings leave a cell empty: that is no evidence."""
    result = f_divergence_test([20, 1], [20, 0], smoothing=0, random_state=0)
    assert np.isinf(result.statistic)
    assert result.pvalue == 1.0
    many = f_divergence_test([400, 8], [400, 0], smoothing=0, random_state=0)
    assert 0.0 < many.pvalue < 0.05
    with pytest.warns(TrustWarning, match="small_cells"):
        assert f_divergence_test([400, 12], [400, 0], smoothing=0, method="chi2").pvalue == 0.0


def test_one_cell_says_nothing():
    for options in ({}, {"method": "permutation"}, {"minimum_effect": 0.1}):
        assert f_divergence_test([10], [20], **options).pvalue == 1.0
        assert f_divergence_test([10, 0], [20, 0], **options).pvalue == 1.0


def test_counts_too_large_to_deal_out():
    a, b = [2 * 10**9, 3], [10**9, 1]
    with pytest.warns(TrustWarning, match="small_cells"):
        assert f_divergence_test(a, b).n_resamples == 0
    with pytest.raises(ValueError, match="fewer than 1e"):
        f_divergence_test(a, b, method="permutation")


@pytest.mark.parametrize(("options", "message"), [
    ({"method": "exact"}, "method must be one of"), ({"n_resamples": 0}, "n_resamples"),
    ({"minimum_effect": -1}, "minimum_effect"), ({"smoothing": -1}, "smoothing"),
    ({"minimum_effect": 0.1, "method": "permutation"}, "test equality only"),
    ({"divergence": "no such thing"}, "must be one of kl"),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        f_divergence_test(P, Q, **options)


@pytest.mark.parametrize("name", NAMES)
def test_size_and_mean_of_the_chi_square_law(name):
    """5000 pairs: size in [.040, .060], mean of T/df in [.95, 1.05]; errors .003 and .007."""
    rng = np.random.default_rng(8)
    a, b = rng.multinomial(800, np.full(10, 0.1), 5000), rng.multinomial(1200, np.full(10, 0.1),
                                                                         5000)
    generator = resolve_generator(name)
    statistics = 960 / generator.curvature * divergence_value(generator, shares(a, 0.5),
                                                              shares(b, 0.5))
    result = f_divergence_test(a[0], b[0], name)  # the public function computes the same
    assert_allclose(result.statistic, statistics[0])
    assert_allclose(result.pvalue, chi2.sf(statistics[0], 9))
    assert 0.040 <= np.mean(chi2.sf(statistics, 9) <= 0.05) <= 0.060
    assert 0.95 <= statistics.mean() / 9 <= 1.05


def test_size_on_rare_cells():
    """30 Zipf cells, 200 against 2000 rows: permutations keep the level."""
    rng, runs = np.random.default_rng(5), 500
    rejected = sum(
        f_divergence_test(rng.multinomial(200, ZIPF), rng.multinomial(2000, ZIPF), n_resamples=99,
                          random_state=i).reject() for i in range(runs))
    assert abs(rejected / runs - 0.05) <= near(0.05, runs)
    assert rejected / runs <= 0.07


def tilted(psi):
    """Ten cells whose Jeffreys divergence from equal ones is `psi`."""
    from scipy.optimize import brentq
    from scipy.special import softmax

    x = np.linspace(-1.0, 1.0, 10)

    def gap(s):
        return np.sum((softmax(s * x) - 0.1) * s * x) - psi
    return softmax(brentq(gap, 1e-3, 3.0) * x)


@pytest.mark.parametrize("n", [300, pytest.param(1000, marks=pytest.mark.slow)])
def test_smallest_relevant_effect_where_the_rule_of_thumb_fires(n):
    """True index .1: the test of at most .1 rejects rarely, "PSI > .1" nearly always or often."""
    p, rng, runs = tilted(0.1), np.random.default_rng(7), 2000
    rejected = alarms = 0
    for _ in range(runs):
        a, b = rng.multinomial(n, p), rng.multinomial(n, np.full(10, 0.1))
        result = f_divergence_test(a, b, minimum_effect=0.1)
        rejected += result.reject()
        alarms += result.estimate > 0.1
    assert rejected / runs <= 0.06
    assert rejected / runs >= 0.05 - near(0.05, runs) - 0.01  # nearly the whole level is used
    assert alarms / runs >= {300: 0.78, 1000: 0.6}[n]


def test_smallest_relevant_effect_is_seen_when_it_is_exceeded():
    p, rng = tilted(0.3), np.random.default_rng(1)
    result = [f_divergence_test(rng.multinomial(1000, p), rng.multinomial(1000, np.full(10, 0.1)),
                                minimum_effect=0.1).reject() for _ in range(100)]
    assert np.mean(result) > 0.9


@pytest.mark.parametrize(("psi", "power"), [(0.01, 0.281), (0.02, 0.564)])
def test_power_is_what_samples_show(psi, power):
    """Within 3 Monte Carlo errors and .02 of the approximation."""
    p, rng, runs = tilted(psi), np.random.default_rng(2), 4000
    a, b = rng.multinomial(1000, p, runs), rng.multinomial(1000, np.full(10, 0.1), runs)
    statistics = 500 * divergence_value(resolve_generator("jeffreys"), shares(a, 0.5),
                                        shares(b, 0.5))
    assert_allclose(f_divergence_power(psi, 1000, 1000, 10), power, atol=5e-4)
    seen = np.mean(chi2.sf(statistics, 9) <= 0.05)
    assert abs(seen - power) <= near(power, runs) + 0.02


def test_power_of_both_tests():
    assert_allclose(f_divergence_power(0.05, 500, 500, 10), 0.6833620081, rtol=1e-9)
    assert_allclose(f_divergence_power(0.0, 50, 70, 4, "kl", level=0.1), 0.1)
    assert_allclose(f_divergence_power(0.1, 50, 70, 4, minimum_effect=0.1), 0.05)
    scale = 2 * 50 * 70 / 120 / 0.25
    assert_allclose(f_divergence_power(0.1, 50, 70, 4, "hellinger"),
                    ncx2.sf(chi2.isf(0.05, 3), 3, scale * 0.1))
    with pytest.raises(ValueError, match="smooth"):
        f_divergence_power(0.1, 50, 70, 4, "total_variation")
    with pytest.raises(ValueError, match="n_cells"):
        f_divergence_power(0.1, 50, 70, 1)


def rejections(labels_p, labels_q, rows):
    """Shares of pairs rejected with the cells of the package, and with the naive ones."""
    found = np.zeros(2)
    for i, (p, q) in enumerate(zip(labels_p, labels_q, strict=True)):
        cells = two_sample_cells(p, q, kind="categorical")
        found[0] += f_divergence_test(cells.p, cells.q, n_resamples=99, random_state=i).reject()
        a, b = (np.bincount(x, minlength=rows) for x in (p, q))
        known = b > 0  # the naive rule: one cell for all that the reference lacks
        a, b = np.append(a[known], a[~known].sum()), np.append(b[known], 0)
        found[1] += f_divergence_test(a, b, n_resamples=99, method="permutation",
                                      random_state=i).reject()
    return found / len(labels_p)


@pytest.mark.parametrize(("weights", "n", "m", "naive"), [
    (np.ones(200), 80, 120, 0.95), (1 / np.arange(1, 61), 200, 200, 0.5)])
def test_labels_never_seen_and_rare_labels_keep_the_size(weights, n, m, naive):
    """Pairs from equal populations; a cell chosen because the reference lacks it rejects.

    The calibration of `drift_table` has 400 pairs of each.
    """
    runs, rng, law = 150, np.random.default_rng(11), weights / weights.sum()
    p, q = (rng.choice(len(law), (runs, rows), p=law) for rows in (n, m))
    ours, theirs = rejections(p, q, len(law))
    assert ours <= 0.08
    assert theirs >= naive
