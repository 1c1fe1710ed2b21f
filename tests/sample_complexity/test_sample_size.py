"""Learning curves: known values, closed forms, twins, streams, groups, diagnostics, bad input."""

import pickle
import tracemalloc
from itertools import permutations
from math import sqrt

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t, wasserstein_distance

from divest import TrustWarning, estimate_divergence
from divest.divergence.symmetric import symmetric_mmd, symmetric_wasserstein, symmetry_gain
from divest.groups import FiniteGroup, cyclic, sign_flips
from divest.kernels import imq, median_bandwidth, rbf
from divest.sample_complexity import _null_scale, sample_size
from divest.sample_complexity._learning_curve import Line, curvature, fit_line, subsample_sizes
from divest.sample_complexity._null_scale import mmd_variance, wasserstein
from divest.sample_complexity.intrinsic_dimension import intrinsic_dimension
from divest.sample_complexity.sample_size import SampleSizeReport, sample_size_report

NORMAL = np.random.default_rng(3).normal(size=(300, 2))
TRIVIAL = FiniteGroup([np.eye(2)])
CURVE = pd.DataFrame({"n": [18, 30, 50, 87, 150], "sd": [0.1, 0.1, 0.1, 0.1, 0.05085],
                      "error": [0.78535, 0.61271, 0.53744, 0.44358, 0.34502]})


def failed(result):
    return [d.name for d in result.diagnostics if not d.passed]


def power_law(rate):
    return lambda A, B: len(A) ** -rate


# ------------------------------------------------------------ the line
def test_line_has_its_known_values():
    line = fit_line(CURVE)
    log_error, log_se = line.log_error(np.array(1200))
    found = [line.exponent, line.exponent_se, np.exp(log_error), log_se]
    assert_allclose(found, [0.37104525, 0.02059121, 0.1626451, 0.161067], rtol=1e-4)  # 5 digits
    assert line.df == 3


def test_limits_are_normal_in_the_level_and_students_in_the_exponent():
    line = fit_line(CURVE)
    center, step = 0.1626420, np.log(1200) - line.center
    reach = np.hypot(1.959964 * line.spread, t.ppf(0.975, 3) * line.exponent_se * step)
    low, high = line.limits(np.array([1200.0]), 0.95)
    assert_allclose([low[0], high[0]], [center * np.exp(-reach), center * np.exp(reach)],
                    rtol=1e-5)
    assert line.limits(np.array([1200.0]), 0.5)[1] < high


def test_sizes_invert_the_line_and_its_limits():
    line = fit_line(CURVE)
    for target in (0.05, 0.2, 0.7, 5.0):
        assert_allclose(np.exp(line.log_error(np.array(line.size(target)))[0]), target)
        low, high = line.size_interval(target, 0.9)
        assert low < line.size(target) < high
        assert_allclose(line.limits(np.array([low]), 0.9)[0], target)
        assert_allclose(line.limits(np.array([high]), 0.9)[1], target)


def test_interval_has_no_end_where_the_exponent_may_be_zero():
    flat = Line(0.0, 3.0, 0.1, 0.05, 3, 0.1)  # Student's 3.18 errors are more than 0.1
    assert flat.size_interval(0.5, 0.95) == (0, np.inf)
    assert np.isfinite(flat.size_interval(0.5, 0.5)).all()
    assert np.isnan(Line(0.0, 3.0, -0.1, 0.05, 3, 0.1).size(0.5))
    assert Line(0.0, 3.0, 0.001, 0.0, 3, 0.1).size(1e-3) == np.inf


def test_curvature_counts_the_errors_of_the_means():
    x = np.log(CURVE["n"].to_numpy())
    quadratic = np.polyfit(x, np.log(CURVE["error"]), 2)[0]
    basis = np.linalg.pinv(np.vander(x, 3))[0]
    error = sqrt((basis**2 * (CURVE["sd"] / CURVE["error"]) ** 2 / 10).sum())
    assert_allclose(curvature(CURVE, 10), abs(quadratic) / error)


