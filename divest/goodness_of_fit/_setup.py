"""From the parameters of a kernel Stein test and its data to scores and points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from divest._validation import (
    check_constant_columns,
    check_finite,
    check_integer,
    check_number,
    check_option,
    check_rows,
    check_sample,
    check_scale,
)
from divest.goodness_of_fit._boundary import edge_density, refuse_edges
from divest.goodness_of_fit._outcome import check_bandwidth
from divest.goodness_of_fit._points import Coordinates, as_matrix
from divest.goodness_of_fit._score_model import ScoreModel, as_support
from divest.goodness_of_fit.models import as_score_model, check_score
from divest.kernels import Kernel, resolve_kernel

STATISTICS = ("u", "v")
NULLS = ("wild", "efron", "parametric", "linear", "spectral")
BOUNDARIES = ("auto", "refuse", "tilt", "project", "ignore")


def check_parameters(test: Any) -> Kernel:
    """Every parameter of a `KernelSteinTest` by itself and with the others; its kernel."""
    kernel = resolve_kernel(test.kernel)
    check_bandwidth(test.bandwidth, kernel)
    check_option("statistic", test.statistic, STATISTICS)
    check_option("null", test.null, NULLS)
    check_option("boundary", test.boundary, BOUNDARIES)
    check_option("method", test.method, ("exact", "nystrom"))
    check_option("dtype", test.dtype, ("float64", "float32"))
    check_integer("n_resamples", test.n_resamples, 1)
    if test.n_landmarks is not None:
        check_integer("n_landmarks", test.n_landmarks, 2)
    check_dependence(test.dependence, test.null)
    _check_method(test)
    _check_boundary(test)
    return kernel


def check_dependence(dependence: Any, null: str = "wild") -> None:
    """None, "auto" or the probability of a change of sign."""
    if dependence is None:
        return
    if null != "wild":
        raise ValueError(f"dependence goes with null='wild', got null={null!r}.")
    wanted = "dependence must be None, 'auto' or a number above 0 and at most 1/2"
    if isinstance(dependence, str):
        if dependence != "auto":
            raise ValueError(f"{wanted}; got {dependence!r}.")
    elif not 0 < check_number("dependence", dependence) <= 0.5:
        raise ValueError(f"{wanted}; got {dependence!r}.")


def _check_method(test: Any) -> None:
    if test.method == "nystrom" and test.null not in ("wild", "spectral"):
        raise ValueError("method='nystrom' goes with null='wild' or 'spectral', got "
                         f"null={test.null!r}.")
    if test.method == "exact" and test.null == "spectral":
        raise ValueError("null='spectral' needs method='nystrom'.")
    if test.method == "exact" and test.n_landmarks is not None:
        raise ValueError("n_landmarks goes with method='nystrom'.")


def _check_boundary(test: Any) -> None:
    if test.boundary == "project" and test.boundary_points is None:
        raise ValueError("boundary='project' needs boundary_points, rows on the boundary.")
    if test.boundary_points is not None:
        if test.boundary not in ("auto", "project"):
            raise ValueError(f"boundary_points go with boundary='project', got {test.boundary!r}.")
        if test.method == "nystrom" or test.weight is not None:
            raise ValueError("boundary_points go with method='exact' and without weight.")
    check_weight(test.weight)
    if test.weight is not None and test.boundary == "tilt":
        raise ValueError("boundary='tilt' has weights of its own; leave weight out.")


def check_weight(weight: Any) -> None:
    """None, or the two functions of a weight."""
    if weight is not None and not (isinstance(weight, Sequence) and len(weight) == 2
                                   and all(map(callable, weight))):
        raise ValueError("weight must be two functions, of w and of the gradient of log w, got "
                         f"{weight!r}.")


def check_sample_rows(test: Any, X: Any) -> np.ndarray:
    """The rows of one sample, none of their columns constant."""
    X = check_rows(test, X, min_samples=4)
    names = getattr(test, "feature_names_in_", None)
    check_scale(X, "X", names)
    check_constant_columns(X, names, "A model with a density gives that probability 0, so no test "
                           "is needed; drop such columns.")
    return X


def scores_of(model: Any, X: np.ndarray, score_values: Any, support: Any = None,
              simulated: bool = False) -> tuple[ScoreModel | None, np.ndarray]:
    """The model, None where the caller has computed the scores, and the score at each row.

    A model that is to be `simulated` must be able to sample.
    """
    if score_values is not None:
        if model is not None:
            raise ValueError("score_values go with model=None: pass one of the two.")
        if simulated:
            raise ValueError("null='parametric' needs a model to draw from, not score_values.")
        return None, _check_scores(score_values, X)
    if model is None:
        raise ValueError("model is None: pass a model, or fit(X, score_values=...).")
    known = as_score_model(model, support=support)
    if simulated and known.sample is None:
        raise ValueError(f"null='parametric' needs a model with sample(n, rng); {known.name} has "
                         "none.")
    S = known.score(X)
    check_score(known, X)
    return known, S


def _check_scores(score_values: Any, X: np.ndarray) -> np.ndarray:
    S = np.asarray(score_values, dtype=float)
    S = S[:, None] if S.ndim == 1 else S
    if S.shape != X.shape:
        raise ValueError(f"score_values must have the shape of X, {X.shape}; got {S.shape}.")
    check_finite(S, "score_values")
    return S


def coordinates_of(model: ScoreModel | None, X: np.ndarray, *, support: Any, boundary: str,
                   boundary_points: Any = None, weight: Any = None, preconditioner: Any = None,
                   dtype: Any = "float64") -> tuple[Coordinates, float]:
    """How rows become points, and the density at an edge of the support that is ignored."""
    d = X.shape[1]
    way, ignored = ((None, 0.0) if weight is not None else
                    ("project", 0.0) if boundary_points is not None else
                    _boundary_way(model, X, support, boundary))
    box = points = None
    if way == "tilt":
        box = as_support(support, d) if model is None else model.bounds(d)
        if box is None or not np.isfinite(box).any():
            raise ValueError("boundary='tilt' needs a support with an edge: pass support=.")
    elif way == "project":
        points = check_sample(boundary_points, "boundary_points")[0]
        if points.shape[1] != d:
            raise ValueError(f"boundary_points must have the {d} columns of X, got shape "
                             f"{points.shape}.")
    preconditioner = check_preconditioner(preconditioner, d, box is not None)
    return Coordinates(box, weight, points, preconditioner, dtype), ignored


def check_preconditioner(preconditioner: Any, d: int, tilted: bool) -> Any:
    """None, a name or a matrix that keeps the columns apart where the kernel is tilted."""
    if tilted and d > 1 and not (preconditioner is None or (
            isinstance(preconditioner, str) and preconditioner == "std")):
        raise ValueError("a tilted kernel has a weight for each column, so preconditioner must be "
                         f"None or 'std'; got {preconditioner!r}.")
    if preconditioner is None or isinstance(preconditioner, str):
        return check_option("preconditioner", preconditioner, (None, "std", "covariance"))
    return as_matrix(preconditioner, d)


def _boundary_way(model: ScoreModel | None, X: np.ndarray, support: Any, boundary: str
                  ) -> tuple[str | None, float]:
    """"tilt" or None, and the density at an edge where that is ignored."""
    if boundary == "tilt":
        return "tilt", 0.0
    if model is None:
        return _way_without_model(support, boundary, X.shape[1]), 0.0
    if boundary == "ignore":
        return None, edge_density(model, X)[0]
    if support is None or boundary == "refuse":
        refuse_edges(model, X)
    return ("tilt" if boundary == "auto" and model.bounded else None), 0.0


def _way_without_model(support: Any, boundary: str, d: int) -> str | None:
    """With scores alone nobody knows the density at the edges: where there are some, tilt."""
    box = as_support(support, d)
    bounded = box is not None and np.isfinite(box).any()
    if bounded and boundary == "refuse":
        raise ValueError("with score_values alone the density at the edges of the support is not "
                         "known; use boundary='tilt' or 'ignore'.")
    return "tilt" if bounded and boundary == "auto" else None


def refuse_every_edge(model: ScoreModel | None, X: np.ndarray, support: Any, ways_on: str) -> None:
    """Raise where the density does not vanish at an edge, or where nobody can know."""
    if model is not None:
        return refuse_edges(model, X, ways_on)
    box = as_support(support, X.shape[1])
    if box is not None and np.isfinite(box).any():
        raise ValueError("with score_values alone the density at the edges of the support is not "
                         f"known. {ways_on}")
    return None
