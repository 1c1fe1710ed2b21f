"""Studies: paired and repeatable draws, methods of every kind, errors as rows, bad input."""

import functools
import sys

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from plain_study import METHODS, fragile, jittered, mean, normal, study
from scipy.stats import permutation_test, ttest_1samp
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

import divest
from divest import (
    DivergenceTwoSampleTest,
    EstimateResult,
    HypothesisResult,
    NearestNeighborDistanceDivergence,
    TrustWarning,
)
from divest._results import Diagnostic
from divest.study import Study, _seeds
from divest.study._methods import check_methods

quiet = pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")


DATA = np.arange(4.0)


def one_row(method, data=DATA, **settings):
    """The row of one method for data that are always the same."""
    one = Study(lambda rng: data, {"m": method}, {}, n_replications=1, **settings)
    return one.run().frame.iloc[0]


# ------------------------------------------------------------ the table
@quiet
def test_table_has_one_sorted_row_per_replication_and_method():
    frame = study({"n": [8, 5], "shift": [1.0, 0.0]}, n_replications=3).run().frame
    assert list(frame.columns) == [
        "cell", "replication", "method", "n", "shift", "truth", "estimate", "standard_error", "low",
        "high", "statistic", "pvalue", "trusted", "failed_diagnostics", "seconds", "error"]
    assert len(frame) == 4 * 3 * len(METHODS)
    order = frame[["n", "shift", "replication", "method"]]
    assert_frame_equal(order, order.sort_values(list(order)))
    assert (frame["seconds"] > 0).all()
    assert divest.Study is Study


def test_settings_keep_their_types():
    grid = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [True, False], "d": [0.5, 1.0]})
    grid["e"] = pd.Series([None, 3], dtype=object)
    one = Study(lambda rng, **settings: 1.0, {"m": lambda x: x}, grid, n_replications=1)
    frame = one.run().frame
    kinds = {name: dtype.kind for name, dtype in frame.dtypes[list("abcde")].items()}
    assert kinds == {"a": "i", "b": "O", "c": "b", "d": "f", "e": "O"}
    assert frame["e"].tolist() == [None, 3]
    assert frame["b"].tolist() == ["x", None]


def test_all_methods_see_the_same_data_and_none_can_change_them():
    def spoil(x):
        x[:] = 7
        return x[0]

    methods = {"a": np.mean, "b": spoil, "c": np.mean}
    frame = Study(normal, methods, {"n": [5]}, n_replications=4).run().frame
    wide = frame.pivot(index="replication", columns="method", values="estimate")
    assert (wide["a"] == wide["c"]).all()
    assert wide["a"].nunique() == 4


# ------------------------------------------------------------ seeds
def test_draws_follow_the_published_rule():
    """Anyone can repeat one replication by hand."""
    from hashlib import sha256

    digest = sha256(b'{"n":5,"shift":0.1}').digest()
    words = np.frombuffer(digest, dtype=">u4").tolist()
    rng = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(*words, 2)))
    frame = study({"shift": [0.1], "n": [5]}, n_replications=3, methods={"m": np.mean}).run().frame
    assert frame["estimate"][2] == rng.normal(0.1, 1, 5).mean()
    assert frame["cell"][0] == digest.hex()[:16]


def test_random_state_of_methods_is_set_where_it_was_none():
    methods = {"a": jittered, "b": jittered, "fixed": functools.partial(jittered, random_state=1)}
    frame = study({"n": [5]}, n_replications=3, methods=methods).run().frame
    wide = frame.pivot(index="replication", columns="method", values="estimate")
    assert (wide["a"] != wide["b"]).all()
    data = study({"n": [5]}, n_replications=3, methods={"m": np.mean}).run().frame["estimate"]
    noise = wide["fixed"].to_numpy() - data.to_numpy()
    assert np.ptp(noise) < 1e-12
    alone = study({"n": [5]}, n_replications=3, methods={"a": jittered}).run().frame
    assert (alone["estimate"].to_numpy() == wide["a"].to_numpy()).all()


