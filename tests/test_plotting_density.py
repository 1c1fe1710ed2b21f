"""Figures of densities show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.exceptions import NotFittedError

from divest import KernelDensity, RegimeResult
from divest.plotting import plot_density, plot_regimes

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # condensed on purpose
COLORS = {"condensed": "#d55e00", "heavy_tailed": "#f0b400", "clt": "#0072b2", "empty": "black"}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def normal():
    """An estimate of one column, and its rows."""
    rows = np.random.default_rng(0).normal(size=(300, 1))
    return KernelDensity(bandwidth="scott").fit(rows), rows


@pytest.fixture(scope="module")
def plane():
    """An estimate of two columns with names, and its rows."""
    rows = np.random.default_rng(1).multivariate_normal([0, 5], [[1, 0.8], [0.8, 4]], 400)
    table = pd.DataFrame(rows, columns=["length", "mass"])
    return KernelDensity(bandwidth="scott").fit(table), table


@pytest.fixture(scope="module")
def regimes():
    """Regimes of three kinds."""
    rows = np.random.default_rng(0).normal(size=(400, 12))
    return KernelDensity(bandwidth=0.75).fit(rows).regime()


def drawn(ax, marker):
    """Coordinates of everything drawn with a marker, for each colour."""
    return {to_hex(line.get_color()): np.column_stack(line.get_data()) for line in ax.lines
            if line.get_marker() == marker}


# ------------------------------------------------------------ one column
def test_curve_and_rows(normal):
    density, rows = normal
    ax = plot_density(density, grid_points=65)
    (curve,) = [line for line in ax.lines if line.get_linewidth() == 2]
    want = density.evaluate_grid(65)
    assert_allclose(np.column_stack(curve.get_data()), want.to_numpy())
    (rug,) = drawn(ax, "|").values()
    assert_allclose(rug[:, 0], rows[:, 0], atol=1e-12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("column 0", "density")


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_interval_is_that_of_the_logarithm_and_has_gaps(normal, level):
    density, _ = normal
    ax = plot_density(density, grid_points=65, confidence_level=level)
    grid = density.evaluate_grid(65)
    error = density.score_samples(grid[["x0"]].to_numpy(), return_std=True)[1]
    speaks = np.isfinite(error)
    assert 10 < speaks.sum() < 65
    reach = stats.norm.ppf(0.5 + level / 2) * error
    (band,) = ax.collections
    corners = np.concatenate([path.vertices for path in band.get_paths()])
    assert corners[:, 0].min() == grid["x0"][speaks].min()
    assert corners[:, 0].max() == grid["x0"][speaks].max()
    want = grid["density"] * np.exp(reach)
    assert_allclose(corners[:, 1].max(), want.max())
    assert f"{100 * level:g} % interval" in ax.get_legend().get_texts()[0].get_text()


def test_curve_of_a_named_column_with_an_edge():
    table = pd.DataFrame({"wait": np.random.default_rng(0).exponential(size=200)})
    ax = plot_density(KernelDensity(bounds=(0, None)).fit(table))
    (curve,) = [line for line in ax.lines if line.get_linewidth() == 2]
    assert curve.get_xdata()[0] == pytest.approx(0, abs=1e-9)
    assert ax.get_xlabel() == "wait"


def test_a_curve_below_zero_is_seen():
    rows = np.random.default_rng(0).gamma(4.0, size=(200, 1))
    density = KernelDensity(bandwidth=1.0, bounds=(0, None), boundary="linear").fit(rows)
    lowest = density.evaluate_grid()["density"].min()
    assert lowest < 0
    assert plot_density(density).get_ylim()[0] == pytest.approx(lowest)


# ------------------------------------------------------------ two columns
def test_regions_hold_the_mass_that_they_say(plane):
    """Of draws from the estimate: 4 standard errors of a share of 40,000, and the grid's step."""
    density, _ = plane
    ax = plot_density(density, grid_points=200)
    levels = ax.collections[0].levels[:-1]
    draws = density.sample(40_000, random_state=0)
    held = [(density.pdf(pd.DataFrame(draws, columns=["length", "mass"])) >= level).mean()
            for level in levels]
    assert_allclose(held, [0.95, 0.75, 0.5, 0.25], atol=4 * 0.0025 + 0.002)
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said == ["95 %", "75 %", "50 %", "25 %"]


def test_regions_lie_over_the_rows(plane):
    density, table = plane
    ax = plot_density(density)
    (points,) = drawn(ax, ".").values()
    assert_allclose(points, table.to_numpy())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length", "mass")
    vertices = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    inside = np.cov(vertices.T)
    assert inside[0, 1] > 0  # not transposed: these columns rise together
    assert np.ptp(vertices[:, 1]) > np.ptp(vertices[:, 0])


