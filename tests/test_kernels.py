"""Kernels: their derivatives, their limits, how they compare and add, and the median rule."""

import copy
import inspect
import pickle
import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import divest.kernels as module
from divest.kernels import (
    Kernel,
    KernelSum,
    imq,
    log_inverse,
    matern32,
    matern52,
    median_bandwidth,
    rbf,
    resolve_kernel,
)

PLAIN = [rbf(0.8), imq(bandwidth=1.3), imq(-0.3, 0.7, 1.4), imq(-0.9, 2.0, 0.6), matern32(0.9),
         matern52(1.2), log_inverse(bandwidth=0.8), log_inverse(2.5, 1.1)]
EVERY = [*PLAIN, rbf(0.5) + matern32(2.0) + imq(-0.25, 1.0)]
MAKERS = [rbf, imq, matern32, matern52, log_inverse]
SQUARES = np.logspace(-4, 2, 61)

every = pytest.mark.parametrize("kernel", EVERY, ids=str)
maker = pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)


def test_all_constructors_are_checked():
    constructors = {name for name in module.__all__ if inspect.isfunction(getattr(module, name))}
    assert constructors - {"resolve_kernel", "median_bandwidth"} == {m.__name__ for m in MAKERS}
    assert {str(kernel).split("(")[0] for kernel in PLAIN} == {m.__name__ for m in MAKERS}


# ------------------------------------------------------------ derivatives
def closed_form(kernel, u):
    """The formulas of the docstrings."""
    if isinstance(kernel, KernelSum):
        return sum(closed_form(term, u) for term in kernel.terms)
    v = u / kernel.bandwidth**2
    match kernel.name:
        case "rbf":
            return np.exp(-v / 2)
        case "imq":
            return (kernel.offset**2 + v) ** kernel.beta
        case "matern32":
            return (1 + np.sqrt(3 * v)) * np.exp(-np.sqrt(3 * v))
        case "matern52":
            return (1 + np.sqrt(5 * v) + 5 * v / 3) * np.exp(-np.sqrt(5 * v))
        case "log_inverse":
            return 1 / (kernel.alpha + np.log(1 + v))


@every
def test_value_is_the_closed_form(kernel):
    assert_allclose(kernel.profile(SQUARES)[0], closed_form(kernel, SQUARES), rtol=1e-13)


@every
def test_derivatives_are_those_of_the_value(kernel):
    step = 1e-4 * SQUARES
    above, below = kernel.profile(SQUARES + step), kernel.profile(SQUARES - step)
    _, slope, curvature = kernel.profile(SQUARES)
    assert_allclose((above[0] - below[0]) / (2 * step), slope, rtol=1e-6, atol=1e-7)
    assert_allclose((above[1] - below[1]) / (2 * step) * SQUARES, curvature, rtol=1e-6, atol=1e-7)


@every
def test_profile_at_zero(kernel):
    """phi'' of matern32 is infinite there; its product with u vanishes for all."""
    phi, slope, curvature = kernel.profile(np.zeros((2, 3)))
    near = kernel.profile(np.full((2, 3), 1e-18))
    assert phi.shape == slope.shape == curvature.shape == (2, 3)
    assert_allclose([phi, slope], near[:2], rtol=1e-8)
    assert_array_equal(curvature, 0)


@every
@pytest.mark.parametrize("d", [1, 3])
def test_stein_kernel_by_differences_of_k(kernel, d, rng):
    """s_x s_y k + s_x grad_y k + s_y grad_x k + sum of the mixed derivatives."""
    def k(x, y):
        return float(kernel.profile((x - y) @ (x - y))[0])

    for x, y, s, t in rng.normal(size=(5, 4, d)):
        h, move = (s @ t) * k(x, y), 1e-4 * np.eye(d)
        for i in range(d):
            e = move[i]
            h += s[i] * (k(x, y + e) - k(x, y - e)) / 2e-4
            h += t[i] * (k(x + e, y) - k(x - e, y)) / 2e-4
            h += (k(x + e, y + e) - k(x + e, y - e) - k(x - e, y + e) + k(x - e, y - e)) / 4e-8
        phi, slope, curvature = kernel.profile((x - y) @ (x - y))
        found = phi * (s @ t) + 2 * slope * ((x - y) @ (t - s) - d) - 4 * curvature
        assert_allclose(found, h, rtol=1e-6, atol=1e-6)


@every
def test_positive_definite(kernel, rng):
    X = rng.normal(size=(40, 2))
    gram = kernel.profile(((X[:, None] - X[None]) ** 2).sum(axis=2))[0]
    assert np.linalg.eigvalsh(gram).min() > -1e-12 * len(X)


