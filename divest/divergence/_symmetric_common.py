"""What the symmetrized measures share: checks of input, the kernel, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._results import EstimateResult
from divest._samples import stack_samples
from divest._validation import check_sample
from divest.groups import FiniteGroup
from divest.groups._arguments import check_group
from divest.kernels import Kernel, resolve_kernel

NOTE = ("The two laws are compared after averaging each over the group, which never makes them\n"
        "farther apart. If a law may not be invariant, see group_invariance_test.")


@dataclass(frozen=True)
class SymmetricEstimateResult(EstimateResult):
    """How far apart two laws are after averaging each over a group.

    Attributes
    ----------
    group_order : int
        Number of elements of the group.

    Examples
    --------
    >>> from divest.divergence import symmetric_mmd
    >>> from divest.groups import sign_flips
    >>> result = symmetric_mmd([0.0, 1.0, 2.0], [-4.0, 5.0, -6.0], sign_flips(1))
    >>> result.group_order
    2
    """

    group_order: int = 1

    def summary(self) -> str:
        """The row as a text table, what the value means, and the advice of failed diagnostics.

        Returns
        -------
        str
            Text to print.
        """
        return f"{super().summary()}\n{NOTE}"

    def _row(self) -> dict[str, Any]:
        return {**super()._row(), "group_order": self.group_order}


def two_samples(P: Any, Q: Any, group: Any, *,
                subset: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The rows of both samples, at least two of each, on whose columns the group acts."""
    X, y = stack_samples(P, Q)
    rows = np.ascontiguousarray(X, dtype=float)
    check_group(group, rows.shape[1], subset=subset)
    P, Q = rows[y == 1], rows[y == 0]
    if min(len(P), len(Q)) < 2:
        raise ValueError("P and Q must have at least 2 rows each, "
                         f"got {len(P)} and {len(Q)}.")
    return P, Q


def one_sample(X: Any, group: Any, least: int, *, subset: bool = False) -> np.ndarray:
    """The rows of a sample, at least so many, on whose columns the group acts."""
    rows = check_sample(X, "X")[0]
    check_group(group, rows.shape[1], subset=subset)
    if len(rows) < least:
        raise ValueError(f"X must have at least {least} rows, got {len(rows)}.")
    return rows


def invariant_kernel(kernel: str | Kernel | None, rows: np.ndarray, group: FiniteGroup) -> Kernel:
    """The kernel; without a bandwidth, with the median distance between images of different rows.

    That does not change when rows move within their orbits, without which the test of invariance
    would not be exact.
    """
    chosen = resolve_kernel("rbf" if kernel is None else kernel)
    if chosen.has_bandwidth:
        return chosen
    size = max(20, int((2e6 / group.order) ** 0.5))
    if len(rows) > size:
        rows = rows[np.linspace(0, len(rows) - 1, size).astype(int)]
    images, below = group.orbit(rows), np.tril_indices(len(rows), -1)
    distances = np.concatenate([distances_between(rows, image)[below] for image in images])
    for candidates in (distances, distances[distances > 0]):
        if candidates.size and (median := float(np.median(candidates))) > 0:
            return chosen.with_bandwidth(median)
    return chosen.with_bandwidth(1.0)


def distances_between(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Distance of each row of `X` to each row of `Y`."""
    from scipy.spatial.distance import cdist

    return cdist(X, Y)
