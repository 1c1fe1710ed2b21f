"""DivergenceTwoSampleTest: fixed values, exactness, size, power, groups, rows, errors."""

import numpy as np
import plain
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose
from scipy.stats import binomtest, kstest

from divest import DivergenceTwoSampleTest, TrustWarning, divergence_two_sample_test
from divest.divergence._graph import LabelledGraph
from divest.divergence._one_step import path
from divest.generators import hellinger, renyi

SCALES = [5, 10, 20, 40, 80]


@pytest.fixture(scope="module")
def fixed():
    rng = np.random.default_rng(12345)
    P = rng.normal(size=(500, 2))
    Q = rng.normal(size=(700, 2)) + [1.0, 0.0]
    return P[:100], Q[:140] - [0.6, 0.0]


def rejections(draw, runs, **options):
    """Number of rejections at .05 in `runs` draws of ``(P, Q)``."""
    options = {"n_resamples": 99} | options
    return sum(divergence_two_sample_test(*draw(np.random.default_rng(seed)), random_state=seed,
                                          **options).reject() for seed in range(runs))


def within_error(count, runs, rate):
    """Whether a count is within three Monte Carlo errors of its rate."""
    return abs(count / runs - rate) <= 3 * np.sqrt(rate * (1 - rate) / runs)


def test_statistics_of_the_method_page(fixed):
    test = DivergenceTwoSampleTest(n_neighbors=SCALES, n_resamples=19, random_state=0)
    test.fit_samples(*fixed)
    assert_allclose(test.path_["statistic"], [-0.0012745945, 0.0378437226, 0.0281530232,
                                              0.0264579225, 0.0256616556], atol=1e-9)


@pytest.mark.parametrize("decimals", [None, 0])
def test_permuted_statistics_equal_a_fresh_graph_with_permuted_labels(fixed, decimals):
    X = np.concatenate(fixed)
    X = X if decimals is None else X.round(decimals)
    is_p = np.arange(len(X)) < 100
    test = DivergenceTwoSampleTest(n_neighbors=[5, 20], n_resamples=70, random_state=3)
    test.fit(X, is_p)
    root = np.random.SeedSequence(3)
    drawn = []
    for seed in root.spawn(70):
        rows = np.random.Generator(np.random.PCG64(seed)).choice(
            len(X), 100, replace=False, shuffle=False)
        graph = LabelledGraph(X, np.isin(np.arange(len(X)), rows), np.array([5, 20]))
        drawn.append(sum(path(graph, hellinger().at_p, hellinger().at_q)))
    S = np.array([test.path_["statistic"], *drawn])
    expected = ((S - S.mean(axis=0)) / S.std(axis=0)).max(axis=1)
    assert_allclose(test.statistic_, expected[0])
    assert_allclose(test.null_distribution_, expected[1:])
    exceed = np.count_nonzero(expected[1:] >= expected[0] - 1e-12)
    assert test.pvalue_ == (1 + exceed) / 71
    assert_allclose(test.path_["standardized"], (S[0] - S.mean(axis=0)) / S.std(axis=0))


def test_same_result_for_any_number_of_jobs_and_any_backend(fixed):
    one = divergence_two_sample_test(*fixed, n_resamples=199, random_state=1)
    two = divergence_two_sample_test(*fixed, n_resamples=199, random_state=1, n_jobs=2)
    with parallel_config(backend="loky", n_jobs=2):
        processes = divergence_two_sample_test(*fixed, n_resamples=199, random_state=1)
    for other in (two, processes):
        assert other.pvalue == one.pvalue
        np.testing.assert_array_equal(other.null_distribution, one.null_distribution)


def test_recorded_seed_repeats_the_result(fixed):
    first = divergence_two_sample_test(*fixed, n_resamples=99)
    again = divergence_two_sample_test(*fixed, n_resamples=99, random_state=first.seed)
    np.testing.assert_array_equal(again.null_distribution, first.null_distribution)


