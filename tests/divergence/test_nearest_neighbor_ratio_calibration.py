"""NearestNeighborRatioDivergence over many samples: bias, coverage, and when it doubts itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plain import COMPILED
from scipy.stats import binom

from divest import NearestNeighborRatioDivergence
from divest.datasets import atoms, plane, ring, shifted_gaussians

pytestmark = [pytest.mark.filterwarnings("ignore::divest.TrustWarning"),
              pytest.mark.skipif(not COMPILED, reason="simulations need compiled loops")]

Ratio = NearestNeighborRatioDivergence


def repeat(simulator, runs, names, settings, **options):
    """Results for each divergence in `names`: a list for each."""
    results = {name: [] for name in names}
    for seed in range(runs):
        model = Ratio(names[0], **options).fit_samples(*simulator(seed, **settings))
        for name in names:
            results[name].append(model.estimate(name))
    return results


def errors(simulator, results, name, settings):
    return np.array([r.estimate for r in results[name]]) - simulator.truth(name, **settings)


def failures(results, diagnostic):
    """In how many results a diagnostic failed."""
    return sum(d.name == diagnostic and not d.passed for r in results for d in r.diagnostics)


def covered(simulator, results, name, settings):
    truth = simulator.truth(name, **settings)
    intervals = [r.confidence_interval() for r in results[name]]
    return sum(low <= truth <= high for low, high in intervals)


def least(runs, rate):
    """The count below which a rate of at least `rate` would fall once in a thousand."""
    return binom.ppf(1e-3, runs, rate)


# ------------------------------------------------------------ bias
def test_bias_of_the_average_in_the_plane():
    """Limits of the method page for 40 runs; they are three Monte Carlo errors wide."""
    runs, settings = 40, {"n": 1000, "d": 2, "shift": 1.0}
    limits = {"kl": 0.03, "hellinger": 0.008, "renyi(0.5)": 0.016}
    results = repeat(shifted_gaussians, runs, list(limits), settings, ensemble="average")
    for name, limit in limits.items():
        bias = errors(shifted_gaussians, results, name, settings).mean()
        assert abs(bias) < limit * np.sqrt(40 / runs)


def test_bias_of_the_extrapolation_in_five_dimensions():
    runs, settings = 40, {"n": 500, "d": 5, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["kl"], settings)
    bias = errors(shifted_gaussians, results, "kl", settings).mean()
    assert abs(bias) < 0.09 * np.sqrt(40 / runs)


@pytest.mark.parametrize(("form", "bias"), [("default", -0.09), ("donsker_varadhan", -0.03)])
def test_bias_of_a_large_divergence(form, bias):
    """KL 2, as measured on the method page; within the errors of both measurements."""
    runs, settings = 40, {"n": 500, "d": 2, "shift": 2.0}
    results = repeat(shifted_gaussians, runs, ["kl"], settings, form=form)
    found = errors(shifted_gaussians, results, "kl", settings)
    spread = found.std(ddof=1) * np.sqrt(1 / runs + 1 / 40)
    assert abs(found.mean() - bias) < 3 * spread


def test_equal_laws_are_zero_apart():
    runs, settings = 40, {"n": 500, "d": 2, "shift": 0.0}
    results = repeat(shifted_gaussians, runs, ["kl", "hellinger"], settings)
    for name in results:
        found = errors(shifted_gaussians, results, name, settings)
        assert abs(found.mean()) < 3 * found.std(ddof=1) / np.sqrt(runs)


def test_intrinsic_dimension_of_a_plane():
    runs, settings = 20, {"n": 500, "d": 10, "shift": 1.0}
    results = repeat(plane, runs, ["kl"], settings, dimension=2)
    found = errors(plane, results, "kl", settings)
    assert abs(found.mean()) < 0.018 + 3 * 0.09 / np.sqrt(runs)  # as in two dimensions


def test_atoms():
    """Ties everywhere: bias within .02, never NaN, and no trace of the order of rows."""
    settings = {"n": 500, "k": 10}
    results = repeat(atoms, 30, ["kl"], settings)
    found = errors(atoms, results, "kl", settings)
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 0.02
    rng = np.random.default_rng(0)
    P, Q = atoms(0, **settings)
    again = Ratio().fit_samples(rng.permutation(P), rng.permutation(Q))
    expected = results["kl"][0]
    assert_allclose([again.estimate_, again.standard_error_],
                    [expected.estimate, expected.standard_error], rtol=1e-13)


# ------------------------------------------------------------ coverage
def test_coverage_in_the_plane():
    runs, settings = 200, {"n": 500, "d": 2, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["kl", "hellinger"], settings)
    for name in results:
        inside = covered(shifted_gaussians, results, name, settings)
        assert inside >= 0.92 * runs


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 5])
def test_coverage(d):
    runs, settings = 200, {"n": 500, "d": d, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["kl", "hellinger"], settings)
    for name in results:
        assert 0.92 <= covered(shifted_gaussians, results, name, settings) / runs <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(50, 50), (100, 900)])
def test_coverage_of_small_and_unequal_samples(n, m):
    """The method page measured .98 and .96; .92 is then two Monte Carlo errors away."""
    runs, settings = 200, {"n": n, "m": m, "d": 2, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["kl"], settings)
    assert covered(shifted_gaussians, results, "kl", settings) >= least(runs, 0.95)


def test_jackknife_error_is_near_the_true_deviation():
    """Never far below it, up to 60 % above (the method page, section 10)."""
    runs, settings = 60, {"n": 300, "d": 2, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["hellinger"], settings)
    deviation = errors(shifted_gaussians, results, "hellinger", settings).std(ddof=1)
    error = np.mean([r.standard_error for r in results["hellinger"]])
    margin = 3 / np.sqrt(2 * runs)
    assert deviation * (1 - margin) < error < 1.6 * deviation * (1 + margin)


def test_intervals_of_the_log_density_ratio():
    """In the middle of both samples, where the ratio is smooth: measured .95 to .97."""
    runs = 40
    x = np.linspace(0, 1, 5)
    points = np.column_stack([np.repeat(x, 5), np.tile(x - 0.5, 5)])
    truth = points[:, 0] - 0.5
    inside = []
    for seed in range(runs):
        model = Ratio(n_neighbors=30).fit_samples(*shifted_gaussians(seed, n=1000, shift=1.0))
        ratio, error = model.log_density_ratio(points, return_std=True)
        inside.append(np.mean(np.abs(ratio - truth) < 1.96 * error))
    margin = 3 * np.std(inside, ddof=1) / np.sqrt(runs)  # points of one sample move together
    assert 0.95 - margin < np.mean(inside) < 0.97 + margin


# ------------------------------------------------------------ diagnostics
def test_smoothing_bias_is_noticed_on_a_ring():
    runs, settings = 40, {"n": 1000, "d": 5}
    results = repeat(ring, runs, ["hellinger", "kl"], settings)
    fails = failures(results["hellinger"], "extrapolation_shift")
    assert fails >= 0.85 * runs
    assert failures(results["kl"], "extrapolation_shift") >= least(runs, 0.85)


@pytest.mark.parametrize("d", [1, 2])
def test_smoothing_bias_is_not_imagined_on_gaussians(d):
    """It fires in 0-1 % of samples."""
    runs, settings = 60, {"n": 500, "d": d, "shift": 1.0}
    results = repeat(shifted_gaussians, runs, ["kl"], settings)["kl"]
    assert failures(results, "extrapolation_shift") <= binom.ppf(0.999, runs, 0.01)
    for name in ("reference_mass", "saturated_share", "resolution", "weight_norm"):
        assert failures(results, name) == 0


def test_mass_beyond_reach_is_noticed():
    """KL 3.1: every sample; KL 2: 95 % of them."""
    for divergence, rate in ((3.1, 1.0), (2.0, 0.95)):
        runs = 40
        settings = {"n": 500, "d": 2, "shift": np.sqrt(2 * divergence)}
        results = repeat(shifted_gaussians, runs, ["kl"], settings)["kl"]
        assert failures(results, "reference_mass") >= least(runs, rate)
