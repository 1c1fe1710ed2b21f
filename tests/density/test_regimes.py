"""Regimes of kernel sums: reference values, brute force, labels, copies, weights and scaling."""

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq
from scipy.spatial.distance import cdist

from divest import KernelDensity, RegimeResult
from divest.density._profiles import COMPACT
from divest.density.regimes import REGIMES

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

COLUMNS = ["n_eff", "n_eff2", "h_g", "h_clt", "tail_index", "regime"]
NUMBERS = COLUMNS[:-1]


@pytest.fixture(scope="module")
def normals():
    """2000 rows and 200 queries in 20 dimensions."""
    rng = np.random.default_rng(7)
    return rng.normal(size=(2000, 20)), rng.normal(size=(200, 20))


@pytest.fixture
def data(rng):
    """Rows and queries of which the last is far away."""
    return rng.normal(size=(80, 3)), np.concatenate([rng.normal(size=(12, 3)), [[30.0, 0, 0]]])


def crossing(squares, logs, kernel):
    """The bandwidth of five effective rows, by Brent's method; `logs` are those of weights."""
    def excess(log_h):
        h = np.exp(log_h)
        exponents = squares / (2 * h * h) if kernel == "gaussian" else np.sqrt(squares) / h
        p = np.exp(logs - exponents - (logs - exponents).max())
        return (p.sum() ** 2 / (p**2).sum()) - 5

    return np.exp(brentq(excess, np.log(1e-3), np.log(1e4), xtol=1e-12))


# ------------------------------------------------------------ reference values
@pytest.mark.skipif(not plain.COMPILED, reason="many pairs")
@pytest.mark.parametrize(("h", "median", "median2", "shares"), [
    (0.5, None, None, (0.995, 0.005, 0.0)), (1.0, 14.0751, 2.8369, (0.14, 0.66, 0.20)),
    (2.0, None, None, (0.0, 0.0, 1.0))])
def test_shares_in_twenty_dimensions(normals, h, median, median2, shares):
    X, Q = normals
    found = KernelDensity(bandwidth=h).fit(X).regime(Q)
    assert_allclose(list(found.shares.values()), [*shares, 0.0], atol=1e-12)
    if median:
        assert_allclose(found.frame[["n_eff", "n_eff2"]].median(), [median, median2], atol=1e-4)
    assert_allclose(found.frame["h_g"][:3], [0.54756316, 0.68766820, 0.77662915], atol=1e-6)


@pytest.mark.skipif(not plain.COMPILED, reason="many pairs")
def test_likelihood_bandwidth_in_twenty_dimensions(normals):
    found = KernelDensity(bandwidth="loo_kl", whiten=None).fit(normals[0])
    assert_allclose(found.bandwidth_factor_, 0.832449, atol=1e-4)


