"""Does a model fit a table? The kernel Stein test of its columns and complete rows, reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from divest._results import told_elsewhere, warn_doubtful
from divest._samples import as_frame, as_numbers, numeric_columns
from divest._validation import check_finite, check_integer, check_number, check_option
from divest.goodness_of_fit._stein_test import LARGEST
from divest.goodness_of_fit.composite import CompositeSteinTest
from divest.goodness_of_fit.kernel_stein import KernelSteinTest
from divest.goodness_of_fit.models import ScoreModel, as_score_model
from divest.goodness_of_fit.perturbed import PerturbedSteinTest
from divest.goodness_of_fit.report import FitReport
from divest.goodness_of_fit.robust import RobustSteinTest

TESTS = {"stein": KernelSteinTest, "perturbed": PerturbedSteinTest, "robust": RobustSteinTest}


def fit_report(X: Any, model: Any, *, test: str = "stein",
               columns: Iterable[str] | None = None, estimate_parameters: bool = False,
               preconditioner: Any = "auto", level: float = 0.05, shuffle: bool = False,
               n_worst: int = 5, n_resamples: int | None = None, random_state: Any = None,
               n_jobs: int | None = None, progress: bool = False, **parameters: Any) -> FitReport:
    """Test whether a model fits a table, and say where it does not.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, d)
        The table. Rows with a missing value in a tested column are left out, and counted.
    model : object
        What `as_score_model` takes: a frozen distribution of scipy.stats, a fitted mixture of
        scikit-learn, a score function, and others. A univariate distribution of scipy.stats stands
        for each of several columns, independently. With `estimate_parameters`, a family that
        `CompositeSteinTest` takes: ``scipy.stats.norm``, ``GaussianMixture(2)``, and others.
    test : {"stein", "perturbed", "robust"}, default "stein"
        `KernelSteinTest`; `PerturbedSteinTest`, which sees how mass is divided between separated
        modes; or `RobustSteinTest`, which allows for a share of outliers.
    columns : list of str, optional
        Columns to test; by default all that hold numbers. They are tested jointly.
    estimate_parameters : bool, default False
        Whether the parameters of `model` are to be estimated from the same rows, which the test
        must know: a fixed model that was fitted to these rows seems to fit too well.
    preconditioner : "auto" or as in KernelSteinTest, default "auto"
        Scale of the columns in distances between rows: ``"auto"`` is "std" for several columns and
        None for one. The perturbed and the robust test take columns as they are.
    level : float, default 0.05
        Level of the test, at most 0.5.
    shuffle : bool, default False
        Whether to put the rows into a random order first (a fixed one). For tables that are only
        sorted: else neighbours that are alike are taken for dependent rows. Dependent rows remain
        dependent, only nobody sees it any more.
    n_worst : int, default 5
        How many of the rows with the largest influence are listed.
    n_resamples : int, optional
        Draws under the null hypothesis; by default 999, and 499 with `estimate_parameters`.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.
    **parameters : dict
        Further parameters of the test (of `CompositeSteinTest` with `estimate_parameters`), such as
        `bandwidth`, `box` of the perturbed and `contamination` of the robust one.

    Returns
    -------
    FitReport
        Verdict, test, and the rows and columns where the misfit lies.

    Raises
    ------
    OutOfSupportError
        When rows lie where the model has no density; names them.
    SupportBoundaryError
        When the density does not vanish at an edge of its support.
    TypeError
        When the model has no score, or `parameters` holds an unknown name.
    ValueError
        When a parameter or the data are not valid, or no column holds numbers.

    Warns
    -----
    TrustWarning
        When a diagnostic fails.

    See Also
    --------
    KernelSteinTest : The test of a fixed model.
    PerturbedSteinTest : For models with separated modes.
    RobustSteinTest : For samples with outliers.
    CompositeSteinTest : The test when parameters are estimated from the same rows.

    Notes
    -----
    Where the support of a fixed model has an edge and its density does not vanish there, the kernel
    is made to (``boundary="tilt"``). With `estimate_parameters`, several columns of
    ``scipy.stats.multivariate_normal`` get ``null="standardize"``, where they are whitened.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from scipy import stats
    >>> from divest.goodness_of_fit import fit_report
    >>> table = pd.DataFrame({"wait": np.random.default_rng(0).gamma(2.0, size=200)})
    >>> fit_report(table, stats.gamma(2.0), random_state=0).misfit
    False
    >>> print(fit_report(table, stats.expon(scale=2.0), random_state=0).verdict)
    The model does not fit (p = 0.001).
    """
    check_number("level", level, 0, 0.5)
    check_option("test", test, tuple(TESTS))
    check_option("shuffle", shuffle, (True, False))
    check_integer("n_worst", n_worst, 0)
    if estimate_parameters and test != "stein":
        raise ValueError(f"estimate_parameters goes with test='stein', got test={test!r}.")
    frame = as_frame(X, "X")
    names, left_out = numeric_columns(frame, columns, "the model is one of numbers")
    table = frame[names]
    sample, kept = _complete_rows(table)
    if shuffle:
        order = np.random.default_rng(0).permutation(len(sample))
        sample, kept = sample.iloc[order], kept[order]
    if n_resamples is not None:
        parameters["n_resamples"] = n_resamples
    parameters |= {"random_state": random_state, "n_jobs": n_jobs, "progress": progress}
    fitted = (_composite(model, sample, preconditioner, parameters) if estimate_parameters else
              _fixed(TESTS[test], model, sample, kept, preconditioner, parameters))
    with told_elsewhere():  # below, of the report
        fitted.fit(sample)
    report = FitReport(
        fitted, getattr(fitted.model_, "name", "model"), _worst_rows(fitted, sample, n_worst),
        _shares(fitted, fitted.result_.reject(level)), fitted.bandwidths_, fitted.diagnostics_,
        level, estimate_parameters, len(sample), len(table) - len(sample), tuple(sample.columns),
        left_out)
    if not fitted.result_.trusted:
        warn_doubtful(f"fit_report: {report.verdict}")
    return report


def _fixed(kind: Any, model: Any, sample: pd.DataFrame, kept: np.ndarray, preconditioner: Any,
           parameters: dict[str, Any]) -> Any:
    """The test of a model whose parameters are known."""
    auto = isinstance(preconditioner, str) and preconditioner == "auto"
    if kind is KernelSteinTest and auto:
        preconditioner = "std" if sample.shape[1] > 1 else None
    if kind is KernelSteinTest or not (auto or preconditioner is None):
        parameters = {"preconditioner": preconditioner, **parameters}
    _refuse_unknown(kind, parameters)
    model = _in_each_column(model, sample.shape[1])
    if model.bounded and not {"support", "boundary", "boundary_points", "weight"} & set(parameters):
        parameters = {"support": model.support, **parameters}  # the kernel is to vanish there
    if not np.array_equal(kept, np.arange(len(kept))):  # errors have to name the rows of X
        as_score_model(model, support=parameters.get("support")).score(sample, labels=kept)
    return kind(model, **parameters)


def _composite(family: Any, sample: pd.DataFrame, preconditioner: Any,
               parameters: dict[str, Any]) -> CompositeSteinTest:
    """The test of a family whose parameters are estimated."""
    _refuse_unknown(CompositeSteinTest, parameters)
    auto = isinstance(preconditioner, str) and preconditioner == "auto"
    whole = parameters.get("support") is None and parameters.get("boundary") != "tilt"
    if sample.shape[1] > 1 and family is stats.multivariate_normal and whole and auto:
        parameters = {"null": "standardize", **parameters}
    if auto:
        several = sample.shape[1] > 1 and parameters.get("null") != "standardize"
        preconditioner = "std" if several else None
    return CompositeSteinTest(family, preconditioner=preconditioner, **parameters)


def _refuse_unknown(kind: Any, parameters: dict[str, Any]) -> None:
    known = set(kind().get_params())
    if other := sorted(set(parameters) - known):
        raise TypeError(f"{kind.__name__} does not take {', '.join(other)}; it takes "
                        f"{', '.join(sorted(known))}.")


def _in_each_column(model: Any, d: int) -> ScoreModel:
    """`model`; a univariate distribution of scipy.stats stands for each of several columns."""
    known = as_score_model(model)
    distribution = getattr(model, "dist", None)
    if d == 1 or known.n_features != 1 or not isinstance(distribution, stats.rv_continuous):
        return known
    named = model.kwds if len(model.args) > distribution.numargs else {"loc": 0.0, **model.kwds}
    repeated = distribution(*(np.full(d, value) for value in model.args),
                            **{name: np.full(d, value) for name, value in named.items()})
    return replace(as_score_model(repeated), name=f"{known.name} in each column")


def _complete_rows(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows without missing values, as floats, and their positions; infinity is refused."""
    numbers = pd.DataFrame({name: as_numbers(table[name]) for name in table.columns},
                           index=table.index)
    check_finite(np.nan_to_num(numbers.to_numpy(), posinf=np.inf, neginf=-np.inf), "X",
                 list(table.columns))
    kept = np.flatnonzero(numbers.notna().all(axis=1))
    if not len(kept):
        raise ValueError("every row of X has a missing value in a column that is tested; name "
                         "other columns.")
    numbers.columns = numbers.columns.map(str)  # scikit-learn takes no other names
    return numbers.iloc[kept], kept


def _worst_rows(test: Any, sample: pd.DataFrame, n_worst: int) -> pd.DataFrame:
    """The rows of largest influence; none where the test looks at pairs only."""
    influence = getattr(test, "influence_", np.empty(0))
    worst = np.argsort(-influence, kind="stable")[:n_worst]
    rows = sample.iloc[worst].rename(columns={name: f"{name}_" for name in ("row", "influence")})
    found = pd.DataFrame({"row": rows.index, "influence": influence[worst]})
    return pd.concat([found, rows.reset_index(drop=True)], axis=1)


def _shares(test: Any, reject: bool) -> pd.DataFrame:
    """The part of each column in the statistic; shares of what may be chance mean nothing."""
    if not hasattr(test, "dimension_shares"):
        return pd.DataFrame({"column": [], "statistic": [], "share": []})
    if getattr(test, "null", "") == "linear" or test._points.n > (LARGEST if reject else 2_000):
        return pd.DataFrame({"column": [], "statistic": [], "share": []})  # takes n^2 steps
    try:
        shares = test.dimension_shares()
    except ValueError:  # with this preconditioner columns are mixed
        return pd.DataFrame({"column": [], "statistic": [], "share": []})
    return shares if reject else shares.assign(share=np.nan)
