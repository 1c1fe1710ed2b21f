"""Size and power of PerturbedSteinTest by simulation; tolerances are Monte Carlo errors."""

import numpy as np
import plain
import pytest

from divest import KernelSteinTest
from divest.goodness_of_fit import ScoreModel
from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity
from divest.goodness_of_fit.modes import find_modes
from divest.goodness_of_fit.perturbed import PerturbedSteinTest

pytestmark = [
    pytest.mark.slow, pytest.mark.filterwarnings("ignore::divest.TrustWarning"),
    pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")]


def mixture(weights, means, deviations):
    means, deviations = np.array(means, dtype=float), np.array(deviations)
    whiteners = np.eye(means.shape[1]) / deviations[:, None, None]
    density = GaussianMixtureDensity(np.log(weights), means, whiteners)
    return ScoreModel(density.score, density.log_density, None, density.sample)


MODEL = mixture([0.5, 0.5], [[0.0], [6.0]], [1.0, 1.0])
UNEQUAL = mixture([0.6, 0.3, 0.1], [[0.0, 0.0], [5.0, 2.0], [-2.0, 8.0]], [1.0, 0.5, 2.0])


def shares(weight, n=200):
    return lambda rng: rng.normal(size=(n, 1)) + 6.0 * (rng.random((n, 1)) > weight)


def rate(draw, runs, model=MODEL, test=PerturbedSteinTest, **options):
    """Share of samples rejected at .05; the modes, which no row has a part in, are found once."""
    if test is PerturbedSteinTest:
        options["modes"] = find_modes(model, n_starts=40, random_state=0)
    return np.mean([test(model, n_resamples=199, random_state=seed, **options)
                    .fit(draw(np.random.default_rng([seed, 7]))).pvalue_ <= 0.05
                    for seed in range(runs)])


def error(expected, runs):
    return 3 * np.sqrt(expected * (1 - expected) / runs)


def test_size():
    found = rate(shares(0.5), 300)
    assert abs(found - 0.05) <= error(0.05, 300)


def test_size_with_unequal_modes_in_two_columns():
    found = rate(lambda rng: UNEQUAL.sample(100, rng), 150, UNEQUAL)
    assert abs(found - 0.05) <= error(0.05, 150)


@pytest.mark.parametrize("bandwidth", ["auto", "median"])
def test_power_where_the_plain_test_is_blind(bandwidth):
    found = rate(shares(0.8), 100, bandwidth=bandwidth)
    blind = rate(shares(0.8), 100, test=KernelSteinTest, bandwidth=bandwidth)
    assert found >= 0.88
    assert blind <= 0.12


def test_size_and_power_of_one_scale_on_half_of_the_rows():
    size = rate(shares(0.5), 120, method="ospksd")
    power = rate(shares(1.0), 40, method="ospksd")
    assert abs(size - 0.05) <= error(0.05, 120)
    assert power >= 0.91 - error(0.91, 40)
