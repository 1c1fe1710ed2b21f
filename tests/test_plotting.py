"""Figures show the numbers they are given."""

import subprocess
import sys

import numpy as np
import pandas as pd
import plain
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.quiver import Quiver
from scipy import stats
from sklearn.exceptions import NotFittedError

import divest
from divest import (
    HypothesisResult,
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    compare,
)
from divest.datasets import load_penguins, ring, shifted_gaussians
from divest.discrete import f_divergence_test
from divest.goodness_of_fit import KernelSteinTest
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.plotting import (
    plot_bandwidth_curve,
    plot_comparison,
    plot_influence,
    plot_null_distribution,
    plot_path,
    plot_witness,
)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def comparison():
    """Columns of every outcome: drift, no drift and not tested; doubtful joint divergences."""
    penguins = load_penguins().drop(columns=["year", "island", "bill_length_mm"])
    penguins["ring"] = [f"ring {number}" for number in range(len(penguins))]
    female, male = (penguins[penguins["sex"] == s] for s in ("female", "male"))
    columns = ["bill_depth_mm", "body_mass_g", "species", "ring"]
    with pytest.warns(divest.TrustWarning):
        return compare(female, male, columns=columns, divergence=["kl", "hellinger"],
                       n_resamples=plain.smaller(999, 99), random_state=0)


@pytest.fixture(scope="module")
def model():
    return NearestNeighborRatioDivergence().fit_samples(*ring(0, n=300))


def points(ax, marker):
    """Coordinates of everything drawn with a marker."""
    lines = [line for line in ax.lines if line.get_marker() == marker]
    return np.column_stack([np.concatenate(part) for part in
                            zip(*(line.get_data() for line in lines), strict=True)])


def segments(ax):
    """Ends of all intervals, as (x0, y0, x1, y1), from top to bottom."""
    drawn = np.array([s.ravel() for c in ax.collections for s in c.get_segments() if s.size == 4])
    return drawn[np.argsort(drawn[:, 1])]


def test_comparison_shows_every_estimate_and_interval(comparison):
    ax = plot_comparison(comparison)
    table = comparison.to_frame()
    drift = table["drift"].to_numpy(bool)
    assert drift.any()
    assert (~drift).any()
    for marker, here in (("D", drift), ("o", ~drift)):
        want = np.column_stack([table["estimate"], np.arange(len(table))])[here]
        np.testing.assert_array_equal(points(ax, marker), want)
    rows = np.arange(len(table))
    want = np.column_stack([table["low"], rows, table["high"], rows])
    np.testing.assert_array_equal(segments(ax), want[~np.isnan(want).any(axis=1)])


def test_comparison_says_in_words_what_the_tests_say(comparison):
    ax = plot_comparison(comparison)
    table = comparison.to_frame()
    texts = {text.get_position()[1]: text for text in ax.texts}
    assert sorted(texts) == list(range(len(table)))
    for row, entry in enumerate(table.itertuples()):
        text = texts[row].get_text()
        adjusted = entry.pvalue if entry.kind == "joint" else entry.pvalue_adjusted
        assert text == "not tested" or text.split("p = ")[1].startswith(f"{adjusted:.2g}")
        assert ("doubtful" in text) == (not entry.trusted)
    said = [texts[row].get_text().split(",")[0] for row in range(len(table))]
    assert said == ["differ", "differ", "drift", "drift", "no drift", "not tested"]


def test_comparison_rows_are_in_the_order_of_the_table(comparison):
    ax = plot_comparison(comparison)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[:2] == ["joint (kl)", "joint (hellinger)"]
    assert [n.split(" ")[0] for n in names[2:]] == comparison.columns["column"].tolist()
    assert names[-1] == "ring"
    top, bottom = ax.transData.transform([(0, 0), (0, len(names) - 1)])[:, 1]
    assert top > bottom


def test_comparison_without_numeric_columns():
    reference, current = (pd.DataFrame({"x": list(text)}) for text in ("aabb" * 9, "abbb" * 9))
    ax = plot_comparison(compare(reference, current, random_state=0))
    assert len(ax.texts) == 1


