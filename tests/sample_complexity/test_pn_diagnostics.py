"""pn_criterion: what it says against its numbers, and when."""

from contextlib import nullcontext

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.special import digamma

from divest import TrustWarning
from divest.sample_complexity._pn_fit import FAMILIES
from divest.sample_complexity.pn_criterion import (
    general_pn_criterion,
    pn_criterion,
    required_sample_size,
)

quiet = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


def failed(result):
    return {d.name for d in result.diagnostics if not d.passed}


def test_nothing_is_said_against_a_good_sample(rng):
    result = pn_criterion(rng.normal(size=(1000, 2)))
    assert result.trusted
    assert [d.name for d in result.diagnostics] == [
        "full_rank", "sample_exceeds_p", "groups_needed", "misspecified", "heavy_tails",
        "second_order_small", "second_order_at_required", "c2_precise"]


@quiet
def test_redundant_columns(rng):
    X = rng.normal(size=(300, 2))
    with pytest.warns(TrustWarning, match="full_rank"):
        result = pn_criterion(np.column_stack([X, X @ [1, 2]]))
    assert result.p == 5
    assert_allclose([result.p_star, result.c2], [pn_criterion(X).p_star, pn_criterion(X).c2])
    draws = rng.multivariate_normal(X.mean(axis=0), np.cov(X.T), size=2000)
    draws = np.column_stack([draws, draws @ [1, 2]])
    with pytest.warns(TrustWarning, match="full_rank"):
        assert pn_criterion(np.column_stack([X, X @ [1, 2]]), draws=draws).p == 5
    labels = rng.integers(3, size=300)
    t, law = np.eye(3)[labels], np.bincount(labels) / 300
    draws = np.eye(3)[rng.choice(3, size=5000, p=law)]
    with pytest.warns(TrustWarning, match="full_rank"):
        result = pn_criterion(t, None, draws=draws)
    assert (result.p, failed(result)) == (2, {"full_rank"})


@pytest.mark.parametrize(("n", "d"), [(2, 2), (3, 1), (6, 8)])
def test_no_more_rows_than_parameters(n, d, rng):
    with pytest.warns(TrustWarning, match="sample_exceeds_p" if d > 1 else "second_order_small"):
        result = pn_criterion(rng.normal(size=(n, d)))
    assert ("sample_exceeds_p" in failed(result)) == (d > 1)
    assert np.isnan(result.risk_second)


def test_empty_cells(rng):
    X = np.eye(4)[rng.integers(3, size=200)]
    with pytest.warns(TrustWarning, match="forward_finite = 1 "):
        result = pn_criterion(X, "multinomial")
    M = np.sum(200 / X.sum(axis=0)[:3])
    assert (result.direction, result.p) == ("reverse", 2)
    assert failed(result) == {"forward_finite", "full_rank"}
    assert_allclose(result.c2, (M - 1) / 12)
    with pytest.warns(TrustWarning, match="forward_finite"):
        result = pn_criterion(np.column_stack([rng.poisson(2, size=200), np.zeros(200)]),
                              "poisson")
    assert (result.direction, result.p) == ("reverse", 1)
    with pytest.warns(TrustWarning, match="forward_finite"):
        result = pn_criterion(np.column_stack([np.arange(200) % 2, np.ones(200)]), "bernoulli")
    assert (result.direction, result.p) == ("reverse", 1)


@quiet
def test_empty_cells_with_draws(rng):
    """The same answer, with the errors of the draws."""
    for family, X in (("multinomial", np.eye(4)[rng.integers(3, size=200)]),
                      ("poisson", np.column_stack([rng.poisson(2, size=200), np.zeros(200)])),
                      ("bernoulli", np.column_stack([np.arange(200) % 2, np.ones(200)]))):
        model = FAMILIES[family]()
        exact = pn_criterion(X, family)
        drawn = pn_criterion(X, family, draws=model.sample(model.fit(X), 20_000, rng))
        assert (drawn.direction, drawn.p) == ("reverse", exact.p)
        assert failed(drawn) >= {"forward_finite", "full_rank"}
        assert abs(drawn.c2 - exact.c2) < 3 * drawn.c2_se


