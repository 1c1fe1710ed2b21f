"""Confidence sets by inverting a test: along one parameter, the others minimised away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from divest.moments._moment_inference import FitInference
from divest.moments._profile import minimise_profile, profile_value
from divest.moments._queries import Hull

FURTHEST = 1000.0  # standard errors from the estimate that are looked at
POINTS, POINTS_PROJECTED = 48, 12  # on each side of it, of one parameter, and of several
END_TOLERANCE = 1e-6  # standard errors, of the ends of intervals
LOOSE = 1e-4  # standard errors, of the search over the other parameters


@dataclass
class ProjectedTest:
    """p-value of one parameter at a value, the others chosen to make the objective smallest."""

    inference: FitInference
    j: int
    method: str  # "s" or "lr"

    def __post_init__(self) -> None:
        fit, V = self.inference.fit, self.inference.cov
        self.theta = fit.theta
        error = np.sqrt(V[self.j, self.j])
        usable = bool(np.isfinite(V).all()) and error > 0
        self.unit = float(error) if usable else max(1.0, abs(self.theta[self.j]))
        others = np.delete(V[:, self.j], self.j)
        self.slope = others / error**2 if usable else np.zeros(len(others))
        self.latest = np.delete(self.theta, self.j)

    def pvalue(self, value: float) -> float:
        """The larger of those from two starts of the search over the others."""
        if len(self.theta) == 1:
            return self._at(np.array([value]))
        expected = np.delete(self.theta, self.j) + self.slope * (value - self.theta[self.j])
        best = 0.0
        for others in (expected, self.latest):
            found = self._minimised(value, others)
            pvalue = self._at(np.insert(found, self.j, value))
            if pvalue >= best:
                best, self.latest = pvalue, found
            if best > 0.5:
                break
        return best

    def _minimised(self, value: float, others: np.ndarray) -> np.ndarray:
        """The other parameters at which the objective is smallest, from `others`."""
        problem = self.inference.fit.problem.with_fixed(self.j, value)
        return minimise_profile(problem, others, tol=LOOSE, max_iter=60).theta

    def _at(self, theta: np.ndarray) -> float:
        """p-value at all parameters."""
        if self.method == "s":
            return self.inference.s_test(theta)[1]
        fit = self.inference.fit
        gap = profile_value(fit.problem, theta).value - fit.dual.value
        return float(chdtrc(1, max(2 * fit.n * gap / fit.problem.epsilon, 0.0)))


def projected_hull(test: ProjectedTest, level: float) -> Hull:
    """Ends of the set along one parameter: infinite without an end, NaN where it is empty."""
    center, unit, limit = test.theta[test.j], test.unit, 1 - level
    origin = test.latest
    reach = np.geomspace(0.25, FURTHEST, POINTS if len(test.theta) == 1 else POINTS_PROJECTED)
    above = [test.pvalue(center + r * unit) for r in reach]
    test.latest = origin
    below = [test.pvalue(center - r * unit) for r in reach]
    test.latest = origin
    points = center + unit * np.concatenate([-reach[::-1], [0.0], reach])
    inside = np.array([*below[::-1], test.pvalue(center), *above]) > limit
    if not inside.any():
        return Hull(np.nan, np.nan, 0)
    starts = np.flatnonzero(inside & ~np.append(False, inside[:-1]))
    first, last = starts[0], np.flatnonzero(inside)[-1]
    lower = -np.inf if first == 0 else _end(test.pvalue, points[first], points[first - 1],
                                            limit, unit)
    upper = np.inf if last == len(points) - 1 else _end(test.pvalue, points[last],
                                                        points[last + 1], limit, unit)
    return Hull(lower, upper, len(starts))


def _end(pvalue: Callable[[float], float], inside: float, outside: float, limit: float,
         unit: float) -> float:
    """Where the p-value crosses the limit, by bisection on its logarithm's scale."""
    from scipy.optimize import brentq

    def height(value: float) -> float:
        return float(np.log(max(pvalue(value), 1e-300) / limit))

    try:
        return float(brentq(height, inside, outside, xtol=END_TOLERANCE * unit, rtol=1e-12))
    except ValueError:  # a search over the others that ended elsewhere: the wider end
        return float(outside)
