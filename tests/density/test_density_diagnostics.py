"""Diagnostics of a density estimate: values by hand, a case for each, silence on normal data."""

import warnings

import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from divest import KernelDensity, TrustWarning
from divest.density import _diagnostics
from divest.density._selection import select
from divest.density._sums import PointSet

THRESHOLDS = {"condensed_share": 0.2, "selector_ratio": 1.75, "isj_root": 1.0, "repeated_rows": 0.5,
              "edge_mass": 7.0, "lscv_minimum": 1.0}


def diagnosed(X, sample_weight=None, **parameters):
    """The table of diagnostics, by name; one warning names those that have failed."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        density = KernelDensity(**parameters).fit(X, sample_weight=sample_weight)
    table = density.diagnostics_.set_index("name")
    assert list(density.diagnostics_) == ["name", "value", "threshold", "passed", "advice"]
    failed = list(table.index[~table["passed"]])
    assert [w.category for w in caught] == [TrustWarning] * bool(failed)
    for name in table.index:
        said = any(f"{name} = " in str(warning.message) for warning in caught)
        assert said == (name in failed)
    assert_array_equal(table["threshold"], [THRESHOLDS[name] for name in table.index])
    return table


def failed(X, **parameters):
    table = diagnosed(X, **parameters)
    return set(table.index[~table["passed"]])


def normal(n, d, seed=0):
    return np.random.default_rng([seed, n, d]).normal(size=(n, d))


# ------------------------------------------------------------ silence on normal data
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("seed", range(plain.smaller(5, 1)))
def test_nothing_fails_on_normal_data(d, seed):
    table = diagnosed(normal(1000, d, seed))
    assert table["passed"].all()
    expected = {1: {"repeated_rows", "condensed_share", "isj_root", "edge_mass"},
                2: {"repeated_rows", "condensed_share", "lscv_minimum", "selector_ratio",
                    "edge_mass"}}[d]
    assert set(table.index) == expected


# ------------------------------------------------------------ which ones there are
@pytest.mark.parametrize(("parameters", "expected"), [
    ({"bandwidth": 0.5}, {"repeated_rows", "condensed_share"}),
    ({"bandwidth": "scott"}, {"repeated_rows", "condensed_share", "edge_mass"}),
    ({"bandwidth": "lscv"}, {"repeated_rows", "condensed_share", "lscv_minimum", "selector_ratio",
                             "edge_mass"}),
    ({"bandwidth": "loo_kl"}, {"repeated_rows", "condensed_share", "selector_ratio", "edge_mass"}),
    ({"bandwidth": "isj"}, {"repeated_rows", "condensed_share", "isj_root", "edge_mass"}),
    ({"bandwidth": 0.5, "algorithm": "kd_tree", "metric": "manhattan"}, {"repeated_rows"})],
    ids=lambda v: str(v) if isinstance(v, dict) else "")
def test_which_ones_apply(parameters, expected):
    assert set(diagnosed(normal(200, 1), **parameters).index) == expected


def test_one_row():
    assert set(diagnosed([[0.0]], bandwidth=1.0).index) == {"repeated_rows", "condensed_share"}


# ------------------------------------------------------------ condensed_share
def test_condensed_share_by_hand():
    X = normal(150, 4)
    table = diagnosed(X, bandwidth=0.45)
    p = plain.shares(plain.log_terms(X, X, 0.45, skip=np.arange(150)))
    assert_allclose(table["value"]["condensed_share"], np.mean(1 / (p**2).sum(axis=1) < 5))
    assert not table["passed"]["condensed_share"]


def test_condensed_share_of_many_dimensions():
    assert "condensed_share" in failed(normal(plain.smaller(1000, 200), 15))


def test_condensed_share_of_bounded_kernels_counts_empty_rows():
    X = np.arange(20.0)[:, None]
    table = diagnosed(X, bandwidth=0.5, kernel="tophat")  # nobody has a neighbour
    assert table["value"]["condensed_share"] == 1.0
    assert diagnosed(X, bandwidth=8.5, kernel="tophat")["passed"]["condensed_share"]


@pytest.mark.parametrize(("pairs", "looked_at"), [(1e8, 3), (1e6, 6), (1.0, 12)])
def test_condensed_share_looks_at_some_rows(monkeypatch, pairs, looked_at):
    """Of 2400 rows at every 3rd; at fewer where these are too many pairs, but not below 200."""
    monkeypatch.setattr(_diagnostics, "MOST_PAIRS", pairs)
    far = np.arange(2400) % looked_at == 0  # rows with no other near
    X = np.where(far, 1e6 * np.arange(1, 2401), 0.01 * normal(2400, 1)[:, 0])
    assert _diagnostics.condensed_share(PointSet(X[:, None])).value == 1.0
    assert _diagnostics.condensed_share(PointSet(np.roll(X, 1)[:, None])).value == 0.0


# ------------------------------------------------------------ repeated_rows
def test_repeated_rows_counts_copies():
    X = normal(100, 2)
    for copies, share in ((0, 0.0), (50, 0.5), (60, 0.6)):
        X[100 - copies:] = X[0]
        diagnostic = _diagnostics.repeated_rows(X, np.ones(2))
        assert_allclose(diagnostic.value, share)
        assert diagnostic.passed == (share <= 0.5)
    half = np.column_stack([np.zeros(10), np.arange(10.0)])  # equal in one column only
    assert _diagnostics.repeated_rows(half, np.ones(2)).value == 0.0
    assert _diagnostics.repeated_rows(np.zeros((10, 1)), np.ones(1)).value == 0.9


@pytest.mark.parametrize("d", [1, 2])
def test_repeated_rows_of_counts(d):
    X = np.random.default_rng(0).poisson(3, size=(400, d))
    assert "repeated_rows" in failed(X, bandwidth="scott")


# ------------------------------------------------------------ lscv_minimum
@pytest.mark.parametrize("rule", ["lscv", "auto"])
def test_lscv_minimum(rule):
    """Rounded values, and rows so far out that they set the scale: below the range of search."""
    X = np.round(normal(400, 2), 1)
    X = np.concatenate([X, [[1e6, 0.0], [0.0, 1e6]]])
    table = diagnosed(X, bandwidth=rule)
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    assert select("lscv", Z).at_edge
    assert table["value"]["lscv_minimum"] == 0.0
    assert not table["passed"]["lscv_minimum"]
    assert table["passed"]["repeated_rows"]
    assert "lscv_minimum" not in diagnosed(X, bandwidth="loo_kl").index


# ------------------------------------------------------------ selector_ratio
@pytest.mark.parametrize("rule", ["lscv", "loo_kl"])
def test_selector_ratio_by_hand(rule):
    X = normal(200, 2)
    table = diagnosed(X, bandwidth=rule)
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    expected = select("loo_kl", Z).bandwidth / select("lscv", Z).bandwidth
    assert_allclose(table["value"]["selector_ratio"], expected, rtol=1e-6)


@pytest.mark.parametrize(("rule", "kernel"), [("lscv", "gaussian"), ("loo_kl", "biweight")])
def test_selector_ratio_of_heavy_tails(rule, kernel):
    """Bandwidths of the Gaussian kernel, whatever the kernel: without its canonical factor."""
    X = np.random.default_rng(5).standard_t(3, size=(1000, 2))
    table = diagnosed(X, bandwidth=rule, kernel=kernel)
    assert not table["passed"]["selector_ratio"]
    Z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    expected = select("loo_kl", Z).bandwidth / select("lscv", Z).bandwidth
    assert_allclose(table["value"]["selector_ratio"], expected, rtol=1e-6)


def test_selector_ratio_of_weighted_rows():
    X, w = normal(150, 2), np.arange(1.0, 151.0)
    table = diagnosed(X, sample_weight=w, bandwidth="lscv", whiten=None)
    w /= w.sum()
    expected = select("loo_kl", X, w).bandwidth / select("lscv", X, w).bandwidth
    assert_allclose(table["value"]["selector_ratio"], expected, rtol=1e-6)


def test_selector_ratio_is_left_out_where_it_takes_long(monkeypatch):
    monkeypatch.setattr(_diagnostics, "MOST_COMPARED", 199)
    assert "selector_ratio" not in diagnosed(normal(200, 2)).index
    assert "selector_ratio" in diagnosed(normal(199, 2)).index


# ------------------------------------------------------------ isj_root
@pytest.mark.parametrize("rule", ["auto", "isj"])
def test_isj_root(rule):
    """Fewer than 30 values: the rule "robust" in its place."""
    X = normal(29, 1)
    with pytest.warns(TrustWarning, match="isj_root"):
        density = KernelDensity(bandwidth=rule).fit(X)
    assert density.selector_.rule == "robust"
    assert not density.selector_.found
    same = KernelDensity(bandwidth="robust").fit(X)
    assert_allclose(density.bandwidth_, same.bandwidth_, rtol=1e-12)
    table = density.diagnostics_.set_index("name")
    assert table["value"]["isj_root"] == 0.0
    assert "isj_root" not in set(same.diagnostics_["name"])


# ------------------------------------------------------------ edge_mass
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bounds", [None, (-9, None), (None, 9), (-9, 9)])
def test_edge_mass_by_hand(weighted, bounds):
    """Mass beyond the least and largest row, but for the sides that have an edge."""
    X = normal(200, 1)
    w = np.arange(1.0, 201.0) if weighted else None
    table = diagnosed(X, sample_weight=w, bandwidth="scott", bounds=bounds)
    h = KernelDensity(bandwidth="scott").fit(X, sample_weight=w).bandwidth_[0]
    low, high = (None, None) if bounds is None else bounds
    mass = np.zeros(200)
    if low is None:
        mass += stats.norm.cdf((X.min() - X[:, 0]) / h)
    if high is None:
        mass += stats.norm.sf((X.max() - X[:, 0]) / h)
    assert_allclose(table["value"]["edge_mass"], 200 * np.average(mass, weights=w), rtol=1e-9)


def test_edge_mass_names_the_column():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=400), rng.exponential(size=400)])
    table = diagnosed(X, bandwidth="scott")
    assert "column 1" in table["advice"]["edge_mass"]
    expected = diagnosed(X[:, 1:], bandwidth="isj")["value"]["edge_mass"]
    assert_allclose(table["value"]["edge_mass"], expected, rtol=1e-2)  # bins of another scale


@pytest.mark.parametrize("draw", ["uniform", "exponential"])
@pytest.mark.parametrize("d", [1, 2])
def test_edge_mass_of_hard_edges(draw, d):
    X = getattr(np.random.default_rng(2), draw)(size=(300, d))
    assert "edge_mass" in failed(X)
    bounds = (0, 1) if draw == "uniform" else (0, None)
    assert "edge_mass" not in failed(X, bounds=bounds)


def test_edge_mass_does_not_depend_on_the_kernel():
    X = normal(300, 1)
    values = [diagnosed(X, bandwidth="silverman", kernel=kernel)["value"]["edge_mass"]
              for kernel in ("gaussian", "tophat", "exponential")]
    assert_allclose(values, values[0], rtol=1e-12)


def test_edge_mass_of_other_units():
    X = normal(300, 2)
    for bandwidth in ("scott", "lscv"):
        values = [diagnosed(scale * X + 3, bandwidth=bandwidth)["value"]["edge_mass"]
                  for scale in (1.0, 1000.0)]
        assert_allclose(*values, rtol=1e-2)