# ------------------------------------------------------------ by brute force
@pytest.mark.parametrize("kernel", ["gaussian", "exponential"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("adaptive", [None, "abramson"])
def test_every_number(data, kernel, weighted, adaptive):
    X, Q = data
    w = np.arange(1.0, 81.0) / 3240 if weighted else np.full(80, 1 / 80)
    density = KernelDensity(bandwidth=0.7, kernel=kernel, adaptive=adaptive)
    density.fit(X, sample_weight=w if weighted else None)
    local = density._fitted.points.local
    local = np.ones(80) if local is None else local
    for queries, skip in ((Q, None), (X, np.arange(80))):
        frame = density.regime(None if skip is not None else Q).frame
        logs = plain.log_terms(queries, X, 0.7, kernel, w, local, skip)
        squares = cdist(queries, X, "sqeuclidean")
        n_eff, n_eff2, _ = plain.sum_moments(logs, squares)
        assert_allclose(frame["n_eff"], n_eff, rtol=1e-9)
        assert_allclose(frame["n_eff2"], n_eff2, rtol=1e-9)
        own = np.tile(np.log(w) - 3 * np.log(local), (len(queries), 1))
        if skip is not None:
            own[skip, skip] = -np.inf
        h_g = [crossing(row / local**2, log, kernel)
               for row, log in zip(squares, own, strict=True)]
        assert_allclose(frame["h_g"], h_g, rtol=1e-6)
        power = 2 if kernel == "gaussian" else 1
        assert_allclose(frame["h_clt"], 2 ** (1 / power) * frame["h_g"], rtol=1e-12)
        assert_allclose(frame["tail_index"], (0.7 / frame["h_g"]) ** power, rtol=1e-12)
        expected = np.where(n_eff < 5, "condensed", np.where(n_eff2 < 5, "heavy_tailed", "clt"))
        assert_array_equal(frame["regime"], expected)


@pytest.mark.parametrize("kernel", sorted(COMPACT))
@pytest.mark.parametrize("own", [False, True])
def test_bounded_kernels_count_rows(data, kernel, own):
    X, Q = data
    density = KernelDensity(bandwidth=1.2, kernel=kernel).fit(X)
    frame = density.regime(None if own else Q).frame
    distance = cdist(X if own else Q, X)
    if own:
        np.fill_diagonal(distance, np.inf)
    count = (distance < 1.2).sum(axis=1)
    assert_array_equal(frame["n_eff"], count)
    assert_array_equal(frame["n_eff2"], count)
    assert_allclose(frame["h_g"], np.sort(distance, axis=1)[:, 4], rtol=1e-12)
    assert frame[["h_clt", "tail_index"]].isna().all().all()
    assert_array_equal(frame["regime"], np.where(count == 0, "empty", np.where(
        count < 5, "condensed", "clt")))
    assert {"empty", "clt"} <= set(frame["regime"]) or own


# ------------------------------------------------------------ copies and few rows
@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "biweight"])
def test_copies_are_integer_weights_spread_over_rows(rng, kernel):
    """Five copies at a point are five rows: never condensed there, however small h."""
    X = np.concatenate([np.zeros((6, 2)), 9 + rng.normal(size=(50, 2))])
    density = KernelDensity(bandwidth=0.5, kernel=kernel).fit(X)
    frame = density.regime([[0.0, 0.0]]).frame
    assert_allclose(frame["n_eff"], 6.0)
    assert frame["h_g"][0] == 0.0
    assert frame["regime"][0] == "clt"
    if kernel != "biweight":
        assert np.isinf(frame["tail_index"][0])
    own = density.regime().frame[:6]  # five others
    assert_allclose(own["n_eff"], 5.0)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "biweight"])
def test_copies_by_brute_force(rng, kernel):
    X = np.repeat(rng.normal(size=(30, 2)), 3, axis=0)
    density = KernelDensity(bandwidth=0.5, kernel=kernel).fit(X)
    Q = rng.normal(size=(5, 2))
    h_g = density.regime(Q).frame["h_g"]
    if kernel == "biweight":
        assert_allclose(h_g, np.sort(cdist(Q, X), axis=1)[:, 4], rtol=1e-9)
    else:
        expected = [crossing(row, np.zeros(90), kernel) for row in cdist(Q, X, "sqeuclidean")]
        assert_allclose(h_g, expected, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "tophat"])
def test_fewer_than_five_rows_are_always_condensed(kernel):
    X = np.arange(4.0)[:, None]
    frame = KernelDensity(bandwidth=50.0, kernel=kernel).fit(X).regime([[1.5]]).frame
    assert (frame["regime"] == "condensed").all()
    assert np.isinf(frame["h_g"]).all()
    if kernel != "tophat":
        assert_array_equal(frame["tail_index"], 0.0)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "tophat"])
def test_one_row(kernel):
    density = KernelDensity(bandwidth=1.0, kernel=kernel).fit([[0.0, 0.0]])
    assert_array_equal(density.regime([[0.1, 0.0]]).frame["regime"], ["condensed"])
    frame = density.regime().frame  # no other row
    assert_array_equal(frame["regime"], ["empty"])
    assert_array_equal(frame[["n_eff", "n_eff2"]], [[0.0, 0.0]])


def test_a_heavy_row_condenses(rng):
    """Of rows that are all near, one with most of the weight decides alone."""
    X, w = 0.01 * rng.normal(size=(50, 2)), np.append(1000.0, np.ones(49))
    frame = KernelDensity(bandwidth=1.0).fit(X, sample_weight=w).regime([[0.0, 0.0]]).frame
    assert_allclose(frame["n_eff"], w.sum() ** 2 / (w**2).sum(), rtol=1e-3)
    assert_array_equal(frame["regime"], ["condensed"])


def test_more_rows_than_are_looked_at(rng):
    """h_g comes from the 400 nearest: what the others would change is far below its own error."""
    n = plain.smaller(3000, 600)
    X, Q = rng.normal(size=(n, 2)), rng.normal(size=(4, 2))
    found = KernelDensity(bandwidth=0.5).fit(X).regime(Q).frame["h_g"]
    expected = [crossing(row, np.zeros(n), "gaussian") for row in cdist(Q, X, "sqeuclidean")]
    assert_allclose(found, expected, rtol=1e-6)


