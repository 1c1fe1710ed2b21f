"""From what a method gives (result, estimator, mapping or number) to the fields of a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isnan
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from divest.study._rows import NUMBERS

_FIELDS = (*NUMBERS, "trusted", "failed_diagnostics")
_LONGEST = 500  # characters of an error


def fields_of(outcome: Any, confidence_level: float) -> dict[str, Any]:
    """The fields of a row, checked; raises where there is no number in them."""
    if isinstance(outcome, Mapping):
        fields = _from_mapping(outcome)
    elif isinstance(outcome, (Real, np.ndarray)):
        fields = {"estimate": outcome}
    else:
        fields = _from_object(outcome, confidence_level)
    fields |= {name: _number(name, fields[name]) for name in NUMBERS if name in fields}
    if all(isnan(fields.get(name, np.nan)) for name in ("estimate", "statistic", "pvalue")):
        raise ValueError("the result is NaN")
    if not 0 <= fields.get("pvalue", 0.0) <= 1 + 1e-9 and not isnan(fields["pvalue"]):
        raise ValueError(f"the p-value must lie between 0 and 1, got {fields['pvalue']!r}")
    if fields.get("standard_error", 0.0) < 0:
        raise ValueError("the standard error must not be negative, got "
                         f"{fields['standard_error']!r}")
    return {"trusted": not fields.get("failed_diagnostics")} | _with_interval(
        fields, confidence_level)


def _from_mapping(outcome: Mapping[str, Any]) -> dict[str, Any]:
    if unknown := [str(key) for key in outcome if key not in _FIELDS]:
        raise TypeError(f"a method may give a mapping with the keys {', '.join(_FIELDS)}; got "
                        f"{', '.join(unknown)}")
    fields = dict(outcome)
    if "trusted" in fields:
        fields["trusted"] = bool(fields["trusted"])
    if "failed_diagnostics" in fields:
        failed = fields["failed_diagnostics"]
        names = [failed] if isinstance(failed, str) else [] if failed is None else list(failed)
        fields["failed_diagnostics"] = clean(", ".join(map(str, names)))
    return fields


def _from_object(outcome: Any, confidence_level: float) -> dict[str, Any]:
    """Attributes of a result, or of a fitted estimator, where they end in an underscore."""
    for source, end in ((getattr(outcome, "result_", None), ""), (outcome, ""), (outcome, "_")):
        if hasattr(source, f"estimate{end}") or hasattr(source, f"pvalue{end}"):
            break
    else:
        raise TypeError(f"{type(outcome).__name__} has no estimate or pvalue; a method must give a "
                        "number, a mapping, a result, or an estimator with result_, estimate_ or "
                        "pvalue_. Write a function that takes the number out of it")
    names = ("estimate", "standard_error", "statistic", "pvalue")
    fields = {name: getattr(source, name + end) for name in names if hasattr(source, name + end)}
    interval = getattr(source, "confidence_interval", None)
    if "estimate" in fields and callable(interval):
        fields["low"], fields["high"] = interval(confidence_level)
    failed = _failed(source, end)
    return fields | {"trusted": not failed, "failed_diagnostics": ", ".join(failed)}


def _failed(source: Any, end: str) -> list[str]:
    """Names of the diagnostics that failed, each once."""
    found = getattr(source, f"diagnostics{end}", ())
    if isinstance(found, pd.DataFrame):
        return found.loc[~found["passed"].astype(bool), "name"].unique().tolist()
    return list(dict.fromkeys(d.name for d in found if not d.passed))


def _with_interval(fields: dict[str, Any], confidence_level: float) -> dict[str, Any]:
    """The normal interval, where there is a standard error and nothing else is said."""
    if "standard_error" in fields and "low" not in fields and "high" not in fields:
        reach = float(ndtri(0.5 + confidence_level / 2)) * fields["standard_error"]
        estimate = fields.get("estimate", np.nan)
        fields |= {"low": estimate - reach, "high": estimate + reach}
    return fields


def _number(name: str, value: Any) -> float:
    """A float; never -0.0, which the store does not tell from 0.0."""
    if value is None:
        return float("nan")
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    return float(value) + 0.0


def error_text(error: BaseException) -> str:
    """Name and message, without line breaks and addresses."""
    try:
        message = str(error)
    except Exception:  # of an error that cannot even say what it is
        message = ""
    return clean(f"{type(error).__name__}: {message}".removesuffix(": "))


def is_text(text: str) -> bool:
    """Whether files and tables can hold it: there are no halves of surrogate pairs in it."""
    return text.encode("utf-8", "replace").decode() == text


def clean(text: Any) -> str:
    """One short line of text that any file can hold."""
    line = " ".join(re.sub(r" at 0x[0-9a-fA-F]+", "", str(text)).replace("\0", " ").split())
    return line.encode("utf-8", "replace").decode()[:_LONGEST]
