"""The group and the kernel that a user passes: checked, and with a bandwidth."""

from __future__ import annotations

from typing import Any

import numpy as np

from divest.groups.finite_group import FiniteGroup
from divest.kernels import Kernel, median_bandwidth, resolve_kernel


def check_group(group: Any, n_features: int, *, subset: bool = False) -> None:
    """An isometric group on so many columns; a random subset of one only where `subset`."""
    if not isinstance(group, FiniteGroup):
        raise TypeError(f"group must be a FiniteGroup of divest.groups, got {group!r}.")
    if group.n_features != n_features:
        raise ValueError(f"group acts on {group.n_features} columns, but the samples have "
                         f"{n_features}; divest.groups.product adds columns to a group.")
    if not group.is_isometric:
        raise ValueError(f"group must not change distances, and {group!r} does (is_isometric is "
                         "False); use orthogonal matrices, or rescale the columns.")
    if not (subset or group.is_complete):
        raise ValueError(f"group must be complete, got {group!r}; only the MMD, its test, its gain "
                         "and its sample size report take a random subset.")


def pooled_kernel(kernel: str | Kernel | None, rows: np.ndarray) -> Kernel:
    """The kernel; where it has no bandwidth, with the median distance between rows.

    The rows are sorted first: neither labels nor the order of the rows must matter to which rows a
    large sample's median is taken of.
    """
    chosen = resolve_kernel("rbf" if kernel is None else kernel)
    if chosen.has_bandwidth:
        return chosen
    return chosen.with_bandwidth(median_bandwidth(rows[np.lexsort(rows.T)]))
