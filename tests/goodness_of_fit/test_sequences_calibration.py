"""Size and power of SequenceSteinTest for walks on a circle of 8 symbols, and its speed; slow."""

import time
import tracemalloc

import numpy as np
import plain
import pytest

from divest.goodness_of_fit.sequence_models import MarkovChainModel
from divest.goodness_of_fit.sequences import SequenceSteinTest, SubstringFeatures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops"),
]


def walk(hold=0.0, stop=0.1):
    """A step to either side, or none with probability `hold`; everything else is rare."""
    steps = np.eye(8) * hold
    steps += (1 - hold) / 2 * (np.roll(np.eye(8), 1, axis=1) + np.roll(np.eye(8), -1, axis=1))
    steps += 1e-3
    return MarkovChainModel([np.full(8, 1 / 8), steps / steps.sum(axis=1, keepdims=True)], stop)


def rate(law, repeats, n_resamples=99, **options):
    """Share of samples of 50 sequences rejected at 5 %, where 99 draws reach that level exactly."""
    rng = np.random.default_rng(5)
    test = SequenceSteinTest(walk(), n_resamples=n_resamples, **options)
    return np.mean([test.set_params(random_state=r).fit(law.sample(50, rng)).pvalue_ <= 0.05
                    for r in range(repeats)])


def test_size():
    """Standard error .013 over 300 samples."""
    assert 0.02 <= rate(walk(), 300) <= 0.085


def test_power_of_edits():
    """.82 over 200 samples, with standard error .027; at least .75 is wanted."""
    assert rate(walk(0.1), 200, length_test=False) >= 0.75


def test_power_of_substrings_of_three():
    """.92 over 200 samples, with standard error .019; at least .75 is wanted."""
    assert rate(walk(0.1), 100, length_test=False, features=3) >= 0.82
    assert rate(walk(), 150, length_test=False, features=3) <= 0.1  # .043 over 300


def mean_difference_rate(law, repeats, n_resamples=99):
    """Share found by a two-sample test: distance of mean features from a sample of the model."""
    rng, found = np.random.default_rng(6), []
    labels = np.repeat([1.0, -1.0], 50)
    for _ in range(repeats):
        both = [*law.sample(50, rng), *walk().sample(50, rng)]
        features = SubstringFeatures(2).transform(both, 8)
        shuffled = np.array([labels, *(rng.permutation(labels) for _ in range(n_resamples))])
        distances = ((shuffled @ features.toarray())**2).sum(axis=1)
        found.append((distances >= distances[0] * (1 - 1e-12)).mean() <= 0.05)
    return np.mean(found)


def test_two_samples_with_the_same_features_see_less():
    """Maximum mean discrepancy: .06 to .12 over 300 and 100 samples, where edits have .82."""
    assert mean_difference_rate(walk(0.1), 200) <= 0.25
    assert mean_difference_rate(walk(0.5), 50) >= 0.75  # it does see what is far off


def test_power_with_lengths():
    assert rate(walk(0.1), 150) >= 0.58  # .72 in the plain reference, with error .037
    assert rate(walk(stop=0.06), 100) >= 0.88  # .96, with error .02


def test_speed():
    """20,000 sequences of mean length 10: 499 draws in 10 s, and half a speed for busy machines."""
    rng = np.random.default_rng(0)
    model = MarkovChainModel([np.full(8, 1 / 8), rng.dirichlet(np.ones(8), 8)], 0.1)
    sample = model.sample(20_000, 1)
    for null, n_resamples in (("auto", 99), ("wild", 499)):
        test = SequenceSteinTest(model, null=null, length_test=null == "auto", random_state=0,
                                 n_resamples=n_resamples)
        test.fit(sample[:100])  # compile
        start = time.process_time()
        test.fit(sample)
        assert time.process_time() - start < 4.0


def test_memory_is_linear():
    """Four times the sequences take at most five times the memory."""
    test, peaks = SequenceSteinTest(walk(), null="wild", length_test=False, n_resamples=9), []
    for n in (5_000, 20_000):
        sample = walk().sample(n, 1)
        test.fit(sample[:100])  # compile
        tracemalloc.start()
        test.fit(sample)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 5 * peaks[0]
