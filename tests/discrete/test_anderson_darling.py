"""The two-sample Anderson-Darling statistic against scipy, its limit law against inversions."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import anderson_ksamp, chi2

from divest.discrete._anderson_darling import _deviation, anderson_darling, limit_sf

LEVELS = ([1, 2, 2, 3, 5, 8.0], [2, 4, 4, 6, 7, 9, 9.0])


def statistic_of_scipy(p, q):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its p-value is cut to [.001, .25]
        return anderson_ksamp([p, q]).statistic


def sf_on_a_line(z, at):
    """Bromwich's integral of the moment generating function along ``at + i t``, 0 < at < 1."""
    j = np.arange(1, 701)
    weights, rest = 1.0 / (j * (j + 1)), 1.0 / (len(j) + 1)
    nodes, sizes = np.polynomial.legendre.leggauss(1000)
    s = at + 1j * 100 * (1 + nodes)  # beyond 200 the function is below 1e-10 of its peak
    log_mean = -0.5 * np.log(1 - 2 * np.outer(s, weights)).sum(axis=1) + rest * s
    return 100 / np.pi * float(sizes @ (np.exp(log_mean - z * s) / s).real)


@pytest.mark.parametrize(("n", "m", "digits"), [(1, 3, 3), (2, 2, 3), (40, 7, 1), (300, 200, 1),
                                                (300, 200, 6)])
def test_statistic_is_that_of_scipy(rng, n, m, digits):
    p, q = np.sort(rng.normal(size=n)).round(digits), np.sort(rng.normal(size=m)).round(digits)
    assert_allclose(anderson_darling(p, q)[0], statistic_of_scipy(p, q), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("n", "smallest"), [(1, 2 / 601), (2, 2 / (602 * 601 / 2))])
def test_pvalue_of_the_most_extreme_rows(n, smallest):
    """All of p beyond all of q: two of the ways to deal out the rows are that extreme."""
    q = np.arange(600.0)
    for p in (600.0 + np.arange(n), -1.0 - np.arange(n)[::-1]):
        assert anderson_darling(p, q)[1] == pytest.approx(smallest, rel=1e-12)


def test_statistic_does_not_depend_on_the_blocks(rng, monkeypatch):
    p, q = np.sort(rng.normal(size=90)).round(1), np.sort(rng.normal(size=70)).round(1)
    whole = anderson_darling(p, q)
    monkeypatch.setattr("divest.discrete._anderson_darling._BLOCK", 7)
    assert_allclose(anderson_darling(p, q), whole, rtol=1e-12)


def test_short_samples_with_ties():
    assert_allclose(anderson_darling(*map(np.array, LEVELS)), [1.1098473519, 0.1119296645],
                    rtol=1e-9)


def test_limit_law_at_its_levels():
    z = 1.933, 2.492, 3.857
    assert_allclose([limit_sf(one) for one in z], [0.0999946, 0.0500222, 0.0102412], atol=6e-8)


@pytest.mark.parametrize(("z", "at"), [(0.2, 0.3), (1.0, 0.5), (3.0, 0.8), (10.0, 0.9)])
def test_limit_law_is_the_inverted_one(z, at):
    assert_allclose(limit_sf(z), sf_on_a_line(z, at), rtol=1e-8)


def test_far_tail_is_that_of_the_largest_weight():
    """The others only scale it, in the end by the square root of 3."""
    z = np.array([50.0, 200.0, 600.0])
    ratio = [limit_sf(one) for one in z] / (np.sqrt(3) * chi2.sf(2 * z, 1))
    assert (np.abs(ratio - 1) < 0.5 / z).all()
    assert limit_sf(5000.0) == 0.0


def test_limit_law_falls_from_one():
    values = np.array([limit_sf(z) for z in np.linspace(-1.0, 40.0, 500)])
    assert values[0] == 1.0
    assert (np.diff(values) <= 0).all()


def test_equal_constant_or_too_few_values():
    constant = np.ones(30)
    assert anderson_darling(constant, constant) == (0.0, 1.0)
    assert np.isnan(anderson_darling(constant[:1], np.arange(2.0))).all()
    assert np.isnan(anderson_darling(constant[:0], constant)).all()
    same = np.arange(40.0)
    assert anderson_darling(same, same)[1] > 0.9999


def test_infinite_numbers_are_values():
    p, q = np.array([-np.inf, 1.0, 2.0, np.inf]), np.array([0.0, 1.5, 3.0, 4.0, np.inf])
    finite = np.array([-9.0, 1.0, 2.0, 9.0]), np.array([0.0, 1.5, 3.0, 4.0, 9.0])
    assert anderson_darling(p, q) == anderson_darling(*finite)


def test_deviation_tends_to_that_of_the_limit_law():
    assert_allclose(_deviation(10**5, 10**5), np.sqrt(2 * (np.pi**2 / 3 - 3)), rtol=1e-4)


@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 2000)])
def test_size(n, m):
    runs, level = 2000, 0.05
    rng = np.random.default_rng(n)
    draws = (np.sort(rng.normal(size=size)) for _ in range(runs) for size in (n, m))
    pvalues = np.array([anderson_darling(p, q)[1] for p, q in zip(draws, draws, strict=True)])
    for level in (0.1, 0.05, 0.01):
        error = np.sqrt(level * (1 - level) / runs)
        assert abs((pvalues <= level).mean() - level) < 3.5 * error