def test_doubtful_rows_say_so():
    P, Q = shifted_gaussians(0, n=60, d=2, shift=6.0)
    with pytest.warns(divest.TrustWarning):
        found = compare(Q, P, divergence="kl", random_state=0)
    ax = plot_comparison(found)
    assert ax.texts[0].get_text() == "differ, p = 0.001; doubtful"


def test_null_distribution_counts_every_draw():
    draws = np.random.default_rng(0).normal(size=199)
    result = HypothesisResult(1.5, 0.07, "a test", "nothing differs", draws, 199)
    ax = plot_null_distribution(result)
    assert sum(bar.get_height() for bar in ax.patches) == 199
    assert ax.patches[0].get_x() == draws.min()
    assert ax.lines[0].get_xdata()[0] == 1.5
    assert ax.get_title() == "p = 0.07 from 199 draws"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["under the null hypothesis", "observed, 1.5"]


def test_path_shows_each_k_and_the_final_estimate(model):
    ax = plot_path(model)
    np.testing.assert_array_equal(points(ax, "o"), model.path_[["n_neighbors", "estimate"]])
    np.testing.assert_array_equal(points(ax, "D"), [[0, model.estimate_]])
    low, high = model.confidence_interval_
    np.testing.assert_array_equal(segments(ax), [[0, low, 0, high]])
    assert ax.get_ylabel() == "kl in nats"
    assert ("doubtful" in ax.get_legend().get_texts()[-1].get_text()) == (
        not model.result_.trusted)


def test_path_draws_the_line_that_was_extrapolated(model):
    (line,) = [line for line in plot_path(model).lines if line.get_linestyle() == "--"]
    x, y = line.get_data()
    k = model.path_["n_neighbors"].to_numpy()
    assert x[[0, -1]].tolist() == [0, k.max()]
    assert y[0] == pytest.approx(model.estimate_)
    residuals = model.path_["estimate"] - np.interp(k, x, y)
    assert np.sum(k * residuals) == pytest.approx(0, abs=0.05)  # x is a grid: not quite 0


@pytest.mark.parametrize("settings", [
    {"ensemble": "average"}, {"ensemble": None, "n_neighbors": 40},
    {"method": "paper", "ensemble": "average"},
    {"divergence": "renyi(0.5)", "ensemble": "average"}])
def test_path_of_other_ensembles_has_no_such_line(settings):
    model = NearestNeighborRatioDivergence(**settings).fit_samples(*ring(0, n=300))
    ax = plot_path(model)
    assert all(line.get_linestyle() != "--" for line in ax.lines)
    np.testing.assert_array_equal(points(ax, "D"), [[0, model.estimate_]])


@pytest.fixture(scope="module")
def normal():
    """Rows of a standard normal law and of one that is shifted, with their tests."""
    rows = np.random.default_rng(0).normal(size=(150, 1))
    return {shift: (rows + shift, KernelSteinTest(stats.norm(), random_state=0).fit(rows + shift))
            for shift in (0.0, 0.6)}


@pytest.fixture(scope="module")
def plane():
    """Columns of different units, shifted along the first one, with their test."""
    rows = np.random.default_rng(1).normal(size=(150, 2)) * [1.0, 1000.0] + [0.8, 0.0]
    table = pd.DataFrame(rows, columns=["length", "mass"])
    model = stats.multivariate_normal(cov=np.diag([1.0, 1e6]))
    return table, KernelSteinTest(model, preconditioner="std", random_state=0).fit(table)


CALM, ALARM = "#0072b2", "#d55e00"


@pytest.mark.parametrize(("shift", "color", "title"), [
    (0.0, CALM, "no misfit found, p = "), (0.6, ALARM, "the model does not fit, p = 0.001")])
def test_witness_of_one_column(normal, shift, color, title):
    rows, test = normal[shift]
    ax = plot_witness(test, rows, n_points=50)
    (curve,) = [line for line in ax.lines if line.get_linewidth() == 2]
    x, g = curve.get_data()
    assert (x[0], x[-1], len(x)) == (rows.min(), rows.max(), 50)
    np.testing.assert_array_equal(g, test.witness(x[:, None])[:, 0])
    assert curve.get_color() == color
    assert ax.get_title().startswith(title)
    np.testing.assert_array_equal(points(ax, "|")[:, 0], rows[:, 0])


