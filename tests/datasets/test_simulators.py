"""Simulators: truths by two independent ways, samples that follow their laws, bad input."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad
from scipy.stats import chisquare, foldnorm, kstest, norm, rayleigh, truncnorm, uniform

from divest.datasets import (
    SIMULATORS,
    atoms,
    gaussian_mixture,
    plane,
    ring,
    shifted_gaussians,
    truncated_gaussians,
)
from divest.generators import Generator

EVERY = list(SIMULATORS.values())

# Divergences as written in textbooks: what is summed or integrated, and a last step.
PLAIN = {
    "kl": lambda p, q: p * np.log(p / q),
    "reverse_kl": lambda p, q: q * np.log(q / p),
    "jeffreys": lambda p, q: (p - q) * np.log(p / q),
    "hellinger": lambda p, q: (np.sqrt(p) - np.sqrt(q)) ** 2 / 2,
    "chi_square": lambda p, q: (p - q) ** 2 / q,
    "neyman_chi_square": lambda p, q: (p - q) ** 2 / p,
    "jensen_shannon": lambda p, q: (p * np.log(2 * p / (p + q)) + q * np.log(2 * q / (p + q))) / 2,
    "total_variation": lambda p, q: np.abs(p - q) / 2,
    "le_cam": lambda p, q: (p - q) ** 2 / (p + q) / 2,
    "renyi(0.5)": lambda p, q: np.sqrt(p * q),
    "renyi(0.9)": lambda p, q: p**0.9 * q**0.1,
    "renyi(1.5)": lambda p, q: p**1.5 / q**0.5,
    "renyi(2)": lambda p, q: p**2 / q,
    "power(-0.05)": lambda p, q: q**1.05 / p**0.05,
    "power(3)": lambda p, q: p**3 / q**2,
    "tsallis(0.3)": lambda p, q: p**0.3 * q**0.7,
    "bhattacharyya": lambda p, q: np.sqrt(p * q),
}
LAST = {
    "renyi(0.5)": lambda t: np.log(t) / -0.5,
    "renyi(0.9)": lambda t: np.log(t) / -0.1,
    "renyi(1.5)": lambda t: np.log(t) / 0.5,
    "renyi(2)": np.log,
    "power(-0.05)": lambda t: (t - 1) / 0.0525,
    "power(3)": lambda t: (t - 1) / 6,
    "tsallis(0.3)": lambda t: (t - 1) / -0.7,
    "bhattacharyya": lambda t: -np.log(t),
}
RING_INFINITE = {"chi_square", "neyman_chi_square", "renyi(2)", "power(3)"}


class _Mixture:
    """Density of an equal mixture of two normal laws."""

    def __init__(self, separation):
        self.parts = norm(separation / 2), norm(-separation / 2)

    def pdf(self, x):
        return (self.parts[0].pdf(x) + self.parts[1].pdf(x)) / 2


def densities(simulator, settings):
    """P and Q in the relevant coordinate, from scipy.stats, and where they live."""
    if simulator is ring:
        edges = [0, 1e-4, 1e-3, 0.5, 1.5, 3, 13]
        return foldnorm(1.5 / 0.35, scale=0.35), rayleigh(scale=1.1), edges
    if simulator is gaussian_mixture:
        separation = settings["separation"]
        sd = np.sqrt(1 + separation**2 / 4)
        return _Mixture(separation), norm(scale=sd), np.linspace(-9 * sd - 12, 9 * sd + 12, 25)
    return norm(settings["shift"]), norm(), np.linspace(-16, 18, 18)


CONTINUOUS = [
    (shifted_gaussians, {"shift": 1.0}), (shifted_gaussians, {"shift": -2.5}),
    (plane, {"shift": 0.3}), (ring, {}), (gaussian_mixture, {"separation": 1.2}),
    (gaussian_mixture, {"separation": 1.9}), (gaussian_mixture, {"separation": 4.0}),
]


@pytest.mark.parametrize("divergence", PLAIN)
@pytest.mark.parametrize(("simulator", "settings"), CONTINUOUS)
def test_truth_equals_adaptive_quadrature_of_the_textbook_form(simulator, settings, divergence):
    truth = simulator.truth(divergence, **settings)
    if np.isinf(truth):
        assert divergence in (RING_INFINITE if simulator is ring else {"neyman_chi_square"})
        return
    p, q, edges = densities(simulator, settings)
    total = sum(quad(lambda x: PLAIN[divergence](p.pdf(x), q.pdf(x)), low, high, limit=400,
                     epsabs=1e-12, epsrel=1e-11)[0] for low, high in pairwise(edges))
    assert_allclose(truth, LAST.get(divergence, float)(total), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("divergence", PLAIN)
@pytest.mark.parametrize("k", [2, 10, 1000])
def test_truth_of_atoms_is_the_sum(divergence, k):
    p, q = np.arange(1, k + 1) / (k * (k + 1) / 2), np.full(k, 1 / k)
    expected = LAST.get(divergence, float)(PLAIN[divergence](p, q).sum())
    assert_allclose(atoms.truth(divergence, k=k), expected, rtol=1e-10)


@pytest.mark.parametrize("simulator", [shifted_gaussians, plane])
@pytest.mark.parametrize("shift", [0.0, 1e-3, 1.0, -3.0, 60.0])
def test_shifted_gaussians_in_closed_form(simulator, shift):
    square = shift**2
    closed = {"kl": square / 2, "reverse_kl": square / 2, "jeffreys": square,
              "hellinger": -np.expm1(-square / 8),
              "total_variation": 2 * norm.cdf(abs(shift) / 2) - 1,
              "renyi(0.5)": square / 4, "renyi(2)": square, "renyi(7)": 3.5 * square}
    for divergence, expected in closed.items():
        assert_allclose(simulator.truth(divergence, shift=shift), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("lower", [-3.0, 0.0, 1.5, 6.0])
def test_truncated_gaussians_in_closed_form(lower):
    above, below = norm.sf(lower), norm.cdf(lower)
    r = 1 / above  # the ratio where P lives; elsewhere 0
    closed = {"kl": -norm.logsf(lower), "renyi(0.5)": np.log(r), "renyi(3)": np.log(r),
              "hellinger": 1 - np.sqrt(above), "chi_square": r - 1, "total_variation": below,
              "le_cam": (above * (r - 1) ** 2 / (r + 1) + below) / 2,
              "jensen_shannon": (np.log(2 * r / (1 + r)) + above * np.log(2 / (1 + r))
                                 + below * np.log(2)) / 2,
              "reverse_kl": np.inf, "jeffreys": np.inf, "neyman_chi_square": np.inf,
              "power(-0.5)": np.inf}
    for divergence, expected in closed.items():
        assert_allclose(truncated_gaussians.truth(divergence, lower=lower), expected, rtol=1e-9)


def test_numbers_of_the_method_page():
    assert_allclose(ring.truth("kl", d=5), 0.4265, atol=5e-5)
    assert_allclose(atoms.truth("kl", k=10), 0.15130, atol=5e-6)
    assert shifted_gaussians.truth("kl", n=1000, d=2, shift=3.0) == 4.5


# What is averaged over rows of P, over rows of Q; the divergence is the sum of both.
AVERAGES = {
    "kl": (np.log, np.zeros_like),
    "reverse_kl": (np.zeros_like, lambda r: -np.log(r)),
    "jeffreys": (np.log, lambda r: -np.log(r)),
    "hellinger": (np.zeros_like, lambda r: 1 - np.sqrt(r)),
    "jensen_shannon": (lambda r: np.log(2 * r / (1 + r)) / 2, lambda r: np.log(2 / (1 + r)) / 2),
    "total_variation": (lambda r: np.sign(r - 1) / 2, lambda r: -np.sign(r - 1) / 2),
    "le_cam": (lambda r: 1 - 2 / (1 + r), np.zeros_like),
}


def ratios(simulator, sample, settings):
    """r = p/q at the rows of a sample, from scipy.stats."""
    if simulator is atoms:
        return sample[:, 0] / ((settings["k"] + 1) / 2)
    p, q, _ = densities(simulator, settings)
    x = np.linalg.norm(sample[:, :2], axis=1) if simulator is ring else sample[:, 0]
    return p.pdf(x) / q.pdf(x)


@pytest.mark.parametrize(("simulator", "settings"), [
    (shifted_gaussians, {"shift": 1.5}), (gaussian_mixture, {"separation": 3.0}),
    (ring, {"d": 3}), (atoms, {"k": 7})])
def test_truth_equals_averages_over_large_samples(simulator, settings):
    P, Q = simulator(20260201, n=200_000, m=150_000, **settings)
    r_p, r_q = (ratios(simulator, sample, settings) for sample in (P, Q))
    for divergence, (over_p, over_q) in AVERAGES.items():
        terms = over_p(r_p), over_q(r_q)
        error = np.sqrt(sum(term.var() / len(term) for term in terms))
        off = sum(term.mean() for term in terms) - simulator.truth(divergence, **settings)
        assert abs(off) < 4 * error, divergence  # 28 comparisons: 1 in 500 by chance


# ------------------------------------------------------------------------------ laws
@pytest.mark.parametrize("simulator", EVERY)
def test_identities(simulator):
    truth = simulator.truth
    assert_allclose(truth("jeffreys"), truth("kl") + truth("reverse_kl"), rtol=1e-12)
    assert_allclose(truth("hellinger"), -np.expm1(-truth("renyi(0.5)") / 2), rtol=1e-12)
    assert_allclose(truth("chi_square"), np.expm1(truth("renyi(2)")), rtol=1e-12)
    assert_allclose(truth("renyi(1)"), truth("kl"), rtol=1e-12)
    orders = [truth(f"renyi({a})") for a in (0.1, 0.5, 0.999, 1, 1.001, 1.5, 1.99)]
    assert np.all(np.diff(orders) > -1e-12)  # Renyi rises with its order


@pytest.mark.parametrize(("simulator", "settings"), [
    (shifted_gaussians, {"shift": 0.0}), (gaussian_mixture, {"separation": 0.0}),
    (truncated_gaussians, {"lower": -40.0})])
@pytest.mark.parametrize("divergence", PLAIN)
def test_equal_laws_are_no_distance_apart(simulator, settings, divergence):
    infinite = {"reverse_kl", "jeffreys", "neyman_chi_square", "power(-0.05)"}
    if simulator is truncated_gaussians and divergence in infinite:
        assert simulator.truth(divergence, **settings) == np.inf  # Q has mass where P has none
    else:
        assert 0 <= simulator.truth(divergence, **settings) < 1e-14


@pytest.mark.parametrize(("simulator", "settings"), [
    (shifted_gaussians, {"shift": 1e4}), (gaussian_mixture, {"separation": 1e4}),
    (gaussian_mixture, {"separation": -1e-4}), (truncated_gaussians, {"lower": 300.0}),
    (truncated_gaussians, {"lower": -300.0}), (atoms, {"k": 100_000})])
def test_extreme_settings_stay_within_bounds(simulator, settings):
    bounds = {"hellinger": 1, "total_variation": 1, "le_cam": 1, "jensen_shannon": np.log(2)}
    for divergence in PLAIN:
        assert 0 <= simulator.truth(divergence, **settings) <= bounds.get(divergence, np.inf)


@pytest.mark.parametrize("shift", [1e7, -0.99e8])
def test_laws_that_share_nothing(shift):
    """Beyond 1e8 rounding would lose one of the two laws."""
    for divergence, truth in (("total_variation", 1), ("jensen_shannon", np.log(2)), ("le_cam", 1)):
        assert_allclose(shifted_gaussians.truth(divergence, shift=shift), truth, rtol=1e-8)
    with pytest.raises(ValueError, match=r"shift must lie between -1e\+08 and 1e\+08"):
        shifted_gaussians.truth("kl", shift=20 * shift)


def test_wide_mixture_against_its_limits():
    separation = 400.0  # the two parts no longer overlap
    sd = np.sqrt(1 + separation**2 / 4)
    assert_allclose(gaussian_mixture.truth("kl", separation=separation), np.log(sd / 2), rtol=1e-12)
    mean_square = 1 + sd**2 - separation * sd * np.sqrt(2 / np.pi) + separation**2 / 4 - 1
    # E_Q (|x| - separation/2)^2 is mean_square; log cosh is |x| separation/2 - log 2, but near 0
    reverse = mean_square / 2 - 0.5 - np.log(sd) + np.log(2)
    assert_allclose(gaussian_mixture.truth("reverse_kl", separation=separation), reverse, rtol=1e-7)


def test_mixture_tails_end_neyman_chi_square_above_a_separation_of_two():
    finite = [gaussian_mixture.truth("neyman_chi_square", separation=s) for s in (1.9, 1.99, 2.0)]
    assert np.all(np.diff([*finite, 0.04]) > 0)
    assert gaussian_mixture.truth("neyman_chi_square", separation=2.0001) == np.inf


def test_ring_centre_ends_renyi_at_order_two():
    # T(a) = int p^a q^(1-a) has the tail p(0)^a q'(0)^(1-a) int r^(1-a) near radius 0
    rate = foldnorm(1.5 / 0.35, scale=0.35).pdf(0) ** 2 * 1.1**2

    def power_integral(alpha):
        return np.exp((alpha - 1) * ring.truth(f"renyi({alpha!r})"))

    rise = power_integral(2 - 1e-5) - power_integral(2 - 2e-5)
    # the rest of T is smooth and rises by about 1e-5, of 3.3e-3
    assert_allclose(rise, rate * (1e5 - 5e4), rtol=5e-3)
    assert ring.truth("renyi(2)") == ring.truth("chi_square") == np.inf
    assert ring.truth("neyman_chi_square") == np.inf


# ------------------------------------------------------------------------------ samples
@pytest.mark.parametrize("simulator", EVERY)
def test_shapes_seeds_and_defaults(simulator):
    P, Q = simulator(7)
    assert P.shape[0] == Q.shape[0] == 500
    assert P.shape[1] == Q.shape[1] == simulator.settings.get("d", 1)
    P, Q = simulator(np.random.default_rng(7), n=30, m=20)
    assert (len(P), len(Q)) == (30, 20)
    for sample, again in zip((P, Q), simulator(7, 30, 20), strict=True):
        assert sample.dtype == np.float64
        assert np.isfinite(sample).all()
        assert_array_equal(sample, again)
    rng = np.random.default_rng(7)
    assert not np.array_equal(simulator(rng)[0], simulator(rng)[0])  # the generator moves on


@pytest.mark.parametrize("simulator", EVERY)
def test_value_objects(simulator):
    copy = pickle.loads(pickle.dumps(simulator))
    assert copy == simulator
    assert hash(copy) == hash(simulator)
    assert len(set(EVERY)) == len(EVERY) == 6
    assert SIMULATORS[simulator.name] is simulator
    with pytest.raises(AttributeError):
        simulator.shift = 3.0
    simulator.settings["n"] = -1  # a copy
    assert simulator.settings["n"] == 500


@pytest.mark.parametrize("simulator", [s for s in EVERY if s not in (atoms, plane)])
def test_other_coordinates_are_standard_normal_and_uncorrelated(simulator):
    n = 20_000
    for sample in simulator(11, n=n, d=4):
        assert kstest(sample[:, 2], norm.cdf).pvalue > 1e-3
        assert kstest(sample[:, 3], norm.cdf).pvalue > 1e-3
        correlation = np.corrcoef(sample.T) - np.eye(4)
        assert np.abs(correlation).max() < 4.5 / np.sqrt(n)


@pytest.mark.parametrize("lower", [-50.0, -1.0, 2.0, 30.0])
def test_truncated_sample(lower):
    P, Q = truncated_gaussians(5, n=5000, d=1, lower=lower)
    assert P.min() >= lower
    assert kstest(P[:, 0], truncnorm(lower, np.inf).cdf).pvalue > 1e-3
    assert kstest(Q[:, 0], norm.cdf).pvalue > 1e-3


def test_ring_sample():
    P, Q = ring(3, n=20_000, d=2)
    radius, angle = np.hypot(*P.T), np.arctan2(P[:, 1], P[:, 0])
    assert kstest(radius, foldnorm(1.5 / 0.35, scale=0.35).cdf).pvalue > 1e-3
    assert kstest(angle, uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
    assert kstest(np.hypot(*Q.T), rayleigh(scale=1.1).cdf).pvalue > 1e-3


def test_mixture_sample_has_the_moments_of_its_reference():
    P, Q = gaussian_mixture(4, n=50_000, separation=6.0)
    for sample in (P[:, 0], Q[:, 0]):
        assert abs(sample.mean()) < 4 * np.sqrt(10 / 50_000)
        assert abs(sample.var() - 10) < 4 * (sample**2).std() / np.sqrt(50_000)
    assert np.mean(np.abs(P[:, 0]) < 0.5) < 0.02 < 0.1 < np.mean(np.abs(Q[:, 0]) < 0.5)


def test_atoms_sample():
    P, Q = atoms(9, n=10_000, k=6)
    share = np.arange(1, 7) / 21
    assert chisquare(np.bincount(P[:, 0].astype(int))[1:], 10_000 * share).pvalue > 1e-3
    assert chisquare(np.bincount(Q[:, 0].astype(int))[1:]).pvalue > 1e-3


def test_plane_is_an_isometry_of_shifted_gaussians():
    flat = np.vstack(shifted_gaussians(8, n=40, m=50, d=2, shift=2.0))
    lifted = np.vstack(plane(8, n=40, m=50, d=7, shift=2.0))
    assert lifted.shape == (90, 7)
    assert_allclose(lifted @ lifted.T, flat @ flat.T, atol=1e-12)
    elsewhere = np.vstack(plane(8, n=40, m=50, d=7, shift=2.0, seed=1))
    assert np.linalg.matrix_rank(np.vstack([lifted, elsewhere])) == 4
    assert_array_equal(lifted, np.vstack(plane(8, 40, 50, 7, 2.0, 0)))


# ------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(("simulator", "settings", "error", "match"), [
    (shifted_gaussians, {"n": 0}, ValueError, "n must be at least 1, got 0"),
    (shifted_gaussians, {"m": -3}, ValueError, "m must be at least 1, got -3"),
    (shifted_gaussians, {"d": 0}, ValueError, "d must be at least 1, got 0"),
    (shifted_gaussians, {"shift": np.inf}, ValueError, "shift must .* got inf"),
    (shifted_gaussians, {"shift": np.nan}, ValueError, "shift must .* got nan"),
    (shifted_gaussians, {"n": 10.5}, TypeError, "n must be an integer, got 10.5"),
    (gaussian_mixture, {"separation": "3"}, TypeError, "separation must be a number, got '3'"),
    (truncated_gaussians, {"lower": -np.inf}, ValueError, "lower must .* got -inf"),
    (ring, {"d": 1}, ValueError, "d must be at least 2, got 1"),
    (plane, {"d": 1}, ValueError, "d must be at least 2, got 1"),
    (plane, {"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    (atoms, {"k": 1}, ValueError, "k must be at least 2, got 1"),
])
def test_settings_out_of_range(simulator, settings, error, match):
    with pytest.raises(error, match=match):
        simulator(0, **settings)
    with pytest.raises(error, match=match):
        simulator.truth("kl", **settings)


def test_unknown_divergences_and_settings():
    with pytest.raises(ValueError, match=r"one of kl, .*total_variation.*got 'wasserstein'"):
        ring.truth("wasserstein")
    with pytest.raises(ValueError, match="alpha must be above 0"):
        ring.truth("renyi(-1)")
    with pytest.raises(TypeError, match="has the settings n, m, d, shift; got scale"):
        shifted_gaussians.truth("kl", scale=2.0)
    quartic = Generator("quartic", lambda r: (r - 1) ** 4, lambda r: 4 * (r - 1) ** 3)
    with pytest.raises(ValueError, match="truth of divergence 'quartic' is not known"):
        shifted_gaussians.truth(quartic)
