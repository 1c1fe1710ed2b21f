"""The modes of a model that is known up to its normalising constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from divest._resampling import root_sequence
from divest._validation import check_integer, check_list
from divest.goodness_of_fit._modes import (
    PARTS,
    climb,
    covariances_at,
    join,
    log_density_anywhere,
    with_log_density,
)
from divest.goodness_of_fit._score_model import Bounds, ScoreModel, as_support
from divest.goodness_of_fit.models import as_score_model

_DRAWS = 1000  # of the model, for a box that holds nearly all of them
_TAIL = 0.005  # of them on either side of each column
_OWN = ("log_density", "n_reached", "model_share", "row_share")  # columns of tables of modes


@dataclass(frozen=True, eq=False)
class Modes:
    """Modes of a model, highest first; made by `find_modes`.

    Attributes
    ----------
    means : ndarray of shape (M, d)
        Where the modes are.
    covariances : ndarray of shape (M, d, d)
        How wide they are. Along the axes of the curvature of the log density, the variance is the
        square of the distance at which it has fallen by 1/2 on both sides; for a normal shape this
        is the inverse curvature.
    log_density : ndarray of shape (M,)
        Of the model, up to its constant.
    n_reached : ndarray of shape (M,)
        How many starts ended in each mode; 0 where modes were given.
    n_starts : int
        Number of starts.
    outside : ndarray of shape (M,)
        Whether a mode lies outside the box of the starts.

    Examples
    --------
    >>> from scipy import stats
    >>> from divest.goodness_of_fit import find_modes
    >>> len(find_modes(stats.norm(), box=(-3, 3), random_state=0))
    1
    """

    means: np.ndarray
    covariances: np.ndarray = field(repr=False)
    log_density: np.ndarray
    n_reached: np.ndarray
    n_starts: int
    outside: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.means)

    def to_frame(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """One row per mode.

        Parameters
        ----------
        names : sequence of str, optional
            Names of the columns of the model; by default x0, x1 and so on. One that a column of
            this table has gets an underscore.

        Returns
        -------
        DataFrame
            The place of each mode, log_density, n_reached, and model_share: the share of the mass
            of the model, where every mode has the shape of a normal law.
        """
        names = [f"x{c}" for c in range(self.means.shape[1])] if names is None else [
            f"{name}_" if str(name) in _OWN else name for name in check_list("names", names)]
        if len(names) != self.means.shape[1]:
            raise ValueError(f"names must hold one name for each of the {self.means.shape[1]} "
                             f"columns of the model, got {names!r}.")
        volumes = 0.5 * np.linalg.slogdet(self.covariances)[1]
        return pd.DataFrame(self.means, columns=names).assign(
            log_density=self.log_density, n_reached=self.n_reached,
            model_share=softmax(self.log_density + volumes))

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(index=False)


def find_modes(model: Any, box: Any = None, *, n_starts: int = 20,
               random_state: Any = None) -> Modes:
    """Modes of a model, by a search that climbs its log density from random places.

    Parameters
    ----------
    model : object
        What `as_score_model` takes, with a log density.
    box : tuple of (lower, upper), optional
        Where the search starts: one finite number per column, or numbers for all columns, which
        are taken to be one where the model does not know how many it has. Where modes are to be
        used in a test, it must not come from the rows of the test. By default the support of the
        model where that is bounded, else what holds 99 % of 1000 draws of the model in each column,
        where it can be sampled from.
    n_starts : int, default 20
        Number of starts, drawn uniformly from `box`.
    random_state : int, Generator, RandomState or None, default None
        Source of the starts.

    Returns
    -------
    Modes
        Modes, highest first. End points less than 3 standard deviations apart are one mode; modes
        lower than the highest by more than 18.4 nats, a factor of 1e-8, are left out.

    Raises
    ------
    ValueError
        When the model has no log density, there is no box, or no start ends in a mode: the density
        is 0 at every start, or rises without end.

    See Also
    --------
    PerturbedSteinTest : The test that moves rows between modes.

    References
    ----------
    .. [1] X. Liu, A. B. Duncan and A. Gandy, "Using perturbation to improve goodness-of-fit tests
       based on kernelized Stein discrepancy", ICML (2023), section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.goodness_of_fit import as_score_model
    >>> from divest.goodness_of_fit import find_modes
    >>> def log_density(X):
    ...     x = X[:, 0]
    ...     return np.logaddexp(-0.5 * (x - 1)**2, -1 - 2 * (x - 7)**2)
    >>> modes = find_modes(as_score_model(log_density=log_density), box=(-10, 10), random_state=0)
    >>> modes.to_frame().loc[:, ["x0", "model_share"]].round(3)
        x0  model_share
    0  1.0        0.845
    1  7.0        0.155
    """
    known = with_log_density(as_score_model(model), "find_modes")
    check_integer("n_starts", n_starts, 1)
    box_seed, start_seed = root_sequence(random_state).spawn(2)
    lower, upper = _box(known, box, np.random.default_rng(box_seed))
    starts = np.random.default_rng(start_seed).uniform(lower, upper, (n_starts, len(lower)))
    ends = climb(known, starts, (lower, upper))
    if not len(ends):
        raise ValueError(
            f"no mode found: of {n_starts} starts in the box from {lower} to {upper} all end where "
            f"the density of {known.name} is 0 or still rises. Use another box, more starts, or "
            "check that the density is bounded and falls off far away.")
    covariances = covariances_at(known, ends, (upper - lower) / PARTS)
    heights = log_density_anywhere(known, ends)
    kept, counts = join(ends, heights, covariances)
    outside = ((ends[kept] < lower) | (ends[kept] > upper)).any(axis=1)
    return Modes(ends[kept], covariances[kept], heights[kept], counts, n_starts, outside)


def _box(model: ScoreModel, box: Any, rng: np.random.Generator) -> Bounds:
    """Lower and upper ends of the starts, inside the support."""
    given = as_support(box, model.n_features, "box") if box is not None else model.support
    if given is None or not np.isfinite(given).all():
        if box is not None:
            raise ValueError(f"box must be finite, got {box!r}.")
        if model.sample is None:
            raise ValueError(
                f"box=(lower, upper) is needed: {model.name} has no bounded support and cannot be "
                "sampled from, so nobody knows where its modes may lie. Pass numbers, or one "
                "number per column.")
        given = _box_of_draws(model.sample(_DRAWS, rng))
    support = model.bounds(len(given[0]))
    lower, upper = np.maximum(given[0], support[0]), np.minimum(given[1], support[1])
    if not (lower < upper).all():
        raise ValueError(f"box must overlap the support of {model.name}, from {support[0]} to "
                         f"{support[1]}; got {box!r}.")
    return lower, upper


def _box_of_draws(draws: np.ndarray) -> Bounds:
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL], axis=0)
    return low, high
