"""Long runs: what BIC chooses, what held-out rows promise, how long the default grid takes."""

from collections import Counter
from time import process_time

import numpy as np
import pytest

from divest.sample_complexity.mixture_of_experts import MixtureOfExperts

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::divest.TrustWarning")]


def sine(x):
    return np.sin(6 * x)


def kink_and_jump(x):
    return 3 * np.abs(x - 0.3) + (x > 0.7)


def draw(curve, n, seed):
    rng = np.random.default_rng([seed, n])
    x = rng.random((n, 1))
    return x, curve(x[:, 0]) + 0.2 * rng.normal(size=n)


@pytest.mark.parametrize(("curve", "n", "good"), [
    (sine, 300, {(1, 3), (2, 2), (2, 3)}),
    (sine, 1500, {(2, 2), (2, 3), (3, 2)}),
    (kink_and_jump, 300, {(3, 1), (2, 2)}),
    (kink_and_jump, 1500, {(3, 1)}),
])  # fmt: skip
def test_bic_chooses_a_fit_near_the_truth(curve, n, good):
    """Few experts; at nine of ten points the error is below 3 times that of 10 parameters."""
    chosen, errors = Counter(), []
    for seed in range(n_samples := 6 if n < 1000 else 2):
        X, y = draw(curve, n, seed)
        model = MixtureOfExperts(random_state=seed).fit(X, y)
        chosen[model.n_experts_, model.degree_] += 1
        inside = np.linspace(0.02, 0.98, 400)
        errors.append(np.quantile(np.abs(model.predict(inside[:, None]) - curve(inside)), 0.9))
    assert np.median(errors) < 3 * 0.2 * np.sqrt(10 / n)
    assert sum(chosen[size] for size in good) >= n_samples - 1


def test_held_out_density_is_that_of_fresh_rows():
    """The mean over 12 samples, within 3.5 standard errors: refits from the fit do not leak."""
    gains = []
    for seed in range(12):
        X, y = draw(sine, 300, seed)
        model = MixtureOfExperts(max_experts=2, random_state=seed).fit(X, y)
        held_out = model.criterion_.loc[model.criterion_["bic"].idxmin(), "held_out"]
        gains.append(held_out - model.score_samples(*draw(sine, 4000, 100 + seed)).mean())
    assert abs(np.mean(gains)) < 3.5 * np.std(gains, ddof=1) / np.sqrt(12)


def test_default_grid_takes_seconds():
    X, y = draw(sine, 300, 0)
    start = process_time()
    MixtureOfExperts(random_state=0).fit(X, y)
    assert process_time() - start < 10