def test_row_order_does_not_matter_to_the_statistic(fixed, rng):
    P, Q = (sample.round() for sample in fixed)
    shuffled = rng.permutation(P), rng.permutation(Q)
    values = [DivergenceTwoSampleTest(n_resamples=9, random_state=0).fit_samples(*pair).path_
              for pair in ((P, Q), shuffled)]
    assert_allclose(values[0]["statistic"], values[1]["statistic"], rtol=1e-12)


@pytest.mark.parametrize("divergence", ["kl", "renyi(2)", "power(-1)", "total_variation"])
def test_every_kind_of_divergence_finds_a_clear_difference(rng, divergence):
    P, Q = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 1.5
    result = divergence_two_sample_test(P, Q, divergence, n_resamples=99, random_state=0)
    assert result.pvalue == 0.01


def test_statistic_of_a_linked_divergence_is_linear_in_the_integral(fixed):
    test = DivergenceTwoSampleTest("renyi(0.5)", n_neighbors=20, n_resamples=9, random_state=0)
    test.fit_samples(*fixed)
    X = np.concatenate(fixed)
    graph = LabelledGraph(X, np.arange(len(X)) < 100, np.array([20]))
    link = renyi(0.5).link
    integral = sum(path(graph, *link.terms()))[0]
    assert_allclose(test.path_["statistic"].item(), link.scale * (integral - 1.0))


def test_contributions_of_rows_add_up(fixed):
    for combine, expected in (("max", "standardized"), ("mean", None)):
        test = DivergenceTwoSampleTest(combine=combine, n_resamples=99, random_state=0)
        rows = test.fit_samples(*fixed).row_contributions()
        path_ = test.path_
        total = (path_["statistic"].mean() if expected is None
                 else path_.loc[path_[expected].idxmax(), "statistic"])
        assert_allclose(rows["contribution"].sum(), total)
    assert rows["sample"].tolist() == [1] * 100 + [0] * 140


def test_rows_that_differ_contribute_most(rng):
    Q = rng.normal(size=(200, 2))
    P = np.concatenate([rng.normal(size=(170, 2)), rng.normal(size=(30, 2)) * 0.2 + 4.0])
    test = DivergenceTwoSampleTest(n_resamples=99, random_state=0).fit_samples(P, Q)
    rows = test.row_contributions()
    outlying = np.arange(170, 200)
    assert set(rows["contribution"].nlargest(30).index) == set(outlying)
    assert rows["log_density_ratio"][outlying].min() > rows["log_density_ratio"][:170].median()


def test_groups_keep_labels_inside():
    # the sites differ, the labels within a site do not: only the restricted test is right
    restricted, free, runs = 0, 0, plain.smaller(40, 10)
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        site = np.repeat([0, 1], 60)
        y = np.concatenate([np.arange(60) < 45, np.arange(60) < 15]).astype(int)
        X = rng.normal(size=(120, 2)) + 3 * site[:, None]
        test = DivergenceTwoSampleTest(n_resamples=99, random_state=seed)
        restricted += test.fit(X, y, groups=site).pvalue_ <= 0.05
        free += test.fit(X, y).pvalue_ <= 0.05
    assert free == runs
    assert within_error(restricted, runs, 0.05)


def test_identical_rows_give_pvalue_one():
    test = DivergenceTwoSampleTest(n_resamples=19, random_state=0)
    test.fit_samples(np.ones((20, 2)), np.ones((30, 2)))
    assert test.pvalue_ == 1.0
    assert test.path_["standardized"].isna().all()


def test_few_distinct_permutations_are_reported():
    with pytest.warns(TrustWarning, match="distinct_permutations = 20 "):
        test = DivergenceTwoSampleTest(n_resamples=99, random_state=0).fit_samples(
            np.arange(3.0), np.arange(3.0) + 0.5)
    row = test.diagnostics_.iloc[0]
    assert row["value"] == 20.0
    assert not row["passed"]


