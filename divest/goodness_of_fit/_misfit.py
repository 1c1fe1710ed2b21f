"""Where a fitted test sees the misfit, and how much power other numbers of rows would have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from divest._validation import check_integer, check_number, check_sample
from divest.goodness_of_fit import _shape
from divest.goodness_of_fit._engine import SteinPairs
from divest.goodness_of_fit._outcome import critical_values
from divest.goodness_of_fit._points import Points
from divest.goodness_of_fit._stein_test import LARGEST
from divest.kernels import Kernel


class WitnessMixin:
    """Methods of a fitted test that keeps its points and kernel."""

    _points: Points
    _kernel: Kernel
    n_features_in_: int

    def witness(self, Z: Any) -> np.ndarray:
        r"""Where mass must move: the test function that tells sample and model apart.

        .. math:: g(z) = \frac{1}{n} \sum_i [s(x_i) k(x_i, z) + \nabla_x k(x_i, z)]

        It estimates the mean, over the law of the sample, of ``k(x, z)`` times the difference of
        the scores of the model and of the sample: arrows point to where the model has more mass.
        With a tilted or weighted kernel, rows count by their weight, and the test function itself
        is the weight at z times this.

        Parameters
        ----------
        Z : array-like of shape (m, d)
            Where to evaluate it.

        Returns
        -------
        ndarray of shape (m, d)
            The function at each row of `Z`, at `bandwidth_`, in the coordinates of `X`.

        Raises
        ------
        ValueError
            When `Z` has other columns than `X`, or holds NaN or infinity.
        """
        check_is_fitted(self)
        Z, columns = check_sample(Z, "Z")
        names = getattr(self, "feature_names_in_", None)
        if Z.shape[1] != self.n_features_in_ or (
                columns is not None and names is not None and list(columns) != list(names)):
            raise ValueError(f"Z must have the {self.n_features_in_} columns of X, in their order; "
                             f"got shape {Z.shape}{f' and {columns}' if columns else ''}.")
        return _shape.witness(self._points, self._kernel, Z)

    def stein_matrix(self) -> np.ndarray:
        """The Stein kernel of all pairs of rows at `bandwidth_`, for work of your own.

        The tests themselves never hold it: it takes 8 n^2 bytes.

        Returns
        -------
        ndarray of shape (n, n)
            Symmetric and positive semi-definite; the mean of its off-diagonal entries is the U
            statistic.

        Raises
        ------
        ValueError
            When there are too many rows for a matrix.
        """
        check_is_fitted(self)
        _check_size(self._points.n)
        return SteinPairs(self._points, self._kernel).matrix().astype(np.float64, copy=False)

    def dimension_shares(self) -> pd.DataFrame:
        """The U statistic as a sum over the columns.

        It says in which coordinates of the score the misfit lies; it is no test of each column, and
        where the statistic is near 0, shares mean little.

        Returns
        -------
        DataFrame
            One row per column of `X`: column, statistic (they sum to the U statistic at
            `bandwidth_`) and share of that sum; NaN where the sum is not above 0.

        Raises
        ------
        ValueError
            Where a preconditioner, or standardized rows, mix the columns.
        """
        check_is_fitted(self)
        factor = self._points.factor
        if np.count_nonzero(factor - np.diag(np.diag(factor))):
            raise ValueError("the coordinates of this test mix the columns of X; use "
                             "preconditioner=None or 'std', or null='parametric' in place of "
                             "'standardize'.")
        _check_size(self._points.n)
        parts = _shape.dimension_statistics(self._points, self._kernel)
        total = parts.sum()
        names = getattr(self, "feature_names_in_", np.arange(len(parts)))
        shares = parts / total if total > 0 else np.full(len(parts), np.nan)
        return pd.DataFrame({"column": names, "statistic": parts, "share": shares})


class MisfitMixin(WitnessMixin):
    """And of one whose model is fixed, and that keeps its row means and draws."""

    _drawn: tuple[np.ndarray, np.ndarray, np.ndarray, int]
    _diagonal: np.ndarray
    influence_: np.ndarray
    pvalue_: float

    def discrepancy_interval(self, level: float = 0.95, force: bool = False) -> tuple[float, float]:
        """Normal interval for the kernel Stein discrepancy at `bandwidth_`, by the jackknife.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level.
        force : bool, default False
            Also where the p-value exceeds .05. Near the null hypothesis the U statistic is not
            normal, and the interval means little.

        Returns
        -------
        tuple of float
            Lower and upper limit, 0 or more.

        Raises
        ------
        ValueError
            When the p-value exceeds .05 and `force` is False, or the rows are dependent.
        """
        self._check_rows_known()
        level = check_number("level", level, 0.0, 1.0)
        if self.pvalue_ > 0.05 and not force:
            raise ValueError(
                f"the p-value is {self.pvalue_:.3g}: where the model may well be right the "
                "statistic is not normal and has no such interval. Pass force=True to get it "
                "nevertheless.")
        return _shape.discrepancy_interval(self.influence_, level)

    def power_curve(self, n: Any, level: float = 0.05) -> pd.DataFrame:
        r"""Power at other numbers of rows, read off this sample.

        .. math:: \Phi((\sqrt{n'} U - c / \sqrt{n'}) / \hat\sigma)

        with c the critical value of n U. It is post hoc: it takes the misfit seen in this sample
        for the true one, which makes it too large on average where the sample decided that there is
        one. To plan with an alternative that is known, use
        `divest.sample_complexity.sample_size_for_power`.

        Parameters
        ----------
        n : array-like of int
            Numbers of rows, at least 4.
        level : float, default 0.05
            Level of the test.

        Returns
        -------
        DataFrame
            Columns n and power.

        Raises
        ------
        ValueError
            When `n` is not valid, or with ``null="linear"``.
        """
        self._check_rows_known()
        level = check_number("level", level, 0.0, 1.0)
        sizes = [check_integer("n", size, 4) for size in np.atleast_1d(np.asarray(n)).tolist()]
        values, draws, weights, best = self._drawn
        critical = critical_values(values, draws, weights, level)[best]
        if getattr(self, "statistic", "u") == "v":
            n = len(self._diagonal)
            critical = (critical - self._diagonal.mean()) * n / (n - 1)  # of n U
        return pd.DataFrame({"n": sizes, "power": _shape.power(self.influence_, critical, sizes)})

    def _check_rows_known(self) -> None:
        check_is_fitted(self)
        if getattr(self, "null", "wild") == "linear":
            raise ValueError("null='linear' looks at separate pairs only; use another null.")
        if not hasattr(self, "influence_"):
            raise ValueError("a fit to a Dask table does not keep its rows; fit the test to rows "
                             "in memory.")
        if getattr(self, "dependence", None) is not None:
            raise ValueError("the formula takes rows to be independent, and these depend on one "
                             "another; thin them, and test without dependence.")


def _check_size(n: int) -> None:
    """Work on all pairs takes n^2 steps."""
    if n > LARGEST:
        raise ValueError(f"this looks at all pairs of at most {LARGEST} rows; got {n}. Fit the "
                         "test to fewer rows.")
