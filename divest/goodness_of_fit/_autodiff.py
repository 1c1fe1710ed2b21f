"""Log densities written in torch or jax as models; either is imported when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from divest.goodness_of_fit._score_model import ScoreModel


def from_torch(log_density: Callable[..., Any], *, support: Any = None,
               name: str | None = None) -> ScoreModel:
    """A model from a log density written in torch; its score by automatic differentiation.

    Parameters
    ----------
    log_density : callable
        Takes a float64 tensor (n, d) and returns the log density at each row, (n,), up to a
        constant. A module with float32 parameters is turned into float64 by its ``double()``.
    support : tuple of (lower, upper), optional
        Edges of the support; see `ScoreModel`.
    name : str, optional
        Name shown in results; by default that of `log_density`.

    Returns
    -------
    ScoreModel
        The model; it cannot be sampled from.

    Raises
    ------
    ImportError
        When torch is not installed.

    Examples
    --------
    >>> from divest.goodness_of_fit import from_torch
    >>> def log_density(x):
    ...     return -0.5 * (x**2).sum(1)
    >>> try:
    ...     score = from_torch(log_density).score([[1.0, 2.0]])  # [[-1.0, -2.0]]
    ... except ImportError as error:
    ...     score = None  # torch is not installed
    """
    _load("torch", "from_torch")
    name = name or _name(log_density)
    return ScoreModel(_TorchScore(log_density), _TorchLogDensity(log_density), support, name=name)


def from_jax(log_density: Callable[..., Any], *, support: Any = None,
             name: str | None = None) -> ScoreModel:
    """A model from a log density written in jax; its score by automatic differentiation.

    Parameters
    ----------
    log_density : callable
        Takes an array (n, d) and returns the log density at each row, (n,), up to a constant. For
        a function of one row, pass ``jax.vmap(function)``.
    support : tuple of (lower, upper), optional
        Edges of the support; see `ScoreModel`.
    name : str, optional
        Name shown in results; by default that of `log_density`.

    Returns
    -------
    ScoreModel
        The model; it cannot be sampled from.

    Raises
    ------
    ImportError
        When jax is not installed.
    ValueError
        When a score is asked for while jax works in single precision.

    Examples
    --------
    >>> from divest.goodness_of_fit import from_jax
    >>> def log_density(x):
    ...     return -0.5 * (x**2).sum(1)
    >>> try:
    ...     model = from_jax(log_density)
    ... except ImportError as error:
    ...     model = None  # jax is not installed
    """
    _load("jax", "from_jax")
    name = name or _name(log_density)
    return ScoreModel(_JaxScore(log_density), _JaxLogDensity(log_density), support, name=name)


def _load(package: str, caller: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise ImportError(f"{caller} needs {package}, which is not installed: pip install "
                          f"{package}. Without it, as_score_model takes a score or a log density "
                          "of numpy arrays.") from None


def _name(log_density: Any) -> str:
    if not callable(log_density):
        raise TypeError(f"log_density must be a function, got {log_density!r}.")
    return getattr(log_density, "__name__", type(log_density).__name__)


@dataclass(frozen=True, eq=False)
class _TorchScore:
    log_density: Callable[..., Any]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        torch = _load("torch", "from_torch")
        rows = torch.tensor(X, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(self.log_density(rows).sum(), rows)
        return gradient.detach().cpu().numpy()


@dataclass(frozen=True, eq=False)
class _TorchLogDensity:
    log_density: Callable[..., Any]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        torch = _load("torch", "from_torch")
        with torch.no_grad():
            values = self.log_density(torch.tensor(X, dtype=torch.float64))
        return values.detach().cpu().numpy()


@dataclass(frozen=True, eq=False)
class _JaxScore:
    log_density: Callable[..., Any]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        jax = _load("jax", "from_jax")
        return np.asarray(jax.grad(self._total)(_double(X)))

    def _total(self, rows: Any) -> Any:
        return self.log_density(rows).sum()


@dataclass(frozen=True, eq=False)
class _JaxLogDensity:
    log_density: Callable[..., Any]

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.log_density(_double(X)))


def _double(X: np.ndarray) -> Any:
    """`X` as an array of jax in double precision."""
    rows = _load("jax", "from_jax").numpy.asarray(X)
    if rows.dtype != np.float64:
        raise ValueError("jax works in single precision here, too coarse to check a score; call "
                         "jax.config.update('jax_enable_x64', True) first.")
    return rows
