"""A fitted density estimate: log density, gradient, distribution function and draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divest._neighbors import NeighborIndex
from divest.density import _boundary
from divest.density._boxed_draws import reflected_draws, renormalized_draws
from divest.density._effective_rows import effective_rows
from divest.density._grid import DensityGrid
from divest.density._profiles import coordinate_variance, draw_noise, log_normalizer
from divest.density._rounding import unrounded
from divest.density._sums import (
    PointSet,
    gradients,
    log_sums,
    reflected_log_sums,
    tilted_means,
)
from divest.density._units import Units

if TYPE_CHECKING:
    from sklearn.neighbors import KernelDensity as TreeDensity


@dataclass(frozen=True)
class Box:
    """Support in units of the bandwidth, and how its edges are dealt with."""

    low: np.ndarray
    high: np.ndarray
    boundary: str

    @property
    def edges(self) -> np.ndarray:
        """Finite edges (k, 2): axis and place, in the order of the axes."""
        return np.array([(axis, place) for axis, sides in
                         enumerate(zip(self.low, self.high, strict=True))
                         for place in sides if np.isfinite(place)])


@dataclass
class FittedDensity:
    """Rows in units of the bandwidth with everything that a query needs.

    `box` is None without edges; `grid` and `tree` hold the estimate for the algorithms "grid" and
    "kd_tree" or "ball_tree".
    """

    units: Units
    points: PointSet
    n_jobs: int | None = None
    box: Box | None = None
    log_mass: float = 0.0
    grid: DensityGrid | None = None
    tree: TreeDensity | None = None

    @property
    def log_constant(self) -> float:
        """What the logarithm of a kernel sum is lessened by."""
        return log_normalizer(self.points.kernel, self.points.d) + self.units.log_volume

    # ------------------------------------------------------------ density
    def log_density(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """Logarithm of the size of the density (m,), and its sign."""
        Q = self.units.to_units(X)
        if self.tree is not None:
            return self.tree.score_samples(Q / self.units.held) - self.units.log_volume, 1.0
        if self.grid is not None:
            found, good = self.grid.at(Q)
            rest = self.inside(Q) & ~good
            found[~good] = -np.inf
            found[rest] = self._exact(Q[rest])[0]
            found[good] -= self.log_mass
            return found - self.units.log_volume, 1.0
        found, sign = self._exact(Q)
        return found - self.units.log_volume, sign

    def inside(self, Q: np.ndarray) -> np.ndarray:
        """Which queries lie in the support."""
        if self.box is None:
            return np.ones(len(Q), bool)
        return _boundary.inside(Q, self.box.low, self.box.high)

    def _exact(self, Q: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """Logarithm of the size of the density in units of the bandwidth, and its sign."""
        constant = log_normalizer(self.points.kernel, self.points.d) + self.log_mass
        if self.box is None:
            return log_sums(self.points, Q, n_jobs=self.n_jobs) - constant, 1.0
        if self.box.boundary == "reflect":
            return self._reflected(Q) - constant, 1.0
        mean = None
        if self.box.boundary == "renormalize":
            found = log_sums(self.points, Q, n_jobs=self.n_jobs)
        else:
            found, mean = tilted_means(self.points, Q, n_jobs=self.n_jobs)
        change, sign = _boundary.log_edge_factor(self.box.boundary, Q, self.box.low, self.box.high,
                                                 mean)
        return found + change - constant, sign

    def _reflected(self, Q: np.ndarray) -> np.ndarray:
        """Logarithm of the sum with images; minus infinity outside."""
        assert self.box is not None
        found, within = np.full(len(Q), -np.inf), self.inside(Q)
        found[within] = reflected_log_sums(self.points, Q[within], self.box.edges,
                                           n_jobs=self.n_jobs)
        return found

    def with_mass(self) -> FittedDensity:
        """The same, with `log_mass` such that it integrates to 1."""
        if self.box is None:
            return self
        low, high, points = self.box.low, self.box.high, self.points
        if self.box.boundary == "reflect":
            self.log_mass = _boundary.log_reflected_mass(points.rows, low, high, points.weights,
                                                         points.local)
        elif self.box.boundary == "renormalize":
            self.log_mass = _boundary.log_renormalized_mass(points.rows, low, high, points.weights)
        else:
            self.log_mass = float(np.log(_boundary.one_dimensional_mass(
                self._line, points.rows[:, 0], float(low[0]), float(high[0]), points.weights)))
        return self

    def _line(self, q: np.ndarray) -> np.ndarray:
        """Density along one axis."""
        found, sign = self._exact(q[:, None])
        return sign * np.exp(found)

    def log_error(self, X: np.ndarray, effective_size: float) -> np.ndarray:
        """Standard error of the log density (m,); NaN where fluctuations are not normal."""
        rows = effective_rows(self.points, self.units.to_units(X), n_jobs=self.n_jobs)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(np.maximum(1.0 / rows.kish - 1.0 / effective_size, 0.0))
        return np.where(rows.regime() == "clt", error, np.nan)

    def leave_one_out(self) -> float:
        """Mean log density of the rows without their own kernels and those of their copies."""
        rows = unrounded(self.points.rows, self.points.unequal_weights)
        index = NeighborIndex(rows)
        at, count = index.point_of_row, len(index.points)
        if count == 1:
            raise ValueError("leaving rows out needs two that differ; all are equal.")
        first = np.empty(count, np.int64)
        first[at[::-1]] = np.arange(len(at))[::-1]
        weights = np.bincount(at, self.points.weights)
        local = None if self.points.local is None else self.points.local[first]
        points = PointSet(rows[first], weights, local, self.points.kernel, self.points.unit)
        logs = log_sums(points, points.rows, skip=np.arange(count), n_jobs=self.n_jobs)
        return float(weights @ (logs - np.log1p(-weights)) - self.log_constant)

    # ------------------------------------------------------------ gradient, cdf, draws
    def gradient(self, X: np.ndarray) -> np.ndarray:
        """Gradient of the log density (m, d)."""
        _, found = gradients(self.points, self.units.to_units(X), n_jobs=self.n_jobs)
        return self.units.gradient(found)

    def cdf(self, X: np.ndarray) -> np.ndarray:
        """Mass below each query on all axes (m,)."""
        d = self.points.d
        low = np.full(d, -np.inf) if self.box is None else self.box.low
        high = np.full(d, np.inf) if self.box is None else self.box.high
        mass = _boundary.reflected_cdf(self.units.to_units(X), self.points.rows, low, high,
                                       self.points.weights, self.points.local)
        return np.clip(mass * np.exp(-self.log_mass), 0.0, 1.0)

    def draw(self, n: int, rng: Any, shrink: bool) -> np.ndarray:
        """Draws (n, d) in data units."""
        if self.box is None:
            return self.units.to_data(self._plain_draws(n, rng, shrink))
        draws = reflected_draws if self.box.boundary == "reflect" else renormalized_draws
        return self.units.to_data(draws(self.points, self.box.low, self.box.high, n, rng))

    def _plain_draws(self, n: int, rng: Any, shrink: bool) -> np.ndarray:
        """A row by weight plus noise of the kernel."""
        points = self.points
        rows = rng.choice(points.n, size=n, p=points.weights)
        noise = points.unit * draw_noise(points.kernel, n, points.d, rng)
        if points.local is not None:
            noise *= points.local[rows, None]
        draws = points.rows[rows] + noise
        if not shrink:
            return draws
        mean = points.weights @ points.rows
        return mean + (draws - mean) * self._shrinkage(mean)

    def _shrinkage(self, mean: np.ndarray) -> np.ndarray:
        """What keeps the variance of each column."""
        points = self.points
        w = points.weights
        variance = (w @ (points.rows - mean) ** 2) / max(1.0 - w @ w, np.finfo(float).tiny)
        local = 1.0 if points.local is None else float(w @ points.local**2)
        added = coordinate_variance(points.kernel, points.d) * local * points.unit**2
        return np.sqrt(variance / (variance + added))
