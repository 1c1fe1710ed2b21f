"""What the p-n criterion hands back, and what speaks for and against it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, nan, sqrt
from typing import Any

import numpy as np

from divest._results import Diagnostic, _Table
from divest.sample_complexity._pn_routes import Fitted
from divest.sample_complexity._thresholds import error_gap, required_sample_size, size_gradient

METHOD = "p-n criterion"
HEAVY = 0.1  # share of one row in p_star
MISMATCH = 3.0  # standard errors between the means of draws and rows
EMPTY = 0.05  # probability of an empty cell


@dataclass(frozen=True)
class PNResult(_Table):
    """Whether a sample is large enough for a model, and how large it would have to be.

    Attributes
    ----------
    n : float
        Rows; with weights, the number of equally weighted rows that say as much.
    p : int
        Parameters of the model.
    p_star : float
        Effective parameters; `p` where the model holds.
    p_star_se : float
        Standard error of `p_star`.
    c2 : float
        Second coefficient of the risk; NaN when only the first order was wanted.
    c2_se : float
        Its standard error.
    risk_first : float
        Expected divergence of the fitted from the best law of the model, ``p_star / (2 n)``, in
        nats.
    risk_second : float
        The same to second order, ``p_star / (2 n) + c2 / n^2``; NaN where that is not valid.
    threshold : float
        The largest risk that is accepted.
    bayes_error_lower : float
        The best rule that tells the fitted law from the best one on one row errs at least this
        often, in expectation, both being equally likely. With ``threshold="gaussian"`` no bound,
        but the value for small shifts of a smooth law.
    accept : bool
        Whether the risk (to second order where valid) is within the threshold.
    n_required : float
        Rows at which the risk comes down to the threshold; not rounded.
    n_required_se : float
        Its standard error by the delta method.
    valid : bool
        Whether the second order can be used: its term is at most half the first one, and its
        standard error at most its size.
    direction : str
        ``"forward"``: of the fitted law seen from the best one, KL(best || fitted); ``"reverse"``:
        KL(fitted || best).
    diagnostics : tuple of Diagnostic
        What speaks for and against the numbers.
    method : str, default "p-n criterion"
        What was computed.

    See Also
    --------
    pn_criterion : The function that gives it.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import pn_criterion
    >>> result = pn_criterion(np.random.default_rng(0).normal(size=(500, 2)))
    >>> result.p, round(result.p_max, 1), result.accept
    (5, 20.0, True)
    """

    n: float
    p: int
    p_star: float
    p_star_se: float
    c2: float
    c2_se: float
    risk_first: float
    risk_second: float
    threshold: float
    bayes_error_lower: float
    accept: bool
    n_required: float
    n_required_se: float
    valid: bool
    direction: str
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    method: str = METHOD

    @property
    def n_rows(self) -> int:
        """`n_required` rounded up."""
        return ceil(self.n_required)

    @property
    def p_max(self) -> float:
        """Effective parameters that this number of rows bears, to first order."""
        return 2.0 * self.n * self.threshold

    @property
    def aic_penalty(self) -> float:
        """What Akaike's criterion takes off the log-likelihood."""
        return float(self.p)

    @property
    def tic_penalty(self) -> float:
        """What Takeuchi's criterion takes off it: no model need hold."""
        return self.p_star

    def _row(self) -> dict[str, Any]:
        names = ("n", "p", "p_star", "p_star_se", "c2", "c2_se", "risk_first", "risk_second",
                 "threshold", "bayes_error_lower", "accept", "n_required", "n_required_se",
                 "n_rows", "p_max", "valid", "direction", "aic_penalty", "tic_penalty")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Decision:
    """What the risk is held against."""

    threshold: float
    kind: str  # by which risks become error rates
    direction: str


def decide(fitted: Fitted, n: float, decision: Decision, *, specified: bool,
           second: bool) -> PNResult:
    """The result for n rows."""
    empty = fitted.empty is not None and bool((fitted.empty == 1.0).any())
    direction = "reverse" if empty else decision.direction
    place = 1 if direction == "forward" else 2
    p_star, c2 = float(fitted.values[0]), float(fitted.values[place])
    covariance = fitted.covariance[np.ix_([0, place], [0, place])]
    p_se, c2_se = (sqrt(v) for v in np.maximum(np.diag(covariance), 0.0))
    precise = second and c2_se <= abs(c2)
    valid = bool(precise and abs(c2) / n <= p_star / 4.0)
    if not p_star > 0:
        raise ValueError("p_star is 0: the rows of X do not vary under this family, so that there "
                         "is no risk to tell; drop columns that hold one value.")
    required = _required(p_star, c2 if precise else 0.0, covariance, decision.threshold)
    checks = _diagnostics(fitted, n, (p_star, p_se, c2, c2_se), specified)
    if second:
        checks += _second_order(n, required[0], (p_star, p_se, c2, c2_se))
    return _result(n, fitted.p, (p_star, p_se, c2, c2_se), valid, required,
                   replace(decision, direction=direction), tuple(checks))


