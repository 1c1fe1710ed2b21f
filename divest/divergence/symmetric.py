"""How far apart are two samples whose laws share a known symmetry, and what the symmetry saves."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._results import Diagnostic, warn_if_doubtful
from divest._validation import check_integer, check_option
from divest.divergence._symmetric_common import (
    SymmetricEstimateResult,
    one_sample,
    two_samples,
)
from divest.divergence._symmetric_divergence import neighbor_divergence
from divest.divergence._symmetric_gain import SymmetryGainResult, mmd_gain, transport_gain
from divest.divergence._symmetric_mmd import Discrepancy, discrepancy
from divest.divergence._symmetric_transport import split_distance, transport
from divest.generators import Generator, resolve_generator
from divest.groups import FiniteGroup
from divest.groups._arguments import pooled_kernel
from divest.kernels import Kernel

_NULL_SCALE = 2.0
_SUBSET_EXCESS = 0.5  # standard errors


def symmetric_wasserstein(P: Any, Q: Any, group: FiniteGroup) -> SymmetricEstimateResult:
    """Wasserstein distance W1 between two laws averaged over a group.

    It is the least mean cost of moving one sample to the other where moving y to x costs
    ``min_g |x - g y|`` [1]_.

    Parameters
    ----------
    P : array-like of shape (n, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (m, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    group : FiniteGroup
        A group that does not change distances.

    Returns
    -------
    SymmetricEstimateResult
        Distance, in the unit of the columns, standard error and diagnostics. The distance is
        above 0 on average also where the laws are equal; the standard error does not cover that.

    Raises
    ------
    ValueError
        When the samples are not valid or have other columns than the group, or when the group is
        not complete or not isometric.
    ImportError
        When the samples differ in size and the package POT, the extra ``ot``, is missing.

    Warns
    -----
    TrustWarning
        When the distance is below twice that between two random parts of all rows, so that the
        laws may well be equal.

    See Also
    --------
    group_invariance_test : Whether a law has the symmetry at all.
    symmetry_gain : What the group saves.

    Notes
    -----
    Samples of one size are assigned by scipy, and the time grows as n^3 or nearly so. For 2000 and
    2000 rows POT, the extra ``ot``, gave the same distance in 0.1 to 1.1 times this time in 1 or 2
    columns, and in 1.3 to 4 times this time in 8. It is used for samples of different size only.

    References
    ----------
    .. [1] Z. Chen, M. Katsoulakis, L. Rey-Bellet and W. Zhu, "Sample complexity of probability
       divergences under group symmetry", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import symmetric_wasserstein
    >>> from divest.groups import cyclic
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) * 2
    >>> round(symmetric_wasserstein(P, Q, cyclic(4)).estimate, 3)
    1.325
    """
    P, Q = two_samples(P, Q, group)
    value, error = transport(group.min_distances(P, Q))
    null = split_distance(np.concatenate([P, Q]), len(P), group, np.random.default_rng(0))
    return _result(value, error, "Wasserstein distance between symmetrized laws", P, Q, group,
                   [_null_scale(value, null, "between two random parts of all rows")])


def symmetric_mmd(P: Any, Q: Any, group: FiniteGroup, kernel: str | Kernel | None = None,
                  *, unbiased: bool = False) -> SymmetricEstimateResult:
    """Squared maximum mean discrepancy (MMD) between two laws averaged over a group.

    That is the squared MMD with the kernel ``k_G(x, y) = mean_g k(x, g y)`` [1]_. With a random
    subset H of a group the laws are averaged over H, and the kernel is
    ``mean_{g, h} k(g x, h y)``.

    Parameters
    ----------
    P : array-like of shape (n, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (m, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    group : FiniteGroup
        A group that does not change distances; a random subset of one does as well.
    kernel : str or Kernel, optional
        By default `rbf`. Without a bandwidth it takes the median distance between all rows.
    unbiased : bool, default False
        Leave out the pairs of a row with itself, which make the value positive on average also
        where the laws are equal. The value may then be negative.

    Returns
    -------
    SymmetricEstimateResult
        Squared MMD, standard error and diagnostics.

    Raises
    ------
    ValueError
        When the samples are not valid or have other columns than the group, or when the group is
        not isometric.

    Warns
    -----
    TrustWarning
        When the value, own pairs included, is below twice its mean under equal laws, near which
        the standard error is too small; or when a random subset is too small to stand for its
        group.

    See Also
    --------
    symmetric_mmd_test : Whether the laws differ at all.

    Notes
    -----
    Averaging over a random subset H leaves more of the distance than averaging over the whole
    group: on average ``1/|H|`` of what the group would take away. Laws that have the symmetry lose
    nothing by either. The diagnostic ``subset_excess`` estimates this in standard errors, which
    do not cover it. The time grows as ``|G| n^2``, for a subset as ``|H|^2 n^2``.

    References
    ----------
    .. [1] Z. Chen, M. Katsoulakis, L. Rey-Bellet and W. Zhu, "Sample complexity of probability
       divergences under group symmetry", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import symmetric_mmd
    >>> from divest.groups import cyclic
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) * 2
    >>> round(symmetric_mmd(P, Q, cyclic(4), "rbf").estimate, 3)
    0.091
    """
    check_option("unbiased", unbiased, (True, False))
    P, Q = two_samples(P, Q, group, subset=True)
    kernel = pooled_kernel(kernel, np.concatenate([P, Q]))
    found = discrepancy(kernel, group, P, Q)
    value = found.unbiased if unbiased else found.biased
    diagnostics = [_null_scale(found.biased, found.null_mean, "expected under equal laws")]
    if not group.is_complete:
        plain = discrepancy(kernel, FiniteGroup([np.eye(P.shape[1])]), P, Q)
        diagnostics.append(_subset_excess(found, plain, group.order))
    return _result(value, found.standard_error, f"squared MMD between symmetrized laws, {kernel!r}",
                   P, Q, group, diagnostics)


def symmetric_neighbor_divergence(P: Any, Q: Any, group: FiniteGroup,
                                  divergence: str | Generator = "kl", *,
                                  n_neighbors: int = 5) -> SymmetricEstimateResult:
    """Kullback-Leibler or power divergence between two laws averaged over a group.

    As `NearestNeighborDistanceDivergence`, with neighbours among all images of all rows; the images
    of a row are not its neighbours. The symmetry takes away bias rather than variance [1]_.

    Parameters
    ----------
    P : array-like of shape (n, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (m, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    group : FiniteGroup
        A group that does not change distances.
    divergence : str or Generator, default "kl"
        ``"kl"``, ``"hellinger"``, ``"chi_square"``, ``"bhattacharyya"``, or ``"renyi(a)"``,
        ``"tsallis(a)"`` or ``"power(a)"`` with a number a; or such a generator.
    n_neighbors : int, default 5
        The number of neighbours, below the rows of either sample.

    Returns
    -------
    SymmetricEstimateResult
        Divergence of P from Q, its standard error, which comes from deleting one row with all its
        images at a time, and diagnostics. Logarithmic divergences are in nats.

    Raises
    ------
    ValueError
        When the samples are not valid, have a constant column or other columns than the group,
        when the group is not complete or not isometric, or a parameter is out of its range.

    Warns
    -----
    TrustWarning
        When a diagnostic fails. Distances of zero, which tied rows have, make the estimate NaN.

    See Also
    --------
    NearestNeighborDistanceDivergence : The same without a symmetry.

    References
    ----------
    .. [1] Z. Chen, M. Katsoulakis, L. Rey-Bellet and W. Zhu, "Sample complexity of probability
       divergences under group symmetry", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import symmetric_neighbor_divergence
    >>> from divest.groups import cyclic
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(800, 2)), rng.normal(size=(800, 2)) * 1.5**0.5
    >>> result = symmetric_neighbor_divergence(P, Q, cyclic(4))  # the truth is 0.072
    >>> low, high = result.confidence_interval()
    >>> bool(low < 0.072 < high)
    True
    """
    generator = resolve_generator(divergence)
    check_integer("n_neighbors", n_neighbors, 1)
    P, Q = two_samples(P, Q, group)
    if n_neighbors >= min(len(P), len(Q)):
        raise ValueError("n_neighbors must be below the rows of either sample, got "
                         f"{n_neighbors} with {len(P)} rows of P and {len(Q)} of Q.")
    pooled = np.concatenate([P, Q])
    constant = np.flatnonzero(pooled.max(axis=0) == pooled.min(axis=0)).tolist()
    if constant:
        raise ValueError(f"P and Q have constant columns: {constant}; drop them.")
    value, error, diagnostics = neighbor_divergence(P, Q, group, int(n_neighbors), generator)
    return _result(value, error, f"{generator.name} between symmetrized laws by nearest-neighbor "
                   "distances", P, Q, group, diagnostics, generator)


def symmetry_gain(X: Any, group: FiniteGroup, measure: str = "mmd",
                  kernel: str | Kernel | None = None, *,
                  random_state: Any = None) -> SymmetryGainResult:
    """What a symmetry saves: how much nearer two samples of one law are, and how many rows.

    For ``"mmd"`` this is the factor ``(E k_G(x, x) - mu) / (E k(x, x) - mu)``, with mu the mean of
    k over pairs of rows, by which the mean of the squared MMD falls [1]_. For ``"wasserstein"`` it
    is the mean distance W1 between random halves of the rows with the group, over that without.

    Parameters
    ----------
    X : array-like of shape (n, d)
        A sample of an invariant law.
    group : FiniteGroup
        A group that does not change distances; for ``"mmd"`` a random subset of one does as well.
    measure : {"mmd", "wasserstein"}, default "mmd"
        The distance.
    kernel : str or Kernel, optional
        For ``"mmd"`` only; by default `rbf`. Without a bandwidth it takes the median distance.
    random_state : int, Generator, RandomState or None, default None
        Source of the halves; not used for ``"mmd"``.

    Returns
    -------
    SymmetryGainResult
        The factor, and its standard error: for ``"mmd"`` by the delete-one jackknife, for
        ``"wasserstein"`` from ten pairs of halves. Its `rows_factor` says how many times fewer
        rows do the same with the group.

    Raises
    ------
    ValueError
        When the sample is not valid or has other columns than the group, when the group is not
        isometric, or when a kernel is given for ``"wasserstein"``.

    Notes
    -----
    The mean of the squared MMD between samples of n rows is proportional to 1/n: n rows with the
    group are worth ``n / factor`` without it, for every n. W1 has no such law. Its `rows_factor`
    compares half of the rows without the group with the size at which W1 with the group is the
    same, if it goes on as a power of the size, which is found from a half, a quarter, an eighth and
    a sixteenth of the rows. Halves have at most 2,000 rows. Its interval comes from ten splits of
    the same rows and is too narrow in many columns: for normal laws its error was 0.8 to 1.2 of the
    true spread in 1 to 3 columns, and 0.6 in 5.

    References
    ----------
    .. [1] Z. Chen, M. Katsoulakis, L. Rey-Bellet and W. Zhu, "Sample complexity of probability
       divergences under group symmetry", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import symmetry_gain
    >>> from divest.groups import cyclic
    >>> from divest.kernels import rbf
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> gain = symmetry_gain(X, cyclic(4), kernel=rbf(0.1))
    >>> round(gain.estimate, 2), round(gain.rows_factor, 1)  # about 1/4
    (0.25, 4.1)
    """
    check_option("measure", measure, ("mmd", "wasserstein"))
    if kernel is not None and measure != "mmd":
        raise ValueError(f"kernel is for measure='mmd', got measure={measure!r}.")
    rows = one_sample(X, group, 4 if measure == "mmd" else 16, subset=measure == "mmd")
    if measure == "mmd":
        kernel = pooled_kernel(kernel, rows)
        found = mmd_gain(kernel, group, rows)
        method = f"symmetry gain of the squared MMD, {kernel!r}"
    else:
        found = transport_gain(rows, group, random_state)
        method = "symmetry gain of the Wasserstein distance"
    return SymmetryGainResult(
        found.estimate, found.standard_error, method, (len(rows),), bounds=(0.0, np.inf),
        group_order=group.order, n_rows=found.n_rows, rows_factor=found.rows_factor,
        rows_factor_log_se=found.rows_factor_log_se)


def _null_scale(value: float, null: float, what: str) -> Diagnostic:
    ratio = value / null if null > 0 else 0.0  # all rows may be images of one
    return Diagnostic(
        "null_scale", ratio, _NULL_SCALE, ratio >= _NULL_SCALE,
        f"the value in units of that {what}: it may be all chance, and its standard error "
        "does not cover that; use symmetric_mmd_test, or more rows")


def _subset_excess(found: Discrepancy, plain: Discrepancy, order: int) -> Diagnostic:
    """How far the value is above that of the whole group, on average, in standard errors.

    What the group takes away, |D|^2, a subset with the identity and independent elements leaves at
    |D|^2 / order on average: pairs of different elements cancel.
    """
    excess = (plain.unbiased - found.unbiased) / (order - 1)
    ratio = excess / found.standard_error if found.standard_error else 0.0
    return Diagnostic(
        "subset_excess", ratio, _SUBSET_EXCESS, ratio <= _SUBSET_EXCESS,
        "the random subset leaves the distance this many standard errors above that of the whole "
        "group; draw more elements")


def _result(value: float, error: float, method: str, P: np.ndarray, Q: np.ndarray,
            group: FiniteGroup, diagnostics: list[Diagnostic],
            generator: Generator | None = None) -> SymmetricEstimateResult:
    """The result, after a warning where it is doubtful."""
    warn_if_doubtful(diagnostics, method)
    bounds = (0.0, np.inf if generator is None else generator.upper_bound)
    return SymmetricEstimateResult(
        value, error, method, (len(P), len(Q)), tuple(diagnostics), bounds=bounds,
        unit="" if generator is None else generator.unit, group_order=group.order)
