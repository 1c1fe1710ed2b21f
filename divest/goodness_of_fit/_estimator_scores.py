"""Density estimates of divest, scikit-learn and statsmodels as models.

``Estimator.score`` of scikit-learn is a mean log likelihood, and ``Model.score`` of statsmodels a
derivative in the parameters: neither is the gradient in x, so these objects are recognised here,
before anything asks them for a score.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity, KernelMixture
from divest.goodness_of_fit._score_model import ScoreModel

SMOOTH = ("gaussian", "exponential")  # kernels of sklearn.neighbors.KernelDensity


def sklearn_model(model: Any) -> ScoreModel | None:
    """`model` as a `ScoreModel` when it is an estimator of scikit-learn, else None."""
    if not isinstance(model, BaseEstimator):
        return None
    from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
    from sklearn.neighbors import KernelDensity

    name = type(model).__name__
    if callable(getattr(model, "score_function", None)):  # divest.KernelDensity
        return _own_density(model, name)
    if callable(getattr(type(model), "model", None)):  # of divest.unnormalized
        _require_fitted(model, name)
        return model.model()
    if not isinstance(model, (GaussianMixture, BayesianGaussianMixture, KernelDensity)):
        raise TypeError(
            f"{name}.score is not the gradient of a log density in x. Of scikit-learn, pass a "
            "fitted GaussianMixture, BayesianGaussianMixture or KernelDensity (of a search: its "
            "best_estimator_), else a function of your own for the score.")
    _require_fitted(model, name)
    return _kernel_density(model) if isinstance(model, KernelDensity) else _mixture(model)


def _require_fitted(model: Any, name: str) -> None:
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise NotFittedError(f"this {name} is not fitted, so it has no density yet; call fit on "
                             "rows other than those to be tested.") from None


def _own_density(model: Any, name: str) -> ScoreModel:
    """A density estimate that knows the gradient of its logarithm."""
    _require_fitted(model, name)
    d = model.n_features_in_
    model.score_function(np.zeros((1, d)))  # refuses kernels and edges that have no score
    density = SimpleNamespace(score=model.score_function, log_density=model.score_samples,
                              sample=model.sample)
    return _whole_space(density, name, d)


def _mixture(model: Any) -> ScoreModel:
    """The mixture of the fitted weights, means and covariances, which `sample` draws from."""
    K, d = model.means_.shape
    factors = np.asarray(model.precisions_cholesky_, dtype=float)
    if model.covariance_type == "tied":
        factors = np.broadcast_to(factors, (K, d, d))
    elif model.covariance_type != "full":  # diag (K, d), spherical (K,)
        factors = factors.reshape(K, -1, 1) * np.eye(d)
    with np.errstate(divide="ignore"):
        log_weights = np.log(np.asarray(model.weights_, dtype=float))
    density = GaussianMixtureDensity(log_weights, np.asarray(model.means_, dtype=float), factors)
    name = f"{type(model).__name__}(n_components={K})"
    return _whole_space(density, name, d)


def _kernel_density(model: Any) -> ScoreModel:
    if model.kernel not in SMOOTH:
        raise ValueError(
            f"KernelDensity(kernel={model.kernel!r}) cannot be tested: its density ends or jumps "
            "at the edge of each kernel, where the score does not exist or has no second moment. "
            "Use kernel='gaussian' (or 'exponential').")
    if model.metric not in ("euclidean", "minkowski") or (model.metric_params or {}):
        raise ValueError("KernelDensity must have metric='euclidean' to be tested, got "
                         f"{model.metric!r} with metric_params={model.metric_params!r}.")
    points = np.array(model.tree_.data, dtype=float)
    weights = model.tree_.sample_weight
    weights = np.ones(len(points)) if weights is None else np.array(weights, dtype=float)
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights / weights.sum())
    d = points.shape[1]
    density = KernelMixture(points, log_weights, np.eye(d) / model.bandwidth_, model.kernel)
    return _whole_space(density, f"KernelDensity(kernel={model.kernel!r})", d)


def statsmodels_model(model: Any) -> ScoreModel | None:
    """`model` as a `ScoreModel` when it comes from statsmodels, else None."""
    if not any(kind.__module__.startswith("statsmodels.") for kind in type(model).__mro__):
        return None
    from statsmodels.nonparametric.kde import KDEUnivariate
    from statsmodels.nonparametric.kernel_density import KDEMultivariate

    name = type(model).__name__
    if isinstance(model, KDEUnivariate):
        if not hasattr(model, "density"):
            raise NotFittedError(f"this {name} is not fitted, so it has no density yet; call fit.")
        if type(model.kernel).__name__ != "Gaussian" or model.kernel.weights is not None:
            raise ValueError(f"{name} is accepted with its Gaussian kernel and without weights "
                             "only; use scipy.stats.gaussian_kde(data, weights=...).")
        return _product_kernel(model.endog[:, None], [model.bw], name)
    if isinstance(model, KDEMultivariate):
        if set(model.var_type) != {"c"}:
            raise ValueError(f"{name} is accepted for continuous columns only; got "
                             f"var_type={model.var_type!r}.")
        return _product_kernel(model.data, model.bw, name)
    raise TypeError(
        f"{name} of statsmodels is a law of y given x, or has a score in its parameters; neither "
        "is the gradient of a log density in the rows. Test its standardised residuals against "
        "scipy.stats.norm(), or pass a function for the score of the rows.")


def _product_kernel(points: Any, bandwidths: Any, name: str) -> ScoreModel:
    points = np.array(points, dtype=float)
    log_weights = np.full(len(points), -np.log(len(points)))
    whitener = np.diag(1.0 / np.asarray(bandwidths, dtype=float))
    return _whole_space(KernelMixture(points, log_weights, whitener), name, points.shape[1])


def _whole_space(density: Any, name: str, d: int) -> ScoreModel:
    everywhere = np.full(d, -np.inf), np.full(d, np.inf)
    return ScoreModel(density.score, density.log_density, everywhere, density.sample, name, d)
