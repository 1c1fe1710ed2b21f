"""Bregman divergences of counts: closed forms, the error by simulation, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import xlogy

from divest.discrete import bregman_divergence, f_divergence

P, Q = (30, 50, 20), (60, 90, 50)


def test_closed_forms():
    p, q = np.array([0.3, 0.5, 0.2]), np.array([0.3, 0.45, 0.25])
    r = p / q
    assert_allclose(bregman_divergence(P, Q, smoothing=0).estimate, np.sum(r - np.log(r) - 1))
    assert_allclose(bregman_divergence(P, Q, "squared_euclidean", smoothing=0).estimate,
                    np.sum((p - q) ** 2))


def test_entropy_gives_kullback_leibler():
    entropy = (lambda x: xlogy(x, x), lambda x: np.log(x) + 1, lambda x: 1 / x)
    mine, theirs = bregman_divergence(P, Q, entropy), f_divergence(P, Q, "kl")
    assert_allclose([mine.estimate, mine.standard_error],
                    [theirs.estimate, theirs.standard_error])


@pytest.mark.parametrize("name", ["itakura_saito", "squared_euclidean"])
def test_error_is_what_samples_show(name):
    rng, p, q = np.random.default_rng(0), [0.2, 0.3, 0.5], [0.6, 0.25, 0.15]
    results = [bregman_divergence(rng.multinomial(2000, p), rng.multinomial(3000, q), name)
               for _ in range(800)]
    spread = np.std([r.estimate for r in results])
    assert_allclose(np.mean([r.standard_error for r in results]), spread, rtol=4 / np.sqrt(1600))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="take smoothing"):
        bregman_divergence([1, 0], [1, 2], smoothing=0)
    with pytest.raises(ValueError, match="'itakura_saito'"):
        bregman_divergence(P, Q, "mahalanobis")
