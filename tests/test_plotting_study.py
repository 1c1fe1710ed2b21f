"""Figures of a study show its summary."""

import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose

from divest.plotting import plot_study
from divest.study import Study


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def simulate(rng, n, shift):
    return rng.normal(shift, 1, n)


def z_test(x):
    from scipy.special import ndtr

    z = x.mean() * len(x) ** 0.5
    return {"estimate": x.mean(), "standard_error": len(x) ** -0.5, "statistic": z,
            "pvalue": 2 * ndtr(-abs(z))}


@pytest.fixture(scope="module")
def results():
    grid = {"n": [5, 20, 80], "shift": [0.0, 0.5]}
    return Study(simulate, {"z": z_test}, grid, truth="shift", n_replications=40, name="z").run()


def points(container):
    return container.lines[0].get_xydata()


@pytest.mark.parametrize("y", ["rejections", "coverage"])
def test_rates_with_their_wilson_limits(results, y):
    ax = results.plot("n", y)
    assert len(ax.containers) == 2
    for drawn, (_, rows) in zip(ax.containers, results.summary().groupby("shift"), strict=True):
        assert_allclose(points(drawn), rows[["n", y]])
        ends = [segment[:, 1] for segment in drawn.lines[2][0].get_segments()]
        assert_allclose(ends, rows[[f"{y}_low", f"{y}_high"]], atol=1e-12)
    goal = {"rejections": 0.05, "coverage": 0.95}[y]
    assert goal in [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["shift = 0.0",
                                                                       "shift = 0.5"]
    assert ax.get_title() == "z: 40 replications"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")


@pytest.mark.parametrize(("y", "error"), [("bias", "bias_mcse"), ("rmse", "rmse_mcse")])
def test_errors_with_their_monte_carlo_errors(results, y, error):
    ax = plot_study(results, "n", y)
    rows = results.summary().query("shift == 0.5")
    ends = [segment[:, 1] for segment in ax.containers[1].lines[2][0].get_segments()]
    reach = 1.959964 * rows[error]
    assert_allclose(ends, list(zip(rows[y] - reach, rows[y] + reach, strict=True)), rtol=1e-6)
    assert ax.get_yscale() == ("log" if y == "rmse" else "linear")


def test_lines_are_told_apart_by_marker_and_colour(results):
    ax = results.plot("n", "sd")
    first, second = (container.lines[0] for container in ax.containers)
    assert to_hex(first.get_color()) != to_hex(second.get_color())
    assert first.get_marker() != second.get_marker()


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"x": "d"}, ValueError, "x must be a setting, one of n, shift"),
    ({"x": "n", "y": "power"}, ValueError, "y must be a column of the summary, one of replic"),
    ({"x": "n", "by": "method"}, ValueError, "shift varies too; name it in by"),
    ({"x": "n", "by": "colour"}, ValueError, "by must name settings or 'method'; got colour"),
    ({"x": "n", "by": len}, TypeError, "by must be a list, got <built-in"),
    ({"x": "n", "ax": 3}, TypeError, "ax must be a matplotlib Axes"),
])
def test_bad_input(results, settings, error, message):
    with pytest.raises(error, match=message):
        plot_study(results, **settings)


def test_what_is_no_study_or_has_nothing_to_draw(results):
    with pytest.raises(TypeError, match="results must be the StudyResults"):
        plot_study(results.frame, "n")
    empty = Study(simulate, {"m": lambda x: 1.0}, {"n": [5], "shift": [0.0]}, n_replications=2)
    with pytest.raises(ValueError, match="there is no coverage to draw"):
        empty.run().plot("n", "coverage")
