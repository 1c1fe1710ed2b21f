"""Reports of fit: the numbers of the test, the right rows and columns, and honest words."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import polars
import pytest
from scipy import stats
from sklearn.mixture import GaussianMixture

import divest
from divest.goodness_of_fit import (
    KernelSteinTest,
    OutOfSupportError,
    PerturbedSteinTest,
    RobustSteinTest,
    ScoreModel,
)
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.goodness_of_fit.tables import fit_report

DATA = Path(__file__).parents[2] / "examples" / "data"
QUICK = {"n_resamples": 99, "random_state": 0}
FEW = {"n_resamples": 19, "random_state": 0}  # where every draw is fitted anew
doubtful = pytest.mark.filterwarnings("ignore::divest.TrustWarning")  # penguins are sorted


@pytest.fixture
def table(rng):
    """Two normal columns of different units, a label, and missing values in two rows."""
    frame = pd.DataFrame({"length": rng.normal(size=120), "mass": rng.normal(size=120) * 1000,
                          "label": rng.choice(["u", "v"], 120)},
                         index=[f"animal {i}" for i in range(120)])
    frame.iloc[[3, 70], 0] = np.nan
    return frame


NORMAL = stats.norm([0, 0], [1, 1000])


def test_numbers_are_those_of_the_test(table):
    report = fit_report(table, NORMAL, random_state=0)
    rows = table[["length", "mass"]].dropna()
    test = KernelSteinTest(NORMAL, preconditioner="std", random_state=0).fit(rows)
    assert tuple(report.result) == tuple(test.result_)
    np.testing.assert_array_equal(report.test.influence_, test.influence_)
    pd.testing.assert_frame_equal(report.bandwidths, test.bandwidths_)
    pd.testing.assert_frame_equal(report.diagnostics, test.diagnostics_)
    assert (report.n_rows, report.n_dropped) == (118, 2)
    assert (report.names, report.left_out) == (("length", "mass"), ("label",))
    assert (report.misfit, report.estimated, report.level) == (False, False, 0.05)


def test_worst_rows_are_named_as_in_the_table(table):
    report = fit_report(table, NORMAL, n_worst=7, **QUICK)
    influence = pd.Series(report.test.influence_, table.dropna().index)
    largest = influence.sort_values(ascending=False).head(7)
    assert report.rows["row"].tolist() == largest.index.tolist()
    np.testing.assert_array_equal(report.rows["influence"], largest)
    pd.testing.assert_frame_equal(report.rows.set_index("row")[["length", "mass"]],
                                  table.loc[largest.index, ["length", "mass"]], check_names=False)
    assert len(fit_report(table, NORMAL, n_worst=1000, **QUICK).rows) == 118
    assert fit_report(table, NORMAL, n_worst=0, **QUICK).rows.empty


def test_columns_get_shares_where_there_is_a_misfit(table):
    fits = fit_report(table, NORMAL, **QUICK)
    assert fits.columns["share"].isna().all()
    report = fit_report(table, stats.norm([0, 800], [1, 1000]), **QUICK)
    assert report.misfit
    assert report.columns["column"].tolist() == ["length", "mass"]
    assert report.columns["share"].iloc[1] > 0.8
    assert report.columns["share"].sum() == pytest.approx(1)


def test_units_do_not_matter(table):
    """Misfit of a column of large numbers, whose scores are small, is found all the same."""
    shifted = fit_report(table, stats.norm([0, 600], [1, 1000]), **QUICK)
    assert shifted.misfit
    grams, model = table.assign(mass=table["mass"] * 1000), stats.norm([0, 6e5], [1, 1e6])
    assert fit_report(grams, model, **QUICK).bandwidths["statistic"].to_numpy() == (
        pytest.approx(shifted.bandwidths["statistic"].to_numpy()))
    assert not fit_report(grams, model, preconditioner=None, **QUICK).misfit


def test_verdict_and_summary_say_what_was_found(table):
    report = fit_report(table, NORMAL, random_state=0)
    assert report.verdict == (
        f"The model fits, as far as 118 rows can tell (p = {report.result.pvalue:.3g}).")
    text = str(report)
    assert text == report.summary()
    for part in ("118 rows of 2 columns (length, mass) against", report.verdict, "Bandwidths",
                 "Rows left out because of missing values: 2 of 120.",
                 "Columns left out because they hold no numbers: label.", "animal ",
                 "pvalue_low", f"{report.result.pvalue_interval()[1]:.4g}",
                 f"All {len(report.diagnostics)} diagnostics passed"):
        assert part in text
    assert "does not fit (p = 0.01)." in fit_report(table, stats.norm(), **QUICK).verdict


def test_level_decides(table):
    report = fit_report(table, stats.norm([0.2, 0], [1, 1000]), level=0.4, random_state=0)
    assert 0.05 < report.result.pvalue < 0.4
    assert report.misfit
    assert not fit_report(table, stats.norm([0.2, 0], [1, 1000]), random_state=0).misfit


def test_doubt_is_told_once_and_explained():
    chain = np.cumsum(np.random.default_rng(0).normal(size=300)) / 10
    with pytest.warns(divest.TrustWarning, match=r"fit_report: .*because of autocorrelation") as w:
        report = fit_report(chain, stats.norm(), **QUICK)
    assert len(w) == 1
    assert w[0].filename == __file__
    assert "but that cannot be trusted because of autocorrelation" in report.verdict
    assert "Doubtful: autocorrelation = " in report.summary()
    assert "dependence=" in report._repr_html_()
    assert not report.to_frame()["trusted"].item()


def test_frame_is_one_tidy_row(table):
    reports = [fit_report(table, model, **QUICK) for model in (NORMAL, stats.norm())]
    frame = pd.concat([report.to_frame() for report in reports], ignore_index=True)
    assert frame["misfit"].tolist() == [False, True]
    assert frame["n_rows"].tolist() == [118, 118]
    assert frame["pvalue"].tolist() == [report.result.pvalue for report in reports]
    assert all(name.isidentifier() and name.islower() for name in frame.columns)


def test_html_escapes_names(rng):
    frame = pd.DataFrame({"<b>": rng.normal(size=40), "y": rng.normal(size=40)})
    page = fit_report(frame, stats.norm(), **QUICK)._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<td><b>" not in page
    assert "(<b>" not in page


def test_columns_named_like_those_of_the_report(rng):
    frame = pd.DataFrame(rng.normal(size=(40, 2)), columns=["row", "influence"])
    rows = fit_report(frame, stats.norm(), **QUICK).rows
    assert rows.columns.tolist() == ["row", "influence", "row_", "influence_"]
    np.testing.assert_array_equal(rows["row_"], frame["row"].iloc[rows["row"]])


@pytest.mark.parametrize("kind", [list, np.asarray, polars.DataFrame])
def test_other_tables(rng, kind):
    values = rng.normal(size=(50, 2))
    report = fit_report(kind(values.tolist()) if kind is list else kind(values), stats.norm(),
                        **QUICK)
    want = fit_report(pd.DataFrame(values), stats.norm(), **QUICK)
    assert tuple(report.result) == tuple(want.result)
    assert fit_report(values[:, 0], stats.norm(), **QUICK).n_rows == 50


def test_univariate_law_stands_for_each_column(rng):
    X = rng.normal(3.0, 2.0, size=(80, 3))
    joint = stats.multivariate_normal(np.full(3, 3.0), np.eye(3) * 4)
    want = fit_report(X, joint, **QUICK).result
    for model in (stats.norm(3, 2), stats.norm(3, scale=2), stats.norm(loc=3.0, scale=2.0)):
        report = fit_report(X, model, **QUICK)
        assert report.result.statistic == pytest.approx(want.statistic)
        assert report.model.endswith(") in each column")
    assert fit_report(X[:, :1], stats.norm(3, 2), **QUICK).model == "norm(3, 2)"
    assert fit_report(X / 2 - 1.5, stats.norm(), **QUICK).result.statistic == pytest.approx(
        want.statistic)


def test_edges_of_the_support_are_taken_care_of(rng):
    waits = rng.exponential(size=200)
    test = KernelSteinTest(stats.expon(), support=(0, np.inf), **QUICK).fit(waits[:, None])
    assert tuple(fit_report(waits, stats.expon(), **QUICK).result) == tuple(test.result_)
    with pytest.raises(divest.goodness_of_fit.SupportBoundaryError):
        fit_report(waits, stats.expon(), boundary="refuse", **QUICK)
    flat = ScoreModel(lambda X: -np.ones_like(X), name="flat")
    with pytest.warns(divest.TrustWarning, match="support_unknown"):
        fit_report(waits, flat, **QUICK)
    assert fit_report(waits, flat, support=(0, np.inf), **QUICK).result.statistic == (
        pytest.approx(test.statistic_))


def test_families(rng):
    x = rng.normal(50, 3, size=60)
    report = fit_report(x, stats.norm, estimate_parameters=True, **FEW)
    test = CompositeSteinTest(stats.norm, **FEW).fit(x[:, None])
    assert tuple(report.result) == tuple(test.result_)
    assert report.estimated
    assert report.model == test.model_.name
    assert f"norm({x.mean():.5g}, {x.std():.5g}), its parameters estimated" in report.summary()
    assert fit_report(rng.exponential(size=100), stats.norm, estimate_parameters=True,
                      **FEW).misfit


def test_default_resamples(rng):
    x = rng.normal(size=30)
    assert fit_report(x, stats.norm()).result.n_resamples == 999
    assert fit_report(x, stats.norm, estimate_parameters=True).result.n_resamples == 499


def test_normal_family_does_not_see_units(rng):
    X = rng.normal(size=(60, 2)) * [1.0, 1e4]
    X[:, 0] = np.exp(X[:, 0])
    report = fit_report(X, stats.multivariate_normal, estimate_parameters=True, **FEW)
    assert report.misfit
    scaled = fit_report(X * [1e5, 1], stats.multivariate_normal, estimate_parameters=True, **FEW)
    assert scaled.result.pvalue == report.result.pvalue
    assert report.columns.empty  # whitened rows have no columns


@doubtful
def test_penguins():
    season = pd.read_csv(DATA / "penguins_2007.csv")
    report = fit_report(season, stats.norm(44, 5.5), columns="bill_length_mm", random_state=0)
    assert (report.n_rows, report.n_dropped, report.left_out) == (109, 1, ())
    assert season["bill_length_mm"].iloc[report.rows["row"]].tolist() == (
        report.rows["bill_length_mm"].tolist())
    mixed, one = (fit_report(season, GaussianMixture(k, random_state=0), estimate_parameters=True,
                             columns=["bill_length_mm", "bill_depth_mm"], **FEW) for k in (3, 1))
    assert not mixed.misfit  # three species
    assert one.misfit


def test_pickle(table):
    report = fit_report(table, NORMAL, **QUICK)
    assert pickle.loads(pickle.dumps(report)).summary() == report.summary()


def test_test_of_pairs_has_no_rows(table):
    report = fit_report(table, NORMAL, null="linear", random_state=0)
    assert report.rows.empty
    assert "Rows with the largest" not in report.summary()
    assert report.result.n_resamples == 0


def outliers(rng):
    return np.r_[rng.normal(size=(200, 1)), np.full((10, 1), 6.0)]


def shares(rng):
    return rng.normal(size=(150, 1)) + np.where(rng.random((150, 1)) < 0.8, -3.0, 3.0)


class Halves:
    """Two normal laws around -3 and 3, equal shares."""

    def log_density(self, X):
        return np.logaddexp(-0.5 * (X[:, 0] - 3)**2, -0.5 * (X[:, 0] + 3)**2)

    def score(self, X):
        return 3 * np.tanh(3 * X) - X


@pytest.mark.parametrize(("kind", "draw", "model", "settings", "misfit"), [
    (RobustSteinTest, outliers, stats.norm(), {"test": "robust", "contamination": 0.1}, False),
    (PerturbedSteinTest, shares, Halves(), {"test": "perturbed", "box": (-6, 6)}, True),
])
@doubtful  # the plain test says that it hardly sees shares
def test_tests_for_blind_spots_say_the_opposite_of_the_plain_one(rng, kind, draw, model, settings,
                                                                misfit):
    table = pd.DataFrame({"x": draw(rng)[:, 0]})
    report = fit_report(table, model, **settings, **QUICK)
    assert fit_report(table, model, **QUICK).misfit is not misfit
    assert report.misfit is misfit
    options = {name: value for name, value in settings.items() if name != "test"}
    assert tuple(report.result) == tuple(kind(model, **options, **QUICK).fit(table).result_)
    shown = len(report.rows), len(report.columns)
    assert shown == ((5, 1) if kind is RobustSteinTest else (0, 0))
    assert "None" not in report.summary()
    assert ("row_share" in report.summary()) is (kind is PerturbedSteinTest)


def test_preconditioner_that_mixes_columns(table):
    report = fit_report(table, NORMAL, preconditioner="covariance", **QUICK)
    assert report.columns.empty
    assert "Columns (" not in report.summary()


@pytest.mark.parametrize(("change", "settings", "message"), [
    ({}, {"columns": ["wings"]}, "no column wings; it has length, mass, label"),
    ({}, {"columns": []}, "different columns"),
    ({}, {"columns": ["mass", "mass"]}, "different columns"),
    ({}, {"columns": ["label"]}, "hold none: label"), ({}, {"level": 0.7}, "level"),
    ({}, {"test": "other"}, "test must be one of"),
    ({}, {"test": "robust", "estimate_parameters": True}, "goes with test='stein', got"),
    ({}, {"n_worst": -1}, "n_worst"), ({"mass": np.inf}, {}, r"infinity \(row 0, column 'mass'"),
    ({"mass": 1.0}, {}, "one value only: mass"), ({"mass": True}, {"columns": "mass"}, "hold none"),
    ({"mass": 1j}, {"columns": "mass"}, "hold none"), ({"mass": np.nan}, {"columns": "mass"},
                                                       "hold none: mass"),
])
def test_bad_input(table, change, settings, message):
    with pytest.raises(ValueError, match=message):
        fit_report(table.assign(**change), stats.norm(), **settings)


def test_tables_without_numbers_and_without_complete_rows():
    with pytest.raises(ValueError, match="no column of numbers; it has a"):
        fit_report(pd.DataFrame({"a": ["x", "y"]}), stats.norm())
    with pytest.raises(ValueError, match="every row of X has a missing value"):
        fit_report(pd.DataFrame({"a": [1, np.nan], "b": [np.nan, 1]}), stats.norm())


def test_unknown_parameters_are_named():
    with pytest.raises(TypeError, match="KernelSteinTest does not take colour; it takes band"):
        fit_report([[1.0]], stats.norm(), colour=3)
    with pytest.raises(TypeError, match="CompositeSteinTest does not take dependence"):
        fit_report([[1.0]], stats.norm, estimate_parameters=True, dependence="auto")
    for given in ({"preconditioner": "std"}, {"null": "wild"}):
        with pytest.raises(TypeError, match=f"RobustSteinTest does not take {next(iter(given))}"):
            fit_report([[1.0]], stats.norm(), test="robust", **given)


def test_errors_name_the_rows_of_the_table(table):
    positive = table.assign(length=table["length"].abs() + 0.1, mass=table["mass"].abs())
    positive.iloc[80, 1] = -5.0
    with pytest.raises(OutOfSupportError, match="row 80"):
        fit_report(positive, stats.gamma(2.0))