def first_order_result(p_star: float, p: int, n: float, decision: Decision,
                       checks: tuple[Diagnostic, ...]) -> PNResult:
    """The result where only the effective parameters are known."""
    required = p_star / (2.0 * decision.threshold), nan
    return _result(n, p, (p_star, nan, nan, nan), False, required, decision, checks)


def _result(n: float, p: int, found: tuple[float, float, float, float], valid: bool,
            required: tuple[float, float], decision: Decision,
            checks: tuple[Diagnostic, ...]) -> PNResult:
    """Hold the risk against the threshold."""
    p_star, p_se, c2, c2_se = found
    first = p_star / (2.0 * n)
    second = first + c2 / n**2 if valid else nan
    risk = second if valid else first
    return PNResult(
        n=n, p=p, p_star=p_star, p_star_se=p_se, c2=c2, c2_se=c2_se, risk_first=first,
        risk_second=second, threshold=decision.threshold,
        bayes_error_lower=0.5 - error_gap(risk, decision.kind),
        accept=bool(risk <= decision.threshold and n >= required[0]), n_required=required[0],
        n_required_se=required[1], valid=valid, direction=decision.direction, diagnostics=checks)


def _required(p_star: float, c2: float, covariance: np.ndarray,
              threshold: float) -> tuple[float, float]:
    """Rows wanted, and their standard error.

    To first order where a second order that lowers the risk is too large at that number of rows.
    """
    n = required_sample_size(p_star, c2, threshold)
    if -c2 / n > p_star / 4.0:
        c2, n = 0.0, p_star / (2.0 * threshold)
    gradient = np.array(size_gradient(p_star, c2, threshold))
    if not c2:
        return n, float(gradient[0] * sqrt(covariance[0, 0]))
    return n, float(sqrt(max(gradient @ covariance @ gradient, 0.0)))


def _diagnostics(fitted: Fitted, n: float, found: tuple[float, float, float, float],
                 specified: bool) -> list[Diagnostic]:
    """What can be said against the numbers of first order."""
    p_star, p_se = found[:2]
    p, wanted = float(fitted.p), float(fitted.n_statistics)
    checks = [
        Diagnostic("full_rank", p, wanted, p == wanted,
                   "some statistics are combinations of others or do not vary; they were left out, "
                   "and p is the number of those that remain."),
        Diagnostic("sample_exceeds_p", n, p, n > p,
                   "no more rows than parameters: formulas for many rows say nothing here."),
        Diagnostic("groups_needed", float(fitted.needed), 0.0, not fitted.needed,
                   "groups of rows that the fit cannot do without, such as the only ones in a "
                   "cell; half of each was left out instead, and standard errors are rough."),
    ]
    if fitted.empty is not None:
        chance = min(float(fitted.empty.sum()), 1.0)
        checks.append(Diagnostic(
            "forward_finite", chance, EMPTY, chance <= EMPTY,
            "a new sample has an empty cell with this probability (a bound), and then the forward "
            "risk is infinite; where this sample has one, the numbers are of the reverse risk."))
    if fitted.mismatch is not None:
        checks.append(Diagnostic(
            "draws_match", fitted.mismatch, MISMATCH, fitted.mismatch <= MISMATCH,
            "distance between the means of the statistics of draws and rows, in standard errors of "
            "the draws: they are not from the model fitted by maximum likelihood."))
    if not specified:
        gap = abs(p_star - p)
        checks += [
            Diagnostic("misspecified", gap, 2.0 * p_se, not gap > max(2.0 * p_se, 1e-9 * p),
                       "the effective parameters differ from p by more than two standard errors: "
                       "the model does not hold. Use p_star, not p."),
            Diagnostic("heavy_tails", fitted.largest_share, HEAVY, fitted.largest_share <= HEAVY,
                       "one row makes up this share of p_star, which is then too small on average "
                       "and unsure; look at that row."),
        ]
    return checks


def _second_order(n: float, required: float,
                  found: tuple[float, float, float, float]) -> list[Diagnostic]:
    """What can be said against the second order, at n rows and at the number required."""
    p_star, _, c2, c2_se = found
    most, precise = p_star / 4.0, c2_se <= abs(c2)
    there = abs(c2) / required if precise else 0.0
    return [
        Diagnostic("second_order_small", abs(c2) / n, most, abs(c2) / n <= most,
                   "the second order is more than half the first; only the first is used, and it "
                   "is too small or too large."),
        Diagnostic("second_order_at_required", there, most, there <= most,
                   "the second order is more than half the first at n_required rows, which are "
                   "then too few by a tenth or more; ask for a lower threshold."),
        Diagnostic("c2_precise", c2_se, abs(c2), precise,
                   "the second coefficient is less sure than it is large; only the first order is "
                   "used."),
    ]