def test_cells_that_may_be_empty_next_time():
    X = np.repeat([0, 1, 2], [2, 20, 20])
    with pytest.warns(TrustWarning, match="forward_finite"):
        result = pn_criterion(X, "multinomial")
    (chance,) = (d.value for d in result.diagnostics if d.name == "forward_finite")
    assert_allclose(chance, (40 / 42)**42 + 2 * (22 / 42)**42)
    assert result.direction == "forward"


def test_a_few_rows_leave_the_first_order(rng):
    with pytest.warns(TrustWarning, match="second_order_small"):
        result = pn_criterion(rng.uniform(size=(12, 2)), specified=True)
    assert failed(result) == {"second_order_small"}
    assert not result.valid
    assert result.accept == (result.risk_first <= result.threshold)
    assert_allclose(result.n_required, required_sample_size(5, 203 / 12, result.threshold))


def test_a_second_order_too_large_at_the_required_size():
    rates = np.full(400, 0.0)
    rates[::100] = 1
    with pytest.warns(TrustWarning, match="misspecified|c2_precise|heavy_tails|forward_finite"):
        result = pn_criterion(rates, "poisson", threshold=1.0)
    assert result.n_required == required_sample_size(result.p_star, result.c2, 1.0)
    assert result.n_required > result.p_star / 2


@pytest.mark.parametrize(("d", "delta", "direction", "passes"), [
    (1, 0.1, "forward", True), (1, 0.15, "forward", False), (5, 0.25, "forward", True),
    (5, 0.3, "forward", False), (1, 0.2, "reverse", True), (1, 0.4, "reverse", False),
])  # fmt: skip
def test_the_second_order_at_the_required_size(d, delta, direction, passes, rng):
    """Where it is large, the rows required are too few by a tenth or more."""
    columns = np.arange(1, d + 1)
    place = 0 if direction == "forward" else 1

    def risk(n):
        D = digamma((n - columns) / 2).sum() + d * np.log(2 / n)
        return ((D + n * d / (n - d - 2) * (1 + 1 / n) - d) / 2, -D / 2)[place]

    with nullcontext() if passes else pytest.warns(TrustWarning, match="second_order_at_required"):
        result = pn_criterion(rng.normal(size=(1000, d)), delta=delta, specified=True,
                              direction=direction)
    low = d + (2.001 if direction == "forward" else 0.001)
    exact = brentq(lambda n: risk(n) - result.threshold, low, 1e4)
    assert (result.n_required > 0.9 * exact) == passes


def test_a_model_that_does_not_hold(rng):
    with pytest.warns(TrustWarning, match="misspecified"):
        result = pn_criterion(rng.uniform(size=(1000, 1)))
    assert failed(result) == {"misspecified"}
    assert_allclose(result.p_star, 1.4, atol=4 * result.p_star_se)


def test_an_unsure_second_coefficient():
    """The reverse coefficient of heavy tails is negative, that of light ones positive."""
    X = np.random.default_rng(3).logistic(size=(400, 1))
    with pytest.warns(TrustWarning, match="c2_precise"):
        result = pn_criterion(X, direction="reverse")
    assert result.c2_se > abs(result.c2)
    assert not result.valid
    assert result.n_required == result.p_star / (2 * result.threshold)


def test_one_row_that_dominates(rng):
    X = rng.normal(size=(300, 1))
    X[7] = 12
    with pytest.warns(TrustWarning, match="heavy_tails"):
        assert "heavy_tails" in failed(pn_criterion(X))


def test_draws_of_another_model(rng):
    X = rng.normal(size=(200, 1))
    with pytest.warns(TrustWarning, match="draws_match"):
        pn_criterion(X, draws=rng.normal(0.5, 1, size=(2000, 1)))
    with pytest.warns(TrustWarning, match="at_maximum"):
        general_pn_criterion(X + 1, [[-1.0]])


