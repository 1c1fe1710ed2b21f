"""What an estimate of a density ratio says of new rows: the ratio there, and a score."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import polygamma
from sklearn.utils.validation import check_is_fitted

from divest._validation import check_rows, label_codes
from divest.divergence._debias import debiased_log, debiased_power, smoothed_ratio
from divest.divergence._graph import LabelledGraph
from divest.divergence._standardize import Standardizer
from divest.generators import Generator, resolve_generator


class RatioQueries:
    """The ratio p/q at new rows, and how well it separates held-out ones."""

    divergence: str | Generator
    classes_: np.ndarray
    n_neighbors_: np.ndarray
    _graph: LabelledGraph
    _standardizer: Standardizer

    def log_density_ratio(self, X: Any, return_std: bool = False) -> Any:
        """Logarithm of p/q at new points, in nats.

        Rows of the training sample count as new points: their own label is in the ball.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Points.
        return_std : bool, default False
            Whether to return standard errors too.

        Returns
        -------
        ndarray of shape (n,), or two of them
            Log ratios; and their standard errors when `return_std` is true.

        Raises
        ------
        ValueError
            When `X` has other columns than in `fit`, or holds NaN or infinity.
        """
        C, K = self._counts_around(X)
        ratio = debiased_log(C, K, self._class_constant())
        if not return_std:
            return ratio
        return ratio, np.sqrt(polygamma(1, C + 1.0) + polygamma(1, K - C + 1.0))

    def density_ratio(self, X: Any) -> np.ndarray:
        """Density ratio p/q at new points, debiased; 0 where no row of P is near.

        Its logarithm is not `log_density_ratio`: each is debiased on its own scale.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Points.

        Returns
        -------
        ndarray of shape (n,)
            Ratios.

        Raises
        ------
        ValueError
            When `X` has other columns than in `fit`, or holds NaN or infinity.
        """
        C, K = self._counts_around(X)
        return debiased_power(C, K, self._class_constant(), 1.0)

    def score(self, X: Any, y: Any) -> float:
        """Variational lower bound of the divergence on held-out rows; higher is better.

        ``mean_P f'(g) - mean_Q (g f'(g) - f(g))`` with g the ratio learnt in `fit`.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Held-out rows of both samples.
        y : array-like of shape (n,)
            Their labels.

        Returns
        -------
        float
            The bound, minus infinity where the logarithm in it does not exist.

        Raises
        ------
        ValueError
            When `y` holds one sample only, or labels not seen in `fit`.
        """
        check_is_fitted(self)
        if y is None:
            raise ValueError("score requires y: which of two samples each row is from.")
        X, y = check_rows(self, X, y, reset=False)
        if unknown := set(label_codes(y)[0]) - set(self.classes_):
            raise ValueError(f"y holds labels not seen in fit: {sorted(unknown, key=str)}.")
        at_p = y == self.classes_[1]
        if at_p.all() or not at_p.any():
            raise ValueError("score needs rows of both samples, but this fold holds one only; "
                             "cross-validate with StratifiedKFold(shuffle=True).")
        generator = resolve_generator(self.divergence)
        C, K = self._counts_around(X)
        g = smoothed_ratio(C, K, self._class_constant())
        slope = generator.derivative(g)
        bound = slope[at_p].mean() - (g * slope - generator.f(g))[~at_p].mean()
        if generator.link is None:
            return float(bound)
        value = generator.link.value(1.0 + bound / generator.link.scale)
        return -np.inf if np.isnan(value) else value

    def _counts_around(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """(C, K) around new points at the middle number of neighbours."""
        check_is_fitted(self)
        X = check_rows(self, X, reset=False)
        k = int(self.n_neighbors_[len(self.n_neighbors_) // 2])
        return self._graph.count_around(self._standardizer.transform(X), k)

    def _class_constant(self) -> float:
        return self._graph.n_q / self._graph.n_p
