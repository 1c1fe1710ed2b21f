"""Tests that use a symmetry, and a test of the symmetry itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest._resampling import resampling_pvalue, root_sequence
from divest._results import Diagnostic, HypothesisResult, warn_if_doubtful
from divest._validation import check_integer
from divest.divergence._permutation import distinct_permutations
from divest.divergence._symmetric_common import invariant_kernel, one_sample, two_samples
from divest.divergence._symmetric_invariance import moved_sums
from divest.divergence._symmetric_mmd import permuted_discrepancies
from divest.groups import FiniteGroup
from divest.groups._arguments import pooled_kernel
from divest.kernels import Kernel


def symmetric_mmd_test(P: Any, Q: Any, group: FiniteGroup, kernel: str | Kernel | None = None,
                       *, n_resamples: int = 999, random_state: Any = None,
                       n_jobs: int | None = None, progress: bool = False) -> HypothesisResult:
    """Exact permutation test of whether two laws are equal after averaging over a group.

    The statistic is that of `symmetric_mmd`. Where both laws have the symmetry, this test needs
    fewer rows than one that does not know of it [1]_.

    Parameters
    ----------
    P : array-like of shape (n, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (m, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    group : FiniteGroup
        A group that does not change distances. With a random subset of one, the test is exact for
        the hypothesis that the laws themselves are equal.
    kernel : str or Kernel, optional
        By default `rbf`. Without a bandwidth it takes the median distance between all rows.
    n_resamples : int, default 999
        Number of permutations.
    random_state : int, Generator, RandomState or None, default None
        Source of the permutations.
    n_jobs : int, optional
        Threads, through joblib. It does not change the result.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    HypothesisResult
        Squared MMD, p-value and null distribution; unpacks as ``statistic, pvalue``.

    Raises
    ------
    ValueError
        When the samples are not valid or have other columns than the group, or when the group is
        not isometric.

    Warns
    -----
    TrustWarning
        When there are fewer distinct permutations than `n_resamples`.

    See Also
    --------
    symmetric_mmd : How far apart they are.

    References
    ----------
    .. [1] Z. Chen, M. Katsoulakis, L. Rey-Bellet and W. Zhu, "Sample complexity of probability
       divergences under group symmetry", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import symmetric_mmd_test
    >>> from divest.groups import cyclic
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) * 2
    >>> statistic, pvalue = symmetric_mmd_test(P, Q, cyclic(4), random_state=0)
    >>> pvalue
    0.001
    """
    check_integer("n_resamples", n_resamples, 1)
    P, Q = two_samples(P, Q, group, subset=True)
    rows, is_p = np.concatenate([P, Q]), np.repeat([True, False], [len(P), len(Q)])
    kernel = pooled_kernel(kernel, rows)
    root = root_sequence(random_state)
    found = permuted_discrepancies(kernel, group, rows, is_p, root.spawn(n_resamples), n_jobs,
                                   progress)
    null = "both samples have the same law"
    if group.is_complete:
        null += " after averaging over the group"
    return _result(found, f"symmetrized MMD test, {kernel!r}", null, root,
                   distinct_permutations(is_p, None, n_resamples))


def group_invariance_test(X: Any, group: FiniteGroup, kernel: str | Kernel | None = None, *,
                          n_resamples: int = 999, random_state: Any = None,
                          n_jobs: int | None = None, progress: bool = False) -> HypothesisResult:
    """Exact test of whether a law is invariant under a group.

    If it is, replacing each row x by g x with an element g drawn for it alone gives a sample of the
    same law. The statistic is the sum of ``k(x, y)`` over pairs of different rows, which is large
    where rows prefer one part of their orbits.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Independent rows. One-dimensional input is one column.
    group : FiniteGroup
        A group that does not change distances.
    kernel : str or Kernel, optional
        By default `rbf`. Without a bandwidth it takes the median distance between images of
        different rows, which keeps the test exact; a bandwidth chosen from the rows does not.
    n_resamples : int, default 999
        Number of random samples.
    random_state : int, Generator, RandomState or None, default None
        Source of the elements.
    n_jobs : int, optional
        Threads, through joblib. It does not change the result.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    HypothesisResult
        Sum, p-value and null distribution; unpacks as ``statistic, pvalue``.

    Raises
    ------
    ValueError
        When the sample is not valid or has other columns than the group, or when the group is not
        complete or not isometric.

    Warns
    -----
    TrustWarning
        When there are fewer distinct samples than `n_resamples`.

    See Also
    --------
    symmetric_mmd_test : Whether two laws with the symmetry differ.

    References
    ----------
    .. [1] E. Lehmann and J. Romano, "Testing Statistical Hypotheses", 3rd ed., Springer (2005),
       sec. 15.2.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import group_invariance_test
    >>> from divest.groups import cyclic
    >>> X = np.random.default_rng(0).normal(size=(100, 2)) + [1, 0]  # no longer about 0
    >>> statistic, pvalue = group_invariance_test(X, cyclic(4), random_state=0)
    >>> pvalue
    0.001
    """
    check_integer("n_resamples", n_resamples, 1)
    rows = one_sample(X, group, 2)
    kernel = invariant_kernel(kernel, rows, group)
    root = root_sequence(random_state)
    found = moved_sums(kernel, group, rows, root.spawn(n_resamples), n_jobs, progress)
    return _result(found, f"test of invariance under a group, {kernel!r}",
                   "the law is invariant under the group", root,
                   _distinct_samples(group, len(rows), n_resamples))


def _distinct_samples(group: FiniteGroup, n: int, n_resamples: int) -> Diagnostic:
    """Whether there are as many distinct samples, up to one element for all rows, as draws."""
    count = float(np.exp(min((n - 1) * np.log(group.order), 700.0)))
    return Diagnostic(
        "distinct_samples", count, float(n_resamples), count >= n_resamples,
        "fewer distinct samples exist than were drawn, so the p-value cannot be small; use more "
        "rows, or a group with more elements")


def _result(found: np.ndarray, method: str, null: str, root: np.random.SeedSequence,
            diagnostic: Diagnostic) -> HypothesisResult:
    """The result, after a warning where it is doubtful; the observed statistic comes first."""
    observed, draws = float(found[0]), found[1:]
    warn_if_doubtful([diagnostic], method)
    seed = None if root.spawn_key else root.entropy  # a spawned stream has no number
    return HypothesisResult(observed, resampling_pvalue(observed, draws), method, null, draws,
                            len(draws), seed, (diagnostic,))  # type: ignore[arg-type]
