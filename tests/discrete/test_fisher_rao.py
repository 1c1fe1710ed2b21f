"""Fisher-Rao distance: the method page's numbers, the geometry, bias, coverage."""

from math import pi

import numpy as np
import pytest
from numpy.testing import assert_allclose

from divest.discrete import f_divergence, fisher_rao_distance

P, Q = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.25, 0.15])


def test_numbers_of_the_method_page():
    result = fisher_rao_distance([20, 30, 50], [60, 25, 15])
    assert_allclose([result.estimate, result.standard_error], [0.9286112708, 0.1414213562],
                    rtol=5e-9)
    assert_allclose(result.scale * result.estimate**2, 43.1159446159, rtol=1e-9)


def test_it_is_a_distance_on_a_sphere(rng):
    a, b, c = rng.integers(1, 50, (3, 5))
    ab, bc, ac = (fisher_rao_distance(x, y).estimate for x, y in ((a, b), (b, c), (a, c)))
    assert_allclose(ab, fisher_rao_distance(b, a).estimate)
    assert ac <= ab + bc
    hellinger = f_divergence(a, b, "hellinger", smoothing=0).estimate
    assert_allclose(ab, 2 * np.arccos(1 - hellinger))
    apart = fisher_rao_distance([5, 0], [0, 3])
    assert_allclose(apart.estimate, pi)
    assert apart.confidence_interval()[1] <= pi


def test_equal_counts():
    result = fisher_rao_distance([10, 20], [10, 20])
    assert (result.estimate, result.null_pvalue) == (0.0, 1.0)
    assert np.isnan(result.bias)
    low, high = result.confidence_interval()
    assert low == 0.0 < high < 1.0
    assert fisher_rao_distance([10], [20]).null_pvalue == 1.0
    with pytest.raises(ValueError, match="in bits"):
        result.in_bits()


def test_bias_and_error_are_what_samples_show():
    """The flat formula (B - 2)(1/n + 1/m)/(2 d) is a third too small here."""
    rng, runs, (n, m) = np.random.default_rng(0), 200000, (800, 600)
    a, b = rng.multinomial(n, P, runs), rng.multinomial(m, Q, runs)
    truth, rate = 2 * np.arccos(np.sqrt(P * Q).sum()), 1 / n + 1 / m
    seen = 2 * np.arccos(np.sqrt(a / n * b / m).sum(axis=1))
    bias = np.mean([fisher_rao_distance(x, y).bias
                    for x, y in zip(a[:200], b[:200], strict=True)])
    noise = np.sqrt(rate / runs)
    assert abs(seen.mean() - truth - bias) < 3 * noise
    assert abs(seen.mean() - truth - rate / (2 * truth)) > 3 * noise
    assert_allclose(seen.std(), np.sqrt(rate), rtol=0.01)


def test_bias_agrees_with_finite_differences():
    a, b = np.array([20, 30, 50, 7]), np.array([60, 25, 15, 10])
    p, q = (a + 0.5) / (a + 0.5).sum(), (b + 0.5) / (b + 0.5).sum()

    def distance(x, y):
        return 2 * np.arccos(np.sqrt(x * y).sum())
    bias, h = 0.0, 1e-4
    for move in (0, 1):
        share, n = ((p, a.sum()), (q, b.sum()))[move]
        values, directions = np.linalg.eigh((np.diag(share) - np.outer(share, share)) / n)
        for value, e in zip(values[1:], directions.T[1:], strict=True):
            near = [distance(p + k * h * e, q) if not move else distance(p, q + k * h * e)
                    for k in (-1, 0, 1)]
            bias += 0.5 * value * (near[0] - 2 * near[1] + near[2]) / h**2
    assert_allclose(fisher_rao_distance(a, b).bias, bias, rtol=1e-5)


@pytest.mark.parametrize("move", [0.0, 0.1, 0.4, 1.0])
def test_interval_covers(move):
    rng, runs = np.random.default_rng(1), 300
    p = (1 - move) * Q + move * P
    truth, covered = 2 * np.arccos(min(1.0, np.sqrt(p * Q).sum())), 0
    for _ in range(runs):
        low, high = fisher_rao_distance(rng.multinomial(200, p),
                                        rng.multinomial(300, Q)).confidence_interval()
        covered += low <= truth <= high
    assert covered / runs >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / runs)
