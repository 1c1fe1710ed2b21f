"""The contract that every public estimator keeps: scikit-learn's checks, cloning, pickling."""

import importlib
import inspect
import pickle
import pkgutil

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import divest
from divest import (
    AggregatedSteinTest,
    CompositeSteinTest,
    ConditionalKernelDensity,
    DivergenceTwoSampleTest,
    FiniteSetSteinTest,
    KernelDensity,
    KernelIVRegressor,
    KernelMethodOfMoments,
    KernelSteinTest,
    LinearIVRegressor,
    LogPerplexityTest,
    NearestNeighborDistanceDivergence,
    NearestNeighborRatioDivergence,
    PerturbedSteinTest,
    RobustSteinTest,
    SequenceSteinTest,
    SteinEstimator,
    TruncatedSteinEstimator,
)
from divest.discrete import MarkovChainEstimator
from divest.goodness_of_fit import as_score_model
from divest.sample_complexity import MixtureOfExperts, PNCriterion, gaussian
from divest.unnormalized import gaussian_score

pytestmark = pytest.mark.filterwarnings("ignore::divest.TrustWarning")

class StandardNormal:
    """A model for any number of columns."""

    def score(self, X):
        return -X

    def __repr__(self):
        return "StandardNormal()"


class TwoNormals:
    """Equal shares of two normal laws, around -3 and 3 in every column."""

    def log_density(self, X):
        return np.logaddexp(*(-0.5 * ((X - m)**2).sum(axis=1) for m in (-3.0, 3.0)))

    def score(self, X):
        share = 1 / (1 + np.exp(-np.clip(6 * X.sum(axis=1, keepdims=True), -700, 700)))
        return 6 * share - X - 3

    def __repr__(self):
        return "TwoNormals()"


class NormalFamily:
    """Independent normal columns."""

    def fit(self, X):
        scale = np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
        return as_score_model(stats.norm(X.mean(axis=0), scale))

    def __repr__(self):
        return "NormalFamily()"


class Powers:
    """Moments of the first column about theta: odd powers of the distance."""

    def __init__(self, *powers):
        self.powers = powers

    def __call__(self, data, theta):
        away = data.X[:, 0] - theta[0]
        return np.column_stack([away**power for power in self.powers])

    def __repr__(self):
        return f"Powers{self.powers}"


class Corners:
    """Two corners of a box around the rows, as points of its boundary."""

    def __call__(self, X):
        return np.array([X.min(axis=0) - 0.1, X.max(axis=0) + 0.1])

    def __repr__(self):
        return "Corners()"