class Coin:
    """One column; no weights, and no fit where all rows are equal."""

    name = "coin"

    def sufficient_statistics(self, X):
        return X

    def fit(self, X):
        if np.ptp(X) == 0:
            raise ValueError("all equal")
        return X.mean()

    def cumulants(self, m):
        v = m * (1 - m)
        return np.array([[v]]), np.full((1,) * 3, v * (1 - 2 * m)), np.full((1,) * 4, v - 6 * v**2)


def test_an_error_that_cannot_be_had():
    """Without the group with the only one there is no estimate, and weights do not help."""
    with pytest.warns(TrustWarning, match="c2_precise"):
        result = pn_criterion(np.repeat([0.0, 1.0], [40, 1]), Coin())
    assert np.isnan([result.p_star_se, result.c2_se, result.n_required_se]).all()
    assert not result.valid
    assert failed(result) == {"groups_needed", "heavy_tails", "second_order_small", "c2_precise"}


LONE = np.repeat([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [40, 20, 1], axis=0)


@pytest.mark.parametrize(("family", "X"), [
    ("multinomial", np.repeat([0, 1, 2], [1, 30, 30])),
    ("bernoulli", LONE),
    ("ising", LONE[:, 1:]),
    ("ising", np.vstack([LONE, [[1.0, 1.0]]])),
])  # fmt: skip
def test_a_cell_with_one_row(family, X):
    """Any law is in the family, so p_star is p; c2 is as unsure as the share of that cell."""
    with pytest.warns(TrustWarning, match="groups_needed"):
        result = pn_criterion(X, family)
    assert_allclose([result.p_star, result.p_star_se], [result.p, 0], atol=1e-7)
    if np.ndim(X) == 1 or family == "bernoulli":
        assert "c2_precise" in failed(result)
        assert result.c2_se > result.c2
    if np.ndim(X) == 1:
        theta = np.bincount(X) / 61
        draws = np.random.default_rng(0).choice(3, p=theta, size=20_000)
        with pytest.warns(TrustWarning, match="groups_needed"):
            drawn = pn_criterion(X, family, draws=draws)
        assert drawn.p_star_se < 0.2


@quiet
def test_standard_error_of_counts_agrees_with_the_delta_method():
    """M = sum 1/m has the variance (sum m^-3 - M^2) / n."""
    X = np.repeat([0, 1, 2], [300, 500, 1200])
    m = np.bincount(X) / 2000
    result = pn_criterion(X, "multinomial", n_groups=200)
    wanted = 5 / 12 * np.sqrt((np.sum(m**-3) - np.sum(1 / m)**2) / 2000)
    assert_allclose(result.c2_se, wanted, rtol=0.15)


@quiet
def test_normal_law_with_no_more_rows_than_columns(rng):
    """Without a group of rows a direction would be lost."""
    X = rng.normal(size=(5, 5))
    result = pn_criterion(X)
    assert (result.p, "groups_needed" in failed(result)) == (14, True)
    assert np.isfinite(result.p_star_se)


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("delta", [0.05, 0.125, 0.157, 0.2])
def test_what_is_accepted_has_the_rows_required(delta):
    for n in range(5, 60):
        X = np.random.default_rng(0).normal(size=(n, 1))
        result = pn_criterion(X, specified=True, delta=delta)
        assert result.n_required >= result.p_star / (2 * result.threshold)
        if result.accept:
            assert n >= result.n_required
        elif result.valid:
            assert n < result.n_required or result.risk_second > result.threshold


@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
@pytest.mark.parametrize("variance", [0.75, 1.5])
def test_draws_from_another_member_of_the_family_do_not_match(variance):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 1))
    X = (X - X.mean()) / X.std()
    for scale, passes in ((variance**0.5, False), (1.0, True)):
        result = pn_criterion(X, draws=rng.normal(0, scale, (20_000, 1)))
        match = next(d for d in result.diagnostics if d.name == "draws_match")
        assert match.passed == passes


def test_scores_that_are_all_zero():
    with pytest.raises(ValueError, match="zero for every row"):
        general_pn_criterion(np.zeros((10, 2)), -np.eye(2))
