"""How a rule chooses the bandwidth of a kernel density estimate with a Gaussian kernel."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np

from divest._results import Diagnostic
from divest._validation import check_option
from divest.density._cross_validation import OuterRows, least_squares, likeliest
from divest.density._isj import FEWEST_VALUES, isj_root
from divest.density._rounding import unrounded
from divest.density._weights import effective_size, mean_spread, quantiles, weighty_rows

RULES = ("auto", "scott", "silverman", "robust", "isj", "lscv", "loo_kl")
ISJ_BINS = 4096
AUTO = {1: "isj", 2: "lscv", 3: "lscv"}  # more columns: loo_kl


@dataclass(frozen=True)
class Selection:
    """The bandwidth that a rule chose, and how.

    Parameters
    ----------
    rule : str
        The rule that gave the bandwidth: never "auto", and "robust" where "isj" found nothing.
    bandwidth : float
        In the units of the rows.
    iterations : int
        Steps of the search; 0 for a formula.
    criterion : float
        What was minimised (lscv) or maximised (loo_kl) at the bandwidth; NaN for the other rules.
    found : bool
        False where "isj" was wanted and its equation has no root that the histogram resolves.
    at_edge : bool
        Whether lscv has its minimum at the lower end of its grid: many rows all but coincide, or
        a few are so far out that they alone set the scale of the grid.
    """

    rule: str
    bandwidth: float
    iterations: int = 0
    criterion: float = nan
    found: bool = True
    at_edge: bool = False


def select(rule: str, Z: np.ndarray, weights: np.ndarray | None = None, *, bins: int = ISJ_BINS,
           edges: tuple[float, float] | None = None, n_jobs: int | None = None) -> Selection:
    """The bandwidth that `rule` gives the rows Z (n, d); `weights` (n,) have sum 1.

    `edges` are those of the support of a single column; the rule "isj" alone knows what to do with
    them.
    """
    check_option("bandwidth", rule, RULES)
    d = Z.shape[1]
    if rule == "auto":
        rule = AUTO.get(d, "loo_kl")
    if d > 1 and rule in ("robust", "isj"):
        raise ValueError(f"the bandwidth rule {rule!r} is for one column, got {d}; use 'auto', "
                         "'lscv' or 'loo_kl'.")
    Z, weights = weighty_rows(Z, weights)
    if not (Z != Z[0]).any():
        raise ValueError(f"the bandwidth rule {rule!r} needs rows that differ, got {len(Z)} "
                         f"row{'s that are all equal' if len(Z) > 1 else ''}; give the bandwidth "
                         "as a number.")
    if rule in ("scott", "silverman"):
        factor = 1.0 if rule == "scott" else (d + 2) / 4
        return Selection(rule, normal_reference(effective_size(weights), d, factor))
    if rule in ("robust", "isj"):
        return _one_column(rule, Z[:, 0], weights, bins, edges or (-inf, inf))
    return _search(rule, Z, weights, n_jobs)


def isj_diagnostic(chosen: Selection) -> Diagnostic:
    """Whether the equation of "isj" has a root."""
    return Diagnostic("isj_root", float(chosen.found), 1.0, chosen.found,
                      "the equation of the rule 'isj' has no root that the histogram resolves, or "
                      f"fewer than {FEWEST_VALUES} values differ, so the rule 'robust' was used; "
                      "look whether values are tied or far out, or choose another rule")


# ------------------------------------------------------------ steps
def _one_column(rule: str, x: np.ndarray, weights: np.ndarray, bins: int,
                edges: tuple[float, float]) -> Selection:
    """The rules "isj" and "robust"."""
    root = None
    if rule == "isj" and np.unique(x).size >= FEWEST_VALUES:
        root = isj_root(unrounded(x[:, None], weights)[:, 0], weights, bins, edges)
    if root is not None:
        return Selection("isj", root.bandwidth, root.iterations)
    sd = mean_spread(x[:, None], weights)
    low, high = quantiles(x, weights, (0.25, 0.75))
    spread = min(sd, (high - low) / 1.349) if high > low else sd
    return Selection("robust", 0.9 * spread * effective_size(weights) ** -0.2,
                     found=rule == "robust")


def _search(rule: str, Z: np.ndarray, weights: np.ndarray, n_jobs: int | None) -> Selection:
    """The rules "lscv" and "loo_kl"."""
    start = mean_spread(Z, weights) * normal_reference(effective_size(weights), Z.shape[1])
    search = least_squares if rule == "lscv" else likeliest
    found = search(OuterRows(unrounded(Z, weights), weights, n_jobs), start)
    return Selection(rule, found.bandwidth, found.iterations, found.criterion,
                     at_edge=found.at_edge)


def normal_reference(n: float, d: int, factor: float = 1.0) -> float:
    """``(factor n)^(-1/(d+4))``."""
    return float((n * factor) ** (-1.0 / (d + 4)))
