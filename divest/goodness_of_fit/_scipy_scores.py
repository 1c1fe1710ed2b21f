"""Frozen distributions of scipy.stats, and its kernel density estimate, as models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from divest.goodness_of_fit._differences import DifferenceScore
from divest.goodness_of_fit._mixture_scores import (
    GaussianMixtureDensity,
    KernelMixture,
    StudentScore,
    whitener_of,
)
from divest.goodness_of_fit._score_model import ScoreModel


def _norm(z):
    return -z


def _t(z, df):
    return -(df + 1) * z / (df + z**2)


def _gamma(z, a):
    return (a - 1) / z - 1


def _expon(z):
    return -np.ones_like(z)


def _laplace(z):
    return -np.sign(z)


def _logistic(z):
    return -np.tanh(z / 2)


def _cauchy(z):
    return -2 * z / (1 + z**2)


def _beta(z, a, b):
    return (a - 1) / z - (b - 1) / (1 - z)


def _lognorm(z, s):
    return -(1 + np.log(z) / s**2) / z


def _gumbel_r(z):
    return np.expm1(-z)


def _gumbel_l(z):
    return -np.expm1(z)


def _hypsecant(z):
    return -np.tanh(z)


SCORES = {"norm": _norm, "t": _t, "gamma": _gamma, "expon": _expon, "laplace": _laplace,
          "logistic": _logistic, "cauchy": _cauchy, "beta": _beta, "lognorm": _lognorm,
          "gumbel_r": _gumbel_r, "gumbel_l": _gumbel_l, "hypsecant": _hypsecant}


_FROZEN_NORMAL, _FROZEN_STUDENT = type(stats.multivariate_normal()), type(stats.multivariate_t())


def scipy_model(model: Any) -> ScoreModel | None:
    """`model` as a `ScoreModel` when it comes from scipy.stats, else None."""
    if isinstance(model, (stats.rv_continuous, stats.rv_discrete)):
        raise TypeError(f"scipy.stats.{model.name} has no parameters yet: freeze it, as in "
                        f"scipy.stats.{model.name}(...).")
    if isinstance(model, stats.gaussian_kde):
        return _kernel_density(model)
    if isinstance(model, _FROZEN_NORMAL):
        return _normal(model)
    if isinstance(model, _FROZEN_STUDENT):
        return _student(model)
    distribution: Any = getattr(model, "dist", None)
    if isinstance(distribution, stats.rv_continuous):
        return _univariate(model, distribution)
    if isinstance(distribution, stats.rv_discrete):
        raise TypeError(f"scipy.stats.{distribution.name} is discrete: it has no density, and so "
                        "no score.")
    return None


def _univariate(frozen: Any, distribution: Any) -> ScoreModel:
    """One column, or independent columns where the parameters are arrays."""
    if isinstance(distribution, stats.rv_histogram):
        raise TypeError("the density of a histogram jumps between its bins, so it has no score; "
                        "use scipy.stats.gaussian_kde.")
    shapes, location, scale = _parameters(frozen, distribution)
    shape = np.broadcast_shapes(*(np.shape(value) for value in (*shapes, location, scale)))
    if len(shape) > 1:
        raise ValueError(f"the parameters of {distribution.name} must be numbers, or arrays with "
                         f"one entry per column; got shape {shape}.")
    d = shape[0] if shape else 1
    lower, upper = frozen.support()
    name = _name(frozen, distribution)
    if not np.all(np.less(lower, upper)):
        raise ValueError(f"{name} has parameters that are out of range.")
    log_density = _ColumnwiseLogDensity(frozen)
    score: Any = DifferenceScore(log_density, (lower, upper))
    law = distribution.name
    if law in SCORES and type(distribution) is type(getattr(stats, law)):
        score = _ColumnwiseScore(SCORES[law], shapes, location, scale)
    return ScoreModel(score, log_density, (lower, upper), _ColumnwiseSampler(frozen, d), name, d)


def _parameters(frozen: Any, distribution: Any) -> tuple[tuple[Any, ...], Any, Any]:
    """Shape parameters in their order, location and scale."""
    named = distribution.shapes.split(", ") if distribution.shapes else []
    given = dict(zip([*named, "loc", "scale"], frozen.args, strict=False)) | frozen.kwds
    given = {key: np.asarray(value, dtype=float) for key, value in given.items()}
    return tuple(given[key] for key in named), given.get("loc", 0.0), given.get("scale", 1.0)


def _name(frozen: Any, distribution: Any) -> str:
    given = [*map(str, frozen.args), *(f"{key}={value}" for key, value in frozen.kwds.items())]
    return f"{distribution.name}({', '.join(given)})"


@dataclass(frozen=True, eq=False)
class _ColumnwiseScore:
    """A formula for the standard distribution, moved and scaled."""

    formula: Any
    shapes: tuple[Any, ...]
    location: Any
    scale: Any

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return self.formula((X - self.location) / self.scale, *self.shapes) / self.scale


@dataclass(frozen=True, eq=False)
class _ColumnwiseLogDensity:
    frozen: Any

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return self.frozen.logpdf(X).sum(axis=1)


@dataclass(frozen=True, eq=False)
class _ColumnwiseSampler:
    frozen: Any
    d: int

    def __call__(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.frozen.rvs(size=(n, self.d), random_state=rng)


def _normal(frozen: Any) -> ScoreModel:
    mean, d = np.atleast_1d(frozen.mean), frozen.dim
    whitener = whitener_of(np.reshape(frozen.cov, (d, d)), "multivariate_normal")
    density = GaussianMixtureDensity(np.zeros(1), mean[None], whitener[None])
    return ScoreModel(density.score, density.log_density, _everywhere(d), density.sample,
                      "multivariate_normal", d)


def _student(frozen: Any) -> ScoreModel:
    d = frozen.dim
    whitener = whitener_of(np.reshape(frozen.shape, (d, d)), "multivariate_t")
    return ScoreModel(StudentScore(frozen.df, np.atleast_1d(frozen.loc), whitener),
                      _StudentLogDensity(frozen), _everywhere(d), _StudentSampler(frozen),
                      f"multivariate_t(df={frozen.df:g})", d)


@dataclass(frozen=True, eq=False)
class _StudentLogDensity:
    frozen: Any

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.reshape(self.frozen.logpdf(X), len(X))


@dataclass(frozen=True, eq=False)
class _StudentSampler:
    frozen: Any

    def __call__(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return np.reshape(self.frozen.rvs(n, random_state=rng), (n, -1))


def _kernel_density(kde: Any) -> ScoreModel:
    with np.errstate(divide="ignore"):
        log_weights = np.log(kde.weights)
    density = KernelMixture(kde.dataset.T, log_weights, whitener_of(kde.covariance, "gaussian_kde"))
    return ScoreModel(density.score, density.log_density, _everywhere(kde.d), density.sample,
                      "gaussian_kde", kde.d)


def _everywhere(d: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(d, -np.inf), np.full(d, np.inf)
