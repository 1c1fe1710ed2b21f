"""One-step estimates and their jackknife, against deleting each row in turn."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gamma, psi

from divest.divergence._graph import labelled_graph
from divest.divergence._one_step import (
    class_constants,
    jackknife,
    path,
    plug_in_ratio,
)
from divest.generators import Power, resolve_generator

DATA = {  # P and Q of 60 and 80 rows
    "continuous": lambda Z: Z,
    "high dimension": lambda Z: np.hstack([Z, np.sin(5 * Z), np.cos(7 * Z), Z**2, Z[:, :1] ** 3]),
    "integers": np.round,
    "tenths": lambda Z: np.round(Z, 1),
    "one column": lambda Z: Z[:, :1],
    "atoms": lambda Z: np.clip(np.round(Z[:, :1]), -1, 1),
}
KS = np.array([3, 10, 20])
every = pytest.mark.parametrize("data", DATA)


def root(C, K, a):
    """E C^(a) (K - C)^(-a) for -1 < a < 1."""
    return gamma(C + 1) / gamma(C + 1 - a) * gamma(K - C + 1) / gamma(K - C + 1 + a)


PLAIN = {  # terms of (C, K, c) at rows of P and of Q
    "kl": (lambda C, K, c: np.log(c) + psi(C + 1) - psi(K - C + 1),
           lambda C, K, c: 1 - c * C / (K - C + 1)),
    "reverse_kl": (lambda C, K, c: 1 - (K - C) / (c * (C + 1)),
                   lambda C, K, c: -np.log(c) - psi(C + 1) + psi(K - C + 1)),
    "chi_square": (lambda C, K, c: 2 * c * C / (K - C + 1) - 2,
                   lambda C, K, c: 1 - c**2 * C * (C - 1) / ((K - C + 1) * (K - C + 2))),
    "hellinger": (lambda C, K, c: 0.5 - 0.5 * c**-0.5 * root(C, K, -0.5),
                  lambda C, K, c: 0.5 - 0.5 * c**0.5 * root(C, K, 0.5)),
    "total_variation": (lambda C, K, c: 0.5 * np.sign(c * (C + 0.5) - (K - C + 0.5)),
                        lambda C, K, c: -0.5 * np.sign(c * (C + 0.5) - (K - C + 0.5))),
}


def draw(rng, data, ks=KS):
    Z = rng.normal(size=(140, 2))
    Z[:60] += 0.5
    order = rng.permutation(140)
    rows, is_p = DATA[data](Z)[order], (np.arange(140) < 60)[order]
    return labelled_graph(rows, is_p, ks), plain.distances_within(rows), is_p


def terms(name):
    generator = resolve_generator(name)
    return generator.at_p, generator.at_q


def test_class_constants(rng):
    graph, _, _ = draw(rng, "continuous")
    assert class_constants(graph) == (80 / 59, 79 / 60)  # the row itself is left out


@every
@pytest.mark.parametrize("name", PLAIN)
def test_estimate_at_each_k(rng, data, name):
    graph, matrix, is_p = draw(rng, data)
    expected = [plain.one_step(matrix, is_p, k, *PLAIN[name]) for k in KS]
    assert_allclose(sum(path(graph, *terms(name))), expected, rtol=1e-12, atol=1e-14)


@every
def test_mean_ratio_and_plug_in_at_the_rows_of_q(rng, data):
    graph, matrix, is_p = draw(rng, data)
    at_p, at_q = path(graph, (), (Power(1.0, 1.0),))
    assert_array_equal(at_p, np.zeros(3))
    for b, k in enumerate(KS):
        C, K = (count[~is_p] for count in plain.labelled_counts(matrix, is_p, k))
        assert_allclose(at_q[b], np.mean(79 / 60 * C / (K - C + 1)), rtol=1e-12)
        assert_allclose(graph.q.mean(plug_in_ratio(graph))[b], np.mean(80 / 60 * C / (K - C + 1)),
                        rtol=1e-12)


# ------------------------------------------------------------ the jackknife
@every
@pytest.mark.parametrize("name", PLAIN)
def test_jackknife_is_deletion_at_several_k(rng, data, name):
    graph, matrix, is_p = draw(rng, data)
    weights = np.array([1.7, -0.9, 0.2])
    expected = plain.deletion_error(matrix, is_p, KS, weights, *PLAIN[name])
    found = jackknife(graph, *terms(name), weights[:, None])
    assert_allclose(found, [expected], rtol=1e-12, atol=1e-14)


@every
@pytest.mark.parametrize("k", [1, 2, 60, 138])
def test_jackknife_is_deletion_at_one_k(rng, data, k):
    """138 is the largest: then each ball after a deletion holds all that is left."""
    ks = np.array([k])
    graph, matrix, is_p = draw(rng, data, ks)
    expected = plain.deletion_error(matrix, is_p, ks, [1.0], *PLAIN["kl"])
    assert_allclose(jackknife(graph, *terms("kl"), np.ones((1, 1))), [expected], rtol=1e-11,
                    atol=1e-13)


def test_columns_are_estimates_of_their_own(rng):
    graph, matrix, is_p = draw(rng, "tenths")
    weights = np.array([[1.0, 0.0, 1.7], [0.0, 1.0, -0.9], [0.0, 0.0, 0.2]])
    expected = [plain.deletion_error(matrix, is_p, KS, w, *PLAIN["kl"]) for w in weights.T]
    assert_allclose(jackknife(graph, *terms("kl"), weights), expected, rtol=1e-12)


def test_two_rows_in_a_sample(rng):
    rows, is_p = rng.normal(size=(9, 2)), np.arange(9) < 2
    ks = np.array([1, 3])
    graph, matrix = labelled_graph(rows, is_p, ks), plain.distances_within(rows)
    expected = plain.deletion_error(matrix, is_p, ks, [0.5, 0.5], *PLAIN["hellinger"])
    found = jackknife(graph, *terms("hellinger"), np.full((2, 1), 0.5))
    assert_allclose(found, [expected], rtol=1e-12)


def test_no_error_where_no_row_differs():
    rows, is_p = np.zeros((50, 2)), np.arange(50) < 20
    graph = labelled_graph(rows, is_p, KS)
    assert_array_equal(jackknife(graph, *terms("kl"), np.full((3, 1), 1 / 3)), [0])
