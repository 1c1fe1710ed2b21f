"""Divergences by random blocks: honest where blocks are random, and broken where they are not."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma

from divest import EstimateResult, TrustWarning
from divest.divergence import (
    DivergenceTwoSampleTest,
    NearestNeighborRatioDivergence,
    block_divergence,
)
from divest.divergence.blocks import _dealt

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

pytestmark = pytest.mark.usefixtures("one_process")


def samples(rng, n, m=None):
    """Two normal samples in the plane; KL(P || Q) is 1/2."""
    return rng.normal(size=(n, 2)) + [1.0, 0.0], rng.normal(size=(m or n, 2))


def log_det(C, n):
    """Unbiased for the logarithm of the determinant of a normal law's covariance."""
    d = len(C)
    bias = digamma((n - np.arange(1, d + 1)) / 2).sum() - d * np.log((n - 1) / 2)
    return np.linalg.slogdet(C)[1] - bias


def normal_kl(P, Q):
    """KL of the normal laws that two samples are from, without bias."""
    (mean, other), (C, D) = (X.mean(axis=0) for X in (P, Q)), (np.cov(X.T) for X in (P, Q))
    (n, d), m = P.shape, len(Q)
    gap, inverse = mean - other, np.linalg.inv(D) * (m - d - 2) / (m - 1)
    square = gap @ inverse @ gap - np.trace(inverse @ C) / n - d * (m - d - 2) / (m - 1) / m
    return (np.trace(inverse @ C) + square - d - log_det(C, n) + log_det(D, m)) / 2


def diagnostic(result, name):
    return next(one for one in result.diagnostics if one.name == name)


def numbers(result):
    return (result.estimate, result.standard_error, result.n_samples,
            diagnostic(result, "block_bias").value)


# ------------------------------------------------------------ the deal
def test_deal_is_even_and_independent_of_order():
    n, B = 100_000, 40
    blocks = _dealt(0, n, B, 2**64 - 5)
    chi2 = np.sum((np.bincount(blocks, minlength=B) - n / B) ** 2) / (n / B)
    assert abs(chi2 - (B - 1)) < 4 * np.sqrt(2 * (B - 1))
    pairs = np.bincount(blocks[1:] * B + blocks[:-1], minlength=B * B)
    chi2 = np.sum((pairs - n / B**2) ** 2) / (n / B**2)
    assert abs(chi2 - (B * B - 1)) < 4 * np.sqrt(2 * (B * B - 1))
    np.testing.assert_array_equal(_dealt(1234, 50, B, 2**64 - 5), blocks[1234:1284])
    assert np.mean(_dealt(0, n, B, 7) == blocks) == pytest.approx(1 / B, abs=4 * np.sqrt(1 / B / n))


def test_estimate_is_the_mean_over_blocks(rng):
    """A statistic that is a mean itself: blocks of about the same size give the whole."""
    P, Q = samples(rng, 4000, 6000)
    seen = []

    def gap(p, q):
        seen.append((len(p), len(q)))
        return p[:, 0].mean() - q[:, 0].mean()

    result = block_divergence(P, Q, gap, n_blocks=10, random_state=0)
    blocks = seen[2::3]
    assert np.sum(blocks, axis=0).tolist() == [4000, 6000]
    assert all(abs(2 * half - whole) <= 1 for halves, whole in zip(seen[::3], blocks, strict=True)
               for half, whole in zip(halves, whole, strict=True))
    truth = P[:, 0].mean() - Q[:, 0].mean()
    assert result.estimate == pytest.approx(truth, abs=0.01)
    error = np.sqrt(1 / 4000 + 1 / 6000)
    assert result.standard_error == pytest.approx(error, rel=4 / np.sqrt(2 * 9))
    assert result.method == "gap (mean of 10 blocks)"
    assert diagnostic(result, "block_bias").passed


@pytest.mark.parametrize("sizes", [(3000, 5000), (777, 1234), (97, 4000)])
def test_partitions_make_no_difference(rng, sizes):
    P, Q = samples(rng, 4000, 5000)
    want = numbers(block_divergence(P, Q, normal_kl, n_blocks=12, random_state=3))
    p, q = (da.from_array(X, chunks=(size, 1)) for X, size in zip((P, Q), sizes, strict=True))
    assert numbers(block_divergence(p, q, normal_kl, n_blocks=12, random_state=3)) == want
    assert numbers(block_divergence(p, Q, normal_kl, n_blocks=12, random_state=3)) == want
    frame, other = (pd.DataFrame(X, columns=["a", "b"]) for X in (P, Q))
    lazy = dd.from_pandas(other[["b", "a"]], npartitions=3)
    for one, two in ((frame, other), (frame, lazy), (dd.from_pandas(frame, npartitions=7), lazy)):
        assert numbers(block_divergence(one, two, normal_kl, n_blocks=12, random_state=3)) == want
    assert numbers(block_divergence(P, Q, normal_kl, n_blocks=12, random_state=4)) != want