def test_more_than_255_equal_rows_are_counted_right(rng):
    P, Q = rng.integers(0, 2, 700).astype(float), rng.integers(0, 2, 700).astype(float)
    test = DivergenceTwoSampleTest(n_resamples=99, random_state=0).fit_samples(P, Q)
    counts = np.array([[np.sum(P == v), np.sum(Q == v)] for v in (0.0, 1.0)])
    assert counts.min() > 255
    assert 0.01 <= test.pvalue_ <= 1.0
    # every ball is the atom, so the statistic is near the distance of the counts
    shares = counts / counts.sum(axis=0)
    plain = 1.0 - np.sqrt(shares.prod(axis=1)).sum()
    assert_allclose(test.path_["statistic"], plain, atol=2e-3)


def test_progress_shows_a_bar(fixed, capsys):
    divergence_two_sample_test(*fixed, n_resamples=9, random_state=0, progress=True)
    assert "batch" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "message"), [
    ({"combine": "min"}, "combine must be one of"),
    ({"n_resamples": 0}, "n_resamples must be at least 1, got 0"),
    ({"n_neighbors": 0}, "n_neighbors must lie between 1"),
    ({"n_neighbors": 239}, "got 239"),
    ({"divergence": "nonsense"}, "divergence must be one of"),
    ({"random_state": "seed"}, "random_state must be"),
    ({"metric": "cosine"}, "metric must be one of"),
    ({"groups": np.repeat([0, 1], [100, 140])}, "one sample only"),
    ({"groups": [0, 1]}, "one entry per row"),
    ({"groups": np.r_[np.nan, np.zeros(239)]}, "missing values"),
])
def test_bad_input_is_refused(fixed, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        divergence_two_sample_test(*fixed, **options)


def test_one_row_in_a_sample_is_refused(rng):
    with pytest.raises(ValueError, match="at least 2 rows"):
        divergence_two_sample_test(rng.normal(size=(1, 2)), rng.normal(size=(9, 2)))


def test_size_is_exact_on_tied_data_of_unequal_size():
    runs = 150
    count = rejections(lambda rng: (rng.poisson(1.0, (20, 2)), rng.poisson(1.0, (35, 2))), runs,
                       n_resamples=39)
    assert within_error(count, runs, 0.05)


def correlated(rng, n=100):
    return rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], n), rng.normal(size=(n, 2))


@pytest.mark.skipif(not plain.COMPILED, reason="simulations need compiled loops")
def test_power_against_correlation():
    count = rejections(correlated, 40, n_resamples=99)
    assert binomtest(count, 40, 0.85, alternative="less").pvalue > 0.0013  # three sigma


@pytest.mark.slow
@pytest.mark.parametrize(("name", "draw"), [
    ("continuous", lambda rng: (rng.normal(size=(50, 2)), rng.normal(size=(50, 2)))),
    ("tied", lambda rng: (rng.normal(size=(50, 2)).round(), rng.normal(size=(50, 2)).round())),
    ("unequal", lambda rng: (rng.normal(size=(60, 5)), rng.normal(size=(240, 5)))),
])
def test_size_over_five_hundred_repetitions(name, draw):
    assert within_error(rejections(draw, 500, n_resamples=199), 500, 0.05), name


@pytest.mark.slow
def test_pvalues_are_uniform_and_power_is_that_of_the_page():
    pvalues = [divergence_two_sample_test(
        *(np.random.default_rng(seed).normal(size=(2, 50, 2))), n_resamples=199,
        random_state=seed).pvalue for seed in range(500)]
    levels = np.arange(0.05, 1.0, 0.05)
    rates = np.array([np.mean(np.array(pvalues) <= level) for level in levels])
    assert (np.abs(rates - levels) <= 3.5 * np.sqrt(levels * (1 - levels) / 500)).all()
    jittered = np.array(pvalues) - np.random.default_rng(0).uniform(0, 1 / 200, 500)
    assert kstest(jittered, "uniform").pvalue > 0.001
    assert rejections(correlated, 150, n_resamples=199) / 150 >= 0.85
