"""The tail of a weighted sum of chi-squares."""

import numpy as np
import pytest
from scipy.stats import chi2

from divest.moments._mixture import mixture_isf, mixture_sf

TAILS = [1 - 1e-5, 0.99, 0.9, 0.6, 0.5, 0.4, 0.1, 0.01, 1e-4, 1e-7, 1e-10]


@pytest.mark.parametrize("k", [*range(1, 51), 200, 500])
def test_equal_weights_are_a_chi_square(k):
    found = [mixture_sf(2.5 * chi2.isf(p, k), np.full(k, 2.5)) for p in TAILS]
    np.testing.assert_allclose(found, TAILS, rtol=1e-9)


def test_two_pairs_of_weights_are_a_difference_of_exponentials():
    """Pairs are exponentials, and the tail of a sum of two of them has a closed form."""
    for x in (0.01, 0.5, 3.0, 20.0, 60.0):
        expected = (1.0 * np.exp(-x / 2) - 0.3 * np.exp(-x / 0.6)) / 0.7
        assert mixture_sf(x, [1, 1, 0.3, 0.3]) == pytest.approx(expected, rel=1e-9)


def test_quoted_numbers():
    assert mixture_sf(3, [1, 0.5, 0.2]) == pytest.approx(0.15726735, abs=5e-9)
    assert mixture_sf(12, [1, 0.5, 0.2]) == pytest.approx(8.897566e-4, rel=1e-6)


@pytest.mark.parametrize("weights", [[1, 0.5, 0.2], [5, 1e-3], 0.8 ** np.arange(30), [1, 1e-12]])
def test_unequal_weights_against_a_million_draws(rng, weights):
    total = np.zeros(1_000_000)
    for weight in weights:
        total += weight * rng.standard_normal(len(total)) ** 2
    for x in np.quantile(total, [0.1, 0.5, 0.9, 0.99]):
        found, share = mixture_sf(x, weights), np.mean(total > x)
        assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / len(total))


def test_falls_with_x_and_stays_in_the_unit_interval():
    for weights in ([1, 0.3], 0.7 ** np.arange(20), np.ones(80)):
        x = np.sum(weights) * np.linspace(1e-3, 8, 1500)
        tail = np.array([mixture_sf(value, weights) for value in x])
        assert (np.diff(tail) <= 1e-12).all()
        assert ((tail >= 0) & (tail <= 1)).all()


def test_scale_cancels_and_weights_of_zero_do_not_count():
    assert mixture_sf(30, [10, 5, 2]) == pytest.approx(mixture_sf(3, [1, 0.5, 0.2]), rel=1e-12)
    assert mixture_sf(3, [1, 0.5, 0, 0.2, -1e-17]) == mixture_sf(3, [1, 0.5, 0.2])


@pytest.mark.parametrize("weights", [[2.0], [1, 0.5, 0.2], np.ones(40)])
@pytest.mark.parametrize("p", [0.99, 0.5, 0.05, 1e-6])
def test_quantile_inverts_the_tail(weights, p):
    assert mixture_sf(mixture_isf(p, weights), weights) == pytest.approx(p, rel=1e-8)


def test_edges():
    assert mixture_sf(0, [1, 2]) == mixture_sf(-1, [1, 2]) == 1
    assert mixture_sf(np.inf, [1, 2]) == 0
    assert mixture_sf(1, []) == mixture_sf(1, [0, 0]) == mixture_sf(0, []) == 0
    assert mixture_isf(0.05, []) == 0
    assert np.isnan(mixture_sf(np.nan, [1]))
    assert np.isnan(mixture_sf(1, [1, np.nan]))
    assert np.isnan(mixture_isf(0.05, [np.nan]))
    assert np.isnan(mixture_isf(1.5, [1]))
    assert mixture_sf(1e4, [1, 0.5]) == pytest.approx(0, abs=1e-300)
    with pytest.raises(ValueError, match="0 or more"):
        mixture_sf(1, [1, -0.5])


@pytest.mark.parametrize(("x", "weights"), [
    (3.5416533672425996e-27, [1.40850706e-40, 1.17891001e-30]),
    (2.5800277266485987e-45, [5.12565193e-28, 2.24873716e-28]),
])
def test_sizes_of_rounding_are_no_error(x, weights):
    """The saddle point is at an end of where it is looked for, up to rounding."""
    top = max(weights)
    assert chi2.sf(x / top, 1) * (1 - 1e-6) <= mixture_sf(x, weights) <= 1
