"""Generators: the formulas of the registry, its names, its limits, and generators of users."""

import inspect
import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import divest.generators as registry
from divest.datasets import shifted_gaussians
from divest.generators import (
    Constant,
    Function,
    Generator,
    Log,
    Power,
    PowerIntegral,
    Sign,
    kl,
    power,
    renyi,
    resolve_generator,
    reverse_kl,
    tsallis,
)

PLAIN = ["kl", "reverse_kl", "jeffreys", "hellinger", "chi_square", "neyman_chi_square",
         "jensen_shannon", "le_cam", "total_variation", "bhattacharyya"]
NAMES = [*PLAIN, "renyi(0.5)", "renyi(2)", "renyi(0.3)", "renyi(5)", "tsallis(0.5)", "tsallis(3)",
         "power(0.5)", "power(-1)", "power(2)", "power(3.5)"]
EVERY = [resolve_generator(name) for name in NAMES]
SMOOTH = [g for g in EVERY if g.name != "total_variation"]
RATIOS = np.logspace(-3, 3, 601)  # holds 1
SYMMETRIC = {"jeffreys", "hellinger", "jensen_shannon", "le_cam", "total_variation",
             "bhattacharyya", "renyi(0.5)", "tsallis(0.5)", "power(0.5)"}

every = pytest.mark.parametrize("generator", EVERY, ids=str)
smooth = pytest.mark.parametrize("generator", SMOOTH, ids=str)


def evaluate(terms, r):
    """Sum of terms at r, as their names say."""
    value = np.zeros_like(r)
    for term in terms:
        match term:
            case Constant(scale):
                value += scale
            case Power(scale, exponent):
                value += scale * r**exponent
            case Log(scale):
                value += scale * np.log(r)
            case Sign(scale):
                value += scale * np.sign(r - 1)
            case Function(function):
                value += function(r)
    return value


def test_all_constructors_are_checked():
    constructors = {name for name in registry.__all__ if inspect.isfunction(getattr(registry, name))
                    } - {"resolve_generator"}
    assert constructors == {name.split("(")[0] for name in NAMES}


# ------------------------------------------------------------ laws of every entry
@every
def test_value_and_slope_vanish_at_one(generator):
    one = np.ones(1)
    assert_allclose([generator.f(one), generator.derivative(one)], 0, atol=1e-15)


@every
def test_positive_and_convex(generator):
    f = generator.f(RATIOS)
    assert (f >= -1e-15).all()
    slopes = np.diff(f) / np.diff(RATIOS)
    assert (np.diff(slopes) >= -1e-9 * np.abs(slopes[1:])).all()


@every
def test_derivative_is_that_of_f(generator):
    r = RATIOS[np.abs(RATIOS - 1) > 1e-3]
    step = 1e-5 * r
    differences = (generator.f(r + step) - generator.f(r - step)) / (2 * step)
    assert_allclose(differences, generator.derivative(r), rtol=1e-6, atol=1e-6)


LINKED = [g for g in EVERY if g.link is not None]


@pytest.mark.parametrize("generator", [g for g in EVERY if g.link is None], ids=str)
def test_terms_are_slope_and_intercept(generator):
    """At rows of P f'(r), at rows of Q f(r) - r f'(r); adding b (r - 1) to f adds b and -b."""
    at_p, at_q = evaluate(generator.at_p, RATIOS), evaluate(generator.at_q, RATIOS)
    slope = generator.derivative(RATIOS)
    intercept = generator.f(RATIOS) - RATIOS * slope
    shift = at_p[300] - slope[300]
    assert_allclose(at_p - shift, slope, rtol=1e-14, atol=1e-14)
    size = 1 + np.abs(RATIOS * slope)  # what cancels in the intercept
    assert_allclose((at_q + shift - intercept) / size, 0, atol=1e-14)


@pytest.mark.parametrize("generator", LINKED, ids=str)
def test_terms_of_the_power_integral(generator):
    """T = E_Q r^a: derivative and intercept of r^a."""
    a = generator.link.alpha
    assert_allclose(evaluate(generator.at_p, RATIOS), a * RATIOS ** (a - 1), rtol=1e-14)
    assert_allclose(evaluate(generator.at_q, RATIOS), (1 - a) * RATIOS**a, rtol=1e-14)
    assert generator.link.terms() == (generator.at_p, generator.at_q)