@maker
@given(st.floats(0.1, 10), st.just(0.0) | st.floats(1e-280, 100))  # below, digits are lost
def test_bandwidth_is_a_length(maker, ell, u):
    """k of rows scaled by ell, with bandwidth ell, is k of the rows with bandwidth 1."""
    found = maker(bandwidth=ell).profile(ell**2 * u)
    phi, slope, curvature = maker(bandwidth=1.0).profile(u)
    assert_allclose(found, [phi, slope / ell**2, curvature / ell**2], rtol=1e-9, atol=1e-300)


# ------------------------------------------------------------ value objects
@every
def test_pickled_copied_and_evaluated(kernel):
    assert pickle.loads(pickle.dumps(kernel)) == kernel
    assert copy.deepcopy(kernel) == kernel
    copied = eval(repr(kernel), {m.__name__: m for m in MAKERS})
    assert copied == kernel
    assert hash(copied) == hash(kernel)


def test_kernels_compare_by_value():
    assert imq(-0.5, np.float64(1), 1) == imq(bandwidth=1.0)
    assert imq(-0.4) != imq()
    assert rbf(1.0) != matern32(1.0)
    assert rbf(1.0) != rbf()
    assert len(set(EVERY)) == len(EVERY)


@every
def test_kernels_cannot_be_changed(kernel):
    with pytest.raises(FrozenInstanceError):
        kernel.bandwidth = 3.0


@maker
def test_bandwidth_is_set_later(maker):
    kernel = maker()
    assert not kernel.has_bandwidth
    for use in (lambda: kernel.profile(1.0), kernel.loop_arguments):
        with pytest.raises(ValueError, match=f"{maker.__name__}: the bandwidth is missing"):
            use()
    assert kernel.with_bandwidth(2) == maker(bandwidth=2.0)
    assert kernel.with_bandwidth(3.0).with_bandwidth(2.0) == maker(bandwidth=2.0)
    assert kernel.with_bandwidth(2.0).has_bandwidth
    assert not kernel.has_bandwidth


@pytest.mark.parametrize("u", [-1.0, [0.0, 1.7e308]], ids=["negative", "huge"])
def test_what_is_no_squared_distance_is_refused(u):
    with pytest.raises(ValueError, match="u must hold squared distances, 0 or more"):
        (rbf(1.0) + matern52(1.0)).profile(u)


def test_with_bandwidth_keeps_the_shape():
    assert imq(-0.3, 5.0, 2.0).with_bandwidth(1.0) == imq(-0.3, 1.0, 2.0)
    assert log_inverse(3.0).with_bandwidth(1.0) == log_inverse(3.0, 1.0)


def test_sums():
    a, b, c = rbf(0.5), imq(), matern32()
    total = a + b + c
    assert isinstance(total, KernelSum)
    assert total == a + (b + c) == KernelSum((a, b, c)) == KernelSum([a + b, c])
    assert total != b + a + c
    assert repr(a + c) == "rbf(bandwidth=0.5) + matern32(bandwidth=None)"
    assert not total.has_bandwidth
    filled = total.with_bandwidth(2.0)  # the one that has a bandwidth keeps it
    assert filled == a + b.with_bandwidth(2.0) + c.with_bandwidth(2.0)
    parts = np.sum([term.profile(SQUARES) for term in filled.terms], axis=0)
    assert_allclose(filled.profile(SQUARES), parts, rtol=1e-15)


def test_sums_take_kernels_only():
    with pytest.raises(TypeError, match="unsupported operand"):
        rbf() + 1
    for kernels in ((), (rbf(), "imq")):
        with pytest.raises(TypeError, match="kernels must be one kernel or more"):
            KernelSum(kernels)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loop_arguments(kernel, dtype):
    families, parameters = kernel.loop_arguments(dtype)
    assert families.dtype == np.int64
    assert parameters.dtype == dtype
    assert parameters.shape == (len(kernel.terms), 3)
    assert parameters.flags.c_contiguous
    for term, family, numbers in zip(kernel.terms, families, parameters, strict=True):
        assert (family, *numbers[:len(term.code[1])]) == (term.code[0],
                                                          *np.array(term.code[1], dtype))


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize("bandwidth", [0, -1.0, np.nan, np.inf])
@maker
def test_bandwidth_out_of_range(maker, bandwidth):
    message = f"bandwidth must lie between 0 and inf, got {bandwidth}"
    with pytest.raises(ValueError, match=f"^{maker.__name__}: {message}"):
        maker(bandwidth=bandwidth)
    for kernel in (maker(), maker(bandwidth=1.0) + rbf(1.0)):
        with pytest.raises(ValueError, match=f"^{message}"):
            kernel.with_bandwidth(bandwidth)


