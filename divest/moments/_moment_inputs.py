"""What the user hands to a fit: rows, starts and weights, checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array

from divest._validation import check_finite, check_sample, check_sample_weight, naming
from divest.moments._moment_function import MomentData


class Starts(NamedTuple):
    """Starting parameters (k, p), and the names of the parameters."""

    thetas: np.ndarray
    names: list[str]


def check_starts(theta0: Any, name: str = "theta0") -> Starts:
    """One start (p,), or several (k, p); names come from a Series, a dict or a DataFrame."""
    if theta0 is None and name == "theta0":
        raise ValueError("theta0 is missing: give the parameters at which the search begins, one "
                         "number for each, for example theta0=[0.0, 1.0].")
    names = None
    if isinstance(theta0, dict):
        theta0 = pd.Series(theta0)
    if isinstance(theta0, (pd.Series, pd.DataFrame)):
        labels = theta0.index if isinstance(theta0, pd.Series) else theta0.columns
        names = [str(label) for label in labels]
    try:
        thetas = np.asarray(theta0, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {theta0!r}.") from None
    if thetas.ndim == 0 or thetas.ndim > 2 or not thetas.size:
        raise ValueError(f"{name} must be a list of p numbers, or of k such lists; got shape "
                         f"{thetas.shape}.")
    if not np.isfinite(thetas).all():
        raise ValueError(f"{name} must be finite, got {theta0!r}.")
    thetas = np.atleast_2d(thetas)
    return Starts(thetas, names or [f"theta_{j}" for j in range(thetas.shape[1])])


def check_theta(theta: Any, p: int | None = None) -> np.ndarray:
    """Parameters at which something is to be tested, p of them where that is known."""
    found = check_starts(theta, "theta").thetas
    p = found.shape[1] if p is None else p
    if found.shape != (1, p):
        raise ValueError(f"theta must hold {p} number{'s' if p > 1 else ''}, one for each "
                         f"parameter; got shape {np.shape(theta)}.")
    return found[0]


def check_order(X: Any, **others: Any) -> None:
    """Refuse pandas tables with the same row labels in another order: rows go by position."""
    if not hasattr(X, "index") or not isinstance(X, (pd.DataFrame, pd.Series)):
        return
    for name, part in others.items():
        if (isinstance(part, (pd.DataFrame, pd.Series)) and len(part) == len(X)
                and not part.index.equals(X.index)
                and part.index.sort_values().equals(X.index.sort_values())):
            raise ValueError(f"{name} has the row labels of X in another order, and rows are "
                             f"matched by position; use {name}.loc[X.index].")


def check_data(X: np.ndarray, y: Any, Z: Any) -> MomentData:
    """X, checked before, with the outcomes and instruments that belong to its rows."""
    if y is not None:
        columns = getattr(y, "columns", None)
        y = np.reshape(y, -1) if np.isscalar(y) else y
        with naming("y"):
            y = check_array(y, dtype=np.float64, ensure_2d=False, ensure_all_finite=False,
                            input_name="y", ensure_min_samples=0)
        _check_length("y", y, X)
        check_finite(y.reshape(len(y), -1), "y", columns)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y  # less another column: (n, n)
    if Z is not None:
        Z = check_sample(Z, "Z")[0]
        _check_length("Z", Z, X)
    return MomentData(X, y, Z)


def _check_length(name: str, part: np.ndarray, X: np.ndarray) -> None:
    """Refuse another number of rows than that of X."""
    if len(part) != len(X):
        raise ValueError(f"{name} must have one row for each of the {len(X)} rows of X, "
                         f"got {len(part)}.")


def check_weights(sample_weight: Any, n: int) -> np.ndarray:
    """Weights (n,), 0 or more, with sum 1; equal where none are given."""
    weights = check_sample_weight(sample_weight, n)
    return np.full(n, 1.0 / n) if weights is None else weights


def check_groups(groups: Any, n: int) -> np.ndarray:
    """A label per row."""
    groups = np.asarray(groups)
    if groups.shape != (n,):
        raise ValueError(f"groups must have one entry per row, shape ({n},), got shape "
                         f"{groups.shape}.")
    if pd.isna(groups).any():
        raise ValueError("groups holds missing values; give every row a group.")
    if len(np.unique(groups)) < 2:
        raise ValueError("groups must hold at least 2 different groups, got 1.")
    return groups


def rows_of(data: MomentData, kept: np.ndarray) -> MomentData:
    """Some rows of all parts."""
    return MomentData._make(None if part is None else part[kept] for part in data)


def with_draws(data: MomentData, weights: np.ndarray, count: int, bandwidth: float,
               rng: np.random.Generator) -> MomentData:
    """The rows, and below them draws from a Gaussian density estimate of all their columns.

    `bandwidth` is in standard deviations of each column.
    """
    drawn = rng.choice(len(weights), count, p=weights)
    parts = []
    for part in data:
        if part is not None:
            spread = bandwidth * part.std(axis=0)
            noise = rng.standard_normal((count, *part.shape[1:]))
            part = np.concatenate([part, part[drawn] + spread * noise])
        parts.append(part)
    return MomentData._make(parts)