@pytest.mark.parametrize("generator", LINKED, ids=str)
def test_link_maps_the_power_integral(generator):
    """On a law of two atoms, f gives the divergence linear in T, and the link its own."""
    q, r = np.array([0.4, 0.6]), np.array([0.5, 4 / 3])
    a, link = generator.link.alpha, generator.link
    integral = q @ r**a
    linear = link.scale * (integral - 1)
    assert_allclose(q @ generator.f(r), linear, rtol=1e-13)
    name = generator.name.split("(")[0]
    expected = {"renyi": lambda: np.log(integral) / (a - 1),
                "bhattacharyya": lambda: -np.log(integral),
                "tsallis": lambda: (integral - 1) / (a - 1),
                "power": lambda: (integral - 1) / (a * (a - 1))}[name]()
    assert_allclose(link.value(integral), expected, rtol=1e-14)
    step = 1e-6
    slope = (link.value(integral + step) - link.value(integral - step)) / (2 * step)
    assert_allclose(link.slope(integral), slope, rtol=1e-8)
    assert link.value(1.0) == 0


@pytest.mark.parametrize("integral", [0.0, -1e-9, -3.0])
def test_logarithm_of_no_integral_is_nan(integral):
    assert np.isnan(renyi(2).link.value(integral))
    assert np.isnan(renyi(2).link.slope(integral))
    assert tsallis(2).link.value(integral) == integral - 1


@smooth
def test_curvature_is_the_second_derivative_at_one(generator):
    step = 1e-4
    rise = np.diff(generator.derivative(np.array([1 - step, 1 + step])))[0] / (2 * step)
    assert_allclose(generator.curvature, rise, rtol=1e-6)


def test_total_variation_has_no_curvature():
    assert resolve_generator("total_variation").curvature == np.inf


@every
def test_symmetric_exactly_where_swapping_changes_nothing(generator):
    """f and r f(1/r) give the same divergence; both have slope 0 at 1."""
    swapped = RATIOS * generator.f(1 / RATIOS)
    same = np.allclose(generator.f(RATIOS), swapped, rtol=1e-12, atol=1e-13)
    assert generator.symmetric == same == (generator.name in SYMMETRIC)


@every
def test_upper_bound_is_reached_by_disjoint_laws(generator):
    """There the divergence is f(0) + lim f(r)/r."""
    if generator.link is not None:
        alpha, link = generator.link.alpha, generator.link
        largest = np.inf if link.logarithmic or not 0 < alpha < 1 else link.value(0.0)
    else:
        r = 1e12
        values = np.array([generator.f(np.array([1 / r])), generator.f(np.array([r])) / r])
        largest = values.sum() if values.max() < 2 else np.inf
    assert_allclose(generator.upper_bound, largest, rtol=1e-5)


@every
def test_unit_is_nats_where_there_are_logarithms(generator):
    logarithmic = {"kl", "reverse_kl", "jeffreys", "jensen_shannon", "bhattacharyya", "renyi"}
    assert generator.unit == ("nats" if generator.name.split("(")[0] in logarithmic else "")


@every
def test_pickled_compared_named(generator):
    again = pickle.loads(pickle.dumps(generator))
    assert again == generator
    assert hash(again) == hash(generator)
    assert again == resolve_generator(generator.name) == resolve_generator(generator)
    assert str(generator) == generator.name
    assert sum(generator == other for other in EVERY) == 1


def test_swapping_maps_pairs_onto_one_another():
    for one, other in [("kl", "reverse_kl"), ("chi_square", "neyman_chi_square")]:
        f, g = resolve_generator(one).f, resolve_generator(other).f
        assert_allclose(f(RATIOS), RATIOS * g(1 / RATIOS), rtol=1e-12, atol=1e-14)
    kl_f, reverse_f = kl().f(RATIOS), reverse_kl().f(RATIOS)
    assert_allclose(resolve_generator("jeffreys").f(RATIOS), kl_f + reverse_f, rtol=1e-12,
                    atol=1e-13)


# ------------------------------------------------------------ orders
@pytest.mark.parametrize("family", [renyi, power, tsallis])
@pytest.mark.parametrize("near", [0.0, 5e-7, -5e-7])
def test_order_one_is_kl(family, near):
    assert family(1 + near) == kl()


