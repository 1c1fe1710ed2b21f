"""The population stability index: Jeffreys divergence of binned values."""

from __future__ import annotations

from math import ceil
from typing import Any

from divest._results import warn_if_doubtful
from divest._validation import check_integer, check_number
from divest.discrete._cells import two_sample_cells
from divest.discrete._count_result import CountDivergenceResult, jeffreys_of_cells


def population_stability_index(
        P: Any, Q: Any, *, bins: int = 10, edges: Any = None, categories: Any = None,
        kind: str = "auto", max_categories: int = 50, missing: str = "cell",
        smoothing: float = 0.5, confidence_level: float = 0.95) -> CountDivergenceResult:
    """How far a variable has moved from its reference: ``PSI = sum (p - q) log(p/q)``.

    This is the Jeffreys divergence of the shares of the cells, so that `f_divergence` and
    `f_divergence_test` with ``"jeffreys"`` give the same from counts. The usual alarm at 0.1 is no
    test: with 300 rows in each sample and ten bins it goes off in five of six samples whose true
    index is 0.1, and the null law depends on the number of rows.

    Parameters
    ----------
    P : array-like, Dask Series or Dask array of shape (n_p,)
        The values in question: numbers, dates, booleans or labels.
    Q : array-like, Dask Series or Dask array of shape (n_q,)
        The values of the reference. Of Dask, counts are summed over partitions, and the result is
        that of the same values in memory.
    bins : int, default 10
        Cells of numbers, cut at quantiles of `Q`.
    edges : array-like, optional
        Limits between the cells of numbers, in place of `bins`; a value on a limit is in the cell
        below.
    categories : list, optional
        The categories with a cell of their own; all others share one. The test is valid when the
        list was not chosen by looking at these two samples.
    kind : {"auto", "numeric", "discrete", "categorical"}, default "auto"
        Cells between limits, one for each value, or one for each category with five rows or more in
        both samples together, which no test of equality is spoilt by. ``"auto"`` takes limits for
        numbers and dates with more than 20 different values, and categories for what is no number.
    max_categories : int, default 50
        The most cells of categories; all others share one.
    missing : {"cell", "drop"}, default "cell"
        Missing values share a cell, or are left out.
    smoothing : float, default 0.5
        Added to every cell, 0 or above.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    CountDivergenceResult
        Value, bias, standard error, interval, diagnostics and, in `table`, the cells.

    Raises
    ------
    ValueError
        When a sample is empty, the reference has too few values for cells, or numbers are compared
        with labels.

    Warns
    -----
    TrustWarning
        When `P` has categories that `Q` lacks, or most rows are in one cell of merged categories.

    See Also
    --------
    f_divergence_test : Could it be chance, and is it more than a given size.
    psi_sample_size : Rows needed to see a given index.

    References
    ----------
    .. [1] B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index",
       Journal of Risk Model Validation 14 (2020).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.discrete import population_stability_index
    >>> reference = np.arange(200.0)
    >>> result = population_stability_index(reference[:150], reference, bins=4)
    >>> round(result.estimate, 3), round(result.corrected, 3)
    (1.139, 0.856)
    >>> result.table[["cell", "n_current", "n_reference"]].to_numpy().tolist()[0]
    ['(-inf, 49]', 50, 50]
    """
    cells = two_sample_cells(P, Q, kind=kind, bins=bins, edges=edges, categories=categories,
                             max_categories=max_categories, missing=missing)
    result = jeffreys_of_cells(cells, "population stability index", ("current", "reference"),
                               smoothing=smoothing, confidence_level=confidence_level)
    warn_if_doubtful(result.diagnostics, result.method)
    return result


def psi_sample_size(psi: float, n_cells: int, *, power: float = 0.8, level: float = 0.05,
                    ratio: float = 1.0) -> int:
    """Rows needed to see a population stability index with the test of equality.

    Parameters
    ----------
    psi : float
        The true index that is to be seen.
    n_cells : int
        Number of cells.
    power : float, default 0.8
        Chance to see it; above `level`.
    level : float, default 0.05
        Level of the test.
    ratio : float, default 1.0
        Rows of the reference for each row of the sample in question.

    Returns
    -------
    int
        Rows of the sample in question, by the chi-square law.

    Raises
    ------
    ValueError
        When a number is out of range.

    See Also
    --------
    f_divergence_power : The power at given sizes, for any divergence.

    Examples
    --------
    >>> from divest.discrete import psi_sample_size
    >>> psi_sample_size(0.05, 10)
    626
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, ncx2

    check_number("psi", psi, 0)
    check_integer("n_cells", n_cells, 2)
    check_number("level", level, 0, 1)
    check_number("power", power, level, 1)
    check_number("ratio", ratio, 0)
    critical = chi2.isf(level, n_cells - 1)

    def gap(shift: float) -> float:
        return float(ncx2.sf(critical, n_cells - 1, shift)) - power

    high = 1.0
    while gap(high) < 0:
        high *= 2.0
    return ceil(brentq(gap, 1e-8, high, xtol=1e-12) * (1 + 1 / ratio) / psi)
