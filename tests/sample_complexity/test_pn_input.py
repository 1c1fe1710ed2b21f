"""pn_criterion: bad input, the result as a table, the estimator."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import parametrize_with_checks

from divest.sample_complexity.families import gaussian, ising, multinomial, polynomial
from divest.sample_complexity.pn_criterion import (
    PNCriterion,
    PNResult,
    general_pn_criterion,
    kl_threshold,
    pn_criterion,
    required_sample_size,
)

quiet = pytest.mark.filterwarnings("ignore::divest.TrustWarning")


class Bare:
    """A family that can do nothing."""

    def __init__(self, **methods):
        self.__dict__.update(methods)

    def sufficient_statistics(self, X):
        return X


NUMBERS = np.random.default_rng(0).normal(size=(30, 2))


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"family": "cauchy"}, ValueError, "family must be one of 'gaussian'"),
    ({"family": 3}, TypeError, "sufficient_statistics"),
    ({"family": Bare()}, TypeError, r"neither cumulants\(theta\) nor sample"),
    ({"family": Bare(sample=1)}, TypeError, r"no fit\(X\)"),
    ({"family": None}, ValueError, "family=None needs draws"),
    ({"draws": NUMBERS[:, :1]}, ValueError, r"columns of X \(2\), got 1"),
    ({"draws": NUMBERS[:10]}, ValueError, "at least 24 rows for 5 statistics, got 10"),
    ({"draws": NUMBERS, "draw_groups": [1, 2]}, ValueError, r"one entry per draw \(30\), got 2"),
    ({"draws": NUMBERS, "draw_groups": np.arange(30) % 3}, ValueError, "at least 4 blocks"),
    ({"delta": 0}, ValueError, "delta must lie between 0 and 0.5"),
    ({"delta": 0.5}, ValueError, "delta must lie between"),
    ({"threshold": "bayes"}, ValueError, "threshold must be one of 'pinsker'"),
    ({"threshold": -1.0}, ValueError, "threshold must lie between 0"),
    ({"threshold": None}, TypeError, "threshold must be a number"),
    ({"direction": "both"}, ValueError, "direction must be one of"),
    ({"risk": "total"}, ValueError, "risk must be one of"),
    ({"order": 3}, ValueError, "order must be one of 1, 2; got 3"),
    ({"n_draws": 10}, ValueError, "n_draws must be at least 100"),
    ({"n_groups": 3}, ValueError, "n_groups must be at least 4"),
    ({"sample_weight": [1.0]}, ValueError, r"one entry per row, shape \(30,\), got shape \(1,\)"),
    ({"sample_weight": np.full(30, -1.0)}, ValueError, "finite numbers, 0 or more"),
    ({"sample_weight": np.eye(30)[0]}, ValueError, "at least two weights must be positive"),
    ({"random_state": "x"}, ValueError, "random_state must be"),
    ({"X": [[1.0, 2.0]]}, ValueError, "at least 2 rows, got 1"),
    ({"X": [[1.0, np.nan], [2.0, 3.0]]}, ValueError, "NaN"),
    ({"X": np.zeros((5, 1)), "family": "poisson"}, ValueError, "do not vary"),
    ({"X": [0.5, 1.5], "family": "poisson"}, ValueError, "X must hold counts"),
    ({"X": NUMBERS, "family": polynomial(4)}, ValueError, "one column, got 2"),
    ({"X": np.ones((5, 1)), "family": polynomial(4)}, ValueError, "does not vary"),
    ({"X": [1, 2, 1, 2], "family": multinomial(), "draws": [1, 3, 2, 1]}, ValueError,
     "the category 3"),
    ({"X": [1, 2, 1, 3], "family": ising()}, ValueError, "two values in each column"),
    ({"X": NUMBERS[:, 0], "family": "multinomial"}, ValueError, "30 different labels in 30 rows"),
    ({"X": NUMBERS, "family": "multinomial"}, ValueError, "counts .* of column 0"),
    ({"X": np.ones((5, 1)), "family": "gamma"}, ValueError, "column 0 of X does not vary"),
])  # fmt: skip
def test_bad_input_is_named(change, error, message):
    with pytest.raises(error, match=message):
        pn_criterion(**{"X": NUMBERS, **change})


def test_statistics_are_checked():
    family = Bare(sample=lambda theta, n, rng: rng.normal(size=(n, 2)), fit=lambda X: None)
    family.sufficient_statistics = lambda X: X[:, 0]
    with pytest.raises(ValueError, match=r"sufficient_statistics\(X\) must give"):
        pn_criterion(NUMBERS, family)


@pytest.mark.parametrize("covariance", ["full", "diag", "spherical"])
def test_a_column_that_does_not_vary_is_named(covariance):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [5.0, 5.0, 5.0]})
    with pytest.raises(ValueError, match="column 'b' of X does not vary"):
        pn_criterion(X, gaussian(covariance))
    with pytest.raises(ValueError, match="column 1 of X does not vary"):
        pn_criterion(X.to_numpy(), gaussian(covariance))


@pytest.mark.parametrize(("family", "message"), [
    ("poisson", "row 2 of column 'b' is -2.5"), ("bernoulli", "row 1 of column 'a' is 2"),
    ("multinomial", "row 2 of column 'b'"), ("exponential", "row 2 of column 'b'"),
    ("gamma", "row 2 of column 'b'"), ("ising", "row 3 of column 'b' is 0, beside -2.5 and 1"),
])  # fmt: skip
@pytest.mark.parametrize("estimator", [False, True])
def test_columns_are_named(family, message, estimator):
    X = pd.DataFrame({"a": [1.0, 2.0, 1.0, 1.0], "b": [1.0, 1.0, -2.5, 0.0]})
    with pytest.raises(ValueError, match=message):
        PNCriterion(family).fit(X) if estimator else pn_criterion(X, family)


@quiet
def test_columns_of_draws_go_by_name(rng):
    X = pd.DataFrame({"a": rng.normal(size=100), "b": 10 * rng.gamma(2, size=100)})
    draws = pd.DataFrame(gaussian().sample(gaussian().fit(X), 2000, rng), columns=["a", "b"])
    given = pn_criterion(X, draws=draws)
    assert pn_criterion(X, draws=draws[["b", "a"]]) == given
    assert pn_criterion(X, draws=draws.to_numpy()) == given
    assert PNCriterion(draws=draws[["b", "a"]]).fit(X).result_ == given
    with pytest.raises(ValueError, match="named 'a', 'b'; got 'c'"):
        pn_criterion(X, draws=draws.rename(columns={"b": "c"}))


@pytest.mark.parametrize(("change", "message"), [
    ({"hessian": [[1.0]]}, "hessian must be negative definite"),
    ({"hessian": -np.eye(2)}, r"hessian must have shape \(1, 1\)"),
    ({"hessian": [[np.nan]]}, "hessian contains NaN"),
    ({"fisher": [[-1.0]], "risk": "projection"}, "fisher must be positive definite"),
    ({"risk": "projection"}, "needs fisher"),
    ({"risk": "total"}, "risk must be one of"),
])  # fmt: skip
def test_bad_input_of_the_general_form_is_named(change, message):
    settings = {"scores": NUMBERS[:, :1], "hessian": [[-1.0]], **change}
    with pytest.raises(ValueError, match=message):
        general_pn_criterion(**settings)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: kl_threshold(0.7), "delta must lie between 0 and 0.5"),
    (lambda: kl_threshold(0.1, "loose"), "kind must be one of"),
    (lambda: required_sample_size(0, 1, 0.1), "p_star must lie between 0"),
    (lambda: required_sample_size(1, np.inf, 0.1), "c2 must lie between"),
    (lambda: required_sample_size(1, 1, 0.0), "threshold must lie between"),
])  # fmt: skip
def test_bad_numbers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ------------------------------------------------------------ shapes
@quiet
def test_the_result(rng):
    result = pn_criterion(load_iris().data, direction="reverse")
    frame = result.to_frame()
    assert len(frame) == 1
    assert all(name.isidentifier() for name in frame.columns)
    assert frame.loc[0, "n_rows"] == result.n_rows
    assert "p_star" in result.summary()
    assert "<table" in result._repr_html_()
    assert pickle.loads(pickle.dumps(result)) == result
    assert isinstance(result, PNResult)
    with pytest.raises(AttributeError, match="cannot assign"):
        result.n = 3


@quiet
def test_the_estimator_is_the_function(rng):
    X = rng.normal(size=(100, 3))
    found = PNCriterion("gaussian", delta=0.1).fit(X)
    assert found.result_ == pn_criterion(X, delta=0.1)
    assert found.diagnostics_["name"].tolist() == [d.name for d in found.result_.diagnostics]
    frame = PNCriterion(delta=0.1).fit(pd.DataFrame(X, columns=["a", "b", "c"]))
    assert frame.result_ == found.result_
    weights = rng.random(100)
    assert (PNCriterion().fit(X, sample_weight=weights).result_
            == pn_criterion(X, sample_weight=weights))


@quiet
@parametrize_with_checks([PNCriterion(n_groups=5), PNCriterion(gaussian("diag"), n_groups=5)])
def test_scikit_learn(estimator, check):
    check(estimator)