def test_witness_says_that_shifted_rows_must_move_back(normal):
    ax = plot_witness(*normal[0.6][::-1])
    (curve,) = [line for line in ax.lines if line.get_linewidth() == 2]
    assert (curve.get_ydata() < 0).all()
    assert ax.get_ylabel() == "witness: above 0, mass must move right"


def test_witness_of_two_columns_is_drawn_in_units_of_their_deviations(plane):
    table, test = plane
    ax = plot_witness(test, table, n_points=6)
    (arrows,) = [drawn for drawn in ax.collections if isinstance(drawn, Quiver)]
    places = np.column_stack([arrows.X, arrows.Y])
    assert places.shape == (36, 2)
    want = test.witness(places) * table.std(ddof=0).to_numpy()
    np.testing.assert_allclose(np.column_stack([arrows.U, arrows.V]), want)
    assert (arrows.U < 0).mean() > 0.9
    assert np.abs(arrows.U).mean() > 2 * np.abs(arrows.V).mean()
    assert to_hex(arrows.get_facecolor()[0]) == ALARM
    np.testing.assert_array_equal(points(ax, "."), table.to_numpy())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "mass")


def test_witness_of_a_family():
    rows = np.random.default_rng(0).exponential(size=(80, 1))
    test = CompositeSteinTest(stats.norm, null="standardize", n_resamples=39,
                              random_state=0).fit(rows)
    assert plot_witness(test, rows).get_title() == "the model does not fit, p = 0.025"


def test_witness_is_not_drawn_where_no_picture_shows_it(normal):
    rows, test = normal[0.0]
    with pytest.raises(ValueError, match="one or two columns"):
        plot_witness(test, np.hstack([rows, rows, rows]))
    with pytest.raises(ValueError, match="of 1 columns; got 2"):
        plot_witness(test, np.hstack([rows, rows]))
    with pytest.raises(ValueError, match="n_points must be at least 2"):
        plot_witness(test, rows, n_points=1)
    assert plt.get_fignums() == []


def test_influence_shows_every_row_and_labels_the_largest(normal):
    _, test = normal[0.6]
    ax = plot_influence(test, n_rows=3)
    drawn = np.array([s[1] for s in ax.collections[0].get_segments()])
    np.testing.assert_array_equal(drawn, np.column_stack([np.arange(150), test.influence_]))
    worst = np.argsort(-test.influence_)[:3]
    assert [text.get_text() for text in ax.texts] == [str(row) for row in worst]
    np.testing.assert_array_equal(points(ax, "D"),
                                  np.column_stack([worst, test.influence_[worst]]))
    (mean,) = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert mean.get_ydata()[0] == test.influence_.mean()


def test_influence_takes_labels_and_keeps_those_of_neighbours_apart(normal):
    _, test = normal[0.6]
    names = [f"row {row}" for row in range(150)]
    ax = plot_influence(test, n_rows=150, labels=names)
    assert sorted(text.get_text() for text in ax.texts) == sorted(names)
    heights = {text.get_text(): text.xyann[1] for text in ax.texts}
    assert heights["row 0"] < heights["row 1"] < heights["row 2"]
    assert not plot_influence(test, n_rows=0).texts
    with pytest.raises(ValueError, match="one entry per row, 150"):
        plot_influence(test, labels=names[1:])


def test_bandwidth_curve_shows_multiples_of_the_critical_value(normal):
    _, test = normal[0.6]
    curve = test.bandwidth_curve(level=0.1)
    ax = plot_bandwidth_curve(test, level=0.1)
    ratio = curve["statistic"] / curve["critical"]
    assert (ratio >= 1).any()
    assert (ratio < 1).any()
    for marker, here in (("o", ratio < 1), ("D", ratio >= 1)):
        np.testing.assert_allclose(
            points(ax, marker), np.column_stack([curve["bandwidth"], ratio])[here])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "symlog")
    assert "no misfit at 10 %" in ax.get_legend().get_texts()[0].get_text()