def test_estimators_are_cloned_and_seeded():
    test = DivergenceTwoSampleTest(n_resamples=19)
    one = Study("shifted_gaussians", {"t": test}, {"n": [20]}, n_replications=3)
    assert_frame_equal(one.run().frame.drop(columns="seconds"),
                       one.run().frame.drop(columns="seconds"), check_exact=True)
    assert test.random_state is None
    assert not hasattr(test, "pvalue_")


def drawn(x, rng=None):
    return np.nan if rng is None else rng.normal()


class Drawn(BaseEstimator):
    """An estimator with two parameters to draw from."""

    def __init__(self, rng=None, random_state=None):
        self.rng, self.random_state = rng, random_state

    def fit(self, X):
        self.estimate_ = self.rng.normal()
        self.standard_error_ = float(self.random_state)
        return self


def test_parameters_named_rng_get_a_generator():
    methods = {"a": drawn, "b": drawn, "e": Drawn(), "fixed": functools.partial(
        drawn, rng=np.random.RandomState(0)), "scipy": permuted}
    one = Study(normal, methods, {"n": [5]}, n_replications=4)
    frame = one.run().frame
    assert_frame_equal(one.run(n_jobs=1).frame.query("method != 'fixed'").drop(columns="seconds"),
                       frame.query("method != 'fixed'").drop(columns="seconds"), check_exact=True)
    wide = frame.pivot(index="replication", columns="method", values="estimate")
    assert wide[["a", "b", "e"]].stack().nunique() == 12
    assert frame["standard_error"].nunique() == 4
    assert (frame["error"] == "").all()


def permuted(x, rng=None):
    """The p-value of a sign test that scipy draws."""
    test = permutation_test((x, x - 1), lambda a, b: np.mean(a) - np.mean(b), n_resamples=19,
                            permutation_type="samples", random_state=rng)
    return {"estimate": test.null_distribution.mean(), "pvalue": test.pvalue}


@pytest.mark.parametrize(("function", "seeded"), [
    (permutation_test, ("rng", "random_state")), (drawn, ("rng",)), (jittered, ("random_state",)),
    (functools.partial(permutation_test, random_state=1), ()), (mean, ()),
    (functools.partial(drawn, rng=1), ()), (max, ()),
])
def test_which_parameters_of_functions_are_seeded(function, seeded):
    """One of them, and none where the user has set one; scipy's functions may have both."""
    found = check_methods({"m": function})["m"].seeded
    assert found in [(name,) for name in seeded] or (found, seeded) == ((), ())


@pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")
def test_functions_of_scipy_that_draw_can_be_repeated():
    method = functools.partial(permutation_test, statistic=np.mean, n_resamples=19,
                               permutation_type="samples")
    one = Study(_pair, {"p": method}, {"n": [30]}, n_replications=8)
    frame = one.run().frame
    assert (frame["error"] == "").all()
    assert frame["pvalue"].nunique() > 1
    assert (one.run().frame["pvalue"] == frame["pvalue"]).all()


def _pair(rng, n):
    """Samples as one argument."""
    return ((rng.normal(0.2, 1, n),),)


def test_streams_differ_between_replications_cells_methods_and_seeds():
    streams = {tuple(_seeds.data_rng(seed, cell, r).integers(2**62, size=2))
               for seed in (0, 1) for cell in ("{}", '{"n":1}') for r in range(50)}
    seeds = {tuple(_seeds.method_seeds(0, "{}", r, name, 2)) for name in "ab" for r in range(50)}
    assert len(streams) == 200
    assert len(seeds) == 100


# ------------------------------------------------------------ what methods may give
class Shaped(BaseEstimator):
    """An estimator of scikit-learn's shape, with an estimate of its own."""

    def fit(self, X, y=None):
        self.estimate_, self.standard_error_ = float(np.mean(X)), 0.5
        self.diagnostics_ = pd.DataFrame({"name": ["few", "odd"], "passed": [False, True]})
        return self