def test_of_many_rows_some_are_drawn():
    rows = np.random.default_rng(0).normal(size=(4001, 2))
    (points,) = drawn(plot_density(KernelDensity(bandwidth=0.5).fit(rows)), ".").values()
    assert_allclose(points, rows[::3], atol=1e-12)


def test_a_flat_top_has_no_regions_within():
    """One kernel of constant height: its one level holds all the mass."""
    ax = plot_density(KernelDensity(kernel="tophat", bandwidth=1.0).fit([[0.0, 0.0]]))
    assert len(ax.collections[0].levels) == 2
    assert len(ax.get_legend().get_texts()) == 1


# ------------------------------------------------------------ the map of regimes
def test_map_shows_every_query_in_the_colour_of_its_regime(regimes):
    ax = plot_regimes(regimes)
    counts = regimes.frame["regime"].value_counts()
    assert set(counts.index) == {"condensed", "heavy_tailed", "clt"}
    shown = {to_hex(line.get_color()): np.column_stack(line.get_data()) for line in ax.lines
             if line.get_zorder() == 3}
    for name, color in list(COLORS.items())[:3]:
        part = regimes.frame[regimes.frame["regime"] == name]
        assert_allclose(shown[color], part[["h_g", "n_eff"]].to_numpy())
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said[0] == f"condensed: {100 * round(regimes.shares['condensed'], 3):.4g} %"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_bands_part_the_regimes(regimes):
    """The points of each regime lie in the band of its colour."""
    ax = plot_regimes(regimes)
    for band in ax.patches:
        name = next(n for n, color in COLORS.items() if color == to_hex(band.get_facecolor()))
        h = regimes.frame.loc[regimes.frame["regime"] == name, "h_g"]
        start = band.get_x()
        assert (h >= start * (1 - 1e-6)).all()
        assert (h <= (start + band.get_width()) * (1 + 1e-6)).all()
    assert len(ax.patches) == 3
    assert any(line.get_xdata()[0] == regimes.bandwidth == 0.75 for line in ax.lines)


def test_regimes_of_an_estimator_are_those_of_its_rows(plane):
    density, _ = plane
    ax = plot_regimes(density)
    want = density.regime().frame
    shown = np.concatenate([line.get_ydata() for line in ax.lines if line.get_zorder() == 3])
    assert_allclose(np.sort(shown), np.sort(want["n_eff"]))


def test_kernels_of_bounded_support_may_hold_no_row():
    rows = np.append(np.random.default_rng(0).normal(size=100), 30.0)[:, None]
    density = KernelDensity(kernel="tophat", bandwidth=0.3).fit(rows)
    ax = plot_regimes(density)
    assert ax.get_yscale() == "symlog"
    assert "empty: 1 %" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(ax.patches) == 1  # of these only the condensed are known from h_g


def test_bandwidths_out_of_reach_are_drawn_at_the_edge():
    """Of four rows there are never five."""
    density = KernelDensity(bandwidth=0.5).fit([[0.0], [1.0], [2.0], [4.0]])
    assert np.isinf(density.regime().frame["h_g"]).all()
    ax = plot_regimes(density)
    (shown,) = [line for line in ax.lines if line.get_zorder() == 3]
    assert (shown.get_xdata() == ax.get_xlim()[1]).all()


# ------------------------------------------------------------ both
def test_figures_go_to_the_axes_given(normal, regimes):
    figure, axes = plt.subplots(2)
    assert plot_density(normal[0], axes[0]) is axes[0]
    assert plot_regimes(regimes, axes[1]) is axes[1]
    assert plt.get_fignums() == [figure.number]


def test_other_things_are_refused(normal, regimes):
    with pytest.raises(TypeError, match="must be a KernelDensity, got ndarray"):
        plot_density(normal[1])
    with pytest.raises(TypeError, match="RegimeResult or a fitted KernelDensity, got DataFrame"):
        plot_regimes(regimes.frame)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got int"):
        plot_density(normal[0], 3)
    for draw in (plot_density, plot_regimes):
        with pytest.raises(NotFittedError):
            draw(KernelDensity())
    with pytest.raises(ValueError, match="no picture shows a density of 3 columns"):
        plot_density(KernelDensity(bandwidth=1.0).fit(np.eye(3)))
    with pytest.raises(ValueError, match="confidence_level"):
        plot_density(normal[0], confidence_level=95)
    with pytest.raises(ValueError, match="no queries"):
        plot_regimes(RegimeResult(regimes.frame.iloc[:0], 1.0))
    assert plt.get_fignums() == []