def test_bandwidth_curve_of_a_true_model_stays_in_its_band(normal):
    ax = plot_bandwidth_curve(normal[0.0][1].bandwidth_curve())
    assert len(points(ax, "o")) == 13
    assert [line for line in ax.lines if line.get_marker() == "D"] == []
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "no misfit at 5 %, all bandwidths together"]
    assert ax.get_yscale() == "linear"


def test_bandwidth_curve_without_critical_values_is_refused(normal):
    curve = normal[0.0][1].bandwidth_curve()
    with pytest.raises(ValueError, match="use more resamples"):
        plot_bandwidth_curve(curve.assign(critical=np.inf))
    curve.loc[3, "critical"] = np.inf
    assert len(points(plot_bandwidth_curve(curve), "o")) == len(curve) - 1


def test_rows_have_no_influence_where_pairs_are_tested(normal):
    test = KernelSteinTest(stats.norm(), null="linear").fit(normal[0.0][0])
    with pytest.raises(TypeError, match="influence of each row"):
        plot_influence(test)


@pytest.mark.parametrize("bandwidth", ["auto", "median"])
def test_null_distribution_of_a_stein_test(normal, bandwidth):
    test = KernelSteinTest(stats.norm(), bandwidth=bandwidth, random_state=0).fit(normal[0.6][0])
    ax = plot_null_distribution(test.result_)
    assert sum(bar.get_height() for bar in ax.patches) == 999
    assert ax.lines[0].get_xdata()[0] == test.statistic_
    assert ax.get_title() == "p = 0.001 from 999 draws"


def test_figures_go_to_the_axes_given(comparison, model, normal):
    rows, test = normal[0.6]
    figure, axes = plt.subplots(6)
    assert plot_witness(test, rows, axes[3]) is axes[3]
    assert plot_influence(test, axes[4]) is axes[4]
    assert plot_bandwidth_curve(test, axes[5]) is axes[5]
    assert plot_comparison(comparison, axes[0]) is axes[0]
    assert plot_null_distribution(comparison.test, ax=axes[1]) is axes[1]
    assert plot_path(model, ax=axes[2]) is axes[2]
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(("function", "argument", "message"), [
    (plot_comparison, pd.DataFrame(), "must be a Comparison, got DataFrame"),
    (plot_null_distribution, 0.5, "must be a HypothesisResult.*got float"),
    (plot_path, NearestNeighborDistanceDivergence(), "must be a NearestNeighborRatioDivergence"),
    (plot_bandwidth_curve, pd.DataFrame(), "must be a fitted KernelSteinTest or its"),
    (lambda test: plot_witness(test, [[0.0]]), 0.5, "with a witness function.*got float"),
    (plot_influence, NearestNeighborRatioDivergence().fit_samples(*ring(0, n=50)), "influence"),
])
def test_other_things_are_refused(function, argument, message):
    with pytest.raises(TypeError, match=message):
        function(argument)
    assert plt.get_fignums() == []


def test_a_wrong_ax_is_refused(model):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got Figure"):
        plot_path(model, plt.figure())


def test_an_unfitted_estimator_is_refused():
    for draw in (lambda: plot_path(NearestNeighborRatioDivergence()),
                 lambda: plot_influence(KernelSteinTest(stats.norm())),
                 lambda: plot_witness(KernelSteinTest(stats.norm()), [[0.0]]),
                 lambda: plot_bandwidth_curve(KernelSteinTest(stats.norm()))):
        with pytest.raises(NotFittedError):
            draw()


def test_a_test_without_draws_is_refused():
    with pytest.raises(ValueError, match=r"chi-square.* made none"):
        plot_null_distribution(f_divergence_test([300, 500], [400, 400]))


def test_matplotlib_waits_and_its_absence_is_explained():
    code = """if True:
        import sys
        import divest.plotting
        assert "matplotlib" not in sys.modules
        sys.modules["matplotlib"] = None
        try:
            divest.plotting._axes.axes_or_new(None)
        except ImportError as error:
            print(error)
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "plotting needs matplotlib: pip install 'divest[plot]'", done
