"""A model from the word that names it; numbers are parsed, nothing is evaluated."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from divest.cli._imports import imported
from divest.cli._options import Failure

_WANTED = ("--model must be a continuous distribution of scipy.stats such as norm or "
           "'norm(3.2,1.5)', multivariate_normal, gaussian_mixture:K, or MODULE:OBJECT")
_ESTIMATE = "add --estimate-parameters to estimate them from these rows"


def model_of(text: str, estimate: bool) -> Any:
    """A model, or with `estimate` a family of models."""
    name, colon, rest = text.partition(":")
    if name == "gaussian_mixture":
        return _mixture(text, rest, estimate)
    if colon:
        if not name or not rest:
            raise Failure(f"{_WANTED}; got {text}")
        return imported(text, "--model")
    if text == "multivariate_normal":
        return _normal(estimate)
    return _univariate(text, estimate)


def _mixture(text: str, components: str, estimate: bool) -> Any:
    from sklearn.mixture import GaussianMixture

    if not re.fullmatch(r"[1-9]\d{0,3}", components):
        raise Failure("gaussian_mixture needs its number of components, such as gaussian_mixture:2;"
                      f" got {text}")
    if not estimate:
        raise Failure(f"a Gaussian mixture named on the command line has no parameters: {_ESTIMATE}"
                      ", or give one that was fitted to other rows as MODULE:OBJECT")
    return GaussianMixture(int(components))


def _normal(estimate: bool) -> Any:
    from scipy import stats

    from divest.goodness_of_fit import ScoreModel

    if estimate:
        return stats.multivariate_normal
    return ScoreModel(np.negative, lambda X: -0.5 * (X**2).sum(axis=1),
                      name="multivariate_normal(0, I)")


def _univariate(text: str, estimate: bool) -> Any:
    """A distribution of scipy.stats: frozen, or with `estimate` as a family."""
    from scipy import stats

    match = re.fullmatch(r"(\w+)(?:\((.*)\))?", text.strip())
    name, given = match.groups() if match else ("", "")
    distribution = getattr(stats, name, None) if name else None
    if not isinstance(distribution, stats.rv_continuous):
        known = ("; that is a discrete distribution, which has no density"
                 if isinstance(distribution, stats.rv_discrete) else "")
        raise Failure(f"{_WANTED}; got {text}{known}")
    places, named = _numbers(given or "", text)
    if estimate:
        return _family(distribution, places, named, text)
    if not places:
        named = {"loc": 0.0, "scale": 1.0, **named}
    try:
        return distribution(*places, **named)
    except TypeError as error:
        wanted = ", ".join([*filter(None, [distribution.shapes]), "loc=0", "scale=1"])
        raise Failure(f"{distribution.name} has the parameters {wanted}; got {text} ({error}). "
                      f"Give them, or {_ESTIMATE}") from None


def _family(distribution: Any, places: list[float], named: dict[str, float], text: str) -> Any:
    """The distribution, with those parameters fixed that are named so."""
    if places or any(not name.startswith("f") for name in named):
        raise Failure(f"{text} has its parameters, so --estimate-parameters must go; or name the "
                      "family alone, with floc=, fscale= and the like for those that are known")
    return (distribution, named) if named else distribution


def _numbers(text: str, whole: str) -> tuple[list[float], dict[str, float]]:
    """``2,scale=3`` as numbers by place and by name."""
    places: list[float] = []
    named: dict[str, float] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in word.rpartition("="))
        try:
            number = float(value)
        except ValueError:
            raise Failure(f"{word!r} in --model {whole} is not a number") from None
        if equals:
            named[name] = number
        else:
            places.append(number)
    return places, named