@pytest.mark.parametrize("near", [0.0, 5e-7, -5e-7])
def test_power_zero_is_reverse_kl(near):
    assert power(near) == reverse_kl()


@given(st.sampled_from([renyi, power, tsallis]), st.floats(-2e-3, 2e-3))
def test_orders_near_one_are_accepted_and_near_kl(family, near):
    """On two atoms: the distance from kl is of the size of the distance from 1."""
    q, r = np.array([0.4, 0.6]), np.array([0.5, 4 / 3])
    generator = family(1 + near)
    found = q @ generator.f(r)
    if generator.link is not None:
        found = generator.link.value(q @ r**generator.link.alpha)
    assert abs(found - q @ kl().f(r)) <= 0.2 * abs(near) + 1e-9


@given(st.floats(-2e-3, 2e-3))
def test_orders_near_zero_are_accepted_and_near_reverse_kl(near):
    q, r = np.array([0.4, 0.6]), np.array([0.5, 4 / 3])
    assert abs(q @ power(near).f(r) - q @ reverse_kl().f(r)) <= 0.2 * abs(near) + 1e-9


@pytest.mark.parametrize("alpha", [0.01, 0.999, 1.001, 10.0, 40.0, 100.0])
def test_any_finite_order_is_accepted(alpha):
    assert renyi(alpha).link == PowerIntegral(alpha, 1 / (alpha - 1), True)


@pytest.mark.parametrize("family", [renyi, tsallis])
@pytest.mark.parametrize("alpha", [0, -0.5, -2])
def test_orders_not_above_zero_are_refused(family, alpha):
    with pytest.raises(ValueError, match=f"{family.__name__}: alpha must be above 0, got {alpha}"):
        family(alpha)


@pytest.mark.parametrize("family", [renyi, power, tsallis])
@pytest.mark.parametrize("alpha", [np.inf, -np.inf, np.nan])
def test_infinite_orders_are_refused(family, alpha):
    with pytest.raises(ValueError, match=f"finite and at most 1000 in size, got {alpha}"):
        family(alpha)


@pytest.mark.parametrize("alpha", ["two", None, [1, 2]])
def test_orders_that_are_no_numbers_are_refused(alpha):
    with pytest.raises(ValueError, match="renyi: alpha must be a number"):
        renyi(alpha)


# ------------------------------------------------------------ names
@pytest.mark.parametrize(("name", "expected"), [
    ("renyi(0.5)", renyi(0.5)), (" renyi( 2 ) ", renyi(2)), ("renyi(alpha=3)", renyi(3)),
    ("power(-1.5)", power(-1.5)), ("tsallis(1e-1)", tsallis(0.1)), ("renyi(1)", kl()),
    (" kl ", kl()), ("power(0)", reverse_kl()),
])
def test_names(name, expected):
    assert resolve_generator(name) == expected


@pytest.mark.parametrize("name", ["KL", "kl()", "renyi", "renyi()", "renyi(2", "", "helinger",
                                  "hellinger(2)", "__import__('os')"])
def test_unknown_names_list_the_known(name):
    with pytest.raises(ValueError, match="divergence must be one of") as caught:
        resolve_generator(name)
    for known in [*PLAIN, "renyi(alpha)", "power(alpha)", "tsallis(alpha)", repr(name)]:
        assert known in str(caught.value)


@pytest.mark.parametrize("name", ["renyi(x)", "power(1, 2)", "renyi(0)", "tsallis(inf)"])
def test_wrong_orders_in_names_are_named(name):
    with pytest.raises(ValueError, match="alpha must be"):
        resolve_generator(name)


@pytest.mark.parametrize("value", [None, 2, np.log, kl])
def test_neither_name_nor_generator(value):
    with pytest.raises(TypeError, match="must be a name or a Generator, got"):
        resolve_generator(value)


# ------------------------------------------------------------ generators of users
def quartic(r):
    return (r - 1) ** 4


def quartic_slope(r):
    return 4 * (r - 1) ** 3


def tilted_kl(r):
    return r * np.log(r)


def tilted_kl_slope(r):
    return np.log(r) + 1


