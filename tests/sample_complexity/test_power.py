"""Power and sample size: known values, exact tests, streams, pilots, bad input, coverage."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri
from scipy.stats import ttest_1samp, ttest_ind

from divest import HypothesisResult, TrustWarning
from divest.sample_complexity import (
    PowerResult,
    pilot_sampler,
    power_curve,
    sample_size_for_power,
    size_check,
)
from divest.sample_complexity._probit import fit_probit

SHIFT = 0.3
TRUTH = ((ndtri(0.8) + ndtri(0.975)) / SHIFT) ** 2  # of the two-sided z test; the far tail is 2e-6


def z_test(x):
    return 2 * ndtr(-abs(x.mean()) * len(x) ** 0.5)


def normal(shift):
    return lambda rng, n: rng.normal(shift, 1, size=n)


def z_value(shift):
    """A sampler that draws the z statistic itself, and so costs the same at every n."""
    return lambda rng, n: rng.normal(shift * n**0.5, 1)


def tail(z):
    return 2 * ndtr(-abs(z))


def z_power(shift, n, level=0.05):
    edge, mean = ndtri(1 - level / 2), shift * np.sqrt(n)
    return ndtr(mean - edge) + ndtr(-mean - edge)


def reject_from(step):
    """A test that rejects exactly when its sample holds at least `step` rows."""
    return lambda n: float(n < step)


def size_itself(rng, n):
    return n


# ------------------------------------------------------------ the line
def test_fit_has_its_known_value():
    fit = fit_probit([25, 50, 75, 100], [31, 62, 79, 88], [100] * 4, 0.8)
    assert_allclose([fit.n, fit.standard_error], [77.964905, 4.662247], atol=1e-6)
    assert fit.n_mixed == 4
    assert fit.pvalue > 0.5


def test_fit_maximizes_the_likelihood_also_where_the_powers_are_extreme():
    sizes, rejections = np.array([20, 400, 420, 450]), np.array([1, 51, 3, 189])
    trials = np.array([156, 206, 7, 191])

    def loss(c):
        line = c[0] + c[1] * (np.sqrt(sizes) - 20)
        return -(rejections @ np.log(ndtr(line)) + (trials - rejections) @ np.log(ndtr(-line)))

    peer = minimize(loss, [0.0, 0.1], method="Nelder-Mead",
                    options={"xatol": 1e-10, "fatol": 1e-12})
    fit = fit_probit(sizes, rejections, trials, 0.8)
    assert_allclose(fit.slope, peer.x[1], rtol=1e-6)
    assert_allclose(fit.n, (20 + (ndtri(0.8) - peer.x[0]) / peer.x[1]) ** 2, rtol=1e-6)
    assert fit.pvalue < 0.001  # no line goes through 51 of 206 and 3 of 7 and 189 of 191


def test_line_through_two_sizes_is_exact():
    fit = fit_probit([100, 400], [50, 80], [100, 100], 0.8)
    assert_allclose(fit.n, 400)
    assert_allclose(fit.slope, ndtri(0.8) / 10)
    assert np.isnan(fit.pvalue)


@pytest.mark.parametrize("rejections", [[0, 0, 200], [0, 100, 200], [0, 200, 200]])
def test_steps_have_a_finite_line_between_them(rejections):
    fit = fit_probit([25, 50, 100], rejections, [200] * 3, 0.8)
    assert fit.n_mixed < 2
    assert 25 < fit.n < 100
    assert 0 < fit.standard_error < 10


def test_falling_powers_have_no_size():
    fit = fit_probit([25, 50, 100], [150, 100, 20], [200] * 3, 0.8)
    assert fit.slope < 0
    assert np.isnan(fit.n)


# ------------------------------------------------------------ curves
def test_curve_is_that_of_the_z_test():
    sizes = [100, 20, 50]
    curve = power_curve(z_test, normal(SHIFT), sizes, n_trials=400, random_state=1)
    assert curve.columns.tolist() == ["n", "rejections", "trials", "power", "low", "high"]
    assert curve["n"].tolist() == sizes
    assert (curve["trials"] == 400).all()
    truth = z_power(SHIFT, np.array(sizes))
    error = np.sqrt(truth * (1 - truth) / 400)
    assert (abs(curve["power"] - truth) < 4 * error).all()  # four Monte Carlo errors
    assert (curve["power"] == curve["rejections"] / 400).all()


def test_limits_are_wilsons():
    row = power_curve(z_test, normal(SHIFT), [40], n_trials=50, random_state=1).iloc[0]
    z, share, n = ndtri(0.975), row["power"], 50
    assert 0 < share < 1
    for limit in (row["low"], row["high"]):  # where the score test is at its critical value
        assert_allclose(abs(share - limit), z * np.sqrt(limit * (1 - limit) / n))
    assert row["low"] < share < row["high"]


def test_a_pvalue_at_the_level_rejects():
    at, above = (power_curve(lambda n, p=p: p, size_itself, [5], level=0.1, n_trials=3)
                 for p in (0.1, 0.1 + 1e-12))
    assert at["rejections"].item() == 3
    assert above["rejections"].item() == 0


def test_tests_may_return_results_numbers_and_zero_dimensional_arrays():
    def of(form):
        test = {"number": z_test, "array": lambda x: np.array(z_test(x)),
                "result": lambda x: HypothesisResult(0.0, z_test(x), "z", "none", np.zeros(0), 0)}
        return power_curve(test[form], normal(SHIFT), [50], n_trials=30, random_state=2)

    expected = of("number")
    assert 0 < expected["power"].item() < 1
    pd.testing.assert_frame_equal(of("array"), expected)
    pd.testing.assert_frame_equal(of("result"), expected)


def test_a_tuple_is_taken_apart_and_other_samples_are_not():
    def takes_two(P, Q):
        return float(len(P) == 4 and len(Q) == 3)

    def takes_one(pair):
        return float(isinstance(pair, list))

    two = power_curve(takes_two, lambda rng, n: (np.zeros(n + 1), np.zeros(n)), [3], n_trials=2)
    one = power_curve(takes_one, lambda rng, n: [np.zeros(n), np.zeros(n)], [3], n_trials=2)
    assert two["rejections"].item() == one["rejections"].item() == 0


@pytest.mark.parametrize("n_jobs", [2, 3])
def test_answer_does_not_depend_on_workers(n_jobs):
    settings = {"n_trials": 35, "random_state": 7}
    expected = power_curve(z_test, normal(SHIFT), [30, 60], **settings)
    pd.testing.assert_frame_equal(
        power_curve(z_test, normal(SHIFT), [30, 60], n_jobs=n_jobs, **settings), expected)
    one, many = (sample_size_for_power(z_test, normal(1.0), n_jobs=jobs, **settings)
                 for jobs in (1, n_jobs))
    assert one == many
    pd.testing.assert_frame_equal(one.curve, many.curve)


def test_every_trial_has_a_stream_of_its_own():
    seen = []

    def sampler(rng, n):
        seen.append((n, rng.random()))
        return n

    power_curve(lambda n: 0.5, sampler, [10, 20], n_trials=25, random_state=0)
    assert len({value for _, value in seen}) == 50
    first = list(seen)
    power_curve(lambda n: 0.5, sampler, [10, 20], n_trials=25, random_state=0)
    assert seen[50:] == first
    power_curve(lambda n: 0.5, sampler, [10, 20], n_trials=25, random_state=1)
    assert not set(seen[100:]) & set(first)


def test_progress_is_shown_on_request(capsys):
    power_curve(z_test, normal(0), [10], n_trials=20)
    assert capsys.readouterr().err == ""
    power_curve(z_test, normal(0), [10], n_trials=20, progress=True)
    assert "2/2" in capsys.readouterr().err


# ------------------------------------------------------------ size
def test_size_of_an_exact_test_is_its_level():
    table = size_check(z_test, normal(0), 20, level=0.1, n_trials=1000, random_state=3)
    row = table.iloc[0]
    assert table.columns.tolist() == ["n", "rejections", "trials", "size", "low", "high", "level",
                                      "level_within"]
    assert len(table) == 1
    assert (row["n"], row["trials"], row["level"]) == (20, 1000, 0.1)
    assert abs(row["size"] - 0.1) < 3 * np.sqrt(0.1 * 0.9 / 1000)  # three Monte Carlo errors
    assert row["level_within"] == (row["low"] <= 0.1 <= row["high"])
    assert row["level_within"]


def test_size_check_finds_a_test_that_rejects_too_often():
    """A z test that takes the deviation for 0.8: its size is .117."""
    table = size_check(lambda x: z_test(x / 0.8), normal(0), 20, n_trials=1000, random_state=3)
    truth = 2 * ndtr(0.8 * ndtri(0.025))
    assert abs(table["size"].item() - truth) < 3 * np.sqrt(truth * (1 - truth) / 1000)
    assert not table["level_within"].item()
    assert table["low"].item() > 0.05


# ------------------------------------------------------------ sample sizes
@pytest.mark.filterwarnings("ignore:.*line_fit:divest.TrustWarning")
@pytest.mark.parametrize("sizes", [None, [25, 50, 75, 100], [10, 20]])
def test_interval_covers_the_size_of_the_z_test(sizes):
    """200 runs: the share in [.91, .99], three Monte Carlo errors about .95 (error .0154)."""
    covered, alarms, sizes_found, errors = 0, 0, [], []
    for seed in range(200):
        result = sample_size_for_power(tail, z_value(SHIFT), sizes=sizes, random_state=seed,
                                       n_trials=50)
        low, high = result.confidence_interval()
        covered += low <= TRUTH <= high
        alarms += not result.trusted
        sizes_found.append(result.n)
        errors.append(result.standard_error)
    assert 0.91 <= covered / 200 <= 0.99
    assert alarms <= 3  # the line holds; its test at .001 should fail in none or one of 200
    spread = np.std(sizes_found, ddof=1)
    assert abs(np.mean(sizes_found) - TRUTH) < 0.03 * TRUTH
    assert 0.8 < np.mean(errors) / spread < 1.25


@pytest.mark.parametrize(("shift", "power", "level"), [(0.3, 0.8, 0.05), (0.05, 0.9, 0.05),
                                                        (1.5, 0.8, 0.01), (0.2, 0.5, 0.1)])
def test_size_is_found_wherever_it_lies(shift, power, level):
    truth = ((ndtri(power) + ndtri(1 - level / 2)) / shift) ** 2
    result = sample_size_for_power(tail, z_value(shift), power=power, level=level, random_state=11)
    assert result.reachable
    assert result.trusted
    assert abs(result.n - truth) < 3.5 * result.standard_error
    assert result.standard_error < 0.1 * truth
    assert result.curve["n"].is_monotonic_increasing
    assert (result.curve["n"] == round(result.n)).any() or (
        abs(result.curve["n"] - result.n).min() < result.standard_error + 1)


def test_result_is_that_of_the_line_through_its_curve():
    result = sample_size_for_power(z_test, normal(SHIFT), sizes=[30, 120], n_trials=100,
                                   random_state=5)
    curve = result.curve
    assert {30, 120} < set(curve["n"])  # and at least one round at the size found
    fit = fit_probit(curve["n"], curve["rejections"], curve["trials"], 0.8)
    assert_allclose([result.n, result.standard_error], [fit.n, fit.standard_error], rtol=1e-9)


def test_result_as_table_text_and_page():
    result = sample_size_for_power(tail, z_value(SHIFT), n_trials=100, random_state=0)
    frame = result.to_frame()
    assert len(frame) == 1
    assert frame["n"].item() == result.n
    assert (frame["low"].item(), frame["high"].item()) == result.confidence_interval()
    assert frame[["power", "level", "reachable", "trusted"]].iloc[0].tolist() == [
        0.8, 0.05, True, True]
    assert f"{result.n:.6g}" in result.summary()
    assert "<table" in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)) == result
    with pytest.raises(AttributeError):
        result.n = 3.0


def test_interval_is_normal_and_not_negative():
    result = PowerResult(4.0, 3.0, 0.8, 0.05, pd.DataFrame(), True)
    assert_allclose(result.confidence_interval(0.5), [4 - 3 * ndtri(0.75), 4 + 3 * ndtri(0.75)])
    assert result.confidence_interval(0.99)[0] == 0.0
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        result.confidence_interval(95)


# ------------------------------------------------------------ no size, or a doubtful one
def failed(result):
    return [d.name for d in result.diagnostics if not d.passed]


def refused(result):
    """Whether the result says that it has no number, everywhere it could say so."""
    numbers = [result.n, result.standard_error, *result.confidence_interval()]
    return np.isnan(numbers).all() and not result.reachable and failed(result) == ["reachable"]


@pytest.mark.parametrize("sizes", [None, [25, 50, 100]])
def test_without_an_effect_there_is_no_size(sizes):
    with pytest.warns(TrustWarning, match="does not reach the power 0.8 up to max_size = 2000"):
        result = sample_size_for_power(tail, z_value(0), sizes=sizes, max_size=2000, random_state=1)
    assert refused(result)
    assert result.curve["n"].max() == 2000  # it went as far as it was allowed to
    assert "Doubtful: reachable" in result.summary()
    assert not result.to_frame()["reachable"].item()


def test_an_effect_too_small_for_max_size_has_no_size():
    with pytest.warns(TrustWarning, match="up to max_size = 60") as caught:
        result = sample_size_for_power(tail, z_value(SHIFT), max_size=60, random_state=1)
    assert refused(result)
    assert result.diagnostics[0].value == pytest.approx(TRUTH, rel=0.5)
    assert caught[0].filename == __file__


def takes(least, shift):
    """A z test that refuses fewer rows than `least`, and warns before it does."""
    def test(x):
        if len(x) < least:
            warnings.warn("few rows", RuntimeWarning, stacklevel=1)
            raise ValueError(f"at least {least} rows are needed")
        return z_test(x)

    return test, normal(shift)


@pytest.mark.parametrize("least", [1, 2, 3, 8, 13, 24, 25])
@pytest.mark.parametrize("sizes", [None, [40, 60]])
def test_the_smallest_size_suffices_where_it_has_the_power(least, sizes):
    result = sample_size_for_power(*takes(least, 5), sizes=sizes, random_state=1, n_trials=40)
    assert (result.n, result.reachable, result.at_smallest) == (least, True, True)
    assert result.curve["n"].min() == least
    assert (result.curve["power"] >= 0.8).all()
    assert np.isnan([result.standard_error, *result.confidence_interval()]).all()
    assert [d.name for d in result.diagnostics] == ["reachable", "smallest_size"]
    assert result.trusted
    assert f"n = {least} is the smallest size that the test takes" in result.summary()
    assert result.to_frame()["at_smallest"].item()


@pytest.mark.parametrize("sizes", [None, [50, 60]])
def test_sizes_are_searched_below_those_with_more_than_enough_power(sizes):
    result = sample_size_for_power(*takes(5, 1.0), sizes=sizes, n_trials=400, random_state=1)
    assert not result.at_smallest
    assert result.curve["n"].min() >= 5
    assert abs(result.n - TRUTH * SHIFT**2) < 3.5 * result.standard_error
    assert "smallest size" not in result.summary()


def test_the_smallest_size_with_hardly_the_power_is_doubtful():
    """Power .83 at 9 rows, of which 60 trials cannot tell that it is .8."""
    with pytest.warns(TrustWarning, match="smallest_size = 0.*n = 9, the smallest size"):
        result = sample_size_for_power(*takes(9, 0.98), n_trials=60, random_state=1)
    assert (result.n, result.at_smallest, failed(result)) == (9, True, ["smallest_size"])
    assert result.diagnostics[1].value == result.curve["low"].iloc[0] < 0.8


def test_errors_at_the_first_size_are_raised():
    def picky(x):
        raise ValueError("at least 26 rows are needed")

    with pytest.raises(ValueError, match="at least 26 rows are needed"):
        sample_size_for_power(picky, normal(5))


def test_falling_power_has_no_size():
    with pytest.warns(TrustWarning, match="does not rise with n"):
        result = sample_size_for_power(lambda n: float(n > 30), size_itself, sizes=[20, 50],
                                       n_trials=20)
    assert refused(result)


@pytest.mark.parametrize("step", [4, 38, 49, 5000])
def test_a_step_is_found_and_called_one(step):
    with pytest.warns(TrustWarning, match="mixed_sizes = 0"):
        result = sample_size_for_power(reject_from(step), size_itself, n_trials=50)
    assert failed(result) == ["mixed_sizes"]
    sizes = result.curve["n"]
    last, first = sizes[sizes < step].max(), sizes[sizes >= step].min()
    assert last < result.n < first
    assert first - last < max(2, 0.1 * step)


def test_powers_that_lie_on_no_line_are_called_so():
    """Power .3 up to n = 99 and .9 from 100 on, tried far from the step."""
    with pytest.warns(TrustWarning, match="line_fit"):
        result = sample_size_for_power(
            lambda u: u, lambda rng, n: rng.random() * 0.05 / (0.3 if n < 100 else 0.9),
            sizes=[10, 40, 90, 110, 400, 1600], n_trials=400, random_state=0)
    assert failed(result) == ["line_fit"]


# ------------------------------------------------------------ pilots
def test_pilot_rows_are_drawn_once_each(rng):
    P, Q = np.arange(20), 100 + np.arange(30)
    sampler = pilot_sampler(P, Q)
    assert sampler.max_size == 10
    drawn_p, drawn_q = sampler(rng, 10)
    assert len(set(drawn_p)) == len(set(drawn_q)) == 10
    assert set(drawn_p) <= set(P)
    assert set(drawn_q) <= set(Q)
    seen = np.concatenate([sampler(rng, 10)[0] for _ in range(60)])
    assert set(seen) == set(P)  # missing one has probability 20 * 2^-60


def test_pilot_draws_from_two_samples_are_not_paired(rng):
    P, Q = pilot_sampler(np.arange(100), np.arange(100))(rng, 50)
    assert not np.array_equal(P, Q)


def test_one_pilot_gives_one_sample(rng):
    sample = pilot_sampler(rng.normal(size=(9, 2)))(rng, 4)
    assert sample.shape == (4, 2)
    assert pilot_sampler([3.0, 1.0, 2.0, 4.0])(rng, 2).shape == (2,)


def test_frames_stay_frames_with_their_columns(rng):
    frame = pd.DataFrame({"a": np.arange(10.0), "b": list("uvuvuvuvuv")}, index=range(50, 60))
    P, Q = pilot_sampler(frame, frame["a"])(rng, 5)
    pd.testing.assert_frame_equal(P, frame.loc[P.index])
    assert P["b"].dtype == frame["b"].dtype
    assert isinstance(Q, pd.Series)
    R = pilot_sampler(pl.from_pandas(frame))(rng, 5)
    assert isinstance(R, pl.DataFrame)
    assert set(R.rows()) <= set(frame.itertuples(index=False, name=None))
    assert len(R) == 5


def test_frames_and_arrays_give_the_same_draws():
    array = np.arange(40.0).reshape(20, 2)
    draws = [np.asarray(pilot_sampler(sample)(np.random.default_rng(4), 7))
             for sample in (array, pd.DataFrame(array), pl.DataFrame(array), array.tolist())]
    for draw in draws[1:]:
        np.testing.assert_array_equal(draw, draws[0])


def test_planning_from_a_pilot_goes_no_further_than_half_of_it(rng):
    P, Q = rng.normal(1, 1, 120), rng.normal(size=150)
    sampler = pickle.loads(pickle.dumps(pilot_sampler(P, Q)))
    result = sample_size_for_power(ttest_ind, sampler, n_trials=100, random_state=0)
    effect = (P.mean() - Q.mean()) / np.sqrt((P.var(ddof=1) + Q.var(ddof=1)) / 2)
    expected = 2 * ((ndtri(0.8) + ndtri(0.975)) / effect) ** 2
    assert result.curve["n"].max() <= 60
    assert 0.6 * expected < result.n < 1.2 * expected  # too small: draws without replacement


def test_beyond_the_pilot_the_size_is_doubtful():
    sampler = z_value(SHIFT)
    sampler.max_size = 30
    with pytest.warns(TrustWarning, match="extrapolation"):
        result = sample_size_for_power(tail, sampler, random_state=0, n_trials=1000)
    assert failed(result) == ["extrapolation"]
    assert result.curve["n"].max() == 30
    assert result.n > 60
    assert abs(result.n - TRUTH) < 3.5 * result.standard_error


@pytest.mark.parametrize(("sample", "error", "message"), [
    (3.0, TypeError, "P must be a sample of several rows"),
    ([1.0], ValueError, "P must have at least 2 rows, got 1"),
])  # fmt: skip
def test_bad_pilots_are_refused(sample, error, message):
    with pytest.raises(error, match=message):
        pilot_sampler(sample)
    with pytest.raises(error, match=message.replace("P", "Q", 1)):
        pilot_sampler([1.0, 2.0], sample)


@pytest.mark.parametrize("n", [0, 6])
def test_pilots_give_no_more_than_half(rng, n):
    with pytest.raises(ValueError, match=f"n must be between 1 and 5, got {n}"):
        pilot_sampler(np.arange(10))(rng, n)
    with pytest.raises(ValueError, match=r"sampler\.max_size must be at least 2, got 1"):
        sample_size_for_power(z_test, pilot_sampler([1.0, 2.0, 3.0]))


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("change", "error", "message"), [
    ({"test": "t"}, TypeError, "test must be a function of the samples, got 't'"),
    ({"sampler": None}, TypeError, r"sampler must be a function of \(rng, n\), got None"),
    ({"level": 0}, ValueError, "level must lie between 0 and 1, got 0"),
    ({"level": "a"}, TypeError, "level must be a number"),
    ({"n_trials": 0}, ValueError, "n_trials must be at least 1, got 0"),
    ({"n_trials": 2.5}, TypeError, "n_trials must be an integer"),
    ({"random_state": "x"}, ValueError, "random_state must be"),
    ({"sizes": 10}, TypeError, "sizes must be a sequence of integers, got 10"),
    ({"sizes": [10, 20.0]}, TypeError, r"sizes must be a sequence of integers, got \[10, 20.0\]"),
    ({"sizes": [10, 0]}, ValueError, "each of sizes must be at least 1, got 0"),
    ({"sizes": [10, 20, 10]}, ValueError, "none of them twice"),
    ({"sizes": []}, ValueError, "at least 1 distinct integer, none"),
])  # fmt: skip
def test_bad_settings_of_a_curve_are_named(change, error, message):
    settings = {"test": z_test, "sampler": normal(0), "sizes": [10, 20], **change}
    with pytest.raises(error, match=message):
        power_curve(**settings)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"power": 1}, ValueError, "power must lie between 0 and 1, got 1"),
    ({"power": 0.05}, ValueError, "power must be above level = 0.05, got 0.05"),
    ({"max_size": 1}, ValueError, "max_size must be at least 2, got 1"),
    ({"sizes": [10]}, ValueError, "sizes must hold at least 2 distinct integers"),
    ({"sizes": [10, 200], "max_size": 100}, ValueError, "between 1 and 100, got 200"),
    ({"sampler": 3}, TypeError, "sampler must be a function"),
])  # fmt: skip
def test_bad_settings_of_a_sample_size_are_named(change, error, message):
    with pytest.raises(error, match=message):
        sample_size_for_power(**{"test": z_test, "sampler": normal(0), **change})


def test_bad_settings_of_a_size_check_are_named():
    with pytest.raises(TypeError, match="null_sampler must be a function"):
        size_check(z_test, 3, 10)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        size_check(z_test, normal(0), 0)


@pytest.mark.parametrize(("value", "error", "message"), [
    (np.nan, ValueError, "between 0 and 1; at n = 8 it gave nan"),
    (1.2, ValueError, "between 0 and 1; at n = 8 it gave 1.2"),
    (-0.1, ValueError, "between 0 and 1; at n = 8 it gave -0.1"),
    ("0.2", TypeError, "must return a p-value"),
    (None, TypeError, "must return a p-value"),
    (True, TypeError, "must return a p-value"),
    (np.array([0.1, 0.2]), TypeError, "must return a p-value"),
])  # fmt: skip
def test_what_is_no_pvalue_is_refused(value, error, message):
    with pytest.raises(error, match=message):
        power_curve(lambda n: value, size_itself, [8], n_trials=2)


def test_a_sampler_that_returns_nothing_is_named():
    with pytest.raises(TypeError, match=r"sampler .* must return a sample, .* got None"):
        power_curve(z_test, lambda rng, n: None, [8], n_trials=2)


def test_several_pvalues_are_refused():
    with pytest.raises(TypeError, match="one number as `pvalue`; at n = 6"):
        power_curve(lambda X: ttest_1samp(X, 0), lambda rng, n: rng.normal(size=(n, 2)), [6])


def test_errors_of_the_test_say_where_they_arose():
    def test(x):
        raise RuntimeError("too few rows")

    with pytest.raises(RuntimeError, match="too few rows") as caught:
        power_curve(test, normal(0), [12])
    assert "in a trial at n = 12" in caught.value.__notes__[0]
