"""Debiased functions of the ratio: exact binomial expectations, tables, very large balls."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom

from divest.divergence._debias import (
    LARGEST_TABLE,
    debiased,
    debiased_function,
    debiased_log,
    debiased_power,
    smoothed_ratio,
)
from divest.generators import Constant, Function, Log, Power, Sign, resolve_generator

P = np.array([0.05, 0.2, 0.35, 0.5, 0.8, 0.95])
ODDS = P / (1 - P)
MIDDLE = np.array([0.3, 0.4, 0.5, 0.6, 0.7])

sizes = pytest.mark.parametrize("k", [5, 6, 11, 17, 40, 60])


def expectation(values, p=P):
    """E over C ~ Bin(k, p) of a table of k + 1 values."""
    k = len(values) - 1
    return binom.pmf(np.arange(k + 1), k, p[:, None]) @ values


# ------------------------------------------------------------ powers and logarithm
@sizes
def test_first_power_misses_only_the_full_ball(k):
    found = expectation(debiased_power(np.arange(k + 1), k, 1.0, 1.0))
    assert_allclose(found, ODDS * (1 - P**k), rtol=1e-12)


@sizes
def test_inverse_misses_only_the_empty_ball(k):
    found = expectation(debiased_power(np.arange(k + 1), k, 1.0, -1.0))
    assert_allclose(found, (1 - (1 - P) ** k) / ODDS, rtol=1e-12)


@sizes
@pytest.mark.parametrize("a", [2, 3, -2])
def test_whole_powers_miss_the_fullest_balls(k, a):
    """r^a loses the mass of the last a counts; r^-a that of the first."""
    found = expectation(debiased_power(np.arange(k + 1), k, 1.0, a))
    seen = binom.cdf(k - abs(a), k, P) if a > 0 else binom.sf(abs(a) - 1, k, P)
    assert_allclose(found, ODDS**a * seen, rtol=1e-12)


@sizes
def test_bias_of_the_logarithm_is_its_series(k):
    found = expectation(debiased_log(np.arange(k + 1), k, 1.0)) - np.log(ODDS)
    m = np.arange(k + 1, 2000)
    assert_allclose(found, (((1 - P)[:, None] ** m - P[:, None] ** m) / m).sum(axis=1), atol=1e-11)


@sizes
@pytest.mark.parametrize("a", [0.5, -0.5, 0.3])
def test_roots_miss_less_than_the_one_sided_balls(k, a):
    found = expectation(debiased_power(np.arange(k + 1), k, 1.0, a))
    tail = P**k + (1 - P) ** k
    assert (np.abs(found / ODDS**a - 1) <= tail + 1e-12).all()


@pytest.mark.parametrize("a", [1.0, -1.0, 0.5, -0.5, 2.0, 0.0])
def test_class_constant_is_a_factor(a):
    C = np.arange(13)
    assert_allclose(debiased_power(C, 12, 1.4, a), 1.4**a * debiased_power(C, 12, 1.0, a))
    assert_allclose(debiased_log(C, 12, 1.4), np.log(1.4) + debiased_log(C, 12, 1.0))


def test_zeroth_power_is_one():
    assert_array_equal(debiased_power(np.arange(6), 5, 3.0, 0.0), np.ones(6))


def test_swapping_samples_inverts_the_ratio():
    C = np.arange(21)
    for a in (1.0, 0.5, 2.0, 1.7):
        assert_allclose(debiased_power(C, 20, 1.4, a), debiased_power(20 - C, 20, 1 / 1.4, -a),
                        rtol=1e-12)
    assert_allclose(debiased_log(C, 20, 1.4), -debiased_log(20 - C, 20, 1 / 1.4), rtol=1e-12)


def test_falling_factorials_of_whole_and_broken_orders():
    """C(C-1)/((K-C+1)(K-C+2)); and a negative value, kept, where Gamma changes its sign."""
    C = np.arange(8)
    expected = C * (C - 1) / ((8 - C) * (9 - C))
    assert_allclose(debiased_power(C, 7, 1.0, 2.0), expected, rtol=1e-13, atol=1e-15)
    assert debiased_power(np.array([0]), 7, 1.0, 1.5).item() < 0


def test_smoothed_ratio():
    found = smoothed_ratio(np.array([0, 2, 5]), 5, 1.4)
    assert_allclose(found, 1.4 * np.array([1 / 11, 5 / 7, 11]))


# ------------------------------------------------------------ other functions
def plain_function(k, c, g):
    """Three rounds of h + t - E h, entry by entry."""
    p = [(j + 0.5) / (k + 1) for j in range(k + 1)]
    target = np.array([g(c * x / (1 - x)) for x in p])
    table = target
    for _ in range(3):
        mean = [sum(binom.pmf(j, k, x) * table[j] for j in range(k + 1)) for x in p]
        table = table + target - np.array(mean)
    return table


@pytest.mark.parametrize("k", [1, 7, 30])
@pytest.mark.parametrize("g", [np.log1p, np.tanh])
def test_function_matches_its_twin(k, g):
    found = debiased_function(np.arange(k + 1), k, 1.4, Function(g))
    assert_allclose(found, plain_function(k, 1.4, g), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["jensen_shannon", "le_cam"])
@pytest.mark.parametrize("k", [10, 20, 40, 400])
def test_bias_of_a_smooth_function_is_a_fraction_of_that_of_the_plug_in(name, k):
    generator = resolve_generator(name)
    odds = 1.3 * MIDDLE / (1 - MIDDLE)
    counts = np.arange(k + 1)
    for term in (*generator.at_p, *generator.at_q):
        truth = term.function(odds)
        bias = expectation(debiased_function(counts, k, 1.3, term), MIDDLE) - truth
        plug_in = expectation(term.function(smoothed_ratio(counts, k, 1.3)), MIDDLE) - truth
        assert np.abs(bias).max() < 2 / k * np.abs(plug_in).max()


@pytest.mark.parametrize("name", ["jensen_shannon", "le_cam"])
def test_very_large_balls_take_the_plug_in(name):
    """There its bias, about b/k, is small: b is .27 for jensen_shannon and .7 for le_cam."""
    generator, k = resolve_generator(name), LARGEST_TABLE + 1
    for term in (*generator.at_p, *generator.at_q):
        found = debiased_function(np.arange(k + 1), k, 1.3, term)
        assert_allclose(found, term.function(smoothed_ratio(np.arange(k + 1), k, 1.3)), rtol=1e-12)
        truth = term.function(1.3 * MIDDLE / (1 - MIDDLE))
        limit = {"jensen_shannon": 0.3, "le_cam": 0.8}[name] / k
        assert np.abs(expectation(found, MIDDLE) - truth).max() < limit


# ------------------------------------------------------------ sums of terms, mixed ball sizes
TERMS = (Constant(0.5), Power(2.0, 1.0), Power(-1.0, -0.5), Log(3.0), Sign(0.25),
         Function(np.log1p))


def plain_value(C, K, c):
    """All of TERMS at one count."""
    one, smooth = np.array([C]), c * (C + 0.5) / (K - C + 0.5)
    plugged = K > LARGEST_TABLE
    other = np.log1p([smooth]) if plugged else debiased_function(one, K, c, TERMS[-1])
    return (0.5 + 2 * debiased_power(one, K, c, 1.0) - debiased_power(one, K, c, -0.5)
            + 3 * debiased_log(one, K, c) + 0.25 * np.sign(smooth - 1) + other).item()


@pytest.mark.parametrize("largest", [12, 500])
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_mixed_sizes_match_one_by_one(rng, largest, columns):
    shape = 40 if columns is None else (40, columns)
    K = rng.integers(1, largest + 1, shape)
    K.flat[:10] = 7
    C = rng.binomial(K, 0.4)
    expected = [plain_value(int(c), int(k), 1.4) for c, k in zip(C.flat, K.flat, strict=True)]
    assert_allclose(debiased(TERMS, C, K, 1.4), np.reshape(expected, K.shape), rtol=1e-12)


@pytest.mark.parametrize("k", [9, 450])
def test_equal_sizes_match_one_by_one(rng, k):
    C = rng.binomial(k, 0.4, (20, 2))
    expected = [[plain_value(int(c), k, 1.4) for c in row] for row in C]
    assert_allclose(debiased(TERMS, C, np.full(C.shape, k), 1.4), expected, rtol=1e-12)


def test_no_terms_are_zero():
    assert_array_equal(debiased((), np.array([[1, 2]]), np.array([[3, 4]]), 1.0), [[0, 0]])


def test_tables_of_other_constants_and_functions_are_kept_apart():
    C, K = np.array([3]), np.array([9])
    for c, g in [(1.0, np.log1p), (2.0, np.log1p), (2.0, np.tanh), (1.0, np.tanh)] * 2:
        found = debiased((Function(g),), C, K, c)
        assert_allclose(found, plain_function(9, c, g)[3], rtol=1e-11)


def test_sign_of_an_even_ball_is_zero():
    assert_array_equal(debiased((Sign(1.0),), np.array([1, 2, 3]), np.array([4, 4, 4]), 1.0),
                       [-1, 0, 1])
