"""Formulas for linear models with instruments, through formulaic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

WANTED = "'y ~ 1 + exogenous + [endogenous ~ instruments]'"
SHAPE = re.compile(r"^(?P<y>[^~\[\]]+)~(?P<before>[^~\[\]]*)"
                   r"(?:\[(?P<endogenous>[^~\[\]]+)~(?P<instruments>[^~\[\]]+)\]"
                   r"(?P<after>[^~\[\]]*))?$")


class Matrices(NamedTuple):
    """The outcome, regressors and instruments (exogenous regressors among them) of a formula."""

    y: pd.Series
    X: pd.DataFrame
    Z: pd.DataFrame
    intercept: bool


def formula_matrices(formula: str, data: Any, context: Mapping[str, Any] | None) -> Matrices:
    """Evaluate a formula; the constant column becomes `intercept`."""
    parts = split_formula(formula)
    frames = {name: _matrix(text, data, context) for name, text in parts.items()}
    if frames["y"].shape[1] != 1:
        raise ValueError(f"the left side of the formula must be one column, got "
                         f"{', '.join(map(repr, frames['y'].columns))} from {parts['y']!r}.")
    exogenous = frames["exogenous"]
    intercept = "Intercept" in exogenous
    exogenous = exogenous.drop(columns="Intercept", errors="ignore")
    X = pd.concat([exogenous, frames["endogenous"]], axis=1)
    Z = pd.concat([exogenous, frames["instruments"]], axis=1)
    if not X.shape[1]:
        raise ValueError(f"the formula has no regressor: wanted {WANTED}, got {formula!r}.")
    return Matrices(frames["y"].iloc[:, 0], X, Z, intercept)


def split_formula(formula: str) -> dict[str, str]:
    """The four parts of a formula, without the signs that join them."""
    found = SHAPE.match(formula.strip()) if isinstance(formula, str) else None
    if found is None:
        raise ValueError(f"formula must look like {WANTED}, got {formula!r}.")
    before, after = ((found[part] or "").strip().strip("+").strip()
                     for part in ("before", "after"))
    return {"y": found["y"].strip(),
            "exogenous": " + ".join(part for part in (before, after) if part) or "0",
            "endogenous": (found["endogenous"] or "0").strip(),
            "instruments": (found["instruments"] or "0").strip()}


def _matrix(text: str, data: Any, context: Mapping[str, Any] | None) -> pd.DataFrame:
    """One part as columns of numbers; a constant is there only where the formula has a 1."""
    try:
        from formulaic import Formula
        from formulaic.errors import FormulaicError
        from formulaic.parser import DefaultFormulaParser
    except ImportError:
        raise ImportError("from_formula needs formulaic: install divest[iv], or call "
                          "fit(X, y, Z) with columns.") from None
    if text == "0":
        return pd.DataFrame(index=data.index)
    try:
        spec = Formula(text, _parser=DefaultFormulaParser(include_intercept=False))
        matrix = spec.get_model_matrix(data, context=context, na_action="ignore")
    except FormulaicError as error:
        raise ValueError(f"{text!r} in the formula cannot be computed from data: {error}") from None
    frame = pd.DataFrame(matrix).astype(np.float64)
    missing = frame.isna()
    if missing.to_numpy().any():
        row, column = np.argwhere(missing.to_numpy())[0]
        raise ValueError(f"data has no number for {frame.columns[column]!r} in row {row}: drop or "
                         "impute such rows first.")
    return frame
