"""Models that can be tested: anything with a score, or with a log density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from reprlib import repr as short
from typing import Any

import numpy as np

from divest.goodness_of_fit._autodiff import from_jax, from_torch
from divest.goodness_of_fit._check_score import check_score_at
from divest.goodness_of_fit._differences import DifferenceScore
from divest.goodness_of_fit._estimator_scores import sklearn_model, statsmodels_model
from divest.goodness_of_fit._scipy_scores import scipy_model
from divest.goodness_of_fit._score_model import (
    Bounds,
    OutOfSupportError,
    ScoreModel,
    SupportBoundaryError,
    as_support,
)

__all__ = ["OutOfSupportError", "ScoreModel", "SupportBoundaryError", "as_score_model",
           "check_score", "from_jax", "from_torch"]

_WANTED = ("a function for the score (X of shape (n, d) to the gradient of the log density, "
           "(n, d)), an object with such a method score(X), log_density=function, a frozen "
           "distribution of scipy.stats, or a fitted GaussianMixture, BayesianGaussianMixture or "
           "KernelDensity")


def as_score_model(model: Any = None, *, log_density: Callable[..., Any] | None = None,
                   support: Any = None) -> ScoreModel:
    """Anything that describes a density, as a model with a score.

    The score is the gradient in x of the log density: it does not depend on the normalising
    constant, so neither has to be known in full.

    Parameters
    ----------
    model : object, optional
        One of

        * a function that takes ``X`` (n, d) and returns the score at each row, (n, d);
        * an object with such a method ``score(X)``, and, where it has them, ``log_density(X)``,
          ``support`` and ``sample(n, rng)``;
        * a frozen distribution of scipy.stats: univariate continuous (for one column, or, with
          arrays of parameters, for as many independent columns), ``multivariate_normal``,
          ``multivariate_t``; or a ``gaussian_kde``;
        * a fitted `divest.KernelDensity` with the Gaussian kernel and without bounds;
        * a fitted ``GaussianMixture``, ``BayesianGaussianMixture`` or ``KernelDensity`` (kernels
          gaussian and exponential) of scikit-learn;
        * a fitted ``KDEUnivariate`` or ``KDEMultivariate`` of statsmodels with Gaussian kernels;
        * a `ScoreModel`.
    log_density : callable, optional
        Takes ``X`` and returns the log density at each row, (n,), up to a constant. Without `model`
        the score is taken by central differences of step ``6e-6 * max(1, abs(x))``, which costs
        2 d evaluations per row and suits columns of a scale near 1. With a score, `check_score`
        compares the two.
    support : tuple of (lower, upper), optional
        Edges of the support: numbers, or one number per column; infinite where there is none. For
        a model that knows its support, the box it is cut to, inside that support.

    Returns
    -------
    ScoreModel
        The model: ``score``, ``log_density``, ``support``, ``sample`` and ``name``.

    Raises
    ------
    TypeError
        When `model` has no score: what it is, and what to pass instead.
    ValueError
        When `support` is not an interval per column, or the density of `model` has no score.
    NotFittedError
        When `model` is an estimator that was not fitted.

    Notes
    -----
    A mixture of scikit-learn is taken as the mixture of its fitted weights, means and covariances,
    from which its ``sample`` draws. For ``BayesianGaussianMixture`` its ``score_samples`` is
    another function (a variational expectation of the log density), which is not used.

    Examples
    --------
    >>> from scipy import stats
    >>> from divest.goodness_of_fit import as_score_model
    >>> model = as_score_model(stats.gamma(3.0))
    >>> model.name, model.support
    ('gamma(3.0)', (array([0.]), array([inf])))
    >>> model.score([[1.0], [2.0], [4.0]])
    array([[ 1. ], [ 0. ], [-0.5]])
    >>> quartic = as_score_model(log_density=lambda X: -(X**4).sum(axis=1))
    >>> quartic.score([[1.0, 0.5]]).round(6)
    array([[-4. , -0.5]])
    """
    if log_density is not None and not callable(log_density):
        raise TypeError(f"log_density must be a function, got {log_density!r}.")
    if model is None and log_density is not None:
        box = as_support(support, None)
        return ScoreModel(DifferenceScore(log_density, box), log_density, box,
                          name=_name(log_density))
    known = model if isinstance(model, ScoreModel) else _recognised(model)
    if known is None:
        return _from_score(model, log_density, support)
    if log_density is not None:
        raise ValueError(f"{known.name} has its own log density; leave log_density out.")
    return _cut(known, as_support(support, known.n_features))


def check_score(model: Any, X: Any, n_points: int = 5) -> float:
    """Compare a score with differences of its log density, and say what is wrong.

    Without a log density, the matrix of derivatives of the score must be symmetric, as it is for
    every gradient; that finds a wrong column, but no sign or scale that is wrong throughout.

    Parameters
    ----------
    model : object
        What `as_score_model` takes.
    X : array-like of shape (n, d)
        Rows inside the support; one-dimensional input is one column.
    n_points : int, default 5
        Number of rows of `X`, evenly spaced, at which the score is checked.

    Returns
    -------
    float
        The largest relative error found, at most 1e-4; NaN for one column without a log density,
        where nothing can be checked.

    Raises
    ------
    OutOfSupportError
        When one of these rows lies outside the support.
    ValueError
        When a relative error is above 1e-4; names the row, the column, the value got and the value
        wanted, and asks about the sign or the scale where -1 or another factor would put it right.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.goodness_of_fit import as_score_model, check_score
    >>> def log_density(X):
    ...     return -0.5 * (X**2).sum(axis=1)
    >>> X = np.random.default_rng(0).normal(size=(50, 2))
    >>> check_score(as_score_model(lambda X: -X, log_density=log_density), X) < 1e-6
    True
    >>> try:
    ...     check_score(as_score_model(lambda X: X, log_density=log_density), X)
    ... except ValueError as error:
    ...     print("sign?" in str(error))
    True
    """
    return check_score_at(as_score_model(model), X, n_points)


def _recognised(model: Any) -> ScoreModel | None:
    """Models of other packages, whose `score` is something else."""
    if isinstance(model, type):
        raise TypeError(f"model must be {_WANTED}; got the class {model.__name__} itself.")
    for recognise in (scipy_model, sklearn_model, statsmodels_model):
        if (known := recognise(model)) is not None:
            return known
    return None


def _from_score(model: Any, log_density: Any, support: Any) -> ScoreModel:
    """A score of the user: a function, or an object with a method of that name."""
    score = getattr(model, "score", None)
    if not callable(score):
        if not callable(model):
            raise TypeError(f"model must be {_WANTED}; got {short(model)}."
                            f"{_advice(model)}")
        return ScoreModel(model, log_density, support, name=_name(model))
    own = getattr(model, "support", None)
    own = own() if callable(own) else own
    found = ScoreModel(score, log_density or _method(model, "log_density"), own,
                       _method(model, "sample"), _name(model))
    return _cut(found, as_support(support, found.n_features))


def _method(model: Any, name: str) -> Any:
    method = getattr(model, name, None)
    return method if callable(method) else None


def _name(model: Any) -> str:
    return getattr(model, "__name__", type(model).__name__)


def _advice(model: Any) -> str:
    """What to pass for an object that can tell its log density under another name."""
    for method in ("logpdf", "log_prob", "score_samples"):
        if callable(getattr(model, method, None)):
            also = ", or with from_torch or from_jax" if method == "log_prob" else ""
            return (f" Its {method} can be used as log_density=, wrapped to take (n, d) and give "
                    f"(n,){also}.")
    return ""


def _cut(model: ScoreModel, box: Bounds | None) -> ScoreModel:
    """`model` on a smaller support. Its score is the same; its sampler is lost."""
    if box is None:
        return model
    function = getattr(model.score, "function", None)
    if isinstance(function, DifferenceScore):  # so that no step crosses the new edge
        model = replace(model, score=replace(function, support=box))
    if model.support is None:
        return replace(model, support=box)
    lower, upper = model.support
    if (box[0] < lower).any() or (box[1] > upper).any():
        raise ValueError(f"support must lie inside that of {model.name}, from {lower} to {upper}; "
                         f"got {box[0]} to {box[1]}.")
    same = np.array_equal(box, model.support)
    return model if same else replace(model, support=box, sample=None)