def test_number():
    row = one_row(np.mean)
    assert (row["estimate"], row["trusted"], row["error"]) == (1.5, True, "")
    assert row[["standard_error", "low", "high", "pvalue"]].isna().all()


def test_mapping_and_its_normal_interval():
    row = one_row(lambda x: {"estimate": 1.0, "standard_error": 2.0}, confidence_level=0.9)
    assert [row["low"], row["high"]] == pytest.approx([1 - 3.2897073, 1 + 3.2897073])
    row = one_row(lambda x: {"estimate": 1.0, "standard_error": 2.0, "low": 0.5, "trusted": False})
    assert (row["low"], row["trusted"]) == (0.5, False)
    for failed, text in [("few", "few"), (["few", "odd"], "few, odd"), ((), ""), (None, "")]:
        row = one_row(lambda x, failed=failed: {"estimate": 1.0, "failed_diagnostics": failed})
        assert (row["failed_diagnostics"], row["trusted"]) == (text, not text)
    row = one_row(lambda x: {"estimate": 1.0, "standard_error": 2.0, "low": 0.5})
    assert np.isnan(row["high"])


def test_results_of_divest_and_scipy():
    doubts = (Diagnostic("few", 1.0, 2.0, False, "more"), Diagnostic("odd", 1.0, 2.0, True, ""))
    result = EstimateResult(0.1, 1.0, "m", (5,), doubts, bounds=(0.0, np.inf))
    row = one_row(lambda x: result)
    assert (row["estimate"], row["low"]) == (0.1, 0.0)
    assert row["high"] == result.confidence_interval(0.95)[1]
    assert (row["trusted"], row["failed_diagnostics"]) == (False, "few")
    row = one_row(lambda x: HypothesisResult(2.0, 0.25, "m", "null", np.zeros(3), 3))
    assert (row["statistic"], row["pvalue"], row["trusted"]) == (2.0, 0.25, True)
    row = one_row(lambda x: ttest_1samp(x, 0))
    assert row["pvalue"] == ttest_1samp(np.arange(4.0), 0).pvalue


def test_estimators():
    row = one_row(Shaped(), np.ones((4, 1)))
    assert (row["estimate"], row["standard_error"], row["failed_diagnostics"]) == (1, 0.5, "few")
    assert row["high"] == pytest.approx(1 + 0.98, abs=1e-3)
    P, Q = divest.datasets.shifted_gaussians(0, n=50)
    model = NearestNeighborDistanceDivergence("kl")
    row = one_row(model, (P, Q))
    result = model.fit_samples(P, Q).result_
    assert (row["estimate"], row["low"]) == (result.estimate, result.confidence_interval()[0])


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError


def unspeakable():
    raise Unspeakable


@pytest.mark.filterwarnings("ignore:study:divest.TrustWarning")
@pytest.mark.parametrize(("method", "error"), [
    (lambda x: "many", "TypeError: str has no estimate or pvalue; a method must give"),
    (lambda x: True, "TypeError: estimate must be a number, got bool"),
    (lambda x: x, "TypeError: estimate must be a number, got ndarray"),
    (lambda x: {"mean": 1}, "TypeError: a method may give a mapping with the keys estimate, "),
    (lambda x: {"pvalue": 1.5}, "ValueError: the p-value must lie between 0 and 1, got 1.5"),
    (lambda x: float("nan"), "ValueError: the result is NaN"),
    (lambda x: {}, "ValueError: the result is NaN"),
    (lambda x: 1 / 0, "ZeroDivisionError: division by zero"),
    (lambda x: {"estimate": 1.0, "standard_error": -1.0}, "ValueError: the standard error must"),
    (lambda x: sys.exit("no"), "SystemExit: no"),
    (lambda x: unspeakable(), "Unspeakable$"),
    (lambda x, y: 1.0, "TypeError: .*missing 1 required positional argument: 'y'"),
    (StandardScaler(), "ValueError: Expected 2D array, got 1D array instead"),
])
def test_what_cannot_be_read_is_an_error_in_its_row(method, error):
    row = one_row(method)
    assert pd.Series(row["error"]).str.match(error).all()
    assert not row["trusted"]
    assert np.isnan(row["estimate"])


