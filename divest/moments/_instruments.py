"""Features of instruments and of the data, as an estimator asks for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from divest.moments._features import (
    FourierFeatures,
    NystromFeatures,
    column_median_distances,
    median_distance,
)
from divest.moments._moment_function import MomentData

APPROXIMATIONS: dict[str, Any] = {"nystrom": NystromFeatures, "rff": FourierFeatures}
INSTRUMENTS = ("auto", "linear", "kernel", None)


class LinearInstruments:
    """The columns of Z as they are."""

    def transform(self, Z: np.ndarray) -> np.ndarray:
        """Z itself."""
        return Z


def kernel_instruments(Z: np.ndarray, multiplier: float, n_components: int, approximation: str,
                       seed: Any) -> Any:
    """Fitted features of the Gaussian kernel on Z at `multiplier` median distances."""
    features = APPROXIMATIONS[approximation]
    return features(multiplier * median_distance(Z), n_components, seed).fit(Z)


def transformed_instruments(transformer: Any, Z: np.ndarray) -> Any:
    """A fitted copy of a scikit-learn transformer."""
    return clone(transformer).fit(Z)


def features_of(instruments: Any, Z: np.ndarray | None) -> np.ndarray | None:
    """Instrument features (n, f) of fitted instruments; None without any."""
    if instruments is None:
        return None
    F = instruments.transform(Z)
    F = np.asarray(F.toarray() if hasattr(F, "toarray") else F, dtype=float)
    if F.ndim != 2 or not F.shape[1] or not np.isfinite(F).all():
        raise ValueError("instruments must turn Z into finite features of shape (n, f), got "
                         f"shape {F.shape}" + ("." if np.isfinite(F).all() else " with gaps."))
    return F


def data_columns(data: MomentData) -> np.ndarray:
    """X, y and Z side by side, without constant columns."""
    parts = [np.reshape(part, (len(data.X), -1)) for part in data if part is not None]
    columns = np.hstack(parts)
    return columns[:, columns.min(axis=0) < columns.max(axis=0)]


class DataFeatures:
    """Features of the product Gaussian kernel on the data, centred on the rows they are fitted to.

    Parameters
    ----------
    n_components : int
        Number of features.
    approximation : {"nystrom", "rff"}
        How the kernel is approximated.
    seed : SeedSequence
        Draws landmarks or frequencies.
    """

    def __init__(self, n_components: int, approximation: str, seed: Any) -> None:
        self.n_components, self.seed = n_components, seed
        self.features = APPROXIMATIONS[approximation]

    def fit_transform(self, columns: np.ndarray, weights: np.ndarray,
                      draws: np.ndarray | None = None) -> np.ndarray | None:
        """Features of the rows, then of the draws; None where no column varies."""
        if not columns.shape[1]:
            return None
        made = self.features(column_median_distances(columns), self.n_components, self.seed)
        Phi = made.fit(columns).transform(columns)
        center = weights @ Phi
        if draws is None:
            return Phi - center
        return np.vstack([Phi, made.transform(draws)]) - center
