"""Figures show the numbers they are given."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from sklearn.exceptions import NotFittedError

import divest
from divest import (
    HypothesisResult,
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    compare,
)
from divest.datasets import load_penguins, ring, shifted_gaussians
from divest.discrete import g_test
from divest.plotting import plot_comparison, plot_null_distribution, plot_path


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
                       random_state=0)


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


def test_figures_go_to_the_axes_given(comparison, model):
    figure, axes = plt.subplots(3)
    assert plot_comparison(comparison, axes[0]) is axes[0]
    assert plot_null_distribution(comparison.test, ax=axes[1]) is axes[1]
    assert plot_path(model, ax=axes[2]) is axes[2]
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(("function", "argument", "message"), [
    (plot_comparison, pd.DataFrame(), "must be a Comparison, got DataFrame"),
    (plot_null_distribution, 0.5, "must be a HypothesisResult.*got float"),
    (plot_path, NearestNeighborDistanceDivergence(), "must be a NearestNeighborRatioDivergence"),
])
def test_other_things_are_refused(function, argument, message):
    with pytest.raises(TypeError, match=message):
        function(argument)
    assert plt.get_fignums() == []


def test_a_wrong_ax_is_refused(model):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got Figure"):
        plot_path(model, plt.figure())


def test_an_unfitted_estimator_is_refused():
    with pytest.raises(NotFittedError):
        plot_path(NearestNeighborRatioDivergence())


def test_a_test_without_draws_is_refused():
    with pytest.raises(ValueError, match=r"chi-square.* made none"):
        plot_null_distribution(g_test([300, 500], [400, 400]))


def test_matplotlib_waits_and_its_absence_is_explained():
    code = """if True:
        import sys
        import divest.plotting
        assert "matplotlib" not in sys.modules
        sys.modules["matplotlib"] = None
        try:
            divest.plotting._axes(None)
        except ImportError as error:
            print(error)
        """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "plotting needs matplotlib: pip install 'divest[plot]'", done
