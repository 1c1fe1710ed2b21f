"""The families: fits, draws, cumulants, closed forms, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from divest.sample_complexity import _finite_families
from divest.sample_complexity._contractions import exact_coefficients
from divest.sample_complexity.families import (
    bernoulli,
    exponential,
    gamma,
    gaussian,
    ising,
    multinomial,
    poisson,
    polynomial,
)


def one_hot(labels, cells):
    return np.eye(cells)[labels]


def samples(rng):
    """Each family with rows it fits, in the form in which it fits them."""
    return {
        "gaussian": (gaussian(), rng.normal(size=(80, 3)) + 1),
        "diag": (gaussian("diag"), rng.normal(size=(80, 3)) * [1, 2, 3] + 1),
        "spherical": (gaussian("spherical"), rng.normal(size=(80, 3)) + 1),
        "poisson": (poisson(), rng.poisson([1.0, 3.0], size=(80, 2)).astype(float)),
        "exponential": (exponential(), rng.exponential([1, 3], size=(80, 2))),
        "bernoulli": (bernoulli(), (rng.random((80, 2)) < 0.3) * 1.0),
        "multinomial": (multinomial(), one_hot(rng.integers(4, size=80), 4)),
        "counts": (multinomial(), rng.multinomial(5, [0.2, 0.3, 0.5], size=80).astype(float)),
        "gamma": (gamma(), rng.gamma(2, [1, 3], size=(80, 2))),
        "ising": (ising(), rng.choice([-1.0, 1.0], size=(80, 3))),
        "polynomial": (polynomial(4), rng.uniform(-1.5, 1.5, size=(80, 1))),
    }


NAMES = list(samples(np.random.default_rng(0)))


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_moments_of_the_fit(name, rng):
    """Means of the statistics are those of the rows, covariances those of the cumulants."""
    family, X = samples(rng)[name]
    theta, N = family.fit(X), 40_000
    t = family.sufficient_statistics(family.sample(theta, N, rng))
    mean = family.sufficient_statistics(X).mean(axis=0)
    assert (np.abs(t.mean(axis=0) - mean) < 4.5 * t.std(axis=0) / N**0.5).all()
    if name == "gaussian":
        return
    G = family.cumulants(theta)[0]
    c = t - t.mean(axis=0)
    spread = np.einsum("na,nb->nab", c, c).std(axis=0) / N**0.5
    assert (np.abs(c.T @ c / N - G) < 4.5 * spread + 1e-3 * np.abs(G)).all()


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_higher_cumulants(name, rng):
    """Third and fourth cumulants of one direction, against the mean of 20 batches."""
    family, X = samples(rng)[name]
    if name == "gaussian":
        return
    theta = family.fit(X)
    G, psi3, psi4 = family.cumulants(theta)
    v = rng.normal(size=len(G)) / np.sqrt(np.diag(G))
    wanted = [np.einsum("abc,a,b,c->", psi3, v, v, v), psi4(np.outer(v, v))]
    found = []
    for _ in range(20):
        t = family.sufficient_statistics(family.sample(theta, 20_000, rng)) @ v
        found.append([stats.kstat(t, 3), stats.kstat(t, 4)])
    error = np.std(found, axis=0, ddof=1) / 20**0.5
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4 * error + 1e-3 * np.abs(wanted)).all()


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repeats(name, rng):
    family, X = samples(rng)[name]
    times = rng.integers(1, 4, len(X))
    one, two = family.fit(np.repeat(X, times, axis=0)), family.fit(X, times / times.sum())
    for a, b in zip(one, two, strict=True) if isinstance(one, tuple) else [(one, two)]:
        if name != "polynomial":  # whose line of points is made from the range and the spread
            assert_allclose(b, a, rtol=1e-7, atol=1e-9)


def coefficients(family, theta):
    return exact_coefficients(family.cumulants(theta), None, None, True)


# ------------------------------------------------------------ closed forms
@pytest.mark.parametrize("rate", [0.3, 1.0, 7.0])
def test_poisson_closed_form(rate):
    assert_allclose(coefficients(poisson(), np.array([rate])), [1, 5 / (12 * rate),
                                                                1 / (12 * rate)], rtol=1e-10)


def test_exponential_closed_form():
    assert_allclose(coefficients(exponential(), np.array([3.0])), [1, 11 / 12, 1 / 12],
                    rtol=1e-10)


@pytest.mark.parametrize("shares", [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5], [0.05] * 20])
def test_multinomial_closed_form(shares):
    shares, p = np.array(shares), len(shares) - 1
    M = np.sum(1 / shares)
    wanted = [p, (5 * M - 6 * p - 5) / 12, (M - 1) / 12]
    assert_allclose(coefficients(multinomial(), (1, shares)), wanted, rtol=1e-10)
    if p == 3:
        assert_allclose(wanted[1:], [6.76388889, 1.65277778], rtol=1e-8)


def test_two_cells_are_a_coin_are_an_ising_column():
    wanted = coefficients(multinomial(), (1, np.array([0.3, 0.7])))
    assert_allclose(coefficients(bernoulli(), np.array([0.3])), wanted, rtol=1e-10)
    assert_allclose(coefficients(ising(), np.array([np.log(0.3 / 0.7) / 2])), wanted, rtol=1e-10)


def test_independent_columns_add_up():
    rates = np.array([0.5, 2.0])
    each = [coefficients(poisson(), rates[[k]]) for k in (0, 1)]
    assert_allclose(coefficients(poisson(), rates), np.sum(each, axis=0), rtol=1e-10)


def test_gamma_of_shape_one_holds_the_exponential_directions():
    G, psi3, psi4 = gamma().cumulants(np.array([[1.0], [3.0]]))
    B = np.array([[0.0, 0.0], [0.0, 1.0]])
    assert_allclose([G[1, 1], psi3[1, 1, 1], psi4(B)], [9, 54, 486])


def test_gamma_fit_is_that_of_scipy(rng):
    x = rng.gamma(2.5, 3, size=200)
    shape, _, scale = stats.gamma.fit(x, floc=0)
    assert_allclose(gamma().fit(x)[:, 0], [shape, scale], rtol=1e-4)


@pytest.mark.parametrize("shape", [0.02, 1e4])
def test_gamma_fit_solves_its_equation(shape, rng):
    x = rng.gamma(shape, size=500) + 1e-300
    k = gamma().fit(x)[0, 0]
    from scipy.special import digamma
    assert_allclose(np.log(k) - digamma(k), np.log(x.mean()) - np.log(x).mean(), rtol=1e-6)


def test_ising_fit_of_a_known_law():
    """Frequencies of the states of a law give its parameters back."""
    theta, family = np.array([0.3, -0.2, 0.1, 0.5, 0.0, -0.4]), ising()
    states, law = family._law(theta)
    assert_allclose(family.fit(states, law), theta, atol=1e-9)


def test_polynomial_of_degree_two_is_normal(rng):
    x = rng.normal(3, 2, size=(50, 1))
    found = polynomial(2).fit(x).coefficients
    assert_allclose(found, [x.mean() / x.var(), -0.5 / x.var()], rtol=1e-8)


def test_spherical_and_diag_fits(rng):
    X = rng.normal(size=(30, 3))
    assert_allclose(gaussian("diag").fit(X)[1], X.var(axis=0))
    assert_allclose(gaussian("spherical").fit(X)[1], [X.var(axis=0).mean()])


def test_two_values_of_any_kind(rng):
    X = rng.choice([3.0, 7.0], size=(20, 2))
    assert_allclose(ising().sufficient_statistics(X), ising().sufficient_statistics((X - 5) / 2))


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("family", "X", "message"), [
    (poisson(), [[0.5], [1.0]], "whole numbers, 0 or more.; row 0 of column 0 is 0.5"),
    (poisson(), [[1.0], [-1.0]], "row 1 of column 0 is -1"),
    (bernoulli(), [[2.0], [1.0]], "0 or 1.; row 0"),
    (multinomial(), [[1.0, 0.0], [1.0, 1.0]], "sums from 1 to 2"),
    (multinomial(), [[0.0, 0.0], [0.0, 0.0]], "1 or more"),
    (multinomial(), [[0.2, 0.8], [0.5, 0.5]], "whole numbers"),
    (exponential(), [[1.0], [0.0]], "above 0; row 1 of column 0 is 0"),
    (gamma(), [[1.0], [-2.0]], "above 0"),
    (gamma(), [[2.0], [2.0]], "does not vary"),
    (ising(), [[1.0], [2.0], [3.0]], "two values in each column; row 1 of column 0 is 2"),
    (ising(), np.eye(13), "12 columns at most, got 13"),
    (ising(), [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]], "no maximum likelihood"),
    (polynomial(4), np.ones((5, 2)), "takes one column, got 2"),
    (polynomial(4), np.random.default_rng(0).standard_t(3, size=300), "tails of X are too heavy"),
])  # fmt: skip
def test_bad_rows_are_named(family, X, message):
    with pytest.raises(ValueError, match=message):
        family.fit(X)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: gaussian("tied"), "covariance must be one of"),
    (lambda: polynomial(3), "degree must be even, got 3"),
    (lambda: polynomial(0), "degree must be at least 2"),
])  # fmt: skip
def test_bad_families_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fit_that_cannot_converge_gives_none():
    rows = np.array([[-1.0], [1.0]])
    assert _finite_families.fit_finite(rows, np.array([2.0])) is None
