"""From data units to units of the bandwidth: centring, whitening, and the bandwidth itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._validation import check_number, check_scale
from divest.density._profiles import COMPACT, canonical_factor
from divest.density._rounding import unrounded
from divest.density._selection import RULES, Selection, select

WHITENINGS = ("auto", None, "diag", "full")
_SINGULAR = 1e-12  # of the largest: eigenvalues of the correlation matrix below this are zero


@dataclass(frozen=True)
class Units:
    """The linear map to units in which the kernel has bandwidth 1.

    Attributes
    ----------
    center : (d,) what is taken off first
    root : (d,) or (d, d), A with ``A A'`` the covariance that the Gaussian kernel has; a vector
        is a diagonal
    factor : the bandwidth in whitened units
    held : the bandwidth in the coordinates that rows get, 1 but where they must not be divided:
        at the edge of a kernel, distances of rounded values are compared with the bandwidth
    """

    center: np.ndarray
    root: np.ndarray
    factor: float
    held: float = 1.0

    @property
    def diagonal(self) -> bool:
        return self.root.ndim == 1

    @property
    def spread(self) -> np.ndarray:
        """Standard deviation of the Gaussian kernel in each column (d,)."""
        return self.root if self.diagonal else np.sqrt((self.root**2).sum(axis=1))

    @property
    def log_volume(self) -> float:
        """Logarithm of the determinant of `root`."""
        if self.diagonal:
            return float(np.log(self.root).sum())
        return float(np.linalg.slogdet(self.root)[1])

    def to_units(self, X: np.ndarray) -> np.ndarray:
        """Rows in units of the bandwidth."""
        with np.errstate(over="ignore"):
            if self.diagonal:
                found = (X - self.center) / (self.root / self.held)
            else:
                found = np.ascontiguousarray(np.linalg.solve(self.root, (X - self.center).T).T)
        if not np.isfinite(found).all():
            raise ValueError("X holds numbers so many bandwidths away from the rows of the fit "
                             "that these are no floats; check its units.")
        return found

    def to_data(self, Z: np.ndarray) -> np.ndarray:
        """Rows in data units."""
        return self.center + (Z * (self.root / self.held) if self.diagonal else Z @ self.root.T)

    def gradient(self, G: np.ndarray) -> np.ndarray:
        """A gradient in units of the bandwidth as one in data units."""
        return G / self.root if self.diagonal else np.linalg.solve(self.root.T, G.T).T


def check_bandwidth(bandwidth: Any, whiten: Any, d: int) -> str | np.ndarray:
    """The name of a rule, or a number, (d,) numbers or a (d, d) matrix; all of them positive."""
    if isinstance(bandwidth, str):
        if bandwidth not in RULES:
            raise ValueError(f"bandwidth must be a number, an array or one of "
                             f"{', '.join(map(repr, RULES))}; got {bandwidth!r}.")
        return bandwidth
    if np.ndim(bandwidth) == 0:
        return np.asarray(check_number("bandwidth", bandwidth, 0.0))
    array = np.asarray(bandwidth, dtype=float)
    if whiten not in ("auto", None):
        raise ValueError(f"bandwidth is an array, which is in data units, so whiten={whiten!r} "
                         "cannot hold; leave whiten at 'auto'.")
    if array.shape not in ((d,), (d, d)):
        raise ValueError(f"bandwidth must be a number, {d} numbers (one per column) or a matrix "
                         f"of shape ({d}, {d}); got shape {array.shape}.")
    if not np.isfinite(array).all() or (array.ndim == 1 and array.min() <= 0):
        raise ValueError(f"bandwidth must hold finite numbers above 0, got {bandwidth!r}.")
    if array.ndim == 2 and (not np.allclose(array, array.T, rtol=1e-8, atol=0)
                            or np.linalg.eigvalsh(array)[0] <= 0):
        raise ValueError("bandwidth must be a symmetric positive definite matrix, the square root "
                         "of the kernel's covariance.")
    return array


def fit_units(X: np.ndarray, weights: np.ndarray | None, bandwidth: Any, whiten: Any, kernel: str,
              names: Any, edges: tuple[np.ndarray, np.ndarray], n_jobs: int | None = None
              ) -> tuple[Units, Selection | None]:
    """Whitening and bandwidth for these rows, and how a rule chose it."""
    n, d = X.shape
    center = np.quantile(X, 0.5, axis=0, method="lower")  # a value, which no far row moves
    bandwidth = check_bandwidth(bandwidth, whiten, d)
    if not isinstance(bandwidth, str) and bandwidth.ndim:
        return Units(center, bandwidth.ravel() if d == 1 else bandwidth, 1.0), None
    if whiten == "auto":
        whiten = "diag" if isinstance(bandwidth, str) else None
    root = _whitener(X, weights, whiten, names)
    root = root[0] if d == 1 and root.ndim == 2 else root
    if not isinstance(bandwidth, str):
        h = float(bandwidth)
        exact = whiten is None and kernel in COMPACT
        return Units(center, h * root, h, h if exact else 1.0), None
    if n == 1:
        raise ValueError(f"bandwidth={bandwidth!r} cannot be chosen from one row (n_samples = 1); "
                         "give a number.")
    chosen = chosen_by(bandwidth, X, weights, Units(center, root, 1.0), edges, n_jobs)
    factor = chosen.bandwidth * canonical_factor(kernel, d)
    return Units(center, factor * root, factor), chosen


def chosen_by(rule: str, X: np.ndarray, weights: np.ndarray | None, white: Units,
            edges: tuple[np.ndarray, np.ndarray], n_jobs: int | None) -> Selection:
    """What a rule says about the rows in whitened units."""
    some_edge = bool(np.isfinite(edges).any())
    ends = None
    if X.shape[1] == 1 and some_edge:
        low, high = ((edge - white.center) / white.root for edge in edges)
        ends = float(low[0]), float(high[0])
    elif rule == "auto" and some_edge:  # least squares takes an edge for detail
        rule = "loo_kl"
    if not white.diagonal:  # columns that are mixed show no more that they were rounded
        X = unrounded(X, weights)
    return select(rule, white.to_units(X), weights, edges=ends, n_jobs=n_jobs)


def _whitener(X: np.ndarray, weights: np.ndarray | None, whiten: Any, names: Any) -> np.ndarray:
    """Standard deviations (d,) or a factor of the covariance (d, d) of the rows."""
    n, d = X.shape
    if whiten is None:
        return np.ones(d)
    _refuse_constant(X, names)
    w = np.full(n, 1.0 / n) if weights is None else weights
    with np.errstate(over="ignore", invalid="ignore"):
        away = X - (X.mean(axis=0) if weights is None else weights @ X)
        variances = (w @ away**2) / np.sum(w * (1.0 - w))
    if not ((variances > 0) & (variances < np.inf)).all():
        check_scale(X, "X", names)
    X = away
    if whiten == "diag":
        return np.sqrt(variances)
    scale = np.sqrt(variances)
    scaled = X / scale
    correlation = (scaled * w[:, None]).T @ scaled / np.sum(w * (1.0 - w))
    values = np.linalg.eigvalsh(correlation)
    if values[0] <= _SINGULAR * values[-1]:
        raise ValueError("whiten='full' needs a covariance of full rank: the columns are linearly "
                         f"dependent, or there are too few rows ({n}) for {d} columns. Use "
                         "whiten='diag', or drop columns.")
    return scale[:, None] * np.linalg.cholesky(correlation)


def _refuse_constant(X: np.ndarray, names: Any) -> None:
    constant = np.flatnonzero((X == X[0]).all(axis=0))
    if len(constant) and len(X) > 1:
        column = constant[0] if names is None else repr(names[constant[0]])
        raise ValueError(f"column {column} does not vary, so no scale can be taken from it: give "
                         "a numeric bandwidth or drop it.")
    if len(X) == 1:
        raise ValueError("no scale can be taken from one row (n_samples = 1): give a numeric "
                         "bandwidth.")
