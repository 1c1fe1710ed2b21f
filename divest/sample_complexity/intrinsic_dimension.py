"""How many dimensions the rows fill."""

from __future__ import annotations

from math import log10
from typing import Any

import numpy as np

from divest._results import Diagnostic, EstimateResult, warn_if_doubtful
from divest._validation import check_integer, check_sample
from divest.sample_complexity._dimension import dimension_of, distinct_rows, relative_error

METHOD = "intrinsic dimension"


def intrinsic_dimension(X: Any, n_neighbors: int = 10) -> EstimateResult:
    r"""Dimension of the surface near which the rows lie, from distances to neighbours.

    With T_j(i) the distance from row i to its j-th neighbour and k neighbours,

    .. math:: \hat d = (k - 1) \Big/ \frac1n \sum_i \sum_{j<k} \log \frac{T_k(i)}{T_j(i)},

    the maximum likelihood estimate of Levina and Bickel [1]_ with the likelihoods of all rows
    taken together, as MacKay and Ghahramani corrected it [2]_.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n,)
        The sample. Distances are Euclidean, so columns should have comparable units. Equal rows
        count once.
    n_neighbors : int, default 10
        Number of neighbours k, at least 2. More make the estimate less variable and, where the
        dimension is high, lower.

    Returns
    -------
    EstimateResult
        The estimate. Its standard error comes from the same estimate in groups of rows, up to 20,
        averaged over 4 divisions into groups; NaN below 10 k rows.

    Raises
    ------
    ValueError
        When `X` is not valid, all rows are equal, `n_neighbors` is out of range, or the neighbours
        of every row are equally far from it.

    Warns
    -----
    TrustWarning
        When more than a tenth of the rows are copies of others, or the estimate is above
        ``2 log10(n)``, where distances between so few rows cannot tell dimensions apart [3]_ and
        the estimate is too low.

    See Also
    --------
    sample_size_report : How fast the distance between two samples falls with their size.

    References
    ----------
    .. [1] E. Levina and P. Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS 17
       (2005).
    .. [2] D. MacKay and Z. Ghahramani, "Comments on 'Maximum likelihood estimation of intrinsic
       dimension'" (2005).
    .. [3] J.-P. Eckmann and D. Ruelle, "Fundamental limitations for estimating dimensions and
       Lyapunov exponents in dynamical systems", Physica D 56 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import intrinsic_dimension
    >>> plane = np.random.default_rng(0).normal(size=(500, 2)) @ [[1, 2, 0, 1], [0, 1, 1, -1]]
    >>> low, high = intrinsic_dimension(plane).confidence_interval()
    >>> bool(low < 2 < high)
    True
    """
    rows, _ = check_sample(X, "X")
    points = distinct_rows(rows)
    if len(points) < 2:
        raise ValueError("all rows of X are equal, so they have no distances; "
                         f"got {len(rows)} row{'s' if len(rows) > 1 else ''}.")
    k = check_integer("n_neighbors", n_neighbors, 2)
    if k >= len(points):
        raise ValueError(f"n_neighbors must be below the number of distinct rows, {len(points)}, "
                         f"got {k}.")
    estimate = dimension_of(points, k)
    if np.isinf(estimate):
        raise ValueError(f"the {k} nearest neighbours of every row are equally far from it, so "
                         "their distances tell no dimension; use more neighbours.")
    diagnostics = _diagnose(estimate, len(points), len(rows))
    warn_if_doubtful(diagnostics, METHOD)
    return EstimateResult(estimate, estimate * relative_error(points, k), METHOD, (len(rows),),
                          diagnostics, bounds=(0.0, np.inf))


def _diagnose(estimate: float, n_points: int, n_rows: int) -> tuple[Diagnostic, ...]:
    """Whether rows are copies, and whether so many dimensions can be seen."""
    copies, most = 1.0 - n_points / n_rows, 2.0 * log10(n_points)
    return (
        Diagnostic("repeated_rows", copies, 0.1, copies <= 0.1,
                   "this share of the rows are copies of others: where values are rounded or "
                   "discrete, the dimension depends on the rounding."),
        Diagnostic("resolvable", estimate, most, estimate <= most,
                   "so few rows cannot tell so many dimensions apart; the estimate is too low."),
    )
