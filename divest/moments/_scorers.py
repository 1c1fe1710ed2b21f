"""Scorers that judge a fit by what its residuals still have to do with the instruments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest

from divest._validation import check_sample
from divest.moments._selection import hsic, mmr_statistic

__all__ = ["hsic_scorer", "mmr_scorer"]


class InstrumentScorer:
    """Minus a statistic of residuals and instruments, for `GridSearchCV` and its like: 0 is best.

    Called as ``scorer(estimator, X, y, Z=Z)``. The residuals are ``y - estimator.predict(X)``, or,
    of an estimator that does not predict, ``estimator.residuals(X, y, Z)``. It asks for ``Z`` by
    itself where ``sklearn.set_config(enable_metadata_routing=True)`` holds, so that ``Z`` given to
    the `fit` of a search reaches it; unlike R^2 it does not prefer fits that follow the endogenous
    part of `X`. The statistic is that of the rows given: compare folds of equal size.

    Parameters
    ----------
    name : str
        What it is called.
    statistic : callable
        ``statistic(residual, Z) -> float``, small where the instruments say nothing.
    request : bool or str, default True
        Under which name ``Z`` is asked for; True: its own.

    Examples
    --------
    >>> import numpy as np
    >>> import sklearn
    >>> from sklearn.model_selection import GridSearchCV
    >>> from divest.moments import KernelIVRegressor, hsic_scorer
    >>> rng = np.random.default_rng(0)
    >>> Z, e = rng.normal(size=(300, 1)), rng.normal(size=300)
    >>> X = Z + e[:, None]
    >>> y = np.abs(X[:, 0]) + e
    >>> model = KernelIVRegressor(random_state=0)
    >>> with sklearn.config_context(enable_metadata_routing=True):
    ...     model = model.set_fit_request(Z=True)
    ...     search = GridSearchCV(model, {"alpha": [0.001, 100.0]}, scoring=hsic_scorer)
    ...     search.fit(X, y, Z=Z).best_params_
    {'alpha': 0.001}
    """

    def __init__(self, name: str, statistic: Callable[[np.ndarray, np.ndarray], float],
                 request: bool | str = True) -> None:
        self.name, self.statistic, self.request = name, statistic, request

    def __call__(self, estimator: Any, X: Any, y: Any = None, Z: Any = None) -> float:
        """Minus the statistic on these rows."""
        if Z is None:
            raise ValueError(
                f"{self.name} needs Z: call sklearn.set_config(enable_metadata_routing=True) and "
                "give Z to the fit of the search; regressors that are exogenous are their own "
                "instruments, Z=X.")
        instruments = check_sample(Z, "Z")[0]
        residual = residuals(estimator, X, y, Z)
        if len(residual) != len(instruments):
            raise ValueError(f"Z must have one row per residual ({len(residual)}), got "
                             f"{len(instruments)}.")
        return -self.statistic(residual, instruments)

    def get_metadata_routing(self) -> MetadataRequest:
        """What scikit-learn asks: this takes ``Z``.

        Returns
        -------
        MetadataRequest
            The request.
        """
        routing = MetadataRequest(owner=self.name)
        routing.score.add_request(param="Z", alias=self.request)
        return routing

    def set_score_request(self, *, Z: bool | str = True) -> InstrumentScorer:
        """The same scorer, with ``Z`` asked for under another name.

        Parameters
        ----------
        Z : bool or str, default True
            The name; True: its own.

        Returns
        -------
        InstrumentScorer
            A new scorer.
        """
        return InstrumentScorer(self.name, self.statistic, Z)

    def __repr__(self) -> str:
        return self.name


def residuals(estimator: Any, X: Any, y: Any, Z: Any) -> np.ndarray:
    """What the estimator leaves unexplained (n,) or (n, m)."""
    if hasattr(estimator, "predict"):
        predicted = np.ravel(estimator.predict(X))
        outcomes = check_sample(y, "y")[0][:, 0]
        if len(outcomes) != len(predicted):
            raise ValueError(f"y must have one entry for each of the {len(predicted)} rows of X, "
                             f"got {len(outcomes)}.")
        return outcomes - predicted
    if hasattr(estimator, "residuals"):
        return np.asarray(estimator.residuals(X, y, Z))
    raise TypeError("the estimator must have predict(X) or residuals(X, y, Z); "
                    f"{type(estimator).__name__} has neither.")


hsic_scorer = InstrumentScorer("hsic_scorer", hsic)
mmr_scorer = InstrumentScorer("mmr_scorer", mmr_statistic)
