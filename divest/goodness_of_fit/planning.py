"""Which of two models is nearer to a sample? A comparison of kernel Stein discrepancies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import ndtr

from divest._results import (
    Diagnostic,
    EstimateResult,
    _Table,
    told_elsewhere,
    warn_if_doubtful,
)
from divest._validation import as_rows
from divest.goodness_of_fit._shape import standard_error
from divest.goodness_of_fit.kernel_stein import KernelSteinTest

METHOD = "comparison of two models"
_ADVICE = {
    "fitted_model": "parameters seem to be estimated from the same rows, which favours the model "
                    "with more of them; compare the models on other rows",
    "bandwidth_high_dimension": "the median bandwidth is far from the best in many columns; pass a "
                                "smaller one as bandwidth",
}


@dataclass(frozen=True)
class ModelComparison(_Table):
    """How much further from a sample one model is than another.

    Attributes
    ----------
    difference : float
        Squared kernel Stein discrepancy of the first model, less that of the second; below 0 the
        first model is nearer.
    standard_error : float
        Its standard error, by the jackknife.
    pvalue : float
        Of the null hypothesis that both models are equally far, on both sides.
    discrepancies : tuple of float
        Unbiased estimates of the two squared discrepancies, which may be below 0.
    pvalues : tuple of float
        Of the test that each model fits.
    diagnostics : tuple of Diagnostic
        What speaks for and against `pvalue`.
    method : str, default "comparison of two models"
        What was computed.

    See Also
    --------
    compare_models : The function that gives it.

    Examples
    --------
    >>> from divest.goodness_of_fit import ModelComparison
    >>> result = ModelComparison(-0.3, 0.1, 0.003, (0.1, 0.4), (0.02, 0.01))
    >>> low, high = result.confidence_interval()
    >>> round(low, 3), round(high, 3)
    (-0.496, -0.104)
    """

    difference: float
    standard_error: float
    pvalue: float
    discrepancies: tuple[float, float]
    pvalues: tuple[float, float]
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    method: str = METHOD

    def confidence_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Normal interval for the difference.

        Parameters
        ----------
        level : float, default 0.95
            Confidence level in (0, 1).

        Returns
        -------
        tuple of float
            Lower and upper limit.

        Raises
        ------
        ValueError
            When `level` is not between 0 and 1.
        """
        centered = EstimateResult(self.difference, self.standard_error, self.method, ())
        return centered.confidence_interval(level)

    def _row(self) -> dict[str, Any]:
        low, high = self.confidence_interval()
        return {"difference": self.difference, "standard_error": self.standard_error, "low": low,
                "high": high, "pvalue": self.pvalue, "discrepancy_a": self.discrepancies[0],
                "discrepancy_b": self.discrepancies[1], "pvalue_a": self.pvalues[0],
                "pvalue_b": self.pvalues[1]}


def compare_models(X: Any, a: Any, b: Any, *, bandwidth: Any = "median", n_resamples: int = 199,
                   **parameters: Any) -> ModelComparison:
    r"""Which of two models is nearer to a sample, by their kernel Stein discrepancies.

    With :math:`r_i^a` the mean of the Stein kernel of model a of row i with the other rows,
    :math:`U_a` the mean of these and n rows, the difference :math:`U_a - U_b` has variance

    .. math:: \frac{4 (n - 1)}{n (n - 2)^2} \sum_i (r_i^a - r_i^b - U_a + U_b)^2

    and is normal for many rows where at least one of the models is wrong [1]_.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n,)
        The sample.
    a, b : object
        The models: what `as_score_model` takes.
    bandwidth : "median" or float, default "median"
        The same for both models.
    n_resamples : int, default 199
        Draws for the tests of whether each of the models fits.
    **parameters : dict
        Other parameters of `KernelSteinTest`, such as `kernel`, `support`, `weight`, `random_state`
        and `n_jobs`.

    Returns
    -------
    ModelComparison
        The difference with its standard error and p-value.

    Raises
    ------
    TypeError, ValueError
        As `KernelSteinTest.fit`, and when the two models do not get the same kernel.

    Warns
    -----
    TrustWarning
        When neither model is rejected, or a diagnostic of one of the tests fails.

    References
    ----------
    .. [1] W. Jitkrittum, H. Kanagawa, P. Sangkloy, J. Hays, B. Scholkopf and A. Gretton,
       "Informative features for model comparison", NeurIPS (2018), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import stats
    >>> from divest import compare_models
    >>> x = np.random.default_rng(0).standard_t(3, size=1000)
    >>> result = compare_models(x, stats.t(4), stats.norm(), random_state=0)
    >>> result.difference < 0, result.pvalue < 0.05  # the t law is nearer
    (True, True)
    """
    if isinstance(bandwidth, str) and bandwidth == "auto":
        raise ValueError("models are compared at one bandwidth: bandwidth must be 'median' or a "
                         "number, got 'auto'.")
    tests = []
    for model in (a, b):
        test = KernelSteinTest(model, bandwidth=bandwidth, n_resamples=n_resamples, **parameters)
        with told_elsewhere():  # the comparison has diagnostics of its own
            tests.append(test.fit(as_rows(X)))
        test._check_rows_known()
    _check_same_kernel(*tests)
    first, second = (test.influence_ for test in tests)
    diagnostics = _diagnose(*tests)
    warn_if_doubtful(diagnostics, METHOD)
    return ModelComparison(*_difference(first - second), (float(first.mean()),
                                                          float(second.mean())),
                           (tests[0].pvalue_, tests[1].pvalue_), diagnostics)


def _difference(gaps: np.ndarray) -> tuple[float, float, float]:
    """Mean of the differences of row means, its standard error, and its p-value."""
    error = standard_error(gaps)
    z = float(gaps.mean()) / error if error > 0 else 0.0  # the same model twice
    return float(gaps.mean()), error, max(2 * float(ndtr(-abs(z))), float(np.finfo(float).tiny))


def _check_same_kernel(a: KernelSteinTest, b: KernelSteinTest) -> None:
    """Supports of models may tilt their kernels."""
    if not np.array_equal(a._points.weights, b._points.weights):
        raise ValueError("the kernels of the two models have different weights, as their supports "
                         "differ, so their discrepancies cannot be compared; pass the same "
                         "support= or weight= for both.")


def _diagnose(a: KernelSteinTest, b: KernelSteinTest) -> tuple[Diagnostic, ...]:
    """Of each kind the worse one, and whether one of the models is wrong."""
    found = {}
    for diagnostic in (*a.result_.diagnostics, *b.result_.diagnostics):
        if diagnostic.name not in found or not diagnostic.passed:
            advice = _ADVICE.get(diagnostic.name, diagnostic.advice)
            found[diagnostic.name] = replace(diagnostic, advice=advice)
    smallest = min(a.pvalue_, b.pvalue_)
    wrong = Diagnostic("one_model_wrong", smallest, 0.05, smallest <= 0.05,
                       "neither model is rejected; where both may be right the difference is not "
                       "normal, and its p-value means little; get more rows")
    return (*found.values(), wrong)