# ------------------------------------------------------------ laws
def test_bandwidths_go_with_the_scale(data):
    """h_g is in whitened units, the units of `bandwidth_factor_`; it does not depend on h."""
    X, Q = data
    one = KernelDensity(bandwidth=0.7).fit(X).regime(Q)
    other = KernelDensity(bandwidth=70.0).fit(100 * X).regime(100 * Q)
    for name, factor in zip(NUMBERS, (1, 1, 100, 100, 1), strict=True):
        assert_allclose(other.frame[name], factor * one.frame[name], rtol=1e-9)
    assert_array_equal(other.frame["regime"], one.frame["regime"])
    assert other.bandwidth == 70.0
    wider = KernelDensity(bandwidth=1.4).fit(X).regime(Q).frame
    assert_allclose(wider["h_g"], one.frame["h_g"], rtol=1e-9)
    assert_allclose(wider["tail_index"], 4 * one.frame["tail_index"], rtol=1e-9)
    assert (wider["n_eff"] > one.frame["n_eff"]).all()


def test_whitened_rows(data):
    X, Q = data
    sd = X.std(axis=0, ddof=1)
    one = KernelDensity(bandwidth=0.7, whiten="diag").fit(X).regime(Q).frame
    other = KernelDensity(bandwidth=0.7).fit(X / sd).regime(Q / sd).frame
    assert_allclose(one[NUMBERS], other[NUMBERS], rtol=1e-9)


def test_five_effective_rows_at_the_crossing(data):
    X, Q = data
    h_g = KernelDensity(bandwidth=1.0).fit(X).regime(Q).frame["h_g"]
    for q, h in zip(Q, h_g, strict=True):
        frame = KernelDensity(bandwidth=h).fit(X).regime(q[None]).frame
        assert_allclose(frame["n_eff"], 5.0, rtol=1e-6)
        twice = KernelDensity(bandwidth=2**0.5 * h).fit(X).regime(q[None]).frame
        assert_allclose(twice["n_eff2"], 5.0, rtol=1e-6)
        assert_allclose(twice["tail_index"], 2.0, rtol=1e-6)


def test_repeated_rows_and_weights_are_not_the_same(data):
    """Two copies are two rows; one row of weight 2 is one."""
    X, Q = data
    double = KernelDensity(bandwidth=0.7).fit(np.repeat(X, 2, axis=0)).regime(Q).frame
    single = KernelDensity(bandwidth=0.7).fit(X).regime(Q).frame
    assert_allclose(double["n_eff"], 2 * single["n_eff"], rtol=1e-9)
    assert_allclose(double["n_eff2"], 2 * single["n_eff2"], rtol=1e-9)


def test_order_and_threads(data, rng):
    X, Q = data
    order = rng.permutation(80)
    one = KernelDensity(bandwidth=0.7).fit(X)
    other = KernelDensity(bandwidth=0.7, n_jobs=2).fit(X[order])
    assert_allclose(other.regime(Q).frame[NUMBERS], one.regime(Q).frame[NUMBERS], rtol=1e-9)
    assert_allclose(other.regime().frame[NUMBERS], one.regime().frame[NUMBERS].iloc[order],
                    rtol=1e-9)


# ------------------------------------------------------------ the result
def test_result(data):
    X, Q = data
    result = KernelDensity(bandwidth=0.7).fit(X).regime(Q)
    assert isinstance(result, RegimeResult)
    assert list(result.frame) == COLUMNS
    assert list(result.shares) == list(REGIMES)
    assert_allclose(sum(result.shares.values()), 1.0)
    for name, share in result.shares.items():
        assert_allclose(share, (result.frame["regime"] == name).mean())
    copy = result.to_frame()
    copy["n_eff"] = 0.0
    assert (result.frame["n_eff"] > 0).all()
    text = result.summary()
    for word in ("median h_g", "share condensed", f"{result.frame['h_g'].median():.6g}"):
        assert word in text
    assert "<table" in result._repr_html_()


def test_own_rows_are_counted_when_they_are_given_as_queries(data):
    X, _ = data
    density = KernelDensity(bandwidth=0.7).fit(X)
    assert (density.regime(X).frame["n_eff"] != density.regime().frame["n_eff"]).all()
    assert len(density.regime().frame) == len(X)