# ------------------------------------------------------------ failures
def test_failing_replications_do_not_stop_the_study():
    results = study({"n": [5]}, n_replications=100).run()
    rows = results.frame[results.frame["method"] == "fragile"]
    failed = rows["error"].str.fullmatch(r"ArithmeticError: too large: \d\.\d{3}")
    assert 5 < failed.sum() < 30  # 16 % of normal values are above 1
    assert (rows.loc[~failed, "error"] == "").all()
    assert results.summary().query("method == 'fragile'")["failures"].item() == failed.sum()


def test_simulator_that_fails_gives_a_row_for_every_method():
    def simulate(rng, n):
        raise MemoryError(f"{object()}\nof two lines")

    with pytest.warns(TrustWarning, match="failed_cells = 2 .*MemoryError: <object object> of two"):
        results = Study(simulate, {"a": mean, "b": mean}, {"n": [5]}, n_replications=2).run()
    assert len(results.frame) == 4
    assert results.summary()["failures"].tolist() == [2, 2]


def test_one_warning_for_what_fails_throughout_and_none_for_single_results():
    def doubtful(x):
        import warnings

        warnings.warn("doubtful", TrustWarning, stacklevel=2)
        return {"estimate": 1.0, "trusted": False}

    study({"n": [5]}, n_replications=3, methods={"d": doubtful}).run(n_jobs=2)  # silent
    with pytest.warns(TrustWarning) as caught:
        Study(normal, {"d": doubtful, "f": fragile}, {"n": [1], "shift": [99.0]},
              n_replications=3).run()
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_warning_shows_an_error_of_what_failed_throughout():
    def sometimes(x):
        if x[0] > 0:
            raise ArithmeticError("now and then")
        return x[0]

    def always(x):
        raise ValueError("at all times")

    with pytest.warns(TrustWarning, match=r"failed_cells = 1 .* the first with ValueError: at all"):
        study({"n": [5]}, n_replications=50, methods={"a": sometimes, "b": always}).run()


# ------------------------------------------------------------ truth
@pytest.mark.parametrize(("truth", "expected"), [
    (None, [np.nan] * 4), (2, [2.0] * 4), (lambda n, shift: n * shift, [5.0, 5.0, 8.0, 8.0]),
    ("n", [5.0, 5.0, 8.0, 8.0]), ({"mean": "shift", "b": 3}, [1.0, 3.0, 1.0, 3.0]),
    ({"b": None}, [np.nan] * 4),
])
def test_truth(truth, expected):
    one = Study(normal, {"mean": mean, "b": mean}, {"n": [5, 8], "shift": [1.0]}, truth=truth,
                n_replications=1)
    frame = one.run().frame.sort_values(["n", "method"], ascending=[True, False])
    np.testing.assert_array_equal(frame["truth"], expected)


def test_truth_of_a_simulator_that_knows_it():
    methods = {"kl": NearestNeighborDistanceDivergence("kl")}
    grid = {"n": [20], "shift": [1.0, 2.0]}
    frame = Study("shifted_gaussians", methods, grid, truth="kl", n_replications=1).run().frame
    assert frame["truth"].tolist() == [0.5, 2.0]


