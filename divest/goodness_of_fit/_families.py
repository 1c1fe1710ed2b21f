"""Families of models, whose parameters are estimated from the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import getattr_static, isfunction
from reprlib import repr as short
from typing import Any, Protocol

import numpy as np
from scipy import stats
from scipy.linalg import cholesky, solve_triangular
from sklearn.base import BaseEstimator, clone

from divest.goodness_of_fit._score_model import ScoreModel
from divest.goodness_of_fit.models import as_score_model

LOCATION_SCALE = ("norm", "laplace", "logistic", "cauchy", "gumbel_l", "gumbel_r", "hypsecant")
_WANTED = ("a continuous distribution of scipy.stats without parameters, as scipy.stats.norm, or "
           "such a distribution with fixed parameters, as (scipy.stats.gamma, {'floc': 0}); "
           "scipy.stats.multivariate_normal; a GaussianMixture, BayesianGaussianMixture or "
           "KernelDensity that is not fitted; or an object with fit(X) that returns a model")


class Family(Protocol):
    """Models of which the rows choose one."""

    @property
    def name(self) -> str:
        """What to call it."""

    def fit(self, X: np.ndarray, rng: np.random.Generator) -> Any:
        """Something that `as_score_model` takes, with parameters estimated from the rows."""

    def standard(self, d: int) -> ScoreModel | None:
        """The member of location 0 and scale 1, where all others are its affine images."""

    def whitening(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Location (d,) and factor (d, d) with which ``(X - location) @ factor`` is standard."""

    def n_parameters(self, fitted: Any, X: np.ndarray) -> int | None:
        """Free parameters of the model fitted to X; None where they cannot be counted."""


@dataclass(frozen=True)
class UnivariateFamily:
    """A distribution of scipy.stats, fitted by greatest likelihood."""

    distribution: Any
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.distribution.name)

    def fit(self, X: np.ndarray, rng: np.random.Generator) -> Any:
        return self.distribution(*self._parameters(X))

    def standard(self, d: int) -> ScoreModel | None:
        return as_score_model(self.distribution()) if self._location_scale else None

    def whitening(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        location, scale = self._parameters(X)
        return np.array([location]), np.array([[1 / scale]])

    def n_parameters(self, fitted: Any, X: np.ndarray) -> int | None:
        return self.distribution.numargs + 2 - len(self.fixed)

    def _parameters(self, X: np.ndarray) -> tuple[float, ...]:
        if X.shape[1] != 1:
            raise ValueError(f"scipy.stats.{self.name} is a family for one column, got X of shape "
                             f"{X.shape}.")
        x = X[:, 0]
        with np.errstate(all="ignore"):
            if not self._location_scale:
                return tuple(self.distribution.fit(x, **self.fixed))
            centre, spread = _rough_scale(x)  # so that the search does not see the units
            location, scale = self.distribution.fit((x - centre) / spread)
        return centre + spread * location, spread * scale

    @property
    def _location_scale(self) -> bool:
        return (not self.fixed and self.name in LOCATION_SCALE
                and type(self.distribution) is type(getattr(stats, self.name)))


@dataclass(frozen=True)
class NormalFamily:
    """All multivariate normal laws, fitted by greatest likelihood."""

    name: str = "multivariate_normal"

    def fit(self, X: np.ndarray, rng: np.random.Generator) -> Any:
        return stats.multivariate_normal(*self._parameters(X))

    def standard(self, d: int) -> ScoreModel | None:
        return as_score_model(stats.multivariate_normal(np.zeros(d)))

    def whitening(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, covariance = self._parameters(X)
        root = cholesky(covariance, lower=True)
        return mean, solve_triangular(root, np.eye(len(mean)), lower=True).T

    def n_parameters(self, fitted: Any, X: np.ndarray) -> int | None:
        d = X.shape[1]
        return d + d * (d + 1) // 2

    def _parameters(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, d = X.shape
        if n <= d:
            raise ValueError(f"a multivariate normal law of {d} columns needs at least {d + 1} "
                             f"rows, got {n}: with fewer the covariance is singular.")
        covariance = np.atleast_2d(np.cov(X.T, bias=True))
        deviations = np.sqrt(np.diag(covariance))
        values = np.linalg.eigvalsh(covariance / np.outer(deviations, deviations))
        if values[0] <= 1e-12 * values[-1]:
            raise ValueError("the covariance of the columns is singular: some of them are "
                             "combinations of others, as a sum beside its parts; drop them.")
        return X.mean(axis=0), covariance


@dataclass(frozen=True)
class FittableFamily:
    """An object with `fit`, of which every sample gets a copy."""

    family: Any

    @property
    def name(self) -> str:
        return str(getattr(self.family, "__name__", type(self.family).__name__))

    def fit(self, X: np.ndarray, rng: np.random.Generator) -> Any:
        copy = clone(self.family, safe=False)
        if isinstance(copy, BaseEstimator) and getattr(copy, "random_state", 0) is None:
            copy.set_params(random_state=int(rng.integers(2**31)))
        return copy.fit(X)

    def standard(self, d: int) -> ScoreModel | None:
        return None

    def whitening(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise ValueError(f"{self.name} has no location and scale.")

    def n_parameters(self, fitted: Any, X: np.ndarray) -> int | None:
        from sklearn.mixture import GaussianMixture

        if not isinstance(fitted, GaussianMixture):
            return None
        return round((fitted.bic(X) - fitted.aic(X)) / (np.log(len(X)) - 2.0))  # as both define it


def as_family(family: Any) -> Family:
    """`family` as a `Family`."""
    if family is None:
        raise ValueError(f"family is None; pass {_WANTED}.")
    fixed: Mapping[str, Any] = {}
    if (isinstance(family, tuple) and len(family) == 2 and isinstance(family[1], Mapping)
            and isinstance(family[0], stats.rv_continuous)):
        family, fixed = family
        if other := [name for name in fixed if not str(name).startswith("f")]:
            raise ValueError("only fixed parameters can be given, such as floc or fscale; got "
                             f"{', '.join(map(str, other))}, for scipy a value to start from.")
    if isinstance(family, stats.rv_continuous):
        return UnivariateFamily(family, fixed)
    if isinstance(family, type(stats.multivariate_normal)):
        return NormalFamily()
    _refuse(family)
    return FittableFamily(family)


def _refuse(family: Any) -> None:
    """Raise for what has no `fit`, and for what is fitted."""
    fittable = callable(getattr(family, "fit", None))
    if isinstance(family, type) and fittable and isfunction(getattr_static(family, "fit")):
        raise TypeError(f"family is the class {family.__name__}; pass an instance of it.")
    if (isinstance(family, BaseEstimator) or not fittable) and _is_model(family):
        raise TypeError(f"family {short(family)} already has parameters: test it with "
                        f"KernelSteinTest, or pass a family to estimate them in: {_WANTED}.")
    if not fittable:
        raise TypeError(f"family must be {_WANTED}; got {short(family)}.")


def _is_model(family: Any) -> bool:
    try:
        as_score_model(family)
    except (TypeError, ValueError):
        return False
    return True


def _rough_scale(x: np.ndarray) -> tuple[float, float]:
    """Median and interquartile range; the standard deviation where that is 0."""
    low, middle, high = np.percentile(x, [25, 50, 75])
    return float(middle), float(high - low) or float(x.std())
