"""Stein features at a finite set of locations, and where these locations are best put.

For J locations v_j, ``tau(x) = vec_j [s(x) k(x, v_j) + grad_x k(x, v_j)] / sqrt(d J)``.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from divest.kernels import Kernel

SQUARED = 2.0 ** np.arange(-3, 4)  # bandwidths tried first, squared, relative to the median
REACH = 8.0  # of the bandwidth from the median, at most, either way
REGULARIZER = 0.01  # of the variance in the criterion


def location_features(X: np.ndarray, S: np.ndarray, locations: np.ndarray,
                      kernel: Kernel) -> np.ndarray:
    """The features tau of each row, (n, J d)."""
    gaps = X[:, None] - locations
    phi, slope, _ = kernel.profile((gaps**2).sum(axis=2))
    tau = S[:, None] * phi[:, :, None] + 2 * slope[:, :, None] * gaps
    return tau.reshape(len(X), -1) / np.sqrt(locations.size)


def finite_set_statistic(tau: np.ndarray) -> float:
    """The number of rows times the mean of ``tau(x) . tau(y)`` over pairs of different rows."""
    n, mean = len(tau), tau.mean(axis=0)
    return float(n / (n - 1) * (n * mean @ mean - (tau**2).sum() / n))


def covariance_eigenvalues(tau: np.ndarray) -> np.ndarray:
    """Eigenvalues of the covariance of the features, those that are not 0 for lack of rows."""
    centred = tau - tau.mean(axis=0)
    n, m = tau.shape
    gram = centred.T @ centred if m <= n else centred @ centred.T
    return np.maximum(np.linalg.eigvalsh(gram / (n - 1)), 0.0)


def normal_locations(X: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws from the normal law with the mean and the covariance of the rows."""
    return rng.multivariate_normal(X.mean(axis=0), np.atleast_2d(np.cov(X.T)), count,
                                   method="eigh")


class LocationSearch:
    """Search for the locations, and the bandwidth, where the test has most power.

    Maximises ``|mu|^2 / sqrt(sigma^2 + .01)``, with mu the mean of tau and ``sigma^2 = 4 mean
    (tau . mu)^2 - 4 |mu|^4``, the variance of n^(1/2) times the estimate of |mu|^2 away from the
    null hypothesis. Tau is multiplied by `scale`, a length, which leaves it without a unit.

    Parameters
    ----------
    X, S : ndarray of shape (n, d)
        Rows to learn from, and their scores.
    kernel : Kernel
        A kernel with or without a bandwidth.
    scale : float
        The median bandwidth.
    """

    def __init__(self, X: np.ndarray, S: np.ndarray, kernel: Kernel, scale: float) -> None:
        self.X, self.S, self.kernel, self.scale = X, S, kernel, scale
        self.center = X.mean(axis=0)
        self.moves = all(term.bandwidth is None for term in kernel.terms)

    def best(self, start: np.ndarray) -> tuple[np.ndarray, Kernel]:
        """Locations and the kernel with its bandwidth, from locations to start with."""
        logs = np.log(self.scale) + (np.log(SQUARED) / 2 if self.moves else np.zeros(1))
        first = max(logs, key=lambda log: self.criterion(start, log)[0])
        found = minimize(self._negative, self._pack(start, first), jac=True, method="L-BFGS-B",
                         bounds=self._bounds(len(start)))
        locations, log = self._unpack(found.x)
        return locations, self.at(log)

    def at(self, log_bandwidth: float) -> Kernel:
        """The kernel with this bandwidth, where it has none of its own."""
        if self.kernel.has_bandwidth:
            return self.kernel
        return self.kernel.with_bandwidth(float(np.exp(log_bandwidth)))

    def criterion(self, locations: np.ndarray, log_bandwidth: float
                  ) -> tuple[float, np.ndarray, float]:
        """Its value, and its derivatives in the locations (J, d) and the log bandwidth."""
        X, S = self.X, self.S
        constant = self.scale / np.sqrt(locations.size)
        gaps = X[:, None] - locations
        u = (gaps**2).sum(axis=2)
        phi, slope, curvature = self.at(log_bandwidth).profile(u)
        tau = S[:, None] * phi[:, :, None] + 2 * slope[:, :, None] * gaps
        value, weights = power_criterion(constant * tau.reshape(len(X), -1))
        weights = constant * weights.reshape(tau.shape)
        along, across = (weights * S[:, None]).sum(axis=2), (weights * gaps).sum(axis=2)
        bend = np.divide(curvature, u, out=np.zeros_like(u), where=u > 0)
        pull = along * slope + 2 * across * bend
        by_location = -2 * (pull[:, :, None] * gaps + slope[:, :, None] * weights).sum(axis=0)
        by_log = -2 * (along * u * slope + 2 * across * (slope + curvature)).sum()
        return value, by_location, float(by_log) if self.moves else 0.0

    def _negative(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_location, by_log = self.criterion(*self._unpack(parameters))
        return -value, -np.append(self.scale * by_location.ravel(), by_log)

    def _pack(self, locations: np.ndarray, log_bandwidth: float) -> np.ndarray:
        """Without a unit of length: from the mean of the rows, in multiples of the scale."""
        return np.append((locations - self.center).ravel() / self.scale,
                         log_bandwidth - np.log(self.scale))

    def _unpack(self, parameters: np.ndarray) -> tuple[np.ndarray, float]:
        places = parameters[:-1].reshape(-1, self.X.shape[1])
        return self.center + self.scale * places, float(parameters[-1] + np.log(self.scale))

    def _bounds(self, count: int) -> list[tuple[float, float]]:
        """Locations near the rows, and a bandwidth near the median."""
        margin = self.X.std(axis=0)
        corners = np.array([self.X.min(axis=0) - margin, self.X.max(axis=0) + margin])
        reach = np.log(REACH) if self.moves else 0.0
        return [*((corners - self.center) / self.scale).T.tolist()] * count + [(-reach, reach)]


def power_criterion(tau: np.ndarray) -> tuple[float, np.ndarray]:
    """``|mu|^2 / sqrt(sigma^2 + .01)`` of features (n, m), and its derivative in each of them.

    The numerator is estimated without bias, by pairs of different rows: else with few rows features
    of large variance look best.
    """
    n, mean = len(tau), tau.mean(axis=0)
    along, length = tau @ mean, float(mean @ mean)
    size = finite_set_statistic(tau) / n
    variance = 4 * float((along**2).mean()) - 4 * length**2 + REGULARIZER
    fall = -0.5 * size * variance**-1.5
    by_mean = 8 * fall * (along @ tau / n - 2 * length * mean)
    by_size = 2 / (n - 1) * variance**-0.5 * (n * mean - tau)
    return size * variance**-0.5, (by_mean + by_size + 8 * fall * np.outer(along, mean)) / n
