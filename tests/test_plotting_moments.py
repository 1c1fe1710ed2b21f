"""Figures of moment conditions show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

from divest.moments import ConfidenceSet, MomentEstimate
from divest.plotting import plot_coefficients, plot_confidence_set


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture
def estimate():
    return MomentEstimate(["slope", "level"], np.array([1.5, 0.0]), np.diag([0.04, 1.0]), "m",
                          (50,))


def tent(points, height=1.0):
    """A set whose p-value is a tent of width 4 around 1.5."""
    points = np.asarray(points, dtype=float)
    pvalue = height * np.clip(1 - np.abs(points - 1.5) / 2, 0, 1)
    return ConfidenceSet(pd.DataFrame({"slope": points}), np.zeros(len(points)), pvalue, 0.95,
                         "S set")


def shaded(ax):
    """Left and right ends of all shaded ranges."""
    return [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]


def test_shade_is_the_set():
    found = tent(np.linspace(-2, 5, 71))
    ax = plot_confidence_set(found)
    assert_allclose(shaded(ax), found.intervals)
    assert_allclose(ax.lines[0].get_xydata(),
                    np.column_stack([found.grid["slope"], found.pvalue]))
    assert ax.lines[1].get_ydata()[0] == pytest.approx(0.05)
    assert ax.get_title() == ""


def test_pieces_are_shaded_one_by_one():
    points = np.linspace(-10, 10, 201)
    pvalue = (np.abs(np.abs(points) - 5) < 2).astype(float)
    found = ConfidenceSet(pd.DataFrame({"slope": points}), pvalue, pvalue, 0.95)
    ax = plot_confidence_set(found)
    assert len(shaded(ax)) == 2
    assert_allclose(shaded(ax), found.intervals)
    assert len(ax.get_legend().get_texts()) == 1


def test_a_set_without_end_is_shaded_to_the_edge():
    ax = plot_confidence_set(tent(np.linspace(0, 3, 31)))
    assert_allclose(shaded(ax), [ax.get_xlim()])
    assert ax.get_title() == "no end found"


def test_an_empty_set_says_so():
    ax = plot_confidence_set(tent(np.linspace(-2, 5, 71), height=0.01))
    assert not ax.patches
    assert ax.get_title().startswith("empty")


def test_normal_interval_is_drawn_and_in_view(estimate):
    ax = plot_confidence_set(tent(np.linspace(-2, 5, 71)), estimate=estimate)
    bar = ax.lines[2].get_xdata()
    assert_allclose(bar, 1.5 + 1.959964 * 0.2 * np.array([-1, 1]), rtol=1e-6)
    far = MomentEstimate(["slope"], np.array([40.0]), np.eye(1), "m", (50,))
    low, high = plot_confidence_set(tent(np.linspace(-2, 5, 71)), estimate=far).get_xlim()
    assert low < -0.4
    assert high > 42


def test_view_is_not_that_of_a_grid_over_the_whole_line():
    grid = 1.5 + np.tan(np.linspace(-1, 1, 41) * np.arctan(1e6))
    low, high = plot_confidence_set(tent(grid)).get_xlim()
    assert -10 < low < -0.4
    assert 3.4 < high < 13


def test_other_parameters_are_profiled_out():
    axes = np.linspace(-2, 5, 15), np.linspace(0, 1, 3)
    grid = pd.DataFrame({"slope": np.repeat(axes[0], 3), "level": np.tile(axes[1], 15)})
    pvalue = np.clip(1 - np.abs(grid["slope"] - 1.5) / 2, 0, 1) * grid["level"]
    found = ConfidenceSet(grid, pvalue.to_numpy(), pvalue.to_numpy(), 0.95)
    assert_allclose(plot_confidence_set(found).lines[0].get_ydata(),
                    np.clip(1 - np.abs(axes[0] - 1.5) / 2, 0, 1))
    ax = plot_confidence_set(found, parameter="level")
    assert ax.get_xlabel() == "level"
    assert_allclose(ax.lines[0].get_ydata(), axes[1])  # the slope 1.5 is in the grid


def test_coefficients_and_their_intervals(estimate):
    ax = plot_coefficients({"a": estimate, "b": estimate}, "slope", confidence_level=0.9)
    (segments,) = [lines.get_segments() for lines in ax.containers[0][2]]
    assert_allclose(np.array(segments)[:, :, 0],
                    np.tile(1.5 + 1.644854 * 0.2 * np.array([-1, 1]), (2, 1)), rtol=1e-6)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim() == (1.5, -0.5)  # the first is on top
    assert "90 %" in ax.get_xlabel()


def test_bad_input(estimate):
    found = tent(np.linspace(-2, 5, 71))
    with pytest.raises(TypeError, match="found must be a ConfidenceSet"):
        plot_confidence_set(estimate)
    with pytest.raises(TypeError, match="must be a matplotlib Axes"):
        plot_confidence_set(found, 3)
    with pytest.raises(ValueError, match="one of slope, got 'x'"):
        plot_confidence_set(found, parameter="x")
    with pytest.raises(TypeError, match=r"estimates must be MomentEstimate.* got int"):
        plot_confidence_set(found, estimate=3)
    with pytest.raises(ValueError, match="one of slope, level, got 'x'"):
        plot_coefficients({"a": estimate}, "x")
    with pytest.raises(ValueError, match="got none"):
        plot_coefficients({}, "slope")
