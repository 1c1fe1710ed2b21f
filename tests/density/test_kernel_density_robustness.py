"""Where numbers come near the limits of arithmetic, and where work goes to other processes."""

import joblib
import numpy as np
import plain
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.neighbors import KernelDensity as TheirDensity

from divest import ConditionalKernelDensity, KernelDensity
from divest.density import loo_kl_bandwidth

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


compiled = pytest.mark.skipif(not plain.COMPILED, reason="other processes have no fast twins")


@pytest.mark.parametrize("backend", [pytest.param("loky", marks=compiled), "threading"])
def test_the_backend_does_not_change_the_numbers(rng, backend):
    X, Q = rng.normal(size=(700, 2)), rng.normal(size=(600, 2))
    methods = [lambda n_jobs: KernelDensity(bandwidth=0.4, n_jobs=n_jobs).fit(X).score_samples(Q),
               lambda n_jobs: KernelDensity(bandwidth="lscv", n_jobs=n_jobs).fit(X).bandwidth_,
               lambda n_jobs: KernelDensity(bandwidth=0.4, n_jobs=n_jobs).fit(X).score_function(Q),
               lambda n_jobs: KernelDensity(bandwidth=0.4, kernel="biweight", n_jobs=n_jobs
                                            ).fit(X).pdf(Q)]
    for method in methods:
        alone = method(None)
        with joblib.parallel_config(backend=backend):
            assert_allclose(method(2), alone, rtol=1e-12)


@compiled
def test_arrays_that_another_process_may_only_read(rng):
    """Large ones are handed over as files in memory."""
    X = rng.normal(size=(70_000, 2))
    Q = X[:600]
    alone = KernelDensity(bandwidth=0.4).fit(X).score_samples(Q)
    with joblib.parallel_config(backend="loky"):
        found = KernelDensity(bandwidth=0.4, n_jobs=2).fit(X).score_samples(Q)
    assert_allclose(found, alone, rtol=1e-12)


@pytest.mark.parametrize("far", [1e12, 1e15, 1e20])
@pytest.mark.parametrize("d", [1, 2, 13])
def test_one_row_far_out_costs_no_digits(rng, d, far):
    X = np.vstack([rng.normal(size=(300, d)), np.full((1, d), far)])
    found = KernelDensity(bandwidth=0.5).fit(X).score_samples(X[:20])
    expected = TheirDensity(bandwidth=0.5).fit(X).score_samples(X[:20])
    assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("n", [50, 600])
@pytest.mark.parametrize("d", [1, 2, 13])
def test_queries_whose_squares_overflow(rng, n, d):
    """Too far for a double: minus infinity, and a gradient that leads back."""
    density = KernelDensity(bandwidth=0.5).fit(rng.normal(size=(n, d)))
    far = np.full((1, d), 1e200)
    assert_array_equal(density.score_samples(far), -np.inf)
    assert_array_equal(density.pdf(far), 0)
    assert_allclose(density.score_function(far), -far / 0.25)
    assert density.regime(far).frame["regime"].tolist() == ["empty"]


def test_conditional_density_where_squares_overflow(rng):
    X = rng.normal(size=(100, 1))
    density = ConditionalKernelDensity(bandwidth=(0.5, 0.5)).fit(X, X[:, 0])
    assert not np.isnan(density.score_samples([[1e150]], [0.0])).any()


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "tophat", "linear"])
def test_tiny_bandwidths_at_the_rows(rng, kernel):
    X, h = rng.normal(size=(30, 12)), 1e-20
    found = KernelDensity(bandwidth=h, kernel=kernel).fit(X).score_samples(X[:3])
    expected = TheirDensity(bandwidth=h, kernel=kernel).fit(X).score_samples(X[:3])
    assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("boundary", ["reflect", "renormalize"])
@pytest.mark.parametrize("d", [1, 8])
def test_draws_in_a_box_far_narrower_than_the_bandwidth(rng, boundary, d):
    X = 1e-9 * rng.random((300, d))
    density = KernelDensity(bandwidth=0.3, bounds=(0, 1e-9), boundary=boundary).fit(X)
    draws = density.sample(2000, random_state=0)
    assert draws.shape == (2000, d)
    assert stats.kstest(1e9 * draws[:, 0], stats.uniform.cdf).pvalue > 1e-3


def test_full_whitening_of_one_column_is_diagonal(rng):
    X = rng.exponential(size=(200, 1))
    full, diagonal = (KernelDensity(bandwidth="scott", whiten=w).fit(X) for w in ("full", "diag"))
    assert_allclose(full.cdf([[1.0]]), diagonal.cdf([[1.0]]))
    assert full.bandwidth_.shape == (1, 1)
    KernelDensity(bandwidth="scott", whiten="full", bounds=(0, None)).fit(X)


def test_one_row_is_condensed():
    density = KernelDensity(bandwidth=0.5).fit([[1.0]])
    assert not density.diagnostics_.set_index("name").passed["condensed_share"]


@pytest.mark.parametrize("whiten", ["diag", "full"])
def test_selector_ratio_compares_what_the_rules_say(whiten):
    X = np.round(2 * np.random.default_rng(0).standard_t(3, size=(400, 2))) / 2
    fits = {rule: KernelDensity(bandwidth=rule, whiten=whiten).fit(X)
            for rule in ("loo_kl", "lscv")}
    ratio = fits["loo_kl"].bandwidth_factor_ / fits["lscv"].bandwidth_factor_
    for density in fits.values():
        found = density.diagnostics_.set_index("name").value["selector_ratio"]
        assert_allclose(found, ratio, rtol=1e-9)


def test_likelihood_is_largest_at_loo_kl_for_rounded_rows(rng):
    X = np.round(rng.normal(size=(300, 1)), 1)
    best = loo_kl_bandwidth(X)
    values = [KernelDensity(bandwidth=best * f).fit(X).loo_log_likelihood() for f in (1, 0.9, 1.1)]
    assert values[0] == max(values)


@pytest.mark.parametrize("kernel", ["tophat", "linear", "epanechnikov"])
@pytest.mark.parametrize("algorithm", ["auto", "kd_tree"])
@pytest.mark.parametrize("h", [1.0, 3.0, 5.0, 7.0])
def test_whole_numbers_at_the_edge_of_a_kernel(rng, kernel, h, algorithm):
    """Rows at the distance h exactly do not count, as in scikit-learn."""
    X = rng.integers(170, 232, size=(340, 1)).astype(float)
    mine = KernelDensity(bandwidth=h, kernel=kernel, algorithm=algorithm).fit(X)
    theirs = TheirDensity(bandwidth=h, kernel=kernel).fit(X)
    tolerance = 1e-10 if algorithm == "auto" or kernel != "tophat" else 1.0
    assert_allclose(mine.pdf(X), np.exp(theirs.score_samples(X)), rtol=tolerance)
    assert np.isfinite(mine.sample(5, random_state=0)).all()
    assert_allclose(mine.regime().frame["h_g"],
                    KernelDensity(bandwidth=2 * h, kernel=kernel).fit(X).regime().frame["h_g"])