def test_rounds_and_jobs_make_no_difference(rng, monkeypatch):
    P, Q = samples(rng, 2000)
    want = numbers(block_divergence(P, Q, normal_kl, n_blocks=12, random_state=3))
    monkeypatch.setattr("divest.divergence.blocks.AT_ONCE", 5)
    for p in (P, da.from_array(P, chunks=(300, 2))):
        found = block_divergence(p, Q, normal_kl, n_blocks=12, random_state=3, n_jobs=2)
        assert numbers(found) == want


def test_estimators_and_divergences(rng):
    P, Q = samples(rng, 2000)
    result = block_divergence(P, Q, random_state=0)
    assert (result.unit, result.n_samples) == ("nats", (2000, 2000))
    same = block_divergence(P, Q, NearestNeighborRatioDivergence("kl"), random_state=0)
    assert numbers(same) == numbers(result)
    assert "mean of 10 blocks" in result.method
    assert abs(result.estimate - 0.5) < 4 * result.standard_error + 0.05
    hellinger = block_divergence(P, Q, "hellinger", random_state=0)
    assert abs(hellinger.estimate - 0.5) > 0.1
    assert block_divergence(P[:, 0], Q[:, 0], random_state=0).unit == "nats"


def test_bias_of_blocks_is_seen(rng):
    """The mean of two half blocks is further off by as much as the whole block is."""
    P, Q = samples(rng, 4000)

    def biased(p, q):
        return EstimateResult(0.5 + rng.normal(scale=0.01) + 10 / len(p), 0.1, "biased", (1, 1))

    with pytest.warns(TrustWarning, match="block_bias"):
        result = block_divergence(P, Q, biased, n_blocks=20, random_state=0)
    found = diagnostic(result, "block_bias")
    assert found.value == pytest.approx(-10 / 200, rel=0.2)  # blocks of about 200 rows
    assert found.threshold == result.standard_error
    assert result.estimate - 0.5 == pytest.approx(10 / 200, rel=0.1)


def test_diagnostics_of_most_blocks_are_kept(rng):
    P, Q = samples(rng, 2000)
    with pytest.warns(TrustWarning, match="fails in 10 of 10 blocks") as caught:
        result = block_divergence(P + 8.0, Q, NearestNeighborRatioDivergence("kl"),
                                  n_blocks=10, random_state=0)
    assert len(caught) == 1
    names = [one.name for one in result.diagnostics]
    assert names[0] == "block_bias"
    assert len(set(names)) == len(names) > 2


# ------------------------------------------------------------ calibration
def test_interval_covers_the_truth():
    """Gaussian, KL .5, 40 blocks of 1,000 rows: in 90 to 99 of 100 runs."""
    covered = 0
    for run in range(100):
        P, Q = samples(np.random.default_rng([11, run]), 40_000)
        result = block_divergence(P, Q, normal_kl, n_blocks=40, random_state=run)
        low, high = result.confidence_interval()
        covered += low < 0.5 < high
    assert 90 <= covered <= 99


@pytest.mark.slow
def test_interval_of_neighbors_covers_the_truth():
    """The same by nearest neighbours; at .95 fewer than 10 of 12 happen once in 50."""
    covered = 0
    for run in range(12):
        P, Q = samples(np.random.default_rng([12, run]), 40_000)
        result = block_divergence(P, Q, n_blocks=40, random_state=run)
        low, high = result.confidence_interval()
        covered += low < 0.5 < high
    assert covered >= 10


def mean_gap(P, Q):
    return P.mean() - Q.mean()


@pytest.mark.slow
def test_interval_of_ten_blocks_covers_the_truth():
    """By the t law: within three standard errors of .95 in 4,000 runs; a normal one has .92."""
    covered = 0
    for run in range(4000):
        P, Q = np.random.default_rng([13, run]).normal(size=(2, 500, 1))
        result = block_divergence(P + 1.0, Q, mean_gap, n_blocks=10, random_state=run)
        assert result.degrees_of_freedom == 9
        low, high = result.confidence_interval()
        covered += low < 1.0 < high
    assert abs(covered / 4000 - 0.95) < 3 * (0.95 * 0.05 / 4000) ** 0.5


