"""When parameters estimated by a Stein discrepancy can be trusted."""

from __future__ import annotations

from divest._results import Diagnostic

ROWS_PER_PARAMETER = 10.0


def rows_per_parameter(n: int, p: int) -> Diagnostic:
    """Whether there are enough rows for standard errors that hold for many."""
    return Diagnostic("rows_per_parameter", n / p, ROWS_PER_PARAMETER, n / p >= ROWS_PER_PARAMETER,
                      "standard errors hold for many rows, and these are few for so many "
                      "parameters; get more rows, or fix parameters")
