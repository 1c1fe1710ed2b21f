"""The families: fits, draws, cumulants, closed forms, bad input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plain_risk import plain_coefficients, plain_cumulants
from scipy import stats
from scipy.special import digamma, polygamma

from divest.sample_complexity import _finite_families, _positive_families, pn_criterion
from divest.sample_complexity._contractions import cube_factor, exact_coefficients
from divest.sample_complexity._independent import column_coefficients
from divest.sample_complexity._positive_families import tails
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


def batches(family, theta, count, size, rng):
    return [family.sufficient_statistics(family.sample(theta, size, rng)) for _ in range(count)]


@pytest.mark.parametrize("name", NAMES)
def test_draws_have_the_moments_of_the_fit(name, rng):
    """Means of the statistics are those of the rows."""
    family, X = samples(rng)[name]
    theta, N = family.fit(X), 40_000
    (t,) = batches(family, theta, 1, N, rng)
    mean = family.sufficient_statistics(X).mean(axis=0)
    assert (np.abs(t.mean(axis=0) - mean) < 4.5 * t.std(axis=0) / N**0.5).all()


@pytest.mark.parametrize("name", ["ising", "polynomial"])
def test_draws_have_the_cumulants(name, rng):
    """The second, and the third and fourth of one direction, by the mean of 20 batches."""
    family, X = samples(rng)[name]
    theta = family.fit(X)
    G, psi3, psi4 = family.cumulants(theta)
    v = rng.normal(size=len(G)) / np.sqrt(np.diag(G))
    wanted = [v @ G @ v, np.einsum("abc,a,b,c->", psi3, v, v, v), psi4(np.outer(v, v))]
    found = [[stats.kstat(t @ v, k) for k in (2, 3, 4)]
             for t in batches(family, theta, 20, 20_000, rng)]
    error = np.std(found, axis=0, ddof=1) / 20**0.5
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4 * error + 1e-3 * np.abs(wanted)).all()


@pytest.mark.parametrize("name", ["poisson", "exponential", "bernoulli", "gamma"])
def test_columns_of_draws_have_the_cumulants(name, rng):
    """Every cumulant of a random direction in each column, by the mean of 20 batches."""
    family, X = samples(rng)[name]
    theta = family.fit(X)
    found = []
    for _ in range(20):
        z, psi3, psi4 = family.standard(family.sample(theta, 20_000, rng), theta)
        v = np.linspace(1, 2, z.shape[1])
        found.append([[stats.kstat(t, k) for k in (1, 2, 3, 4)]
                      for t in np.einsum("nad,a->dn", z, v)])
    wanted = np.stack([0 * z[0, 0], np.full(z.shape[2], v @ v),
                       np.einsum("abcd,a,b,c->d", psi3, v, v, v),
                       np.einsum("abced,a,b,c,e->d", psi4, v, v, v, v)], axis=1)
    error = np.std(found, axis=0, ddof=1) / 20**0.5
    assert (np.abs(np.mean(found, axis=0) - wanted) < 4 * error).all()


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repeats(name, rng):
    family, X = samples(rng)[name]
    times = rng.integers(1, 4, len(X))
    one, two = family.fit(np.repeat(X, times, axis=0)), family.fit(X, times / times.sum())
    for a, b in zip(one, two, strict=True) if isinstance(one, tuple) else [(one, two)]:
        if name != "polynomial":  # whose line of points is made from the range and the spread
            assert_allclose(b, a, rtol=1e-7, atol=1e-9)


def coefficients(family, theta):
    """Of a law of the family; rows that hold all columns, and otherwise do not matter."""
    X = np.ones((2, len(theta)))
    return column_coefficients(family.standard(X, theta), None, True, True, 1.0).values


def counts_with_shares(shares):
    shares = np.asarray(shares)
    return np.repeat(np.eye(len(shares)), np.round(shares * 1000).astype(int), axis=0)


# ------------------------------------------------------------ closed forms
@pytest.mark.parametrize("rate", [0.3, 1.0, 7.0])
def test_poisson_closed_form(rate):
    assert_allclose(coefficients(poisson(), np.array([rate])), [1, 5 / (12 * rate),
                                                                1 / (12 * rate)], rtol=1e-10)


def test_exponential_closed_form():
    assert_allclose(coefficients(exponential(), np.array([3.0])), [1, 11 / 12, 1 / 12],
                    rtol=1e-10)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("family", ["exponential", "gamma"])
@pytest.mark.parametrize("unit", [1e-200, 1e-80, 1e80, 1e200])
def test_units_of_positive_columns_change_nothing(rng, family, unit):
    X = rng.gamma(2, size=(60, 2))
    want, found = pn_criterion(X, family), pn_criterion(X * unit, family)
    assert_allclose([found.p_star, found.c2, found.c2_se], [want.p_star, want.c2, want.c2_se],
                    rtol=1e-8)


@pytest.mark.parametrize("shares", [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5], [0.05] * 20])
def test_multinomial_closed_form(shares):
    shares, p = np.array(shares), len(shares) - 1
    M = np.sum(1 / shares)
    wanted = [p, (5 * M - 6 * p - 5) / 12, (M - 1) / 12]
    X = counts_with_shares(shares)
    found = multinomial().risk_coefficients(X, None, False, True, 1.0)
    assert_allclose(found.values, wanted, rtol=1e-10)
    assert found.rank == p
    trials = multinomial().risk_coefficients(3 * X, None, True, True, 1.0).values
    assert_allclose(trials, np.divide(wanted, [1, 3, 3]), rtol=1e-10)
    if p == 3:
        assert_allclose(wanted[1:], [6.76388889, 1.65277778], rtol=1e-8)


def test_two_cells_are_a_coin_are_an_ising_column():
    X = counts_with_shares([0.3, 0.7])
    wanted = multinomial().risk_coefficients(X, None, False, True, 1.0).values
    assert_allclose(coefficients(bernoulli(), np.array([0.3])), wanted, rtol=1e-10)
    theta = np.array([np.log(0.3 / 0.7) / 2])
    assert_allclose(exact_coefficients(ising().cumulants(theta), None, None, True), wanted,
                    rtol=1e-10)


def test_independent_columns_add_up():
    rates = np.array([0.5, 2.0])
    each = [coefficients(poisson(), rates[[k]]) for k in (0, 1)]
    assert_allclose(coefficients(poisson(), rates), np.sum(each, axis=0), rtol=1e-10)


def test_gamma_of_shape_one_holds_the_exponential_directions():
    z, psi3, psi4 = gamma().standard(np.array([[3.0], [6.0]]), np.array([[1.0], [3.0]]))
    assert_allclose(z[:, 1, 0], [0, 1])
    assert_allclose([psi3[1, 1, 1, 0], psi4[1, 1, 1, 1, 0]], [2, 6])


def gamma_tensors(k, scale):
    """Plain derivatives of log gamma(k) - k log r by k and by minus the rate r."""
    G = np.array([[polygamma(1, k), scale], [scale, k * scale**2]])
    psi3, psi4 = np.zeros((2,) * 3), np.zeros((2,) * 4)
    psi3[0, 0, 0], psi4[0, 0, 0, 0] = polygamma(2, k), polygamma(3, k)
    for j in range(3):
        psi3[tuple(int(i != j) for i in range(3))] = scale**2
    for j in range(4):
        psi4[tuple(int(i != j) for i in range(4))] = 2 * scale**3
    psi3[1, 1, 1], psi4[1, 1, 1, 1] = 2 * k * scale**3, 6 * k * scale**4
    return G, psi3, psi4


def test_gamma_fit_is_that_of_scipy(rng):
    x = rng.gamma(2.5, 3, size=200)
    shape, _, scale = stats.gamma.fit(x, floc=0)
    assert_allclose(gamma().fit(x)[:, 0], [shape, scale], rtol=1e-4)


@pytest.mark.parametrize("specified", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_gamma_columns_against_tensors(rng, specified, weighted):
    """The sum over columns, from the logarithms and the columns, one number at a time."""
    X, w = rng.weibull(1.5, size=(60, 2)) * [1, 50], rng.random(60) + 0.1
    X[:, 1] += X[:, 0]  # dependent columns add up too
    w = w / w.sum() if weighted else np.full(60, 1 / 60)
    theta, wanted = gamma().fit(X, w), 0
    for x, law in zip(X.T, theta.T, strict=True):
        V, K, _ = plain_cumulants(np.column_stack([np.log(x), x]), w)
        model = gamma_tensors(*law)
        V, K = model[:2] if specified else (V, K)
        wanted = wanted + plain_coefficients(model, V, K, w)
    found = gamma().risk_coefficients(X, w, specified, True, cube_factor(w))
    assert_allclose(found.values, wanted, rtol=1e-9)
    assert found.rank == 4
    if not specified:
        assert_allclose(w @ found.parts, found.values[0])


@pytest.mark.parametrize(("family", "X"), [
    (poisson(), lambda rng: rng.negative_binomial(2, 0.5, size=(60, 3))),
    (exponential(), lambda rng: rng.gamma(2, size=(60, 3))),
    (bernoulli(), lambda rng: rng.random((60, 3)) < 0.3),
])
def test_columns_against_tensors(family, X, rng):
    """With other columns in the tensors, which do not matter."""
    X, w = X(rng).astype(float), np.full(60, 1 / 60)
    X[:, 2] = X[:, 0] * X[:, 1]
    second, third, fourth = family.column_cumulants(family.fit(X))
    each, psi3, psi4 = np.arange(3), np.zeros((3,) * 3), np.zeros((3,) * 4)
    psi3[each, each, each], psi4[each, each, each, each] = third, fourth
    V, K, _ = plain_cumulants(X, w)
    found = family.risk_coefficients(X, None, False, True, 1.0)
    assert_allclose(found.values, plain_coefficients((np.diag(second), psi3, psi4), V, K),
                    rtol=1e-9)
    assert_allclose(family.risk_coefficients(X, None, False, False, 1.0).values,
                    [found.values[0], np.nan, np.nan])


@pytest.mark.parametrize("specified", [False, True])
def test_counts_against_tensors(rng, specified):
    """Overdispersed counts of five trials in three cells, weighted; an empty cell drops."""
    X = np.vstack([rng.multinomial(5, p, size=40) for p in ([.2, .3, .5], [.5, .3, .2])])
    w = rng.random(80)
    w /= w.sum()
    shares = w @ X / 5
    one = plain_cumulants(np.eye(3)[:, :2], shares)
    model = [5 * tensor for tensor in one]
    V, K, _ = plain_cumulants(X[:, :2], w)
    V, K = model[:2] if specified else (V, K)
    with_empty = np.insert(X, 1, 0, axis=1).astype(float)
    found = multinomial().risk_coefficients(with_empty, w, specified, True, cube_factor(w))
    assert_allclose(found.values, plain_coefficients(model, V, K, w), rtol=1e-10)
    assert found.rank == 2


@pytest.mark.parametrize("shape", [0.02, 3.0, 1e4, 1e12])
def test_gamma_fit_solves_its_equation(shape, rng):
    """1e12 stands for 1e6 + normal; there the equation is 1 / (2 k) = variance of x / mean, / 2."""
    x = rng.gamma(shape, size=500) + 1e-300
    k = gamma().fit(x)[0, 0]
    if shape < 1e12:
        assert_allclose(np.log(k) - digamma(k), np.log(x.mean()) - np.log(x).mean(), rtol=1e-6)
    else:
        assert_allclose(k, x.mean()**2 / x.var(), rtol=1e-6)


@pytest.mark.parametrize("k", [0.1, 3.0, 49.9, 50.1, 1e3])
def test_tails_of_digamma(k):
    """Against plain differences, as far as these go, and against themselves across the seam."""
    found = np.array(tails(np.array([k]))).ravel()
    wanted = [digamma(k) - np.log(k), polygamma(1, k) - 1 / k, polygamma(2, k) + 1 / k**2,
              polygamma(3, k) - 2 / k**3]
    assert_allclose(found, wanted, rtol=1e-15 * max(k, 10)**3)
    assert_allclose(tails(np.array([50 - 1e-12])), tails(np.array([50.0])), rtol=1e-11)


def test_gamma_that_cannot_be_fitted(monkeypatch, rng):
    assert np.isfinite(gamma().fit(np.array([1e-300, 1e300]))).all()
    monkeypatch.setattr(_positive_families, "MOST_STEPS", 1)
    with pytest.raises(ValueError, match="no shape of a gamma law"):
        gamma().fit(rng.gamma(0.5, size=20))


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