ESTIMATORS = [  # small instances of every public estimator; a test fails where one is missing
    NearestNeighborRatioDivergence(n_neighbors=1),
    NearestNeighborRatioDivergence("hellinger", n_neighbors=[1, 2, 3], standardize="whiten"),
    NearestNeighborRatioDivergence(n_neighbors=[1, 2], ensemble="average", clip=True),
    NearestNeighborRatioDivergence(n_neighbors=[1, 2], ensemble="paper", method="paper"),
    NearestNeighborRatioDivergence(n_neighbors=2, ensemble=None, form="donsker_varadhan"),
    NearestNeighborDistanceDivergence(n_neighbors=1),
    DivergenceTwoSampleTest(n_neighbors=1, n_resamples=9),
    KernelSteinTest(StandardNormal(), n_resamples=9),
    KernelSteinTest(StandardNormal(), method="nystrom", null="spectral", n_resamples=9),
    KernelSteinTest(StandardNormal(), null="linear", dtype="float32"),
    AggregatedSteinTest(StandardNormal(), n_resamples=9),
    AggregatedSteinTest(StandardNormal(), method="ksdagg", kernels=["imq", "rbf"], n_resamples=9),
    FiniteSetSteinTest(StandardNormal(), n_resamples=9),
    FiniteSetSteinTest(StandardNormal(), locations="optimized", n_locations=2, train_fraction=0.4,
                       n_resamples=9),
    CompositeSteinTest(NormalFamily(), n_resamples=9),
    PerturbedSteinTest(TwoNormals(), box=(-6, 6), scales=[0.9, 1.1], n_starts=5, n_resamples=9),
    PerturbedSteinTest(TwoNormals(), method="ospksd", box=(-6, 6), scales=[0.9, 1.1], n_starts=5,
                       n_resamples=9),
    RobustSteinTest(StandardNormal(), n_resamples=9),
    SteinEstimator(gaussian_score(1.0)),
    TruncatedSteinEstimator(gaussian_score(1.0), Corners()),
    KernelDensity(),
    KernelDensity(bandwidth=0.5, kernel="epanechnikov", algorithm="kd_tree"),
    KernelDensity(bandwidth="scott", kernel="biweight", adaptive="abramson"),
    KernelDensity(bandwidth="loo_kl", bounds=(-1e6, 1e6)),
    ConditionalKernelDensity(),
    ConditionalKernelDensity(bandwidth=(0.5, 0.5)),
    PNCriterion(n_groups=5),
    PNCriterion(gaussian("diag"), n_groups=5),
    MixtureOfExperts(max_experts=2, max_degree=1, n_init=1, max_iter=20),
    KernelMethodOfMoments(Powers(1), theta0=[0.0]),
    KernelMethodOfMoments(Powers(1, 3), theta0=[0.0], estimator="cue"),
    LinearIVRegressor(),
    LinearIVRegressor("2sls"),
    KernelIVRegressor(n_knots=3, n_components=10, cv=2),
]
NO_TABLES = {  # sequences of any length; rows that are predictive laws and sum to 1; states
    SequenceSteinTest,
    LogPerplexityTest,
    MarkovChainEstimator,
}
ABOUT_SIZE = {  # a diagnostic of each that says whether the rows are enough
    NearestNeighborRatioDivergence: "saturated_share",
    NearestNeighborDistanceDivergence: "local_dimension",
    DivergenceTwoSampleTest: "distinct_permutations",
    KernelSteinTest: "few_rows",
    AggregatedSteinTest: "few_rows",
    FiniteSetSteinTest: "dominating_row",
    CompositeSteinTest: "fit_risk",
    PerturbedSteinTest: "few_rows",
    RobustSteinTest: "few_rows",
    SteinEstimator: "rows_per_parameter",
    TruncatedSteinEstimator: "rows_per_parameter",
    KernelDensity: "condensed_share",
    ConditionalKernelDensity: "condensed_share",
    PNCriterion: "sample_exceeds_p",
    MixtureOfExperts: "fit_risk",
    KernelMethodOfMoments: "moments_per_row",
    LinearIVRegressor: "moments_per_row",
    KernelIVRegressor: "moments_per_row",
}
every = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_contract(estimator, check):
    check(estimator)


def public_estimators():
    """Classes with a `fit` method in the `__all__` of any public module."""
    names = ["divest", *(m.name for m in pkgutil.walk_packages(divest.__path__, "divest.")
                         if "._" not in m.name and not m.name.endswith("__main__"))]
    for module in map(importlib.import_module, names):
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            if inspect.isclass(value) and issubclass(value, BaseEstimator):
                yield value


def test_every_public_estimator_is_listed():
    found = set(public_estimators())
    assert NearestNeighborRatioDivergence in found
    assert found - NO_TABLES == {type(estimator) for estimator in ESTIMATORS}


@pytest.mark.parametrize("kind", ABOUT_SIZE, ids=lambda kind: kind.__name__)
def test_sample_size_is_judged(kind):
    X, y = data()
    if kind is CompositeSteinTest:  # the parameters of a family of one's own cannot be counted
        fitted = [CompositeSteinTest(stats.multivariate_normal, n_resamples=9).fit(X)]
    else:
        fitted = [settled(e).fit(X, y) for e in ESTIMATORS if type(e) is kind]
    assert any(ABOUT_SIZE[kind] in set(f.diagnostics_["name"]) for f in fitted)