def test_sorted_partitions_are_no_blocks(rng):
    """Taken as blocks they give nonsense; dealt by the hash they do no harm."""
    P, Q = (X[np.argsort(X[:, 0])] for X in samples(rng, 20_000))
    p, q = (da.from_array(X, chunks=(1000, 2)) for X in (P, Q))
    good = block_divergence(p, q, normal_kl, random_state=0, n_blocks=20)
    assert abs(good.estimate - 0.5) < 4 * good.standard_error < 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)  # nothing promises that it is noticed
        bad = block_divergence(p, q, normal_kl, random_partitions=True)
    assert abs(bad.estimate - 0.5) > 1.0
    shuffled = [da.from_array(rng.permutation(X), chunks=(1000, 2)) for X in (P, Q)]
    fine = block_divergence(*shuffled, normal_kl, random_partitions=True)
    assert abs(fine.estimate - 0.5) < 4 * fine.standard_error < 0.1
    assert "mean of 20 blocks" in fine.method
    fewer = block_divergence(*shuffled, normal_kl, random_partitions=True, n_blocks=10)
    assert fewer.estimate == pytest.approx(fine.estimate, abs=0.01)


def test_columns_of_other_names(rng):
    """One column each needs no names, in memory and in Dask."""
    p, q = (pd.Series(X[:, 0], name=name) for X, name in zip(samples(rng, 1000), "pq", strict=True))

    def gap(p, q):
        return p.mean() - q.mean()

    want = numbers(block_divergence(p, q, gap, random_state=0))
    lazy = [dd.from_pandas(series, npartitions=3) for series in (p, q)]
    assert numbers(block_divergence(*lazy, gap, random_state=0)) == want
    assert numbers(block_divergence(lazy[0], q, gap, random_state=0)) == want


# ------------------------------------------------------------ errors
def test_rows_are_counted_in_a_partition(rng):
    P, Q = samples(rng, 1000)
    P[950, 1] = np.nan
    with pytest.raises(ValueError, match=r"^P contains NaN \(row 950, column 1"):
        block_divergence(P, Q)
    for random_partitions in (False, True):
        with pytest.raises(ValueError, match=r"a partition of P contains NaN \(row 50, column 1"):
            block_divergence(da.from_array(P, chunks=(100, 2)), da.from_array(Q, chunks=(100, 2)),
                             random_partitions=random_partitions)


def test_errors(rng):
    P, Q = samples(rng, 600)
    with pytest.raises(ValueError, match=r"10 blocks need 500 rows or more .* Q has 400"):
        block_divergence(P, Q[:400])
    with pytest.raises(ValueError, match="n_blocks must be at least 10"):
        block_divergence(P, Q, n_blocks=9)
    with pytest.raises(ValueError, match="random_partitions=True needs 10 partitions"):
        block_divergence(P, Q, random_partitions=True)
    with pytest.raises(ValueError, match="a block needs 50 rows or more"):
        block_divergence(da.from_array(P, chunks=(40, 2)), da.from_array(Q, chunks=(60, 2)),
                         random_partitions=True)
    with pytest.raises(TypeError, match="estimator must be"):
        block_divergence(P, Q, 5)
    with pytest.raises(TypeError, match="estimator must be"):
        block_divergence(P, Q, NearestNeighborRatioDivergence)
    with pytest.raises(ValueError, match=r"only in P: \['b'\]"):
        block_divergence(pd.DataFrame(P, columns=["a", "b"]), pd.DataFrame(Q, columns=["a", "c"]))
    with pytest.raises(ValueError, match="10 of 10 blocks is not finite"):
        block_divergence(P, Q, lambda p, q: np.nan)
    with pytest.raises(ValueError, match="10 of 10 blocks is not finite, or that of a half"):
        block_divergence(P, Q, lambda p, q: np.nan if len(p) < 40 else 1.0, random_state=0)
    with pytest.raises(TypeError, match="DivergenceTwoSampleTest gives a HypothesisResult"):
        block_divergence(P, Q, DivergenceTwoSampleTest(n_resamples=9), random_state=0)
    for wrong in ("half", np.ones(2), None):
        with pytest.raises(TypeError, match="must give a number or an EstimateResult for each"):
            block_divergence(P, Q, lambda p, q, wrong=wrong: wrong)
    with pytest.raises(ValueError, match="P contains NaN"):
        block_divergence(np.where(P > 3, np.nan, P), Q)
    with pytest.raises(ValueError, match="confidence_level"):
        block_divergence(P, Q, confidence_level=1.5)


def test_progress_counts_blocks(rng, capsys):
    block_divergence(*samples(rng, 600), n_blocks=10, random_state=0, progress=True)
    assert "10/10" in capsys.readouterr().err
