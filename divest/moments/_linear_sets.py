"""Sets of one coefficient of a linear model that stay valid with weak instruments."""

from __future__ import annotations

import numpy as np
import pandas as pd

from divest.moments._inference import s_statistic
from divest.moments._linear_iv import (
    Errors,
    LinearSystem,
    directions,
    inside_span,
    linear_system,
    two_step_gmm,
)
from divest.moments._problem import MomentProblem
from divest.moments._profile import minimise_profile, profile_value
from divest.moments._results import ConfidenceSet

ANGLES = np.linspace(-1, 1, 41) * np.arctan(1e6)  # the ends are a million units away
UNIT = 3.0  # standard errors: half of the points lie within as many
PRECISION = 1e-5  # of the ends, as an angle
LOOSE = 1e-4  # standard errors, of the search over the other coefficients
METHOD = "S set"


class CoefficientTest:
    """The S test of one coefficient, the others chosen to make the statistic smallest.

    The statistic is the objective of continuously updated GMM, whatever the method of the estimate:
    measured with 3 to 25 instruments, its level is nearer to the nominal one than those of the
    exponential and the logarithmic divergence.

    The coefficients of exogenous regressors are well identified whatever the instruments, so they
    take degrees of freedom from the test; those of other endogenous ones do not.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome.
    x : ndarray of shape (n,)
        The regressor of the coefficient.
    others : ndarray of shape (n, p - 1)
        The other regressors.
    F : ndarray of shape (n, q)
        Orthonormal instruments.
    w : ndarray of shape (n,)
        Weights of rows, sum 1.
    errors : Errors
        How rows depend on one another.
    max_iter : int
        Steps of the search over the other coefficients.
    """

    def __init__(self, y: np.ndarray, x: np.ndarray, others: np.ndarray, F: np.ndarray,
                 w: np.ndarray, errors: Errors, max_iter: int = 60) -> None:
        self.y, self.x, self.F, self.w = y, x, F, w
        self.errors, self.max_iter = errors, max_iter
        self.U, self.T = directions(others, w)
        exogenous = others[:, inside_span(others, F, w)]
        self.nuisance = F.T @ (w[:, None] * directions(exogenous, w)[0])

    def __call__(self, value: float) -> tuple[float, float]:
        """Statistic and p-value at a value of the coefficient."""
        system = linear_system(self.y - value * self.x, self.U, self.T, self.F, self.w)
        if system.exact:  # the others satisfy all moments, or there is no error
            return 0.0, 1.0
        problem = system.problem("chi2")
        d = self._others(system, problem)
        dual = profile_value(problem, d)
        Omega = self.errors.omega(system, d)
        statistic, pvalue, _ = s_statistic(dual.value, dual.A, Omega, len(self.y), self.nuisance)
        return statistic, pvalue

    def _others(self, system: LinearSystem, problem: MomentProblem) -> np.ndarray:
        """The other coefficients that make the value smallest."""
        two_step = two_step_gmm(system).d
        if not len(two_step):
            return two_step
        end = minimise_profile(problem, two_step, tol=LOOSE, max_iter=self.max_iter)
        return end.theta if np.isfinite(end.objective) else two_step


def coefficient_set(test: CoefficientTest, name: str, estimate: float, error: float,
                    level: float) -> ConfidenceSet:
    """All values that the test does not reject: a grid over the whole line, ends refined."""
    from scipy.optimize import brentq

    unit = UNIT * error if np.isfinite(error) and error > 0 else max(1.0, abs(estimate))

    def at(angle: float) -> tuple[float, float]:
        return test(estimate + unit * float(np.tan(angle)))

    tried = {float(angle): at(angle) for angle in ANGLES}
    pvalues = np.array([tried[float(angle)][1] for angle in ANGLES])
    inside = pvalues > 1 - level
    for k in np.flatnonzero(inside[1:] != inside[:-1]):
        end = brentq(lambda angle: at(angle)[1] - (1 - level), ANGLES[k], ANGLES[k + 1],
                     xtol=PRECISION)
        tried[end] = at(end)
    angles = np.array(sorted(tried))
    statistic, pvalue = np.array([tried[angle] for angle in angles.tolist()]).T
    grid = pd.DataFrame({name: estimate + unit * np.tan(angles)})
    return ConfidenceSet(grid, statistic, pvalue, level, METHOD)