@pytest.mark.parametrize("beta", [0.0, -1, 0.5, -2.0, np.nan])
def test_exponent_out_of_range(beta):
    with pytest.raises(ValueError, match="imq: beta must lie between -1 and 0, got"):
        imq(beta)


@pytest.mark.parametrize("value", [0, -1.0, np.nan])
def test_other_parameters_out_of_range(value):
    with pytest.raises(ValueError, match="imq: offset must lie between 0 and inf"):
        imq(offset=value)
    with pytest.raises(ValueError, match="log_inverse: alpha must lie between 0 and inf"):
        log_inverse(value)


@pytest.mark.parametrize("bandwidth", ["1", True, [1.0]])
@maker
def test_bandwidth_is_a_number(maker, bandwidth):
    message = re.escape(f"{maker.__name__}: bandwidth must be a number, got {bandwidth!r}")
    with pytest.raises(TypeError, match=message):
        maker(bandwidth=bandwidth)


# ------------------------------------------------------------ names
@maker
def test_names(maker):
    assert resolve_kernel(maker.__name__) == resolve_kernel(f" {maker.__name__} ") == maker()


@every
def test_kernels_stand_for_themselves(kernel):
    assert resolve_kernel(kernel) is kernel
    assert isinstance(kernel, Kernel)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="imq, rbf, matern32, matern52, log_inverse; got 'rbg'"):
        resolve_kernel("rbg")
    with pytest.raises(ValueError, match=r"no mixed second derivative.*use one of imq, rbf"):
        resolve_kernel("matern12")
    with pytest.raises(TypeError, match="kernel must be a name or a Kernel, got 3"):
        resolve_kernel(3)


# ------------------------------------------------------------ the median rule
def naive_median(X):
    X = np.asarray(X, float).reshape(len(X), -1)
    gaps = [np.linalg.norm(X[i] - X[j]) for i in range(len(X)) for j in range(i)]
    return np.median(gaps)


def test_median_of_all_pairs(rng):
    X = rng.normal(size=(31, 3))
    assert_allclose(median_bandwidth(X), naive_median(X), rtol=1e-14)
    assert_allclose(median_bandwidth(X.tolist()), naive_median(X), rtol=1e-14)
    assert_allclose(median_bandwidth(X[:, 0]), naive_median(X[:, :1]), rtol=1e-14)
    assert_allclose(median_bandwidth(3 * X + 5), 3 * naive_median(X), rtol=1e-12)


def test_median_of_evenly_spaced_rows(rng):
    X = rng.normal(size=(50, 2))
    rows = [0, 5, 10, 16, 21, 27, 32, 38, 43, 49]  # 49 i/9, rounded down
    assert_allclose(median_bandwidth(X, max_rows=10), naive_median(X[rows]), rtol=1e-14)
    assert median_bandwidth(X, max_rows=50) == median_bandwidth(X)
    large = rng.normal(size=(1500, 1))
    taken = np.linspace(0, 1499, 1000).astype(int)
    assert median_bandwidth(large) == median_bandwidth(large[taken]) != median_bandwidth(large[1:])


def test_median_where_most_rows_are_equal():
    X = np.array([[0.0]] * 8 + [[1.0], [4.0]])
    assert median_bandwidth(X) == np.median([1.0] * 8 + [4.0] * 8 + [3.0])
    assert median_bandwidth(np.ones((5, 2))) == 1.0
    assert median_bandwidth([[2.0, 3.0]]) == 1.0


@pytest.mark.parametrize(
    ("X", "max_rows", "message"),
    [
        (np.empty((0, 2)), 5, "X must have rows and columns"),
        (np.empty((2, 0)), 5, "X must have rows and columns"),
        (np.zeros((2, 2, 2)), 5, "X must have rows and columns"),
        ([[0.0], [np.nan]], 5, "NaN or infinity"),
        ([[0.0], [np.inf]], 5, "NaN or infinity"),
        ([0.0, 1.0], 1, "max_rows must be a whole number, at least 2, got 1"),
        ([0.0, 1.0], 2.0, "max_rows must be a whole number"),
        ([0.0, 1.0], True, "max_rows must be a whole number"),
    ],
)  # fmt: skip
def test_median_refuses(X, max_rows, message):
    with pytest.raises(ValueError, match=message):
        median_bandwidth(X, max_rows)