@pytest.mark.parametrize("n_rows", [38, 100, 300, 1000, 5001])
def test_sizes_go_up_in_equal_ratios(n_rows):
    sizes = subsample_sizes(n_rows, 5, None)
    assert sizes[-1] == n_rows // 2
    assert sizes[0] == max(15, round(n_rows // 2 / 8))
    assert len(sizes) == 5
    ratios = np.diff(np.log(sizes))
    assert np.ptp(ratios) < 1.5 / sizes[0] + 1e-12  # rounding
    assert subsample_sizes(n_rows, 5, 20)[-1] == min(20, n_rows // 2)


# ------------------------------------------------------------ distances
def test_transport_of_one_column_is_scipys(rng):
    P, Q = rng.normal(size=(2, 25, 1))
    assert_allclose(wasserstein(P, Q), wasserstein_distance(P[:, 0], Q[:, 0]))
    assert_allclose(wasserstein(np.hstack([P, 0 * P]), np.hstack([Q, 0 * Q])), wasserstein(P, Q))


def test_transport_is_the_best_of_all_assignments(rng):
    P, Q = rng.normal(size=(2, 6, 3))
    best = min(np.linalg.norm(P - Q[list(order)], axis=1).mean()
               for order in permutations(range(6)))
    assert_allclose(wasserstein(P, Q), best)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # equal laws
def test_transport_with_a_group_is_that_of_symmetrized_samples(rng):
    P, Q = rng.normal(size=(2, 30, 2))
    group = cyclic(4)
    expected = symmetric_wasserstein(P, Q, group).estimate
    assert_allclose(wasserstein(P, Q, group), expected)
    assert_allclose(wasserstein(group.symmetrize(P), group.symmetrize(Q)), expected)
    assert wasserstein(P, Q, TRIVIAL) == wasserstein(P, Q)


def slow_variance(X, kernel, group):
    """Mean of own pairs less that of others; and its error by the jackknife."""
    n = len(X)
    K = np.mean([[[kernel.profile(((x - y) ** 2).sum())[0] for y in image] for x in X]
                 for image in group.orbit(X)], axis=0)

    def value(rows):
        part, m = K[np.ix_(rows, rows)], len(rows)
        own = np.trace(part)
        return own / m - (part.sum() - own) / (m * (m - 1))

    deleted = np.array([value(np.delete(np.arange(n), i)) for i in range(n)])
    return value(np.arange(n)), sqrt((n - 1) * deleted.var())


@pytest.mark.parametrize("group", [TRIVIAL, cyclic(3), sign_flips(2)])
@pytest.mark.parametrize("kernel", [rbf(0.7), imq(bandwidth=1.0) + rbf(2.0)])
def test_mmd_agrees_with_its_twin(rng, group, kernel):
    X = rng.normal(size=(25, 2))
    value, error = slow_variance(X, kernel, group)
    found = mmd_variance(X, kernel, group)
    assert_allclose(found[0], value)
    assert_allclose(found[1], error, rtol=0.1)  # the jackknife is larger by a part of 1/n
    if group is TRIVIAL:
        assert_allclose(mmd_variance(X, kernel, None), found, rtol=1e-14)


def test_mmd_in_blocks_is_the_same(rng, monkeypatch):
    X = rng.normal(size=(40, 2))
    whole = mmd_variance(X, rbf(1.0), cyclic(3))
    monkeypatch.setattr("divest.groups._averages._ENTRIES", 130)
    assert_allclose(mmd_variance(X, rbf(1.0), cyclic(3)), whole, rtol=1e-13)


def test_mmd_follows_neither_the_workers_nor_the_order_of_rows(rng):
    """The bandwidth neither: a large sample's median is taken of some rows only."""
    X = rng.normal(size=(1500, 2))
    reports = [sample_size_report(rows, "mmd", group=cyclic(4), target=0.1, n_jobs=n_jobs)
               for rows, n_jobs in ((X, 1), (X, 2), (rng.permutation(X), 1))]
    assert reports[0].line == reports[1].line
    assert_allclose(reports[0].n_required, reports[2].n_required, rtol=1e-12)


def test_mmd_of_very_many_rows_is_refused(rng, monkeypatch, capsys):
    X = rng.normal(size=(101, 2))
    monkeypatch.setattr(_null_scale, "MOST_VALUES", 4 * 100**2 / 2)
    with pytest.raises(ValueError, match=r"for the 101 rows of X.*at most 100 random rows"):
        sample_size_report(X, "mmd", group=cyclic(4))
    sample_size_report(X[:100], "mmd", group=cyclic(4), progress=True)
    assert "block" in capsys.readouterr().err


def test_mmd_takes_little_memory(rng):
    """In blocks of a million pairs: the whole matrix would take 288 MB."""
    X = rng.normal(size=(6000, 2))
    tracemalloc.start()
    mmd_variance(X, rbf(1.0), cyclic(2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6


def test_mmd_takes_a_random_subset(rng):
    """Invariant rows: what symmetry_gain says, as for a complete group."""
    subset = FiniteGroup.random_subset(lambda r: np.diag(r.choice([-1.0, 1.0], 2)), 3, 0)
    reports = [sample_size_report(NORMAL, "mmd", target=0.05, kernel=rbf(1.0), group=g)
               for g in (subset, None)]
    gain = symmetry_gain(NORMAL, subset, kernel=rbf(1.0)).estimate
    assert_allclose(reports[0].n_required / reports[1].n_required, gain)


def test_mmd_has_its_closed_form(rng):
    """k of width 1, normal law of d columns: E k(x, x') = 3^(-d/2), and the sd of k's mean."""
    covered, truth = 0, 1 - 1 / 3
    for _ in range(100):
        report = sample_size_report(rng.normal(size=(200, 2)), "mmd", kernel=rbf(1.0), target=0.1)
        low, high = report.n_required_interval
        covered += low < 2 * truth / 0.01 < high
    assert covered >= 95 - 3 * sqrt(100 * 0.95 * 0.05)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # equal laws
@pytest.mark.parametrize("group", [TRIVIAL, cyclic(4)])
def test_mmd_is_the_root_mean_square_between_samples(rng, group):
    kernel, n = rbf(1.0), 40
    squares = [symmetric_mmd(*rng.normal(size=(2, n, 2)), group, kernel).estimate
               for _ in range(150)]
    report = sample_size_report(rng.normal(size=(1500, 2)), "mmd", kernel=kernel, group=group)
    predicted = report.predict(n)["error"].item() ** 2
    assert abs(np.mean(squares) - predicted) < 3.5 * np.std(squares) / sqrt(150)


# ------------------------------------------------------------ reports
def test_report_holds_what_it_promises():
    report = sample_size_report(NORMAL, target=0.2, random_state=0)
    assert isinstance(report, SampleSizeReport)
    assert report.curve.columns.tolist() == ["n", "error", "sd"]
    assert report.curve["n"].tolist() == [19, 32, 53, 89, 150]
    assert report.curve["error"].is_monotonic_decreasing
    line = fit_line(report.curve)
    assert line == report.line
    assert (report.exponent, report.exponent_se) == (line.exponent, line.exponent_se)
    assert report.n_required == line.size(0.2)
    assert report.n_required_interval == line.size_interval(0.2, 0.95)
    assert report.dimension == intrinsic_dimension(NORMAL).estimate
    assert [d.name for d in report.diagnostics] == ["sizes_enough", "falling", "curvature",
                                                    "extrapolation"]
    assert report.trusted
    assert 0.3 < report.exponent < 0.5


def test_exact_power_laws_are_found_exactly():
    report = sample_size_report(NORMAL, power_law(0.5), target=0.04)
    assert_allclose([report.exponent, report.n_required], [0.5, 625])
    assert_allclose(report.n_required_interval, [625, 625])
    assert_allclose(report.predict([100, 900])[["error", "low", "high"]],
                    [[0.1] * 3, [1 / 30] * 3])
    assert not failed(report)


def test_rate_of_one_column_is_one_half(rng):
    """Three errors of the exponent, .073 in samples of 300 (400 simulated samples)."""
    report = sample_size_report(rng.normal(size=300), random_state=0, n_repeats=40)
    assert abs(report.exponent - 0.5) < 3 * 0.073


def test_units_scale_the_error_and_nothing_else():
    plain = sample_size_report(NORMAL, random_state=0)
    scaled = sample_size_report(8 * NORMAL + 1, random_state=0)
    assert_allclose(scaled.curve["error"], 8 * plain.curve["error"])
    assert_allclose([scaled.exponent, scaled.dimension], [plain.exponent, plain.dimension])


def test_same_seed_gives_the_same_curve_for_any_workers():
    curves = [sample_size_report(NORMAL, random_state=seed, n_jobs=jobs).curve
              for seed, jobs in ((5, 1), (5, 2), (6, 1))]
    pd.testing.assert_frame_equal(curves[0], curves[1], check_exact=True)
    assert not np.allclose(curves[0]["error"], curves[2]["error"])


def test_subsamples_share_no_row_and_reach_all_rows():
    seen = set()

    def measure(A, B):
        both = np.concatenate([A, B])[:, 0]
        assert A.shape == B.shape
        assert len(set(both)) == len(both)
        seen.update(both)
        return 1 / len(A)

    sample_size_report(np.arange(100.0), measure)
    assert seen == set(range(100))


def test_containers_are_the_same():
    expected = sample_size_report(NORMAL, random_state=0)
    for X in (pd.DataFrame(NORMAL, columns=["a", "b"]), NORMAL.tolist()):
        assert sample_size_report(X, random_state=0).line == expected.line
    assert (sample_size_report(pd.Series(NORMAL[:, 0]), random_state=0).line
            == sample_size_report(NORMAL[:, :1], random_state=0).line)


def test_any_divergence_can_be_the_measure():
    def kl(A, B):
        return abs(estimate_divergence(A, B, "kl").estimate)

    report = sample_size_report(NORMAL, kl, random_state=0)
    assert report.measure == "kl"
    assert report.exponent > 0


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # one of the curves bends by chance
def test_symmetry_saves_rows():
    """W1 halves with a group of four: so it does in 400 samples of 100 rows, .522."""
    plain, group = (sample_size_report(NORMAL, target=0.2, group=g, random_state=0)
                    for g in (None, cyclic(4)))
    ratio = group.curve["error"] / plain.curve["error"]
    assert (abs(ratio - 0.5) < 0.1).all()
    assert 2 < plain.n_required / group.n_required < 8


def test_mmd_with_a_group_gains_what_symmetry_gain_says():
    kernel = rbf(1.0)
    reports = [sample_size_report(NORMAL, "mmd", target=0.05, kernel=kernel, group=g)
               for g in (cyclic(4), None)]
    gain = symmetry_gain(NORMAL, cyclic(4), kernel=kernel).estimate
    assert_allclose(reports[0].n_required / reports[1].n_required, gain)


def test_mmd_needs_no_curve():
    report = sample_size_report(NORMAL, "mmd", target=0.01)
    same = sample_size_report(NORMAL, "mmd", target=0.01, kernel=rbf(median_bandwidth(NORMAL)))
    assert report.line == same.line
    assert (report.exponent, report.exponent_se) == (0.5, 0)
    assert report.curve["sd"].isna().all()
    assert_allclose(report.curve["error"], report.predict(report.curve["n"])["error"])
    assert report.n_required > 20 * len(NORMAL)  # far, and known all the same
    assert [d.name for d in report.diagnostics] == ["sizes_enough"]
    assert report.trusted
    assert_allclose(report.predict(report.n_required)["error"], 0.01)
    named = sample_size_report(NORMAL, "mmd", target=0.01, kernel="imq")
    assert named.n_required != report.n_required


def test_large_samples_are_assigned_in_part(monkeypatch):
    monkeypatch.setattr(sample_size, "MOST_ASSIGNED", 40)
    report = sample_size_report(NORMAL, random_state=0)
    assert report.curve["n"].max() == 40
    assert report.n_rows_used == 80
    with pytest.warns(TrustWarning, match="extrapolation = 4.01"):
        report.predict(321)
    line = sample_size_report(NORMAL[:, 0], random_state=0)
    assert line.curve["n"].max() == 150


def test_without_a_target_nothing_is_required():
    report = sample_size_report(NORMAL, random_state=0)
    assert np.isnan([report.target, report.n_required, *report.n_required_interval]).all()


def test_few_distinct_rows_have_no_dimension(rng):
    X = rng.integers(2, size=200)
    assert np.isnan(sample_size_report(X, random_state=0, n_repeats=50).dimension)


def test_report_is_a_table():
    report = sample_size_report(NORMAL, target=0.2, random_state=0, confidence_level=0.8)
    frame = report.to_frame()
    assert frame.columns.tolist() == [
        "method", "measure", "n", "error", "error_low", "error_high", "exponent", "exponent_se",
        "target", "n_required", "n_required_low", "n_required_high", "confidence_level",
        "dimension", "trusted"]
    now = report.predict(300).iloc[0]
    assert_allclose(frame[["error", "error_low", "error_high"]].iloc[0].astype(float),
                    now[["error", "low", "high"]].astype(float))
    assert now["confidence_level"] == 0.8
    assert len(pd.concat([frame, frame])) == 2
    assert "n_required_high" in report.summary()
    assert "<table" in report._repr_html_()
    again = pickle.loads(pickle.dumps(report))
    assert again == report
    pd.testing.assert_frame_equal(again.curve, report.curve)


# ------------------------------------------------------------ diagnostics
def test_few_rows_are_doubtful(rng):
    with pytest.warns(TrustWarning, match="sizes_enough"):
        report = sample_size_report(rng.normal(size=59), power_law(0.5))
    assert failed(report) == ["sizes_enough"]
    assert not failed(sample_size_report(rng.normal(size=60), power_law(0.5)))


def test_error_that_does_not_fall_is_doubtful():
    def rising(A, B):
        return len(A) ** 0.2 + 0.01 * A[0, 0]

    with pytest.warns(TrustWarning, match="falling"):
        report = sample_size_report(NORMAL, rising, target=0.1, random_state=0)
    assert "falling" in failed(report)
    assert np.isnan(report.n_required)
    assert report.n_required_interval == (0, np.inf)


def test_bent_curve_is_doubtful():
    with pytest.warns(TrustWarning, match="curvature"):
        report = sample_size_report(NORMAL, lambda A, B: np.exp(-len(A) / 50))
    assert failed(report) == ["curvature"]


def test_far_sizes_are_doubtful():
    with pytest.warns(TrustWarning, match="extrapolation"):
        report = sample_size_report(NORMAL, power_law(0.5), target=1201**-0.5)
    assert failed(report) == ["extrapolation"]
    assert_allclose(report.diagnostics[-1].value, 1201 / 300)
    with pytest.warns(TrustWarning, match="extrapolation"):
        report.predict([10, 1201])
    assert len(report.predict([10, 1200])) == 2
    assert not failed(sample_size_report(NORMAL, power_law(0.5), target=1199**-0.5))


def test_the_error_of_the_rows_at_hand_may_be_far_too(monkeypatch):
    """Without a target, and with one that is met nearby, it is the largest n reported."""
    (row,) = [d for d in sample_size_report(NORMAL, random_state=0).diagnostics
              if d.name == "extrapolation"]
    assert (row.value, row.threshold, row.passed) == (1, 4, True)
    monkeypatch.setattr(sample_size, "MOST_ASSIGNED", 37)
    for target in (None, 0.5):
        with pytest.warns(TrustWarning, match="trusted up to n = 296"):
            report = sample_size_report(NORMAL, target=target, random_state=0)
        assert report.diagnostics[-1].value == 300 / 74


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("change", "error", "message"), [
    ({"X": [[np.nan]] * 50}, ValueError, "NaN"),
    ({"X": np.arange(37.0)}, ValueError, "at least 38 rows for 5 sizes, got 37"),
    ({"X": np.ones(50)}, ValueError, "between subsamples of 15 rows is 0, and must be above 0"),
    ({"X": np.ones(50), "measure": "mmd"}, ValueError, "rows of X are equal"),
    ({"measure": "kl"}, ValueError, "measure must be one of 'wasserstein', 'mmd'; got 'kl'"),
    ({"measure": 3}, ValueError, "measure must be one of"),
    ({"measure": lambda A, B: -1.0}, ValueError, "give its absolute value"),
    ({"measure": lambda A, B: np.nan}, ValueError, "finite number, got nan for subsamples of 19"),
    ({"measure": lambda A, B: "1"}, TypeError, "must return a number, got '1'"),
    ({"measure": lambda A, B: True}, TypeError, "must return a number, got True"),
    ({"target": 0}, ValueError, "target must lie between 0 and inf"),
    ({"target": "a"}, TypeError, "target must be a number"),
    ({"sizes": 2}, ValueError, "sizes must be between 3 and 100, got 2"),
    ({"sizes": [20, 50]}, TypeError, "sizes must be the number of sizes"),
    ({"n_repeats": 1}, ValueError, "n_repeats must be at least 2"),
    ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1"),
    ({"kernel": "rbf"}, ValueError, "kernel is for measure='mmd'"),
    ({"measure": "mmd", "kernel": "box"}, ValueError, "kernel must be one of"),
    ({"random_state": "x"}, ValueError, "random_state must be"),
    ({"group": "c4"}, TypeError, "group must be a FiniteGroup"),
    ({"group": sign_flips(3)}, ValueError, "group acts on 3 columns, but the samples have 2"),
    ({"group": TRIVIAL, "measure": power_law(1)}, ValueError, "must see to the symmetry itself"),
    ({"group": FiniteGroup([np.eye(2), [[1, 1], [0, -1]]])}, ValueError,
     "group must not change distances"),
    ({"group": FiniteGroup.random_subset(lambda rng: np.eye(2), 2, 0)}, ValueError,
     "must be complete, .*; only the MMD"),
])  # fmt: skip
def test_bad_input_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        sample_size_report(**{"X": NORMAL, **change})


@pytest.mark.parametrize("n", [0, np.nan, np.inf, [], [[10.0]]])
def test_bad_sizes_are_not_predicted(n):
    report = sample_size_report(NORMAL, "mmd")
    with pytest.raises(ValueError, match="n must hold finite sizes of at least 1"):
        report.predict(n)


def test_errors_of_the_measure_say_where_they_arose():
    def measure(A, B):
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no") as caught:
        sample_size_report(NORMAL, measure)
    assert "two subsamples of 19 rows" in caught.value.__notes__[0]
