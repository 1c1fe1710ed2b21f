"""Risk of the curve and coverage of its band over repeated samples with known curves."""

import numpy as np
import pytest

from divest.moments import KernelIVRegressor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::divest.TrustWarning"),
]

CURVES = {"abs": np.abs, "step": lambda x: (x > 0).astype(float), "linear": lambda x: x}


def network(n, curve, rng):
    """One endogenous column; the second instrument has nothing to do with it."""
    e = rng.standard_normal(n)
    z = rng.uniform(-3, 3, (n, 2))
    t = z[:, 0] + e + 0.1 * rng.standard_normal(n)
    return t, curve(t) + e + 0.1 * rng.standard_normal(n), z


def least_squares(model, t, y):
    """Ordinary regression on the same columns."""
    return np.linalg.lstsq(model._basis.transform(t[:, None]), y, rcond=None)[0]


@pytest.mark.parametrize(("name", "limit"), [("abs", 0.50), ("step", 0.60), ("linear", 0.10)])
def test_risk(name, limit):
    """10 x mean squared error, 20 samples of 1,000; standard errors .03, .02 and .006."""
    curve, risks = CURVES[name], []
    new = network(20_000, curve, np.random.default_rng(99))[0]
    for seed in range(20):
        t, y, z = network(1000, curve, np.random.default_rng(seed))
        model = KernelIVRegressor(random_state=seed).fit(t[:, None], y, Z=z)
        ordinary = model._basis.transform(new[:, None]) @ least_squares(model, t, y)
        risks.append([10 * np.mean((found - curve(new)) ** 2)
                      for found in (model.predict(new[:, None]), ordinary)])
    ours, theirs = np.mean(risks, axis=0)
    assert ours < limit
    assert theirs > 2.5


@pytest.mark.parametrize(("name", "alpha", "low"),
                         [("abs", 0.003, 0.89), ("step", 0.003, 0.86), ("linear", 1.0, 0.91)])
def test_coverage_of_the_band(name, alpha, low):
    """Mean over a grid of 61 points, 60 samples of 1,000; .934, .902 and .954 were measured.

    The ridges are those that the path mostly chooses. The share covered in one sample had a
    standard deviation of .07 to .08, so that of the mean is .01: limits are 4 of these away.
    """
    curve, grid, covered, narrow = CURVES[name], np.linspace(-3, 3, 61)[:, None], [], []
    truth = curve(grid[:, 0])
    for seed in range(60):
        t, y, z = network(1000, curve, np.random.default_rng(100 + seed))
        model = KernelIVRegressor(alpha=alpha, random_state=seed).fit(t[:, None], y, Z=z)
        for found, undersmooth in ((covered, True), (narrow, False)):
            band = model.predict_interval(grid, undersmooth=undersmooth)
            found.append(np.mean((band["low"] <= truth) & (truth <= band["high"])))
    assert low < np.mean(covered) < 0.99
    if name != "linear":  # what the docstring says of the curve's own sandwich
        assert np.mean(narrow) < 0.8