def test_user_generator_gets_terms_and_curvature():
    generator = Generator("quartic", quartic, quartic_slope)
    (at_p,), (at_q,) = generator.at_p, generator.at_q
    assert_allclose(at_p.function(RATIOS), quartic_slope(RATIOS))
    assert_allclose(at_q.function(RATIOS), quartic(RATIOS) - RATIOS * quartic_slope(RATIOS))
    assert_allclose(generator.curvature, 0, atol=1e-7)
    assert generator.upper_bound == np.inf
    assert not generator.symmetric
    assert pickle.loads(pickle.dumps(generator)) == generator
    assert generator == Generator("quartic", quartic, quartic_slope)


def test_user_generator_is_normalised():
    """r log r has slope 1 at 1; r log r - r + 1 is the same divergence."""
    generator = Generator("mine", tilted_kl, tilted_kl_slope)
    assert_allclose(generator.f(RATIOS), kl().f(RATIOS), atol=1e-12)
    assert_allclose(generator.derivative(RATIOS), kl().derivative(RATIOS), atol=1e-14)
    (at_p,), (at_q,) = generator.at_p, generator.at_q
    assert_allclose(at_p.function(RATIOS), np.log(RATIOS), atol=1e-14)
    assert_allclose(at_q.function(RATIOS), 1 - RATIOS, atol=1e-10)
    assert_allclose(generator.curvature, 1, rtol=1e-6)
    assert pickle.loads(pickle.dumps(generator)) == generator


def test_curvature_may_be_given():
    assert Generator("mine", tilted_kl, tilted_kl_slope, curvature=1.0).curvature == 1.0


@pytest.mark.parametrize(("f", "slope", "message"), [
    (lambda r: quartic(r) + 1e-6, quartic_slope, r"f\(1\) must be 0, got 1e-06"),
    (lambda r: np.log(r) * np.nan, np.log, r"f\(1\) must be 0, got nan"),
    (np.log, lambda r: 1 / r, "must be convex with the given derivative"),
    (lambda r: -quartic(r), lambda r: -quartic_slope(r), "must be convex"),
    (tilted_kl, lambda r: -tilted_kl_slope(r), "its tangent at r = .* lies above f"),
    (tilted_kl, np.log, "its tangent"),
    (lambda r: (r - 1) ** 2, lambda r: r - 1, "its tangent"),
    (lambda r: np.cos(r) - np.cos(1), lambda r: -np.sin(r), "must be convex"),
    (lambda r: np.where(r < 1e5, quartic(r), np.inf), quartic_slope, "must be finite"),
    (lambda r: quartic(r)[:1], quartic_slope, "must be vectorised"),
    (quartic, lambda r: np.array([4.0]), "must be vectorised"),
])
def test_wrong_user_generators_are_refused(f, slope, message):
    with pytest.raises(ValueError, match="generator 'mine': .*" + message):
        Generator("mine", f, slope)


@pytest.mark.parametrize(("settings", "message"), [
    ({"symmetric": np.nan}, "symmetric must be True or False, got nan"),
    ({"at_p": np.array([])}, "at_p must be a tuple of terms"),
    ({"at_q": [kl().at_q]}, "at_q must be a tuple of terms"),
], ids=["symmetric", "at_p", "at_q"])
def test_wrong_settings_of_user_generators_are_named(settings, message):
    with pytest.raises(TypeError, match="generator 'mine': " + message):
        Generator("mine", quartic, quartic_slope, **settings)


def test_generators_are_frozen_and_hashable():
    with pytest.raises(AttributeError):
        kl().name = "other"
    assert len({kl(), kl(), renyi(2), partial(renyi, 2)()}) == 2


# ------------------------------------------------------------ against densities
@pytest.mark.parametrize("generator", EVERY, ids=str)
def test_value_on_shifted_gaussians(generator):
    """E_Q f(r) by summation over a fine grid, against the simulator's closed forms."""
    shift, width = 0.7, 1e-3
    x = np.arange(-14, 14, width)
    q, r = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), np.exp(shift * x - shift**2 / 2)
    found = width * np.sum(q * generator.f(r))
    if generator.link is not None and generator.link.logarithmic:
        found = generator.link.value(1 + found / generator.link.scale)
    assert_allclose(found, shifted_gaussians.truth(generator.name, shift=shift), rtol=1e-6)
