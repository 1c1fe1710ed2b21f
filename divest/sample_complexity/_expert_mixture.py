"""The law of y given x under a mixture of experts: normal mixtures, one per row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from divest._resampling import root_sequence
from divest._validation import check_floats

BISECTIONS = 60
NODES = 40


@dataclass(frozen=True)
class ExpertMixture:
    """The law of y at each of n rows: a mixture of normal laws.

    Attributes
    ----------
    weights : ndarray of shape (n, n_experts)
        Weight of each expert, from the gate; rows sum to 1.
    means : ndarray of shape (n, n_experts)
        Mean of each expert.
    sds : ndarray of shape (n_experts,)
        Standard deviation of each expert.

    See Also
    --------
    MixtureOfExperts : The estimator that gives it.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import ExpertMixture
    >>> law = ExpertMixture(np.array([[0.5, 0.5]]), np.array([[-1.0, 1.0]]), np.array([0.1, 0.1]))
    >>> law.mean(), law.cdf(0.0)
    (array([0.]), array([0.5]))
    """

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    def mean(self) -> np.ndarray:
        """Mean of y at each row.

        Returns
        -------
        ndarray of shape (n,)
            Means.
        """
        return (self.weights * self.means).sum(axis=1)

    def var(self) -> np.ndarray:
        """Variance of y at each row.

        Returns
        -------
        ndarray of shape (n,)
            Variance within experts and between their means.
        """
        apart = self.means - self.mean()[:, None]
        return (self.weights * (self.sds**2 + apart**2)).sum(axis=1)

    def entropy(self) -> np.ndarray:
        """Entropy of y at each row, by Gauss-Hermite quadrature around each expert.

        Returns
        -------
        ndarray of shape (n,)
            Nats.
        """
        nodes, shares = np.polynomial.hermite_e.hermegauss(NODES)
        y = self.means.T + self.sds[:, None] * nodes[:, None, None]  # (nodes, experts, n)
        each = np.tensordot(shares / shares.sum(), self.logpdf(y), axes=1)
        return -(self.weights * each.T).sum(axis=1)

    def logpdf(self, y: Any) -> np.ndarray:
        """Logarithm of the density.

        Parameters
        ----------
        y : float or array-like
            One value for all rows, one per row (n,), or anything that broadcasts with (n,).

        Returns
        -------
        ndarray of shape (..., n)
            Log-densities, finite far from all experts as well.
        """
        from scipy.special import logsumexp

        z = self._standardized(y)
        with np.errstate(divide="ignore", over="ignore"):  # no say there, or infinitely far
            logs = -0.5 * (z**2 + np.log(2.0 * np.pi)) - np.log(self.sds)
            return logsumexp(logs + np.log(self.weights), axis=-1)

    def pdf(self, y: Any) -> np.ndarray:
        """Density.

        Parameters
        ----------
        y : float or array-like
            As for `logpdf`.

        Returns
        -------
        ndarray of shape (..., n)
            Densities, per unit of y.
        """
        return np.exp(self.logpdf(y))

    def cdf(self, y: Any) -> np.ndarray:
        """Probability of a value of at most `y`.

        Parameters
        ----------
        y : float or array-like
            As for `logpdf`.

        Returns
        -------
        ndarray of shape (..., n)
            Probabilities.
        """
        from scipy.special import ndtr

        return (self.weights * ndtr(self._standardized(y))).sum(axis=-1)

    def quantile(self, q: Any) -> np.ndarray:
        """Where `cdf` is `q`.

        Parameters
        ----------
        q : float or array-like of shape (k,)
            Probabilities strictly between 0 and 1.

        Returns
        -------
        ndarray of shape (n,) or (n, k)
            Quantiles; one column for each probability, where `q` is an array.

        Raises
        ------
        ValueError
            When `q` is not between 0 and 1.
        """
        from scipy.special import ndtri

        levels = check_floats("q", q)
        if levels.ndim > 1 or not levels.size or not ((levels > 0.0) & (levels < 1.0)).all():
            raise ValueError("q must be a number, or a row of numbers, strictly between 0 and 1, "
                             f"got {q!r}.")
        levels = levels.reshape(-1, 1)
        each = self.means + self.sds * ndtri(levels)[:, :, None]  # (k, n, experts)
        low, high = each.min(axis=2), each.max(axis=2)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < levels
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        found = 0.5 * (low + high)
        return found.ravel() if np.ndim(q) == 0 else found.T

    def sample(self, random_state: Any = None) -> np.ndarray:
        """One random y for each row.

        Parameters
        ----------
        random_state : int, Generator, RandomState or None, default None
            Source of the draws.

        Returns
        -------
        ndarray of shape (n,)
            Draws.
        """
        rng = np.random.default_rng(root_sequence(random_state))
        n, m = self.weights.shape
        passed = rng.random((n, 1)) > self.weights.cumsum(axis=1)
        expert = np.minimum(passed.sum(axis=1), m - 1)
        return self.means[np.arange(n), expert] + self.sds[expert] * rng.standard_normal(n)

    def _standardized(self, y: Any) -> np.ndarray:
        """Distance of y from each mean in standard deviations, (..., n, n_experts)."""
        values = check_floats("y", y)
        if np.isnan(values).any():
            raise ValueError("y contains NaN; drop these values first.")
        try:
            np.broadcast_shapes(values.shape, self.means.shape[:1])
        except ValueError:
            raise ValueError(f"y must be one value, one for each of the {len(self.means)} rows, or "
                             f"an array whose last axis has that length; got shape "
                             f"{values.shape}.") from None
        with np.errstate(over="ignore"):
            return (values[..., None] - self.means) / self.sds
