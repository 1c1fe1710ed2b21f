"""Edges of the support: ratios of densities in closed form, refusals, weights and identities."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.integrate import quad

from divest.goodness_of_fit import (
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_score_model,
)
from divest.goodness_of_fit._boundary import (
    EDGE_LIMIT,
    box_weights,
    edge_density,
    evenly_spaced,
    refuse_edges,
    typical_distance,
)

INF = np.inf


def both_ways(frozen):
    """A model with its log density, and the same known through its score alone."""
    model = as_score_model(frozen)
    return [model, replace(model, log_density=None)]


# ------------------------------------------------------------------------------ densities at edges
@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize(("frozen", "where"), [
    (stats.expon(), "the lower edge 0 of column 0"),
    (stats.expon(1e9), "the lower edge 1e+09 of column 0"),
    (stats.beta(3, 1), "the upper edge 1 of column 0"),
    (stats.uniform([5, 0], [1, 1]), "the lower edge 5 of column 0"),
])
def test_density_is_greatest_at_the_edge(frozen, where, way, rng):
    model = both_ways(frozen)[way]
    assert edge_density(model, model.sample(80, rng)) == (pytest.approx(1, abs=1e-5), where)


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("a", [1.1, 1.5, 3.0])
def test_ratio_of_gamma_in_closed_form(a, way, rng):
    model = both_ways(stats.gamma(a))[way]
    X = model.sample(400, rng)
    law, near = stats.gamma(a), 1e-6 * np.median(X)
    want = law.pdf(near) / law.pdf(a - 1)
    assert edge_density(model, X)[0] == pytest.approx(want, rel=0.02)  # the mode lies between rows


@pytest.mark.parametrize("way", [0, 1])
def test_truncated_normal_names_the_worse_edge(way, rng):
    law = stats.truncnorm(-1, 2)
    ratio, where = edge_density(both_ways(law)[way], law.rvs((300, 1), random_state=rng))
    assert where == "the lower edge -1 of column 0"
    assert ratio == pytest.approx(np.exp(-0.5), rel=5e-3)


@pytest.mark.parametrize("way", [0, 1])
def test_many_columns_do_not_raise_the_ratio(way, rng):
    """The density of no row is near its maximum in 100 columns; the ratio must not show that."""
    law = stats.gamma(np.full(100, 2.2))
    model = both_ways(law)[way]
    assert 1e-7 < edge_density(model, model.sample(100, rng))[0] < EDGE_LIMIT


def test_no_edges():
    X = np.random.default_rng(0).normal(size=(20, 2))
    assert edge_density(as_score_model(stats.norm([0, 0])), X) == (0.0, "")
    assert edge_density(ScoreModel(lambda X: -X), X) == (0.0, "")


@pytest.mark.parametrize("way", [0, 1])
def test_rows_on_the_edge_are_no_obstacle(way):
    model = both_ways(stats.expon())[way]
    mostly = np.r_[np.zeros(30), np.arange(1.0, 11.0)][:, None]
    for X in (mostly, np.zeros((10, 1))):
        assert edge_density(model, X)[0] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("frozen", [stats.expon(), stats.uniform(), stats.gamma(1.8),
                                    stats.truncnorm(-1, INF)], ids=lambda law: law.dist.name)
def test_edges_are_refused(frozen, way, rng):
    model = both_ways(frozen)[way]
    with pytest.raises(SupportBoundaryError, match="edge") as caught:
        refuse_edges(model, model.sample(100, rng))
    text = str(caught.value)
    words = (model.name, "Stein identity", "support=", "'tilt'", "'project'", "boundary_points",
             "'ignore'")
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("way", [0, 1])
@pytest.mark.parametrize("frozen", [stats.gamma(2.3), stats.beta(3, 4), stats.lognorm(1),
                                    stats.norm(), stats.invgamma(3)], ids=lambda law: law.dist.name)
def test_densities_that_vanish_are_taken(frozen, way, rng):
    model = both_ways(frozen)[way]
    X = model.sample(100, rng)
    refuse_edges(model, X)
    assert edge_density(model, X)[0] < EDGE_LIMIT


# ------------------------------------------------------------------------------ weights
BOXES = [((0.0,), (INF,)), ((-INF,), (2.0,)), ((-1.0,), (2.0,)), ((-INF,), (INF,)),
         ((0.0, -INF, -3.0, -INF), (INF, 1.0, 4.0, INF))]


@pytest.mark.parametrize(("lower", "upper"), BOXES)
def test_weights_and_derivatives(lower, upper, rng):
    lower, upper, step = np.array(lower), np.array(upper), 1e-5
    X = rng.uniform(np.maximum(lower, -1), np.minimum(upper, 1), (41, len(lower)))
    move = step * (np.median(X, axis=0) != X)  # all but the medians, which set the scale
    W, dW = box_weights(X, lower, upper)
    rise = box_weights(X + move, lower, upper)[0] - box_weights(X - move, lower, upper)[0]
    assert (move > 0).sum() == 40 * len(lower)
    assert_allclose(rise[move > 0] / (2 * step), dW[move > 0], atol=1e-7)
    assert (W >= 0).all()


def test_weights_by_hand():
    X = np.array([[0.0], [1.0], [3.0]])  # median distance 1
    W, dW = box_weights(X, np.array([0.0]), np.array([INF]))
    assert_allclose(W[:, 0], [0, 1 / 2, 3 / 4])
    assert_allclose(dW[:, 0], [1, 1 / 4, 1 / 16])
    W, dW = box_weights(-X, np.array([-INF]), np.array([0.0]))
    assert_allclose(W[:, 0], [0, 1 / 2, 3 / 4])
    assert_allclose(dW[:, 0], [-1, -1 / 4, -1 / 16])
    W, dW = box_weights(X, np.array([0.0]), np.array([4.0]))
    assert_allclose(W[:, 0], [0, 1 / 2, 3 / 8])  # medians 1 and 3: 2 t/(t + 1) (4 - t)/(7 - t)
    assert_allclose(dW[:, 0], [8 / 7, 1 / 6, -1 / 4])
    far = box_weights(X, np.array([0.0]), np.array([1e9]))[0]
    assert_allclose(far[:, 0], [0, 1 / 2, 3 / 4], rtol=1e-8)  # as if there were no such end
    W, dW = box_weights(X, np.array([-INF]), np.array([INF]))
    assert_array_equal(W, np.ones((3, 1)))
    assert_array_equal(dW, np.zeros((3, 1)))


@pytest.mark.parametrize(("frozen", "lower", "upper"), [
    (stats.expon(), 0.0, INF), (stats.expon(scale=5), 0.0, INF),
    (stats.truncnorm(-1, 2), -1.0, 2.0), (stats.truncnorm(-0.5, 0.3), -0.5, 0.3),
    (stats.truncnorm(-INF, 1), -INF, 1.0), (stats.uniform(), 0.0, 1.0),
    (stats.truncnorm(-1, INF, loc=3), 2.0, INF),
])
def test_stein_identity_with_weights(frozen, lower, upper):
    """E[w s + w'] = 0 with weights; without, E[s] = 0 and E[x s + 1] = 0 do not both hold."""
    model, bounds = as_score_model(frozen), (np.full(1, lower), np.full(1, upper))
    scale = frozen.rvs((101, 1), random_state=0)  # its median is that of all rows below

    def integrand(x):
        balance = [[scale.min()]] if x > np.median(scale) else [[scale.max()]]
        W, dW = box_weights(np.vstack([scale, balance, [[x]]]), *bounds)
        return frozen.pdf(x) * (W[-1, 0] * model.score([[x]])[0, 0] + dW[-1, 0])

    ends = max(lower, frozen.ppf(1e-14)), min(upper, frozen.isf(1e-14))
    assert abs(quad(integrand, *ends, limit=200)[0]) < 1e-8
    plain = [quad(lambda x: frozen.pdf(x) * model.score([[x]])[0, 0], *ends)[0],
             quad(lambda x: frozen.pdf(x) * (x * model.score([[x]])[0, 0] + 1), *ends)[0]]
    assert np.abs(plain).max() > 0.1


def test_all_rows_on_an_edge():
    with pytest.raises(ValueError, match=r"column 1 lies on an edge of the support, from 0 to inf"):
        box_weights(np.array([[1.0, 0.0], [2.0, 0.0]]), np.zeros(2), np.full(2, INF))
    with pytest.raises(ValueError, match="column 0 lies on an edge"):
        box_weights(np.array([[0.0], [1.0]]), np.zeros(1), np.ones(1))
    W, dW = box_weights(np.array([[0.0], [0.0], [0.0], [2.0]]), np.zeros(1), np.full(1, INF))
    assert_allclose(W[:, 0], [0, 0, 0, 1 / 2])  # most on the edge: the median of the others
    assert np.isfinite(dW).all()


def test_rows_outside_the_box():
    with pytest.raises(OutOfSupportError, match="row 1 of X"):
        box_weights(np.array([[1.0], [-1.0]]), np.zeros(1), np.full(1, INF))


def test_typical_distance():
    assert typical_distance(np.array([0.0, 1.0, 5.0])) == 1.0
    assert typical_distance(np.array([0.0, 0.0, 0.0, 3.0, 5.0])) == 4.0
    assert typical_distance(np.zeros(3)) == 0.0


def test_evenly_spaced():
    assert_array_equal(evenly_spaced(3, 5), [0, 1, 2])
    assert_array_equal(evenly_spaced(101, 5), [0, 25, 50, 75, 100])