# ------------------------------------------------------------ bad input
@pytest.mark.parametrize(("change", "error", "message"), [
    ({"simulate": "gaussians"}, ValueError, "simulate must be one of 'shifted_gaussians'"),
    ({"simulate": 3}, TypeError, "simulate must be a function"),
    ({"methods": {}}, TypeError, "methods must be a dict"),
    ({"methods": [mean]}, TypeError, "methods must be a dict"),
    ({"methods": {3: mean}}, TypeError, "keys of methods must be names"),
    ({"methods": {"\ud800": mean}}, TypeError, "keys of methods must be names"),
    ({"methods": {"s": Shaped}}, TypeError, r"is the class Shaped; give an object, such as Shaped"),
    ({"methods": {"s": "mean"}}, TypeError, r"methods\['s'\] must be a function of the data"),
    ({"grid": [1, 2]}, TypeError, "grid must be a dict of lists or a DataFrame"),
    ({"grid": {"n": 5}}, TypeError, r"grid\['n'\] must be a list of values, got 5; write \[5\]"),
    ({"grid": {"n": "ab"}}, TypeError, "must be a list of values"),
    ({"grid": {"n": []}}, ValueError, "grid holds no combination"),
    ({"grid": {"n": [object]}}, TypeError, r"values of grid\['n'\] must be str, int, float, bool"),
    ({"grid": {"n": [(1, 2)]}}, TypeError, r"values of grid\['n'\] must be str, int, float, bool"),
    ({"grid": {"n": [np.nan]}}, ValueError, r"grid\['n'\] holds NaN; for a missing value use None"),
    ({"grid": {"n": [5, 5.0]}}, ValueError, "grid holds the same settings twice: n=5.0"),
    ({"grid": {"n": ["\ud800"]}}, ValueError, r"grid\['n'\] holds '.*not valid Unicode"),
    ({"grid": pd.DataFrame([[1, 2]], columns=["n", "n"])}, ValueError, "several columns named 'n'"),
    ({"grid": pd.DataFrame({"n": [np.ones(2), 1]})}, TypeError, r"values of grid\['n'\] must be"),
    ({"grid": {"a b": [5]}}, TypeError, "must be valid identifiers, got 'a b'"),
    ({"grid": {"method": [5]}}, ValueError, "may not have a setting named 'method'"),
    ({"grid": {"coverage": [5]}}, ValueError, "may not have a setting named 'coverage'"),
    ({"grid": {"rng": [5]}}, ValueError, "may not have a setting named 'rng': that is the first "),
    ({"simulate": lambda draw, **settings: 1.0, "grid": {"draw": [5]}}, ValueError,
     "may not have a setting named 'draw': that is the first argument of simulate"),
    ({"truth": "d"}, ValueError, "truth = 'd' is not a setting of grid; it has n"),
    ({"truth": [1]}, TypeError, "truth must be a number"),
    ({"truth": {"mode": 1}}, ValueError, "truth names the methods 'mode'; there are 'm'"),
    ({"n_replications": 0}, ValueError, "n_replications must be at least 1"),
    ({"seed": None}, TypeError, "seed must be an integer"),
    ({"level": 1}, ValueError, "level must lie between 0 and 1"),
    ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1"),
])
def test_bad_input(change, error, message):
    settings = {"simulate": normal, "methods": {"m": mean}, "grid": {"n": [5]}} | change
    with pytest.raises(error, match=message):
        Study(settings.pop("simulate"), settings.pop("methods"), settings.pop("grid"), **settings)


@pytest.mark.parametrize(("n_jobs", "error"), [(0, ValueError), ("2", TypeError)])
def test_bad_number_of_workers(n_jobs, error):
    with pytest.raises(error, match="n_jobs must be"):
        study(n_replications=1).run(n_jobs=n_jobs)


def test_truth_that_is_no_number_is_named_with_its_settings():
    with pytest.raises(TypeError, match="truth must be a number; at n=5 it is 'x'"):
        Study(normal, {"m": mean}, {"n": [5]}, truth=lambda n: "x").run()


def test_files_and_page(tmp_path):
    results = study({"n": [5]}, n_replications=3, methods={"mean": mean}).run(progress=True)
    results.to_csv(tmp_path / "a.csv")
    back = pd.read_csv(tmp_path / "a.csv", dtype=str)
    assert [float(text) for text in back["estimate"]] == results.frame["estimate"].tolist()
    pytest.importorskip("pyarrow")
    results.to_parquet(tmp_path / "a.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), results.frame, check_exact=True)
    assert "<td>mean</td>" in results._repr_html_()
