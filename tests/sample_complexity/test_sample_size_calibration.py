"""Long runs: coverage of learning curves and dimensions, p-values of the largest link."""

import numpy as np
import pytest
from scipy.stats import binom, kstest

from divest.sample_complexity._null_scale import wasserstein
from divest.sample_complexity.intrinsic_dimension import intrinsic_dimension
from divest.sample_complexity.neighbor_link import largest_neighbor_link
from divest.sample_complexity.sample_size import sample_size_report

pytestmark = pytest.mark.slow

SAMPLES = 80


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # some curves bend by chance
@pytest.mark.parametrize(("d", "n_truth"), [(1, 2000), (2, 30), (5, 12)])
def test_intervals_cover_the_error_at_two_and_four_times_the_rows(rng, d, n_truth):
    """At least .85 of them, as many as that allows for with 80 samples."""
    sizes = np.array([600, 1200])
    truth = [np.mean([wasserstein(*rng.normal(size=(2, n, d))) for _ in range(n_truth)])
             for n in sizes]
    covered = np.zeros(2)
    for seed in range(SAMPLES):
        found = sample_size_report(rng.normal(size=(300, d)), random_state=seed).predict(sizes)
        covered += (found["low"] < truth) & (truth < found["high"])
    assert (covered >= 0.85 * SAMPLES).all()


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("d", [2, 5])
def test_intervals_cover_the_rows_that_a_target_needs(rng, d):
    target = np.mean([wasserstein(*rng.normal(size=(2, 800, d))) for _ in range(20)])
    covered = 0
    for seed in range(SAMPLES):
        report = sample_size_report(rng.normal(size=(300, d)), target=target, random_state=seed)
        low, high = report.n_required_interval
        covered += low < 800 < high
    assert covered >= 0.85 * SAMPLES


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_curvature_is_rarely_seen_where_there_is_none(rng):
    """W1 of one column falls as the root: two errors should be passed in one of 20."""
    seen = 0
    for seed in range(200):
        report = sample_size_report(rng.normal(size=300), random_state=seed)
        seen += next(d for d in report.diagnostics if d.name == "curvature").value > 2
    assert seen <= binom.ppf(0.999, 200, 0.05)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_error_of_the_dimension_is_its_spread(rng, d):
    found = [intrinsic_dimension(rng.random((400, d))) for _ in range(150)]
    spread = np.std([result.estimate for result in found], ddof=1)
    ratio = np.mean([result.standard_error for result in found]) / spread
    assert 0.8 < ratio < 1.25  # the spread itself is known to 6 %


@pytest.mark.parametrize(("region", "d", "k"), [
    ("box", 1, 1), ("box", 2, 1), ("box", 2, 2), ("torus", 2, 1), ("torus", 3, 2),
])  # fmt: skip
def test_pvalues_of_links_are_uniform(rng, region, d, k):
    pvalues = [largest_neighbor_link(rng.random((200, d)), k, region=region).pvalue
               for _ in range(500)]
    assert kstest(pvalues, "uniform").pvalue > 0.005


def test_pvalues_from_resamples_are_uniform(rng):
    pvalues = [largest_neighbor_link(rng.random((40, 3)), region="box", n_resamples=39,
                                     random_state=seed).pvalue for seed in range(300)]
    counts = np.histogram(np.rint(np.array(pvalues) * 40), np.arange(0.5, 41))[0].reshape(8, 5)
    excess = (counts.sum(axis=1) - 300 / 8) / np.sqrt(300 / 8)
    assert (np.abs(excess) < 3.5).all()


@pytest.mark.parametrize(("d", "k"), [(1, 5), (2, 5)])
def test_pvalues_of_clustered_links_are_not_too_small(rng, d, k):
    pvalues = [largest_neighbor_link(rng.random((200, d)), k, region="box").pvalue
               for _ in range(500)]
    for level in (0.05, 0.1, 0.5):
        assert np.mean(np.array(pvalues) <= level) <= binom.ppf(0.995, 500, level) / 500
