"""Formulas for linear models with instruments, through formulaic."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

WANTED = "'y ~ 1 + exogenous + [endogenous ~ instruments]'"
CONSTANT = "Intercept"  # what formulaic calls the column of a 1
SHAPE = re.compile(r"^(?P<y>[^~\[\]]+)~(?P<before>[^~\[\]]*)"
                   r"(?:\[(?P<endogenous>[^~\[\]]+)~(?P<instruments>[^~\[\]]+)\]"
                   r"(?P<after>[^~\[\]]*))?$")


class FormulaColumns:
    """Regressors of a formula, computed from new data as they were from the first.

    Parameters
    ----------
    specs : list
        The parts of the formula, as formulaic keeps them: with categories, knots and means.
    """

    def __init__(self, specs: list[Any]) -> None:
        self.specs = specs

    def transform(self, data: Any) -> pd.DataFrame:
        """The columns, without a constant."""
        check_frame(data)
        parts = [_columns(spec, str(spec.formula), data, None)[0] for spec in self.specs]
        return pd.concat([_without_constant(part, spec) for part, spec in zip(
            parts, self.specs, strict=True)], axis=1)


class Matrices(NamedTuple):
    """The outcome, regressors and instruments (exogenous regressors among them) of a formula."""

    y: pd.Series
    X: pd.DataFrame
    Z: pd.DataFrame
    intercept: bool
    regressors: FormulaColumns


def formula_matrices(formula: str, data: Any, context: Mapping[str, Any] | None) -> Matrices:
    """Evaluate a formula; the constant column becomes `intercept`."""
    parts = split_formula(formula)
    check_frame(data)
    made = {name: _matrix(text, data, context) for name, text in parts.items()}
    y = made["y"][0]
    if y.shape[1] != 1:
        raise ValueError(f"the left side of the formula must be one column, got "
                         f"{', '.join(map(repr, y.columns))} from {parts['y']!r}.")
    exogenous = _without_constant(*made["exogenous"])
    X = _side_by_side(exogenous, made["endogenous"][0], "endogenous")
    Z = _side_by_side(exogenous, made["instruments"][0], "instruments")
    if not X.shape[1]:
        raise ValueError(f"the formula has no regressor: wanted {WANTED}, got {formula!r}.")
    specs = [made[name][1] for name in ("exogenous", "endogenous") if made[name][1] is not None]
    return Matrices(y.iloc[:, 0], X, Z, _has_constant(made["exogenous"][1]), FormulaColumns(specs))


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


def check_frame(data: Any) -> None:
    """Formulas are about the columns of a table."""
    if not isinstance(data, pd.DataFrame):
        raise TypeError("data must be a pandas DataFrame with the columns that the formula names, "
                        f"got {type(data).__name__}.")


def column_of(data: pd.DataFrame, name: str, values: Any) -> Any:
    """`values`, or the column of `data` that it names."""
    if not isinstance(values, str):
        return values
    if values not in data.columns:
        raise ValueError(f"{name}={values!r} is no column of data; give the name of one, or an "
                         "array.")
    return data[values]


def _matrix(text: str, data: pd.DataFrame,
            context: Mapping[str, Any] | None) -> tuple[pd.DataFrame, Any]:
    """One part as columns of numbers, and its spec; a constant only where the formula has a 1."""
    try:
        from formulaic import Formula
        from formulaic.parser import DefaultFormulaParser
    except ImportError:
        raise ImportError("from_formula needs formulaic: install divest[iv], or call "
                          "fit(X, y, Z) with columns.") from None
    if text == "0":
        return pd.DataFrame(index=data.index), None
    parser = DefaultFormulaParser(include_intercept=False)
    return _columns(lambda: Formula(text, _parser=parser), text, data, context)


def _columns(source: Any, text: str, data: pd.DataFrame,
             context: Mapping[str, Any] | None) -> tuple[pd.DataFrame, Any]:
    """Columns of a spec, or of a function that makes a formula; every cell must have a number."""
    from formulaic import ModelMatrix
    from formulaic.errors import DataMismatchWarning, FormulaicError

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)  # categories not seen before
            made = source() if callable(source) else source
            matrix = made.get_model_matrix(data, context=context, na_action="ignore")
    except (FormulaicError, DataMismatchWarning, KeyError, TypeError) as error:
        reason = "name every column, '.' is not understood" if isinstance(
            error, KeyError) else error
        raise ValueError(f"{text!r} in the formula cannot be computed from data: {reason}"
                         ) from None
    if not isinstance(matrix, ModelMatrix):  # several parts, separated by |
        raise ValueError(f"formula must look like {WANTED}, got {text!r} in it.")
    spec = matrix.model_spec
    used = {str(name) for name in spec.variables}
    raw = [name for name in data.columns if name in used]
    if CONSTANT in raw and _has_constant(spec):
        raise ValueError("data has a column named 'Intercept', as the constant is: rename it.")
    _refuse_gaps(data[raw])  # a category that is missing would be taken for the first one
    frame = pd.DataFrame(matrix).astype(np.float64)
    _refuse_gaps(frame)
    return frame, spec


def _refuse_gaps(frame: pd.DataFrame) -> None:
    missing = frame.isna().to_numpy()
    if missing.any():
        row, column = np.argwhere(missing)[0]
        raise ValueError(f"data has no value for {frame.columns[column]!r} in row {row}: drop or "
                         "impute such rows first.")


def _has_constant(spec: Any) -> bool:
    """Whether a part has a 1; a column of the data may have the same name."""
    return spec is not None and "1" in map(str, spec.terms)


def _without_constant(frame: pd.DataFrame, spec: Any) -> pd.DataFrame:
    if not _has_constant(spec):
        return frame
    return frame.iloc[:, [j for j in range(frame.shape[1])
                          if j != frame.columns.tolist().index(CONSTANT)]]


def _side_by_side(exogenous: pd.DataFrame, others: pd.DataFrame, role: str) -> pd.DataFrame:
    """The exogenous columns, then others that must not repeat them."""
    twice = [name for name in others.columns if name in exogenous.columns]
    if twice:
        raise ValueError(f"{twice[0]!r} is in the formula as exogenous and among the {role} too; "
                         "name it once. Exogenous columns are instruments of themselves.")
    return pd.concat([exogenous, others], axis=1)