def test_sample_size_is_judged_by_every_estimator():
    assert set(ABOUT_SIZE) == {type(estimator) for estimator in ESTIMATORS}


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 2)) + np.repeat([[1.0], [0.0]], 20, axis=0), np.repeat([1, 0], 20)


def outcome(estimator):
    """All numbers that a fit leaves behind."""
    public = {name: value for name, value in vars(estimator).items()
              if name.endswith("_") and not name.startswith("_")}
    return {name: str(value) for name, value in sorted(public.items())}


def settled(estimator):
    """A copy, with a seed where it takes one."""
    copy = clone(estimator)
    return copy.set_params(random_state=0) if "random_state" in copy.get_params() else copy


@every
def test_clone_keeps_the_parameters(estimator):
    copy = clone(estimator)
    assert copy is not estimator
    assert repr(copy) == repr(estimator)
    assert copy.get_params().keys() == estimator.get_params().keys()


@every
def test_parameters_are_kept_as_given(estimator):
    """`__init__` and `set_params` store what they get; checks wait for `fit`."""
    given = {name: object() for name in estimator.get_params(deep=False)}
    made, changed = type(estimator)(**given), clone(estimator).set_params(**given)
    for name, value in given.items():
        assert getattr(made, name) is getattr(changed, name) is value


@every
def test_fit_gives_the_same_numbers_again(estimator):
    X, y = data()
    one, other = settled(estimator).fit(X, y), settled(estimator).fit(X, y)
    assert outcome(one) == outcome(other)
    assert len(outcome(one)) >= 3
    assert outcome(one.fit(X, y)) == outcome(other)  # and when fitted once more


@every
def test_pickling_a_fitted_estimator(estimator):
    model = settled(estimator).fit(*data())
    again = pickle.loads(pickle.dumps(model))
    assert outcome(again) == outcome(model)


@every
def test_last_step_of_a_pipeline(estimator):
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), settled(estimator)).fit(X, y)
    alone = settled(estimator).fit(StandardScaler().fit_transform(X), y)
    assert outcome(pipeline[-1]) == outcome(alone)
    step, name = pipeline.steps[-1][0], next(iter(estimator.get_params()))
    pipeline.set_params(**{f"{step}__{name}": "other"})
    assert getattr(pipeline[-1], name) == "other"


@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if hasattr(e, "fit_samples")],
                         ids=lambda e: type(e).__name__)
def test_two_samples_are_short_for_labelled_rows(estimator):
    X, y = data()
    separate = settled(estimator).fit_samples(X[y == 1], X[y == 0])
    assert outcome(separate) == outcome(settled(estimator).fit(X, y))


@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if not hasattr(e, "score_samples")],
                         ids=lambda e: type(e).__name__)
def test_cross_validation_after_a_scaler(estimator):
    """With a scorer of the fitted result: not every estimator has a score on held-out rows."""
    def number(pipeline, X, y):
        return figure(pipeline[-1])

    def figure(fitted):
        if not hasattr(fitted, "result_"):  # a curve
            return fitted.predict(np.zeros((1, 2)))[0]
        names = ("estimate", "statistic", "risk_first")
        return np.sum(next(getattr(fitted.result_, n) for n in names if hasattr(fitted.result_, n)))

    X, y = data()
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    pipeline = make_pipeline(StandardScaler(), settled(estimator))
    scores = cross_validate(pipeline, X, y, cv=folds, scoring=number, error_score="raise")
    train = next(folds.split(X, y))[0]
    alone = settled(estimator).fit(StandardScaler().fit_transform(X[train]), y[train])
    np.testing.assert_array_equal(scores["test_score"][0], figure(alone))


@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if hasattr(e, "score_samples")],
                         ids=lambda e: type(e).__name__)
def test_cross_validation_by_held_out_likelihood(estimator):
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), settled(estimator))
    scores = cross_validate(pipeline, X, X[:, 0] + y, cv=2, error_score="raise")["test_score"]
    first = pipeline.fit(X[20:], X[20:, 0] + y[20:]).score(X[:20], X[:20, 0] + y[:20])
    np.testing.assert_allclose(scores[0], first)
