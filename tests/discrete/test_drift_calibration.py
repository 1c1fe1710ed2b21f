"""drift_table over many tables in which nothing has changed, or little; and its time."""

import gc
import warnings
from time import process_time

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.special import softmax

from divest import TrustWarning
from divest.discrete import drift_table

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True, scope="module")
def little_garbage():
    """statsmodels collects garbage in every call, which takes longer than a table of one column."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def quiet(current, reference, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return drift_table(reference, current, **options)


ZIPF = 1.0 / np.arange(1, 61)
ZIPF = ZIPF / ZIPF.sum()


def null_table(rng, n):
    """Forty columns: normal, rounded, lognormal with missing values, codes, and labels."""
    return pd.DataFrame({
        **{f"normal{i}": rng.normal(size=n) for i in range(33)},
        "rounded": rng.normal(size=n).round(1), "code": rng.poisson(2.0, n).astype(float),
        "skewed": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(size=n)),
        "flag": rng.random(n) < 0.1, "even": rng.choice(list("abcdefgh"), n),
        "rare": rng.choice(60, n, p=ZIPF).astype(str),
        "gaps": np.where(rng.random(n) < 0.2, None, rng.choice(list("uvw"), n))})


def test_no_false_alarms_in_forty_columns():
    """Share of tables with any rejection under Holm: at most the level."""
    runs, alarms = 200, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        tables = [null_table(rng, n) for n in (150, 200)]
        alarms += quiet(*tables, correction="holm", n_resamples=199, random_state=seed
                        )["drift"].any()
    print(f"share of null tables with an alarm: {alarms / runs:.3f}")
    assert alarms / runs <= 0.08


def test_size_with_sixty_rare_labels_and_with_unseen_ones():
    runs, rejected, unseen = 400, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        zipf = [pd.DataFrame({"x": rng.choice(60, 200, p=ZIPF).astype(str)}) for _ in range(2)]
        flat = [pd.DataFrame({"x": rng.integers(0, 200, n).astype(str)}) for n in (80, 100)]
        rejected += quiet(*zipf, n_resamples=199, random_state=seed)["pvalue"].item() <= 0.05
        unseen += quiet(*flat, n_resamples=199, random_state=seed)["drift"].item()
    print(f"size: sixty Zipf labels {rejected / runs:.3f}, 200 equal labels {unseen / runs:.3f}")
    assert rejected / runs <= 0.08
    assert unseen / runs <= 0.08


def test_minimum_effect_at_its_boundary():
    """A stability index of exactly .1 in ten equal cells of the reference, 300 rows each."""
    x = np.linspace(-1, 1, 10)
    slope = brentq(lambda s: float(np.sum((softmax(s * x) - 0.1) * s * x)) - 0.1, 0.1, 3)
    shares = softmax(slope * x)
    runs, alarms, rule = 600, 0, 0  # 2000 of counts are in test_f_divergence_test
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        current = pd.DataFrame({"x": (rng.choice(10, 300, p=shares) + rng.random(300)) / 10})
        table = quiet(current, pd.DataFrame({"x": rng.random(300)}), minimum_effect=0.1)
        alarms += table["pvalue_minimum_effect"].item() <= 0.05
        rule += table["psi"].item() > 0.1
    print(f"index .1: test {alarms / runs:.3f}, rule of thumb {rule / runs:.3f}")
    assert alarms / runs <= 0.06
    assert rule / runs > 0.75


def test_columns_of_a_million_rows_take_a_fifth_of_a_second():
    """Ten of them; fifty, which stand in `benchmarks`, take five times as long."""
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.random((10**6, 10))).add_prefix("x") for _ in range(2)]
    drift_table(*(table.iloc[:1000] for table in tables))
    start = process_time()
    drift_table(*tables)
    taken = process_time() - start
    print(f"10 columns of 1e6 rows against 1e6: {taken:.1f} s")
    assert taken < 2
