"""Figures of planning show the numbers they are given."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose
from scipy.special import ndtr, ndtri
from scipy.stats import ttest_ind
from sklearn.datasets import load_iris

from divest.plotting import plot_learning_curve, plot_power_curve, plot_risk
from divest.sample_complexity import (
    PNCriterion,
    pn_criterion,
    power_curve,
    sample_size_for_power,
    sample_size_report,
)

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")
CALM, ALARM = "#0072b2", "#d55e00"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def iris():
    return pn_criterion(load_iris().data)


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(3).normal(size=(300, 2))


@pytest.fixture(scope="module")
def report(rows):
    return sample_size_report(rows, target=0.15, random_state=0)


def shifted(rng, n):
    return rng.normal(0.5, 1, size=n), rng.normal(size=n)


@pytest.fixture(scope="module")
def power():
    return sample_size_for_power(ttest_ind, shifted, n_trials=100, random_state=0)


def labelled(ax, start):
    """Coordinates of the one line whose label starts so."""
    (line,) = [line for line in ax.lines if str(line.get_label()).startswith(start)]
    return np.column_stack(line.get_data())


def marked(ax, marker):
    """Coordinates of everything drawn with a marker."""
    found = [line.get_xydata() for line in ax.lines if line.get_marker() == marker]
    return np.concatenate(found) if found else np.empty((0, 2))


def bars(ax):
    """Ends of all error bars, one array (2, 2) per bar."""
    return [np.asarray(path) for box in ax.containers for lines in box[2]
            for path in lines.get_segments()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


# ------------------------------------------------------------ risk
def test_risks_are_those_of_both_orders(iris):
    ax = plot_risk(iris)
    n, first = labelled(ax, "first order").T
    assert_allclose(first, iris.p_star / (2 * n))
    n, second = labelled(ax, "second order").T
    assert_allclose(second, iris.p_star / (2 * n) + iris.c2 / n**2)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert n[0] < iris.n < iris.n_required < n[-1]


def test_rows_at_hand_and_required_are_marked(iris):
    ax = plot_risk(iris)
    assert_allclose(marked(ax, "o"), [[iris.n, iris.risk_second]])
    assert_allclose(marked(ax, "D"), [[iris.n_required, iris.threshold]])
    (bar,) = bars(ax)
    assert_allclose(bar[:, 0], iris.n_required + np.array([-1, 1]) * iris.n_required_se)
    assert_allclose(labelled(ax, "threshold")[:, 1], iris.threshold)
    assert_allclose(labelled(ax, "at hand")[:, 0], 150)
    assert ax.get_title() == "150 rows are not enough; 358 (± 9.3) are required"
    assert ax.get_ylabel() == "risk (forward, in nats)"


def test_the_marks_lie_on_the_curve_in_use(iris):
    """n_required solves risk = threshold, so the second order meets the threshold there."""
    n, second = labelled(plot_risk(iris), "second order").T
    assert_allclose(np.interp(iris.n_required, n, second), iris.threshold, rtol=1e-3)


def test_second_order_is_drawn_only_where_it_is_valid(iris):
    fitted = PNCriterion(order=1).fit(load_iris().data)
    ax = plot_risk(fitted)
    assert not any(label.startswith("second") for label in legend(ax))
    assert_allclose(marked(ax, "o"), [[150, fitted.result_.risk_first]])
    few = pn_criterion(load_iris().data[::8])
    assert not few.valid
    assert few.c2_se < few.c2
    ax = plot_risk(few)
    n = labelled(ax, "second order")[:, 0]
    assert few.n < n[0]
    assert (few.c2 / n**2 <= few.p_star / (4 * n) * (1 + 1e-9)).all()
    assert labelled(ax, "first order")[0, 0] < few.n
    unsure = replace(iris, c2_se=2 * iris.c2)
    assert not any(label.startswith("second") for label in legend(plot_risk(unsure)))


def test_without_a_standard_error_there_is_no_bar(iris):
    ax = plot_risk(replace(iris, n_required_se=np.nan, direction="reverse"))
    assert bars(ax) == []
    assert ax.get_title() == "150 rows are not enough; 358 are required"
    assert ax.get_ylabel() == "risk (reverse, in nats)"


# ------------------------------------------------------------ learning curve
def test_points_line_and_interval(report):
    ax = plot_learning_curve(report)
    curve = report.curve
    assert_allclose(marked(ax, "o"), curve[["n", "error"]].to_numpy())
    for bar, row in zip(bars(ax), curve.itertuples(), strict=True):
        assert_allclose(bar[:, 1], [row.error - row.sd, row.error + row.sd])
    near, far = labelled(ax, "error ~ 1 / n^0.36"), labelled(ax, "beyond 4 times")
    assert near[-1, 0] <= 1200 < far[0, 0]
    drawn = np.concatenate([near, far])
    want = report.predict(drawn[:, 0])
    assert_allclose(drawn[:, 1], want["error"])
    (band,) = ax.collections[:1]
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    assert_allclose([corners[:, 1].min(), corners[:, 1].max()],
                    [want["low"].min(), want["high"].max()])
    assert "95 % interval" in legend(ax)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_target_and_rows_required_with_their_interval(report):
    ax = plot_learning_curve(report)
    assert_allclose(marked(ax, "D"), [[report.n_required, 0.15]])
    (bar,) = [line.get_xydata() for line in ax.lines if line.get_linewidth() == 5]
    assert_allclose(bar[:, 0], report.n_required_interval)
    assert_allclose(bar[:, 1], 0.15)
    low, high = ax.get_xlim()
    assert low < 15
    assert high > report.n_required_interval[1]
    assert ax.get_title() == "1417 rows for a target of 0.15 (644 to 3361)"


def test_without_a_target_there_is_none(rows):
    report = sample_size_report(rows[:, :1], random_state=0)
    ax = plot_learning_curve(report)
    assert len(marked(ax, "D")) == 0
    assert not any(label.startswith("target") for label in legend(ax))
    assert ax.get_title() == "wasserstein, 300 rows at hand"
    assert not any(label.startswith("beyond") for label in legend(ax))


def test_closed_form_has_no_spread(rows):
    ax = plot_learning_curve(sample_size_report(rows, "mmd", target=0.001))
    assert bars(ax) == []
    assert "closed form" in legend(ax)
    assert not any(label.startswith("beyond") for label in legend(ax))
    assert ax.get_xlim()[1] > 500_000


def test_intervals_without_an_end_are_drawn_to_the_edge(report):
    endless = replace(report, n_required_interval=(0.0, np.inf))
    ax = plot_learning_curve(endless)
    (bar,) = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 5]
    assert_allclose(bar, ax.get_xlim())
    assert ax.get_title().endswith("(0 to no limit)")
    nowhere = replace(report, n_required=np.nan, n_required_interval=(0.0, np.inf))
    ax = plot_learning_curve(nowhere)
    assert len(marked(ax, "D")) == 0
    assert "the error does not fall" in ax.get_title()
    far = replace(report, n_required=1e300, n_required_interval=(1e200, np.inf))
    ax = plot_learning_curve(far)
    assert len(marked(ax, "D")) == 0
    assert ax.get_xlim()[1] < 1e9


def test_spread_beyond_the_error_stays_above_zero(report):
    wide = replace(report, curve=report.curve.assign(sd=2 * report.curve["error"]))
    assert min(bar[:, 1].min() for bar in bars(plot_learning_curve(wide))) > 0


# ------------------------------------------------------------ power
def test_powers_with_their_limits():
    curve = power_curve(ttest_ind, shifted, [80, 20, 40], n_trials=40, random_state=0)
    ax = plot_power_curve(curve)
    curve = curve.sort_values("n")
    assert_allclose(marked(ax, "o"), curve[["n", "power"]].to_numpy())
    for bar, row in zip(bars(ax), curve.itertuples(), strict=True):
        assert_allclose(bar[:, 1], [row.low, row.high])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n", "power")
    assert legend(ax) == ["simulated, with 95 % limits"]


def test_fitted_power_goes_through_the_wanted_one(power):
    ax = plot_power_curve(power)
    n, fitted = labelled(ax, "fitted").T
    assert_allclose(np.interp(power.n, n, fitted), 0.8, atol=2e-3)
    inside = (fitted > 0.01) & (fitted < 0.99)
    steps = np.diff(ndtri(fitted[inside])) / np.diff(np.sqrt(n[inside]))
    assert_allclose(steps, steps[0])  # a line in the root of n
    assert_allclose(labelled(ax, "wanted")[:, 1], 0.8)
    assert_allclose(labelled(ax, "level")[:, 1], 0.05)
    assert_allclose(marked(ax, "D"), [[power.n, 0.8]])
    (reach,) = [bar for bar in bars(ax) if np.ptp(bar[:, 1]) == 0]
    assert_allclose(reach[:, 0], power.confidence_interval())
    assert ax.get_title().startswith(f"power 0.8 at n = {np.ceil(power.n):.0f} (")


def test_fitted_power_is_near_the_truth(power):
    """The power of the z test for known variances, near enough at these sizes, at each of them.

    Within four standard errors of a share of 100 trials.
    """
    ax = plot_power_curve(power)
    n, fitted = labelled(ax, "fitted").T
    sizes = power.curve["n"].to_numpy()
    truth = ndtr(0.5 * np.sqrt(sizes / 2) - 1.96)
    assert_allclose(np.interp(sizes, n, fitted), truth,
                    atol=4 * np.sqrt(0.25 / 100))


def test_power_that_rises_in_one_step():
    """The line between the two sides of the step, not that through all sizes."""
    result = sample_size_for_power(lambda x: 0.001 if len(x) >= 60 else 0.5,
                                   lambda rng, n: np.zeros(n), n_trials=20, max_size=200,
                                   random_state=0)
    assert result.reachable
    n, fitted = labelled(plot_power_curve(result), "fitted").T
    below = result.curve.loc[result.curve["power"] == 0, "n"].max()
    above = result.curve.loc[result.curve["power"] == 1, "n"].min()
    assert np.interp(below, n, fitted) < 0.1
    assert np.interp(above, n, fitted) > 0.9


def test_power_out_of_reach_has_no_line():
    result = sample_size_for_power(lambda x: 0.5, lambda rng, n: np.zeros(n), n_trials=10,
                                   max_size=100, random_state=0)
    ax = plot_power_curve(result)
    assert ax.get_title() == "power 0.8 is not reached"
    assert not any(label.startswith("fitted") for label in legend(ax))
    assert len(marked(ax, "o")) == len(result.curve)
    assert len(marked(ax, "D")) == 0


def test_the_smallest_size_is_marked_and_named():
    result = sample_size_for_power(lambda x: 0.001, lambda rng, n: np.zeros(n), n_trials=20)
    assert result.at_smallest
    ax = plot_power_curve(result)
    assert ax.get_title() == "n = 1, the smallest size, is enough for power 0.8"
    assert_allclose(labelled(ax, "smallest size")[:, 0], 1)
    assert not any(label.startswith("fitted") for label in legend(ax))


# ------------------------------------------------------------ all
def test_colours_tell_what_is_and_what_is_wanted(iris, report, power):
    for ax, calm, alarm in ((plot_risk(iris), "second", "threshold"),
                            (plot_learning_curve(report), "error", "target"),
                            (plot_power_curve(power), "fitted", "wanted")):
        for start, color in ((calm, CALM), (alarm, ALARM)):
            (line,) = [x for x in ax.lines if str(x.get_label()).startswith(start)]
            assert to_hex(line.get_color()) == color


def test_figures_go_to_the_axes_given(iris, report, power):
    figure, axes = plt.subplots(3)
    for draw, result, ax in zip((plot_risk, plot_learning_curve, plot_power_curve),
                                (iris, report, power), axes, strict=True):
        assert draw(result, ax) is ax
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(("draw", "message"), [
    (plot_risk, "must be a PNResult"), (plot_learning_curve, "must be a SampleSizeReport"),
    (plot_power_curve, "must be a PowerResult or the DataFrame"),
])
def test_other_things_are_refused(draw, message):
    with pytest.raises(TypeError, match=message):
        draw(np.zeros(3))
    assert plt.get_fignums() == []


def test_other_axes_and_tables_are_refused(iris, report, power):
    for draw, result in ((plot_risk, iris), (plot_learning_curve, report),
                         (plot_power_curve, power)):
        with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got int"):
            draw(result, 3)
    with pytest.raises(ValueError, match="it lacks low, high"):
        plot_power_curve(pd.DataFrame({"n": [1], "power": [0.5]}))
    with pytest.raises(ValueError, match="no rows"):
        plot_power_curve(power.curve.iloc[:0])
    assert plt.get_fignums() == []
