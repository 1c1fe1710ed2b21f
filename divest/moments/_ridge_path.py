"""Out-of-fold residuals along a path of ridges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from divest._validation import check_integer
from divest.moments._penalised import LinearMoments
from divest.moments._selection import InstrumentPairs

RIDGES = 10.0 ** np.arange(-4, 1, 0.5)

Folds = list[tuple[np.ndarray, np.ndarray]]


def folds(cv: Any, n: int, seed: np.random.SeedSequence) -> Folds:
    """Positions to fit and to look at, as often as `cv` says; each row is looked at once."""
    from sklearn.model_selection import KFold, check_cv

    if isinstance(cv, (int, np.integer)):
        count = min(check_integer("cv", cv, 2), n)
        splitter = KFold(count, shuffle=True, random_state=int(seed.generate_state(1)[0]))
    else:
        splitter = check_cv(cv)
    found = list(splitter.split(np.zeros((n, 1))))
    if not np.array_equal(np.sort(np.concatenate([test for _, test in found])), np.arange(n)):
        raise ValueError("cv must look at every row exactly once, as KFold does; "
                         f"got {cv!r}.")
    return found


def ridge_path(moments: LinearMoments, pairs: InstrumentPairs, parts: Folds,
               reweight: bool) -> pd.DataFrame:
    """HSIC of out-of-fold residuals for each ridge, and degrees of freedom of the fit to all."""
    values = [pairs.hsic(residual) for residual in out_of_fold(moments, parts, reweight).T]
    degrees = [moments.solve(ridge, reweight).degrees for ridge in RIDGES]
    return pd.DataFrame({"alpha": RIDGES, "hsic": values, "effective_degrees_of_freedom": degrees})


def out_of_fold(moments: LinearMoments, parts: Folds, reweight: bool) -> np.ndarray:
    """Residuals (n, ridges) of fits to the other rows."""
    left = np.empty((len(moments.y), len(RIDGES)))
    for train, test in parts:
        fitted = moments.part(train)
        for k, ridge in enumerate(RIDGES):
            coef = fitted.solve(ridge, reweight).coef
            left[test, k] = moments.y[test] - moments.T[test] @ coef
    return left
