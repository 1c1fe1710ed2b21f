"""Radial kernels: normalisers, variances and factors by quadrature; the law of the noise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats
from scipy.integrate import quad
from scipy.special import gammaln

from divest.density._profiles import (
    COMPACT,
    KERNELS,
    canonical_factor,
    coordinate_variance,
    draw_noise,
    log_normalizer,
    profile,
)

FACTORS = {  # tophat, epanechnikov, biweight, triweight, linear, cosine, exponential
    1: [1.740057, 2.213804, 2.622615, 2.978106, 2.431998, 2.274977, 0.739770],
    2: [2.000000, 2.401874, 2.779193, 3.115399, 2.537045, 2.450880, 0.617715],
    5: [2.588161, 2.874526, 3.188002, 3.481496, 2.929306, 2.903522, 0.450827],
}
every = pytest.mark.parametrize("kernel", KERNELS)


def radial(kernel, order, power=1):
    """The integral of ``u^order k(u)^power`` over u > 0, and the log of what it was divided by."""
    end = 1.0 if kernel in COMPACT else np.inf
    peak = {"gaussian": (order / power) ** 0.5, "exponential": order / power}.get(kernel, 1.0)
    unit = order * np.log(max(peak, 1.0)) if end > 1 else 0.0
    level = power * np.log(profile(kernel, max(peak, 1.0))) if end > 1 else 0.0

    def term(u):
        k = profile(kernel, u)
        return 0.0 if u == 0 < order or k == 0 else np.exp(
            order * np.log(u or 1.0) + power * np.log(k) - unit - level)

    if end > 1:
        width = 12 * max(peak, 4.0) ** 0.5 + 40
        parts = [(max(peak - width, 0.0), max(peak, 1.0)), (max(peak, 1.0), peak + width)]
    else:
        cut = 1 - 30 / (order + 60)
        parts = [(0.0, cut), (cut, 1.0)]
    value = sum(quad(term, *part, epsabs=0, epsrel=1e-12, limit=400)[0] for part in parts)
    return np.log(value) + unit + level


def log_sphere(d):
    return np.log(2) + d / 2 * np.log(np.pi) - gammaln(d / 2)


@every
def test_profile_at_chosen_places(kernel):
    q = {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}.get(kernel)
    inside = {"gaussian": np.exp(-0.125), "exponential": np.exp(-0.5), "linear": 0.5,
              "cosine": np.sqrt(0.5)}.get(kernel, 0.75 ** (q or 0))
    assert_allclose(profile(kernel, np.array([0.0, 0.5])), [1.0, inside], rtol=1e-15)
    outside = profile(kernel, np.array([1.0, 3.0]))
    assert (outside == 0).all() == (kernel in COMPACT)


@every
@pytest.mark.parametrize("d", [1, 2, 3, 4, 10, 200])
def test_integrals_by_quadrature(kernel, d):
    assert_allclose(log_normalizer(kernel, d), log_sphere(d) + radial(kernel, d - 1),
                    rtol=1e-12, atol=1e-10)
    variance = np.exp(radial(kernel, d + 1) - radial(kernel, d - 1)) / d
    assert_allclose(coordinate_variance(kernel, d), variance, rtol=1e-9)


@every
@pytest.mark.parametrize("d", [1, 2, 5, 200])
def test_canonical_factor_by_quadrature(kernel, d):
    def roughness(name):
        square = radial(name, d - 1, 2) - 2 * radial(name, d - 1) - log_sphere(d)
        return square - 2 * np.log(coordinate_variance(name, d))

    expected = np.exp((roughness(kernel) - roughness("gaussian")) / (d + 4))
    assert_allclose(canonical_factor(kernel, d), expected, rtol=1e-9)


@pytest.mark.parametrize("d", FACTORS)
def test_canonical_factors_of_the_table(d):
    assert_allclose([canonical_factor(k, d) for k in KERNELS[1:]], FACTORS[d], atol=1e-6)
    assert canonical_factor("gaussian", d) == 1.0


def test_known_normalisers():
    assert_allclose(log_normalizer("gaussian", 200), 100 * np.log(2 * np.pi), rtol=1e-14)
    assert_allclose(log_normalizer("tophat", 2), np.log(np.pi), rtol=1e-14)
    assert_allclose(log_normalizer("cosine", 1), np.log(4 / np.pi), rtol=1e-14)
    assert_allclose(log_normalizer("cosine", 2), np.log(2 * np.pi * (2 / np.pi - 4 / np.pi**2)),
                    rtol=1e-14)
    assert_allclose(log_normalizer("exponential", 3), np.log(8 * np.pi), rtol=1e-14)


@every
@pytest.mark.parametrize("d", [1, 2, 20])
def test_law_of_the_noise(kernel, d):
    """Lengths by their distribution function, the variance of each coordinate, no direction."""
    n = 4000
    noise = draw_noise(kernel, n, d, np.random.default_rng(d))
    assert noise.shape == (n, d)
    r = np.linalg.norm(noise, axis=1)
    laws = {"gaussian": stats.chi(d), "exponential": stats.gamma(d), "linear": stats.beta(d, 2)}
    if kernel == "cosine":
        grid = np.linspace(0, 1, 2001)
        density = grid ** (d - 1) * np.cos(np.pi * grid / 2)
        steps = np.append(0, np.cumsum(density[1:] + density[:-1]))
        assert stats.kstest(r, lambda u: np.interp(u, grid, steps / steps[-1])).pvalue > 1e-3
    elif kernel in laws:
        assert stats.kstest(r, laws[kernel].cdf).pvalue > 1e-3
    else:
        q = KERNELS.index(kernel) - 1
        assert stats.kstest(r**2, stats.beta(d / 2, q + 1).cdf).pvalue > 1e-3
    squares = (noise**2).mean(axis=1)
    variance = coordinate_variance(kernel, d)
    assert_allclose(squares.mean(), variance, atol=4 * squares.std() / n**0.5)
    assert (np.abs(noise.mean(axis=0)) < 4.5 * (variance / n) ** 0.5).all()


@every
def test_noise_is_repeatable_and_may_be_empty(kernel):
    one, other = (draw_noise(kernel, 5, 3, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert draw_noise(kernel, 0, 3, np.random.default_rng(1)).shape == (0, 3)
